// SPDX-License-Identifier: Apache-2.0
#include "console/views/calllogpane.h"
#include "console/views/callstable.h"
#include "tests/console/views/benchdesk.h"

#include <QLabel>
#include <QLineEdit>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

protocol::LogPage page(const BenchDesk& bench, int first, int rows, const QString& next)
{
    protocol::LogPage result;
    for (int i = first; i < first + rows; ++i) {
        CallLogRow row;
        row.id = QStringLiteral("CA%1").arg(i);
        row.from = QStringLiteral("+972 50 ••• 1000");
        row.startedAt = bench.at(i * 60s);
        row.endedAt = row.startedAt.addSecs(30);
        row.duration = 30s;
        row.reason = EndReason::Completed;
        result.rows += row;
    }
    result.next = next;
    return result;
}

struct Shown final {
    explicit Shown(BenchDesk& bench)
        : pane(bench.desk)
    {
        pane.resize(860, 400);
        pane.show();
        table = pane.findChild<CallsTable*>();
        filter = pane.findChild<QLineEdit*>();
        for (QLabel* label : pane.findChildren<QLabel*>()) {
            if (label->accessibleName() == QStringLiteral("State of the call log"))
                status = label;
        }
        for (QToolButton* button : pane.findChildren<QToolButton*>()) {
            if (button->text() == QStringLiteral("Try again"))
                retry = button;
        }
    }

    CallLogPane pane;
    CallsTable* table = nullptr;
    QLineEdit* filter = nullptr;
    QLabel* status = nullptr;
    QToolButton* retry = nullptr;
};

} // namespace

class TestCallLogPane final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(AnyWarning); }

    void tellsHowFarItHasRead()
    {
        BenchDesk bench;
        Shown shown(bench);
        QVERIFY(shown.table->emptyText().contains(QStringLiteral("Not connected")));
        bench.goLive(BenchDesk::empty());
        QTRY_VERIFY(bench.last<protocol::QueryLog>());
        QVERIFY(shown.status->text().contains(QStringLiteral("Loading")));
        QVERIFY(shown.table->emptyText().contains(QStringLiteral("Loading")));
        bench.answer<protocol::QueryLog>(page(bench, 0, 100, QStringLiteral("more")));
        QVERIFY2(shown.status->text().contains(QStringLiteral("100")), qPrintable(shown.status->text()));
        QVERIFY(shown.status->text().contains(QStringLiteral("scroll down")));

        shown.table->scrollToBottom();
        QTRY_COMPARE(bench.last<protocol::QueryLog>()->after, QStringLiteral("more"));
        bench.answer<protocol::QueryLog>(page(bench, 100, 20, {}));
        QVERIFY2(shown.status->text().contains(QStringLiteral("120")), qPrintable(shown.status->text()));
        QVERIFY(shown.status->text().contains(QStringLiteral("whole log")));
    }

    void anEmptyLogSaysSo()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(BenchDesk::empty());
        QTRY_VERIFY(bench.last<protocol::QueryLog>());
        bench.answer<protocol::QueryLog>(protocol::LogPage());
        QCOMPARE(shown.table->emptyText(), QStringLiteral("The log holds no call yet."));
    }

    void typingAsksOnceWhenItPauses()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(BenchDesk::empty());
        QTRY_VERIFY(bench.last<protocol::QueryLog>());
        bench.answer<protocol::QueryLog>(page(bench, 0, 3, {}));
        bench.sent.clear();
        QTest::keyClicks(shown.filter, QStringLiteral("appointment"));
        QVERIFY(!bench.last<protocol::QueryLog>());
        QTRY_VERIFY(bench.last<protocol::QueryLog>());
        QCOMPARE(bench.last<protocol::QueryLog>()->text, QStringLiteral("appointment"));
        QCOMPARE(bench.sent.size(), 1);
        bench.answer<protocol::QueryLog>(protocol::LogPage());
        QCOMPARE(shown.table->emptyText(), QStringLiteral("No call of the log matches."));
        QVERIFY(shown.status->text().contains(QStringLiteral("searched")));
    }

    void enterAsksAtOnceAndEscapeAsksForAll()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(BenchDesk::empty());
        QTRY_VERIFY(bench.last<protocol::QueryLog>());
        bench.answer<protocol::QueryLog>(protocol::LogPage());
        QTest::keyClicks(shown.filter, QStringLiteral("levi"));
        QTest::keyClick(shown.filter, Qt::Key_Return);
        QCOMPARE(bench.desk.log().filter(), QStringLiteral("levi"));
        QTest::keyClick(shown.filter, Qt::Key_Escape);
        QCOMPARE(bench.desk.log().filter(), QString());
        QVERIFY(shown.filter->text().isEmpty());
    }

    void whatCouldNotBeReadCanBeAskedForAgain()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(BenchDesk::empty());
        QTRY_VERIFY(bench.last<protocol::QueryLog>());
        QVERIFY(!shown.retry->isVisible());
        bench.answer<protocol::QueryLog>(
            protocol::CommandError{protocol::ErrorCode::Unavailable, QStringLiteral("the disk is full")});
        QVERIFY(shown.retry->isVisible());
        QCOMPARE(shown.status->text(), bench.desk.log().trouble());
        QVERIFY(shown.table->emptyText().contains(QStringLiteral("could not be read")));
        bench.sent.clear();
        QTest::mouseClick(shown.retry, Qt::LeftButton);
        QVERIFY(!shown.retry->isVisible());
        QTRY_VERIFY(bench.last<protocol::QueryLog>());
        bench.answer<protocol::QueryLog>(page(bench, 0, 2, {}));
        QCOMPARE(shown.table->model()->rowCount(), 2);
        QVERIFY(shown.status->text().contains(QStringLiteral("whole log")));
    }

    void retryWaitsForTheLine()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(BenchDesk::empty());
        QTRY_VERIFY(bench.last<protocol::QueryLog>());
        bench.answer<protocol::QueryLog>(protocol::CommandError{protocol::ErrorCode::Unavailable, {}});
        QVERIFY(shown.retry->isEnabled());
        bench.goDown();
        QVERIFY(!shown.retry->isEnabled());
        QVERIFY(!shown.retry->toolTip().isEmpty());
    }

    void aRowIsTheDesksCall()
    {
        BenchDesk bench;
        Shown shown(bench);
        QSignalSpy activated(&shown.pane, &CallLogPane::activated);
        bench.goLive(BenchDesk::empty());
        QTRY_VERIFY(bench.last<protocol::QueryLog>());
        bench.answer<protocol::QueryLog>(page(bench, 0, 5, {}));
        QTest::mouseClick(shown.table->viewport(), Qt::LeftButton, {},
            shown.table->visualRect(shown.table->model()->index(2, 1)).center());
        QCOMPARE(bench.desk.selectedCall(), QStringLiteral("CA2"));
        QTest::keyClick(shown.table, Qt::Key_Enter);
        QCOMPARE(activated.size(), 1);
        bench.desk.selectCall(QStringLiteral("CA-live"));
        QVERIFY(!shown.table->selectionModel()->hasSelection());
    }
};

QTEST_MAIN(TestCallLogPane)
#include "tst_calllogpane.moc"
