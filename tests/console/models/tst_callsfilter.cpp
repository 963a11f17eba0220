// SPDX-License-Identifier: Apache-2.0
#include "console/models/callsfilter.h"
#include "console/models/roles.h"
#include "tests/console/models/modelsupport.h"
#include "tests/support/fakeclock.h"

#include <QPersistentModelIndex>
#include <QSignalSpy>
#include <QTest>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

struct FilteredScreen final {
    FilteredScreen()
    {
        filter.setSourceModel(&calls);
        auto first = liveCall(QStringLiteral("CA1"), 40s, CallState::Speaking);
        first.from = QStringLiteral("+1555");
        auto second = liveCall(QStringLiteral("CA2"), 30s, CallState::Listening);
        second.to = QStringLiteral("+1777");
        auto third = liveCall(QStringLiteral("CA3"), 20s, CallState::Listening);
        third.test = true;
        calls.take({first, second, third});
        told.clear();
    }

    QStringList ids() const { return shown(filter, 0, IdRole); }
    QStringList afterText(const char* text)
    {
        filter.setText(QString::fromUtf8(text));
        return ids();
    }

    FakeClock clock;
    LiveCallsModel calls{[this] { return clock.wallNow(); }};
    ModelEar sourceEar{calls};
    CallsFilter filter;
    ModelEar ear{filter};
    QSignalSpy told{&filter, &CallsFilter::countsChanged};
};

} // namespace

/// Which live calls are shown.
class TestCallsFilter final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void showsAllAtFirst();
    void findsByIdNumbersAndState();
    void findsByKind();
    void saysHowManyItHides();
    void aHiddenCallThatComesIsCounted();
    void aCallLeavesWhenItsStateNoLongerMatches();
    void sortsByValuesAndKeepsTheSelectionOnItsCall();
    void timesDoNotSortAnew();
    void staysRightThroughAStorm();
};

void TestCallsFilter::showsAllAtFirst()
{
    FilteredScreen screen;
    QVERIFY(!screen.filter.isFiltering());
    QCOMPARE(screen.ids(), words("CA1 CA2 CA3"));
    QCOMPARE(screen.filter.hiddenCount(), 0);
}

void TestCallsFilter::findsByIdNumbersAndState()
{
    FilteredScreen screen;
    QCOMPARE(screen.afterText("ca2"), words("CA2"));
    QCOMPARE(screen.afterText(" 1555 "), words("CA1"));
    QCOMPARE(screen.afterText("+1777"), words("CA2"));
    QCOMPARE(screen.afterText("LISTEN"), words("CA2 CA3"));
    QCOMPARE(screen.afterText("\u2066+1555\u2069"), words("CA1")); // pasted from a cell
    QCOMPARE(screen.afterText("nobody"), QStringList());
    QCOMPARE(screen.afterText(""), words("CA1 CA2 CA3"));
}

void TestCallsFilter::findsByKind()
{
    FilteredScreen screen;
    screen.filter.setKind(CallsFilter::Kind::Tests);
    QCOMPARE(screen.ids(), words("CA3"));
    screen.filter.setKind(CallsFilter::Kind::Callers);
    QCOMPARE(screen.ids(), words("CA1 CA2"));
    QCOMPARE(screen.afterText("listen"), words("CA2"));
    screen.filter.setKind(CallsFilter::Kind::All);
    QCOMPARE(screen.ids(), words("CA2 CA3"));
}

void TestCallsFilter::saysHowManyItHides()
{
    FilteredScreen screen;
    screen.filter.setText(QStringLiteral("ca1"));
    QCOMPARE(screen.filter.hiddenCount(), 2);
    QVERIFY(screen.told.size() > 0);
    screen.told.clear();
    screen.filter.setText(QStringLiteral("CA1")); // the same rows
    QCOMPARE(screen.told.size(), 0);
    screen.filter.setText({});
    QCOMPARE(screen.filter.hiddenCount(), 0);
    QVERIFY(screen.told.size() > 0);
}

