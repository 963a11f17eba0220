// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/pocketsphinx/sphinxdecoder.h"

#include <memory>

namespace kav::providers {

/// What the recogniser knows of one call's line from its earlier utterances. Belongs to the call's stream.
struct LineMemory final {
    LineMemory(const AcousticModel& general, const AcousticModel& digits)
        : generalMean(general.line)
        , digitsMean(digits.line)
    {
    }
    LineFrontEnd line;
    CepstralMean generalMean, digitsMean;
};

/// One place of the decoder pool: a decoder for words and one for digits, each loaded when it is first needed.
/// Understands one utterance at a time, for one call and then another. Any one thread at a time.
class DecoderPair final {
public:
    DecoderPair(AcousticModel general, AcousticModel digits)
        : m_generalModel(std::move(general))
        , m_digitsModel(std::move(digits))
    {
    }
    Q_DISABLE_COPY_MOVE(DecoderPair)

    /// Loads the decoder for words: what a recogniser does first, to find out that it can.
    Result<void> load();
    bool holds(const CompiledGrammar& grammar) const;
    /// Begins an utterance of a call.
    Result<void> begin(const CompiledGrammar& grammar, LineMemory& memory);
    /// 8 kHz sound of the call.
    void process(std::span<const qint16> pcm);
    Hypothesis hypothesis();
    void end();
    void abandon();

private:
    const AcousticModel m_generalModel, m_digitsModel;
    std::unique_ptr<SphinxDecoder> m_general, m_digits;
    SphinxDecoder* m_decoder = nullptr; // of the utterance
    LineMemory* m_memory = nullptr;
    CepstralMean* m_mean = nullptr;
    std::vector<qint16> m_sound;
};

} // namespace kav::providers
