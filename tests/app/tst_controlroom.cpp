// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/queries.h"
#include "engine/media/wav.h"
#include "tests/app/engineundertest.h"
#include "tests/support/consoleclient.h"
#include "tests/support/fakeclock.h"

#include <QFile>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

constexpr int Patience = 30000; // of the test

/// A second of a voice that the engine takes for a person, as a WAV file.
QByteArray voiceFile()
{
    SyntheticVoice voice;
    std::vector<qint16> samples;
    for (int frame = 0; frame < 50; ++frame) {
        for (const char code : voice.frame())
            samples.push_back(media::fromMulaw(static_cast<quint8>(code)));
    }
    QTemporaryDir directory;
    const QString path = directory.filePath(u"voice.wav"_s);
    auto writer = media::WavWriter::create(path, 8000, 1);
    if (!writer || !(*writer)->write(samples) || !(*writer)->close())
        qFatal("no WAV");
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        qFatal("no WAV to read");
    return file.readAll();
}

void sayLongAnswers(EngineUnderTest& kav)
{
    kav.makers.languageModel = only([]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        StandInLanguageModel::Settings settings;
        settings.script = {{u"Hello."_s, {}, false},
            {u"This answer is so long that an operator may well lose patience with it before it has come to its end."_s,
                {}, false}};
        return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
    });
}

QString messageOf(const std::optional<protocol::Reply>& reply)
{
    const auto* error = reply ? std::get_if<protocol::CommandError>(&reply->outcome) : nullptr;
    return error ? error->message : QString();
}

} // namespace

/// What an operator meets: a console on the engine's own port, over real sockets.
class tst_ControlRoom final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_log = std::make_unique<LogCatcher>(); }
    void cleanup() { m_log.reset(); }

    void theEngineAndItsServicesAreShown();
    void aConsoleMayComeBeforeAnythingHasBegun();
    void aTokenOpensTheDoor();
    void aPageOfABrowserIsRefused();
    void theRouteItselfIsForWebSockets();
    void readinessSaysTheSameToAll();
    void aLampIsToldWhenItChangesAndNowAndThen();

    void aCallIsShownFromItsRingingToItsEnd();
    void theTurnsOfAWatchedCallCome();
    void aRingingCallThatNeverStreamsEnds();
    void aRingingCallEndsWhenTwilioSaysSo();
    void aStreamThatIsRefusedEndsItsCall();

    void theAgentIsInterrupted();
    void aCallIsEndedWithAndWithoutGoodbye();
    void whatIsNotLiveCannotBeCommanded();

    void theLogIsQueried();
    void withoutADatabaseTheLogIsUnavailable();

    void aTestCallGoesEndToEnd();
    void aSignedTestCallReachesAPublicEngine();
    void aTestCallThatCannotBeSaysWhy();
    void aTestCallThatIsTurnedAwayIsShown();

    void aFailedServiceIsMadeAnew();
    void everyChangeOfALampIsLogged();
    void aDrainIsShown();
    void consolesAreCounted();

private:
    std::unique_ptr<LogCatcher> m_log;
};

// ---- the engine -----------------------------------------------------------------------------------------------------

void tst_ControlRoom::theEngineAndItsServicesAreShown()
{
    EngineUnderTest kav;
    kav.config.capacity = 7;
    kav.config.deployId = u"blue-42"_s;
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    QCOMPARE(console.welcome->engineName, u"blue-42"_s);
    QVERIFY(!console.welcome->engineVersion.isEmpty());
    QCOMPARE(console.welcome->operatorName, u"tess"_s);
    QVERIFY(console.engine.ready);
    QCOMPARE(console.engine.notReady, QStringList());
    QCOMPARE(console.engine.capacity, 7);
    QTRY_COMPARE(console.engine.consoles, 1);
    for (const QString& id : {u"stt"_s, u"llm"_s, u"tts"_s}) {
        const ServiceStatus service = console.services.value(id);
        QCOMPARE(service.state, ServiceState::Ready);
        QCOMPARE(service.name, u"stand-in"_s);
        QVERIFY(service.took.has_value());
        QVERIFY(service.since.isValid() && service.checkedAt.isValid());
    }
    QTRY_COMPARE(console.services.value(u"store"_s).state, ServiceState::Ready);
    QCOMPARE(console.services.value(u"store"_s).name, u"sqlite"_s);
    QCOMPARE(console.services.value(u"media"_s).state, ServiceState::Ready);
    QCOMPARE(console.services.value(u"media"_s).name, u"2 threads"_s);
    // Beside its stage, each provider: not used yet.
    for (const QString& stage : {u"stt"_s, u"llm"_s, u"tts"_s}) {
        const ServiceStatus provider = console.services.value(stage + u"/stand-in"_s);
        QCOMPARE(provider.stage, stage);
        QCOMPARE(provider.state, ServiceState::Ready);
        QCOMPARE(provider.use, std::optional(ServiceUse()));
    }
    QCOMPARE(console.services.size(), 8);
    QCOMPARE(errorOf(console.ask(protocol::WarmService{0, u"stt/elsewhere"_s})), u"not-possible"_s);
    QVERIFY(console.calls.isEmpty());
    QCOMPARE(console.faults, QStringList());
}

