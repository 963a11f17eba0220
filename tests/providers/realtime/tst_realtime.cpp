// SPDX-License-Identifier: Apache-2.0
#include "tests/providers/realtime/realtimecaller.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QThread>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using providers::Persona;
using providers::UserTurn;

/// Calls with a model that hears and speaks: what the vendor is told, and what the engine is.
class TestRealtime final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_vendor = std::make_unique<RealtimeStandIn>();
        m_clock = std::make_unique<FakeClock>();
    }
    void cleanup()
    {
        m_caller.reset();
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
        m_vendor.reset();
    }

    void aCallersWordsAreAnsweredAloud_data();
    void aCallersWordsAreAnsweredAloud();
    void theSessionIsConfiguredForTheCall();
    void bothEndsShareOneConnection();
    void theRecogniserServesAnyModel();
    void theModelServesAnyRecogniser();
    void soundArrivesAsItWasSpoken();
    void hebrewIsWholeHoweverItIsCut();
    void keysAreTold();
    void silenceAndMessagesAreTold();
    void theGreetingIsSaidWordForWord();
    void withoutAGreetingTheModelOpens();
    void whoInterruptsHasHeardOnlySoMuch_data();
    void whoInterruptsHasHeardOnlySoMuch();
    void interruptedInMidAnswer_data();
    void interruptedInMidAnswer();
    void aWholeAnswerIsNotCut();
    void aTurnTakenBackLeavesNothing();
    void aTurnThatGoesOnIsAskedWithAllOfIt();
    void aCancelledAnswersLateWordsAreNotHeard();
    void theNextQuestionWaitsForTheCancelledAnswer();
    void aCoughIsForgotten();
    void hintsThatAreRepeatedAreNoWords();
    void aDroppedUtteranceLeavesNoTrace();
    void aShortNoiseIsNothing();
    void anEndlessUtteranceIsBounded();
    void amendedKeysStandWhereTheyStood();
    void aToolIsCalledAndItsResultAnswered();
    void aToolAnsweredAtOnce();
    void aCancelledToolsResultIsTakenSilently();
    void unknownToolsAndBrokenArgumentsAreRefused();
    void theModelHangsUp();
    void theModelTakesAMessage();
    void aModelThatOnlyCallsToolsIsMadeToSpeak();
    void anEndlessAnswerIsCut();
    void aConversationIsTakenOver();
    void anotherConversationTakesItsPlace();
    void aNewConnectionIsToldTheConversation();
    void aConnectionOpenedAheadIsUsed();
    void aConnectionOpenedAheadAndNotUsedEnds();
    void twoCallsOnOneThread();
    void twoCallsOnTwoThreads();
    void objectsMayBeDeletedInTheirOwnSignals();
    void serversThatNameNeitherCausesNorMetadata();

private:
    RealtimeCaller& start(const Persona& persona = {}, const QString& id = QStringLiteral("CA1"))
    {
        m_caller = std::make_unique<RealtimeCaller>(settingsFor(*m_vendor), *m_clock, callOf(id, persona));
        m_caller->open();
        m_vendor->sessions.clear(); // of the probes
        return *m_caller;
    }
    RealtimeSession& session() { return m_vendor->session(); }
    static Persona withTools()
    {
        Persona persona;
        persona.tools = QStringList{QStringLiteral("end_call"), QStringLiteral("take_message")};
        providers::HttpTool tool;
        tool.name = QStringLiteral("table_free");
        tool.description = QStringLiteral("Is a table free?");
        persona.httpTools.append(tool);
        return persona;
    }
    static RealtimeAnswer calling(const QString& name, const QString& arguments, const QString& words = {})
    {
        RealtimeAnswer answer;
        answer.transcript = words;
        answer.milliseconds = words.isEmpty() ? 0 : 200;
        static int ids = 0;
        answer.calls.append({QStringLiteral("call_%1").arg(++ids), name, arguments});
        return answer;
    }
    static RealtimeAnswer held(int after, const QString& words = QStringLiteral("One two three four"))
    {
        RealtimeAnswer answer;
        answer.transcript = words;
        answer.holdAfter = after;
        return answer;
    }

    std::unique_ptr<RealtimeStandIn> m_vendor;
    std::unique_ptr<FakeClock> m_clock;
    std::unique_ptr<RealtimeCaller> m_caller;
};

void TestRealtime::aCallersWordsAreAnsweredAloud_data()
{
    QTest::addColumn<bool>("isBeta");
    QTest::newRow("as the vendor speaks now") << false;
    QTest::newRow("as it spoke before") << true;
}

void TestRealtime::aCallersWordsAreAnsweredAloud()
{
    QFETCH(bool, isBeta);
    m_vendor->isBeta = isBeta;
    m_vendor->transcripts = QStringList{QStringLiteral("I want a table, please.")};
    RealtimeCaller& caller = start();
    QVERIFY(caller.conversation->speaks());
    caller.say(1);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 1 i want a table please")));
    QVERIFY(caller.has(QStringLiteral("partial 1 i want a ta")));
    QCOMPARE(caller.error.message, QString());
    caller.ask(1, caller.words);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(caller.text, QStringLiteral("Yes, certainly."));
    QCOMPARE(caller.audio.size(), 400 * 8);
    QCOMPARE(session().conversation(), QStringLiteral("user:(500 ms)|assistant:(400 ms)"));
    QCOMPARE(session().errors, QStringList());
    QCOMPARE(session().headers.value("openai-beta"), isBeta ? QByteArray("realtime=v1") : QByteArray());
    QCOMPARE(caller.next.kind, providers::Expectation::Kind::Speech);
    QVERIFY(caller.next.interruptible);
}

