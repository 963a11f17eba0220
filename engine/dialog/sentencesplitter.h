// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringList>

namespace kav::dialog {

/// Cuts streamed text into sentences for synthesis, Hebrew and English. Pure; one per answer.
/// A sentence ends at . ! ? … : or a line break that is followed by white space or the end of the text, except in
/// abbreviations (Mr., e.g.), initials, decimals, times, ordinals, and Hebrew gershayim words (ד"ר, עו"ד, ש"ח, with ״ or ").
/// The first piece of an answer may be cut earlier, at a comma after `firstPieceMin` characters, so that sound begins soon.
class SentenceSplitter final {
public:
    explicit SentenceSplitter(qsizetype firstPieceMin = 0);
    /// Sentences that `delta` completed; trimmed, never empty.
    QStringList add(QStringView delta);
    /// What is left, if anything.
    QStringList finish();

private:
    QString m_pending;
    qsizetype m_firstPieceMin;
    bool m_first = true;
};

} // namespace kav::dialog
