// SPDX-License-Identifier: Apache-2.0
#include "console/app/deskstyle.h"

#include <QIcon>
#include <QPainter>
#include <QStyleOptionButton>

namespace kav::console {

DeskStyle::DeskStyle()
    : QProxyStyle(QStringLiteral("Fusion"))
{
}

void DeskStyle::drawControl(
    ControlElement element, const QStyleOption* option, QPainter* painter, const QWidget* widget) const
{
    const auto* const button = element == CE_PushButtonLabel && option->direction == Qt::RightToLeft
        ? qstyleoption_cast<const QStyleOptionButton*>(option)
        : nullptr;
    if (!button || button->icon.isNull() || button->text.isEmpty()) {
        QProxyStyle::drawControl(element, option, painter, widget);
        return;
    }
    constexpr int Gap = 4; // as QCommonStyle's
    const bool enabled = button->state.testFlag(State_Enabled);
    const int textWidth = button->fontMetrics.size(Qt::TextShowMnemonic, button->text).width();
    const QRect whole = alignedRect(Qt::LeftToRight, Qt::AlignCenter,
        {qMin(button->iconSize.width() + Gap + textWidth, button->rect.width()), button->rect.height()}, button->rect);
    const QRect icon = alignedRect(Qt::LeftToRight, Qt::AlignRight | Qt::AlignVCenter, button->iconSize, whole);
    button->icon.paint(painter, icon, Qt::AlignCenter, enabled ? QIcon::Normal : QIcon::Disabled);
    drawItemText(painter, whole.adjusted(0, 0, -button->iconSize.width() - Gap, 0),
        Qt::AlignCenter | Qt::TextShowMnemonic, button->palette, enabled, button->text, QPalette::ButtonText);
}

} // namespace kav::console
