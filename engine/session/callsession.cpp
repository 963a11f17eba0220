// SPDX-License-Identifier: Apache-2.0
#include "engine/session/callsession.h"

#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <algorithm>

namespace kav::session {

namespace {
    // The part of a sentence that was heard, cut back to a whole word: what the agent may believe it said.
    QString heardPart(const media::HeardSentence& sentence)
    {
        if (sentence.complete)
            return sentence.text;
        if (sentence.heard <= Milliseconds(0) || sentence.length <= Milliseconds(0))
            return {};
        const qsizetype chars = sentence.text.size() * qMin(sentence.heard, sentence.length).count() / sentence.length.count();
        const qsizetype space = sentence.text.lastIndexOf(QLatin1Char(' '), chars);
        return space > 0 ? sentence.text.left(space) : QString();
    }

    QString heardText(const std::vector<media::HeardSentence>& sentences)
    {
        QStringList parts;
        for (const auto& sentence : sentences) {
            const QString part = heardPart(sentence);
            if (!part.isEmpty())
                parts += part;
        }
        return parts.join(QLatin1Char(' '));
    }

    providers::UserTurn::Kind kindOf(TurnInput input)
    {
        switch (input) {
        case TurnInput::Opening:
            return providers::UserTurn::Kind::Opening;
        case TurnInput::Voice:
            return providers::UserTurn::Kind::Voice;
        case TurnInput::Keypad:
            return providers::UserTurn::Kind::Keypad;
        case TurnInput::Message:
            return providers::UserTurn::Kind::Message;
        case TurnInput::Silence:
            return providers::UserTurn::Kind::Silence;
        }
        Q_UNREACHABLE();
    }

    turn::Listening listeningOf(providers::Expectation::Kind kind)
    {
        switch (kind) {
        case providers::Expectation::Kind::Speech:
            return turn::Listening::Speech;
        case providers::Expectation::Kind::Digits:
            return turn::Listening::Digits;
        case providers::Expectation::Kind::Message:
            return turn::Listening::Message;
        case providers::Expectation::Kind::KeypadOnly:
            return turn::Listening::KeypadOnly;
        }
        Q_UNREACHABLE();
    }
}

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
    connect(m_channel.get(), &MediaChannel::binaryReceived, this,
        [this] { countError(metrics::StreamError::Malformed, QStringLiteral("a binary frame; only text is spoken here")); });
    connect(m_channel.get(), &MediaChannel::closed, this, &CallSession::onClosed);
}

CallSession::~CallSession() { Q_ASSERT(m_phase == Phase::Ended || !m_dispatching); }

// ---- the stream, inward -------------------------------------------------------------------------------------------

void CallSession::onText(const QString& text)
{
    KAV_ASSERT_THREAD(this);
    if (m_phase == Phase::Ended)
        return;
    m_now = m_context.clock->now();
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
        && (message.callSid != m_claims.callSid || (!m_claims.accountSid.isEmpty() && message.accountSid != m_claims.accountSid))) {
        countError(metrics::StreamError::OutOfOrder, QStringLiteral("start names a call that the stream's token was not made for"));
        finish(EndReason::Refused, 1008, QStringLiteral("token and start disagree"));
        return;
    }
    if (message.encoding != QLatin1String("audio/x-mulaw") || message.sampleRate != media::SampleRate || message.channels != 1) {
        countError(metrics::StreamError::Malformed,
            QStringLiteral("start.mediaFormat: %1, %2 Hz, %3 channels; audio/x-mulaw, 8000 Hz, 1 channel is spoken here")
                .arg(logSafe(message.encoding, 40))
                .arg(message.sampleRate)
                .arg(message.channels));
        finish(EndReason::ProtocolError, 1003, QStringLiteral("unsupported media format"));
        return;
    }
    m_phase = Phase::Live;
    m_callId = message.callSid;
    m_started = m_now;
    m_writer = std::make_unique<media::TwilioWriter>(message.streamSid);
    m_inbound.start(m_now);
    m_info.callId = m_callId;
    m_info.parameters = message.parameters;
    m_info.from = message.parameters.value(QStringLiteral("from"));
    m_info.to = message.parameters.value(QStringLiteral("to"));
    m_info.language = message.parameters.value(QStringLiteral("language"), m_context.settings.language);

    m_context.log({ calllog::Entry::Kind::CallStarted, m_callId, m_context.clock->wallNow(),
        QJsonObject { { QStringLiteral("from"), maskNumber(m_info.from) }, { QStringLiteral("to"), maskNumber(m_info.to) },
            { QStringLiteral("direction"), m_info.parameters.value(QStringLiteral("direction"), QStringLiteral("inbound")) },
            { QStringLiteral("language"), m_info.language }, { QStringLiteral("accountSid"), message.accountSid },
            { QStringLiteral("streamSid"), message.streamSid } } });
    logEvent(QStringLiteral("WS_START"), { { QStringLiteral("stream"), message.streamSid } });

    // Provider connections are opened before the first word is due; the caller's audio is taken from the first frame.
    haveConversation();
    haveRecogniser();
    dispatch(turn::event::CallStarted { true, m_context.settings.openingProtected });
}

