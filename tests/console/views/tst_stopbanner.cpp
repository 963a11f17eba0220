// SPDX-License-Identifier: Apache-2.0
#include "console/models/words.h"
#include "console/views/stopbanner.h"
#include "tests/console/views/benchdesk.h"

#include <QLabel>
#include <QTest>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

EngineStatus stopping(std::optional<int> remaining, const QDateTime& goodbyeAt)
{
    EngineStatus engine = BenchDesk::empty().engine;
    engine.ready = false;
    engine.notReady = QStringList{QStringLiteral("draining")};
    engine.draining = true;
    engine.remaining = remaining;
    engine.goodbyeAt = goodbyeAt;
    return engine;
}

struct Shown final {
    explicit Shown(BenchDesk& bench)
        : banner(bench.desk, &window)
    {
        window.show();
        for (QLabel* label : banner.findChildren<QLabel*>()) {
            if (label->accessibleName() == QStringLiteral("The engine is stopping"))
                sentence = label;
        }
    }
    QString text() const { return withoutIsolates(sentence->text()); }

    QWidget window;
    StopBanner banner;
    QLabel* sentence = nullptr;
};

} // namespace

class TestStopBanner final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(AnyWarning); }

    void tellsHowFarAStopIs()
    {
        BenchDesk bench;
        Shown shown(bench);
        QVERIFY(!shown.banner.isVisible());
        bench.goLive(BenchDesk::empty());
        QVERIFY(!shown.banner.isVisible());

        const QDateTime until = bench.at().addSecs(90);
        bench.change({protocol::EngineChange{stopping(3, until)}});
        QVERIFY(shown.banner.isVisible());
        QVERIFY2(shown.text().contains(QStringLiteral("waits for 3 call")), qPrintable(shown.text()));
        QVERIFY2(
            shown.text().contains(until.toLocalTime().toString(QStringLiteral("HH:mm:ss"))), qPrintable(shown.text()));
        bench.change({protocol::EngineChange{stopping(2, until)}});
        QVERIFY2(shown.text().contains(QStringLiteral("waits for 2 call")), qPrintable(shown.text()));

        bench.change({protocol::EngineChange{stopping(2, {})}});
        QVERIFY2(shown.text().contains(QStringLiteral("2 call")), qPrintable(shown.text()));
        QVERIFY2(shown.text().contains(QStringLiteral("hear a goodbye now")), qPrintable(shown.text()));
    }

    void anEngineThatDoesNotTellIsStoppingAllTheSame()
    {
        BenchDesk bench;
        Shown shown(bench);
        bench.goLive(BenchDesk::empty());
        bench.change({protocol::EngineChange{stopping({}, {})}});
        QVERIFY(shown.banner.isVisible());
        QCOMPARE(shown.text(), notReadySentence(QStringLiteral("draining")));
    }

    void leavesTheWordToTheLinksBanner()
    {
        BenchDesk bench;
        Shown shown(bench);
        auto snapshot = BenchDesk::empty();
        snapshot.engine = stopping(1, bench.at().addSecs(90));
        bench.goLive(snapshot);
        QVERIFY(shown.banner.isVisible());
        bench.goDown();
        QVERIFY(!shown.banner.isVisible());
        bench.goLive(BenchDesk::empty()); // the next one
        QVERIFY(!shown.banner.isVisible());
    }
};

QTEST_MAIN(TestStopBanner)
#include "tst_stopbanner.moc"
