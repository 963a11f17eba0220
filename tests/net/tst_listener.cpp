// SPDX-License-Identifier: Apache-2.0
#include "engine/net/listener.h"
#include "tests/support/fakeclock.h"
#include "tests/support/rawclient.h"

#include <QDir>
#include <QRandomGenerator>
#include <QSignalSpy>
#include <QTcpServer>
#include <QTest>

#include <sys/resource.h>
#include <thread>

using namespace kav;
using namespace kav::net;
using namespace kav::test;

/// The front door over real sockets: answers, deadlines, limits, and what hostile clients do.
class TestListener final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();

    void answersAndKeepsTheConnection();
    void answersLaterThanTheNextEvent();
    void answersPipelinedRequestsInOrderThoughTheyFinishInAnother();
    void answersHeadWithoutABody();
    void sends204WithoutLengthOrBody();
    void closesAfterHttp10AndConnectionClose();
    void sendsContinueBeforeTheBody();
    void refusesAndCloses_data();
    void refusesAndCloses();
    void deliversTheRefusalThoughTheBodyGoesOn();
    void leavesOutHeadersThatWouldSplitTheAnswer();
    void ignoresTheSecondAnswer();
    void survivesAnAnswerAfterTheClientHasGone();
    void answers500WhenNobodyAnswers();
    void answers500WhenTheLastCopyDiesOnAnotherThread();
    void answers404WithoutAHandler();
    void answersAFunctionToo();

    void endsASlowHead();
    void endsASilentConnection();
    void hurriesThemWhenItIsCrowded();
    void endsASlowBody();
    void endsAnIdleConnectionWithoutAWord();
    void leavesAWaitingRequestAlone();
    void dropsAClientThatTakesNoAnswer();
    void replacesAnAnswerThatIsTooLong();
    void stopsReadingWhileARequestWaits();

    void refusesAnAddressWithTooManyConnections();
    void holdsConnectionsOverTheCapUntilOneLeaves();
    void recoversFromRunningOutOfDescriptors();
    void namesWhatItCouldNotListenOn();
    void stopsAcceptingButGoesOnServing();
    void leaksNothingAfterThousandsOfAbusiveConnections();

private:
    void start(const Limits& limits = {});
    RawResponse exchange(RawClient& client, const QByteArray& bytes)
    {
        client.send(bytes);
        return client.response();
    }

    FakeClock m_clock;
    std::unique_ptr<Listener> m_listener;
    quint16 m_port = 0;
    QList<Responder> m_waiting;
};

namespace {

QByteArray get(const QByteArray& path, const QByteArray& lines = {})
{
    return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}

qsizetype openDescriptors()
{
    return QDir(QStringLiteral("/proc/self/fd"))
        .entryList(QDir::AllEntries | QDir::System | QDir::NoDotAndDotDot)
        .size();
}

/// Lowers the descriptor limit for a scope.
class DescriptorLimit final {
public:
    explicit DescriptorLimit(rlim_t limit)
    {
        ::getrlimit(RLIMIT_NOFILE, &m_before);
        const rlimit lowered{limit, m_before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &lowered);
    }
    ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &m_before); }
    Q_DISABLE_COPY_MOVE(DescriptorLimit)

private:
    rlimit m_before{};
};

} // namespace

void TestListener::init()
{
    start();
}

void TestListener::cleanup()
{
    m_waiting.clear();
    QTRY_COMPARE(m_listener->counters().open, 0);
    m_listener.reset();
}

void TestListener::start(const Limits& limits)
{
    m_listener = std::make_unique<Listener>(limits, m_clock);
    m_listener->setHttpHandler([this](const HttpRequest& request, const Responder& responder) {
        if (request.path == "/later")
            m_waiting << responder;
        else if (request.path == "/204")
            responder.respond(HttpResponse::empty());
        else if (request.path == "/big")
            responder.respond(HttpResponse::text(200, QByteArray(request.query.toInt(), 'x')));
        else if (request.path != "/never")
            responder.respond(HttpResponse::text(200, request.method + ' ' + request.target + ' ' + request.body));
    });
    const Result<quint16> port = m_listener->listen(QHostAddress(QHostAddress::LocalHost), 0);
    QVERIFY(port.ok());
    m_port = *port;
    QCOMPARE(m_listener->port(), m_port);
}

