// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/tables.h"

#include "engine/evidence/analysis.h"
#include "shared/core/masking.h"

#include <QJsonArray>
#include <QJsonDocument>

#include <limits>

namespace kav::evidence {

namespace {

QString isoTime(const QDateTime& at)
{
    return at.isValid() ? at.toString(Qt::ISODateWithMs) : QString();
}

QJsonObject callJson(const CallEvidence& evidence)
{
    const CallLogRow& call = evidence.call;
    QJsonObject json{{QStringLiteral("id"), call.id}, {QStringLiteral("from"), call.from},
        {QStringLiteral("to"), call.to}, {QStringLiteral("direction"), call.direction},
        {QStringLiteral("language"), call.language}, {QStringLiteral("test"), call.test},
        {QStringLiteral("startedAt"), isoTime(call.startedAt)}, {QStringLiteral("live"), evidence.isLive()},
        {QStringLiteral("started"), evidence.started}, {QStringLiteral("ended"), evidence.ended}};
    if (!evidence.isLive()) {
        json.insert(QStringLiteral("endedAt"), isoTime(call.endedAt));
        json.insert(QStringLiteral("reason"), endReasonName(call.reason));
        json.insert(QStringLiteral("durationMs"), qint64(call.duration.count()));
    }
    return json;
}

QJsonObject turnJson(const CallEvidence& evidence, const TranscriptTurn& turn)
{
    QJsonObject json = calllog::turnToJson(turn.record);
    json.insert(QStringLiteral("startedAt"), isoTime(turn.startedAt));
    json.insert(QStringLiteral("atMs"), qint64(evidence.offset(turn.startedAt).count()));
    json.insert(QStringLiteral("unheardText"), unheardOf(turn.record));
    json.insert(QStringLiteral("wait"), verdictName(verdictOf(turn.record.latency)));
    return json;
}

QJsonArray statesJson(const CallEvidence& evidence)
{
    QJsonArray list;
    for (const Stretch& state : states(evidence))
        list.append(
            QJsonObject{{QStringLiteral("state"), state.name}, {QStringLiteral("fromMs"), qint64(state.from.count())},
                {QStringLiteral("toMs"), qint64(state.to.count())}});
    return list;
}

QJsonArray chainJson(const CallEvidence& evidence)
{
    QJsonArray list;
    for (const ChainLink& link : chain(evidence)) {
        QJsonObject json{{QStringLiteral("token"), link.token}, {QStringLiteral("times"), link.times}};
        if (link.times > 0)
            json.insert(QStringLiteral("firstMs"), qint64(link.first.count()));
        if (!link.value.isEmpty())
            json.insert(QStringLiteral("value"), link.value);
        list.append(json);
    }
    return list;
}

QJsonObject waitsJson(const CallEvidence& evidence)
{
    const WaitSummary summary = waits(evidence);
    return {{QStringLiteral("goodMs"), qint64(GoodWait.count())},
        {QStringLiteral("limitMs"), qint64(LongestWait.count())}, {QStringLiteral("waits"), summary.waits},
        {QStringLiteral("slow"), summary.slow}, {QStringLiteral("tooLong"), summary.tooLong},
        {QStringLiteral("medianMs"), qint64(summary.median.count())},
        {QStringLiteral("longestMs"), qint64(summary.longest.count())}};
}

QJsonArray providersJson(const CallEvidence& evidence)
{
    QJsonArray list;
    for (const ProviderRow& row : providers(evidence)) {
        QJsonObject json{{QStringLiteral("stage"), row.stage}, {QStringLiteral("provider"), row.provider},
            {QStringLiteral("turns"), row.turns}, {QStringLiteral("left"), row.left}};
        if (row.median)
            json.insert(QStringLiteral("medianMs"), qint64(row.median->count()));
        if (row.longest)
            json.insert(QStringLiteral("longestMs"), qint64(row.longest->count()));
        list.append(json);
    }
    return list;
}

QJsonObject eventJson(const CallEvidence& evidence, const CallEvent& event)
{
    return {{QStringLiteral("at"), isoTime(event.at)},
        {QStringLiteral("atMs"), qint64(evidence.offset(event.at).count())}, {QStringLiteral("token"), event.token},
        {QStringLiteral("data"), event.data}};
}

QJsonObject requestJson(const CallEvidence& evidence, const RequestRecord& request)
{
    QJsonObject json = requestToJson(request);
    json.insert(QStringLiteral("atMs"), qint64(evidence.offset(request.at).count()));
    return json;
}

template <typename List, typename Make> QJsonArray arrayOf(const List& list, const Make& make)
{
    QJsonArray array;
    for (const auto& one : list)
        array.append(make(one));
    return array;
}

class Csv final {
public:
    explicit Csv(const QStringList& header)
        : m_text("\xef\xbb\xbf")
    {
        row(header);
    }
    void row(const QStringList& cells)
    {
        for (qsizetype i = 0; i < cells.size(); ++i) {
            QString cell = logSafe(cells[i], std::numeric_limits<qsizetype>::max());
            // A number may begin with a minus: no formula.
            bool isNumber = false;
            static_cast<void>(cell.toDouble(&isNumber));
            if (!cell.isEmpty() && !isNumber && QStringLiteral("=+-@").contains(cell.front()))
                cell.prepend(QLatin1Char('\''));
            cell.replace(QLatin1Char('"'), QStringLiteral("\"\""));
            m_text += (i > 0 ? ",\"" : "\"") + cell.toUtf8() + '"';
        }
        m_text += "\r\n";
    }
    QByteArray text() const { return m_text; }

private:
    QByteArray m_text;
};

QString word(bool is)
{
    return is ? QStringLiteral("yes") : QStringLiteral("no");
}

QString number(const std::optional<Milliseconds>& length)
{
    return length ? QString::number(length->count()) : QString();
}

QString fieldsText(const QList<RequestField>& fields)
{
    QStringList list;
    for (const RequestField& field : fields)
        list += field.name + QLatin1Char('=') + field.value;
    return list.join(QStringLiteral("; "));
}

QString compact(const QJsonObject& object)
{
    return object.isEmpty() ? QString() : QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact));
}

} // namespace

