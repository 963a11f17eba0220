// SPDX-License-Identifier: Apache-2.0
#include "tests/session/callfixture.h"

#include <QLoggingCategory>
#include <QRegularExpression>
#include <QTest>

#include <algorithm>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

/// One of each kind as Twilio sends them to the fixture's call. A frame of silence has 160 of 0xff.
QList<QString> everyMessage()
{
    const QString silence = QString::fromLatin1(QByteArray(160, '\xff').toBase64());
    return {uR"({"event":"connected","protocol":"Call","version":"1.0.0"})"_s, startMessage(u"CA1"_s),
        uR"({"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1","timestamp":"0","payload":")"_s
            + silence + uR"("},"streamSid":"MZ1"})"_s,
        uR"({"event":"dtmf","sequenceNumber":"3","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"5"}})"_s,
        uR"({"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"x"}})"_s,
        uR"({"event":"stop","sequenceNumber":"5","stop":{"accountSid":"AC1","callSid":"CA1"},"streamSid":"MZ1"})"_s};
}

Call::Setup conversation()
{
    Call::Setup setup;
    setup.hears = {{u"sales"_s, 0.9, {}, true}};
    setup.answers = {{u"Hello."_s, {}, false}, {u"Sales."_s, {}, false}};
    return setup;
}

/// The caller says a word, and is answered.
bool goesOn(Call& call)
{
    if (!call.untilAgentSpeaks() || !call.untilAgentIsSilent())
        return false;
    call.speak(800ms);
    return call.untilAgentSpeaks(3000ms) && !call.end && call.conversation->asked.size() == 2;
}

} // namespace

/// A stream that is not as Twilio's are: the call goes on where it can, and ends with its reason where it cannot.
class TestBadStream final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    // Bad input is said once a call, as a warning; here it is the rule.
    void init() { QLoggingCategory::setFilterRules(u"kav.media.warning=false"_s); }
    void everyMessageCutAtEveryByte();
    void inAnyOrder();
    void everyMessageTwice();
    void countersThatAreNumbers();
    void anotherStreamIsNotHeard();
    void anotherStreamCannotEndTheCall();
    void tooMuchOfAnotherStreamEndsTheCall();
};

void TestBadStream::everyMessageCutAtEveryByte()
{
    Call::Setup setup = conversation();
    setup.settings.badMessages = 100'000; // how many are borne is another test's
    Call call(setup);
    quint64 sent = 0;
    const auto sendCuts = [&] {
        for (const QString& message : everyMessage()) {
            for (qsizetype size = 0; size < message.size(); ++size, ++sent)
                call.receive(message.first(size));
        }
    };
    sendCuts();
    call.start();
    sendCuts();
    QVERIFY(goesOn(call));
    sendCuts();
    QVERIFY(!call.end);
    call.stop();
    QCOMPARE(call.end->reason, EndReason::CallerHungUp);
    QCOMPARE(call.end->streamErrors, sent);
}

void TestBadStream::inAnyOrder()
{
    QList<QString> messages = everyMessage().mid(1); // `connected` says nothing that matters
    std::sort(messages.begin(), messages.end());
    int live = 0, ended = 0;
    do {
        Call call(conversation());
        for (const QString& message : std::as_const(messages))
            call.receive(message);
        // After `start`, `stop` is an end; before it, it is one as well, and what follows finds nobody.
        const auto at = [&messages](QLatin1String event) {
            const auto found = std::find_if(messages.cbegin(), messages.cend(),
                [event](const QString& text) { return text.startsWith("{\"event\":\""_L1 + event); });
            return found - messages.cbegin();
        };
        QVERIFY(call.end);
        QCOMPARE(call.end->reason, EndReason::CallerHungUp);
        const bool started = at("start"_L1) < at("stop"_L1);
        ++(started ? live : ended);
        QCOMPARE(call.events(u"WS_START"_s).size(), started ? 1 : 0);
        // Audio that no start announced is counted.
        const bool early = at("media"_L1) < std::min(at("start"_L1), at("stop"_L1));
        QCOMPARE(call.end->streamErrors, quint64(early ? 1 : 0));
    } while (std::next_permutation(messages.begin(), messages.end()));
    QCOMPARE(live, 60);
    QCOMPARE(ended, 60);
}

