// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/http/httppool.h"
#include "shared/core/logcall.h"

#include <QHash>
#include <QObject>
#include <QPointer>
#include <QSocketNotifier>
#include <QTimer>

#include <array>
#include <curl/curl.h>
#include <memory>
#include <vector>

namespace kav::providers {

class CurlLoop;

/// An HttpCall as libcurl carries it out.
class CurlCall final : public HttpCall {
    Q_OBJECT
public:
    CurlCall(CurlLoop& loop, const HttpRequest& request, Instant now);
    ~CurlCall() override;

    int status() const override { return m_status; }

private:
    friend class CurlLoop;
    static size_t onHeader(char* bytes, size_t size, size_t count, void* call);
    static size_t onBody(char* bytes, size_t size, size_t count, void* call);
    static curl_socket_t onOpen(void* call, curlsocktype purpose, curl_sockaddr* address);
    static int onConnected(void* call, char* address, char* ownAddress, int port, int ownPort);
    void takeHeader(QByteArrayView line);
    Error transportError(CURLcode code) const;
    Error statusError() const;

    QPointer<CurlLoop> m_loop;
    const HttpRequest m_request;
    CURL* m_easy = nullptr;
    curl_slist* m_headers = nullptr;
    std::array<char, CURL_ERROR_SIZE> m_words{};
    const QString m_about = LogCall::current(); ///< the call that it is for, or none: who hears a signal logs for that
    const Instant m_began;
    Instant m_last; ///< when something of the answer came
    // What curl's callbacks saw, to be told from outside of them.
    QByteArray m_bytes, m_errorBody, m_contentType;
    qsizetype m_received = 0;
    Milliseconds m_retryAfter{0};
    int m_status = 0; ///< 0: the head is not there yet
    bool m_headWhole = false, m_headTold = false, m_over = false, m_tooLong = false;
    bool m_refused = false; ///< an address that is not public
    CURLcode m_result = CURLE_OK;
};

/// libcurl's multi interface on one thread's event loop. One per thread and pool; lives and dies with its thread.
/// Signals are emitted after curl has returned, never from inside its callbacks: whoever hears one may delete the call.
class CurlLoop final : public QObject {
    Q_OBJECT
public:
    explicit CurlLoop(const Clock& clock);
    ~CurlLoop() override;

    Instant now() const { return m_clock.now(); }
    void add(CurlCall& call);
    void remove(CurlCall& call);
    void connectTo(const QUrl& url);

private:
    static int onSocket(CURL* easy, curl_socket_t socket, int what, void* loop, void* known);
    static int onTimer(CURLM* multi, long ms, void* loop);
    void watch(curl_socket_t socket, int what);
    void act(curl_socket_t socket, int events);
    void tell();
    void checkDeadlines();
    void fail(CurlCall& call, const Error& error);

    struct Watch {
        std::unique_ptr<QSocketNotifier> read, write;
    };
    const Clock& m_clock;
    CURLM* const m_multi;
    QHash<curl_socket_t, std::shared_ptr<Watch>> m_watches;
    std::vector<CurlCall*> m_calls;
    std::vector<std::unique_ptr<HttpCall>> m_openers; ///< connectTo(): kept until they end
    QHash<QUrl, Instant> m_opened; ///< hosts that were connected to ahead of need
    QTimer m_timer, m_deadlines;
};

} // namespace kav::providers
