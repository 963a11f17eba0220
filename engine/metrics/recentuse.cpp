// SPDX-License-Identifier: Apache-2.0
#include "engine/metrics/recentuse.h"

#include <algorithm>

namespace kav::metrics {

void RecentUse::answered(const QString& service, Milliseconds took, Instant now)
{
    add(service, {now, std::max(took, Milliseconds(0))});
}

void RecentUse::left(const QString& service, Instant now)
{
    add(service, {now, Milliseconds(-1)});
}

void RecentUse::add(const QString& service, const Use& use)
{
    auto ring = m_rings.find(service);
    if (ring == m_rings.end()) {
        if (m_rings.size() >= MostProviders)
            return;
        ring = m_rings.try_emplace(service).first;
    }
    ring->second.uses[ring->second.count++ % LatestUses] = use;
}

ServiceUse RecentUse::of(const QString& service, Instant now) const
{
    ServiceUse use;
    const auto ring = m_rings.find(service);
    if (ring == m_rings.end())
        return use;
    m_sorted.clear();
    for (size_t i = 0; i < std::min(ring->second.count, LatestUses); ++i) {
        const Use& one = ring->second.uses[i];
        if (now - one.at > Window)
            continue;
        if (one.took < Milliseconds(0))
            ++use.errors;
        else
            m_sorted.push_back(one.took);
    }
    if (m_sorted.empty())
        return use;
    std::sort(m_sorted.begin(), m_sorted.end());
    use.answers = static_cast<int>(m_sorted.size());
    const auto percentile = [this](size_t percent) { return m_sorted[(m_sorted.size() * percent + 99) / 100 - 1]; };
    use.p50 = percentile(50);
    use.p95 = percentile(95);
    use.p99 = percentile(99);
    return use;
}

} // namespace kav::metrics
