// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QtGlobal>

#include <optional>
#include <vector>

namespace kav::app {

/// Counts the times a thread stood still: a media worker, told by whoever asks them, or the loop that calls look(). A
/// thread that stands still is counted once, however long it does. Pure; owned by the engine.
class StallWatch final {
public:
    static constexpr Milliseconds Every{1000}; ///< how often look() is to be called ...
    static constexpr Milliseconds Silence{3000}; ///< ... and how much later than that is a stall

    struct Counters final {
        quint64 mediaWorkers = 0, ownLoop = 0;
    };

    /// Which of the workers stand still now. Their indices, of those that did not the last time.
    std::vector<int> look(Instant now, const std::vector<bool>& stalled);
    /// How long the loop stood still before this look; nothing: it did not.
    std::optional<Milliseconds> ownStall() const { return m_ownStall; }
    const Counters& counters() const { return m_counters; }

private:
    Counters m_counters;
    std::optional<Instant> m_last;
    std::optional<Milliseconds> m_ownStall;
    std::vector<bool> m_stalled;
};

} // namespace kav::app
