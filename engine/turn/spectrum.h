// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"

#include <array>

namespace kav::turn {

/// The short-time spectrum that the voice detector looks at: 256 samples (32 ms) under a Hann window every 20 ms,
/// the bins from 156 to 3,812 Hz grouped in bands that widen with frequency. Mains hum's fundamentals stay outside.
/// Owned by a VoiceDetector, same thread; no allocation.
class Spectrum final {
public:
    static constexpr int Size = 256;
    static constexpr int Bins = Size / 2;
    static constexpr int BandCount = 16;
    /// First bin of each band, and the one after the last; a bin is 31.25 Hz.
    static constexpr std::array<int, BandCount + 1> Edges{
        5, 8, 11, 14, 17, 21, 25, 30, 35, 41, 48, 56, 66, 78, 92, 108, 122};
    /// White noise of power 1 (full scale) has this power in each bin: the sum of the squared window.
    static constexpr float WhiteGain = 0.375f * Size;

    static constexpr int width(int band) { return Edges[std::size_t(band) + 1] - Edges[std::size_t(band)]; }

    /// Analyses the frame together with the end of the one before.
    void add(const media::PcmFrame& frame);
    /// Silence that needs no analysis.
    void addSilence();

    float meanSquare() const { return m_meanSquare; } ///< of the last frame alone, full scale = 1
    const std::array<float, BandCount>& bandDb() const { return m_bandDb; } ///< mean power of a band's bins, dB
    const std::array<float, BandCount>& bandPower() const { return m_bandPower; } ///< the same, not in dB
    /// Nearly all the power is in two narrow peaks where those of a key tone are.
    bool isKeyTone() const;

private:
    alignas(32) std::array<float, Size> m_samples{};
    alignas(32) std::array<float, Bins> m_power{};
    std::array<float, BandCount> m_bandDb{};
    std::array<float, BandCount> m_bandPower{};
    float m_totalPower = 0;
    float m_meanSquare = 0;
};

} // namespace kav::turn
