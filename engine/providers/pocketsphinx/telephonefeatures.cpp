// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/telephonefeatures.h"

#include <speex/speex_resampler.h>

namespace kav::providers {
namespace {

constexpr double PriorFrames = 100;
constexpr Cepstrum PriorMean{
    41.00f, -5.29f, -0.12f, 5.09f, 2.48f, -4.07f, -1.37f, -1.78f, -5.08f, -2.05f, -6.45f, -1.42f, 1.17f};

} // namespace

TelephoneFeatures::TelephoneFeatures()
    : m_resampler(speex_resampler_init(1, 8000, 16000, 4, nullptr))
{
    for (int i = 0; i < CepstrumSize; ++i)
        m_sum[i] = PriorMean[i] * PriorFrames;
    m_weight = PriorFrames;
}

TelephoneFeatures::~TelephoneFeatures()
{
    speex_resampler_destroy(m_resampler);
}

void TelephoneFeatures::begin()
{
    speex_resampler_reset_mem(m_resampler);
    speex_resampler_skip_zeros(m_resampler);
    m_cepstra.reset();
}

void TelephoneFeatures::process(std::span<const qint16> pcm, std::vector<Cepstrum>& normalised)
{
    m_samples.assign(pcm.begin(), pcm.end());
    m_upsampled.resize(pcm.size() * 2 + 64);
    spx_uint32_t in = spx_uint32_t(m_samples.size()), out = spx_uint32_t(m_upsampled.size());
    speex_resampler_process_float(m_resampler, 0, m_samples.data(), &in, m_upsampled.data(), &out);
    m_raw.clear();
    m_cepstra.process(std::span(m_upsampled).first(out), m_raw);
    normalise(m_raw, normalised);
}

void TelephoneFeatures::finish(std::vector<Cepstrum>& normalised)
{
    m_raw.clear();
    m_cepstra.finish(m_raw);
    normalise(m_raw, normalised);
}

void TelephoneFeatures::normalise(std::span<const Cepstrum> raw, std::vector<Cepstrum>& normalised)
{
    for (const Cepstrum& frame : raw) {
        Cepstrum result;
        m_weight += 1;
        for (int i = 0; i < CepstrumSize; ++i) {
            m_sum[i] += frame[i];
            result[i] = float(frame[i] - m_sum[i] / m_weight);
        }
        if (m_weight > 500) {
            for (double& sum : m_sum)
                sum *= 0.5;
            m_weight *= 0.5;
        }
        normalised.push_back(result);
    }
}

} // namespace kav::providers
