// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QString>

namespace kav::providers {

/// A key has no space, no line break and nothing but ASCII: else it would break the header it travels in. An empty one
/// is fine: servers of one's own may need none. The error names the host, never the key.
Result<void> checkKeyForm(const QString& key, const QString& host);

/// What a vendor's HTTP status means, in an operator's words; see HttpCall. `otherwise`: what a 4xx without a meaning
/// of its own says.
Error statusError(
    const QString& host, int status, const QString& detail, Milliseconds retryAfter, const QString& otherwise);

} // namespace kav::providers
