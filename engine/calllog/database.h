// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/calllog/journal.h"
#include "engine/calllog/schema.h"
#include "engine/calllog/record.h"

#include <QHash>
#include <QSet>
#include <QSqlDatabase>
#include <QSqlError>
#include <QSqlQuery>

#include <optional>
#include <utility>
#include <vector>

namespace kav::calllog {

/// A call that has begun and not ended.
struct OpenCall final {
    QString callId;
    qint64 startedMs = 0;
    qint64 lastMs = 0; ///< of its last entry
    int turns = 0;
};

/// The writing side of the database. Lives wholly on the writer's thread: made, used and destroyed there.
class Database final {
public:
    explicit Database(const Settings& settings);
    ~Database();
    Q_DISABLE_COPY_MOVE(Database)

    /// Connects and checks the schema; makes it only when Settings::bootstrap says so. The error's message is fit for
    /// Status::reason and names the command that mends it.
    Result<void> open();
    void close();
    bool isOpen() const { return m_database.isOpen(); }
    /// The file behind the connection has been removed or replaced: what is written now would go nowhere.
    bool isStale() const;

    /// How far each run is stored.
    Result<QHash<QString, quint64>> storedThrough();
    /// All of the entries, or none. `journalId` is the data directory's.
    Result<void> store(const std::vector<JournalReader::Item>& items, const QString& journalId);
    /// Everything committed is in the database's own file and synced, so that the journal may forget it. False: not
    /// yet, somebody is reading.
    bool settle();
    /// The same, and nothing is left in the log beside the database's file; waits a little for readers.
    bool settleWholly();
    /// Writes the file anew: it is as small as it can be, and no page of it holds what was deleted.
    Result<void> compact();
    /// Bytes in use; free pages are not counted.
    Result<qint64> usedBytes();
    /// What comes of these calls from now on is not stored: they have been erased.
    void forgetCalls(const QStringList& callIds);
    QSqlDatabase& connection() { return m_database; }
    QString path() const { return m_path; }
    /// Calls of this data directory's earlier runs that have no end.
    Result<std::vector<OpenCall>> openCalls(const QString& journalId, const QString& runningRun);

private:
    Result<void> prepare();
    Result<void> storeAll(const std::vector<JournalReader::Item>& items, const QString& journalId);
    bool storeOne(const JournalReader::Item& item);
    bool storeUnstorable(const JournalReader::Item& item);
    bool ensureCall(const QString& callId, const QString& run, const QString& at);
    bool run(QSqlQuery& query, std::initializer_list<QVariant> values);

    const Settings m_settings;
    QString m_path;
    std::optional<FileIdentity> m_file; ///< that is open
    QSqlDatabase m_database;
    std::optional<QSqlQuery> m_journals, m_callStub, m_callStarted, m_callEnded, m_turn, m_event, m_webhook, m_act, m_request,
        m_oldRequests;
    QSet<QString> m_knownCalls; ///< have a row; a bounded shortcut
    QSet<QString> m_erasedCalls;
    int m_newRequests = 0; ///< since the old ones were looked for
    QSqlError m_error; ///< of the statement that failed last
};

} // namespace kav::calllog
