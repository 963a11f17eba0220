// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/digits/speechcorpus.h"

#include <QFile>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numbers>
#include <speex/speex_resampler.h>

extern "C" {
#include <flite/flite.h>
cst_voice* register_cmu_us_rms(const char*);
cst_voice* register_cmu_us_slt(const char*);
cst_voice* register_cmu_us_awb(const char*);
cst_voice* register_cmu_us_kal(const char*);
cst_voice* register_cmu_us_kal16(const char*);
}

namespace kav::bench {
namespace {

const QString Allison = QStringLiteral("/usr/share/asterisk/sounds/en_US_f_Allison/");

double power(const Samples& samples)
{
    double sum = 0;
    for (const float s : samples)
        sum += double(s) * s;
    return samples.empty() ? 0 : sum / double(samples.size());
}

/// Power while it speaks: over the 20 ms blocks within 30 dB of the loudest.
double speechPower(const Samples& samples)
{
    std::vector<double> blocks;
    for (std::size_t at = 0; at + 160 <= samples.size(); at += 160)
        blocks.push_back(power(Samples(samples.begin() + qsizetype(at), samples.begin() + qsizetype(at) + 160)));
    const double loudest = blocks.empty() ? 0 : *std::max_element(blocks.begin(), blocks.end());
    double sum = 0;
    int count = 0;
    for (const double block : blocks) {
        if (block >= loudest * 1e-3) {
            sum += block;
            ++count;
        }
    }
    return count ? sum / count : 0;
}

/// G.711 mu-law there and back, by its definition.
qint16 companded(float sample)
{
    int value = std::clamp(int(std::lround(sample)), -32635, 32635);
    const bool negative = value < 0;
    value = std::abs(value) + 132;
    int exponent = 7;
    for (int mask = 0x4000; exponent > 0 && !(value & mask); mask >>= 1)
        --exponent;
    const int mantissa = (value >> (exponent + 3)) & 15;
    const int decoded = (((mantissa << 3) + 132) << exponent) - 132;
    return qint16(negative ? -decoded : decoded);
}

Samples noiseOf(Noise kind, std::size_t count, std::mt19937& random)
{
    std::normal_distribution<double> normal;
    Samples result(count);
    std::array<double, 3> state{};
    for (float& sample : result) {
        const double white = normal(random);
        if (kind == Noise::White) {
            sample = float(white);
            continue;
        }
        // Three poles that fall by 3 dB an octave.
        state = {0.99765 * state[0] + white * 0.0990460, 0.96300 * state[1] + white * 0.2965164,
            0.57000 * state[2] + white * 1.0526913};
        sample = float(state[0] + state[1] + state[2] + white * 0.1848);
    }
    return result;
}

/// Second-order Butterworth high-pass and low-pass, run twice each.
Samples telephoneBand(Samples samples)
{
    const auto pass = [&](double hz, bool high) {
        const double w = std::tan(std::numbers::pi * hz / 8000), q = std::numbers::sqrt2 * w, n = 1 / (1 + q + w * w);
        const double b0 = high ? n : w * w * n, b1 = high ? -2 * n : 2 * b0, a1 = 2 * (w * w - 1) * n,
                     a2 = (1 - q + w * w) * n;
        double x1 = 0, x2 = 0, y1 = 0, y2 = 0;
        for (float& s : samples) {
            const double y = b0 * s + b1 * x1 + b0 * x2 - a1 * y1 - a2 * y2;
            x2 = x1, x1 = s, y2 = y1, y1 = y;
            s = float(y);
        }
    };
    for (int i = 0; i < 2; ++i) {
        pass(300, true);
        pass(3400, false);
    }
    return samples;
}

cst_voice* voiceOf(const QString& name)
{
    static QHash<QString, cst_voice*> voices;
    if (voices.isEmpty()) {
        flite_init();
        voices = {{QStringLiteral("rms"), register_cmu_us_rms(nullptr)},
            {QStringLiteral("slt"), register_cmu_us_slt(nullptr)},
            {QStringLiteral("awb"), register_cmu_us_awb(nullptr)},
            {QStringLiteral("kal"), register_cmu_us_kal(nullptr)},
            {QStringLiteral("kal16"), register_cmu_us_kal16(nullptr)}};
    }
    return voices.value(name);
}

} // namespace

Sound load(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        std::fprintf(stderr, "%s is missing; run packaging/install-deps.sh speech-samples test\n", qPrintable(path));
        std::exit(2);
    }
    const QByteArray bytes = file.readAll();
    Sound sound;
    sound.rate = 16000;
    qsizetype data = 0;
    if (bytes.startsWith("RIFF")) {
        qint32 rate = 0;
        std::memcpy(&rate, bytes.constData() + 24, 4);
        sound.rate = rate;
        data = bytes.indexOf("data") + 8;
    }
    std::vector<qint16> raw(std::size_t(bytes.size() - data) / 2);
    std::memcpy(raw.data(), bytes.constData() + data, raw.size() * 2);
    sound.samples.assign(raw.begin(), raw.end());
    return sound;
}