void TestListener::answersAndKeepsTheConnection()
{
    RawClient client(m_port);
    const RawResponse first = exchange(client, get("/a?b=c"));
    QCOMPARE(first.status, 200);
    QCOMPARE(first.body, "GET /a?b=c ");
    QCOMPARE(first.header("content-type"), "text/plain; charset=utf-8");
    QCOMPARE(first.header("date"), "Thu, 01 Jan 2026 00:00:00 GMT");
    QVERIFY(!first.head.contains("Connection:"));
    const RawResponse second = exchange(client, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    QCOMPARE(second.body, "POST /p abc");
    QVERIFY(client.isOpen());
    QCOMPARE(m_listener->counters().accepted, 1u);
    QCOMPARE(m_listener->counters().requests, 2u);
}

void TestListener::answersLaterThanTheNextEvent()
{
    RawClient client(m_port, get("/later"));
    QTRY_COMPARE(m_waiting.size(), 1);
    QVERIFY(client.received.isEmpty());
    m_waiting.takeFirst().respond(HttpResponse::json(202, "{}"));
    const RawResponse response = client.response();
    QCOMPARE(response.status, 202);
    QCOMPARE(response.header("content-type"), "application/json");
}

void TestListener::answersPipelinedRequestsInOrderThoughTheyFinishInAnother()
{
    RawClient client(m_port, get("/later") + get("/2") + get("/3") + "GET /4 HTTP/1.1\r\n");
    QTRY_COMPARE(m_waiting.size(), 1);
    QVERIFY(client.received.isEmpty());
    m_waiting.takeFirst().respond(HttpResponse::text(200, "1"));
    QCOMPARE(client.response().body, "1");
    QCOMPARE(client.response().body, "GET /2 ");
    QCOMPARE(client.response().body, "GET /3 ");
    QCOMPARE(exchange(client, "Host: a\r\n\r\n").body, "GET /4 ");
}

void TestListener::answersHeadWithoutABody()
{
    RawClient client(m_port, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" + get("/y"));
    const RawResponse head = client.response(true);
    QCOMPARE(head.status, 200);
    QCOMPARE(head.header("content-length"), "7");
    QCOMPARE(client.response().body, "GET /y ");
}

void TestListener::sends204WithoutLengthOrBody()
{
    RawClient client(m_port);
    const RawResponse response = exchange(client, get("/204"));
    QCOMPARE(response.status, 204);
    QVERIFY(!response.head.toLower().contains("content-length"));
    QVERIFY(!response.head.toLower().contains("content-type"));
    QCOMPARE(exchange(client, get("/after")).body, "GET /after ");
}

void TestListener::closesAfterHttp10AndConnectionClose()
{
    for (const QByteArray& bytes :
        {QByteArray("GET /x HTTP/1.0\r\nHost: a\r\n\r\n"), get("/x", "Connection: close\r\n")}) {
        RawClient client(m_port, bytes + get("/never-read"));
        const RawResponse response = client.response();
        QCOMPARE(response.body, "GET /x ");
        QCOMPARE(response.header("connection"), "close");
        QVERIFY(client.waitClosed());
        QVERIFY(client.received.isEmpty());
    }
}

void TestListener::sendsContinueBeforeTheBody()
{
    RawClient client(m_port, "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    QCOMPARE(client.response().status, 100);
    QCOMPARE(exchange(client, "hi").body, "POST /x hi");
}

void TestListener::refusesAndCloses_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("status");
    QTest::newRow("smuggling") << QByteArray("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: "
                                             "chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n")
                               << 400;
    QTest::newRow("coding") << QByteArray("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n") << 501;
    QTest::newRow("method") << QByteArray("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n") << 405;
    QTest::newRow("length") << QByteArray("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n") << 413;
    QTest::newRow("head") << QByteArray("GET / HTTP/1.1\r\nX: " + QByteArray(20000, 'x')) << 431;
    QTest::newRow("version") << QByteArray("GET / HTTP/3.0\r\nHost: a\r\n\r\n") << 505;
    QTest::newRow("garbage") << QByteArray("\x16\x03\x01\r\n\r\n") << 400;
}

void TestListener::refusesAndCloses()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, status);
    RawClient client(m_port, bytes);
    const RawResponse response = client.response();
    QCOMPARE(response.status, status);
    QCOMPARE(response.header("connection"), "close");
    if (status == 405)
        QCOMPARE(response.header("allow"), "GET, HEAD, POST");
    QVERIFY(client.waitClosed());
    QVERIFY(client.received.isEmpty());
    QCOMPARE(m_listener->counters().requests, 0u);
    QCOMPARE(m_listener->counters().badRequests, 1u);
}

