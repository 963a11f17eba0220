// SPDX-License-Identifier: Apache-2.0
#include "engine/app/callscommand.h"

#include <QTest>

using namespace kav;
using namespace kav::app;

class TstCallsCommand final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void takesItsOwnWords_data()
    {
        QTest::addColumn<QStringList>("args");
        QTest::addColumn<QString>("callId");
        QTest::addColumn<QString>("text");
        QTest::addColumn<int>("limit");
        QTest::addColumn<bool>("json");
        QTest::addColumn<QStringList>("left");
        const auto words = [](const char* line) {
            return QString::fromLatin1(line).split(QLatin1Char(' '), Qt::SkipEmptyParts);
        };
        const auto row = [&words](const char* line, const char* callId, const char* text, int limit, bool json,
                             const char* left) {
            QTest::newRow(*line ? line : "nothing") << words(line) << QString::fromLatin1(callId)
                                                    << QString::fromLatin1(text) << limit << json << words(left);
        };
        row("", "", "", 20, false, "");
        row("CA1", "CA1", "", 20, false, "");
        row("CA1 --json", "CA1", "", 20, true, "");
        row("--json CA1", "CA1", "", 20, true, "");
        row("--limit 5", "", "", 5, false, "");
        row("--limit 1", "", "", 1, false, "");
        row("--limit 500", "", "", 500, false, "");
        row("--text sales", "", "sales", 20, false, "");
        row("--text --json", "", "--json", 20, false, "");
        row("--text sales --limit 3 --json", "", "sales", 3, true, "");
        // What is the configuration's stays, with its value, and in its order.
        row("--json --data-dir /tmp/x", "", "", 20, true, "--data-dir /tmp/x");
        row("CA1 --config k.toml", "CA1", "", 20, false, "--config k.toml");
        row("--nonsense", "", "", 20, false, "--nonsense");
        row("CA1 CA2", "CA1", "", 20, false, "CA2");
    }
    void takesItsOwnWords()
    {
        QFETCH(QStringList, args);
        QFETCH(QString, callId);
        QFETCH(QString, text);
        QFETCH(int, limit);
        QFETCH(bool, json);
        QFETCH(QStringList, left);
        const auto query = takeCallsArguments(args);
        QVERIFY2(query.ok(), query.ok() ? "" : qPrintable(query.error().message));
        QCOMPARE(query->callId, callId);
        QCOMPARE(query->text, text);
        QCOMPARE(query->limit, limit);
        QCOMPARE(query->json, json);
        QCOMPARE(args, left);
    }

    void namesAWrongValue_data()
    {
        QTest::addColumn<QStringList>("args");
        QTest::addColumn<QString>("message");
        const auto row = [](const QStringList& args, const char* message) {
            QTest::newRow(message) << args << QString::fromLatin1(message);
        };
        const QString limit = QStringLiteral("--limit");
        row({limit}, "--limit takes a value");
        row({QStringLiteral("--text")}, "--text takes a value");
        row({limit, QStringLiteral("0")}, "--limit takes a number from 1 to 500, not '0'");
        row({limit, QStringLiteral("501")}, "--limit takes a number from 1 to 500, not '501'");
        row({limit, QStringLiteral("-3")}, "--limit takes a number from 1 to 500, not '-3'");
        row({limit, QStringLiteral("many")}, "--limit takes a number from 1 to 500, not 'many'");
        row({limit, QStringLiteral("99999999999")}, "--limit takes a number from 1 to 500, not '99999999999'");
    }
    void namesAWrongValue()
    {
        QFETCH(QStringList, args);
        QFETCH(QString, message);
        const auto query = takeCallsArguments(args);
        QVERIFY(!query.ok());
        QCOMPARE(query.error().message, message);
    }
};

QTEST_GUILESS_MAIN(TstCallsCommand)
#include "tst_callscommand.moc"
