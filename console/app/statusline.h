// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QWidget>

class QLabel;

namespace kav::console {

/// The status bar's words: how old the line's answers are, live calls and how many there may be, consoles, the engine's
/// version and the protocol's. What is not live is dimmed. Owned by the main window.
class StatusLine final : public QWidget {
    Q_OBJECT
public:
    explicit StatusLine(Desk& desk, QWidget* parent = nullptr);

protected:
    void changeEvent(QEvent* event) override; ///< language

private:
    void update();

    Desk& m_desk;
    QLabel* m_lag;
    QLabel* m_calls;
    QLabel* m_consoles;
    QLabel* m_engine;
};

} // namespace kav::console
