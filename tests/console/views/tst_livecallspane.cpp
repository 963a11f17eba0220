// SPDX-License-Identifier: Apache-2.0
#include "console/models/roles.h"
#include "console/views/callstable.h"
#include "console/views/livecallspane.h"
#include "tests/console/views/benchdesk.h"

#include <QAction>
#include <QLabel>
#include <QLineEdit>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

QString idOf(int number)
{
    return QStringLiteral("CA%1").arg(number, 32, 16, QLatin1Char('0'));
}

/// The pane and its parts as a user knows them.
struct Shown final {
    explicit Shown(BenchDesk& bench)
        : pane(bench.desk)
    {
        pane.resize(860, 400);
        pane.show();
        table = pane.findChild<CallsTable*>();
        filter = pane.findChild<QLineEdit*>();
    }

    QToolButton* button(const char* word) const
    {
        for (QToolButton* button : pane.findChildren<QToolButton*>()) {
            if (button->text() == QLatin1String(word))
                return button;
        }
        return nullptr;
    }
    QString count() const
    {
        for (const QLabel* label : pane.findChildren<QLabel*>()) {
            if (label->accessibleName() == QStringLiteral("How many calls are shown"))
                return label->text();
        }
        return {};
    }
    int rows() const { return table->model()->rowCount(); }

    LiveCallsPane pane;
    CallsTable* table = nullptr;
    QLineEdit* filter = nullptr;
};

} // namespace