Sound synthesise(const QString& voice, const QString& text)
{
    cst_wave* wave = flite_text_to_wave(text.toUtf8().constData(), voiceOf(voice));
    Sound sound;
    sound.rate = wave->sample_rate;
    sound.samples.assign(wave->samples, wave->samples + wave->num_samples);
    delete_wave(wave);
    return sound;
}

Samples resampled(const Sound& sound, int rate)
{
    if (sound.rate == rate)
        return sound.samples;
    SpeexResamplerState* state = speex_resampler_init(1, spx_uint32_t(sound.rate), spx_uint32_t(rate), 8, nullptr);
    speex_resampler_skip_zeros(state);
    Samples padded = sound.samples;
    padded.resize(padded.size() + 400);
    Samples result(padded.size() * std::size_t(rate) / std::size_t(sound.rate) + 100);
    spx_uint32_t in = spx_uint32_t(padded.size()), out = spx_uint32_t(result.size());
    speex_resampler_process_float(state, 0, padded.data(), &in, result.data(), &out);
    speex_resampler_destroy(state);
    result.resize(std::min<std::size_t>(out, sound.samples.size() * std::size_t(rate) / std::size_t(sound.rate)));
    return result;
}

Samples trimmed(const Samples& samples, int rate)
{
    const std::size_t block = std::size_t(rate) / 100;
    std::vector<double> powers;
    for (std::size_t at = 0; at + block <= samples.size(); at += block)
        powers.push_back(power(Samples(samples.begin() + qsizetype(at), samples.begin() + qsizetype(at + block))));
    if (powers.empty())
        return samples;
    const double floor = *std::max_element(powers.begin(), powers.end()) * 1e-4;
    std::size_t first = 0, last = powers.size();
    while (first < last && powers[first] < floor)
        ++first;
    while (last > first && powers[last - 1] < floor)
        --last;
    return Samples(samples.begin() + qsizetype(first * block), samples.begin() + qsizetype(last * block));
}

std::vector<qint16> throughLine(const Samples& given, const Line& line, quint32 seed)
{
    Samples speech = line.telephoneBand ? telephoneBand(given) : given;
    if (line.noise != Noise::None) {
        std::mt19937 random(seed);
        const Samples noise = noiseOf(line.noise, speech.size(), random);
        const double scale = std::sqrt(speechPower(speech) / power(noise) / std::pow(10, line.snr / 10));
        for (std::size_t i = 0; i < speech.size(); ++i)
            speech[i] += float(noise[i] * scale);
    }
    const float gain = float(std::pow(10, line.gain / 20));
    std::vector<qint16> result(speech.size());
    for (std::size_t i = 0; i < speech.size(); ++i)
        result[i] = companded(speech[i] * gain);
    return result;
}

QList<Saying> digitStrings(const QString& speaker, int count, int length, int gapLow, int gapHigh, quint32 seed)
{
    static constexpr std::array Words{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};
    QList<Samples> digits;
    for (int i = 0; i < 10; ++i) {
        const Sound sound = speaker == u"allison" ? load(Allison + QStringLiteral("digits/%1.wav").arg(i))
                                                  : synthesise(speaker, QLatin1String(Words[std::size_t(i)]));
        digits += trimmed(resampled(sound, 8000), 8000);
    }
    std::mt19937 random(seed);
    QList<Saying> result;
    for (int i = 0; i < count; ++i) {
        Saying saying;
        saying.speech.resize(1600); // what a voice detector gives before the onset
        QStringList words;
        for (int j = 0; j < length; ++j) {
            const auto digit = random() % 10;
            words += QLatin1String(Words[digit]);
            saying.speech.insert(saying.speech.end(), digits[int(digit)].begin(), digits[int(digit)].end());
            const std::size_t gap = (std::size_t(gapLow) + random() % std::size_t(gapHigh - gapLow + 1)) * 8;
            saying.speech.resize(saying.speech.size() + (j + 1 < length ? gap : 3200));
        }
        saying.text = words.join(u' ');
        result += saying;
    }
    return result;
}

void Errors::count(const QString& said, const QString& understood)
{
    const QStringList a = said.split(u' ', Qt::SkipEmptyParts), b = understood.split(u' ', Qt::SkipEmptyParts);
    QList<int> row(b.size() + 1);
    for (int j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (int i = 1; i <= a.size(); ++i) {
        int diagonal = row[0]++;
        for (int j = 1; j <= b.size(); ++j) {
            const int best = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
            diagonal = row[j];
            row[j] = best;
        }
    }
    words += int(a.size());
    wrong += row.last();
    ++sayings;
    right += row.last() == 0;
}

} // namespace kav::bench
