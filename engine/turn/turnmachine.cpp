// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/turnmachine.h"

#include <algorithm>
#include <utility>

namespace kav::turn {
namespace {

// A voice that began long before its utterance (under a protected greeting) does not need all its past recognised, and
// the session keeps only so much audio.
constexpr Milliseconds LongestPreRoll{1000};

template <typename T> bool is(const Event& event)
{
    return std::holds_alternative<T>(event);
}

} // namespace

TurnMachine::TurnMachine(const Settings& settings, Instant now)
    : m_settings(settings)
    , m_now(now)
    , m_startedAt(now)
    , m_voice(settings, now)
    , m_since(now)
    , m_openedAt(now)
    , m_quietSince(now)
    , m_waitingSince(now)
    , m_committedAt(now)
    , m_wordsEnd(now)
    , m_readyAt(now)
    , m_speechAt(now)
    , m_claimedAt(now)
    , m_acknowledgedAt(now)
{
}

Actions TurnMachine::on(const Event& event, Instant now)
{
    if (m_state == TurnState::Ended)
        return {};
    m_actions.clear();
    m_now = std::max(m_now, now);
    if (const auto* frame = std::get_if<event::Frame>(&event)) {
        m_voice.frame(frame->voiced, m_now);
        if (frame->voiced && (m_open != 0 || m_claim == Claim::Hearing))
            m_words.countVoice();
    } else if (is<event::Tick>(event)) {
        m_voice.tick(m_now);
    }
    if (!m_voice.isSpeaking())
        m_needOnset = false;

    if (!onEverywhere(event)) {
        switch (m_state) {
        case TurnState::Listening:
            inListening(event);
            break;
        case TurnState::Thinking:
            inThinking(event);
            break;
        case TurnState::Speaking:
            inSpeaking(event);
            break;
        case TurnState::Held:
            inHeld(event);
            break;
        case TurnState::Ending:
            inEnding(event);
            break;
        case TurnState::Ended:
            break;
        }
    }
    if (is<event::Frame>(event) || is<event::Tick>(event))
        checkTimers();
    return std::exchange(m_actions, {});
}

CallerState TurnMachine::callerState() const
{
    if (m_voice.isSpeaking())
        return CallerState::Speaking;
    if (m_state == TurnState::Listening && !m_words.isEmpty())
        return CallerState::Pausing;
    return m_voice.isMaybeSpeaking() ? CallerState::MaybeSpeaking : CallerState::Silent;
}

/// Events that mean the same in every state; false: the state's handler has to see it.
bool TurnMachine::onEverywhere(const Event& event)
{
    if (const auto* ended = std::get_if<event::RemoteEnded>(&event)) {
        // A caller who hangs up at the end of a message has left it.
        saveMessage();
        finish(ended->reason);
        return true;
    }
    if (is<event::OperatorEnd>(event)) {
        saveMessage();
        finish(EndReason::OperatorEnded);
        return true;
    }
    if (const auto* request = std::get_if<event::EndRequested>(&event)) {
        if (!m_started)
            finish(request->reason);
        else
            goodbye(request->reason);
        return true;
    }
    if (const auto* expect = std::get_if<event::Expect>(&event)) {
        m_expect = *expect;
        m_interruptible = m_interruptible && expect->interruptible;
        if (expect->kind == Listening::KeypadOnly) {
            // A voice that is on counts no longer.
            if (m_state == TurnState::Speaking && m_claim != Claim::None)
                dismissClaim();
            else if (m_state == TurnState::Listening)
                forgetWords(m_words);
        }
        return true;
    }
    if (const auto* started = std::get_if<event::CallStarted>(&event)) {
        onCallStarted(*started);
        return true;
    }
    if (is<event::OperatorHold>(event)) {
        hold();
        return true;
    }
    if (is<event::Partial>(event) || is<event::Final>(event) || is<event::RecognitionFailed>(event)) {
        onRecognition(event);
        return true;
    }
    return !m_started;
}

void TurnMachine::onRecognition(const Event& event)
{
    int utterance = 0;
    const auto in = [&utterance](CallerWords& words, const Event& said) {
        if (const auto* partial = std::get_if<event::Partial>(&said)) {
            utterance = partial->utterance;
            words.partial(utterance, partial->text, partial->stable);
        } else if (const auto* final = std::get_if<event::Final>(&said)) {
            utterance = final->utterance;
            words.settle(utterance, final->text, final->confidence);
        } else if (const auto* failed = std::get_if<event::RecognitionFailed>(&said)) {
            utterance = failed->utterance;
            words.fail(utterance);
        }
    };
    in(m_words, event);
    if (const HeardUtterance* heard = m_words.find(utterance)) {
        if (heard->done && m_open == utterance) {
            // The recogniser closed it by itself. Words may follow at once; after a failure or nothing, only a new
            // voice is worth another try.
            m_open = 0;
            m_needOnset = heard->final.isEmpty();
        }
        if (m_claim != Claim::None)
            claimWords(utterance);
        else if (m_state == TurnState::Listening)
            listeningWords();
        return;
    }
    if (const HeardUtterance* heard = m_committed.find(utterance); !heard || heard->done)
        return;
    in(m_committed, event);
    committedFinal(utterance, is<event::RecognitionFailed>(event));
}

void TurnMachine::onCallStarted(const event::CallStarted& started)
{
    if (m_started)
        return;
    m_started = true;
    m_turn = started.turnsBefore;
    m_startedAt -= started.before;
    m_quietSince = m_waitingSince = m_now;
    if (!started.opening)
        return;
    startTurn(TurnInput::Opening, {});
    m_interruptible = !started.openingProtected && m_expect.interruptible;
    m_wordsEnd = m_now;
    m_actions.push_back(action::CommitTurn{.turn = m_turn, .input = TurnInput::Opening, .text = {}});
    setState(TurnState::Thinking);
}

void TurnMachine::hold()
{
    switch (m_state) {
    case TurnState::Listening:
        if (!m_started)
            return;
        saveMessage();
        break;
    case TurnState::Thinking:
        abandonAnswer(CutBy::Operator);
        break;
    case TurnState::Speaking:
        cutSpeech(CutBy::Operator);
        break;
    case TurnState::Held:
    case TurnState::Ending:
    case TurnState::Ended:
        return;
    }
    forgetWords(m_words);
    m_keyAt.reset();
    setState(TurnState::Held);
}

void TurnMachine::setState(TurnState to)
{
    m_actions.push_back(action::StateChanged{m_state, to});
    m_state = to;
    m_since = m_now;
    if (to == TurnState::Listening) {
        m_claim = Claim::None; // the caller has what was claimed
        m_quietSince = m_waitingSince = m_now;
        m_voice.stopIgnoring();
    }
}

void TurnMachine::note(const QString& token, Milliseconds value)
{
    m_actions.push_back(action::Note{token, value.count()});
}

void TurnMachine::beginUtterance()
{
    m_open = ++m_utterance;
    m_openedAt = m_now;
    m_words.open(m_open, static_cast<int>(m_voice.burst() / CallerVoice::Frame));
    const Milliseconds sinceOnset = elapsed(m_voice.onset(), m_now);
    m_actions.push_back(action::BeginUtterance{
        m_open, std::min(m_settings.preRoll + sinceOnset, std::max(LongestPreRoll, m_settings.preRoll))});
}

/// Words that belong to nothing any more: the recogniser need not finish them.
void TurnMachine::forgetWords(CallerWords& words)
{
    for (const HeardUtterance& heard : words.all()) {
        if (!heard.done)
            m_actions.push_back(action::DropUtterance{heard.utterance});
        if (heard.utterance == m_open)
            m_open = 0;
    }
    words.clear();
}

/// The bookkeeping of a new turn; its CommitTurn is the caller's to add.
void TurnMachine::startTurn(TurnInput input, CallerWords words)
{
    ++m_turn;
    m_input = input;
    m_committed = std::move(words);
    m_committedText.clear();
    m_words.clear();
    m_expectBefore = m_expect;
    m_interruptible = true;
    m_committedAt = m_now;
    m_awaiting = m_ready = m_complete = m_endCall = m_failed = m_ranDry = false;
    m_fillerPlayed = m_fallbackPlayed = false;
    m_speech = Speech::None;
    m_claim = Claim::None;
    m_keyAt.reset();
    m_acknowledged.reset();
}

/// The call ends while a message is being spoken: what there is of it is the message.
void TurnMachine::saveMessage()
{
    if (m_state != TurnState::Listening || m_expect.kind != Listening::Message || m_words.isEmpty()
        || m_words.voiced() < m_settings.cough)
        return;
    const int utterance = m_words.last().utterance;
    if (m_open != 0)
        m_actions.push_back(action::EndUtterance{m_open});
    m_open = 0;
    const QString text = m_words.text();
    startTurn(TurnInput::Message, std::exchange(m_words, {}));
    m_committedText = text;
    m_actions.push_back(action::CommitTurn{
        .turn = m_turn, .input = TurnInput::Message, .utterance = utterance, .text = text, .pause = Milliseconds(0)});
}

/// Says goodbye, whatever is going on, except when that is already under way.
void TurnMachine::goodbye(EndReason reason)
{
    switch (m_state) {
    case TurnState::Listening:
        saveMessage();
        break;
    case TurnState::Thinking:
        abandonAnswer(CutBy::Engine);
        break;
    case TurnState::Speaking:
        cutSpeech(CutBy::Engine);
        break;
    case TurnState::Held:
        break;
    case TurnState::Ending:
    case TurnState::Ended:
        return;
    }
    forgetWords(m_words);
    m_claim = Claim::None;
    m_endReason = reason;
    m_actions.push_back(action::PlayGoodbye{reason});
    setState(TurnState::Ending);
}

void TurnMachine::finish(EndReason reason)
{
    // The goodbye was under way: that is why the call ends, not that it is over.
    const EndReason first = m_state == TurnState::Ending ? m_endReason : reason;
    forgetWords(m_words);
    setState(TurnState::Ended);
    m_actions.push_back(action::EndCall{first});
}

void TurnMachine::checkTimers()
{
    if (m_state != TurnState::Ended && m_state != TurnState::Ending && isOver(m_settings.longestCall, m_startedAt)) {
        note(QStringLiteral("longest-call"), elapsed(m_startedAt, m_now));
        if (m_started)
            goodbye(EndReason::LongestCall);
        else
            finish(EndReason::LongestCall);
        return;
    }
    if (!m_started)
        return;
    switch (m_state) {
    case TurnState::Listening:
        listeningTimers();
        break;
    case TurnState::Thinking:
        thinkingTimers();
        break;
    case TurnState::Speaking:
        speakingTimers();
        break;
    case TurnState::Held:
        if (isOver(m_settings.heldCap, m_since)) {
            note(QStringLiteral("held-cap"), elapsed(m_since, m_now));
            setState(TurnState::Listening);
        }
        break;
    case TurnState::Ending:
        if (isOver(m_settings.endingCap, m_since)) {
            note(QStringLiteral("ending-cap"), elapsed(m_since, m_now));
            finish(m_endReason);
        }
        break;
    case TurnState::Ended:
        break;
    }
}

} // namespace kav::turn
