// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/evidence/sound.h"

namespace kav::evidence {

/// The picture with a line that moves along as the recording plays, made by the program `ffmpeg` (H.264 and AAC in
/// MP4). Blocks until it is done; a film that takes longer than ten minutes to make is given up.
Result<void> makeFilm(const QString& ffmpeg, const CallEvidence& evidence, const Loudness& loudness,
    const QString& picture, const QString& path);

} // namespace kav::evidence
