// SPDX-License-Identifier: Apache-2.0
#include "engine/media/resampler.h"

#include <QTest>

#include <cmath>
#include <numbers>

using namespace kav;
using namespace kav::media;

namespace {

std::vector<qint16> tone(int hz, int rate, std::size_t samples)
{
    std::vector<qint16> result(samples);
    for (std::size_t i = 0; i < samples; ++i)
        result[i] = static_cast<qint16>(
            std::lround(10000 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate)));
    return result;
}

// Of the middle of the clip: a filter's edges are not the tone's.
double largestDifference(const std::vector<qint16>& a, const std::vector<qint16>& b)
{
    double worst = 0;
    for (std::size_t i = a.size() / 10; i < std::min(a.size(), b.size()) * 9 / 10; ++i)
        worst = std::max(worst, std::abs(double(a[i]) - b[i]));
    return worst;
}

} // namespace

class TestResampler final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void keepsAToneInPlaceAndLength_data();
    void keepsAToneInPlaceAndLength();
    void piecesYieldWhatTheWholeYields();
    void equalRatesCopy();
    void aboveTheNewBandNothingIsLeft();
    void aFinishedStreamLeavesNothingToTheNext();
    void refusesImpossibleRates();
};

void TestResampler::keepsAToneInPlaceAndLength_data()
{
    QTest::addColumn<int>("from");
    QTest::addColumn<int>("to");
    QTest::newRow("telephone to recogniser") << 8000 << 16000;
    QTest::newRow("synthesiser to telephone") << 16000 << 8000;
    QTest::newRow("22050 to telephone") << 22050 << 8000;
    QTest::newRow("44100 to telephone") << 44100 << 8000;
    QTest::newRow("48000 to telephone") << 48000 << 8000;
    QTest::newRow("telephone to 44100") << 8000 << 44100;
    QTest::newRow("24000 to telephone") << 24000 << 8000;
}

void TestResampler::keepsAToneInPlaceAndLength()
{
    QFETCH(int, from);
    QFETCH(int, to);
    const auto result = resampled(tone(440, from, static_cast<std::size_t>(from)), from, to);
    QVERIFY(result.ok());
    QCOMPARE(result->size(), static_cast<std::size_t>(to)); // a second stays a second
    QVERIFY(largestDifference(*result, tone(440, to, static_cast<std::size_t>(to))) < 200); // 2 % of the amplitude
}

void TestResampler::piecesYieldWhatTheWholeYields()
{
    const auto clip = tone(300, 22050, 22050);
    const auto whole = resampled(clip, 22050, 8000);
    auto resampler = Resampler::create(22050, 8000);
    QVERIFY(whole.ok() && resampler.ok());
    std::vector<qint16> pieces;
    std::size_t at = 0;
    for (std::size_t piece = 1; at < clip.size(); piece = piece * 7 % 613 + 1) {
        const std::size_t size = std::min(piece, clip.size() - at);
        resampler.value().process(std::span(clip).subspan(at, size), pieces);
        at += size;
    }
    resampler.value().finish(pieces);
    QCOMPARE(pieces, *whole);
}

void TestResampler::equalRatesCopy()
{
    const auto clip = tone(300, 8000, 777);
    QCOMPARE(*resampled(clip, 8000, 8000), clip);
}

void TestResampler::aboveTheNewBandNothingIsLeft()
{
    const auto result = resampled(tone(6000, 16000, 16000), 16000, 8000); // would alias to 2000 Hz
    const std::vector<qint16> silence(result->size());
    QVERIFY(largestDifference(*result, silence) < 100);
}

void TestResampler::aFinishedStreamLeavesNothingToTheNext()
{
    auto resampler = Resampler::create(8000, 16000);
    std::vector<qint16> first, second;
    resampler.value().process(tone(440, 8000, 8000), first);
    resampler.value().finish(first);
    resampler.value().process(std::vector<qint16>(800), second);
    resampler.value().finish(second);
    QCOMPARE(second, std::vector<qint16>(1600));
}

void TestResampler::refusesImpossibleRates()
{
    QCOMPARE(Resampler::create(0, 8000).error().code, Error::Code::Invalid);
    QCOMPARE(Resampler::create(8000, -1).error().code, Error::Code::Invalid);
    QCOMPARE(resampled({}, 8000, 1'000'000).error().message, QStringLiteral("sample rate 1000000 Hz: out of range"));
}

QTEST_APPLESS_MAIN(TestResampler)
#include "tst_resampler.moc"
