// SPDX-License-Identifier: Apache-2.0
#include "engine/net/httpconnection.h"

#include "engine/net/addressledger.h"
#include "engine/net/websocket.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QLocale>
#include <QTcpSocket>

#include <array>
#include <sys/socket.h>

namespace kav::net {

namespace {

constexpr Milliseconds LingerTime{2000};
/// A limit below this would leave no room for the answer that says so.
constexpr qsizetype MinimumAnswerBytes = 1024;
constexpr qint64 ReadBufferBytes = 64 * 1024;

QByteArrayView reasonPhrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 301:
        return "Moved Permanently";
    case 302:
        return "Found";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 417:
        return "Expectation Failed";
    case 426:
        return "Upgrade Required";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return status < 400 ? "OK" : "Error";
    }
}

bool isHeaderSafe(const QByteArray& text)
{
    return std::all_of(text.cbegin(), text.cend(), [](char c) { return uchar(c) >= 0x20 && c != 0x7f; });
}

/// RFC 9110 wants a Date; formatting it anew for each answer would cost more than the rest of the head.
const QByteArray& httpDate(const Clock& clock)
{
    static thread_local qint64 formattedSecond = -1;
    static thread_local QByteArray formatted;
    const QDateTime now = clock.wallNow();
    const qint64 second = now.toSecsSinceEpoch();
    if (second != formattedSecond) {
        formattedSecond = second;
        formatted = QLocale::c().toString(now.toUTC(), QStringLiteral("ddd, dd MMM yyyy hh:mm:ss")).toLatin1() + " GMT";
    }
    return formatted;
}

HttpParser::Config parserConfig(const Limits& limits)
{
    return {.headBytes = limits.headBytes, .headFields = limits.headFields, .bodyBytes = limits.bodyBytes};
}

/// A socket on its way to its host. Frees it when the host dies before the call arrives, wherever that is noticed.
struct Handover final {
    explicit Handover(QTcpSocket* moved)
        : socket(moved)
    {
    }
    ~Handover()
    {
        if (!socket)
            return;
        if (socket->thread() == QThread::currentThread() || !socket->thread() || socket->thread()->isFinished())
            delete socket;
        else
            socket->deleteLater();
    }
    Q_DISABLE_COPY_MOVE(Handover)

    QTcpSocket* socket;
};

} // namespace

HttpConnection::HttpConnection(QTcpSocket* socket, ListenerContext& context, QObject* parent)
    : QObject(parent)
    , m_context(context)
    , m_socket(socket)
    , m_parser(parserConfig(context.limits))
    , m_peer(unmapped(socket->peerAddress()))
    , m_phaseSince(context.clock.now())
    , m_progress(m_phaseSince)
{
    m_socket->setParent(this);
    m_socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
    // With a full buffer Qt stops reading, and TCP holds the sender back.
    m_socket->setReadBufferSize(ReadBufferBytes);
    connect(m_socket, &QTcpSocket::readyRead, this, &HttpConnection::onReadyRead);
    connect(m_socket, &QTcpSocket::bytesWritten, this, &HttpConnection::onBytesWritten);
    connect(m_socket, &QTcpSocket::disconnected, this, &HttpConnection::onDisconnected);
}

HttpConnection::~HttpConnection()
{
    if (m_socket) {
        m_socket->disconnect(this);
        m_socket->abort();
    }
    release();
}

void HttpConnection::onReadyRead()
{
    if (m_state == State::Reading) {
        process();
    } else if (m_state == State::Closing || m_state == State::Lingering) {
        m_socket->skip(m_socket->bytesAvailable());
    }
    // Answering: what comes meanwhile waits in the socket's bounded buffer.
}

void HttpConnection::onBytesWritten()
{
    m_progress = m_context.clock.now();
    if (m_socket->bytesToWrite() > 0)
        return;
    if (m_state == State::Closing)
        linger();
    else if (m_state == State::Reading)
        process();
}

