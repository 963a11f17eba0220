// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/voicedetector.h"

#include <QFile>
#include <QRegularExpression>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

using namespace kav;
using media::PcmFrame;
using turn::VoiceDetector;

namespace {

using Samples = std::vector<float>; // full scale = 1

constexpr int FramesPerSecond = 50;

float amplitude(float db)
{
    return std::pow(10.f, db / 20);
}

/// xorshift: the same noise in every run and on every machine.
class Noise final {
public:
    explicit Noise(quint64 seed)
        : m_state(seed * 0x9E3779B97F4A7C15ull + 1)
    {
    }
    float uniform()
    {
        m_state ^= m_state >> 12;
        m_state ^= m_state << 25;
        m_state ^= m_state >> 27;
        return float((m_state * 2685821657736338717ull) >> 40) / float(1 << 24);
    }
    float gaussian()
    {
        float sum = -6;
        for (int i = 0; i < 12; ++i)
            sum += uniform();
        return sum;
    }

private:
    quint64 m_state;
};

Samples silence(double seconds)
{
    return Samples(std::size_t(seconds * media::SampleRate));
}

Samples white(double seconds, float db, quint64 seed)
{
    Noise noise(seed);
    Samples samples = silence(seconds);
    for (auto& sample : samples)
        sample = amplitude(db) * noise.gaussian();
    return samples;
}

Samples pink(double seconds, float db, quint64 seed)
{
    Noise noise(seed);
    const float corners[] = {20, 90, 350, 1200, 4000};
    float state[5] = {};
    Samples samples = silence(seconds);
    double sum = 0;
    for (auto& sample : samples) {
        for (int i = 0; i < 5; ++i) {
            const float pole = std::exp(-2 * std::numbers::pi_v<float> * corners[i] / media::SampleRate);
            state[i] = pole * state[i] + std::sqrt(1 - pole * pole) * noise.gaussian();
            sample += state[i];
        }
        sum += double(sample) * double(sample);
    }
    const float scale = amplitude(db) / float(std::sqrt(sum / double(samples.size())));
    for (auto& sample : samples)
        sample *= scale;
    return samples;
}

Samples tones(double seconds, float db, std::vector<float> frequencies)
{
    Samples samples = silence(seconds);
    const float each = amplitude(db) * std::sqrt(2 / float(frequencies.size()));
    for (std::size_t i = 0; i < samples.size(); ++i) {
        for (const float frequency : frequencies)
            samples[i] += each * std::sin(2 * std::numbers::pi_v<float> * frequency * float(i) / media::SampleRate);
    }
    return samples;
}

/// Like a voice: pulses at a gliding pitch through three resonances that change four times a second, in syllables
/// with a rise and a fall, some after a closure. `db` is the level while it speaks.
Samples speechLike(double seconds, float db, quint64 seed)
{
    Noise noise(seed);
    constexpr float pi = std::numbers::pi_v<float>;
    Samples samples = silence(seconds);
    float resonance[3][2] = {};
    float coefficient[3][2] = {};
    float phase = 0;
    const std::size_t syllable = media::SampleRate / 4;
    double sum = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (i % syllable == 0) {
            const float formants[3] = {
                300 + 500 * noise.uniform(), 900 + 1100 * noise.uniform(), 2300 + 600 * noise.uniform()};
            for (int f = 0; f < 3; ++f) {
                const float radius = std::exp(-pi * 90 * float(f + 1) / media::SampleRate);
                coefficient[f][0] = 2 * radius * std::cos(2 * pi * formants[f] / media::SampleRate);
                coefficient[f][1] = -radius * radius;
            }
        }
        const float t = float(i) / media::SampleRate;
        phase += (140 + 30 * std::sin(2 * pi * 0.7f * t)) / media::SampleRate;
        float excitation = 0.02f * noise.gaussian();
        if (phase >= 1) {
            phase -= 1;
            excitation += 1;
        }
        float out = 0;
        for (int f = 0; f < 3; ++f) {
            const float value = excitation + coefficient[f][0] * resonance[f][0] + coefficient[f][1] * resonance[f][1];
            resonance[f][1] = resonance[f][0];
            resonance[f][0] = value;
            out += value / float(f + 1);
        }
        // Every third syllable begins with the closure of a stop consonant.
        if (i / syllable % 3 == 2 && i % syllable < syllable / 4)
            out = 0;
        const float place = float(i % syllable) / float(syllable);
        samples[i] = out * std::pow(std::sin(pi * (0.05f + 0.9f * place)), 0.7f);
        sum += double(samples[i]) * double(samples[i]);
    }
    const float scale = amplitude(db) / float(std::sqrt(sum / double(samples.size())));
    for (auto& sample : samples)
        sample *= scale;
    return samples;
}

