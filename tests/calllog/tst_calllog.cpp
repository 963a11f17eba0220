// SPDX-License-Identifier: Apache-2.0
#include "tests/calllog/calllogsupport.h"

#include <QJsonDocument>
#include <QTemporaryDir>

#include <csignal>
#include <sys/mount.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

using namespace kav;
using namespace kav::calllog;
using namespace kav::calllog::test;
using Database = Status::Database;

namespace {

/// A small file system that can be filled to the last byte and emptied again: a tmpfs where the user may mount one,
/// else this process's own limit on file sizes.
class SmallDisk final {
public:
    SmallDisk()
    {
        m_mounted = ::mount("tmpfs", qPrintable(m_dir.path()), "tmpfs", 0, "size=256k") == 0;
        if (!m_mounted) {
            qInfo("no right to mount a tmpfs: a limit on file sizes stands in for a full disk");
            std::signal(SIGXFSZ, SIG_IGN);
        }
    }
    ~SmallDisk()
    {
        empty();
        if (m_mounted)
            ::umount2(qPrintable(m_dir.path()), MNT_DETACH);
    }
    QString path() const { return m_dir.path(); }
    void fill()
    {
        if (!m_mounted) {
            limitFiles(0);
            return;
        }
        QFile filler(m_dir.filePath(QStringLiteral("filler")));
        if (filler.open(QIODevice::WriteOnly | QIODevice::Unbuffered)) {
            while (filler.write(QByteArray(4096, 'f')) > 0) { }
        }
    }
    void empty()
    {
        if (m_mounted)
            QFile::remove(m_dir.filePath(QStringLiteral("filler")));
        else
            limitFiles(RLIM_INFINITY);
    }

private:
    static void limitFiles(rlim_t bytes)
    {
        rlimit limit{};
        ::getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = qMin(bytes, limit.rlim_max);
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    QTemporaryDir m_dir;
    bool m_mounted = false;
};

} // namespace

/// The call log as its users see it: what is appended becomes durable, then stored, whatever disk and database do.
class TestCallLog final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_dir = std::make_unique<QTemporaryDir>();
        m_settings = quickSettings(m_dir->path());
        m_database = m_dir->filePath(QStringLiteral("calls.db"));
    }

    void anEntryBecomesDurableAndThenStored();
    void everyKindReachesItsTable();
    void entriesBeforeStartAndFromManyThreadsKeepTheirNumbers();
    void withoutDatabaseTheReasonNamesTheCommandAndTheJournalKeepsAll();
    void migrateInAnotherProcessIsNoticed();
    void bootstrapMakesTheSchemaOnPurpose();
    void anOlderOrNewerSchemaIsSaid();
    void anUnsupportedSchemeIsNamedAndItsSecretIsNot();
    void offMeansJournalOnly();
    void aLockedDatabaseDelaysAndLosesNothing();
    void aReplacedDatabaseIsNoticed();
    void anEntryTheDatabaseRefusesIsKeptAside();
    void replayingWhatIsStoredDoublesNothing();
    void aLostDatabaseIsFilledFromWhatTheJournalStillHas();
    void callsCutByACrashAreClosedAsInterrupted();
    void aCallThatBeganLongAgoIsClosedFromTheDatabase();
    void aFullDiskIsOutlived();
    void aFailingDiskIsOutlivedAndSaid();
    void aFullQueueRefusesAndCounts();
    void aFullJournalKeepsTheOldestAndRefusesTheNewest();
    void aReadOnlyDataDirectoryIsSaid();
    void twoEnginesDoNotShareADataDirectory();
    void damageInAnOldJournalIsCountedAndSaid();
    void stopWritesEverythingOutAndRefusesAfterwards();
    void storedJournalFilesAreDeleted();
    void aLogThatNeverStartedSaysWhatItLost();
    void nobodyElseReadsTheFiles();

private:
    QStringList rows(const QString& statement) const { return sql(m_database, statement); }
    /// An engine's life that ends without a goodbye: its journal as a crash leaves it, with no database told.
    void crashedRun(const QList<Entry>& entries)
    {
        Settings settings = m_settings;
        settings.databaseUrl = QStringLiteral("off");
        CallLog log(settings, m_clock);
        for (const Entry& entry : entries)
            QVERIFY(log.append(entry) > 0);
        log.start();
        QTRY_VERIFY(log.status().durable >= quint64(entries.size())); // and the ends of calls that it closed itself
        QTRY_COMPARE(log.status().durable, log.status().appended);
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    Settings m_settings;
    QString m_database;
    SystemClock m_clock;
};

