// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <atomic>

namespace kav::test {

/// A clock that moves only when told to. Starts at 2026-01-01 00:00:00 UTC. Safe on any thread.
class FakeClock final : public Clock {
public:
    Instant now() const override { return Instant(std::chrono::milliseconds(m_ms.load())); }
    QDateTime wallNow() const override
    {
        return QDateTime::fromMSecsSinceEpoch(1767225600000ll + m_ms.load() - Start, Qt::UTC);
    }
    void advance(Milliseconds by) { m_ms += by.count(); }

private:
    static constexpr qint64 Start = 1'000'000;
    std::atomic<qint64> m_ms { Start };
};

} // namespace kav::test
