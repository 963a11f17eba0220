// SPDX-License-Identifier: Apache-2.0
#include "console/views/linkbanner.h"

#include "console/models/words.h"
#include "console/views/theme.h"

#include <QAccessible>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>

namespace kav::console {

struct LinkBanner::Private final {
    Private(Desk& theDesk, LinkBanner& banner)
        : desk(theDesk)
        , q(banner)
        , mark(new QLabel(&banner))
        , sentence(new QLabel(&banner))
        , retry(new QPushButton(&banner))
        , settings(new QPushButton(&banner))
    {
    }

    Desk& desk;
    LinkBanner& q;
    QLabel *mark, *sentence;
    QPushButton *retry, *settings;
    LinkState told = LinkState::Live; // by the screen reader, once a state

    void build();
    void retranslate();
    void show();
};

void LinkBanner::Private::build()
{
    sentence->setWordWrap(true);
    sentence->setTextFormat(Qt::PlainText);
    auto* line = new QHBoxLayout(&q);
    line->setContentsMargins(10, 5, 10, 5);
    line->addWidget(mark);
    line->addWidget(sentence, 1);
    line->addWidget(retry);
    line->addWidget(settings);
    QObject::connect(retry, &QPushButton::clicked, &q, [this] { desk.connection().retryNow(); });
    QObject::connect(settings, &QPushButton::clicked, &q, &LinkBanner::connectionSettingsWanted);
    QObject::connect(&desk, &Desk::linkChanged, &q, [this] { show(); });
    retranslate();
}

void LinkBanner::Private::retranslate()
{
    retry->setText(tr("Retry now"));
    retry->setToolTip(tr("Try to reach the engine without waiting."));
    settings->setText(tr("Connection…"));
    settings->setToolTip(tr("Choose the engine and its token."));
    sentence->setAccessibleName(tr("State of the connection"));
    show();
}

void LinkBanner::Private::show()
{
    const LinkState state = desk.connection().state();
    q.setVisible(!desk.isLive());
    const bool news = state != told;
    told = state;
    if (desk.isLive())
        return;
    const Theme theme(q.palette());
    const Look look = lookOf(state);
    const int extent = q.fontMetrics().height();
    mark->setPixmap(theme.icon(look.icon, look.tone).pixmap(QSize(extent, extent), q.devicePixelRatioF()));
    mark->setToolTip(linkStateWord(state));
    sentence->setText(desk.linkSentence());
    const QString reason = desk.connection().reason();
    sentence->setToolTip(reason);
    sentence->setAccessibleDescription(reason);
    // Refused by the engine may be mended there, so one may try again without changing anything here.
    retry->setVisible(state == LinkState::Waiting || state == LinkState::Stale || state == LinkState::Refused);
    settings->setVisible(
        state == LinkState::Disconnected || state == LinkState::Waiting || state == LinkState::Refused);
    q.update();
    if (news && QAccessible::isActive()) {
        QAccessibleEvent event(sentence, QAccessible::Alert);
        QAccessible::updateAccessibility(&event);
    }
}

LinkBanner::LinkBanner(Desk& desk, QWidget* parent)
    : QWidget(parent)
    , d(std::make_unique<Private>(desk, *this))
{
    d->build();
}

LinkBanner::~LinkBanner() = default;

void LinkBanner::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        d->retranslate();
    else if (event->type() == QEvent::PaletteChange)
        d->show();
}

void LinkBanner::paintEvent(QPaintEvent*)
{
    const Theme theme(palette());
    const Tone tone = lookOf(d->desk.connection().state()).tone;
    QPainter painter(this);
    painter.fillRect(rect(), theme.ground(tone));
    const int edge = qMax(2, fontMetrics().height() / 5);
    painter.fillRect(QStyle::visualRect(layoutDirection(), rect(), QRect(0, 0, edge, height())), theme.color(tone));
    painter.setPen(theme.line());
    painter.drawLine(rect().bottomLeft(), rect().bottomRight());
}

} // namespace kav::console
