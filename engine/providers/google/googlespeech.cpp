// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/googlespeech.h"

#include "engine/media/audio.h"
#include "engine/media/g711.h"
#include "engine/providers/google/googlewords.h"
#include "engine/providers/google/mailbox.h"
#include "engine/providers/google/recognitionmodule.h"

#include <QPointer>
#include <QTimer>

#include <algorithm>
#include <future>
#include <map>
#include <utility>
#include <vector>

namespace kav::providers {

namespace {
constexpr qsizetype PieceOfAudio = media::SampleRate / 10; // bytes sent at a time
constexpr qsizetype LongestReplay = 60 * media::SampleRate; // audio without a final result that is kept
constexpr std::size_t MostOpenUtterances = 8; // of one call, without a result; a further one fails at once
constexpr Milliseconds LongestSilence{4000}; // without audio Google ends a stream after some ten seconds
constexpr Milliseconds DeadlineLook{50};
constexpr double StableFrom = 0.85; // of Google's stability, which is near 0.9 for what will not change

qsizetype bytesOf(Milliseconds length)
{
    return length.count() * media::SampleRate / 1000;
}

class GoogleStream final : public SpeechToTextStream {
public:
    GoogleStream(const GoogleService& service, std::shared_ptr<RecognitionService> recognition, const Clock& clock)
        : m_service(service)
        , m_recognition(std::move(recognition))
        , m_clock(clock)
    {
        connect(&m_deadlines, &QTimer::timeout, this, &GoogleStream::checkDeadlines);
    }
    ~GoogleStream() override
    {
        m_mailbox->close();
        for (auto& [id, utterance] : m_utterances)
            cancel(utterance);
    }

