// SPDX-License-Identifier: Apache-2.0
#include "tests/structure/sourcerules.h"

#include <QFile>
#include <QProcess>
#include <QTest>

using namespace kav::test;

/// The tree keeps its own rules; and each rule can be broken, which is shown on small trees first.
class TestStructure final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aBrokenIncludeOrderIsFound_data();
    void aBrokenIncludeOrderIsFound();
    void aDocumentWithAnotherOrderIsFound();
    void aForbiddenLinkIsFound();
    void aMissingHeadIsFound();
    void keywordsAreFoundInCodeOnly();
    void forbiddenLibrariesAreFoundInTheLoadersWords();

    void theTreeWasRead();
    void includesFollowTheOrderOfFolders();
    void theDocumentTellsTheOrderOfFolders();
    void neitherEngineNorSharedLinksGuiOrWidgets();
    void everySourceHasItsHead();
    void noQtKeywords();
    void theEngineLoadsNeitherGuiNorGrpcAtItsStart();

private:
    SourceTree m_tree = readTree(QStringLiteral(KAV_SOURCE_DIR));
};

void TestStructure::aBrokenIncludeOrderIsFound_data()
{
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("line");
    QTest::addColumn<QString>("fault");
    const auto row = [](const char* name, const char* file, const char* line, const char* fault) {
        QTest::newRow(name) << QString::fromLatin1(file) << QString::fromLatin1(line) << QString::fromLatin1(fault);
    };
    row("down is allowed", "engine/session/a.cpp", "#include \"engine/media/playout.h\"", "");
    row("the same folder is allowed", "engine/net/a.cpp", "#include \"engine/net/http.h\"", "");
    row("shared is allowed", "engine/metrics/a.cpp", "#include \"shared/core/clock.h\"", "");
    row("main may use everything", "engine/main.cpp", "#include \"engine/app/engine.h\"", "");
    row("tests may use everything", "tests/net/a.cpp", "#include \"engine/app/engine.h\"", "");
    row("console may use shared", "console/net/a.cpp", "#include \"shared/protocol/codec.h\"", "");
    row("what moc makes has no folder", "engine/net/a.cpp", "#include \"a.moc\"", "");
    row("up is not", "engine/media/a.cpp", "#include \"engine/session/callsession.h\"",
        "engine/session is above engine/media");
    row("up by one is not", "engine/metrics/a.cpp", "#include \"engine/net/http.h\"",
        "engine/net is above engine/metrics");
    row("with odd spaces too", "engine/media/a.cpp", "  #  include   \"engine/app/x.h\"",
        "engine/app is above engine/media");
    row("shared does not know the engine", "shared/model/a.h", "#include \"engine/net/http.h\"",
        "shared does not include engine");
    row("shared has an order too", "shared/core/a.h", "#include \"shared/model/call.h\"",
        "shared/model is above shared/core");
    row("the console does not know the engine", "console/views/a.cpp", "#include \"engine/turn/turnmachine.h\"",
        "console does not include engine");
    row("nor the engine the console", "engine/control/a.cpp", "#include \"console/net/connection.h\"",
        "engine does not include console");
    row("the product does not know its tests", "engine/net/a.cpp", "#include \"tests/support/fakeclock.h\"",
        "does not include its tests");
    row("a new folder must take its place", "engine/extra/a.cpp", "#include \"engine/net/http.h\"",
        "has no place in the order");
    row("nothing uses the program's own files", "engine/app/a.cpp", "#include \"engine/main.h\"",
        "has no place in the order");
    row("no way around by dots", "engine/net/a.cpp", "#include \"../app/engine.h\"",
        "does not start at a top-level folder");
    row("no short path to a neighbour", "engine/net/a.cpp", "#include \"neighbour.h\"",
        "does not start at a top-level folder");
    row("no widgets in the engine", "engine/app/a.cpp", "#include <QWidget>", "belongs to Qt's Gui or Widgets");
    row("no Gui module in the engine", "engine/app/a.cpp", "#include <QtGui/QImage>", "belongs to Qt's Gui or Widgets");
    row("no network in shared", "shared/protocol/a.cpp", "#include <QTcpSocket>", "is not of Qt's Core");
    row("by no name", "shared/protocol/a.cpp", "#include <QAbstractSocket>", "is not of Qt's Core");
    row("no module but Core in shared", "shared/model/a.h", "#include <QtXml/QDomDocument>", "is not of Qt's Core");
    row("Core in shared", "shared/model/a.h", "#include <QtCore/QString>", "");
    row("Core's own names in shared", "shared/model/a.h", "#include <QtGlobal>", "");
    row("all of Core in shared", "shared/core/a.h", "#include <QLocale>", "");
}

