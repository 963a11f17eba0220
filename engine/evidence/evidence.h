// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/queries.h"
#include "engine/session/housekeeper.h"
#include "shared/core/result.h"
#include "shared/model/call.h"
#include "shared/model/request.h"

#include <QDateTime>
#include <QJsonObject>
#include <QList>
#include <QString>
#include <QStringList>

#include <optional>

// What is known of one call, as an evidence pack tells it. Plain values and pure functions, but for gather().
namespace kav::evidence {

/// Where the call's sounds are, or why there are none.
struct Sounds final {
    QString recording; ///< path of the stereo recording; empty: there is none
    bool isGrowing = false;
    QString whyNone; ///< of the recording, for a person
    QStringList messages; ///< paths of what the caller left, in their order
};

struct CallEvidence final {
    CallLogRow call;
    QJsonObject started, ended; ///< as logged
    QList<TranscriptTurn> turns; ///< by number
    /// As they happened; among them what operators did (OPERATOR_ACT), and services that changed (SERVICE_STATE).
    QList<CallEvent> events;
    QList<CallEvent> services; ///< how each stood when the call began: its last SERVICE_STATE before
    QList<RequestRecord> requests; ///< oldest first
    bool isCut = false; ///< there were more requests than a pack holds
    Sounds sounds;
    bool isMasked = false; ///< hideNumbers() has been over it

    /// The time axis: from the first thing that happened to the call's end and what followed at once.
    QDateTime origin;
    Milliseconds length{0};
    /// On that axis.
    Milliseconds offset(const QDateTime& at) const { return Milliseconds(origin.msecsTo(at)); }
    bool isLive() const { return !call.endedAt.isValid(); }
};

inline constexpr qsizetype MostRequests = 20000;

/// Everything that call log and recordings hold of the call, numbers as they are logged. NotFound when there is no such
/// call.
Result<CallEvidence> gather(
    const calllog::Queries& log, const session::KeepSettings& keep, const QString& callId, const QDateTime& now);

/// Telephone numbers that callers said or keyed, or that stand in any other text, become "••••1234".
void hideNumbers(CallEvidence& evidence);
/// The same for one text. Sids, addresses and dates stay.
QString withoutNumbers(const QString& text);

} // namespace kav::evidence
