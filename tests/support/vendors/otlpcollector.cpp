// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vendors/otlpcollector.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QSet>
#include <QTimer>

#include <algorithm>
#include <memory>

namespace kav::test {

namespace {

/// Walks one request. Each message knows its fields by name; another one is a mistake, since a real collector would
/// silently leave it out.
class OtlpCheck final {
public:
    QStringList problems;

    void request(const QJsonObject& json)
    {
        fields(json, {"resourceSpans"}, u"request");
        each(json, "resourceSpans", u"request", [this](const QJsonObject& one) {
            fields(one, {"resource", "scopeSpans", "schemaUrl"}, u"resourceSpans");
            const QJsonObject resource = one.value(QLatin1String("resource")).toObject();
            fields(resource, {"attributes", "droppedAttributesCount"}, u"resource");
            attributes(resource, u"resource");
            each(one, "scopeSpans", u"resourceSpans", [this](const QJsonObject& scoped) {
                fields(scoped, {"scope", "spans", "schemaUrl"}, u"scopeSpans");
                const QJsonObject scope = scoped.value(QLatin1String("scope")).toObject();
                fields(scope, {"name", "version", "attributes", "droppedAttributesCount"}, u"scope");
                text(scope, "name", u"scope");
                text(scope, "version", u"scope");
                each(scoped, "spans", u"scopeSpans", [this](const QJsonObject& span) { checkSpan(span); });
            });
        });
    }

private:
    void say(QStringView where, const QString& what) { problems += where.toString() + QStringLiteral(": ") + what; }

