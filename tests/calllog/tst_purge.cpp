// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/journal.h"
#include "engine/calllog/purge.h"
#include "engine/calllog/queries.h"
#include "engine/calllog/record.h"
#include "engine/calllog/redaction.h"
#include "shared/core/masking.h"
#include "tests/calllog/calllogsupport.h"
#include "tests/support/fakeclock.h"

#include <QDirIterator>
#include <QJsonDocument>
#include <QTemporaryDir>

#include <thread>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::calllog;
using namespace kav::calllog::test;
using namespace std::chrono_literals;

namespace {

constexpr Milliseconds Patience{60'000};
const QString Dana = u"+972501234567"_s, Omer = u"+972509994567"_s; // their masked forms are the same
const QString House = u"+15550100100"_s;

Entry begun(const QString& callId, const QString& from, const QString& to, qint64 second)
{
    Entry entry = started(callId, second);
    entry.data.insert(u"from"_s, maskNumber(from));
    entry.data.insert(u"to"_s, maskNumber(to));
    entry.from = from;
    entry.to = to;
    return entry;
}

Entry turn(const QString& callId, int number, const QString& words, const QString& answer, qint64 second)
{
    TurnRecord record;
    record.number = number;
    record.callerText = words;
    record.agentText = record.heardText = answer;
    return {Entry::Kind::Turn, callId, at(second), turnToJson(record)};
}

Entry over(const QString& callId, qint64 second, QJsonObject facts = {})
{
    Entry entry = ended(callId, second);
    entry.data.insert(u"facts"_s, facts);
    return entry;
}

Entry webhook(const QString& callId, const QString& from, qint64 second)
{
    return {Entry::Kind::Webhook, callId, at(second),
        {{u"path"_s, u"/webhook/call_status"_s}, {u"status"_s, 204},
            {u"fields"_s, QJsonObject{{u"From"_s, maskNumber(from)}, {u"CallSid"_s, callId}}}}};
}

/// The files under a folder that hold one of these texts, in UTF-8 or as JSON might escape it.
QStringList filesHolding(const QString& folder, const QStringList& texts)
{
    QStringList found;
    QDirIterator files(folder, QDir::Files | QDir::Hidden, QDirIterator::Subdirectories);
    while (files.hasNext()) {
        QFile file(files.next());
        if (!file.open(QIODevice::ReadOnly))
            continue;
        const QByteArray bytes = file.readAll();
        for (const QString& text : texts) {
            if (bytes.contains(text.toUtf8()))
                found += QFileInfo(file).fileName() + u": "_s + text;
        }
    }
    return found;
}

} // namespace

/// What is taken out of the log, and what is not.
class TstPurge final : public QObject {
    Q_OBJECT