void tst_ControlRoom::aConsoleMayComeBeforeAnythingHasBegun()
{
    EngineUnderTest kav;
    kav.listen();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    QVERIFY(!console.engine.ready);
    QVERIFY(console.engine.notReady.contains(u"workers"_s));
    QCOMPARE(console.services.value(u"stt"_s).state, ServiceState::Off);
    QCOMPARE(console.services.value(u"media"_s).state, ServiceState::Off);
    QCOMPARE(errorOf(console.ask(protocol::QueryLog{})), u"unavailable"_s);
    QCOMPARE(errorOf(console.ask(protocol::WarmService{0, u"stt"_s})), u"not-possible"_s);
    QCOMPARE(errorOf(console.ask(protocol::StartTestCall{0, {u"hello"_s}, {}, {}})), u"not-possible"_s);
    QCOMPARE(errorOf(console.ask(protocol::EndCall{0, u"CA1"_s, true})), u"no-such-call"_s);
    kav.begin();
    QTRY_VERIFY(console.engine.ready);
    QTRY_COMPARE(console.services.value(u"stt"_s).state, ServiceState::Ready);
    QTRY_COMPARE(console.services.value(u"media"_s).state, ServiceState::Ready);
    // There is no schema: the journal keeps the log, and the lamp says what mends it.
    QTRY_COMPARE(console.services.value(u"store"_s).state, ServiceState::Failed);
    QVERIFY(console.services.value(u"store"_s).reason.contains(u"kav-engine migrate"_s));
    QCOMPARE(console.faults, QStringList());
}

void tst_ControlRoom::aTokenOpensTheDoor()
{
    EngineUnderTest kav;
    kav.config.consoleTokens = *control::ConsoleTokens::parse(u"alice:canary-of-alice-0"_s);
    kav.serve();
    ConsoleClient stranger;
    stranger.hello.token = u"canary-of-mallory"_s;
    QVERIFY(!stranger.open(kav.port()));
    QVERIFY(stranger.refusal);
    QCOMPARE(stranger.refusal->code, protocol::ErrorCode::Unauthorized);
    QTRY_COMPARE(stranger.closeCode, 4401);
    ConsoleClient alice;
    alice.hello.token = u"canary-of-alice-0"_s;
    QVERIFY(alice.open(kav.port()));
    QCOMPARE(alice.welcome->operatorName, u"alice"_s); // whatever she calls herself
    QCOMPARE(kav.metric("kav_console_auth_failures_total"), "1");
    for (const QString& line : LogCatcher::lines())
        QVERIFY2(!line.contains(u"canary"_s), qPrintable(line));
}

void tst_ControlRoom::aPageOfABrowserIsRefused()
{
    EngineUnderTest kav;
    kav.config.consoleOrigins = {u"https://desk.example.com"_s};
    kav.serve();
    const auto statusFor = [&kav](const QByteArray& origin) {
        const QByteArray line = "Origin: " + origin + "\r\n\r\n";
        return RawClient(kav.port(), upgradeHead("/console").chopped(2) + line).response().status;
    };
    QCOMPARE(statusFor("https://evil.example"), 403);
    QCOMPARE(statusFor("https://desk.example.com"), 101);
}

