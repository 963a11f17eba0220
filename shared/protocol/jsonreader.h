// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/model/call.h"
#include "shared/model/status.h"
#include "shared/protocol/messages.h"

#include <QByteArray>
#include <QDateTime>
#include <QJsonArray>
#include <QJsonObject>
#include <QJsonValue>
#include <QLatin1String>
#include <QList>
#include <QString>

#include <chrono>
#include <optional>
#include <string_view>

namespace kav::protocol {

/// Where a value stands in a message. A chain on the stack: its text is made only when there is something to blame.
struct JsonPlace final {
    const JsonPlace* above = nullptr;
    std::string_view name;
    qsizetype index = -1; ///< in an array; then there is no name

    QString path() const; ///< "snapshot.calls[3].state"
};

/// A JSON object to a struct, strictly: a mandatory field that is missing, or one of a wrong type, is a fault; what is
/// not known is skipped. Only the first fault is kept; after it nothing more is read. Lives on the stack of one
/// function. fields.h says what the structs look like.
class JsonReader final {
public:
    template <typename T> using Ref = T&;

    /// `fault` takes the first sentence about what was wrong.
    JsonReader(const QJsonObject& object, const JsonPlace& place, QString& fault)
        : m_object(object)
        , m_place(place)
        , m_fault(fault)
    {
    }

    /// A field that must be there.
    template <typename T> void field(std::string_view name, T& value)
    {
        if (failed())
            return;
        const JsonPlace place{&m_place, name};
        const QJsonValue json = m_object.value(QLatin1String(name.data(), qsizetype(name.size())));
        if (json.isUndefined() || json.isNull())
            fail(place, QLatin1String("is missing"));
        else
            read(json, place, value);
    }
    /// A field that may be left out, or null; then `value` stays as it is.
    template <typename T> void optional(std::string_view name, T& value)
    {
        if (failed())
            return;
        const QJsonValue json = m_object.value(QLatin1String(name.data(), qsizetype(name.size())));
        if (!json.isUndefined() && !json.isNull())
            read(json, JsonPlace{&m_place, name}, value);
    }
    bool has(std::string_view name) const; ///< and it is not null
    bool failed() const { return !m_fault.isEmpty(); }

private:
    void fail(const JsonPlace& place, QLatin1String what);
    /// Whole numbers are 0 .. `highest`: nothing here is ever below zero.
    qint64 whole(const QJsonValue& json, const JsonPlace& place, qint64 highest);
    void read(const QJsonValue& json, const JsonPlace& place, bool& value);
    void read(const QJsonValue& json, const JsonPlace& place, int& value);
    void read(const QJsonValue& json, const JsonPlace& place, qint64& value);
    void read(const QJsonValue& json, const JsonPlace& place, double& value);
    void read(const QJsonValue& json, const JsonPlace& place, QString& value);
    void read(const QJsonValue& json, const JsonPlace& place, QByteArray& value);
    void read(const QJsonValue& json, const JsonPlace& place, QDateTime& value);
    void read(const QJsonValue& json, const JsonPlace& place, QJsonObject& value);
    void read(const QJsonValue& json, const JsonPlace& place, std::chrono::milliseconds& value);
    void read(const QJsonValue& json, const JsonPlace& place, std::chrono::microseconds& value);
    // Words of a closed list. One that a later version has added must not cost the message it stands in; PROTOCOL.md
    // tells what is taken in its place.
    void read(const QJsonValue& json, const JsonPlace& place, CallState& value);
    void read(const QJsonValue& json, const JsonPlace& place, EndReason& value);
    void read(const QJsonValue& json, const JsonPlace& place, LatencyPart& value);
    void read(const QJsonValue& json, const JsonPlace& place, TurnInput& value);
    void read(const QJsonValue& json, const JsonPlace& place, ServiceState& value);
    void read(const QJsonValue& json, const JsonPlace& place, RequestKind& value);
    void read(const QJsonValue& json, const JsonPlace& place, SignatureState& value);
    void read(const QJsonValue& json, const JsonPlace& place, ErrorCode& value);
    void read(const QJsonValue& json, const JsonPlace& place, Detection& value);
    template <typename T> void read(const QJsonValue& json, const JsonPlace& place, std::optional<T>& value)
    {
        read(json, place, value.emplace());
    }
    template <typename T> void read(const QJsonValue& json, const JsonPlace& place, QList<T>& values)
    {
        if (!json.isArray())
            return fail(place, QLatin1String("is not an array"));
        const QJsonArray array = json.toArray();
        values.clear();
        values.reserve(array.size());
        for (qsizetype i = 0; i < array.size() && !failed(); ++i)
            read(array.at(i), JsonPlace{&place, {}, i}, values.emplaceBack());
    }
    template <typename T> void read(const QJsonValue& json, const JsonPlace& place, T& value)
    {
        if (!json.isObject())
            return fail(place, QLatin1String("is not an object"));
        const QJsonObject object = json.toObject();
        JsonReader inner(object, place, m_fault);
        fields(inner, value);
    }

    const QJsonObject& m_object;
    const JsonPlace& m_place;
    QString& m_fault;
};

} // namespace kav::protocol
