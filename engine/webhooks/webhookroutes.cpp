// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/webhookroutes.h"

#include "engine/webhooks/twiml.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QCryptographicHash>
#include <QJsonObject>
#include <QRegularExpression>

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

/// As Twilio takes it for a caller's id: a SIP address or "anonymous" is none.
bool isTelephoneNumber(const QString& text)
{
    static const QRegularExpression shape(QStringLiteral("^\\+[1-9][0-9]{6,14}$"));
    return shape.match(text).hasMatch();
}

std::optional<int> number(const FormBody& form, QStringView name)
{
    bool ok = false;
    const int value = form.value(name).toInt(&ok);
    return ok && value >= 0 ? std::optional(value) : std::nullopt;
}

} // namespace

CallerLines CallerLines::english()
{
    return {QStringLiteral("en-US"), {},
        QStringLiteral("All our lines are busy. Please call again in a few minutes. Goodbye."),
        QStringLiteral("We are sorry, there is a problem on our side. Please call again later. Goodbye."),
        QStringLiteral("Nobody can take your call just now. Please call again later. Goodbye.")};
}

CallerLines CallerLines::hebrew()
{
    return {QStringLiteral("he-IL"), QStringLiteral("Google.he-IL-Wavenet-A"),
        QStringLiteral("כל הקווים תפוסים. נא להתקשר שוב בעוד כמה דקות. להתראות."),
        QStringLiteral("אנו מתנצלים, אירעה תקלה. נא להתקשר שוב מאוחר יותר. להתראות."),
        QStringLiteral("אין כרגע מי שיענה לשיחה. נא להתקשר שוב מאוחר יותר. להתראות.")};
}

bool CallStatus::isFinal() const
{
    static const QStringList finals{QStringLiteral("completed"), QStringLiteral("busy"), QStringLiteral("no-answer"),
        QStringLiteral("failed"), QStringLiteral("canceled")};
    return finals.contains(status);
}

QString loggableField(const QString& name, const QString& value)
{
    if (value.isEmpty())
        return value;
    const auto endsIn = [&name](QLatin1String end) { return name.endsWith(end, Qt::CaseInsensitive); };
    if (endsIn(QLatin1String("Token")) || endsIn(QLatin1String("Password")) || name == QLatin1String("Digits")
        || name == QLatin1String("SpeechResult") || name == QLatin1String("TranscriptionText"))
        return QStringLiteral("(%1 characters)").arg(value.size());
    if (endsIn(QLatin1String("Sid")) || name == QLatin1String("Timestamp") || name == QLatin1String("ApiVersion"))
        return logSafe(value);
    // A number may stand inside anything: sip:+972...@host, a caller's name, a callback's error text.
    static const QRegularExpression numbers(
        QStringLiteral(R"([+＋]?\d(?:[\s().\-–/]{0,3}\d){6,})"), QRegularExpression::UseUnicodePropertiesOption);
    QString masked;
    qsizetype done = 0;
    auto matches = numbers.globalMatch(value.left(2000));
    while (matches.hasNext()) {
        const QRegularExpressionMatch match = matches.next();
        masked += value.mid(done, match.capturedStart() - done) + maskNumber(match.capturedView());
        done = match.capturedEnd();
    }
    masked += value.left(2000).mid(done);
    return logSafe(masked);
}

WebhookRoutes::WebhookRoutes(
    RequestGuard& guard, const StreamTokens& tokens, const Clock& clock, Settings settings, Hooks hooks)
    : m_guard(guard)
    , m_tokens(tokens)
    , m_clock(clock)
    , m_settings(settings)
    , m_hooks(std::move(hooks))
    , m_refusedGate(20, Milliseconds(1000))
{
}

bool WebhookRoutes::owns(const net::HttpRequest& request)
{
    return request.path.startsWith("/webhook/") || request.path == "/webhook";
}

std::optional<WebhookRoutes::Route> WebhookRoutes::routeFor(const QByteArray& path)
{
    QByteArray plain = path;
    while (plain.endsWith('/'))
        plain.chop(1);
    if (plain == "/webhook/incoming_call")
        return Route::IncomingCall;
    if (plain == "/webhook/stream_status")
        return Route::StreamStatus;
    if (plain == "/webhook/stream_ended")
        return Route::StreamEnded;
    if (plain == "/webhook/call_status")
        return Route::CallStatus;
    if (plain == "/webhook/after_stream")
        return Route::AfterStream;
    if (plain == "/webhook/after_dial")
        return Route::AfterDial;
    return std::nullopt;
}