void HttpConnection::onDisconnected()
{
    if (m_state == State::Answering || m_state == State::HandingOver)
        tellAnswer(0, 0);
    m_state = State::Gone;
    release();
    deleteLater();
}

void HttpConnection::process()
{
    // Handlers answer from inside process(); the loop goes on with the next request instead of recursing.
    if (m_isProcessing)
        return;
    m_isProcessing = true;
    std::array<char, 16 * 1024> chunk;
    while (m_state == State::Reading && m_socket->bytesToWrite() == 0) {
        // Pipelined bytes first; the socket is asked only when the parser can do nothing with those.
        const HttpParser::Phase before = m_parser.phase();
        HttpParser::Status status = m_parser.feed({});
        if (status == HttpParser::Status::NeedMore) {
            const qint64 got = m_socket->read(chunk.data(), qint64(chunk.size()));
            if (got <= 0)
                break;
            m_read += got;
            status = m_parser.feed(QByteArrayView(chunk.data(), got));
        }
        // Its head came to an end in these bytes: the body, or the whole request, is what is read now.
        if (before != HttpParser::Phase::Body
            && (status == HttpParser::Status::Request || m_parser.phase() == HttpParser::Phase::Body))
            m_headAt = m_context.clock.now();
        if (m_parser.phase() != m_timedPhase) {
            m_timedPhase = m_parser.phase();
            // The first head is timed from accept: a byte just before the deadline buys nothing.
            if (!m_isFirst || m_timedPhase != HttpParser::Phase::Head)
                m_phaseSince = m_context.clock.now();
        }
        if (status == HttpParser::Status::Failed) {
            ++m_context.counters.badRequests;
            qCDebug(lcNet, "refused a request from %ls: %d %s", qUtf16Printable(m_peer.toString()),
                m_parser.errorStatus(), m_parser.errorReason().constData());
            fail(m_parser.errorStatus(), m_parser.errorReason());
        } else if (status == HttpParser::Status::Request) {
            serve(m_parser.takeRequest());
        } else if (m_parser.takeContinueWanted()) {
            m_socket->write("HTTP/1.1 100 Continue\r\n\r\n");
            m_socket->flush();
            // Interim: the body may come before the kernel has taken these bytes.
            if (m_socket->bytesToWrite() > 0)
                break;
        }
    }
    m_isProcessing = false;
}

void HttpConnection::serve(const HttpRequest& parsed)
{
    HttpRequest request = parsed;
    request.peer = m_peer;
    ++m_requestId;
    m_number = request.number = ++m_context.counters.requests;
    request.arrived = m_headAt;
    const qint64 through = m_read - m_parser.pendingBytes();
    request.bytes = through - std::exchange(m_served, through);
    m_state = State::Answering;
    m_isFirst = false;
    const bool isUpgrade = asksForWebSocket(request);
    if (m_context.arrived)
        m_context.arrived(request, isUpgrade);
    if (isUpgrade) {
        serveUpgrade(request);
        return;
    }
    const Responder responder(this, m_requestId);
    if (m_context.onRequest)
        m_context.onRequest(request, responder);
    else
        responder.respond(HttpResponse::text(404, "Not found\n"));
}

