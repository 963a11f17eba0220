// SPDX-License-Identifier: Apache-2.0
#include "tests/session/callfixture.h"

#include <QRegularExpression>
#include <QTest>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using Fault = StandInManners::Fault;

namespace {

StandInAnswer says(const char* text, bool endCall = false)
{
    return {QString::fromUtf8(text), {}, endCall};
}

StandInUtterance heardAs(const char* text, QStringList partials = {})
{
    return {QString::fromUtf8(text), 0.9, std::move(partials), true};
}

StandInManners struck(Fault fault, int at = 0, int afterPieces = 0)
{
    StandInManners manners;
    manners.fault = fault;
    manners.faultAt = at;
    manners.faultAfterPieces = afterPieces;
    return manners;
}

/// "STT stand-in>second" for each time a provider was left.
QStringList failovers(const Call& call)
{
    QStringList list;
    for (const QJsonObject& event : call.events(QStringLiteral("FAILOVER"))) {
        list += event.value(QStringLiteral("stage")).toString() + QLatin1Char(' ')
            + event.value(QStringLiteral("from")).toString() + QLatin1Char('>')
            + event.value(QStringLiteral("to")).toString();
        if (event.value(QStringLiteral("reason")).toString().isEmpty())
            list += QStringLiteral("without a reason");
    }
    return list;
}

/// "recognition second, first-token second": whose the parts of a wait were.
QString owners(const TurnRecord& turn)
{
    QStringList list;
    Milliseconds sum{0};
    for (const LatencySpan& span : turn.latency.spans) {
        list += latencyPartName(span.part) + QLatin1Char(' ') + span.owner;
        sum += span.length;
    }
    if (!turn.latency.total || sum != *turn.latency.total)
        list += QStringLiteral("but not of the whole");
    return list.join(QStringLiteral(", "));
}

/// Greeted, the caller says something.
bool asks(Call& call, Milliseconds length = 900ms)
{
    call.start();
    if (!call.untilAgentSpeaks() || !call.untilAgentIsSilent())
        return false;
    call.speak(length);
    return true;
}

} // namespace

