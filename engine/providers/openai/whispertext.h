// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringView>

#include <chrono>

namespace kav::providers {

/// What a Whisper model wrote, as a Transcript's text: lower case, no punctuation around words, no "[BLANK_AUDIO]" or
/// "(music)", digits as words where a number is expected. What these models write over silence ("Thank you.", "תודה
/// רבה") is dropped where there was hardly a voice, and captions of films ("Thanks for watching!") everywhere.
QString whisperText(const QString& written, const QString& language, bool digits, std::chrono::milliseconds voiced);

/// "he" of "he-IL"; empty when there is none.
QString isoLanguage(QStringView bcp47);

} // namespace kav::providers
