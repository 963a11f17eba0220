// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/realtime/realtimecall.h"

#include <QHash>
#include <QPointer>

#include <mutex>
#include <utility>

class QThread;

namespace kav::providers {

class RealtimeHub final : public std::enable_shared_from_this<RealtimeHub> {
public:
    ~RealtimeHub();

    /// The call's on this thread; a new one for a call that has none, or no id.
    std::shared_ptr<RealtimeCall> callFor(const RealtimeSettings& settings, const CallInfo& call, const Clock& clock);
    /// Opens a connection to keep in stock for this thread's next call; one at most.
    void stock(const RealtimeSettings& settings, const Clock& clock);
    /// This thread's connection in stock, if it fits; the caller's from now on.
    RealtimeLink* take(const RealtimeSettings& settings, const QString& model);

private:
    std::mutex m_mutex;
    QHash<std::pair<QThread*, QString>, std::weak_ptr<RealtimeCall>> m_calls; // guarded by m_mutex
    QHash<QThread*, QPointer<RealtimeLink>> m_stock; // guarded by m_mutex; each entry is used on its thread only
};

} // namespace kav::providers
