// SPDX-License-Identifier: Apache-2.0
#include "engine/metrics/recentuse.h"

#include <QTest>

using namespace kav;
using namespace kav::metrics;
using namespace std::chrono_literals;

namespace {
const QString Voice = QStringLiteral("tts/google"), Other = QStringLiteral("tts/embedded");
const Instant Start = Instant(1h);
} // namespace

/// What an operator is told of a provider's latest uses.
class TestRecentUse final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void nothingIsKnownOfOneThatWasNotUsed()
    {
        RecentUse recent;
        QCOMPARE(recent.of(Voice, Start), ServiceUse());
        recent.answered(Other, 40ms, Start);
        QCOMPARE(recent.of(Voice, Start), ServiceUse());
    }

    void percentilesAreOfWhatOccurred()
    {
        RecentUse recent;
        recent.answered(Voice, 70ms, Start);
        QCOMPARE(recent.of(Voice, Start), (ServiceUse{1, 0, 70ms, 70ms, 70ms}));
        RecentUse hundred;
        for (int i = 100; i >= 1; --i)
            hundred.answered(Voice, Milliseconds(i), Start);
        QCOMPARE(hundred.of(Voice, Start), (ServiceUse{100, 0, 50ms, 95ms, 99ms}));
        hundred.answered(Voice, 9000ms, Start);
        QCOMPARE(hundred.of(Voice, Start), (ServiceUse{101, 0, 51ms, 96ms, 100ms}));
    }

    void errorsAreCountedApart()
    {
        RecentUse recent;
        recent.left(Voice, Start);
        QCOMPARE(recent.of(Voice, Start), (ServiceUse{0, 1, {}, {}, {}}));
        recent.answered(Voice, 20ms, Start);
        recent.left(Voice, Start);
        QCOMPARE(recent.of(Voice, Start), (ServiceUse{1, 2, 20ms, 20ms, 20ms}));
    }

    void theOldIsForgotten()
    {
        RecentUse recent;
        recent.answered(Voice, 900ms, Start);
        recent.left(Voice, Start);
        recent.answered(Voice, 20ms, Start + 1s);
        QCOMPARE(recent.of(Voice, Start + RecentUse::Window), (ServiceUse{2, 1, 20ms, 900ms, 900ms}));
        QCOMPARE(recent.of(Voice, Start + RecentUse::Window + 1s), (ServiceUse{1, 0, 20ms, 20ms, 20ms}));
        QCOMPARE(recent.of(Voice, Start + 10h), ServiceUse());
    }

    void onlyTheLatestAreKept()
    {
        RecentUse recent;
        for (int i = 0; i < 100'000; ++i)
            recent.answered(Voice, Milliseconds(i), Start);
        const ServiceUse use = recent.of(Voice, Start);
        QCOMPARE(use.answers, int(RecentUse::LatestUses));
        QCOMPARE(use.p50, std::optional(Milliseconds(100'000 - 256 + 127)));
    }

    void namesCannotGrowWithoutEnd()
    {
        RecentUse recent;
        for (size_t i = 0; i < 2 * RecentUse::MostProviders; ++i)
            recent.answered(QStringLiteral("tts/%1").arg(i), 20ms, Start);
        QCOMPARE(recent.of(QStringLiteral("tts/31"), Start).answers, 1);
        QCOMPARE(recent.of(QStringLiteral("tts/32"), Start).answers, 0);
    }

    void aUseCosts()
    {
        RecentUse recent;
        QBENCHMARK
        {
            recent.answered(Voice, 20ms, Start);
        }
        QCOMPARE(recent.of(Voice, Start).p50, std::optional(20ms));
    }
};

QTEST_APPLESS_MAIN(TestRecentUse)
#include "tst_recentuse.moc"
