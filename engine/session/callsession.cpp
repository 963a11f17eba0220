// SPDX-License-Identifier: Apache-2.0
#include "engine/session/callsession.h"

#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <algorithm>

namespace kav::session {

CallSession::CallSession(std::unique_ptr<MediaChannel> channel, StreamClaims claims, const SessionContext& context)
    : m_context(context)
    , m_channel(std::move(channel))
    , m_claims(std::move(claims))
    , m_opened(context.clock->now())
    , m_now(m_opened)
    , m_callId(m_claims.callSid)
    , m_started(m_opened)
    , m_inbound(context.settings.inbound, [this](const media::InboundFrame& frame) { onFrame(frame); })
    , m_playout(context.settings.playout)
    , m_machine(context.settings.turn, m_opened)
{
    connect(m_channel.get(), &MediaChannel::received, this, &CallSession::onText);
    connect(m_channel.get(), &MediaChannel::binaryReceived, this, [this] {
        const Entered entered(*this);
        countError(metrics::StreamError::Malformed, QStringLiteral("a binary frame; only text is spoken here"));
    });
    connect(m_channel.get(), &MediaChannel::closed, this, &CallSession::onClosed);
}

CallSession::~CallSession()
{
    Q_ASSERT(m_phase == Phase::Ended || !m_dispatching);
}

// ---- the stream, inward -------------------------------------------------------------------------------------------

void CallSession::onText(const QString& text)
{
    KAV_ASSERT_THREAD(this);
    if (m_phase == Phase::Ended)
        return;
    const Entered entered(*this);
    const auto message = m_parser.parse(text);
    if (!message) {
        ++m_badMessages;
        countError(metrics::StreamError::Malformed, message.error().message);
        if (m_badMessages >= quint64(m_context.settings.badMessages))
            finish(EndReason::ProtocolError, 1008, QStringLiteral("too many malformed messages"));
        return;
    }
    std::visit([this](const auto& m) { onMessage(m); }, *message);
}

void CallSession::onMessage(const media::ConnectedMessage&) { }

void CallSession::onMessage(const media::StartMessage& message)
{
    if (m_phase != Phase::AwaitingStart) {
        countError(metrics::StreamError::OutOfOrder, QStringLiteral("a second start"));
        return;
    }
    if (!m_claims.callSid.isEmpty()
        && (message.callSid != m_claims.callSid
            || (!m_claims.accountSid.isEmpty() && message.accountSid != m_claims.accountSid))) {
        countError(metrics::StreamError::OutOfOrder,
            QStringLiteral("start names a call that the stream's token was not made for"));
        finish(EndReason::Refused, 1008, QStringLiteral("token and start disagree"));
        return;
    }
    if (message.encoding != QLatin1String("audio/x-mulaw") || message.sampleRate != media::SampleRate
        || message.channels != 1) {
        countError(metrics::StreamError::Malformed,
            QStringLiteral(
                "start.mediaFormat: %1, %2 Hz, %3 channels; audio/x-mulaw, 8000 Hz, 1 channel is spoken here")
                .arg(logSafe(message.encoding, 40))
                .arg(message.sampleRate)
                .arg(message.channels));
        finish(EndReason::ProtocolError, 1003, QStringLiteral("unsupported media format"));
        return;
    }
    m_phase = Phase::Live;
    m_callId = message.callSid;
    const LogCall call(m_callId); // not known before, where no token has said it
    m_started = m_now;
    m_writer = std::make_unique<media::TwilioWriter>(message.streamSid);
    m_parser.setStream(message.streamSid);
    m_inbound.start(m_now);
    m_info.callId = m_callId;
    m_info.parameters = message.parameters;
    m_info.from = message.parameters.value(QStringLiteral("from"));
    m_info.to = message.parameters.value(QStringLiteral("to"));
    m_info.persona = personaOf(message.parameters);
    m_info.language = message.parameters.value(QStringLiteral("language"),
        m_info.persona ? m_info.persona->language : m_context.settings.language);
    if (m_context.takeUp) {
        if (auto before = m_context.takeUp(m_callId))
            takeUp(*std::move(before));
    }
    makeToolRunner();

    decideRecording();
    showStart();
    QJsonObject started{{QStringLiteral("from"), m_summary.from}, {QStringLiteral("to"), m_summary.to},
        {QStringLiteral("direction"), m_summary.direction}, {QStringLiteral("language"), m_info.language},
        {QStringLiteral("accountSid"), message.accountSid}, {QStringLiteral("streamSid"), message.streamSid}};
    if (m_info.persona)
        started.insert(QStringLiteral("persona"), m_info.persona->name);
    if (m_summary.test)
        started.insert(QStringLiteral("test"), true);
    if (!m_summary.recording.isEmpty())
        started.insert(QStringLiteral("recording"), m_summary.recording);
    if (m_comeBack) // one call, one record
        logEvent(QStringLiteral("CALL_RESUMED"), {{QStringLiteral("turns"), m_turnsDone}});
    else
        m_context.log(
            {calllog::Entry::Kind::CallStarted, m_callId, m_summary.startedAt, started, m_info.from, m_info.to});
    logEvent(QStringLiteral("WS_START"), {{QStringLiteral("stream"), message.streamSid}});

    // Provider connections are opened before the first word is due; the caller's audio is taken from the first frame.
    haveConversation();
    haveRecogniser();
    beginCall();
}

/// Who speaks: named by whoever made the call, else by our number, which in a call that goes out is the one that calls.
std::shared_ptr<const providers::Persona> CallSession::personaOf(const QMap<QString, QString>& parameters) const
{
    const bool goesOut = parameters.value(QStringLiteral("direction")).startsWith(QLatin1String("outbound"));
    std::shared_ptr<const providers::Persona> persona;
    const QString name = parameters.value(QStringLiteral("persona"));
    if (m_context.personaNamed && !name.isEmpty())
        persona = m_context.personaNamed(name);
    if (!persona && m_context.personaFor)
        persona = m_context.personaFor(goesOut ? m_info.from : m_info.to);
    if (!persona || !goesOut || persona->outboundGreeting.isEmpty())
        return persona;
    auto calling = std::make_shared<providers::Persona>(*persona);
    calling->greeting = persona->outboundGreeting;
    return calling;
}

void CallSession::onMessage(const media::MediaMessage& message)
{
    if (m_phase == Phase::AwaitingStart) {
        countError(metrics::StreamError::OutOfOrder, QStringLiteral("media before start"));
        return;
    }
    if (!message.inbound || m_phase != Phase::Live)
        return;
    m_context.counters->countFrame(metrics::Direction::Inbound);
    m_inbound.push(message, m_now);
}

void CallSession::onMessage(const media::DtmfMessage& message)
{
    if (m_phase != Phase::Live)
        return;
    // The digit itself may be part of a telephone number or a code: it stays out of log lines.
    logEvent(QStringLiteral("DTMF"));
    m_lastKey = m_now;
    if (m_recorder && m_keypad.isEmpty())
        m_keysFrom = m_recorder->position() - std::min(m_recorder->position(), quint64(media::SampleRate / 2));
    if (!m_info.persona || m_info.persona->keypad.interrupts || !m_machine.agentHasFloor())
        dispatch(turn::event::KeyPressed{});
    if (const auto entry = m_keypad.press(message.digit, m_now))
        takeEntry(*entry);
}

void CallSession::onMessage(const media::MarkMessage& message)
{
    const quint64 stale = m_playout.counters().staleMarks;
    m_playout.onMark(message.name, m_now);
    const bool isStale = m_playout.counters().staleMarks != stale;
    const Answer* speaking = m_speaking == Speaking::Answer ? m_answer.get()
        : m_speaking == Speaking::Line && m_lineIsTurns     ? m_line.get()
                                                            : nullptr;
    if (!isStale && m_turn && speaking) {
        m_turn->heardSoFar = speaking->heardText(m_playout.heard(m_now));
        m_turnsStale = true;
    }
    m_context.counters->countMark(isStale ? metrics::Mark::Stale : metrics::Mark::Returned);
}

void CallSession::onMessage(const media::StopMessage&)
{
    if (m_phase == Phase::AwaitingStart)
        finish(EndReason::CallerHungUp, 1000, QStringLiteral("stop"));
    else if (m_phase == Phase::Leaving)
        finish(m_leaving, 1000, QStringLiteral("stop"));
    else
        dispatch(turn::event::RemoteEnded{EndReason::CallerHungUp});
}

void CallSession::onMessage(const media::UnknownMessage& message)
{
    countError(
        metrics::StreamError::Unknown, QStringLiteral("event '%1' is not known").arg(logSafe(message.event, 40)));
}

void CallSession::onClosed(bool, const QString& reason)
{
    if (m_phase == Phase::Ended)
        return;
    const Entered entered(*this);
    logEvent(QStringLiteral("STREAM_CLOSED"), {{QStringLiteral("reason"), reason}});
    if (m_phase == Phase::AwaitingStart)
        finish(EndReason::StreamLost, 1000, {});
    else if (m_phase == Phase::Leaving)
        finish(m_leaving, 1000, {});
    else
        dispatch(turn::event::RemoteEnded{EndReason::StreamLost});
}

void CallSession::onFrame(const media::InboundFrame& inbound)
{
    if (m_phase != Phase::Live)
        return;
    const media::PcmFrame& frame = inbound.pcm;
    if (m_recorder)
        m_recorder->caller(frame, inbound.synthetic, m_now);
    m_recent[m_recentCount++ % PreRollFrames] = frame;
    const bool voiced = m_detector.judge(frame).voiced;
    if (voiced)
        m_lastVoice = m_now;
    // The utterance gets the frame before the machine hears of it: BeginUtterance takes it from the pre-roll instead.
    if (m_openUtterance != 0 && m_recogniser)
        m_recogniser->write(frame);
    if (m_message)
        m_message->write(frame);
    dispatch(turn::event::Frame{voiced});
}

void CallSession::countError(metrics::StreamError kind, const QString& reason)
{
    ++m_streamErrors;
    m_context.counters->countStreamError(kind);
    if (std::exchange(m_errorLogged, true))
        qCDebug(lcMedia).noquote() << QString(QStringLiteral("call=") + m_callId) << "bad input:" << reason;
    else
        qCWarning(lcMedia).noquote() << QString(QStringLiteral("call=") + m_callId) << "bad input:" << reason
                                     << "(counted; said once a call)";
}

// ---- the stream, outward ------------------------------------------------------------------------------------------

void CallSession::sendMedia(std::span<const quint8> mulaw)
{
    m_channel->send(m_writer->media(mulaw));
    if (m_recorder)
        m_recorder->agent(mulaw, m_now);
    m_lastSent = m_now;
    m_context.counters->countFrame(metrics::Direction::Outbound);
    if (!m_turn || m_speaking == Speaking::Nothing)
        return;
    TurnLatency& latency = m_turn->latency;
    const bool heardBefore = latency.hasSounded();
    if (heardBefore && latency.answeredAfter())
        return;
    // What sounds before the first sentence of an answer is said while a tool is waited for.
    const bool standsIn = m_speaking == Speaking::Line && m_lineIsTurns;
    const bool answers = m_speaking == Speaking::Answer && latency.has(LatencyPart::FirstSentence);
    // The clock is read again: the work since the decision is just what is measured.
    latency.sounded(m_context.clock->now(),
        answers        ? TurnLatency::Sound::Answer
            : standsIn ? TurnLatency::Sound::StandIn
                       : TurnLatency::Sound::WaitingLine);
    if (!heardBefore && m_turn->record.input != TurnInput::Opening)
        m_lastGap = latency.parts().total;
    m_turnsStale = true;
}

void CallSession::sendMark(const QString& name)
{
    m_channel->send(m_writer->mark(name));
    m_context.counters->countMark(metrics::Mark::Sent);
}

void CallSession::sendClear()
{
    m_channel->send(m_writer->clear());
    if (m_recorder)
        m_recorder->clear(m_now);
}

// ---- time ---------------------------------------------------------------------------------------------------------

void CallSession::onTick(Instant now)
{
    KAV_ASSERT_THREAD(this);
    const Entered entered(*this, now);
    if (m_phase == Phase::Ended)
        return;
    if (m_phase == Phase::AwaitingStart) {
        if (now - m_opened >= m_context.settings.startWait) {
            countError(metrics::StreamError::Silent, QStringLiteral("no start within the limit"));
            finish(EndReason::ProtocolError, 1008, QStringLiteral("no start"));
        }
        return;
    }
    if (m_phase == Phase::Leaving) {
        if (now >= m_leaveBy)
            finish(m_leaving, 1000, QStringLiteral("call ended"));
        return;
    }
    // Twilio may send nothing in silence: the caller's clock goes on all the same.
    m_inbound.advance(now);
    if (m_phase == Phase::Ended)
        return;
    if (m_answer)
        m_answer->retry();
    if (m_line)
        m_line->retry();
    if (m_unasked)
        ask();
    const bool keysWait = m_info.persona && !m_info.persona->keypad.interrupts && m_machine.agentHasFloor();
    if (!keysWait && !m_heldEntry.isEmpty())
        takeEntry(std::exchange(m_heldEntry, {}));
    else if (const auto entry = keysWait ? std::nullopt : m_keypad.tick(now))
        takeEntry(*entry);
    dispatch(turn::event::Tick{});
    if (m_phase == Phase::Ended)
        return;
    m_playout.poll(now, *this);
    checkHeard(now);
    runHeldTools();
    coverToolGap(now);
    show();
}

void CallSession::requestEnd(EndReason reason)
{
    KAV_ASSERT_THREAD(this);
    if (m_phase == Phase::Ended || m_phase == Phase::Leaving)
        return;
    const Entered entered(*this);
    if (m_phase == Phase::AwaitingStart)
        finish(reason, 1001, QStringLiteral("going away"));
    else
        dispatch(turn::event::EndRequested{reason});
}

void CallSession::endWith(EndReason reason, const QString& words)
{
    KAV_ASSERT_THREAD(this);
    if (m_phase == Phase::Live && !words.isEmpty()) {
        m_lastWords = words;
        requestEnd(reason);
    } else if (m_phase != Phase::Ended) {
        const Entered entered(*this);
        finish(reason, 1000, QStringLiteral("call ended"));
    }
}

void CallSession::endNow(EndReason reason)
{
    KAV_ASSERT_THREAD(this);
    const Entered entered(*this);
    finish(m_phase == Phase::Leaving ? m_leaving : reason, 1001, QStringLiteral("engine stopped"));
}

void CallSession::release()
{
    KAV_ASSERT_THREAD(this);
    const Entered entered(*this);
    if (m_phase == Phase::Leaving)
        finish(m_leaving, 1000, QStringLiteral("call ended"));
}

CommandOutcome CallSession::passOn(const QString& targetName)
{
    KAV_ASSERT_THREAD(this);
    if (m_phase == Phase::Ended)
        return CommandOutcome::NoSuchCall;
    if (m_phase != Phase::Live || m_machine.state() == TurnState::Ending)
        return CommandOutcome::NothingToDo;
    const QList<providers::TransferTarget> targets =
        m_info.persona ? m_info.persona->transferTargets : QList<providers::TransferTarget>();
    for (const providers::TransferTarget& target : targets) {
        if (target.name != targetName)
            continue;
        const Entered entered(*this);
        logTransfer(target);
        m_passTo = PassTo{target, {}, true};
        dispatch(turn::event::OperatorEnd{});
        return CommandOutcome::Done;
    }
    return CommandOutcome::NoSuchTarget;
}

CommandOutcome CallSession::command(OperatorCommand command)
{
    KAV_ASSERT_THREAD(this);
    if (m_phase == Phase::Ended)
        return CommandOutcome::NoSuchCall;
    if (m_phase == Phase::Leaving)
        return CommandOutcome::NothingToDo;
    const Entered entered(*this);
    switch (command) {
    case OperatorCommand::Interrupt:
        if (!m_machine.agentHasFloor())
            return CommandOutcome::NothingToDo;
        dispatch(turn::event::OperatorInterrupt{});
        break;
    case OperatorCommand::End:
        requestEnd(EndReason::OperatorEnded);
        break;
    case OperatorCommand::EndNow:
        dispatch(turn::event::OperatorEnd{});
        break;
    }
    return CommandOutcome::Done;
}

// ---- the turn machine -----------------------------------------------------------------------------------------------

void CallSession::dispatch(const turn::Event& event)
{
    if (m_dispatching) {
        m_events.push_back(event);
        return;
    }
    m_dispatching = true;
    decide(event); // most are frames and ticks that cause nothing: no queue is touched for them
    while (!m_events.empty() && m_phase != Phase::Ended) {
        const turn::Event next = std::move(m_events.front());
        m_events.pop_front();
        decide(next);
    }
    m_events.clear();
    m_dispatching = false;
    show();
}

void CallSession::decide(const turn::Event& event)
{
    const turn::Actions actions = m_machine.on(event, m_now);
    m_turnsStale = m_turnsStale || !actions.empty() || std::holds_alternative<turn::event::Partial>(event)
        || std::holds_alternative<turn::event::Final>(event)
        || std::holds_alternative<turn::event::RecognitionFailed>(event);
    for (const turn::Action& action : actions) {
        std::visit([this](const auto& a) { perform(a); }, action);
        if (m_phase == Phase::Ended)
            break;
    }
}

// ---- record and end -------------------------------------------------------------------------------------------------

void CallSession::logEvent(const QString& token, const QJsonObject& fields)
{
    QString line = QStringLiteral("call=") + m_callId + QLatin1Char(' ') + token;
    for (auto it = fields.begin(); it != fields.end(); ++it)
        line += QLatin1Char(' ') + it.key() + QLatin1Char('=') + it.value().toVariant().toString();
    qCInfo(lcSession).noquote() << line;
    QJsonObject data = fields;
    data.insert(QStringLiteral("token"), token);
    data.insert(QStringLiteral("at_ms"), qint64(elapsed(m_started, m_now).count()));
    m_context.log({calllog::Entry::Kind::Event, m_callId, m_context.clock->wallNow(), data});
}

/// The last words have been heard, and somebody may end the telephone leg by another way than the stream.
void CallSession::leave(EndReason reason)
{
    wrapUp();
    m_phase = Phase::Leaving;
    m_leaving = reason;
    m_leaveBy = m_now + m_context.settings.leaveWait;
    showSummary(m_passTo ? CallState::Transferring : CallState::Ending);
    if (m_passTo)
        tellPassedOn();
    else
        Q_EMIT lastWordsSaid();
}

void CallSession::wrapUp()
{
    if (m_speaking != Speaking::Nothing)
        speechOver(m_playout.heard(m_now), true);
    closeTurn();
    m_message.reset();
    endRecording();
    m_recogniser.reset();
    m_tools.reset();
}

void CallSession::tellPassedOn()
{
    if (std::exchange(m_passTold, true))
        return;
    m_facts.insert(QStringLiteral("transferred_to"), m_passTo->target.name);
    QMap<QString, QString> facts;
    for (auto it = m_facts.cbegin(); it != m_facts.cend(); ++it)
        facts.insert(it.key(), m_secrets.shownFact(it.value()));
    Q_EMIT passedOn({m_callId, m_claims.accountSid, m_info.from, m_info.to, m_info.persona, m_passTo->target,
        m_passTo->summary, m_passTo->byOperator, false, m_summary, m_turnsDone, m_past, facts});
}

/// The call was with a person, or was to be, and comes back.
void CallSession::takeUp(TakenUp before)
{
    PassedOn& was = before.before;
    if (was.persona)
        m_info.persona = was.persona; // a call keeps its own
    m_info.language = was.shown.language;
    m_past = was.past;
    m_info.past = was.past;
    m_info.past.append({providers::UserTurn::Kind::Silence, {}, before.line});
    m_facts = was.facts;
    m_turnsDone = was.turns;
    m_interruptions = was.shown.interruptions;
    m_lastGap = was.shown.lastGap;
    m_started -= Milliseconds(std::max<qint64>(0, was.shown.startedAt.msecsTo(m_context.clock->wallNow())));
    m_comeBack = std::move(before);
}

void CallSession::finish(EndReason reason, quint16 closeCode, const QString& closeReason)
{
    if (m_phase == Phase::Ended)
        return;
    const bool wasLive = m_phase != Phase::AwaitingStart;
    wrapUp();
    if (wasLive) {
        if (const auto rtt = m_channel->roundTrip())
            logEvent(QStringLiteral("PNG_PONG"), {{QStringLiteral("ms"), qint64(rtt->count())}});
        logEvent(QStringLiteral("WS_STOP"), {{QStringLiteral("reason"), endReasonName(reason)}});
    }
    m_phase = Phase::Ended;

    CallEnd end;
    end.callId = m_callId;
    end.reason = reason;
    end.duration = elapsed(m_started, m_now);
    end.turns = m_turnsDone;
    end.apologyOwed = m_apologyOwed;
    end.passedOn = m_passTo.has_value();
    end.playout = m_playout.counters();
    end.inbound = m_inbound.counters();
    end.streamErrors = m_streamErrors;
    if (wasLive && (reason == EndReason::StreamLost || m_apologyOwed)) {
        QList<providers::PastTurn> past = m_past;
        if (!past.isEmpty() && past.last().heardText.isEmpty())
            past.removeLast(); // nothing of it was heard: it is asked again
        end.handover = std::make_shared<CallHandover>(CallHandover{past, m_machine.currentTurn(), m_turnsDone,
            m_interruptions, m_facts, m_expectation, m_started, m_summary.startedAt});
    }
    m_context.counters->countMark(metrics::Mark::Lost, end.playout.lostMarks);
    if (reason == EndReason::StreamLost)
        m_context.counters->countStreamError(metrics::StreamError::Lost);
    if (end.passedOn) {
        if (!m_passTold)
            showSummary(CallState::Transferring);
        tellPassedOn();
    } else if (wasLive) {
        const QDateTime endedAt = m_context.clock->wallNow(); // one moment for the log and for who watches
        QJsonObject facts;
        for (auto it = m_facts.cbegin(); it != m_facts.cend(); ++it)
            facts.insert(it.key(), m_secrets.shownFact(it.value()));
        m_context.log({calllog::Entry::Kind::CallEnded, m_callId, endedAt,
            QJsonObject{{QStringLiteral("reason"), endReasonName(reason)},
                {QStringLiteral("durationMs"), qint64(end.duration.count())}, {QStringLiteral("turns"), m_turnsDone},
                {QStringLiteral("facts"), facts}}});
        showEnd(reason, endedAt);
    }
    // Before the close: what Twilio asks next must find the end known.
    Q_EMIT ended(end);
    m_channel->close(closeCode, closeReason);
}

} // namespace kav::session
