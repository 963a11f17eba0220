// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/grpcrecognition.h"

#include "engine/media/audio.h"
#include "engine/providers/redaction.h"

#include <QRegularExpression>
#include <QUrl>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <google_speech_v1.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <mutex>
#include <thread>
#include <vector>

namespace kav::providers {

namespace {
namespace speech = google::cloud::speech::v1;
using RequestMessage = speech::StreamingRecognizeRequest;
using ResponseMessage = speech::StreamingRecognizeResponse;
// Answers are read as bytes and taken apart here: gRPC gives no sign of one that is garbage, and waits for the next.
using Stub = grpc::TemplatedGenericStub<RequestMessage, grpc::ByteBuffer>;
using Call = grpc::ClientAsyncReaderWriter<RequestMessage, grpc::ByteBuffer>;

constexpr char MethodName[] = "/google.cloud.speech.v1.Speech/StreamingRecognize";
constexpr std::size_t Channels = 2; // 200 streams at once
constexpr qsizetype LongestMessage = 16000; // bytes of audio; Google takes 25 KB
constexpr qsizetype MostUnsent = 120 * media::SampleRate;
constexpr std::chrono::seconds LongestStream{330}; // Google's own limit is 305
constexpr std::chrono::seconds LongestRetry{3600}; // taken of what Google asks for

struct Endpoint final {
    QString host;
    int port = 443;
    bool isSecure = true;
    bool isHere = false; ///< this machine
};

Result<Endpoint> parseEndpoint(const QString& text)
{
    const auto wrong = [](const QString& what) {
        return Error{Error::Code::Invalid, QStringLiteral("KAV_GOOGLE_STT_ENDPOINT: ") + what, {}};
    };
    const QString trimmed = text.trimmed();
    const bool saysScheme = trimmed.contains(QLatin1String("://"));
    const QUrl url(saysScheme ? trimmed : QStringLiteral("grpc://") + trimmed, QUrl::StrictMode);
    if (!url.isValid() || url.host().isEmpty() || !url.userInfo().isEmpty() || url.hasQuery() || url.path().size() > 1)
        return wrong(QStringLiteral("it is not of the form host:port"));
    Endpoint endpoint{url.host(), url.port(443), true, false};
    static const QRegularExpression here(QStringLiteral("^(?:localhost|127(?:\\.\\d{1,3}){3}|::1)$"));
    endpoint.isHere = here.match(endpoint.host).hasMatch();
    if (!saysScheme)
        endpoint.isSecure = !endpoint.isHere;
    else if (url.scheme() == QLatin1String("http"))
        endpoint.isSecure = false;
    else if (url.scheme() != QLatin1String("https"))
        return wrong(QStringLiteral("it is not of the form host:port"));
    return endpoint;
}

/// How long Google asks to be left alone; 0: it does not say.
Milliseconds retryDelayIn(const google::rpc::Status& status)
{
    for (const google::protobuf::Any& detail : status.details()) {
        google::rpc::RetryInfo info;
        if (detail.type_url().ends_with("/google.rpc.RetryInfo") && info.ParseFromString(detail.value())) {
            const std::chrono::seconds whole(
                std::clamp<int64_t>(info.retry_delay().seconds(), 0, LongestRetry.count()));
            return std::min<Milliseconds>(
                whole + Milliseconds(std::max(info.retry_delay().nanos(), 0) / 1000000), LongestRetry);
        }
    }
    return Milliseconds(0);
}

/// The status of a call with its details, where they can be read.
google::rpc::Status wholeStatus(const grpc::Status& status)
{
    google::rpc::Status whole;
    if (!whole.ParseFromString(status.error_details()))
        whole.Clear();
    whole.set_code(status.error_code());
    whole.set_message(status.error_message());
    return whole;
}

/// In an operator's words; Google's own go to `detail`.
Error errorOfStatus(const google::rpc::Status& status, const QString& host, const QStringList& secrets)
{
    const int code = status.code();
    const QString said = QString::fromStdString(status.message());
    const auto with = [&](Error::Code kind, const QString& what) {
        Error error{kind, host + QLatin1String(": ") + what, safeReason(said, secrets)};
        error.retryAfter = retryDelayIn(status);
        return error;
    };
    if (said.contains(QLatin1String("API key not valid")) || said.contains(QLatin1String("API_KEY_INVALID")))
        return with(Error::Code::Denied, QStringLiteral("there is no such API key"));
    if (said.contains(QLatin1String("has not been used in project")))
        return with(
            Error::Code::Denied, QStringLiteral("this service is not enabled in the project of the credentials"));
    switch (code) {
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
        return with(Error::Code::Denied, QStringLiteral("the credentials or the account are refused"));
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
        return with(Error::Code::LimitExceeded, QStringLiteral("too many requests, or the quota is used up"));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
        return with(Error::Code::Timeout, QStringLiteral("it took too long"));
    case grpc::StatusCode::OUT_OF_RANGE:
        return with(Error::Code::Invalid, QStringLiteral("it waited too long for audio, or the stream was too long"));
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
        return with(Error::Code::Invalid, QStringLiteral("the request is refused"));
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::UNIMPLEMENTED:
        return with(Error::Code::NotFound, QStringLiteral("there is no such service or model at this address"));
    case grpc::StatusCode::UNAVAILABLE:
        return with(Error::Code::Unavailable, QStringLiteral("no connection, or the service is away"));
    default:
        return with(Error::Code::Unavailable, QStringLiteral("the service has a fault"));
    }
}

RequestMessage firstMessage(const RecognitionConfig& config)
{
    RequestMessage message;
    speech::StreamingRecognitionConfig* streaming = message.mutable_streaming_config();
    streaming->set_interim_results(true);
    speech::RecognitionConfig* recognition = streaming->mutable_config();
    recognition->set_encoding(speech::RecognitionConfig::MULAW);
    recognition->set_sample_rate_hertz(media::SampleRate);
    recognition->set_language_code(config.language.toStdString());
    recognition->set_max_alternatives(1);
    recognition->set_model(config.model.toStdString());
    if (!config.hints.isEmpty()) {
        speech::SpeechContext* context = recognition->add_speech_contexts();
        for (const QString& hint : config.hints)
            context->add_phrases(hint.toStdString());
    }
    return message;
}

QList<RecognitionPiece> piecesOf(const ResponseMessage& response)
{
    QList<RecognitionPiece> pieces;
    for (const speech::StreamingRecognitionResult& result : response.results()) {
        RecognitionPiece piece;
        if (result.alternatives_size() > 0) {
            piece.text = QString::fromStdString(result.alternatives(0).transcript());
            piece.confidence = std::clamp(double(result.alternatives(0).confidence()), 0.0, 1.0);
        }
        piece.stability = double(result.stability());
        piece.isFinal = result.is_final();
        piece.end = std::chrono::seconds(result.result_end_time().seconds())
            + std::chrono::duration_cast<Milliseconds>(std::chrono::nanoseconds(result.result_end_time().nanos()));
        pieces.append(piece);
    }
    return pieces;
}

/// How many streams live; the service's end waits for none of them longer than their cancelling takes.
struct LiveStreams final {
    std::mutex mutex;
    std::condition_variable none;
    std::vector<RecognitionStream*> streams;
};

/// The channels that new streams are spread over. All are replaced when a stream got no answer: a connection of which
/// one side is gone looks healthy until its keepalive says otherwise.
class Lanes final {
public:
    struct Lane final {
        std::shared_ptr<grpc::Channel> channel;
        std::unique_ptr<Stub> stub;
        int generation = 0;
    };

