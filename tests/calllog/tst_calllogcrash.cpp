// SPDX-License-Identifier: Apache-2.0
#include "tests/calllog/calllogsupport.h"

#include <QElapsedTimer>
#include <QProcess>
#include <QRandomGenerator>
#include <QTemporaryDir>

#include <csignal>

using namespace kav;
using namespace kav::calllog;
using namespace kav::calllog::test;

/// An engine that is killed at any instant has lost nothing that it acknowledged.
class TestCallLogCrash final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void nothingAcknowledgedIsLostOrDoubledByKills_data();
    void nothingAcknowledgedIsLostOrDoubledByKills();
};

void TestCallLogCrash::nothingAcknowledgedIsLostOrDoubledByKills_data()
{
    QTest::addColumn<int>("rounds");
    QTest::addColumn<bool>("databaseFromTheStart");
    // 200 kills in all. Few journals with many kills each, because a kill during the replay of earlier ones is the
    // harder case.
    for (int i = 0; i < 8; ++i)
        QTest::addRow("journal %d, 25 kills", i) << 25 << (i % 4 != 3);
}

void TestCallLogCrash::nothingAcknowledgedIsLostOrDoubledByKills()
{
    QFETCH(int, rounds);
    QFETCH(bool, databaseFromTheStart);
    QTemporaryDir dir;
    const QString path = dir.filePath(QStringLiteral("calls.db"));
    Settings settings = quickSettings(dir.path());
    if (databaseFromTheStart)
        QVERIFY(migrate(settings));

    auto* random = QRandomGenerator::global();
    QMap<int, quint64> acknowledged;
    for (int round = 0; round < rounds; ++round) {
        QProcess child;
        child.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(
            QStringLiteral("QT_LOGGING_RULES"), QStringLiteral("kav.calllog.info=false;kav.calllog.warning=false"));
        child.setProcessEnvironment(environment);
        child.start(QStringLiteral(KAV_CRASH_CHILD), {dir.path(), QString::number(round)});
        QVERIFY(child.waitForStarted());
        // Every fifth is killed before it has said anything: in the middle of its own start.
        QByteArray output;
        if (round % 5 != 4) {
            while (!output.contains('\n') && child.waitForReadyRead(20'000))
                output += child.readAllStandardOutput();
            QVERIFY2(output.contains('\n'), "the child never acknowledged anything");
        }
        QElapsedTimer timer;
        timer.start();
        const qint64 lifeUs = random->bounded(25'000);
        while (timer.nsecsElapsed() < lifeUs * 1000) {
            if (child.waitForReadyRead(1))
                output += child.readAllStandardOutput();
        }
        child.kill();
        QVERIFY(child.state() == QProcess::NotRunning || child.waitForFinished());
        QCOMPARE(child.exitStatus(), QProcess::CrashExit);
        output += child.readAllStandardOutput();
        output.truncate(output.lastIndexOf('\n') + 1); // a number cut in two was not said
        const QList<QByteArray> lines = output.trimmed().split('\n');
        acknowledged[round] = lines.last().toULongLong();
    }

    // The next start repairs and replays; with no database so far, `migrate` is run while it waits.
    SystemClock clock;
    {
        const LogCatcher quiet;
        CallLog log(settings, clock);
        log.start();
        if (!databaseFromTheStart)
            QVERIFY(migrate(settings));
        QTRY_COMPARE_WITH_TIMEOUT(log.status().database, Status::Database::Ok, 20'000);
        // Stored files go: what is left is the one that this start opened for the calls it closed.
        QTRY_VERIFY_WITH_TIMEOUT(journalFiles(dir.path()).size() <= 1, 60'000);
        // A call whose beginning has long left the journal is closed from the database, last of all.
        QTRY_COMPARE_WITH_TIMEOUT(sql(path, QStringLiteral("SELECT COUNT(*) FROM calls WHERE ended_at IS NULL")),
            QStringList{QStringLiteral("0")}, 20'000);
        QCOMPARE(log.status().damaged, 0u);
        log.stop();
    }

    QCOMPARE(sql(path, QStringLiteral("PRAGMA integrity_check")), QStringList{QStringLiteral("ok")});
    QCOMPARE(sql(path, QStringLiteral("PRAGMA foreign_key_check")), QStringList());
    // A token is unique to its entry: one that is there twice was stored twice.
    QCOMPARE(sql(path, QStringLiteral("SELECT token FROM events GROUP BY token HAVING COUNT(*) > 1")), QStringList());
    quint64 total = 0;
    for (auto it = acknowledged.cbegin(); it != acknowledged.cend(); ++it) {
        if (it.value() == 0)
            continue;
        total += it.value();
        const QString call = QStringLiteral("call-%1").arg(it.key());
        // Tokens are ROUND/1, ROUND/2, ...: without a gap as far as was acknowledged.
        const QStringList stored = sql(path,
            QStringLiteral("SELECT COUNT(*) FROM events WHERE call_id = '%1' AND CAST(SUBSTR(token, INSTR(token, '/') "
                           "+ 1) AS INTEGER) <= %2")
                .arg(call)
                .arg(it.value()));
        QCOMPARE(stored, QStringList{QString::number(it.value())});
        QCOMPARE(sql(path, QStringLiteral("SELECT end_reason FROM calls WHERE call_id = '%1'").arg(call)),
            QStringList{QStringLiteral("interrupted")});
    }
    QCOMPARE(sql(path, QStringLiteral("SELECT COUNT(*) FROM calls WHERE ended_at IS NULL")),
        QStringList{QStringLiteral("0")});
    QVERIFY(total > 100);
    qInfo("%llu acknowledged entries, all present once", static_cast<unsigned long long>(total));
}

QTEST_GUILESS_MAIN(TestCallLogCrash)
#include "tst_calllogcrash.moc"
