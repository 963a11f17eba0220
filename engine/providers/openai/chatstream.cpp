// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/chatstream.h"

#include <QJsonArray>
#include <QJsonDocument>

#include <algorithm>

namespace kav::providers {

namespace {
constexpr qsizetype LongestObject = 1024 * 1024;
constexpr std::size_t MostTools = 16; // of one answer
constexpr qsizetype LongestArguments = 32 * 1024;

/// Text, or a list of parts of which some are text.
QString textOf(const QJsonValue& content)
{
    if (content.isString())
        return content.toString();
    QString text;
    const QJsonArray parts = content.toArray();
    for (const QJsonValue& part : parts)
        text += part.toObject().value(QLatin1String("text")).toString();
    return text;
}
} // namespace

Result<QString> ChatStream::add(QByteArrayView bytes)
{
    if (m_form == Form::Unknown) {
        qsizetype at = 0;
        while (at < bytes.size() && QByteArrayView(" \t\r\n").contains(bytes[at]))
            ++at;
        if (at == bytes.size())
            return QString();
        m_form = bytes[at] == '{' ? Form::Object : Form::Events;
    }
    if (m_form == Form::Events)
        return addEvents(bytes);
    m_object += bytes;
    if (m_object.size() > LongestObject)
        return Error{Error::Code::Invalid, QStringLiteral("the answer is longer than 1 MiB"), {}};
    return QString();
}

Result<QString> ChatStream::finish()
{
    if (m_form != Form::Object)
        return QString();
    QJsonParseError error;
    const QJsonDocument document = QJsonDocument::fromJson(m_object, &error);
    if (!document.isObject())
        return Error{Error::Code::Unavailable, QStringLiteral("the answer is no JSON object"), error.errorString()};
    m_done = true;
    return takeObject(document.object());
}

Result<QString> ChatStream::addEvents(QByteArrayView bytes)
{
    auto events = m_events.add(bytes);
    if (!events)
        return events.error();
    QString text;
    for (const EventStream::Event& event : std::as_const(*events)) {
        if (m_done || m_error)
            break;
        if (event.data.trimmed() == "[DONE]") {
            m_done = true;
            break;
        }
        QJsonParseError error;
        const QJsonDocument document = QJsonDocument::fromJson(event.data, &error);
        if (!document.isObject())
            return Error{Error::Code::Unavailable, QStringLiteral("a piece of the answer is no JSON object"),
                error.errorString()};
        text += takeObject(document.object());
    }
    return text;
}

QString ChatStream::takeObject(const QJsonObject& object)
{
    const QJsonValue error = object.value(QLatin1String("error"));
    if (!error.isUndefined() && !error.isNull()) {
        m_error = error;
        return {};
    }
    // Of several choices only the first was asked for; usage comes in a chunk without any.
    const QJsonObject choice = object.value(QLatin1String("choices")).toArray().at(0).toObject();
    const QJsonValue delta = choice.value(QLatin1String("delta"));
    const QJsonObject said = (delta.isObject() ? delta : choice.value(QLatin1String("message"))).toObject();
    const QString reason = choice.value(QLatin1String("finish_reason")).toString();
    if (!reason.isEmpty())
        m_finishReason = reason;
    takeTools(said.value(QLatin1String("tool_calls")));
    return textOf(said.value(QLatin1String("content"))) + said.value(QLatin1String("refusal")).toString();
}

void ChatStream::takeTools(const QJsonValue& calls)
{
    const QJsonArray pieces = calls.toArray();
    for (const QJsonValue& value : pieces) {
        const QJsonObject piece = value.toObject();
        const QJsonObject function = piece.value(QLatin1String("function")).toObject();
        const QString id = piece.value(QLatin1String("id")).toString();
        // Some servers number every call 0, or none: then a new id is a new call.
        const int last = m_tools.empty() ? 0 : m_tools.back().index;
        const int index = piece.value(QLatin1String("index")).toInt(last);
        auto tool =
            std::find_if(m_tools.rbegin(), m_tools.rend(), [index](const Tool& known) { return known.index == index; });
        const bool isNew = tool == m_tools.rend() || (!id.isEmpty() && !tool->id.isEmpty() && tool->id != id);
        if (isNew) {
            if (m_tools.size() >= MostTools)
                continue;
            m_tools.push_back({index, {}, {}, {}, false});
            tool = m_tools.rbegin();
        }
        if (tool->id.isEmpty())
            tool->id = id;
        if (tool->name.isEmpty())
            tool->name = function.value(QLatin1String("name")).toString();
        const QJsonValue arguments = function.value(QLatin1String("arguments"));
        if (arguments.isObject())
            tool->arguments = QJsonDocument(arguments.toObject()).toJson(QJsonDocument::Compact);
        else
            tool->arguments += arguments.toString().toUtf8();
        if (tool->arguments.size() > LongestArguments) {
            tool->tooLong = true;
            tool->arguments.clear();
        }
    }
}

} // namespace kav::providers
