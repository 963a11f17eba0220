// SPDX-License-Identifier: Apache-2.0
#include "engine/net/listener.h"
#include "engine/net/websocket.h"
#include "tests/support/fakeclock.h"
#include "tests/support/rawclient.h"

#include <QAbstractEventDispatcher>
#include <QDir>
#include <QPointer>
#include <QRandomGenerator>
#include <QSignalSpy>
#include <QTest>
#include <QThread>

#include <array>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace kav;
using namespace kav::net;
using namespace kav::test;

/// Upgrades through the front door, and every limit and watchdog of a WebSocket. The host lives on this thread but
/// where a test says otherwise.
class TestWebSocket final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();

    void echoesAndKnowsItsCaller();
    void choosesTheSubprotocol_data();
    void choosesTheSubprotocol();
    void refusesBeforeThe101();
    void refusesABadHandshakeInWords();
    void refusesBytesBehindTheHead();
    void takesAHandshakeByteByByte();
    void takesAnUpgradeAfterAnHttpRequest();
    void servesOnAThreadOfItsOwn();
    void freesASocketWhoseHostDied();
    void survivesAClientThatLeavesAtOnce();
    void answersABurstOfHandshakes();

    void limitsFramesAndMessages_data();
    void limitsFramesAndMessages();
    void takesManyFullMessagesAtOnce();
    void refusesUnmaskedFrames();
    void refusesAFloodOfControlFrames();
    void refusesEndlessFragments();
    void closesWhenThePeerDoesNotRead();
    void closesWhenThePeerDoesNotReadItsPongs();
    void answersTheClosingHandshake();
    void tellsWhoClosed();
    void abortsAStuckClose();
    void countsBinaryFrames();
    void sendsNothingAfterClose();
    void cutsALongReasonAtALetter();

    void endsASilentPeer();
    void keepsAQuietPeerThatAnswersPings();
    void pingsAndEndsAPeerThatIsGone();
    void countsAnyByteAsAnAnswerToAPing();
    void endsAFrameThatStalls();

    void closesAllAtTheDrain();
    void keepsTheListenersCountUntilTheSocketIsGone();
    void leaksNothingAfterThousandsOfAbusiveConnections();
    void sendsEachMessageInOneWrite();

    void servesTheOthersBetweenTheFramesOfAFlood();
    void allowsASlotToEndItsSocket_data();
    void allowsASlotToEndItsSocket();
    void allowsASlotToDeleteAnotherSocket();
    void allowsASlotToTurnTheEventLoop();
    void keepsTheOrderWhileThePeerIsSlow();
    void sendsUtf8AsItIs();
    void knowsWhatThePeerHasNotTaken();
    void survivesAPeerThatGoesDuringAWrite();
    void endsWhenBothCloseAtOnce();
    void ignoresPongsThatNobodyAskedFor();
    void refusesWithoutDescriptors();
    void freesOpenSocketsWithTheirHost();
    void forgetsASocketThatAChildProcessStillHas();

private:
    void makeHost(const WebSocketLimits& limits = {});
    std::unique_ptr<RawClient> open(const QByteArray& path = "/ws", const QByteArray& extra = {});

    FakeClock m_clock;
    std::unique_ptr<WebSocketHost> m_host;
    std::unique_ptr<Listener> m_listener;
    quint16 m_port = 0;
    QPointer<WebSocket> m_last;
    struct Ending {
        bool byPeer;
        quint16 code;
        QString reason;
    };
    QList<Ending> m_endings;
    qsizetype m_texts = 0;
    qsizetype m_binaryBytes = 0;
    bool m_echoes = true;
};

namespace {

qsizetype openDescriptors()
{
    return QDir(QStringLiteral("/proc/self/fd"))
        .entryList(QDir::AllEntries | QDir::System | QDir::NoDotAndDotDot)
        .size();
}

} // namespace

void TestWebSocket::init()
{
    m_endings.clear();
    m_texts = m_binaryBytes = 0;
    m_echoes = true;
    m_listener = std::make_unique<Listener>(Limits{}, m_clock);
    m_listener->setUpgradeHandler([this](const HttpRequest& request) -> UpgradeVerdict {
        if (request.path == "/refused")
            return HttpResponse::text(403, "No\n");
        return Upgrade{m_host.get(), "tag of " + request.path};
    });
    m_listener->setHttpHandler(
        [](const HttpRequest&, const Responder& responder) { responder.respond(HttpResponse::text(200, "http")); });
    m_port = *m_listener->listen(QHostAddress(QHostAddress::LocalHost), 0);
    makeHost();
}

void TestWebSocket::cleanup()
{
    QTRY_COMPARE(m_host ? m_host->openSockets() : 0, 0);
    QTRY_COMPARE(m_listener->counters().open, 0);
    m_listener.reset();
    m_host.reset();
}

void TestWebSocket::makeHost(const WebSocketLimits& limits)
{
    m_host = std::make_unique<WebSocketHost>(
        QStringLiteral("test"), QStringList{QStringLiteral("audio.twilio.com")}, limits, m_clock);
    connect(m_host.get(), &WebSocketHost::connected, this, [this](WebSocket* socket) {
        m_last = socket;
        connect(socket, &WebSocket::textReceived, this, [this, socket](const QString& text) {
            ++m_texts;
            if (m_echoes)
                socket->sendText(text);
        });
        connect(socket, &WebSocket::binaryReceived, this, [this](qsizetype bytes) { m_binaryBytes += bytes; });
        connect(socket, &WebSocket::closed, this, [this](bool byPeer, quint16 code, const QString& reason) {
            m_endings.append({byPeer, code, reason});
        });
    });
}

