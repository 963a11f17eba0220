// SPDX-License-Identifier: Apache-2.0
#include "engine/app/phonecommand.h"
#include "engine/calllog/queries.h"
#include "shared/protocol/version.h"
#include "tests/app/engineundertest.h"
#include "tests/support/consoleclient.h"
#include "tests/support/twilio/faketwilioservice.h"

#include <QTcpServer>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

const QString Callee = u"+972501234567"_s, Own = u"+97231234567"_s;
using Answer = FakeTwilioService::Person::Answer;

quint16 freePort()
{
    QTcpServer server;
    server.listen(QHostAddress::LocalHost);
    return server.serverPort();
}

/// An engine that may call, and Twilio at its other side.
struct World final {
    const quint16 port = freePort();
    SystemClock clock;
    FakeTwilioService twilio{clock, u"127.0.0.1:%1"_s.arg(port)};
    std::unique_ptr<EngineUnderTest> kav;
    ConsoleClient console;

    void configure(app::Config& config) const
    {
        config.port = port;
        config.publicUrl = config.outbound.publicUrl = u"https://kav.example.com"_s;
        config.twilioAuthToken = QString::fromLatin1(twilio.authToken);
        config.twilioAccountSid = config.rest.accountSid = twilio.accountSid;
        config.rest.authToken = twilio.authToken;
        config.rest.apiUrl = twilio.apiUrl().toString();
        config.outbound.numbers = {Own};
        config.outbound.allow = {u"+97250*"_s};
        config.outbound.callsPerSecond = 20;
        config.callLog.bootstrap = true;
        providers::Persona desk;
        desk.name = u"desk"_s;
        desk.greeting = u"Welcome."_s;
        desk.outboundGreeting = u"We are calling you back."_s;
        desk.voicemailMessage = u"Please call us back."_s;
        config.personas = std::make_shared<const dialog::PersonaBook>(QList<providers::Persona>{desk});
    }
    void begin()
    {
        kav = std::make_unique<EngineUnderTest>();
        configure(kav->config);
        kav->serve();
        if (!console.open(port))
            qFatal("no console");
    }
    protocol::PlaceCall wish(protocol::Detection detection = protocol::Detection::Off) const
    {
        return {0, Callee, {}, u"desk"_s, detection};
    }
    /// The placing's id, or what was wrong.
    QString place(const protocol::PlaceCall& wish)
    {
        const auto reply = console.ask(wish);
        if (!reply)
            return u"no reply"_s;
        if (const auto* error = std::get_if<protocol::CommandError>(&reply->outcome))
            return error->message;
        const auto* placed = std::get_if<protocol::CallPlaced>(&std::get<protocol::CommandResult>(reply->outcome));
        return placed ? placed->placed : u"another result"_s;
    }
    CallSummary call(const QString& placed) const
    {
        for (const CallSummary& one : console.calls) {
            if (one.placed == placed && one.id != placed)
                return one;
        }
        return console.calls.value(placed);
    }
    bool isRinging(const QString& placed) const
    {
        return call(placed).id.startsWith(u"CA"_s) && call(placed).state == CallState::Ringing;
    }
    bool isOver(const QString& placed) const { return call(placed).state == CallState::Ended; }
    /// The call log's row; only one there can be.
    CallLogRow row() const
    {
        const auto queries = calllog::Queries::open(kav->config.callLog);
        const auto page = queries ? (*queries)->calls({}) : Result<calllog::CallPage>(queries.error());
        return page && page->calls.size() == 1 ? page->calls.front() : CallLogRow{};
    }
};

} // namespace

/// Calls that the engine makes, from an operator's wish to the record, through Twilio.
class tst_Outbound final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_log = std::make_unique<LogCatcher>(); }
    void cleanup() { m_log.reset(); }

    void aPersonAnswersAndTalks();
    void whoIsNotReachedHasARecord_data();
    void whoIsNotReachedHasARecord();
    void aVoicemailGetsTheMessageAfterItsBeep();
    void aMachineIsHungUpOn();
    void aCallThatTwilioMadeAndDidNotConfirmIsMadeOnce();
    void whoIsNotOnTheListIsNotCalled();
    void withoutAListNobodyOffersIt();
    void anOperatorGivesUpARingingCall();
    void anEngineThatIsStartedAnewHoldsTheCallThatRings();
    void theCommandLineCallsAndTells();
    void theCommandLineRefusesAndAsks();

