// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QCoreApplication>
#include <QHash>
#include <QString>

namespace kav::console {

/// The tokens by which this user is known to engines, one for each address, in a file that only he can read. A file
/// that others can read or write, or that is another user's, is refused and stays as it is, because what is in it may
/// be known or forged. Owned by main(), lives on the GUI thread.
class TokenStore final {
    Q_DECLARE_TR_FUNCTIONS(kav::console::TokenStore)
public:
    /// `file` need not exist.
    explicit TokenStore(const QString& file);

    /// Empty: none is kept for this address. No message of an error holds a token.
    Result<QString> token(const QString& url) const;
    /// An empty `token` forgets the one that is kept. The file is replaced whole, or not at all.
    Result<void> setToken(const QString& url, const QString& token);

private:
    using Tokens = QHash<QString, QString>;
    Result<Tokens> read() const;
    Result<void> write(const Tokens& tokens) const;
    Error unreadable(int number = 0) const;
    Error notTokens() const;

    QString m_file;
};

} // namespace kav::console
