// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/database.h"

#include "engine/calllog/redaction.h"
#include "engine/calllog/schema.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSqlError>

namespace kav::calllog {

namespace {

constexpr qsizetype KnownCallsLimit = 10'000;
/// Rows of requests that stay; how many are added before the rest is looked for.
constexpr int RequestsKept = 100'000;
constexpr int RequestsBetweenCleaning = 1'000;
/// SQLITE_CONSTRAINT, SQLITE_TOOBIG, SQLITE_MISMATCH: it is the entry that does not fit, not the database that is away.
bool isEntryFault(const QSqlError& error)
{
    const int primary = error.nativeErrorCode().toInt() & 0xff;
    return primary == 19 || primary == 18 || primary == 20;
}

QString utcText(qint64 ms)
{
    return QDateTime::fromMSecsSinceEpoch(ms, Qt::UTC).toString(Qt::ISODateWithMs);
}

QVariant milliseconds(const std::optional<std::chrono::milliseconds>& part)
{
    return part ? QVariant(qlonglong(part->count())) : QVariant();
}

} // namespace

Database::Database(const Settings& settings)
    : m_settings(settings)
{
}

Database::~Database()
{
    close();
}

Result<void> Database::open()
{
    close();
    const auto target = databaseTarget(m_settings);
    if (!target)
        return target.error();
    m_path = target->path;
    if (m_settings.bootstrap) {
        const auto made = migrate(m_settings);
        if (!made)
            return made.error();
    } else if (!QFile::exists(m_path)) {
        // SQLite would make an empty file; whether there shall be one is the operator's word.
        return Error{Error::Code::NotFound,
            QStringLiteral("there is no database at %1; make it with: %2").arg(m_path, MigrateCommand), {}};
    }
    auto opened = openSqlite(m_path, OpenMode::ReadWrite);
    if (!opened)
        return opened.error();
    m_database = *opened;
    const auto checked = [this]() -> Result<void> {
        const auto version = schemaVersion(m_database);
        if (!version)
            return version.error();
        const int wanted = migrations().last().number;
        if (*version == 0) {
            return Error{Error::Code::NotFound,
                QStringLiteral("the database %1 has no schema; make it with: %2").arg(m_path, MigrateCommand), {}};
        }
        if (*version < wanted) {
            return Error{Error::Code::NotFound,
                QStringLiteral("the database %1 has schema version %2 and needs %3; upgrade it with: %4")
                    .arg(m_path)
                    .arg(*version)
                    .arg(wanted)
                    .arg(MigrateCommand),
                {}};
        }
        if (*version > wanted) {
            return Error{Error::Code::Unavailable,
                QStringLiteral("the database %1 has schema version %2, newer than this engine's %3: update the engine")
                    .arg(m_path)
                    .arg(*version)
                    .arg(wanted),
                {}};
        }
        return prepare();
    }();
    if (!checked) {
        const Error error = checked.error();
        *opened = QSqlDatabase();
        close();
        return error;
    }
    m_file = fileIdentity(m_path);
    return {};
}

void Database::close()
{
    for (auto* query : {&m_journals, &m_callStub, &m_callStarted, &m_callEnded, &m_turn, &m_event, &m_webhook, &m_act,
             &m_request, &m_oldRequests})
        query->reset();
    m_knownCalls.clear();
    m_file.reset();
    closeSqlite(m_database);
}

bool Database::isStale() const
{
    return fileIdentity(m_path) != m_file;
}

Result<void> Database::prepare()
{
    QSqlQuery pragma(m_database);
    // NORMAL: a power cut may take back the last commits, never tear them; the journal still has those (settle()).
    for (const char* text : {"PRAGMA foreign_keys=ON", "PRAGMA synchronous=NORMAL", "PRAGMA journal_mode=WAL",
             "PRAGMA secure_delete=ON"}) {
        if (!pragma.exec(QLatin1String(text)))
            return Error{Error::Code::Unavailable,
                QStringLiteral("cannot set up the database: ") + pragma.lastError().databaseText(), {}};
    }
    pragma.clear();

    const auto make = [this](std::optional<QSqlQuery>& query, const QString& sql) {
        query.emplace(m_database);
        if (query->prepare(sql))
            return true;
        m_error = query->lastError();
        return false;
    };
    const bool prepared =
        make(m_journals,
            QStringLiteral(
                "INSERT INTO journals (run_id, journal_id, stored_through) VALUES (?, ?, ?) ON CONFLICT (run_id) DO "
                "UPDATE "
                "SET stored_through = excluded.stored_through WHERE excluded.stored_through > journals.stored_through"))
        && make(m_callStub,
            QStringLiteral("INSERT INTO calls (call_id, run_id, started_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"))
        // Starting facts and ending facts are set apart, so that the order in which runs are replayed does not matter.
        && make(m_callStarted,
            QStringLiteral(
                "INSERT INTO calls (call_id, run_id, started_at, from_number, to_number, direction, language, "
                "account_sid, "
                "stream_sid, stt, llm, tts, started_data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (call_id) DO UPDATE SET run_id = excluded.run_id, started_at = excluded.started_at, "
                "from_number = excluded.from_number, to_number = excluded.to_number, direction = excluded.direction, "
                "language = excluded.language, account_sid = excluded.account_sid, stream_sid = excluded.stream_sid, "
                "stt = excluded.stt, llm = excluded.llm, tts = excluded.tts, started_data = excluded.started_data"))
        // What the call itself said of its end stands above what a restart concluded. A call whose stream was lost, or
        // that had no voice left, may have gone on without one: then its later end is the end.
        && make(m_callEnded,
            QStringLiteral(
                "UPDATE calls SET ended_at = ?, end_reason = ?, duration_ms = ?, turn_count = ?, ended_data = ? "
                "WHERE call_id = ? AND (ended_at IS NULL OR end_reason IN ('interrupted', "
                "'stream-lost', 'fallback-exhausted'))"))
        && make(m_turn,
            QStringLiteral(
                "INSERT INTO turns (call_id, turn_number, run_id, entry_number, at, input, caller_text, confidence, "
                "agent_text, "
                "heard_text, interrupted, fallback, total_ms, filler, end_of_utterance_ms, end_of_utterance_by, "
                "recognition_ms, recognition_by, first_token_ms, first_token_by, first_sentence_ms, first_sentence_by, "
                "first_audio_ms, first_audio_by, playout_ms, playout_by) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT "
                "(call_id, turn_number) DO "
                "UPDATE SET "
                "run_id = excluded.run_id, entry_number = excluded.entry_number, at = excluded.at, input = "
                "excluded.input, "
                "caller_text = excluded.caller_text, confidence = excluded.confidence, agent_text = "
                "excluded.agent_text, "
                "heard_text = excluded.heard_text, interrupted = excluded.interrupted, fallback = excluded.fallback, "
                "total_ms = excluded.total_ms, filler = excluded.filler, "
                "end_of_utterance_ms = excluded.end_of_utterance_ms, "
                "end_of_utterance_by = excluded.end_of_utterance_by, recognition_ms = excluded.recognition_ms, "
                "recognition_by = excluded.recognition_by, first_token_ms = excluded.first_token_ms, "
                "first_token_by = excluded.first_token_by, first_sentence_ms = excluded.first_sentence_ms, "
                "first_sentence_by = excluded.first_sentence_by, first_audio_ms = excluded.first_audio_ms, "
                "first_audio_by = excluded.first_audio_by, playout_ms = excluded.playout_ms, "
                "playout_by = excluded.playout_by "
                "WHERE excluded.entry_number >= turns.entry_number OR excluded.run_id <> turns.run_id"))
        && make(m_event,
            QStringLiteral("INSERT INTO events (run_id, entry_number, call_id, at, token, data) VALUES (?, ?, ?, ?, ?, "
                           "?) ON CONFLICT DO NOTHING"))
        && make(m_webhook,
            QStringLiteral("INSERT INTO webhooks (run_id, entry_number, call_id, at, path, status, data) VALUES (?, ?, "
                           "?, ?, ?, ?, ?) "
                           "ON CONFLICT DO NOTHING"))
        && make(m_act,
            QStringLiteral("INSERT INTO operator_acts (run_id, entry_number, call_id, at, operator_name, act, data) "
                           "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"))
        && make(m_request,
            QStringLiteral(
                "INSERT INTO requests (request_id, run_id, entry_number, call_id, at, kind, path, status, data) VALUES "
                "(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (request_id) DO UPDATE SET run_id = excluded.run_id, "
                "entry_number = excluded.entry_number, status = excluded.status, data = excluded.data "
                "WHERE excluded.entry_number >= requests.entry_number"))
        && make(m_oldRequests,
            QStringLiteral("DELETE FROM requests WHERE (at, request_id) < (SELECT at, request_id FROM requests "
                           "ORDER BY at DESC, request_id DESC LIMIT 1 OFFSET ?)"));
    if (!prepared) {
        return Error{Error::Code::Unavailable,
            QStringLiteral("the database %1 does not have the schema it claims: %2")
                .arg(m_path, m_error.databaseText()),
            {}};
    }
    return {};
}

Result<QHash<QString, quint64>> Database::storedThrough()
{
    QSqlQuery query(m_database);
    query.setForwardOnly(true);
    if (!query.exec(QStringLiteral("SELECT run_id, stored_through FROM journals")))
        return Error{Error::Code::Unavailable,
            QStringLiteral("cannot read the database: ") + query.lastError().databaseText(), {}};
    QHash<QString, quint64> stored;
    while (query.next())
        stored.insert(query.value(0).toString(), query.value(1).toULongLong());
    return stored;
}

Result<void> Database::store(const std::vector<JournalReader::Item>& items, const QString& journalId)
{
    auto stored = storeAll(items, journalId);
    if (stored || !isEntryFault(m_error))
        return stored;
    // One entry does not fit: it must not keep the others out, nor be lost.
    for (const JournalReader::Item& item : items) {
        if (auto alone = storeAll({item}, journalId); !alone) {
            if (!isEntryFault(m_error))
                return alone;
            qCCritical(lcCallLog).noquote() << "entry" << item.number << "of run" << item.run
                                            << "does not fit the database, kept as an event:" << m_error.databaseText();
            if (!m_database.transaction() || !storeUnstorable(item)
                || !run(*m_journals, {item.run, journalId, qlonglong(item.number)}) || !m_database.commit()) {
                m_database.rollback();
                return alone;
            }
        }
    }
    return {};
}

Result<void> Database::storeAll(const std::vector<JournalReader::Item>& items, const QString& journalId)
{
    const auto failed = [this](const QString& what) {
        m_database.rollback();
        m_knownCalls.clear();
        return Error{Error::Code::Unavailable, what + QStringLiteral(": ") + m_error.databaseText(), {}};
    };
    if (!m_database.transaction()) {
        m_error = m_database.lastError();
        return failed(QStringLiteral("cannot begin a transaction"));
    }
    QHash<QString, quint64> through;
    for (const JournalReader::Item& item : items) {
        if (!storeOne(item))
            return failed(QStringLiteral("cannot store"));
        through[item.run] = item.number;
    }
    for (auto it = through.cbegin(); it != through.cend(); ++it) {
        if (!run(*m_journals, {it.key(), journalId, qlonglong(it.value())}))
            return failed(QStringLiteral("cannot store"));
    }
    if (!m_database.commit()) {
        m_error = m_database.lastError();
        return failed(QStringLiteral("cannot commit"));
    }
    return {};
}

bool Database::run(QSqlQuery& query, std::initializer_list<QVariant> values)
{
    int i = 0;
    for (const QVariant& value : values)
        query.bindValue(i++, value);
    if (query.exec()) {
        query.finish(); // a statement left active would keep the transaction from ending
        return true;
    }
    m_error = query.lastError();
    query.finish();
    return false;
}

bool Database::ensureCall(const QString& callId, const QString& runId, const QString& at)
{
    if (m_knownCalls.contains(callId))
        return true;
    if (!run(*m_callStub, {callId, runId, at}))
        return false;
    if (m_knownCalls.size() >= KnownCallsLimit)
        m_knownCalls.clear();
    m_knownCalls.insert(callId);
    return true;
}

bool Database::storeOne(const JournalReader::Item& item)
{
    const auto view = viewPayload(item.payload);
    if (!view)
        return storeUnstorable(item);
    const QString at = utcText(view->atMs);
    const QString callId = QString::fromUtf8(view->callId);
    if (m_erasedCalls.contains(callId) || isPlaceholder(*view))
        return true;
    const QVariant callOrNull = callId.isEmpty() ? QVariant() : QVariant(callId);
    const QString json = QString::fromUtf8(view->json);
    const auto number = qlonglong(item.number);
    const QJsonObject data =
        QJsonDocument::fromJson(QByteArray::fromRawData(view->json.data(), view->json.size())).object();
    // Never a null string, which would be stored as NULL.
    const auto text = [&data](QLatin1String key) {
        const QString value = data.value(key).toVariant().toString();
        return value.isNull() ? QStringLiteral("") : value;
    };
    const auto given = [](const QString& value) { return value.isNull() ? QStringLiteral("") : value; };

    switch (view->kind) {
    case Entry::Kind::CallStarted:
        m_knownCalls.insert(callId);
        return run(*m_callStarted,
            {callId, item.run, at, text(QLatin1String("from")), text(QLatin1String("to")),
                text(QLatin1String("direction")), text(QLatin1String("language")), text(QLatin1String("accountSid")),
                text(QLatin1String("streamSid")), text(QLatin1String("stt")), text(QLatin1String("llm")),
                text(QLatin1String("tts")), json});
    case Entry::Kind::CallEnded:
        return ensureCall(callId, item.run, at)
            && run(*m_callEnded,
                {at, text(QLatin1String("reason")), data.value(QLatin1String("durationMs")).toInteger(),
                    data.value(QLatin1String("turns")).toInt(), json, callId});
    case Entry::Kind::Turn: {
        const auto parsed = turnFromJson(data);
        if (!parsed || callId.isEmpty())
            return storeUnstorable(item);
        const TurnRecord& turn = *parsed;
        const LatencyParts& latency = turn.latency;
        const auto length = [&latency](LatencyPart part) { return milliseconds(latency.length(part)); };
        const auto owner = [&latency](LatencyPart part) {
            const QString by = latency.owner(part);
            return by.isEmpty() ? QVariant() : QVariant(by);
        };
        using Part = LatencyPart;
        return ensureCall(callId, item.run, at)
            && run(*m_turn,
                {callId, turn.number, item.run, number, at, turnInputName(turn.input), given(turn.callerText),
                    turn.confidence, given(turn.agentText), given(turn.heardText), int(turn.interrupted),
                    int(turn.fallback), milliseconds(latency.total), int(latency.filler), length(Part::EndOfUtterance),
                    owner(Part::EndOfUtterance), length(Part::Recognition), owner(Part::Recognition),
                    length(Part::FirstToken), owner(Part::FirstToken), length(Part::FirstSentence),
                    owner(Part::FirstSentence), length(Part::FirstAudio), owner(Part::FirstAudio),
                    length(Part::Playout), owner(Part::Playout)});
    }
    case Entry::Kind::Event:
        return (callId.isEmpty() || ensureCall(callId, item.run, at))
            && run(*m_event, {item.run, number, callOrNull, at, text(QLatin1String("token")), json});
    case Entry::Kind::Webhook: {
        const QJsonValue status = data.value(QLatin1String("status"));
        return run(*m_webhook,
            {item.run, number, callOrNull, at, text(QLatin1String("path")),
                status.isDouble() ? QVariant(status.toInt()) : QVariant(), json});
    }
    case Entry::Kind::OperatorAct:
        return run(*m_act,
            {item.run, number, callOrNull, at, text(QLatin1String("operator")), text(QLatin1String("act")), json});
    case Entry::Kind::Request: {
        const QString id = text(QLatin1String("id"));
        if (id.isEmpty())
            return storeUnstorable(item);
        if (!run(*m_request,
                {id, item.run, number, callOrNull, at, text(QLatin1String("kind")), text(QLatin1String("path")),
                    data.value(QLatin1String("status")).toInt(), json}))
            return false;
        if (++m_newRequests < RequestsBetweenCleaning)
            return true;
        m_newRequests = 0;
        return run(*m_oldRequests, {RequestsKept - 1});
    }
    }
    Q_UNREACHABLE();
}

bool Database::storeUnstorable(const JournalReader::Item& item)
{
    const auto view = viewPayload(item.payload);
    QJsonObject data;
    if (view) {
        data.insert(QStringLiteral("callId"), QString::fromUtf8(view->callId));
        data.insert(QStringLiteral("kind"), static_cast<int>(view->kind));
        data.insert(QStringLiteral("data"), QString::fromUtf8(view->json));
    } else {
        data.insert(QStringLiteral("payloadBase64"), QString::fromLatin1(item.payload.toBase64()));
    }
    return run(*m_event,
        {item.run, qlonglong(item.number), QVariant(), utcText(view ? view->atMs : 0), QStringLiteral("UNSTORABLE"),
            QString::fromUtf8(QJsonDocument(data).toJson(QJsonDocument::Compact))});
}

bool Database::settle()
{
    QSqlQuery query(m_database);
    if (!query.exec(QStringLiteral("PRAGMA wal_checkpoint(PASSIVE)")) || !query.next())
        return false;
    // busy, frames in the log, frames moved into the database
    return query.value(0).toInt() == 0 && query.value(1).toLongLong() == query.value(2).toLongLong();
}

bool Database::settleWholly()
{
    // A reader may be at work; the connection waits for it as long as its busy timeout says.
    for (int attempt = 0; attempt < 5; ++attempt) {
        QSqlQuery query(m_database);
        if (query.exec(QStringLiteral("PRAGMA wal_checkpoint(TRUNCATE)")) && query.next() && query.value(0).toInt() == 0)
            return true;
    }
    return false;
}

Result<void> Database::compact()
{
    QSqlQuery query(m_database);
    if (!query.exec(QStringLiteral("VACUUM")))
        return Error{Error::Code::Unavailable,
            QStringLiteral("cannot write the database anew: ") + query.lastError().databaseText(), {}};
    return {};
}

Result<qint64> Database::usedBytes()
{
    qint64 values[3] = {};
    int i = 0;
    for (const char* const name : {"page_count", "freelist_count", "page_size"}) {
        QSqlQuery query(m_database);
        if (!query.exec(QStringLiteral("PRAGMA ") + QLatin1String(name)) || !query.next())
            return Error{Error::Code::Unavailable,
                QStringLiteral("cannot read the database: ") + query.lastError().databaseText(), {}};
        values[i++] = query.value(0).toLongLong();
    }
    return (values[0] - values[1]) * values[2];
}

void Database::forgetCalls(const QStringList& callIds)
{
    m_erasedCalls.unite(QSet<QString>(callIds.begin(), callIds.end()));
    m_knownCalls.subtract(m_erasedCalls);
}

Result<std::vector<OpenCall>> Database::openCalls(const QString& journalId, const QString& runningRun)
{
    QSqlQuery query(m_database);
    query.setForwardOnly(true);
    query.prepare(
        QStringLiteral("SELECT c.call_id, c.started_at, (SELECT MAX(e.at) FROM events e WHERE e.call_id = c.call_id), "
                       "(SELECT MAX(t.at) FROM turns t WHERE t.call_id = c.call_id), (SELECT COUNT(*) FROM turns t "
                       "WHERE t.call_id = c.call_id) "
                       "FROM calls c JOIN journals j ON j.run_id = c.run_id WHERE j.journal_id = ? AND c.run_id <> ? "
                       "AND c.ended_at IS NULL"));
    query.addBindValue(journalId);
    query.addBindValue(runningRun);
    if (!query.exec())
        return Error{Error::Code::Unavailable,
            QStringLiteral("cannot read the database: ") + query.lastError().databaseText(), {}};
    const auto ms = [](const QVariant& at) {
        return QDateTime::fromString(at.toString(), Qt::ISODateWithMs).toMSecsSinceEpoch();
    };
    std::vector<OpenCall> calls;
    while (query.next()) {
        OpenCall call{query.value(0).toString(), ms(query.value(1)), ms(query.value(1)), query.value(4).toInt()};
        for (const int column : {2, 3}) {
            if (!query.value(column).isNull())
                call.lastMs = qMax(call.lastMs, ms(query.value(column)));
        }
        calls.push_back(call);
    }
    return calls;
}

} // namespace kav::calllog
