// SPDX-License-Identifier: Apache-2.0
#include "tests/support/faketwilio.h"
#include "tests/telephony/fakeengine.h"

#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;

class tst_FakeTwilio final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void opensSpeaksAndHangsUp();
    void returnsMarksAsTheyArePlayed();
    void misbehavesOnDemand();
    void seesARefusalAndAnOfferedProtocol();
    void resetsTheConnection();
    void largeFramesPass();
};

void tst_FakeTwilio::opensSpeaksAndHangsUp()
{
    test::FakeEngine engine;
    SystemClock clock;
    test::FakeTwilio twilio(clock);
    QVERIFY(twilio.open(engine.streamPort(), "/media/T", "secret"));
    twilio.start({{u"a"_s, u"b"_s}});
    twilio.silence(2);
    twilio.dtmf('5');
    twilio.hangUp();
    QTRY_VERIFY(twilio.isClosed);
    QCOMPARE(twilio.closeCode, quint16(1000));
    QVERIFY(!twilio.closedByEngine);
    QCOMPARE(engine.events, (QStringList{u"connected"_s, u"start"_s, u"dtmf 5"_s, u"stop"_s}));
    QCOMPARE(engine.timestamps, (QList<quint64>{0, 20}));
    QCOMPARE(engine.start.callSid, twilio.ids().callSid);
    QVERIFY(!engine.stream->request().rawHeader("x-twilio-signature").isEmpty());
}

void tst_FakeTwilio::returnsMarksAsTheyArePlayed()
{
    test::FakeEngine engine;
    SystemClock clock;
    test::FakeTwilio twilio(clock);
    QVERIFY(twilio.open(engine.streamPort(), "/media/T"));
    engine.onStart = [&engine] {
        engine.say(QByteArray(800, 'x'));
        engine.mark(u"m"_s);
    };
    twilio.start();
    QTRY_COMPARE(twilio.marks, QStringList{u"m"_s});
    QCOMPARE(twilio.heard, QByteArray(800, 'x'));
    QCOMPARE(twilio.mediaMessages, 5);
    QTRY_VERIFY((twilio.advance(), engine.events.contains(u"mark m"_s)));
    engine.close(QWebSocketProtocol::CloseCodeGoingAway);
    QTRY_VERIFY(twilio.isClosed);
    QVERIFY(twilio.closedByEngine);
    QCOMPARE(twilio.closeCode, quint16(1001));
}

void tst_FakeTwilio::misbehavesOnDemand()
{
    test::FakeEngine engine;
    SystemClock clock;
    test::FakeTwilio twilio(clock);
    QVERIFY(twilio.open(engine.streamPort(), "/media/T"));
    twilio.mediaWithoutStart();
    twilio.start();
    twilio.gap(10);
    twilio.silence(1);
    twilio.garbageBase64();
    twilio.wrongStreamSid();
    twilio.text("{");
    twilio.stopTwice();
    QTRY_COMPARE(engine.events.count(u"stop"_s), 2);
    QCOMPARE(engine.events.filter(u"bad:"_s).size(), 2);
    QCOMPARE(engine.timestamps, (QList<quint64>{0, 220, 240}));
}

void tst_FakeTwilio::seesARefusalAndAnOfferedProtocol()
{
    test::FakeEngine engine;
    engine.answers["/media/T"] = {403, "text/plain", "no"};
    SystemClock clock;
    test::FakeTwilio refused(clock);
    QVERIFY(!refused.open(engine.httpPort(), "/media/T"));
    QCOMPARE(refused.refusedStatus, 403);
    // A server that invents a sub-protocol breaks the rules, whatever it was asked.
    engine.answers["/media/U"] = {
        101, "text/plain\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: audio.twilio.com", {}};
    test::FakeTwilio invented(clock);
    QVERIFY(!invented.open(engine.httpPort(), "/media/U"));
    QCOMPARE(invented.refusedStatus, 101);
}

void tst_FakeTwilio::resetsTheConnection()
{
    test::FakeEngine engine;
    SystemClock clock;
    test::FakeTwilio twilio(clock);
    QVERIFY(twilio.open(engine.streamPort(), "/media/T"));
    twilio.start();
    QTRY_VERIFY(engine.stream && engine.events.contains(u"start"_s));
    twilio.reset();
    QVERIFY(twilio.isClosed);
    QTRY_VERIFY(engine.streamClosed);
    QVERIFY(engine.events.last() != u"stop"_s);
}

void tst_FakeTwilio::largeFramesPass()
{
    test::FakeEngine engine;
    SystemClock clock;
    test::FakeTwilio twilio(clock);
    QVERIFY(twilio.open(engine.streamPort(), "/media/T"));
    twilio.start();
    QTRY_COMPARE(engine.events.size(), 2);
    for (const int size : {0, 1, 60, 125, 126, 45'000, 66'000}) {
        engine.heard.clear();
        const auto before = engine.events.count(u"dtmf 1"_s);
        twilio.media(QByteArray(size, 'q'));
        twilio.dtmf('1');
        QTRY_COMPARE(engine.events.count(u"dtmf 1"_s), before + 1);
        if (size <= 45'000)
            QCOMPARE(engine.heard.size(), size);
    }
    // And the other way: fragments of any length.
    QTRY_VERIFY(engine.stream);
    engine.stream->setOutgoingFrameSize(100);
    engine.mark(QString(1000, u'x'));
    QTRY_COMPARE(twilio.marks.size(), 1);
    QCOMPARE(twilio.marks.first().size(), 1000);
}

QTEST_GUILESS_MAIN(tst_FakeTwilio)
#include "tst_faketwilio.moc"
