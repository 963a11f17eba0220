// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/linestore.h"

#include "shared/core/logging.h"

#include <QCryptographicHash>
#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QRegularExpression>
#include <QSaveFile>
#include <QtEndian>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <thread>
#include <utility>
#include <vector>

namespace kav::providers {
namespace {

// A file: magic, key, length (32 bits, big-endian), SHA-256 of the sound, the sound.
constexpr QByteArrayView LineMagic("KAVLINE1");
constexpr qsizetype DigestBytes = 32;
constexpr qsizetype HeaderBytes = LineMagic.size() + DigestBytes + 4 + DigestBytes;
/// Longer ones are not written, and not read: ten minutes.
constexpr qsizetype LongestLine = 600 * 8000;
/// Writes that wait for a disk which takes nothing; beyond that a line is made again at the next start.
constexpr size_t WaitingWork = 4096;

QByteArray digestOf(const QByteArray& mulaw)
{
    return QCryptographicHash::hash(mulaw, QCryptographicHash::Sha256);
}

QByteArray packed(const QByteArray& key, const QByteArray& mulaw)
{
    QByteArray file;
    file.reserve(HeaderBytes + mulaw.size());
    file += LineMagic;
    file += key;
    const quint32 length = qToBigEndian(quint32(mulaw.size()));
    file += QByteArrayView(reinterpret_cast<const char*>(&length), sizeof length);
    file += digestOf(mulaw);
    file += mulaw;
    return file;
}

/// The sound in a file's bytes, if they are the whole and true file of `key`.
std::optional<QByteArray> unpacked(const QByteArray& key, const QByteArray& file)
{
    if (file.size() <= HeaderBytes || !file.startsWith(LineMagic))
        return std::nullopt;
    qsizetype at = LineMagic.size();
    if (file.mid(at, DigestBytes) != key)
        return std::nullopt;
    at += DigestBytes;
    if (qFromBigEndian<quint32>(file.constData() + at) != quint32(file.size() - HeaderBytes))
        return std::nullopt;
    at += 4;
    const QByteArray mulaw = file.mid(HeaderBytes);
    if (file.mid(at, DigestBytes) != digestOf(mulaw))
        return std::nullopt;
    return mulaw;
}

} // namespace

struct LineStore::Private final {
    explicit Private(const Settings& set)
        : settings(set)
        , directory(set.directory)
        , thread([this] { run(); })
    {
    }
    ~Private()
    {
        {
            const std::lock_guard lock(mutex);
            stopping = true;
        }
        wake.notify_one();
        thread.join();
    }

    void post(std::function<void()> job, bool mayBeDropped)
    {
        {
            const std::lock_guard lock(mutex);
            if (mayBeDropped && work.size() >= WaitingWork)
                return;
            work.push_back(std::move(job));
        }
        wake.notify_one();
    }
    bool isStopping() const
    {
        const std::lock_guard lock(mutex);
        return stopping;
    }

    // ---- on the inner thread
    void run()
    {
        ::pthread_setname_np(::pthread_self(), "kav-lines");
        scan();
        for (;;) {
            std::unique_lock lock(mutex);
            wake.wait(lock, [this] { return stopping || !work.empty(); });
            if (work.empty())
                return;
            const auto job = std::move(work.front());
            work.pop_front();
            lock.unlock();
            job();
        }
    }

    struct File final {
        QString name;
        qint64 bytes = 0;
        QDateTime used;
    };

