// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/protocol/messages.h"

#include <QByteArray>

#include <deque>

namespace kav::control {

/// The requests that were seen of late, for the consoles that watch them: encoded once, numbered, and not part of the
/// engine's state, so that they cost nobody else a place in the ring of changes.
///
/// Plain; owned by the ConsoleDesk; control thread.
class RequestNews final {
public:
    void add(const RequestRecord& request, int most);
    quint64 last() const { return m_last; } ///< number of the newest; 0: there was none
    /// All that came after `number`; says so when some of them are not here any more.
    QByteArray messageAfter(quint64 number) const;

private:
    static constexpr qsizetype MostBytes = 512 * 1024;

    std::deque<QByteArray> m_encoded; // the newest last, which is number m_last
    qsizetype m_bytes = 0;
    quint64 m_last = 0;
};

} // namespace kav::control
