// SPDX-License-Identifier: Apache-2.0
#include "console/app/mainwindow.h"

#include "console/app/enginelamp.h"
#include "console/app/evidenceline.h"
#include "console/app/keysheet.h"
#include "console/app/statusline.h"
#include "console/app/tabletext.h"
#include "console/models/words.h"
#include "console/views/calllogpane.h"
#include "console/views/callpane.h"
#include "console/views/linkbanner.h"
#include "console/views/stopbanner.h"
#include "console/views/livecallspane.h"
#include "console/views/requestspane.h"
#include "console/views/servicebar.h"
#include "console/views/testcalldialog.h"
#include "console/views/theme.h"

#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QCloseEvent>
#include <QDockWidget>
#include <QLineEdit>
#include <QMenuBar>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QScreen>
#include <QStatusBar>
#include <QTableView>
#include <QTextEdit>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

namespace kav::console {

MainWindow::MainWindow(
    Desk& desk, Settings& settings, Translations& translations, Colours& colours, EngineChooser& chooser)
    : m_desk(desk)
    , m_settings(settings)
    , m_translations(translations)
    , m_colours(colours)
    , m_chooser(chooser)
{
    makeActions();
    makePanes();
    makeMenus();
    makeToolBar();

    m_leaveWallboard = new QToolButton(this);
    connect(m_leaveWallboard, &QToolButton::clicked, this, [this] { m_wallboard->setChecked(false); });
    m_leaveWallboard->hide();
    statusBar()->addPermanentWidget(new StatusLine(desk, this), 1);
    statusBar()->addPermanentWidget(new EvidenceLine(desk, this));
    statusBar()->addPermanentWidget(m_leaveWallboard);

    connect(&desk, &Desk::actsChanged, this, &MainWindow::showActs);
    connect(&desk, &Desk::selectionChanged, this, &MainWindow::showActs);
    connect(&desk, &Desk::linkChanged, this, &MainWindow::showActs);
    connect(&desk, &Desk::linkChanged, this, &MainWindow::showTitle);
    connect(&desk.liveCalls(), &LiveCallsModel::liveCountChanged, this, &MainWindow::showTitle);
    connect(&desk, &Desk::failed, this, [this](Desk::Act, const QString&, const QString& sentence) { tell(sentence); });
    connect(&chooser, &EngineChooser::trouble, this, &MainWindow::tell);

    retranslate();
    tintIcons();
}

MainWindow::~MainWindow() = default;

QAction* MainWindow::newAction(const char* name, const QKeySequence& keys)
{
    const auto action = new QAction(this);
    action->setObjectName(QLatin1String(name));
    action->setShortcut(keys);
    // On the window too: a hidden menu bar takes the keys of its entries with it.
    addAction(action);
    return action;
}

QAction* MainWindow::newAction(const char* name, const QKeySequence& keys, void (MainWindow::*act)())
{
    QAction* action = newAction(name, keys);
    connect(action, &QAction::triggered, this, act);
    return action;
}

void MainWindow::makeActions()
{
    m_connect = newAction("connect");
    connect(m_connect, &QAction::triggered, this, [this] { m_chooser.ask(this); });
    m_disconnect = newAction("disconnect");
    connect(m_disconnect, &QAction::triggered, this, [this] { m_desk.disconnectFromEngine(); });
    m_refresh = newAction("refresh", QKeySequence(Qt::Key_F5), &MainWindow::refresh);
    m_quit = newAction("quit", QKeySequence(Qt::CTRL | Qt::Key_Q));
    m_quit->setMenuRole(QAction::QuitRole);
    connect(m_quit, &QAction::triggered, this, &QWidget::close);

    m_testCall = newAction("testCall", QKeySequence(Qt::CTRL | Qt::Key_N), &MainWindow::placeTestCall);
    m_placeCall = newAction("placeCall", QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_N), &MainWindow::placeCall);
    m_interrupt = newAction("interrupt", QKeySequence(Qt::CTRL | Qt::Key_I), &MainWindow::interrupt);
    m_passOn = newAction("passOn", QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_P), &MainWindow::passOn);
    m_endCall = newAction("endCall", QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E), &MainWindow::endCall);

    m_copy = newAction("copy", QKeySequence(QKeySequence::Copy), &MainWindow::copyRows);
    m_find = newAction("find", QKeySequence(QKeySequence::Find), &MainWindow::findInPane);
    m_clearFilters = newAction("clearFilters");
    connect(m_clearFilters, &QAction::triggered, this, [this] { m_liveCalls->clearFilters(); });

    const auto goTo = [this](const char* name, Qt::Key key, auto paneOf) {
        QAction* action = newAction(name, QKeySequence(Qt::CTRL | key));
        connect(action, &QAction::triggered, this, [this, paneOf] { focusPane(paneOf(this)); });
        return action;
    };
    m_goLiveCalls = goTo("goLiveCalls", Qt::Key_1, [](MainWindow* w) -> QWidget* { return w->m_liveCalls; });
    m_goCall = goTo("goCall", Qt::Key_2, [](MainWindow* w) -> QWidget* { return w->m_call; });
    m_goLog = goTo("goLog", Qt::Key_3, [](MainWindow* w) -> QWidget* { return w->m_log; });
    m_goMessages = goTo("goMessages", Qt::Key_4, [](MainWindow* w) -> QWidget* { return w->m_messagesPane; });
    m_goRequests = goTo("goRequests", Qt::Key_5, [](MainWindow* w) -> QWidget* { return w->m_requests; });
    m_requestsOfCall = newAction("requestsOfCall", QKeySequence(Qt::CTRL | Qt::Key_R), &MainWindow::showRequestsOfCall);
    m_saveEvidence
        = newAction("saveEvidence", QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S), &MainWindow::saveEvidence);
    m_wallboard = newAction("wallboard", QKeySequence(Qt::Key_F11));
    m_wallboard->setCheckable(true);
    connect(m_wallboard, &QAction::toggled, this, &MainWindow::setWallboard);
    m_resetLayout = newAction("resetLayout", {}, &MainWindow::resetLayout);

    m_keys = newAction("keys", QKeySequence(Qt::Key_F1), &MainWindow::showKeys);
    m_about = newAction("about", {}, &MainWindow::showAbout);
    m_about->setMenuRole(QAction::AboutRole);

    m_languages = new QActionGroup(this);
    const QStringList codes = Translations::languages();
    for (const QString& code : codes) {
        const auto action = new QAction(Translations::nameOf(code), m_languages);
        action->setObjectName(QStringLiteral("language-") + code);
        action->setCheckable(true);
        action->setChecked(code == m_translations.language());
        connect(action, &QAction::triggered, this, [this, code] {
            m_settings.setLanguage(code);
            m_translations.speak(code);
        });
    }
    m_appearances = new QActionGroup(this);
    for (const auto appearance : {Appearance::System, Appearance::Light, Appearance::Dark}) {
        const auto action = new QAction(m_appearances);
        action->setObjectName(QStringLiteral("appearance-") + appearanceName(appearance));
        action->setData(int(appearance));
        action->setCheckable(true);
        action->setChecked(appearance == m_colours.appearance());
        connect(action, &QAction::triggered, this, [this, appearance] {
            m_settings.setAppearance(appearance);
            m_colours.show(appearance);
        });
    }
}

