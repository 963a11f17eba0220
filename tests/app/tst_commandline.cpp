// SPDX-License-Identifier: Apache-2.0
#include "engine/app/commandline.h"
#include "engine/app/nearest.h"

#include <QTest>

using namespace kav;
using namespace kav::app;

class TstCommandLine final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void findsTheCommand_data()
    {
        QTest::addColumn<QString>("line");
        QTest::addColumn<int>("command");
        QTest::addColumn<QString>("rest");
        const auto row = [](const char* line, Command command, const char* rest) {
            QTest::newRow(line) << QString::fromLatin1(line) << int(command) << QString::fromLatin1(rest);
        };
        row("", Command::Serve, "");
        row("serve", Command::Serve, "");
        row("--port 5001", Command::Serve, "--port 5001");
        row("serve --port=5001", Command::Serve, "--port=5001");
        row("migrate --config x.toml", Command::Migrate, "--config x.toml");
        row("call --wav a.wav --help", Command::Call, "--wav a.wav --help");
        row("calls CA1 --json", Command::Calls, "CA1 --json");
        row("calls --limit 5 --help", Command::Help, "");
        row("doctor --json --data-dir /d", Command::Doctor, "--json --data-dir /d");
        row("health --port 5001", Command::Health, "--port 5001");
        row("health --help", Command::Help, "");
        row("--help", Command::Help, "");
        row("-h", Command::Help, "");
        row("serve --port 1 --help", Command::Help, "");
        row("help", Command::Help, "");
        row("--version", Command::Version, "");
        row("example-config", Command::ExampleConfig, "");
    }
    void findsTheCommand()
    {
        QFETCH(QString, line);
        QFETCH(int, command);
        QFETCH(QString, rest);
        const auto parsed = parseCommandLine(line.split(QLatin1Char(' '), Qt::SkipEmptyParts));
        QVERIFY(parsed.ok());
        QCOMPARE(int(parsed->command), command);
        QCOMPARE(parsed->args.join(QLatin1Char(' ')), rest);
    }

    void refusesAnUnknownCommandAndSuggestsTheNearest()
    {
        const auto parsed = parseCommandLine({QStringLiteral("migrat")});
        QVERIFY(!parsed.ok());
        QCOMPARE(parsed.error().message,
            QStringLiteral("unknown command 'migrat'; did you mean 'migrate'? (serve, migrate, call, calls, "
                           "inspect, evidence, recordings, purge, erase, backup, doctor, health, example-config, help, version)"));
    }

    void suggestsOnlyWhatIsNear()
    {
        const QStringList known{
            QStringLiteral("server.port"), QStringLiteral("turn.filler"), QStringLiteral("turn.fallback")};
        QCOMPARE(nearestOf(u"turn.filer", known), QStringLiteral("turn.filler"));
        QCOMPARE(nearestOf(u"port", known), QStringLiteral("server.port"));
        QCOMPARE(nearestOf(u"something else", known), QString());
        QCOMPARE(nearestOf(u"", known), QString());
        QCOMPARE(nearestOf(QString(100000, QLatin1Char('x')), known), QString());
    }
};

QTEST_GUILESS_MAIN(TstCommandLine)
#include "tst_commandline.moc"
