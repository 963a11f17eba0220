// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/queries.h"
#include "engine/calllog/schema.h"
#include "tests/calllog/calllogsupport.h"

#include <QTemporaryDir>

using namespace kav;
using namespace kav::calllog;
using namespace kav::calllog::test;

/// URLs, migrations, and the schema they make.
class TestSchema final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void urls_data();
    void urls();
    void migrationsAreNumberedWithoutGaps();
    void migratingTwiceChangesNothing();
    void turnsOfTheFirstSchemaKeepTheirParts();
    void aNewerSchemaIsLeftAlone();
    void aFileThatIsNoDatabaseIsRefused();
    void theParserSplitsStatements();
};

void TestSchema::urls_data()
{
    QTest::addColumn<QString>("url");
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("error");
    const auto row = [](const char* name, const char* url, const char* path, const char* error) {
        QTest::newRow(name) << QString::fromLatin1(url) << QString::fromLatin1(path) << QString::fromLatin1(error);
    };
    row("the default lies in the data directory", "", "/data/calls.db", "");
    row("off", "off", "", "");
    row("an absolute file", "sqlite:///var/lib/kav/x.db", "/var/lib/kav/x.db", "");
    row("a space, percent-encoded", "sqlite:///a%20b.db", "/a b.db", "");
    row("a relative file", "sqlite://x.db", "", "absolute");
    row("a directory", "sqlite:///tmp/", "", "absolute");
    row("PostgreSQL is named", "postgresql://kav:secret@db/kav", "", "'postgresql' is not supported");
    row("no scheme", "/tmp/x.db", "", "no scheme");
}

void TestSchema::urls()
{
    QFETCH(QString, url);
    QFETCH(QString, path);
    QFETCH(QString, error);
    Settings settings;
    settings.dataDir = QStringLiteral("/data");
    settings.databaseUrl = url;
    const auto target = databaseTarget(settings);
    QCOMPARE(target.ok(), error.isEmpty());
    if (target) {
        QCOMPARE(target->path, path);
    } else {
        QVERIFY2(target.error().message.contains(error), qPrintable(target.error().message));
        QVERIFY(!toString(target.error()).contains(QStringLiteral("secret")));
    }
}

void TestSchema::migrationsAreNumberedWithoutGaps()
{
    QVERIFY(!migrations().isEmpty());
    for (int i = 0; i < migrations().size(); ++i) {
        QCOMPARE(migrations()[i].number, i + 1);
        QVERIFY(!migrations()[i].title.isEmpty());
        QVERIFY(!migrations()[i].statements.isEmpty());
    }
}

void TestSchema::migratingTwiceChangesNothing()
{
    const QTemporaryDir dir;
    Settings settings;
    settings.dataDir = dir.filePath(QStringLiteral("new/deep"));
    const QString path = settings.dataDir + QStringLiteral("/calls.db");
    auto account = migrate(settings);
    QVERIFY2(account, qPrintable(account ? QString() : account.error().message));
    QVERIFY2(account->startsWith(path + QStringLiteral(": schema 0 -> ")), qPrintable(*account));
    const QStringList tables =
        sql(path, QStringLiteral("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"));
    for (const char* table : {"calls", "events", "journals", "operator_acts", "requests", "schema_version", "turns", "webhooks"})
        QVERIFY2(tables.contains(QLatin1String(table)), table);
    QCOMPARE(sql(path, QStringLiteral("PRAGMA journal_mode")), QStringList{QStringLiteral("wal")});
    account = migrate(settings);
    QVERIFY(account);
    QVERIFY(account->endsWith(QStringLiteral("is up to date")));
    QCOMPARE(sql(path, QStringLiteral("SELECT COUNT(*) FROM schema_version")),
        QStringList{QString::number(migrations().size())});
}