void HttpConnection::serveUpgrade(const HttpRequest& request)
{
    const bool bytesFollow = m_parser.pendingBytes() > 0 || m_socket->bytesAvailable() > 0;
    HttpRequest asSent = request;
    if (m_parser.isHead())
        asSent.method = "HEAD";
    std::optional<HttpResponse> refusal = refuseHandshake(asSent, m_parser.isHttp11(), bytesFollow);
    if (refusal) {
        ++m_context.counters.badHandshakes;
    } else {
        UpgradeVerdict verdict =
            m_context.onUpgrade ? m_context.onUpgrade(request) : HttpResponse::text(404, "Not found\n");
        if (const auto* const response = std::get_if<HttpResponse>(&verdict)) {
            refusal = *response;
        } else {
            const auto& upgrade = std::get<Upgrade>(verdict);
            if (upgrade.host) {
                m_host = upgrade.host;
                m_upgrade = upgradeRequest(request, upgrade.tag);
            } else {
                refusal = HttpResponse::text(503, "No room\n");
            }
        }
    }
    if (refusal) {
        ++m_context.counters.refusedUpgrades;
        // After a refusal the client's next bytes may be frames it sent too early: nothing more is read here.
        write(*refusal, true);
        return;
    }
    m_state = State::HandingOver;
    m_socket->disconnect(this);
    connect(m_socket, &QTcpSocket::disconnected, this, &HttpConnection::onDisconnected);
    // Deferred: this runs inside the socket's readyRead, and the socket goes on using itself after the slot. Moving it
    // to another thread from here would be a race.
    QMetaObject::invokeMethod(this, &HttpConnection::finishHandover, Qt::QueuedConnection);
}

void HttpConnection::finishHandover()
{
    if (m_state != State::HandingOver)
        return;
    if (m_socket->bytesAvailable() > 0) {
        ++m_context.counters.refusedUpgrades;
        ++m_context.counters.badHandshakes;
        m_state = State::Answering;
        connect(m_socket, &QTcpSocket::readyRead, this, &HttpConnection::onReadyRead);
        connect(m_socket, &QTcpSocket::bytesWritten, this, &HttpConnection::onBytesWritten);
        write(HttpResponse::text(400, "Bad WebSocket handshake: bytes follow it before the answer\n"), true);
        return;
    }
    if (!m_host) {
        abort();
        return;
    }
    ++m_context.counters.upgrades;
    QTcpSocket* const socket = std::exchange(m_socket, nullptr);
    m_state = State::Gone;
    socket->disconnect(this);
    socket->setParent(nullptr);
    // The host writes the answer, on its own thread; what it will be is known here.
    tellAnswer(101, switchingProtocols(m_upgrade, m_host->subprotocols()).size(),
        chosenProtocol(m_upgrade, m_host->subprotocols()));
    if (m_host->thread() != thread())
        socket->moveToThread(m_host->thread());
    QMetaObject::invokeMethod(
        m_host.data(),
        [host = m_host.data(), handover = std::make_shared<Handover>(socket), request = m_upgrade] {
            host->accept(std::exchange(handover->socket, nullptr), request);
        },
        Qt::QueuedConnection);
    release();
    deleteLater();
}

void HttpConnection::tellAnswer(int status, qint64 bytes, const QByteArray& subprotocol)
{
    if (m_context.answered)
        m_context.answered({std::exchange(m_number, 0), status, bytes, subprotocol});
}

void HttpConnection::answer(quint64 requestId, const HttpResponse& response)
{
    KAV_ASSERT_THREAD(this);
    if (m_state != State::Answering || requestId != m_requestId)
        return;
    write(response, !m_parser.keepAlive());
}

