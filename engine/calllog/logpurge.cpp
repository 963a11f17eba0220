// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/logpurge.h"

#include "engine/calllog/redaction.h"

#include <QJsonDocument>
#include <QJsonObject>

namespace kav::calllog {

namespace {

constexpr int CallsAtOnce = 25;
constexpr int RowsAtOnce = 1000;
/// A call that lost its stream, or its last voice, may be going on without.
constexpr Milliseconds MayGoOn{10 * 60 * 1000};
/// Room is made for a while, not for the next call only.
constexpr double RoomWanted = 0.9;

const QStringList& callTables()
{
    static const QStringList all{QStringLiteral("turns"), QStringLiteral("events"), QStringLiteral("webhooks"),
        QStringLiteral("operator_acts"), QStringLiteral("requests"), QStringLiteral("calls")};
    return all;
}

QString isoText(const QDateTime& at)
{
    return at.toUTC().toString(Qt::ISODateWithMs);
}

QString marks(qsizetype count)
{
    return QStringList(count, QStringLiteral("?")).join(QLatin1Char(','));
}

} // namespace

LogPurge::LogPurge(PurgeRequest request, Journal& journal, bool hasDatabase, const QDateTime& now)
    : m_request(std::move(request))
    , m_journal(journal)
    , m_now(now)
{
    if (m_request.isErasure())
        planErasure(hasDatabase);
    else
        planAges(hasDatabase);
    if (m_request.logBytes > 0 && hasDatabase)
        planRoom();
    if (hasDatabase && !m_request.dryRun)
        m_tasks.push_back([this](Database* database) { return leaveNothing(*database); });
}

bool LogPurge::step(Database* database)
{
    if (m_tasks.empty())
        return false;
    Task task = std::move(m_tasks.front()); // it may give up, and the others with it
    m_tasks.pop_front();
    if (!task(database) && !m_isOver)
        m_tasks.push_front(std::move(task));
    return !m_tasks.empty();
}

void LogPurge::giveUp()
{
    m_isOver = true;
    m_tasks.clear();
}

void LogPurge::fail(const QString& what, const QSqlError& error)
{
    m_report.error = what + QStringLiteral(": ") + error.databaseText();
    giveUp();
}

qint64 LogPurge::change(
    Database& database, const QString& statement, const QString& counting, std::initializer_list<QVariant> values)
{
    QSqlQuery query(database.connection());
    query.setForwardOnly(true);
    query.prepare(m_request.dryRun ? counting : statement);
    for (const QVariant& value : values)
        query.addBindValue(value);
    if (!query.exec() || (m_request.dryRun && !query.next())) {
        fail(QStringLiteral("cannot purge"), query.lastError());
        return -1;
    }
    return m_request.dryRun ? query.value(0).toLongLong() : query.numRowsAffected();
}

// ---- the journal ----------------------------------------------------------------------------------------------------

void LogPurge::scanJournal(bool setAsideToo)
{
    const auto see = [this](const PayloadView& view) -> std::optional<QByteArray> {
        if (view.callId.isEmpty())
            return std::nullopt;
        Seen& seen = m_seen[QString::fromUtf8(view.callId)];
        if (view.kind == Entry::Kind::CallEnded) {
            seen.ended = true;
        } else if (view.kind == Entry::Kind::CallStarted) {
            seen.started = true;
            const QByteArray json = view.json.toByteArray();
            const QJsonObject data = QJsonDocument::fromJson(json).object();
            seen.hasId = data.contains(QLatin1String("fromId"));
            seen.isNamed = !m_request.numberId.isEmpty() && json.contains(QByteArray('"' + m_request.numberId + '"'));
            const auto isMask = [&](QLatin1String key) {
                return !m_request.maskedNumber.isEmpty() && data.value(key).toString() == m_request.maskedNumber;
            };
            seen.hasMask = isMask(QLatin1String("from")) || isMask(QLatin1String("to"));
        }
        return std::nullopt;
    };
    for (const Segment& segment : m_journal.segments()) {
        m_tasks.push_back([this, segment, see](Database*) {
            if (const auto looked = m_journal.rewrite(segment, see, false); !looked)
                m_report.error = looked.error().message;
            return true;
        });
    }
    if (setAsideToo) {
        m_tasks.push_back([this, see](Database*) {
            if (const auto looked = m_journal.rewriteSetAside(see, false); !looked)
                m_report.error = looked.error().message;
            return true;
        });
    }
}

void LogPurge::rewriteJournal(const Journal::Change& change, bool dropUnreadable, quint64 Removed::*count)
{
    const auto done = [this, count](const Result<quint64>& changed) {
        if (!changed) {
            m_report.error = changed.error().message;
        } else if (*changed > 0) {
            m_report.removed.*count += *changed;
        }
        m_journalChanged = true;
        return true;
    };
    // A dry run looks at each payload and changes none.
    const auto asked = [this, change, count](const PayloadView& view) -> std::optional<QByteArray> {
        auto other = change(view);
        if (!m_request.dryRun || !other)
            return other;
        m_report.removed.*count += 1;
        return std::nullopt;
    };
    const bool drop = dropUnreadable && !m_request.dryRun;
    for (const Segment& segment : m_journal.segments()) {
        m_tasks.push_back(
            [this, segment, asked, drop, done](Database*) { return done(m_journal.rewrite(segment, asked, drop)); });
    }
    m_tasks.push_back([this, asked, drop, done](Database*) { return done(m_journal.rewriteSetAside(asked, drop)); });
}

// ---- by number ------------------------------------------------------------------------------------------------------

void LogPurge::planErasure(bool hasDatabase)
{
    scanJournal(true);
    if (hasDatabase)
        m_tasks.push_back([this](Database* database) { return findCalls(*database); });
    m_tasks.push_back([this](Database* database) {
        for (auto it = m_seen.cbegin(); it != m_seen.cend(); ++it) {
            if (it->started)
                sortOut(it.key(), *it, !it->ended);
        }
        for (QStringList* const list : {&m_report.calls, &m_report.live, &m_report.maskedOnly}) {
            list->sort();
            list->removeDuplicates();
        }
        m_toErase = m_report.calls;
        m_gone = QSet<QString>(m_toErase.begin(), m_toErase.end());
        m_report.removed.calls = quint64(m_toErase.size());
        if (database && !m_request.dryRun)
            database->forgetCalls(m_toErase);
        return true;
    });
    if (m_request.dryRun)
        return;
    rewriteJournal(
        [this](const PayloadView& view) {
            return m_gone.contains(QString::fromUtf8(view.callId)) ? std::optional(placeholderFor(view)) : std::nullopt;
        },
        true, &Removed::journal);
    if (hasDatabase)
        m_tasks.push_back([this](Database* database) { return eraseSome(*database); });
}

void LogPurge::sortOut(const QString& callId, const Seen& seen, bool live)
{
    const bool byMask = seen.hasMask && !seen.hasId;
    if (!seen.isNamed && !byMask)
        return;
    if (live)
        m_report.live += callId;
    else if (seen.isNamed || m_request.alsoMasked)
        m_report.calls += callId;
    else
        m_report.maskedOnly += callId;
}

bool LogPurge::findCalls(Database& database)
{
    QSqlQuery query(database.connection());
    query.setForwardOnly(true);
    query.prepare(QStringLiteral(
        "SELECT call_id, from_number, to_number, started_data, ended_at, end_reason, ended_data FROM calls "
        "WHERE instr(started_data, ?) > 0 OR from_number IN (?, ?) OR to_number IN (?, ?)"));
    query.addBindValue(QString(QLatin1Char('"') + QString::fromLatin1(m_request.numberId) + QLatin1Char('"')));
    for (int i = 0; i < 2; ++i) {
        query.addBindValue(m_request.maskedNumber);
        query.addBindValue(NoNumber);
    }
    if (!query.exec()) {
        fail(QStringLiteral("cannot look for the number"), query.lastError());
        return true;
    }
    while (query.next()) {
        const QString started = query.value(3).toString();
        Seen seen;
        seen.hasId = started.contains(QLatin1String("\"fromId\":"));
        seen.isNamed = !m_request.numberId.isEmpty()
            && started.contains(QLatin1Char('"') + QString::fromLatin1(m_request.numberId) + QLatin1Char('"'));
        seen.hasMask = !m_request.maskedNumber.isEmpty()
            && (query.value(1).toString() == m_request.maskedNumber
                || query.value(2).toString() == m_request.maskedNumber);
        if (!seen.isNamed && !seen.hasMask) {
            ++m_report.unfindable;
            continue;
        }
        const QString callId = query.value(0).toString(), reason = query.value(5).toString();
        const bool ended = !query.value(4).isNull();
        const bool mayGoOn = (reason == QLatin1String("stream-lost") || reason == QLatin1String("fallback-exhausted"))
            && query.value(4).toString() > isoText(m_now.addMSecs(-MayGoOn.count()));
        sortOut(callId, seen, !ended || mayGoOn);
        m_seen.remove(callId); // the database knows more of it
        const QString message = QJsonDocument::fromJson(query.value(6).toByteArray())
                                    .object()
                                    .value(QLatin1String("facts"))
                                    .toObject()
                                    .value(QLatin1String("message"))
                                    .toString();
        if (message.startsWith(QLatin1String("RE")) && m_report.calls.contains(callId))
            m_report.atTwilio += callId + QLatin1Char('.') + message;
    }
    return true;
}

bool LogPurge::eraseSome(Database& database)
{
    const QStringList some = m_toErase.mid(0, CallsAtOnce);
    if (some.isEmpty())
        return true;
    m_toErase = m_toErase.mid(some.size());
    return !deleteCalls(database, some);
}

/// With all that belongs to them. False, and the purge is over, when it failed.
bool LogPurge::deleteCalls(Database& database, const QStringList& callIds)
{
    QSqlDatabase& connection = database.connection();
    const auto failed = [&](const QSqlError& error) {
        connection.rollback();
        fail(QStringLiteral("cannot delete calls"), error);
        return false;
    };
    if (!connection.transaction())
        return failed(connection.lastError());
    for (const QString& table : callTables()) {
        QSqlQuery query(connection);
        query.prepare(QStringLiteral("DELETE FROM %1 WHERE call_id IN (%2)").arg(table, marks(callIds.size())));
        for (const QString& callId : callIds)
            query.addBindValue(callId);
        if (!query.exec())
            return failed(query.lastError());
    }
    // What did not fit a table was kept as an event of no call.
    QSqlQuery odd(connection);
    odd.prepare(
        QStringLiteral("DELETE FROM events WHERE call_id IS NULL AND token = 'UNSTORABLE' AND instr(data, ?) > 0"));
    for (const QString& callId : callIds) {
        odd.bindValue(0, callId);
        if (!odd.exec())
            return failed(odd.lastError());
    }
    odd.finish();
    return connection.commit() || failed(connection.lastError());
}

// ---- by age ---------------------------------------------------------------------------------------------------------

LogPurge::Task LogPurge::sweep(const QString& table, std::function<bool(Database&, qint64, qint64)> work)
{
    return [this, table, work = std::move(work), at = qint64(0)](Database* database) mutable {
        QSqlQuery query(database->connection());
        query.setForwardOnly(true);
        query.prepare(QStringLiteral("SELECT MIN(r), MAX(r), COUNT(*) FROM (SELECT rowid AS r FROM %1 WHERE rowid > ? "
                                     "ORDER BY rowid LIMIT %2)")
                          .arg(table)
                          .arg(RowsAtOnce));
        query.addBindValue(at);
        if (!query.exec() || !query.next()) {
            fail(QStringLiteral("cannot purge"), query.lastError());
            return true;
        }
        if (query.value(2).toInt() == 0)
            return true;
        const qint64 first = query.value(0).toLongLong();
        at = query.value(1).toLongLong();
        query.finish();
        return !work(*database, first, at);
    };
}

LogPurge::Task LogPurge::sweepOrphans(const QString& table, std::function<QString()> before)
{
    return sweep(table, [this, table, before = std::move(before)](Database& database, qint64 first, qint64 last) {
        const QString where = QStringLiteral("FROM %1 WHERE rowid BETWEEN ? AND ? AND at < ? AND (call_id IS NULL OR "
                                             "call_id NOT IN (SELECT call_id FROM calls))")
                                  .arg(table);
        const qint64 rows = change(database, QStringLiteral("DELETE ") + where,
            QStringLiteral("SELECT COUNT(*) ") + where, {first, last, before()});
        m_report.removed.others += quint64(qMax<qint64>(rows, 0));
        return rows >= 0;
    });
}

LogPurge::Task LogPurge::sweepTexts(const QString& table, const QStringList& columns, const QString& condition,
    std::function<std::optional<QString>(const QString&)> change, quint64 Removed::*count)
{
    return sweep(table,
        [this, table, columns, condition, change = std::move(change), count](
            Database& database, qint64 first, qint64 last) {
            QSqlDatabase& connection = database.connection();
            const auto failed = [&](const QSqlError& error) {
                connection.rollback();
                fail(QStringLiteral("cannot purge"), error);
                return false;
            };
            if (!connection.transaction())
                return failed(connection.lastError());
            QSqlQuery query(connection), update(connection);
            query.setForwardOnly(true);
            query.prepare(QStringLiteral("SELECT rowid, %1 FROM %2 WHERE rowid BETWEEN ? AND ? AND %3")
                              .arg(columns.join(QStringLiteral(", ")), table, condition));
            query.addBindValue(first);
            query.addBindValue(last);
            QList<std::pair<qint64, QList<QVariant>>> rows;
            if (!query.exec())
                return failed(query.lastError());
            while (query.next()) {
                QList<QVariant> values;
                bool changed = false;
                for (int i = 0; i < columns.size(); ++i) {
                    const QVariant before = query.value(i + 1);
                    const auto after = before.isNull() ? std::nullopt : change(before.toString());
                    values += after ? QVariant(*after) : before;
                    changed = changed || after;
                }
                if (changed)
                    rows += {query.value(0).toLongLong(), values};
            }
            query.finish();
            if (!m_request.dryRun) {
                update.prepare(QStringLiteral("UPDATE %1 SET %2 = ? WHERE rowid = ?")
                                   .arg(table, columns.join(QStringLiteral(" = ?, "))));
                for (const auto& [rowId, values] : std::as_const(rows)) {
                    int i = 0;
                    for (const QVariant& value : values)
                        update.bindValue(i++, value);
                    update.bindValue(i, rowId);
                    if (!update.exec())
                        return failed(update.lastError());
                }
                update.finish();
            }
            m_report.removed.*count += quint64(rows.size());
            return connection.commit() || failed(connection.lastError());
        });
}

void LogPurge::planAges(bool hasDatabase)
{
    if (m_request.logBefore.isValid() && !m_request.dryRun)
        m_journal.removeSetAside(m_request.logBefore);
    if (!hasDatabase) {
        // A live call has begun and not ended.
        scanJournal(false);
        const auto isDue = [this](const PayloadView& view, const QDateTime& before) {
            if (!before.isValid() || view.atMs >= before.toMSecsSinceEpoch() || isPlaceholder(view))
                return false;
            const auto seen = m_seen.constFind(QString::fromUtf8(view.callId));
            return seen == m_seen.cend() || !seen->started || seen->ended;
        };
        m_tasks.push_back([this, isDue](Database*) {
            rewriteJournal(
                [this, isDue](const PayloadView& view) {
                    if (isDue(view, m_request.logBefore))
                        return std::optional(placeholderFor(view));
                    std::optional<QByteArray> other;
                    if (isDue(view, m_request.transcriptBefore))
                        other = withoutWords(view);
                    if (isDue(view, m_request.numbersBefore)) {
                        const auto between = other ? viewPayload(*other) : std::optional(view);
                        if (auto without = withoutNumbers(*between))
                            other = std::move(without);
                    }
                    return other;
                },
                false, &Removed::journal);
            return true;
        });
        return;
    }
    const QString ended = QStringLiteral("ended_at IS NOT NULL AND ended_at < ");
    if (m_request.logBefore.isValid()) {
        m_tasks.push_back([this](Database* database) { return oldCalls(*database); });
        const QString before = isoText(m_request.logBefore);
        for (const QString& table : {QStringLiteral("webhooks"), QStringLiteral("requests"),
                 QStringLiteral("operator_acts"), QStringLiteral("events")})
            m_tasks.push_back(sweepOrphans(table, [before] { return before; }));
    }
    if (m_request.transcriptBefore.isValid()) {
        const QString before = isoText(m_request.transcriptBefore),
                      quoted = QLatin1Char('\'') + before + QLatin1Char('\'');
        m_tasks.push_back(sweep(QStringLiteral("turns"), [this, before](Database& database, qint64 first, qint64 last) {
            const QString which =
                QStringLiteral(" WHERE rowid BETWEEN ? AND ? AND at < ? AND caller_text || agent_text || heard_text "
                               "<> '' AND call_id IN (SELECT call_id FROM calls WHERE ended_at IS NOT NULL)");
            const qint64 rows = change(database,
                QStringLiteral("UPDATE turns SET caller_text = '', agent_text = '', heard_text = ''") + which,
                QStringLiteral("SELECT COUNT(*) FROM turns") + which, {first, last, before});
            m_report.removed.transcripts += quint64(qMax<qint64>(rows, 0));
            return rows >= 0;
        }));
        m_tasks.push_back(sweepTexts(QStringLiteral("calls"), {QStringLiteral("ended_data")}, ended + quoted,
            factsWithoutWords, &Removed::transcripts));
        m_tasks.push_back(
            sweep(QStringLiteral("events"), [this, before](Database& database, qint64 first, qint64 last) {
                const QString which =
                    QStringLiteral("FROM events WHERE rowid BETWEEN ? AND ? AND at < ? AND token = 'UNSTORABLE'");
                const qint64 rows = change(database, QStringLiteral("DELETE ") + which,
                    QStringLiteral("SELECT COUNT(*) ") + which, {first, last, before});
                m_report.removed.transcripts += quint64(qMax<qint64>(rows, 0));
                return rows >= 0;
            }));
    }
    if (m_request.numbersBefore.isValid()) {
        const QString quoted = QLatin1Char('\'') + isoText(m_request.numbersBefore) + QLatin1Char('\'');
        m_tasks.push_back(sweepTexts(QStringLiteral("calls"),
            {QStringLiteral("from_number"), QStringLiteral("to_number"), QStringLiteral("started_data")},
            ended + quoted, textWithoutNumbers, &Removed::numbers));
        for (const QString& table : {QStringLiteral("webhooks"), QStringLiteral("requests"),
                 QStringLiteral("operator_acts"), QStringLiteral("events")}) {
            m_tasks.push_back(sweepTexts(table, {QStringLiteral("data")},
                QStringLiteral("at < %1 AND instr(data, '\u2022') > 0 AND (call_id IS NULL OR call_id NOT IN (SELECT "
                               "call_id FROM calls WHERE ended_at IS NULL))")
                    .arg(quoted),
                textWithoutNumbers, &Removed::numbers));
        }
    }
}

bool LogPurge::oldCalls(Database& database)
{
    const QString which = QStringLiteral("FROM calls WHERE started_at < ? AND ended_at IS NOT NULL AND ended_at < ?");
    const QString before = isoText(m_request.logBefore);
    QSqlQuery query(database.connection());
    query.setForwardOnly(true);
    query.prepare(m_request.dryRun
            ? QStringLiteral("SELECT COUNT(*) ") + which
            : QStringLiteral("SELECT call_id %1 ORDER BY started_at LIMIT %2").arg(which).arg(CallsAtOnce));
    query.addBindValue(before);
    query.addBindValue(before);
    if (!query.exec()) {
        fail(QStringLiteral("cannot purge"), query.lastError());
        return true;
    }
    if (m_request.dryRun) {
        m_report.removed.calls += query.next() ? query.value(0).toULongLong() : 0;
        return true;
    }
    QStringList callIds;
    while (query.next())
        callIds += query.value(0).toString();
    query.finish();
    if (callIds.isEmpty())
        return true;
    if (!deleteCalls(database, callIds))
        return true;
    m_report.removed.calls += quint64(callIds.size());
    return false;
}

// ---- for want of room -----------------------------------------------------------------------------------------------

void LogPurge::planRoom()
{
    m_tasks.push_back([this](Database* database) { return leaveRoom(*database); });
    for (const QString& table : {QStringLiteral("webhooks"), QStringLiteral("requests"),
             QStringLiteral("operator_acts"), QStringLiteral("events")})
        m_tasks.push_back(sweepOrphans(table, [this] { return m_orphansBefore; }));
}

bool LogPurge::leaveRoom(Database& database)
{
    const auto used = database.usedBytes();
    if (!used) {
        m_report.error = used.error().message;
        giveUp();
        return true;
    }
    QSqlQuery query(database.connection());
    query.setForwardOnly(true);
    if (*used + m_journal.bytes() <= qint64(double(m_request.logBytes) * RoomWanted)) {
        // What belongs to no call goes as far as calls have gone.
        if (query.exec(QStringLiteral("SELECT MIN(started_at) FROM calls")) && query.next())
            m_orphansBefore = query.value(0).toString();
        return true;
    }
    if (!query.exec(QStringLiteral("SELECT call_id FROM calls WHERE ended_at IS NOT NULL ORDER BY started_at LIMIT %1")
                        .arg(CallsAtOnce))) {
        fail(QStringLiteral("cannot make room"), query.lastError());
        return true;
    }
    QStringList callIds;
    while (query.next())
        callIds += query.value(0).toString();
    query.finish();
    if (!callIds.isEmpty()) {
        m_report.removed.calls += quint64(callIds.size());
        return !deleteCalls(database, callIds);
    }
    qint64 rows = 0;
    for (const QString& table :
        {QStringLiteral("webhooks"), QStringLiteral("requests"), QStringLiteral("operator_acts")}) {
        const qint64 some = change(database,
            QStringLiteral(
                "DELETE FROM %1 WHERE rowid IN (SELECT rowid FROM %1 WHERE call_id IS NULL OR call_id NOT IN "
                "(SELECT call_id FROM calls) ORDER BY at LIMIT %2)")
                .arg(table)
                .arg(RowsAtOnce),
            {}, {});
        if (some < 0)
            return true;
        rows += some;
    }
    m_report.removed.others += quint64(rows);
    return rows == 0;
}

bool LogPurge::leaveNothing(Database& database)
{
    if (m_request.compact) {
        if (const auto compacted = database.compact(); !compacted)
            m_report.remnants = compacted.error().message;
    }
    if (!database.settleWholly() && m_report.remnants.isEmpty()) {
        m_report.remnants = QStringLiteral("somebody reads the database all the time: what was deleted stays in %1-wal "
                                           "until that is over")
                                .arg(database.path());
    }
    return true;
}

} // namespace kav::calllog