net::HttpResponse WebhookRoutes::handle(const net::HttpRequest& request)
{
    const auto route = routeFor(request.path);
    if (!route)
        return net::HttpResponse::text(404, "not found\n");
    const auto refused = [this, &request](
                             int status, const FormBody* form, const QString& reason, const QByteArray& text) {
        ++(status == 400 ? m_counters.malformed : m_counters.refused);
        log(request, form, status, reason, nullptr);
        return net::HttpResponse::text(status, text);
    };
    if (request.method != "POST") {
        net::HttpResponse response =
            refused(405, nullptr, QStringLiteral("method is not POST"), "method not allowed\n");
        response.headers.emplaceBack("Allow", "POST");
        return response;
    }
    const auto form = isForm(request)
        ? FormBody::parse(request.body)
        : Result<FormBody>(Error{Error::Code::Invalid, QStringLiteral("Content-Type: a form is wanted"), {}});
    // Who is asking comes first: strangers learn nothing about what is wrong with their request.
    const auto verdict = m_guard.checkWebhook(request, form ? &*form : nullptr);
    if (!verdict.admitted()) {
        return refused(verdict.status, form ? &*form : nullptr, verdict.reason,
            verdict.status == 403 ? QByteArrayLiteral("forbidden\n") : QByteArrayLiteral("unavailable\n"));
    }
    if (!form)
        return refused(400, nullptr, form.error().message, form.error().message.toUtf8() + '\n');

    QStringList problems{idProblem(*form, QStringLiteral("CallSid"))};
    if (*route == Route::IncomingCall) {
        problems += idProblem(*form, QStringLiteral("AccountSid"));
        problems += form->contains(u"To") ? QString() : QStringLiteral("To: missing");
    }
    for (const QString& name :
        {QStringLiteral("From"), QStringLiteral("To"), QStringLiteral("ForwardedFrom"), QStringLiteral("CallerName")})
        problems += lengthProblem(*form, name, MaxAddressCharacters);
    for (const QString& name : {QStringLiteral("CallStatus"), QStringLiteral("Direction"),
             QStringLiteral("StreamEvent"), QStringLiteral("StreamSid")})
        problems += lengthProblem(*form, name, MaxWordCharacters);
    problems.removeAll(QString());
    if (!problems.isEmpty())
        return refused(400, &*form, problems.first(), problems.first().toUtf8() + '\n');

    // The call stands in the key either way: a token proves a repetition, not an identity.
    const QByteArray token = request.header("i-twilio-idempotency-token");
    QByteArray identity = form->value(u"CallSid").toUtf8() + '\n' + request.target + '\n';
    if (!token.isEmpty()) {
        identity += "token\n" + token;
    } else {
        for (const QStringView name :
            {u"CallStatus", u"StreamSid", u"StreamEvent", u"SequenceNumber", u"DialCallStatus"})
            identity += form->value(name).toUtf8() + '\n';
    }
    const QByteArray key = QCryptographicHash::hash(identity, QCryptographicHash::Sha256);
    if (const Seen* seen = findDuplicate(key)) {
        ++m_counters.duplicates;
        qCInfo(lcWebhook).noquote() << form->value(u"CallSid") << logSafe(QString::fromUtf8(request.path), 60)
                                    << "delivered again; same answer";
        log(request, &*form, seen->answer.status, {}, seen);
        return seen->answer;
    }
    const net::HttpResponse response = answer(*route, request, *form);
    remember(key, response);
    log(request, &*form, response.status, {}, nullptr);
    return response;
}

