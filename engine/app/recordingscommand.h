// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "shared/core/result.h"

#include <QString>
#include <QStringList>

// `kav-engine recordings`: what is kept of callers' voices, on a terminal.
namespace kav::app {

struct RecordingsQuery final {
    QString callId; ///< empty: of all calls
    bool remove = false; ///< --delete: of that call
    bool isConfirmed = false; ///< --yes
    bool json = false; ///< JSON lines instead of text
};

/// Takes its own words (`CALLID`, --delete, --yes, --json) out of `args`; what is left is configuration.
Result<RecordingsQuery> takeRecordingsArguments(QStringList& args);
/// Prints; the process's exit status.
int runRecordingsCommand(const Config& config, const RecordingsQuery& query);

} // namespace kav::app
