// SPDX-License-Identifier: Apache-2.0
#include "tests/structure/sourcerules.h"

#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QRegularExpression>

namespace kav::test {

namespace {

/// The engine's folders, highest first: each may use those behind it.
const QStringList EngineOrder{QStringLiteral("app"), QStringLiteral("fleet"), QStringLiteral("control"),
    QStringLiteral("webhooks"), QStringLiteral("evidence"), QStringLiteral("session"), QStringLiteral("telephony"), QStringLiteral("dialog"),
    QStringLiteral("turn"), QStringLiteral("traces"), QStringLiteral("providers"), QStringLiteral("media"), QStringLiteral("calllog"),
    QStringLiteral("net"), QStringLiteral("metrics")};
const QStringList SharedOrder{QStringLiteral("protocol"), QStringLiteral("model"), QStringLiteral("core")};
const QStringList ConsoleOrder{
    QStringLiteral("app"), QStringLiteral("views"), QStringLiteral("models"), QStringLiteral("net")};

bool isCpp(const QString& path)
{
    return path.endsWith(QLatin1String(".cpp")) || path.endsWith(QLatin1String(".h"));
}

bool isCMake(const QString& path)
{
    return path.endsWith(QLatin1String("CMakeLists.txt")) || path.endsWith(QLatin1String(".cmake"));
}

QString part(const QString& path, int index)
{
    return path.section(QLatin1Char('/'), index, index);
}

QStringList orderOf(const QString& top)
{
    return top == QLatin1String("engine") ? EngineOrder : top == QLatin1String("shared") ? SharedOrder : ConsoleOrder;
}

/// Why `from` may not include `to`; empty when it may. Both are paths from the top of the repository.
QString forbidden(const QString& from, const QString& to)
{
    const QString fromTop = part(from, 0), toTop = part(to, 0);
    if (fromTop == QLatin1String("tests"))
        return {};
    if (toTop == QLatin1String("tests"))
        return QStringLiteral("the product does not include its tests");
    if (fromTop != toTop)
        return toTop == QLatin1String("shared") ? QString() : fromTop + QStringLiteral(" does not include ") + toTop;
    // A file at the top of its tree (engine/main.cpp) may use every folder; nothing may use it.
    if (!from.mid(fromTop.size() + 1).contains(QLatin1Char('/')))
        return {};
    const QStringList order = orderOf(fromTop);
    const QString fromFolder = part(from, 1), toFolder = part(to, 1);
    const auto fromPlace = order.indexOf(fromFolder), toPlace = order.indexOf(toFolder);
    if (fromPlace < 0)
        return QStringLiteral("the folder %1/%2 has no place in the order").arg(fromTop, fromFolder);
    if (toPlace < 0)
        return QStringLiteral("%1 has no place in the order").arg(to);
    return toPlace < fromPlace ? QStringLiteral("%1/%2 is above %1/%3").arg(toTop, toFolder, fromFolder) : QString();
}

} // namespace

SourceTree readTree(const QString& root)
{
    SourceTree tree;
    const QDir top(root);
    const auto add = [&](const QString& path) {
        QFile file(top.filePath(path));
        if (file.open(QIODevice::ReadOnly))
            tree.insert(path, file.readAll());
    };
    for (const char* folder : {"shared", "engine", "console", "tests", "cmake", "packaging"}) {
        QDirIterator files(top.filePath(QLatin1String(folder)), QDir::Files, QDirIterator::Subdirectories);
        while (files.hasNext()) {
            const QString path = top.relativeFilePath(files.next());
            if (isCpp(path) || isCMake(path) || path.endsWith(QLatin1String(".sh"))
                || path.endsWith(QLatin1String(".sql")))
                add(path);
        }
    }
    add(QStringLiteral("CMakeLists.txt"));
    return tree;
}

QStringList foldersInOrder(const SourceTree& tree, const QString& top)
{
    QStringList folders;
    const QStringList order = orderOf(top);
    for (const QString& folder : order) {
        const QString path = top + QLatin1Char('/') + folder + QLatin1Char('/');
        if (const auto it = tree.lowerBound(path); it != tree.cend() && it.key().startsWith(path))
            folders += path.chopped(1);
    }
    return folders;
}

QStringList documentFaults(const SourceTree& tree, const QString& document)
{
    QStringList faults;
    for (const char* name : {"engine", "shared", "console"}) {
        const QString top = QLatin1String(name);
        const QRegularExpression row(QStringLiteral("^\\| `(%1/\\w+)` \\|").arg(top), QRegularExpression::MultilineOption);
        QStringList told;
        auto rows = row.globalMatch(document);
        while (rows.hasNext())
            told += rows.next().captured(1);
        if (const QStringList folders = foldersInOrder(tree, top); told != folders)
            faults += QStringLiteral("the document has %1; the order is %2")
                          .arg(told.join(QLatin1Char(' ')), folders.join(QLatin1Char(' ')));
    }
    return faults;
}

QStringList includeFaults(const SourceTree& tree)
{
    static const QRegularExpression include(
        QStringLiteral("^\\s*#\\s*include\\s*([\"<])([^\">]+)[\">]"), QRegularExpression::MultilineOption);
    static const QRegularExpression ownTree(QStringLiteral("^(shared|engine|console|tests)/"));
    static const QRegularExpression gui(
        QStringLiteral("^(QtGui|QtWidgets|QtQuick)(/"
                       "|$)|^Q(Widget|Application|MainWindow|Dialog|GuiApplication|Pixmap|Painter|Window)$"));
    // <QtCore/...>, and <QtGlobal> or <QtMath>, which have no folder, are of Core.
    static const QRegularExpression beyondCore(
        QStringLiteral("^Qt(?!Core/)\\w+/|^Qt(Network|WebSockets|Sql|Concurrent|Xml|DBus|Test)$|"
                       "^Q(Tcp|Udp|Ssl|Network|WebSocket|Sql|Host|AbstractSocket|Local(Socket|Server)|Dns|Dom|DBus)"));
    QStringList faults;
    for (auto it = tree.cbegin(); it != tree.cend(); ++it) {
        const QString& path = it.key();
        const QString top = part(path, 0);
        if (!isCpp(path) || top == QLatin1String("cmake") || top == QLatin1String("packaging"))
            continue;
        auto matches = include.globalMatch(QString::fromUtf8(it.value()));
        while (matches.hasNext()) {
            const auto match = matches.next();
            const QString name = match.captured(2);
            if (match.captured(1) == QLatin1String("<")) {
                if ((top == QLatin1String("engine") || top == QLatin1String("shared")) && gui.match(name).hasMatch())
                    faults += path + QStringLiteral(": <") + name + QStringLiteral("> belongs to Qt's Gui or Widgets");
                else if (top == QLatin1String("shared") && beyondCore.match(name).hasMatch())
                    faults += path + QStringLiteral(": <") + name + QStringLiteral("> is not of Qt's Core");
                continue;
            }
            if (!ownTree.match(name).hasMatch()) {
                // A relative path would slip past the order. What moc and the build make has no folder.
                if (name.contains(QLatin1String(".."))
                    || tree.contains(path.section(QLatin1Char('/'), 0, -2) + QLatin1Char('/') + name))
                    faults += path + QStringLiteral(": \"") + name
                        + QStringLiteral("\" does not start at a top-level folder");
                continue;
            }
            if (const QString why = forbidden(path, name); !why.isEmpty())
                faults += path + QStringLiteral(": \"") + name + QStringLiteral("\": ") + why;
        }
    }
    return faults;
}

QStringList linkFaults(const SourceTree& tree)
{
    static const QRegularExpression qtTarget(QStringLiteral("\\bQt6?::(\\w+)"));
    QStringList faults;
    for (auto it = tree.cbegin(); it != tree.cend(); ++it) {
        const QString top = part(it.key(), 0);
        if (!isCMake(it.key()) || (top != QLatin1String("engine") && top != QLatin1String("shared")))
            continue;
        const QStringList lines = QString::fromUtf8(it.value()).split(QLatin1Char('\n'));
        for (const QString& line : lines) {
            auto matches = qtTarget.globalMatch(line.section(QLatin1Char('#'), 0, 0));
            while (matches.hasNext()) {
                const QString module = matches.next().captured(1);
                static const QStringList engineModules{QStringLiteral("Core"), QStringLiteral("Network"),
                    QStringLiteral("WebSockets"), QStringLiteral("Concurrent"), QStringLiteral("Sql")};
                if (top == QLatin1String("shared") ? module != QLatin1String("Core") : !engineModules.contains(module))
                    faults += it.key() + QStringLiteral(": ") + top + QStringLiteral(" does not link Qt6::") + module;
            }
        }
    }
    return faults;
}

QStringList headFaults(const SourceTree& tree)
{
    QStringList faults;
    for (auto it = tree.cbegin(); it != tree.cend(); ++it) {
        const QList<QByteArray> lines = it.value().split('\n');
        const QByteArray wanted("SPDX-License-Identifier: Apache-2.0");
        // A script's first line is its interpreter.
        const bool script = lines.first().startsWith("#!");
        if (!lines.first().contains(wanted) && !(script && lines.size() > 1 && lines[1].contains(wanted)))
            faults += it.key() + QStringLiteral(": no SPDX line at the top");
        if (it.key().endsWith(QLatin1String(".h")) && !lines.mid(0, 3).contains("#pragma once"))
            faults += it.key() + QStringLiteral(": no #pragma once under the SPDX line");
    }
    return faults;
}

QByteArray codeOnly(const QByteArray& source)
{
    QByteArray code = source;
    const auto blank = [&code](qsizetype from, qsizetype to) {
        for (qsizetype i = from; i < to && i < code.size(); ++i) {
            if (code[i] != '\n')
                code[i] = ' ';
        }
    };
    qsizetype i = 0;
    while (i < code.size()) {
        const char c = code[i];
        const char next = i + 1 < code.size() ? code[i + 1] : '\0';
        qsizetype end = i + 1;
        if (c == '/' && next == '/') {
            end = code.indexOf('\n', i);
            end = end < 0 ? code.size() : end;
            blank(i, end);
        } else if (c == '/' && next == '*') {
            end = code.indexOf("*/", i + 2);
            end = end < 0 ? code.size() : end + 2;
            blank(i, end);
        } else if (c == 'R' && next == '"') {
            const qsizetype open = code.indexOf('(', i);
            const QByteArray close = open < 0 ? QByteArray() : QByteArray(")" + code.mid(i + 2, open - i - 2) + "\"");
            end = open < 0 ? code.size() : code.indexOf(close, open);
            end = end < 0 ? code.size() : end + close.size();
            blank(i, end);
        } else if (c == '"' || (c == '\'' && (i == 0 || !isalnum(static_cast<unsigned char>(code[i - 1]))))) {
            // (a ' behind a digit is a separator: 10'000)
            while (end < code.size() && code[end] != c && code[end] != '\n')
                end += code[end] == '\\' ? 2 : 1;
            blank(i + 1, end);
            ++end;
        }
        i = end;
    }
    return code;
}

QStringList keywordFaults(const SourceTree& tree)
{
    static const QRegularExpression keyword(QStringLiteral("\\b(?:(?:public|protected|private)\\s+(slots)\\s*:|("
                                                           "signals)\\s*:(?!:)|(emit)\\s+[A-Za-z_]|(foreach)\\s*\\()"));
    QStringList faults;
    for (auto it = tree.cbegin(); it != tree.cend(); ++it) {
        if (!isCpp(it.key()))
            continue;
        const QString code = QString::fromUtf8(codeOnly(it.value()));
        auto matches = keyword.globalMatch(code);
        while (matches.hasNext()) {
            const auto match = matches.next();
            const auto line = code.left(match.capturedStart()).count(QLatin1Char('\n')) + 1;
            faults += QStringLiteral("%1:%2: the keyword %3")
                          .arg(it.key())
                          .arg(line)
                          .arg(match.captured(match.lastCapturedIndex()));
        }
    }
    return faults;
}

QStringList forbiddenLibraries(const QByteArray& output)
{
    static const QRegularExpression library(
        QStringLiteral("lib(?:Qt6(?:Gui|Widgets|Quick|Qml|OpenGL|PrintSupport)\\w*|grpc(?:\\+\\+)?|protobuf|cairo|archive)\\.so"));
    QStringList found;
    auto matches = library.globalMatch(QString::fromLocal8Bit(output));
    while (matches.hasNext())
        found += matches.next().captured(0);
    found.removeDuplicates();
    return found;
}

} // namespace kav::test