void MainWindow::makePanes()
{
    const auto dock = [this](const char* name, QWidget* pane) {
        const auto made = new QDockWidget(m_panes);
        made->setObjectName(QLatin1String(name));
        made->setWidget(pane);
        return made;
    };
    m_panes = new QMainWindow;
    m_panes->setWindowFlags(Qt::Widget);
    m_panes->setDockOptions(QMainWindow::AllowNestedDocks | QMainWindow::AllowTabbedDocks); // nothing moves by itself
    m_liveCalls = new LiveCallsPane(m_desk, m_panes);
    m_panes->setCentralWidget(m_liveCalls);
    m_call = new CallPane(m_desk);
    m_callDock = dock("callDock", m_call);
    m_log = new CallLogPane(m_desk);
    m_logDock = dock("logDock", m_log);
    m_requests = new RequestsPane(m_desk);
    m_requestsDock = dock("requestsDock", m_requests);
    m_messagesPane = new MessagesPane(m_messages);
    m_messagesDock = dock("messagesDock", m_messagesPane);
    placePanes();

    m_banner = new LinkBanner(m_desk, this);
    m_strip = new MessageStrip(this);
    const auto all = new QWidget(this);
    const auto column = new QVBoxLayout(all);
    column->setContentsMargins({});
    column->setSpacing(0);
    column->addWidget(m_banner);
    column->addWidget(new StopBanner(m_desk, this));
    column->addWidget(m_strip);
    column->addWidget(m_panes, 1);
    setCentralWidget(all);

    m_liveCalls->setContextActions({m_interrupt, m_passOn, m_endCall, m_requestsOfCall, m_saveEvidence, m_copy});
    m_log->setContextActions({m_requestsOfCall, m_saveEvidence, m_copy});
    m_requests->setContextActions({m_copy});
    connect(m_requests, &RequestsPane::activated, this, &MainWindow::openCall);
    connect(m_liveCalls, &LiveCallsPane::activated, this, &MainWindow::openCall);
    connect(m_log, &CallLogPane::activated, this, &MainWindow::openCall);
    connect(m_banner, &LinkBanner::connectionSettingsWanted, m_connect, &QAction::trigger);
    connect(m_strip, &MessageStrip::allWanted, m_goMessages, &QAction::trigger);
}

