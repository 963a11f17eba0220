// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/redaction.h"

#include "shared/core/masking.h"

#include <QRegularExpression>

namespace kav::providers {

QString safeReason(QStringView text, const QStringList& secrets)
{
    static const QString redacted = QStringLiteral("[redacted]");
    // Bounded first: the patterns below then run in bounded time on any text.
    QString safe = text.left(4096).toString();
    for (const QString& secret : secrets) {
        if (secret.size() >= 4) // shorter ones would tear words apart, and guard nothing
            safe.replace(secret, redacted);
    }
    static const QRegularExpression pem(
        QStringLiteral("-----BEGIN .*?(?:-----END [^-]*-----|$)"), QRegularExpression::DotMatchesEverythingOption);
    static const QRegularExpression bearer(
        QStringLiteral("\\b(bearer|basic|digest)\\s+[^\\s\"',;]+"), QRegularExpression::CaseInsensitiveOption);
    static const QRegularExpression parameter(
        QStringLiteral("\\b([\\w.-]*(?:key|token|secret|passw(?:or)?d|pwd|credential)[\\w.-]*\"?\\s*[=:]\\s*)"
                       "(?:\"[^\"]*\"|'[^']*'|[^\\s,;&\"']+)"),
        QRegularExpression::CaseInsensitiveOption);
    static const QRegularExpression userInfo(QStringLiteral("(\\w://)[^/\\s@]+@"));
    static const QRegularExpression tokenLike(
        QStringLiteral("[A-Za-z0-9+_=-]{20,}|\\b(?:sk|pk|AC|SK)[-_]?[A-Za-z0-9]{12,}"));
    safe.replace(pem, redacted);
    safe.replace(bearer, QStringLiteral("\\1 ") + redacted);
    safe.replace(parameter, QStringLiteral("\\1") + redacted);
    safe.replace(userInfo, QStringLiteral("\\1") + redacted + QLatin1Char('@'));

    QString result;
    qsizetype from = 0;
    for (auto matches = tokenLike.globalMatch(safe); matches.hasNext();) {
        const QRegularExpressionMatch match = matches.next();
        const QStringView found = match.capturedView();
        bool letter = false, digit = false;
        for (const QChar c : found) {
            letter = letter || c.isLetter();
            digit = digit || c.isDigit();
        }
        result += QStringView(safe).mid(from, match.capturedStart() - from);
        if (letter && digit) // a long word or a long number alone is no key
            result += redacted;
        else
            result += found;
        from = match.capturedEnd();
    }
    result += QStringView(safe).mid(from);
    return logSafe(result);
}

} // namespace kav::providers
