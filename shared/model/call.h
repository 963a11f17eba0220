// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QDateTime>
#include <QJsonObject>
#include <QMetaType>
#include <QString>

#include <chrono>
#include <optional>

// The values of a call that engine and console both show. Plain structs, copied across threads.
namespace kav {
Q_NAMESPACE

/// What the agent is doing, in the words an operator sees.
enum class TurnState {
    Listening, ///< the caller has the floor
    Thinking, ///< the caller's words are committed; no answer is heard yet
    Speaking, ///< the agent is heard, or about to be in this very tick
    Held, ///< an operator holds the agent
    Ending, ///< the goodbye is under way; nothing cancels it
    Ended, ///< the call is over
};
Q_ENUM_NS(TurnState)

/// Why a call ended: the closed list of the call log. Add at the end only; the names are stored.
enum class EndReason {
    None, ///< it has not ended
    Completed, ///< the dialog came to its end and said goodbye
    CallerHungUp, ///< Twilio sent `stop`
    StreamLost, ///< the stream's socket went without `stop`, or fell silent past the watchdog
    NoInput, ///< the caller said nothing through every prompt
    FallbackExhausted, ///< no answer could be made; the caller was told and the call ended
    LongestCall, ///< the longest-call limit
    OperatorEnded, ///< an operator ended it
    Shutdown, ///< the engine was stopping
    ProtocolError, ///< the peer broke the stream protocol beyond repair
    Refused, ///< capacity or token: never became a conversation
    Interrupted, ///< the engine died with the call live; written at the next start
};
Q_ENUM_NS(EndReason)

/// "listening", "thinking", ...: the stored and the wire form.
QString turnStateName(TurnState state);
/// "completed", "caller-hung-up", ...: the stored and the wire form.
QString endReasonName(EndReason reason);
std::optional<EndReason> endReasonFromName(QStringView name);

/// What a call is doing, in the words an operator sees: TurnState with what the caller is doing in it, and the time
/// before the stream. The closed vocabulary of every screen; the names travel and are stored.
enum class CallState {
    Ringing, ///< the webhook was answered; the stream is yet to come
    Greeting, ///< the agent speaks first
    Listening, ///< the caller has the floor and is silent
    CallerSpeaking, ///< the caller's voice is heard
    DecidingTurn, ///< the caller pauses: is it the end of the words?
    Thinking, ///< the words are committed; no answer is heard yet
    Speaking, ///< the agent is heard
    Interrupted, ///< a voice has silenced the agent, and it is not yet known for what
    Held, ///< an operator holds the agent
    Ending, ///< the goodbye is under way
    Ended, ///< the call is over
};
Q_ENUM_NS(CallState)
/// "ringing", "caller-speaking", ...: the wire form.
QString callStateName(CallState state);
std::optional<CallState> callStateFromName(QStringView name);

/// Where the time of one answer went. Each part is absent when it did not happen; all on the monotonic clock.
struct LatencyParts final {
    /// Pause waited after the caller's last voiced frame before the turn was committed (logged as EoU_ms).
    std::optional<std::chrono::milliseconds> endOfUtterance;
    /// Commit -> the words that were answered were known.
    std::optional<std::chrono::milliseconds> recognition;
    /// Words known -> first sentence of the answer.
    std::optional<std::chrono::milliseconds> thinking;
    /// First sentence -> its first audio.
    std::optional<std::chrono::milliseconds> synthesis;
    /// End of the caller's words -> first media frame of the answer on the wire: what the caller waits.
    std::optional<std::chrono::milliseconds> total;
    /// Commit -> first media frame: all that engine and providers took, the caller's pause left out. Not stored.
    std::optional<std::chrono::microseconds> answer{};

    bool operator==(const LatencyParts&) const = default;
};

/// How the caller's side of a turn was given.
enum class TurnInput {
    Opening, ///< nothing: the agent spoke first
    Voice,
    Keypad,
    Message, ///< a recorded message
    Silence, ///< the no-input prompt
};
Q_ENUM_NS(TurnInput)
QString turnInputName(TurnInput input);
std::optional<TurnInput> turnInputFromName(QStringView name);

/// One exchange: what the caller said and what the agent answered.
struct TurnRecord final {
    int number = 0; ///< 1.. within the call
    TurnInput input = TurnInput::Voice;
    QString callerText;
    double confidence = 0.0; ///< 0..1; 0 when the recogniser gives none
    QString agentText; ///< the whole answer
    QString heardText; ///< what the caller heard of it
    bool interrupted = false;
    bool fallback = false; ///< a pre-rendered line stood in for the answer
    LatencyParts latency;

    bool operator==(const TurnRecord&) const = default;
};

/// A turn as it goes on, and as it was when it is over: what a transcript shows.
struct TranscriptTurn final {
    /// While the turn is open: `callerText` is what has been recognised so far, `agentText` what the agent is going to
    /// say as far as it is known, `heardText` what the caller has heard of it.
    TurnRecord record;
    QDateTime startedAt; ///< UTC: the caller's first words, or the agent's when it spoke first
    bool open = true; ///< more is to come
    bool callerTextFinal = false; ///< false: a partial, which may still change

    bool operator==(const TranscriptTurn&) const = default;
};

/// One line of the live calls.
struct CallSummary final {
    QString id; ///< CallSid
    QString from; ///< masked
    QString to; ///< masked
    QString direction; ///< "inbound", "outbound-api", ...
    QString language; ///< BCP-47
    bool test = false; ///< made by Kav's own loopback caller: no person, no statistics
    QDateTime startedAt; ///< UTC: the webhook, else the stream's start
    CallState state = CallState::Ringing;
    QDateTime stateSince; ///< UTC
    int turn = 0; ///< the turn in hand or last done; 0 before the first
    std::optional<std::chrono::milliseconds> lastGap; ///< LatencyParts::total of the last answer
    int interruptions = 0; ///< confirmed ones
    EndReason reason = EndReason::None; ///< once Ended
    QDateTime endedAt; ///< UTC; not valid before Ended

    bool operator==(const CallSummary&) const = default;
};

/// One line of the call log.
struct CallLogRow final {
    QString id; ///< CallSid
    QString from; ///< masked
    QString to; ///< masked
    QString direction;
    QString language;
    bool test = false;
    QDateTime startedAt; ///< UTC
    QDateTime endedAt; ///< UTC; not valid: the call is live, or its end is not stored yet
    EndReason reason = EndReason::None;
    std::chrono::milliseconds duration{0};
    int turns = 0;

    bool operator==(const CallLogRow&) const = default;
};

/// A step of a call's timeline, as the call log keeps it.
struct CallEvent final {
    QDateTime at; ///< UTC
    QString token; ///< "WS_START", "STT_FINAL", "BARGE_IN", ...
    QJsonObject data; ///< what else was noted, `token` left out

    bool operator==(const CallEvent&) const = default;
};

} // namespace kav

Q_DECLARE_METATYPE(kav::TranscriptTurn)
Q_DECLARE_METATYPE(kav::CallSummary)
