// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/outboundcalls.h"
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
using State = PlacedCall::State;

OutboundSettings settings()
{
    OutboundSettings made;
    made.allow = {u"+97250*"_s};
    made.numbers = {Own};
    made.publicUrl = u"https://kav.example.com/desk"_s;
    return made;
}

RestSettings account()
{
    RestSettings made;
    made.accountSid = u"AC1"_s;
    made.authToken = "secret";
    return made;
}

} // namespace

class tst_OutboundCalls final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();

    void onlyWhomTheListAllowsMayBeCalled_data();
    void onlyWhomTheListAllowsMayBeCalled();
    void whatIsMissingIsSaid();
    void anEntryOfTheListIsANumberOrAPrefix();
    void whatIsAskedOfTwilio();

    void aCallIsPlacedOnce();
    void oneCallASecondIsAskedFor();
    void aNumberIsNotCalledTwiceAtATime();
    void theQueueAndTheLiveOnesAreBounded();
    void aCallThatTwilioRefusesHasItsReason();
    void aCallOfWhichTwilioSaidNothingIsFoundAndNotMadeAgain_data();
    void aCallOfWhichTwilioSaidNothingIsFoundAndNotMadeAgain();
    void theCallbackTellsFasterThanTheList();
    void aCallThatWasNotMadeIsReportedAndEndedShouldItTurnUp();
    void tooManyRequestsAreWaitedFor();
    void aCallIsGivenUpWhileItWaits();
    void aStopGivesUpWhatWaitsAndNothingElse();
    void aCallIsGivenUpWhileTwilioIsAsked();
    void aCallIsGivenUpWhileItRings();

private:
    int creates() const
    {
        return int(std::count_if(m_twilio->requests.cbegin(), m_twilio->requests.cend(),
            [](const auto& one) { return one.method == "POST" && one.path.endsWith("/Calls.json"); }));
    }
    QString place(const QString& to = Callee)
    {
        const auto placed = m_calls->place({to, {}, {}, MachineDetection::Off});
        return placed ? *placed : placed.error().message;
    }
    State stateOf(const QString& id) const { return m_last.value(id).state; }
    template <typename Condition> bool until(Condition condition)
    {
        for (int i = 0; i < 3000 && !condition(); ++i) {
            m_clock->advance(20ms);
            QTest::qWait(1);
        }
        return condition();
    }
    void make(const OutboundSettings& how);

    std::unique_ptr<FakeClock> m_clock;
    std::unique_ptr<FakeTwilioService> m_twilio;
    std::unique_ptr<FakeEngine> m_engine;
    std::unique_ptr<providers::HttpPool> m_http;
    std::unique_ptr<TwilioRest> m_rest;
    std::unique_ptr<OutboundCalls> m_calls;
    QHash<QString, PlacedCall> m_last;
};

void tst_OutboundCalls::init()
{
    m_last.clear();
    m_clock = std::make_unique<FakeClock>();
    m_engine = std::make_unique<FakeEngine>();
    m_twilio = std::make_unique<FakeTwilioService>(*m_clock, QString());
    m_http = std::make_unique<providers::HttpPool>(*m_clock);
    RestSettings rest;
    rest.accountSid = m_twilio->accountSid;
    rest.authToken = m_twilio->authToken;
    rest.apiUrl = m_twilio->apiUrl().toString();
    m_rest = std::make_unique<TwilioRest>(rest, *m_http, *m_clock, [] { return 1.0; });
    make(settings());
}

void tst_OutboundCalls::make(const OutboundSettings& how)
{
    OutboundSettings here = how;
    here.publicUrl = u"http://127.0.0.1:1"_s; // nobody is there: this is about placing alone
    m_calls = std::make_unique<OutboundCalls>(here, m_rest.get(), *m_clock);
    connect(
        m_calls.get(), &OutboundCalls::changed, this, [this](const PlacedCall& call) { m_last.insert(call.id, call); });
}

void tst_OutboundCalls::cleanup()
{
    m_calls.reset();
    m_rest.reset();
    m_twilio.reset();
    m_http.reset();
}

// ---- whom -----------------------------------------------------------------------------------------------------------

