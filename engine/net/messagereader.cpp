// SPDX-License-Identifier: Apache-2.0
#include "engine/net/messagereader.h"

#include <QStringDecoder>
#include <QUtf8StringView>
#include <QtEndian>

#include <cstring>

namespace kav::net {

namespace {

constexpr quint8 FinBit = 0x80;
constexpr quint8 ReservedBits = 0x70;
constexpr quint8 OpcodeBits = 0x0f;
constexpr quint8 ControlBit = 0x08;
constexpr quint8 MaskBit = 0x80;
constexpr quint8 LengthBits = 0x7f;
constexpr quint64 LongestShort = 125; // the longest a control frame may be, too
constexpr std::size_t MaskBytes = 4;

constexpr quint8 Continuation = 0x0;
constexpr quint8 Text = 0x1;
constexpr quint8 Binary = 0x2;
constexpr quint8 Close = 0x8;
constexpr quint8 Ping = 0x9;
constexpr quint8 Pong = 0xa;

constexpr quint16 ProtocolError = 1002;
constexpr quint16 NoStatus = 1005;
constexpr quint16 BadPayload = 1007;
constexpr quint16 PolicyViolation = 1008;
constexpr quint16 TooBig = 1009;

MessageReader::Item fault(quint16 code, const char* what)
{
    return {.kind = MessageReader::Kind::Fault, .payload = {}, .code = code, .fault = what};
}

/// RFC 6455 7.4: what may stand in a close frame. 1012 to 1014 are registered since.
bool isCloseCode(quint16 code)
{
    const bool defined = code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
    return defined || (code >= 3000 && code <= 4999);
}

void unmask(std::span<char> payload, const char* mask)
{
    quint64 wide = 0;
    std::memcpy(&wide, mask, MaskBytes);
    std::memcpy(reinterpret_cast<char*>(&wide) + MaskBytes, mask, MaskBytes);
    std::size_t i = 0;
    for (; i + sizeof wide <= payload.size(); i += sizeof wide) {
        quint64 part = 0;
        std::memcpy(&part, payload.data() + i, sizeof part);
        part ^= wide;
        std::memcpy(payload.data() + i, &part, sizeof part);
    }
    for (; i < payload.size(); ++i)
        payload[i] = static_cast<char>(payload[i] ^ mask[i % MaskBytes]);
}

} // namespace

MessageReader::MessageReader(const Limits& limits)
    : m_limits(limits)
{
}

MessageReader::Item MessageReader::incomplete(bool begun, Instant now)
{
    if (begun && !m_inside)
        m_started = now;
    m_inside = begun;
    return {};
}

MessageReader::Item MessageReader::next(std::span<char>& bytes, Instant now)
{
    if (m_isOver) {
        bytes = {};
        return incomplete(false, now);
    }
    const Item item = read(bytes, now);
    m_isOver = item.kind == Kind::Close || item.kind == Kind::Fault;
    return item;
}

MessageReader::Item MessageReader::read(std::span<char>& bytes, Instant now)
{
    for (;;) {
        if (bytes.size() < 2)
            return incomplete(!bytes.empty(), now);
        const auto first = static_cast<quint8>(bytes[0]);
        const auto second = static_cast<quint8>(bytes[1]);
        const auto opcode = static_cast<quint8>(first & OpcodeBits);
        const bool isFinal = first & FinBit;
        quint64 length = second & LengthBits;

        if (!(second & MaskBit))
            return fault(ProtocolError, "client frames must be masked");
        if (first & ReservedBits)
            return fault(ProtocolError, "a reserved bit is set");
        if (opcode & ControlBit) {
            if (opcode > Pong)
                return fault(ProtocolError, "unknown opcode");
            if (!isFinal || length > LongestShort)
                return fault(ProtocolError, "a control frame is fragmented or too long");
        } else if (opcode > Binary) {
            return fault(ProtocolError, "unknown opcode");
        } else if ((opcode == Continuation) != (m_opcode != 0)) {
            return fault(ProtocolError, m_opcode ? "a message inside a message" : "a continuation of nothing");
        }

        std::size_t head = 2;
        if (length > LongestShort) {
            const std::size_t lengthBytes = length == 126 ? 2 : 8;
            if (bytes.size() < head + lengthBytes)
                return incomplete(true, now);
            const char* const at = bytes.data() + head;
            length = lengthBytes == 2 ? qFromBigEndian<quint16>(at) : qFromBigEndian<quint64>(at);
            const quint64 least = lengthBytes == 2 ? LongestShort + 1 : 0x10000;
            if (length < least || length >> 63)
                return fault(ProtocolError, "a length is malformed");
            head += lengthBytes;
        }
        // The message under way counts: a limit that fragments get round is none.
        if (const quint64 before = opcode == Continuation ? quint64(m_message.size()) : 0;
            length > quint64(m_limits.messageBytes) - before)
            return fault(TooBig, "a message is too big");
        if (bytes.size() < head + MaskBytes + length)
            return incomplete(true, now);

        m_inside = false;
        const std::span<char> payload = bytes.subspan(head + MaskBytes, std::size_t(length));
        unmask(payload, bytes.data() + head);
        bytes = bytes.subspan(head + MaskBytes + payload.size());
        const QByteArrayView view(payload.data(), qsizetype(payload.size()));
        const Item item = opcode & ControlBit ? control(opcode, view, now) : data(opcode, isFinal, view);
        if (item.kind != Kind::Nothing)
            return item;
    }
}

MessageReader::Item MessageReader::control(quint8 opcode, QByteArrayView payload, Instant now)
{
    if (elapsed(m_second, now) >= Milliseconds(1000)) {
        m_second = now;
        m_controlFrames = 0;
    }
    if (++m_controlFrames > m_limits.controlFramesPerSecond)
        return fault(PolicyViolation, "too many control frames");
    if (opcode != Close)
        return {.kind = opcode == Ping ? Kind::Ping : Kind::Pong, .payload = payload};
    if (payload.isEmpty())
        return {.kind = Kind::Close, .payload = {}, .code = NoStatus};
    const quint16 code = payload.size() < 2 ? 0 : qFromBigEndian<quint16>(payload.data());
    if (!isCloseCode(code))
        return fault(ProtocolError, "a close code is malformed");
    const QByteArrayView reason = payload.sliced(2);
    if (!QUtf8StringView(reason.data(), reason.size()).isValidUtf8())
        return fault(BadPayload, "a close reason is not UTF-8");
    return {.kind = Kind::Close, .payload = reason, .code = code};
}

MessageReader::Item MessageReader::data(quint8 opcode, bool final, QByteArrayView payload)
{
    const auto kindOf = [](quint8 code) { return code == Text ? Kind::Text : Kind::Binary; };
    if (final && m_opcode == 0) {
        if (m_message.capacity() > 0)
            m_message = {}; // of a fragmented message long given out
        return {.kind = kindOf(opcode), .payload = payload};
    }
    if (m_opcode == 0) {
        m_opcode = opcode;
        m_message.clear();
        m_fragments = 0;
    }
    if (++m_fragments >= m_limits.fragmentsPerMessage && !final)
        return fault(PolicyViolation, "too many fragments");
    m_message.append(payload);
    if (!final)
        return {};
    return {.kind = kindOf(std::exchange(m_opcode, quint8(0))), .payload = m_message};
}

std::optional<QString> decodeText(QByteArrayView utf8)
{
    QStringDecoder decoder(
        QStringDecoder::Utf8, QStringDecoder::Flag::Stateless | QStringDecoder::Flag::ConvertInitialBom);
    QString text = decoder(utf8);
    if (decoder.hasError())
        return std::nullopt;
    return text;
}

} // namespace kav::net
