// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"

#include <QList>
#include <QSqlDatabase>
#include <QString>
#include <QStringList>

#include <optional>
#include <utility>

namespace kav::calllog {

/// Where the call log's database is, as far as this build can reach it.
struct DatabaseTarget final {
    QString path; ///< of the SQLite file; empty: the database is off
};
/// Reads Settings::databaseUrl. An error names the scheme, never the rest of the URL: it may hold a password.
Result<DatabaseTarget> databaseTarget(const Settings& settings);

struct Migration final {
    int number = 0;
    QString title;
    QStringList statements;
};
/// The migrations of sql/schema.sql, in order.
const QList<Migration>& migrations();
QList<Migration> parseMigrations(const QString& sql);

/// The version of an open database: 0 when it has no schema. Io: the file is damaged.
Result<int> schemaVersion(QSqlDatabase& database);

/// Opens `path` under a connection name of its own; the error's message is fit for Status::reason.
/// The connection belongs to the calling thread.
enum class OpenMode { ReadOnly, ReadWrite };
Result<QSqlDatabase> openSqlite(const QString& path, OpenMode mode);
/// Closes a connection made by openSqlite(); no query on it may be alive.
void closeSqlite(QSqlDatabase& database);

/// Device and inode.
using FileIdentity = std::pair<quint64, quint64>;
std::optional<FileIdentity> fileIdentity(const QString& path);

/// What mends a missing or old schema.
inline const QString MigrateCommand = QStringLiteral("kav-engine migrate");

} // namespace kav::calllog
