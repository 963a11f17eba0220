// SPDX-License-Identifier: Apache-2.0
#include "engine/net/websocket.h"

#include "engine/net/framewatch.h"
#include "engine/net/handshake.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QPointer>
#include <QTcpSocket>
#include <QTimer>
#include <QWebSocket>
#include <QWebSocketServer>

#include <array>
#include <atomic>
#include <unordered_map>
#include <unordered_set>

namespace kav::net {

namespace {

constexpr quint16 CloseGoingAway = 1001;
constexpr quint16 CloseProtocolError = 1002;
constexpr quint16 CloseAbnormal = 1006; // never on the wire
constexpr quint16 ClosePolicy = 1008;
constexpr int MissedPings = 2;
constexpr Milliseconds HandshakeTime{10000};
constexpr Milliseconds WatchEvery{1000};
constexpr int PendingHandshakes = 4096; // QWebSocketServer drops silently what is over it; its own default is 30
constexpr qint64 ReadAheadBytes = 64 * 1024;
constexpr qsizetype FrameHeaderBytes = 14;
constexpr qsizetype CloseReasonBytes = 123; // a control frame holds 125, the code takes two

/// A close frame that is too long would be a protocol error of ours.
QString fittingReason(const QString& reason)
{
    QString fitting = reason.left(CloseReasonBytes);
    while (fitting.toUtf8().size() > CloseReasonBytes)
        fitting.chop(fitting.back().isLowSurrogate() ? 2 : 1);
    if (!fitting.isEmpty() && fitting.back().isHighSurrogate())
        fitting.chop(1);
    return fitting;
}

QString milliseconds(Milliseconds time)
{
    return QString::number(time.count()) + QStringLiteral(" ms");
}

} // namespace

struct WebSocket::Private final {
    Private(const WebSocketLimits& bounds, const Clock& time, const UpgradeRequest& upgrade, QTcpSocket* socket)
        : limits(bounds)
        , clock(time)
        , request(upgrade)
        , tcp(socket)
        , watch(bounds.controlFramesPerSecond, bounds.fragmentsPerMessage)
        , lastReceived(time.now())
        , pinged(lastReceived)
    {
    }