void CallSession::onMessage(const media::MediaMessage& message)
{
    if (m_phase != Phase::Live) {
        countError(metrics::StreamError::OutOfOrder, QStringLiteral("media before start"));
        return;
    }
    if (!message.inbound)
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
    dispatch(turn::event::KeyPressed {});
    if (const auto entry = m_keypad.press(message.digit, m_now))
        dispatch(turn::event::Keypad { *entry });
}

void CallSession::onMessage(const media::MarkMessage& message)
{
    const quint64 stale = m_playout.counters().staleMarks;
    m_playout.onMark(message.name, m_now);
    const bool isStale = m_playout.counters().staleMarks != stale;
    m_context.counters->countMark(isStale ? metrics::Mark::Stale : metrics::Mark::Returned);
}

void CallSession::onMessage(const media::StopMessage&)
{
    if (m_phase == Phase::AwaitingStart)
        finish(EndReason::CallerHungUp, 1000, QStringLiteral("stop"));
    else
        dispatch(turn::event::RemoteEnded { EndReason::CallerHungUp });
}

void CallSession::onMessage(const media::UnknownMessage& message)
{
    countError(metrics::StreamError::Unknown, QStringLiteral("event '%1' is not known").arg(logSafe(message.event, 40)));
}

void CallSession::onClosed(bool, const QString& reason)
{
    if (m_phase == Phase::Ended)
        return;
    m_now = m_context.clock->now();
    logEvent(QStringLiteral("STREAM_CLOSED"), { { QStringLiteral("reason"), reason } });
    if (m_phase == Phase::AwaitingStart)
        finish(EndReason::StreamLost, 1000, {});
    else
        dispatch(turn::event::RemoteEnded { EndReason::StreamLost });
}

void CallSession::onFrame(const media::InboundFrame& inbound)
{
    if (m_phase != Phase::Live)
        return;
    const media::PcmFrame& frame = inbound.pcm;
    m_recent[m_recentCount++ % PreRollFrames] = frame;
    const bool voiced = m_detector.judge(frame).voiced;
    if (voiced)
        m_lastVoice = m_now;
    // The utterance gets the frame before the machine hears of it: BeginUtterance takes it from the pre-roll instead.
    if (m_openUtterance != 0 && m_recogniser)
        m_recogniser->write(frame);
    if (m_message)
        m_message->write(frame);
    dispatch(turn::event::Frame { voiced });
}

void CallSession::countError(metrics::StreamError kind, const QString& reason)
{
    ++m_streamErrors;
    m_context.counters->countStreamError(kind);
    if (std::exchange(m_errorLogged, true))
        qCDebug(lcMedia).noquote() << QString(QStringLiteral("call=") + m_callId) << "bad input:" << reason;
    else
        qCWarning(lcMedia).noquote() << QString(QStringLiteral("call=") + m_callId) << "bad input:" << reason << "(counted; said once a call)";
}

// ---- the stream, outward ------------------------------------------------------------------------------------------

