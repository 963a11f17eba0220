// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArray>

#include <chrono>

namespace kav::console {

/// What a WAV file for a test call holds.
struct WavFacts final {
    bool mulaw = false; ///< else PCM of 16 bits
    int channels = 0;
    int sampleRate = 0;
    std::chrono::milliseconds length{0};
};

inline constexpr qsizetype LargestTestWav = 600 * 1024; ///< bytes; protocol::StartTestCall::wav

/// What the engine would say of it, said before it is sent; an error is a sentence in the user's language. Reads the
/// headers only.
Result<WavFacts> checkWav(const QByteArray& file);

} // namespace kav::console
