// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/whispertext.h"

#include <QRegularExpression>
#include <QSet>
#include <QStringList>

#include <algorithm>
#include <array>

namespace kav::providers {

namespace {
// Nobody says these words in less.
constexpr std::chrono::milliseconds ShortestThanks{240};
constexpr qsizetype LongestTranscript = 4000; // characters

/// Of one word: "Hello," -> "hello"; what stands inside it stays.
QString bareWord(QStringView word)
{
    const auto isOutside = [](QChar c) { return c.isPunct() || c.isSymbol(); };
    while (!word.isEmpty() && isOutside(word.front()) && word.front() != u'+' && word.front() != u'#')
        word = word.sliced(1);
    while (!word.isEmpty() && isOutside(word.back()) && word.back() != u'%')
        word.chop(1);
    return word.toString().toLower();
}

QString digitWord(int digit, const QString& language)
{
    static const std::array<QString, 10> english{QStringLiteral("zero"), QStringLiteral("one"), QStringLiteral("two"),
        QStringLiteral("three"), QStringLiteral("four"), QStringLiteral("five"), QStringLiteral("six"),
        QStringLiteral("seven"), QStringLiteral("eight"), QStringLiteral("nine")};
    static const std::array<QString, 10> hebrew{QStringLiteral("אפס"), QStringLiteral("אחת"), QStringLiteral("שתיים"),
        QStringLiteral("שלוש"), QStringLiteral("ארבע"), QStringLiteral("חמש"), QStringLiteral("שש"),
        QStringLiteral("שבע"), QStringLiteral("שמונה"), QStringLiteral("תשע")};
    const auto index = std::size_t(digit);
    if (language == QLatin1String("en"))
        return english[index];
    if (language == QLatin1String("he"))
        return hebrew[index];
    return QString::number(digit);
}

/// "call 555-1234" -> "call five five five one two three four".
QString withDigitsSpoken(const QString& text, const QString& language)
{
    QString result;
    for (const QChar c : text) {
        const int digit = c.digitValue();
        if (digit >= 0) {
            if (!result.isEmpty() && !result.back().isSpace())
                result += u' ';
            result += digitWord(digit, language) + u' ';
        } else {
            result += c == u'-' || c == u'.' || c == u'/' || c == u'(' || c == u')' ? QChar(u' ') : c;
        }
    }
    return result.simplified();
}

const QSet<QString>& saidOverSilence()
{
    static const QSet<QString> words{QStringLiteral("thank you"), QStringLiteral("thank you very much"),
        QStringLiteral("thank you so much"), QStringLiteral("thanks"), QStringLiteral("you"), QStringLiteral("bye"),
        QStringLiteral("תודה"), QStringLiteral("תודה רבה"), QStringLiteral("תודה רבה לכם"), QStringLiteral("תודה לכם")};
    return words;
}

const QSet<QString>& captions()
{
    static const QSet<QString> words{QStringLiteral("thanks for watching"), QStringLiteral("thank you for watching"),
        QStringLiteral("thank you so much for watching"), QStringLiteral("thanks for listening"),
        QStringLiteral("please subscribe"), QStringLiteral("please subscribe to my channel"),
        QStringLiteral("like and subscribe"), QStringLiteral("see you in the next video"),
        QStringLiteral("תודה על הצפייה"), QStringLiteral("תודה שצפיתם"), QStringLiteral("תודה רבה על הצפייה"),
        QStringLiteral("תודה רבה שצפיתם")};
    return words;
}
} // namespace

QString whisperText(const QString& written, const QString& language, bool digits, std::chrono::milliseconds voiced)
{
    // What stands in brackets or between stars and notes is a sound's description: nobody speaks brackets.
    static const QRegularExpression described(
        QStringLiteral("\\[[^\\]]*\\]|\\([^()]*\\p{L}[^()]*\\)|\\*[^*]*\\*|♪[^♪]*♪|♪|<\\|[^|]*\\|>"));
    QString plain = written.left(LongestTranscript);
    plain.replace(described, QStringLiteral(" "));
    if (digits)
        plain = withDigitsSpoken(plain, isoLanguage(language));
    QStringList words;
    const QStringList spaced = plain.simplified().split(u' ', Qt::SkipEmptyParts);
    for (const QString& word : spaced) {
        const QString bare = bareWord(word);
        if (!bare.isEmpty())
            words += bare;
    }
    const QString text = words.join(u' ');
    // The same words again and again are what such a model falls into over noise.
    const QSet<QString> different(words.begin(), words.end());
    const bool isLoop = words.size() >= 10 && different.size() == 1 && !digits;
    const bool isCaption = captions().contains(text) || text.contains(QLatin1String("amara.org"))
        || text.startsWith(QLatin1String("subtitles by"));
    if (isCaption || isLoop || (voiced < ShortestThanks && saidOverSilence().contains(text)))
        return {};
    return text;
}

QString isoLanguage(QStringView bcp47)
{
    const qsizetype end =
        std::find_if(bcp47.begin(), bcp47.end(), [](QChar c) { return c == u'-' || c == u'_'; }) - bcp47.begin();
    const QString language = bcp47.first(end).toString().toLower();
    if (language == QLatin1String("iw"))
        return QStringLiteral("he"); // its name before 1989, which some systems still give
    return language.size() == 2 || language.size() == 3 ? language : QString();
}

} // namespace kav::providers
