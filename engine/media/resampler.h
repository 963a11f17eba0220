// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <memory>
#include <span>
#include <vector>

struct SpeexResamplerState_;

namespace kav::media {

/// Changes the rate of one mono stream (speexdsp). A plain value owned by whoever feeds it, on one thread; movable.
/// The filter's delay is taken away at the start and given back by finish(), so input and output begin and end
/// together: n samples in become n * to / from samples out, give or take one.
class Resampler final {
public:
    static constexpr int DefaultQuality = 4; ///< of 0..10: transparent for speech at about 2 us per 20 ms
    static constexpr int LowestRate = 1000, HighestRate = 384'000;

    /// Error::Invalid for a rate out of range; equal rates copy.
    static Result<Resampler> create(int fromHz, int toHz, int quality = DefaultQuality);

    Resampler(Resampler&&) noexcept = default;
    Resampler& operator=(Resampler&&) noexcept = default;
    Q_DISABLE_COPY(Resampler)

    /// Appends what `in` yields to `out`. Allocates nothing when `out` has room.
    void process(std::span<const qint16> in, std::vector<qint16>& out);
    /// Appends the tail that the filter still holds and makes ready for a new stream.
    void finish(std::vector<qint16>& out);
    /// Forgets the stream so far.
    void reset();

    int fromHz() const { return m_fromHz; }
    int toHz() const { return m_toHz; }

private:
    struct Destroy final {
        void operator()(SpeexResamplerState_* state) const;
    };

    Resampler(int fromHz, int toHz);
    void pump(std::span<const qint16> in, std::vector<qint16>& out);

    std::unique_ptr<SpeexResamplerState_, Destroy> m_state; // null: the rates are equal
    int m_fromHz;
    int m_toHz;
    quint64 m_samplesIn = 0, m_samplesOut = 0; // of the present stream
};

/// A whole clip at once.
Result<std::vector<qint16>> resampled(std::span<const qint16> clip, int fromHz, int toHz);

} // namespace kav::media