void TestListener::deliversTheRefusalThoughTheBodyGoesOn()
{
    // Closing at once with unread bytes would reset the connection and could destroy the answer on its way.
    RawClient client(m_port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 10; ++i)
        client.send(QByteArray(100000, 'x'));
    QCOMPARE(client.response().status, 413);
    QVERIFY(client.waitClosed());
    QCOMPARE(client.socket().error(), QAbstractSocket::RemoteHostClosedError);
}

void TestListener::leavesOutHeadersThatWouldSplitTheAnswer()
{
    m_listener->setHttpHandler([](const HttpRequest&, const Responder& responder) {
        HttpResponse response = HttpResponse::text(200, "x");
        response.headers << std::pair(QByteArray("X-Good"), QByteArray("1"))
                         << std::pair(QByteArray("X-Bad"), QByteArray("1\r\nSet-Cookie: a"));
        responder.respond(response);
    });
    QTest::ignoreMessage(QtWarningMsg, "left out a header with control characters: X-Bad");
    RawClient client(m_port, get("/"));
    const RawResponse response = client.response();
    QCOMPARE(response.header("x-good"), "1");
    QVERIFY(!response.head.contains("Set-Cookie"));
    QVERIFY(!response.head.contains("X-Bad"));
}

void TestListener::ignoresTheSecondAnswer()
{
    RawClient client(m_port, get("/later") + get("/later"));
    QTRY_COMPARE(m_waiting.size(), 1);
    const Responder first = m_waiting.first();
    const Responder copy = first;
    first.respond(HttpResponse::text(200, "one"));
    copy.respond(HttpResponse::text(200, "two"));
    first.respond(HttpResponse::text(200, "three"));
    QCOMPARE(client.response().body, "one");
    QTRY_COMPARE(m_waiting.size(), 2);
    first.respond(HttpResponse::text(200, "late words about the first request"));
    m_waiting.last().respond(HttpResponse::text(200, "second request"));
    QCOMPARE(client.response().body, "second request");
    QVERIFY(client.received.isEmpty());
}

void TestListener::survivesAnAnswerAfterTheClientHasGone()
{
    {
        RawClient client(m_port, get("/later"));
        QTRY_COMPARE(m_waiting.size(), 1);
        client.abort();
    }
    QTRY_COMPARE(m_listener->counters().open, 0);
    m_waiting.takeFirst().respond(HttpResponse::text(200, "to nobody"));

    // Also when the listener itself has gone.
    RawClient client(m_port, get("/later"));
    QTRY_COMPARE(m_waiting.size(), 1);
    m_listener.reset();
    m_waiting.takeFirst().respond(HttpResponse::text(200, "to nobody"));
    start();
}

void TestListener::answers500WhenNobodyAnswers()
{
    RawClient client(m_port);
    QCOMPARE(exchange(client, get("/never")).status, 500);
    client.send(get("/later"));
    QTRY_COMPARE(m_waiting.size(), 1);
    m_waiting.clear();
    QCOMPARE(client.response().status, 500);
    QCOMPARE(exchange(client, get("/fine")).status, 200);
}

void TestListener::answers500WhenTheLastCopyDiesOnAnotherThread()
{
    RawClient client(m_port, get("/later"));
    QTRY_COMPARE(m_waiting.size(), 1);
    std::thread([last = m_waiting.takeFirst()]() mutable { last = Responder(); }).join();
    QCOMPARE(client.response().status, 500);
}

void TestListener::answers404WithoutAHandler()
{
    m_listener->setHttpHandler({});
    RawClient client(m_port);
    QCOMPARE(exchange(client, get("/")).status, 404);
    QCOMPARE(exchange(client, upgradeHead()).status, 404);
}