net::HttpResponse WebhookRoutes::answer(Route route, const net::HttpRequest& request, const FormBody& form)
{
    const QString callSid = form.value(u"CallSid");
    switch (route) {
    case Route::IncomingCall:
        return incomingCall(request, form);
    case Route::AfterStream:
        return afterStream(request, form);
    case Route::AfterDial:
        return afterDial(form);
    case Route::StreamStatus: {
        const StreamStatus status{
            callSid, form.value(u"StreamSid"), form.value(u"StreamEvent"), logSafe(form.value(u"StreamError"))};
        if (status.event == QLatin1String("stream-error"))
            qCWarning(lcWebhook).noquote()
                << callSid
                << "Twilio reports a stream error:" << loggableField(QStringLiteral("StreamError"), status.error);
        if (m_hooks.streamStatus)
            m_hooks.streamStatus(status);
        return net::HttpResponse::empty(204);
    }
    case Route::StreamEnded:
        if (m_hooks.streamEnded)
            m_hooks.streamEnded(callSid);
        return net::HttpResponse::empty(204);
    case Route::CallStatus:
        if (m_hooks.callStatus) {
            CallStatus status;
            status.callSid = callSid;
            status.status = form.value(u"CallStatus");
            status.sequence = number(form, u"SequenceNumber");
            status.durationSeconds = number(form, u"CallDuration");
            m_hooks.callStatus(status);
        }
        return net::HttpResponse::empty(204);
    }
    return net::HttpResponse::empty(204);
}

net::HttpResponse WebhookRoutes::incomingCall(const net::HttpRequest& request, const FormBody& form)
{
    const CallerLines say = lines(form.value(u"To"));
    IncomingCall call{form.value(u"CallSid"), form.value(u"AccountSid"), form.value(u"From"), form.value(u"To"),
        form.value(u"CallerName"), form.value(u"ForwardedFrom"), form.value(u"Direction"), say.language, form.value(u"KavTest") == QLatin1String("1")};
    if (m_hooks.languageFor)
        call.language = m_hooks.languageFor(call.to);
    const bool draining = m_hooks.isDraining && m_hooks.isDraining();
    if (draining || (m_hooks.hasRoom && !m_hooks.hasRoom())) {
        ++m_counters.busy;
        qCWarning(lcWebhook).noquote() << call.callSid << "answered busy:" << (draining ? "draining" : "no room");
        return net::HttpResponse::xml(writeTwiml({sayVerb(say.busy, say.language, say.voice), hangupVerb()}));
    }
    const auto base = m_guard.baseFor(request);
    Q_ASSERT(base); // the guard has refused the request otherwise
    ++m_counters.calls;
    setFate(call.callSid, Fate::Offered);
    StreamOffer offer;
    offer.url = base->stream(m_tokens.mint(call.callSid, call.accountSid, m_clock.wallNow()));
    offer.action = base->webhook(QStringLiteral("/webhook/after_stream"));
    offer.statusCallback = base->webhook(QStringLiteral("/webhook/stream_status"));
    offer.parameters = {{QStringLiteral("from"), call.from}, {QStringLiteral("to"), call.to},
        {QStringLiteral("direction"), call.direction}, {QStringLiteral("language"), call.language}};
    if (!call.forwardedFrom.isEmpty())
        offer.parameters.emplaceBack(QStringLiteral("forwardedFrom"), call.forwardedFrom);
    if (call.test)
        offer.parameters.emplaceBack(QStringLiteral("kavTest"), QStringLiteral("1"));
    if (m_hooks.incomingCall)
        m_hooks.incomingCall(call);
    return net::HttpResponse::xml(
        writeTwiml({connectVerb(offer), sayVerb(say.apology, say.language, say.voice), hangupVerb()}));
}

net::HttpResponse WebhookRoutes::afterStream(const net::HttpRequest& request, const FormBody& form)
{
    const QString callSid = form.value(u"CallSid");
    const CallFate* known = fateOf(callSid);
    const auto base = m_guard.baseFor(request);
    if (known && known->fate == Fate::EndedInOrder && !known->dialTo.isEmpty() && base) {
        TwimlElement dial = twimlVerb(QStringLiteral("Dial"));
        const QString from = form.value(u"From"), to = form.value(u"To");
        dial.with(QStringLiteral("action"), base->webhook(QStringLiteral("/webhook/after_dial")))
            .with(QStringLiteral("method"), QStringLiteral("POST"))
            .with(QStringLiteral("timeout"), QString::number(m_settings.dialTime.count()))
            .with(QStringLiteral("callerId"), isTelephoneNumber(from) ? from : isTelephoneNumber(to) ? to : QString());
        dial.with(twimlVerb(QStringLiteral("Number"), known->dialTo));
        qCInfo(lcWebhook).noquote() << callSid << "is passed on to" << maskNumber(known->dialTo);
        return net::HttpResponse::xml(writeTwiml({dial}));
    }
    const bool broke = known && known->fate == Fate::Broken;
    const bool apologise = known ? broke || known->fate == Fate::Offered : m_settings.servesEveryCall;
    if (!apologise)
        return net::HttpResponse::xml(writeTwiml({hangupVerb()}));
    qCWarning(lcWebhook).noquote() << callSid << "its stream" << (broke ? "broke" : "never came about")
                                   << ": the caller hears an apology";
    const CallerLines say = lines(form.value(u"To"));
    return net::HttpResponse::xml(writeTwiml({sayVerb(say.apology, say.language, say.voice), hangupVerb()}));
}

