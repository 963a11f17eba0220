// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QList>
#include <QString>
#include <QStringList>

namespace kav::console {

/// Rows `first` to `last`, both of them.
struct RowRange final {
    int first = 0, last = 0;
    bool operator==(const RowRange&) const = default;
};

/// How a list of rows becomes another without a reset, so that selection and scroll stay. First `removed` is done in
/// its order (from the end, numbers of the old list), then `inserted` in its order (from the start, numbers of the new
/// list); after that row n is wanted[n]. A row that changed its place is removed and inserted.
struct RowSteps final {
    QList<RowRange> removed, inserted;
};
/// Of rows by their keys, each of which is there once.
RowSteps rowSteps(const QStringList& shown, const QStringList& wanted);

/// Rows that follow each other, as ranges; `rows` in rising order.
QList<RowRange> rowRanges(const QList<int>& rows);

} // namespace kav::console
