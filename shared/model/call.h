// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QDateTime>
#include <QJsonObject>
#include <QList>
#include <QMetaType>
#include <QString>
#include <QStringList>

#include <array>
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
    Busy, ///< whom it was to reach was busy
    NoAnswer, ///< it rang, and nobody answered
    Failed, ///< the network could not put it through
    Canceled, ///< given up before it was answered
    Voicemail, ///< an answering machine took it: got its message, where there is one for it
    Fax, ///< a fax machine took it
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
    Queued, ///< to be placed: waits its turn, here or at Twilio
    Dialling, ///< placed; it does not ring yet
    Answered, ///< somebody or something took it; no conversation yet
    Transferring, ///< it is being passed on: another telephone rings
    OnHold, ///< the caller waits with music while a person is asked
    Transferred, ///< caller and a person talk to one another, without the agent
};
Q_ENUM_NS(CallState)
/// "ringing", "caller-speaking", ...: the wire form.
QString callStateName(CallState state);
std::optional<CallState> callStateFromName(QStringView name);

/// The parts of what a caller waits, in their order. Each ends where the next begins.
enum class LatencyPart {
    EndOfUtterance, ///< from the caller's last voice (or key) to the commit: a pause that a setting asks for
    Recognition, ///< to the words that were answered
    FirstToken, ///< to the first the model gave: a text, a tool call, a sound
    FirstSentence, ///< to the first whole sentence
    FirstAudio, ///< to the first sound of that sentence
    Playout, ///< to that sound on the wire
};
Q_ENUM_NS(LatencyPart)
inline constexpr std::array LatencyPartsInOrder{LatencyPart::EndOfUtterance, LatencyPart::Recognition,
    LatencyPart::FirstToken, LatencyPart::FirstSentence, LatencyPart::FirstAudio, LatencyPart::Playout};
/// "end-of-utterance", "recognition", "first-token", ...: the stored and the wire form.
QString latencyPartName(LatencyPart part);
std::optional<LatencyPart> latencyPartFromName(QStringView name);

/// One part of a wait, and whom it is owed to.
struct LatencySpan final {
    LatencyPart part = LatencyPart::Playout;
    std::chrono::milliseconds length{0};
    /// A provider's word ("google"), the one that served after failover; a setting's name ("media.lead"); "rendered", a
    /// line made ahead; "dialog", which says when keys are complete; "tool:book", a tool of the persona. Empty: not
    /// known.
    QString owner;

    bool operator==(const LatencySpan&) const = default;
};

/// Where the time of one turn went, on the monotonic clock.
struct LatencyParts final {
    /// Contiguous, in order, each at most once. With a `total` they sum to it exactly; a part that did not happen has
    /// no span, and its time is the next one's.
    QList<LatencySpan> spans;
    /// End of the caller's words -> the first sound that followed: what the caller waits. Absent when nobody waited.
    std::optional<std::chrono::milliseconds> total;
    /// That sound was a waiting line, not the answer. The last span is then the part that was waited for.
    bool filler = false;
    /// Commit -> first media frame of the answer itself (or of the line that stood in for it): all that engine and
    /// providers took, the caller's pause left out. Not stored.
    std::optional<std::chrono::microseconds> answer{};

    /// Of that part; nothing when it did not happen.
    std::optional<std::chrono::milliseconds> length(LatencyPart part) const;
    QString owner(LatencyPart part) const;

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
    QString placed{}; ///< of a call that this engine placed: what its placing is called; before it has a CallSid its id
    QString problem{}; ///< why it could not be placed, for a person; no number stands in it
    QString recording{}; ///< by whom it is recorded: "engine", "twilio"; empty: nobody
    QStringList transferTargets{}; ///< to whom it can be passed on, by name; empty: to nobody
    bool withoutStream = false; ///< held turn by turn, by Twilio's own recogniser and voice

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
    QString recording{}; ///< as CallSummary::recording; what became of it is among the events

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
