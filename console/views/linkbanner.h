// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"
#include "console/views/banner.h"

class QPushButton;

namespace kav::console {

/// Says what is wrong with the line, with the countdown and the age of what is shown, and offers "Retry now". Hidden
/// only when Live.
class LinkBanner final : public Banner {
    Q_OBJECT
public:
    explicit LinkBanner(Desk& desk, QWidget* parent = nullptr);

Q_SIGNALS:
    void connectionSettingsWanted();

private:
    void retranslate() override;
    void showState() override;

    Desk& m_desk;
    QPushButton *m_retry, *m_settings;
    LinkState m_told = LinkState::Live; // by the screen reader, once a state
};

} // namespace kav::console