void append(Samples& to, const Samples& more)
{
    to.insert(to.end(), more.begin(), more.end());
}

void addAt(Samples& to, double second, const Samples& more)
{
    const auto from = std::size_t(second * media::SampleRate);
    for (std::size_t i = 0; i < more.size() && from + i < to.size(); ++i)
        to[from + i] += more[i];
}

/// As it comes out of a mu-law decoder.
qint16 overTheLine(float sample)
{
    const int value = std::clamp(int(std::lround(sample * 32768)), -32635, 32635);
    const int magnitude = std::abs(value) + 132;
    int exponent = 7;
    while (exponent > 0 && !(magnitude & (0x80 << exponent)))
        --exponent;
    const int mantissa = (magnitude >> (exponent + 3)) & 15;
    const int decoded = (((mantissa << 3) + 132) << exponent) - 132;
    return qint16(value < 0 ? -decoded : decoded);
}

std::vector<PcmFrame> frames(const Samples& samples)
{
    std::vector<PcmFrame> result(samples.size() / media::FrameSamples);
    for (std::size_t i = 0; i < result.size() * media::FrameSamples; ++i)
        result[i / media::FrameSamples][i % media::FrameSamples] = overTheLine(samples[i]);
    return result;
}

std::vector<bool> verdicts(VoiceDetector& detector, const Samples& samples)
{
    std::vector<bool> result;
    for (const auto& frame : frames(samples))
        result.push_back(detector.judge(frame).voiced);
    return result;
}

/// Voiced frames of [from, to) seconds.
int voicedIn(const std::vector<bool>& verdict, double from, double to)
{
    const auto end = std::min(verdict.size(), std::size_t(to * FramesPerSecond));
    int count = 0;
    for (auto i = std::size_t(from * FramesPerSecond); i < end; ++i)
        count += verdict[i];
    return count;
}

/// Milliseconds from `second` until three of five frames were voiced; -1 when that does not come within 2 s.
int opensAfterMs(const std::vector<bool>& verdict, double second)
{
    const auto from = std::size_t(second * FramesPerSecond);
    for (auto i = from; i < std::min(verdict.size(), from + 100); ++i) {
        int recent = 0;
        for (std::size_t back = 0; back < 5 && back + from <= i; ++back)
            recent += verdict[i - back];
        if (recent >= 3)
            return int(i - from + 1) * 20;
    }
    return -1;
}

int longestRun(const std::vector<bool>& verdict, bool value, double from, double to)
{
    int longest = 0;
    int run = 0;
    const auto end = std::min(verdict.size(), std::size_t(to * FramesPerSecond));
    for (auto i = std::size_t(from * FramesPerSecond); i < end; ++i) {
        run = verdict[i] == value ? run + 1 : 0;
        longest = std::max(longest, run);
    }
    return longest;
}

/// A recording of a person; 8 kHz, 16 bit, its header is 44 bytes. Empty when it is not installed.
Samples prompt(const char* name)
{
    QFile file(QStringLiteral("/usr/share/asterisk/sounds/en_US_f_Allison/%1.wav").arg(QLatin1String(name)));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    const QByteArray bytes = file.readAll().mid(44);
    Samples samples(std::size_t(bytes.size() / 2));
    for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] =
            float(qint16(quint16(quint8(bytes[qsizetype(2 * i)])) | quint16(quint8(bytes[qsizetype(2 * i + 1)]) << 8)))
            / 32768;
    return samples;
}

#define REQUIRE_PROMPT(samples)                                                                                        \
    QVERIFY2(!(samples).empty(),                                                                                       \
        "asterisk-core-sounds-en-wav is not installed: run packaging/install-deps.sh speech-samples test")

} // namespace

