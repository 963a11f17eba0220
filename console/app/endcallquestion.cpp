// SPDX-License-Identifier: Apache-2.0
#include "console/app/endcallquestion.h"

#include "console/models/words.h"

#include <QDialogButtonBox>
#include <QEvent>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace kav::console {

EndCallQuestion::EndCallQuestion(Desk& desk, const CallSummary& call, QWidget* parent)
    : QDialog(parent)
    , m_desk(desk)
    , m_call(call)
    , m_question(new QLabel(this))
    , m_whyNot(new QLabel(this))
    , m_buttons(new QDialogButtonBox(QDialogButtonBox::Cancel, this))
    , m_goodbye(m_buttons->addButton(QString(), QDialogButtonBox::AcceptRole))
    , m_now(m_buttons->addButton(QString(), QDialogButtonBox::DestructiveRole))
{
    setModal(false);
    setAttribute(Qt::WA_DeleteOnClose);
    m_question->setWordWrap(true);
    m_question->setMinimumWidth(m_question->fontMetrics().averageCharWidth() * 50);
    m_whyNot->setWordWrap(true);
    m_goodbye->setObjectName(QStringLiteral("endWithGoodbye"));
    m_now->setObjectName(QStringLiteral("endAtOnce"));
    m_now->setAutoDefault(false);
    m_goodbye->setAutoDefault(false);
    // Enter, pressed in a hurry, must not end a person's call.
    m_buttons->button(QDialogButtonBox::Cancel)->setDefault(true);
    m_buttons->button(QDialogButtonBox::Cancel)->setFocus();
    const auto column = new QVBoxLayout(this);
    column->addWidget(m_question);
    column->addWidget(m_whyNot);
    column->addWidget(m_buttons);

    connect(m_buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(m_goodbye, &QPushButton::clicked, this, [this] {
        m_desk.endCall(m_call.id, false);
        accept();
    });
    connect(m_now, &QPushButton::clicked, this, [this] {
        m_desk.endCall(m_call.id, true);
        accept();
    });
    connect(&desk, &Desk::actsChanged, this, &EndCallQuestion::update);
    connect(&desk, &Desk::linkChanged, this, &EndCallQuestion::update);
    connect(&desk.synchronizer(), &Synchronizer::callChanged, this, &EndCallQuestion::update);
    connect(&desk.synchronizer(), &Synchronizer::callGone, this, &EndCallQuestion::update);
    connect(&desk.synchronizer(), &Synchronizer::snapshotTaken, this, &EndCallQuestion::update);
    retranslate();
    update();
}

void EndCallQuestion::changeEvent(QEvent* event)
{
    QDialog::changeEvent(event);
    if (event->type() == QEvent::LanguageChange) {
        retranslate();
        update();
    }
}

void EndCallQuestion::update()
{
    const auto call = m_desk.liveCalls().call(m_call.id);
    if (!call || call->state == CallState::Ended) {
        reject();
        return;
    }
    const QString whyNot = m_desk.whyNot(Desk::Act::EndCall, m_call.id);
    const QString whyNotNow = m_desk.whyNot(Desk::Act::EndCallNow, m_call.id);
    m_goodbye->setEnabled(whyNot.isEmpty());
    m_now->setEnabled(whyNotNow.isEmpty());
    m_whyNot->setText(whyNot);
    m_whyNot->setVisible(!whyNot.isEmpty());
}

void EndCallQuestion::retranslate()
{
    setWindowTitle(tr("End the call?"));
    m_question->setText(m_call.from.isEmpty()
            ? tr("A person is on the line. End this call?")
            : tr("A person is on the line. End the call from %1?").arg(isolated(m_call.from)));
    m_goodbye->setText(tr("Say goodbye and end"));
    m_now->setText(tr("End at once"));
    m_buttons->button(QDialogButtonBox::Cancel)->setText(tr("Go on with the call"));
}

} // namespace kav::console
