// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/media/wav.h"
#include "engine/telephony/callcommand.h"
#include "engine/telephony/callscript.h"
#include "engine/telephony/calltimeline.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>
#include <QTextStream>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::telephony;
using namespace std::chrono_literals;

namespace {

/// A call seen by a script, moved in frames of 20 ms by the test.
struct Stage final : ScriptActions {
    explicit Stage(const QString& text)
        : runner(std::move(*parseScript(text)))
    {
    }

    void speak(const QByteArray&, const QString& label) override
    {
        did += u"speak "_s + label;
        view.callerBusy = true;
        view.callerOnset.reset();
    }
    void pressKeys(const QString& digits) override
    {
        did += u"keys "_s + digits;
        view.callerBusy = true;
    }
    void setNoise(std::optional<double> dbfs) override { did += dbfs ? u"noise %1"_s.arg(*dbfs) : u"noise off"_s; }
    void hangUp() override { did += u"hang up"_s; }

    ScriptRunner::State tick() { return runner.advance(view, *this); }
    ScriptRunner::State pass(Milliseconds time, bool agentLoud)
    {
        for (Milliseconds t = 0ms; t < time; t += 20ms) {
            view.now += 20ms;
            if (agentLoud) {
                if (!view.agentSpeaking)
                    view.agentBegan = view.now - 20ms;
                view.agentSpeaking = true;
                view.agentLastLoud = view.now;
            } else if (view.agentSpeaking && view.now - *view.agentLastLoud >= 300ms) {
                view.agentSpeaking = false;
            }
            tick();
        }
        return runner.state();
    }

    ScriptRunner runner;
    ScriptView view;
    QStringList did;
};

constexpr auto Running = ScriptRunner::State::Running;
constexpr auto Passed = ScriptRunner::State::Passed;
constexpr auto Failed = ScriptRunner::State::Failed;

} // namespace

class tst_CallScript final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsEveryStep();
    void refuses_data();
    void refuses();
    void speaksWhenTheAgentHasFinished();
    void interruptsAndExpectsSilence();
    void anAgentThatTalksOnFailsTheExpectation();
    void aStepThatDoesNotComeAboutFails();
    void marksAreTakenOnce();
    void keysAndNoise();
    void anEarlyEndFailsWhatIsLeft();
    void anEndIsWhatWaitEndWaitsFor();
    void finishLetsTheAgentFinish();
    void hangupEndsTheScript();
    void flagsMakeAScript();
    void loadsSoundsAndNamesWhatIsMissing();
    void argumentsAreChecked_data();
    void argumentsAreChecked();
    void argumentsAreRead();
    void timelineSortsByTime();
    void watcherReportsWhenItReallyHappened();
};

void tst_CallScript::readsEveryStep()
{
    const auto steps = parseScript(uR"(
# a demo
wait-agent-speaking
wait-agent-silent for 700ms within 5s   # patient
play hello "vm message" gap 150ms within 9s
say I want within reason
noise -50
noise off
interrupt after 1200ms play no.wav
expect-agent-silent within 400ms
expect-mark g1
expect-mark
dtmf 12w#
wait 0.5s
wait-caller-silent
finish
wait-end within 20s
hangup
)"_s);
    QVERIFY2(steps, steps ? "" : qPrintable(steps.error().message));
    QCOMPARE(steps->size(), std::size_t(16));
    const auto& s = *steps;
    QCOMPARE(s[0].within, 20000ms);
    QCOMPARE(s[1].duration, 700ms);
    QCOMPARE(s[1].within, 5000ms);
    QCOMPARE(s[2].files, (QStringList{u"hello"_s, u"vm message"_s}));
    QCOMPARE(s[2].gap, 150ms);
    QCOMPARE(s[2].within, 9000ms);
    QCOMPARE(s[3].text, u"I want within reason"_s);
    QCOMPARE(*s[4].noiseDbfs, -50.0);
    QVERIFY(!s[5].noiseDbfs);
    QCOMPARE(s[6].duration, 1200ms);
    QCOMPARE(s[6].files, QStringList{u"no.wav"_s});
    QCOMPARE(s[7].within, 400ms);
    QCOMPARE(s[8].text, u"g1"_s);
    QCOMPARE(s[10].text, u"12w#"_s);
    QCOMPARE(s[11].duration, 500ms);
    QCOMPARE(s[15].line, 18);
}