std::unique_ptr<RawClient> TestWebSocket::open(const QByteArray& path, const QByteArray& extra)
{
    auto client = std::make_unique<RawClient>(m_port, upgradeHead(path, extra));
    const RawResponse response = client->response();
    if (response.status != 101)
        qWarning("upgrade answered with %d", response.status);
    return client;
}

void TestWebSocket::echoesAndKnowsItsCaller()
{
    const auto client = open("/media/TOKEN?ignored=1");
    QVERIFY(m_last);
    QCOMPARE(m_last->path(), QStringLiteral("/media/TOKEN"));
    QCOMPARE(m_last->tag(), "tag of /media/TOKEN");
    QCOMPARE(m_last->peer(), QHostAddress(QHostAddress::LocalHost));
    QVERIFY(m_last->isOpen());
    QCOMPARE(m_host->openSockets(), 1);
    m_clock.advance(Milliseconds(5));
    client->send(clientFrame(Text, "שלום"));
    QCOMPARE(client->frame(), (RawFrame{.isFinal = true, .opcode = Text, .payload = "שלום"}));
    QCOMPARE(m_last->lastReceived(), m_clock.now());
    QCOMPARE(m_listener->counters().upgrades, 1u);
}

void TestWebSocket::choosesTheSubprotocol_data()
{
    QTest::addColumn<QByteArray>("offered");
    QTest::addColumn<QByteArray>("answered");
    QTest::newRow("none offered") << QByteArray() << QByteArray();
    QTest::newRow("Twilio's") << QByteArray("Sec-WebSocket-Protocol: audio.twilio.com\r\n")
                              << QByteArray("audio.twilio.com");
    QTest::newRow("in a list") << QByteArray("Sec-WebSocket-Protocol: foo, audio.twilio.com, bar\r\n")
                               << QByteArray("audio.twilio.com");
    QTest::newRow("in the second field") << QByteArray(
        "Sec-WebSocket-Protocol: foo\r\nSec-WebSocket-Protocol: audio.twilio.com\r\n")
                                         << QByteArray("audio.twilio.com");
    QTest::newRow("unknown") << QByteArray("Sec-WebSocket-Protocol: foo\r\n") << QByteArray();
}

