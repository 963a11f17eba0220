// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/pocketsphinx/cepstra.h"

#include <QtGlobal>

#include <memory>
#include <span>
#include <vector>

struct SpeexResamplerState_;

namespace kav::providers {

/// The front end of one call's recognition: 8 kHz telephone sound in, normalised cepstra of 10 ms frames out. What it
/// learns of the line (the cepstral mean) stays from one utterance to the next. A plain object of the call's stream;
/// any one thread at a time.
class TelephoneFeatures final {
public:
    TelephoneFeatures();
    ~TelephoneFeatures();
    Q_DISABLE_COPY_MOVE(TelephoneFeatures)

    void begin();
    void process(std::span<const qint16> pcm, std::vector<Cepstrum>& normalised);
    void finish(std::vector<Cepstrum>& normalised);

private:
    void normalise(std::span<const Cepstrum> raw, std::vector<Cepstrum>& normalised);

    SpeexResamplerState_* m_resampler = nullptr;
    CepstraExtractor m_cepstra;
    std::vector<float> m_samples, m_upsampled;
    std::vector<Cepstrum> m_raw;
    std::array<double, CepstrumSize> m_sum{};
    double m_weight = 0;
};

} // namespace kav::providers
