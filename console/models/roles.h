// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Qt>

namespace kav::console {

/// Roles beside Qt's own that the console's models answer. Display text is never parsed back or sorted on.
enum Role {
    IdRole = Qt::UserRole + 1, ///< QString: call id, service id, turn number
    SortRole, ///< a value that orders as a user expects
    StateRole, ///< int: CallState, ServiceState
    ExportRole, ///< QVariant for files: no isolates, ISO times, whole ms
    DimmedRole, ///< bool: shown, but over or not live
    TestRole, ///< bool: a test call
    PendingRole, ///< bool: a command on it awaits the engine's answer
    ItemRole, ///< the whole value: kav::CallSummary, kav::TranscriptTurn, kav::ServiceStatus, kav::CallLogRow,
              ///< kav::RequestRecord
    LevelRole, ///< int: 0 as it should be, 1 a long wait, 2 too long
};

} // namespace kav::console
