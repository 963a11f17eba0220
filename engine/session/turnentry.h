// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/session/turnlatency.h"
#include "shared/core/clock.h"
#include "shared/model/call.h"

#include <QJsonObject>

namespace kav::session {

/// A turn that is over, for the call log: with when the caller began to wait ("waitedSince") and when it was over
/// ("endedAt"), so that its parts can be laid beside what else happened.
QJsonObject turnEntry(const TurnRecord& turn, const TurnLatency& latency, const Clock& clock);

} // namespace kav::session
