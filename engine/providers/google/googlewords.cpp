// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/googlewords.h"

#include <array>

namespace kav::providers {

namespace {
// Google takes 5,000 phrases of 100 characters; what helps recognition is far less.
constexpr int MostHints = 500;
constexpr qsizetype LongestHint = 100;

bool joinsWord(QChar c)
{
    return c == u'\'' || c == u'\u2019' || c == u'"' || c == u'\u05f3' || c == u'\u05f4';
}
} // namespace

QString wordsOf(const QString& transcript, const RecognitionContext& context)
{
    static const std::array<QLatin1String, 10> names{QLatin1String("zero"), QLatin1String("one"), QLatin1String("two"),
        QLatin1String("three"), QLatin1String("four"), QLatin1String("five"), QLatin1String("six"),
        QLatin1String("seven"), QLatin1String("eight"), QLatin1String("nine")};
    const bool spellsDigits = context.digits && context.language.startsWith(QLatin1String("en"), Qt::CaseInsensitive);
    QString words;
    words.reserve(transcript.size());
    for (qsizetype i = 0; i < transcript.size(); ++i) {
        const QChar c = transcript[i];
        if (spellsDigits && c.isDigit()) {
            words += QLatin1Char(' ') + names[std::size_t(c.digitValue())] + QLatin1Char(' ');
            continue;
        }
        const bool inside = i > 0 && i + 1 < transcript.size() && transcript[i - 1].isLetterOrNumber()
            && transcript[i + 1].isLetterOrNumber();
        // "3.5", "10:30" and "can't" are one word each; "twenty-one" is two.
        const bool stays = c.isLetterOrNumber() || c.isMark() || c.isSurrogate() || (inside && joinsWord(c))
            || (inside && (c == u'.' || c == u':' || c == u',') && transcript[i - 1].isDigit()
                && transcript[i + 1].isDigit())
            || c == u'%' || c == u'$' || c == u'\u20aa' || c == u'@' || c == u'&' || c == u'+';
        words += stays ? c : QChar(u' ');
    }
    return words.simplified().toLower();
}

QStringList hintsOf(const RecognitionContext& context)
{
    QStringList hints;
    for (const QString& phrase : context.phrases) {
        const QString hint = phrase.simplified();
        if (hint.isEmpty() || hint.size() > LongestHint)
            continue;
        hints.append(hint);
        if (hints.size() == MostHints)
            break;
    }
    return hints;
}

QString googleLanguage(const QString& language)
{
    QString tag = language.trimmed();
    tag.replace(QLatin1Char('_'), QLatin1Char('-'));
    if (tag.isEmpty() || tag.compare(QLatin1String("en"), Qt::CaseInsensitive) == 0)
        return QStringLiteral("en-US");
    if (tag.compare(QLatin1String("he"), Qt::CaseInsensitive) == 0
        || tag.startsWith(QLatin1String("iw"), Qt::CaseInsensitive))
        return QStringLiteral("he-IL");
    return tag;
}

} // namespace kav::providers
