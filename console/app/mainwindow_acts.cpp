// SPDX-License-Identifier: Apache-2.0
#include "console/app/endcallquestion.h"
#include "console/app/mainwindow.h"
#include "console/app/passonquestion.h"
#include "console/app/saveevidencedialog.h"
#include "console/models/words.h"
#include "console/views/placecalldialog.h"
#include "console/views/requestspane.h"
#include "console/views/testcalldialog.h"

#include <QAction>
#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>

#include <algorithm>

// What an operator does from the main window, and what the window says about whether he can.
namespace kav::console {

namespace {

/// The question about this call that is open in `window`; null: there is none.
template <typename Question> Question* openQuestion(const QWidget& window, const QString& callId)
{
    const auto all = window.findChildren<Question*>();
    const auto found = std::find_if(all.cbegin(), all.cend(),
        [&callId](const Question* one) { return one->callId() == callId && one->isVisible(); });
    return found == all.cend() ? nullptr : *found;
}

void bringForward(QWidget& dialog)
{
    dialog.show();
    dialog.raise();
    dialog.activateWindow();
}

} // namespace

void MainWindow::showActs()
{
    using Act = Desk::Act;
    const QString call = m_desk.selectedCall();
    showAct(*m_testCall, m_desk.whyNot(Act::TestCall), m_desk.isPending(Act::TestCall), tr("&Test call…"),
        tr("Placing the test call…"), tr("Lets the engine call itself, as a caller would"));
    showAct(*m_placeCall, m_desk.whyNot(Act::PlaceCall), m_desk.isPending(Act::PlaceCall), tr("&Call a number…"),
        tr("Calling…"), tr("Lets the engine call a telephone number"));
    showAct(*m_interrupt, m_desk.whyNot(Act::Interrupt, call), m_desk.isPending(Act::Interrupt, call), tr("&Interrupt"),
        tr("Interrupting…"), tr("The agent stops speaking, or thinking, and listens"));
    showAct(*m_passOn, m_desk.whyNot(Act::PassOn, call), m_desk.isPending(Act::PassOn, call), tr("&Pass on…"),
        tr("Passing the call on…"), tr("The agent leaves the selected call to a person; asks to whom"));
    // A goodbye that is under way can still be cut short.
    const QString whyNotNow = m_desk.whyNot(Act::EndCallNow, call);
    const QString whyNot = m_desk.whyNot(Act::EndCall, call);
    showAct(*m_endCall, whyNotNow.isEmpty() ? QString() : whyNot,
        m_desk.isPending(Act::EndCall, call) || m_desk.isPending(Act::EndCallNow, call), tr("&End call"),
        tr("Ending the call…"), tr("Ends the selected call; asks before a person is cut off"));
    showAct(*m_saveEvidence, m_desk.whyNot(Act::SaveEvidence, call), false, tr("&Save evidence…"), {},
        tr("What happened in the selected call, as a pack to keep or to hand on"));
    m_requestsOfCall->setEnabled(!call.isEmpty());
    m_requestsOfCall->setToolTip(
        call.isEmpty() ? tr("Select a call first.") : tr("The webhooks and the stream of the selected call"));
    m_refresh->setEnabled(m_desk.connection().url().isValid());
    m_disconnect->setEnabled(m_desk.connection().state() != LinkState::Disconnected);
}

void MainWindow::showAct(QAction& action, const QString& whyNot, bool pending, const QString& words,
    const QString& pendingWords, const QString& purpose)
{
    action.setText(pending ? pendingWords : words);
    action.setEnabled(whyNot.isEmpty() && !pending);
    action.setToolTip(!whyNot.isEmpty() ? whyNot
            : pending                   ? tr("The engine has not answered yet")
                                        : tr("%1 (%2)", "what it does, keys")
                            .arg(purpose, isolated(action.shortcut().toString(QKeySequence::NativeText))));
}

void MainWindow::showTitle()
{
    const int calls = m_desk.liveCalls().liveCount();
    const QString state = m_desk.isLive() ? tr("%n live call(s)", "title of the window", calls)
                                          : linkStateWord(m_desk.connection().state());
    setWindowTitle(tr("%1 – Kav", "state, program").arg(state));
}

void MainWindow::placeCall()
{
    if (!m_placeCallDialog) {
        m_placeCallDialog = new PlaceCallDialog(m_desk, this);
        m_placeCallDialog->setAttribute(Qt::WA_DeleteOnClose);
        connect(m_placeCallDialog, &PlaceCallDialog::callAnswered, this,
            [this](const QString& callId) { m_desk.selectCall(callId); });
    }
    bringForward(*m_placeCallDialog);
}

void MainWindow::placeTestCall()
{
    if (!m_testCallDialog) {
        m_testCallDialog = new TestCallDialog(m_desk, this);
        m_testCallDialog->setAttribute(Qt::WA_DeleteOnClose);
        connect(m_testCallDialog, &TestCallDialog::callPlaced, this,
            [this](const QString& callId) { m_desk.selectCall(callId); });
    }
    bringForward(*m_testCallDialog);
}

void MainWindow::interrupt()
{
    m_desk.interrupt(m_desk.selectedCall());
}

void MainWindow::endCall()
{
    const auto call = m_desk.selectedLive();
    if (!call)
        return;
    if (call->test) {
        m_desk.endCallPolitely(call->id);
        return;
    }
    auto* question = openQuestion<EndCallQuestion>(*this, call->id);
    bringForward(question ? *question : *new EndCallQuestion(m_desk, *call, this));
}

void MainWindow::passOn()
{
    const auto call = m_desk.selectedLive();
    if (!call)
        return;
    if (call->test && call->transferTargets.size() == 1) {
        m_desk.passOn(call->id, call->transferTargets.constFirst());
        return;
    }
    auto* question = openQuestion<PassOnQuestion>(*this, call->id);
    bringForward(question ? *question : *new PassOnQuestion(m_desk, *call, this));
}

void MainWindow::refresh()
{
    if (!m_desk.isLive()) {
        m_desk.connection().retryNow();
        return;
    }
    m_desk.synchronizer().resync();
    m_desk.log().reload();
    m_desk.requests().reload();
}

void MainWindow::showRequestsOfCall()
{
    m_requests->setThisCallOnly(true);
    m_goRequests->trigger();
}

void MainWindow::saveEvidence()
{
    const QString call = m_desk.selectedCall();
    if (call.isEmpty())
        return;
    if (auto* const open = openQuestion<SaveEvidenceDialog>(*this, call)) {
        bringForward(*open);
        return;
    }
    if (m_evidenceFolder.isEmpty())
        m_evidenceFolder = QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation);
    if (!QFileInfo(m_evidenceFolder).isDir())
        m_evidenceFolder = QDir::homePath();
    auto* const dialog = new SaveEvidenceDialog(m_desk, call, m_evidenceFolder, this);
    connect(dialog, &SaveEvidenceDialog::ordered, this, [this](const EvidenceSaver::Order& order) {
        m_evidenceFolder = QFileInfo(order.path).absolutePath();
        m_desk.saveEvidence(order);
    });
    bringForward(*dialog);
}

void MainWindow::openCall(const QString& callId)
{
    m_desk.selectCall(callId);
    m_goCall->trigger();
}

} // namespace kav::console
