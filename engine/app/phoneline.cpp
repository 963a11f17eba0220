// SPDX-License-Identifier: Apache-2.0
#include "engine/app/phoneline.h"

#include "engine/app/twiliorecordings.h"
#include "engine/webhooks/holdtone.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QJsonObject>

#include <algorithm>

namespace kav::app {

namespace {

// A webhook's answer waits no longer for the journal than this.
constexpr Milliseconds LongestKeepWait{250};
// How often calls are looked for of which nothing is heard any more.
constexpr Milliseconds BookCheck{1000};

// From the TwiML that offers a stream to the stream; Twilio needs well under a second.
constexpr Milliseconds StreamComes{15'000};
// From a stream's end to after_stream.
constexpr Milliseconds AfterStreamComes{5'000};

// Twilio asks how to go on as soon as a stream is over; calls that it never asks about are forgotten.
constexpr size_t MostHandovers = 256;

QString nameOf(webhooks::Obstacle obstacle)
{
    switch (obstacle) {
    case webhooks::Obstacle::Full:
        return QStringLiteral("full");
    case webhooks::Obstacle::Draining:
        return QStringLiteral("draining");
    case webhooks::Obstacle::NoSpeech:
        return QStringLiteral("no-speech");
    case webhooks::Obstacle::NeverStreamed:
        return QStringLiteral("never-streamed");
    case webhooks::Obstacle::StreamBroke:
        return QStringLiteral("stream-broke");
    case webhooks::Obstacle::NotAnswered:
        return QStringLiteral("not-answered");
    }
    Q_UNREACHABLE();
}

session::SpokenCalls::Settings spokenSettings(const Config& config)
{
    session::SpokenCalls::Settings settings;
    settings.limit = config.withoutStreamLimit;
    return settings;
}

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

webhooks::CallBook::Settings bookSettings(const Config& config)
{
    webhooks::CallBook::Settings settings;
    settings.streamWait = config.mediaTokenTtl;
    settings.placedWait = config.outboundRing + Milliseconds(120'000);
    return settings;
}

} // namespace

PhoneLine::PhoneLine(const Config& config, const session::SessionContext& sessions, const Clock& clock,
    providers::HttpPool& http, Hooks hooks)
    : m_config(config)
    , m_sessions(sessions)
    , m_clock(clock)
    , m_hooks(std::move(hooks))
    , m_inspector(inspectorSettings(config), clock,
          {[this](const calllog::Entry& entry) { m_hooks.log(entry); },
              [this](const RequestRecord& request) { m_hooks.requestSeen(request); }})
    , m_guard(guardSettings(config), clock)
    , m_tokens(streamTokens(config))
    , m_rest(makeRest(config, http))
    , m_hangUps(m_rest.get(), clock, {.longestCall = config.turn.longestCall},
          {[this](const calllog::Entry& entry) { m_hooks.log(entry); }, m_hooks.releaseStream,
              [this](const QString& callId) {
                  if (m_awaited.remove(callId) == 0 && m_streams.workerOf(callId))
                      m_legsOver.insert(callId);
              }})
    , m_router(m_guard, clock, webhooks::WebhookRouter::Settings{},
          {[this](const calllog::Entry& entry) { return m_hooks.log(entry); },
              [this](const net::Responder& responder, quint64 entry, const net::HttpResponse& response) {
                  respondWhenKept(responder, entry, response);
              },
              [this](const net::HttpRequest& request, const webhooks::RequestFinding& finding) {
                  m_inspector.judged(request, finding);
              }})
    , m_book(clock, bookSettings(config), bookHooks())
    , m_calls(m_router, m_tokens, clock, webhooks::CallWebhooks::Settings{}, callHooks())
    , m_outboundCalls(m_router, m_calls, outboundHooks())
    , m_outbound(config.outbound, m_rest.get(), clock)
    , m_transfers(m_router, m_calls, m_rest.get(), clock, transferSettings(config), transferHooks())
    , m_spoken(sessions, spokenSettings(config), spokenCallHooks())
    , m_spokenRoutes(m_router, spokenHooks())
    , m_gate(m_guard, m_tokens, clock, gateHooks())
{
    m_router.add(TwilioRecordings::route(m_hooks.recordingStatus));
    m_unkeptTimer.setSingleShot(true);
    connect(&m_unkeptTimer, &QTimer::timeout, this, &PhoneLine::releaseOverdue);
    connect(&m_bookTimer, &QTimer::timeout, this, [this] {
        m_book.expire();
        const Instant now = m_clock.now();
        m_awaited.removeIf([now](QHash<QString, Instant>::iterator each) { return now >= each.value(); });
    });
    m_bookTimer.start(BookCheck);
    connect(&m_outbound, &telephony::OutboundCalls::changed, this, &PhoneLine::onPlaced);
}

PhoneLine::~PhoneLine() = default;

std::unique_ptr<telephony::TwilioRest> PhoneLine::makeRest(const Config& config, providers::HttpPool& http) const
{
    if (config.rest.isUsable())
        return std::make_unique<telephony::TwilioRest>(config.rest, http, m_clock);
    qCInfo(lcApp) << "Twilio's REST service cannot be used (twilio.account_sid and twilio.auth_token, or an API key): "
                     "calls are ended and passed on by closing their streams, and nobody is asked first";
    return {};
}

webhooks::Transfers::Settings PhoneLine::transferSettings(const Config& config) const
{
    return {config.transfer.rules(), config.twilioNumbers, guardSettings(config).publicUrl};
}

webhooks::Transfers::Hooks PhoneLine::transferHooks()
{
    webhooks::Transfers::Hooks hooks;
    hooks.log = [this](const calllog::Entry& entry) { m_hooks.log(entry); };
    hooks.show = m_hooks.callShown;
    hooks.ended = [this](const CallSummary& summary, Milliseconds duration, int turns) {
        m_book.conversationEnded(summary.id, summary.reason);
        m_hooks.passedOnEnded(summary, duration, turns);
    };
    hooks.releaseStream = m_hooks.releaseStream;
    hooks.hasRoom = m_hooks.hasRoom;
    hooks.backWithoutStream = [this](const webhooks::IncomingCall& call, bool hadNone) {
        const bool wanted = hadNone || !m_hooks.hasRoom() || !m_hooks.canConverse(call);
        return wanted && m_config.withoutStream && m_sessions.providers && m_spoken.hasRoom();
    };
    return hooks;
}

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
    hooks.incomingCall = [this](const webhooks::IncomingCall& call) {
        if (!call.test)
            m_hangUps.callCame(call.callSid);
        m_book.rings(call);
        await(call.callSid, StreamComes);
        m_hooks.ringing(call);
    };
    hooks.turnedAway = [this](const webhooks::IncomingCall& call) { m_book.turnedAway(call); };
    hooks.passedOn = [this](const webhooks::Webhook& webhook, const webhooks::WebhookRouter::Reply& reply) {
        m_awaited.remove(webhook.callSid);
        m_hangUps.callCame(webhook.callSid); // one from before this engine's start is here again
        return m_transfers.afterStream(webhook, reply);
    };
    hooks.streamStatus = [this](const webhooks::StreamStatus& status) {
        if (status.event == QLatin1String("stream-error"))
            m_book.streamFailed(status.callSid);
    };
    hooks.callStatus = [this](const webhooks::CallStatus& status) {
        if (!status.call.placed.isEmpty())
            m_outbound.heardOf(status.call.placed, status.callSid);
        m_book.progress(status);
        if (!status.isFinal())
            return;
        m_awaited.remove(status.callSid);
        m_hangUps.callOver(status.callSid);
        m_transfers.callOver(status.callSid);
        m_spoken.hungUp(status.callSid);
    };
    hooks.canStream = m_hooks.canConverse;
    hooks.goOn = [this](webhooks::Obstacle obstacle, const webhooks::IncomingCall& call,
                     const webhooks::Webhook& webhook,
                     const Reply& reply) { return goOn(obstacle, call, webhook, reply); };
    return hooks;
}

// ---- when the ordinary way is closed
// ----------------------------------------------------------------------------------

webhooks::SpokenRoutes::Hooks PhoneLine::spokenHooks()
{
    webhooks::SpokenRoutes::Hooks hooks;
    hooks.take = [this](const QString& callId, const session::SpokenInput& input, session::SpokenCall::Reply reply) {
        return m_spoken.take(callId, input, std::move(reply));
    };
    // It comes back from whom it was passed on to, or the engine was started anew in the middle of it.
    hooks.unknown = [this](const webhooks::Webhook& webhook, const Reply& reply) {
        if (m_transfers.holds(webhook.callSid))
            return holdWithoutStream(m_calls.callOf(webhook), QStringLiteral("back"), webhook, reply);
        return !m_spoken.hasEnded(webhook.callSid) && !m_hooks.isDraining()
            && holdWithoutStream(m_calls.callOf(webhook), QStringLiteral("restart"), webhook, reply);
    };
    return hooks;
}

session::SpokenCalls::Hooks PhoneLine::spokenCallHooks()
{
    session::SpokenCalls::Hooks hooks;
    hooks.interrupt = [this](const QString& callId, const session::SpokenStep& step, std::function<void(bool)> done) {
        interrupt(callId, step, std::move(done));
    };
    return hooks;
}

bool PhoneLine::goOn(webhooks::Obstacle obstacle, const webhooks::IncomingCall& call, const webhooks::Webhook& webhook,
    const Reply& reply)
{
    switch (obstacle) {
    case webhooks::Obstacle::Full:
    case webhooks::Obstacle::Draining: {
        const QString& way = obstacle == webhooks::Obstacle::Full ? m_config.whenFull : m_config.whenDraining;
        if (way == QLatin1String("forward"))
            return forward(call, webhook, reply);
        if (way == QLatin1String("wait"))
            return keepWaiting(call, webhook, reply);
        return way == QLatin1String("speech") && holdWithoutStream(call, nameOf(obstacle), webhook, reply);
    }
    case webhooks::Obstacle::NoSpeech:
    case webhooks::Obstacle::NeverStreamed:
    case webhooks::Obstacle::StreamBroke:
        return holdWithoutStream(call, nameOf(obstacle), webhook, reply);
    case webhooks::Obstacle::NotAnswered:
        break;
    }
    return false;
}

bool PhoneLine::holdWithoutStream(
    const webhooks::IncomingCall& call, const QString& why, const webhooks::Webhook& webhook, const Reply& reply)
{
    const LogCall logged(call.callSid);
    if (!m_config.withoutStream || !m_sessions.providers || !m_spoken.hasRoom() || m_hooks.isLeaving())
        return false;
    qCWarning(lcWebhook).noquote() << call.callSid << "goes on without a stream:" << why;
    m_book.rings(call); // it may be the first that is heard of it
    m_calls.noteWithoutStream(call, webhook.base);
    if (!call.test)
        m_hangUps.callCame(call.callSid);
    webhooks::IncomingCall about = call;
    if (const webhooks::BookedCall* booked = m_book.find(call.callSid); booked && about.persona.isEmpty())
        about.persona = booked->about.persona; // which stood in the address of its first webhook alone
    session::SpokenStart start;
    start.info.callId = call.callSid;
    start.info.from = call.from;
    start.info.to = call.to;
    start.info.persona = personaOf(about);
    start.info.language = about.persona.isEmpty() ? call.language : start.info.persona->language;
    start.accountSid = call.accountSid;
    start.direction = call.direction;
    start.test = call.test;
    start.why = why;
    start.takenUp = m_transfers.takeUp(call.callSid);
    const auto known = std::find_if(
        m_handovers.begin(), m_handovers.end(), [&call](const auto& each) { return each.first == call.callSid; });
    if (known != m_handovers.end()) {
        if (!start.takenUp)
            start.handover = *known->second;
        m_handovers.erase(known);
    }
    m_spoken.begin(std::move(start), [reply, base = webhook.base](const session::SpokenStep& step) {
        reply(net::HttpResponse::xml(webhooks::writeTwiml(webhooks::spokenTwiml(step, base))));
    });
    m_transfers.streamStarted(call.callSid); // the agent has it again, if it was away
    return true;
}

bool PhoneLine::forward(const webhooks::IncomingCall& call, const webhooks::Webhook& webhook, const Reply& reply)
{
    const LogCall logged(call.callSid);
    qCWarning(lcWebhook).noquote() << call.callSid << "is forwarded to" << maskNumber(m_config.forwardTo);
    m_book.turnedAway(call); // nobody holds it here
    webhooks::twiml::Dial dial;
    dial.action = webhook.base.webhook(QStringLiteral("/webhook/after_dial"));
    dial.numbers.push_back(webhooks::twiml::Number{m_config.forwardTo});
    reply(net::HttpResponse::xml(webhooks::writeTwiml({dial})));
    return true;
}

/// The caller hears a line, and is tried again; how often that was stands in the address, which is signed.
bool PhoneLine::keepWaiting(const webhooks::IncomingCall& call, const webhooks::Webhook& webhook, const Reply& reply)
{
    const int rounds = std::clamp(webhook.query.value(u"round").toInt(), 0, 10'000);
    if (rounds * m_config.waitEvery >= m_config.longestWait)
        return false;
    m_book.rings(call); // which it goes on to do, for whoever watches
    const webhooks::CallerLines lines = m_calls.lines(call.ownNumber());
    webhooks::twiml::Pause pause;
    pause.length = std::chrono::ceil<std::chrono::seconds>(m_config.waitEvery);
    webhooks::twiml::Redirect again;
    again.url = webhook.base.webhook(QStringLiteral("/webhook/waiting?round=%1").arg(rounds + 1));
    reply(net::HttpResponse::xml(
        webhooks::writeTwiml({webhooks::sayVerb(lines.wait, lines.language, lines.voice), pause, again})));
    return true;
}

void PhoneLine::interrupt(const QString& callId, const session::SpokenStep& step, std::function<void(bool)> done)
{
    const LogCall logged(callId);
    if (!m_rest) {
        if (!std::exchange(m_restMissed, true))
            qCInfo(lcWebhook) << "without Twilio's REST service a call that has no stream ends when it asks next";
        done(false);
        return;
    }
    const auto told = [done = std::move(done), callId](bool ok, const QString& problem) {
        if (!ok)
            qCWarning(lcWebhook).noquote() << callId << "cannot be ended at once:" << logSafe(problem);
        done(ok);
    };
    if (step.then == session::SpokenStep::Then::HangUp && step.parts.isEmpty()) {
        m_rest->hangUp(callId,
            [told](const Result<void>& result) { told(result.ok(), result ? QString() : result.error().message); });
        return;
    }
    const auto known = m_calls.known(callId);
    if (!known) {
        told(false, QStringLiteral("too many calls came since"));
        return;
    }
    const QByteArray document = webhooks::writeTwiml(webhooks::spokenTwiml(step, known->base));
    m_rest->redirectTo(callId, document, [told](const Result<telephony::CallResource>& result) {
        told(result.ok(), result ? QString() : result.error().message);
    });
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
        m_book.streamAdmitted(claims.callSid);
        m_awaited.remove(claims.callSid);
        m_hooks.admitted(claims.callSid);
    };
    hooks.isTaken = [this](const webhooks::StreamClaims& claims) {
        return m_streams.isTaken(claims, m_clock.now()) || m_book.isOver(claims.callSid);
    };
    hooks.judged = [this](const net::HttpRequest& request, const webhooks::RequestFinding& finding) {
        m_inspector.judged(request, finding);
    };
    return hooks;
}

webhooks::CallBook::Hooks PhoneLine::bookHooks()
{
    webhooks::CallBook::Hooks hooks;
    hooks.changed = [this](const webhooks::BookedCall& call) { m_hooks.booked(call); };
    hooks.ended = [this](const webhooks::BookedCall& call) {
        record(call);
        m_hooks.booked(call);
    };
    hooks.over = [this](const QString& callId) {
        if (m_outbound.over(callId))
            countOutbound(*m_book.find(callId));
    };
    return hooks;
}

webhooks::OutboundWebhooks::Hooks PhoneLine::outboundHooks()
{
    webhooks::OutboundWebhooks::Hooks hooks;
    hooks.hasRoom = m_hooks.hasRoom;
    hooks.canStream = m_hooks.canConverse;
    hooks.goOn = [this](webhooks::Obstacle obstacle, const webhooks::IncomingCall& call,
                     const webhooks::Webhook& webhook, const Reply& reply) {
        // Whoever was called does not wait for room, nor is passed to a number for callers.
        if (obstacle == webhooks::Obstacle::Full && m_config.whenFull != QLatin1String("speech"))
            return false;
        return holdWithoutStream(call, nameOf(obstacle), webhook, reply);
    };
    hooks.answered = [this](const webhooks::IncomingCall& call) {
        if (!call.test)
            m_hangUps.callCame(call.callSid);
        m_book.answered(call);
        await(call.callSid, StreamComes);
        m_hooks.ringing(call);
    };
    hooks.answeredBy = [this](const webhooks::AnsweredBy& answer) { onAnsweredBy(answer); };
    return hooks;
}

dialog::PersonaBook::PersonaPointer PhoneLine::personaOf(const webhooks::IncomingCall& call) const
{
    auto persona = call.persona.isEmpty() ? nullptr : m_hooks.personaNamed(call.persona);
    return persona ? persona : m_hooks.personaFor(call.ownNumber());
}

/// A call that nobody held has its record from here.
void PhoneLine::record(const webhooks::BookedCall& call)
{
    const webhooks::IncomingCall& about = call.about;
    QJsonObject started{{QStringLiteral("from"), maskNumber(about.from)}, {QStringLiteral("to"), maskNumber(about.to)},
        {QStringLiteral("direction"), about.direction}, {QStringLiteral("language"), about.language},
        {QStringLiteral("accountSid"), about.accountSid}};
    if (!about.persona.isEmpty())
        started.insert(QStringLiteral("persona"), about.persona);
    if (about.test)
        started.insert(QStringLiteral("test"), true);
    m_hooks.log({calllog::Entry::Kind::CallStarted, about.callSid, call.startedAt, started, about.from, about.to});
    m_hooks.log({calllog::Entry::Kind::CallEnded, about.callSid, call.endedAt,
        {{QStringLiteral("reason"), endReasonName(call.reason)},
            {QStringLiteral("durationMs"), qint64(call.duration.count())}, {QStringLiteral("turns"), 0},
            {QStringLiteral("facts"), QJsonObject()}}});
}

// ---- calls that go out ----------------------------------------------------------------------------------------------

void PhoneLine::onPlaced(const telephony::PlacedCall& call)
{
    m_hooks.placed(call);
    m_outboundOver.notPlaced += call.state == telephony::PlacedCall::State::Failed;
    m_outboundOver.canceled += call.state == telephony::PlacedCall::State::Canceled;
    if (call.state != telephony::PlacedCall::State::Placed)
        return;
    webhooks::IncomingCall about;
    about.callSid = call.callSid;
    about.accountSid = m_rest->settings().accountSid;
    about.from = call.request.from;
    about.to = call.request.to;
    about.direction = QStringLiteral("outbound-api");
    about.persona = call.request.persona;
    about.placed = call.id;
    about.language = personaOf(about)->language;
    m_book.placed(about);
}

void PhoneLine::countOutbound(const webhooks::BookedCall& call)
{
    switch (call.reason) {
    case EndReason::Busy:
        ++m_outboundOver.busy;
        return;
    case EndReason::NoAnswer:
        ++m_outboundOver.noAnswer;
        return;
    case EndReason::Failed:
        ++m_outboundOver.failed;
        return;
    case EndReason::Canceled:
        ++m_outboundOver.canceled;
        return;
    case EndReason::Voicemail:
        ++m_outboundOver.voicemail;
        return;
    case EndReason::Fax:
        ++m_outboundOver.fax;
        return;
    case EndReason::OperatorEnded:
    case EndReason::Shutdown:
        if (!call.hadConversation) { // rung off
            ++m_outboundOver.canceled;
            return;
        }
        [[fallthrough]];
    case EndReason::None:
    case EndReason::Completed:
    case EndReason::CallerHungUp:
    case EndReason::StreamLost:
    case EndReason::NoInput:
    case EndReason::FallbackExhausted:
    case EndReason::LongestCall:
    case EndReason::ProtocolError:
    case EndReason::Refused:
    case EndReason::Interrupted:
        ++m_outboundOver.completed; // answered; how it went on is kav_calls_total's to say
        return;
    }
}

bool PhoneLine::endPlaced(const QString& id, EndReason reason, const telephony::OutboundCalls::Done& done)
{
    if (!m_outbound.end(id, done)) {
        // Placed by an engine before this one.
        const webhooks::BookedCall* booked = m_book.find(id);
        if (!booked || booked->about.placed.isEmpty() || booked->state == CallState::Ended || !m_rest)
            return false;
        m_outbound.endAtTwilio(id, done);
    }
    m_book.endsBecause(id, reason);
    return true;
}

void PhoneLine::onAnsweredBy(const webhooks::AnsweredBy& answer)
{
    using What = webhooks::AnsweredBy::What;
    m_hooks.log({calllog::Entry::Kind::Event, answer.call.callSid, m_clock.wallNow(),
        {{QStringLiteral("token"), QStringLiteral("AMD")}, {QStringLiteral("answeredBy"), answer.word},
            {QStringLiteral("ms"), qint64(answer.took.count())}}});
    switch (answer.what) {
    case What::Human:
    case What::Unknown: // whoever it is hears the agent, and is heard
        return;
    case What::Fax:
        endAnswered(answer.call, EndReason::Fax, {});
        return;
    case What::MachineBegins: // it would not hear us yet
        endAnswered(answer.call, EndReason::Voicemail, {});
        return;
    case What::MachineListens:
        endAnswered(answer.call, EndReason::Voicemail, personaOf(answer.call)->voicemailMessage);
        return;
    }
    Q_UNREACHABLE();
}

void PhoneLine::endAnswered(const webhooks::IncomingCall& call, EndReason reason, const QString& words)
{
    const webhooks::BookedCall* booked = m_book.find(call.callSid);
    const auto worker = m_streams.workerOf(call.callSid);
    m_book.endsBecause(call.callSid, reason);
    if (booked && booked->hasConversation && worker) {
        m_hooks.endWith(*worker, call.callSid, reason, words);
        return;
    }
    if (m_spoken.has(call.callSid)) {
        m_spoken.endWith(call.callSid, reason, words);
        return;
    }
    if (!m_rest || m_book.isOver(call.callSid))
        return;
    const LogCall logged(call.callSid);
    // Its stream is not there yet, or never will be: Twilio's voice says it.
    const auto done = [callId = call.callSid](const auto& result) {
        if (!result)
            qCWarning(lcApp).noquote() << callId << "what answered it could not be dealt with:" << result.error().message;
    };
    if (words.isEmpty())
        m_rest->hangUp(call.callSid, [done](const Result<void>& result) { done(result); });
    else
        m_rest->redirectTo(call.callSid,
            webhooks::writeTwiml({webhooks::sayVerb(words, personaOf(call)->language), webhooks::hangupVerb()}),
            [done](const Result<telephony::CallResource>& result) { done(result); });
}

// ---- what happens elsewhere -----------------------------------------------------------------------------------------

void PhoneLine::serve(const net::HttpRequest& request, const net::Responder& responder)
{
    if (request.path == "/webhook/hold_tone.wav") {
        // Twilio asks for sound without proof of who it is; there is nothing in it that anyone may not hear.
        net::HttpResponse response;
        response.contentType = "audio/wav";
        response.headers.emplaceBack("Cache-Control", "public, max-age=86400");
        response.body = webhooks::holdTone();
        responder.respond(response);
        return;
    }
    m_router.handle(request, responder);
}

void PhoneLine::callStarted(const QString& callId)
{
    m_streams.started(callId);
    m_transfers.streamStarted(callId);
}

void PhoneLine::callInterrupted(const QString& callId, const QDateTime& lastSeen)
{
    m_hangUps.callInterrupted(callId, lastSeen);
}

void PhoneLine::callEnded(const session::CallEnd& end)
{
    if (end.withoutStream) {
        if (!end.passedOn)
            m_book.conversationEnded(end.callId, end.reason);
        if (end.reason == EndReason::CallerHungUp)
            m_hangUps.callOver(end.callId);
        return;
    }
    if (end.handover) {
        m_handovers.emplace_back(end.callId, end.handover);
        if (m_handovers.size() > MostHandovers)
            m_handovers.pop_front();
    }
    // Whatever ended it but a fault was meant: Twilio is then told to hang up, else the apology is due.
    const bool fault = end.apologyOwed || end.reason == EndReason::StreamLost || end.reason == EndReason::ProtocolError
        || end.reason == EndReason::Refused;
    m_streams.ended(end.callId);
    if (!end.passedOn) // else it goes on without the agent: see Transfers
        m_book.conversationEnded(end.callId, end.reason);
    m_calls.noteStreamEnded(end.callId, !fault);
    const bool isLegOver = m_legsOver.remove(end.callId) || end.reason == EndReason::CallerHungUp;
    if (!end.passedOn && !isLegOver)
        await(end.callId, AfterStreamComes);
    if (end.reason == EndReason::CallerHungUp && !end.passedOn)
        m_hangUps.callOver(end.callId);
}

// ---- the engine's end -----------------------------------------------------------------------------------------------

void PhoneLine::await(const QString& callId, Milliseconds atMost)
{
    m_awaited.insert(callId, m_clock.now() + atMost);
}

int PhoneLine::unfinished() const
{
    const Instant now = m_clock.now();
    QSet<QString> calls; // one may be of several kinds
    const auto add = [&calls](const QStringList& more) {
        for (const QString& call : more)
            calls.insert(call);
    };
    add(m_streams.calls(now));
    add(m_spoken.calls());
    add(m_transfers.calls());
    add(m_outbound.creating());
    add(m_book.ringingOut());
    for (auto it = m_awaited.cbegin(); it != m_awaited.cend(); ++it) {
        if (now < *it)
            calls.insert(it.key());
    }
    return int(calls.size());
}

void PhoneLine::beginDrain()
{
    m_outbound.cancelWaiting(QStringLiteral("the engine is stopping"));
}

void PhoneLine::sayGoodbye()
{
    const QStringList ringing = m_book.ringingOut() + m_outbound.creating();
    for (const QString& id : ringing) {
        const LogCall logged(id);
        endPlaced(id, EndReason::Shutdown, [id](const Result<void>& done) {
            if (!done)
                qCWarning(lcApp).noquote() << id << "rings on:" << done.error().message;
        });
    }
    endLatecomers();
}

void PhoneLine::endLatecomers()
{
    m_spoken.endAll(EndReason::Shutdown);
    m_transfers.endAll();
}

void PhoneLine::close()
{
    m_spoken.stop();
    m_book.close();
}

void PhoneLine::respondWhenKept(const net::Responder& responder, quint64 entry, const net::HttpResponse& response)
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