void tst_OutboundCalls::onlyWhomTheListAllowsMayBeCalled_data()
{
    QTest::addColumn<QStringList>("allow");
    QTest::addColumn<QString>("to");
    QTest::addColumn<QString>("refusal");
    const QStringList prefix{u"+97250*"_s}, everyone{u"+9*"_s};
    QTest::newRow("a prefix") << prefix << Callee << QString();
    QTest::newRow("a whole number") << QStringList{Callee} << Callee << QString();
    QTest::newRow("an empty list allows nobody") << QStringList() << Callee << u"outbound.allow is empty"_s;
    QTest::newRow("another prefix") << prefix << u"+972521234567"_s << u"not in outbound.allow"_s;
    QTest::newRow("a number is no prefix") << QStringList{u"+97250123456"_s} << Callee << u"not in outbound.allow"_s;
    QTest::newRow("no plus") << everyone << u"972501234567"_s << u"not written like"_s;
    QTest::newRow("national form") << everyone << u"0501234567"_s << u"not written like"_s;
    QTest::newRow("letters") << everyone << u"+97250CALLME"_s << u"not written like"_s;
    QTest::newRow("a line end") << everyone << QString(Callee + u'\n') << u"not written like"_s;
    QTest::newRow("digits of another script") << everyone << u"+٩٧٢٥٠١٢٣٤٥٦٧"_s << u"not written like"_s;
    QTest::newRow("too long") << everyone << u"+9725012345678901"_s << u"not written like"_s;
    QTest::newRow("an emergency number") << everyone << u"+972100"_s << u"emergency"_s;
    QTest::newRow("another") << QStringList{u"+1911*"_s} << u"+1911"_s << u"emergency"_s;
    QTest::newRow("itself") << QStringList{u"+972*"_s} << Own << u"cannot call itself"_s;
}

void tst_OutboundCalls::onlyWhomTheListAllowsMayBeCalled()
{
    QFETCH(QStringList, allow);
    QFETCH(QString, to);
    QFETCH(QString, refusal);
    OutboundSettings how = settings();
    how.allow = allow;
    const auto checked = checkOutbound({to, {}, {}, {}}, how, account());
    if (refusal.isEmpty()) {
        QVERIFY(checked.ok());
        QCOMPARE(checked->from, Own);
        return;
    }
    QVERIFY(!checked);
    QVERIFY2(checked.error().message.contains(refusal), qPrintable(checked.error().message));
    if (to.startsWith(u'+'))
        QVERIFY(!checked.error().message.contains(to));
}

void tst_OutboundCalls::whatIsMissingIsSaid()
{
    const auto why = [](const OutboundSettings& how, const RestSettings& rest) {
        const auto checked = checkOutbound({Callee, {}, {}, {}}, how, rest);
        return checked ? QString() : checked.error().message;
    };
    OutboundSettings how = settings();
    QVERIFY(why(how, {}).contains(u"twilio.auth_token"_s));
    how.publicUrl.clear();
    QVERIFY(why(how, account()).contains(u"server.public_url"_s));
    how = settings();
    how.numbers.clear();
    QVERIFY(why(how, account()).contains(u"twilio.number"_s));
    OutboundCalls nobody(settings(), nullptr, *m_clock);
    QVERIFY(!nobody.place({Callee, {}, {}, {}}));
}

void tst_OutboundCalls::anEntryOfTheListIsANumberOrAPrefix()
{
    for (const QString& good : {u"+972501234567"_s, u"+97250*"_s, u"+1*"_s})
        QVERIFY2(isAllowEntry(good), qPrintable(good));
    for (const QString& bad :
        {u"*"_s, u"+*"_s, u"+0*"_s, u"972*"_s, u"+972"_s, u"+97250**"_s, u"+972 50*"_s, QString()})
        QVERIFY2(!isAllowEntry(bad), qPrintable(bad));
}

void tst_OutboundCalls::whatIsAskedOfTwilio()
{
    OutboundSettings how = settings();
    how.ring = 30s;
    how.longest = 600s;
    const NewCall call = newCallFor({Callee, Own, u"night & day"_s, MachineDetection::AwaitBeep}, how, u"OUT1"_s);
    QCOMPARE(call.url.toString(QUrl::FullyEncoded),
        u"https://kav.example.com/desk/webhook/outbound_call?persona=night%20%26%20day&placed=OUT1"_s);
    QCOMPARE(call.statusCallback.path(), u"/desk/webhook/call_status"_s);
    QCOMPARE(call.detectionCallback.path(), u"/desk/webhook/amd"_s);
    QCOMPARE(call.ring, 30s);
    QCOMPARE(call.longest, 600s);
    QVERIFY(newCallFor({Callee, Own, {}, MachineDetection::Off}, how, {}).detectionCallback.isEmpty());
}

// ---- placing --------------------------------------------------------------------------------------------------------

