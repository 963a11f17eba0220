// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "shared/core/logging.h"

namespace kav::app {

/// Sets the form of lines and the log categories as configured: the level for all of Kav's, then the rules for single
/// ones. QT_LOGGING_RULES in the environment still has the last word, as everywhere in Qt.
void applyLogSettings(const Config& config, Logging& logging);

} // namespace kav::app
