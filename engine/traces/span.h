// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/traces/tracecontext.h"

#include <QByteArray>
#include <QDateTime>
#include <QList>
#include <QString>

#include <chrono>
#include <utility>
#include <variant>

namespace kav::traces {

/// Since 1970, UTC.
using UnixTime = std::chrono::nanoseconds;

inline UnixTime unixTime(const QDateTime& at)
{
    return std::chrono::milliseconds(at.toMSecsSinceEpoch());
}

using AttributeValue = std::variant<QString, bool, qint64, double>;
using Attributes = QList<std::pair<QString, AttributeValue>>; ///< each name once

struct SpanEvent final {
    UnixTime at{0};
    QString name;
    Attributes attributes;
};

/// The numbers are OTLP's.
enum class SpanKind { Internal = 1, Server = 2, Client = 3 };

/// What OTLP calls a span; see its trace.proto.
struct Span final {
    TraceContext context;
    QByteArray parent; ///< span id; empty: the root of its trace
    QString name;
    SpanKind kind = SpanKind::Internal;
    UnixTime start{0}, end{0};
    Attributes attributes;
    QList<SpanEvent> events;
    int eventsDropped = 0;
    QList<TraceContext> links;
    bool failed = false;
    QString problem; ///< of a failed one

    void set(const QString& key, AttributeValue value) { attributes.emplaceBack(key, std::move(value)); }
};

} // namespace kav::traces
