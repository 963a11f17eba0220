// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringView>

namespace kav::providers {

/// Makes what a model writes fit to be spoken, as it is written: no Markdown, emoji, tags or `<think>` passages; of a
/// link its text, of an address its host; white space in single pieces, line breaks kept (they end sentences). However
/// the text is cut into deltas, the same comes out; at most some tens of characters are held back.
class SpokenText final {
public:
    explicit SpokenText(int longest);
    /// What may be said now.
    QString add(QStringView delta);
    /// The rest, once there is no more.
    QString finish();
    /// So much was said that nothing more will come out.
    bool isFull() const { return m_length >= m_longest; }

private:
    enum class Mode { Text, Thought, LinkTarget, Host, Address };

    QString run(bool atEnd);
    bool step(bool atEnd, QString& out);
    bool stepText(bool atEnd, QString& out);
    bool stepTag(bool atEnd, QString& out);
    bool stepAddress(bool atEnd, QString& out);
    void put(QStringView text, QString& out);
    void putSpace(QChar space, QString& out);
    QStringView rest() const { return QStringView(m_pending).sliced(m_at); }
    void skip(qsizetype count) { m_at += count; }

    const int m_longest;
    int m_length = 0;
    Mode m_mode = Mode::Text;
    QString m_pending;
    qsizetype m_at = 0;
    QChar m_last; ///< put last; null before the first
    QChar m_seen = QLatin1Char('\n'); ///< of the model's own text, the one before
    bool m_lineStart = true; ///< nothing but white space and marks on this line so far
    bool m_afterBracket = false; ///< a "]" was just dropped
    bool m_emojiBefore = false;
    bool m_hostBegins = false;
    QString m_trailing; ///< punctuation that may end an address, or be part of it
};

} // namespace kav::providers
