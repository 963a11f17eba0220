// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QMap>
#include <QString>

namespace kav::test {

/// Name -> content of an archive's files; empty when it is none. By libarchive's own reader.
QMap<QString, QByteArray> filesInArchive(const QString& path);

} // namespace kav::test
