// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/inboundaudio.h"
#include "engine/media/playout.h"
#include "engine/media/tick.h"
#include "engine/media/twiliomessage.h"
#include "engine/session/answer.h"
#include "engine/session/callersecrets.h"
#include "engine/session/callrecorder.h"
#include "engine/session/keypad.h"
#include "engine/session/mediachannel.h"
#include "engine/session/messagestore.h"
#include "engine/session/operatorcommand.h"
#include "engine/session/sessioncontext.h"
#include "engine/session/toolrunner.h"
#include "engine/session/turnlatency.h"
#include "engine/turn/turnmachine.h"
#include "engine/turn/voicedetector.h"
#include "shared/core/logcall.h"

#include <QJsonObject>
#include <QMap>
#include <QObject>

#include <deque>
#include <memory>
#include <optional>
#include <utility>

namespace kav::session {

/// What goes on with a call whose stream was lost needs to know of it.
struct CallHandover final {
    QList<providers::PastTurn> past; ///< the latest of them
    int lastTurn = 0; ///< its number
    int turns = 0; ///< closed ones
    int interruptions = 0;
    QMap<QString, QString> facts;
    providers::Expectation expectation; ///< of what the caller does next
    Instant started;
    QDateTime startedAt; ///< UTC
};

/// What the control thread learns of a call, by queued signals.
struct CallEnd final {
    QString callId;
    EndReason reason = EndReason::None;
    Milliseconds duration{0};
    int turns = 0;
    media::Playout::Counters playout;
    media::InboundAudio::Counters inbound;
    quint64 streamErrors = 0;
    /// The caller was told nothing because the engine had no voice: whoever goes on with the call must apologise.
    bool apologyOwed = false;
    /// The call goes on with somebody else: its record is not closed. CallSession::passedOn() has told whom.
    bool passedOn = false;
    bool withoutStream = false; ///< it was held by Twilio's own recogniser and voice
    std::shared_ptr<const CallHandover> handover{}; ///< null unless somebody else may go on with the call
};

/// What tools have asked for in the answer under way, and how long the caller has been waiting for one.
struct ToolsOfAnswer final {
    bool endCall = false, takeMessage = false;
    providers::TransferTarget transferTo; ///< no number: nobody
    QString transferSummary;
    bool isGap = false; ///< a tool was called, and not a word has come since
    int asides = 0; ///< waiting lines in this gap
    Instant lastAside;
    QList<providers::ToolCall> held; ///< until the caller's words are final
    std::optional<KeysWanted> keys; ///< from the caller, next
};

/// A turn that is under way, with the instants its latency is made of.
struct OpenTurn final {
    TurnRecord record;
    Instant lastVoice;
    std::optional<Instant> committed, wordsKnown;
    TurnLatency latency;
    bool asked = false, speechLogged = false;
    bool voiceAsked = false; // a synthesiser, for a sentence of the answer
    quint64 framesBefore = 0;
    QDateTime startedAt; // UTC: of the caller's words, or of the agent's
    QString heardSoFar; // as of the last mark
    TurnSecrecy secrecy;
    quint64 recordedFrom = 0; // where the caller's words or keys begin in the recording
};

providers::UserTurn::Kind userTurnKindOf(TurnInput input);
/// Of the last turns, for whoever goes on with the call.
void appendPastTurn(QList<providers::PastTurn>& past, const TurnRecord& turn);

/// One call, from the stream's 101 to its end: feeds the caller's audio to voice detection, recogniser and turn
/// machine, and does what the machine says. Owned by its MediaWorker, lives on that worker for its whole life; deleted
/// by it after ended(). Emits ended exactly once, whatever happens.
///
/// Events are handled one at a time: what an action causes is queued behind the actions before it, so the machine never
/// re-enters. Nothing here blocks or waits; time comes from the worker's tick.
class CallSession final : public QObject, public media::TickSubscriber, private media::PlayoutSink {
    Q_OBJECT
public:
    CallSession(std::unique_ptr<MediaChannel> channel, StreamClaims claims, const SessionContext& context);
    ~CallSession() override;

    /// Every 20 ms, from the worker.
    void onTick(Instant now) override;
    /// Says goodbye and ends (drain deadline, operator). `reason` goes into the record.
    void requestEnd(EndReason reason);
    /// Says these words instead of a goodbye and ends; at once where there are none.
    void endWith(EndReason reason, const QString& words);
    /// The telephone leg cannot be ended, or taken elsewhere, by others: closes the stream of a call that waits for it.
    void release();
    /// Passes the call on to one of its persona's targets, now.
    CommandOutcome passOn(const QString& targetName);
    /// Ends at once, without a word (the engine stops).
    void endNow(EndReason reason);
    CommandOutcome command(OperatorCommand command);

