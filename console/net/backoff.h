// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <functional>

namespace kav::console {

/// Waits between attempts: 1, 2, 4, 8, 16, 30, 30 ... seconds, each less or more by up to a fifth, so that a hundred
/// consoles do not come back in one moment. A plain value.
class Backoff final {
public:
    /// `random` gives 0.0 .. 1.0.
    explicit Backoff(std::function<double()> random);
    Milliseconds next();
    void reset() { m_attempts = 0; }

private:
    std::function<double()> m_random;
    int m_attempts = 0;
};

} // namespace kav::console
