// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

namespace kav::console {

/// From now on a call that comes is opened by itself; calls that are there already, the newest of them. For a screen
/// that nobody sits at.
void followNewestCall(Desk& desk);

} // namespace kav::console
