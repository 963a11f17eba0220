// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <complex>
#include <span>
#include <vector>

namespace kav::providers {

inline constexpr int CepstrumSize = 13;
using Cepstrum = std::array<float, CepstrumSize>;

/// How sound becomes cepstra. The defaults are those the en-us acoustic model was trained with.
struct CepstraSettings final {
    double sampleRate = 16000; ///< samples a second
    double lowerHz = 130, upperHz = 6800; ///< edges of the mel filters
    int filters = 25;
    double windowSeconds = 0.025625;
    int framesPerSecond = 100;
    int fftSize = 512;
    double preEmphasis = 0.97;
    int lifter = 22;
    double energyFloor = 1e-4; ///< added to each filter's energy before its logarithm

    bool operator==(const CepstraSettings&) const = default;
};

/// Mel cepstra of a stream of samples, computed as the recogniser's own front end computes them (without its noise
/// removal), so that what lies between sound and model is Kav's to choose: the band, the floor, the normalisation.
/// A plain value; one per utterance or reset() between them; any one thread.
class CepstraExtractor final {
public:
    explicit CepstraExtractor(const CepstraSettings& settings = {});

    /// Appends the cepstra of all frames that are complete with `samples`; a window needs 26 ms, frames are 10 ms
    /// apart.
    void process(std::span<const float> samples, std::vector<Cepstrum>& frames);
    /// Appends the frame that the last, incomplete window holds, padded with silence; then as reset().
    void finish(std::vector<Cepstrum>& frames);
    /// Forgets the samples held back: the next ones start an utterance.
    void reset();

    const CepstraSettings& settings() const { return m_settings; }

private:
    struct Filter final {
        int first = 0;
        std::vector<float> weights;
    };
    Cepstrum analyse(const float* window);

    CepstraSettings m_settings;
    int m_windowSize = 0;
    int m_shift = 0;
    std::vector<float> m_window; // Hamming
    std::vector<Filter> m_filters;
    std::vector<float> m_cosines; // CepstrumSize x filters, scaled and liftered
    std::vector<std::complex<float>> m_twiddles; // of the complex transform of half the size
    std::vector<std::complex<float>> m_split; // and of the step from it to the real one
    std::vector<int> m_order; // bit reversal
    std::vector<std::complex<float>> m_spectrum;
    std::vector<float> m_power, m_logEnergies;
    std::vector<float> m_held; // samples not yet consumed, pre-emphasised
    float m_last = 0; // the sample before the next one, for the pre-emphasis
};

} // namespace kav::providers
