// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/openaitranscription.h"

#include "engine/media/g711.h"
#include "engine/media/resampler.h"
#include "engine/providers/openai/whispertext.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <QUuid>
#include <QtEndian>

#include <map>
#include <optional>
#include <vector>

namespace kav::providers {

namespace {
constexpr int SentRate = 16000;
constexpr std::size_t LongestSamples = std::size_t(OpenAiTranscription::LongestUtterance.count()) * SentRate;
constexpr std::size_t ShortestSamples = SentRate / 10; // OpenAI refuses less than 0.1 s
constexpr qsizetype LongestResult = 256 * 1024;
constexpr qsizetype LongestPrompt = 600; // characters; a Whisper model reads the last 224 tokens
// Far below the quietest caller: a dead line, or comfort noise.
constexpr int SilentPeak = 100;
constexpr int VoicedRms = 130;

/// 20 ms of the line at a time, for how long there was a voice.
class VoiceMeter final {
public:
    void add(std::span<const qint16> pcm)
    {
        for (qint16 sample : pcm) {
            m_frame[m_filled++] = sample;
            if (m_filled == m_frame.size()) {
                const media::Level level = media::levelOf(m_frame);
                m_peak = std::max(m_peak, level.peak);
                if (level.rms >= VoicedRms)
                    m_voiced += media::FrameDuration;
                m_filled = 0;
            }
        }
    }
    bool isSilent() const { return m_peak < SilentPeak; }
    std::chrono::milliseconds voiced() const { return m_voiced; }

private:
    media::PcmFrame m_frame{};
    std::size_t m_filled = 0;
    int m_peak = 0;
    std::chrono::milliseconds m_voiced{0};
};

QByteArray wavOf(const std::vector<qint16>& samples)
{
    const auto bytes = quint32(samples.size() * 2);
    QByteArray wav;
    wav.reserve(qsizetype(bytes) + 44);
    const auto put = [&wav](auto value) {
        std::array<char, sizeof value> raw;
        qToLittleEndian(value, raw.data());
        wav.append(raw.data(), qsizetype(raw.size()));
    };
    wav += "RIFF";
    put(quint32(36 + bytes));
    wav += "WAVEfmt ";
    put(quint32(16));
    put(quint16(1)); // PCM
    put(quint16(1)); // mono
    put(quint32(SentRate));
    put(quint32(SentRate * 2));
    put(quint16(2));
    put(quint16(16));
    wav += "data";
    put(bytes);
    const qsizetype at = wav.size();
    wav.resize(at + qsizetype(bytes));
    qToLittleEndian<qint16>(samples.data(), qsizetype(samples.size()), wav.data() + at);
    return wav;
}

/// The recogniser of one call.
class OpenAiEar final : public SpeechToTextStream {
public:
    OpenAiEar(const OpenAiTranscriptionSettings& settings, std::shared_ptr<HttpPool> pool, const CallInfo& call)
        : m_settings(settings)
        , m_pool(std::move(pool))
        , m_language(call.language)
    {
    }

    void beginUtterance(int utterance, const RecognitionContext& context) override
    {
        auto resampler = media::Resampler::create(media::SampleRate, SentRate);
        Q_ASSERT(resampler.ok()); // two good rates
        m_open.emplace(Utterance{utterance, context, {}, std::move(resampler).value(), {}});
    }

    void write(std::span<const qint16> pcm) override
    {
        if (!m_open || m_open->samples.size() >= LongestSamples)
            return;
        m_open->meter.add(pcm);
        m_open->resampler.process(pcm, m_open->samples);
        if (m_open->samples.size() > LongestSamples)
            m_open->samples.resize(LongestSamples);
    }

    void endUtterance(int utterance) override
    {
        if (!m_open || m_open->id != utterance)
            return;
        Utterance over = std::move(*m_open);
        m_open.reset();
        over.resampler.finish(over.samples);
        if (over.samples.size() > LongestSamples)
            over.samples.resize(LongestSamples);
        if (over.samples.size() < ShortestSamples || over.meter.isSilent()) {
            // Asked about silence, these models make words up.
            m_underWay[utterance];
            QMetaObject::invokeMethod(
                this, [this, utterance] { finish(utterance, {}); }, Qt::QueuedConnection);
            return;
        }
        if (int(m_underWay.size()) >= OpenAiTranscription::MostUnderWay) {
            m_underWay[utterance];
            QMetaObject::invokeMethod(
                this,
                [this, utterance] {
                    fail(utterance,
                        {Error::Code::Invalid, QStringLiteral("too many utterances wait for their words"), {}});
                },
                Qt::QueuedConnection);
            return;
        }
        send(over);
    }

    void dropUtterance(int utterance) override
    {
        if (m_open && m_open->id == utterance)
            m_open.reset();
        m_underWay.erase(utterance);
    }

private:
    struct Utterance final {
        int id = 0;
        RecognitionContext context;
        std::vector<qint16> samples; ///< 16 kHz
        media::Resampler resampler;
        VoiceMeter meter;
    };
    struct UnderWay final {
        std::unique_ptr<HttpCall> request; ///< null: answered without asking
        QByteArray answer;
    };

