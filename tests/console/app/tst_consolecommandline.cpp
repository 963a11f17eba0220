// SPDX-License-Identifier: Apache-2.0
#include "console/app/commandline.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

using namespace kav;
using namespace kav::console;

class TstConsoleCommandLine final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void nothingGivenIsNothingAsked()
    {
        const auto line = parse({});
        QVERIFY(line.ok());
        QVERIFY(*line == CommandLine());
    }

    void everythingGivenIsTaken()
    {
        const auto line =
            parse({QStringLiteral("--url"), QStringLiteral("localhost:5001"), QStringLiteral("--operator=Dana B."),
                QStringLiteral("--language"), QStringLiteral("he"), QStringLiteral("--theme"), QStringLiteral("dark"),
                QStringLiteral("--select-newest"), QStringLiteral("--reset-layout")});
        QVERIFY2(line.ok(), line.ok() ? "" : qPrintable(line.error().message));
        QCOMPARE(line->purpose, CommandLine::Purpose::Run);
        QCOMPARE(line->url, QStringLiteral("ws://127.0.0.1:5001/console"));
        QCOMPARE(line->operatorName, QStringLiteral("Dana B."));
        QCOMPARE(line->language, QStringLiteral("he"));
        QCOMPARE(line->appearance, std::optional(Appearance::Dark));
        QVERIFY(line->selectNewest);
        QVERIFY(line->resetLayout);
        QVERIFY(!line->token);
        QCOMPARE(line->warnings, QStringList());
    }

    void helpAndVersionGoBeforeMistakes_data()
    {
        QTest::addColumn<QString>("args");
        QTest::addColumn<int>("purpose");
        QTest::newRow("--help") << "--help" << int(CommandLine::Purpose::Help);
        QTest::newRow("-h") << "-h" << int(CommandLine::Purpose::Help);
        QTest::newRow("--version") << "--version" << int(CommandLine::Purpose::Version);
        QTest::newRow("with a mistake") << "--wrong --help" << int(CommandLine::Purpose::Help);
        QTest::newRow("with Qt's own") << "-platform xcb --version" << int(CommandLine::Purpose::Version);
    }
    void helpAndVersionGoBeforeMistakes()
    {
        QFETCH(QString, args);
        const auto line = parse(args.split(QLatin1Char(' ')));
        QVERIFY(line.ok());
        QTEST(int(line->purpose), "purpose");
    }

    void mistakesAreNamed_data()
    {
        QTest::addColumn<QStringList>("args");
        QTest::addColumn<QString>("words");
        const auto row = [](const char* name, const QStringList& args, const char* words) {
            QTest::newRow(name) << args << QString::fromLatin1(words);
        };
        const auto s = [](const char* text) { return QString::fromLatin1(text); };
        row("unknown option", {s("--colour")}, "'colour'");
        row("a word", {s("localhost")}, "--url");
        row("no value", {s("--url")}, "without its value");
        row("empty value", {s("--operator"), s(" ")}, "--operator is given without");
        row("no address", {s("--url"), s("ws://")}, "--url: ");
        row("readable for others", {s("--url"), s("ws://kav.example.com")}, "--url: ");
        row("language", {s("--language"), s("fr")}, "'fr' is not one of en, he");
        row("theme", {s("--theme"), s("sepia")}, "'sepia' is not one of");
        row("two tokens", {s("--token"), s("a"), s("--token-file"), s("b")}, "both");
        row("no token file", {s("--token-file"), s("/nowhere/token")}, "/nowhere/token");
    }
    void mistakesAreNamed()
    {
        QFETCH(QStringList, args);
        QFETCH(QString, words);
        const auto line = parse(args);
        QVERIFY(!line.ok());
        QVERIFY2(line.error().message.contains(words), qPrintable(line.error().message));
    }

    void tokensComeFromTheNearestPlace()
    {
        QTemporaryDir folder;
        const QString path = folder.filePath(QStringLiteral("token"));
        write(path, "from-file\n");
        QCOMPARE(
            parse({}, QStringLiteral("from-environment"))->token, std::optional(QStringLiteral("from-environment")));
        const auto file = parse({QStringLiteral("--token-file"), path}, QStringLiteral("from-environment"));
        QCOMPARE(file->token, std::optional(QStringLiteral("from-file")));
        QCOMPARE(file->warnings, QStringList());
        const auto given = parse({QStringLiteral("--token=given")}, QStringLiteral("from-environment"));
        QCOMPARE(given->token, std::optional(QStringLiteral("given")));
        QCOMPARE(given->warnings.size(), 1); // others see it in the list of processes
        QVERIFY(!given->warnings.first().contains(QStringLiteral("given")));
    }

    void aTokenFileHasOneLine_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::newRow("empty") << QByteArray("\n");
        QTest::newRow("two lines") << QByteArray("hush\nhush2");
        QTest::newRow("too long") << QByteArray(5000, 'h');
    }
    void aTokenFileHasOneLine()
    {
        QFETCH(QByteArray, content);
        QTemporaryDir folder;
        const QString path = folder.filePath(QStringLiteral("token"));
        write(path, content);
        const auto line = parse({QStringLiteral("--token-file"), path});
        QVERIFY(!line.ok());
        QVERIFY(!line.error().message.contains(QStringLiteral("hush")));
    }

    void theHelpNamesEveryOption()
    {
        for (const char* option : {"--url", "--token ", "--token-file", "--operator", "--language", "--theme",
                 "--select-newest", "--reset-layout", "--help", "--version"})
            QVERIFY2(helpText().contains(QLatin1String(option)), option);
    }

private:
    static Result<CommandLine> parse(const QStringList& args, const QString& token = {})
    {
        QProcessEnvironment environment;
        if (!token.isEmpty())
            environment.insert(QStringLiteral("KAV_CONSOLE_TOKEN"), token);
        return parseCommandLine(args, environment);
    }
    static void write(const QString& path, const QByteArray& content)
    {
        QFile file(path);
        QVERIFY(file.open(QIODevice::WriteOnly));
        QCOMPARE(file.write(content), content.size());
    }
};

QTEST_GUILESS_MAIN(TstConsoleCommandLine)
#include "tst_consolecommandline.moc"
