// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twiliorest.h"

#include "engine/providers/http/vendor.h"
#include "engine/providers/redaction.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRandomGenerator>
#include <QRegularExpression>
#include <QTimer>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace kav::telephony {

namespace {

constexpr int Tries = 4, HangUpTries = 8;
constexpr Milliseconds FirstWait{200}, ShortestWait{100}, LongestWait{3000};
/// A call does not wait longer for anything; whoever asked is told and decides.
constexpr Milliseconds LongestRetryAfter{30'000};
constexpr Milliseconds UpdateTimeout{10'000};
/// How often it is looked whether a wait is over.
constexpr Milliseconds WaitCheck{20};
constexpr int PageSize = 50;
constexpr qsizetype MaxTwiml = 4000;

using Parameters = QList<std::pair<const char*, QString>>;

/// As the vendor's own libraries write it: a space is %20, and ~ stays.
QByteArray encoded(const Parameters& parameters)
{
    QByteArray text;
    for (const auto& [name, value] : parameters) {
        if (!text.isEmpty())
            text += '&';
        text += QUrl::toPercentEncoding(QLatin1String(name)) + '=' + QUrl::toPercentEncoding(value);
    }
    return text;
}

QString written(const QUrl& url)
{
    return QString::fromLatin1(url.toEncoded());
}

bool isSid(const QString& text, QLatin1String prefix)
{
    static const QRegularExpression hex(QStringLiteral("\\A[0-9a-fA-F]{32}\\z"));
    return text.startsWith(prefix) && hex.match(text.mid(2)).hasMatch();
}

/// Twilio writes numbers as strings, as numbers, or null.
std::optional<qint64> numberIn(const QJsonValue& value)
{
    bool ok = value.isDouble();
    const qint64 number = ok ? qint64(value.toDouble()) : value.toString().toLongLong(&ok);
    return ok && number >= 0 ? std::optional(number) : std::nullopt;
}

QDateTime timeIn(const QJsonValue& value)
{
    return QDateTime::fromString(value.toString(), Qt::RFC2822Date).toUTC();
}

CallResource callIn(const QJsonObject& json)
{
    const auto text = [&json](const char* name) { return json.value(QLatin1String(name)).toString(); };
    CallResource call;
    call.sid = text("sid");
    call.parentSid = text("parent_call_sid");
    call.accountSid = text("account_sid");
    call.from = text("from");
    call.to = text("to");
    call.status = text("status");
    call.direction = text("direction");
    call.answeredBy = text("answered_by");
    call.startTime = timeIn(json.value(QLatin1String("start_time")));
    call.endTime = timeIn(json.value(QLatin1String("end_time")));
    if (const auto seconds = numberIn(json.value(QLatin1String("duration"))))
        call.duration = std::chrono::seconds(*seconds);
    if (const auto wait = numberIn(json.value(QLatin1String("queue_time"))))
        call.queueTime = Milliseconds(*wait);
    call.price = text("price");
    call.priceUnit = text("price_unit");
    return call;
}

RecordingResource recordingIn(const QJsonObject& json)
{
    RecordingResource recording;
    recording.sid = json.value(QLatin1String("sid")).toString();
    recording.callSid = json.value(QLatin1String("call_sid")).toString();
    recording.status = json.value(QLatin1String("status")).toString();
    recording.startTime = timeIn(json.value(QLatin1String("start_time")));
    if (const auto seconds = numberIn(json.value(QLatin1String("duration"))))
        recording.duration = std::chrono::seconds(*seconds);
    recording.channels = int(numberIn(json.value(QLatin1String("channels"))).value_or(0));
    return recording;
}

NumberResource numberResourceIn(const QJsonObject& json)
{
    const auto text = [&json](const char* name) { return json.value(QLatin1String(name)).toString(); };
    return {text("sid"), text("phone_number"), text("voice_url"), text("voice_method"), text("status_callback")};
}

/// Twilio repeats in its errors what it was sent.
QString withoutNumbers(QString text)
{
    static const QRegularExpression number(QStringLiteral("\\+?\\d(?:[ ().-]{0,2}\\d){6,30}"));
    QString result;
    qsizetype from = 0;
    text.truncate(4096);
    for (auto matches = number.globalMatch(text); matches.hasNext();) {
        const QRegularExpressionMatch match = matches.next();
        result += QStringView(text).mid(from, match.capturedStart() - from);
        result += maskNumber(match.captured().remove(QRegularExpression(QStringLiteral("[^+\\d]"))));
        from = match.capturedEnd();
    }
    return result + QStringView(text).mid(from);
}

Error invalid(const QString& what)
{
    return {Error::Code::Invalid, what, {}};
}

/// What is wrong with it before anybody is asked; empty: nothing.
QString faultOf(const NewCall& call)
{
    if (call.to.isEmpty() || call.from.isEmpty())
        return QStringLiteral("a call needs a number to call and one to call from");
    if (call.url.isEmpty() == call.twiml.isEmpty())
        return QStringLiteral("a call needs either a URL or TwiML");
    if (QString::fromUtf8(call.twiml).size() > MaxTwiml)
        return QStringLiteral("TwiML of a call is at most %1 characters long").arg(MaxTwiml);
    if (call.ring < std::chrono::seconds(1) || call.ring > std::chrono::seconds(600))
        return QStringLiteral("a call rings between 1 and 600 seconds");
    if (call.longest < std::chrono::seconds(0))
        return QStringLiteral("a call's longest time is not negative");
    static const QRegularExpression keys(QStringLiteral("\\A[0-9*#wW]{0,32}\\z"));
    if (!keys.match(call.sendDigits).hasMatch())
        return QStringLiteral("keys are 0-9 * # w W, 32 at most");
    return {};
}

QString faultOfSid(const QString& sid, QLatin1String prefix)
{
    return isSid(sid, prefix) ? QString() : QStringLiteral("%1 is no SID of Twilio's").arg(logSafe(sid, 40));
}

QString faultOfCall(const QString& sid)
{
    return faultOfSid(sid, QLatin1String("CA"));
}

} // namespace

// ---- settings and values --------------------------------------------------------------------------------------------

bool RestSettings::isUsable() const
{
    return !accountSid.isEmpty() && (!authToken.isEmpty() || (!apiKeySid.isEmpty() && !apiKeySecret.isEmpty()));
}

QString RestSettings::host() const
{
    if (!apiUrl.isEmpty()) {
        QString url = apiUrl;
        while (url.endsWith(QLatin1Char('/')))
            url.chop(1);
        return url;
    }
    QString name = QStringLiteral("https://api.");
    if (!edge.isEmpty())
        name += edge + QLatin1Char('.');
    if (!region.isEmpty() || !edge.isEmpty())
        name += (region.isEmpty() ? QStringLiteral("us1") : region) + QLatin1Char('.');
    return name + QStringLiteral("twilio.com");
}

bool CallResource::isFinal() const
{
    return status == QLatin1String("completed") || status == QLatin1String("busy")
        || status == QLatin1String("no-answer") || status == QLatin1String("failed")
        || status == QLatin1String("canceled");
}

// ---- one request, and its tries -------------------------------------------------------------------------------------

struct RestRequest final {
    QByteArray method;
    QString path; ///< below the account: "/Calls.json"; ".json" is the account itself
    QByteArray query, body;
    bool isRepeatable = false; ///< carried out twice, it does no more than once
    int tries = Tries;
    Milliseconds timeout{0}; ///< 0: the settings'
};

/// What came of it: a 2xx with its body, or the error.
using RestDone = std::function<void(const Result<QJsonObject>&)>;

namespace {

RestRequest get(const QString& path, const Parameters& parameters = {})
{
    return {"GET", path, encoded(parameters), {}, true};
}

RestRequest post(const QString& path, const Parameters& parameters)
{
    return {"POST", path, {}, encoded(parameters)};
}

/// An update that says how a call shall be.
RestRequest setTo(const QString& callSid, const Parameters& parameters)
{
    RestRequest request = post(QStringLiteral("/Calls/%1.json").arg(callSid), parameters);
    request.isRepeatable = true;
    request.timeout = UpdateTimeout;
    return request;
}

Error notUnderstood(const QString& host)
{
    return {Error::Code::Unavailable, QStringLiteral("the answer of %1 is not understood").arg(host), {}};
}

} // namespace

struct TwilioRest::Private final {
    struct Asked final {
        RestRequest request;
        RestDone done;
        std::optional<Error> refused; ///< never sent
        std::unique_ptr<providers::HttpCall> call; ///< null while it waits
        QByteArray answer;
        Instant due;
        int tried = 0;
        QString about; ///< the call that it was asked for, or none: `done` logs for that
    };

    Private(TwilioRest& owner, RestSettings given, providers::HttpPool& pool, const Clock& time,
        std::function<double()> jitter)
        : q(owner)
        , settings(std::move(given))
        , http(pool)
        , clock(time)
        , random(std::move(jitter))
    {
        if (!random)
            random = [] { return QRandomGenerator::system()->generateDouble(); };
        waits.setInterval(WaitCheck);
        QObject::connect(&waits, &QTimer::timeout, &q, [this] { sendDue(); });
    }

    /// A fault of what is asked or of the settings is told later, like every other.
    void ask(RestRequest request, RestDone done, const QString& fault = {})
    {
        KAV_ASSERT_THREAD(&q);
        const quint64 id = next++;
        Asked& asked = all[id];
        asked.request = std::move(request);
        asked.done = std::move(done);
        asked.about = LogCall::current();
        if (!fault.isEmpty())
            asked.refused = invalid(fault);
        else if (const auto usable = checkSettings(); !usable)
            asked.refused = usable.error();
        if (asked.refused)
            QMetaObject::invokeMethod(
                &q, [this, id] { finish(id, *all.at(id).refused); }, Qt::QueuedConnection);
        else
            send(id);
    }

    Result<void> checkSettings() const
    {
        if (!settings.isUsable() || !isSid(settings.accountSid, QLatin1String("AC")))
            return Error{
                Error::Code::Denied, QStringLiteral("there is no Twilio account, or nothing to sign in with"), {}};
        const QUrl url(settings.host(), QUrl::StrictMode);
        if (!url.isValid() || url.host().isEmpty())
            return invalid(QStringLiteral("the address of Twilio's REST service is no URL"));
        return providers::checkKeyForm(user() + QString::fromUtf8(secret()), url.host());
    }

    bool signsInWithKey() const { return !settings.apiKeySid.isEmpty() && !settings.apiKeySecret.isEmpty(); }
    QString user() const { return signsInWithKey() ? settings.apiKeySid : settings.accountSid; }
    QByteArray secret() const { return signsInWithKey() ? settings.apiKeySecret : settings.authToken; }
    QString hostName() const
    {
        const QUrl url(settings.host());
        return url.port() > 0 ? QStringLiteral("%1:%2").arg(url.host()).arg(url.port()) : url.host();
    }

    void send(quint64 id)
    {
        Asked& asked = all.at(id);
        counters.retries += asked.tried++ > 0;
        asked.answer.clear();
        const Milliseconds timeout = asked.request.timeout > Milliseconds(0)
            ? std::min(asked.request.timeout, settings.timeout)
            : settings.timeout;
        providers::HttpRequest request;
        QByteArray url = settings.host().toUtf8() + "/2010-04-01/Accounts/" + settings.accountSid.toLatin1()
            + asked.request.path.toLatin1();
        if (!asked.request.query.isEmpty())
            url += '?' + asked.request.query;
        request.url = QUrl::fromEncoded(url, QUrl::StrictMode);
        request.method = asked.request.method;
        request.headers = {{"Accept", "application/json"},
            {"Authorization", "Basic " + QByteArray(user().toUtf8() + ':' + secret()).toBase64()}};
        if (asked.request.method == "POST")
            request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
        request.body = asked.request.body;
        request.once = asked.request.method == "POST" && !asked.request.isRepeatable;
        request.firstByte = request.stall = request.total = timeout;
        asked.call = http.start(request);
        providers::HttpCall* const call = asked.call.get();
        QObject::connect(
            call, &providers::HttpCall::data, &q, [this, id](const QByteArray& bytes) { all.at(id).answer += bytes; });
        QObject::connect(call, &providers::HttpCall::finished, &q, [this, id] {
            // Some answers are empty (204). Who needs a field finds that it is not there.
            finish(id, QJsonDocument::fromJson(all.at(id).answer).object());
        });
        QObject::connect(call, &providers::HttpCall::failed, &q,
            [this, id, call](const Error& error) { onFailed(id, call->status(), error); });
    }

    void onFailed(quint64 id, int status, const Error& error)
    {
        Asked& asked = all.at(id);
        const bool wasNotCarriedOut = status == 429;
        const bool mayPass = error.code == Error::Code::Unavailable || error.code == Error::Code::Timeout;
        const bool again = asked.tried < asked.request.tries && error.retryAfter <= LongestRetryAfter
            && (wasNotCarriedOut || (mayPass && asked.request.isRepeatable));
        if (!again) {
            finish(id, explained(status, error));
            return;
        }
        const auto doubled = std::min(LongestWait, FirstWait * (1 << (asked.tried - 1)));
        const auto jittered = std::max(ShortestWait, Milliseconds(qint64(double(doubled.count()) * random())));
        asked.call.reset();
        asked.due = clock.now() + std::max(jittered, error.retryAfter);
        waits.start();
    }

    void sendDue()
    {
        bool isAnyWaiting = false;
        const Instant now = clock.now();
        std::vector<quint64> due;
        for (const auto& [id, asked] : all) {
            if (asked.call || asked.refused)
                continue;
            if (asked.due <= now)
                due.push_back(id);
            else
                isAnyWaiting = true;
        }
        if (!isAnyWaiting)
            waits.stop();
        for (const quint64 id : due)
            send(id);
    }

    void finish(quint64 id, const Result<QJsonObject>& result)
    {
        ++(result ? counters.done : counters.failed);
        // Out of the list first: `done` may ask for more, or delete the client.
        const auto node = all.extract(id);
        const LogCall call(node.mapped().about);
        node.mapped().done(result);
    }

    /// The transport's error in Twilio's words, where it said any.
    Error explained(int status, const Error& error) const
    {
        if (status >= 200 && status <= 299 && error.code == Error::Code::Invalid)
            return notUnderstood(hostName()); // endless: whatever it is, it is no answer
        if (status == 0 || (status >= 200 && status <= 299))
            return withDetail(error, error.detail);
        // As {code, message, more_info, status}, or as RFC 9457 has it; or nothing, or a page of some proxy's.
        const QJsonObject json = QJsonDocument::fromJson(error.detail.toUtf8()).object();
        const auto text = [&json](const char* name) { return json.value(QLatin1String(name)).toString(); };
        QString words = text("message");
        QString more = text("more_info");
        if (words.isEmpty()) {
            words = text("detail").isEmpty() ? text("title") : text("detail");
            more = text("type");
        }
        const auto code = numberIn(json.value(QLatin1String("code")));
        if (words.isEmpty() && !code)
            return withDetail(error, error.detail);
        if (words.isEmpty())
            words = QStringLiteral("no reason given");
        if (code)
            words += QStringLiteral(" (%1)").arg(*code);
        Error said = withDetail(error, more);
        said.message = QStringLiteral("%1 answered %2: %3").arg(hostName()).arg(status).arg(safe(words));
        return said;
    }

    QString safe(const QString& text) const
    {
        return providers::safeReason(
            withoutNumbers(text), {QString::fromUtf8(settings.authToken), QString::fromUtf8(settings.apiKeySecret)});
    }

    Error withDetail(Error error, const QString& detail) const
    {
        error.detail = safe(detail);
        return error;
    }

    // What a caller of the class gets, from the JSON.
    template <typename T> RestDone one(Done<T> done, T (*read)(const QJsonObject&)) const
    {
        return [done = std::move(done), read, host = hostName()](const Result<QJsonObject>& result) {
            if (!result) {
                done(result.error());
                return;
            }
            T value = read(*result);
            if (value.sid.isEmpty())
                done(notUnderstood(host));
            else
                done(std::move(value));
        };
    }
    template <typename T> RestDone many(Done<QList<T>> done, const char* name, T (*read)(const QJsonObject&)) const
    {
        return [done = std::move(done), name, read, host = hostName()](const Result<QJsonObject>& result) {
            if (!result) {
                done(result.error());
                return;
            }
            const QJsonValue list = result->value(QLatin1String(name));
            if (!list.isArray()) {
                done(notUnderstood(host));
                return;
            }
            QList<T> values;
            for (const QJsonValue item : list.toArray())
                values.append(read(item.toObject()));
            done(std::move(values));
        };
    }
    /// That it is gone already is as good.
    static RestDone gone(Done<void> done)
    {
        return [done = std::move(done)](const Result<QJsonObject>& result) {
            if (result || result.error().code == Error::Code::NotFound)
                done({});
            else
                done(result.error());
        };
    }
    void end(const QString& callSid, const QString& status, Done<void> done)
    {
        RestRequest request = setTo(callSid, {{"Status", status}});
        request.tries = HangUpTries;
        const QString fault = faultOfCall(callSid);
        auto told = [this, callSid, fault, done = gone(std::move(done))](const Result<QJsonObject>& result) {
            if (result || !fault.isEmpty() || result.error().code != Error::Code::Invalid) {
                done(result);
                return;
            }
            // Refused, perhaps because it has ended: what counts is how it is, not the reason's number.
            q.fetchCall(callSid, [done, refusal = result.error()](const Result<CallResource>& call) {
                if (call && !call->isFinal())
                    done(refusal);
                else if (call)
                    done(QJsonObject());
                else
                    done(call.error());
            });
        };
        ask(std::move(request), std::move(told), fault);
    }

    TwilioRest& q;
    const RestSettings settings;
    providers::HttpPool& http;
    const Clock& clock;
    std::function<double()> random;
    std::map<quint64, Asked> all;
    Counters counters;
    quint64 next = 1;
    QTimer waits;
};

// ---- what can be asked ----------------------------------------------------------------------------------------------

TwilioRest::TwilioRest(RestSettings settings, providers::HttpPool& http, const Clock& clock,
    std::function<double()> random, QObject* parent)
    : QObject(parent)
    , d(std::make_unique<Private>(*this, std::move(settings), http, clock, std::move(random)))
{
}

TwilioRest::~TwilioRest() = default;

const RestSettings& TwilioRest::settings() const
{
    return d->settings;
}

const TwilioRest::Counters& TwilioRest::counters() const
{
    return d->counters;
}

int TwilioRest::pending() const
{
    return int(d->all.size());
}

void TwilioRest::createCall(const NewCall& call, Done<CallResource> done)
{
    Parameters form{{"To", call.to}, {"From", call.from}};
    if (!call.url.isEmpty())
        form.append({"Method", QStringLiteral("POST")});
    if (!call.statusCallback.isEmpty()) {
        form.append({"StatusCallback", written(call.statusCallback)});
        for (const char* event : {"initiated", "ringing", "answered", "completed"})
            form.append({"StatusCallbackEvent", QLatin1String(event)});
        form.append({"StatusCallbackMethod", QStringLiteral("POST")});
    }
    if (!call.sendDigits.isEmpty())
        form.append({"SendDigits", call.sendDigits});
    if (call.ring != NewCall().ring)
        form.append({"Timeout", QString::number(call.ring.count())});
    if (call.detection != MachineDetection::Off && call.sendDigits.isEmpty()) {
        form.append({"MachineDetection",
            call.detection == MachineDetection::Detect ? QStringLiteral("Enable")
                                                       : QStringLiteral("DetectMessageEnd")});
        if (!call.detectionCallback.isEmpty()) {
            form.append({"AsyncAmd", QStringLiteral("true")});
            form.append({"AsyncAmdStatusCallback", written(call.detectionCallback)});
        }
    }
    if (call.longest > std::chrono::seconds(0))
        form.append({"TimeLimit", QString::number(call.longest.count())});
    if (!call.url.isEmpty())
        form.append({"Url", written(call.url)});
    else
        form.append({"Twiml", QString::fromUtf8(call.twiml)});
    d->ask(post(QStringLiteral("/Calls.json"), form), d->one(std::move(done), &callIn), faultOf(call));
}

void TwilioRest::fetchCall(const QString& callSid, Done<CallResource> done)
{
    d->ask(get(QStringLiteral("/Calls/%1.json").arg(callSid)), d->one(std::move(done), &callIn), faultOfCall(callSid));
}

void TwilioRest::listCalls(const CallFilter& filter, Done<QList<CallResource>> done)
{
    Parameters query;
    if (!filter.to.isEmpty())
        query.append({"To", filter.to});
    if (!filter.from.isEmpty())
        query.append({"From", filter.from});
    if (!filter.status.isEmpty())
        query.append({"Status", filter.status});
    if (filter.startedAfter.isValid())
        query.append({"StartTime>", filter.startedAfter.toUTC().toString(QStringLiteral("yyyy-MM-ddTHH:mm:ssZ"))});
    query.append({"PageSize", QString::number(std::clamp(filter.pageSize, 1, 1000))});
    d->ask(get(QStringLiteral("/Calls.json"), query), d->many(std::move(done), "calls", &callIn));
}

void TwilioRest::redirect(const QString& callSid, const QUrl& url, Done<CallResource> done)
{
    d->ask(setTo(callSid, {{"Url", written(url)}, {"Method", QStringLiteral("POST")}}),
        d->one(std::move(done), &callIn), faultOfCall(callSid));
}

void TwilioRest::redirectTo(const QString& callSid, const QByteArray& twiml, Done<CallResource> done)
{
    const QString text = QString::fromUtf8(twiml);
    const QString fault = text.size() > MaxTwiml
        ? QStringLiteral("TwiML of a call is at most %1 characters long").arg(MaxTwiml)
        : faultOfCall(callSid);
    d->ask(setTo(callSid, {{"Twiml", text}}), d->one(std::move(done), &callIn), fault);
}

void TwilioRest::hangUp(const QString& callSid, Done<void> done)
{
    d->end(callSid, QStringLiteral("completed"), std::move(done));
}

void TwilioRest::cancel(const QString& callSid, Done<void> done)
{
    d->end(callSid, QStringLiteral("canceled"), std::move(done));
}

void TwilioRest::startRecording(const QString& callSid, const QUrl& statusCallback, Done<RecordingResource> done)
{
    Parameters form;
    if (!statusCallback.isEmpty()) {
        for (const char* event : {"in-progress", "completed", "absent"})
            form.append({"RecordingStatusCallbackEvent", QLatin1String(event)});
        form.append({"RecordingStatusCallback", written(statusCallback)});
        form.append({"RecordingStatusCallbackMethod", QStringLiteral("POST")});
    }
    form.append({"RecordingChannels", QStringLiteral("dual")});
    d->ask(post(QStringLiteral("/Calls/%1/Recordings.json").arg(callSid), form), d->one(std::move(done), &recordingIn),
        faultOfCall(callSid));
}

void TwilioRest::updateRecording(const QString& callSid, const QString& status, Done<RecordingResource> done)
{
    RestRequest request =
        post(QStringLiteral("/Calls/%1/Recordings/Twilio.CURRENT.json").arg(callSid), {{"Status", status}});
    request.isRepeatable = true;
    request.timeout = UpdateTimeout;
    const bool isKnown = status == QLatin1String("paused") || status == QLatin1String("in-progress")
        || status == QLatin1String("stopped");
    d->ask(std::move(request), d->one(std::move(done), &recordingIn),
        isKnown ? faultOfCall(callSid) : QStringLiteral("%1 is no state of a recording").arg(logSafe(status, 40)));
}

void TwilioRest::listRecordings(const QString& callSid, Done<QList<RecordingResource>> done)
{
    d->ask(get(QStringLiteral("/Calls/%1/Recordings.json").arg(callSid), {{"PageSize", QString::number(PageSize)}}),
        d->many(std::move(done), "recordings", &recordingIn), faultOfCall(callSid));
}

void TwilioRest::deleteRecording(const QString& recordingSid, Done<void> done)
{
    d->ask({"DELETE", QStringLiteral("/Recordings/%1.json").arg(recordingSid), {}, {}, true},
        Private::gone(std::move(done)), faultOfSid(recordingSid, QLatin1String("RE")));
}

void TwilioRest::checkCredentials(Done<void> done)
{
    d->ask(get(QStringLiteral(".json")),
        [done = std::move(done), host = d->hostName()](const Result<QJsonObject>& result) {
            if (!result) {
                done(result.error());
                return;
            }
            const QString status = result->value(QLatin1String("status")).toString();
            if (!isSid(result->value(QLatin1String("sid")).toString(), QLatin1String("AC")))
                done(notUnderstood(host));
            else if (!status.isEmpty() && status != QLatin1String("active"))
                done(Error{
                    Error::Code::Denied, QStringLiteral("the Twilio account is %1").arg(logSafe(status, 40)), {}});
            else
                done({});
        });
}

void TwilioRest::listNumbers(const QString& phoneNumber, Done<QList<NumberResource>> done)
{
    Parameters query;
    if (!phoneNumber.isEmpty())
        query.append({"PhoneNumber", phoneNumber});
    query.append({"PageSize", QString::number(PageSize)});
    d->ask(get(QStringLiteral("/IncomingPhoneNumbers.json"), query),
        d->many(std::move(done), "incoming_phone_numbers", &numberResourceIn));
}

} // namespace kav::telephony
