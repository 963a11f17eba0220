// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/disk.h"

#include <QFile>

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace kav::calllog {

int Disk::create(const QString& path)
{
    const int descriptor = ::open(QFile::encodeName(path).constData(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    return descriptor >= 0 ? descriptor : -errno;
}

qint64 Disk::write(int descriptor, QByteArrayView bytes)
{
    for (;;) {
        const ssize_t written = ::write(descriptor, bytes.data(), static_cast<size_t>(bytes.size()));
        if (written >= 0)
            return written;
        if (errno != EINTR)
            return -errno;
    }
}

int Disk::sync(int descriptor)
{
    return ::fdatasync(descriptor) == 0 ? 0 : -errno;
}

int Disk::truncate(int descriptor, qint64 size)
{
    if (::ftruncate(descriptor, size) != 0)
        return -errno;
    // The descriptor does not append by itself: without this, the next write would leave a hole.
    return ::lseek(descriptor, size, SEEK_SET) == size ? 0 : -errno;
}

int Disk::syncDirectory(const QString& path)
{
    const int descriptor = ::open(QFile::encodeName(path).constData(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    const int result = ::fsync(descriptor) == 0 ? 0 : -errno;
    ::close(descriptor);
    return result;
}

int Disk::remove(const QString& path)
{
    return ::unlink(QFile::encodeName(path).constData()) == 0 ? 0 : -errno;
}

QString errnoText(int positiveErrno)
{
    return QString::fromStdString(std::generic_category().message(positiveErrno));
}

} // namespace kav::calllog
