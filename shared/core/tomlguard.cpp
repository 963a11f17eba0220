// SPDX-License-Identifier: Apache-2.0
#include "shared/core/tomlguard.h"

namespace kav {
namespace {

constexpr qsizetype MostDotsOfALine = 64; // outside of strings and comments

bool isKeyStart(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'
        || c == '"' || c == '\'';
}

/// Follows the text through strings and comments, just well enough to know where it is in neither. What it takes
/// wrongly in a text that is no TOML does not matter: toml++ has stopped there.
class TomlScan final {
public:
    explicit TomlScan(QByteArrayView text)
        : m_text(text)
    {
        if (m_text.startsWith("\xef\xbb\xbf"))
            m_at = m_lineBegin = 3; // the byte order mark that some editors write
    }

    QString run()
    {
        for (; m_at < m_text.size() && m_trouble.isEmpty(); ++m_at) {
            if (m_text[m_at] == '\n')
                newLine();
            else if (m_inside == Inside::Nothing)
                plain(m_text[m_at]);
            else if (m_inside != Inside::Comment)
                string(m_text[m_at]);
        }
        return m_trouble;
    }

private:
    enum class Inside { Nothing, Comment, Basic, Literal, LongBasic, LongLiteral };

    void newLine()
    {
        ++m_line;
        m_lineBegin = m_at + 1;
        m_dots = 0;
        if (m_inside != Inside::LongBasic && m_inside != Inside::LongLiteral) {
            m_inside = Inside::Nothing;
            m_fresh = true;
        }
    }

    void plain(char c)
    {
        const auto byte = static_cast<unsigned char>(c);
        const bool carriageReturn = c == '\r' && isAt(m_at + 1, '\n');
        if (byte >= 0x7f || (byte < 0x20 && c != '\t' && !carriageReturn)) {
            refuse(QStringLiteral("only plain ASCII may stand outside of quotation marks and comments"));
        } else if (c == '#') {
            m_inside = Inside::Comment;
        } else if (c == '"' || c == '\'') {
            const bool isLong = isAt(m_at + 1, c) && isAt(m_at + 2, c);
            m_at += isLong ? 2 : 0;
            m_inside = c == '"' ? (isLong ? Inside::LongBasic : Inside::Basic)
                                : (isLong ? Inside::LongLiteral : Inside::Literal);
        } else if (c == '.' && ++m_dots > MostDotsOfALine) {
            refuse(QStringLiteral("more than %1 dots in one line").arg(MostDotsOfALine));
        } else if (c == '[' && m_fresh && !isBearableHeader()) {
            refuse(QStringLiteral("the name of a section is wanted after '['"));
        }
        m_fresh = m_fresh && (c == ' ' || c == '\t');
    }

    void string(char c)
    {
        const bool basic = m_inside == Inside::Basic || m_inside == Inside::LongBasic;
        const char quote = basic ? '"' : '\'';
        if (basic && c == '\\') {
            if (!isAt(m_at + 1, '\n'))
                ++m_at; // what is escaped ends nothing
        } else if (c == quote && (m_inside == Inside::Basic || m_inside == Inside::Literal)) {
            m_inside = Inside::Nothing;
        } else if (c == quote && isAt(m_at + 1, quote) && isAt(m_at + 2, quote)) {
            m_at += 2;
            for (int extra = 0; extra < 2 && isAt(m_at + 1, quote); ++extra)
                ++m_at; // two more belong to the string
            m_inside = Inside::Nothing;
        }
    }

    /// m_at is on a '[' that begins a statement.
    bool isBearableHeader() const
    {
        qsizetype at = pastBlanks(m_at + 1);
        if (isAt(at, '[')) {
            if (at != m_at + 1)
                return true; // "[ [": refused by toml++ in words
            at = pastBlanks(at + 1);
        }
        return at >= m_text.size() || m_text[at] == ']' || isKeyStart(m_text[at]);
    }
    qsizetype pastBlanks(qsizetype at) const
    {
        while (isAt(at, ' ') || isAt(at, '\t'))
            ++at;
        return at;
    }
    bool isAt(qsizetype at, char c) const { return at < m_text.size() && m_text[at] == c; }
    void refuse(const QString& why)
    {
        m_trouble = QStringLiteral(":%1:%2: %3").arg(m_line).arg(m_at - m_lineBegin + 1).arg(why);
    }

    const QByteArrayView m_text;
    QString m_trouble;
    Inside m_inside = Inside::Nothing;
    qsizetype m_at = 0, m_line = 1, m_lineBegin = 0, m_dots = 0;
    bool m_fresh = true; // nothing but blanks so far in this line
};

} // namespace

QString tomlTrouble(QByteArrayView text)
{
    return TomlScan(text).run();
}

} // namespace kav
