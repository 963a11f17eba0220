// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/failover/failover.h"
#include "engine/providers/registry.h"

#include <memory>

namespace kav::providers {

/// What a call gets its ears, mind and voice from: the registry's providers in the persona's order (or the engine's),
/// with failover. Owned by the composition root, shared by all workers, any thread; what it opens belongs to the thread
/// that asked. The registry and the clock outlive it and all that it opened.
class CallProviders final {
public:
    CallProviders(ProviderRegistry& registry, std::shared_ptr<Health> health, const FailoverSettings& settings,
        const Clock& clock);

    /// One of the stage's list is ready. Asking starts the attempts of those that are not and whose time has come.
    bool hasRecogniser(const CallInfo& call) const;
    bool hasModel(const CallInfo& call) const;
    bool hasVoice(const CallInfo& call) const;

    std::unique_ptr<SpeechToTextStream> openRecogniser(const CallInfo& call, FailoverReporter reporter) const;
    std::unique_ptr<Conversation> openConversation(const CallInfo& call, FailoverReporter reporter) const;
    /// In the call's language.
    std::unique_ptr<Speech> speak(const QString& text, const CallInfo& call, FailoverReporter reporter) const;
    /// A voice as the call would hear it, for what is rendered ahead.
    std::shared_ptr<TextToSpeech> voice(const CallInfo& call) const;

    /// The telephone rings: the first of each list that is ready opens its connections, on the thread that asks.
    void connectAhead(const CallInfo& call) const;

private:
    Candidates<SpeechToText> recognisers(const CallInfo& call) const;
    Candidates<LanguageModel> models(const CallInfo& call) const;
    Candidates<TextToSpeech> voices(const CallInfo& call) const;

    ProviderRegistry& m_registry;
    const std::shared_ptr<Health> m_health;
    const FailoverSettings m_settings;
    const Clock& m_clock;
};

} // namespace kav::providers
