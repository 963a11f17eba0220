// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/tracebook.h"

namespace kav::traces {

namespace {
constexpr size_t MostKnownCalls = 16384;
}

TraceBook::TraceBook(double ratio)
    : m_ratio(ratio)
{
}

CallTrace TraceBook::derived(const QString& callId) const
{
    CallTrace call;
    call.root = contextOfCall(callId);
    call.root.isSampled = isSampledAt(m_ratio, call.root.traceId);
    return call;
}

CallTrace TraceBook::traceOf(const QString& callId) const
{
    {
        const std::lock_guard lock(m_mutex);
        if (const auto known = m_calls.constFind(callId); known != m_calls.cend())
            return *known;
    }
    return derived(callId);
}

bool TraceBook::hasRequest(const QString& callId) const
{
    const std::lock_guard lock(m_mutex);
    return m_calls.contains(callId);
}

void TraceBook::requested(const QString& callId, const QDateTime& at, const std::optional<TraceContext>& parent)
{
    const std::lock_guard lock(m_mutex);
    if (m_calls.contains(callId))
        return;
    CallTrace call = derived(callId);
    call.firstRequest = at;
    if (parent) {
        call.root.traceId = parent->traceId;
        call.root.isSampled = parent->isSampled;
        call.parent = parent->spanId;
    }
    m_calls.insert(callId, call);
    m_oldestFirst.push_back(callId);
    if (m_oldestFirst.size() > MostKnownCalls) {
        m_calls.remove(m_oldestFirst.front());
        m_oldestFirst.pop_front();
    }
}

} // namespace kav::traces