void tst_ControlRoom::theRouteItselfIsForWebSockets()
{
    EngineUnderTest kav;
    kav.serve();
    const RawResponse page = kav.get("/console");
    QCOMPARE(page.status, 426);
    QCOMPARE(page.header("upgrade"), "websocket");
    QCOMPARE(kav.request("POST", "/console", "x=1").status, 405);
}

void tst_ControlRoom::readinessSaysTheSameToAll()
{
    EngineUnderTest kav;
    kav.config.capacity = 1;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    QCOMPARE(kav.readiness().value(u"status"_s).toInt(), 200);
    QVERIFY(console.engine.ready);
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_COMPARE(console.engine.notReady, QStringList{u"full"_s});
    QVERIFY(!console.engine.ready);
    QCOMPARE(console.engine.calls, 1);
    QCOMPARE(kav.readiness().value(u"status"_s).toInt(), 503);
    caller.hangUp();
    QTRY_VERIFY(console.engine.ready);
    QCOMPARE(console.engine.calls, 0);
    QCOMPARE(kav.readiness().value(u"status"_s).toInt(), 200);
}

void tst_ControlRoom::aLampIsToldWhenItChangesAndNowAndThen()
{
    FakeClock clock;
    const app::Config config;
    EngineStatus engine;
    engine.capacity = 1;
    ServiceStatus lamp;
    lamp.id = u"store"_s;
    app::ControlRoom::Hooks hooks;
    hooks.engine = [&engine] { return engine; };
    hooks.services = [&lamp] { return QList<ServiceStatus>{lamp}; };
    app::ControlRoom room(config, clock, hooks);
    const auto told = [&room] { return int(room.hub().counters().changes); };
    room.refresh();
    QCOMPARE(told(), 2);
    clock.advance(9s);
    room.refresh();
    QCOMPARE(told(), 2); // all is as it was
    lamp.state = ServiceState::Ready;
    room.refresh();
    QCOMPARE(told(), 3);
    clock.advance(9s);
    room.refresh();
    QCOMPARE(told(), 3);
    clock.advance(1s);
    room.refresh(); // looked at anew
    QCOMPARE(told(), 4);
    engine.draining = true;
    room.refresh();
    room.refresh();
    QCOMPARE(told(), 5);
}

// ---- calls ----------------------------------------------------------------------------------------------------------

void tst_ControlRoom::aCallIsShownFromItsRingingToItsEnd()
{
    EngineUnderTest kav;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    Caller caller(kav);
    const QString id = caller.twilio.ids().callSid;
    const QByteArray path = kav.offeredPath(caller.twilio.ids());
    QTRY_VERIFY(console.calls.contains(id));
    const CallSummary ringing = console.calls.value(id);
    QCOMPARE(ringing.state, CallState::Ringing);
    QCOMPARE(ringing.direction, u"inbound"_s);
    QCOMPARE(ringing.language, u"en-US"_s);
    QVERIFY(!ringing.test);
    QVERIFY(!ringing.from.contains(u"15005550006"_s));
    QVERIFY(ringing.from.endsWith(u"0006"_s));
    QVERIFY(!console.log.contains(id)); // the log begins with the stream

    QVERIFY(caller.openStream(path));
    QTRY_VERIFY(console.log.contains(id));
    QVERIFY(!console.log.value(id).endedAt.isValid());
    QVERIFY(!console.log.value(id).from.contains(u"15005550006"_s));
    QTRY_COMPARE(console.calls.value(id).state, CallState::Listening);
    caller.speak(800ms);
    QTRY_COMPARE_WITH_TIMEOUT(kav.turns.size(), 2, 10000);
    QTRY_COMPARE(console.calls.value(id).turn, 2);
    QTRY_VERIFY(console.calls.value(id).lastGap.has_value());
    caller.hangUp();
    QTRY_COMPARE(console.calls.value(id).state, CallState::Ended);
    const CallSummary ended = console.calls.value(id);
    QCOMPARE(ended.reason, EndReason::CallerHungUp);
    QVERIFY(ended.endedAt.isValid());
    QCOMPARE(ended.startedAt, ringing.startedAt); // since the telephone rang
    QTRY_VERIFY(console.log.value(id).endedAt.isValid());
    const CallLogRow row = console.log.value(id);
    QCOMPARE(row.reason, EndReason::CallerHungUp);
    QCOMPARE(row.turns, 2);
    QVERIFY(row.duration > 0ms);

    const QList<CallState> states = console.states.value(id);
    QCOMPARE(states.first(), CallState::Ringing);
    QCOMPARE(states.last(), CallState::Ended);
    for (const CallState state : {CallState::Greeting, CallState::CallerSpeaking, CallState::Speaking})
        QVERIFY2(states.contains(state), qPrintable(callStateName(state)));
    QVERIFY(states.indexOf(CallState::Greeting) < states.indexOf(CallState::CallerSpeaking));
    QVERIFY(states.indexOf(CallState::CallerSpeaking) < states.indexOf(CallState::Speaking));
    QCOMPARE(console.faults, QStringList());
}