    explicit Lanes(const Endpoint& endpoint)
        : m_security(endpoint.isSecure ? grpc::SslCredentials(grpc::SslCredentialsOptions())
                                       : grpc::InsecureChannelCredentials())
    {
        const QString host = endpoint.host.contains(QLatin1Char(':'))
            ? QLatin1Char('[') + endpoint.host + QLatin1Char(']')
            : endpoint.host;
        m_target = QStringLiteral("%1:%2").arg(host).arg(endpoint.port).toStdString();
        m_arguments.SetUserAgentPrefix("kav-engine");
        m_arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1); // else equal channels share one connection
        m_arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
        m_arguments.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, 1024 * 1024);
        // A connection that died unseen is found while streams are on it; without any it is not worth a ping.
        m_arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
        m_arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
        m_arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
        m_arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 250);
        m_arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
        if (endpoint.isHere)
            m_arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
        open();
    }

    std::shared_ptr<Lane> next()
    {
        const std::lock_guard lock(m_mutex);
        return m_lanes[m_next++ % m_lanes.size()];
    }
    void leave(int generation)
    {
        const std::lock_guard lock(m_mutex);
        if (generation == m_generation) // else another stream has been here
            open();
    }
    void connect()
    {
        const std::lock_guard lock(m_mutex);
        for (const auto& lane : m_lanes)
            lane->channel->GetState(true);
    }