void TestCallLog::anEntryBecomesDurableAndThenStored()
{
    QVERIFY(migrate(m_settings));
    CallLog log(m_settings, m_clock);
    // Queued to here: a QSignalSpy would be written to by the log's own threads.
    QObject here;
    QList<quint64> durable;
    int changed = 0;
    QObject::connect(&log, &CallLog::durable, &here, [&durable](quint64 number) { durable += number; });
    QObject::connect(&log, &CallLog::statusChanged, &here, [&changed] { ++changed; });
    log.start();
    QCOMPARE(log.append(eventEntry(QStringLiteral("CA1"), QStringLiteral("WS_START"))), 1u);
    QTRY_VERIFY(!durable.isEmpty());
    QCOMPARE(durable.last(), 1u);
    QTRY_COMPARE(log.status().stored, 1u);
    QTRY_VERIFY(changed > 0);
    const Status status = log.status();
    QCOMPARE(status.database, Database::Ok);
    QCOMPARE(status.reason, QString());
    QCOMPARE(status.appended, 1u);
    QCOMPARE(status.durable, 1u);
    QCOMPARE(status.refused, 0u);
    QVERIFY(status.journalBytes > 0);
    QCOMPARE(rows(QStringLiteral("SELECT call_id, at, token FROM events")),
        QStringList{QStringLiteral("CA1|2026-01-01T00:00:00.000Z|WS_START")});
}

void TestCallLog::everyKindReachesItsTable()
{
    QVERIFY(migrate(m_settings));
    CallLog log(m_settings, m_clock);
    log.start();
    const QString call = QStringLiteral("CA1");
    log.append({Entry::Kind::Webhook, call, at(0),
        {{QStringLiteral("path"), QStringLiteral("/webhook/incoming_call")}, {QStringLiteral("status"), 200},
            {QStringLiteral("fields"), QJsonObject{{QStringLiteral("From"), QStringLiteral("+972501234567")}}}}});
    log.append(started(call, 1));
    log.append({Entry::Kind::Turn, call, at(2),
        turnToJson({1, TurnInput::Voice, QStringLiteral("שלום"), 0.5, QStringLiteral("hi"), {}, false, true, {}})});
    log.append(eventEntry(QString(), QStringLiteral("DRAIN"), 3));
    log.append({Entry::Kind::OperatorAct, call, at(4),
        {{QStringLiteral("operator"), QStringLiteral("ana")}, {QStringLiteral("act"), QStringLiteral("hold")}}});
    log.append(ended(call, 5));
    log.append({Entry::Kind::Turn, call, at(6), {{QStringLiteral("number"), QStringLiteral("not one")}}});
    QTRY_COMPARE(log.status().stored, 7u);
    QCOMPARE(rows(QStringLiteral("SELECT path, status FROM webhooks")),
        QStringList{QStringLiteral("/webhook/incoming_call|200")});
    QVERIFY(!rows(QStringLiteral("SELECT data FROM webhooks")).first().contains(QStringLiteral("501234567")));
    QCOMPARE(rows(QStringLiteral("SELECT call_id, direction, end_reason, duration_ms FROM calls")),
        QStringList{QStringLiteral("CA1|inbound|completed|5000")});
    QCOMPARE(rows(QStringLiteral("SELECT turn_number, caller_text, fallback FROM turns")),
        QStringList{QStringLiteral("1|שלום|1")});
    QCOMPARE(
        rows(QStringLiteral("SELECT operator_name, act FROM operator_acts")), QStringList{QStringLiteral("ana|hold")});
    // What has no call has none; a turn that is none is kept as what it is.
    QCOMPARE(rows(QStringLiteral("SELECT token FROM events WHERE call_id IS NULL ORDER BY entry_number")),
        (QStringList{QStringLiteral("DRAIN"), QStringLiteral("UNSTORABLE")}));
}

