// SPDX-License-Identifier: Apache-2.0
#include "engine/media/playout.h"
#include "tests/support/fakeclock.h"

#include <QTest>

using namespace kav;
using namespace kav::media;
using namespace std::chrono_literals;

namespace {

// The wire, as a list: "m" for a frame, "<mark>" for a mark, "CLEAR".
struct Wire final : PlayoutSink {
    void sendMedia(std::span<const quint8> mulaw) override
    {
        QCOMPARE(mulaw.size(), FrameSamples);
        audio.insert(audio.end(), mulaw.begin(), mulaw.end());
        log.append(QStringLiteral("m"));
        if (onSend)
            onSend();
    }
    void sendMark(const QString& name) override { log.append(u'<' + name + u'>'); }
    void sendClear() override { log.append(QStringLiteral("CLEAR")); }

    // What has been sent since the last call: "20m <g1.s0> CLEAR".
    QString take()
    {
        QStringList result;
        int frames = 0;
        const auto close = [&] {
            if (frames > 0)
                result.append(QString::number(frames) + u'm');
            frames = 0;
        };
        for (const QString& entry : log) {
            if (entry == u'm') {
                ++frames;
            } else {
                close();
                result.append(entry);
            }
        }
        close();
        log.clear();
        return result.join(u' ');
    }

    std::vector<quint8> audio;
    QStringList log;
    std::function<void()> onSend;
};

// The agent's side of a call: speaks, lets time pass tick by tick, and hears the marks that the test plays back.
struct Agent final {
    explicit Agent(const Playout::Settings& settings = {})
        : playout(settings)
    {
    }

    void says(int index, Milliseconds length, quint8 code = 0x80)
    {
        playout.appendSentence(index, QStringLiteral("Sentence %1.").arg(index));
        playout.appendAudio(std::vector<quint8>(static_cast<std::size_t>(length.count()) * 8, code));
        playout.endSentence();
    }
    void passes(Milliseconds time)
    {
        for (; time > 0ms; time -= 20ms) {
            clock.advance(std::min(time, 20ms));
            playout.poll(clock.now(), wire);
        }
    }
    void poll() { playout.poll(clock.now(), wire); }
    void mark(const char* name) { playout.onMark(QString::fromLatin1(name), clock.now()); }
    // "0:1000/1000! 1:200/500": sentence, heard of length in ms, complete.
    QString heard() const { return toText(playout.heard(clock.now())); }
    static QString toText(const std::vector<HeardSentence>& sentences)
    {
        QStringList result;
        for (const HeardSentence& s : sentences) {
            result.append(QStringLiteral("%1:%2/%3").arg(s.index).arg(s.heard.count()).arg(s.length.count())
                + (s.complete ? QStringLiteral("!") : QString()));
        }
        return result.join(u' ');
    }
    QString cuts() { return toText(playout.cut(clock.now(), wire)); }
    void pauses() { playout.pause(clock.now(), wire); }
    void resumes() { playout.resume(clock.now()); }
    bool drained() const { return playout.drained(clock.now()); }

    test::FakeClock clock;
    Wire wire;
    Playout playout;
};

} // namespace

class TestPlayout final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aShortAnswerFromBeginningToEnd();
    void sentencesFollowEachOther();
    void neverMoreThanTheLeadIsSentAhead();
    void aStallIsCaughtUpOnlyToTheLead();
    void audioMayComeInAnyPieces();
    void aSentenceMayEndAfterItsAudioWasSent();
    void slowSynthesisIsCountedAndHeardAsItWas();
    void theCallerInterruptsBeforeTheFirstMarkHasComeBack();
    void theCallerInterruptsInTheSecondSentence();
    void theCallerInterruptsAfterSynthesisHasFinished();
    void noClearWhenEveryMarkHasComeBack();
    void neverAClearTwice();
    void cuttingBeforeAnythingWasSent();
    void aCoughPausesAndTheAnswerGoesOn();
    void aPauseInMidFrameGoesBackToItsStart();
    void synthesisGoesOnInAPause();
    void pausedAgainBeforeAnythingWasSent();
    void cutInAPause();
    void aPauseAfterTheLastSound();
    void nothingToPause();
    void marksOfBeforeThePauseAreStale();
    void marksOfAnotherSpeechAreStale();
    void strangeMarks_data();
    void strangeMarks();
    void aMarkComesTwice();
    void aLostMarkIsMadeGoodByTheNext();
    void theLastMarkIsLost();
    void aMarkIsLate();
    void aMarkComesBeforeItsTime();
    void aSentenceWithoutSound();
    void aSpeechWithoutSound();
    void endedByTheSynthesiserAfterAll();
    void theNextSpeech();
    void aSpeechBegunOverAnotherStillClears();
    void lateAudioBelongsToNothing();
    void aRunawaySynthesiserIsStopped();
    void theSocketDiesWhileSending();
    void beforeTheFirstSpeech();
};

