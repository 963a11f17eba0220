// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/google/googlesettings.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QDateTime>
#include <QStringList>

#include <memory>

namespace kav::providers {

class RsaKey;

/// Who asks Google, read and checked: an API key, or a service account that signs for access tokens. A plain value,
/// any thread.
struct GoogleCredentials final {
    QByteArray apiKey; ///< not empty: the rest is
    QString email; ///< of the service account
    QString keyId;
    QUrl audience; ///< what is signed for: the token address that the JSON names
    QUrl tokenUrl; ///< where the signed claim goes
    std::shared_ptr<const RsaKey> key;

    bool isApiKey() const { return !apiKey.isEmpty(); }
};

/// Reads the one that `settings` name. Blocks for a small file at most. Errors say which setting is wrong and what is
/// wrong with it, in an operator's words, with nothing of the secret.
Result<GoogleCredentials> readGoogleCredentials(const GoogleSettings& settings);

/// The signed claim (a JWT, RS256) that is exchanged for an access token; good for an hour from `now`.
Result<QByteArray> signGoogleClaim(const GoogleCredentials& credentials, const QDateTime& now);

/// Whether `url` can be asked: http or https, a host, and nothing but a path behind it.
bool isServiceAddress(const QUrl& url);

} // namespace kav::providers
