// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kav::session {

/// What an operator may do to a live call.
enum class OperatorCommand {
    Interrupt, ///< the agent stops speaking, or thinking, and listens
    End, ///< goodbye line, then the end
    EndNow, ///< the end at once
};

/// What became of it.
enum class CommandOutcome {
    Done,
    NoSuchCall, ///< not live on any worker, or not any more
    NothingToDo, ///< an interruption of an agent that has not the floor; a call that ends anyway
    NoSuchTarget, ///< nobody of that name can be passed a call on to
};

} // namespace kav::session