void TestPlayout::aShortAnswerFromBeginningToEnd()
{
    Agent agent;
    QCOMPARE(agent.playout.beginSpeech(), 1u);
    agent.says(0, 100ms);
    agent.playout.endSpeech();
    QVERIFY(agent.playout.isActive());
    QVERIFY(!agent.playout.hasStarted());
    QCOMPARE(agent.playout.queued(), 100ms);

    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("5m <g1.s0>"));
    QVERIFY(agent.playout.hasStarted());
    QCOMPARE(agent.playout.queued(), 0ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:0/100"));

    agent.passes(60ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:60/100"));
    agent.passes(60ms); // by the clock it has been heard; the mark is on its way
    QCOMPARE(agent.heard(), QStringLiteral("0:100/100!"));
    QVERIFY(!agent.drained());
    agent.mark("g1.s0");
    QVERIFY(agent.drained());
    QVERIFY(!agent.playout.isActive());
    QCOMPARE(agent.wire.take(), QString());

    const auto& counters = agent.playout.counters();
    QCOMPARE(counters.framesSent, 5u);
    QCOMPARE(counters.marksSent, 1u);
    QCOMPARE(counters.marksReturned, 1u);
    QCOMPARE(counters.staleMarks + counters.lostMarks + counters.clears + counters.underruns, 0u);
}

void TestPlayout::sentencesFollowEachOther()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 50ms); // 20 + 20 + 10 and silence
    agent.says(1, 40ms);
    agent.playout.endSpeech();
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("3m <g1.s0> 2m <g1.s1>"));
    QCOMPARE(agent.wire.audio[399], quint8(0x80));
    QCOMPARE(agent.wire.audio[400], MulawSilence);
    QCOMPARE(agent.wire.audio[480], quint8(0x80));
    agent.passes(50ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:50/50! 1:0/40"));
    agent.passes(20ms); // 10 ms of padding lie between
    QCOMPARE(agent.heard(), QStringLiteral("0:50/50! 1:10/40"));
}

void TestPlayout::neverMoreThanTheLeadIsSentAhead()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 30s);
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("20m")); // 400 ms
    agent.poll();
    QCOMPARE(agent.wire.take(), QString()); // no time has passed
    for (int i = 0; i < 100; ++i) {
        agent.passes(20ms);
        QCOMPARE(agent.wire.take(), QStringLiteral("1m"));
    }
    agent.clock.advance(19ms);
    agent.poll();
    QCOMPARE(agent.wire.take(), QString());
    agent.clock.advance(1ms);
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("1m"));
    QCOMPARE(agent.playout.queued(), 30s - 400ms - 2020ms);

    Agent hasty(Playout::Settings{5ms, 5s}); // less than a frame would never send one
    hasty.playout.beginSpeech();
    hasty.says(0, 1s);
    hasty.poll();
    QCOMPARE(hasty.wire.take(), QStringLiteral("1m"));
}

void TestPlayout::aStallIsCaughtUpOnlyToTheLead()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 30s);
    agent.poll();
    agent.wire.take();
    agent.clock.advance(3s); // the worker was away
    QCOMPARE(agent.heard(), QStringLiteral("0:400/30000")); // no more than was sent
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("20m"));
    agent.passes(100ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:500/30000"));
    QCOMPARE(agent.playout.counters().underruns, 0u); // that was not the synthesiser
}

