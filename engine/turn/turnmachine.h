// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/turn/callervoice.h"
#include "engine/turn/callerwords.h"
#include "engine/turn/turnsettings.h"
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
    /// A call that is taken up again has `turnsBefore`, and has lasted `before`.
    struct CallStarted { bool opening = true; bool openingProtected = false; int turnsBefore = 0; Milliseconds before { 0 }; };
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
    /// No (more) answer to turn can be had. In mid-speech the session closes the speech, so that SpeechHeard follows.
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

struct event::Expect { Listening kind = Listening::Speech; bool interruptible = true; };

using Event = std::variant<event::CallStarted, event::Frame, event::Tick, event::Partial, event::Final,
    event::RecognitionFailed, event::Keypad, event::KeyPressed, event::AnswerReady, event::AnswerComplete,
    event::AnswerFailed, event::SpeechHeard, event::Expect, event::OperatorHold, event::OperatorRelease,
    event::OperatorInterrupt, event::OperatorEnd, event::RemoteEnded, event::EndRequested>;

/// Who silenced the agent.
enum class CutBy {
    Voice, ///< the caller's words
    Key, ///< the caller's
    Operator,
    Engine, ///< a limit, or a goodbye
};

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
    /// stable, for Voice: then `awaitFinal` is true and ReplaceTurn (or DropAnswer: it was a cough) follows; ask nothing
    /// before. Empty text without `awaitFinal` is a turn that was not understood. Silence is never committed: see
    /// PlayNoInput.
    struct CommitTurn { int turn = 0; TurnInput input = TurnInput::Voice; int utterance = 0; QString text; double confidence = 0;
        Milliseconds pause { 0 }; bool awaitFinal = false; };
    /// Drop what turn's answer has so far and ask again with these words (a final that differs, before first audio).
    struct ReplaceTurn { int turn = 0; QString text; double confidence = 0; };
    /// Only note the better words for the record and the conversation (a final that came too late to change the answer).
    struct MergeFinal { int turn = 0; QString text; double confidence = 0; };
    /// Let the answer be heard: from now on its audio goes out. A line that is still being heard is cut first, here and
    /// at PlayFallback and PlayGoodbye.
    struct StartSpeaking { int turn = 0; };
    /// Throw the answer away before it was heard (the caller resumed). Its words are joined to the next turn's text by
    /// the machine; the expectation goes back to the one before the turn, here as in the session.
    struct DropAnswer { int turn = 0; };
    /// Interruption, first step: silence now (`clear`), keep the rest. `onset`: when the voice that caused it began.
    struct PausePlayout { Instant onset; };
    struct ResumePlayout { };
    /// Silence, and the turn ends at what was heard; DropAnswer follows when nothing of the answer was. `turn` is 0 for a
    /// line that belongs to no turn (PlayNoInput). An operator's comes even when nothing is being heard yet.
    struct CutSpeech { int turn = 0; CutBy by = CutBy::Voice; };
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

/// What the caller is doing, beside the public TurnState.
enum class CallerState { Silent, MaybeSpeaking, Speaking, Pausing };

/// Decides who has the floor. Pure: no event loop, I/O or clock; one per call, owned by its CallSession, same thread.
///
///            CommitTurn                StartSpeaking             SpeechHeard
///  LISTENING ----------> THINKING ------------------> SPEAKING ------------> LISTENING
///      ^                    |  caller resumed            |
///      +--------------------+ <--------------------------+ interruption confirmed
///  any -> HELD (operator) -> LISTENING;  any -> ENDING (goodbye) -> ENDED;  any -> ENDED (caller gone)
///
/// Sub-states and the reason of every decision are in TURNS.md beside this file.
class TurnMachine final {
public:
    TurnMachine(const Settings& settings, Instant now);

    /// The one entry. Never blocks; the actions are to be executed in order.
    Actions on(const Event& event, Instant now);

    TurnState state() const { return m_state; }
    CallerState callerState() const;
    int currentTurn() const { return m_turn; } ///< the turn last committed, 0 before the first
    int currentUtterance() const { return m_utterance; } ///< the utterance last opened, 0 before the first
    /// An interruption would silence it, or take back what it is about to say.
    bool agentHasFloor() const { return m_state == TurnState::Thinking || m_state == TurnState::Speaking; }
    /// The caller says, or has said, something that is no turn yet.
    bool hasCallerWords() const { return !m_words.isEmpty(); }
    QString callerWords() const { return m_words.guess(); } ///< of that, the best that is known now
    QString committedWords() const { return m_committed.guess(); } ///< of the current turn
    /// The recogniser has nothing more to say about the current turn.
    bool committedWordsAreFinal() const { return m_input != TurnInput::Voice || !m_committed.isUnfinished(); }

private:
    /// What is being heard, or is about to be.
    enum class Speech { None, Answer, Filler, Fallback, NoInput };
    /// The caller's attempt to take the floor while the agent has it (THINKING and SPEAKING).
    enum class Claim {
        None,
        Hearing, ///< voice goes on, an utterance is open
        AwaitingFinal, ///< the voice has ended; the recogniser was asked what it was
    };

