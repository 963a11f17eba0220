// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/settings.h"

#include <algorithm>

namespace kav::traces {

std::optional<Pairs> parsePairs(const QStringList& entries)
{
    Pairs pairs;
    for (const QString& entry : entries) {
        if (entry.trimmed().isEmpty())
            continue;
        const qsizetype equals = entry.indexOf(QLatin1Char('='));
        const auto decoded = [](const QString& text) {
            return QString::fromUtf8(QByteArray::fromPercentEncoding(text.trimmed().toUtf8()));
        };
        const QString name = equals > 0 ? decoded(entry.left(equals)) : QString();
        const bool isKnown =
            std::any_of(pairs.cbegin(), pairs.cend(), [&name](const auto& pair) { return pair.first == name; });
        if (name.isEmpty() || isKnown)
            return std::nullopt;
        pairs.emplaceBack(name, decoded(entry.mid(equals + 1)));
    }
    return pairs;
}

std::optional<QList<std::pair<QByteArray, QByteArray>>> parseHeaders(const QString& text)
{
    const auto pairs = parsePairs(text.split(QLatin1Char(',')));
    if (!pairs)
        return std::nullopt;
    QList<std::pair<QByteArray, QByteArray>> headers;
    for (const auto& [name, value] : *pairs) {
        const auto isToken = [](QChar c) {
            return c.unicode() < 0x80 && (c.isLetterOrNumber() || QStringView(u"!#$%&'*+-.^_`|~").contains(c));
        };
        const auto isText = [](QChar c) { return c.unicode() >= 0x20 && c.unicode() < 0x7f; };
        if (!std::all_of(name.begin(), name.end(), isToken) || !std::all_of(value.begin(), value.end(), isText))
            return std::nullopt;
        headers.emplaceBack(name.toLatin1(), value.toLatin1());
    }
    return headers;
}

Attributes resourceOf(const Settings& settings)
{
    Attributes attributes;
    const auto add = [&attributes](const QString& key, const QString& value) {
        const bool isKnown = std::any_of(
            attributes.cbegin(), attributes.cend(), [&key](const auto& attribute) { return attribute.first == key; });
        if (!isKnown && !value.isEmpty())
            attributes.emplaceBack(key, value);
    };
    add(QStringLiteral("service.name"), settings.serviceName);
    for (const auto& [key, value] : settings.resource)
        add(key, value);
    add(QStringLiteral("service.name"), QStringLiteral("kav-engine"));
    add(QStringLiteral("service.version"), settings.version);
    add(QStringLiteral("telemetry.sdk.name"), QStringLiteral("kav"));
    add(QStringLiteral("telemetry.sdk.language"), QStringLiteral("cpp"));
    add(QStringLiteral("telemetry.sdk.version"), settings.version);
    return attributes;
}

std::optional<double> parseRatio(const QString& text)
{
    bool isNumber = false;
    const double ratio = text.trimmed().toDouble(&isNumber);
    return isNumber && ratio >= 0.0 && ratio <= 1.0 ? std::optional(ratio) : std::nullopt;
}

} // namespace kav::traces
