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
    for (const char name : QByteArray("abcdefgh")) {
        calls.push_back(std::make_unique<Call>(QString(QLatin1Char(name)), &log));
        schedule.add(*calls.back(), at(0us));
    }
    QStringList expected{QStringLiteral("a e"), QStringLiteral("b f"), QStringLiteral("c g"), QStringLiteral("d h")};
    for (int slot = 0; slot < 8; ++slot) {
        log.clear();
        schedule.run(at(Milliseconds(5 + 5 * slot)));
        QCOMPARE(log.join(u' '), expected[slot % 4]);
    }
    // One who leaves makes room for the next who comes.
    schedule.remove(*calls[2]);
    Call late(QStringLiteral("late"), &log);
    schedule.add(late, at(41ms));
    log.clear();
    schedule.run(at(45ms));
    schedule.run(at(50ms));
    schedule.run(at(55ms));
    QCOMPARE(log.join(u' '), QStringLiteral("a e b f g late"));
}

void TestTicks::emptySlotsAreNoDeadlines()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    QCOMPARE(schedule.nextDeadline(), std::nullopt);
    Call call;
    schedule.add(call, at(0us));
    QCOMPARE(schedule.nextDeadline(), at(5ms));
    schedule.run(at(5ms));
    QCOMPARE(schedule.nextDeadline(), at(25ms));
    schedule.remove(call);
    QCOMPARE(schedule.nextDeadline(), std::nullopt);
    schedule.run(at(1h)); // nobody, nothing, nothing missed
    schedule.add(call, at(2h));
    QCOMPARE(schedule.nextDeadline(), at(2h + 5ms));
    QCOMPARE(schedule.counters().missed, 0u);
}

void TestTicks::deadlinesDoNotDriftWithLateness()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    Call call;
    schedule.add(call, at(0us));
    for (int i = 0; i < 100; ++i) {
        QCOMPARE(schedule.nextDeadline(), at(5ms + 20ms * i));
        schedule.run(*schedule.nextDeadline() + 7ms);
    }
    QCOMPARE(call.ticks, 100);
}

void TestTicks::whatWasMissedIsCountedAndNotReplayed()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    Call first, second, third;
    schedule.add(first, at(0us)); // due at 5, 25, 45, ...
    schedule.add(second, at(0us)); // due at 10, 30, 50, ...
    schedule.add(third, at(0us)); // due at 15, 35, 55, ...
    schedule.run(at(52ms)); // first missed 5 and 25; second 10 and 30; third 15
    QCOMPARE(first.ticks, 1);
    QCOMPARE(second.ticks, 1);
    QCOMPARE(third.ticks, 1);
    QCOMPARE(first.last, at(52ms));
    QCOMPARE(schedule.counters().ticks, 3u);
    QCOMPARE(schedule.counters().missed, 5u);
    schedule.run(at(52ms));
    QCOMPARE(schedule.counters().ticks, 3u); // once is enough
    QCOMPARE(schedule.nextDeadline(), at(55ms)); // back in step at once
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
    for (int i = 0; i < 12; ++i) {
        calls.push_back(std::make_unique<Call>());
        schedule.add(*calls.back(), at(0us));
    }
    // 0, 4 and 8 share a slot. The first ends the second, before its turn, for good.
    calls[0]->then = [&] {
        schedule.remove(*calls[4]);
        calls[4].reset();
        calls[0]->then = nullptr;
    };
    schedule.run(at(5ms));
    QCOMPARE(calls[0]->ticks, 1);
    QCOMPARE(calls[8]->ticks, 1);
    // And the last ends one that had its turn.
    calls[8]->then = [&] {
        schedule.remove(*calls[0]);
        calls[0].reset();
        calls[8]->then = nullptr;
    };
    schedule.run(at(25ms));
    schedule.run(at(45ms));
    QCOMPARE(calls[8]->ticks, 3);
    QCOMPARE(schedule.count(), std::size_t(10));
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
            schedule.add(*newcomers.back(), at(5ms));
        }
        call.then = nullptr;
    };
    schedule.add(call, at(0us));
    schedule.run(at(5ms));
    for (const auto& newcomer : newcomers)
        QCOMPARE(newcomer->ticks, 0);
    for (int ms = 6; ms <= 25; ++ms)
        schedule.run(at(Milliseconds(ms)));
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
        schedule.add(call, at(5ms));
    };
    schedule.add(call, at(0us));
    schedule.run(at(5ms));
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
    schedule.run(at(5ms));
    QCOMPARE(call.ticks, 1);
}

void TestTicks::latenessIsCounted()
{
    LatenessHistogram lateness;
    TickSchedule schedule(lateness);
    Call call;
    schedule.add(call, at(0us));
    schedule.run(at(5ms)); // on time
    schedule.run(at(25ms + 60us));
    schedule.run(at(45ms + 3000us));
    schedule.run(at(200ms)); // due at 185
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
