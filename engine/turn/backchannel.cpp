// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/backchannel.h"

#include "engine/turn/callerwords.h"

#include <QSet>

namespace kav::turn {
namespace {

// More than this is a sentence, whatever its words.
constexpr qsizetype LongestBackchannel = 4;

QSet<QString> setOf(const QString& lines)
{
    const QStringList list = lines.split(QLatin1Char('|'));
    return QSet<QString>(list.begin(), list.end());
}

const QSet<QString>& acknowledgements()
{
    static const QSet<QString> phrases = setOf(
        QStringLiteral("yes|yeah|yep|yup|ok|okay|sure|right|correct|exactly|all right|alright|of course|that's right|"
                       "כן|נכון|בסדר|בטח|אוקיי|אוקי|סבבה|בדיוק|ברור|טוב"));
    return phrases;
}

const QSet<QString>& encouragements()
{
    static const QSet<QString> phrases = setOf(QStringLiteral(
        "mm|mmm|mhm|mmhm|mhmm|hm|hmm|mm hmm|mm hm|uh|um|uh huh|ah|aha|aah|oh|oh okay|huh|i see|got it|go on|"
        "cool|great|good|fine|"
        "אה|אהה|אהא|אהה|ממ|מממ|אממ|המ|אוקיי|הבנתי|יופי|מצוין|אני מבין|אני מבינה|אהם"));
    return phrases;
}

/// The words are nothing but phrases of the sets, longest first.
bool consistsOf(QStringView text, const QSet<QString>& first, const QSet<QString>& second)
{
    const QStringList words = bareWords(text);
    if (words.isEmpty() || words.size() > LongestBackchannel)
        return false;
    for (qsizetype i = 0; i < words.size();) {
        const QString pair = i + 1 < words.size() ? QString(words[i] + QLatin1Char(' ') + words[i + 1]) : QString();
        if (!pair.isEmpty() && (first.contains(pair) || second.contains(pair)))
            i += 2;
        else if (first.contains(words[i]) || second.contains(words[i]))
            ++i;
        else
            return false;
    }
    return true;
}

} // namespace

bool isBackchannel(QStringView text)
{
    return consistsOf(text, acknowledgements(), encouragements());
}

bool isAcknowledgement(QStringView text)
{
    return consistsOf(text, acknowledgements(), {});
}

} // namespace kav::turn
