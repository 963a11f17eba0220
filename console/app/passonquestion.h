// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QDialog>

class QDialogButtonBox;
class QLabel;
class QListWidget;
class QPushButton;

namespace kav::console {

/// Asks to whom a call is passed on, and whether. Not modal: the calls go on being shown and served. It is about the
/// call it was opened for, whatever is selected meanwhile, and closes when that call is over.
class PassOnQuestion final : public QDialog {
    Q_OBJECT
public:
    PassOnQuestion(Desk& desk, const CallSummary& call, QWidget* parent);

    QString callId() const { return m_call.id; }

protected:
    void changeEvent(QEvent* event) override; ///< language

private:
    bool isChoice() const { return m_call.transferTargets.size() > 1; }
    QString chosen() const; ///< empty: nobody yet
    void fillTargets();
    void update();
    void retranslate();

    Desk& m_desk;
    CallSummary m_call;
    QLabel* m_question;
    QListWidget* m_targets;
    QLabel* m_whyNot;
    QDialogButtonBox* m_buttons;
    QPushButton* m_pass;
};

} // namespace kav::console