    void fields(const QJsonObject& json, std::initializer_list<const char*> known, QStringView where)
    {
        for (auto it = json.begin(); it != json.end(); ++it) {
            const auto isIt = [&it](const char* name) { return it.key() == QLatin1String(name); };
            if (std::none_of(known.begin(), known.end(), isIt))
                say(where, QStringLiteral("there is no field ") + it.key());
        }
    }
    template <typename Check> void each(const QJsonObject& json, const char* name, QStringView where, Check check)
    {
        const QJsonValue list = json.value(QLatin1String(name));
        if (!list.isArray())
            say(where, QLatin1String(name) + QStringLiteral(" is no array"));
        for (const QJsonValue& one : list.toArray()) {
            if (!one.isObject())
                say(where, QLatin1String(name) + QStringLiteral(" holds what is no object"));
            check(one.toObject());
        }
    }
    void text(const QJsonObject& json, const char* name, QStringView where)
    {
        if (json.value(QLatin1String(name)).toString().isEmpty())
            say(where, QLatin1String(name) + QStringLiteral(" is no text"));
    }
    void id(const QJsonObject& json, const char* name, qsizetype digits, QStringView where)
    {
        const QString value = json.value(QLatin1String(name)).toString();
        const bool isHex = std::all_of(
            value.begin(), value.end(), [](QChar c) { return QStringView(u"0123456789abcdef").contains(c); });
        if (!isHex || value.size() != digits || value.count(QLatin1Char('0')) == digits)
            say(where, QLatin1String(name) + QStringLiteral(" is no id: ") + value);
    }
    qint64 time(const QJsonObject& json, const char* name, QStringView where)
    {
        const QJsonValue value = json.value(QLatin1String(name));
        bool isNumber = false;
        const qint64 nanoseconds = value.toString().toLongLong(&isNumber);
        // Between 2020 and 2100: a time in another unit is none of these.
        if (!value.isString() || !isNumber || nanoseconds < 1577836800'000000000ll
            || nanoseconds > 4102444800'000000000ll)
            say(where, QLatin1String(name) + QStringLiteral(" is no time in nanoseconds"));
        return nanoseconds;
    }
    void count(const QJsonObject& json, const char* name, qint64 least, qint64 most, QStringView where)
    {
        const QJsonValue value = json.value(QLatin1String(name));
        if (!value.isUndefined()
            && (!value.isDouble() || value.toInteger(-1) < least || value.toInteger(-1) > most
                || double(value.toInteger()) != value.toDouble()))
            say(where, QLatin1String(name) + QStringLiteral(" is out of range, or no number"));
    }
    void attributes(const QJsonObject& json, QStringView where)
    {
        if (!json.contains(QLatin1String("attributes")))
            return;
        QSet<QString> keys;
        each(json, "attributes", where, [&](const QJsonObject& pair) {
            fields(pair, {"key", "value"}, u"attribute");
            text(pair, "key", u"attribute");
            const QString key = pair.value(QLatin1String("key")).toString();
            if (keys.contains(key))
                say(where, QStringLiteral("twice: ") + key);
            keys.insert(key);
            const QJsonObject value = pair.value(QLatin1String("value")).toObject();
            const QString type = value.size() == 1 ? value.begin().key() : QString();
            const QJsonValue given = value.value(type);
            bool isInteger = false;
            given.toString().toLongLong(&isInteger);
            const bool isGood = (type == QLatin1String("stringValue") && given.isString())
                || (type == QLatin1String("boolValue") && given.isBool())
                || (type == QLatin1String("intValue") && given.isString() && isInteger)
                || (type == QLatin1String("doubleValue") && given.isDouble());
            if (!isGood)
                say(where, QStringLiteral("no value: ") + key);
        });
    }
    void checkSpan(const QJsonObject& span)
    {
        fields(span,
            {"traceId", "spanId", "traceState", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano",
                "endTimeUnixNano", "attributes", "droppedAttributesCount", "events", "droppedEventsCount", "links",
                "droppedLinksCount", "status"},
            u"span");
        id(span, "traceId", 32, u"span");
        id(span, "spanId", 16, u"span");
        if (span.contains(QLatin1String("parentSpanId")))
            id(span, "parentSpanId", 16, u"span");
        text(span, "name", u"span");
        if (!span.contains(QLatin1String("kind")))
            say(u"span", QStringLiteral("has no kind"));
        count(span, "kind", 1, 5, u"span");
        count(span, "flags", 0, 0xff, u"span");
        count(span, "droppedEventsCount", 0, 0xffffffffll, u"span");
        if (time(span, "startTimeUnixNano", u"span") > time(span, "endTimeUnixNano", u"span"))
            say(u"span", QStringLiteral("ends before it begins"));
        attributes(span, u"span");
        if (span.contains(QLatin1String("events")))
            each(span, "events", u"span", [this](const QJsonObject& event) {
                fields(event, {"timeUnixNano", "name", "attributes", "droppedAttributesCount"}, u"event");
                time(event, "timeUnixNano", u"event");
                text(event, "name", u"event");
                attributes(event, u"event");
            });
        if (span.contains(QLatin1String("links")))
            each(span, "links", u"span", [this](const QJsonObject& link) {
                fields(link, {"traceId", "spanId", "traceState", "attributes", "droppedAttributesCount", "flags"},
                    u"link");
                id(link, "traceId", 32, u"link");
                id(link, "spanId", 16, u"link");
                count(link, "flags", 0, 0xff, u"link");
            });
        if (span.contains(QLatin1String("status"))) {
            const QJsonObject status = span.value(QLatin1String("status")).toObject();
            fields(status, {"message", "code"}, u"status");
            count(status, "code", 0, 2, u"status");
        }
    }
};

QJsonArray listOf(const QJsonObject& json, const char* name)
{
    return json.value(QLatin1String(name)).toArray();
}

} // namespace

QStringList otlpProblems(const QByteArray& body)
{
    const QJsonDocument document = QJsonDocument::fromJson(body);
    if (!document.isObject())
        return {QStringLiteral("no JSON object")};
    OtlpCheck check;
    check.request(document.object());
    return check.problems;
}

OtlpCollector::OtlpCollector()
{
    m_server.handler = [this](VendorExchange& exchange) { serve(exchange); };
}

void OtlpCollector::serve(VendorExchange& exchange)
{
    const QByteArray json = "application/json";
    switch (faults.isEmpty() ? Fault::None : faults.takeFirst()) {
    case Fault::None:
        take(exchange);
        exchange.answer(200, json, "{}");
        return;
    case Fault::Limit429:
        exchange.answer(429, json, R"({"message":"slow down"})", {{"Retry-After", QByteArray::number(retryAfter)}});
        return;
    case Fault::Unavailable503:
        exchange.answer(503, json, R"({"message":"not now"})");
        return;
    case Fault::BadRequest400:
        exchange.answer(400, json, R"({"message":"what is this"})");
        return;
    case Fault::Reset:
        exchange.reset();
        return;
    case Fault::Hang:
        return;
    case Fault::Garbage:
        exchange.raw("\x16\x03\x01 this is no HTTP\r\n\r\n");
        exchange.hangUp();
        return;
    case Fault::GarbageBody:
        take(exchange);
        exchange.answer(200, "text/html", "<html>");
        return;
    case Fault::SlowBytes: {
        take(exchange);
        const auto rest = std::make_shared<QByteArray>(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
        auto* const timer = new QTimer(&exchange);
        QObject::connect(timer, &QTimer::timeout, &exchange, [&exchange, timer, rest] {
            exchange.raw(rest->first(1));
            rest->remove(0, 1);
            if (rest->isEmpty())
                timer->stop();
        });
        timer->start(1);
        return;
    }
    case Fault::RejectsOne:
        take(exchange);
        exchange.answer(200, json, R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}})");
        return;
    }
}

void OtlpCollector::take(const VendorExchange& exchange)
{
    if (exchange.method != "POST" || exchange.path != "/v1/traces")
        problems += QString::fromLatin1(QByteArray(exchange.method + ' ' + exchange.path));
    if (exchange.header("content-type") != "application/json")
        problems += QStringLiteral("Content-Type: ") + QString::fromLatin1(exchange.header("content-type"));
    problems += otlpProblems(exchange.body);
    bodies += exchange.body;
    const QJsonObject body = QJsonDocument::fromJson(exchange.body).object();
    for (const QJsonValue& one : listOf(body, "resourceSpans")) {
        const QJsonObject sender = one.toObject();
        resource = {};
        const auto attributes = listOf(sender.value(QLatin1String("resource")).toObject(), "attributes");
        for (const QJsonValue& pair : attributes) {
            const QString key = pair.toObject().value(QLatin1String("key")).toString();
            resource.insert(key, attribute(sender.value(QLatin1String("resource")).toObject(), key));
        }
        for (const QJsonValue& scoped : listOf(sender, "scopeSpans"))
            for (const QJsonValue& span : listOf(scoped.toObject(), "spans"))
                spans += span.toObject();
    }
}

QList<QJsonObject> OtlpCollector::named(const QString& name) const
{
    QList<QJsonObject> found;
    for (const QJsonObject& span : spans)
        if (span.value(QLatin1String("name")).toString() == name)
            found += span;
    return found;
}

QList<QJsonObject> OtlpCollector::childrenOf(const QJsonObject& span) const
{
    QList<QJsonObject> found;
    for (const QJsonObject& one : spans)
        if (one.value(QLatin1String("traceId")) == span.value(QLatin1String("traceId"))
            && one.value(QLatin1String("parentSpanId")) == span.value(QLatin1String("spanId")))
            found += one;
    std::stable_sort(
        found.begin(), found.end(), [](const QJsonObject& a, const QJsonObject& b) { return start(a) < start(b); });
    return found;
}

QString OtlpCollector::attribute(const QJsonObject& span, const QString& key)
{
    for (const QJsonValue& pair : listOf(span, "attributes")) {
        if (pair.toObject().value(QLatin1String("key")).toString() == key) {
            const QJsonObject value = pair.toObject().value(QLatin1String("value")).toObject();
            return value.isEmpty() ? QString() : value.begin().value().toVariant().toString();
        }
    }
    return {};
}

qint64 OtlpCollector::start(const QJsonObject& span)
{
    return span.value(QLatin1String("startTimeUnixNano")).toString().toLongLong();
}

qint64 OtlpCollector::end(const QJsonObject& span)
{
    return span.value(QLatin1String("endTimeUnixNano")).toString().toLongLong();
}

QStringList OtlpCollector::eventNames(const QJsonObject& span)
{
    QStringList names;
    for (const QJsonValue& event : listOf(span, "events"))
        names += event.toObject().value(QLatin1String("name")).toString();
    return names;
}

} // namespace kav::test
