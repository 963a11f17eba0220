// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/http.h"

#include <QStringList>

#include <optional>

namespace kav::net {

/// What the host needs to finish an upgrade that was validated here. Crosses from the control thread to the host's.
struct UpgradeRequest final {
    QByteArray tag;
    QByteArray path;
    QByteArray key; ///< Sec-WebSocket-Key
    QByteArray protocols; ///< Sec-WebSocket-Protocol as offered, lists joined; empty: none
    QHostAddress peer;
    quint64 number = 0; ///< HttpRequest::number
};

/// The client asks for `Upgrade: websocket`. Other upgrades are ignored, as RFC 9110 7.8 allows.
bool asksForWebSocket(const HttpRequest& request);

/// RFC 6455 4.2.1, in full. The refusal, or nothing when the handshake is good. `bytesFollow`: more came behind the
/// head; a client must wait for the 101.
std::optional<HttpResponse> refuseHandshake(const HttpRequest& request, bool http11, bool bytesFollow);

UpgradeRequest upgradeRequest(const HttpRequest& request, const QByteArray& tag);

/// The first offered sub-protocol that is among the `supported`; empty: none is.
QByteArray chosenProtocol(const UpgradeRequest& request, const QStringList& supported);

/// The 101, with the first offered sub-protocol that is among the `supported`; none is invented.
QByteArray switchingProtocols(const UpgradeRequest& request, const QStringList& supported);

} // namespace kav::net
