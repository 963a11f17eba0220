// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/metrics/enginetotals.h"
#include "engine/metrics/familylist.h"
#include "engine/metrics/processfigures.h"

namespace kav::metrics {

/// Totals of the engine's parts as families; their names and words stand in one place.
void addEngine(FamilyList& families, const EngineTotals& totals);
/// By the names that every Prometheus client gives them.
void addProcess(FamilyList& families, const ProcessFigures& figures);

} // namespace kav::metrics
