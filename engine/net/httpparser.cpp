// SPDX-License-Identifier: Apache-2.0
#include "engine/net/httpparser.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>
#include <optional>

namespace http = boost::beast::http;

namespace kav::net {

namespace {

using BeastParser = http::request_parser<http::string_body>;

/// Room for trailers, in Beast's head limit and beside the body limit.
constexpr qsizetype TrailerBytes = 4096;

bool isTokenChar(char c)
{
    static constexpr QByteArrayView Others = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || Others.contains(c);
}

bool isHostChar(char c)
{
    static constexpr QByteArrayView Others = "-._~:[]%!$&'()*+,;=";
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || Others.contains(c);
}

bool isDigits(QByteArrayView text)
{
    return !text.isEmpty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

QByteArray bytes(boost::beast::string_view text)
{
    return {text.data(), qsizetype(text.size())};
}

QByteArrayView trimmedView(QByteArrayView text)
{
    while (!text.isEmpty() && (text.front() == ' ' || text.front() == '\t'))
        text = text.sliced(1);
    while (!text.isEmpty() && (text.back() == ' ' || text.back() == '\t'))
        text.chop(1);
    return text;
}

bool equalsIgnoringCase(QByteArrayView a, QByteArrayView b)
{
    return a.size() == b.size() && qstrnicmp(a.data(), a.size(), b.data(), b.size()) == 0;
}

bool listHas(QByteArrayView list, QByteArrayView token)
{
    while (true) {
        const qsizetype comma = list.indexOf(',');
        if (equalsIgnoringCase(trimmedView(comma < 0 ? list : list.first(comma)), token))
            return true;
        if (comma < 0)
            return false;
        list = list.sliced(comma + 1);
    }
}

} // namespace

struct HttpParser::Private final {
    explicit Private(const Config& configuration)
        : config(configuration)
    {
    }

    Status advance();
    Status readHead();
    Status readBody();
    Status fail(int errorCode, const char* why);
    bool checkRequestLine(QByteArrayView line);
    bool checkFieldLine(QByteArrayView line);
    bool checkFields();

