// SPDX-License-Identifier: Apache-2.0
// What the call log costs: append() on the caller's thread, appends per second, time until durable, time until stored.
//   bench_calllog [DATADIR]     (default: a temporary directory; the disk under it decides the second and third figure)
#include "engine/calllog/calllog.h"

#include <QCoreApplication>
#include <QLoggingCategory>
#include <QTemporaryDir>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

using namespace kav;
using namespace kav::calllog;
using SteadyClock = std::chrono::steady_clock;

namespace {

double microseconds(SteadyClock::duration time)
{
    return std::chrono::duration<double, std::micro>(time).count();
}

double at(std::vector<double>& sorted, double quantile)
{
    std::sort(sorted.begin(), sorted.end());
    return sorted[static_cast<size_t>(quantile * static_cast<double>(sorted.size() - 1))];
}

Entry typicalEvent()
{
    return {Entry::Kind::Event, QStringLiteral("CA0123456789abcdef0123456789abcdef"), QDateTime::currentDateTimeUtc(),
        {{QStringLiteral("token"), QStringLiteral("STT_FINAL")},
            {QStringLiteral("text"), QStringLiteral("I would like to speak to sales please")},
            {QStringLiteral("confidence"), 0.82}, {QStringLiteral("turn"), 3}}};
}

/// Waits for numbers to become durable; fed by the signal on the journal's thread.
class DurableWatch final {
public:
    explicit DurableWatch(CallLog& log)
    {
        QObject::connect(
            &log, &CallLog::durable, &log,
            [this](quint64 number) {
                const std::scoped_lock lock(m_mutex);
                m_durable = number;
                m_changed.notify_all();
            },
            Qt::DirectConnection);
    }
    void waitFor(quint64 number)
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [&] { return m_durable >= number; });
    }

private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    quint64 m_durable = 0;
};

} // namespace

int main(int argc, char** argv)
{
    QCoreApplication app(argc, argv);
    QLoggingCategory::setFilterRules(QStringLiteral("kav.calllog.info=false"));
    QTemporaryDir temporary;
    Settings settings;
    settings.dataDir = argc > 1 ? QString::fromLocal8Bit(argv[1]) : temporary.path();
    if (const auto made = migrate(settings); !made) {
        std::fprintf(stderr, "%s\n", qPrintable(made.error().message));
        return 1;
    }
    SystemClock clock;
    CallLog log(settings, clock);
    DurableWatch watch(log);
    log.start();
    const Entry entry = typicalEvent();

    // The caller's thread, at the pace of a busy engine: about 2,000 entries a second.
    std::vector<double> costs;
    quint64 last = 0;
    for (int i = 0; i < 4000; ++i) {
        const auto begin = SteadyClock::now();
        last = log.append(entry);
        costs.push_back(microseconds(SteadyClock::now() - begin));
        std::this_thread::sleep_until(begin + std::chrono::microseconds(500));
    }
    watch.waitFor(last);
    std::printf("append() on the caller's thread:   p50 %.0f ns   p99 %.0f ns   (2,000 a second)\n",
        at(costs, 0.5) * 1000, at(costs, 0.99) * 1000);

    constexpr int Burst = 100'000;
    const auto burstBegin = SteadyClock::now();
    for (int i = 0; i < Burst; ++i)
        last = log.append(entry);
    const double appended = microseconds(SteadyClock::now() - burstBegin);
    watch.waitFor(last);
    const double durable = microseconds(SteadyClock::now() - burstBegin);
    std::printf("burst of %d from one thread:   %.0f ns each   %.0f appended/s   %.0f durable/s\n", Burst,
        appended * 1000 / Burst, Burst / appended * 1e6, Burst / durable * 1e6);
    while (log.status().stored < last)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const double stored = microseconds(SteadyClock::now() - burstBegin);
    std::printf("the same, in the database:         %.0f stored/s\n", Burst / stored * 1e6);

    // One entry after a pause, and entries at random phases of the group commit.
    std::vector<double> single;
    for (int i = 0; i < 200; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
        const auto begin = SteadyClock::now();
        watch.waitFor(log.append(entry));
        single.push_back(microseconds(SteadyClock::now() - begin));
    }
    std::printf("append to durable, alone:          p50 %.2f ms   p99 %.2f ms\n", at(single, 0.5) / 1000,
        at(single, 0.99) / 1000);
    std::vector<double> busy;
    std::atomic<bool> done{false};
    std::thread load([&] {
        while (!done) {
            log.append(entry);
            std::this_thread::sleep_for(std::chrono::microseconds(500));
        }
    });
    for (int i = 0; i < 200; ++i) {
        std::this_thread::sleep_for(std::chrono::microseconds(3000 + (i * 7919) % 20'000));
        const auto begin = SteadyClock::now();
        watch.waitFor(log.append(entry));
        busy.push_back(microseconds(SteadyClock::now() - begin));
    }
    done = true;
    load.join();
    std::printf("append to durable, under load:     p50 %.2f ms   p99 %.2f ms   (a sync each %lld ms at most)\n",
        at(busy, 0.5) / 1000, at(busy, 0.99) / 1000, static_cast<long long>(settings.syncEvery.count()));
    const auto stopBegin = SteadyClock::now();
    log.stop();
    std::printf("stop():                            %.1f ms\n", microseconds(SteadyClock::now() - stopBegin) / 1000);
}