void TestStructure::aBrokenIncludeOrderIsFound()
{
    QFETCH(QString, file);
    QFETCH(QString, line);
    QFETCH(QString, fault);
    const SourceTree tree{
        {file, "// SPDX\n" + line.toUtf8() + "\nint x;\n"}, {QStringLiteral("engine/net/neighbour.h"), ""}};
    const QStringList faults = includeFaults(tree);
    QCOMPARE(faults.size(), fault.isEmpty() ? 0 : 1);
    if (!fault.isEmpty()) {
        QVERIFY2(faults.first().contains(fault), qPrintable(faults.first()));
        QVERIFY(faults.first().startsWith(file + QLatin1Char(':')));
    }
}

void TestStructure::aDocumentWithAnotherOrderIsFound()
{
    const SourceTree tree{{QStringLiteral("engine/net/a.h"), ""}, {QStringLiteral("engine/app/a.h"), ""},
        {QStringLiteral("shared/core/a.h"), ""}, {QStringLiteral("console/app/a.h"), ""}};
    const QString rest = QStringLiteral("| `shared/core` | x |\n| `console/app` | x |\n");
    const auto faults = [&](const char* rows) { return documentFaults(tree, QLatin1String(rows) + rest).size(); };
    QCOMPARE(faults("| `engine/app` | x |\n| `engine/net` | y |\n"), 0);
    QCOMPARE(faults("| `engine/net` | y |\n| `engine/app` | x |\n"), 1); // upside down
    QCOMPARE(faults("| `engine/app` | x |\n"), 1); // one is missing
    QCOMPARE(faults("| `engine/app` | x |\n| `engine/net` | y |\n| `engine/gone` | z |\n"), 1);
    QCOMPARE(documentFaults(tree, QString()).size(), 3);
}

void TestStructure::aForbiddenLinkIsFound()
{
    const auto faults = [](const char* path, const char* content) {
        return linkFaults({{QString::fromLatin1(path), content}}).size();
    };
    QCOMPARE(
        faults("engine/net/CMakeLists.txt", "LINK Kav::core Qt6::Network Qt6::Sql Qt6::WebSockets Qt6::Concurrent"), 0);
    QCOMPARE(faults("engine/net/CMakeLists.txt", "# never Qt6::Gui"), 0);
    QCOMPARE(faults("engine/net/CMakeLists.txt", "LINK Qt6::Gui"), 1);
    QCOMPARE(faults("engine/CMakeLists.txt", "LINK Qt::Widgets Qt6::WidgetsPrivate"), 2);
    QCOMPARE(faults("shared/core/CMakeLists.txt", "LINK Qt6::Core"), 0);
    QCOMPARE(faults("shared/core/CMakeLists.txt", "LINK Qt6::Network"), 1);
    QCOMPARE(faults("console/app/CMakeLists.txt", "LINK Qt6::Widgets"), 0);
}

