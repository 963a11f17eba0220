// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"

#include <QTest>

#include <vector>

using namespace kav::media;

namespace {

// G.711, table 2a: each of the eight segments has sixteen steps, twice as wide as in the one before; the decision
// values between them on the 14-bit scale are 0, 1, 3, ... 31, 35, ... and the decoder puts out the middle of a step.
// Built here step by step from that text, without the bit tricks of the code under test.
struct Step final {
    int from; // smallest magnitude, 14-bit scale
    int value; // what it decodes to
    quint8 code; // positive
};

std::vector<Step> g711Steps()
{
    std::vector<Step> steps;
    int from = 0;
    quint8 code = 0xff;
    for (int segment = 0; segment < 8; ++segment) {
        const int width = 2 << segment;
        for (int i = 0; i < 16; ++i) {
            if (segment == 0 && i == 0) {
                steps.push_back({0, 0, code--}); // the first step is half a step, around zero
                from = 1;
                continue;
            }
            steps.push_back({from, from + width / 2, code--});
            from += width;
        }
    }
    return steps;
}

} // namespace

class TestG711 final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theKnownValues_data();
    void theKnownValues();
    void everySampleTakesTheStepOfTheStandard();
    void everyCodeDecodesToTheValueOfTheStandard();
    void everyCodeButNegativeZeroSurvives();
    void loudnessNeverTurnsRound();
    void aFrameIsItsSamples();
    void levels();
};

void TestG711::theKnownValues_data()
{
    QTest::addColumn<int>("sample");
    QTest::addColumn<int>("code");
    QTest::addColumn<int>("decoded");
    QTest::newRow("silence") << 0 << 0xff << 0;
    QTest::newRow("the least below zero") << -1 << 0x7f << 0;
    QTest::newRow("full scale") << 32767 << 0x80 << 32124;
    QTest::newRow("negative full scale") << -32768 << 0x00 << -32124;
    QTest::newRow("one step") << 8 << 0xfe << 8;
    QTest::newRow("a thousand") << 1000 << 0xce << 988;
    QTest::newRow("minus a thousand") << -1000 << 0x4e << -988;
}

void TestG711::theKnownValues()
{
    QFETCH(int, sample);
    QFETCH(int, code);
    QFETCH(int, decoded);
    QCOMPARE(int(toMulaw(static_cast<qint16>(sample))), code);
    QCOMPARE(int(fromMulaw(static_cast<quint8>(code))), decoded);
}

void TestG711::everySampleTakesTheStepOfTheStandard()
{
    const std::vector<Step> steps = g711Steps();
    for (int sample = -32768; sample <= 32767; ++sample) {
        const int magnitude = sample >= 0 ? sample / 4 : (-sample - 1) / 4; // ones' complement: -1 is negative zero
        std::size_t i = steps.size() - 1;
        while (steps[i].from > magnitude)
            --i;
        const int expected = sample >= 0 ? steps[i].code : steps[i].code & 0x7f;
        if (toMulaw(static_cast<qint16>(sample)) != expected)
            QFAIL(qPrintable(QStringLiteral("%1: 0x%2, not 0x%3")
                                 .arg(sample)
                                 .arg(toMulaw(static_cast<qint16>(sample)), 2, 16)
                                 .arg(expected, 2, 16)));
    }
}

void TestG711::everyCodeDecodesToTheValueOfTheStandard()
{
    for (const Step& step : g711Steps()) {
        QCOMPARE(int(fromMulaw(step.code)), step.value * 4);
        QCOMPARE(int(fromMulaw(step.code & 0x7f)), step.value * -4);
    }
}

void TestG711::everyCodeButNegativeZeroSurvives()
{
    for (int code = 0; code < 256; ++code)
        QCOMPARE(int(toMulaw(fromMulaw(static_cast<quint8>(code)))), code == 0x7f ? 0xff : code);
}

void TestG711::loudnessNeverTurnsRound()
{
    for (int sample = -32768; sample < 32767; ++sample)
        QVERIFY(fromMulaw(toMulaw(static_cast<qint16>(sample))) <= fromMulaw(toMulaw(static_cast<qint16>(sample + 1))));
}

void TestG711::aFrameIsItsSamples()
{
    PcmFrame frame;
    for (std::size_t i = 0; i < frame.size(); ++i)
        frame[i] = static_cast<qint16>(int(i) * 400 - 32000);
    const MulawFrame codes = encodeFrame(frame);
    const PcmFrame back = decodeFrame(codes);
    for (std::size_t i = 0; i < frame.size(); ++i) {
        QCOMPARE(codes[i], toMulaw(frame[i]));
        QCOMPARE(back[i], fromMulaw(codes[i]));
    }
    encodeMulaw({}, {}); // nothing in, nothing out
}

void TestG711::levels()
{
    QCOMPARE(levelOf({}), Level());
    const std::vector<qint16> square{1000, -1000, 1000, -1000};
    QCOMPARE(levelOf(square), (Level{1000, 1000}));
    const std::vector<qint16> extreme{-32768};
    QCOMPARE(levelOf(extreme), (Level{32768, 32768}));
    const std::vector<qint16> half{0, 100, 0, -100};
    QCOMPARE(levelOf(half), (Level{100, 70}));
}

QTEST_APPLESS_MAIN(TestG711)
#include "tst_g711.moc"
