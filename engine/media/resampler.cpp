// SPDX-License-Identifier: Apache-2.0
#include "engine/media/resampler.h"

#include <algorithm>
#include <array>
#include <speex/speex_resampler.h>

namespace kav::media {

void Resampler::Destroy::operator()(SpeexResamplerState_* state) const
{
    speex_resampler_destroy(state);
}

Resampler::Resampler(int fromHz, int toHz)
    : m_fromHz(fromHz)
    , m_toHz(toHz)
{
}

Result<Resampler> Resampler::create(int fromHz, int toHz, int quality)
{
    for (const int rate : {fromHz, toHz}) {
        if (rate < LowestRate || rate > HighestRate)
            return Error{Error::Code::Invalid, QStringLiteral("sample rate %1 Hz: out of range").arg(rate), {}};
    }
    Resampler resampler(fromHz, toHz);
    if (fromHz != toHz) {
        int fault = RESAMPLER_ERR_SUCCESS;
        resampler.m_state.reset(speex_resampler_init(
            1, static_cast<spx_uint32_t>(fromHz), static_cast<spx_uint32_t>(toHz), quality, &fault));
        if (!resampler.m_state || fault != RESAMPLER_ERR_SUCCESS)
            return Error{Error::Code::Invalid,
                QStringLiteral("resampler from %1 to %2 Hz: %3")
                    .arg(QString::number(fromHz), QString::number(toHz),
                        QString::fromLatin1(speex_resampler_strerror(fault))),
                {}};
        speex_resampler_skip_zeros(resampler.m_state.get());
    }
    return resampler;
}

void Resampler::process(std::span<const qint16> in, std::vector<qint16>& out)
{
    if (!m_state) {
        out.insert(out.end(), in.begin(), in.end());
        return;
    }
    const std::size_t before = out.size();
    pump(in, out);
    m_samplesIn += in.size();
    m_samplesOut += out.size() - before;
}

void Resampler::pump(std::span<const qint16> in, std::vector<qint16>& out)
{
    while (!in.empty()) {
        // One second at most per step keeps the library's 32-bit counts and our room small.
        const auto step = in.first(std::min(in.size(), static_cast<std::size_t>(m_fromHz)));
        const std::size_t room =
            step.size() * static_cast<std::size_t>(m_toHz) / static_cast<std::size_t>(m_fromHz) + 16;
        const std::size_t start = out.size();
        out.resize(start + room);
        auto taken = static_cast<spx_uint32_t>(step.size());
        auto made = static_cast<spx_uint32_t>(room);
        speex_resampler_process_int(m_state.get(), 0, step.data(), &taken, out.data() + start, &made);
        out.resize(start + made);
        in = in.subspan(taken);
        if (taken == 0 && made == 0)
            break; // cannot happen with room left; an endless loop would be worse than a lost tail
    }
}

void Resampler::finish(std::vector<qint16>& out)
{
    if (!m_state)
        return;
    const auto from = static_cast<quint64>(m_fromHz), to = static_cast<quint64>(m_toHz);
    const std::size_t wanted = out.size()
        + static_cast<std::size_t>(std::max((m_samplesIn * to + from - 1) / from, m_samplesOut) - m_samplesOut);
    static constexpr std::array<qint16, 256> Silence{};
    // The filter is a few hundred samples long at most, times the ratio when going down: bounded by construction.
    for (int i = 0; out.size() < wanted && i < 4096; ++i)
        pump(Silence, out);
    out.resize(std::min(out.size(), wanted));
    reset();
}

void Resampler::reset()
{
    m_samplesIn = m_samplesOut = 0;
    if (m_state) {
        speex_resampler_reset_mem(m_state.get());
        speex_resampler_skip_zeros(m_state.get());
    }
}

Result<std::vector<qint16>> resampled(std::span<const qint16> clip, int fromHz, int toHz)
{
    auto resampler = Resampler::create(fromHz, toHz);
    if (!resampler)
        return resampler.error();
    std::vector<qint16> out;
    out.reserve(clip.size() * static_cast<std::size_t>(toHz) / static_cast<std::size_t>(fromHz) + 64);
    resampler.value().process(clip, out);
    resampler.value().finish(out);
    return out;
}

} // namespace kav::media
