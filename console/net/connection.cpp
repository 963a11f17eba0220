// SPDX-License-Identifier: Apache-2.0
#include "console/net/connection.h"

#include "console/net/backoff.h"
#include "console/net/synchronizer.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"
#include "shared/protocol/version.h"

#include <QMetaEnum>
#include <QNetworkRequest>
#include <QRegularExpression>
#include <QSslError>
#include <QTimer>
#include <QWebSocket>
#include <QWebSocketHandshakeOptions>

#include <utility>

namespace kav::console {
namespace {

Q_LOGGING_CATEGORY(lcLink, "kav.link", QtInfoMsg)

constexpr quint64 LargestMessage = 16 * 1024 * 1024;
/// More than a message with its head, or it would never be whole; bounds what comes instead of an HTTP answer.
constexpr qint64 ReadBuffer = qint64(LargestMessage) + 64 * 1024;
constexpr Milliseconds TickEvery{250};
/// Live for so long: the next loss is a new one, and the waits begin again.
constexpr Milliseconds SettledAfter{10000};
/// For the peer to finish the closing handshake; QWebSocket would wait for ever.
constexpr Milliseconds CloseWait{2000};

/// How a line ended, and whether another attempt is worth it.
struct Ending final {
    QString reason;
    bool isFinal = false;
    std::optional<protocol::Refusal> refusal;
};

Ending refusedAs(protocol::ErrorCode code, const QString& reason)
{
    const bool isFinal = code == protocol::ErrorCode::Unauthorized || code == protocol::ErrorCode::Version;
    return {reason, isFinal, protocol::Refusal{code, reason, {}, {}}};
}

/// What an upgrade answered with this HTTP status means.
Ending endingOfStatus(int status)
{
    switch (status) {
    case 401:
    case 403:
        return refusedAs(protocol::ErrorCode::Unauthorized,
            QStringLiteral("The engine does not let this console in (HTTP %1)").arg(status));
    case 404:
        return {QStringLiteral("There is no console at this address (HTTP 404): it is another service, or an engine "
                               "from before there was one"),
            true, {}};
    case 429:
        return refusedAs(
            protocol::ErrorCode::TooManyConsoles, QStringLiteral("The engine asks for fewer attempts (HTTP 429)"));
    default:
        if (status >= 300 && status < 400)
            return {
                QStringLiteral("The address leads elsewhere (HTTP %1), which is not followed").arg(status), false, {}};
        return {QStringLiteral("The address answers HTTP %1 instead of a console").arg(status), false, {}};
    }
}

/// A refusal closes with its code; the message that said more may have got lost.
Ending endingOfClose(int code, const QString& reason)
{
    const auto because = [&](const QString& words) {
        return reason.isEmpty() ? words : words + QLatin1String(": ") + logSafe(reason);
    };
    switch (code) {
    case protocol::close::BadMessage:
        return refusedAs(protocol::ErrorCode::BadMessage, because(QStringLiteral("The engine did not understand")));
    case protocol::close::Unauthorized:
        return refusedAs(protocol::ErrorCode::Unauthorized, because(QStringLiteral("The engine refuses the token")));
    case protocol::close::NoHello:
        return refusedAs(protocol::ErrorCode::HelloExpected, because(QStringLiteral("The engine heard no hello")));
    case protocol::close::VersionMismatch:
        return refusedAs(
            protocol::ErrorCode::Version, because(QStringLiteral("The engine speaks another version of the protocol")));
    case protocol::close::TooMany:
        return refusedAs(protocol::ErrorCode::TooManyConsoles, because(QStringLiteral("Too much for the engine")));
    case protocol::close::TooSlow:
        return refusedAs(protocol::ErrorCode::TooSlow, because(QStringLiteral("This console read too slowly")));
    case QWebSocketProtocol::CloseCodeGoingAway:
        return {because(QStringLiteral("The engine is stopping")), false, {}};
    default:
        return {because(QStringLiteral("The line was closed (%1)").arg(code)), false, {}};
    }
}

} // namespace

struct Connection::Private final {
    Private(Connection& connection, Synchronizer& someSynchronizer, const Settings& someSettings,
        const Clock& someClock, std::function<double()> random)
        : q(connection)
        , synchronizer(someSynchronizer)
        , settings(someSettings)
        , clock(someClock)
        , backoff(std::move(random))
    {
    }

