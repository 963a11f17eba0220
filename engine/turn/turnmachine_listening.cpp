// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/endpointing.h"
#include "engine/turn/turnmachine.h"

#include <algorithm>
#include <utility>

// LISTENING: the caller has the floor.
namespace kav::turn {
namespace {

// The key that cut short "leave a message after the tone" is no answer to it.
constexpr Milliseconds PromptSkip{1000};

} // namespace

void TurnMachine::inListening(const Event& event)
{
    if (std::holds_alternative<event::Frame>(event)) {
        listen();
    } else if (std::holds_alternative<event::KeyPressed>(event)) {
        m_noInputs = 0;
        m_quietSince = m_waitingSince = m_now;
        // Any key ends a message, by the Keypad event that follows; in every other state it takes the floor from the
        // voice, because people murmur the digits they press.
        if (m_expect.kind != Listening::Message) {
            m_keyAt = m_now;
            forgetWords(m_words);
        }
    } else if (const auto* keypad = std::get_if<event::Keypad>(&event)) {
        if (m_expect.kind == Listening::Message && !m_words.isEmpty() && m_words.voiced() >= m_settings.cough)
            commitWords(false);
        else if (m_expect.kind != Listening::Message || isOver(PromptSkip, m_since))
            commitKeys(keypad->digits);
    }
}

bool TurnMachine::takesVoice() const
{
    return m_expect.kind != Listening::KeypadOnly && !m_keyAt;
}

void TurnMachine::listen()
{
    if (!m_voice.isSpeaking())
        return;
    m_quietSince = std::max(m_quietSince, m_voice.lastSpeech());
    if (!takesVoice())
        return;
    m_noInputs = 0;
    // A final may come in the short silence that is still speech: only voice opens the next utterance.
    if (m_open == 0 && !m_needOnset && m_voice.isVoiced())
        beginUtterance();
}

Milliseconds TurnMachine::endPause() const
{
    const bool known = !m_words.isEmpty();
    const QString words = m_words.guess();
    // A final is as sure as words get.
    const bool stable =
        known && (m_words.last().done ? !m_words.last().final.isEmpty() : m_words.last().latestIsStable);
    // The newest partial, not the older stable one, shows how the sentence goes on.
    const QString& newest =
        known && !m_words.last().done && !m_words.last().latest.isEmpty() ? m_words.last().latest : words;
    return std::max(m_settings.voiceStop, endOfUtterancePause(m_settings, m_expect.kind, newest, stable));
}

void TurnMachine::listeningTimers()
{
    if (m_keyAt && isOver(m_settings.keyEntry, *m_keyAt))
        m_keyAt.reset();
    const bool message = m_expect.kind == Listening::Message;
    const Milliseconds cap = message ? m_settings.messageCap : m_settings.utteranceCap;
    // Whether its recogniser still listens or has given up long since.
    if (!m_words.isEmpty() && isOver(cap, m_openedAt)) {
        note(message ? QStringLiteral("message-cap") : QStringLiteral("utterance-cap"), elapsed(m_openedAt, m_now));
        commitWords(true);
        return;
    }
    if (!m_words.isEmpty()) {
        if (m_voice.isSpeaking())
            return;
        // A first voiced frame or two at the end of the pause: the next few tell whether the caller goes on. Looked at
        // within the longest pause only.
        const Milliseconds pause = endPause();
        const Milliseconds latest =
            std::max(pause, std::min(pause + m_settings.voiceStartWindow, m_settings.endOfUtteranceMax));
        if (m_voice.silence(m_now) >= (m_voice.isMaybeSpeaking() ? latest : pause))
            commitWords(false);
        return;
    }
    // In a keypad-only state voice puts the prompt off, but not for ever: it may be noise, and it is no answer.
    const bool keypadWait = m_expect.kind == Listening::KeypadOnly && isOver(m_settings.utteranceCap, m_waitingSince);
    if (isOver(m_settings.noInput, m_quietSince) || keypadWait)
        noInput();
}

/// The recogniser said something about the words in the making.
void TurnMachine::listeningWords()
{
    // An early final of nothing, after voice too short for a word, was a cough; do not wait for the pause.
    if (m_open == 0 && !m_words.isUnfinished() && !m_words.hasFailed() && m_words.guess().isEmpty()
        && m_words.voiced() < m_settings.cough && m_expect.kind != Listening::Message)
        m_words.clear();
}

void TurnMachine::commitWords(bool capped)
{
    const bool message = m_expect.kind == Listening::Message;
    const int open = std::exchange(m_open, 0);
    const bool tooShort = m_words.voiced() < m_settings.cough;
    const bool nothing = !m_words.isUnfinished() && !m_words.hasFailed() && m_words.text().isEmpty();
    if (tooShort && (message || nothing)) {
        m_open = open;
        forgetWords(m_words);
        return;
    }
    if (open != 0)
        m_actions.push_back(action::EndUtterance{open});

    const bool awaiting = !message && m_words.isPending();
    const QString text = awaiting ? QString() : m_words.hasFailed() ? m_words.guess() : m_words.text();
    const double confidence = awaiting ? 0 : m_words.confidence();
    const int utterance = m_words.last().utterance;
    startTurn(message ? TurnInput::Message : TurnInput::Voice, std::exchange(m_words, {}));
    m_committedText = text;
    m_awaiting = awaiting;
    m_wordsEnd = capped ? m_now : m_voice.lastSpeech();
    if (capped)
        m_voice.ignoreUntilSilence();
    m_actions.push_back(action::CommitTurn{.turn = m_turn,
        .input = m_input,
        .utterance = utterance,
        .text = text,
        .confidence = confidence,
        .pause = capped ? Milliseconds(0) : m_voice.silence(m_now),
        .awaitFinal = awaiting});
    setState(TurnState::Thinking);
}

/// From LISTENING and THINKING: a complete entry is a turn at once.
void TurnMachine::commitKeys(const QString& digits)
{
    m_noInputs = 0;
    m_quietSince = m_waitingSince = m_now;
    m_keyAt.reset();
    if (digits.isEmpty())
        return;
    forgetWords(m_words);
    startTurn(TurnInput::Keypad, {});
    m_committedText = digits;
    m_wordsEnd = m_now;
    m_actions.push_back(
        action::CommitTurn{.turn = m_turn, .input = TurnInput::Keypad, .text = digits, .confidence = 1});
    if (m_state != TurnState::Thinking)
        setState(TurnState::Thinking);
}

void TurnMachine::noInput()
{
    if (++m_noInputs > 2) {
        goodbye(EndReason::NoInput);
        return;
    }
    m_actions.push_back(action::PlayNoInput{m_noInputs});
    m_speech = Speech::NoInput;
    m_speechAt = m_now;
    m_interruptible = true;
    m_complete = true;
    m_endCall = m_failed = m_ranDry = false;
    m_claim = Claim::None;
    m_acknowledged.reset();
    m_voice.restartBurst(m_now);
    setState(TurnState::Speaking);
}

} // namespace kav::turn
