// SPDX-License-Identifier: Apache-2.0
#include "engine/app/callscommand.h"

#include "engine/calllog/queries.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <cstdio>

namespace kav::app {

namespace {
void print(const QString& line)
{
    std::printf("%s\n", qPrintable(line));
}

void print(const QJsonObject& object)
{
    print(QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact)));
}

QJsonObject rowToJson(const CallLogRow& row)
{
    QJsonObject json{{QStringLiteral("call"), row.id}, {QStringLiteral("from"), row.from},
        {QStringLiteral("to"), row.to}, {QStringLiteral("started"), row.startedAt.toString(Qt::ISODateWithMs)},
        {QStringLiteral("reason"), endReasonName(row.reason)},
        {QStringLiteral("durationMs"), qint64(row.duration.count())}, {QStringLiteral("turns"), row.turns}};
    if (row.endedAt.isValid())
        json.insert(QStringLiteral("ended"), row.endedAt.toString(Qt::ISODateWithMs));
    if (row.test)
        json.insert(QStringLiteral("test"), true);
    return json;
}

QString rowToText(const CallLogRow& row)
{
    return QStringLiteral("%1  %2  %3 -> %4  %5 s  %6 turns  %7")
        .arg(row.startedAt.toString(Qt::ISODate), row.id, row.from, row.to)
        .arg(double(row.duration.count()) / 1000, 0, 'f', 1)
        .arg(row.turns)
        .arg(row.endedAt.isValid() ? endReasonName(row.reason) : QStringLiteral("live"));
}

/// "end-of-utterance 300 (turn.end_of_utterance_min), recognition 40 (google), ...; the caller waited 640".
QString waitToText(const LatencyParts& latency)
{
    QStringList parts;
    for (const LatencySpan& span : latency.spans) {
        parts += QStringLiteral("%1 %2").arg(latencyPartName(span.part)).arg(span.length.count());
        if (!span.owner.isEmpty())
            parts.last() += QStringLiteral(" (%1)").arg(span.owner);
    }
    if (parts.isEmpty())
        parts += QStringLiteral("-");
    return parts.join(QStringLiteral(", "))
        + (latency.total ? QStringLiteral("; the caller waited %1").arg(latency.total->count())
                         : QStringLiteral("; nobody waited"))
        + (latency.filler ? QStringLiteral(", for a waiting line") : QString());
}

int printCalls(const calllog::Queries& queries, const CallsQuery& query)
{
    calllog::CallFilter filter;
    filter.limit = query.limit;
    filter.text = query.text;
    const auto page = queries.calls(filter);
    if (!page) {
        std::fprintf(stderr, "kav-engine: %s\n", qPrintable(page.error().message));
        return 1;
    }
    for (const CallLogRow& row : page->calls) {
        if (query.json)
            print(rowToJson(row));
        else
            print(rowToText(row));
    }
    return 0;
}

int printCall(const calllog::Queries& queries, const CallsQuery& query)
{
    const auto detail = queries.call(query.callId);
    if (!detail) {
        std::fprintf(stderr, "kav-engine: %s\n", qPrintable(detail.error().message));
        return 1;
    }
    const QJsonObject facts = detail->ended.value(QStringLiteral("facts")).toObject();
    if (query.json) {
        QJsonObject json = rowToJson(detail->call);
        QJsonArray turns, events;
        for (const auto& turn : detail->turns)
            turns.append(calllog::turnToJson(turn.record));
        for (const CallEvent& event : detail->events) {
            QJsonObject data = event.data;
            data.insert(QStringLiteral("token"), event.token);
            events.append(data);
        }
        json.insert(QStringLiteral("facts"), facts);
        json.insert(QStringLiteral("turns"), turns);
        json.insert(QStringLiteral("events"), events);
        print(json);
        return 0;
    }
    print(rowToText(detail->call));
    for (const TranscriptTurn& stored : detail->turns) {
        const TurnRecord& turn = stored.record;
        print(QStringLiteral("  turn %1 (%2%3%4)  caller: %5")
                  .arg(turn.number)
                  .arg(turnInputName(turn.input), turn.interrupted ? QStringLiteral(", interrupted") : QString(),
                      turn.fallback ? QStringLiteral(", fallback") : QString(),
                      turn.callerText.isEmpty() ? QStringLiteral("-") : turn.callerText));
        print(QStringLiteral("      agent: %1").arg(turn.heardText.isEmpty() ? QStringLiteral("-") : turn.heardText));
        print(QStringLiteral("      ms: ") + waitToText(turn.latency));
    }
    for (auto it = facts.begin(); it != facts.end(); ++it)
        print(QStringLiteral("  %1: %2").arg(it.key(), it.value().toString()));
    return 0;
}
} // namespace

Result<CallsQuery> takeCallsArguments(QStringList& args)
{
    CallsQuery query;
    QStringList left;
    while (!args.isEmpty()) {
        const QString word = args.takeFirst();
        if (word == QLatin1String("--json")) {
            query.json = true;
        } else if (word == QLatin1String("--text") || word == QLatin1String("--limit")) {
            if (args.isEmpty())
                return Error{Error::Code::Invalid, word + QStringLiteral(" takes a value"), {}};
            const QString value = args.takeFirst();
            if (word == QLatin1String("--text")) {
                query.text = value;
                continue;
            }
            bool isNumber = false;
            query.limit = value.toInt(&isNumber);
            if (!isNumber || query.limit < 1 || query.limit > 500)
                return Error{Error::Code::Invalid,
                    QStringLiteral("--limit takes a number from 1 to 500, not '%1'").arg(value), {}};
        } else if (!word.startsWith(QLatin1Char('-')) && query.callId.isEmpty() && left.isEmpty()) {
            query.callId = word;
        } else {
            left += word;
        }
    }
    args = left;
    return query;
}

int runCallsCommand(const Config& config, const CallsQuery& query)
{
    const auto queries = calllog::Queries::open(config.callLog);
    if (!queries) {
        std::fprintf(stderr, "kav-engine: %s\n", qPrintable(queries.error().message));
        return 1;
    }
    return query.callId.isEmpty() ? printCalls(**queries, query) : printCall(**queries, query);
}

} // namespace kav::app
