// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QHostAddress>
#include <QObject>
#include <QString>
#include <QStringList>

#include <memory>
#include <optional>
#include <span>

class QTcpSocket;

namespace kav::net {

struct UpgradeRequest;

struct WebSocketLimits final {
    qsizetype messageBytes = 64 * 1024; ///< frame and message; 1 MiB for consoles
    qsizetype sendQueueBytes = 256 * 1024; ///< unsent bytes at which the socket is closed (1008); 4 MiB for consoles
    Milliseconds idle{10000}; ///< nothing received for so long: dead. 0: never
    Milliseconds closeWait{2000}; ///< from close() to abort()
    Milliseconds pingEvery{20000}; ///< 0: never; two pings followed by nothing at all from the peer: dead
    int controlFramesPerSecond = 100; ///< ping, pong and close from the peer; more: closed with 1008
    int fragmentsPerMessage = 1024; ///< more: closed with 1008
    Milliseconds frameTime{10000}; ///< one frame, from its first byte to its last
};

/// How an upgraded connection went, when it is over.
struct SocketEnd final {
    quint64 number = 0; ///< HttpRequest::number of its upgrade
    quint16 code = 0; ///< 1006: the peer went without a close frame
    bool byPeer = false;
    QString reason; ///< fit for a log
    qint64 messagesIn = 0, messagesOut = 0;
    qint64 bytesIn = 0, bytesOut = 0; ///< frames and the 101
    Milliseconds lasted{0};
};

/// The server's end of one WebSocket (RFC 6455), with limits and watchdogs. Child of its host; belongs to the host's
/// thread; deletes itself some time after closed(). Emits textReceived, then closed exactly once, never from inside a
/// call to one of its methods. A slot may delete it or another one, but not their host; while a slot turns the event
/// loop, the host reads nothing.
///
/// Not a QWebSocket: with hundreds of calls on a thread most of the time went into the chain of signals, notifiers and
/// buffers behind one. Here a message costs one recv() or one send(), and the host watches all its sockets together.
class WebSocket final : public QObject {
    Q_OBJECT
public:
    ~WebSocket() override;

    /// Sends one unfragmented text frame at once. False when the socket is closing or its queue is over the cap (it is
    /// then closed with 1008).
    bool sendText(const QString& text);
    /// The same of text that is UTF-8 already.
    bool sendUtf8(QByteArrayView text);
    /// Handed over and not yet taken by the kernel: a peer that reads slower than it is sent to makes it grow.
    qsizetype unsentBytes() const;
    /// Closing handshake; aborted when the peer does not finish it in time.
    void close(quint16 code, const QString& reason);
    bool isOpen() const;
    QByteArray tag() const; ///< as the upgrade handler gave it
    QString path() const;
    QHostAddress peer() const;
    Instant lastReceived() const;
    /// Asks the peer for a sign of life now, beside the pings of its own accord.
    void ping();
    /// Of the last ping that was answered; nothing before that.
    std::optional<Milliseconds> roundTrip() const;

Q_SIGNALS:
    void textReceived(const QString& text);
    /// A binary frame: Twilio never sends one; counted and ignored by the session.
    void binaryReceived(qsizetype bytes);
    /// `byPeer`: the peer began the close or vanished; `code` is 1006 when it went without a close frame. `reason` is
    /// fit for a log.
    void closed(bool byPeer, quint16 code, const QString& reason);

private:
    friend class WebSocketHost;
    struct Private;
    explicit WebSocket(std::unique_ptr<Private> priv, QObject* parent);
    void onReady(quint32 events);
    void read();
    bool take(std::span<char>& bytes, Instant now);
    void takeText(QByteArrayView utf8);
    void takeClose(quint16 code, QByteArrayView reason);
    void send(quint8 opcode, QByteArrayView payload);
    bool sendTextFrame(char* payload, qsizetype length);
    void transmit(QByteArrayView bytes);
    void writeQueued();
    void closeFor(quint16 code, const QString& reason, bool blamesPeer);
    void fail(quint16 code, const QString& reason);
    void sendClose(quint16 code, const QString& reason);
    void drop();
    void disconnectFromPeer();
    void announce();
    void finish();
    void sweep(Instant now);
    std::unique_ptr<Private> d;
};

/// Completes upgrades on its own thread and serves the WebSockets that come of them, all through one epoll descriptor.
/// One per media worker and one for the consoles. Make it anywhere, moveToThread() it before use; it must outlive the
/// Listener that hands it sockets. accept() is called by the Listener, on the host's thread. Emits connected for each
/// finished upgrade.
class WebSocketHost final : public QObject {
    Q_OBJECT
public:
    WebSocketHost(
        const QString& name, const QStringList& subprotocols, const WebSocketLimits& limits, const Clock& clock);
    ~WebSocketHost() override;

    /// Sockets that are open or closing. Safe on any thread.
    int openSockets() const;
    /// Closes all with `code`; closed() of each follows.
    void closeAll(quint16 code, const QString& reason);
    /// Watchdogs; called by an inner 1 s timer, and by tests with a fake clock.
    void sweep();
    QStringList subprotocols() const; ///< any thread

Q_SIGNALS:
    void connected(kav::net::WebSocket* socket);
    /// Before the socket's own closed(); not of those that go with their host. Of one whose peer was gone before the
    /// 101, it is all that is ever said.
    void ended(const kav::net::SocketEnd& end);

private:
    friend class HttpConnection;
    friend class WebSocket;
    /// Takes the socket over. On the host's thread, with the socket moved there and its head read off it.
    void accept(QTcpSocket* socket, const UpgradeRequest& request);
    void onReady();
    bool isStarted();

    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::net