void TestRealtime::theSessionIsConfiguredForTheCall()
{
    Persona persona = withTools();
    persona.language = QStringLiteral("he-IL");
    persona.systemPrompt = QStringLiteral("You run the Blue Door.");
    persona.voices.insert(QStringLiteral("realtime"), QStringLiteral("cedar"));
    persona.model = QStringLiteral("gpt-realtime-mini");
    persona.phrases = QStringList{QStringLiteral("Blue Door"), QStringLiteral("הדלת הכחולה")};
    start(persona);
    QTRY_VERIFY(!m_vendor->sessions.empty() && !session().configuration.isEmpty());
    QCOMPARE(session().path, QStringLiteral("/v1/realtime?model=gpt-realtime-mini"));
    const QJsonObject told = session().configuration;
    QCOMPARE(told[QStringLiteral("type")].toString(), QStringLiteral("realtime"));
    QVERIFY(told[QStringLiteral("instructions")].toString().startsWith(QStringLiteral("You run the Blue Door.\n")));
    QVERIFY(told[QStringLiteral("instructions")].toString().contains(QStringLiteral("Speak Hebrew (he-IL)")));
    const QJsonObject audio = told[QStringLiteral("audio")].toObject();
    const QJsonObject input = audio[QStringLiteral("input")].toObject();
    QVERIFY(input.contains(QStringLiteral("turn_detection")));
    QVERIFY(input[QStringLiteral("turn_detection")].isNull());
    QCOMPARE(input[QStringLiteral("transcription")].toObject(),
        (QJsonObject{{QStringLiteral("model"), QStringLiteral("gpt-4o-mini-transcribe")},
            {QStringLiteral("language"), QStringLiteral("he")},
            {QStringLiteral("prompt"), QStringLiteral("Blue Door, הדלת הכחולה")}}));
    QCOMPARE(audio[QStringLiteral("output")].toObject()[QStringLiteral("voice")].toString(), QStringLiteral("cedar"));
    QStringList tools;
    for (const QJsonValue& tool : told[QStringLiteral("tools")].toArray())
        tools.append(tool.toObject()[QStringLiteral("name")].toString());
    QCOMPARE(
        tools, (QStringList{QStringLiteral("end_call"), QStringLiteral("take_message"), QStringLiteral("table_free")}));
}

void TestRealtime::bothEndsShareOneConnection()
{
    RealtimeCaller& caller = start();
    caller.say(1);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 1 hello there")));
    caller.ask(1, caller.words);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(m_vendor->sessions.size(), size_t(1));
    // The connection ends with the call, not before.
    caller.conversation.reset();
    caller.say(2);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 2 hello there")));
    QCOMPARE(m_vendor->sessions.size(), size_t(1));
    caller.stream.reset();
    QTRY_VERIFY(!session().isOpen);
}

