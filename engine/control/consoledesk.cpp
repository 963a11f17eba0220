// SPDX-License-Identifier: Apache-2.0
#include "engine/control/consoledesk.h"

#include "shared/core/logging.h"
#include "shared/core/masking.h"
#include "shared/protocol/version.h"

#include <QUuid>

#include <algorithm>

namespace kav::control {

namespace {

constexpr qsizetype LongestLoggedField = 100;
constexpr int LongestLogPage = 500;

QString outcomeName(const Outcome& outcome)
{
    const auto* const error = std::get_if<protocol::CommandError>(&outcome);
    return error ? protocol::errorCodeName(error->code) : QStringLiteral("done");
}

} // namespace

ConsoleDesk::ConsoleDesk(const Settings& settings, const ConsoleTokens& tokens, Identity identity, Commands commands,
    Hooks hooks, const Clock& clock)
    : m_commands(std::move(commands))
    , m_hooks(std::move(hooks))
    , m_shared{settings, tokens, std::move(identity), QUuid::createUuid().toString(QUuid::Id128),
          featuresOf(m_commands), clock, StateBoard(settings), {}, {}}
{
}

ConsoleDesk::~ConsoleDesk() = default;

QStringList ConsoleDesk::featuresOf(const Commands& commands)
{
    using namespace protocol;
    QStringList features{feature::Replay};
    if (commands.queryLog && commands.queryCall)
        features += feature::CallLog;
    if (commands.startTestCall)
        features += feature::TestCall;
    if (commands.placeCall)
        features += feature::Outbound;
    if (commands.interrupt && commands.endCall)
        features += feature::Control;
    if (commands.transferCall)
        features += feature::Transfer;
    if (commands.warmService)
        features += feature::Warm;
    if (commands.queryRequests)
        features += feature::Inspector;
    if (commands.makeEvidence && commands.queryEvidence && commands.readEvidence && commands.dropEvidence)
        features += feature::Evidence;
    return features;
}

quint64 ConsoleDesk::admit(std::unique_ptr<ConsoleSocket> socket, bool isTrusted, const QHostAddress& address)
{
    if (m_shared.counters.strangers >= m_shared.settings.strangers) {
        // A console says hello at once: who has been silent longest makes room, so that silent ones lock nobody out.
        const auto oldest = std::find_if(m_peers.cbegin(), m_peers.cend(),
            [](const auto& peer) { return peer.second->phase() == ConsolePeer::Phase::Stranger; });
        if (oldest != m_peers.cend()) {
            oldest->second->refuse(protocol::ErrorCode::TooManyConsoles,
                QStringLiteral("too many connections without a hello"), protocol::close::TooMany);
        }
    }
    const quint64 number = ++m_lastNumber;
    const auto [peer, isNew] = m_peers.emplace(number,
        std::make_unique<ConsolePeer>(
            number, std::move(socket), isTrusted, address, m_shared, static_cast<ConsolePeer::Owner&>(*this)));
    Q_ASSERT(isNew);
    if (m_isDown)
        peer->second->close(1001, QStringLiteral("the engine is stopping"));
    countPeers();
    return number;
}

void ConsoleDesk::receive(quint64 number, QByteArrayView text)
{
    if (const auto peer = m_peers.find(number); peer != m_peers.end()) {
        peer->second->receive(text);
        countPeers();
    }
}

void ConsoleDesk::receiveBinary(quint64 number)
{
    if (const auto peer = m_peers.find(number); peer != m_peers.end()) {
        peer->second->receiveBinary();
        countPeers();
    }
}

void ConsoleDesk::forget(quint64 number, const QString& reason)
{
    const auto it = m_peers.find(number);
    if (it == m_peers.end())
        return;
    const std::unique_ptr<ConsolePeer> peer = std::move(it->second);
    m_peers.erase(it);
    if (!peer->who().name.isEmpty()) {
        const qint64 stayed = elapsed(peer->since(), m_shared.clock.now()).count();
        record(peer->who(),
            {QStringLiteral("disconnect"), {},
                {{QStringLiteral("reason"), logSafe(reason, LongestLoggedField)}, {QStringLiteral("ms"), stayed}}},
            QStringLiteral("done"));
    }
    if (m_commands.consoleGone)
        m_commands.consoleGone(number);
    countPeers();
}

void ConsoleDesk::setEngine(const EngineStatus& status)
{
    m_engine = status;
    m_engine.consoles = m_shared.counters.consoles;
    noteChange(m_shared.board.setEngine(m_engine));
}

void ConsoleDesk::setService(const ServiceStatus& status)
{
    noteChange(m_shared.board.setService(status));
}

void ConsoleDesk::setCall(const CallSummary& call)
{
    noteChange(m_shared.board.setCall(call, m_shared.clock.now()));
    m_shared.counters.callsNotShown = m_shared.board.callsNotShown();
}

void ConsoleDesk::removeCall(const QString& callId)
{
    if (!m_shared.board.removeCall(callId))
        return;
    for (const auto& [number, peer] : m_peers)
        peer->forgetCall(callId);
    noteChange(true);
}

void ConsoleDesk::setTurn(const QString& callId, const TranscriptTurn& turn)
{
    if (!m_shared.board.setTurn(callId, turn))
        return;
    ++m_shared.counters.changes;
    if (m_watched.contains(callId))
        onDue();
}

void ConsoleDesk::setLogRow(const CallLogRow& row)
{
    m_shared.board.setLogRow(row);
    noteChange(true);
}

void ConsoleDesk::addRequest(const RequestRecord& request)
{
    const bool isWatched = std::any_of(
        m_peers.cbegin(), m_peers.cend(), [](const auto& peer) { return peer.second->watchesRequests(); });
    if (!isWatched)
        return;
    m_shared.requests.add(request, m_shared.settings.requestNews);
    onDue();
}

void ConsoleDesk::noteChange(bool hasChanged)
{
    if (!hasChanged)
        return;
    ++m_shared.counters.changes;
    if (m_shared.counters.consoles > 0)
        onDue();
}

void ConsoleDesk::shutDown()
{
    m_isDown = true;
    for (const auto& [number, peer] : m_peers)
        peer->close(1001, QStringLiteral("the engine is stopping"));
    countPeers();
}

void ConsoleDesk::tick()
{
    const Instant now = m_shared.clock.now();
    const QStringList gone = m_shared.board.expire(now);
    for (const QString& call : gone) {
        for (const auto& [number, peer] : m_peers)
            peer->forgetCall(call);
        noteChange(true);
    }
    QList<quint64> late;
    for (auto it = m_inFlight.cbegin(); it != m_inFlight.cend(); ++it) {
        if (now >= it->deadline)
            late += it.key();
    }
    for (const quint64 ticket : std::as_const(late)) {
        finish(ticket,
            protocol::CommandError{
                protocol::ErrorCode::Timeout, QStringLiteral("no answer in time; it may have happened")});
    }
    for (const auto& [number, peer] : m_peers)
        peer->tick();
    countPeers();
}

bool ConsoleDesk::flush()
{
    const QDateTime at = m_shared.clock.wallNow();
    bool isWaiting = false;
    for (const auto& [number, peer] : m_peers)
        isWaiting = peer->flush(at) || isWaiting;
    m_shared.board.trim();
    countPeers();
    return isWaiting;
}

bool ConsoleDesk::hasRoom() const
{
    return m_shared.counters.consoles < m_shared.settings.consoles;
}

void ConsoleDesk::onJoined(ConsolePeer& peer, const QString& client)
{
    record(peer.who(),
        {QStringLiteral("connect"), {},
            {{QStringLiteral("peer"), peer.who().peer.toString()},
                {QStringLiteral("client"), logSafe(client, LongestLoggedField)}}},
        QStringLiteral("done"));
}

void ConsoleDesk::onWrongToken(ConsolePeer& peer)
{
    if (m_hooks.authFailed)
        m_hooks.authFailed(peer.who().peer);
}

void ConsoleDesk::onDue()
{
    if (m_hooks.due)
        m_hooks.due();
}

bool ConsoleDesk::hasInFlight(const ConsolePeer& peer, qint64 id) const
{
    return std::any_of(m_inFlight.cbegin(), m_inFlight.cend(),
        [&](const InFlight& each) { return each.peer == peer.number() && each.id == id; });
}

void ConsoleDesk::onCommand(ConsolePeer& peer, qint64 id, const protocol::ToEngine& command)
{
    using namespace protocol;
    const auto inFlight = std::count_if(
        m_inFlight.cbegin(), m_inFlight.cend(), [&](const InFlight& each) { return each.peer == peer.number(); });
    if (inFlight >= m_shared.settings.commandsInFlight) {
        peer.reply(id,
            CommandError{ErrorCode::RateLimited, QStringLiteral("%1 commands wait for their answers").arg(inFlight)});
        return;
    }
    if (const auto* const interrupt = std::get_if<InterruptCall>(&command)) {
        run(peer, *interrupt, {QStringLiteral("interrupt"), interrupt->call, {}}, m_commands.interrupt);
    } else if (const auto* const end = std::get_if<EndCall>(&command)) {
        run(peer, *end, {QStringLiteral("end"), end->call, {{QStringLiteral("now"), end->now}}}, m_commands.endCall);
    } else if (const auto* const transfer = std::get_if<TransferCall>(&command)) {
        run(peer, *transfer,
            {QStringLiteral("transfer"), transfer->call,
                {{QStringLiteral("to"), logSafe(transfer->to, LongestLoggedField)}}},
            m_commands.transferCall);
    } else if (const auto* const test = std::get_if<StartTestCall>(&command)) {
        run(peer, *test, {QStringLiteral("test-call"), {}, {}}, m_commands.startTestCall);
    } else if (const auto* const place = std::get_if<PlaceCall>(&command)) {
        run(peer, *place,
            {QStringLiteral("place-call"), {},
                {{QStringLiteral("to"), maskNumber(place->to)}, {QStringLiteral("from"), maskNumber(place->from)},
                    {QStringLiteral("persona"), logSafe(place->persona, LongestLoggedField)},
                    {QStringLiteral("detection"), detectionName(place->detection)}}},
            m_commands.placeCall);
    } else if (const auto* const warm = std::get_if<WarmService>(&command)) {
        run(peer, *warm,
            {QStringLiteral("warm"), {}, {{QStringLiteral("service"), logSafe(warm->service, LongestLoggedField)}}},
            m_commands.warmService);
    } else if (const auto* const page = std::get_if<QueryLog>(&command)) {
        QueryLog bounded = *page;
        bounded.limit = std::clamp(bounded.limit, 1, LongestLogPage);
        run(peer, bounded, {}, m_commands.queryLog);
    } else if (const auto* const query = std::get_if<QueryCall>(&command)) {
        run(peer, *query, {}, m_commands.queryCall);
    } else if (const auto* const requests = std::get_if<QueryRequests>(&command)) {
        QueryRequests bounded = *requests;
        bounded.limit = std::clamp(bounded.limit, 1, LongestLogPage);
        run(peer, bounded, {}, m_commands.queryRequests);
    } else if (const auto* const make = std::get_if<MakeEvidence>(&command)) {
        // The call's name is as the console wrote it until the log has such a call.
        run(peer, *make,
            {QStringLiteral("evidence"), {},
                {{QStringLiteral("call"), logSafe(make->call, LongestLoggedField)},
                    {QStringLiteral("unmask"), make->unmask}}},
            m_commands.makeEvidence);
    } else if (const auto* const state = std::get_if<QueryEvidence>(&command)) {
        run(peer, *state, {}, m_commands.queryEvidence);
    } else if (const auto* const read = std::get_if<ReadEvidence>(&command)) {
        run(peer, *read, {}, m_commands.readEvidence);
    } else if (const auto* const drop = std::get_if<DropEvidence>(&command)) {
        run(peer, *drop, {}, m_commands.dropEvidence);
    }
}

template <typename Command>
void ConsoleDesk::run(ConsolePeer& peer, const Command& command, Act act,
    const std::function<void(const Operator&, const Command&, Done)>& function)
{
    constexpr bool IsOfLiveCall =
        std::is_same_v<Command, protocol::InterruptCall> || std::is_same_v<Command, protocol::EndCall>
        || std::is_same_v<Command, protocol::TransferCall>;
    const quint64 ticket = ++m_lastTicket;
    if constexpr (IsOfLiveCall) {
        // A name that no call has is not written into the record of calls.
        if (!m_shared.board.isShown(command.call)) {
            act.more.insert(QStringLiteral("call"), logSafe(command.call, LongestLoggedField));
            act.call.clear();
        }
    }
    m_inFlight.insert(ticket,
        {peer.number(), command.id, peer.who(), std::move(act), m_shared.clock.now() + m_shared.settings.commandTime});
    if (!function) {
        finish(ticket,
            protocol::CommandError{protocol::ErrorCode::NotPossible, QStringLiteral("this engine does not offer it")});
        return;
    }
    if constexpr (IsOfLiveCall) {
        if (!m_shared.board.isLive(command.call)) {
            finish(ticket,
                protocol::CommandError{protocol::ErrorCode::NoSuchCall, QStringLiteral("the call is not live")});
            return;
        }
    }
    function(peer.who(), command, [this, ticket, alive = std::weak_ptr<char>(m_alive)](const Outcome& outcome) {
        if (!alive.expired())
            finish(ticket, outcome);
    });
}

/// The first answer counts: a Timeout before a late one.
void ConsoleDesk::finish(quint64 ticket, const Outcome& outcome)
{
    const auto it = m_inFlight.constFind(ticket);
    if (it == m_inFlight.cend())
        return;
    InFlight done = *it;
    m_inFlight.erase(it);
    if (!done.act.name.isEmpty()) {
        const auto* const result = std::get_if<protocol::CommandResult>(&outcome);
        if (const auto* const test = result ? std::get_if<protocol::TestCallStarted>(result) : nullptr)
            done.act.call = test->call;
        if (const auto* const pack = result ? std::get_if<protocol::EvidencePack>(result) : nullptr)
            done.act.call = pack->call;
        if (const auto* const placed = result ? std::get_if<protocol::CallPlaced>(result) : nullptr)
            done.act.more.insert(QStringLiteral("placed"), placed->placed);
        record(done.who, done.act, outcomeName(outcome));
    }
    if (const auto peer = m_peers.find(done.peer); peer != m_peers.end())
        peer->second->reply(done.id, outcome);
}

void ConsoleDesk::record(const Operator& who, const Act& act, const QString& outcome)
{
    const LogCall logged(act.call);
    QJsonObject data = act.more;
    data.insert(QStringLiteral("operator"), who.name);
    data.insert(QStringLiteral("act"), act.name);
    data.insert(QStringLiteral("outcome"), outcome);
    if (!act.call.isEmpty())
        data.insert(QStringLiteral("call"), act.call);
    QStringList more;
    for (auto it = act.more.constBegin(); it != act.more.constEnd(); ++it)
        more += it.key() + QLatin1Char('=') + it.value().toVariant().toString();
    qCInfo(lcControl).noquote() << (act.call.isEmpty() ? QStringLiteral("-") : act.call) << who.name << "from"
                                << who.peer.toString() << ":" << act.name << outcome << more.join(QLatin1Char(' '));
    if (m_hooks.log) {
        m_hooks.log({calllog::Entry::Kind::OperatorAct, act.call, m_shared.clock.wallNow(), data});
    }
}

/// After all that may have moved a console in, out, or to another call.
void ConsoleDesk::countPeers()
{
    int consoles = 0;
    int strangers = 0;
    m_watched.clear();
    for (const auto& [number, peer] : m_peers) {
        consoles += peer->phase() == ConsolePeer::Phase::Console ? 1 : 0;
        strangers += peer->phase() == ConsolePeer::Phase::Stranger ? 1 : 0;
        m_watched += peer->watched();
    }
    m_shared.counters.strangers = strangers;
    if (std::exchange(m_shared.counters.consoles, consoles) != consoles)
        setEngine(m_engine);
}

} // namespace kav::control
