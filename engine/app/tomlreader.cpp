// SPDX-License-Identifier: Apache-2.0
#include "engine/app/tomlreader.h"

#include "shared/core/masking.h"
#include "shared/core/safetoml.h"
#include "shared/core/tomlguard.h"

#include <QJsonArray>

#include <algorithm>
#include <optional>
#include <utility>

namespace kav::app {
namespace {

constexpr qsizetype LongestToml = 1024 * 1024;
// Dotted keys nest deep. Ours have five parts at most ("persona.NAME.http.TOOL.url"); a table below is taken as a whole.
constexpr int DeepestTable = 5;
constexpr int DeepestJson = 16;

QString textOf(std::string_view text)
{
    return QString::fromUtf8(text.data(), qsizetype(text.size()));
}

QString placeOf(const QString& fileName, const toml::source_position& at)
{
    return QStringLiteral("%1:%2:%3").arg(fileName).arg(at.line).arg(at.column);
}

RawValue rawOf(const toml::node& node)
{
    RawValue raw;
    raw.typed = true;
    if (const auto* boolean = node.as_boolean()) {
        raw.value = boolean->get();
    } else if (const auto* integer = node.as_integer()) {
        raw.value = qint64(integer->get());
    } else if (const auto* text = node.as_string()) {
        raw.value = textOf(text->get());
    } else if (const auto* array = node.as_array()) {
        QStringList list;
        for (const toml::node& item : *array) {
            const auto* itemText = item.as_string();
            if (!itemText) {
                raw.foreignType = QStringLiteral("a list with other things than strings");
                return raw;
            }
            list += textOf(itemText->get());
        }
        raw.value = list;
    } else if (node.is_floating_point()) {
        raw.foreignType = QStringLiteral("a number with a decimal point");
    } else if (node.is_table()) {
        raw.foreignType = QStringLiteral("a table");
    } else {
        raw.foreignType = QStringLiteral("a date or time");
    }
    return raw;
}

std::optional<QJsonValue> jsonOf(const toml::node& node, int depth)
{
    if (depth == 0)
        return std::nullopt;
    if (const auto* boolean = node.as_boolean())
        return boolean->get();
    if (const auto* integer = node.as_integer())
        return qint64(integer->get());
    if (const auto* number = node.as_floating_point())
        return number->get();
    if (const auto* text = node.as_string())
        return textOf(text->get());
    if (const auto* array = node.as_array()) {
        QJsonArray list;
        for (const toml::node& item : *array) {
            const auto value = jsonOf(item, depth - 1);
            if (!value)
                return std::nullopt;
            list.append(*value);
        }
        return list;
    }
    if (const auto* table = node.as_table()) {
        QJsonObject object;
        for (const auto& [name, item] : *table) {
            const auto value = jsonOf(item, depth - 1);
            if (!value)
                return std::nullopt;
            object.insert(textOf(name.str()), *value);
        }
        return object;
    }
    return std::nullopt; // a date or time
}

void flatten(
    const toml::table& table, const QString& prefix, const QString& fileName, QList<TomlEntry>& entries, int depth)
{
    for (const auto& [name, node] : table) {
        const QString key = prefix.isEmpty() ? textOf(name.str()) : prefix + QLatin1Char('.') + textOf(name.str());
        const toml::table* inner = node.as_table();
        if (inner && !inner->empty() && depth < DeepestTable) {
            flatten(*inner, key, fileName, entries, depth + 1);
        } else {
            const auto whole = inner ? jsonOf(node, DeepestJson) : std::nullopt;
            entries.append({key, rawOf(node), whole ? whole->toObject() : QJsonObject(),
                placeOf(fileName, node.source().begin),
                placeOf(fileName, name.source().begin), name.source().begin.line, name.source().begin.column});
        }
    }
}

} // namespace

TomlDocument readToml(QByteArrayView text, const QString& fileName)
{
    TomlDocument document;
    if (text.size() > LongestToml) {
        document.error = fileName + QStringLiteral(": larger than 1 MiB");
        return document;
    }
    if (const QString trouble = tomlTrouble(text); !trouble.isEmpty()) {
        document.error = fileName + trouble;
        return document;
    }
    try {
        const toml::table table = toml::parse(std::string_view(text.data(), size_t(text.size())), std::string_view());
        flatten(table, {}, fileName, document.entries, 1);
    } catch (const toml::parse_error& error) {
        document.error =
            placeOf(fileName, error.source().begin) + QStringLiteral(": ") + logSafe(textOf(error.description()), 160);
        return document;
    } catch (const TomlAssertion&) {
        document.error = fileName + QStringLiteral(": not TOML, in a way that the parser cannot place");
        return document;
    }
    std::sort(document.entries.begin(), document.entries.end(), [](const TomlEntry& a, const TomlEntry& b) {
        return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return document;
}

} // namespace kav::app
