// SPDX-License-Identifier: Apache-2.0
#include "engine/net/addressledger.h"
#include "engine/net/framewatch.h"
#include "engine/net/http.h"
#include "tests/support/fakeclock.h"
#include "tests/support/rawclient.h"

#include <QTest>

using namespace kav;
using namespace kav::net;
using namespace kav::test;
using Fault = FrameWatch::Fault;

/// The two small counters of the front door: frame headers, and connections per address.
class TestFrameWatch final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void followsFramesHoweverTheyAreCut();
    void findsTheUnmaskedFrame_data();
    void findsTheUnmaskedFrame();
    void countsControlFramesPerSecond();
    void countsFragmentsOfOneMessage();
    void knowsWhenAFrameBegan();
    void skipsPayloadWithoutSeeingIt();
    void ledgerCountsByAddress();
    void ledgerCountsIpv6ByHalf();
    void ledgerExemptsLoopback();
};

void TestFrameWatch::followsFramesHoweverTheyAreCut()
{
    QByteArray stream;
    for (const qsizetype size : {0, 1, 125, 126, 127, 65535, 65536})
        stream += clientFrame(Text, QByteArray(size, char(0))); // masked zeros look like frame heads
    const qsizetype closeAt = stream.size();
    stream += clientFrame(Close, closePayload(1000));
    for (const qsizetype piece : {qsizetype(1), qsizetype(3), qsizetype(1460), stream.size()}) {
        FrameWatch watch(100, 1024);
        for (qsizetype at = 0; at < stream.size(); at += piece) {
            QVERIFY(at > closeAt || !watch.sawClose());
            QCOMPARE(watch.feed(QByteArrayView(stream).sliced(at, qMin(piece, stream.size() - at)), {}), Fault::None);
        }
        QVERIFY(watch.sawClose());
        QVERIFY(!watch.isInsideFrame());
    }
}

void TestFrameWatch::findsTheUnmaskedFrame_data()
{
    QTest::addColumn<qsizetype>("size");
    for (const qsizetype size : {0, 1, 125, 126, 65536})
        QTest::newRow(QByteArray::number(size).constData()) << size;
}

void TestFrameWatch::findsTheUnmaskedFrame()
{
    QFETCH(qsizetype, size);
    FrameWatch watch(100, 1024);
    QCOMPARE(watch.feed(clientFrame(Text, "good"), {}), Fault::None);
    QCOMPARE(watch.feed(clientFrame(Text, QByteArray(size, 'x'), true, false).first(2), {}), Fault::Unmasked);
    QCOMPARE(watch.feed(clientFrame(Text, "good"), {}), Fault::Unmasked);
}

void TestFrameWatch::countsControlFramesPerSecond()
{
    FakeClock clock;
    FrameWatch watch(3, 1024);
    for (int second = 0; second < 3; ++second) {
        QCOMPARE(watch.feed(
                     QByteArray(clientFrame(Ping, {}) + clientFrame(Pong, "x") + clientFrame(Ping, "y")), clock.now()),
            Fault::None);
        QCOMPARE(watch.feed(clientFrame(Text, "data is not counted"), clock.now()), Fault::None);
        clock.advance(Milliseconds(1000));
    }
    QCOMPARE(watch.feed(clientFrame(Ping, {}).repeated(3), clock.now()), Fault::None);
    clock.advance(Milliseconds(999));
    QCOMPARE(watch.feed(clientFrame(Ping, {}), clock.now()), Fault::TooManyControlFrames);
}

void TestFrameWatch::countsFragmentsOfOneMessage()
{
    const auto message = [](int fragments) {
        QByteArray out;
        for (int i = 0; i < fragments; ++i)
            out += clientFrame(i == 0 ? Text : Continuation, "x", i == fragments - 1) + clientFrame(Ping, {});
        return out;
    };
    FrameWatch watch(1000, 4);
    QCOMPARE(watch.feed(message(4), {}), Fault::None);
    QCOMPARE(watch.feed(message(4), {}), Fault::None);
    QCOMPARE(watch.feed(message(5), {}), Fault::TooManyFragments);
}

void TestFrameWatch::knowsWhenAFrameBegan()
{
    FakeClock clock;
    FrameWatch watch(100, 1024);
    const QByteArray frame = clientFrame(Text, "hello");
    watch.feed(frame, clock.now());
    QVERIFY(!watch.isInsideFrame());
    clock.advance(Milliseconds(5000));
    const Instant began = clock.now();
    watch.feed(frame.first(1), began);
    QVERIFY(watch.isInsideFrame());
    clock.advance(Milliseconds(5000));
    watch.feed(frame.sliced(1, frame.size() - 2), clock.now());
    QVERIFY(watch.isInsideFrame());
    QCOMPARE(watch.frameStarted(), began);
    watch.feed(frame.last(1), clock.now());
    QVERIFY(!watch.isInsideFrame());
}

void TestFrameWatch::skipsPayloadWithoutSeeingIt()
{
    FrameWatch watch(100, 1024);
    watch.feed(clientFrame(Text, QByteArray(1000, 'x')).first(8), {});
    QCOMPARE(watch.skippable(), 1000u);
    watch.skip(999);
    QVERIFY(watch.isInsideFrame());
    watch.skip(1);
    QVERIFY(!watch.isInsideFrame());
    QCOMPARE(watch.feed(clientFrame(Close, {}), {}), Fault::None);
    QVERIFY(watch.sawClose());
}

void TestFrameWatch::ledgerCountsByAddress()
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

void TestFrameWatch::ledgerCountsIpv6ByHalf()
{
    AddressLedger ledger(1, true);
    QVERIFY(ledger.tryAdd(QHostAddress(QStringLiteral("2001:db8::1"))));
    QVERIFY(!ledger.tryAdd(QHostAddress(QStringLiteral("2001:db8::ffff:1"))));
    QVERIFY(ledger.tryAdd(QHostAddress(QStringLiteral("2001:db8:0:1::1"))));
}

void TestFrameWatch::ledgerExemptsLoopback()
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

QTEST_APPLESS_MAIN(TestFrameWatch)
#include "tst_framewatch.moc"