    Config config;
    QByteArray buffer; ///< what was fed and not yet consumed
    qsizetype scanned = 0; ///< of buffer: searched for the end of the head already
    std::optional<BeastParser> beast;
    HttpRequest request;
    qint64 bodyRaw = 0; ///< body bytes as they came, chunk headers included
    int status = 0;
    const char* reason = "";
    Phase phase = Phase::Idle;
    bool skippedEmptyLine = false;
    bool isChunked = false;
    bool http11 = false;
    bool head = false;
    bool keepAlive = false;
    bool continueWanted = false;
};

HttpParser::HttpParser(const Config& config)
    : d(std::make_unique<Private>(config))
{
}

HttpParser::~HttpParser() = default;

HttpParser::Status HttpParser::feed(QByteArrayView bytes)
{
    if (d->phase == Phase::Failed)
        return Status::Failed;
    d->buffer.append(bytes);
    return d->advance();
}

HttpParser::Status HttpParser::Private::advance()
{
    if (phase == Phase::Done)
        return Status::Request;
    if (phase == Phase::Idle && !buffer.isEmpty()) {
        // RFC 9112 2.2: one empty line before the request line is to be ignored; some clients end a POST with it.
        if (!skippedEmptyLine && buffer.front() == '\r') {
            if (buffer.size() < 2)
                return Status::NeedMore;
            if (buffer.at(1) == '\n') {
                buffer.remove(0, 2);
                skippedEmptyLine = true;
            }
        }
        if (!buffer.isEmpty())
            phase = Phase::Head;
    }
    if (phase == Phase::Head) {
        const Status read = readHead();
        if (read != Status::NeedMore || phase != Phase::Body)
            return read;
    }
    return phase == Phase::Body ? readBody() : Status::NeedMore;
}

HttpParser::Status HttpParser::Private::fail(int errorCode, const char* why)
{
    phase = Phase::Failed;
    status = errorCode;
    reason = why;
    keepAlive = false;
    continueWanted = false;
    buffer.clear();
    beast.reset();
    return Status::Failed;
}

HttpParser::Status HttpParser::Private::readHead()
{
    // An error before the request line is read must not be answered as the request before was.
    head = http11 = keepAlive = false;
    const qsizetype end = buffer.indexOf("\r\n\r\n", qMax<qsizetype>(0, scanned - 3));
    const qsizetype headSize = end < 0 ? buffer.size() : end + 4;
    if (headSize > config.headBytes)
        return fail(431, "head too large");
    if (end < 0) {
        scanned = buffer.size();
        return Status::NeedMore;
    }

    // The policy looks at the raw lines first, because Beast unfolds and trims before anybody else sees them.
    QByteArrayView rest(buffer.constData(), end);
    int fields = -1; // the request line is not one
    while (true) {
        const qsizetype eol = rest.indexOf("\r\n");
        const QByteArrayView line = eol < 0 ? rest : rest.first(eol);
        if (!(fields < 0 ? checkRequestLine(line) : checkFieldLine(line)))
            return Status::Failed;
        if (++fields > config.headFields)
            return fail(431, "too many header fields");
        if (eol < 0)
            break;
        rest = rest.sliced(eol + 2);
    }

    beast.emplace();
    beast->header_limit(std::uint32_t(config.headBytes + TrailerBytes)); // trailers share it
    beast->body_limit(std::uint64_t(config.bodyBytes));
    beast->eager(true);
    boost::beast::error_code error;
    const std::size_t used = beast->put(boost::asio::buffer(buffer.constData(), std::size_t(headSize)), error);
    if (error == http::error::body_limit)
        return fail(413, "body too large");
    if ((error && error != http::error::need_more) || !beast->is_header_done() || qsizetype(used) != headSize)
        return fail(400, "malformed head");
    if (!checkFields())
        return Status::Failed;

    buffer.remove(0, headSize);
    scanned = 0;
    bodyRaw = 0;
    if (beast->is_done()) {
        phase = Phase::Done;
        return Status::Request;
    }
    phase = Phase::Body;
    continueWanted = continueWanted && buffer.isEmpty();
    return Status::NeedMore;
}

bool HttpParser::Private::checkRequestLine(QByteArrayView line)
{
    const qsizetype first = line.indexOf(' ');
    const qsizetype last = line.lastIndexOf(' ');
    if (first <= 0 || last <= first + 1) {
        fail(400, "malformed request line");
        return false;
    }
    const QByteArrayView method = line.first(first);
    const QByteArrayView target = line.sliced(first + 1, last - first - 1);
    const QByteArrayView version = line.sliced(last + 1);
    if (!std::all_of(method.begin(), method.end(), isTokenChar)) {
        fail(400, "malformed method");
        return false;
    }
    // Origin form only: a proxy's absolute form would bring a second host beside the Host field.
    if (target.front() != '/'
        || !std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '#'; })) {
        fail(400, "malformed request target");
        return false;
    }
    const bool looksLikeHttp = version.size() == 8 && version.startsWith("HTTP/") && isDigits(version.sliced(5, 1))
        && version[6] == '.' && isDigits(version.sliced(7));
    if (!looksLikeHttp) {
        fail(400, "malformed HTTP version");
        return false;
    }
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        fail(505, "HTTP version not supported");
        return false;
    }
    http11 = version == "HTTP/1.1";
    head = method == "HEAD";
    if (head || method == "GET" || method == "POST")
        return true;
    static constexpr std::array<QByteArrayView, 6> Known{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"};
    const bool known = std::find(Known.begin(), Known.end(), method) != Known.end();
    fail(known ? 405 : 501, known ? "method not allowed" : "method not implemented");
    return false;
}

bool HttpParser::Private::checkFieldLine(QByteArrayView line)
{
    if (line.isEmpty() || line.front() == ' ' || line.front() == '\t') {
        fail(400, "folded header field");
        return false;
    }
    const qsizetype colon = line.indexOf(':');
    if (colon <= 0 || !std::all_of(line.begin(), line.begin() + colon, isTokenChar)) {
        fail(400, "malformed header field name");
        return false;
    }
    const bool clean = std::all_of(
        line.begin() + colon + 1, line.end(), [](char c) { return uchar(c) >= 0x20 ? c != 0x7f : c == '\t'; });
    if (!clean)
        fail(400, "control character in a header field");
    return clean;
}

