// SPDX-License-Identifier: Apache-2.0
#include "engine/app/privacycommands.h"
#include "engine/calllog/queries.h"
#include "engine/calllog/schema.h"
#include "tests/app/engineundertest.h"

#include <QDir>
#include <QDirIterator>
#include <QSqlQuery>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

constexpr int Patience = 60000;
const QString Number = u"+15005550006"_s; // of every Caller

std::shared_ptr<const dialog::PersonaBook> recorded()
{
    providers::Persona persona;
    persona.name = u"default"_s;
    persona.recording = providers::RecordedBy::Engine;
    return std::make_shared<dialog::PersonaBook>(QList<providers::Persona>{persona});
}

/// What a command said, and how it ended.
struct Said final {
    int status = -1;
    QString out, err;
    template <typename Run> static Said of(const Run& run)
    {
        Said said;
        QTextStream out(&said.out), err(&said.err);
        said.status = run(out, err);
        return said;
    }
    QByteArray all() const { return (u"%1: %2 %3"_s.arg(status).arg(out, err)).toUtf8(); }
};

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
            if (bytes.contains(text.toUtf8()) || QFileInfo(file).fileName().contains(text))
                found += QFileInfo(file).filePath() + u": "_s + text;
        }
    }
    return found;
}

void touch(const QString& path, const QDateTime& at)
{
    QDir().mkpath(QFileInfo(path).path());
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("sound");
    file.flush();
    QVERIFY(file.setFileTime(at, QFile::FileModificationTime));
}

} // namespace

/// What is kept of callers goes when it shall, and a copy of it can be gone on from: through the whole engine.
class TstPrivacy final : public QObject {
    Q_OBJECT

    /// One call with one turn of the caller's; its id.
    static QString hold(EngineUnderTest& kav, Caller& caller, bool toTheEnd)
    {
        const auto turnsBefore = kav.turns.size();
        const auto endsBefore = kav.ends.size();
        if (!caller.call())
            return {};
        if (!QTest::qWaitFor([&] { return caller.hasHeardOut(); }, Patience))
            return {};
        caller.speak(1s);
        const auto answered = [&] {
            for (qsizetype i = turnsBefore; i < kav.turns.size(); ++i) {
                if (!kav.turns[i].callerText.isEmpty())
                    return true;
            }
            return false;
        };
        if (!QTest::qWaitFor(answered, Patience))
            return {};
        if (toTheEnd) {
            caller.hangUp();
            if (!QTest::qWaitFor([&] { return kav.ends.size() > endsBefore; }, Patience))
                return {};
        }
        return caller.twilio.ids().callSid;
    }
    static QStringList stored(const EngineUnderTest& kav, const QString& statement)
    {
        QStringList rows;
        auto database = calllog::openSqlite(kav.directory() + u"/calls.db"_s, calllog::OpenMode::ReadOnly);
        if (!database)
            return rows;
        {
            QSqlQuery query(*database);
            query.exec(statement);
            while (query.next())
                rows += query.value(0).toString();
        }
        calllog::closeSqlite(*database);
        return rows;
    }
    static Said erase(const EngineUnderTest& kav, app::EraseQuery query, bool agreed = false)
    {
        query.caller = Number;
        return Said::of([&](QTextStream& out, QTextStream& err) {
            return app::runEraseCommand(
                kav.config, query, [agreed] { return agreed; }, kav.clock, out, err);
        });
    }
    static Said purge(const EngineUnderTest& kav, QStringList words)
    {
        const auto query = app::takePurgeArguments(words);
        if (!query || !words.isEmpty())
            return {};
        return Said::of([&](QTextStream& out, QTextStream& err) {
            return app::runPurgeCommand(kav.config, *query, kav.clock, out, err);
        });
    }

    std::unique_ptr<LogCatcher> m_log;

private Q_SLOTS:
    void init() { m_log = std::make_unique<LogCatcher>(); }
    void cleanup() { m_log.reset(); }

