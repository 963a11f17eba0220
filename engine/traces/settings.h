// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/traces/span.h"
#include "shared/core/clock.h"

#include <QByteArray>
#include <QList>
#include <QString>
#include <QStringList>
#include <QUrl>

#include <optional>
#include <utility>

namespace kav::traces {

/// As in OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES: "a=b,c=d%20e".
using Pairs = QList<std::pair<QString, QString>>;

/// Values the tracer runs by.
struct Settings final {
    QUrl endpoint; ///< the whole address, with /v1/traces; empty: there are no traces
    QList<std::pair<QByteArray, QByteArray>> headers; ///< secret
    double ratio = 1.0; ///< of calls that are traced, where no parent decides
    QString serviceName; ///< empty: by the resource, else kav-engine
    Pairs resource; ///< what else is said of this engine
    QString version; ///< of this engine
    Milliseconds timeout{10'000}; ///< of one request
    Milliseconds every{5000}; ///< spans wait at most so long for their batch
    int batchSpans = 512;
    qsizetype batchBytes = 1024 * 1024;
    int queueSpans = 8192; ///< past either of these new spans are dropped, and counted
    qsizetype queueBytes = 16 * 1024 * 1024;
    int attempts = 6; ///< at one batch, before it is dropped
    Milliseconds firstRetry{1000}, longestRetry{30'000};
    Milliseconds longestRetryAfter{300'000}; ///< whatever the collector asks for
};

/// Nothing where one of them is no pair, or a name comes twice.
std::optional<Pairs> parsePairs(const QStringList& entries);
/// What a request can carry: names and values of HTTP.
std::optional<QList<std::pair<QByteArray, QByteArray>>> parseHeaders(const QString& text);
/// Who sends: what OTLP calls the resource.
Attributes resourceOf(const Settings& settings);
/// 0 to 1, as in OTEL_TRACES_SAMPLER_ARG.
std::optional<double> parseRatio(const QString& text);

} // namespace kav::traces
