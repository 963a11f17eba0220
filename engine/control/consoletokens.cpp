// SPDX-License-Identifier: Apache-2.0
#include "engine/control/consoletokens.h"

#include "shared/core/masking.h"

#include <QCryptographicHash>

#include <algorithm>

namespace kav::control {

namespace {

constexpr qsizetype LongestName = 64;
constexpr qsizetype LongestToken = 512;

QByteArray tokenHash(QStringView token)
{
    return QCryptographicHash::hash(token.toUtf8(), QCryptographicHash::Sha256);
}

/// What a header line or an environment variable can carry without quoting.
bool isPlain(QChar c)
{
    return c > u' ' && c < QChar(0x7f);
}

} // namespace

Result<ConsoleTokens> ConsoleTokens::parse(const QString& text)
{
    ConsoleTokens tokens;
    int place = 0;
    for (const QStringView line : QStringView(text).split(u'\n')) {
        if (line.trimmed().isEmpty() || line.trimmed().startsWith(u'#'))
            continue;
        for (const QStringView part : line.split(u',')) {
            ++place;
            // Not even the name is told: whoever swaps the two has written his token there.
            const auto invalid = [place](const QString& what) {
                return Error{Error::Code::Invalid, QStringLiteral("console token %1 %2").arg(place).arg(what), {}};
            };
            const QStringView entry = part.trimmed();
            const qsizetype colon = entry.indexOf(u':');
            const QString name = colon < 0 ? QStringLiteral("operator") : entry.left(colon).trimmed().toString();
            const QStringView token = entry.mid(colon + 1).trimmed();
            if (entry.isEmpty())
                return invalid(QStringLiteral("is empty"));
            if (name.isEmpty())
                return invalid(QStringLiteral("has no name before its colon"));
            if (name.size() > LongestName || logSafe(name) != name)
                return invalid(QStringLiteral("has a name that is too long or not fit for a log"));
            if (token.size() < ShortestToken) {
                return invalid(QStringLiteral("is shorter than %1 characters (write NAME:TOKEN)").arg(ShortestToken));
            }
            if (token.size() > LongestToken)
                return invalid(QStringLiteral("is longer than %1 characters").arg(LongestToken));
            if (!std::all_of(token.cbegin(), token.cend(), isPlain))
                return invalid(QStringLiteral("has characters other than printable ASCII"));
            const QByteArray hash = tokenHash(token);
            for (qsizetype other = 0; other < tokens.m_entries.size(); ++other) {
                if (tokens.m_entries.at(other).hash == hash)
                    return invalid(QStringLiteral("is the same as number %1").arg(other + 1));
            }
            tokens.m_entries.append({name, hash});
        }
    }
    return tokens;
}

std::optional<QString> ConsoleTokens::operatorOf(const QString& token) const
{
    const QByteArray hash = tokenHash(token);
    const Entry* found = nullptr;
    // Every byte of every entry is looked at, whatever the others were.
    for (const Entry& entry : m_entries) {
        unsigned difference = 0;
        for (qsizetype i = 0; i < hash.size(); ++i)
            difference |= static_cast<unsigned char>(hash.at(i)) ^ static_cast<unsigned char>(entry.hash.at(i));
        found = difference == 0 ? &entry : found;
    }
    return found ? std::optional(found->name) : std::nullopt;
}

} // namespace kav::control
