// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/googlerest.h"

#include "engine/media/audio.h"
#include "engine/media/g711.h"
#include "engine/providers/google/googlewords.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QPointer>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace kav::providers {

namespace {
constexpr qsizetype LongestPart = 55 * media::SampleRate; // bytes; Google takes 60 s at a time
constexpr std::size_t MostParts = 10; // of one utterance: over nine minutes; audio after that is dropped
constexpr std::size_t MostUtterances = 8; // of one call, without a result; a further one fails at once

struct RestText final {
    QString text;
    double confidence = 0;
    qsizetype length = 0; ///< of audio
    bool known = false;
};

HttpRequest recognizeRequest(const GoogleService& service, const RecognitionContext& context, const QByteArray& mulaw)
{
    QJsonObject config{{QStringLiteral("encoding"), QStringLiteral("MULAW")},
        {QStringLiteral("sampleRateHertz"), media::SampleRate},
        {QStringLiteral("languageCode"), googleLanguage(context.language)}, {QStringLiteral("maxAlternatives"), 1}};
    if (!service.settings.sttModel.isEmpty())
        config.insert(QStringLiteral("model"), service.settings.sttModel);
    if (const QStringList hints = hintsOf(context); !hints.isEmpty())
        config.insert(QStringLiteral("speechContexts"),
            QJsonArray{QJsonObject{{QStringLiteral("phrases"), QJsonArray::fromStringList(hints)}}});
    return googleRequest(service, service.settings.sttUrl, QStringLiteral("/v1/speech:recognize"),
        {{QStringLiteral("config"), config},
            {QStringLiteral("audio"),
                QJsonObject{{QStringLiteral("content"), QString::fromLatin1(mulaw.toBase64())}}}});
}

/// An object without results is silence.
Result<RestText> readResults(const QByteArray& body)
{
    const QJsonDocument document = QJsonDocument::fromJson(body);
    if (!document.isObject())
        return Error{Error::Code::Unavailable, QStringLiteral("Google's answer is no JSON object"), {}};
    RestText text;
    int counted = 0;
    const QJsonArray results = document.object().value(QLatin1String("results")).toArray();
    for (const QJsonValue& result : results) {
        const QJsonObject best = result.toObject().value(QLatin1String("alternatives")).toArray().at(0).toObject();
        const QString words = best.value(QLatin1String("transcript")).toString();
        if (words.isEmpty())
            continue;
        text.text += QLatin1Char(' ') + words;
        text.confidence += std::clamp(best.value(QLatin1String("confidence")).toDouble(), 0.0, 1.0);
        ++counted;
    }
    if (counted > 1)
        text.confidence /= counted;
    return text;
}

class GoogleRestStream final : public SpeechToTextStream {
public:
    explicit GoogleRestStream(const GoogleService& service)
        : m_service(service)
    {
    }

    void beginUtterance(int utterance, const RecognitionContext& context) override
    {
        if (m_utterances.size() >= MostUtterances) {
            QMetaObject::invokeMethod(
                this,
                [this, utterance] {
                    Q_EMIT failed(utterance,
                        {Error::Code::Invalid, QStringLiteral("too many utterances wait for Google's results"), {}});
                },
                Qt::QueuedConnection);
            return;
        }
        m_open = utterance;
        m_utterances[utterance].context = context;
    }
    void write(std::span<const qint16> pcm) override
    {
        const auto found = m_utterances.find(m_open);
        if (found == m_utterances.end())
            return;
        Utterance& open = found->second;
        if (open.parts.size() >= MostParts)
            return;
        const qsizetype at = open.audio.size();
        open.audio.resize(at + qsizetype(pcm.size()));
        media::encodeMulaw(pcm, {reinterpret_cast<quint8*>(open.audio.data() + at), pcm.size()});
        while (open.audio.size() >= LongestPart && open.parts.size() < MostParts) {
            const QByteArray part = open.audio.left(LongestPart);
            open.audio.remove(0, LongestPart);
            send(m_open, open, part);
        }
    }
    void endUtterance(int utterance) override
    {
        const auto found = m_utterances.find(utterance);
        if (found == m_utterances.end() || found->second.ended)
            return;
        if (utterance == m_open)
            m_open = -1;
        Utterance& ended = found->second;
        ended.ended = true;
        if (!ended.audio.isEmpty() && ended.parts.size() < MostParts)
            send(utterance, ended, std::exchange(ended.audio, {}));
        // Without audio there is nothing to ask; its result still comes later.
        QMetaObject::invokeMethod(
            this, [this, utterance] { conclude(utterance); }, Qt::QueuedConnection);
    }
    void dropUtterance(int utterance) override
    {
        if (utterance == m_open)
            m_open = -1;
        forget(utterance);
    }

private:
    struct Utterance final {
        RecognitionContext context;
        QByteArray audio; // mu-law, not sent yet
        std::vector<RestText> parts;
        std::vector<std::unique_ptr<GoogleCall>> calls; // one for each part
        bool ended = false;
    };

