// SPDX-License-Identifier: Apache-2.0
#include "engine/app/wiring.h"

#include <algorithm>

namespace kav::app {

static_assert(std::ranges::equal(metrics::WorkerCounters::LatenessBounds, media::LatenessHistogram::BoundsUs,
                  [](std::chrono::microseconds a, qint64 b) { return a.count() == b; }),
    "the buckets are copied one to one");

metrics::Route routeOf(const QByteArray& path)
{
    if (path == "/healthz")
        return metrics::Route::Healthz;
    if (path == "/readyz")
        return metrics::Route::Readyz;
    if (path == "/version")
        return metrics::Route::Version;
    if (path == "/metrics")
        return metrics::Route::Metrics;
    if (path.startsWith("/webhook/incoming_call"))
        return metrics::Route::IncomingCall;
    if (path.startsWith("/webhook/stream_status"))
        return metrics::Route::StreamStatus;
    if (path.startsWith("/webhook/stream_ended"))
        return metrics::Route::StreamEnded;
    if (path.startsWith("/webhook/call_status"))
        return metrics::Route::CallStatus;
    if (path.startsWith("/media/"))
        return metrics::Route::Media;
    return metrics::Route::Other;
}

metrics::Stage stageOf(providers::Stage stage)
{
    switch (stage) {
    case providers::Stage::SpeechToText:
        return metrics::Stage::Stt;
    case providers::Stage::LanguageModel:
        return metrics::Stage::Llm;
    case providers::Stage::TextToSpeech:
        return metrics::Stage::Tts;
    }
    Q_UNREACHABLE();
}

metrics::ProviderState stateOf(providers::ProviderState state)
{
    switch (state) {
    case providers::ProviderState::Cold:
        return metrics::ProviderState::Cold;
    case providers::ProviderState::Warming:
        return metrics::ProviderState::Warming;
    case providers::ProviderState::Ready:
        return metrics::ProviderState::Ready;
    case providers::ProviderState::Failed:
        return metrics::ProviderState::Failed;
    }
    Q_UNREACHABLE();
}

metrics::Metrics::CallLogTotals totalsOf(const calllog::Status& status)
{
    metrics::Metrics::CallLogTotals totals;
    totals.appended = status.appended;
    totals.durable = status.durable;
    totals.stored = status.stored;
    totals.refused = status.refused;
    totals.damaged = status.damaged;
    totals.journalBytes = status.journalBytes;
    totals.databaseUp = status.database == calllog::Status::Database::Ok;
    return totals;
}

void setLateness(metrics::WorkerCounters& counters, const media::LatenessHistogram& lateness)
{
    const auto snapshot = lateness.snapshot();
    for (size_t i = 0; i < snapshot.buckets.size(); ++i)
        counters.latenessBuckets[i].store(snapshot.buckets[i], std::memory_order_relaxed);
    counters.latenessSumNs.store(quint64(std::chrono::nanoseconds(snapshot.sum).count()), std::memory_order_relaxed);
}

} // namespace kav::app
