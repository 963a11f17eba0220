// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/google/googleauth.h"
#include "engine/providers/http/httppool.h"
#include "shared/core/result.h"

#include <QJsonObject>
#include <QObject>

#include <memory>
#include <optional>

namespace kav::providers {

/// What Google's providers share: settings, who asks, and the connections. Immutable, any thread.
struct GoogleService final {
    GoogleSettings settings;
    std::shared_ptr<GoogleAuth> auth;
    std::shared_ptr<HttpPool> pool;
};

/// Reads the credentials and fetches the first access token. Blocks, at most `settings.probe`; for a maker's thread.
Result<GoogleService> openGoogleService(
    const GoogleSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock);

/// A request to `base` + `path` with the service's deadlines. `body` empty: GET.
HttpRequest googleRequest(const GoogleService& service, const QUrl& base, const QString& path, const QJsonObject& body);

/// One request with the service's header, which is fetched first when there is none; its whole answer. Belongs to who
/// made it; deleting it cancels. Emits one of its signals once, never from inside its constructor.
class GoogleCall final : public QObject {
    Q_OBJECT
public:
    GoogleCall(const GoogleService& service, const HttpRequest& request);
    ~GoogleCall() override;

Q_SIGNALS:
    void finished(const QByteArray& body);
    void failed(const kav::Error& error);

private:
    void send(const GoogleHeader& header);
    void fail(const Error& error);

    const GoogleService m_service;
    HttpRequest m_request;
    GoogleHeader m_header;
    std::unique_ptr<GoogleAsk> m_ask;
    std::unique_ptr<HttpCall> m_call;
    QByteArray m_body;
};

/// Makes the request here and now. Blocks, at most `settings.probe`; for a maker's thread.
Result<QByteArray> callGoogle(const GoogleService& service, HttpRequest request);

/// An HTTP failure in an operator's words: Google says most of it in the body, and answers 400 to a wrong key.
Error googleError(const Error& error, const QStringList& secrets);

} // namespace kav::providers