private:
    std::unique_ptr<LogCatcher> m_log;
};

void tst_Outbound::aPersonAnswersAndTalks()
{
    World world;
    world.twilio.people[Callee] = {
        Answer::Answers, 300ms, {}, *telephony::parseScript(u"wait-agent-speaking\nwait-agent-silent\nhangup"_s)};
    world.begin();
    QVERIFY(world.console.welcome->features.contains(protocol::feature::Outbound));
    const QString placed = world.place(world.wish());
    QVERIFY2(placed.startsWith(u"OUT"_s), qPrintable(placed));
    QTRY_VERIFY_WITH_TIMEOUT(world.isOver(placed), 20000);
    QCOMPARE(world.call(placed).direction, u"outbound-api"_s);
    QCOMPARE(world.call(placed).reason, EndReason::CallerHungUp);
    QVERIFY(world.console.gone.contains(placed)); // from then on it is shown by its CallSid alone
    QTRY_COMPARE(world.row().id, world.call(placed).id);
    QTRY_VERIFY(world.row().endedAt.isValid());
    QCOMPARE(world.row().direction, u"outbound-api"_s);
    QTRY_COMPARE(world.kav->metric("kav_outbound_calls_total{outcome=\"completed\"}"), "1");
    QCOMPARE(world.kav->metric("kav_outbound_calls_active"), "0");
    for (const QString& line : LogCatcher::lines())
        QVERIFY2(!line.contains(Callee), qPrintable(line));
}

void tst_Outbound::whoIsNotReachedHasARecord_data()
{
    QTest::addColumn<int>("answer");
    QTest::addColumn<EndReason>("reason");
    QTest::addColumn<QByteArray>("outcome");
    QTest::newRow("busy") << int(Answer::Busy) << EndReason::Busy << QByteArray("busy");
    QTest::newRow("nobody answers") << int(Answer::NoAnswer) << EndReason::NoAnswer << QByteArray("no_answer");
    QTest::newRow("not put through") << int(Answer::Fails) << EndReason::Failed << QByteArray("failed");
}

void tst_Outbound::whoIsNotReachedHasARecord()
{
    QFETCH(int, answer);
    QFETCH(EndReason, reason);
    QFETCH(QByteArray, outcome);
    World world;
    world.kav.reset();
    world.twilio.people[Callee].answer = Answer(answer);
    world.kav = std::make_unique<EngineUnderTest>();
    world.configure(world.kav->config);
    world.kav->config.outbound.ring = 1s;
    // The last callback comes first, and all of them twice.
    world.twilio.fate = [](const telephony::FormBody& form) {
        const bool isLast = form.value(u"CallStatus") != u"initiated"_s && form.value(u"CallStatus") != u"ringing"_s;
        return FakeTwilioService::Fate{2, isLast ? 0ms : 2500ms};
    };
    world.kav->serve();
    QVERIFY(world.console.open(world.port));
    const QString placed = world.place(world.wish());
    QTRY_VERIFY_WITH_TIMEOUT(world.isOver(placed), 15000);
    QCOMPARE(world.call(placed).reason, reason);
    QTRY_COMPARE(world.row().reason, reason);
    const auto callbacks = [&world] {
        return std::count_if(world.twilio.callbacks.cbegin(), world.twilio.callbacks.cend(),
            [](const auto& one) { return one.url.path().endsWith(u"call_status"_s); });
    };
    const int all = answer == int(Answer::NoAnswer) ? 6 : 4;
    QTRY_VERIFY_WITH_TIMEOUT(callbacks() >= all, 10000);
    QTRY_VERIFY(world.isOver(placed));
    QCOMPARE(world.row().reason, reason); // one record, and it stays
    QCOMPARE(world.kav->metric("kav_outbound_calls_total{outcome=\"" + outcome + "\"}"), "1"); // and is counted once
}

