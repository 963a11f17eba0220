// SPDX-License-Identifier: Apache-2.0
#include "console/models/rowsteps.h"

#include <QHash>
#include <QSet>

#include <algorithm>

namespace kav::console {

RowSteps rowSteps(const QStringList& shown, const QStringList& wanted)
{
    QHash<QString, int> places;
    places.reserve(shown.size());
    for (int row = 0; row < shown.size(); ++row)
        places.insert(shown.at(row), row);

    QSet<int> kept;
    QList<int> added;
    int last = -1;
    for (int row = 0; row < wanted.size(); ++row) {
        const int place = places.value(wanted.at(row), -1);
        if (place > last) {
            kept.insert(place);
            last = place;
        } else {
            added.append(row);
        }
    }
    QList<int> lost;
    for (int row = 0; row < shown.size(); ++row)
        if (!kept.contains(row))
            lost.append(row);

    RowSteps steps{rowRanges(lost), rowRanges(added)};
    std::reverse(steps.removed.begin(), steps.removed.end());
    return steps;
}

QList<RowRange> rowRanges(const QList<int>& rows)
{
    QList<RowRange> ranges;
    for (const int row : rows) {
        if (!ranges.isEmpty() && ranges.constLast().last + 1 == row)
            ranges.last().last = row;
        else
            ranges.append({row, row});
    }
    return ranges;
}

} // namespace kav::console
