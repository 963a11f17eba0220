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
    Milliseconds finalWait{2500}; ///< STT: from the end of an utterance to its final
    Milliseconds firstText{4000}; ///< LLM: from the question to the first text or tool call
    Milliseconds nextText{4000}; ///< LLM: between two pieces
    Milliseconds firstAudio{2500}; ///< TTS: from the request to the first sound
    Milliseconds nextAudio{2500}; ///< TTS: between two pieces
    Milliseconds longestUtterance{35000}; ///< audio kept for a second recogniser
};

/// What happened to a provider in use; for metrics and the call's log. Called on the using thread.
struct FailoverNews final {
    Stage stage = Stage::SpeechToText;
    QString provider; ///< that was left, or served
    Error error; ///< why it was left
    QString next; ///< who took over; empty: nobody was left
};
using FailoverReporter = std::function<void(const FailoverNews&)>;

std::unique_ptr<SpeechToTextStream> openWithFailover(const CallInfo& call, Candidates<SpeechToText> candidates,
    const FailoverSettings& settings, std::shared_ptr<Health> health, const Clock& clock, FailoverReporter reporter);
std::unique_ptr<Conversation> openWithFailover(const CallInfo& call, Candidates<LanguageModel> candidates,
    const FailoverSettings& settings, std::shared_ptr<Health> health, const Clock& clock, FailoverReporter reporter);
/// A sentence of which some sound was given already is spoken on by the next provider from the word after what that
/// sound covered.
std::unique_ptr<Speech> speakWithFailover(const SpeechRequest& request, const CallInfo& call,
    Candidates<TextToSpeech> candidates, const FailoverSettings& settings, std::shared_ptr<Health> health,
    const Clock& clock, FailoverReporter reporter);

} // namespace kav::providers
