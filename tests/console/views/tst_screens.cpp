// SPDX-License-Identifier: Apache-2.0
#include "console/views/calllogpane.h"
#include "console/views/callpane.h"
#include "console/views/connectdialog.h"
#include "console/views/latencyview.h"
#include "console/views/linkbanner.h"
#include "console/views/livecallspane.h"
#include "console/views/servicebar.h"
#include "console/views/stopbanner.h"
#include "console/views/testcalldialog.h"
#include "console/views/theme.h"
#include "tests/console/views/benchdesk.h"

#include <QApplication>
#include <QLineEdit>
#include <QPushButton>
#include <QStyleFactory>
#include <QTest>
#include <QTextEdit>
#include <QToolButton>

#include <memory>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

const QString FirstCall = QStringLiteral("CA%1").arg(1, 32, 16, QLatin1Char('0'));

protocol::LogPage logPage(const BenchDesk& bench, int rows)
{
    protocol::LogPage page;
    for (int i = 0; i < rows; ++i) {
        CallLogRow row;
        row.id = QStringLiteral("CA%1").arg(1000 + i, 32, 16, QLatin1Char('0'));
        row.from = QStringLiteral("+972 5%1 ••• %2").arg(i % 10).arg(1000 + i * 7);
        row.to = QStringLiteral("+972 3 ••• 0100");
        row.test = i % 7 == 3;
        row.startedAt = bench.at(i * 311s + 200s);
        row.duration = 20s + i * 17s;
        row.endedAt = row.startedAt.addMSecs(row.duration.count());
        row.reason = static_cast<EndReason>(1 + i % 11);
        row.turns = 2 + i % 9;
        page.rows += row;
    }
    return page;
}

} // namespace

/// Every pane in both appearances and both directions, for a person to look at; and that none is blank, warns, or is
/// the same in the dark.
class TestScreens final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion"))); }
    void init() { QTest::failOnWarning(AnyWarning); }
    void cleanup()
    {
        QApplication::setLayoutDirection(Qt::LeftToRight);
        QApplication::setPalette(QPalette());
    }

    void everyPane_data()
    {
        QTest::addColumn<bool>("dark");
        QTest::addColumn<bool>("rightToLeft");
        QTest::newRow("light") << false << false;
        QTest::newRow("dark") << true << false;
        QTest::newRow("light-rtl") << false << true;
        QTest::newRow("dark-rtl") << true << true;
    }
    void everyPane()
    {
        QFETCH(const bool, dark);
        QFETCH(const bool, rightToLeft);
        QApplication::setPalette(Theme::palette(dark));
        QApplication::setLayoutDirection(rightToLeft ? Qt::RightToLeft : Qt::LeftToRight);
        const auto shot = [&](QWidget& widget, const char* what) {
            const QImage image =
                screenshot(widget, QLatin1String(what) + QLatin1Char('-') + QLatin1String(QTest::currentDataTag()));
            QCOMPARE(image.pixelColor(image.width() / 2, 2).lightnessF() < 0.5F, dark);
        };

        BenchDesk bench;
        LiveCallsPane live(bench.desk);
        CallPane call(bench.desk);
        CallLogPane log(bench.desk);
        ServiceBar lamps(bench.desk);
        LinkBanner banner(bench.desk);
        live.resize(860, 330);
        call.resize(820, 760);
        log.resize(860, 330);
        lamps.resize(900, 32);
        banner.resize(860, 44);
        for (QWidget* widget : {static_cast<QWidget*>(&live), static_cast<QWidget*>(&call), static_cast<QWidget*>(&log),
                 static_cast<QWidget*>(&lamps), static_cast<QWidget*>(&banner)})
            widget->show();
        shot(live, "live-unconnected");
        shot(banner, "banner-unconnected");

        BenchDesk other;
        auto draining = BenchDesk::empty();
        draining.engine.draining = true;
        draining.engine.remaining = 7;
        draining.engine.goodbyeAt = other.at().addSecs(900);
        StopBanner stopping(other.desk);
        stopping.resize(860, 44);
        other.goLive(draining);
        shot(stopping, "banner-stopping");
        shot(call, "call-none");

        bench.goLive(bench.busy());
        bench.desk.selectCall(FirstCall);
        QTRY_VERIFY(bench.last<protocol::WatchCall>());
        bench.answer<protocol::WatchCall>(bench.conversation(FirstCall, rightToLeft));
        QTRY_VERIFY(bench.last<protocol::QueryLog>());
        bench.answer<protocol::QueryLog>(logPage(bench, 30));
        QTRY_COMPARE(bench.desk.log().rowCount(), 30);
        QVERIFY(bench.desk.transcript().rowCount() > 0);
        shot(live, "live-busy");
        shot(call, "call");
        shot(log, "log");
        shot(lamps, "lamps");
        lamps.resize(520, 32);
        shot(lamps, "lamps-narrow");
        call.resize(430, 760);
        shot(call, "call-narrow");

        auto* lamp = lamps.findChild<QToolButton*>(QStringLiteral("store"));
        QVERIFY(lamp);
        lamp->click();
        auto* popup = QApplication::activePopupWidget();
        QVERIFY(popup);
        shot(*popup, "lamp-popup");
        popup->close();

        auto* filter = live.findChild<QLineEdit*>();
        QTest::keyClicks(filter, QStringLiteral("Speaking"));
        shot(live, "live-filtered");
        live.clearFilters();

        TestCallDialog test(bench.desk);
        test.show();
        shot(test, "testcall-empty");
        test.findChild<QTextEdit*>()->setPlainText(rightToLeft ? QString::fromUtf8("שלום\nאני רוצה תור לדוקטור לוי")
                                                               : QStringLiteral("Hello\nAn appointment"));
        shot(test, "testcall-lines");
        for (QPushButton* button : test.findChildren<QPushButton*>()) {
            if (button->isVisible() && button->isDefault())
                button->click();
        }
        const QString testId = QStringLiteral("CAtest");
        bench.answer<protocol::StartTestCall>(protocol::TestCallStarted{testId});
        CallSummary testCall = bench.call(testId, CallState::Speaking, 40s, 2s);
        bench.change({protocol::CallChange{testCall}});
        QTRY_COMPARE(bench.last<protocol::WatchCall>()->call, testId);
        bench.answer<protocol::WatchCall>(bench.conversation(testId, rightToLeft));
        shot(test, "testcall-followed");
        testCall.state = CallState::Ended;
        testCall.reason = EndReason::Completed;
        testCall.endedAt = bench.at();
        bench.change({protocol::CallChange{testCall}});
        shot(test, "testcall-ended");
        call.resize(900, 500);
        call.findChild<LatencyView*>()->setShowsNumbers(true);
        shot(call, "call-figures");

        ConnectDialog connection({QStringLiteral("ws://kav.example.com"), {}, QStringLiteral("Dana"), true}, {});
        connection.show();
        shot(connection, "connect-refused-address");
        ConnectDialog good(
            {QStringLiteral("https://kav.example.com"), QStringLiteral("secret"), QStringLiteral("Dana"), true}, {});
        good.show();
        shot(good, "connect");

        bench.goDown();
        shot(live, "live-frozen");
        shot(lamps, "lamps-frozen");
    }
};

QTEST_MAIN(TestScreens)
#include "tst_screens.moc"