class TestVoiceDetector final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".*"))); }

    void digitalSilenceIsNeverVoice();
    void levelsAreThoseOfTheSignal_data();
    void levelsAreThoseOfTheSignal();
    void voiceAfterDigitalSilenceIsHeardAtOnce();
    void voiceInTheVeryFirstFramesIsHeard();
    void lineNoiseFromTheFirstFrameIsNotVoice_data();
    void lineNoiseFromTheFirstFrameIsNotVoice();
    void steadyNoiseStopsBeingVoiced_data();
    void steadyNoiseStopsBeingVoiced();
    void aStepInTheNoiseStopsBeingVoiced();
    void tonesAreNotVoice_data();
    void tonesAreNotVoice();
    void voiceIsHeardOverNoise_data();
    void voiceIsHeardOverNoise();
    void aLongSpeechWithoutPausesStaysVoiced_data();
    void aLongSpeechWithoutPausesStaysVoiced();
    void quietVoiceIsHeard();
    void gapsInTheStreamLeaveTheFloorAlone();
    void aLostFrameInTheMiddleOfAWordDoesNotEndIt();
    void voicesBehindDoNotHoldTheDetector();
    void snrIsEstimated_data();
    void snrIsEstimated();
    void snrIsUnknownBeforeThereWasVoice();
    void detectorsDoNotShareState();
    void extremeInputIsJudged();
    void recordedSpeechIsHeard_data();
    void recordedSpeechIsHeard();
};

void TestVoiceDetector::digitalSilenceIsNeverVoice()
{
    VoiceDetector detector;
    for (int i = 0; i < 500; ++i) {
        const auto judgement = detector.judge(PcmFrame{});
        QVERIFY(!judgement.voiced);
        QVERIFY(judgement.levelDb <= -90);
    }
    QCOMPARE(detector.snrDb(), 0.f);
}

void TestVoiceDetector::levelsAreThoseOfTheSignal_data()
{
    QTest::addColumn<float>("db");
    QTest::newRow("quiet line") << -55.f;
    QTest::newRow("noisy line") << -40.f;
    QTest::newRow("very noisy line") << -20.f;
}

void TestVoiceDetector::levelsAreThoseOfTheSignal()
{
    QFETCH(float, db);
    VoiceDetector detector;
    VoiceDetector::Judgement last;
    for (const auto& frame : frames(white(6, db, 1)))
        last = detector.judge(frame);
    QVERIFY2(std::abs(last.levelDb - db) < 1.5f, qPrintable(QString::number(double(last.levelDb))));
    QVERIFY2(std::abs(last.floorDb - db) < 2.5f, qPrintable(QString::number(double(last.floorDb))));
}

void TestVoiceDetector::voiceAfterDigitalSilenceIsHeardAtOnce()
{
    VoiceDetector detector;
    Samples call = silence(4);
    append(call, speechLike(2, -20, 2));
    append(call, silence(1));
    const auto verdict = verdicts(detector, call);
    QCOMPARE(voicedIn(verdict, 0, 4), 0);
    const int opened = opensAfterMs(verdict, 4);
    QVERIFY2(opened > 0 && opened <= 160, qPrintable(QString::number(opened)));
    QVERIFY(voicedIn(verdict, 4, 6) >= 75);
    QCOMPARE(voicedIn(verdict, 6, 7), 0);
}

void TestVoiceDetector::voiceInTheVeryFirstFramesIsHeard()
{
    VoiceDetector detector;
    Samples call = speechLike(2, -20, 3);
    append(call, silence(1));
    const auto verdict = verdicts(detector, call);
    const int opened = opensAfterMs(verdict, 0);
    QVERIFY2(opened > 0 && opened <= 400, qPrintable(QString::number(opened)));
    QVERIFY(voicedIn(verdict, 0.5, 2) >= 55);
}

void TestVoiceDetector::lineNoiseFromTheFirstFrameIsNotVoice_data()
{
    QTest::addColumn<float>("db");
    QTest::newRow("-65 dB") << -65.f;
    QTest::newRow("-50 dB") << -50.f;
    QTest::newRow("-40 dB") << -40.f;
    QTest::newRow("-32 dB") << -32.f;
}

