// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/publicurl.h"

#include "shared/core/masking.h"

#include <QHostAddress>
#include <QRegularExpression>
#include <QUrl>

namespace kav::webhooks {

Result<PublicUrl> PublicUrl::parse(const QString& text)
{
    const auto wrong = [&text](const QString& what) {
        return Error{Error::Code::Invalid, QStringLiteral("public URL %1: %2").arg(logSafe(text, 80), what), {}};
    };
    const QString trimmed = text.trimmed();
    const QUrl url(
        trimmed.contains(QLatin1String("://")) ? trimmed : QStringLiteral("https://") + trimmed, QUrl::StrictMode);
    if (!url.isValid() || url.host().isEmpty())
        return wrong(QStringLiteral("not a URL with a host"));
    if (url.hasQuery() || url.hasFragment() || !url.userInfo().isEmpty())
        return wrong(QStringLiteral("must have no query, fragment or user"));
    PublicUrl result;
    if (url.scheme() == QLatin1String("https") || url.scheme() == QLatin1String("wss"))
        result.m_scheme = QStringLiteral("https");
    else if (url.scheme() == QLatin1String("http") || url.scheme() == QLatin1String("ws"))
        result.m_scheme = QStringLiteral("http");
    else
        return wrong(QStringLiteral("the scheme must be https"));
    // Ports that the scheme implies are left out: Twilio signs without them.
    const int implied = result.m_scheme == QLatin1String("https") ? 443 : 80;
    QUrl authority = url;
    if (url.port() == implied)
        authority.setPort(-1);
    result.m_authority = QString::fromLatin1(authority.toEncoded(QUrl::RemoveScheme | QUrl::RemovePath).mid(2));
    const QStringList pieces = url.path(QUrl::FullyEncoded).split(QLatin1Char('/'), Qt::SkipEmptyParts);
    for (const QString& piece : pieces)
        result.m_prefix += QLatin1Char('/') + piece;
    return result;
}

std::optional<PublicUrl> PublicUrl::fromLoopbackHost(QByteArrayView hostLine)
{
    static const QRegularExpression shape(QStringLiteral(R"(^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$)"),
        QRegularExpression::CaseInsensitiveOption);
    const QString host = QString::fromLatin1(hostLine.first(qMin<qsizetype>(hostLine.size(), 64)));
    if (hostLine.size() > 64 || !shape.match(host).hasMatch())
        return std::nullopt;
    PublicUrl result;
    result.m_scheme = QStringLiteral("http");
    result.m_authority = host.toLower();
    return result;
}

QString PublicUrl::webhook(const QString& path) const
{
    return m_scheme + QStringLiteral("://") + m_authority + m_prefix + path;
}

QString PublicUrl::stream(const QByteArray& token) const
{
    return QStringLiteral("wss://") + m_authority + m_prefix + QStringLiteral("/media/") + QString::fromLatin1(token);
}

QByteArray PublicUrl::ofRequest(const QByteArray& target) const
{
    return (m_scheme + QStringLiteral("://") + m_authority + m_prefix).toLatin1() + target;
}

QByteArray PublicUrl::ofUpgrade(const QByteArray& target) const
{
    return (QStringLiteral("wss://") + m_authority + m_prefix).toLatin1() + target;
}

} // namespace kav::webhooks
