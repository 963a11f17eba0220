// SPDX-License-Identifier: Apache-2.0
#include "engine/app/stallwatch.h"

#include <utility>

namespace kav::app {

std::vector<int> StallWatch::look(Instant now, const std::vector<bool>& stalled)
{
    m_ownStall.reset();
    if (m_last && elapsed(*m_last, now) > Every + Silence) {
        m_ownStall = elapsed(*m_last, now) - Every;
        ++m_counters.ownLoop;
    }
    m_last = now;
    std::vector<int> fresh;
    for (std::size_t i = 0; i < stalled.size(); ++i) {
        if (stalled[i] && !(i < m_stalled.size() && m_stalled[i]))
            fresh.push_back(int(i));
    }
    m_stalled = stalled;
    m_counters.mediaWorkers += fresh.size();
    return fresh;
}

} // namespace kav::app
