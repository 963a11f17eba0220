// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/media/wav.h"
#include "tests/session/callfixture.h"

#include <QFileInfo>
#include <QJsonDocument>
#include <QRegularExpression>
#include <QTest>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

const QString Card = QStringLiteral("4111111111111111");

StandInAnswer says(const char* text, bool endCall = false)
{
    return {QString::fromUtf8(text), {}, endCall};
}

StandInUtterance heardAs(const char* text)
{
    return {QString::fromUtf8(text), 0.9, {}, true};
}

std::shared_ptr<providers::Persona> recorded(providers::RecordedBy by = providers::RecordedBy::Engine)
{
    auto persona = std::make_shared<providers::Persona>();
    persona->name = QStringLiteral("desk");
    persona->recording = by;
    return persona;
}

/// An answer after which the caller keys a secret of four keys or more.
StandInAnswer asksForSecret(const char* text, int keys)
{
    StandInAnswer answer = says(text);
    answer.next.keypadMin = answer.next.keypadMax = keys;
    answer.next.sensitive = true;
    return answer;
}

/// Notice and greeting have been heard.
bool isGreeted(Call& call)
{
    for (int i = 0; i < 500 && !call.tokens().contains(QStringLiteral("RECORDING_NOTICE")); ++i)
        call.quiet(20ms);
    return call.untilAgentSpeaks(500ms) && call.untilAgentIsSilent();
}

struct Sides final {
    QByteArray caller, agent;
};

Sides sidesOf(const QString& path)
{
    Sides sides;
    const auto audio = media::readWav(path);
    if (!audio.ok() || audio->channels != 2 || audio->sampleRate != 8000)
        return sides;
    for (std::size_t i = 0; i < audio->frames(); ++i) {
        sides.caller += char(media::toMulaw(audio->samples[2 * i]));
        sides.agent += char(media::toMulaw(audio->samples[2 * i + 1]));
    }
    return sides;
}

/// Negative zero reads as zero.
QByteArray plain(QByteArray mulaw)
{
    return mulaw.replace(char(0x7f), char(0xff));
}

bool isSilent(const QByteArray& mulaw)
{
    return mulaw.count(char(media::MulawSilence)) == mulaw.size();
}

QString everythingLogged(const Call& call)
{
    QString all;
    for (const auto& entry : call.log)
        all += QString::fromUtf8(QJsonDocument(entry.data).toJson());
    for (const TranscriptTurn& turn : call.shownTurns)
        all += turn.record.callerText + turn.record.agentText + turn.record.heardText;
    return all;
}

} // namespace

