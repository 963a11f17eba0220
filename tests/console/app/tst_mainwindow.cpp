// SPDX-License-Identifier: Apache-2.0
#include "console/app/deskstyle.h"
#include "console/app/endcallquestion.h"
#include "console/app/followcalls.h"
#include "console/app/keysheet.h"
#include "console/app/mainwindow.h"
#include "console/app/passonquestion.h"
#include "console/app/saveevidencedialog.h"
#include "console/models/words.h"
#include "console/views/calllogpane.h"
#include "console/views/callpane.h"
#include "console/views/connectdialog.h"
#include "console/views/livecallspane.h"
#include "console/views/placecalldialog.h"
#include "console/views/requestspane.h"
#include "console/views/testcalldialog.h"
#include "shared/protocol/version.h"
#include "tests/console/app/fakeengine.h"

#include <QAction>
#include <QCheckBox>
#include <QCryptographicHash>
#include <QDesktopServices>
#include <QProgressBar>
#include <QRadioButton>
#include <QApplication>
#include <QClipboard>
#include <QDir>
#include <QDockWidget>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QMenuBar>
#include <QPushButton>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QStatusBar>
#include <QTableView>
#include <QTableWidget>
#include <QTemporaryDir>
#include <QTest>
#include <QToolBar>
#include <QToolButton>

#include <memory>
#include <optional>

using namespace kav;
using namespace kav::console;
using namespace std::chrono_literals;
using kav::test::FakeEngine;

namespace {

constexpr int Patience = 30000; // of the tests of evidence

CallSummary call(const QString& id, bool test = false, CallState state = CallState::Speaking)
{
    const QDateTime now = QDateTime::currentDateTimeUtc();
    CallSummary call;
    call.id = id;
    call.from = QStringLiteral("+9725•••••67");
    call.to = QStringLiteral("+97231•••00");
    call.direction = QStringLiteral("inbound");
    call.language = QStringLiteral("en-US");
    call.test = test;
    call.startedAt = now.addSecs(-72);
    call.state = state;
    call.stateSince = now.addSecs(-3);
    call.turn = 4;
    call.lastGap = 740ms;
    return call;
}

TranscriptTurn turn(int number, const QString& caller, const QString& agent)
{
    TranscriptTurn turn;
    turn.record.number = number;
    turn.record.input = number == 1 ? TurnInput::Opening : TurnInput::Voice;
    turn.record.callerText = caller;
    turn.record.agentText = agent;
    turn.record.heardText = agent;
    turn.record.confidence = 0.9;
    turn.record.latency = {{{LatencyPart::EndOfUtterance, 400ms, QStringLiteral("turn.end_of_utterance_max")},
                               {LatencyPart::Recognition, 120ms, QStringLiteral("google")},
                               {LatencyPart::FirstToken, 140ms, QStringLiteral("openai")},
                               {LatencyPart::FirstSentence, 40ms, QStringLiteral("openai")},
                               {LatencyPart::FirstAudio, 90ms, QStringLiteral("elevenlabs")},
                               {LatencyPart::Playout, 40ms, QStringLiteral("media.lead")}},
        830ms};
    turn.startedAt = QDateTime::currentDateTimeUtc().addSecs(number * 9 - 70);
    turn.open = false;
    turn.callerTextFinal = true;
    return turn;
}

CallLogRow logRow(int number)
{
    CallLogRow row;
    row.id = QStringLiteral("CA%1").arg(number, 32, 16, QLatin1Char('0'));
    row.from = QStringLiteral("+9725•••••%1").arg(10 + number);
    row.to = QStringLiteral("+97231•••00");
    row.direction = QStringLiteral("inbound");
    row.language = QStringLiteral("en-US");
    row.test = number % 4 == 3;
    row.startedAt = QDateTime::currentDateTimeUtc().addSecs(-600 * (number + 1));
    row.endedAt = row.startedAt.addSecs(60 + 7 * number);
    row.reason = number % 3 == 0 ? EndReason::CallerHungUp : EndReason::Completed;
    row.duration = std::chrono::seconds(60 + 7 * number);
    row.turns = 3 + number;
    return row;
}

const QString Person = QStringLiteral("CA1111111111111111111111111111111a");
const QString OtherPerson = QStringLiteral("CA2222222222222222222222222222222b");
const QString TestCall = QStringLiteral("CA3333333333333333333333333333333c");

/// Instead of the desktop's file manager.
class Opener final : public QObject {
    Q_OBJECT
public:
    QUrl opened;
public Q_SLOTS:
    void open(const QUrl& url) { opened = url; }
};

} // namespace