    const WebSocketLimits& limits; // the host's, which outlives its sockets
    const Clock& clock;
    UpgradeRequest request;
    QPointer<QTcpSocket> tcp; // child of web, once that exists
    QWebSocket* web = nullptr;
    FrameWatch watch;
    QByteArray scratch;
    qint64 leftover = 0; // bytes in the socket's buffer that the watch has seen and QWebSocket has not taken yet
    Instant lastReceived;
    Instant pinged;
    Instant closingSince{};
    QString reason;
    quint16 code = CloseAbnormal;
    int pingsUnanswered = 0;
    std::optional<Milliseconds> roundTrip;
    bool isBeingFed = false; // the announcement of bytes is our own
    bool spokeEarly = false; // before the 101: RFC 6455 4.1 forbids it
    bool isClosing = false; // we began
    bool blamesPeer = false; // we began because the peer is dead
    bool qtCloses = false; // QWebSocket has sent a close frame, of its own or in answer
    bool isClosed = false; // closed() has been emitted
};

WebSocket::WebSocket(std::unique_ptr<Private> priv, QObject* parent)
    : QObject(parent)
    , d(std::move(priv))
{
}

WebSocket::~WebSocket()
{
    if (d->tcp)
        d->tcp->disconnect(this);
    if (d->web) {
        d->web->disconnect(this);
        // Without it, a QWebSocket with unsent bytes keeps its descriptor for ever.
        d->web->abort();
    }
}

/// Before QWebSocket's own slot: looks at the frame headers among the bytes that are new. On a fault the whole read is
/// dropped, good frames before the bad one included, so that nothing of the bad one reaches anybody.
void WebSocket::onBytesArrived()
{
    if (d->isBeingFed)
        return;
    const Instant now = d->clock.now();
    d->lastReceived = now;
    d->pingsUnanswered = 0;
    if (!d->web) {
        d->spokeEarly = true;
        return;
    }
    if (d->isClosing)
        return;
    const qint64 available = d->tcp->bytesAvailable();
    qint64 seen = qMin(d->leftover, available);
    auto fault = FrameWatch::Fault::None;
    const auto skipPayload = [&] {
        const auto count = qMin<quint64>(d->watch.skippable(), quint64(available - seen));
        d->watch.skip(count);
        seen += qint64(count);
    };
    skipPayload();
    if (seen == 0 && available > 0) {
        // The usual case: one whole frame per read, of which only the head needs looking at.
        std::array<char, FrameHeaderBytes> head;
        const qint64 got = d->tcp->peek(head.data(), qMin<qint64>(available, qint64(head.size())));
        fault = d->watch.feed(QByteArrayView(head.data(), got), now);
        seen = got;
        skipPayload();
    }
    if (seen < available && fault == FrameWatch::Fault::None) {
        d->scratch.resize(available);
        const qint64 got = d->tcp->peek(d->scratch.data(), available);
        fault = d->watch.feed(QByteArrayView(d->scratch.constData(), got).sliced(seen), now);
    }
    switch (fault) {
    case FrameWatch::Fault::None:
        break;
    case FrameWatch::Fault::Unmasked:
        close(CloseProtocolError, QStringLiteral("client frames must be masked"));
        break;
    case FrameWatch::Fault::TooManyControlFrames:
        close(ClosePolicy, QStringLiteral("too many control frames"));
        break;
    case FrameWatch::Fault::TooManyFragments:
        close(ClosePolicy, QStringLiteral("too many fragments"));
        break;
    }
}

/// After QWebSocket's own slot.
void WebSocket::onBytesTaken()
{
    d->leftover = d->tcp->bytesAvailable();
    // Its automatic pongs are not limited by a peer that reads nothing.
    if (!d->isClosing && d->web->bytesToWrite() > d->limits.sendQueueBytes)
        closeFor(ClosePolicy, QStringLiteral("send queue over its limit"), false);
}

/// The client left before its handshake was answered: nobody has heard of this socket yet.
void WebSocket::onHandshakeLost()
{
    if (!d->web)
        deleteLater();
}

/// True when the socket can be used. The QWebSocket becomes a child, and the QTcpSocket a child of that, because
/// QWebSocketServer leaves the latter without an owner.
bool WebSocket::adopt(QWebSocket* web)
{
    d->web = web;
    web->setParent(this);
    d->tcp->setParent(web);
    if (d->spokeEarly || !web->isValid())
        return false;
    web->setMaxAllowedIncomingFrameSize(quint64(d->limits.messageBytes));
    web->setMaxAllowedIncomingMessageSize(quint64(d->limits.messageBytes));
    connect(web, &QWebSocket::textMessageReceived, this, &WebSocket::textReceived);
    connect(web, &QWebSocket::binaryMessageReceived, this,
        [this](const QByteArray& data) { Q_EMIT binaryReceived(data.size()); });
    connect(web, &QWebSocket::pong, this, [this](quint64 took) { d->roundTrip = Milliseconds(took); });
    connect(web, &QWebSocket::aboutToClose, this, [this] { d->qtCloses = true; });
    // Queued: closed() must not come out of sendText() or close().
    connect(web, &QWebSocket::disconnected, this, &WebSocket::finish, Qt::QueuedConnection);
    connect(d->tcp, &QTcpSocket::readyRead, this, &WebSocket::onBytesTaken);
    return true;
}

void WebSocket::finish()
{
    if (std::exchange(d->isClosed, true))
        return;
    bool byPeer = true;
    if (d->isClosing) {
        byPeer = d->blamesPeer;
    } else if (d->qtCloses) {
        // QWebSocket closed, in answer to the peer's close frame or because of a fault in the peer's bytes.
        byPeer = d->watch.sawClose();
        d->code = quint16(d->web->closeCode());
        d->reason = d->web->closeReason();
    } else {
        d->reason = QStringLiteral("connection lost: ") + d->web->errorString();
    }
    d->isClosing = true;
    Q_EMIT closed(byPeer, d->code, logSafe(d->reason));
    deleteLater();
}

bool WebSocket::sendText(const QString& text)
{
    KAV_ASSERT_THREAD(this);
    if (!isOpen())
        return false;
    d->web->sendTextMessage(text);
    // At once: header and text leave in one write, and no poll round is spent on it.
    d->web->flush();
    if (d->web->bytesToWrite() <= d->limits.sendQueueBytes)
        return true;
    closeFor(ClosePolicy, QStringLiteral("send queue over its limit"), false);
    return false;
}

void WebSocket::close(quint16 code, const QString& reason)
{
    KAV_ASSERT_THREAD(this);
    closeFor(code, reason, false);
}

void WebSocket::closeFor(quint16 code, const QString& reason, bool blamesPeer)
{
    if (!isOpen())
        return;
    d->isClosing = true;
    d->blamesPeer = blamesPeer;
    d->code = blamesPeer ? CloseAbnormal : code;
    d->reason = reason;
    d->closingSince = d->clock.now();
    d->web->close(QWebSocketProtocol::CloseCode(code), fittingReason(reason));
}

void WebSocket::sweep(Instant now)
{
    if (d->isClosed)
        return;
    if (!isOpen()) {
        // The close frame, ours or QWebSocket's, does not get out because the peer does not read.
        if (d->closingSince == Instant{})
            d->closingSince = now;
        if (elapsed(d->closingSince, now) >= d->limits.closeWait)
            d->web->abort();
        return;
    }
    const Milliseconds silent = elapsed(d->lastReceived, now);
    if (d->limits.idle > Milliseconds(0) && silent >= d->limits.idle) {
        closeFor(CloseGoingAway, QStringLiteral("nothing received for ") + milliseconds(silent), true);
        return;
    }
    // QWebSocket's own watch (5 s) ends for good when a frame comes in more than one part.
    if (d->watch.isInsideFrame() && elapsed(d->watch.frameStarted(), now) >= d->limits.frameTime) {
        closeFor(ClosePolicy, QStringLiteral("a frame took too long"), false);
        return;
    }
    // A peer may have nothing to say (Twilio in silence): it is asked well before silence is taken for death.
    const bool quiet = d->limits.idle > Milliseconds(0) && silent >= d->limits.idle / 3
        && elapsed(d->pinged, now) >= d->limits.idle / 3;
    if (d->limits.pingEvery > Milliseconds(0) && (quiet || elapsed(d->pinged, now) >= d->limits.pingEvery)) {
        if (d->pingsUnanswered >= MissedPings) {
            closeFor(CloseGoingAway, QStringLiteral("no answer to %1 pings").arg(d->pingsUnanswered), true);
            return;
        }
        ping();
    }
}

void WebSocket::ping()
{
    if (!isOpen())
        return;
    ++d->pingsUnanswered;
    d->pinged = d->clock.now();
    d->web->ping();
    d->web->flush();
}

std::optional<Milliseconds> WebSocket::roundTrip() const
{
    return d->roundTrip;
}

bool WebSocket::isOpen() const
{
    return !d->isClosing && !d->qtCloses && d->web->isValid();
}

QByteArray WebSocket::tag() const
{
    return d->request.tag;
}

QString WebSocket::path() const
{
    return QString::fromLatin1(d->request.path);
}

QHostAddress WebSocket::peer() const
{
    return d->request.peer;
}

Instant WebSocket::lastReceived() const
{
    return d->lastReceived;
}

struct WebSocketHost::Private final {
    Private(const QString& hostName, const QStringList& protocols, const WebSocketLimits& bounds, const Clock& time)
        : name(hostName)
        , subprotocols(protocols)
        , limits(bounds)
        , clock(time)
    {
    }