void TestWebSocket::choosesTheSubprotocol()
{
    QFETCH(QByteArray, offered);
    QFETCH(QByteArray, answered);
    RawClient client(m_port, upgradeHead("/ws", offered));
    const RawResponse response = client.response();
    QCOMPARE(response.status, 101);
    QCOMPARE(response.header("sec-websocket-protocol"), answered);
    QCOMPARE(response.head.toLower().contains("sec-websocket-protocol"), !answered.isEmpty());
    QCOMPARE(response.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    QVERIFY(!response.head.toLower().contains("sec-websocket-extensions"));
}

void TestWebSocket::refusesBeforeThe101()
{
    RawClient client(m_port, upgradeHead("/refused"));
    const RawResponse response = client.response();
    QCOMPARE(response.status, 403);
    QCOMPARE(response.body, "No\n");
    QVERIFY(client.waitClosed());
    QCOMPARE(m_listener->counters().refusedUpgrades, 1u);
    QCOMPARE(m_host->openSockets(), 0);
}

void TestWebSocket::refusesABadHandshakeInWords()
{
    RawClient client(m_port, upgradeHead().replace("Version: 13", "Version: 7"));
    const RawResponse response = client.response();
    QCOMPARE(response.status, 426);
    QCOMPARE(response.header("sec-websocket-version"), "13");
    QVERIFY(response.header("connection").contains("Upgrade"));
    RawClient head(m_port, upgradeHead().replace("GET", "HEAD"));
    QCOMPARE(head.response(true).status, 400);
}

void TestWebSocket::refusesBytesBehindTheHead()
{
    for (const QByteArray& early : {clientFrame(Text, "early"), clientFrame(Close, {}), QByteArray("x")}) {
        RawClient client(m_port, upgradeHead() + early);
        QCOMPARE(client.response().status, 400);
        QVERIFY(client.waitClosed());
    }
    QCOMPARE(m_host->openSockets(), 0);
    QCOMPARE(m_listener->counters().upgrades, 0u);
}

void TestWebSocket::takesAHandshakeByteByByte()
{
    RawClient client(m_port);
    for (const char c : upgradeHead()) {
        client.send(QByteArray(1, c));
        QCoreApplication::processEvents();
    }
    QCOMPARE(client.response().status, 101);
    for (const char c : clientFrame(Text, "slowly")) {
        client.send(QByteArray(1, c));
        QCoreApplication::processEvents();
    }
    QCOMPARE(client.frame()->payload, "slowly");
}

void TestWebSocket::takesAnUpgradeAfterAnHttpRequest()
{
    // Both in one segment: the upgrade's head is then not in the socket's buffer but in the parser's.
    RawClient client(m_port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n" + upgradeHead());
    QCOMPARE(client.response().body, "http");
    QCOMPARE(client.response().status, 101);
    client.send(clientFrame(Text, "x"));
    QCOMPARE(client.frame()->payload, "x");
}

void TestWebSocket::servesOnAThreadOfItsOwn()
{
    QThread thread;
    auto* const host = new WebSocketHost(QStringLiteral("worker"), {}, {}, m_clock);
    host->moveToThread(&thread);
    connect(&thread, &QThread::finished, host, &QObject::deleteLater);
    std::atomic<int> echoes{0};
    connect(host, &WebSocketHost::connected, host, [&](WebSocket* socket) {
        connect(socket, &WebSocket::textReceived, host, [&, socket](const QString& text) {
            echoes += socket->thread() == &thread && QThread::currentThread() == &thread;
            socket->sendText(text);
        });
    });
    m_listener->setUpgradeHandler([host](const HttpRequest&) -> UpgradeVerdict { return Upgrade{host, {}}; });
    thread.start();
    for (int round = 0; round < 20; ++round) {
        std::vector<std::unique_ptr<RawClient>> clients;
        for (int i = 0; i < 10; ++i) {
            clients.push_back(std::make_unique<RawClient>(m_port, upgradeHead()));
            if (i % 3 == 0)
                clients.back()->abort(); // right after the request
        }
        for (const auto& client : clients) {
            if (!client->isOpen())
                continue;
            QCOMPARE(client->response().status, 101);
            client->send(clientFrame(Text, "hello"));
            QCOMPARE(client->frame()->payload, "hello");
        }
    }
    QTRY_COMPARE(host->openSockets(), 0);
    QTRY_COMPARE(m_listener->counters().open, 0);
    QCOMPARE(echoes.load(), 20 * 6);
    thread.quit();
    QVERIFY(thread.wait());
}

void TestWebSocket::freesASocketWhoseHostDied()
{
    const qsizetype before = openDescriptors();
    {
        // On this thread: between the handler and the hand-over.
        RawClient client(m_port);
        m_listener->setUpgradeHandler([this](const HttpRequest&) -> UpgradeVerdict {
            QMetaObject::invokeMethod(
                this, [this] { m_host.reset(); }, Qt::QueuedConnection);
            return Upgrade{m_host.get(), {}};
        });
        client.send(upgradeHead());
        QVERIFY(client.waitClosed());
    }
    {
        // On a thread that has ended: the call never arrives.
        QThread thread;
        thread.start();
        WebSocketHost host(QStringLiteral("worker"), {}, {}, m_clock);
        host.moveToThread(&thread);
        thread.quit();
        QVERIFY(thread.wait());
        m_listener->setUpgradeHandler([&host](const HttpRequest&) -> UpgradeVerdict { return Upgrade{&host, {}}; });
        RawClient client(m_port, upgradeHead());
        QTRY_COMPARE(m_listener->counters().upgrades, 1u);
        QCoreApplication::removePostedEvents(&host);
        QVERIFY(client.waitClosed());
    }
    QTRY_COMPARE(m_listener->counters().open, 0);
    QTRY_COMPARE(openDescriptors(), before);
}

void TestWebSocket::survivesAClientThatLeavesAtOnce()
{
    for (int i = 0; i < 50; ++i) {
        RawClient client(m_port, upgradeHead());
        client.abort();
    }
    QTRY_COMPARE(m_host->openSockets(), 0);
    QTRY_COMPARE(m_listener->counters().open, 0);
}

void TestWebSocket::answersABurstOfHandshakes()
{
    std::vector<std::unique_ptr<QTcpSocket>> clients;
    for (int i = 0; i < 300; ++i) {
        clients.push_back(std::make_unique<QTcpSocket>());
        clients.back()->connectToHost(QHostAddress(QHostAddress::LocalHost), m_port);
        clients.back()->write(upgradeHead());
    }
    QTRY_COMPARE(m_host->openSockets(), 300);
    QTRY_VERIFY(std::all_of(
        clients.cbegin(), clients.cend(), [](const auto& client) { return client->peek(12) == "HTTP/1.1 101"; }));
    QCOMPARE(m_listener->counters().upgrades, 300u);
}

void TestWebSocket::limitsFramesAndMessages_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("closeCode"); // 0: echoed
    const QByteArray full(64 * 1024, 'x');
    QTest::newRow("largest frame") << clientFrame(Text, full) << 0;
    QTest::newRow("frame one over") << clientFrame(Text, full + 'x') << 1009;
    QTest::newRow("message one over") << QByteArray(clientFrame(Text, full, false) + clientFrame(Continuation, "x"))
                                      << 1009;
    QTest::newRow("only the head of a huge frame") << clientFrame(Text, QByteArray(1 << 20, 'x')).first(100) << 1009;
    QTest::newRow("head of a 2^63 frame") << QByteArray("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14) << 1002;
}

void TestWebSocket::limitsFramesAndMessages()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, closeCode);
    const auto client = open();
    client->send(bytes);
    const auto answer = client->frame();
    QVERIFY(answer);
    if (closeCode == 0) {
        QCOMPARE(answer->opcode, int(Text));
        QCOMPARE(answer->payload.size(), 64 * 1024);
        return;
    }
    QCOMPARE(answer->opcode, int(Close));
    QCOMPARE(answer->closeCode(), closeCode);
    QTRY_COMPARE(m_endings.size(), 1);
    QVERIFY(!m_endings.first().byPeer);
    QCOMPARE(m_endings.first().code, closeCode);
}

void TestWebSocket::takesManyFullMessagesAtOnce()
{
    // More than the bounded read buffer holds: reading must go on after each message that is taken out.
    m_echoes = false;
    const auto client = open();
    client->send(clientFrame(Text, QByteArray(64 * 1024, 'x')).repeated(100));
    QTRY_COMPARE(m_texts, 100);
    QVERIFY(m_last->isOpen());
}

void TestWebSocket::refusesUnmaskedFrames()
{
    for (const QByteArray& bytes : {clientFrame(Text, "x", true, false),
             QByteArray(clientFrame(Text, "good") + clientFrame(Ping, {}, true, false))}) {
        m_endings.clear();
        m_echoes = false;
        const auto client = open();
        client->send(bytes);
        const auto answer = client->frame();
        QVERIFY(answer);
        QCOMPARE(answer->closeCode(), 1002);
        QTRY_COMPARE(m_endings.size(), 1);
        QVERIFY(!m_endings.first().byPeer);
        QCOMPARE(m_endings.first().code, 1002);
        QCOMPARE(m_endings.first().reason, QStringLiteral("client frames must be masked"));
    }
}

