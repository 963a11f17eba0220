// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"
#include "engine/media/twiliomessage.h"
#include "shared/core/clock.h"

#include <functional>
#include <optional>

namespace kav::media {

/// 20 ms of the caller, on the caller's clock.
struct InboundFrame final {
    PcmFrame pcm;
    Milliseconds at{0}; ///< where it begins, since the stream's start
    bool synthetic = false; ///< all of it is silence put in here: Twilio sent nothing for this time
};

/// The caller's audio as an unbroken line of frames of exactly 20 ms, whatever Twilio sends: payloads of any size, gaps
/// in `timestamp` (Twilio may send nothing in silence), packets that come twice, late, or out of order. Owned by a
/// CallSession, lives on its worker; has no clock of its own; calls `onFrame` from within its methods and allocates
/// nothing.
///
/// Two clocks meet here. `timestamp` says where a packet belongs, so a gap becomes as much silence. When nothing comes
/// at all, advance() lets the line go on in real time, `jitter` behind, so that a silent caller's turn can end; what
/// comes later for a time that was already given out as silence is dropped, and the line stays where it is.
class InboundAudio final {
public:
    struct Settings final {
        Milliseconds jitter{100}; ///< nothing for longer than this is silence, not delay
        Milliseconds longestGap{5000}; ///< silence put in for one gap; the rest of a longer one is cut out (counted)
    };
    struct Counters final {
        quint64 packets = 0; ///< of the caller's track
        quint64 frames = 0; ///< emitted
        quint64 silentFrames = 0; ///< of those, synthetic
        quint64 gaps = 0; ///< filled with silence, or cut
        quint64 gapsCut = 0; ///< longer than longestGap
        quint64 duplicates = 0; ///< dropped: this or a later sequence number has been seen
        quint64 late = 0; ///< dropped, whole or in part: that time has been given out
        quint64 jumps = 0; ///< the peer's timestamps started anew; the line went on without a break
        quint64 refused = 0; ///< impossible timestamp, or the other track
    };

    using FrameHandler = std::function<void(const InboundFrame&)>;

    InboundAudio(const Settings& settings, FrameHandler onFrame);

    /// A packet that came at `now`.
    void push(const MediaMessage& message, Instant now);
    /// Puts in silence when no packet has come for `jitter`: as much as time has passed beyond it, never more. Called
    /// every tick; does nothing before the first packet or start().
    void advance(Instant now);
    /// The stream's `start` message came at `now`: lets advance() work before the first packet.
    void start(Instant now);

    /// The end of the audio emitted so far, since the stream's start.
    Milliseconds position() const;
    const Counters& counters() const { return m_counters; }

private:
    static constexpr int PacketsOfAnotherTime = 10; // in a row: then the peer's clock has changed, not the packets

    bool isDuplicate(quint64 sequence) const;
    void place(std::span<const quint8> mulaw, qint64 start, bool numbered);
    void append(std::span<const quint8> mulaw);
    void appendSilence(qint64 samples);
    void emitFrame();

    const Settings m_settings;
    const FrameHandler m_onFrame;
    Counters m_counters;
    InboundFrame m_frame;
    std::size_t m_filled = 0; // samples in m_frame
    bool m_heardInFrame = false; // m_frame holds a sample that Twilio sent

    // In samples since the stream's start.
    qint64 m_next = 0; // where the next sample belongs: the end of what was given out, the unfinished frame included
    qint64 m_offset = 0; // added to the peer's timestamps since it started them anew
    qint64 m_syntheticRun = 0; // given out by advance() since the last sound
    bool m_begun = false; // a packet, or start(), has come
    quint64 m_lastSequence = 0;
    int m_misplaced = 0; // packets dropped in a row

    std::optional<Instant> m_quietSince; // the last packet, or start()
    qint64 m_quietFrom = 0; // m_next then
};

} // namespace kav::media
