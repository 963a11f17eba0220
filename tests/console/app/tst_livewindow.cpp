// SPDX-License-Identifier: Apache-2.0
#include "console/app/deskstyle.h"
#include "console/app/mainwindow.h"
#include "console/models/roles.h"
#include "console/app/saveevidencedialog.h"
#include "console/views/testcalldialog.h"
#include "tests/console/app/engineprocess.h"
#include "tests/evidence/archives.h"

#include <QAction>
#include <QApplication>
#include <QCryptographicHash>
#include <QDir>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QTextEdit>

#include <optional>

using namespace kav;
using namespace kav::console;
using kav::test::EngineProcess;

namespace {

constexpr int Patience = kav::test::EngineProcess::Patience;

} // namespace

/// The whole desk against the whole engine: what an operator does on the first day.
class TstLiveWindow final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QApplication::setStyle(new DeskStyle);
        QDir().mkpath(QStringLiteral(KAV_BINARY_DIR "/screenshots"));
    }

    void aTestCallIsPlacedWatchedInterruptedEndedAndFoundInTheLog()
    {
        QTemporaryDir folder;
        EngineProcess engine(folder.filePath(QStringLiteral("engine")));
        QVERIFY2(!engine.address.isEmpty(), "the engine did not start");

        Translations translations;
        translations.speak(QStringLiteral("en"));
        Colours colours;
        colours.show(Appearance::Light);
        Settings settings(folder.filePath(QStringLiteral("settings.ini")));
        TokenStore tokens(folder.filePath(QStringLiteral("tokens.json")));
        const SystemClock clock;
        Desk desk(QStringLiteral("kav-console test"), clock, [] { return 0.5; });
        EngineChooser chooser(desk, settings, tokens);
        MainWindow window(desk, settings, translations, colours, chooser);
        window.open();
        window.resize(1440, 900);
        const auto action = [&window](const char* name) { return window.findChild<QAction*>(QLatin1String(name)); };
        action("resetLayout")->trigger();
        QStringList failures;
        connect(&desk, &Desk::failed, this,
            [&failures](Desk::Act, const QString&, const QString& sentence) { failures += sentence; });

        // Connect.
        CommandLine line;
        line.url = QStringLiteral("ws://%1/console").arg(engine.address);
        line.operatorName = QStringLiteral("Dana");
        chooser.begin(line, &window);
        QTRY_VERIFY_WITH_TIMEOUT(desk.isLive(), Patience);
        QTRY_VERIFY_WITH_TIMEOUT(desk.services().engine().ready, Patience);
        QTRY_VERIFY_WITH_TIMEOUT(action("testCall")->isEnabled(), Patience);

        // Place a test call by the dialog.
        QList<CallState> states;
        connect(&desk.synchronizer(), &Synchronizer::callChanged, this, [&states](const CallSummary& call) {
            if (states.isEmpty() || states.last() != call.state)
                states += call.state;
        });
        QSignalSpy placed(&desk, &Desk::testCallStarted);
        action("testCall")->trigger();
        auto* const dialog = window.findChild<TestCallDialog*>();
        QVERIFY(dialog);
        auto* const typed = dialog->findChild<QTextEdit*>();
        QVERIFY(typed);
        typed->setPlainText(
            QStringLiteral("leave a message\nplease call me back tomorrow\nfive five five one two three four"));
        QPushButton* place = nullptr;
        const auto buttons = dialog->findChildren<QPushButton*>();
        for (QPushButton* button : buttons) {
            if (button->text() == QLatin1String("&Place the call"))
                place = button;
        }
        QVERIFY(place);
        QTRY_VERIFY_WITH_TIMEOUT(place->isEnabled(), Patience);
        place->click();
        QTRY_COMPARE_WITH_TIMEOUT(placed.size(), 1, Patience);
        const QString id = placed.first().first().toString();
        QTRY_COMPARE_WITH_TIMEOUT(desk.selectedCall(), id, Patience);
        dialog->close();

        // Watch it: the agent speaks, listens, thinks about what it heard, and answers.
        const auto seen = [&states](CallState state) { return states.contains(state); };
        QTRY_VERIFY_WITH_TIMEOUT(seen(CallState::Listening), Patience);
        QTRY_VERIFY_WITH_TIMEOUT(seen(CallState::CallerSpeaking), Patience);
        QTRY_VERIFY_WITH_TIMEOUT(seen(CallState::Thinking), Patience);
        const auto stateNow = [&] {
            const auto call = desk.liveCalls().call(id);
            return call ? call->state : CallState::Ended;
        };
        QTRY_VERIFY_WITH_TIMEOUT(
            states.mid(states.indexOf(CallState::Thinking)).contains(CallState::Speaking), Patience);
        QTRY_VERIFY_WITH_TIMEOUT(desk.transcript().rowCount() >= 2, Patience);
        QVERIFY(desk.liveCalls().call(id)->test);
        QVERIFY2(failures.isEmpty(), qPrintable(failures.join(QLatin1Char('\n'))));

        // Interrupt the agent while it speaks.
        const auto hasHeardAnAnswer = [&desk] {
            const int rows = desk.transcript().rowCount();
            return rows >= 2
                && !desk.transcript()
                        .index(rows - 1, 0)
                        .data(ItemRole)
                        .value<TranscriptTurn>()
                        .record.heardText.isEmpty();
        };
        QTRY_VERIFY_WITH_TIMEOUT(
            stateNow() == CallState::Speaking && action("interrupt")->isEnabled() && hasHeardAnAnswer(), Patience);
        shoot(window, "live-en");
        QSignalSpy done(&desk, &Desk::done);
        action("interrupt")->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(done.size(), 1, Patience);
        QCOMPARE(done.first().first().value<Desk::Act>(), Desk::Act::Interrupt);
        QTRY_VERIFY_WITH_TIMEOUT(hasInterruptedTurn(desk.transcript()), Patience);

        action("language-he")->trigger();
        QTRY_COMPARE(window.layoutDirection(), Qt::RightToLeft);
        shoot(window, "live-he");
        action("language-en")->trigger();
        QTRY_COMPARE(window.layoutDirection(), Qt::LeftToRight);

        // End it. No person is on the line, so nothing is asked.
        QTRY_VERIFY_WITH_TIMEOUT(action("endCall")->isEnabled(), Patience);
        action("endCall")->trigger();
        QTRY_COMPARE_WITH_TIMEOUT(done.size(), 2, Patience);
        QTRY_COMPARE_WITH_TIMEOUT(stateNow(), CallState::Ended, Patience);
        QCOMPARE(desk.liveCalls().call(id)->reason, EndReason::OperatorEnded);
        QTRY_VERIFY_WITH_TIMEOUT(!action("endCall")->isEnabled(), Patience);

        // Find it in the log.
        const auto rowOfLog = [&]() -> std::optional<CallLogRow> {
            for (int row = 0; row < desk.log().rowCount(); ++row) {
                const auto found = desk.log().index(row, 0).data(ItemRole).value<CallLogRow>();
                if (found.id == id)
                    return found;
            }
            return std::nullopt;
        };
        QTRY_VERIFY_WITH_TIMEOUT(rowOfLog() && rowOfLog()->endedAt.isValid(), Patience);
        QCOMPARE(rowOfLog()->reason, EndReason::OperatorEnded);
        QVERIFY(rowOfLog()->test);
        QVERIFY(rowOfLog()->turns >= 2);

        // Keep what shows it.
        QTRY_VERIFY_WITH_TIMEOUT(action("saveEvidence")->isEnabled(), Patience);
        action("saveEvidence")->trigger();
        auto* const where = window.findChild<SaveEvidenceDialog*>();
        QVERIFY(where);
        const QString zip = folder.filePath(QStringLiteral("evidence.zip"));
        where->findChild<QLineEdit*>(QStringLiteral("evidencePath"))->setText(zip);
        where->findChild<QPushButton*>(QStringLiteral("evidenceSave"))->click();
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(zip) || !failures.isEmpty(), Patience);
        QVERIFY2(failures.isEmpty(), qPrintable(failures.join(QLatin1Char('\n'))));
        shoot(window, "live-evidence");
        const auto files = kav::test::filesInArchive(zip);
        const QString top = QStringLiteral("kav-evidence-%1/").arg(id);
        const QByteArrayList sums = files.value(top + QStringLiteral("SHA256SUMS")).split('\n');
        QVERIFY2(sums.size() > 7, "the manifest and what it names");
        for (const QByteArray& sum : sums) {
            if (sum.isEmpty())
                continue;
            const QByteArray bytes = files.value(top + QString::fromUtf8(sum.mid(66)));
            QCOMPARE(QCryptographicHash::hash(bytes, QCryptographicHash::Sha256).toHex(), sum.left(64));
        }
        QVERIFY(files.value(top + QStringLiteral("index.html")).contains(id.toLatin1()));
        QVERIFY(files.value(top + QStringLiteral("waveform.png")).startsWith("\x89PNG"));
        QVERIFY2(failures.isEmpty(), qPrintable(failures.join(QLatin1Char('\n'))));
        window.close();
    }

private:
    static void shoot(MainWindow& window, const char* name)
    {
        QCoreApplication::processEvents(); // what was changed is laid out
        QVERIFY(window.grab().save(QStringLiteral(KAV_BINARY_DIR "/screenshots/%1.png").arg(QLatin1String(name))));
    }
    static bool hasInterruptedTurn(const TranscriptModel& transcript)
    {
        for (int row = 0; row < transcript.rowCount(); ++row) {
            if (transcript.index(row, 0).data(ItemRole).value<TranscriptTurn>().record.interrupted)
                return true;
        }
        return false;
    }
};

QTEST_MAIN(TstLiveWindow)
#include "tst_livewindow.moc"
