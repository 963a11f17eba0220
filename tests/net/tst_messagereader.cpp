// SPDX-License-Identifier: Apache-2.0
#include "engine/net/addressledger.h"
#include "engine/net/http.h"
#include "engine/net/messagereader.h"
#include "tests/support/fakeclock.h"
#include "tests/support/rawclient.h"

#include <QTest>

using namespace kav;
using namespace kav::net;
using namespace kav::test;
using Kind = MessageReader::Kind;

namespace {

/// Gives a reader its bytes in pieces, as a socket does, and collects what comes out.
struct Feed final {
    struct Got {
        Kind kind;
        QByteArray payload;
        int code;
        bool operator==(const Got&) const = default;
    };

    void give(const QByteArray& bytes, Instant now = {})
    {
        pending += bytes;
        std::span<char> left(pending.data(), std::size_t(pending.size()));
        for (;;) {
            const auto item = reader.next(left, now);
            if (item.kind == Kind::Nothing)
                break;
            got.append({item.kind, item.payload.toByteArray(), int(item.code)});
            fault = item.fault;
            if (item.kind == Kind::Fault)
                break;
        }
        pending = QByteArray(left.data(), qsizetype(left.size()));
    }

    MessageReader reader;
    QByteArray pending{};
    QList<Got> got{};
    QByteArray fault{};
};

} // namespace

/// The bytes of a WebSocket client taken apart, and the count of connections per address.
class TestMessageReader final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsMessagesHoweverTheyAreCut();
    void joinsFragmentsAroundControlFrames();
    void refuses_data();
    void refuses();
    void refusesATooBigMessageByItsHead();
    void countsControlFramesPerSecond();
    void countsFragmentsOfOneMessage();
    void knowsWhenAFrameBegan();
    void givesNothingAfterTheEnd();
    void ledgerCountsByAddress();
    void ledgerCountsIpv6ByHalf();
    void ledgerExemptsLoopback();
};

void TestMessageReader::readsMessagesHoweverTheyAreCut()
{
    QByteArray stream;
    QList<Feed::Got> expected;
    for (const qsizetype size : {0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536}) {
        const QByteArray payload(size, char(0)); // masked zeros look like frame heads
        stream += clientFrame(Text, payload) + clientFrame(Binary, payload);
        expected << Feed::Got{Kind::Text, payload, 0} << Feed::Got{Kind::Binary, payload, 0};
    }
    stream += clientFrame(Close, closePayload(1000, "bye"));
    expected << Feed::Got{Kind::Close, "bye", 1000};
    for (const qsizetype piece : {qsizetype(5), qsizetype(1460), stream.size()}) {
        Feed feed{MessageReader({.messageBytes = 1 << 20})};
        for (qsizetype at = 0; at < stream.size(); at += piece)
            feed.give(stream.sliced(at, qMin(piece, stream.size() - at)));
        QCOMPARE(feed.got.size(), expected.size());
        QVERIFY(feed.got == expected);
        QVERIFY(feed.pending.isEmpty());
        QVERIFY(!feed.reader.isInsideFrame());
    }
}

void TestMessageReader::joinsFragmentsAroundControlFrames()
{
    Feed feed{MessageReader({})};
    feed.give(clientFrame(Text, "one ", false) + clientFrame(Ping, "p") + clientFrame(Continuation, "two", false)
        + clientFrame(Continuation, {}) + clientFrame(Text, "three"));
    const QList<Feed::Got> expected{{Kind::Ping, "p", 0}, {Kind::Text, "one two", 0}, {Kind::Text, "three", 0}};
    QVERIFY(feed.got == expected);
}

