// SPDX-License-Identifier: Apache-2.0
#include "engine/net/httpparser.h"

#include <QTest>

using namespace kav::net;
using Status = HttpParser::Status;

/// What the parser must let through and what it must refuse, however the bytes are cut.
class TestHttpParser final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsAWebhook();
    void refuses_data();
    void refuses();
    void accepts_data();
    void accepts();
    void answersPipelinedRequestsInOrder();
    void keepsTrailersOutOfTheHeaders();
    void wantsContinueOnlyBeforeTheBody();
    void countsTheLimitsExactly();
    void boundsWhatChunkHeadersMayCost();
    void saysAfterAHeadRequestThatTheNextOneIsNone();
    void staysFailed();
};

namespace {

struct Outcome {
    Status status = Status::NeedMore;
    int error = 0;
    QByteArray method, target, body;
    bool keepAlive = false;
    bool operator==(const Outcome&) const = default;
};

Outcome outcomeOf(HttpParser& parser, Status status)
{
    Outcome out{.status = status,
        .error = parser.errorStatus(),
        .method = {},
        .target = {},
        .body = {},
        .keepAlive = parser.keepAlive()};
    if (status == Status::Request) {
        const HttpRequest request = parser.takeRequest();
        out.method = request.method;
        out.target = request.target;
        out.body = request.body;
    }
    return out;
}

Outcome inPieces(const QByteArray& bytes, qsizetype piece)
{
    HttpParser parser({});
    Status status = Status::NeedMore;
    for (qsizetype at = 0; at < bytes.size() && status == Status::NeedMore; at += piece)
        status = parser.feed(QByteArrayView(bytes).sliced(at, qMin(piece, bytes.size() - at)));
    return outcomeOf(parser, status);
}

QByteArray get(const QByteArray& lines)
{
    return "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}
QByteArray post(const QByteArray& lines, const QByteArray& body = {})
{
    return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n" + body;
}

} // namespace

void TestHttpParser::readsAWebhook()
{
    HttpParser parser({});
    const QByteArray body = "CallSid=CA1&From=%2B15550100";
    const QByteArray bytes =
        "POST /webhook/incoming_call?a=1&b HTTP/1.1\r\nHost: kav.example:443\r\nX-Twilio-Signature:  abc= \t\r\n"
        "X-Twilio-Signature: second\r\nContent-Length: "
        + QByteArray::number(body.size()) + "\r\n\r\n" + body;
    QCOMPARE(parser.feed(bytes), Status::Request);
    const HttpRequest request = parser.takeRequest();
    QCOMPARE(request.method, "POST");
    QCOMPARE(request.target, "/webhook/incoming_call?a=1&b");
    QCOMPARE(request.path, "/webhook/incoming_call");
    QCOMPARE(request.query, "a=1&b");
    QCOMPARE(request.header("host"), "kav.example:443");
    QCOMPARE(request.header("x-twilio-signature"), "abc=");
    QCOMPARE(request.header("absent"), QByteArray());
    QCOMPARE(request.body, body);
    QVERIFY(parser.keepAlive());
    QCOMPARE(parser.phase(), HttpParser::Phase::Idle);
}

void TestHttpParser::refuses_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("status");
    const auto row = [](const char* name, const QByteArray& bytes, int status) {
        QTest::newRow(name) << bytes << status;
    };

