// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/media/tick.h"
#include "engine/metrics/metrics.h"
#include "engine/net/listener.h"
#include "engine/providers/registry.h"

#include <QByteArray>

// From the folders' own values to the figures of /metrics. The metrics know no other folder, and no other folder knows
// the metrics: this is the one place where they meet.
namespace kav::app {

metrics::Route routeOf(const QByteArray& path);
metrics::Stage stageOf(providers::Stage stage);
metrics::ProviderState stateOf(providers::ProviderState state);
metrics::Metrics::CallLogTotals totalsOf(const calllog::Status& status);

/// The tick's lateness as the metrics' buckets. Replaces what was there.
void setLateness(metrics::WorkerCounters& counters, const media::LatenessHistogram& lateness);

} // namespace kav::app
