// SPDX-License-Identifier: Apache-2.0
#include "console/views/linkbanner.h"

#include "console/models/words.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>

#include <utility>

namespace kav::console {

LinkBanner::LinkBanner(Desk& desk, QWidget* parent)
    : Banner(parent)
    , m_desk(desk)
    , m_retry(new QPushButton(this))
    , m_settings(new QPushButton(this))
{
    row().addWidget(m_retry);
    row().addWidget(m_settings);
    connect(m_retry, &QPushButton::clicked, this, [this] { m_desk.connection().retryNow(); });
    connect(m_settings, &QPushButton::clicked, this, &LinkBanner::connectionSettingsWanted);
    connect(&desk, &Desk::linkChanged, this, &LinkBanner::showState);
    retranslate();
}

void LinkBanner::retranslate()
{
    m_retry->setText(tr("Retry now"));
    m_retry->setToolTip(tr("Try to reach the engine without waiting."));
    m_settings->setText(tr("Connection…"));
    m_settings->setToolTip(tr("Choose the engine and its token."));
    sentence().setAccessibleName(tr("State of the connection"));
    showState();
}

void LinkBanner::showState()
{
    const LinkState state = m_desk.connection().state();
    setVisible(!m_desk.isLive());
    const bool isNews = std::exchange(m_told, state) != state;
    if (m_desk.isLive())
        return;
    const Look look = lookOf(state);
    say(look.icon, look.tone, m_desk.linkSentence());
    mark().setToolTip(linkStateWord(state));
    const QString reason = m_desk.connection().reason();
    sentence().setToolTip(reason);
    sentence().setAccessibleDescription(reason);
    // Refused by the engine may be mended there, so one may try again without changing anything here.
    m_retry->setVisible(state == LinkState::Waiting || state == LinkState::Stale || state == LinkState::Refused);
    m_settings->setVisible(
        state == LinkState::Disconnected || state == LinkState::Waiting || state == LinkState::Refused);
    if (isNews)
        announce();
}

} // namespace kav::console
