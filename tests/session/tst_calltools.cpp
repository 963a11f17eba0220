// SPDX-License-Identifier: Apache-2.0
#include "engine/media/dtmftones.h"
#include "tests/session/callfixture.h"
#include "tests/support/vendorserver.h"

#include <QDir>
#include <QJsonDocument>
#include <QRegularExpression>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

StandInAnswer says(const QString& text)
{
    return {text, {}, false, {}, {}, {}};
}

/// What is said before a tool is a sentence: models' conversations see to that.
StandInAnswer calls(const QString& text, const QString& tool, const QJsonObject& arguments = {},
    const QString& afterwards = {}, bool endCall = false)
{
    return {text.isEmpty() ? text : text + u'\n', {}, endCall, tool, afterwards, arguments};
}

std::shared_ptr<providers::Persona> persona()
{
    auto made = std::make_shared<providers::Persona>();
    made->name = u"day"_s;
    made->tools = {u"end_call"_s, u"transfer"_s, u"take_message"_s, u"send_dtmf"_s};
    made->transferTargets = {{u"sales"_s, u"+15551239876"_s}};
    return made;
}

StandInUtterance hears(const QString& text)
{
    return {text, 0.9, {text}, true};
}

/// All sound that the agent sent.
QByteArray soundOf(Call& call)
{
    QByteArray sound;
    for (const QJsonObject& message : call.channel().sent) {
        if (message.value(u"event"_s) == u"media"_s)
            sound +=
                QByteArray::fromBase64(message.value(u"media"_s).toObject().value(u"payload"_s).toString().toLatin1());
    }
    return sound;
}

} // namespace

