// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/http.h"

#include <optional>

namespace kav::net {

/// What the host needs to finish an upgrade that was validated here. Crosses from the control thread to the host's.
struct UpgradeRequest final {
    QByteArray tag;
    QByteArray path;
    QByteArray key; ///< Sec-WebSocket-Key
    QByteArray protocols; ///< Sec-WebSocket-Protocol as offered, lists joined; empty: none
    QHostAddress peer;
};

/// The client asks for `Upgrade: websocket`. Other upgrades are ignored, as RFC 9110 7.8 allows.
bool asksForWebSocket(const HttpRequest& request);

/// RFC 6455 4.2.1, in full, because QWebSocketServer checks little of it and refuses without a status. The refusal, or
/// nothing when the handshake is good. `bytesFollow`: more came behind the head; a client must wait for the 101, and
/// QWebSocket would lose or leak on such bytes.
std::optional<HttpResponse> refuseHandshake(const HttpRequest& request, bool http11, bool bytesFollow);

UpgradeRequest upgradeRequest(const HttpRequest& request, const QByteArray& tag);

/// The head that QWebSocketServer gets to see, written anew so that nothing hostile reaches its parser. `id` stands in
/// the path, and tells which socket a finished QWebSocket belongs to.
QByteArray canonicalHead(const UpgradeRequest& request, quint64 id);

} // namespace kav::net
