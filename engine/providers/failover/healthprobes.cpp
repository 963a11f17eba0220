// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/failover/healthprobes.h"

namespace kav::providers {

namespace {
constexpr Milliseconds ProbeTick{500};
}

HealthProbes::HealthProbes(ProviderRegistry& registry, std::shared_ptr<Health> health, Milliseconds deadline,
    const Clock& clock, QObject* parent)
    : QObject(parent)
    , m_registry(registry)
    , m_health(std::move(health))
    , m_deadline(deadline)
    , m_clock(clock)
{
    connect(&m_timer, &QTimer::timeout, this, &HealthProbes::tick);
    m_timer.start(ProbeTick);
}

void HealthProbes::tick()
{
    const Instant now = m_clock.now();
    for (auto it = m_running.begin(); it != m_running.end();) {
        const auto current = it++;
        if (elapsed(current->second.began, now) >= m_deadline)
            over(current->first, current->second.number,
                Error{Error::Code::Timeout,
                    QStringLiteral("a probe had no answer within %1 ms").arg(m_deadline.count()), {}});
    }
    for (const Health::Due& due : m_health->takeDue()) {
        const Key key(due.stage, due.provider);
        const quint64 number = ++m_lastNumber;
        const auto started = m_registry.probe(
            due.stage, due.provider, [this, key, number](const Result<void>& result) { over(key, number, result); });
        switch (started) {
        case ProviderRegistry::Probe::Started:
            m_running[key] = {number, now};
            break;
        case ProviderRegistry::Probe::NotReady: // it is made anew, which proves it as well
            m_health->passed(due.stage, due.provider);
            break;
        case ProviderRegistry::Probe::Busy:
            m_health->failed(due.stage, due.provider,
                {Error::Code::Timeout, QStringLiteral("an earlier probe has had no answer yet"), {}});
            break;
        }
    }
}

void HealthProbes::over(Key key, quint64 number, const Result<void>& result)
{
    // The key is a copy: the deadline gives that of the entry which is erased here. What comes after has been judged.
    const auto found = m_running.find(key);
    if (found == m_running.end() || found->second.number != number)
        return;
    m_running.erase(found);
    if (result)
        m_health->passed(key.first, key.second);
    else
        m_health->failed(key.first, key.second, result.error());
}

} // namespace kav::providers