void TestWebSocket::refusesAFloodOfControlFrames()
{
    const auto client = open();
    client->send(clientFrame(Ping, "x").repeated(100));
    for (int i = 0; i < 100; ++i)
        QCOMPARE(client->frame()->opcode, int(Pong));
    m_clock.advance(Milliseconds(1000));
    client->send(clientFrame(Pong, {}).repeated(101));
    const auto answer = client->frame();
    QVERIFY(answer);
    QCOMPARE(answer->closeCode(), 1008);
    QTRY_COMPARE(m_endings.size(), 1);
    QCOMPARE(m_endings.first().reason, QStringLiteral("too many control frames"));
}

void TestWebSocket::refusesEndlessFragments()
{
    const auto client = open();
    client->send(QByteArray(clientFrame(Text, "x", false) + clientFrame(Continuation, "x", false).repeated(1022)
        + clientFrame(Continuation, "x")));
    QCOMPARE(client->frame()->payload, QByteArray(1024, 'x'));
    client->send(clientFrame(Text, {}, false) + clientFrame(Continuation, {}, false).repeated(1023));
    QCOMPARE(client->frame()->closeCode(), 1008);
}

void TestWebSocket::closesWhenThePeerDoesNotRead()
{
    const auto client = open();
    client->stopReading();
    const QString message(32 * 1024, u'x');
    int sent = 0;
    // The kernel's buffers take some MiB first.
    while (m_last->sendText(message)) {
        QVERIFY(++sent < 4096);
    }
    QVERIFY(!m_last->isOpen());
    QVERIFY(!m_last->sendText(message));
    QVERIFY(m_endings.isEmpty()); // never from inside a call
    m_clock.advance(Milliseconds(2000));
    m_host->sweep();
    QTRY_COMPARE(m_endings.size(), 1);
    QCOMPARE(m_endings.first().code, 1008);
    QVERIFY(!m_endings.first().byPeer);
    QTRY_COMPARE(m_host->openSockets(), 0);
}

void TestWebSocket::closesWhenThePeerDoesNotReadItsPongs()
{
    WebSocketLimits limits;
    limits.controlFramesPerSecond = 1 << 30; // leave it to the queue's cap
    makeHost(limits);
    const auto client = open();
    client->stopReading();
    const QByteArray pings = clientFrame(Ping, QByteArray(125, 'x')).repeated(1000);
    for (int i = 0; i < 400 && m_last->isOpen(); ++i) {
        client->send(pings);
        QCoreApplication::processEvents();
    }
    QTRY_VERIFY(!m_last || !m_last->isOpen());
    m_clock.advance(Milliseconds(2000));
    m_host->sweep();
    QTRY_COMPARE(m_endings.size(), 1);
    QCOMPARE(m_endings.first().code, 1008);
}

void TestWebSocket::answersTheClosingHandshake()
{
    const auto client = open();
    client->send(clientFrame(Close, closePayload(1000, "done\nINJECTED")));
    const auto answer = client->frame();
    QCOMPARE(answer->opcode, int(Close));
    QCOMPARE(answer->closeCode(), 1000);
    QVERIFY(client->waitClosed());
    QTRY_COMPARE(m_endings.size(), 1);
    QVERIFY(m_endings.first().byPeer);
    QCOMPARE(m_endings.first().code, 1000);
    QCOMPARE(m_endings.first().reason, QStringLiteral("done\\u000aINJECTED"));
}

void TestWebSocket::tellsWhoClosed()
{
    {
        const auto client = open();
        m_last->close(1001, QStringLiteral("drain"));
        QVERIFY(m_endings.isEmpty()); // never from inside a call
        QCOMPARE(client->frame()->closeCode(), 1001);
        QTRY_COMPARE(m_endings.size(), 1);
        QVERIFY(!m_endings.first().byPeer);
        QCOMPARE(m_endings.first().code, 1001);
        QCOMPARE(m_endings.first().reason, QStringLiteral("drain"));
    }
    {
        const auto client = open();
        client->abort();
        QTRY_COMPARE(m_endings.size(), 2);
        QVERIFY(m_endings.last().byPeer);
        QCOMPARE(m_endings.last().code, 1006);
        QVERIFY(m_endings.last().reason.startsWith(QStringLiteral("connection lost")));
    }
    {
        const auto client = open();
        client->send(clientFrame(Text, "\xff"));
        QCOMPARE(client->frame()->closeCode(), 1007);
        QTRY_COMPARE(m_endings.size(), 3);
        QVERIFY(!m_endings.last().byPeer);
        QCOMPARE(m_endings.last().code, 1007);
    }
}

void TestWebSocket::abortsAStuckClose()
{
    const auto client = open();
    client->stopReading();
    while (m_last->sendText(QString(32 * 1024, u'x'))) { }
    const QPointer<WebSocket> socket = m_last;
    m_clock.advance(Milliseconds(1999));
    m_host->sweep();
    QCoreApplication::processEvents();
    QVERIFY(m_endings.isEmpty());
    m_clock.advance(Milliseconds(1));
    m_host->sweep();
    QTRY_COMPARE(m_endings.size(), 1);
    QTRY_VERIFY(!socket);
    QTRY_COMPARE(m_listener->counters().open, 0);
}

