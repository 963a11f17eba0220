// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QByteArray>
#include <QHostAddress>
#include <QList>
#include <QPointer>

#include <functional>
#include <memory>
#include <utility>

// Plain values of an HTTP exchange, and the handle by which a route answers.
namespace kav::net {

struct HttpRequest final {
    QByteArray method; ///< "GET"; HEAD reaches its route as GET, and the connection leaves the body out
    QByteArray target; ///< as on the request line: path and raw query
    QByteArray path; ///< raw, before '?'
    QByteArray query; ///< raw, after '?'; empty when there is none
    QList<std::pair<QByteArray, QByteArray>> headers; ///< names lower case, values trimmed
    QByteArray body;
    QHostAddress peer;
    quint64 number = 0; ///< of the Listener's: 1, 2, ...; 0: it came by no connection
    Instant arrived{}; ///< its head was whole
    qint64 bytes = 0; ///< head and body, as they came

    /// The value of a header (lower-case name), empty when absent. First one wins.
    QByteArray header(QByteArrayView name) const;
    /// The peer is on this machine: 127.0.0.0/8 or ::1, mapped addresses included.
    bool isFromLoopback() const;
};

struct HttpResponse final {
    int status = 200;
    QByteArray contentType; ///< empty: no Content-Type
    QByteArray body; ///< never sent with 204
    QList<std::pair<QByteArray, QByteArray>> headers;

    static HttpResponse text(int status, const QByteArray& body);
    static HttpResponse json(int status, const QByteArray& body);
    static HttpResponse xml(const QByteArray& body); ///< 200, text/xml; charset=utf-8
    static HttpResponse empty(int status = 204);
};

class HttpConnection;

/// Answers one request, now or later, from the control thread. Copyable; the first respond() counts; none is needed
/// when the client has gone. A request that no copy answers before the last one dies gets a 500; the last copy may die
/// on any thread.
class Responder final {
public:
    Responder() = default;
    Responder(QPointer<HttpConnection> connection, quint64 requestId);
    /// Answers a function instead of a connection: for tests of routes, and for requests made inside the process.
    explicit Responder(std::function<void(const HttpResponse&)> sink);
    void respond(const HttpResponse& response) const;

private:
    struct Exchange;
    std::shared_ptr<Exchange> m_exchange;
};

} // namespace kav::net
