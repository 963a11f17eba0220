// SPDX-License-Identifier: Apache-2.0
#include "engine/net/httpparser.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>
#include <optional>

namespace http = boost::beast::http;

namespace kav::net {

namespace {

using BeastParser = http::request_parser<http::empty_body>;
using BeastMessage = BeastParser::value_type;

/// What the framing of a chunked body may cost beside the body's own limit.
constexpr qsizetype ChunkOverheadBytes = 4096;
constexpr int MaxChunkDigits = 15; // no overflow, and more than any limit

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

/// What may stand in a field's value or a chunk extension.
bool isFieldChar(char c)
{
    return uchar(c) >= 0x20 ? c != 0x7f : c == '\t';
}

int hexDigit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const char lower = char(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
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

bool isFramingField(QByteArrayView line)
{
    const QByteArrayView name = line.first(line.indexOf(':'));
    return equalsIgnoringCase(name, "content-length") || equalsIgnoringCase(name, "transfer-encoding")
        || equalsIgnoringCase(name, "host");
}

} // namespace

struct HttpParser::Private final {
    enum class Chunk {
        SizeFirst, ///< the first digit of a chunk's size
        Size,
        Extension, ///< after ';', to be ignored
        SizeLf,
        Data,
        DataCr,
        DataLf,
        Trailer,
        TrailerLf,
    };

    explicit Private(const Config& configuration)
        : config(configuration)
    {
    }

    Status advance();
    Status readHead();
    Status readBody();
    Status readChunks();
    void takeData(qsizetype& at);
    Status fail(int errorCode, const char* why);
    bool checkRequestLine(QByteArrayView line);
    bool checkFieldLine(QByteArrayView line);
    bool checkFields(const BeastMessage& message);

    Config config;
    QByteArray buffer; ///< what was fed and not yet consumed
    qsizetype scanned = 0; ///< of buffer: searched for the end of the head already
    HttpRequest request;
    qint64 bodyLeft = 0; ///< of the body, or of the chunk being read
    QByteArray trailer; ///< the trailer line being read
    Chunk chunk = Chunk::SizeFirst;
    int chunkDigits = 0;
    qint64 chunkOverhead = 0; ///< bytes of a chunked body that are not body
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
    trailer.clear();
    request = {};
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

    BeastParser beast;
    beast.header_limit(std::uint32_t(config.headBytes));
    // The body is read here, see readChunks(). (Beast 1.74 takes boost::none for a limit of zero.)
    beast.body_limit(std::numeric_limits<std::uint64_t>::max());
    boost::beast::error_code error;
    const std::size_t used = beast.put(boost::asio::buffer(buffer.constData(), std::size_t(headSize)), error);
    if ((error && error != http::error::need_more) || !beast.is_header_done() || qsizetype(used) != headSize)
        return fail(400, "malformed head");
    if (!checkFields(beast.get()))
        return Status::Failed;

    buffer.remove(0, headSize);
    scanned = 0;
    chunk = Chunk::SizeFirst;
    chunkOverhead = 0;
    if (!isChunked && bodyLeft == 0) {
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
    const bool clean = std::all_of(line.begin() + colon + 1, line.end(), isFieldChar);
    if (!clean)
        fail(400, "control character in a header field");
    return clean;
}

/// Framing and routing fields, judged on what Beast made of them; also fills the request. Trailers never get in here:
/// the head is copied before the body is read.
bool HttpParser::Private::checkFields(const BeastMessage& message)
{
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
    request.path = mark < 0 ? target : target.left(mark);
    request.query = mark < 0 ? QByteArray() : target.mid(mark + 1);
    request.target = target;
    isChunked = chunked;
    bodyLeft = length;
    keepAlive = http11 && !close;
    continueWanted = expectsContinue && http11;
    return true;
}

void HttpParser::Private::takeData(qsizetype& at)
{
    const auto count = qMin<qint64>(bodyLeft, buffer.size() - at);
    request.body.append(buffer.constData() + at, count);
    bodyLeft -= count;
    at += count;
}

HttpParser::Status HttpParser::Private::readBody()
{
    if (isChunked)
        return readChunks();
    qsizetype at = 0;
    takeData(at);
    buffer.remove(0, at);
    if (bodyLeft > 0)
        return Status::NeedMore;
    phase = Phase::Done;
    return Status::Request;
}

/// Chunked bodies are not left to Beast: cut at the wrong places, a last chunk runs into an assertion of its parser
/// (Boost 1.74), and it takes trailers for header fields. One state per byte, so cuts make no difference here.
HttpParser::Status HttpParser::Private::readChunks()
{
    qsizetype at = 0;
    while (at < buffer.size()) {
        if (chunk == Chunk::Data) {
            takeData(at);
            if (bodyLeft == 0)
                chunk = Chunk::DataCr;
            continue;
        }
        const char c = buffer.at(at++);
        // Dead weight that no body limit counts: many small chunks, long extensions, endless trailers.
        if (++chunkOverhead > config.bodyBytes + ChunkOverheadBytes)
            return fail(400, "too much chunk overhead");
        switch (chunk) {
        case Chunk::SizeFirst:
            chunkDigits = 0;
            bodyLeft = 0;
            chunk = Chunk::Size;
            [[fallthrough]];
        case Chunk::Size:
            if (const int digit = hexDigit(c); digit >= 0) {
                if (++chunkDigits > MaxChunkDigits)
                    return fail(400, "malformed chunk size");
                bodyLeft = bodyLeft * 16 + digit;
            } else if (chunkDigits > 0 && (c == '\r' || c == ';')) {
                if (request.body.size() + bodyLeft > config.bodyBytes)
                    return fail(413, "body too large");
                chunk = c == ';' ? Chunk::Extension : Chunk::SizeLf;
            } else {
                return fail(400, "malformed chunk size");
            }
            break;
        case Chunk::Extension:
            if (c == '\r')
                chunk = Chunk::SizeLf;
            else if (!isFieldChar(c))
                return fail(400, "malformed chunk extension");
            break;
        case Chunk::SizeLf:
            if (c != '\n')
                return fail(400, "malformed chunk size");
            chunk = bodyLeft > 0 ? Chunk::Data : Chunk::Trailer;
            break;
        case Chunk::DataCr:
        case Chunk::DataLf:
            if (c != (chunk == Chunk::DataCr ? '\r' : '\n'))
                return fail(400, "chunk longer than its size");
            chunk = chunk == Chunk::DataCr ? Chunk::DataLf : Chunk::SizeFirst;
            break;
        case Chunk::Trailer:
            if (c == '\r')
                chunk = Chunk::TrailerLf;
            else
                trailer += c;
            break;
        case Chunk::TrailerLf:
            if (c != '\n')
                return fail(400, "malformed trailer");
            if (trailer.isEmpty()) {
                buffer.remove(0, at);
                phase = Phase::Done;
                return Status::Request;
            }
            if (!checkFieldLine(trailer))
                return Status::Failed;
            if (isFramingField(trailer))
                return fail(400, "framing field in a trailer");
            trailer.clear();
            chunk = Chunk::Trailer;
            break;
        case Chunk::Data:
            Q_UNREACHABLE();
        }
    }
    buffer.clear();
    return Status::NeedMore;
}

HttpRequest HttpParser::takeRequest()
{
    Q_ASSERT(d->phase == Phase::Done);
    d->phase = Phase::Idle;
    d->skippedEmptyLine = false;
    d->continueWanted = false;
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
