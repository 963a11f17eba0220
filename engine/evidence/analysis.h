// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/evidence/evidence.h"

#include <array>

// What a reader wants to know of a call, worked out from what was logged. Pure functions. Times are on the time axis.
namespace kav::evidence {

struct Stretch final {
    QString name;
    Milliseconds from{0}, to{0};
};
/// "listening", "thinking", ... without gaps, from the stream's start to its end.
QList<Stretch> states(const CallEvidence& evidence);
/// Colour of a state, as 0xrrggbb; the same on every picture.
unsigned stateColour(const QString& state);
/// From the caller's first words to the commit of the turn.
QList<Stretch> callerStretches(const CallEvidence& evidence);

/// The steps that every whole call has.
inline const std::array<QString, 7> ChainTokens{QStringLiteral("WS_START"), QStringLiteral("STT_FINAL"),
    QStringLiteral("EoU_ms"), QStringLiteral("TTS_LEN_ms"), QStringLiteral("MEDIA_TX"), QStringLiteral("PNG_PONG"),
    QStringLiteral("WS_STOP")};
struct ChainLink final {
    QString token;
    int times = 0;
    Milliseconds first{0}; ///< when `times` is not 0
    QString value; ///< "460-600 ms", "completed"; empty: the step has none
};
QList<ChainLink> chain(const CallEvidence& evidence);
bool isWhole(const QList<ChainLink>& chain);
/// A call may be held by webhooks alone, or never be answered.
bool hasStream(const QList<ChainLink>& chain);
/// Why it was held by webhooks alone; empty: it was not, or nobody knows.
QString withoutStream(const CallEvidence& evidence);

/// A caller should wait no longer than the first, and must not wait longer than the second.
inline constexpr Milliseconds GoodWait{3000}, LongestWait{6000};
enum class Verdict {
    Nobody, ///< waited
    Good,
    Slow, ///< between the two
    TooLong,
};
Verdict verdictOf(const LatencyParts& latency);
QString verdictName(Verdict verdict); ///< "nobody-waited", "good", "slow", "too-long"

struct WaitSummary final {
    int waits = 0, slow = 0, tooLong = 0;
    Milliseconds median{0}, longest{0};
};
WaitSummary waits(const CallEvidence& evidence);

/// What one provider did in the call.
struct ProviderRow final {
    QString stage; ///< "STT", "LLM", "TTS"
    QString provider;
    int turns = 0; ///< that it served, of those with a wait by parts
    std::optional<Milliseconds> median, longest; ///< of its part of the wait
    int left = 0; ///< times that the next was taken instead
};
QList<ProviderRow> providers(const CallEvidence& evidence);
/// Failovers, errors, services that were not well any more, and what stood in for an answer, as they happened.
QList<CallEvent> troubles(const CallEvidence& evidence);
bool isWell(const CallEvent& serviceState); ///< ready, or not used at all
/// How services changed during the call.
QList<CallEvent> serviceChanges(const CallEvidence& evidence);

/// The part of what the agent was to say that the caller did not hear.
QString unheardOf(const TurnRecord& turn);

/// Seconds on the axis: "+12.345 s".
QString offsetText(Milliseconds offset);

} // namespace kav::evidence
