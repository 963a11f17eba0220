// SPDX-License-Identifier: Apache-2.0
#include "engine/media/tick.h"

#include <QCoreApplication>
#include <QTest>
#include <QThread>

#include <functional>
#include <thread>

using namespace kav;
using namespace kav::media;
using namespace std::chrono_literals;

namespace {

struct Call final : TickSubscriber {
    explicit Call(QString callName = {}, QStringList* callLog = nullptr)
        : name(std::move(callName))
        , log(callLog)
    {
    }

    void onTick(Instant now) override
    {
        ++ticks;
        last = now;
        if (log)
            log->append(name);
        if (then)
            then();
    }

    QString name;
    QStringList* log;
    int ticks = 0;
    Instant last;
    std::function<void()> then;
};

Instant at(std::chrono::microseconds time)
{
    return Instant(1h) + time;
}

// Alone in a schedule, a call is first due one slot after it came.
constexpr std::chrono::milliseconds Slot = TickSchedule::SlotDistance;
constexpr std::chrono::milliseconds Period = TickSchedule::Period;
constexpr std::size_t Slots = TickSchedule::SlotCount;

} // namespace

class TestTicks final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // The schedule, in invented time
    void eachIsCalledOnceInTwentyMilliseconds();
    void callsAreSpreadOverTheSlots();
    void emptySlotsAreNoDeadlines();
    void deadlinesDoNotDriftWithLateness();
    void whatWasMissedIsCountedAndNotReplayed();
    void theOneThatLeavesIsNotCalledAgain();
    void aNeighbourCanBeSentAwayInATick();
    void oneThatComesInATickWaits();
    void leavingAndComingBackInATickIsNoSecondCall();
    void subscribingTwiceIsOnce();
    void runningFromWithinATickDoesNothing();
    void latenessIsCounted();
    void quantiles();

    // The timer, in real time: order and counts only
    void theTimerTicksEverybody();
    void theTimerStopsWithTheLastOne();
    void aTickMayEndItsOwnSubscriber();
    void otherThreadsMayRead();
};

void TestTicks::eachIsCalledOnceInTwentyMilliseconds()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    std::vector<Call> calls(10);
    for (Call& call : calls)
        schedule.add(call, at(0us));
    for (int ms = 0; ms <= 1000; ++ms)
        schedule.run(at(Milliseconds(ms)));
    for (const Call& call : calls)
        QVERIFY(call.ticks == 50 || call.ticks == 49); // by where its slot lies
    QCOMPARE(schedule.counters().missed, 0u);
}

void TestTicks::callsAreSpreadOverTheSlots()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    QStringList log;
    std::vector<std::unique_ptr<Call>> calls;
    for (std::size_t i = 0; i < 2 * Slots; ++i) {
        calls.push_back(std::make_unique<Call>(QString::number(i), &log));
        schedule.add(*calls.back(), at(0us));
    }
    for (std::size_t slot = 0; slot < 2 * Slots; ++slot) {
        log.clear();
        schedule.run(at(Slot * (slot + 1)));
        QCOMPARE(log.join(u' '), QStringLiteral("%1 %2").arg(slot % Slots).arg(slot % Slots + Slots));
    }
    // One who leaves makes room for the next who comes.
    schedule.remove(*calls[2]);
    Call late(QStringLiteral("late"), &log);
    schedule.add(late, at(2 * Period + 1ms));
    log.clear();
    for (int slot = 1; slot <= 3; ++slot)
        schedule.run(at(2 * Period + slot * Slot));
    QCOMPARE(log.join(u' '), QStringLiteral("0 %1 1 %2 %3 late").arg(Slots).arg(Slots + 1).arg(Slots + 2));
}

void TestTicks::emptySlotsAreNoDeadlines()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    QCOMPARE(schedule.nextDeadline(), std::nullopt);
    Call call;
    schedule.add(call, at(0us));
    QCOMPARE(schedule.nextDeadline(), at(Slot));
    schedule.run(at(Slot));
    QCOMPARE(schedule.nextDeadline(), at(Slot + Period));
    schedule.remove(call);
    QCOMPARE(schedule.nextDeadline(), std::nullopt);
    schedule.run(at(1h)); // nobody, nothing, nothing missed
    schedule.add(call, at(2h));
    QCOMPARE(schedule.nextDeadline(), at(2h + Slot));
    QCOMPARE(schedule.counters().missed, 0u);
}

