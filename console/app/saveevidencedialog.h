// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QDialog>

class QCheckBox;
class QDialogButtonBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QRadioButton;

namespace kav::console {

/// Asks where the evidence of a call is to be saved, as what, and whether with telephone numbers: never without having
/// been asked for. Not modal. It is about the call it was opened for, whatever is selected meanwhile.
class SaveEvidenceDialog final : public QDialog {
    Q_OBJECT
public:
    /// `folder`: where it proposes to save.
    SaveEvidenceDialog(Desk& desk, const QString& callId, const QString& folder, QWidget* parent);

    QString callId() const { return m_callId; }

Q_SIGNALS:
    void ordered(const kav::console::EvidenceSaver::Order& order);

protected:
    void changeEvent(QEvent* event) override; ///< language

private:
    void browse();
    void followKind();
    void update();
    void retranslate();

    Desk& m_desk;
    const QString m_callId;
    QLabel *m_about, *m_whyNot, *m_noted, *m_pathLabel;
    QRadioButton *m_file, *m_folder;
    QLineEdit* m_path;
    QPushButton* m_browse;
    QCheckBox* m_unmask;
    QDialogButtonBox* m_buttons;
    QPushButton* m_save;
};

} // namespace kav::console
