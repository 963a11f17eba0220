// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/model/call.h"
#include "shared/model/request.h"
#include "shared/model/status.h"

#include <QByteArray>
#include <QDateTime>
#include <QList>
#include <QString>
#include <QStringList>

#include <optional>
#include <variant>

// Every message between engine and console: one small struct each, plain values. PROTOCOL.md tells the dialogue;
// golden/ holds one JSON text per message, which both sides' tests read and write. A new message: a struct here, its
// codec, its golden file, its paragraph in PROTOCOL.md, and a feature name where an older side could be surprised.
//
// Sequence numbers count changes of the engine's state in one life of the engine (its `run`). A snapshot holds the state
// at `seq`; a delta takes a console from `from` to `to`.
namespace kav::protocol {

// ---- console -> engine ------------------------------------------------------------------------------------------------

/// Where a console was before it lost the line.
struct Resume final {
    QString run;
    qint64 seq = 0;
    bool operator==(const Resume&) const = default;
};

/// The first message. Nothing else is read before it.
struct Hello final {
    int lowest = 0, highest = 0; ///< versions spoken
    QStringList features;
    QString client; ///< "kav-console 0.1.0": for the log
    QString token; ///< empty: none; never logged
    QString operatorName; ///< who sits there; a token's own name goes before it
    std::optional<Resume> resume;
    QStringList watch; ///< calls whose transcript is on screen: as WatchCall each
    bool operator==(const Hello&) const = default;
};

/// Asks for a Pong: measures the line.
struct Ping final {
    qint64 id = 0;
    bool operator==(const Ping&) const = default;
};

/// Asks for a snapshot: the console found a gap.
struct Resync final {
    bool operator==(const Resync&) const = default;
};

// Commands. `id` is the console's own, unique within its connection; exactly one Reply bears it.

/// Turns of this call come from now on; the reply's result is a CallTranscript.
struct WatchCall final {
    qint64 id = 0;
    QString call;
    bool operator==(const WatchCall&) const = default;
};
struct UnwatchCall final {
    qint64 id = 0;
    QString call;
    bool operator==(const UnwatchCall&) const = default;
};
/// The agent stops speaking, or thinking, and listens. Replied when the call has done it.
struct InterruptCall final {
    qint64 id = 0;
    QString call;
    bool operator==(const InterruptCall&) const = default;
};
struct EndCall final {
    qint64 id = 0;
    QString call;
    bool now = false; ///< without the goodbye line
    bool operator==(const EndCall&) const = default;
};
/// Passes the call on to a person. Replied when the agent has let it go; how it goes on the call's state tells.
struct TransferCall final {
    qint64 id = 0;
    QString call;
    QString to; ///< one of CallSummary::transferTargets
    bool operator==(const TransferCall&) const = default;
};
/// The engine calls itself as Twilio would. The result is a TestCallStarted. Lines are spoken one after another, each
/// when the agent is silent; with a WAV file that instead; then keys; then the caller hangs up when the agent is done.
struct StartTestCall final {
    qint64 id = 0;
    QStringList say;
    QByteArray wav; ///< a WAV file's bytes (base64 on the wire), 16-bit PCM or mu-law, at most 600 KB
    QString digits; ///< 0-9 * #
    bool operator==(const StartTestCall&) const = default;
};
/// Who has answered a call that goes out: a person, or a machine?
enum class Detection {
    Off, ///< nobody asks
    Detect, ///< a machine is hung up on
    AwaitBeep, ///< a machine gets the persona's message after its beep
};
QString detectionName(Detection detection); ///< "off", "detect", "await-beep": the wire form
std::optional<Detection> detectionFromName(QStringView name);
/// The engine calls a telephone number: it costs money. The result is a CallPlaced; what becomes of the call is told by
/// CallChange, its `placed` being the same.
struct PlaceCall final {
    qint64 id = 0;
    QString to; ///< E.164
    QString from; ///< one of the engine's numbers; empty: its first
    QString persona; ///< by name; empty: whoever has the number
    Detection detection = Detection::Off;
    bool operator==(const PlaceCall&) const = default;
};
/// A page of the call log, newest first. The result is a LogPage.
struct QueryLog final {
    qint64 id = 0;
    QString text; ///< found in id, numbers, end reason, or what was said; empty: every call
    QString after; ///< LogPage::next of the page before; empty: the newest
    int limit = 50; ///< at most 500
    bool operator==(const QueryLog&) const = default;
};
/// One call of the log, whole. The result is a CallDetail.
struct QueryCall final {
    qint64 id = 0;
    QString call;
    bool operator==(const QueryCall&) const = default;
};
/// Makes a service anew that failed, without waiting for its time.
struct WarmService final {
    qint64 id = 0;
    QString service; ///< ServiceStatus::id
    bool operator==(const WarmService&) const = default;
};

/// A page of the requests that came in, newest first, those of this moment included. The result is a RequestPage.
struct QueryRequests final {
    qint64 id = 0;
    QString text; ///< found in path, peer, call, reason or a parameter; empty: every request
    QString call; ///< only of this call
    QString kind; ///< only of this kind: requestKindName()
    bool refused = false; ///< only those that were refused
    QString after; ///< RequestPage::next of the page before; empty: the newest
    int limit = 100; ///< at most 500
    bool operator==(const QueryRequests&) const = default;
};
/// From now on requests come as Requests.
struct WatchRequests final {
    qint64 id = 0;
    bool operator==(const WatchRequests&) const = default;
};
struct UnwatchRequests final {
    qint64 id = 0;
    bool operator==(const UnwatchRequests&) const = default;
};

// The evidence of one call, made by the engine and fetched bit by bit. A console has one pack at a time; it is gone with
// the line, and when nobody has asked for it for a while.

/// Begins a pack of a call in the log, a live one included. The result is an EvidencePack, not yet made.
struct MakeEvidence final {
    qint64 id = 0;
    QString call;
    bool folder = false; ///< each file by itself; else all in one zip
    bool unmask = false; ///< telephone numbers that were said or keyed are shown
    bool operator==(const MakeEvidence&) const = default;
};
/// How far is it? The result is an EvidencePack. An error says why it could not be made, and that it is gone.
struct QueryEvidence final {
    qint64 id = 0;
    QString pack; ///< EvidencePack::pack
    bool operator==(const QueryEvidence&) const = default;
};
/// The result is an EvidencePart: what the file holds from there on, at most MostEvidenceBytes.
struct ReadEvidence final {
    qint64 id = 0;
    QString pack;
    QString file; ///< EvidenceFile::name
    qint64 offset = 0;
    bool operator==(const ReadEvidence&) const = default;
};
/// It is not wanted any more, made or not.
struct DropEvidence final {
    qint64 id = 0;
    QString pack;
    bool operator==(const DropEvidence&) const = default;
};
inline constexpr qsizetype MostEvidenceBytes = 192 * 1024;

/// What a message of a later version or unknown kind decodes to. With an id it is a command, and wants a reply.
struct UnknownMessage final {
    QString type;
    std::optional<qint64> id;
    bool operator==(const UnknownMessage&) const = default;
};

using ToEngine = std::variant<Hello, Ping, Resync, WatchCall, UnwatchCall, InterruptCall, EndCall, TransferCall,
    StartTestCall, PlaceCall, QueryLog, QueryCall, WarmService, QueryRequests, WatchRequests, UnwatchRequests,
    MakeEvidence, QueryEvidence, ReadEvidence, DropEvidence, UnknownMessage>;

// ---- engine -> console ------------------------------------------------------------------------------------------------

/// The engine took the hello. A Snapshot follows, unless `resumed`: then deltas go on from where the console was.
struct Welcome final {
    int version = 0; ///< the one spoken from now on
    QStringList features;
    QString run; ///< names this life of the engine
    QString engineVersion; ///< "0.1.0"
    QString engineCommit;
    QString engineName; ///< its deploy id; empty where none was set
    QDateTime startedAt; ///< UTC
    QString operatorName; ///< as the engine will log this console's acts
    std::chrono::milliseconds heartbeat{5000}; ///< a message comes at least so often
    bool resumed = false;
    bool operator==(const Welcome&) const = default;
};

/// Why something was refused: the closed list; a console has words for each, in its user's language.
enum class ErrorCode {
    BadMessage, ///< not JSON, not an object, a field missing or of the wrong type: `message` names it
    Version, ///< no version in common; Refusal::lowest and highest are the engine's
    Unauthorized,
    HelloExpected, ///< something else came first, or nothing in time
    TooManyConsoles,
    RateLimited,
    TooSlow,
    UnknownCommand,
    NoSuchCall, ///< not live, or not in the log
    NotPossible, ///< known, but not now: `message` says why
    Unavailable, ///< the log or another service is away
    Timeout, ///< the call did not answer in time; it may have happened
    Internal,
};
QString errorCodeName(ErrorCode code); ///< "bad-message", ...: the wire form
std::optional<ErrorCode> errorCodeFromName(QStringView name);

/// The last message before the engine closes.
struct Refusal final {
    ErrorCode code = ErrorCode::Internal;
    QString message; ///< English, for a person
    std::optional<int> lowest, highest; ///< with ErrorCode::Version
    bool operator==(const Refusal&) const = default;
};

/// The transcript of a live call at `seq`.
struct CallTranscript final {
    QString call;
    qint64 seq = 0;
    int firstTurn = 1; ///< earlier turns are in the call log only
    QList<TranscriptTurn> turns; ///< by number
    bool operator==(const CallTranscript&) const = default;
};

struct Snapshot final {
    qint64 seq = 0;
    QDateTime at; ///< UTC, the engine's clock
    EngineStatus engine;
    QList<ServiceStatus> services;
    QList<CallSummary> calls; ///< live, and those that ended within the last half minute
    QList<CallTranscript> watched;
    bool operator==(const Snapshot&) const = default;
};

// Changes. Each says how one thing is now; applying one twice does no harm.
struct EngineChange final {
    EngineStatus engine;
    bool operator==(const EngineChange&) const = default;
};
struct ServiceChange final {
    ServiceStatus service;
    bool operator==(const ServiceChange&) const = default;
};
struct CallChange final {
    CallSummary call;
    bool operator==(const CallChange&) const = default;
};
/// The call leaves the live list: it ended some time ago.
struct CallGone final {
    QString call;
    bool operator==(const CallGone&) const = default;
};
/// Only of watched calls.
struct TurnChange final {
    QString call;
    TranscriptTurn turn;
    bool operator==(const TurnChange&) const = default;
};
/// A call is new in the log, or its end is known there.
struct LogChange final {
    CallLogRow row;
    bool operator==(const LogChange&) const = default;
};
/// Of a later engine: ignored.
struct UnknownChange final {
    QString kind;
    bool operator==(const UnknownChange&) const = default;
};
using Change = std::variant<EngineChange, ServiceChange, CallChange, CallGone, TurnChange, LogChange, UnknownChange>;

/// All that changed from `from` (exclusive) to `to`, oldest first; of a thing that changed twice only the last is here.
struct Delta final {
    qint64 from = 0, to = 0;
    QDateTime at; ///< UTC, the engine's clock
    QList<Change> changes;
    bool operator==(const Delta&) const = default;
};

/// Nothing else was sent for a while. A console whose own sequence number differs has missed something: Resync.
struct Heartbeat final {
    qint64 seq = 0;
    QDateTime at;
    bool operator==(const Heartbeat&) const = default;
};
struct Pong final {
    qint64 id = 0;
    QDateTime at;
    bool operator==(const Pong&) const = default;
};

/// Only to those that watch requests: they are no part of the state, and have no sequence number.
struct Requests final {
    QList<RequestRecord> requests; ///< in the order in which they were answered, or their connections ended
    bool missed = false; ///< there were more than are told here: the newest are
    bool operator==(const Requests&) const = default;
};

// Results of commands.
struct LogPage final {
    QList<CallLogRow> rows; ///< newest first
    QString next; ///< for QueryLog::after; empty: this was the last page
    bool operator==(const LogPage&) const = default;
};
struct CallDetail final {
    CallLogRow row;
    QList<TranscriptTurn> turns; ///< all closed, by number
    QList<CallEvent> events; ///< as they happened
    bool operator==(const CallDetail&) const = default;
};
struct TestCallStarted final {
    QString call;
    bool operator==(const TestCallStarted&) const = default;
};
struct RequestPage final {
    QList<RequestRecord> requests; ///< newest first
    QString next; ///< for QueryRequests::after; empty: this was the last page
    bool operator==(const RequestPage&) const = default;
};
/// It waits for its turn. Until Twilio has it, `placed` is its id in the list of calls as well.
struct CallPlaced final {
    QString placed;
    bool operator==(const CallPlaced&) const = default;
};
struct EvidenceFile final {
    QString name; ///< a plain one
    qint64 bytes = 0;
    QString sha256; ///< hex
    bool operator==(const EvidenceFile&) const = default;
};
struct EvidencePack final {
    QString pack; ///< names it to ReadEvidence
    QString call;
    bool made = false;
    QList<EvidenceFile> files; ///< when it is made
    QStringList missing; ///< and what it is without, with why: English
    bool operator==(const EvidencePack&) const = default;
};
struct EvidencePart final {
    QString pack, file;
    qint64 offset = 0;
    QByteArray data; ///< base64 on the wire; empty: the file ends there
    bool operator==(const EvidencePart&) const = default;
};
/// Of a later engine.
struct UnknownResult final {
    QString kind;
    bool operator==(const UnknownResult&) const = default;
};
/// std::monostate: done, and there is nothing to say about it.
using CommandResult
    = std::variant<std::monostate, CallTranscript, LogPage, CallDetail, TestCallStarted, CallPlaced, RequestPage,
        EvidencePack, EvidencePart, UnknownResult>;

struct CommandError final {
    ErrorCode code = ErrorCode::Internal;
    QString message; ///< English, for a person
    bool operator==(const CommandError&) const = default;
};

/// The one answer to a command.
struct Reply final {
    qint64 id = 0;
    std::variant<CommandResult, CommandError> outcome;
    bool operator==(const Reply&) const = default;
};

using ToConsole = std::variant<Welcome, Refusal, Snapshot, Delta, Heartbeat, Pong, Reply, Requests, UnknownMessage>;

} // namespace kav::protocol
