// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/session/spokenstep.h"
#include "engine/webhooks/twiml.h"
#include "engine/webhooks/webhookrouter.h"

#include <functional>

namespace kav::webhooks {

/// What Twilio is told to do, in TwiML. Addresses carry the step's number, so that every answer is about the step it
/// answers: a webhook that is delivered again, even after the router has forgotten it, cannot be taken for the next
/// one.
std::vector<TwimlElement> spokenTwiml(const session::SpokenStep& step, const PublicUrl& base);

/// The webhooks of calls that are held without a stream. Its routes:
///
///     /webhook/turn      what the caller said or keyed, silence, or (more=1) the rest of an answer is fetched
///     /webhook/recorded  a message was left, or (none=1) was not
///
/// A plain object, owned by the composition root, lives on the control thread.
class SpokenRoutes final {
public:
    struct Hooks final {
        /// Hands it to the call, which replies at once or later. False: there is no such call, nothing was replied.
        std::function<bool(
            const QString& callId, const session::SpokenInput&, std::function<void(const session::SpokenStep&)> reply)>
            take;
        /// A call that nobody knows, as after a restart of the engine: it is begun anew. False: it is to end.
        std::function<bool(const Webhook&, const WebhookRouter::Reply&)> unknown;
    };

    /// Adds its routes to `router`, which it must outlive.
    SpokenRoutes(WebhookRouter& router, Hooks hooks);

    /// What a webhook of the two says. Pure.
    static session::SpokenInput inputOf(const Webhook& webhook);

private:
    void serve(const Webhook& webhook, const WebhookRouter::Reply& reply) const;

    const Hooks m_hooks;
};

} // namespace kav::webhooks
