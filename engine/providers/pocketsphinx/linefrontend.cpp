// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/linefrontend.h"

#include "engine/media/audio.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace kav::providers {
namespace {

constexpr std::size_t BlockSamples = media::FrameSamples;
constexpr std::size_t HeldSamples = LineFrontEnd::PauseSamples + 3200; // 400 ms of the caller
constexpr double TargetRms = 3000; // of the loudest 20 ms: room above for the peaks
const double MaskRms = TargetRms * std::pow(10, -MaskDb / 20);
constexpr double MostGain = 40; // reached at -53 dB: what is fainter is not raised to a shout
constexpr double SilentRms = 30; // -61 dB: the masking noise is all that would be heard

/// The prior is worth a second of speech; its values are those of the voices of tests/bench/digits, one held out.
constexpr double PriorFrames = 100;
constexpr Cepstrum PriorMean{43.0f, 10.0f, -10.0f, 20.0f, -5.0f, -3.0f, 6.0f, -10.0f, 3.0f, -2.0f, -2.5f, 6.0f, -4.0f};

/// Two seconds of pink noise of unit power at 16 kHz: three poles that fall by about 3 dB an octave.
const std::vector<float>& pinkNoise()
{
    static const std::vector<float> noise = [] {
        std::mt19937 random(20240601);
        std::vector<float> samples(32000);
        std::array<double, 3> state{};
        double power = 0;
        for (float& sample : samples) {
            double white = -6; // twelve uniform numbers make a normal one, the same on every machine
            for (int i = 0; i < 12; ++i)
                white += double(random()) / 4294967296.0;
            state = {0.99765 * state[0] + white * 0.0990460, 0.96300 * state[1] + white * 0.2965164,
                0.57000 * state[2] + white * 1.0526913};
            sample = float(state[0] + state[1] + state[2] + white * 0.1848);
            power += double(sample) * sample;
        }
        const auto scale = float(1 / std::sqrt(power / double(samples.size())));
        for (float& sample : samples)
            sample *= scale;
        return samples;
    }();
    return noise;
}

media::Resampler upsampler()
{
    auto made = media::Resampler::create(media::SampleRate, 2 * media::SampleRate);
    Q_ASSERT(made.ok()); // two constant rates within its range
    return std::move(made).value();
}

} // namespace

LineFrontEnd::LineFrontEnd()
    : m_resampler(upsampler())
{
}

void LineFrontEnd::begin()
{
    m_resampler.reset();
    m_held.assign(PauseSamples, 0);
    m_judged = false;
    m_noiseAt = 0;
    // A caller may have stepped back from the telephone since: 6 dB of doubt.
    m_peak *= 0.25;
    m_loudest = 0;
    m_gain = 0;
}

void LineFrontEnd::process(std::span<const qint16> pcm, std::vector<qint16>& out)
{
    m_held.insert(m_held.end(), pcm.begin(), pcm.end());
    if (!m_judged && m_held.size() < HeldSamples)
        return;
    m_judged = true;
    const std::size_t whole = m_held.size() / BlockSamples * BlockSamples;
    release(std::span(m_held).first(whole), out);
    m_held.erase(m_held.begin(), m_held.begin() + qsizetype(whole));
}

void LineFrontEnd::finish(std::vector<qint16>& out)
{
    m_held.resize(m_held.size() + PauseSamples);
    release(m_held, out);
    m_held.clear();
    m_up.clear();
    m_resampler.finish(m_up);
    const double noise = MaskRms;
    for (const qint16 sample : m_up)
        out.push_back(
            qint16(std::clamp(sample + noise * pinkNoise()[m_noiseAt++ % pinkNoise().size()], -32768.0, 32767.0)));
}

bool LineFrontEnd::isSilent() const
{
    return m_loudest < SilentRms * SilentRms;
}

void LineFrontEnd::release(std::span<const qint16> pcm, std::vector<qint16>& out)
{
    for (std::size_t at = 0; at < pcm.size(); at += BlockSamples) {
        const auto block = pcm.subspan(at, std::min(BlockSamples, pcm.size() - at));
        double power = 0;
        for (const qint16 sample : block)
            power += double(sample) * sample;
        m_loudest = std::max(m_loudest, power / double(block.size()));
        m_peak = std::max(m_peak, m_loudest);
    }
    // Ramped over what is released at once, so that a new loudness does not click.
    const double wanted = std::min(TargetRms / std::sqrt(m_peak + 1), MostGain);
    const double from = m_gain > 0 ? m_gain : wanted;
    m_level.resize(pcm.size());
    for (std::size_t i = 0; i < pcm.size(); ++i)
        m_level[i] =
            qint16(std::clamp(pcm[i] * (from + (wanted - from) * double(i) / double(pcm.size())), -32768.0, 32767.0));
    m_gain = wanted;
    m_up.clear();
    m_resampler.process(m_level, m_up);
    const std::vector<float>& pink = pinkNoise();
    const double noise = MaskRms;
    for (const qint16 sample : m_up)
        out.push_back(qint16(std::clamp(sample + noise * pink[m_noiseAt++ % pink.size()], -32768.0, 32767.0)));
}

CepstralMean::CepstralMean()
    : m_frames(PriorFrames)
{
    for (int i = 0; i < CepstrumSize; ++i)
        m_sum[i] = PriorMean[i] * m_frames;
}

CepstralMean::CepstralMean(std::span<const Cepstrum> frames)
    : m_frames(double(frames.size()))
{
    for (const Cepstrum& frame : frames) {
        for (int i = 0; i < CepstrumSize; ++i)
            m_sum[i] += frame[i];
    }
}

Cepstrum CepstralMean::value() const
{
    Cepstrum mean{};
    for (int i = 0; i < CepstrumSize; ++i)
        mean[i] = float(m_sum[i] / m_frames);
    return mean;
}

void CepstralMean::begin()
{
    if (m_frames <= PriorFrames)
        return;
    for (double& sum : m_sum)
        sum *= PriorFrames / m_frames;
    m_frames = PriorFrames;
}

void CepstralMean::normalise(std::span<Cepstrum> frames)
{
    for (const Cepstrum& frame : frames) {
        for (int i = 0; i < CepstrumSize; ++i)
            m_sum[i] += frame[i];
    }
    m_frames += double(frames.size());
    subtractFrom(frames);
}

void CepstralMean::subtractFrom(std::span<Cepstrum> frames) const
{
    const Cepstrum mean = value();
    for (Cepstrum& frame : frames) {
        for (int i = 0; i < CepstrumSize; ++i)
            frame[i] -= mean[i];
    }
}

} // namespace kav::providers
