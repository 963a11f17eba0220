// SPDX-License-Identifier: Apache-2.0
#include "engine/session/turnlatency.h"

#include <QTest>

using namespace kav;
using namespace kav::session;
using namespace std::chrono_literals;
using Part = LatencyPart;
using Sound = TurnLatency::Sound;

namespace {

/// So much after the end of the caller's words.
Instant at(std::chrono::microseconds after)
{
    return Instant(1h) + after;
}

struct Turn final {
    TurnLatency latency;

    explicit Turn(TurnInput input = TurnInput::Voice, Milliseconds pause = 300ms)
    {
        latency.committed(input, at(0ms), at(pause), QStringLiteral("turn.end_of_utterance_min"));
        latency.setOwner(Part::Recognition, QStringLiteral("deepgram"));
        latency.setOwner(Part::FirstToken, QStringLiteral("openai"));
        latency.setOwner(Part::FirstSentence, QStringLiteral("openai"));
        latency.setOwner(Part::FirstAudio, QStringLiteral("google"));
    }
    /// Each at so many milliseconds; below zero: never.
    Turn& made(int words, int token, int sentence, int audio)
    {
        if (words >= 0)
            latency.wordsKnown(at(Milliseconds(words)));
        if (token >= 0)
            latency.firstToken(at(Milliseconds(token)));
        if (sentence >= 0)
            latency.firstSentence(at(Milliseconds(sentence)));
        if (audio >= 0)
            latency.firstAudio(at(Milliseconds(audio)));
        return *this;
    }
    Turn& sounded(int after, Sound sound = Sound::Answer)
    {
        latency.sounded(at(Milliseconds(after)), sound);
        return *this;
    }
    /// "end-of-utterance 300, recognition 40 = 340", with ", filler" behind.
    QString text() const
    {
        const LatencyParts parts = latency.parts();
        QStringList words;
        for (const LatencySpan& span : parts.spans)
            words += latencyPartName(span.part) + QLatin1Char(' ') + QString::number(span.length.count());
        return words.join(QStringLiteral(", "))
            + (parts.total ? QStringLiteral(" = %1").arg(parts.total->count()) : QString())
            + (parts.filler ? QStringLiteral(", filler") : QString());
    }
};

} // namespace

