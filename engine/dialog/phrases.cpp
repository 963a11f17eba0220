// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/phrases.h"

#include "engine/dialog/spokennumber.h"

#include <algorithm>

namespace kav::dialog {
namespace {

bool isHebrew(QChar c)
{
    return c.script() == QChar::Script_Hebrew;
}

/// Vowel points and cantillation; they may be there or not, and mean the same word.
bool isHebrewPoint(QChar c)
{
    return c.isMark() && isHebrew(c);
}

bool isQuote(QChar c)
{
    return c == u'\'' || c == u'"' || c == u'\u2019' || c == u'\u201d' || c == u'\u05f3' || c == u'\u05f4';
}

/// And, the, to, in, from, that, as: written as one with the word. Short words are left alone: "כן" is not "לכן".
bool isWithPrefix(QStringView said, QStringView word)
{
    constexpr qsizetype ShortestWord = 3, MostPrefixes = 3;
    const qsizetype extra = said.size() - word.size();
    if (word.size() < ShortestWord || extra < 1 || extra > MostPrefixes || !isHebrew(word.front())
        || !said.endsWith(word))
        return false;
    const QStringView prefixes(u"\u05d5\u05d4\u05dc\u05d1\u05de\u05e9\u05db");
    return std::all_of(said.begin(), said.begin() + extra, [&](QChar c) { return prefixes.contains(c); });
}

/// As lastPlace(), Hebrew prefixes allowed for.
qsizetype lastPlaceOfSaid(const QStringList& words, const QStringList& phrase)
{
    if (phrase.isEmpty())
        return -1;
    const auto it = std::find_end(words.begin(), words.end(), phrase.begin(), phrase.end(),
        [](const QString& said, const QString& word) { return said == word || isWithPrefix(said, word); });
    return it == words.end() ? -1 : it - words.begin();
}

/// Where `phrase` last stands in `words`, or -1.
qsizetype lastPlace(const QStringList& words, const QStringList& phrase)
{
    if (phrase.isEmpty())
        return -1;
    const auto it = std::find_end(words.begin(), words.end(), phrase.begin(), phrase.end());
    return it == words.end() ? -1 : it - words.begin();
}

bool startsWith(const QStringList& words, const QStringList& phrase)
{
    return !phrase.isEmpty() && words.size() > phrase.size() && std::equal(phrase.begin(), phrase.end(), words.begin());
}

bool endsWith(const QStringList& words, const QStringList& phrase)
{
    return !phrase.isEmpty() && words.size() > phrase.size()
        && std::equal(phrase.begin(), phrase.end(), words.end() - phrase.size());
}

/// Without politeness around them; never without any word.
QStringList bareWish(QStringList words, const Politeness& politeness)
{
    for (bool again = true; again;) {
        again = false;
        for (const QString& phrase : politeness.before) {
            if (const QStringList parts = plainWords(phrase); startsWith(words, parts)) {
                words = words.mid(parts.size());
                again = true;
            }
        }
        for (const QString& phrase : politeness.after) {
            if (const QStringList parts = plainWords(phrase); endsWith(words, parts)) {
                words = words.mid(0, words.size() - parts.size());
                again = true;
            }
        }
    }
    return words;
}

const Intent* exactly(const QStringList& words, const std::vector<const Intent*>& intents)
{
    for (const Intent* intent : intents) {
        for (const QString& phrase : intent->phrases) {
            if (plainWords(phrase) == words)
                return intent;
        }
    }
    return nullptr;
}

// Rarer than what it stands beside. sphinxbase loses a weight before a group or a rule's name, so it goes before each
// phrase's first word.
constexpr const char* Plain = "";
constexpr const char* Rare = "/0.001/ ";

QString alternatives(const QStringList& phrases, const char* weight)
{
    const QString mark = QString::fromLatin1(weight);
    return QLatin1String("( ") + mark + phrases.join(QString(QLatin1String(" | ") + mark)) + QLatin1String(" )");
}

/// Optional words, each made unlikely by `weight`.
QString optional(const QStringList& phrases, const char* weight)
{
    return phrases.isEmpty() ? QString()
                             : QString(QLatin1String("[ ") + alternatives(phrases, weight) + QLatin1String(" ] "));
}

} // namespace

QStringList plainWords(QStringView text)
{
    QStringList words;
    QString word;
    const auto finish = [&] {
        while (word.endsWith(QLatin1Char('\'')))
            word.chop(1);
        if (!word.isEmpty())
            words += word;
        word.clear();
    };
    for (const QChar c : text) {
        if (isHebrewPoint(c))
            continue;
        if (isQuote(c) && !word.isEmpty() && isHebrew(word.back()))
            continue;
        if (c.isLetterOrNumber() || c.isMark())
            word += c.toLower();
        else if ((c == QLatin1Char('\'') || c.unicode() == 0x2019) && !word.isEmpty())
            word += QLatin1Char('\'');
        else
            finish();
    }
    finish();
    return words;
}

void removePhrase(QStringList& words, const QStringList& phrase)
{
    for (qsizetype at = lastPlace(words, phrase); at >= 0; at = lastPlace(words, phrase))
        words.erase(words.begin() + at, words.begin() + at + phrase.size());
}

const Intent* understand(QStringView text, const std::vector<const Intent*>& intents, const Politeness& politeness)
{
    const QStringList said = plainWords(text);
    if (said.isEmpty())
        return nullptr;
    if (const Intent* intent = exactly(said, intents))
        return intent;
    const QStringList wish = bareWish(said, politeness);
    if (const Intent* intent = exactly(wish, intents))
        return intent;
    const Intent* best = nullptr;
    qsizetype bestLength = 0;
    qsizetype bestEnd = -1;
    for (const Intent* intent : intents) {
        for (const QString& phrase : intent->phrases) {
            const QStringList parts = plainWords(phrase);
            const qsizetype at = lastPlaceOfSaid(wish, parts);
            const qsizetype end = at + parts.size();
            if (at >= 0 && (parts.size() > bestLength || (parts.size() == bestLength && end > bestEnd))) {
                best = intent;
                bestLength = parts.size();
                bestEnd = end;
            }
        }
    }
    return best;
}

QString jsgf(const QString& name, const std::vector<const Intent*>& intents, const Politeness& politeness, bool digits,
    const QStringList& leadIns)
{
    // Short words on a telephone line are hard to hear, and whatever a grammar allows beside them is one more way to
    // mishear them: with the lead-ins and politeness of free speech in it, a bare "hello" or "message" was lost. So
    // what is only polite is for understand(), and "double five" too.
    QString rules;
    QStringList names;
    for (const Intent* intent : intents) {
        const QString rule = QLatin1Char('<') + intent->name + QLatin1Char('>');
        names += rule;
        rules +=
            rule + QLatin1String(" = ") + alternatives(intent->phrases, digits ? Rare : Plain) + QLatin1String(" ;\n");
    }
    QStringList choices;
    if (!names.isEmpty())
        choices += alternatives(names, Plain) + QLatin1Char(' ') + optional(politeness.grammar, Plain).trimmed();
    if (digits) {
        rules += QLatin1String("<digit> = ") + alternatives(digitWords(), Plain) + QLatin1String(" ;\n");
        choices += optional(leadIns, Rare) + QLatin1String("<digit> +");
    }
    return QLatin1String("#JSGF V1.0;\ngrammar ") + name + QLatin1String(";\n") + rules
        + QLatin1String("public <turn> = ") + choices.join(QStringLiteral(" | ")) + QLatin1String(" ;\n");
}

} // namespace kav::dialog
