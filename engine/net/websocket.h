// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QByteArray>
#include <QHostAddress>
#include <QObject>
#include <QString>
#include <QStringList>

#include <memory>
#include <optional>

class QTcpSocket;
class QWebSocket;

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

/// A QWebSocket with its weaknesses guarded (limits, watchdogs, stuck close, send queue, unmasked frames). Child of its
/// host; belongs to the host's thread; deletes itself some time after closed(). Emits textReceived, then closed exactly
/// once, never from inside a call to one of its methods.
///
/// One fault of QWebSocket 6.4 stays: a code point cut by the boundary of two fragments is refused (1007) though the
/// text is valid. Twilio and Kav's console send unfragmented messages.
class WebSocket final : public QObject {
    Q_OBJECT
public:
    ~WebSocket() override;

    /// Sends one unfragmented text frame at once. False when the socket is closing or its queue is over the cap (it is
    /// then closed with 1008).
    bool sendText(const QString& text);
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
    void onBytesArrived();
    void onBytesTaken();
    void onHandshakeLost();
    bool adopt(QWebSocket* web);
    void closeFor(quint16 code, const QString& reason, bool blamesPeer);
    void finish();
    void sweep(Instant now);
    std::unique_ptr<Private> d;
};

/// Completes upgrades on its own thread: a QWebSocketServer that never listens. One per media worker and one for the
/// consoles. Make it anywhere, moveToThread() it before use; it must outlive the Listener that hands it sockets.
/// accept() is called by the Listener, on the host's thread. Emits connected for each finished upgrade.
class WebSocketHost final : public QObject {
    Q_OBJECT
public:
    WebSocketHost(
        const QString& name, const QStringList& subprotocols, const WebSocketLimits& limits, const Clock& clock);
    ~WebSocketHost() override;

    /// Open sockets and handshakes in progress. Safe on any thread.
    int openSockets() const;
    /// Closes all with `code`; closed() of each follows.
    void closeAll(quint16 code, const QString& reason);
    /// Watchdogs; called by an inner 1 s timer, and by tests with a fake clock.
    void sweep();

Q_SIGNALS:
    void connected(kav::net::WebSocket* socket);

private:
    friend class HttpConnection;
    /// Takes the socket over. On the host's thread, with the socket moved there and its head read off it.
    void accept(QTcpSocket* socket, const UpgradeRequest& request);
    void onNewConnection();

    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::net
