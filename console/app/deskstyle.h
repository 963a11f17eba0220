// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QProxyStyle>

namespace kav::console {

/// Fusion, with the label of a button that has icon and text in its middle in a right-to-left window too: Qt 6.4 sets
/// the text at the button's far edge there and cuts it. Given to QApplication, which owns it.
class DeskStyle final : public QProxyStyle {
    Q_OBJECT
public:
    DeskStyle();

    void drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
        const QWidget* widget = nullptr) const override;
};

} // namespace kav::console
