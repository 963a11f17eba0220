// SPDX-License-Identifier: Apache-2.0
#include "console/app/tabletext.h"

#include "console/models/roles.h"
#include "console/models/words.h"

#include <QAbstractItemView>
#include <QHeaderView>
#include <QItemSelectionModel>
#include <QTableView>

#include <algorithm>

namespace kav::console {

QString selectedRowsAsText(const QAbstractItemView& view)
{
    if (!view.selectionModel() || !view.model())
        return {};
    QList<int> rows;
    for (const QModelIndex& index : view.selectionModel()->selectedIndexes()) {
        if (!rows.contains(index.row()))
            rows += index.row();
    }
    std::sort(rows.begin(), rows.end());

    QList<int> columns;
    const auto table = qobject_cast<const QTableView*>(&view);
    for (int place = 0; place < view.model()->columnCount(view.rootIndex()); ++place) {
        const int column = table ? table->horizontalHeader()->logicalIndex(place) : place;
        if (!table || !table->isColumnHidden(column))
            columns += column;
    }
    QString text;
    for (const int row : std::as_const(rows)) {
        QStringList cells;
        for (const int column : std::as_const(columns)) {
            const QModelIndex index = view.model()->index(row, column, view.rootIndex());
            const QVariant forFiles = index.data(ExportRole);
            const QString cell = forFiles.isValid() ? forFiles.toString() : index.data(Qt::DisplayRole).toString();
            cells += withoutIsolates(cell).simplified(); // no tab or line feed of its own
        }
        text += cells.join(QLatin1Char('\t')) + QLatin1Char('\n');
    }
    return text;
}

} // namespace kav::console