void TestListener::answersAFunctionToo()
{
    QList<int> answers;
    {
        const Responder responder([&answers](const HttpResponse& response) { answers << response.status; });
        responder.respond(HttpResponse::empty());
        const Responder forgotten([&answers](const HttpResponse& response) { answers << response.status; });
        const Responder empty;
        empty.respond(HttpResponse::empty());
    }
    QCOMPARE(answers, (QList<int>{204, 500}));
}

void TestListener::endsASlowHead()
{
    RawClient client(m_port, "GET / HT");
    for (int second = 0; second < 10; ++second) {
        m_clock.advance(Milliseconds(1000));
        client.send("T");
        QCoreApplication::processEvents();
        m_listener->sweep();
        QCOMPARE(m_listener->counters().timeouts, 0u);
    }
    m_clock.advance(Milliseconds(1));
    m_listener->sweep();
    QCOMPARE(client.response().status, 408);
    QVERIFY(client.waitClosed());
    QCOMPARE(m_listener->counters().timeouts, 1u);
}

void TestListener::endsASilentConnection()
{
    RawClient silent(m_port);
    RawClient late(m_port);
    QTRY_COMPARE(m_listener->counters().open, 2);
    m_clock.advance(Milliseconds(9999));
    late.send("G");
    (void)QTest::qWaitFor([&late] { return late.socket().bytesToWrite() == 0; });
    QCoreApplication::processEvents();
    m_clock.advance(Milliseconds(2));
    m_listener->sweep();
    QCOMPARE(silent.response().status, 408);
    QCOMPARE(late.response().status, 408); // its byte bought nothing
}

void TestListener::hurriesThemWhenItIsCrowded()
{
    start({.connections = 16});
    std::vector<std::unique_ptr<RawClient>> slow;
    const auto crowd = [&](int count) {
        for (int i = 0; i < count; ++i)
            slow.push_back(std::make_unique<RawClient>(m_port, "GET / HT"));
        return QTest::qWaitFor([&] { return m_listener->counters().open == int(slow.size()); });
    };
    QVERIFY(crowd(11));
    m_clock.advance(Milliseconds(2001));
    m_listener->sweep();
    QCOMPARE(m_listener->counters().timeouts, 0u); // there is room yet
    QVERIFY(crowd(1));
    m_listener->sweep();
    QCOMPARE(m_listener->counters().timeouts, 11u); // the twelfth is new
    slow.pop_back();
    for (const auto& client : slow)
        QCOMPARE(client->response().status, 408);
    slow.clear();
    RawClient next(m_port);
    QCOMPARE(exchange(next, get("/")).status, 200);
}