/// A provider dies in the middle of a call, and the caller is served all the same.
class TestCallFailover final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void tracesAreToldWhoWorkedOnWhichTurn()
    {
        Call call({});
        call.start();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(1000ms);
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        call.stop();
        QStringList told;
        for (const calllog::Entry& entry : call.traced)
            told += entry.data.value(QStringLiteral("stage")).toString() + QLatin1Char(' ')
                + QString::number(entry.data.value(QStringLiteral("turn")).toInt());
        for (const char* const one : {"llm 1", "tts 1", "stt 2", "llm 2", "tts 2"})
            QVERIFY2(told.contains(QLatin1String(one)), qPrintable(told.join(QStringLiteral(", "))));
        for (const calllog::Entry& entry : call.log) {
            QVERIFY(entry.data.value(QStringLiteral("token")) != QLatin1String("PROVIDER")); // nobody keeps it
            if (entry.kind != calllog::Entry::Kind::Turn)
                continue;
            const auto time = [&entry](const char* name) {
                return QDateTime::fromString(entry.data.value(QLatin1String(name)).toString(), Qt::ISODateWithMs);
            };
            QVERIFY(entry.at <= time("waitedSince") && time("waitedSince") <= time("endedAt"));
        }
    }

    // ---- the recogniser ----
    void theRecogniserFailsAndTheNextUnderstands()
    {
        Call call({.hears = {heardAs("")},
            .answers = {says("Hello."), says("Sales is closed.")},
            .sttManners = struck(Fault::Fail),
            .second = true,
            .secondHears = {heardAs("sales please")}});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().callerText, QStringLiteral("sales please"));
        QCOMPARE(call.turns.last().heardText, QStringLiteral("Sales is closed."));
        QCOMPARE(failovers(call), QStringList{QStringLiteral("STT stand-in>second")});
        QVERIFY(call.events(QStringLiteral("STT_ERR")).isEmpty());
    }

    void theRecogniserStallsAndTheNextUnderstandsInTheSameTurn()
    {
        Call call({.hears = {heardAs("")},
            .answers = {says("Hello."), says("Sales is closed.")},
            .sttManners = struck(Fault::Hang),
            .second = true,
            .secondHears = {heardAs("sales please")}});
        QVERIFY(asks(call));
        call.quiet(1900ms);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().callerText, QStringLiteral("sales please"));
        QCOMPARE(call.turns.last().heardText, QStringLiteral("Sales is closed."));
        QCOMPARE(failovers(call), QStringList{QStringLiteral("STT stand-in>second")});
        QVERIFY(call.longestSilenceOwed < 6000ms);
    }

    void aTurnThatDoesNotWaitLearnsFromItAllTheSame()
    {
        session::Settings settings;
        settings.turn.finalWait = 1500ms;
        Call call({.hears = {heardAs("")},
            .answers = {says("Hello."), says("Please say that again."), says("Sales is closed.")},
            .sttManners = struck(Fault::Hang),
            .settings = settings,
            .second = true,
            .secondHears = {heardAs("sales please")}});
        QVERIFY(asks(call));
        // The turn goes on before the recogniser's time is over; that it stalled is known at the next one all the same.
        QVERIFY(call.untilAgentSpeaks(4000ms));
        QVERIFY(call.untilAgentIsSilent());
        call.speak(900ms);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().callerText, QStringLiteral("sales please"));
    }

    void anInterruptionIsUnderstoodByTheNext_data()
    {
        QTest::addColumn<StandInManners>("manners");
        QTest::newRow("fails") << struck(Fault::Fail);
        QTest::newRow("stalls") << struck(Fault::Hang); // longer than the agent waits with its mouth open
    }
    void anInterruptionIsUnderstoodByTheNext()
    {
        QFETCH(StandInManners, manners);
        Call call({.hears = {heardAs("")},
            .answers = {says("One two three four five six seven eight nine ten eleven twelve."),
                says("Sales is closed.")},
            .sttManners = manners,
            .second = true,
            .secondHears = {heardAs("sales please")}});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(1000ms);
        call.speak(700ms);
        QVERIFY(!call.agentIsHeard());
        QVERIFY(call.untilAgentSpeaks(2500ms));
        QVERIFY(call.untilAgentIsSilent());
        QVERIFY(call.turns.at(0).interrupted);
        QCOMPARE(call.turns.at(1).callerText, QStringLiteral("sales please"));
        QCOMPARE(call.turns.at(1).heardText, QStringLiteral("Sales is closed."));
        QCOMPARE(failovers(call), QStringList{QStringLiteral("STT stand-in>second")});
    }

    void anInterruptionThatNobodyUnderstandsIsAnswered_data()
    {
        QTest::addColumn<StandInManners>("first");
        QTest::addColumn<StandInManners>("second");
        for (const auto& [name, one, other] : {std::tuple("both fail", Fault::Fail, Fault::Fail),
                 std::tuple("one fails, one stalls", Fault::Fail, Fault::Hang),
                 std::tuple("one stalls, one fails", Fault::Hang, Fault::Fail),
                 std::tuple("both stall", Fault::Hang, Fault::Hang)})
            QTest::newRow(name) << struck(one) << struck(other);
    }
    void anInterruptionThatNobodyUnderstandsIsAnswered()
    {
        QFETCH(StandInManners, first);
        QFETCH(StandInManners, second);
        Call call({.hears = {heardAs("")},
            .answers = {says("One two three four five six seven eight nine ten eleven twelve."),
                says("Please say that again.")},
            .sttManners = first,
            .second = true,
            .secondHears = {heardAs("sales please")},
            .secondSttManners = second});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(1000ms);
        call.speak(700ms);
        QVERIFY(!call.agentIsHeard());
        QVERIFY(call.untilAgentSpeaks(2500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.size(), 2);
        QCOMPARE(call.turns.at(1).callerText, QString());
        QCOMPARE(call.turns.at(1).heardText, QStringLiteral("Please say that again."));
        QVERIFY(call.longestSilenceOwed <= 2500ms);
    }

    // ---- the model ----
    void theModelDiesInMidSentenceAndTheNextAnswers()
    {
        Call call({.hears = {heardAs("sales")},
            .answers = {says("Hello."), says("The sales department is open until six.")},
            .llmManners = struck(Fault::Fail, 2, 3),
            .llmChunk = 5,
            .second = true,
            .secondAnswers = {says("Sales is closed. Call again tomorrow.")}});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().agentText, QStringLiteral("Sales is closed. Call again tomorrow."));
        QCOMPARE(call.turns.last().heardText, call.turns.last().agentText);
        QVERIFY(!call.turns.last().fallback);
        QCOMPARE(failovers(call), QStringList{QStringLiteral("LLM stand-in>second")});
        // Who took over knew what had been said.
        QCOMPARE(call.conversation->call.past.size(), 1);
        QCOMPARE(call.conversation->call.past.first().heardText, QStringLiteral("Hello."));
        QCOMPARE(call.conversation->heardTexts.last().text, call.turns.last().heardText);
    }

    void theModelStallsAndTheNextAnswersBehindTheFiller()
    {
        Call call({.hears = {heardAs("sales")},
            .answers = {says("Hello.")},
            .llmManners = struck(Fault::Hang, 2),
            .second = true,
            .secondAnswers = {says("Sales is closed.")}});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(2500ms));
        QCOMPARE(call.events(QStringLiteral("FILLER")).size(), 1);
        for (int i = 0; i < 400 && call.turns.size() < 2; ++i)
            call.quiet(20ms);
        QCOMPARE(call.turns.last().heardText, QStringLiteral("Sales is closed."));
        QVERIFY(call.events(QStringLiteral("FALLBACK")).isEmpty());
        QCOMPARE(failovers(call), QStringList{QStringLiteral("LLM stand-in>second")});
        QVERIFY(call.longestSilenceOwed < 6000ms);
    }

    void theModelDiesAfterASentenceAndTheCallerGoesOn()
    {
        Call call({.hears = {heardAs("sales"), heardAs("until when")},
            .answers = {says("Hello."), says("Sales is open. It is open until s"), says("Until six.")},
            .llmManners = struck(Fault::Fail, 2, 1),
            .second = true,
            .secondAnswers = {says("Never asked.")}});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().heardText, QStringLiteral("Sales is open."));
        call.speak(900ms);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().callerText, QStringLiteral("until when"));
        QVERIFY(!call.turns.last().fallback);
        QCOMPARE(failovers(call), QStringList{QStringLiteral("LLM stand-in>")});
        QCOMPARE(call.conversation->call.past.last().heardText, QStringLiteral("Sales is open."));
    }

    void theCallerInterruptsTheOneWhoTookOver()
    {
        Call call({.hears = {heardAs("sales"), heardAs("stop that", {QStringLiteral("stop that")})},
            .answers = {says("Hello.")},
            .llmManners = struck(Fault::Fail, 2),
            .second = true,
            .secondAnswers = {
                says("One two three four five six seven eight nine ten eleven twelve."), says("Very well.")}});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(1500ms));
        call.quiet(1000ms);
        call.speak(900ms);
        QVERIFY(call.untilAgentSpeaks(2500ms));
        QVERIFY(call.turns.at(1).interrupted);
        QVERIFY(call.turns.at(1).heardText.startsWith(QStringLiteral("One two")));
        QVERIFY(call.untilAgentIsSilent());
        QVERIFY(!call.turns.last().fallback);
        QCOMPARE(call.turns.last().callerText, QStringLiteral("stop that"));
    }

    void theCallerSpeaksOnWhileTheModelIsSilent()
    {
        Call call({.hears = {heardAs("I would like", {QStringLiteral("I would like")}), heardAs("to speak to sales")},
            .answers = {says("Hello."), says("Never said."), says("Sales is closed.")},
            .llmManners = struck(Fault::Hang, 2),
            .second = true,
            .secondAnswers = {says("Never asked.")}});
        QVERIFY(asks(call));
        call.quiet(900ms); // committed, and the first one is silent
        call.speak(900ms);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().callerText, QStringLiteral("I would like to speak to sales"));
        QCOMPARE(call.turns.last().heardText, QStringLiteral("Sales is closed."));
        QVERIFY(failovers(call).isEmpty()); // it was not given its time
    }

    void bothModelsStallAndTheCallerLeavesAMessage()
    {
        Call call({.hears = {heardAs("sales")},
            .answers = {says("Hello.")},
            .llmManners = struck(Fault::Hang, 2),
            .second = true,
            .secondLlmManners = struck(Fault::Hang)});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(2200ms));
        QCOMPARE(call.events(QStringLiteral("FILLER")).size(), 1);
        call.quiet(4500ms);
        QCOMPARE(call.events(QStringLiteral("FALLBACK")).size(), 1);
        QVERIFY(call.untilAgentIsSilent());
        call.speak(3000ms);
        QVERIFY(call.untilEnded(20s));
        QCOMPARE(call.events(QStringLiteral("MESSAGE")).size(), 1);
        QVERIFY(call.turns.at(1).fallback);
        QVERIFY(call.longestSilenceOwed <= 6100ms);
    }

    void bothModelsFailAndTheCallerNeedNotWaitForTheLine()
    {
        Call call({.hears = {heardAs("sales")},
            .answers = {says("Hello.")},
            .llmManners = struck(Fault::Fail, 2),
            .second = true,
            .secondLlmManners = struck(Fault::Fail)});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QCOMPARE(call.events(QStringLiteral("FALLBACK")).size(), 1);
        QCOMPARE(failovers(call), (QStringList{QStringLiteral("LLM stand-in>second"), QStringLiteral("LLM second>")}));
        QCOMPARE(call.events(QStringLiteral("LLM_ERR")).size(), 1);
    }

    // ---- the voice ----
    void theVoiceBreaksOffAndTheNextGoesOn_data()
    {
        QTest::addColumn<bool>("hangs");
        QTest::newRow("it fails") << false;
        QTest::newRow("it stalls") << true;
    }
    void theVoiceBreaksOffAndTheNextGoesOn()
    {
        QFETCH(bool, hangs);
        Call call({.hears = {heardAs("sales")},
            .answers = {says("Hello."), says("Sales is closed until nine in the morning.")},
            .ttsManners = struck(hangs ? Fault::Hang : Fault::Fail, 2, 10),
            .second = true});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(1500ms));
        for (int i = 0; i < 600 && call.turns.size() < 2; ++i)
            call.quiet(20ms);
        QCOMPARE(call.turns.last().heardText, QStringLiteral("Sales is closed until nine in the morning."));
        QVERIFY(!call.turns.last().fallback);
        QCOMPARE(failovers(call), QStringList{QStringLiteral("TTS stand-in>second")});
        // A second of it had sounded, and the fourth word was due.
        const auto length = call.events(QStringLiteral("TTS_LEN_ms")).last().value(QStringLiteral("ms")).toInt();
        QCOMPARE(length, 1000 + QStringLiteral("until nine in the morning.").size() * 60);
    }

    void allThreeDieInOneTurn()
    {
        Call call({.hears = {heardAs("")},
            .answers = {says("Hello.")},
            .sttManners = struck(Fault::Fail),
            .llmManners = struck(Fault::Fail, 2),
            .ttsManners = struck(Fault::Fail, 2),
            .second = true,
            .secondHears = {heardAs("sales")},
            .secondAnswers = {says("Sales is closed.")}});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().callerText, QStringLiteral("sales"));
        QCOMPARE(call.turns.last().heardText, QStringLiteral("Sales is closed."));
        QCOMPARE(failovers(call),
            (QStringList{QStringLiteral("STT stand-in>second"), QStringLiteral("LLM stand-in>second"),
                QStringLiteral("TTS stand-in>second")}));
        QVERIFY(call.longestSilenceOwed < 2000ms);
        QCOMPARE(owners(call.turns.last()),
            QStringLiteral("end-of-utterance turn.end_of_utterance_max, recognition second, first-token second, "
                           "first-sentence second, first-audio second, playout media.lead"));
    }

    // ---- a model that speaks ----
    void anAnswerThatIsSoundNeedsNoVoice()
    {
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_TTS_ERR.*")));
        Call call({.hears = {heardAs("sales")},
            .answers = {says("Hello. How can I help?"), says("Sales is closed.")},
            .haveTts = false,
            .llmChunk = 6,
            .llmSpeaks = true});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.at(0).heardText, QStringLiteral("Hello. How can I help?"));
        QCOMPARE(call.turns.at(1).heardText, QStringLiteral("Sales is closed."));
        QVERIFY(call.turns.at(1).latency.total);
        QCOMPARE(owners(call.turns.at(1)),
            QStringLiteral("end-of-utterance turn.end_of_utterance_max, recognition stand-in, first-token stand-in, "
                           "first-sentence stand-in, first-audio stand-in, playout media.lead"));
        QCOMPARE(call.shownTurns.value(1).record.agentText, QStringLiteral("Hello. How can I help?"));
    }

    void ofSoundThatIsInterruptedOnlyWhatWasHeardIsRemembered()
    {
        Call call({.hears = {heardAs("stop that", {QStringLiteral("stop that")})},
            .answers = {says("One two three four five six seven eight nine ten eleven twelve."), says("Very well.")},
            .llmChunk = 4,
            .llmSpeaks = true});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        call.quiet(1500ms);
        call.speak(900ms);
        QVERIFY(call.untilAgentSpeaks(2500ms));
        const QString heard = call.turns.at(0).heardText;
        // 60 ms a character: 1.5 s and the voice's own 0.2 are under thirty.
        QVERIFY2(heard.size() >= 18 && heard.size() <= 34, qPrintable(heard));
        QVERIFY(call.turns.at(0).agentText.startsWith(heard + QLatin1Char(' ')));
        QCOMPARE(call.conversation->heardTexts.first().text, heard);
        QVERIFY(call.conversation->heardTexts.first().interrupted);
    }

    void aModelThatSpeaksIsReplacedByOneThatWrites()
    {
        Call call({.hears = {heardAs("sales")},
            .answers = {says("Hello.")},
            .llmManners = struck(Fault::Fail, 2),
            .llmSpeaks = true,
            .second = true,
            .secondAnswers = {says("Sales is closed.")}});
        QVERIFY(asks(call));
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.turns.last().heardText, QStringLiteral("Sales is closed."));
        QCOMPARE(call.conversation->call.past.first().heardText, QStringLiteral("Hello."));
    }
};

QTEST_GUILESS_MAIN(TestCallFailover)
#include "tst_callfailover.moc"
