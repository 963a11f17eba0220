// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"

namespace kav::app {

/// Sets the log categories as configured: the level for all of Kav's, then the rules for single ones. QT_LOGGING_RULES
/// in the environment still has the last word, as everywhere in Qt.
void applyLogSettings(const Config& config);

} // namespace kav::app
