// SPDX-License-Identifier: Apache-2.0
#include "console/views/connectdialog.h"
#include "console/views/placecalldialog.h"
#include "console/views/testcalldialog.h"
#include "tests/console/views/benchdesk.h"

#include <QAbstractButton>
#include <QCheckBox>
#include <QComboBox>
#include <QDropEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QTextEdit>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

QString visibleWords(const QWidget& widget)
{
    QStringList words;
    for (const QLabel* label : widget.findChildren<QLabel*>()) {
        if (label->isVisible())
            words += label->text();
    }
    return words.join(QLatin1Char('|'));
}

QAbstractButton* pushButton(const QWidget& widget, const char* word)
{
    for (QAbstractButton* button : widget.findChildren<QAbstractButton*>()) {
        if (button->isVisible() && button->text().remove(QLatin1Char('&')).contains(QLatin1String(word)))
            return button;
    }
    return nullptr;
}

/// A second of 16-bit silence at 8 kHz.
QByteArray usableWav()
{
    QByteArray wav = QByteArray::fromHex("52494646a43e000057415645666d7420100000000100010040"
                                         "1f0000803e0000020010006461746180 3e0000");
    return wav + QByteArray(16000, '\0');
}

QString written(const QTemporaryDir& folder, const char* name, const QByteArray& bytes)
{
    QFile file(folder.filePath(QLatin1String(name)));
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size())
        qFatal("the file could not be written");
    return file.fileName();
}

} // namespace

