// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/queries.h"

#include "engine/calllog/schema.h"
#include "shared/core/masking.h"

#include <QFile>
#include <QJsonDocument>
#include <QSqlError>
#include <QSqlQuery>

namespace kav::calllog {

namespace {

constexpr int PageLimit = 500;
const QString CallColumns =
    QStringLiteral("c.call_id, c.from_number, c.to_number, c.direction, c.language, c.started_at, c.ended_at, "
                   "c.end_reason, c.duration_ms, c.turn_count, c.started_data");

Error queryFault(const QSqlQuery& query)
{
    return {
        Error::Code::Unavailable, QStringLiteral("cannot read the call log: ") + query.lastError().databaseText(), {}};
}

QDateTime utc(const QVariant& text)
{
    return QDateTime::fromString(text.toString(), Qt::ISODateWithMs);
}

QJsonObject object(const QVariant& json)
{
    return QJsonDocument::fromJson(json.toString().toUtf8()).object();
}

std::optional<std::chrono::milliseconds> optionalMs(const QVariant& value)
{
    return value.isNull() ? std::nullopt : std::optional(std::chrono::milliseconds(value.toLongLong()));
}

CallLogRow rowOf(const QSqlQuery& query)
{
    CallLogRow row;
    row.id = query.value(0).toString();
    row.from = query.value(1).toString();
    row.to = query.value(2).toString();
    row.direction = query.value(3).toString();
    row.language = query.value(4).toString();
    row.startedAt = utc(query.value(5));
    row.endedAt = utc(query.value(6));
    row.reason = endReasonFromName(query.value(7).toString()).value_or(EndReason::None);
    row.duration = Milliseconds(query.value(8).toLongLong());
    row.turns = query.value(9).toInt();
    const QJsonObject details = object(query.value(10));
    row.test = details.value(QLatin1String("test")).toBool();
    row.recording = details.value(QLatin1String("recording")).toString();
    return row;
}

/// A LIKE pattern that finds `text` anywhere, its own wildcards taken literally.
QString containing(const QString& text)
{
    QString pattern = text.left(200).toLower();
    pattern.replace(QLatin1Char('\\'), QLatin1String("\\\\"));
    pattern.replace(QLatin1Char('%'), QLatin1String("\\%"));
    pattern.replace(QLatin1Char('_'), QLatin1String("\\_"));
    return QLatin1Char('%') + pattern + QLatin1Char('%');
}

} // namespace

Result<std::unique_ptr<Queries>> Queries::open(const Settings& settings)
{
    const auto target = databaseTarget(settings);
    if (!target)
        return target.error();
    if (target->path.isEmpty())
        return Error{
            Error::Code::NotFound, QStringLiteral("the database is off: the call log is in its journal only"), {}};
    if (!QFile::exists(target->path)) {
        return Error{Error::Code::NotFound,
            QStringLiteral("there is no database at %1; make it with: %2").arg(target->path, MigrateCommand), {}};
    }
    auto opened = openSqlite(target->path, OpenMode::ReadOnly);
    if (!opened)
        return opened.error();
    std::unique_ptr<Queries> queries(new Queries);
    queries->m_path = target->path;
    queries->m_file = fileIdentity(target->path);
    queries->m_database = *opened;
    *opened = QSqlDatabase(); // the last one that holds it closes it
    const auto version = schemaVersion(queries->m_database);
    if (!version)
        return version.error();
    const int wanted = migrations().last().number;
    if (*version < wanted) {
        return Error{Error::Code::NotFound,
            QStringLiteral("the database %1 has schema version %2 and needs %3; upgrade it with: %4")
                .arg(target->path)
                .arg(*version)
                .arg(wanted)
                .arg(MigrateCommand),
            {}};
    }
    if (*version > wanted) {
        return Error{Error::Code::Unavailable,
            QStringLiteral("the database %1 has schema version %2, newer than this program's %3: update the program")
                .arg(target->path)
                .arg(*version)
                .arg(wanted),
            {}};
    }
    return queries;
}

Queries::~Queries()
{
    closeSqlite(m_database);
}

bool Queries::isStale() const
{
    return fileIdentity(m_path) != m_file;
}

Result<CallPage> Queries::calls(const CallFilter& filter) const
{
    const int limit = qBound(1, filter.limit, PageLimit);
    QStringList conditions;
    QVariantList values;
    if (!filter.after.isEmpty()) {
        // Keyset paging: the cursor is the last row's place in the order, so calls that begin meanwhile shift nothing.
        const qsizetype bar = filter.after.indexOf(QLatin1Char('|'));
        if (bar < 0)
            return Error{Error::Code::Invalid, QStringLiteral("after: not a page's `next`"), {}};
        // As a row value it is one range of the index.
        conditions += QStringLiteral("(c.started_at, c.call_id) < (?, ?)");
        values << filter.after.left(bar) << filter.after.mid(bar + 1);
    }
    if (!filter.text.isEmpty()) {
        conditions +=
            QStringLiteral("(LOWER(c.call_id) LIKE ? ESCAPE '\\' OR LOWER(c.from_number) LIKE ? ESCAPE '\\' OR "
                           "LOWER(c.to_number) LIKE ? ESCAPE '\\' "
                           "OR LOWER(c.end_reason) LIKE ? ESCAPE '\\' OR EXISTS (SELECT 1 FROM turns t WHERE t.call_id "
                           "= c.call_id AND "
                           "(LOWER(t.caller_text) LIKE ? ESCAPE '\\' OR LOWER(t.agent_text) LIKE ? ESCAPE '\\')))");
        const QString pattern = containing(filter.text);
        for (int i = 0; i < 6; ++i)
            values << pattern;
    }
    QString sql = QStringLiteral("SELECT ") + CallColumns + QStringLiteral(" FROM calls c");
    if (!conditions.isEmpty())
        sql += QStringLiteral(" WHERE ") + conditions.join(QStringLiteral(" AND "));
    sql += QStringLiteral(" ORDER BY c.started_at DESC, c.call_id DESC LIMIT ?");
    values << limit + 1;

    QSqlQuery query(m_database);
    query.setForwardOnly(true);
    if (!query.prepare(sql))
        return queryFault(query);
    for (const QVariant& value : std::as_const(values))
        query.addBindValue(value);
    if (!query.exec())
        return queryFault(query);
    CallPage page;
    QString lastStart;
    while (query.next()) {
        if (page.calls.size() == limit) {
            page.next = lastStart + QLatin1Char('|') + page.calls.last().id;
            break;
        }
        page.calls.append(rowOf(query));
        lastStart = query.value(5).toString();
    }
    return page;
}

Result<CallDetail> Queries::call(const QString& callId) const
{
    QSqlQuery query(m_database);
    query.setForwardOnly(true);
    query.prepare(QStringLiteral("SELECT ") + CallColumns
        + QStringLiteral(", c.ended_data FROM calls c WHERE c.call_id = ?"));
    query.addBindValue(callId);
    if (!query.exec())
        return queryFault(query);
    if (!query.next())
        return Error{Error::Code::NotFound,
            QStringLiteral("no call ") + logSafe(callId, 64) + QStringLiteral(" in the log"), {}};
    CallDetail detail;
    detail.call = rowOf(query);
    detail.started = object(query.value(10));
    for (const char* const key : {"fromId", "toId"}) // for finding calls by number, and for nobody's eyes
        detail.started.remove(QLatin1String(key));
    detail.ended = object(query.value(11));

    query.prepare(QStringLiteral(
        "SELECT at, turn_number, input, caller_text, confidence, agent_text, heard_text, interrupted, fallback, "
        "total_ms, filler, end_of_utterance_ms, end_of_utterance_by, recognition_ms, recognition_by, first_token_ms, "
        "first_token_by, first_sentence_ms, first_sentence_by, first_audio_ms, first_audio_by, playout_ms, playout_by "
        "FROM turns WHERE call_id = ? ORDER BY turn_number"));
    query.addBindValue(callId);
    if (!query.exec())
        return queryFault(query);
    while (query.next()) {
        TurnRecord turn;
        turn.number = query.value(1).toInt();
        turn.input = turnInputFromName(query.value(2).toString()).value_or(TurnInput::Voice);
        turn.callerText = query.value(3).toString();
        turn.confidence = query.value(4).toDouble();
        turn.agentText = query.value(5).toString();
        turn.heardText = query.value(6).toString();
        turn.interrupted = query.value(7).toInt() != 0;
        turn.fallback = query.value(8).toInt() != 0;
        turn.latency.total = optionalMs(query.value(9));
        turn.latency.filler = query.value(10).toInt() != 0;
        int column = 11;
        for (const LatencyPart part : LatencyPartsInOrder) { // their columns are in this order
            if (const auto length = optionalMs(query.value(column)))
                turn.latency.spans.append({part, *length, query.value(column + 1).toString()});
            column += 2;
        }
        detail.turns.append({turn, utc(query.value(0)), false, true});
    }

    query.prepare(QStringLiteral("SELECT at, token, data FROM events WHERE call_id = ? ORDER BY run_id, entry_number"));
    query.addBindValue(callId);
    if (!query.exec())
        return queryFault(query);
    while (query.next()) {
        CallEvent event{utc(query.value(0)), query.value(1).toString(), object(query.value(2))};
        event.data.remove(QStringLiteral("token"));
        detail.events.append(event);
    }
    return detail;
}

QString Queries::cursorOf(const RequestRecord& request)
{
    return request.at.toString(Qt::ISODateWithMs) + QLatin1Char('|') + request.id;
}

Result<RequestPage> Queries::requests(const RequestFilter& filter, int limit, const QString& after) const
{
    limit = qBound(1, limit, PageLimit);
    QStringList conditions;
    QVariantList values;
    if (!after.isEmpty()) {
        const qsizetype bar = after.indexOf(QLatin1Char('|'));
        if (bar < 0)
            return Error{Error::Code::Invalid, QStringLiteral("after: not a page's `next`"), {}};
        conditions += QStringLiteral("(at, request_id) < (?, ?)");
        values << after.left(bar) << after.mid(bar + 1);
    }
    if (!filter.call.isEmpty()) {
        conditions += QStringLiteral("call_id = ?");
        values << filter.call;
    }
    if (filter.kind) {
        conditions += QStringLiteral("kind = ?");
        values << requestKindName(*filter.kind);
    }
    if (filter.refusedOnly)
        conditions += QStringLiteral("status >= 400");
    // As RequestFilter::matches() would, but over the whole text; the rows are looked at again below.
    if (!filter.text.isEmpty()) {
        conditions += QStringLiteral("LOWER(data) LIKE ? ESCAPE '\\'");
        values << containing(filter.text);
    }
    QString sql = QStringLiteral("SELECT data FROM requests");
    if (!conditions.isEmpty())
        sql += QStringLiteral(" WHERE ") + conditions.join(QStringLiteral(" AND "));
    sql += QStringLiteral(" ORDER BY at DESC, request_id DESC");

    QSqlQuery query(m_database);
    query.setForwardOnly(true);
    if (!query.prepare(sql))
        return queryFault(query);
    for (const QVariant& value : std::as_const(values))
        query.addBindValue(value);
    if (!query.exec())
        return queryFault(query);
    RequestPage page;
    while (query.next()) {
        RequestRecord request = requestFromJson(object(query.value(0)));
        if (!filter.matches(request))
            continue;
        if (page.requests.size() == limit) {
            page.next = cursorOf(page.requests.last());
            break;
        }
        page.requests.append(std::move(request));
    }
    return page;
}

Result<QStringList> Queries::tokensOf(const QString& callId) const
{
    QSqlQuery query(m_database);
    query.setForwardOnly(true);
    query.prepare(QStringLiteral("SELECT token FROM events WHERE call_id = ? ORDER BY run_id, entry_number"));
    query.addBindValue(callId);
    if (!query.exec())
        return queryFault(query);
    QStringList tokens;
    while (query.next())
        tokens.append(query.value(0).toString());
    return tokens;
}

Result<QList<CallEvent>> Queries::operatorActs(const QString& callId) const
{
    QSqlQuery query(m_database);
    query.setForwardOnly(true);
    query.prepare(
        QStringLiteral("SELECT at, data FROM operator_acts WHERE call_id = ? ORDER BY at, run_id, entry_number"));
    query.addBindValue(callId);
    if (!query.exec())
        return queryFault(query);
    QList<CallEvent> acts;
    while (query.next())
        acts.append({utc(query.value(0)), QStringLiteral("OPERATOR_ACT"), object(query.value(1))});
    return acts;
}

Result<QList<CallEvent>> Queries::serviceStates(const QString& callId, const QDateTime& until) const
{
    QSqlQuery query(m_database);
    query.setForwardOnly(true);
    query.prepare(QStringLiteral(
        "SELECT at, token, data FROM events WHERE call_id IS NULL AND run_id = (SELECT run_id FROM calls WHERE "
        "call_id = ?) AND token = 'SERVICE_STATE' AND at <= ? ORDER BY entry_number"));
    query.addBindValue(callId);
    query.addBindValue(until.toUTC().toString(Qt::ISODateWithMs));
    if (!query.exec())
        return queryFault(query);
    QList<CallEvent> changes;
    while (query.next()) {
        CallEvent event{utc(query.value(0)), query.value(1).toString(), object(query.value(2))};
        event.data.remove(QStringLiteral("token"));
        changes.append(event);
    }
    return changes;
}

} // namespace kav::calllog
