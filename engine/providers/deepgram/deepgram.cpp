// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/deepgram/deepgram.h"

#include "engine/providers/deepgram/deepgramstream.h"
#include "engine/providers/http/fetch.h"
#include "engine/providers/http/vendor.h"
#include "engine/providers/redaction.h"

#include <array>

namespace kav::providers {

namespace {

bool isSecure(const QString& scheme)
{
    return scheme == QLatin1String("wss") || scheme == QLatin1String("https");
}

Result<void> checkForm(const DeepgramSettings& settings)
{
    const QString scheme = settings.url.scheme();
    const bool isClear = scheme == QLatin1String("ws") || scheme == QLatin1String("http");
    if (!settings.url.isValid() || settings.url.host().isEmpty() || (!isSecure(scheme) && !isClear)
        || !settings.url.userInfo().isEmpty())
        return Error{Error::Code::Invalid,
            QStringLiteral("Deepgram's address is no ws://, wss://, http:// or https:// address with a host"), {}};
    return checkKeyForm(settings.key, settings.url.host());
}

} // namespace

QString deepgramLanguage(const QString& language)
{
    static const std::array regions{"en-US", "en-AU", "en-GB", "en-IN", "en-NZ", "es-419", "fr-CA", "pt-BR", "pt-PT",
        "de-CH", "nl-BE", "da-DK", "sv-SE", "ko-KR", "zh-CN", "zh-TW", "zh-HK", "zh-Hans", "zh-Hant"};
    for (const char* region : regions) {
        if (language.compare(QLatin1String(region), Qt::CaseInsensitive) == 0)
            return QString::fromLatin1(region);
    }
    const QString primary = language.section(QLatin1Char('-'), 0, 0).section(QLatin1Char('_'), 0, 0).toLower();
    if (primary == QLatin1String("iw")) // Hebrew's former code
        return QStringLiteral("he");
    return primary.isEmpty() ? QStringLiteral("en-US") : primary;
}

Deepgram::Deepgram(const DeepgramSettings& settings, const Clock& clock)
    : m_settings(settings)
    , m_clock(clock)
{
}

Result<std::shared_ptr<Deepgram>> Deepgram::create(
    const DeepgramSettings& settings, const std::shared_ptr<HttpPool>& pool, const Clock& clock)
{
    if (auto formed = checkForm(settings); !formed)
        return formed.error();
    DeepgramSettings used = settings;
    if (used.url.path().isEmpty() || used.url.path() == QLatin1String("/"))
        used.url.setPath(QStringLiteral("/v1/listen"));

    HttpRequest request;
    request.url = used.url.adjusted(QUrl::RemoveQuery | QUrl::RemoveFragment | QUrl::RemoveFilename);
    request.url.setScheme(isSecure(used.url.scheme()) ? QStringLiteral("https") : QStringLiteral("http"));
    request.url.setPath(request.url.path() + QStringLiteral("auth/token"));
    request.method = QByteArrayLiteral("GET");
    if (!used.key.isEmpty())
        request.headers.append({QByteArrayLiteral("Authorization"), "Token " + used.key.toLatin1()});
    request.firstByte = request.stall = request.total = used.probe;
    request.limit = 256 * 1024;
    const Result<HttpAnswer> answer = fetch(*pool, request);
    if (answer && answer->contentType.startsWith("text/html"))
        return Error{Error::Code::Invalid,
            QStringLiteral("%1 answered with a web page: the address is wrong").arg(used.url.host()), {}};
    if (!answer) {
        Error error = answer.error();
        error.detail = safeReason(error.detail, {used.key});
        // Self-hosted ones have no such address, and a key that may only listen may not ask about itself.
        const bool isLimited = error.message.contains(QLatin1String("answered 403"));
        const bool lacksRoute = error.code == Error::Code::NotFound
            || error.message.contains(QLatin1String("answered 405"))
            || error.message.contains(QLatin1String("answered 501"));
        if (!isLimited && !lacksRoute)
            return error;
    }
    return std::shared_ptr<Deepgram>(new Deepgram(used, clock));
}

std::unique_ptr<SpeechToTextStream> Deepgram::open(const CallInfo& call)
{
    return std::make_unique<DeepgramStream>(m_settings, call, m_clock);
}

} // namespace kav::providers
