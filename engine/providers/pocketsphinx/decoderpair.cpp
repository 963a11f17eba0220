// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/decoderpair.h"

namespace kav::providers {

Result<void> DecoderPair::load()
{
    if (m_general)
        return {};
    auto made = SphinxDecoder::create(m_generalModel);
    if (!made)
        return made.error();
    m_general = std::move(*made);
    return {};
}

bool DecoderPair::holds(const CompiledGrammar& grammar) const
{
    const SphinxDecoder* decoder = grammar.digits ? m_digits.get() : m_general.get();
    return decoder && decoder->holds(grammar);
}

Result<void> DecoderPair::begin(const CompiledGrammar& grammar, LineMemory& memory)
{
    std::unique_ptr<SphinxDecoder>& decoder = grammar.digits ? m_digits : m_general;
    const AcousticModel& model = grammar.digits ? m_digitsModel : m_generalModel;
    if (!decoder) {
        auto made = SphinxDecoder::create(model);
        if (!made)
            return made.error();
        decoder = std::move(*made);
    }
    if (const auto used = decoder->use(grammar); !used)
        return used;
    if (const auto begun = decoder->begin(); !begun)
        return begun;
    m_decoder = decoder.get();
    m_memory = &memory;
    m_mean = grammar.digits ? &memory.digitsMean : &memory.generalMean;
    m_mean->begin();
    memory.line.begin(model.line.maskDb);
    return {};
}

void DecoderPair::process(std::span<const qint16> pcm)
{
    m_sound.clear();
    m_memory->line.process(pcm, m_sound);
    m_decoder->process(m_sound, *m_mean);
}

Hypothesis DecoderPair::hypothesis()
{
    return m_decoder->hypothesis();
}

void DecoderPair::end()
{
    m_sound.clear();
    m_memory->line.finish(m_sound);
    m_decoder->process(m_sound, *m_mean);
    m_decoder->end(*m_mean);
}

void DecoderPair::abandon()
{
    if (m_decoder)
        m_decoder->abandon();
    m_decoder = nullptr;
    m_memory = nullptr;
}

} // namespace kav::providers
