// SPDX-License-Identifier: Apache-2.0
#include "console/app/statusline.h"

#include "console/models/words.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>

namespace kav::console {

StatusLine::StatusLine(Desk& desk, QWidget* parent)
    : QWidget(parent)
    , m_desk(desk)
    , m_lag(new QLabel(this))
    , m_calls(new QLabel(this))
    , m_consoles(new QLabel(this))
    , m_engine(new QLabel(this))
{
    const auto line = new QHBoxLayout(this);
    line->setContentsMargins(6, 2, 6, 2);
    line->setSpacing(24);
    for (QLabel* label : {m_calls, m_consoles, m_lag, m_engine})
        line->addWidget(label);
    m_calls->setObjectName(QStringLiteral("statusCalls"));
    m_lag->setObjectName(QStringLiteral("statusLag"));
    m_consoles->setObjectName(QStringLiteral("statusConsoles"));
    m_engine->setObjectName(QStringLiteral("statusEngine"));
    connect(&desk, &Desk::linkChanged, this, &StatusLine::update);
    connect(&desk.synchronizer(), &Synchronizer::engineChanged, this, &StatusLine::update);
    connect(&desk.synchronizer(), &Synchronizer::snapshotTaken, this, &StatusLine::update);
    connect(&desk.liveCalls(), &LiveCallsModel::liveCountChanged, this, &StatusLine::update);
    update();
}

void StatusLine::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        update();
}

void StatusLine::update()
{
    const bool live = m_desk.isLive();
    for (QLabel* label : {m_lag, m_calls, m_consoles, m_engine})
        label->setEnabled(live);

    const auto& synchronizer = m_desk.synchronizer();
    const auto number = [](int value) { return isolated(QString::number(value)); };
    const auto& welcome = synchronizer.welcome();
    if (!welcome) {
        m_lag->clear();
        m_calls->setText(tr("Not connected to an engine"));
        m_consoles->clear();
        m_engine->clear();
        return;
    }
    const EngineStatus engine = m_desk.services().engine();
    const int calls = m_desk.liveCalls().liveCount();
    m_calls->setText(engine.capacity > 0
            ? tr("Live calls: %1 of %2", "calls now, calls at most").arg(number(calls), number(engine.capacity))
            : tr("Live calls: %1").arg(number(calls)));
    m_consoles->setText(tr("Consoles: %1").arg(number(engine.consoles)));
    const auto lag = synchronizer.lag();
    m_lag->setText(live && lag ? tr("Line delay: %1").arg(gapText(lag)) : tr("Line delay: not known"));
    m_lag->setToolTip(tr("How long a message takes from the engine to this console"));
    m_engine->setText(tr("Engine %1, protocol %2")
                          .arg(isolated(welcome->engineVersion), isolated(QString::number(welcome->version))));
    m_engine->setToolTip(tr("Build %1, started %2")
                             .arg(isolated(welcome->engineCommit),
                                 isolated(QLocale().toString(welcome->startedAt.toLocalTime(), QLocale::ShortFormat))));
}

} // namespace kav::console