    QString callId() const { return m_callId; }
    TurnState state() const { return m_machine.state(); }

Q_SIGNALS:
    void stateChanged(kav::TurnState from, kav::TurnState to);
    void turnEnded(const kav::TurnRecord& turn);
    /// Something of it is another than before. From `start` on; the last, with Ended, comes before ended().
    void summaryChanged(const kav::CallSummary& summary);
    /// A turn as it goes on, and closed. What the caller is just saying has the number of the turn it may become; a
    /// turn closed without any words is one that it did not become, and its number is used again.
    void transcriptChanged(const kav::TranscriptTurn& turn);
    /// Voice silenced the agent: for good (`confirmed`), or it spoke on.
    void interruptionEnded(bool confirmed);
    /// A provider gave the first of what it was asked for, or was left for the next.
    void providerUsed(const kav::providers::FailoverNews& news);
    /// All that is to be said has been heard. The stream stays open for a while (Settings::leaveWait): whoever can ends
    /// the telephone leg.
    void lastWordsSaid();
    /// The same, of a call that goes to a person; without leaveWait just before ended().
    void passedOn(const kav::session::PassedOn& call);
    void ended(const kav::session::CallEnd& end);

private:
    enum class Phase { AwaitingStart, Live, Leaving, Ended };
    /// What is being spoken, or is about to be.
    enum class Speaking { Nothing, Answer, Line };

    /// Every way in begins with one: it takes the time, and what is logged on the way is the call's.
    class Entered;

    // stream in
    void onText(const QString& text);
    void onMessage(const media::ConnectedMessage& message);
    void onMessage(const media::StartMessage& message);
    void onMessage(const media::MediaMessage& message);
    void onMessage(const media::DtmfMessage& message);
    void onMessage(const media::MarkMessage& message);
    void onMessage(const media::StopMessage& message);
    void onMessage(const media::UnknownMessage& message);
    void onClosed(bool byPeer, const QString& reason);
    void onFrame(const media::InboundFrame& inbound);
    void countError(metrics::StreamError kind, const QString& reason);
    std::shared_ptr<const providers::Persona> personaOf(const QMap<QString, QString>& parameters) const;

    // stream out (PlayoutSink)
    void sendMedia(std::span<const quint8> mulaw) override;
    void sendMark(const QString& name) override;
    void sendClear() override;

    // turn machine
    void dispatch(const turn::Event& event);
    void decide(const turn::Event& event);
    void perform(const turn::action::StateChanged& action);
    void perform(const turn::action::BeginUtterance& action);
    void perform(const turn::action::EndUtterance& action);
    void perform(const turn::action::DropUtterance& action);
    void perform(const turn::action::CommitTurn& action);
    void perform(const turn::action::ReplaceTurn& action);
    void perform(const turn::action::MergeFinal& action);
    void perform(const turn::action::StartSpeaking& action);
    void perform(const turn::action::DropAnswer& action);
    void perform(const turn::action::PausePlayout& action);
    void perform(const turn::action::ResumePlayout& action);
    void perform(const turn::action::CutSpeech& action);
    void perform(const turn::action::PlayFiller& action);
    void perform(const turn::action::PlayFallback& action);
    void perform(const turn::action::PlayNoInput& action);
    void perform(const turn::action::PlayGoodbye& action);
    void perform(const turn::action::EndCall& action);
    void perform(const turn::action::Note& action);

    std::pair<Instant, QString> waitOf(const turn::action::CommitTurn& action) const;

    // recogniser and conversation
    bool haveRecogniser();
    bool haveConversation();
    /// `speechOf`: the turn that a speech belongs to; 0: none.
    providers::FailoverReporter reporter(int speechOf = 0);
    void onProviderNews(const providers::FailoverNews& news, int speechOf);
    int turnServed(const providers::FailoverNews& news, int speechOf) const;
    void noteOwner(const providers::FailoverNews& news, int speechOf);
    void ask();
    void onFinal(int utterance, const providers::Transcript& transcript);
    void onAnswerText(int turn, const QString& delta);
    void onAnswerFinished(int turn, const providers::Expectation& next, bool endCall);
    void onAnswerFailed(int turn, const Error& error);
    void answerFailed(int turn);
    void expect(const providers::Expectation& next);
    std::unique_ptr<Answer> makeAnswer(int turn);
    void wordsKnown(const QString& text, double confidence);
    void noteFirstAudio();

    // speaking
    void playLine(const QString& text, bool belongsToTurn);
    void apologise();
    void startAnswer();
    void pumpSpeech();
    void checkHeard(Instant now);
    void speechOver(const std::vector<media::HeardSentence>& heard, bool cut);
    void closeTurn();

    // tools: callsession_tools.cpp
    void makeToolRunner();
    void logTransfer(const providers::TransferTarget& target);
    void onToolCalled(int turn, const providers::ToolCall& call);
    void onToolFinished(const ToolOutcome& outcome);
    bool mayRunTools() const;
    void runHeldTools();
    void coverToolGap(Instant now);

    // message recording
    void beginMessage();

    // recording, and what must not be kept: callsession_recording.cpp
    void decideRecording();
    void beginCall();
    void openConversation();
    void noticeOver(bool wasHeard);
    void pauseRecording(bool paused);
    void endRecording();
    void silenceTurn(const QString& words);
    bool mustHide(const QString& words) const;
    QString wordsForModel(int turn, const QString& words);

