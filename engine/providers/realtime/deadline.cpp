// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/realtime/deadline.h"

namespace kav::providers {

namespace {
constexpr Milliseconds DeadlineLook{50};
}

RealtimeDeadline::RealtimeDeadline(const Clock& clock)
    : m_clock(clock)
{
    m_timer.setInterval(DeadlineLook);
    connect(&m_timer, &QTimer::timeout, this, [this] {
        if (m_clock.now() < m_at)
            return;
        m_timer.stop();
        Q_EMIT passed();
    });
}

void RealtimeDeadline::set(Milliseconds from)
{
    m_at = m_clock.now() + from;
    if (!m_timer.isActive())
        m_timer.start();
}

} // namespace kav::providers
