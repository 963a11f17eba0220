// SPDX-License-Identifier: Apache-2.0
#include "engine/session/callsession.h"

#include <algorithm>

namespace kav::session {

// What the turn machine says, done.
namespace {
QString nameOf(turn::CutBy by)
{
    switch (by) {
    case turn::CutBy::Voice:
        return QStringLiteral("voice");
    case turn::CutBy::Key:
        return QStringLiteral("key");
    case turn::CutBy::Operator:
        return QStringLiteral("operator");
    case turn::CutBy::Engine:
        return QStringLiteral("engine");
    }
    Q_UNREACHABLE();
}
} // namespace

providers::UserTurn::Kind userTurnKindOf(TurnInput input)
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

void CallSession::perform(const turn::action::StateChanged& action)
{
    logEvent(QStringLiteral("STATE"),
        {{QStringLiteral("from"), turnStateName(action.from)}, {QStringLiteral("to"), turnStateName(action.to)}});
    Q_EMIT stateChanged(action.from, action.to);
}

void CallSession::perform(const turn::action::BeginUtterance& action)
{
    if (!m_wordsSince.isValid()) {
        m_wordsSince = m_context.clock->wallNow();
        const quint64 preRoll = quint64(action.preRoll / media::FrameDuration + 1) * media::FrameSamples;
        m_wordsFrom = m_recorder ? m_recorder->position() - std::min(m_recorder->position(), preRoll) : 0;
    }
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
        dispatch(turn::event::RecognitionFailed{action.utterance});
        return;
    }
    const size_t wanted = size_t(action.preRoll / media::FrameDuration) + 1; // and the frame in hand
    const size_t have = std::min({wanted, m_recentCount, PreRollFrames});
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

/// When the caller began to wait for a turn that is committed now, and which setting asked for the pause.
std::pair<Instant, QString> CallSession::waitOf(const turn::action::CommitTurn& action) const
{
    const turn::Settings& limits = m_context.settings.turn;
    switch (action.input) {
    case TurnInput::Voice:
        return {m_now - action.pause,
            action.pause < (limits.endOfUtteranceMin + limits.endOfUtteranceMax) / 2
                ? QStringLiteral("turn.end_of_utterance_min")
                : QStringLiteral("turn.end_of_utterance_max")};
    case TurnInput::Message:
        return {m_now - action.pause, QStringLiteral("turn.message_end")};
    case TurnInput::Keypad: // the dialog says what completes an entry
        return {m_lastKey, QStringLiteral("dialog")};
    case TurnInput::Opening:
    case TurnInput::Silence:
        break;
    }
    return {m_now, QString()};
}

void CallSession::perform(const turn::action::CommitTurn& action)
{
    closeTurn();
    m_turn.emplace();
    m_turn->record.number = action.turn;
    m_turn->record.input = action.input;
    if (action.input != TurnInput::Opening)
        m_turn->secrecy = TurnSecrecy::of(m_expectation);
    m_turn->recordedFrom = action.input == TurnInput::Keypad ? m_keysFrom : m_wordsFrom;
    m_turn->committed = m_now;
    const bool words = action.input == TurnInput::Voice || action.input == TurnInput::Message;
    const QDateTime since = std::exchange(m_wordsSince, {});
    m_turn->startedAt = words && since.isValid() ? since : m_context.clock->wallNow();
    m_wordsShown = {}; // they are this turn's now
    const auto [waitingSince, setting] = waitOf(action);
    m_turn->lastVoice = action.input == TurnInput::Keypad ? m_now : waitingSince;
    m_turn->latency.committed(action.input, waitingSince, m_now, setting);
    m_turn->latency.setOwner(LatencyPart::Recognition, m_heardBy);
    m_answer = makeAnswer(action.turn);
    m_answerWaits = m_answerEndsCall = m_completeSent = false;
    m_asked = {};

    providers::UserTurn user;
    user.kind = userTurnKindOf(action.input);
    user.turn = action.turn;
    user.text = wordsForModel(action.turn, action.text);
    user.confidence = action.confidence;
    if (action.input == TurnInput::Message) {
        if (m_message) {
            user.messageLength = m_message->length();
            user.messageRef = m_message->ref();
            m_facts.insert(QStringLiteral("message"), user.messageRef); // a model may forget to say so
        }
        m_message.reset();
        logEvent(QStringLiteral("MESSAGE"),
            {{QStringLiteral("ref"), user.messageRef}, {QStringLiteral("ms"), qint64(user.messageLength.count())}});
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
    user.kind = userTurnKindOf(m_turn->record.input);
    user.turn = action.turn;
    user.text = wordsForModel(action.turn, action.text);
    user.confidence = action.confidence;
    if (std::exchange(m_turn->asked, false))
        expect(m_expectationBefore);
    m_answer = makeAnswer(action.turn);
    m_answerWaits = m_answerEndsCall = m_completeSent = false;
    m_asked = {};
    m_turn->voiceAsked = false;
    m_turn->latency.replaced(m_now);
    m_unasked = user;
    wordsKnown(action.text, action.confidence);
    ask();
}

void CallSession::perform(const turn::action::MergeFinal& action)
{
    if (m_turn && m_turn->record.number == action.turn)
        silenceTurn(action.text);
    if (m_conversation)
        m_conversation->amend(action.turn, wordsForModel(action.turn, action.text));
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
        logEvent(QStringLiteral("ANSWER_DROPPED"), {{QStringLiteral("turn"), action.turn}});
        closeTurn();
    }
    m_unasked.reset();
    m_answer.reset();
    m_answerWaits = false;
    m_asked = {};
    if (m_speaking != Speaking::Nothing)
        speechOver(m_playout.cut(m_now, *this), true);
}

void CallSession::perform(const turn::action::PausePlayout& action)
{
    m_pausedSince = m_now;
    m_playout.pause(m_now, *this);
    logEvent(
        QStringLiteral("CLEAR"), {{QStringLiteral("after_onset_ms"), qint64(elapsed(action.onset, m_now).count())}});
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
    const bool nothing = m_speaking == Speaking::Nothing;
    const bool waited = std::exchange(m_answerWaits, false);
    if (waited || nothing)
        m_answer.reset(); // not a word of it was heard
    if (nothing && action.by != turn::CutBy::Operator)
        return;
    // DropAnswer comes next, and needs the turn.
    const bool dropFollows = !waited && (nothing || (m_speaking == Speaking::Line && !m_lineIsTurns)) && m_turn
        && m_turn->record.input != TurnInput::Message;
    std::vector<media::HeardSentence> heard;
    if (!nothing)
        heard = m_playout.cut(m_now, *this);
    Milliseconds heardTime{0};
    for (const auto& sentence : heard)
        heardTime += sentence.heard;
    if (m_turn)
        m_turn->record.interrupted = true;
    speechOver(heard, true);
    m_pausedSince.reset();
    const bool limit = action.by == turn::CutBy::Engine;
    logEvent(limit ? QStringLiteral("SPEECH_CUT") : QStringLiteral("BARGE_IN"),
        {{QStringLiteral("turn"), action.turn}, {QStringLiteral("heard_ms"), qint64(heardTime.count())},
            {QStringLiteral("by"), nameOf(action.by)}});
    if (!limit)
        ++m_interruptions;
    if (action.by == turn::CutBy::Voice || action.by == turn::CutBy::Key)
        Q_EMIT interruptionEnded(true);
    if (!dropFollows)
        closeTurn();
}

void CallSession::perform(const turn::action::PlayFiller&)
{
    logEvent(QStringLiteral("FILLER"));
    playLine(m_context.serviceLines(m_info.language).filler, false);
}

void CallSession::perform(const turn::action::PlayFallback& action)
{
    logEvent(QStringLiteral("FALLBACK"), {{QStringLiteral("turn"), action.turn}});
    if (m_conversation && m_turn)
        m_conversation->cancel(action.turn);
    m_unasked.reset();
    m_answer.reset();
    m_answerWaits = false;
    m_asked = {};
    if (m_turn)
        m_turn->record.fallback = true;
    // What the line offers must be true: after it the caller's words are recorded, and need no model to be taken.
    providers::Expectation message;
    message.kind = providers::Expectation::Kind::Message;
    m_messageInsteadOfAnswer = true;
    expect(message);
    playLine(m_context.serviceLines(m_info.language).fallback, true);
    if (m_line && m_line->isEmpty()) {
        apologise();
        return;
    }
    // And no answer is to come any more: the floor is the caller's as soon as the line has been heard.
    dispatch(turn::event::AnswerFailed{action.turn});
}

void CallSession::apologise()
{
    // Kav has no voice left at all: Twilio's own has to apologise, and it speaks when the stream is closed.
    m_apologyOwed = true;
    finish(EndReason::FallbackExhausted, 1011, QStringLiteral("no voice"));
}

void CallSession::perform(const turn::action::PlayNoInput& action)
{
    logEvent(QStringLiteral("NO_INPUT"), {{QStringLiteral("times"), action.times}});
    const auto lines = m_context.serviceLines(m_info.language);
    playLine(action.times <= 1 ? lines.noInputFirst : lines.noInputSecond, false);
}

void CallSession::perform(const turn::action::PlayGoodbye& action)
{
    logEvent(QStringLiteral("GOODBYE"), {{QStringLiteral("reason"), endReasonName(action.reason)}});
    const auto lines = m_context.serviceLines(m_info.language);
    playLine(!m_lastWords.isEmpty()              ? m_lastWords
            : action.reason == EndReason::NoInput ? lines.noInputGoodbye
                                                  : lines.endGoodbye,
        false);
}

void CallSession::perform(const turn::action::EndCall& action)
{
    if (action.reason == EndReason::Completed && !m_asked.transferTo.number.isEmpty())
        m_passTo = PassTo{m_asked.transferTo, m_asked.transferSummary, false};
    const bool isThere = action.reason != EndReason::CallerHungUp && action.reason != EndReason::StreamLost;
    if (!isThere) // who is gone cannot be passed on
        m_passTo.reset();
    const EndReason reason = m_passTo ? EndReason::Completed : action.reason;
    // Kav's own test calls have no telephone.
    if (isThere && m_context.settings.leaveWait > Milliseconds(0) && !isTest())
        leave(reason);
    else
        finish(reason, 1000, QStringLiteral("call ended"));
}

void CallSession::perform(const turn::action::Note& action)
{
    logEvent(action.token, {{QStringLiteral("value"), action.value}});
}

void CallSession::beginMessage()
{
    m_message = std::make_unique<MessageRecorder>(
        *m_context.messages, QStringLiteral("%1-%2.wav").arg(m_callId).arg(++m_messages));
}

} // namespace kav::session