void tst_Outbound::aVoicemailGetsTheMessageAfterItsBeep()
{
    World world;
    world.twilio.people[Callee] = {Answer::Machine, 200ms, 1500ms, {}};
    world.begin();
    const QString placed = world.place(world.wish(protocol::Detection::AwaitBeep));
    QTRY_VERIFY_WITH_TIMEOUT(world.isOver(placed), 20000);
    QCOMPARE(world.call(placed).reason, EndReason::Voicemail);
    QTRY_COMPARE(world.row().reason, EndReason::Voicemail);
    QTRY_VERIFY(world.twilio.callTo(Callee)->isFinal()); // hung up
    QTRY_COMPARE(world.kav->metric("kav_outbound_calls_total{outcome=\"voicemail\"}"), "1");
    const auto detail = calllog::Queries::open(world.kav->config.callLog).value()->call(world.call(placed).id);
    QVERIFY(detail.ok());
    QStringList tokens;
    for (const CallEvent& event : detail->events)
        tokens += event.token;
    QVERIFY2(tokens.contains(u"AMD"_s) && tokens.contains(u"GOODBYE"_s), qPrintable(tokens.join(u' ')));
}

void tst_Outbound::aMachineIsHungUpOn()
{
    World world;
    world.twilio.people[Callee] = {Answer::Machine, 200ms, 1500ms, {}};
    world.begin();
    const QString placed = world.place(world.wish(protocol::Detection::Detect));
    QTRY_VERIFY_WITH_TIMEOUT(world.isOver(placed), 20000);
    QCOMPARE(world.call(placed).reason, EndReason::Voicemail);
    QTRY_VERIFY(world.twilio.callTo(Callee)->isFinal());
}

void tst_Outbound::aCallThatTwilioMadeAndDidNotConfirmIsMadeOnce()
{
    World world;
    world.twilio.people[Callee] = {
        Answer::Answers, 300ms, {}, *telephony::parseScript(u"wait-agent-speaking\nhangup"_s)};
    world.twilio.faults += {FakeTwilioService::Fault::Kind::ResetAfter, "/Calls.json", 500, {}, "", {}};
    world.begin();
    const QString placed = world.place(world.wish());
    QTRY_VERIFY_WITH_TIMEOUT(world.isOver(placed), 20000);
    QCOMPARE(world.twilio.callsInOrder().size(), 1);
    QCOMPARE(world.call(placed).id, world.twilio.callsInOrder().front());
    QVERIFY(world.call(placed).problem.isEmpty());
}

void tst_Outbound::whoIsNotOnTheListIsNotCalled()
{
    World world;
    world.begin();
    protocol::PlaceCall wish = world.wish();
    wish.to = u"+972521234567"_s;
    QVERIFY(world.place(wish).contains(u"not in outbound.allow"_s));
    wish = world.wish();
    wish.persona = u"nobody"_s;
    QVERIFY(world.place(wish).contains(u"no persona"_s));
    QVERIFY(world.twilio.requests.isEmpty());
    QVERIFY(world.console.calls.isEmpty());
}

void tst_Outbound::withoutAListNobodyOffersIt()
{
    World world;
    world.kav = std::make_unique<EngineUnderTest>();
    world.configure(world.kav->config);
    world.kav->config.outbound.allow.clear();
    world.kav->serve();
    QVERIFY(world.console.open(world.port));
    QVERIFY(!world.console.welcome->features.contains(protocol::feature::Outbound));
    QVERIFY(world.place(world.wish()).contains(u"does not offer it"_s));
    QVERIFY(world.twilio.requests.isEmpty());
}

void tst_Outbound::anOperatorGivesUpARingingCall()
{
    World world;
    world.twilio.people[Callee].answer = Answer::NoAnswer;
    world.begin();
    const QString placed = world.place(world.wish());
    QTRY_VERIFY_WITH_TIMEOUT(world.isRinging(placed), 10000);
    QCOMPARE(errorOf(world.console.ask(protocol::EndCall{0, world.call(placed).id, false})), QString());
    QTRY_VERIFY_WITH_TIMEOUT(world.isOver(placed), 10000);
    QCOMPARE(world.call(placed).reason, EndReason::OperatorEnded);
    QCOMPARE(world.twilio.callTo(Callee)->status, u"canceled"_s);
    QTRY_COMPARE(world.row().reason, EndReason::OperatorEnded);
}

