// SPDX-License-Identifier: Apache-2.0
#include "engine/app/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace kav::app {
namespace {

constexpr qsizetype LongestGuess = 64; // nobody mistypes more than that, and the cost is quadratic

qsizetype editDistance(QStringView a, QStringView b)
{
    std::vector<qsizetype> row(size_t(b.size()) + 1);
    std::iota(row.begin(), row.end(), 0);
    for (qsizetype i = 1; i <= a.size(); ++i) {
        qsizetype diagonal = row[0];
        row[0] = i;
        for (qsizetype j = 1; j <= b.size(); ++j) {
            const qsizetype change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[size_t(j)];
            row[size_t(j)] = std::min({change, row[size_t(j)] + 1, row[size_t(j) - 1] + 1});
        }
    }
    return row.back();
}

} // namespace

QString nearestOf(QStringView word, const QStringList& known)
{
    if (word.isEmpty() || word.size() > LongestGuess)
        return {};
    QString best;
    qsizetype bestDistance = std::max<qsizetype>(2, word.size() / 4) + 1;
    for (const QString& candidate : known) {
        // A key without its section ("port" for "server.port") is near, too.
        const bool isTail = candidate.endsWith(QLatin1Char('.') + word.toString());
        const qsizetype distance = isTail ? 0 : editDistance(word, candidate);
        if (distance < bestDistance) {
            best = candidate;
            bestDistance = distance;
        }
    }
    return best;
}

QString suggestion(QStringView word, const QStringList& known)
{
    const QString near = nearestOf(word, known);
    return near.isEmpty() ? QString() : QStringLiteral("; did you mean '%1'?").arg(near);
}

} // namespace kav::app
