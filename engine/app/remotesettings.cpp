// SPDX-License-Identifier: Apache-2.0
#include "engine/app/remotesettings.h"

#include "engine/app/nearest.h"
#include "shared/core/masking.h"

#include <QHostAddress>
#include <QSet>
#include <QUrl>

#include <algorithm>
#include <array>

namespace kav::app {
namespace {

bool isHostOf(const QString& url, const char* domain)
{
    const QString host = QUrl(url).host();
    const QLatin1String name(domain);
    return host == name || host.endsWith(QLatin1Char('.') + name);
}

/// Where a stage's requests to the OpenAI-compatible service go.
QString openaiUrlFor(const RemoteSettings& remote, const QString& stage)
{
    if (stage == QLatin1String("stt") && !remote.openaiSttUrl.isEmpty())
        return remote.openaiSttUrl;
    if (stage == QLatin1String("tts") && !remote.openaiTtsUrl.isEmpty())
        return remote.openaiTtsUrl;
    return remote.openaiBaseUrl;
}

} // namespace

bool RemoteSettings::hasGoogleCredentials() const
{
    return !googleKey.isEmpty() || !googleCredentialsJson.trimmed().isEmpty()
        || !googleCredentialsFile.trimmed().isEmpty();
}

QStringList providersFor(const QString& stage)
{
    const char* const names = stage == QLatin1String("stt") ? "google google-rest openai deepgram realtime embedded"
        : stage == QLatin1String("llm")                     ? "openai realtime embedded"
                                                            : "google google-rest openai elevenlabs realtime embedded";
    return QString::fromLatin1(names).split(QLatin1Char(' '));
}

QString providerListProblem(const QString& stage, const QStringList& names)
{
    const QStringList fit = providersFor(stage);
    QStringList known =
        providersFor(QStringLiteral("stt")) + providersFor(QStringLiteral("llm")) + providersFor(QStringLiteral("tts"));
    QSet<QString> seen;
    for (const QString& name : names) {
        const QString shown = QLatin1Char('\'') + logSafe(name, 40) + QLatin1Char('\'');
        if (!known.contains(name))
            return shown + QStringLiteral(" is no provider") + suggestion(name, fit) + QStringLiteral("; a list of ")
                + fit.join(QLatin1String(", ")) + QStringLiteral(" is wanted");
        if (!fit.contains(name))
            return shown + QStringLiteral(" cannot do this; it is one of ") + fit.join(QLatin1String(", "));
        if (seen.contains(name))
            return shown + QStringLiteral(" stands there twice");
        seen.insert(name);
    }
    return {};
}

QString realtimeVoiceProblem(const QStringList& llm, const QStringList& tts)
{
    const QString realtime = QStringLiteral("realtime");
    if (!tts.contains(realtime) || llm.contains(realtime))
        return {};
    return QStringLiteral("'realtime' speaks its own answers only, and the language models here are %1; put realtime "
                          "among them too, or write openai here, for OpenAI's voices")
        .arg(llm.join(QLatin1String(", ")));
}

QStringList voicesForLines(const QStringList& tts)
{
    QStringList voices = tts;
    voices.removeAll(QStringLiteral("realtime"));
    return voices.isEmpty() ? QStringList{QStringLiteral("embedded")} : voices;
}

void fillInProviders(RemoteSettings& remote)
{
    const QString google = QStringLiteral("google"), openai = QStringLiteral("openai"),
                  deepgram = QStringLiteral("deepgram"), elevenlabs = QStringLiteral("elevenlabs"),
                  embedded = QStringLiteral("embedded");
    // A server of one's own may ask for no key; most of them are language models only, so that the other two stages
    // need an address of their own.
    const bool hasOpenai = !remote.openaiKey.isEmpty();
    const bool hasOwnModel = !isHostOf(remote.openaiBaseUrl, "openai.com");
    if (remote.stt.isEmpty()) {
        if (remote.hasGoogleCredentials())
            remote.stt += google;
        if (!remote.deepgramKey.isEmpty() || !isHostOf(remote.deepgramUrl, "deepgram.com"))
            remote.stt += deepgram;
        if (hasOpenai || !remote.openaiSttUrl.isEmpty())
            remote.stt += openai;
        remote.stt += embedded;
    }
    if (remote.llm.isEmpty()) {
        if (hasOpenai || hasOwnModel)
            remote.llm += openai;
        remote.llm += embedded;
    }
    if (remote.tts.isEmpty()) {
        if (!remote.elevenlabsKey.isEmpty())
            remote.tts += elevenlabs;
        if (remote.hasGoogleCredentials())
            remote.tts += google;
        if (hasOpenai || !remote.openaiTtsUrl.isEmpty())
            remote.tts += openai;
        remote.tts += embedded;
    }
}

QString missingCredentials(const RemoteSettings& remote, const QString& provider, const QString& stage)
{
    const auto noKey = [](const char* variable) -> QString {
        return QStringLiteral("no key; set ") + QLatin1String(variable);
    };
    if (provider.startsWith(QLatin1String("google")) && !remote.hasGoogleCredentials())
        return noKey("GOOGLE_API_KEY, GCP_CREDENTIALS_JSON or GOOGLE_APPLICATION_CREDENTIALS");
    // Servers of one's own, and gateways that add the key, ask for none.
    if (provider == QLatin1String("openai") && remote.openaiKey.isEmpty()
        && isHostOf(openaiUrlFor(remote, stage), "openai.com"))
        return noKey("OPENAI_API_KEY");
    if (provider == QLatin1String("realtime") && remote.openaiKey.isEmpty()
        && isHostOf(remote.realtimeUrl, "openai.com"))
        return noKey("OPENAI_API_KEY");
    if (provider == QLatin1String("deepgram") && remote.deepgramKey.isEmpty()
        && isHostOf(remote.deepgramUrl, "deepgram.com"))
        return noKey("DEEPGRAM_API_KEY");
    if (provider == QLatin1String("elevenlabs") && remote.elevenlabsKey.isEmpty()
        && isHostOf(remote.elevenlabsUrl, "elevenlabs.io"))
        return noKey("ELEVENLABS_API_KEY");
    return {};
}

bool isPrivateHost(const QString& host)
{
    const QHostAddress address(host);
    if (!address.isNull()) {
        if (address.isLoopback() || address.isLinkLocal())
            return true;
        const std::array nets{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"};
        return std::any_of(nets.begin(), nets.end(), [&address](const char* net) {
            return address.isInSubnet(QHostAddress::parseSubnet(QString::fromLatin1(net)));
        });
    }
    if (!host.contains(QLatin1Char('.')))
        return true; // "localhost", "ollama": a name of this machine's network, as containers have them
    const auto ends = [&host](const char* suffix) { return host.endsWith(QLatin1String(suffix)); };
    return ends(".localhost") || ends(".local") || ends(".internal") || ends(".lan") || ends(".home.arpa")
        || ends(".svc");
}

} // namespace kav::app
