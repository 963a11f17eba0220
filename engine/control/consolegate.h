// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/listener.h"
#include "engine/webhooks/requestguard.h"
#include "shared/core/clock.h"

#include <QHash>
#include <QHostAddress>
#include <QStringList>

#include <functional>

namespace kav::control {

/// Decides, before the 101, who may open /console at all; the token comes with the hello.
///
/// A request with an Origin is a browser's: refused unless that origin is allowed, else any page an operator opens
/// could reach an engine on his own machine. Where no tokens are set, only peers on this machine are served, and only
/// when they came directly: what a proxy forwards comes from anywhere. An address with too many wrong tokens is refused
/// for a while; not this machine's own, which may be a proxy's and then stands for every operator. Owned by the
/// composition root, lives on the control thread.
class ConsoleGate final {
public:
    struct Settings final {
        bool haveTokens = false;
        QStringList origins{}; ///< allowed, as browsers write them: "https://desk.example.com"
        int failures = 10; ///< wrong tokens from one address (of IPv6: one /64) ...
        Milliseconds failureWindow{120000}; ///< ... within this time ...
        Milliseconds ban{300000}; ///< ... and it is refused for so long
        int addresses = 1024; ///< remembered at once; past it, the one that matters least is forgotten
    };

    /// `refused` is told why, before the answer.
    ConsoleGate(Settings settings, const Clock& clock,
        std::function<void(const net::HttpRequest&, const QString& reason)> refused = {});

    static bool owns(const net::HttpRequest& request); ///< /console
    /// Refuses (403, 404, 429), or hands the socket to `host` with a tag that says whether a token is needed.
    net::UpgradeVerdict judge(const net::HttpRequest& request, net::WebSocketHost* host);
    /// A wrong token came from there.
    void noteFailure(const QHostAddress& peer);
    struct Counters final {
        quint64 banned = 0, origin = 0, stranger = 0; ///< refused
    };
    const Counters& counters() const { return m_counters; }
    /// Addresses that are remembered: what the bans cost.
    qsizetype size() const { return m_failures.size(); }

    /// Of the tag given to a socket: the console may come in without a token.
    static bool isTrusted(const QByteArray& tag);

private:
    struct Failures {
        int count = 0;
        Instant since;
        Instant bannedUntil; ///< the epoch: never banned
    };
    bool isBanned(const QHostAddress& peer) const;
    void forgetOne();
    net::HttpResponse refuse(
        const net::HttpRequest& request, int status, const char* reason, quint64 Counters::*count);

    const Settings m_settings;
    const Clock& m_clock;
    const std::function<void(const net::HttpRequest&, const QString&)> m_refused;
    QHash<QHostAddress, Failures> m_failures;
    webhooks::RateGate m_logGate;
    Counters m_counters;
};

} // namespace kav::control
