// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/media/inboundaudio.h"
#include "tests/support/fakeclock.h"

#include <QTest>

using namespace kav;
using namespace kav::media;
using namespace std::chrono_literals;

namespace {

// A caller whose sample n of the stream is always the same, so that any frame can be checked by where it stands.
quint8 codeAt(qint64 sample)
{
    return static_cast<quint8>(sample * 31 + (sample >> 5)) | 0x80; // never negative zero
}

struct Line final {
    explicit Line(const InboundAudio::Settings& settings = {})
        : audio(settings, [this](const InboundFrame& frame) { frames.push_back(frame); })
    {
    }

    // `samples` of the caller from `ms` on.
    void packet(qint64 ms, std::size_t samples = FrameSamples, qint64 sequence = -1)
    {
        packetOf(ms * 8, ms, samples, sequence);
    }
    void packetOf(qint64 firstSample, qint64 ms, std::size_t samples, qint64 sequence = -1)
    {
        std::vector<quint8> payload(samples);
        for (std::size_t i = 0; i < samples; ++i)
            payload[i] = codeAt(firstSample + static_cast<qint64>(i));
        MediaMessage message;
        message.sequence = sequence < 0 ? ++lastSequence : static_cast<quint64>(sequence);
        message.timestampMs = static_cast<quint64>(ms);
        message.mulaw = payload;
        audio.push(message, clock.now());
    }

    // Where frames begin, in ms, and which are silence: "0 20 (40) (60) 80".
    QString shape() const
    {
        QStringList result;
        for (const InboundFrame& frame : frames)
            result.append((frame.synthetic ? QStringLiteral("(%1)") : QStringLiteral("%1")).arg(frame.at.count()));
        return result.join(u' ');
    }

    // Every sample of every true frame is the caller's own for that time, or silence.
    bool isInPlace() const
    {
        for (const InboundFrame& frame : frames) {
            for (std::size_t i = 0; i < FrameSamples; ++i) {
                const qint16 own = fromMulaw(codeAt(frame.at.count() * 8 + static_cast<qint64>(i)));
                if (frame.pcm[i] != 0 && (frame.synthetic || frame.pcm[i] != own))
                    return false;
            }
        }
        return true;
    }

    test::FakeClock clock;
    std::vector<InboundFrame> frames;
    InboundAudio audio;
    quint64 lastSequence = 0;
};

} // namespace

class TestInboundAudio final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void packetsBecomeFrames_data();
    void packetsBecomeFrames();
    void theLineBeginsWithTheFirstPacket();
    void theLineBeginsWithTheStreamWhenTold();
    void aGapIsSilence();
    void aGapThatIsNoWholeFrameKeepsTheTime();
    void aGapTooLongIsCut();
    void jitterOfTheStampsIsNotFollowed();
    void driftIsFollowedFrameByFrame();
    void aPacketTwiceIsHeardOnce();
    void aPacketTwiceIsHeardOnceEvenWithoutNumbers();
    void packetsOutOfOrderDoNotTurnTimeBack();
    void whenNothingComesTimeGoesOn();
    void silenceIsNeverAheadOfTheClock();
    void afterTheSilenceTheCallerSpeaksAgain();
    void aStalledNetworkDoesNotShiftTheLine();
    void anOverlapWithSilenceIsCutToTheSample();
    void aStreamThatStartsAnewGoesOn();
    void theOtherTrackIsNotTheCaller();
    void impossibleStampsAreRefused();
    void nothingHappensBeforeTheFirstPacket();
};

void TestInboundAudio::packetsBecomeFrames_data()
{
    QTest::addColumn<int>("samples");
    for (const int samples : {1, 8, 80, 159, 160, 161, 240, 800, 8000})
        QTest::addRow("%d bytes", samples) << samples;
}

void TestInboundAudio::packetsBecomeFrames()
{
    QFETCH(int, samples);
    Line line;
    for (qint64 first = 0; first < 16000; first += samples)
        line.packetOf(first, first / 8, static_cast<std::size_t>(samples)); // stamps rounded down to a millisecond
    QVERIFY(line.frames.size() >= 100);
    for (std::size_t i = 0; i < line.frames.size(); ++i)
        QCOMPARE(line.frames[i].at, Milliseconds(20 * i));
    QVERIFY(line.isInPlace());
    QCOMPARE(line.audio.counters().silentFrames, 0u);
    QCOMPARE(line.audio.counters().gaps, 0u);
    QCOMPARE(line.audio.counters().late, 0u);
    QCOMPARE(line.audio.position(), Milliseconds(20 * line.frames.size()));
}

