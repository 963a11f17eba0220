// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/requestguard.h"

#include "engine/telephony/twiliosignature.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <algorithm>

namespace kav::webhooks {

namespace {

/// A path fit for a log: a stream's token is a credential while it lasts.
QString loggablePath(const QByteArray& path)
{
    if (path.startsWith("/media/"))
        return QStringLiteral("/media/(token)");
    return logSafe(QString::fromUtf8(path), 100);
}

} // namespace

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
    const Verdict verdict = check(request, form, false);
    // Only of a proven request: subaccounts share their parent's token, and may have an engine of their own.
    if (verdict.admitted() && !m_settings.accountSid.isEmpty() && form != nullptr && form->contains(u"AccountSid")
        && form->value(u"AccountSid") != m_settings.accountSid)
        return refuse(request, 403, QStringLiteral("AccountSid is not the account that TWILIO_ACCOUNT_SID names"), true);
    return verdict;
}

RequestGuard::Verdict RequestGuard::checkUpgrade(const net::HttpRequest& request)
{
    static const telephony::FormBody none;
    return check(request, &none, true);
}

RequestGuard::Verdict RequestGuard::check(
    const net::HttpRequest& request, const telephony::FormBody* form, bool upgrade)
{
    if (m_settings.authToken.isEmpty() && (!request.isFromLoopback() || isForwarded(request))) {
        return refuse(request, 403,
            QStringLiteral("no TWILIO_AUTH_TOKEN is configured and the request is not from this machine"), true);
    }
    const auto base = baseFor(request);
    if (!base) {
        return refuse(request, 503,
            QStringLiteral("KAV_PUBLIC_URL is not set and the Host line \"%1\" does not name this machine")
                .arg(logSafe(QString::fromUtf8(request.header("host")), 80)),
            true);
    }
    if (m_settings.authToken.isEmpty())
        return {};
    const QByteArray signature = request.header("x-twilio-signature");
    if (signature.isEmpty())
        return refuse(request, 403, QStringLiteral("X-Twilio-Signature is missing"), true);
    if (form == nullptr)
        return refuse(request, 403, QStringLiteral("the body is no form, so its signature cannot be checked"), true);
    const QByteArray url = upgrade ? base->ofUpgrade(request.target) : base->ofRequest(request.target);
    const telephony::SignatureVerdict verdict = upgrade
        ? telephony::verifyUpgradeSignature(m_settings.authToken, url, signature)
        : telephony::verifySignature(m_settings.authToken, url, form->fields(), signature);
    if (verdict.accepted) {
        qCDebug(lcWebhook).noquote() << loggablePath(request.path) << "signature matches" << verdict.variant;
        return {};
    }
    // Looking for the cause costs dozens of hashes: strangers may not make us do it at will.
    const bool mayLog = m_logGate.tryPass(m_clock.now());
    QString reason =
        QStringLiteral("the signature does not match ") + logSafe(QString::fromUtf8(base->ofRequest({})), 80);
    if (mayLog) {
        QList<QByteArray> others{request.header("host")};
        others += request.header("x-forwarded-host").split(',').first().trimmed();
        QString match = telephony::explainMismatch(m_settings.authToken, url, form->fields(), signature, others);
        match.replace(QString::fromUtf8(request.path), loggablePath(request.path));
        reason += match.isEmpty() ? QStringLiteral(": nor any near URL; another auth token, or not Twilio")
                                  : QStringLiteral(": ") + match;
    }
    return refuse(request, 403, reason, mayLog);
}

RequestGuard::Verdict RequestGuard::refuse(
    const net::HttpRequest& request, int status, const QString& reason, bool mayLog)
{
    // A mismatch has paid for its line already.
    const bool paid = reason.startsWith(QLatin1String("the signature"));
    if (paid ? mayLog : mayLog && m_logGate.tryPass(m_clock.now())) {
        const quint64 heldBack = m_logGate.takeHeldBack();
        qCWarning(lcWebhook).noquote() << loggablePath(request.path) << "refused with" << status << "from"
                                       << request.peer.toString() << ":" << reason
                                       << (heldBack > 0 ? QStringLiteral("(%1 more refusals not logged)").arg(heldBack)
                                                        : QString());
    }
    return {status, reason};
}

} // namespace kav::webhooks
