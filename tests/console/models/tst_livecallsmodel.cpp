// SPDX-License-Identifier: Apache-2.0
#include "console/models/livecallsmodel.h"
#include "console/models/roles.h"
#include "console/models/words.h"
#include "tests/console/models/modelsupport.h"
#include "tests/support/fakeclock.h"

#include <QPersistentModelIndex>
#include <QSignalSpy>
#include <QTest>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;
using Calls = LiveCallsModel;

namespace {

struct Screen final {
    FakeClock clock;
    LiveCallsModel model{[this] { return clock.wallNow(); }};
    ModelEar ear{model};

    QStringList ids() const { return shown(model, 0, IdRole); }
    QVariant cell(int row, int column, int role = Qt::DisplayRole) const { return model.index(row, column).data(role); }
    QString text(int row, int column, int role = Qt::DisplayRole) const
    {
        return withoutIsolates(cell(row, column, role).toString());
    }
    QStringList after(Milliseconds time)
    {
        clock.advance(time);
        model.tickTimes();
        return ear.heard();
    }
};

const QString A = QStringLiteral("CAa"), B = QStringLiteral("CAb"), C = QStringLiteral("CAc"),
              D = QStringLiteral("CAd");

} // namespace

/// The engine's calls as rows.
class TestLiveCallsModel final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void takesASnapshotInOrderOfStart();
    void takesAnotherSnapshotAsDifferences();
    void gathersChangesUntilItIsTimeToShowThem();
    void showsGatheredChangesByItself();
    void knowsWhatCameLastBeforeItIsShown();
    void tellsOnlyTheColumnsThatChanged();
    void mergesRowsThatChangedAlike();
    void aChangeThatChangesNothingIsNotTold();
    void newCallsComeAsOneRange();
    void callsGoAsRangesAndTheRestKeepTheirRows();
    void aCallThatCameAndWentBetweenTwoLooksIsNeverShown();
    void aCallThatComesBackStays();
    void aCorrectedStartDoesNotMoveTheRow();
    void timesRunOnceASecondInTheirColumnsOnly();
    void timesStandStillWhileNotLive();
    void longWaitsAreMarked_data();
    void longWaitsAreMarked();
    void aWaitThatBecomesLongChangesTheWholeRow();
    void anEndedCallIsDimmedAndItsTimeStands();
    void countsCallsThatHaveNotEnded();
    void saysWhatACommandWaitsFor();
    void readsOutARowAsOneSentence();
    void exportsWithoutIsolatesAndInWholeMilliseconds();
    void sortsByValuesThatDoNotChangeWithTime();
    void everyColumnHasATitle();
    void aChangeOfLanguageIsTold();
};

void TestLiveCallsModel::takesASnapshotInOrderOfStart()
{
    Screen screen;
    screen.model.take({liveCall(B, 20s), liveCall(C, 10s), liveCall(A, 30s)});
    QCOMPARE(screen.ids(), QStringList({A, B, C}));
    QCOMPARE(screen.ear.heard(), words("+0..2"));
}

void TestLiveCallsModel::takesAnotherSnapshotAsDifferences()
{
    Screen screen;
    screen.model.take({liveCall(A, 30s), liveCall(B, 20s), liveCall(C, 10s)});
    const QPersistentModelIndex selected(screen.model.index(2, 0));
    screen.ear.heard();

    auto changed = liveCall(C, 10s);
    changed.turn = 4;
    screen.model.take({liveCall(A, 30s), changed, liveCall(D, 5s)});
    QCOMPARE(screen.ids(), QStringList({A, C, D}));
    QCOMPARE(screen.ear.heard(), words("-1..1 ~1..1/6..6 +2..2"));
    QCOMPARE(selected.row(), 1);
    QCOMPARE(selected.data(IdRole).toString(), C);

    screen.model.take({});
    QCOMPARE(screen.ear.heard(), words("-0..2"));
    QVERIFY(!selected.isValid());
}

