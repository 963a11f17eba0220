// SPDX-License-Identifier: Apache-2.0
#include "console/net/backoff.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace kav::console {

Backoff::Backoff(std::function<double()> random)
    : m_random(std::move(random))
{
}

Milliseconds Backoff::next()
{
    constexpr std::array waits{1000, 2000, 4000, 8000, 16000, 30000};
    constexpr double spread = 0.2;
    const int wait = waits[static_cast<std::size_t>(m_attempts)];
    m_attempts = std::min(m_attempts + 1, static_cast<int>(waits.size()) - 1);
    const double factor = 1.0 - spread + 2.0 * spread * std::clamp(m_random(), 0.0, 1.0);
    return Milliseconds(std::lround(wait * factor));
}

} // namespace kav::console
