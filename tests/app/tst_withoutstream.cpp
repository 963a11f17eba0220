// SPDX-License-Identifier: Apache-2.0
#include "engine/app/dialogfiles.h"
#include "engine/dialog/receptionist.h"
#include "engine/telephony/loopbackcaller.h"
#include "tests/app/engineundertest.h"
#include "tests/support/consoleclient.h"

#include <QJsonDocument>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

telephony::StreamIds newIds()
{
    return telephony::StreamIds::random();
}

QString errorFree(const Result<void>& result)
{
    return result ? QString() : result.error().message;
}

/// Somebody on the telephone, without a stream: what they say is text, and takes a moment.
class Person final {
public:
    Person(const EngineUnderTest& kav, const char* script)
    {
        telephony::CallSettings settings;
        settings.to = QUrl(u"http://127.0.0.1:%1/webhook/incoming_call"_s.arg(kav.port()));
        auto steps = telephony::parseScript(QString::fromUtf8(script));
        if (!steps)
            qFatal("%s", qPrintable(steps.error().message));
        const QString problem = errorFree(telephony::loadScriptAudio(
            *steps, {}, [](const QString&) -> Result<QByteArray> { return QByteArray(2400, '\xff'); }));
        if (!problem.isEmpty())
            qFatal("%s", qPrintable(problem));
        settings.script = *steps;
        caller = std::make_unique<telephony::LoopbackCaller>(settings, kav.clock);
        caller->start();
    }

    std::unique_ptr<telephony::LoopbackCaller> caller;
};

/// No ears and no voice; the receptionist, in every language it has.
void leaveNoSpeech(EngineUnderTest& kav)
{
    kav.makers.speechToText = only([]() -> Result<std::shared_ptr<providers::SpeechToText>> {
        return Error{Error::Code::Denied, u"no key"_s, {}};
    });
    kav.makers.textToSpeech = only([]() -> Result<std::shared_ptr<providers::TextToSpeech>> {
        return Error{Error::Code::Denied, u"no key"_s, {}};
    });
    const auto book = app::loadDialogs(kav.config).book;
    kav.makers.languageModel = only([book]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        return std::shared_ptr<providers::LanguageModel>(std::make_shared<dialog::Receptionist>(book));
    });
}

QStringList verbsOf(const RawResponse& response)
{
    const auto document = telephony::TwimlDocument::parse(response.body);
    if (!document)
        return {u"no TwiML"_s};
    QStringList verbs;
    for (const auto& verb : document->verbs())
        verbs += verb.name;
    return verbs;
}

} // namespace

/// Engines that cannot carry a call on a stream, and callers who are served all the same.
class TestWithoutStream final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aHebrewCallerIsServedWithNoSpeechProvider();
    void aStreamThatTwilioCannotOpenIsNoEnd();
    void aCallGoesOnWhenItsStreamBreaks();
    void goingOnCanBeForbidden();
    void aFullEngineDoesAsItIsSet_data();
    void aFullEngineDoesAsItIsSet();
    void callsWithoutStreamHaveTheirOwnLimit();
    void whoWaitsIsTriedAgainAndTurnedAwayInTheEnd();
    void aDrainWaitsForCallsWithoutStream();
    void anOperatorEndsOne();
};

void TestWithoutStream::aHebrewCallerIsServedWithNoSpeechProvider()
{
    EngineUnderTest kav;
    kav.config.callLog.bootstrap = true;
    kav.config.language = u"he-IL"_s;
    leaveNoSpeech(kav);
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    Person person(kav, R"(
        wait-agent-speaking
        say אני רוצה לדבר עם המכירות
        wait-agent-speaking
        say כן, בבקשה
        wait 9s
        say זה דני, תחזרו אליי
        wait 6s
        wait-agent-speaking
        say אין מספר
        wait-agent-speaking
        say לא, תודה
        wait-end
    )");
    QTRY_VERIFY_WITH_TIMEOUT(person.caller->isFinished(), 60000);
    const auto& outcome = person.caller->outcome();
    QVERIFY2(outcome.ok, qPrintable(outcome.reason));
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::Completed);
    QVERIFY(kav.ends.first().withoutStream);
    QStringList said;
    for (const TurnRecord& turn : std::as_const(kav.turns))
        said += turn.callerText;
    QCOMPARE(said, (QStringList{{}, u"אני רוצה לדבר עם המכירות"_s, u"כן, בבקשה"_s, {}, u"אין מספר"_s, u"לא, תודה"_s}));
    QVERIFY(kav.turns.at(1).agentText.startsWith(u"סליחה, אין כרגע נציג פנוי."));
    // The console has seen it like any call.
    QTRY_VERIFY(!console.calls.isEmpty() && console.calls.first().state == CallState::Ended);
    QVERIFY(console.calls.first().withoutStream);
    QCOMPARE(console.calls.first().language, u"he-IL"_s);
    // And the log has it, with the message.
    const QString callId = kav.ends.first().callId;
    const auto logged = [&] {
        const auto detail = resultOf<protocol::CallDetail>(console.ask(protocol::QueryCall{0, callId}));
        return detail && detail->row.reason == EndReason::Completed && detail->turns.size() == 6;
    };
    QTRY_VERIFY(logged());
    QCOMPARE(kav.metric("kav_spoken_turns_total"), "6");
    QCOMPARE(kav.metric("kav_spoken_calls_active"), "0");
}