void TestSchema::turnsOfTheFirstSchemaKeepTheirParts()
{
    const QTemporaryDir dir;
    Settings settings;
    settings.dataDir = dir.path();
    const QString path = dir.filePath(QStringLiteral("calls.db"));
    for (const QString& statement : migrations().first().statements)
        sql(path, statement);
    sql(path,
        QStringLiteral("CREATE TABLE schema_version (version INTEGER PRIMARY KEY, title TEXT NOT NULL, applied_at TEXT "
                       "NOT NULL)"));
    sql(path, QStringLiteral("INSERT INTO schema_version VALUES (1, 'one', '')"));
    sql(path, QStringLiteral("INSERT INTO calls (call_id, run_id, started_at) VALUES ('CA1', 'r', '2026-01-01')"));
    const QString turn = QStringLiteral("INSERT INTO turns VALUES ('CA1', %1, 'r', %1, '2026-01-01', 'voice', '', 0, "
                                        "'', '', 0, 0, 300, 40, %2, 60, %3)");
    sql(path, turn.arg(1).arg(200).arg(620));
    sql(path, turn.arg(2).arg(200).arg(599)); // rounded past the whole
    sql(path, turn.arg(3).arg(QStringLiteral("NULL"), QStringLiteral("NULL"))); // never answered
    const auto account = migrate(settings);
    QVERIFY2(account, qPrintable(account ? QString() : account.error().message));
    const auto queries = Queries::open(settings);
    QVERIFY(queries);
    const auto detail = (*queries)->call(QStringLiteral("CA1"));
    QVERIFY(detail);
    QStringList shown;
    for (const TranscriptTurn& one : detail->turns) {
        QStringList words;
        for (const LatencySpan& span : one.record.latency.spans)
            words += latencyPartName(span.part) + QLatin1Char(' ') + QString::number(span.length.count());
        shown += words.join(QStringLiteral(", "));
    }
    QCOMPARE(shown,
        (QStringList{
            QStringLiteral("end-of-utterance 300, recognition 40, first-sentence 200, first-audio 60, playout 20"),
            QStringLiteral("end-of-utterance 300, recognition 40, first-sentence 200, first-audio 60"),
            QStringLiteral("end-of-utterance 300, recognition 40, first-audio 60")}));
    QVERIFY(!detail->turns.first().record.latency.filler);
}

void TestSchema::aNewerSchemaIsLeftAlone()
{
    const QTemporaryDir dir;
    Settings settings;
    settings.dataDir = dir.path();
    QVERIFY(migrate(settings));
    sql(dir.filePath(QStringLiteral("calls.db")),
        QStringLiteral("INSERT INTO schema_version VALUES (99, 'from the future', '')"));
    const auto refused = migrate(settings);
    QVERIFY(!refused);
    QVERIFY2(refused.error().message.contains(QStringLiteral("version 99, newer than")),
        qPrintable(refused.error().message));
}

void TestSchema::aFileThatIsNoDatabaseIsRefused()
{
    const QTemporaryDir dir;
    Settings settings;
    settings.dataDir = dir.path();
    QFile file(dir.filePath(QStringLiteral("calls.db")));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(QByteArray(5000, 'x'));
    file.close();
    const auto refused = migrate(settings);
    QVERIFY(!refused);
    QVERIFY2(refused.error().message.contains(QStringLiteral("not a database")), qPrintable(refused.error().message));
}

void TestSchema::theParserSplitsStatements()
{
    const auto list = parseMigrations(
        QStringLiteral("-- a comment\nIGNORED;\n-- migration 1: one\nA\n-- why\nB;\n\nC;\n-- migration 2: two\nD;\n"));
    QCOMPARE(list.size(), 2);
    QCOMPARE(list[0].statements, (QStringList{QStringLiteral("A\nB"), QStringLiteral("C")}));
    QCOMPARE(list[1].title, QStringLiteral("two"));
    QCOMPARE(list[1].statements, QStringList{QStringLiteral("D")});
}

QTEST_GUILESS_MAIN(TestSchema)
#include "tst_schema.moc"