    PurgeRequest byNumber(const QString& number, bool dryRun = false) const
    {
        PurgeRequest request;
        const auto key = numberKeyOf(m_settings.dataDir);
        if (key)
            request.numberId = numberId(*key, number);
        request.maskedNumber = maskNumber(number);
        request.dryRun = dryRun;
        request.compact = !dryRun;
        return request;
    }
    PurgeReport ask(const PurgeRequest& request) const
    {
        const auto report = askForPurge(m_settings, request, m_clock, Patience);
        if (!report) {
            PurgeReport none;
            none.error = u"not done: "_s + report.error().message;
            return none;
        }
        return *report;
    }
    QStringList callsLeft() const { return sql(database(), u"SELECT call_id FROM calls ORDER BY call_id"_s); }
    QString database() const { return m_settings.dataDir + u"/calls.db"_s; }
    void write(const QList<Entry>& entries) const
    {
        CallLog log(m_settings, m_clock);
        log.start();
        for (const Entry& entry : entries)
            log.append(entry);
        log.stop();
    }
    QList<Entry> twoCallers() const
    {
        return {begun(u"CA1"_s, Dana, House, 1), turn(u"CA1"_s, 1, u"the purple elephant"_s, u"it dances"_s, 2),
            webhook(u"CA1"_s, Dana, 3), over(u"CA1"_s, 4, {{u"name"_s, u"Rumpelstiltskin"_s}}),
            begun(u"CA2"_s, Omer, House, 5), turn(u"CA2"_s, 1, u"a green giraffe"_s, u"it sings"_s, 6),
            webhook(u"CA2"_s, Omer, 7), over(u"CA2"_s, 8), begun(u"CA3"_s, House, Dana, 9),
            turn(u"CA3"_s, 1, u"call me back"_s, u"we do that"_s, 10), over(u"CA3"_s, 11)};
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    Settings m_settings;
    kav::test::FakeClock m_clock;
    std::unique_ptr<LogCatcher> m_log;

private Q_SLOTS:
    void init()
    {
        m_log = std::make_unique<LogCatcher>();
        m_dir = std::make_unique<QTemporaryDir>();
        m_settings = quickSettings(m_dir->path());
        m_settings.bootstrap = true;
    }
    void cleanup() { m_log.reset(); }

    // ---- what numbers are found by

    void aNumberIsFoundHoweverItIsWritten()
    {
        const QByteArray key(64, 'k');
        QCOMPARE(numberId(key, u"+972 50-123-4567"_s), numberId(key, Dana));
        QVERIFY(numberId(key, Omer) != numberId(key, Dana));
        QVERIFY(numberId(QByteArray(64, 'l'), Dana) != numberId(key, Dana));
        QCOMPARE(numberId(key, u"sip:Ana@example.com"_s), numberId(key, u"sip:ana@example.com"_s));
        QVERIFY(numberId(key, u"sip:ana1@example.com"_s) != numberId(key, u"1"_s));
    }

    void theJournalHasTheIdAndNeverTheNumber()
    {
        m_settings.databaseUrl = u"off"_s;
        write(twoCallers());
        const auto key = numberKeyOf(m_settings.dataDir);
        QVERIFY(key.ok());
        QVERIFY(!filesHolding(m_dir->path(), {QString::fromLatin1(numberId(*key, Dana))}).isEmpty());
        QCOMPARE(filesHolding(m_dir->path(), {Dana, Dana.mid(1), House}), QStringList());
    }

    void wordsAndNumbersAreTakenOutOfAPayloadAndTheRestStays()
    {
        QByteArray payload = encodeEntry(begun(u"CA1"_s, Dana, House, 1));
        stampNumberIds(payload, QByteArray(NumberIdBytes, 'a'), QByteArray(NumberIdBytes, 'b'));
        const auto start = viewPayload(payload);
        QCOMPARE(start->json.toByteArray().count("Id\":\""), 2);
        QVERIFY(!withoutWords(*start));
        const QByteArray bare = *withoutNumbers(*start);
        const QByteArray json = viewPayload(bare)->json.toByteArray();
        QVERIFY2(!json.contains("Id\":\"") && !json.contains("4567") && json.contains("\"direction\":\"inbound\""),
            json.constData());
        QVERIFY(QJsonDocument::fromJson(json).isObject());
        QVERIFY(!withoutNumbers(*viewPayload(bare))); // there is nothing left to take out

        const QByteArray said = encodeEntry(turn(u"CA1"_s, 3, u"purple"_s, u"elephant"_s, 2));
        const QByteArray silent = *withoutWords(*viewPayload(said));
        QVERIFY(!silent.contains("purple") && !silent.contains("elephant") && silent.contains("\"number\":3"));
        QVERIFY(!withoutWords(*viewPayload(silent)));

        const QByteArray end = encodeEntry(over(u"CA1"_s, 4, {{u"name"_s, u"Dana"_s}, {u"message"_s, u"CA1-1.wav"_s}}));
        const QByteArray ended = *withoutWords(*viewPayload(end));
        QVERIFY(!ended.contains("Dana") && ended.contains("CA1-1.wav"));
        QVERIFY(isPlaceholder(*viewPayload(placeholderFor(*viewPayload(end)))));
        QVERIFY(!placeholderFor(*viewPayload(end)).contains("CA1"));
    }

    // ---- erasing a caller

    void aCallerIsErasedToTheLastByteWhileTheEngineIsStopped()
    {
        write(twoCallers());
        const QStringList words{
            u"purple elephant"_s, u"it dances"_s, u"Rumpelstiltskin"_s, u"call me back"_s, u"we do that"_s};
        QVERIFY(!filesHolding(m_dir->path(), words).isEmpty()); // else the search proves nothing

        const PurgeReport found = ask(byNumber(Dana, true));
        QCOMPARE(found.error, QString());
        QCOMPARE(found.calls, QStringList({u"CA1"_s, u"CA3"_s})); // in both directions, and not Omer's
        QCOMPARE(callsLeft(), QStringList({u"CA1"_s, u"CA2"_s, u"CA3"_s}));

        const PurgeReport erased = ask(byNumber(Dana));
        QCOMPARE(erased.error, QString());
        QCOMPARE(erased.remnants, QString());
        QCOMPARE(erased.calls, QStringList({u"CA1"_s, u"CA3"_s}));
        QCOMPARE(callsLeft(), QStringList(u"CA2"_s));
        QCOMPARE(filesHolding(m_dir->path(), words), QStringList());
        QCOMPARE(filesHolding(m_dir->path(), {u"CA1"_s, u"CA3"_s, QString::fromLatin1(byNumber(Dana).numberId)}),
            QStringList());
        QVERIFY(!filesHolding(m_dir->path(), {u"green giraffe"_s}).isEmpty());

        // That it was done is on record, and not whose it was.
        const QStringList audit = sql(database(), u"SELECT data FROM events WHERE token = 'ERASED'"_s);
        QCOMPARE(audit.size(), 1);
        QVERIFY2(
            audit.first().contains(u"\"calls\":2"_s) && !audit.first().contains(u"4567"_s), qPrintable(audit.first()));
        QCOMPARE(ask(byNumber(Dana, true)).calls, QStringList());
    }

    void aCallerIsErasedWhileTheEngineRunsAndItsLiveCallsAreLeftAlone()
    {
        CallLog log(m_settings, m_clock);
        log.start();
        for (const Entry& entry : twoCallers())
            log.append(entry);
        log.append(begun(u"CA4"_s, Dana, House, 20));
        log.append(turn(u"CA4"_s, 1, u"still talking"_s, u"listening"_s, 21));
        QTRY_COMPARE_WITH_TIMEOUT(log.status().stored, 13u, 60000);

        const PurgeReport erased = ask(byNumber(Dana));
        QCOMPARE(erased.error, QString());
        QCOMPARE(erased.calls, QStringList({u"CA1"_s, u"CA3"_s}));
        QCOMPARE(erased.live, QStringList(u"CA4"_s));
        QCOMPARE(callsLeft(), QStringList({u"CA2"_s, u"CA4"_s}));
        QCOMPARE(filesHolding(m_dir->path(), {u"purple elephant"_s, u"Rumpelstiltskin"_s, u"call me back"_s}),
            QStringList());
        QVERIFY(!filesHolding(m_dir->path(), {u"still talking"_s}).isEmpty());

        // What still comes of an erased call does not bring it back.
        const quint64 late = log.append(webhook(u"CA1"_s, Dana, 30));
        log.append(eventEntry(u"CA3"_s, u"RECORDING_KEPT"_s, 31));
        log.append(over(u"CA4"_s, 40));
        QTRY_VERIFY_WITH_TIMEOUT(log.status().stored >= late + 2, 60000);
        QCOMPARE(callsLeft(), QStringList({u"CA2"_s, u"CA4"_s}));
        QCOMPARE(sql(database(), u"SELECT COUNT(*) FROM webhooks WHERE call_id = 'CA1'"_s), QStringList(u"0"_s));

        QCOMPARE(ask(byNumber(Dana)).calls, QStringList(u"CA4"_s));
        QCOMPARE(callsLeft(), QStringList(u"CA2"_s));
        QCOMPARE(filesHolding(m_dir->path(), {u"still talking"_s}), QStringList());
        QVERIFY(log.status().damaged == 0 && log.status().refused == 0);
    }

    void aCallerIsErasedFromAJournalWithoutADatabase()
    {
        m_settings.databaseUrl = u"off"_s;
        m_settings.segmentBytes = 600; // several files
        write(twoCallers());
        QVERIFY(journalFiles(m_dir->path()).size() > 2);
        const PurgeReport erased = ask(byNumber(Dana));
        QCOMPARE(erased.error, QString());
        QCOMPARE(erased.calls, QStringList({u"CA1"_s, u"CA3"_s}));
        QVERIFY(erased.removed.journal > 0);
        QCOMPARE(filesHolding(m_dir->path(), {u"purple elephant"_s, u"Rumpelstiltskin"_s, u"call me back"_s, u"CA1"_s}),
            QStringList());

        // A database that is made later gets the rest, and nobody misses an entry.
        m_settings.databaseUrl.clear();
        write({});
        QCOMPARE(callsLeft(), QStringList(u"CA2"_s));
        QCOMPARE(LogCatcher::containing(u"entries lost"_s), QStringList());
    }

    void bytesThatCannotBeReadDoNotSurviveAnErasure()
    {
        write(twoCallers());
        QFile damaged(m_dir->filePath(u"journal/1.000001.journal.corrupt"_s));
        QVERIFY(damaged.open(QIODevice::WriteOnly));
        damaged.write("KAVJRNL1 torn: the purple elephant");
        damaged.close();
        QCOMPARE(ask(byNumber(Dana)).error, QString());
        QCOMPARE(filesHolding(m_dir->path(), {u"purple elephant"_s}), QStringList());
    }

    void callsKnownByTheirMaskedFormAloneAreSaidAndErasedOnlyWhenAskedTo()
    {
        Entry old = begun(u"CA0"_s, Dana, House, 0); // as an engine before this one wrote it
        old.from = old.to = QString();
        write(QList<Entry>{old, over(u"CA0"_s, 1)} + twoCallers());
        PurgeRequest request = byNumber(Dana);
        PurgeReport report = ask(request);
        QCOMPARE(report.calls, QStringList({u"CA1"_s, u"CA3"_s}));
        QCOMPARE(report.maskedOnly, QStringList(u"CA0"_s));
        request.alsoMasked = true;
        report = ask(request);
        QCOMPARE(report.calls, QStringList(u"CA0"_s));
        QCOMPARE(callsLeft(), QStringList(u"CA2"_s));
    }

    void numbersThatHaveHadTheirTimeCannotBeFoundAnyMoreAndThatIsSaid()
    {
        write(twoCallers());
        PurgeRequest request;
        request.numbersBefore = at(100);
        const PurgeReport purged = ask(request);
        QCOMPARE(purged.error, QString());
        QVERIFY(purged.removed.numbers >= 5); // three calls, two webhooks
        QCOMPARE(filesHolding(m_dir->path(), {u"•4567"_s, u"fromId"_s, u"toId"_s}), QStringList());
        const PurgeReport found = ask(byNumber(Dana, true));
        QCOMPARE(found.calls, QStringList());
        QCOMPARE(found.unfindable, 3);
        QCOMPARE(sql(database(), u"SELECT caller_text FROM turns WHERE call_id = 'CA2'"_s),
            QStringList(u"a green giraffe"_s));
        QVERIFY(
            QJsonDocument::fromJson(sql(database(), u"SELECT started_data FROM calls"_s).first().toUtf8()).isObject());
    }

    // ---- ages

    void eachKindHasItsOwnAge()
    {
        write(twoCallers()); // at 1 to 11 s
        m_clock.advance(1h);
        PurgeRequest request;
        request.logBefore = at(5); // CA1 ended at 4
        request.transcriptBefore = at(9); // CA2 ended at 8
        request.dryRun = true;
        const PurgeReport would = ask(request);
        QCOMPARE(would.removed.calls, 1u);
        QCOMPARE(would.removed.transcripts, 2u + 1u); // turns of CA1 and CA2, what CA1 was called
        QCOMPARE(callsLeft().size(), 3);
        request.dryRun = false;
        const PurgeReport done = ask(request);
        QCOMPARE(done.error, QString());
        QCOMPARE(done.removed.calls, 1u);
        QCOMPARE(done.removed.transcripts, 1u);
        QCOMPARE(callsLeft(), QStringList({u"CA2"_s, u"CA3"_s}));
        QCOMPARE(
            sql(database(), u"SELECT call_id, caller_text || agent_text || heard_text FROM turns ORDER BY call_id"_s),
            QStringList({u"CA2|"_s, u"CA3|call me backwe do thatwe do that"_s}));
        QCOMPARE(filesHolding(
                     m_dir->path(), {u"purple elephant"_s, u"green giraffe"_s, u"it sings"_s, u"Rumpelstiltskin"_s}),
            QStringList());
        QVERIFY(ask(request).removed.isEmpty()); // once is enough
    }

    void aJournalWithoutADatabaseAgesToo()
    {
        m_settings.databaseUrl = u"off"_s;
        QList<Entry> entries = twoCallers();
        entries += begun(u"CA5"_s, Dana, House, 2); // never ended: live, or so it looks
        entries += turn(u"CA5"_s, 1, u"old but live"_s, {}, 3);
        CallLog log(m_settings, m_clock);
        log.start();
        for (const Entry& entry : std::as_const(entries))
            log.append(entry);
        QTRY_COMPARE_WITH_TIMEOUT(log.status().durable, quint64(entries.size()), 60000);
        PurgeRequest request;
        request.logBefore = at(5);
        request.transcriptBefore = at(9);
        QCOMPARE(ask(request).error, QString());
        QCOMPARE(filesHolding(m_dir->path(), {u"purple elephant"_s, u"green giraffe"_s, u"Rumpelstiltskin"_s}),
            QStringList());
        QCOMPARE(filesHolding(m_dir->path(), {u"old but live"_s, u"call me back"_s}).size(), 2);
    }

    void theDailyPurgeComesAtAQuietHourOnceADay()
    {
        const QDateTime noon(QDate(2026, 3, 1), QTime(12, 0));
        const QDateTime night = quietTimeAfter(noon, 17);
        QCOMPARE(night, QDateTime(QDate(2026, 3, 2), QTime(3, 17)));
        QCOMPARE(quietTimeAfter(night, 17), QDateTime(QDate(2026, 3, 3), QTime(3, 17)));

        m_settings.retention.log = 24h;
        CallLog log(m_settings, m_clock);
        log.start();
        for (const Entry& entry : twoCallers())
            log.append(entry);
        QTRY_COMPARE_WITH_TIMEOUT(log.status().stored, 11u, 60000);
        QCOMPARE(log.status().removed.calls, 0u);
        m_clock.advance(49h); // a night has passed, and everything is more than a day old
        QTRY_COMPARE_WITH_TIMEOUT(log.status().removed.calls, 3u, 60000);
        QTRY_COMPARE_WITH_TIMEOUT(
            sql(database(), u"SELECT COUNT(*) FROM events WHERE token = 'RETENTION'"_s), QStringList(u"1"_s), 60000);
        QCOMPARE(callsLeft(), QStringList());
    }

    void nothingGoesForItsAgeUnlessSomebodyHasSaidSo()
    {
        CallLog log(m_settings, m_clock);
        log.start();
        for (const Entry& entry : twoCallers())
            log.append(entry);
        QTRY_COMPARE_WITH_TIMEOUT(log.status().stored, 11u, 60000);
        m_clock.advance(24h * 3650);
        const PurgeReport report = ask({}); // whoever answers has had its chance
        QVERIFY(report.error.isEmpty() && report.removed.isEmpty());
        QCOMPARE(callsLeft().size(), 3);
    }

    // ---- room

    void aFullLogLosesItsOldestCallsAndTakesEveryNewOne()
    {
        m_settings.retention.logBytes = 512 * 1024;
        CallLog log(m_settings, m_clock);
        log.start();
        QTRY_COMPARE_WITH_TIMEOUT(log.status().database, Status::Database::Ok, 60000);
        const QString words(400, QLatin1Char('w'));
        quint64 last = 0;
        for (int i = 0; i < 1500; ++i) {
            const QString callId = u"CA%1"_s.arg(i, 6, 10, QLatin1Char('0'));
            log.append(begun(callId, Dana, House, i));
            log.append(turn(callId, 1, words, words, i));
            last = log.append(over(callId, i));
            QVERIFY(last != 0);
        }
        QTRY_VERIFY_WITH_TIMEOUT(log.status().stored >= last, 120000);
        QTRY_VERIFY_WITH_TIMEOUT(log.status().removed.calls > 500, 60000);
        QTRY_VERIFY_WITH_TIMEOUT(sql(database(),
                                     u"SELECT (page_count - freelist_count) * page_size FROM "
                                     "pragma_page_count, pragma_freelist_count, pragma_page_size"_s)
                                     .first()
                                     .toLongLong()
                <= 512 * 1024,
            60000);
        QCOMPARE(log.status().refused, 0u);
        const QStringList left = callsLeft();
        QVERIFY(!left.isEmpty() && left.size() < 1000);
        QCOMPARE(left.last(), u"CA001499"_s);
        QCOMPARE(left.size(), 1500 - left.first().mid(2).toInt()); // the newest, without a gap
    }

    void aFullJournalWithoutADatabaseLosesItsOldestFilesAndTakesEveryNewEntry()
    {
        m_settings.databaseUrl = u"off"_s;
        m_settings.retention.logBytes = 64 * 1024;
        m_settings.journalLimitBytes = 128 * 1024;
        CallLog log(m_settings, m_clock);
        log.start();
        quint64 last = 0;
        for (int i = 0; i < 2000; ++i)
            last =
                log.append(eventEntry(u"CA1"_s, u"STEP%1"_s.arg(i), i, {{u"pad"_s, QString(200, QLatin1Char('x'))}}));
        QTRY_COMPARE_WITH_TIMEOUT(log.status().durable, last, 60000);
        QCOMPARE(last, 2000u);
        QCOMPARE(log.status().refused, 0u);
        QTRY_VERIFY_WITH_TIMEOUT(log.status().journalBytes <= 64 * 1024 + 8 * 1024, 60000);
        QVERIFY(filesHolding(m_dir->path(), {u"\"STEP0\""_s}).isEmpty());
        QVERIFY(!filesHolding(m_dir->path(), {u"\"STEP1999\""_s}).isEmpty());
    }

    // ---- who asks

    void whoAsksIsToldWhatIsWrong()
    {
        QTemporaryDir empty;
        Settings elsewhere = m_settings;
        elsewhere.dataDir = empty.path();
        const auto nothing = askForPurge(elsewhere, {}, m_clock, Patience);
        QVERIFY(!nothing && nothing.error().code == Error::Code::NotFound);

        write(twoCallers());
        QFile broken(database());
        QVERIFY(broken.open(QIODevice::WriteOnly));
        broken.write(QByteArray(8192, 'x'));
        broken.close();
        const PurgeReport report = ask(byNumber(Dana));
        QVERIFY2(report.error.contains(u"the database cannot be used"_s), qPrintable(report.error));
    }

    void aRequestThatIsGarbageIsAnsweredAndHarmsNobody()
    {
        CallLog log(m_settings, m_clock);
        log.start();
        const quint64 number = log.append(begun(u"CA1"_s, Dana, House, 1));
        QTRY_COMPARE_WITH_TIMEOUT(log.status().stored, number, 60000);
        const QDir requests(m_dir->filePath(u"journal/requests"_s));
        QVERIFY(requests.mkpath(u"."_s));
        QFile file(requests.filePath(u"1.request"_s));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("\xff no json");
        file.close();
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(requests.filePath(u"1.answer"_s)), 60000);
        QVERIFY(!file.exists());
        QCOMPARE(callsLeft(), QStringList(u"CA1"_s));
    }

