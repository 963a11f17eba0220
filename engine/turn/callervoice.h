// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/turn/turnsettings.h"

#include <cstdint>

namespace kav::turn {

/// Whether the caller is speaking, from the frames' judgements. Pure value, part of a TurnMachine. Time is counted in
/// frames, because frames arrive in bursts after a stall of the network and `now` would take the stall for a pause;
/// only when no frame has come for StreamGap is the wall clock believed.
class CallerVoice final {
public:
    static constexpr Milliseconds Frame{20};
    static constexpr Milliseconds StreamGap{1000};

    CallerVoice(const Settings& settings, Instant now);

    void frame(bool voiced, Instant now);
    /// Time passed without a frame.
    void tick(Instant now);

    /// From `voiceStart` of voice until `voiceStop` without.
    bool isSpeaking() const { return m_speaking && !m_ignored; }
    /// The newest frame has voice.
    bool isVoiced() const { return (m_history & 1) != 0; }
    /// Some voice, not enough to be sure.
    bool isMaybeSpeaking() const { return !m_ignored && !m_speaking && (m_history & m_windowMask) != 0; }
    /// Since the last frame of speech; voice too short to be speech does not end a silence.
    Milliseconds silence(Instant now) const;
    /// The last frame of speech.
    Instant lastSpeech() const { return m_lastSpeech; }
    /// When the present (or last) burst of voice began. A gap as long as the window ends a burst.
    Instant onset() const { return m_onset; }
    /// Voice in the present (or last) burst.
    Milliseconds burst() const { return m_burstFrames * Frame; }

    /// Counts the present voice as if it began now.
    void restartBurst(Instant now);
    /// The voice that is on is taken for noise until it has been off for `voiceStop`.
    void ignoreUntilSilence();
    /// Takes voice for voice again.
    void stopIgnoring() { m_ignored = false; }

private:
    int m_startFrames;
    int m_windowFrames;
    int m_stopFrames;
    std::uint64_t m_windowMask;
    std::uint64_t m_history = 0; ///< one bit a frame, the newest lowest
    qint64 m_unvoicedRun = 0; ///< frames since the last voiced one
    qint64 m_quietFrames = 0; ///< frames since the last of speech
    qint64 m_burstFrames = 0;
    Instant m_onset;
    Instant m_lastSpeech;
    Instant m_lastFrame;
    bool m_speaking = false;
    bool m_ignored = false;
};

} // namespace kav::turn