void TestVoiceDetector::lineNoiseFromTheFirstFrameIsNotVoice()
{
    QFETCH(float, db);
    // An agent's greeting runs here: it must not be interrupted by the line.
    for (quint64 seed = 1; seed <= 10; ++seed) {
        for (const auto& noise : {white(6, db, seed), pink(6, db, seed)}) {
            VoiceDetector detector;
            const int longest = longestRun(verdicts(detector, noise), true, 0, 6);
            QVERIFY2(longest < 3, qPrintable(QString::number(longest)));
        }
    }
}

void TestVoiceDetector::steadyNoiseStopsBeingVoiced_data()
{
    QTest::addColumn<Samples>("noise");
    QTest::newRow("white, -20 dB") << white(12, -20, 4);
    QTest::newRow("white, nearly full scale") << white(12, -6, 5);
    QTest::newRow("pink, -15 dB") << pink(12, -15, 6);
    QTest::newRow("comfort noise") << pink(12, -50, 7);
    QTest::newRow("mains hum") << tones(12, -20, {50, 100, 150, 250, 350});
}

void TestVoiceDetector::steadyNoiseStopsBeingVoiced()
{
    QFETCH(Samples, noise);
    VoiceDetector detector;
    const auto verdict = verdicts(detector, noise);
    QVERIFY2(voicedIn(verdict, 3, 12) <= 2, qPrintable(QString::number(voicedIn(verdict, 3, 12))));
}

void TestVoiceDetector::aStepInTheNoiseStopsBeingVoiced()
{
    VoiceDetector detector;
    Samples call = white(5, -55, 8);
    append(call, white(10, -25, 9));
    append(call, white(5, -55, 10));
    append(call, speechLike(2, -25, 11));
    const auto verdict = verdicts(detector, call);
    QCOMPARE(voicedIn(verdict, 0, 5), 0);
    QVERIFY2(voicedIn(verdict, 9, 15) <= 2, qPrintable(QString::number(voicedIn(verdict, 9, 15))));
    QVERIFY(voicedIn(verdict, 15.2, 20) <= 2);
    QVERIFY(voicedIn(verdict, 20, 22) >= 60); // and the detector is not deaf afterwards
}

void TestVoiceDetector::tonesAreNotVoice_data()
{
    QTest::addColumn<Samples>("tone");
    Samples keys;
    for (int i = 0; i < 20; ++i) {
        append(keys, tones(0.1, -12, {770, 1336}));
        append(keys, silence(0.1));
    }
    QTest::newRow("keys dialled fast") << keys;
    QTest::newRow("a key held down") << tones(6, -12, {941, 1209});
}

void TestVoiceDetector::tonesAreNotVoice()
{
    QFETCH(Samples, tone);
    VoiceDetector detector;
    Samples call = white(2, -55, 12);
    append(call, tone);
    const auto verdict = verdicts(detector, call);
    QVERIFY2(longestRun(verdict, true, 2, 10) < 3, qPrintable(QString::number(longestRun(verdict, true, 2, 10))));
}

void TestVoiceDetector::voiceIsHeardOverNoise_data()
{
    QTest::addColumn<Samples>("noise");
    QTest::addColumn<float>("voiceDb");
    QTest::newRow("white, 20 dB") << white(14, -40, 13) << -20.f;
    QTest::newRow("white, 10 dB") << white(14, -30, 14) << -20.f;
    QTest::newRow("white, 10 dB, quiet line") << white(14, -45, 15) << -35.f;
    QTest::newRow("white, 5 dB") << white(14, -35, 16) << -30.f;
    QTest::newRow("pink, 20 dB") << pink(14, -40, 17) << -20.f;
    QTest::newRow("pink, 10 dB") << pink(14, -30, 18) << -20.f;
    QTest::newRow("pink, 5 dB") << pink(14, -35, 19) << -30.f;
}

