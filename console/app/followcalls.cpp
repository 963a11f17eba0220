// SPDX-License-Identifier: Apache-2.0
#include "console/app/followcalls.h"

#include "console/models/roles.h"

namespace kav::console {

void followNewestCall(Desk& desk)
{
    const auto selectNewest = [&desk](const QModelIndex& parent, int first, int last) {
        const LiveCallsModel& calls = desk.liveCalls();
        std::optional<CallSummary> newest;
        int newestRow = -1;
        for (int row = 0; row < calls.rowCount(parent); ++row) {
            const auto call = calls.call(calls.index(row, LiveCallsModel::State, parent).data(IdRole).toString());
            if (call && call->state != CallState::Ended && (!newest || newest->startedAt < call->startedAt)) {
                newest = call;
                newestRow = row;
            }
        }
        // An older call that is shown late changes nothing.
        if (newest && newestRow >= first && newestRow <= last)
            desk.selectCall(newest->id);
    };
    QObject::connect(&desk.liveCalls(), &QAbstractItemModel::rowsInserted, &desk, selectNewest);
    selectNewest({}, 0, desk.liveCalls().rowCount() - 1);
}

} // namespace kav::console
