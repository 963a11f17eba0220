// SPDX-License-Identifier: Apache-2.0
#include "engine/net/listener.h"

#include "engine/net/addressledger.h"
#include "engine/net/httpconnection.h"
#include "shared/core/logging.h"

#include <QSocketNotifier>
#include <QTcpServer>
#include <QTcpSocket>
#include <QTimer>

#include <cerrno>
#include <cstring>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_set>

namespace kav::net {

namespace {

constexpr int Backlog = 4096;
constexpr int DescriptorsKept = 64; ///< for everything that is not a client: database, providers, logs
constexpr int AcceptsPerTurn = 64; ///< then the clients already here have their turn
constexpr Milliseconds AcceptRetry{100};
constexpr Milliseconds SweepEvery{1000};

int cappedConnections(int wanted)
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return wanted;
    return qMax(1, qMin<int>(wanted, int(qMin<rlim_t>(limit.rlim_cur, 1 << 30)) - DescriptorsKept));
}

/// Best effort, and no object is made: the address has had its share.
void refuseDescriptor(int descriptor)
{
    static constexpr QByteArrayView Answer =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
    if (::send(descriptor, Answer.data(), size_t(Answer.size()), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        qCDebug(lcNet, "a refused client was gone before the refusal");
    ::close(descriptor);
}

QString listenFailure(const QHostAddress& address, quint16 port, const QTcpServer& server)
{
    const QString name = address.protocol() == QAbstractSocket::IPv6Protocol
        ? QStringLiteral("[%1]").arg(address.toString())
        : address.toString();
    const QString where = QStringLiteral("%1:%2: ").arg(name, QString::number(port));
    switch (server.serverError()) {
    case QAbstractSocket::AddressInUseError:
        return where + QStringLiteral("address already in use");
    case QAbstractSocket::SocketAccessError:
        return where + QStringLiteral("permission denied");
    case QAbstractSocket::SocketAddressNotAvailableError:
        return where + QStringLiteral("address not available on this machine");
    default:
        return where + server.errorString();
    }
}

} // namespace

struct Listener::Private final {
    Private(const Limits& limits, const Clock& clock)
        : context{.limits = limits, .clock = clock, .onRequest = {}, .onUpgrade = {}, .arrived = {}, .answered = {}, .counters = {}}
        , ledger(limits.connectionsPerAddress, limits.loopbackExempt)
    {
        context.limits.connections = cappedConnections(limits.connections);
    }

    void acceptReady(Listener* q);
    void take(Listener* q, int descriptor, const QHostAddress& peer);
    void updateAccepting();

    ListenerContext context;
    AddressLedger ledger;
    /// Binds and listens; never accepts: with no descriptors left, Qt's own accept loop spins or falls silent for ever.
    QTcpServer server;
    std::unique_ptr<QSocketNotifier> notifier;
    QTimer retry;
    QTimer sweeper;
    std::unordered_set<HttpConnection*> connections;
    quint16 port = 0;
    bool isOutOfDescriptors = false;
};

Listener::Listener(const Limits& limits, const Clock& clock, QObject* parent)
    : QObject(parent)
    , d(std::make_unique<Private>(limits, clock))
{
    d->server.setListenBacklogSize(Backlog);
    d->retry.setSingleShot(true);
    d->retry.setInterval(AcceptRetry);
    connect(&d->retry, &QTimer::timeout, this, [this] {
        d->isOutOfDescriptors = false;
        d->updateAccepting();
    });
    d->sweeper.setInterval(SweepEvery);
    connect(&d->sweeper, &QTimer::timeout, this, &Listener::sweep);
}

Listener::~Listener()
{
    // Not ~QObject: the connections' last signals need what this class owns.
    qDeleteAll(findChildren<HttpConnection*>(Qt::FindDirectChildrenOnly));
}

void Listener::setHttpHandler(HttpHandler handler)
{
    d->context.onRequest = std::move(handler);
}

void Listener::setUpgradeHandler(UpgradeHandler handler)
{
    d->context.onUpgrade = std::move(handler);
}

void Listener::setObservers(RequestObserver arrived, AnswerObserver answered)
{
    d->context.arrived = std::move(arrived);
    d->context.answered = std::move(answered);
}

Result<quint16> Listener::listen(const QHostAddress& address, quint16 port)
{
    KAV_ASSERT_THREAD(this);
    if (!d->server.listen(address, port)) {
        const auto code = d->server.serverError() == QAbstractSocket::SocketAccessError ? Error::Code::Denied
                                                                                        : Error::Code::Unavailable;
        return Error{code, listenFailure(address, port, d->server), {}};
    }
    d->server.pauseAccepting();
    d->port = d->server.serverPort();
    d->notifier = std::make_unique<QSocketNotifier>(d->server.socketDescriptor(), QSocketNotifier::Read);
    connect(d->notifier.get(), &QSocketNotifier::activated, this, [this] { d->acceptReady(this); });
    d->updateAccepting();
    d->sweeper.start();
    return d->port;
}

void Listener::stopAccepting()
{
    KAV_ASSERT_THREAD(this);
    d->retry.stop();
    d->notifier.reset();
    d->server.close();
}

quint16 Listener::port() const
{
    return d->port;
}

const Listener::Counters& Listener::counters() const
{
    return d->context.counters;
}

void Listener::sweep()
{
    KAV_ASSERT_THREAD(this);
    const Instant now = d->context.clock.now();
    const bool isCrowded = d->context.counters.open >= d->context.limits.connections / 4 * 3;
    for (HttpConnection* const connection : d->connections)
        connection->sweep(now, isCrowded);
}

void Listener::Private::updateAccepting()
{
    if (notifier)
        notifier->setEnabled(!isOutOfDescriptors && context.counters.open < context.limits.connections);
}

void Listener::Private::acceptReady(Listener* q)
{
    for (int accepted = 0; accepted < AcceptsPerTurn && context.counters.open < context.limits.connections;) {
        sockaddr_storage from{};
        socklen_t fromSize = sizeof from;
        auto* const fromAddress = reinterpret_cast<sockaddr*>(&from);
        const int descriptor =
            ::accept4(int(server.socketDescriptor()), fromAddress, &fromSize, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            ++accepted;
            take(q, descriptor, QHostAddress(fromAddress));
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            // Most likely no descriptor is left. The notifier would fire without end; try again in a while instead.
            const int error = errno;
            if (context.counters.acceptErrors++ % 100 == 0)
                qCWarning(lcNet, "cannot accept: %s; trying again every %lld ms", strerrordesc_np(error),
                    qint64(AcceptRetry.count()));
            isOutOfDescriptors = true;
            retry.start();
        }
        break;
    }
    updateAccepting();
}

void Listener::Private::take(Listener* q, int descriptor, const QHostAddress& peer)
{
    if (!ledger.tryAdd(peer)) {
        ++context.counters.overLimit;
        refuseDescriptor(descriptor);
        return;
    }
    auto socket = std::make_unique<QTcpSocket>();
    if (!socket->setSocketDescriptor(descriptor)) {
        ledger.remove(peer);
        ::close(descriptor);
        return;
    }
    ++context.counters.accepted;
    ++context.counters.open;
    // A child's end tells of the socket's: destroyed means that the descriptor is free (queued, from another thread,
    // once the socket has moved). Not the socket's own signal: those are cut when the socket is handed over.
    QObject::connect(new QObject(socket.get()), &QObject::destroyed, q, [this] {
        --context.counters.open;
        updateAccepting();
    });
    auto* const connection = new HttpConnection(socket.release(), context, q);
    connections.insert(connection);
    QObject::connect(connection, &HttpConnection::released, q, [this, peer] { ledger.remove(peer); });
    QObject::connect(connection, &QObject::destroyed, q, [this, connection] { connections.erase(connection); });
}

} // namespace kav::net
