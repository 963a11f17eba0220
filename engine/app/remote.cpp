// SPDX-License-Identifier: Apache-2.0
#include "engine/app/remote.h"

#include "engine/providers/deepgram/deepgram.h"
#include "engine/providers/elevenlabs/elevenlabs.h"
#include "engine/providers/google/googlerest.h"
#include "engine/providers/google/googlespeech.h"
#include "engine/providers/google/googletexttospeech.h"
#include "engine/providers/openai/openaichat.h"
#include "engine/providers/openai/openaispeech.h"
#include "engine/providers/openai/openaitranscription.h"
#include "engine/providers/realtime/realtime.h"

#include <algorithm>
#include <mutex>

namespace kav::app {
namespace {

using providers::LanguageModel;
using providers::MakerList;
using providers::SpeechToText;
using providers::TextToSpeech;

/// What all makers of a process share; each part made when it is first asked for.
class SharedParts final {
public:
    explicit SharedParts(const Clock& clock)
        : m_clock(clock)
    {
    }
    std::shared_ptr<providers::HttpPool> pool()
    {
        const std::lock_guard lock(m_mutex);
        if (!m_pool)
            m_pool = std::make_shared<providers::HttpPool>(m_clock);
        return m_pool;
    }
    std::shared_ptr<providers::RealtimeHub> hub()
    {
        const std::lock_guard lock(m_mutex);
        if (!m_hub)
            m_hub = providers::makeRealtimeHub();
        return m_hub;
    }

private:
    const Clock& m_clock;
    std::mutex m_mutex;
    std::shared_ptr<providers::HttpPool> m_pool; // guarded by m_mutex
    std::shared_ptr<providers::RealtimeHub> m_hub; // guarded by m_mutex
};

/// What a maker holds: a copy, since it may outlive the engine.
struct Remote final {
    RemoteSettings settings;
    Milliseconds probe;
    const Clock& clock;
    const std::shared_ptr<SharedParts> parts;
};
using RemotePtr = std::shared_ptr<const Remote>;

providers::OpenAiService openaiService(const Remote& remote, const QString& ownUrl)
{
    providers::OpenAiService service;
    service.base = QUrl(ownUrl.isEmpty() ? remote.settings.openaiBaseUrl : ownUrl);
    service.key = remote.settings.openaiKey;
    service.probe = remote.probe;
    return service;
}

providers::GoogleSettings googleSettings(const Remote& remote)
{
    const RemoteSettings& from = remote.settings;
    providers::GoogleSettings settings;
    settings.credentials = from.googleCredentialsJson;
    settings.credentialsFile = from.googleCredentialsFile;
    settings.apiKey = from.googleKey;
    settings.tokenUrl = QUrl(from.googleTokenUrl);
    settings.sttUrl = QUrl(from.googleSttUrl);
    settings.ttsUrl = QUrl(from.googleTtsUrl);
    settings.sttEndpoint = from.googleSttEndpoint;
    settings.sttModel = from.googleSttModel;
    for (const QString& voice : from.googleVoices)
        settings.voices.insert(
            voice.section(QLatin1Char('='), 0, 0).trimmed(), voice.section(QLatin1Char('='), 1).trimmed());
    settings.probe = remote.probe;
    return settings;
}

providers::DeepgramSettings deepgramSettings(const Remote& remote)
{
    providers::DeepgramSettings settings;
    settings.url = QUrl(remote.settings.deepgramUrl);
    settings.key = remote.settings.deepgramKey;
    settings.model = remote.settings.deepgramModel;
    settings.probe = remote.probe;
    return settings;
}

providers::ElevenLabsSettings elevenlabsSettings(const Remote& remote)
{
    providers::ElevenLabsSettings settings;
    settings.url = QUrl(remote.settings.elevenlabsUrl);
    settings.key = remote.settings.elevenlabsKey;
    settings.model = remote.settings.elevenlabsModel;
    settings.voice = remote.settings.elevenlabsVoice;
    settings.probe = remote.probe;
    return settings;
}

providers::RealtimeSettings realtimeSettings(const Remote& remote)
{
    providers::RealtimeSettings settings;
    settings.url = QUrl(remote.settings.realtimeUrl);
    settings.key = remote.settings.openaiKey;
    settings.model = remote.settings.realtimeModel;
    settings.voice = remote.settings.realtimeVoice;
    settings.transcriptionModel = remote.settings.realtimeTranscriptionModel;
    settings.shape = remote.settings.realtimeShape == QLatin1String("beta")
        ? providers::RealtimeSettings::Shape::Beta
        : providers::RealtimeSettings::Shape::Current;
    settings.probe = remote.probe;
    return settings;
}

template <typename Interface, typename Made>
Result<std::shared_ptr<Interface>> as(const Result<std::shared_ptr<Made>>& made)
{
    if (!made)
        return made.error();
    return std::shared_ptr<Interface>(*made);
}

Result<std::shared_ptr<SpeechToText>> makeRecogniser(const QString& name, const Remote& remote)
{
    using Made = SpeechToText;
    if (name == QLatin1String("google"))
        return as<Made>(
            providers::GoogleSpeechToText::create(googleSettings(remote), remote.parts->pool(), remote.clock));
    if (name == QLatin1String("google-rest"))
        return as<Made>(
            providers::GoogleRestSpeechToText::create(googleSettings(remote), remote.parts->pool(), remote.clock));
    if (name == QLatin1String("deepgram"))
        return as<Made>(providers::Deepgram::create(deepgramSettings(remote), remote.parts->pool(), remote.clock));
    if (name == QLatin1String("realtime"))
        return as<Made>(
            providers::RealtimeSpeechToText::create(realtimeSettings(remote), remote.parts->hub(), remote.clock));
    providers::OpenAiTranscriptionSettings settings;
    settings.service = openaiService(remote, remote.settings.openaiSttUrl);
    settings.model = remote.settings.openaiSttModel;
    return as<Made>(providers::OpenAiTranscription::create(settings, remote.parts->pool(), remote.clock));
}

Result<std::shared_ptr<LanguageModel>> makeModel(const QString& name, const Remote& remote)
{
    if (name == QLatin1String("realtime"))
        return as<LanguageModel>(
            providers::RealtimeLanguageModel::create(realtimeSettings(remote), remote.parts->hub(), remote.clock));
    providers::OpenAiChatSettings settings;
    settings.service = openaiService(remote, {});
    settings.model = remote.settings.openaiModel;
    return as<LanguageModel>(providers::OpenAiChat::create(settings, remote.parts->pool(), remote.clock));
}

Result<std::shared_ptr<TextToSpeech>> makeVoice(const QString& name, const Remote& remote)
{
    if (name == QLatin1String("google") || name == QLatin1String("google-rest"))
        return as<TextToSpeech>(
            providers::GoogleTextToSpeech::create(googleSettings(remote), remote.parts->pool(), remote.clock));
    if (name == QLatin1String("elevenlabs"))
        return as<TextToSpeech>(providers::ElevenLabs::create(elevenlabsSettings(remote), remote.parts->pool()));
    providers::OpenAiSpeechSettings settings;
    settings.service = openaiService(remote, remote.settings.openaiTtsUrl);
    settings.model = remote.settings.openaiTtsModel;
    settings.voice = remote.settings.openaiVoice;
    return as<TextToSpeech>(providers::OpenAiSpeech::create(settings, remote.parts->pool(), remote.clock));
}

/// What a voice of these settings sounds like: model, default voice, address.
QString identityOf(const QString& name, const RemoteSettings& remote)
{
    QStringList parts;
    if (name == QLatin1String("google") || name == QLatin1String("google-rest"))
        parts = QStringList{remote.googleTtsUrl} + remote.googleVoices;
    else if (name == QLatin1String("elevenlabs"))
        parts = QStringList{remote.elevenlabsUrl, remote.elevenlabsModel, remote.elevenlabsVoice};
    else
        parts = QStringList{remote.openaiTtsUrl.isEmpty() ? remote.openaiBaseUrl : remote.openaiTtsUrl,
            remote.openaiTtsModel, remote.openaiVoice};
    return parts.join(QLatin1Char('\n'));
}

/// The stage's list: each name's maker, the embedded ones as they are; then, spare, all others, for personas.
template <typename T>
MakerList<T> listOf(const QStringList& names, const char* stageName, const RemotePtr& remote,
    const MakerList<T>& embedded, Result<std::shared_ptr<T>> (*make)(const QString&, const Remote&))
{
    const QString stage = QString::fromLatin1(stageName);
    const QStringList makeable =
        stage == QLatin1String("tts") ? voicesForLines(providersFor(stage)) : providersFor(stage);
    QStringList all = names;
    for (const QString& name : makeable) {
        if (!all.contains(name))
            all += name;
    }
    MakerList<T> list;
    for (const QString& name : all) {
        const bool isSpare = !names.contains(name);
        if (name == QLatin1String("embedded")) {
            for (providers::NamedMaker<T> maker : embedded) {
                maker.isSpare = isSpare;
                list.push_back(std::move(maker));
            }
            continue;
        }
        list.push_back({name,
            [name, stage, remote, make]() -> Result<std::shared_ptr<T>> {
                const QString missing = missingCredentials(remote->settings, name, stage);
                if (!missing.isEmpty())
                    return Error{Error::Code::Denied, missing, {}};
                return make(name, *remote);
            },
            {}, identityOf(name, remote->settings), isSpare});
    }
    return list;
}

} // namespace

Engine::MakersSource configuredMakers(
    const RemoteSettings& remote, Milliseconds deadline, Engine::MakersSource embedded, const Clock& clock)
{
    const Milliseconds probe = std::max(deadline - Milliseconds(500), deadline / 2);
    const auto held =
        std::make_shared<const Remote>(Remote{remote, probe, clock, std::make_shared<SharedParts>(clock)});
    return [held, embedded = std::move(embedded)](const Engine::DialogSource& dialogs) {
        const providers::Makers local = embedded(dialogs);
        providers::Makers makers;
        makers.speechToText = listOf(held->settings.stt, "stt", held, local.speechToText, &makeRecogniser);
        makers.languageModel = listOf(held->settings.llm, "llm", held, local.languageModel, &makeModel);
        makers.textToSpeech = listOf(voicesForLines(held->settings.tts), "tts", held, local.textToSpeech, &makeVoice);
        return makers;
    };
}

} // namespace kav::app
