// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QDateTime>
#include <QString>

#include <optional>

namespace kav::webhooks {

/// What a stream's token proves: which call of which account may use it, and until when.
struct StreamClaims final {
    QString callSid;
    QString accountSid;
    QDateTime expires; ///< UTC, whole seconds

    /// For the upgrade's tag: what the session compares `start` with.
    QByteArray toTag() const;
    static std::optional<StreamClaims> fromTag(QByteArrayView tag);
    bool operator==(const StreamClaims&) const = default;
};

/// Makes and checks the token in `/media/TOKEN`: base64url of (version, expiry, CallSid, AccountSid) and their
/// HMAC-SHA256 under the media key. Engines that share the key accept each other's tokens. A plain value; const methods
/// are safe on any thread.
///
/// Expiry is by wall time: it must mean the same on every engine of a fleet. It only has to cover the way from the
/// webhook's answer to the upgrade.
class StreamTokens final {
public:
    static constexpr qsizetype ShortestKey = 16;
    static constexpr qsizetype LongestToken = 256;

    /// A key shorter than ShortestKey is an error.
    static Result<StreamTokens> create(const QByteArray& mediaKey, Milliseconds lifetime = Milliseconds(120'000));
    /// A key of this process only, from the system's random source.
    static StreamTokens withRandomKey(Milliseconds lifetime = Milliseconds(120'000));

    /// The ids must be as isTwilioId() wants them.
    QByteArray mint(const QString& callSid, const QString& accountSid, const QDateTime& now) const;
    /// Denied for a token that was not made with this key or is damaged, Timeout for one that has expired.
    Result<StreamClaims> verify(QByteArrayView token, const QDateTime& now) const;

private:
    StreamTokens(const QByteArray& mediaKey, Milliseconds lifetime);
    QByteArray macOf(QByteArrayView claims) const;

    QByteArray m_key;
    Milliseconds m_lifetime;
};

/// 1 to 64 letters, digits, '-' or '_': what a CallSid or AccountSid may be made of.
bool isTwilioId(QStringView id);

} // namespace kav::webhooks