class TestDialogs final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(AnyWarning); }

    // ---- a number

    void aNumberIsCheckedWhileItIsTyped_data()
    {
        QTest::addColumn<QString>("typed");
        QTest::addColumn<QString>("words");
        QTest::newRow("as people write it") << QStringLiteral("+972 50-123 4567") << QStringLiteral("will be called");
        QTest::newRow("no country") << QStringLiteral("0501234567") << QStringLiteral("begins with +");
        QTest::newRow("letters") << QStringLiteral("+97250CALLME") << QStringLiteral("digits only");
        QTest::newRow("an emergency number") << QStringLiteral("+972100") << QStringLiteral("never called");
        QTest::newRow("too long") << QStringLiteral("+9725012345678901") << QStringLiteral("too long");
    }

    void aNumberIsCheckedWhileItIsTyped()
    {
        QFETCH(QString, typed);
        QFETCH(QString, words);
        BenchDesk bench;
        bench.goLive(BenchDesk::empty());
        PlaceCallDialog dialog(bench.desk);
        dialog.show();
        QTest::keyClicks(dialog.findChild<QLineEdit*>(), typed);
        QVERIFY2(visibleWords(dialog).contains(words), qPrintable(visibleWords(dialog)));
        dialog.findChild<QCheckBox*>()->click();
        QCOMPARE(pushButton(dialog, "Call")->isEnabled(), words == QLatin1String("will be called"));
    }

    void nothingIsCalledBeforeItIsAgreedTo()
    {
        BenchDesk bench;
        protocol::Snapshot state = BenchDesk::empty();
        state.engine.personas = {QStringLiteral("desk"), QStringLiteral("night")};
        bench.goLive(state);
        PlaceCallDialog dialog(bench.desk);
        dialog.show();
        auto* const number = dialog.findChild<QLineEdit*>();
        QTest::keyClicks(number, QStringLiteral("+972501234567"));
        auto* const call = pushButton(dialog, "Call");
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("costs money")));
        QVERIFY(!call->isEnabled());
        QTest::keyClick(number, Qt::Key_Return);
        QVERIFY(!bench.last<protocol::PlaceCall>());
        dialog.findChild<QCheckBox*>()->click();
        QVERIFY(call->isEnabled());
        // It was agreed to for that number alone.
        QTest::keyClicks(number, QStringLiteral("8"));
        QVERIFY(!call->isEnabled());
        QTest::keyClick(number, Qt::Key_Backspace);
        dialog.findChild<QCheckBox*>()->click();
        const auto boxes = dialog.findChildren<QComboBox*>();
        QCOMPARE(boxes.size(), 2);
        boxes[0]->setCurrentIndex(2);
        boxes[1]->setCurrentIndex(2);
        screenshot(dialog, QStringLiteral("call-a-number"));
        call->click();
        const auto* const sent = bench.last<protocol::PlaceCall>();
        QVERIFY(sent);
        QCOMPARE(sent->to, QStringLiteral("+972501234567"));
        QCOMPARE(sent->persona, QStringLiteral("night"));
        QCOMPARE(sent->detection, protocol::Detection::AwaitBeep);
        QVERIFY(!call->isEnabled()); // once
    }

    void aPlacedCallIsFollowedFromTheQueueToItsEnd()
    {
        BenchDesk bench;
        bench.goLive(BenchDesk::empty());
        PlaceCallDialog dialog(bench.desk);
        QSignalSpy answered(&dialog, &PlaceCallDialog::callAnswered);
        dialog.show();
        QTest::keyClicks(dialog.findChild<QLineEdit*>(), QStringLiteral("+972501234567"));
        dialog.findChild<QCheckBox*>()->click();
        pushButton(dialog, "Call")->click();
        const QString placing = QStringLiteral("OUT1"), sid = QStringLiteral("CA1");
        bench.answer<protocol::PlaceCall>(protocol::CommandResult(protocol::CallPlaced{placing}));
        CallSummary call = bench.call(placing, CallState::Queued, 1s, 1s);
        call.placed = placing;
        call.direction = QStringLiteral("outbound-api");
        bench.change({protocol::CallChange{call}});
        QVERIFY2(visibleWords(dialog).contains(QStringLiteral("Waiting to call")), qPrintable(visibleWords(dialog)));
        call.id = sid;
        for (const auto& [state, words] :
            {std::pair(CallState::Dialling, "Dialling"), {CallState::Ringing, "Ringing"}}) {
            call.state = state;
            bench.change({protocol::CallGone{placing}, protocol::CallChange{call}});
            QVERIFY2(visibleWords(dialog).contains(QLatin1String(words)), qPrintable(visibleWords(dialog)));
        }
        screenshot(dialog, QStringLiteral("call-a-number-rings"));
        QCOMPARE(answered.size(), 0);
        auto* const giveUp = pushButton(dialog, "Give up");
        QVERIFY(giveUp && giveUp->isEnabled());
        giveUp->click();
        QVERIFY(bench.last<protocol::EndCall>());
        QCOMPARE(bench.last<protocol::EndCall>()->call, sid);
        call.state = CallState::Ended;
        call.reason = EndReason::OperatorEnded;
        call.endedAt = bench.at();
        bench.change({protocol::CallChange{call}});
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("Operator ended it")));
        QVERIFY(pushButton(dialog, "another number"));
    }

    void whyACallCouldNotBePlacedIsSaid()
    {
        BenchDesk bench;
        bench.goLive(BenchDesk::empty());
        PlaceCallDialog dialog(bench.desk);
        dialog.show();
        QTest::keyClicks(dialog.findChild<QLineEdit*>(), QStringLiteral("+972521234567"));
        dialog.findChild<QCheckBox*>()->click();
        pushButton(dialog, "Call")->click();
        bench.answer<protocol::PlaceCall>(protocol::CommandError{
            protocol::ErrorCode::NotPossible, QStringLiteral("+97252*****67 is not in outbound.allow")});
        QVERIFY2(visibleWords(dialog).contains(QStringLiteral("outbound.allow")), qPrintable(visibleWords(dialog)));
        QVERIFY(dialog.placed().isEmpty());
    }

    // ---- connection

    void anAddressIsCheckedWhileItIsTyped()
    {
        ConnectDialog dialog({}, {QStringLiteral("localhost"), QStringLiteral("wss://kav.example.com")});
        dialog.show();
        auto* url = dialog.findChild<QComboBox*>();
        const auto* connectButton = pushButton(dialog, "Connect");
        QVERIFY(connectButton);
        QCOMPARE(url->count(), 2);
        QVERIFY(!connectButton->isEnabled());
        QTest::keyClicks(url->lineEdit(), QStringLiteral("ws://kav.example.com"));
        QVERIFY(!connectButton->isEnabled());
        QVERIFY2(visibleWords(dialog).contains(QStringLiteral("encrypted")), qPrintable(visibleWords(dialog)));
        QVERIFY(connectButton->toolTip().contains(QStringLiteral("encrypted")));
        url->lineEdit()->clear();
        QTest::keyClicks(url->lineEdit(), QStringLiteral("localhost:5000"));
        QVERIFY(connectButton->isEnabled());
        QVERIFY2(visibleWords(dialog).contains(QStringLiteral("ws://")), qPrintable(visibleWords(dialog)));
    }

    void theTokenIsNeverShown()
    {
        const ConnectDialog dialog(
            {QStringLiteral("localhost"), QStringLiteral("s3cret"), QStringLiteral("Dana"), false}, {});
        for (const QLineEdit* edit : dialog.findChildren<QLineEdit*>()) {
            if (edit->text() == QStringLiteral("s3cret"))
                QCOMPARE(edit->echoMode(), QLineEdit::Password);
            QVERIFY(!edit->accessibleName().contains(QStringLiteral("s3cret")));
        }
        QVERIFY(!visibleWords(dialog).contains(QStringLiteral("s3cret")));
    }

    void givesBackWhatWasTyped()
    {
        ConnectDialog dialog(
            {QStringLiteral(" localhost "), QStringLiteral("t1"), QStringLiteral(" Dana "), false}, {});
        QCOMPARE(dialog.values().url, QStringLiteral("localhost"));
        QCOMPARE(dialog.values().token, QStringLiteral("t1"));
        QCOMPARE(dialog.values().operatorName, QStringLiteral("Dana"));
        QVERIFY(!dialog.values().remember);
        dialog.findChild<QCheckBox*>()->click();
        QVERIFY(dialog.values().remember);
    }

    // ---- test call

    void aTestCallNeedsSomethingToSay()
    {
        BenchDesk bench;
        TestCallDialog dialog(bench.desk);
        dialog.show();
        QVERIFY(!pushButton(dialog, "Place the call")->isEnabled());
        QVERIFY(visibleWords(dialog).contains(bench.desk.whyNot(Desk::Act::TestCall)));
        bench.goLive(BenchDesk::empty());
        QVERIFY(!pushButton(dialog, "Place the call")->isEnabled());
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("Type what the caller says")));
        dialog.findChild<QTextEdit*>()->setPlainText(QStringLiteral("\n   \n"));
        QVERIFY(!pushButton(dialog, "Place the call")->isEnabled());
        dialog.findChild<QTextEdit*>()->setPlainText(QStringLiteral("Hello\n\n  An   appointment "));
        QVERIFY(pushButton(dialog, "Place the call")->isEnabled());
        QVERIFY2(visibleWords(dialog).contains(QStringLiteral("says 2 line")), qPrintable(visibleWords(dialog)));
    }

    void keysAreKeysOfATelephone()
    {
        BenchDesk bench;
        bench.goLive(BenchDesk::empty());
        TestCallDialog dialog(bench.desk);
        dialog.show();
        auto* keys = dialog.findChild<QLineEdit*>();
        QTest::keyClicks(keys, QStringLiteral("1a2 -3*x#"));
        QCOMPARE(keys->text(), QStringLiteral("123*#"));
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("123*#")));
        QVERIFY(pushButton(dialog, "Place the call")->isEnabled());
    }

    void tabLeavesTheBoxOfLines()
    {
        BenchDesk bench;
        TestCallDialog dialog(bench.desk);
        dialog.show();
        dialog.activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(&dialog));
        auto* lines = dialog.findChild<QTextEdit*>();
        lines->setFocus();
        QTest::keyClick(lines, Qt::Key_Tab);
        QVERIFY(!lines->hasFocus());
        QVERIFY(lines->toPlainText().isEmpty());
    }

    void aFileIsCheckedBeforeItIsSent()
    {
        BenchDesk bench;
        bench.goLive(BenchDesk::empty());
        QTemporaryDir folder;
        TestCallDialog dialog(bench.desk);
        dialog.show();
        dialog.chooseFile(written(folder, "song.wav", "ID3 not a WAV at all"));
        QVERIFY2(visibleWords(dialog).contains(QStringLiteral("not a WAV file")), qPrintable(visibleWords(dialog)));
        QVERIFY(!pushButton(dialog, "Place the call")->isEnabled());
        dialog.chooseFile(folder.filePath(QStringLiteral("gone.wav")));
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("cannot be read")));
        dialog.chooseFile(written(folder, "large.wav", usableWav() + QByteArray(700 * 1024, '\0')));
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("too large")));
        QVERIFY(!pushButton(dialog, "Place the call")->isEnabled());

        dialog.chooseFile(written(folder, "good.wav", usableWav()));
        QVERIFY2(visibleWords(dialog).contains(QStringLiteral("16-bit PCM")), qPrintable(visibleWords(dialog)));
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("good.wav")));
        QVERIFY(pushButton(dialog, "Place the call")->isEnabled());
        QTest::mouseClick(pushButton(dialog, "Place the call"), Qt::LeftButton);
        QVERIFY(bench.last<protocol::StartTestCall>());
        QCOMPARE(bench.last<protocol::StartTestCall>()->wav, usableWav());
        QVERIFY(bench.last<protocol::StartTestCall>()->say.isEmpty());
    }

    void aFileMayBeDropped()
    {
        BenchDesk bench;
        QTemporaryDir folder;
        TestCallDialog dialog(bench.desk);
        dialog.show();
        QMimeData data;
        const auto drop = [&] {
            QDragEnterEvent enter(QPoint(9, 9), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
            enter.ignore();
            QCoreApplication::sendEvent(&dialog, &enter);
            if (!enter.isAccepted())
                return false;
            QDropEvent event(QPointF(9, 9), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
            QCoreApplication::sendEvent(&dialog, &event);
            return true;
        };
        data.setText(QStringLiteral("only words"));
        QVERIFY(!drop());
        data.setUrls({QUrl(QStringLiteral("https://example.com/a.wav"))});
        QVERIFY(!drop());
        data.setUrls({QUrl::fromLocalFile(written(folder, "good.wav", usableWav()))});
        QVERIFY(drop());
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("good.wav")));
        QVERIFY(pushButton(dialog, "WAV file")->isChecked());
    }

    void thePlacedCallIsFollowedToItsEnd()
    {
        BenchDesk bench;
        bench.goLive(BenchDesk::empty());
        TestCallDialog dialog(bench.desk);
        dialog.show();
        QSignalSpy placed(&dialog, &TestCallDialog::callPlaced);
        dialog.findChild<QTextEdit*>()->setPlainText(QStringLiteral("Hello\nAn appointment"));
        QTest::mouseClick(pushButton(dialog, "Place the call"), Qt::LeftButton);
        QCOMPARE(bench.last<protocol::StartTestCall>()->say,
            (QStringList{QStringLiteral("Hello"), QStringLiteral("An appointment")}));
        QVERIFY(!pushButton(dialog, "Placing the call")->isEnabled());
        const QString id = QStringLiteral("CAtest");
        bench.answer<protocol::StartTestCall>(protocol::TestCallStarted{id});
        QCOMPARE(placed.size(), 1);
        QCOMPARE(dialog.callId(), id);
        QCOMPARE(bench.desk.selectedCall(), id);
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("Ringing")));

        CallSummary call = bench.call(id, CallState::Speaking, 30s, 2s);
        call.test = true;
        bench.change({protocol::CallChange{call}});
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("Speaking")));
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("0:30")));
        QVERIFY(pushButton(dialog, "Interrupt")->isEnabled());
        QTest::mouseClick(pushButton(dialog, "Interrupt"), Qt::LeftButton);
        QVERIFY(bench.last<protocol::InterruptCall>());
        QVERIFY(!pushButton(dialog, "Interrupt")->isEnabled());
        bench.answer<protocol::InterruptCall>(protocol::CommandResult());
        QTest::mouseClick(pushButton(dialog, "End the call"), Qt::LeftButton);
        QVERIFY(bench.last<protocol::EndCall>());
        QCOMPARE(bench.last<protocol::EndCall>()->call, id);
        QVERIFY(!bench.last<protocol::EndCall>()->now);

        call.state = CallState::Ended;
        call.reason = EndReason::OperatorEnded;
        call.endedAt = bench.at();
        bench.change({protocol::CallChange{call}});
        QVERIFY2(visibleWords(dialog).contains(QStringLiteral("Operator ended it")), qPrintable(visibleWords(dialog)));
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("740 ms")));
        QVERIFY(!pushButton(dialog, "End the call"));
        // Gone from the live list; what is known of it stays.
        bench.change({protocol::CallGone{id}});
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("Operator ended it")));
        QTest::mouseClick(pushButton(dialog, "New test call"), Qt::LeftButton);
        QVERIFY(pushButton(dialog, "Place the call"));
        QCOMPARE(dialog.callId(), QString());
    }

    void aRefusalIsSaidAndTheLinesStay()
    {
        BenchDesk bench;
        bench.goLive(BenchDesk::empty());
        TestCallDialog dialog(bench.desk);
        dialog.show();
        QSignalSpy placed(&dialog, &TestCallDialog::callPlaced);
        dialog.findChild<QTextEdit*>()->setPlainText(QStringLiteral("Hello"));
        QTest::mouseClick(pushButton(dialog, "Place the call"), Qt::LeftButton);
        bench.answer<protocol::StartTestCall>(
            protocol::CommandError{protocol::ErrorCode::NotPossible, QStringLiteral("no voice for the caller")});
        QVERIFY2(
            visibleWords(dialog).contains(QStringLiteral("no voice for the caller")), qPrintable(visibleWords(dialog)));
        QVERIFY(pushButton(dialog, "Place the call")->isEnabled());
        QCOMPARE(dialog.findChild<QTextEdit*>()->toPlainText(), QStringLiteral("Hello"));
        // A test call that someone else's dialog places is not this one's.
        bench.desk.startTestCall({QStringLiteral("x")}, {}, {});
        bench.answer<protocol::StartTestCall>(protocol::TestCallStarted{QStringLiteral("CAother")});
        QCOMPARE(placed.size(), 0);
    }

    void anotherCallOnTheDeskIsSaidAndCanBeLeft()
    {
        BenchDesk bench;
        bench.goLive(BenchDesk::empty());
        TestCallDialog dialog(bench.desk);
        dialog.show();
        dialog.findChild<QTextEdit*>()->setPlainText(QStringLiteral("Hello"));
        QTest::mouseClick(pushButton(dialog, "Place the call"), Qt::LeftButton);
        bench.answer<protocol::StartTestCall>(protocol::TestCallStarted{QStringLiteral("CAtest")});
        bench.desk.selectCall(QStringLiteral("CAother"));
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("another call")));
        QTest::mouseClick(pushButton(dialog, "Show this call"), Qt::LeftButton);
        QCOMPARE(bench.desk.selectedCall(), QStringLiteral("CAtest"));
        QVERIFY(!visibleWords(dialog).contains(QStringLiteral("another call")));
        bench.goDown();
        QVERIFY(visibleWords(dialog).contains(QStringLiteral("not connected")));
        QVERIFY(!pushButton(dialog, "End the call")->isEnabled());
    }
};

QTEST_MAIN(TestDialogs)
#include "tst_dialogs.moc"
