// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"

#include <QWidget>

#include <memory>

namespace kav::console {

/// Says what is wrong with the line, with the countdown and the age of what is shown, and offers "Retry now". Hidden
/// only when Live.
class LinkBanner final : public QWidget {
    Q_OBJECT
public:
    explicit LinkBanner(Desk& desk, QWidget* parent = nullptr);
    ~LinkBanner() override;

Q_SIGNALS:
    void connectionSettingsWanted();

protected:
    void changeEvent(QEvent* event) override; ///< language, palette
    void paintEvent(QPaintEvent* event) override; ///< the ground in the tone of the state

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
