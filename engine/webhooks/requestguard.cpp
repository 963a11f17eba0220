// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/requestguard.h"

#include "engine/telephony/twiliosignature.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <algorithm>

namespace kav::webhooks {

RateGate::RateGate(int burst, Milliseconds every)
    : m_burst(burst)
    , m_every(every)
    , m_left(burst)
{
}

bool RateGate::tryPass(Instant now)
{
    if (!std::exchange(m_begun, true))
        m_refilled = now;
    const auto earned = elapsed(m_refilled, now) / m_every;
    if (earned > 0) {
        m_left = static_cast<int>(std::min<qint64>(m_burst, m_left + earned));
        m_refilled += m_every * earned;
    }
    if (m_left == 0) {
        ++m_heldBack;
        return false;
    }
    --m_left;
    return true;
}

quint64 RateGate::takeHeldBack()
{
    return std::exchange(m_heldBack, 0);
}

QString loggablePath(const QByteArray& path)
{
    if (path.startsWith("/media/"))
        return QStringLiteral("/media/(token)");
    constexpr qsizetype LongestSegment = 32;
    QStringList segments = QString::fromUtf8(path.left(512)).split(QLatin1Char('/'));
    for (QString& segment : segments) {
        if (segment.size() > LongestSegment)
            segment = QStringLiteral("(%1 characters)").arg(segment.size());
    }
    return logSafe(segments.join(QLatin1Char('/')), 100);
}

bool isForwarded(const net::HttpRequest& request)
{
    return std::any_of(request.headers.cbegin(), request.headers.cend(), [](const auto& header) {
        return header.first == "forwarded" || header.first.startsWith("x-forwarded-") || header.first == "x-real-ip";
    });
}

RequestGuard::RequestGuard(Settings settings, const Clock& clock)
    : m_settings(std::move(settings))
    , m_clock(clock)
    , m_logGate(10, Milliseconds(1000))
{
    if (m_settings.authToken.isEmpty())
        qCWarning(lcWebhook)
            << "no TWILIO_AUTH_TOKEN: signatures cannot be checked, only peers on this machine are served";
}

std::optional<PublicUrl> RequestGuard::baseFor(const net::HttpRequest& request) const
{
    if (m_settings.publicUrl)
        return m_settings.publicUrl;
    if (request.isFromLoopback() && !isForwarded(request))
        return PublicUrl::fromLoopbackHost(request.header("host"));
    return std::nullopt;
}

RequestGuard::Verdict RequestGuard::checkWebhook(const net::HttpRequest& request, const telephony::FormBody* form)
{
    return check(request, form, false);
}

RequestGuard::Verdict RequestGuard::checkUpgrade(const net::HttpRequest& request)
{
    return check(request, nullptr, true);
}

RequestGuard::Verdict RequestGuard::check(
    const net::HttpRequest& request, const telephony::FormBody* form, bool upgrade)
{
    Refusal refusal = findFault(request, form, upgrade, false);
    if (refusal.count == nullptr)
        return {200, {}, refusal.signature};
    Refusals& counted = upgrade ? m_refusedUpgrades : m_refusedWebhooks;
    ++(counted.*refusal.count);
    const int status = refusal.count == &Refusals::noAddress ? 503 : 403;
    if (m_logGate.tryPass(m_clock.now())) {
        // Looking for the cause costs dozens of hashes: strangers may not make us do it at will.
        if (refusal.count == &Refusals::wrongSignature)
            refusal = findFault(request, form, upgrade, true);
        const quint64 heldBack = m_logGate.takeHeldBack();
        qCWarning(lcWebhook).noquote() << loggablePath(request.path) << "refused with" << status << "from"
                                       << request.peer.toString() << ":" << refusal.reason
                                       << (heldBack > 0 ? QStringLiteral("(%1 more refusals not logged)").arg(heldBack)
                                                        : QString());
    }
    return {status, refusal.reason, refusal.signature};
}

RequestGuard::Refusal RequestGuard::findFault(
    const net::HttpRequest& request, const telephony::FormBody* form, bool upgrade, bool mayExplain)
{
    if (m_settings.authToken.isEmpty() && (!request.isFromLoopback() || isForwarded(request))) {
        return {&Refusals::stranger,
            QStringLiteral("no TWILIO_AUTH_TOKEN is configured and the request is not from this machine"), {}};
    }
    const auto base = baseFor(request);
    if (!base) {
        return {&Refusals::noAddress,
            QStringLiteral("KAV_PUBLIC_URL is not set and the Host line \"%1\" does not name this machine")
                .arg(logSafe(QString::fromUtf8(request.header("host")), 80)),
            {}};
    }
    // Only of a proven request: subaccounts share their parent's token, and may have an engine of their own.
    const auto accountFault = [this, form](const SignatureFinding& signature) -> Refusal {
        if (m_settings.accountSid.isEmpty() || form == nullptr || !form->contains(u"AccountSid")
            || form->value(u"AccountSid") == m_settings.accountSid)
            return {nullptr, {}, signature};
        return {&Refusals::otherAccount, QStringLiteral("AccountSid is not the account that TWILIO_ACCOUNT_SID names"),
            signature};
    };
    if (m_settings.authToken.isEmpty())
        return accountFault({});
    const QByteArray signature = request.header("x-twilio-signature");
    if (signature.isEmpty())
        return {&Refusals::noSignature, QStringLiteral("X-Twilio-Signature is missing"),
            {SignatureState::Missing, {}, {}, {}, true}};

    const QByteArray url = upgrade ? base->ofUpgrade(request.target) : base->ofRequest(request.target);
    const auto checkedUrl = [&base, &request, upgrade] {
        const QByteArray origin = upgrade ? base->ofUpgrade({}) : base->ofRequest({});
        return QString(logSafe(QString::fromUtf8(origin), 80) + loggablePath(request.path));
    };
    QList<telephony::FormField> fields; // what is signed with the URL
    telephony::SignatureVerdict verdict;
    if (upgrade) {
        verdict = telephony::verifyUpgradeSignature(m_settings.authToken, url, signature);
    } else if (request.method != "GET" && !telephony::bodyHashIn(url).isEmpty()) {
        verdict = telephony::verifyJsonSignature(m_settings.authToken, url, request.body, signature);
        if (!verdict.accepted && telephony::verifySignature(m_settings.authToken, url, {}, signature).accepted) {
            return {&Refusals::wrongBody,
                QStringLiteral("the URL is signed, but its bodySHA256 is not that of the body that came"),
                {SignatureState::Wrong, QStringLiteral("body"), {}, checkedUrl(), true}};
        }
    } else {
        if (request.method != "GET") {
            if (form == nullptr) {
                return {&Refusals::unreadable,
                    QStringLiteral("the body is no form and the URL has no bodySHA256, so the signature cannot be "
                                   "checked"),
                    {}};
            }
            fields = form->fields();
        }
        verdict = telephony::verifySignature(m_settings.authToken, url, fields, signature);
    }
    if (verdict.accepted) {
        qCDebug(lcWebhook).noquote() << loggablePath(request.path) << "signature matches" << verdict.variant;
        return accountFault({SignatureState::Valid, verdict.variant, {}, {}, true});
    }
    QString reason =
        QStringLiteral("the signature does not match ") + logSafe(QString::fromUtf8(base->ofRequest({})), 80);
    SignatureFinding finding{SignatureState::Wrong, {}, {}, {}, mayExplain};
    if (mayExplain) {
        finding.checkedUrl = checkedUrl();
        QList<QByteArray> others{request.header("host")};
        others += request.header("x-forwarded-host").split(',').first().trimmed();
        const telephony::NearMatch near =
            telephony::findNearMatch(m_settings.authToken, url, fields, signature, others);
        QString match = near.url;
        if (const QString path = loggablePath(request.path); path != QString::fromUtf8(request.path)) {
            // By what stands before it: its end may differ from the path's, or be cut off.
            const qsizetype from = match.indexOf(
                path.startsWith(QLatin1String("/media/")) ? QLatin1String("/media/") : QLatin1String("/"),
                match.indexOf(QLatin1String("://")) + 3);
            const bool endsInSlash = match.endsWith(QLatin1Char('/'));
            if (from > 0)
                match = match.left(from) + path + (endsInSlash ? QStringLiteral("/") : QString());
        }
        match.replace(QLatin1String("?..."), QLatin1String("?(query)")); // as paths say it elsewhere
        finding.signedUrl = match;
        finding.variant = near.difference;
        reason += match.isEmpty() ? QStringLiteral(": nor any near URL; another auth token, or not Twilio")
                                  : QStringLiteral(": it matches %1 (differs in: %2)").arg(match, near.difference);
    }
    return {&Refusals::wrongSignature, reason, finding};
}

} // namespace kav::webhooks
