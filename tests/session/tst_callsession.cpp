// SPDX-License-Identifier: Apache-2.0
#include "engine/media/wav.h"
#include "tests/session/callfixture.h"

#include <QDir>
#include <QJsonDocument>
#include <QRegularExpression>
#include <QTest>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

StandInAnswer says(const char* text, bool endCall = false)
{
    return {QString::fromUtf8(text), {}, endCall};
}

StandInUtterance heardAs(const char* text, QStringList partials = {})
{
    return {QString::fromUtf8(text), 0.9, std::move(partials), true};
}

StandInManners hanging(int at = 0)
{
    StandInManners manners;
    manners.fault = StandInManners::Fault::Hang;
    manners.faultAt = at;
    return manners;
}

StandInManners failing(int at = 0)
{
    StandInManners manners;
    manners.fault = StandInManners::Fault::Fail;
    manners.faultAt = at;
    return manners;
}

} // namespace

class TestCallSession final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    // ---- the ordinary call ----
    void theCallerIsGreetedAnsweredAndSaidGoodbyeTo()
    {
        Call call({.hears = {heardAs("sales please"), heardAs("goodbye")},
            .answers = {says("Hello. How can I help?"), says("Sales is closed."), says("Goodbye.", true)}});
        call.start();
        QVERIFY(call.untilAgentSpeaks(200ms));
        QVERIFY(call.untilAgentIsSilent());
        call.speak(900ms);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        call.speak(900ms);
        QVERIFY(call.untilEnded());

        QCOMPARE(call.end->reason, EndReason::Completed);
        QCOMPARE(call.channel().closedWith, quint16(1000));
        QCOMPARE(call.turns.size(), 3);
        QCOMPARE(call.turns.at(0).input, TurnInput::Opening);
        QCOMPARE(call.turns.at(1).callerText, QStringLiteral("sales please"));
        QCOMPARE(call.turns.at(1).heardText, QStringLiteral("Sales is closed."));
        QVERIFY(call.turns.at(1).latency.total);
        const LatencyParts& wait = call.turns.at(1).latency;
        const auto pause = wait.length(LatencyPart::EndOfUtterance);
        QVERIFY(pause && *pause >= 300ms && *pause <= 600ms);
        Milliseconds sum{0};
        for (const LatencySpan& span : wait.spans)
            sum += span.length;
        QCOMPARE(sum, *wait.total);
        QCOMPARE(call.count(QStringLiteral("clear")), 0);
    }

    void theLogTellsTheStepsOfACallInOrder()
    {
        Call call({.hears = {heardAs("sales", {QStringLiteral("sales")}), heardAs("stop", {QStringLiteral("stop")})},
            .answers = {
                says("Hello."), says("There is a great deal to say about sales and I shall say all of it now.")}});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        call.speak(800ms);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        call.quiet(600ms);
        call.speak(800ms);
        call.stop();
        QCOMPARE(call.end->reason, EndReason::CallerHungUp);

        const QStringList expected{QStringLiteral("WS_START"), QStringLiteral("STT_FINAL"), QStringLiteral("EoU_ms"),
            QStringLiteral("TTS_LEN_ms"), QStringLiteral("MEDIA_TX"), QStringLiteral("BARGE_IN"),
            QStringLiteral("PNG_PONG"), QStringLiteral("WS_STOP")};
        qsizetype at = -1;
        const QStringList tokens = call.tokens();
        for (const QString& token : expected) {
            at = tokens.indexOf(token, at + 1);
            QVERIFY2(at >= 0,
                qPrintable(token + QStringLiteral(" is missing or out of order in ") + tokens.join(QLatin1Char(' '))));
        }
        QCOMPARE(call.log.first().kind, calllog::Entry::Kind::CallStarted);
        QCOMPARE(call.log.last().kind, calllog::Entry::Kind::CallEnded);
        for (const auto& entry : call.log)
            QVERIFY2(!QString::fromUtf8(QJsonDocument(entry.data).toJson()).contains(QStringLiteral("5551230001")),
                "a full number in the log");
    }

    void theFirstSoundWaitsForNoSynthesiser()
    {
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_TTS_ERR.*")));
        Call call({.answers = {says("Hello there.")}, .haveTts = false});
        call.render(QStringLiteral("Hello there."));
        call.start();
        QVERIFY(call.untilAgentSpeaks(100ms));
    }

    // ---- interruption ----
    void theCallerInterruptsAndOnlyHeardWordsAreRemembered()
    {
        Call call({.hears = {heardAs("stop that", {QStringLiteral("stop that")})},
            .answers = {says("One two three four five six seven eight nine ten eleven twelve."), says("Very well.")}});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(1500ms);
        call.speak(240ms); // the minimum voice is 200 ms
        QCOMPARE(call.count(QStringLiteral("clear")), 1);
        QVERIFY(!call.agentIsHeard());
        call.speak(600ms);
        QVERIFY(call.untilAgentSpeaks(2000ms));

        QVERIFY(call.turns.at(0).interrupted);
        QVERIFY(!call.turns.at(0).heardText.isEmpty());
        QVERIFY(call.turns.at(0).heardText.size() < call.turns.at(0).agentText.size());
        QVERIFY(call.turns.at(0).agentText.startsWith(call.turns.at(0).heardText));
        QCOMPARE(call.conversation->heardTexts.at(0).text, call.turns.at(0).heardText);
        QVERIFY(call.conversation->heardTexts.at(0).interrupted);
        QCOMPARE(call.events(QStringLiteral("BARGE_IN")).size(), 1);
        QCOMPARE(call.conversation->asked.last().text, QStringLiteral("stop that"));
    }

    void aCoughOnlyPausesTheAgent()
    {
        Call call({.hears = {heardAs("")},
            .answers = {says("One two three four five six seven eight nine ten eleven twelve.")}});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(1000ms);
        call.speak(240ms);
        QVERIFY(!call.agentIsHeard());
        QVERIFY(call.untilAgentSpeaks(2500ms)); // it goes on
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.size(), 1);
        QVERIFY(!call.turns.at(0).interrupted);
        QCOMPARE(call.turns.at(0).heardText, call.turns.at(0).agentText);
    }

    void aKeySilencesTheAgentAtOnce()
    {
        Call call(
            {.answers = {says("Press one for sales or two for support or three for something else."), says("Sales.")}});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(500ms);
        call.press('1');
        QCOMPARE(call.count(QStringLiteral("clear")), 1);
        QCOMPARE(call.conversation->asked.last().kind, providers::UserTurn::Kind::Keypad);
        QCOMPARE(call.conversation->asked.last().text, QStringLiteral("1"));
        QVERIFY(call.untilAgentSpeaks(500ms));
    }

    // ---- promise 3: no dead air ----
    void aModelThatEndsTheCallWithoutAWordGetsAGoodbye()
    {
        Call call({.hears = {heardAs("that is all")}, .answers = {says("Hello."), says("", true)}});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        call.speak(800ms);
        QVERIFY(call.untilEnded());
        QCOMPARE(call.end->reason, EndReason::Completed);
        QCOMPARE(call.events(QStringLiteral("GOODBYE")).size(), 1);
        QCOMPARE(call.events(QStringLiteral("FALLBACK")).size(), 0);
    }

    void anAnswerThatWaitsForABrokenFillerIsSaidAllTheSame()
    {
        const auto llm = std::make_shared<StandInGate>(), tts = std::make_shared<StandInGate>();
        StandInManners model, voice = failing();
        model.gate = llm;
        voice.gate = tts;
        voice.faultAfterPieces = 1; // the filler begins to sound before its synthesis breaks
        Call call({.hears = {heardAs("sales")},
            .answers = {says("Hello."), says("Sales is closed.")},
            .llmManners = model,
            .ttsManners = voice,
            .rendered = false});
        for (const QString& sentence : {QStringLiteral("Hello."), QStringLiteral("Sales is closed.")})
            call.render(sentence);
        const auto answer = [&] {
            for (int i = 0; i < 5; ++i) {
                llm->release(10);
                call.quiet(20ms);
            }
        };
        call.start();
        answer();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(900ms);
        for (int i = 0; i < 500 && call.events(QStringLiteral("FILLER")).isEmpty(); ++i)
            call.quiet(20ms);
        QCOMPARE(call.events(QStringLiteral("FILLER")).size(), 1);
        QCOMPARE(tts->release(), 1);
        call.quiet(20ms);
        QVERIFY(call.agentIsHeard());
        answer();
        QCOMPARE(call.turns.size(), 1); // it waits for the filler to be heard out
        QCOMPARE(tts->release(), 1);
        call.quiet(60ms);
        QCOMPARE(call.events(QStringLiteral("TTS_ERR")).size(), 1);
        QVERIFY(call.agentIsHeard());
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.size(), 2);
        QCOMPARE(call.turns.last().heardText, QStringLiteral("Sales is closed."));
        QVERIFY(call.longestSilenceOwed < 6000ms);
    }

    void aSilentModelIsCoveredByFillerThenFallbackThenAMessage()
    {
        Call call({.hears = {heardAs("sales")}, .answers = {says("Hello.")}, .llmManners = hanging(2)});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        call.speak(800ms);
        QVERIFY(call.untilAgentSpeaks(2200ms));
        QCOMPARE(call.events(QStringLiteral("FILLER")).size(), 1);
        call.quiet(4500ms);
        QCOMPARE(call.events(QStringLiteral("FALLBACK")).size(), 1);
        QVERIFY(call.untilAgentIsSilent());
        // The caller does as the line says.
        call.speak(3000ms);
        QVERIFY(call.untilEnded(20s));

        QVERIFY2(call.longestSilenceOwed <= 6100ms, qPrintable(QString::number(call.longestSilenceOwed.count())));
        const auto messages = call.events(QStringLiteral("MESSAGE"));
        QCOMPARE(messages.size(), 1);
        const QString ref = messages.first().value(QStringLiteral("ref")).toString();
        const QString path = QDir(call.directory.path()).filePath(ref);
        QTRY_VERIFY(QFile::exists(path));
        QTRY_VERIFY(media::readWav(path).ok() && media::readWav(path)->frames() >= 8000 * 3);
        QVERIFY(call.turns.at(1).fallback);
        // The caller waited for the model until the waiting line was heard.
        const LatencyParts& wait = call.turns.at(1).latency;
        QVERIFY(wait.filler);
        QCOMPARE(wait.spans.last().part, LatencyPart::FirstToken);
        QVERIFY(*wait.total >= 2000ms && *wait.total < 2200ms);
        QVERIFY(*wait.answer > 3s); // the fallback line, behind it
        QCOMPARE(
            call.log.last().data.value(QStringLiteral("facts")).toObject().value(QStringLiteral("message")).toString(),
            ref);
    }

    void withNoProviderAtAllTheCallerStillHearsALineAndTheCallEnds()
    {
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_STT_ERR.*")));
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_LLM_ERR.*")));
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_TTS_ERR.*")));
        Call call({.haveStt = false, .haveLlm = false, .haveTts = false});
        call.start();
        QVERIFY(call.untilAgentSpeaks(6100ms));
        QVERIFY(call.untilEnded(90s));
        QVERIFY(call.longestSilenceOwed <= 6100ms);
    }

    void aMessageNeedsNoProviderAtAll()
    {
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_STT_ERR.*")));
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_LLM_ERR.*")));
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_TTS_ERR.*")));
        Call call({.haveStt = false, .haveLlm = false, .haveTts = false});
        call.start();
        while (call.events(QStringLiteral("FALLBACK")).isEmpty() && call.clock.now() < Instant(10min))
            call.quiet(20ms);
        QVERIFY(call.untilAgentIsSilent());
        call.speak(3000ms);
        QVERIFY(call.untilEnded(20s));
        QCOMPARE(call.end->reason, EndReason::Completed); // thanked, by a line from the store
        QVERIFY(call.turns.last().heardText.contains(Lines.endGoodbye));
        const auto messages = call.events(QStringLiteral("MESSAGE"));
        QCOMPARE(messages.size(), 1);
        const QString path =
            QDir(call.directory.path()).filePath(messages.first().value(QStringLiteral("ref")).toString());
        QTRY_VERIFY(media::readWav(path).ok() && media::readWav(path)->frames() >= 8000 * 3);
    }

    void aFallbackLineThatCannotBeSpokenIsApologisedForByTwilio()
    {
        // The voice is there, and breaks off after a few sounds whenever it is asked.
        StandInManners breaksOff;
        breaksOff.fault = StandInManners::Fault::Fail;
        breaksOff.faultAfterPieces = 3;
        Call call({.answers = {says("Hello.")}, .llmManners = hanging(), .ttsManners = breaksOff, .rendered = false});
        call.start();
        QVERIFY(call.untilEnded(6100ms));
        QCOMPARE(call.end->reason, EndReason::FallbackExhausted);
        QVERIFY(call.end->apologyOwed);
    }

    void withNothingRenderedAndNoVoiceTheCallEndsInsteadOfStayingSilent()
    {
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_TTS_ERR.*")));
        Call call({.answers = {says("Hello.")}, .haveTts = false, .rendered = false});
        call.start();
        QVERIFY(call.untilEnded(6100ms));
        QVERIFY(call.end->apologyOwed); // by Twilio's own voice
        QCOMPARE(call.end->reason, EndReason::FallbackExhausted);
    }

    void aVoiceThatFailsInMidAnswerKeepsWhatWasSaid()
    {
        Call call({.hears = {heardAs("sales")},
            .answers = {says("Hello."), says("First sentence here. Second sentence here.")},
            .ttsManners = failing(3)});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        call.speak(800ms);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.events(QStringLiteral("TTS_ERR")).size(), 1);
        QCOMPARE(call.turns.at(1).heardText, QStringLiteral("First sentence here."));
        QVERIFY(!call.end);
    }

    void aCallerWhoSaysNothingIsAskedTwiceAndThenSaidGoodbyeTo()
    {
        Call call({.answers = {says("Hello.")}});
        call.start();
        QVERIFY(call.untilEnded(60s));
        QCOMPARE(call.end->reason, EndReason::NoInput);
        QCOMPARE(call.events(QStringLiteral("NO_INPUT")).size(), 2);
    }

    void aCallerWhoseStreamSendsNothingIsTreatedTheSame()
    {
        Call call({.answers = {says("Hello.")}});
        call.start();
        call.nothing(60s);
        QVERIFY(call.end);
        QCOMPARE(call.end->reason, EndReason::NoInput);
    }

    // ---- the stream's ends and faults ----
    void theStreamIsLostWithoutStop()
    {
        Call call({.answers = {says("Hello.")}});
        call.start();
        call.quiet(200ms);
        call.hangUpWithoutStop();
        QVERIFY(call.end);
        QCOMPARE(call.end->reason, EndReason::StreamLost);
        QCOMPARE(call.log.last().data.value(QStringLiteral("reason")).toString(), QStringLiteral("stream-lost"));
    }

    void stopComesTwice()
    {
        Call call({.answers = {says("Hello.")}});
        call.start();
        call.stop();
        call.stop(); // the fixture dies on a second end
        QCOMPARE(call.end->reason, EndReason::CallerHungUp);
    }

    void startNamesAnotherCallThanTheToken()
    {
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("bad input: .*token")));
        Call call({});
        call.start(QStringLiteral("CA2"));
        QVERIFY(call.end);
        QCOMPARE(call.end->reason, EndReason::Refused);
        QCOMPARE(call.channel().closedWith, quint16(1008));
        QVERIFY(call.channel().sent.isEmpty());
    }

    void startNeverComes()
    {
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("bad input: no start")));
        Call call({});
        call.nothing(10s);
        QVERIFY(call.end);
        QCOMPARE(call.channel().closedWith, quint16(1008));
    }

    void anotherAudioFormatIsRefused()
    {
        QTest::ignoreMessage(
            QtWarningMsg, QRegularExpression(QStringLiteral("bad input: start.mediaFormat: audio/l16, 16000 Hz")));
        Call call({});
        call.receive(startMessage(QStringLiteral("CA1"), QStringLiteral("audio/l16"), 16000));
        QVERIFY(call.end);
        QCOMPARE(call.end->reason, EndReason::ProtocolError);
    }

    void garbageIsCountedAndThenRefused()
    {
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("bad input: .*")));
        Call call({.answers = {says("Hello.")}});
        call.start();
        for (int i = 0; i < 49; ++i)
            call.receive(QStringLiteral("{\"event\":"));
        QVERIFY(!call.end);
        call.receive(QStringLiteral("[]"));
        QVERIFY(call.end);
        QCOMPARE(call.end->reason, EndReason::ProtocolError);
        QCOMPARE(call.end->streamErrors, quint64(50));
    }

    void oddMessagesChangeNothing_data()
    {
        QTest::addColumn<QString>("message");
        for (const auto& [name, message] : oddMessages())
            QTest::newRow(name) << message;
    }
    void oddMessagesChangeNothing()
    {
        QFETCH(QString, message);
        const bool told = message.contains(QStringLiteral("sparkle")) || message.contains(QStringLiteral("start"));
        if (told)
            QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("bad input: .*said once a call")));
        Call call({.hears = {heardAs("sales")}, .answers = {says("Hello."), says("Sales.")}});
        call.start();
        call.receive(message);
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        call.receive(message);
        call.speak(800ms);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QCOMPARE(call.conversation->asked.size(), 2);
    }

    // ---- keypad, messages, shutdown ----
    void aNumberIsKeyedIn()
    {
        providers::Expectation number;
        number.kind = providers::Expectation::Kind::Digits;
        number.keypadMin = 7;
        number.keypadMax = 10;
        Call call({.answers = {{QStringLiteral("Your number please."), number, false}, says("Thank you.")}});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        for (const char key : {'5', '5', '5', '1', '2', '3', '4'}) {
            call.press(key);
            call.quiet(300ms);
        }
        QCOMPARE(call.conversation->asked.size(), 1);
        call.press('#');
        QCOMPARE(call.conversation->asked.size(), 2);
        QCOMPARE(call.conversation->asked.last().text, QStringLiteral("5551234"));
    }

    void keysThatAreWaitedForArePartOfTheWait()
    {
        providers::Expectation number;
        number.kind = providers::Expectation::Kind::Digits;
        number.keypadMin = 1;
        number.keypadMax = 10;
        number.keypadPause = 1500ms;
        Call call({.answers = {{QStringLiteral("Your number please."), number, false}, says("Thank you.")}});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        call.press('5');
        QVERIFY(call.untilAgentSpeaks(1600ms));
        QVERIFY(call.untilAgentIsSilent());
        const LatencyParts& wait = call.turns.at(1).latency;
        QVERIFY(wait.length(LatencyPart::EndOfUtterance) >= 1500ms);
        QCOMPARE(wait.owner(LatencyPart::EndOfUtterance), QStringLiteral("dialog"));
        QVERIFY(!wait.length(LatencyPart::Recognition));
        QVERIFY(wait.total >= 1500ms && wait.total < 1700ms);
    }

    void aMessageIsRecordedWhole()
    {
        providers::Expectation message;
        message.kind = providers::Expectation::Kind::Message;
        Call call({.answers = {{QStringLiteral("Speak now."), message, false}, says("Thank you.", true)}});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        call.speak(2000ms);
        call.quiet(1000ms); // a breath
        call.speak(2000ms);
        QVERIFY(call.untilEnded(20s));
        const auto& turn = call.conversation->asked.last();
        QCOMPARE(turn.kind, providers::UserTurn::Kind::Message);
        QVERIFY(turn.messageLength >= 5000ms);
        const QString path = QDir(call.directory.path()).filePath(turn.messageRef);
        QTRY_VERIFY(media::readWav(path).ok() && media::readWav(path)->frames() >= 5 * 8000);
        const auto wav = media::readWav(path);
        // From the first word (with its pre-roll) on.
        const auto loud = [](qint16 sample) { return sample > 2000; };
        const auto first = std::find_if(wav->samples.begin(), wav->samples.end(), loud) - wav->samples.begin();
        QVERIFY2(first < 8000 / 2, qPrintable(QString::number(first)));
    }

    void theEngineStopsAndSaysGoodbyeFirst()
    {
        Call call({.answers = {says("Hello.")}});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(200ms);
        call.session().requestEnd(EndReason::Shutdown);
        QVERIFY(call.untilEnded(20s));
        QCOMPARE(call.end->reason, EndReason::Shutdown);
        QCOMPARE(call.events(QStringLiteral("GOODBYE")).size(), 1);
    }

    void theRecogniserFailsAndTheCallGoesOn()
    {
        Call call({.hears = {heardAs("sales")},
            .answers = {says("Hello."), says("Please say that again.")},
            .sttManners = failing()});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        call.speak(900ms);
        QVERIFY(call.untilAgentSpeaks(3000ms));
        QCOMPARE(call.conversation->asked.last().text, QString());
        QVERIFY(!call.end);
        // And so does the next thing they say.
        QVERIFY(call.untilAgentIsSilent());
        call.speak(900ms);
        QVERIFY(call.untilAgentSpeaks(3000ms));
        QCOMPARE(call.conversation->asked.size(), 3);
        QCOMPARE(call.conversation->asked.last().text, QString());
        QVERIFY(!call.end);
    }

    void wordsThatInterruptAndAreNotUnderstoodAreAnswered_data()
    {
        QTest::addColumn<StandInManners>("manners");
        QTest::addColumn<int>("afterAudio");
        QTest::addColumn<int>("spoken");
        QTest::newRow("it fails in mid-sentence") << failing() << 300 << 700;
        QTest::newRow("it fails at the end") << failing() << 0 << 700;
        QTest::newRow("it never answers") << hanging() << 0 << 700;
        QTest::newRow("it goes deaf, then fails") << hanging() << 300 << 700;
        QTest::newRow("it never answers a long sentence") << hanging() << 0 << 2500;
        QTest::newRow("it fails once") << failing(1) << 0 << 700;
    }
    void wordsThatInterruptAndAreNotUnderstoodAreAnswered()
    {
        QFETCH(StandInManners, manners);
        QFETCH(int, afterAudio);
        QFETCH(int, spoken);
        Call call({.hears = {heardAs("sales")},
            .answers = {says("One two three four five six seven eight nine ten eleven twelve."),
                says("Please say that again.")},
            .sttManners = manners,
            .sttFaultAfterAudio = Milliseconds(afterAudio)});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(1000ms);
        call.speak(Milliseconds(spoken));
        QVERIFY(!call.agentIsHeard()); // silenced as by any interruption
        QVERIFY(call.untilAgentSpeaks(2500ms)); // the filler, at the latest
        QVERIFY(call.untilAgentIsSilent(15000ms));
        QCOMPARE(call.events(QStringLiteral("BARGE_IN")).size(), 1);
        QVERIFY(call.turns.at(0).interrupted);
        QCOMPARE(call.conversation->asked.size(), 2);
        QCOMPARE(call.conversation->asked.last().text, QString()); // not understood
        QCOMPARE(call.turns.at(1).heardText, QStringLiteral("Please say that again."));
        QVERIFY2(call.longestSilenceOwed <= 2500ms, qPrintable(QString::number(call.longestSilenceOwed.count())));
        QVERIFY(!call.end);
    }

    void aCoughThatNobodyRecognisesOnlyPausesTheAgent_data()
    {
        QTest::addColumn<StandInManners>("manners");
        QTest::newRow("it fails") << failing();
        QTest::newRow("it never answers") << hanging();
    }
    void aCoughThatNobodyRecognisesOnlyPausesTheAgent()
    {
        QFETCH(StandInManners, manners);
        Call call({.hears = {heardAs("")},
            .answers = {says("One two three four five six seven eight nine ten eleven twelve.")},
            .sttManners = manners});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(1000ms);
        call.speak(240ms);
        QVERIFY(!call.agentIsHeard());
        QVERIFY(call.untilAgentSpeaks(2000ms)); // it goes on
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.size(), 1);
        QVERIFY(!call.turns.at(0).interrupted);
        QCOMPARE(call.turns.at(0).heardText, call.turns.at(0).agentText);
    }

    void whoInterruptsAnAgentWithoutARecogniserIsTold()
    {
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_STT_ERR.*")));
        Call call({.answers = {says("One two three four five six seven eight nine ten eleven twelve."),
                       says("Please use the keypad.")},
            .haveStt = false});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(1000ms);
        call.speak(700ms);
        QVERIFY(!call.agentIsHeard());
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.at(1).heardText, QStringLiteral("Please use the keypad."));
    }
};

QTEST_GUILESS_MAIN(TestCallSession)
#include "tst_callsession.moc"
