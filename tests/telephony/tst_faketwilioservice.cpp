// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twiliorest.h"
#include "engine/telephony/twiliosignature.h"
#include "tests/support/fakeclock.h"
#include "tests/support/twilio/faketwilioservice.h"
#include "tests/telephony/fakeengine.h"

#include <QTest>

using namespace kav;
using namespace kav::telephony;
using namespace kav::test;
using namespace std::chrono_literals;
using namespace Qt::StringLiterals;

namespace {

const QString Callee = u"+972501234567"_s, Other = u"+972507654321"_s, Own = u"+97239999999"_s;

} // namespace

/// The network that integration tests stand on follows what is known of Twilio.
class TestFakeTwilioService final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(u".*"_s));
        m_sids.clear();
        m_errors.clear();
        m_clock = std::make_unique<FakeClock>();
        m_engine = std::make_unique<FakeEngine>();
        m_twilio = std::make_unique<FakeTwilioService>(*m_clock, QString());
        m_http = std::make_unique<providers::HttpPool>(*m_clock);
        RestSettings settings;
        settings.accountSid = m_twilio->accountSid;
        settings.authToken = m_twilio->authToken;
        settings.apiUrl = m_twilio->apiUrl().toString();
        m_rest = std::make_unique<TwilioRest>(settings, *m_http, *m_clock, [] { return 1.0; });
    }
    void cleanup()
    {
        m_rest.reset();
        m_twilio.reset();
        m_http.reset();
    }

    void aCallIsMadeAnsweredAndTold();
    void oneCallASecond();
    void callbacksComeInAnyOrder_data();
    void callbacksComeInAnyOrder();
    void whoDoesNotAnswer_data();
    void whoDoesNotAnswer();
    void aCallIsCancelledBeforeItIsAnswered();
    void machinesAreDetected_data();
    void machinesAreDetected();
    void speechIsGathered();
    void keysAreGathered_data();
    void keysAreGathered();
    void noInputFallsThrough();
    void aMessageIsRecorded_data();
    void aMessageIsRecorded();
    void pausesTakeTheirTime();
    void aRedirectKillsTheStream();
    void restEndsACall();
    void aNumberIsDialled_data();
    void aNumberIsDialled();
    void aWhisperComesFirst();
    void aConferenceJoinsLegs();
    void recordingsAreKept();
    void faultsAreRealFaults();
    void whoIsNotTheAccountIsRefused();
    void badCallsAreRefused_data();
    void badCallsAreRefused();