void tst_CallScript::refuses_data()
{
    QTest::addColumn<QString>("script");
    QTest::addColumn<QString>("message");
    const auto row = [](const char* name, const char* script, const char* message) {
        QTest::newRow(name) << QString::fromLatin1(script) << QString::fromLatin1(message);
    };
    row("nothing", "# only words\n", "the script has no step");
    row("an unknown step", "wait 1s\n  jump", "script line 2: unknown step jump");
    row("a wait without unit", "wait 500", "script line 1: wait needs one duration such as 500ms");
    row("a negative wait", "wait -5ms", "script line 1: wait needs one duration such as 500ms");
    row("an endless wait", "wait 1e9s", "script line 1: wait needs one duration such as 500ms");
    row("not a number", "wait nans", "script line 1: wait needs one duration such as 500ms");
    row("a bad time-out", "hangup within soon", "script line 1: within soon: a duration such as 400ms or 2s is wanted");
    row("nothing to play", "play gap 100ms", "script line 1: play needs at least one file");
    row("nothing to say", "say", "script line 1: say needs a text");
    row("a half interruption", "interrupt after 1s", "script line 1: wanted: interrupt after DURATION play FILE...");
    row("an expectation without limit", "expect-agent-silent",
        "script line 1: wanted: expect-agent-silent within DURATION");
    row("noise too loud", "noise 0", "script line 1: noise needs a level from -90 to -6 (dBFS), or off");
    row("letters for keys", "dtmf 12x", "script line 1: dtmf takes 0-9 * # A-D and w");
    row("words too many", "wait-end now", "script line 1: now is not understood");
    row("an open quotation", "play \"a b", "script line 1: a quotation mark is not closed");
}

void tst_CallScript::refuses()
{
    QFETCH(QString, script);
    QFETCH(QString, message);
    const auto steps = parseScript(script);
    QVERIFY(!steps);
    QCOMPARE(steps.error().message, message);
}

void tst_CallScript::speaksWhenTheAgentHasFinished()
{
    Stage stage(u"wait-agent-speaking\nwait-agent-silent for 600ms\nplay hello"_s);
    stage.pass(500ms, false);
    stage.pass(1000ms, true);
    QCOMPARE(stage.did, QStringList());
    stage.pass(580ms, false);
    QCOMPARE(stage.did, QStringList());
    stage.pass(40ms, false);
    QCOMPARE(stage.did, QStringList{u"speak hello"_s});
    stage.pass(1000ms, false);
    QCOMPARE(stage.runner.state(), Running);
    stage.view.callerBusy = false;
    QCOMPARE(stage.tick(), Passed);
    QCOMPARE(stage.did, (QStringList{u"speak hello"_s, u"hang up"_s}));
}

void tst_CallScript::interruptsAndExpectsSilence()
{
    Stage stage(u"interrupt after 1200ms play no\nexpect-agent-silent within 400ms\nhangup"_s);
    stage.pass(1180ms, true);
    QCOMPARE(stage.did, QStringList());
    stage.pass(40ms, true);
    QCOMPARE(stage.did, QStringList{u"speak no"_s});
    // The file begins with silence: what counts is the first loud sample.
    stage.pass(500ms, true);
    QCOMPARE(stage.runner.state(), Running);
    stage.view.callerOnset = stage.view.now;
    stage.pass(300ms, true);
    stage.pass(300ms, false);
    QCOMPARE(stage.runner.state(), Passed);
    QCOMPARE(stage.did.last(), u"hang up"_s);
}

void tst_CallScript::anAgentThatTalksOnFailsTheExpectation()
{
    Stage stage(u"interrupt after 100ms play no\nexpect-agent-silent within 400ms"_s);
    stage.pass(200ms, true);
    stage.view.callerOnset = stage.view.now;
    // A gap between two words is no stop.
    stage.pass(300ms, true);
    stage.pass(120ms, false);
    QCOMPARE(stage.runner.state(), Running);
    QCOMPARE(stage.pass(100ms, true), Failed);
    QVERIFY(stage.runner.reason().startsWith(
        u"script line 2 (expect-agent-silent within 400ms): the agent was still heard"_s));
}

