// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/resampler.h"

#include <QtGlobal>

#include <array>
#include <span>
#include <vector>

namespace kav::providers {

/// Pink noise is laid this far under the loudest 20 ms (tests/bench/digits chose it; the narrowband map is trained with
/// it).
inline constexpr double MaskDb = 35;
inline constexpr int CepstrumSize = 13;
using Cepstrum = std::array<float, CepstrumSize>;

/// The line of one call as its recognition hears it: 8 kHz telephone sound in, 16 kHz sound of a constant loudness out.
/// A little pink noise hides what telephone audio has and the models' training had not: digital silence, and the
/// emptiness above 4 kHz. It also makes clean speech and speech in some noise look alike. The loudness stays known from
/// one utterance of the call to the next. A plain object of the call's stream; any one thread at a time.
class LineFrontEnd final {
public:
    /// 200 ms at 8 kHz: the models expect a pause around words, however tightly they were cut out.
    static constexpr std::size_t PauseSamples = 1600;

    LineFrontEnd();

    void begin();
    /// Appends to `out`; the first 400 ms of an utterance are held until the loudness can be judged from them.
    void process(std::span<const qint16> pcm, std::vector<qint16>& out);
    /// Appends what is still held.
    void finish(std::vector<qint16>& out);
    /// True while nothing in this utterance was as loud as the faintest speech.
    bool isSilent() const;

private:
    void release(std::span<const qint16> pcm, std::vector<qint16>& out);

    media::Resampler m_resampler;
    std::vector<qint16> m_held, m_level, m_up;
    double m_peak = 0; // power of the loudest 20 ms, the past counting less and less
    double m_loudest = 0; // of this utterance
    double m_gain = 0; // of the last sample; 0: not known yet
    std::size_t m_noiseAt = 0;
    bool m_judged = false;
};

/// The running cepstral mean of one line under one acoustic model. A plain value.
class CepstralMean final {
public:
    /// Of speech on a telephone as LineFrontEnd gives it, before this caller's own is known.
    CepstralMean();
    /// Of these frames alone.
    explicit CepstralMean(std::span<const Cepstrum> frames);
    void subtractFrom(std::span<Cepstrum> frames) const;
    /// Takes the mean of all speech so far, these frames included, from these frames.
    void normalise(std::span<Cepstrum> frames);
    /// As it is now.
    Cepstrum value() const;
    /// The next utterance begins: the past counts for no more than the prior did.
    void begin();

private:
    std::array<double, CepstrumSize> m_sum{};
    double m_frames = 0;
};

/// What the recogniser knows of one call's line from its earlier utterances. A plain object of the call's stream.
struct LineMemory final {
    LineFrontEnd line;
    CepstralMean mean;
};

} // namespace kav::providers
