// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/webhookrouter.h"

#include "engine/webhooks/streamtoken.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QCryptographicHash>
#include <QJsonObject>
#include <QRegularExpression>

#include <algorithm>

namespace kav::webhooks {

namespace {

using telephony::FormBody;
using telephony::FormField;

constexpr qsizetype MaxAddressCharacters = 256; ///< of From and To: a SIP address may be long
constexpr qsizetype MaxWordCharacters = 64; ///< of statuses, events, directions
constexpr int MaxLoggedFields = 64;

bool isForm(const net::HttpRequest& request)
{
    const QByteArray type = request.header("content-type").split(';').first().trimmed().toLower();
    return type.isEmpty() || type == "application/x-www-form-urlencoded";
}

/// What is wrong with a field, or nothing. Only what Kav relies on is looked at; the rest may be anything.
QString idProblem(const FormBody& form, const QString& name)
{
    QStringList values = form.values(name);
    values.removeDuplicates();
    if (values.isEmpty())
        return name + QStringLiteral(": missing");
    if (values.size() > 1)
        return name + QStringLiteral(": given more than once");
    return isTwilioId(values.first()) ? QString() : name + QStringLiteral(": not an identifier");
}

QString lengthProblem(const FormBody& form, const QString& name, qsizetype limit)
{
    return form.value(name).size() > limit ? QStringLiteral("%1: longer than %2 characters").arg(name).arg(limit)
                                           : QString();
}

QString problemOf(const WebhookRouter::Route& route, const FormBody& form)
{
    QStringList problems;
    if (route.aboutACall)
        problems += idProblem(form, QStringLiteral("CallSid"));
    for (const QString& name : route.required) {
        problems += name.endsWith(QLatin1String("Sid")) ? idProblem(form, name)
            : form.contains(name)                       ? QString()
                                                        : name + QStringLiteral(": missing");
    }
    for (const QString& name :
        {QStringLiteral("From"), QStringLiteral("To"), QStringLiteral("ForwardedFrom"), QStringLiteral("CallerName")})
        problems += lengthProblem(form, name, MaxAddressCharacters);
    for (const QString& name : {QStringLiteral("CallStatus"), QStringLiteral("Direction"),
             QStringLiteral("StreamEvent"), QStringLiteral("StreamSid")})
        problems += lengthProblem(form, name, MaxWordCharacters);
    problems.removeAll(QString());
    return problems.value(0);
}

} // namespace

/// What a route holds until it answers; the last copy's end without an answer is a failure.
class WebhookRouter::LateReply final {
public:
    LateReply(std::weak_ptr<WebhookRouter*> router, QByteArray key, quint64 number)
        : m_router(std::move(router))
        , m_key(std::move(key))
        , m_number(number)
    {
    }
    ~LateReply()
    {
        if (!m_done)
            reply(net::HttpResponse::text(500, "no answer was made\n"));
    }
    Q_DISABLE_COPY_MOVE(LateReply)