void tst_ControlRoom::theTurnsOfAWatchedCallCome()
{
    EngineUnderTest kav;
    kav.serve();
    ConsoleClient watching, other;
    QVERIFY(watching.open(kav.port()));
    QVERIFY(other.open(kav.port()));
    Caller caller(kav);
    const QString id = caller.twilio.ids().callSid;
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    const auto transcript = resultOf<protocol::CallTranscript>(watching.ask(protocol::WatchCall{0, id}));
    QVERIFY(transcript);
    QCOMPARE(transcript->call, id);
    QCOMPARE(transcript->turns.value(0).record.input, TurnInput::Opening);
    caller.speak(800ms);
    const auto second = [&] { return watching.turns.value(id).value(2); };
    QTRY_COMPARE_WITH_TIMEOUT(second().record.callerText, u"hello there"_s, 10000);
    QTRY_COMPARE(second().record.agentText, u"You said hello there."_s);
    QTRY_VERIFY_WITH_TIMEOUT(!second().open, 10000);
    QCOMPARE(second().record.heardText, u"You said hello there."_s);
    QVERIFY(second().record.latency.total.has_value());
    QVERIFY(other.turns.isEmpty());
    QVERIFY(!other.calls.isEmpty());
    QCOMPARE(errorOf(watching.ask(protocol::UnwatchCall{0, id})), QString());
    QCOMPARE(watching.faults + other.faults, QStringList());
}

void tst_ControlRoom::aRingingCallThatNeverStreamsEnds()
{
    EngineUnderTest kav;
    kav.config.mediaTokenTtl = 100ms;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    const auto ids = telephony::StreamIds::random();
    QVERIFY(!kav.offeredPath(ids).isEmpty());
    QTRY_COMPARE(console.calls.value(ids.callSid).state, CallState::Ringing);
    QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(ids.callSid).state, CallState::Ended, 10000);
    QCOMPARE(console.calls.value(ids.callSid).reason, EndReason::StreamLost);
    QTRY_COMPARE(console.log.size(), 1); // it is in the log all the same
    QCOMPARE(console.log.value(ids.callSid).reason, EndReason::StreamLost);
}

void tst_ControlRoom::aRingingCallEndsWhenTwilioSaysSo()
{
    EngineUnderTest kav;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    const auto ids = telephony::StreamIds::random();
    QVERIFY(!kav.offeredPath(ids).isEmpty());
    QTRY_VERIFY(console.calls.contains(ids.callSid));
    QCOMPARE(kav.webhook("call_status", ids, u"in-progress"_s).status, 204);
    QCOMPARE(kav.webhook("call_status", ids, u"completed"_s).status, 204);
    QTRY_COMPARE(console.calls.value(ids.callSid).state, CallState::Ended);
    QCOMPARE(console.calls.value(ids.callSid).reason, EndReason::CallerHungUp);

    const auto lost = telephony::StreamIds::random();
    QVERIFY(!kav.offeredPath(lost).isEmpty());
    QTRY_VERIFY(console.calls.contains(lost.callSid));
    const telephony::FormBody form({{u"CallSid"_s, lost.callSid}, {u"AccountSid"_s, lost.accountSid},
        {u"StreamSid"_s, lost.streamSid}, {u"StreamEvent"_s, u"stream-error"_s}});
    QCOMPARE(kav.request("POST", "/webhook/stream_status", form.encode()).status, 204);
    QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(lost.callSid).state, CallState::Ended, 15000);
    QCOMPARE(console.calls.value(lost.callSid).reason, EndReason::StreamLost);

    // What Twilio says of a call that has its stream changes nothing: the stream tells.
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    QCOMPARE(kav.webhook("call_status", caller.twilio.ids(), u"completed"_s).status, 204);
    QCOMPARE(errorOf(console.ask(protocol::WatchCall{0, caller.twilio.ids().callSid})), QString());
    QVERIFY(console.calls.value(caller.twilio.ids().callSid).state != CallState::Ended);
}

