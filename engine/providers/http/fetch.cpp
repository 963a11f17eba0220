// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/http/fetch.h"

#include <QEventLoop>

#include <optional>

namespace kav::providers {

Result<HttpAnswer> fetch(HttpPool& pool, const HttpRequest& request)
{
    QEventLoop loop;
    HttpAnswer answer;
    std::optional<Error> error;
    const std::unique_ptr<HttpCall> call = pool.start(request);
    QObject::connect(
        call.get(), &HttpCall::head, &loop, [&](int, const QByteArray& type) { answer.contentType = type; });
    QObject::connect(call.get(), &HttpCall::data, &loop, [&](const QByteArray& bytes) { answer.body += bytes; });
    QObject::connect(call.get(), &HttpCall::finished, &loop, &QEventLoop::quit);
    QObject::connect(call.get(), &HttpCall::failed, &loop, [&](const Error& e) {
        error = e;
        loop.quit();
    });
    loop.exec();
    if (error)
        return *error;
    return answer;
}

} // namespace kav::providers
