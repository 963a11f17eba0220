// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/http.h"
#include "engine/telephony/formbody.h"
#include "engine/webhooks/publicurl.h"
#include "shared/core/clock.h"
#include "shared/model/request.h"

#include <QByteArray>
#include <QString>

#include <optional>

namespace kav::webhooks {

/// Lets `burst` through at once and then one per `every`; counts the rest. A plain value.
class RateGate final {
public:
    RateGate(int burst, Milliseconds every);
    bool tryPass(Instant now);
    /// How many were held back since the last one that passed; asked after tryPass() said yes.
    quint64 takeHeldBack();

private:
    int m_burst;
    Milliseconds m_every;
    int m_left;
    Instant m_refilled;
    bool m_begun = false;
    quint64 m_heldBack = 0;
};

/// Decides who may reach the webhooks and the stream, and under which public address a request was made.
///
/// With an auth token every request must carry Twilio's signature; a missing one is a refusal. Without a token only
/// peers on this machine are served, and only when they came directly: what a tunnel or proxy on this machine forwards
/// comes from anywhere. Refusals are counted, and logged with their cause at a bounded rate; the answer itself tells
/// nothing.
///
/// Owned by the composition root, shared by WebhookRouter and MediaGate, lives on the control thread.
class RequestGuard final {
public:
    struct Settings final {
        QByteArray authToken;
        std::optional<PublicUrl> publicUrl;
        QString accountSid{}; ///< the account whose webhooks are taken; empty: any
    };
    /// How many were refused, by what they lacked.
    struct Refusals final {
        quint64 noSignature = 0;
        quint64 wrongSignature = 0;
        quint64 wrongBody = 0; ///< signed, but with another body
        quint64 unreadable =
            0; ///< neither a form nor a body whose hash is signed: nothing to hold the signature against
        quint64 stranger = 0; ///< not from this machine, and there is no token to check it with
        quint64 noAddress = 0; ///< under which public address it came is not known
        quint64 otherAccount = 0;
    };
    struct Verdict final {
        int status = 200; ///< 200, 403 or 503
        QString reason{}; ///< for the log and the call log; never for the answer
        SignatureFinding signature{};
        bool admitted() const { return status == 200; }
    };

    /// Logs one line when there is no token.
    RequestGuard(Settings settings, const Clock& clock);

    /// `form`: the fields, from the body or from a GET's query; null when there are none that can be read. Signed is
    /// what the request is: of a GET the URL alone, of a form the URL and its fields, of any other body the URL with
    /// the body's hash in it (bodySHA256). So a null form is a refusal only where the fields are what is signed.
    Verdict checkWebhook(const net::HttpRequest& request, const telephony::FormBody* form);
    Verdict checkUpgrade(const net::HttpRequest& request);
    /// Where the engine is, as this request sees it: the configured address, else the Host line of a peer on this
    /// machine.
    std::optional<PublicUrl> baseFor(const net::HttpRequest& request) const;

    const Refusals& refusedWebhooks() const { return m_refusedWebhooks; }
    const Refusals& refusedUpgrades() const { return m_refusedUpgrades; }

private:
    using Count = quint64 Refusals::*;
    struct Refusal final {
        Count count = nullptr; ///< null: there is none
        QString reason{};
        SignatureFinding signature{};
    };
    Verdict check(const net::HttpRequest& request, const telephony::FormBody* form, bool upgrade);
    Refusal findFault(const net::HttpRequest& request, const telephony::FormBody* form, bool upgrade, bool mayExplain);

    Settings m_settings;
    const Clock& m_clock;
    RateGate m_logGate;
    Refusals m_refusedWebhooks, m_refusedUpgrades;
};

/// A path fit for a log: a stream's token is a credential while it lasts, and what is as long as one may be one too.
QString loggablePath(const QByteArray& path);

/// The request came through a proxy that says so.
bool isForwarded(const net::HttpRequest& request);

} // namespace kav::webhooks
