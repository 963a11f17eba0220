// SPDX-License-Identifier: Apache-2.0
#include "engine/session/websocketchannel.h"

#include "engine/net/websocket.h"

namespace kav::session {

WebSocketChannel::WebSocketChannel(net::WebSocket& socket)
    : m_socket(&socket)
{
    connect(&socket, &net::WebSocket::textReceived, this, &MediaChannel::received);
    connect(&socket, &net::WebSocket::binaryReceived, this, [this] { Q_EMIT binaryReceived(); });
    connect(&socket, &net::WebSocket::closed, this, [this](bool byPeer, quint16 code, const QString& reason) {
        m_socket.clear();
        Q_EMIT closed(byPeer, QStringLiteral("%1 %2").arg(code).arg(reason).trimmed());
    });
    // One round trip is measured however short the call will be.
    socket.ping();
}

bool WebSocketChannel::send(const QString& text)
{
    return m_socket && m_socket->sendText(text);
}

void WebSocketChannel::close(quint16 code, const QString& reason)
{
    if (m_socket)
        m_socket->close(code, reason);
}

std::optional<std::chrono::milliseconds> WebSocketChannel::roundTrip() const
{
    return m_socket ? m_socket->roundTrip() : std::nullopt;
}

} // namespace kav::session
