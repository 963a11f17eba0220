// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QByteArray>
#include <QString>

#include <optional>
#include <span>

namespace kav::net {

/// Takes a WebSocket client's byte stream apart (RFC 6455): whole messages and control frames come out, anything else
/// is a fault with the close code it deserves. Limits are judged on a frame's head, before its payload is waited for.
/// Plain; one per WebSocket, on its thread; keeps the fragments of an unfinished message and nothing else.
class MessageReader final {
public:
    struct Limits final {
        qsizetype messageBytes = 64 * 1024; ///< frame and message
        int controlFramesPerSecond = 100;
        int fragmentsPerMessage = 1024;
    };
    enum class Kind {
        Nothing, ///< the bytes end inside a frame, or between two
        Text, ///< whether it is UTF-8 is left to decodeText()
        Binary,
        Ping,
        Pong,
        Close, ///< `code`, and the reason as payload; 1005 when the frame had no code
        Fault, ///< `code` and `fault` say what the peer did wrong
    };
    struct Item final {
        Kind kind = Kind::Nothing;
        QByteArrayView payload; ///< in the bytes given, or in the reader: valid until the next call
        quint16 code = 0;
        const char* fault = "";
    };

    explicit MessageReader(const Limits& limits);

    /// The first item in `bytes`, unmasked in place; `bytes` is left with what follows it. At Nothing, what is left is
    /// to be given again with more behind it. A close frame or a fault is the last item: what follows is swallowed.
    Item next(std::span<char>& bytes, Instant now);

    /// As of the last call, which gave Nothing: a frame has begun and not ended.
    bool isInsideFrame() const { return m_inside; }
    /// When the frame that is being received began. Only while isInsideFrame().
    Instant frameStarted() const { return m_started; }
    /// Bytes of fragments kept; never over the limit of a message.
    qsizetype keptBytes() const { return m_message.size(); }

private:
    Item read(std::span<char>& bytes, Instant now);
    Item incomplete(bool begun, Instant now);
    Item control(quint8 opcode, QByteArrayView payload, Instant now);
    /// Nothing when more fragments are to come.
    Item data(quint8 opcode, bool final, QByteArrayView payload);

    const Limits m_limits;
    QByteArray m_message; // fragments so far, or the message last given out
    quint8 m_opcode = 0; // of the message under way; 0: none
    int m_fragments = 0; // of the message under way
    Instant m_started{};
    Instant m_second{};
    int m_controlFrames = 0; // within the second that began at m_second
    bool m_inside = false;
    bool m_isOver = false; // a close frame or a fault was given out
};

/// A text message as a string; nothing when it is not UTF-8. Stateless: a message ends where it ends. A byte order mark
/// is part of it.
std::optional<QString> decodeText(QByteArrayView utf8);

} // namespace kav::net
