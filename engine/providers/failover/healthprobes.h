// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/failover/health.h"

#include <QObject>
#include <QTimer>

#include <map>
#include <memory>
#include <utility>

namespace kav::providers {

/// Proves providers whose rest is over before a caller's turn is spent on it: their makers, which probe what they make,
/// run once more in the background, and Health is told. Each has the deadline of a maker. Owned by the composition root,
/// lives on the control thread, goes before the registry.
class HealthProbes final : public QObject {
    Q_OBJECT
public:
    HealthProbes(ProviderRegistry& registry, std::shared_ptr<Health> health, Milliseconds deadline, const Clock& clock,
        QObject* parent = nullptr);

    /// Starts what is due, ends what is past its deadline; called by an inner timer, and by tests with a fake clock.
    void tick();

private:
    using Key = std::pair<Stage, QString>;
    struct Running final {
        quint64 number = 0;
        Instant began;
    };
    void over(Key key, quint64 number, const Result<void>& result);

    ProviderRegistry& m_registry;
    const std::shared_ptr<Health> m_health;
    const Milliseconds m_deadline;
    const Clock& m_clock;
    std::map<Key, Running> m_running;
    quint64 m_lastNumber = 0;
    QTimer m_timer;
};

} // namespace kav::providers
