// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/sentencesplitter.h"

#include <QSet>

#include <algorithm>
#include <optional>

namespace kav::dialog {
namespace {

// A synthesiser starts when a sentence is whole, so text without an end in sight is cut at a space.
constexpr qsizetype LongestSentence = 500;

bool isEnd(QChar c)
{
    return c == QLatin1Char('.') || c == QLatin1Char('!') || c == QLatin1Char('?') || c == QLatin1Char(':')
        || c.unicode() == 0x2026; // …
}

/// Closes what an end may stand in: quotes and brackets.
bool isCloser(QChar c)
{
    switch (c.unicode()) {
    case u'"':
    case u'\'':
    case u')':
    case u']':
    case 0x201D: // ”
    case 0x2019: // ’
    case 0x05F4: // ״
    case 0x00BB: // »
        return true;
    default:
        return false;
    }
}

/// Followed by a name or a number: never the end.
const QSet<QString>& titles()
{
    static const QSet<QString> words{QStringLiteral("mr"), QStringLiteral("mrs"), QStringLiteral("ms"),
        QStringLiteral("dr"), QStringLiteral("prof"), QStringLiteral("st"), QStringLiteral("mt"), QStringLiteral("sgt"),
        QStringLiteral("capt"), QStringLiteral("gen"), QStringLiteral("rev"), QStringLiteral("hon"),
        QStringLiteral("vs"), QStringLiteral("e.g"), QStringLiteral("i.e"), QStringLiteral("cf"),
        QStringLiteral("approx"), QStringLiteral("גב'"), QStringLiteral("ר'")};
    return words;
}

/// May end a sentence, and do when the next word has a capital.
const QSet<QString>& abbreviations()
{
    static const QSet<QString> words{QStringLiteral("a.m"), QStringLiteral("p.m"), QStringLiteral("etc"),
        QStringLiteral("inc"), QStringLiteral("ltd"), QStringLiteral("co"), QStringLiteral("corp"),
        QStringLiteral("ave"), QStringLiteral("blvd"), QStringLiteral("u.s"), QStringLiteral("u.k"),
        QStringLiteral("jr"), QStringLiteral("sr"), QStringLiteral("ext")};
    return words;
}

/// Ends nothing before a number: "No. 5", "p. 12".
const QSet<QString>& numberings()
{
    static const QSet<QString> words{QStringLiteral("no"), QStringLiteral("nos"), QStringLiteral("p"),
        QStringLiteral("pp"), QStringLiteral("fig"), QStringLiteral("vol"), QStringLiteral("ch"),
        QStringLiteral("מס'")};
    return words;
}

enum class Verdict { Ends, GoesOn, Unknown };

/// Whether the full stop at `dot` ends a sentence; `next` is the first character of the next word, if it is known.
Verdict judgeStop(QStringView text, qsizetype dot, std::optional<QChar> next)
{
    qsizetype start = dot;
    while (start > 0 && !text[start - 1].isSpace())
        --start;
    QStringView word = text.mid(start, dot - start);
    while (!word.isEmpty() && !word.front().isLetterOrNumber())
        word = word.mid(1);
    if (word.isEmpty())
        return Verdict::Ends;
    const QString lower = word.toString().toLower();
    if (titles().contains(lower))
        return Verdict::GoesOn;
    if (word.size() == 1 && word.front().isUpper() && word.front() != QLatin1Char('I'))
        return Verdict::GoesOn; // an initial
    const bool number = std::all_of(word.begin(), word.end(), [](QChar c) { return c.isDigit(); });
    if (number && word.size() <= 2 && text.left(start).trimmed().isEmpty())
        return Verdict::GoesOn; // "1. Press one": the number of a list's entry
    if (abbreviations().contains(lower)) {
        if (!next)
            return Verdict::Unknown;
        return next->isLower() || next->isDigit() || !next->isLetterOrNumber() ? Verdict::GoesOn : Verdict::Ends;
    }
    if (numberings().contains(lower)) {
        if (!next)
            return Verdict::Unknown;
        return next->isDigit() ? Verdict::GoesOn : Verdict::Ends;
    }
    return Verdict::Ends;
}

/// Where the first sentence of `text` ends, or -1: not known yet.
qsizetype firstEnd(QStringView text)
{
    for (qsizetype i = 0; i < text.size(); ++i) {
        if (text[i] == QLatin1Char('\n')) {
            if (!text.left(i).trimmed().isEmpty())
                return i + 1;
            continue;
        }
        if (!isEnd(text[i]))
            continue;
        qsizetype after = i + 1;
        while (after < text.size() && (isEnd(text[after]) || isCloser(text[after])))
            ++after;
        if (after == text.size())
            return -1;
        if (!text[after].isSpace()) {
            i = after - 1;
            continue;
        }
        if (text[i] == QLatin1Char('.') && after == i + 1) {
            qsizetype word = after;
            while (word < text.size() && text[word].isSpace() && text[word] != QLatin1Char('\n'))
                ++word;
            const auto next = word < text.size() ? std::optional<QChar>(text[word]) : std::nullopt;
            switch (judgeStop(text, i, next)) {
            case Verdict::Ends:
                return after;
            case Verdict::GoesOn:
                continue;
            case Verdict::Unknown:
                return -1;
            }
        }
        return after;
    }
    return -1;
}

/// The end of a first piece at a comma past `least`, or -1.
qsizetype firstComma(QStringView text, qsizetype least)
{
    for (qsizetype i = std::max<qsizetype>(0, least - 1); i + 1 < text.size(); ++i) {
        if ((text[i] == QLatin1Char(',') || text[i] == QLatin1Char(';')) && text[i + 1].isSpace())
            return i + 1;
    }
    return -1;
}

qsizetype forcedEnd(QStringView text)
{
    for (qsizetype i = LongestSentence; i > LongestSentence / 2; --i) {
        if (text[i].isSpace())
            return i;
    }
    return text[LongestSentence].isLowSurrogate() ? LongestSentence - 1 : LongestSentence;
}

bool isSpeakable(QStringView text)
{
    return std::any_of(text.begin(), text.end(), [](QChar c) { return c.isLetterOrNumber() || c.isSurrogate(); });
}

} // namespace

SentenceSplitter::SentenceSplitter(qsizetype firstPieceMin)
    : m_firstPieceMin(firstPieceMin)
{
}

QStringList SentenceSplitter::add(QStringView delta)
{
    m_pending += delta;
    QStringList sentences;
    qsizetype begin = 0;
    for (;;) {
        const QStringView rest = QStringView(m_pending).mid(begin);
        qsizetype end = firstEnd(rest.left(LongestSentence + 1));
        if (m_first && m_firstPieceMin > 0) {
            const qsizetype comma = firstComma(rest, m_firstPieceMin);
            if (comma > 0 && (end < 0 || comma < end))
                end = comma;
        }
        if (end < 0 && rest.size() > LongestSentence)
            end = forcedEnd(rest);
        if (end < 0)
            break;
        const QStringView sentence = rest.left(end).trimmed();
        begin += end;
        if (isSpeakable(sentence)) {
            sentences += sentence.toString();
            m_first = false;
        }
    }
    m_pending.remove(0, begin);
    return sentences;
}

QStringList SentenceSplitter::finish()
{
    // A space decides what waited for one.
    QStringList sentences = add(u"\n");
    const QString rest = m_pending.trimmed();
    if (isSpeakable(rest))
        sentences += rest;
    m_pending.clear();
    m_first = true;
    return sentences;
}

} // namespace kav::dialog
