// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/failover/failover.h"
#include "engine/providers/linecache.h"
#include "engine/providers/registry.h"

#include <memory>
#include <optional>

namespace kav::providers {

/// Who says a line, and with that, whose voice may say it.
enum class LineUse {
    Answer, ///< the conversation: in the voice that would synthesise it now
    Own, ///< the engine itself: any voice of the call's list is better than silence
};

/// What a call gets its ears, mind and voice from: the registry's providers in the persona's order (or the engine's),
/// with failover. Owned by the composition root, shared by all workers, any thread; what it opens belongs to the thread
/// that asked. The registry and the clock outlive it and all that it opened.
class CallProviders final {
public:
    CallProviders(ProviderRegistry& registry, std::shared_ptr<Health> health, const FailoverSettings& settings,
        const Clock& clock, LineCache* lines = nullptr);

    /// One of the stage's list is ready. Asking starts the attempts of those that are not and whose time has come.
    bool hasRecogniser(const CallInfo& call) const;
    bool hasModel(const CallInfo& call) const;
    bool hasVoice(const CallInfo& call) const;
    /// Whether the call can be heard and spoken to at all, in its language: each of recogniser and voice is there and has
    /// no fault, or may be there in a moment. A model that brings its own voice needs no other. Asking starts attempts.
    bool canConverse(const CallInfo& call) const;

    std::unique_ptr<SpeechToTextStream> openRecogniser(const CallInfo& call, FailoverReporter reporter) const;
    std::unique_ptr<Conversation> openConversation(const CallInfo& call, FailoverReporter reporter) const;
    /// In the call's language. What is said whole goes to the line cache.
    std::unique_ptr<Speech> speak(const QString& text, const CallInfo& call, FailoverReporter reporter) const;
    /// The sound of exactly this text, if the line cache has it: by the provider that would be asked now; for the
    /// engine's own lines, and while nobody could be asked, by any of the list, the preferred first.
    std::optional<QByteArray> findLine(const QString& text, const CallInfo& call, LineUse use) const;

    /// For what is rendered ahead: the voices of the call's list, in its order.
    QStringList voiceNames(const CallInfo& call) const;
    /// What `provider` is asked when it says `text` in the call.
    SpeechRequest requestOf(const QString& text, const CallInfo& call, const QString& provider) const;
    /// What that is called in caches.
    QByteArray lineKey(const QString& text, const CallInfo& call, const QString& provider) const;

    /// The telephone rings: the first of each list that is ready opens its connections, on the thread that asks.
    void connectAhead(const CallInfo& call) const;

private:
    Candidates<SpeechToText> recognisers(const CallInfo& call) const;
    Candidates<LanguageModel> models(const CallInfo& call) const;
    Candidates<TextToSpeech> voices(const CallInfo& call) const;
    QString speakerOf(const Candidates<TextToSpeech>& voices) const;

    ProviderRegistry& m_registry;
    const std::shared_ptr<Health> m_health;
    const FailoverSettings m_settings;
    const Clock& m_clock;
    LineCache* const m_lines; // borrowed; null: there is none
};

} // namespace kav::providers
