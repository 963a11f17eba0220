// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/streamledger.h"

namespace kav::webhooks {

StreamLedger::StreamLedger(const Settings& settings)
    : m_settings(settings)
{
}

bool StreamLedger::isTaken(const StreamClaims& claims, Instant now) const
{
    const auto open = m_open.constFind(claims.callSid);
    if (open != m_open.cend())
        return !isOver(*open, now);
    // A call that is sent to the webhook again gets a later token; the one it had is spent.
    const auto spent = m_spent.constFind(claims.callSid);
    return spent != m_spent.cend() && claims.expires <= *spent;
}

void StreamLedger::admitted(const StreamClaims& claims, int worker, Instant now, const QDateTime& wallNow)
{
    m_open.removeIf([this, now](const QHash<QString, Open>::iterator& it) { return isOver(*it, now); });
    m_open.insert(claims.callSid, {worker, now, claims.expires, false});
    forget(wallNow);
}

void StreamLedger::started(const QString& callSid)
{
    const auto open = m_open.find(callSid);
    if (open != m_open.end())
        open->isStarted = true;
}

void StreamLedger::ended(const QString& callSid)
{
    const auto open = m_open.constFind(callSid);
    if (open == m_open.cend())
        return;
    m_spent.insert(callSid, open->expires);
    m_spentOrder.push_back({callSid, open->expires});
    m_open.erase(open);
}

int StreamLedger::open(Instant now, std::optional<int> worker) const
{
    int count = 0;
    for (const Open& open : m_open)
        count += (!worker || open.worker == *worker) && !isOver(open, now);
    return count;
}

QStringList StreamLedger::calls(Instant now) const
{
    QStringList calls;
    for (auto it = m_open.cbegin(); it != m_open.cend(); ++it) {
        if (!isOver(*it, now))
            calls += it.key();
    }
    return calls;
}

std::optional<int> StreamLedger::workerOf(const QString& callSid) const
{
    const auto open = m_open.constFind(callSid);
    return open == m_open.cend() ? std::nullopt : std::optional(open->worker);
}

bool StreamLedger::isOver(const Open& open, Instant now) const
{
    return !open.isStarted && elapsed(open.admitted, now) >= m_settings.handshake;
}

void StreamLedger::forget(const QDateTime& wallNow)
{
    // Tokens live equally long, so the oldest expire first; an expired one is refused by itself.
    while (!m_spentOrder.empty()
        && (m_spentOrder.front().expires < wallNow || m_spentOrder.size() > m_settings.spentTokens)) {
        const Spent& oldest = m_spentOrder.front();
        if (m_spent.value(oldest.callSid) == oldest.expires)
            m_spent.remove(oldest.callSid);
        m_spentOrder.pop_front();
    }
}

} // namespace kav::webhooks
