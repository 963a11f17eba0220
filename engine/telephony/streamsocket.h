// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QList>
#include <QObject>
#include <QString>
#include <QTimer>

#include <memory>
#include <utility>

class QTcpSocket;

namespace kav::telephony {

/// A WebSocket client that shakes hands as Twilio's does: no sub-protocol, no extension, no Origin, its own Host line.
/// It also does what a polite client cannot: connect somewhere else than the URL says, send broken frames, fall silent,
/// or reset the connection. Owned by a loopback caller or a test; lives on its owner's thread; needs an event loop.
/// Emits opened() or failed() once; after opened(), any number of textReceived(), then closed() once.
class StreamSocket final : public QObject {
    Q_OBJECT
public:
    struct Target final {
        QString connectHost; ///< where the TCP connection goes
        quint16 connectPort = 0;
        bool tls = false; ///< TLS with certificate checks against `tlsName`
        QString tlsName;
        QByteArray host; ///< the Host line
        QByteArray path; ///< path as on the request line
        QList<std::pair<QByteArray, QByteArray>> headers; ///< more header lines, in order
    };
    enum class Opcode : quint8 { Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10 };

    explicit StreamSocket(QObject* parent = nullptr);
    ~StreamSocket() override;

    void open(const Target& target, Milliseconds timeout = Milliseconds(10000));
    bool isOpen() const { return m_state == State::Open; }
    void sendText(QByteArrayView utf8);
    void sendFrame(Opcode opcode, QByteArrayView payload, bool final = true);
    /// Bytes as they are, in or out of any frame: a fault.
    void sendRaw(const QByteArray& bytes);
    /// Closing handshake; gives up waiting for the answer after two seconds.
    void close(quint16 code, const QByteArray& reason = {});
    /// Abrupt end: the peer sees a connection reset.
    void reset();
    /// Stops reading and answering, keeping the connection: what a dead peer looks like.
    void fallSilent();

    static constexpr qsizetype MaxMessageBytes = 1024 * 1024;
    static constexpr qsizetype MaxHeadBytes = 16 * 1024;

Q_SIGNALS:
    void opened();
    /// No connection, or an answer other than 101; `status` is 0 when there was none.
    void failed(int status, const QString& reason);
    void textReceived(const QByteArray& utf8);
    void binaryReceived(qsizetype bytes);
    /// `byPeer`: the engine began it. Code 1006: without a closing handshake.
    void closed(bool byPeer, quint16 code, const QString& reason);

private:
    enum class State { Idle, Connecting, Open, Closing, Done };
    void onConnected();
    void onReadyRead();
    void onDisconnected();
    void readHead();
    void readFrames();
    void onFrame(Opcode opcode, bool final, const QByteArray& payload);
    void fail(int status, const QString& reason);
    void finish(bool byPeer, quint16 code, const QString& reason);
    void violated(const QString& what);

    QTcpSocket* m_socket = nullptr;
    Target m_target;
    QTimer m_timer;
    State m_state = State::Idle;
    QByteArray m_key;
    QByteArray m_buffer;
    QByteArray m_message;
    Opcode m_messageOpcode = Opcode::Continuation;
    bool m_silent = false;
    bool m_closeSent = false;
    quint16 m_closeCode = 1006;
};

} // namespace kav::telephony
