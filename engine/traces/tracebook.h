// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/traces/tracecontext.h"

#include <QDateTime>
#include <QHash>
#include <QString>

#include <deque>
#include <mutex>
#include <optional>

namespace kav::traces {

/// The trace that a call belongs to.
struct CallTrace final {
    TraceContext root; ///< of the call's own span
    QByteArray parent; ///< span of whoever sent the call's first request; empty: the call's span is the trace's root
    QDateTime firstRequest; ///< UTC; not valid: none is known
};

/// Which call is in which trace. What is not in it follows from the call's id, so that only those calls are kept whose
/// first request said something, and the oldest go first. Any thread.
class TraceBook final {
public:
    explicit TraceBook(double ratio);

    CallTrace traceOf(const QString& callId) const;
    bool hasRequest(const QString& callId) const;
    /// The first request of a call decides; `parent` is what its `traceparent` said. Later ones change nothing.
    void requested(const QString& callId, const QDateTime& at, const std::optional<TraceContext>& parent);

private:
    CallTrace derived(const QString& callId) const;

    const double m_ratio;
    mutable std::mutex m_mutex;
    QHash<QString, CallTrace> m_calls; // guarded by m_mutex
    std::deque<QString> m_oldestFirst; // guarded by m_mutex
};

} // namespace kav::traces
