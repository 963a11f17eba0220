// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "shared/core/result.h"

#include <QString>
#include <QStringList>

// `kav-engine calls`: the call log on a terminal.
namespace kav::app {

struct CallsQuery final {
    QString callId; ///< empty: the newest calls, one a line
    QString text; ///< only calls in which this is found
    int limit = 20;
    bool json = false; ///< JSON lines instead of text
};

/// Takes its own words (`CALLID`, --text T, --limit N, --json) out of `args`; what is left is configuration.
Result<CallsQuery> takeCallsArguments(QStringList& args);
/// Prints; the process's exit status.
int runCallsCommand(const Config& config, const CallsQuery& query);

} // namespace kav::app