void TestWebSocket::countsBinaryFrames()
{
    const auto client = open();
    client->send(clientFrame(Binary, QByteArray(300, '\0')) + clientFrame(Text, "after"));
    QCOMPARE(client->frame()->payload, "after");
    QCOMPARE(m_binaryBytes, 300);
}

void TestWebSocket::sendsNothingAfterClose()
{
    const auto client = open();
    m_last->close(1000, {});
    QVERIFY(!m_last->sendText(QStringLiteral("late")));
    m_last->close(1001, QStringLiteral("again"));
    QCOMPARE(client->frame()->closeCode(), 1000);
    QVERIFY(client->waitClosed());
    QVERIFY(client->received.isEmpty());
    QTRY_COMPARE(m_endings.size(), 1);
}

void TestWebSocket::cutsALongReasonAtALetter()
{
    const auto client = open();
    m_last->close(1000, QString(200, QChar(0x5d0)));
    const auto answer = client->frame();
    QCOMPARE(answer->payload.size(), 2 + 122);
    QVERIFY(QString::fromUtf8(answer->payload.sliced(2)) == QString(61, QChar(0x5d0)));
}

void TestWebSocket::endsASilentPeer()
{
    const auto client = open();
    m_clock.advance(Milliseconds(9999));
    m_host->sweep();
    QVERIFY(m_last->isOpen());
    QCOMPARE(client->frame()->opcode, int(Ping)); // quiet for so long, it is asked; what it sends is its answer
    client->send(clientFrame(Text, "still here"));
    QCOMPARE(client->frame()->payload, "still here");
    m_clock.advance(Milliseconds(10000));
    m_host->sweep();
    QCOMPARE(client->frame()->closeCode(), 1001);
    QTRY_COMPARE(m_endings.size(), 1);
    QVERIFY(m_endings.first().byPeer);
    QCOMPARE(m_endings.first().code, 1006);
    QCOMPARE(m_endings.first().reason, QStringLiteral("nothing received for 10000 ms"));
}

void TestWebSocket::keepsAQuietPeerThatAnswersPings()
{
    // Twilio may send nothing while the caller is silent; its pongs are all there is then.
    const auto client = open();
    const int pings = 12;
    for (int i = 0; i < pings; ++i) {
        m_clock.advance(Milliseconds(3334));
        m_host->sweep();
        const auto ping = client->frame();
        QVERIFY(ping);
        QCOMPARE(ping->opcode, int(Ping));
        client->send(clientFrame(Pong, ping->payload));
        QTRY_COMPARE(m_last->lastReceived(), m_clock.now());
    }
    QVERIFY(m_last->isOpen());
    // The same quiet without pongs is death.
    for (int i = 0; i < 2; ++i) {
        m_clock.advance(Milliseconds(3334));
        m_host->sweep();
        QCOMPARE(client->frame()->opcode, int(Ping));
    }
    m_clock.advance(Milliseconds(3334));
    m_host->sweep();
    QCOMPARE(client->frame()->closeCode(), 1001);
    QTRY_COMPARE(m_endings.size(), 1);
    QVERIFY(m_endings.first().byPeer);
}

void TestWebSocket::pingsAndEndsAPeerThatIsGone()
{
    WebSocketLimits limits;
    limits.idle = Milliseconds(0);
    makeHost(limits);
    const auto client = open();
    for (int i = 0; i < 2; ++i) {
        m_clock.advance(Milliseconds(20000));
        m_host->sweep();
        QCOMPARE(client->frame()->opcode, int(Ping));
    }
    client->send(clientFrame(Pong, {}));
    QTRY_COMPARE(m_last->lastReceived(), m_clock.now());
    for (int i = 0; i < 2; ++i) {
        m_clock.advance(Milliseconds(20000));
        m_host->sweep();
        QCOMPARE(client->frame()->opcode, int(Ping));
        QVERIFY(m_last->isOpen());
    }
    m_clock.advance(Milliseconds(20000));
    m_host->sweep();
    QCOMPARE(client->frame()->closeCode(), 1001);
    QTRY_COMPARE(m_endings.size(), 1);
    QVERIFY(m_endings.first().byPeer);
    QCOMPARE(m_endings.first().reason, QStringLiteral("no answer to 2 pings"));
}

void TestWebSocket::countsAnyByteAsAnAnswerToAPing()
{
    const auto client = open();
    for (int second = 0; second < 200; second += 5) {
        m_clock.advance(Milliseconds(5000));
        const qsizetype before = m_texts;
        client->send(clientFrame(Text, "media"));
        QTRY_COMPARE(m_texts, before + 1);
        m_host->sweep();
    }
    QVERIFY(m_last->isOpen());
}

void TestWebSocket::endsAFrameThatStalls()
{
    const auto client = open();
    const QByteArray frame = clientFrame(Text, QByteArray(1000, 'x'));
    m_clock.advance(Milliseconds(1)); // so that lastReceived() tells of the first byte, too
    // In many parts: every one is progress, and none puts the end off.
    for (int second = 0; second < 10; ++second) {
        client->send(frame.sliced(second, 1));
        QTRY_COMPARE(m_last->lastReceived(), m_clock.now());
        m_host->sweep();
        QVERIFY(m_last->isOpen());
        m_clock.advance(Milliseconds(1000));
    }
    m_host->sweep();
    const auto answer = client->frame();
    QVERIFY(answer);
    QCOMPARE(answer->closeCode(), 1008);
    QTRY_COMPARE(m_endings.size(), 1);
    QCOMPARE(m_endings.first().reason, QStringLiteral("a frame took too long"));
}

