// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/turnmachine.h"

#include <utility>

// SPEAKING: the agent is heard. HELD and ENDING, which have little to decide, are here too.
namespace kav::turn {

void TurnMachine::inSpeaking(const Event& event)
{
    if (std::holds_alternative<event::Frame>(event)) {
        claimFrame();
    } else if (const auto* complete = std::get_if<event::AnswerComplete>(&event)) {
        if (complete->turn != m_turn || m_speech != Speech::Answer || m_complete || m_failed)
            return;
        m_complete = true;
        m_endCall = complete->endCall;
        // The hang-up begins here, and nothing cancels it; a caller who was first is heard out first.
        if (m_endCall && m_claim == Claim::None) {
            m_endReason = EndReason::Completed;
            setState(TurnState::Ending);
        }
    } else if (const auto* failed = std::get_if<event::AnswerFailed>(&event)) {
        if (failed->turn != m_turn || m_speech != Speech::Answer || m_complete || m_failed)
            return;
        m_failed = true;
        if (m_ranDry && m_claim == Claim::None)
            playFallback();
    } else if (std::holds_alternative<event::SpeechHeard>(event)) {
        speechHeard();
    } else if (std::holds_alternative<event::KeyPressed>(event)) {
        m_noInputs = 0;
        if (!m_interruptible)
            return;
        cutSpeech(CutBy::Key);
        forgetWords(m_words);
        if (m_expect.kind != Listening::Message)
            m_keyAt = m_now;
        setState(TurnState::Listening);
    } else if (const auto* keypad = std::get_if<event::Keypad>(&event)) {
        if (!m_interruptible || keypad->digits.isEmpty())
            return;
        cutSpeech(CutBy::Key);
        forgetWords(m_words);
        setState(TurnState::Listening);
        commitKeys(keypad->digits);
    } else if (std::holds_alternative<event::OperatorInterrupt>(event)) {
        // A caller who was just trying to get a word in keeps it.
        cutSpeech(CutBy::Operator);
        setState(TurnState::Listening);
    }
}

int TurnMachine::speechTurn() const
{
    return m_speech == Speech::NoInput ? 0 : m_turn;
}

void TurnMachine::cutSpeech(CutBy by)
{
    m_actions.push_back(action::CutSpeech{speechTurn(), by});
    m_speech = Speech::None;
    m_claim = Claim::None;
}

void TurnMachine::speechHeard()
{
    if (m_speech == Speech::Answer && !m_complete) {
        // Synthesis is slower than speech: not the end, unless nothing more can come.
        m_ranDry = true;
        if (m_failed) {
            if (m_claim != Claim::None)
                dismissClaim();
            playFallback();
        }
        return;
    }
    const bool answer = m_speech == Speech::Answer;
    m_speech = Speech::None;
    if (answer && m_endCall) {
        finish(EndReason::Completed);
        return;
    }
    // The voice that paused the very last frames keeps its utterance: it is the caller's turn now anyhow.
    if (m_claim != Claim::None)
        m_actions.push_back(action::ResumePlayout{});
    m_claim = Claim::None;
    // "Yes" into the last words of a question was its answer.
    if (m_acknowledged && m_words.isEmpty() && !isOver(m_settings.interruptConfirm, m_acknowledgedAt))
        m_words.take(*std::exchange(m_acknowledged, std::nullopt));
    setState(TurnState::Listening);
    listen();
}

void TurnMachine::speakingTimers()
{
    claimTimer();
    if (m_state != TurnState::Speaking)
        return;
    const bool line = m_speech != Speech::Answer;
    if (isOver(line ? m_settings.lineCap : m_settings.speakingCap, m_speechAt)) {
        note(line ? QStringLiteral("line-cap") : QStringLiteral("speaking-cap"), elapsed(m_speechAt, m_now));
        cutSpeech(CutBy::Engine);
        setState(TurnState::Listening);
    }
}

void TurnMachine::inHeld(const Event& event)
{
    if (std::holds_alternative<event::OperatorRelease>(event))
        setState(TurnState::Listening);
}

void TurnMachine::inEnding(const Event& event)
{
    if (std::holds_alternative<event::SpeechHeard>(event))
        finish(m_endReason);
}

} // namespace kav::turn
