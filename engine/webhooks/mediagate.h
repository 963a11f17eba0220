// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/http.h"
#include "engine/net/listener.h"
#include "engine/webhooks/requestguard.h"
#include "engine/webhooks/requestinspector.h"
#include "engine/webhooks/streamtoken.h"
#include "shared/core/clock.h"

#include <functional>

namespace kav::webhooks {

/// Decides about the upgrade of `/media/TOKEN` before the 101: signature (or a peer on this machine, without an auth
/// token), token, room. 404 for another path, 403 for a bad or expired token, 409 for a token or call that has its stream, 503
/// when full or draining; the answers tell no more. What is admitted goes to the least loaded worker, tagged with the token's claims.
///
/// A plain object, owned by the composition root, lives on the control thread.
class MediaGate final {
public:
    struct Hooks final {
        std::function<net::WebSocketHost*()> leastLoaded; ///< null: nobody can take it
        std::function<bool()> hasRoom;
        std::function<bool()> isDraining;
        std::function<void(const StreamClaims&)> admitted; ///< e.g. CallWebhooks::noteStreamAdmitted
        std::function<bool(const StreamClaims&)> isTaken{}; ///< see StreamLedger; nobody asked: never
        std::function<void(const net::HttpRequest&, const RequestFinding&)> judged{}; ///< what was found, and why
    };
    struct Counters final {
        quint64 admitted = 0, unsignedOrForeign = 0, badTokens = 0, taken = 0, full = 0;
    };

    MediaGate(RequestGuard& guard, const StreamTokens& tokens, const Clock& clock, Hooks hooks);

    static bool owns(const net::HttpRequest& request);
    net::UpgradeVerdict judge(const net::HttpRequest& request);
    const Counters& counters() const { return m_counters; }

private:
    RequestGuard& m_guard;
    const StreamTokens& m_tokens;
    const Clock& m_clock;
    Hooks m_hooks;
    Counters m_counters;
    RateGate m_logGate;
};

} // namespace kav::webhooks
