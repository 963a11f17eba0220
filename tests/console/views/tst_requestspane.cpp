// SPDX-License-Identifier: Apache-2.0
#include "console/models/roles.h"
#include "console/models/words.h"
#include "console/views/callstable.h"
#include "console/views/requestspane.h"
#include "console/views/theme.h"
#include "tests/console/views/benchdesk.h"

#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QLineEdit>
#include <QSignalSpy>
#include <QStyleFactory>
#include <QTest>
#include <QTextEdit>
#include <QToolButton>
#include <QTranslator>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;
namespace wire = kav::protocol;

namespace {

const QString CallId = QStringLiteral("CA%1").arg(1, 32, 16, QLatin1Char('0'));

RequestRecord request(const BenchDesk& bench, int number)
{
    RequestRecord made;
    made.id = QStringLiteral("run-%1").arg(number, 4, 10, QLatin1Char('0'));
    made.at = bench.at(std::chrono::seconds(100 - number));
    made.method = QStringLiteral("POST");
    made.path = QStringLiteral("/webhook/call_status");
    made.peer = QStringLiteral("54.172.60.1");
    made.status = 204;
    made.bytesIn = 712;
    made.bytesOut = 64;
    made.took = 1900us;
    made.call = CallId;
    made.signature = {SignatureState::Valid, QStringLiteral("as requested"), {}, {}, true};
    made.parameters = {{QStringLiteral("CallStatus"), QStringLiteral("in-progress")},
        {QStringLiteral("From"), QStringLiteral("+972•••••4567")}};
    made.headers = {{QStringLiteral("user-agent"), QStringLiteral("TwilioProxy/1.1")}};
    return made;
}

RequestRecord wrong(const BenchDesk& bench, int number)
{
    RequestRecord made = request(bench, number);
    made.path = QStringLiteral("/webhook/incoming_call");
    made.status = 403;
    made.call.clear();
    made.reason = QStringLiteral("the signature does not match https://kav.example.com");
    made.signature = {SignatureState::Wrong, QStringLiteral("scheme"),
        QStringLiteral("http://kav.example.com/webhook/incoming_call"),
        QStringLiteral("https://kav.example.com/webhook/incoming_call"), true};
    made.notKept = 41;
    return made;
}

RequestRecord stream(const BenchDesk& bench, int number, bool isOver)
{
    RequestRecord made = request(bench, number);
    made.kind = RequestKind::Stream;
    made.method = QStringLiteral("GET");
    made.path = QStringLiteral("/media/(token)");
    made.status = 101;
    made.took = 400us;
    made.offered = made.given = QStringLiteral("audio.twilio.com");
    made.parameters.clear();
    if (isOver)
        made.end = ConnectionEnd{1000, true, QStringLiteral("bye"), 4700, 4400, 1'500'000, 1'400'000, 94s};
    return made;
}

/// A pane that is on screen, of a desk that is live, with a first page.
struct Shown final {
    Shown()
    {
        pane.resize(1100, 420);
        pane.show();
        bench.goLive(bench.empty());
        if (!QTest::qWaitFor([this] { return bench.last<wire::QueryRequests>() != nullptr; }))
            qFatal("the requests were not asked for");
    }
    void takes(const QList<RequestRecord>& requests, const QString& next = {})
    {
        bench.answer<wire::QueryRequests>(wire::CommandResult(wire::RequestPage{requests, next}));
    }
    QString cell(int row, int column) const
    {
        return withoutIsolates(table().model()->index(row, column).data().toString());
    }
    CallsTable& table() const { return *pane.findChild<CallsTable*>(); }
    QList<QCheckBox*> boxes() const { return pane.findChildren<QCheckBox*>(); }
    void selects(int row) const
    {
        QTest::mouseClick(
            table().viewport(), Qt::LeftButton, {}, table().visualRect(table().model()->index(row, 0)).center());
    }

    BenchDesk bench;
    RequestsPane pane{bench.desk};
};

} // namespace

