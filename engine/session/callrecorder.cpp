// SPDX-License-Identifier: Apache-2.0
#include "engine/session/callrecorder.h"

#include "engine/media/g711.h"

#include <algorithm>
#include <utility>

namespace kav::session {

namespace {
constexpr std::chrono::microseconds SampleTime{1'000'000 / media::SampleRate};
// How fast the two clocks may run apart: a frame that comes later than it should moves the origin by so much.
constexpr std::chrono::microseconds DriftPerFrame{2};
// A line that stands still for longer is another one: the engine was stopped, or the peer's timestamps jumped.
constexpr qint64 LongestStandstill = 3 * media::SampleRate;
} // namespace

CallRecorder::CallRecorder(RecordingStore& store, QString callId, Instant now)
    : m_store(store)
    , m_callId(std::move(callId))
    , m_pipe(m_store.begin(m_callId))
    , m_origin(now)
{
    m_ahead.fill(media::MulawSilence);
}

CallRecorder::~CallRecorder()
{
    if (!m_discarded)
        m_store.finish(m_callId);
}

void CallRecorder::discard()
{
    m_discarded = true;
    m_store.discard(m_callId);
}

quint64 CallRecorder::lineAt(Instant now) const
{
    const auto since = now > m_origin ? quint64((now - m_origin) / SampleTime) : 0;
    return std::clamp(since, m_line, m_line + quint64(LongestStandstill));
}

void CallRecorder::caller(const media::PcmFrame& frame, bool synthetic, Instant now)
{
    RecordingPipe::StereoFrame* const out = m_pipe->beginWrite();
    for (std::size_t i = 0; i < media::FrameSamples; ++i) {
        quint8& ahead = m_ahead[(m_line + i) % AheadSamples];
        if (out) {
            (*out)[2 * i] = m_pausedAt ? media::MulawSilence : media::toMulaw(frame[i]);
            (*out)[2 * i + 1] = ahead;
        }
        ahead = media::MulawSilence;
    }
    if (out)
        m_pipe->endWrite();
    else
        m_pipe->drop();
    m_line += media::FrameSamples;
    m_aheadEnd = std::max(m_aheadEnd, m_line);
    if (synthetic)
        return;
    const Instant here = now - qint64(m_line) * SampleTime;
    m_origin = here - m_origin > LongestStandstill * SampleTime ? here : std::min(m_origin + DriftPerFrame, here);
}

void CallRecorder::agent(std::span<const quint8> mulaw, Instant now)
{
    const quint64 begin = std::max(m_aheadEnd, lineAt(now));
    const quint64 room = m_line + AheadSamples - std::min(begin, m_line + AheadSamples);
    mulaw = mulaw.first(std::min(mulaw.size(), std::size_t(room)));
    for (std::size_t i = 0; i < mulaw.size(); ++i)
        m_ahead[(begin + i) % AheadSamples] = mulaw[i];
    m_aheadEnd = begin + mulaw.size();
}

void CallRecorder::clear(Instant now)
{
    const quint64 heard = lineAt(now);
    for (quint64 at = heard; at < m_aheadEnd; ++at)
        m_ahead[at % AheadSamples] = media::MulawSilence;
    m_aheadEnd = std::min(m_aheadEnd, std::max(heard, m_line));
}

void CallRecorder::pause()
{
    if (!m_pausedAt)
        m_pausedAt = m_line;
}

void CallRecorder::resume()
{
    if (const auto since = std::exchange(m_pausedAt, std::nullopt))
        m_paused += m_line - *since;
}

std::chrono::milliseconds CallRecorder::pausedFor() const
{
    return media::durationOf(m_paused + (m_pausedAt ? m_line - *m_pausedAt : 0));
}

void CallRecorder::silenceSince(quint64 sample)
{
    if (sample < m_line)
        m_store.silence(m_callId, sample, m_line - sample);
}

} // namespace kav::session
