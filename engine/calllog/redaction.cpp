// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/redaction.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <QRegularExpression>

namespace kav::calllog {

namespace {

const QString PlaceholderToken = QStringLiteral("PURGED");

QJsonObject jsonIn(QByteArrayView json)
{
    return QJsonDocument::fromJson(QByteArray::fromRawData(json.data(), json.size())).object();
}

QByteArray compactJson(const QJsonObject& object)
{
    return QJsonDocument(object).toJson(QJsonDocument::Compact);
}

QByteArray withData(PayloadView payload, QByteArrayView json)
{
    payload.json = json;
    return packPayload(payload);
}

/// The name of a file, a conference, a person of the house: not what a caller said.
bool isOwnFact(const QString& name)
{
    return name == QLatin1String("message") || name == QLatin1String("recording")
        || name == QLatin1String("transferred_to");
}

bool takeOutFacts(QJsonObject& ended)
{
    const QJsonObject facts = ended.value(QLatin1String("facts")).toObject();
    QJsonObject kept;
    for (auto it = facts.begin(); it != facts.end(); ++it) {
        if (isOwnFact(it.key()))
            kept.insert(it.key(), it.value());
    }
    if (kept == facts)
        return false;
    ended.insert(QStringLiteral("facts"), kept);
    return true;
}

} // namespace

std::optional<QByteArray> withoutWords(const PayloadView& payload)
{
    QJsonObject data = jsonIn(payload.json);
    bool changed = false;
    if (payload.kind == Entry::Kind::Turn) {
        for (const char* const key : {"callerText", "agentText", "heardText"}) {
            if (data.value(QLatin1String(key)).toString().isEmpty())
                continue;
            data.insert(QLatin1String(key), QString());
            changed = true;
        }
    } else if (payload.kind == Entry::Kind::CallEnded) {
        changed = takeOutFacts(data);
    }
    return changed ? std::optional(withData(payload, compactJson(data))) : std::nullopt;
}

std::optional<QByteArray> withoutNumbers(const PayloadView& payload)
{
    if (payload.kind == Entry::Kind::Turn)
        return std::nullopt; // what was said is the transcript's
    const auto text = textWithoutNumbers(QString::fromUtf8(payload.json));
    return text ? std::optional(withData(payload, text->toUtf8())) : std::nullopt;
}

QByteArray placeholderFor(const PayloadView& payload)
{
    PayloadView empty = payload;
    empty.kind = Entry::Kind::Event;
    empty.callId = {};
    return withData(empty, compactJson({{QStringLiteral("token"), PlaceholderToken}}));
}

bool isPlaceholder(const PayloadView& payload)
{
    return payload.kind == Entry::Kind::Event && payload.callId.isEmpty()
        && jsonIn(payload.json).value(QLatin1String("token")).toString() == PlaceholderToken;
}

std::optional<QString> factsWithoutWords(const QString& endedData)
{
    QJsonObject data = jsonIn(endedData.toUtf8());
    return takeOutFacts(data) ? std::optional(QString::fromUtf8(compactJson(data))) : std::nullopt;
}

std::optional<QString> textWithoutNumbers(const QString& text)
{
    static const QRegularExpression id(QStringLiteral("(?:,\"(?:from|to)Id\":\"[0-9a-f]{16}\")"
                                                      "|(?:\"(?:from|to)Id\":\"[0-9a-f]{16}\",?)"));
    static const QRegularExpression masked(QStringLiteral("\\+?[0-9]*\u2022+[0-9]*"));
    QString without = text;
    without.remove(id).replace(masked, NoNumber);
    return without == text ? std::nullopt : std::optional(without);
}

} // namespace kav::calllog
