// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/backup.h"

#include "engine/calllog/disk.h"
#include "engine/calllog/schema.h"

#include <QDir>
#include <QFile>
#include <QSqlError>
#include <QSqlQuery>

#include <unistd.h>

namespace kav::calllog {

namespace {

Error sqlError(const QString& what, const QSqlQuery& query)
{
    return {Error::Code::Io, what + QStringLiteral(": ") + query.lastError().databaseText(), {}};
}

Result<void> copyDatabase(const QString& from, const QString& to)
{
    auto database = openSqlite(from, OpenMode::ReadOnly);
    if (!database)
        return database.error();
    Result<void> result;
    {
        QSqlQuery query(*database);
        query.prepare(QStringLiteral("VACUUM INTO ?"));
        query.addBindValue(to);
        if (!query.exec())
            result = sqlError(QStringLiteral("cannot copy the database"), query);
    }
    closeSqlite(*database);
    return result;
}

/// The number of calls in a database that is whole.
Result<qint64> checkedCalls(const QString& path)
{
    auto database = openSqlite(path, OpenMode::ReadOnly);
    if (!database)
        return database.error();
    Result<qint64> calls = qint64(0);
    {
        QSqlQuery query(*database);
        if (!query.exec(QStringLiteral("PRAGMA integrity_check")) || !query.next()) {
            calls = sqlError(QStringLiteral("the copy cannot be checked"), query);
        } else if (const QString found = query.value(0).toString(); found != QLatin1String("ok")) {
            calls = Error{Error::Code::Io, QStringLiteral("the database is damaged: ") + found, {}};
        } else if (!query.exec(QStringLiteral("SELECT COUNT(*) FROM calls")) || !query.next()) {
            calls = sqlError(QStringLiteral("the copy has no calls"), query);
        } else {
            calls = query.value(0).toLongLong();
        }
    }
    closeSqlite(*database);
    return calls;
}

} // namespace

Result<qint64> copyDurably(const QString& from, const QString& to)
{
    QFile source(from), copy(to);
    if (!source.open(QIODevice::ReadOnly)) {
        return Error{source.exists() ? Error::Code::Io : Error::Code::NotFound,
            QStringLiteral("cannot read %1: %2").arg(from, source.errorString()), {}};
    }
    const auto failed = [&copy, &to] {
        return Error{Error::Code::Io, QStringLiteral("cannot write %1: %2").arg(to, copy.errorString()), {}};
    };
    if (!copy.open(QIODevice::WriteOnly | QIODevice::NewOnly, QFile::ReadOwner | QFile::WriteOwner))
        return failed();
    while (!source.atEnd()) {
        const QByteArray piece = source.read(1024 * 1024);
        if (piece.isEmpty())
            break; // it is being written to, and has no more for now
        if (copy.write(piece) != piece.size())
            return failed();
    }
    if (!copy.flush() || ::fdatasync(copy.handle()) != 0)
        return failed();
    copy.setFileTime(source.fileTime(QFile::FileModificationTime), QFile::FileModificationTime); // ages count from it
    return copy.size();
}

Result<BackupReport> backUp(const Settings& settings, const QString& directory)
{
    const auto target = databaseTarget(settings);
    if (!target)
        return target.error();
    const QDir journal(settings.dataDir + QStringLiteral("/journal")), into(directory);
    const bool hasDatabase = !target->path.isEmpty() && QFile::exists(target->path);
    if (!journal.exists() && !hasDatabase)
        return Error{Error::Code::NotFound, QStringLiteral("there is no call log in ") + settings.dataDir, {}};
    if (into.exists() && !into.isEmpty(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot))
        return Error{
            Error::Code::Invalid, directory + QStringLiteral(" is not empty: a backup has a folder of its own"), {}};
    for (const QString& path : {directory, into.filePath(QStringLiteral("journal"))}) {
        if (!QDir().mkpath(path))
            return Error{Error::Code::Io, QStringLiteral("cannot make the directory ") + path, {}};
        QFile::setPermissions(path, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    }

    // The journal first: what is moved to the database in between is then in both, and is not stored twice. A file that
    // goes meanwhile is in the database.
    BackupReport report;
    const QStringList names = journal.entryList(
        {QStringLiteral("*.journal"), QStringLiteral("*.corrupt"), QStringLiteral("id"), QStringLiteral("key")},
        QDir::Files, QDir::Name);
    for (const QString& name : names) {
        const auto copied = copyDurably(journal.filePath(name), into.filePath(QStringLiteral("journal/") + name));
        if (!copied && copied.error().code == Error::Code::NotFound)
            continue;
        if (!copied)
            return copied.error();
        report.bytes += *copied;
        report.journalFiles += name.endsWith(QLatin1String(".journal")) ? 1 : 0;
    }
    if (hasDatabase) {
        const QString copy = into.filePath(QStringLiteral("calls.db"));
        if (const auto copied = copyDatabase(target->path, copy); !copied)
            return copied.error();
        QFile::setPermissions(copy, QFile::ReadOwner | QFile::WriteOwner);
        const auto calls = checkedCalls(copy);
        if (!calls)
            return calls.error();
        report.calls = *calls;
        report.bytes += QFile(copy).size();
    }
    if (const int synced = Disk().syncDirectory(directory); synced != 0)
        return Error{Error::Code::Io, QStringLiteral("cannot sync %1: %2").arg(directory, errnoText(-synced)), {}};
    return report;
}

} // namespace kav::calllog