    void reply(const net::HttpResponse& response)
    {
        if (std::exchange(m_done, true))
            return;
        if (const auto router = m_router.lock())
            (*router)->answered(m_key, m_number, response);
    }

private:
    const std::weak_ptr<WebhookRouter*> m_router;
    const QByteArray m_key;
    const quint64 m_number;
    bool m_done = false;
};

std::optional<int> Webhook::number(QStringView name) const
{
    bool ok = false;
    const int number = form.value(name).toInt(&ok);
    return ok && number >= 0 ? std::optional(number) : std::nullopt;
}

QString loggableField(const QString& name, const QString& value)
{
    if (value.isEmpty())
        return value;
    const auto endsIn = [&name](QLatin1String end) { return name.endsWith(end, Qt::CaseInsensitive); };
    if (endsIn(QLatin1String("Token")) || endsIn(QLatin1String("Password")) || name == QLatin1String("Digits")
        || name == QLatin1String("SpeechResult") || name == QLatin1String("TranscriptionText"))
        return QStringLiteral("(%1 characters)").arg(value.size());
    // What looks like a number and is none. The name alone proves nothing: anybody can send a CallSid.
    static const QRegularExpression sid(QStringLiteral("^[A-Z]{2}[0-9A-Za-z_-]*$"));
    static const QRegularExpression anywhere(QStringLiteral("(?<![0-9A-Za-z])[A-Z]{2}[0-9a-f]{32}(?![0-9A-Za-z])"));
    static const QRegularExpression date(QStringLiteral("^\\d{4}-\\d{2}-\\d{2}(T[0-9:.]+(Z|[+-]\\d{2}:\\d{2})?)?$"));
    if ((endsIn(QLatin1String("Sid")) && sid.match(value).hasMatch()) || date.match(value).hasMatch())
        return logSafe(value);
    // A number may stand inside anything: sip:+972...@host, a caller's name, a callback's error text.
    static const QRegularExpression numbers(
        QStringLiteral(R"([+＋]?\d(?:[\s().\-–/]{0,3}\d){6,})"), QRegularExpression::UseUnicodePropertiesOption);
    const QString shown = value.left(2000);
    QString masked;
    const auto addMasked = [&masked](const QString& text) {
        qsizetype done = 0;
        auto matches = numbers.globalMatch(text);
        while (matches.hasNext()) {
            const QRegularExpressionMatch match = matches.next();
            masked += text.mid(done, match.capturedStart() - done) + maskNumber(match.capturedView());
            done = match.capturedEnd();
        }
        masked += text.mid(done);
    };
    // A stream's name, a recording's address: Twilio's ids stand there whole, though a piece may look like a number.
    qsizetype done = 0;
    auto sids = anywhere.globalMatch(shown);
    while (sids.hasNext()) {
        const QRegularExpressionMatch match = sids.next();
        addMasked(shown.mid(done, match.capturedStart() - done));
        masked += match.captured();
        done = match.capturedEnd();
    }
    addMasked(shown.mid(done));
    return logSafe(masked);
}

WebhookRouter::WebhookRouter(RequestGuard& guard, const Clock& clock, Settings settings, Hooks hooks)
    : m_guard(guard)
    , m_clock(clock)
    , m_settings(settings)
    , m_hooks(std::move(hooks))
    , m_refusedGate(20, Milliseconds(1000))
    , m_self(std::make_shared<WebhookRouter*>(this))
{
}

WebhookRouter::~WebhookRouter() = default;

void WebhookRouter::add(Route route)
{
    Q_ASSERT(route.handle && route.path.startsWith("/webhook/") && routeFor(route.path) == nullptr);
    m_routes.push_back(std::move(route));
}

QList<QByteArray> WebhookRouter::paths() const
{
    QList<QByteArray> all;
    for (const Route& route : m_routes)
        all += route.path;
    return all;
}

bool WebhookRouter::owns(const net::HttpRequest& request)
{
    return request.path.startsWith("/webhook/") || request.path == "/webhook";
}

const WebhookRouter::Route* WebhookRouter::routeFor(QByteArray path) const
{
    while (path.endsWith('/'))
        path.chop(1);
    const auto found =
        std::find_if(m_routes.begin(), m_routes.end(), [&path](const Route& route) { return route.path == path; });
    return found == m_routes.end() ? nullptr : &*found;
}

QByteArray WebhookRouter::identityOf(const Route& route, const net::HttpRequest& request, const FormBody& form)
{
    // The call stands in the key either way: a token proves a repetition, not an identity.
    const QByteArray token = request.header("i-twilio-idempotency-token");
    QByteArray identity = form.value(u"CallSid").toUtf8() + '\n' + request.target + '\n';
    if (!token.isEmpty()) {
        identity += "token\n" + token;
    } else {
        for (const QString& name : route.identity)
            identity += form.value(name).toUtf8() + '\n';
    }
    return QCryptographicHash::hash(identity, QCryptographicHash::Sha256);
}

void WebhookRouter::handle(const net::HttpRequest& request, const net::Responder& responder)
{
    const Route* route = routeFor(request.path);
    if (route == nullptr) {
        responder.respond(net::HttpResponse::text(404, "not found\n"));
        return;
    }
    SignatureFinding signature;
    const auto refuse = [this, &request, &responder, &signature](int status, const FormBody* form,
                            const QString& reason, const QByteArray& text, const QByteArray& allow = {}) {
        ++(status == 400 ? m_counters.malformed : m_counters.refused);
        net::HttpResponse response = net::HttpResponse::text(status, text);
        if (!allow.isEmpty())
            response.headers.emplaceBack("Allow", allow);
        send(responder, log(request, form, signature, status, reason, nullptr), response);
    };
    const bool isGet = request.method == "GET";
    if (!isGet && request.method != "POST") {
        refuse(
            405, nullptr, QStringLiteral("method is neither POST nor GET"), "method not allowed\n", "GET, HEAD, POST");
        return;
    }
    const auto query = FormBody::parse(request.query);
    const auto form = isGet ? query
        : isForm(request)
        ? FormBody::parse(request.body)
        : Result<FormBody>(Error{Error::Code::Invalid, QStringLiteral("Content-Type: a form is wanted"), {}});
    // Who is asking comes first: strangers learn nothing about what is wrong with their request.
    const auto verdict = m_guard.checkWebhook(request, form ? &*form : nullptr);
    signature = verdict.signature;
    if (!verdict.admitted()) {
        refuse(verdict.status, form ? &*form : nullptr, verdict.reason,
            verdict.status == 403 ? QByteArrayLiteral("forbidden\n") : QByteArrayLiteral("unavailable\n"));
        return;
    }
    if (!form || !query) {
        const Error& error = !form ? form.error() : query.error();
        refuse(400, nullptr, error.message, error.message.toUtf8() + '\n');
        return;
    }
    if (const QString problem = problemOf(*route, *form); !problem.isEmpty()) {
        refuse(400, &*form, problem, problem.toUtf8() + '\n');
        return;
    }

    const LogCall logged(form->value(u"CallSid")); // whatever is done for it, and whatever that asks of others
    forgetOld();
    const QByteArray key = identityOf(*route, request, *form);
    if (Seen* seen = findSeen(key)) {
        ++m_counters.duplicates;
        qCInfo(lcWebhook).noquote() << form->value(u"CallSid") << logSafe(QString::fromUtf8(request.path), 60)
                                    << "delivered again; same answer";
        const quint64 entry = log(request, &*form, signature, seen->answer ? seen->answer->status : 0, {}, seen);
        if (seen->answer)
            send(responder, entry, *seen->answer);
        else
            seen->waiting.push_back({responder, entry});
        return;
    }
    ++m_counters.served;
    const quint64 number = ++m_lastNumber;
    m_seen.push_back({key, m_clock.now(), m_clock.wallNow(), {}, {}, number});
    m_seenByKey.insert(key, std::prev(m_seen.end()));
    if (m_seen.size() > m_settings.duplicateEntries) // an answer that is still being made then goes to nobody: 500
        forget(m_seen.begin());
    {
        const auto late = std::make_shared<LateReply>(m_self, key, number);
        const Webhook webhook{
            route->path, *form, isGet ? FormBody() : *query, *m_guard.baseFor(request), form->value(u"CallSid")};
        route->handle(webhook, [late](const net::HttpResponse& response) { late->reply(response); });
    }
    Seen* seen = findSeen(key);
    Q_ASSERT(seen != nullptr && seen->number == number);
    const quint64 entry = log(request, &*form, signature, seen->answer ? seen->answer->status : 0, {}, nullptr);
    if (!seen->answer) {
        seen->waiting.push_back({responder, entry});
        return;
    }
    const net::HttpResponse response = *seen->answer;
    if (response.status >= 500)
        forget(m_seenByKey.value(key));
    send(responder, entry, response);
}

void WebhookRouter::answered(const QByteArray& key, quint64 number, const net::HttpResponse& response)
{
    Seen* seen = findSeen(key);
    if (seen == nullptr || seen->number != number)
        return;
    seen->answer = response;
    const auto waiting = std::exchange(seen->waiting, {});
    // A failure is not remembered: Twilio asks again, and then it may go well.
    if (response.status >= 500 && !waiting.empty())
        forget(m_seenByKey.value(key));
    for (const Waiting& one : waiting)
        send(one.responder, one.entry, response);
}

void WebhookRouter::send(const net::Responder& responder, quint64 entry, const net::HttpResponse& response) const
{
    if (m_hooks.respond)
        m_hooks.respond(responder, entry, response);
    else
        responder.respond(response);
}

void WebhookRouter::forget(std::list<Seen>::iterator seen)
{
    m_seenByKey.remove(seen->key);
    m_seen.erase(seen);
}

void WebhookRouter::forgetOld()
{
    const Instant now = m_clock.now();
    while (!m_seen.empty() && elapsed(m_seen.front().at, now) > m_settings.duplicateMemory)
        forget(m_seen.begin());
}

WebhookRouter::Seen* WebhookRouter::findSeen(const QByteArray& key)
{
    const auto found = m_seenByKey.constFind(key);
    return found == m_seenByKey.cend() ? nullptr : &**found;
}

quint64 WebhookRouter::log(const net::HttpRequest& request, const FormBody* form, const SignatureFinding& signature,
    int status, const QString& reason, const Seen* duplicateOf)
{
    // Only a request that proved itself may write into a call's own log.
    const QString call = form != nullptr && status != 403 && status != 503 && isTwilioId(form->value(u"CallSid"))
        ? form->value(u"CallSid")
        : QString();
    if (m_hooks.judged) {
        m_hooks.judged(request,
            {signature, reason, form != nullptr ? std::optional(*form) : std::nullopt,
                duplicateOf != nullptr ? duplicateOf->wallTime : QDateTime(), call});
    }
    if (!m_hooks.log)
        return 0;
    QJsonObject data{{QStringLiteral("path"), logSafe(QString::fromUtf8(request.path), 100)}};
    if (status != 0) // else the answer comes later
        data.insert(QStringLiteral("status"), status);
    if (status >= 400) {
        // Anyone can cause these.
        if (!m_refusedGate.tryPass(m_clock.now()))
            return 0;
        data.insert(QStringLiteral("reason"), reason);
        data.insert(QStringLiteral("peer"), request.peer.toString());
        if (const quint64 heldBack = m_refusedGate.takeHeldBack(); heldBack > 0)
            data.insert(QStringLiteral("notLogged"), static_cast<qint64>(heldBack));
    }
    if (duplicateOf != nullptr)
        data.insert(QStringLiteral("duplicateOf"), duplicateOf->wallTime.toString(Qt::ISODateWithMs));
    calllog::Entry entry;
    entry.kind = calllog::Entry::Kind::Webhook;
    entry.at = m_clock.wallNow();
    if (form != nullptr) {
        QJsonObject fields;
        for (const FormField& field : form->fields().first(qMin<qsizetype>(form->fields().size(), MaxLoggedFields)))
            fields.insert(logSafe(loggableField({}, field.name), 64), loggableField(field.name, field.value));
        data.insert(QStringLiteral("fields"), fields);
        if (form->replacedSequences() > 0)
            data.insert(QStringLiteral("brokenUtf8"), form->replacedSequences());
    }
    entry.callId = call;
    entry.data = data;
    return m_hooks.log(entry);
}

} // namespace kav::webhooks
