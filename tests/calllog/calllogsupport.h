// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/calllog/disk.h"
#include "engine/calllog/schema.h"

#include <QDir>
#include <QSqlError>
#include <QSqlQuery>
#include <QTest>

#include <atomic>
#include <cerrno>
#include <mutex>

// What the tests of the call log share.
namespace kav::calllog::test {

/// Settings that make things happen at once.
inline Settings quickSettings(const QString& dataDir)
{
    Settings settings;
    settings.dataDir = dataDir;
    settings.syncEvery = Milliseconds(1);
    settings.databaseEvery = Milliseconds(1);
    settings.retryEvery = Milliseconds(20);
    return settings;
}

inline QDateTime at(qint64 second)
{
    return QDateTime::fromMSecsSinceEpoch(1767225600000ll + second * 1000, Qt::UTC);
}

inline Entry eventEntry(const QString& callId, const QString& token, qint64 second = 0, QJsonObject data = {})
{
    data.insert(QStringLiteral("token"), token);
    return {Entry::Kind::Event, callId, at(second), data};
}

inline Entry started(const QString& callId, qint64 second = 0)
{
    return {Entry::Kind::CallStarted, callId, at(second),
        {{QStringLiteral("from"), QStringLiteral("+972•••••4567")},
            {QStringLiteral("to"), QStringLiteral("+1555•••0100")},
            {QStringLiteral("direction"), QStringLiteral("inbound")},
            {QStringLiteral("language"), QStringLiteral("en-US")}}};
}

inline Entry ended(const QString& callId, qint64 second, const QString& reason = QStringLiteral("completed"))
{
    return {Entry::Kind::CallEnded, callId, at(second),
        {{QStringLiteral("reason"), reason}, {QStringLiteral("durationMs"), second * 1000},
            {QStringLiteral("turns"), 1}}};
}

/// The rows of a query on a database file, columns joined by '|'; a line "ERROR ..." when it fails.
inline QStringList sql(const QString& path, const QString& statement)
{
    auto database = openSqlite(path, OpenMode::ReadWrite);
    if (!database)
        return {QStringLiteral("ERROR ") + database.error().message};
    QStringList rows;
    {
        QSqlQuery query(*database);
        if (!query.exec(statement))
            rows += QStringLiteral("ERROR ") + query.lastError().text();
        while (query.next()) {
            QStringList columns;
            for (int i = 0; query.value(i).isValid(); ++i)
                columns += query.value(i).toString();
            rows += columns.join(QLatin1Char('|'));
        }
    }
    closeSqlite(*database);
    return rows;
}

inline QStringList journalFiles(const QString& dataDir)
{
    return QDir(dataDir + QStringLiteral("/journal")).entryList({QStringLiteral("*.journal")}, QDir::Files, QDir::Name);
}

/// A disk whose calls can be made to fail: all of them while `broken`, or the N-th from now on. Its syncs do not wait
/// for the real disk: these tests are about failures, not about power cuts.
class FaultyDisk final : public Disk {
public:
    std::atomic<int> broken{0}; ///< an errno; 0: whole
    std::atomic<int> failAt{-1}; ///< the call that fails once, counted down; -1: none
    std::atomic<int> failWith{EIO};
    std::atomic<int> calls{0};

    int create(const QString& path) override { return fault() ? -fault_ : Disk::create(path); }
    qint64 write(int descriptor, QByteArrayView bytes) override
    {
        if (!fault())
            return Disk::write(descriptor, bytes);
        // What a full disk does: some of it fits.
        if (bytes.size() > 1)
            Disk::write(descriptor, bytes.first(bytes.size() / 2));
        return -fault_;
    }
    int sync(int descriptor) override
    {
        Q_UNUSED(descriptor);
        return fault() ? -fault_ : 0;
    }
    int truncate(int descriptor, qint64 size) override { return fault() ? -fault_ : Disk::truncate(descriptor, size); }
    int syncDirectory(const QString& path) override
    {
        Q_UNUSED(path);
        return fault() ? -fault_ : 0;
    }

private:
    // The journal's thread is the only caller of these.
    bool fault()
    {
        ++calls;
        fault_ = broken;
        if (fault_ == 0 && failAt >= 0 && failAt-- == 0)
            fault_ = failWith;
        return fault_ != 0;
    }
    int fault_ = 0;
};

/// Collects what is logged while it lives, instead of printing it.
class LogCatcher final {
public:
    LogCatcher()
    {
        s_lines.clear();
        m_before = qInstallMessageHandler([](QtMsgType, const QMessageLogContext&, const QString& text) {
            const std::scoped_lock lock(s_mutex);
            s_lines += text;
        });
    }
    ~LogCatcher() { qInstallMessageHandler(m_before); }
    static QStringList containing(const QString& part)
    {
        const std::scoped_lock lock(s_mutex);
        return s_lines.filter(part);
    }

private:
    static inline std::mutex s_mutex;
    static inline QStringList s_lines;
    QtMessageHandler m_before = nullptr;
};

} // namespace kav::calllog::test