void tst_CallScript::aStepThatDoesNotComeAboutFails()
{
    Stage stage(u"wait-agent-speaking within 2s"_s);
    QCOMPARE(stage.pass(1960ms, false), Running);
    QCOMPARE(stage.pass(100ms, false), Failed);
    QCOMPARE(
        stage.runner.reason(), u"script line 1 (wait-agent-speaking within 2s): did not come about within 2000 ms"_s);
    // And stays failed.
    QCOMPARE(stage.pass(100ms, true), Failed);
}

void tst_CallScript::marksAreTakenOnce()
{
    Stage stage(u"expect-mark\nexpect-mark b\nexpect-mark within 1s"_s);
    stage.runner.onMark(u"a"_s);
    stage.runner.onMark(u"b"_s);
    QCOMPARE(stage.pass(900ms, false), Running);
    QCOMPARE(stage.pass(200ms, false), Failed);
    QVERIFY(stage.runner.reason().startsWith(u"script line 3"_s));
}

void tst_CallScript::keysAndNoise()
{
    Stage stage(u"noise -40\ndtmf 1w2\nnoise off"_s);
    stage.pass(100ms, false);
    QCOMPARE(stage.did, (QStringList{u"noise -40"_s, u"keys 1w2"_s}));
    stage.view.callerBusy = false;
    QCOMPARE(stage.pass(20ms, false), Passed);
    QCOMPARE(stage.did, (QStringList{u"noise -40"_s, u"keys 1w2"_s, u"noise off"_s, u"hang up"_s}));
}

void tst_CallScript::anEarlyEndFailsWhatIsLeft()
{
    Stage stage(u"wait 100ms\nplay hello\nwait-end"_s);
    stage.view.ended = true;
    QCOMPARE(stage.tick(), Failed);
    QCOMPARE(stage.runner.reason(), u"script line 2 (play hello): the engine ended the call before this was done"_s);
    QCOMPARE(stage.did, QStringList());
}

void tst_CallScript::anEndIsWhatWaitEndWaitsFor()
{
    Stage stage(u"wait-end within 3s\nhangup"_s);
    QCOMPARE(stage.pass(1000ms, true), Running);
    stage.view.ended = true;
    QCOMPARE(stage.tick(), Passed);
    QCOMPARE(stage.did, QStringList());

    Stage waiting(u"wait-end within 3s"_s);
    QCOMPARE(waiting.pass(3100ms, true), Failed);
}

void tst_CallScript::finishLetsTheAgentFinish()
{
    Stage stage(u"finish"_s);
    stage.pass(500ms, true);
    stage.pass(1500ms, false);
    stage.pass(500ms, true);
    QCOMPARE(stage.pass(1900ms, false), Running);
    QCOMPARE(stage.pass(200ms, false), Passed);
    QCOMPARE(stage.did, QStringList{u"hang up"_s});
}

void tst_CallScript::hangupEndsTheScript()
{
    Stage stage(u"hangup\nplay never"_s);
    QCOMPARE(stage.tick(), Passed);
    QCOMPARE(stage.tick(), Passed);
    QCOMPARE(stage.did, QStringList{u"hang up"_s});
}

void tst_CallScript::flagsMakeAScript()
{
    const auto steps = scriptFromFlags({u"a.wav"_s, u"b.wav"_s}, {u"hello there"_s}, u"12"_s);
    QStringList sources;
    for (const ScriptStep& step : steps)
        sources += step.source;
    QCOMPARE(sources,
        (QStringList{u"wait-agent-speaking"_s, u"wait-agent-silent"_s, u"play a.wav"_s, u"wait-agent-speaking"_s,
            u"wait-agent-silent"_s, u"play b.wav"_s, u"wait-agent-speaking"_s, u"wait-agent-silent"_s,
            u"say hello there"_s, u"wait-agent-speaking"_s, u"wait-agent-silent"_s, u"dtmf 12"_s, u"finish"_s}));
}

