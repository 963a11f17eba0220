// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/cepstra.h"

#include <QtGlobal>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace kav::providers {
namespace {

constexpr double Pi = std::numbers::pi;

double melOf(double hz)
{
    return 2595.0 * std::log10(1.0 + hz / 700.0);
}

double hzOf(double mel)
{
    return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0);
}

} // namespace

CepstraExtractor::CepstraExtractor(const CepstraSettings& settings)
    : m_settings(settings)
    , m_windowSize(int(settings.windowSeconds * settings.sampleRate + 0.5))
    , m_shift(int(settings.sampleRate / settings.framesPerSecond + 0.5))
{
    Q_ASSERT(std::has_single_bit(unsigned(m_settings.fftSize)) && m_windowSize <= m_settings.fftSize);
    for (int i = 0; i < m_windowSize; ++i)
        m_window.push_back(float(0.54 - 0.46 * std::cos(2 * Pi * i / (m_windowSize - 1))));

    // Triangles whose corners are rounded to spectral lines and whose area is one.
    const double line = m_settings.sampleRate / m_settings.fftSize;
    const double lowest = melOf(m_settings.lowerHz);
    const double step = (melOf(m_settings.upperHz) - lowest) / (m_settings.filters + 1);
    for (int i = 0; i < m_settings.filters; ++i) {
        std::array<double, 3> corner{};
        for (int j = 0; j < 3; ++j)
            corner[j] = std::floor(hzOf(lowest + (i + j) * step) / line + 0.5) * line;
        Filter filter;
        filter.first = -1;
        for (int k = 0; k <= m_settings.fftSize / 2; ++k) {
            const double hz = k * line;
            if (hz < corner[0] || hz > corner[2])
                continue;
            const double height = 2 / (corner[2] - corner[0]);
            const double rise = corner[1] > corner[0] ? (hz - corner[0]) / (corner[1] - corner[0]) : 1.0;
            const double fall = corner[2] > corner[1] ? (corner[2] - hz) / (corner[2] - corner[1]) : 1.0;
            if (filter.first < 0)
                filter.first = k;
            filter.weights.push_back(float(std::min(rise, fall) * height));
        }
        Q_ASSERT(filter.first >= 0);
        m_filters.push_back(std::move(filter));
    }

    for (int i = 0; i < CepstrumSize; ++i) {
        const double scale = std::sqrt((i == 0 ? 1.0 : 2.0) / m_settings.filters);
        const double lift =
            m_settings.lifter > 0 ? 1 + m_settings.lifter / 2.0 * std::sin(i * Pi / m_settings.lifter) : 1.0;
        for (int j = 0; j < m_settings.filters; ++j)
            m_cosines.push_back(float(scale * lift * std::cos(Pi * i / m_settings.filters * (j + 0.5))));
    }

    const int half = m_settings.fftSize / 2;
    const int bits = std::countr_zero(unsigned(half));
    for (int i = 0; i < half; ++i) {
        int reversed = 0;
        for (int bit = 0; bit < bits; ++bit)
            reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
        m_order.push_back(reversed);
        m_twiddles.push_back(std::polar(1.0f, float(-2 * Pi * i / half)));
        m_split.push_back(std::polar(1.0f, float(-2 * Pi * i / m_settings.fftSize)));
    }
    m_spectrum.resize(half);
    m_power.resize(half + 1);
    m_logEnergies.resize(m_settings.filters);
}

void CepstraExtractor::process(std::span<const float> samples, std::vector<Cepstrum>& frames)
{
    for (const float sample : samples) {
        m_held.push_back(sample - float(m_settings.preEmphasis) * m_last);
        m_last = sample;
    }
    std::size_t at = 0;
    for (; m_held.size() - at >= std::size_t(m_windowSize); at += m_shift)
        frames.push_back(analyse(m_held.data() + at));
    m_held.erase(m_held.begin(), m_held.begin() + std::min(at, m_held.size()));
}

void CepstraExtractor::finish(std::vector<Cepstrum>& frames)
{
    // What the last complete frame already covered is not worth a frame of padding.
    if (m_held.size() > std::size_t(m_windowSize - m_shift)) {
        m_held.resize(m_windowSize, 0.0f);
        frames.push_back(analyse(m_held.data()));
    }
    reset();
}

void CepstraExtractor::reset()
{
    m_held.clear();
    m_last = 0;
}

Cepstrum CepstraExtractor::analyse(const float* samples)
{
    const int half = m_settings.fftSize / 2;
    const auto windowed = [&](int i) { return i < m_windowSize ? samples[i] * m_window[i] : 0.0f; };
    for (int i = 0; i < half; ++i)
        m_spectrum[m_order[i]] = {windowed(2 * i), windowed(2 * i + 1)};
    for (int size = 2; size <= half; size *= 2) {
        const int stride = half / size;
        for (int start = 0; start < half; start += size) {
            for (int k = 0; k < size / 2; ++k) {
                auto& a = m_spectrum[start + k];
                auto& b = m_spectrum[start + k + size / 2];
                const auto& w = m_twiddles[k * stride];
                const std::complex<float> turned(
                    b.real() * w.real() - b.imag() * w.imag(), b.real() * w.imag() + b.imag() * w.real());
                b = a - turned;
                a += turned;
            }
        }
    }
    m_power[0] = (m_spectrum[0].real() + m_spectrum[0].imag()) * (m_spectrum[0].real() + m_spectrum[0].imag());
    m_power[half] = (m_spectrum[0].real() - m_spectrum[0].imag()) * (m_spectrum[0].real() - m_spectrum[0].imag());
    for (int k = 1; k < half; ++k) {
        const auto a = m_spectrum[k], b = std::conj(m_spectrum[half - k]);
        const std::complex<float> even = (a + b) * 0.5f;
        const std::complex<float> difference = (a - b) * 0.5f;
        const std::complex<float> odd(difference.imag(), -difference.real());
        const auto& w = m_split[k];
        const std::complex<float> turned(
            odd.real() * w.real() - odd.imag() * w.imag(), odd.real() * w.imag() + odd.imag() * w.real());
        m_power[k] = std::norm(even + turned);
    }

    for (int i = 0; i < m_settings.filters; ++i) {
        float energy = 0;
        for (std::size_t k = 0; k < m_filters[i].weights.size(); ++k)
            energy += m_filters[i].weights[k] * m_power[m_filters[i].first + k];
        m_logEnergies[i] = std::log(energy + float(m_settings.energyFloor));
    }
    Cepstrum cepstrum{};
    for (int i = 0; i < CepstrumSize; ++i) {
        float sum = 0;
        for (int j = 0; j < m_settings.filters; ++j)
            sum += m_cosines[i * m_settings.filters + j] * m_logEnergies[j];
        cepstrum[i] = sum;
    }
    return cepstrum;
}

} // namespace kav::providers
