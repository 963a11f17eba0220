// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArray>
#include <QByteArrayView>
#include <QString>

#include <optional>

namespace kav::webhooks {

/// The address under which the outside world reaches the engine, and the only place where URLs for Twilio are made: by
/// joining checked pieces, so that none has a doubled slash, a query or user information. A plain value.
class PublicUrl final {
public:
    /// "https://kav.example.com", with a port or a path prefix where there is one; a bare host means https. http, ws
    /// and wss are taken too. The error says what is wrong with it.
    static Result<PublicUrl> parse(const QString& text);
    /// From a request's Host line when it names this machine (localhost, 127.x.x.x, [::1]); else nothing. Plain http:
    /// that is what was spoken.
    static std::optional<PublicUrl> fromLoopbackHost(QByteArrayView hostLine);

    /// "https://HOST/prefix/webhook/call_status"; `path` as "/webhook/call_status".
    QString webhook(const QString& path) const;
    /// "wss://HOST/prefix/media/TOKEN". Twilio takes no other scheme, so it is wss even where the engine is reached by
    /// http.
    QString stream(const QByteArray& token) const;
    /// The URL that Twilio signed for a request with this target (raw path and query of the request line).
    QByteArray ofRequest(const QByteArray& target) const;
    QByteArray ofUpgrade(const QByteArray& target) const;

    QString toString() const { return webhook(QString()); }
    bool operator==(const PublicUrl&) const = default;

private:
    QString m_scheme; ///< http or https
    QString m_authority; ///< host[:port]
    QString m_prefix; ///< "" or "/kav"
};

} // namespace kav::webhooks