private:
    void open()
    {
        ++m_generation;
        m_lanes.clear(); // streams keep theirs
        for (std::size_t i = 0; i < Channels; ++i) {
            auto lane = std::make_shared<Lane>();
            lane->channel = grpc::CreateCustomChannel(m_target, m_security, m_arguments);
            lane->stub = std::make_unique<Stub>(lane->channel);
            lane->generation = m_generation;
            m_lanes.push_back(std::move(lane));
        }
    }

    const std::shared_ptr<grpc::ChannelCredentials> m_security;
    std::string m_target;
    grpc::ChannelArguments m_arguments;
    std::mutex m_mutex; // guards the rest
    std::vector<std::shared_ptr<Lane>> m_lanes;
    std::size_t m_next = 0;
    int m_generation = 0;
};

class GrpcStream final : public RecognitionStream, public std::enable_shared_from_this<GrpcStream> {
public:
    enum class Step { Started, Written, Read, Finished };
    /// What the completion queue gives back: it keeps the stream until then.
    struct Tag final {
        std::shared_ptr<GrpcStream> stream;
        Step step;
    };

    GrpcStream(QString host, const GoogleHeader& header, RecognitionEvents events, std::shared_ptr<LiveStreams> live,
        std::shared_ptr<Lanes> lanes)
        : m_host(std::move(host))
        , m_secrets{QString::fromLatin1(header.value), QString::fromLatin1(header.value.mid(7))}
        , m_events(std::move(events))
        , m_live(std::move(live))
        , m_lanes(std::move(lanes))
        , m_lane(m_lanes->next())
    {
        m_context.AddMetadata(header.name.toStdString(), header.value.toStdString());
        m_context.set_deadline(std::chrono::system_clock::now() + LongestStream);
    }

    void start(grpc::CompletionQueue& queue, const RecognitionConfig& config)
    {
        {
            const std::lock_guard lock(m_live->mutex);
            m_live->streams.push_back(this);
        }
        const std::lock_guard lock(m_mutex);
        m_unsent.push_back(firstMessage(config));
        m_call = m_lane->stub->PrepareCall(&m_context, MethodName, &queue);
        m_call->StartCall(tag(Step::Started));
    }
    bool write(const QByteArray& mulaw) override
    {
        const std::lock_guard lock(m_mutex);
        if (m_unsentBytes + mulaw.size() > MostUnsent)
            return false;
        if (m_over || m_isLast)
            return true;
        for (qsizetype at = 0; at < mulaw.size(); at += LongestMessage) {
            const qsizetype length = std::min(LongestMessage, mulaw.size() - at);
            m_unsent.emplace_back().set_audio_content(mulaw.constData() + at, std::size_t(length));
            m_unsentBytes += length;
        }
        send();
        return true;
    }
    void finish() override
    {
        const std::lock_guard lock(m_mutex);
        if (m_over || m_isLast)
            return;
        m_isLast = true;
        send();
    }
    void cancel() override { m_context.TryCancel(); }
    void giveUp() override
    {
        m_lanes->leave(m_lane->generation);
        cancel();
    }

    /// On the service's thread.
    void on(Step step, bool isGood);

private:
    Tag* tag(Step step) { return new Tag{shared_from_this(), step}; }
    void send();
    void take(const grpc::ByteBuffer& bytes);
    void end(const Result<void>& how);

    const QString m_host;
    const QStringList m_secrets;
    const RecognitionEvents m_events;
    const std::shared_ptr<LiveStreams> m_live;
    const std::shared_ptr<Lanes> m_lanes;
    const std::shared_ptr<Lanes::Lane> m_lane;
    grpc::ClientContext m_context;
    std::unique_ptr<Call> m_call;
    grpc::ByteBuffer m_response; // the service's thread
    grpc::Status m_status; // the service's thread
    std::optional<Error> m_error; // the service's thread

    std::mutex m_mutex; // guards the rest
    std::deque<RequestMessage> m_unsent;
    qsizetype m_unsentBytes = 0;
    bool m_isStarted = false, m_isWriting = false;
    bool m_isLast = false; // nothing is written after what waits
    bool m_isLastSent = false;
    bool m_over = false; // no operation may begin any more
};

