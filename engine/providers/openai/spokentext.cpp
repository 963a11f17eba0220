// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/spokentext.h"

#include <array>

namespace kav::providers {

namespace {
constexpr qsizetype LongestTag = 40;
constexpr qsizetype LongestPunctuation = 8; // at the end of an address

bool isEmoji(char32_t c)
{
    return (c >= 0x1f000 && c <= 0x1faff) || (c >= 0x2600 && c <= 0x27bf) || (c >= 0x2b00 && c <= 0x2bff)
        || (c >= 0x2190 && c <= 0x21ff) || (c >= 0x2300 && c <= 0x23ff) || (c >= 0x25a0 && c <= 0x25ff)
        || (c >= 0xe0000 && c <= 0xe007f) || c == 0xfe0f || c == 0xfe0e || c == 0x20e3;
}

/// Nothing that can be said: direction marks, a replaced character, controls.
bool isMute(char32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f || c == 0xfffd || c == 0xfeff || c == 0x200b
        || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f;
}

bool isAddressChar(QChar c)
{
    return !c.isSpace() && c != u')' && c != u'>' && c != u'"' && c != u']' && c != u'*' && c != u'`' && c != u'<';
}

bool endsSentence(QChar c)
{
    return c == u'.' || c == u',' || c == u'!' || c == u'?' || c == u';' || c == u':';
}
} // namespace

SpokenText::SpokenText(int longest)
    : m_longest(longest)
{
}

QString SpokenText::add(QStringView delta)
{
    if (isFull())
        return {};
    m_pending += delta;
    return run(false);
}

QString SpokenText::finish()
{
    return run(true);
}

QString SpokenText::run(bool atEnd)
{
    QString out;
    while (m_at < m_pending.size() && !isFull() && step(atEnd, out)) { }
    if (atEnd && !isFull())
        put(std::exchange(m_trailing, {}), out);
    m_pending.remove(0, m_at);
    m_at = 0;
    if (isFull())
        m_pending.clear();
    return out;
}

/// Deals with what comes next. False: it cannot be told before more is there.
bool SpokenText::step(bool atEnd, QString& out)
{
    switch (m_mode) {
    case Mode::Text:
        return stepText(atEnd, out);
    case Mode::Thought: {
        const qsizetype end = rest().indexOf(u'<');
        if (end < 0) {
            skip(rest().size());
            return true;
        }
        skip(end);
        for (const QLatin1String tag : {QLatin1String("</think>"), QLatin1String("</thinking>")}) {
            if (rest().startsWith(tag)) {
                skip(tag.size());
                m_mode = Mode::Text;
                m_lineStart = true;
                return true;
            }
            if (!atEnd && tag.startsWith(rest()))
                return false;
        }
        skip(1);
        return true;
    }
    case Mode::LinkTarget: {
        const qsizetype end = rest().indexOf(u')');
        if (end >= 0)
            m_mode = Mode::Text;
        skip(end < 0 ? rest().size() : end + 1);
        return true;
    }
    case Mode::Host:
    case Mode::Address:
        return stepAddress(atEnd, out);
    }
    return true;
}

bool SpokenText::stepText(bool atEnd, QString& out)
{
    const QChar c = rest().front();
    if (c.isHighSurrogate() && rest().size() < 2 && !atEnd)
        return false;
    const bool isPair = c.isHighSurrogate() && rest().size() > 1 && rest()[1].isLowSurrogate();
    const char32_t code = isPair ? QChar::surrogateToUcs4(c, rest()[1]) : char32_t(c.unicode());
    const bool afterBracket = std::exchange(m_afterBracket, false);
    const bool emojiBefore = std::exchange(m_emojiBefore, false);

    if (isEmoji(code) || (emojiBefore && code == 0x200d)) {
        m_emojiBefore = true;
        skip(isPair ? 2 : 1);
        return true;
    }
    if (isMute(code) || (c.isSurrogate() && !isPair)) {
        skip(1);
        return true;
    }
    if (c.isSpace()) {
        const bool line = c == u'\n' || c == u'\r' || c == QChar::LineSeparator || c == QChar::ParagraphSeparator;
        putSpace(line ? QLatin1Char('\n') : QLatin1Char(' '), out);
        m_lineStart = m_lineStart || line;
        m_seen = c;
        skip(1);
        return true;
    }
    const bool wordStart = !m_seen.isLetterOrNumber();
    const auto drop = [&] {
        m_seen = c;
        skip(1);
        return true;
    };
    if (c == u'(' && afterBracket) {
        m_mode = Mode::LinkTarget;
        return drop();
    }
    if (c == u']') {
        m_afterBracket = true;
        return drop();
    }
    if (c == u'*' || c == u'`' || c == u'~' || c == u'[' || c == u'\\')
        return drop();
    if (c == u'|') {
        putSpace(QLatin1Char(' '), out);
        return drop();
    }
    if (c == u'<')
        return stepTag(atEnd, out);
    if (c == u'!' || c == u'_' || c == u'#' || c == u'-' || c == u'+' || c == u'>' || c == u'\u2022') {
        // What they mean, the next character tells.
        if (rest().size() < 2 && !atEnd)
            return false;
        const QChar next = rest().size() > 1 ? rest()[1] : QLatin1Char('\n');
        if (c == u'!' && next == u'[')
            return drop();
        if (c == u'_' && (wordStart || !next.isLetterOrNumber()))
            return drop();
        if (c == u'_') {
            putSpace(QLatin1Char(' '), out);
            return drop();
        }
        if (m_lineStart && c != u'!' && (next == c || next.isSpace() || next == u'|'))
            return drop(); // a heading, an item of a list, a quotation, a line across
        if (c == u'-' && next == u'-')
            return drop();
        if (c == u'\u2022')
            return drop();
    }
    if (wordStart && (c.toLower() == u'h' || c.toLower() == u'w')) {
        for (const QLatin1String start : {QLatin1String("https://"), QLatin1String("http://"), QLatin1String("www.")}) {
            if (rest().startsWith(start, Qt::CaseInsensitive)) {
                skip(start.size());
                m_mode = Mode::Host;
                m_hostBegins = true;
                return true;
            }
            if (!atEnd && start.startsWith(rest(), Qt::CaseInsensitive))
                return false;
        }
    }
    put(rest().first(isPair ? 2 : 1), out);
    m_seen = c;
    m_lineStart = false;
    skip(isPair ? 2 : 1);
    return true;
}

/// A "<" is a tag when a name and soon a ">" follow.
bool SpokenText::stepTag(bool atEnd, QString& out)
{
    const QStringView tail = rest();
    qsizetype end = 1;
    bool isTag = true;
    for (; end < tail.size() && tail[end] != u'>'; ++end) {
        const QChar c = tail[end];
        const bool first = end == 1;
        if ((first && !c.isLetter() && c != u'/') || c == u':' || c == u'<' || c == u'@' || end > LongestTag) {
            isTag = false;
            break;
        }
    }
    if (isTag && end == tail.size() && !atEnd)
        return false;
    if (!isTag || end == tail.size()) {
        m_seen = u'<';
        skip(1);
        return true;
    }
    const QStringView name = tail.sliced(1, end - 1);
    if (name == QLatin1String("think") || name == QLatin1String("thinking"))
        m_mode = Mode::Thought;
    else if (name.startsWith(QLatin1String("br")) || name.startsWith(QLatin1String("/p")))
        putSpace(QLatin1Char('\n'), out);
    m_seen = u'>';
    skip(end + 1);
    return true;
}

/// "www.example.com/a?b." is said "example.com."
bool SpokenText::stepAddress(bool atEnd, QString& out)
{
    if (m_hostBegins) {
        constexpr QLatin1String www("www.");
        if (!atEnd && rest().size() < www.size() && www.startsWith(rest(), Qt::CaseInsensitive))
            return false;
        m_hostBegins = false;
        if (rest().startsWith(www, Qt::CaseInsensitive)) {
            skip(www.size());
            return true;
        }
    }
    const QChar c = rest().front();
    if (!isAddressChar(c)) {
        put(std::exchange(m_trailing, {}), out);
        m_mode = Mode::Text;
        m_seen = u'/';
        m_lineStart = false;
        return true;
    }
    if (endsSentence(c)) {
        m_trailing += c;
    } else if (m_mode == Mode::Host && (c == u'/' || c == u'?' || c == u'#')) {
        m_trailing.clear();
        m_mode = Mode::Address;
    } else {
        if (m_mode == Mode::Host) {
            put(std::exchange(m_trailing, {}), out);
            put(rest().first(1), out);
        }
        m_trailing.clear();
    }
    skip(1);
    if (m_trailing.size() > LongestPunctuation)
        m_trailing.clear();
    return true;
}

void SpokenText::put(QStringView text, QString& out)
{
    // Whole characters only: a pair is put as one, or not at all.
    if (text.isEmpty() || m_length + text.size() > m_longest) {
        if (!text.isEmpty())
            m_length = m_longest;
        return;
    }
    out += text;
    m_length += int(text.size());
    m_last = text.back();
}

void SpokenText::putSpace(QChar space, QString& out)
{
    if (m_last.isNull() || m_last == u'\n' || (m_last == u' ' && space == u' '))
        return;
    put(QStringView(&space, 1), out);
}

} // namespace kav::providers
