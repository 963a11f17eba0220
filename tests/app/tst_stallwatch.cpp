// SPDX-License-Identifier: Apache-2.0
#include "engine/app/stallwatch.h"

#include <QRegularExpression>
#include <QTest>

using namespace kav;
using namespace kav::app;
using namespace std::chrono_literals;
using Indices = std::vector<int>;

/// Threads that stand still, and one that asks.
class TestStallWatch final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".*"))); }

    void aWorkerThatStandsStillIsCountedOnce()
    {
        StallWatch watch;
        QCOMPARE(watch.look(Instant(1s), {false, false}), Indices());
        QCOMPARE(watch.look(Instant(2s), {false, true}), Indices{1});
        QCOMPARE(watch.look(Instant(3s), {false, true}), Indices());
        QCOMPARE(watch.counters().mediaWorkers, quint64(1));
        QCOMPARE(watch.look(Instant(4s), {true, true}), Indices{0});
        QCOMPARE(watch.counters().mediaWorkers, quint64(2));
    }

    void oneThatMovedAgainIsCountedAnew()
    {
        StallWatch watch;
        QCOMPARE(watch.look(Instant(1s), {true}), Indices{0}); // from the first look on
        QCOMPARE(watch.look(Instant(2s), {false}), Indices());
        QCOMPARE(watch.look(Instant(3s), {true}), Indices{0});
        QCOMPARE(watch.counters().mediaWorkers, quint64(2));
        QCOMPARE(watch.counters().ownLoop, quint64(0));
    }

    void aLookThatComesTooLateIsAStallOfTheOneThatLooks()
    {
        StallWatch watch;
        watch.look(Instant(100s), {}); // the first is never late
        QVERIFY(!watch.ownStall());
        watch.look(Instant(101s), {});
        watch.look(Instant(105s), {}); // late by three seconds: busy, as a machine may be
        QVERIFY(!watch.ownStall());
        QCOMPARE(watch.counters().ownLoop, quint64(0));
        watch.look(Instant(109001ms), {});
        QCOMPARE(watch.ownStall(), std::optional(Milliseconds(3001)));
        QCOMPARE(watch.counters().ownLoop, quint64(1));
        watch.look(Instant(110s), {});
        QVERIFY(!watch.ownStall());
        QCOMPARE(watch.counters().ownLoop, quint64(1));
    }
};

QTEST_APPLESS_MAIN(TestStallWatch)
#include "tst_stallwatch.moc"
