// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/http.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QObject>

#include <functional>
#include <memory>
#include <variant>

class QTcpSocket;

namespace kav::net {

class WebSocketHost;

/// Limits of the front door; all are settings. The defaults come from the design's robustness notes.
struct Limits final {
    qsizetype headBytes = 16 * 1024;
    int headFields = 100;
    qsizetype bodyBytes = 64 * 1024;
    Milliseconds headTime{10000}; ///< whole head, from accept, or from the first byte of a later request
    Milliseconds bodyTime{10000}; ///< whole body, from the end of the head; also: an answer of which nothing was taken
    Milliseconds keepAlive{60000}; ///< silence between an answer and the next request
    int connections = 4096; ///< lowered to the descriptor limit less 64
    int connectionsPerAddress = 64; ///< plain HTTP and handshakes; loopback is exempt; IPv6 counts by /64
    qsizetype sendQueueBytes = 1024 * 1024; ///< of one HTTP connection; a longer answer becomes a 500
    bool loopbackExempt = true; ///< false where a proxy on this machine hides the callers' addresses, and in tests
};

/// What to do with a request for an upgrade to WebSocket.
struct Upgrade final {
    WebSocketHost* host = nullptr; ///< takes the socket over, on its own thread
    QByteArray tag; ///< handed to the host with the socket: what was proven about it (e.g. the stream's claims)
};
using UpgradeVerdict = std::variant<HttpResponse, Upgrade>;

/// What a request got.
struct Answered final {
    quint64 number = 0; ///< HttpRequest::number
    int status = 0; ///< 0: the client went before the answer
    qint64 bytes = 0; ///< head and body
    QByteArray subprotocol{}; ///< with 101: that was chosen; empty: none
};

/// The one port: accepts, reads the head under strict limits, answers HTTP on this thread and hands upgrades over.
/// Owned by the composition root; lives on the control thread. Emits nothing but listening's own trouble; all requests
/// go to the two handlers.
class Listener final : public QObject {
    Q_OBJECT
public:
    using HttpHandler = std::function<void(const HttpRequest&, const Responder&)>;
    using UpgradeHandler = std::function<UpgradeVerdict(const HttpRequest&)>;
    /// Called when an answer has been handed to the socket, a 101 when the socket has been given to its host.
    using AnswerObserver = std::function<void(const Answered&)>;
    /// Called before a handler is, and before an upgrade's handshake is looked at.
    using RequestObserver = std::function<void(const HttpRequest&, bool isUpgrade)>;
    struct Counters final {
        quint64 accepted = 0, requests = 0, upgrades = 0, refusedUpgrades = 0, badHandshakes = 0, badRequests = 0,
                timeouts = 0, overLimit = 0, acceptErrors = 0; ///< badHandshakes are among the refusedUpgrades
        int open = 0; ///< sockets accepted here that still exist, those handed over included
    };

    Listener(const Limits& limits, const Clock& clock, QObject* parent = nullptr);
    ~Listener() override;

    void setHttpHandler(HttpHandler handler);
    void setUpgradeHandler(UpgradeHandler handler);
    /// Every request that could be read is seen by the first, and later, once, by the second.
    void setObservers(RequestObserver arrived, AnswerObserver answered);
    /// Port 0 takes a free one. The error names address and port ("0.0.0.0:5000: address already in use").
    Result<quint16> listen(const QHostAddress& address, quint16 port);
    /// Stops accepting; connections in progress go on.
    void stopAccepting();
    quint16 port() const;
    const Counters& counters() const;
    /// Closes what is past its time; called by an inner 1 s timer, and by tests with a fake clock. When three quarters of
    /// the connections are taken, heads, bodies and idle connections get a fifth of their time: those who send their
    /// requests byte by byte must not keep out those who call.
    void sweep();

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::net
