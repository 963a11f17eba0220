// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/http/eventstream.h"

namespace kav::providers {

EventStream::EventStream(qsizetype limit)
    : m_limit(limit)
{
}

Result<QList<EventStream::Event>> EventStream::add(QByteArrayView bytes)
{
    QList<Event> events;
    while (!bytes.isEmpty()) {
        if (m_afterCr && bytes.front() == '\n') {
            m_afterCr = false; // the second half of a CRLF
            bytes = bytes.sliced(1);
            continue;
        }
        m_afterCr = false;
        qsizetype end = 0;
        while (end < bytes.size() && bytes[end] != '\n' && bytes[end] != '\r')
            ++end;
        m_line += bytes.first(end);
        if (m_line.size() + m_data.size() > m_limit) {
            return Error{Error::Code::Invalid,
                QStringLiteral("an event of the stream is longer than %1 bytes").arg(m_limit), {}};
        }
        if (end == bytes.size())
            break;
        m_afterCr = bytes[end] == '\r';
        bytes = bytes.sliced(end + 1);
        takeLine(m_line, events);
        m_line.clear();
    }
    return events;
}

void EventStream::takeLine(QByteArrayView line, QList<Event>& events)
{
    if (std::exchange(m_atStart, false) && line.startsWith("\xef\xbb\xbf"))
        line = line.sliced(3);
    if (line.isEmpty()) {
        if (m_hasData)
            events.append({std::exchange(m_name, {}), std::exchange(m_data, {})});
        m_hasData = false;
        m_name.clear();
        m_data.clear();
        return;
    }
    const qsizetype colon = line.indexOf(':');
    if (colon == 0)
        return; // a comment: some servers keep the connection alive with it
    const QByteArrayView field = colon < 0 ? line : line.first(colon);
    QByteArrayView value = colon < 0 ? QByteArrayView() : line.sliced(colon + 1);
    if (value.startsWith(' '))
        value = value.sliced(1);
    if (field == "data") {
        if (m_hasData)
            m_data += '\n';
        m_data += value;
        m_hasData = true;
    } else if (field == "event") {
        m_name = value.toByteArray();
    }
}

} // namespace kav::providers
