// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/openaispeech.h"

#include "engine/media/g711.h"
#include "engine/media/resampler.h"
#include "engine/providers/openai/soundreader.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <QPointer>

#include <optional>
#include <vector>

namespace kav::providers {

namespace {
constexpr qsizetype LongestSound = 64 * 1024 * 1024; // bytes of one answer: over twenty minutes

/// One text on its way to sound; one request at a time.
class OpenAiSpoken final : public Speech {
public:
    OpenAiSpoken(const OpenAiSpeechSettings& settings, std::shared_ptr<HttpPool> pool, const SpeechRequest& request)
        : m_settings(settings)
        , m_pool(std::move(pool))
        , m_isOwnVoice(!request.voice.isEmpty())
        , m_voice(request.voice.isEmpty() ? settings.voice : request.voice)
        , m_rest(request.text.trimmed())
    {
        if (m_rest.isEmpty())
            QMetaObject::invokeMethod(
                this, [this] { Q_EMIT finished(); }, Qt::QueuedConnection);
        else
            startPiece();
    }

private:
    QString takePiece()
    {
        if (m_rest.size() <= OpenAiSpeech::LongestInput)
            return std::exchange(m_rest, {});
        qsizetype end = OpenAiSpeech::LongestInput;
        while (end > OpenAiSpeech::LongestInput / 2 && !m_rest[end].isSpace())
            --end;
        if (!m_rest[end].isSpace()) {
            end = OpenAiSpeech::LongestInput; // no white space: cut where it is, but no character in two
            if (m_rest[end].isLowSurrogate())
                --end;
        }
        const QString piece = m_rest.left(end);
        m_rest = m_rest.mid(end).trimmed();
        return piece;
    }

    void startPiece()
    {
        HttpRequest request = openAiRequest(m_settings.service, QStringLiteral("/audio/speech"));
        request.headers.append({QByteArrayLiteral("Content-Type"), QByteArrayLiteral("application/json")});
        request.body = QJsonDocument(
            QJsonObject{{QStringLiteral("model"), m_settings.model}, {QStringLiteral("voice"), m_voice},
                {QStringLiteral("input"), takePiece()}, {QStringLiteral("response_format"), QStringLiteral("pcm")}})
                           .toJson(QJsonDocument::Compact);
        request.limit = LongestSound;
        m_reader.reset();
        m_resampler.reset();
        m_hasSound = false;
        m_request = m_pool->start(request);
        connect(m_request.get(), &HttpCall::head, this,
            [this](int, const QByteArray& contentType) { m_reader.emplace(contentType); });
        connect(m_request.get(), &HttpCall::data, this, [this](const QByteArray& bytes) { onData(bytes); });
        connect(m_request.get(), &HttpCall::finished, this, [this] { onPieceOver(); });
        connect(m_request.get(), &HttpCall::failed, this, [this](const Error& error) {
            Error told = openAiError(m_settings.service, error);
            if (told.code == Error::Code::NotFound && m_isOwnVoice)
                told.code = Error::Code::Invalid;
            fail(told);
        });
    }

    void onData(const QByteArray& bytes)
    {
        m_samples.clear();
        if (auto read = m_reader->add(bytes, m_samples); !read)
            fail(read.error());
        else
            speak(false);
    }

    void onPieceOver()
    {
        m_samples.clear();
        if (auto read = m_reader->finish(m_samples); !read) {
            fail(read.error());
            return;
        }
        if (!speak(true))
            return;
        if (!m_hasSound) {
            fail({Error::Code::Unavailable,
                QStringLiteral("%1 answered without any sound").arg(m_settings.service.base.host()), {}});
        } else if (!m_rest.isEmpty()) {
            startPiece();
        } else {
            m_request.reset();
            Q_EMIT finished();
        }
    }

    /// False: this object is gone, or has failed.
    bool speak(bool isLast)
    {
        if (m_samples.empty() && !(isLast && m_resampler))
            return true;
        if (!m_resampler) {
            auto made = media::Resampler::create(m_reader->rateHz(), media::SampleRate);
            if (!made) {
                fail(made.error());
                return false;
            }
            m_resampler.emplace(std::move(made).value());
        }
        m_hasSound = true;
        m_out.clear();
        m_resampler->process(m_samples, m_out);
        if (isLast)
            m_resampler->finish(m_out);
        if (m_out.empty())
            return true;
        QByteArray mulaw(qsizetype(m_out.size()), Qt::Uninitialized);
        media::encodeMulaw(m_out, {reinterpret_cast<quint8*>(mulaw.data()), m_out.size()});
        const QPointer<OpenAiSpoken> alive(this);
        Q_EMIT audio(mulaw);
        return !alive.isNull();
    }

    void fail(const Error& error)
    {
        m_request.reset();
        Q_EMIT failed(error);
    }

    const OpenAiSpeechSettings m_settings;
    const std::shared_ptr<HttpPool> m_pool;
    const bool m_isOwnVoice; // the request named it
    const QString m_voice;
    QString m_rest; ///< not asked for yet
    std::unique_ptr<HttpCall> m_request;
    std::optional<SoundReader> m_reader;
    std::optional<media::Resampler> m_resampler;
    std::vector<qint16> m_samples, m_out; // kept for their room
    bool m_hasSound = false;
};
} // namespace

OpenAiSpeech::OpenAiSpeech(const OpenAiSpeechSettings& settings, std::shared_ptr<HttpPool> pool)
    : m_settings(settings)
    , m_pool(std::move(pool))
{
}

Result<std::shared_ptr<OpenAiSpeech>> OpenAiSpeech::create(
    const OpenAiSpeechSettings& settings, std::shared_ptr<HttpPool> pool, const Clock&)
{
    if (auto proven = probeOpenAi(settings.service, *pool); !proven)
        return proven.error();
    return std::shared_ptr<OpenAiSpeech>(new OpenAiSpeech(settings, std::move(pool)));
}

QString OpenAiSpeech::name() const
{
    return QStringLiteral("openai");
}

std::unique_ptr<Speech> OpenAiSpeech::speak(const SpeechRequest& request)
{
    return std::make_unique<OpenAiSpoken>(m_settings, m_pool, request);
}

void OpenAiSpeech::connectAhead()
{
    m_pool->connectTo(m_settings.service.base);
}

} // namespace kav::providers
