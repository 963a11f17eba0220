// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "shared/core/result.h"

// `kav-engine health`: whether the engine with these settings answers, for a container that has no shell and no curl.
namespace kav::app {

/// Asks the engine on this machine for /healthz, and waits at most so long. The status line of its answer where that is
/// 200.
Result<QString> askHealth(const Config& config, Milliseconds atMost);

} // namespace kav::app
