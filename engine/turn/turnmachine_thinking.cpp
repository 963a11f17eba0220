// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/turnmachine.h"

#include <utility>

// THINKING: the words are committed, no answer is heard yet.
namespace kav::turn {

void TurnMachine::inThinking(const Event& event)
{
    if (std::holds_alternative<event::Frame>(event)) {
        claimFrame();
    } else if (const auto* ready = std::get_if<event::AnswerReady>(&event)) {
        if (ready->turn != m_turn || m_awaiting || m_failed || m_ready)
            return;
        m_ready = true;
        m_readyAt = m_now;
        tryStart();
    } else if (const auto* complete = std::get_if<event::AnswerComplete>(&event)) {
        if (complete->turn != m_turn || m_awaiting || m_failed)
            return;
        m_complete = true;
        m_endCall = complete->endCall;
        if (m_ready)
            return;
        // An answer without a sound: as good as none, unless it was the end.
        if (m_endCall)
            goodbye(EndReason::Completed);
        else
            answerFailed();
    } else if (const auto* failed = std::get_if<event::AnswerFailed>(&event)) {
        if (failed->turn == m_turn && !m_failed)
            answerFailed();
    } else if (std::holds_alternative<event::SpeechHeard>(event)) {
        if (m_speech == Speech::None)
            return;
        m_speech = Speech::None;
        if (m_failed)
            setState(TurnState::Listening);
        else
            tryStart();
    } else if (std::holds_alternative<event::KeyPressed>(event)) {
        m_noInputs = 0;
        // A key says more than the words before it. An entry or a message that is being answered stays; the opening has
        // asked for nothing yet.
        if (m_input != TurnInput::Voice)
            return;
        dropAnswer(CutBy::Key);
        forgetWords(m_committed);
        forgetWords(m_words);
        m_keyAt = m_now;
        setState(TurnState::Listening);
    } else if (const auto* keypad = std::get_if<event::Keypad>(&event)) {
        if (m_input == TurnInput::Opening || m_input == TurnInput::Message || keypad->digits.isEmpty())
            return;
        dropAnswer(CutBy::Key);
        forgetWords(m_committed);
        commitKeys(keypad->digits);
    } else if (std::holds_alternative<event::OperatorInterrupt>(event)) {
        abandonAnswer(CutBy::Operator);
        setState(TurnState::Listening);
    }
}

/// The answer is not wanted any more. What becomes of the words and the state is the caller's to say.
void TurnMachine::dropAnswer(CutBy by)
{
    if (m_speech != Speech::None || by == CutBy::Operator) // a filler or the fallback is being heard
        m_actions.push_back(action::CutSpeech{m_turn, by});
    m_speech = Speech::None;
    m_actions.push_back(action::DropAnswer{m_turn});
    m_ready = m_complete = m_endCall = m_awaiting = false;
    m_claim = Claim::None;
    // What the fallback line has offered stands.
    if (!m_fallbackPlayed)
        m_expect = m_expectBefore;
}

/// The turn ends without its answer being heard, and its words go with it. A message that was left stays left, though
/// nobody thanks for it: DropAnswer would take it back. Words that the caller is just saying stay.
void TurnMachine::abandonAnswer(CutBy by)
{
    if (m_input != TurnInput::Message) {
        dropAnswer(by);
        forgetWords(m_committed);
    } else if (m_speech != Speech::None || by == CutBy::Operator) {
        m_actions.push_back(action::CutSpeech{m_turn, by});
        m_speech = Speech::None;
    }
    m_claim = Claim::None;
}

/// A partial, the final or the failure of a turn that is committed.
void TurnMachine::committedFinal(int utterance, bool failed)
{
    if (m_state == TurnState::Thinking && m_awaiting) {
        if (!m_committed.isPending())
            resolveAwaited(false);
        return;
    }
    const HeardUtterance* heard = m_committed.find(utterance);
    if (!heard->done || failed || heard->final.isEmpty())
        return;
    const QString text = m_committed.guess();
    if (sameWords(text, m_committedText))
        return;
    const bool unheard = m_state == TurnState::Thinking && !m_failed;
    if (unheard && m_input == TurnInput::Voice) {
        replaceTurn(text);
        return;
    }
    m_committedText = text;
    m_actions.push_back(action::MergeFinal{m_turn, text, m_committed.confidence()});
}

/// The words the turn waited for are here, or will not come.
void TurnMachine::resolveAwaited(bool timedOut)
{
    m_awaiting = false;
    const QString text = timedOut || m_committed.hasFailed() ? m_committed.guess() : m_committed.text();
    const bool cough =
        text.isEmpty() && !timedOut && !m_committed.hasFailed() && m_committed.voiced() < m_settings.cough;
    if (!cough) {
        replaceTurn(text);
        return;
    }
    if (m_claim != Claim::None && (m_voice.isSpeaking() || isUnknownWords())) {
        m_committed.clear();
        confirmClaim();
        return;
    }
    dropAnswer(CutBy::Engine);
    m_committed.clear();
    forgetWords(m_words);
    setState(TurnState::Listening);
}

void TurnMachine::replaceTurn(const QString& text)
{
    m_committedText = text;
    m_ready = m_complete = m_endCall = false;
    m_expect = m_expectBefore;
    m_interruptible = true;
    m_actions.push_back(action::ReplaceTurn{m_turn, text, m_committed.confidence()});
}

/// Looks once more at the caller, and at what is still being heard, before the answer starts.
void TurnMachine::tryStart(bool evenIfHeld)
{
    if (!m_ready)
        return;
    if (!evenIfHeld) {
        if (m_claim != Claim::None || m_speech != Speech::None)
            return;
        // A first voiced frame or two: the next few tell whether the caller resumes.
        if (mayClaim() && m_voice.isMaybeSpeaking() && !isOver(m_settings.voiceStartWindow, m_readyAt))
            return;
    }
    forgetWords(m_words);
    m_claim = Claim::None;
    m_fallbacks = 0;
    m_speech = Speech::Answer;
    m_speechAt = m_now;
    m_ranDry = false;
    m_voice.restartBurst(m_now);
    m_actions.push_back(action::StartSpeaking{m_turn});
    setState(TurnState::Speaking);
    if (m_complete && m_endCall) {
        m_endReason = EndReason::Completed;
        setState(TurnState::Ending);
    }
}

void TurnMachine::playFallback()
{
    ++m_fallbacks;
    m_fallbackPlayed = true;
    m_speech = Speech::Fallback;
    m_speechAt = m_now;
    m_actions.push_back(action::PlayFallback{m_turn});
}

void TurnMachine::answerFailed()
{
    m_failed = true;
    m_ready = m_complete = m_endCall = m_awaiting = false;
    if (m_claim != Claim::None) {
        // Do not talk over a caller who has just gone on.
        if (m_voice.isSpeaking()) {
            confirmClaim();
            return;
        }
        dismissClaim();
    }
    if (m_fallbackPlayed) {
        if (m_speech == Speech::None)
            setState(TurnState::Listening);
        return;
    }
    if (m_fallbacks > 0) {
        note(QStringLiteral("fallback-exhausted"), elapsed(m_wordsEnd, m_now));
        goodbye(EndReason::FallbackExhausted);
        return;
    }
    playFallback();
}

void TurnMachine::deadlinePassed()
{
    const Milliseconds waited = elapsed(m_wordsEnd, m_now);
    note(QStringLiteral("fallback"), waited);
    if (m_claim != Claim::None) {
        if (m_voice.isSpeaking()) {
            confirmClaim();
            return;
        }
        dismissClaim();
        if (m_state != TurnState::Thinking)
            return;
    }
    if (m_ready)
        tryStart(true);
    else
        playFallback();
}

void TurnMachine::thinkingTimers()
{
    claimTimer();
    if (m_state != TurnState::Thinking)
        return;
    const bool lineStuck = m_speech != Speech::None && isOver(m_settings.lineCap, m_speechAt);
    if (m_awaiting && isOver(m_settings.finalWait, m_committedAt)) {
        note(QStringLiteral("final-timeout"), elapsed(m_committedAt, m_now));
        resolveAwaited(true);
    }
    if (isOver(m_settings.hardEnd, m_wordsEnd) && !m_failed) {
        if (m_ready) {
            tryStart(true);
            return;
        }
        note(QStringLiteral("hard-end"), elapsed(m_wordsEnd, m_now));
        goodbye(EndReason::FallbackExhausted);
        return;
    }
    if (lineStuck) {
        note(QStringLiteral("line-cap"), elapsed(m_speechAt, m_now));
        m_speech = Speech::None;
        if (m_failed) {
            setState(TurnState::Listening);
            return;
        }
    }
    tryStart();
    if (m_state != TurnState::Thinking)
        return;
    if (isOver(m_settings.fallback, m_wordsEnd) && !m_fallbackPlayed) {
        deadlinePassed();
        return;
    }
    // A turn that was committed late (a message's pause) has just been heard to end: a filler at once would be absurd.
    const bool fillerDue = isOver(m_settings.filler, m_wordsEnd) && isOver(m_settings.filler / 2, m_committedAt);
    const bool quiet = m_claim == Claim::None && !m_voice.isMaybeSpeaking();
    if (fillerDue && quiet && !m_fillerPlayed && !m_fallbackPlayed && !m_ready) {
        m_fillerPlayed = true;
        m_speech = Speech::Filler;
        m_speechAt = m_now;
        m_actions.push_back(action::PlayFiller{m_turn});
    }
}

} // namespace kav::turn
