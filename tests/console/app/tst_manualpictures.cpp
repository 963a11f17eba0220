// SPDX-License-Identifier: Apache-2.0
#include "console/app/deskstyle.h"
#include "console/app/endcallquestion.h"
#include "console/app/mainwindow.h"
#include "console/app/passonquestion.h"
#include "console/models/roles.h"
#include "console/views/calllogpane.h"
#include "console/views/connectdialog.h"
#include "console/views/latencyview.h"
#include "console/views/placecalldialog.h"
#include "console/views/requestspane.h"
#include "console/views/servicebar.h"
#include "console/views/testcalldialog.h"
#include "tests/console/app/engineprocess.h"

#include <QAction>
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QDockWidget>
#include <QFile>
#include <QLineEdit>
#include <QListWidget>
#include <QSignalSpy>
#include <QTableView>
#include <QTemporaryDir>
#include <QTest>
#include <QTextEdit>
#include <QToolButton>

#include <optional>

using namespace kav;
using namespace kav::console;
using kav::test::EngineProcess;

namespace {

constexpr int LongPatience = 60000; // speech is recognised on a machine that may be busy
const QString ManualToken = QStringLiteral("8c1f0a5e2b7d4e6f9a0b1c2d");

} // namespace

/// The pictures of docs/console.md: the real window, a real engine, live calls. `update-screenshots` takes them over
/// into docs/screenshots; here it is held that each can be taken, shows what it is to show, and is small.
class TstManualPictures final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QApplication::setStyle(new DeskStyle);
        QVERIFY(QDir().mkpath(QStringLiteral(KAV_BINARY_DIR "/screenshots/manual")));
        QVERIFY(m_folder.isValid());
        m_translations.speak(QStringLiteral("en"));
        m_colours.show(Appearance::Light);
        write("silent.script", "wait-end within 600s\n");
        // Nobody hangs up while pictures are taken.
        write("message.script",
            "wait-agent-speaking within 60s\n"
            "wait-agent-silent for 700ms within 60s\n"
            "say \"leave a message\"\n"
            "wait-agent-speaking within 60s\n"
            "wait-agent-silent for 700ms within 60s\n"
            "say \"please call me back tomorrow morning\"\n"
            "wait-end within 600s\n");
        write("kav.toml",
            "[persona.default]\n"
            "tools = [\"transfer\"]\n"
            "[persona.default.transfer]\n"
            "sales = \"+97231234001\"\n"
            "manager = \"+97231234002\"\n");
    }

    void takesThePicturesOfTheManual()
    {
        EngineProcess engine(m_folder.filePath(QStringLiteral("engine")),
            {{QStringLiteral("KAV_CONFIG"), m_folder.filePath(QStringLiteral("kav.toml"))},
                {QStringLiteral("KAV_PUBLIC_URL"), QStringLiteral("https://voice.example.com")},
                {QStringLiteral("TWILIO_AUTH_TOKEN"), QStringLiteral("secret-of-the-account")},
                {QStringLiteral("KAV_CONSOLE_TOKENS"), QString(QStringLiteral("alice:") + ManualToken)},
                // A voice in the cloud that cannot be reached: the embedded one speaks, and a lamp tells of it.
                {QStringLiteral("KAV_TTS"), QStringLiteral("elevenlabs,embedded")},
                {QStringLiteral("ELEVENLABS_API_KEY"), QStringLiteral("key")},
                {QStringLiteral("KAV_ELEVENLABS_URL"), QStringLiteral("http://127.0.0.1:9")}});
        QVERIFY2(!engine.address.isEmpty(), "the engine did not start");
        Desktop desktop(*this);

        // Connecting.
        desktop.chooser.ask(&desktop.window);
        auto* const connecting = desktop.window.findChild<ConnectDialog*>();
        QVERIFY(connecting);
        connecting->findChild<QComboBox*>()->setEditText(QStringLiteral("voice.example.com"));
        const auto fields = connecting->findChildren<QLineEdit*>();
        for (QLineEdit* field : fields) {
            if (field->echoMode() == QLineEdit::Password)
                field->setText(ManualToken);
            else if (field->maxLength() == 64)
                field->setText(QStringLiteral("Alice"));
        }
        shoot(*connecting, "connect");
        connecting->close();
        desktop.connectTo(engine.address);
        QTRY_VERIFY_WITH_TIMEOUT(desktop.desk.isLive(), LongPatience);
        QTRY_VERIFY_WITH_TIMEOUT(desktop.desk.services().engine().ready, LongPatience);

        // What came before: two callers who soon hung up, and requests with a signature for another address.
        const auto callFrom = [&engine](const char* number, const QStringList& more, const char* publicUrl) {
            QString host = engine.address;
            engine.call(
                QStringList{QStringLiteral("--from"), QLatin1String(number), QStringLiteral("--to-number"),
                    QStringLiteral("+97231234567"), QStringLiteral("--public-url"), QLatin1String(publicUrl),
                    QStringLiteral("--connect-to"), host, QStringLiteral("--field"), QStringLiteral("KavTest=0")}
                + more);
        };
        constexpr const char* Right = "https://voice.example.com";
        callFrom("+972521110011", {QStringLiteral("--longest"), QStringLiteral("4")}, Right);
        callFrom("+972541110022", {QStringLiteral("--longest"), QStringLiteral("7")}, Right);
        callFrom("+972501110033", {}, "http://voice.example.com");
        QTRY_VERIFY_WITH_TIMEOUT(engine.callsAreOver(), LongPatience);
        QTRY_COMPARE_WITH_TIMEOUT(desktop.desk.liveCalls().liveCount(), 0, LongPatience);
        QTRY_VERIFY_WITH_TIMEOUT(desktop.desk.log().rowCount() >= 2, LongPatience);

        // The call that is followed.
        callFrom(
            "+972521234567", {QStringLiteral("--script"), m_folder.filePath(QStringLiteral("message.script"))}, Right);
        QTRY_VERIFY_WITH_TIMEOUT(!(m_call = desktop.callFromNumberEnding("67")).isEmpty(), LongPatience);
        desktop.desk.selectCall(m_call);
        QTRY_VERIFY_WITH_TIMEOUT(desktop.desk.transcript().rowCount() >= 2, LongPatience);
        callFrom(
            "+972541230099", {QStringLiteral("--script"), m_folder.filePath(QStringLiteral("silent.script"))}, Right);
        QTRY_COMPARE_WITH_TIMEOUT(desktop.desk.liveCalls().liveCount(), 2, LongPatience);
        QTRY_VERIFY_WITH_TIMEOUT(
            desktop.desk.transcript().rowCount() >= 3 && desktop.agentIsHeard(m_call), LongPatience);
        shoot(desktop.window, "window");
        desktop.action("appearance-dark")->trigger();
        shoot(desktop.window, "window-dark");
        desktop.action("appearance-light")->trigger();
        desktop.action("language-he")->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(desktop.window.layoutDirection(), Qt::RightToLeft, LongPatience);
        shoot(desktop.window, "window-he");
        desktop.action("language-en")->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(desktop.window.layoutDirection(), Qt::LeftToRight, LongPatience);
        auto* const latency = desktop.window.findChild<LatencyView*>();
        QVERIFY(latency);
        latency->setShowsNumbers(true);
        shootWide(*desktop.dock("callDock"), {1000, 560}, *latency, "latency");
        latency->setShowsNumbers(false);

        // Stepping in.
        QTRY_VERIFY_WITH_TIMEOUT(desktop.action("passOn")->isEnabled(), LongPatience);
        desktop.action("passOn")->trigger();
        auto* const passing = desktop.window.findChild<PassOnQuestion*>();
        QVERIFY(passing);
        passing->findChild<QListWidget*>()->setCurrentRow(0);
        shoot(*passing, "pass-on");
        passing->close();
        QTRY_VERIFY_WITH_TIMEOUT(desktop.action("endCall")->isEnabled(), LongPatience);
        desktop.action("endCall")->trigger();
        auto* const ending = desktop.window.findChild<EndCallQuestion*>();
        QVERIFY2(ending, "a person is on the line, and nothing is asked");
        shoot(*ending, "end-call");
        ending->close();
        desktop.action("testCall")->trigger();
        auto* const testing = desktop.window.findChild<TestCallDialog*>();
        QVERIFY(testing);
        testing->findChild<QTextEdit*>()->setPlainText(
            QStringLiteral("leave a message\nplease call me back tomorrow\nfive five five one two three four"));
        shoot(*testing, "test-call");
        testing->close();

        // The lamp of the voice that cannot be reached.
        auto* const services = desktop.window.findChild<ServiceBar*>();
        auto* const lamp = services->findChild<QToolButton*>(QStringLiteral("tts"));
        QVERIFY(lamp);
        lamp->click();
        auto* const popup = services->findChild<QFrame*>({}, Qt::FindDirectChildrenOnly);
        QVERIFY(popup && popup->isVisible());
        shoot(*popup, "lamp");
        popup->close();

        // The request that was refused.
        desktop.action("goRequests")->trigger();
        auto* const requests = desktop.window.findChild<RequestsPane*>();
        auto* const table = requests->findChild<QTableView*>();
        const auto refused = [&]() -> int {
            for (int row = 0; row < table->model()->rowCount(); ++row) {
                const auto request = table->model()->index(row, 0).data(ItemRole).value<RequestRecord>();
                if (request.signature.state == SignatureState::Wrong && !request.signature.signedUrl.isEmpty())
                    return row;
            }
            return -1;
        };
        QTRY_VERIFY_WITH_TIMEOUT(refused() >= 0, LongPatience);
        table->selectRow(refused());
        QTRY_VERIFY_WITH_TIMEOUT(requests->detailText().contains(QLatin1String("KAV_PUBLIC_URL")), LongPatience);
        shootWide(*desktop.dock("requestsDock"), {1000, 420}, *requests, "requests");

        // The log, by words that somebody said.
        desktop.action("goLog")->trigger();
        auto* const log = desktop.window.findChild<CallLogPane*>();
        auto* const filter = log->findChild<QLineEdit*>();
        QVERIFY(desktop.desk.log().rowCount() >= 3);
        log->focusFilter();
        // Only this caller got so far.
        const QString said =
            desktop.desk.transcript().index(1, 0).data(ItemRole).value<TranscriptTurn>().record.agentText;
        QTest::keyClicks(filter, said.left(40).section(QLatin1Char(' '), 2, 5));
        QTRY_COMPARE_WITH_TIMEOUT(desktop.desk.log().rowCount(), 1, LongPatience);
        shoot(*desktop.dock("logDock"), "call-log");

        // The line breaks.
        engine.kill();
        QTRY_VERIFY_WITH_TIMEOUT(!desktop.desk.isLive(), LongPatience);
        QTRY_VERIFY_WITH_TIMEOUT(!desktop.desk.linkSentence().isEmpty(), LongPatience);
        desktop.desk.liveCalls().flush();
        shoot(desktop.window, "line-lost");
    }

    void takesThePictureOfACallToANumber()
    {
        // Kav's own caller has an account of its own, so this engine, which knows its account, gets no call.
        EngineProcess engine(m_folder.filePath(QStringLiteral("calling")),
            {{QStringLiteral("KAV_PUBLIC_URL"), QStringLiteral("https://voice.example.com")},
                {QStringLiteral("TWILIO_ACCOUNT_SID"), QStringLiteral("AC0123456789abcdef0123456789abcdef")},
                {QStringLiteral("TWILIO_AUTH_TOKEN"), QStringLiteral("secret-of-the-account")},
                {QStringLiteral("KAV_TWILIO_NUMBER"), QStringLiteral("+97231234567")},
                {QStringLiteral("KAV_TWILIO_API_URL"), QStringLiteral("http://127.0.0.1:9")},
                {QStringLiteral("KAV_OUTBOUND_ALLOW"), QStringLiteral("+97250*")},
                {QStringLiteral("KAV_CONSOLE_TOKENS"), QString(QStringLiteral("alice:") + ManualToken)}});
        QVERIFY2(!engine.address.isEmpty(), "the engine did not start");
        Desktop desktop(*this);
        desktop.connectTo(engine.address);
        QTRY_VERIFY_WITH_TIMEOUT(desktop.desk.isLive(), LongPatience);
        QTRY_VERIFY_WITH_TIMEOUT(desktop.desk.services().engine().ready, LongPatience);
        QTRY_VERIFY_WITH_TIMEOUT(desktop.action("placeCall")->isEnabled(), LongPatience);
        desktop.action("placeCall")->trigger();
        auto* const placing = desktop.window.findChild<PlaceCallDialog*>();
        QVERIFY(placing);
        QTest::keyClicks(placing->findChild<QLineEdit*>(), QStringLiteral("+972501234567"));
        placing->findChild<QCheckBox*>()->setChecked(true);
        shoot(*placing, "call-a-number");
    }

