// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/http/curlloop.h"

#include "engine/net/publicaddress.h"
#include "engine/providers/http/vendor.h"

#include <QDateTime>

#include <algorithm>
#include <sys/socket.h>

namespace kav::providers {

namespace {
// How often deadlines are looked at while anything is under way.
constexpr Milliseconds DeadlineCheck{25};
// Of an answer that is no success, kept for the log.
constexpr qsizetype ErrorBodyBytes = 2048;
// A connection that is opened ahead of need.
constexpr Milliseconds OpenTime{5000};
// An idle connection is kept for so long; one that was opened this long ago is believed to be there.
constexpr long KeepSeconds = 120;
constexpr Milliseconds StillOpen{50000};

QString hostOf(const QUrl& url)
{
    return url.port() > 0 ? QStringLiteral("%1:%2").arg(url.host()).arg(url.port()) : url.host();
}
} // namespace

// ---- one call -------------------------------------------------------------------------------------------------------

CurlCall::CurlCall(CurlLoop& loop, const HttpRequest& request, Instant now)
    : m_loop(&loop)
    , m_request(request)
    , m_easy(curl_easy_init())
    , m_began(now)
    , m_last(now)
{
    const QByteArray url = request.url.toEncoded(QUrl::RemoveFragment);
    curl_easy_setopt(m_easy, CURLOPT_URL, url.constData());
    curl_easy_setopt(m_easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(m_easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(m_easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(m_easy, CURLOPT_HTTP_VERSION, long(CURL_HTTP_VERSION_2TLS));
    // A connection that is just being opened is waited for where TLS will say whether it can be shared. In clear it
    // never can be, and waiting would last until the first answer.
    curl_easy_setopt(m_easy, CURLOPT_PIPEWAIT, long(request.url.scheme() == QLatin1String("https")));
    curl_easy_setopt(m_easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(m_easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(m_easy, CURLOPT_MAXAGE_CONN, KeepSeconds);
    curl_easy_setopt(m_easy, CURLOPT_FRESH_CONNECT, long(m_request.once));
    curl_easy_setopt(m_easy, CURLOPT_ACCEPT_ENCODING, nullptr);
    curl_easy_setopt(m_easy, CURLOPT_USERAGENT, "kav-engine");
    curl_easy_setopt(m_easy, CURLOPT_ERRORBUFFER, m_words.data());
    curl_easy_setopt(m_easy, CURLOPT_PRIVATE, static_cast<void*>(this));
    curl_easy_setopt(m_easy, CURLOPT_HEADERFUNCTION, &CurlCall::onHeader);
    curl_easy_setopt(m_easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
    curl_easy_setopt(m_easy, CURLOPT_WRITEFUNCTION, &CurlCall::onBody);
    curl_easy_setopt(m_easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
    if (request.publicOnly) {
        // Where the name leads is known only when it is connected to. A kept connection is looked at again: it may have
        // been opened for somebody who was allowed more.
        curl_easy_setopt(m_easy, CURLOPT_PROXY, "");
        curl_easy_setopt(m_easy, CURLOPT_OPENSOCKETFUNCTION, &CurlCall::onOpen);
        curl_easy_setopt(m_easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
        curl_easy_setopt(m_easy, CURLOPT_PREREQFUNCTION, &CurlCall::onConnected);
        curl_easy_setopt(m_easy, CURLOPT_PREREQDATA, static_cast<void*>(this));
    }
    if (request.method == "HEAD") {
        curl_easy_setopt(m_easy, CURLOPT_NOBODY, 1L);
    } else if (request.method == "GET") {
        curl_easy_setopt(m_easy, CURLOPT_HTTPGET, 1L);
    } else {
        curl_easy_setopt(m_easy, CURLOPT_POST, 1L);
        curl_easy_setopt(m_easy, CURLOPT_POSTFIELDS, m_request.body.constData());
        curl_easy_setopt(m_easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(m_request.body.size()));
        if (request.method != "POST")
            curl_easy_setopt(m_easy, CURLOPT_CUSTOMREQUEST, request.method.constData());
        m_headers = curl_slist_append(m_headers, "Expect:"); // a round trip that nobody needs
    }
    for (const auto& [name, value] : request.headers)
        m_headers = curl_slist_append(m_headers, QByteArray(name + ": " + value).constData());
    curl_easy_setopt(m_easy, CURLOPT_HTTPHEADER, m_headers);
}

CurlCall::~CurlCall()
{
    if (m_loop)
        m_loop->remove(*this);
    curl_easy_cleanup(m_easy);
    curl_slist_free_all(m_headers);
}

curl_socket_t CurlCall::onOpen(void* call, curlsocktype, curl_sockaddr* address)
{
    if (!net::isPublicAddress(QHostAddress(&address->addr))) {
        static_cast<CurlCall*>(call)->m_refused = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int CurlCall::onConnected(void* call, char* address, char*, int, int)
{
    if (net::isPublicAddress(QHostAddress(QString::fromLatin1(address))))
        return CURL_PREREQFUNC_OK;
    static_cast<CurlCall*>(call)->m_refused = true;
    return CURL_PREREQFUNC_ABORT;
}

size_t CurlCall::onHeader(char* bytes, size_t size, size_t count, void* call)
{
    static_cast<CurlCall*>(call)->takeHeader({bytes, qsizetype(size * count)});
    return size * count;
}

void CurlCall::takeHeader(QByteArrayView line)
{
    m_last = m_loop->now();
    line = line.trimmed();
    if (line.startsWith("HTTP/")) { // of an interim answer too: the last head counts
        m_contentType.clear();
        m_retryAfter = Milliseconds(0);
        return;
    }
    if (line.isEmpty()) {
        long status = 0;
        curl_easy_getinfo(m_easy, CURLINFO_RESPONSE_CODE, &status);
        m_headWhole = status >= 200;
        m_status = m_headWhole ? int(status) : 0;
        return;
    }
    const qsizetype colon = line.indexOf(':');
    const QByteArray name = line.first(qMax<qsizetype>(0, colon)).toByteArray().toLower();
    const QByteArray value = line.sliced(colon + 1).trimmed().toByteArray();
    if (name == "content-type") {
        m_contentType = value;
    } else if (name == "retry-after") {
        bool isSeconds = false;
        const int seconds = value.toInt(&isSeconds);
        const qint64 wait =
            isSeconds ? seconds : qint64(curl_getdate(value.constData(), nullptr)) - QDateTime::currentSecsSinceEpoch();
        m_retryAfter = std::chrono::seconds(std::clamp<qint64>(wait, 0, 3600));
    }
}

size_t CurlCall::onBody(char* bytes, size_t size, size_t count, void* self)
{
    auto* call = static_cast<CurlCall*>(self);
    const auto length = qsizetype(size * count);
    call->m_last = call->m_loop->now();
    call->m_received += length;
    if (call->m_status < 200 || call->m_status > 299) {
        call->m_errorBody.append(bytes, qMin(length, ErrorBodyBytes - qMin(ErrorBodyBytes, call->m_errorBody.size())));
        if (call->m_received > call->m_request.limit)
            return 0;
        return size_t(length);
    }
    if (call->m_received > call->m_request.limit) {
        call->m_tooLong = true;
        return 0; // curl ends the transfer
    }
    call->m_bytes.append(bytes, length);
    return size_t(length);
}

Error CurlCall::transportError(CURLcode code) const
{
    const QString host = hostOf(m_request.url);
    const QString words = QString::fromUtf8(m_words.data());
    if (m_refused && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK))
        return {Error::Code::Denied, QStringLiteral("%1 is at a private address, which is not allowed").arg(host), {}};
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return {Error::Code::Unavailable, QStringLiteral("the name of %1 cannot be resolved").arg(host), words};
    case CURLE_COULDNT_CONNECT:
        return {Error::Code::Unavailable, QStringLiteral("no connection to %1").arg(host), words};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return {Error::Code::Unavailable,
            QStringLiteral("no secure connection to %1: its certificate or TLS is not good").arg(host), words};
    case CURLE_OPERATION_TIMEDOUT:
        return {Error::Code::Timeout, QStringLiteral("%1 did not answer in time").arg(host), words};
    case CURLE_UNSUPPORTED_PROTOCOL:
        // libcurl says this of an answer as well.
        if (m_request.url.scheme() == QLatin1String("http") || m_request.url.scheme() == QLatin1String("https"))
            return {Error::Code::Unavailable, QStringLiteral("%1 answered with something that is no HTTP").arg(host),
                words};
        [[fallthrough]];
    case CURLE_URL_MALFORMAT:
        return {Error::Code::Invalid, QStringLiteral("the address of %1 cannot be used").arg(host), words};
    default:
        return {Error::Code::Unavailable, QStringLiteral("the connection to %1 broke").arg(host),
            words.isEmpty() ? QString::fromUtf8(curl_easy_strerror(code)) : words};
    }
}

Error CurlCall::statusError() const
{
    return providers::statusError(hostOf(m_request.url), m_status, QString::fromUtf8(m_errorBody), m_retryAfter,
        QStringLiteral("the request is refused"));
}

// ---- one thread -----------------------------------------------------------------------------------------------------

CurlLoop::CurlLoop(const Clock& clock)
    : m_clock(clock)
    , m_multi(curl_multi_init())
{
    curl_multi_setopt(m_multi, CURLMOPT_SOCKETFUNCTION, &CurlLoop::onSocket);
    curl_multi_setopt(m_multi, CURLMOPT_SOCKETDATA, static_cast<void*>(this));
    curl_multi_setopt(m_multi, CURLMOPT_TIMERFUNCTION, &CurlLoop::onTimer);
    curl_multi_setopt(m_multi, CURLMOPT_TIMERDATA, static_cast<void*>(this));
    m_timer.setSingleShot(true);
    m_timer.setTimerType(Qt::PreciseTimer);
    connect(&m_timer, &QTimer::timeout, this, [this] { act(CURL_SOCKET_TIMEOUT, 0); });
    connect(&m_deadlines, &QTimer::timeout, this, &CurlLoop::checkDeadlines);
}

CurlLoop::~CurlLoop()
{
    m_openers.clear();
    for (CurlCall* call : m_calls) {
        curl_multi_remove_handle(m_multi, call->m_easy);
        call->m_loop = nullptr; // its owner outlives its thread: nothing more will come
    }
    m_calls.clear();
    m_watches.clear();
    curl_multi_setopt(m_multi, CURLMOPT_SOCKETFUNCTION, nullptr);
    curl_multi_setopt(m_multi, CURLMOPT_TIMERFUNCTION, nullptr);
    curl_multi_cleanup(m_multi);
}

void CurlLoop::add(CurlCall& call)
{
    m_calls.push_back(&call);
    curl_multi_add_handle(m_multi, call.m_easy); // begins by the timer, on the next turn of the loop
    if (!m_deadlines.isActive())
        m_deadlines.start(DeadlineCheck);
}

void CurlLoop::remove(CurlCall& call)
{
    const auto at = std::find(m_calls.begin(), m_calls.end(), &call);
    if (at == m_calls.end())
        return;
    m_calls.erase(at);
    curl_multi_remove_handle(m_multi, call.m_easy);
    if (m_calls.empty())
        m_deadlines.stop();
}

void CurlLoop::connectTo(const QUrl& url)
{
    HttpRequest request;
    request.url = url.adjusted(QUrl::RemovePath | QUrl::RemoveQuery | QUrl::RemoveFragment | QUrl::RemoveUserInfo);
    request.url.setPath(QStringLiteral("/"));
    Instant& opened = m_opened[request.url];
    if (opened != Instant() && now() - opened < StillOpen)
        return;
    opened = now();
    // curl keeps only connections that have carried a request: the smallest one does, whatever the server says to it.
    request.method = QByteArrayLiteral("HEAD");
    request.firstByte = request.stall = request.total = OpenTime;
    auto call = std::make_unique<CurlCall>(*this, request, now());
    HttpCall* const opener = call.get();
    const auto over = [this, opener] {
        // Inside its signal: it goes on the next turn of the loop.
        QMetaObject::invokeMethod(
            this,
            [this, opener] { std::erase_if(m_openers, [opener](const auto& held) { return held.get() == opener; }); },
            Qt::QueuedConnection);
    };
    connect(opener, &HttpCall::finished, this, over);
    connect(opener, &HttpCall::failed, this, over);
    add(*call);
    m_openers.push_back(std::move(call));
}

int CurlLoop::onSocket(CURL*, curl_socket_t socket, int what, void* loop, void*)
{
    static_cast<CurlLoop*>(loop)->watch(socket, what);
    return 0;
}

int CurlLoop::onTimer(CURLM*, long ms, void* self)
{
    auto* loop = static_cast<CurlLoop*>(self);
    if (ms < 0)
        loop->m_timer.stop();
    else
        loop->m_timer.start(std::chrono::milliseconds(ms));
    return 0;
}

void CurlLoop::watch(curl_socket_t socket, int what)
{
    if (what == CURL_POLL_REMOVE) {
        // Perhaps from inside the notifier's own signal.
        if (const auto watch = m_watches.take(socket)) {
            for (auto* notifier : {&watch->read, &watch->write}) {
                if (*notifier) {
                    (*notifier)->setEnabled(false);
                    notifier->release()->deleteLater();
                }
            }
        }
        return;
    }
    auto& watch = m_watches[socket];
    if (!watch)
        watch = std::make_shared<Watch>();
    const auto want = [this, socket](std::unique_ptr<QSocketNotifier>& notifier, QSocketNotifier::Type type,
                          bool wanted, int event) {
        if (!notifier && wanted) {
            notifier = std::make_unique<QSocketNotifier>(qintptr(socket), type);
            connect(notifier.get(), &QSocketNotifier::activated, this, [this, socket, event] { act(socket, event); });
        }
        if (notifier)
            notifier->setEnabled(wanted);
    };
    want(watch->read, QSocketNotifier::Read, (what & CURL_POLL_IN) != 0, CURL_CSELECT_IN);
    want(watch->write, QSocketNotifier::Write, (what & CURL_POLL_OUT) != 0, CURL_CSELECT_OUT);
}

void CurlLoop::act(curl_socket_t socket, int events)
{
    int running = 0;
    curl_multi_socket_action(m_multi, socket, events, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(m_multi, &left)) {
        if (message->msg != CURLMSG_DONE)
            continue;
        char* self = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
        auto* call = reinterpret_cast<CurlCall*>(self);
        call->m_over = true;
        call->m_result = message->data.result;
    }
    tell();
}

void CurlLoop::fail(CurlCall& call, const Error& error)
{
    const LogCall logged(call.m_about);
    remove(call);
    call.m_over = true;
    Q_EMIT call.failed(error);
}

void CurlLoop::tell()
{
    // Whoever hears a signal may delete any call, or start one: the list is gone through by name, each looked up again.
    std::vector<QPointer<CurlCall>> calls;
    for (CurlCall* call : m_calls) {
        if (call->m_over || !call->m_bytes.isEmpty() || (call->m_headWhole && !call->m_headTold))
            calls.emplace_back(call);
    }
    const QPointer<CurlLoop> guard(this);
    for (const QPointer<CurlCall>& call : calls) {
        if (!guard)
            return;
        if (!call)
            continue;
        const LogCall logged(call->m_about);
        const bool good = call->m_status >= 200 && call->m_status <= 299;
        if (good && call->m_headWhole && !std::exchange(call->m_headTold, true)) Q_EMIT
            call->head(call->m_status, call->m_contentType);
        if (call && !call->m_bytes.isEmpty()) Q_EMIT
            call->data(std::exchange(call->m_bytes, {}));
        if (!guard || !call || !call->m_over)
            continue;
        if (call->m_tooLong) {
            fail(*call,
                {Error::Code::Invalid, QStringLiteral("the answer is longer than %1 bytes").arg(call->m_request.limit),
                    {}});
        } else if (call->m_headWhole && !good) {
            fail(*call, call->statusError());
        } else if (call->m_result != CURLE_OK) {
            fail(*call, call->transportError(call->m_result));
        } else {
            remove(*call);
            Q_EMIT call->finished();
        }
    }
}

void CurlLoop::checkDeadlines()
{
    const Instant now = m_clock.now();
    std::vector<QPointer<CurlCall>> calls(m_calls.begin(), m_calls.end());
    const QPointer<CurlLoop> guard(this);
    for (const QPointer<CurlCall>& call : calls) {
        if (!guard)
            return;
        if (!call || call->m_over)
            continue;
        const HttpRequest& request = call->m_request;
        const QString host = hostOf(request.url);
        if (now - call->m_began >= request.total) {
            fail(*call,
                {Error::Code::Timeout,
                    QStringLiteral("%1 took longer than %2 ms in all").arg(host).arg(request.total.count()), {}});
        } else if (call->m_status == 0 && now - call->m_began >= request.firstByte) {
            fail(*call,
                {Error::Code::Timeout,
                    QStringLiteral("%1 gave no answer within %2 ms").arg(host).arg(request.firstByte.count()), {}});
        } else if (call->m_status != 0 && now - call->m_last >= request.stall) {
            fail(*call,
                {Error::Code::Timeout,
                    QStringLiteral("%1 fell silent in the middle of its answer for %2 ms")
                        .arg(host)
                        .arg(request.stall.count()),
                    {}});
        }
    }
}

} // namespace kav::providers
