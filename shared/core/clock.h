// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QDateTime>

#include <chrono>

namespace kav {

/// A point on the monotonic clock. Wall time is for people and records only; nothing is timed by it.
using Instant = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

/// Where code that keeps time asks what time it is. Borrowed by its users, outlives them; safe on any thread.
/// Tests inject kav::test::FakeClock.
class Clock {
public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;
    /// UTC.
    virtual QDateTime wallNow() const = 0;
};

/// The machine's own clocks.
class SystemClock final : public Clock {
public:
    Instant now() const override;
    QDateTime wallNow() const override;
};

/// `later - earlier` in whole milliseconds, rounded down.
constexpr Milliseconds elapsed(Instant earlier, Instant later)
{
    return std::chrono::duration_cast<Milliseconds>(later - earlier);
}

} // namespace kav
