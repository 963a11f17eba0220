// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/media/wav.h"
#include "engine/telephony/loopbackcaller.h"
#include "engine/telephony/twiliosignature.h"
#include "tests/telephony/fakeengine.h"

#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::telephony;
using namespace std::chrono_literals;

class tst_LoopbackCaller final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aCallGoesThrough();
    void theHandshakeIsTwilios();
    void everythingIsSigned();
    void aPublicEngineIsCalledElsewhere();
    void marksComeBackWhenTheAudioHasBeenHeard();
    void clearStopsTheSoundAndReturnsTheMarks();
    void theCallerSpeaksPressesKeysAndHangsUp();
    void framesGoOutWhateverHappens();
    void theActionDecidesHowTheCallGoesOn();
    void withoutActionTheDocumentGoesOn();
    void aCallWithoutAStreamIsAConversationToo();
    void aBusyEngineIsAFailure();
    void aFailingWebhookIsAFailure_data();
    void aFailingWebhookIsAFailure();
    void aRefusedStreamIsAFailure();
    void onlyWssIsAStream();
    void aLostStreamIsAFailure();
    void wrongMessagesAreCountedAndIgnored();
    void aFailedScriptHangsUp();
    void refusedCallbacksAreCounted();
    void redirectsAreFollowedAndBounded();
};

namespace {

const SystemClock theClock;

QByteArray tone(Milliseconds length)
{
    QByteArray sound;
    for (qint64 i = 0; i < length.count() * 8; ++i)
        sound += char(media::toMulaw(qint16(8000 * std::sin(double(i) * 0.35))));
    return sound;
}

/// One call to a fake engine, run to its end.
struct Call final {
    test::FakeEngine engine;
    CallSettings settings;
    std::unique_ptr<LoopbackCaller> caller;

    explicit Call(const QString& script = u"wait-end within 10s"_s)
    {
        settings.to = engine.webhook();
        settings.script = std::move(*parseScript(script));
        for (ScriptStep& step : settings.script) {
            if (!step.files.isEmpty())
                step.audio = tone(200ms);
        }
        engine.answerWithStream();
    }
    bool run()
    {
        caller = std::make_unique<LoopbackCaller>(settings, theClock);
        QSignalSpy finished(caller.get(), &LoopbackCaller::finished);
        caller->start();
        return finished.wait(15000) && finished.count() == 1;
    }
    const CallOutcome& outcome() const { return caller->outcome(); }
    bool saw(const QString& who, const QString& what) const { return caller->timeline().find(who, what) != nullptr; }
    QString detail(const QString& who, const QString& what) const
    {
        const auto* event = caller->timeline().find(who, what);
        return event ? event->detail : QString();
    }
};

} // namespace

