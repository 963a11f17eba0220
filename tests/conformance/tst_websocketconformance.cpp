// SPDX-License-Identifier: Apache-2.0
#include "engine/net/listener.h"
#include "engine/net/websocket.h"
#include "tests/support/fakeclock.h"
#include "tests/support/rawclient.h"

#include <QTest>

using namespace kav;
using namespace kav::net;
using namespace kav::test;

/// RFC 6455 against the engine's front door, case by case: an echo server behind Listener and WebSocketHost, and a
/// driver that writes bytes and reads frames. Numbers in the row names are the customary case numbers of the groups: 1
/// framing, 2 ping and pong, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 closing, 9 limits, 10 automatic
/// fragments.
///
/// Every row runs three times: in one write, in pieces of 97 bytes, and byte by byte (long rows without the last).
/// Binary messages are not echoed, because the engine has no use for them (WebSocket reports their size); the echo
/// server answers one with a text that says how long it was.
class TestWebSocketConformance final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void behaves_data();
    void behaves();
    void echoesAThousandTimes();

private:
    void framing();
    void pingsAndPongs();
    void reservedBitsAndOpcodes();
    void fragmentation();
    void utf8();
    void closing();
    void limits();

    FakeClock m_clock;
    std::unique_ptr<WebSocketHost> m_host;
    std::unique_ptr<Listener> m_listener;
    quint16 m_port = 0;
};

namespace {

RawFrame text(const QByteArray& payload)
{
    return {.isFinal = true, .opcode = Text, .payload = payload};
}
RawFrame pong(const QByteArray& payload)
{
    return {.isFinal = true, .opcode = Pong, .payload = payload};
}
RawFrame binaryOf(qsizetype size)
{
    return text("binary " + QByteArray::number(size));
}

constexpr int StaysOpen = 0; ///< in place of a close code: the driver closes with 1000 in the end

/// `bytes` are sent; exactly `answers` must come back, then the close frame with `closeCode`.
void row(const QByteArray& name, const QByteArray& bytes, const QList<RawFrame>& answers, int closeCode = StaysOpen)
{
    QTest::newRow(name.constData()) << bytes << answers << closeCode;
}

} // namespace

void TestWebSocketConformance::initTestCase()
{
    WebSocketLimits limits;
    limits.messageBytes = 1024 * 1024;
    limits.sendQueueBytes = 8 * 1024 * 1024;
    limits.fragmentsPerMessage = 20000;
    limits.controlFramesPerSecond = 1000;
    m_host = std::make_unique<WebSocketHost>(QStringLiteral("echo"), QStringList(), limits, m_clock);
    connect(m_host.get(), &WebSocketHost::connected, this, [](WebSocket* socket) {
        connect(
            socket, &WebSocket::textReceived, socket, [socket](const QString& message) { socket->sendText(message); });
        connect(socket, &WebSocket::binaryReceived, socket,
            [socket](qsizetype size) { socket->sendText(QStringLiteral("binary %1").arg(size)); });
    });
    m_listener = std::make_unique<Listener>(Limits{}, m_clock);
    m_listener->setUpgradeHandler([this](const HttpRequest&) -> UpgradeVerdict { return Upgrade{m_host.get(), {}}; });
    m_port = *m_listener->listen(QHostAddress(QHostAddress::LocalHost), 0);
}

void TestWebSocketConformance::cleanupTestCase()
{
    QTRY_COMPARE(m_host->openSockets(), 0);
    QTRY_COMPARE(m_listener->counters().open, 0);
}

void TestWebSocketConformance::behaves_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QList<RawFrame>>("answers");
    QTest::addColumn<int>("closeCode");
    framing();
    pingsAndPongs();
    reservedBitsAndOpcodes();
    fragmentation();
    utf8();
    closing();
    limits();
}

void TestWebSocketConformance::framing()
{
    int number = 0;
    for (const qsizetype size : {0, 1, 125, 126, 127, 128, 65535, 65536}) {
        const QByteArray payload(size, '*');
        const QByteArray label = QByteArray::number(++number) + ", " + QByteArray::number(size) + " bytes";
        row("1.1." + label + " of text", clientFrame(Text, payload), {text(payload)});
        row("1.2." + label + " of binary", clientFrame(Binary, payload), {binaryOf(size)});
    }
    // Lengths must take the fewest bytes that hold them.
    row("1.x length 5 in two bytes", QByteArray("\x81\xfe\0\x05", 4) + QByteArray(9, '\0'), {}, 1002);
    row("1.x length 5 in eight bytes", QByteArray("\x81\xff\0\0\0\0\0\0\0\x05", 10) + QByteArray(9, '\0'), {}, 1002);
    row("1.x unmasked text", clientFrame(Text, "x", true, false), {}, 1002);
    row("1.x unmasked ping", clientFrame(Ping, "x", true, false), {}, 1002);
    row("1.x unmasked close", clientFrame(Close, closePayload(1000), true, false), {}, 1002);
}