void tst_OutboundCalls::aCallIsPlacedOnce()
{
    const QString id = place();
    QCOMPARE(stateOf(id), State::Waiting);
    QVERIFY(until([&] { return stateOf(id) == State::Placed; }));
    QCOMPARE(m_last.value(id).callSid, m_twilio->callTo(Callee)->sid);
    QCOMPARE(creates(), 1);
    QCOMPARE(m_calls->live(), 1);
    m_calls->over(m_last.value(id).callSid);
    QCOMPARE(m_calls->live(), 0);
}

void tst_OutboundCalls::oneCallASecondIsAskedFor()
{
    const Instant began = m_clock->now();
    const QString first = place(), second = place(Other), third = place(u"+972500000000"_s);
    QVERIFY(until([&] { return stateOf(third) == State::Placed; }));
    QVERIFY(elapsed(began, m_clock->now()) >= 2s);
    QCOMPARE(creates(), 3);
    QVERIFY(stateOf(first) == State::Placed && stateOf(second) == State::Placed);
}

void tst_OutboundCalls::aNumberIsNotCalledTwiceAtATime()
{
    const QString id = place();
    QVERIFY(place().contains(u"being called already"_s));
    QVERIFY(until([&] { return stateOf(id) == State::Placed; }));
    QVERIFY(place().contains(u"being called already"_s));
    m_calls->over(m_last.value(id).callSid);
    QVERIFY(place().startsWith(u"OUT"_s));
}

void tst_OutboundCalls::theQueueAndTheLiveOnesAreBounded()
{
    OutboundSettings how = settings();
    how.live = 1;
    how.waiting = 2;
    make(how);
    const QString first = place(), second = place(Other);
    QVERIFY(place(u"+972500000001"_s).contains(u"wait for their turn"_s));
    QVERIFY(until([&] { return stateOf(first) == State::Placed; }));
    const Instant then = m_clock->now();
    QVERIFY(until([&] { return elapsed(then, m_clock->now()) > 5s; }));
    QCOMPARE(stateOf(second), State::Waiting); // the first is live
    m_calls->over(m_last.value(first).callSid);
    QVERIFY(until([&] { return stateOf(second) == State::Placed; }));
}

void tst_OutboundCalls::aCallThatTwilioRefusesHasItsReason()
{
    m_twilio->numbers = {{u"+97230000000"_s, {}, {}, {}}}; // ours is not among them
    const QString id = place();
    QVERIFY(until([&] { return stateOf(id) == State::Failed; }));
    QVERIFY2(m_last.value(id).problem.contains(u"21210"_s), qPrintable(m_last.value(id).problem));
    QVERIFY(!m_last.value(id).problem.contains(Own));
    QCOMPARE(m_calls->live(), 0);
}

void tst_OutboundCalls::aCallOfWhichTwilioSaidNothingIsFoundAndNotMadeAgain_data()
{
    QTest::addColumn<bool>("hangs");
    QTest::newRow("the line breaks after Twilio has done it") << false;
    QTest::newRow("an earlier call to the number is over") << true;
}

void tst_OutboundCalls::aCallOfWhichTwilioSaidNothingIsFoundAndNotMadeAgain()
{
    QFETCH(bool, hangs);
    if (hangs) { // one to the same number that is over, and must not be taken for it
        const QString before = place();
        QVERIFY(until([&] { return stateOf(before) == State::Placed; }));
        m_calls->end(before, [](const Result<void>&) {});
        QVERIFY(until([&] { return m_twilio->callTo(Callee)->isFinal(); }));
        m_calls->over(m_last.value(before).callSid);
        const Instant then = m_clock->now();
        QVERIFY(until([&] { return elapsed(then, m_clock->now()) > 30s; }));
    }
    const int made = creates();
    m_twilio->faults += {FakeTwilioService::Fault::Kind::ResetAfter, "/Calls.json", 500, {}, "", {}};
    const QString id = place();
    QVERIFY(until([&] { return stateOf(id) == State::Placed; }));
    QCOMPARE(creates(), made + 1);
    QCOMPARE(m_last.value(id).callSid, m_twilio->callTo(Callee)->sid);
    QCOMPARE(m_twilio->callsInOrder().size(), hangs ? 2 : 1);
}

void tst_OutboundCalls::theCallbackTellsFasterThanTheList()
{
    m_twilio->faults += {FakeTwilioService::Fault::Kind::ResetAfter, "/Calls.json", 500, {}, "", {}};
    const QString id = place();
    QVERIFY(until([&] { return m_twilio->callTo(Callee) != nullptr; }));
    const QString sid = m_twilio->callTo(Callee)->sid;
    m_calls->heardOf(id, sid);
    QCOMPARE(stateOf(id), State::Placed);
    QCOMPARE(m_last.value(id).callSid, sid);
    const Instant then = m_clock->now();
    QVERIFY(until([&] { return elapsed(then, m_clock->now()) > 20s; }));
    QCOMPARE(m_last.value(id).callSid, sid);
    QCOMPARE(creates(), 1);
}

