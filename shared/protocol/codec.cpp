// SPDX-License-Identifier: Apache-2.0
#include "shared/protocol/codec.h"

#include "shared/protocol/fields.h"

#include <QJsonDocument>
#include <QJsonParseError>

namespace kav::protocol {

namespace {

template <typename... T> QByteArray encodeOne(const std::variant<T...>& message)
{
    JsonWriter writer;
    writer.begin('{');
    std::visit(
        [&writer](const auto& alternative) {
            using Message = std::decay_t<decltype(alternative)>;
            if constexpr (std::is_same_v<Message, UnknownMessage>) {
                writer.field("type", alternative.type);
                writer.optional("id", alternative.id);
            } else {
                writer.word("type", Word<Message>);
                fields(writer, alternative);
            }
        },
        message);
    writer.end('}');
    return writer.text();
}

Error invalidMessage(QString what)
{
    return {Error::Code::Invalid, std::move(what), {}};
}

template <typename... T> bool readMessage(JsonReader& reader, const QString& type, std::variant<T...>& message)
{
    return (readAs<T>(reader, type, message) || ...);
}

template <typename Message> Result<Message> decodeOne(QByteArrayView text)
{
    QJsonParseError parseError;
    const QJsonDocument document =
        QJsonDocument::fromJson(QByteArray::fromRawData(text.data(), text.size()), &parseError);
    if (parseError.error != QJsonParseError::NoError) {
        return invalidMessage(QStringLiteral("the message is not JSON: %1 at byte %2")
                                  .arg(parseError.errorString())
                                  .arg(parseError.offset));
    }
    if (!document.isObject())
        return invalidMessage(QStringLiteral("the message is not an object"));
    const QJsonObject object = document.object();

    QString fault;
    QString type;
    const JsonPlace nameless{nullptr, "message"};
    JsonReader head(object, nameless, fault);
    head.field("type", type);
    if (head.failed())
        return invalidMessage(fault);

    Message message;
    const QByteArray name = type.toLatin1();
    const JsonPlace place{nullptr, {name.constData(), std::size_t(name.size())}};
    JsonReader reader(object, place, fault);
    if (readMessage(reader, type, message)) {
        if (reader.failed())
            return invalidMessage(fault);
        return message;
    }
    UnknownMessage unknown{type, std::nullopt};
    head.optional("id", unknown.id);
    if (head.failed())
        unknown.id.reset(); // not ours to judge; without an id nobody waits for a reply
    return Message(std::move(unknown));
}

/// `head` up to an array's bracket, what stands in the array, and the end of both.
QByteArray withItems(const QByteArray& head, std::span<const QByteArray* const> items)
{
    qsizetype size = head.size() + 2;
    for (const QByteArray* const item : items)
        size += item->size() + 1;
    QByteArray text;
    text.reserve(size);
    text += head;
    for (const QByteArray* const item : items) {
        if (text.size() > head.size())
            text += ',';
        text += *item;
    }
    text += QByteArrayView("]}");
    return text;
}

} // namespace

QByteArray encode(const ToEngine& message)
{
    return encodeOne(message);
}

QByteArray encode(const ToConsole& message)
{
    return encodeOne(message);
}

Result<ToEngine> decodeToEngine(QByteArrayView text)
{
    return decodeOne<ToEngine>(text);
}

Result<ToConsole> decodeToConsole(QByteArrayView text)
{
    return decodeOne<ToConsole>(text);
}

QByteArray encodeChange(const Change& change)
{
    JsonWriter writer;
    writer.object(change);
    return writer.text();
}

QByteArray encodeRequest(const RequestRecord& request)
{
    JsonWriter writer;
    writer.object(request);
    return writer.text();
}

QByteArray encodeRequestNews(bool missed, std::span<const QByteArray* const> requests)
{
    JsonWriter writer;
    writer.begin('{');
    writer.word("type", Word<Requests>);
    writer.optional("missed", missed);
    writer.key("requests");
    writer.begin('[');
    return withItems(writer.text(), requests);
}

QByteArray encodeDelta(qint64 from, qint64 to, const QDateTime& at, std::span<const QByteArray* const> changes)
{
    JsonWriter writer;
    writer.begin('{');
    writer.word("type", Word<Delta>);
    writer.field("from", from);
    writer.field("to", to);
    writer.field("at", at);
    writer.key("changes");
    writer.begin('[');
    return withItems(writer.text(), changes);
}

} // namespace kav::protocol