    // keypad: callsession_tools.cpp
    void takeEntry(const QString& entry);

    // what operators are shown: callsession_shown.cpp
    CallState callState() const;
    void showStart();
    void show();
    void showSummary(CallState state);
    void showTurn(const Answer* answer);
    void showWords();
    void withdrawWords();
    void showTurnClosed(const OpenTurn& turn);
    void showEnd(EndReason reason, const QDateTime& at);
    bool isTest() const;

    // the end
    void leave(EndReason reason);
    void takeUp(TakenUp before);
    void tellPassedOn();
    void wrapUp();
    void logEvent(const QString& token, const QJsonObject& fields = {});
    void finish(EndReason reason, quint16 closeCode, const QString& closeReason);

    const SessionContext& m_context;
    const std::unique_ptr<MediaChannel> m_channel;
    const StreamClaims m_claims;
    const Instant m_opened;
    Instant m_now; // of the event in hand

    Phase m_phase = Phase::AwaitingStart;
    QString m_callId;
    providers::CallInfo m_info;
    Instant m_started;
    media::TwilioParser m_parser;
    std::unique_ptr<media::TwilioWriter> m_writer; // from `start` on
    media::InboundAudio m_inbound;
    media::Playout m_playout;
    turn::VoiceDetector m_detector;
    turn::TurnMachine m_machine;

    std::deque<turn::Event> m_events;
    bool m_dispatching = false;

    // The caller's last second, for the start of an utterance that is known only after it began.
    static constexpr size_t PreRollFrames = 50;
    std::array<media::PcmFrame, PreRollFrames> m_recent{};
    size_t m_recentCount = 0;
    Instant m_lastVoice, m_lastKey;

    std::unique_ptr<providers::SpeechToTextStream> m_recogniser;
    QString m_heardBy; // the recogniser that the latest words were given by, or are waited for from
    int m_openUtterance = 0; // fed to the recogniser; 0: none
    std::unique_ptr<providers::Conversation> m_conversation;
    std::unique_ptr<ToolRunner> m_tools; // from `start` on
    ToolsOfAnswer m_asked;
    Instant m_lastSent; // of audio to the caller
    providers::Expectation m_expectation, m_expectationBefore;
    Keypad m_keypad;
    QString m_heldEntry; // keyed while the agent spoke, by a persona whose keys do not interrupt
    quint64 m_keysFrom = 0, m_speechFrom = 0; // in the recording
    CallerSecrets m_secrets;

    std::optional<OpenTurn> m_turn;
    std::optional<providers::UserTurn> m_unasked; // waits for a language model
    int m_turnsDone = 0;
    std::unique_ptr<Answer> m_answer; // to the turn in hand
    bool m_answerEndsCall = false, m_completeSent = false;
    std::unique_ptr<Answer> m_line; // filler, fallback, prompts, goodbye
    bool m_lineIsTurns = false; // the line stands for the turn's answer
    Speaking m_speaking = Speaking::Nothing;
    bool m_answerWaits = false; // released, and waits for the filler to be heard out
    std::optional<Instant> m_pausedSince;

    std::unique_ptr<MessageRecorder> m_message; // of the open utterance, when a message is expected
    int m_messages = 0;
    std::unique_ptr<CallRecorder> m_recorder; // when the engine records
    bool m_twilioRecords = false, m_recordingPaused = false;
    bool m_noticeUnderWay = false; // the conversation has not begun yet
    Instant m_recordingPausedAt;

    bool m_messageInsteadOfAnswer = false; // after the fallback line: the message ends the call without a model

    CallSummary m_summary; // as shown
    std::optional<Milliseconds> m_lastGap;
    int m_interruptions = 0;
    TranscriptTurn m_turnShown, m_wordsShown; // number 0: not shown
    QDateTime m_wordsSince; // of what is no turn yet
    quint64 m_wordsFrom = 0; // the same in the recording
    int m_sentencesShown = 0;
    bool m_turnsStale = false; // something happened that may show in a turn

    QMap<QString, QString> m_facts;
    QString m_lastWords; // instead of the goodbye line; empty: that
    QList<providers::PastTurn> m_past; // the last turns, for whoever takes the call up again
    std::optional<TakenUp> m_comeBack; // of a call that was passed on
    struct PassTo final {
        providers::TransferTarget target;
        QString summary;
        bool byOperator = false;
    };
    std::optional<PassTo> m_passTo; // decided, and carried out with the end of the stream
    bool m_passTold = false;
    EndReason m_leaving = EndReason::None; // while Leaving
    Instant m_leaveBy;
    quint64 m_badMessages = 0, m_streamErrors = 0;
    bool m_errorLogged = false, m_apologyOwed = false;
};

class CallSession::Entered final {
public:
    explicit Entered(CallSession& session)
        : Entered(session, session.m_context.clock->now())
    {
    }
    Entered(CallSession& session, Instant now)
        : m_call(session.m_callId)
    {
        session.m_now = now;
    }

private:
    const LogCall m_call;
};

} // namespace kav::session
