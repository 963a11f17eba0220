// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/speech.h"

#include <QString>
#include <QStringList>

namespace kav::providers {

/// What Google wrote, as a Transcript's text: lower case words with single spaces, without punctuation but for what is
/// part of a word (can't, ד״ר); digits as words where a number was expected of an English speaker.
QString wordsOf(const QString& transcript, const RecognitionContext& context);

/// The context's hints within Google's limits.
QStringList hintsOf(const RecognitionContext& context);

/// A language in the form that Google knows: "he" -> "he-IL", "iw-IL" -> "he-IL".
QString googleLanguage(const QString& language);

} // namespace kav::providers