void TestPlayout::audioMayComeInAnyPieces()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.playout.appendSentence(0, QStringLiteral("Good day."));
    std::vector<quint8> expected;
    for (std::size_t piece = 0; piece < 60; ++piece) {
        const std::vector<quint8> bytes(piece, static_cast<quint8>(piece));
        agent.playout.appendAudio(bytes);
        expected.insert(expected.end(), bytes.begin(), bytes.end());
        agent.poll();
    }
    QCOMPARE(agent.playout.queued(), durationOf(expected.size() - agent.wire.audio.size()));
    agent.playout.endSentence();
    agent.passes(100ms);
    expected.resize(agent.wire.audio.size(), MulawSilence);
    QCOMPARE(agent.wire.audio, expected);
    QCOMPARE(agent.wire.take(), QStringLiteral("12m <g1.s0>"));
}

void TestPlayout::aSentenceMayEndAfterItsAudioWasSent()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.playout.appendSentence(0, QStringLiteral("Good day."));
    agent.playout.appendAudio(std::vector<quint8>(320));
    agent.passes(100ms);
    QCOMPARE(agent.wire.take(), QStringLiteral("2m"));
    QCOMPARE(agent.heard(), QStringLiteral("0:40/40")); // who knows what is to come
    agent.playout.endSpeech(); // ends the sentence too
    QCOMPARE(agent.heard(), QStringLiteral("0:40/40!"));
    QVERIFY(!agent.drained());
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("<g1.s0>"));
    agent.mark("g1.s0");
    QVERIFY(agent.drained());
    QCOMPARE(agent.playout.counters().underruns, 0u); // it was over, it did not run dry
}

void TestPlayout::slowSynthesisIsCountedAndHeardAsItWas()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.playout.appendSentence(0, QStringLiteral("Well,"));
    agent.playout.appendAudio(std::vector<quint8>(800)); // 100 ms
    agent.poll();
    agent.passes(300ms); // 200 ms of nothing
    QCOMPARE(agent.heard(), QStringLiteral("0:100/100"));
    agent.playout.appendAudio(std::vector<quint8>(800));
    agent.poll();
    QCOMPARE(agent.heard(), QStringLiteral("0:100/200"));
    agent.passes(40ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:140/200"));
    QCOMPARE(agent.playout.counters().underruns, 1u);
}

void TestPlayout::theCallerInterruptsBeforeTheFirstMarkHasComeBack()
{
    // The second sentence's audio has been sent; the first one's mark has not come back.
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 200ms);
    agent.says(1, 2s);
    agent.playout.endSpeech();
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("10m <g1.s0> 10m"));
    agent.passes(260ms);
    agent.wire.take();
    QCOMPARE(agent.cuts(), QStringLiteral("0:200/200! 1:60/2000")); // the clock stands in for the mark
    QCOMPARE(agent.wire.take(), QStringLiteral("CLEAR"));
    agent.mark("g1.s0"); // Twilio returns it, as cleared: it tells nothing
    QCOMPARE(agent.playout.counters().staleMarks, 1u);
    QCOMPARE(agent.playout.counters().marksReturned, 0u);
    QCOMPARE(agent.heard(), QStringLiteral("0:200/200! 1:60/2000"));
    agent.passes(1s);
    QCOMPARE(agent.wire.take(), QString());
    QCOMPARE(agent.heard(), QStringLiteral("0:200/200! 1:60/2000")); // time goes on, the position does not
    QVERIFY(!agent.playout.isActive());
    QVERIFY(!agent.drained());
}

void TestPlayout::theCallerInterruptsInTheSecondSentence()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 200ms);
    agent.says(1, 2s);
    agent.says(2, 1s);
    agent.playout.endSpeech();
    agent.poll();
    agent.passes(200ms);
    agent.mark("g1.s0");
    agent.passes(100ms);
    QCOMPARE(agent.cuts(), QStringLiteral("0:200/200! 1:100/2000 2:0/1000"));
    QVERIFY(agent.wire.take().endsWith(QStringLiteral("CLEAR")));
    QCOMPARE(agent.playout.queued(), 0ms);
}