void TestWebSocketConformance::pingsAndPongs()
{
    row("2.1 ping without payload", clientFrame(Ping, {}), {pong({})});
    row("2.2 ping with text", clientFrame(Ping, "Hello, world!"), {pong("Hello, world!")});
    row("2.3 ping with bytes", clientFrame(Ping, QByteArray("\0\xff\xfe\xfd\xfc\xfb\0\xff", 8)),
        {pong(QByteArray("\0\xff\xfe\xfd\xfc\xfb\0\xff", 8))});
    row("2.4 ping of 125", clientFrame(Ping, QByteArray(125, '\xfe')), {pong(QByteArray(125, '\xfe'))});
    row("2.5 ping of 126", clientFrame(Ping, QByteArray(126, '\xfe')), {}, 1002);
    row("2.7 unsolicited pong", clientFrame(Pong, {}), {});
    row("2.8 unsolicited pong with payload", clientFrame(Pong, "unsolicited"), {});
    row("2.9 pong, then ping", clientFrame(Pong, "unsolicited") + clientFrame(Ping, "ping"), {pong("ping")});
    QByteArray pings;
    QList<RawFrame> pongs;
    for (int i = 0; i < 10; ++i) {
        pings += clientFrame(Ping, "payload-" + QByteArray::number(i));
        pongs << pong("payload-" + QByteArray::number(i));
    }
    row("2.10 ten pings", pings, pongs);
}

void TestWebSocketConformance::reservedBitsAndOpcodes()
{
    for (int rsv = 1; rsv <= 7; ++rsv) {
        row("3." + QByteArray::number(rsv) + " reserved bits in text", clientFrame(Text, "Hello", true, true, rsv), {},
            1002);
        row("3." + QByteArray::number(rsv) + " reserved bits after a message",
            clientFrame(Text, "Hello") + clientFrame(Binary, "x", true, true, rsv), {text("Hello")}, 1002);
        row("3." + QByteArray::number(rsv) + " reserved bits in a ping", clientFrame(Ping, {}, true, true, rsv), {},
            1002);
        row("3." + QByteArray::number(rsv) + " reserved bits in a close",
            clientFrame(Close, closePayload(1000), true, true, rsv), {}, 1002);
    }
    for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
        row("4 opcode " + QByteArray::number(opcode), clientFrame(opcode, {}), {}, 1002);
        row("4 opcode " + QByteArray::number(opcode) + " with payload", clientFrame(opcode, "reserved"), {}, 1002);
        row("4 opcode " + QByteArray::number(opcode) + " after a message",
            clientFrame(Text, "Hello") + clientFrame(opcode, "x") + clientFrame(Ping, {}), {text("Hello")}, 1002);
    }
}

void TestWebSocketConformance::fragmentation()
{
    const auto first = [](const QByteArray& payload) { return clientFrame(Text, payload, false); };
    const auto middle = [](const QByteArray& payload) { return clientFrame(Continuation, payload, false); };
    const auto last = [](const QByteArray& payload) { return clientFrame(Continuation, payload); };
    row("5.1 fragmented ping", clientFrame(Ping, "a", false) + last("b"), {}, 1002);
    row("5.2 fragmented pong", clientFrame(Pong, "a", false) + last("b"), {}, 1002);
    row("5.x fragmented close", clientFrame(Close, closePayload(1000), false), {}, 1002);
    row("5.3 two fragments", first("fragment1") + last("fragment2"), {text("fragment1fragment2")});
    row("5.6 ping between fragments", first("fragment1") + clientFrame(Ping, "ping") + last("fragment2"),
        {pong("ping"), text("fragment1fragment2")});
    row("5.x pong between fragments", first("a") + clientFrame(Pong, "x") + last("b"), {text("ab")});
    row("5.x close between fragments", first("a") + clientFrame(Close, closePayload(1000)), {}, 1000);
    row("5.9 continuation of nothing", last("x") + clientFrame(Text, "Hello"), {}, 1002);
    row("5.10 continuation of nothing, not final", middle("x") + clientFrame(Text, "Hello"), {}, 1002);
    row("5.15 continuation after the end", first("a") + last("b") + middle("c"), {text("ab")}, 1002);
    row("5.18 second start", first("a") + clientFrame(Text, "b"), {}, 1002);
    row("5.x second start, other kind", first("a") + clientFrame(Binary, "b"), {}, 1002);
    row("5.19 pings among five fragments",
        first("1") + middle("2") + clientFrame(Ping, "p1") + middle("3") + middle("4") + clientFrame(Ping, "p2")
            + last("5"),
        {pong("p1"), pong("p2"), text("12345")});
    row("5.x empty fragments", first({}) + middle({}) + last({}), {text({})});
    row("5.x empty, text, empty", first({}) + middle("middle") + last({}), {text("middle")});
    row("5.x binary fragments", clientFrame(Binary, "ab", false) + last("c"), {binaryOf(3)});
}

