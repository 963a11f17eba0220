// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/flite/speechshaper.h"

#include <algorithm>
#include <cmath>

namespace kav::providers {
namespace {

constexpr std::size_t BlockSamples = 40; // 5 ms
constexpr int FadeSamples = 40;
constexpr double QuietRms = 80; // -52 dB of full scale: under it nobody hears speech on a telephone
constexpr float SoftKnee = 24000, SoftCeiling = 32000;

std::size_t samplesOf(std::chrono::milliseconds time)
{
    return std::size_t(time.count()) * media::SampleRate / 1000;
}

bool isQuiet(std::span<const qint16> block)
{
    double sum = 0;
    for (const qint16 sample : block)
        sum += double(sample) * sample;
    return sum < QuietRms * QuietRms * double(block.size());
}

} // namespace

SpeechShaper::SpeechShaper(const Settings& settings)
    : m_settings(settings)
{
}

void SpeechShaper::add(std::span<const qint16> pcm, std::vector<qint16>& out)
{
    if (!m_partial.empty()) {
        const std::size_t missing = std::min(BlockSamples - m_partial.size(), pcm.size());
        m_partial.insert(m_partial.end(), pcm.begin(), pcm.begin() + qsizetype(missing));
        pcm = pcm.subspan(missing);
        if (m_partial.size() < BlockSamples)
            return;
        takeBlock(m_partial, out);
        m_partial.clear();
    }
    for (; pcm.size() >= BlockSamples; pcm = pcm.subspan(BlockSamples))
        takeBlock(pcm.first(BlockSamples), out);
    m_partial.assign(pcm.begin(), pcm.end());
}

void SpeechShaper::takeBlock(std::span<const qint16> block, std::vector<qint16>& out)
{
    if (isQuiet(block)) {
        m_held.insert(m_held.end(), block.begin(), block.end());
        const std::size_t lead = samplesOf(m_settings.lead);
        if (!m_started && m_held.size() > lead)
            m_held.erase(m_held.begin(), m_held.end() - qsizetype(lead));
        return;
    }
    if (!m_started) {
        m_started = true;
        out.insert(out.end(), samplesOf(m_settings.lead) - m_held.size(), 0);
    }
    for (const qint16 sample : m_held)
        put(sample, out);
    m_held.clear();
    for (const qint16 sample : block)
        put(sample, out);
}

void SpeechShaper::put(qint16 sample, std::vector<qint16>& out)
{
    float value = float(sample) * m_settings.gain;
    if (m_fadedIn < FadeSamples)
        value *= float(m_fadedIn++) / FadeSamples;
    // Above the knee the curve bends so that it reaches the ceiling at infinity: loud, but never clipped.
    const float size = std::abs(value);
    if (size > SoftKnee) {
        const float over = (size - SoftKnee) / (SoftCeiling - SoftKnee);
        value = std::copysign(SoftKnee + (SoftCeiling - SoftKnee) * std::tanh(over), value);
    }
    out.push_back(qint16(std::lround(value)));
}

void SpeechShaper::finish(std::vector<qint16>& out)
{
    if (!m_partial.empty()) {
        m_partial.resize(BlockSamples, 0);
        takeBlock(m_partial, out);
        m_partial.clear();
    }
    if (!m_started)
        return;
    const std::size_t tail = samplesOf(m_settings.tail);
    const std::size_t kept = std::min(m_held.size(), tail);
    const std::size_t start = out.size();
    for (std::size_t i = 0; i < kept; ++i)
        put(m_held[i], out);
    m_held.clear();
    // The fade lies over the last samples that are not our own silence.
    const std::size_t fade = std::min<std::size_t>(FadeSamples, out.size() - (kept ? start : 0));
    for (std::size_t i = 0; i < fade; ++i) {
        qint16& sample = out[out.size() - 1 - i];
        sample = qint16(sample * qint64(i) / FadeSamples);
    }
    out.insert(out.end(), tail - kept, 0);
}

} // namespace kav::providers