void TestPlayout::theCallerInterruptsAfterSynthesisHasFinished()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 300ms);
    agent.playout.endSpeech();
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("15m <g1.s0>")); // all of it is in Twilio's buffer
    agent.passes(100ms);
    QCOMPARE(agent.cuts(), QStringLiteral("0:100/300"));
    QCOMPARE(agent.wire.take(), QStringLiteral("CLEAR"));
}

void TestPlayout::noClearWhenEveryMarkHasComeBack()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.poll();
    agent.passes(100ms);
    agent.mark("g1.s0");
    agent.wire.take();
    QCOMPARE(agent.cuts(), QStringLiteral("0:100/100!"));
    QCOMPARE(agent.wire.take(), QString());
    QCOMPARE(agent.playout.counters().clears, 0u);
}

void TestPlayout::neverAClearTwice()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 1s);
    agent.poll();
    agent.passes(100ms);
    agent.wire.take();
    agent.pauses();
    agent.pauses();
    QCOMPARE(agent.cuts(), QStringLiteral("0:100/1000"));
    QCOMPARE(agent.cuts(), QStringLiteral("0:100/1000"));
    agent.playout.beginSpeech();
    agent.cuts();
    QCOMPARE(agent.wire.take(), QStringLiteral("CLEAR"));
}

void TestPlayout::cuttingBeforeAnythingWasSent()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 1s);
    QCOMPARE(agent.cuts(), QStringLiteral("0:0/1000"));
    agent.passes(1s);
    QCOMPARE(agent.wire.take(), QString());
    QVERIFY(!agent.playout.hasStarted());
}

void TestPlayout::aCoughPausesAndTheAnswerGoesOn()
{
    Agent agent;
    QCOMPARE(agent.playout.beginSpeech(), 1u);
    agent.says(0, 100ms, 0x81);
    agent.says(1, 200ms, 0x82);
    agent.playout.endSpeech();
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("5m <g1.s0> 10m <g1.s1>"));
    agent.passes(160ms);
    agent.pauses();
    QCOMPARE(agent.wire.take(), QStringLiteral("CLEAR"));
    QVERIFY(agent.playout.isPaused());
    QVERIFY(agent.playout.isActive());
    QCOMPARE(agent.playout.queued(), 140ms);

    agent.passes(500ms);
    QCOMPARE(agent.wire.take(), QString());
    QCOMPARE(agent.heard(), QStringLiteral("0:100/100! 1:60/200"));

    agent.resumes();
    QVERIFY(!agent.playout.isPaused());
    agent.wire.audio.clear();
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("7m <g2.s1>")); // the first sentence was heard: no mark for it again
    QCOMPARE(agent.wire.audio, std::vector<quint8>(1120, 0x82));
    agent.passes(100ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:100/100! 1:160/200"));
    agent.mark("g1.s0");
    agent.mark("g1.s1"); // both come back late, from the clear
    QCOMPARE(agent.heard(), QStringLiteral("0:100/100! 1:160/200"));
    QVERIFY(!agent.drained());
    agent.passes(40ms);
    agent.mark("g2.s1");
    QVERIFY(agent.drained());
    QCOMPARE(agent.playout.counters().staleMarks, 2u);
    QCOMPARE(agent.playout.counters().underruns, 0u);
    QVERIFY(agent.playout.beginSpeech() > 2u);
}

void TestPlayout::aPauseInMidFrameGoesBackToItsStart()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 1s);
    agent.poll();
    agent.passes(110ms);
    agent.pauses();
    QCOMPARE(agent.heard(), QStringLiteral("0:110/1000"));
    QCOMPARE(agent.playout.queued(), 900ms); // 10 ms are said again
    agent.resumes();
    agent.poll();
    QCOMPARE(agent.heard(), QStringLiteral("0:110/1000")); // what was heard stays heard
    agent.clock.advance(5ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:110/1000"));
    agent.clock.advance(10ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:115/1000"));
}

void TestPlayout::synthesisGoesOnInAPause()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.poll();
    agent.passes(40ms);
    agent.pauses();
    agent.says(1, 100ms);
    agent.playout.endSpeech();
    agent.passes(1s);
    QCOMPARE(agent.wire.take(), QStringLiteral("5m <g1.s0> CLEAR"));
    QCOMPARE(agent.playout.queued(), 160ms);
    agent.resumes();
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("3m <g2.s0> 5m <g2.s1>"));
}

