// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArrayView>
#include <QString>

namespace kav::calllog {

/// The few system calls by which the journal changes the disk, so that a test can make the N-th one fail. Each returns
/// 0 (or a count, or a descriptor) or a negative errno. Used from the journal's thread; deletion also from the
/// writer's.
class Disk {
public:
    virtual ~Disk() = default;
    /// A new file for writing; -EEXIST when it is there already.
    virtual int create(const QString& path);
    /// May write less than asked.
    virtual qint64 write(int descriptor, QByteArrayView bytes);
    virtual int sync(int descriptor);
    virtual int truncate(int descriptor, qint64 size);
    virtual int syncDirectory(const QString& path);
    virtual int remove(const QString& path);
};

/// What an errno means, in the system's words.
QString errnoText(int positiveErrno);

} // namespace kav::calllog
