// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twiliobuffer.h"

#include <algorithm>
#include <utility>

namespace kav::telephony {

void TwilioBuffer::start(Instant now)
{
    m_start = now;
    m_started = true;
}

quint64 TwilioBuffer::positionAt(Instant now) const
{
    if (!m_started || now <= m_start)
        return 0;
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now - m_start).count();
    return static_cast<quint64>(since) * media::SampleRate / 1'000'000;
}

void TwilioBuffer::collectMarks(std::vector<QString>& reached)
{
    while (!m_queue.empty() && m_queue.front().isMark) {
        reached.push_back(std::move(m_queue.front().mark));
        m_queue.pop_front();
        --m_queuedMarks;
    }
}

std::vector<QString> TwilioBuffer::advance(Instant now)
{
    if (!m_started)
        start(now);
    std::vector<QString> reached;
    const quint64 target = std::max(positionAt(now), m_position);
    collectMarks(reached);
    while (!m_queue.empty() && m_position < target) {
        Item& item = m_queue.front();
        const qsizetype take = std::min(item.mulaw.size() - item.played, static_cast<qsizetype>(target - m_position));
        const bool joins = !m_heard.empty()
            && m_heard.back().position + static_cast<quint64>(m_heard.back().mulaw.size()) == m_position;
        if (!joins)
            m_heard.push_back({m_position, {}});
        m_heard.back().mulaw.append(item.mulaw.constData() + item.played, take);
        item.played += take;
        m_position += static_cast<quint64>(take);
        m_queuedBytes -= take;
        m_counters.bytesPlayed += static_cast<quint64>(take);
        if (item.played == item.mulaw.size())
            m_queue.pop_front();
        collectMarks(reached);
    }
    m_position = target; // silence for the rest
    return reached;
}

std::vector<QString> TwilioBuffer::media(std::span<const quint8> mulaw, Instant now)
{
    // Settle the past first: audio that arrives in a silence starts now, not where the last audio ended.
    std::vector<QString> reached = advance(now);
    const auto size = static_cast<qsizetype>(mulaw.size());
    if (m_queuedBytes + size > MaxQueuedBytes) {
        m_counters.bytesRefused += mulaw.size();
    } else if (size > 0) {
        m_queue.push_back({QByteArray(reinterpret_cast<const char*>(mulaw.data()), size), 0, {}, false});
        m_queuedBytes += size;
        m_counters.bytesQueued += mulaw.size();
    }
    return reached;
}

std::vector<QString> TwilioBuffer::mark(const QString& name, Instant now)
{
    std::vector<QString> reached = advance(now);
    ++m_counters.marks;
    if (m_queue.empty() || m_queuedMarks >= MaxQueuedMarks) {
        reached.push_back(name);
        return reached;
    }
    m_queue.push_back({{}, 0, name, true});
    ++m_queuedMarks;
    return reached;
}

std::vector<QString> TwilioBuffer::clear(Instant now)
{
    std::vector<QString> returned = advance(now);
    ++m_counters.clears;
    m_counters.bytesCleared += static_cast<quint64>(m_queuedBytes);
    for (Item& item : m_queue) {
        if (item.isMark)
            returned.push_back(std::move(item.mark));
    }
    m_queue.clear();
    m_queuedBytes = 0;
    m_queuedMarks = 0;
    return returned;
}

std::vector<PlayedAudio> TwilioBuffer::takePlayed()
{
    return std::exchange(m_heard, {});
}

Instant TwilioBuffer::emptyAt(Instant now) const
{
    const quint64 end = m_position + static_cast<quint64>(m_queuedBytes);
    const auto at = m_start + std::chrono::microseconds((end * 1'000'000 + media::SampleRate - 1) / media::SampleRate);
    return std::max(now, std::chrono::time_point_cast<Instant::duration>(at));
}

} // namespace kav::telephony