void CallSession::sendMedia(std::span<const quint8> mulaw)
{
    m_channel->send(m_writer->media(mulaw));
    m_context.counters->countFrame(metrics::Direction::Outbound);
    if (m_turn && !m_turn->sent && m_speaking != Speaking::Nothing && (m_speaking == Speaking::Answer || m_lineIsTurns)) {
        m_turn->sent = true;
        // The clock is read again: the work since the decision is just what is measured.
        const Instant sent = m_context.clock->now();
        m_turn->record.latency.answer = std::chrono::duration_cast<std::chrono::microseconds>(sent - *m_turn->committed);
        if (m_turn->record.input != TurnInput::Opening)
            m_turn->record.latency.total = elapsed(m_turn->lastVoice, sent);
    }
}

void CallSession::sendMark(const QString& name)
{
    m_channel->send(m_writer->mark(name));
    m_context.counters->countMark(metrics::Mark::Sent);
}

void CallSession::sendClear() { m_channel->send(m_writer->clear()); }

// ---- time ---------------------------------------------------------------------------------------------------------

void CallSession::onTick(Instant now)
{
    KAV_ASSERT_THREAD(this);
    m_now = now;
    if (m_phase == Phase::Ended)
        return;
    if (m_phase == Phase::AwaitingStart) {
        if (now - m_opened >= m_context.settings.startWait) {
            countError(metrics::StreamError::Silent, QStringLiteral("no start within the limit"));
            finish(EndReason::ProtocolError, 1008, QStringLiteral("no start"));
        }
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
    if (const auto entry = m_keypad.tick(now))
        dispatch(turn::event::Keypad { *entry });
    dispatch(turn::event::Tick {});
    if (m_phase == Phase::Ended)
        return;
    m_playout.poll(now, *this);
    checkHeard(now);
}

void CallSession::requestEnd(EndReason reason)
{
    KAV_ASSERT_THREAD(this);
    if (m_phase == Phase::Ended)
        return;
    m_now = m_context.clock->now();
    if (m_phase == Phase::AwaitingStart)
        finish(reason, 1001, QStringLiteral("going away"));
    else
        dispatch(turn::event::EndRequested { reason });
}

void CallSession::endNow(EndReason reason)
{
    KAV_ASSERT_THREAD(this);
    m_now = m_context.clock->now();
    finish(reason, 1001, QStringLiteral("engine stopped"));
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
}

void CallSession::decide(const turn::Event& event)
{
    const turn::Actions actions = m_machine.on(event, m_now);
    for (const turn::Action& action : actions) {
        std::visit([this](const auto& a) { perform(a); }, action);
        if (m_phase == Phase::Ended)
            break;
    }
}

void CallSession::perform(const turn::action::StateChanged& action)
{
    logEvent(QStringLiteral("STATE"),
        { { QStringLiteral("from"), turnStateName(action.from) }, { QStringLiteral("to"), turnStateName(action.to) } });
    Q_EMIT stateChanged(action.from, action.to);
}

void CallSession::perform(const turn::action::BeginUtterance& action)
{
    if (m_expectation.kind == providers::Expectation::Kind::Message) {
        beginMessage();
    } else if (haveRecogniser()) {
        providers::RecognitionContext context = m_expectation.recognition;
        if (context.language.isEmpty())
            context.language = m_info.language;
        m_openUtterance = action.utterance;
        m_recogniser->beginUtterance(action.utterance, context);
    } else {
        // Answered on the next turn of the queue: the machine then asks the caller to say it again, or use the keypad.
        dispatch(turn::event::RecognitionFailed { action.utterance });
        return;
    }
    const size_t wanted = size_t(action.preRoll / media::FrameDuration) + 1; // and the frame in hand
    const size_t have = std::min({ wanted, m_recentCount, PreRollFrames });
    for (size_t i = m_recentCount - have; i < m_recentCount; ++i) {
        const media::PcmFrame& frame = m_recent[i % PreRollFrames];
        if (m_message)
            m_message->write(frame);
        else
            m_recogniser->write(frame);
    }
}

void CallSession::perform(const turn::action::EndUtterance& action)
{
    if (m_openUtterance != action.utterance)
        return;
    m_openUtterance = 0;
    m_recogniser->endUtterance(action.utterance);
}

void CallSession::perform(const turn::action::DropUtterance& action)
{
    if (m_message) { // a cough: the message is yet to come
        m_message->discard();
        m_message.reset();
    }
    if (m_openUtterance == action.utterance)
        m_openUtterance = 0;
    if (m_recogniser)
        m_recogniser->dropUtterance(action.utterance);
}

void CallSession::perform(const turn::action::CommitTurn& action)
{
    closeTurn();
    m_turn.emplace();
    m_turn->record.number = action.turn;
    m_turn->record.input = action.input;
    m_turn->committed = m_now;
    m_turn->lastVoice = action.input == TurnInput::Voice || action.input == TurnInput::Message ? m_lastVoice : m_now;
    if (action.input == TurnInput::Voice || action.input == TurnInput::Message)
        m_turn->record.latency.endOfUtterance = action.pause;
    m_answer = makeAnswer(action.turn);
    m_answerWaits = m_answerEndsCall = m_completeSent = false;

    providers::UserTurn user;
    user.kind = kindOf(action.input);
    user.turn = action.turn;
    user.text = action.text;
    user.confidence = action.confidence;
    if (action.input == TurnInput::Message) {
        if (m_message) {
            user.messageLength = m_message->length();
            user.messageRef = m_message->ref();
        }
        m_message.reset();
        logEvent(QStringLiteral("MESSAGE"),
            { { QStringLiteral("ref"), user.messageRef }, { QStringLiteral("ms"), qint64(user.messageLength.count()) } });
    }
    m_unasked = user;
    if (action.awaitFinal)
        return;
    wordsKnown(action.text, action.confidence);
    ask();
}

void CallSession::perform(const turn::action::ReplaceTurn& action)
{
    if (!m_turn || m_turn->record.number != action.turn)
        return;
    // Asked again under the same number, the conversation goes back to where it was before the turn.
    providers::UserTurn user;
    user.kind = kindOf(m_turn->record.input);
    user.turn = action.turn;
    user.text = action.text;
    user.confidence = action.confidence;
    if (std::exchange(m_turn->asked, false))
        expect(m_expectationBefore);
    m_answer = makeAnswer(action.turn);
    m_answerWaits = m_answerEndsCall = m_completeSent = false;
    m_unasked = user;
    wordsKnown(action.text, action.confidence);
    ask();
}

void CallSession::perform(const turn::action::MergeFinal& action)
{
    if (m_conversation)
        m_conversation->amend(action.turn, action.text);
    if (m_turn && m_turn->record.number == action.turn) {
        m_turn->record.callerText = action.text;
        m_turn->record.confidence = action.confidence;
    }
}

void CallSession::perform(const turn::action::StartSpeaking& action)
{
    if (!m_answer || m_answer->turn() != action.turn)
        return;
    if (m_speaking == Speaking::Line) {
        m_answerWaits = true; // the filler is a second at most: it is heard out, then the answer follows without a gap
        return;
    }
    startAnswer();
}

void CallSession::perform(const turn::action::DropAnswer& action)
{
    if (m_conversation)
        m_conversation->cancel(action.turn);
    if (m_turn && m_turn->record.number == action.turn) {
        if (m_turn->asked)
            expect(m_expectationBefore);
        m_turn->record.agentText.clear();
        logEvent(QStringLiteral("ANSWER_DROPPED"), { { QStringLiteral("turn"), action.turn } });
        closeTurn();
    }
    m_unasked.reset();
    m_answer.reset();
    m_answerWaits = false;
    if (m_speaking != Speaking::Nothing)
        speechOver(m_playout.cut(m_now, *this), true);
}

void CallSession::perform(const turn::action::PausePlayout& action)
{
    m_pausedSince = m_now;
    m_playout.pause(m_now, *this);
    logEvent(QStringLiteral("CLEAR"), { { QStringLiteral("after_onset_ms"), qint64(elapsed(action.onset, m_now).count()) } });
}

void CallSession::perform(const turn::action::ResumePlayout&)
{
    if (!m_pausedSince)
        return;
    m_pausedSince.reset();
    m_playout.resume(m_now);
    m_playout.poll(m_now, *this);
    Q_EMIT interruptionEnded(false);
}

void CallSession::perform(const turn::action::CutSpeech& action)
{
    if (std::exchange(m_answerWaits, false) || m_speaking == Speaking::Nothing)
        m_answer.reset(); // not a word of it was heard
    if (m_speaking == Speaking::Nothing)
        return;
    const auto heard = m_playout.cut(m_now, *this);
    Milliseconds heardTime { 0 };
    for (const auto& sentence : heard)
        heardTime += sentence.heard;
    if (m_turn)
        m_turn->record.interrupted = true;
    speechOver(heard, true);
    logEvent(QStringLiteral("BARGE_IN"),
        { { QStringLiteral("turn"), action.turn }, { QStringLiteral("heard_ms"), qint64(heardTime.count()) },
            { QStringLiteral("by"), action.byKey ? QStringLiteral("key") : QStringLiteral("voice") } });
    m_pausedSince.reset();
    Q_EMIT interruptionEnded(true);
    closeTurn();
}

void CallSession::perform(const turn::action::PlayFiller&)
{
    logEvent(QStringLiteral("FILLER"));
    playLine(m_context.serviceLines().filler, false);
}

void CallSession::perform(const turn::action::PlayFallback& action)
{
    logEvent(QStringLiteral("FALLBACK"), { { QStringLiteral("turn"), action.turn } });
    if (m_conversation && m_turn)
        m_conversation->cancel(action.turn);
    m_unasked.reset();
    m_answer.reset();
    m_answerWaits = false;
    if (m_turn)
        m_turn->record.fallback = true;
    // What the line offers must be true: after it the caller's words are recorded, and need no model to be taken.
    providers::Expectation message;
    message.kind = providers::Expectation::Kind::Message;
    m_messageInsteadOfAnswer = true;
    expect(message);
    playLine(m_context.serviceLines().fallback, true);
    if (m_line && m_line->isEmpty()) {
        // Kav has no voice left at all: Twilio's own has to apologise, and it speaks when the stream is closed.
        m_apologyOwed = true;
        finish(EndReason::FallbackExhausted, 1011, QStringLiteral("no voice"));
        return;
    }
    // And no answer is to come any more: the floor is the caller's as soon as the line has been heard.
    dispatch(turn::event::AnswerFailed { action.turn });
}

void CallSession::perform(const turn::action::PlayNoInput& action)
{
    logEvent(QStringLiteral("NO_INPUT"), { { QStringLiteral("times"), action.times } });
    const auto lines = m_context.serviceLines();
    playLine(action.times <= 1 ? lines.noInputFirst : lines.noInputSecond, false);
}

void CallSession::perform(const turn::action::PlayGoodbye& action)
{
    logEvent(QStringLiteral("GOODBYE"), { { QStringLiteral("reason"), endReasonName(action.reason) } });
    const auto lines = m_context.serviceLines();
    playLine(action.reason == EndReason::NoInput ? lines.noInputGoodbye : lines.endGoodbye, false);
}

void CallSession::perform(const turn::action::EndCall& action)
{
    finish(action.reason, 1000, QStringLiteral("call ended"));
}

void CallSession::perform(const turn::action::Note& action)
{
    logEvent(action.token, { { QStringLiteral("value"), action.value } });
}

// ---- recogniser and conversation ------------------------------------------------------------------------------------

bool CallSession::haveRecogniser()
{
    if (m_recogniser)
        return true;
    m_stt = m_context.registry->speechToText();
    if (!m_stt)
        return false;
    m_recogniser = m_stt->open(m_callId);
    connect(m_recogniser.get(), &providers::SpeechToTextStream::partial, this,
        [this](int utterance, const providers::Transcript& transcript) {
            m_now = m_context.clock->now();
            dispatch(turn::event::Partial { utterance, transcript.text, transcript.stable });
        });
    connect(m_recogniser.get(), &providers::SpeechToTextStream::finished, this, &CallSession::onFinal);
    connect(m_recogniser.get(), &providers::SpeechToTextStream::failed, this, [this](int utterance, const Error& error) {
        m_now = m_context.clock->now();
        logEvent(QStringLiteral("STT_ERR"), { { QStringLiteral("reason"), logSafe(error.message) } });
        if (m_openUtterance == utterance)
            m_openUtterance = 0;
        dispatch(turn::event::RecognitionFailed { utterance });
    });
    return true;
}

bool CallSession::haveConversation()
{
    if (m_conversation)
        return true;
    m_llm = m_context.registry->languageModel();
    if (!m_llm)
        return false;
    m_conversation = m_llm->open(m_info);
    connect(m_conversation.get(), &providers::Conversation::text, this, &CallSession::onAnswerText);
    connect(m_conversation.get(), &providers::Conversation::finished, this, &CallSession::onAnswerFinished);
    connect(m_conversation.get(), &providers::Conversation::failed, this, &CallSession::onAnswerFailed);
    return true;
}

void CallSession::ask()
{
    if (!m_unasked || !m_answer || !m_turn || !m_turn->wordsKnown)
        return;
    if (m_messageInsteadOfAnswer && m_unasked->kind == providers::UserTurn::Kind::Message) {
        const int turn = m_unasked->turn;
        m_facts.insert(QStringLiteral("message"), m_unasked->messageRef);
        m_unasked.reset();
        m_turn->asked = true;
        onAnswerText(turn, m_context.serviceLines().endGoodbye);
        onAnswerFinished(turn, m_expectation, true);
        return;
    }
    if (!haveConversation())
        return; // asked again on the next tick; the fallback's deadline stands
    m_messageInsteadOfAnswer = false;
    m_expectationBefore = m_expectation;
    m_turn->asked = true;
    m_conversation->ask(*std::exchange(m_unasked, std::nullopt));
}

void CallSession::wordsKnown(const QString& text, double confidence)
{
    m_turn->record.callerText = text;
    m_turn->record.confidence = confidence;
    if (m_turn->wordsKnown)
        return;
    m_turn->wordsKnown = m_now;
    if (m_turn->record.input != TurnInput::Voice)
        return;
    m_turn->record.latency.recognition = elapsed(*m_turn->committed, m_now);
    logEvent(QStringLiteral("STT_FINAL"),
        { { QStringLiteral("chars"), text.size() }, { QStringLiteral("confidence"), confidence },
            { QStringLiteral("ms"), qint64(m_turn->record.latency.recognition->count()) } });
    logEvent(QStringLiteral("EoU_ms"), { { QStringLiteral("ms"), qint64(m_turn->record.latency.endOfUtterance->count()) } });
}

void CallSession::onFinal(int utterance, const providers::Transcript& transcript)
{
    m_now = m_context.clock->now();
    if (m_openUtterance == utterance)
        m_openUtterance = 0;
    qCDebug(lcStt).noquote() << QString(QStringLiteral("call=") + m_callId) << "heard:" << logSafe(transcript.text);
    dispatch(turn::event::Final { utterance, transcript.text, transcript.confidence });
}

std::unique_ptr<Answer> CallSession::makeAnswer(int turn)
{
    auto answer = std::make_unique<Answer>(
        turn, m_info.language, *m_context.rendered, [this] { return m_context.registry->textToSpeech(); },
        [this] { return m_playout.queued(); });
    connect(answer.get(), &Answer::firstSentence, this, [this] {
        if (m_turn && m_turn->wordsKnown && !m_turn->firstSentence) {
            m_turn->firstSentence = m_now;
            m_turn->record.latency.thinking = elapsed(*m_turn->wordsKnown, m_now);
        }
    });
    connect(answer.get(), &Answer::audioReady, this, [this, turn] {
        m_now = m_context.clock->now();
        if (m_turn && m_turn->record.number == turn && m_turn->firstSentence && !m_turn->firstAudio) {
            m_turn->firstAudio = m_now;
            m_turn->record.latency.synthesis = elapsed(*m_turn->firstSentence, m_now);
        }
        dispatch(turn::event::AnswerReady { turn });
    });
    connect(answer.get(), &Answer::progressed, this, [this] {
        m_now = m_context.clock->now();
        pumpSpeech();
    });
    connect(answer.get(), &Answer::failed, this, [this, turn](const Error& error) {
        m_now = m_context.clock->now();
        logEvent(QStringLiteral("TTS_ERR"), { { QStringLiteral("reason"), logSafe(error.message) } });
        answerFailed(turn);
    });
    return answer;
}

void CallSession::onAnswerText(int turn, const QString& delta)
{
    m_now = m_context.clock->now();
    if (m_answer && m_answer->turn() == turn && m_turn && m_turn->asked)
        m_answer->addText(delta);
}

void CallSession::onAnswerFinished(int turn, const providers::Expectation& next, bool endCall)
{
    m_now = m_context.clock->now();
    if (!m_answer || m_answer->turn() != turn || !m_turn || !m_turn->asked)
        return;
    m_answerEndsCall = endCall;
    if (m_conversation) {
        const auto facts = m_conversation->facts();
        for (auto it = facts.cbegin(); it != facts.cend(); ++it)
            m_facts.insert(it.key(), it.value());
    }
    expect(next);
    m_answer->finishText();
    if (m_answer->isEmpty()) {
        // Not a word: the machine covers it with a line, unless the call was to end here.
        m_completeSent = true;
        dispatch(turn::event::AnswerComplete { turn, endCall });
    }
}

void CallSession::onAnswerFailed(int turn, const Error& error)
{
    m_now = m_context.clock->now();
    logEvent(QStringLiteral("LLM_ERR"), { { QStringLiteral("reason"), logSafe(error.message) } });
    answerFailed(turn);
}

void CallSession::answerFailed(int turn)
{
    if (m_answer && m_answer->turn() == turn) {
        // What is in hand is still said; the speech then ends where the answer broke off.
        m_answer->giveUp();
        m_completeSent = true;
    }
    dispatch(turn::event::AnswerFailed { turn });
    pumpSpeech();
}

void CallSession::expect(const providers::Expectation& next)
{
    m_expectation = next;
    m_keypad.expect(next);
    dispatch(turn::event::Expect { listeningOf(next.kind), next.interruptible });
}

// ---- speaking -------------------------------------------------------------------------------------------------------

void CallSession::playLine(const QString& text, bool belongsToTurn)
{
    if (m_speaking != Speaking::Nothing)
        speechOver(m_playout.cut(m_now, *this), true);
    m_line = makeAnswer(0);
    m_line->disconnect(this);
    connect(m_line.get(), &Answer::progressed, this, [this] {
        m_now = m_context.clock->now();
        pumpSpeech();
    });
    connect(m_line.get(), &Answer::failed, this, [this](const Error& error) {
        logEvent(QStringLiteral("TTS_ERR"), { { QStringLiteral("reason"), logSafe(error.message) } });
        m_now = m_context.clock->now();
        if (m_speaking == Speaking::Line)
            speechOver(m_playout.cut(m_now, *this), true);
        if (m_answerWaits && m_answer)
            startAnswer(); // it waited for this line alone
        else
            dispatch(turn::event::SpeechHeard {});
    });
    m_lineIsTurns = belongsToTurn;
    m_speaking = Speaking::Line;
    m_playout.beginSpeech();
    m_line->addText(text);
    m_line->finishText();
    if (m_line->needsVoice() && !m_context.registry->textToSpeech()) {
        // Nothing to say it with, and a line must not keep the caller waiting: it is over as it begins.
        logEvent(QStringLiteral("LINE_UNSPOKEN"));
        m_line->giveUp();
    }
    pumpSpeech();
}

void CallSession::startAnswer()
{
    m_answerWaits = false;
    m_speaking = Speaking::Answer;
    if (m_turn)
        m_turn->framesBefore = m_playout.counters().framesSent;
    m_playout.beginSpeech();
    pumpSpeech();
}

void CallSession::pumpSpeech()
{
    Answer* speaking = m_speaking == Speaking::Answer ? m_answer.get() : m_speaking == Speaking::Line ? m_line.get() : nullptr;
    if (!speaking || m_phase == Phase::Ended)
        return;
    speaking->pump(m_playout);
    // The first sound does not wait for the next tick.
    if (m_playout.isWaitingForSound())
        m_playout.poll(m_now, *this);
    if (m_speaking == Speaking::Answer && speaking->isHandedOver() && !std::exchange(m_completeSent, true)) {
        if (m_turn && !std::exchange(m_turn->speechLogged, true))
            logEvent(QStringLiteral("TTS_LEN_ms"), { { QStringLiteral("ms"), qint64(speaking->audioLength().count()) } });
        dispatch(turn::event::AnswerComplete { speaking->turn(), m_answerEndsCall });
    }
}

void CallSession::checkHeard(Instant now)
{
    if (m_speaking == Speaking::Nothing || m_pausedSince || !m_playout.drained(now))
        return;
    const bool line = m_speaking == Speaking::Line;
    speechOver(m_playout.heard(now), false);
    if (line && m_answerWaits && m_answer) {
        startAnswer();
        return;
    }
    if (!line || m_lineIsTurns)
        closeTurn();
    dispatch(turn::event::SpeechHeard {});
}

void CallSession::speechOver(const std::vector<media::HeardSentence>& heard, bool cut)
{
    const Speaking was = std::exchange(m_speaking, Speaking::Nothing);
    if (was == Speaking::Answer && m_turn && m_answer) {
        m_turn->record.agentText = m_answer->text();
        m_turn->record.heardText = heardText(heard);
        if (!std::exchange(m_turn->speechLogged, true))
            logEvent(QStringLiteral("TTS_LEN_ms"), { { QStringLiteral("ms"), qint64(m_answer->audioLength().count()) } });
        logEvent(QStringLiteral("MEDIA_TX"),
            { { QStringLiteral("turn"), m_turn->record.number },
                { QStringLiteral("frames"), qint64(m_playout.counters().framesSent - m_turn->framesBefore) },
                { QStringLiteral("first_ms"), m_turn->record.latency.total ? qint64(m_turn->record.latency.total->count()) : 0 } });
        if (m_conversation)
            m_conversation->heard(m_turn->record.number, m_turn->record.heardText, cut);
        // The object may be on the stack of its own signal.
        m_answer.release()->deleteLater();
    } else if (was == Speaking::Line && m_line) {
        if (m_lineIsTurns && m_turn) {
            m_turn->record.agentText = m_line->text();
            m_turn->record.heardText = heardText(heard);
        }
        m_line.release()->deleteLater();
    }
}

void CallSession::closeTurn()
{
    if (!m_turn)
        return;
    const TurnRecord record = std::exchange(m_turn, std::nullopt)->record;
    ++m_turnsDone;
    m_context.log({ calllog::Entry::Kind::Turn, m_callId, m_context.clock->wallNow(), calllog::turnToJson(record) });
    Q_EMIT turnEnded(record);
}

// ---- messages -------------------------------------------------------------------------------------------------------

void CallSession::beginMessage()
{
    m_message = std::make_unique<MessageRecorder>(
        *m_context.messages, QStringLiteral("%1-%2.wav").arg(m_callId).arg(++m_messages));
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
    m_context.log({ calllog::Entry::Kind::Event, m_callId, m_context.clock->wallNow(), data });
}

void CallSession::finish(EndReason reason, quint16 closeCode, const QString& closeReason)
{
    if (m_phase == Phase::Ended)
        return;
    const bool wasLive = m_phase == Phase::Live;
    if (m_speaking != Speaking::Nothing)
        speechOver(m_playout.heard(m_now), true);
    closeTurn();
    m_message.reset();
    m_recogniser.reset();
    if (wasLive) {
        if (const auto rtt = m_channel->roundTrip())
            logEvent(QStringLiteral("PNG_PONG"), { { QStringLiteral("ms"), qint64(rtt->count()) } });
        logEvent(QStringLiteral("WS_STOP"), { { QStringLiteral("reason"), endReasonName(reason) } });
    }
    m_phase = Phase::Ended;

    CallEnd end;
    end.callId = m_callId;
    end.reason = reason;
    end.duration = elapsed(m_started, m_now);
    end.turns = m_turnsDone;
    end.apologyOwed = m_apologyOwed;
    end.playout = m_playout.counters();
    end.inbound = m_inbound.counters();
    end.streamErrors = m_streamErrors;
    m_context.counters->countMark(metrics::Mark::Lost, end.playout.lostMarks);
    if (reason == EndReason::StreamLost)
        m_context.counters->countStreamError(metrics::StreamError::Lost);
    if (wasLive) {
        QJsonObject facts;
        for (auto it = m_facts.cbegin(); it != m_facts.cend(); ++it)
            facts.insert(it.key(), it.value());
        m_context.log({ calllog::Entry::Kind::CallEnded, m_callId, m_context.clock->wallNow(),
            QJsonObject { { QStringLiteral("reason"), endReasonName(reason) },
                { QStringLiteral("durationMs"), qint64(end.duration.count()) }, { QStringLiteral("turns"), m_turnsDone },
                { QStringLiteral("facts"), facts } } });
    }
    // Before the close: what Twilio asks next must find the end known.
    Q_EMIT ended(end);
    m_channel->close(closeCode, closeReason);
}

} // namespace kav::session
