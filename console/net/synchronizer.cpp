// SPDX-License-Identifier: Apache-2.0
#include "console/net/synchronizer.h"

#include "console/net/enginetime.h"
#include "shared/core/logging.h"
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"

#include <algorithm>
#include <map>
#include <utility>

namespace kav::console {
namespace {

using namespace std::chrono_literals;
namespace wire = kav::protocol;

template <typename... T> struct Overloaded : T... {
    using T::operator()...;
};
template <typename... T> Overloaded(T...) -> Overloaded<T...>;

/// What a welcome may promise: less would have us ping all the time, more would hide a dead line.
constexpr Milliseconds ShortestHeartbeat = 1s;
constexpr Milliseconds LongestHeartbeat = 60s;

} // namespace

struct Synchronizer::Private final {
    struct Command {
        Instant deadline;
        QString watches; ///< the call, when it is a WatchCall
        bool isOwn = false; ///< nobody asked for it, nobody is told
    };

    Private(Synchronizer& synchronizer, QString clientName, const Clock& someClock)
        : q(synchronizer)
        , client(std::move(clientName))
        , clock(someClock)
    {
    }

    bool isLive() const { return phase == Phase::Live && !isOver; }
    void announcePhase();
    void sayHello();
    void handle(const QByteArray& text);
    void noteTime(const QDateTime& at);
    void takeWelcome(const wire::Welcome& message);
    void takeSnapshot(const wire::Snapshot& message);
    void takeDelta(const wire::Delta& message);
    void takeHeartbeat(const wire::Heartbeat& message);
    void takePong(const wire::Pong& message);
    void takeReply(const wire::Reply& message);
    void takeTranscript(const wire::CallTranscript& transcript);
    bool apply(const wire::Change& change, qint64 to);
    void refuse(const wire::Refusal& refusal);
    void giveUp(const QString& why);
    void gap();
    void askForSnapshot();
    void settleWatches();
    bool isBeingAskedFor(const QString& callId) const;
    void sendMessage(const wire::ToEngine& message);
    /// Gives the command its id and sends it, or has it finished later.
    template <typename T> qint64 post(T command, const QString& watches = {}, bool isOwn = false);
    void finishLater(qint64 id, wire::ErrorCode code, const QString& message);
    void forgetWatch(const QString& callId);

    Synchronizer& q;
    const QString client;
    const Clock& clock;
    QString token, operatorName;

    // The line.
    Phase phase = Phase::Down;
    Phase announced = Phase::Down;
    int line = 0; ///< counts lines: a slot may have taken ours down
    bool isOver = false; ///< refused or broken: nothing more is read from this line
    bool isTaking = false;
    QList<QByteArray> inbox; ///< came while a slot turned the event loop
    Instant lastReceived;
    std::optional<wire::Welcome> welcome;
    bool offeredResume = false;
    std::optional<Instant> snapshotAsked; ///< by us, and it has not come
    EngineTime engineTime;
    bool isTimeOld = false; ///< of the line before
    qint64 lastPing = 0;
    std::optional<Instant> pingSent; ///< and not answered
    std::optional<Instant> nextPing;
    std::optional<Milliseconds> roundTrip;

    // Where we are; outlives the line.
    QString run;
    std::optional<qint64> seq;
    QStringList watched; ///< in the order of asking
    QHash<QString, qint64> transcripts; ///< watched calls whose transcript we were given -> its sequence number
    QSet<QString> told; ///< calls that the engine takes for watched on this line

