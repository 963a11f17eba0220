// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "shared/core/result.h"
#include "shared/model/request.h"

#include <QString>
#include <QStringList>

// `kav-engine inspect`: the requests that came in, on a terminal.
namespace kav::app {

struct InspectQuery final {
    RequestFilter filter;
    int limit = 20;
    bool follow = false; ///< goes on printing what comes
    bool json = false; ///< JSON lines instead of text
};

/// Takes its own words (--call SID, --refused, --kind K, --text T, --limit N, --follow, --json) out of `args`; what is
/// left is configuration.
Result<InspectQuery> takeInspectArguments(QStringList& args);
/// One request as the terminal shows it: a line, and below it what it tells by being there. No colour: plain text.
QString requestToText(const RequestRecord& request, bool colour);
/// What a refused signature means for the operator, and what he can do; empty when there is nothing to do.
QString signatureAdvice(const SignatureFinding& signature);
/// Prints, the newest last; the process's exit status.
int runInspectCommand(const Config& config, const InspectQuery& query);

} // namespace kav::app