void TestCallLog::entriesBeforeStartAndFromManyThreadsKeepTheirNumbers()
{
    QVERIFY(migrate(m_settings));
    CallLog log(m_settings, m_clock);
    QCOMPARE(log.append(eventEntry({}, QStringLiteral("EARLY"))), 1u);
    log.start();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&log, t] {
            for (int i = 0; i < 500; ++i) {
                const quint64 number =
                    log.append(eventEntry(QStringLiteral("CA%1").arg(t), QStringLiteral("E%1").arg(i)));
                Q_ASSERT(number > 0);
                if (i % 50 == 0)
                    (void)log.status();
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    QTRY_COMPARE_WITH_TIMEOUT(log.status().stored, 2001u, 20'000);
    QCOMPARE(rows(QStringLiteral("SELECT COUNT(*), COUNT(DISTINCT entry_number), MAX(entry_number) FROM events")),
        QStringList{QStringLiteral("2001|2001|2001")});
    // Each thread's own entries are in its own order.
    for (int t = 0; t < 4; ++t) {
        const QStringList tokens =
            rows(QStringLiteral("SELECT token FROM events WHERE call_id = 'CA%1' ORDER BY entry_number").arg(t));
        QCOMPARE(tokens.size(), 500);
        for (int i = 0; i < 500; ++i)
            QCOMPARE(tokens[i], QStringLiteral("E%1").arg(i));
    }
}

void TestCallLog::withoutDatabaseTheReasonNamesTheCommandAndTheJournalKeepsAll()
{
    const LogCatcher lines;
    CallLog log(m_settings, m_clock);
    log.start();
    log.append(eventEntry({}, QStringLiteral("X")));
    QTRY_COMPARE(log.status().database, Database::Down);
    QTRY_COMPARE(log.status().durable, 1u);
    QVERIFY2(log.status().reason.contains(QStringLiteral("kav-engine migrate")), qPrintable(log.status().reason));
    QVERIFY(!QFile::exists(m_database)); // no schema work, not even an empty file
    log.append(eventEntry({}, QStringLiteral("Y")));
    QTRY_COMPARE(log.status().durable, 2u);
    QCOMPARE(log.status().stored, 0u);
    // One line however often it is tried.
    log.stop();
    QCOMPARE(LogCatcher::containing(QStringLiteral("WARMUP_DB_ERR reason=")).size(), 1);
}

void TestCallLog::migrateInAnotherProcessIsNoticed()
{
    const LogCatcher lines;
    CallLog log(m_settings, m_clock);
    log.start();
    for (int i = 0; i < 250; ++i)
        log.append(eventEntry({}, QStringLiteral("X%1").arg(i)));
    QTRY_COMPARE(log.status().database, Database::Down);
    QVERIFY(migrate(m_settings));
    QTRY_COMPARE(log.status().database, Database::Ok);
    QTRY_COMPARE(log.status().stored, 250u);
    QCOMPARE(LogCatcher::containing(QStringLiteral("WARMUP_DB_OK")).size(), 1);
    QCOMPARE(rows(QStringLiteral("SELECT COUNT(*) FROM events")), QStringList{QStringLiteral("250")});
}

void TestCallLog::bootstrapMakesTheSchemaOnPurpose()
{
    m_settings.bootstrap = true;
    CallLog log(m_settings, m_clock);
    log.start();
    log.append(eventEntry({}, QStringLiteral("X")));
    QTRY_COMPARE(log.status().stored, 1u);
}

void TestCallLog::anOlderOrNewerSchemaIsSaid()
{
    QVERIFY(migrate(m_settings));
    const LogCatcher lines;
    rows(QStringLiteral("INSERT INTO schema_version VALUES (99, 'future', '')"));
    {
        CallLog log(m_settings, m_clock);
        log.start();
        QTRY_COMPARE(log.status().database, Database::Down);
        QVERIFY2(
            log.status().reason.contains(QStringLiteral("version 99, newer than")), qPrintable(log.status().reason));
    }
    rows(QStringLiteral("DELETE FROM schema_version"));
    {
        CallLog log(m_settings, m_clock);
        log.start();
        QTRY_COMPARE(log.status().database, Database::Down);
        QVERIFY2(log.status().reason.contains(QStringLiteral("kav-engine migrate")), qPrintable(log.status().reason));
    }
}

void TestCallLog::anUnsupportedSchemeIsNamedAndItsSecretIsNot()
{
    const LogCatcher lines;
    m_settings.databaseUrl = QStringLiteral("mysql://user:hunter2@db/x");
    CallLog log(m_settings, m_clock);
    log.start();
    log.append(eventEntry({}, QStringLiteral("X")));
    QTRY_COMPARE(log.status().database, Database::Down);
    QTRY_COMPARE(log.status().durable, 1u);
    QVERIFY(log.status().reason.contains(QStringLiteral("'mysql'")));
    log.stop();
    QCOMPARE(LogCatcher::containing(QStringLiteral("hunter2")).size(), 0);
}

void TestCallLog::offMeansJournalOnly()
{
    m_settings.databaseUrl = QStringLiteral("off");
    CallLog log(m_settings, m_clock);
    log.start();
    log.append(eventEntry({}, QStringLiteral("X")));
    QTRY_COMPARE(log.status().durable, 1u);
    log.stop();
    QCOMPARE(log.status().database, Database::Off);
    QCOMPARE(journalFiles(m_dir->path()).size(), 1);
    QVERIFY(!QFile::exists(m_database));
}

void TestCallLog::aLockedDatabaseDelaysAndLosesNothing()
{
    QVERIFY(migrate(m_settings));
    const LogCatcher lines;
    CallLog log(m_settings, m_clock);
    log.start();
    log.append(eventEntry({}, QStringLiteral("BEFORE")));
    QTRY_COMPARE(log.status().stored, 1u);
    {
        auto other = openSqlite(m_database, OpenMode::ReadWrite);
        QVERIFY(other);
        QSqlQuery(*other).exec(QStringLiteral("BEGIN EXCLUSIVE"));
        for (int i = 0; i < 50; ++i)
            log.append(eventEntry({}, QStringLiteral("L%1").arg(i)));
        // The journal goes on at once; the writer gives up waiting after a second and says so.
        QTRY_COMPARE(log.status().durable, 51u);
        QTRY_COMPARE_WITH_TIMEOUT(log.status().database, Database::Down, 10'000);
        QVERIFY2(log.status().reason.contains(QStringLiteral("locked")), qPrintable(log.status().reason));
        QCOMPARE(log.status().stored, 1u);
        QSqlQuery(*other).exec(QStringLiteral("ROLLBACK"));
        closeSqlite(*other);
    }
    QTRY_COMPARE_WITH_TIMEOUT(log.status().stored, 51u, 10'000);
    QCOMPARE(log.status().database, Database::Ok);
    QCOMPARE(rows(QStringLiteral("SELECT COUNT(*) FROM events")), QStringList{QStringLiteral("51")});
}

void TestCallLog::aReplacedDatabaseIsNoticed()
{
    QVERIFY(migrate(m_settings));
    const LogCatcher lines;
    CallLog log(m_settings, m_clock);
    log.start();
    log.append(eventEntry({}, QStringLiteral("A")));
    QTRY_COMPARE(log.status().stored, 1u);
    QDir dir(m_dir->path());
    for (const char* name : {"calls.db", "calls.db-wal", "calls.db-shm"})
        dir.remove(QLatin1String(name));
    log.append(eventEntry({}, QStringLiteral("B")));
    QTRY_COMPARE(log.status().database, Database::Down);
    QVERIFY(migrate(m_settings));
    log.append(eventEntry({}, QStringLiteral("C")));
    QTRY_COMPARE(log.status().stored, 3u);
    // The journal still had the first entry, so the new database has it as well.
    QCOMPARE(
        rows(QStringLiteral("SELECT token FROM events ORDER BY entry_number")).join(QString()), QStringLiteral("ABC"));
}

void TestCallLog::anEntryTheDatabaseRefusesIsKeptAside()
{
    QVERIFY(migrate(m_settings));
    rows(QStringLiteral("CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.token = 'POISON' BEGIN SELECT "
                        "RAISE(ABORT, 'no'); END"));
    const LogCatcher lines;
    CallLog log(m_settings, m_clock);
    for (int i = 0; i < 9; ++i)
        log.append(eventEntry(QStringLiteral("CA1"), i == 4 ? QStringLiteral("POISON") : QStringLiteral("T%1").arg(i)));
    log.start();
    QTRY_COMPARE(log.status().stored, 9u);
    QCOMPARE(
        rows(QStringLiteral("SELECT COUNT(*) FROM events WHERE token LIKE 'T%'")), QStringList{QStringLiteral("8")});
    const QStringList kept = rows(QStringLiteral("SELECT entry_number, data FROM events WHERE token = 'UNSTORABLE'"));
    QCOMPARE(kept.size(), 1);
    QVERIFY(kept.first().startsWith(QStringLiteral("5|")));
    QVERIFY(kept.first().contains(QStringLiteral("POISON")));
    QCOMPARE(LogCatcher::containing(QStringLiteral("does not fit the database")).size(), 1);
}

void TestCallLog::replayingWhatIsStoredDoublesNothing()
{
    QVERIFY(migrate(m_settings));
    {
        CallLog log(m_settings, m_clock);
        log.start();
        log.append(started(QStringLiteral("CA1")));
        log.append({Entry::Kind::Turn, QStringLiteral("CA1"), at(1),
            turnToJson({1, TurnInput::Voice, {}, 0, {}, {}, false, false, {}})});
        log.append(eventEntry(QStringLiteral("CA1"), QStringLiteral("T")));
        log.append({Entry::Kind::Webhook, {}, at(1), {{QStringLiteral("path"), QStringLiteral("/")}}});
        log.append({Entry::Kind::OperatorAct, {}, at(1), {}});
        log.append(ended(QStringLiteral("CA1"), 2));
        QTRY_COMPARE(log.status().stored, 6u);
    }
    const auto counts = [this] {
        return rows(
            QStringLiteral(
                "SELECT (SELECT COUNT(*) FROM calls), (SELECT COUNT(*) FROM turns), (SELECT COUNT(*) FROM events), "
                "(SELECT COUNT(*) FROM webhooks), (SELECT COUNT(*) FROM operator_acts)"))
            .join(QString());
    };
    QCOMPARE(counts(), QStringLiteral("1|1|1|1|1"));
    // As after a power cut that took back the last commits' bookkeeping, or a restored backup.
    rows(QStringLiteral("UPDATE journals SET stored_through = 0"));
    CallLog log(m_settings, m_clock);
    log.start();
    QTRY_COMPARE(rows(QStringLiteral("SELECT MAX(stored_through) FROM journals")), QStringList{QStringLiteral("6")});
    QCOMPARE(counts(), QStringLiteral("1|1|1|1|1"));
    QCOMPARE(rows(QStringLiteral("SELECT end_reason FROM calls")), QStringList{QStringLiteral("completed")});
}

void TestCallLog::aLostDatabaseIsFilledFromWhatTheJournalStillHas()
{
    crashedRun({started(QStringLiteral("CA1")), eventEntry(QStringLiteral("CA1"), QStringLiteral("A"), 1)});
    crashedRun({eventEntry({}, QStringLiteral("B"))});
    QVERIFY(migrate(m_settings));
    CallLog log(m_settings, m_clock);
    log.start();
    QTRY_COMPARE(rows(QStringLiteral("SELECT token FROM events ORDER BY run_id, entry_number")).join(QString()),
        QStringLiteral("AB"));
    QTRY_VERIFY(log.status().stored == log.status().appended);
    QTRY_VERIFY(journalFiles(m_dir->path()).size() <= 1);
}

void TestCallLog::callsCutByACrashAreClosedAsInterrupted()
{
    const LogCatcher lines;
    crashedRun({started(QStringLiteral("CA1"), 10), eventEntry(QStringLiteral("CA1"), QStringLiteral("WS_START"), 11),
        {Entry::Kind::Turn, QStringLiteral("CA1"), at(17),
            turnToJson({1, TurnInput::Voice, {}, 0, {}, {}, false, false, {}})},
        started(QStringLiteral("CA2"), 12), ended(QStringLiteral("CA2"), 13)});
    // The journal alone is enough: with the database away, the next start closes the call, once.
    crashedRun({eventEntry({}, QStringLiteral("SECOND_LIFE"))});
    QVERIFY(migrate(m_settings));
    CallLog log(m_settings, m_clock);
    log.start();
    QTRY_COMPARE(rows(QStringLiteral(
                     "SELECT call_id, end_reason, ended_at, duration_ms, turn_count FROM calls ORDER BY call_id")),
        (QStringList{QStringLiteral("CA1|interrupted|2026-01-01T00:00:17.000Z|7000|1"),
            QStringLiteral("CA2|completed|2026-01-01T00:00:13.000Z|13000|1")}));
    log.append(started(QStringLiteral("CA3")));
    QTRY_VERIFY(log.status().stored == log.status().appended);
    // A call of this very life is not touched.
    QCOMPARE(
        rows(QStringLiteral("SELECT call_id FROM calls WHERE ended_at IS NULL")), QStringList{QStringLiteral("CA3")});
}

void TestCallLog::aCallThatBeganLongAgoIsClosedFromTheDatabase()
{
    QVERIFY(migrate(m_settings));
    const LogCatcher lines;
    {
        CallLog log(m_settings, m_clock);
        log.start();
        log.append(started(QStringLiteral("CA1"), 10));
        log.append(eventEntry(QStringLiteral("CA1"), QStringLiteral("WS_START"), 15));
        QTRY_COMPARE(log.status().stored, 2u);
    }
    // Its journal file was stored and deleted while the call went on.
    QDir journal(m_dir->filePath(QStringLiteral("journal")));
    for (const QString& name : journalFiles(m_dir->path()))
        QVERIFY(journal.remove(name));
    CallLog log(m_settings, m_clock);
    log.start();
    QTRY_COMPARE(rows(QStringLiteral("SELECT end_reason, ended_at, duration_ms FROM calls")),
        QStringList{QStringLiteral("interrupted|2026-01-01T00:00:15.000Z|5000")});
}

void TestCallLog::aFullDiskIsOutlived()
{
    SmallDisk disk;
    QTemporaryDir databaseDir;
    m_settings.dataDir = disk.path();
    m_settings.databaseUrl = QStringLiteral("sqlite://") + databaseDir.filePath(QStringLiteral("calls.db"));
    m_database = databaseDir.filePath(QStringLiteral("calls.db"));
    QVERIFY(migrate(m_settings));
    const LogCatcher lines;
    CallLog log(m_settings, m_clock);
    log.start();
    log.append(eventEntry({}, QStringLiteral("BEFORE")));
    QTRY_COMPARE(log.status().stored, 1u);
    disk.fill();
    const QJsonObject large{{QStringLiteral("padding"), QString(3000, QLatin1Char('p'))}};
    for (int i = 0; i < 20; ++i)
        QVERIFY(log.append(eventEntry({}, QStringLiteral("F%1").arg(i), 0, large)) > 0);
    QTRY_VERIFY(!log.status().journalReason.isEmpty());
    QVERIFY(log.status().durable < 21);
    disk.empty();
    QTRY_COMPARE(log.status().durable, 21u);
    QTRY_COMPARE(log.status().stored, 21u);
    QCOMPARE(log.status().journalReason, QString());
    QCOMPARE(log.status().refused, 0u);
    QCOMPARE(rows(QStringLiteral("SELECT COUNT(*) FROM events")), QStringList{QStringLiteral("21")});
    log.stop();
}

void TestCallLog::aFailingDiskIsOutlivedAndSaid()
{
    QVERIFY(migrate(m_settings));
    const LogCatcher lines;
    FaultyDisk disk;
    CallLog log(m_settings, m_clock, &disk);
    log.start();
    log.append(eventEntry({}, QStringLiteral("A")));
    QTRY_COMPARE(log.status().durable, 1u);
    disk.broken = EIO;
    log.append(eventEntry({}, QStringLiteral("B")));
    QTRY_VERIFY(log.status().journalReason.contains(QStringLiteral("Input/output error")));
    const int tried = disk.calls;
    QTRY_VERIFY(disk.calls > tried + 2); // it keeps trying
    QCOMPARE(log.status().durable, 1u);
    disk.broken = 0;
    QTRY_COMPARE(log.status().durable, 2u);
    QTRY_COMPARE(log.status().stored, 2u);
    QCOMPARE(LogCatcher::containing(QStringLiteral("the journal is written again")).size(), 1);
    // Retrying left no litter.
    QVERIFY(journalFiles(m_dir->path()).size() <= 2);
}

void TestCallLog::aFullQueueRefusesAndCounts()
{
    const LogCatcher lines;
    FaultyDisk disk;
    disk.broken = ENOSPC;
    m_settings.databaseUrl = QStringLiteral("off");
    m_settings.queueLimitBytes = 5000;
    CallLog log(m_settings, m_clock, &disk);
    log.start();
    quint64 taken = 0, refused = 0;
    for (int i = 0; i < 200; ++i)
        ++(log.append(eventEntry({}, QStringLiteral("E%1").arg(i))) > 0 ? taken : refused);
    QVERIFY(taken > 10);
    QVERIFY(refused > 10);
    QCOMPARE(log.status().refused, refused);
    QCOMPARE(log.status().appended, taken);
    QCOMPARE(LogCatcher::containing(QStringLiteral("entries are being refused")).size(), 1);
    disk.broken = 0;
    QTRY_COMPARE(log.status().durable, taken);
    QCOMPARE(log.append(eventEntry({}, QStringLiteral("AFTER"))), taken + 1); // taken numbers have no gap
    QTRY_COMPARE(log.status().durable, taken + 1);
    QCOMPARE(LogCatcher::containing(QStringLiteral("%1 were refused").arg(refused)).size(), 1);
    QCOMPARE(log.status().refused, refused);
}

void TestCallLog::aFullJournalKeepsTheOldestAndRefusesTheNewest()
{
    const LogCatcher lines;
    m_settings.journalLimitBytes = 20'000;
    m_settings.segmentBytes = 4'000;
    CallLog log(m_settings, m_clock);
    log.start();
    QTRY_COMPARE(log.status().database, Database::Down);
    quint64 taken = 0;
    for (int i = 0; i < 1000; ++i)
        taken += log.append(eventEntry({}, QStringLiteral("E%1").arg(i))) > 0 ? 1 : 0;
    QVERIFY(taken > 100 && taken < 1000);
    QTRY_COMPARE(log.status().durable, taken);
    QVERIFY(log.status().journalBytes <= 20'000 + 100);
    QCOMPARE(log.status().refused, 1000 - taken);
    // The database comes, the journal drains, and there is room again.
    QVERIFY(migrate(m_settings));
    QTRY_COMPARE(log.status().stored, taken);
    QTRY_VERIFY(log.status().journalBytes < 10'000);
    QCOMPARE(log.append(eventEntry({}, QStringLiteral("AFTER"))), taken + 1);
    QTRY_COMPARE(log.status().stored, taken + 1);
    QCOMPARE(rows(QStringLiteral("SELECT token FROM events WHERE entry_number IN (1, 100) ORDER BY entry_number")),
        (QStringList{QStringLiteral("E0"), QStringLiteral("E99")}));
}

void TestCallLog::aReadOnlyDataDirectoryIsSaid()
{
    const LogCatcher lines;
    QTemporaryDir dir;
    const bool mounted = ::mount("tmpfs", qPrintable(dir.path()), "tmpfs", MS_RDONLY, "size=64k") == 0;
    if (!mounted)
        QVERIFY(QFile::setPermissions(dir.path(), QFile::ReadOwner | QFile::ExeOwner));
    m_settings.dataDir = dir.path();
    {
        CallLog log(m_settings, m_clock);
        log.start();
        QVERIFY(log.append(eventEntry({}, QStringLiteral("X"))) > 0);
        QTRY_VERIFY2(log.status().journalReason.contains(dir.path()), qPrintable(log.status().journalReason));
        QCOMPARE(log.status().durable, 0u);
        if (mounted) {
            // Made writable again, the waiting entry is written.
            QCOMPARE(::mount("tmpfs", qPrintable(dir.path()), "tmpfs", MS_REMOUNT, "size=64k"), 0);
        } else {
            QVERIFY(QFile::setPermissions(dir.path(), QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner));
        }
        QTRY_COMPARE(log.status().durable, 1u);
    }
    if (mounted)
        ::umount2(qPrintable(dir.path()), MNT_DETACH);
}

void TestCallLog::twoEnginesDoNotShareADataDirectory()
{
    const LogCatcher lines;
    QVERIFY(migrate(m_settings));
    auto first = std::make_unique<CallLog>(m_settings, m_clock);
    first->start();
    first->append(eventEntry({}, QStringLiteral("FIRST")));
    QTRY_COMPARE(first->status().stored, 1u);
    CallLog second(m_settings, m_clock);
    second.start();
    QCOMPARE(second.append(eventEntry({}, QStringLiteral("SECOND"))), 1u);
    QTRY_VERIFY(second.status().journalReason.contains(QStringLiteral("in use by another engine")));
    QCOMPARE(second.status().durable, 0u);
    // The first goes (a rolling restart): the second takes over, and has lost nothing.
    first.reset();
    QTRY_COMPARE(second.status().durable, 1u);
    QTRY_COMPARE(second.status().stored, 1u);
    QCOMPARE(rows(QStringLiteral("SELECT token FROM events ORDER BY run_id")),
        (QStringList{QStringLiteral("FIRST"), QStringLiteral("SECOND")}));
}

void TestCallLog::damageInAnOldJournalIsCountedAndSaid()
{
    QList<Entry> entries;
    for (int i = 0; i < 10; ++i)
        entries += eventEntry({}, QStringLiteral("E%1").arg(i));
    crashedRun(entries);
    const QString path = m_dir->filePath(QStringLiteral("journal/")) + journalFiles(m_dir->path()).first();
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadWrite));
    QByteArray content = file.readAll();
    content[content.indexOf("E3")] = '?';
    content[content.indexOf("E7")] = '?';
    file.seek(0);
    file.write(content.chopped(3)); // and a torn tail
    file.resize(content.size() - 3);
    file.close();
    QVERIFY(migrate(m_settings));
    const LogCatcher lines;
    CallLog log(m_settings, m_clock);
    log.start();
    QTRY_COMPARE(rows(QStringLiteral("SELECT token FROM events ORDER BY entry_number")).join(QLatin1Char(' ')),
        QStringLiteral("E0 E1 E2 E4 E5 E6 E8"));
    QCOMPARE(log.status().damaged, 2u);
    QCOMPARE(LogCatcher::containing(QStringLiteral("is damaged")).size(), 2);
    QCOMPARE(LogCatcher::containing(QStringLiteral("of a torn record")).size(), 1);
    // The evidence stays.
    QTRY_VERIFY(QFile::exists(path + QStringLiteral(".corrupt")));
}

void TestCallLog::stopWritesEverythingOutAndRefusesAfterwards()
{
    QVERIFY(migrate(m_settings));
    const LogCatcher lines;
    m_settings.syncEvery = Milliseconds(20);
    m_settings.databaseEvery = Milliseconds(200);
    CallLog log(m_settings, m_clock);
    log.start();
    for (int i = 0; i < 1000; ++i)
        log.append(eventEntry({}, QStringLiteral("E%1").arg(i)));
    log.stop();
    QCOMPARE(log.status().durable, 1000u);
    QCOMPARE(log.status().stored, 1000u);
    QCOMPARE(log.append(eventEntry({}, QStringLiteral("LATE"))), 0u);
    QCOMPARE(log.status().refused, 1u);
    QCOMPARE(rows(QStringLiteral("SELECT COUNT(*) FROM events")), QStringList{QStringLiteral("1000")});
}

void TestCallLog::storedJournalFilesAreDeleted()
{
    QVERIFY(migrate(m_settings));
    m_settings.segmentBytes = 3000;
    CallLog log(m_settings, m_clock);
    log.start();
    for (int i = 0; i < 20; ++i) {
        const quint64 number = log.append(eventEntry(
            {}, QStringLiteral("E%1").arg(i), 0, {{QStringLiteral("padding"), QString(1000, QLatin1Char('p'))}}));
        QTRY_COMPARE(log.status().durable, number);
    }
    QTRY_COMPARE(log.status().stored, 20u);
    QTRY_COMPARE(journalFiles(m_dir->path()).size(), 1);
    QVERIFY(log.status().journalBytes < 4500);
}

void TestCallLog::aLogThatNeverStartedSaysWhatItLost()
{
    const LogCatcher lines;
    CallLog log(m_settings, m_clock);
    log.append(eventEntry({}, QStringLiteral("X")));
    log.stop();
    QCOMPARE(log.status().refused, 1u);
    QCOMPARE(LogCatcher::containing(QStringLiteral("never started")).size(), 1);
}

void TestCallLog::nobodyElseReadsTheFiles()
{
    QVERIFY(migrate(m_settings));
    CallLog log(m_settings, m_clock);
    log.start();
    log.append(eventEntry({}, QStringLiteral("X")));
    QTRY_COMPARE(log.status().stored, 1u);
    const auto others = QFile::ReadOther | QFile::WriteOther | QFile::ExeOther | QFile::WriteGroup;
    for (const char* name : {"calls.db", "calls.db-wal", "journal"})
        QVERIFY2(!(QFile::permissions(m_dir->filePath(QLatin1String(name))) & others), name);
    const QString segment = m_dir->filePath(QStringLiteral("journal/")) + journalFiles(m_dir->path()).first();
    QVERIFY(!(QFile::permissions(segment) & (others | QFile::ReadGroup)));
}

QTEST_GUILESS_MAIN(TestCallLog)
#include "tst_calllog.moc"
