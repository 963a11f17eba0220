// SPDX-License-Identifier: Apache-2.0
#include "console/app/enginelamp.h"

#include "console/models/words.h"
#include "console/views/theme.h"

#include <QEvent>

namespace kav::console {

EngineLamp::EngineLamp(Desk& desk, QWidget* parent)
    : QToolButton(parent)
    , m_desk(desk)
{
    setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    setAutoRaise(true);
    connect(&desk, &Desk::linkChanged, this, &EngineLamp::update);
    connect(&desk.synchronizer(), &Synchronizer::welcomed, this, &EngineLamp::update);
    update();
}

void EngineLamp::changeEvent(QEvent* event)
{
    QToolButton::changeEvent(event);
    if (event->type() == QEvent::LanguageChange || event->type() == QEvent::PaletteChange)
        update();
}

void EngineLamp::update()
{
    const LinkState state = m_desk.connection().state();
    const Look look = lookOf(state);
    setIcon(Theme(palette()).icon(look.icon, look.tone));
    const QUrl url = m_desk.connection().url();
    const auto& welcome = m_desk.synchronizer().welcome();
    const QString name = welcome && !welcome->engineName.isEmpty() ? welcome->engineName
        : url.port() > 0 ? QStringLiteral("%1:%2").arg(url.host()).arg(url.port())
                         : url.host();
    const QString word = linkStateWord(state);
    setText(name.isEmpty() ? word : tr("%1: %2", "engine, state of the line").arg(isolated(name), word));
    setToolTip(url.isValid() ? isolated(url.toString()) : tr("Choose an engine to connect to"));
    setAccessibleName(tr("Engine: %1").arg(text()));
}

} // namespace kav::console
