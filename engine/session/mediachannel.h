// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>
#include <QString>

#include <chrono>
#include <optional>

namespace kav::session {

/// The two-way text channel a call's stream arrives on: a WebSocket in the engine, a script in tests. Owned by its
/// CallSession, lives on its worker. After closed() nothing is emitted and send() does nothing.
class MediaChannel : public QObject {
    Q_OBJECT
public:
    /// One text frame, at once. False when it could not be taken: the channel is then closing.
    virtual bool send(const QString& text) = 0;
    virtual void close(quint16 code, const QString& reason) = 0;
    /// Round trip of the transport's own keep-alive, when one has been measured.
    virtual std::optional<std::chrono::milliseconds> roundTrip() const = 0;

Q_SIGNALS:
    void received(const QString& text);
    void binaryReceived();
    /// Exactly once. `reason` is fit for a log.
    void closed(bool byPeer, const QString& reason);
};

} // namespace kav::session
