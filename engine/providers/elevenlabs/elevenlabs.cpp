// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/elevenlabs/elevenlabs.h"

#include "engine/media/audio.h"
#include "engine/providers/http/fetch.h"
#include "engine/providers/http/vendor.h"
#include "engine/providers/redaction.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>
#include <array>
#include <optional>

namespace kav::providers {

namespace {

// Of the vendor's explanation.
constexpr qsizetype LongestExplanation = 300;
constexpr qint64 BytesPerMs = media::SampleRate / 1000;

Result<void> checkForm(const ElevenLabsSettings& settings)
{
    const QString scheme = settings.url.scheme();
    if (!settings.url.isValid() || settings.url.host().isEmpty()
        || (scheme != QLatin1String("http") && scheme != QLatin1String("https")) || settings.url.hasQuery()
        || settings.url.hasFragment() || !settings.url.userInfo().isEmpty())
        return Error{Error::Code::Invalid,
            QStringLiteral("ElevenLabs' address is no http:// or https:// address of a host"), {}};
    return checkKeyForm(settings.key, settings.url.host());
}

HttpRequest requestTo(const ElevenLabsSettings& settings, const QString& route)
{
    HttpRequest request;
    request.url = settings.url;
    QString path = settings.url.path(QUrl::FullyEncoded);
    while (path.endsWith(QLatin1Char('/')))
        path.chop(1);
    request.url.setPath(path + route, QUrl::TolerantMode);
    if (!settings.key.isEmpty())
        request.headers.append({QByteArrayLiteral("xi-api-key"), settings.key.toLatin1()});
    request.firstByte = settings.firstByte;
    request.stall = settings.stall;
    request.total = settings.total;
    return request;
}

/// What the body of a failure says: {"detail": {"status", "message"}}, {"detail": [{"msg"}]} or {"detail": "words"}.
struct Explanation final {
    QString status, words;
};
Explanation explanationIn(const QString& body)
{
    const QJsonValue detail = QJsonDocument::fromJson(body.toUtf8()).object().value(QLatin1String("detail"));
    if (detail.isString())
        return {{}, detail.toString()};
    const QJsonObject object = detail.isArray() ? detail.toArray().first().toObject() : detail.toObject();
    QString status = object.value(QLatin1String("status")).toString();
    if (status.isEmpty())
        status = object.value(QLatin1String("code")).toString();
    QString words = object.value(QLatin1String("message")).toString();
    if (words.isEmpty())
        words = object.value(QLatin1String("msg")).toString();
    return {status, words};
}

/// An HTTP failure as an operator understands it, with the vendor's own words and no key in them.
Error explained(const ElevenLabsSettings& settings, const Error& error)
{
    Error result = error;
    const Explanation why = explanationIn(error.detail);
    // The vendor says 401 to many things that are no matter of the key.
    const auto is = [&why](const char* status) { return why.status == QLatin1String(status); };
    const auto say = [&](Error::Code code, const QString& what) {
        result.code = code;
        result.message = QStringLiteral("%1 refused: %2").arg(settings.url.host(), what);
    };
    if (is("quota_exceeded"))
        say(Error::Code::LimitExceeded, QStringLiteral("the account's characters are used up"));
    else if (is("too_many_concurrent_requests") || is("concurrent_limit_exceeded") || is("system_busy"))
        say(Error::Code::LimitExceeded, QStringLiteral("too many requests at once"));
    else if (is("voice_not_found"))
        say(Error::Code::NotFound, QStringLiteral("the account has no such voice"));
    else if (is("max_character_limit_exceeded"))
        say(Error::Code::Invalid, QStringLiteral("the text is too long"));
    const QString words =
        why.words.isEmpty() && why.status.isEmpty() ? error.detail : (why.status + QStringLiteral(": ") + why.words);
    result.detail = safeReason(QStringView(words).left(LongestExplanation), {settings.key});
    return result;
}

QString primaryLanguage(const QString& language)
{
    const QString primary = language.section(QLatin1Char('-'), 0, 0).section(QLatin1Char('_'), 0, 0).toLower();
    if (primary == QLatin1String("iw")) // Hebrew's former code
        return QStringLiteral("he");
    return primary == QLatin1String("nb") ? QStringLiteral("no") : primary;
}

QString modelFor(const QString& language)
{
    static const std::array fast{"en", "ja", "zh", "de", "hi", "fr", "ko", "pt", "it", "es", "id", "nl", "tr", "fil",
        "pl", "sv", "bg", "ro", "ar", "cs", "el", "fi", "hr", "ms", "sk", "da", "ta", "uk", "ru", "hu", "no", "vi"};
    const bool isKnown = language.isEmpty()
        || std::any_of(fast.begin(), fast.end(), [&](const char* known) { return language == QLatin1String(known); });
    return isKnown ? QStringLiteral("eleven_flash_v2_5") : QStringLiteral("eleven_v3");
}

/// The older models refuse a request that names its language.
bool takesLanguage(const QString& model)
{
    static const std::array older{"eleven_multilingual_v2", "eleven_multilingual_v1", "eleven_monolingual_v1",
        "eleven_flash_v2", "eleven_turbo_v2"};
    return std::none_of(older.begin(), older.end(), [&](const char* name) { return model == QLatin1String(name); });
}

bool isSpeakable(const QString& text)
{
    for (const char32_t c : text.toUcs4()) {
        if (QChar::isLetterOrNumber(c))
            return true;
    }
    return false;
}

class ElevenLabsSpeech final : public Speech {
public:
    /// `isOwnVoice`: the request named its voice.
    ElevenLabsSpeech(const ElevenLabsSettings& settings, bool isOwnVoice)
        : m_settings(settings)
        , m_isOwnVoice(isOwnVoice)
    {
    }

