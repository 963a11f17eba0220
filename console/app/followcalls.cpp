// SPDX-License-Identifier: Apache-2.0
#include "console/app/followcalls.h"

#include "console/models/roles.h"

namespace kav::console {

void followNewestCall(Desk& desk)
{
    const auto selectNewest = [&desk](const QModelIndex& parent, int first, int last) {
        std::optional<CallSummary> newest;
        for (int row = first; row <= last; ++row) {
            const auto call = desk.liveCalls().call(
                desk.liveCalls().index(row, LiveCallsModel::State, parent).data(IdRole).toString());
            if (call && call->state != CallState::Ended && (!newest || newest->startedAt < call->startedAt))
                newest = call;
        }
        if (newest)
            desk.selectCall(newest->id);
    };
    QObject::connect(&desk.liveCalls(), &QAbstractItemModel::rowsInserted, &desk, selectNewest);
    if (const int rows = desk.liveCalls().rowCount(); rows > 0)
        selectNewest({}, 0, rows - 1);
}

} // namespace kav::console
