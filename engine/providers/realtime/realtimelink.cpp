// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/realtime/realtimelink.h"

#include "engine/providers/http/vendor.h"
#include "engine/providers/redaction.h"

#include <QJsonDocument>
#include <QUrlQuery>

#include <algorithm>

namespace kav::providers {

namespace {
constexpr qsizetype LongestVendorWords = 300;
/// The socket's own timer runs on the machine's clock: it is the second line behind the deadline.
constexpr Milliseconds SocketGrace{2000};
constexpr int LongestRetryAfter = 24 * 3600;

/// Seconds only: a date needs the vendor's clock, and this vendor sends seconds.
Milliseconds retryAfterOf(const QByteArray& header)
{
    return std::chrono::seconds(std::clamp(header.toInt(), 0, LongestRetryAfter));
}
} // namespace

Error realtimeErrorOf(const RealtimeSettings& settings, const QJsonObject& error)
{
    const QString words = error.value(QLatin1String("message")).toString();
    const QString kind = error.value(QLatin1String("type")).toString() + QLatin1Char(' ')
        + error.value(QLatin1String("code")).toString();
    Error result{Error::Code::Unavailable,
        QStringLiteral("%1 reported an error: %2")
            .arg(settings.url.host(), safeReason(QStringView(words).left(LongestVendorWords), {settings.key})),
        safeReason(QStringView(kind.trimmed()).left(LongestVendorWords), {settings.key})};
    const auto says = [&kind](const char* word) { return kind.contains(QLatin1String(word), Qt::CaseInsensitive); };
    if (says("rate_limit") || says("quota"))
        result.code = Error::Code::LimitExceeded;
    else if (says("authentication") || says("invalid_api_key") || says("permission"))
        result.code = Error::Code::Denied;
    else if (says("timeout"))
        result.code = Error::Code::Timeout;
    else if (says("invalid_request"))
        result.code = Error::Code::Invalid;
    return result;
}

Result<void> checkRealtimeForm(const RealtimeSettings& settings)
{
    const QString scheme = settings.url.scheme();
    if (!settings.url.isValid() || settings.url.host().isEmpty()
        || (scheme != QLatin1String("ws") && scheme != QLatin1String("wss")))
        return Error{
            Error::Code::Invalid, QStringLiteral("the realtime address is no ws:// or wss:// address with a host"), {}};
    if (settings.url.hasFragment() || !settings.url.userInfo().isEmpty())
        return Error{Error::Code::Invalid,
            QStringLiteral("the realtime address may hold a host, a path and a query, and nothing else"), {}};
    return checkKeyForm(settings.key, settings.url.host());
}

RealtimeLink::RealtimeLink(const RealtimeSettings& settings, const QString& model, const Clock& clock)
    : m_settings(settings)
    , m_model(model)
    , m_deadline(clock)
{
    connect(&m_socket, &net::WebSocketClient::failed, this, &RealtimeLink::onRefused);
    connect(&m_socket, &net::WebSocketClient::textReceived, this, &RealtimeLink::onText);
    connect(&m_socket, &net::WebSocketClient::binaryReceived, this, [this] {
        fail({Error::Code::Unavailable, QStringLiteral("%1 sent bytes that are no event").arg(m_settings.url.host()),
            {}});
    });
    connect(&m_socket, &net::WebSocketClient::closed, this, [this](bool, quint16 code, const QString& reason) {
        fail({Error::Code::Unavailable,
            QStringLiteral("%1 closed the connection (%2)").arg(m_settings.url.host()).arg(code),
            safeReason(reason, {m_settings.key})});
    });
    connect(&m_deadline, &RealtimeDeadline::passed, this, [this] {
        fail({Error::Code::Timeout,
            QStringLiteral("%1 opened no session within %2 ms")
                .arg(m_settings.url.host())
                .arg(m_settings.ready.count()),
            {}});
    });
}

void RealtimeLink::open()
{
    net::WebSocketClient::Target target;
    const QUrl& url = m_settings.url;
    target.tls = url.scheme() == QLatin1String("wss");
    target.connectHost = target.tlsName = url.host();
    target.connectPort = quint16(url.port(target.tls ? 443 : 80));
    target.host = url.host(QUrl::FullyEncoded).toLatin1();
    if (url.port() > 0)
        target.host += ':' + QByteArray::number(url.port());
    QUrlQuery query(url);
    if (!query.hasQueryItem(QStringLiteral("model")))
        query.addQueryItem(QStringLiteral("model"), QString::fromLatin1(QUrl::toPercentEncoding(m_model)));
    const QString path = url.path(QUrl::FullyEncoded);
    target.path = (path.isEmpty() ? QByteArrayLiteral("/") : path.toLatin1()) + '?'
        + query.toString(QUrl::FullyEncoded).toLatin1();
    if (!m_settings.key.isEmpty())
        target.headers.append({QByteArrayLiteral("Authorization"), "Bearer " + m_settings.key.toLatin1()});
    if (m_settings.shape == RealtimeSettings::Shape::Beta)
        target.headers.append({QByteArrayLiteral("OpenAI-Beta"), QByteArrayLiteral("realtime=v1")});
    target.messageBytes = LongestMessage;
    m_deadline.set(m_settings.ready);
    m_socket.open(target, m_settings.ready + SocketGrace);
}

bool RealtimeLink::fits(const RealtimeSettings& settings) const
{
    return settings.url == m_settings.url && settings.key == m_settings.key && settings.shape == m_settings.shape;
}

void RealtimeLink::send(const QByteArray& json)
{
    if (m_isBroken)
        return;
    if (m_isCreated) {
        m_socket.sendText(json);
    } else {
        m_queue.append(json);
        m_queued += json.size();
    }
    if (m_queued > LongestQueue || m_socket.unsentBytes() > LongestQueue)
        breakOff({Error::Code::Unavailable,
            QStringLiteral("%1 does not take what it is sent").arg(m_settings.url.host()), {}});
}

void RealtimeLink::breakOff(const Error& error)
{
    QMetaObject::invokeMethod(
        this, [this, error] { fail(error); }, Qt::QueuedConnection);
}

void RealtimeLink::onText(const QByteArray& utf8)
{
    if (m_isBroken)
        return;
    const QJsonDocument document = QJsonDocument::fromJson(utf8);
    const QJsonObject event = document.object();
    const QString type = event.value(QLatin1String("type")).toString();
    if (type.isEmpty()) {
        fail({Error::Code::Unavailable, QStringLiteral("%1 said something that is no event").arg(m_settings.url.host()),
            {}});
        return;
    }
    if (m_isCreated) {
        Q_EMIT received(event);
        return;
    }
    if (type == QLatin1String("error")) {
        fail(realtimeErrorOf(m_settings, event.value(QLatin1String("error")).toObject()));
        return;
    }
    if (type != QLatin1String("session.created"))
        return;
    m_isCreated = true;
    m_deadline.clear();
    // What configures the session goes before what waits.
    Q_EMIT created();
    m_queued = 0;
    for (const QByteArray& json : std::exchange(m_queue, {}))
        m_socket.sendText(json);
}

void RealtimeLink::onRefused(int status, const QString& reason)
{
    const QString host = m_settings.url.host();
    if (status == 0 || status == 101) {
        fail({Error::Code::Unavailable, QStringLiteral("%1 cannot be reached").arg(host),
            safeReason(reason, {m_settings.key})});
        return;
    }
    Error error = statusError(host, status, safeReason(reason, {m_settings.key}),
        retryAfterOf(m_socket.answerHeader("retry-after")), QStringLiteral("the request is refused"));
    if (error.code == Error::Code::NotFound && m_model != m_settings.model)
        error.code = Error::Code::Invalid; // a persona's model is its own matter
    fail(error);
}

void RealtimeLink::fail(const Error& error)
{
    if (std::exchange(m_isBroken, true))
        return;
    m_deadline.clear();
    m_queue.clear();
    m_socket.disconnect(this);
    m_socket.reset();
    Q_EMIT broken(error);
}

} // namespace kav::providers
