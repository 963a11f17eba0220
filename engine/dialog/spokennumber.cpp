// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/spokennumber.h"

#include "engine/dialog/phrases.h"

#include <QMap>

#include <algorithm>

namespace kav::dialog {
namespace {

const QMap<QString, QChar>& digitOfWord()
{
    static const QMap<QString, QChar> digits{{QStringLiteral("zero"), u'0'}, {QStringLiteral("oh"), u'0'},
        {QStringLiteral("o"), u'0'}, {QStringLiteral("one"), u'1'}, {QStringLiteral("two"), u'2'},
        {QStringLiteral("three"), u'3'}, {QStringLiteral("four"), u'4'}, {QStringLiteral("five"), u'5'},
        {QStringLiteral("six"), u'6'}, {QStringLiteral("seven"), u'7'}, {QStringLiteral("eight"), u'8'},
        {QStringLiteral("nine"), u'9'},
        // People say them in both genders.
        {QStringLiteral("אפס"), u'0'}, {QStringLiteral("אחת"), u'1'}, {QStringLiteral("אחד"), u'1'},
        {QStringLiteral("שתיים"), u'2'}, {QStringLiteral("שתים"), u'2'}, {QStringLiteral("שניים"), u'2'},
        {QStringLiteral("שנים"), u'2'}, {QStringLiteral("שלוש"), u'3'}, {QStringLiteral("שלושה"), u'3'},
        {QStringLiteral("ארבע"), u'4'}, {QStringLiteral("ארבעה"), u'4'}, {QStringLiteral("חמש"), u'5'},
        {QStringLiteral("חמישה"), u'5'}, {QStringLiteral("שש"), u'6'}, {QStringLiteral("שישה"), u'6'},
        {QStringLiteral("שבע"), u'7'}, {QStringLiteral("שבעה"), u'7'}, {QStringLiteral("שמונה"), u'8'},
        {QStringLiteral("תשע"), u'9'}, {QStringLiteral("תשעה"), u'9'}};
    return digits;
}

/// Hebrew writes "to" and "and" as one with the word: "לאפס".
QString withoutPrefix(const QString& word)
{
    const bool prefixed = word.startsWith(u'\u05dc') || word.startsWith(u'\u05d5');
    return prefixed && digitOfWord().contains(word.mid(1)) ? word.mid(1) : word;
}

int multiplierOf(const QString& word)
{
    if (word == QLatin1String("double"))
        return 2;
    return word == QLatin1String("triple") ? 3 : 1;
}

/// Lengths of the groups: 3-4, 4-4, 3-3-3, 3-3-4; other lengths in threes with the rest last.
QList<qsizetype> groupsOf(qsizetype length)
{
    if (length == 8)
        return {4, 4};
    QList<qsizetype> groups;
    while (length > 4) {
        groups += 3;
        length -= 3;
    }
    if (length > 0)
        groups += length;
    return groups;
}

} // namespace

QStringList digitWords()
{
    return {QStringLiteral("zero"), QStringLiteral("oh"), QStringLiteral("one"), QStringLiteral("two"),
        QStringLiteral("three"), QStringLiteral("four"), QStringLiteral("five"), QStringLiteral("six"),
        QStringLiteral("seven"), QStringLiteral("eight"), QStringLiteral("nine")};
}

std::optional<QString> parseSpokenDigits(QStringView text, const QStringList& leadIns)
{
    QString digits;
    int times = 1;
    QStringList words = plainWords(text);
    for (const QString& leadIn : leadIns)
        removePhrase(words, plainWords(leadIn));
    for (const QString& word : std::as_const(words)) {
        if (const int multiplier = multiplierOf(word); multiplier > 1) {
            if (times > 1)
                return std::nullopt;
            times = multiplier;
            continue;
        }
        const bool written = std::all_of(word.begin(), word.end(), [](QChar c) { return c >= u'0' && c <= u'9'; });
        const auto spoken = digitOfWord().constFind(withoutPrefix(word));
        if (!written && spoken == digitOfWord().constEnd())
            return std::nullopt;
        if (times > 1 && written && word.size() > 1)
            return std::nullopt;
        const QString piece = written ? word : QString(*spoken);
        digits += piece.repeated(times);
        times = 1;
    }
    if (digits.isEmpty() || times > 1)
        return std::nullopt;
    return digits;
}

QString speakDigits(QStringView digits, const QString& language)
{
    static const QStringList hebrew{QStringLiteral("אפס"), QStringLiteral("אחת"), QStringLiteral("שתיים"),
        QStringLiteral("שלוש"), QStringLiteral("ארבע"), QStringLiteral("חמש"), QStringLiteral("שש"),
        QStringLiteral("שבע"), QStringLiteral("שמונה"), QStringLiteral("תשע")};
    static const QStringList english{QStringLiteral("zero"), QStringLiteral("one"), QStringLiteral("two"),
        QStringLiteral("three"), QStringLiteral("four"), QStringLiteral("five"), QStringLiteral("six"),
        QStringLiteral("seven"), QStringLiteral("eight"), QStringLiteral("nine")};
    const QStringList& names = language.startsWith(QLatin1String("he"), Qt::CaseInsensitive) ? hebrew : english;
    QStringList groups;
    qsizetype at = 0;
    for (const qsizetype length : groupsOf(digits.size())) {
        QStringList words;
        for (const QChar c : digits.mid(at, length))
            words += names.value(c.digitValue());
        groups += words.join(QLatin1Char(' '));
        at += length;
    }
    return groups.join(QStringLiteral(", "));
}

} // namespace kav::dialog
