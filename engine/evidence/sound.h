// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/evidence/evidence.h"

#include <vector>

namespace kav::evidence {

/// How loud the recording is over its time: what pictures need of it.
struct Loudness final {
    std::vector<float> caller, agent; ///< loudest of each equal part, 0 to 1
    Milliseconds from{0}, length{0}; ///< on the time axis
};
inline constexpr std::size_t LoudnessParts = 1180; ///< one a pixel of the picture

/// Reads the stereo recording. It began when RECORDING_START was noted.
Result<Loudness> readLoudness(const CallEvidence& evidence);

} // namespace kav::evidence
