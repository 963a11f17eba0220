// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtGlobal>

namespace kav::metrics {

/// What the kernel says of this process; the figures that every Prometheus client exports as process_*.
struct ProcessFigures final {
    double cpuSeconds = 0; ///< user and system
    double startedAt = 0; ///< Unix time
    qint64 residentBytes = 0, virtualBytes = 0;
    qint64 openFiles = 0, maxFiles = 0;
    qint64 threads = 0;

    /// From /proc/self; what cannot be read is 0. Any thread.
    static ProcessFigures read();
};

} // namespace kav::metrics