    std::map<qint64, Command> commands; ///< without a reply
    qint64 lastId = 0;
    Counters counters;
};

Synchronizer::Synchronizer(QString client, const Clock& clock, QObject* parent)
    : QObject(parent)
    , d(std::make_unique<Private>(*this, std::move(client), clock))
{
}

Synchronizer::~Synchronizer() = default;

void Synchronizer::setToken(const QString& token)
{
    d->token = token;
}
void Synchronizer::setOperatorName(const QString& name)
{
    d->operatorName = name;
}

void Synchronizer::lineUp()
{
    KAV_ASSERT_THREAD(this);
    lineDown();
    const int line = ++d->line;
    d->isOver = false;
    d->lastReceived = d->clock.now();
    d->told = QSet<QString>(d->watched.cbegin(), d->watched.cend());
    d->isTimeOld = true;
    d->roundTrip.reset();
    d->phase = Phase::Hello;
    d->announcePhase();
    if (d->line == line)
        d->sayHello();
}

void Synchronizer::lineDown()
{
    KAV_ASSERT_THREAD(this);
    if (d->phase == Phase::Down)
        return;
    ++d->line;
    d->phase = Phase::Down;
    d->inbox.clear();
    d->welcome.reset();
    d->snapshotAsked.reset();
    d->pingSent.reset();
    d->nextPing.reset();
    const auto commands = std::exchange(d->commands, {});
    d->announcePhase();
    for (const auto& [id, command] : commands) {
        if (!command.isOwn) Q_EMIT
            commandFinished(id,
                wire::CommandError{wire::ErrorCode::Unavailable,
                    QStringLiteral("The line went before the answer; whether it was done is not known")});
    }
}

void Synchronizer::forget()
{
    KAV_ASSERT_THREAD(this);
    d->run.clear();
    d->seq.reset();
    d->watched.clear();
    d->transcripts.clear();
    d->engineTime = {};
    lineDown();
}

void Synchronizer::take(const QByteArray& text)
{
    KAV_ASSERT_THREAD(this);
    if (d->phase == Phase::Down || d->isOver)
        return;
    d->lastReceived = d->clock.now();
    // A slot that shows a dialog turns the event loop: what comes then waits, for the order is all.
    d->inbox.append(text);
    if (d->isTaking)
        return;
    d->isTaking = true;
    while (!d->inbox.isEmpty())
        d->handle(d->inbox.takeFirst());
    d->isTaking = false;
}

void Synchronizer::tick()
{
    KAV_ASSERT_THREAD(this);
    if (d->phase == Phase::Down || d->isOver)
        return;
    const Instant now = d->clock.now();
    if (d->snapshotAsked && now - *d->snapshotAsked >= CommandTime) {
        d->giveUp(QStringLiteral("the engine was asked for a snapshot and sent none"));
        return;
    }
    if (d->welcome && !d->pingSent && (!d->nextPing || now >= *d->nextPing)) {
        d->pingSent = now;
        d->nextPing = now + d->welcome->heartbeat;
        d->sendMessage(wire::Ping{++d->lastPing});
    }

    QList<qint64> expired;
    for (auto it = d->commands.cbegin(); it != d->commands.cend();) {
        if (now < it->second.deadline) {
            ++it;
            continue;
        }
        if (!it->second.isOwn)
            expired.append(it->first);
        it = d->commands.erase(it);
    }
    for (const qint64 id : std::as_const(expired))
        Q_EMIT commandFinished(id,
            wire::CommandError{
                wire::ErrorCode::Timeout, QStringLiteral("The engine did not answer in time; it may have happened")});
}

Synchronizer::Phase Synchronizer::phase() const
{
    return d->phase;
}
const std::optional<protocol::Welcome>& Synchronizer::welcome() const
{
    return d->welcome;
}
bool Synchronizer::has(QLatin1String feature) const
{
    return d->welcome && d->welcome->features.contains(feature);
}
qint64 Synchronizer::seq() const
{
    return d->seq.value_or(0);
}
QDateTime Synchronizer::engineNow() const
{
    return d->engineTime.at(d->clock.now()).value_or(d->clock.wallNow());
}

std::optional<Milliseconds> Synchronizer::lag() const
{
    if (!d->roundTrip)
        return std::nullopt;
    const Milliseconds waiting = d->pingSent ? elapsed(*d->pingSent, d->clock.now()) : 0ms;
    return std::max(*d->roundTrip, waiting) / 2;
}

Instant Synchronizer::lastReceived() const
{
    return d->lastReceived;
}
const Synchronizer::Counters& Synchronizer::counters() const
{
    return d->counters;
}

qint64 Synchronizer::watch(const QString& callId)
{
    if (!d->watched.contains(callId))
        d->watched.append(callId);
    if (d->isLive())
        d->told.insert(callId);
    return d->post(wire::WatchCall{0, callId}, callId);
}

qint64 Synchronizer::unwatch(const QString& callId)
{
    d->watched.removeOne(callId);
    d->transcripts.remove(callId);
    if (d->isLive())
        d->told.remove(callId);
    return d->post(wire::UnwatchCall{0, callId});
}

qint64 Synchronizer::interrupt(const QString& callId)
{
    return d->post(wire::InterruptCall{0, callId});
}
qint64 Synchronizer::endCall(const QString& callId, bool now)
{
    return d->post(wire::EndCall{0, callId, now});
}

qint64 Synchronizer::transferCall(const QString& callId, const QString& to)
{
    return d->post(wire::TransferCall{0, callId, to});
}

qint64 Synchronizer::placeCall(const QString& to, const QString& persona, wire::Detection detection)
{
    return d->post(wire::PlaceCall{0, to, {}, persona, detection});
}

qint64 Synchronizer::startTestCall(const QStringList& say, const QByteArray& wav, const QString& digits)
{
    return d->post(wire::StartTestCall{0, say, wav, digits});
}

qint64 Synchronizer::queryLog(const QString& text, const QString& after, int limit)
{
    return d->post(wire::QueryLog{0, text, after, limit});
}

qint64 Synchronizer::queryCall(const QString& callId)
{
    return d->post(wire::QueryCall{0, callId});
}
qint64 Synchronizer::warmService(const QString& serviceId)
{
    return d->post(wire::WarmService{0, serviceId});
}

qint64 Synchronizer::queryRequests(const RequestFilter& filter, const QString& after, int limit)
{
    return d->post(wire::QueryRequests{0, filter.text, filter.call,
        filter.kind ? requestKindName(*filter.kind) : QString(), filter.refusedOnly, after, limit});
}

qint64 Synchronizer::makeEvidence(const QString& callId, bool folder, bool unmask)
{
    return d->post(wire::MakeEvidence{0, callId, folder, unmask});
}

qint64 Synchronizer::queryEvidence(const QString& pack)
{
    return d->post(wire::QueryEvidence{0, pack});
}

qint64 Synchronizer::readEvidence(const QString& pack, const QString& file, qint64 offset)
{
    return d->post(wire::ReadEvidence{0, pack, file, offset});
}

qint64 Synchronizer::dropEvidence(const QString& pack)
{
    return d->post(wire::DropEvidence{0, pack});
}

qint64 Synchronizer::watchRequests(bool on)
{
    return on ? d->post(wire::WatchRequests{}) : d->post(wire::UnwatchRequests{});
}

void Synchronizer::resync()
{
    if (d->isLive() && !d->snapshotAsked)
        d->askForSnapshot();
}

void Synchronizer::Private::announcePhase()
{
    // A slot may change the phase again; then it has been told already.
    if (announced == phase)
        return;
    announced = phase;
    Q_EMIT q.phaseChanged(phase);
}

void Synchronizer::Private::sayHello()
{
    wire::Hello hello;
    hello.lowest = wire::LowestVersion;
    hello.highest = wire::HighestVersion;
    hello.features = {wire::feature::CallLog, wire::feature::TestCall, wire::feature::Outbound, wire::feature::Control,
        wire::feature::Warm, wire::feature::Evidence, wire::feature::Replay};
    hello.client = client;
    hello.token = token;
    hello.operatorName = operatorName;
    if (seq)
        hello.resume = wire::Resume{run, *seq};
    hello.watch = watched;
    offeredResume = seq.has_value();
    sendMessage(hello);
}

void Synchronizer::Private::handle(const QByteArray& text)
{
    const Result<wire::ToConsole> message = wire::decodeToConsole(text);
    if (!message) {
        giveUp(message.error().message);
        return;
    }
    if (phase == Phase::Hello && !std::holds_alternative<wire::Welcome>(*message)
        && !std::holds_alternative<wire::Refusal>(*message)) {
        giveUp(QStringLiteral("something came before the welcome"));
        return;
    }
    std::visit(Overloaded{
                   [this](const wire::Welcome& welcomeMessage) { takeWelcome(welcomeMessage); },
                   [this](const wire::Refusal& refusal) { refuse(refusal); },
                   [this](const wire::Snapshot& snapshot) { takeSnapshot(snapshot); },
                   [this](const wire::Delta& delta) { takeDelta(delta); },
                   [this](const wire::Heartbeat& heartbeat) { takeHeartbeat(heartbeat); },
                   [this](const wire::Pong& pong) { takePong(pong); },
                   [this](const wire::Reply& reply) { takeReply(reply); },
                   [this](const wire::Requests& requests) { Q_EMIT q.requestsCame(requests); },
                   [this](const wire::UnknownMessage&) { ++counters.ignored; },
               },
        *message);
}

void Synchronizer::Private::noteTime(const QDateTime& at)
{
    if (std::exchange(isTimeOld, false))
        engineTime = {};
    engineTime.note(at, clock.now());
}

void Synchronizer::Private::takeWelcome(const wire::Welcome& message)
{
    if (phase != Phase::Hello) {
        giveUp(QStringLiteral("a second welcome came"));
        return;
    }
    if (message.version < wire::LowestVersion || message.version > wire::HighestVersion) {
        refuse({wire::ErrorCode::Version,
            QStringLiteral("The engine speaks version %1 of the protocol; this console speaks %2 to %3")
                .arg(message.version)
                .arg(wire::LowestVersion)
                .arg(wire::HighestVersion),
            message.version, message.version});
        return;
    }
    if (message.resumed && (!offeredResume || message.run != run)) {
        giveUp(QStringLiteral("the engine resumes what was never begun"));
        return;
    }
    const int ourLine = line;
    welcome = message;
    welcome->heartbeat = std::clamp(message.heartbeat, ShortestHeartbeat, LongestHeartbeat);
    if (message.resumed) {
        phase = Phase::Live;
    } else {
        phase = Phase::Synchronizing;
        run = message.run;
        seq.reset();
        transcripts.clear();
        snapshotAsked = clock.now();
    }
    Q_EMIT q.welcomed(wire::Welcome(*welcome));
    if (line == ourLine && message.resumed) Q_EMIT
        q.resumed();
    if (line != ourLine)
        return;
    announcePhase();
    if (line == ourLine && message.resumed)
        settleWatches();
}

void Synchronizer::Private::takeSnapshot(const wire::Snapshot& message)
{
    const int ourLine = line;
    ++counters.snapshots;
    noteTime(message.at);
    seq = message.seq;
    snapshotAsked.reset();
    transcripts.clear();
    // Live already for those who hear of it: what they ask for then is sent.
    phase = Phase::Live;
    Q_EMIT q.snapshotTaken(message);
    for (const wire::CallTranscript& transcript : message.watched) {
        if (line != ourLine)
            return;
        takeTranscript(transcript);
    }
    if (line != ourLine)
        return;
    announcePhase();
    if (line == ourLine)
        settleWatches();
}

void Synchronizer::Private::takeDelta(const wire::Delta& message)
{
    noteTime(message.at);
    if (message.to < message.from) {
        giveUp(QStringLiteral("a delta goes backwards"));
        return;
    }
    if (phase != Phase::Live || message.to <= *seq) {
        ++counters.ignored;
        return;
    }
    if (message.from != *seq) {
        ++counters.ignored;
        gap();
        return;
    }
    const int ourLine = line;
    seq = message.to;
    ++counters.deltas;
    for (const wire::Change& change : message.changes) {
        ++(apply(change, message.to) ? counters.changes : counters.ignored);
        if (line != ourLine)
            return;
    }
    Q_EMIT q.deltaTaken(message.to);
}

bool Synchronizer::Private::apply(const wire::Change& change, qint64 to)
{
    return std::visit(Overloaded{
                          [this](const wire::EngineChange& engine) {
                              Q_EMIT q.engineChanged(engine.engine);
                              return true;
                          },
                          [this](const wire::ServiceChange& service) {
                              Q_EMIT q.serviceChanged(service.service);
                              return true;
                          },
                          [this](const wire::CallChange& call) {
                              Q_EMIT q.callChanged(call.call);
                              return true;
                          },
                          [this](const wire::CallGone& gone) {
                              forgetWatch(gone.call);
                              told.remove(gone.call);
                              Q_EMIT q.callGone(gone.call);
                              return true;
                          },
                          [this, to](const wire::TurnChange& turn) {
                              // Without its transcript a turn has no place; up to the transcript's own number it is
                              // in there.
                              const auto transcript = transcripts.constFind(turn.call);
                              if (transcript == transcripts.cend() || to <= *transcript)
                                  return false;
                              Q_EMIT q.turnChanged(turn.call, turn.turn);
                              return true;
                          },
                          [this](const wire::LogChange& log) {
                              Q_EMIT q.logChanged(log.row);
                              return true;
                          },
                          [](const wire::UnknownChange&) { return false; },
                      },
        change);
}

void Synchronizer::Private::takeHeartbeat(const wire::Heartbeat& message)
{
    ++counters.heartbeats;
    noteTime(message.at);
    if (phase == Phase::Live && message.seq != *seq)
        gap();
}

void Synchronizer::Private::takePong(const wire::Pong& message)
{
    if (!pingSent || message.id != lastPing) {
        ++counters.ignored;
        return;
    }
    noteTime(message.at);
    roundTrip = elapsed(*std::exchange(pingSent, std::nullopt), clock.now());
}

void Synchronizer::Private::takeReply(const wire::Reply& message)
{
    const auto it = commands.find(message.id);
    if (it == commands.end()) {
        ++counters.ignored;
        return;
    }
    const Command command = it->second;
    commands.erase(it);
    if (const auto* result = std::get_if<wire::CommandResult>(&message.outcome)) {
        const auto* transcript = std::get_if<wire::CallTranscript>(result);
        if (transcript && transcript->call == command.watches)
            takeTranscript(*transcript);
    } else if (!command.watches.isEmpty() && !isBeingAskedFor(command.watches)) {
        const wire::ErrorCode code = std::get<wire::CommandError>(message.outcome).code;
        told.remove(command.watches);
        // Of a call that cannot be watched the next hello need not speak.
        if (code == wire::ErrorCode::NoSuchCall || code == wire::ErrorCode::NotPossible)
            forgetWatch(command.watches);
    }
    // Also when a slot took the line down meanwhile: this command was no longer among those that ended with it.
    if (!command.isOwn) Q_EMIT
        q.commandFinished(message.id, message.outcome);
}

void Synchronizer::Private::takeTranscript(const wire::CallTranscript& transcript)
{
    if (!watched.contains(transcript.call)) {
        ++counters.ignored;
        return;
    }
    transcripts.insert(transcript.call, transcript.seq);
    Q_EMIT q.transcriptTaken(transcript);
}

void Synchronizer::Private::refuse(const wire::Refusal& refusal)
{
    isOver = true;
    inbox.clear();
    if (refusal.code == wire::ErrorCode::BadMessage)
        seq.reset(); // what we offered to resume may be what was bad
    const bool isFinal = refusal.code == wire::ErrorCode::Version || refusal.code == wire::ErrorCode::Unauthorized;
    Q_EMIT q.refused(refusal, isFinal);
}

void Synchronizer::Private::giveUp(const QString& why)
{
    isOver = true;
    inbox.clear();
    // Resuming would bring the same message again.
    seq.reset();
    Q_EMIT q.broken(why);
}

void Synchronizer::Private::gap()
{
    phase = Phase::Synchronizing;
    const int ourLine = line;
    if (!snapshotAsked)
        askForSnapshot();
    if (line == ourLine)
        announcePhase();
}

void Synchronizer::Private::askForSnapshot()
{
    ++counters.resyncs;
    snapshotAsked = clock.now();
    sendMessage(wire::Resync{});
}

void Synchronizer::Private::settleWatches()
{
    const int ourLine = line;
    const QSet<QString> toldBefore = told;
    for (const QString& callId : toldBefore) {
        if (!watched.contains(callId)) {
            told.remove(callId);
            post(wire::UnwatchCall{0, callId}, {}, true);
        }
    }
    const QStringList wanted = watched;
    for (const QString& callId : wanted) {
        if (line != ourLine)
            return;
        if (!transcripts.contains(callId) && !isBeingAskedFor(callId)) {
            told.insert(callId);
            post(wire::WatchCall{0, callId}, callId, true);
        }
    }
}

bool Synchronizer::Private::isBeingAskedFor(const QString& callId) const
{
    return std::any_of(
        commands.cbegin(), commands.cend(), [&callId](const auto& entry) { return entry.second.watches == callId; });
}

void Synchronizer::Private::sendMessage(const wire::ToEngine& message)
{
    ++counters.sent;
    Q_EMIT q.send(wire::encode(message));
}

template <typename T> qint64 Synchronizer::Private::post(T command, const QString& watches, bool isOwn)
{
    KAV_ASSERT_THREAD(&q);
    const qint64 id = ++lastId;
    command.id = id;
    if (!isLive()) {
        finishLater(id, wire::ErrorCode::Unavailable, QStringLiteral("There is no live line to the engine"));
        return id;
    }
    const QByteArray text = wire::encode(wire::ToEngine(std::move(command)));
    if (text.size() > LongestMessage) {
        // The engine would cut the line for it.
        finishLater(id, wire::ErrorCode::BadMessage, QStringLiteral("This is longer than the engine takes"));
        return id;
    }
    commands.emplace(id, Command{clock.now() + CommandTime, watches, isOwn});
    ++counters.sent;
    Q_EMIT q.send(text);
    return id;
}

void Synchronizer::Private::finishLater(qint64 id, wire::ErrorCode code, const QString& message)
{
    QMetaObject::invokeMethod(
        &q, [this, id, outcome = Outcome(wire::CommandError{code, message})] { Q_EMIT q.commandFinished(id, outcome); },
        Qt::QueuedConnection);
}

void Synchronizer::Private::forgetWatch(const QString& callId)
{
    watched.removeOne(callId);
    transcripts.remove(callId);
}

} // namespace kav::console
