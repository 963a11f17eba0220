// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QDialog>

#include <memory>

namespace kav::console {

/// Places a test call: typed lines or a WAV file, and keys; says what will happen, why it cannot, and follows the call
/// once it is placed (state, turns, end). Not modal.
class TestCallDialog final : public QDialog {
    Q_OBJECT
public:
    explicit TestCallDialog(Desk& desk, QWidget* parent = nullptr);
    ~TestCallDialog() override;

    /// As if the user had chosen it: shows what it holds, or why it cannot be used.
    void chooseFile(const QString& path);
    QString callId() const; ///< of the call that is followed; empty: none was placed

Q_SIGNALS:
    void callPlaced(const QString& callId);

protected:
    void changeEvent(QEvent* event) override; ///< language, palette
    void dragEnterEvent(QDragEnterEvent* event) override; ///< a WAV file
    void dropEvent(QDropEvent* event) override;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
