// SPDX-License-Identifier: Apache-2.0
#include "console/net/backoff.h"

#include <QRegularExpression>
#include <QTest>

using kav::Milliseconds;
using kav::console::Backoff;

class TestBackoff final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".*"))); }
    void doublesUpToHalfAMinute();
    void startsAgainAfterReset();
    void strewsByAFifth_data();
    void strewsByAFifth();
};

void TestBackoff::doublesUpToHalfAMinute()
{
    Backoff backoff([] { return 0.5; });
    for (const int seconds : {1, 2, 4, 8, 16, 30, 30, 30})
        QCOMPARE(backoff.next(), Milliseconds(seconds * 1000));
}

void TestBackoff::startsAgainAfterReset()
{
    Backoff backoff([] { return 0.5; });
    for (int i = 0; i < 10; ++i)
        backoff.next();
    backoff.reset();
    QCOMPARE(backoff.next(), Milliseconds(1000));
    QCOMPARE(backoff.next(), Milliseconds(2000));
}

void TestBackoff::strewsByAFifth_data()
{
    QTest::addColumn<double>("random");
    QTest::addColumn<QList<int>>("waits");
    QTest::newRow("the least") << 0.0 << QList<int>{800, 1600, 3200, 6400, 12800, 24000, 24000};
    QTest::newRow("the most") << 1.0 << QList<int>{1200, 2400, 4800, 9600, 19200, 36000, 36000};
    QTest::newRow("a bad source, too low") << -7.0 << QList<int>{800};
    QTest::newRow("a bad source, too high") << 9.0 << QList<int>{1200};
}

void TestBackoff::strewsByAFifth()
{
    QFETCH(double, random);
    QFETCH(QList<int>, waits);
    Backoff backoff([random] { return random; });
    for (const int wait : waits)
        QCOMPARE(backoff.next(), Milliseconds(wait));
}

QTEST_GUILESS_MAIN(TestBackoff)
#include "tst_backoff.moc"
