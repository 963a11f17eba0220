// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/net/linkstate.h"
#include "shared/protocol/messages.h"

#include <QString>

#include <chrono>
#include <optional>

// Every word for a value of the protocol, in the user's language: one place, so that a state has the same name on every
// screen. Translated when called: call again on a change of language.
namespace kav::console {

QString callStateWord(CallState state); ///< "Caller speaking"
QString endReasonWord(EndReason reason); ///< "Caller hung up"
QString turnInputWord(TurnInput input);
/// The agent speaks first once more: the call was passed on, and is back.
bool isComeBack(const TurnRecord& turn);
QString serviceStateWord(ServiceState state);
/// Whose a part of the caller's wait was: "Spent by google.", "Set by turn.message_end.".
QString latencyOwnerSentence(const QString& owner);
/// "Speech recognition" for "stt"; of "stt/google" the latter; an unknown id as it is.
QString serviceName(const QString& id);
QString linkStateWord(LinkState state);
/// A whole sentence for the user: what went wrong, and what he may do.
QString errorSentence(const protocol::CommandError& error);
QString refusalSentence(const protocol::Refusal& refusal);
/// Why the engine takes no calls, for a word of EngineStatus::notReady: a sentence; an unknown word as it is.
QString notReadySentence(const QString& word);

/// Of an engine that is draining: how many calls it has, and until when they may go on. `today`: see timeText().
QString drainSentence(const EngineStatus& engine, const QDateTime& today);

QString requestKindWord(RequestKind kind); ///< "Webhook"
QString signatureWord(SignatureState state); ///< "Valid"
/// What a signature that did not hold means, and what can be done; empty: there is nothing to do. Whole sentences.
QString signatureAdvice(const SignatureFinding& signature);
/// "audio.twilio.com": offered and given; both, where they differ.
QString protocolText(const RequestRecord& request);
/// "0.4 ms", "12 ms", "1.24 s".
QString tookText(std::chrono::microseconds took);

/// "0:07", "12:34", "1:02:03": the same in every language, isolated for right-to-left text.
QString durationText(std::chrono::milliseconds length);
/// "7 s", "12 min", "1 h 5 min": for sentences and screen readers; in units that have one form for every number.
QString durationWords(std::chrono::milliseconds length);
/// The time of day here, with the date when it is not of `today`: "14:02:31". "–" when not valid.
QString timeText(const QDateTime& when, const QDateTime& today);
/// A masked number, isolated; words for none.
QString numberText(const QString& number);
/// "740 ms", "1.24 s"; "–" when there is none.
QString gapText(const std::optional<std::chrono::milliseconds>& gap);
/// Left-to-right text (numbers, SIDs, URLs) inside a sentence of any direction: U+2066 ... U+2069.
QString isolated(const QString& text);
/// Of whichever direction its first letter has: a name that somebody gave, a number with a unit.
QString isolatedByItself(const QString& text);
/// Without the isolates: for the clipboard and for files.
QString withoutIsolates(QString text);

} // namespace kav::console
