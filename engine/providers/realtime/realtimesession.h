// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/realtime/realtime.h"

#include <QJsonArray>
#include <QJsonObject>
#include <QStringList>

// What a session is told about a call, as the vendor writes it. Pure functions.
namespace kav::providers {

QString realtimeLanguage(const CallInfo& call); ///< BCP-47
/// The persona's, where it names a realtime model: the same word also names the models of other vendors.
QString realtimeModel(const RealtimeSettings& settings, const CallInfo& call);
/// The event that configures a session for `call`.
QJsonObject realtimeSessionUpdate(const RealtimeSettings& settings, const CallInfo& call);
/// What the recogniser is told to expect; empty: nothing.
QString realtimeHints(const CallInfo& call);
QStringList realtimeToolNames(const CallInfo& call);

/// An item of the conversation: "user" and "system" speak text; of "assistant", what was heard.
QJsonObject realtimeMessage(
    const RealtimeSettings& settings, const QString& id, const QString& role, const QString& text);
/// The caller's side of a turn in words, and whose words these are.
struct RealtimeTold final {
    QString role, text;
};
RealtimeTold realtimeTold(const UserTurn& turn);

/// At most `longest` characters; a surrogate pair is not cut.
QString realtimeCut(const QString& text, qsizetype longest);
/// A vendor's transcript as the words of Transcript: lower case, without the punctuation of sentences.
QString realtimeWords(const QString& transcript);

} // namespace kav::providers
