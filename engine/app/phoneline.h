// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "engine/dialog/personas.h"
#include "engine/metrics/enginetotals.h"
#include "engine/net/listener.h"
#include "engine/providers/http/httppool.h"
#include "engine/session/spokencalls.h"
#include "engine/telephony/hangups.h"
#include "engine/telephony/outboundcalls.h"
#include "engine/telephony/twiliorest.h"
#include "engine/webhooks/callbook.h"
#include "engine/webhooks/callwebhooks.h"
#include "engine/webhooks/mediagate.h"
#include "engine/webhooks/outboundwebhooks.h"
#include "engine/webhooks/requestguard.h"
#include "engine/webhooks/requestinspector.h"
#include "engine/webhooks/spokenroutes.h"
#include "engine/webhooks/streamledger.h"
#include "engine/webhooks/transfers.h"
#include "engine/webhooks/webhookrouter.h"

#include <QHash>
#include <QObject>
#include <QSet>
#include <QTimer>

#include <deque>
#include <functional>
#include <memory>
#include <optional>

namespace kav::app {

/// The engine's side towards Twilio, wired: who may reach it, the webhooks and their routes, the streams that are let
/// in, the calls that are held without one, and answers that wait until their news is on disk. Owned by Engine, lives
/// on the control thread. It is whole as soon as it is made, before the port is taken: what the rest of the engine has,
/// or has not yet, it asks by its hooks.
class PhoneLine final : public QObject {
    Q_OBJECT
public:
    struct Worker final {
        net::WebSocketHost* host = nullptr;
        int index = 0;
    };
    /// All called on the control thread.
    struct Hooks final {
        std::function<bool()> hasRoom; ///< one more call can be taken
        std::function<bool()> isDraining;
        std::function<bool()> isLeaving; ///< the drain has come to its goodbyes: nothing is begun any more
        std::function<std::optional<Worker>()> leastLoaded; ///< nothing: there is none
        std::function<dialog::PersonaBook::PersonaPointer(const QString& calledNumber)> personaFor;
        std::function<quint64(const calllog::Entry&)> log; ///< the entry's number; 0: it is not kept
        std::function<quint64()> durable; ///< the last entry that is on disk
        std::function<void(const webhooks::IncomingCall&)> ringing; ///< its stream is being offered
        std::function<void(const QString& callId)> admitted; ///< its stream's handshake has begun
        std::function<void(const RequestRecord&)> requestSeen; ///< see RequestInspector
        std::function<void(const webhooks::BookedCall&)> booked; ///< it is another than before; it has no conversation
        std::function<void(const telephony::PlacedCall&)> placed;
        std::function<dialog::PersonaBook::PersonaPointer(const QString& name)> personaNamed; ///< null: nobody
        /// To the worker that has the call: these words, and the end.
        std::function<void(int worker, const QString& callId, EndReason reason, const QString& words)> endWith;
        std::function<void(const webhooks::Webhook&)> recordingStatus; ///< of Twilio's own recording
        std::function<void(const QString& callId)> releaseStream; ///< MediaWorker::release()
        std::function<void(const CallSummary&)> callShown; ///< of a call without its agent
        std::function<void(const CallSummary&, Milliseconds duration, int turns)> passedOnEnded;
        /// There is, or may be in a moment, what a stream is heard and spoken to with; true while nothing is known.
        std::function<bool(const webhooks::IncomingCall&)> canConverse;
    };

    /// `http` and `sessions` must outlive it; without the sessions' providers no call is held without a stream.
    PhoneLine(const Config& config, const session::SessionContext& sessions, const Clock& clock,
        providers::HttpPool& http, Hooks hooks);
    ~PhoneLine() override;

    static bool ownsPage(const net::HttpRequest& request) { return webhooks::WebhookRouter::owns(request); }
    static bool ownsUpgrade(const net::HttpRequest& request) { return webhooks::MediaGate::owns(request); }
    void serve(const net::HttpRequest& request, const net::Responder& responder);
    net::UpgradeVerdict judge(const net::HttpRequest& request) { return m_gate.judge(request); }

    // What happens elsewhere.
    void onDurable(quint64 entry); ///< of the call log
    void conversationBegan(const QString& callId) { m_book.conversationBegan(callId); }
    void callerGone(const QString& callId) { m_book.callerGone(callId); } ///< of a test call
    void callStarted(const QString& callId);
    void callEnded(const session::CallEnd& end);
    void lastWordsSaid(const QString& callId) { m_hangUps.lastWordsSaid(callId); }
    void callInterrupted(const QString& callId, const QDateTime& lastSeen);

    /// Telephone legs can be ended, and taken elsewhere, by REST.
    bool hasRest() const { return m_rest != nullptr; }
    webhooks::Transfers& transfers() { return m_transfers; }
    const webhooks::Transfers& transfers() const { return m_transfers; }
    const telephony::HangUps& hangUps() const { return m_hangUps; }

    /// Who speaks in it.
    dialog::PersonaBook::PersonaPointer personaOf(const webhooks::IncomingCall& call) const;
    /// Calls somebody; see OutboundCalls.
    Result<QString> place(const telephony::OutboundRequest& request) { return m_outbound.place(request); }
    bool endPlaced(const QString& id, EndReason reason, const telephony::OutboundCalls::Done& done);