void tst_LoopbackCaller::aCallGoesThrough()
{
    Call call(u"wait-agent-speaking\nwait-agent-silent for 200ms\nplay hello\nexpect-mark\nwait-end"_s);
    call.engine.onStart = [&call] {
        call.engine.say(tone(300ms));
        call.engine.mark(u"greeting"_s);
        // It listens to the caller, then says goodbye.
        QObject::connect(call.engine.stream, &QWebSocket::textMessageReceived, &call.engine, [&call] {
            if (call.engine.heard.count(char(0xff)) < call.engine.heard.size() - 1500)
                call.engine.close();
        });
    };
    QVERIFY(call.run());
    QVERIFY2(call.outcome().ok, qPrintable(call.outcome().reason + u"\n"_s + call.caller->timeline().toText()));
    QVERIFY(call.outcome().endedByEngine);
    QCOMPARE(call.engine.events, (QStringList{u"connected"_s, u"start"_s, u"mark greeting"_s}));

    const auto requests = call.engine.requests;
    QCOMPARE(requests.first().path, QByteArray("/webhook/incoming_call"));
    QCOMPARE(requests.first().form.value(u"CallStatus"), u"ringing"_s);
    QCOMPARE(requests.first().form.value(u"CallSid"), call.outcome().callSid);
    QCOMPARE(call.engine.start.callSid, call.outcome().callSid);
    QCOMPARE(call.engine.start.parameters.value(u"language"_s), u"en"_s);
    QStringList streamEvents;
    for (const auto& request : call.engine.requestsTo("/webhook/stream_status")) {
        streamEvents += request.form.value(u"StreamEvent");
        QCOMPARE(request.form.value(u"StreamSid"), call.engine.start.streamSid);
    }
    QCOMPARE(streamEvents, (QStringList{u"stream-started"_s, u"stream-stopped"_s}));
    const auto ended = call.engine.requestsTo("/webhook/call_status");
    QCOMPARE(ended.size(), 1);
    QCOMPARE(ended.first().form.value(u"CallStatus"), u"completed"_s);

    // Both sides are kept, each on its channel, and the agent's words are where they were heard.
    const auto [callerSide, agentSide] = call.caller->recording();
    QCOMPARE(callerSide.size(), agentSide.size());
    QVERIFY(agentSide.contains(tone(300ms)));
    QVERIFY(callerSide.contains(tone(200ms).chopped(160)));
    QVERIFY(!callerSide.contains(tone(300ms)));
    QTemporaryDir directory;
    QVERIFY(call.caller->writeRecording(directory.filePath(u"call.wav"_s)));
    const auto wav = media::readWav(directory.filePath(u"call.wav"_s));
    QVERIFY(wav);
    QCOMPARE(wav->channels, 2);
    QCOMPARE(wav->sampleRate, 8000);
    QCOMPARE(qsizetype(wav->frames()), callerSide.size());
    QCOMPARE(wav->samples[1], media::fromMulaw(quint8(agentSide[0])));

    // The timeline tells the story in order.
    QStringList story;
    for (const TimelineEvent& event : call.caller->timeline().events()) {
        if (event.who != u"line")
            story += event.who + u' ' + event.what;
    }
    QCOMPARE(story.indexOf(u"agent speaks"_s), 0);
    QVERIFY(story.indexOf(u"agent stops"_s) < story.indexOf(u"caller speaks"_s));
    QCOMPARE(story.count(u"agent mark"_s), 1);
}

void tst_LoopbackCaller::theHandshakeIsTwilios()
{
    Call call;
    QNetworkRequest seen;
    call.engine.onStart = [&] {
        seen = call.engine.stream->request();
        call.engine.close();
    };
    QVERIFY(call.run());
    QCOMPARE(seen.rawHeader("User-Agent"), QByteArray("Twilio.TmeWs/1.0"));
    QCOMPARE(seen.rawHeader("Host"), QByteArray("127.0.0.1:" + QByteArray::number(call.engine.streamPort())));
    QCOMPARE(seen.rawHeader("Sec-WebSocket-Version"), QByteArray("13"));
    for (const char* absent :
        {"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Origin", "Cookie", "x-twilio-signature"})
        QVERIFY2(!seen.hasRawHeader(absent), absent);
}

void tst_LoopbackCaller::everythingIsSigned()
{
    Call call;
    call.settings.authToken = "secret";
    call.settings.extraFields = {{u"CallerName"_s, u"שלום"_s}};
    QByteArray upgradeSignature;
    call.engine.onStart = [&] {
        upgradeSignature = call.engine.stream->request().rawHeader("x-twilio-signature");
        call.engine.close();
    };
    QVERIFY(call.run());
    QVERIFY2(call.outcome().ok, qPrintable(call.outcome().reason));
    QVERIFY(verifyUpgradeSignature("secret", call.engine.streamUrl(), upgradeSignature).accepted);
    QCOMPARE(call.engine.requests.size(), 4);
    for (const auto& request : std::as_const(call.engine.requests)) {
        const QByteArray url = call.engine.base() + request.path;
        QCOMPARE(verifySignature("secret", url, request.form.fields(), request.header("x-twilio-signature")).variant,
            u"as requested"_s);
    }
    QCOMPARE(call.engine.requests.first().form.value(u"CallerName"), QStringLiteral("שלום"));
}

