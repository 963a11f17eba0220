// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/net/http.h"
#include "engine/telephony/formbody.h"
#include "engine/webhooks/requestguard.h"
#include "engine/webhooks/streamtoken.h"
#include "shared/core/clock.h"

#include <QByteArray>
#include <QHash>
#include <QString>

#include <cstdint>
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
    bool isFinal() const;
};

/// Twilio's HTTP requests, answered at once. Routes (all POST; trailing slashes tolerated):
///
///     /webhook/incoming_call   TwiML: connect the stream; or the busy line when the engine is full or draining
///     /webhook/stream_status   204
///     /webhook/stream_ended    204
///     /webhook/call_status     204
///     /webhook/after_stream    TwiML: how the call goes on when its stream is over
///     /webhook/after_dial      TwiML: how it goes on when it was passed on
///
/// Why <Connect> has an action, and why it is after_stream. Twilio runs the verbs after <Connect> whenever the stream
/// is over, after a proper goodbye as much as after a failure, so an apology standing there would follow every goodbye.
/// With an action Twilio asks instead. What it does with an action that answers 204 is not documented; stream_ended
/// answers 204 by contract, so the action is a route of its own that always answers TwiML: <Hangup/> after an orderly
/// end or when nothing is known, the apology when the stream never came about or broke. The verbs after <Connect> say
/// the same apology; they are what is left should Twilio go on in the document without asking. Nowhere stands a
/// <Pause>.
///
/// A call that is to be passed on has an orderly end too: after_stream then dials, as the caller where the caller has a
/// number, else as the number that was called. What follows a <Dial> is said after a conversation as well, so it has an
/// action of its own: after_dial hangs up where somebody answered, and says that nobody did where nobody did.
///
/// Repeated deliveries (same I-Twilio-Idempotency-Token, else same CallSid, status and URL) get the same answer and are
/// logged as duplicates; hooks are not called again. Every request that proves itself is logged; of refused ones a
/// bounded number. Numbers are masked, secrets left out.
///
/// A plain object, owned by the composition root, lives on the control thread; handle() never blocks.
class WebhookRoutes final {
public:
    struct Settings final {
        Milliseconds duplicateMemory{60'000}; ///< a retry comes within seconds; shorter than a stream token's life
        std::size_t duplicateEntries = 4096;
        std::size_t callMemory = 16'384; ///< calls whose stream's fate is remembered
        /// False in a fleet, where the action of another engine's call may come here: it then just hangs up.
        bool servesEveryCall = true;
        std::chrono::seconds dialTime{25}; ///< how long a call that is passed on rings
    };
    /// All optional but linesFor's default is English. Called on the control thread, from within handle().
    struct Hooks final {
        std::function<bool()> hasRoom; ///< one more call can be taken
        std::function<bool()> isDraining;
        std::function<CallerLines(const QString& to)> linesFor;
        std::function<void(const calllog::Entry&)> log;
        std::function<void(const IncomingCall&)> incomingCall;
        std::function<void(const StreamStatus&)> streamStatus;
        std::function<void(const QString& callSid)> streamEnded;
        std::function<void(const CallStatus&)> callStatus;
        std::function<QString(const QString& to)> languageFor{}; ///< of the call; without it linesFor's
    };
    struct Counters final {
        quint64 calls = 0, busy = 0, duplicates = 0, refused = 0, malformed = 0;
    };

    WebhookRoutes(RequestGuard& guard, const StreamTokens& tokens, const Clock& clock, Settings settings, Hooks hooks);

    /// Whether the path is under /webhook/ and so this object's to answer.
    static bool owns(const net::HttpRequest& request);
    net::HttpResponse handle(const net::HttpRequest& request);

    /// What the rest of the engine knows of a call's stream; decides what after_stream answers.
    void noteStreamAdmitted(const QString& callSid);
    /// `dialTo`: whom the call is passed on to, E.164; empty: nobody.
    void noteStreamEnded(const QString& callSid, bool inOrder, const QString& dialTo = {});

    const Counters& counters() const { return m_counters; }

private:
    enum class Route { IncomingCall, StreamStatus, StreamEnded, CallStatus, AfterStream, AfterDial };
    enum class Fate { Offered, Streaming, EndedInOrder, Broken };
    struct Seen final {
        QByteArray key;
        Instant at;
        QDateTime wallTime;
        net::HttpResponse answer;
    };
    struct CallFate final {
        QString callSid;
        Fate fate = Fate::Offered;
        QString dialTo;
    };

    static std::optional<Route> routeFor(const QByteArray& path);
    net::HttpResponse answer(Route route, const net::HttpRequest& request, const telephony::FormBody& form);
    net::HttpResponse incomingCall(const net::HttpRequest& request, const telephony::FormBody& form);
    net::HttpResponse afterStream(const net::HttpRequest& request, const telephony::FormBody& form);
    net::HttpResponse afterDial(const telephony::FormBody& form);
    CallerLines lines(const QString& to) const;
    const Seen* findDuplicate(const QByteArray& key);
    void remember(const QByteArray& key, const net::HttpResponse& answer);
    CallFate& setFate(const QString& callSid, Fate fate);
    const CallFate* fateOf(const QString& callSid) const;
    void log(const net::HttpRequest& request, const telephony::FormBody* form, int status, const QString& reason,
        const Seen* duplicateOf);

    RequestGuard& m_guard;
    const StreamTokens& m_tokens;
    const Clock& m_clock;
    Settings m_settings;
    Hooks m_hooks;
    Counters m_counters;
    RateGate m_refusedGate;
    std::list<Seen> m_seen; ///< oldest first
    QHash<QByteArray, std::list<Seen>::iterator> m_seenByKey;
    std::list<CallFate> m_fates; ///< oldest first
    QHash<QString, std::list<CallFate>::iterator> m_fateByCall;
};

/// A webhook's field fit for the call log: numbers masked wherever they stand, secrets and keys pressed left out.
QString loggableField(const QString& name, const QString& value);

} // namespace kav::webhooks