void TestLiveCallsModel::gathersChangesUntilItIsTimeToShowThem()
{
    Screen screen;
    screen.model.take({liveCall(A)});
    screen.ear.heard();
    for (int turn = 1; turn <= 50; ++turn) {
        auto call = liveCall(A);
        call.turn = turn;
        screen.model.change(call);
    }
    QCOMPARE(screen.ear.heard(), QStringList());
    QCOMPARE(screen.text(0, Calls::Turn), QString(QChar(0x2013)));
    screen.model.flush();
    QCOMPARE(screen.ear.heard(), words("~0..0/6..6"));
    QCOMPARE(screen.text(0, Calls::Turn), QStringLiteral("50"));
    screen.model.flush();
    QCOMPARE(screen.ear.heard(), QStringList());
}

void TestLiveCallsModel::showsGatheredChangesByItself()
{
    Screen screen;
    screen.model.change(liveCall(A));
    QTRY_COMPARE(screen.ids(), QStringList({A}));
}

void TestLiveCallsModel::knowsWhatCameLastBeforeItIsShown()
{
    Screen screen;
    screen.model.take({liveCall(A)});
    screen.model.change(liveCall(A, 0s, CallState::Speaking));
    screen.model.change(liveCall(B));
    QCOMPARE(screen.model.call(A)->state, CallState::Speaking);
    QVERIFY(screen.model.call(B));
    QCOMPARE(screen.model.rowOf(B), -1);
    screen.model.remove(A);
    QVERIFY(!screen.model.call(A));
    QCOMPARE(screen.model.rowOf(A), 0);
    screen.model.flush();
    QCOMPARE(screen.model.rowOf(A), -1);
    QCOMPARE(screen.model.rowOf(B), 0);
    QCOMPARE(screen.model.at(0).id, B);
}

void TestLiveCallsModel::tellsOnlyTheColumnsThatChanged()
{
    Screen screen;
    screen.model.take({liveCall(A)});
    screen.ear.heard();
    auto call = liveCall(A, 0s, CallState::CallerSpeaking);
    call.stateSince = Epoch.addSecs(1);
    call.turn = 1;
    call.lastGap = 700ms;
    screen.model.change(call);
    screen.model.flush();
    QCOMPARE(screen.ear.heard(), words("~0..0/0..0 ~0..0/4..4 ~0..0/6..7"));
}

void TestLiveCallsModel::mergesRowsThatChangedAlike()
{
    Screen screen;
    QList<CallSummary> calls;
    for (int i = 0; i < 10; ++i)
        calls.append(liveCall(QString::number(i), std::chrono::seconds(100 - i)));
    screen.model.take(calls);
    screen.ear.heard();
    for (const int row : {7, 2, 4, 3, 9}) {
        calls[row].turn = 5;
        screen.model.change(calls.at(row));
    }
    screen.model.flush();
    QCOMPARE(screen.ear.heard(), words("~2..4/6..6 ~7..7/6..6 ~9..9/6..6"));
}

void TestLiveCallsModel::aChangeThatChangesNothingIsNotTold()
{
    Screen screen;
    screen.model.take({liveCall(A)});
    screen.ear.heard();
    screen.model.change(liveCall(A));
    screen.model.flush();
    QCOMPARE(screen.ear.heard(), QStringList());
}

void TestLiveCallsModel::newCallsComeAsOneRange()
{
    Screen screen;
    screen.model.take({liveCall(A, 30s), liveCall(D, 1s)});
    screen.ear.heard();
    screen.model.change(liveCall(C, 10s));
    screen.model.change(liveCall(B, 20s));
    screen.model.flush();
    QCOMPARE(screen.ids(), QStringList({A, B, C, D}));
    QCOMPARE(screen.ear.heard(), words("+1..2"));
    for (int row = 0; row < 4; ++row)
        QCOMPARE(screen.model.rowOf(screen.ids().at(row)), row);
}