void tst_LoopbackCaller::aPublicEngineIsCalledElsewhere()
{
    Call call;
    call.settings.authToken = "secret";
    call.settings.publicUrl = QUrl(u"https://kav.example.com"_s);
    // The stream's own host is public too; only one address can be given, so here it is the stream's.
    call.settings.connectTo = u"127.0.0.1:%1"_s.arg(call.engine.httpPort());
    call.engine.answers["/webhook/incoming_call"].body =
        "<Response><Say>Hello</Say><Redirect>https://kav.example.com/next</Redirect></Response>";
    call.engine.answers["/next"].body =
        "<Response><Connect><Stream url=\"wss://kav.example.com/media/TOKEN\"/></Connect></Response>";
    QVERIFY(call.run());
    QVERIFY(!call.outcome().ok); // the webhook server speaks no WebSocket
    const auto first = call.engine.requests.first();
    QCOMPARE(first.header("host"), QByteArray("kav.example.com"));
    QVERIFY(verifySignature("secret", "https://kav.example.com/webhook/incoming_call", first.form.fields(),
        first.header("x-twilio-signature"))
                .accepted);
    const auto upgrades = call.engine.requestsTo("/media/TOKEN");
    QCOMPARE(upgrades.size(), 1);
    QCOMPARE(upgrades.first().header("host"), QByteArray("kav.example.com"));
    QVERIFY(verifyUpgradeSignature(
        "secret", "wss://kav.example.com/media/TOKEN", upgrades.first().header("x-twilio-signature"))
                .accepted);
    QCOMPARE(call.engine.requestsTo("/webhook/call_status").size(), 1);
}

void tst_LoopbackCaller::marksComeBackWhenTheAudioHasBeenHeard()
{
    Call call;
    QElapsedTimer timer;
    qint64 immediate = -1, played = -1;
    call.engine.onStart = [&] {
        timer.start();
        call.engine.mark(u"empty"_s);
        call.engine.say(tone(400ms));
        call.engine.mark(u"played"_s);
    };
    call.engine.onMark = [&](const QString& name) {
        (name == u"empty" ? immediate : played) = timer.elapsed();
        if (name == u"played")
            call.engine.close();
    };
    QVERIFY(call.run());
    QVERIFY(immediate >= 0 && immediate <= played);
    QVERIFY2(played >= 380, qPrintable(QString::number(played))); // never early; late is the machine's business
    QCOMPARE(call.engine.events.mid(2), (QStringList{u"mark empty"_s, u"mark played"_s}));
}

