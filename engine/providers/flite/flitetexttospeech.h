// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/speech.h"
#include "shared/core/result.h"

#include <atomic>
#include <memory>

class QThreadPool;

namespace kav::providers {

/// The embedded voice: flite's cmu_us_rms (male, US English) in this process, on the speech pool. Made once by
/// create(), which may take some milliseconds and belongs on a maker's thread; immutable afterwards, any thread. Each
/// speak() is one task of the pool; its audio comes in pieces as it is made, at about -20 dBFS, with 60 ms of silence
/// before and 120 ms after, so that sentences join naturally.
///
/// flite reads its voice and keeps its state per utterance, so any number of tasks share the voice without a lock
/// (checked with valgrind's drd and helgrind; only registering the voice is not safe, and is done once under a lock).
class FliteTextToSpeech final : public TextToSpeech {
public:
    struct Settings final {
        int waiting = 512; ///< speeches asked for and not yet ended, at most; past it speak() fails at once
    };

    /// Registers the voice and says one word to prove it. `pool` is borrowed: it outlives the provider, and whoever
    /// destroys it waits for the few milliseconds a running piece may take.
    static Result<std::shared_ptr<TextToSpeech>> create(QThreadPool& pool, const Settings& settings);
    static Result<std::shared_ptr<TextToSpeech>> create(QThreadPool& pool) { return create(pool, Settings()); }

    QString name() const override;
    bool speaks(const QString& language) const override; ///< English
    /// Fails for a language other than English, for a voice other than "" and "cmu_us_rms", and for text over 4 KB.
    std::unique_ptr<Speech> speak(const SpeechRequest& request) override;
    /// Pieces of text synthesised so far, of all speeches.
    int piecesSaid() const;

private:
    FliteTextToSpeech(QThreadPool& pool, const Settings& settings);

    QThreadPool& m_pool;
    const Settings m_settings;
    std::shared_ptr<std::atomic<int>> m_waiting, m_said; // shared with the tasks, which may outlive us
};

} // namespace kav::providers