void tst_CallScript::loadsSoundsAndNamesWhatIsMissing()
{
    QTemporaryDir directory;
    const auto write = [&directory](const QString& name, int rate, std::size_t samples) {
        auto writer = media::WavWriter::create(directory.filePath(name), rate, 1);
        QVERIFY(writer);
        QVERIFY((*writer)->write(std::vector<qint16>(samples, 8000)));
        QVERIFY((*writer)->close());
    };
    write(u"one.wav"_s, 8000, 800);
    write(u"wide.wav"_s, 16000, 1600);
    auto steps = std::move(*parseScript(u"play one wide.wav gap 100ms\nsay hello"_s));
    const auto speech = [](const QString& text) -> Result<QByteArray> { return QByteArray(text.size(), 'x'); };
    const auto loaded = loadScriptAudio(steps, {directory.path()}, speech);
    QVERIFY2(loaded, loaded ? "" : qPrintable(toString(loaded.error())));
    QVERIFY(qAbs(steps[0].audio.size() - 2400) <= 2); // 100 ms each, and the gap
    QCOMPARE(steps[0].audio.left(800), QByteArray(800, char(media::toMulaw(8000))));
    QCOMPARE(steps[0].audio.mid(900, 600), QByteArray(600, char(0xff)));
    QCOMPARE(steps[1].audio, QByteArray("xxxxx"));

    auto missing = std::move(*parseScript(u"wait 1s\nplay nowhere"_s));
    const auto notFound = loadScriptAudio(missing, {directory.path()}, {});
    QVERIFY(!notFound);
    QCOMPARE(notFound.error().message, u"script line 2: no sound file nowhere"_s);
    auto mute = std::move(*parseScript(u"say hello"_s));
    QCOMPARE(loadScriptAudio(mute, {}, {}).error().message, u"script line 1: there is no synthesiser for say"_s);
    const auto failing = [](const QString&) -> Result<QByteArray> {
        return Error{Error::Code::Timeout, u"too slow"_s, {}};
    };
    QCOMPARE(loadScriptAudio(mute, {}, failing).error().message, u"script line 1: too slow"_s);
}

void tst_CallScript::argumentsAreChecked_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("message");
    const auto row = [](const char* name, const QStringList& arguments, const char* message) {
        QTest::newRow(name) << arguments << QString::fromLatin1(message);
    };
    row("an unknown flag", QStringList{u"--frobnicate"_s, u"1"_s}, "--frobnicate: no such flag");
    row("a value missing", QStringList{u"--wav"_s}, "--wav: not a flag, or its value is missing");
    row("a file that is not there", QStringList{u"--wav"_s, u"/nowhere.wav"_s}, "no sound file /nowhere.wav");
    row("no synthesiser", QStringList{u"--say"_s, u"hello"_s}, "there is no synthesiser for say");
    row("wrong keys", QStringList{u"--dtmf"_s, u"1x"_s}, "--dtmf: takes 0-9 * # A-D and w");
    row("no URL", QStringList{u"--to"_s, u"localhost"_s}, "--to: not an http or https URL");
    row("a stream for a webhook", QStringList{u"--to"_s, u"wss://a/b"_s}, "--to: not an http or https URL");
    row("no port", QStringList{u"--connect-to"_s, u"localhost"_s}, "--connect-to: wanted HOST:PORT or https://HOST:PORT");
    row("noise", QStringList{u"--noise=3"_s}, "--noise: wanted a level from -90 to -6");
    row("script and more", QStringList{u"--script"_s, u"x"_s, u"--dtmf"_s, u"1"_s},
        "--script: cannot be joined with --wav, --say or --dtmf");
    row("a field without value", QStringList{u"--field"_s, u"x"_s}, "--field: wanted NAME=VALUE");
    row("longest", QStringList{u"--longest"_s, u"0"_s}, "--longest: wanted seconds, 1 to 86400");
}

void tst_CallScript::argumentsAreChecked()
{
    QFETCH(QStringList, arguments);
    QFETCH(QString, message);
    const auto command = parseCallArguments(arguments, {}, {});
    QVERIFY(!command);
    QCOMPARE(command.error().message, message);
    QString out, err;
    QTextStream outStream(&out), errStream(&err);
    QCOMPARE(runCallCommand(arguments, {}, {}, outStream, errStream), int(CallUsage));
    QVERIFY(err.contains(message));
}

