// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringList>

#include <vector>

namespace kav::dialog {

/// Words without case and punctuation; apostrophes inside a word stay, hyphens part words. Hebrew words come without
/// vowel points, geresh and gershayim.
QStringList plainWords(QStringView text);

/// Takes every occurrence of `phrase` out of `words`.
void removePhrase(QStringList& words, const QStringList& phrase);

/// Something a caller may want, and the ways to say it.
struct Intent final {
    QString name;
    QStringList phrases;
};

/// Words that carry no wish and may stand around one.
struct Politeness final {
    QStringList before, after; ///< in what a recogniser of free speech hears
    QStringList grammar; ///< after a wish, in grammars; the fewer the better
};

/// Which of `intents` the caller's words mean; null when none. A phrase that is all there is wins; else the longest
/// phrase in the words; of equals the later, because people correct themselves ("no, sales"). A Hebrew word is known with
/// its prefixes too: "למכירות" is "מכירות".
const Intent* understand(QStringView text, const std::vector<const Intent*>& intents, const Politeness& politeness);

/// JSGF with one public rule that accepts the intents' phrases, and, when `digits`, a spoken number after any of
/// `leadIns`. Only words of [a-z'] may be in the phrases.
QString jsgf(const QString& name, const std::vector<const Intent*>& intents, const Politeness& politeness, bool digits,
    const QStringList& leadIns);

} // namespace kav::dialog
