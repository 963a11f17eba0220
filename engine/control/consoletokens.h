// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArray>
#include <QList>
#include <QString>

#include <optional>

namespace kav::control {

/// The tokens that open /console, each with the name of its operator. Only their hashes are kept. A plain value.
class ConsoleTokens final {
public:
    static constexpr int ShortestToken = 16;

    /// "alice:TOKEN,bob:TOKEN" or one a line, '#' begins a comment line; a bare TOKEN belongs to "operator". The error
    /// names the entry by its place and says what is wrong, never the token.
    static Result<ConsoleTokens> parse(const QString& text);

    bool isEmpty() const { return m_entries.isEmpty(); }
    /// The operator's name, when the token is one of these. Takes the same time for every token of a length.
    std::optional<QString> operatorOf(const QString& token) const;

private:
    struct Entry {
        QString name;
        QByteArray hash; ///< SHA-256
    };
    QList<Entry> m_entries;
};

} // namespace kav::control