    void beginUtterance(int utterance, const RecognitionContext& context) override
    {
        if (m_utterances.size() >= MostOpenUtterances) {
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
        Utterance& begun = m_utterances[utterance];
        begun.context = context;
        begun.lastAudio = m_clock.now();
        addSegment(utterance, begun);
        m_deadlines.start(DeadlineLook);
    }
    void write(std::span<const qint16> pcm) override
    {
        const auto found = m_utterances.find(m_open);
        if (found == m_utterances.end())
            return;
        Utterance& utterance = found->second;
        utterance.lastAudio = m_clock.now();
        const qsizetype at = utterance.audio.size();
        utterance.audio.resize(at + qsizetype(pcm.size()));
        media::encodeMulaw(pcm, {reinterpret_cast<quint8*>(utterance.audio.data() + at), pcm.size()});
        if (utterance.audio.size() >= PieceOfAudio)
            sendAudio(m_open, utterance);
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
        ended.endedAt = m_clock.now();
        if (!ended.audio.isEmpty())
            sendAudio(utterance, ended);
        if (ended.segments.size() == 1 && ended.segments.front().sent == 0) {
            // Nothing was said: nothing is asked, and the result still comes later.
            cancel(ended);
            ended.segments.clear();
            QMetaObject::invokeMethod(
                this, [this, utterance] { conclude(utterance); }, Qt::QueuedConnection);
            return;
        }
        if (Segment& last = ended.segments.back(); last.stream)
            last.stream->finish();
    }
    void dropUtterance(int utterance) override { forget(utterance); }

private:
    /// One gRPC stream of an utterance.
    struct Segment final {
        std::shared_ptr<RecognitionStream> stream; // null while there is no token yet
        QByteArray waiting; // audio for it until then
        Instant began;
        qsizetype sent = 0; // bytes of audio, the waiting ones too
        QString finals, interim; // as Google wrote them
        double confidence = 0, stability = 0;
        int finalCount = 0;
        bool started = false;
        bool isOver = false; // nothing more comes of it
    };
    struct Utterance final {
        RecognitionContext context;
        QByteArray audio; // not sent yet: less than a piece
        Instant lastAudio, endedAt;
        bool ended = false;
        std::vector<Segment> segments; // in the order of their audio
        std::unique_ptr<GoogleAsk> ask;
        QByteArray kept; // of the last segment, what no final result covers
        qsizetype keptFrom = 0; // where in that segment it begins
        bool keptWhole = true; // and nothing of it is missing
    };

    void addSegment(int id, Utterance& utterance)
    {
        utterance.segments.emplace_back().began = m_clock.now();
        utterance.kept.clear();
        utterance.keptFrom = 0;
        utterance.keptWhole = true;
        if (const auto header = m_service.auth->header()) {
            startStream(id, utterance, *header);
            return;
        }
        utterance.ask = m_service.auth->ask();
        connect(utterance.ask.get(), &GoogleAsk::answered, this, [this, id](const GoogleHeader& header) {
            if (const auto found = m_utterances.find(id); found != m_utterances.end())
                startStream(id, found->second, header);
        });
        connect(utterance.ask.get(), &GoogleAsk::failed, this, [this, id](const Error& error) { fail(id, error); });
    }
    void startStream(int id, Utterance& utterance, const GoogleHeader& header)
    {
        const std::size_t index = utterance.segments.size() - 1;
        const auto told = [mailbox = m_mailbox, id, index](auto what) {
            mailbox->post([id, index, what](GoogleStream& stream) {
                if (const auto found = stream.m_utterances.find(id); found != stream.m_utterances.end()
                    && index < found->second.segments.size() && !found->second.segments[index].isOver)
                    what(stream, found->second, found->second.segments[index]);
            });
        };
        RecognitionEvents events;
        events.started = [told] { told([](GoogleStream&, Utterance&, Segment& segment) { segment.started = true; }); };
        events.heard = [told, id, index](const QList<RecognitionPiece>& pieces) {
            told([id, index, pieces](GoogleStream& stream, Utterance& heard, Segment& segment) {
                stream.take(id, heard, segment, index, pieces);
            });
        };
        events.ended = [told, id, header](const Result<void>& how) {
            told([id, header, how](GoogleStream& stream, Utterance& ended, Segment& segment) {
                segment.isOver = true;
                if (!how) {
                    if (how.error().code == Error::Code::Denied)
                        stream.m_service.auth->reject(header);
                    stream.fail(id, how.error());
                } else if (!ended.ended && &segment == &ended.segments.back()) {
                    stream.fail(id,
                        {Error::Code::Unavailable,
                            stream.m_recognition->host() + QStringLiteral(": it ended a stream that had not ended"),
                            {}});
                } else {
                    stream.conclude(id);
                }
            });
        };
        Segment& segment = utterance.segments.back();
        segment.stream = m_recognition->start(header,
            {googleLanguage(utterance.context.language), m_service.settings.sttModel, hintsOf(utterance.context)},
            std::move(events));
        if (!segment.waiting.isEmpty())
            segment.stream->write(std::exchange(segment.waiting, {}));
        if (utterance.ended)
            segment.stream->finish();
    }
    /// Gives what was heard to the last segment; to a new one when that has grown old.
    void sendAudio(int id, Utterance& utterance)
    {
        const Segment& current = utterance.segments.back();
        if (current.stream && m_clock.now() - current.began >= m_service.settings.rollOver)
            rollOver(id, utterance);
        if (!give(utterance, std::exchange(utterance.audio, {}))) {
            // Not from inside write(), whose caller expects no signal there.
            QMetaObject::invokeMethod(
                this,
                [this, id] {
                    fail(id,
                        {Error::Code::Unavailable, m_recognition->host() + QStringLiteral(": it takes no more audio"),
                            {}});
                },
                Qt::QueuedConnection);
        }
    }
    bool give(Utterance& utterance, const QByteArray& mulaw)
    {
        Segment& segment = utterance.segments.back();
        segment.sent += mulaw.size();
        utterance.kept += mulaw;
        if (const qsizetype tooMuch = utterance.kept.size() - LongestReplay; tooMuch > 0) {
            utterance.kept.remove(0, tooMuch);
            utterance.keptFrom += tooMuch;
            utterance.keptWhole = false;
        }
        if (segment.stream)
            return segment.stream->write(mulaw);
        segment.waiting += mulaw;
        return segment.waiting.size() <= LongestReplay;
    }
    /// A new stream. What the old one has not given a final result for is said to the new one again, so that no word is
    /// torn; where that is more than is kept, the old one is heard to its end instead.
    void rollOver(int id, Utterance& utterance)
    {
        Segment& old = utterance.segments.back();
        const QByteArray again = utterance.keptWhole ? utterance.kept : QByteArray();
        if (utterance.keptWhole) {
            old.interim.clear();
            old.isOver = true;
            old.stream->cancel();
        } else {
            old.stream->finish();
        }
        addSegment(id, utterance);
        if (!again.isEmpty())
            give(utterance, again);
    }
    void take(int id, Utterance& utterance, Segment& segment, std::size_t index, const QList<RecognitionPiece>& pieces)
    {
        if (pieces.isEmpty())
            return;
        segment.interim.clear();
        segment.stability = 1;
        for (const RecognitionPiece& piece : pieces) {
            QString& text = piece.isFinal ? segment.finals : segment.interim;
            text += QLatin1Char(' ') + piece.text;
            if (!piece.isFinal) {
                segment.stability = std::min(segment.stability, piece.stability);
                continue;
            }
            if (!piece.text.isEmpty()) {
                segment.confidence += piece.confidence;
                ++segment.finalCount;
            }
            if (index + 1 != utterance.segments.size())
                continue;
            const qsizetype end = piece.end.count() > 0 ? std::min(bytesOf(piece.end), segment.sent) : segment.sent;
            if (const qsizetype covered = end - utterance.keptFrom; covered >= 0) {
                utterance.kept.remove(0, std::min(covered, utterance.kept.size()));
                utterance.keptFrom = end;
                utterance.keptWhole = true;
            }
        }
        Transcript transcript = transcriptOf(utterance);
        transcript.confidence = 0;
        if (!transcript.text.isEmpty()) Q_EMIT
            partial(id, transcript);
    }
    static Transcript transcriptOf(const Utterance& utterance)
    {
        QString text;
        double confidence = 0;
        int finals = 0;
        bool isStable = true;
        for (const Segment& segment : utterance.segments) {
            text += QLatin1Char(' ') + segment.finals + QLatin1Char(' ') + segment.interim;
            confidence += segment.confidence;
            finals += segment.finalCount;
            isStable = isStable && (segment.interim.isEmpty() || segment.stability >= StableFrom);
        }
        return {wordsOf(text, utterance.context), finals ? confidence / finals : 0, isStable};
    }
    void conclude(int id)
    {
        const auto found = m_utterances.find(id);
        if (found == m_utterances.end() || !found->second.ended)
            return;
        const Utterance& utterance = found->second;
        if (std::any_of(utterance.segments.begin(), utterance.segments.end(),
                [](const Segment& segment) { return !segment.isOver; }))
            return;
        Transcript transcript = transcriptOf(utterance);
        transcript.stable = true;
        forget(id);
        Q_EMIT finished(id, transcript);
    }
    void fail(int id, const Error& error)
    {
        if (!m_utterances.contains(id))
            return;
        forget(id);
        Q_EMIT failed(id, error);
    }
    void forget(int id)
    {
        if (id == m_open)
            m_open = -1;
        const auto found = m_utterances.find(id);
        if (found == m_utterances.end())
            return;
        cancel(found->second);
        if (found->second.ask) // perhaps inside its signal
            found->second.ask.release()->deleteLater();
        m_utterances.erase(found);
        if (m_utterances.empty())
            m_deadlines.stop();
    }
    static void cancel(Utterance& utterance)
    {
        if (utterance.ask)
            utterance.ask->disconnect();
        for (const Segment& segment : utterance.segments)
            if (segment.stream && !segment.isOver)
                segment.stream->cancel();
    }
    void checkDeadlines()
    {
        const Instant now = m_clock.now();
        const GoogleSettings& settings = m_service.settings;
        std::vector<std::pair<int, Error>> late;
        for (auto& [id, utterance] : m_utterances) {
            if (utterance.segments.empty())
                continue;
            const Segment& last = utterance.segments.back();
            if (!last.started && !last.isOver && elapsed(last.began, now) >= settings.connectWait)
                late.emplace_back(id,
                    Error{Error::Code::Timeout,
                        QStringLiteral("%1: no stream within %2 ms")
                            .arg(m_recognition->host())
                            .arg(settings.connectWait.count()),
                        {}});
            else if (utterance.ended && elapsed(utterance.endedAt, now) >= settings.finalWait)
                late.emplace_back(id,
                    Error{Error::Code::Timeout,
                        QStringLiteral("%1: no final result within %2 ms")
                            .arg(m_recognition->host())
                            .arg(settings.finalWait.count()),
                        {}});
            else if (!utterance.ended && elapsed(utterance.lastAudio, now) >= LongestSilence) {
                utterance.lastAudio = now;
                utterance.audio += QByteArray(PieceOfAudio, char(media::MulawSilence));
                sendAudio(id, utterance);
            }
        }
        const QPointer<GoogleStream> guard(this);
        for (const auto& [id, error] : late) {
            if (!guard)
                return;
            if (const auto found = m_utterances.find(id); found != m_utterances.end()) {
                for (const Segment& segment : found->second.segments)
                    if (segment.stream && !segment.isOver)
                        segment.stream->giveUp();
            }
            fail(id, error);
        }
    }

    const GoogleService m_service;
    const std::shared_ptr<RecognitionService> m_recognition;
    const Clock& m_clock;
    const std::shared_ptr<Mailbox<GoogleStream>> m_mailbox = std::make_shared<Mailbox<GoogleStream>>(this);
    std::map<int, Utterance> m_utterances;
    int m_open = -1;
    QTimer m_deadlines;
};

/// One stream from beginning to end, waited for.
Result<void> probeRecognition(
    RecognitionService& recognition, const GoogleHeader& header, const RecognitionConfig& config, Milliseconds wait)
{
    const auto told = std::make_shared<std::promise<Result<void>>>();
    std::future<Result<void>> answer = told->get_future();
    RecognitionEvents events;
    events.started = [] {};
    events.heard = [](const QList<RecognitionPiece>&) {};
    events.ended = [told](const Result<void>& how) { told->set_value(how); };
    const auto stream = recognition.start(header, config, std::move(events));
    stream->write(QByteArray(PieceOfAudio, char(media::MulawSilence)));
    stream->finish();
    if (answer.wait_for(wait) == std::future_status::ready)
        return answer.get();
    stream->giveUp();
    return Error{Error::Code::Timeout,
        QStringLiteral("%1: no answer within %2 ms").arg(recognition.host()).arg(wait.count()), {}};
}
} // namespace

GoogleSpeechToText::GoogleSpeechToText(
    GoogleService service, std::shared_ptr<RecognitionService> recognition, const Clock& clock)
    : m_service(std::move(service))
    , m_recognition(std::move(recognition))
    , m_clock(clock)
{
}

Result<std::shared_ptr<GoogleSpeechToText>> GoogleSpeechToText::create(
    const GoogleSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock)
{
    const Result<const RecognitionModule*> module = loadRecognitionModule();
    if (!module)
        return module.error();
    const Result<std::shared_ptr<RecognitionService>> recognition = (*module)->create(settings.sttEndpoint);
    if (!recognition)
        return recognition.error();
    (*recognition)->connectAhead(); // while the token is fetched
    const Result<GoogleService> service = openGoogleService(settings, std::move(pool), clock);
    if (!service)
        return service.error();
    const auto header = service->auth->header();
    if (!header)
        return Error{Error::Code::Denied, QStringLiteral("Google's access token ends as soon as it is given"), {}};
    const Result<void> answer =
        probeRecognition(**recognition, *header, {QStringLiteral("en-US"), settings.sttModel, {}}, settings.probe);
    if (!answer)
        return answer.error();
    return std::shared_ptr<GoogleSpeechToText>(new GoogleSpeechToText(*service, *recognition, clock));
}

QString GoogleSpeechToText::name() const
{
    return QStringLiteral("google");
}

std::unique_ptr<SpeechToTextStream> GoogleSpeechToText::open(const CallInfo&)
{
    return std::make_unique<GoogleStream>(m_service, m_recognition, m_clock);
}

void GoogleSpeechToText::connectAhead()
{
    m_service.auth->header(); // renewed in time
    m_recognition->connectAhead();
}

} // namespace kav::providers
