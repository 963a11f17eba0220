// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/model/call.h"

#include <QString>

#include <optional>
#include <variant>
#include <vector>

// The turn machine's contract. Ids: an *utterance* is one stretch of the caller's speech handed to the recogniser; a
// *turn* is an utterance (or key presses, a recorded message, silence) committed for an answer. Both count from 1.
namespace kav::turn {

// ---- events: what happened, in the order the session saw it ------------------------------------------------------
namespace event {
    /// The stream is open and the call may begin. `opening` says that the agent speaks first.
    struct CallStarted { bool opening = true; bool openingProtected = false; };
    /// One 20 ms frame of the caller's audio was judged. Sent for every frame: the machine counts voice itself.
    /// Gaps in the stream (no packets in silence) are sent as unvoiced frames by the session, on the stream's own clock.
    struct Frame { bool voiced = false; };
    /// Time passed without any of the others (each worker tick); drives the watchdogs.
    struct Tick { };
    struct Partial { int utterance = 0; QString text; bool stable = false; };
    struct Final { int utterance = 0; QString text; double confidence = 0; };
    struct RecognitionFailed { int utterance = 0; };
    /// A complete keypad entry (the session collects digits as the dialog's expectation asks).
    struct Keypad { QString digits; };
    /// Any single key: silences the agent at once, like a confirmed interruption (unless protected).
    struct KeyPressed { };
    /// The first audio of turn's answer is in hand (not yet played).
    struct AnswerReady { int turn = 0; };
    /// All audio of turn's answer has been given to playout; `endCall`: hang up once it is heard.
    struct AnswerComplete { int turn = 0; bool endCall = false; };
    struct AnswerFailed { int turn = 0; };
    /// All of the current speech has been heard (Playout::drained).
    struct SpeechHeard { };
    /// The dialog's expectation for the caller's next turn; see Expectation.
    struct Expect;
    struct OperatorHold { };
    struct OperatorRelease { };
    struct OperatorInterrupt { };
    struct OperatorEnd { };
    /// `stop`, the socket's end, or the engine's shutdown deadline.
    struct RemoteEnded { EndReason reason = EndReason::CallerHungUp; };
    /// Ask for the goodbye and an end (drain, longest call by the session's own rule).
    struct EndRequested { EndReason reason = EndReason::Shutdown; };
}

/// What the machine must know of the dialog's expectation for the next caller turn.
enum class Listening {
    Speech, ///< ordinary words
    Digits, ///< a spoken number: trailing digits earn the long pause
    Message, ///< a message to be recorded: a long pause ends it
    KeypadOnly, ///< voice neither interrupts nor commits
};
struct event::Expect { Listening kind = Listening::Speech; bool interruptible = true; };

using Event = std::variant<event::CallStarted, event::Frame, event::Tick, event::Partial, event::Final,
    event::RecognitionFailed, event::Keypad, event::KeyPressed, event::AnswerReady, event::AnswerComplete,
    event::AnswerFailed, event::SpeechHeard, event::Expect, event::OperatorHold, event::OperatorRelease,
    event::OperatorInterrupt, event::OperatorEnd, event::RemoteEnded, event::EndRequested>;

// ---- actions: what the session must do, in this order ---------------------------------------------------------------
namespace action {
    struct StateChanged { TurnState from, to; };
    /// Open an utterance: feed the recogniser, with the pre-roll (audio since `preRoll` ago).
    struct BeginUtterance { int utterance = 0; Milliseconds preRoll { 0 }; };
    /// The caller's words are over as far as the machine can tell: ask the recogniser for its final.
    struct EndUtterance { int utterance = 0; };
    /// Forget an utterance (a cough, or it was part of a turn that is over).
    struct DropUtterance { int utterance = 0; };
    /// Get an answer. `pause` is the silence waited (EoU_ms); `text` is empty for Silence and, when no interim was
    /// stable, for Voice: then `awaitFinal` is true and ReplaceTurn follows.
    struct CommitTurn { int turn = 0; TurnInput input = TurnInput::Voice; int utterance = 0; QString text; double confidence = 0;
        Milliseconds pause { 0 }; bool awaitFinal = false; };
    /// Drop what turn's answer has so far and ask again with these words (a final that differs, before first audio).
    struct ReplaceTurn { int turn = 0; QString text; double confidence = 0; };
    /// Only note the better words for the record and the conversation (a final that came too late to change the answer).
    struct MergeFinal { int turn = 0; QString text; double confidence = 0; };
    /// Let the answer be heard: from now on its audio goes out.
    struct StartSpeaking { int turn = 0; };
    /// Throw the answer away before it was heard (the caller resumed). Its words are joined to the next turn's text.
    struct DropAnswer { int turn = 0; };
    /// Interruption, first step: silence now (`clear`), keep the rest. `onset`: when the voice that caused it began.
    struct PausePlayout { Instant onset; };
    struct ResumePlayout { };
    /// Interruption, confirmed: silence, and the turn ends at what was heard. `byKey`: a key, not a voice, did it.
    struct CutSpeech { int turn = 0; bool byKey = false; };
    /// Pre-rendered lines, spoken by the session from its own store. After each SpeechHeard follows.
    struct PlayFiller { int turn = 0; };
    struct PlayFallback { int turn = 0; };
    struct PlayNoInput { int times = 0; }; ///< 1: prompt, 2: second prompt
    struct PlayGoodbye { EndReason reason = EndReason::NoInput; };
    /// The call is over: close the stream, write the record. Exactly once, last.
    struct EndCall { EndReason reason = EndReason::Completed; };
    /// A watchdog or a limit fired; for the log and the counters.
    struct Note { QString token; qint64 value = 0; };
}
using Action = std::variant<action::StateChanged, action::BeginUtterance, action::EndUtterance, action::DropUtterance,
    action::CommitTurn, action::ReplaceTurn, action::MergeFinal, action::StartSpeaking, action::DropAnswer,
    action::PausePlayout, action::ResumePlayout, action::CutSpeech, action::PlayFiller, action::PlayFallback,
    action::PlayNoInput, action::PlayGoodbye, action::EndCall, action::Note>;
using Actions = std::vector<Action>;

/// Every value is a setting of Kav's (see `kav-engine --help`); these are the defaults.
struct Settings final {
    Milliseconds voiceStart { 60 }; ///< voiced time, within `voiceStartWindow`, that opens an utterance
    Milliseconds voiceStartWindow { 100 };
    Milliseconds voiceStop { 200 }; ///< unvoiced time after which the caller is taken as pausing
    Milliseconds preRoll { 300 }; ///< audio before the onset that the recogniser gets
    Milliseconds endOfUtteranceMin { 300 }, endOfUtteranceMax { 600 };
    Milliseconds messageEnd { 2000 }; ///< the pause that ends a recorded message
    Milliseconds utteranceCap { 30000 }, messageCap { 120000 };
    Milliseconds interruptVoice { 200 }; ///< minimum voice that silences the agent
    Milliseconds interruptConfirm { 1500 }; ///< words must come within this, else the agent resumes
    Milliseconds filler { 2000 }, fallback { 6000 }, hardEnd { 15000 }; ///< after the end of the caller's words
    Milliseconds finalWait { 1500 }; ///< with no stable interim: how long the commit waits for the final
    Milliseconds noInput { 8000 }; ///< silence before each prompt, and before the goodbye
    Milliseconds speakingCap { 120000 }; ///< longest stay in SPEAKING
    Milliseconds endingCap { 15000 }; ///< longest stay in ENDING
    Milliseconds heldCap { 600000 }; ///< longest stay in HELD
    Milliseconds longestCall { 30 * 60 * 1000 };
};

/// What the caller is doing, beside the public TurnState.
enum class CallerState { Silent, MaybeSpeaking, Speaking, Pausing };

/// Decides who has the floor. Pure: no event loop, I/O or clock; one per call, owned by its CallSession, same thread.
///
///            CommitTurn                StartSpeaking             SpeechHeard
///  LISTENING ----------> THINKING ------------------> SPEAKING ------------> LISTENING
///      ^                    |  caller resumed            |
///      +--------------------+ <--------------------------+ interruption confirmed
///  any -> HELD (operator) -> LISTENING;  any -> ENDING (goodbye) -> ENDED;  any -> ENDED (caller gone)
class TurnMachine final {
public:
    TurnMachine(const Settings& settings, Instant now);

    /// The one entry. Never blocks; the actions are to be executed in order.
    Actions on(const Event& event, Instant now);

    TurnState state() const;
    CallerState callerState() const;
    int currentTurn() const; ///< the turn last committed, 0 before the first
    int currentUtterance() const; ///< the utterance last opened, 0 before the first
};

} // namespace kav::turn