void TestMessageReader::refuses_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("code");
    QTest::newRow("an unmasked frame, by its first two bytes")
        << clientFrame(Text, QByteArray(70000, 'x'), true, false).first(2) << 1002;
    QTest::newRow("a reserved bit") << clientFrame(Text, "x", true, true, 4) << 1002;
    QTest::newRow("an unknown opcode") << clientFrame(3, "x") << 1002;
    QTest::newRow("an unknown control opcode") << clientFrame(11, "x") << 1002;
    QTest::newRow("a fragmented ping") << clientFrame(Ping, "x", false) << 1002;
    QTest::newRow("a long ping") << clientFrame(Ping, QByteArray(126, 'x')) << 1002;
    QTest::newRow("a continuation of nothing") << clientFrame(Continuation, "x") << 1002;
    QTest::newRow("a message inside a message")
        << QByteArray(clientFrame(Text, "x", false) + clientFrame(Text, "y")) << 1002;
    QTest::newRow("a length in too many bytes") << QByteArray("\x81\xfe\0\x05\0\0\0\0xxxxx", 13) << 1002;
    QTest::newRow("a length of 2^63") << QByteArray("\x81\xff\x80\0\0\0\0\0\0\0", 10) << 1002;
    QTest::newRow("half a close code") << clientFrame(Close, "x") << 1002;
    QTest::newRow("a close code that is not for the wire") << clientFrame(Close, closePayload(1006)) << 1002;
    QTest::newRow("a close reason that is not UTF-8") << clientFrame(Close, closePayload(1000, "\xff")) << 1007;
}

void TestMessageReader::refuses()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, code);
    for (const bool bytewise : {false, true}) {
        Feed feed{MessageReader({})};
        feed.give(clientFrame(Text, "good"));
        for (const QByteArray& piece : bytewise ? QByteArrayList() : QByteArrayList{bytes})
            feed.give(piece);
        for (qsizetype i = 0; bytewise && i < bytes.size() && feed.got.last().kind != Kind::Fault; ++i)
            feed.give(bytes.sliced(i, 1));
        QCOMPARE(feed.got.size(), 2);
        QVERIFY((feed.got.first() == Feed::Got{Kind::Text, "good", 0}));
        QVERIFY(feed.got.last().kind == Kind::Fault);
        QCOMPARE(feed.got.last().code, code);
        QVERIFY(!feed.fault.isEmpty());
    }
}

void TestMessageReader::refusesATooBigMessageByItsHead()
{
    Feed whole{MessageReader({.messageBytes = 1000})};
    whole.give(clientFrame(Text, QByteArray(1000, 'x')));
    QCOMPARE(whole.got.last().payload.size(), 1000);
    whole.give(clientFrame(Text, QByteArray(1001, 'x')).first(4));
    QCOMPARE(whole.got.last().code, 1009);
    Feed parts{MessageReader({.messageBytes = 1000})};
    parts.give(
        clientFrame(Text, QByteArray(600, 'x'), false) + clientFrame(Continuation, QByteArray(401, 'x')).first(4));
    QCOMPARE(parts.got.size(), 1);
    QCOMPARE(parts.got.last().code, 1009);
}

void TestMessageReader::countsControlFramesPerSecond()
{
    FakeClock clock;
    Feed feed{MessageReader({.controlFramesPerSecond = 3})};
    for (int second = 0; second < 3; ++second) {
        feed.give(clientFrame(Ping, {}) + clientFrame(Pong, "x") + clientFrame(Ping, "y"), clock.now());
        feed.give(clientFrame(Text, "data is not counted"), clock.now());
        clock.advance(Milliseconds(1000));
    }
    feed.give(clientFrame(Ping, {}).repeated(3), clock.now());
    QCOMPARE(feed.got.size(), 15);
    clock.advance(Milliseconds(999));
    feed.give(clientFrame(Ping, {}), clock.now());
    QCOMPARE(feed.got.last().code, 1008);
}

void TestMessageReader::countsFragmentsOfOneMessage()
{
    const auto message = [](int fragments) {
        QByteArray out;
        for (int i = 0; i < fragments; ++i)
            out += clientFrame(i == 0 ? Text : Continuation, "x", i == fragments - 1) + clientFrame(Ping, {});
        return out;
    };
    Feed feed{MessageReader({.controlFramesPerSecond = 1000, .fragmentsPerMessage = 4})};
    feed.give(message(4));
    feed.give(message(4));
    QVERIFY(feed.got.last().kind != Kind::Fault);
    feed.give(message(5));
    QCOMPARE(feed.got.last().code, 1008);
}

