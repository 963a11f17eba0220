// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QByteArrayView>

#include <array>

namespace kav::net {

/// Walks the frame headers of an incoming WebSocket byte stream beside QWebSocket, for what QWebSocket hides: unmasked
/// client frames, floods of control frames, endless fragments, a peer's close frame, a frame that stalls half-way.
/// Payload is skipped by count, never looked at. Plain; one per WebSocket; lengths, opcodes and text are QWebSocket's
/// to judge.
class FrameWatch final {
public:
    enum class Fault {
        None,
        Unmasked, ///< RFC 6455 5.1: a server must close on it
        TooManyControlFrames,
        TooManyFragments,
    };

    FrameWatch(int controlFramesPerSecond, int fragmentsPerMessage);

    /// The next bytes of the stream. After a fault the rest is ignored.
    Fault feed(QByteArrayView bytes, Instant now);
    /// The next `count` bytes, known to be payload: count <= skippable(). Saves the copy that feed() would need.
    void skip(quint64 count);
    quint64 skippable() const { return m_payloadLeft; }

    bool isInsideFrame() const { return m_payloadLeft > 0 || m_headerBytes > 0; }
    /// When the frame that is being received began. Only while isInsideFrame().
    Instant frameStarted() const { return m_frameStarted; }
    bool sawClose() const { return m_sawClose; }

private:
    Fault onHeader(Instant now);

    std::array<quint8, 14> m_header{};
    size_t m_headerBytes = 0;
    size_t m_headerWanted = 2;
    quint64 m_payloadLeft = 0;
    Instant m_frameStarted{};
    Instant m_secondStarted{};
    int m_controlFrames = 0; ///< within the second that began at m_secondStarted
    int m_fragments = 0; ///< of the message being received
    int m_maxControlFrames;
    int m_maxFragments;
    Fault m_fault = Fault::None;
    bool m_sawClose = false;
};

} // namespace kav::net
