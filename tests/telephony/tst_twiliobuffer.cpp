// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twiliobuffer.h"
#include "tests/support/fakeclock.h"

#include <QRandomGenerator>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::telephony;
using namespace std::chrono_literals;

namespace {

/// A buffer with its clock, in the words of the stream.
struct Line final {
    test::FakeClock clock;
    TwilioBuffer buffer;
    QStringList returned;

    Line() { buffer.start(clock.now()); }
    void take(const std::vector<QString>& marks)
    {
        for (const QString& mark : marks)
            returned += mark;
    }
    void media(Milliseconds length, quint8 value)
    {
        const std::vector<quint8> bytes(static_cast<std::size_t>(length.count()) * 8, value);
        take(buffer.media(bytes, clock.now()));
    }
    void mark(const QString& name) { take(buffer.mark(name, clock.now())); }
    void clear() { take(buffer.clear(clock.now())); }
    void wait(Milliseconds time)
    {
        clock.advance(time);
        take(buffer.advance(clock.now()));
    }
};

} // namespace

class tst_TwilioBuffer final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void playsInRealTime();
    void audioInASilenceStartsAtOnce();
    void audioThatComesInTimeJoinsOn();
    void aMarkComesBackWhenWhatIsBeforeItWasPlayed();
    void aMarkOnAnEmptyQueueComesBackAtOnce();
    void clearReturnsAllMarksAndPlaysNothingMore();
    void mediaAfterClearIsPlayed();
    void whatWasDueBeforeClearCountsAsPlayed();
    void duplicateNamesAreLegal();
    void theQueueIsBounded();
    void playedIsQueuedLessClearedWhateverHappens();
    void aClockThatStandsStillPlaysNothing();
};

void tst_TwilioBuffer::playsInRealTime()
{
    Line line;
    line.media(1000ms, 1);
    QCOMPARE(line.buffer.queued(), 1000ms);
    line.wait(250ms);
    QCOMPARE(line.buffer.queued(), 750ms);
    auto played = line.buffer.takePlayed();
    QCOMPARE(played.size(), std::size_t(1));
    QCOMPARE(played[0].position, quint64(0));
    QCOMPARE(played[0].mulaw.size(), 2000);
    QCOMPARE(line.buffer.emptyAt(line.clock.now()) - line.clock.now(), 750ms);
    line.wait(5000ms);
    QCOMPARE(line.buffer.queued(), 0ms);
    QCOMPARE(line.buffer.counters().bytesPlayed, quint64(8000));
    QCOMPARE(line.buffer.emptyAt(line.clock.now()), line.clock.now());
}

void tst_TwilioBuffer::audioInASilenceStartsAtOnce()
{
    Line line;
    line.wait(300ms);
    line.media(20ms, 1);
    line.clock.advance(500ms); // nobody looked in between
    line.media(20ms, 2);
    line.wait(100ms);
    const auto played = line.buffer.takePlayed();
    QCOMPARE(played.size(), std::size_t(2));
    QCOMPARE(played[0].position, quint64(300 * 8));
    QCOMPARE(played[1].position, quint64(800 * 8));
    QCOMPARE(played[1].mulaw, QByteArray(160, 2));
}

void tst_TwilioBuffer::audioThatComesInTimeJoinsOn()
{
    Line line;
    for (quint8 i = 0; i < 10; ++i) {
        line.media(20ms, i);
        line.wait(20ms);
    }
    const auto played = line.buffer.takePlayed();
    QCOMPARE(played.size(), std::size_t(1));
    QCOMPARE(played[0].mulaw.size(), 1600);
    QVERIFY(line.buffer.takePlayed().empty());
}

void tst_TwilioBuffer::aMarkComesBackWhenWhatIsBeforeItWasPlayed()
{
    Line line;
    line.media(100ms, 1);
    line.mark(u"one"_s);
    line.media(100ms, 2);
    line.mark(u"two"_s);
    line.wait(99ms);
    QCOMPARE(line.returned, QStringList());
    line.wait(1ms);
    QCOMPARE(line.returned, QStringList{u"one"_s});
    line.wait(100ms);
    QCOMPARE(line.returned, (QStringList{u"one"_s, u"two"_s}));
}

void tst_TwilioBuffer::aMarkOnAnEmptyQueueComesBackAtOnce()
{
    Line line;
    line.mark(u"now"_s);
    QCOMPARE(line.returned, QStringList{u"now"_s});
    line.media(20ms, 1);
    line.clock.advance(20ms); // played meanwhile, though nobody looked
    line.mark(u"again"_s);
    QCOMPARE(line.returned, (QStringList{u"now"_s, u"again"_s}));
}