void TestRealtime::theRecogniserServesAnyModel()
{
    m_caller = std::make_unique<RealtimeCaller>(settingsFor(*m_vendor), *m_clock, callOf(QStringLiteral("CA1")));
    m_caller->openStream();
    for (int i = 1; i <= 3; ++i) {
        m_caller->say(i);
        QTRY_VERIFY(m_caller->has(QStringLiteral("heard %1 hello there").arg(i)));
    }
    // Nobody converses: the vendor's conversation does not grow.
    QTRY_COMPARE(session().conversation(), QString());
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::theModelServesAnyRecogniser()
{
    m_caller = std::make_unique<RealtimeCaller>(settingsFor(*m_vendor), *m_clock, callOf(QStringLiteral("CA1")));
    m_caller->openConversation();
    m_caller->ask(1, QStringLiteral("what do you serve"));
    QTRY_VERIFY(m_caller->has(QStringLiteral("answered 1")));
    QCOMPARE(session().conversation(), QStringLiteral("user:what do you serve|assistant:(400 ms)"));
    // The words of another recogniser, while ours has heard something else.
    m_caller->openStream();
    m_caller->say(2);
    QTRY_VERIFY(m_caller->has(QStringLiteral("heard 2 hello there")));
    m_caller->ask(2, QStringLiteral("yellow bear"));
    QTRY_VERIFY(m_caller->has(QStringLiteral("answered 2")));
    QCOMPARE(session().conversation(),
        QStringLiteral("user:what do you serve|assistant:(400 ms)|user:yellow bear|assistant:(400 ms)"));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::soundArrivesAsItWasSpoken()
{
    RealtimeCaller& caller = start();
    caller.stream->beginUtterance(1, {});
    std::vector<qint16> ramp(8000);
    for (size_t i = 0; i < ramp.size(); ++i)
        ramp[i] = qint16(int(i) * 8 - 32000);
    caller.stream->write(std::span<const qint16>(ramp).first(333));
    caller.stream->write(std::span<const qint16>(ramp).subspan(333));
    caller.stream->endUtterance(1);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 1 hello there")));
    QByteArray expected(qsizetype(ramp.size()), 0);
    media::encodeMulaw(ramp, {reinterpret_cast<quint8*>(expected.data()), ramp.size()});
    QCOMPARE(session().audio, expected);
}

void TestRealtime::hebrewIsWholeHoweverItIsCut()
{
    m_vendor->setFault(VendorFault::SlowBytes);
    m_vendor->transcripts = QStringList{QStringLiteral("אני רוצה לדבר עם עו״ד כהן, בבקשה")};
    RealtimeAnswer answer;
    answer.transcript = QStringLiteral("בוודאי, ד״ר. רק רגע 🙂");
    answer.milliseconds = 200;
    m_vendor->answers.push_back(answer);
    Persona persona;
    persona.language = QStringLiteral("he-IL");
    RealtimeCaller& caller = start(persona);
    caller.say(1);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 1 אני רוצה לדבר עם עו״ד כהן בבקשה")));
    caller.ask(1, caller.words);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(caller.text, answer.transcript);
}

void TestRealtime::keysAreTold()
{
    RealtimeCaller& caller = start();
    caller.ask(1, QStringLiteral("12#"), UserTurn::Kind::Keypad);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(session().conversation(), QStringLiteral("user:(The caller pressed the keys 12#)|assistant:(400 ms)"));
}

void TestRealtime::silenceAndMessagesAreTold()
{
    RealtimeCaller& caller = start();
    caller.ask(1, {}, UserTurn::Kind::Silence);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    UserTurn message;
    message.kind = UserTurn::Kind::Message;
    message.turn = 2;
    message.messageLength = 4200ms;
    message.messageRef = QStringLiteral("M7");
    caller.conversation->ask(message);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2")));
    QCOMPARE(session().conversation(),
        QStringLiteral(
            "system:(The caller is silent.)|assistant:(400 ms)|system:(The caller left a recorded message of "
            "4 seconds.)|assistant:(400 ms)"));
    QCOMPARE(caller.conversation->facts().value(QStringLiteral("message")), QStringLiteral("M7"));
    caller.conversation->cancel(2);
    QVERIFY(caller.conversation->facts().isEmpty());
}

void TestRealtime::theGreetingIsSaidWordForWord()
{
    Persona persona = withTools();
    persona.greeting = QStringLiteral("שלום, הגעתם לדלת הכחולה.");
    persona.greetingProtected = true;
    RealtimeCaller& caller = start(persona);
    caller.ask(1, {}, UserTurn::Kind::Opening);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    const QJsonObject asked =
        session().of(QStringLiteral("response.create")).value(0)[QStringLiteral("response")].toObject();
    QVERIFY(asked[QStringLiteral("instructions")].toString().endsWith(QLatin1Char('\n') + persona.greeting));
    QVERIFY(asked[QStringLiteral("instructions")].toString().contains(QStringLiteral("word for word")));
    QCOMPARE(asked[QStringLiteral("input")].toArray(), QJsonArray());
    QVERIFY(asked.contains(QStringLiteral("input")));
    QCOMPARE(asked[QStringLiteral("tool_choice")].toString(), QStringLiteral("none"));
    QVERIFY(!caller.next.interruptible);
    caller.ask(2, QStringLiteral("hello"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2")));
    QVERIFY(caller.next.interruptible);
}

void TestRealtime::withoutAGreetingTheModelOpens()
{
    RealtimeCaller& caller = start();
    caller.ask(1, {}, UserTurn::Kind::Opening);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QVERIFY(session().conversation().startsWith(QStringLiteral("system:(The telephone call begins")));
}

void TestRealtime::whoInterruptsHasHeardOnlySoMuch_data()
{
    QTest::addColumn<int>("heard");
    QTest::addColumn<QString>("remembered");
    QTest::newRow("half of it") << 170 << QStringLiteral("user:hi|assistant:(170 ms)");
    QTest::newRow("nothing") << 0 << QStringLiteral("user:hi");
    QTest::newRow("all of it") << 400 << QStringLiteral("user:hi|assistant:(400 ms)");
    QTest::newRow("more than there was") << 9000 << QStringLiteral("user:hi|assistant:(400 ms)");
    QTest::newRow("less than nothing") << -5 << QStringLiteral("user:hi");
}

void TestRealtime::whoInterruptsHasHeardOnlySoMuch()
{
    QFETCH(int, heard);
    QFETCH(QString, remembered);
    RealtimeCaller& caller = start();
    caller.ask(1, QStringLiteral("hi"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    caller.conversation->heard(1, QStringLiteral("Yes"), true, std::chrono::milliseconds(heard));
    QTRY_COMPARE(session().conversation(), remembered);
    QCOMPARE(session().errors, QStringList());
    // It stays so when the turn's answer is dropped afterwards.
    caller.conversation->cancel(1);
    caller.ask(2, QStringLiteral("go on"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2")));
    QCOMPARE(session().conversation(), remembered + QStringLiteral("|user:go on|assistant:(400 ms)"));
}

void TestRealtime::interruptedInMidAnswer_data()
{
    QTest::addColumn<bool>("isEnding");
    QTest::newRow("in the middle") << false;
    QTest::newRow("as it ends") << true;
}

void TestRealtime::interruptedInMidAnswer()
{
    QFETCH(bool, isEnding);
    m_vendor->answers.push_back(held(3));
    RealtimeCaller& caller = start();
    caller.ask(1, QStringLiteral("count"));
    QTRY_COMPARE(caller.audio.size(), 300 * 8);
    caller.conversation->heard(1, QStringLiteral("One two"), true, 210ms);
    if (isEnding)
        m_vendor->release();
    caller.ask(2, QStringLiteral("stop"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2")));
    QCOMPARE(session().conversation(), QStringLiteral("user:count|assistant:(210 ms)|user:stop|assistant:(400 ms)"));
    QVERIFY(!caller.has(QStringLiteral("answered 1")));
    QCOMPARE(caller.text, QStringLiteral("Yes, certainly."));
    // The vendor may have ended before it read that it should: then it says that there is nothing to cancel.
    if (isEnding)
        session().errors.removeAll(QStringLiteral("response_cancel_not_active"));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::aWholeAnswerIsNotCut()
{
    RealtimeCaller& caller = start();
    caller.ask(1, QStringLiteral("hi"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    caller.conversation->heard(1, caller.text, false, 400ms);
    caller.ask(2, QStringLiteral("bye"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2")));
    QCOMPARE(session().of(QStringLiteral("conversation.item.truncate")).size(), 0);
    QCOMPARE(session().of(QStringLiteral("conversation.item.delete")).size(), 0);
}

void TestRealtime::aTurnTakenBackLeavesNothing()
{
    RealtimeCaller& caller = start();
    caller.ask(1, QStringLiteral("hi"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    caller.conversation->heard(1, caller.text, false, 400ms);
    caller.ask(2, QStringLiteral("wrong words"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2")));
    caller.conversation->cancel(2);
    QTRY_COMPARE(session().conversation(), QStringLiteral("user:hi|assistant:(400 ms)"));
    // Replaced without being cancelled first, in the middle of its answer.
    m_vendor->answers.push_back(held(1));
    caller.ask(2, QStringLiteral("half the words"));
    QTRY_COMPARE(caller.audio.size(), 100 * 8);
    caller.ask(2, QStringLiteral("right words"));
    QTRY_COMPARE(caller.log.count(QStringLiteral("answered 2")), 2);
    QCOMPARE(
        session().conversation(), QStringLiteral("user:hi|assistant:(400 ms)|user:right words|assistant:(400 ms)"));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::aTurnThatGoesOnIsAskedWithAllOfIt()
{
    m_vendor->transcripts = QStringList{QStringLiteral("I would like"), QStringLiteral("a table.")};
    m_vendor->answers.push_back(held(1));
    RealtimeCaller& caller = start();
    caller.say(1, 300);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 1 i would like")));
    caller.ask(1, QStringLiteral("i would like"));
    QTRY_COMPARE(caller.audio.size(), 100 * 8);
    caller.conversation->cancel(1);
    caller.say(2, 200);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 2 a table")));
    caller.ask(1, QStringLiteral("i would like a table"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    // The voice of both, and none of the first answer.
    QCOMPARE(session().conversation(), QStringLiteral("user:(300 ms)|user:(200 ms)|assistant:(400 ms)"));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::aCancelledAnswersLateWordsAreNotHeard()
{
    m_vendor->answers.push_back(held(2));
    RealtimeCaller& caller = start();
    caller.ask(1, QStringLiteral("hi"));
    QTRY_COMPARE(caller.audio.size(), 200 * 8);
    const QString before = caller.text;
    caller.conversation->cancel(1);
    // The stand-in lets a late word, and an item nobody knows, slip out.
    QTRY_COMPARE(session().of(QStringLiteral("response.cancel")).size(), 1);
    QTRY_COMPARE(session().conversation(), QString());
    QCOMPARE(caller.text, before);
    QCOMPARE(caller.log, QStringList());
    // Cancelled before the vendor had begun.
    m_vendor->answers.push_back(held(0));
    caller.ask(2, QStringLiteral("hi"));
    caller.conversation->cancel(2);
    QTRY_COMPARE(session().of(QStringLiteral("response.cancel")).size(), 2);
    QTRY_COMPARE(session().conversation(), QString());
    QCOMPARE(caller.log, QStringList());
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::theNextQuestionWaitsForTheCancelledAnswer()
{
    RealtimeCaller& caller = start();
    for (int i = 0; i < 5; ++i) {
        m_vendor->answers.push_back(held(1));
        caller.ask(1, QStringLiteral("guess %1").arg(i));
        if (i % 2 == 0)
            QTRY_COMPARE(caller.audio.size(), 100 * 8);
    }
    m_vendor->answers.clear();
    caller.ask(1, QStringLiteral("the words"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    // The vendor never saw two questions at once, and remembers one.
    QCOMPARE(session().errors, QStringList());
    QCOMPARE(session().conversation(), QStringLiteral("user:the words|assistant:(400 ms)"));
    QCOMPARE(caller.log, QStringList{QStringLiteral("answered 1")});
}

void TestRealtime::aCoughIsForgotten()
{
    m_vendor->transcripts = QStringList{QString(), QStringLiteral("mhm"), QStringLiteral("I want pizza")};
    RealtimeCaller& caller = start();
    caller.say(1);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 1 ")));
    QTRY_COMPARE(session().conversation(), QString());
    // A word that no turn was made of goes when the next turn is.
    caller.say(2);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 2 mhm")));
    caller.say(3);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 3 i want pizza")));
    caller.ask(1, caller.words);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(session().conversation(), QStringLiteral("user:(500 ms)|assistant:(400 ms)"));
}

void TestRealtime::hintsThatAreRepeatedAreNoWords()
{
    Persona persona;
    persona.phrases = QStringList{QStringLiteral("Blue Door"), QStringLiteral("Dan Cohen")};
    m_vendor->transcripts = QStringList{QStringLiteral("Blue Door, Dan Cohen."), QStringLiteral("Dan Cohen.")};
    RealtimeCaller& caller = start(persona);
    caller.say(1);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 1 ")));
    QTRY_COMPARE(session().conversation(), QString());
    caller.say(2);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 2 dan cohen")));
}

void TestRealtime::aDroppedUtteranceLeavesNoTrace()
{
    RealtimeCaller& caller = start();
    // While it is spoken.
    caller.stream->beginUtterance(1, {});
    caller.speak(300);
    caller.stream->dropUtterance(1);
    caller.stream->endUtterance(1);
    // While it is written down.
    m_vendor->holdsTranscripts = true;
    caller.say(2);
    QTRY_COMPARE(session().of(QStringLiteral("input_audio_buffer.commit")).size(), 1);
    caller.stream->dropUtterance(2);
    // Before the commit is even acknowledged.
    caller.say(3);
    caller.stream->dropUtterance(3);
    QTRY_COMPARE(session().of(QStringLiteral("conversation.item.delete")).size(), 2);
    QCOMPARE(session().conversation(), QString());
    m_vendor->release();
    caller.say(4, 300);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 4 hello there")));
    caller.stream->dropUtterance(4);
    QTRY_COMPARE(session().conversation(), QString());
    for (const QString& line : std::as_const(caller.log))
        QVERIFY2(line.contains(QLatin1String(" 4 ")), qPrintable(line));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::aShortNoiseIsNothing()
{
    RealtimeCaller& caller = start();
    caller.say(1, 60);
    QCOMPARE(caller.log, QStringList());
    QTRY_COMPARE(caller.log, QStringList{QStringLiteral("heard 1 ")});
    caller.stream->beginUtterance(2, {});
    caller.stream->endUtterance(2);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 2 ")));
    caller.stream->write(std::vector<qint16>(160, 0)); // of no utterance
    caller.say(3);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 3 hello there")));
    QCOMPARE(session().errors, QStringList());
    QCOMPARE(session().items.first().audioMs, 500);
}

void TestRealtime::anEndlessUtteranceIsBounded()
{
    RealtimeCaller& caller = start();
    caller.stream->beginUtterance(1, {});
    caller.speak(70000);
    caller.stream->endUtterance(1);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 1 hello there")));
    QCOMPARE(session().items.first().audioMs, 60000);
}

void TestRealtime::amendedKeysStandWhereTheyStood()
{
    RealtimeCaller& caller = start();
    caller.ask(1, QStringLiteral("i am don"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    caller.conversation->amend(1, QStringLiteral("i am dan"));
    QTRY_COMPARE(session().conversation(), QStringLiteral("user:i am dan|assistant:(400 ms)"));
    caller.conversation->amend(7, QStringLiteral("who"));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::aToolIsCalledAndItsResultAnswered()
{
    m_vendor->answers.push_back(
        calling(QStringLiteral("table_free"), QStringLiteral("{\"people\":2}"), QStringLiteral("One moment.")));
    RealtimeCaller& caller = start(withTools());
    caller.ask(1, QStringLiteral("a table for two"));
    QTRY_VERIFY(caller.has(QStringLiteral("tool 1 table_free")));
    QCOMPARE(caller.tools.size(), 1);
    QCOMPARE(caller.tools.first().arguments, (QJsonObject{{QStringLiteral("people"), 2}}));
    // The tool may take its time: no deadline of the vendor's runs meanwhile.
    QTRY_COMPARE(caller.text, QStringLiteral("One moment."));
    QTRY_COMPARE(session().items.last().type, QStringLiteral("function_call"));
    QTRY_VERIFY(session().items.last().isOver);
    m_clock->advance(30s);
    caller.conversation->toolFinished(caller.tools.first().id, {{QStringLiteral("free"), true}});
    caller.conversation->toolFinished(caller.tools.first().id, {{QStringLiteral("free"), false}}); // once is enough
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(caller.text, QStringLiteral("One moment.Yes, certainly."));
    QCOMPARE(session().conversation(),
        QStringLiteral(
            "user:a table for two|assistant:(200 ms)|function_call:table_free|function_call_output:{\"free\":"
            "true}|assistant:(400 ms)"));
    // Interrupted in the words after the tool: those before stay whole.
    caller.conversation->heard(1, caller.text, true, 350ms);
    QTRY_VERIFY(session().conversation().endsWith(QStringLiteral("|assistant:(150 ms)")));
    QVERIFY(session().conversation().contains(QStringLiteral("|assistant:(200 ms)|function_call")));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::aToolAnsweredAtOnce()
{
    m_vendor->answers.push_back(calling(QStringLiteral("table_free"), QString()));
    RealtimeCaller& caller = start(withTools());
    connect(caller.conversation.get(), &providers::Conversation::toolCalled, caller.conversation.get(),
        [&caller](int, const providers::ToolCall& call) {
            caller.conversation->toolFinished(call.id, {{QStringLiteral("free"), false}});
        });
    caller.ask(1, QStringLiteral("a table"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(caller.tools.size(), 1);
    QCOMPARE(session().of(QStringLiteral("response.create")).size(), 2);
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::aCancelledToolsResultIsTakenSilently()
{
    m_vendor->answers.push_back(calling(QStringLiteral("table_free"), QStringLiteral("{}")));
    RealtimeCaller& caller = start(withTools());
    caller.ask(1, QStringLiteral("a table"));
    QTRY_VERIFY(caller.has(QStringLiteral("tool 1 table_free")));
    caller.conversation->cancel(1);
    caller.conversation->toolFinished(caller.tools.first().id, {{QStringLiteral("free"), true}});
    QTRY_COMPARE(session().conversation(), QString());
    caller.ask(1, QStringLiteral("a window"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(session().conversation(), QStringLiteral("user:a window|assistant:(400 ms)"));
}

void TestRealtime::unknownToolsAndBrokenArgumentsAreRefused()
{
    RealtimeAnswer answer = calling(QStringLiteral("launch_rocket"), QStringLiteral("{}"));
    answer.calls.append({QStringLiteral("call_broken"), QStringLiteral("table_free"), QStringLiteral("{\"people\":")});
    m_vendor->answers.push_back(answer);
    RealtimeCaller& caller = start(withTools());
    caller.ask(1, QStringLiteral("fly"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QVERIFY(caller.tools.isEmpty());
    QVERIFY(session().conversation().contains(QStringLiteral("there is no such tool")));
    QVERIFY(session().conversation().contains(QStringLiteral("the arguments are no JSON object")));
}

void TestRealtime::theModelHangsUp()
{
    m_vendor->answers.push_back(calling(QStringLiteral("end_call"), QStringLiteral("{}"), QStringLiteral("Goodbye.")));
    RealtimeCaller& caller = start(withTools());
    caller.ask(1, QStringLiteral("bye"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1 and goodbye")));
    QCOMPARE(session().of(QStringLiteral("response.create")).size(), 1);
    // Without a word of goodbye it is made to say one, and may call nothing more.
    m_vendor->answers.push_back(calling(QStringLiteral("end_call"), QStringLiteral("{}")));
    caller.ask(2, QStringLiteral("bye"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2 and goodbye")));
    QCOMPARE(caller.text, QStringLiteral("Yes, certainly."));
    const QJsonObject last = session().of(QStringLiteral("response.create")).last();
    QCOMPARE(
        last[QStringLiteral("response")].toObject()[QStringLiteral("tool_choice")].toString(), QStringLiteral("none"));
}

void TestRealtime::theModelTakesAMessage()
{
    m_vendor->answers.push_back(
        calling(QStringLiteral("take_message"), QStringLiteral("{}"), QStringLiteral("After the tone.")));
    RealtimeCaller& caller = start(withTools());
    caller.ask(1, QStringLiteral("take a message"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(caller.next.kind, providers::Expectation::Kind::Message);
    QVERIFY(caller.tools.isEmpty());
}

void TestRealtime::aModelThatOnlyCallsToolsIsMadeToSpeak()
{
    for (int i = 0; i < 20; ++i)
        m_vendor->answers.push_back(calling(QStringLiteral("table_free"), QStringLiteral("{}")));
    RealtimeCaller& caller = start(withTools());
    connect(caller.conversation.get(), &providers::Conversation::toolCalled, caller.conversation.get(),
        [&caller](int, const providers::ToolCall& call) { caller.conversation->toolFinished(call.id, {}); });
    caller.ask(1, QStringLiteral("loop"));
    QTRY_VERIFY(caller.has(QStringLiteral("mute 1 unavailable"))); // this one will not, whatever it is told
    QCOMPARE(session().of(QStringLiteral("response.create")).size(), 7);
}

void TestRealtime::anEndlessAnswerIsCut()
{
    Persona persona;
    persona.longestAnswerCharacters = 30;
    RealtimeAnswer answer;
    answer.transcript = QStringLiteral("and so on ").repeated(40);
    answer.milliseconds = 4000;
    m_vendor->answers.push_back(answer);
    RealtimeCaller& caller = start(persona);
    caller.ask(1, QStringLiteral("talk"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    QCOMPARE(caller.text.size(), 30);
    // The sound of those words came along, and the vendor remembers no more than was passed on.
    QCOMPARE(caller.audio.size(), 30 * 80 * 8);
    QTRY_COMPARE(session().conversation(), QStringLiteral("user:talk|assistant:(2400 ms)"));
    QTRY_COMPARE(session().of(QStringLiteral("response.cancel")).size(), 1);
    caller.ask(2, QStringLiteral("and now"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2")));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::aConversationIsTakenOver()
{
    m_caller = std::make_unique<RealtimeCaller>(settingsFor(*m_vendor), *m_clock, callOf(QStringLiteral("CA1")));
    m_caller->call.past = {{UserTurn::Kind::Opening, QString(), QStringLiteral("Hello!")},
        {UserTurn::Kind::Voice, QStringLiteral("is dan in"), QStringLiteral("I will see.")}};
    m_caller->open();
    m_caller->say(1);
    QTRY_VERIFY(m_caller->has(QStringLiteral("heard 1 hello there")));
    m_caller->ask(3, m_caller->words);
    QTRY_VERIFY(m_caller->has(QStringLiteral("answered 3")));
    // The past comes before what the caller has just said.
    QCOMPARE(session().conversation(),
        QStringLiteral("assistant:Hello!|user:is dan in|assistant:I will see.|user:(500 ms)|assistant:(400 ms)"));
    const QJsonArray said = session()
                                .of(QStringLiteral("conversation.item.create"))
                                .value(0)[QStringLiteral("item")]
                                .toObject()[QStringLiteral("content")]
                                .toArray();
    QCOMPARE(said.at(0).toObject()[QStringLiteral("type")].toString(), QStringLiteral("output_text"));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::anotherConversationTakesItsPlace()
{
    m_vendor->answers.push_back(held(1));
    RealtimeCaller& caller = start();
    caller.ask(1, QStringLiteral("first"));
    QTRY_COMPARE(caller.audio.size(), 100 * 8);
    caller.conversation.reset();
    caller.call.past = {{UserTurn::Kind::Voice, QStringLiteral("first"), QStringLiteral("as another said")}};
    caller.openConversation();
    caller.ask(2, QStringLiteral("second"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2")));
    QCOMPARE(m_vendor->sessions.size(), size_t(1));
    QCOMPARE(session().conversation(),
        QStringLiteral("user:first|assistant:as another said|user:second|assistant:(400 ms)"));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::aNewConnectionIsToldTheConversation()
{
    RealtimeCaller& caller = start();
    caller.say(1);
    QTRY_VERIFY(caller.has(QStringLiteral("heard 1 hello there")));
    caller.ask(1, caller.words);
    QTRY_VERIFY(caller.has(QStringLiteral("answered 1")));
    caller.conversation->heard(1, QStringLiteral("Yes"), true, 120ms);
    m_vendor->expireAll();
    QTRY_VERIFY(!session().isOpen);
    QCOMPARE(caller.error.message, QString()); // nobody was asking
    caller.ask(2, QStringLiteral("and then"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2")));
    QCOMPARE(m_vendor->sessions.size(), size_t(2));
    QCOMPARE(
        session().conversation(), QStringLiteral("user:hello there|assistant:Yes|user:and then|assistant:(400 ms)"));
    QCOMPARE(session().errors, QStringList());
    // What the old connection knew is not named to the new one.
    caller.conversation->cancel(2);
    caller.conversation->heard(1, QStringLiteral("Ye"), true, 50ms);
    QTRY_COMPARE(session().conversation(), QStringLiteral("user:hello there|assistant:Yes"));
    QCOMPARE(session().errors, QStringList());
}

void TestRealtime::aConnectionOpenedAheadIsUsed()
{
    m_caller = std::make_unique<RealtimeCaller>(settingsFor(*m_vendor), *m_clock, callOf(QStringLiteral("CA1")));
    m_vendor->sessions.clear();
    m_caller->stt->connectAhead();
    m_caller->llm->connectAhead();
    QTRY_COMPARE(m_vendor->sessions.size(), size_t(1));
    QTest::qWait(0);
    m_caller->open();
    m_caller->say(1);
    QTRY_VERIFY(m_caller->has(QStringLiteral("heard 1 hello there")));
    QCOMPARE(m_vendor->sessions.size(), size_t(1));
    QVERIFY(!session().configuration.isEmpty());
    // Whoever takes it has it for good.
    m_clock->advance(60s);
    m_caller->ask(1, m_caller->words);
    QTRY_VERIFY(m_caller->has(QStringLiteral("answered 1")));
    QVERIFY(session().isOpen);
}

void TestRealtime::aConnectionOpenedAheadAndNotUsedEnds()
{
    m_caller = std::make_unique<RealtimeCaller>(settingsFor(*m_vendor), *m_clock, callOf(QStringLiteral("CA1")));
    m_vendor->sessions.clear();
    m_caller->llm->connectAhead();
    QTRY_COMPARE(m_vendor->sessions.size(), size_t(1));
    m_clock->advance(29s);
    QTest::qWait(0);
    QVERIFY(session().isOpen);
    m_clock->advance(2s);
    QTRY_VERIFY(!session().isOpen);
    m_caller->open();
    m_caller->say(1);
    QTRY_VERIFY(m_caller->has(QStringLiteral("heard 1 hello there")));
}

void TestRealtime::twoCallsOnOneThread()
{
    const auto hub = providers::makeRealtimeHub();
    RealtimeCaller one(settingsFor(*m_vendor), *m_clock, callOf(QStringLiteral("CA1")), hub);
    RealtimeCaller two(settingsFor(*m_vendor), *m_clock, callOf(QStringLiteral("CA2")), hub);
    m_vendor->sessions.clear();
    one.open();
    two.open();
    m_vendor->transcripts = QStringList{QStringLiteral("alpha"), QStringLiteral("beta")};
    one.say(1);
    QTRY_VERIFY(one.has(QStringLiteral("heard 1 alpha")));
    two.say(1);
    QTRY_VERIFY(two.has(QStringLiteral("heard 1 beta")));
    one.ask(1, one.words);
    two.ask(1, two.words);
    QTRY_VERIFY(one.has(QStringLiteral("answered 1")));
    QTRY_VERIFY(two.has(QStringLiteral("answered 1")));
    QCOMPARE(m_vendor->sessions.size(), size_t(2));
    for (int i = 0; i < 2; ++i)
        QCOMPARE(m_vendor->session(i).conversation(), QStringLiteral("user:(500 ms)|assistant:(400 ms)"));
    // One's broken connection is not the other's.
    one.conversation.reset();
    one.stream.reset();
    two.ask(2, QStringLiteral("still there"));
    QTRY_VERIFY(two.has(QStringLiteral("answered 2")));
}

void TestRealtime::twoCallsOnTwoThreads()
{
    const auto hub = providers::makeRealtimeHub();
    const providers::RealtimeSettings settings = settingsFor(*m_vendor);
    auto ears = providers::RealtimeSpeechToText::create(settings, hub, *m_clock);
    auto mind = providers::RealtimeLanguageModel::create(settings, hub, *m_clock);
    QVERIFY(ears && mind);
    m_vendor->sessions.clear();
    std::atomic<int> answered = 0;
    const auto work = [&] {
        // The same call id on both threads: what is shared is shared on one thread only.
        const auto info = callOf(QStringLiteral("CA1"));
        (*ears)->connectAhead();
        const auto stream = (*ears)->open(info);
        const auto conversation = (*mind)->open(info);
        QEventLoop loop;
        int turn = 0;
        const std::vector<qint16> sound(4000, 500);
        const auto say = [&] {
            stream->beginUtterance(++turn, {});
            stream->write(sound);
            stream->endUtterance(turn);
        };
        connect(stream.get(), &providers::SpeechToTextStream::finished, stream.get(),
            [&](int, const providers::Transcript& transcript) {
                UserTurn user;
                user.turn = turn;
                user.text = transcript.text;
                conversation->ask(user);
            });
        connect(conversation.get(), &providers::Conversation::finished, conversation.get(), [&] {
            ++answered;
            if (turn < 10)
                say();
            else
                loop.quit();
        });
        connect(conversation.get(), &providers::Conversation::failed, &loop, &QEventLoop::quit);
        connect(stream.get(), &providers::SpeechToTextStream::failed, &loop, &QEventLoop::quit);
        say();
        loop.exec();
    };
    const std::unique_ptr<QThread> one(QThread::create(work)), two(QThread::create(work));
    one->start();
    two->start();
    QTRY_VERIFY_WITH_TIMEOUT(one->isFinished() && two->isFinished(), 20000);
    QCOMPARE(answered.load(), 20);
    QCOMPARE(m_vendor->sessions.size(), size_t(2));
    QTRY_VERIFY(!m_vendor->session(0).isOpen && !m_vendor->session(1).isOpen);
}

void TestRealtime::objectsMayBeDeletedInTheirOwnSignals()
{
    const auto endIn = [&](auto connectTo) {
        RealtimeCaller& caller = start(withTools());
        int told = 0;
        const auto end = [&] {
            ++told;
            caller.stream.reset();
            caller.conversation.reset();
        };
        connectTo(caller, end);
        caller.say(1);
        QTRY_VERIFY(caller.words == QStringLiteral("hello there") || told > 0);
        if (caller.conversation)
            caller.ask(1, caller.words);
        QTRY_COMPARE(told, 1);
        QTRY_VERIFY(!session().isOpen);
    };
    using Stt = providers::SpeechToTextStream;
    using Llm = providers::Conversation;
    endIn([](RealtimeCaller& c, auto end) { connect(c.stream.get(), &Stt::partial, c.stream.get(), end); });
    endIn([](RealtimeCaller& c, auto end) { connect(c.stream.get(), &Stt::finished, c.stream.get(), end); });
    endIn([](RealtimeCaller& c, auto end) { connect(c.conversation.get(), &Llm::audio, c.conversation.get(), end); });
    endIn([](RealtimeCaller& c, auto end) { connect(c.conversation.get(), &Llm::text, c.conversation.get(), end); });
    endIn(
        [](RealtimeCaller& c, auto end) { connect(c.conversation.get(), &Llm::finished, c.conversation.get(), end); });
    m_vendor->answers.push_back(calling(QStringLiteral("table_free"), QStringLiteral("{}")));
    endIn([](RealtimeCaller& c, auto end) {
        connect(c.conversation.get(), &Llm::toolCalled, c.conversation.get(), end);
    });
    m_vendor->setFault(VendorFault::ResetMidAnswer, RealtimeStandIn::Phase::Answer);
    endIn([](RealtimeCaller& c, auto end) { connect(c.conversation.get(), &Llm::failed, c.conversation.get(), end); });
    m_vendor->setFault(VendorFault::ResetMidAnswer, RealtimeStandIn::Phase::Transcript);
    endIn([](RealtimeCaller& c, auto end) { connect(c.stream.get(), &Stt::failed, c.stream.get(), end); });
}

void TestRealtime::serversThatNameNeitherCausesNorMetadata()
{
    m_vendor->namesCauses = false;
    m_vendor->echoesMetadata = false;
    m_vendor->answers.push_back(held(1));
    RealtimeCaller& caller = start();
    caller.ask(1, QStringLiteral("one"));
    QTRY_COMPARE(caller.audio.size(), 100 * 8);
    caller.ask(2, QStringLiteral("two"));
    QTRY_VERIFY(caller.has(QStringLiteral("answered 2")));
    QCOMPARE(caller.text, QStringLiteral("Yes, certainly."));
    QCOMPARE(caller.log, QStringList{QStringLiteral("answered 2")});
}

QTEST_GUILESS_MAIN(TestRealtime)
#include "tst_realtime.moc"
