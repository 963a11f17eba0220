// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtGlobal>

#include <array>
#include <chrono>
#include <cstddef>

// The one shape of audio inside the engine: 8 kHz mono in frames of 20 ms.
namespace kav::media {

inline constexpr int SampleRate = 8000; ///< samples a second
inline constexpr std::chrono::milliseconds FrameDuration { 20 };
inline constexpr std::size_t FrameSamples = 160; ///< per frame; also its size in mu-law bytes
inline constexpr quint8 MulawSilence = 0xff; ///< the mu-law code of zero

using PcmFrame = std::array<qint16, FrameSamples>; ///< linear, native byte order
using MulawFrame = std::array<quint8, FrameSamples>;

/// Length of `samples` of 8 kHz audio, rounded down to whole milliseconds.
constexpr std::chrono::milliseconds durationOf(std::size_t samples)
{
    return std::chrono::milliseconds(samples * 1000 / SampleRate);
}

} // namespace kav::media
