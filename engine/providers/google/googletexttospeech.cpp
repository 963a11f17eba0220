// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/googletexttospeech.h"

#include "engine/media/audio.h"
#include "engine/media/g711.h"
#include "engine/media/wav.h"
#include "engine/providers/google/googlewords.h"

#include <QJsonDocument>
#include <QPointer>

#include <algorithm>

namespace kav::providers {

namespace {
constexpr qsizetype PieceBytes = 4800; // Google takes 5,000
constexpr qsizetype LongestText = 64 * 1024;
// Five minutes of mu-law as base64 in JSON; a piece of 5,000 bytes takes at most some six minutes to say slowly.
constexpr qsizetype LongestAnswer = 8 * 1024 * 1024;

/// Google's own names begin with their language: "he-IL-Wavenet-A".
QString languageOfVoice(const QString& voice)
{
    const QStringList parts = voice.split(QLatin1Char('-'));
    const bool isName = parts.size() >= 4 && (parts[0].size() == 2 || parts[0].size() == 3);
    return isName ? parts[0] + QLatin1Char('-') + parts[1] : QString();
}

QString voiceFor(const GoogleSettings& settings, const QString& language)
{
    const QString code = language.section(QLatin1Char('-'), 0, 0).toLower();
    for (const QString& key : {language, code}) {
        if (const auto voice = settings.voices.constFind(key); voice != settings.voices.constEnd())
            return *voice;
    }
    if (language == QLatin1String("he-IL"))
        return QStringLiteral("he-IL-Wavenet-A");
    if (language == QLatin1String("en-US"))
        return QStringLiteral("en-US-Neural2-F");
    return {}; // Google has one for the language, or says that it has not
}

bool endsSentence(QChar c)
{
    return c == u'.' || c == u'!' || c == u'?' || c == u'\u2026' || c == u'\u05c3' || c == u'\n' || c == u'\u3002';
}

bool hasWords(const QString& text)
{
    return std::any_of(text.begin(), text.end(), [](QChar c) { return c.isLetterOrNumber() || c.isSurrogate(); });
}

Result<QByteArray> readAudio(const QByteArray& body)
{
    const QJsonValue content = QJsonDocument::fromJson(body).object().value(QLatin1String("audioContent"));
    const auto audio = QByteArray::fromBase64Encoding(
        content.toString().toLatin1(), QByteArray::Base64Encoding | QByteArray::AbortOnBase64DecodingErrors);
    if (!content.isString() || !audio)
        return Error{Error::Code::Unavailable, QStringLiteral("Google's answer holds no audio that can be read"), {}};
    return mulawOf(*audio);
}

class GoogleSpeech final : public Speech {
public:
    GoogleSpeech(const GoogleService& service, const SpeechRequest& request)
        : m_service(service)
        , m_voice(request.voice.trimmed())
        , m_language(googleLanguage(request.language))
    {
        if (m_voice.isEmpty())
            m_voice = voiceFor(service.settings, m_language);
        if (const QString own = languageOfVoice(m_voice); !own.isEmpty())
            m_language = own;
        if (request.text.toUtf8().size() > LongestText) {
            QMetaObject::invokeMethod(
                this,
                [this] {
                    Q_EMIT failed({Error::Code::Invalid,
                        QStringLiteral("the text to be spoken is longer than %1 bytes").arg(LongestText), {}});
                },
                Qt::QueuedConnection);
            return;
        }
        m_pieces = piecesToSpeak(request.text, PieceBytes);
        if (m_pieces.isEmpty())
            QMetaObject::invokeMethod(this, &GoogleSpeech::finished, Qt::QueuedConnection);
        else
            askNext();
    }

private:
    void askNext()
    {
        QJsonObject voice{{QStringLiteral("languageCode"), m_language}};
        if (!m_voice.isEmpty())
            voice.insert(QStringLiteral("name"), m_voice);
        const QJsonObject body{{QStringLiteral("input"), QJsonObject{{QStringLiteral("text"), m_pieces.takeFirst()}}},
            {QStringLiteral("voice"), voice},
            {QStringLiteral("audioConfig"),
                QJsonObject{{QStringLiteral("audioEncoding"), QStringLiteral("MULAW")},
                    {QStringLiteral("sampleRateHertz"), media::SampleRate}}}};
        HttpRequest request =
            googleRequest(m_service, m_service.settings.ttsUrl, QStringLiteral("/v1/text:synthesize"), body);
        request.limit = LongestAnswer;
        if (m_call)
            m_call.release()->deleteLater(); // we are inside its signal
        m_call = std::make_unique<GoogleCall>(m_service, request);
        connect(m_call.get(), &GoogleCall::finished, this, &GoogleSpeech::take);
        connect(m_call.get(), &GoogleCall::failed, this, &GoogleSpeech::failed);
    }
    void take(const QByteArray& answer)
    {
        const Result<QByteArray> sound = readAudio(answer);
        if (!sound) {
            Q_EMIT failed(sound.error());
            return;
        }
        const bool isLast = m_pieces.isEmpty();
        if (!isLast)
            askNext(); // the next is made while this one is heard
        const QPointer<GoogleSpeech> guard(this);
        Q_EMIT audio(*sound);
        if (guard && isLast) Q_EMIT
            finished();
    }