    void aPurgeGoesOnPieceByPieceWhileTheLogIsWritten()
    {
        CallLog log(m_settings, m_clock);
        log.start();
        for (int i = 0; i < 400; ++i) {
            const QString callId = u"CA%1"_s.arg(i);
            log.append(begun(callId, Dana, House, i));
            log.append(over(callId, i));
        }
        QTRY_COMPARE_WITH_TIMEOUT(log.status().stored, 800u, 60000);
        PurgeReport report;
        std::thread asker([&] {
            PurgeRequest request;
            request.logBefore = at(300);
            report = ask(request);
        });
        quint64 last = 0;
        for (int i = 1000; i < 1400; ++i)
            last = log.append(eventEntry({}, u"STEP"_s, i));
        asker.join();
        QCOMPARE(report.error, QString());
        QCOMPARE(report.removed.calls, 300u);
        QTRY_VERIFY_WITH_TIMEOUT(log.status().stored >= last, 60000);
        QCOMPARE(sql(database(), u"SELECT COUNT(*) FROM events WHERE token = 'STEP'"_s), QStringList(u"400"_s));
        QCOMPARE(callsLeft().size(), 100);
        QCOMPARE(log.status().damaged, 0u);
    }
};

QTEST_GUILESS_MAIN(TstPurge)
#include "tst_purge.moc"