void MainWindow::makeMenus()
{
    m_engineMenu = menuBar()->addMenu(QString());
    m_engineMenu->addActions({m_connect, m_disconnect, m_refresh});
    m_engineMenu->addSeparator();
    m_engineMenu->addAction(m_quit);

    m_callMenu = menuBar()->addMenu(QString());
    m_callMenu->addActions({m_testCall, m_placeCall, m_interrupt, m_passOn, m_endCall, m_requestsOfCall, m_saveEvidence});

    m_editMenu = menuBar()->addMenu(QString());
    m_editMenu->addActions({m_copy, m_find, m_clearFilters});

    m_viewMenu = menuBar()->addMenu(QString());
    for (QDockWidget* dock : {m_callDock, m_logDock, m_requestsDock, m_messagesDock})
        m_viewMenu->addAction(dock->toggleViewAction());
    m_viewMenu->addSeparator();
    m_goMenu = m_viewMenu->addMenu(QString());
    m_goMenu->addActions({m_goLiveCalls, m_goCall, m_goLog, m_goRequests, m_goMessages});
    m_viewMenu->addActions({m_wallboard, m_resetLayout});
    m_viewMenu->addSeparator();
    m_languageMenu = m_viewMenu->addMenu(QString());
    m_languageMenu->addActions(m_languages->actions());
    m_appearanceMenu = m_viewMenu->addMenu(QString());
    m_appearanceMenu->addActions(m_appearances->actions());

    m_helpMenu = menuBar()->addMenu(QString());
    m_helpMenu->addActions({m_keys, m_about});

    // The reason why an act is not possible is in its tooltip.
    for (QMenu* menu : {m_engineMenu, m_callMenu, m_editMenu})
        menu->setToolTipsVisible(true);
}

void MainWindow::makeToolBar()
{
    m_toolBar = addToolBar(QString());
    m_toolBar->setObjectName(QStringLiteral("toolBar"));
    m_toolBar->setMovable(false);
    m_toolBar->setContextMenuPolicy(Qt::PreventContextMenu);
    m_toolBar->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_lamp = new EngineLamp(m_desk, m_toolBar);
    connect(m_lamp, &QToolButton::clicked, m_connect, &QAction::trigger);
    m_toolBar->addWidget(m_lamp);
    m_toolBar->addSeparator();
    const auto services = new ServiceBar(m_desk, m_toolBar);
    services->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    m_toolBar->addWidget(services);
    m_toolBar->addActions({m_testCall, m_interrupt, m_passOn, m_endCall});
}