void TestPlayout::pausedAgainBeforeAnythingWasSent()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.pauses(); // the caller is quicker than the synthesiser
    QVERIFY(agent.playout.isPaused());
    agent.says(0, 100ms);
    agent.passes(100ms);
    agent.resumes();
    agent.pauses();
    agent.passes(100ms);
    QCOMPARE(agent.wire.take(), QString());
    agent.resumes();
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("5m <g3.s0>"));
}

void TestPlayout::cutInAPause()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 1s);
    agent.poll();
    agent.passes(300ms);
    agent.pauses();
    agent.passes(700ms);
    QCOMPARE(agent.cuts(), QStringLiteral("0:300/1000"));
    QVERIFY(!agent.playout.isPaused());
    agent.resumes();
    agent.passes(100ms);
    QVERIFY(agent.wire.take().endsWith(QStringLiteral("CLEAR")));
}

void TestPlayout::aPauseAfterTheLastSound()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.playout.endSpeech();
    agent.poll();
    agent.passes(200ms); // heard, but not confirmed
    agent.wire.take();
    agent.pauses();
    QCOMPARE(agent.wire.take(), QStringLiteral("CLEAR")); // it may still be there
    QCOMPARE(agent.heard(), QStringLiteral("0:100/100!"));
    agent.resumes();
    agent.passes(100ms);
    QCOMPARE(agent.wire.take(), QString());
    QVERIFY(agent.drained());
    QVERIFY(!agent.playout.isActive());
}

void TestPlayout::nothingToPause()
{
    Agent agent;
    agent.pauses();
    QVERIFY(!agent.playout.isPaused());
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.playout.endSpeech();
    agent.poll();
    agent.passes(100ms);
    agent.mark("g1.s0");
    agent.pauses();
    QVERIFY(!agent.playout.isPaused());
    QVERIFY(agent.drained());
    QCOMPARE(agent.wire.take(), QStringLiteral("5m <g1.s0>"));
}

void TestPlayout::marksOfBeforeThePauseAreStale()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.poll();
    agent.passes(20ms);
    agent.pauses();
    agent.mark("g1.s0");
    QCOMPARE(agent.heard(), QStringLiteral("0:20/100"));
    agent.resumes();
    agent.poll();
    agent.mark("g1.s0");
    QCOMPARE(agent.heard(), QStringLiteral("0:20/100"));
    QCOMPARE(agent.playout.counters().staleMarks, 2u);
}

void TestPlayout::marksOfAnotherSpeechAreStale()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.poll();
    agent.cuts();
    agent.playout.beginSpeech();
    agent.says(0, 1s);
    agent.poll();
    agent.mark("g1.s0");
    agent.mark("g3.s0");
    QCOMPARE(agent.heard(), QStringLiteral("0:0/1000"));
    QCOMPARE(agent.playout.counters().staleMarks, 2u);
}

void TestPlayout::strangeMarks_data()
{
    QTest::addColumn<QString>("name");
    for (const char* name : {"", "g", "g1", "g1.s", ".s0", "g.s0", "g1.s1", "g1.s-1", "g1.s0x", "gx.s0", "x1.s0",
             "g99999999999.s0", "g1.s99999999999", "g1.s0.s0", "greeting"})
        QTest::newRow(*name ? name : "empty") << QString::fromLatin1(name);
    QTest::newRow("other digits") << QStringLiteral("g\u0661.s0");
}

void TestPlayout::strangeMarks()
{
    QFETCH(QString, name);
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.poll();
    agent.playout.onMark(name, agent.clock.now());
    QCOMPARE(agent.heard(), QStringLiteral("0:0/100"));
    QCOMPARE(agent.playout.counters().staleMarks, 1u);
    QCOMPARE(agent.playout.counters().marksReturned, 0u);
}

