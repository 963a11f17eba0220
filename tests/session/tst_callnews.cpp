// SPDX-License-Identifier: Apache-2.0
#include "tests/session/callfixture.h"

#include <QRegularExpression>
#include <QTest>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using session::CommandOutcome;
using session::OperatorCommand;

namespace {

StandInAnswer answering(const char* text, bool endCall = false)
{
    return {QString::fromUtf8(text), {}, endCall};
}

StandInUtterance hearing(const char* text, QStringList partials = {}, bool stable = true)
{
    return {QString::fromUtf8(text), 0.9, std::move(partials), stable};
}

QString s(const char* text)
{
    return QString::fromUtf8(text);
}

QStringList list(std::initializer_list<const char*> texts)
{
    QStringList all;
    for (const char* text : texts)
        all += s(text);
    return all;
}

const StandInAnswer longAnswer = answering("One two three four five six seven eight nine ten eleven twelve.");

} // namespace

/// What operators see of a call, and what they can do to it.
class TestCallNews final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    // ---- states ----
    void anOrdinaryCallGoesThroughItsStates()
    {
        Call call({.hears = {hearing("sales please"), hearing("goodbye")},
            .answers = {answering("Hello."), answering("Sales is closed."), answering("Goodbye.", true)}});
        QCOMPARE(call.states(), QString());
        call.start();
        QCOMPARE(call.states(), s("greeting"));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.states(), s("listening"));
        call.speak(600ms);
        QCOMPARE(call.states(), s("caller-speaking"));
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(40ms);
        QCOMPARE(call.states(), s("deciding-turn thinking speaking"));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.states(), s("listening"));
        call.speak(600ms);
        QVERIFY(call.untilEnded());
        QCOMPARE(call.states(), s("caller-speaking deciding-turn thinking speaking ending ended"));
        QCOMPARE(call.summaries.last().reason, EndReason::Completed);
        QCOMPARE(call.summaries.last().turn, 3);
        QCOMPARE(call.summaries.last().endedAt, call.clock.wallNow());
        QCOMPARE(call.summaries.last().lastGap, call.turns.at(2).latency.total);
    }

    void theFirstSummarySaysWhoCalls()
    {
        Call call({.answers = {answering("Hello.")}});
        const QDateTime before = call.clock.wallNow();
        call.start();
        const CallSummary first = call.summaries.first();
        QCOMPARE(first.id, s("CA1"));
        QCOMPARE(first.from, s("+155••••0001"));
        QVERIFY(!first.to.contains(s("123")));
        QCOMPARE(first.direction, s("inbound"));
        QCOMPARE(first.language, s("en-US"));
        QCOMPARE(first.startedAt, before);
        QVERIFY(!first.test);
        QVERIFY(!call.log.first().data.contains(s("test")));
        QCOMPARE(first.turn, 0);
        QCOMPARE(call.summaries.last().turn, 1);
        QVERIFY(!call.summaries.last().lastGap);
    }

    void aTestCallIsMarked()
    {
        Call call({.answers = {answering("Hello.")}, .test = true});
        call.start();
        QVERIFY(call.summaries.first().test);
        QVERIFY(call.log.first().data.value(s("test")).toBool());
    }

    void theStateKeepsItsStartWhileOtherThingsChange()
    {
        Call call({.hears = {hearing("sales")}, .answers = {answering("Hello."), longAnswer}});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(600ms);
        QVERIFY(call.untilAgentSpeaks());
        const QDateTime since = call.summaries.last().stateSince;
        const auto shown = call.summaries.size();
        call.quiet(2000ms);
        QCOMPARE(call.summaries.size(), shown); // nothing has changed, nothing is said
        QCOMPARE(call.summaries.last().stateSince, since);
        QVERIFY(call.summaries.last().lastGap);
    }

    void aVoiceSilencesTheAgentAndItSpeaksOn()
    {
        Call call({.hears = {hearing("")}, .answers = {answering("Hello."), longAnswer}});
        call.start();
        call.quiet(20ms);
        QVERIFY(call.untilAgentIsSilent());
        call.press('1');
        call.quiet(1000ms);
        call.states();
        call.speak(240ms);
        QCOMPARE(call.states(), s("interrupted"));
        QVERIFY(call.untilAgentSpeaks(2500ms));
        QCOMPARE(call.states(), s("speaking"));
        QCOMPARE(call.summaries.last().interruptions, 0);
    }

    void aCoughIntoTheGreetingIsFollowedByTheGreeting()
    {
        Call call({.hears = {hearing("")}, .answers = {longAnswer}});
        call.start();
        call.quiet(1000ms);
        call.speak(240ms);
        QVERIFY(call.untilAgentSpeaks(2500ms));
        QCOMPARE(call.states(), s("greeting interrupted greeting"));
    }

    void aVoiceSilencesTheAgentForGood()
    {
        Call call(
            {.hears = {hearing("stop that", {s("stop that")})}, .answers = {longAnswer, answering("Very well.")}});
        call.start();
        call.quiet(1500ms);
        call.speak(800ms);
        QCOMPARE(call.states(), s("greeting interrupted caller-speaking"));
        QCOMPARE(call.summaries.last().interruptions, 1);
        QCOMPARE(call.summaries.last().turn, 1);
        QVERIFY(call.untilAgentSpeaks());
        QCOMPARE(call.states(), s("deciding-turn thinking speaking"));
        QCOMPARE(call.summaries.last().turn, 2);
    }

    void aBreathOfVoiceIsNotShown()
    {
        Call call({.answers = {answering("Hello.")}});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.states();
        call.speak(40ms);
        call.quiet(400ms);
        QCOMPARE(call.states(), QString());
    }

    void aSlowModelIsThinkingUntilTheFallbackSpeaks()
    {
        StandInManners silent;
        silent.fault = StandInManners::Fault::Hang;
        silent.faultAt = 2;
        Call call({.hears = {hearing("sales")}, .answers = {answering("Hello.")}, .llmManners = silent});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(600ms);
        call.states();
        for (int i = 0; i < 500 && call.events(s("FALLBACK")).isEmpty(); ++i)
            call.quiet(20ms);
        QCOMPARE(call.states(), s("deciding-turn thinking speaking")); // the filler is no answer
        QVERIFY(call.shownTurns.value(2).record.fallback);
        QCOMPARE(call.shownTurns.value(2).record.agentText, Lines.fallback);
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.states(), s("listening"));
    }

    void theLostStreamIsTheLastThatIsShown()
    {
        Call call({.answers = {answering("Hello.")}});
        call.start();
        call.hangUpWithoutStop();
        QCOMPARE(call.states(), s("greeting ended"));
        QCOMPARE(call.summaries.last().reason, EndReason::StreamLost);
        const auto shown = call.summaries.size();
        call.quiet(100ms);
        QCOMPARE(call.summaries.size(), shown);
    }

    void aCallThatNeverStartsIsNotShown()
    {
        Call call({});
        QVERIFY(call.session().command(OperatorCommand::Interrupt) == CommandOutcome::NothingToDo);
        call.stop();
        QVERIFY(call.end);
        QVERIFY(call.summaries.isEmpty());
        QVERIFY(call.transcript().isEmpty());
    }

    // ---- transcript ----
    void theTranscriptFollowsTheTurn()
    {
        Call call({.hears = {hearing("sales please", {s("sale"), s("sale"), s("sales"), s("sales please")}, false)},
            .answers = {answering("Hello. How can I help?"), answering("Sales is closed. Call again tomorrow.")}});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.transcript(),
            list({"1  |  | ", "1  | Hello. | ", "1  | Hello. How can I help? | ",
                "1  | Hello. How can I help? | Hello.", "1  | Hello. How can I help? | Hello. How can I help?",
                ".1  | Hello. How can I help? | Hello. How can I help?"}));
        const QDateTime before = call.clock.wallNow();
        call.speak(1000ms);
        QCOMPARE(call.transcript(), list({"2 sale? |  | ", "2 sales? |  | ", "2 sales please? |  | "}));
        QCOMPARE(call.summaries.last().turn, 1);
        const QDateTime began = call.shownTurns.value(2).startedAt;
        QVERIFY(began > before && before.msecsTo(began) <= 200);
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        const QStringList shown = call.transcript();
        QCOMPARE(shown.first(), s("2 sales please? |  | ")); // committed, and the final is awaited
        QVERIFY(shown.at(1).startsWith(s("2 sales please | ")));
        QCOMPARE(shown.last(),
            s(".2 sales please | Sales is closed. Call again tomorrow. | Sales is closed. Call again tomorrow."));
        QVERIFY(shown.contains(s("2 sales please | Sales is closed. Call again tomorrow. | Sales is closed.")));
        QCOMPARE(call.shownTurns.value(2).record, call.turns.at(1));
        QCOMPARE(call.shownTurns.value(2).startedAt, began);
    }

    void wordsThatAreStillAwaitedShowAsFarAsTheyAreKnown()
    {
        const auto gate = std::make_shared<StandInGate>();
        StandInManners slow;
        slow.gate = gate;
        Call call({.hears = {hearing("sales please", {s("sales")}, false)},
            .answers = {answering("Hello."), longAnswer},
            .sttManners = slow});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.transcript();
        call.speak(600ms);
        gate->release(1);
        call.quiet(700ms); // committed: the final is awaited
        QCOMPARE(call.transcript(), list({"2 sales? |  | "}));
        QCOMPARE(call.summaries.last().state, CallState::Thinking);
        gate->release(5);
        call.quiet(60ms);
        QCOMPARE(call.transcript().last(), s("2 sales please | ") + longAnswer.text + s(" | "));
    }

    void wordsAreFinalWhenTheRecogniserHasSpokenLast()
    {
        const auto gate = std::make_shared<StandInGate>();
        StandInManners slow;
        slow.gate = gate;
        Call call({.hears = {hearing("sales", {s("sales")})},
            .answers = {answering("Hello."), longAnswer},
            .sttManners = slow});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(600ms);
        gate->release(1);
        call.quiet(1000ms); // answered on the stable partial: the final may still differ
        QCOMPARE(call.summaries.last().state, CallState::Speaking);
        QCOMPARE(call.shownTurns.value(2).record.callerText, s("sales"));
        QVERIFY(!call.shownTurns.value(2).callerTextFinal);
        gate->release(5);
        call.quiet(20ms);
        QVERIFY(call.shownTurns.value(2).callerTextFinal);
        QVERIFY(call.shownTurns.value(2).open);
    }

    void aTurnBeginsWithItsOwnWordsNotWithACoughBefore()
    {
        Call call({.hears = {hearing(""), hearing("sales", {s("sales")})}, .answers = {longAnswer}});
        call.start();
        call.quiet(1000ms);
        call.speak(240ms); // into the greeting, which goes on
        QVERIFY(call.untilAgentSpeaks(2500ms));
        QVERIFY(call.untilAgentIsSilent());
        const QDateTime before = call.clock.wallNow();
        call.speak(600ms);
        QCOMPARE(call.shownTurns.last().record.callerText, s("sales"));
        QVERIFY(call.shownTurns.last().startedAt > before);
    }

    void anAnswerShowsSentenceBySentence()
    {
        const auto gate = std::make_shared<StandInGate>();
        StandInManners slow;
        slow.gate = gate;
        Call call({.hears = {hearing("sales")},
            .answers = {answering("Well. It is a long story. The end.")},
            .llmManners = slow,
            .llmChunk = 9});
        call.start();
        for (int i = 0; i < 10; ++i) {
            gate->release(1);
            call.quiet(20ms);
        }
        const QStringList shown = call.transcript();
        QVERIFY(!shown.filter(s("1  | Well. |")).isEmpty());
        QVERIFY(shown.filter(s("It is |")).isEmpty());
        QVERIFY(!shown.filter(s("1  | Well. It is a long story. |")).isEmpty());
        QVERIFY(!shown.filter(s("1  | Well. It is a long story. The end. |")).isEmpty());
    }

    void whatACoughLeftIsWithdrawn()
    {
        Call call({.hears = {hearing("mm", {s("mm")})}, .answers = {longAnswer}});
        call.start();
        call.quiet(1000ms);
        call.transcript();
        call.speak(400ms);
        QVERIFY(call.untilAgentSpeaks(2500ms));
        QCOMPARE(call.transcript(), list({"2 mm? |  | ", ".2 ? |  | "}));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.size(), 1);
    }

    void anInterruptionShowsBothTurns()
    {
        Call call(
            {.hears = {hearing("stop that", {s("stop that")})}, .answers = {longAnswer, answering("Very well.")}});
        call.start();
        call.quiet(1500ms);
        call.transcript();
        call.speak(800ms);
        const QStringList shown = call.transcript();
        QCOMPARE(shown.size(), 2);
        QVERIFY2(shown.first().startsWith(s(".1  | One")) && shown.first().endsWith(s(" | interrupted")),
            qPrintable(shown.first()));
        QCOMPARE(shown.last(), s("2 stop that? |  | "));
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.transcript().last(), s(".2 stop that | Very well. | Very well."));
    }

    void aCallerWhoGoesOnTakesTheWordsAlong()
    {
        StandInManners slow;
        slow.fault = StandInManners::Fault::Hang;
        slow.faultAt = 2;
        Call call(
            {.hears = {hearing("i need support", {s("i need support")}), hearing("for an order", {s("for an order")})},
                .answers = {answering("Hello."), answering("Support."), answering("Orders.")},
                .llmManners = slow});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(600ms);
        call.quiet(500ms);
        call.transcript();
        call.speak(600ms);
        QCOMPARE(call.transcript(), list({".2 i need support |  | ", "3 i need support for an order? |  | "}));
    }

    void wordsThatTheEndCutsOffStayToBeRead()
    {
        Call call({.hears = {hearing("i want to", {s("i want")})}, .answers = {answering("Hello.")}});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(600ms);
        call.transcript();
        call.stop();
        QCOMPARE(call.transcript(), list({".2 i want? |  | "}));
    }

    void keysShowAsTheTurnsWords()
    {
        Call call({.answers = {answering("Hello."), answering("Sales.")}});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.transcript();
        call.press('1');
        QCOMPARE(call.transcript().first(), s("2 1 |  | "));
        QCOMPARE(call.shownTurns.value(2).record.input, TurnInput::Keypad);
    }

    // ---- commands ----
    void theOperatorInterruptsTheGreeting()
    {
        session::Settings settings;
        settings.openingProtected = true;
        Call call({.hears = {hearing("sales")}, .answers = {longAnswer, answering("Sales.")}, .settings = settings});
        call.start();
        call.quiet(1500ms);
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::Done);
        call.quiet(20ms);
        QVERIFY(!call.agentIsHeard());
        QCOMPARE(call.states(), s("greeting listening"));
        QVERIFY(call.turns.at(0).interrupted);
        QVERIFY(!call.turns.at(0).heardText.isEmpty() && call.turns.at(0).heardText != longAnswer.text);
        const auto cut = call.events(s("BARGE_IN"));
        QCOMPARE(cut.size(), 1);
        QCOMPARE(cut.first().value(s("by")).toString(), s("operator"));
        QCOMPARE(call.summaries.last().interruptions, 1);
        call.speak(600ms);
        QVERIFY(call.untilAgentSpeaks());
        QCOMPARE(call.conversation->asked.last().text, s("sales"));
    }

    void theOperatorInterruptsAThinkingAgent()
    {
        StandInManners silent;
        silent.fault = StandInManners::Fault::Hang;
        silent.faultAt = 2;
        Call call({.hears = {hearing("sales"), hearing("support")},
            .answers = {answering("Hello."), answering("Sales."), answering("Support.")},
            .llmManners = silent});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(600ms);
        call.quiet(800ms);
        QCOMPARE(call.summaries.last().state, CallState::Thinking);
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::Done);
        QCOMPARE(call.summaries.last().state, CallState::Listening);
        QCOMPARE(call.turns.size(), 2);
        QVERIFY(call.turns.at(1).interrupted);
        QCOMPARE(call.conversation->cancelled, QList<int>{2});
        QCOMPARE(call.events(s("BARGE_IN")).size(), 1);
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::NothingToDo);
        call.speak(600ms);
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().callerText, s("support"));
        QCOMPARE(call.turns.last().heardText, s("Support."));
    }

    void theOperatorInterruptsTheFiller()
    {
        StandInManners silent;
        silent.fault = StandInManners::Fault::Hang;
        silent.faultAt = 2;
        Call call({.hears = {hearing("sales")}, .answers = {answering("Hello.")}, .llmManners = silent});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(600ms);
        QVERIFY(call.untilAgentSpeaks(3000ms));
        QCOMPARE(call.events(s("FILLER")).size(), 1);
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::Done);
        call.quiet(20ms);
        QVERIFY(!call.agentIsHeard());
        QCOMPARE(call.turns.size(), 2);
        QVERIFY(call.turns.at(1).interrupted);
        call.quiet(5000ms);
        QVERIFY(call.events(s("FALLBACK")).isEmpty());
    }

    void anAnswerThatTheOperatorTakesBackTakesItsExpectationAlong_data()
    {
        QTest::addColumn<int>("after");
        QTest::newRow("nothing is heard") << 1000;
        QTest::newRow("the filler is heard") << 2800;
    }
    void anAnswerThatTheOperatorTakesBackTakesItsExpectationAlong()
    {
        QFETCH(int, after);
        StandInManners voiceless;
        voiceless.fault = StandInManners::Fault::Hang;
        voiceless.faultAt = 2;
        providers::Expectation message;
        message.kind = providers::Expectation::Kind::Message;
        Call call({.hears = {hearing("sales"), hearing("support")},
            .answers = {answering("Hello."), {s("Speak now."), message, false}, answering("Support.")},
            .ttsManners = voiceless});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(600ms);
        call.quiet(Milliseconds(after));
        QCOMPARE(call.summaries.last().state, CallState::Thinking);
        QCOMPARE(call.agentIsHeard(), after > 2000);
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::Done);
        QCOMPARE(call.turns.size(), 2);
        call.speak(600ms);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QCOMPARE(call.conversation->asked.last().kind, providers::UserTurn::Kind::Voice);
        QCOMPARE(call.conversation->asked.last().text, s("support"));
    }

    void theOperatorInterruptsAPausedAgentAndTheCallerIsHeard()
    {
        Call call({.hears = {hearing("support")}, .answers = {longAnswer, answering("Support.")}});
        call.start();
        call.quiet(1500ms);
        call.speak(300ms);
        QCOMPARE(call.states(), s("greeting interrupted"));
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::Done);
        QCOMPARE(call.states(), s("caller-speaking"));
        call.speak(400ms);
        QVERIFY(call.untilAgentSpeaks());
        QCOMPARE(call.conversation->asked.last().text, s("support"));
    }

    void theOperatorInterruptsAPrompt()
    {
        Call call({.answers = {answering("Hello.")}});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        QVERIFY(call.untilAgentSpeaks());
        call.states();
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::Done);
        QCOMPARE(call.states(), s("listening"));
        QCOMPARE(call.turns.size(), 1);
        QCOMPARE(call.events(s("BARGE_IN")).first().value(s("turn")).toInt(), 0);
    }

    void thereIsNothingToInterruptInAListeningAgent()
    {
        Call call({.hears = {hearing("sales")}, .answers = {answering("Hello.")}});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::NothingToDo);
        call.speak(600ms);
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::NothingToDo);
        QVERIFY(call.events(s("BARGE_IN")).isEmpty());
    }

    void theOperatorEndsWithAGoodbye()
    {
        Call call({.answers = {longAnswer}});
        call.start();
        call.quiet(500ms);
        QCOMPARE(call.session().command(OperatorCommand::End), CommandOutcome::Done);
        QCOMPARE(call.summaries.last().state, CallState::Ending);
        QVERIFY(call.agentIsHeard() || call.untilAgentSpeaks(100ms));
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::NothingToDo);
        QCOMPARE(call.session().command(OperatorCommand::End), CommandOutcome::Done); // it is on its way
        QVERIFY(call.untilEnded(20s));
        QCOMPARE(call.states(), s("greeting ending ended"));
        QCOMPARE(call.end->reason, EndReason::OperatorEnded);
        QCOMPARE(call.events(s("GOODBYE")).size(), 1);
        QVERIFY(call.events(s("BARGE_IN")).isEmpty()); // nobody has interrupted
        QCOMPARE(call.summaries.last().interruptions, 0);
        QCOMPARE(call.session().command(OperatorCommand::End), CommandOutcome::NoSuchCall);
        QCOMPARE(call.session().command(OperatorCommand::Interrupt), CommandOutcome::NoSuchCall);
    }

    void theOperatorEndsAtOnce_data()
    {
        QTest::addColumn<int>("after");
        QTest::newRow("the greeting is heard") << 500;
        QTest::newRow("the caller has the floor") << 3000;
        QTest::newRow("the prompt is heard") << 9500;
    }
    void theOperatorEndsAtOnce()
    {
        QFETCH(int, after);
        Call call({.answers = {answering("Hello there.")}});
        call.start();
        call.quiet(Milliseconds(after));
        QCOMPARE(call.session().command(OperatorCommand::EndNow), CommandOutcome::Done);
        QVERIFY(call.end);
        QCOMPARE(call.end->reason, EndReason::OperatorEnded);
        QCOMPARE(call.channel().closedWith, quint16(1000));
        QVERIFY(call.events(s("GOODBYE")).isEmpty());
    }

    void theOperatorEndsACallThatIsSayingGoodbye()
    {
        Call call({.answers = {answering("Goodbye and thank you for calling.", true)}});
        call.start();
        call.quiet(500ms);
        QCOMPARE(call.summaries.last().state, CallState::Ending);
        QCOMPARE(call.session().command(OperatorCommand::EndNow), CommandOutcome::Done);
        QVERIFY(call.end);
        QCOMPARE(call.end->reason, EndReason::Completed); // the first reason stands
    }

    void theOperatorEndsAStreamThatHasNotStarted()
    {
        Call call({});
        QCOMPARE(call.session().command(OperatorCommand::End), CommandOutcome::Done);
        QCOMPARE(call.end->reason, EndReason::OperatorEnded);
    }

    void aMessageLeftIntoTheFallbackLineIsKept()
    {
        StandInManners silent;
        silent.fault = StandInManners::Fault::Hang;
        silent.faultAt = 2;
        Call call({.hears = {hearing("sales")}, .answers = {answering("Hello.")}, .llmManners = silent});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(800ms);
        for (int i = 0; i < 500 && call.events(s("FALLBACK")).isEmpty(); ++i)
            call.quiet(20ms);
        call.quiet(400ms);
        call.speak(4000ms); // over the line
        QVERIFY(call.untilEnded(20s));
        QCOMPARE(call.events(s("MESSAGE")).size(), 1);
        QCOMPARE(call.end->reason, EndReason::Completed);
    }
};

QTEST_GUILESS_MAIN(TestCallNews)
#include "tst_callnews.moc"