void TestMessageReader::knowsWhenAFrameBegan()
{
    FakeClock clock;
    Feed feed{MessageReader({})};
    const QByteArray frame = clientFrame(Text, "hello");
    feed.give(frame, clock.now());
    QVERIFY(!feed.reader.isInsideFrame());
    clock.advance(Milliseconds(5000));
    const Instant began = clock.now();
    feed.give(frame.first(1), began);
    QVERIFY(feed.reader.isInsideFrame());
    clock.advance(Milliseconds(5000));
    feed.give(frame.sliced(1, frame.size() - 2), clock.now());
    QVERIFY(feed.reader.isInsideFrame());
    QCOMPARE(feed.reader.frameStarted(), began);
    feed.give(frame.last(1), clock.now());
    QVERIFY(!feed.reader.isInsideFrame());
}

void TestMessageReader::givesNothingAfterTheEnd()
{
    for (const QByteArray& end : {clientFrame(Close, closePayload(1000)), clientFrame(3, "x")}) {
        Feed feed{MessageReader({})};
        feed.give(end);
        feed.give(clientFrame(Text, "late") + clientFrame(Ping, {}));
        feed.give(clientFrame(Text, "later").first(3));
        QCOMPARE(feed.got.size(), 1);
        QVERIFY(feed.pending.isEmpty());
        QVERIFY(!feed.reader.isInsideFrame());
    }
}

void TestMessageReader::ledgerCountsByAddress()
{
    AddressLedger ledger(2, true);
    const QHostAddress a(QStringLiteral("192.0.2.1"));
    const QHostAddress mapped(QStringLiteral("::ffff:192.0.2.1"));
    const QHostAddress b(QStringLiteral("192.0.2.2"));
    QVERIFY(ledger.tryAdd(a));
    QVERIFY(ledger.tryAdd(mapped));
    QVERIFY(!ledger.tryAdd(a));
    QVERIFY(ledger.tryAdd(b));
    ledger.remove(a);
    QVERIFY(ledger.tryAdd(a));
    ledger.remove(mapped);
    ledger.remove(a);
    ledger.remove(b);
    ledger.remove(b); // one too many changes nothing
    QCOMPARE(ledger.size(), 0);
}

void TestMessageReader::ledgerCountsIpv6ByHalf()
{
    AddressLedger ledger(1, true);
    QVERIFY(ledger.tryAdd(QHostAddress(QStringLiteral("2001:db8::1"))));
    QVERIFY(!ledger.tryAdd(QHostAddress(QStringLiteral("2001:db8::ffff:1"))));
    QVERIFY(ledger.tryAdd(QHostAddress(QStringLiteral("2001:db8:0:1::1"))));
}

void TestMessageReader::ledgerExemptsLoopback()
{
    AddressLedger exempting(1, true);
    AddressLedger strict(1, false);
    for (const QString& text : {QStringLiteral("127.0.0.1"), QStringLiteral("127.9.9.9"), QStringLiteral("::1"),
             QStringLiteral("::ffff:127.0.0.1")}) {
        QVERIFY(exempting.tryAdd(QHostAddress(text)));
        QVERIFY(exempting.tryAdd(QHostAddress(text)));
        HttpRequest request;
        request.peer = QHostAddress(text);
        QVERIFY(request.isFromLoopback());
    }
    QCOMPARE(exempting.size(), 0);
    QVERIFY(strict.tryAdd(QHostAddress(QHostAddress::LocalHost)));
    QVERIFY(!strict.tryAdd(QHostAddress(QHostAddress::LocalHost)));
    HttpRequest outside;
    outside.peer = QHostAddress(QStringLiteral("::ffff:192.0.2.1"));
    QVERIFY(!outside.isFromLoopback());
}

QTEST_APPLESS_MAIN(TestMessageReader)
#include "tst_messagereader.moc"
