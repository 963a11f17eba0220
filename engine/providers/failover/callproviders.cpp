// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/failover/callproviders.h"

#include "engine/providers/persona.h"

#include <utility>

namespace kav::providers {
namespace {

template <typename T>
Candidates<T> candidatesOf(ProviderRegistry& registry, Stage stage, const QStringList& wanted,
    std::shared_ptr<T> (ProviderRegistry::*get)(const QString&))
{
    Candidates<T> candidates;
    for (const QString& name : registry.order(stage, wanted))
        candidates.push_back({name, [&registry, get, name] { return (registry.*get)(name); }});
    return candidates;
}

/// Each is asked, so that each gets its attempt.
template <typename T> bool isAnyReady(const Candidates<T>& candidates)
{
    bool ready = false;
    for (const Candidate<T>& candidate : candidates)
        ready = candidate.get() || ready;
    return ready;
}

template <typename T> void connectFirst(const Candidates<T>& candidates, Stage stage, const Health& health)
{
    for (const Candidate<T>& candidate : candidates) {
        if (health.state(stage, candidate.name) == Health::State::Resting)
            continue;
        if (const auto provider = candidate.get()) {
            provider->connectAhead();
            return;
        }
    }
}

class CallVoice final : public TextToSpeech {
public:
    CallVoice(const CallProviders& providers, const CallInfo& call)
        : m_providers(providers)
        , m_call(call)
    {
    }
    QString name() const override { return QStringLiteral("call"); }
    std::unique_ptr<Speech> speak(const SpeechRequest& request) override
    {
        return m_providers.speak(request.text, m_call, {});
    }

private:
    const CallProviders& m_providers;
    const CallInfo m_call;
};

} // namespace

CallProviders::CallProviders(
    ProviderRegistry& registry, std::shared_ptr<Health> health, const FailoverSettings& settings, const Clock& clock)
    : m_registry(registry)
    , m_health(std::move(health))
    , m_settings(settings)
    , m_clock(clock)
{
}

Candidates<SpeechToText> CallProviders::recognisers(const CallInfo& call) const
{
    return candidatesOf<SpeechToText>(m_registry, Stage::SpeechToText, call.persona ? call.persona->stt : QStringList(),
        &ProviderRegistry::speechToText);
}

Candidates<LanguageModel> CallProviders::models(const CallInfo& call) const
{
    return candidatesOf<LanguageModel>(m_registry, Stage::LanguageModel,
        call.persona ? call.persona->llm : QStringList(), &ProviderRegistry::languageModel);
}

Candidates<TextToSpeech> CallProviders::voices(const CallInfo& call) const
{
    return candidatesOf<TextToSpeech>(m_registry, Stage::TextToSpeech, call.persona ? call.persona->tts : QStringList(),
        &ProviderRegistry::textToSpeech);
}

bool CallProviders::hasRecogniser(const CallInfo& call) const
{
    return isAnyReady(recognisers(call));
}

bool CallProviders::hasModel(const CallInfo& call) const
{
    return isAnyReady(models(call));
}

bool CallProviders::hasVoice(const CallInfo& call) const
{
    return isAnyReady(voices(call));
}

std::unique_ptr<SpeechToTextStream> CallProviders::openRecogniser(const CallInfo& call, FailoverReporter reporter) const
{
    return openWithFailover(call, recognisers(call), m_settings, m_health, m_clock, std::move(reporter));
}

std::unique_ptr<Conversation> CallProviders::openConversation(const CallInfo& call, FailoverReporter reporter) const
{
    return openWithFailover(call, models(call), m_settings, m_health, m_clock, std::move(reporter));
}

std::unique_ptr<Speech> CallProviders::speak(const QString& text, const CallInfo& call, FailoverReporter reporter) const
{
    return speakWithFailover(
        {text, call.language, {}}, call, voices(call), m_settings, m_health, m_clock, std::move(reporter));
}

std::shared_ptr<TextToSpeech> CallProviders::voice(const CallInfo& call) const
{
    return std::make_shared<CallVoice>(*this, call);
}

void CallProviders::connectAhead(const CallInfo& call) const
{
    connectFirst(recognisers(call), Stage::SpeechToText, *m_health);
    connectFirst(models(call), Stage::LanguageModel, *m_health);
    connectFirst(voices(call), Stage::TextToSpeech, *m_health);
}

} // namespace kav::providers