void TestTicks::deadlinesDoNotDriftWithLateness()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    Call call;
    schedule.add(call, at(0us));
    for (int i = 0; i < 100; ++i) {
        QCOMPARE(schedule.nextDeadline(), at(Slot + Period * i));
        schedule.run(*schedule.nextDeadline() + 7ms);
    }
    QCOMPARE(call.ticks, 100);
}

void TestTicks::whatWasMissedIsCountedAndNotReplayed()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    Call first, second, third;
    schedule.add(first, at(0us)); // due after one slot, and every period
    schedule.add(second, at(0us)); // after two
    schedule.add(third, at(0us)); // after three
    const Instant now = at(2 * Period + 2 * Slot + Slot / 2);
    schedule.run(now); // the first and the second missed two each, the third one
    QCOMPARE(first.ticks, 1);
    QCOMPARE(second.ticks, 1);
    QCOMPARE(third.ticks, 1);
    QCOMPARE(first.last, now);
    QCOMPARE(schedule.counters().ticks, 3u);
    QCOMPARE(schedule.counters().missed, 5u);
    schedule.run(now);
    QCOMPARE(schedule.counters().ticks, 3u); // once is enough
    QCOMPARE(schedule.nextDeadline(), at(2 * Period + 3 * Slot)); // back in step at once
}

void TestTicks::theOneThatLeavesIsNotCalledAgain()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    Call call;
    call.then = [&] { schedule.remove(call); };
    schedule.add(call, at(0us));
    for (int ms = 0; ms < 100; ++ms)
        schedule.run(at(Milliseconds(ms)));
    QCOMPARE(call.ticks, 1);
    QVERIFY(schedule.isEmpty());
    schedule.remove(call); // a second time is nothing
}

void TestTicks::aNeighbourCanBeSentAwayInATick()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    std::vector<std::unique_ptr<Call>> calls;
    for (std::size_t i = 0; i < 3 * Slots; ++i) {
        calls.push_back(std::make_unique<Call>());
        schedule.add(*calls.back(), at(0us));
    }
    // The first of each round share a slot. The first ends the second, before its turn, for good.
    calls[0]->then = [&] {
        schedule.remove(*calls[Slots]);
        calls[Slots].reset();
        calls[0]->then = nullptr;
    };
    schedule.run(at(Slot));
    QCOMPARE(calls[0]->ticks, 1);
    QCOMPARE(calls[2 * Slots]->ticks, 1);
    // And the last ends one that had its turn.
    calls[2 * Slots]->then = [&] {
        schedule.remove(*calls[0]);
        calls[0].reset();
        calls[2 * Slots]->then = nullptr;
    };
    schedule.run(at(Slot + Period));
    schedule.run(at(Slot + 2 * Period));
    QCOMPARE(calls[2 * Slots]->ticks, 3);
    QCOMPARE(schedule.count(), 3 * Slots - 2);
}

void TestTicks::oneThatComesInATickWaits()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    std::vector<std::unique_ptr<Call>> newcomers;
    Call call;
    call.then = [&] {
        for (int i = 0; i < 100; ++i) { // enough to move any list
            newcomers.push_back(std::make_unique<Call>());
            schedule.add(*newcomers.back(), at(Slot));
        }
        call.then = nullptr;
    };
    schedule.add(call, at(0us));
    schedule.run(at(Slot));
    for (const auto& newcomer : newcomers)
        QCOMPARE(newcomer->ticks, 0);
    for (auto time = Slot + 1ms; time <= Slot + Period; time += 1ms)
        schedule.run(at(time));
    for (const auto& newcomer : newcomers)
        QCOMPARE(newcomer->ticks, 1);
}

void TestTicks::leavingAndComingBackInATickIsNoSecondCall()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    Call call;
    call.then = [&] {
        schedule.remove(call);
        schedule.add(call, at(Slot));
    };
    schedule.add(call, at(0us));
    schedule.run(at(Slot));
    QCOMPARE(call.ticks, 1);
    QCOMPARE(schedule.count(), std::size_t(1));
}

void TestTicks::subscribingTwiceIsOnce()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    Call call;
    schedule.add(call, at(0us));
    schedule.add(call, at(0us));
    QCOMPARE(schedule.count(), std::size_t(1));
    for (int ms = 0; ms <= 20; ++ms)
        schedule.run(at(Milliseconds(ms)));
    QCOMPARE(call.ticks, 1);
}

void TestTicks::runningFromWithinATickDoesNothing()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    Call call;
    call.then = [&] { schedule.run(at(1s)); }; // as a nested event loop would
    schedule.add(call, at(0us));
    schedule.run(at(Slot));
    QCOMPARE(call.ticks, 1);
}

