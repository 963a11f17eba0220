// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QDialog>

#include <memory>

namespace kav::console {

/// Places a test call: typed lines or a WAV file, and keys; says what will happen, why it cannot, and follows the call once
/// it is placed (state, turns, end). Not modal.
class TestCallDialog final : public QDialog {
    Q_OBJECT
public:
    explicit TestCallDialog(Desk& desk, QWidget* parent = nullptr);
    ~TestCallDialog() override;

Q_SIGNALS:
    void callPlaced(const QString& callId);

protected:
    void changeEvent(QEvent* event) override; ///< language, palette

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