private:
    /// What main() makes, as at the first start.
    struct Desktop final {
        explicit Desktop(TstManualPictures& test)
            : settings(test.m_folder.filePath(QStringLiteral("settings.ini")))
            , tokens(test.m_folder.filePath(QStringLiteral("tokens.json")))
            , desk(QStringLiteral("kav-console manual"), clock, [] { return 0.5; })
            , chooser(desk, settings, tokens)
            , window(desk, settings, test.m_translations, test.m_colours, chooser)
        {
            window.open(true);
            window.resize(1280, 800);
            action("resetLayout")->trigger();
        }
        ~Desktop() { window.close(); }

        void connectTo(const QString& address)
        {
            CommandLine line;
            line.url = QStringLiteral("ws://%1/console").arg(address);
            line.token = ManualToken;
            line.operatorName = QStringLiteral("alice");
            chooser.begin(line, &window);
        }
        QAction* action(const char* name) const { return window.findChild<QAction*>(QLatin1String(name)); }
        QDockWidget* dock(const char* name) const { return window.findChild<QDockWidget*>(QLatin1String(name)); }
        /// The id of the live one; empty: there is none.
        QString callFromNumberEnding(const char* digits)
        {
            for (int row = 0; row < desk.liveCalls().rowCount(); ++row) {
                const auto call = desk.liveCalls().index(row, 0).data(ItemRole).value<CallSummary>();
                if (call.state != CallState::Ended && call.from.endsWith(QLatin1String(digits)))
                    return call.id;
            }
            return {};
        }
        /// The agent speaks in this call, and some of it was heard.
        bool agentIsHeard(const QString& id)
        {
            const auto call = desk.liveCalls().call(id);
            const int last = desk.transcript().rowCount() - 1;
            return call && call->state == CallState::Speaking && last >= 0
                && !desk.transcript().index(last, 0).data(ItemRole).value<TranscriptTurn>().record.heardText.isEmpty();
        }

        const SystemClock clock;
        Settings settings;
        TokenStore tokens;
        Desk desk;
        EngineChooser chooser;
        MainWindow window;
    };

    static void shoot(QWidget& widget, const char* name)
    {
        for (int round = 0; round < 10;
             ++round) // what was changed is laid out: widgets, then layouts, from the inside out
            QCoreApplication::processEvents();
        const QString path = QStringLiteral(KAV_BINARY_DIR "/screenshots/manual/%1.png").arg(QLatin1String(name));
        QVERIFY(widget.grab().toImage().convertToFormat(QImage::Format_RGB888).save(path, "PNG", 0)); // 0: smallest
        const qint64 size = QFileInfo(path).size();
        QVERIFY2(size < 150 * 1024, qPrintable(QStringLiteral("%1: %2 bytes").arg(path).arg(size)));
    }

    /// Part of a pane that floats, and has the room.
    static void shootWide(QDockWidget& dock, const QSize& size, QWidget& part, const char* name)
    {
        dock.setFloating(true);
        dock.resize(size);
        shoot(part, name);
        dock.setFloating(false);
    }

    void write(const char* name, const char* content)
    {
        QFile file(m_folder.filePath(QLatin1String(name)));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(content);
    }

    QTemporaryDir m_folder;
    Translations m_translations;
    Colours m_colours;
    QString m_call;
};

QTEST_MAIN(TstManualPictures)
#include "tst_manualpictures.moc"
