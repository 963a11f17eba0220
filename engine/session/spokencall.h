// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/dialog/sentencesplitter.h"
#include "engine/session/callersecrets.h"
#include "engine/session/callsession.h"
#include "engine/session/operatorcommand.h"
#include "engine/session/sessioncontext.h"
#include "engine/session/spokenstep.h"
#include "engine/session/toolrunner.h"
#include "engine/session/turnlatency.h"

#include <QObject>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace kav::session {

/// A call that is to be held without a stream.
struct SpokenStart final {
    providers::CallInfo info; ///< without a persona: whoever has the called number
    QString accountSid, direction;
    QString why; ///< "no-speech", "never-streamed", ...: for log and operators
    bool test = false;
    std::optional<CallHandover> handover; ///< of the session whose stream broke
    std::optional<TakenUp> takenUp; ///< it was passed on, and comes back
};

/// One call held turn by turn, by Twilio's own recogniser and voice: each webhook is the caller's side of a turn, and
/// its answer is what Twilio does until the next one. The same conversation, tools, log and news for operators as on a
/// stream (see CallSession); no transport: told by take(), it replies with a SpokenStep. Owned by SpokenCalls, lives on
/// the control thread. Emits ended exactly once.
///
/// Twilio waits for an answer, and the caller with it, so a reply never waits for the whole of a slow answer: what the
/// model has said so far goes out in whole sentences, else the waiting line, and Twilio comes back for the rest. Past
/// the fallback's limit the caller is offered to leave a message, which needs no model.
///
/// What is not known here: when the caller began to speak, how long the words took, and how much of an answer was heard
/// before the caller spoke over it. A turn's wait is counted from the webhook, and its answer counts as heard.
class SpokenCall final : public QObject {
    Q_OBJECT
public:
    using Reply = std::function<void(const SpokenStep&)>;
    struct Settings final {
        Milliseconds answerWithin{5000}; ///< a webhook is answered so soon, with what there is; Twilio grants 15 s
        Milliseconds lost{60000}; ///< no webhook for so long past what it was told to do: the caller is gone
    };

    SpokenCall(SpokenStart start, const SessionContext& context, Settings settings);
    ~SpokenCall() override;

    /// Twilio asks what to do next; `reply` is called once, at once or later. A repetition gets the answer of its
    /// first, and one that comes after the end hears that it is over.
    void take(const SpokenInput& input, Reply reply);
    /// The telephone says that the call is over.
    void hungUp();
    /// Says goodbye and ends: with the answer that is due, else by interruptionWanted(), else at the next webhook.
    void requestEnd(EndReason reason);
    /// The same with these words; without any, without a word.
    void endWith(EndReason reason, const QString& words);
    /// Ends the record at once; whoever asks next is told to hang up.
    void endNow(EndReason reason);
    CommandOutcome command(OperatorCommand command);
    /// An operator passes the call on, to somebody of its persona's list; at once where there is a way, else when
    /// Twilio asks next.
    CommandOutcome passOn(const QString& targetName);
    /// What interruptionWanted() has asked for is done.
    void interrupted(const SpokenStep& step, EndReason reason);
    /// Deadlines: called every tenth of a second or so.
    void tick();

    QString callId() const { return m_info.callId; }

Q_SIGNALS:
    void turnEnded(const kav::TurnRecord& turn);
    void summaryChanged(const kav::CallSummary& summary);
    void transcriptChanged(const kav::TranscriptTurn& turn);
    void providerUsed(const kav::providers::FailoverNews& news);
    /// Nobody asks just now, and yet this is to be done at once, if there is a way; endNow() follows if there was.
    void interruptionWanted(const kav::session::SpokenStep& step, kav::EndReason reason);
    void passedOn(const kav::session::PassedOn& call); ///< ended() follows, and its record stays open
    void ended(const kav::session::CallEnd& end);

private:
    struct Turn final {
        TurnRecord record;
        TurnSecrecy secrecy;
        QDateTime startedAt;
        Instant since; ///< the webhook that brought it
        Instant progressed; ///< the model's last sign of life
        TurnLatency latency;
        bool asked = false, over = false; ///< over: all of its answer is known
        QString said; ///< given to Twilio so far
    };

    void begin();
    void takeUp();
    void obey(const SpokenInput& input);
    void startTurn(TurnInput input, const SpokenInput& from);
    bool haveConversation();
    void ask();
    void onText(int turn, const QString& delta);
    void onFinished(int turn, const providers::Expectation& next, bool endCall);
    void onFailed(int turn, const Error& error);
    void onToolCalled(int turn, const providers::ToolCall& call);
    void makeToolRunner();
    bool isAnswerOf(int turn) const
    {
        return m_turn && m_turn->record.number == turn && m_turn->asked && !m_turn->over;
    }
    void addSentences(const QStringList& sentences);
    void noInput();
    void fallBack();
    void checkAnswer();

    void give(SpokenStep step, EndReason reason = EndReason::Completed);
    SpokenStep stepFor(const providers::Expectation& next) const;
    SpokenStep bare(SpokenStep::Then then) const;
    SpokenStep goodbye(EndReason reason) const;
    void giveWhatThereIs();
    void giveAnswer();
    void closeTurn();
    void finish(EndReason reason);
    void tellPassedOn();
    void logTransfer(const providers::TransferTarget& target);

    void show(CallState state);
    void showTurn();
    void logEvent(const QString& token, const QJsonObject& fields = {});
    dialog::ServiceLines lines() const { return m_context.serviceLines(m_info.language); }
    Instant now() const { return m_context.clock->now(); }

    const SessionContext& m_context;
    const Settings m_settings;
    const SpokenStart m_start;
    providers::CallInfo m_info;
    Instant m_started;
    bool m_begun = false, m_ended = false;

    std::vector<Reply> m_replies; // to the webhook that is being answered, and its repetitions
    Instant m_askedAt; // that webhook
    SpokenStep m_last; // given
    Instant m_lostAt;
    Instant m_spokenOutAt; // when what was given has been said, as far as can be told

    std::unique_ptr<providers::Conversation> m_conversation;
    std::unique_ptr<ToolRunner> m_tools;
    ToolsOfAnswer m_asked;
    int m_toolsUnderWay = 0;
    std::optional<providers::UserTurn> m_unasked;
    providers::Expectation m_expectation;
    bool m_messageInsteadOfAnswer = false;

    std::optional<Turn> m_turn;
    dialog::SentenceSplitter m_splitter;
    QList<SpokenStep::Part> m_parts; // of the answer, not given yet
    bool m_fillerGiven = false;
    int m_turnNumber = 0, m_turnsDone = 0, m_noInputs = 0;
    std::optional<EndReason> m_endWanted;
    std::optional<QString> m_lastWords; // instead of the goodbye
    struct PassTo final {
        providers::TransferTarget target;
        QString summary;
        bool byOperator = false;
    };
    std::optional<PassTo> m_passTo; // the call is passed on as soon as Twilio asks
    QList<providers::PastTurn> m_past;

    CallerSecrets m_secrets;
    QMap<QString, QString> m_facts;
    CallSummary m_summary, m_shown;
    TranscriptTurn m_turnShown;
};

} // namespace kav::session
