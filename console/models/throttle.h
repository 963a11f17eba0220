// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QTimer>

#include <functional>
#include <utility>

namespace kav::console {

/// Acts at once when asked, then at most once in `every`; of what is asked meanwhile only the last counts, and that
/// always does. So a single key or click is felt at once, and a key that is held down floods nobody.
class Throttle final {
public:
    Throttle(Milliseconds every, std::function<void()> act)
        : m_act(std::move(act))
    {
        m_timer.setSingleShot(true);
        m_timer.setInterval(every);
        QObject::connect(&m_timer, &QTimer::timeout, &m_timer, [this] {
            if (std::exchange(m_asked, false))
                run();
        });
    }

    void ask()
    {
        if (m_timer.isActive())
            m_asked = true;
        else
            run();
    }

private:
    void run()
    {
        m_timer.start();
        m_act();
    }

    const std::function<void()> m_act;
    QTimer m_timer;
    bool m_asked = false;
};

} // namespace kav::console
