// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QDateTime>

#include <optional>

namespace kav::console {

/// What the engine's wall clock shows, told from the times in its messages. Of all messages within a window the one
/// that took the shortest way is believed; the window moves, so neither drift nor a step of either clock lasts. A plain
/// value.
class EngineTime final {
public:
    void note(const QDateTime& at, Instant now);
    std::optional<QDateTime> at(Instant now) const;

private:
    /// The engine's clock is so far behind our monotonic one, the way included: least of this window and the one
    /// before.
    std::optional<Milliseconds> m_current, m_previous;
    Instant m_since;
};

} // namespace kav::console