    void finishSoon()
    {
        QMetaObject::invokeMethod(
            this, [this] { Q_EMIT finished(); }, Qt::QueuedConnection);
    }
    void failSoon(const Error& error)
    {
        QMetaObject::invokeMethod(
            this, [this, error] { Q_EMIT failed(error); }, Qt::QueuedConnection);
    }
    void follow(std::unique_ptr<HttpCall> call)
    {
        m_call = std::move(call);
        connect(m_call.get(), &HttpCall::head, this, [this](int, const QByteArray& type) {
            if (type.startsWith("text/") || type.startsWith("application/json"))
                fail({Error::Code::Unavailable,
                    QStringLiteral("%1 answered with %2 and no sound")
                        .arg(m_settings.url.host(), safeReason(QString::fromLatin1(type.left(60)))),
                    {}});
        });
        connect(m_call.get(), &HttpCall::data, this, [this](const QByteArray& bytes) {
            m_hasSound = true;
            Q_EMIT audio(bytes);
        });
        connect(m_call.get(), &HttpCall::finished, this, [this] {
            if (m_hasSound) Q_EMIT
                finished();
            else
                fail({Error::Code::Unavailable,
                    QStringLiteral("%1 answered with no sound at all").arg(m_settings.url.host()), {}});
        });
        connect(m_call.get(), &HttpCall::failed, this, [this](const Error& error) {
            Error told = explained(m_settings, error);
            if (told.code == Error::Code::NotFound && m_isOwnVoice)
                told.code = Error::Code::Invalid;
            fail(told);
        });
    }

private:
    void fail(const Error& error)
    {
        m_call.reset(); // nothing more of it
        Q_EMIT failed(error);
    }

    const ElevenLabsSettings m_settings;
    const bool m_isOwnVoice;
    std::unique_ptr<HttpCall> m_call;
    bool m_hasSound = false;
};

} // namespace

ElevenLabs::ElevenLabs(const ElevenLabsSettings& settings, std::shared_ptr<HttpPool> pool)
    : m_settings(settings)
    , m_pool(std::move(pool))
{
}

Result<std::shared_ptr<ElevenLabs>> ElevenLabs::create(
    const ElevenLabsSettings& settings, const std::shared_ptr<HttpPool>& pool)
{
    if (auto formed = checkForm(settings); !formed)
        return formed.error();
    HttpRequest request = requestTo(settings, QStringLiteral("/v1/user"));
    request.method = QByteArrayLiteral("GET");
    request.firstByte = request.stall = request.total = settings.probe;
    request.limit = 256 * 1024;
    const Result<HttpAnswer> answer = fetch(*pool, request);
    if (answer && answer->contentType.startsWith("text/html"))
        return Error{Error::Code::Invalid,
            QStringLiteral("%1 answered with a web page: the address is wrong").arg(settings.url.host()), {}};
    if (!answer) {
        const Error& error = answer.error();
        // A key that may only speak may not ask whose it is; compatible servers have no such address.
        const bool isLimited = explanationIn(error.detail).status == QLatin1String("missing_permissions");
        const bool lacksRoute = error.code == Error::Code::NotFound
            || error.message.contains(QLatin1String("answered 405"))
            || error.message.contains(QLatin1String("answered 501"));
        if (!isLimited && !lacksRoute)
            return explained(settings, error);
    }
    return std::shared_ptr<ElevenLabs>(new ElevenLabs(settings, pool));
}

std::unique_ptr<Speech> ElevenLabs::speak(const SpeechRequest& asked)
{
    auto speech = std::make_unique<ElevenLabsSpeech>(m_settings, !asked.voice.isEmpty());
    if (asked.text.size() > m_settings.longestText) {
        speech->failSoon({Error::Code::Invalid,
            QStringLiteral("a text of %1 characters is too long for %2")
                .arg(asked.text.size())
                .arg(m_settings.url.host()),
            {}});
        return speech;
    }
    if (!isSpeakable(asked.text)) {
        speech->finishSoon();
        return speech;
    }
    const QString language = primaryLanguage(asked.language);
    const QString model = m_settings.model.isEmpty() ? modelFor(language) : m_settings.model;
    const QString voice = asked.voice.isEmpty() ? m_settings.voice : asked.voice;
    HttpRequest request = requestTo(m_settings,
        QStringLiteral("/v1/text-to-speech/%1/stream").arg(QString::fromLatin1(QUrl::toPercentEncoding(voice))));
    request.url.setQuery(QStringLiteral("output_format=ulaw_8000"));
    request.limit = m_settings.longestSound.count() * BytesPerMs;
    request.headers.append({QByteArrayLiteral("Content-Type"), QByteArrayLiteral("application/json")});
    QJsonObject body{{QStringLiteral("text"), asked.text}, {QStringLiteral("model_id"), model}};
    if (!language.isEmpty() && takesLanguage(model))
        body.insert(QStringLiteral("language_code"), language);
    request.body = QJsonDocument(body).toJson(QJsonDocument::Compact);
    speech->follow(m_pool->start(request));
    return speech;
}

void ElevenLabs::connectAhead()
{
    m_pool->connectTo(m_settings.url);
}

} // namespace kav::providers