void MainWindow::open(bool asAtFirst)
{
    const Settings::Layout last = m_settings.layout();
    if (asAtFirst || !restoreGeometry(last.geometry)) {
        const QSize room = screen()->availableSize();
        resize(QSize(1360, 860).boundedTo(room * 0.95));
    }
    // Geometry first, and the panes once the window has its size: they would be squeezed into the size before it.
    show();
    if (asAtFirst || !restorePanes(last.panes)) {
        standAsAtFirst();
        return;
    }
    m_liveCalls->restoreHeader(last.liveCalls);
    m_log->restoreHeader(last.callLog);
    m_call->restoreLayout(last.call);
    m_requests->restoreLayout(last.requests);
}

void MainWindow::tell(const QString& sentence)
{
    m_messages.add(QDateTime::currentDateTime(), sentence);
    m_strip->show(sentence);
    QApplication::alert(this);
}

void MainWindow::changeEvent(QEvent* event)
{
    QMainWindow::changeEvent(event);
    switch (event->type()) {
    case QEvent::LanguageChange:
        retranslate();
        break;
    case QEvent::LayoutDirectionChange:
        // Qt's docks keep their sides: reading begins at the other one now.
        mirrorPanes();
        break;
    case QEvent::PaletteChange:
        tintIcons();
        break;
    case QEvent::ThemeChange:
        m_colours.followSystem();
        break;
    default:
        break;
    }
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    m_wallboard->setChecked(false);
    if (isVisible()) // what was never shown has no layout
        m_settings.setLayout(layout());
    if (const auto synced = m_settings.sync(); !synced)
        qWarning("%s", qPrintable(synced.error().message));
    // Dialogs that are open would keep the program alive without its window.
    const auto dialogs = findChildren<QDialog*>();
    for (QDialog* dialog : dialogs)
        dialog->close();
    event->accept();
}

void MainWindow::placePanes()
{
    // What stands at a side has the whole height.
    for (const auto& [corner, area] : {std::pair(Qt::BottomRightCorner, Qt::RightDockWidgetArea),
             std::pair(Qt::TopRightCorner, Qt::RightDockWidgetArea),
             std::pair(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea),
             std::pair(Qt::TopLeftCorner, Qt::LeftDockWidgetArea)})
        m_panes->setCorner(corner, area);
    m_panes->addDockWidget(isRightToLeft() ? Qt::LeftDockWidgetArea : Qt::RightDockWidgetArea, m_callDock);
    m_panes->addDockWidget(Qt::BottomDockWidgetArea, m_logDock);
    m_panes->addDockWidget(Qt::BottomDockWidgetArea, m_requestsDock);
    m_panes->addDockWidget(Qt::BottomDockWidgetArea, m_messagesDock);
    m_panes->tabifyDockWidget(m_logDock, m_requestsDock);
    m_panes->tabifyDockWidget(m_requestsDock, m_messagesDock);
    m_panesAtFirst = m_panes->saveState(layoutVersion(isRightToLeft()));
}

void MainWindow::standAsAtFirst()
{
    // By a stored state, not by adding the docks once more: Qt would leave the tabs of their old places behind.
    restorePanes(m_panesAtFirst);
    m_logDock->raise();
    m_panes->resizeDocks({m_callDock}, {m_panes->width() * 40 / 100}, Qt::Horizontal);
    m_panes->resizeDocks({m_logDock}, {m_panes->height() * 45 / 100}, Qt::Vertical);
}

void MainWindow::resetLayout()
{
    m_wallboard->setChecked(false);
    standAsAtFirst();
    m_settings.forgetLayout();
}