private:
    template <typename Condition> bool waitFor(Condition condition)
    {
        return QTest::qWaitFor(
            [&] {
                if (condition())
                    return true;
                m_clock->advance(100ms);
                return false;
            },
            20'000);
    }
    /// So that the clock may be looked at: it moves in small steps, and REST answers in between.
    bool isThere(const QString& number, const QString& status)
    {
        return waitFor([&] { return m_twilio->callTo(number) && m_twilio->callTo(number)->status == status; });
    }
    void answer(const QByteArray& path, const QByteArray& twiml)
    {
        m_engine->answers[path].body = "<Response>" + twiml + "</Response>";
    }
    QUrl url(const char* path) const { return QUrl(QString::fromLatin1(m_engine->base() + path)); }
    NewCall newCall(const QString& to = Callee) const
    {
        NewCall call;
        call.to = to;
        call.from = Own;
        call.url = url("/voice");
        call.statusCallback = url("/status");
        return call;
    }
    void create(const NewCall& call)
    {
        m_rest->createCall(call, [this](const Result<CallResource>& made) {
            if (made)
                m_sids += made->sid;
            else
                m_errors += toString(made.error());
        });
    }
    /// Waits for the calls that were asked for.
    bool made(int count)
    {
        return waitFor([&] { return m_sids.size() + m_errors.size() == count; });
    }
    QString callIn(const char* script)
    {
        m_twilio->numbers = {{Own, url("/voice"), u"POST"_s, url("/status")}};
        return m_twilio->callIn(Callee, Own, *parseScript(QString::fromUtf8(script)));
    }
    bool hasEnded(const QString& sid)
    {
        return waitFor([&] { return m_twilio->call(sid)->isFinal() && m_twilio->call(sid)->leg->isFinished(); });
    }
    QStringList statuses() const
    {
        QStringList found;
        for (const auto& request : m_engine->requestsTo("/status"))
            found += request.form.value(u"SequenceNumber") + u' ' + request.form.value(u"CallStatus");
        return found;
    }
    FormBody formTo(const QByteArray& path) const
    {
        const auto requests = m_engine->requestsTo(path);
        return requests.isEmpty() ? FormBody() : requests.last().form;
    }
    int countOf(const QString& sid, QStringView what) const
    {
        int count = 0;
        for (const TimelineEvent& event : m_twilio->call(sid)->heard)
            count += event.what == what;
        return count;
    }
    void script(const QString& number, const char* text)
    {
        m_twilio->people[number].script = *parseScript(QString::fromUtf8(text));
    }

    std::unique_ptr<FakeClock> m_clock;
    std::unique_ptr<FakeEngine> m_engine;
    std::unique_ptr<FakeTwilioService> m_twilio;
    std::unique_ptr<providers::HttpPool> m_http;
    std::unique_ptr<TwilioRest> m_rest;
    QStringList m_sids, m_errors;
};

void TestFakeTwilioService::aCallIsMadeAnsweredAndTold()
{
    answer("/voice", "<Say>Hello</Say>");
    create(newCall());
    QVERIFY(made(1));
    QVERIFY2(m_sids.size() == 1, qPrintable(m_errors.join(u' ')));
    QVERIFY(isThere(Callee, u"completed"_s));
    QTRY_COMPARE(statuses(), (QStringList{u"0 initiated"_s, u"1 ringing"_s, u"2 in-progress"_s, u"3 completed"_s}));
    const auto voice = m_engine->requestsTo("/voice");
    QCOMPARE(voice.size(), 1);
    QCOMPARE(voice.first().form.value(u"Direction"), u"outbound-api"_s);
    QCOMPARE(voice.first().form.value(u"CallStatus"), u"in-progress"_s);
    QCOMPARE(voice.first().form.value(u"CallSid"), m_sids.first());
    for (const auto& request : std::as_const(m_engine->requests)) {
        QVERIFY(verifySignature(m_twilio->authToken, QByteArray(m_engine->base() + request.path), request.form.fields(),
            request.header("x-twilio-signature"))
                    .accepted);
    }
    QCOMPARE(formTo("/status").value(u"CallbackSource"), u"call-progress-events"_s);
    QVERIFY(formTo("/status").contains(u"CallDuration"));
}

void TestFakeTwilioService::oneCallASecond()
{
    for (int i = 0; i < 3; ++i)
        create(newCall(u"+97250000000%1"_s.arg(i)));
    // Nothing moves the clock: one begins, two wait.
    QTRY_COMPARE(m_sids.size(), 3);
    QTRY_COMPARE(statuses().size(), 1);
    m_clock->advance(999ms);
    QTest::qWait(50); // long enough for one that came too early
    QCOMPARE(statuses().filter(u"initiated"_s).size(), 1);
    m_clock->advance(1ms);
    QTRY_COMPARE(statuses().filter(u"initiated"_s).size(), 2);
    m_clock->advance(1s);
    QTRY_COMPARE(statuses().filter(u"initiated"_s).size(), 3);
    QList<Milliseconds> waits;
    for (const QString& sid : m_twilio->callsInOrder())
        waits += m_twilio->call(sid)->queueTime;
    QCOMPARE(waits, (QList<Milliseconds>{0ms, 1000ms, 2000ms}));
}