void TestWithoutStream::aStreamThatTwilioCannotOpenIsNoEnd()
{
    EngineUnderTest kav;
    kav.serve();
    const auto ids = newIds();
    QVERIFY(!kav.offeredPath(ids).isEmpty());
    QCOMPARE(kav.verbsAfter("after_stream", ids), (QStringList{u"Gather"_s, u"Redirect"_s})); // after 31920
    QCOMPARE(kav.engine().liveCalls(), 1);
    kav.webhook("call_status", ids, u"completed"_s);
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::CallerHungUp);
}

void TestWithoutStream::aCallGoesOnWhenItsStreamBreaks()
{
    EngineUnderTest kav;
    kav.config.callLog.bootstrap = true;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    caller.vanish();
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::StreamLost);
    const auto ids = caller.twilio.ids();
    const RawResponse next = kav.webhook("after_stream", ids);
    QCOMPARE(verbsOf(next), (QStringList{u"Gather"_s, u"Redirect"_s}));
    QVERIFY(next.body.contains("Are you still there?"));
    // It is live again, and the same call.
    QTRY_VERIFY(!console.calls.isEmpty() && console.calls.first().state != CallState::Ended);
    QCOMPARE(console.calls.size(), 1);
    kav.webhook("turn?step=1", ids);
    kav.webhook("call_status", ids, u"completed"_s);
    QTRY_COMPARE(kav.ends.size(), 2);
    QTRY_COMPARE(console.calls.first().state, CallState::Ended);
    // The later end is the end.
    const auto loggedReason = [&] {
        const auto detail = resultOf<protocol::CallDetail>(console.ask(protocol::QueryCall{0, ids.callSid}));
        return detail ? detail->row.reason : EndReason::None;
    };
    QTRY_COMPARE(loggedReason(), EndReason::CallerHungUp);
}

void TestWithoutStream::goingOnCanBeForbidden()
{
    EngineUnderTest kav;
    kav.config.withoutStream = false;
    kav.serve();
    const auto ids = newIds();
    QVERIFY(!kav.offeredPath(ids).isEmpty());
    QCOMPARE(kav.verbsAfter("after_stream", ids), (QStringList{u"Say"_s, u"Hangup"_s}));
    // Somebody else's step leads nowhere either.
    QCOMPARE(verbsOf(kav.webhook("turn?step=3", newIds())), QStringList{u"Hangup"_s});
}

void TestWithoutStream::aFullEngineDoesAsItIsSet_data()
{
    QTest::addColumn<QString>("way");
    QTest::addColumn<QStringList>("verbs");
    QTest::newRow("busy line") << u"busy"_s << QStringList{u"Say"_s, u"Hangup"_s};
    QTest::newRow("waiting line") << u"wait"_s << QStringList{u"Say"_s, u"Pause"_s, u"Redirect"_s};
    QTest::newRow("another number") << u"forward"_s << QStringList{u"Dial"_s};
    QTest::newRow("without a stream") << u"speech"_s << QStringList{u"Gather"_s, u"Redirect"_s};
}

