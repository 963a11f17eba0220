// SPDX-License-Identifier: Apache-2.0
#include "engine/media/inboundaudio.h"

#include "engine/media/g711.h"

#include <algorithm>

namespace kav::media {
namespace {

constexpr qint64 SamplesPerMs = SampleRate / 1000;
constexpr auto FrameLength = static_cast<qint64>(FrameSamples);
constexpr quint64 LatestTimestampMs = 1ull << 40; // 34 years: far from overflow, farther from any call

constexpr qint64 samplesIn(Milliseconds time)
{
    return time.count() * SamplesPerMs;
}

} // namespace

InboundAudio::InboundAudio(const Settings& settings, FrameHandler onFrame)
    : m_settings(settings)
    , m_onFrame(std::move(onFrame))
{
}

void InboundAudio::start(Instant now)
{
    if (m_begun)
        return;
    m_begun = true;
    m_quietSince = now;
    m_quietFrom = m_next;
}

void InboundAudio::push(const MediaMessage& message, Instant now)
{
    if (!message.inbound || message.timestampMs > LatestTimestampMs) {
        ++m_counters.refused;
        return;
    }
    ++m_counters.packets;
    const qint64 stamp = static_cast<qint64>(message.timestampMs) * SamplesPerMs;
    if (!m_begun) {
        m_begun = true;
        m_next = stamp;
    }
    const qint64 start = stamp + m_offset;
    // Audio from before anything that advance() may have put in for it: not late, but of another clock. The same holds
    // for sequence numbers that begin again.
    const bool anotherTime = start < m_next - m_syntheticRun - samplesIn(m_settings.longestGap);
    const bool duplicate = isDuplicate(message.sequence);
    if (anotherTime || duplicate) {
        if (++m_misplaced < PacketsOfAnotherTime) {
            ++(duplicate ? m_counters.duplicates : m_counters.late);
            return;
        }
        ++m_counters.jumps;
        m_offset = m_next - stamp;
    }
    m_misplaced = 0;
    if (message.sequence)
        m_lastSequence = message.sequence;
    place(message.mulaw, stamp + m_offset, message.sequence != 0);
    m_quietSince = now;
    m_quietFrom = m_next;
}

void InboundAudio::advance(Instant now)
{
    if (!m_quietSince)
        return;
    const auto quiet = elapsed(*m_quietSince, now) - m_settings.jitter;
    // Whole frames only: the line is never ahead of the clock.
    while (m_next - static_cast<qint64>(m_filled) + FrameLength <= m_quietFrom + samplesIn(quiet)) {
        const qint64 missing = FrameLength - static_cast<qint64>(m_filled);
        appendSilence(missing);
        m_syntheticRun += missing;
    }
}

Milliseconds InboundAudio::position() const
{
    return Milliseconds((m_next - static_cast<qint64>(m_filled)) / SamplesPerMs);
}

bool InboundAudio::isDuplicate(quint64 sequence) const
{
    return sequence != 0 && sequence <= m_lastSequence; // without a number only the timestamp can tell
}

// Puts `mulaw`, which begins at `start`, where it belongs. A numbered packet is known to be new: that it overlaps by
// less than a frame is jitter of its stamp, unless the time was given out as silence.
void InboundAudio::place(std::span<const quint8> mulaw, qint64 start, bool numbered)
{
    const qint64 drift = start - m_next;
    const qint64 overlapAllowed = m_syntheticRun > 0 ? 0 : numbered ? FrameLength - 1 : SamplesPerMs - 1;
    if (drift >= FrameLength) {
        // Smaller ones are jitter of the stamps: to follow them would chop the audio.
        ++m_counters.gaps;
        const qint64 longest = samplesIn(m_settings.longestGap);
        appendSilence(std::min(drift, longest));
        if (drift > longest) {
            ++m_counters.gapsCut;
            if (m_filled > 0)
                appendSilence(FrameLength - static_cast<qint64>(m_filled));
            m_next = std::max(m_next, start); // the padding may have passed it by a little
        }
    } else if (-drift > overlapAllowed) {
        ++m_counters.late;
        mulaw = mulaw.subspan(std::min(static_cast<std::size_t>(-drift), mulaw.size()));
    }
    if (!mulaw.empty())
        m_syntheticRun = 0; // real sound again: what is late from now on is late for another reason
    append(mulaw);
}

void InboundAudio::append(std::span<const quint8> mulaw)
{
    while (!mulaw.empty()) {
        const auto part = mulaw.first(std::min(mulaw.size(), FrameSamples - m_filled));
        decodeMulaw(part, std::span(m_frame.pcm).subspan(m_filled));
        m_filled += part.size();
        m_next += static_cast<qint64>(part.size());
        m_heardInFrame = true;
        if (m_filled == FrameSamples)
            emitFrame();
        mulaw = mulaw.subspan(part.size());
    }
}

void InboundAudio::appendSilence(qint64 samples)
{
    while (samples > 0) {
        const std::size_t part = std::min(static_cast<std::size_t>(samples), FrameSamples - m_filled);
        std::fill_n(m_frame.pcm.begin() + static_cast<std::ptrdiff_t>(m_filled), part, qint16(0));
        m_filled += part;
        m_next += static_cast<qint64>(part);
        samples -= static_cast<qint64>(part);
        if (m_filled == FrameSamples)
            emitFrame();
    }
}

void InboundAudio::emitFrame()
{
    m_frame.at = Milliseconds((m_next - FrameLength) / SamplesPerMs);
    m_frame.synthetic = !m_heardInFrame;
    ++m_counters.frames;
    m_counters.silentFrames += m_frame.synthetic ? 1 : 0;
    m_filled = 0;
    m_heardInFrame = false;
    m_onFrame(m_frame);
}

} // namespace kav::media
