// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/http/vendor.h"

#include <algorithm>

namespace kav::providers {

Result<void> checkKeyForm(const QString& key, const QString& host)
{
    const bool isPlain =
        std::all_of(key.begin(), key.end(), [](QChar c) { return c > QLatin1Char(' ') && c < QChar(0x7f); });
    if (!isPlain)
        return Error{Error::Code::Denied,
            QStringLiteral("the key for %1 holds a space, a line break or a letter that no key has").arg(host), {}};
    return {};
}

Error statusError(
    const QString& host, int status, const QString& detail, Milliseconds retryAfter, const QString& otherwise)
{
    const auto with = [&](Error::Code code, const QString& what) {
        Error error{code, QStringLiteral("%1 answered %2: %3").arg(host).arg(status).arg(what), detail};
        error.retryAfter = retryAfter;
        return error;
    };
    switch (status) {
    case 402:
        return with(Error::Code::Denied, QStringLiteral("the account has no credit left"));
    case 401:
    case 403:
        return with(Error::Code::Denied, QStringLiteral("the key or the account is refused"));
    case 404:
        return with(Error::Code::NotFound, QStringLiteral("there is no such address or model"));
    case 408:
    case 504:
        return with(Error::Code::Timeout, QStringLiteral("it took too long"));
    case 429:
        return with(Error::Code::LimitExceeded, QStringLiteral("too many requests, or the quota is used up"));
    default:
        break;
    }
    if (status >= 500)
        return with(Error::Code::Unavailable, QStringLiteral("the service has a fault"));
    if (status >= 300 && status < 400)
        return with(Error::Code::Unavailable, QStringLiteral("it redirects, and redirects are not followed"));
    return with(Error::Code::Invalid, otherwise);
}

} // namespace kav::providers
