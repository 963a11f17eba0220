// SPDX-License-Identifier: Apache-2.0
#include "engine/app/phoneline.h"

namespace kav::app {

namespace {

// A webhook's answer waits no longer for the journal than this.
constexpr Milliseconds LongestKeepWait{250};

webhooks::RequestGuard::Settings guardSettings(const Config& config)
{
    webhooks::RequestGuard::Settings settings;
    settings.authToken = config.twilioAuthToken.toUtf8();
    settings.accountSid = config.twilioAccountSid;
    if (!config.publicUrl.isEmpty()) {
        if (const auto url = webhooks::PublicUrl::parse(config.publicUrl))
            settings.publicUrl = *url;
    }
    return settings;
}

webhooks::RequestInspector::Settings inspectorSettings(const Config& config)
{
    webhooks::RequestInspector::Settings settings;
    settings.pages = config.inspectPages;
    return settings;
}

webhooks::StreamTokens streamTokens(const Config& config)
{
    if (auto tokens = webhooks::StreamTokens::create(config.mediaKey, config.mediaTokenTtl))
        return std::move(tokens).value();
    return webhooks::StreamTokens::withRandomKey(config.mediaTokenTtl);
}

} // namespace

PhoneLine::PhoneLine(const Config& config, const Clock& clock, Hooks hooks)
    : m_clock(clock)
    , m_hooks(std::move(hooks))
    , m_inspector(inspectorSettings(config), clock,
          {[this](const calllog::Entry& entry) { m_hooks.log(entry); },
              [this](const RequestRecord& request) { m_hooks.requestSeen(request); }})
    , m_guard(guardSettings(config), clock)
    , m_tokens(streamTokens(config))
    , m_router(m_guard, clock, webhooks::WebhookRouter::Settings{},
          {[this](const calllog::Entry& entry) { return m_hooks.log(entry); },
              [this](const net::Responder& responder, quint64 entry, const net::HttpResponse& response) {
                  respondWhenKept(responder, entry, response);
              },
              [this](const net::HttpRequest& request, const webhooks::RequestFinding& finding) {
                  m_inspector.judged(request, finding);
              }})
    , m_calls(m_router, m_tokens, clock, webhooks::CallWebhooks::Settings{}, callHooks())
    , m_gate(m_guard, m_tokens, clock, gateHooks())
{
    m_unkeptTimer.setSingleShot(true);
    connect(&m_unkeptTimer, &QTimer::timeout, this, &PhoneLine::releaseOverdue);
}

PhoneLine::~PhoneLine() = default;

webhooks::CallWebhooks::Hooks PhoneLine::callHooks()
{
    webhooks::CallWebhooks::Hooks hooks;
    hooks.hasRoom = m_hooks.hasRoom;
    hooks.isDraining = m_hooks.isDraining;
    hooks.languageFor = [this](const QString& to) { return m_hooks.personaFor(to)->language; };
    hooks.linesFor = [languageFor = hooks.languageFor](const QString& to) {
        return languageFor(to).startsWith(QLatin1String("he")) ? webhooks::CallerLines::hebrew()
                                                               : webhooks::CallerLines::english();
    };
    hooks.incomingCall = m_hooks.ringing;
    hooks.streamStatus = [this](const webhooks::StreamStatus& status) {
        if (status.event == QLatin1String("stream-error"))
            m_hooks.neverStreamed(status.callSid, EndReason::StreamLost);
    };
    hooks.callStatus = [this](const webhooks::CallStatus& status) {
        if (status.isFinal())
            m_hooks.neverStreamed(status.callSid, EndReason::CallerHungUp);
    };
    return hooks;
}

webhooks::MediaGate::Hooks PhoneLine::gateHooks()
{
    webhooks::MediaGate::Hooks hooks;
    hooks.leastLoaded = [this]() -> net::WebSocketHost* {
        const auto worker = m_hooks.leastLoaded();
        m_chosen = worker ? worker->index : 0;
        return worker ? worker->host : nullptr;
    };
    hooks.hasRoom = m_hooks.hasRoom;
    // A call whose webhook was answered before the drain began is let in: it is ringing already.
    hooks.admitted = [this](const webhooks::StreamClaims& claims) {
        m_streams.admitted(claims, m_chosen, m_clock.now(), m_clock.wallNow());
        m_calls.noteStreamAdmitted(claims.callSid);
        m_hooks.admitted(claims.callSid);
    };
    hooks.isTaken = [this](const webhooks::StreamClaims& claims) { return m_streams.isTaken(claims, m_clock.now()); };
    hooks.judged = [this](const net::HttpRequest& request, const webhooks::RequestFinding& finding) {
        m_inspector.judged(request, finding);
    };
    return hooks;
}

void PhoneLine::serve(const net::HttpRequest& request, const net::Responder& responder)
{
    m_router.handle(request, responder);
}

void PhoneLine::callEnded(const session::CallEnd& end)
{
    // Whatever ended it but a fault was meant: Twilio is then told to hang up, else the apology is due.
    const bool fault = end.apologyOwed || end.reason == EndReason::StreamLost || end.reason == EndReason::ProtocolError
        || end.reason == EndReason::Refused;
    m_streams.ended(end.callId);
    m_calls.noteStreamEnded(end.callId, !fault, end.transferTo);
}

void PhoneLine::respondWhenKept(
    const net::Responder& responder, quint64 entry, const net::HttpResponse& response)
{
    // An answer tells Twilio that its news was taken: it goes out when the journal has it on disk. A disk that stalls
    // must not keep a caller waiting, though, so there is a limit.
    if (entry == 0 || m_hooks.durable() >= entry) {
        responder.respond(response);
        return;
    }
    m_unkept.push_back({entry, m_clock.now(), responder, response});
    if (!m_unkeptTimer.isActive())
        m_unkeptTimer.start(LongestKeepWait);
}

void PhoneLine::onDurable(quint64 entry)
{
    // In the order in which they became due; a late answer's entry may be older than the one before it.
    while (!m_unkept.empty() && m_unkept.front().entry <= entry) {
        m_unkept.front().responder.respond(m_unkept.front().response);
        m_unkept.pop_front();
    }
}

void PhoneLine::releaseOverdue()
{
    const Instant now = m_clock.now();
    while (!m_unkept.empty() && now - m_unkept.front().since >= LongestKeepWait) {
        m_unkept.front().responder.respond(m_unkept.front().response);
        m_unkept.pop_front();
    }
    if (!m_unkept.empty())
        m_unkeptTimer.start(LongestKeepWait);
}

} // namespace kav::app