void TestWebSocketConformance::utf8()
{
    const QByteArray greek = "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!";
    row("6.1.1 empty", clientFrame(Text, {}), {text({})});
    row("6.2.1 valid", clientFrame(Text, greek), {text(greek)});
    row("6.2.2 valid, cut between letters",
        clientFrame(Text, greek.first(8), false) + clientFrame(Continuation, greek.sliced(8)), {text(greek)});
    QByteArray bytewise = clientFrame(Text, greek.first(1), false);
    for (qsizetype i = 1; i < greek.size(); ++i)
        bytewise += clientFrame(Continuation, greek.sliced(i, 1), i == greek.size() - 1);
    row("6.2.3 valid, cut within letters", bytewise, {text(greek)});
    const QByteArray kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
    row("6.2.4 valid Greek, cut within a letter",
        clientFrame(Text, kosme.first(1), false) + clientFrame(Continuation, kosme.sliced(1)), {text(kosme)});
    row("6.4.2 invalid later, cut within a letter",
        clientFrame(Text, kosme + "\xf4", false) + clientFrame(Continuation, "\x90", false)
            + clientFrame(Continuation, "\x80\x80"),
        {}, 1007);
    row("6.3.1 surrogate in the middle",
        clientFrame(Text,
            kosme
                + "\xed\xa0\x80"
                  "edited"),
        {}, 1007);
    row("6.4.1 invalid in a later fragment",
        clientFrame(Text, kosme, false) + clientFrame(Continuation, "\xf4\x90\x80\x80", false)
            + clientFrame(Continuation, "edited"),
        {}, 1007);

    const QByteArrayList valid{"\xce\xba", "\xe1\xbd\xb9", kosme, QByteArray("\0", 1), "\xc2\x80", "\xe0\xa0\x80",
        "\xf0\x90\x80\x80", "\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbd", "\xef\xbf\xbe", "\xf0\x9f\xbf\xbe", "\xf3\xb0\x80\x80", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
        "\xf0\x9f\x98\x80"};
    row("6.x byte order mark", clientFrame(Text, "\xef\xbb\xbf!"), {text("\xef\xbb\xbf!")});
    for (const QByteArray& good : valid)
        row("6.x valid " + good.toHex(), clientFrame(Text, good), {text(good)});
    const QByteArrayList invalid{"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80\xbf", "\xc0", "\xc1", "\xf5", "\xfe", "\xff",
        "\xfe\xfe\xff\xff", "\xc2", "\xe0\xa0", "\xf0\x90\x80", "\xc2 ", "\xe1\xbd ", "\xc0\xaf", "\xe0\x80\xaf",
        "\xf0\x80\x80\xaf", "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", "\xc1\xbf", "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf", "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf",
        "\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbf\xbf",
        "\xed\xa0\x80\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf", kosme + "\xed"};
    for (const QByteArray& bad : invalid)
        row("6.x invalid " + bad.toHex(), clientFrame(Text, bad), {}, 1007);
    // Each first byte of two to four followed by a space, as lists of them come.
    for (int lead = 0xc0; lead <= 0xfd; lead += 3)
        row("6.x lonely lead " + QByteArray::number(lead, 16),
            clientFrame(Text, QByteArray(1, char(lead)) + " and more"), {}, 1007);
}

void TestWebSocketConformance::closing()
{
    row("7.1.1 message, then close", clientFrame(Text, "Hello World!") + clientFrame(Close, closePayload(1000)),
        {text("Hello World!")}, 1000);
    row("7.1.2 two closes", clientFrame(Close, closePayload(1000)) + clientFrame(Close, closePayload(1001)), {}, 1000);
    row("7.1.3 ping after close", clientFrame(Close, closePayload(1000)) + clientFrame(Ping, {}), {}, 1000);
    row("7.1.4 text after close", clientFrame(Close, closePayload(1000)) + clientFrame(Text, "late"), {}, 1000);
    row("7.1.5 close between fragments, then the rest",
        clientFrame(Text, "a", false) + clientFrame(Close, closePayload(1000)) + clientFrame(Continuation, "b"), {},
        1000);
    row("7.3.1 close without payload", clientFrame(Close, {}), {}, 1000);
    row("7.3.2 close of one byte", clientFrame(Close, "a"), {}, 1002);
    row("7.3.3 close with a code", clientFrame(Close, closePayload(1000)), {}, 1000);
    row("7.3.4 close with a reason", clientFrame(Close, closePayload(1000, "Hello World!")), {}, 1000);
    row("7.3.5 close with the longest reason", clientFrame(Close, closePayload(1000, QByteArray(123, '*'))), {}, 1000);
    row("7.3.6 close of 126", clientFrame(Close, closePayload(1000, QByteArray(124, '*'))), {}, 1002);
    row("7.5.1 close with a bad reason", clientFrame(Close, closePayload(1000, "\xce\xba\xed\xa0\x80")), {}, 1007);
    for (const int code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999})
        row("7.7 close code " + QByteArray::number(code), clientFrame(Close, closePayload(quint16(code))), {}, code);
    for (const int code : {0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999})
        row("7.9 bad close code " + QByteArray::number(code), clientFrame(Close, closePayload(quint16(code))), {},
            1002);
}