    void aCallerIsErasedWhileTheEngineRunsAndNoByteIsLeft()
    {
        EngineUnderTest kav;
        kav.config.callLog.bootstrap = true;
        kav.config.personas = recorded();
        kav.serve();
        Caller caller(kav);
        const QString callId = hold(kav, caller, true);
        QVERIFY(!callId.isEmpty());
        const QString sound = kav.config.keep.recordingsDir + u'/' + callId + u".wav"_s;
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(sound), Patience);
        QTRY_COMPARE_WITH_TIMEOUT(
            stored(kav, u"SELECT call_id FROM calls WHERE ended_at IS NOT NULL"_s), QStringList(callId), Patience);
        const QString message = kav.config.messagesDir + u'/' + callId + u"-1.wav"_s;
        touch(message, QDateTime::currentDateTimeUtc());
        QVERIFY(!filesHolding(kav.directory(), {u"hello there"_s}).isEmpty()); // the caller's words
        QCOMPARE(filesHolding(kav.directory(), {Number, Number.mid(1)}), QStringList());

        app::EraseQuery query;
        query.dryRun = true;
        Said said = erase(kav, query);
        QVERIFY2(
            said.status == 0 && said.out.contains(callId) && said.out.contains(u"-1.wav"_s), said.all().constData());
        query.dryRun = false;
        said = erase(kav, query, false); // nobody agrees
        QVERIFY2(said.status == 1 && said.err.contains(u"nothing was erased"_s), said.all().constData());
        QVERIFY(QFile::exists(sound) && QFile::exists(message));

        said = erase(kav, query, true);
        QVERIFY2(said.status == 0 && said.out.contains(u"1 calls erased, with 2 recordings"_s), said.all().constData());
        QCOMPARE(filesHolding(kav.directory(), {u"hello there"_s, callId, Number.mid(1)}), QStringList());
        QVERIFY(!QFile::exists(sound) && !QFile::exists(message));
        QTRY_COMPARE_WITH_TIMEOUT(
            stored(kav, u"SELECT token FROM events WHERE token = 'ERASED'"_s).size(), 1, Patience);

