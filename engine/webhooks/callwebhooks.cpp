// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/callwebhooks.h"

#include "shared/core/logging.h"
#include "shared/core/masking.h"

namespace kav::webhooks {

CallerLines CallerLines::english()
{
    return {QStringLiteral("en-US"), {},
        QStringLiteral("All our lines are busy. Please call again in a few minutes. Goodbye."),
        QStringLiteral("We are sorry, there is a problem on our side. Please call again later. Goodbye."),
        QStringLiteral("Nobody can take your call just now. Please call again later. Goodbye."),
        QStringLiteral("All our lines are busy. Please stay on the line, we will be with you shortly.")};
}

CallerLines CallerLines::hebrew()
{
    return {QStringLiteral("he-IL"), QStringLiteral("Google.he-IL-Wavenet-A"),
        QStringLiteral("כל הקווים תפוסים. נא להתקשר שוב בעוד כמה דקות. להתראות."),
        QStringLiteral("אנו מתנצלים, אירעה תקלה. נא להתקשר שוב מאוחר יותר. להתראות."),
        QStringLiteral("אין כרגע מי שיענה לשיחה. נא להתקשר שוב מאוחר יותר. להתראות."),
        QStringLiteral("כל הקווים תפוסים כרגע. נא להישאר על הקו, נענה לכם בהקדם.")};
}

bool CallStatus::isFinal() const
{
    static const QStringList finals{QStringLiteral("completed"), QStringLiteral("busy"), QStringLiteral("no-answer"),
        QStringLiteral("failed"), QStringLiteral("canceled")};
    return finals.contains(status);
}

CallWebhooks::CallWebhooks(
    WebhookRouter& router, const StreamTokens& tokens, const Clock& clock, Settings settings, Hooks hooks)
    : m_tokens(tokens)
    , m_clock(clock)
    , m_settings(settings)
    , m_hooks(std::move(hooks))
{
    using Reply = WebhookRouter::Reply;
    const auto add = [&router](
                         const char* path, auto handle, const QStringList& identity, const QStringList& required = {}) {
        router.add({path, handle, identity, required});
    };
    const QString callStatusField = QStringLiteral("CallStatus");
    add("/webhook/incoming_call", [this](const Webhook& webhook, const Reply& reply) { incomingCall(webhook, reply); },
        {callStatusField}, {QStringLiteral("AccountSid"), QStringLiteral("To")});
    add("/webhook/waiting", [this](const Webhook& webhook, const Reply& reply) { incomingCall(webhook, reply); },
        {callStatusField}, {QStringLiteral("AccountSid"), QStringLiteral("To")});
    add("/webhook/stream_status",
        [this](const Webhook& webhook, const Reply& reply) {
            streamStatus(webhook);
            reply(net::HttpResponse::empty(204));
        },
        {QStringLiteral("StreamSid"), QStringLiteral("StreamEvent")});
    add("/webhook/stream_ended",
        [this](const Webhook& webhook, const Reply& reply) {
            if (m_hooks.streamEnded)
                m_hooks.streamEnded(webhook.callSid);
            reply(net::HttpResponse::empty(204));
        },
        {callStatusField, QStringLiteral("StreamSid")});
    add("/webhook/call_status",
        [this](const Webhook& webhook, const Reply& reply) {
            callStatus(webhook);
            reply(net::HttpResponse::empty(204));
        },
        {callStatusField, QStringLiteral("SequenceNumber")});
    add("/webhook/after_stream", [this](const Webhook& webhook, const Reply& reply) { afterStream(webhook, reply); },
        {callStatusField, QStringLiteral("StreamSid")});
}

IncomingCall CallWebhooks::callOf(const Webhook& webhook) const
{
    IncomingCall call{webhook.callSid, webhook.value(u"AccountSid"), webhook.value(u"From"), webhook.value(u"To"),
        webhook.value(u"CallerName"), webhook.value(u"ForwardedFrom"), webhook.value(u"Direction"), {},
        webhook.value(u"KavTest") == QLatin1String("1")};
    const QString& own = call.ownNumber();
    call.language = m_hooks.languageFor ? m_hooks.languageFor(own) : lines(own).language;
    call.persona = webhook.query.value(u"persona");
    call.placed = webhook.query.value(u"placed");
    return call;
}

bool CallWebhooks::goOn(
    Obstacle obstacle, const IncomingCall& call, const Webhook& webhook, const WebhookRouter::Reply& reply)
{
    return m_hooks.goOn && m_hooks.goOn(obstacle, call, webhook, reply);
}

void CallWebhooks::incomingCall(const Webhook& webhook, const WebhookRouter::Reply& reply)
{
    const IncomingCall call = callOf(webhook);
    const bool draining = m_hooks.isDraining && m_hooks.isDraining();
    if (draining || (m_hooks.hasRoom && !m_hooks.hasRoom())) {
        if (goOn(draining ? Obstacle::Draining : Obstacle::Full, call, webhook, reply))
            return;
        ++m_counters.busy;
        if (m_hooks.turnedAway)
            m_hooks.turnedAway(call);
        qCWarning(lcWebhook).noquote() << call.callSid << "answered busy:" << (draining ? "draining" : "no room");
        const CallerLines say = lines(call.ownNumber());
        reply(net::HttpResponse::xml(writeTwiml({sayVerb(say.busy, say.language, say.voice), hangupVerb()})));
        return;
    }
    ++m_counters.calls;
    if (m_hooks.canStream && !m_hooks.canStream(call) && goOn(Obstacle::NoSpeech, call, webhook, reply))
        return;
    if (m_hooks.incomingCall)
        m_hooks.incomingCall(call);
    reply(net::HttpResponse::xml(writeTwiml(connect(call, webhook.base))));
}

std::vector<TwimlElement> CallWebhooks::connect(
    const IncomingCall& call, const PublicUrl& base, const QList<std::pair<QString, QString>>& more)
{
    CallFate& fate = setFate(call.callSid, Fate::Offered);
    fate.known = Known{call, base};
    StreamOffer offer;
    offer.url = base.stream(m_tokens.mint(call.callSid, call.accountSid, m_clock.wallNow()));
    // A second stream's end is not a repetition of the first one's.
    offer.action = base.webhook(QStringLiteral("/webhook/after_stream"))
        + (++fate.streams > 1 ? QStringLiteral("?n=%1").arg(fate.streams) : QString());
    offer.statusCallback = base.webhook(QStringLiteral("/webhook/stream_status"));
    offer.parameters = {{QStringLiteral("from"), call.from}, {QStringLiteral("to"), call.to},
        {QStringLiteral("direction"), call.direction}, {QStringLiteral("language"), call.language}};
    if (!call.forwardedFrom.isEmpty())
        offer.parameters.emplaceBack(QStringLiteral("forwardedFrom"), call.forwardedFrom);
    if (call.test)
        offer.parameters.emplaceBack(QStringLiteral("kavTest"), QStringLiteral("1"));
    if (!call.persona.isEmpty())
        offer.parameters.emplaceBack(QStringLiteral("persona"), call.persona);
    offer.parameters += more;
    const CallerLines say = lines(call.ownNumber());
    return {connectVerb(offer), sayVerb(say.apology, say.language, say.voice), hangupVerb()};
}

void CallWebhooks::streamStatus(const Webhook& webhook)
{
    const StreamStatus status{webhook.callSid, webhook.value(u"StreamSid"), webhook.value(u"StreamEvent"),
        logSafe(webhook.value(u"StreamError"))};
    if (status.event == QLatin1String("stream-error"))
        qCWarning(lcWebhook).noquote() << status.callSid << "Twilio reports a stream error:"
                                       << loggableField(QStringLiteral("StreamError"), status.error);
    if (m_hooks.streamStatus)
        m_hooks.streamStatus(status);
}

void CallWebhooks::callStatus(const Webhook& webhook)
{
    if (!m_hooks.callStatus)
        return;
    CallStatus status;
    status.callSid = webhook.callSid;
    status.status = webhook.value(u"CallStatus");
    status.sequence = webhook.number(u"SequenceNumber");
    status.durationSeconds = webhook.number(u"CallDuration");
    // RFC 2822, as everything of Twilio's but its streams' callbacks.
    status.timestamp = QDateTime::fromString(webhook.value(u"Timestamp"), Qt::RFC2822Date).toUTC();
    status.call = callOf(webhook);
    m_hooks.callStatus(status);
}

void CallWebhooks::afterStream(const Webhook& webhook, const WebhookRouter::Reply& reply)
{
    if (m_hooks.passedOn && m_hooks.passedOn(webhook, reply))
        return;
    const CallFate* known = fateOf(webhook.callSid);
    const bool broke = known && known->fate == Fate::Broken;
    const bool apologise = known ? broke || known->fate == Fate::Offered : m_settings.servesEveryCall;
    if (!apologise) {
        reply(net::HttpResponse::xml(writeTwiml({hangupVerb()})));
        return;
    }
    const IncomingCall call = callOf(webhook);
    if (goOn(broke ? Obstacle::StreamBroke : Obstacle::NeverStreamed, call, webhook, reply))
        return;
    qCWarning(lcWebhook).noquote() << call.callSid << "its stream" << (broke ? "broke" : "never came about")
                                   << ": the caller hears an apology";
    const CallerLines say = lines(call.ownNumber());
    reply(net::HttpResponse::xml(writeTwiml({sayVerb(say.apology, say.language, say.voice), hangupVerb()})));
}

CallerLines CallWebhooks::lines(const QString& to) const
{
    return m_hooks.linesFor ? m_hooks.linesFor(to) : CallerLines::english();
}

void CallWebhooks::noteStreamAdmitted(const QString& callSid)
{
    setFate(callSid, Fate::Streaming);
}

void CallWebhooks::noteStreamEnded(const QString& callSid, bool inOrder)
{
    setFate(callSid, inOrder ? Fate::EndedInOrder : Fate::Broken);
}

void CallWebhooks::noteWithoutStream(const IncomingCall& call, const PublicUrl& base)
{
    setFate(call.callSid, Fate::Offered).known = Known{call, base};
}

std::optional<CallWebhooks::Known> CallWebhooks::known(const QString& callSid) const
{
    const CallFate* fate = fateOf(callSid);
    return fate ? fate->known : std::nullopt;
}

CallWebhooks::CallFate& CallWebhooks::setFate(const QString& callSid, Fate fate)
{
    const auto known = m_fateByCall.constFind(callSid);
    if (known != m_fateByCall.cend()) {
        (*known)->fate = fate;
        return **known;
    }
    m_fates.push_back({callSid, fate, 0, {}});
    m_fateByCall.insert(callSid, std::prev(m_fates.end()));
    if (m_fates.size() > m_settings.callMemory) {
        m_fateByCall.remove(m_fates.front().callSid);
        m_fates.pop_front();
    }
    return m_fates.back();
}

const CallWebhooks::CallFate* CallWebhooks::fateOf(const QString& callSid) const
{
    const auto known = m_fateByCall.constFind(callSid);
    return known == m_fateByCall.cend() ? nullptr : &**known;
}

} // namespace kav::webhooks