void tst_ControlRoom::aStreamThatIsRefusedEndsItsCall()
{
    EngineUnderTest kav;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    // A good token with another call's `start`.
    const auto ids = telephony::StreamIds::random();
    Caller thief(kav);
    QVERIFY(thief.twilio.open(kav.port(), kav.offeredPath(ids)));
    thief.twilio.start();
    QTRY_COMPARE(kav.ends.size(), 1);
    QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(ids.callSid).state, CallState::Ended, 15000);
    QCOMPARE(console.calls.value(ids.callSid).reason, EndReason::Refused);
    QTRY_COMPARE(console.log.size(), 1);
}

// ---- acts -----------------------------------------------------------------------------------------------------------

void tst_ControlRoom::theAgentIsInterrupted()
{
    EngineUnderTest kav;
    sayLongAnswers(kav);
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    Caller caller(kav);
    const QString id = caller.twilio.ids().callSid;
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    caller.speak(1000ms);
    QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(id).state, CallState::Speaking, 10000);
    QCOMPARE(errorOf(console.ask(protocol::InterruptCall{0, id})), QString());
    QTRY_COMPARE(caller.twilio.clears, 1);
    QTRY_COMPARE(console.calls.value(id).state, CallState::Listening);
    QTRY_COMPARE(kav.turns.size(), 2);
    QVERIFY(kav.turns.last().interrupted);
    // Nothing is left to interrupt.
    const auto again = console.ask(protocol::InterruptCall{0, id});
    QCOMPARE(errorOf(again), u"not-possible"_s);
    QVERIFY(!messageOf(again).isEmpty());
    QCOMPARE(console.faults, QStringList());
}

void tst_ControlRoom::aCallIsEndedWithAndWithoutGoodbye()
{
    EngineUnderTest kav;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    Caller first(kav), second(kav);
    QVERIFY(first.call());
    QVERIFY(second.call());
    QTRY_VERIFY(first.hasHeardOut() && second.hasHeardOut());
    const int before = first.twilio.mediaMessages;
    QCOMPARE(errorOf(console.ask(protocol::EndCall{0, first.twilio.ids().callSid, false})), QString());
    QCOMPARE(errorOf(console.ask(protocol::EndCall{0, second.twilio.ids().callSid, true})), QString());
    QTRY_COMPARE(console.calls.value(second.twilio.ids().callSid).state, CallState::Ended);
    QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(first.twilio.ids().callSid).state, CallState::Ended, 15000);
    QVERIFY(console.states.value(first.twilio.ids().callSid).contains(CallState::Ending));
    QVERIFY(first.twilio.mediaMessages > before); // its goodbye
    for (const Caller* caller : {&first, &second})
        QCOMPARE(console.calls.value(caller->twilio.ids().callSid).reason, EndReason::OperatorEnded);
}

void tst_ControlRoom::whatIsNotLiveCannotBeCommanded()
{
    EngineUnderTest kav;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    QCOMPARE(errorOf(console.ask(protocol::InterruptCall{0, u"CA0"_s})), u"no-such-call"_s);
    QCOMPARE(errorOf(console.ask(protocol::EndCall{0, u"CA0"_s, true})), u"no-such-call"_s);
    const auto ids = telephony::StreamIds::random();
    QVERIFY(!kav.offeredPath(ids).isEmpty());
    QCOMPARE(errorOf(console.ask(protocol::EndCall{0, ids.callSid, true})), u"not-possible"_s);
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    caller.hangUp();
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(errorOf(console.ask(protocol::EndCall{0, caller.twilio.ids().callSid, true})), u"no-such-call"_s);
    QCOMPARE(errorOf(console.ask(protocol::WarmService{0, u"media"_s})), u"not-possible"_s);
    QCOMPARE(errorOf(console.ask(protocol::WarmService{0, u"stt"_s})), u"not-possible"_s); // it is ready
}

// ---- the log --------------------------------------------------------------------------------------------------------

