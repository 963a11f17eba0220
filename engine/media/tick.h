// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/latenesshistogram.h"
#include "shared/core/clock.h"

#include <QObject>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

QT_FORWARD_DECLARE_CLASS(QSocketNotifier)

namespace kav::media {

/// Whoever is to be called every 20 ms. Unsubscribe before it dies; that is allowed at any time, in onTick() too.
class TickSubscriber {
public:
    virtual void onTick(Instant now) = 0;

protected:
    ~TickSubscriber() = default;
};

/// Who is called when: subscribers spread over ten slots, one every 2 ms, each slot once in 20 ms, at deadlines that
/// never drift: many small slots, so that the last of hundreds of calls does not wait for all the others. Pure: owned by a WorkerTick, lives on its thread, knows no timer.
class TickSchedule final {
public:
    static constexpr std::chrono::milliseconds Period{20};
    static constexpr std::size_t SlotCount = 10;
    static constexpr std::chrono::milliseconds SlotDistance = Period / SlotCount;

    struct Counters final {
        quint64 ticks = 0; ///< calls of onTick()
        quint64 missed = 0; ///< calls that were due and never made, because the thread was late by a period or more
    };

    explicit TickSchedule(LatenessHistogram& lateness);

    /// Joins the slot with the fewest; from within onTick() too, then it is first called in a later slot. A second time
    /// changes nothing.
    void add(TickSubscriber& subscriber, Instant now);
    /// It is not called again, not even in the tick that is running.
    void remove(TickSubscriber& subscriber);
    bool isEmpty() const { return m_count == 0; }
    std::size_t count() const { return m_count; }

    /// Calls everybody in every slot whose deadline has passed; each at most once: what was missed is counted, not
    /// replayed. Nothing when called from within itself.
    void run(Instant now);
    /// The next deadline of a slot that has somebody in it; nothing when empty.
    std::optional<Instant> nextDeadline() const;
    const Counters& counters() const { return m_counters; }

private:
    struct Slot final {
        std::vector<TickSubscriber*> subscribers; // null: removed while its slot ran
        std::size_t count = 0;
    };

    Slot& slotAt(qint64 step) { return m_slots[static_cast<std::size_t>(step) % SlotCount]; }
    const Slot& slotAt(qint64 step) const { return m_slots[static_cast<std::size_t>(step) % SlotCount]; }
    Instant deadlineOf(qint64 step) const { return m_start + step * SlotDistance; }
    void runSlot(Slot& slot, Instant now);

    LatenessHistogram& m_lateness;
    Counters m_counters;
    std::array<Slot, SlotCount> m_slots;
    std::size_t m_count = 0;
    Instant m_start; // the deadline of step 0
    qint64 m_nextStep = 0; // the first that has not run
    bool m_running = false;
};

/// The heartbeat of one media worker: calls its subscribers every 20 ms by an absolute-deadline timer (timerfd), and
/// makes the worker's event loop wake at most every 2 ms while there are subscribers, so that the messages of many
/// calls share one round of poll(). A tick's deadline is never slept through. Without subscribers no timer is set and
/// the loop sleeps in poll(). One per worker, made on its thread, for that thread only; lateness() and the counts may
/// be read from any.
class WorkerTick final : public QObject {
    Q_OBJECT

public:
    struct Settings final {
        /// Least time between two rounds of the event loop; 0 for no coalescing.
        std::chrono::microseconds cadence{2000};
    };

    explicit WorkerTick(const Settings& settings, QObject* parent = nullptr);
    ~WorkerTick() override;
    Q_DISABLE_COPY_MOVE(WorkerTick)

    void subscribe(TickSubscriber& subscriber);
    void unsubscribe(TickSubscriber& subscriber);
    std::size_t subscriberCount() const { return m_schedule.count(); }

    /// Lateness of each slot that ran: any thread.
    const LatenessHistogram& lateness() const { return m_lateness; }
    quint64 ticks() const { return m_ticks.load(std::memory_order_relaxed); }
    quint64 missedTicks() const { return m_missed.load(std::memory_order_relaxed); }

private:
    void onTimer();
    void onAboutToBlock();
    void arm();

    const Settings m_settings;
    LatenessHistogram m_lateness;
    TickSchedule m_schedule;
    std::atomic<quint64> m_ticks{0}, m_missed{0};
    int m_timer = -1; // timerfd
    std::unique_ptr<QSocketNotifier> m_notifier;
    std::optional<Instant> m_armedFor;
    Instant m_nextRound; // of the event loop
};

} // namespace kav::media
