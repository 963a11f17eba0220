// SPDX-License-Identifier: Apache-2.0
#include "console/views/painting.h"

#include <QStyle>

namespace kav::console {

int iconExtent(const QFontMetrics& metrics)
{
    return qMax(12, metrics.ascent() + metrics.descent());
}

QFont captionFont(const QFont& font)
{
    QFont caption = font;
    if (font.pointSizeF() > 0)
        caption.setPointSizeF(font.pointSizeF() * 0.88);
    else
        caption.setPixelSize(qMax(1, font.pixelSize() * 88 / 100));
    return caption;
}

Qt::Alignment leadingEdge(const QWidget& widget)
{
    return (widget.isRightToLeft() ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignAbsolute | Qt::AlignVCenter;
}

QSize chipSize(const QFont& font, const QString& word, bool withIcon)
{
    const QFontMetrics metrics(captionFont(font));
    const int pad = metrics.height() / 3;
    const int icon = withIcon ? iconExtent(metrics) + pad : 0;
    return {metrics.horizontalAdvance(word) + 2 * pad + icon, metrics.height() + 2};
}

void drawChip(QPainter& painter, const QRect& rect, const QFont& font, const QString& word, const Theme& theme,
    Tone tone, const QString& icon, Qt::LayoutDirection direction)
{
    const QFont caption = captionFont(font);
    const QFontMetrics metrics(caption);
    const int pad = metrics.height() / 3;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    QColor edge = theme.color(tone);
    edge.setAlphaF(0.35F);
    painter.setPen(QPen(edge, 1));
    painter.setBrush(theme.ground(tone));
    const qreal radius = rect.height() * 0.3;
    painter.drawRoundedRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius);
    QRect text = rect.adjusted(pad, 0, -pad, 0);
    if (!icon.isEmpty()) {
        const int extent = iconExtent(metrics);
        QRect place(text.left(), text.center().y() - extent / 2, extent, extent);
        theme.icon(icon, tone).paint(&painter, QStyle::visualRect(direction, text, place));
        text = QStyle::visualRect(direction, text, text.adjusted(extent + pad, 0, 0, 0));
    }
    painter.setFont(caption);
    painter.setPen(theme.color(tone));
    painter.drawText(text, Qt::AlignCenter | Qt::TextSingleLine, word);
    painter.restore();
}

} // namespace kav::console
