// SPDX-License-Identifier: Apache-2.0
#include "shared/protocol/jsonreader.h"

#include <cmath>
#include <limits>

namespace kav::protocol {

namespace {

/// What every JSON library can hold without loss.
constexpr qint64 HighestWhole = (qint64(1) << 53) - 1;

} // namespace

QString JsonPlace::path() const
{
    if (index >= 0)
        return above->path() + QLatin1Char('[') + QString::number(index) + QLatin1Char(']');
    const QLatin1String own(name.data(), qsizetype(name.size()));
    return above ? above->path() + QLatin1Char('.') + own : QString(own);
}

void JsonReader::fail(const JsonPlace& place, QLatin1String what)
{
    if (!failed())
        m_fault = place.path() + QLatin1Char(' ') + what;
}

bool JsonReader::has(std::string_view name) const
{
    const QJsonValue json = m_object.value(QLatin1String(name.data(), qsizetype(name.size())));
    return !json.isUndefined() && !json.isNull();
}

qint64 JsonReader::whole(const QJsonValue& json, const JsonPlace& place, qint64 highest)
{
    const qint64 value = json.toInteger(-1);
    if (value >= 0 && value <= highest)
        return value;
    if (!json.isDouble())
        fail(place, QLatin1String("is not a number"));
    else if (json.toDouble() != std::floor(json.toDouble()))
        fail(place, QLatin1String("is not a whole number"));
    else
        fail(place, QLatin1String("is out of range"));
    return 0;
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, bool& value)
{
    if (!json.isBool())
        return fail(place, QLatin1String("is neither true nor false"));
    value = json.toBool();
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, int& value)
{
    value = int(whole(json, place, std::numeric_limits<int>::max()));
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, qint64& value)
{
    value = whole(json, place, HighestWhole);
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, double& value)
{
    if (!json.isDouble())
        return fail(place, QLatin1String("is not a number"));
    value = json.toDouble();
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, QString& value)
{
    if (!json.isString())
        return fail(place, QLatin1String("is not a string"));
    value = json.toString();
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, QByteArray& value)
{
    if (!json.isString())
        return fail(place, QLatin1String("is not a string"));
    const QByteArray text = json.toString().toLatin1();
    auto decoded = QByteArray::fromBase64Encoding(text, QByteArray::AbortOnBase64DecodingErrors);
    if (!decoded || text.size() % 4 != 0) // the size: Qt takes no offence at a text that was cut
        return fail(place, QLatin1String("is not base64"));
    value = std::move(decoded.decoded);
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, QDateTime& value)
{
    const qint64 ms = whole(json, place, HighestWhole);
    value = ms > 0 ? QDateTime::fromMSecsSinceEpoch(ms, Qt::UTC) : QDateTime();
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, QJsonObject& value)
{
    if (!json.isObject())
        return fail(place, QLatin1String("is not an object"));
    value = json.toObject();
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, std::chrono::milliseconds& value)
{
    value = std::chrono::milliseconds(whole(json, place, HighestWhole));
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, std::chrono::microseconds& value)
{
    value = std::chrono::microseconds(whole(json, place, HighestWhole));
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, CallState& value)
{
    QString word;
    read(json, place, word);
    value = callStateFromName(word).value_or(CallState::Listening); // of a call that lives: all can be done with it
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, EndReason& value)
{
    QString word;
    read(json, place, word);
    value = endReasonFromName(word).value_or(EndReason::None);
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, LatencyPart& value)
{
    QString word;
    read(json, place, word);
    value = latencyPartFromName(word).value_or(LatencyPart::Playout); // the parts sum up all the same
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, TurnInput& value)
{
    QString word;
    read(json, place, word);
    value = turnInputFromName(word).value_or(TurnInput::Voice);
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, ServiceState& value)
{
    QString word;
    read(json, place, word);
    value = serviceStateFromName(word).value_or(ServiceState::Degraded); // to be looked at; never green by mistake
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, RequestKind& value)
{
    QString word;
    read(json, place, word);
    value = requestKindFromName(word).value_or(RequestKind::Page);
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, SignatureState& value)
{
    QString word;
    read(json, place, word);
    value = signatureStateFromName(word).value_or(SignatureState::NotChecked);
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, ErrorCode& value)
{
    QString word;
    read(json, place, word);
    value = errorCodeFromName(word).value_or(ErrorCode::Internal);
}

void JsonReader::read(const QJsonValue& json, const JsonPlace& place, Detection& value)
{
    QString word;
    read(json, place, word);
    value = detectionFromName(word).value_or(Detection::Off);
}

} // namespace kav::protocol
