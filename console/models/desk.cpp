// SPDX-License-Identifier: Apache-2.0
#include "console/models/desk.h"

#include "console/models/throttle.h"
#include "console/models/words.h"
#include "shared/protocol/version.h"

#include <QHash>

namespace kav::console {

namespace {

using namespace std::chrono_literals;
namespace wire = kav::protocol;

/// Between two questions of a kind; the engine takes some twenty commands a second.
constexpr Milliseconds AskEvery = 250ms;

QString notConnectedSentence()
{
    return Desk::tr("The console has no live line to the engine.");
}

QString noLogSentence()
{
    return Desk::tr("This engine keeps no call log.");
}

bool isBeforeItsConversation(CallState state)
{
    return state == CallState::Ringing || state == CallState::Queued || state == CallState::Dialling
        || state == CallState::Answered;
}

bool isPassedOn(CallState state)
{
    return state == CallState::Transferring || state == CallState::OnHold || state == CallState::Transferred;
}

/// Why this call cannot be passed on; empty: it can.
QString whyNoPassingOn(const CallSummary& call)
{
    if (isBeforeItsConversation(call.state))
        return Desk::tr("The call is not connected yet.");
    if (isPassedOn(call.state))
        return Desk::tr("The call was passed on already.");
    if (call.state == CallState::Ending)
        return Desk::tr("The agent is saying goodbye already.");
    if (call.transferTargets.isEmpty())
        return Desk::tr("There is nobody this call could be passed on to: the engine's settings name no one.");
    return {};
}

/// Why the agent of this call cannot be interrupted; empty: it can.
QString whyNoInterruption(CallState state)
{
    switch (state) {
    case CallState::Greeting:
    case CallState::Thinking:
    case CallState::Speaking:
        return {};
    case CallState::Ringing:
    case CallState::Queued:
    case CallState::Dialling:
    case CallState::Answered:
        return Desk::tr("The call is not connected yet.");
    case CallState::Listening:
    case CallState::CallerSpeaking:
    case CallState::DecidingTurn:
    case CallState::Interrupted:
    case CallState::Held:
        return Desk::tr("The agent is silent: there is nothing to interrupt.");
    case CallState::Ending:
        return Desk::tr("The agent is saying goodbye, which cannot be interrupted.");
    case CallState::Transferring:
    case CallState::OnHold:
    case CallState::Transferred:
        return Desk::tr("The call was passed on: the agent is not in it.");
    case CallState::Ended:
        return Desk::tr("The call is over.");
    }
    return {};
}

} // namespace

struct Desk::Private final {
    struct Command final {
        Act act;
        QString target;
    };
    struct RequestsQuestion final {
        int number = 0;
        RequestFilter filter;
        QString after;
        int limit = 0;
    };
    struct LogQuestion final {
        int number = 0;
        QString text, after;
        int limit = 0;
    };

    Private(Desk& desk, const Clock& someClock)
        : q(desk)
        , clock(someClock)
        , followThrottle(AskEvery, [this] { follow(); })
        , logThrottle(AskEvery, [this] { askLog(); })
        , requestsThrottle(AskEvery, [this] { askRequests(); })
    {
    }

    void listen();
    void updateLive();
    void takeSnapshot(const wire::Snapshot& snapshot);
    void takeCall(const CallSummary& call);
    void loseCall(const QString& callId);
    void takeTranscript(const wire::CallTranscript& transcript);
    void takeLogRow(const CallLogRow& row);
    void finish(qint64 id, const Outcome& outcome);
    void finishAct(const Command& command, const Outcome& outcome);
    void finishWatch(const Outcome& outcome);
    void finishDetail(const Outcome& outcome);
    void finishLog(int question, const Outcome& outcome);
    void finishRequests(int question, const Outcome& outcome);

    /// Brings what the engine is asked for in line with the selection.
    void follow();
    void fetchDetail();
    void askLog();
    void askRequests();
    void followRequests(); ///< after the line has come back, or the pane
    void setTrouble(const QString& sentence);
    void send(Act act, const QString& target, qint64 id);
    void markPending(const Command& command);
    bool isPending(Act act, const QString& target) const;
    QString whyNoTestCall() const;
    QString whyNoWarming(const QString& serviceId) const;
    QString sentenceOf(const wire::CommandError& error) const; ///< of an act
    QString whyNoAnswer(const wire::CommandError& error) const; ///< to a question

