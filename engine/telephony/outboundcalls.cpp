// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/outboundcalls.h"

#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QPointer>
#include <QRandomGenerator>
#include <QRegularExpression>
#include <QUrlQuery>

#include <algorithm>
#include <array>

namespace kav::telephony {

namespace {

constexpr Milliseconds LookEvery{50};
// From Twilio's silence to the looks in its list of calls: what it has made stands there at once, or nearly.
constexpr std::array<Milliseconds, 3> UntilLook{Milliseconds(1000), Milliseconds(3000), Milliseconds(8000)};
// A call begun so long before it was asked for cannot be it; clocks differ.
constexpr Milliseconds ClockSlack{5000};
constexpr std::size_t GivenUpKept = 256;
// No number of a person is shorter, with its country code; every emergency and service number is.
constexpr int ShortestNumber = 8;

Error refusal(const QString& what)
{
    return {Error::Code::Invalid, what, {}};
}

bool isWholeNumber(const QString& text)
{
    static const QRegularExpression shape(QStringLiteral("\\A\\+[1-9][0-9]{1,14}\\z"));
    return shape.match(text).hasMatch();
}

bool isAllowed(const QString& number, const QStringList& allow)
{
    return std::any_of(allow.cbegin(), allow.cend(), [&number](const QString& entry) {
        return entry.endsWith(QLatin1Char('*')) ? number.startsWith(QStringView(entry).chopped(1)) : number == entry;
    });
}

QUrl publicAddress(const OutboundSettings& settings, const QString& path, const QUrlQuery& query)
{
    QUrl url(settings.publicUrl + path);
    if (!query.isEmpty())
        url.setQuery(query);
    return url;
}

} // namespace

bool isAllowEntry(const QString& entry)
{
    static const QRegularExpression shape(QStringLiteral("\\A\\+[1-9][0-9]{0,14}\\*?\\z"));
    return shape.match(entry).hasMatch() && (entry.endsWith(QLatin1Char('*')) || entry.size() > ShortestNumber);
}

Result<OutboundRequest> checkOutbound(
    OutboundRequest request, const OutboundSettings& settings, const RestSettings& rest)
{
    if (!isWholeNumber(request.to))
        return refusal(QStringLiteral("the number is not written like +972501234567"));
    if (request.to.size() - 1 < ShortestNumber)
        return refusal(QStringLiteral("emergency and short numbers are never called"));
    if (settings.allow.isEmpty())
        return refusal(QStringLiteral("nobody may be called: outbound.allow is empty"));
    if (!isAllowed(request.to, settings.allow))
        return refusal(QStringLiteral("%1 is not in outbound.allow").arg(maskNumber(request.to)));
    if (!rest.isUsable())
        return refusal(QStringLiteral("calls cannot be made without twilio.account_sid and twilio.auth_token"));
    if (settings.publicUrl.isEmpty())
        return refusal(QStringLiteral("calls cannot be made without server.public_url"));
    if (request.from.isEmpty())
        request.from = settings.numbers.value(0);
    if (request.from.isEmpty())
        return refusal(QStringLiteral("there is no number to call from: set twilio.number"));
    if (!isWholeNumber(request.from))
        return refusal(QStringLiteral("the number to call from is not written like +97231234567"));
    if (request.from == request.to)
        return refusal(QStringLiteral("a number cannot call itself"));
    return request;
}

NewCall newCallFor(const OutboundRequest& request, const OutboundSettings& settings, const QString& placing)
{
    QUrlQuery query;
    if (!request.persona.isEmpty())
        query.addQueryItem(QStringLiteral("persona"), QString::fromLatin1(QUrl::toPercentEncoding(request.persona)));
    if (!placing.isEmpty())
        query.addQueryItem(QStringLiteral("placed"), placing);
    NewCall call;
    call.to = request.to;
    call.from = request.from;
    call.url = publicAddress(settings, QStringLiteral("/webhook/outbound_call"), query);
    call.statusCallback = publicAddress(settings, QStringLiteral("/webhook/call_status"), query);
    call.ring = settings.ring;
    call.longest = settings.longest;
    call.detection = request.detection;
    if (request.detection != MachineDetection::Off)
        call.detectionCallback = publicAddress(settings, QStringLiteral("/webhook/amd"), query);
    return call;
}

OutboundCalls::OutboundCalls(OutboundSettings settings, TwilioRest* rest, const Clock& clock, QObject* parent)
    : QObject(parent)
    , m_settings(std::move(settings))
    , m_rest(rest)
    , m_clock(clock)
{
    connect(&m_timer, &QTimer::timeout, this, &OutboundCalls::work);
}

OutboundCalls::~OutboundCalls() = default;

int OutboundCalls::live() const
{
    return int(m_placings.size()) - waiting();
}

Result<QString> OutboundCalls::place(const OutboundRequest& wanted)
{
    const auto request = checkOutbound(wanted, m_settings, m_rest ? m_rest->settings() : RestSettings{});
    if (!request)
        return request.error();
    for (const Placing& other : std::as_const(m_placings)) {
        if (other.call.request.to == request->to)
            return Error{
                Error::Code::Invalid, QStringLiteral("%1 is being called already").arg(maskNumber(request->to)), {}};
    }
    if (waiting() >= m_settings.waiting) {
        return Error{Error::Code::LimitExceeded, QStringLiteral("%1 calls wait for their turn").arg(waiting()), {}};
    }
    Placing placing;
    placing.call.id = QStringLiteral("OUT%1").arg(QRandomGenerator::system()->generate64(), 16, 16, QLatin1Char('0'));
    placing.call.request = *request;
    placing.call.askedAt = m_clock.wallNow();
    const QString id = placing.call.id;
    const PlacedCall call = placing.call;
    m_placings.insert(id, std::move(placing));
    m_queue.push_back(id);
    const LogCall logged(id);
    qCInfo(lcApp).noquote() << id << "a call to" << maskNumber(request->to) << "is asked for";
    m_timer.start(LookEvery);
    Q_EMIT changed(call);
    // Not from in here: whoever asked learns the id first.
    QMetaObject::invokeMethod(this, &OutboundCalls::work, Qt::QueuedConnection);
    return id;
}

void OutboundCalls::work()
{
    const Instant now = m_clock.now();
    const Milliseconds between(1000 / std::max(1, m_settings.callsPerSecond));
    if (!m_queue.empty() && live() < m_settings.live && (!m_lastCreate || elapsed(*m_lastCreate, now) >= between)) {
        const QString id = m_queue.front();
        m_queue.pop_front();
        m_lastCreate = now;
        create(id);
    }
    QStringList due;
    bool isLooking = false;
    for (auto it = m_placings.begin(); it != m_placings.end(); ++it) {
        isLooking = isLooking || it->call.state == PlacedCall::State::Creating;
        if (it->lookAt && now >= *it->lookAt) {
            it->lookAt.reset();
            due += it.key();
        }
    }
    for (const QString& id : std::as_const(due))
        look(id);
    if (m_queue.empty() && !isLooking)
        m_timer.stop();
}

void OutboundCalls::create(const QString& id)
{
    const LogCall logged(id);
    Placing& placing = m_placings[id];
    placing.call.state = PlacedCall::State::Creating;
    placing.created = m_clock.now();
    m_rest->createCall(newCallFor(placing.call.request, m_settings, id),
        [this, id](const Result<CallResource>& result) { created(id, result); });
    const PlacedCall call = placing.call;
    Q_EMIT changed(call);
}

void OutboundCalls::created(const QString& id, const Result<CallResource>& result)
{
    const LogCall logged(id);
    const auto placing = m_placings.find(id);
    if (placing == m_placings.end() || placing->call.state != PlacedCall::State::Creating)
        return; // a callback was faster
    if (result) {
        adopt(id, result->sid);
        return;
    }
    const Error& error = result.error();
    if (error.code != Error::Code::Unavailable && error.code != Error::Code::Timeout) {
        fail(id, error.message);
        return;
    }
    qCWarning(lcApp).noquote() << id
                               << "Twilio has not said whether it makes the call; it is looked for:" << error.message;
    placing->fault = error.message;
    placing->lookAt = m_clock.now() + UntilLook[0];
    m_timer.start(LookEvery);
}

void OutboundCalls::look(const QString& id)
{
    const LogCall logged(id);
    const Placing& placing = m_placings[id];
    // Not by its start: a call that waits or rings has none.
    CallFilter filter;
    filter.to = placing.call.request.to;
    filter.from = placing.call.request.from;
    m_rest->listCalls(filter, [this, id](const Result<QList<CallResource>>& result) { looked(id, result); });
}

void OutboundCalls::looked(const QString& id, const Result<QList<CallResource>>& result)
{
    const auto placing = m_placings.find(id);
    if (placing == m_placings.end() || placing->call.state != PlacedCall::State::Creating)
        return;
    if (result) {
        const QDateTime earliest =
            m_clock.wallNow().addMSecs(-(elapsed(placing->created, m_clock.now()) + ClockSlack).count());
        for (const CallResource& call : *result) {
            const bool isRecent = call.startTime.isValid() ? call.startTime >= earliest : !call.isFinal();
            if (isRecent && !isKnown(call.sid)) {
                adopt(id, call.sid);
                return;
            }
        }
    }
    if (++placing->looks < int(UntilLook.size())) {
        placing->lookAt = m_clock.now() + UntilLook[size_t(placing->looks)];
        return;
    }
    const QString fault = placing->fault;
    m_givenUp.push_back(id);
    if (m_givenUp.size() > GivenUpKept)
        m_givenUp.pop_front();
    fail(id, fault);
}

void OutboundCalls::adopt(const QString& id, const QString& callSid)
{
    const LogCall logged(callSid);
    Placing& placing = m_placings[id];
    placing.call.state = PlacedCall::State::Placed;
    placing.call.callSid = callSid;
    placing.lookAt.reset();
    m_idBySid.insert(callSid, id);
    qCInfo(lcApp).noquote() << callSid << "is the call" << id << "to" << maskNumber(placing.call.request.to);
    const PlacedCall call = placing.call;
    const QList<Done> enders = std::exchange(placing.enders, {});
    Q_EMIT changed(call);
    for (const Done& done : enders)
        endAtTwilio(callSid, done);
}

void OutboundCalls::fail(const QString& id, const QString& problem)
{
    const LogCall logged(id);
    Placing placing = m_placings.take(id);
    placing.call.state = placing.enders.isEmpty() ? PlacedCall::State::Failed : PlacedCall::State::Canceled;
    placing.call.problem = problem;
    qCWarning(lcApp).noquote() << id << "the call to" << maskNumber(placing.call.request.to)
                               << "was not made:" << problem;
    Q_EMIT changed(placing.call);
    for (const Done& done : std::as_const(placing.enders))
        done({});
}

bool OutboundCalls::end(const QString& named, const Done& done)
{
    const QString id = m_idBySid.value(named, named);
    const auto placing = m_placings.find(id);
    if (placing == m_placings.end())
        return false;
    switch (placing->call.state) {
    case PlacedCall::State::Waiting: {
        m_queue.remove(id);
        PlacedCall call = m_placings.take(id).call;
        call.state = PlacedCall::State::Canceled;
        Q_EMIT changed(call);
        done({});
        return true;
    }
    case PlacedCall::State::Creating:
        placing->enders += done;
        return true;
    case PlacedCall::State::Placed:
        endAtTwilio(placing->call.callSid, done);
        return true;
    case PlacedCall::State::Failed:
    case PlacedCall::State::Canceled:
        break;
    }
    return false;
}

void OutboundCalls::cancelWaiting(const QString& why)
{
    while (!m_queue.empty()) {
        PlacedCall call = m_placings.take(m_queue.front()).call;
        m_queue.pop_front();
        call.state = PlacedCall::State::Canceled;
        call.problem = why;
        const LogCall logged(call.id);
        qCInfo(lcApp).noquote() << call.id << "the call to" << maskNumber(call.request.to) << "is not made:" << why;
        Q_EMIT changed(call);
    }
}

QStringList OutboundCalls::creating() const
{
    QStringList ids;
    for (auto it = m_placings.cbegin(); it != m_placings.cend(); ++it) {
        if (it->call.state == PlacedCall::State::Creating)
            ids += it.key();
    }
    return ids;
}

void OutboundCalls::endAtTwilio(const QString& callSid, const Done& done)
{
    const LogCall logged(callSid);
    m_rest->cancel(callSid, [this, callSid, done, self = QPointer<OutboundCalls>(this)](const Result<void>& result) {
        // It was answered in the meantime.
        if (self && !result && result.error().code == Error::Code::Invalid)
            m_rest->hangUp(callSid, done);
        else
            done(result);
    });
}

void OutboundCalls::heardOf(const QString& placing, const QString& callSid)
{
    const LogCall logged(callSid);
    const auto known = m_placings.constFind(placing);
    if (known != m_placings.cend()) {
        if (known->call.state == PlacedCall::State::Creating)
            adopt(placing, callSid);
        return;
    }
    const auto givenUp = std::find(m_givenUp.begin(), m_givenUp.end(), placing);
    if (givenUp == m_givenUp.end() || !m_rest)
        return; // of an engine before this one
    m_givenUp.erase(givenUp);
    qCWarning(lcApp).noquote() << callSid << "is the call" << placing << "that was given up: it is ended";
    endAtTwilio(callSid, [callSid](const Result<void>& result) {
        if (!result)
            qCWarning(lcApp).noquote() << callSid << "could not be ended:" << result.error().message;
    });
}

bool OutboundCalls::over(const QString& callSid)
{
    const auto id = m_idBySid.constFind(callSid);
    if (id == m_idBySid.cend())
        return false;
    m_placings.remove(*id);
    m_idBySid.erase(id);
    if (!m_queue.empty())
        m_timer.start(LookEvery);
    return true;
}

} // namespace kav::telephony