    /// What is there from before; what a crash left half-written goes.
    void scan()
    {
        static const QRegularExpression whole(QStringLiteral("^[0-9a-f]{64}\\.line$"));
        static const QRegularExpression half(QStringLiteral("^[0-9a-f]{64}\\.line\\.[A-Za-z0-9]{6}$"));
        const auto entries =
            directory.entryInfoList(QDir::Files | QDir::Hidden | QDir::NoSymLinks, QDir::Time | QDir::Reversed);
        for (const QFileInfo& entry : entries) {
            if (whole.match(entry.fileName()).hasMatch())
                add({entry.fileName(), entry.size(), entry.lastModified()});
            else if (half.match(entry.fileName()).hasMatch())
                directory.remove(entry.fileName());
        }
        makeRoom(0);
    }
    void add(const File& file)
    {
        files.push_back(file);
        const std::lock_guard lock(mutex);
        counters.bytes += file.bytes;
    }
    void forget(const QString& name)
    {
        const auto file = std::find_if(files.begin(), files.end(), [&](const File& each) { return each.name == name; });
        if (file == files.end())
            return;
        const std::lock_guard lock(mutex);
        counters.bytes -= file->bytes;
        files.erase(file);
    }
    qint64 bytes() const
    {
        const std::lock_guard lock(mutex);
        return counters.bytes;
    }
    void makeRoom(qint64 needed)
    {
        while (!files.empty() && bytes() + needed > settings.bytes) {
            const auto oldest = std::min_element(
                files.begin(), files.end(), [](const File& a, const File& b) { return a.used < b.used; });
            const QString name = oldest->name;
            directory.remove(name);
            forget(name); // one that cannot be removed is not counted for ever
        }
    }

    void read(const QByteArray& key, LineCache& into)
    {
        const QString name = fileNameOf(key);
        QFile file(directory.filePath(name));
        if (!file.open(QIODevice::ReadOnly))
            return;
        const auto mulaw = unpacked(key, file.read(HeaderBytes + LongestLine + 1));
        if (!mulaw) {
            qCWarning(lcTts).noquote() << "a rendered line on disk is damaged and made anew:" << name;
            file.close();
            directory.remove(name);
            forget(name);
            const std::lock_guard lock(mutex);
            ++counters.damaged;
            return;
        }
        const QDateTime now = QDateTime::currentDateTimeUtc();
        file.setFileTime(now, QFileDevice::FileModificationTime); // it is in use: others go first
        for (File& each : files) {
            if (each.name == name)
                each.used = now;
        }
        into.restore(key, *mulaw);
        const std::lock_guard lock(mutex);
        ++counters.loaded;
    }

    void write(const QByteArray& key, const QByteArray& mulaw)
    {
        const QByteArray content = packed(key, mulaw);
        if (mulaw.size() > LongestLine || content.size() > settings.bytes)
            return;
        const QString name = fileNameOf(key);
        // A line that memory lost and a call made again is here already.
        if (std::any_of(files.begin(), files.end(),
                [&](const File& each) { return each.name == name && each.bytes == content.size(); }))
            return;
        directory.mkpath(QStringLiteral("."));
        makeRoom(content.size());
        QSaveFile file(directory.filePath(name));
        const bool written = file.open(QIODevice::WriteOnly)
            && file.setPermissions(QFileDevice::ReadOwner | QFileDevice::WriteOwner)
            && file.write(content) == content.size() && file.commit();
        if (!written) {
            if (!std::exchange(complained, true))
                qCWarning(lcTts).noquote() << "rendered lines are not kept on disk:" << file.errorString();
            return;
        }
        complained = false;
        forget(name);
        add({name, content.size(), QDateTime::currentDateTimeUtc()});
        const std::lock_guard lock(mutex);
        ++counters.saved;
    }

    const Settings settings;
    QDir directory; // the inner thread's
    std::vector<File> files; // the inner thread's
    bool complained = false; // the inner thread's
    mutable std::mutex mutex; // guards what follows
    std::condition_variable wake;
    std::deque<std::function<void()>> work;
    bool stopping = false;
    Counters counters;
    std::thread thread; // last: it uses all of the above
};

LineStore::LineStore(const Settings& settings)
    : d(std::make_unique<Private>(settings))
{
}

LineStore::~LineStore() = default;

void LineStore::load(const QList<QByteArray>& keys, LineCache& into, std::function<void()> done)
{
    d->post(
        [at = d.get(), keys, &into, done = std::move(done)] {
            for (const QByteArray& key : keys) {
                if (at->isStopping())
                    return;
                at->read(key, into);
            }
            if (!at->isStopping())
                done();
        },
        false);
}

void LineStore::save(const QByteArray& key, const QByteArray& mulaw)
{
    d->post([at = d.get(), key, mulaw] { at->write(key, mulaw); }, true);
}

LineStore::Counters LineStore::counters() const
{
    const std::lock_guard lock(d->mutex);
    return d->counters;
}

QString LineStore::fileNameOf(const QByteArray& key)
{
    return QString::fromLatin1(key.toHex()) + QLatin1String(".line");
}

} // namespace kav::providers
