// SPDX-License-Identifier: Apache-2.0
#include "shared/core/carddigits.h"

#include <QHash>

#include <algorithm>
#include <functional>
#include <optional>

namespace kav {

namespace {

constexpr qsizetype ShortestCard = 13, UsualCard = 16, LongestCard = 19;
constexpr qsizetype ShortestTelephoneNumber = 7;
constexpr qsizetype LongestTelephoneNumber = 10; // as it is said within its country

const QHash<QString, QChar>& wordDigits()
{
    static const QHash<QString, QChar> words = [] {
        QHash<QString, QChar> all;
        const auto add = [&all](QChar digit, const char* names) {
            for (const QString& name : QString::fromUtf8(names).split(QLatin1Char(' ')))
                all.insert(name, digit);
        };
        add(u'0', "zero oh o אפס");
        add(u'1', "one אחת אחד");
        add(u'2', "two שתיים שתים שניים שנים שתי שני");
        add(u'3', "three שלוש שלושה");
        add(u'4', "four ארבע ארבעה");
        add(u'5', "five חמש חמישה");
        add(u'6', "six שש שישה");
        add(u'7', "seven שבע שבעה");
        add(u'8', "eight שמונה");
        add(u'9', "nine תשע תשעה");
        return all;
    }();
    return words;
}

int timesOf(const QString& word)
{
    if (word == QLatin1String("double") || word == QStringLiteral("כפול") || word == QStringLiteral("פעמיים"))
        return 2;
    return word == QLatin1String("triple") ? 3 : 0;
}

/// Length of the Sid that `text` begins with, 0 if it does with none: two capitals and 32 hexadecimal digits, which may
/// hold a long run of decimal ones.
qsizetype sidLength(QStringView text)
{
    constexpr qsizetype Length = 34;
    if (text.size() < Length)
        return 0;
    for (qsizetype i = 0; i < Length; ++i) {
        const ushort c = text[i].unicode();
        const bool fits = i < 2 ? c >= 'A' && c <= 'Z' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (!fits)
            return 0;
    }
    return text.size() > Length && text[Length].isLetterOrNumber() ? 0 : Length;
}

bool isBetween(QChar c)
{
    return c.isSpace() || QStringView(u"-.,\u2010\u2011\u2012\u2013\u05be").contains(c);
}

using Mask = std::function<std::optional<QString>(const QString& digits)>;

/// Hands every run to `mask`, and puts in what it gives.
QString replaceRuns(QStringView text, const Mask& mask)
{
    QString out, digits;
    qsizetype runBegin = -1, runEnd = 0, copied = 0;
    int times = 1;
    const auto endRun = [&] {
        if (runBegin >= 0 && !digits.isEmpty()) {
            if (const auto masked = mask(digits)) {
                out += text.sliced(copied, runBegin - copied);
                out += *masked;
                copied = runEnd;
            }
        }
        runBegin = -1;
        digits.clear();
        times = 1;
    };
    qsizetype at = 0;
    while (at < text.size()) {
        const QChar c = text[at];
        if (const qsizetype sid = c.isUpper() ? sidLength(text.sliced(at)) : 0) {
            endRun();
            at += sid;
            // A short number behind it belongs to it: a file is named after a call, "CA...-1.wav".
            for (int i = 0; i < 4 && at < text.size() && (text[at] == QLatin1Char('-') || text[at].isDigit()); ++i)
                ++at;
        } else if (c.isDigit()) {
            if (runBegin < 0)
                runBegin = at;
            digits += QString(QChar(u'0' + c.digitValue())).repeated(times);
            times = 1;
            runEnd = ++at;
        } else if (c.isLetter()) {
            const qsizetype begin = at;
            while (at < text.size() && (text[at].isLetter() || text[at].isMark()))
                ++at;
            const QString word = text.sliced(begin, at - begin).toString().toLower();
            const auto digit = wordDigits().constFind(word);
            const int more = timesOf(word);
            if (digit == wordDigits().cend() && more == 0) {
                endRun();
                continue;
            }
            if (runBegin < 0)
                runBegin = begin;
            if (more > 0) {
                times = more;
            } else {
                digits += QString(*digit).repeated(times);
                times = 1;
            }
            runEnd = at;
        } else {
            if (!isBetween(c))
                endRun();
            ++at;
        }
    }
    endRun();
    out += text.sliced(copied);
    return out;
}

const QString& dots()
{
    static const QString four(4, QChar(0x2022));
    return four;
}

/// The card number that stands in it; the first, the longest. One digit in ten makes the check come out by chance, so a
/// run that can only be one number is tried as that alone.
QStringView cardIn(QStringView digits)
{
    if (digits.size() <= UsualCard)
        return isCardNumber(digits) ? digits : QStringView();
    for (qsizetype at = 0; at + ShortestCard <= digits.size(); ++at) {
        for (qsizetype length = std::min(LongestCard, digits.size() - at); length >= ShortestCard; --length) {
            if (isCardNumber(digits.sliced(at, length)))
                return digits.sliced(at, length);
        }
    }
    return {};
}

} // namespace

bool isCardNumber(QStringView digits)
{
    if (digits.size() < ShortestCard || digits.size() > LongestCard)
        return false;
    int sum = 0;
    bool other = false, allZero = true;
    for (auto c = digits.rbegin(); c != digits.rend(); ++c, other = !other) {
        const int digit = c->digitValue();
        if (digit < 0)
            return false;
        allZero = allZero && digit == 0;
        const int doubled = other ? 2 * digit : digit;
        sum += doubled > 9 ? doubled - 9 : doubled;
    }
    return !allZero && sum % 10 == 0;
}

bool hasCardNumber(QStringView text)
{
    bool has = false;
    replaceRuns(text, [&has](const QString& digits) -> std::optional<QString> {
        has = has || !cardIn(digits).isEmpty();
        return std::nullopt;
    });
    return has;
}

QString maskCardNumbers(QStringView text)
{
    return replaceRuns(text, [](const QString& digits) -> std::optional<QString> {
        const QStringView card = cardIn(digits);
        if (card.isEmpty())
            return std::nullopt;
        // With more around it, its last four cannot be told for certain from what must not be seen.
        return card.size() == digits.size() ? QString(dots() + card.last(4).toString()) : dots();
    });
}

QString maskLongDigits(QStringView text)
{
    return replaceRuns(text, [](const QString& digits) -> std::optional<QString> {
        if (digits.size() <= LongestTelephoneNumber)
            return std::nullopt;
        return dots();
    });
}

QString maskTelephoneNumbers(QStringView text)
{
    return replaceRuns(text, [](const QString& digits) -> std::optional<QString> {
        if (digits.size() < ShortestTelephoneNumber)
            return std::nullopt;
        return QString(dots() + digits.right(4));
    });
}

QString maskDigits(QStringView text)
{
    return replaceRuns(text, [](const QString&) -> std::optional<QString> { return dots(); });
}

} // namespace kav