void tst_ControlRoom::theLogIsQueried()
{
    EngineUnderTest kav;
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    QList<QString> ids;
    for (int i = 0; i < 2; ++i) {
        Caller caller(kav);
        QVERIFY(caller.call());
        QTRY_VERIFY(caller.hasHeardOut());
        ids += caller.twilio.ids().callSid;
        caller.hangUp();
        QTRY_COMPARE(kav.ends.size(), i + 1);
    }
    const auto page = [&console](const QString& text, const QString& after, int limit) {
        return resultOf<protocol::LogPage>(console.ask(protocol::QueryLog{0, text, after, limit}));
    };
    // Stored a moment after it happened.
    QTRY_VERIFY(page({}, {}, 50)->rows.size() == 2 && page({}, {}, 50)->rows.first().endedAt.isValid());
    auto newest = page({}, {}, 1);
    QCOMPARE(newest->rows.size(), 1);
    QVERIFY(!newest->next.isEmpty());
    // Told and read are one and the same.
    QCOMPARE(newest->rows.first(), console.log.value(ids.last()));
    const auto oldest = page({}, newest->next, 1);
    QCOMPARE(oldest->rows.first().id, ids.first());
    QVERIFY(oldest->next.isEmpty());
    QCOMPARE(page(ids.first(), {}, 50)->rows.size(), 1);
    QCOMPARE(page(u"never said"_s, {}, 50)->rows.size(), 0);

    const auto detail = resultOf<protocol::CallDetail>(console.ask(protocol::QueryCall{0, ids.first()}));
    QVERIFY(detail);
    QCOMPARE(detail->row, console.log.value(ids.first()));
    QCOMPARE(detail->turns.size(), 1);
    QVERIFY(!detail->turns.first().open);
    QStringList tokens;
    for (const CallEvent& event : detail->events)
        tokens += event.token;
    QCOMPARE(tokens.value(0), u"WS_START"_s);
    QVERIFY(tokens.contains(u"WS_STOP"_s));
    QCOMPARE(errorOf(console.ask(protocol::QueryCall{0, u"CA0"_s})), u"no-such-call"_s);
    QCOMPARE(errorOf(console.ask(protocol::QueryLog{0, {}, u"nonsense"_s, 50})), u"not-possible"_s);
    QCOMPARE(console.faults, QStringList());
}

void tst_ControlRoom::withoutADatabaseTheLogIsUnavailable()
{
    EngineUnderTest kav;
    kav.config.callLog.databaseUrl = u"off"_s;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    QCOMPARE(console.services.value(u"store"_s).state, ServiceState::Off);
    const auto page = console.ask(protocol::QueryLog{});
    QCOMPARE(errorOf(page), u"unavailable"_s);
    QVERIFY2(messageOf(page).contains(u"off"_s), qPrintable(messageOf(page)));
    QCOMPARE(errorOf(console.ask(protocol::QueryCall{0, u"CA0"_s})), u"unavailable"_s);
}

// ---- test calls -----------------------------------------------------------------------------------------------------

void tst_ControlRoom::aTestCallGoesEndToEnd()
{
    EngineUnderTest kav;
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    const auto started =
        resultOf<protocol::TestCallStarted>(console.ask(protocol::StartTestCall{0, {}, voiceFile(), {}}));
    QVERIFY(started);
    const QString id = started->call;
    QTRY_VERIFY(console.calls.contains(id));
    QVERIFY(console.calls.value(id).test);
    QCOMPARE(errorOf(console.ask(protocol::WatchCall{0, id})), QString());
    QTRY_COMPARE_WITH_TIMEOUT(console.turns.value(id).value(2).record.callerText, u"hello there"_s, 15000);
    QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(id).state, CallState::Ended, 15000);
    QCOMPARE(console.calls.value(id).reason, EndReason::CallerHungUp);
    QVERIFY(console.calls.value(id).test);
    QTRY_VERIFY(console.log.value(id).endedAt.isValid());
    QVERIFY(console.log.value(id).test);
    const auto stored = [&] { return resultOf<protocol::CallDetail>(console.ask(protocol::QueryCall{0, id})); };
    QTRY_VERIFY(stored() && stored()->row.endedAt.isValid());
    QVERIFY(stored()->row.test);
    QTRY_VERIFY(LogCatcher::lines().contains(QString(id + u" test call went through"_s)));
}