void tst_OutboundCalls::aCallThatWasNotMadeIsReportedAndEndedShouldItTurnUp()
{
    m_twilio->faults += {FakeTwilioService::Fault::Kind::ResetBefore, "/Calls.json", 500, {}, "", {}};
    const QString id = place();
    QVERIFY(until([&] { return stateOf(id) == State::Failed; }));
    QCOMPARE(creates(), 1); // nobody tried again
    QVERIFY(m_twilio->callsInOrder().isEmpty());
    QVERIFY(!m_last.value(id).problem.isEmpty());

    // Days later by the network's clock it rings all the same.
    const QString late = place(Other);
    QVERIFY(until([&] { return stateOf(late) == State::Placed; }));
    const QString sid = m_last.value(late).callSid;
    m_calls->heardOf(id, sid);
    QVERIFY(until([&] { return m_twilio->call(sid)->isFinal(); }));
}

void tst_OutboundCalls::tooManyRequestsAreWaitedFor()
{
    for (int i = 0; i < 2; ++i)
        m_twilio->faults += {FakeTwilioService::Fault::Kind::Answer, "/Calls.json", 429,
            R"({"code":20429,"message":"Too Many Requests","status":429})", "application/json", {}};
    const QString id = place();
    QVERIFY(until([&] { return stateOf(id) == State::Placed; }));
    QCOMPARE(m_twilio->callsInOrder().size(), 1);
}

// ---- giving up ------------------------------------------------------------------------------------------------------

void tst_OutboundCalls::aCallIsGivenUpWhileItWaits()
{
    const QString id = place();
    bool done = false;
    QVERIFY(m_calls->end(id, [&](const Result<void>& result) { done = result.ok(); }));
    QVERIFY(done);
    QCOMPARE(stateOf(id), State::Canceled);
    const Instant then = m_clock->now();
    QVERIFY(until([&] { return elapsed(then, m_clock->now()) > 3s; }));
    QCOMPARE(creates(), 0);
    QVERIFY(!m_calls->end(id, {}));
}

void tst_OutboundCalls::aStopGivesUpWhatWaitsAndNothingElse()
{
    const QString first = place();
    QVERIFY(until([&] { return m_calls->waiting() == 0; })); // Twilio is being asked, or has said it
    const QString second = place(Other);
    m_calls->cancelWaiting(u"it stops"_s);
    QCOMPARE(stateOf(second), State::Canceled);
    QCOMPARE(m_last.value(second).problem, u"it stops"_s);
    QCOMPARE(m_calls->waiting(), 0);
    QVERIFY(until([&] { return stateOf(first) == State::Placed; }));
    QCOMPARE(m_calls->creating(), QStringList());
    const Instant then = m_clock->now();
    QVERIFY(until([&] { return elapsed(then, m_clock->now()) > 3s; }));
    QCOMPARE(creates(), 1);
}

void tst_OutboundCalls::aCallIsGivenUpWhileTwilioIsAsked()
{
    m_twilio->faults += {FakeTwilioService::Fault::Kind::ResetAfter, "/Calls.json", 500, {}, "", {}};
    const QString id = place();
    QVERIFY(until([&] { return stateOf(id) == State::Creating; }));
    std::optional<bool> done;
    QVERIFY(m_calls->end(id, [&](const Result<void>& result) { done = result.ok(); }));
    QVERIFY(!done);
    QVERIFY(until([&] { return done.has_value(); }));
    QVERIFY(*done);
    QVERIFY(m_twilio->callTo(Callee)->isFinal());
}

void tst_OutboundCalls::aCallIsGivenUpWhileItRings()
{
    m_twilio->people[Callee].answer = FakeTwilioService::Person::Answer::NoAnswer;
    const QString id = place();
    QVERIFY(until([&] { return m_twilio->callTo(Callee) && m_twilio->callTo(Callee)->status == u"ringing"_s; }));
    std::optional<bool> done;
    QVERIFY(until([&] { return stateOf(id) == State::Placed; }));
    QVERIFY(m_calls->end(m_last.value(id).callSid, [&](const Result<void>& result) { done = result.ok(); }));
    QVERIFY(until([&] { return done.has_value(); }));
    QVERIFY(*done);
    QCOMPARE(m_twilio->callTo(Callee)->status, u"canceled"_s);
}

QTEST_GUILESS_MAIN(tst_OutboundCalls)
#include "tst_outboundcalls.moc"