net::HttpResponse WebhookRoutes::afterDial(const FormBody& form)
{
    const QString status = form.value(u"DialCallStatus");
    if (status == QLatin1String("completed") || status == QLatin1String("answered"))
        return net::HttpResponse::xml(writeTwiml({hangupVerb()}));
    qCWarning(lcWebhook).noquote() << form.value(u"CallSid") << "was passed on, and nobody answered:"
                                   << logSafe(status, 20);
    const CallerLines say = lines(form.value(u"To"));
    return net::HttpResponse::xml(writeTwiml({sayVerb(say.nobody, say.language, say.voice), hangupVerb()}));
}

CallerLines WebhookRoutes::lines(const QString& to) const
{
    return m_hooks.linesFor ? m_hooks.linesFor(to) : CallerLines::english();
}

const WebhookRoutes::Seen* WebhookRoutes::findDuplicate(const QByteArray& key)
{
    const Instant now = m_clock.now();
    while (!m_seen.empty() && elapsed(m_seen.front().at, now) > m_settings.duplicateMemory) {
        m_seenByKey.remove(m_seen.front().key);
        m_seen.pop_front();
    }
    const auto found = m_seenByKey.constFind(key);
    return found == m_seenByKey.cend() ? nullptr : &**found;
}

void WebhookRoutes::remember(const QByteArray& key, const net::HttpResponse& answer)
{
    m_seen.push_back({key, m_clock.now(), m_clock.wallNow(), answer});
    m_seenByKey.insert(key, std::prev(m_seen.end()));
    if (m_seen.size() > m_settings.duplicateEntries) {
        m_seenByKey.remove(m_seen.front().key);
        m_seen.pop_front();
    }
}

void WebhookRoutes::noteStreamAdmitted(const QString& callSid)
{
    setFate(callSid, Fate::Streaming);
}

void WebhookRoutes::noteStreamEnded(const QString& callSid, bool inOrder, const QString& dialTo)
{
    setFate(callSid, inOrder ? Fate::EndedInOrder : Fate::Broken).dialTo = dialTo;
}

WebhookRoutes::CallFate& WebhookRoutes::setFate(const QString& callSid, Fate fate)
{
    const auto known = m_fateByCall.constFind(callSid);
    if (known != m_fateByCall.cend()) {
        (*known)->fate = fate;
        return **known;
    }
    m_fates.push_back({callSid, fate, {}});
    m_fateByCall.insert(callSid, std::prev(m_fates.end()));
    if (m_fates.size() > m_settings.callMemory) {
        m_fateByCall.remove(m_fates.front().callSid);
        m_fates.pop_front();
    }
    return m_fates.back();
}

const WebhookRoutes::CallFate* WebhookRoutes::fateOf(const QString& callSid) const
{
    const auto known = m_fateByCall.constFind(callSid);
    return known == m_fateByCall.cend() ? nullptr : &**known;
}

void WebhookRoutes::log(
    const net::HttpRequest& request, const FormBody* form, int status, const QString& reason, const Seen* duplicateOf)
{
    if (!m_hooks.log)
        return;
    QJsonObject data{
        {QStringLiteral("path"), logSafe(QString::fromUtf8(request.path), 100)}, {QStringLiteral("status"), status}};
    if (status >= 400) {
        // Anyone can cause these.
        if (!m_refusedGate.tryPass(m_clock.now()))
            return;
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
            fields.insert(logSafe(field.name, 64), loggableField(field.name, field.value));
        data.insert(QStringLiteral("fields"), fields);
        if (form->replacedSequences() > 0)
            data.insert(QStringLiteral("brokenUtf8"), form->replacedSequences());
        // Only a request that proved itself may write into a call's own log.
        if (status != 403 && status != 503 && isTwilioId(form->value(u"CallSid")))
            entry.callId = form->value(u"CallSid");
    }
    entry.data = data;
    m_hooks.log(entry);
}

} // namespace kav::webhooks
