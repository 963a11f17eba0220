// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/googlecall.h"

#include "engine/providers/redaction.h"

#include <QEventLoop>
#include <QJsonDocument>

#include <algorithm>

namespace kav::providers {

namespace {
constexpr qsizetype LongestWords = 300;
}

Result<GoogleService> openGoogleService(
    const GoogleSettings& settings, std::shared_ptr<HttpPool> pool, const Clock& clock)
{
    Result<GoogleCredentials> credentials = readGoogleCredentials(settings);
    if (!credentials)
        return credentials.error();
    GoogleService service{
        settings, std::make_shared<GoogleAuth>(std::move(credentials).value(), pool, clock), std::move(pool)};
    QEventLoop loop;
    std::optional<Error> error;
    const std::unique_ptr<GoogleAsk> ask = service.auth->ask();
    QObject::connect(ask.get(), &GoogleAsk::answered, &loop, &QEventLoop::quit);
    QObject::connect(ask.get(), &GoogleAsk::failed, &loop, [&](const Error& why) {
        error = why;
        loop.quit();
    });
    loop.exec();
    if (error)
        return *error;
    return service;
}

HttpRequest googleRequest(const GoogleService& service, const QUrl& base, const QString& path, const QJsonObject& body)
{
    HttpRequest request;
    request.url = base;
    QString prefix = base.path();
    while (prefix.endsWith(QLatin1Char('/')))
        prefix.chop(1);
    request.url.setPath(prefix + path);
    if (body.isEmpty()) {
        request.method = QByteArrayLiteral("GET");
    } else {
        request.headers = {{"Content-Type", "application/json; charset=utf-8"}};
        request.body = QJsonDocument(body).toJson(QJsonDocument::Compact);
    }
    request.firstByte = service.settings.firstByte;
    request.stall = service.settings.stall;
    return request;
}

GoogleCall::GoogleCall(const GoogleService& service, const HttpRequest& request)
    : m_service(service)
    , m_request(request)
{
    if (const auto header = m_service.auth->header()) {
        send(*header);
        return;
    }
    m_ask = m_service.auth->ask();
    connect(m_ask.get(), &GoogleAsk::answered, this, &GoogleCall::send);
    connect(m_ask.get(), &GoogleAsk::failed, this, &GoogleCall::failed);
}

GoogleCall::~GoogleCall() = default;

void GoogleCall::send(const GoogleHeader& header)
{
    m_header = header;
    m_request.headers.append({header.name, header.value});
    m_call = m_service.pool->start(m_request);
    connect(m_call.get(), &HttpCall::data, this, [this](const QByteArray& bytes) { m_body += bytes; });
    connect(m_call.get(), &HttpCall::finished, this, [this] { Q_EMIT finished(QByteArray(m_body)); });
    connect(m_call.get(), &HttpCall::failed, this, &GoogleCall::fail);
}

void GoogleCall::fail(const Error& error)
{
    if (error.message.contains(QLatin1String("answered 401")))
        m_service.auth->reject(m_header);
    QStringList secrets = m_service.auth->secrets();
    secrets.append(QString::fromLatin1(m_header.value));
    Q_EMIT failed(googleError(error, secrets));
}

Result<QByteArray> callGoogle(const GoogleService& service, HttpRequest request)
{
    request.firstByte = request.stall = request.total = service.settings.probe;
    QEventLoop loop;
    std::optional<Result<QByteArray>> answer;
    GoogleCall call(service, request);
    QObject::connect(&call, &GoogleCall::finished, &loop, [&](const QByteArray& body) {
        answer.emplace(body);
        loop.quit();
    });
    QObject::connect(&call, &GoogleCall::failed, &loop, [&](const Error& error) {
        answer.emplace(error);
        loop.quit();
    });
    loop.exec();
    return *answer;
}

Error googleError(const Error& error, const QStringList& secrets)
{
    Error result = error;
    const QJsonValue said = QJsonDocument::fromJson(error.detail.toUtf8()).object().value(QLatin1String("error"));
    const QString words = said.toObject().value(QLatin1String("message")).toString();
    result.detail = safeReason(QStringView(words.isEmpty() ? error.detail : words).left(LongestWords), secrets);
    // The body may have been cut, so that it is no JSON any more: its words are looked for where they are.
    const auto says = [&error](const char* what) { return error.detail.contains(QLatin1String(what)); };
    const auto means = [&result](Error::Code code, const QString& what) {
        result.code = code;
        result.message = result.message.section(QLatin1String(": "), 0, 0) + QLatin1String(": ") + what;
    };
    if (says("API_KEY_INVALID") || says("API key not valid"))
        means(Error::Code::Denied, QStringLiteral("there is no such API key"));
    else if (says("API key expired"))
        means(Error::Code::Denied, QStringLiteral("the API key has expired"));
    else if (says("API_KEY_SERVICE_BLOCKED") || says("API_KEY_IP_ADDRESS_BLOCKED"))
        means(Error::Code::Denied, QStringLiteral("the API key is restricted to other services or addresses"));
    else if (says("SERVICE_DISABLED") || says("has not been used in project"))
        means(Error::Code::Denied, QStringLiteral("this service is not enabled in the project of the credentials"));
    else if (says("BILLING_DISABLED"))
        means(Error::Code::Denied, QStringLiteral("the project of the credentials has no billing account"));
    return result;
}

} // namespace kav::providers