void TestStructure::aMissingHeadIsFound()
{
    const auto faults = [](const char* path, const char* content) {
        return headFaults({{QString::fromLatin1(path), content}}).size();
    };
    QCOMPARE(faults("engine/a.h", "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n"), 0);
    QCOMPARE(faults("engine/a.cpp", "// SPDX-License-Identifier: Apache-2.0\n"), 0);
    QCOMPARE(faults("packaging/a.sh", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"), 0);
    QCOMPARE(faults("engine/a.h", "// SPDX-License-Identifier: Apache-2.0\n#ifndef A_H\n"), 1);
    QCOMPARE(faults("engine/a.h", "#pragma once\n"), 1);
    QCOMPARE(faults("engine/a.cpp", "\n// SPDX-License-Identifier: Apache-2.0\n"), 1);
    QCOMPARE(faults("engine/a.cpp", "// SPDX-License-Identifier: GPL-3.0\n"), 1);
    QCOMPARE(faults("engine/a.cpp", ""), 1);
}

void TestStructure::keywordsAreFoundInCodeOnly()
{
    const auto faults = [](const char* content) { return keywordFaults({{QStringLiteral("engine/a.cpp"), content}}); };
    QCOMPARE(faults("x;\nprivate slots:\n"), QStringList{QStringLiteral("engine/a.cpp:2: the keyword slots")});
    QCOMPARE(faults("signals:\n").size(), 1);
    QCOMPARE(faults("    emit changed();").size(), 1);
    QCOMPARE(faults("foreach (auto x, list)").size(), 1);
    QCOMPARE(faults("auto s = \"\\\"\"; emit x();").size(), 1); // an escaped quote does not hide the rest
    QCOMPARE(faults("int n = 10'000; emit x(); char c = '\"';").size(), 1); // nor does a digit separator
    QCOMPARE(faults("auto s = R\"x(\")x\"; emit x();").size(), 1);
    QCOMPARE(faults("private Q_SLOTS:\nQ_SIGNALS:\nQ_EMIT x();").size(), 0);
    QCOMPARE(
        faults("// emit words\n/* signals:\n emit x */ int slots = 5; std::for_each(a, b, c); signals::x();").size(),
        0);
    QCOMPARE(faults("auto s = \"emit sound\"; auto r = R\"(private slots: \" emit x)\"; char q = '\\'';").size(), 0);
}

void TestStructure::forbiddenLibrariesAreFoundInTheLoadersWords()
{
    QCOMPARE(forbiddenLibraries("\tlibQt6Core.so.6 => /usr/lib/libQt6Core.so.6\n\tlibQt6Network.so.6 => x\n"),
        QStringList());
    QCOMPARE(forbiddenLibraries(" 0x1 (NEEDED) Shared library: [libQt6Gui.so.6]\n"),
        QStringList{QStringLiteral("libQt6Gui.so")});
    QCOMPARE(forbiddenLibraries("\tlibQt6Widgets.so.6 => x\n\tlibQt6Gui.so.6 => y\n").size(), 2);
    QCOMPARE(forbiddenLibraries("\tlibgrpc++.so.1.51 => x\n\tlibgrpc.so.29 => y\n\tlibprotobuf.so.32 => z\n").size(), 3);
    QCOMPARE(forbiddenLibraries("\tlibcairo.so.2 => x\n\tlibarchive.so.13 => y\n").size(), 2);
    // The real thing: a test program of our own needs Qt Test, and no Gui.
    QProcess ldd;
    ldd.start(QStringLiteral("ldd"), {QCoreApplication::applicationFilePath()});
    QVERIFY(ldd.waitForFinished());
    const QByteArray output = ldd.readAllStandardOutput();
    QVERIFY(output.contains("libQt6Test.so"));
    QCOMPARE(forbiddenLibraries(output), QStringList());
}

void TestStructure::theTreeWasRead()
{
    // Without this, an empty tree would keep every rule.
    QVERIFY(m_tree.size() > 30);
    QVERIFY(m_tree.contains(QStringLiteral("shared/core/clock.h")));
    QVERIFY(m_tree.contains(QStringLiteral("engine/CMakeLists.txt")));
    QVERIFY(m_tree.contains(QStringLiteral("tests/structure/tst_structure.cpp")));
}

void TestStructure::includesFollowTheOrderOfFolders()
{
    QCOMPARE(includeFaults(m_tree).join(QLatin1Char('\n')), QString());
}

void TestStructure::theDocumentTellsTheOrderOfFolders()
{
    QFile file(QStringLiteral(KAV_SOURCE_DIR "/docs/architecture.md"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(documentFaults(m_tree, QString::fromUtf8(file.readAll())).join(QLatin1Char('\n')), QString());
}

void TestStructure::neitherEngineNorSharedLinksGuiOrWidgets()
{
    QCOMPARE(linkFaults(m_tree).join(QLatin1Char('\n')), QString());
}

void TestStructure::everySourceHasItsHead()
{
    QCOMPARE(headFaults(m_tree).join(QLatin1Char('\n')), QString());
}

void TestStructure::noQtKeywords()
{
    QCOMPARE(keywordFaults(m_tree).join(QLatin1Char('\n')), QString());
}

void TestStructure::theEngineLoadsNeitherGuiNorGrpcAtItsStart()
{
#ifdef KAV_ENGINE_PROGRAM
    const QString program = QStringLiteral(KAV_ENGINE_PROGRAM);
    QVERIFY2(QFile::exists(program), qPrintable(program));
    // gRPC comes with a module, on need, and so do cairo and libarchive. ldd follows what the libraries need themselves; readelf is what the program asks for.
    for (const QString& tool : {QStringLiteral("ldd"), QStringLiteral("readelf")}) {
        QProcess process;
        process.start(
            tool, tool == QLatin1String("ldd") ? QStringList{program} : QStringList{QStringLiteral("-d"), program});
        QVERIFY2(process.waitForFinished() && process.exitCode() == 0, qPrintable(tool));
        const QByteArray output = process.readAllStandardOutput();
        QVERIFY(output.contains("libQt6Core.so"));
        QCOMPARE(forbiddenLibraries(output), QStringList());
    }
#else
    // No program in this tree means none was built from it; the sources then must have none either.
    QVERIFY(!m_tree.contains(QStringLiteral("engine/main.cpp")));
#endif
}

QTEST_GUILESS_MAIN(TestStructure)
#include "tst_structure.moc"