    void send(int id, Utterance& utterance, const QByteArray& mulaw)
    {
        const std::size_t index = utterance.parts.size();
        utterance.parts.push_back({{}, 0, mulaw.size(), false});
        auto call = std::make_unique<GoogleCall>(m_service, recognizeRequest(m_service, utterance.context, mulaw));
        connect(call.get(), &GoogleCall::finished, this, [this, id, index](const QByteArray& body) {
            const Result<RestText> text = readResults(body);
            if (!text) {
                fail(id, text.error());
                return;
            }
            RestText& part = m_utterances.at(id).parts[index];
            part.text = text->text;
            part.confidence = text->confidence;
            part.known = true;
            conclude(id);
        });
        connect(call.get(), &GoogleCall::failed, this, [this, id](const Error& error) { fail(id, error); });
        utterance.calls.push_back(std::move(call));
    }
    void conclude(int id)
    {
        const auto found = m_utterances.find(id);
        if (found == m_utterances.end() || !found->second.ended)
            return;
        const Utterance& utterance = found->second;
        QString text;
        double confidence = 0;
        qsizetype spoken = 0;
        for (const RestText& part : utterance.parts) {
            if (!part.known)
                return;
            text += part.text;
            if (!part.text.isEmpty()) {
                confidence += part.confidence * double(part.length);
                spoken += part.length;
            }
        }
        const Transcript transcript{wordsOf(text, utterance.context), spoken ? confidence / double(spoken) : 0, true};
        forget(id);
        Q_EMIT finished(id, transcript);
    }
    void fail(int id, const Error& error)
    {
        if (id == m_open)
            m_open = -1;
        forget(id);
        Q_EMIT failed(id, error);
    }
    void forget(int id)
    {
        const auto found = m_utterances.find(id);
        if (found == m_utterances.end())
            return;
        for (auto& call : found->second.calls) { // perhaps inside the signal of one
            call->disconnect(this);
            call.release()->deleteLater();
        }
        m_utterances.erase(found);
    }

    const GoogleService m_service;
    std::map<int, Utterance> m_utterances;
    int m_open = -1;
};
} // namespace

GoogleRestSpeechToText::GoogleRestSpeechToText(GoogleService service)
    : m_service(std::move(service))
{
}

Result<std::shared_ptr<GoogleRestSpeechToText>> GoogleRestSpeechToText::create(
    const GoogleSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock)
{
    if (!isServiceAddress(settings.sttUrl))
        return Error{
            Error::Code::Invalid, QStringLiteral("KAV_GOOGLE_STT_URL: it is no http:// or https:// address"), {}};
    const Result<GoogleService> service = openGoogleService(settings, std::move(pool), clock);
    if (!service)
        return service.error();
    const QByteArray silence(media::SampleRate / 10, char(media::MulawSilence));
    const Result<QByteArray> answer = callGoogle(*service, recognizeRequest(*service, {}, silence));
    if (!answer)
        return answer.error();
    if (const Result<RestText> read = readResults(*answer); !read)
        return read.error();
    return std::shared_ptr<GoogleRestSpeechToText>(new GoogleRestSpeechToText(*service));
}

QString GoogleRestSpeechToText::name() const
{
    return QStringLiteral("google-rest");
}

std::unique_ptr<SpeechToTextStream> GoogleRestSpeechToText::open(const CallInfo&)
{
    return std::make_unique<GoogleRestStream>(m_service);
}

void GoogleRestSpeechToText::connectAhead()
{
    m_service.auth->header(); // renewed in time
    m_service.pool->connectTo(m_service.settings.sttUrl);
}

} // namespace kav::providers