void TestListener::endsASlowBody()
{
    RawClient client(m_port, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n");
    QCOMPARE(client.response().status, 100);
    m_clock.advance(Milliseconds(9000));
    client.send("12345");
    QCoreApplication::processEvents();
    m_listener->sweep();
    QVERIFY(client.isOpen());
    m_clock.advance(Milliseconds(1001));
    m_listener->sweep();
    QCOMPARE(client.response().status, 408);
    QVERIFY(client.waitClosed());
}

void TestListener::endsAnIdleConnectionWithoutAWord()
{
    RawClient client(m_port);
    QCOMPARE(exchange(client, get("/")).status, 200);
    m_clock.advance(Milliseconds(60000));
    m_listener->sweep();
    QCOMPARE(exchange(client, get("/")).status, 200);
    m_clock.advance(Milliseconds(60001));
    m_listener->sweep();
    QVERIFY(client.waitClosed());
    QVERIFY(client.received.isEmpty());
}

void TestListener::leavesAWaitingRequestAlone()
{
    RawClient client(m_port, get("/later"));
    QTRY_COMPARE(m_waiting.size(), 1);
    m_clock.advance(Milliseconds(600000));
    m_listener->sweep();
    m_waiting.takeFirst().respond(HttpResponse::text(200, "at last"));
    QCOMPARE(client.response().body, "at last");
    m_listener->sweep();
    QCOMPARE(exchange(client, get("/")).status, 200); // the wait does not count as idle time
}

void TestListener::dropsAClientThatTakesNoAnswer()
{
    RawClient client(m_port);
    client.stopReading();
    const QByteArray request = get("/big?1000000");
    client.send(request.repeated(40));
    QTRY_VERIFY(m_listener->counters().requests > 0);
    // The queue holds one answer; the rest of the requests wait unread.
    QTRY_VERIFY(m_listener->counters().requests < 40);
    const quint64 served = m_listener->counters().requests;
    QVERIFY(served < 40);
    m_clock.advance(Milliseconds(10001));
    m_listener->sweep();
    QTRY_COMPARE(m_listener->counters().open, 0);
    QCOMPARE(m_listener->counters().timeouts, 1u);
}

void TestListener::replacesAnAnswerThatIsTooLong()
{
    QTest::ignoreMessage(QtWarningMsg,
        QRegularExpression(QStringLiteral("an answer of \\d+ bytes is over the send queue's limit of 1048576")));
    RawClient client(m_port);
    QCOMPARE(exchange(client, get("/big?1048576")).status, 500);
    QCOMPARE(exchange(client, get("/big?1000000")).body.size(), 1000000);
    QCOMPARE(m_listener->counters().overLimit, 1u);
}

void TestListener::stopsReadingWhileARequestWaits()
{
    RawClient client(m_port, get("/later"));
    QTRY_COMPARE(m_waiting.size(), 1);
    // More than the kernel's buffers and ours hold: the sender must get stuck, not us.
    const QByteArray flood(64 * 1024 * 1024, 'x');
    client.send(flood);
    (void)QTest::qWaitFor([&] { return client.socket().bytesToWrite() == 0; }, 300);
    QVERIFY(client.socket().bytesToWrite() > 32 * 1024 * 1024);
    m_waiting.takeFirst().respond(HttpResponse::text(200, "1"));
    QCOMPARE(client.response().status, 200);
    QCOMPARE(client.response().status, 431);
}

void TestListener::refusesAnAddressWithTooManyConnections()
{
    Limits limits;
    limits.connectionsPerAddress = 3;
    limits.loopbackExempt = false;
    start(limits);
    {
        std::vector<std::unique_ptr<RawClient>> clients;
        for (int i = 0; i < 3; ++i)
            clients.push_back(std::make_unique<RawClient>(m_port));
        QTRY_COMPARE(m_listener->counters().open, 3);
        RawClient fourth(m_port);
        QCOMPARE(fourth.response().status, 503);
        QVERIFY(fourth.waitClosed());
        RawClient other(m_port, QHostAddress(QStringLiteral("127.0.0.2")));
        QCOMPARE(exchange(other, get("/")).status, 200);
        QCOMPARE(m_listener->counters().overLimit, 1u);
        clients.pop_back();
        QTRY_COMPARE(m_listener->counters().open, 3);
        RawClient again(m_port);
        QCOMPARE(exchange(again, get("/")).status, 200);
    }
    QTRY_COMPARE(m_listener->counters().open, 0);
}

void TestListener::holdsConnectionsOverTheCapUntilOneLeaves()
{
    Limits limits;
    limits.connections = 2;
    start(limits);
    auto first = std::make_unique<RawClient>(m_port);
    RawClient second(m_port);
    QTRY_COMPARE(m_listener->counters().open, 2);
    RawClient third(m_port, get("/third")); // the kernel takes it, we do not yet
    QCOMPARE(exchange(second, get("/second")).status, 200);
    QCOMPARE(m_listener->counters().open, 2);
    QVERIFY(third.received.isEmpty());
    first.reset();
    QCOMPARE(third.response().body, "GET /third ");
}

void TestListener::recoversFromRunningOutOfDescriptors()
{
    RawClient before(m_port);
    QCOMPARE(exchange(before, get("/")).status, 200);
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 4; ++i)
        clients.push_back(std::make_unique<RawClient>(m_port));
    QTRY_COMPARE(m_listener->counters().open, 5);
    QTest::ignoreMessage(QtWarningMsg, "cannot accept: Too many open files; trying again every 100 ms");
    QTcpSocket late;
    {
        // A descriptor for the client, none for the server: take all but one.
        std::vector<std::unique_ptr<QFile>> fillers;
        const DescriptorLimit limit(rlim_t(openDescriptors()) + 20);
        while (true) {
            auto filler = std::make_unique<QFile>(QStringLiteral("/dev/null"));
            if (!filler->open(QIODevice::ReadOnly))
                break;
            fillers.push_back(std::move(filler));
        }
        fillers.pop_back();
        late.connectToHost(QHostAddress(QHostAddress::LocalHost), m_port);
        QTRY_COMPARE(late.state(), QAbstractSocket::ConnectedState);
        QTRY_VERIFY(m_listener->counters().acceptErrors >= 2);
        // Not spinning: those served already are served on, and the retries are a timer's.
        const quint64 errors = m_listener->counters().acceptErrors;
        for (int i = 0; i < 20; ++i)
            QCOMPARE(exchange(before, get("/")).status, 200);
        QVERIFY(m_listener->counters().acceptErrors <= errors + 5);
    }
    late.write(get("/late"));
    QTRY_VERIFY(late.bytesAvailable() > 0);
    QVERIFY(late.readAll().startsWith("HTTP/1.1 200"));
}

