// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/providerentry.h"

#include "engine/providers/redaction.h"
#include "engine/traces/callspans.h"

namespace kav::traces {

calllog::Entry providerEntry(const QString& callId, int turn, const providers::FailoverNews& news, const QDateTime& at)
{
    QJsonObject data{{QStringLiteral("token"), CallSpans::providerToken()},
        {QStringLiteral("stage"), providers::stageName(news.stage).toLower()},
        {QStringLiteral("provider"), news.provider}, {QStringLiteral("ms"), qint64(news.took.count())},
        {QStringLiteral("turn"), turn}};
    if (news.what == providers::FailoverNews::What::Left) {
        data.insert(QStringLiteral("error"), errorCodeName(news.error.code));
        data.insert(QStringLiteral("reason"), providers::safeReason(news.error.message));
        data.insert(QStringLiteral("next"), news.next);
    }
    return {calllog::Entry::Kind::Event, callId, at, data};
}

} // namespace kav::traces
