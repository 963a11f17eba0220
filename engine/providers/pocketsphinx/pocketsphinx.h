// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/speech.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QString>

#include <memory>

class QThreadPool;

namespace kav::providers {

struct PocketsphinxSettings final {
    QString modelDirectory = QStringLiteral("/usr/share/pocketsphinx/model/en-us/en-us");
    QString dictionary = QStringLiteral("/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict");
    int decoders = 0; ///< utterances decoded at a time, some 9 MB each; 0: as many as the pool has threads
    Milliseconds longestUtterance{60000}; ///< audio of one utterance that is kept; the rest is dropped and counted
    int waitingUtterances = 4; ///< of one call, not yet understood; a further one fails at once
    double leastConfidence = 0.3; ///< below it nothing was understood
};

/// Counts since the start.
struct PocketsphinxStatistics final {
    qint64 utterances = 0; ///< finished
    qint64 rejected = 0; ///< of these, not understood
    qint64 failed = 0;
    qint64 waited = 0; ///< had to wait for a decoder
    Milliseconds longestWait{0};
    Milliseconds totalWait{0};
    Milliseconds audioDropped{0}; ///< beyond longestUtterance
    /// A model of digits alone, for grammars of digits alone; where it is not installed they are left to the model
    /// above.
    QString digitsModelDirectory = QStringLiteral("/usr/share/pocketsphinx/test/data/tidigits/hmm");
    QString digitsDictionary = QStringLiteral("/usr/share/pocketsphinx/test/data/tidigits/lm/tidigits.dic");
    int decoders = 0; ///< loaded now
};

/// Speech to text in process: pocketsphinx with a grammar per dialog state. English only, no key, no network.
/// Decoding runs on the given pool while the caller speaks; a call's own thread only queues. Decoders are shared: an
/// utterance borrows one from its first audio to its end. One decoder of several is kept for utterances that have
/// already ended, so that no caller waits for another one to finish speaking, only for decoding, which takes a fraction
/// of that. Made once by the provider registry; any thread. The pool and the clock are borrowed and must outlive it and
/// its streams.
class PocketsphinxSpeechToText final : public SpeechToText {
public:
    /// Loads the first decoder: blocks for some 100 ms, so call it on a provider thread. Says what is missing.
    static Result<std::shared_ptr<PocketsphinxSpeechToText>> create(
        const PocketsphinxSettings& settings, QThreadPool& pool, const Clock& clock);
    ~PocketsphinxSpeechToText() override;

    QString name() const override;
    bool speaks(const QString& language) const override; ///< English
    std::unique_ptr<SpeechToTextStream> open(const CallInfo& call) override;

    /// Compiles a grammar ahead of its first use and says what is wrong with it (bad JSGF, words nobody can pronounce).
    /// Reads a file: not on a call's thread.
    Result<void> prepare(const RecognitionContext& context);
    PocketsphinxStatistics statistics() const;

    class Service; // what streams share
private:
    explicit PocketsphinxSpeechToText(std::shared_ptr<Service> service);

    std::shared_ptr<Service> m_service;
};

} // namespace kav::providers
