// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/views/theme.h"

#include <QFont>
#include <QFontMetrics>
#include <QPainter>
#include <QRect>
#include <QString>
#include <QWidget>

// What several delegates draw. Sizes come from the font, never from pixels.
namespace kav::console {

/// The icon that goes with text of this font.
int iconExtent(const QFontMetrics& metrics);
/// A smaller font for marks and captions.
QFont captionFont(const QFont& font);
/// Where a line begins in this widget's direction, whatever direction its own text has.
Qt::Alignment leadingEdge(const QWidget& widget);
/// A word on a faint rounded ground: "TEST". chipSize() is what it needs.
QSize chipSize(const QFont& font, const QString& word, bool withIcon = false);
void drawChip(QPainter& painter, const QRect& rect, const QFont& font, const QString& word, const Theme& theme,
    Tone tone, const QString& icon = {}, Qt::LayoutDirection direction = Qt::LeftToRight);

} // namespace kav::console
