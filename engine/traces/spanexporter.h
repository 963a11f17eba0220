// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/http/httppool.h"
#include "engine/traces/otlpjson.h"
#include "engine/traces/settings.h"

#include <QByteArray>
#include <QList>
#include <QObject>
#include <QTimer>

#include <atomic>
#include <deque>
#include <memory>

namespace kav::traces {

/// What became of spans. Written by one thread, read by any.
struct SpanTotals final {
    std::atomic<quint64> sent{0}; ///< taken by the collector
    std::atomic<quint64> rejected{0}; ///< by the collector, of a batch that it took otherwise
    std::atomic<quint64> dropped{0}; ///< for want of room, or since no attempt at their batch was good
    std::atomic<int> waiting{0};
};

/// From a failed attempt (the first is 1) to the next: what the collector asked for, else longer each time; `random` is
/// 0..1, so that engines that failed together do not come back together. Pure.
Milliseconds retryWait(const Settings& settings, int attempt, Milliseconds retryAfter, double random);
/// By OTLP: worth another attempt. `status` 0: there was no answer.
bool isRetryable(int status);

/// Sends spans to a collector by OTLP/HTTP, in batches, one at a time. Owned by the Tracer, lives on its thread.
/// Bounded in everything: what waits, what one batch holds, how often and how long it is tried.
class SpanExporter final : public QObject {
    Q_OBJECT
public:
    /// All of these must outlive it.
    SpanExporter(const Settings& settings, providers::HttpPool& http, SpanTotals& totals);
    ~SpanExporter() override; ///< what still waits is dropped

    void add(const QList<Span>& spans);
    /// Each batch gets one more attempt, at once; finished() when there is nothing left.
    void finish();
    /// To the next attempt at a batch that failed; nothing: none waits.
    std::optional<Milliseconds> retryIn() const;

Q_SIGNALS:
    void finished();

private:
    void sendSoon();
    void sendNext();
    void post();
    void onAnswered();
    void onFailed(const Error& error);
    void giveUp();
    void batchOver();
    void retire();
    void showWaiting();

    const Settings m_settings;
    providers::HttpPool& m_http;
    SpanTotals& m_totals;
    const OtlpEnvelope m_envelope;
    std::deque<QByteArray> m_queue; // encoded spans, oldest first
    qsizetype m_queueBytes = 0;
    QByteArray m_body; // of the batch in hand
    int m_batch = 0; // its spans; 0: there is none
    int m_attempt = 0;
    std::unique_ptr<providers::HttpCall> m_call;
    QByteArray m_answer;
    QTimer m_batchTimer, m_retryTimer;
    bool m_isFinishing = false;
    bool m_isFailing = false, m_isRejecting = false; // said once
};

} // namespace kav::traces
