// SPDX-License-Identifier: Apache-2.0
#include "engine/media/tick.h"

#include "shared/core/logging.h"

#include <QAbstractEventDispatcher>
#include <QSocketNotifier>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

namespace kav::media {
namespace {

// steady_clock is CLOCK_MONOTONIC on Linux: its instants are the kernel's.
timespec toTimespec(Instant instant)
{
    const auto since = instant.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    return {static_cast<time_t>(seconds.count()),
        static_cast<long>(std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count())};
}

} // namespace

TickSchedule::TickSchedule(LatenessHistogram& lateness)
    : m_lateness(lateness)
{
}

void TickSchedule::add(TickSubscriber& subscriber, Instant now)
{
    for (const Slot& slot : m_slots) {
        if (std::ranges::find(slot.subscribers, &subscriber) != slot.subscribers.end())
            return;
    }
    if (m_count == 0 && !m_running) {
        m_start = now + SlotDistance;
        m_nextStep = 0;
    }
    // Of equals the slot that comes first: a single call waits the least for its first tick.
    Slot* best = &slotAt(m_nextStep);
    for (qint64 step = m_nextStep; step < m_nextStep + qint64(SlotCount); ++step) {
        if (slotAt(step).count < best->count)
            best = &slotAt(step);
    }
    best->subscribers.push_back(&subscriber);
    ++best->count;
    ++m_count;
}

void TickSchedule::remove(TickSubscriber& subscriber)
{
    for (Slot& slot : m_slots) {
        const auto found = std::ranges::find(slot.subscribers, &subscriber);
        if (found == slot.subscribers.end())
            continue;
        --slot.count;
        --m_count;
        if (m_running)
            *found = nullptr; // somebody walks this list
        else
            slot.subscribers.erase(found);
        return;
    }
}

void TickSchedule::run(Instant now)
{
    if (m_running || m_count == 0 || now < deadlineOf(m_nextStep))
        return;
    const qint64 last = (now - m_start) / SlotDistance; // the last step whose deadline has passed
    const qint64 first = std::max(m_nextStep, last + 1 - qint64(SlotCount));
    const quint64 skipped = static_cast<quint64>(first - m_nextStep);
    for (std::size_t i = 0; i < SlotCount; ++i) {
        // Step m_nextStep + i stands for every SlotCount-th of the skipped ones.
        const quint64 times = (skipped + SlotCount - 1 - i) / SlotCount;
        m_counters.missed += times * slotAt(m_nextStep + qint64(i)).count;
    }

    m_running = true;
    for (qint64 step = first; step <= last; ++step) {
        m_nextStep = step + 1;
        Slot& slot = slotAt(step);
        if (slot.count == 0)
            continue;
        m_lateness.record(now - deadlineOf(step));
        runSlot(slot, now);
    }
    m_running = false;
    for (Slot& slot : m_slots)
        std::erase(slot.subscribers, nullptr);
}

void TickSchedule::runSlot(Slot& slot, Instant now)
{
    // By index and to the size of now: the list may grow under us.
    const std::size_t size = slot.subscribers.size();
    for (std::size_t i = 0; i < size; ++i) {
        if (TickSubscriber* const subscriber = slot.subscribers[i]) {
            ++m_counters.ticks;
            subscriber->onTick(now);
        }
    }
}

std::optional<Instant> TickSchedule::nextDeadline() const
{
    for (qint64 step = m_nextStep; step < m_nextStep + qint64(SlotCount); ++step) {
        if (slotAt(step).count > 0)
            return deadlineOf(step);
    }
    return std::nullopt;
}

WorkerTick::WorkerTick(const Settings& settings, QObject* parent)
    : QObject(parent)
    , m_settings(settings)
    , m_schedule(m_lateness)
    , m_timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))
{
    if (m_timer < 0)
        qFatal("no timer for a media worker: %s", std::strerror(errno)); // no call could ever be heard
    m_notifier = std::make_unique<QSocketNotifier>(m_timer, QSocketNotifier::Read);
    connect(m_notifier.get(), &QSocketNotifier::activated, this, &WorkerTick::onTimer);
    if (m_settings.cadence.count() > 0) {
        connect(QAbstractEventDispatcher::instance(), &QAbstractEventDispatcher::aboutToBlock, this,
            &WorkerTick::onAboutToBlock, Qt::DirectConnection);
    }
}

WorkerTick::~WorkerTick()
{
    m_notifier.reset(); // before the descriptor it watches
    ::close(m_timer);
}

void WorkerTick::subscribe(TickSubscriber& subscriber)
{
    KAV_ASSERT_THREAD(this);
    m_schedule.add(subscriber, std::chrono::steady_clock::now());
    arm();
}

void WorkerTick::unsubscribe(TickSubscriber& subscriber)
{
    KAV_ASSERT_THREAD(this);
    m_schedule.remove(subscriber);
    arm();
}

void WorkerTick::onTimer()
{
    quint64 expirations = 0;
    [[maybe_unused]] const auto size = ::read(m_timer, &expirations, sizeof expirations); // only to make it unreadable
    m_armedFor.reset();
    m_schedule.run(std::chrono::steady_clock::now());
    m_ticks.store(m_schedule.counters().ticks, std::memory_order_relaxed);
    m_missed.store(m_schedule.counters().missed, std::memory_order_relaxed);
    arm();
}

void WorkerTick::arm()
{
    const std::optional<Instant> deadline = m_schedule.nextDeadline();
    if (deadline == m_armedFor)
        return;
    m_armedFor = deadline;
    itimerspec when{}; // all zero disarms
    if (deadline)
        when.it_value = toTimespec(*deadline);
    ::timerfd_settime(m_timer, TFD_TIMER_ABSTIME, &when, nullptr);
}

void WorkerTick::onAboutToBlock()
{
    if (!m_armedFor)
        return;
    const Instant now = std::chrono::steady_clock::now();
    if (now < m_nextRound) {
        const timespec until = toTimespec(std::min(m_nextRound, *m_armedFor));
        ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr); // woken early by a signal: no harm
        m_nextRound += m_settings.cadence;
    } else {
        m_nextRound = now + m_settings.cadence;
    }
}

} // namespace kav::media
