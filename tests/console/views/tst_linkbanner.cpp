// SPDX-License-Identifier: Apache-2.0
#include "console/views/linkbanner.h"
#include "tests/console/views/benchdesk.h"

#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QTcpServer>
#include <QTest>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

struct Shown final {
    explicit Shown(BenchDesk& bench)
        : banner(bench.desk, &window)
    {
        window.show();
        for (QLabel* label : banner.findChildren<QLabel*>()) {
            if (label->accessibleName() == QStringLiteral("State of the connection"))
                sentence = label;
        }
        for (QPushButton* button : banner.findChildren<QPushButton*>())
            (button->text() == QStringLiteral("Retry now") ? retry : settings) = button;
    }

    QWidget window;
    LinkBanner banner;
    QLabel* sentence = nullptr;
    QPushButton *retry = nullptr, *settings = nullptr;
};

/// A port on loopback at which nobody listens.
QUrl nobody()
{
    QTcpServer server;
    server.listen(QHostAddress::LocalHost);
    return QUrl(QStringLiteral("ws://127.0.0.1:%1/console").arg(server.serverPort()));
}

} // namespace

class TestLinkBanner final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(AnyWarning); }

    void isThereUntilTheLineIsLive()
    {
        BenchDesk bench;
        Shown shown(bench);
        QVERIFY(shown.banner.isVisible());
        QCOMPARE(shown.sentence->text(), bench.desk.linkSentence());
        QVERIFY(!shown.retry->isVisible());
        bench.goLive(BenchDesk::empty());
        QVERIFY(!shown.banner.isVisible());
        bench.goDown();
        QVERIFY(shown.banner.isVisible());
    }

    void leadsToTheConnectionsSettings()
    {
        BenchDesk bench;
        Shown shown(bench);
        QSignalSpy wanted(&shown.banner, &LinkBanner::connectionSettingsWanted);
        QTest::mouseClick(shown.settings, Qt::LeftButton);
        QCOMPARE(wanted.size(), 1);
    }

    void countsDownAndTriesAtOnceWhenAsked()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.desk.connectTo(nobody(), {}, {});
        QTRY_COMPARE(bench.desk.connection().state(), LinkState::Waiting);
        QVERIFY(shown.banner.isVisible());
        QVERIFY2(
            shown.sentence->text().contains(QStringLiteral("cannot be reached")), qPrintable(shown.sentence->text()));
        QCOMPARE(shown.sentence->toolTip(), bench.desk.connection().reason());
        QVERIFY(shown.retry->isVisible());

        // A later attempt has longer to wait, so that the countdown is seen.
        for (int attempt = 0; attempt < 3; ++attempt) {
            bench.clock.advance(40s);
            bench.desk.connection().tick();
            QTRY_COMPARE(bench.desk.connection().state(), LinkState::Waiting);
        }
        const QString before = shown.sentence->text();
        bench.clock.advance(2s);
        bench.desk.tick();
        QVERIFY2(shown.sentence->text() != before, qPrintable(before));

        QSignalSpy states(&bench.desk.connection(), &Connection::stateChanged);
        QTest::mouseClick(shown.retry, Qt::LeftButton);
        QVERIFY(!states.isEmpty());
        QCOMPARE(states.first().first().value<LinkState>(), LinkState::Connecting);
    }
};

QTEST_MAIN(TestLinkBanner)
#include "tst_linkbanner.moc"