void TestWithoutStream::aFullEngineDoesAsItIsSet()
{
    QFETCH(QString, way);
    QFETCH(QStringList, verbs);
    EngineUnderTest kav;
    kav.config.capacity = 1;
    kav.config.whenFull = kav.config.whenDraining = way;
    kav.config.forwardTo = u"+97231112222"_s;
    kav.serve();
    Caller caller(kav);
    QVERIFY(caller.call());
    const RawResponse full = kav.webhook("incoming_call", newIds());
    QCOMPARE(verbsOf(full), verbs);
    if (way == u"forward")
        QVERIFY(full.body.contains("+97231112222"));
    if (way == u"speech") { // no worker carries it, so it counts for itself
        QCOMPARE(kav.engine().liveCalls(), 2);
        QCOMPARE(kav.readiness().value(u"calls"_s).toInt(), 2);
    }
    kav.engine().drain();
    QCOMPARE(verbsOf(kav.webhook("incoming_call", newIds())), verbs);
}

void TestWithoutStream::callsWithoutStreamHaveTheirOwnLimit()
{
    EngineUnderTest kav;
    kav.config.capacity = 1;
    kav.config.withoutStreamLimit = 1;
    kav.serve();
    Caller caller(kav);
    QVERIFY(caller.call());
    const auto second = newIds();
    QCOMPARE(kav.verbsAfter("incoming_call", second), (QStringList{u"Gather"_s, u"Redirect"_s}));
    QCOMPARE(kav.verbsAfter("incoming_call", newIds()), (QStringList{u"Say"_s, u"Hangup"_s}));
    kav.webhook("call_status", second, u"completed"_s);
    QCOMPARE(kav.verbsAfter("incoming_call", newIds()), (QStringList{u"Gather"_s, u"Redirect"_s}));
}

void TestWithoutStream::whoWaitsIsTriedAgainAndTurnedAwayInTheEnd()
{
    EngineUnderTest kav;
    kav.config.capacity = 1;
    kav.config.whenFull = u"wait"_s;
    kav.config.waitEvery = 20s;
    kav.config.longestWait = 50s;
    kav.serve();
    Caller caller(kav);
    QVERIFY(caller.call());
    const auto ids = newIds();
    const QStringList waiting{u"Say"_s, u"Pause"_s, u"Redirect"_s};
    const RawResponse first = kav.webhook("incoming_call", ids);
    QCOMPARE(verbsOf(first), waiting);
    QVERIFY(first.body.contains("length=\"20\"") && first.body.contains("/webhook/waiting?round=1<"));
    QCOMPARE(verbsOf(kav.webhook("waiting?round=1", ids)), waiting);
    QCOMPARE(verbsOf(kav.webhook("waiting?round=2", ids)), waiting);
    QCOMPARE(verbsOf(kav.webhook("waiting?round=3", ids)), (QStringList{u"Say"_s, u"Hangup"_s}));
    // Meanwhile somebody else waits less long.
    const auto lucky = newIds();
    QCOMPARE(verbsOf(kav.webhook("incoming_call", lucky)), waiting);
    caller.hangUp();
    QTRY_COMPARE(kav.engine().liveCalls(), 0);
    QCOMPARE(verbsOf(kav.webhook("waiting?round=1", lucky)), (QStringList{u"Connect"_s, u"Say"_s, u"Hangup"_s}));
}

void TestWithoutStream::aDrainWaitsForCallsWithoutStream()
{
    EngineUnderTest kav;
    kav.serve();
    const auto ids = newIds();
    QVERIFY(!kav.offeredPath(ids).isEmpty());
    kav.webhook("after_stream", ids);
    QSignalSpy drained(&kav.engine(), &app::Engine::drained);
    kav.engine().drain();
    QVERIFY(drained.isEmpty());
    kav.webhook("call_status", ids, u"completed"_s);
    QTRY_COMPARE(drained.size(), 1);
}

void TestWithoutStream::anOperatorEndsOne()
{
    EngineUnderTest kav;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    const auto ids = newIds();
    QVERIFY(!kav.offeredPath(ids).isEmpty());
    kav.webhook("after_stream", ids);
    QTRY_COMPARE(console.calls.size(), 1);
    console.ask(protocol::EndCall{0, ids.callSid, false});
    // Nobody can tell Twilio at once here: it hears of it when it asks next.
    QCOMPARE(verbsOf(kav.webhook("turn?step=1", ids)), (QStringList{u"Say"_s, u"Hangup"_s}));
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::OperatorEnded);
    QCOMPARE(verbsOf(kav.webhook("turn?step=2", ids)), QStringList{u"Hangup"_s});
}

QTEST_MAIN(TestWithoutStream)
#include "tst_withoutstream.moc"
