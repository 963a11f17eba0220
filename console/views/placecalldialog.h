// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QDialog>

#include <memory>

namespace kav::console {

/// Lets the engine call a telephone number: whom, in whose words, and what a machine that answers gets. Says what it
/// costs, places nothing before the operator has agreed to that, and follows the call from the queue to its end. Not
/// modal.
class PlaceCallDialog final : public QDialog {
    Q_OBJECT
public:
    explicit PlaceCallDialog(Desk& desk, QWidget* parent = nullptr);
    ~PlaceCallDialog() override;

    QString placed() const; ///< the placing that is followed; empty: none

Q_SIGNALS:
    /// It has a conversation, or is about to: there is something to see of it.
    void callAnswered(const QString& callId);

protected:
    void changeEvent(QEvent* event) override; ///< language, palette

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