void TestVoiceDetector::voiceIsHeardOverNoise()
{
    QFETCH(Samples, noise);
    QFETCH(float, voiceDb);
    VoiceDetector detector;
    addAt(noise, 4, speechLike(2, voiceDb, 20));
    addAt(noise, 9, speechLike(2, voiceDb, 21));
    const auto verdict = verdicts(detector, noise);
    for (const double start : {4., 9.}) {
        const int opened = opensAfterMs(verdict, start);
        QVERIFY2(opened > 0 && opened <= 240, qPrintable(QString::number(opened)));
        QVERIFY(longestRun(verdict, false, start + 0.3, start + 1.9) <= 10); // no pause that would end it
    }
    // Silent before, between and after; 300 ms are left for the voice to be given up.
    QVERIFY2(longestRun(verdict, true, 1, 4) < 3, qPrintable(QString::number(longestRun(verdict, true, 1, 4))));
    QVERIFY2(longestRun(verdict, true, 6.3, 9) < 5, qPrintable(QString::number(longestRun(verdict, true, 6.3, 9))));
    QVERIFY2(longestRun(verdict, true, 11.3, 14) < 5, qPrintable(QString::number(longestRun(verdict, true, 11.3, 14))));
}

void TestVoiceDetector::aLongSpeechWithoutPausesStaysVoiced_data()
{
    QTest::addColumn<Samples>("background");
    QTest::newRow("quiet line") << white(12, -60, 22);
    QTest::newRow("noise at 15 dB") << white(12, -35, 23);
}

void TestVoiceDetector::aLongSpeechWithoutPausesStaysVoiced()
{
    QFETCH(Samples, background);
    VoiceDetector detector;
    addAt(background, 3, speechLike(8, -20, 24));
    const auto verdict = verdicts(detector, background);
    QVERIFY2(longestRun(verdict, false, 3.3, 10.9) <= 12,
        qPrintable(QString::number(longestRun(verdict, false, 3.3, 10.9))));
}

void TestVoiceDetector::quietVoiceIsHeard()
{
    VoiceDetector detector;
    Samples call = white(6, -65, 25);
    addAt(call, 3, speechLike(2, -38, 26));
    const auto verdict = verdicts(detector, call);
    const int opened = opensAfterMs(verdict, 3);
    QVERIFY2(opened > 0 && opened <= 160, qPrintable(QString::number(opened)));
    QVERIFY(voicedIn(verdict, 3, 5) >= 60);
}

void TestVoiceDetector::gapsInTheStreamLeaveTheFloorAlone()
{
    // The line's noise comes and goes, as where the far end sends nothing in silence.
    VoiceDetector detector;
    const Samples noise = white(20, -42, 27);
    auto call = frames(noise);
    Noise random(28);
    for (std::size_t i = 150; i < call.size();) {
        const auto gap = std::size_t(5 + 150 * random.uniform());
        for (std::size_t end = std::min(i + gap, call.size()); i < end; ++i)
            call[i].fill(0);
        i += std::size_t(5 + 30 * random.uniform());
    }
    std::vector<bool> verdict;
    float floorDb = 0;
    for (const auto& frame : call) {
        const auto judgement = detector.judge(frame);
        verdict.push_back(judgement.voiced);
        if (judgement.levelDb > -90)
            floorDb = judgement.floorDb;
    }
    QVERIFY2(longestRun(verdict, true, 0, 20) < 3, qPrintable(QString::number(longestRun(verdict, true, 0, 20))));
    QVERIFY2(std::abs(floorDb + 42) < 4, qPrintable(QString::number(double(floorDb))));
    // A minute of nothing, then the same noise, then a voice in it.
    for (int i = 0; i < 60 * FramesPerSecond; ++i)
        QVERIFY(!detector.judge(PcmFrame{}).voiced);
    QVERIFY(longestRun(verdicts(detector, white(4, -42, 29)), true, 0, 4) < 3);
    Samples voice = white(2, -42, 30);
    addAt(voice, 0, speechLike(2, -22, 31));
    const int opened = opensAfterMs(verdicts(detector, voice), 0);
    QVERIFY2(opened > 0 && opened <= 200, qPrintable(QString::number(opened)));
}