class TestLiveCallsPane final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(AnyWarning); }

    void saysInWordsWhyThereIsNoCall()
    {
        BenchDesk bench;
        Shown shown(bench);
        QVERIFY(shown.table->emptyText().contains(QStringLiteral("Not connected")));
        bench.goLive(BenchDesk::empty());
        QCOMPARE(shown.table->emptyText(), QStringLiteral("No call now. The engine takes calls."));
        QCOMPARE(shown.table->accessibleDescription(), shown.table->emptyText());
        EngineStatus full = BenchDesk::empty().engine;
        full.ready = false;
        full.notReady = QStringList{QStringLiteral("store")};
        bench.change({protocol::EngineChange{full}});
        bench.desk.tick();
        QVERIFY(shown.table->emptyText().contains(QStringLiteral("takes no calls")));
        bench.change({protocol::CallChange{bench.call(idOf(1), CallState::Listening, 20s, 1s)}});
        QCOMPARE(shown.table->emptyText(), QString());
        QCOMPARE(shown.table->accessibleDescription(), QString());
        shown.filter->setText(QStringLiteral("no such call"));
        QCOMPARE(shown.table->emptyText(), QStringLiteral("No call matches the filter."));
    }

    void theFilterSaysWhatItHides()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        QCOMPARE(shown.rows(), 9);
        QVERIFY2(shown.count().startsWith(QStringLiteral("9 call")), qPrintable(shown.count()));
        QVERIFY(!shown.button("Clear filters")->isVisible());

        QTest::keyClicks(shown.filter, QStringLiteral("speaking"));
        QCOMPARE(shown.rows(), 2);
        QVERIFY2(shown.count().startsWith(QStringLiteral("2 of 9")), qPrintable(shown.count()));
        QVERIFY2(shown.count().contains(QStringLiteral("waits too long")), qPrintable(shown.count()));

        QTest::mouseClick(shown.button("Clear filters"), Qt::LeftButton);
        QCOMPARE(shown.rows(), 9);
        QVERIFY(shown.filter->text().isEmpty());
        QVERIFY(!shown.count().contains(QStringLiteral("too long")));
    }

    void kindsAreChosenByKeyboard()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        QTest::keyClick(shown.button("Tests"), Qt::Key_Space);
        QCOMPARE(shown.rows(), 1);
        QVERIFY(shown.button("Tests")->isChecked());
        QTest::keyClick(shown.button("Callers"), Qt::Key_Space);
        QCOMPARE(shown.rows(), 8);
        QVERIFY(!shown.button("Tests")->isChecked());
        shown.pane.clearFilters();
        QCOMPARE(shown.rows(), 9);
        QVERIFY(shown.button("All")->isChecked());
    }

    void theFiltersKeysLeadBackToTheTable()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        shown.pane.activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(&shown.pane));
        shown.pane.focusFilter();
        QVERIFY(shown.filter->hasFocus());
        QTest::keyClicks(shown.filter, QStringLiteral("thinking"));
        QTest::keyClick(shown.filter, Qt::Key_Escape);
        QVERIFY(shown.filter->text().isEmpty());
        QVERIFY(shown.filter->hasFocus());
        QTest::keyClick(shown.filter, Qt::Key_Escape);
        QVERIFY(shown.table->hasFocus());
        shown.pane.focusFilter();
        QTest::keyClick(shown.filter, Qt::Key_Down);
        QVERIFY(shown.table->hasFocus());
    }

    void arrowsChooseTheDesksCallAndEnterOpensIt()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        QSignalSpy activated(&shown.pane, &LiveCallsPane::activated);
        shown.table->setFocus();
        QTest::keyClick(shown.table, Qt::Key_Home, Qt::ControlModifier);
        QTest::keyClick(shown.table, Qt::Key_Down);
        const QString second = shown.table->model()->index(1, 0).data(IdRole).toString();
        QCOMPARE(bench.desk.selectedCall(), second);
        QTest::keyClick(shown.table, Qt::Key_Return);
        QCOMPARE(activated.size(), 1);
        QCOMPARE(activated.at(0).at(0).toString(), second);
    }

    void theDesksChoiceIsShown()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        bench.desk.selectCall(idOf(3));
        QCOMPARE(shown.table->selectedId(), idOf(3));
        bench.desk.selectCall(QStringLiteral("CA-of-the-log"));
        QCOMPARE(shown.table->selectedId(), QString());
        QVERIFY(!shown.table->selectionModel()->hasSelection());
        QCOMPARE(bench.desk.selectedCall(), QStringLiteral("CA-of-the-log"));
    }

    void aCallThatLeavesNeverHandsTheSelectionToAnother()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        bench.desk.selectCall(idOf(3));
        bench.change({protocol::CallGone{idOf(3)}});
        QCOMPARE(shown.rows(), 8);
        QCOMPARE(bench.desk.selectedCall(), idOf(3));
        QVERIFY(!shown.table->selectionModel()->hasSelection());
    }

    void theSelectionSurvivesOtherRowsAndTheFilter()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        bench.desk.selectCall(idOf(3));
        bench.change(
            {protocol::CallGone{idOf(1)}, protocol::CallChange{bench.call(idOf(40), CallState::Ringing, 900s, 1s)}});
        QCOMPARE(shown.table->selectedId(), idOf(3));
        shown.filter->setText(QStringLiteral("ringing"));
        QCOMPARE(shown.table->selectedId(), QString());
        QCOMPARE(bench.desk.selectedCall(), idOf(3));
        shown.filter->clear();
        QCOMPARE(shown.table->selectedId(), idOf(3));
    }

    void theContextMenuIsTheBorrowedActions()
    {
        BenchDesk bench;
        Shown shown(bench);
        QAction interrupt, end;
        shown.pane.setContextActions({&interrupt});
        shown.pane.setContextActions({&end});
        QCOMPARE(shown.table->actions(), QList<QAction*>{&end});
    }

    void theHeaderIsRestoredAndGarbageIsRefused()
    {
        BenchDesk bench;
        Shown first(bench), second(bench);
        first.table->setColumnWidth(LiveCallsModel::Caller, 222);
        QVERIFY(second.pane.restoreHeader(first.pane.saveHeader()));
        QCOMPARE(second.table->columnWidth(LiveCallsModel::Caller), 222);
        QVERIFY(!second.pane.restoreHeader("garbage"));
        QCOMPARE(second.table->columnWidth(LiveCallsModel::Caller), 222);
    }

    /// Not a limit: a figure for the report. A frame is 16 ms.
    void paintsFiveHundredCalls()
    {
        BenchDesk bench;
        protocol::Snapshot snapshot = BenchDesk::empty();
        for (int i = 0; i < 500; ++i)
            snapshot.calls += bench.call(idOf(i + 1), static_cast<CallState>(i % 10), i * 1s, 2s);
        bench.goLive(snapshot);
        Shown shown(bench);
        shown.pane.resize(1200, 1000);
        QCoreApplication::processEvents();
        QCOMPARE(shown.rows(), 500);
        QImage frame(shown.table->viewport()->size(), QImage::Format_ARGB32_Premultiplied);
        QBENCHMARK
        {
            shown.table->viewport()->render(&frame);
        }
    }
};

QTEST_MAIN(TestLiveCallsPane)
#include "tst_livecallspane.moc"
