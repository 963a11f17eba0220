// SPDX-License-Identifier: Apache-2.0
#include "console/views/stopbanner.h"

#include <QLabel>

#include <utility>

namespace kav::console {

StopBanner::StopBanner(Desk& desk, QWidget* parent)
    : Banner(parent)
    , m_desk(desk)
{
    connect(&desk, &Desk::linkChanged, this, &StopBanner::showState);
    connect(&desk.services(), &QAbstractItemModel::dataChanged, this, &StopBanner::showState);
    connect(&desk.services(), &QAbstractItemModel::modelReset, this, &StopBanner::showState);
    retranslate();
}

void StopBanner::retranslate()
{
    sentence().setAccessibleName(tr("The engine is stopping"));
    showState();
}

void StopBanner::showState()
{
    const EngineStatus engine = m_desk.services().engine();
    const QString text = m_desk.stoppingSentence();
    setVisible(!text.isEmpty());
    if (text.isEmpty()) {
        m_told = Told::Nothing;
        return;
    }
    say(QStringLiteral("warning"), Tone::Warning, text);
    const Told step = engine.remaining && !engine.goodbyeAt.isValid() ? Told::Goodbye : Told::Stopping;
    if (std::exchange(m_told, step) != step)
        announce();
}

} // namespace kav::console
