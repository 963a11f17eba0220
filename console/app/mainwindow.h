// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/app/appearance.h"
#include "console/app/enginechooser.h"
#include "console/app/messages.h"
#include "console/app/translations.h"
#include "console/models/desk.h"

#include <QMainWindow>
#include <QPointer>

class QActionGroup;
class QDockWidget;
class QLabel;
class QMenu;
class QToolBar;
class QToolButton;

namespace kav::console {

class CallLogPane;
class CallPane;
class EngineLamp;
class KeySheet;
class LinkBanner;
class LiveCallsPane;
class PlaceCallDialog;
class RequestsPane;
class TestCallDialog;

/// The window: live calls, the selected call, the call log and the messages; every act as menu entry, button and key.
/// An act that is not possible says why in its tooltip; one that awaits the engine's answer says so. Owned by main(),
/// lives on the GUI thread.
class MainWindow final : public QMainWindow {
    Q_OBJECT
public:
    /// Changes when the panes do: what was stored for another version is not restored.
    static constexpr int LayoutVersion = 2;

    MainWindow(Desk& desk, Settings& settings, Translations& translations, Colours& colours, EngineChooser& chooser);
    ~MainWindow() override;

    /// Shows the window as it stood when it was closed; `asAtFirst`, or when that cannot be: as at the first start.
    void open(bool asAtFirst = false);
    /// Shown until dismissed, and kept in the list of messages.
    void tell(const QString& sentence);

protected:
    void changeEvent(QEvent* event) override; ///< language, palette
    void closeEvent(QCloseEvent* event) override;

private:
    QAction* newAction(const char* name, const QKeySequence& keys = {});
    QAction* newAction(const char* name, const QKeySequence& keys, void (MainWindow::*act)());
    void makeActions();
    void makePanes();
    void makeMenus();
    void makeToolBar();
    void retranslate();
    void tintIcons();

    void showActs();
    void showAct(QAction& action, const QString& whyNot, bool pending, const QString& words,
        const QString& pendingWords, const QString& purpose);
    void showTitle();

    void placeCall();
    void placeTestCall();
    void interrupt();
    void passOn();
    void endCall();
    void copyRows();
    void refresh();
    void openCall(const QString& callId);
    void showRequestsOfCall();
    void saveEvidence();
    void focusPane(QWidget* pane);
    void findInPane();
    void showKeys();
    void showAbout();
    void setWallboard(bool on);

    void placePanes();
    void standAsAtFirst();
    void resetLayout();
    void mirrorPanes();
    bool restorePanes(const QByteArray& state);
    static int layoutVersion(bool rightToLeft);
    Settings::Layout layout() const;

    Desk& m_desk;
    Settings& m_settings;
    Translations& m_translations;
    Colours& m_colours;
    EngineChooser& m_chooser;
    Messages m_messages;

    // The inner window has the docks, so that banner and message strip lie across all of them.
    QMainWindow* m_panes = nullptr;
    LinkBanner* m_banner = nullptr;
    MessageStrip* m_strip = nullptr;
    LiveCallsPane* m_liveCalls = nullptr;
    CallPane* m_call = nullptr;
    CallLogPane* m_log = nullptr;
    RequestsPane* m_requests = nullptr;
    MessagesPane* m_messagesPane = nullptr;
    QDockWidget* m_callDock = nullptr;
    QDockWidget* m_logDock = nullptr;
    QDockWidget* m_requestsDock = nullptr;
    QDockWidget* m_messagesDock = nullptr;
    QToolBar* m_toolBar = nullptr;
    EngineLamp* m_lamp = nullptr;
    QToolButton* m_leaveWallboard = nullptr;

    QMenu *m_engineMenu = nullptr, *m_callMenu = nullptr, *m_editMenu = nullptr, *m_viewMenu = nullptr,
          *m_helpMenu = nullptr, *m_languageMenu = nullptr, *m_appearanceMenu = nullptr, *m_goMenu = nullptr;
    QAction *m_connect = nullptr, *m_disconnect = nullptr, *m_refresh = nullptr, *m_quit = nullptr;
    QAction *m_testCall = nullptr, *m_placeCall = nullptr, *m_interrupt = nullptr, *m_passOn = nullptr,
            *m_endCall = nullptr;
    QAction *m_copy = nullptr, *m_find = nullptr, *m_clearFilters = nullptr;
    QAction *m_goLiveCalls = nullptr, *m_goCall = nullptr, *m_goLog = nullptr, *m_goMessages = nullptr, *m_goRequests = nullptr,
            *m_requestsOfCall = nullptr, *m_saveEvidence = nullptr;
    QAction *m_wallboard = nullptr, *m_resetLayout = nullptr;
    QAction *m_keys = nullptr, *m_about = nullptr;
    QActionGroup *m_languages = nullptr, *m_appearances = nullptr;

    QPointer<TestCallDialog> m_testCallDialog;
    QPointer<PlaceCallDialog> m_placeCallDialog;
    QPointer<KeySheet> m_keySheet;
    QString m_evidenceFolder; ///< where evidence was saved last, of this start
    QByteArray m_panesAtFirst, m_panesBeforeWallboard;
    Qt::WindowStates m_stateBeforeWallboard;
};

} // namespace kav::console
