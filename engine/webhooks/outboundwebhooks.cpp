// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/outboundwebhooks.h"

#include "shared/core/logging.h"

namespace kav::webhooks {

namespace {

AnsweredBy::What whatAnswered(const QString& word)
{
    using What = AnsweredBy::What;
    if (word == QLatin1String("human"))
        return What::Human;
    if (word == QLatin1String("fax"))
        return What::Fax;
    if (word == QLatin1String("machine_start"))
        return What::MachineBegins;
    return word.startsWith(QLatin1String("machine_end")) ? What::MachineListens : What::Unknown;
}

} // namespace

OutboundWebhooks::OutboundWebhooks(WebhookRouter& router, CallWebhooks& calls, Hooks hooks)
    : m_calls(calls)
    , m_hooks(std::move(hooks))
{
    router.add({"/webhook/outbound_call",
        [this](const Webhook& webhook, const WebhookRouter::Reply& reply) { answered(webhook, reply); },
        {QStringLiteral("CallStatus")}, {QStringLiteral("AccountSid"), QStringLiteral("To")}});
    router.add({"/webhook/amd",
        [this](const Webhook& webhook, const WebhookRouter::Reply& reply) {
            answeredBy(webhook);
            reply(net::HttpResponse::empty(204));
        },
        {QStringLiteral("AnsweredBy")}, {QStringLiteral("AnsweredBy")}});
}

void OutboundWebhooks::answered(const Webhook& webhook, const WebhookRouter::Reply& reply)
{
    const IncomingCall call = m_calls.callOf(webhook);
    // A drain lets it in: whoever is called has picked up, and expects somebody.
    const bool isFull = m_hooks.hasRoom && !m_hooks.hasRoom();
    const bool isMute = !isFull && m_hooks.canStream && !m_hooks.canStream(call);
    if ((isFull || isMute) && m_hooks.goOn
        && m_hooks.goOn(isFull ? Obstacle::Full : Obstacle::NoSpeech, call, webhook, reply))
        return;
    if (isFull) {
        qCWarning(lcWebhook).noquote() << call.callSid << "is hung up on: no room for a call that was placed";
        reply(net::HttpResponse::xml(writeTwiml({hangupVerb()})));
        return;
    }
    m_hooks.answered(call);
    reply(net::HttpResponse::xml(writeTwiml(m_calls.connect(call, webhook.base))));
}

void OutboundWebhooks::answeredBy(const Webhook& webhook)
{
    AnsweredBy answer;
    answer.call = m_calls.callOf(webhook);
    answer.word = loggableField(QStringLiteral("AnsweredBy"), webhook.value(u"AnsweredBy").left(30));
    answer.what = whatAnswered(answer.word);
    answer.took = std::chrono::milliseconds(webhook.number(u"MachineDetectionDuration").value_or(0));
    qCInfo(lcWebhook).noquote() << webhook.callSid << "was answered by:" << answer.word;
    m_hooks.answeredBy(answer);
}

} // namespace kav::webhooks
