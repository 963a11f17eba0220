// SPDX-License-Identifier: Apache-2.0
#include "engine/session/turnentry.h"

#include "engine/calllog/calllog.h"

namespace kav::session {

QJsonObject turnEntry(const TurnRecord& turn, const TurnLatency& latency, const Clock& clock)
{
    QJsonObject json = calllog::turnToJson(turn);
    const QDateTime now = clock.wallNow();
    if (const auto since = latency.since()) {
        const QDateTime at = now.addMSecs(-elapsed(*since, clock.now()).count());
        json.insert(QStringLiteral("waitedSince"), at.toString(Qt::ISODateWithMs));
    }
    json.insert(QStringLiteral("endedAt"), now.toString(Qt::ISODateWithMs));
    return json;
}

} // namespace kav::session
