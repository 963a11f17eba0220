// SPDX-License-Identifier: Apache-2.0
#include "engine/net/websocket.h"

#include "engine/net/handshake.h"
#include "engine/net/messagereader.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QPointer>
#include <QSocketNotifier>
#include <QStringEncoder>
#include <QTcpSocket>
#include <QTimer>
#include <QtEndian>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_set>
#include <vector>

namespace kav::net {

namespace {

constexpr quint8 OpcodeText = 0x81; // each with the FIN bit: we never fragment
constexpr quint8 OpcodeClose = 0x88;
constexpr quint8 OpcodePing = 0x89;
constexpr quint8 OpcodePong = 0x8a;
constexpr quint16 CloseNormal = 1000;
constexpr quint16 CloseGoingAway = 1001;
constexpr quint16 CloseNoStatus = 1005; // never on the wire, like the next
constexpr quint16 CloseAbnormal = 1006;
constexpr quint16 CloseBadPayload = 1007;
constexpr quint16 ClosePolicy = 1008;
constexpr int MissedPings = 2;
constexpr Milliseconds WatchEvery{1000};
// Of one socket a round: what a peer may hold up the others with. Ten media messages, or 683 empty frames.
constexpr std::size_t ReadBytes = 4 * 1024;
constexpr qsizetype LongestHead = 10; // of a frame from a server, which does not mask
constexpr qsizetype CloseReasonBytes = 123; // a control frame holds 125, the code takes two
constexpr int EventsPerRound = 512;

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

/// Writes the head of a frame so that it ends at `payload`, where LongestHead bytes are free. Its length.
qsizetype writeHead(char* payload, quint8 opcode, qsizetype length)
{
    if (length < 126) {
        payload[-2] = static_cast<char>(opcode);
        payload[-1] = static_cast<char>(length);
        return 2;
    }
    if (length < 0x10000) {
        payload[-4] = static_cast<char>(opcode);
        payload[-3] = 126;
        qToBigEndian(quint16(length), payload - 2);
        return 4;
    }
    payload[-10] = static_cast<char>(opcode);
    payload[-9] = 127;
    qToBigEndian(quint64(length), payload - 8);
    return LongestHead;
}

} // namespace

struct WebSocketHost::Private final {
    Private(const QString& hostName, const QStringList& protocols, const WebSocketLimits& bounds, const Clock& time)
        : name(hostName)
        , subprotocols(protocols)
        , limits(bounds)
        , clock(time)
    {
    }

    const QString name;
    const QStringList subprotocols;
    const WebSocketLimits limits;
    const Clock& clock;
    int poller = -1; // epoll; made at the first accept(), on the host's thread, with what follows
    std::unique_ptr<QSocketNotifier> notifier;
    QTimer* timer = nullptr;
    std::unordered_set<WebSocket*> sockets;
    WebSocket* reading = nullptr; // whose signals are being emitted; null again once it is deleted
    bool isInRound = false;
    std::atomic<int> open{0};
    // Of one socket at a time, so that none needs its own.
    std::vector<char> received;
    QByteArray sending;
};

struct WebSocket::Private final {
    Private(WebSocketHost::Private& owner, const UpgradeRequest& upgrade, int descriptor)
        : host(owner)
        , limits(owner.limits)
        , clock(owner.clock)
        , request(upgrade)
        , fd(descriptor)
        , reader({.messageBytes = limits.messageBytes,
              .controlFramesPerSecond = limits.controlFramesPerSecond,
              .fragmentsPerMessage = limits.fragmentsPerMessage})
        , lastReceived(clock.now())
        , pinged(lastReceived)
        , began(lastReceived)
    {
    }