void TestLiveCallsModel::callsGoAsRangesAndTheRestKeepTheirRows()
{
    Screen screen;
    QList<CallSummary> calls;
    for (int i = 0; i < 8; ++i)
        calls.append(liveCall(QString::number(i), std::chrono::seconds(100 - i)));
    screen.model.take(calls);
    const QPersistentModelIndex scrolledTo(screen.model.index(5, 0));
    screen.ear.heard();
    for (const int row : {6, 1, 2, 0})
        screen.model.remove(QString::number(row));
    screen.model.remove(QStringLiteral("never seen"));
    screen.model.flush();
    QCOMPARE(screen.ear.heard(), words("-6..6 -0..2"));
    QCOMPARE(screen.ids(), words("3 4 5 7"));
    QCOMPARE(scrolledTo.row(), 2);
    QCOMPARE(screen.model.rowOf(QStringLiteral("7")), 3);
}

void TestLiveCallsModel::aCallThatCameAndWentBetweenTwoLooksIsNeverShown()
{
    Screen screen;
    screen.model.change(liveCall(A));
    screen.model.remove(A);
    screen.model.flush();
    QCOMPARE(screen.ear.heard(), QStringList());
}

void TestLiveCallsModel::aCallThatComesBackStays()
{
    Screen screen;
    screen.model.take({liveCall(A)});
    screen.ear.heard();
    screen.model.remove(A);
    screen.model.change(liveCall(A));
    screen.model.flush();
    QCOMPARE(screen.ear.heard(), QStringList());
    QCOMPARE(screen.ids(), QStringList({A}));
}

void TestLiveCallsModel::aCorrectedStartDoesNotMoveTheRow()
{
    Screen screen;
    screen.model.take({liveCall(A, 30s), liveCall(B, 20s)});
    screen.ear.heard();
    screen.model.change(liveCall(A, 5s));
    screen.model.change(liveCall(C, 10s));
    screen.model.flush();
    QCOMPARE(screen.ids(), QStringList({A, B, C}));
}

void TestLiveCallsModel::timesRunOnceASecondInTheirColumnsOnly()
{
    Screen screen;
    QCOMPARE(screen.after(1s), QStringList());
    screen.model.take({liveCall(A, 60s), liveCall(B, 30s)});
    screen.ear.heard();
    QCOMPARE(screen.after(1s), words("~0..1/4..5"));
    QCOMPARE(screen.text(0, Calls::Elapsed), QStringLiteral("1:02"));
    QCOMPARE(screen.text(0, Calls::TimeInState), QStringLiteral("1:02"));
}

void TestLiveCallsModel::timesStandStillWhileNotLive()
{
    Screen screen;
    screen.model.take({liveCall(A, 60s)});
    screen.ear.heard();
    QCOMPARE(screen.cell(0, 0, DimmedRole).toBool(), false);
    screen.model.setLive(false);
    QCOMPARE(screen.ear.heard(), words("~0..0/0..7"));
    QCOMPARE(screen.cell(0, 0, DimmedRole).toBool(), true);
    QCOMPARE(screen.after(10s), QStringList());
    QCOMPARE(screen.text(0, Calls::Elapsed), QStringLiteral("1:00"));
    screen.model.setLive(true);
    QCOMPARE(screen.text(0, Calls::Elapsed), QStringLiteral("1:10"));
    QCOMPARE(screen.cell(0, 0, DimmedRole).toBool(), false);
}

void TestLiveCallsModel::longWaitsAreMarked_data()
{
    QTest::addColumn<CallState>("state");
    QTest::addColumn<int>("seconds");
    QTest::addColumn<int>("level");
    QTest::newRow("thinking, still well") << CallState::Thinking << 3 << 0;
    QTest::newRow("thinking long") << CallState::Thinking << 4 << 1;
    QTest::newRow("thinking, 6 s are the last of amber") << CallState::Thinking << 6 << 1;
    QTest::newRow("thinking too long") << CallState::Thinking << 7 << 2;
    QTest::newRow("ringing") << CallState::Ringing << 5 << 0;
    QTest::newRow("ringing long") << CallState::Ringing << 6 << 1;
    QTest::newRow("ringing too long") << CallState::Ringing << 11 << 2;
    QTest::newRow("deciding") << CallState::DecidingTurn << 2 << 0;
    QTest::newRow("deciding long, never red") << CallState::DecidingTurn << 600 << 1;
    QTest::newRow("a long answer is no wait") << CallState::Speaking << 600 << 0;
    QTest::newRow("nor is a long listening") << CallState::Listening << 600 << 0;
}

