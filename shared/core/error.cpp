// SPDX-License-Identifier: Apache-2.0
#include "shared/core/error.h"

namespace kav {

QString errorCodeName(Error::Code code)
{
    switch (code) {
    case Error::Code::Invalid:
        return QStringLiteral("invalid");
    case Error::Code::NotFound:
        return QStringLiteral("not-found");
    case Error::Code::Denied:
        return QStringLiteral("denied");
    case Error::Code::Unavailable:
        return QStringLiteral("unavailable");
    case Error::Code::Timeout:
        return QStringLiteral("timeout");
    case Error::Code::Cancelled:
        return QStringLiteral("cancelled");
    case Error::Code::LimitExceeded:
        return QStringLiteral("limit-exceeded");
    case Error::Code::Io:
        return QStringLiteral("io");
    case Error::Code::Internal:
        return QStringLiteral("internal");
    }
    Q_UNREACHABLE();
}

QString toString(const Error& error)
{
    QString text = errorCodeName(error.code) + QStringLiteral(": ") + error.message;
    if (!error.detail.isEmpty())
        text += QStringLiteral(" (") + error.detail + QLatin1Char(')');
    return text;
}

} // namespace kav
