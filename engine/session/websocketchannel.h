// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/session/mediachannel.h"

#include <QPointer>

namespace kav::net {
class WebSocket;
}

namespace kav::session {

/// A guarded WebSocket as a call's channel. The socket stays its host's; same thread.
class WebSocketChannel final : public MediaChannel {
    Q_OBJECT
public:
    explicit WebSocketChannel(net::WebSocket& socket);
    bool send(const QString& text) override;
    void close(quint16 code, const QString& reason) override;
    std::optional<std::chrono::milliseconds> roundTrip() const override;

private:
    QPointer<net::WebSocket> m_socket;
};

} // namespace kav::session