    void attempt();
    void onUpgraded();
    void onText(const QString& text);
    void onFailed(QAbstractSocket::SocketError error);
    void onClosed();
    void end(const Ending& ending, bool politely = false);
    void release(bool politely);
    Ending endingBeforeUpgrade() const;
    void refresh();
    void announce();

    Connection& q;
    Synchronizer& synchronizer;
    const Settings settings;
    const Clock& clock;
    Backoff backoff;
    QTimer timer;

    QUrl url;
    LinkState state = LinkState::Disconnected;
    LinkState announced = LinkState::Disconnected;
    QString reason;
    std::optional<protocol::Refusal> refusal;
    std::optional<Instant> nextAttempt;
    QDateTime dataFrom;

    QWebSocket* socket = nullptr;
    /// Counts sockets. Their signals come queued, so that nothing is ever done to a socket from within itself; what
    /// comes of one that was given up meanwhile bears an old number.
    quint64 line = 0;
    bool isUp = false; ///< upgraded; the synchroniser speaks
    QString tlsFault;
    std::optional<Instant> deadline; ///< of the upgrade, or of becoming Live
    std::optional<Instant> liveSince, staleSince;
};

Connection::Connection(Synchronizer& synchronizer, const Settings& settings, const Clock& clock,
    std::function<double()> random, QObject* parent)
    : QObject(parent)
    , d(std::make_unique<Private>(*this, synchronizer, settings, clock, std::move(random)))
{
    d->timer.setInterval(TickEvery);
    connect(&d->timer, &QTimer::timeout, this, &Connection::tick);
    connect(&synchronizer, &Synchronizer::send, this, [this](const QByteArray& text) {
        if (d->isUp)
            d->socket->sendTextMessage(QString::fromUtf8(text));
    });
    connect(&synchronizer, &Synchronizer::phaseChanged, this, [this] { d->refresh(); });
    connect(&synchronizer, &Synchronizer::refused, this, [this](const protocol::Refusal& refusal, bool isFinal) {
        if (d->isUp)
            d->end({refusal.message, isFinal, refusal}, true);
    });
    connect(&synchronizer, &Synchronizer::broken, this, [this](const QString& why) {
        if (d->isUp)
            d->end({QStringLiteral("What the engine sent is not the protocol: ") + why, false, {}}, true);
    });
}

Connection::~Connection()
{
    d->release(true);
    // A QWebSocket that still has something to send leaves its inner socket behind, unless it is aborted.
    const auto sockets = findChildren<QWebSocket*>(QString(), Qt::FindDirectChildrenOnly);
    for (QWebSocket* socket : sockets)
        socket->abort();
}

void Connection::open(const QUrl& url)
{
    KAV_ASSERT_THREAD(this);
    d->release(true);
    d->backoff.reset();
    d->reason.clear();
    d->refusal.reset();
    d->state = LinkState::Connecting;
    const quint64 line = d->line;
    if (std::exchange(d->url, url) != url) {
        d->dataFrom = {};
        d->synchronizer.forget();
    } else {
        d->synchronizer.lineDown();
    }
    if (d->line == line)
        d->attempt();
}

void Connection::close()
{
    KAV_ASSERT_THREAD(this);
    d->release(true);
    d->timer.stop();
    d->reason.clear();
    d->refusal.reset();
    d->state = LinkState::Disconnected;
    d->synchronizer.lineDown();
    d->announce();
}

void Connection::retryNow()
{
    KAV_ASSERT_THREAD(this);
    switch (d->state) {
    case LinkState::Connecting:
    case LinkState::Authenticating:
    case LinkState::Synchronizing:
    case LinkState::Live:
        return;
    case LinkState::Disconnected:
    case LinkState::Waiting:
    case LinkState::Stale:
    case LinkState::Refused:
        break;
    }
    if (!d->url.isValid())
        return;
    d->release(false);
    d->backoff.reset();
    d->state = LinkState::Connecting;
    const quint64 line = d->line;
    d->synchronizer.lineDown();
    if (d->line == line)
        d->attempt();
}

LinkState Connection::state() const
{
    return d->state;
}
QUrl Connection::url() const
{
    return d->url;
}
std::optional<Instant> Connection::nextAttempt() const
{
    return d->nextAttempt;
}
QString Connection::reason() const
{
    return d->reason;
}
std::optional<protocol::Refusal> Connection::refusal() const
{
    return d->refusal;
}
QDateTime Connection::dataFrom() const
{
    return d->dataFrom;
}

void Connection::tick()
{
    KAV_ASSERT_THREAD(this);
    const Instant now = d->clock.now();
    if (d->nextAttempt && now >= *d->nextAttempt) {
        d->attempt();
        return;
    }
    if (d->deadline && now >= *d->deadline) {
        d->end({d->isUp ? QStringLiteral("The engine took the line but did not get so far as to show its state")
                        : QStringLiteral("There was no answer in time"),
            false, {}});
        return;
    }
    if (d->state == LinkState::Live) {
        if (now - *d->liveSince >= SettledAfter)
            d->backoff.reset();
        const Milliseconds silence = elapsed(d->synchronizer.lastReceived(), now);
        if (silence >= d->settings.staleHeartbeats * d->synchronizer.welcome()->heartbeat) {
            // Counted from the moment it is noticed: after a time in which nothing ran, what has come is read first.
            d->staleSince = now;
            d->refresh();
        }
    } else if (d->staleSince && now - *d->staleSince >= d->settings.deadAfter) {
        d->end({QStringLiteral("The line is open but nothing comes"), false, {}});
        return;
    }
    d->synchronizer.tick();
}

void Connection::Private::attempt()
{
    release(false);
    const quint64 ours = ++line;
    tlsFault.clear();
    socket = new QWebSocket(QString(), QWebSocketProtocol::VersionLatest, &q);
    socket->setMaxAllowedIncomingFrameSize(LargestMessage);
    socket->setMaxAllowedIncomingMessageSize(LargestMessage);
    socket->setReadBufferSize(ReadBuffer);

    const auto on = [this, ours](auto signal, auto handler) {
        QObject::connect(
            socket, signal, &q,
            [this, ours, handler](const auto&... arguments) {
                if (line == ours)
                    handler(arguments...);
            },
            Qt::QueuedConnection);
    };
    on(&QWebSocket::connected, [this] { onUpgraded(); });
    on(&QWebSocket::textMessageReceived, [this](const QString& text) { onText(text); });
    on(&QWebSocket::binaryMessageReceived, [this](const QByteArray&) {
        end({QStringLiteral("The engine sent bytes where the protocol has text"), false, {}}, true);
    });
    // (errorOccurred is of Qt 6.5.)
    on(QOverload<QAbstractSocket::SocketError>::of(&QWebSocket::error),
        [this](QAbstractSocket::SocketError error) { onFailed(error); });
    // When it is our side that closes, for a fault of the peer's, `disconnected` waits until the peer reads.
    on(&QWebSocket::aboutToClose, [this] { onClosed(); });
    on(&QWebSocket::disconnected, [this] { onClosed(); });
    QObject::connect(socket, &QWebSocket::sslErrors, &q, [this, ours](const QList<QSslError>& errors) {
        if (line == ours && !errors.isEmpty())
            tlsFault = errors.first().errorString();
    });

    state = LinkState::Connecting;
    nextAttempt.reset();
    deadline = clock.now() + settings.openTime;
    timer.start();
    QWebSocketHandshakeOptions options;
    options.setSubprotocols({protocol::Subprotocol});
    socket->open(QNetworkRequest(url), options);
    announce();
}

void Connection::Private::onUpgraded()
{
    isUp = true;
    deadline = clock.now() + settings.welcomeTime;
    synchronizer.lineUp();
}

void Connection::Private::onText(const QString& text)
{
    dataFrom = clock.wallNow();
    staleSince.reset();
    synchronizer.take(text.toUtf8());
    refresh();
}

void Connection::Private::onFailed(QAbstractSocket::SocketError error)
{
    if (!isUp)
        end(endingBeforeUpgrade());
    else if (error == QAbstractSocket::RemoteHostClosedError) // had there been a close frame, it would have come first
        end({QStringLiteral("The line was cut"), false, {}});
    else
        end({socket->errorString(), false, {}});
}

void Connection::Private::onClosed()
{
    end(isUp ? endingOfClose(socket->closeCode(), socket->closeReason()) : endingBeforeUpgrade());
}

Ending Connection::Private::endingBeforeUpgrade() const
{
    if (!tlsFault.isEmpty())
        return {QStringLiteral("The engine's certificate does not hold: ") + tlsFault, false, {}};
    // QWebSocket tells the status only in words, as "...: 503 (Service Unavailable)."
    static const QRegularExpression status(QStringLiteral("(?<!\\d)([1-5]\\d\\d) \\("));
    const QString fault = socket->errorString();
    if (const auto match = status.match(fault); match.hasMatch())
        return endingOfStatus(match.captured(1).toInt());
    return {fault.isEmpty() ? QStringLiteral("The line was closed before the upgrade") : logSafe(fault), false, {}};
}

void Connection::Private::end(const Ending& ending, bool politely)
{
    release(politely);
    reason = ending.reason;
    refusal = ending.refusal;
    if (ending.isFinal) {
        state = LinkState::Refused;
        timer.stop();
    } else {
        state = LinkState::Waiting;
        nextAttempt = clock.now() + backoff.next();
    }
    synchronizer.lineDown();
    announce();
}

void Connection::Private::release(bool politely)
{
    QWebSocket* old = std::exchange(socket, nullptr);
    ++line;
    isUp = false;
    nextAttempt.reset();
    deadline.reset();
    liveSince.reset();
    staleSince.reset();
    if (!old)
        return;
    old->disconnect(&q);
    if (politely && old->state() == QAbstractSocket::ConnectedState) {
        QObject::connect(old, &QWebSocket::disconnected, old, &QObject::deleteLater);
        QTimer::singleShot(CloseWait, old, [old] {
            old->abort();
            old->deleteLater();
        });
        old->close(QWebSocketProtocol::CloseCodeNormal);
    } else {
        old->abort();
        old->deleteLater();
    }
}

void Connection::Private::refresh()
{
    if (!isUp)
        return;
    switch (synchronizer.phase()) {
    case Synchronizer::Phase::Down:
        return;
    case Synchronizer::Phase::Hello:
        state = LinkState::Authenticating;
        break;
    case Synchronizer::Phase::Synchronizing:
        state = LinkState::Synchronizing;
        if (!deadline)
            deadline = clock.now() + settings.welcomeTime;
        break;
    case Synchronizer::Phase::Live:
        state = staleSince ? LinkState::Stale : LinkState::Live;
        deadline.reset();
        if (!liveSince)
            liveSince = clock.now();
        reason.clear();
        refusal.reset();
        break;
    }
    announce();
}

void Connection::Private::announce()
{
    // A slot may change the state again; then it has been told already.
    if (announced == state)
        return;
    announced = state;
    if (reason.isEmpty())
        qCInfo(lcLink).noquote() << QMetaEnum::fromType<LinkState>().valueToKey(static_cast<int>(state));
    else
        qCInfo(lcLink).noquote() << QMetaEnum::fromType<LinkState>().valueToKey(static_cast<int>(state)) << '-'
                                 << logSafe(reason);
    Q_EMIT q.stateChanged(state);
}

} // namespace kav::console
