// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/streamtoken.h"

#include "engine/telephony/twiliosignature.h"

#include <QCryptographicHash>
#include <QJsonDocument>
#include <QJsonObject>
#include <QMessageAuthenticationCode>
#include <QRandomGenerator>
#include <QtEndian>

namespace kav::webhooks {

namespace {

constexpr char TokenVersion = 1;
constexpr qsizetype MacBytes = 32;
constexpr auto UrlSafe = QByteArray::Base64UrlEncoding | QByteArray::OmitTrailingEquals;

Error tokenDenied(const QString& why)
{
    return Error{Error::Code::Denied, QStringLiteral("stream token: ") + why, {}};
}

void appendId(QByteArray& out, const QString& id)
{
    out += static_cast<char>(id.size());
    out += id.toLatin1();
}

std::optional<QString> takeId(QByteArrayView& rest)
{
    if (rest.isEmpty())
        return std::nullopt;
    const auto size = static_cast<quint8>(rest.front());
    if (rest.size() < 1 + size)
        return std::nullopt;
    const QString id = QString::fromLatin1(rest.sliced(1, size));
    rest = rest.sliced(1 + size);
    return isTwilioId(id) ? std::optional(id) : std::nullopt;
}

} // namespace

bool isTwilioId(QStringView id)
{
    if (id.isEmpty() || id.size() > 64)
        return false;
    for (const QChar c : id) {
        const ushort u = c.unicode();
        const bool allowed =
            (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == '-' || u == '_';
        if (!allowed)
            return false;
    }
    return true;
}

QByteArray StreamClaims::toTag() const
{
    const QJsonObject object{{QStringLiteral("callSid"), callSid}, {QStringLiteral("accountSid"), accountSid},
        {QStringLiteral("expires"), expires.toSecsSinceEpoch()}};
    return QJsonDocument(object).toJson(QJsonDocument::Compact);
}

std::optional<StreamClaims> StreamClaims::fromTag(QByteArrayView tag)
{
    const QJsonObject object = QJsonDocument::fromJson(tag.toByteArray()).object();
    StreamClaims claims;
    claims.callSid = object.value(QLatin1String("callSid")).toString();
    claims.accountSid = object.value(QLatin1String("accountSid")).toString();
    claims.expires = QDateTime::fromSecsSinceEpoch(object.value(QLatin1String("expires")).toInteger(), Qt::UTC);
    return claims.callSid.isEmpty() ? std::nullopt : std::optional(claims);
}

StreamTokens::StreamTokens(const QByteArray& mediaKey, Milliseconds lifetime)
    : m_key(mediaKey)
    , m_lifetime(lifetime)
{
}

Result<StreamTokens> StreamTokens::create(const QByteArray& mediaKey, Milliseconds lifetime)
{
    if (mediaKey.size() < ShortestKey)
        return Error{
            Error::Code::Invalid, QStringLiteral("the media key is shorter than %1 bytes").arg(ShortestKey), {}};
    return StreamTokens(mediaKey, lifetime);
}

StreamTokens StreamTokens::withRandomKey(Milliseconds lifetime)
{
    QByteArray key(32, Qt::Uninitialized);
    for (char& c : key)
        c = static_cast<char>(QRandomGenerator::system()->generate());
    return StreamTokens(key, lifetime);
}

QByteArray StreamTokens::macOf(QByteArrayView claims) const
{
    QMessageAuthenticationCode mac(QCryptographicHash::Sha256, m_key);
    mac.addData("kav-media-token\n"); // the key may serve other purposes too
    mac.addData(claims.data(), claims.size());
    return mac.result();
}

QByteArray StreamTokens::mint(const QString& callSid, const QString& accountSid, const QDateTime& now) const
{
    Q_ASSERT(isTwilioId(callSid) && isTwilioId(accountSid));
    QByteArray claims(1, TokenVersion);
    char expiry[8];
    qToBigEndian<qint64>(now.addMSecs(m_lifetime.count()).toSecsSinceEpoch(), expiry);
    claims.append(expiry, sizeof expiry);
    appendId(claims, callSid);
    appendId(claims, accountSid);
    claims += macOf(claims);
    return claims.toBase64(UrlSafe);
}

Result<StreamClaims> StreamTokens::verify(QByteArrayView token, const QDateTime& now) const
{
    if (token.isEmpty() || token.size() > LongestToken)
        return tokenDenied(QStringLiteral("missing or too long"));
    const auto decoded =
        QByteArray::fromBase64Encoding(token.toByteArray(), UrlSafe | QByteArray::AbortOnBase64DecodingErrors);
    // One spelling per token: a second one would be a second token for whoever counts them.
    if (!decoded || (*decoded).toBase64(UrlSafe) != token)
        return tokenDenied(QStringLiteral("not base64url"));
    const QByteArray& bytes = *decoded;
    if (bytes.size() < MacBytes + 9)
        return tokenDenied(QStringLiteral("too short"));
    const QByteArrayView claims = QByteArrayView(bytes).chopped(MacBytes);
    if (!telephony::equalInConstantTime(macOf(claims), QByteArrayView(bytes).last(MacBytes)))
        return tokenDenied(QStringLiteral("not made with this engine's media key, or damaged"));
    if (claims.front() != TokenVersion)
        return tokenDenied(QStringLiteral("of version %1").arg(int(claims.front())));
    QByteArrayView rest = claims.sliced(9);
    const auto callSid = takeId(rest);
    const auto accountSid = takeId(rest);
    if (!callSid || !accountSid || !rest.isEmpty())
        return tokenDenied(QStringLiteral("malformed"));
    StreamClaims result;
    result.callSid = *callSid;
    result.accountSid = *accountSid;
    result.expires = QDateTime::fromSecsSinceEpoch(qFromBigEndian<qint64>(claims.data() + 1), Qt::UTC);
    if (now > result.expires) {
        return Error{Error::Code::Timeout,
            QStringLiteral("stream token: expired %1 s ago").arg(result.expires.secsTo(now)),
            QStringLiteral("call ") + result.callSid};
    }
    return result;
}

} // namespace kav::webhooks