void TestFakeTwilioService::callbacksComeInAnyOrder_data()
{
    QTest::addColumn<QString>("fate");
    QTest::addColumn<QStringList>("arrive");
    QTest::newRow("doubled") << u"doubled"_s
                             << QStringList{u"0 initiated"_s, u"0 initiated"_s, u"1 ringing"_s, u"1 ringing"_s,
                                    u"2 in-progress"_s, u"2 in-progress"_s, u"3 completed"_s, u"3 completed"_s};
    QTest::newRow("lost") << u"lost"_s << QStringList{u"0 initiated"_s, u"2 in-progress"_s, u"3 completed"_s};
    QTest::newRow("the first one last") << u"late"_s
                                        << QStringList{
                                               u"1 ringing"_s, u"2 in-progress"_s, u"3 completed"_s, u"0 initiated"_s};
}

void TestFakeTwilioService::callbacksComeInAnyOrder()
{
    QFETCH(QString, fate);
    QFETCH(QStringList, arrive);
    m_twilio->fate = [&](const FormBody& form) {
        FakeTwilioService::Fate what;
        if (fate == u"doubled")
            what.copies = 2;
        else if (fate == u"lost" && form.value(u"CallStatus") == u"ringing")
            what.copies = 0;
        else if (fate == u"late" && form.value(u"CallStatus") == u"initiated")
            what.delay = 60s;
        return what;
    };
    answer("/voice", "<Hangup/>");
    create(newCall());
    QVERIFY(isThere(Callee, u"completed"_s));
    QVERIFY(waitFor([&] { return m_twilio->callbacks.size() == arrive.size(); }));
    QTRY_COMPARE(m_engine->requestsTo("/status").size(), arrive.size());
    QCOMPARE(statuses(), arrive);
}

void TestFakeTwilioService::whoDoesNotAnswer_data()
{
    QTest::addColumn<int>("answer");
    QTest::addColumn<QString>("status");
    using Answer = FakeTwilioService::Person::Answer;
    QTest::newRow("nobody") << int(Answer::NoAnswer) << u"no-answer"_s;
    QTest::newRow("engaged") << int(Answer::Busy) << u"busy"_s;
    QTest::newRow("no such number") << int(Answer::Fails) << u"failed"_s;
}

void TestFakeTwilioService::whoDoesNotAnswer()
{
    QFETCH(int, answer);
    QFETCH(QString, status);
    m_twilio->people[Callee].answer = FakeTwilioService::Person::Answer(answer);
    NewCall call = newCall();
    call.ring = 5s;
    create(call);
    QVERIFY(isThere(Callee, status));
    QTRY_VERIFY(formTo("/status").value(u"CallStatus") == status);
    QVERIFY(m_engine->requestsTo("/voice").isEmpty());
}

void TestFakeTwilioService::aCallIsCancelledBeforeItIsAnswered()
{
    create(newCall());
    QVERIFY(isThere(Callee, u"ringing"_s));
    bool done = false;
    m_rest->cancel(m_sids.first(), [&](const Result<void>& result) { done = result.ok(); });
    QTRY_VERIFY(done);
    QCOMPARE(m_twilio->callTo(Callee)->status, u"canceled"_s);
    QTRY_COMPARE(
        statuses().last(), u"2 canceled"_s); // before the clock goes on: a callback that is under way has a deadline
    const Instant until = m_clock->now() + 20s; // whom it rang would have answered
    QVERIFY(waitFor([&] { return m_clock->now() > until; }));
    QCOMPARE(statuses().last(), u"2 canceled"_s);
    QVERIFY(m_engine->requestsTo("/voice").isEmpty());
}

