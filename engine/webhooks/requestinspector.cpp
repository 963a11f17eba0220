// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/requestinspector.h"

#include "engine/webhooks/webhookrouter.h"
#include "shared/core/masking.h"

#include <algorithm>
#include <array>
#include <limits>

namespace kav::webhooks {

namespace {

constexpr qsizetype MostParameters = 64;
constexpr qsizetype LongestName = 64;
constexpr qsizetype LongestValue = 200;
constexpr std::array<const char*, 10> ShownHeaders{"user-agent", "host", "content-type", "x-forwarded-for",
    "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "forwarded", "origin", "traceparent"};

RequestKind kindOf(const net::HttpRequest& request, bool isUpgrade)
{
    if (isUpgrade)
        return request.path == "/console" ? RequestKind::Console : RequestKind::Stream;
    return WebhookRouter::owns(request) ? RequestKind::Webhook : RequestKind::Page;
}

QString shown(const QString& name, const QString& value)
{
    QString safe = loggableField(name, value.left(2 * LongestValue));
    if (safe.size() > LongestValue || value.size() > 2 * LongestValue)
        safe = safe.left(LongestValue) + QStringLiteral("… (%1 characters)").arg(value.size());
    return safe;
}

void addParameters(QList<RequestField>& to, const telephony::FormBody& form, const QString& mark)
{
    for (const telephony::FormField& field : form.fields()) {
        if (to.size() == MostParameters)
            return;
        to.append({mark + logSafe(loggableField({}, field.name), LongestName), shown(field.name, field.value)});
    }
}

QList<RequestField> headersOf(const net::HttpRequest& request)
{
    QList<RequestField> headers;
    for (const char* const name : ShownHeaders) {
        const QByteArray value = request.header(name);
        if (!value.isEmpty())
            headers.append({QLatin1String(name), logSafe(QString::fromUtf8(value), LongestValue)});
    }
    // Only that they are there: one is a key to the other's answer, the other a proof.
    for (const char* const name : {"i-twilio-idempotency-token", "x-twilio-signature"}) {
        if (!request.header(name).isEmpty())
            headers.append({QLatin1String(name), QStringLiteral("(present)")});
    }
    return headers;
}

qsizetype weightOf(const RequestRecord& record)
{
    qsizetype characters = record.path.size() + record.peer.size() + record.reason.size() + record.offered.size()
        + record.signature.variant.size() + record.signature.signedUrl.size() + record.signature.checkedUrl.size();
    for (const auto* const list : {&record.parameters, &record.headers}) {
        for (const RequestField& field : *list)
            characters += field.name.size() + field.value.size() + qsizetype(sizeof field) / 2;
    }
    return qsizetype(sizeof record) + 2 * characters;
}

} // namespace

void RequestInspector::Ring::add(const RequestRecord& record, int most, qsizetype mostBytes)
{
    bytes += weightOf(record);
    records.push_back(record);
    while (!records.empty() && (records.size() > std::size_t(most) || bytes > mostBytes)) {
        bytes -= weightOf(records.front());
        records.pop_front();
    }
}

void RequestInspector::Ring::replace(const RequestRecord& record)
{
    const auto it = std::find_if(
        records.rbegin(), records.rend(), [&record](const RequestRecord& each) { return each.id == record.id; });
    if (it == records.rend())
        return;
    bytes += weightOf(record) - weightOf(*it);
    *it = record;
}

RequestInspector::RequestInspector(Settings settings, const Clock& clock, Hooks hooks)
    : m_settings(settings)
    , m_clock(clock)
    , m_hooks(std::move(hooks))
    , m_run(QString::number(clock.wallNow().toMSecsSinceEpoch(), 36))
    , m_strangerGate(settings.strangerBurst, settings.strangerEvery)
{
}

void RequestInspector::arrived(const net::HttpRequest& request, bool isUpgrade)
{
    const RequestKind kind = kindOf(request, isUpgrade);
    // A prober asks for /healthz every few seconds, for ever.
    if (kind == RequestKind::Page && (!m_settings.pages || request.path == "/healthz"))
        return;
    m_pending.insert(request.number, {request, kind, {}});
}

void RequestInspector::judged(const net::HttpRequest& request, RequestFinding finding)
{
    const auto pending = m_pending.find(request.number);
    if (pending != m_pending.end())
        pending->finding = std::move(finding);
}

void RequestInspector::answered(const net::Answered& answer)
{
    const auto it = m_pending.constFind(answer.number);
    if (it == m_pending.cend())
        return;
    const Pending pending = *it;
    m_pending.erase(it);
    const SignatureState signature = pending.finding.signature.state;
    // Without a token to check with, those that were let in came from this machine. A console proves itself later.
    const bool isTwilios = pending.kind == RequestKind::Webhook || pending.kind == RequestKind::Stream;
    const bool isProven =
        signature == SignatureState::Valid || (isTwilios && answer.status != 0 && answer.status < 400);
    const Instant now = m_clock.now();
    if (!isProven && !m_strangerGate.tryPass(now)) {
        ++m_counters.notKept;
        return;
    }
    RequestRecord record = recordOf(pending, answer, now);
    if (isProven) {
        m_proven.add(record, m_settings.requests, m_settings.bytes);
    } else {
        record.notKept = int(std::min<quint64>(m_strangerGate.takeHeldBack(), std::numeric_limits<int>::max()));
        m_strangers.add(record, m_settings.strangers, m_settings.strangerBytes);
    }
    ++m_counters.kept;
    if (record.status == 101 && m_open.size() < m_settings.open)
        m_open.insert(answer.number, record);
    tell(record);
}

void RequestInspector::ended(const net::SocketEnd& end)
{
    if (!m_open.contains(end.number))
        return;
    RequestRecord record = m_open.take(end.number);
    record.end = ConnectionEnd{
        end.code, end.byPeer, end.reason, end.messagesIn, end.messagesOut, end.bytesIn, end.bytesOut, end.lasted};
    m_proven.replace(record);
    m_strangers.replace(record);
    tell(record);
}

RequestRecord RequestInspector::recordOf(const Pending& pending, const net::Answered& answer, Instant now) const
{
    const net::HttpRequest& request = pending.request;
    const RequestFinding& finding = pending.finding;
    RequestRecord record;
    record.id = m_run + QLatin1Char('-') + QStringLiteral("%1").arg(answer.number, 10, 10, QLatin1Char('0'));
    record.took = std::chrono::duration_cast<std::chrono::microseconds>(now - request.arrived);
    record.at = m_clock.wallNow().addMSecs(-std::chrono::duration_cast<Milliseconds>(record.took).count());
    record.kind = pending.kind;
    record.method = logSafe(QString::fromLatin1(request.method), 16);
    record.path = loggableField({}, loggablePath(request.path));
    if (finding.form)
        addParameters(record.parameters, *finding.form, {});
    const bool isInForm = finding.form && request.method == "GET";
    if (!isInForm && !request.query.isEmpty()) {
        if (const auto query = telephony::FormBody::parse(request.query))
            addParameters(record.parameters, *query, QStringLiteral("?"));
    }
    record.headers = headersOf(request);
    record.peer = request.peer.toString();
    record.signature = finding.signature;
    if (pending.kind == RequestKind::Stream || pending.kind == RequestKind::Console) {
        record.offered = logSafe(QString::fromLatin1(request.header("sec-websocket-protocol")), LongestValue);
        record.given = logSafe(QString::fromLatin1(answer.subprotocol), LongestValue);
    }
    record.status = answer.status;
    record.reason = finding.reason;
    record.bytesIn = request.bytes;
    record.bytesOut = answer.bytes;
    record.duplicateOf = finding.duplicateOf;
    record.call = finding.call;
    return record;
}

void RequestInspector::tell(const RequestRecord& record)
{
    if (m_hooks.log)
        m_hooks.log({calllog::Entry::Kind::Request, record.call, record.at, requestToJson(record)});
    if (m_hooks.changed)
        m_hooks.changed(record);
}

QList<RequestRecord> RequestInspector::recent() const
{
    QList<RequestRecord> all;
    all.reserve(qsizetype(m_proven.records.size() + m_strangers.records.size()));
    all.append(QList<RequestRecord>(m_proven.records.cbegin(), m_proven.records.cend()));
    all.append(QList<RequestRecord>(m_strangers.records.cbegin(), m_strangers.records.cend()));
    std::sort(all.begin(), all.end(), isNewer);
    return all;
}

} // namespace kav::webhooks
