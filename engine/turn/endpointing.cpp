// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/endpointing.h"

#include "engine/turn/callerwords.h"

#include <QSet>

#include <algorithm>

namespace kav::turn {
namespace {

// Words a sentence does not end with in speech. A false member costs at most 300 ms; a missing one cuts the caller off.
const QSet<QString>& connectives()
{
    static const QSet<QString> words = [] {
        QSet<QString> set;
        const QString all = QStringLiteral(
            // English: conjunctions, articles, prepositions, possessives, unfinished verbs
            "and but or so because if then than that when while although unless until whether plus "
            "to the a an of for with from in on at by into about as like my your his her our their its this "
            "i i'm i'd i've i'll we he she they is are was were am will would can could should must may might "
            "want need have has had get let's and/or not "
            // Hebrew
            "ו ש אבל או וגם גם כי אז "
            "אם של את עם אל על מן בין "
            "כדי בגלל משום לכן "
            "עד לפני אחרי "
            "אני רוצה צריך צריכה "
            "הוא היא אנחנו לאומר "
            "כמו אולי ואז ואם ");
        for (const QString& word : all.split(QLatin1Char(' '), Qt::SkipEmptyParts))
            set.insert(word);
        return set;
    }();
    return words;
}

const QSet<QString>& hesitations()
{
    static const QSet<QString> words{QStringLiteral("um"), QStringLiteral("umm"), QStringLiteral("uh"),
        QStringLiteral("er"), QStringLiteral("erm"), QStringLiteral("hmm"), QStringLiteral("well"),
        QStringLiteral("אה"), QStringLiteral("אהה"), QStringLiteral("אמ"), QStringLiteral("אממ"), QStringLiteral("רגע"),
        QStringLiteral("כאילו")};
    return words;
}

const QSet<QString>& numberWords()
{
    static const QSet<QString> words = [] {
        QSet<QString> set;
        const QString all =
            QStringLiteral("zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
                           "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy "
                           "eighty ninety hundred thousand double triple "
                           "אפס אחת אחד שתיים שניים שתים שנים שלוש שלושה ארבע ארבעה חמש חמישה שש שישה שבע שבעה "
                           "שמונה תשע תשעה עשר עשרה עשרים שלושים ארבעים חמישים שישים שבעים שמונים תשעים מאה אלף");
        for (const QString& word : all.split(QLatin1Char(' '), Qt::SkipEmptyParts))
            set.insert(word);
        return set;
    }();
    return words;
}

bool isNumber(const QString& word)
{
    return word.back().isDigit() || numberWords().contains(word);
}

} // namespace

Completeness completeness(QStringView interim, bool stable)
{
    const QStringView text = interim.trimmed();
    const QStringList words = bareWords(text);
    if (words.isEmpty())
        return Completeness::Unknown;
    const QChar end = text.back();
    // A recogniser that writes a question or exclamation mark has understood a whole sentence; a full stop it also
    // puts after half a one.
    if (end == QLatin1Char('?') || end == QLatin1Char('!'))
        return Completeness::Complete;
    const QString& last = words.back();
    const bool trailsOff = end == QLatin1Char(',') || end == QLatin1Char('-') || end.unicode() == 0x2026
        || text.endsWith(QLatin1String("..."));
    if (trailsOff || connectives().contains(last) || hesitations().contains(last) || isNumber(last))
        return Completeness::OpenEnded;
    if (stable || end == QLatin1Char('.'))
        return Completeness::Complete;
    return Completeness::Unknown;
}

Milliseconds endOfUtterancePause(const Settings& settings, Listening listening, QStringView interim, bool stable)
{
    if (listening == Listening::Message)
        return settings.messageEnd;
    const Milliseconds shortest = settings.endOfUtteranceMin;
    const Milliseconds longest = std::max(shortest, settings.endOfUtteranceMax);
    if (listening == Listening::Digits)
        return longest;
    switch (completeness(interim, stable)) {
    case Completeness::Complete:
        return shortest;
    case Completeness::OpenEnded:
        return longest;
    case Completeness::Unknown:
        break;
    }
    return (shortest + longest) / 2;
}

} // namespace kav::turn