void TestFakeTwilioService::machinesAreDetected_data()
{
    QTest::addColumn<bool>("isMachine");
    QTest::addColumn<int>("detection");
    QTest::addColumn<bool>("isAsync");
    QTest::addColumn<QString>("verdict");
    QTest::newRow("a person") << false << int(MachineDetection::Detect) << false << u"human"_s;
    QTest::newRow("a machine") << true << int(MachineDetection::Detect) << false << u"machine_start"_s;
    QTest::newRow("after its beep") << true << int(MachineDetection::AwaitBeep) << false << u"machine_end_beep"_s;
    QTest::newRow("meanwhile") << true << int(MachineDetection::AwaitBeep) << true << u"machine_end_beep"_s;
}

void TestFakeTwilioService::machinesAreDetected()
{
    QFETCH(bool, isMachine);
    QFETCH(int, detection);
    QFETCH(bool, isAsync);
    QFETCH(QString, verdict);
    using Answer = FakeTwilioService::Person::Answer;
    m_twilio->people[Callee].answer = isMachine ? Answer::Machine : Answer::Answers;
    NewCall call = newCall();
    call.detection = MachineDetection(detection);
    if (isAsync)
        call.detectionCallback = url("/detected");
    answer("/voice", "<Pause length=\"20\"/>");
    create(call);
    const QByteArray where = isAsync ? "/detected" : "/voice";
    QVERIFY(waitFor([&] { return !m_engine->requestsTo(where).isEmpty(); }));
    QCOMPARE(formTo(where).value(u"AnsweredBy"), verdict);
    QVERIFY(formTo(where).contains(u"MachineDetectionDuration"));
    QCOMPARE(m_engine->requestsTo("/voice").size(), 1);
    QCOMPARE(formTo("/voice").contains(u"AnsweredBy"), !isAsync);
}

void TestFakeTwilioService::speechIsGathered()
{
    answer("/voice",
        "<Gather input=\"speech dtmf\" action=\"/turn\" speechTimeout=\"auto\" "
        "language=\"he-IL\"><Say>What?</Say></Gather>"
        "<Say>Nobody</Say>");
    answer("/turn", "<Say>Thank you</Say><Hangup/>");
    const QString sid = callIn("wait-agent-speaking\nwait-agent-silent\nsay שלום לכם\nwait-end");
    QVERIFY(hasEnded(sid));
    QCOMPARE(formTo("/turn").value(u"SpeechResult"), u"שלום לכם"_s);
    QVERIFY(formTo("/turn").value(u"Confidence").toDouble() > 0.5);
    QVERIFY(!formTo("/turn").contains(u"Digits"));
    QCOMPARE(countOf(sid, u"say"), 2); // nothing after the Gather was obeyed
    const auto& outcome = m_twilio->call(sid)->leg->outcome();
    QVERIFY2(outcome.ok, qPrintable(outcome.reason));
    QTRY_COMPARE(statuses(), QStringList{u"0 completed"_s});
}

void TestFakeTwilioService::keysAreGathered_data()
{
    QTest::addColumn<QByteArray>("attributes");
    QTest::addColumn<QByteArray>("keys");
    QTest::addColumn<QString>("digits");
    QTest::newRow("to the finish key") << QByteArray() << QByteArray("12#9") << u"12"_s;
    QTest::newRow("as many as wanted") << QByteArray("numDigits=\"3\"") << QByteArray("12345") << u"123"_s;
    QTest::newRow("until nothing more comes") << QByteArray("timeout=\"3\"") << QByteArray("7") << u"7"_s;
    QTest::newRow("another finish key") << QByteArray("finishOnKey=\"*\"") << QByteArray("1#2*") << u"1#2"_s;
    QTest::newRow("while it speaks") << QByteArray("input=\"dtmf speech\" numDigits=\"1\"") << QByteArray("4")
                                     << u"4"_s;
}