void tst_LoopbackCaller::clearStopsTheSoundAndReturnsTheMarks()
{
    Call call;
    call.engine.onStart = [&] {
        call.engine.say(tone(60'000ms));
        call.engine.mark(u"one"_s);
        call.engine.mark(u"two"_s);
        call.engine.clear();
    };
    call.engine.onMark = [&](const QString& name) {
        if (name == u"two")
            call.engine.close();
    };
    QVERIFY(call.run());
    QVERIFY2(call.outcome().ok, qPrintable(call.outcome().reason));
    QCOMPARE(call.engine.events.mid(2), (QStringList{u"mark one"_s, u"mark two"_s}));
    QVERIFY(call.saw(u"agent"_s, u"clear"_s));
    const auto& counters = call.caller->bufferCounters();
    QCOMPARE(counters.bytesQueued, quint64(480'000));
    QCOMPARE(counters.bytesPlayed + counters.bytesCleared, counters.bytesQueued);
    QVERIFY(counters.bytesCleared > 100'000);
}

void tst_LoopbackCaller::theCallerSpeaksPressesKeysAndHangsUp()
{
    Call call(u"noise -45\nplay hello\ndtmf 1#\nhangup"_s);
    QVERIFY(call.run());
    QVERIFY2(call.outcome().ok, qPrintable(call.outcome().reason));
    QTRY_VERIFY(call.engine.streamClosed);
    QCOMPARE(call.engine.events, (QStringList{u"connected"_s, u"start"_s, u"dtmf 1"_s, u"dtmf #"_s, u"stop"_s}));
    QCOMPARE(call.engine.closeCode, 1000);
    QVERIFY(!call.outcome().endedByEngine);
    // Noise is on the line, so nothing is pure silence after the first step.
    QVERIFY(call.engine.heard.right(800).count(char(0xff)) < 400);
    QVERIFY(call.saw(u"caller"_s, u"hangs-up"_s));
    QCOMPARE(call.detail(u"caller"_s, u"speaks"_s), u"hello"_s);
}

void tst_LoopbackCaller::framesGoOutWhateverHappens()
{
    Call call(u"wait 400ms\nhangup"_s);
    QVERIFY(call.run());
    QTRY_VERIFY(call.engine.streamClosed);
    QVERIFY(call.engine.timestamps.size() >= 20);
    QCOMPARE(quint64(call.engine.timestamps.size()), call.outcome().framesSent);
    for (qsizetype i = 0; i < call.engine.timestamps.size(); ++i)
        QCOMPARE(call.engine.timestamps.at(i), quint64(i) * 20);
    QCOMPARE(call.engine.heard, QByteArray(call.engine.heard.size(), char(0xff)));
    QCOMPARE(call.engine.heard.size(), call.engine.timestamps.size() * 160);
}

void tst_LoopbackCaller::theActionDecidesHowTheCallGoesOn()
{
    Call call;
    call.engine.answerWithStream(" action=\"/webhook/after_stream\"", "<Say>Sorry</Say>");
    call.engine.answers["/webhook/after_stream"].body = "<Response><Say>Until next time</Say><Hangup/></Response>";
    call.engine.onStart = [&] { call.engine.close(); };
    QVERIFY(call.run());
    QVERIFY2(call.outcome().ok, qPrintable(call.outcome().reason));
    QCOMPARE(call.detail(u"line"_s, u"say"_s), u"Until next time"_s);
    QCOMPARE(call.caller->timeline().count(u"line"_s, u"say"_s), 1);
    QCOMPARE(call.engine.requestsTo("/webhook/after_stream").size(), 1);
}

void tst_LoopbackCaller::withoutActionTheDocumentGoesOn()
{
    Call call;
    call.engine.answerWithStream(
        {}, "<Say>Sorry</Say><Pause length=\"2\"/><Gather timeout=\"1\"><Say>Press</Say></Gather><Record timeout=\"1\"/><Hangup/><Say>Never</Say>");
    call.engine.onStart = [&] { call.engine.close(); };
    QVERIFY(call.run());
    QStringList lines;
    for (const TimelineEvent& event : call.caller->timeline().events())
        lines += event.what + u' ' + event.detail;
    QVERIFY(lines.contains(u"say Sorry"_s));
    QVERIFY(lines.contains(u"pause 2 s"_s));
    QVERIFY(lines.contains(u"say Press"_s));
    QVERIFY(!lines.contains(u"say Never"_s));
}

void tst_LoopbackCaller::aCallWithoutAStreamIsAConversationToo()
{
    Call call(u"wait-agent-speaking\nwait-agent-silent for 100ms\nplay hello\nwait-end"_s);
    call.engine.answers["/webhook/incoming_call"].body = "<Response><Gather input=\"speech\" speechTimeout=\"1\" "
                                                         "action=\"/turn\"><Say>Yes?</Say></Gather></Response>";
    call.engine.answers["/turn"].body = "<Response><Hangup/></Response>";
    QVERIFY(call.run());
    QVERIFY2(call.outcome().ok, qPrintable(call.outcome().reason));
    QCOMPARE(call.engine.requestsTo("/turn").size(), 1);
    QCOMPARE(call.engine.requestsTo("/turn").first().form.value(u"SpeechResult"), u"hello"_s);
    QCOMPARE(call.engine.requestsTo("/webhook/call_status").size(), 1);
}

void tst_LoopbackCaller::aBusyEngineIsAFailure()
{
    Call call;
    call.engine.answers["/webhook/incoming_call"].body = "<Response><Say>All lines are busy</Say><Hangup/></Response>";
    QVERIFY(call.run());
    QVERIFY(!call.outcome().ok);
    QCOMPARE(call.outcome().reason, u"the engine offered no stream"_s);
    QCOMPARE(call.detail(u"line"_s, u"say"_s), u"All lines are busy"_s);
    QCOMPARE(call.engine.requestsTo("/webhook/call_status").size(), 1);
}

void tst_LoopbackCaller::aFailingWebhookIsAFailure_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("type");
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QString>("reason");
    QTest::newRow("500") << 500 << QByteArray("text/plain") << QByteArray("oops")
                         << u"/webhook/incoming_call answered 500"_s;
    QTest::newRow("403") << 403 << QByteArray("text/plain") << QByteArray() << u"/webhook/incoming_call answered 403"_s;
    QTest::newRow("HTML") << 200 << QByteArray("text/html") << QByteArray("<Response/>")
                          << u"/webhook/incoming_call answered Content-Type \"text/html\", not text/xml"_s;
    QTest::newRow("no TwiML") << 200 << QByteArray("text/xml") << QByteArray("<a/>")
                              << u"/webhook/incoming_call: TwiML line 1: the root is <a>, not <Response>"_s;
    QTest::newRow("empty") << 200 << QByteArray("text/xml") << QByteArray() << u"the engine offered no stream"_s;
}

void tst_LoopbackCaller::aFailingWebhookIsAFailure()
{
    QFETCH(int, status);
    QFETCH(QByteArray, type);
    QFETCH(QByteArray, body);
    QFETCH(QString, reason);
    Call call;
    call.engine.answers["/webhook/incoming_call"] = {status, type, body};
    QVERIFY(call.run());
    QVERIFY(!call.outcome().ok);
    QCOMPARE(call.outcome().reason, reason);
}

void tst_LoopbackCaller::aRefusedStreamIsAFailure()
{
    Call call;
    call.engine.answers["/webhook/incoming_call"].body = "<Response><Connect><Stream url=\"wss://127.0.0.1:"
        + QByteArray::number(call.engine.httpPort()) + "/media/BAD\" statusCallback=\"" + call.engine.base()
        + "/webhook/stream_status\"/></Connect><Say>Sorry</Say></Response>";
    call.engine.answers["/media/BAD"] = {403, "text/plain", "forbidden"};
    QVERIFY(call.run());
    QVERIFY(!call.outcome().ok);
    QVERIFY2(call.outcome().reason.startsWith(u"the stream did not open: 403"_s), qPrintable(call.outcome().reason));
    const auto callbacks = call.engine.requestsTo("/webhook/stream_status");
    QCOMPARE(callbacks.size(), 1);
    QCOMPARE(callbacks.first().form.value(u"StreamEvent"), u"stream-error"_s);
    QCOMPARE(call.detail(u"line"_s, u"say"_s), u"Sorry"_s); // the caller is not left alone
}

void tst_LoopbackCaller::onlyWssIsAStream()
{
    Call call;
    call.engine.answers["/webhook/incoming_call"].body =
        "<Response><Connect><Stream url=\"ws://kav.example.com/media/T\"/></Connect></Response>";
    QVERIFY(call.run());
    QVERIFY(call.outcome().reason.contains(u"31922"_s));
}

void tst_LoopbackCaller::aLostStreamIsAFailure()
{
    Call call;
    call.engine.onStart = [&] { call.engine.stream->abort(); };
    QVERIFY(call.run());
    QVERIFY(!call.outcome().ok);
    QVERIFY2(call.outcome().reason.startsWith(u"the stream was lost"_s), qPrintable(call.outcome().reason));
}

void tst_LoopbackCaller::wrongMessagesAreCountedAndIgnored()
{
    Call call;
    call.engine.onStart = [&] {
        call.engine.stream->sendTextMessage(u"hello"_s);
        call.engine.stream->sendTextMessage(media::TwilioWriter(u"MZother"_s).clear());
        call.engine.stream->sendBinaryMessage("x");
        call.engine.mark(u"after"_s);
    };
    call.engine.onMark = [&](const QString&) { call.engine.close(); };
    QVERIFY(call.run());
    QVERIFY(call.outcome().ok);
    QCOMPARE(call.outcome().refusedMessages, 3);
    QVERIFY(!call.saw(u"agent"_s, u"clear"_s));
}

void tst_LoopbackCaller::aFailedScriptHangsUp()
{
    Call call(u"wait-agent-speaking within 200ms"_s);
    QVERIFY(call.run());
    QVERIFY(!call.outcome().ok);
    QVERIFY(call.outcome().reason.startsWith(u"script line 1"_s));
    QCOMPARE(call.engine.events.last(), u"stop"_s);
    QVERIFY(!call.outcome().endedByEngine);
}

void tst_LoopbackCaller::refusedCallbacksAreCounted()
{
    Call call(u"hangup"_s);
    call.engine.answers["/webhook/stream_status"] = {403, {}, {}};
    QVERIFY(call.run());
    QVERIFY(call.outcome().ok);
    QCOMPARE(call.outcome().failedCallbacks, 2);
    QCOMPARE(call.caller->timeline().count(u"line"_s, u"callback-failed"_s), 2);
}

void tst_LoopbackCaller::redirectsAreFollowedAndBounded()
{
    Call call;
    call.engine.answers["/webhook/incoming_call"].body =
        "<Response><Redirect>/webhook/incoming_call</Redirect></Response>";
    QVERIFY(call.run());
    QCOMPARE(call.outcome().reason, u"more than 10 TwiML documents"_s);
    QCOMPARE(call.engine.requestsTo("/webhook/incoming_call").size(), 10);
}

QTEST_GUILESS_MAIN(tst_LoopbackCaller)
#include "tst_loopbackcaller.moc"
