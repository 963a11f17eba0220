// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/pocketsphinx/linefrontend.h"
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

/// What a decoder heard so far. Scores are log likelihoods a frame against the best of all sounds, in the library's
/// unit: 0 is perfect, less is worse.
struct Hypothesis final {
    QString text;
    double words = 0; ///< of what was taken for words
    double whole = 0; ///< of the whole utterance, what was taken for pauses included
    int frames = 0; ///< inside words

    /// 0..1. RejectionConfidence lies where speech outside the grammar is best told from speech inside it.
    double confidence() const;
};
inline constexpr double RejectionConfidence = 0.3;

/// What the search is told of speech in general; chosen on tests/bench/digits (RECOGNITION.md has the figures).
struct SphinxTuning final {
    double wordInsertion = 1e-3; ///< probability factor for each word: less means fewer short words in noise
    double silenceProbability = 0.3; ///< of a pause between two words
    double fillerProbability = 1e-8; ///< of a noise between two words
    double languageWeight = 6.5; ///< of the grammar's (and the three above) probabilities against the sound's
    int gaussians = 4; ///< of each codebook that count for a frame
    int skippedFrames = 1; ///< the Gaussians are chosen anew every so many frames; 2 is half the cost, and costs digits
    bool allSenones = true; ///< scores against the best of all sounds, not only of those the grammar expects
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

    /// An utterance of the call whose line this is; borrowed until end() or abandon().
    Result<void> begin(LineMemory& memory);
    /// 8 kHz sound of the call.
    void process(std::span<const qint16> pcm);
    /// Costs a walk back through the search; cheap.
    Hypothesis hypothesis();
    /// Ends the utterance; hypothesis() is then the final one. An utterance of a usual length is gone through once more
    /// with its own cepstral mean, which nobody knows before its end: that costs 0.04 s for each second of it, and
    /// halves the errors.
    void end();
    /// Ends it without any interest in what was said.
    void abandon();

private:
    explicit SphinxDecoder(ps_decoder_s* decoder);

    void hear(bool last);
    void search(std::span<Cepstrum> normalised);

    ps_decoder_s* m_decoder = nullptr;
    std::vector<Cepstrum> m_heard; // the utterance so far, as the front end gave it
    std::vector<Cepstrum> m_frames;
    std::vector<qint16> m_sound;
    LineMemory* m_memory = nullptr; // of the open utterance
    bool m_silent = false; // the last one was
    QSet<QByteArray> m_words;
    QList<QByteArray> m_grammars; // least recently used first
};

} // namespace kav::providers