void TestInboundAudio::theLineBeginsWithTheFirstPacket()
{
    Line line;
    line.packet(60'000);
    line.packet(60'020);
    QCOMPARE(line.shape(), QStringLiteral("60000 60020"));
}

void TestInboundAudio::theLineBeginsWithTheStreamWhenTold()
{
    Line line;
    line.audio.start(line.clock.now());
    line.packet(60);
    QCOMPARE(line.shape(), QStringLiteral("(0) (20) (40) 60"));
}

void TestInboundAudio::aGapIsSilence()
{
    Line line;
    line.packet(0);
    line.packet(60);
    line.packet(80);
    QCOMPARE(line.shape(), QStringLiteral("0 (20) (40) 60 80"));
    QVERIFY(line.isInPlace());
    QCOMPARE(line.audio.counters().gaps, 1u);
    QCOMPARE(line.audio.counters().silentFrames, 2u);
}

void TestInboundAudio::aGapThatIsNoWholeFrameKeepsTheTime()
{
    Line line;
    line.packet(0);
    line.packet(50, 240); // 30 ms missing; 30 ms long
    line.packet(80);
    QCOMPARE(line.shape(), QStringLiteral("0 (20) 40 60 80"));
    QVERIFY(line.isInPlace()); // the frame at 40 is half silence, half sound
}

void TestInboundAudio::aGapTooLongIsCut()
{
    Line line;
    line.packet(0);
    line.packet(3'600'000);
    QCOMPARE(line.frames.size(), std::size_t(1 + 250 + 1)); // five seconds of silence, and on
    QCOMPARE(line.frames.back().at, 3'600'000ms);
    QVERIFY(line.isInPlace());
    QCOMPARE(line.audio.counters().gapsCut, 1u);
}

void TestInboundAudio::jitterOfTheStampsIsNotFollowed()
{
    Line line;
    const std::vector<qint64> stamps{0, 29, 31, 73, 75, 119, 105};
    for (std::size_t i = 0; i < stamps.size(); ++i)
        line.packetOf(static_cast<qint64>(i) * 160, stamps[i], 160);
    QCOMPARE(line.shape(), QStringLiteral("0 20 40 60 80 100 120"));
    QVERIFY(line.isInPlace());
}

void TestInboundAudio::driftIsFollowedFrameByFrame()
{
    // The caller's samples come 1 % slower than the stamps say: about every two seconds one frame is missing.
    Line line;
    for (int i = 0; i < 1000; ++i)
        line.packet(i * 202 / 10);
    QCOMPARE(line.audio.counters().gaps, 9u);
    QVERIFY(std::abs((line.audio.position() - 20'200ms).count()) <= 20);
}

void TestInboundAudio::aPacketTwiceIsHeardOnce()
{
    Line line;
    line.packet(0);
    line.packet(20);
    line.packet(20, 160, 2);
    line.packet(0, 160, 1);
    line.packet(40);
    QCOMPARE(line.shape(), QStringLiteral("0 20 40"));
    QVERIFY(line.isInPlace());
    QCOMPARE(line.audio.counters().duplicates, 2u);
}

void TestInboundAudio::aPacketTwiceIsHeardOnceEvenWithoutNumbers()
{
    Line line;
    for (const qint64 ms : {0, 10, 10, 20, 0, 30})
        line.packet(ms, 80, 0);
    QCOMPARE(line.shape(), QStringLiteral("0 20"));
    QVERIFY(line.isInPlace());
    QCOMPARE(line.audio.counters().late, 2u);
}

void TestInboundAudio::packetsOutOfOrderDoNotTurnTimeBack()
{
    Line line;
    line.packet(0, 160, 1);
    line.packet(40, 160, 3); // 20 is overtaken: silence stands for it
    line.packet(20, 160, 2);
    line.packet(60, 160, 4);
    QCOMPARE(line.shape(), QStringLiteral("0 (20) 40 60"));
    QVERIFY(line.isInPlace());
    QCOMPARE(line.audio.counters().duplicates, 1u);
}

void TestInboundAudio::whenNothingComesTimeGoesOn()
{
    Line line;
    line.packet(0);
    line.clock.advance(100ms);
    line.audio.advance(line.clock.now());
    QCOMPARE(line.shape(), QStringLiteral("0")); // may be delay
    line.clock.advance(19ms);
    line.audio.advance(line.clock.now());
    QCOMPARE(line.shape(), QStringLiteral("0"));
    line.clock.advance(1ms);
    line.audio.advance(line.clock.now());
    QCOMPARE(line.shape(), QStringLiteral("0 (20)"));
    line.clock.advance(200ms);
    line.audio.advance(line.clock.now());
    QCOMPARE(line.frames.size(), std::size_t(12));
    QCOMPARE(line.audio.position(), 240ms);
}

void TestInboundAudio::silenceIsNeverAheadOfTheClock()
{
    Line line;
    line.packet(0, 100); // an unfinished frame
    qint64 passed = 0;
    for (int step = 1; passed < 3000; step = step * 5 % 23 + 1) {
        line.clock.advance(Milliseconds(step));
        passed += step;
        line.audio.advance(line.clock.now());
        QVERIFY(line.audio.position().count() <= 12 + passed);
        QVERIFY(line.audio.position().count() >= 12 + passed - 100 - 20);
    }
    QVERIFY(line.isInPlace());
}

void TestInboundAudio::afterTheSilenceTheCallerSpeaksAgain()
{
    Line line;
    line.packet(0);
    line.clock.advance(500ms); // no packets in silence
    line.audio.advance(line.clock.now());
    QCOMPARE(line.audio.position(), 420ms);
    line.packet(500);
    QCOMPARE(line.shape().section(u' ', 20), QStringLiteral("(400) (420) (440) (460) (480) 500"));
    QVERIFY(line.isInPlace());
}

void TestInboundAudio::aStalledNetworkDoesNotShiftTheLine()
{
    Line line;
    line.packet(0);
    line.clock.advance(8000ms);
    line.audio.advance(line.clock.now());
    QCOMPARE(line.audio.position(), 7920ms);
    // Now everything comes at once. What was given out as silence stays silence; what follows is in its place.
    for (qint64 ms = 20; ms <= 8000; ms += 20)
        line.packet(ms);
    QCOMPARE(line.audio.position(), 8020ms);
    for (std::size_t i = 0; i < line.frames.size(); ++i)
        QCOMPARE(line.frames[i].at, Milliseconds(20 * i));
    QVERIFY(line.isInPlace());
    QVERIFY(!line.frames.back().synthetic);
    QCOMPARE(line.audio.counters().late, 395u);
    QCOMPARE(line.audio.counters().jumps, 0u);
}

void TestInboundAudio::anOverlapWithSilenceIsCutToTheSample()
{
    Line line;
    line.packet(0);
    line.clock.advance(200ms);
    line.audio.advance(line.clock.now());
    QCOMPARE(line.audio.position(), 120ms);
    line.packet(85); // wholly late
    line.packet(105); // five milliseconds of it are new
    line.packet(125);
    line.packet(145);
    QCOMPARE(line.shape().section(u' ', 6), QStringLiteral("120 140"));
    QVERIFY(line.isInPlace());
}

void TestInboundAudio::aStreamThatStartsAnewGoesOn()
{
    Line line;
    for (qint64 ms = 0; ms < 10'000; ms += 20)
        line.packet(ms);
    QCOMPARE(line.frames.size(), std::size_t(500));
    for (qint64 ms = 0, sequence = 1; ms < 1000; ms += 20)
        line.packet(ms, 160, sequence++);
    QCOMPARE(line.audio.counters().jumps, 1u);
    QCOMPARE(line.frames.size(), std::size_t(500 + 41)); // it takes ten packets to believe it
    for (std::size_t i = 0; i < line.frames.size(); ++i)
        QCOMPARE(line.frames[i].at, Milliseconds(20 * i));
}

void TestInboundAudio::theOtherTrackIsNotTheCaller()
{
    Line line;
    MediaMessage message;
    const std::vector<quint8> payload(160, 0x80);
    message.inbound = false;
    message.mulaw = payload;
    line.audio.push(message, line.clock.now());
    QVERIFY(line.frames.empty());
    QCOMPARE(line.audio.counters().refused, 1u);
}

void TestInboundAudio::impossibleStampsAreRefused()
{
    Line line;
    line.packet(0);
    MediaMessage message;
    const std::vector<quint8> payload(160, 0x80);
    message.mulaw = payload;
    for (const quint64 stamp : {~0ull, 1ull << 63, 1ull << 50}) {
        message.timestampMs = stamp;
        line.audio.push(message, line.clock.now());
    }
    line.packet(20);
    QCOMPARE(line.shape(), QStringLiteral("0 20"));
    QCOMPARE(line.audio.counters().refused, 3u);
}

void TestInboundAudio::nothingHappensBeforeTheFirstPacket()
{
    Line line;
    line.clock.advance(10s);
    line.audio.advance(line.clock.now());
    QVERIFY(line.frames.empty());
    line.audio.start(line.clock.now());
    line.clock.advance(1s);
    line.audio.advance(line.clock.now());
    QCOMPARE(line.frames.size(), std::size_t(45));
}

QTEST_APPLESS_MAIN(TestInboundAudio)
#include "tst_inboundaudio.moc"