void TestWebSocket::closesAllAtTheDrain()
{
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 20; ++i)
        clients.push_back(open());
    QCOMPARE(m_host->openSockets(), 20);
    m_host->closeAll(1001, QStringLiteral("restart"));
    for (const auto& client : clients) {
        QCOMPARE(client->frame()->closeCode(), 1001);
        QVERIFY(client->waitClosed());
    }
    QTRY_COMPARE(m_endings.size(), 20);
    QTRY_COMPARE(m_host->openSockets(), 0);
}

void TestWebSocket::keepsTheListenersCountUntilTheSocketIsGone()
{
    Limits limits;
    limits.connections = 1;
    limits.connectionsPerAddress = 1;
    limits.loopbackExempt = false;
    auto listener = std::make_unique<Listener>(limits, m_clock);
    listener->setUpgradeHandler([this](const HttpRequest&) -> UpgradeVerdict { return Upgrade{m_host.get(), {}}; });
    const quint16 port = *listener->listen(QHostAddress(QHostAddress::LocalHost), 0);
    auto first = std::make_unique<RawClient>(port, upgradeHead());
    QCOMPARE(first->response().status, 101);
    QCOMPARE(listener->counters().open, 1);
    RawClient second(port, upgradeHead());
    QVERIFY(second.received.isEmpty());
    first.reset();
    // Not refused by its address either: a connection stops counting there once it is handed over.
    QCOMPARE(second.response().status, 101);
    second.abort();
    QTRY_COMPARE(listener->counters().open, 0);
}

void TestWebSocket::leaksNothingAfterThousandsOfAbusiveConnections()
{
    {
        const auto warm = open();
        warm->send(clientFrame(Text, "warm"));
        QVERIFY(warm->frame());
    }
    QTRY_COMPARE(m_listener->counters().open, 0);
    QTRY_COMPARE(m_host->openSockets(), 0);
    const qsizetype objects = m_host->findChildren<QObject*>().size();
    const qsizetype descriptors = openDescriptors();
    QRandomGenerator random(11);
    const QByteArrayList follow{{}, clientFrame(Text, "hello"), clientFrame(Close, {}),
        clientFrame(Close, closePayload(5)), clientFrame(Text, "\xff"), clientFrame(Text, "x", true, false),
        clientFrame(3, "reserved"), clientFrame(Text, QByteArray(70000, 'x')),
        clientFrame(Text, "half a frame").first(4), clientFrame(Ping, "x").repeated(200),
        QByteArray("\0\xff garbage", 10)};
    for (int batch = 0; batch < 60; ++batch) {
        std::vector<std::unique_ptr<RawClient>> clients;
        for (int i = 0; i < 50; ++i) {
            const QByteArray next = follow.at(random.bounded(follow.size()));
            switch (random.bounded(4)) {
            case 0: // with the handshake
                clients.push_back(std::make_unique<RawClient>(m_port, upgradeHead() + next));
                break;
            case 1: // too early, in a second segment
                clients.push_back(std::make_unique<RawClient>(m_port, upgradeHead()));
                clients.back()->send(next);
                break;
            default: // in order
                clients.push_back(std::make_unique<RawClient>(m_port, upgradeHead()));
                (void)clients.back()->response();
                clients.back()->send(next);
                break;
            }
            if (random.bounded(3) == 0)
                clients.back()->abort();
        }
        QCoreApplication::processEvents();
    }
    QTRY_COMPARE(m_host->openSockets(), 0);
    QTRY_COMPARE(m_listener->counters().open, 0);
    QTRY_COMPARE(m_host->findChildren<QObject*>().size(), objects);
    QTRY_COMPARE(m_listener->findChildren<QObject*>().size(), 0);
    QTRY_COMPARE(openDescriptors(), descriptors);
    QVERIFY(m_listener->counters().upgrades > 1000);
    const auto after = open();
    after->send(clientFrame(Text, "fine"));
    QCOMPARE(after->frame()->payload, "fine");
}

void TestWebSocket::sendsEachMessageInOneWrite()
{
    // Seen from the other end: with no delay on the socket and no reading in between, each write is a segment of its
    // own.
    const auto client = open();
    client->stopReading();
    client->socket().setReadBufferSize(0);
    QList<qint64> arrivals;
    connect(&client->socket(), &QTcpSocket::readyRead, &client->socket(),
        [&] { arrivals << client->socket().readAll().size(); });
    for (int i = 0; i < 20; ++i) {
        const qsizetype before = arrivals.size();
        QVERIFY(m_last->sendText(QString(380, u'x')));
        QTRY_COMPARE(arrivals.size(), before + 1);
        QCOMPARE(arrivals.last(), 384);
    }
}

void TestWebSocket::servesTheOthersBetweenTheFramesOfAFlood()
{
    m_echoes = false;
    const auto flooding = open();
    const auto calling = open();
    qsizetype before = -1;
    connect(m_last, &WebSocket::textReceived, this, [this, &before] { before = m_texts - 1; });
    // All of both is in the kernel before the host's turn comes.
    flooding->send(clientFrame(Text, {}).repeated(10000));
    calling->send(clientFrame(Text, "media"));
    QTRY_COMPARE(m_texts, 10001);
    QVERIFY(before >= 0);
    QVERIFY2(before < 1000, qPrintable(QString::number(before)));
}

void TestWebSocket::allowsASlotToEndItsSocket_data()
{
    QTest::addColumn<bool>("deletes");
    QTest::addColumn<QByteArray>("bytes");
    for (const bool deletes : {false, true}) {
        const char* const way = deletes ? "deletes" : "closes";
        QTest::addRow("text, %s", way) << deletes << clientFrame(Text, "end").repeated(3);
        QTest::addRow("text and the start of one, %s", way)
            << deletes << QByteArray(clientFrame(Text, "end") + clientFrame(Text, "end").first(4));
        QTest::addRow("binary, %s", way) << deletes << clientFrame(Binary, "end").repeated(3);
        QTest::addRow("fragments, %s", way)
            << deletes << QByteArray(clientFrame(Text, "e", false) + clientFrame(Continuation, "nd")).repeated(3);
    }
}

