// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/webhooks/streamtoken.h"
#include "engine/webhooks/twiml.h"
#include "engine/webhooks/webhookrouter.h"
#include "shared/core/clock.h"

#include <QDateTime>
#include <QHash>
#include <QString>

#include <functional>
#include <list>
#include <optional>

namespace kav::webhooks {

/// What Twilio's own voice says when the engine cannot speak, in the language of the number that was called.
struct CallerLines final {
    QString language; ///< as <Say> wants it: "en-US", "he-IL"
    QString voice; ///< empty: the account's default for the language
    QString busy;
    QString apology;
    QString nobody; ///< a call that was passed on was not answered
    QString wait; ///< the caller waits for room, and hears this again and again

    static CallerLines english();
    static CallerLines hebrew();
};

/// A call that is about to come in: time to open what it will need, while the telephone still rings.
struct IncomingCall final {
    QString callSid, accountSid;
    QString from, to; ///< as received: E.164, sip:, client:, "anonymous", or empty
    QString callerName, forwardedFrom, direction;
    QString language; ///< in which it will be held
    bool test = false; ///< made by Kav's own loopback caller, which says KavTest=1
    QString persona{}; ///< who is to answer, by name; empty: whoever has the number
    QString placed{}; ///< of a call that was placed here: what its placing is called

    /// The line's end of ours: the number that was called, or from which the call goes out.
    const QString& ownNumber() const { return direction.startsWith(QLatin1String("outbound")) ? from : to; }
};
struct StreamStatus final {
    QString callSid, streamSid;
    QString event; ///< stream-started, stream-stopped, stream-error
    QString error;
};
/// Callbacks come late, twice and out of order: `sequence` orders them, a final status is never left.
struct CallStatus final {
    QString callSid;
    QString status; ///< ringing, in-progress, completed, busy, no-answer, failed, canceled
    std::optional<int> sequence;
    std::optional<int> durationSeconds;
    QDateTime timestamp{}; ///< UTC; not valid: none was given
    IncomingCall call{}; ///< what else it tells
    bool isFinal() const;
};

/// Why a call cannot go the ordinary way, on its stream.
enum class Obstacle {
    Full, ///< as many calls as the engine takes
    Draining,
    NoSpeech, ///< nothing to hear or to speak with, in the call's language
    NeverStreamed, ///< Twilio could not open the stream
    StreamBroke, ///< it was lost, or the engine had no voice left
    NotAnswered, ///< it was passed on, and nobody took it
};

/// An incoming call from its first request to its last. Its routes:
///
///     /webhook/incoming_call   TwiML: connect the stream; or the busy line when the engine is full or draining
///     /webhook/waiting         the same, for a caller who has waited for room
///     /webhook/stream_status   204
///     /webhook/stream_ended    204
///     /webhook/call_status     204
///     /webhook/after_stream    TwiML: how the call goes on when its stream is over
///
/// Why <Connect> has an action, and why it is after_stream. Twilio runs the verbs after <Connect> whenever the stream
/// is over, after a proper goodbye as much as after a failure, so an apology standing there would follow every goodbye.
/// With an action Twilio asks instead. What it does with an action that answers 204 is not documented; stream_ended
/// answers 204 by contract, so the action is a route of its own that always answers TwiML: <Hangup/> after an orderly
/// end or when nothing is known, the apology when the stream never came about or broke. The verbs after <Connect> say
/// the same apology; they are what is left should Twilio go on in the document without asking. Nowhere stands a
/// <Pause>.
///
/// A call that is passed on has an orderly end too: `passedOn` is asked first, see Transfers.
///
/// A plain object, owned by the composition root, lives on the control thread.
class CallWebhooks final {
public:
    struct Settings final {
        std::size_t callMemory = 16'384; ///< calls whose stream's fate is remembered
        /// False in a fleet, where the action of another engine's call may come here: it then just hangs up.
        bool servesEveryCall = true;
    };
    /// All optional but linesFor's default is English. Called on the control thread, from within a request.
    struct Hooks final {
        std::function<bool()> hasRoom{}; ///< one more call can be taken
        std::function<bool()> isDraining{};
        std::function<CallerLines(const QString& to)> linesFor{};
        std::function<void(const IncomingCall&)> incomingCall{};
        std::function<void(const IncomingCall&)> turnedAway{}; ///< hears the busy line
        std::function<void(const StreamStatus&)> streamStatus{};
        std::function<void(const QString& callSid)> streamEnded{};
        std::function<void(const CallStatus&)> callStatus{};
        std::function<QString(const QString& to)> languageFor{}; ///< of the call; without it linesFor's
        /// Whether a stream would be of use to it; without it, yes.
        std::function<bool(const IncomingCall&)> canStream{};
        /// Takes the call over and replies, at once or later. False: it does not, nothing was replied, and the caller
        /// hears the line for it (with NoSpeech: is connected all the same).
        std::function<bool(Obstacle, const IncomingCall&, const Webhook&, const WebhookRouter::Reply&)> goOn{};
        /// The stream of a call that is passed on is over. False: it is not passed on, and nothing was replied.
        std::function<bool(const Webhook&, const WebhookRouter::Reply&)> passedOn{};
    };
    /// A call as it came in, while its stream's fate is remembered.
    struct Known final {
        IncomingCall call;
        PublicUrl base;
    };
    struct Counters final {
        quint64 calls = 0, busy = 0;
    };

    /// Adds its routes to `router`, which it must outlive.
    CallWebhooks(WebhookRouter& router, const StreamTokens& tokens, const Clock& clock, Settings settings, Hooks hooks);

    /// What the rest of the engine knows of a call's stream; decides what after_stream answers.
    void noteStreamAdmitted(const QString& callSid);
    void noteStreamEnded(const QString& callSid, bool inOrder);
    /// It is held without a stream.
    void noteWithoutStream(const IncomingCall& call, const PublicUrl& base);
    std::optional<Known> known(const QString& callSid) const;
    CallerLines lines(const QString& to) const;
    /// Asks Hooks::goOn.
    bool goOn(Obstacle obstacle, const IncomingCall& call, const Webhook& webhook, const WebhookRouter::Reply& reply);
    /// The call as a webhook tells of it.
    IncomingCall callOf(const Webhook& webhook) const;
    /// The verbs that connect the call's stream: for whoever brings a call back to the agent as well. `more` goes into
    /// the stream's parameters.
    std::vector<TwimlElement> connect(
        const IncomingCall& call, const PublicUrl& base, const QList<std::pair<QString, QString>>& more = {});

    const Counters& counters() const { return m_counters; }

private:
    enum class Fate { Offered, Streaming, EndedInOrder, Broken };
    struct CallFate final {
        QString callSid;
        Fate fate = Fate::Offered;
        int streams = 0; ///< that were offered
        std::optional<Known> known;
    };

    void incomingCall(const Webhook& webhook, const WebhookRouter::Reply& reply);
    void afterStream(const Webhook& webhook, const WebhookRouter::Reply& reply);
    void streamStatus(const Webhook& webhook);
    void callStatus(const Webhook& webhook);
    CallFate& setFate(const QString& callSid, Fate fate);
    const CallFate* fateOf(const QString& callSid) const;

    const StreamTokens& m_tokens;
    const Clock& m_clock;
    const Settings m_settings;
    const Hooks m_hooks;
    Counters m_counters;
    std::list<CallFate> m_fates; ///< oldest first
    QHash<QString, std::list<CallFate>::iterator> m_fateByCall;
};

} // namespace kav::webhooks