void HttpConnection::write(const HttpResponse& response, bool close)
{
    const bool bodiless = response.status == 204 || response.status == 304 || response.status < 200;
    QByteArray out;
    out.reserve(256 + response.body.size());
    out += "HTTP/1.1 ";
    out += QByteArray::number(response.status);
    out += ' ';
    out += reasonPhrase(response.status);
    out += "\r\nDate: ";
    out += httpDate(m_context.clock);
    out += "\r\n";
    if (!bodiless) {
        if (!response.contentType.isEmpty() && isHeaderSafe(response.contentType))
            out += "Content-Type: " + response.contentType + "\r\n";
        out += "Content-Length: " + QByteArray::number(response.body.size()) + "\r\n";
    }
    for (const auto& [name, value] : response.headers) {
        if (isHeaderSafe(name) && isHeaderSafe(value))
            out += name + ": " + value + "\r\n";
        else
            qCWarning(lcNet, "left out a header with control characters: %ls",
                qUtf16Printable(logSafe(QString::fromLatin1(name))));
    }
    if (response.status == 426)
        out += close ? "Connection: close, Upgrade\r\n" : "Connection: Upgrade\r\n";
    else if (close)
        out += "Connection: close\r\n";
    out += "\r\n";
    if (!bodiless && !m_parser.isHead())
        out += response.body;

    if (out.size() > qMax<qsizetype>(m_context.limits.sendQueueBytes, MinimumAnswerBytes)) {
        ++m_context.counters.overLimit;
        qCWarning(lcNet, "an answer of %lld bytes is over the send queue's limit of %lld", qint64(out.size()),
            qint64(m_context.limits.sendQueueBytes));
        write(HttpResponse::text(500, "Internal error\n"), close);
        return;
    }

    m_progress = m_phaseSince = m_context.clock.now();
    m_timedPhase = m_parser.phase();
    if (m_state == State::Answering)
        tellAnswer(response.status, out.size());
    m_state = close ? State::Closing : State::Reading;
    m_socket->write(out);
    m_socket->flush();
    if (m_state == State::Closing)
        closeAfterWrite();
    else if (m_state == State::Reading && (m_parser.pendingBytes() > 0 || m_socket->bytesAvailable() > 0)
        && !m_isProcessing)
        // Not from inside the route that answers: its caller may be deep in its own work.
        QMetaObject::invokeMethod(this, &HttpConnection::onReadyRead, Qt::QueuedConnection);
}

void HttpConnection::fail(int status, const QByteArray& reason)
{
    HttpResponse response = HttpResponse::text(status, reason + '\n');
    if (status == 405)
        response.headers << std::pair(QByteArray("Allow"), QByteArray("GET, HEAD, POST"));
    write(response, true);
}

void HttpConnection::closeAfterWrite()
{
    if (m_socket->bytesToWrite() == 0)
        linger();
}

void HttpConnection::linger()
{
    m_state = State::Lingering;
    m_phaseSince = m_context.clock.now();
    if (m_socket->state() != QAbstractSocket::ConnectedState)
        return;
    ::shutdown(int(m_socket->socketDescriptor()), SHUT_WR);
    m_socket->skip(m_socket->bytesAvailable());
}

void HttpConnection::abort()
{
    m_socket->abort();
    // abort() on a socket that was never connected says nothing.
    if (m_state != State::Gone)
        onDisconnected();
}

void HttpConnection::release()
{
    if (std::exchange(m_released, true))
        return;
    Q_EMIT released();
}

void HttpConnection::sweep(Instant now, bool isCrowded)
{
    const Milliseconds inPhase = elapsed(m_phaseSince, now);
    const auto granted = [isCrowded](Milliseconds limit) { return isCrowded ? limit / 5 : limit; };
    switch (m_state) {
    case State::Reading:
        if (m_socket->bytesToWrite() > 0) {
            if (elapsed(m_progress, now) > m_context.limits.bodyTime) {
                ++m_context.counters.timeouts;
                abort();
            }
        } else if (m_timedPhase == HttpParser::Phase::Idle && !m_isFirst) {
            if (inPhase > granted(m_context.limits.keepAlive)) {
                m_state = State::Closing;
                closeAfterWrite();
            }
        } else if (inPhase
            > granted(m_timedPhase == HttpParser::Phase::Body ? m_context.limits.bodyTime : m_context.limits.headTime)) {
            ++m_context.counters.timeouts;
            fail(408, "request took too long");
        }
        break;
    case State::Closing:
        if (elapsed(m_progress, now) > m_context.limits.bodyTime) {
            ++m_context.counters.timeouts;
            abort();
        }
        break;
    case State::Lingering:
        if (inPhase > LingerTime)
            abort();
        break;
    case State::Answering:
    case State::HandingOver:
    case State::Gone:
        break;
    }
}

} // namespace kav::net
