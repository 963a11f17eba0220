// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/tracer.h"

#include "engine/traces/callspans.h"
#include "shared/core/logging.h"
#include "shared/model/request.h"

#include <algorithm>

namespace kav::traces {

namespace {
// Some seconds of a full engine: more means that the thread does not run.
constexpr size_t MostNoted = 16384;

std::optional<TraceContext> parentIn(const RequestRecord& request)
{
    const auto header = std::find_if(request.headers.cbegin(), request.headers.cend(),
        [](const RequestField& field) { return field.name == QLatin1String("traceparent"); });
    return header == request.headers.cend() ? std::nullopt : parseTraceParent(header->value.toLatin1());
}
} // namespace

/// What lives on the thread.
class Tracer::Core final : public QObject {
public:
    explicit Core(Tracer& tracer)
        : m_tracer(tracer)
        , m_spans(tracer.m_book)
        , m_exporter(tracer.m_settings, tracer.m_http, tracer.m_totals)
        , m_deadline(this)
    {
        m_exporter.setParent(this); // moves with it
        m_deadline.setSingleShot(true);
        connect(&m_exporter, &SpanExporter::finished, this, [this] { m_tracer.m_thread.quit(); });
        connect(&m_deadline, &QTimer::timeout, this, [this] { m_tracer.m_thread.quit(); });
    }
    ~Core() override { m_exporter.setParent(nullptr); }

    void takeNoted()
    {
        for (const calllog::Entry& entry : m_tracer.takeNoted())
            m_exporter.add(m_spans.take(entry));
    }
    void finish(Milliseconds limit)
    {
        takeNoted();
        m_exporter.add(m_spans.finish(m_tracer.m_clock.wallNow()));
        m_deadline.start(limit);
        m_exporter.finish();
    }

private:
    Tracer& m_tracer;
    CallSpans m_spans;
    SpanExporter m_exporter;
    QTimer m_deadline;
};

Tracer::Tracer(const Settings& settings, const Clock& clock, Log log)
    : m_settings(settings)
    , m_clock(clock)
    , m_log(std::move(log))
    , m_book(settings.ratio)
    , m_http(clock)
{
    m_thread.setObjectName(QStringLiteral("kav-traces"));
}

Tracer::~Tracer()
{
    stop(Milliseconds(0));
}

void Tracer::start()
{
    auto* const core = new Core(*this);
    core->moveToThread(&m_thread);
    QObject::connect(&m_thread, &QThread::finished, core, &QObject::deleteLater);
    m_thread.start();
    const std::lock_guard lock(m_mutex);
    m_core = core;
}

void Tracer::stop(Milliseconds limit)
{
    Core* core = nullptr;
    {
        const std::lock_guard lock(m_mutex);
        core = std::exchange(m_core, nullptr);
    }
    if (!core)
        return;
    QMetaObject::invokeMethod(
        core, [core, limit] { core->finish(limit); }, Qt::QueuedConnection);
    m_thread.wait();
}

std::vector<calllog::Entry> Tracer::takeNoted()
{
    const std::lock_guard lock(m_mutex);
    return std::exchange(m_noted, {});
}

void Tracer::note(const calllog::Entry& entry)
{
    using Kind = calllog::Entry::Kind;
    if (!CallSpans::wants(entry))
        return;
    if (entry.kind == Kind::Request && !m_book.hasRequest(entry.callId)) {
        const RequestRecord request = requestFromJson(entry.data);
        m_book.requested(entry.callId, request.at, parentIn(request));
    }
    const CallTrace trace = m_book.traceOf(entry.callId);
    if (!trace.root.isSampled)
        return;
    {
        const std::lock_guard lock(m_mutex);
        if (!m_core)
            return;
        if (m_noted.size() >= MostNoted) {
            ++m_totals.dropped;
            return;
        }
        m_noted.push_back(entry);
        if (m_noted.size() == 1)
            QMetaObject::invokeMethod(
                m_core, [core = m_core] { core->takeNoted(); }, Qt::QueuedConnection);
    }
    if (entry.kind == Kind::CallStarted) {
        const QString id = QString::fromLatin1(trace.root.traceId);
        const LogCall logged(entry.callId);
        qCInfo(lcSession).noquote() << QString(
            QStringLiteral("call=") + entry.callId + QStringLiteral(" TRACE trace_id=") + id);
        m_log({Kind::Event, entry.callId, m_clock.wallNow(),
            {{QStringLiteral("token"), QStringLiteral("TRACE")}, {QStringLiteral("trace_id"), id}}});
    }
}

QByteArray Tracer::traceParent(const QString& callId) const
{
    TraceContext context = m_book.traceOf(callId).root;
    context.spanId = newSpanId();
    return toTraceParent(context);
}

} // namespace kav::traces
