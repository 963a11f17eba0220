// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/calllog/schema.h"
#include "shared/model/request.h"

#include <QList>
#include <QSqlDatabase>
#include <QStringList>

#include <optional>

namespace kav::calllog {

struct CallFilter final {
    int limit = 50; ///< at most 500
    QString after; ///< CallPage::next of the page before
    /// Found in the call's id, numbers, end reason, or in what was said; ASCII case does not matter. Empty: every call.
    QString text;
};

struct CallPage final {
    QList<CallLogRow> calls; ///< newest first
    QString next; ///< for CallFilter::after; empty: this was the last page
};

struct CallDetail final {
    CallLogRow call;
    QJsonObject started; ///< the data of CallStarted
    QJsonObject ended; ///< the data of CallEnded
    QList<TranscriptTurn> turns; ///< by number
    QList<CallEvent> events; ///< as they happened
};

struct RequestPage final {
    QList<RequestRecord> requests; ///< newest first
    QString next; ///< for the query's `after`; empty: this was the last page
};

/// Reads the call log's database over a read-only connection of its own. Any thread may have one; each is used only in
/// the thread that made it. Made where it is needed: opening costs under a millisecond.
class Queries final {
public:
    /// Fails when the database is off, away or without a schema.
    static Result<std::unique_ptr<Queries>> open(const Settings& settings);
    ~Queries();
    Q_DISABLE_COPY_MOVE(Queries)

    Result<CallPage> calls(const CallFilter& filter) const;
    /// NotFound when there is no such call.
    Result<CallDetail> call(const QString& callId) const;
    /// At most `limit` (500) of those that match, behind `after`: RequestPage::next of the page before, or
    /// cursorOf() of a request that is known.
    Result<RequestPage> requests(const RequestFilter& filter, int limit, const QString& after = {}) const;
    static QString cursorOf(const RequestRecord& request);
    /// The call's log tokens in order (WS_START, STT_FINAL, ...).
    Result<QStringList> tokensOf(const QString& callId) const;
    /// What operators did to the call, in order, as events of the token OPERATOR_ACT: {operator, act, outcome, ...}.
    Result<QList<CallEvent>> operatorActs(const QString& callId) const;
    /// How the engine's services stood, as events of the token SERVICE_STATE: {service, state, name?, reason?}: each
    /// change that the call's engine has logged from its start until then, in order.
    Result<QList<CallEvent>> serviceStates(const QString& callId, const QDateTime& until) const;
    QString databasePath() const { return m_path; }
    /// The file was removed or replaced since it was opened: what is read here is not the call log any more.
    bool isStale() const;

private:
    Queries() = default;

    QString m_path;
    std::optional<FileIdentity> m_file; ///< that is open
    QSqlDatabase m_database;
};

} // namespace kav::calllog
