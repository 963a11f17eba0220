// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/control/consoletokens.h"
#include "engine/net/websocket.h"
#include "shared/core/clock.h"
#include "shared/protocol/messages.h"

#include <QHostAddress>
#include <QObject>

#include <functional>
#include <memory>
#include <variant>

namespace kav::control {

/// Limits of the hub; the important ones are settings.
struct Settings final {
    int consoles = 32; ///< that have said hello
    int strangers = 16; ///< sockets that have not yet
    Milliseconds helloTime{5000};
    Milliseconds heartbeat{5000};
    Milliseconds flushEvery{50}; ///< a change waits at most so long; changes within it share a message
    Milliseconds stall{15000}; ///< nothing was taken by a console that has something to read: cut
    Milliseconds commandTime{5000}; ///< no answer from a call or the log in it: the command's reply is a Timeout
    Milliseconds endedStay{30000}; ///< an ended call stays in the live list for so long
    int replayChanges = 8192; ///< a reconnect within so many changes costs no snapshot
    qsizetype replayBytes = 8 * 1024 * 1024;
    qsizetype highWater = 256 * 1024; ///< unsent bytes past which a console gets nothing new; its changes coalesce
    int commandsPerSecond = 20; ///< past it, and a burst of twice as many: RateLimited
    int messagesPerSecond = 200; ///< past it: cut
    int watchedCalls = 8; ///< a console watches at most so many
    int transcriptTurns = 200; ///< of a live call, the latest
    net::WebSocketLimits socket{1024 * 1024, 4 * 1024 * 1024, Milliseconds(30000)};
};

/// Who acts.
struct Operator final {
    QString name;
    QHostAddress peer;
};

using Outcome = std::variant<protocol::CommandResult, protocol::CommandError>;
/// Called once, on the control thread, at once or later; a hub that has gone since ignores it.
using Done = std::function<void(const Outcome& outcome)>;

/// What the commands do, given by the composition root; all on the control thread. An empty function is a feature this
/// engine does not have: it is not announced, and its command gets NotPossible.
struct Commands final {
    std::function<void(const Operator&, const protocol::InterruptCall&, Done)> interrupt;
    std::function<void(const Operator&, const protocol::EndCall&, Done)> endCall;
    std::function<void(const Operator&, const protocol::StartTestCall&, Done)> startTestCall;
    std::function<void(const Operator&, const protocol::QueryLog&, Done)> queryLog;
    std::function<void(const Operator&, const protocol::QueryCall&, Done)> queryCall;
    std::function<void(const Operator&, const protocol::WarmService&, Done)> warmService;
};

/// Which engine the consoles talk to; see protocol::Welcome.
struct Identity final {
    QString version, commit, name;
    QDateTime startedAt;
};

/// The engine's side of /console: holds what an operator may see, and sends it to every console as snapshot and deltas.
///
/// One numbered ring of changes, encoded once, serves all consoles: each has only a place in it, so a console's queue
/// costs nothing, coalesces by itself (of a thing that changed often it gets the last state), and a slow one is skipped
/// until it reads on, given a snapshot when the ring has left it behind, and cut when it takes nothing for a while.
/// Calls only ever post values to the hub: whatever a console does costs them nothing.
///
/// Owned by the composition root, lives on the control thread; so does its socket host.
class ControlHub final : public QObject {
    Q_OBJECT
public:
    struct Counters final {
        int consoles = 0, strangers = 0; ///< now
        quint64 changes = 0; ///< taken in
        quint64 snapshots = 0, resumes = 0, deltas = 0; ///< messages sent
        quint64 bytes = 0; ///< handed to sockets
        quint64 commands = 0, commandErrors = 0;
        quint64 authFailures = 0, badMessages = 0, slowCut = 0, rateCut = 0;
    };

    ControlHub(const Settings& settings, const ConsoleTokens& tokens, Identity identity, Commands commands,
        std::function<void(const calllog::Entry&)> log, const Clock& clock);
    ~ControlHub() override;

    /// Takes the sockets of /console; see ConsoleGate for what is asked before.
    net::WebSocketHost* host();

    // What happened in the engine.
    void setEngine(const EngineStatus& status); ///< `consoles` is filled in here
    void setService(const ServiceStatus& status);
    void setCall(const CallSummary& call); ///< a new one, or a known one as it is now; Ended ones leave by themselves
    void setTurn(const QString& callId, const TranscriptTurn& turn);
    void setLogRow(const CallLogRow& row);

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
