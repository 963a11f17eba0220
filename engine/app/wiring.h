// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "engine/app/phoneline.h"
#include "engine/calllog/calllog.h"
#include "engine/control/consolegate.h"
#include "engine/control/controlhub.h"
#include "engine/dialog/personas.h"
#include "engine/media/tick.h"
#include "engine/metrics/metrics.h"
#include "engine/net/listener.h"
#include "engine/providers/registry.h"
#include "engine/traces/spanexporter.h"
#include "engine/webhooks/mediagate.h"
#include "engine/webhooks/requestguard.h"
#include "shared/model/status.h"
#include "shared/protocol/messages.h"

#include <QByteArray>

#include <optional>

// From the folders' own values to the figures of /metrics and to what consoles are shown. Metrics and protocol know no
// folder of the engine's, and none knows them: this is the one place where they meet.
namespace kav::app {

metrics::Route routeOf(const QByteArray& path);
metrics::Stage stageOf(providers::Stage stage);
metrics::ProviderState stateOf(providers::ProviderState state);
metrics::Metrics::CallLogTotals totalsOf(const calllog::Status& status);
metrics::Metrics::ConsoleTotals totalsOf(const control::ControlHub::Counters& counters);
metrics::Metrics::RefusalTotals totalsOf(const net::Listener::Counters& port, const webhooks::RequestGuard& guard,
    const webhooks::MediaGate::Counters& streams, const control::ConsoleGate::Counters& consoles);
metrics::Metrics::TraceTotals totalsOf(const traces::SpanTotals& spans);
/// Fills in what the telephone side has counted.
void addTotals(metrics::EngineTotals& totals, const PhoneLine& phone);
metrics::EngineTotals::Consoles consoleTotals(const control::ControlHub::Counters& counters);
metrics::ConfigInfo configInfo(const Config& config);

/// The tick's lateness as the metrics' buckets. Replaces what was there.
void setLateness(metrics::WorkerCounters& counters, const media::LatenessHistogram& lateness);

/// "stt", "llm", "tts".
QString serviceIdOf(providers::Stage stage);
/// "tts/google".
QString serviceIdOf(providers::Stage stage, const QString& provider);
/// The stage of either; its provider is what follows the slash.
std::optional<providers::Stage> stageOfService(const QString& id);
ServiceStatus serviceOf(const providers::ProviderStatus& status);
/// "store": `since` is not known.
ServiceStatus storeOf(const calllog::Status& status);

/// A persona's own list for a stage; empty: it has none, and the engine's counts.
const QStringList& providersOf(const providers::Persona& persona, providers::Stage stage);
/// Starts making what the engine's lists name, and what only personas do.
void warmUp(providers::ProviderRegistry& registry, const dialog::PersonaBook& personas);

/// What a console is told when a query fails.
protocol::ErrorCode errorOf(const Error& error);

} // namespace kav::app