void TestFakeTwilioService::keysAreGathered()
{
    QFETCH(QByteArray, attributes);
    QFETCH(QByteArray, keys);
    QFETCH(QString, digits);
    answer("/voice", "<Gather action=\"/turn\" " + attributes + "><Say>" + QByteArray(200, 'x') + "</Say></Gather>");
    answer("/turn", "<Hangup/>");
    const QString sid = callIn(QByteArray("wait-agent-speaking\ndtmf " + keys + "\nwait-end").constData());
    QVERIFY(hasEnded(sid));
    QCOMPARE(formTo("/turn").value(u"Digits"), digits);
    QCOMPARE(m_engine->requestsTo("/turn").size(), 1);
}

void TestFakeTwilioService::noInputFallsThrough()
{
    answer("/voice", "<Gather action=\"/turn\" timeout=\"2\"/><Redirect method=\"GET\">/again?x=1</Redirect>");
    m_engine->answers["/turn"] = {500, "text/plain", "not asked"};
    const QString sid = callIn("wait-end");
    QVERIFY(waitFor([&] { return m_engine->requests.size() >= 2; }));
    const auto& again = m_engine->requests.last();
    QVERIFY(again.path.startsWith("/again?x=1&CallSid=CA"));
    QVERIFY(again.form.fields().isEmpty());
    QVERIFY(verifySignature(
        m_twilio->authToken, QByteArray(m_engine->base() + again.path), {}, again.header("x-twilio-signature"))
                .accepted);
    QVERIFY(hasEnded(sid));
    QVERIFY(m_engine->requestsTo("/turn").isEmpty());

    answer("/voice", "<Gather action=\"/empty\" timeout=\"2\" actionOnEmptyResult=\"true\"/>");
    QVERIFY(hasEnded(callIn("wait-end")));
    QVERIFY(formTo("/empty").contains(u"Digits"));
    QVERIFY(formTo("/empty").value(u"Digits").isEmpty());
}

void TestFakeTwilioService::aMessageIsRecorded_data()
{
    QTest::addColumn<QByteArray>("script");
    QTest::addColumn<QString>("digits"); ///< of the action; null: it is not asked
    QTest::addColumn<QString>("status");
    QTest::newRow("until silence") << QByteArray("say this is my message\nwait-end") << u""_s << u"completed"_s;
    QTest::newRow("until a key") << QByteArray("say this is my message\ndtmf 5\nwait-end") << u"5"_s << u"completed"_s;
    QTest::newRow("until the caller hangs up")
        << QByteArray("say this is my message\nhangup") << u"hangup"_s << u"completed"_s;
    QTest::newRow("nothing") << QByteArray("wait-end") << QString() << u"absent"_s;
}

void TestFakeTwilioService::aMessageIsRecorded()
{
    QFETCH(QByteArray, script);
    QFETCH(QString, digits);
    QFETCH(QString, status);
    answer("/voice",
        "<Record action=\"/recorded\" recordingStatusCallback=\"/file\" recordingStatusCallbackEvent=\"completed "
        "absent\"/>"
        "<Say>Nothing was recorded</Say>");
    answer("/recorded", "<Hangup/>");
    const QString sid = callIn(script.constData());
    QVERIFY(hasEnded(sid));
    QTRY_COMPARE(formTo("/file").value(u"RecordingStatus"), status);
    QCOMPARE(formTo("/file").value(u"RecordingSource"), u"RecordVerb"_s);
    QCOMPARE(m_engine->requestsTo("/recorded").isEmpty(), digits.isNull());
    QCOMPARE(countOf(sid, u"say"), digits.isNull() ? 1 : 0);
    if (digits.isNull())
        return;
    QCOMPARE(formTo("/recorded").value(u"Digits"), digits);
    QCOMPARE(formTo("/recorded").value(u"RecordingUrl"), formTo("/file").value(u"RecordingUrl"));
    QVERIFY(formTo("/recorded").value(u"RecordingDuration").toInt() >= 1);
}

