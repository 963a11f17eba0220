// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twiliopeer.h"

#include "shared/core/masking.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRandomGenerator>

namespace kav::telephony {

namespace {

QByteArray compactJson(const QJsonObject& object)
{
    return QJsonDocument(object).toJson(QJsonDocument::Compact);
}

QString randomSid(QLatin1String prefix)
{
    QString sid = prefix;
    for (int i = 0; i < 4; ++i)
        sid += QString::number(QRandomGenerator::system()->generate(), 16).rightJustified(8, QLatin1Char('0'));
    return sid;
}

Error peerError(const QString& what)
{
    return Error{Error::Code::Invalid, what, {}};
}

/// Exactly the wanted members, or what is missing or too many.
QString memberProblem(const QJsonObject& object, const QStringList& wanted)
{
    for (const QString& name : wanted) {
        if (!object.contains(name))
            return QStringLiteral("%1 is missing").arg(name);
    }
    const QStringList names = object.keys();
    for (const QString& name : names) {
        if (!wanted.contains(name))
            return QStringLiteral("unexpected field %1").arg(logSafe(name, 40));
    }
    return {};
}

} // namespace

StreamIds StreamIds::random()
{
    return {randomSid(QLatin1String("MZ")), randomSid(QLatin1String("CA")), randomSid(QLatin1String("AC"))};
}

TwilioPeerWriter::TwilioPeerWriter(StreamIds ids)
    : m_ids(std::move(ids))
{
}

QByteArray TwilioPeerWriter::connected() const
{
    return QByteArrayLiteral(R"({"event":"connected","protocol":"Call","version":"1.0.0"})");
}

QByteArray TwilioPeerWriter::start(const QMap<QString, QString>& parameters)
{
    QJsonObject custom;
    for (auto it = parameters.cbegin(); it != parameters.cend(); ++it)
        custom.insert(it.key(), it.value());
    const QJsonObject format{{QStringLiteral("encoding"), QStringLiteral("audio/x-mulaw")},
        {QStringLiteral("sampleRate"), 8000}, {QStringLiteral("channels"), 1}};
    const QJsonObject start{{QStringLiteral("streamSid"), m_ids.streamSid},
        {QStringLiteral("accountSid"), m_ids.accountSid}, {QStringLiteral("callSid"), m_ids.callSid},
        {QStringLiteral("tracks"), QJsonArray{QStringLiteral("inbound")}}, {QStringLiteral("mediaFormat"), format},
        {QStringLiteral("customParameters"), custom}};
    return compactJson({{QStringLiteral("event"), QStringLiteral("start")},
        {QStringLiteral("sequenceNumber"), QString::number(++m_sequence)},
        {QStringLiteral("streamSid"), m_ids.streamSid}, {QStringLiteral("start"), start}});
}

QByteArray TwilioPeerWriter::media(std::span<const quint8> mulaw, quint64 timestampMs)
{
    // Fifty a second and call: written directly. Ids are random hexadecimal or a test's own; nothing needs escaping but
    // what a test puts there on purpose, which goes through the JSON writer elsewhere.
    const QByteArray payload =
        QByteArray::fromRawData(reinterpret_cast<const char*>(mulaw.data()), static_cast<qsizetype>(mulaw.size()))
            .toBase64();
    return QByteArrayLiteral(R"({"event":"media","sequenceNumber":")") + QByteArray::number(++m_sequence)
        + QByteArrayLiteral(R"(","media":{"track":"inbound","chunk":")") + QByteArray::number(++m_chunk)
        + QByteArrayLiteral(R"(","timestamp":")") + QByteArray::number(timestampMs)
        + QByteArrayLiteral(R"(","payload":")") + payload + QByteArrayLiteral(R"("},"streamSid":")")
        + m_ids.streamSid.toUtf8() + QByteArrayLiteral(R"("})");
}

QByteArray TwilioPeerWriter::dtmf(char digit)
{
    const QJsonObject dtmf{{QStringLiteral("track"), QStringLiteral("inbound_track")},
        {QStringLiteral("digit"), QString(QLatin1Char(digit))}};
    return compactJson({{QStringLiteral("event"), QStringLiteral("dtmf")},
        {QStringLiteral("sequenceNumber"), QString::number(++m_sequence)},
        {QStringLiteral("streamSid"), m_ids.streamSid}, {QStringLiteral("dtmf"), dtmf}});
}

QByteArray TwilioPeerWriter::mark(const QString& name)
{
    return compactJson({{QStringLiteral("event"), QStringLiteral("mark")},
        {QStringLiteral("sequenceNumber"), QString::number(++m_sequence)},
        {QStringLiteral("streamSid"), m_ids.streamSid},
        {QStringLiteral("mark"), QJsonObject{{QStringLiteral("name"), name}}}});
}

QByteArray TwilioPeerWriter::stop()
{
    const QJsonObject stop{
        {QStringLiteral("accountSid"), m_ids.accountSid}, {QStringLiteral("callSid"), m_ids.callSid}};
    return compactJson({{QStringLiteral("event"), QStringLiteral("stop")},
        {QStringLiteral("sequenceNumber"), QString::number(++m_sequence)},
        {QStringLiteral("streamSid"), m_ids.streamSid}, {QStringLiteral("stop"), stop}});
}

void TwilioPeerWriter::skip(quint64 count)
{
    m_sequence += count;
    m_chunk += count;
}

Result<PeerMessage> readPeerMessage(const QByteArray& utf8, const QString& streamSid)
{
    QJsonParseError parsing;
    const QJsonDocument document = QJsonDocument::fromJson(utf8, &parsing);
    if (!document.isObject()) {
        return peerError(
            QStringLiteral("not a JSON object: %1 at byte %2").arg(parsing.errorString()).arg(parsing.offset));
    }
    const QJsonObject message = document.object();
    const QString event = message.value(QLatin1String("event")).toString();
    const bool isMedia = event == QLatin1String("media");
    const bool isMark = event == QLatin1String("mark");
    if (!isMedia && !isMark && event != QLatin1String("clear"))
        return peerError(QStringLiteral("unknown event %1").arg(logSafe(event, 40)));
    QStringList members{QStringLiteral("event"), QStringLiteral("streamSid")};
    if (isMedia || isMark)
        members += event;
    if (const QString problem = memberProblem(message, members); !problem.isEmpty())
        return peerError(event + QStringLiteral(": ") + problem);
    if (message.value(QLatin1String("streamSid")).toString() != streamSid)
        return peerError(event + QStringLiteral(": foreign streamSid"));
    if (isMedia) {
        const QJsonObject media = message.value(event).toObject();
        if (const QString problem = memberProblem(media, {QStringLiteral("payload")}); !problem.isEmpty())
            return peerError(QStringLiteral("media.") + problem);
        const auto decoded = QByteArray::fromBase64Encoding(
            media.value(QLatin1String("payload")).toString().toUtf8(), QByteArray::AbortOnBase64DecodingErrors);
        if (!decoded)
            return peerError(QStringLiteral("media.payload: not base64"));
        return PeerMessage(PeerMedia{*decoded});
    }
    if (isMark) {
        const QJsonObject mark = message.value(event).toObject();
        if (const QString problem = memberProblem(mark, {QStringLiteral("name")}); !problem.isEmpty())
            return peerError(QStringLiteral("mark.") + problem);
        return PeerMessage(PeerMark{mark.value(QLatin1String("name")).toString()});
    }
    return PeerMessage(PeerClear{});
}

} // namespace kav::telephony