    WebSocketHost::Private& host; // which outlives its sockets, like what it holds
    const WebSocketLimits& limits;
    const Clock& clock;
    const UpgradeRequest request;
    int fd; // -1: gone
    MessageReader reader;
    QByteArray partial; // the start of a frame that has not come whole
    QByteArray unsent; // what the kernel had no room for
    Instant lastReceived;
    Instant pinged;
    Instant closingSince{};
    QString reason;
    quint16 code = CloseAbnormal;
    quint32 pingNumber = 0;
    int pingsUnanswered = 0;
    bool isPingOut = false; // the last one has no answer yet
    std::optional<Milliseconds> roundTrip;
    bool isClosing = false; // a close frame was sent, or the connection is lost
    bool byPeer = false; // that began it
    bool isAnnounced = false; // closed() is on its way
    bool isClosed = false; // closed() has been emitted
    Instant began; // what follows is for SocketEnd
    qint64 messagesIn = 0, messagesOut = 0;
    qint64 bytesIn = 0, bytesOut = 0;
};

WebSocket::WebSocket(std::unique_ptr<Private> priv, QObject* parent)
    : QObject(parent)
    , d(std::move(priv))
{
}

WebSocket::~WebSocket()
{
    if (d->host.reading == this)
        d->host.reading = nullptr;
    disconnectFromPeer();
}

void WebSocket::disconnectFromPeer()
{
    if (d->fd < 0)
        return;
    // Not left to close(): a child between fork() and exec() has the socket as well, and events would go on for it.
    ::epoll_ctl(d->host.poller, EPOLL_CTL_DEL, d->fd, nullptr);
    ::close(std::exchange(d->fd, -1));
}

void WebSocket::onReady(quint32 events)
{
    if (d->fd >= 0 && (events & EPOLLOUT))
        writeQueued();
    if (d->fd >= 0 && (events & ~quint32(EPOLLOUT)))
        read();
}

void WebSocket::read()
{
    std::vector<char>& buffer = d->host.received;
    const ssize_t got = ::recv(d->fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        if (!std::exchange(d->isClosing, true)) {
            d->byPeer = true;
            d->reason = QStringLiteral("connection lost: ")
                + (got == 0 ? QStringLiteral("the peer closed it") : QString::fromLocal8Bit(strerrordesc_np(errno)));
        }
        drop();
        return;
    }
    if (d->isClosing)
        return; // what comes after a close frame is read only to see the end
    const Instant now = d->clock.now();
    d->bytesIn += got;
    d->lastReceived = now;
    d->pingsUnanswered = 0;
    std::span<char> bytes(buffer.data(), std::size_t(got));
    const bool isContinued = !d->partial.isEmpty();
    if (isContinued) {
        d->partial.append(bytes.data(), qsizetype(bytes.size()));
        bytes = {d->partial.data(), std::size_t(d->partial.size())};
    }
    if (!take(bytes, now))
        return;
    if (bytes.empty() || d->isClosing)
        d->partial = {};
    else if (isContinued)
        d->partial.remove(0, d->partial.size() - qsizetype(bytes.size()));
    else
        d->partial = QByteArray(bytes.data(), qsizetype(bytes.size()));
}

/// False when a slot has deleted this.
bool WebSocket::take(std::span<char>& bytes, Instant now)
{
    const WebSocketHost::Private& host = d->host;
    do {
        const MessageReader::Item item = d->reader.next(bytes, now);
        switch (item.kind) {
        case MessageReader::Kind::Nothing:
            return true;
        case MessageReader::Kind::Text:
            takeText(item.payload);
            break;
        case MessageReader::Kind::Binary:
            ++d->messagesIn;
            Q_EMIT binaryReceived(item.payload.size());
            break;
        case MessageReader::Kind::Ping:
            send(OpcodePong, item.payload);
            // Pongs are not limited by a peer that reads nothing.
            if (d->unsent.size() > d->limits.sendQueueBytes)
                closeFor(ClosePolicy, QStringLiteral("send queue over its limit"), false);
            break;
        case MessageReader::Kind::Pong:
            if (d->isPingOut && item.payload == QByteArray::number(d->pingNumber)) {
                d->isPingOut = false;
                d->roundTrip = elapsed(d->pinged, now);
            }
            break;
        case MessageReader::Kind::Close:
            takeClose(item.code, item.payload);
            break;
        case MessageReader::Kind::Fault:
            fail(item.code, QLatin1String(item.fault));
            break;
        }
    } while (host.reading == this && !d->isClosing);
    return host.reading == this;
}

void WebSocket::takeText(QByteArrayView utf8)
{
    ++d->messagesIn;
    if (const std::optional<QString> text = decodeText(utf8)) Q_EMIT
        textReceived(*text);
    else
        fail(CloseBadPayload, QStringLiteral("a text is not UTF-8"));
}

/// The peer ends it: its own code is the answer.
void WebSocket::takeClose(quint16 code, QByteArrayView reason)
{
    d->byPeer = true;
    d->code = code;
    d->reason = QString::fromUtf8(reason);
    sendClose(code == CloseNoStatus ? CloseNormal : code, {});
    announce();
}

/// The peer broke the protocol.
void WebSocket::fail(quint16 code, const QString& reason)
{
    closeFor(code, reason, false);
    announce();
}

bool WebSocket::sendText(const QString& text)
{
    KAV_ASSERT_THREAD(this);
    if (!isOpen())
        return false;
    QByteArray& frame = d->host.sending;
    QStringEncoder encoder(QStringEncoder::Utf8, QStringEncoder::Flag::Stateless);
    frame.resize(LongestHead + encoder.requiredSpace(text.size()));
    char* const payload = frame.data() + LongestHead;
    return sendTextFrame(payload, encoder.appendToBuffer(payload, text) - payload);
}

bool WebSocket::sendUtf8(QByteArrayView text)
{
    KAV_ASSERT_THREAD(this);
    if (!isOpen())
        return false;
    QByteArray& frame = d->host.sending;
    frame.resize(LongestHead + text.size());
    char* const payload = frame.data() + LongestHead;
    std::copy(text.begin(), text.end(), payload);
    return sendTextFrame(payload, text.size());
}

qsizetype WebSocket::unsentBytes() const
{
    return d->unsent.size();
}

/// Before `payload`, LongestHead bytes are free.
bool WebSocket::sendTextFrame(char* payload, qsizetype length)
{
    const qsizetype head = writeHead(payload, OpcodeText, length);
    ++d->messagesOut;
    transmit({payload - head, head + length});
    if (d->unsent.size() <= d->limits.sendQueueBytes)
        return true;
    closeFor(ClosePolicy, QStringLiteral("send queue over its limit"), false);
    return false;
}

void WebSocket::send(quint8 opcode, QByteArrayView payload)
{
    QByteArray frame(LongestHead, Qt::Uninitialized);
    frame.append(payload);
    const qsizetype head = writeHead(frame.data() + LongestHead, opcode, payload.size());
    transmit(QByteArrayView(frame).sliced(LongestHead - head));
}

/// At once, in one write; what the kernel does not take waits until it does. A broken connection is found by reading.
void WebSocket::transmit(QByteArrayView bytes)
{
    d->bytesOut += bytes.size();
    if (d->unsent.isEmpty()) {
        const ssize_t sent = ::send(d->fd, bytes.data(), std::size_t(bytes.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent == bytes.size() || (sent < 0 && errno != EAGAIN && errno != EINTR))
            return;
        bytes = bytes.sliced(qMax<qsizetype>(sent, 0));
        epoll_event wanted{EPOLLIN | EPOLLOUT, {.ptr = this}};
        ::epoll_ctl(d->host.poller, EPOLL_CTL_MOD, d->fd, &wanted);
    }
    d->unsent.append(bytes);
}

void WebSocket::writeQueued()
{
    if (d->unsent.isEmpty())
        return;
    const ssize_t sent =
        ::send(d->fd, d->unsent.constData(), std::size_t(d->unsent.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent >= 0 && sent < d->unsent.size()) {
        d->unsent.remove(0, sent);
        return;
    }
    d->unsent = {};
    epoll_event wanted{EPOLLIN, {.ptr = this}};
    ::epoll_ctl(d->host.poller, EPOLL_CTL_MOD, d->fd, &wanted);
    if (d->isClosing)
        ::shutdown(d->fd, SHUT_WR);
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
    d->byPeer = blamesPeer;
    d->code = blamesPeer ? CloseAbnormal : code;
    d->reason = reason;
    sendClose(code, reason);
}

/// The last thing that is sent. Reading goes on until the peer has closed its side, for bytes that nobody reads would
/// make the kernel reset the connection, close frame and all.
void WebSocket::sendClose(quint16 code, const QString& reason)
{
    std::array<char, 2> wire{};
    qToBigEndian(code, wire.data());
    const QByteArray payload = QByteArray(wire.data(), wire.size()) + fittingReason(reason).toUtf8();
    send(OpcodeClose, payload);
    d->isClosing = true;
    d->closingSince = d->clock.now();
    if (d->unsent.isEmpty())
        ::shutdown(d->fd, SHUT_WR);
}

/// The connection is over.
void WebSocket::drop()
{
    if (d->fd < 0)
        return;
    disconnectFromPeer();
    d->isAnnounced = false; // finish() comes once more, to delete
    announce();
}

/// Queued: closed() must not come out of sendText() or close().
void WebSocket::announce()
{
    if (!std::exchange(d->isAnnounced, true))
        QMetaObject::invokeMethod(this, &WebSocket::finish, Qt::QueuedConnection);
}

void WebSocket::finish()
{
    const QPointer<WebSocket> self = this;
    if (!std::exchange(d->isClosed, true)) {
        const QString reason = logSafe(d->reason);
        Q_EMIT static_cast<WebSocketHost*>(parent())->ended(
            {d->request.number, d->code, d->byPeer, reason, d->messagesIn, d->messagesOut, d->bytesIn, d->bytesOut,
                elapsed(d->began, d->clock.now())});
        Q_EMIT closed(d->byPeer, d->code, reason);
    }
    if (self && d->fd < 0)
        deleteLater();
}

void WebSocket::sweep(Instant now)
{
    if (d->fd < 0)
        return;
    if (d->isClosing) {
        // The peer does not read our close frame, or does not close its side.
        if (elapsed(d->closingSince, now) >= d->limits.closeWait)
            drop();
        return;
    }
    const Milliseconds silent = elapsed(d->lastReceived, now);
    if (d->limits.idle > Milliseconds(0) && silent >= d->limits.idle) {
        closeFor(CloseGoingAway, QStringLiteral("nothing received for ") + milliseconds(silent), true);
        return;
    }
    if (d->reader.isInsideFrame() && elapsed(d->reader.frameStarted(), now) >= d->limits.frameTime) {
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
    KAV_ASSERT_THREAD(this);
    if (!isOpen())
        return;
    ++d->pingsUnanswered;
    d->pinged = d->clock.now();
    d->isPingOut = true;
    // Numbered, so that a late answer to an earlier one is not taken for a short way.
    send(OpcodePing, QByteArray::number(++d->pingNumber));
}

std::optional<Milliseconds> WebSocket::roundTrip() const
{
    return d->roundTrip;
}

bool WebSocket::isOpen() const
{
    return !d->isClosing;
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

WebSocketHost::WebSocketHost(
    const QString& name, const QStringList& subprotocols, const WebSocketLimits& limits, const Clock& clock)
    : d(std::make_unique<Private>(name, subprotocols, limits, clock))
{
    setObjectName(name);
}

WebSocketHost::~WebSocketHost()
{
    // Not ~QObject: the sockets use what the host holds to the end. One by one: a slot of one may delete another.
    while (!d->sockets.empty())
        delete *d->sockets.begin();
    d->notifier.reset();
    if (d->poller >= 0)
        ::close(d->poller);
}

QStringList WebSocketHost::subprotocols() const
{
    return d->subprotocols;
}

int WebSocketHost::openSockets() const
{
    return d->open.load(std::memory_order_relaxed);
}

/// Without a descriptor to be had the upgrade fails, and the next one tries again.
bool WebSocketHost::isStarted()
{
    if (d->poller >= 0)
        return true;
    d->poller = ::epoll_create1(EPOLL_CLOEXEC);
    if (d->poller < 0) {
        const int error = errno;
        qCWarning(
            lcNet, "no epoll for the host of WebSockets '%ls': %s", qUtf16Printable(d->name), strerrordesc_np(error));
        return false;
    }
    d->received.resize(ReadBytes);
    d->notifier = std::make_unique<QSocketNotifier>(d->poller, QSocketNotifier::Read);
    connect(d->notifier.get(), &QSocketNotifier::activated, this, &WebSocketHost::onReady);
    d->timer = new QTimer(this);
    connect(d->timer, &QTimer::timeout, this, &WebSocketHost::sweep);
    d->timer->start(WatchEvery);
    return true;
}

void WebSocketHost::accept(QTcpSocket* socket, const UpgradeRequest& request)
{
    KAV_ASSERT_THREAD(this);
    socket->flush(); // an answer to a request before the upgrade
    const bool isUsable = isStarted() && socket->state() == QAbstractSocket::ConnectedState
        && socket->bytesAvailable() == 0 && socket->bytesToWrite() == 0;
    const int fd = isUsable ? ::fcntl(int(socket->socketDescriptor()), F_DUPFD_CLOEXEC, 0) : -1;
    char early = 0;
    if (fd < 0 || ::recv(fd, &early, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) {
        // Gone, or frames came before the 101, which RFC 6455 4.1 forbids.
        if (fd >= 0)
            ::close(fd);
        socket->abort();
        socket->deleteLater();
        Q_EMIT ended({request.number, CloseAbnormal, true, QStringLiteral("gone before the 101"), 0, 0, 0, 0, {}});
        return;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    socket->abort(); // gives up its own descriptor only; the object stays for those who count connections by its end

    auto* const web = new WebSocket(std::make_unique<WebSocket::Private>(*d, request, fd), this);
    epoll_event wanted{EPOLLIN, {.ptr = web}};
    if (::epoll_ctl(d->poller, EPOLL_CTL_ADD, fd, &wanted) != 0) {
        const int error = errno;
        qCWarning(lcNet, "the host of WebSockets '%ls' cannot watch one more: %s", qUtf16Printable(d->name),
            strerrordesc_np(error));
        delete web;
        socket->deleteLater();
        return;
    }
    socket->setParent(web);
    d->sockets.insert(web);
    d->open.fetch_add(1, std::memory_order_relaxed);
    connect(web, &QObject::destroyed, this, [this, web] {
        d->sockets.erase(web);
        d->open.fetch_sub(1, std::memory_order_relaxed);
    });
    web->transmit(switchingProtocols(request, d->subprotocols));
    Q_EMIT connected(web);
}

void WebSocketHost::onReady()
{
    if (d->isInRound) {
        // A slot turns the event loop: what is being read must stay as it is. Off, or that loop would spin.
        d->notifier->setEnabled(false);
        return;
    }
    d->isInRound = true;
    std::array<epoll_event, EventsPerRound> events;
    const int count = ::epoll_wait(d->poller, events.data(), int(events.size()), 0);
    for (int i = 0; i < count; ++i) {
        auto* const socket = static_cast<WebSocket*>(events[std::size_t(i)].data.ptr);
        // A slot of one before may have deleted it. A new one at its address finds that nothing is to be done.
        if (!d->sockets.contains(socket))
            continue;
        d->reading = socket;
        socket->onReady(events[std::size_t(i)].events);
    }
    d->reading = nullptr;
    d->isInRound = false;
    d->notifier->setEnabled(true);
}

void WebSocketHost::closeAll(quint16 code, const QString& reason)
{
    KAV_ASSERT_THREAD(this);
    for (WebSocket* const socket : d->sockets)
        socket->close(code, reason);
}

void WebSocketHost::sweep()
{
    KAV_ASSERT_THREAD(this);
    const Instant now = d->clock.now();
    for (WebSocket* const socket : d->sockets)
        socket->sweep(now);
}

} // namespace kav::net
