// SPDX-License-Identifier: Apache-2.0
#include "console/views/stopbanner.h"

#include "console/views/theme.h"

#include <QAccessible>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>

#include <utility>

namespace kav::console {

struct StopBanner::Private final {
    Private(Desk& theDesk, StopBanner& banner)
        : desk(theDesk)
        , q(banner)
        , mark(new QLabel(&banner))
        , sentence(new QLabel(&banner))
    {
    }

    Desk& desk;
    StopBanner& q;
    QLabel *mark, *sentence;
    enum class Told { Nothing, Stopping, Goodbye };
    Told told = Told::Nothing; // by the screen reader: each step once, not every call that ends

    void build();
    void retranslate();
    void show();
};

void StopBanner::Private::build()
{
    sentence->setWordWrap(true);
    sentence->setTextFormat(Qt::PlainText);
    auto* line = new QHBoxLayout(&q);
    line->setContentsMargins(10, 5, 10, 5);
    line->addWidget(mark);
    line->addWidget(sentence, 1);
    QObject::connect(&desk, &Desk::linkChanged, &q, [this] { show(); });
    QObject::connect(&desk.services(), &QAbstractItemModel::dataChanged, &q, [this] { show(); });
    QObject::connect(&desk.services(), &QAbstractItemModel::modelReset, &q, [this] { show(); });
    retranslate();
}

void StopBanner::Private::retranslate()
{
    sentence->setAccessibleName(tr("The engine is stopping"));
    show();
}

void StopBanner::Private::show()
{
    const EngineStatus engine = desk.services().engine();
    const QString text = desk.stoppingSentence();
    q.setVisible(!text.isEmpty());
    if (text.isEmpty()) {
        told = Told::Nothing;
        return;
    }
    const Theme theme(q.palette());
    const int extent = q.fontMetrics().height();
    mark->setPixmap(
        theme.icon(QStringLiteral("warning"), Tone::Warning).pixmap(QSize(extent, extent), q.devicePixelRatioF()));
    sentence->setText(text);
    const Told step = engine.remaining && !engine.goodbyeAt.isValid() ? Told::Goodbye : Told::Stopping;
    const bool isNews = std::exchange(told, step) != step;
    q.update();
    if (isNews && QAccessible::isActive()) {
        QAccessibleEvent event(sentence, QAccessible::Alert);
        QAccessible::updateAccessibility(&event);
    }
}

StopBanner::StopBanner(Desk& desk, QWidget* parent)
    : QWidget(parent)
    , d(std::make_unique<Private>(desk, *this))
{
    d->build();
}

StopBanner::~StopBanner() = default;

void StopBanner::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        d->retranslate();
    else if (event->type() == QEvent::PaletteChange)
        d->show();
}

void StopBanner::paintEvent(QPaintEvent*)
{
    const Theme theme(palette());
    QPainter painter(this);
    painter.fillRect(rect(), theme.ground(Tone::Warning));
    const int edge = qMax(2, fontMetrics().height() / 5);
    painter.fillRect(
        QStyle::visualRect(layoutDirection(), rect(), QRect(0, 0, edge, height())), theme.color(Tone::Warning));
    painter.setPen(theme.line());
    painter.drawLine(rect().bottomLeft(), rect().bottomRight());
}

} // namespace kav::console
