// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/linecache.h"

#include <QByteArray>
#include <QList>
#include <QString>

#include <functional>
#include <memory>

namespace kav::providers {

/// Known lines on disk, over restarts: one file for each in a directory of its own, bounded in bytes, the one used
/// least recently goes first. Files are written whole or not at all; one that is not what was written (a digest tells)
/// is dropped. They hold sound and a key, never words. Owned by the composition root; any thread; all disk work is done
/// on an inner thread, in order. Destruction writes what save() was given and reads no more.
class LineStore final {
public:
    struct Settings final {
        QString directory;
        qint64 bytes = 64 * 1024 * 1024;
    };
    struct Counters final {
        quint64 loaded = 0, saved = 0, damaged = 0;
        qint64 bytes = 0; ///< now
    };

    explicit LineStore(const Settings& settings);
    ~LineStore();
    Q_DISABLE_COPY_MOVE(LineStore)

    /// Reads those of `keys` that are there into `into`, then calls `done` on the inner thread. `into` outlives this.
    void load(const QList<QByteArray>& keys, LineCache& into, std::function<void()> done);
    void save(const QByteArray& key, const QByteArray& mulaw);
    Counters counters() const;

    /// The file of a line, in the directory.
    static QString fileNameOf(const QByteArray& key);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::providers