void tst_ControlRoom::aSignedTestCallReachesAPublicEngine()
{
    EngineUnderTest kav;
    kav.config.twilioAuthToken = u"canary-token"_s;
    kav.config.twilioAccountSid = u"AC00000000000000000000000000000042"_s;
    kav.config.publicUrl = u"https://kav.example.com/voice"_s;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    // The words are in the engine's own voice.
    const auto started =
        resultOf<protocol::TestCallStarted>(console.ask(protocol::StartTestCall{0, {u"hello"_s}, {}, {}}));
    QVERIFY(started);
    QTRY_COMPARE(console.calls.value(started->call).state, CallState::Listening);
    QCOMPARE(errorOf(console.ask(protocol::EndCall{0, started->call, true})), QString());
    QTRY_COMPARE(console.calls.value(started->call).state, CallState::Ended);
}

void tst_ControlRoom::aTestCallThatCannotBeSaysWhy()
{
    EngineUnderTest kav;
    kav.config.withoutStream = false;
    kav.makers.textToSpeech = only([]() -> Result<std::shared_ptr<providers::TextToSpeech>> {
        return Error{Error::Code::Denied, u"no voice today"_s, {}};
    });
    kav.config.capacity = 1;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    const auto ask = [&console](const QStringList& say, const QByteArray& wav, const QString& digits) {
        const auto reply = console.ask(protocol::StartTestCall{0, say, wav, digits});
        return QString(errorOf(reply) + u": "_s + messageOf(reply));
    };
    QCOMPARE(ask({}, {}, {}), u"not-possible: nothing to say"_s);
    QCOMPARE(ask({}, "noise", {}), u"not-possible: WAV: not a RIFF WAVE file"_s);
    QCOMPARE(ask({u"hello"_s}, {}, {}), u"unavailable: there is no voice to say it in: see tts"_s);
    Caller caller(kav);
    QVERIFY(caller.call());
    QCOMPARE(ask({}, {}, u"1"_s), u"not-possible: the engine is full"_s);
    QTRY_COMPARE(kav.engine().liveCalls(), 1);
    kav.engine().drain();
    QVERIFY2(ask({}, {}, u"1"_s).startsWith(u"not-possible: the engine is draining"_s), "");
}

void tst_ControlRoom::aTestCallThatIsTurnedAwayIsShown()
{
    EngineUnderTest kav;
    kav.config.withoutStream = false;
    kav.config.capacity = 1;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    // Two at once, and room for one: the other is answered busy.
    console.send(protocol::StartTestCall{1001, {}, {}, u"1"_s});
    console.send(protocol::StartTestCall{1002, {}, {}, u"1"_s});
    QTRY_COMPARE(console.calls.size(), 2);
    const auto refused = [&console] {
        return std::count_if(console.calls.cbegin(), console.calls.cend(), [](const CallSummary& call) {
            return call.state == CallState::Ended
                && (call.reason == EndReason::Refused || call.reason == EndReason::StreamLost);
        });
    };
    QTRY_COMPARE_WITH_TIMEOUT(refused(), 1, 15000); // the busy line is heard out
    for (const CallSummary& call : std::as_const(console.calls))
        QVERIFY(call.test);
}

// ---- services and the end -------------------------------------------------------------------------------------------

void tst_ControlRoom::aFailedServiceIsMadeAnew()
{
    EngineUnderTest kav;
    const auto attempts = std::make_shared<std::atomic<int>>(0);
    kav.config.providers.retry = 3600s;
    kav.makers.languageModel = only([attempts]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        if (++*attempts == 1)
            return Error{Error::Code::Denied, u"no key for the oracle"_s, {}};
        return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>());
    });
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    const ServiceStatus failed = console.services.value(u"llm"_s);
    QCOMPARE(failed.state, ServiceState::Failed);
    QVERIFY2(failed.reason.contains(u"no key for the oracle"_s), qPrintable(failed.reason));
    QVERIFY(failed.retryAt > failed.since.addSecs(3000));
    QCOMPARE(errorOf(console.ask(protocol::WarmService{0, u"llm"_s})), QString());
    QTRY_COMPARE(console.services.value(u"llm"_s).state, ServiceState::Ready);
    QVERIFY(console.services.value(u"llm"_s).reason.isEmpty());
    QCOMPARE(attempts->load(), 2);
    const auto again = console.ask(protocol::WarmService{0, u"llm"_s});
    QCOMPARE(errorOf(again), u"not-possible"_s);
    QCOMPARE(messageOf(again), u"llm is ready"_s);
}