void TestCallsFilter::aHiddenCallThatComesIsCounted()
{
    FilteredScreen screen;
    screen.filter.setText(QStringLiteral("ca1"));
    screen.told.clear();
    screen.calls.change(liveCall(QStringLiteral("CA4")));
    screen.calls.flush();
    QCOMPARE(screen.ids(), words("CA1"));
    QCOMPARE(screen.filter.hiddenCount(), 3);
    QCOMPARE(screen.told.size(), 1);
    screen.calls.remove(QStringLiteral("CA4"));
    screen.calls.flush();
    QCOMPARE(screen.filter.hiddenCount(), 2);
    QCOMPARE(screen.told.size(), 2);
}

void TestCallsFilter::aCallLeavesWhenItsStateNoLongerMatches()
{
    FilteredScreen screen;
    screen.filter.setText(QStringLiteral("listening"));
    screen.calls.change(liveCall(QStringLiteral("CA2"), 30s, CallState::Thinking));
    screen.calls.change(liveCall(QStringLiteral("CA1"), 40s, CallState::Listening));
    screen.calls.flush();
    QCOMPARE(screen.ids(), words("CA1 CA3"));
    QCOMPARE(screen.filter.hiddenCount(), 1);
}

void TestCallsFilter::sortsByValuesAndKeepsTheSelectionOnItsCall()
{
    FilteredScreen screen;
    screen.filter.sort(LiveCallsModel::Turn, Qt::DescendingOrder);
    const QPersistentModelIndex selected(screen.filter.index(1, 0));
    QCOMPARE(selected.data(IdRole).toString(), QStringLiteral("CA2"));
    auto call = liveCall(QStringLiteral("CA2"), 30s);
    call.turn = 10;
    screen.calls.change(call);
    call = liveCall(QStringLiteral("CA3"), 20s);
    call.turn = 9; // by text it would come first
    screen.calls.change(call);
    screen.calls.flush();
    QCOMPARE(screen.ids(), words("CA2 CA3 CA1"));
    QCOMPARE(selected.row(), 0);
    QCOMPARE(selected.data(IdRole).toString(), QStringLiteral("CA2"));
}

void TestCallsFilter::timesDoNotSortAnew()
{
    FilteredScreen screen;
    screen.filter.sort(LiveCallsModel::Elapsed, Qt::DescendingOrder);
    QCOMPARE(screen.ids(), words("CA1 CA2 CA3"));
    QSignalSpy moved(&screen.filter, &QAbstractItemModel::layoutChanged);
    screen.clock.advance(1s);
    screen.calls.tickTimes();
    QCOMPARE(moved.size(), 0);
}

void TestCallsFilter::staysRightThroughAStorm()
{
    FilteredScreen screen;
    screen.filter.sort(LiveCallsModel::State);
    screen.filter.setText(QStringLiteral("ing"));
    unsigned dice = 1;
    const auto roll = [&dice](unsigned sides) { return (dice = dice * 1664525u + 1013904223u) / 65536u % sides; };
    for (int i = 0; i < 600; ++i) {
        const QString id = QStringLiteral("CA%1").arg(roll(40));
        if (roll(4) == 0)
            screen.calls.remove(id);
        else
            screen.calls.change(liveCall(id, std::chrono::seconds(roll(100)), CallState(roll(11))));
        if (roll(3) == 0)
            screen.calls.flush();
        if (roll(10) == 0)
            screen.filter.setText(roll(2) ? QStringLiteral("speak") : QString());
    }
    screen.calls.flush();
    screen.filter.setText({});
    QCOMPARE(screen.filter.rowCount(), screen.calls.rowCount());
    QCOMPARE(screen.filter.hiddenCount(), 0);
    for (int row = 0; row < screen.calls.rowCount(); ++row)
        QCOMPARE(screen.calls.rowOf(screen.calls.at(row).id), row);
    const QStringList ids = screen.ids();
    QCOMPARE(QSet<QString>(ids.cbegin(), ids.cend()).size(), ids.size());
}

QTEST_GUILESS_MAIN(TestCallsFilter)
#include "tst_callsfilter.moc"
