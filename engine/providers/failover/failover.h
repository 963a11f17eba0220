// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/failover/health.h"
#include "engine/providers/speech.h"

#include <functional>
#include <memory>
#include <vector>

// An ordered list of providers as one: whoever uses it sees the interface of speech.h and never a failure, as long as
// one of the list serves. What the failing one had not acknowledged is given to the next: audio of the open utterance,
// the turn that was asked, the text that was not heard.
namespace kav::providers {

/// One of the list. `get` is the registry's: null while the provider is not ready (its attempt is then on its way).
template <typename T> struct Candidate final {
    QString name; ///< "google", "embedded": the configuration's word
    std::function<std::shared_ptr<T>()> get;
};
template <typename T> using Candidates = std::vector<Candidate<T>>;

struct FailoverSettings final {
    Milliseconds finalWait{1800}; ///< STT: from the end of an utterance to its final
    Milliseconds firstText{4000}; ///< LLM: from the question, or a tool's result, to the first text or tool call
    Milliseconds nextText{4000}; ///< LLM: between two pieces
    Milliseconds firstAudio{2500}; ///< TTS: from the request to the first sound
    Milliseconds nextAudio{2500}; ///< TTS: between two pieces
    Milliseconds perCharacter{65}; ///< TTS: how long a character is spoken, to tell how far a sound got in its text
    Milliseconds longestUtterance{35000}; ///< audio kept for a second recogniser
    /// How often the deadlines are looked at while something is waited for; 0: at each turn of the event loop (tests
    /// with a clock of their own).
    Milliseconds check{20};
};

/// What became of a provider in use; for metrics and the call's log. Told on the using thread; the wrapper must not be
/// deleted from inside.
struct FailoverNews final {
    enum class What {
        Began, ///< it gave the first of what it was asked for: a final, a text, a sound
        Left, ///< it failed or stalled, and `next` took over
    };
    What what = What::Left;
    Stage stage = Stage::SpeechToText;
    QString provider; ///< the configuration's word
    Error error; ///< why it was left
    QString next; ///< who took over; empty: nobody was left
    Milliseconds took{0}; ///< since it was asked; of a recogniser, since the utterance ended
};
using FailoverReporter = std::function<void(const FailoverNews&)>;

/// A text of which one provider made the whole sound. Told on the using thread, just before finished().
using WholeSpeech = std::function<void(const QString& provider, const QByteArray& mulaw)>;

// For each utterance, turn and sentence the first provider of the list that is ready and fit is asked anew: after a rest
// the preferred one is back by itself. None is asked twice for the same thing. All of these belong to the thread that made
// them, and may be deleted at any time outside of the reporter, also from inside their own signals.

/// An utterance's audio is kept until its final; the next recogniser gets it from the start, faster than real time,
/// while more may be coming. At most four utterances are open or waited for at once; beyond that the oldest fails.
std::unique_ptr<SpeechToTextStream> openWithFailover(const CallInfo& call, Candidates<SpeechToText> candidates,
    const FailoverSettings& settings, std::shared_ptr<Health> health, const Clock& clock, FailoverReporter reporter);

/// Text is given on up to the last end of a sentence that has come, so that half a sentence can be taken back. A model
/// that fails before a whole sentence was given on is left for the next, which is told what was said and heard so far
/// (CallInfo::past) and asked the same turn. After a sentence the answer ends there, and the caller is expected to
/// speak: a second model would say the same again in other words. A tool that was called since that sentence is a promise
/// that is not kept yet: then the next one is asked. Should it call the tool again that was called in this turn, it is
/// given the result there was: no tool runs twice for one turn.
std::unique_ptr<Conversation> openWithFailover(const CallInfo& call, Candidates<LanguageModel> candidates,
    const FailoverSettings& settings, std::shared_ptr<Health> health, const Clock& clock, FailoverReporter reporter);

/// A sentence of which some sound was given already is spoken on by the next provider from the word in which that sound
/// ended, as far as its length tells. A provider that makes no sound of text that has letters has failed. The voice is
/// the persona's for each provider, else the request's. `whole` is not told of a sound of more than two minutes.
std::unique_ptr<Speech> speakWithFailover(const SpeechRequest& request, const CallInfo& call,
    Candidates<TextToSpeech> candidates, const FailoverSettings& settings, std::shared_ptr<Health> health,
    const Clock& clock, FailoverReporter reporter, WholeSpeech whole = {});

} // namespace kav::providers