void TestFakeTwilioService::pausesTakeTheirTime()
{
    answer("/voice", "<Pause length=\"40\"/><Say>Now</Say>");
    const Instant began = m_clock->now();
    const QString sid = callIn("wait-end within 100s");
    QVERIFY(hasEnded(sid));
    QVERIFY(m_clock->now() - began >= 40s);
    QCOMPARE(countOf(sid, u"say"), 1);
}

void TestFakeTwilioService::aRedirectKillsTheStream()
{
    answer("/voice", "<Connect><Stream url=\"" + m_engine->streamUrl() + "\"/></Connect><Say>Not this</Say>");
    answer("/next", "<Say>Elsewhere</Say><Connect><Stream url=\"" + m_engine->streamUrl() + "\"/></Connect>");
    const QString sid = callIn("wait-end within 60s");
    QVERIFY(waitFor([&] { return m_engine->events.contains(u"start"_s); }));
    const QString firstStream = m_engine->start.streamSid;
    bool done = false;
    m_rest->redirect(sid, url("/next"), [&](const Result<CallResource>& result) { done = result.ok(); });
    QVERIFY(waitFor([&] { return done && m_engine->streamClosed; }));
    QCOMPARE(m_engine->events.mid(0, 3), (QStringList{u"connected"_s, u"start"_s, u"stop"_s}));
    QCOMPARE(m_engine->closeCode, 1000);
    QVERIFY(waitFor([&] { return m_engine->events.count(u"start"_s) == 2; }));
    QVERIFY(m_engine->start.streamSid != firstStream); // every stream has its own name
    QCOMPARE(formTo("/next").value(u"CallStatus"), u"in-progress"_s);
    QCOMPARE(countOf(sid, u"say"), 1);
    QCOMPARE(m_twilio->call(sid)->status, u"in-progress"_s);
}

void TestFakeTwilioService::restEndsACall()
{
    answer("/voice", "<Connect><Stream url=\"" + m_engine->streamUrl() + "\"/></Connect><Say>Not this</Say>");
    const QString sid = callIn("wait-end within 60s");
    QVERIFY(waitFor([&] { return m_engine->events.contains(u"start"_s); }));
    int done = 0;
    m_rest->hangUp(sid, [&](const Result<void>& result) { done += result.ok(); });
    QVERIFY(hasEnded(sid));
    QTRY_COMPARE(done, 1);
    QCOMPARE(m_engine->events, (QStringList{u"connected"_s, u"start"_s, u"stop"_s}));
    QCOMPARE(countOf(sid, u"say"), 0);
    QTRY_COMPARE(statuses(), QStringList{u"0 completed"_s});
    m_rest->hangUp(sid, [&](const Result<void>& result) { done += result.ok(); }); // 404/20404
    QTRY_COMPARE(done, 2);
}

void TestFakeTwilioService::aNumberIsDialled_data()
{
    QTest::addColumn<int>("answer");
    QTest::addColumn<QString>("status");
    using Answer = FakeTwilioService::Person::Answer;
    QTest::newRow("answers") << int(Answer::Answers) << u"completed"_s;
    QTest::newRow("nobody") << int(Answer::NoAnswer) << u"no-answer"_s;
    QTest::newRow("engaged") << int(Answer::Busy) << u"busy"_s;
}

void TestFakeTwilioService::aNumberIsDialled()
{
    QFETCH(int, answer);
    QFETCH(QString, status);
    m_twilio->people[Other].answer = FakeTwilioService::Person::Answer(answer);
    script(Other, "wait 3s\nhangup");
    this->answer("/voice",
        "<Dial timeout=\"10\" action=\"/dialled\" callerId=\"" + Own.toLatin1() + "\"><Number>" + Other.toLatin1()
            + "</Number></Dial>");
    this->answer("/dialled", "<Say>Back</Say>");
    const QString sid = callIn("wait-end within 60s");
    QVERIFY(hasEnded(sid));
    QCOMPARE(formTo("/dialled").value(u"DialCallStatus"), status);
    const auto* child = m_twilio->callTo(Other);
    QCOMPARE(formTo("/dialled").value(u"DialCallSid"), child->sid);
    QCOMPARE(child->from, Own);
    QCOMPARE(child->direction, u"outbound-dial"_s);
    QCOMPARE(formTo("/dialled").contains(u"DialCallDuration"), status == u"completed");
    QCOMPARE(countOf(sid, u"say"), 1);
}