void TestPlayout::aMarkComesTwice()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.says(1, 100ms);
    agent.poll();
    agent.passes(100ms);
    agent.mark("g1.s0");
    agent.mark("g1.s0");
    QCOMPARE(agent.heard(), QStringLiteral("0:100/100! 1:0/100"));
    QCOMPARE(agent.playout.counters().marksReturned, 1u);
    QCOMPARE(agent.playout.counters().staleMarks, 1u);
}

void TestPlayout::aLostMarkIsMadeGoodByTheNext()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.says(1, 100ms);
    agent.playout.endSpeech();
    agent.poll();
    agent.passes(200ms);
    agent.mark("g1.s1");
    QVERIFY(agent.drained());
    QCOMPARE(agent.playout.counters().marksReturned, 1u);
    QCOMPARE(agent.playout.counters().lostMarks, 1u);
    agent.mark("g1.s0"); // after all
    QCOMPARE(agent.playout.counters().staleMarks, 1u);
    agent.wire.take();
    agent.cuts();
    QCOMPARE(agent.wire.take(), QString()); // the second confirmed the first
}

void TestPlayout::theLastMarkIsLost()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 1s);
    agent.playout.endSpeech();
    agent.poll();
    agent.passes(1000ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:1000/1000!"));
    QVERIFY(!agent.drained());
    agent.passes(4980ms);
    QVERIFY(!agent.drained());
    QVERIFY(agent.playout.isActive());
    agent.passes(20ms); // nothing waits for a mark for ever
    QVERIFY(agent.drained());
    QVERIFY(!agent.playout.isActive());
    QCOMPARE(agent.playout.counters().lostMarks, 1u);
    agent.mark("g1.s0");
    QCOMPARE(agent.playout.counters().staleMarks, 1u);
}

void TestPlayout::aMarkIsLate()
{
    // Late by 4 s: neither lost, nor does it take back what was heard.
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 200ms);
    agent.says(1, 10s);
    agent.poll();
    agent.passes(4200ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:200/200! 1:4000/10000"));
    agent.mark("g1.s0");
    QCOMPARE(agent.heard(), QStringLiteral("0:200/200! 1:4000/10000"));
    QCOMPARE(agent.playout.counters().marksReturned, 1u);
    QCOMPARE(agent.playout.counters().lostMarks, 0u);
}

void TestPlayout::aMarkComesBeforeItsTime()
{
    // Twilio's clock is a little faster than ours: its word counts.
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 200ms);
    agent.says(1, 1s);
    agent.poll();
    agent.passes(180ms);
    agent.mark("g1.s0");
    QCOMPARE(agent.heard(), QStringLiteral("0:200/200! 1:0/1000"));
    agent.passes(20ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:200/200! 1:0/1000"));
    agent.passes(20ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:200/200! 1:20/1000"));
}

void TestPlayout::aSentenceWithoutSound()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.says(1, 0ms); // the synthesiser failed
    agent.says(2, 100ms);
    agent.playout.endSpeech();
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("5m <g1.s0> 5m <g1.s2>"));
    agent.passes(200ms);
    agent.mark("g1.s0");
    agent.mark("g1.s2");
    QVERIFY(agent.drained());
    QCOMPARE(agent.heard(), QStringLiteral("0:100/100! 1:0/0 2:100/100!"));
}

void TestPlayout::aSpeechWithoutSound()
{
    Agent agent;
    agent.playout.beginSpeech();
    QVERIFY(agent.playout.isActive());
    agent.playout.endSpeech();
    QVERIFY(agent.drained());
    agent.playout.beginSpeech();
    agent.says(0, 0ms);
    agent.playout.endSpeech();
    agent.poll();
    QVERIFY(agent.drained());
    QCOMPARE(agent.wire.take(), QString());
}

void TestPlayout::endedByTheSynthesiserAfterAll()
{
    // Between two sentences nothing is there for a while, and then nothing more comes.
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.poll();
    agent.passes(100ms);
    agent.mark("g1.s0");
    agent.passes(1s);
    QVERIFY(!agent.drained());
    agent.playout.endSpeech();
    QVERIFY(agent.drained());
    QCOMPARE(agent.playout.counters().underruns, 0u);
}

