// SPDX-License-Identifier: Apache-2.0
#include "console/views/callpane.h"
#include "console/views/latencyview.h"
#include "console/views/transcriptview.h"
#include "tests/console/views/benchdesk.h"

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QLabel>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

const QString LiveId = QStringLiteral("CA%1").arg(1, 32, 16, QLatin1Char('0'));

struct Shown final {
    explicit Shown(BenchDesk& theBench)
        : bench(theBench)
        , pane(theBench.desk)
    {
        pane.resize(700, 600);
        pane.show();
        transcript = pane.findChild<TranscriptView*>();
    }

    /// The words a user sees in the header and over the cards.
    QString words() const
    {
        QStringList all;
        for (const QLabel* label : pane.findChildren<QLabel*>()) {
            if (label->isVisible())
                all += label->text();
        }
        return all.join(QLatin1Char('|'));
    }
    QToolButton* button(const char* name) const
    {
        for (QToolButton* button : pane.findChildren<QToolButton*>()) {
            if (button->text() == QLatin1String(name) || button->accessibleName() == QLatin1String(name))
                return button;
        }
        return nullptr;
    }
    /// The call is chosen, and so many turns of it have come.
    void showTurns(int count)
    {
        bench.desk.selectCall(LiveId);
        QTRY_VERIFY(bench.last<protocol::WatchCall>());
        protocol::CallTranscript transcriptThen;
        transcriptThen.call = LiveId;
        for (int number = 1; number <= count; ++number)
            transcriptThen.turns += turn(number);
        bench.answer<protocol::WatchCall>(transcriptThen);
        QCoreApplication::processEvents();
    }
    TranscriptTurn turn(int number) const
    {
        TranscriptTurn turn;
        turn.record.number = number;
        turn.record.callerText = QStringLiteral("question %1").arg(number);
        turn.record.agentText = QStringLiteral("a rather long answer to question %1, which goes on and on").arg(number);
        turn.record.heardText = turn.record.agentText;
        turn.startedAt = bench.at();
        turn.open = false;
        turn.callerTextFinal = true;
        return turn;
    }
    void addTurn(int number)
    {
        bench.change({protocol::TurnChange{LiveId, turn(number)}});
        QCoreApplication::processEvents();
    }

    BenchDesk& bench;
    CallPane pane;
    TranscriptView* transcript = nullptr;
};

} // namespace