void GrpcStream::on(Step step, bool isGood)
{
    switch (step) {
    case Step::Started: {
        if (isGood)
            m_events.started();
        const std::lock_guard lock(m_mutex);
        m_isStarted = isGood;
        if (isGood) {
            send();
            m_call->Read(&m_response, tag(Step::Read));
        } else {
            m_over = true;
            m_call->Finish(&m_status, tag(Step::Finished));
        }
        return;
    }
    case Step::Written: {
        const std::lock_guard lock(m_mutex);
        m_isWriting = false;
        if (isGood)
            send();
        return; // else Read says why
    }
    case Step::Read: {
        if (isGood && !m_error)
            take(m_response);
        const std::lock_guard lock(m_mutex);
        if (isGood) {
            m_call->Read(&m_response, tag(Step::Read));
        } else {
            m_over = true;
            m_call->Finish(&m_status, tag(Step::Finished));
        }
        return;
    }
    case Step::Finished:
        if (m_error)
            end(*m_error);
        else if (m_status.ok())
            end({});
        else
            end(errorOfStatus(wholeStatus(m_status), m_host, m_secrets));
        return;
    }
}

/// The next message, when nothing is on its way. With the mutex held.
void GrpcStream::send()
{
    if (!m_isStarted || m_isWriting || m_isLastSent || m_over)
        return;
    if (m_unsent.empty()) {
        if (!m_isLast)
            return;
        m_isWriting = m_isLastSent = true;
        m_call->WritesDone(tag(Step::Written));
        return;
    }
    const RequestMessage message = std::move(m_unsent.front());
    m_unsent.pop_front();
    m_unsentBytes -= qsizetype(message.audio_content().size());
    m_isWriting = true;
    if (m_isLast && m_unsent.empty()) {
        m_isLastSent = true;
        m_call->WriteLast(message, grpc::WriteOptions(), tag(Step::Written));
    } else {
        m_call->Write(message, tag(Step::Written));
    }
}

void GrpcStream::take(const grpc::ByteBuffer& bytes)
{
    grpc::Slice whole;
    ResponseMessage response;
    if (!bytes.DumpToSingleSlice(&whole).ok() || !response.ParseFromArray(whole.begin(), int(whole.size())))
        m_error = Error{Error::Code::Unavailable, m_host + QStringLiteral(": its answer cannot be read"), {}};
    else if (response.has_error() && response.error().code() != 0)
        m_error = errorOfStatus(response.error(), m_host, m_secrets);
    else
        m_events.heard(piecesOf(response));
    if (m_error)
        m_context.TryCancel();
}

void GrpcStream::end(const Result<void>& how)
{
    m_events.ended(how);
    const std::lock_guard lock(m_live->mutex);
    std::erase(m_live->streams, this);
    if (m_live->streams.empty())
        m_live->none.notify_all();
}

class GrpcService final : public RecognitionService {
public:
    explicit GrpcService(const Endpoint& endpoint)
        : m_host(endpoint.host)
        , m_lanes(std::make_shared<Lanes>(endpoint))
        , m_thread([this] { run(); })
    {
    }
    ~GrpcService() override
    {
        {
            std::unique_lock lock(m_live->mutex);
            for (RecognitionStream* stream : m_live->streams)
                stream->cancel();
            m_live->none.wait(lock, [this] { return m_live->streams.empty(); });
        }
        m_queue.Shutdown();
        m_thread.join();
    }

    std::shared_ptr<RecognitionStream> start(
        const GoogleHeader& header, const RecognitionConfig& config, RecognitionEvents events) override
    {
        auto stream = std::make_shared<GrpcStream>(m_host, header, std::move(events), m_live, m_lanes);
        stream->start(m_queue, config);
        return stream;
    }
    void connectAhead() override { m_lanes->connect(); }
    QString host() const override { return m_host; }

private:
    void run()
    {
        void* next = nullptr;
        bool isGood = false;
        while (m_queue.Next(&next, &isGood)) {
            const std::unique_ptr<GrpcStream::Tag> tag(static_cast<GrpcStream::Tag*>(next));
            tag->stream->on(tag->step, isGood);
        }
    }

    const QString m_host;
    const std::shared_ptr<Lanes> m_lanes;
    const std::shared_ptr<LiveStreams> m_live = std::make_shared<LiveStreams>();
    grpc::CompletionQueue m_queue;
    std::thread m_thread; // last: it uses the others
};
} // namespace

Result<std::shared_ptr<RecognitionService>> makeGrpcRecognition(const QString& endpoint)
{
    const Result<Endpoint> parsed = parseEndpoint(endpoint);
    if (!parsed)
        return parsed.error();
    return std::shared_ptr<RecognitionService>(std::make_shared<GrpcService>(*parsed));
}

} // namespace kav::providers
