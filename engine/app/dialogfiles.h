// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "engine/dialog/dialogbook.h"

#include <QStringList>

#include <memory>

namespace kav::app {

/// The configured dialog files, read. A built-in receptionist, in English or Hebrew, serves where a file cannot be
/// used, and in its language where no file speaks that.
struct LoadedDialogs final {
    std::shared_ptr<const dialog::DialogBook> book; ///< never null; the configured file's language first
    QStringList problems; ///< of files that cannot be used: file, line and key
};
LoadedDialogs loadDialogs(const Config& config);

} // namespace kav::app