void MainWindow::mirrorPanes()
{
    for (QDockWidget* dock : {m_callDock, m_logDock, m_requestsDock, m_messagesDock}) {
        const Qt::DockWidgetArea area = m_panes->dockWidgetArea(dock);
        if (dock->isFloating() || (area != Qt::LeftDockWidgetArea && area != Qt::RightDockWidgetArea))
            continue;
        const int width = dock->width();
        const bool hidden = dock->isHidden();
        m_panes->addDockWidget(area == Qt::LeftDockWidgetArea ? Qt::RightDockWidgetArea : Qt::LeftDockWidgetArea, dock);
        m_panes->resizeDocks({dock}, {width}, Qt::Horizontal);
        dock->setHidden(hidden);
    }
}

int MainWindow::layoutVersion(bool rightToLeft)
{
    return LayoutVersion * 2 + (rightToLeft ? 1 : 0);
}

bool MainWindow::restorePanes(const QByteArray& state)
{
    if (state.isEmpty())
        return false;
    if (m_panes->restoreState(state, layoutVersion(isRightToLeft())))
        return true;
    if (!m_panes->restoreState(state, layoutVersion(!isRightToLeft())))
        return false;
    mirrorPanes();
    return true;
}

Settings::Layout MainWindow::layout() const
{
    return {saveGeometry(), m_panes->saveState(layoutVersion(isRightToLeft())), m_liveCalls->saveHeader(),
        m_log->saveHeader(), m_call->saveLayout(), m_requests->saveLayout()};
}

void MainWindow::setWallboard(bool on)
{
    if (on) {
        m_panesBeforeWallboard = m_panes->saveState(layoutVersion(isRightToLeft()));
        m_stateBeforeWallboard = windowState();
        for (QDockWidget* dock : {m_callDock, m_logDock, m_requestsDock, m_messagesDock})
            dock->hide();
        setWindowState(windowState() | Qt::WindowFullScreen);
    } else {
        setWindowState(m_stateBeforeWallboard);
        restorePanes(m_panesBeforeWallboard);
    }
    menuBar()->setVisible(!on);
    m_toolBar->setVisible(!on);
    m_leaveWallboard->setVisible(on);
}

void MainWindow::focusPane(QWidget* pane)
{
    for (QDockWidget* dock : {m_callDock, m_logDock, m_requestsDock, m_messagesDock}) {
        if (dock->widget() == pane) {
            dock->show();
            dock->raise();
        }
    }
    const auto tables = pane->findChildren<QAbstractItemView*>();
    for (QAbstractItemView* table : tables) {
        if (table->isVisibleTo(pane)) {
            table->setFocus(Qt::ShortcutFocusReason);
            return;
        }
    }
    pane->setFocus(Qt::ShortcutFocusReason);
}

void MainWindow::findInPane()
{
    if (m_log->isAncestorOf(QApplication::focusWidget()))
        m_log->focusFilter();
    else if (m_requests->isAncestorOf(QApplication::focusWidget()))
        m_requests->focusFilter();
    else
        m_liveCalls->focusFilter();
}

void MainWindow::copyRows()
{
    QWidget* const focus = QApplication::focusWidget();
    // The menu's entry, while text is selected: keys reach a text before the menu does.
    if (const auto line = qobject_cast<QLineEdit*>(focus)) {
        line->copy();
        return;
    }
    if (qobject_cast<QTextEdit*>(focus) || qobject_cast<QPlainTextEdit*>(focus)) {
        QMetaObject::invokeMethod(focus, "copy");
        return;
    }
    auto table = qobject_cast<QAbstractItemView*>(focus);
    if (!table)
        table = m_liveCalls->findChild<QTableView*>();
    const QString text = table ? selectedRowsAsText(*table) : QString();
    if (!text.isEmpty())
        QApplication::clipboard()->setText(text);
}

void MainWindow::showKeys()
{
    if (!m_keySheet)
        m_keySheet = new KeySheet(actions(), this);
    m_keySheet->show();
    m_keySheet->raise();
    m_keySheet->activateWindow();
}

