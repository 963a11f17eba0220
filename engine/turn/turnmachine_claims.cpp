// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/backchannel.h"
#include "engine/turn/turnmachine.h"

#include <algorithm>
#include <utility>

// A claim: the caller's voice while the agent has the floor. The same in THINKING (the caller resumes before the answer
// is heard) and in SPEAKING (an interruption); what differs is how much voice opens it and what its outcome does.
namespace kav::turn {
namespace {

// "Yes, fine" into an invitation to leave a message is a remark on it; what goes on for longer is the message.
constexpr Milliseconds LongestRemark{1000};

} // namespace

bool TurnMachine::mayClaim() const
{
    if (m_state == TurnState::Thinking) {
        // Words can be resumed; an entry, a message or the opening cannot, until the caller was told to try again.
        const bool resumable = m_input == TurnInput::Voice || m_fallbackPlayed;
        return resumable && m_expectBefore.kind != Listening::KeypadOnly;
    }
    return m_interruptible && m_expect.kind != Listening::KeypadOnly;
}

void TurnMachine::claimFrame()
{
    if (m_voice.isSpeaking())
        m_noInputs = 0;
    switch (m_claim) {
    case Claim::None:
        if (!mayClaim() || !m_voice.isSpeaking() || m_needOnset)
            return;
        if (m_state == TurnState::Speaking) {
            if (m_voice.burst() < m_settings.interruptVoice)
                return;
            m_actions.push_back(action::PausePlayout{m_voice.onset()});
        }
        m_acknowledged.reset();
        m_claim = Claim::Hearing;
        m_claimedAt = m_now;
        beginUtterance();
        break;
    case Claim::Hearing:
        if (!m_voice.isSpeaking())
            claimVoiceEnded();
        else if (m_open == 0 && !m_needOnset && m_voice.isVoiced())
            beginUtterance(); // the recogniser closed the one before by itself
        break;
    case Claim::AwaitingFinal:
        if (m_voice.isSpeaking() && !m_needOnset) {
            m_claim = Claim::Hearing;
            if (m_open == 0)
                beginUtterance();
        }
        break;
    }
}

void TurnMachine::claimVoiceEnded()
{
    const HeardUtterance& heard = m_words.last();
    const bool acknowledged = heard.latestIsStable && isBackchannel(heard.latest);
    const bool nothing = m_words.guess().isEmpty() && m_words.voiced() < m_settings.interruptVoice;
    if (acknowledged || nothing) {
        dismissClaim();
        return;
    }
    if (!m_words.isUnfinished()) {
        settleClaim();
        return;
    }
    // A message may go on: it is recorded as one, pauses and all.
    if (m_open != 0 && m_expect.kind != Listening::Message)
        m_actions.push_back(action::EndUtterance{std::exchange(m_open, 0)});
    m_claim = Claim::AwaitingFinal;
}

/// The recogniser said something about a claim's utterance.
void TurnMachine::claimWords(int utterance)
{
    const QString& words = m_words.find(utterance)->guess();
    if (!words.isEmpty() && !isBackchannel(words)) {
        confirmClaim();
        return;
    }
    if (m_claim == Claim::AwaitingFinal && !m_words.isUnfinished())
        settleClaim();
}

void TurnMachine::claimTimer()
{
    if (m_claim == Claim::None || !isOver(m_settings.interruptConfirm, m_claimedAt))
        return;
    // Not every recogniser has interims: a voice that has gone on for the whole window is words enough.
    const bool goesOn =
        m_claim == Claim::Hearing && m_voice.isSpeaking() && m_words.voiced() * 2 >= elapsed(m_claimedAt, m_now);
    if (goesOn)
        confirmClaim();
    else
        settleClaim();
}

/// No word has decided the claim, and none will in time. A recogniser that does not say what the voice was does not
/// make it a cough: the caller has spoken, waits for an answer, and nothing else would ever give one.
void TurnMachine::settleClaim()
{
    if (isUnknownWords())
        confirmClaim();
    else
        dismissClaim();
}

/// The voice was too long for a cough, and nobody knows what it was.
bool TurnMachine::isUnknownWords() const
{
    if (m_expect.kind == Listening::Message) // nobody is asked what it was
        return m_words.voiced() >= LongestRemark;
    if (m_words.isEmpty() || m_words.voiced() < m_settings.cough)
        return false;
    const HeardUtterance& heard = m_words.last();
    if (heard.latestIsStable && isBackchannel(heard.latest))
        return false;
    // While the agent thinks, the answer to the words before is under way: that is answer enough when these failed.
    return m_words.isUnfinished() || (m_words.hasFailed() && m_state == TurnState::Speaking);
}

void TurnMachine::confirmClaim()
{
    m_claim = Claim::None;
    m_acknowledged.reset();
    if (m_state == TurnState::Speaking) {
        cutSpeech(CutBy::Voice);
        setState(TurnState::Listening);
        return;
    }
    // After the fallback line the caller answers that line; before it the caller goes on with the same words.
    const bool joins = m_input == TurnInput::Voice && !m_fallbackPlayed;
    dropAnswer(CutBy::Voice);
    if (joins) {
        m_committed.append(std::exchange(m_words, {}));
        m_words = std::exchange(m_committed, {});
    } else {
        forgetWords(m_committed);
    }
    setState(TurnState::Listening);
}

/// A cough or a back-channel: the agent goes on as if nothing had been.
void TurnMachine::dismissClaim()
{
    const QString said = m_words.guess();
    std::optional<HeardUtterance> acknowledged;
    if (isAcknowledgement(said) && m_words.last().guess() == said) {
        acknowledged = m_words.last();
        acknowledged->done = true;
        acknowledged->final = said;
    }
    forgetWords(m_words);
    m_claim = Claim::None;
    m_needOnset = m_voice.isSpeaking();
    if (m_state == TurnState::Thinking) {
        tryStart();
        return;
    }
    m_acknowledged = std::move(acknowledged);
    m_acknowledgedAt = m_now;
    m_voice.restartBurst(m_now);
    m_actions.push_back(action::ResumePlayout{});
    if (m_complete && m_endCall) {
        m_endReason = EndReason::Completed;
        setState(TurnState::Ending);
    }
}

} // namespace kav::turn
