// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/callspans.h"

#include "shared/core/masking.h"
#include "shared/model/request.h"

#include <QJsonArray>
#include <QSet>

#include <algorithm>

namespace kav::traces {

namespace {

constexpr qsizetype MostEvents = 128; // of one span: OpenTelemetry's own limit
constexpr qsizetype MostWaiting = 256; // children of one turn
constexpr qsizetype MostCalls = 65536;
constexpr qsizetype LongestText = 200;

using Kind = calllog::Entry::Kind;

/// Steps that are shown as events of the call's span.
const QSet<QString>& stepsOfCalls()
{
    static const QSet<QString> tokens{QStringLiteral("WS_START"), QStringLiteral("WS_STOP"),
        QStringLiteral("STREAM_CLOSED"), QStringLiteral("WITHOUT_STREAM"), QStringLiteral("CALL_RESUMED"),
        QStringLiteral("GOODBYE"), QStringLiteral("LOST"), QStringLiteral("TRANSFER"),
        QStringLiteral("RECORDING_START"), QStringLiteral("RECORDING_STOP")};
    return tokens;
}

/// The same of the turn's that they fell into.
const QSet<QString>& stepsOfTurns()
{
    static const QSet<QString> tokens{QStringLiteral("NO_INPUT"), QStringLiteral("BARGE_IN"),
        QStringLiteral("SPEECH_CUT"), QStringLiteral("FILLER"), QStringLiteral("FALLBACK"),
        QStringLiteral("ANSWER_DROPPED"), QStringLiteral("TOOL_WAIT"), QStringLiteral("LINE_UNSPOKEN"),
        QStringLiteral("LLM_SILENT"), QStringLiteral("STT_ERR"), QStringLiteral("LLM_ERR"), QStringLiteral("TTS_ERR"),
        QStringLiteral("MESSAGE")};
    return tokens;
}

QString tokenOf(const calllog::Entry& entry)
{
    return entry.data.value(QLatin1String("token")).toString();
}

bool isTransferStep(const QString& token)
{
    return token.startsWith(QLatin1String("TRANSFER_"));
}

QString textOf(const QJsonObject& data, QLatin1String key)
{
    return logSafe(data.value(key).toString(), LongestText);
}

/// The log's are masked already, and tell the country.
QString shownNumber(const QString& number)
{
    return number.contains(QChar(u'•')) ? logSafe(number, LongestText) : maskNumber(number);
}

/// What a step may say of itself: nothing that a caller or a model said.
Attributes shownData(const QJsonObject& data)
{
    Attributes attributes;
    for (const char* const name : {"reason", "ms", "turn", "times", "turns", "target", "to"}) {
        const QJsonValue value = data.value(QLatin1String(name));
        const QString key = QStringLiteral("kav.") + QLatin1String(name);
        if (value.isDouble())
            attributes.emplaceBack(key, qint64(value.toDouble()));
        else if (value.isString() && !value.toString().isEmpty())
            attributes.emplaceBack(key, logSafe(value.toString(), LongestText));
    }
    return attributes;
}

void setText(Span& span, const QString& key, const QString& text)
{
    if (!text.isEmpty())
        span.set(key, text);
}

std::optional<UnixTime> timeOf(const QJsonObject& data, QLatin1String key)
{
    const QDateTime at = QDateTime::fromString(data.value(key).toString(), Qt::ISODateWithMs);
    return at.isValid() ? std::optional(unixTime(at)) : std::nullopt;
}

Milliseconds lengthOf(const QJsonObject& data)
{
    return Milliseconds(std::max<qint64>(0, data.value(QLatin1String("ms")).toInteger()));
}

/// The call did not go as it was meant to.
bool isFailure(EndReason reason)
{
    switch (reason) {
    case EndReason::StreamLost:
    case EndReason::FallbackExhausted:
    case EndReason::ProtocolError:
    case EndReason::Refused:
    case EndReason::Interrupted:
    case EndReason::Failed:
        return true;
    case EndReason::None:
    case EndReason::Completed:
    case EndReason::CallerHungUp:
    case EndReason::NoInput:
    case EndReason::LongestCall:
    case EndReason::OperatorEnded:
    case EndReason::Shutdown:
    case EndReason::Busy:
    case EndReason::NoAnswer:
    case EndReason::Canceled:
    case EndReason::Voicemail:
    case EndReason::Fax:
        break;
    }
    return false;
}

} // namespace

CallSpans::CallSpans(const TraceBook& book)
    : m_book(book)
{
}

bool CallSpans::wants(const calllog::Entry& entry)
{
    if (entry.callId.isEmpty())
        return false;
    switch (entry.kind) {
    case Kind::CallStarted:
    case Kind::Turn:
    case Kind::CallEnded:
    case Kind::Request:
        return true;
    case Kind::Webhook:
    case Kind::OperatorAct:
        return false;
    case Kind::Event:
        break;
    }
    const QString token = tokenOf(entry);
    return stepsOfCalls().contains(token) || stepsOfTurns().contains(token) || isTransferStep(token)
        || token == QLatin1String("TOOL") || token == providerToken();
}

QList<Span> CallSpans::take(const calllog::Entry& entry)
{
    if (!wants(entry))
        return {};
    if (entry.kind == Kind::Request)
        return request(entry);
    if (entry.kind == Kind::CallStarted) {
        started(entry);
        return {};
    }
    const auto call = m_calls.find(entry.callId);
    if (call == m_calls.end()) {
        const bool isResumed = entry.kind == Kind::Event
            && (tokenOf(entry) == QLatin1String("WITHOUT_STREAM") || tokenOf(entry) == QLatin1String("CALL_RESUMED"));
        if (isResumed)
            resumed(entry);
        return {}; // else it is what follows a call's end
    }
    if (entry.kind == Kind::Turn)
        return turn(*call, entry);
    if (entry.kind == Kind::CallEnded) {
        Span& root = call->root;
        const QString reason = textOf(entry.data, QLatin1String("reason"));
        setText(root, QStringLiteral("kav.call.end_reason"), reason);
        root.set(QStringLiteral("kav.call.turns"), entry.data.value(QLatin1String("turns")).toInteger());
        if (const auto known = endReasonFromName(reason); known && isFailure(*known)) {
            root.failed = true;
            root.set(QStringLiteral("error.type"), reason);
        }
        const QList<Span> spans = ended(*call, unixTime(entry.at));
        m_calls.erase(call);
        return spans;
    }
    const QString token = tokenOf(entry);
    if (token == providerToken())
        provider(*call, entry);
    else if (token == QLatin1String("TOOL"))
        tool(*call, entry);
    else if (isTransferStep(token))
        return transfer(*call, entry);
    else
        event(*call, entry);
    return {};
}

QList<Span> CallSpans::finish(const QDateTime& at)
{
    QList<Span> spans;
    for (Open& call : m_calls)
        spans += ended(call, unixTime(at));
    m_calls.clear();
    return spans;
}

Span CallSpans::child(const CallTrace& trace, const QString& name) const
{
    Span span;
    span.context = {trace.root.traceId, newSpanId(), true};
    span.parent = trace.root.spanId;
    span.name = name;
    return span;
}

/// Of the call, whether it has begun, is over, or never becomes one.
QList<Span> CallSpans::request(const calllog::Entry& entry) const
{
    const RequestRecord record = requestFromJson(entry.data);
    if (!record.at.isValid() || record.method.isEmpty())
        return {};
    if (record.status == 101 && !record.end)
        return {}; // comes again when it is over
    const CallTrace trace = m_book.traceOf(entry.callId);
    Span span = child(trace, record.method + QLatin1Char(' ') + record.path);
    span.kind = SpanKind::Server;
    span.start = unixTime(record.at);
    span.end = span.start + record.took;
    span.set(QStringLiteral("http.request.method"), record.method);
    span.set(QStringLiteral("url.path"), record.path);
    setText(span, QStringLiteral("client.address"), record.peer);
    if (record.status != 0)
        span.set(QStringLiteral("http.response.status_code"), qint64(record.status));
    if (record.status == 0 || record.status >= 500) {
        span.failed = true;
        span.set(QStringLiteral("error.type"),
            record.status == 0 ? QStringLiteral("cancelled") : QString::number(record.status));
    }
    if (!record.reason.isEmpty())
        span.set(QStringLiteral("kav.request.refused"), logSafe(record.reason, LongestText));
    if (record.duplicateOf.isValid())
        span.set(QStringLiteral("kav.request.duplicate"), true);
    if (record.end) {
        span.end = std::max(span.end, span.start + record.end->lasted);
        span.set(QStringLiteral("kav.stream.close_code"), qint64(record.end->code));
        span.set(QStringLiteral("kav.stream.bytes_in"), record.end->bytesIn);
        span.set(QStringLiteral("kav.stream.bytes_out"), record.end->bytesOut);
    }
    // Whoever is in front of the engine may begin a trace for each request; the call has that of the first.
    for (const RequestField& header : record.headers) {
        const auto theirs =
            header.name == QLatin1String("traceparent") ? parseTraceParent(header.value.toLatin1()) : std::nullopt;
        if (theirs && theirs->traceId != trace.root.traceId)
            span.links.append(*theirs);
    }
    return {span};
}

void CallSpans::started(const calllog::Entry& entry)
{
    if (m_calls.size() >= MostCalls || m_calls.contains(entry.callId))
        return;
    Open call;
    call.trace = m_book.traceOf(entry.callId);
    Span& root = call.root;
    root.context = call.trace.root;
    root.parent = call.trace.parent;
    root.name = QStringLiteral("call");
    root.kind = SpanKind::Server;
    root.start = unixTime(entry.at);
    if (call.trace.firstRequest.isValid())
        root.start = std::min(root.start, unixTime(call.trace.firstRequest));
    root.set(QStringLiteral("kav.call.id"), entry.callId);
    for (const char* const name : {"from", "to"}) {
        const QString number = entry.data.value(QLatin1String(name)).toString();
        setText(root, QStringLiteral("kav.call.") + QLatin1String(name), shownNumber(number));
    }
    for (const char* const name : {"direction", "persona", "language", "recording"})
        setText(root, QStringLiteral("kav.call.") + QLatin1String(name), textOf(entry.data, QLatin1String(name)));
    if (entry.data.value(QLatin1String("test")).toBool())
        root.set(QStringLiteral("kav.call.test"), true);
    setText(root, QStringLiteral("kav.call.without_stream"), textOf(entry.data, QLatin1String("withoutStream")));
    m_calls.insert(entry.callId, call);
}

/// A call that goes on after its end was noted, its stream being lost: the rest is a span of its own below the call's.
void CallSpans::resumed(const calllog::Entry& entry)
{
    if (m_calls.size() >= MostCalls)
        return;
    Open call;
    call.trace = m_book.traceOf(entry.callId);
    call.root = child(call.trace, QStringLiteral("call-resumed"));
    call.trace.root.spanId = call.root.context.spanId; // what comes hangs on it
    call.root.start = unixTime(entry.at);
    call.root.set(QStringLiteral("kav.call.id"), entry.callId);
    event(call, entry);
    m_calls.insert(entry.callId, call);
}

void CallSpans::addEvent(Span& span, const SpanEvent& event)
{
    if (span.events.size() < MostEvents)
        span.events.append(event);
    else
        ++span.eventsDropped;
}

void CallSpans::event(Open& call, const calllog::Entry& entry)
{
    const SpanEvent step{unixTime(entry.at), tokenOf(entry), shownData(entry.data)};
    if (stepsOfCalls().contains(step.name))
        addEvent(call.root, step);
    else if (call.events.size() < MostEvents)
        call.events.append(step);
    else
        ++call.eventsDropped;
}

void CallSpans::keep(Open& call, Child kept)
{
    if (call.waiting.size() < MostWaiting)
        call.waiting.append(std::move(kept));
    else
        ++call.eventsDropped;
}

void CallSpans::provider(Open& call, const calllog::Entry& entry)
{
    const QString stage = textOf(entry.data, QLatin1String("stage"));
    const QString name = textOf(entry.data, QLatin1String("provider"));
    Span span = child(call.trace, stage + QLatin1Char(' ') + name);
    span.kind = name == QLatin1String("embedded") ? SpanKind::Internal : SpanKind::Client;
    span.end = unixTime(entry.at);
    span.start = span.end - lengthOf(entry.data);
    span.set(QStringLiteral("kav.stage"), stage);
    span.set(QStringLiteral("kav.provider"), name);
    if (const QString error = textOf(entry.data, QLatin1String("error")); !error.isEmpty()) {
        span.failed = true;
        span.problem = textOf(entry.data, QLatin1String("reason"));
        span.set(QStringLiteral("error.type"), error);
        SpanEvent left{span.end, QStringLiteral("failover"), {}};
        const QString next = textOf(entry.data, QLatin1String("next"));
        left.attributes.emplaceBack(QStringLiteral("kav.provider"), next.isEmpty() ? QStringLiteral("none") : next);
        span.events.append(left);
    }
    keep(call, {span, entry.data.value(QLatin1String("turn")).toInt()});
}

void CallSpans::tool(Open& call, const calllog::Entry& entry)
{
    const QString name = textOf(entry.data, QLatin1String("name"));
    Span span = child(call.trace, QStringLiteral("tool ") + name);
    // What it was asked with told the other side this id.
    if (const QByteArray id = entry.data.value(QLatin1String("span")).toString().toLatin1(); !id.isEmpty()) {
        span.context.spanId = id;
        span.kind = SpanKind::Client;
    }
    span.end = unixTime(entry.at);
    span.start = span.end - lengthOf(entry.data);
    span.set(QStringLiteral("kav.tool.name"), name);
    if (!entry.data.value(QLatin1String("ok")).toBool()) {
        span.failed = true;
        span.problem = textOf(entry.data, QLatin1String("reason"));
        span.set(QStringLiteral("error.type"), QStringLiteral("tool"));
    }
    keep(call, {span, entry.data.value(QLatin1String("turn")).toInt()});
}

QList<Span> CallSpans::transfer(Open& call, const calllog::Entry& entry)
{
    const QString token = tokenOf(entry);
    QList<Span> whole;
    const auto close = [&call, &whole, &entry] {
        if (!call.transfer)
            return;
        call.transfer->end = unixTime(entry.at);
        whole.append(*call.transfer);
        call.transfer.reset();
    };
    if (token == QLatin1String("TRANSFER_START"))
        close();
    if (!call.transfer) {
        Span span = child(call.trace, QStringLiteral("transfer"));
        span.kind = SpanKind::Client;
        span.start = unixTime(entry.at);
        setText(span, QStringLiteral("kav.transfer.target"), textOf(entry.data, QLatin1String("target")));
        setText(span, QStringLiteral("kav.transfer.number"),
            shownNumber(entry.data.value(QLatin1String("number")).toString()));
        call.transfer = span;
    }
    addEvent(*call.transfer, {unixTime(entry.at), token, shownData(entry.data)});
    if (token == QLatin1String("TRANSFER_UNANSWERED") || token == QLatin1String("TRANSFER_FAULT")) {
        call.transfer->failed = true;
        call.transfer->problem = textOf(entry.data, QLatin1String("reason"));
    }
    if (token == QLatin1String("TRANSFER_BACK") || token == QLatin1String("TRANSFER_END"))
        close();
    return whole;
}

QList<Span> CallSpans::turn(Open& call, const calllog::Entry& entry)
{
    const Result<TurnRecord> read = calllog::turnFromJson(entry.data);
    if (!read)
        return {};
    const TurnRecord& record = *read;
    Span span = child(call.trace, QStringLiteral("turn"));
    span.start = unixTime(entry.at);
    const UnixTime since = timeOf(entry.data, QLatin1String("waitedSince")).value_or(span.start);
    span.start = std::min(span.start, since);
    span.end = std::max(span.start, timeOf(entry.data, QLatin1String("endedAt")).value_or(span.start));
    span.set(QStringLiteral("kav.turn.number"), qint64(record.number));
    span.set(QStringLiteral("kav.turn.input"), turnInputName(record.input));
    if (record.latency.total)
        span.set(QStringLiteral("kav.turn.wait_ms"), qint64(record.latency.total->count()));
    if (record.confidence > 0)
        span.set(QStringLiteral("kav.turn.confidence"), record.confidence);
    for (const auto& [key, isSet] : {std::pair("interrupted", record.interrupted), {"fallback", record.fallback},
             {"filler", record.latency.filler}})
        if (isSet)
            span.set(QStringLiteral("kav.turn.") + QLatin1String(key), true);

    QList<Span> children;
    UnixTime at = since;
    for (const LatencySpan& part : record.latency.spans) {
        Span wait = child(call.trace, latencyPartName(part.part));
        wait.parent = span.context.spanId;
        wait.start = at;
        wait.end = at += part.length;
        setText(wait, QStringLiteral("kav.owner"), logSafe(part.owner, LongestText));
        children.append(wait);
    }
    span.end = std::max(span.end, at);

    QList<Child> later;
    for (Child& waiting : call.waiting) {
        if (waiting.turn > record.number) {
            later.append(waiting);
            continue;
        }
        // What lies before is of words that became no turn.
        if ((waiting.turn == 0 || waiting.turn == record.number) && waiting.span.start >= span.start) {
            waiting.span.parent = span.context.spanId;
            span.end = std::max(span.end, waiting.span.end);
        }
        children.append(waiting.span);
    }
    call.waiting = later;
    for (const SpanEvent& event : std::exchange(call.events, {}))
        addEvent(event.at >= span.start ? span : call.root, event);
    span.eventsDropped += std::exchange(call.eventsDropped, 0);
    children.append(span);
    return children;
}

QList<Span> CallSpans::ended(Open& call, UnixTime at)
{
    QList<Span> spans;
    for (const Child& waiting : std::exchange(call.waiting, {}))
        spans.append(waiting.span);
    for (const SpanEvent& event : std::exchange(call.events, {}))
        addEvent(call.root, event);
    call.root.eventsDropped += std::exchange(call.eventsDropped, 0);
    if (call.transfer) {
        call.transfer->end = at;
        spans.append(*call.transfer);
        call.transfer.reset();
    }
    call.root.end = at;
    spans.append(call.root);
    return spans;
}

} // namespace kav::traces