    const GoogleService m_service;
    QString m_voice, m_language;
    QStringList m_pieces;
    std::unique_ptr<GoogleCall> m_call;
};
} // namespace

QStringList piecesToSpeak(const QString& text, qsizetype bytes)
{
    QStringList pieces;
    QString rest = text;
    rest.remove(QChar(u'\0'));
    rest = rest.trimmed();
    while (!rest.isEmpty()) {
        qsizetype sentence = 0, space = 0, end = 0, size = 0;
        while (end < rest.size()) {
            const bool isPair = rest[end].isHighSurrogate() && end + 1 < rest.size() && rest[end + 1].isLowSurrogate();
            const ushort code = rest[end].unicode();
            size += isPair ? 4 : code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
            if (size > bytes)
                break;
            end += isPair ? 2 : 1;
            const bool atSpace = end == rest.size() || rest[end].isSpace();
            if (atSpace)
                space = end;
            if (rest[end - 1] == u'\n' || (atSpace && endsSentence(rest[end - 1])))
                sentence = end;
        }
        const qsizetype cut = end == rest.size() ? end
            : sentence > 0                       ? sentence
            : space > 0                          ? space
                                                 : qMax<qsizetype>(end, 1);
        const QString piece = rest.left(cut).trimmed();
        if (hasWords(piece))
            pieces.append(piece);
        rest = rest.mid(cut).trimmed();
    }
    return pieces;
}

Result<QByteArray> mulawOf(const QByteArray& audio)
{
    if (!audio.startsWith("RIFF"))
        return audio.isEmpty()
            ? Result<QByteArray>(Error{Error::Code::Unavailable, QStringLiteral("the audio is empty"), {}})
            : Result<QByteArray>(audio);
    const Result<media::WavAudio> wav = media::parseWav(audio);
    if (!wav)
        return Error{Error::Code::Unavailable, wav.error().message, wav.error().detail};
    if (wav->sampleRate != media::SampleRate)
        return Error{Error::Code::Unavailable,
            QStringLiteral("the audio has %1 samples a second, not %2").arg(wav->sampleRate).arg(media::SampleRate),
            {}};
    const std::vector<qint16> samples = wav->mono();
    QByteArray mulaw(qsizetype(samples.size()), Qt::Uninitialized);
    media::encodeMulaw(samples, {reinterpret_cast<quint8*>(mulaw.data()), samples.size()});
    return mulaw;
}

GoogleTextToSpeech::GoogleTextToSpeech(GoogleService service)
    : m_service(std::move(service))
{
}

Result<std::shared_ptr<GoogleTextToSpeech>> GoogleTextToSpeech::create(
    const GoogleSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock)
{
    if (!isServiceAddress(settings.ttsUrl))
        return Error{
            Error::Code::Invalid, QStringLiteral("KAV_GOOGLE_TTS_URL: it is no http:// or https:// address"), {}};
    const Result<GoogleService> service = openGoogleService(settings, std::move(pool), clock);
    if (!service)
        return service.error();
    HttpRequest request = googleRequest(*service, settings.ttsUrl, QStringLiteral("/v1/voices"), {});
    request.url.setQuery(QStringLiteral("languageCode=en-US"));
    const Result<QByteArray> voices = callGoogle(*service, request);
    // A gateway that lets nothing but synthesis through is no fault.
    if (!voices && voices.error().code != Error::Code::NotFound)
        return voices.error();
    return std::shared_ptr<GoogleTextToSpeech>(new GoogleTextToSpeech(*service));
}

QString GoogleTextToSpeech::name() const
{
    return QStringLiteral("google");
}

std::unique_ptr<Speech> GoogleTextToSpeech::speak(const SpeechRequest& request)
{
    return std::make_unique<GoogleSpeech>(m_service, request);
}

void GoogleTextToSpeech::connectAhead()
{
    m_service.auth->header(); // renewed in time
    m_service.pool->connectTo(m_service.settings.ttsUrl);
}

} // namespace kav::providers