QJsonObject toJson(const CallEvidence& evidence)
{
    QJsonObject recording{{QStringLiteral("present"), !evidence.sounds.recording.isEmpty()}};
    if (evidence.sounds.recording.isEmpty())
        recording.insert(QStringLiteral("why"), evidence.sounds.whyNone);
    else if (evidence.sounds.isGrowing)
        recording.insert(QStringLiteral("growing"), true);
    return {{QStringLiteral("format"), QStringLiteral("kav-evidence/1")},
        {QStringLiteral("numbersMasked"), evidence.isMasked}, {QStringLiteral("call"), callJson(evidence)},
        {QStringLiteral("timeline"),
            QJsonObject{{QStringLiteral("originAt"), isoTime(evidence.origin)},
                {QStringLiteral("lengthMs"), qint64(evidence.length.count())}}},
        {QStringLiteral("chain"), chainJson(evidence)}, {QStringLiteral("states"), statesJson(evidence)},
        {QStringLiteral("turns"), arrayOf(evidence.turns, [&](const auto& turn) { return turnJson(evidence, turn); })},
        {QStringLiteral("waits"), waitsJson(evidence)}, {QStringLiteral("providers"), providersJson(evidence)},
        {QStringLiteral("services"),
            arrayOf(evidence.services, [&](const auto& state) { return eventJson(evidence, state); })},
        {QStringLiteral("events"),
            arrayOf(evidence.events, [&](const auto& event) { return eventJson(evidence, event); })},
        {QStringLiteral("requests"),
            arrayOf(evidence.requests, [&](const auto& request) { return requestJson(evidence, request); })},
        {QStringLiteral("requestsCut"), evidence.isCut}, {QStringLiteral("recording"), recording}};
}

