// SPDX-License-Identifier: Apache-2.0
#include "console/models/words.h"
#include "console/views/servicebar.h"
#include "tests/console/views/benchdesk.h"

#include <QApplication>
#include <QLabel>
#include <QPushButton>
#include <QTest>
#include <QToolButton>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

struct Shown final {
    explicit Shown(BenchDesk& bench)
        : bar(bench.desk)
    {
        bar.resize(1200, 40);
        bar.show();
    }
    QToolButton* lamp(const char* id) const { return bar.findChild<QToolButton*>(QLatin1String(id)); }
    /// Clicks it; what then stands beside it.
    QWidget* open(const char* id) const
    {
        QTest::mouseClick(lamp(id), Qt::LeftButton);
        return QApplication::activePopupWidget();
    }

    ServiceBar bar;
};

QString wordsOf(const QWidget& popup)
{
    QStringList words;
    for (const QLabel* label : popup.findChildren<QLabel*>()) {
        if (label->isVisibleTo(&popup))
            words += label->text();
    }
    return words.join(QLatin1Char('|'));
}

} // namespace

class TestServiceBar final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(AnyWarning); }
    void cleanup()
    {
        if (QWidget* popup = QApplication::activePopupWidget())
            popup->close();
    }

    void everyLampHasItsWord()
    {
        BenchDesk bench;
        Shown shown(bench);
        QVERIFY2(shown.lamp("engine")->text().contains(QStringLiteral("Unknown")), "nothing is green by default");
        bench.goLive(bench.busy());
        QCOMPARE(shown.bar.findChildren<QToolButton*>().size(), 6);
        QCOMPARE(shown.lamp("engine")->text(), QStringLiteral("Ready for calls"));
        QCOMPARE(shown.lamp("stt")->text(), QStringLiteral("Speech recognition"));
        QCOMPARE(shown.lamp("tts")->text(), QStringLiteral("Speech synthesis: Degraded"));
        QCOMPARE(shown.lamp("store")->text(), QStringLiteral("Call log: Failed"));
        // A screen reader is told the state of a ready one as well.
        QCOMPARE(shown.lamp("stt")->accessibleName(), QStringLiteral("Speech recognition: Ready"));
        QVERIFY(shown.lamp("store")->toolTip().contains(QStringLiteral("the disk is full")));
    }

    void aLampFollowsItsServiceAndTheLine()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(bench.busy());
        ServiceStatus store;
        store.id = QStringLiteral("store");
        store.state = ServiceState::Ready;
        store.checkedAt = bench.at();
        bench.change({protocol::ServiceChange{store}});
        QCOMPARE(shown.lamp("store")->accessibleName(), QStringLiteral("Call log: Ready"));
        bench.goDown();
        for (const QToolButton* lamp : shown.bar.findChildren<QToolButton*>())
            QVERIFY2(lamp->text().endsWith(QStringLiteral("Unknown")), qPrintable(lamp->text()));
    }

    void aServiceThatTheEngineNoLongerHasLosesItsLamp()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(bench.busy());
        bench.goDown();
        protocol::Snapshot less = bench.busy();
        less.services.removeFirst();
        bench.goLive(less);
        QVERIFY(!shown.lamp("stt"));
        QCOMPARE(shown.bar.findChildren<QToolButton*>().size(), 5);
        QCOMPARE(shown.lamp("llm")->text(), QStringLiteral("Answers"));
    }

    void theClickTellsReasonAgeAndNextAttempt()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(bench.busy());
        QWidget* popup = shown.open("store");
        QVERIFY(popup);
        for (const char* word : {"Call log: Failed", "the disk is full", "Since:", "4 s", "0:12", "1.83 s"})
            QVERIFY2(wordsOf(*popup).contains(QLatin1String(word)), qPrintable(wordsOf(*popup)));
    }

    void theProvidersOfAStageAreInItsPopup()
    {
        BenchDesk bench;
        Shown shown(bench);
        protocol::Snapshot busy = bench.busy();
        ServiceStatus first;
        first.id = QStringLiteral("stt/google");
        first.stage = QStringLiteral("stt");
        first.state = ServiceState::Degraded;
        first.reason = QStringLiteral("no final within 1800 ms");
        first.checkedAt = bench.at();
        first.use = ServiceUse{41, 2, 180ms, 420ms, 1910ms};
        ServiceStatus second = first;
        second.id = QStringLiteral("stt/embedded");
        second.state = ServiceState::Ready;
        second.reason.clear();
        second.use = ServiceUse{};
        busy.services.append({first, second});
        bench.goLive(busy);
        QCOMPARE(shown.bar.findChildren<QToolButton*>().size(), 6); // a lamp a service, none for its providers
        QWidget* popup = shown.open("stt");
        QVERIFY(popup);
        const QString words = withoutIsolates(wordsOf(*popup));
        for (const char* word :
            {"google: Degraded\nAnswers: 41; p50 180 ms, p95 420 ms, p99 1.91 s; errors: 2\nno final",
                "embedded: Ready\nAnswers: none; errors: 0"})
            QVERIFY2(words.contains(QLatin1String(word)), qPrintable(words));
        QVERIFY(words.indexOf(QLatin1String("google")) < words.indexOf(QLatin1String("embedded")));
        second.use = ServiceUse{1, 0, 90ms, 90ms, 90ms};
        bench.change({protocol::ServiceChange{second}});
        QVERIFY(withoutIsolates(wordsOf(*popup)).contains(QStringLiteral("Answers: 1; p50 90 ms")));
        popup->close();
        popup = shown.open("llm");
        QVERIFY(!wordsOf(*popup).contains(QStringLiteral("errors: ")));
    }

    void warmAgainIsPendingUntilTheEngineAnswers()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(bench.busy());
        QWidget* popup = shown.open("store");
        auto* warm = popup->findChild<QPushButton*>();
        QVERIFY(warm->isEnabled());
        QTest::mouseClick(warm, Qt::LeftButton);
        QVERIFY(bench.last<protocol::WarmService>());
        QCOMPARE(bench.last<protocol::WarmService>()->service, QStringLiteral("store"));
        QVERIFY(!warm->isEnabled());
        QVERIFY(warm->text().contains(QStringLiteral("Warming")));
        QVERIFY2(
            shown.lamp("store")->text().contains(QStringLiteral("asked")), qPrintable(shown.lamp("store")->text()));
        bench.answer<protocol::WarmService>(protocol::CommandResult());
        QCOMPARE(warm->text(), QStringLiteral("Warm again"));
        QVERIFY(!shown.lamp("store")->text().contains(QStringLiteral("asked")));
    }

    void whyItCannotBeWarmedIsSaid()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(bench.busy());
        QWidget* popup = shown.open("stt");
        auto* warm = popup->findChild<QPushButton*>();
        const QString why = bench.desk.whyNot(Desk::Act::WarmService, QStringLiteral("stt"));
        QVERIFY(!why.isEmpty());
        QVERIFY(!warm->isEnabled());
        QCOMPARE(warm->toolTip(), why);
        QVERIFY2(wordsOf(*popup).contains(why), qPrintable(wordsOf(*popup)));
    }

    void theEngineItselfIsNotWarmed()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(bench.busy());
        QWidget* popup = shown.open("engine");
        QVERIFY(!popup->findChild<QPushButton*>()->isVisible());
    }

    void aPopupOutlivesItsService()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(bench.busy());
        QWidget* popup = shown.open("stt");
        protocol::Snapshot less = bench.busy();
        less.services.clear();
        bench.goDown();
        bench.goLive(less);
        bench.desk.tick();
        QVERIFY(wordsOf(*popup).contains(QStringLiteral("Speech recognition")));
    }

    void inLittleRoomTheReadyOnesGiveUpTheirWords()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(bench.busy());
        shown.bar.resize(520, 40);
        QCOMPARE(shown.lamp("stt")->toolButtonStyle(), Qt::ToolButtonIconOnly);
        QCOMPARE(shown.lamp("store")->toolButtonStyle(), Qt::ToolButtonTextBesideIcon);
        shown.bar.resize(shown.bar.minimumSizeHint());
        QCOMPARE(shown.lamp("store")->toolButtonStyle(), Qt::ToolButtonIconOnly);
        shown.bar.resize(shown.bar.sizeHint());
        for (const QToolButton* lamp : shown.bar.findChildren<QToolButton*>())
            QCOMPARE(lamp->toolButtonStyle(), Qt::ToolButtonTextBesideIcon);
    }
};

QTEST_MAIN(TestServiceBar)
#include "tst_servicebar.moc"
