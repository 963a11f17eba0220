// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/pocketsphinx/cepstra.h"
#include "engine/providers/pocketsphinx/sphinxgrammar.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QList>
#include <QSet>
#include <QString>

#include <memory>
#include <span>
#include <vector>

struct ps_decoder_s;

namespace kav::providers {

/// What a decoder heard so far.
struct Hypothesis final {
    QString text;
    double wordScore =
        0; ///< log likelihood a frame of the words against the best of all sounds; 0 is perfect, less is worse
    double worstWordScore = 0; ///< of the word that fits worst
    int frames = 0; ///< inside words
};

/// What the search is told about speech in general; chosen on tests/bench/digits.
struct SphinxTuning final {
    double wordInsertion = 0.65; ///< probability factor for each word: less means fewer short words in noise
    double silenceProbability = 0.005; ///< of a pause between two words
    double fillerProbability = 1e-8; ///< of a noise between two words
    double languageWeight = 6.5; ///< of the grammar's (and the three above) probabilities against the sound's
    double beam = 1e-48, wordBeam = 7e-29, phoneBeam = 1e-48; ///< paths this much worse than the best are given up
    bool allSenones = true; ///< scores against the best of all sounds, not of those the grammar expects
    int topGaussians = 4;
};

/// One pocketsphinx decoder: an acoustic model, the words of the grammars it has met, and their searches. Costs some 12
/// MB, so decoders are pooled and lent for one utterance at a time. Any one thread at a time.
class SphinxDecoder final {
public:
    static Result<std::unique_ptr<SphinxDecoder>> create(
        const QString& modelDirectory, const SphinxTuning& tuning = {});
    ~SphinxDecoder();
    Q_DISABLE_COPY_MOVE(SphinxDecoder)

    /// True when use() of this grammar is cheap.
    bool holds(const CompiledGrammar& grammar) const { return m_grammars.contains(grammar.name); }
    /// Makes `grammar` the one to listen for; not inside an utterance.
    Result<void> use(const CompiledGrammar& grammar);

    Result<void> begin();
    void process(std::span<const Cepstrum> normalised);
    /// Costs a walk back through the search; cheap.
    Hypothesis hypothesis();
    /// Ends the utterance; hypothesis() is then the final one.
    void end();

private:
    explicit SphinxDecoder(ps_decoder_s* decoder);

    ps_decoder_s* m_decoder = nullptr;
    QSet<QByteArray> m_words;
    QList<QByteArray> m_grammars; // least recently used first
    bool m_open = false;
};

} // namespace kav::providers