    row("no Host", "GET / HTTP/1.1\r\n\r\n", 400);
    row("no Host, HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 400);
    row("two Hosts", get("Host: b\r\n"), 400);
    row("two Hosts, equal", get("HOST: a\r\n"), 400);
    row("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400);
    row("Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
    row("Host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400);
    row("space before the colon", get("X : y\r\n"), 400);
    row("space before the colon of Content-Length", post("Content-Length : 5\r\n", "GET /"), 400);
    row("space before the colon of Host", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400);
    row("folded field", get("X: a\r\n b\r\n"), 400);
    row("folded field, tab", get("X: a\r\n\tb\r\n"), 400);
    row("folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400);
    row("bare LF between fields", "GET / HTTP/1.1\nHost: a\n\r\n\r\n", 400);
    row("bare LF within a field", get("X: a\nY: b\r\n"), 400);
    row("bare CR within a field", get("X: a\rY: b\r\n"), 400);
    row("NUL in a value", get(QByteArray("X: a\0b\r\n", 8)), 400);
    row("NUL in a name", get(QByteArray("X\0: b\r\n", 7)), 400);
    row("DEL in a value", get("X: \x7f\r\n"), 400);
    row("vertical tab behind chunked", post("Transfer-Encoding: chunked\x0b\r\n", "0\r\n\r\n"), 400);
    row("no name", get(": x\r\n"), 400);
    row("no colon", get("nocolon\r\n"), 400);
    row("quote in a name", get("\"X\": y\r\n"), 400);
    row("8-bit name", get("X\xc3\xa4: y\r\n"), 400);

    row("Content-Length twice, different", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), 400);
    row("Content-Length twice, equal", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400);
    row("Content-Length a list", post("Content-Length: 5, 5\r\n", "hello"), 400);
    row("Content-Length negative", post("Content-Length: -1\r\n"), 400);
    row("Content-Length with a plus", post("Content-Length: +5\r\n", "hello"), 400);
    row("Content-Length hexadecimal", post("Content-Length: 0x5\r\n", "hello"), 400);
    row("Content-Length empty", post("Content-Length:\r\n"), 400);
    row("Content-Length with a fraction", post("Content-Length: 5.0\r\n", "hello"), 400);
    row("Content-Length overflowing", post("Content-Length: 18446744073709551621\r\n", "hello"), 400);
    row("Content-Length over the limit", post("Content-Length: 65537\r\n"), 413);
    row("Content-Length and Transfer-Encoding",
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400);
    row("Transfer-Encoding and Content-Length",
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400);
    row("xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501);
    row("gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501);
    row("chunked, identity", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 501);
    row("chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 501);
    row("chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), 501);
    row("identity", post("Transfer-Encoding: identity\r\n"), 501);
    row("empty coding", post("Transfer-Encoding:\r\n"), 501);
    row("two Transfer-Encodings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        400);
    row("two Transfer-Encodings, one odd", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "0\r\n\r\n"),
        400);
    row("chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    row("chunk size -1", post("Transfer-Encoding: chunked\r\n", "-1\r\n\r\n"), 400);
    row("chunk size zz", post("Transfer-Encoding: chunked\r\n", "zz\r\n\r\n"), 400);
    row("chunk size 0x5", post("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"), 400);
    row("chunk size overflowing", post("Transfer-Encoding: chunked\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        400);
    row("chunk longer than said", post("Transfer-Encoding: chunked\r\n", "5\r\nhelloX\r\n0\r\n\r\n"), 400);
    row("chunk too large", post("Transfer-Encoding: chunked\r\n", "10001\r\n"), 413);
    row("chunks too large together",
        post("Transfer-Encoding: chunked\r\n", "ffff\r\n" + QByteArray(65535, 'x') + "\r\n2\r\n"), 413);
    row("chunk header ended by bare LF", post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"), 400);
    row("Content-Length in a trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 5\r\n\r\n"), 400);

    row("Host in a trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nHost: b\r\n\r\n"), 400);
    row("space before a trailer's colon", post("Transfer-Encoding: chunked\r\n", "0\r\nX : b\r\n\r\n"), 400);
    row("trailer ended by bare LF", post("Transfer-Encoding: chunked\r\n", "0\r\nX: b\n\r\n"), 400);
    row("NUL in a chunk extension", post("Transfer-Encoding: chunked\r\n", QByteArray("1;\0\r\nx\r\n0\r\n\r\n", 14)),
        400);
    row("LF in a chunk extension", post("Transfer-Encoding: chunked\r\n", "1;\n\r\nx\r\n0\r\n\r\n"), 400);
    row("space behind a chunk size", post("Transfer-Encoding: chunked\r\n", "1 \r\nx\r\n0\r\n\r\n"), 400);
    row("empty chunk size", post("Transfer-Encoding: chunked\r\n", "\r\nx\r\n0\r\n\r\n"), 400);

    row("no version", "GET /\r\nHost: a\r\n\r\n", 400);
    row("HTTP/9.9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505);
    row("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
    row("HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400);
    row("http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n", 400);
    row("two spaces before the target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    row("two spaces behind the target", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    row("tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    row("space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    row("NUL in the target", QByteArray("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 28), 400);
    row("8-bit target", "GET /\xd7\x90 HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    row("fragment in the target", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    row("absolute form", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    row("authority form", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    row("asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    row("PUT", "PUT / HTTP/1.1\r\nHost: a\r\n\r\n", 405);
    row("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405);
    row("CONNECT", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 405);
    row("unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
    row("method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
    row("method no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    row("TLS on the plain port", QByteArray("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400);
    row("two empty lines first", "\r\n\r\n" + get({}), 400);
    row("expectation unknown", post("Expect: miracles\r\nContent-Length: 1\r\n"), 417);
    row("broken Connection", get("Connection: \"close\r\n"), 400);
}

void TestHttpParser::refuses()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, status);
    for (const qsizetype piece : {bytes.size(), qsizetype(1), qsizetype(7)}) {
        const Outcome outcome = inPieces(bytes, piece);
        QCOMPARE(outcome.status, Status::Failed);
        QCOMPARE(outcome.error, status);
        QVERIFY(!outcome.keepAlive);
    }
}

void TestHttpParser::accepts_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("method");
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<bool>("keepAlive");
    const auto row = [](const char* name, const QByteArray& bytes, const QByteArray& method, const QByteArray& body,
                         bool keepAlive) { QTest::newRow(name) << bytes << method << body << keepAlive; };
    row("GET", get({}), "GET", {}, true);
    row("HEAD reaches its route as GET", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", {}, true);
    row("one empty line first", "\r\n" + get({}), "GET", {}, true);
    row("HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET", {}, false);
    row("HTTP/1.0 that would be kept alive", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", "GET", {},
        false);
    row("Connection: close", get("Connection: close\r\n"), "GET", {}, false);
    row("Connection: Close in a list", get("Connection: x, Close\r\n"), "GET", {}, false);
    row("close in the second Connection", get("Connection: x\r\nConnection: close\r\n"), "GET", {}, false);
    row("a token that only contains close", get("Connection: closed\r\n"), "GET", {}, true);
    row("Hebrew in a value", get("X: \xd7\xa9\xd7\x9c\r\n"), "GET", {}, true);
    row("empty value", get("X:\r\n"), "GET", {}, true);
    row("IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n", "GET", {}, true);
    row("Content-Length 0", post("Content-Length: 0\r\n"), "POST", {}, true);
    row("no Content-Length is no body", post({}), "POST", {}, true);
    row("body", post("Content-Length: 5\r\n", "hello"), "POST", "hello", true);
    row("leading zeros", post("Content-Length: 0005\r\n", "hello"), "POST", "hello", true);
    row("largest body", post("Content-Length: 65536\r\n", QByteArray(65536, 'x')), "POST", QByteArray(65536, 'x'),
        true);
    row("chunked", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), "POST", "hello!", true);
    row("Chunked in capitals", post("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "POST", "hello",
        true);
    row("chunk extension", post("Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n0\r\n\r\n"), "POST", "hello",
        true);
    row("chunk size in capitals", post("Transfer-Encoding: chunked\r\n", "A\r\n0123456789\r\n000\r\n\r\n"), "POST",
        "0123456789", true);
    row("trailer", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nX: y\r\n\r\n"), "POST", "hello", true);
    row("chunked and empty", post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), "POST", {}, true);
    row("GET with a body", get("Content-Length: 2\r\n") + "hi", "GET", "hi", true);
    row("NUL in the body", post("Content-Length: 3\r\n", QByteArray("a\0b", 3)), "POST", QByteArray("a\0b", 3), true);
}

void TestHttpParser::accepts()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, method);
    QFETCH(QByteArray, body);
    QFETCH(bool, keepAlive);
    for (const qsizetype piece : {bytes.size(), qsizetype(1), qsizetype(7)}) {
        const Outcome outcome = inPieces(bytes, piece);
        QCOMPARE(outcome.status, Status::Request);
        QCOMPARE(outcome.method, method);
        QCOMPARE(outcome.body, body);
        QCOMPARE(outcome.keepAlive, keepAlive);
    }
}

void TestHttpParser::answersPipelinedRequestsInOrder()
{
    HttpParser parser({});
    QCOMPARE(parser.feed("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: "
                         "2\r\n\r\nhiGET /3 HTTP/1.1\r\nHo"),
        Status::Request);
    QVERIFY(parser.pendingBytes() > 0);
    QCOMPARE(parser.feed("st: a\r\n\r\n"), Status::Request); // only kept
    QCOMPARE(parser.takeRequest().target, "/1");
    QCOMPARE(parser.feed({}), Status::Request);
    const HttpRequest second = parser.takeRequest();
    QCOMPARE(second.target, "/2");
    QCOMPARE(second.body, "hi");
    QCOMPARE(parser.feed({}), Status::Request);
    const HttpRequest third = parser.takeRequest();
    QCOMPARE(third.target, "/3");
    QCOMPARE(third.path, "/3");
    QCOMPARE(third.query, QByteArray());
    QCOMPARE(parser.feed({}), Status::NeedMore);
    QCOMPARE(parser.pendingBytes(), 0);
}

void TestHttpParser::keepsTrailersOutOfTheHeaders()
{
    HttpParser parser({});
    QCOMPARE(
        parser.feed(post("Transfer-Encoding: chunked\r\n", "0\r\nX-Twilio-Signature: forged\r\nX-Other: y\r\n\r\n")),
        Status::Request);
    const HttpRequest request = parser.takeRequest();
    QCOMPARE(request.header("x-twilio-signature"), QByteArray());
    QCOMPARE(request.headers.size(), 2);
}

void TestHttpParser::wantsContinueOnlyBeforeTheBody()
{
    const QByteArray head = post("Expect: 100-Continue\r\nContent-Length: 2\r\n");
    HttpParser waiting({});
    QCOMPARE(waiting.feed(head), Status::NeedMore);
    QVERIFY(waiting.takeContinueWanted());
    QVERIFY(!waiting.takeContinueWanted());
    QCOMPARE(waiting.feed("hi"), Status::Request);

    HttpParser eager({});
    QCOMPARE(eager.feed(QByteArray(head + "h")), Status::NeedMore);
    QVERIFY(!eager.takeContinueWanted());

    HttpParser old({});
    QCOMPARE(
        old.feed("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"), Status::NeedMore);
    QVERIFY(!old.takeContinueWanted());
}

void TestHttpParser::countsTheLimitsExactly()
{
    // 99 fields beside Host are the hundred; one more is too many.
    const QByteArray field = "X: y\r\n";
    QCOMPARE(inPieces(get(field.repeated(99)), 1 << 20).status, Status::Request);
    QCOMPARE(inPieces(get(field.repeated(100)), 1 << 20).error, 431);

    const QByteArray rest = get("X: \r\n");
    const QByteArray full = get("X: " + QByteArray(16 * 1024 - rest.size(), 'y') + "\r\n");
    QCOMPARE(full.size(), 16 * 1024);
    QCOMPARE(inPieces(full, 1 << 20).status, Status::Request);
    QCOMPARE(inPieces(full, 1000).status, Status::Request);
    const QByteArray over = get("X: " + QByteArray(16 * 1024 - rest.size() + 1, 'y') + "\r\n");
    QCOMPARE(inPieces(over, 1 << 20).error, 431);
    QCOMPARE(inPieces(over, 1).error, 431);
    // A head that never ends is refused as soon as it is over, not when it ends.
    QCOMPARE(inPieces(QByteArray(16 * 1024 + 1, 'y'), 4096).error, 431);
}

void TestHttpParser::boundsWhatChunkHeadersMayCost()
{
    const QByteArray head = post("Transfer-Encoding: chunked\r\n");
    const QByteArray longExtension = head + "1;" + QByteArray(100 * 1024, 'x');
    QCOMPARE(inPieces(longExtension, 1 << 20).error, 400);
    QCOMPARE(inPieces(longExtension, 1000).error, 400);
    const QByteArray smallChunks = head + QByteArray("1;eeeeeeeeeeee\r\nx\r\n").repeated(6000);
    QCOMPARE(inPieces(smallChunks, 1 << 20).error, 400);
    QCOMPARE(inPieces(smallChunks, 1000).error, 400);
    const QByteArray endlessTrailers = head + "0\r\n" + QByteArray("X: y\r\n").repeated(20000);
    QCOMPARE(inPieces(endlessTrailers, 1 << 20).error, 400);
    QCOMPARE(inPieces(endlessTrailers, 1000).error, 400);
}

void TestHttpParser::saysAfterAHeadRequestThatTheNextOneIsNone()
{
    HttpParser parser({});
    QCOMPARE(parser.feed("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), Status::Request);
    (void)parser.takeRequest();
    QVERIFY(parser.isHead());
    QVERIFY(parser.isHttp11());
    QCOMPARE(parser.feed("GE"), Status::NeedMore);
    QVERIFY(!parser.isHead());
}

void TestHttpParser::staysFailed()
{
    HttpParser parser({});
    QCOMPARE(parser.feed("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), Status::Failed);
    QCOMPARE(parser.feed(get({})), Status::Failed);
    QCOMPARE(parser.errorStatus(), 501);
    QCOMPARE(parser.errorReason(), "method not implemented");
    QCOMPARE(parser.pendingBytes(), 0);
}

QTEST_APPLESS_MAIN(TestHttpParser)
#include "tst_httpparser.moc"