void TestTicks::latenessIsCounted()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    Call call;
    schedule.add(call, at(0us));
    schedule.run(at(Slot)); // on time
    schedule.run(at(Slot + Period + 60us));
    schedule.run(at(Slot + 2 * Period + 3000us));
    schedule.run(at(Slot + 9 * Period + 15ms));
    const auto snapshot = lateness.snapshot();
    QCOMPARE(snapshot.count, 4u);
    QCOMPARE(snapshot.buckets[0], 1u); // up to 50 us
    QCOMPARE(snapshot.buckets[1], 1u); // up to 100 us
    QCOMPARE(snapshot.buckets[6], 1u); // up to 3 ms
    QCOMPARE(snapshot.buckets[9], 1u); // up to 20 ms
    QCOMPARE(snapshot.worst, 15ms);
    QCOMPARE(snapshot.sum, 18'060us);
}

void TestTicks::quantiles()
{
    LatenessHistogram lateness;
    QCOMPARE(lateness.snapshot().quantile(0.99), 0us);
    for (int i = 0; i < 98; ++i)
        lateness.record(20us);
    lateness.record(900us);
    lateness.record(70ms);
    const auto snapshot = lateness.snapshot();
    QCOMPARE(snapshot.quantile(0.5), 50us);
    QCOMPARE(snapshot.quantile(0.99), 1000us);
    QCOMPARE(snapshot.quantile(1), 70ms);
    lateness.record(-5us); // a clock that is early is not late
    lateness.record(10s);
    QCOMPARE(lateness.snapshot().buckets.back(), 1u);
    QCOMPARE(lateness.snapshot().buckets.front(), 99u);
}

void TestTicks::theTimerTicksEverybody()
{
    WorkerTick tick({});
    std::vector<Call> calls(9);
    for (Call& call : calls)
        tick.subscribe(call);
    QTRY_VERIFY(std::ranges::all_of(calls, [](const Call& call) { return call.ticks >= 3; }));
    const auto [fewest, most] = std::ranges::minmax(calls, {}, &Call::ticks);
    QVERIFY(most.ticks - fewest.ticks <= 1);
    QVERIFY(tick.ticks() >= 27);
    QVERIFY(tick.lateness().snapshot().count >= 12);
    for (Call& call : calls)
        tick.unsubscribe(call);
}

void TestTicks::theTimerStopsWithTheLastOne()
{
    WorkerTick tick({});
    Call call;
    tick.subscribe(call);
    QTRY_VERIFY(call.ticks >= 2);
    tick.unsubscribe(call);
    const int before = call.ticks;
    QCOMPARE(tick.subscriberCount(), std::size_t(0));
    // A loop that still had a timer would run another's ticks meanwhile.
    WorkerTick other({0us});
    Call witness;
    other.subscribe(witness);
    QTRY_VERIFY(witness.ticks >= 5);
    QCOMPARE(call.ticks, before);
    tick.subscribe(call);
    QTRY_VERIFY(call.ticks >= before + 2);
    tick.unsubscribe(call);
    other.unsubscribe(witness);
}

void TestTicks::aTickMayEndItsOwnSubscriber()
{
    WorkerTick tick({});
    auto doomed = std::make_unique<Call>();
    Call witness;
    bool ended = false;
    doomed->then = [&] {
        tick.unsubscribe(*doomed);
        ended = true;
        // The function that runs belongs to the call: it ends with the call, after this line.
        QMetaObject::invokeMethod(
            &tick, [&] { doomed.reset(); }, Qt::QueuedConnection);
    };
    tick.subscribe(*doomed);
    tick.subscribe(witness);
    QTRY_VERIFY(!doomed);
    const int before = witness.ticks;
    QTRY_VERIFY(witness.ticks >= before + 3);
    QVERIFY(ended);
    tick.unsubscribe(witness);
}

void TestTicks::otherThreadsMayRead()
{
    WorkerTick tick({});
    Call call;
    tick.subscribe(call);
    std::atomic<bool> stop{false};
    quint64 seen = 0;
    bool fell = false;
    std::thread reader([&] {
        while (!stop) {
            const quint64 count = tick.lateness().snapshot().count + tick.ticks() + tick.missedTicks();
            fell = fell || count < seen;
            seen = count;
        }
    });
    QTRY_VERIFY(call.ticks >= 5);
    stop = true;
    reader.join();
    QVERIFY(!fell);
    tick.unsubscribe(call);
}

QTEST_GUILESS_MAIN(TestTicks)
#include "tst_ticks.moc"
