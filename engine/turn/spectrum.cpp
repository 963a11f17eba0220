// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/spectrum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kav::turn {

namespace {

constexpr int SpectrumOverlap = Spectrum::Size - int(media::FrameSamples);

struct SpectrumTables final {
    alignas(32) float window[Spectrum::Size];
    /// Twiddle factors of the stage that joins blocks of `half` samples: at [half, 2 * half).
    alignas(32) float cosine[Spectrum::Bins] = {};
    alignas(32) float sine[Spectrum::Bins] = {};
    alignas(32) float realCosine[Spectrum::Bins];
    alignas(32) float realSine[Spectrum::Bins];
    quint8 reversed[Spectrum::Bins];

    SpectrumTables()
    {
        using std::numbers::pi;
        for (int i = 0; i < Spectrum::Size; ++i)
            window[i] = float((0.5 - 0.5 * std::cos(2 * pi * (i + 0.5) / Spectrum::Size)) / 32768);
        for (int half = 1; half < Spectrum::Bins; half *= 2) {
            for (int k = 0; k < half; ++k) {
                cosine[half + k] = float(std::cos(pi * k / half));
                sine[half + k] = float(-std::sin(pi * k / half));
            }
        }
        for (int k = 0; k < Spectrum::Bins; ++k) {
            realCosine[k] = float(std::cos(2 * pi * k / Spectrum::Size));
            realSine[k] = float(-std::sin(2 * pi * k / Spectrum::Size));
            int mirrored = 0;
            for (int bit = 0; bit < 7; ++bit)
                mirrored |= ((k >> bit) & 1) << (6 - bit);
            reversed[k] = quint8(mirrored);
        }
    }
};

const SpectrumTables spectrumTables;

/// Squared magnitudes of the bins that the bands cover. Even and odd samples go through one complex transform of half
/// the length; real and imaginary parts are kept apart so that the compiler can use vector instructions.
void powerSpectrum(const float* samples, float* power)
{
    constexpr int N = Spectrum::Bins;
    const auto& tables = spectrumTables;
    alignas(32) float re[N];
    alignas(32) float im[N];
    for (int i = 0; i < N; ++i) {
        const int from = 2 * tables.reversed[i];
        re[i] = samples[from] * tables.window[from];
        im[i] = samples[from + 1] * tables.window[from + 1];
    }
    for (int i = 0; i < N; i += 4) { // the first two stages need no multiplication
        const float ar = re[i] + re[i + 1];
        const float ai = im[i] + im[i + 1];
        const float br = re[i] - re[i + 1];
        const float bi = im[i] - im[i + 1];
        const float cr = re[i + 2] + re[i + 3];
        const float ci = im[i + 2] + im[i + 3];
        const float dr = re[i + 2] - re[i + 3];
        const float di = im[i + 2] - im[i + 3];
        re[i] = ar + cr;
        im[i] = ai + ci;
        re[i + 1] = br + di;
        im[i + 1] = bi - dr;
        re[i + 2] = ar - cr;
        im[i + 2] = ai - ci;
        re[i + 3] = br - di;
        im[i + 3] = bi + dr;
    }
    for (int half = 4; half < N; half *= 2) {
        const float* const c = tables.cosine + half;
        const float* const s = tables.sine + half;
        for (int base = 0; base < N; base += 2 * half) {
            float* const __restrict lowRe = re + base;
            float* const __restrict lowIm = im + base;
            float* const __restrict highRe = re + base + half;
            float* const __restrict highIm = im + base + half;
            for (int k = 0; k < half; ++k) {
                const float turnedRe = highRe[k] * c[k] - highIm[k] * s[k];
                const float turnedIm = highRe[k] * s[k] + highIm[k] * c[k];
                highRe[k] = lowRe[k] - turnedRe;
                highIm[k] = lowIm[k] - turnedIm;
                lowRe[k] += turnedRe;
                lowIm[k] += turnedIm;
            }
        }
    }
    for (int k = Spectrum::Edges.front(); k < Spectrum::Edges.back(); ++k) {
        const int mirror = N - k;
        const float evenRe = 0.5f * (re[k] + re[mirror]);
        const float evenIm = 0.5f * (im[k] - im[mirror]);
        const float oddRe = 0.5f * (im[k] + im[mirror]);
        const float oddIm = 0.5f * (re[mirror] - re[k]);
        const float sumRe = evenRe + oddRe * tables.realCosine[k] - oddIm * tables.realSine[k];
        const float sumIm = evenIm + oddRe * tables.realSine[k] + oddIm * tables.realCosine[k];
        power[k] = sumRe * sumRe + sumIm * sumIm;
    }
}

} // namespace

void Spectrum::add(const media::PcmFrame& frame)
{
    std::copy(m_samples.end() - SpectrumOverlap, m_samples.end(), m_samples.begin());
    float sum = 0;
    for (std::size_t i = 0; i < frame.size(); ++i) {
        const float sample = frame[i];
        m_samples[std::size_t(SpectrumOverlap) + i] = sample;
        sum += sample * sample;
    }
    m_meanSquare = sum / (float(media::FrameSamples) * 32768.f * 32768.f);

    powerSpectrum(m_samples.data(), m_power.data());
    m_totalPower = 0;
    for (std::size_t band = 0; band < BandCount; ++band) {
        float total = 1e-9f; // keeps the logarithm finite
        for (int bin = Edges[band]; bin < Edges[band + 1]; ++bin)
            total += m_power[std::size_t(bin)];
        m_totalPower += total;
        m_bandPower[band] = total / float(width(int(band)));
        m_bandDb[band] = 10 * std::log10(m_bandPower[band]);
    }
}

void Spectrum::addSilence()
{
    m_samples.fill(0);
    m_meanSquare = 0;
}

bool Spectrum::isKeyTone() const
{
    // The widest part of a peak under the window is two bins to each side.
    const auto peak = [this](int from, int to) {
        const auto at = std::max_element(m_power.begin() + from, m_power.begin() + to);
        return at[-2] + at[-1] + at[0] + at[1] + at[2];
    };
    const float low = peak(21, 32); // 656 to 969 Hz
    const float high = peak(37, 54); // 1,156 to 1,656 Hz
    return low + high > 0.96f * m_totalPower && low < 10 * high && high < 10 * low;
}

} // namespace kav::turn