void TestVoiceDetector::aLostFrameInTheMiddleOfAWordDoesNotEndIt()
{
    VoiceDetector detector;
    Samples call = white(6, -55, 32);
    addAt(call, 3, speechLike(2, -20, 33));
    auto all = frames(call);
    for (std::size_t i = 155; i < 250; i += 10)
        all[i].fill(0);
    std::vector<bool> verdict;
    for (const auto& frame : all)
        verdict.push_back(detector.judge(frame).voiced);
    QVERIFY(longestRun(verdict, false, 3.3, 4.9) <= 8);
    QVERIFY(voicedIn(verdict, 3, 5) >= 65);
}

void TestVoiceDetector::voicesBehindDoNotHoldTheDetector()
{
    // Five recordings at a time run behind, together 20 dB lower than the caller, and nobody stops to listen.
    const char* const names[] = {"vm-intro", "agent-newlocation", "conf-onlyone", "privacy-prompt", "vm-sorry"};
    Samples call = silence(40);
    double sum = 0;
    for (int talker = 0; talker < 5; ++talker) {
        double second = 0.3 * talker;
        for (int i = talker; second < 40; ++i) {
            const auto samples = prompt(names[i % 5]);
            REQUIRE_PROMPT(samples);
            addAt(call, second, samples);
            second += double(samples.size()) / media::SampleRate;
        }
    }
    for (const float sample : call)
        sum += double(sample) * double(sample);
    const float scale = amplitude(-40) / float(std::sqrt(sum / double(call.size())));
    for (auto& sample : call)
        sample *= scale;
    for (const double start : {12., 21.})
        addAt(call, start, speechLike(2, -20, quint64(start)));
    VoiceDetector detector;
    const auto verdict = verdicts(detector, call);
    // They may be taken for the caller at first, as long as nobody else is heard, but not for ever.
    QVERIFY2(longestRun(verdict, true, 0, 22) < 15 * FramesPerSecond,
        qPrintable(QString::number(longestRun(verdict, true, 0, 22))));
    QVERIFY2(voicedIn(verdict, 15, 22) < 140, qPrintable(QString::number(voicedIn(verdict, 15, 22)))); // of 350
    for (const double start : {12., 21.}) {
        const int opened = opensAfterMs(verdict, start);
        QVERIFY2(opened > 0 && opened <= 240, qPrintable(QString::number(opened)));
        QVERIFY(voicedIn(verdict, start, start + 2) >= 60);
        QVERIFY2(longestRun(verdict, false, start + 2, start + 5) >= 25, "the caller's words end nowhere");
    }
}

void TestVoiceDetector::snrIsEstimated_data()
{
    QTest::addColumn<bool>("isPink");
    QTest::addColumn<float>("snr");
    QTest::newRow("white, 20 dB") << false << 20.f;
    QTest::newRow("white, 10 dB") << false << 10.f;
    QTest::newRow("pink, 20 dB") << true << 20.f;
    QTest::newRow("pink, 10 dB") << true << 10.f;
}

void TestVoiceDetector::snrIsEstimated()
{
    QFETCH(bool, isPink);
    QFETCH(float, snr);
    const float voiceDb = -22;
    VoiceDetector detector;
    Samples call = isPink ? pink(20, voiceDb - snr, 39) : white(20, voiceDb - snr, 40);
    for (const double start : {3., 8., 13.})
        addAt(call, start, speechLike(2.5, voiceDb, 41 + quint64(start)));
    verdicts(detector, call);
    QVERIFY2(std::abs(detector.snrDb() - snr) <= 5, qPrintable(QString::number(double(detector.snrDb()))));
}

void TestVoiceDetector::snrIsUnknownBeforeThereWasVoice()
{
    VoiceDetector detector;
    verdicts(detector, white(6, -45, 50));
    QCOMPARE(detector.snrDb(), 0.f);
}

void TestVoiceDetector::detectorsDoNotShareState()
{
    Samples call = white(8, -35, 51);
    addAt(call, 3, speechLike(2, -22, 52));
    const auto all = frames(call);
    VoiceDetector alone;
    std::vector<bool> expected;
    for (const auto& frame : all)
        expected.push_back(alone.judge(frame).voiced);
    const auto disturbance = frames(white(8, -10, 53));
    VoiceDetector first;
    VoiceDetector second;
    std::vector<bool> actual;
    for (std::size_t i = 0; i < all.size(); ++i) {
        actual.push_back(first.judge(all[i]).voiced);
        second.judge(disturbance[i]);
    }
    QVERIFY(actual == expected);
}

