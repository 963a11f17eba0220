// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QWidget>

class QLabel;
class QProgressBar;
class QToolButton;

namespace kav::console {

/// How the saving of evidence goes, in the status bar: what is being done, how far, to be cancelled; then where it is,
/// until dismissed. Hidden while there is nothing to tell.
class EvidenceLine final : public QWidget {
    Q_OBJECT
public:
    explicit EvidenceLine(Desk& desk, QWidget* parent = nullptr);

protected:
    void changeEvent(QEvent* event) override; ///< language, palette

private:
    void update();
    void tint();

    Desk& m_desk;
    QLabel* m_words;
    QProgressBar* m_progress;
    QToolButton *m_cancel, *m_show, *m_dismiss;
    QString m_saved; ///< a path; empty: nothing, or dismissed
};

} // namespace kav::console