/// Framing and routing fields, judged on what Beast made of them; also fills the request. Trailers never get in here:
/// the head is copied before the body is read.
bool HttpParser::Private::checkFields()
{
    const auto& message = beast->get();
    int hosts = 0;
    int lengths = 0;
    int codings = 0;
    bool chunked = false;
    bool close = false;
    bool expectsContinue = false;
    bool expectsElse = false;
    qint64 length = 0;

    request = {};
    for (const auto& field : message) {
        QByteArray name = bytes(field.name_string()).toLower();
        QByteArray value = bytes(field.value());
        if (name == "host") {
            ++hosts;
            if (value.isEmpty() || !std::all_of(value.cbegin(), value.cend(), isHostChar)) {
                fail(400, "malformed Host");
                return false;
            }
        } else if (name == "content-length") {
            ++lengths;
            if (!isDigits(value)) {
                fail(400, "malformed Content-Length");
                return false;
            }
            // 18 digits fit; a longer number is over any limit anyway.
            length = value.size() > 18 ? std::numeric_limits<qint64>::max() : value.toLongLong();
        } else if (name == "transfer-encoding") {
            ++codings;
            chunked = equalsIgnoringCase(value, "chunked");
        } else if (name == "connection") {
            close = close || listHas(value, "close");
        } else if (name == "expect") {
            (equalsIgnoringCase(value, "100-continue") ? expectsContinue : expectsElse) = true;
        }
        request.headers.emplaceBack(std::move(name), std::move(value));
    }

    if (hosts != 1)
        fail(400, hosts ? "more than one Host" : "no Host");
    else if (lengths > 1)
        fail(400, "more than one Content-Length");
    else if (codings && (lengths || codings > 1 || !http11))
        fail(400, "ambiguous framing");
    else if (codings && !chunked)
        fail(501, "transfer coding not implemented");
    else if (length > config.bodyBytes)
        fail(413, "body too large");
    else if (expectsElse)
        fail(417, "expectation not supported");
    if (phase == Phase::Failed)
        return false;

    const QByteArray target = bytes(message.target());
    const qsizetype mark = target.indexOf('?');
    request.method = head ? QByteArrayLiteral("GET") : bytes(message.method_string());
    request.path = target.left(mark);
    request.query = mark < 0 ? QByteArray() : target.mid(mark + 1);
    request.target = target;
    isChunked = chunked;
    keepAlive = http11 && !close;
    continueWanted = expectsContinue && http11;
    return true;
}

HttpParser::Status HttpParser::Private::readBody()
{
    while (!buffer.isEmpty()) {
        boost::beast::error_code error;
        const std::size_t used = beast->put(boost::asio::buffer(buffer.constData(), std::size_t(buffer.size())), error);
        bodyRaw += qint64(used);
        buffer.remove(0, qsizetype(used));
        if (error == http::error::body_limit)
            return fail(413, "body too large");
        if (error && error != http::error::need_more)
            return fail(400, "malformed body");
        // Chunk headers are dead weight that no body limit counts: many small chunks, long extensions, endless
        // trailers. Counted with what has come of an unfinished one, so that the verdict does not depend on how the
        // bytes were cut.
        const std::string& body = beast->get().body();
        const qint64 overhead = bodyRaw - qint64(body.size()) + buffer.size();
        if (isChunked && !beast->is_done() && overhead > config.bodyBytes + TrailerBytes)
            return fail(400, "too much chunk overhead");
        if (beast->is_done()) {
            if (isChunked && bodyRaw - qint64(body.size()) > config.bodyBytes + TrailerBytes)
                return fail(400, "too much chunk overhead");
            request.body = QByteArray(body.data(), qsizetype(body.size()));
            phase = Phase::Done;
            return Status::Request;
        }
        if (error == http::error::need_more)
            break;
    }
    return Status::NeedMore;
}

HttpRequest HttpParser::takeRequest()
{
    Q_ASSERT(d->phase == Phase::Done);
    d->phase = Phase::Idle;
    d->skippedEmptyLine = false;
    d->continueWanted = false;
    d->beast.reset();
    return std::exchange(d->request, {});
}

HttpParser::Phase HttpParser::phase() const
{
    return d->phase;
}

qsizetype HttpParser::pendingBytes() const
{
    return d->buffer.size();
}

bool HttpParser::takeContinueWanted()
{
    return std::exchange(d->continueWanted, false);
}

bool HttpParser::isHttp11() const
{
    return d->http11;
}

bool HttpParser::isHead() const
{
    return d->head;
}

bool HttpParser::keepAlive() const
{
    return d->keepAlive;
}

int HttpParser::errorStatus() const
{
    return d->status;
}

QByteArray HttpParser::errorReason() const
{
    return d->reason;
}

} // namespace kav::net
