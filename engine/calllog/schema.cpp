// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/schema.h"

#include "shared/core/logging.h"

#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QRegularExpression>
#include <QSqlError>
#include <QSqlQuery>
#include <QUrl>

#include <sys/stat.h>

#include <atomic>

// Resources of a static library are registered by hand, outside of any namespace.
static void initCallLogResources()
{
    Q_INIT_RESOURCE(schema);
}

namespace kav::calllog {

namespace {

/// SQLITE_CORRUPT, SQLITE_NOTADB.
bool isDamage(const QSqlError& error)
{
    const int primary = error.nativeErrorCode().toInt() & 0xff;
    return primary == 11 || primary == 26;
}

Error sqlFault(const QString& what, const QSqlDatabase& database, const QSqlError& error)
{
    if (isDamage(error)) {
        // Neither SQLite nor a migration mends the file.
        return {Error::Code::Io,
            QStringLiteral("the database %1 is damaged (%2): put a backup in its place, or move it away and make a new one with: %3")
                .arg(database.databaseName(), error.databaseText(), MigrateCommand),
            error.driverText()};
    }
    return {Error::Code::Unavailable, what + QStringLiteral(": ") + error.databaseText(), error.driverText()};
}

} // namespace

Result<DatabaseTarget> databaseTarget(const Settings& settings)
{
    const QString& url = settings.databaseUrl;
    if (url == QLatin1String("off"))
        return DatabaseTarget{};
    if (url.isEmpty())
        return DatabaseTarget{settings.dataDir + QStringLiteral("/calls.db")};
    const qsizetype colon = url.indexOf(QLatin1String("://"));
    if (colon <= 0)
        return Error{Error::Code::Invalid,
            QStringLiteral("the database URL has no scheme; sqlite:///absolute/path.db or off is meant"), {}};
    const QString scheme = url.left(colon).toLower();
    if (scheme != QLatin1String("sqlite")) {
        return Error{Error::Code::Invalid,
            QStringLiteral("the database scheme '%1' is not supported; sqlite:///absolute/path.db or off is")
                .arg(scheme.left(32)),
            {}};
    }
    const QString path = QUrl::fromPercentEncoding(url.mid(colon + 3).toUtf8());
    if (!path.startsWith(QLatin1Char('/')) || path.endsWith(QLatin1Char('/')))
        return Error{Error::Code::Invalid,
            QStringLiteral("the database URL must name an absolute file: sqlite:///absolute/path.db"), {}};
    return DatabaseTarget{path};
}

QList<Migration> parseMigrations(const QString& sql)
{
    static const QRegularExpression heading(QStringLiteral("^-- migration (\\d+): (.+)$"));
    QList<Migration> list;
    QString statement;
    const QStringList lines = sql.split(QLatin1Char('\n'));
    for (const QString& line : lines) {
        if (const auto match = heading.match(line); match.hasMatch()) {
            list.append({match.captured(1).toInt(), match.captured(2), {}});
            statement.clear();
            continue;
        }
        if (list.isEmpty() || line.trimmed().isEmpty() || line.startsWith(QLatin1String("--")))
            continue;
        statement += line + QLatin1Char('\n');
        if (line.trimmed().endsWith(QLatin1Char(';'))) {
            list.last().statements.append(statement.trimmed().chopped(1));
            statement.clear();
        }
    }
    return list;
}

const QList<Migration>& migrations()
{
    static const QList<Migration> list = [] {
        initCallLogResources();
        QFile file(QStringLiteral(":/kav/calllog/schema.sql"));
        if (!file.open(QIODevice::ReadOnly))
            qFatal("the schema is missing from this build");
        return parseMigrations(QString::fromUtf8(file.readAll()));
    }();
    return list;
}

Result<int> schemaVersion(QSqlDatabase& database)
{
    if (!database.tables(QSql::Tables).contains(QLatin1String("schema_version"))) {
        // An unreadable file also lists no tables: ask something that cannot fail on a healthy one.
        QSqlQuery probe(database);
        if (!probe.exec(QStringLiteral("SELECT COUNT(*) FROM sqlite_master")))
            return sqlFault(QStringLiteral("the database cannot be read"), database, probe.lastError());
        return 0;
    }
    QSqlQuery query(database);
    if (!query.exec(QStringLiteral("SELECT MAX(version) FROM schema_version")) || !query.next())
        return sqlFault(QStringLiteral("the schema's version cannot be read"), database, query.lastError());
    return query.value(0).toInt();
}

Result<QSqlDatabase> openSqlite(const QString& path, OpenMode mode)
{
    static std::atomic<quint64> counter{0};
    const QString name = QStringLiteral("kav-calllog-%1").arg(++counter);
    QSqlDatabase database = QSqlDatabase::addDatabase(QStringLiteral("QSQLITE"), name);
    if (!database.isValid()) {
        closeSqlite(database);
        return Error{
            Error::Code::Unavailable, QStringLiteral("Qt's SQLite driver is missing (package libqt6sql6-sqlite)"), {}};
    }
    database.setDatabaseName(path);
    QString options = QStringLiteral("QSQLITE_BUSY_TIMEOUT=1000");
    if (mode == OpenMode::ReadOnly)
        options += QStringLiteral(";QSQLITE_OPEN_READONLY");
    database.setConnectOptions(options);
    if (!database.open()) {
        const Error error = sqlFault(QStringLiteral("cannot open the database ") + path, database, database.lastError());
        closeSqlite(database);
        return error;
    }
    return database;
}

std::optional<FileIdentity> fileIdentity(const QString& path)
{
    struct stat info { };
    if (::stat(QFile::encodeName(path).constData(), &info) != 0)
        return std::nullopt;
    return FileIdentity(info.st_dev, info.st_ino);
}

void closeSqlite(QSqlDatabase& database)
{
    const QString name = database.connectionName();
    if (database.isOpen())
        database.close();
    database = QSqlDatabase();
    if (!name.isEmpty())
        QSqlDatabase::removeDatabase(name);
}

namespace {

Result<QString> migrateOpen(QSqlDatabase& database, const QString& path)
{
    const auto run = [&database](const QString& sql) -> Result<void> {
        QSqlQuery query(database);
        if (!query.exec(sql))
            return sqlFault(QStringLiteral("migration failed"), database, query.lastError());
        return {};
    };
    // Once set, it stays with the file. Readers then never wait for the writer.
    if (auto wal = run(QStringLiteral("PRAGMA journal_mode=WAL")); !wal)
        return wal.error();

    int from = -1;
    QStringList done;
    for (const Migration& migration : migrations()) {
        // IMMEDIATE: two migrators wait for one another instead of failing half way. The version is read inside.
        if (auto begun = run(QStringLiteral("BEGIN IMMEDIATE")); !begun)
            return begun.error();
        const auto attempt = [&]() -> Result<bool> {
            if (auto made =
                    run(QStringLiteral("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, "
                                       "title TEXT NOT NULL, applied_at TEXT NOT NULL)"));
                !made)
                return made.error();
            const auto version = schemaVersion(database);
            if (!version)
                return version.error();
            if (from < 0)
                from = *version;
            if (*version > migrations().last().number) {
                return Error{Error::Code::Unavailable,
                    QStringLiteral("the schema of %1 is version %2, newer than this engine's %3: update the engine")
                        .arg(path)
                        .arg(*version)
                        .arg(migrations().last().number),
                    {}};
            }
            if (*version >= migration.number)
                return false;
            for (const QString& statement : migration.statements) {
                if (auto applied = run(statement); !applied)
                    return applied.error();
            }
            QSqlQuery record(database);
            record.prepare(QStringLiteral("INSERT INTO schema_version (version, title, applied_at) VALUES (?, ?, ?)"));
            record.addBindValue(migration.number);
            record.addBindValue(migration.title);
            record.addBindValue(QDateTime::currentDateTimeUtc().toString(Qt::ISODateWithMs));
            if (!record.exec())
                return sqlFault(QStringLiteral("migration failed"), database, record.lastError());
            return true;
        };
        const Result<bool> applied = attempt();
        const auto finished = run(applied ? QStringLiteral("COMMIT") : QStringLiteral("ROLLBACK"));
        if (!applied)
            return applied.error();
        if (!finished)
            return finished.error();
        if (*applied)
            done.append(migration.title);
    }
    const int to = migrations().last().number;
    if (done.isEmpty())
        return QStringLiteral("%1: schema %2 is up to date").arg(path).arg(to);
    return QStringLiteral("%1: schema %2 -> %3 (%4)").arg(path).arg(from).arg(to).arg(done.join(QStringLiteral("; ")));
}

} // namespace

Result<QString> migrate(const Settings& settings)
{
    const auto target = databaseTarget(settings);
    if (!target)
        return target.error();
    if (target->path.isEmpty())
        return QStringLiteral("the database is off: nothing to do");
    const QString folder = QFileInfo(target->path).path();
    if (!QDir().mkpath(folder))
        return Error{Error::Code::Io, QStringLiteral("cannot make the directory ") + folder, {}};
    const bool isNew = !QFile::exists(target->path);
    auto database = openSqlite(target->path, OpenMode::ReadWrite);
    if (!database)
        return database.error();
    // Conversations are not for every user of the machine. SQLite gives its side files the same rights.
    if (isNew)
        QFile::setPermissions(target->path, QFile::ReadOwner | QFile::WriteOwner | QFile::ReadGroup);
    const Result<QString> result = migrateOpen(*database, target->path);
    closeSqlite(*database);
    return result;
}

} // namespace kav::calllog