    // turnmachine.cpp: what holds in every state
    bool onEverywhere(const Event& event);
    void onRecognition(const Event& event);
    void onCallStarted(const event::CallStarted& started);
    void hold();
    void setState(TurnState to);
    void note(const QString& token, Milliseconds value);
    void beginUtterance();
    void forgetWords(CallerWords& words);
    void startTurn(TurnInput input, CallerWords words);
    void saveMessage();
    void goodbye(EndReason reason);
    void finish(EndReason reason);
    void checkTimers();
    bool isOver(Milliseconds limit, Instant since) const { return elapsed(since, m_now) >= limit; }

    // turnmachine_listening.cpp
    void inListening(const Event& event);
    void listen();
    void listeningTimers();
    void listeningWords();
    void commitWords(bool capped);
    void commitKeys(const QString& digits);
    void noInput();
    bool takesVoice() const;
    Milliseconds endPause() const;

    // turnmachine_thinking.cpp
    void inThinking(const Event& event);
    void thinkingTimers();
    void committedFinal(int utterance, bool failed);
    void resolveAwaited(bool timedOut);
    void replaceTurn(const QString& text);
    void tryStart(bool evenIfHeld = false);
    void playFallback();
    void answerFailed();
    void dropAnswer(CutBy by);
    void abandonAnswer(CutBy by);
    void deadlinePassed();

    // turnmachine_speaking.cpp
    void inSpeaking(const Event& event);
    void speakingTimers();
    void speechHeard();
    void cutSpeech(CutBy by);
    void inHeld(const Event& event);
    void inEnding(const Event& event);
    int speechTurn() const;

    // claims: turnmachine_claims.cpp
    bool mayClaim() const;
    void claimFrame();
    void claimWords(int utterance);
    void claimTimer();
    void claimVoiceEnded();
    void settleClaim();
    bool isUnknownWords() const;
    void confirmClaim();
    void dismissClaim();

    Settings m_settings;
    Actions m_actions; ///< of the event at hand
    Instant m_now;
    Instant m_startedAt; ///< of the call
    CallerVoice m_voice;

    TurnState m_state = TurnState::Listening;
    Instant m_since; ///< of the state
    bool m_started = false;
    int m_turn = 0;
    int m_utterance = 0;
    int m_open = 0; ///< the open utterance, 0: none
    Instant m_openedAt;
    bool m_needOnset = false; ///< the voice that is on now opens nothing: it must end first

    CallerWords m_words; ///< of the turn in the making, or of a claim
    CallerWords m_committed; ///< of m_turn
    QString m_committedText; ///< as last sent to the dialog

    event::Expect m_expect;
    event::Expect m_expectBefore; ///< as it was when the turn was committed; comes back when its answer is dropped

    // LISTENING
    Instant m_quietSince; ///< start of the no-input time
    Instant m_waitingSince; ///< the same, not put off by voice
    int m_noInputs = 0;
    std::optional<Instant> m_keyAt; ///< an entry is being keyed

    // THINKING
    TurnInput m_input = TurnInput::Voice;
    Instant m_committedAt;
    Instant m_wordsEnd; ///< the last voiced frame of the turn, where all deadlines start
    Instant m_readyAt;
    bool m_awaiting = false; ///< the turn's words are not known yet
    bool m_ready = false;
    bool m_complete = false;
    bool m_endCall = false;
    bool m_failed = false;
    bool m_fillerPlayed = false;
    bool m_fallbackPlayed = false;
    int m_fallbacks = 0; ///< fallback lines since the last answer that was heard

    // SPEAKING
    Speech m_speech = Speech::None;
    Instant m_speechAt;
    bool m_interruptible = true;
    bool m_ranDry = false; ///< all the audio there was has been heard, and the answer was not complete
    Claim m_claim = Claim::None;
    Instant m_claimedAt;
    std::optional<HeardUtterance> m_acknowledged; ///< a "yes" taken for a back-channel; an answer, if the speech ends now
    Instant m_acknowledgedAt;

    EndReason m_endReason = EndReason::None; ///< ENDING: the first reason stands
};

} // namespace kav::turn
