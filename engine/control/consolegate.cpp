// SPDX-License-Identifier: Apache-2.0
#include "engine/control/consolegate.h"

#include "engine/net/addressledger.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <algorithm>

namespace kav::control {

namespace {

constexpr char TrustedTag[] = "trusted";
constexpr char StrangerTag[] = "token";

/// What is banned together: an IPv6 host owns a /64 at least.
QHostAddress bannedAs(const QHostAddress& peer)
{
    QHostAddress address = net::unmapped(peer);
    if (address.protocol() != QAbstractSocket::IPv6Protocol)
        return address;
    Q_IPV6ADDR bytes = address.toIPv6Address();
    std::fill(bytes.c + 8, bytes.c + 16, quint8(0));
    return QHostAddress(bytes);
}

} // namespace

ConsoleGate::ConsoleGate(Settings settings, const Clock& clock,
    std::function<void(const net::HttpRequest&, const QString&)> refused)
    : m_settings(std::move(settings))
    , m_clock(clock)
    , m_refused(std::move(refused))
    , m_logGate(10, Milliseconds(1000))
{
}

bool ConsoleGate::owns(const net::HttpRequest& request)
{
    return request.path == "/console";
}

bool ConsoleGate::isTrusted(const QByteArray& tag)
{
    return tag == TrustedTag;
}

net::UpgradeVerdict ConsoleGate::judge(const net::HttpRequest& request, net::WebSocketHost* host)
{
    if (!owns(request) || request.method != "GET" || host == nullptr)
        return net::HttpResponse::text(404, "not found\n");
    if (isBanned(request.peer))
        return refuse(request, 429, "too many wrong tokens came from this address", &Counters::banned);
    // All of them: were there two, which one the browser meant would be anyone's guess.
    for (const auto& [name, value] : request.headers) {
        if (name == "origin" && !m_settings.origins.contains(QString::fromLatin1(value), Qt::CaseInsensitive))
            return refuse(request, 403, "a web page of an origin that is not allowed asked", &Counters::origin);
    }
    if (m_settings.haveTokens)
        return net::Upgrade{host, StrangerTag};
    if (!request.isFromLoopback() || webhooks::isForwarded(request))
        return refuse(
            request, 403, "no console tokens are set and the request is not from this machine", &Counters::stranger);
    return net::Upgrade{host, TrustedTag};
}

void ConsoleGate::noteFailure(const QHostAddress& peer)
{
    if (net::unmapped(peer).isLoopback())
        return;
    const QHostAddress address = bannedAs(peer);
    const Instant now = m_clock.now();
    auto it = m_failures.find(address);
    if (it == m_failures.end()) {
        if (m_failures.size() >= std::max(1, m_settings.addresses))
            forgetOne();
        it = m_failures.insert(address, {0, now, {}});
    }
    if (elapsed(it->since, now) >= m_settings.failureWindow)
        *it = {0, now, it->bannedUntil};
    if (++it->count < m_settings.failures)
        return;
    *it = {0, now, now + m_settings.ban};
    if (m_logGate.tryPass(now)) {
        qCWarning(lcControl).noquote() << "too many wrong tokens from" << address.toString() << ": refused for"
                                       << m_settings.ban.count() / 1000 << "s";
    }
}

bool ConsoleGate::isBanned(const QHostAddress& peer) const
{
    const auto it = m_failures.constFind(bannedAs(peer));
    return it != m_failures.cend() && m_clock.now() < it->bannedUntil;
}

/// What is neither banned nor counted any more, else who is banned for the shortest time to come, the oldest first.
void ConsoleGate::forgetOne()
{
    const auto least = std::min_element(m_failures.begin(), m_failures.end(), [](const auto& a, const auto& b) {
        return std::tie(a.bannedUntil, a.since) < std::tie(b.bannedUntil, b.since);
    });
    m_failures.erase(least);
}

net::HttpResponse ConsoleGate::refuse(
    const net::HttpRequest& request, int status, const char* reason, quint64 Counters::*count)
{
    ++(m_counters.*count);
    if (m_refused)
        m_refused(request, QLatin1String(reason));
    if (m_logGate.tryPass(m_clock.now())) {
        const QByteArray origin = request.header("origin");
        qCWarning(lcControl).noquote() << "/console refused with" << status << "from" << request.peer.toString() << ":"
                                       << reason
                                       << (origin.isEmpty() ? QString() : logSafe(QString::fromLatin1(origin), 100));
    }
    return status == 429 ? net::HttpResponse::text(429, "too many requests\n")
                         : net::HttpResponse::text(403, "forbidden\n");
}

} // namespace kav::control
