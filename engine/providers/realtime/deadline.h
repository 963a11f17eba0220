// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QObject>
#include <QTimer>

namespace kav::providers {

/// A deadline by the injected clock. Looks at it only while one is set; emits passed() once for each.
class RealtimeDeadline final : public QObject {
    Q_OBJECT
public:
    explicit RealtimeDeadline(const Clock& clock);

    void set(Milliseconds from);
    void clear() { m_timer.stop(); }

Q_SIGNALS:
    void passed();

private:
    const Clock& m_clock;
    QTimer m_timer;
    Instant m_at;
};

} // namespace kav::providers
