// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QByteArrayView>
#include <QString>

#include <optional>

namespace kav::traces {

/// Where in which trace something happens, as W3C Trace Context has it. Ids are lower-case hexadecimal: 32 digits for a
/// trace, 16 for a span.
struct TraceContext final {
    QByteArray traceId, spanId;
    bool isSampled = false;

    bool operator==(const TraceContext&) const = default;
};

/// Of a `traceparent` header; nothing where it is malformed, or of a version that cannot be read.
std::optional<TraceContext> parseTraceParent(QByteArrayView header);
QByteArray toTraceParent(const TraceContext& context);

/// Trace and root span of a call, from its id alone: every engine of a fleet, and the same one after a crash, finds the
/// same. Spread evenly, since they are taken from a hash.
TraceContext contextOfCall(const QString& callId);
QByteArray newSpanId();
/// By the last 56 bits of the trace's id, as W3C's level 2 wants them random: engines with the same ratio agree, and
/// one with a higher ratio keeps all that one with a lower ratio keeps.
bool isSampledAt(double ratio, const QByteArray& traceId);

} // namespace kav::traces
