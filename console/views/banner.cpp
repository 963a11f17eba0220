// SPDX-License-Identifier: Apache-2.0
#include "console/views/banner.h"

#include <QAccessible>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QStyle>

namespace kav::console {

Banner::Banner(QWidget* parent)
    : QWidget(parent)
    , m_mark(new QLabel(this))
    , m_sentence(new QLabel(this))
{
    m_sentence->setWordWrap(true);
    m_sentence->setTextFormat(Qt::PlainText);
    auto* line = new QHBoxLayout(this);
    line->setContentsMargins(10, 5, 10, 5);
    line->addWidget(m_mark);
    line->addWidget(m_sentence, 1);
}

QHBoxLayout& Banner::row()
{
    return *static_cast<QHBoxLayout*>(layout());
}

void Banner::say(const QString& icon, Tone tone, const QString& sentence)
{
    m_tone = tone;
    const int extent = fontMetrics().height();
    m_mark->setPixmap(Theme(palette()).icon(icon, tone).pixmap(QSize(extent, extent), devicePixelRatioF()));
    m_sentence->setText(sentence);
    update();
}

void Banner::announce()
{
    if (!QAccessible::isActive())
        return;
    QAccessibleEvent event(m_sentence, QAccessible::Alert);
    QAccessible::updateAccessibility(&event);
}

void Banner::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange)
        showState();
}

void Banner::paintEvent(QPaintEvent*)
{
    const Theme theme(palette());
    QPainter painter(this);
    painter.fillRect(rect(), theme.ground(m_tone));
    const int edge = qMax(2, fontMetrics().height() / 5);
    painter.fillRect(QStyle::visualRect(layoutDirection(), rect(), QRect(0, 0, edge, height())), theme.color(m_tone));
    painter.setPen(theme.line());
    painter.drawLine(rect().bottomLeft(), rect().bottomRight());
}

} // namespace kav::console
