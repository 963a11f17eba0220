// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/core/result.h"
#include "shared/model/call.h"

#include <QDateTime>
#include <QJsonObject>
#include <QObject>
#include <QString>

#include <memory>

namespace kav::calllog {

/// One thing that happened. `callId` may be empty for what belongs to no call. The journal gives each its number.
struct Entry final {
    enum class Kind {
        CallStarted, ///< {from (masked), to, direction, language, accountSid, streamSid, parameters, stt, llm, tts}
        Turn, ///< a TurnRecord, by turnToJson(); `at` is when it began
        Event, ///< {token, ...}: the call's timeline (WS_START, STT_FINAL, BARGE_IN, ...)
        Webhook, ///< {path, fields (numbers masked), status, duplicateOf?}
        OperatorAct, ///< {operator, act, ...}
        CallEnded, ///< {reason, durationMs, turns, facts}
        Request, ///< a RequestRecord, by requestToJson(); once more when its connection is over
    };
    Kind kind = Kind::Event;
    QString callId;
    QDateTime at; ///< UTC
    QJsonObject data;
    /// Of CallStarted: the numbers of both ends in clear. They are never written: the journal puts a keyed digest of
    /// each beside its masked form, by which one caller's calls can be found and erased.
    QString from{}, to{};
};

QJsonObject turnToJson(const TurnRecord& turn);
Result<TurnRecord> turnFromJson(const QJsonObject& json);

/// How long the log keeps what; 0: for ever. What is due goes once a day, at a quiet hour.
struct Retention final {
    Milliseconds transcript{0}; ///< words of callers and agents, keys pressed, what was learned in the call
    Milliseconds numbers{0}; ///< what is shown of telephone numbers, and what they can be found by
    Milliseconds log{0}; ///< all the rest of a call
    qint64 logBytes = 0; ///< of database and journal together; past it the oldest go
};

struct Settings final {
    QString dataDir; ///< the journal lives in dataDir/journal
    QString databaseUrl; ///< "sqlite:///abs/path.db"; empty: dataDir/calls.db; "off": journal only
    bool bootstrap = false; ///< make the schema when it is missing (DB_BOOTSTRAP)
    Milliseconds syncEvery{20}; ///< group commit of the journal: fsync at most so often
    int databaseBatch = 100;
    Milliseconds databaseEvery{200};
    qint64 journalLimitBytes =
        1024ll * 1024 * 1024; ///< while the database is away; past it: counted, logged, oldest kept
    Milliseconds retryEvery{5000};
    qint64 segmentBytes = 16ll * 1024 * 1024; ///< the journal goes on in a new file past this size
    qint64 queueLimitBytes =
        32ll * 1024 * 1024; ///< held in memory while the disk takes nothing; past it: refused, counted
    Retention retention;
};

/// What has been taken out of the log.
struct Removed final {
    quint64 transcripts = 0; ///< turns and other entries whose words have gone
    quint64 numbers = 0; ///< entries whose numbers have gone
    quint64 calls = 0; ///< whole calls
    quint64 others = 0; ///< requests, webhooks and events that belong to no call that is kept
    quint64 journal = 0; ///< entries that were still in the journal

    bool isEmpty() const { return transcripts + numbers + calls + others + journal == 0; }
    Removed& operator+=(const Removed& more);
};

struct Status final {
    enum class Database { Ok, Down, Off };
    Database database = Database::Off;
    QString reason; ///< why Down, with the command that mends it
    quint64 appended = 0; ///< entries taken
    quint64 durable = 0; ///< last entry number that is on disk
    quint64 stored = 0; ///< last entry number that is in the database
    quint64 refused = 0; ///< lost to a full journal or disk: never silently
    qint64 journalBytes = 0;
    qint64 queuedBytes = 0; ///< in memory, on the way to the journal
    QString journalReason; ///< why the journal takes nothing now (entries wait in memory); empty: it does
    quint64 damaged = 0; ///< acknowledged entries that the disk has not kept: missing between readable ones
    Removed removed; ///< for its age, for want of room, or because somebody asked
};

class Disk;

/// The call log: an append-only journal (checksum per record, fsync per batch) and a writer that moves it into the
/// database with idempotent keys. Both live on a thread of their own, made by start(). Owned by the composition root.
///
/// append() never blocks on disk or database. An entry is acknowledged when durable(number) has been emitted for its
/// number or a later one: from then on no crash loses it.
///
/// Two threads, so that the database can never hold up the journal: one writes and syncs the journal, the other moves
/// it into the database. The signals come from those threads: connect with a context object, which makes them queued.
class CallLog final : public QObject {
    Q_OBJECT
public:
    /// `disk` is the tests' way to make the disk fail; null: the machine's own.
    CallLog(const Settings& settings, const Clock& clock, Disk* disk = nullptr);
    ~CallLog() override; ///< stop()s

    /// Opens the journal, replays what the database lacks, closes calls cut by a crash as Interrupted; all on its
    /// thread. Returns at once; statusChanged follows.
    void start();
    /// Writes everything out and joins the thread; at most a few seconds.
    void stop();
    /// Any thread. The entry's number: 1, 2, ... in this engine's life (a "run"; with the run's name it is unique for
    /// ever). 0: refused, and counted so, because journal or queue is full or the log is stopped.
    quint64 append(const Entry& entry);
    /// Any thread.
    Status status() const;

Q_SIGNALS:
    void durable(quint64 number);
    void statusChanged();
    /// A call that a crash had cut has been closed.
    void callInterrupted(const QString& callId, const QDateTime& lastSeen);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

/// Makes or upgrades the schema (`kav-engine migrate`). A one-line account of what was done.
Result<QString> migrate(const Settings& settings);

} // namespace kav::calllog
