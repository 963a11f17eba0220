// SPDX-License-Identifier: Apache-2.0
#include "engine/app/controlroom.h"

#include "engine/app/version.h"
#include "engine/app/wiring.h"
#include "engine/evidence/loadworks.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QCoreApplication>

#include <algorithm>

namespace kav::app {

namespace {

// How often services are looked at that tell nothing by themselves.
constexpr Milliseconds LookEvery{2000};
// A console takes a lamp that nobody has looked at for a while as unknown.
constexpr Milliseconds TellAtLeastEvery{10'000};
// A worker that has not answered by then never will; the hub has given up long before.
constexpr Milliseconds AnswerTime{60'000};

using protocol::CommandError;
using protocol::CommandResult;
using protocol::ErrorCode;

control::Outcome refusal(ErrorCode code, const QString& message)
{
    return CommandError{code, message};
}

control::Outcome success(CommandResult result = std::monostate())
{
    return result;
}

control::ConsoleGate::Settings gateSettings(const Config& config)
{
    control::ConsoleGate::Settings settings;
    settings.haveTokens = !config.consoleTokens.isEmpty();
    settings.origins = config.consoleOrigins;
    return settings;
}

telephony::CallSettings testCallSettings(const Config& config, quint16 port)
{
    // An address that means every one of the machine's is called by its loopback.
    QHostAddress address = config.address;
    if (address == QHostAddress(QHostAddress::AnyIPv4) || address == QHostAddress(QHostAddress::Any))
        address = QHostAddress(QHostAddress::LocalHost);
    else if (address == QHostAddress(QHostAddress::AnyIPv6))
        address = QHostAddress(QHostAddress::LocalHostIPv6);
    telephony::CallSettings settings;
    settings.to = QUrl();
    settings.to.setScheme(QStringLiteral("http"));
    settings.to.setHost(address.toString());
    settings.to.setPort(port);
    settings.to.setPath(QStringLiteral("/webhook/incoming_call"));
    settings.connectTo = QStringLiteral("%1:%2").arg(address.toString()).arg(port);
    settings.publicUrl = QUrl(config.publicUrl);
    settings.authToken = config.twilioAuthToken.toUtf8();
    if (!config.twilioAccountSid.isEmpty())
        settings.ids = telephony::StreamIds{{}, {}, config.twilioAccountSid};
    return settings;
}

CallLogRow rowOf(const CallSummary& summary, const QDateTime& startedAt)
{
    CallLogRow row;
    row.id = summary.id;
    row.from = summary.from;
    row.to = summary.to;
    row.direction = summary.direction;
    row.language = summary.language;
    row.test = summary.test;
    row.recording = summary.recording;
    row.startedAt = startedAt;
    row.turns = summary.turn;
    return row;
}

} // namespace

ControlRoom::ControlRoom(const Config& config, const Clock& clock, Hooks hooks)
    : m_config(config)
    , m_clock(clock)
    , m_hooks(std::move(hooks))
    , m_gate(gateSettings(config), clock, m_hooks.consoleRefused)
    , m_hub(config.console, config.consoleTokens, {versionString(), commitString(), config.deployId, clock.wallNow()},
          commands(), m_hooks.log, clock)
{
    connect(
        &m_hub, &control::ControlHub::authFailed, this, [this](const QHostAddress& peer) { m_gate.noteFailure(peer); });
    connect(&m_timer, &QTimer::timeout, this, &ControlRoom::onTimer);
    m_timer.start(LookEvery);
}

ControlRoom::~ControlRoom() = default;

void ControlRoom::begin(quint16 port, telephony::TextToSpeechFunction speech)
{
    m_reader = std::make_unique<calllog::LogReader>(m_config.callLog);
    m_evidence = std::make_unique<EvidenceDesk>(
        EvidenceDesk::Settings{m_config.callLog, m_config.keep, m_config.dataDir + QStringLiteral("/evidence"),
            evidence::worksFiles(QCoreApplication::applicationDirPath()),
            QStringLiteral("kav-engine %1 (%2)").arg(versionString(), commitString())},
        m_clock);
    m_testCalls = std::make_unique<telephony::TestCalls>(testCallSettings(m_config, port), std::move(speech), m_clock);
    connect(m_testCalls.get(), &telephony::TestCalls::finished, this, &ControlRoom::onTestCallFinished);
    refresh();
}

void ControlRoom::stop()
{
    m_timer.stop();
    m_testCalls.reset();
    m_evidence.reset();
    m_reader.reset();
}

// ---- engine and services --------------------------------------------------------------------------------------------

void ControlRoom::refresh()
{
    tellEngine();
    for (const ServiceStatus& service : m_hooks.services())
        tellService(service);
}

void ControlRoom::onTimer()
{
    refresh();
    const Instant now = m_clock.now();
    while (!m_asked.empty() && elapsed(m_asked.begin()->second.at, now) >= AnswerTime)
        m_asked.erase(m_asked.begin());
}

void ControlRoom::tellEngine()
{
    const EngineStatus now = m_hooks.engine();
    if (std::exchange(m_engineTold, true) && now == m_toldEngine)
        return;
    m_toldEngine = now;
    m_hub.setEngine(now);
    Q_EMIT engineChanged(now);
}

/// Of no call, and of all that are live then: the evidence of a call has how the lamps stood.
void ControlRoom::logService(const ServiceStatus& status)
{
    const Lamp lamp{status.state, status.name};
    const auto logged = m_logged.constFind(status.id);
    if (!m_reader || (logged != m_logged.cend() && *logged == lamp))
        return;
    QJsonObject data{{QStringLiteral("token"), QStringLiteral("SERVICE_STATE")}, {QStringLiteral("service"), status.id},
        {QStringLiteral("state"), serviceStateName(status.state)}};
    if (!status.name.isEmpty())
        data.insert(QStringLiteral("name"), status.name);
    if (!status.reason.isEmpty())
        data.insert(QStringLiteral("reason"), status.reason);
    m_logged.insert(status.id, lamp);
    m_hooks.log({calllog::Entry::Kind::Event, {}, m_clock.wallNow(), data});
}

void ControlRoom::tellService(ServiceStatus status)
{
    logService(status);
    const auto told = m_told.constFind(status.id);
    const bool isKnown = told != m_told.cend();
    if (!status.since.isValid())
        status.since = isKnown && told->status.state == status.state ? told->status.since : m_clock.wallNow();
    if (isKnown) {
        status.checkedAt = told->status.checkedAt;
        if (status == told->status && elapsed(told->at, m_clock.now()) < TellAtLeastEvery)
            return;
    }
    status.checkedAt = m_clock.wallNow();
    m_told.insert(status.id, {status, m_clock.now()});
    m_hub.setService(status);
}

// ---- calls ----------------------------------------------------------------------------------------------------------

void ControlRoom::showBooked(const webhooks::BookedCall& call)
{
    const QString& callId = call.about.callSid;
    m_placed.remove(callId);
    Known& known = m_calls[callId];
    if (known.hasStream)
        return; // a live call that is sent to the webhook again
    known.rangAt = call.startedAt;
    known.placed = call.about.placed;
    CallSummary& summary = known.summary;
    summary.id = callId;
    summary.from = maskNumber(call.about.from);
    summary.to = maskNumber(call.about.to);
    summary.direction = call.about.direction;
    summary.language = call.about.language;
    summary.test = call.about.test;
    summary.placed = call.about.placed;
    summary.startedAt = call.startedAt;
    summary.state = call.state;
    summary.stateSince = call.stateSince;
    summary.reason = call.reason;
    summary.endedAt = call.endedAt;
    m_hub.setCall(summary);
    if (call.state != CallState::Ended)
        return;
    CallLogRow row = rowOf(summary, call.startedAt);
    row.endedAt = call.endedAt;
    row.reason = call.reason;
    row.duration = call.duration;
    m_calls.remove(callId);
    m_hub.setLogRow(row);
}

void ControlRoom::showPlaced(const telephony::PlacedCall& call)
{
    using State = telephony::PlacedCall::State;
    if (call.state == State::Placed) {
        m_hub.removeCall(call.id); // from here on it is shown by its CallSid
        return;
    }
    const bool isOver = call.state == State::Failed || call.state == State::Canceled;
    CallSummary summary;
    summary.id = summary.placed = call.id;
    summary.from = maskNumber(call.request.from);
    summary.to = maskNumber(call.request.to);
    summary.direction = QStringLiteral("outbound-api");
    summary.state = isOver ? CallState::Ended : CallState::Queued;
    summary.startedAt = call.askedAt;
    summary.stateSince = isOver ? m_clock.wallNow() : call.askedAt;
    summary.problem = call.problem;
    if (isOver) {
        summary.endedAt = summary.stateSince;
        summary.reason = call.state == State::Failed ? EndReason::Failed : EndReason::OperatorEnded;
    }
    m_hub.setCall(summary);
}

void ControlRoom::showCall(const CallSummary& summary)
{
    m_placed.remove(summary.id);
    Known& known = m_calls[summary.id];
    if (!std::exchange(known.hasStream, true)) {
        known.loggedSince = summary.startedAt;
        m_hub.setLogRow(rowOf(summary, known.loggedSince));
    }
    known.summary = summary;
    if (known.rangAt.isValid())
        known.summary.startedAt = known.rangAt;
    known.summary.placed = known.placed;
    m_hub.setCall(known.summary);
}

void ControlRoom::callEnded(const session::CallEnd& end)
{
    const auto known = m_calls.constFind(end.callId);
    if (!end.passedOn && known != m_calls.cend() && known->hasStream) // passed on, it lives without a stream
        closeRow(known, end.reason, end.duration, end.turns);
    tellEngine();
}

void ControlRoom::closeRow(
    QHash<QString, Known>::const_iterator known, EndReason reason, Milliseconds duration, int turns)
{
    CallLogRow row = rowOf(known->summary, known->loggedSince);
    row.endedAt = known->summary.endedAt;
    row.reason = reason;
    row.duration = duration;
    row.turns = turns;
    m_calls.erase(known);
    m_hub.setLogRow(row);
}

void ControlRoom::passedOnEnded(const CallSummary& summary, Milliseconds duration, int turns)
{
    showCall(summary);
    closeRow(m_calls.constFind(summary.id), summary.reason, duration, turns);
}

// ---- commands -------------------------------------------------------------------------------------------------------

control::Commands ControlRoom::commands()
{
    using control::Done;
    using control::Operator;
    control::Commands commands;
    commands.interrupt = [this](const Operator&, const protocol::InterruptCall& command, const Done& done) {
        ask(command.call, session::OperatorCommand::Interrupt, done);
    };
    commands.endCall = [this](const Operator&, const protocol::EndCall& command, const Done& done) {
        endCall(command, done);
    };
    if (!m_config.outbound.allow.isEmpty() && m_config.rest.isUsable() && !m_config.publicUrl.isEmpty()) {
        commands.placeCall = [this](const Operator&, const protocol::PlaceCall& command, const Done& done) {
            placeCall(command, done);
        };
    }
    commands.transferCall = [this](const Operator&, const protocol::TransferCall& command, const Done& done) {
        passOn(command, done);
    };
    commands.startTestCall = [this](const Operator&, const protocol::StartTestCall& command, const Done& done) {
        startTestCall(command, done);
    };
    commands.queryLog = [this](const Operator&, const protocol::QueryLog& command, const Done& done) {
        queryLog(command, done);
    };
    commands.queryCall = [this](const Operator&, const protocol::QueryCall& command, const Done& done) {
        queryCall(command, done);
    };
    commands.queryRequests = [this](const Operator&, const protocol::QueryRequests& command, const Done& done) {
        queryRequests(command, done);
    };
    commands.makeEvidence = ofEvidence(&EvidenceDesk::make);
    commands.queryEvidence = ofEvidence(&EvidenceDesk::query);
    commands.readEvidence = ofEvidence(&EvidenceDesk::read);
    commands.dropEvidence = ofEvidence(&EvidenceDesk::drop);
    commands.consoleGone = [this](quint64 console) {
        if (m_evidence)
            m_evidence->forgetConsole(console);
    };
    commands.warmService = [this](const Operator&, const protocol::WarmService& command, const Done& done) {
        const QString problem = m_hooks.warm(command.service);
        done(problem.isEmpty() ? success() : refusal(ErrorCode::NotPossible, problem));
    };
    return commands;
}

template <typename Command>
std::function<void(const control::Operator&, const Command&, control::Done)> ControlRoom::ofEvidence(
    void (EvidenceDesk::*function)(const control::Operator&, const Command&, const control::Done&))
{
    return [this, function](const control::Operator& who, const Command& command, const control::Done& done) {
        if (m_evidence)
            (*m_evidence.*function)(who, command, done);
        else
            done(refusal(ErrorCode::Unavailable, QStringLiteral("the engine is starting, or stops")));
    };
}

void ControlRoom::ask(const QString& callId, session::OperatorCommand command, const control::Done& done)
{
    // First: the agent's session lives a moment longer than its part in the call.
    const bool ends = command == session::OperatorCommand::End || command == session::OperatorCommand::EndNow;
    if (ends && m_hooks.endPassedOn(callId)) {
        done(success());
        return;
    }
    const quint64 ticket = ++m_lastTicket;
    m_asked.emplace(ticket, Asked{done, m_clock.now()});
    if (m_hooks.command(ticket, callId, command))
        return;
    m_asked.erase(ticket);
    if (const auto known = m_calls.constFind(callId); known != m_calls.cend() && known->hasStream) {
        done(refusal(ErrorCode::NotPossible,
            ends ? QStringLiteral("the call was passed on: without Twilio's REST service nothing can end it")
                 : QStringLiteral("the call is not with the agent")));
        return;
    }
    const bool isRinging = m_calls.contains(callId);
    done(isRinging ? refusal(ErrorCode::NotPossible, QStringLiteral("the call rings still"))
                   : refusal(ErrorCode::NoSuchCall, QStringLiteral("the call is not live")));
}

void ControlRoom::passOn(const protocol::TransferCall& command, const control::Done& done)
{
    const quint64 ticket = ++m_lastTicket;
    m_asked.emplace(ticket, Asked{done, m_clock.now()});
    if (m_hooks.passOn(ticket, command.call, command.to))
        return;
    m_asked.erase(ticket);
    done(m_calls.contains(command.call)
            ? refusal(ErrorCode::NotPossible, QStringLiteral("the call is not with the agent"))
            : refusal(ErrorCode::NoSuchCall, QStringLiteral("the call is not live")));
}

void ControlRoom::commandDone(quint64 ticket, session::CommandOutcome outcome)
{
    const auto asked = m_asked.extract(ticket);
    if (asked.empty())
        return;
    const control::Done& done = asked.mapped().done;
    switch (outcome) {
    case session::CommandOutcome::Done:
        done(success());
        return;
    case session::CommandOutcome::NoSuchCall:
        done(refusal(ErrorCode::NoSuchCall, QStringLiteral("the call is not live")));
        return;
    case session::CommandOutcome::NothingToDo:
        done(refusal(ErrorCode::NotPossible, QStringLiteral("there is nothing to be done: the agent neither speaks nor thinks, or the call ends")));
        return;
    case session::CommandOutcome::NoSuchTarget:
        done(refusal(ErrorCode::NotPossible, QStringLiteral("nobody of that name can be passed a call on to")));
        return;
    }
}

void ControlRoom::endCall(const protocol::EndCall& command, const control::Done& done)
{
    const auto known = m_calls.constFind(command.call);
    const bool hasConversation = known != m_calls.cend() && known->hasStream;
    const auto ended = [done](const Result<void>& result) {
        done(result ? success() : refusal(errorOf(result.error()), result.error().message));
    };
    if (!hasConversation && m_hooks.endPlaced(command.call, ended))
        return;
    ask(command.call, command.now ? session::OperatorCommand::EndNow : session::OperatorCommand::End, done);
}

void ControlRoom::placeCall(const protocol::PlaceCall& command, const control::Done& done)
{
    const QString problem = m_reader ? m_hooks.refusal() : QStringLiteral("the engine is starting");
    if (!problem.isEmpty()) {
        done(refusal(ErrorCode::NotPossible, problem));
        return;
    }
    telephony::OutboundRequest request{command.to, command.from, command.persona, {}};
    switch (command.detection) {
    case protocol::Detection::Off:
        break;
    case protocol::Detection::Detect:
        request.detection = telephony::MachineDetection::Detect;
        break;
    case protocol::Detection::AwaitBeep:
        request.detection = telephony::MachineDetection::AwaitBeep;
        break;
    }
    const auto placed = m_hooks.place(request);
    done(placed ? success(protocol::CallPlaced{*placed}) : refusal(ErrorCode::NotPossible, placed.error().message));
}

void ControlRoom::startTestCall(const protocol::StartTestCall& command, const control::Done& done)
{
    const QString problem = m_testCalls ? m_hooks.refusal() : QStringLiteral("the engine is starting");
    if (!problem.isEmpty()) {
        done(refusal(ErrorCode::NotPossible, problem));
        return;
    }
    m_testCalls->start({command.say, command.wav, command.digits}, [this, done](const Result<QString>& callId) {
        if (!callId) {
            const Error& error = callId.error();
            const bool isAway = error.code == Error::Code::Unavailable || error.code == Error::Code::Timeout;
            done(refusal(isAway ? ErrorCode::Unavailable : ErrorCode::NotPossible, error.message));
            return;
        }
        if (!m_calls.contains(*callId))
            m_placed.insert(*callId);
        done(success(protocol::TestCallStarted{*callId}));
    });
}

void ControlRoom::onTestCallFinished(const QString& callId, bool ok, const QString& reason)
{
    const LogCall logged(callId);
    qCInfo(lcApp).noquote() << callId << "test call"
                            << (ok ? QStringLiteral("went through") : QString(u"failed: " + logSafe(reason)));
    m_hooks.testCallOver(callId);
    if (!m_placed.remove(callId))
        return;
    // Not even offered a stream: whoever waits for the call to appear must see it go.
    CallSummary summary;
    summary.id = callId;
    summary.test = true;
    summary.direction = QStringLiteral("inbound");
    summary.startedAt = summary.stateSince = summary.endedAt = m_clock.wallNow();
    summary.state = CallState::Ended;
    summary.reason = EndReason::Refused;
    m_hub.setCall(summary);
}

void ControlRoom::queryLog(const protocol::QueryLog& command, const control::Done& done)
{
    if (!m_reader) {
        done(refusal(ErrorCode::Unavailable, QStringLiteral("the engine is starting")));
        return;
    }
    calllog::CallFilter filter;
    filter.limit = std::clamp(command.limit, 1, 500);
    filter.after = command.after;
    filter.text = command.text;
    m_reader->page(filter, [done](const Result<calllog::CallPage>& page) {
        done(page ? success(protocol::LogPage{page->calls, page->next})
                  : refusal(errorOf(page.error()), page.error().message));
    });
}

void ControlRoom::queryRequests(const protocol::QueryRequests& command, const control::Done& done)
{
    const RequestFilter filter{
        command.text, command.call, requestKindFromName(command.kind), command.refused};
    if (!command.kind.isEmpty() && !filter.kind) {
        done(success(protocol::RequestPage{})); // a kind of a later version: none of it is here
        return;
    }
    const int limit = std::clamp(command.limit, 1, 500);
    // What the database does not have yet, or cannot give: the first page is never older than what was shown live.
    QList<RequestRecord> recent;
    if (command.after.isEmpty()) {
        const auto known = m_hooks.requests();
        std::copy_if(known.cbegin(), known.cend(), std::back_inserter(recent),
            [&filter](const RequestRecord& request) { return filter.matches(request); });
    }
    const auto answer = [done, recent, limit, isFirst = command.after.isEmpty()](
                            const Result<calllog::RequestPage>& stored) {
        if (!stored && !isFirst) {
            done(refusal(errorOf(stored.error()), stored.error().message));
            return;
        }
        const calllog::RequestPage page = stored ? *stored : calllog::RequestPage();
        QHash<QString, RequestRecord> all;
        for (const auto* const list : {&page.requests, &recent}) { // what is in memory is the newer
            for (const RequestRecord& request : *list)
                all.insert(request.id, request);
        }
        protocol::RequestPage merged{all.values(), page.next};
        std::sort(merged.requests.begin(), merged.requests.end(), isNewer);
        if (merged.requests.size() > limit) {
            merged.requests.resize(limit);
            merged.next = stored ? calllog::Queries::cursorOf(merged.requests.last()) : QString();
        }
        done(success(merged));
    };
    if (m_reader)
        m_reader->requests(filter, limit, command.after, answer);
    else
        answer(Error{Error::Code::Unavailable, QStringLiteral("the engine is starting"), {}});
}

void ControlRoom::queryCall(const protocol::QueryCall& command, const control::Done& done)
{
    if (!m_reader) {
        done(refusal(ErrorCode::Unavailable, QStringLiteral("the engine is starting")));
        return;
    }
    m_reader->call(command.call, [done](const Result<calllog::CallDetail>& detail) {
        done(detail ? success(protocol::CallDetail{detail->call, detail->turns, detail->events})
                    : refusal(errorOf(detail.error()), detail.error().message));
    });
}

} // namespace kav::app
