// SPDX-License-Identifier: Apache-2.0
#include "engine/session/callsession.h"
#include "engine/session/turnentry.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

namespace kav::session {

namespace {
// What a call takes along when it is passed on.
constexpr qsizetype MostPastTurns = 40, LongestPastText = 2000;
} // namespace

void appendPastTurn(QList<providers::PastTurn>& past, const TurnRecord& turn)
{
    if (past.size() >= MostPastTurns)
        past.removeFirst();
    past.append({userTurnKindOf(turn.input), turn.callerText.left(LongestPastText), turn.heardText.left(LongestPastText)});
}

// What the caller hears: answers and the engine's own lines, on their way to playout.
void CallSession::playLine(const QString& text, bool belongsToTurn)
{
    if (m_speaking != Speaking::Nothing)
        speechOver(m_playout.cut(m_now, *this), true);
    m_line = makeAnswer(0);
    m_line->disconnect(this);
    connect(m_line.get(), &Answer::progressed, this, [this] {
        const Entered entered(*this);
        pumpSpeech();
    });
    connect(m_line.get(), &Answer::failed, this, [this](const Error& error) {
        logEvent(QStringLiteral("TTS_ERR"), {{QStringLiteral("reason"), logSafe(error.message)}});
        const Entered entered(*this);
        if (m_noticeUnderWay) {
            speechOver(m_playout.cut(m_now, *this), true);
            noticeOver(false);
            return;
        }
        if (m_speaking == Speaking::Line && m_lineIsTurns) {
            apologise(); // the fallback line itself, and no other voice could go on with it
            return;
        }
        if (m_speaking == Speaking::Line)
            speechOver(m_playout.cut(m_now, *this), true);
        if (m_answerWaits && m_answer)
            startAnswer(); // it waited for this line alone
        else
            dispatch(turn::event::SpeechHeard{});
    });
    m_lineIsTurns = belongsToTurn;
    m_speaking = Speaking::Line;
    m_playout.beginSpeech();
    m_line->addText(text);
    m_line->finishText();
    if (m_line->needsVoice() && !m_context.providers->hasVoice(m_info)) {
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
    m_speechFrom = m_recorder ? m_recorder->position() : 0;
    if (m_turn)
        m_turn->framesBefore = m_playout.counters().framesSent;
    m_playout.beginSpeech();
    pumpSpeech();
}

void CallSession::pumpSpeech()
{
    Answer* speaking = m_speaking == Speaking::Answer ? m_answer.get()
        : m_speaking == Speaking::Line                ? m_line.get()
                                                      : nullptr;
    if (!speaking || m_phase == Phase::Ended)
        return;
    speaking->pump(m_playout);
    // The first sound does not wait for the next tick.
    if (m_playout.isWaitingForSound())
        m_playout.poll(m_now, *this);
    if (m_speaking == Speaking::Answer && speaking->isHandedOver() && !std::exchange(m_completeSent, true)) {
        if (m_turn && !std::exchange(m_turn->speechLogged, true))
            logEvent(QStringLiteral("TTS_LEN_ms"), {{QStringLiteral("ms"), qint64(speaking->audioLength().count())}});
        dispatch(turn::event::AnswerComplete{speaking->turn(), m_answerEndsCall});
    }
}

void CallSession::checkHeard(Instant now)
{
    if (m_speaking == Speaking::Nothing || m_pausedSince || !m_playout.drained(now))
        return;
    const bool line = m_speaking == Speaking::Line;
    const auto heard = m_playout.heard(now);
    speechOver(heard, false);
    if (m_noticeUnderWay) {
        noticeOver(!heard.empty() && heard.back().complete);
        return;
    }
    if (line && m_answerWaits && m_answer) {
        startAnswer();
        return;
    }
    if (!line || m_lineIsTurns)
        closeTurn();
    dispatch(turn::event::SpeechHeard{});
}

void CallSession::speechOver(const std::vector<media::HeardSentence>& heard, bool cut)
{
    const Speaking was = std::exchange(m_speaking, Speaking::Nothing);
    if (was == Speaking::Answer && m_turn && m_answer) {
        m_turn->record.agentText = m_answer->text();
        m_turn->record.heardText = m_answer->heardText(heard);
        if (!std::exchange(m_turn->speechLogged, true))
            logEvent(QStringLiteral("TTS_LEN_ms"), {{QStringLiteral("ms"), qint64(m_answer->audioLength().count())}});
        logEvent(QStringLiteral("MEDIA_TX"),
            {{QStringLiteral("turn"), m_turn->record.number},
                {QStringLiteral("frames"), qint64(m_playout.counters().framesSent - m_turn->framesBefore)},
                {QStringLiteral("first_ms"),
                    m_turn->record.input == TurnInput::Opening
                        ? 0
                        : qint64(m_turn->latency.answeredAfter().value_or(Milliseconds(0)).count())}});
        if (m_recorder && mustHide(m_turn->record.agentText))
            m_recorder->silenceSince(m_speechFrom); // it read them back
        if (m_conversation)
            m_conversation->heard(m_turn->record.number, m_turn->record.heardText, cut, m_answer->heardLength(heard));
        // The object may be on the stack of its own signal.
        m_answer->retire();
        m_answer.release()->deleteLater();
    } else if (was == Speaking::Line && m_line) {
        if (m_lineIsTurns && m_turn) {
            m_turn->record.agentText = m_line->text();
            m_turn->record.heardText = m_line->heardText(heard);
        }
        m_line->retire();
        m_line.release()->deleteLater();
    }
}

void CallSession::closeTurn()
{
    if (!m_turn)
        return;
    m_turn->record = shownRecord(m_turn->record, m_turn->secrecy.sensitive); // nobody gets another one
    OpenTurn turn = *std::exchange(m_turn, std::nullopt);
    turn.record.latency = turn.latency.parts();
    ++m_turnsDone;
    appendPastTurn(m_past, turn.record);
    m_context.log({calllog::Entry::Kind::Turn, m_callId, turn.startedAt,
        turnEntry(turn.record, turn.latency, *m_context.clock)});
    showTurnClosed(turn);
    Q_EMIT turnEnded(turn.record);
}

} // namespace kav::session