void TestLiveCallsModel::longWaitsAreMarked()
{
    QFETCH(CallState, state);
    QFETCH(int, seconds);
    Screen screen;
    screen.model.take({liveCall(A, std::chrono::seconds(seconds), state)});
    QTEST(screen.cell(0, Calls::State, LevelRole).toInt(), "level");
    // The same when the time passes on the screen.
    Screen other;
    other.model.take({liveCall(A, 0s, state)});
    other.after(std::chrono::seconds(seconds));
    QTEST(other.cell(0, Calls::TimeInState, LevelRole).toInt(), "level");
}

void TestLiveCallsModel::aWaitThatBecomesLongChangesTheWholeRow()
{
    Screen screen;
    screen.model.take({liveCall(A, 60s), liveCall(B, 0s, CallState::Thinking)});
    screen.ear.heard();
    QCOMPARE(screen.after(3s), words("~0..1/4..5"));
    QCOMPARE(screen.after(1s), words("~1..1/0..7 ~0..1/4..5"));
    auto answered = liveCall(B, 0s, CallState::Speaking);
    answered.stateSince = screen.clock.wallNow();
    screen.model.change(answered);
    screen.model.flush();
    QCOMPARE(screen.ear.heard(), words("~1..1/0..7"));
    QCOMPARE(screen.cell(1, 0, LevelRole).toInt(), 0);
}

void TestLiveCallsModel::anEndedCallIsDimmedAndItsTimeStands()
{
    Screen screen;
    auto call = liveCall(A, 60s);
    screen.model.take({call});
    call.state = CallState::Ended;
    call.reason = EndReason::CallerHungUp;
    call.endedAt = Epoch;
    call.stateSince = Epoch;
    screen.model.change(call);
    screen.model.flush();
    screen.after(10s);
    QCOMPARE(screen.text(0, Calls::State), QStringLiteral("Ended: Caller hung up"));
    QCOMPARE(screen.text(0, Calls::Elapsed), QStringLiteral("1:00"));
    QCOMPARE(screen.text(0, Calls::TimeInState), QStringLiteral("0:10"));
    QVERIFY(screen.cell(0, 0, DimmedRole).toBool());
    QCOMPARE(screen.cell(0, 0, StateRole).toInt(), int(CallState::Ended));
}

void TestLiveCallsModel::countsCallsThatHaveNotEnded()
{
    Screen screen;
    QSignalSpy counted(&screen.model, &LiveCallsModel::liveCountChanged);
    screen.model.take({liveCall(A), liveCall(B), liveCall(C, 0s, CallState::Ended)});
    QCOMPARE(screen.model.liveCount(), 2);
    screen.model.change(liveCall(B, 0s, CallState::Speaking));
    screen.model.flush();
    QCOMPARE(counted.size(), 1);
    screen.model.change(liveCall(B, 0s, CallState::Ended));
    screen.model.flush();
    QCOMPARE(counted.size(), 2);
    QCOMPARE(counted.last().first().toInt(), 1);
}

void TestLiveCallsModel::saysWhatACommandWaitsFor()
{
    Screen screen;
    screen.model.take({liveCall(A), liveCall(B)});
    screen.ear.heard();
    screen.model.setPending(B, true);
    QCOMPARE(screen.ear.heard(), words("~1..1/0..7"));
    QVERIFY(screen.cell(1, 3, PendingRole).toBool());
    QVERIFY(!screen.cell(0, 3, PendingRole).toBool());
    QVERIFY(screen.text(1, 0, Qt::AccessibleTextRole).contains(QLatin1String("a command is on its way")));
    screen.model.setPending(B, true);
    screen.model.setPending(QStringLiteral("not there"), true);
    QCOMPARE(screen.ear.heard(), QStringList());
    screen.model.setPending(B, false);
    QVERIFY(!screen.cell(1, 3, PendingRole).toBool());
}

