// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/failover/callproviders.h"

#include "engine/providers/persona.h"

#include <algorithm>
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

/// What the registry and the calls so far know of one provider.
bool isInSight(const ProviderRegistry& registry, const Health& health, Stage stage, const QString& name)
{
    for (const ProviderStatus& status : registry.statuses()) {
        if (status.stage == stage && status.provider == name)
            return status.state != ProviderState::Failed && health.state(stage, name) != Health::State::Resting;
    }
    return false;
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

} // namespace

CallProviders::CallProviders(ProviderRegistry& registry, std::shared_ptr<Health> health,
    const FailoverSettings& settings, const Clock& clock, LineCache* lines)
    : m_registry(registry)
    , m_health(std::move(health))
    , m_settings(settings)
    , m_clock(clock)
    , m_lines(lines)
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

bool CallProviders::canConverse(const CallInfo& call) const
{
    // One that is still being made is asked for its languages when it is there.
    const auto speaks = [&](const auto& candidate, Stage stage) {
        if (!isInSight(m_registry, *m_health, stage, candidate.name))
            return false;
        const auto provider = candidate.get();
        return !provider || provider->speaks(call.language);
    };
    const auto ears = recognisers(call);
    const auto tongues = voices(call);
    const auto minds = models(call);
    return std::any_of(ears.begin(), ears.end(), [&](const auto& ear) { return speaks(ear, Stage::SpeechToText); })
        && (std::any_of(
                tongues.begin(), tongues.end(), [&](const auto& tongue) { return speaks(tongue, Stage::TextToSpeech); })
            || std::any_of(minds.begin(), minds.end(), [&](const auto& mind) {
                   const auto provider = mind.get();
                   return provider && provider->hasVoice()
                       && isInSight(m_registry, *m_health, Stage::LanguageModel, mind.name);
               }));
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
    WholeSpeech keep;
    if (m_lines) {
        keep = [this, text, call](const QString& provider, const QByteArray& mulaw) {
            m_lines->insert(lineKey(text, call, provider), mulaw);
        };
    }
    return speakWithFailover({text, call.language, {}}, call, voices(call), m_settings, m_health, m_clock,
        std::move(reporter), std::move(keep));
}

std::optional<QByteArray> CallProviders::findLine(const QString& text, const CallInfo& call, LineUse use) const
{
    if (!m_lines)
        return std::nullopt;
    const Candidates<TextToSpeech> list = voices(call);
    const QString speaker = speakerOf(list);
    QList<QByteArray> keys;
    if (!speaker.isEmpty())
        keys += lineKey(text, call, speaker);
    if (speaker.isEmpty() || use == LineUse::Own) {
        for (const Candidate<TextToSpeech>& voice : list) {
            if (voice.name != speaker)
                keys += lineKey(text, call, voice.name);
        }
    }
    return m_lines->find(keys);
}

/// Who would be asked now, without asking: see Choice::take().
QString CallProviders::speakerOf(const Candidates<TextToSpeech>& voices) const
{
    QString resting;
    for (const Candidate<TextToSpeech>& voice : voices) {
        if (!voice.get())
            continue;
        if (m_health->state(Stage::TextToSpeech, voice.name) != Health::State::Resting)
            return voice.name;
        if (resting.isEmpty() && !m_health->askedForRest(Stage::TextToSpeech, voice.name))
            resting = voice.name;
    }
    return resting;
}

QStringList CallProviders::voiceNames(const CallInfo& call) const
{
    return m_registry.order(Stage::TextToSpeech, call.persona ? call.persona->tts : QStringList());
}

SpeechRequest CallProviders::requestOf(const QString& text, const CallInfo& call, const QString& provider) const
{
    return {text, call.language, call.persona ? call.persona->voices.value(provider) : QString()};
}

QByteArray CallProviders::lineKey(const QString& text, const CallInfo& call, const QString& provider) const
{
    const SpeechRequest request = requestOf(text, call, provider);
    return SpokenLine{
        provider, m_registry.identity(Stage::TextToSpeech, provider), request.voice, request.language, request.text}
        .key();
}

void CallProviders::connectAhead(const CallInfo& call) const
{
    connectFirst(recognisers(call), Stage::SpeechToText, *m_health);
    connectFirst(models(call), Stage::LanguageModel, *m_health);
    connectFirst(voices(call), Stage::TextToSpeech, *m_health);
}

} // namespace kav::providers
