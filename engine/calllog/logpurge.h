// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/database.h"
#include "engine/calllog/journal.h"
#include "engine/calllog/purge.h"

#include <QHash>
#include <QSet>

#include <deque>
#include <functional>

namespace kav::calllog {

/// One purge, done piece by piece: between two pieces the database's thread stores what has come in. A piece is a
/// transaction over a bounded number of rows, or one file of the journal; only the writing anew of the whole database
/// (PurgeRequest::compact) is one long piece, and while it lasts the journal keeps what comes. Calls that are live are
/// never touched. Made, used and destroyed on the database's thread.
class LogPurge final {
public:
    /// `now`: of the wall. The journal's segment has been closed, and where there is a database, it has all of them.
    LogPurge(PurgeRequest request, Journal& journal, bool hasDatabase, const QDateTime& now);

    /// The next piece; false: it was the last. `database`: open, or null where there is none.
    bool step(Database* database);
    /// The journal's files are others since the last question: who reads them begins anew.
    bool takeJournalChanged() { return std::exchange(m_journalChanged, false); }

    const PurgeRequest& request() const { return m_request; }
    const PurgeReport& report() const { return m_report; }

private:
    using Task = std::function<bool(Database*)>; ///< true: done
    /// What the journal says of a call.
    struct Seen final {
        bool hasId = false, hasMask = false, isNamed = false;
        bool started = false, ended = false;
    };

    void planErasure(bool hasDatabase);
    void planAges(bool hasDatabase);
    void planRoom();
    void giveUp();
    void fail(const QString& what, const QSqlError& error);
    void scanJournal(bool setAsideToo);
    void rewriteJournal(const Journal::Change& change, bool dropUnreadable, quint64 Removed::*count);

    bool findCalls(Database& database);
    void sortOut(const QString& callId, const Seen& seen, bool live);
    bool eraseSome(Database& database);
    bool deleteCalls(Database& database, const QStringList& callIds);
    bool oldCalls(Database& database);
    bool leaveRoom(Database& database);
    bool leaveNothing(Database& database);
    /// The rows of `table`, window by window; `work` gets the first and the last row id of each.
    Task sweep(const QString& table, std::function<bool(Database&, qint64, qint64)> work);
    Task sweepOrphans(const QString& table, std::function<QString()> before);
    Task sweepTexts(const QString& table, const QStringList& columns, const QString& condition,
        std::function<std::optional<QString>(const QString&)> change, quint64 Removed::*count);
    /// Rows that a statement has changed, or would; -1: it failed.
    qint64 change(
        Database& database, const QString& statement, const QString& counting, std::initializer_list<QVariant> values);

    const PurgeRequest m_request;
    Journal& m_journal;
    const QDateTime m_now;
    PurgeReport m_report;
    std::deque<Task> m_tasks;
    QHash<QString, Seen> m_seen;
    QSet<QString> m_gone;
    QStringList m_toErase;
    QString m_orphansBefore;
    bool m_journalChanged = false;
    bool m_isOver = false; ///< before its end
};

} // namespace kav::calllog