void TestListener::namesWhatItCouldNotListenOn()
{
    QTcpServer occupant;
    QVERIFY(occupant.listen(QHostAddress(QHostAddress::LocalHost)));
    Listener second({}, m_clock);
    const Result<quint16> port = second.listen(QHostAddress(QHostAddress::LocalHost), occupant.serverPort());
    QVERIFY(!port.ok());
    QCOMPARE(port.error().message, QStringLiteral("127.0.0.1:%1: address already in use").arg(occupant.serverPort()));
    const Result<quint16> elsewhere = second.listen(QHostAddress(QStringLiteral("192.0.2.1")), 1);
    QVERIFY(!elsewhere.ok());
    QVERIFY(elsewhere.error().message.startsWith(QStringLiteral("192.0.2.1:1: ")));
}

void TestListener::stopsAcceptingButGoesOnServing()
{
    RawClient client(m_port);
    QCOMPARE(exchange(client, get("/")).status, 200);
    m_listener->stopAccepting();
    QCOMPARE(exchange(client, get("/still")).status, 200);
    QTcpSocket refused;
    refused.connectToHost(QHostAddress(QHostAddress::LocalHost), m_port);
    QTRY_COMPARE(refused.error(), QAbstractSocket::ConnectionRefusedError);
    QCOMPARE(m_listener->port(), m_port);
}

void TestListener::leaksNothingAfterThousandsOfAbusiveConnections()
{
    {
        RawClient warm(m_port);
        QCOMPARE(exchange(warm, get("/")).status, 200);
    }
    QTRY_COMPARE(m_listener->counters().open, 0);
    const qsizetype before = openDescriptors();
    QRandomGenerator random(7);
    const QByteArrayList openings{{}, "G", get("/"), get("/later"), get("/").repeated(5),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", QByteArray(20000, '\0'),
        "\r\n\r\n\r\n", upgradeHead(), upgradeHead() + clientFrame(Text, "early")};
    for (int batch = 0; batch < 60; ++batch) {
        std::vector<std::unique_ptr<QTcpSocket>> clients;
        for (int i = 0; i < 50; ++i) {
            clients.push_back(std::make_unique<QTcpSocket>());
            clients.back()->connectToHost(QHostAddress(QHostAddress::LocalHost), m_port);
            clients.back()->write(openings.at(random.bounded(openings.size())));
        }
        QTRY_VERIFY(std::all_of(clients.cbegin(), clients.cend(),
            [](const auto& client) { return client->state() == QAbstractSocket::ConnectedState; }));
        for (const auto& client : clients) {
            if (random.bounded(2))
                client->abort();
            else
                client->disconnectFromHost();
        }
        m_waiting.clear();
    }
    m_waiting.clear();
    QTRY_COMPARE(m_listener->counters().open, 0);
    QTRY_COMPARE(m_listener->findChildren<QObject*>().size(), 0);
    QTRY_COMPARE(openDescriptors(), before);
    QVERIFY(m_listener->counters().accepted > 2000);
    RawClient after(m_port);
    QCOMPARE(exchange(after, get("/")).status, 200);
}

QTEST_GUILESS_MAIN(TestListener)
#include "tst_listener.moc"
