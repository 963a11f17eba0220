// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"

// A copy of the call log that an engine can go on from. The engine may run meanwhile, and does not wait.
namespace kav::calllog {

struct BackupReport final {
    int journalFiles = 0;
    qint64 calls = -1; ///< in the database's copy; -1: there is no database
    qint64 bytes = 0;
};

/// Copies journal and database into `directory`, which is made and holds nothing: `journal/...` and `calls.db`, to be
/// put into a data directory as they are. The database's copy has been checked.
Result<BackupReport> backUp(const Settings& settings, const QString& directory);

/// Copies one file and syncs it; readable by its owner only. NotFound: it has gone meanwhile.
Result<qint64> copyDurably(const QString& from, const QString& to);

} // namespace kav::calllog