class TestCallPane final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(AnyWarning); }

    void withoutACallItSaysWhatToDo()
    {
        BenchDesk bench;
        Shown shown(bench);
        QVERIFY(shown.words().contains(QStringLiteral("Choose a call")));
        QVERIFY(!shown.transcript->isVisible());
    }

    void theHeaderTellsWhoAndWhat()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        bench.desk.selectCall(LiveId);
        for (const char* word : {"+972 51", "Speaking", "To ", "12:34", "Hebrew", "62 turn", "2 interruption"})
            QVERIFY2(shown.words().contains(QLatin1String(word)), word);
        QVERIFY(shown.words().contains(LiveId));
        QTest::mouseClick(shown.button("Copy the call's id"), Qt::LeftButton);
        QCOMPARE(QGuiApplication::clipboard()->text(), LiveId);

        bench.clock.advance(60s);
        bench.change({}); // brings the engine's time
        bench.desk.tick();
        QVERIFY2(shown.words().contains(QStringLiteral("13:34")), qPrintable(shown.words()));

        CallSummary ended = bench.call(LiveId, CallState::Ended, 800s, 1s);
        ended.endedAt = bench.at(200s);
        ended.reason = EndReason::CallerHungUp;
        bench.change({protocol::CallChange{ended}});
        QVERIFY2(shown.words().contains(QStringLiteral("Caller hung up")), qPrintable(shown.words()));
        QVERIFY2(shown.words().contains(QStringLiteral("10:00")), qPrintable(shown.words()));
    }

    void turnsThatOnlyTheLogHasAreMentioned()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        bench.desk.selectCall(LiveId);
        QTRY_VERIFY(bench.last<protocol::WatchCall>());
        QVERIFY(!shown.words().contains(QStringLiteral("call log only")));
        protocol::CallTranscript late;
        late.call = LiveId;
        late.firstTurn = 31;
        late.turns = {shown.turn(31), shown.turn(32)};
        bench.answer<protocol::WatchCall>(late);
        QVERIFY2(shown.words().contains(QStringLiteral("before turn 31")), qPrintable(shown.words()));
    }

    void aLostLineStopsTheClockAndSaysSo()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        bench.desk.selectCall(LiveId);
        bench.goDown();
        QVERIFY(!shown.words().contains(QStringLiteral("12:34")));
        QVERIFY2(shown.words().contains(QStringLiteral("Not connected")), qPrintable(shown.words()));
    }

    void wordsThatDidNotComeCanBeAskedForAgain()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        bench.desk.selectCall(QStringLiteral("CA-of-the-log"));
        QTRY_VERIFY(bench.last<protocol::QueryCall>());
        QVERIFY2(shown.words().contains(QStringLiteral("Looking for")), qPrintable(shown.words()));
        bench.answer<protocol::QueryCall>(protocol::CommandError{protocol::ErrorCode::Unavailable, {}});
        QVERIFY(shown.words().contains(bench.desk.selectionTrouble()));
        QVERIFY(shown.button("Try again")->isVisible());
        bench.sent.clear();
        QTest::mouseClick(shown.button("Try again"), Qt::LeftButton);
        QTRY_VERIFY(bench.last<protocol::QueryCall>());
        protocol::CallDetail detail;
        detail.row.id = QStringLiteral("CA-of-the-log");
        detail.row.from = QStringLiteral("+972 54 ••• 1111");
        detail.row.startedAt = bench.at(3600s);
        detail.row.endedAt = bench.at(3500s);
        detail.row.duration = 100s;
        detail.row.reason = EndReason::Completed;
        detail.turns = {shown.turn(1)};
        bench.answer<protocol::QueryCall>(detail);
        QVERIFY(!shown.button("Try again")->isVisible());
        for (const char* word : {"+972 54", "Completed", "1:40"})
            QVERIFY2(shown.words().contains(QLatin1String(word)), word);
        QCOMPARE(shown.transcript->model()->rowCount(), 1);
    }

    void controlCCopiesTheTranscriptAsText()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        bench.desk.selectCall(LiveId);
        QTRY_VERIFY(bench.last<protocol::WatchCall>());
        bench.answer<protocol::WatchCall>(bench.conversation(LiveId));
        QTest::keyClick(shown.transcript, Qt::Key_C, Qt::ControlModifier);
        const QStringList lines = QGuiApplication::clipboard()->text().split(QLatin1Char('\n'));
        QCOMPARE(lines.size(), 11);
        QVERIFY2(lines[0].endsWith(QStringLiteral("Agent: Good morning, this is the clinic. How can I help?")),
            qPrintable(lines[0]));
        QVERIFY(lines[1].contains(QStringLiteral("Caller: I would like")));
        QVERIFY2(lines[2].contains(QStringLiteral("[interrupted; heard: “Doctor Levi")), qPrintable(lines[2]));
        QVERIFY(lines[2].endsWith(QStringLiteral("(after 740 ms)")));
        QVERIFY(lines.last().endsWith(QStringLiteral("Caller: and where do we")));
        // Isolates are for the screen.
        for (const QChar mark : {QChar(0x2066), QChar(0x2068), QChar(0x2069)})
            QVERIFY(!QGuiApplication::clipboard()->text().contains(mark));
    }

    void controlCIsTheTranscriptsEvenUnderAMenusCopy()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        shown.showTurns(2);
        QAction copyRows;
        copyRows.setShortcut(QKeySequence::Copy);
        shown.pane.addAction(&copyRows);
        QSignalSpy taken(&copyRows, &QAction::triggered);
        shown.pane.activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(&shown.pane));
        shown.transcript->setFocus();
        QGuiApplication::clipboard()->clear();
        QTest::keyClick(shown.transcript, Qt::Key_C, Qt::ControlModifier);
        QCOMPARE(taken.size(), 0);
        QVERIFY(QGuiApplication::clipboard()->text().contains(QStringLiteral("question 2")));
        shown.pane.findChild<LatencyView*>()->setFocus();
        QTest::keyClick(&shown.pane, Qt::Key_C, Qt::ControlModifier);
        QCOMPARE(taken.size(), 1);
    }

    void aCallThatWasPassedOnAndCameBackSaysSo()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        bench.desk.selectCall(LiveId);
        QTRY_VERIFY(bench.last<protocol::WatchCall>());
        TranscriptTurn back = shown.turn(3);
        back.record.input = TurnInput::Opening;
        back.record.callerText.clear();
        back.record.agentText = QStringLiteral("Nobody is available just now.");
        bench.answer<protocol::WatchCall>(
            protocol::CallTranscript{LiveId, 0, 1, {shown.turn(1), shown.turn(2), back, shown.turn(4)}});
        QTRY_COMPARE(shown.transcript->model()->rowCount(), 4);
        const QString all = shown.transcript->text();
        const int left = int(all.indexOf(QStringLiteral("The call was passed on, and is back with the agent.")));
        QVERIFY2(left > all.indexOf(QStringLiteral("question 2")), qPrintable(all));
        QVERIFY2(left < all.indexOf(QStringLiteral("Nobody is available")), qPrintable(all));
        screenshot(shown.pane, QStringLiteral("call-came-back"));
    }

    void controlCCopiesTheChosenCardsOnly()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        shown.showTurns(5);
        shown.transcript->setCurrentIndex(shown.transcript->model()->index(1, TranscriptModel::CallerText));
        QTest::keyClick(shown.transcript, Qt::Key_Down, Qt::ShiftModifier);
        QTest::keyClick(shown.transcript, Qt::Key_C, Qt::ControlModifier);
        const QString text = QGuiApplication::clipboard()->text();
        QVERIFY(!text.contains(QStringLiteral("question 1")));
        QVERIFY(text.contains(QStringLiteral("question 2")) && text.contains(QStringLiteral("question 3")));
        QVERIFY(!text.contains(QStringLiteral("question 4")));
    }

    void theEndIsFollowedWhileTheReaderIsThere()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        shown.showTurns(40);
        QScrollBar* bar = shown.transcript->verticalScrollBar();
        QVERIFY(bar->maximum() > 0);
        QCOMPARE(bar->value(), bar->maximum());
        const int before = bar->maximum();
        shown.addTurn(41);
        QVERIFY(bar->maximum() > before);
        QCOMPARE(bar->value(), bar->maximum());
        QCOMPARE(shown.transcript->newTurns(), 0);
    }

    void aReadersPlaceIsNotTakenAwayAndNewTurnsAreCounted()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        shown.showTurns(40);
        QScrollBar* bar = shown.transcript->verticalScrollBar();
        auto* more = shown.transcript->findChild<QToolButton*>();
        QVERIFY(!more->isVisible());
        bar->setValue(bar->maximum() / 3);
        const int place = bar->value();
        QVERIFY(more->isVisible());
        shown.addTurn(41);
        shown.addTurn(42);
        shown.addTurn(42); // the same again is no news
        QCOMPARE(bar->value(), place);
        QCOMPARE(shown.transcript->newTurns(), 2);
        QVERIFY2(more->text().startsWith(QStringLiteral("2 new")), qPrintable(more->text()));
        QTest::mouseClick(more, Qt::LeftButton);
        QCOMPARE(bar->value(), bar->maximum());
        QCOMPARE(shown.transcript->newTurns(), 0);
        QVERIFY(!more->isVisible());
        shown.addTurn(43);
        QCOMPARE(bar->value(), bar->maximum());
    }

    void anotherCallBeginsAtItsEnd()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        shown.showTurns(40);
        shown.transcript->verticalScrollBar()->setValue(0);
        shown.addTurn(41);
        QCOMPARE(shown.transcript->newTurns(), 1);
        bench.desk.selectCall(QStringLiteral("CA-other"));
        QCOMPARE(shown.transcript->newTurns(), 0);
        QVERIFY(shown.transcript->isFollowing());
    }

    void aNarrowPaneWrapsAndStillFollows()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        shown.showTurns(30);
        QScrollBar* bar = shown.transcript->verticalScrollBar();
        const int wide = bar->maximum();
        shown.pane.resize(360, 600);
        QCoreApplication::processEvents();
        QVERIFY(bar->maximum() > wide);
        QCOMPARE(bar->value(), bar->maximum());
    }

    void whatWasNotHeardIsStruckThrough()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        shown.showTurns(1);
        const auto card = [&] {
            QCoreApplication::processEvents();
            return shown.transcript->viewport()
                ->grab(shown.transcript->visualRect(shown.transcript->model()->index(0, TranscriptModel::CallerText)))
                .toImage();
        };
        TranscriptTurn turn = shown.turn(1);
        turn.record.interrupted = true;
        bench.change({protocol::TurnChange{LiveId, turn}});
        const QImage allHeard = card();
        turn.record.heardText = turn.record.agentText.left(10);
        bench.change({protocol::TurnChange{LiveId, turn}});
        const QImage partHeard = card();
        QCOMPARE(allHeard.size(), partHeard.size());
        QVERIFY(allHeard != partHeard);
    }

    void theLayoutIsRestoredAndGarbageIsRefused()
    {
        BenchDesk bench;
        Shown first(bench), second(bench);
        first.pane.findChild<LatencyView*>()->setShowsNumbers(true);
        QVERIFY(second.pane.restoreLayout(first.pane.saveLayout()));
        QVERIFY(second.pane.findChild<LatencyView*>()->showsNumbers());
        for (const QByteArray& garbage : {QByteArray(), QByteArray("x"), QByteArray(64, '\xff'),
                 QByteArray(first.pane.saveLayout()).replace(0, 1, "\x7f"), first.pane.saveLayout().chopped(1)})
            QVERIFY(!second.pane.restoreLayout(garbage));
    }

    /// Not a limit: a figure for the report.
    void laysOutAndPaintsTwoHundredTurns()
    {
        BenchDesk bench;
        bench.goLive(bench.busy());
        Shown shown(bench);
        shown.showTurns(200);
        QImage frame(shown.transcript->viewport()->size(), QImage::Format_ARGB32_Premultiplied);
        int width = 700;
        QBENCHMARK
        {
            width = width == 700 ? 640 : 700; // every card is measured anew
            shown.pane.resize(width, 600);
            QCoreApplication::processEvents();
            shown.transcript->viewport()->render(&frame);
        }
    }
};

QTEST_MAIN(TestCallPane)
#include "tst_callpane.moc"
