// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/model/call.h"
#include "shared/model/status.h"
#include "shared/protocol/messages.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QDateTime>
#include <QJsonObject>
#include <QList>
#include <QString>
#include <QVarLengthArray>

#include <chrono>
#include <optional>
#include <string_view>

namespace kav::protocol {

/// Values to compact JSON text, without a document in between: an engine with many calls writes thousands of changes a
/// second. It takes every value: one that the other side would refuse, and the whole message with it, becomes the
/// nearest that it takes. Lives on the stack of one function. fields.h says what the structs look like.
class JsonWriter final {
public:
    template <typename T> using Ref = const T&;

    JsonWriter()
        : m_buffer(FirstRoom)
    {
    }

    /// A field that is always there.
    template <typename T> void field(std::string_view name, const T& value)
    {
        key(name);
        write(value);
    }
    /// A field that is left out when there is nothing to say.
    template <typename T> void optional(std::string_view name, const T& value)
    {
        if (isThere(value))
            field(name, value);
    }

    template <typename T> void object(const T& value)
    {
        begin('{');
        fields(*this, value);
        end('}');
    }
    void word(std::string_view name, std::string_view word); ///< a word of ours: plain ASCII
    void key(std::string_view name);
    void begin(char bracket);
    void end(char bracket);
    void comma();
    void raw(QByteArrayView json); ///< JSON already

    void write(bool value);
    void write(int value) { write(qint64(value)); }
    void write(qint64 value);
    void write(double value);
    void write(const QString& value);
    void write(const QByteArray& value); ///< base64
    void write(const QDateTime& value); ///< 0: not valid
    void write(const QJsonObject& value);
    void write(std::chrono::milliseconds value) { write(qMax(qint64(0), qint64(value.count()))); }
    void write(std::chrono::microseconds value) { write(qMax(qint64(0), qint64(value.count()))); }
    void write(CallState value) { write(callStateName(value)); }
    void write(EndReason value) { write(endReasonName(value)); }
    void write(LatencyPart value) { write(latencyPartName(value)); }
    void write(TurnInput value) { write(turnInputName(value)); }
    void write(ServiceState value) { write(serviceStateName(value)); }
    void write(RequestKind value) { write(requestKindName(value)); }
    void write(SignatureState value) { write(signatureStateName(value)); }
    void write(ErrorCode value) { write(errorCodeName(value)); }
    void write(Detection value) { write(detectionName(value)); }
    template <typename T> void write(const std::optional<T>& value) { write(*value); }
    template <typename T> void write(const QList<T>& values)
    {
        begin('[');
        for (const T& value : values) {
            comma();
            write(value);
        }
        end(']');
    }
    template <typename T> void write(const T& value) { object(value); }

    /// What was written; with exactly the room it needs, for some of it is kept long.
    QByteArray text() const { return QByteArray(m_buffer.constData(), m_size); }

private:
    static bool isThere(bool value) { return value; }
    static bool isThere(Detection value) { return value != Detection::Off; }
    static bool isThere(EndReason value) { return value != EndReason::None; }
    static bool isThere(const QString& value) { return !value.isEmpty(); }
    static bool isThere(const QByteArray& value) { return !value.isEmpty(); }
    static bool isThere(const QDateTime& value) { return value.isValid(); }
    template <typename T> static bool isThere(const std::optional<T>& value) { return value.has_value(); }
    template <typename T> static bool isThere(const QList<T>& value) { return !value.isEmpty(); }

    /// Where to write; `bytes` may follow.
    char* room(qsizetype bytes);

    static constexpr qsizetype FirstRoom = 2048;
    QVarLengthArray<char, FirstRoom> m_buffer;
    qsizetype m_size = 0;
    bool m_first = true; ///< nothing stands in this object or array yet
};

} // namespace kav::protocol
