// SPDX-License-Identifier: Apache-2.0
#include "engine/metrics/processfigures.h"

#include <QByteArray>
#include <QFile>

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

namespace kav::metrics {

namespace {

QByteArray contentOf(const char* path)
{
    QFile file(QString::fromLatin1(path));
    return file.open(QIODevice::ReadOnly | QIODevice::Unbuffered) ? file.readAll() : QByteArray();
}

/// When the machine was started, Unix time. It is reckoned anew by the kernel whenever the clock is set: once is
/// enough.
double bootTime()
{
    static const double time = [] {
        const QByteArray stat = contentOf("/proc/stat");
        const qsizetype at = stat.indexOf("\nbtime ");
        return at < 0 ? 0.0 : stat.mid(at + 7, stat.indexOf('\n', at + 1) - at - 7).toDouble();
    }();
    return time;
}

qint64 countOpenFiles()
{
    DIR* const directory = ::opendir("/proc/self/fd");
    if (!directory)
        return 0;
    qint64 count = -1; // the one that looks
    while (const dirent* entry = ::readdir(directory))
        count += entry->d_name[0] != '.';
    ::closedir(directory);
    return count;
}

} // namespace

ProcessFigures ProcessFigures::read()
{
    ProcessFigures figures;
    // "pid (name) state ppid ...": the name may hold anything, the rest is numbers.
    const QByteArray stat = contentOf("/proc/self/stat");
    const QList<QByteArray> fields = stat.mid(stat.lastIndexOf(')') + 2).split(' ');
    static const double ticks = double(::sysconf(_SC_CLK_TCK));
    if (fields.size() > 21) { // the kernel counts from 1, the state is its third
        figures.cpuSeconds = (fields[11].toDouble() + fields[12].toDouble()) / ticks;
        figures.threads = fields[17].toLongLong();
        figures.startedAt = bootTime() + fields[19].toDouble() / ticks;
        figures.virtualBytes = fields[20].toLongLong();
        figures.residentBytes = fields[21].toLongLong() * ::sysconf(_SC_PAGESIZE);
    }
    figures.openFiles = countOpenFiles();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        figures.maxFiles = qint64(limit.rlim_cur);
    return figures;
}

} // namespace kav::metrics
