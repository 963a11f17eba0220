// SPDX-License-Identifier: Apache-2.0
#include "console/app/keysheet.h"

#include "console/models/words.h"

#include <QAction>
#include <QDialogButtonBox>
#include <QEvent>
#include <QHeaderView>
#include <QPushButton>
#include <QTableWidget>
#include <QTimer>
#include <QVBoxLayout>

namespace kav::console {

KeySheet::KeySheet(const QList<QAction*>& actions, QWidget* parent)
    : QDialog(parent)
    , m_table(new QTableWidget(0, 2, this))
    , m_buttons(new QDialogButtonBox(QDialogButtonBox::Close, this))
{
    for (QAction* action : actions) {
        if (!action->shortcut().isEmpty())
            m_actions += action;
    }
    setAttribute(Qt::WA_DeleteOnClose);
    m_table->verticalHeader()->hide();
    m_table->horizontalHeader()->setSectionResizeMode(0, QHeaderView::ResizeToContents);
    m_table->horizontalHeader()->setSectionResizeMode(1, QHeaderView::Stretch);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setTabKeyNavigation(false);
    m_table->setShowGrid(false);
    const auto column = new QVBoxLayout(this);
    column->addWidget(m_table);
    column->addWidget(m_buttons);
    connect(m_buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
    fill();
    resize(sizeHint().expandedTo({fontMetrics().averageCharWidth() * 60, fontMetrics().height() * 30}));
}

void KeySheet::changeEvent(QEvent* event)
{
    QDialog::changeEvent(event);
    // The main window gives its actions their new words in its own turn.
    if (event->type() == QEvent::LanguageChange)
        QTimer::singleShot(0, this, &KeySheet::fill);
}

void KeySheet::fill()
{
    setWindowTitle(tr("Keyboard shortcuts"));
    m_table->setAccessibleName(windowTitle());
    m_table->setHorizontalHeaderLabels({tr("Keys"), tr("What they do")});
    QList<QPair<QString, QString>> rows;
    for (const QAction* action : std::as_const(m_actions)) {
        QString words = action->text();
        words.remove(QLatin1Char('&'));
        rows.append({isolated(action->shortcut().toString(QKeySequence::NativeText)), words});
    }
    rows.append({tr("Up, Down, Home, End"), tr("Move in the list")});
    rows.append({tr("Enter"), tr("Open the call that is selected")});
    rows.append({tr("Esc"), tr("Clear the filter")});
    m_table->setRowCount(int(rows.size()));
    for (int i = 0; i < rows.size(); ++i) {
        m_table->setItem(i, 0, new QTableWidgetItem(rows[i].first));
        m_table->setItem(i, 1, new QTableWidgetItem(rows[i].second));
    }
}

} // namespace kav::console
