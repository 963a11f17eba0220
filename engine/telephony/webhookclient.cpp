// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/webhookclient.h"

#include "engine/telephony/twiliopeer.h"
#include "engine/telephony/twiliosignature.h"

#include <QHostAddress>
#include <QNetworkProxy>
#include <QNetworkReply>
#include <QNetworkRequest>

namespace kav::telephony {

namespace {

constexpr qsizetype MaxAnswerBytes = 256 * 1024;
constexpr QLatin1String TlsPrefix("https://"); ///< of CallSettings::connectTo

/// The URL as Twilio signs it: fully escaped, and https without its port.
QByteArray signedUrl(QUrl url)
{
    if (url.scheme() == QLatin1String("https"))
        url.setPort(-1);
    return url.toEncoded(QUrl::RemoveFragment | QUrl::RemoveUserInfo);
}

} // namespace

WebhookClient::WebhookClient(WebhookRoute route, QObject* parent)
    : QObject(parent)
    , m_route(std::move(route))
{
    m_http.setProxy(QNetworkProxy::NoProxy);
}

QString WebhookClient::hostAndPort(const QUrl& url)
{
    return url.port() < 0 ? url.host() : QStringLiteral("%1:%2").arg(url.host()).arg(url.port());
}

bool WebhookClient::isLoopbackHost(const QString& host)
{
    if (host.compare(QLatin1String("localhost"), Qt::CaseInsensitive) == 0)
        return true;
    const QHostAddress address(host);
    return !address.isNull() && address.isLoopback();
}

/// What the proxy before the engine takes off the paths: "/kav", or nothing.
QString WebhookClient::proxyPrefix() const
{
    QString prefix = m_route.publicUrl.path();
    while (prefix.endsWith(QLatin1Char('/')))
        prefix.chop(1);
    return prefix;
}

/// The engine's own URL as the outside world writes it.
QUrl WebhookClient::asPublic(QUrl url) const
{
    if (m_route.publicUrl.isEmpty())
        return url;
    url.setScheme(m_route.publicUrl.scheme());
    url.setHost(m_route.publicUrl.host());
    url.setPort(m_route.publicUrl.port());
    url.setPath(proxyPrefix() + url.path());
    return url;
}

/// The path that arrives at the engine when `url`, as the outside world writes it, is requested.
QString WebhookClient::pathBehindProxy(const QUrl& url) const
{
    const QString prefix = proxyPrefix();
    // With TLS the real proxy is spoken to, and does this itself.
    const bool isBehind = !prefix.isEmpty() && !connectTarget().tls && url.host() == m_route.publicUrl.host()
        && url.path().startsWith(QString(prefix + QLatin1Char('/')));
    return isBehind ? url.path().mid(prefix.size()) : url.path();
}

WebhookClient::Endpoint WebhookClient::connectTarget() const
{
    QStringView to = m_route.connectTo;
    const bool tls = to.startsWith(TlsPrefix);
    if (tls)
        to = to.mid(TlsPrefix.size());
    const qsizetype colon = to.lastIndexOf(QLatin1Char(':'));
    if (colon > 0)
        return {to.left(colon).toString(), static_cast<quint16>(to.mid(colon + 1).toUInt()), tls};
    return {m_route.to.host(),
        static_cast<quint16>(m_route.to.port(m_route.to.scheme() == QLatin1String("https") ? 443 : 80)), false};
}

bool WebhookClient::isRouted(const QUrl& url) const
{
    return !m_route.connectTo.isEmpty() || (!m_route.publicUrl.isEmpty() && url.host() == m_route.publicUrl.host());
}

void WebhookClient::request(const QUrl& url, const QString& method, const FormBody& form, Answer answer)
{
    const bool isGet = method == QLatin1String("GET");
    QUrl asked = url;
    if (isGet) {
        const QString before = url.query(QUrl::FullyEncoded);
        asked.setQuery(
            QString(before + (before.isEmpty() ? QString() : QStringLiteral("&")) + QString::fromLatin1(form.encode())),
            QUrl::StrictMode);
    }
    QUrl actual = asked;
    actual.setPath(pathBehindProxy(url));
    if (isRouted(url)) {
        const Endpoint target = connectTarget();
        actual.setScheme(m_route.connectTo.isEmpty() ? m_route.to.scheme()
                : target.tls                         ? QStringLiteral("https")
                                                     : QStringLiteral("http"));
        actual.setHost(target.host);
        actual.setPort(target.port);
    } else if (isLoopbackHost(url.host())) {
        actual.setScheme(QStringLiteral("http"));
        if (url.port() < 0)
            actual.setPort(m_route.to.port(80));
    }
    QNetworkRequest request(actual);
    request.setPeerVerifyName(url.host());
    request.setAttribute(QNetworkRequest::Http2AllowedAttribute, false); // Twilio speaks HTTP/1.1
    request.setRawHeader("Host", hostAndPort(url).toUtf8());
    request.setHeader(QNetworkRequest::UserAgentHeader, QStringLiteral("TwilioProxy/1.1"));
    request.setRawHeader("I-Twilio-Idempotency-Token", StreamIds::random().streamSid.mid(2).toLatin1());
    request.setAttribute(QNetworkRequest::RedirectPolicyAttribute, QNetworkRequest::ManualRedirectPolicy);
    request.setTransferTimeout(static_cast<int>(m_route.timeout.count()));
    if (!m_route.authToken.isEmpty()) {
        request.setRawHeader("X-Twilio-Signature",
            computeSignature(m_route.authToken, signedUrl(asked), isGet ? QList<FormField>() : form.fields()));
    }
    if (!isGet) {
        request.setHeader(
            QNetworkRequest::ContentTypeHeader, QStringLiteral("application/x-www-form-urlencoded; charset=UTF-8"));
    }
    QNetworkReply* reply = isGet ? m_http.get(request) : m_http.post(request, form.encode());
    ++m_pending;
    connect(reply, &QNetworkReply::readyRead, this, [reply] {
        if (reply->bytesAvailable() > MaxAnswerBytes)
            reply->abort();
    });
    connect(reply, &QNetworkReply::finished, this, [this, reply, answer = std::move(answer)] {
        reply->deleteLater();
        --m_pending;
        const int status = reply->attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt();
        const QByteArray type = reply->header(QNetworkRequest::ContentTypeHeader).toString().toUtf8();
        answer(status, type, status == 0 ? reply->errorString().toUtf8() : reply->readAll());
    });
}

} // namespace kav::telephony
