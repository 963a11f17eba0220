// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QToolButton>

namespace kav::console {

/// Which engine, and how the line to it is: icon, name and word; a click asks for another. Owned by the main window.
class EngineLamp final : public QToolButton {
    Q_OBJECT
public:
    explicit EngineLamp(Desk& desk, QWidget* parent = nullptr);

protected:
    void changeEvent(QEvent* event) override; ///< language, palette

private:
    void update();

    Desk& m_desk;
};

} // namespace kav::console
