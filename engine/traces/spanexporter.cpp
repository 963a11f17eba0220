// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/spanexporter.h"

#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QRandomGenerator>

#include <algorithm>
#include <utility>

namespace kav::traces {

namespace {
constexpr qsizetype LongestAnswer = 64 * 1024;
constexpr int Ok = 200, MultipleChoices = 300;
} // namespace

Milliseconds retryWait(const Settings& settings, int attempt, Milliseconds retryAfter, double random)
{
    if (retryAfter > Milliseconds(0))
        return std::min(retryAfter, settings.longestRetryAfter);
    Milliseconds wait = settings.firstRetry;
    for (int i = 1; i < attempt && wait < settings.longestRetry; ++i)
        wait *= 2;
    wait = std::min(wait, settings.longestRetry);
    return wait / 2 + Milliseconds(qint64(double(wait.count()) / 2 * std::clamp(random, 0.0, 1.0)));
}

bool isRetryable(int status)
{
    return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

SpanExporter::SpanExporter(const Settings& settings, providers::HttpPool& http, SpanTotals& totals)
    : m_settings(settings)
    , m_http(http)
    , m_totals(totals)
    , m_envelope(resourceOf(settings), settings.version)
    , m_batchTimer(this)
    , m_retryTimer(this)
{
    m_batchTimer.setSingleShot(true);
    m_retryTimer.setSingleShot(true);
    connect(&m_batchTimer, &QTimer::timeout, this, &SpanExporter::sendNext);
    connect(&m_retryTimer, &QTimer::timeout, this, &SpanExporter::post);
}

SpanExporter::~SpanExporter()
{
    m_totals.dropped += m_queue.size() + size_t(m_batch);
    m_totals.waiting = 0;
}

void SpanExporter::add(const QList<Span>& spans)
{
    KAV_ASSERT_THREAD(this);
    for (const Span& span : spans) {
        const QByteArray encoded = encodeSpan(span);
        if (m_queue.size() >= size_t(m_settings.queueSpans) || m_queueBytes + encoded.size() > m_settings.queueBytes
            || encoded.size() > m_settings.batchBytes) {
            ++m_totals.dropped;
            continue;
        }
        m_queueBytes += encoded.size();
        m_queue.push_back(encoded);
    }
    showWaiting();
    sendSoon();
}

void SpanExporter::sendSoon()
{
    if (m_queue.empty())
        return;
    const bool isFull = m_queue.size() >= size_t(m_settings.batchSpans) || m_queueBytes >= m_settings.batchBytes;
    if (isFull || m_isFinishing)
        sendNext();
    else if (!m_batchTimer.isActive())
        m_batchTimer.start(m_settings.every);
}

void SpanExporter::sendNext()
{
    if (m_batch > 0 || m_queue.empty())
        return;
    m_batchTimer.stop();
    QList<QByteArray> spans;
    qsizetype bytes = m_envelope.overhead();
    while (!m_queue.empty() && spans.size() < m_settings.batchSpans) {
        const qsizetype more = m_queue.front().size() + 1; // its comma
        if (!spans.isEmpty() && bytes + more > m_settings.batchBytes)
            break;
        bytes += more;
        m_queueBytes -= m_queue.front().size();
        spans.append(std::move(m_queue.front()));
        m_queue.pop_front();
    }
    m_batch = int(spans.size());
    m_attempt = 0;
    m_body = m_envelope.request(spans);
    post();
}

void SpanExporter::post()
{
    providers::HttpRequest request;
    request.url = m_settings.endpoint;
    request.headers = m_settings.headers;
    request.headers.emplaceBack("Content-Type", "application/json");
    request.headers.emplaceBack("User-Agent", "kav-engine/" + m_settings.version.toLatin1());
    request.body = m_body;
    request.firstByte = request.stall = request.total = m_settings.timeout;
    request.limit = LongestAnswer;
    ++m_attempt;
    m_answer.clear();
    m_call = m_http.start(request);
    connect(m_call.get(), &providers::HttpCall::data, this, [this](const QByteArray& bytes) { m_answer += bytes; });
    connect(m_call.get(), &providers::HttpCall::finished, this, &SpanExporter::onAnswered);
    connect(m_call.get(), &providers::HttpCall::failed, this, &SpanExporter::onFailed);
}

void SpanExporter::onAnswered()
{
    const PartialSuccess partial = parseResponse(m_answer);
    const quint64 rejected = quint64(std::min<qint64>(partial.rejected, m_batch));
    m_totals.rejected += rejected;
    m_totals.sent += quint64(m_batch) - rejected;
    if (rejected > 0 && !std::exchange(m_isRejecting, true))
        qCWarning(lcApp).noquote() << "traces: the collector rejects spans:" << logSafe(partial.message);
    if (rejected == 0)
        m_isRejecting = false;
    if (std::exchange(m_isFailing, false))
        qCInfo(lcApp).noquote() << "traces: the collector takes spans again";
    batchOver();
}

void SpanExporter::onFailed(const Error& error)
{
    const int status = m_call->status();
    if (status >= Ok && status < MultipleChoices) {
        onAnswered(); // taken, whatever was wrong with the rest of the answer
        return;
    }
    const bool isLast = m_isFinishing || !isRetryable(status) || m_attempt >= m_settings.attempts;
    if (!std::exchange(m_isFailing, true)) {
        qCWarning(lcApp).noquote() << "traces: the collector at" << logSafe(m_settings.endpoint.host(), 60)
                                   << "takes no spans:" << logSafe(error.message)
                                   << (isLast ? "; they are dropped" : "; it is tried again");
    }
    if (isLast) {
        giveUp();
        return;
    }
    retire();
    m_retryTimer.start(
        retryWait(m_settings, m_attempt, error.retryAfter, QRandomGenerator::global()->generateDouble()));
}

void SpanExporter::giveUp()
{
    m_totals.dropped += quint64(m_batch);
    batchOver();
}

void SpanExporter::batchOver()
{
    retire();
    m_batch = 0;
    m_body.clear();
    showWaiting();
    if (m_queue.empty() && m_isFinishing) Q_EMIT
        finished();
    else
        sendSoon();
}

/// We are inside its signal.
void SpanExporter::retire()
{
    if (m_call) {
        m_call->disconnect(this);
        m_call.release()->deleteLater();
    }
}

void SpanExporter::finish()
{
    KAV_ASSERT_THREAD(this);
    m_isFinishing = true;
    m_batchTimer.stop();
    if (m_retryTimer.isActive()) {
        m_retryTimer.stop();
        post();
    }
    if (m_batch == 0 && m_queue.empty()) Q_EMIT
        finished();
    else
        sendNext();
}

std::optional<Milliseconds> SpanExporter::retryIn() const
{
    return m_retryTimer.isActive() ? std::optional(m_retryTimer.remainingTimeAsDuration()) : std::nullopt;
}

void SpanExporter::showWaiting()
{
    m_totals.waiting = int(m_queue.size()) + m_batch;
}

} // namespace kav::traces
