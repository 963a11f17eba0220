// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/control/consoletokens.h"
#include "engine/control/hubtypes.h"

#include <QHostAddress>
#include <QObject>

#include <functional>
#include <memory>

namespace kav::control {

/// The engine's side of /console: holds what an operator may see, and sends it to every console as snapshot and deltas.
///
/// One numbered ring of changes, encoded once, serves all consoles: each has only a place in it, so a console's queue
/// costs nothing, coalesces by itself (of a thing that changed often it gets the last state), and a slow one is skipped
/// until it reads on, given a snapshot when the ring has left it behind, and cut when it takes nothing for a while.
/// Calls only ever post values to the hub: whatever a console does costs them nothing.
///
/// Owned by the composition root, lives on the control thread; so does its socket host. ConsoleDesk is what it does,
/// StateBoard what it shows; here are only sockets and timers.
class ControlHub final : public QObject {
    Q_OBJECT
public:
    using Counters = control::Counters;

    ControlHub(const Settings& settings, const ConsoleTokens& tokens, Identity identity, Commands commands,
        std::function<void(const calllog::Entry&)> log, const Clock& clock);
    ~ControlHub() override;

    /// Takes the sockets of /console; see ConsoleGate for what is asked before.
    net::WebSocketHost* host();

    // What happened in the engine.
    void setEngine(const EngineStatus& status); ///< `consoles` is filled in here
    void setService(const ServiceStatus& status);
    void setCall(const CallSummary& call); ///< a new one, or a known one as it is now; Ended ones leave by themselves
    void removeCall(const QString& callId); ///< at once: it goes on under another id
    void setTurn(const QString& callId, const TranscriptTurn& turn); ///< of a call that is shown
    void setLogRow(const CallLogRow& row);
    void addRequest(const RequestRecord& request); ///< told to those that watch requests; kept for nobody

    const Counters& counters() const;
    QString run() const;
    qint64 seq() const;

    /// Tells every console that the engine goes, and closes (1001).
    void shutDown();
    /// Deadlines; called by an inner timer, and by tests with a fake clock.
    void tick();
    /// Sends what is due now; called by an inner timer, and by tests.
    void flush();

Q_SIGNALS:
    /// A wrong token came from there: ConsoleGate counts them.
    void authFailed(const QHostAddress& peer);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::control
