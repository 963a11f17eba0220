// SPDX-License-Identifier: Apache-2.0
#include "shared/model/request.h"

#include <QJsonArray>

#include <algorithm>
#include <tuple>

namespace kav {

namespace {

QJsonArray fieldsToJson(const QList<RequestField>& fields)
{
    QJsonArray array;
    for (const RequestField& field : fields)
        array.append(QJsonArray{field.name, field.value});
    return array;
}

QList<RequestField> fieldsFromJson(const QJsonValue& json)
{
    QList<RequestField> fields;
    const QJsonArray array = json.toArray();
    for (const QJsonValue& pair : array)
        fields.append({pair.toArray().at(0).toString(), pair.toArray().at(1).toString()});
    return fields;
}

template <typename T> void put(QJsonObject& json, QLatin1String key, const T& value)
{
    if (value != T())
        json.insert(key, value);
}

} // namespace

QString requestKindName(RequestKind kind)
{
    switch (kind) {
    case RequestKind::Webhook:
        return QStringLiteral("webhook");
    case RequestKind::Stream:
        return QStringLiteral("stream");
    case RequestKind::Console:
        return QStringLiteral("console");
    case RequestKind::Page:
        return QStringLiteral("page");
    }
    Q_UNREACHABLE();
}

std::optional<RequestKind> requestKindFromName(QStringView name)
{
    for (const auto kind : {RequestKind::Webhook, RequestKind::Stream, RequestKind::Console, RequestKind::Page}) {
        if (requestKindName(kind) == name)
            return kind;
    }
    return std::nullopt;
}

QString signatureStateName(SignatureState state)
{
    switch (state) {
    case SignatureState::NotChecked:
        return QStringLiteral("not-checked");
    case SignatureState::Valid:
        return QStringLiteral("valid");
    case SignatureState::Missing:
        return QStringLiteral("missing");
    case SignatureState::Wrong:
        return QStringLiteral("wrong");
    }
    Q_UNREACHABLE();
}

std::optional<SignatureState> signatureStateFromName(QStringView name)
{
    for (const auto state :
        {SignatureState::NotChecked, SignatureState::Valid, SignatureState::Missing, SignatureState::Wrong}) {
        if (signatureStateName(state) == name)
            return state;
    }
    return std::nullopt;
}

QJsonObject requestToJson(const RequestRecord& request)
{
    QJsonObject signature{{QStringLiteral("state"), signatureStateName(request.signature.state)}};
    put(signature, QLatin1String("variant"), request.signature.variant);
    put(signature, QLatin1String("signedUrl"), request.signature.signedUrl);
    put(signature, QLatin1String("checkedUrl"), request.signature.checkedUrl);
    if (!request.signature.isExplained)
        signature.insert(QStringLiteral("explained"), false);

    QJsonObject json{{QStringLiteral("id"), request.id}, {QStringLiteral("at"), request.at.toString(Qt::ISODateWithMs)},
        {QStringLiteral("kind"), requestKindName(request.kind)}, {QStringLiteral("method"), request.method},
        {QStringLiteral("path"), request.path}, {QStringLiteral("peer"), request.peer},
        {QStringLiteral("signature"), signature}, {QStringLiteral("status"), request.status},
        {QStringLiteral("bytesIn"), request.bytesIn}, {QStringLiteral("bytesOut"), request.bytesOut},
        {QStringLiteral("tookUs"), qint64(request.took.count())}};
    if (!request.parameters.isEmpty())
        json.insert(QStringLiteral("parameters"), fieldsToJson(request.parameters));
    if (!request.headers.isEmpty())
        json.insert(QStringLiteral("headers"), fieldsToJson(request.headers));
    put(json, QLatin1String("offered"), request.offered);
    put(json, QLatin1String("given"), request.given);
    put(json, QLatin1String("reason"), request.reason);
    put(json, QLatin1String("call"), request.call);
    put(json, QLatin1String("notKept"), request.notKept);
    if (request.duplicateOf.isValid())
        json.insert(QStringLiteral("duplicateOf"), request.duplicateOf.toString(Qt::ISODateWithMs));
    if (request.end) {
        json.insert(QStringLiteral("end"),
            QJsonObject{{QStringLiteral("code"), request.end->code}, {QStringLiteral("byPeer"), request.end->byPeer},
                {QStringLiteral("reason"), request.end->reason},
                {QStringLiteral("messagesIn"), request.end->messagesIn},
                {QStringLiteral("messagesOut"), request.end->messagesOut},
                {QStringLiteral("bytesIn"), request.end->bytesIn}, {QStringLiteral("bytesOut"), request.end->bytesOut},
                {QStringLiteral("lastedMs"), qint64(request.end->lasted.count())}});
    }
    return json;
}

RequestRecord requestFromJson(const QJsonObject& json)
{
    const auto text = [&json](QLatin1String key) { return json.value(key).toString(); };
    const auto time = [](const QJsonValue& value) {
        return QDateTime::fromString(value.toString(), Qt::ISODateWithMs);
    };
    RequestRecord request;
    request.id = text(QLatin1String("id"));
    request.at = time(json.value(QLatin1String("at")));
    request.kind = requestKindFromName(text(QLatin1String("kind"))).value_or(RequestKind::Page);
    request.method = text(QLatin1String("method"));
    request.path = text(QLatin1String("path"));
    request.parameters = fieldsFromJson(json.value(QLatin1String("parameters")));
    request.headers = fieldsFromJson(json.value(QLatin1String("headers")));
    request.peer = text(QLatin1String("peer"));
    const QJsonObject signature = json.value(QLatin1String("signature")).toObject();
    request.signature.state =
        signatureStateFromName(signature.value(QLatin1String("state")).toString()).value_or(SignatureState::NotChecked);
    request.signature.variant = signature.value(QLatin1String("variant")).toString();
    request.signature.signedUrl = signature.value(QLatin1String("signedUrl")).toString();
    request.signature.checkedUrl = signature.value(QLatin1String("checkedUrl")).toString();
    request.signature.isExplained = signature.value(QLatin1String("explained")).toBool(true);
    request.offered = text(QLatin1String("offered"));
    request.given = text(QLatin1String("given"));
    request.status = json.value(QLatin1String("status")).toInt();
    request.reason = text(QLatin1String("reason"));
    request.bytesIn = json.value(QLatin1String("bytesIn")).toInteger();
    request.bytesOut = json.value(QLatin1String("bytesOut")).toInteger();
    request.took = std::chrono::microseconds(json.value(QLatin1String("tookUs")).toInteger());
    request.duplicateOf = time(json.value(QLatin1String("duplicateOf")));
    request.call = text(QLatin1String("call"));
    request.notKept = json.value(QLatin1String("notKept")).toInt();
    if (const QJsonValue end = json.value(QLatin1String("end")); end.isObject()) {
        request.end = ConnectionEnd{end[QLatin1String("code")].toInt(), end[QLatin1String("byPeer")].toBool(),
            end[QLatin1String("reason")].toString(), end[QLatin1String("messagesIn")].toInteger(),
            end[QLatin1String("messagesOut")].toInteger(), end[QLatin1String("bytesIn")].toInteger(),
            end[QLatin1String("bytesOut")].toInteger(),
            std::chrono::milliseconds(end[QLatin1String("lastedMs")].toInteger())};
    }
    return request;
}

bool RequestFilter::matches(const RequestRecord& request) const
{
    if ((!call.isEmpty() && request.call != call) || (kind && request.kind != *kind)
        || (refusedOnly && !request.isRefused()))
        return false;
    const auto has = [this](const QString& where) { return where.contains(text, Qt::CaseInsensitive); };
    return text.isEmpty() || has(request.path) || has(request.peer) || has(request.call) || has(request.reason)
        || std::any_of(request.parameters.cbegin(), request.parameters.cend(),
            [&has](const RequestField& field) { return has(field.value); });
}

bool isNewer(const RequestRecord& a, const RequestRecord& b)
{
    return std::tie(a.at, a.id) > std::tie(b.at, b.id);
}

} // namespace kav
