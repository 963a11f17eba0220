// SPDX-License-Identifier: Apache-2.0
#include "console/net/enginetime.h"

#include <algorithm>

namespace kav::console {
namespace {

constexpr Milliseconds TimeWindow{60000};

Milliseconds sinceEpoch(Instant instant)
{
    return elapsed(Instant(), instant);
}

} // namespace

void EngineTime::note(const QDateTime& at, Instant now)
{
    const Milliseconds behind = sinceEpoch(now) - Milliseconds(at.toMSecsSinceEpoch());
    if (m_current && now - m_since >= TimeWindow) {
        m_previous = now - m_since < 2 * TimeWindow ? m_current : std::nullopt;
        m_current.reset();
    }
    if (!m_current)
        m_since = now;
    m_current = std::min(m_current.value_or(behind), behind);
}

std::optional<QDateTime> EngineTime::at(Instant now) const
{
    if (!m_current)
        return std::nullopt;
    const Milliseconds behind = std::min(*m_current, m_previous.value_or(*m_current));
    return QDateTime::fromMSecsSinceEpoch((sinceEpoch(now) - behind).count(), Qt::UTC);
}

} // namespace kav::console
