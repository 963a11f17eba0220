// SPDX-License-Identifier: Apache-2.0
#include "engine/session/callsession.h"
#include "shared/core/carddigits.h"
#include "shared/core/masking.h"

#include <utility>

namespace kav::session {

// What operators are shown. show() runs after every frame: it compares a few numbers, and makes nothing unless
// something that is shown may have changed.

CallState CallSession::callState() const
{
    if (m_noticeUnderWay)
        return CallState::Greeting;
    const bool opening = m_turn && m_turn->record.input == TurnInput::Opening;
    switch (m_machine.state()) {
    case TurnState::Listening:
        switch (m_machine.callerState()) {
        case turn::CallerState::Silent:
        case turn::CallerState::MaybeSpeaking: // most of these are noise: a screen would flicker
            return CallState::Listening;
        case turn::CallerState::Speaking:
            return CallState::CallerSpeaking;
        case turn::CallerState::Pausing:
            return CallState::DecidingTurn;
        }
        break;
    case TurnState::Thinking:
        if (opening)
            return CallState::Greeting;
        // The fallback line is the turn's answer; a filler is none.
        return m_speaking == Speaking::Line && m_lineIsTurns ? CallState::Speaking : CallState::Thinking;
    case TurnState::Speaking:
        if (m_pausedSince)
            return CallState::Interrupted;
        return opening ? CallState::Greeting : CallState::Speaking;
    case TurnState::Held:
        return CallState::Held;
    case TurnState::Ending:
        return CallState::Ending;
    case TurnState::Ended:
        return CallState::Ended;
    }
    Q_UNREACHABLE();
}

void CallSession::showStart()
{
    m_summary.id = m_callId;
    m_summary.from = maskNumber(m_info.from);
    m_summary.to = maskNumber(m_info.to);
    m_summary.direction = m_info.parameters.value(QStringLiteral("direction"), QStringLiteral("inbound"));
    m_summary.language = m_info.language;
    m_summary.test = isTest();
    m_summary.startedAt = m_summary.stateSince = m_context.clock->wallNow();
    if (m_comeBack) {
        m_summary.startedAt = m_comeBack->before.shown.startedAt;
        m_summary.turn = m_comeBack->before.shown.turn;
        m_summary.lastGap = m_lastGap;
        m_summary.interruptions = m_interruptions;
    }
    if (m_info.persona) {
        for (const providers::TransferTarget& target : m_info.persona->transferTargets)
            m_summary.transferTargets += logSafe(target.name, 60);
    }
    m_summary.state = CallState::Greeting; // CallStarted is about to say so
    Q_EMIT summaryChanged(m_summary);
}

void CallSession::show()
{
    if (m_phase != Phase::Live)
        return;
    const CallState state = callState();
    if (state != m_summary.state || m_machine.currentTurn() != m_summary.turn || m_lastGap != m_summary.lastGap
        || m_interruptions != m_summary.interruptions)
        showSummary(state);
    const Answer* answer = m_speaking == Speaking::Line && m_lineIsTurns ? m_line.get() : m_answer.get();
    const int sentences = answer ? answer->sentenceCount() : 0;
    if (m_turnsStale || sentences != m_sentencesShown
        || (m_wordsShown.record.number != 0 && !m_machine.hasCallerWords())) {
        m_turnsStale = false;
        if (!m_machine.hasCallerWords())
            m_wordsSince = {};
        m_sentencesShown = sentences;
        showTurn(answer);
        showWords();
    }
}

void CallSession::showSummary(CallState state)
{
    if (m_summary.state != state)
        m_summary.stateSince = m_context.clock->wallNow();
    m_summary.state = state;
    m_summary.turn = m_machine.currentTurn();
    m_summary.lastGap = m_lastGap;
    m_summary.interruptions = m_interruptions;
    Q_EMIT summaryChanged(m_summary);
}

/// The turn in hand, as far as it has come.
void CallSession::showTurn(const Answer* answer)
{
    if (!m_turn)
        return;
    m_turn->record.latency = m_turn->latency.parts();
    TranscriptTurn shown{m_turn->record, m_turn->startedAt, true, true};
    if (!m_turn->wordsKnown)
        shown.record.callerText = m_machine.committedWords();
    shown.callerTextFinal = m_turn->wordsKnown && m_machine.committedWordsAreFinal();
    if (shown.record.agentText.isEmpty() && answer)
        shown.record.agentText = answer->knownText();
    if (shown.record.heardText.isEmpty())
        shown.record.heardText = m_turn->heardSoFar;
    const bool isFinal = shown.callerTextFinal;
    shown.record = shownRecord(shown.record, m_turn && m_turn->secrecy.sensitive);
    if (!isFinal)
        shown.record.callerText = maskLongDigits(shown.record.callerText);
    if (shown == m_turnShown)
        return;
    m_turnShown = shown;
    Q_EMIT transcriptChanged(m_turnShown);
}

/// What the caller is saying, before it is a turn.
void CallSession::showWords()
{
    const QString text = shownWords(maskLongDigits(m_machine.callerWords()), m_expectation.sensitive);
    const int number = m_machine.currentTurn() + 1;
    if (m_wordsShown.record.number != 0 && (text.isEmpty() || m_wordsShown.record.number != number))
        withdrawWords();
    if (text.isEmpty() || text == m_wordsShown.record.callerText)
        return;
    m_wordsShown.record.number = number;
    m_wordsShown.record.callerText = text;
    m_wordsShown.startedAt = m_wordsSince.isValid() ? m_wordsSince : m_context.clock->wallNow();
    Q_EMIT transcriptChanged(m_wordsShown);
}

/// The words came to nothing.
void CallSession::withdrawWords()
{
    TranscriptTurn withdrawn = std::exchange(m_wordsShown, {});
    withdrawn.record.callerText.clear();
    withdrawn.open = false;
    Q_EMIT transcriptChanged(withdrawn);
}

void CallSession::showTurnClosed(const OpenTurn& turn)
{
    m_turnShown = {};
    Q_EMIT transcriptChanged({turn.record, turn.startedAt, false, true});
}

void CallSession::showEnd(EndReason reason, const QDateTime& at)
{
    if (m_wordsShown.record.number != 0) {
        // Nothing comes after them: they stay to be read.
        m_wordsShown.open = false;
        Q_EMIT transcriptChanged(m_wordsShown);
    }
    m_summary.reason = reason;
    m_summary.endedAt = at;
    showSummary(CallState::Ended);
}

bool CallSession::isTest() const
{
    return m_info.parameters.value(QStringLiteral("kavTest")) == QLatin1String("1");
}

} // namespace kav::session
