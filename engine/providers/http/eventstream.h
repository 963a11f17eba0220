// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QList>

namespace kav::providers {

/// Takes a text/event-stream apart (HTML Living Standard 9.2.6), as it arrives in pieces of any size: LF, CR or CRLF,
/// comments, a byte order mark, `data` over several lines. A plain value.
class EventStream final {
public:
    struct Event final {
        QByteArray name; ///< empty: "message"
        QByteArray data;
    };
    explicit EventStream(qsizetype limit = 1024 * 1024); ///< of one event
    /// The events that are whole now. An event longer than the limit is an error, and the end.
    Result<QList<Event>> add(QByteArrayView bytes);

private:
    void takeLine(QByteArrayView line, QList<Event>& events);

    const qsizetype m_limit;
    QByteArray m_line, m_data, m_name;
    bool m_hasData = false, m_afterCr = false, m_atStart = true;
};

} // namespace kav::providers
