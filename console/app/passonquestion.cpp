// SPDX-License-Identifier: Apache-2.0
#include "console/app/passonquestion.h"

#include "console/models/words.h"

#include <QDialogButtonBox>
#include <QEvent>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QVBoxLayout>

namespace kav::console {

PassOnQuestion::PassOnQuestion(Desk& desk, const CallSummary& call, QWidget* parent)
    : QDialog(parent)
    , m_desk(desk)
    , m_call(call)
    , m_question(new QLabel(this))
    , m_targets(new QListWidget(this))
    , m_whyNot(new QLabel(this))
    , m_buttons(new QDialogButtonBox(QDialogButtonBox::Cancel, this))
    , m_pass(m_buttons->addButton(QString(), QDialogButtonBox::AcceptRole))
{
    setModal(false);
    setAttribute(Qt::WA_DeleteOnClose);
    m_question->setWordWrap(true);
    m_question->setTextFormat(Qt::PlainText);
    m_question->setMinimumWidth(m_question->fontMetrics().averageCharWidth() * 50);
    m_targets->setObjectName(QStringLiteral("passOnTargets"));
    m_whyNot->setWordWrap(true);
    m_pass->setObjectName(QStringLiteral("passOn"));
    m_pass->setAutoDefault(false);
    QPushButton* const cancel = m_buttons->button(QDialogButtonBox::Cancel);
    const auto column = new QVBoxLayout(this);
    column->addWidget(m_question);
    column->addWidget(m_targets);
    column->addWidget(m_whyNot);
    column->addWidget(m_buttons);

    connect(m_buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(m_pass, &QPushButton::clicked, this, [this] {
        m_desk.passOn(m_call.id, chosen());
        accept();
    });
    connect(m_targets, &QListWidget::itemSelectionChanged, this, &PassOnQuestion::update);
    connect(&desk, &Desk::actsChanged, this, &PassOnQuestion::update);
    connect(&desk, &Desk::linkChanged, this, &PassOnQuestion::update);
    connect(&desk.synchronizer(), &Synchronizer::callChanged, this, &PassOnQuestion::update);
    connect(&desk.synchronizer(), &Synchronizer::callGone, this, &PassOnQuestion::update);
    connect(&desk.synchronizer(), &Synchronizer::snapshotTaken, this, &PassOnQuestion::update);
    fillTargets();
    (isChoice() ? static_cast<QWidget*>(m_targets) : cancel)->setFocus();
    retranslate();
    update();
}

void PassOnQuestion::changeEvent(QEvent* event)
{
    QDialog::changeEvent(event);
    if (event->type() == QEvent::LanguageChange) {
        retranslate();
        update();
    }
}

QString PassOnQuestion::chosen() const
{
    if (!isChoice())
        return m_call.transferTargets.value(0);
    const auto selected = m_targets->selectedItems();
    return selected.isEmpty() ? QString() : selected.constFirst()->text();
}

void PassOnQuestion::fillTargets()
{
    m_targets->clear();
    m_targets->addItems(m_call.transferTargets);
    m_targets->setVisible(isChoice());
    // Enter, pressed in a hurry, must not send a person elsewhere: where there is a choice it has to be made first.
    (isChoice() ? m_pass : m_buttons->button(QDialogButtonBox::Cancel))->setDefault(true);
    constexpr int MostShown = 8;
    const int rows = qBound(2, m_targets->count(), MostShown);
    m_targets->setFixedHeight(rows * m_targets->sizeHintForRow(0) + 2 * m_targets->frameWidth());
}

void PassOnQuestion::update()
{
    const auto call = m_desk.liveCalls().call(m_call.id);
    if (!call || call->state == CallState::Ended) {
        reject();
        return;
    }
    if (call->transferTargets != m_call.transferTargets) {
        m_call.transferTargets = call->transferTargets;
        fillTargets();
        retranslate();
    }
    const QString whyNot = m_desk.whyNot(Desk::Act::PassOn, m_call.id);
    m_targets->setEnabled(whyNot.isEmpty());
    m_pass->setEnabled(whyNot.isEmpty() && !chosen().isEmpty());
    m_pass->setToolTip(!whyNot.isEmpty() ? whyNot : chosen().isEmpty() ? tr("Choose who gets the call.") : QString());
    m_whyNot->setText(whyNot);
    m_whyNot->setVisible(!whyNot.isEmpty());
}

void PassOnQuestion::retranslate()
{
    setWindowTitle(tr("Pass the call on?"));
    const bool named = !isChoice();
    const QString target = isolatedByItself(m_call.transferTargets.value(0));
    const QString caller = isolated(m_call.from);
    if (named && m_call.from.isEmpty())
        //: %1: a name from the engine's settings
        m_question->setText(tr("A person is on the line. Pass this call on to “%1”?").arg(target));
    else if (named)
        //: %1: a telephone number; %2: a name from the engine's settings
        m_question->setText(tr("A person is on the line. Pass the call from %1 on to “%2”?").arg(caller, target));
    else if (m_call.from.isEmpty())
        m_question->setText(tr("A person is on the line. Who gets this call?"));
    else
        //: %1: a telephone number
        m_question->setText(tr("A person is on the line. Who gets the call from %1?").arg(caller));
    m_targets->setAccessibleName(tr("Who gets the call"));
    m_pass->setText(tr("&Pass on"));
    m_buttons->button(QDialogButtonBox::Cancel)->setText(tr("Leave it with the agent"));
}

} // namespace kav::console
