// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/websocket.h"
#include "shared/core/clock.h"
#include "shared/protocol/messages.h"

#include <QDateTime>
#include <QHostAddress>
#include <QString>

#include <functional>
#include <variant>

// What the control hub is given, and what it tells about itself. Plain values.
namespace kav::control {

/// Limits of the hub; the important ones are settings.
struct Settings final {
    int consoles = 32; ///< that have said hello
    int strangers = 16; ///< sockets that have not yet; past it the one that waited longest makes room
    Milliseconds helloTime{5000};
    Milliseconds heartbeat{5000};
    Milliseconds flushEvery{50}; ///< a change waits at most so long; changes within it share a message
    Milliseconds stall{15000}; ///< nothing was taken by a console that has something to read: cut
    Milliseconds commandTime{5000}; ///< no answer from a call or the log in it: the command's reply is a Timeout
    Milliseconds endedStay{30000}; ///< an ended call stays in the live list for so long
    Milliseconds snapshotEvery{1000}; ///< a console that asks for snapshots gets one at most so often
    int replayChanges = 8192; ///< a reconnect within so many things that changed costs no snapshot
    qsizetype replayBytes = 8 * 1024 * 1024;
    qsizetype deltaBytes = 128 * 1024; ///< a longer delta is sent in parts
    qsizetype highWater = 256 * 1024; ///< unsent bytes past which a console gets nothing new; its changes coalesce
    int commandsPerSecond = 20; ///< past it, and a burst of twice as many: RateLimited
    int messagesPerSecond = 200; ///< past it: cut
    int commandsInFlight = 64; ///< of one console; past it: RateLimited
    int watchedCalls = 8; ///< a console watches at most so many
    int requestNews = 256; ///< not yet sent to those that watch requests; past it they are told that some are missing
    int transcriptTurns = 200; ///< of a live call, the latest
    int calls = 20000; ///< in the live list; more are counted and not shown
    /// The queue holds the largest snapshot there can be: past highWater nothing but one message is added to it.
    net::WebSocketLimits socket{1024 * 1024, 16 * 1024 * 1024, Milliseconds(30000)};
};

/// Who acts.
struct Operator final {
    QString name;
    QHostAddress peer;
    quint64 console = 0; ///< of his connection, which no other ever has
};

using Outcome = std::variant<protocol::CommandResult, protocol::CommandError>;
/// Called once, on the control thread, at once or later; a hub that has gone since ignores it.
using Done = std::function<void(const Outcome& outcome)>;

/// What the commands do, given by the composition root; all on the control thread. An empty function is a feature this
/// engine does not have: it is not announced, and its command gets NotPossible.
struct Commands final {
    std::function<void(const Operator&, const protocol::InterruptCall&, Done)> interrupt;
    std::function<void(const Operator&, const protocol::EndCall&, Done)> endCall;
    std::function<void(const Operator&, const protocol::TransferCall&, Done)> transferCall{};
    std::function<void(const Operator&, const protocol::StartTestCall&, Done)> startTestCall;
    std::function<void(const Operator&, const protocol::PlaceCall&, Done)> placeCall;
    std::function<void(const Operator&, const protocol::QueryLog&, Done)> queryLog;
    std::function<void(const Operator&, const protocol::QueryCall&, Done)> queryCall;
    std::function<void(const Operator&, const protocol::WarmService&, Done)> warmService;
    std::function<void(const Operator&, const protocol::QueryRequests&, Done)> queryRequests;
    std::function<void(const Operator&, const protocol::MakeEvidence&, Done)> makeEvidence{}; ///< with the next three
    std::function<void(const Operator&, const protocol::QueryEvidence&, Done)> queryEvidence{};
    std::function<void(const Operator&, const protocol::ReadEvidence&, Done)> readEvidence{};
    std::function<void(const Operator&, const protocol::DropEvidence&, Done)> dropEvidence{};
    /// Not a command: a console's line is gone, and with it what was made for that console alone.
    std::function<void(quint64 console)> consoleGone{};
};

/// Which engine the consoles talk to; see protocol::Welcome.
struct Identity final {
    QString version, commit, name;
    QDateTime startedAt;
};

struct Counters final {
    int consoles = 0, strangers = 0; ///< now
    quint64 changes = 0; ///< taken in
    quint64 snapshots = 0, resumes = 0, deltas = 0; ///< messages sent
    quint64 bytes = 0; ///< handed to sockets
    quint64 commands = 0, commandErrors = 0;
    quint64 authFailures = 0, badMessages = 0, slowCut = 0, rateCut = 0;
    quint64 callsNotShown = 0; ///< past Settings::calls
};

} // namespace kav::control