class TstCallRecording final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void bothSidesAreKeptAsTheyWereHeard()
    {
        Call call({.hears = {heardAs("sales please"), heardAs("stop"), heardAs("goodbye")},
            .answers = {says("Hello. How can I help?"),
                says("There is a great deal to say about sales and I shall say all of it now."), says("Very well."),
                says("Goodbye.", true)},
            .persona = recorded()});
        call.start();
        QVERIFY(isGreeted(call));
        call.speak(900ms);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        call.quiet(700ms);
        call.speak(900ms); // interrupts
        QVERIFY(call.untilAgentSpeaks(2000ms));
        QVERIFY(call.untilAgentIsSilent());
        call.nothing(400ms); // the peer sends nothing in silence
        call.callerTrack.append(20 * 160, char(media::MulawSilence));
        call.speak(900ms);
        QVERIFY(call.untilEnded());
        QVERIFY(call.count(QStringLiteral("clear")) > 0);

        const QString path = call.directory.filePath(QStringLiteral("CA1.wav"));
        QTRY_VERIFY(QFileInfo::exists(path));
        const Sides kept = sidesOf(path);
        QCOMPARE(kept.caller.size(), kept.agent.size());
        QVERIFY2(std::abs(kept.caller.size() - call.callerTrack.size()) <= 160,
            qPrintable(QStringLiteral("%1 of %2").arg(kept.caller.size()).arg(call.callerTrack.size())));
        const qsizetype size = std::min(kept.caller.size(), call.callerTrack.size());
        const QByteArray caller = plain(call.callerTrack);
        for (qsizetype i = 0; i < size; ++i)
            QVERIFY2(kept.caller.at(i) == caller.at(i), qPrintable(QStringLiteral("sample %1").arg(i)));
        QVERIFY(!isSilent(kept.agent));
        const QByteArray agent = plain(call.agentTrack());
        for (qsizetype i = 0; i < size; ++i)
            QVERIFY2(kept.agent.at(i) == agent.at(i), qPrintable(QStringLiteral("sample %1").arg(i)));
    }

    void aNoticeComesFirstAndCannotBeTalkedAway()
    {
        Call call({.hears = {heardAs("hello hello")}, .answers = {says("Good morning.")}, .persona = recorded()});
        call.render(QStringLiteral("This call is recorded."));
        call.start();
        QVERIFY(call.untilAgentSpeaks(100ms));
        QCOMPARE(call.summaries.last().recording, QStringLiteral("engine"));
        QVERIFY(!call.tokens().contains(QStringLiteral("RECORDING_NOTICE")));
        call.speak(900ms);
        QCOMPARE(call.count(QStringLiteral("clear")), 0);
        for (int i = 0; i < 500 && !call.tokens().contains(QStringLiteral("RECORDING_NOTICE")); ++i)
            call.quiet(20ms);
        QCOMPARE(call.events(QStringLiteral("RECORDING_NOTICE")).value(0).value(QStringLiteral("heard")), true);
        QVERIFY(call.turns.isEmpty()); // the greeting is yet to come
        QVERIFY(call.untilAgentSpeaks());
        call.stop();
        const QStringList tokens = call.tokens();
        QVERIFY(tokens.indexOf(QStringLiteral("RECORDING_START")) < tokens.indexOf(QStringLiteral("RECORDING_NOTICE")));
        const QJsonObject stop = call.events(QStringLiteral("RECORDING_STOP")).value(0);
        QVERIFY(stop.value(QStringLiteral("ms")).toInt() > 1000);
        QCOMPARE(stop.value(QStringLiteral("lost_ms")).toInt(), 0);
    }

    void whoCouldNotBeToldIsNotRecorded()
    {
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("WARMUP_TTS_ERR.*")));
        Call call({.answers = {says("Good morning.")}, .haveTts = false, .persona = recorded()});
        call.start();
        call.quiet(200ms);
        QCOMPARE(call.events(QStringLiteral("RECORDING_STOP")).value(0).value(QStringLiteral("reason")),
            QStringLiteral("no notice"));
        QVERIFY(call.summaries.last().recording.isEmpty());
        call.stop();
        QTRY_VERIFY(!QFileInfo::exists(call.directory.filePath(QStringLiteral("CA1.part.wav"))));
        QVERIFY(!QFileInfo::exists(call.directory.filePath(QStringLiteral("CA1.wav"))));
    }

    void nobodyIsRecordedWhoseLineIsNot()
    {
        Call call({.answers = {says("Hello.")}, .persona = recorded(providers::RecordedBy::Nobody)});
        call.start();
        QVERIFY(call.untilAgentSpeaks());
        QVERIFY(call.untilAgentIsSilent());
        call.stop();
        QVERIFY(!call.tokens().contains(QStringLiteral("RECORDING_START")));
        QVERIFY(call.summaries.last().recording.isEmpty());
    }

    void whatIsKeyedInSecretIsNeitherRecordedNorLogged()
    {
        Call call({.answers = {says("Hello."), asksForSecret("Please key in your card number.", 16),
                       says("Thank you, 4111 1111 1111 1111 it is."), says("Anything else?")},
            .persona = recorded()});
        call.start();
        QVERIFY(isGreeted(call));
        call.press('1');
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        const qsizetype from = call.callerTrack.size();
        for (const QChar key : Card) {
            call.speak(100ms); // the tone in the line
            call.press(key.toLatin1());
            call.quiet(40ms);
        }
        const qsizetype to = call.callerTrack.size();
        QVERIFY(call.untilAgentSpeaks(1500ms));
        const qsizetype readBack = call.callerTrack.size();
        QVERIFY(call.untilAgentIsSilent());
        call.speak(300ms); // this is kept again
        call.stop();

        QVERIFY2(!everythingLogged(call).contains(QStringLiteral("4111")), qPrintable(everythingLogged(call)));
        QCOMPARE(call.shownTurns.value(3).record.callerText, QString(4, QChar(0x2022)));
        QCOMPARE(call.events(QStringLiteral("RECORDING_PAUSE")).size(), 1);
        const int paused =
            call.events(QStringLiteral("RECORDING_RESUME")).value(0).value(QStringLiteral("paused_ms")).toInt();
        QVERIFY2(paused >= 2240, qPrintable(QString::number(paused)));
        const QString path = call.directory.filePath(QStringLiteral("CA1.wav"));
        QTRY_VERIFY(QFileInfo::exists(path));
        const Sides kept = sidesOf(path);
        QVERIFY(isSilent(kept.caller.mid(from, to - from)));
        QVERIFY(!isSilent(call.callerTrack.mid(from, to - from)));
        QVERIFY(isSilent(kept.agent.mid(readBack, 8000)));
        QVERIFY(!isSilent(kept.caller.mid(kept.caller.size() - 2400)));
    }

    void aCardNumberThatIsSaidIsTakenOutAfterwards()
    {
        Call call({.hears = {heardAs("my card is four one one one 1111 one one one one 1111 thanks")},
            .answers = {says("Hello."), says("Noted.")},
            .persona = recorded()});
        call.start();
        QVERIFY(isGreeted(call));
        call.quiet(500ms);
        const qsizetype from = call.callerTrack.size();
        call.speak(1500ms);
        const qsizetype to = call.callerTrack.size();
        QVERIFY(call.untilAgentSpeaks(1500ms));
        call.stop();
        QCOMPARE(call.shownTurns.value(2).record.callerText,
            QStringLiteral("my card is \u2022\u2022\u2022\u20221111 thanks"));
        QCOMPARE(
            call.conversation->asked.last().text, QStringLiteral("my card is \u2022\u2022\u2022\u20221111 thanks"));
        QCOMPARE(call.events(QStringLiteral("RECORDING_SILENCED")).size(), 1);
        const QString path = call.directory.filePath(QStringLiteral("CA1.wav"));
        QTRY_VERIFY(QFileInfo::exists(path));
        const Sides kept = sidesOf(path);
        QVERIFY(isSilent(kept.caller.mid(from, to - from)));
        QVERIFY(!isSilent(kept.agent.first(from)));
        QCOMPARE(kept.agent.first(from - 8000), plain(call.agentTrack()).first(from - 8000));
    }

    void aCardNumberThatIsKeyedUnaskedIsTakenOutToo()
    {
        StandInAnswer asks = says("What is your number?");
        asks.next.kind = providers::Expectation::Kind::Digits;
        asks.next.keypadMin = 5;
        asks.next.keypadMax = 16;
        Call call({.answers = {asks, says("Noted.")}, .persona = recorded()});
        call.start();
        QVERIFY(isGreeted(call));
        call.quiet(1000ms);
        const qsizetype from = call.callerTrack.size();
        for (const QChar key : Card) {
            call.speak(60ms);
            call.press(key.toLatin1());
        }
        const qsizetype to = call.callerTrack.size();
        QVERIFY(call.untilAgentSpeaks(1500ms));
        call.stop();
        QVERIFY(!everythingLogged(call).contains(QStringLiteral("41111")));
        const QString path = call.directory.filePath(QStringLiteral("CA1.wav"));
        QTRY_VERIFY(QFileInfo::exists(path));
        QVERIFY(isSilent(sidesOf(path).caller.mid(from, to - from)));
    }

    // ---- keys for a model ----
    void aModelAsksForKeysAndGetsAReference()
    {
        auto persona = recorded();
        persona->tools = {QStringLiteral("ask_keys")};
        StandInAnswer asks = says("Your code, please.");
        asks.tool = QStringLiteral("ask_keys");
        asks.toolArguments = {
            {QStringLiteral("min"), 4}, {QStringLiteral("max"), 8}, {QStringLiteral("sensitive"), true}};
        Call call({.answers = {asks, says("Thank you.")}, .persona = persona});
        call.start();
        QVERIFY(isGreeted(call));
        for (const char key : {'1', '9', '7', '3', '#'})
            call.press(key);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        call.stop();
        QVERIFY(call.conversation->toolResults.first()
                    .second.value(QStringLiteral("status"))
                    .toString()
                    .contains(QStringLiteral("# ends it")));
        const QString told = call.conversation->asked.last().text;
        QVERIFY2(told.contains(QStringLiteral("keys:1")) && told.contains(QStringLiteral("4 keys")), qPrintable(told));
        QVERIFY(!told.contains(QStringLiteral("1973")));
        QVERIFY(!everythingLogged(call).contains(QStringLiteral("1973")));
    }

    void keysThatDoNotInterruptCountWhenTheAgentHasSpoken()
    {
        auto persona = recorded(providers::RecordedBy::Nobody);
        persona->keypad.digitsMin = persona->keypad.digitsMax = 3;
        persona->keypad.interrupts = false;
        Call call({.answers = {says("Hello, this is a long greeting for a test of keys."), says("Thank you.")},
            .persona = persona});
        call.start();
        QVERIFY(call.untilAgentSpeaks(500ms));
        for (const char key : {'1', '2', '3'})
            call.press(key);
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(call.count(QStringLiteral("clear")), 0);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        call.stop();
        QCOMPARE(call.shownTurns.value(2).record.callerText, QStringLiteral("123"));
        QVERIFY(!call.shownTurns.value(1).record.interrupted);
    }

    void twiliosOwnRecordingIsPausedInTheSameCases()
    {
        QStringList asked;
        const auto hook = [&asked](const QString& callId, session::TwilioRecording what) {
            asked += callId + QString::number(int(what));
            return true;
        };
        Call call({.answers = {says("Hello."), asksForSecret("Your code?", 4), says("Thank you.")},
            .persona = recorded(providers::RecordedBy::Twilio),
            .twilioRecording = hook});
        call.start();
        QCOMPARE(asked, QStringList{QStringLiteral("CA10")});
        QCOMPARE(call.summaries.last().recording, QStringLiteral("twilio"));
        QVERIFY(isGreeted(call));
        call.press('1');
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QVERIFY(call.untilAgentIsSilent());
        QCOMPARE(asked.size(), 2);
        for (const char key : {'1', '2', '3', '4'})
            call.press(key);
        QVERIFY(call.untilAgentSpeaks(1500ms));
        QCOMPARE(asked, (QStringList{QStringLiteral("CA10"), QStringLiteral("CA11"), QStringLiteral("CA12")}));
        call.stop();
        QVERIFY(!QFileInfo::exists(call.directory.filePath(QStringLiteral("CA1.part.wav"))));
    }

    void withoutARestServiceTheEngineRecordsInstead()
    {
        const auto never = [](const QString&, session::TwilioRecording) { return false; };
        Call call({.answers = {says("Hello.")},
            .persona = recorded(providers::RecordedBy::Twilio),
            .twilioRecording = never});
        call.start();
        QCOMPARE(call.summaries.last().recording, QStringLiteral("engine"));
        call.stop();
        QTRY_VERIFY(QFileInfo::exists(call.directory.filePath(QStringLiteral("CA1.wav"))));
    }
};

QTEST_GUILESS_MAIN(TstCallRecording)
#include "tst_callrecording.moc"