/// The requests that came to the engine, as an operator reads them.
class TestRequestsPane final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion"))); }
    void init() { QTest::failOnWarning(AnyWarning); }
    void cleanup()
    {
        QApplication::setLayoutDirection(Qt::LeftToRight);
        QApplication::setPalette(QPalette());
    }

    void nothingIsAskedForWhileItIsHidden()
    {
        BenchDesk bench;
        RequestsPane pane(bench.desk);
        bench.goLive(bench.empty());
        QCoreApplication::processEvents();
        QVERIFY(!bench.last<wire::WatchRequests>());
        QVERIFY(!bench.last<wire::QueryRequests>());
        pane.show();
        QVERIFY(bench.last<wire::WatchRequests>());
        QTRY_VERIFY(bench.last<wire::QueryRequests>());
        pane.hide();
        QVERIFY(bench.last<wire::UnwatchRequests>());
    }

    void rowsTellWhatCame()
    {
        Shown shown;
        shown.takes({stream(shown.bench, 3, false), request(shown.bench, 2), wrong(shown.bench, 1)});
        QCOMPARE(shown.table().model()->rowCount(), 3);
        QCOMPARE(shown.cell(0, RequestsModel::Verdict), QStringLiteral("Valid"));
        QCOMPARE(shown.cell(0, RequestsModel::Status), QStringLiteral("101"));
        QCOMPARE(shown.cell(0, RequestsModel::Request), QStringLiteral("GET /media/(token)"));
        QCOMPARE(shown.cell(0, RequestsModel::Protocol), QStringLiteral("audio.twilio.com"));
        QCOMPARE(shown.cell(1, RequestsModel::Bytes), QStringLiteral("712 / 64"));
        QCOMPARE(shown.cell(1, RequestsModel::Took), QStringLiteral("1.9 ms"));
        QCOMPARE(shown.cell(2, RequestsModel::Verdict), QStringLiteral("Wrong"));
        QVERIFY(shown.table()
                    .model()
                    ->index(2, RequestsModel::Verdict)
                    .data(Qt::ToolTipRole)
                    .toString()
                    .contains(QStringLiteral("KAV_PUBLIC_URL")));
    }

    void newOnesComeByThemselvesAndAStreamGetsItsEnd()
    {
        Shown shown;
        shown.takes({stream(shown.bench, 3, false)});
        shown.selects(0);
        shown.bench.say(wire::Requests{{request(shown.bench, 5), request(shown.bench, 4)}, false});
        QCOMPARE(shown.table().model()->rowCount(), 3);
        QCOMPARE(shown.table().model()->index(0, 0).data(IdRole).toString(), QStringLiteral("run-0005"));
        QVERIFY(!shown.pane.detailText().contains(QStringLiteral("1000 bye")));
        shown.bench.say(wire::Requests{{stream(shown.bench, 3, true)}, false});
        QCOMPARE(shown.table().model()->rowCount(), 3);
        QVERIFY2(shown.pane.detailText().contains(QStringLiteral("1000 bye")), qPrintable(shown.pane.detailText()));
        // Some were missed: they are asked for.
        const auto asked = shown.bench.sent.size();
        shown.bench.say(wire::Requests{{request(shown.bench, 9)}, true});
        QTRY_VERIFY(shown.bench.sent.size() > asked);
        QVERIFY(std::holds_alternative<wire::QueryRequests>(shown.bench.sent.last()));
    }

    void filtersAreTheEngines()
    {
        Shown shown;
        shown.takes({request(shown.bench, 1)});
        shown.boxes().at(0)->click();
        QTRY_VERIFY(shown.bench.last<wire::QueryRequests>()->refused);
        shown.takes({wrong(shown.bench, 2)});
        QCOMPARE(shown.table().model()->rowCount(), 1);
        // What comes meanwhile and does not match is not shown.
        shown.bench.say(wire::Requests{{request(shown.bench, 5)}, false});
        QCOMPARE(shown.table().model()->rowCount(), 1);
        QTest::keyClicks(shown.pane.findChild<QLineEdit*>(), QStringLiteral("incoming"));
        QTRY_COMPARE(shown.bench.last<wire::QueryRequests>()->text, QStringLiteral("incoming"));
        shown.takes({});
        QCOMPARE(shown.table().emptyText(), QStringLiteral("No request matches."));
        // Of the call that is selected, and of the next one when the selection moves.
        shown.pane.setThisCallOnly(true);
        shown.bench.desk.selectCall(CallId);
        QTRY_COMPARE(shown.bench.last<wire::QueryRequests>()->call, CallId);
        shown.bench.desk.selectCall(QStringLiteral("CAother"));
        QTRY_COMPARE(shown.bench.last<wire::QueryRequests>()->call, QStringLiteral("CAother"));
    }

    void theDetailSaysWhatToDoAndIsCopiedAsText()
    {
        Shown shown;
        shown.takes({wrong(shown.bench, 1)});
        auto* copy = shown.pane.findChildren<QToolButton*>().last();
        QVERIFY(!copy->isEnabled());
        shown.selects(0);
        const QString text = shown.pane.findChild<QTextEdit*>()->toPlainText();
        QVERIFY2(withoutIsolates(text).contains(QStringLiteral(
                     "Twilio signed http://kav.example.com/webhook/incoming_call, and the engine takes")),
            qPrintable(text));
        QVERIFY(
            text.contains(QStringLiteral("41 refused requests only counted")) || text.contains(QStringLiteral("41")));
        QVERIFY(copy->isEnabled());
        copy->click();
        const QString copied = QApplication::clipboard()->text();
        QVERIFY2(copied.contains(QStringLiteral("From\t+972•••••4567")), qPrintable(copied));
        QVERIFY(copied.contains(QStringLiteral("KAV_PUBLIC_URL")));
        QVERIFY(!copied.contains(QChar(0x2066)));
    }

    void whatAPeerSendsIsNoMarkup()
    {
        Shown shown;
        RequestRecord evil = request(shown.bench, 1);
        evil.parameters = {{QStringLiteral("<b>x</b>"), QStringLiteral("<img src='file:///etc/passwd'>")}};
        shown.takes({evil});
        shown.selects(0);
        QVERIFY(shown.pane.findChild<QTextEdit*>()->toPlainText().contains(QStringLiteral("<img src=")));
    }

    void aRequestOpensItsCall()
    {
        Shown shown;
        QSignalSpy opened(&shown.pane, &RequestsPane::activated);
        shown.takes({request(shown.bench, 2), wrong(shown.bench, 1)});
        shown.table().setFocus();
        shown.selects(1);
        QTest::keyClick(&shown.table(), Qt::Key_Return);
        QCOMPARE(opened.size(), 0); // it is about no call
        shown.selects(0);
        QTest::keyClick(&shown.table(), Qt::Key_Return);
        QCOMPARE(opened.size(), 1);
        QCOMPARE(opened.first().first().toString(), CallId);
    }

    void whatCannotBeReadSaysWhy()
    {
        Shown shown;
        shown.bench.answer<wire::QueryRequests>(
            wire::CommandError{wire::ErrorCode::Unavailable, QStringLiteral("away")});
        QCOMPARE(shown.table().emptyText(), QStringLiteral("The requests could not be read."));
        const auto asked = shown.bench.sent.size();
        for (QToolButton* button : shown.pane.findChildren<QToolButton*>()) {
            if (button->text() == QStringLiteral("Try again"))
                button->click();
        }
        QTRY_VERIFY(shown.bench.sent.size() > asked);
        shown.takes({request(shown.bench, 1)});
        QCOMPARE(shown.table().model()->rowCount(), 1);
    }

    void itLooksRight_data()
    {
        QTest::addColumn<bool>("dark");
        QTest::addColumn<bool>("hebrew");
        QTest::newRow("light") << false << false;
        QTest::newRow("dark") << true << false;
        QTest::newRow("light-he") << false << true;
        QTest::newRow("dark-he") << true << true;
    }
    void itLooksRight()
    {
        QFETCH(const bool, dark);
        QFETCH(const bool, hebrew);
        QApplication::setPalette(Theme::palette(dark));
        QApplication::setLayoutDirection(hebrew ? Qt::RightToLeft : Qt::LeftToRight);
        QTranslator words;
        if (hebrew && words.load(QStringLiteral(KAV_HEBREW)))
            QCoreApplication::installTranslator(&words);
        Shown shown;
        QList<RequestRecord> requests;
        for (int i = 40; i > 0; --i) {
            requests += i % 9 == 4 ? wrong(shown.bench, i)
                : i % 5 == 2       ? stream(shown.bench, i, i % 2 == 0)
                                   : request(shown.bench, i);
        }
        requests[1] = wrong(shown.bench, 39);
        shown.takes(requests, QStringLiteral("more"));
        shown.selects(1);
        const QImage image =
            screenshot(shown.pane, QStringLiteral("requests-") + QLatin1String(QTest::currentDataTag()));
        QCOMPARE(image.pixelColor(image.width() / 2, 2).lightnessF() < 0.5F, dark);
        QCoreApplication::removeTranslator(&words);
    }
};

QTEST_MAIN(TestRequestsPane)
#include "tst_requestspane.moc"
