// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/providers/failover/failover.h"

namespace kav::traces {

/// What a provider did, as CallSpans takes it; no log keeps it. `turn`: that it was for, 0 where that is not known.
calllog::Entry providerEntry(const QString& callId, int turn, const providers::FailoverNews& news, const QDateTime& at);

} // namespace kav::traces