void tst_CallScript::argumentsAreRead()
{
    QTemporaryDir directory;
    QFile script(directory.filePath(u"s.txt"_s));
    QVERIFY(script.open(QIODevice::WriteOnly));
    script.write("wait 1s\njump\n");
    script.close();
    const auto wrong = parseCallArguments({u"--script"_s, script.fileName()}, {}, {});
    QVERIFY(!wrong);
    QCOMPARE(wrong.error().message, QString(script.fileName() + u": script line 2: unknown step jump"_s));

    const auto command = parseCallArguments(
        QStringList{u"--to=https://h/x"_s, u"--from"_s, u"+1"_s, u"--field"_s, u"A=b=c"_s, u"--record"_s, u"r.wav"_s,
            u"--noise"_s, u"-50"_s, u"--longest"_s, u"60"_s, u"--quiet"_s, u"--connect-to"_s, u"127.0.0.1:5000"_s},
        {"token", u"AC1"_s}, {});
    QVERIFY(command);
    QCOMPARE(command->call.ids->accountSid, u"AC1"_s);
    QVERIFY(command->call.ids->callSid.startsWith(u"CA"_s));
    QCOMPARE(command->call.to, QUrl(u"https://h/x"_s));
    QCOMPARE(command->call.authToken, QByteArray("token"));
    QCOMPARE(command->call.extraFields, (QList<FormField>{{u"A"_s, u"b=c"_s}, {u"KavTest"_s, u"1"_s}}));
    QCOMPARE(command->call.longest, 60000ms);
    QVERIFY(command->quiet);
    QCOMPARE(command->call.script.size(), std::size_t(1)); // finish
    // What stands in every request anyway is not said twice.
    const auto other = parseCallArguments(
        {u"--field"_s, u"AccountSid=AC2"_s, u"--field=CallSid=CA2"_s, u"--field"_s, u"A=b"_s}, {{}, u"AC1"_s}, {});
    QVERIFY(other);
    QCOMPARE(other->call.ids->accountSid, u"AC2"_s);
    QCOMPARE(other->call.ids->callSid, u"CA2"_s);
    QCOMPARE(other->call.extraFields, (QList<FormField>{{u"A"_s, u"b"_s}, {u"KavTest"_s, u"1"_s}}));
    QString out, err;
    QTextStream outStream(&out), errStream(&err);
    QCOMPARE(runCallCommand({u"--help"_s}, {}, {}, outStream, errStream), 0);
    QVERIFY(out.contains(u"--script FILE"_s));
}

void tst_CallScript::timelineSortsByTime()
{
    CallTimeline timeline;
    timeline.add({1000ms, u"agent"_s, u"speaks"_s, {}});
    timeline.add({2500ms, u"caller"_s, u"speaks"_s, u"hello"_s});
    timeline.add({2000ms, u"agent"_s, u"stops"_s, {}});
    QCOMPARE(timeline.toText(),
        u"    1.000 s  agent   speaks\n    2.000 s  agent   stops\n    2.500 s  caller  speaks          hello\n"_s);
    QCOMPARE(timeline.toJsonLines().split('\n').at(2),
        QByteArray(R"({"detail":"hello","event":"speaks","ms":2500,"who":"caller"})"));
    QCOMPARE(timeline.count(u"agent", u"speaks"), 1);
    QCOMPARE(timeline.find(u"caller", u"speaks")->at, 2500ms);
    QVERIFY(!timeline.find(u"caller", u"stops"));
}

void tst_CallScript::watcherReportsWhenItReallyHappened()
{
    SpeechWatcher watcher(200, 300ms);
    Milliseconds now{0};
    std::vector<SpeechWatcher::Change> changes;
    const auto feed = [&](int frames, int rms) {
        for (int i = 0; i < frames; ++i, now += 20ms) {
            if (const auto change = watcher.feed(rms, now, now + 20ms))
                changes.push_back(*change);
        }
    };
    feed(10, 0);
    feed(10, 1000);
    feed(14, 0); // 280 ms: a gap between words
    feed(1, 200);
    feed(30, 199);
    QCOMPARE(changes.size(), std::size_t(2));
    QVERIFY(changes[0].speaking);
    QCOMPARE(changes[0].at, 200ms);
    QVERIFY(!changes[1].speaking);
    QCOMPARE(changes[1].at, 700ms);
    QCOMPARE(*watcher.lastLoud(), 700ms);
}

QTEST_GUILESS_MAIN(tst_CallScript)
#include "tst_callscript.moc"