class TstMainWindow final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QApplication::setStyle(new DeskStyle);
        QDir().mkpath(QStringLiteral(KAV_BINARY_DIR "/screenshots"));
    }
    void init()
    {
        m_folder.emplace();
        m_engine.emplace();
        m_engine->snapshot.calls = {call(Person), call(OtherPerson, false, CallState::Listening), call(TestCall, true)};
        m_engine->snapshot.engine = {true, {}, false, 3, 400, 2};
        const QDateTime now = QDateTime::currentDateTimeUtc();
        for (const auto& [id, name] : {std::pair("stt", "pocketsphinx"), std::pair("llm", "receptionist"),
                 std::pair("tts", "flite"), std::pair("store", "sqlite")}) {
            ServiceStatus service;
            service.id = QLatin1String(id);
            service.name = QLatin1String(name);
            service.state = ServiceState::Ready;
            service.since = now.addSecs(-900);
            service.checkedAt = now;
            m_engine->snapshot.services += service;
        }
        for (int i = 0; i < 8; ++i)
            m_engine->log += logRow(i);
        m_engine->turns[Person] = {turn(1, {}, QStringLiteral("Hello, this is the reception. How may I help?")),
            turn(2, QStringLiteral("I would like to leave a message"),
                QStringLiteral("Gladly. What is your telephone number?")),
            turn(3, QStringLiteral("five five five one two three four"),
                QStringLiteral("I have five five five, one two three four. Is that right?")),
            turn(4, QStringLiteral("yes"), QStringLiteral("Please speak after the tone."))};
        m_translations.emplace();
        m_translations->speak(QStringLiteral("en"));
        m_colours.show(Appearance::Light);
        start();
    }
    void cleanup()
    {
        end();
        m_translations.reset();
        m_engine.reset();
        m_folder.reset();
    }

    // ---- acts
    // ---------------------------------------------------------------------------------------------------------

    void withoutALineEveryActSaysWhyNot()
    {
        m_window->open();
        using Act = Desk::Act;
        for (const auto& [name, act] : {std::pair("testCall", Act::TestCall), std::pair("interrupt", Act::Interrupt),
                 std::pair("passOn", Act::PassOn), std::pair("endCall", Act::EndCall)}) {
            QVERIFY2(!action(name)->isEnabled(), name);
            QVERIFY2(!m_desk->whyNot(act).isEmpty(), name);
            QCOMPARE(action(name)->toolTip(), m_desk->whyNot(act));
        }
    }

    void actsFollowTheSelectedCall()
    {
        goLive();
        QVERIFY(action("testCall")->isEnabled());
        QVERIFY(!action("interrupt")->isEnabled());
        QVERIFY(!action("endCall")->isEnabled());
        m_desk->selectCall(Person);
        QTRY_VERIFY(action("interrupt")->isEnabled());
        QVERIFY(action("endCall")->isEnabled());
        QVERIFY(action("endCall")->toolTip().contains(QStringLiteral("Ctrl+Shift+E")));
        m_desk->selectCall(m_engine->log.first().id); // it is over
        QTRY_VERIFY(!action("interrupt")->isEnabled());
        QCOMPARE(action("endCall")->toolTip(), m_desk->whyNot(Desk::Act::EndCall, m_desk->selectedCall()));
    }

    void anActIsPendingUntilTheEngineHasAnswered()
    {
        goLive();
        m_desk->selectCall(Person);
        const QString words = action("interrupt")->text();
        action("interrupt")->trigger();
        QTRY_COMPARE(m_engine->count<protocol::InterruptCall>(), 1);
        QVERIFY(!action("interrupt")->isEnabled());
        QCOMPARE(action("interrupt")->text(), QStringLiteral("Interrupting…"));

        m_engine->reply(m_engine->last<protocol::InterruptCall>()->id, protocol::CommandResult());
        QTRY_VERIFY(action("interrupt")->isEnabled());
        QCOMPARE(action("interrupt")->text(), words);
        QVERIFY(!strip()->isVisible());
    }

    void aFailureIsShownAndKept()
    {
        goLive();
        m_desk->selectCall(Person);
        QString sentence;
        connect(
            &*m_desk, &Desk::failed, this, [&](Desk::Act, const QString&, const QString& what) { sentence = what; });
        action("interrupt")->trigger();
        QTRY_COMPARE(m_engine->count<protocol::InterruptCall>(), 1);
        m_engine->reply(m_engine->last<protocol::InterruptCall>()->id,
            protocol::CommandError{protocol::ErrorCode::Timeout, QStringLiteral("no answer")});
        QTRY_VERIFY(strip()->isVisible());
        QVERIFY(!sentence.isEmpty());
        QVERIFY(hasLabel(strip(), sentence));
        m_window->tell(QStringLiteral("Another."));
        QVERIFY(hasLabel(strip(), QStringLiteral("and 1 more")));

        strip()->findChild<QToolButton*>(QStringLiteral("dismissMessage"))->click();
        QVERIFY(!strip()->isVisible());
        const auto* list = m_window->findChild<MessagesPane*>()->findChild<QTableView*>()->model();
        QCOMPARE(list->rowCount(), 2);
        QCOMPARE(list->index(0, Messages::Text).data().toString(), QStringLiteral("Another."));
        QCOMPARE(list->index(1, Messages::Text).data().toString(), sentence);
    }

    void theListOfMessagesHasAnEnd()
    {
        m_window->open();
        for (int i = 0; i < Messages::MaxRows + 5; ++i)
            m_window->tell(QString::number(i));
        const auto* list = m_window->findChild<MessagesPane*>()->findChild<QTableView*>()->model();
        QCOMPARE(list->rowCount(), Messages::MaxRows);
        QCOMPARE(list->index(0, Messages::Text).data().toString(), QString::number(Messages::MaxRows + 4));
    }

    // ---- the end of a call
    // --------------------------------------------------------------------------------------------

    void aTestCallIsEndedWithoutAQuestion()
    {
        goLive();
        m_desk->selectCall(TestCall);
        QTRY_VERIFY(action("endCall")->isEnabled());
        action("endCall")->trigger();
        QVERIFY(!question());
        QTRY_COMPARE(m_engine->count<protocol::EndCall>(), 1);
        QCOMPARE(m_engine->last<protocol::EndCall>()->call, TestCall);
        QCOMPARE(m_engine->last<protocol::EndCall>()->now, false);
    }

    void aPersonIsNotCutOffUnasked_data()
    {
        QTest::addColumn<QString>("button");
        QTest::addColumn<bool>("now");
        QTest::newRow("goodbye") << "endWithGoodbye" << false;
        QTest::newRow("at once") << "endAtOnce" << true;
    }
    void aPersonIsNotCutOffUnasked()
    {
        QFETCH(QString, button);
        QFETCH(bool, now);
        goLive();
        m_desk->selectCall(Person);
        action("endCall")->trigger();
        QVERIFY(question());
        QVERIFY(!question()->isModal()); // the calls go on being served
        QVERIFY(hasLabel(question(), call(Person).from));
        QCOMPARE(m_engine->count<protocol::EndCall>(), 0);
        question()->findChild<QPushButton*>(button)->click();
        QTRY_COMPARE(m_engine->count<protocol::EndCall>(), 1);
        QCOMPARE(m_engine->last<protocol::EndCall>()->call, Person);
        QCOMPARE(m_engine->last<protocol::EndCall>()->now, now);
        QTRY_VERIFY(!question());
        QCOMPARE(action("endCall")->text(), QStringLiteral("Ending the call…"));
    }

    void enterDoesNotEndAPersonsCall()
    {
        goLive();
        m_desk->selectCall(Person);
        action("endCall")->trigger();
        QTest::keyClick(question(), Qt::Key_Return);
        QTRY_VERIFY(!question());
        QTest::qWait(0);
        QCOMPARE(m_engine->count<protocol::EndCall>(), 0);
    }

    void theQuestionStaysWithItsCall()
    {
        goLive();
        m_desk->selectCall(Person);
        action("endCall")->trigger();
        const QPointer<EndCallQuestion> first = question();
        action("endCall")->trigger(); // asked again: the same question
        QCOMPARE(m_window->findChildren<EndCallQuestion*>().size(), 1);
        m_desk->selectCall(OtherPerson);
        first->findChild<QPushButton*>(QStringLiteral("endWithGoodbye"))->click();
        QTRY_COMPARE(m_engine->count<protocol::EndCall>(), 1);
        QCOMPARE(m_engine->last<protocol::EndCall>()->call, Person);
    }

    void theQuestionGoesWithItsCall()
    {
        goLive();
        m_desk->selectCall(Person);
        action("endCall")->trigger();
        CallSummary over = call(Person, false, CallState::Ended);
        over.reason = EndReason::CallerHungUp;
        over.endedAt = QDateTime::currentDateTimeUtc();
        m_engine->change(protocol::CallChange{over});
        QTRY_VERIFY(!question());
        QCOMPARE(m_engine->count<protocol::EndCall>(), 0);
    }

    void theQuestionSaysWhenItCannotBeAnswered()
    {
        goLive();
        m_desk->selectCall(Person);
        action("endCall")->trigger();
        m_engine->dropLine();
        QTRY_VERIFY(!m_desk->isLive());
        QTRY_VERIFY(!question()->findChild<QPushButton*>(QStringLiteral("endWithGoodbye"))->isEnabled());
        QVERIFY(!question()->findChild<QPushButton*>(QStringLiteral("endAtOnce"))->isEnabled());
        QVERIFY(hasLabel(question(), m_desk->whyNot(Desk::Act::EndCall, Person)));
    }

    void aCallThatWasPassedOnIsEndedWithoutAGoodbye()
    {
        goLive();
        m_desk->selectCall(Person);
        m_engine->change(protocol::CallChange{call(Person, false, CallState::Transferred)});
        QTRY_VERIFY(!action("interrupt")->isEnabled());
        action("endCall")->trigger();
        QVERIFY(!question()->findChild<QPushButton*>(QStringLiteral("endWithGoodbye"))->isEnabled());
        QVERIFY(hasLabel(question(), m_desk->whyNot(Desk::Act::EndCall, Person)));
        question()->findChild<QPushButton*>(QStringLiteral("endAtOnce"))->click();
        QTRY_COMPARE(m_engine->count<protocol::EndCall>(), 1);
        QVERIFY(m_engine->last<protocol::EndCall>()->now);
    }

    // ---- a call that is passed on

    void aCallIsPassedOnToWhoIsChosen()
    {
        mayBePassedOn(Person, {QStringLiteral("sales"), QStringLiteral("הנהלה"), QStringLiteral("night desk")});
        goLive();
        m_desk->selectCall(Person);
        QTRY_VERIFY(action("passOn")->isEnabled());
        QVERIFY(action("passOn")->toolTip().contains(QStringLiteral("Ctrl+Shift+P")));
        QVERIFY(QTest::qWaitForWindowActive(&*m_window));
        QTest::keyClick(&*m_window, Qt::Key_P, Qt::ControlModifier | Qt::ShiftModifier);
        QVERIFY(passing());
        QVERIFY(!passing()->isModal());
        QVERIFY(hasLabel(passing(), call(Person).from));
        auto* const list = passing()->findChild<QListWidget*>();
        QVERIFY(list->isVisible());
        QVERIFY(!list->accessibleName().isEmpty());
        QCOMPARE(list->count(), 3);
        QVERIFY(!passingButton()->isEnabled()); // nobody is chosen for him
        QTest::keyClick(passing(), Qt::Key_Return);
        QVERIFY(passing());
        QVERIFY(QTest::qWaitForWindowActive(passing()));
        QTRY_COMPARE(QApplication::focusWidget(), list);
        QTest::keyClick(list, Qt::Key_Down);
        QVERIFY(passingButton()->isEnabled());
        shoot(*passing(), QStringLiteral("pass-on-en"));
        QTest::keyClick(list, Qt::Key_Return);
        QTRY_COMPARE(m_engine->count<protocol::TransferCall>(), 1);
        QCOMPARE(m_engine->last<protocol::TransferCall>()->call, Person);
        QCOMPARE(m_engine->last<protocol::TransferCall>()->to, QStringLiteral("הנהלה"));
        QTRY_VERIFY(!passing());
        QCOMPARE(action("passOn")->text(), QStringLiteral("Passing the call on…"));
        QVERIFY(!action("passOn")->isEnabled());

        CallSummary passed = m_engine->snapshot.calls.first();
        passed.state = CallState::Transferring;
        m_engine->change(protocol::CallChange{passed});
        m_engine->reply(m_engine->last<protocol::TransferCall>()->id, protocol::CommandResult());
        QTRY_COMPARE(action("passOn")->toolTip(), QStringLiteral("The call was passed on already."));
        QVERIFY(action("endCall")->isEnabled());
        QVERIFY(!strip()->isVisible());
        // Nobody took it: the agent has it again.
        passed.state = CallState::Greeting;
        m_engine->change(protocol::CallChange{passed});
        QTRY_VERIFY(action("passOn")->isEnabled());
    }

    void whereThereIsOneToGoToNobodyIsChosen()
    {
        mayBePassedOn(Person, {QStringLiteral("sales")});
        goLive();
        m_desk->selectCall(Person);
        action("passOn")->trigger();
        const QPointer<PassOnQuestion> first = passing();
        action("passOn")->trigger(); // asked again: the same question
        QCOMPARE(m_window->findChildren<PassOnQuestion*>().size(), 1);
        QVERIFY(!first->findChild<QListWidget*>()->isVisible());
        QVERIFY(hasLabel(first, QStringLiteral("“sales”")));
        QCOMPARE(m_engine->count<protocol::TransferCall>(), 0);
        m_desk->selectCall(OtherPerson);
        passingButton()->click();
        QTRY_COMPARE(m_engine->count<protocol::TransferCall>(), 1);
        QCOMPARE(m_engine->last<protocol::TransferCall>()->call, Person);
        QCOMPARE(m_engine->last<protocol::TransferCall>()->to, QStringLiteral("sales"));
    }

    void enterDoesNotSendAPersonElsewhere()
    {
        mayBePassedOn(Person, {QStringLiteral("sales")});
        goLive();
        m_desk->selectCall(Person);
        action("passOn")->trigger();
        QTest::keyClick(passing(), Qt::Key_Return);
        QTRY_VERIFY(!passing());
        QTest::qWait(0);
        QCOMPARE(m_engine->count<protocol::TransferCall>(), 0);
    }

    void aTestCallIsPassedOnWithoutAQuestion()
    {
        mayBePassedOn(TestCall, {QStringLiteral("sales")});
        goLive();
        m_desk->selectCall(TestCall);
        QTRY_VERIFY(action("passOn")->isEnabled());
        action("passOn")->trigger();
        QVERIFY(!passing());
        QTRY_COMPARE(m_engine->count<protocol::TransferCall>(), 1);
    }

    void aRefusalToPassOnIsShown()
    {
        mayBePassedOn(Person, {QStringLiteral("sales")});
        goLive();
        m_desk->selectCall(Person);
        action("passOn")->trigger();
        passingButton()->click();
        QTRY_COMPARE(m_engine->count<protocol::TransferCall>(), 1);
        m_engine->reply(m_engine->last<protocol::TransferCall>()->id,
            protocol::CommandError{protocol::ErrorCode::NotPossible, QStringLiteral("the call is not with the agent")});
        QTRY_VERIFY(strip()->isVisible());
        QVERIFY(hasLabel(strip(), QStringLiteral("the call is not with the agent")));
        QVERIFY(action("passOn")->isEnabled());
    }

    void whereNobodyIsNamedNothingIsPassedOn()
    {
        goLive();
        m_desk->selectCall(Person);
        QTRY_VERIFY(action("endCall")->isEnabled());
        QVERIFY(!action("passOn")->isEnabled());
        QVERIFY(action("passOn")->toolTip().contains(QStringLiteral("nobody")));
    }

    void anEngineThatPassesNothingOnSaysSo()
    {
        mayBePassedOn(Person, {QStringLiteral("sales")});
        m_engine->welcome.features.removeOne(QString(protocol::feature::Transfer));
        goLive();
        m_desk->selectCall(Person);
        QTRY_VERIFY(action("endCall")->isEnabled());
        QVERIFY(!action("passOn")->isEnabled());
        QCOMPARE(action("passOn")->toolTip(), m_desk->whyNot(Desk::Act::PassOn, Person));
    }

    void theQuestionOfPassingOnGoesWithItsCall()
    {
        mayBePassedOn(Person, {QStringLiteral("sales"), QStringLiteral("manager")});
        goLive();
        m_desk->selectCall(Person);
        action("passOn")->trigger();
        passing()->findChild<QListWidget*>()->setCurrentRow(0);
        // The agent was quicker.
        CallSummary now = m_engine->snapshot.calls.first();
        now.state = CallState::Transferring;
        m_engine->change(protocol::CallChange{now});
        QTRY_VERIFY(!passingButton()->isEnabled());
        QVERIFY(hasLabel(passing(), m_desk->whyNot(Desk::Act::PassOn, Person)));
        now.state = CallState::Ended;
        now.reason = EndReason::CallerHungUp;
        now.endedAt = QDateTime::currentDateTimeUtc();
        m_engine->change(protocol::CallChange{now});
        QTRY_VERIFY(!passing());
        QCOMPARE(m_engine->count<protocol::TransferCall>(), 0);
    }

    // ---- keys and menus
    // -----------------------------------------------------------------------------------------------

    void keysAreTheAgreedOnes_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("keys");
        for (const auto& [name, keys] : {std::pair("testCall", "Ctrl+N"), std::pair("endCall", "Ctrl+Shift+E"),
                 std::pair("interrupt", "Ctrl+I"), std::pair("passOn", "Ctrl+Shift+P"), std::pair("refresh", "F5"),
                 std::pair("find", "Ctrl+F"), std::pair("goLiveCalls", "Ctrl+1"), std::pair("goCall", "Ctrl+2"),
                 std::pair("goLog", "Ctrl+3"), std::pair("goMessages", "Ctrl+4"), std::pair("goRequests", "Ctrl+5"),
                 std::pair("requestsOfCall", "Ctrl+R"), std::pair("keys", "F1"), std::pair("wallboard", "F11"),
                 std::pair("saveEvidence", "Ctrl+Shift+S"), std::pair("copy", "Ctrl+C"), std::pair("quit", "Ctrl+Q")})
            QTest::newRow(name) << QString::fromLatin1(name) << QString::fromLatin1(keys);
    }
    void keysAreTheAgreedOnes()
    {
        QFETCH(QString, name);
        QTEST(action(qPrintable(name))->shortcut().toString(QKeySequence::PortableText), "keys");
    }

    void noTwoActsShareTheirKeys()
    {
        QStringList seen;
        const auto all = m_window->actions();
        for (const QAction* one : all) {
            const QString keys = one->shortcut().toString();
            if (keys.isEmpty())
                continue;
            QVERIFY2(!seen.contains(keys), qPrintable(keys));
            seen += keys;
        }
        QVERIFY(seen.size() > 10);
    }

    void everyButtonOfTheToolBarIsInAMenu()
    {
        QList<QAction*> inMenus;
        const auto menus = m_window->menuBar()->findChildren<QMenu*>();
        for (const QMenu* menu : menus)
            inMenus += menu->actions();
        int count = 0;
        const auto buttons = m_window->findChild<QToolBar*>(QStringLiteral("toolBar"))->actions();
        for (QAction* button : buttons) {
            if (button->objectName().isEmpty() || button->isSeparator())
                continue; // a widget, not an act
            QVERIFY2(inMenus.contains(button), qPrintable(button->objectName()));
            ++count;
        }
        QCOMPARE(count, 4);
    }

    void keysWork()
    {
        goLive();
        QVERIFY(QTest::qWaitForWindowActive(&*m_window));
        QTest::keyClick(&*m_window, Qt::Key_N, Qt::ControlModifier);
        QTRY_VERIFY(m_window->findChild<TestCallDialog*>());
        QVERIFY(!m_window->findChild<TestCallDialog*>()->isModal());
        m_window->findChild<TestCallDialog*>()->close();

        QTest::keyClick(&*m_window, Qt::Key_F1);
        QTRY_VERIFY(m_window->findChild<KeySheet*>());
        const auto* sheet = m_window->findChild<KeySheet*>()->findChild<QTableView*>()->model();
        QStringList lines;
        for (int i = 0; i < sheet->rowCount(); ++i)
            lines += withoutIsolates(sheet->index(i, 0).data().toString()) + QLatin1Char('=')
                + sheet->index(i, 1).data().toString();
        QVERIFY2(lines.contains(QStringLiteral("Ctrl+N=Test call…")), qPrintable(lines.join(QLatin1Char('\n'))));
        m_window->findChild<KeySheet*>()->close();

        m_window->activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(&*m_window));
        QTest::keyClick(&*m_window, Qt::Key_3, Qt::ControlModifier);
        auto* const log = m_window->findChild<CallLogPane*>();
        QTRY_VERIFY(log->isAncestorOf(QApplication::focusWidget()));
        QTest::keyClick(&*m_window, Qt::Key_F, Qt::ControlModifier); // the filter of the pane that has the focus
        QTRY_VERIFY(qobject_cast<QLineEdit*>(QApplication::focusWidget()));
        QVERIFY(log->isAncestorOf(QApplication::focusWidget()));
        QTest::keyClick(&*m_window, Qt::Key_1, Qt::ControlModifier);
        QTRY_VERIFY(m_window->findChild<LiveCallsPane*>()->isAncestorOf(QApplication::focusWidget()));

        const int before = m_engine->count<protocol::Resync>();
        QTest::keyClick(&*m_window, Qt::Key_F5);
        QTRY_COMPARE(m_engine->count<protocol::Resync>(), before + 1);
    }

    void rowsAreCopiedAsASpreadsheetTakesThem()
    {
        goLive();
        m_desk->selectCall(Person);
        auto* const table = m_window->findChild<LiveCallsPane*>()->findChild<QTableView*>();
        table->setFocus();
        QTRY_VERIFY(!table->selectionModel()->selectedRows().isEmpty());
        QApplication::clipboard()->clear();
        action("copy")->trigger();
        const QString text = QApplication::clipboard()->text();
        QVERIFY2(text.endsWith(QLatin1Char('\n')), qPrintable(text));
        QCOMPARE(text.count(QLatin1Char('\n')), 1);
        QCOMPARE(text.count(QLatin1Char('\t')), LiveCallsModel::ColumnCount - 1);
        QVERIFY2(text.contains(call(Person).from), qPrintable(text));
        QCOMPARE(text, withoutIsolates(text));
    }

    // ---- what the window says
    // -----------------------------------------------------------------------------------------

    void titleAndStatusLineSayHowItStands()
    {
        m_window->open();
        QVERIFY(!m_window->windowTitle().contains(QLatin1Char('3')));
        goLive();
        QTRY_COMPARE(m_window->windowTitle(), QStringLiteral("3 live calls – Kav"));
        QTRY_COMPARE(status("statusCalls"), QStringLiteral("Live calls: 3 of 400"));
        QCOMPARE(status("statusConsoles"), QStringLiteral("Consoles: 2"));
        QCOMPARE(status("statusEngine"), QStringLiteral("Engine 0.1.0, protocol 1"));
        QVERIFY(m_window->findChild<QLabel*>(QStringLiteral("statusCalls"))->isEnabled());

        m_engine->change(protocol::CallGone{Person});
        m_engine->change(protocol::CallGone{OtherPerson});
        QTRY_COMPARE(m_window->windowTitle(), QStringLiteral("1 live call – Kav"));

        m_engine->dropLine();
        QTRY_VERIFY(!m_window->windowTitle().contains(QStringLiteral("live call")));
        // What was true stays readable, and is not shown as true.
        QVERIFY(!m_window->findChild<QLabel*>(QStringLiteral("statusCalls"))->isEnabled());
    }

    void theNewestCallIsOpenedByItselfWhereThatIsWanted()
    {
        CallSummary newest = call(QStringLiteral("CA4"));
        newest.startedAt = QDateTime::currentDateTimeUtc();
        m_engine->snapshot.calls.insert(1, newest); // wherever it stands
        followNewestCall(*m_desk);
        goLive();
        QTRY_COMPARE(m_desk->selectedCall(), newest.id);
        CallSummary next = call(QStringLiteral("CA5"));
        next.startedAt = newest.startedAt.addSecs(2);
        m_engine->change(protocol::CallChange{next});
        QTRY_COMPARE(m_desk->selectedCall(), next.id);
    }

    // ---- layout
    // -------------------------------------------------------------------------------------------------------

    void theLayoutIsThereAtTheNextStart()
    {
        m_window->open();
        m_window->resize(1111, 777);
        dock("logDock")->hide();
        dock("messagesDock")->hide();
        m_window->findChild<QMainWindow*>()->resizeDocks({dock("callDock")}, {640}, Qt::Horizontal);
        QTRY_COMPARE(dock("callDock")->width(), 640);
        end();
        start();
        m_window->open();
        QTRY_COMPARE(m_window->size(), QSize(1111, 777));
        QVERIFY(!dock("logDock")->isVisible());
        QVERIFY(dock("callDock")->isVisible());
        QTRY_COMPARE(dock("callDock")->width(), 640);

        action("resetLayout")->trigger();
        QVERIFY(dock("logDock")->isVisible());
        end();
        start();
        m_window->open();
        QVERIFY(dock("logDock")->isVisible());
    }

    void aLayoutThatCannotBeRestoredIsTheFirstOne_data()
    {
        QTest::addColumn<QByteArray>("panes");
        QTest::newRow("garbage") << QByteArray("garbage");
        QTest::newRow("nothing") << QByteArray();
        QMainWindow other;
        QDockWidget dock;
        dock.setObjectName(QStringLiteral("callDock"));
        other.addDockWidget(Qt::LeftDockWidgetArea, &dock);
        dock.hide();
        QTest::newRow("another version") << other.saveState(MainWindow::LayoutVersion * 2 + 2);
    }
    void aLayoutThatCannotBeRestoredIsTheFirstOne()
    {
        QFETCH(QByteArray, panes);
        m_settings->setLayout({"garbage", panes, "garbage", "garbage", "garbage", "garbage"});
        m_window->open();
        for (const char* name : {"callDock", "logDock", "requestsDock", "messagesDock"})
            QVERIFY2(!dock(name)->isHidden() && !dock(name)->isFloating(), name);
        QVERIFY(m_window->findChild<LiveCallsPane*>()->isVisible());
        QVERIFY(m_window->width() > 600);
    }

    void fromACallOneGetsToItsRequests()
    {
        goLive();
        QVERIFY(!action("requestsOfCall")->isEnabled());
        m_desk->selectCall(Person);
        QVERIFY(action("requestsOfCall")->isEnabled());
        QVERIFY(QTest::qWaitForWindowActive(&*m_window));
        QTest::keyClick(&*m_window, Qt::Key_R, Qt::ControlModifier);
        QTRY_VERIFY(m_window->findChild<RequestsPane*>()->isVisible());
        QCOMPARE(m_desk->requests().filter().call, Person);
        shoot(*m_window, QStringLiteral("requests-en"));
    }

    // ---- evidence

    void anEngineOfBeforeHasNoEvidence()
    {
        m_engine->welcome.features.removeOne(QString(protocol::feature::Evidence));
        goLive();
        m_desk->selectCall(Person);
        QVERIFY(!action("saveEvidence")->isEnabled());
        QVERIFY2(action("saveEvidence")->toolTip().contains(QStringLiteral("older than the console")),
            qPrintable(action("saveEvidence")->toolTip()));
    }

    void evidenceIsAskedForSavedAndShownInItsFolder()
    {
        goLive();
        QVERIFY(!action("saveEvidence")->isEnabled());
        const QString ended = m_engine->log.first().id;
        m_desk->selectCall(ended);
        QTRY_VERIFY_WITH_TIMEOUT(action("saveEvidence")->isEnabled(), Patience);
        QVERIFY(QTest::qWaitForWindowActive(&*m_window));
        QTest::keyClick(&*m_window, Qt::Key_S, Qt::ControlModifier | Qt::ShiftModifier);
        auto* const dialog = m_window->findChild<SaveEvidenceDialog*>();
        QVERIFY(dialog);
        auto* const path = dialog->findChild<QLineEdit*>(QStringLiteral("evidencePath"));
        auto* const save = dialog->findChild<QPushButton*>(QStringLiteral("evidenceSave"));
        auto* const unmask = dialog->findChild<QCheckBox*>(QStringLiteral("evidenceUnmask"));
        QVERIFY(path->text().endsWith(QStringLiteral("kav-evidence-%1.zip").arg(ended)));
        QVERIFY2(!unmask->isChecked(), "numbers only for who asks for them");

        // A folder's name has no .zip, a file's has.
        path->setText(m_folder->filePath(QStringLiteral("mine.zip")));
        dialog->findChild<QRadioButton*>(QStringLiteral("evidenceAsFolder"))->click();
        QCOMPARE(path->text(), m_folder->filePath(QStringLiteral("mine")));
        dialog->findChild<QRadioButton*>(QStringLiteral("evidenceAsFile"))->click();
        QCOMPARE(path->text(), m_folder->filePath(QStringLiteral("mine.zip")));
        QVERIFY(save->isEnabled());
        // What is there is not overwritten.
        path->setText(m_folder->filePath(QStringLiteral("settings.ini")));
        QFile there(path->text());
        QVERIFY(there.exists() || there.open(QIODevice::WriteOnly));
        path->setText(path->text() + QLatin1Char('x'));
        QVERIFY(save->isEnabled());
        path->setText(there.fileName());
        QVERIFY(!save->isEnabled());
        QVERIFY(dialog->findChild<QLabel*>(QStringLiteral("evidenceWhyNot"))->text().contains(QStringLiteral("already")));
        shoot(*dialog, QStringLiteral("evidence-dialog-en"));
        m_translations->speak(QStringLiteral("he"));
        unmask->setChecked(true);
        path->setText(m_folder->filePath(QStringLiteral("mine.zip")));
        QTRY_COMPARE_WITH_TIMEOUT(dialog->layoutDirection(), Qt::RightToLeft, Patience);
        shoot(*dialog, QStringLiteral("evidence-dialog-he"));
        m_translations->speak(QStringLiteral("en"));
        unmask->setChecked(false);
        QTRY_VERIFY_WITH_TIMEOUT(save->isEnabled(), Patience);
        save->click();

        QTRY_COMPARE_WITH_TIMEOUT(m_engine->count<protocol::MakeEvidence>(), 1, Patience);
        const auto make = *m_engine->last<protocol::MakeEvidence>();
        QCOMPARE(make.call, ended);
        QVERIFY(!make.unmask && !make.folder);
        QVERIFY(!action("saveEvidence")->isEnabled()); // one at a time
        auto* const bar = m_window->findChild<QProgressBar*>(QStringLiteral("evidenceProgress"));
        QVERIFY(bar->isVisible());
        QCOMPARE(bar->maximum(), 0); // nobody knows how long

        using protocol::CommandResult, protocol::EvidencePack, protocol::EvidencePart;
        const QByteArray zip(300, 'z');
        const QString name = QStringLiteral("kav-evidence-x.zip"), pack = QStringLiteral("e1");
        m_engine->reply(make.id, CommandResult(EvidencePack{pack, ended, false, {}, {}}));
        QTRY_COMPARE_WITH_TIMEOUT(m_engine->count<protocol::QueryEvidence>(), 1, Patience);
        const QString sum = QString::fromLatin1(QCryptographicHash::hash(zip, QCryptographicHash::Sha256).toHex());
        m_engine->reply(m_engine->last<protocol::QueryEvidence>()->id,
            CommandResult(EvidencePack{pack, ended, true, {{name, zip.size(), sum}}, {}}));
        QTRY_COMPARE_WITH_TIMEOUT(m_engine->count<protocol::ReadEvidence>(), 1, Patience);
        m_engine->reply(m_engine->last<protocol::ReadEvidence>()->id,
            CommandResult(EvidencePart{pack, name, 0, zip.left(120)}));
        QTRY_COMPARE_WITH_TIMEOUT(bar->value(), 40, Patience);
        shoot(*m_window, QStringLiteral("evidence-fetching-en"));
        QTRY_COMPARE_WITH_TIMEOUT(m_engine->count<protocol::ReadEvidence>(), 2, Patience);
        QCOMPARE(m_engine->last<protocol::ReadEvidence>()->offset, 120);
        m_engine->reply(m_engine->last<protocol::ReadEvidence>()->id,
            CommandResult(EvidencePart{pack, name, 120, zip.mid(120)}));

        auto* const show = m_window->findChild<QToolButton*>(QStringLiteral("evidenceShow"));
        QTRY_VERIFY_WITH_TIMEOUT(show->isVisible(), Patience);
        QVERIFY(!bar->isVisible());
        QVERIFY(m_window->findChild<QLabel*>(QStringLiteral("evidenceWords"))->text().contains(QStringLiteral("mine.zip")));
        shoot(*m_window, QStringLiteral("evidence-saved-en"));
        QFile saved(m_folder->filePath(QStringLiteral("mine.zip")));
        QVERIFY(saved.open(QIODevice::ReadOnly));
        QCOMPARE(saved.readAll(), zip);
        Opener opener;
        QDesktopServices::setUrlHandler(QStringLiteral("file"), &opener, "open");
        show->click();
        QDesktopServices::unsetUrlHandler(QStringLiteral("file"));
        QCOMPARE(opener.opened, QUrl::fromLocalFile(m_folder->path()));
        m_window->findChild<QToolButton*>(QStringLiteral("evidenceDismiss"))->click();
        QVERIFY(!show->isVisible());
        QVERIFY(action("saveEvidence")->isEnabled());
    }

    void evidenceThatDoesNotComeIsTold()
    {
        goLive();
        m_desk->selectCall(Person); // a live call has evidence too
        QTRY_VERIFY_WITH_TIMEOUT(action("saveEvidence")->isEnabled(), Patience);
        m_desk->saveEvidence({Person, m_folder->filePath(QStringLiteral("live.zip"))});
        QTRY_COMPARE_WITH_TIMEOUT(m_engine->count<protocol::MakeEvidence>(), 1, Patience);
        m_engine->dropLine();
        QTRY_VERIFY_WITH_TIMEOUT(m_window->findChild<MessagesPane*>()->findChild<QTableView*>()->model()->rowCount() > 0, Patience);
        const auto* messages = m_window->findChild<MessagesPane*>()->findChild<QTableView*>()->model();
        const QString told = messages->index(0, Messages::Text).data().toString();
        QVERIFY2(told.contains(QStringLiteral("before the evidence was all here")), qPrintable(told));
        QVERIFY(!QFile::exists(m_folder->filePath(QStringLiteral("live.zip"))));
        QVERIFY(!m_window->findChild<QProgressBar*>(QStringLiteral("evidenceProgress"))->isVisible());
    }

    void theWallboardHasTheLiveCallsAlone()
    {
        goLive();
        dock("messagesDock")->hide();
        QVERIFY(QTest::qWaitForWindowActive(&*m_window));
        QTest::keyClick(&*m_window, Qt::Key_F11);
        for (const char* name : {"callDock", "logDock", "requestsDock", "messagesDock"})
            QVERIFY2(!dock(name)->isVisible(), name);
        QVERIFY(!m_window->menuBar()->isVisible());
        QVERIFY(m_window->findChild<LiveCallsPane*>()->isVisible());
        shoot(*m_window, QStringLiteral("wallboard-en"));
        QTest::keyClick(&*m_window, Qt::Key_F11); // its menu is hidden; its key works
        QTRY_VERIFY(dock("callDock")->isVisible());
        QVERIFY(dock("logDock")->isVisible());
        QVERIFY(dock("messagesDock")->isHidden());
        QVERIFY(m_window->menuBar()->isVisible());
    }

    // ---- languages and colours
    // ----------------------------------------------------------------------------------------

    void theLanguageChangesAtRunTime()
    {
        goLive();
        QCOMPARE(m_window->layoutDirection(), Qt::LeftToRight);
        const QString english = action("testCall")->text();
        action("language-he")->trigger();
        QTRY_COMPARE(m_window->layoutDirection(), Qt::RightToLeft);
        QTRY_VERIFY(action("testCall")->text() != english);
        QCOMPARE(m_settings->language(), QStringLiteral("he"));
        // No word of the menus is left in the other language.
        const auto menus = m_window->menuBar()->findChildren<QMenu*>();
        for (const QMenu* menu : menus) {
            const auto entries = menu->actions();
            for (const QAction* entry : entries) {
                if (!entry->isSeparator() && entry->objectName() != QLatin1String("language-en"))
                    QVERIFY2(hasHebrew(entry->text()), qPrintable(entry->text()));
            }
        }
        for (const char* name : {"callDock", "logDock", "requestsDock", "messagesDock"})
            QVERIFY2(hasHebrew(dock(name)->windowTitle()), name);
        QVERIFY(hasHebrew(m_window->windowTitle()));
        QVERIFY(hasHebrew(status("statusCalls")));

        // Where reading begins stand the calls, on the other side what is chosen among them.
        const auto standsLeft = [&] { return dock("callDock")->x() < m_window->findChild<LiveCallsPane*>()->x(); };
        QTRY_VERIFY(standsLeft());

        action("language-en")->trigger();
        QTRY_COMPARE(m_window->layoutDirection(), Qt::LeftToRight);
        QTRY_VERIFY(!standsLeft());
        QTRY_COMPARE(action("testCall")->text(), english);
    }

    void theManualHasEveryKey()
    {
        QFile file(QStringLiteral(KAV_SOURCE_DIR "/docs/console.md"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QString manual = QString::fromUtf8(file.readAll());
        QString told;
        static const QRegularExpression row(
            QStringLiteral("^\\| ([^|]+) \\| ([^|]+) \\|[^|]*\\|$"), QRegularExpression::MultilineOption);
        auto rows = row.globalMatch(manual.mid(manual.indexOf(QLatin1String("\n## Keys\n"))));
        while (rows.hasNext()) {
            const auto match = rows.next();
            told += match.captured(1) + QStringLiteral(": ") + match.captured(2) + QLatin1Char('\n');
        }
        m_window->open();
        action("keys")->trigger();
        auto* const table = m_window->findChild<KeySheet*>()->findChild<QTableWidget*>();
        QString shown = QStringLiteral("keys: what they do\n");
        for (int i = 0; i < table->rowCount(); ++i)
            shown += withoutIsolates(table->item(i, 0)->text()) + QStringLiteral(": ") + table->item(i, 1)->text()
                + QLatin1Char('\n');
        QCOMPARE(told, shown);
    }

    void theProgramHasItsIcon()
    {
        const QIcon icon(QStringLiteral(":/app/kav-console.svg"));
        QVERIFY(!icon.pixmap(32, 32).isNull());
        QVERIFY(icon.pixmap(32, 32).toImage().pixelColor(4, 16).blue() > 100); // drawn, not only found
    }

    void aButtonsTextIsInItsMiddleInHebrewToo()
    {
        QPushButton button(QStringLiteral("אאאא"));
        QPixmap blank(16, 16);
        blank.fill(Qt::transparent);
        button.setIcon(blank);
        button.setLayoutDirection(Qt::RightToLeft);
        button.resize(200, 30);
        const QImage with = button.grab().toImage();
        button.setText(QStringLiteral(" "));
        const QImage without = button.grab().toImage();
        int first = with.width(), last = 0;
        for (int y = 0; y < with.height(); ++y) {
            for (int x = 0; x < with.width(); ++x) {
                if (with.pixel(x, y) != without.pixel(x, y)) {
                    first = qMin(first, x);
                    last = qMax(last, x);
                }
            }
        }
        QVERIFY(last - first > 10);
        QVERIFY2(qAbs((first + last) / 2 - 90) < 6, qPrintable(QStringLiteral("%1 .. %2").arg(first).arg(last)));
    }

    void coloursChangeAtRunTime()
    {
        m_window->open();
        const QColor light = m_window->palette().color(QPalette::Window);
        action("appearance-dark")->trigger();
        QTRY_VERIFY(m_window->palette().color(QPalette::Window).lightness() < light.lightness() / 2);
        QCOMPARE(m_settings->appearance(), Appearance::Dark);
        action("appearance-light")->trigger();
        QTRY_COMPARE(m_window->palette().color(QPalette::Window), light);
    }

    void screenshots_data()
    {
        QTest::addColumn<QString>("language");
        QTest::addColumn<int>("appearance");
        QTest::newRow("console-en") << "en" << int(Appearance::Light);
        QTest::newRow("console-he") << "he" << int(Appearance::Light);
        QTest::newRow("console-en-dark") << "en" << int(Appearance::Dark);
    }
    void screenshots()
    {
        QFETCH(QString, language);
        QFETCH(int, appearance);
        m_translations->speak(language);
        m_colours.show(Appearance(appearance));
        end();
        start();
        m_window->open();
        m_window->resize(1440, 900);
        goLive();
        action("resetLayout")->trigger(); // at this size
        m_desk->selectCall(Person);
        QTRY_COMPARE(m_desk->transcript().rowCount(), 4);
        QTRY_COMPARE(m_desk->log().rowCount(), 8);
        m_desk->liveCalls().flush();
        shoot(*m_window, QString::fromLatin1(QTest::currentDataTag()));
    }

    void screenshotsOfTroubleAndDialogs()
    {
        m_translations->speak(QStringLiteral("he"));
        end();
        start();
        m_window->open();
        m_window->resize(1440, 900);
        goLive();
        action("resetLayout")->trigger();
        m_desk->selectCall(Person);
        QTRY_COMPARE(m_desk->transcript().rowCount(), 4);
        action("endCall")->trigger();
        QVERIFY(question());
        shoot(*question(), QStringLiteral("end-call-he"));
        question()->close();
        mayBePassedOn(Person, {QStringLiteral("מכירות"), QStringLiteral("הנהלה"), QStringLiteral("night desk")});
        m_engine->change(protocol::CallChange{m_engine->snapshot.calls.first()});
        QTRY_VERIFY(action("passOn")->isEnabled());
        action("passOn")->trigger();
        passing()->findChild<QListWidget*>()->setCurrentRow(1);
        shoot(*passing(), QStringLiteral("pass-on-he"));
        passing()->close();
        m_chooser->ask(&*m_window);
        shoot(*m_window->findChild<ConnectDialog*>(), QStringLiteral("connect-he"));
        action("keys")->trigger();
        shoot(*m_window->findChild<KeySheet*>(), QStringLiteral("keys-he"));
        action("testCall")->trigger();
        shoot(*m_window->findChild<TestCallDialog*>(), QStringLiteral("test-call-he"));
        action("placeCall")->trigger();
        auto* const placing = m_window->findChild<PlaceCallDialog*>();
        QTest::keyClicks(placing->findChild<QLineEdit*>(), QStringLiteral("+972501234567"));
        shoot(*placing, QStringLiteral("call-a-number-he"));
        action("interrupt")->trigger();
        QTRY_COMPARE(m_engine->count<protocol::InterruptCall>(), 1);
        m_engine->dropLine();
        QTRY_VERIFY(strip()->isVisible());
        shoot(*m_window, QStringLiteral("console-he-lost"));
    }

private:
    void start()
    {
        m_settings.emplace(m_folder->filePath(QStringLiteral("settings.ini")));
        m_tokens.emplace(m_folder->filePath(QStringLiteral("tokens.json")));
        m_desk.emplace(QStringLiteral("kav-console test"), m_clock, [] { return 0.5; });
        m_chooser.emplace(*m_desk, *m_settings, *m_tokens);
        m_window.emplace(*m_desk, *m_settings, *m_translations, m_colours, *m_chooser);
    }
    void end()
    {
        m_window->close();
        m_window.reset();
        m_chooser.reset();
        m_desk.reset();
        m_tokens.reset();
        m_settings.reset();
    }
    void goLive()
    {
        if (!m_window->isVisible())
            m_window->open();
        m_desk->connectTo(m_engine->url(), {}, QStringLiteral("Dana"));
        QTRY_VERIFY(m_desk->isLive());
        QTRY_COMPARE(m_desk->liveCalls().rowCount(), int(m_engine->snapshot.calls.size()));
    }

    static void shoot(QWidget& widget, const QString& name)
    {
        QCoreApplication::processEvents(); // what was changed is laid out
        QVERIFY(widget.grab().save(QStringLiteral(KAV_BINARY_DIR "/screenshots/%1.png").arg(name)));
    }
    QAction* action(const char* name) const
    {
        auto* const found = m_window->findChild<QAction*>(QLatin1String(name));
        if (!found)
            qFatal("no action %s", name);
        return found;
    }
    QDockWidget* dock(const char* name) const { return m_window->findChild<QDockWidget*>(QLatin1String(name)); }
    MessageStrip* strip() const { return m_window->findChild<MessageStrip*>(); }
    EndCallQuestion* question() const
    {
        auto* const found = m_window->findChild<EndCallQuestion*>();
        return found && found->isVisible() ? found : nullptr;
    }
    PassOnQuestion* passing() const
    {
        auto* const found = m_window->findChild<PassOnQuestion*>();
        return found && found->isVisible() ? found : nullptr;
    }
    QPushButton* passingButton() const { return passing()->findChild<QPushButton*>(QStringLiteral("passOn")); }
    void mayBePassedOn(const QString& id, const QStringList& targets)
    {
        for (CallSummary& one : m_engine->snapshot.calls) {
            if (one.id == id)
                one.transferTargets = targets;
        }
    }
    QString status(const char* name) const
    {
        return withoutIsolates(m_window->findChild<QLabel*>(QLatin1String(name))->text());
    }
    static bool hasLabel(const QWidget* in, const QString& text)
    {
        const auto labels = in->findChildren<QLabel*>();
        return std::any_of(labels.begin(), labels.end(), [&](const QLabel* label) {
            return label->isVisibleTo(in) && withoutIsolates(label->text()).contains(withoutIsolates(text));
        });
    }
    static bool hasHebrew(const QString& text)
    {
        return std::any_of(text.begin(), text.end(), [](QChar c) { return c.script() == QChar::Script_Hebrew; });
    }

    SystemClock m_clock;
    Colours m_colours;
    std::optional<QTemporaryDir> m_folder;
    std::optional<FakeEngine> m_engine;
    std::optional<Translations> m_translations;
    std::optional<Settings> m_settings;
    std::optional<TokenStore> m_tokens;
    std::optional<Desk> m_desk;
    std::optional<EngineChooser> m_chooser;
    std::optional<MainWindow> m_window;
};

QTEST_MAIN(TstMainWindow)
#include "tst_mainwindow.moc"