    struct Handshake {
        WebSocket* socket;
        Instant since;
    };

    QString name;
    QStringList subprotocols;
    WebSocketLimits limits;
    const Clock& clock;
    QWebSocketServer* server = nullptr; // made at the first accept(), on the host's thread
    QTimer* timer = nullptr;
    quint64 nextId = 1;
    std::unordered_map<quint64, Handshake> handshakes;
    std::unordered_set<WebSocket*> sockets; // handed out
    std::atomic<int> open{0};
};

WebSocketHost::WebSocketHost(
    const QString& name, const QStringList& subprotocols, const WebSocketLimits& limits, const Clock& clock)
    : d(std::make_unique<Private>(name, subprotocols, limits, clock))
{
    setObjectName(name);
}

WebSocketHost::~WebSocketHost()
{
    // Not ~QObject: the sockets use the host's limits to the end.
    qDeleteAll(findChildren<WebSocket*>(Qt::FindDirectChildrenOnly));
}

int WebSocketHost::openSockets() const
{
    return d->open.load(std::memory_order_relaxed);
}

void WebSocketHost::accept(QTcpSocket* socket, const UpgradeRequest& request)
{
    KAV_ASSERT_THREAD(this);
    if (socket->state() != QAbstractSocket::ConnectedState || socket->bytesAvailable() > 0) {
        // Gone, or frames came before the 101, which QWebSocketServer would lose.
        socket->abort();
        socket->deleteLater();
        return;
    }
    if (!d->server) {
        d->server = new QWebSocketServer(d->name, QWebSocketServer::NonSecureMode, this);
        d->server->setMaxPendingConnections(PendingHandshakes);
        d->server->setSupportedSubprotocols(d->subprotocols);
        connect(d->server, &QWebSocketServer::newConnection, this, &WebSocketHost::onNewConnection);
        d->timer = new QTimer(this);
        connect(d->timer, &QTimer::timeout, this, &WebSocketHost::sweep);
        d->timer->start(WatchEvery);
    }
    // QWebSocket takes a frame out of this buffer whole, so the largest must fit in; and not much more.
    socket->setReadBufferSize(d->limits.messageBytes + ReadAheadBytes);
    const quint64 id = d->nextId++;
    auto* const web = new WebSocket(std::make_unique<WebSocket::Private>(d->limits, d->clock, request, socket), this);
    socket->setParent(web);
    d->open.fetch_add(1, std::memory_order_relaxed);
    connect(web, &QObject::destroyed, this, [this, web, id] {
        d->sockets.erase(web);
        d->handshakes.erase(id);
        d->open.fetch_sub(1, std::memory_order_relaxed);
    });
    d->handshakes.emplace(id, Private::Handshake{web, d->clock.now()});
    // Before QWebSocket connects its own slot: the order of connection is the order of calls.
    connect(socket, &QTcpSocket::readyRead, web, &WebSocket::onBytesArrived);
    connect(socket, &QTcpSocket::disconnected, web, &WebSocket::onHandshakeLost);

    const QByteArray head = canonicalHead(request, id);
    for (qsizetype i = head.size(); i-- > 0;)
        socket->ungetChar(head.at(i));
    web->d->isBeingFed = true;
    d->server->handleConnection(socket);
    web->d->isBeingFed = false;
}

void WebSocketHost::onNewConnection()
{
    while (QWebSocket* const web = d->server->nextPendingConnection()) {
        // The path is ours, see canonicalHead().
        const auto handshake = d->handshakes.find(web->requestUrl().path().mid(1).toULongLong());
        if (handshake == d->handshakes.end()) {
            web->abort();
            web->deleteLater();
            continue;
        }
        WebSocket* const socket = handshake->second.socket;
        d->handshakes.erase(handshake);
        if (socket->adopt(web)) {
            d->sockets.insert(socket);
            Q_EMIT connected(socket);
        } else {
            web->abort();
            socket->deleteLater();
        }
    }
}

void WebSocketHost::closeAll(quint16 code, const QString& reason)
{
    KAV_ASSERT_THREAD(this);
    // Copies: closing may end in code that changes the sets.
    const auto sockets = d->sockets;
    for (WebSocket* const socket : sockets)
        socket->close(code, reason);
    for (const auto& [id, handshake] : d->handshakes)
        handshake.socket->deleteLater();
}

void WebSocketHost::sweep()
{
    KAV_ASSERT_THREAD(this);
    const Instant now = d->clock.now();
    for (WebSocket* const socket : d->sockets)
        socket->sweep(now);
    for (const auto& [id, handshake] : d->handshakes) {
        if (elapsed(handshake.since, now) >= HandshakeTime)
            handshake.socket->deleteLater();
    }
}

} // namespace kav::net
