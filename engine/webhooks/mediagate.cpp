// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/mediagate.h"

#include "shared/core/logging.h"

namespace kav::webhooks {

MediaGate::MediaGate(RequestGuard& guard, const StreamTokens& tokens, const Clock& clock, Hooks hooks)
    : m_guard(guard)
    , m_tokens(tokens)
    , m_clock(clock)
    , m_hooks(std::move(hooks))
    , m_logGate(10, Milliseconds(1000))
{
}

bool MediaGate::owns(const net::HttpRequest& request)
{
    return request.path.startsWith("/media/");
}

net::UpgradeVerdict MediaGate::judge(const net::HttpRequest& request)
{
    QByteArray token = request.path.mid(int(sizeof "/media/") - 1);
    while (token.endsWith('/'))
        token.chop(1);
    if (!owns(request) || token.isEmpty() || token.contains('/') || request.method != "GET")
        return net::HttpResponse::text(404, "not found\n");
    const auto verdict = m_guard.checkUpgrade(request);
    const auto tell = [this, &request, &verdict](const QString& reason, const QString& call) {
        if (m_hooks.judged)
            m_hooks.judged(request, {verdict.signature, reason, {}, {}, call});
    };
    if (!verdict.admitted()) {
        ++m_counters.unsignedOrForeign;
        tell(verdict.reason, {});
        return verdict.status == 403 ? net::HttpResponse::text(403, "forbidden\n")
                                     : net::HttpResponse::text(503, "unavailable\n");
    }
    const auto claims = m_tokens.verify(token, m_clock.wallNow());
    if (!claims) {
        ++m_counters.badTokens;
        tell(QStringLiteral("the stream's token: ") + toString(claims.error()), {});
        if (m_logGate.tryPass(m_clock.now())) {
            qCWarning(lcWebhook).noquote()
                << "/media/(token) refused from" << request.peer.toString() << ":" << toString(claims.error());
        }
        return net::HttpResponse::text(403, "forbidden\n");
    }
    const LogCall logged(claims->callSid);
    if (m_hooks.isTaken && m_hooks.isTaken(*claims)) {
        ++m_counters.taken;
        tell(QStringLiteral("the call has a stream already"), claims->callSid);
        if (m_logGate.tryPass(m_clock.now()))
            qCWarning(lcWebhook).noquote() << claims->callSid << "a second stream refused, from" << request.peer.toString();
        return net::HttpResponse::text(409, "conflict\n");
    }
    net::WebSocketHost* host = nullptr;
    const bool draining = m_hooks.isDraining && m_hooks.isDraining();
    if (!draining && (!m_hooks.hasRoom || m_hooks.hasRoom()) && m_hooks.leastLoaded)
        host = m_hooks.leastLoaded();
    if (host == nullptr) {
        ++m_counters.full;
        tell(draining ? QStringLiteral("draining") : QStringLiteral("no room"), claims->callSid);
        qCWarning(lcWebhook).noquote() << claims->callSid << "stream refused:" << (draining ? "draining" : "no room");
        return net::HttpResponse::text(503, "unavailable\n");
    }
    ++m_counters.admitted;
    tell({}, claims->callSid);
    if (m_hooks.admitted)
        m_hooks.admitted(*claims);
    return net::Upgrade{host, claims->toTag()};
}

} // namespace kav::webhooks