        said = erase(kav, query, true);
        QVERIFY2(said.status == 0 && said.out.contains(u"nothing is kept"_s), said.all().constData());
        QCOMPARE(kav.get("/healthz").status, 200);
    }

    void aLiveCallIsLeftAloneAndSaid()
    {
        EngineUnderTest kav;
        kav.config.callLog.bootstrap = true;
        kav.serve();
        Caller caller(kav);
        const QString callId = hold(kav, caller, false);
        QVERIFY(!callId.isEmpty());
        QTRY_COMPARE_WITH_TIMEOUT(stored(kav, u"SELECT call_id FROM calls"_s), QStringList(callId), Patience);
        app::EraseQuery query;
        query.isConfirmed = true;
        const Said said = erase(kav, query);
        QVERIFY2(said.status == 0 && said.out.contains(u"live, and left alone"_s) && said.out.contains(callId),
            said.all().constData());
        QCOMPARE(stored(kav, u"SELECT call_id FROM calls"_s), QStringList(callId));
        caller.hangUp();
        QTRY_COMPARE_WITH_TIMEOUT(kav.ends.size(), 1, Patience);
        QTRY_COMPARE_WITH_TIMEOUT(
            stored(kav, u"SELECT call_id FROM calls WHERE ended_at IS NOT NULL"_s), QStringList(callId), Patience);
        QCOMPARE(erase(kav, query).status, 0);
        QCOMPARE(stored(kav, u"SELECT call_id FROM calls"_s), QStringList());
    }

    void aBackupThatWasMadeDuringACallIsGoneOnFrom()
    {
        const QTemporaryDir elsewhere;
        const QString backup = elsewhere.filePath(u"2026-01-31"_s);
        EngineUnderTest kav;
        kav.config.callLog.bootstrap = true;
        kav.config.personas = recorded();
        kav.serve();
        Caller first(kav), second(kav);
        const QString ended = hold(kav, first, true);
        const QString live = hold(kav, second, false);
        QVERIFY(!ended.isEmpty() && !live.isEmpty());
        QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(kav.config.keep.recordingsDir + u'/' + ended + u".wav"_s), Patience);
        QTRY_COMPARE_WITH_TIMEOUT(stored(kav, u"SELECT call_id FROM calls"_s).size(), 2, Patience);
        const auto shown = [&kav](const QString& callId) {
            QStringList lines;
            const auto queries = calllog::Queries::open(kav.config.callLog);
            const auto detail = queries ? (*queries)->call(callId) : Result<calllog::CallDetail>(queries.error());
            if (!detail)
                return lines;
            lines += detail->call.startedAt.toString(Qt::ISODateWithMs);
            for (const TranscriptTurn& turn : detail->turns)
                lines += turn.record.callerText + u'|' + turn.record.agentText;
            for (const CallEvent& event : detail->events) {
                if (event.token != u"RECORDING_KEPT") // may still be on its way
                    lines += event.token;
            }
            return lines;
        };
        const QStringList before = shown(ended);
        QVERIFY(before.size() > 5);

        app::BackupQuery query;
        query.directory = backup;
        query.audio = true;
        const auto run = [&](QTextStream& out, QTextStream& err) {
            return app::runBackupCommand(kav.config, query, out, err);
        };
        Said said = Said::of(run);
        QVERIFY2(said.status == 0 && said.out.contains(u"database: 2 calls, checked"_s), said.all().constData());
        QVERIFY(QFile::exists(backup + u"/recordings/"_s + ended + u".wav"_s));
        said = Said::of(run);
        QVERIFY2(said.status == 1 && said.err.contains(u"is not empty"_s), said.all().constData());
        const auto others = QFile::ReadOther | QFile::ReadGroup;
        for (const char* const name : {"", "/journal", "/journal/key", "/calls.db", "/recordings"})
            QVERIFY2(!(QFile::permissions(backup + QLatin1String(name)) & others), name);

        // The disk is gone, and what there is is put back as the document says.
        second.vanish();
        kav.stop();
        QDir(kav.directory()).removeRecursively();
        QVERIFY(QDir().mkpath(kav.directory()));
        QDirIterator files(backup, QDir::Files, QDirIterator::Subdirectories);
        while (files.hasNext()) {
            const QString from = files.next(), to = kav.directory() + from.mid(backup.size());
            QVERIFY(QDir().mkpath(QFileInfo(to).path()) && QFile::copy(from, to));
        }
        kav.serve();
        QTRY_COMPARE_WITH_TIMEOUT(
            stored(kav, u"SELECT end_reason FROM calls WHERE ended_at IS NOT NULL AND call_id = '%1'"_s.arg(live)),
            QStringList(u"interrupted"_s), Patience);
        QCOMPARE(shown(ended), before);
        QVERIFY(shown(live).size() > 3);
        QCOMPARE(stored(kav, u"PRAGMA integrity_check"_s), QStringList(u"ok"_s));
        QVERIFY(QFile::exists(kav.config.keep.recordingsDir + u'/' + ended + u".wav"_s));

        // Numbers are found as before, and an erasure reaches what came back.
        app::EraseQuery all;
        all.isConfirmed = true;
        QCOMPARE(erase(kav, all).status, 0);
        QCOMPARE(stored(kav, u"SELECT call_id FROM calls"_s), QStringList());
    }

    void soundsGoAtTheirAge()
    {
        EngineUnderTest kav;
        const QDateTime now = QDateTime::currentDateTimeUtc();
        const QString old = kav.config.keep.recordingsDir + u"/CA1.wav"_s,
                      young = kav.config.keep.recordingsDir + u"/CA2.wav"_s,
                      message = kav.config.messagesDir + u"/CA1-1.wav"_s;
        touch(old, now.addDays(-20));
        touch(young, now.addDays(-1));
        touch(message, now.addDays(-20));
        QCOMPARE(purge(kav, {}).status, 0); // as set: 30 days, and never
        QVERIFY(QFile::exists(old) && QFile::exists(message));
        QCOMPARE(purge(kav, {u"--dry-run"_s, u"--kind"_s, u"audio"_s, u"--older-than"_s, u"7d"_s}).status, 0);
        QVERIFY(QFile::exists(old) && QFile::exists(message));
        const Said said = purge(kav, {u"--kind"_s, u"audio"_s, u"--older-than"_s, u"7d"_s});
        QVERIFY2(said.status == 0 && said.out.contains(u"audio: 2 "_s), said.all().constData());
        QVERIFY(!QFile::exists(old) && !QFile::exists(message) && QFile::exists(young));
    }

    void theLogGoesAtItsAgeWhileTheEngineRuns()
    {
        EngineUnderTest kav;
        kav.config.callLog.bootstrap = true;
        kav.serve();
        Caller caller(kav);
        const QString callId = hold(kav, caller, true);
        QTRY_COMPARE_WITH_TIMEOUT(
            stored(kav, u"SELECT call_id FROM calls WHERE ended_at IS NOT NULL"_s), QStringList(callId), Patience);
        QTest::qWait(2); // older than a millisecond
        Said said = purge(kav, {u"--kind"_s, u"transcript"_s, u"--older-than"_s, u"1ms"_s, u"--dry-run"_s});
        QVERIFY2(said.status == 0 && said.out.contains(u"would be emptied"_s), said.all().constData());
        QVERIFY(!filesHolding(kav.directory(), {u"hello there"_s}).isEmpty());
        said = purge(kav, {u"--kind"_s, u"transcript"_s, u"--older-than"_s, u"1ms"_s});
        QVERIFY2(said.status == 0, said.all().constData());
        QCOMPARE(filesHolding(kav.directory(), {u"hello there"_s}), QStringList());
        QCOMPARE(stored(kav, u"SELECT call_id FROM calls"_s), QStringList(callId));
        said = purge(kav, {u"--kind"_s, u"log"_s, u"--older-than"_s, u"1ms"_s, u"--compact"_s});
        QVERIFY2(said.status == 0 && said.out.contains(u"log: 1 calls"_s), said.all().constData());
        QCOMPARE(stored(kav, u"SELECT call_id FROM calls"_s), QStringList());
    }

    void wordsThatMeanNothingAreRefusedBeforeAnythingGoes()
    {
        const auto badPurge = [](QStringList words) { return !app::takePurgeArguments(words).ok(); };
        QVERIFY(badPurge({u"--kind"_s}));
        QVERIFY(badPurge({u"--kind"_s, u"everything"_s}));
        QVERIFY(badPurge({u"--older-than"_s, u"90d"_s})); // of what?
        QVERIFY(badPurge({u"--kind"_s, u"log"_s, u"--older-than"_s, u"soon"_s}));
        QVERIFY(badPurge({u"--kind"_s, u"log"_s, u"--older-than"_s, u"0"_s}));
        QStringList words{
            u"--kind"_s, u"log"_s, u"--older-than"_s, u"90d"_s, u"--kind"_s, u"audio"_s, u"--data-dir"_s, u"/d"_s};
        const auto query = app::takePurgeArguments(words);
        QVERIFY(query.ok());
        QCOMPARE(query->kinds.value(u"log"_s), Milliseconds(90 * 24h));
        QCOMPARE(query->kinds.value(u"audio"_s), std::nullopt);
        QCOMPARE(words, QStringList({u"--data-dir"_s, u"/d"_s}));

        QStringList none;
        QVERIFY(!app::takeEraseArguments(none).ok());
        QVERIFY(!app::takeBackupArguments(none).ok());
        EngineUnderTest kav;
        app::EraseQuery erasure;
        erasure.caller = u"all"_s;
        const Said said = Said::of([&](QTextStream& out, QTextStream& err) {
            return app::runEraseCommand(
                kav.config, erasure, [] { return true; }, kav.clock, out, err);
        });
        QVERIFY2(said.status == 2, said.all().constData());
    }
};

QTEST_GUILESS_MAIN(TstPrivacy)
#include "tst_privacy.moc"