void TestPlayout::theNextSpeech()
{
    Agent agent;
    const quint32 first = agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.playout.endSpeech();
    agent.poll();
    agent.passes(100ms);
    agent.mark("g1.s0");
    const quint32 second = agent.playout.beginSpeech();
    QVERIFY(second > first);
    QVERIFY(agent.playout.isActive());
    QVERIFY(!agent.playout.hasStarted());
    QCOMPARE(agent.heard(), QString());
    agent.says(0, 40ms);
    agent.wire.take();
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("2m <g2.s0>"));
    QCOMPARE(agent.heard(), QStringLiteral("0:0/40"));
    QCOMPARE(agent.playout.counters().underruns, 0u);
}

void TestPlayout::aSpeechBegunOverAnotherStillClears()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 300ms, 0x81);
    agent.poll();
    agent.passes(100ms);
    agent.playout.beginSpeech(); // 200 ms of the first are still in Twilio's buffer
    agent.says(0, 1s, 0x82);
    agent.poll();
    agent.passes(200ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:0/1000")); // it began when the other had ended
    agent.passes(60ms);
    QCOMPARE(agent.heard(), QStringLiteral("0:60/1000"));
    agent.cuts();
    QVERIFY(agent.wire.take().endsWith(QStringLiteral("CLEAR")));
}

void TestPlayout::lateAudioBelongsToNothing()
{
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 100ms);
    agent.cuts();
    agent.playout.appendAudio(std::vector<quint8>(1600));
    agent.playout.appendSentence(1, QStringLiteral("Late."));
    agent.playout.appendAudio(std::vector<quint8>(1600));
    agent.playout.endSentence();
    agent.playout.endSpeech();
    agent.passes(200ms);
    agent.playout.beginSpeech();
    agent.playout.appendAudio(std::vector<quint8>(1600)); // of no sentence
    agent.passes(200ms);
    QCOMPARE(agent.wire.take(), QString());
    QCOMPARE(agent.heard(), QString());
}

void TestPlayout::aRunawaySynthesiserIsStopped()
{
    Agent agent(Playout::Settings{400ms, 5s, 1s});
    agent.playout.beginSpeech();
    agent.says(0, 900ms);
    agent.says(1, 900ms);
    agent.says(2, 900ms);
    QCOMPARE(agent.playout.queued(), 1s);
    QCOMPARE(agent.playout.counters().samplesDropped, quint64((800 + 900) * 8));
}

void TestPlayout::theSocketDiesWhileSending()
{
    // Sending may find the socket gone, and the session ends the speech, or begins another, from within.
    Agent agent;
    agent.playout.beginSpeech();
    agent.says(0, 1s);
    agent.wire.onSend = [&] {
        agent.wire.onSend = nullptr;
        agent.cuts();
    };
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("1m CLEAR"));
    QVERIFY(!agent.playout.isActive());

    agent.playout.beginSpeech();
    agent.says(0, 1s);
    agent.wire.onSend = [&] {
        agent.wire.onSend = nullptr;
        agent.cuts();
        agent.playout.beginSpeech();
        agent.says(0, 40ms);
    };
    agent.poll();
    QCOMPARE(agent.wire.take(), QStringLiteral("1m CLEAR 2m <g3.s0>"));
}

void TestPlayout::beforeTheFirstSpeech()
{
    Agent agent;
    agent.passes(100ms);
    QCOMPARE(agent.cuts(), QString());
    agent.resumes();
    agent.playout.endSentence();
    agent.playout.endSpeech();
    agent.playout.appendSentence(0, QStringLiteral("Hello?"));
    agent.playout.appendAudio(std::vector<quint8>(160));
    agent.mark("g0.s0");
    agent.passes(100ms);
    QVERIFY(!agent.playout.isActive());
    QVERIFY(!agent.playout.hasStarted());
    QVERIFY(!agent.drained());
    QCOMPARE(agent.playout.queued(), 0ms);
    QCOMPARE(agent.wire.take(), QString());
}

QTEST_APPLESS_MAIN(TestPlayout)
#include "tst_playout.moc"