QByteArray timelineCsv(const CallEvidence& evidence)
{
    Csv csv({QStringLiteral("at"), QStringLiteral("at_ms"), QStringLiteral("token"), QStringLiteral("data")});
    for (const CallEvent& event : evidence.events)
        csv.row(
            {isoTime(event.at), QString::number(evidence.offset(event.at).count()), event.token, compact(event.data)});
    return csv.text();
}

QByteArray turnsCsv(const CallEvidence& evidence)
{
    QStringList header{QStringLiteral("turn"), QStringLiteral("at"), QStringLiteral("at_ms"), QStringLiteral("input"),
        QStringLiteral("caller"), QStringLiteral("confidence"), QStringLiteral("agent"), QStringLiteral("heard"),
        QStringLiteral("unheard"), QStringLiteral("interrupted"), QStringLiteral("fallback"), QStringLiteral("filler"),
        QStringLiteral("wait_ms"), QStringLiteral("wait")};
    for (const LatencyPart part : LatencyPartsInOrder) {
        const QString name = latencyPartName(part).replace(QLatin1Char('-'), QLatin1Char('_'));
        header << name + QStringLiteral("_ms") << name + QStringLiteral("_by");
    }
    Csv csv(header);
    for (const TranscriptTurn& turn : evidence.turns) {
        const TurnRecord& record = turn.record;
        QStringList cells{QString::number(record.number), isoTime(turn.startedAt),
            QString::number(evidence.offset(turn.startedAt).count()), turnInputName(record.input), record.callerText,
            QString::number(record.confidence, 'f', 3), record.agentText, record.heardText, unheardOf(record),
            word(record.interrupted), word(record.fallback), word(record.latency.filler), number(record.latency.total),
            verdictName(verdictOf(record.latency))};
        for (const LatencyPart part : LatencyPartsInOrder)
            cells << number(record.latency.length(part)) << record.latency.owner(part);
        csv.row(cells);
    }
    return csv.text();
}

QByteArray requestsCsv(const CallEvidence& evidence)
{
    Csv csv({QStringLiteral("at"), QStringLiteral("at_ms"), QStringLiteral("kind"), QStringLiteral("method"),
        QStringLiteral("path"), QStringLiteral("status"), QStringLiteral("took_us"), QStringLiteral("signature"),
        QStringLiteral("offered"), QStringLiteral("given"), QStringLiteral("reason"), QStringLiteral("peer"),
        QStringLiteral("bytes_in"), QStringLiteral("bytes_out"), QStringLiteral("repeats"),
        QStringLiteral("close_code"), QStringLiteral("lasted_ms"), QStringLiteral("messages_in"),
        QStringLiteral("messages_out"), QStringLiteral("parameters"), QStringLiteral("headers")});
    for (const RequestRecord& request : evidence.requests) {
        const auto ofEnd = [&request](qint64 value) { return request.end ? QString::number(value) : QString(); };
        const ConnectionEnd end = request.end.value_or(ConnectionEnd());
        csv.row(
            {isoTime(request.at), QString::number(evidence.offset(request.at).count()), requestKindName(request.kind),
                request.method, request.path, QString::number(request.status), QString::number(request.took.count()),
                signatureStateName(request.signature.state), request.offered, request.given, request.reason,
                request.peer, QString::number(request.bytesIn), QString::number(request.bytesOut),
                isoTime(request.duplicateOf), ofEnd(end.code), ofEnd(end.lasted.count()), ofEnd(end.messagesIn),
                ofEnd(end.messagesOut), fieldsText(request.parameters), fieldsText(request.headers)});
    }
    return csv.text();
}

QByteArray providersCsv(const CallEvidence& evidence)
{
    Csv csv({QStringLiteral("stage"), QStringLiteral("provider"), QStringLiteral("turns"), QStringLiteral("median_ms"),
        QStringLiteral("longest_ms"), QStringLiteral("left")});
    for (const ProviderRow& row : providers(evidence))
        csv.row({row.stage, row.provider, QString::number(row.turns), number(row.median), number(row.longest),
            QString::number(row.left)});
    return csv.text();
}

} // namespace kav::evidence
