// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/openaiservice.h"

#include "engine/providers/http/vendor.h"
#include "engine/providers/redaction.h"

#include <QEventLoop>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>
#include <optional>

namespace kav::providers {

namespace {
// Of a vendor's explanation.
constexpr qsizetype LongestExplanation = 300;

QString hostOfService(const OpenAiService& service)
{
    return service.base.host();
}

Result<void> checkForm(const OpenAiService& service)
{
    const QString scheme = service.base.scheme();
    if (!service.base.isValid() || service.base.host().isEmpty()
        || (scheme != QLatin1String("http") && scheme != QLatin1String("https")))
        return Error{Error::Code::Invalid,
            QStringLiteral("the service's address is no http:// or https:// address with a host"), {}};
    if (service.base.hasQuery() || service.base.hasFragment() || !service.base.userInfo().isEmpty())
        return Error{Error::Code::Invalid,
            QStringLiteral("the service's address may hold a host and a path, and nothing else"), {}};
    return checkKeyForm(service.key, hostOfService(service));
}
} // namespace

HttpRequest openAiRequest(const OpenAiService& service, const QString& route)
{
    HttpRequest request;
    request.url = service.base;
    QString path = service.base.path();
    while (path.endsWith(QLatin1Char('/')))
        path.chop(1);
    request.url.setPath(path + route);
    if (!service.key.isEmpty())
        request.headers.append({QByteArrayLiteral("Authorization"), "Bearer " + service.key.toLatin1()});
    request.firstByte = service.firstByte;
    request.stall = service.stall;
    request.total = service.total;
    return request;
}

Error openAiErrorOf(const OpenAiService& service, const QJsonValue& error)
{
    const QJsonObject object = error.toObject();
    const QString words = error.isString() ? error.toString() : object.value(QLatin1String("message")).toString();
    const QJsonValue code = object.value(QLatin1String("code"));
    const QString kind = object.value(QLatin1String("type")).toString() + QLatin1Char(' ')
        + (code.isDouble() ? QString::number(code.toInt()) : code.toString());
    Error result{Error::Code::Unavailable,
        QStringLiteral("%1 reported an error: %2")
            .arg(hostOfService(service), safeReason(QStringView(words).left(LongestExplanation), {service.key})),
        safeReason(QStringView(kind).left(LongestExplanation), {service.key})};
    const auto says = [&kind](const char* word) { return kind.contains(QLatin1String(word), Qt::CaseInsensitive); };
    if (says("rate_limit") || says("quota") || says("429"))
        result.code = Error::Code::LimitExceeded;
    else if (says("authentication") || says("invalid_api_key") || says("permission") || says("401") || says("403"))
        result.code = Error::Code::Denied;
    else if (says("timeout"))
        result.code = Error::Code::Timeout;
    else if (says("invalid_request"))
        result.code = Error::Code::Invalid;
    return result;
}

Error openAiError(const OpenAiService& service, const Error& error)
{
    Error result = error;
    result.detail = safeReason(QStringView(error.detail).left(LongestExplanation), {service.key});
    return result;
}

Result<void> probeOpenAi(const OpenAiService& service, HttpPool& pool)
{
    if (auto formed = checkForm(service); !formed)
        return formed;
    HttpRequest request = openAiRequest(service, QStringLiteral("/models"));
    request.method = QByteArrayLiteral("GET");
    request.firstByte = std::min(request.firstByte, service.probe);
    request.total = service.probe;

    QEventLoop loop;
    std::optional<Error> error = Error{
        Error::Code::Cancelled, QStringLiteral("the thread ended before %1 answered").arg(hostOfService(service)), {}};
    const std::unique_ptr<HttpCall> call = pool.start(request);
    // The head says it all; some gateways' lists are megabytes.
    QObject::connect(call.get(), &HttpCall::head, &loop, [&](int, const QByteArray& contentType) {
        error.reset();
        if (contentType.startsWith("text/html"))
            error = Error{Error::Code::Invalid,
                QStringLiteral("%1 answered with a web page: its address is wrong, or a path like /v1 is missing")
                    .arg(hostOfService(service)),
                {}};
        loop.quit();
    });
    QObject::connect(call.get(), &HttpCall::failed, &loop, [&](const Error& e) {
        // Not every compatible server has a list of models, and it is not what it is needed for.
        const bool lacksRoute = e.code == Error::Code::NotFound || e.message.contains(QLatin1String("answered 405"))
            || e.message.contains(QLatin1String("answered 501"));
        error.reset();
        if (!lacksRoute)
            error = openAiError(service, e);
        loop.quit();
    });
    loop.exec();
    if (error)
        return *error;
    return {};
}

} // namespace kav::providers