void MainWindow::showAbout()
{
    const auto box = new QMessageBox(QMessageBox::NoIcon, tr("About Kav"),
        tr("Kav console %1").arg(isolated(QCoreApplication::applicationVersion())), QMessageBox::Ok, this);
    box->setInformativeText(tr("Watches the telephone calls of a Kav engine, and lets you step in.\n\nApache-2.0. Uses "
                               "Qt %1 under the LGPL.")
                                .arg(isolated(QLatin1String(qVersion()))));
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setModal(false);
    box->show();
}

void MainWindow::retranslate()
{
    m_desk.retranslate();
    m_engineMenu->setTitle(tr("&Engine"));
    m_callMenu->setTitle(tr("&Call"));
    m_editMenu->setTitle(tr("E&dit"));
    m_viewMenu->setTitle(tr("&View"));
    m_helpMenu->setTitle(tr("&Help"));
    m_goMenu->setTitle(tr("&Go to"));
    m_languageMenu->setTitle(tr("&Language"));
    m_appearanceMenu->setTitle(tr("&Theme"));
    m_toolBar->setWindowTitle(tr("Tools"));

    m_connect->setText(tr("&Connect to an engine…"));
    m_disconnect->setText(tr("&Disconnect"));
    m_refresh->setText(tr("&Refresh"));
    m_refresh->setToolTip(tr("Asks the engine for everything anew; connects at once while the line is down"));
    m_quit->setText(tr("&Quit"));
    m_copy->setText(tr("&Copy rows"));
    m_find->setText(tr("&Filter"));
    m_clearFilters->setText(tr("Clear the filters of the &live calls"));
    m_goLiveCalls->setText(tr("&Live calls"));
    m_goCall->setText(tr("&Call"));
    m_goLog->setText(tr("Call l&og"));
    m_goMessages->setText(tr("&Messages"));
    m_goRequests->setText(tr("&Requests"));
    m_requestsOfCall->setText(tr("Re&quests of the call"));
    m_wallboard->setText(tr("&Wallboard"));
    m_wallboard->setToolTip(tr("Only the live calls, on the whole screen"));
    m_leaveWallboard->setText(tr("Leave the wallboard (%1)", "keys")
                                  .arg(isolated(m_wallboard->shortcut().toString(QKeySequence::NativeText))));
    m_resetLayout->setText(tr("&Reset layout"));
    m_keys->setText(tr("&Keyboard shortcuts"));
    m_about->setText(tr("&About Kav"));
    const QList<QAction*> appearances = m_appearances->actions();
    appearances.at(0)->setText(tr("As the &system"));
    appearances.at(1)->setText(tr("&Light"));
    appearances.at(2)->setText(tr("&Dark"));
    m_callDock->setWindowTitle(tr("Call"));
    m_logDock->setWindowTitle(tr("Call log"));
    m_requestsDock->setWindowTitle(tr("Requests"));
    m_messagesDock->setWindowTitle(tr("Messages"));
    showActs();
    showTitle();
}

void MainWindow::tintIcons()
{
    const Theme theme(palette());
    const auto tint = [&theme](QAction* action, const char* icon, Tone tone) {
        action->setIcon(theme.icon(QLatin1String(icon), tone));
    };
    tint(m_connect, "connect", Tone::Neutral);
    tint(m_disconnect, "disconnect", Tone::Neutral);
    tint(m_refresh, "retry", Tone::Neutral);
    tint(m_testCall, "test-call", Tone::Neutral);
    tint(m_placeCall, "call-out", Tone::Neutral);
    tint(m_interrupt, "interrupt", Tone::Neutral);
    tint(m_passOn, "transferring", Tone::Neutral);
    tint(m_endCall, "end-call", Tone::Bad);
    tint(m_requestsOfCall, "search", Tone::Neutral);
    tint(m_saveEvidence, "file", Tone::Neutral);
    tint(m_copy, "copy", Tone::Neutral);
    tint(m_find, "filter", Tone::Neutral);
    tint(m_clearFilters, "clear", Tone::Neutral);
}

} // namespace kav::console
