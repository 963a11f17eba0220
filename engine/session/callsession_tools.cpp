// SPDX-License-Identifier: Apache-2.0
#include "engine/media/dtmftones.h"
#include "engine/session/callsession.h"
#include "shared/core/masking.h"

#include <algorithm>
#include <utility>

namespace kav::session {

// The tools that the model calls, and the caller's waiting for them.

void CallSession::makeToolRunner()
{
    m_tools = std::make_unique<ToolRunner>(m_info.persona, m_context.toolHttp, *m_context.clock);
    if (m_context.traceParent)
        m_tools->setTraceParent([this] { return m_context.traceParent(m_callId); });
    connect(m_tools.get(), &ToolRunner::finished, this, &CallSession::onToolFinished);
    connect(m_tools.get(), &ToolRunner::endCallWanted, this, [this] { m_asked.endCall = true; });
    connect(m_tools.get(), &ToolRunner::messageWanted, this, [this] { m_asked.takeMessage = true; });
    connect(m_tools.get(), &ToolRunner::transferWanted, this,
        [this](const providers::TransferTarget& target, const QString& summary) {
            logTransfer(target);
            m_asked.transferTo = target;
            m_asked.transferSummary = summary;
        });
    connect(m_tools.get(), &ToolRunner::keysWanted, this,
        [this](const QString& keys) { m_answer->addSound(media::dtmfTones(keys)); });
    connect(m_tools.get(), &ToolRunner::callersKeysWanted, this,
        [this](const KeysWanted& wanted) { m_asked.keys = wanted; });
}

/// An entry is whole. While the agent speaks it waits, unless keys interrupt.
void CallSession::takeEntry(const QString& entry)
{
    if (m_info.persona && !m_info.persona->keypad.interrupts && m_machine.agentHasFloor())
        m_heldEntry = entry;
    else
        dispatch(turn::event::Keypad{entry});
}

void CallSession::logTransfer(const providers::TransferTarget& target)
{
    logEvent(QStringLiteral("TRANSFER"),
        {{QStringLiteral("to"), logSafe(target.name, 60)}, {QStringLiteral("number"), maskNumber(target.number)}});
}

void CallSession::onToolCalled(int turn, const providers::ToolCall& call)
{
    const Entered entered(*this);
    if (m_phase == Phase::Ended)
        return;
    if (!m_answer || m_answer->turn() != turn || !m_turn || !m_turn->asked) {
        m_tools->refuse(turn, call, QStringLiteral("the caller has gone on; nothing was done"));
        return;
    }
    m_turn->latency.firstToken(m_now);
    if (!m_turn->latency.has(LatencyPart::FirstSentence))
        m_turn->latency.setOwner(LatencyPart::FirstSentence, QStringLiteral("tool:") + logSafe(call.name, 40));
    if (!std::exchange(m_asked.isGap, true))
        m_asked.asides = 0;
    if (mayRunTools() && m_asked.held.isEmpty())
        m_tools->run(turn, call);
    else
        m_asked.held += call;
}

/// An answer is begun before the caller's last word is certain, and thrown away when it was another. What a tool does
/// cannot be: it waits, as long as a turn does that has no words at all.
bool CallSession::mayRunTools() const
{
    return m_machine.state() != TurnState::Thinking || m_machine.committedWordsAreFinal()
        || elapsed(*m_turn->committed, m_now) >= m_context.settings.turn.finalWait;
}

void CallSession::runHeldTools()
{
    if (m_asked.held.isEmpty() || m_phase == Phase::Ended || !m_turn || !m_answer || !mayRunTools())
        return;
    const QList<providers::ToolCall> held = std::exchange(m_asked.held, {});
    for (const providers::ToolCall& call : held)
        m_tools->run(m_answer->turn(), call);
}

void CallSession::onToolFinished(const ToolOutcome& outcome)
{
    const Entered entered(*this);
    QJsonObject fields{{QStringLiteral("name"), outcome.name}, {QStringLiteral("ms"), qint64(outcome.took.count())},
        {QStringLiteral("ok"), outcome.ok}, {QStringLiteral("turn"), outcome.turn}};
    if (!outcome.span.isEmpty())
        fields.insert(QStringLiteral("span"), outcome.span);
    if (!outcome.reason.isEmpty())
        fields.insert(QStringLiteral("reason"), logSafe(outcome.reason));
    logEvent(QStringLiteral("TOOL"), fields);
    if (m_conversation)
        m_conversation->toolFinished(outcome.id, outcome.result);
}

/// A caller who waits for a tool hears that something is being done. In THINKING the turn machine has its waiting line;
/// this one makes it an answer that has begun, so that a slow tool is no silent model and the fallback stays away. The
/// tool's own time-out ends the wait.
void CallSession::coverToolGap(Instant now)
{
    if (m_phase == Phase::Ended || !m_asked.isGap || !m_answer || !m_turn || m_pausedSince || !m_answer->isDry())
        return;
    const turn::Settings& limits = m_context.settings.turn;
    const Instant quietSince =
        std::max({m_turn->lastVoice, m_lastSent + m_context.settings.playout.lead, m_asked.lastAside});
    const bool due = now - quietSince >= (m_asked.asides == 0 ? limits.filler : 2 * limits.filler);
    const bool last = m_machine.state() == TurnState::Thinking && m_speaking != Speaking::Answer && m_asked.asides == 0
        && now - m_turn->lastVoice >= limits.fallback - limits.filler / 2;
    if ((!due || m_speaking == Speaking::Line) && !last)
        return;
    ++m_asked.asides;
    m_asked.lastAside = now;
    logEvent(QStringLiteral("TOOL_WAIT"), {{QStringLiteral("times"), m_asked.asides}});
    m_answer->addAside(m_context.serviceLines(m_info.language).filler);
}

} // namespace kav::session
