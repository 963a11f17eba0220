// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QMap>
#include <QString>
#include <QStringList>

// The rules that the tree keeps: which folder may use which, what may be linked, and what every source has. Pure
// functions over a tree held in memory, so that each rule can be shown to fail on a small one.
namespace kav::test {

/// Path from the top of the repository -> content.
using SourceTree = QMap<QString, QByteArray>;

/// The sources below `root`: shared, engine, console, tests, cmake, packaging, and the files at the top.
SourceTree readTree(const QString& root);

/// The folders of "engine", "shared" or "console" in `tree`, highest first: each may use those behind it.
QStringList foldersInOrder(const SourceTree& tree, const QString& top);
/// Where `document`, with a table of folders for each of the three, tells another order or other folders.
QStringList documentFaults(const SourceTree& tree, const QString& document);
/// Includes that go up in the order of folders, or across: shared -> engine or console, engine <-> console.
QStringList includeFaults(const SourceTree& tree);
/// CMake lists of the engine or of shared that name Qt's Gui or Widgets, and of shared that name any Qt but Core.
QStringList linkFaults(const SourceTree& tree);
/// Sources without the SPDX line, headers without `#pragma once`.
QStringList headFaults(const SourceTree& tree);
/// Qt's keyword macros (slots, signals, emit, foreach) in code; comments and strings do not count.
QStringList keywordFaults(const SourceTree& tree);
/// Libraries of Qt's Gui and Widgets (or what needs them) of gRPC, and of pictures and archives, in the output of ldd or readelf.
QStringList forbiddenLibraries(const QByteArray& output);

/// C++ with comments and the insides of literals blanked, line breaks kept.
QByteArray codeOnly(const QByteArray& source);

} // namespace kav::test