    Desk& q;
    const Clock& clock;
    QTimer secondTimer;
    bool live = false;

    QHash<qint64, Command> commands; ///< acts without an answer

    QString selected;
    QString watched; ///< the call that the engine was asked to tell the turns of
    std::optional<qint64> watchCommand, detailCommand;
    bool turnsTaken = false; ///< some turns of the selected call have come
    bool detailTaken = false; ///< the log's own account has come
    QString trouble;
    std::optional<CallLogRow> logRow;
    Throttle followThrottle;

    LogQuestion logQuestion;
    QHash<qint64, int> logCommands; ///< command -> number of the question
    Throttle logThrottle;

    bool requestsShown = false;
    RequestsQuestion requestsQuestion;
    QHash<qint64, int> requestsCommands; ///< command -> number of the question
    Throttle requestsThrottle;

    /// Of all connections: gone before the rest, so that nothing is told while the desk is taken apart.
    QObject context;
};

Desk::Desk(
    const QString& client, const Clock& clock, std::function<double()> random, const Connection::Settings& settings)
    : m_synchronizer(std::make_unique<Synchronizer>(client, clock))
    , m_connection(std::make_unique<Connection>(*m_synchronizer, settings, clock, std::move(random)))
    , m_liveCalls(std::make_unique<LiveCallsModel>([this] { return m_synchronizer->engineNow(); }))
    , m_shownCalls(std::make_unique<CallsFilter>())
    , m_transcript(std::make_unique<TranscriptModel>())
    , m_services(std::make_unique<ServicesModel>([this] { return m_synchronizer->engineNow(); }))
    , m_log(std::make_unique<CallLogModel>())
    , m_requests(std::make_unique<RequestsModel>())
    , m_evidence(std::make_unique<EvidenceSaver>(*m_synchronizer))
    , d(std::make_unique<Private>(*this, clock))
{
    m_shownCalls->setSourceModel(m_liveCalls.get());
    m_liveCalls->setLive(false);
    m_transcript->setLive(false);
    m_services->setLive(false);
    m_log->setLive(false);
    m_requests->setLive(false);
    d->listen();
}

Desk::~Desk() = default;

void Desk::connectTo(const QUrl& url, const QString& token, const QString& operatorName)
{
    if (url != m_connection->url()) {
        // Nothing of another engine may be taken for this one's.
        selectCall({});
        m_liveCalls->take({});
        m_services->clear();
        m_log->clear();
        m_requests->clear();
        d->watched.clear(); // the synchroniser forgets it too
        d->watchCommand.reset();
    }
    m_synchronizer->setToken(token);
    m_synchronizer->setOperatorName(operatorName);
    m_connection->open(url);
    Q_EMIT linkChanged();
}

void Desk::disconnectFromEngine()
{
    m_connection->close();
}

bool Desk::isLive() const
{
    return m_synchronizer->phase() == Synchronizer::Phase::Live && m_connection->state() != LinkState::Stale;
}

QString Desk::stoppingSentence() const
{
    const EngineStatus engine = m_services->engine();
    return isLive() && engine.draining ? drainSentence(engine, d->clock.wallNow()) : QString();
}

QString Desk::linkSentence() const
{
    if (isLive())
        return {};
    const Instant now = d->clock.now();
    const QDateTime dataFrom = m_connection->dataFrom();
    const auto refusal = m_connection->refusal();
    QString sentence;
    switch (m_connection->state()) {
    case LinkState::Disconnected:
        sentence = tr("Not connected to an engine.");
        break;
    case LinkState::Waiting: {
        const Instant next = m_connection->nextAttempt().value_or(now);
        const QString wait =
            durationWords(std::chrono::ceil<std::chrono::seconds>(std::max(next - now, Instant::duration::zero())));
        if (refusal)
            //: %1: a sentence, why the engine refused; %2: a length of time
            sentence = tr("%1 The next attempt comes in %2.").arg(refusalSentence(*refusal), wait);
        else if (dataFrom.isValid())
            //: %1: a length of time
            sentence = tr("The line to the engine is lost. The next attempt comes in %1.").arg(wait);
        else
            //: %1: a length of time
            sentence = tr("The engine cannot be reached. The next attempt comes in %1.").arg(wait);
        break;
    }
    case LinkState::Connecting:
        //: %1: name of a machine
        sentence = tr("Connecting to %1.").arg(isolated(m_connection->url().authority()));
        break;
    case LinkState::Authenticating:
        sentence = tr("Connected; signing in.");
        break;
    case LinkState::Live: // for a moment, while the synchroniser knows more than the line
    case LinkState::Synchronizing:
        sentence = tr("Connected; asking the engine what is going on.");
        break;
    case LinkState::Stale:
        //: %1: a length of time
        sentence = tr("Nothing has come from the engine for %1.")
                       .arg(durationWords(elapsed(m_synchronizer->lastReceived(), now)));
        break;
    case LinkState::Refused:
        sentence = refusal ? refusalSentence(*refusal)
                           : tr("There is no engine for consoles at this address. Check it in the connection's "
                                "settings.");
        break;
    }
    if (!dataFrom.isValid())
        return sentence;
    //: %1: a sentence on the state of the line; %2: time of day
    return tr("%1 What is shown is from %2.").arg(sentence, timeText(dataFrom, d->clock.wallNow()));
}

void Desk::selectCall(const QString& callId)
{
    if (callId == d->selected && d->trouble.isEmpty())
        return;
    if (callId != d->selected) {
        d->selected = callId;
        d->turnsTaken = false;
        d->logRow = m_log->row(callId);
        m_transcript->clear(callId);
    }
    d->detailTaken = false;
    d->detailCommand.reset();
    d->trouble.clear();
    d->followThrottle.ask();
    Q_EMIT selectionChanged();
    Q_EMIT actsChanged();
}

QString Desk::selectedCall() const
{
    return d->selected;
}

std::optional<CallSummary> Desk::selectedLive() const
{
    return m_liveCalls->call(d->selected);
}

std::optional<CallLogRow> Desk::selectedLogRow() const
{
    return d->logRow;
}

bool Desk::isSelectionLoading() const
{
    return isLive() && !d->selected.isEmpty() && !d->turnsTaken && d->trouble.isEmpty();
}

QString Desk::selectionTrouble() const
{
    return d->trouble;
}

QString Desk::whyNot(Act act, const QString& target) const
{
    if (!isLive())
        return notConnectedSentence();
    const bool known = m_synchronizer->has(act == Act::TestCall ? wire::feature::TestCall
            : act == Act::PlaceCall                             ? wire::feature::Outbound
            : act == Act::WarmService                           ? wire::feature::Warm
            : act == Act::PassOn                                ? wire::feature::Transfer
            : act == Act::SaveEvidence                          ? wire::feature::Evidence
                                                                : wire::feature::Control);
    if (!known)
        return act == Act::PlaceCall ? tr("This engine calls nobody: it is not set up for it.")
            : act == Act::PassOn     ? tr("This engine passes no calls on. It may be older than the console.")
            : act == Act::SaveEvidence
            ? tr("This engine makes no evidence for consoles. It may be older than the console.")
            : tr("This engine cannot do that.");
    if (d->isPending(act, target) || (act == Act::EndCall && d->isPending(Act::EndCallNow, target)))
        return tr("The engine has not answered yet.");
    if (act == Act::TestCall || act == Act::PlaceCall)
        return d->whyNoTestCall();
    if (act == Act::WarmService)
        return d->whyNoWarming(target);

    if (target.isEmpty())
        return tr("Select a call first.");
    const auto call = m_liveCalls->call(target);
    if (act == Act::SaveEvidence) {
        if (m_evidence->stage() != EvidenceSaver::Stage::Idle)
            return tr("Evidence is being saved already; one at a time.");
        // It is logged from its first webhook on, under the id it has from Twilio.
        const bool isKnown = !call || call->placed != call->id || call->id.isEmpty();
        return isKnown ? QString() : tr("The call is not connected yet.");
    }
    if (!call || call->state == CallState::Ended)
        return tr("The call is over.");
    if (act == Act::Interrupt)
        return whyNoInterruption(call->state);
    if (act == Act::PassOn)
        return whyNoPassingOn(*call);
    if (isBeforeItsConversation(call->state) && call->placed.isEmpty())
        return tr("The call is not connected yet.");
    if (act == Act::EndCall && call->state == CallState::Ending)
        return tr("The agent is saying goodbye already.");
    if (act == Act::EndCall && isPassedOn(call->state))
        return tr("The call was passed on: the agent is not there to say goodbye.");
    return {};
}

bool Desk::isPending(Act act, const QString& target) const
{
    return d->isPending(act, target);
}

void Desk::interrupt(const QString& callId)
{
    if (whyNot(Act::Interrupt, callId).isEmpty())
        d->send(Act::Interrupt, callId, m_synchronizer->interrupt(callId));
}

void Desk::endCall(const QString& callId, bool now)
{
    const Act act = now ? Act::EndCallNow : Act::EndCall;
    if (whyNot(act, callId).isEmpty())
        d->send(act, callId, m_synchronizer->endCall(callId, now));
}

void Desk::endCallPolitely(const QString& callId)
{
    endCall(callId, !whyNot(Act::EndCall, callId).isEmpty());
}

void Desk::passOn(const QString& callId, const QString& to)
{
    if (whyNot(Act::PassOn, callId).isEmpty())
        d->send(Act::PassOn, callId, m_synchronizer->transferCall(callId, to));
}

void Desk::startTestCall(const QStringList& say, const QByteArray& wav, const QString& digits)
{
    if (whyNot(Act::TestCall).isEmpty())
        d->send(Act::TestCall, {}, m_synchronizer->startTestCall(say, wav, digits));
}

void Desk::placeCall(const QString& to, const QString& persona, wire::Detection detection)
{
    if (whyNot(Act::PlaceCall).isEmpty())
        d->send(Act::PlaceCall, {}, m_synchronizer->placeCall(to, persona, detection));
}

std::optional<CallSummary> Desk::placedCall(const QString& placed) const
{
    if (const auto waiting = m_liveCalls->call(placed))
        return waiting;
    return placed.isEmpty() ? std::nullopt : m_liveCalls->placedCall(placed);
}

void Desk::warmService(const QString& serviceId)
{
    if (whyNot(Act::WarmService, serviceId).isEmpty())
        d->send(Act::WarmService, serviceId, m_synchronizer->warmService(serviceId));
}

void Desk::saveEvidence(const EvidenceSaver::Order& order)
{
    if (whyNot(Act::SaveEvidence, order.call).isEmpty())
        m_evidence->save(order);
}

void Desk::showRequests(bool on)
{
    if (std::exchange(d->requestsShown, on) == on)
        return;
    if (on)
        d->followRequests();
    else if (d->live && m_synchronizer->has(wire::feature::Inspector))
        m_synchronizer->watchRequests(false);
}

void Desk::tick()
{
    m_services->tickTimes();
    Q_EMIT linkChanged();
}

void Desk::retranslate()
{
    m_liveCalls->retranslate();
    m_shownCalls->retranslate();
    m_transcript->retranslate();
    m_services->retranslate();
    m_log->retranslate();
    m_requests->retranslate();
    Q_EMIT selectionChanged();
    Q_EMIT actsChanged();
    Q_EMIT linkChanged();
}

void Desk::Private::listen()
{
    Synchronizer* const line = q.m_synchronizer.get();
    connect(line, &Synchronizer::phaseChanged, &context, [this] { updateLive(); });
    connect(q.m_connection.get(), &Connection::stateChanged, &context, [this] { updateLive(); });
    connect(line, &Synchronizer::snapshotTaken, &context,
        [this](const wire::Snapshot& snapshot) { takeSnapshot(snapshot); });
    connect(line, &Synchronizer::resumed, &context, [this] {
        trouble.clear();
        follow();
        q.m_log->reload();
        followRequests();
    });
    connect(line, &Synchronizer::engineChanged, &context, [this](const EngineStatus& engine) {
        q.m_services->setEngine(engine);
        Q_EMIT q.actsChanged();
    });
    connect(line, &Synchronizer::serviceChanged, &context, [this](const ServiceStatus& service) {
        q.m_services->change(service);
        Q_EMIT q.actsChanged();
    });
    connect(line, &Synchronizer::callChanged, &context, [this](const CallSummary& call) { takeCall(call); });
    connect(line, &Synchronizer::callGone, &context, [this](const QString& callId) { loseCall(callId); });
    connect(line, &Synchronizer::transcriptTaken, &context,
        [this](const wire::CallTranscript& transcript) { takeTranscript(transcript); });
    connect(line, &Synchronizer::turnChanged, &context,
        [this](const QString& callId, const TranscriptTurn& turn) { q.m_transcript->change(callId, turn); });
    connect(line, &Synchronizer::logChanged, &context, [this](const CallLogRow& row) { takeLogRow(row); });
    connect(line, &Synchronizer::commandFinished, &context,
        [this](qint64 id, const Outcome& outcome) { finish(id, outcome); });
    connect(q.m_evidence.get(), &EvidenceSaver::changed, &context, [this] { Q_EMIT q.actsChanged(); });
    connect(q.m_evidence.get(), &EvidenceSaver::failed, &context,
        [this](const QString& call, const QString& sentence) { Q_EMIT q.failed(Act::SaveEvidence, call, sentence); });
    connect(q.m_evidence.get(), &EvidenceSaver::saved, &context,
        [this] { Q_EMIT q.done(Act::SaveEvidence, {}); });
    connect(q.m_log.get(), &CallLogModel::wanted, &context,
        [this](int question, const QString& text, const QString& after, int limit) {
            logQuestion = {question, text, after, limit};
            logThrottle.ask();
        });
    connect(line, &Synchronizer::requestsCame, &context, [this](const wire::Requests& news) {
        if (!requestsShown)
            return;
        if (news.missed)
            q.m_requests->reload();
        else
            q.m_requests->take(news.requests);
    });
    connect(q.m_requests.get(), &RequestsModel::wanted, &context,
        [this](int question, const RequestFilter& filter, const QString& after, int limit) {
            requestsQuestion = {question, filter, after, limit};
            requestsThrottle.ask();
        });
    secondTimer.setInterval(1s);
    connect(&secondTimer, &QTimer::timeout, &context, [this] { q.tick(); });
    secondTimer.start();
}

void Desk::Private::updateLive()
{
    const bool now = q.isLive();
    if (now != live) {
        live = now;
        q.m_liveCalls->setLive(live);
        q.m_transcript->setLive(live);
        q.m_services->setLive(live);
        q.m_log->setLive(live);
        q.m_requests->setLive(live);
        Q_EMIT q.actsChanged();
        Q_EMIT q.selectionChanged();
    }
    Q_EMIT q.linkChanged();
}

void Desk::Private::takeSnapshot(const wire::Snapshot& snapshot)
{
    q.m_services->setEngine(snapshot.engine);
    q.m_services->take(snapshot.services);
    q.m_liveCalls->take(snapshot.calls);
    // The log may know more of a call that was shown before the line went.
    detailTaken = false;
    trouble.clear();
    follow();
    q.m_log->reload();
    followRequests();
    Q_EMIT q.selectionChanged();
    Q_EMIT q.actsChanged();
}

void Desk::Private::takeCall(const CallSummary& call)
{
    q.m_liveCalls->change(call);
    if (call.id != selected)
        return;
    if (watched != selected)
        followThrottle.ask();
    Q_EMIT q.selectionChanged();
    Q_EMIT q.actsChanged();
}

void Desk::Private::loseCall(const QString& callId)
{
    q.m_liveCalls->remove(callId);
    if (callId == watched)
        watched.clear(); // the engine and the synchroniser have forgotten it by themselves
    if (callId != selected)
        return;
    detailTaken = false;
    followThrottle.ask();
    Q_EMIT q.selectionChanged();
    Q_EMIT q.actsChanged();
}

void Desk::Private::takeTranscript(const wire::CallTranscript& transcript)
{
    q.m_transcript->take(transcript);
    if (transcript.call != selected)
        return;
    turnsTaken = true;
    setTrouble({});
}

void Desk::Private::takeLogRow(const CallLogRow& row)
{
    q.m_log->change(row);
    if (row.id != selected)
        return;
    logRow = row;
    if (!q.selectedLive()) {
        detailTaken = false;
        followThrottle.ask();
    }
    Q_EMIT q.selectionChanged();
}

void Desk::Private::finish(qint64 id, const Outcome& outcome)
{
    if (const auto it = commands.constFind(id); it != commands.constEnd()) {
        const Command command = *it;
        commands.erase(it);
        finishAct(command, outcome);
    } else if (logCommands.contains(id)) {
        finishLog(logCommands.take(id), outcome);
    } else if (requestsCommands.contains(id)) {
        finishRequests(requestsCommands.take(id), outcome);
    } else if (id == watchCommand) {
        watchCommand.reset();
        finishWatch(outcome);
    } else if (id == detailCommand) {
        detailCommand.reset();
        finishDetail(outcome);
    }
}

void Desk::Private::finishAct(const Command& command, const Outcome& outcome)
{
    markPending(command);
    Q_EMIT q.actsChanged();
    if (const auto* error = std::get_if<wire::CommandError>(&outcome)) {
        Q_EMIT q.failed(command.act, command.target, sentenceOf(*error));
        return;
    }
    Q_EMIT q.done(command.act, command.target);
    if (const auto* placed = std::get_if<wire::CallPlaced>(&std::get<wire::CommandResult>(outcome)))
        Q_EMIT q.callPlaced(placed->placed);
    if (const auto* started = std::get_if<wire::TestCallStarted>(&std::get<wire::CommandResult>(outcome))) Q_EMIT
        q.testCallStarted(started->call);
}

void Desk::Private::finishWatch(const Outcome& outcome)
{
    const auto* error = std::get_if<wire::CommandError>(&outcome);
    if (!error || error->code == wire::ErrorCode::Unavailable)
        return; // the turns came before this; or the synchroniser asks again when the line is back
    const QString call = std::exchange(watched, {});
    if (error->code != wire::ErrorCode::NoSuchCall && error->code != wire::ErrorCode::NotPossible)
        q.m_synchronizer->unwatch(call);
    if (call != selected)
        return;
    if (error->code == wire::ErrorCode::NoSuchCall)
        fetchDetail();
    else
        setTrouble(whyNoAnswer(*error));
}

void Desk::Private::finishDetail(const Outcome& outcome)
{
    if (const auto* error = std::get_if<wire::CommandError>(&outcome)) {
        setTrouble(whyNoAnswer(*error));
        return;
    }
    const auto* detail = std::get_if<wire::CallDetail>(&std::get<wire::CommandResult>(outcome));
    if (!detail || detail->row.id != selected) {
        setTrouble(errorSentence({wire::ErrorCode::BadMessage, {}}));
        return;
    }
    detailTaken = true;
    turnsTaken = true;
    logRow = detail->row;
    q.m_transcript->take(*detail);
    setTrouble({});
}

void Desk::Private::finishLog(int question, const Outcome& outcome)
{
    if (const auto* error = std::get_if<wire::CommandError>(&outcome))
        q.m_log->takeFailure(question, whyNoAnswer(*error));
    else if (const auto* page = std::get_if<wire::LogPage>(&std::get<wire::CommandResult>(outcome)))
        q.m_log->takePage(question, *page);
    else
        q.m_log->takeFailure(question, errorSentence({wire::ErrorCode::BadMessage, {}}));
}

void Desk::Private::finishRequests(int question, const Outcome& outcome)
{
    if (const auto* error = std::get_if<wire::CommandError>(&outcome))
        q.m_requests->takeFailure(question, whyNoAnswer(*error));
    else if (const auto* page = std::get_if<wire::RequestPage>(&std::get<wire::CommandResult>(outcome)))
        q.m_requests->takePage(question, *page);
    else
        q.m_requests->takeFailure(question, errorSentence({wire::ErrorCode::BadMessage, {}}));
}

void Desk::Private::followRequests()
{
    if (!requestsShown || q.m_synchronizer->phase() != Synchronizer::Phase::Live)
        return;
    if (q.m_synchronizer->has(wire::feature::Inspector))
        q.m_synchronizer->watchRequests(true);
    q.m_requests->reload();
}

void Desk::Private::askRequests()
{
    if (q.m_synchronizer->phase() != Synchronizer::Phase::Live)
        q.m_requests->takeFailure(requestsQuestion.number, notConnectedSentence());
    else if (!q.m_synchronizer->has(wire::feature::Inspector))
        q.m_requests->takeFailure(requestsQuestion.number, tr("This engine does not show its requests."));
    else
        requestsCommands.insert(q.m_synchronizer->queryRequests(
                                    requestsQuestion.filter, requestsQuestion.after, requestsQuestion.limit),
            requestsQuestion.number);
}

void Desk::Private::follow()
{
    if (q.m_synchronizer->phase() != Synchronizer::Phase::Live)
        return; // asked again by the snapshot or the resumption
    const QString target = q.selectedLive() ? selected : QString();
    if (watched != target) {
        watchCommand.reset();
        if (!watched.isEmpty())
            q.m_synchronizer->unwatch(watched);
        watched = target;
        if (!watched.isEmpty())
            watchCommand = q.m_synchronizer->watch(watched);
    }
    if (!selected.isEmpty() && target.isEmpty() && !detailTaken)
        fetchDetail();
}

void Desk::Private::fetchDetail()
{
    if (q.m_synchronizer->has(wire::feature::CallLog))
        detailCommand = q.m_synchronizer->queryCall(selected);
    else
        setTrouble(noLogSentence());
}

void Desk::Private::askLog()
{
    if (q.m_synchronizer->phase() != Synchronizer::Phase::Live)
        q.m_log->takeFailure(logQuestion.number, notConnectedSentence());
    else if (!q.m_synchronizer->has(wire::feature::CallLog))
        q.m_log->takeFailure(logQuestion.number, noLogSentence());
    else
        logCommands.insert(
            q.m_synchronizer->queryLog(logQuestion.text, logQuestion.after, logQuestion.limit), logQuestion.number);
}

void Desk::Private::setTrouble(const QString& sentence)
{
    trouble = sentence;
    Q_EMIT q.selectionChanged();
}

void Desk::Private::send(Act act, const QString& target, qint64 id)
{
    const Command command{act, target};
    commands.insert(id, command);
    markPending(command);
    Q_EMIT q.actsChanged();
}

void Desk::Private::markPending(const Command& command)
{
    if (command.act == Act::TestCall || command.act == Act::PlaceCall)
        return;
    if (command.act == Act::WarmService) {
        q.m_services->setPending(command.target, isPending(Act::WarmService, command.target));
        return;
    }
    q.m_liveCalls->setPending(command.target,
        isPending(Act::Interrupt, command.target) || isPending(Act::EndCall, command.target)
            || isPending(Act::EndCallNow, command.target) || isPending(Act::PassOn, command.target));
}

bool Desk::Private::isPending(Act act, const QString& target) const
{
    return std::any_of(commands.cbegin(), commands.cend(), [&](const Command& command) {
        return command.act == act && (act == Act::TestCall || act == Act::PlaceCall || command.target == target);
    });
}

QString Desk::Private::whyNoTestCall() const
{
    const EngineStatus engine = q.m_services->engine();
    if (engine.ready)
        return {};
    return engine.notReady.isEmpty() ? tr("The engine takes no calls now.")
                                     : notReadySentence(engine.notReady.constFirst());
}

QString Desk::Private::whyNoWarming(const QString& serviceId) const
{
    const auto service = q.m_services->service(serviceId);
    if (!service)
        return tr("The engine has no such service.");
    switch (service->state) {
    case ServiceState::Ready:
        return tr("The service is ready.");
    case ServiceState::Warming:
        return tr("The service is being made ready already.");
    case ServiceState::Off:
    case ServiceState::Degraded:
    case ServiceState::Failed:
        return {};
    }
    return {};
}

QString Desk::Private::sentenceOf(const wire::CommandError& error) const
{
    if (error.code == wire::ErrorCode::Unavailable && q.m_synchronizer->phase() != Synchronizer::Phase::Live)
        return tr("The line to the engine was lost before it answered. Whether it was done is not known.");
    return errorSentence(error);
}

QString Desk::Private::whyNoAnswer(const wire::CommandError& error) const
{
    if (error.code == wire::ErrorCode::Unavailable && q.m_synchronizer->phase() != Synchronizer::Phase::Live)
        return notConnectedSentence();
    return errorSentence(error);
}

} // namespace kav::console
