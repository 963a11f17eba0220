// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/otlpjson.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>

namespace kav::traces {

namespace {

constexpr int StatusError = 2;

QJsonObject toJson(const AttributeValue& value)
{
    if (const QString* text = std::get_if<QString>(&value))
        return {{QStringLiteral("stringValue"), *text}};
    if (const bool* flag = std::get_if<bool>(&value))
        return {{QStringLiteral("boolValue"), *flag}};
    if (const qint64* number = std::get_if<qint64>(&value))
        return {{QStringLiteral("intValue"), QString::number(*number)}};
    return {{QStringLiteral("doubleValue"), std::get<double>(value)}};
}

QJsonArray toJson(const Attributes& attributes)
{
    QJsonArray list;
    for (const auto& [key, value] : attributes)
        list.append(QJsonObject{{QStringLiteral("key"), key}, {QStringLiteral("value"), toJson(value)}});
    return list;
}

QString nanoseconds(UnixTime time)
{
    return QString::number(time.count());
}

QString hex(const QByteArray& id)
{
    return QString::fromLatin1(id);
}

} // namespace

QByteArray encodeSpan(const Span& span)
{
    QJsonObject json{{QStringLiteral("traceId"), hex(span.context.traceId)},
        {QStringLiteral("spanId"), hex(span.context.spanId)}, {QStringLiteral("flags"), span.context.isSampled ? 1 : 0},
        {QStringLiteral("name"), span.name}, {QStringLiteral("kind"), int(span.kind)},
        {QStringLiteral("startTimeUnixNano"), nanoseconds(span.start)},
        {QStringLiteral("endTimeUnixNano"), nanoseconds(std::max(span.start, span.end))},
        {QStringLiteral("attributes"), toJson(span.attributes)}};
    if (!span.parent.isEmpty())
        json.insert(QStringLiteral("parentSpanId"), hex(span.parent));
    if (!span.events.isEmpty()) {
        QJsonArray events;
        for (const SpanEvent& event : span.events)
            events.append(QJsonObject{{QStringLiteral("timeUnixNano"), nanoseconds(event.at)},
                {QStringLiteral("name"), event.name}, {QStringLiteral("attributes"), toJson(event.attributes)}});
        json.insert(QStringLiteral("events"), events);
    }
    if (span.eventsDropped > 0)
        json.insert(QStringLiteral("droppedEventsCount"), span.eventsDropped);
    if (!span.links.isEmpty()) {
        QJsonArray links;
        for (const TraceContext& link : span.links)
            links.append(QJsonObject{{QStringLiteral("traceId"), hex(link.traceId)},
                {QStringLiteral("spanId"), hex(link.spanId)}, {QStringLiteral("flags"), link.isSampled ? 1 : 0}});
        json.insert(QStringLiteral("links"), links);
    }
    if (span.failed) {
        QJsonObject status{{QStringLiteral("code"), StatusError}};
        if (!span.problem.isEmpty())
            status.insert(QStringLiteral("message"), span.problem);
        json.insert(QStringLiteral("status"), status);
    }
    return QJsonDocument(json).toJson(QJsonDocument::Compact);
}

OtlpEnvelope::OtlpEnvelope(const Attributes& resource, const QString& scopeVersion)
{
    const auto compact = [](const QJsonObject& json) { return QJsonDocument(json).toJson(QJsonDocument::Compact); };
    m_before = R"({"resourceSpans":[{"resource":)" + compact({{QStringLiteral("attributes"), toJson(resource)}})
        + R"(,"scopeSpans":[{"scope":)"
        + compact({{QStringLiteral("name"), QStringLiteral("kav")}, {QStringLiteral("version"), scopeVersion}})
        + R"(,"spans":[)";
    m_after = "]}]}]}";
}

QByteArray OtlpEnvelope::request(const QList<QByteArray>& spans) const
{
    return m_before + spans.join(',') + m_after;
}

PartialSuccess parseResponse(const QByteArray& body)
{
    const QJsonObject partial =
        QJsonDocument::fromJson(body).object().value(QLatin1String("partialSuccess")).toObject();
    const QJsonValue rejected = partial.value(QLatin1String("rejectedSpans")); // either form of a 64-bit integer
    return {std::max<qint64>(0, rejected.isString() ? rejected.toString().toLongLong() : rejected.toInteger()),
        partial.value(QLatin1String("errorMessage")).toString()};
}

} // namespace kav::traces
