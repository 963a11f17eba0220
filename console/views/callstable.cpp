// SPDX-License-Identifier: Apache-2.0
#include "console/views/callstable.h"

#include "console/models/roles.h"
#include "console/views/painting.h"

#include <QEvent>
#include <QHeaderView>
#include <QLabel>

namespace kav::console {

CallsTable::CallsTable(QWidget* parent)
    : QTableView(parent)
    , m_empty(new QLabel(viewport()))
{
    setSelectionBehavior(SelectRows);
    // Not SingleSelection: that one selects a neighbour when the selected row leaves, and an operator's next act would
    // meet another call.
    setSelectionMode(ExtendedSelection);
    setEditTriggers(NoEditTriggers);
    setAlternatingRowColors(true);
    setShowGrid(false);
    setWordWrap(false);
    setTabKeyNavigation(false);
    setVerticalScrollMode(ScrollPerPixel);
    setHorizontalScrollMode(ScrollPerPixel);
    setContextMenuPolicy(Qt::ActionsContextMenu);
    setFrameShape(NoFrame);
    verticalHeader()->hide();
    verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setSectionsMovable(true);
    horizontalHeader()->setDefaultAlignment(Qt::AlignLeading | Qt::AlignVCenter);
    horizontalHeader()->setStretchLastSection(true);
    m_empty->setAlignment(Qt::AlignCenter);
    m_empty->setWordWrap(true);
    m_empty->setForegroundRole(QPalette::PlaceholderText);
    m_empty->setAttribute(Qt::WA_TransparentForMouseEvents);
    connect(this, &QTableView::activated, this,
        [this](const QModelIndex& index) { Q_EMIT idActivated(index.data(IdRole).toString()); });
    fit();
}

void CallsTable::setCellKind(int column, CellDelegate::Kind kind)
{
    setItemDelegateForColumn(column, new CellDelegate(kind, this));
}

void CallsTable::setEmptyText(const QString& sentence)
{
    m_empty->setText(sentence);
    setAccessibleDescription(model() && model()->rowCount() == 0 ? sentence : QString());
}

QString CallsTable::emptyText() const
{
    return m_empty->isVisibleTo(this) ? m_empty->text() : QString();
}

void CallsTable::setColumnSamples(const QList<std::pair<int, QString>>& samples)
{
    m_samples = samples;
    const int extra = 2 * fontMetrics().averageCharWidth();
    const QFontMetrics head = horizontalHeader()->fontMetrics();
    for (const auto& [column, sample] : samples) {
        const QString title = model() ? model()->headerData(column, Qt::Horizontal).toString() : QString();
        // The sort mark stands in the title.
        const int titleWidth = head.horizontalAdvance(title) + 2 * extra;
        setColumnWidth(column, qMax(titleWidth, fontMetrics().horizontalAdvance(sample) + extra));
    }
}

void CallsTable::setContextActions(const QList<QAction*>& borrowed)
{
    const QList<QAction*> old = actions();
    for (QAction* action : old)
        removeAction(action);
    addActions(borrowed);
}

QString CallsTable::selectedId() const
{
    const QModelIndex current = currentIndex();
    return current.isValid() && selectionModel()->isRowSelected(current.row(), {}) ? current.data(IdRole).toString()
                                                                                   : QString();
}

int CallsTable::rowOfId(const QString& id) const
{
    if (id.isEmpty() || !model())
        return -1;
    for (int row = 0; row < model()->rowCount(); ++row) {
        if (model()->index(row, 0).data(IdRole).toString() == id)
            return row;
    }
    return -1;
}

void CallsTable::selectId(const QString& id)
{
    if (!selectionModel() || (!id.isEmpty() && selectedId() == id))
        return;
    m_choosing = true;
    if (const int row = rowOfId(id); row >= 0)
        selectionModel()->setCurrentIndex(
            model()->index(row, 0), QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    else
        selectionModel()->clearSelection();
    m_choosing = false;
}

void CallsTable::setModel(QAbstractItemModel* newModel)
{
    QTableView::setModel(newModel);
    const auto check = [this] { showEmpty(); };
    connect(newModel, &QAbstractItemModel::rowsInserted, this, check);
    connect(newModel, &QAbstractItemModel::rowsRemoved, this, check);
    connect(newModel, &QAbstractItemModel::modelReset, this, check);
    showEmpty();
}

void CallsTable::resizeEvent(QResizeEvent* event)
{
    QTableView::resizeEvent(event);
    const int margin = 2 * fontMetrics().height();
    m_empty->setGeometry(viewport()->rect().adjusted(margin, 0, -margin, 0));
}

void CallsTable::changeEvent(QEvent* event)
{
    QTableView::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange)
        fit();
}

void CallsTable::selectionChanged(const QItemSelection& selected, const QItemSelection& deselected)
{
    QTableView::selectionChanged(selected, deselected);
    if (!m_choosing && !selected.isEmpty() && !selectedId().isEmpty()) Q_EMIT
        idSelected(selectedId());
}

void CallsTable::fit()
{
    verticalHeader()->setMinimumSectionSize(fontMetrics().height());
    verticalHeader()->setDefaultSectionSize(fontMetrics().height() + fontMetrics().height() / 2);
    horizontalHeader()->setMinimumSectionSize(iconExtent(fontMetrics()));
    if (!m_samples.isEmpty())
        setColumnSamples(QList<std::pair<int, QString>>(m_samples));
}

void CallsTable::showEmpty()
{
    const bool empty = model()->rowCount() == 0;
    m_empty->setVisible(empty);
    setAccessibleDescription(empty ? m_empty->text() : QString());
}

} // namespace kav::console