/// The parts of one caller's wait.
class TestTurnLatency final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void thePartsFollowOneAnother_data()
    {
        QTest::addColumn<Turn>("turn");
        QTest::addColumn<QString>("parts");
        const auto row = [](const char* name, const Turn& turn, const char* parts) {
            QTest::newRow(name) << turn << QString::fromLatin1(parts);
        };
        row("an ordinary turn", Turn().made(340, 500, 590, 680).sounded(683),
            "end-of-utterance 300, recognition 40, first-token 160, first-sentence 90, first-audio 90, playout 3 = "
            "683");
        row("an answer that was begun before the commit", Turn().made(120, 200, 250, 290).sounded(301),
            "end-of-utterance 300, recognition 0, first-token 0, first-sentence 0, first-audio 0, playout 1 = 301");
        row("instants out of their order", Turn().made(600, 500, 550, 700).sounded(710),
            "end-of-utterance 300, recognition 300, first-token 0, first-sentence 0, first-audio 100, playout 10 = "
            "710");
        row("sound before its sentence is known", Turn().made(340, 500, 800, 700).sounded(690),
            "end-of-utterance 300, recognition 40, first-token 160, first-sentence 190, first-audio 0, playout 0 = "
            "690");
        row("no first token was told", Turn().made(340, -1, 590, 680).sounded(683),
            "end-of-utterance 300, recognition 40, first-sentence 250, first-audio 90, playout 3 = 683");
        row("nothing is known but the sound", Turn().sounded(700), "end-of-utterance 300, playout 400 = 700");
        row("keys, which nobody recognises", Turn(TurnInput::Keypad, 0ms).made(0, 200, 200, 250).sounded(250),
            "end-of-utterance 0, first-token 200, first-sentence 0, first-audio 50, playout 0 = 250");
        row("keys that were waited for", Turn(TurnInput::Keypad, 3000ms).made(3000, 3010, 3010, 3010).sounded(3020),
            "end-of-utterance 3000, first-token 10, first-sentence 0, first-audio 0, playout 10 = 3020");
        row("the greeting, which nobody waits for", Turn(TurnInput::Opening, 0ms).made(0, 5, 5, 5).sounded(9),
            "first-token 5, first-sentence 0, first-audio 0, playout 4");
        row("a message", Turn(TurnInput::Message, 2000ms).made(2000, 2100, 2150, 2200).sounded(2201),
            "end-of-utterance 2000, first-token 100, first-sentence 50, first-audio 50, playout 1 = 2201");
        row("a waiting line while the model thinks",
            Turn().made(340, 2500, 2600, 2700).sounded(2000, Sound::WaitingLine).sounded(2900),
            "end-of-utterance 300, recognition 40, first-token 1660 = 2000, filler");
        row("a waiting line while a voice is waited for",
            Turn().made(340, 500, 590, -1).sounded(2000, Sound::WaitingLine),
            "end-of-utterance 300, recognition 40, first-token 160, first-sentence 90, first-audio 1410 = 2000, "
            "filler");
        row("a waiting line while words are waited for",
            Turn().sounded(2000, Sound::WaitingLine).made(2100, 2200, 2300, 2400),
            "end-of-utterance 300, recognition 1700 = 2000, filler");
        row("a waiting line after keys",
            Turn(TurnInput::Keypad, 0ms).made(0, -1, -1, -1).sounded(2000, Sound::WaitingLine),
            "end-of-utterance 0, first-token 2000 = 2000, filler");
        row("a waiting line in a model's silence that nobody named",
            Turn().made(340, -1, 590, -1).sounded(2000, Sound::WaitingLine),
            "end-of-utterance 300, recognition 40, first-sentence 250, first-audio 1410 = 2000, filler");
        row("a line in the answer's place", Turn().made(340, -1, -1, -1).sounded(6000, Sound::StandIn),
            "end-of-utterance 300, recognition 40, first-token 5660 = 6000");
        row("a line in its place after a waiting line",
            Turn().made(340, -1, -1, -1).sounded(2000, Sound::WaitingLine).sounded(6000, Sound::StandIn),
            "end-of-utterance 300, recognition 40, first-token 1660 = 2000, filler");
        row("no sound yet", Turn().made(340, 500, -1, -1), "end-of-utterance 300, recognition 40, first-token 160");
        row("nothing yet", Turn(), "end-of-utterance 300");
    }
    void thePartsFollowOneAnother()
    {
        QFETCH(const Turn, turn);
        QFETCH(const QString, parts);
        QCOMPARE(turn.text(), parts);
    }

    void theySumToTheWaitHoweverItIsRounded()
    {
        // Fractions of milliseconds in every part, of all sizes.
        for (int step = 1; step < 4000; step += 37) {
            TurnLatency latency;
            std::chrono::microseconds time{step};
            const auto next = [&] { return at(time += std::chrono::microseconds(step * 3 + 501)); };
            latency.committed(TurnInput::Voice, at(std::chrono::microseconds(step % 7)), next(), QString());
            latency.wordsKnown(next());
            latency.firstToken(next());
            latency.firstSentence(next());
            latency.firstAudio(next());
            latency.sounded(next(), Sound::Answer);
            const LatencyParts parts = latency.parts();
            QCOMPARE(parts.spans.size(), 6);
            Milliseconds sum{0};
            for (const LatencySpan& span : parts.spans) {
                QVERIFY(span.length >= 0ms);
                sum += span.length;
            }
            QCOMPARE(sum, *parts.total);
        }
    }

    void everyOrderAndEveryGapStillSums()
    {
        // Each of four instants at one of five times or never, and the sound at two: the sum holds, and nothing is
        // below zero.
        const std::array times{-1, 100, 300, 500, 900, 1400};
        for (int i = 0; i < 6 * 6 * 6 * 6; ++i) {
            for (const Sound sound : {Sound::Answer, Sound::WaitingLine, Sound::StandIn}) {
                for (const int heard : {250, 800}) {
                    const Turn turn = Turn()
                                          .made(times[size_t(i % 6)], times[size_t(i / 6 % 6)],
                                              times[size_t(i / 36 % 6)], times[size_t(i / 216)])
                                          .sounded(heard, sound);
                    const LatencyParts parts = turn.latency.parts();
                    Milliseconds sum{0};
                    for (qsizetype k = 0; k < parts.spans.size(); ++k) {
                        QVERIFY(parts.spans[k].length >= 0ms);
                        QVERIFY(k == 0 || parts.spans[k - 1].part < parts.spans[k].part);
                        sum += parts.spans[k].length;
                    }
                    QVERIFY2(parts.total && sum == *parts.total, qPrintable(turn.text()));
                    QCOMPARE(*parts.total, Milliseconds(heard));
                }
            }
        }
    }

    void wordsThatWereOthersBeginItAnew()
    {
        Turn turn;
        turn.made(310, 400, 450, -1);
        turn.latency.replaced(at(600ms));
        QCOMPARE(turn.text(), QStringLiteral("end-of-utterance 300, recognition 300"));
        turn.made(600, 700, 750, 800).sounded(810);
        QCOMPARE(turn.text(),
            QStringLiteral("end-of-utterance 300, recognition 300, first-token 100, first-sentence 50, first-audio 50, "
                           "playout 10 = 810"));
    }

    void theModelThatServedOwnsItsTime()
    {
        Turn turn;
        turn.made(340, 500, -1, -1);
        turn.latency.modelLeft(); // it had begun, and broke off
        turn.latency.setOwner(Part::FirstToken, QStringLiteral("embedded"));
        turn.latency.setOwner(Part::FirstSentence, QStringLiteral("embedded"));
        turn.made(-1, 1200, 1210, 1300).sounded(1301);
        const LatencyParts parts = turn.latency.parts();
        QCOMPARE(parts.length(Part::FirstToken), std::optional(860ms));
        QCOMPARE(parts.owner(Part::FirstToken), QStringLiteral("embedded"));
        QCOMPARE(parts.owner(Part::FirstAudio), QStringLiteral("google"));
        QCOMPARE(parts.owner(Part::EndOfUtterance), QStringLiteral("turn.end_of_utterance_min"));
        QCOMPARE(parts.owner(Part::Playout), QStringLiteral("media.lead"));
    }

    void theAnswerIsTimedBehindTheWaitingLine()
    {
        Turn turn;
        turn.made(340, 2500, 2600, 2700).sounded(2000, Sound::WaitingLine);
        QVERIFY(!turn.latency.answeredAfter());
        QVERIFY(!turn.latency.parts().answer);
        turn.sounded(2900).sounded(3100);
        QCOMPARE(turn.latency.answeredAfter(), std::optional(2900ms));
        QCOMPARE(turn.latency.parts().answer, std::optional<std::chrono::microseconds>(2600ms));
        QCOMPARE(turn.latency.parts().total, std::optional(2000ms));
    }

    void aTurnThatWasNeverCommittedHasNoParts()
    {
        TurnLatency latency;
        latency.wordsKnown(at(10ms));
        latency.sounded(at(20ms), Sound::Answer);
        QVERIFY(latency.parts().spans.isEmpty());
        QVERIFY(!latency.parts().total);
    }

    void whatItCosts()
    {
        Turn turn;
        turn.made(340, 500, 590, 680).sounded(683);
        qint64 sum = 0;
        QBENCHMARK
        {
            sum += turn.latency.parts().spans.size();
        }
        QVERIFY(sum > 0);
    }
};

QTEST_GUILESS_MAIN(TestTurnLatency)
#include "tst_turnlatency.moc"