void tst_ControlRoom::everyChangeOfALampIsLogged()
{
    EngineUnderTest kav;
    QVERIFY(calllog::migrate(kav.config.callLog));
    const auto attempts = std::make_shared<std::atomic<int>>(0);
    kav.config.providers.retry = 3600s;
    kav.makers.languageModel = only([attempts]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        if (++*attempts == 1)
            return Error{Error::Code::Denied, u"no key for the oracle"_s, {}};
        return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>());
    });
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    QTRY_COMPARE_WITH_TIMEOUT(console.services.value(u"llm"_s).state, ServiceState::Failed, Patience);
    QCOMPARE(errorOf(console.ask(protocol::WarmService{0, u"llm"_s})), QString());
    QTRY_COMPARE_WITH_TIMEOUT(console.services.value(u"llm"_s).state, ServiceState::Ready, Patience);
    Caller caller(kav);
    QVERIFY(caller.call());
    const QString id = caller.twilio.ids().callSid;
    const auto states = [&]() -> QMap<QString, QStringList> {
        const auto queries = calllog::Queries::open(kav.config.callLog);
        const auto changes = (*queries)->serviceStates(id, QDateTime::currentDateTimeUtc());
        QMap<QString, QStringList> all;
        for (const CallEvent& change : *changes) {
            const QString reason = change.data.value(u"reason"_s).toString();
            all[change.data.value(u"service"_s).toString()] += change.data.value(u"state"_s).toString()
                + (reason.contains(u"oracle"_s) ? u", with why"_s : QString());
        }
        return all;
    };
    // The database follows a moment later, and then the lamps of this engine's life are the call's.
    QTRY_VERIFY_WITH_TIMEOUT(states().value(u"llm"_s).endsWith(u"ready"_s), Patience);
    QVERIFY2(states().value(u"llm"_s).contains(u"failed, with why"_s), qPrintable(states().value(u"llm"_s).join(u' ')));
    QTRY_COMPARE_WITH_TIMEOUT(states().value(u"store"_s).value(states().value(u"store"_s).size() - 1), u"ready"_s, Patience);
    for (const QString& service : {u"stt"_s, u"tts"_s, u"media"_s, u"llm/stand-in"_s}) {
        const QStringList told = states().value(service);
        QVERIFY2(told.contains(u"ready"_s), qPrintable(service));
        QVERIFY2(std::adjacent_find(told.cbegin(), told.cend()) == told.cend(),
            qPrintable(service + u": "_s + told.join(u' ')));
    }
    caller.hangUp();
    QTRY_COMPARE_WITH_TIMEOUT(kav.ends.size(), 1, Patience);
}

void tst_ControlRoom::aDrainIsShown()
{
    EngineUnderTest kav;
    kav.serve();
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    QSignalSpy drained(&kav.engine(), &app::Engine::drained);
    kav.engine().drain();
    QTRY_VERIFY(console.engine.draining);
    QCOMPARE(console.engine.notReady, QStringList{u"draining"_s});
    QCOMPARE(console.engine.calls, 1);
    QVERIFY(console.isOpen());
    caller.hangUp();
    QTRY_COMPARE(drained.size(), 1);
    QTRY_COMPARE(console.closeCode, 1001);
}

void tst_ControlRoom::consolesAreCounted()
{
    EngineUnderTest kav;
    kav.serve();
    QCOMPARE(kav.metric("kav_consoles_connected"), "0");
    ConsoleClient console;
    QVERIFY(console.open(kav.port()));
    QCOMPARE(kav.metric("kav_consoles_connected"), "1");
    QVERIFY(kav.metric("kav_console_changes_total").toInt() > 0);
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(!console.calls.isEmpty());
    QVERIFY(kav.metric("kav_console_deltas_total").toInt() > 0);
    QVERIFY(kav.metric("kav_console_sent_bytes_total").toInt() > 0);
    console.close();
    QTRY_COMPARE(kav.metric("kav_consoles_connected"), "0");
}

QTEST_GUILESS_MAIN(tst_ControlRoom)
#include "tst_controlroom.moc"