/// A model that calls tools in the middle of a call.
class TstCallTools final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(u".?"_s));
        m_server = std::make_unique<VendorServer>();
        m_persona = persona();
        m_persona->httpTools = {{u"price"_s, u"The price."_s, {}, m_server->url(u"/price"_s).toString(), 12s, true}};
    }

    // ---- whose call it is ----
    void theCalledNumbersPersonaAnswers()
    {
        m_persona->language = u"he-IL"_s;
        Call call({.answers = {says(u"Hello."_s)}, .persona = m_persona});
        call.start();
        const QJsonObject started = call.log.first().data;
        QCOMPARE(started.value(u"persona"_s).toString(), u"day"_s);
        QCOMPARE(started.value(u"language"_s).toString(), u"he-IL"_s);
    }

    void aProtectedGreetingIsHeardOut_data()
    {
        QTest::addColumn<bool>("isProtected");
        QTest::newRow("protected") << true;
        QTest::newRow("not protected") << false;
    }
    void aProtectedGreetingIsHeardOut()
    {
        QFETCH(bool, isProtected);
        m_persona->greetingProtected = isProtected;
        Call call({.hears = {hears(u"stop"_s)},
            .answers = {says(u"This call may be recorded for training and for quality."_s)},
            .persona = m_persona});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(500ms);
        call.speak(900ms);
        QCOMPARE(call.count(u"clear"_s) == 0, isProtected);
    }

    // ---- the built-in tools ----
    void theModelEndsTheCall()
    {
        Call call({.answers = {calls(u"Goodbye to you."_s, u"end_call"_s)}, .persona = m_persona});
        call.start();
        QVERIFY(call.untilEnded());
        QCOMPARE(call.end->reason, EndReason::Completed);
        QVERIFY(!call.end->passedOn);
        QCOMPARE(call.turns.last().heardText, u"Goodbye to you."_s);
        QVERIFY(call.events(u"TOOL"_s).first().value(u"ok"_s).toBool());
        QCOMPARE(call.events(u"TOOL"_s).first().value(u"name"_s).toString(), u"end_call"_s);
    }

    void aCallIsPassedOnWhenTheWordsBeforeItAreHeard()
    {
        Call call({.answers = {calls(u"I will connect you."_s, u"transfer"_s, {{u"to"_s, u"Sales"_s}})},
            .persona = m_persona});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(!call.end);
        QVERIFY(call.untilEnded());
        QCOMPARE(call.end->reason, EndReason::Completed);
        QVERIFY(call.end->passedOn && call.passedOn);
        QCOMPARE(call.passedOn->target.number, u"+15551239876"_s);
        QCOMPARE(call.turns.last().heardText, u"I will connect you."_s);
        QCOMPARE(call.events(u"TRANSFER"_s).first().value(u"to"_s).toString(), u"sales"_s);
        for (const calllog::Entry& entry : call.log)
            QVERIFY(!QJsonDocument(entry.data).toJson().contains("15551239876"));
    }

    void whoeverIsPassedOnWithoutAWordHearsNoGoodbye()
    {
        Call call({.answers = {calls({}, u"transfer"_s)}, .persona = m_persona});
        call.start();
        QVERIFY(call.untilEnded());
        QVERIFY(call.end->passedOn && call.passedOn);
        QCOMPARE(call.passedOn->target.number, u"+15551239876"_s);
        QVERIFY(!call.tokens().contains(u"GOODBYE"_s));
        const StandInTextToSpeech voice;
        QVERIFY(soundOf(call).startsWith(voice.audioOf(Lines.filler)));
    }

    void aCallerWhoHangsUpIsNotPassedOn()
    {
        Call call({.answers = {calls(u"I will connect you."_s, u"transfer"_s, {}, u"It takes a while."_s)},
            .llmManners = {.gate = m_gate},
            .persona = m_persona});
        call.start();
        m_gate->release(); // the text
        call.quiet(100ms);
        m_gate->release(); // the tool
        call.quiet(100ms);
        call.stop();
        QVERIFY(call.end);
        QCOMPARE(call.end->reason, EndReason::CallerHungUp);
        QVERIFY(!call.end->passedOn);
    }

    void tonesAreHeardInTheirPlaceAndAreNotWords()
    {
        Call call({.answers = {calls(u"I press it."_s, u"send_dtmf"_s, {{u"digits"_s, u"42"_s}}, u"Done."_s)},
            .persona = m_persona});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        const QByteArray sound = soundOf(call);
        const qsizetype tones = sound.indexOf(media::dtmfTones(u"42"));
        QVERIFY(tones > 0);
        const StandInTextToSpeech voice;
        QVERIFY(sound.indexOf(voice.audioOf(u"I press it."_s)) < tones);
        QVERIFY(sound.indexOf(voice.audioOf(u"Done."_s), tones) > tones);
        QCOMPARE(call.conversation->heardTexts.last().text, u"I press it. Done."_s);
        QVERIFY(!QJsonDocument(call.events(u"TOOL"_s).first()).toJson().contains("42"));
    }

    void aMessageIsRecordedAfterTheAnswer()
    {
        Call call(
            {.answers = {calls(u"Please speak."_s, u"take_message"_s), says(u"Thank you."_s)}, .persona = m_persona});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(1500ms);
        QVERIFY(call.untilAgentSpeaks());
        QCOMPARE(call.conversation->asked.size(), 2);
        QCOMPARE(call.conversation->asked[1].kind, providers::UserTurn::Kind::Message);
        QCOMPARE(QDir(call.directory.path()).entryList(QDir::Files).size(), 1);
        call.stop();
        const QJsonObject ended = call.log.last().data;
        QVERIFY(!ended.value(u"facts"_s).toObject().value(u"message"_s).toString().isEmpty());
    }

    void aToolThatIsNotOfferedIsAResultToo()
    {
        Call call({.answers = {calls({}, u"format_disk"_s, {}, u"I cannot do that."_s)}, .persona = m_persona});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.conversation->toolResults.size(), 1);
        QCOMPARE(call.conversation->toolResults[0].second.value(u"error"_s).toString(), u"there is no such tool"_s);
        QCOMPARE(call.turns.first().heardText, u"I cannot do that."_s);
        QVERIFY(!call.events(u"TOOL"_s).first().value(u"ok"_s).toBool());
    }

    void aToolOfATurnThatIsOverIsNotCarriedOut()
    {
        Call call({.answers = {says(u"Hello."_s)}, .persona = m_persona});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        Q_EMIT call.conversation->toolCalled(1, {u"late"_s, u"end_call"_s, {}});
        call.quiet(100ms);
        for (const QJsonObject& tool : call.events(u"TOOL"_s))
            QVERIFY(!tool.value(u"ok"_s).toBool());
        call.quiet(3s);
        QVERIFY(!call.end);
    }

    // ---- slow tools ----
    void whoWaitsForAToolHearsThatSomethingIsDone_data()
    {
        QTest::addColumn<QString>("before");
        QTest::newRow("nothing was said before the tool") << QString();
        QTest::newRow("a sentence was said before it") << u"Let me look."_s;
    }
    void whoWaitsForAToolHearsThatSomethingIsDone()
    {
        QFETCH(QString, before);
        Call call({.hears = {hears(u"how much is it"_s)},
            .answers = {says(u"Hello."_s), calls(before, u"price"_s, {}, u"It is eighty."_s)},
            .persona = m_persona});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.longestSilenceOwed = 0ms;
        call.speak(900ms);
        for (int i = 0; i < 450; ++i) { // nine seconds, in which the tool does not answer
            call.quiet(20ms);
            if (m_server->exchanges.isEmpty())
                QTest::qWait(1);
        }
        QTRY_COMPARE(m_server->exchanges.size(), 1);
        QVERIFY(!call.tokens().contains(u"FALLBACK"_s));
        QVERIFY(call.events(u"TOOL_WAIT"_s).size() >= 1);
        QVERIFY2(call.longestSilenceOwed < 5s, qPrintable(QString::number(call.longestSilenceOwed.count())));
        QVERIFY(call.longestSilenceOwed >= 2s); // and not in every breath

        m_server->exchanges.first()->answer(200, "application/json", R"({"price":80})");
        QTRY_COMPARE((call.quiet(20ms), call.conversation->toolResults.size()), 1);
        QCOMPARE(call.conversation->toolResults[0].second.value(u"price"_s).toInt(), 80);
        QVERIFY(call.untilAgentIsSilent());
        // The waiting lines are the engine's, not what the model believes it said.
        QCOMPARE(call.conversation->heardTexts.last().text,
            before.isEmpty() ? u"It is eighty."_s : before + u" It is eighty."_s);
        QCOMPARE(call.turns.last().heardText, call.conversation->heardTexts.last().text);
        QVERIFY(!call.turns.last().fallback);
    }

    void aToolThatIsQuickIsNotExcused()
    {
        m_server->handler = [](VendorExchange& exchange) { exchange.answer(200, "text/plain", "80"); };
        Call call({.answers = {calls(u"Let me look."_s, u"price"_s, {}, u"It is eighty."_s)}, .persona = m_persona});
        call.start();
        QTRY_COMPARE((call.quiet(20ms), call.conversation->toolResults.size()), 1);
        QVERIFY(call.untilAgentIsSilent());
        QVERIFY(!call.tokens().contains(u"TOOL_WAIT"_s));
        QCOMPARE(call.turns.first().heardText, u"Let me look. It is eighty."_s);
    }

    void aToolThatNeverAnswersIsToldOfInTime()
    {
        Call call({.answers = {calls(u"Let me look."_s, u"price"_s, {}, u"The price is not to be had."_s)},
            .persona = m_persona});
        call.start();
        QTRY_COMPARE((call.quiet(20ms), m_server->exchanges.size()), 1);
        call.quiet(12s);
        QTRY_COMPARE((call.quiet(20ms), call.conversation->toolResults.size()), 1);
        QCOMPARE(call.conversation->toolResults[0].second.value(u"error"_s).toString(), u"it did not answer in time"_s);
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.first().heardText, u"Let me look. The price is not to be had."_s);
    }

    void aCallerWhoGoesOnWhileAToolWorksIsAnswered()
    {
        Call call({.hears = {hears(u"never mind"_s)},
            .answers = {calls(u"Let me look."_s, u"price"_s, {}, u"It is eighty."_s), says(u"As you like."_s)},
            .persona = m_persona});
        call.start();
        QTRY_COMPARE((call.quiet(20ms), m_server->exchanges.size()), 1);
        call.quiet(2s);
        call.speak(900ms);
        QTRY_COMPARE((call.quiet(20ms), call.conversation->asked.size()), 2);
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().heardText, u"As you like."_s);
        m_server->exchanges.first()->answer(200, "text/plain", "80");
        QTRY_COMPARE((call.quiet(20ms), call.conversation->toolResults.size()), 1); // taken, and nothing comes of it
    }

    void aToolWaitsUntilTheCallersWordsAreCertain()
    {
        Call call({.hears = {{u"sell it not"_s, 0.9, {u"sell it"_s}, true}},
            .answers = {says(u"Hello."_s), calls({}, u"price"_s, {}, u"It is done."_s)},
            .sttManners = {.gate = m_gate},
            .persona = m_persona});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(900ms);
        m_gate->release(); // the interim
        QTRY_COMPARE((call.quiet(20ms), call.conversation->asked.size()), 2); // answered by what was heard so far
        QCOMPARE(call.conversation->asked[1].text, u"sell it"_s);
        call.quiet(200ms);
        QTest::qWait(20);
        QCOMPARE(m_server->connections, 0);
        m_gate->release(); // the final is another
        QTRY_COMPARE((call.quiet(20ms), call.conversation->asked.size()), 3);
        QTRY_COMPARE((call.quiet(20ms), m_server->exchanges.size()), 1);
        m_server->exchanges.first()->answer(200, "text/plain", "done");
        QTRY_COMPARE((call.quiet(20ms), call.conversation->toolResults.size()), 1);
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(m_server->exchanges.size(), 1); // once, for the words that count
        QCOMPARE(call.turns.last().callerText, u"sell it not"_s);
    }

    void aFinalThatNeverComesHoldsNoToolForEver()
    {
        Call call({.hears = {hears(u"how much"_s)},
            .answers = {says(u"Hello."_s), calls({}, u"price"_s, {}, u"It is eighty."_s)},
            .sttManners = {.gate = m_gate},
            .persona = m_persona});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(900ms);
        m_gate->release(); // the interim, and nothing after it
        QTRY_COMPARE((call.quiet(20ms), call.conversation->asked.size()), 2);
        call.quiet(1500ms);
        QTRY_COMPARE((call.quiet(20ms), m_server->exchanges.size()), 1);
    }

    void aCallThatEndsGivesUpItsTools()
    {
        Call call({.answers = {calls(u"Let me look."_s, u"price"_s, {}, u"It is eighty."_s)}, .persona = m_persona});
        call.start();
        QTRY_COMPARE((call.quiet(20ms), m_server->exchanges.size()), 1);
        call.stop();
        QVERIFY(call.end);
        QTRY_VERIFY(m_server->exchanges.first()->isGone());
    }

private:
    std::unique_ptr<VendorServer> m_server;
    std::shared_ptr<providers::Persona> m_persona;
    std::shared_ptr<StandInGate> m_gate = std::make_shared<StandInGate>();
};

QTEST_GUILESS_MAIN(TstCallTools)
#include "tst_calltools.moc"
