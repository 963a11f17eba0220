// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"

#include <memory>

namespace kav::turn {

/// Tells voice from everything else, 20 ms at a time. One per call, on the call's worker; no allocation per frame.
/// Combines the likelihood of noise alone in sixteen bands, level gates over adaptive backgrounds, and WebRTC's VAD fed
/// at a level it was made for (see VAD.md). A frame of exact zeros is "nothing came": not voice, and it teaches nothing.
class VoiceDetector final {
public:
    struct Judgement final {
        bool voiced = false;
        float levelDb = -96; ///< dB of full scale, RMS of this frame
        float floorDb = -96; ///< adaptive noise floor
    };

    VoiceDetector();
    ~VoiceDetector();
    Q_DISABLE_COPY_MOVE(VoiceDetector)

    Judgement judge(const media::PcmFrame& frame);
    /// Estimated signal-to-noise ratio of the recent voice, dB; 0 while unknown, 60 where there is no noise.
    float snrDb() const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::turn
