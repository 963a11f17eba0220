// SPDX-License-Identifier: Apache-2.0
#include "engine/net/http.h"

#include "engine/net/addressledger.h"
#include "engine/net/httpconnection.h"

#include <QCoreApplication>
#include <QThread>

namespace kav::net {

QByteArray HttpRequest::header(QByteArrayView name) const
{
    for (const auto& [key, value] : headers) {
        if (key == name)
            return value;
    }
    return {};
}

bool HttpRequest::isFromLoopback() const
{
    return unmapped(peer).isLoopback();
}

HttpResponse HttpResponse::text(int status, const QByteArray& body)
{
    return {.status = status, .contentType = "text/plain; charset=utf-8", .body = body, .headers = {}};
}

HttpResponse HttpResponse::json(int status, const QByteArray& body)
{
    return {.status = status, .contentType = "application/json", .body = body, .headers = {}};
}

HttpResponse HttpResponse::xml(const QByteArray& body)
{
    return {.status = 200, .contentType = "text/xml; charset=utf-8", .body = body, .headers = {}};
}

HttpResponse HttpResponse::empty(int status)
{
    return {.status = status, .contentType = {}, .body = {}, .headers = {}};
}

/// What the copies of a Responder share: the answer given once, or the 500 when the last copy dies without one.
struct Responder::Exchange final {
    Exchange(std::function<void(const HttpResponse&)> answer, QThread* home)
        : sink(std::move(answer))
        , thread(home)
    {
    }
    ~Exchange()
    {
        if (!sink)
            return;
        const HttpResponse failure = HttpResponse::text(500, "Internal error\n");
        if (thread == QThread::currentThread()) {
            sink(failure);
        } else if (QObject* const application = QCoreApplication::instance()) {
            // A copy may die in a pool task. The connection must not be touched from there, not even to ask whether it
            // still lives; the application object is the one context that is safe, and the control thread is its own.
            QMetaObject::invokeMethod(
                application, [answer = std::move(sink), failure] { answer(failure); }, Qt::QueuedConnection);
        }
    }
    Q_DISABLE_COPY_MOVE(Exchange)

    std::function<void(const HttpResponse&)> sink; ///< empty: answered
    QThread* thread;
};

Responder::Responder(QPointer<HttpConnection> connection, quint64 requestId)
    : Responder([connection, requestId](const HttpResponse& response) {
        if (connection)
            connection->answer(requestId, response);
    })
{
}

Responder::Responder(std::function<void(const HttpResponse&)> sink)
    : m_exchange(std::make_shared<Exchange>(std::move(sink), QThread::currentThread()))
{
}

void Responder::respond(const HttpResponse& response) const
{
    if (!m_exchange || !m_exchange->sink)
        return;
    Q_ASSERT(m_exchange->thread == QThread::currentThread());
    // Emptied first: answering may run code that comes back here.
    const auto sink = std::exchange(m_exchange->sink, {});
    sink(response);
}

} // namespace kav::net
