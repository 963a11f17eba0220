// SPDX-License-Identifier: Apache-2.0
#include "engine/control/consolepeer.h"

#include "shared/core/logging.h"
#include "shared/core/masking.h"
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"

#include <algorithm>
#include <type_traits>

namespace kav::control {

using protocol::ErrorCode;

namespace {

constexpr qsizetype LongestOperatorName = 64;

webhooks::RateGate perSecond(int rate, int burst)
{
    return {burst, std::max(Milliseconds(1), Milliseconds(1000) / std::max(1, rate))};
}

QString versionAdvice(const protocol::Hello& hello)
{
    using namespace protocol;
    const auto range = [](int lowest, int highest) {
        return lowest == highest ? QStringLiteral("version %1").arg(lowest)
                                 : QStringLiteral("versions %1 to %2").arg(lowest).arg(highest);
    };
    return QStringLiteral("this engine speaks %1 of the console protocol, the console %2: update the %3")
        .arg(range(LowestVersion, HighestVersion), range(hello.lowest, hello.highest),
            hello.highest < LowestVersion ? QStringLiteral("console") : QStringLiteral("engine"));
}

/// The id of what wants a Reply.
std::optional<qint64> commandId(const protocol::ToEngine& message)
{
    return std::visit(
        [](const auto& each) -> std::optional<qint64> {
            using Message = std::decay_t<decltype(each)>;
            if constexpr (std::is_same_v<Message, protocol::UnknownMessage>)
                return each.id;
            else if constexpr (
                std::is_same_v<Message,
                    protocol::
                        Hello> || std::is_same_v<Message, protocol::Ping> || std::is_same_v<Message, protocol::Resync>)
                return std::nullopt;
            else
                return each.id;
        },
        message);
}

/// Answered with more than a line.
bool isQuery(const protocol::ToEngine& message)
{
    return std::holds_alternative<protocol::WatchCall>(message) || std::holds_alternative<protocol::QueryLog>(message)
        || std::holds_alternative<protocol::QueryCall>(message)
        || std::holds_alternative<protocol::QueryRequests>(message)
        || std::holds_alternative<protocol::ReadEvidence>(message);
}

} // namespace

ConsolePeer::ConsolePeer(quint64 number, std::unique_ptr<ConsoleSocket> socket, bool isTrusted,
    const QHostAddress& address, Shared& shared, Owner& owner)
    : m_number(number)
    , m_socket(std::move(socket))
    , m_isTrusted(isTrusted)
    , m_shared(shared)
    , m_owner(owner)
    , m_who{{}, address, number}
    , m_since(shared.clock.now())
    , m_messages(perSecond(shared.settings.messagesPerSecond, shared.settings.messagesPerSecond))
    , m_commands(perSecond(shared.settings.commandsPerSecond, 2 * shared.settings.commandsPerSecond))
    , m_nextSnapshot(m_since)
    , m_lastSent(m_since)
    , m_lastTaken(m_since)
{
}

ConsolePeer::~ConsolePeer() = default;

void ConsolePeer::receive(QByteArrayView text)
{
    if (m_phase == Phase::Leaving)
        return;
    if (!m_messages.tryPass(m_shared.clock.now())) {
        ++m_shared.counters.rateCut;
        refuse(ErrorCode::RateLimited,
            QStringLiteral("more than %1 messages a second").arg(m_shared.settings.messagesPerSecond),
            protocol::close::TooMany);
        return;
    }
    const Result<protocol::ToEngine> message = protocol::decodeToEngine(text);
    if (!message) {
        ++m_shared.counters.badMessages;
        refuse(ErrorCode::BadMessage, message.error().message, protocol::close::BadMessage);
        return;
    }
    const auto* const hello = std::get_if<protocol::Hello>(&*message);
    if (m_phase == Phase::Console && hello) {
        ++m_shared.counters.badMessages;
        refuse(ErrorCode::BadMessage, QStringLiteral("a second hello"), protocol::close::BadMessage);
    } else if (m_phase == Phase::Console) {
        take(*message);
    } else if (hello) {
        takeHello(*hello);
    } else {
        refuse(ErrorCode::HelloExpected, QStringLiteral("the first message is a hello"), protocol::close::NoHello);
    }
}

void ConsolePeer::receiveBinary()
{
    if (m_phase == Phase::Leaving)
        return;
    ++m_shared.counters.badMessages;
    refuse(ErrorCode::BadMessage, QStringLiteral("a binary message; every one is text"), protocol::close::BadMessage);
}

void ConsolePeer::takeHello(const protocol::Hello& hello)
{
    using namespace protocol;
    const int version = std::min(hello.highest, HighestVersion);
    if (version < std::max(hello.lowest, LowestVersion)) {
        send(Refusal{ErrorCode::Version, versionAdvice(hello), LowestVersion, HighestVersion});
        logWarning(versionAdvice(hello));
        close(protocol::close::VersionMismatch, QStringLiteral("no version in common"));
        return;
    }
    if (m_isTrusted) {
        const QString name = logSafe(hello.operatorName.trimmed(), LongestOperatorName);
        m_who.name = name.isEmpty() ? QStringLiteral("operator") : name;
    } else if (const auto name = m_shared.tokens.operatorOf(hello.token)) {
        m_who.name = *name;
    } else {
        // The same words and the same way for each wrong token.
        ++m_shared.counters.authFailures;
        refuse(ErrorCode::Unauthorized, QStringLiteral("no valid token"), protocol::close::Unauthorized);
        if (!hello.token.isEmpty())
            m_owner.onWrongToken(*this);
        return;
    }
    if (!m_owner.hasRoom()) {
        refuse(ErrorCode::TooManyConsoles,
            QStringLiteral("%1 consoles are connected, which is the limit").arg(m_shared.settings.consoles),
            protocol::close::TooMany);
        m_who.name.clear();
        return;
    }
    for (const QString& call : hello.watch) {
        if (m_watched.size() < m_shared.settings.watchedCalls && m_shared.board.isShown(call))
            m_watched.insert(call);
    }
    const bool isResumed =
        hello.resume && hello.resume->run == m_shared.run && m_shared.board.holds(hello.resume->seq, m_watched);
    m_wantsSnapshot = !isResumed;
    m_seq = isResumed ? hello.resume->seq : 0;
    m_shared.counters.resumes += isResumed ? 1 : 0;
    m_phase = Phase::Console;
    send(Welcome{version, m_shared.features, m_shared.run, m_shared.identity.version, m_shared.identity.commit,
        m_shared.identity.name, m_shared.identity.startedAt, m_who.name, m_shared.settings.heartbeat, isResumed});
    m_owner.onJoined(*this, hello.client);
    m_owner.onDue();
}

void ConsolePeer::take(const protocol::ToEngine& message)
{
    if (const auto* const ping = std::get_if<protocol::Ping>(&message)) {
        send(protocol::Pong{ping->id, m_shared.clock.wallNow()});
        return;
    }
    if (std::holds_alternative<protocol::Resync>(message)) {
        m_wantsSnapshot = true;
        m_owner.onDue();
        return;
    }
    const std::optional<qint64> id = commandId(message);
    if (!id)
        return; // of a later version, and wants no answer
    if (m_owner.hasInFlight(*this, *id)) {
        ++m_shared.counters.badMessages;
        refuse(ErrorCode::BadMessage, QStringLiteral("command %1 is in hand already").arg(*id),
            protocol::close::BadMessage);
        return;
    }
    ++m_shared.counters.commands;
    if (!m_commands.tryPass(m_shared.clock.now())) {
        reply(*id,
            protocol::CommandError{ErrorCode::RateLimited,
                QStringLiteral("more than %1 commands a second").arg(m_shared.settings.commandsPerSecond)});
        return;
    }
    if (isQuery(message) && isBehind()) {
        reply(*id,
            protocol::CommandError{ErrorCode::TooSlow, QStringLiteral("what was sent before has not been read yet")});
        return;
    }
    if (const auto* const unknown = std::get_if<protocol::UnknownMessage>(&message)) {
        reply(*id,
            protocol::CommandError{ErrorCode::UnknownCommand,
                QStringLiteral("this engine does not know \"%1\"").arg(logSafe(unknown->type, 64))});
    } else if (const auto* const watch = std::get_if<protocol::WatchCall>(&message)) {
        takeWatch(*watch);
    } else if (const auto* const unwatch = std::get_if<protocol::UnwatchCall>(&message)) {
        m_watched.remove(unwatch->call);
        reply(*id, protocol::CommandResult());
    } else if (std::holds_alternative<protocol::WatchRequests>(message)) {
        if (!m_shared.features.contains(protocol::feature::Inspector)) {
            reply(*id,
                protocol::CommandError{ErrorCode::NotPossible, QStringLiteral("this engine does not offer it")});
            return;
        }
        m_requestsTold = m_shared.requests.last();
        reply(*id, protocol::CommandResult());
    } else if (std::holds_alternative<protocol::UnwatchRequests>(message)) {
        m_requestsTold.reset();
        reply(*id, protocol::CommandResult());
    } else {
        m_owner.onCommand(*this, *id, message);
    }
}

void ConsolePeer::takeWatch(const protocol::WatchCall& command)
{
    const auto transcript = m_shared.board.transcript(command.call);
    if (!transcript) {
        reply(command.id, protocol::CommandError{ErrorCode::NoSuchCall, QStringLiteral("the call is not live")});
        return;
    }
    if (!m_watched.contains(command.call) && m_watched.size() >= m_shared.settings.watchedCalls) {
        reply(command.id,
            protocol::CommandError{ErrorCode::NotPossible,
                QStringLiteral("%1 calls are watched, which is the limit").arg(m_shared.settings.watchedCalls)});
        return;
    }
    m_watched.insert(command.call);
    reply(command.id, protocol::CommandResult(*transcript));
}

void ConsolePeer::reply(qint64 id, const Outcome& outcome)
{
    m_shared.counters.commandErrors += std::holds_alternative<protocol::CommandError>(outcome) ? 1 : 0;
    if (m_phase == Phase::Console)
        send(protocol::Reply{id, outcome});
}

bool ConsolePeer::isBehind() const
{
    return m_socket->unsentBytes() > m_shared.settings.highWater;
}

bool ConsolePeer::flushRequests()
{
    const RequestNews& news = m_shared.requests;
    if (!m_requestsTold || *m_requestsTold == news.last())
        return false;
    if (isBehind())
        return true;
    sendBytes(news.messageAfter(*m_requestsTold));
    m_requestsTold = news.last();
    return false;
}

bool ConsolePeer::flush(const QDateTime& at)
{
    const bool requestsWait = m_phase == Phase::Console && flushRequests();
    return flushState(at) || requestsWait;
}

bool ConsolePeer::flushState(const QDateTime& at)
{
    StateBoard& board = m_shared.board;
    while (m_phase == Phase::Console) {
        m_wantsSnapshot = m_wantsSnapshot || !board.holds(m_seq, m_watched);
        if (!m_wantsSnapshot && m_seq == board.seq())
            return false;
        if (isBehind())
            return true;
        if (m_wantsSnapshot) {
            const Instant now = m_shared.clock.now();
            if (now < m_nextSnapshot)
                return true;
            m_nextSnapshot = now + m_shared.settings.snapshotEvery;
            m_wantsSnapshot = false;
            m_seq = board.seq();
            ++m_shared.counters.snapshots;
            sendBytes(board.snapshot(m_watched, at));
            return false;
        }
        const StateBoard::Message delta = board.delta(m_seq, m_watched, at);
        if (delta.text.isEmpty())
            return false;
        m_seq = delta.to;
        ++m_shared.counters.deltas;
        sendBytes(delta.text);
        if (delta.isWhole)
            return false;
    }
    return false;
}

void ConsolePeer::tick()
{
    const Instant now = m_shared.clock.now();
    const Settings& settings = m_shared.settings;
    if (m_phase == Phase::Stranger && elapsed(m_since, now) >= settings.helloTime) {
        refuse(ErrorCode::HelloExpected, QStringLiteral("no hello within %1 ms").arg(settings.helloTime.count()),
            protocol::close::NoHello);
    }
    if (m_phase != Phase::Console)
        return;
    const qsizetype unsent = m_socket->unsentBytes();
    if (unsent == 0 || m_handed - unsent > m_taken) {
        m_taken = m_handed - unsent;
        m_lastTaken = now;
    } else if (elapsed(m_lastTaken, now) >= settings.stall) {
        // Without a refusal: it would wait behind all that is not read.
        ++m_shared.counters.slowCut;
        close(protocol::close::TooSlow, QStringLiteral("nothing was read for %1 s").arg(settings.stall.count() / 1000));
        return;
    }
    if (elapsed(m_lastSent, now) >= settings.heartbeat && !isBehind())
        send(protocol::Heartbeat{m_seq, m_shared.clock.wallNow()});
}

void ConsolePeer::refuse(ErrorCode code, const QString& message, quint16 closeCode)
{
    if (m_phase == Phase::Leaving)
        return;
    logWarning(message);
    send(protocol::Refusal{code, message, {}, {}});
    close(closeCode, message);
}

void ConsolePeer::close(quint16 code, const QString& reason)
{
    if (m_phase == Phase::Leaving)
        return;
    m_phase = Phase::Leaving;
    m_watched.clear();
    m_requestsTold.reset();
    m_socket->close(code, reason);
}

void ConsolePeer::send(const protocol::ToConsole& message)
{
    sendBytes(protocol::encode(message));
}

void ConsolePeer::sendBytes(QByteArrayView text)
{
    if (m_phase == Phase::Leaving)
        return;
    m_lastSent = m_shared.clock.now();
    m_handed += text.size();
    m_shared.counters.bytes += quint64(text.size());
    if (m_socket->send(text))
        return;
    // It closed itself, and says so when this call is over: so much waited on it.
    ++m_shared.counters.slowCut;
    m_phase = Phase::Leaving;
    m_watched.clear();
    m_requestsTold.reset();
}

void ConsolePeer::logWarning(const QString& what)
{
    if (!m_shared.logGate.tryPass(m_shared.clock.now()))
        return;
    qCWarning(lcControl).noquote() << (m_who.name.isEmpty() ? QStringLiteral("a console") : m_who.name) << "from"
                                   << m_who.peer.toString() << "refused:" << logSafe(what);
}

} // namespace kav::control
