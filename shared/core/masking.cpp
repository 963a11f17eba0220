// SPDX-License-Identifier: Apache-2.0
#include "shared/core/masking.h"

namespace kav {

QString maskNumber(QStringView number)
{
    qsizetype digits = 0;
    for (const QChar c : number) {
        if (c.isDigit())
            ++digits;
        else if (c.isLetter() || c == QLatin1Char('@'))
            return logSafe(number, 64);
    }
    if (digits < 4)
        return logSafe(number, 64);
    const bool hasCountry = number.startsWith(QLatin1Char('+')) && digits >= 10;
    const qsizetype head = hasCountry ? 4 : 0;
    const qsizetype tail = digits >= 7 ? 4 : 2;
    return number.left(head).toString() + QString(number.size() - head - tail, QChar(0x2022))
        + number.right(tail).toString();
}

QString logSafe(QStringView text, qsizetype limit)
{
    QString safe;
    safe.reserve(qMin(text.size(), limit) + 1);
    qsizetype taken = 0;
    for (const QChar c : text) {
        if (taken++ == limit) {
            safe += QChar(0x2026);
            break;
        }
        const ushort u = c.unicode();
        const bool control = u < 0x20 || (u >= 0x7f && u <= 0x9f);
        const bool separator = u == 0x2028 || u == 0x2029;
        const bool bidi = (u >= 0x202a && u <= 0x202e) || (u >= 0x2066 && u <= 0x2069) || u == 0x200e || u == 0x200f;
        if (control || separator || bidi)
            safe += QStringLiteral("\\u") + QString::number(u, 16).rightJustified(4, QLatin1Char('0'));
        else
            safe += c;
    }
    return safe;
}

} // namespace kav
