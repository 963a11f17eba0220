// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QDialog>
#include <QList>

class QAction;
class QDialogButtonBox;
class QTableWidget;

namespace kav::console {

/// Which keys do what: the actions' own words and shortcuts, so that the sheet is never out of date. Not modal.
class KeySheet final : public QDialog {
    Q_OBJECT
public:
    /// `actions` outlive it.
    KeySheet(const QList<QAction*>& actions, QWidget* parent);

protected:
    void changeEvent(QEvent* event) override; ///< language

private:
    void fill();

    QList<QAction*> m_actions;
    QTableWidget* m_table;
    QDialogButtonBox* m_buttons;
};

} // namespace kav::console
