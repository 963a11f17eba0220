// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"

#include <span>

// G.711 mu-law to and from 16-bit linear samples by tables made at compile time. Pure functions, any thread.
//
// Linear samples are the 14-bit scale of G.711 times four. Every code but 0x7f (negative zero, which decodes to 0 and
// so encodes as 0xff) survives a round trip.
namespace kav::media {

quint8 toMulaw(qint16 sample);
qint16 fromMulaw(quint8 code);

/// `out` must be at least as long as `in`.
void encodeMulaw(std::span<const qint16> in, std::span<quint8> out);
void decodeMulaw(std::span<const quint8> in, std::span<qint16> out);

MulawFrame encodeFrame(const PcmFrame& frame);
PcmFrame decodeFrame(const MulawFrame& frame);

/// How loud a stretch of audio is, in sample units (full scale 32768).
struct Level final {
    int peak = 0; ///< largest absolute value
    int rms = 0; ///< root of the mean square, rounded down
    bool operator==(const Level&) const = default;
};
/// Zero for no samples.
Level levelOf(std::span<const qint16> samples);

} // namespace kav::media