    void send(const Utterance& utterance)
    {
        const QString language = utterance.context.language.isEmpty() ? m_language : utterance.context.language;
        const QByteArray boundary = "kav-" + QUuid::createUuid().toRfc4122().toHex();
        QByteArray body;
        const auto field = [&](const QByteArray& name, const QByteArray& value) {
            body +=
                "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
        };
        field("model", m_settings.model.toUtf8());
        field("response_format", "json");
        field("temperature", "0");
        if (const QString iso = isoLanguage(language); !iso.isEmpty())
            field("language", iso.toLatin1());
        if (const QString prompt = promptOf(utterance.context); !prompt.isEmpty())
            field("prompt", prompt.toUtf8());
        body += "--" + boundary
            + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"utterance.wav\"\r\n"
              "Content-Type: audio/wav\r\n\r\n"
            + wavOf(utterance.samples) + "\r\n--" + boundary + "--\r\n";

        HttpRequest request = openAiRequest(m_settings.service, QStringLiteral("/audio/transcriptions"));
        request.headers.append({QByteArrayLiteral("Content-Type"), "multipart/form-data; boundary=" + boundary});
        request.body = body;
        request.limit = LongestResult;

        const int id = utterance.id;
        UnderWay& asked = m_underWay[id];
        asked.request = m_pool->start(request);
        HttpCall* call = asked.request.get();
        connect(call, &HttpCall::data, this, [this, id](const QByteArray& bytes) { m_underWay[id].answer += bytes; });
        connect(call, &HttpCall::finished, this,
            [this, id, language, context = utterance.context, voiced = utterance.meter.voiced()] {
                onAnswer(id, language, context, voiced);
            });
        connect(call, &HttpCall::failed, this,
            [this, id](const Error& error) { fail(id, openAiError(m_settings.service, error)); });
    }

    static QString promptOf(const RecognitionContext& context)
    {
        QString prompt;
        for (const QString& phrase : context.phrases) {
            const QString next =
                prompt.isEmpty() ? phrase.simplified() : prompt + QStringLiteral(", ") + phrase.simplified();
            if (next.size() > LongestPrompt)
                break;
            prompt = next;
        }
        return prompt;
    }

    void onAnswer(
        int utterance, const QString& language, const RecognitionContext& context, std::chrono::milliseconds voiced)
    {
        const QByteArray answer = m_underWay[utterance].answer.trimmed();
        QString written;
        if (answer.startsWith('{')) {
            QJsonParseError error;
            const QJsonObject object = QJsonDocument::fromJson(answer, &error).object();
            if (object.contains(QLatin1String("error"))) {
                fail(utterance, openAiErrorOf(m_settings.service, object.value(QLatin1String("error"))));
                return;
            }
            if (!object.value(QLatin1String("text")).isString()) {
                fail(utterance,
                    {Error::Code::Unavailable,
                        QStringLiteral("%1 answered without a text").arg(m_settings.service.base.host()),
                        error.errorString()});
                return;
            }
            written = object.value(QLatin1String("text")).toString();
        } else if (answer.startsWith('<') && !answer.startsWith("<|")) {
            fail(utterance,
                {Error::Code::Unavailable,
                    QStringLiteral("%1 answered with a page instead of a text").arg(m_settings.service.base.host()),
                    {}});
            return;
        } else {
            written = QString::fromUtf8(answer); // some servers answer in plain text whatever they are asked for
        }
        const QString text = whisperText(written, language, context.digits, voiced);
        // Over noise such a model repeats its prompt; nobody says a whole list of hints.
        const bool isPrompt =
            context.phrases.size() > 1 && text == whisperText(promptOf(context), language, false, voiced);
        finish(utterance, isPrompt ? QString() : text);
    }

    void finish(int utterance, const QString& text)
    {
        if (!m_underWay.erase(utterance))
            return; // dropped meanwhile
        Transcript transcript;
        transcript.text = text;
        Q_EMIT finished(utterance, transcript);
    }

    void fail(int utterance, const Error& error)
    {
        if (m_underWay.erase(utterance)) Q_EMIT
            failed(utterance, error);
    }

    const OpenAiTranscriptionSettings m_settings;
    const std::shared_ptr<HttpPool> m_pool;
    const QString m_language;
    std::optional<Utterance> m_open;
    std::map<int, UnderWay> m_underWay;
};
} // namespace

OpenAiTranscription::OpenAiTranscription(const OpenAiTranscriptionSettings& settings, std::shared_ptr<HttpPool> pool)
    : m_settings(settings)
    , m_pool(std::move(pool))
{
}

Result<std::shared_ptr<OpenAiTranscription>> OpenAiTranscription::create(
    const OpenAiTranscriptionSettings& settings, std::shared_ptr<HttpPool> pool, const Clock&)
{
    if (auto proven = probeOpenAi(settings.service, *pool); !proven)
        return proven.error();
    return std::shared_ptr<OpenAiTranscription>(new OpenAiTranscription(settings, std::move(pool)));
}

QString OpenAiTranscription::name() const
{
    return QStringLiteral("openai");
}

std::unique_ptr<SpeechToTextStream> OpenAiTranscription::open(const CallInfo& call)
{
    return std::make_unique<OpenAiEar>(m_settings, m_pool, call);
}

void OpenAiTranscription::connectAhead()
{
    m_pool->connectTo(m_settings.service.base);
}

} // namespace kav::providers
