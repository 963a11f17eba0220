// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/error.h"

#include <functional>
#include <memory>
#include <optional>

namespace kav::providers {

/// Threads for makers: at most `limit` at a time, each for one maker. Nobody ever waits for them: they are detached and
/// share what they need, so neither the destruction of this object nor the exit of the process is held up by a maker
/// that never returns. (QThreadPool and QtConcurrent both wait for theirs.) Any thread.
class MakerThreads final {
public:
    explicit MakerThreads(int limit);

    /// Runs `work` on a thread of its own, at once. `work` must not throw and must own what it uses. The error says
    /// that all threads are taken, or that the system has none left.
    std::optional<Error> start(std::function<void()> work);
    int running() const;
    int limit() const;

private:
    struct State;
    std::shared_ptr<State> m_state;
};

} // namespace kav::providers