    // The engine's end.
    /// No call is placed any more; those that wait for their turn are given up.
    void beginDrain();
    /// Whoever rings, waits for a person or has no stream: is ended, with a goodbye where somebody can hear it. Once.
    void sayGoodbye();
    /// The same for those that were on their way then; called again and again.
    void endLatecomers();
    /// The last of all: what no conversation will write is written.
    void close();
    /// Calls that the engine is not through with: streams, calls without one, passed on, being placed or ringing, and
    /// those for which Twilio is about to come (with the stream it was offered, or to ask what follows on one).
    int unfinished() const;
    bool hasUnanswered() const { return !m_unkept.empty(); }

    /// Streams let in and not over, those included whose handshake is still under way: of all workers, or of one.
    int liveCalls(std::optional<int> worker = {}) const { return m_streams.open(m_clock.now(), worker); }
    std::optional<int> workerOf(const QString& callId) const { return m_streams.workerOf(callId); }
    QList<QByteArray> webhookPaths() const { return m_router.paths(); }
    telephony::TwilioRest* rest() { return m_rest.get(); } ///< null: it cannot be used
    const telephony::TwilioRest* rest() const { return m_rest.get(); }
    const telephony::OutboundCalls& outbound() const { return m_outbound; }
    /// What became of the calls it made; how many there are now is known to outbound().
    const metrics::EngineTotals::Outbound& outboundOver() const { return m_outboundOver; }
    /// Answers that wait until their news is on disk.
    qsizetype heldAnswers() const { return qsizetype(m_unkept.size()); }
    /// The calls that are held without a stream; they are not among liveCalls().
    session::SpokenCalls& spoken() { return m_spoken; }
    const session::SpokenCalls& spoken() const { return m_spoken; }
    const webhooks::RequestGuard& guard() const { return m_guard; }
    const webhooks::MediaGate& gate() const { return m_gate; }
    /// Of the whole port, consoles and pages included.
    webhooks::RequestInspector& inspector() { return m_inspector; }
    const webhooks::RequestInspector& inspector() const { return m_inspector; }

private:
    /// An answer that waits for its news to be on disk.
    struct Unkept final {
        quint64 entry = 0;
        Instant since;
        net::Responder responder;
        net::HttpResponse response;
    };

    std::unique_ptr<telephony::TwilioRest> makeRest(const Config& config, providers::HttpPool& http) const;
    webhooks::Transfers::Settings transferSettings(const Config& config) const;
    webhooks::Transfers::Hooks transferHooks();
    webhooks::CallWebhooks::Hooks callHooks();
    webhooks::SpokenRoutes::Hooks spokenHooks();
    session::SpokenCalls::Hooks spokenCallHooks();

    // When the ordinary way is closed.
    using Reply = webhooks::WebhookRouter::Reply;
    bool goOn(webhooks::Obstacle obstacle, const webhooks::IncomingCall& call, const webhooks::Webhook& webhook,
        const Reply& reply);
    bool holdWithoutStream(
        const webhooks::IncomingCall& call, const QString& why, const webhooks::Webhook& webhook, const Reply& reply);
    bool forward(const webhooks::IncomingCall& call, const webhooks::Webhook& webhook, const Reply& reply);
    bool keepWaiting(const webhooks::IncomingCall& call, const webhooks::Webhook& webhook, const Reply& reply);
    void interrupt(const QString& callId, const session::SpokenStep& step, std::function<void(bool)> done);
    webhooks::MediaGate::Hooks gateHooks();
    webhooks::CallBook::Hooks bookHooks();
    webhooks::OutboundWebhooks::Hooks outboundHooks();
    void record(const webhooks::BookedCall& call);
    void onAnsweredBy(const webhooks::AnsweredBy& answer);
    void endAnswered(const webhooks::IncomingCall& call, EndReason reason, const QString& words);
    void onPlaced(const telephony::PlacedCall& call);
    void countOutbound(const webhooks::BookedCall& call);
    void respondWhenKept(const net::Responder& responder, quint64 entry, const net::HttpResponse& response);
    void releaseOverdue();
    void await(const QString& callId, Milliseconds atMost);

    const Config& m_config;
    const session::SessionContext& m_sessions;
    const Clock& m_clock;
    const Hooks m_hooks;
    webhooks::RequestInspector m_inspector; // before those that tell it what they found
    webhooks::RequestGuard m_guard;
    const webhooks::StreamTokens m_tokens;
    const std::unique_ptr<telephony::TwilioRest> m_rest; // null: there is none
    telephony::HangUps m_hangUps;
    webhooks::WebhookRouter m_router;
    webhooks::CallBook m_book;
    webhooks::CallWebhooks m_calls;
    webhooks::OutboundWebhooks m_outboundCalls;
    telephony::OutboundCalls m_outbound;
    metrics::EngineTotals::Outbound m_outboundOver;
    QTimer m_bookTimer;
    webhooks::Transfers m_transfers;
    session::SpokenCalls m_spoken;
    webhooks::SpokenRoutes m_spokenRoutes;
    std::deque<std::pair<QString, std::shared_ptr<const session::CallHandover>>> m_handovers; // oldest first
    bool m_restMissed = false; // said once
    webhooks::StreamLedger m_streams;
    webhooks::MediaGate m_gate;
    int m_chosen = 0; // worker of the stream that the gate is just letting in
    std::deque<Unkept> m_unkept; // by entry
    QHash<QString, Instant> m_awaited; // calls that Twilio is to come back for at once, and until when that is believed
    QSet<QString> m_legsOver; // ended by REST, and the stream's end is yet to be heard of
    QTimer m_unkeptTimer;
};

} // namespace kav::app
