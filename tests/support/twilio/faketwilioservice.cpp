// SPDX-License-Identifier: Apache-2.0
#include "tests/support/twilio/faketwilioservice.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRegularExpression>
#include <QUrlQuery>

#include <algorithm>

namespace kav::test {

using telephony::CallSettings;
using telephony::FormBody;
using telephony::FormField;
using telephony::LoopbackCaller;
using telephony::StreamIds;
using telephony::TwimlVerb;

namespace {

constexpr Milliseconds BetweenCalls{1000}, UntilRinging{300}, HumanDetection{3000};

QString text(const char* ascii)
{
    return QString::fromLatin1(ascii);
}

QString newSid(const char* prefix)
{
    return text(prefix) + StreamIds::random().streamSid.mid(2);
}

QJsonValue orNull(const QString& value)
{
    return value.isEmpty() ? QJsonValue() : QJsonValue(value);
}

QJsonValue rfc2822(const QDateTime& time)
{
    return orNull(time.isValid() ? time.toString(Qt::RFC2822Date) : QString());
}

void say(VendorExchange& exchange, int status, const QJsonObject& json)
{
    exchange.answer(status, "application/json", QJsonDocument(json).toJson(QJsonDocument::Compact));
}

void refuse(VendorExchange& exchange, int status, int code, const char* words)
{
    say(exchange, status,
        {{text("code"), code}, {text("message"), text(words)},
            {text("more_info"), QStringLiteral("https://www.twilio.com/docs/errors/%1").arg(code)},
            {text("status"), status}});
}

bool flag(const TwimlVerb& verb, const char* name, bool otherwise)
{
    const QString value = verb.attribute(text(name));
    return value.isEmpty() ? otherwise : value == text("true");
}

std::chrono::seconds seconds(const QString& value, int otherwise)
{
    bool ok = false;
    const int number = value.toInt(&ok);
    return std::chrono::seconds(ok ? number : otherwise);
}

} // namespace

/// What a waiting member of a conference is played: a document again and again.
struct FakeTwilioService::Hold final : telephony::TwimlLine {
    Hold(FakeTwilioService& owner, const Call& member, const QUrl& source, const QString& how)
        : service(owner)
        , call(member)
        , url(source)
        , method(how)
        , interpreter(*this)
        , alive(std::make_shared<bool>(true))
    {
        fetchDocument(url, method, {});
    }
    void fetchDocument(const QUrl& from, const QString& how, const QList<FormField>&) override
    {
        const std::weak_ptr<bool> guard = alive;
        service.m_webhooks->request(from, how, service.fields(call, text("in-progress")),
            [this, guard, from](int, const QByteArray&, const QByteArray& body) {
                if (guard.expired())
                    return;
                if (const auto document = telephony::TwimlDocument::parse(body))
                    interpreter.obey(*document, from, service.m_clock.now());
                else
                    service.holdLines += text("broken: ") + document.error().message;
            });
    }
    void openStream(const TwimlVerb&, const TwimlVerb&) override { service.holdLines += text("not allowed: stream"); }
    void dial(const TwimlVerb&) override { service.holdLines += text("not allowed: dial"); }
    void recordingEnded(const TwimlVerb&, const QList<FormField>&, bool) override { }
    void note(const QString& what, const QString& detail) override
    {
        service.holdLines += QString(what + QLatin1Char(' ') + detail).trimmed();
    }
    void documentEnded(bool, const QString&) override
    {
        const std::weak_ptr<bool> guard = alive;
        service.later(BetweenCalls, [this, guard] {
            if (!guard.expired())
                fetchDocument(url, method, {});
        });
    }