void TestWebSocket::allowsASlotToEndItsSocket()
{
    QFETCH(bool, deletes);
    QFETCH(QByteArray, bytes);
    m_echoes = false;
    const auto client = open();
    const QPointer<WebSocket> socket = m_last;
    int calls = 0;
    const auto end = [&] {
        ++calls;
        if (deletes)
            delete socket;
        else
            socket->close(1000, QStringLiteral("enough"));
    };
    connect(socket, &WebSocket::textReceived, this, end);
    connect(socket, &WebSocket::binaryReceived, this, end);
    m_clock.advance(Milliseconds(1));
    client->send(bytes.first(3)); // so that the rest comes to what was kept
    QTRY_COMPARE(socket->lastReceived(), m_clock.now());
    client->send(bytes.sliced(3));
    QVERIFY(client->waitClosed());
    QTRY_VERIFY(!socket);
    QCOMPARE(calls, 1);
    QCOMPARE(m_endings.size(), deletes ? 0 : 1);
}

void TestWebSocket::allowsASlotToDeleteAnotherSocket()
{
    m_echoes = false;
    const auto first = open();
    const QPointer<WebSocket> a = m_last;
    const auto second = open();
    const QPointer<WebSocket> b = m_last;
    // Whichever comes first ends the other, whose event is in the same round.
    connect(a, &WebSocket::textReceived, this, [&b] { delete b; });
    connect(b, &WebSocket::textReceived, this, [&a] { delete a; });
    first->send(clientFrame(Text, "one"));
    second->send(clientFrame(Text, "two"));
    QTRY_COMPARE(m_host->openSockets(), 1);
    QTRY_COMPARE(m_texts, 1);
    QVERIFY(!a != !b);
}

void TestWebSocket::allowsASlotToTurnTheEventLoop()
{
    m_echoes = false;
    const auto client = open();
    const auto leaving = open();
    const QPointer<WebSocket> left = m_last;
    const auto socket = m_host->findChild<WebSocket*>();
    QVERIFY(socket && socket != left);
    QByteArray got;
    connect(socket, &WebSocket::textReceived, this, [&](const QString& text) {
        got += text.toUtf8() + ' ';
        if (text != QLatin1String("a"))
            return;
        // While this message is being handled more comes, from here and from the other side.
        client->send(clientFrame(Text, QByteArray(200, 'd')));
        leaving->abort();
        for (int i = 0; i < 20; ++i)
            QCoreApplication::processEvents();
        got += "turned ";
    });
    const QByteArray bytes = clientFrame(Text, "a") + clientFrame(Text, "b") + clientFrame(Text, "c");
    client->send(bytes.first(2));
    QCoreApplication::processEvents();
    client->send(bytes.sliced(2));
    QTRY_COMPARE(m_texts, 4);
    QCOMPARE(got, "a turned b c " + QByteArray(200, 'd') + ' ');
    QVERIFY(socket->isOpen());
    QTRY_VERIFY(!left);
}

void TestWebSocket::keepsTheOrderWhileThePeerIsSlow()
{
    WebSocketLimits limits;
    limits.sendQueueBytes = 64 * 1024 * 1024;
    makeHost(limits);
    const auto client = open();
    // What the kernel does not take waits, and what comes then waits behind it, pongs and the close frame as well.
    const int messages = 300;
    for (int i = 0; i < messages; ++i) {
        QVERIFY(m_last->sendText(QString::number(i) + QString(60000, u'x')));
        if (i == messages / 2)
            client->send(clientFrame(Ping, "between"));
    }
    QCoreApplication::processEvents();
    m_last->close(1000, {});
    QVERIFY(!m_last->sendText(QStringLiteral("late")));
    int pongs = 0;
    for (int i = 0; i < messages;) {
        const auto frame = client->frame();
        QVERIFY(frame);
        if (frame->opcode == Pong) {
            ++pongs;
            continue;
        }
        QCOMPARE(frame->payload, QByteArray::number(i) + QByteArray(60000, 'x'));
        ++i;
    }
    auto last = client->frame();
    if (last && last->opcode == Pong) {
        ++pongs;
        last = client->frame();
    }
    QCOMPARE(last->closeCode(), 1000);
    QCOMPARE(pongs, 1);
    QVERIFY(client->waitClosed());
}

void TestWebSocket::sendsUtf8AsItIs()
{
    const auto client = open();
    const QByteArray text("\u05e9\u05dc\u05d5\u05dd");
    for (const QByteArray& each : {text, QByteArray(), text.repeated(200), text.repeated(9000)}) { // each form of length
        QVERIFY(m_last->sendUtf8(each));
        QCOMPARE(client->frame(), (RawFrame{.isFinal = true, .opcode = Text, .payload = each}));
    }
    m_last->close(1000, {});
    QVERIFY(!m_last->sendUtf8(text));
}

