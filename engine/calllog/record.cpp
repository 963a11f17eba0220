// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/record.h"

#include "shared/core/masking.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QMessageAuthenticationCode>
#include <QtEndian>

#include <cstring>
#include <zlib.h>

namespace kav::calllog {

namespace {

constexpr char PayloadLayout = 1;
constexpr qsizetype PayloadHeaderBytes = 12;
constexpr qsizetype CallIdLimitBytes = 256;

quint32 recordChecksum(QByteArrayView lengthAndNumber, QByteArrayView payload)
{
    uLong crc =
        crc32(0L, reinterpret_cast<const Bytef*>(lengthAndNumber.data()), static_cast<uInt>(lengthAndNumber.size()));
    // zlib takes a null pointer as "start over", so an empty payload must not reach it.
    if (!payload.isEmpty())
        crc = crc32(crc, reinterpret_cast<const Bytef*>(payload.data()), static_cast<uInt>(payload.size()));
    return static_cast<quint32>(crc);
}

/// A number in clear: digits only, with an optional '+', seven digits or more. Sids and dates do not look like this.
bool looksLikeNumber(QStringView text)
{
    if (text.startsWith(QLatin1Char('+')))
        text = text.mid(1);
    if (text.size() < 7 || text.size() > 20)
        return false;
    for (const QChar c : text) {
        if (c < QLatin1Char('0') || c > QLatin1Char('9'))
            return false;
    }
    return true;
}

QJsonObject maskValues(QJsonObject object)
{
    for (auto it = object.begin(); it != object.end(); ++it) {
        if (it->isString()) {
            if (const QString text = it->toString(); looksLikeNumber(text))
                *it = maskNumber(text);
        }
    }
    return object;
}

/// Callers mask numbers before they log them. This is the second lock on the door: what Twilio sent must not reach the
/// disk in clear because one field was forgotten. What a caller says or leaves (turns, facts) is the product's to keep.
QJsonObject maskedData(const Entry& entry)
{
    const auto maskNested = [](QJsonObject data, QLatin1String key) {
        if (const QJsonValue nested = data.value(key); nested.isObject())
            data.insert(key, maskValues(nested.toObject()));
        return data;
    };
    const auto maskPairs = [](QJsonObject data, QLatin1String key) {
        QJsonArray pairs = data.value(key).toArray();
        for (QJsonValueRef pair : pairs) {
            if (const QString value = pair.toArray().at(1).toString(); looksLikeNumber(value))
                pair = QJsonArray{pair.toArray().at(0), maskNumber(value)};
        }
        if (!pairs.isEmpty())
            data.insert(key, pairs);
        return data;
    };
    switch (entry.kind) {
    case Entry::Kind::CallStarted:
        return maskNested(maskValues(entry.data), QLatin1String("parameters"));
    case Entry::Kind::Webhook:
        return maskNested(entry.data, QLatin1String("fields"));
    case Entry::Kind::Request:
        return maskPairs(entry.data, QLatin1String("parameters"));
    case Entry::Kind::Turn:
    case Entry::Kind::Event:
    case Entry::Kind::OperatorAct:
    case Entry::Kind::CallEnded:
        return entry.data;
    }
    Q_UNREACHABLE();
}

/// Where a payload's number ids stand; behind them is nothing but the end of the object.
constexpr QByteArrayView FromIdBefore("\"fromId\":\""), ToIdBefore("\",\"toId\":\""), IdsAfter("\"}");

QByteArray roomForNumberIds()
{
    const QByteArray none(NumberIdBytes, '0');
    return FromIdBefore.toByteArray() + none + ToIdBefore.toByteArray() + none + IdsAfter.toByteArray();
}

} // namespace

QByteArray encodeEntry(const Entry& entry)
{
    QByteArray json = QJsonDocument(maskedData(entry)).toJson(QJsonDocument::Compact);
    QByteArray callId = entry.callId.toUtf8();
    if (callId.size() > CallIdLimitBytes)
        callId = entry.callId.left(CallIdLimitBytes / 4).toUtf8();
    if (PayloadHeaderBytes + callId.size() + json.size() > PayloadLimitBytes)
        json = QJsonDocument(QJsonObject{{QStringLiteral("oversize"), json.size()}}).toJson(QJsonDocument::Compact);

    if (entry.kind == Entry::Kind::CallStarted && !(entry.from.isEmpty() && entry.to.isEmpty())) {
        json.chop(1);
        if (json.size() > 1)
            json += ',';
        json += roomForNumberIds();
    }

    return packPayload({entry.kind, entry.at.toMSecsSinceEpoch(), callId, json});
}

QByteArray packPayload(const PayloadView& view)
{
    QByteArray payload(PayloadHeaderBytes, Qt::Uninitialized);
    char* p = payload.data();
    p[0] = PayloadLayout;
    p[1] = static_cast<char>(view.kind);
    qToLittleEndian(static_cast<quint16>(view.callId.size()), p + 2);
    qToLittleEndian(view.atMs, p + 4);
    payload.reserve(PayloadHeaderBytes + view.callId.size() + view.json.size());
    payload += view.callId;
    payload += view.json;
    return payload;
}

QByteArray numberId(const QByteArray& key, const QString& number)
{
    // As people write them: +972 50-123-4567. What is no number is an address, sip:ana@example.com.
    QString plain;
    for (const QChar c : number) {
        if (c.isDigit())
            plain += QString::number(c.digitValue());
        else if (c.isLetter() || c == QLatin1Char('@')) {
            plain = number.trimmed().toLower();
            break;
        }
    }
    return QMessageAuthenticationCode::hash(plain.toUtf8(), key, QCryptographicHash::Sha256)
        .toHex()
        .left(NumberIdBytes);
}

void stampNumberIds(QByteArray& payload, const QByteArray& fromId, const QByteArray& toId)
{
    const qsizetype at = payload.size() - roomForNumberIds().size();
    const auto put = [&payload](qsizetype where, const QByteArray& id) {
        if (id.size() == NumberIdBytes)
            payload.replace(where, NumberIdBytes, id);
    };
    put(at + FromIdBefore.size(), fromId);
    put(at + FromIdBefore.size() + NumberIdBytes + ToIdBefore.size(), toId);
}

std::optional<PayloadView> viewPayload(QByteArrayView payload)
{
    if (payload.size() < PayloadHeaderBytes || payload[0] != PayloadLayout)
        return std::nullopt;
    const auto kind = static_cast<quint8>(payload[1]);
    if (kind > static_cast<quint8>(Entry::Kind::Request))
        return std::nullopt;
    const auto callIdBytes = qsizetype(qFromLittleEndian<quint16>(payload.data() + 2));
    if (payload.size() < PayloadHeaderBytes + callIdBytes)
        return std::nullopt;
    PayloadView view;
    view.kind = static_cast<Entry::Kind>(kind);
    view.atMs = qFromLittleEndian<qint64>(payload.data() + 4);
    view.callId = payload.sliced(PayloadHeaderBytes, callIdBytes);
    view.json = payload.sliced(PayloadHeaderBytes + callIdBytes);
    return view;
}

void appendRecord(QByteArray& out, quint64 number, QByteArrayView payload)
{
    char header[RecordHeaderBytes];
    std::memcpy(header, RecordMagic, 4);
    qToLittleEndian(static_cast<quint32>(payload.size()), header + 4);
    qToLittleEndian(number, header + 8);
    qToLittleEndian(recordChecksum(QByteArrayView(header + 4, 12), payload), header + 16);
    out.append(header, RecordHeaderBytes);
    out.append(payload);
}

ParsedRecord parseRecord(QByteArrayView bytes)
{
    ParsedRecord record;
    const auto magicBytes = static_cast<size_t>(qMin<qsizetype>(bytes.size(), 4));
    if (magicBytes > 0 && std::memcmp(bytes.data(), RecordMagic, magicBytes) != 0)
        return record;
    if (bytes.size() < RecordHeaderBytes) {
        record.state = ParsedRecord::State::Short;
        return record;
    }
    const auto length = qsizetype(qFromLittleEndian<quint32>(bytes.data() + 4));
    if (length > PayloadLimitBytes)
        return record;
    if (bytes.size() < RecordHeaderBytes + length) {
        record.state = ParsedRecord::State::Short;
        return record;
    }
    const QByteArrayView payload = bytes.sliced(RecordHeaderBytes, length);
    if (recordChecksum(bytes.sliced(4, 12), payload) != qFromLittleEndian<quint32>(bytes.data() + 16))
        return record;
    record.state = ParsedRecord::State::Whole;
    record.number = qFromLittleEndian<quint64>(bytes.data() + 8);
    record.payload = payload;
    record.size = RecordHeaderBytes + length;
    return record;
}

} // namespace kav::calllog