void TestBadStream::everyMessageTwice()
{
    Call call(conversation());
    const QList<QString> messages = everyMessage();
    for (const QString& message : messages.first(2)) {
        call.receive(message);
        call.receive(message);
    }
    QVERIFY(call.untilAgentSpeaks());
    call.receive(messages[2]);
    call.receive(messages[2]);
    call.receive(messages[4]);
    call.receive(messages[4]);
    QVERIFY(goesOn(call));
    QCOMPARE(call.events(u"WS_START"_s).size(), 1);
    call.receive(messages[5]);
    call.receive(messages[5]); // the fixture dies on a second end
    QCOMPARE(call.end->reason, EndReason::CallerHungUp);
    QCOMPARE(call.end->streamErrors, quint64(1)); // the second start
}

void TestBadStream::countersThatAreNumbers()
{
    Call call(conversation());
    static const QRegularExpression counter(u"\"(sequenceNumber|chunk|timestamp)\":\"(\\d+)\""_s);
    const auto receive = [&call](int which) { call.receive(everyMessage()[which].replace(counter, u"\"\\1\":\\2"_s)); };
    receive(0);
    receive(1);
    receive(2);
    QVERIFY(goesOn(call));
    receive(3);
    QCOMPARE(call.events(u"DTMF"_s).size(), 1);
    receive(4);
    receive(5);
    QCOMPARE(call.end->reason, EndReason::CallerHungUp);
    QCOMPARE(call.end->streamErrors, quint64(0));
}

void TestBadStream::anotherStreamIsNotHeard()
{
    Call::Setup setup = conversation();
    setup.settings.badMessages = 100'000;
    Call call(setup);
    call.start();
    QVERIFY(call.untilAgentSpeaks());
    QVERIFY(call.untilAgentIsSilent());
    // Somebody else's voice and keys, loud and long.
    const QString loud =
        QString::fromLatin1(QByteArray(160, '\x00').replace(QByteArray(1, '\0'), QByteArray(1, '\x08')).toBase64());
    for (int i = 0; i < 100; ++i) {
        call.receive(everyMessage()[2]
                         .replace(u"MZ1"_s, u"MZ2"_s)
                         .replace(QRegularExpression(u"\"payload\":\"[^\"]*"_s), u"\"payload\":\""_s + loud));
        call.quiet(20ms);
    }
    for (const QString& message : everyMessage().mid(3, 2))
        call.receive(QString(message).replace(u"MZ1"_s, u"MZ2"_s));
    QVERIFY(call.events(u"DTMF"_s).isEmpty());
    QCOMPARE(call.conversation->asked.size(), 1);
    call.speak(800ms);
    QVERIFY(call.untilAgentSpeaks(3000ms));
    QCOMPARE(call.conversation->asked.size(), 2);
    call.stop();
    QCOMPARE(call.end->streamErrors, quint64(102));
}

void TestBadStream::anotherStreamCannotEndTheCall()
{
    Call call(conversation());
    call.start();
    call.receive(everyMessage().last().replace(u"MZ1"_s, u"MZ2"_s));
    QVERIFY(!call.end);
    QVERIFY(goesOn(call));
}

void TestBadStream::tooMuchOfAnotherStreamEndsTheCall()
{
    Call call(conversation());
    call.start();
    for (int i = 0; i < 50; ++i)
        call.receive(everyMessage()[2].replace(u"MZ1"_s, u"MZ2"_s));
    QVERIFY(call.end);
    QCOMPARE(call.end->reason, EndReason::ProtocolError);
    QCOMPARE(call.channel().closedWith, quint16(1008));
}

QTEST_GUILESS_MAIN(TestBadStream)
#include "tst_badstream.moc"