    FakeTwilioService& service;
    const Call& call;
    const QUrl url;
    const QString method;
    telephony::TwimlInterpreter interpreter;
    std::shared_ptr<bool> alive;
};

struct FakeTwilioService::Conference final {
    struct Member final {
        QString callSid;
        bool starts = true, ends = false;
        std::unique_ptr<Hold> hold;
        QUrl waitUrl;
        QString waitMethod;
    };
    QString name, sid;
    std::vector<Member> members;
    bool isStarted = false;
    QUrl callback;
    QStringList events;
    int told = 0;
};

struct FakeTwilioService::Recording final {
    QString sid, callSid, status;
    QDateTime began;
    Instant since;
    std::optional<std::chrono::seconds> length;
    FormBody wish;
};

FakeTwilioService::FakeTwilioService(const Clock& clock, const QString& engine, const QByteArray& token)
    : authToken(token)
    , m_clock(clock)
    , m_engine(engine)
{
    m_server.handler = [this](VendorExchange& exchange) { onRequest(exchange); };
    connect(&m_timer, &QTimer::timeout, this, &FakeTwilioService::poll);
    m_timer.start(10);
    m_webhooks = std::make_unique<telephony::WebhookClient>(
        telephony::WebhookRoute{QUrl(QStringLiteral("http://") + engine), {}, engine, token});
}

FakeTwilioService::~FakeTwilioService()
{
    m_server.handler = {};
    m_conferences.clear();
    m_calls.clear();
}

// ---- the REST service -----------------------------------------------------------------------------------------------

void FakeTwilioService::onRequest(VendorExchange& exchange)
{
    const auto form = FormBody::parse(exchange.body);
    requests.append({exchange.method, exchange.path, exchange.query, form ? *form : FormBody()});
    for (qsizetype i = 0; i < faults.size(); ++i) {
        if (!exchange.path.contains(faults.at(i).path))
            continue;
        const Fault fault = faults.takeAt(i);
        switch (fault.kind) {
        case Fault::Kind::Answer:
            exchange.answer(fault.status, fault.type, fault.body, fault.headers);
            return;
        case Fault::Kind::Hang:
            return;
        case Fault::Kind::ResetAfter: {
            VendorExchange unheard; // carried out, and the answer goes nowhere
            unheard.method = exchange.method;
            unheard.path = exchange.path;
            unheard.query = exchange.query;
            unheard.headers = exchange.headers;
            unheard.body = exchange.body;
            answer(unheard);
            exchange.reset();
            return;
        }
        case Fault::Kind::ResetBefore:
            exchange.reset();
            return;
        }
    }
    answer(exchange);
}

void FakeTwilioService::answer(VendorExchange& exchange)
{
    const auto basic = [](const QString& user, const QByteArray& secret) -> QByteArray {
        return "Basic " + QByteArray(user.toUtf8() + ':' + secret).toBase64();
    };
    const QByteArray given = exchange.header("authorization");
    const bool isAccount = given == basic(accountSid, authToken);
    const bool isKey = !apiKeySid.isEmpty() && given == basic(apiKeySid, apiKeySecret);
    if (!isAccount && !isKey) {
        refuse(exchange, 401, 20003, "Authenticate");
        return;
    }
    const QString base = QStringLiteral("/2010-04-01/Accounts/") + accountSid;
    const QString path = QString::fromUtf8(exchange.path);
    const QString rest = path.mid(base.size());
    const QStringList parts = rest.chopped(rest.endsWith(text(".json")) ? 5 : 0).split(QLatin1Char('/')).mid(1);
    const QUrlQuery query(QString::fromUtf8(exchange.query));
    const auto asked = [&query](const char* name) { return query.queryItemValue(text(name), QUrl::FullyDecoded); };
    if (!path.startsWith(base) || !path.endsWith(text(".json"))) {
        refuse(exchange, 404, 20404, "The requested resource was not found");
    } else if (rest == text(".json")) {
        say(exchange, 200, {{text("sid"), accountSid}, {text("status"), text("active")}, {text("type"), text("Full")}});
    } else if (parts == QStringList{text("IncomingPhoneNumbers")}) {
        QJsonArray list;
        for (const Number& number : std::as_const(numbers)) {
            if (!asked("PhoneNumber").isEmpty() && asked("PhoneNumber") != number.phoneNumber)
                continue;
            list.append(QJsonObject{{text("sid"), text("PN0123456789abcdef0123456789abcdef")},
                {text("phone_number"), number.phoneNumber}, {text("voice_url"), orNull(number.voiceUrl.toString())},
                {text("voice_method"), number.voiceMethod},
                {text("status_callback"), orNull(number.statusCallback.toString())}});
        }
        say(exchange, 200, {{text("incoming_phone_numbers"), list}});
    } else if (parts == QStringList{text("Calls")} && exchange.method == "POST") {
        create(exchange, requests.last().form);
    } else if (parts == QStringList{text("Calls")}) {
        QJsonArray list;
        for (auto it = m_order.crbegin(); it != m_order.crend(); ++it) { // the newest first
            const Call& one = *m_calls.value(*it);
            const bool fits = (asked("Status").isEmpty() || asked("Status") == one.status)
                && (asked("To").isEmpty() || asked("To") == one.to)
                && (asked("From").isEmpty() || asked("From") == one.from);
            if (fits && list.size() < (asked("PageSize").isEmpty() ? 50 : asked("PageSize").toInt()))
                list.append(resource(one));
        }
        say(exchange, 200, {{text("calls"), list}});
    } else if (parts.value(0) == text("Calls") && parts.size() == 2) {
        answerCall(exchange, parts.at(1));
    } else if (parts.contains(text("Recordings"))) {
        answerRecordings(exchange, parts);
    } else {
        refuse(exchange, 404, 20404, "The requested resource was not found");
    }
}

void FakeTwilioService::create(VendorExchange& exchange, const FormBody& form)
{
    static const QRegularExpression e164(text("\\A\\+[1-9][0-9]{6,14}\\z"));
    const QString to = form.value(u"To"), from = form.value(u"From");
    const bool isOwned = numbers.isEmpty()
        || std::any_of(numbers.cbegin(), numbers.cend(), [&](const Number& own) { return own.phoneNumber == from; });
    if (to.isEmpty()) {
        refuse(exchange, 400, 21201, "No 'To' number is specified");
    } else if (!e164.match(to).hasMatch()) {
        refuse(exchange, 400, 21211, qPrintable(QStringLiteral("The 'To' number %1 is not valid").arg(to)));
    } else if (!isOwned) {
        refuse(exchange, 400, 21210, qPrintable(QStringLiteral("The 'From' number %1 is not yours").arg(from)));
    } else if (form.value(u"Url").isEmpty() && form.value(u"Twiml").isEmpty()) {
        refuse(exchange, 400, 21205, "Url parameter is required");
    } else {
        Call& call = add(from, to, text("outbound-api"), form);
        call.status = text("queued");
        m_queue += call.sid;
        say(exchange, 201, resource(call));
        startNext();
    }
}

void FakeTwilioService::answerCall(VendorExchange& exchange, const QString& sid)
{
    Call* call = find(sid);
    if (call == nullptr)
        refuse(exchange, 404, 20404, "The requested resource was not found");
    else if (exchange.method == "POST")
        update(exchange, *call, requests.last().form);
    else
        say(exchange, 200, resource(*call));
}

void FakeTwilioService::update(VendorExchange& exchange, Call& call, const FormBody& form)
{
    if (call.isFinal()) {
        refuse(exchange, 404, 20404, "The call has ended");
        return;
    }
    const QString status = form.value(u"Status"), url = form.value(u"Url"), twiml = form.value(u"Twiml");
    const bool isLive = call.status == text("in-progress") || (call.leg && call.direction == text("inbound"));
    if (status == text("canceled") && isLive) {
        refuse(exchange, 400, 21220, "Invalid call state");
        return;
    }
    if (!status.isEmpty()) {
        if (!isLive)
            finish(call, text("canceled"));
        else if (call.leg)
            call.leg->end();
        else // nobody has decided yet who has answered
            finish(call, text("completed"));
    } else if (!isLive || !call.leg) {
        refuse(exchange, 400, 21220, "Call is not in-progress. Cannot redirect.");
        return;
    } else {
        // Whom it was connected to hears it leave.
        if (std::exchange(call.isBridged, false))
            endDialOf(call, text("completed"));
        if (!url.isEmpty())
            call.leg->redirect(QUrl(url), form.contains(u"Method") ? form.value(u"Method") : text("POST"));
        else
            call.leg->redirectTo(twiml.toUtf8());
    }
    say(exchange, 200, resource(call));
}

void FakeTwilioService::answerRecordings(VendorExchange& exchange, const QStringList& parts)
{
    const auto json = [](const Recording& recording) {
        return QJsonObject{{text("sid"), recording.sid}, {text("call_sid"), recording.callSid},
            {text("status"), recording.status}, {text("start_time"), rfc2822(recording.began)}, {text("channels"), 2},
            {text("duration"),
                recording.length ? QJsonValue(QString::number(recording.length->count())) : QJsonValue()}};
    };
    const bool isOfCall = parts.value(0) == text("Calls");
    const QString callSid = isOfCall ? parts.value(1) : QString();
    const QString sid = isOfCall ? parts.value(3) : parts.value(1);
    const FormBody form = requests.last().form;
    Call* call = find(callSid);
    if (isOfCall && call == nullptr) {
        refuse(exchange, 404, 20404, "The requested resource was not found");
        return;
    }
    if (sid.isEmpty() && exchange.method == "POST") {
        if (call->status != text("in-progress")) {
            refuse(exchange, 400, 21220, "Requested resource is not eligible for recording");
            return;
        }
        auto recording = std::make_unique<Recording>();
        recording->sid = newSid("RE");
        recording->callSid = callSid;
        recording->status = text("in-progress");
        recording->began = m_clock.wallNow();
        recording->since = m_clock.now();
        recording->wish = form;
        say(exchange, 201, json(*recording));
        m_recordings.push_back(std::move(recording));
        return;
    }
    if (sid.isEmpty()) {
        QJsonArray list;
        for (const auto& recording : m_recordings) {
            if (recording->callSid == callSid)
                list.append(json(*recording));
        }
        say(exchange, 200, {{text("recordings"), list}});
        return;
    }
    const auto found = std::find_if(m_recordings.begin(), m_recordings.end(), [&](const auto& recording) {
        return sid == text("Twilio.CURRENT") ? recording->callSid == callSid && !recording->length
                                             : recording->sid == sid;
    });
    if (found == m_recordings.end()) {
        refuse(exchange, 404, 20404, "The requested resource was not found");
    } else if (exchange.method == "DELETE") {
        m_recordings.erase(found);
        exchange.raw("HTTP/1.1 204 X\r\n\r\n");
    } else if (exchange.method == "POST") {
        if (form.value(u"Status") == text("stopped"))
            endRecording(**found, text("stopped"));
        else
            (*found)->status = form.value(u"Status");
        say(exchange, 200, json(**found));
    } else {
        say(exchange, 200, json(**found));
    }
}

void FakeTwilioService::endRecording(Recording& recording, const QString& status)
{
    recording.status = status;
    recording.length = std::chrono::ceil<std::chrono::seconds>(m_clock.now() - recording.since);
    const QString url = recording.wish.value(u"RecordingStatusCallback");
    if (url.isEmpty())
        return;
    tell(QUrl(url), text("POST"),
        FormBody({{text("AccountSid"), accountSid}, {text("CallSid"), recording.callSid},
            {text("RecordingSid"), recording.sid}, {text("RecordingStatus"), text("completed")},
            {text("RecordingDuration"), QString::number(recording.length->count())},
            {text("RecordingChannels"), text("2")}, {text("RecordingSource"), text("StartCallRecordingAPI")},
            {text("RecordingUrl"), text("https://api.twilio.com/2010-04-01/Recordings/") + recording.sid}}));
}

QJsonObject FakeTwilioService::resource(const Call& call) const
{
    const bool hasTime = call.isFinal() && call.started.isValid();
    return {{text("sid"), call.sid}, {text("parent_call_sid"), orNull(call.parentSid)},
        {text("account_sid"), accountSid}, {text("from"), call.from}, {text("to"), call.to},
        {text("status"), call.status}, {text("direction"), call.direction},
        {text("answered_by"), orNull(call.answeredBy)}, {text("start_time"), rfc2822(call.started)},
        {text("end_time"), rfc2822(call.ended)},
        {text("duration"), hasTime ? QJsonValue(QString::number(call.started.secsTo(call.ended))) : QJsonValue()},
        {text("queue_time"), QString::number(call.queueTime.count())}, {text("price"), QJsonValue()},
        {text("price_unit"), text("USD")}, {text("date_created"), rfc2822(call.created)}};
}

// ---- calls ----------------------------------------------------------------------------------------------------------

FakeTwilioService::Call& FakeTwilioService::add(
    const QString& from, const QString& to, const QString& direction, const FormBody& wish)
{
    auto call = std::make_shared<Call>();
    call->sid = newSid("CA");
    call->from = from;
    call->to = to;
    call->direction = direction;
    call->wish = wish;
    call->person = people.value(to);
    call->created = m_clock.wallNow();
    m_order += call->sid;
    m_calls.insert(call->sid, call);
    return *call;
}

FakeTwilioService::Call* FakeTwilioService::find(const QString& sid)
{
    return m_calls.value(sid).get();
}

const FakeTwilioService::Call* FakeTwilioService::call(const QString& sid) const
{
    return m_calls.value(sid).get();
}

const FakeTwilioService::Call* FakeTwilioService::callTo(const QString& number) const
{
    for (auto it = m_order.crbegin(); it != m_order.crend(); ++it) {
        if (m_calls.value(*it)->to == number)
            return m_calls.value(*it).get();
    }
    return nullptr;
}

FakeTwilioService::Call& FakeTwilioService::of(const LoopbackCaller& leg)
{
    return *find(leg.outcome().callSid);
}

void FakeTwilioService::later(Milliseconds wait, std::function<void()> what)
{
    m_due.push_back({m_clock.now() + wait, std::move(what)});
}

void FakeTwilioService::poll()
{
    const Instant now = m_clock.now();
    // In the order of their time, not of the polls.
    for (;;) {
        const auto first = std::min_element(
            m_due.begin(), m_due.end(), [](const Due& one, const Due& other) { return one.at < other.at; });
        if (first == m_due.end() || first->at > now)
            break;
        const auto what = std::move(first->what);
        m_due.erase(first);
        what();
    }
    for (const auto& conference : m_conferences) {
        for (auto& member : conference->members) {
            if (member.hold)
                member.hold->interpreter.advance(now);
        }
    }
}

/// One call a second begins; the others wait.
void FakeTwilioService::startNext()
{
    if (m_queue.isEmpty())
        return;
    const Instant now = m_clock.now();
    if (m_lastStart && now - *m_lastStart < BetweenCalls) {
        later(BetweenCalls - elapsed(*m_lastStart, now), [this] { startNext(); });
        return;
    }
    Call& call = *find(m_queue.takeFirst());
    m_lastStart = now;
    call.queueTime = Milliseconds(call.created.msecsTo(m_clock.wallNow()));
    progress(call, text("initiated"), text("initiated"));
    ring(call);
    startNext();
}

void FakeTwilioService::ring(Call& call)
{
    const QString sid = call.sid;
    const bool isDial = call.direction == text("outbound-dial");
    const auto longest = seconds(call.wish.value(u"Timeout"), isDial ? 30 : 60);
    using Answer = Person::Answer;
    const auto when = [this, sid](Milliseconds wait, const std::function<void(Call&)>& what) {
        later(wait, [this, sid, what] {
            if (Call* one = find(sid); one != nullptr && !one->isFinal())
                what(*one);
        });
    };
    const Person& person = call.person;
    if (person.answer == Answer::Fails) {
        when(UntilRinging, [this](Call& one) { finish(one, text("failed")); });
        return;
    }
    if (person.answer == Answer::Busy) {
        when(UntilRinging, [this](Call& one) { finish(one, text("busy")); });
        return;
    }
    when(UntilRinging, [this](Call& one) {
        one.status = text("ringing");
        progress(one, text("ringing"), text("ringing"));
    });
    if (person.answer == Answer::NoAnswer || person.after >= longest)
        when(UntilRinging + longest, [this](Call& one) { finish(one, text("no-answer")); });
    else
        when(UntilRinging + person.after, [this](Call& one) { pickUp(one); });
}

void FakeTwilioService::pickUp(Call& call)
{
    call.status = text("in-progress");
    call.started = m_clock.wallNow();
    call.answered = m_clock.now();
    progress(call, text("answered"), text("in-progress"));
    const QString sid = call.sid;
    if (const auto limit = seconds(call.wish.value(u"TimeLimit"), 0); limit > std::chrono::seconds(0)) {
        later(limit, [this, sid] {
            if (Call* one = find(sid); one->leg && !one->isFinal())
                one->leg->end();
        });
    }
    const QString detection = call.wish.value(u"MachineDetection");
    if (detection.isEmpty() || call.wish.contains(u"SendDigits")) {
        begin(call, {});
        return;
    }
    const bool isMachine = call.person.answer == Person::Answer::Machine;
    const bool untilBeep = detection == text("DetectMessageEnd");
    const QString verdict = !isMachine ? text("human") : untilBeep ? text("machine_end_beep") : text("machine_start");
    const Milliseconds took = isMachine && untilBeep ? call.person.greeting : HumanDetection;
    const bool isAsync = call.wish.value(u"AsyncAmd") == text("true");
    if (isAsync)
        begin(call, {});
    later(took, [this, sid, verdict, took, isAsync] {
        Call& one = *find(sid);
        if (one.isFinal())
            return;
        one.answeredBy = verdict;
        const QList<FormField> found{
            {text("AnsweredBy"), verdict}, {text("MachineDetectionDuration"), QString::number(took.count())}};
        if (!isAsync) {
            begin(one, found);
            return;
        }
        FormBody form({{text("CallSid"), sid}, {text("AccountSid"), accountSid}});
        for (const FormField& field : found)
            form.append(field.name, field.value);
        tell(QUrl(one.wish.value(u"AsyncAmdStatusCallback")), text("POST"), form);
    });
}

/// Somebody is on the line: the leg obeys.
void FakeTwilioService::begin(Call& call, const QList<FormField>& more)
{
    CallSettings settings;
    const QString url = call.wish.value(u"Url");
    settings.to = QUrl(url);
    if (url.isEmpty())
        settings.twiml = call.wish.value(u"Twiml").toUtf8();
    settings.connectTo = m_engine;
    settings.authToken = authToken;
    settings.from = call.from;
    settings.toNumber = call.to;
    settings.extraFields = more;
    settings.ids = StreamIds{newSid("MZ"), call.sid, accountSid};
    settings.script = call.person.script;
    if (settings.script.empty())
        settings.script = *telephony::parseScript(u"wait-end within 3600s");
    settings.direction = call.direction;
    settings.status = call.direction == text("inbound") ? text("ringing") : text("in-progress");
    settings.parentSid = call.parentSid;
    settings.tellsEnd = false;
    settings.exchange = this;
    call.leg = std::make_unique<LoopbackCaller>(settings, m_clock);
    connect(call.leg.get(), &LoopbackCaller::happened, this,
        [this, sid = call.sid](const telephony::TimelineEvent& event) { find(sid)->heard.append(event); });
    call.leg->start();
}

QString FakeTwilioService::callIn(const QString& from, const QString& to, std::vector<telephony::ScriptStep> script)
{
    const auto number =
        std::find_if(numbers.cbegin(), numbers.cend(), [&](const Number& own) { return own.phoneNumber == to; });
    Q_ASSERT(number != numbers.cend());
    FormBody wish({{text("Url"), number->voiceUrl.toString()}});
    if (!number->statusCallback.isEmpty())
        wish.append(text("StatusCallback"), number->statusCallback.toString());
    Call& call = add(from, to, text("inbound"), wish);
    call.status = text("in-progress");
    call.started = m_clock.wallNow();
    call.answered = m_clock.now();
    call.person = {};
    call.person.script = std::move(script);
    begin(call, {});
    return call.sid;
}

void FakeTwilioService::finish(Call& call, const QString& status)
{
    if (call.isFinal())
        return;
    m_queue.removeAll(call.sid);
    call.status = status;
    call.ended = m_clock.wallNow();
    for (const auto& recording : m_recordings) {
        if (recording->callSid == call.sid && !recording->length)
            endRecording(*recording, text("completed"));
    }
    progress(call, text("completed"), status);
    call.isBridged = false;
    if (!call.parentSid.isEmpty())
        endDialOf(call, status);
}

void FakeTwilioService::endDialOf(Call& child, const QString& status)
{
    Call* parent = find(child.parentSid);
    child.parentSid.clear(); // told once
    if (parent == nullptr || !parent->leg)
        return;
    QList<FormField> fields{{text("DialCallStatus"), status}, {text("DialCallSid"), child.sid}};
    if (child.started.isValid())
        fields.append({text("DialCallDuration"), QString::number(child.started.secsTo(m_clock.wallNow()))});
    // Not from inside of what the leg itself has begun.
    const QString sid = parent->sid;
    later(Milliseconds(0), [this, sid, fields] { find(sid)->leg->dialEnded(fields); });
}

FormBody FakeTwilioService::fields(const Call& call, const QString& status) const
{
    FormBody form({{text("CallSid"), call.sid}, {text("AccountSid"), accountSid}, {text("From"), call.from},
        {text("To"), call.to}, {text("CallStatus"), status}, {text("ApiVersion"), text("2010-04-01")},
        {text("Direction"), call.direction}});
    if (!call.parentSid.isEmpty())
        form.append(text("ParentCallSid"), call.parentSid);
    return form;
}

void FakeTwilioService::progress(Call& call, const QString& event, const QString& status)
{
    const QString url = call.wish.value(u"StatusCallback");
    const QStringList wanted = call.wish.values(u"StatusCallbackEvent");
    if (url.isEmpty() || !(wanted.isEmpty() ? event == text("completed") : wanted.contains(event)))
        return;
    FormBody form = fields(call, status);
    form.append(text("Timestamp"), m_clock.wallNow().toString(Qt::RFC2822Date));
    form.append(text("CallbackSource"), text("call-progress-events"));
    form.append(text("SequenceNumber"), QString::number(call.told++));
    if (event == text("completed")) {
        const qint64 length = call.started.isValid() ? call.started.secsTo(m_clock.wallNow()) : 0;
        form.append(text("CallDuration"), QString::number(length));
        form.append(text("Duration"), QString::number((length + 59) / 60));
        if (!call.answeredBy.isEmpty())
            form.append(text("AnsweredBy"), call.answeredBy);
    }
    const QString method =
        call.wish.contains(u"StatusCallbackMethod") ? call.wish.value(u"StatusCallbackMethod") : text("POST");
    const Fate what = fate ? fate(form) : Fate();
    for (int i = 0; i < what.copies; ++i) {
        if (what.delay > Milliseconds(0))
            later(what.delay, [this, url, method, form] { tell(QUrl(url), method, form); });
        else
            tell(QUrl(url), method, form);
    }
}

void FakeTwilioService::tell(const QUrl& url, const QString& method, const FormBody& form)
{
    callbacks.append({url, form});
    m_webhooks->request(url, method, form, [](int, const QByteArray&, const QByteArray&) {});
}

// ---- legs that meet -------------------------------------------------------------------------------------------------

void FakeTwilioService::dial(LoopbackCaller& leg, const TwimlVerb& verb)
{
    Call& call = of(leg);
    if (const TwimlVerb* noun = verb.child(TwimlVerb::Kind::Conference)) {
        join(call, verb, *noun);
        return;
    }
    const TwimlVerb* noun = verb.child(TwimlVerb::Kind::Number);
    const QString to = noun != nullptr ? noun->text : verb.text;
    const QString callerId = verb.attribute(text("callerId"));
    FormBody wish({{text("Timeout"), QString::number(seconds(verb.attribute(text("timeout")), 30).count())},
        {text("TimeLimit"), QString::number(seconds(verb.attribute(text("timeLimit")), 14400).count())}});
    if (noun != nullptr && !noun->attribute(text("statusCallback")).isEmpty()) {
        wish.append(text("StatusCallback"), noun->attribute(text("statusCallback")));
        const QStringList events =
            noun->attribute(text("statusCallbackEvent")).split(QLatin1Char(' '), Qt::SkipEmptyParts);
        for (const QString& event : events)
            wish.append(text("StatusCallbackEvent"), event);
    }
    const QString whisper = noun != nullptr ? noun->attribute(text("url")) : QString();
    wish.append(whisper.isEmpty() ? text("Twiml") : text("Url"), whisper.isEmpty() ? text("<Response/>") : whisper);
    Call& child = add(callerId.isEmpty() ? call.from : callerId, to, text("outbound-dial"), wish);
    child.parentSid = call.sid;
    child.status = text("queued");
    progress(child, text("initiated"), text("initiated"));
    ring(child);
}

/// The child's own document (the whisper) is through: it is connected to who dialled.
bool FakeTwilioService::keeps(LoopbackCaller& leg)
{
    Call& call = of(leg);
    if (call.parentSid.isEmpty())
        return false;
    call.isBridged = true;
    find(call.parentSid)->isBridged = true;
    return true;
}

void FakeTwilioService::leave(LoopbackCaller& leg)
{
    Call& call = of(leg);
    depart(call);
    // Whom it has dialled is not needed any more.
    const QStringList sids = m_order;
    for (const QString& sid : sids) {
        Call& child = *find(sid);
        if (child.parentSid != call.sid || child.isFinal())
            continue;
        child.parentSid.clear();
        if (child.leg)
            later(Milliseconds(0), [this, sid] { find(sid)->leg->end(); });
        else
            finish(child, text("canceled"));
    }
    call.isBridged = false;
    if (leg.hasEnded())
        finish(call, leg.outcome().finalStatus);
}

QStringList FakeTwilioService::conference(const QString& name) const
{
    QStringList sids;
    for (const auto& conference : m_conferences) {
        for (const auto& member : conference->members) {
            if (conference->name == name)
                sids += member.callSid;
        }
    }
    return sids;
}

void FakeTwilioService::join(Call& call, const TwimlVerb&, const TwimlVerb& noun)
{
    auto found = std::find_if(m_conferences.begin(), m_conferences.end(),
        [&](const auto& conference) { return conference->name == noun.text; });
    if (found == m_conferences.end()) {
        found = m_conferences.insert(found, std::make_unique<Conference>());
        (*found)->name = noun.text;
        (*found)->sid = newSid("CF");
    }
    Conference& conference = **found;
    if (const QString callback = noun.attribute(text("statusCallback"));
        !callback.isEmpty() && conference.callback.isEmpty()) {
        conference.callback = QUrl(callback);
        conference.events = noun.attribute(text("statusCallbackEvent")).split(QLatin1Char(' '), Qt::SkipEmptyParts);
    }
    Conference::Member member;
    member.callSid = call.sid;
    member.starts = flag(noun, "startConferenceOnEnter", true);
    member.ends = flag(noun, "endConferenceOnExit", false);
    member.waitUrl = QUrl(noun.attribute(text("waitUrl")));
    member.waitMethod = noun.attribute(text("waitMethod"));
    call.conference = conference.name;
    const QString beep = noun.attribute(text("beep"));
    if (beep.isEmpty() || beep == text("true") || beep == text("onEnter")) {
        for (const auto& other : conference.members)
            find(other.callSid)->heard.append({Milliseconds(0), text("line"), text("beep"), {}});
    }
    conference.members.push_back(std::move(member));
    conferenceEvent(conference, text("join"), &call);
    settle(conference);
}

/// Who waits, and who talks.
void FakeTwilioService::settle(Conference& conference)
{
    const bool mayStart = std::any_of(
        conference.members.begin(), conference.members.end(), [](const auto& member) { return member.starts; });
    if (!conference.isStarted && mayStart && conference.members.size() > 1) {
        conference.isStarted = true;
        conferenceEvent(conference, text("start"), nullptr);
    }
    for (auto& member : conference.members) {
        if (conference.isStarted)
            member.hold.reset();
        else if (!member.hold && !member.waitUrl.isEmpty())
            member.hold = std::make_unique<Hold>(*this, *find(member.callSid), member.waitUrl,
                member.waitMethod.isEmpty() ? text("POST") : member.waitMethod);
    }
}

void FakeTwilioService::depart(Call& call)
{
    const auto at = std::find_if(m_conferences.begin(), m_conferences.end(),
        [&](const auto& conference) { return !call.conference.isEmpty() && conference->name == call.conference; });
    if (at == m_conferences.end())
        return;
    Conference& conference = **at;
    call.conference.clear();
    const auto member = std::find_if(
        conference.members.begin(), conference.members.end(), [&](const auto& one) { return one.callSid == call.sid; });
    const bool ends = member->ends;
    conference.members.erase(member);
    conferenceEvent(conference, text("leave"), &call);
    if (!ends && !conference.members.empty())
        return;
    conferenceEvent(conference, text("end"), nullptr);
    for (const auto& other : conference.members) {
        find(other.callSid)->conference.clear();
        later(Milliseconds(0), [this, sid = other.callSid] {
            find(sid)->leg->dialEnded({{text("DialCallStatus"), text("completed")}});
        });
    }
    m_conferences.erase(at);
}

void FakeTwilioService::conferenceEvent(Conference& conference, const QString& event, const Call* call)
{
    if (conference.callback.isEmpty() || !conference.events.contains(event))
        return;
    const bool isMember = call != nullptr;
    FormBody form({{text("AccountSid"), accountSid}, {text("ConferenceSid"), conference.sid},
        {text("FriendlyName"), conference.name},
        {text("StatusCallbackEvent"), (isMember ? text("participant-") : text("conference-")) + event},
        {text("SequenceNumber"), QString::number(++conference.told)},
        {text("Timestamp"), m_clock.wallNow().toString(Qt::RFC2822Date)}});
    if (isMember)
        form.append(text("CallSid"), call->sid);
    tell(conference.callback, text("POST"), form);
}

} // namespace kav::test
