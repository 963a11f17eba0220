// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"
#include "engine/session/recordingstore.h"
#include "shared/core/clock.h"

#include <QString>

#include <array>
#include <memory>
#include <optional>
#include <span>

namespace kav::session {

/// Both sides of one call on their way to the store. Owned by its CallSession, lives on its worker; a frame costs two
/// copies and neither memory nor lock nor disk.
///
/// The line's time is the caller's: a frame of theirs is 20 ms of the file, so the sides cannot drift apart. Where a
/// moment of the engine's clock lies on that line is known from the frame that came with the least delay. The agent's
/// audio is placed where Twilio's buffer plays it: at once when nothing is playing, else behind what is; `clear` takes
/// back what has not been heard.
class CallRecorder final {
public:
    /// The stream began at `now`.
    CallRecorder(RecordingStore& store, QString callId, Instant now);
    ~CallRecorder(); ///< finishes
    Q_DISABLE_COPY_MOVE(CallRecorder)

    /// 20 ms of the caller. `synthetic`: put in for audio that did not come.
    void caller(const media::PcmFrame& frame, bool synthetic, Instant now);
    /// Sent to Twilio.
    void agent(std::span<const quint8> mulaw, Instant now);
    /// `clear` was sent.
    void clear(Instant now);

    /// The caller's side is silence until resume(). The agent's goes on: it cannot say what it was not told.
    void pause();
    void resume();
    bool isPaused() const { return m_pausedAt.has_value(); }
    /// Both sides are silenced from a position to the end so far, in the file and on the way to it.
    void silenceSince(quint64 sample);

    /// Nothing of it is kept.
    void discard();

    quint64 position() const { return m_line; } ///< samples recorded
    std::chrono::milliseconds length() const { return media::durationOf(m_line); }
    std::chrono::milliseconds pausedFor() const; ///< the present pause included
    std::chrono::milliseconds lost() const { return m_pipe->dropped() * media::FrameDuration; }
    bool isBroken() const { return m_pipe->isBroken(); }
    QString ref() const { return RecordingStore::refOf(m_callId); }

private:
    quint64 lineAt(Instant now) const;

    static constexpr std::size_t AheadSamples =
        65536; // of the agent, sent and not yet played: media.lead is 5 s at most

    RecordingStore& m_store;
    const QString m_callId;
    const std::shared_ptr<RecordingPipe> m_pipe;
    std::array<quint8, AheadSamples> m_ahead; // ring by line position; silence where nothing is to be played
    quint64 m_line = 0; // the end of what was recorded
    quint64 m_aheadEnd = 0; // the end of what the agent is playing
    Instant m_origin; // the line's beginning on the engine's clock
    std::optional<quint64> m_pausedAt;
    quint64 m_paused = 0; // samples, of pauses that are over
    bool m_discarded = false;
};

} // namespace kav::session
