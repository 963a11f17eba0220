// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/flite/flitetext.h"

#include <QStringList>

#include <utility>

namespace kav::providers {
namespace {

constexpr qsizetype PieceBytes = 240; // about 15 s of speech; flite prepares a whole piece before its first sound
constexpr qsizetype TokenBytes = 40; // longer runs without a space are cut: flite would take them for one word
constexpr qsizetype SpelledDigits = 5; // so many digits or more are spelled

/// What is said for a character that is not plain ASCII, or that flite would not say. Empty: nothing.
QLatin1String plainFormOf(QChar c)
{
    switch (c.unicode()) {
    case 0x2018: // quotation marks and apostrophes
    case 0x2019:
    case 0x02bc:
        return QLatin1String("'");
    case 0x201c:
    case 0x201d:
    case 0x00ab:
    case 0x00bb:
        return QLatin1String("\"");
    case 0x2010: // hyphens
    case 0x2011:
    case 0x00ad:
        return QLatin1String("-");
    case 0x2012: // dashes: a short pause
    case 0x2013:
    case 0x2014:
    case 0x2015:
        return QLatin1String(", ");
    case 0x2026:
        return QLatin1String(". ");
    case 0x20ac:
        return QLatin1String(" euros ");
    case 0x00a3:
        return QLatin1String(" pounds ");
    case 0x20aa:
        return QLatin1String(" shekels ");
    case 0x00df:
        return QLatin1String("ss");
    case 0x00e6:
    case 0x00c6:
        return QLatin1String("ae");
    case 0x00f8:
    case 0x00d8:
        return QLatin1String("o");
    case 0x0153:
    case 0x0152:
        return QLatin1String("oe");
    case 0x0142:
    case 0x0141:
        return QLatin1String("l");
    case 0x00b0:
        return QLatin1String(" degrees ");
    case '&':
        return QLatin1String(" and ");
    case '@':
        return QLatin1String(" at ");
    case '+':
        return QLatin1String(" plus ");
    case '#':
        return QLatin1String(" pound ");
    case '*':
        return QLatin1String(" star ");
    case '=':
        return QLatin1String(" equals ");
    default:
        return QLatin1String(" ");
    }
}

bool isPlain(QChar c)
{
    const char16_t u = c.unicode();
    return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == ' ' || u == '.'
        || u == ',' || u == '?' || u == '!' || u == ':' || u == ';' || u == '\'' || u == '"' || u == '-' || u == '('
        || u == ')' || u == '%' || u == '$';
}

bool isAsciiDigit(QChar c)
{
    return c >= QLatin1Char('0') && c <= QLatin1Char('9');
}
bool isAsciiLetter(QChar c)
{
    return (c >= QLatin1Char('a') && c <= QLatin1Char('z')) || (c >= QLatin1Char('A') && c <= QLatin1Char('Z'));
}

/// "5551234" -> "5 5 5 1, 2 3 4": digit by digit, in groups of three with the rest in front.
void spell(QStringView digits, QString& out)
{
    // A remainder of one is joined to the group before it: 4 and 3 are easier to write down than 1, 3 and 3.
    qsizetype head = digits.size() % 3;
    if (head != 0)
        head += head == 1 ? 3 : 0;
    if (head > digits.size())
        head = digits.size();
    for (qsizetype i = 0; i < digits.size(); ++i) {
        if (i != 0)
            out += i >= head && (i - head) % 3 == 0 ? QLatin1String(", ") : QLatin1String(" ");
        out += digits[i];
    }
}

QString plain(const QString& text)
{
    const QString folded = text.normalized(QString::NormalizationForm_KD);
    const auto isDigitAt = [&folded](qsizetype i) { return i >= 0 && i < folded.size() && isAsciiDigit(folded[i]); };
    QString ascii;
    for (qsizetype i = 0; i < folded.size(); ++i) {
        const QChar c = folded[i];
        if (c.isMark())
            continue;
        if (isPlain(c))
            ascii += c;
        else if (c == QLatin1Char('#') && isDigitAt(i + 1))
            ascii += QLatin1String(" number ");
        else if ((c == QLatin1Char('/') || c == QChar(0x2044)) && isDigitAt(i - 1) && isDigitAt(i + 1))
            ascii += QLatin1String(" slash ");
        else
            ascii += plainFormOf(c);
    }
    return ascii;
}

QString withSpelledNumbers(const QString& ascii)
{
    QString out;
    for (qsizetype i = 0; i < ascii.size();) {
        if (!isAsciiDigit(ascii[i])) {
            out += ascii[i++];
            continue;
        }
        qsizetype end = i;
        while (end < ascii.size() && isAsciiDigit(ascii[end]))
            ++end;
        const QStringView digits = QStringView(ascii).mid(i, end - i);
        // A decimal's or an amount's digits belong to a number; so do those after "1,"
        const bool decimal = i >= 2 && ascii[i - 1] == QLatin1Char('.') && isAsciiDigit(ascii[i - 2]);
        const bool amount = i >= 1 && ascii[i - 1] == QLatin1Char('$');
        if (digits.size() >= SpelledDigits && (!amount || digits.size() > 12) && !decimal) {
            spell(digits, out);
            if (end < ascii.size() && isAsciiLetter(ascii[end]))
                out += QLatin1Char(' ');
        } else if (decimal && digits.size() > 3) {
            // "point one four one five": flite would read the decimals as one number.
            for (qsizetype k = 0; k < digits.size(); ++k) {
                if (k != 0)
                    out += QLatin1Char(' ');
                out += digits[k];
            }
        } else {
            out += digits;
        }
        i = end;
    }
    return out;
}

/// Words, each short enough, with signs that stand alone left out.
QStringList wordsOf(const QString& ascii)
{
    QStringList words;
    for (const QString& word : ascii.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
        bool spoken = false;
        for (const QChar c : word)
            spoken = spoken || isAsciiLetter(c) || isAsciiDigit(c);
        if (!spoken) {
            // Punctuation alone closes what stands before it; else it is nothing.
            if (!words.isEmpty() && QStringLiteral(".,?!:;").contains(word.front())
                && !QStringLiteral(".,?!:;").contains(words.last().back()))
                words.last() += word.front();
            continue;
        }
        for (qsizetype from = 0; from < word.size(); from += TokenBytes)
            words += word.mid(from, TokenBytes);
    }
    return words;
}

bool endsSentence(const QString& word)
{
    const QChar last = word.back();
    if (last != QLatin1Char('.'))
        return last == QLatin1Char('!') || last == QLatin1Char('?');
    // Initials, "e.g." and the like go on; a wrong guess only moves a seam between two pieces.
    static const QStringList abbreviations =
        QStringLiteral("mr mrs ms dr st no vs jr sr prof ext inc ltd co etc").split(QLatin1Char(' '));
    const QString bare = word.chopped(1).toLower();
    return bare.size() > 1 && !bare.contains(QLatin1Char('.')) && !abbreviations.contains(bare);
}

} // namespace

Result<QList<QByteArray>> textForFlite(const QString& text)
{
    // Sizes first: normalisation of hostile text can grow it.
    if (text.size() > FliteTextBytes || text.toUtf8().size() > FliteTextBytes) {
        return Error{Error::Code::Invalid,
            QStringLiteral("a text of %1 characters is too long to speak at once (limit %2 bytes)")
                .arg(text.size())
                .arg(FliteTextBytes),
            {}};
    }
    const QStringList words = wordsOf(withSpelledNumbers(plain(text)));
    QList<QByteArray> pieces;
    QByteArray piece;
    for (const QString& word : words) {
        if (!piece.isEmpty() && piece.size() + word.size() + 1 > PieceBytes)
            pieces += std::exchange(piece, {});
        if (!piece.isEmpty())
            piece += ' ';
        piece += word.toLatin1();
        if (endsSentence(word))
            pieces += std::exchange(piece, {});
    }
    if (!piece.isEmpty())
        pieces += piece;
    if (pieces.isEmpty()) {
        for (const QChar c : text) {
            if (c.isLetter() || c.isSurrogate())
                return Error{
                    Error::Code::Invalid, QStringLiteral("flite speaks English only: no letter it can say"), {}};
        }
    }
    return pieces;
}

} // namespace kav::providers
