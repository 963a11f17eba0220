// SPDX-License-Identifier: Apache-2.0
#include "engine/net/framewatch.h"

#include <QtEndian>

namespace kav::net {

namespace {
constexpr quint8 FinBit = 0x80;
constexpr quint8 MaskBit = 0x80;
constexpr quint8 ControlBit = 0x08;
constexpr quint8 OpcodeClose = 0x08;
constexpr size_t MaskBytes = 4;
} // namespace

FrameWatch::FrameWatch(int controlFramesPerSecond, int fragmentsPerMessage)
    : m_maxControlFrames(controlFramesPerSecond)
    , m_maxFragments(fragmentsPerMessage)
{
}

FrameWatch::Fault FrameWatch::feed(QByteArrayView bytes, Instant now)
{
    while (!bytes.isEmpty() && m_fault == Fault::None) {
        if (m_payloadLeft > 0) {
            const auto taken = qMin<quint64>(m_payloadLeft, quint64(bytes.size()));
            m_payloadLeft -= taken;
            bytes = bytes.sliced(qsizetype(taken));
            continue;
        }
        if (m_headerBytes == 0)
            m_frameStarted = now;
        m_header[m_headerBytes++] = quint8(bytes.front());
        bytes = bytes.sliced(1);
        if (m_headerBytes < m_headerWanted)
            continue;
        if (m_headerBytes == 2) {
            const quint8 length = m_header[1] & 0x7f;
            m_headerWanted = 2 + (length == 127 ? 8 : length == 126 ? 2 : 0) + (m_header[1] & MaskBit ? MaskBytes : 0);
            if (m_headerWanted > 2 && (m_header[1] & MaskBit))
                continue;
        }
        m_fault = onHeader(now);
    }
    return m_fault;
}

FrameWatch::Fault FrameWatch::onHeader(Instant now)
{
    const quint8 opcode = m_header[0] & 0x0f;
    const quint8 length = m_header[1] & 0x7f;
    // Judged before the length arrives: nothing of an unmasked frame is wanted.
    if (!(m_header[1] & MaskBit))
        return Fault::Unmasked;
    m_payloadLeft = length == 127 ? qFromBigEndian<quint64>(m_header.data() + 2)
        : length == 126           ? qFromBigEndian<quint16>(m_header.data() + 2)
                                  : length;
    m_headerBytes = 0;
    m_headerWanted = 2;

    if (opcode & ControlBit) {
        m_sawClose |= opcode == OpcodeClose;
        if (elapsed(m_secondStarted, now) >= Milliseconds(1000)) {
            m_secondStarted = now;
            m_controlFrames = 0;
        }
        return ++m_controlFrames > m_maxControlFrames ? Fault::TooManyControlFrames : Fault::None;
    }
    ++m_fragments;
    if (m_header[0] & FinBit) {
        m_fragments = 0;
        return Fault::None;
    }
    return m_fragments >= m_maxFragments ? Fault::TooManyFragments : Fault::None;
}

void FrameWatch::skip(quint64 count)
{
    Q_ASSERT(count <= m_payloadLeft);
    m_payloadLeft -= count;
}

} // namespace kav::net
