// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/views/celldelegate.h"

#include <QTableView>

class QLabel;

namespace kav::console {

/// A table of calls as both lists show it: whole rows, no grid, and words in the middle when there is nothing to
/// show. A row that leaves never moves the selection to another call.
class CallsTable final : public QTableView {
    Q_OBJECT
public:
    explicit CallsTable(QWidget* parent = nullptr);

    void setCellKind(int column, CellDelegate::Kind kind);
    /// Shown while there are no rows.
    void setEmptyText(const QString& sentence);
    QString emptyText() const;
    /// Column widths for texts as wide as these; the columns' own choice later is the user's.
    void setColumnSamples(const QList<std::pair<int, QString>>& samples);
    /// Of the menu that a row has; borrowed. They take the place of the ones before.
    void setContextActions(const QList<QAction*>& actions);

    /// Of the one row that is current and selected; empty: none.
    QString selectedId() const;
    /// Selects the call, or nothing when it is not here.
    void selectId(const QString& id);

    void setModel(QAbstractItemModel* model) override;

Q_SIGNALS:
    /// The user chose another call.
    void idSelected(const QString& id);
    void idActivated(const QString& id);

protected:
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;
    void selectionChanged(const QItemSelection& selected, const QItemSelection& deselected) override;

private:
    void fit();
    void showEmpty();
    int rowOfId(const QString& id) const;

    QLabel* m_empty;
    QList<std::pair<int, QString>> m_samples;
    bool m_choosing = false; // selectId() is at work: not the user
};

} // namespace kav::console
