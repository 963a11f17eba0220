// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/traces/span.h"

#include <QByteArray>
#include <QList>

// OTLP's JSON (http/json): proto3's mapping, but ids in hexadecimal and enums as numbers; 64-bit integers are strings.
namespace kav::traces {

/// One element of `spans`.
QByteArray encodeSpan(const Span& span);

/// What stands around the spans of every request, made once.
class OtlpEnvelope final {
public:
    OtlpEnvelope(const Attributes& resource, const QString& scopeVersion);
    /// An ExportTraceServiceRequest.
    QByteArray request(const QList<QByteArray>& spans) const;
    qsizetype overhead() const { return m_before.size() + m_after.size(); }

private:
    QByteArray m_before, m_after;
};

/// What a collector did not take, by its ExportTraceServiceResponse; nothing that can be read counts as all taken.
struct PartialSuccess final {
    qint64 rejected = 0;
    QString message;
};
PartialSuccess parseResponse(const QByteArray& body);

} // namespace kav::traces
