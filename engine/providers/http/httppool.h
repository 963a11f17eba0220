// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/core/error.h"

#include <QByteArray>
#include <QList>
#include <QObject>
#include <QUrl>

#include <memory>
#include <utility>

class QNetworkAccessManager;

namespace kav::providers {

struct HttpRequest final {
    QUrl url;
    QByteArray method = QByteArrayLiteral("POST");
    QList<std::pair<QByteArray, QByteArray>> headers;
    QByteArray body;
    Milliseconds firstByte{5000}; ///< from the request to the answer's head
    Milliseconds stall{5000}; ///< between two pieces of the answer; a half-open connection ends here
    Milliseconds total{60000};
    qsizetype limit = 8 * 1024 * 1024; ///< bytes of the answer
    /// Only to addresses of the public Internet, however its name resolves: else Denied, and nothing was sent. No proxy
    /// is used then, since where it leads cannot be seen.
    bool publicOnly = false;
    /// Must not reach the server twice: a connection of its own, since on one that is used again libcurl sends a request
    /// anew, by itself, when the server closes it without a word.
    bool once = false;
};

/// One exchange under way. Belongs to whoever started it, on that thread; deleting it cancels and no signal follows.
/// Nothing is emitted from inside start(). head() once, then data() any number of times, then finished(); or failed()
/// once at any moment. An answer other than 2xx is a failure, with the vendor's own words in `detail` (redacted by who
/// reports it) and Retry-After in `retryAfter`:
///   401, 402, 403 Denied | 404 NotFound | 408, 504 Timeout | 429 LimitExceeded | other 4xx Invalid | 5xx Unavailable
///   no name, refused, reset, TLS, no HTTP, a redirect: Unavailable, said in words | silence past a deadline: Timeout |
///   an answer that is too long: Invalid
class HttpCall : public QObject {
    Q_OBJECT
public:
    /// Of the answer; 0 while there is none. Still there when failed() is told: 429 means "not carried out", a broken
    /// connection does not.
    virtual int status() const = 0;
Q_SIGNALS:
    void head(int status, const QByteArray& contentType);
    void data(const QByteArray& bytes);
    void finished();
    void failed(const kav::Error& error);
};

/// HTTP connections shared by all who speak to a vendor from one thread: keep-alive, HTTP/2 where the vendor has it.
/// Shared by the providers of a process, made once by the composition root; any thread may start(), each has
/// connections of its own, which end with it. Redirects are not followed: a vendor's address is a setting. Proxies come
/// from the environment, as everywhere.
class HttpPool final {
public:
    explicit HttpPool(const Clock& clock);
    ~HttpPool();
    Q_DISABLE_COPY_MOVE(HttpPool)

    std::unique_ptr<HttpCall> start(const HttpRequest& request);
    /// Opens a connection to the host now, so that the next request finds it open. Does nothing when one is open.
    void connectTo(const QUrl& url);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::providers