void tst_TwilioBuffer::clearReturnsAllMarksAndPlaysNothingMore()
{
    Line line;
    line.media(100ms, 1);
    line.mark(u"one"_s);
    line.media(100ms, 2);
    line.mark(u"two"_s);
    line.wait(40ms);
    line.clear();
    QCOMPARE(line.returned, (QStringList{u"one"_s, u"two"_s}));
    QCOMPARE(line.buffer.queued(), 0ms);
    line.wait(500ms);
    QCOMPARE(line.buffer.counters().bytesPlayed, quint64(40 * 8));
    QCOMPARE(line.buffer.counters().bytesCleared, quint64(160 * 8));
    line.clear();
    QCOMPARE(line.returned.size(), 2);
    QCOMPARE(line.buffer.counters().clears, quint64(2));
}

void tst_TwilioBuffer::mediaAfterClearIsPlayed()
{
    Line line;
    line.media(100ms, 1);
    line.wait(10ms);
    line.clear();
    line.media(20ms, 9);
    line.wait(20ms);
    const auto played = line.buffer.takePlayed();
    QCOMPARE(played.back().mulaw.right(160), QByteArray(160, 9));
    QCOMPARE(line.buffer.counters().bytesPlayed, quint64(30 * 8));
}

void tst_TwilioBuffer::whatWasDueBeforeClearCountsAsPlayed()
{
    Line line;
    line.media(100ms, 1);
    line.mark(u"played"_s);
    line.media(100ms, 1);
    line.mark(u"dropped"_s);
    line.clock.advance(150ms);
    line.clear();
    QCOMPARE(line.returned, (QStringList{u"played"_s, u"dropped"_s}));
    QCOMPARE(line.buffer.counters().bytesPlayed, quint64(150 * 8));
}

void tst_TwilioBuffer::duplicateNamesAreLegal()
{
    Line line;
    line.media(20ms, 1);
    line.mark(u"m"_s);
    line.mark(u"m"_s);
    line.wait(20ms);
    QCOMPARE(line.returned, (QStringList{u"m"_s, u"m"_s}));
}

void tst_TwilioBuffer::theQueueIsBounded()
{
    Line line;
    for (int i = 0; i < 700; ++i)
        line.media(1000ms, 1);
    QCOMPARE(line.buffer.queued(), 600'000ms);
    QCOMPARE(line.buffer.counters().bytesRefused, quint64(100 * 8000));
    for (std::size_t i = 0; i <= TwilioBuffer::MaxQueuedMarks; ++i)
        line.mark(QString::number(i));
    QCOMPARE(line.returned, QStringList{QString::number(TwilioBuffer::MaxQueuedMarks)});
}

void tst_TwilioBuffer::playedIsQueuedLessClearedWhateverHappens()
{
    QRandomGenerator random(7);
    for (int round = 0; round < 200; ++round) {
        Line line;
        int marks = 0;
        quint64 lastEnd = 0;
        for (int step = 0; step < 60; ++step) {
            switch (random.bounded(4)) {
            case 0:
                line.media(Milliseconds(random.bounded(400)), quint8(step));
                break;
            case 1:
                line.mark(QString::number(marks++));
                break;
            case 2:
                if (random.bounded(3) == 0)
                    line.clear();
                break;
            default:
                line.wait(Milliseconds(random.bounded(300)));
            }
            for (const PlayedAudio& audio : line.buffer.takePlayed()) {
                QVERIFY(audio.position >= lastEnd); // never twice, never backwards
                lastEnd = audio.position + quint64(audio.mulaw.size());
                QVERIFY(lastEnd <= quint64(elapsed(Instant(1000000ms), line.clock.now()).count()) * 8);
            }
        }
        line.wait(60'000ms);
        const auto& counters = line.buffer.counters();
        QCOMPARE(counters.bytesPlayed + counters.bytesCleared, counters.bytesQueued);
        QCOMPARE(line.returned.size(), marks);
        for (int i = 0; i < marks; ++i)
            QCOMPARE(line.returned.at(i), QString::number(i)); // in the order they were asked for
    }
}

void tst_TwilioBuffer::aClockThatStandsStillPlaysNothing()
{
    Line line;
    line.media(100ms, 1);
    line.wait(0ms);
    line.wait(0ms);
    QCOMPARE(line.buffer.queued(), 100ms);
    QVERIFY(line.buffer.takePlayed().empty());
}

QTEST_GUILESS_MAIN(tst_TwilioBuffer)
#include "tst_twiliobuffer.moc"
