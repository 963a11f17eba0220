// SPDX-License-Identifier: Apache-2.0
#include "shared/core/clock.h"

namespace kav {

Instant SystemClock::now() const
{
    return std::chrono::steady_clock::now();
}

QDateTime SystemClock::wallNow() const
{
    return QDateTime::currentDateTimeUtc();
}

} // namespace kav