void TestFakeTwilioService::aWhisperComesFirst()
{
    script(Other, "wait-agent-speaking\nwait-agent-silent\ndtmf 1\nwait 5s\nhangup");
    answer("/voice",
        "<Dial action=\"/dialled\"><Number url=\"" + m_engine->base() + "/whisper\">" + Other.toLatin1()
            + "</Number></Dial>");
    answer("/whisper", "<Gather numDigits=\"1\" action=\"/accept\"><Say>Take the call?</Say></Gather><Hangup/>");
    answer("/accept", "");
    const QString sid = callIn("wait-end within 60s");
    QVERIFY(waitFor([&] { return m_twilio->call(sid)->isBridged; }));
    QCOMPARE(formTo("/accept").value(u"Digits"), u"1"_s);
    QCOMPARE(formTo("/whisper").value(u"ParentCallSid"), sid);
    QVERIFY(m_engine->requestsTo("/dialled").isEmpty());
    QVERIFY(hasEnded(sid)); // the other one hangs up; the action's 204 says nothing more
    QCOMPARE(formTo("/dialled").value(u"DialCallStatus"), u"completed"_s);
}

void TestFakeTwilioService::aConferenceJoinsLegs()
{
    const auto room = [](const QByteArray& attributes) -> QByteArray {
        return "<Dial action=\"/left\"><Conference " + attributes + ">room 1</Conference></Dial>";
    };
    answer("/voice", room("startConferenceOnEnter=\"false\" waitUrl=\"" + m_engine->base() + "/hold\""));
    answer("/hold", "<Say>Please wait</Say>");
    answer("/join", room("endConferenceOnExit=\"true\" beep=\"false\""));
    answer("/left", "<Say>Goodbye</Say>");
    const QString caller = callIn("wait-end within 600s");
    QVERIFY(waitFor([&] { return m_twilio->holdLines.size() >= 2; })); // again and again
    QCOMPARE(m_twilio->holdLines.first(), u"say Please wait"_s);
    QCOMPARE(m_twilio->conference(u"room 1"_s), QStringList{caller});

    script(Other, "wait 10s\nhangup");
    NewCall call = newCall(Other);
    call.url = url("/join");
    m_twilio->numbers.clear();
    create(call);
    QVERIFY(waitFor([&] { return m_twilio->conference(u"room 1"_s).size() == 2; }));
    const auto held = m_twilio->holdLines.size();
    QVERIFY(isThere(Other, u"completed"_s));
    QCOMPARE(m_twilio->holdLines.size(), held); // nobody waited any more
    QVERIFY(hasEnded(caller)); // the one who ends it has gone
    QCOMPARE(countOf(caller, u"say"), 1);
    QVERIFY(m_twilio->conference(u"room 1"_s).isEmpty());
}

void TestFakeTwilioService::recordingsAreKept()
{
    answer("/voice", "<Pause length=\"20\"/>");
    const QString sid = callIn("wait-end within 60s");
    QVERIFY(waitFor([&] { return !m_engine->requestsTo("/voice").isEmpty(); }));
    QString recording;
    m_rest->startRecording(
        sid, url("/file"), [&](const Result<RecordingResource>& made) { recording = made ? made->sid : u"none"_s; });
    QTRY_VERIFY(!recording.isEmpty());
    QString state;
    m_rest->updateRecording(
        sid, u"paused"_s, [&](const Result<RecordingResource>& made) { state = made ? made->status : u"none"_s; });
    QTRY_COMPARE(state, u"paused"_s);
    QVERIFY(hasEnded(sid));
    QTRY_COMPARE(formTo("/file").value(u"RecordingStatus"), u"completed"_s);
    QCOMPARE(formTo("/file").value(u"RecordingSid"), recording);
    qsizetype count = -1;
    const auto list = [&] {
        m_rest->listRecordings(
            sid, [&](const Result<QList<RecordingResource>>& all) { count = all ? all->size() : -2; });
    };
    list();
    QTRY_COMPARE(count, 1);
    bool deleted = false;
    m_rest->deleteRecording(recording, [&](const Result<void>& result) { deleted = result.ok(); });
    QTRY_VERIFY(deleted);
    list();
    QTRY_COMPARE(count, 0);
}

