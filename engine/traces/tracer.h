// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/providers/http/httppool.h"
#include "engine/traces/settings.h"
#include "engine/traces/spanexporter.h"
#include "engine/traces/tracebook.h"
#include "shared/core/clock.h"

#include <QByteArray>
#include <QString>
#include <QThread>

#include <functional>
#include <mutex>
#include <vector>

namespace kav::traces {

/// OpenTelemetry's traces of calls: listens to what is written to the call log, makes spans of it and sends them to a
/// collector, all on a thread of its own. Owned by the composition root, which has none where no endpoint is set.
///
/// note() costs its caller a copy of what is shared anyway, and a lock for as long; when the collector is slow or away
/// that does not change.
class Tracer final {
public:
    using Log = std::function<void(const calllog::Entry&)>;

    /// `log` takes what is to be kept of it: the trace of each call that is traced. Any thread.
    Tracer(const Settings& settings, const Clock& clock, Log log);
    ~Tracer(); ///< stop()s, without waiting
    Q_DISABLE_COPY_MOVE(Tracer)

    void start();
    /// Ends what is open, sends what is there within `limit`, and joins the thread.
    void stop(Milliseconds limit);

    /// Any thread. What is of no call, or of one that is not traced, is let pass.
    void note(const calllog::Entry& entry);
    /// For a request on behalf of that call; its span id is new, and told by the entry that says how it went. Any
    /// thread.
    QByteArray traceParent(const QString& callId) const;
    const SpanTotals& totals() const { return m_totals; }

private:
    class Core;
    std::vector<calllog::Entry> takeNoted();

    const Settings m_settings;
    const Clock& m_clock;
    const Log m_log;
    TraceBook m_book;
    SpanTotals m_totals;
    providers::HttpPool m_http;
    std::mutex m_mutex;
    std::vector<calllog::Entry> m_noted; // guarded by m_mutex
    QThread m_thread;
    Core* m_core = nullptr; // guarded by m_mutex; gone with its thread
};

} // namespace kav::traces
