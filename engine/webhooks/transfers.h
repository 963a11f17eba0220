// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/persona.h"
#include "engine/session/passedon.h"
#include "engine/telephony/twiliorest.h"
#include "engine/webhooks/callwebhooks.h"
#include "engine/webhooks/transfermachine.h"
#include "engine/webhooks/webhookrouter.h"

#include <QHash>
#include <QJsonObject>
#include <QObject>
#include <QTimer>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace kav::webhooks {

/// Calls that their agent passes on to people, from the agent's last word until the agent has them again, or they end.
/// What becomes of each its TransferMachine decides; here it is done, by REST and by what Twilio is answered:
///
///     /webhook/transfer    the caller's leg: <Dial><Number>
///     /webhook/hold        the caller's leg: a line, then <Dial><Conference>
///     /webhook/after_dial, /webhook/after_hold   how the caller goes on
///     /webhook/back        the caller's leg: the agent's stream, or a goodbye
///     /webhook/hold_music  what the conference plays who waits
///     /webhook/human, /webhook/human_key         the person's leg: what it is about, and the key
///     /webhook/human_status, /webhook/dial_status, /webhook/conference    204
///
/// Kav's own parameters say which call, which of its transfers (n) and which target (t) a request is about: what is
/// said of an earlier one counts for nothing, and is no repetition either.
///
/// Without REST the stream's end leads to after_stream, and a warm target is done blind. A call has one record in the
/// log however often it comes and goes: it is closed here when the call ends without its agent.
///
/// Owned by the composition root, lives on the control thread; takeUp() is asked by all workers.
class Transfers final : public QObject {
    Q_OBJECT
public:
    struct Settings final {
        providers::TransferRules rules; ///< whole
        QStringList ownNumbers; ///< a person is called from the first, where nothing better is known
        std::optional<PublicUrl> publicUrl;
    };
    struct Hooks final {
        std::function<void(const calllog::Entry&)> log;
        std::function<void(const CallSummary&)> show; ///< to operators
        /// The call has ended, and its record is closed.
        std::function<void(const CallSummary&, Milliseconds duration, int turns)> ended;
        std::function<void(const QString& callId)> releaseStream;
        std::function<bool()> hasRoom; ///< for one more stream
        /// Whether it comes back without a stream; without it, never. `had` none before.
        std::function<bool(const IncomingCall&, bool hadNone)> backWithoutStream{};
    };
    struct Counters final {
        quint64 blind = 0, warm = 0; ///< begun
        quint64 answered = 0, unanswered = 0; ///< persons
        quint64 back = 0; ///< callers who came back to the agent
        /// What became of those that are over, by the way they were begun.
        struct Outcomes final {
            quint64 answered = 0, unanswered = 0, callerGone = 0, operatorEnded = 0;
        };
        Outcomes blindOver, warmOver;
        quint64 withoutRest = 0; ///< that were to go by REST, and had to go another way
        int open = 0;
    };

    /// `rest` may be null: there is none. All must outlive it.
    Transfers(WebhookRouter& router, CallWebhooks& calls, telephony::TwilioRest* rest, const Clock& clock,
        Settings settings, Hooks hooks, QObject* parent = nullptr);
    ~Transfers() override;

    /// The agent has said its last words.
    void begin(const session::PassedOn& call);
    /// CallWebhooks::Hooks::passedOn.
    bool afterStream(const Webhook& webhook, const WebhookRouter::Reply& reply);
    void streamStarted(const QString& callId);
    void callOver(const QString& callId); ///< Twilio says so
    /// An operator ends it. False: it is not with anybody, or nothing can end it, for there is no REST.
    bool end(const QString& callId);
    bool holds(const QString& callId) const { return m_open.contains(callId); }
    QStringList calls() const { return m_open.keys(); }
    /// The engine ends: who waits hears a goodbye, who talks with a person goes on without it.
    void endAll();
    /// Any thread: what the agent of a call that comes back has to know. Once.
    std::optional<session::TakenUp> takeUp(const QString& callId);

    Counters counters() const;

private:
    struct Open;
    using Reply = WebhookRouter::Reply;

    void addRoutes(WebhookRouter& router);
    void callerAsks(const Webhook& webhook, const Reply& reply, TransferEvent event);
    void afterDial(const Webhook& webhook, const Reply& reply);
    void holdMusic(const Webhook& webhook, const Reply& reply) const;
    void human(const Webhook& webhook, const Reply& reply);
    void humanKey(const Webhook& webhook, const Reply& reply);
    void humanStatus(const Webhook& webhook);
    void dialStatus(const Webhook& webhook);
    void conference(const Webhook& webhook);

    using OpenPointer = std::shared_ptr<Open>;
    OpenPointer find(const QString& callId) const;
    /// The transfer that a request names by its parameters; null: it is over, or another.
    OpenPointer named(const Webhook& webhook) const;
    static bool isOfTarget(const Open& open, const Webhook& webhook);
    void apply(Open& open, TransferEvent event);
    void perform(Open& open, TransferAction action);
    void announce(Open& open, TransferState before, std::size_t targetBefore, TransferEvent event);
    void redirect(Open& open, const QString& path);
    void callHuman(Open& open);
    void lookUpHuman(const QString& callId, int number, std::size_t target, int attempt);
    void endHuman(Open& open);
    void foundHuman(const QString& callId, int number, std::size_t target, const QString& humanSid);
    void verify(const QString& callId);
    void close(Open& open);
    void countOutcome(const Open& open);
    std::vector<TwimlElement> document(Open& open, const PublicUrl& base);
    std::vector<TwimlElement> backToAgent(Open& open, const PublicUrl& base, bool takeMessage);
    void answer(const Reply& reply, const std::vector<TwimlElement>& verbs) const;

    std::optional<PublicUrl> baseOf(const Open& open) const;
    static QString address(const Open& open, const PublicUrl& base, const char* path);
    static const providers::TransferTarget& targetOf(const Open& open);
    QString callerIdFor(const Open& open, bool mayBeCaller) const;
    static QString conferenceOf(const Open& open);
    static QString humanAddress(const Open& open, const PublicUrl& base, const char* path);
    void note(const Open& open, const QString& token, QJsonObject fields = {}) const;
    void tick();

    CallWebhooks& m_calls;
    telephony::TwilioRest* const m_rest;
    const Clock& m_clock;
    const Settings m_settings;
    const Hooks m_hooks;
    Counters m_counters;
    QHash<QString, std::shared_ptr<Open>> m_open; // by CallSid
    QHash<QString, int> m_numbers; // of transfers a call has had; bounded
    QTimer m_timer;
    std::mutex m_mutex;
    QHash<QString, session::TakenUp> m_waiting; // guarded by m_mutex
};

} // namespace kav::webhooks
