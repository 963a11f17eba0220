// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/webhooks/callwebhooks.h"
#include "engine/webhooks/webhookrouter.h"

#include <functional>

namespace kav::webhooks {

/// Who has taken a call that went out, as Twilio judges it.
struct AnsweredBy final {
    enum class What {
        Human,
        MachineBegins, ///< a machine; its greeting goes on
        MachineListens, ///< its greeting is over: it records
        Fax,
        Unknown,
    };
    IncomingCall call;
    What what = What::Unknown;
    QString word; ///< Twilio's own: "machine_end_beep"
    std::chrono::milliseconds took{0};
};

/// What Twilio asks and tells of calls that go out. Its routes:
///
///     /webhook/outbound_call   TwiML for whoever has answered: connect the stream
///     /webhook/amd             204: who has answered
///
/// Kav's own parameters in their addresses: `persona`, who speaks, and `placed`, what the placing is called. All that
/// is needed to hold the call stands in them: an engine that was started anew while it rang holds it like any other.
///
/// A plain object, owned by the composition root, lives on the control thread.
class OutboundWebhooks final {
public:
    struct Hooks final {
        std::function<bool()> hasRoom{};
        /// As CallWebhooks::Hooks' own; asked with Full and NoSpeech.
        std::function<bool(const IncomingCall&)> canStream{};
        std::function<bool(Obstacle, const IncomingCall&, const Webhook&, const WebhookRouter::Reply&)> goOn{};
        std::function<void(const IncomingCall&)> answered{};
        std::function<void(const AnsweredBy&)> answeredBy{};
    };

    /// Adds its routes to `router`, which it must outlive; so `calls`.
    OutboundWebhooks(WebhookRouter& router, CallWebhooks& calls, Hooks hooks);

private:
    void answered(const Webhook& webhook, const WebhookRouter::Reply& reply);
    void answeredBy(const Webhook& webhook);

    CallWebhooks& m_calls;
    const Hooks m_hooks;
};

} // namespace kav::webhooks