void tst_Outbound::anEngineThatIsStartedAnewHoldsTheCallThatRings()
{
    World world;
    world.twilio.people[Callee] = {
        Answer::Answers, 4000ms, {}, *telephony::parseScript(u"wait-agent-speaking\nwait-agent-silent\nhangup"_s)};
    world.begin();
    const QString placed = world.place(world.wish());
    QTRY_VERIFY_WITH_TIMEOUT(world.isRinging(placed), 10000);
    world.kav.reset();
    world.kav = std::make_unique<EngineUnderTest>();
    world.configure(world.kav->config);
    world.kav->serve();
    ConsoleClient console;
    QVERIFY(console.open(world.port));
    const QString sid = world.twilio.callTo(Callee)->sid;
    QTRY_VERIFY_WITH_TIMEOUT(console.calls.value(sid).state == CallState::Ended, 20000);
    QCOMPARE(console.calls.value(sid).reason, EndReason::CallerHungUp);
    QCOMPARE(console.calls.value(sid).placed, placed);
    QTRY_COMPARE(world.row().id, sid);
    QCOMPARE(world.twilio.callsInOrder().size(), 1);
}

// ---- the command line -----------------------------------------------------------------------------------------------

void tst_Outbound::theCommandLineCallsAndTells()
{
    World world;
    world.twilio.people[Callee] = {
        Answer::Answers, 300ms, {}, *telephony::parseScript(u"wait-agent-speaking\nhangup"_s)};
    world.begin();
    QStringList args{
        u"--phone"_s, Callee, u"--persona=desk"_s, u"--amd"_s, u"off"_s, u"--yes"_s, u"--config"_s, u"x"_s};
    const auto command = app::takePhoneArguments(args);
    QVERIFY(command.ok());
    QCOMPARE(args, (QStringList{u"--config"_s, u"x"_s}));
    QString out, err;
    QTextStream outStream(&out), errStream(&err);
    const int status = app::runPhoneCommand(
        world.kav->config, *command, [] { return false; }, world.clock, outStream, errStream);
    QVERIFY2(status == 0, qPrintable(out + err));
    QVERIFY2(out.contains(u"queued"_s) && out.contains(u"completed"_s), qPrintable(out));
    QVERIFY(out.contains(u"costs money"_s));
    QVERIFY(!out.contains(Callee) && !out.contains(Own));
    QCOMPARE(world.kav->ends.size(), 1);
}

void tst_Outbound::theCommandLineRefusesAndAsks()
{
    World world;
    world.kav = std::make_unique<EngineUnderTest>();
    world.configure(world.kav->config);
    const auto run = [&world](QStringList args, bool agrees) {
        const auto command = app::takePhoneArguments(args);
        if (!command)
            return command.error().message;
        QString out;
        QTextStream stream(&out);
        const int status = app::runPhoneCommand(
            world.kav->config, *command, [agrees] { return agrees; }, world.clock, stream, stream);
        return QString(QString::number(status) + u' ' + out);
    };
    QVERIFY(run({u"--phone=+972521234567"_s, u"--yes"_s}, true).startsWith(u"2 kav-engine call: "_s));
    QVERIFY(run({u"--phone=+972100"_s, u"--yes"_s}, true).contains(u"emergency"_s));
    QVERIFY(run({u"--phone"_s, Callee, u"--persona"_s, u"nobody"_s}, true).contains(u"no persona"_s));
    QVERIFY(run({u"--phone"_s, Callee}, false).contains(u"not called"_s));
    QVERIFY(run({u"--phone"_s}, true).contains(u"value is missing"_s));
    QVERIFY(run({u"--phone"_s, Callee, u"--amd"_s, u"maybe"_s}, true).contains(u"await-beep"_s));
    QVERIFY(world.twilio.requests.isEmpty());
    QVERIFY(app::isPhoneCall({u"--phone=+1"_s}) && !app::isPhoneCall({u"--to"_s, u"http://x"_s}));
}

QTEST_GUILESS_MAIN(tst_Outbound)
#include "tst_outbound.moc"
