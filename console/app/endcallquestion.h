// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QDialog>

class QDialogButtonBox;
class QLabel;
class QPushButton;

namespace kav::console {

/// Asks before a call with a person on the line is ended: with the goodbye, or at once. Not modal: the calls go on
/// being shown and served. It is about the call it was opened for, whatever is selected meanwhile, and closes when that
/// call is over.
class EndCallQuestion final : public QDialog {
    Q_OBJECT
public:
    EndCallQuestion(Desk& desk, const CallSummary& call, QWidget* parent);

    QString callId() const { return m_call.id; }

protected:
    void changeEvent(QEvent* event) override; ///< language

private:
    void update();
    void retranslate();

    Desk& m_desk;
    CallSummary m_call;
    QLabel* m_question;
    QLabel* m_whyNot;
    QDialogButtonBox* m_buttons;
    QPushButton* m_goodbye;
    QPushButton* m_now;
};

} // namespace kav::console