void TestFakeTwilioService::faultsAreRealFaults()
{
    using Kind = FakeTwilioService::Fault::Kind;
    answer("/voice", "<Pause length=\"60\"/>");
    m_twilio->faults.append({Kind::ResetAfter, "Calls.json", 0, {}, {}, {}});
    create(newCall());
    QVERIFY(made(1));
    QCOMPARE(m_errors.size(), 1); // nobody knows, and yet it rings
    QVERIFY(isThere(Callee, u"in-progress"_s));
    m_twilio->faults.append({Kind::ResetBefore, "Calls.json", 0, {}, {}, {}});
    create(newCall(Other));
    QVERIFY(made(2));
    QVERIFY(!m_twilio->callTo(Other));
    m_twilio->faults.append({Kind::Answer, "Calls.json", 429, "{\"code\":20429}", "application/json", {}});
    create(newCall(Other));
    QVERIFY(made(3));
    QCOMPARE(m_sids.size(), 1); // the second try was taken
    QVERIFY(m_twilio->callTo(Other));
    m_twilio->faults.append({Kind::Hang, "Calls.json", 0, {}, {}, {}});
    create(newCall(Other));
    QTRY_COMPARE(m_twilio->requests.size(), 5);
    m_clock->advance(30s);
    QVERIFY(made(4));
    QVERIFY(m_errors.last().startsWith(u"timeout"_s));
}

void TestFakeTwilioService::whoIsNotTheAccountIsRefused()
{
    RestSettings settings = m_rest->settings();
    settings.authToken = "another";
    TwilioRest stranger(settings, *m_http, *m_clock);
    QString said;
    stranger.checkCredentials([&](const Result<void>& result) { said = result ? u"ok"_s : toString(result.error()); });
    QTRY_VERIFY2(said.startsWith(u"denied: "_s) && said.contains(u"Authenticate (20003)"_s), qPrintable(said));
    said.clear();
    m_rest->checkCredentials([&](const Result<void>& result) { said = result ? u"ok"_s : toString(result.error()); });
    QTRY_COMPARE(said, u"ok"_s);
}

void TestFakeTwilioService::badCallsAreRefused_data()
{
    QTest::addColumn<QString>("to");
    QTest::addColumn<QString>("from");
    QTest::addColumn<QString>("code");
    QTest::newRow("no number") << u"0501234567"_s << Own << u"(21211)"_s;
    QTest::newRow("from somebody else's") << Callee << Other << u"(21210)"_s;
}

void TestFakeTwilioService::badCallsAreRefused()
{
    QFETCH(QString, to);
    QFETCH(QString, from);
    QFETCH(QString, code);
    m_errors.clear();
    m_sids.clear();
    m_twilio->numbers = {{Own, url("/voice"), u"POST"_s, {}}};
    NewCall call = newCall(to);
    call.from = from;
    create(call);
    QVERIFY(made(1));
    QVERIFY2(m_errors.value(0).contains(code), qPrintable(m_errors.value(0)));
    QVERIFY(m_twilio->callsInOrder().isEmpty());
}

QTEST_GUILESS_MAIN(TestFakeTwilioService)
#include "tst_faketwilioservice.moc"
