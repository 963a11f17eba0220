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

namespace kav::net {

/// The client's end of a WebSocket: towards the providers that speak it, and towards the engine itself from the loopback
/// caller. Offers no extension and no Origin, and only the sub-protocol that its headers name; text is handed on as
/// bytes, so that a character cut between fragments is whole again (QWebSocket of Qt 6.4 fails the connection there).
/// It also does what a polite client cannot: connect somewhere else than the URL says, send broken frames, fall silent,
/// or reset the connection. Belongs to its owner's thread; needs an event loop. Emits opened() or failed() once; after
/// opened(), any number of textReceived() and binaryReceived(), then closed() once.
class WebSocketClient final : public QObject {
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
        qsizetype messageBytes = 1024 * 1024; ///< longest message of the server's
    };
    enum class Opcode : quint8 { Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10 };

    explicit WebSocketClient(QObject* parent = nullptr);
    ~WebSocketClient() override;

    void open(const Target& target, Milliseconds timeout = Milliseconds(10000));
    bool isOpen() const { return m_state == State::Open; }
    /// A header of the server's answer to the upgrade, by its lower-case name: why it refused, when to ask again.
    QByteArray answerHeader(QByteArrayView name) const;
    /// Handed over and not yet with the kernel: a peer that does not read shows here.
    qsizetype unsentBytes() const;
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

    static constexpr qsizetype MaxHeadBytes = 16 * 1024;

Q_SIGNALS:
    void opened();
    /// No connection, or an answer other than 101; `status` is 0 when there was none.
    void failed(int status, const QString& reason);
    void textReceived(const QByteArray& utf8);
    void binaryReceived(const QByteArray& bytes);
    /// `byPeer`: the server began it. Code 1006: without a closing handshake.
    void closed(bool byPeer, quint16 code, const QString& reason);

private:
    enum class State { Idle, Connecting, Open, Closing, Done };
    void onConnected();
    void onReadyRead();
    void onDisconnected();
    void readHead();
    bool isOffered(const QByteArray& protocol) const;
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
    QList<std::pair<QByteArray, QByteArray>> m_answerHeaders;
    QByteArray m_buffer;
    QByteArray m_message;
    Opcode m_messageOpcode = Opcode::Continuation;
    bool m_silent = false;
    bool m_closeSent = false;
    quint16 m_closeCode = 1006;
};

} // namespace kav::net
