// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtGlobal>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>

namespace kav::metrics {

/// What can be wrong with a stream; closed, as every label is.
enum class StreamError {
    Malformed, ///< not JSON, or a field of the wrong form
    Unknown, ///< an event that is not known
    OutOfOrder, ///< a message where the protocol has none: media before start, a second start
    Gap, ///< timestamps jumped: frames were lost on the way
    Silent, ///< the watchdog's time passed without a message
    Backpressure, ///< the peer does not read
    Lost, ///< the socket went without `stop`
};
inline constexpr int StreamErrorCount = 7;

enum class Mark {
    Sent,
    Returned,
    Stale, ///< came back for a speech that was cut
    Lost, ///< never came back; the playout clock stood in
};
inline constexpr int MarkCount = 4;

enum class Direction { Inbound, Outbound };

/// What one media worker counts per frame. Made by Metrics::addWorker() and owned by it; written by its one worker,
/// read by whoever renders. Relaxed atomics on cache lines of its own: counting takes no lock and shares no line with
/// others.
struct alignas(64) WorkerCounters final {
    using Counter = std::atomic<quint64>;

    Counter framesInbound{0};
    Counter framesOutbound{0};
    std::array<Counter, MarkCount> marks{};
    std::array<Counter, StreamErrorCount> streamErrors{};

    /// Upper bounds of the lateness buckets; the last bucket has none.
    static constexpr std::array<std::chrono::microseconds, 12> LatenessBounds{{
        std::chrono::microseconds(50),
        std::chrono::microseconds(100),
        std::chrono::microseconds(200),
        std::chrono::microseconds(500),
        std::chrono::microseconds(1000),
        std::chrono::microseconds(2000),
        std::chrono::microseconds(3000),
        std::chrono::microseconds(5000),
        std::chrono::microseconds(10000),
        std::chrono::microseconds(20000),
        std::chrono::microseconds(50000),
        std::chrono::microseconds(100000),
    }};
    std::array<Counter, LatenessBounds.size() + 1> latenessBuckets{}; ///< not cumulative
    Counter latenessSumNs{0};

    void countFrame(Direction direction, quint64 frames = 1)
    {
        bump(direction == Direction::Inbound ? framesInbound : framesOutbound, frames);
    }
    void countMark(Mark mark, quint64 times = 1) { bump(marks[static_cast<size_t>(mark)], times); }
    void countStreamError(StreamError error) { bump(streamErrors[static_cast<size_t>(error)], 1); }
    /// How long after its due time a frame left; early counts as on time.
    void countLateness(std::chrono::nanoseconds lateness)
    {
        lateness = std::max(lateness, std::chrono::nanoseconds(0));
        size_t bucket = 0;
        while (bucket < LatenessBounds.size() && lateness > LatenessBounds[bucket])
            ++bucket;
        bump(latenessBuckets[bucket], 1);
        bump(latenessSumNs, static_cast<quint64>(lateness.count()));
    }

private:
    // One writer: a load and a store do, without the cost of a locked instruction.
    static void bump(Counter& counter, quint64 by)
    {
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }
};

} // namespace kav::metrics
