// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/telephony/formbody.h"
#include "shared/core/clock.h"

#include <QByteArray>
#include <QNetworkAccessManager>
#include <QObject>
#include <QUrl>

#include <functional>
#include <utility>

namespace kav::telephony {

/// How an engine is reached; see CallSettings, where the fields are explained.
struct WebhookRoute final {
    QUrl to, publicUrl;
    QString connectTo;
    QByteArray authToken;
    Milliseconds timeout{15000};
};

/// Requests an engine's webhooks as Twilio does: the fields as a form, or in the query for GET, signed over the URL as
/// written, connected to where the route says. Owned by a caller, lives on its thread; what is under way when it goes
/// is dropped.
class WebhookClient final : public QObject {
    Q_OBJECT
public:
    /// `status` 0: there was no answer, and the body says why.
    using Answer = std::function<void(int status, const QByteArray& contentType, const QByteArray& body)>;

    explicit WebhookClient(WebhookRoute route, QObject* parent = nullptr);

    /// `url` is the address as the engine's owner knows it; the connection may go elsewhere.
    void request(const QUrl& url, const QString& method, const FormBody& form, Answer answer);
    int pending() const { return m_pending; }

    /// The engine's own URL as the outside world writes it.
    QUrl asPublic(QUrl url) const;
    /// The path that arrives at the engine when `url`, as the outside world writes it, is requested.
    QString pathBehindProxy(const QUrl& url) const;
    struct Endpoint final {
        QString host;
        quint16 port = 0;
        bool tls = false;
    };
    /// Where connections go that do not go where their URL says.
    Endpoint connectTarget() const;
    /// Whether `url` is one of those.
    bool isRouted(const QUrl& url) const;
    static bool isLoopbackHost(const QString& host);
    static QString hostAndPort(const QUrl& url);

private:
    QString proxyPrefix() const;

    const WebhookRoute m_route;
    QNetworkAccessManager m_http;
    int m_pending = 0;
};

} // namespace kav::telephony
