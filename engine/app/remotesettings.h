// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringList>

namespace kav::app {

/// Which providers are used, where they are, and who asks, as it stands in the settings. A plain value, part of Config;
/// what it says becomes providers in remote.cpp.
struct RemoteSettings final {
    // Names in order of preference. Empty in the settings: filled in from what is configured, see fillInProviders().
    QStringList stt, llm, tts;
    bool allowPlainHttp = false; ///< http:// and ws:// to hosts outside of private networks too

    QString openaiKey;
    QString openaiBaseUrl = QStringLiteral("https://api.openai.com/v1");
    QString openaiSttUrl, openaiTtsUrl; ///< empty: the base
    QString openaiModel = QStringLiteral("gpt-4o-mini");
    QString openaiSttModel = QStringLiteral("whisper-1");
    QString openaiTtsModel = QStringLiteral("tts-1");
    QString openaiVoice = QStringLiteral("alloy");

    QString googleCredentialsJson; ///< the JSON itself, or a path
    QString googleCredentialsFile;
    QString googleKey;
    QString googleSttEndpoint = QStringLiteral("speech.googleapis.com:443"); ///< gRPC, host:port
    QString googleSttUrl = QStringLiteral("https://speech.googleapis.com");
    QString googleTtsUrl = QStringLiteral("https://texttospeech.googleapis.com");
    QString googleTokenUrl; ///< empty: the one that the credentials name
    QString googleSttModel;
    QStringList googleVoices; ///< "he-IL=he-IL-Wavenet-A"

    QString deepgramKey;
    QString deepgramUrl = QStringLiteral("wss://api.deepgram.com/v1/listen");
    QString deepgramModel = QStringLiteral("nova-3");

    QString elevenlabsKey;
    QString elevenlabsUrl = QStringLiteral("https://api.elevenlabs.io");
    QString elevenlabsModel; ///< empty: by the language
    QString elevenlabsVoice = QStringLiteral("JBFqnCBsd6RMkjVDRZzb");

    QString realtimeUrl = QStringLiteral("wss://api.openai.com/v1/realtime");
    QString realtimeModel = QStringLiteral("gpt-realtime");
    QString realtimeVoice = QStringLiteral("marin");
    QString realtimeTranscriptionModel = QStringLiteral("gpt-4o-mini-transcribe");
    QString realtimeShape = QStringLiteral("current"); ///< or "beta"

    bool hasGoogleCredentials() const;
};

/// The names that a stage ("stt", "llm", "tts") takes.
QStringList providersFor(const QString& stage);
/// What is wrong with a stage's list; empty: nothing.
QString providerListProblem(const QString& stage, const QStringList& names);
/// OpenAI Realtime speaks what it thinks, and nothing that somebody else wrote: as a voice it needs its own mind in the
/// same call. What is wrong with the lists that a call would use; empty: nothing.
QString realtimeVoiceProblem(const QStringList& llm, const QStringList& tts);
/// Who speaks what no realtime conversation says by itself (the engine's own lines, another model's answers): the list
/// without "realtime", at least "embedded".
QStringList voicesForLines(const QStringList& tts);
/// Lists that are empty: whatever has credentials, or an address of one's own, the quickest first; "embedded" last.
void fillInProviders(RemoteSettings& remote);
/// Why `provider` cannot even be tried in `stage`: "no key; set DEEPGRAM_API_KEY". Empty: it can.
QString missingCredentials(const RemoteSettings& remote, const QString& provider, const QString& stage);
/// This machine, or one that is reached over a private network: a private address, a name without a dot, or one of the
/// suffixes that no public name has.
bool isPrivateHost(const QString& host);

} // namespace kav::app
