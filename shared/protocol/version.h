// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QLatin1String>

// What this build of Kav speaks on /console. PROTOCOL.md says when which of these changes.
namespace kav::protocol {

/// Versions spoken, lowest and highest. The engine picks the highest that both sides speak.
inline constexpr int LowestVersion = 1;
inline constexpr int HighestVersion = 1;

/// The WebSocket sub-protocol a console offers. A client that offers none is served as well.
inline constexpr QLatin1String Subprotocol{"kav.console"};

// Features: what a side can do beyond the version's mandatory part. Order is free; a name is never given a new meaning;
// what the other side does not know it ignores.
namespace feature {
    inline constexpr QLatin1String CallLog{"call-log"}; ///< query-log, query-call, log changes
    inline constexpr QLatin1String TestCall{"test-call"}; ///< start-test-call
    inline constexpr QLatin1String Outbound{"outbound"}; ///< place-call
    inline constexpr QLatin1String Control{"control"}; ///< interrupt-call, end-call
    inline constexpr QLatin1String Warm{"warm"}; ///< warm-service
    inline constexpr QLatin1String Inspector{"inspector"}; ///< query-requests, watch-requests, unwatch-requests, requests
    inline constexpr QLatin1String Transfer{"transfer"}; ///< transfer-call, and a call's transferTargets
    inline constexpr QLatin1String Evidence{"evidence"}; ///< make-, query-, read- and drop-evidence
    inline constexpr QLatin1String Replay{"replay"}; ///< a reconnect may resume without a snapshot
} // namespace feature

// WebSocket close codes of /console, beside the standard ones.
namespace close {
    inline constexpr quint16 BadMessage = 4400; ///< not the protocol: an error message says what was wrong
    inline constexpr quint16 Unauthorized = 4401; ///< no token, a wrong one, or it was revoked
    inline constexpr quint16 NoHello = 4408; ///< no hello within the time for it
    inline constexpr quint16 VersionMismatch = 4426; ///< no version in common
    inline constexpr quint16 TooMany = 4429; ///< consoles, messages or commands; try again later
    inline constexpr quint16 TooSlow = 4430; ///< the console does not read fast enough
} // namespace close

} // namespace kav::protocol