void TestWebSocket::knowsWhatThePeerHasNotTaken()
{
    WebSocketLimits limits;
    limits.sendQueueBytes = 64 * 1024 * 1024;
    makeHost(limits);
    const auto client = open();
    QVERIFY(m_last->sendUtf8("small"));
    QCOMPARE(m_last->unsentBytes(), 0); // the kernel has it
    const QByteArray message(1024 * 1024, 'x');
    const int messages = 24;
    for (int i = 0; i < messages; ++i)
        QVERIFY(m_last->sendUtf8(message));
    const qsizetype unsent = m_last->unsentBytes();
    QVERIFY(unsent > 0);
    QVERIFY(unsent < messages * (message.size() + 10));
    QVERIFY(m_last->sendUtf8("behind it"));
    QCOMPARE(m_last->unsentBytes(), unsent + 2 + 9);
    QCOMPARE(client->frame()->payload, "small");
    for (int i = 0; i < messages; ++i)
        QCOMPARE(client->frame()->payload.size(), message.size());
    QCOMPARE(client->frame()->payload, "behind it");
    QCOMPARE(m_last->unsentBytes(), 0);
    client->abort();
}

void TestWebSocket::survivesAPeerThatGoesDuringAWrite()
{
    for (const bool resets : {false, true}) {
        m_endings.clear();
        const auto client = open();
        client->stopReading();
        // Broken or not, a connection that has not been read since takes what it is given.
        for (int i = 0; i < 300 && m_last->sendText(QString(32 * 1024, u'x')); ++i) {
            if (resets && i == 20)
                client->abort();
        }
        client->abort();
        QTRY_COMPARE(m_endings.size(), 1);
        QTRY_COMPARE(m_host->openSockets(), 0);
    }
}

void TestWebSocket::endsWhenBothCloseAtOnce()
{
    const auto client = open();
    client->send(clientFrame(Text, "unread") + clientFrame(Close, closePayload(3000)));
    m_last->close(1001, QStringLiteral("drain"));
    QCOMPARE(client->frame()->closeCode(), 1001);
    QVERIFY(!client->frame()); // one close frame is enough
    QVERIFY(client->waitClosed());
    QTRY_COMPARE(m_endings.size(), 1);
    QVERIFY(!m_endings.first().byPeer);
    QCOMPARE(m_endings.first().code, 1001);
    QCOMPARE(m_texts, 0);
}

void TestWebSocket::ignoresPongsThatNobodyAskedFor()
{
    const auto client = open();
    const auto give = [&](const QByteArray& payload) {
        m_clock.advance(Milliseconds(7));
        client->send(clientFrame(Pong, payload));
        QTRY_COMPARE(m_last->lastReceived(), m_clock.now());
    };
    give("0");
    QVERIFY(!m_last->roundTrip());
    m_last->ping();
    const QByteArray asked = client->frame()->payload;
    give("77");
    QVERIFY(!m_last->roundTrip());
    give(asked);
    QCOMPARE(m_last->roundTrip(), Milliseconds(14));
    give(asked);
    QCOMPARE(m_last->roundTrip(), Milliseconds(14));
}

void TestWebSocket::refusesWithoutDescriptors()
{
    (void)open(); // sanitizers need descriptors to look at a type for the first time
    makeHost(); // one that has no descriptor of its own yet
    rlimit normal{};
    QCOMPARE(::getrlimit(RLIMIT_NOFILE, &normal), 0);
    std::vector<int> taken;
    m_listener->setUpgradeHandler([&](const HttpRequest&) -> UpgradeVerdict {
        const rlimit low{.rlim_cur = 256, .rlim_max = normal.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &low);
        for (int fd = ::dup(0); fd >= 0; fd = ::dup(0))
            taken.push_back(fd);
        return Upgrade{m_host.get(), {}};
    });
    RawClient client(m_port, upgradeHead());
    const bool isClosed = client.waitClosed();
    for (const int fd : taken)
        ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &normal);
    QVERIFY(!taken.empty());
    QVERIFY(isClosed);
    QVERIFY(client.received.isEmpty());
    m_listener->setUpgradeHandler([this](const HttpRequest&) -> UpgradeVerdict { return Upgrade{m_host.get(), {}}; });
    const auto after = open();
    after->send(clientFrame(Text, "fine"));
    QCOMPARE(after->frame()->payload, "fine");
}

void TestWebSocket::freesOpenSocketsWithTheirHost()
{
    const qsizetype descriptors = openDescriptors();
    std::vector<std::unique_ptr<RawClient>> clients;
    std::vector<QPointer<WebSocket>> sockets;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(open());
        sockets.emplace_back(m_last);
    }
    sockets[0]->close(1000, {}); // its closed() is still to come
    connect(sockets[1], &QObject::destroyed, this, [&sockets] { delete sockets[2]; });
    connect(sockets[2], &QObject::destroyed, this, [&sockets] { delete sockets[1]; });
    clients[3]->send(clientFrame(Text, "unread"));
    m_host.reset();
    for (const auto& client : clients)
        QVERIFY(client->waitClosed());
    clients.clear();
    QTRY_COMPARE(openDescriptors(), descriptors);
}

void TestWebSocket::forgetsASocketThatAChildProcessStillHas()
{
    // As between fork() and exec(): closing a descriptor does not end the socket then, nor what epoll says of it.
    const auto client = open();
    std::array<int, 2> ends{};
    QCOMPARE(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[1]);
        char byte = 0;
        ::_exit(int(::read(ends[0], &byte, 1)));
    }
    QVERIFY(child > 0);
    delete m_last;
    client->send(clientFrame(Text, "to nobody"));
    // Nothing is left to be woken for.
    QTRY_VERIFY(!QAbstractEventDispatcher::instance()->processEvents(QEventLoop::AllEvents));
    QCOMPARE(m_texts, 0);
    ::close(ends[1]);
    ::close(ends[0]);
    QCOMPARE(::waitpid(child, nullptr, 0), child);
}

QTEST_GUILESS_MAIN(TestWebSocket)
#include "tst_websocket.moc"