void TestVoiceDetector::extremeInputIsJudged()
{
    VoiceDetector detector;
    PcmFrame frame;
    const std::function<qint16(std::size_t)> shapes[] = {
        [](std::size_t) { return qint16(-32768); },
        [](std::size_t) { return qint16(32767); },
        [](std::size_t i) { return qint16(i % 2 ? 32767 : -32768); },
        [](std::size_t i) { return qint16(i == 80 ? 1 : 0); },
        [](std::size_t) { return qint16(0); },
        [](std::size_t i) { return qint16(i * 409); },
    };
    for (int round = 0; round < 50; ++round) {
        for (const auto& shape : shapes) {
            for (int repeat = 0; repeat <= round; ++repeat) {
                for (std::size_t i = 0; i < frame.size(); ++i)
                    frame[i] = shape(i);
                const auto judgement = detector.judge(frame);
                QVERIFY(std::isfinite(judgement.levelDb) && judgement.levelDb <= 0.1f);
                QVERIFY(std::isfinite(judgement.floorDb) && judgement.floorDb <= 6);
                QVERIFY(std::isfinite(detector.snrDb()));
            }
        }
    }
    // Whatever came before, the detector finds back to work.
    Samples call = white(14, -50, 54);
    addAt(call, 12, speechLike(2, -20, 55));
    const auto verdict = verdicts(detector, call);
    QVERIFY(voicedIn(verdict, 8, 12) <= 2);
    QVERIFY(voicedIn(verdict, 12, 14) >= 60);
}

void TestVoiceDetector::recordedSpeechIsHeard_data()
{
    QTest::addColumn<float>("noiseDb");
    QTest::addColumn<bool>("isPink");
    QTest::newRow("as recorded") << -96.f << false;
    QTest::newRow("white, about 20 dB") << -38.f << false;
    QTest::newRow("white, about 10 dB") << -28.f << false;
    QTest::newRow("pink, about 10 dB") << -28.f << true;
}

void TestVoiceDetector::recordedSpeechIsHeard()
{
    QFETCH(float, noiseDb);
    QFETCH(bool, isPink);
    const char* const names[] = {"vm-intro", "agent-newlocation", "conf-onlyone", "privacy-prompt"};
    Samples call;
    std::vector<std::pair<double, double>> spoken;
    for (const char* name : names) {
        const auto samples = prompt(name);
        REQUIRE_PROMPT(samples);
        append(call, silence(2.5));
        // Where the clean recording is above -40 dB.
        double first = -1;
        double last = 0;
        for (std::size_t at = 0; at + media::FrameSamples <= samples.size(); at += media::FrameSamples) {
            float sum = 0;
            for (std::size_t i = at; i < at + media::FrameSamples; ++i)
                sum += samples[i] * samples[i];
            if (sum / float(media::FrameSamples) > 1e-4f) {
                const double second = double(call.size() + at) / media::SampleRate;
                first = first < 0 ? second : first;
                last = second + 0.02;
            }
        }
        spoken.emplace_back(first, last);
        append(call, samples);
    }
    append(call, silence(2.5));
    const double seconds = double(call.size()) / media::SampleRate;
    if (noiseDb > -90)
        addAt(call, 0, isPink ? pink(seconds, noiseDb, 56) : white(seconds, noiseDb, 57));
    VoiceDetector detector;
    const auto verdict = verdicts(detector, call);
    for (std::size_t i = 0; i < spoken.size(); ++i) {
        const auto& [first, last] = spoken[i];
        QVERIFY2(longestRun(verdict, true, first - 1, first - 0.1) < 3, names[i]);
        const int opened = opensAfterMs(verdict, first);
        QVERIFY2(opened > 0 && opened <= 300, qPrintable(QString::number(opened)));
        QVERIFY2(longestRun(verdict, false, first + 0.3, last) < 25, names[i]); // half a second would end it
        QVERIFY2(voicedIn(verdict, last + 0.6, last + 1.6) <= 3, names[i]);
    }
}

QTEST_GUILESS_MAIN(TestVoiceDetector)
#include "tst_voicedetector.moc"
