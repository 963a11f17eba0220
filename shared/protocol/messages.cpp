// SPDX-License-Identifier: Apache-2.0
#include "shared/protocol/messages.h"

namespace kav::protocol {

QString errorCodeName(ErrorCode code)
{
    switch (code) {
    case ErrorCode::BadMessage:
        return QStringLiteral("bad-message");
    case ErrorCode::Version:
        return QStringLiteral("version");
    case ErrorCode::Unauthorized:
        return QStringLiteral("unauthorized");
    case ErrorCode::HelloExpected:
        return QStringLiteral("hello-expected");
    case ErrorCode::TooManyConsoles:
        return QStringLiteral("too-many-consoles");
    case ErrorCode::RateLimited:
        return QStringLiteral("rate-limited");
    case ErrorCode::TooSlow:
        return QStringLiteral("too-slow");
    case ErrorCode::UnknownCommand:
        return QStringLiteral("unknown-command");
    case ErrorCode::NoSuchCall:
        return QStringLiteral("no-such-call");
    case ErrorCode::NotPossible:
        return QStringLiteral("not-possible");
    case ErrorCode::Unavailable:
        return QStringLiteral("unavailable");
    case ErrorCode::Timeout:
        return QStringLiteral("timeout");
    case ErrorCode::Internal:
        return QStringLiteral("internal");
    }
    Q_UNREACHABLE();
}

std::optional<ErrorCode> errorCodeFromName(QStringView name)
{
    for (int i = 0; i <= static_cast<int>(ErrorCode::Internal); ++i) {
        const auto code = static_cast<ErrorCode>(i);
        if (errorCodeName(code) == name)
            return code;
    }
    return std::nullopt;
}

QString detectionName(Detection detection)
{
    switch (detection) {
    case Detection::Off:
        return QStringLiteral("off");
    case Detection::Detect:
        return QStringLiteral("detect");
    case Detection::AwaitBeep:
        return QStringLiteral("await-beep");
    }
    Q_UNREACHABLE();
}

std::optional<Detection> detectionFromName(QStringView name)
{
    for (const Detection detection : {Detection::Off, Detection::Detect, Detection::AwaitBeep}) {
        if (detectionName(detection) == name)
            return detection;
    }
    return std::nullopt;
}

} // namespace kav::protocol