void TestWebSocketConformance::limits()
{
    // Group 9 goes up to 16 MiB; here it ends at the limit of this server, 1 MiB.
    const QByteArray full(1024 * 1024, '*');
    for (const qsizetype size : {64, 256, 1024})
        row("9.1 text of " + QByteArray::number(size) + " KiB", clientFrame(Text, full.first(size * 1024)),
            {text(full.first(size * 1024))});
    row("9.x text over the limit", clientFrame(Text, full + '*'), {}, 1009);
    for (const qsizetype piece : {64, 256, 1024, 4096, 65536}) {
        QByteArray bytes;
        for (qsizetype at = 0; at < full.size(); at += piece)
            bytes += clientFrame(at == 0 ? Text : Continuation, full.sliced(at, piece), at + piece == full.size());
        row("9.3 fragments of " + QByteArray::number(piece), bytes, {text(full)});
    }
    row("9.x fragments over the limit", clientFrame(Text, full, false) + clientFrame(Continuation, "*"), {}, 1009);
    row("10.1 64 KiB in fragments of 1300",
        [&full] {
            QByteArray bytes;
            for (qsizetype at = 0; at < 65536; at += 1300)
                bytes += clientFrame(at == 0 ? Text : Continuation, full.sliced(at, qMin<qsizetype>(1300, 65536 - at)),
                    at + 1300 >= 65536);
            return bytes;
        }(),
        {text(full.first(65536))});
}

void TestWebSocketConformance::behaves()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QList<RawFrame>, answers);
    QFETCH(int, closeCode);
    QList<qsizetype> pieces{bytes.size(), 97};
    if (bytes.size() > 100'000)
        pieces.last() = 9973;
    if (bytes.size() < 1000)
        pieces << 1;
    for (const qsizetype piece : pieces) {
        m_clock.advance(Milliseconds(1000)); // control frames are counted per second
        RawClient client(m_port, upgradeHead());
        QCOMPARE(client.response().status, 101);
        for (qsizetype at = 0; at < bytes.size() && client.isOpen(); at += piece) {
            client.send(bytes.sliced(at, qMin(piece, bytes.size() - at)));
            QCoreApplication::processEvents();
        }
        if (closeCode == StaysOpen)
            client.send(clientFrame(Close, closePayload(1000)));
        for (const RawFrame& expected : answers) {
            auto answer = client.frame();
            QVERIFY2(answer, "the connection ended before the answer");
            while (!answer->isFinal) {
                const auto more = client.frame();
                QVERIFY(more && more->opcode == Continuation);
                answer->payload += more->payload;
                answer->isFinal = more->isFinal;
            }
            QCOMPARE(answer->opcode, expected.opcode);
            QCOMPARE(answer->payload, expected.payload);
        }
        const auto end = client.frame();
        QVERIFY2(end, "the connection ended without a close frame");
        QCOMPARE(end->opcode, int(Close));
        QCOMPARE(int(end->closeCode()), closeCode == StaysOpen ? 1000 : closeCode);
        QVERIFY(end->isFinal);
        QVERIFY(end->payload.size() <= 125);
        QVERIFY(client.waitClosed());
        QVERIFY2(client.received.isEmpty(), client.received.toHex().constData());
    }
}

void TestWebSocketConformance::echoesAThousandTimes()
{
    RawClient client(m_port, upgradeHead());
    QCOMPARE(client.response().status, 101);
    for (const qsizetype size : {0, 64, 1024}) {
        const QByteArray payload(size, 'x');
        for (int i = 0; i < 1000; ++i) {
            client.send(clientFrame(Text, payload));
            const auto answer = client.frame();
            QVERIFY(answer);
            QCOMPARE(answer->payload, payload);
        }
    }
}

QTEST_GUILESS_MAIN(TestWebSocketConformance)
#include "tst_websocketconformance.moc"