void TestLiveCallsModel::readsOutARowAsOneSentence()
{
    Screen screen;
    auto call = liveCall(A, 125s, CallState::CallerSpeaking);
    call.from = QStringLiteral("05...67");
    call.turn = 3;
    screen.model.take({call});
    QCOMPARE(
        screen.text(0, 0, Qt::AccessibleTextRole), QStringLiteral("Call from 05...67, caller speaking, 2 min, turn 3"));
    call.test = true;
    screen.model.take({call});
    QVERIFY(screen.text(0, 0, Qt::AccessibleTextRole).startsWith(QLatin1String("Test call from")));
    call.state = CallState::Thinking;
    call.stateSince = Epoch.addSecs(-9);
    screen.model.take({call});
    QVERIFY(screen.text(0, 5, Qt::AccessibleTextRole).endsWith(QLatin1String("waiting for 9 s")));
}

void TestLiveCallsModel::exportsWithoutIsolatesAndInWholeMilliseconds()
{
    Screen screen;
    auto call = liveCall(A, 61s, CallState::CallerSpeaking);
    call.interruptions = 2;
    call.test = true;
    call.lastGap = 1240ms;
    screen.model.take({call, liveCall(B)});
    QCOMPARE(screen.cell(0, Calls::State, ExportRole).toString(), QStringLiteral("caller-speaking"));
    QCOMPARE(screen.cell(0, Calls::Elapsed, ExportRole), QVariant(qint64(61000)));
    QCOMPARE(screen.cell(0, Calls::LastGap, ExportRole), QVariant(qint64(1240)));
    QVERIFY(!screen.cell(1, Calls::LastGap, ExportRole).isValid());
    for (int column = 0; column < Calls::ColumnCount; ++column) {
        const QString text = screen.cell(0, column, ExportRole).toString();
        QCOMPARE(text, withoutIsolates(text));
        QVERIFY(!text.isEmpty());
    }
}

void TestLiveCallsModel::sortsByValuesThatDoNotChangeWithTime()
{
    Screen screen;
    screen.model.take({liveCall(A, 60s), liveCall(B, 30s)});
    QVariantList before, after;
    for (int column = 0; column < Calls::ColumnCount; ++column)
        before.append(screen.cell(0, column, SortRole));
    screen.after(30s);
    for (int column = 0; column < Calls::ColumnCount; ++column)
        after.append(screen.cell(0, column, SortRole));
    QCOMPARE(after, before);
    QVERIFY(
        screen.cell(0, Calls::Elapsed, SortRole).toLongLong() > screen.cell(1, Calls::Elapsed, SortRole).toLongLong());
}

void TestLiveCallsModel::everyColumnHasATitle()
{
    Screen screen;
    QSet<QString> titles;
    for (int column = 0; column < Calls::ColumnCount; ++column)
        titles.insert(screen.model.headerData(column, Qt::Horizontal).toString());
    QCOMPARE(titles.size(), int(Calls::ColumnCount));
    QVERIFY(!titles.contains(QString()));
}

void TestLiveCallsModel::aChangeOfLanguageIsTold()
{
    Screen screen;
    screen.model.take({liveCall(A), liveCall(B)});
    screen.ear.heard();
    QSignalSpy header(&screen.model, &QAbstractItemModel::headerDataChanged);
    screen.model.retranslate();
    QCOMPARE(header.size(), 1);
    QCOMPARE(screen.ear.heard(), words("~0..1/0..7"));
}

QTEST_GUILESS_MAIN(TestLiveCallsModel)
#include "tst_livecallsmodel.moc"
