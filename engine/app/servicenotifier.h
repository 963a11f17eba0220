// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/model/status.h"

#include <QByteArray>
#include <QMap>
#include <QObject>
#include <QString>
#include <QTimer>

#include <deque>
#include <sys/socket.h>
#include <sys/un.h>

namespace kav::app {

/// How the engine is in one line: "Answering: 3 of 400 calls".
QString shownStatus(const EngineStatus& status);

/// Tells the service manager how the engine is: systemd, or whoever set NOTIFY_SOCKET. sd_notify(3)'s datagrams, whose
/// format systemd promises to keep, sent without its library and the six that it brings. Owned by main(), lives on the
/// control thread: the watchdog is fed from that thread's loop, so that a loop that stands still is noticed. Nobody
/// waits for the manager: what it has no room for is sent a moment later.
class ServiceNotifier final : public QObject {
    Q_OBJECT
public:
    struct Settings final {
        QByteArray socket; ///< "/path", or "@name" in the abstract namespace; empty: nobody is told anything
        Milliseconds watchdogEvery{0}; ///< 0: nobody watches
        Milliseconds statusEvery{1000}; ///< a status at most so often; the manager shows each on its bus
        Milliseconds extendEvery{15'000}, extendBy{90'000}; ///< while stopping: more time is asked for
        Milliseconds againAfter{100}; ///< from a full socket to the next attempt

        /// NOTIFY_SOCKET, WATCHDOG_USEC (half of it), WATCHDOG_PID (another's watchdog is not fed).
        static Settings from(const QMap<QString, QString>& environment, qint64 processId);
    };

    ServiceNotifier(const Settings& settings, const Clock& clock);
    ~ServiceNotifier() override;

    bool isOn() const { return m_socket >= 0; }
    /// Serving, for the first time or after a reload. From the first time on the watchdog is fed.
    void ready();
    /// A reload has begun; ready() ends it.
    void reloading();
    /// The end has begun, and lasts until drained(): however long that is, the manager is asked to wait.
    void stopping();
    /// What is left takes no longer than Settings::extendBy.
    void drained();
    /// One line, for people.
    void showStatus(const QString& status);

private:
    void send(const QByteArray& message);
    void sendWaiting();
    void sendStatus();
    QByteArray extension() const;

    const Settings m_settings;
    const Clock& m_clock;
    int m_socket = -1;
    sockaddr_un m_address{};
    socklen_t m_addressLength = 0;
    std::deque<QByteArray> m_waiting; // in their order; of each kind a few at most
    QByteArray m_status, m_statusSent;
    bool m_stopping = false, m_complained = false;
    QTimer m_watchdogTimer, m_statusTimer, m_extendTimer, m_againTimer;
};

} // namespace kav::app
