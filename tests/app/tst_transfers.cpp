// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/queries.h"
#include "tests/app/engineundertest.h"
#include "tests/support/consoleclient.h"
#include "tests/support/twilio/faketwilioservice.h"

#include <QJsonDocument>
#include <QTest>

#include <mutex>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using namespace Qt::StringLiterals;
using providers::AfterTransfer;

namespace {

const QString CallerNumber = u"+972501234567"_s, Own = u"+97231234567"_s, Sales = u"+15551239876"_s,
              Manager = u"+15551230009"_s;

/// What the models of a test were told at their openings.
struct Openings final {
    std::mutex mutex;
    QList<QList<providers::PastTurn>> past;
    QList<QList<providers::PastTurn>> all()
    {
        const std::lock_guard lock(mutex);
        return past;
    }
};
class ToldModel final : public providers::LanguageModel {
public:
    ToldModel(std::shared_ptr<Openings> openings, const StandInLanguageModel::Settings& first)
        : m_openings(std::move(openings))
        , m_first(first)
    {
    }
    QString name() const override { return u"told"_s; }
    std::unique_ptr<providers::Conversation> open(const providers::CallInfo& call) override
    {
        {
            const std::lock_guard lock(m_openings->mutex);
            m_openings->past += call.past;
        }
        return call.past.isEmpty() ? m_first.open(call) : m_later.open(call);
    }

private:
    const std::shared_ptr<Openings> m_openings;
    StandInLanguageModel m_first, m_later;
};

} // namespace

/// Calls that are ended by REST or passed on to people, by the whole engine and a Twilio that has both ends of each.
class TstTransfers final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_kav = std::make_unique<EngineUnderTest>();
        m_openings = std::make_shared<Openings>();
        m_twilio.reset();
        m_call.clear();
        m_haveRest = true;
        m_persona = {};
        m_persona.name = u"default"_s;
        m_persona.tools = QStringList{u"transfer"_s, u"end_call"_s};
        m_persona.transferTargets = {{u"sales"_s, Sales}};
        m_script = {{u"I will connect you.\n"_s, {}, false, u"transfer"_s, {},
            {{u"summary"_s, u"Dana asks about her bill."_s}}}};
    }
    void cleanup()
    {
        if (QTest::currentTestFailed() && m_twilio && !m_call.isEmpty())
            qInfo().noquote() << u"the caller's leg:\n"_s + heard(call());
        if (QTest::currentTestFailed() && m_twilio && m_twilio->callTo(Sales))
            qInfo().noquote() << u"the person's leg:\n"_s + heard(*m_twilio->callTo(Sales));
        if (m_kav)
            m_kav->stop();
        m_twilio.reset();
        m_kav.reset();
    }

    // ---- hang-up ----
    void theLegEndsByRestWhenTheLastWordsWereHeard()
    {
        m_script = {{u"Goodbye to you.\n"_s, {}, true, {}, {}, {}}};
        callIn("wait-end within 20s");
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 15000);
        QCOMPARE(restUpdates(), QStringList{u"completed"_s});
        QVERIFY(!asked("after_stream"));
        QTRY_COMPARE(m_kav->ends.size(), 1);
        QCOMPARE(m_kav->ends.first().reason, EndReason::Completed);
        QTRY_VERIFY(tokens().contains(u"HANGUP"_s));
        QCOMPARE(recordOf().reason, EndReason::Completed);
        QCOMPARE(m_kav->metric("kav_hangups_total{how=\"rest\"}"), "1");
        QCOMPARE(m_kav->metric("kav_twilio_rest_requests_total{outcome=\"done\"}"), "1");
    }
    void whereRestIsDownTheStreamIsClosedAndAfterStreamHangsUp()
    {
        m_script = {{u"Goodbye to you.\n"_s, {}, true, {}, {}, {}}};
        start();
        for (int i = 0; i < 12; ++i)
            fault(Fault::Kind::ResetBefore, "/Calls/");
        callIn("wait-end within 20s");
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 15000);
        QVERIFY(asked("after_stream"));
        // The stream does not wait for the last of its tries.
        QTRY_COMPARE_WITH_TIMEOUT(m_kav->metric("kav_hangups_total{how=\"rest_failed\"}"), "1", 60000);
        QVERIFY(m_kav->metric("kav_twilio_rest_retries_total").toInt() >= 7);
    }
    void aCallThatItsWorkerHangsOnIsEndedAllTheSame()
    {
        // Nothing of the engine ends it: the stream is another's. The watch sees that it is too old.
        m_kav->config.turn.longestCall = 1s;
        start();
        m_twilio->people[Sales].script = {};
        m_call = m_twilio->callIn(CallerNumber, Own, *telephony::parseScript(u"wait 1s\nhangup"));
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 15000);
    }

    // ---- blind ----
    void aCallIsPassedOnAndTheTwoTalk()
    {
        start();
        m_twilio->people[Sales].after = 300ms;
        m_twilio->people[Sales].script = *telephony::parseScript(u"wait 1s\nhangup");
        callIn("wait-end within 30s");
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales) && m_twilio->callTo(Sales)->isBridged, 15000);
        QCOMPARE(m_twilio->callTo(Sales)->from, CallerNumber);
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 15000);
        QVERIFY(!asked("after_stream")); // REST took the caller there
        QTRY_VERIFY(tokens().contains(u"TRANSFER_END"_s));
        const QStringList all = tokens();
        QVERIFY2(all.indexOf(u"TRANSFER_START"_s) < all.indexOf(u"TRANSFER_ANSWERED"_s), qPrintable(all.join(u' ')));
        QCOMPARE(recordOf().reason, EndReason::Completed);
        QCOMPARE(m_kav->metric("kav_transfers_total{kind=\"blind\",outcome=\"answered\"}"), "1");
        QCOMPARE(m_kav->metric("kav_transfers_active"), "0");
        noNumberIsLogged();
    }
    void whereNobodyAnswersTheCallerIsWithTheAgentAgain()
    {
        m_persona.transferTargets[0].rules.ring = 5s;
        start();
        m_twilio->people[Sales].answer = FakeTwilioService::Person::Answer::Busy;
        callIn("wait-agent-speaking\nwait-agent-silent for 4s within 25s\nhangup");
        QTRY_VERIFY_WITH_TIMEOUT(tokens().contains(u"CALL_RESUMED"_s), 20000);
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 25000);
        // Who comes back is not greeted, and the model knows what was said.
        const auto told = m_openings->all();
        QCOMPARE(told.size(), 2);
        QCOMPARE(told[1].size(), 2);
        QCOMPARE(told[1][0].heardText.trimmed(), u"I will connect you."_s);
        QVERIFY(told[1][1].heardText.startsWith(u"Nobody is available"_s));
        // One call, one record, and the turns go on.
        QTRY_COMPARE(recordOf().reason, EndReason::CallerHungUp);
        const auto detail = detailOf();
        QCOMPARE(detail.turns.size(), 2);
        QCOMPARE(detail.turns[0].record.number, 1);
        QCOMPARE(detail.turns[1].record.number, 2);
        QVERIFY(detail.turns[1].record.agentText.startsWith(u"Nobody is available"_s));
        QCOMPARE(rows(), 1);
        QCOMPARE(m_kav->metric("kav_transfers_total{kind=\"blind\",outcome=\"unanswered\"}"), "1");
        QCOMPARE(m_kav->metric("kav_transfers_returned_total"), "1");
        noNumberIsLogged();
    }
    void withoutRestTheStreamsEndDoesIt()
    {
        m_haveRest = false;
        start();
        m_twilio->people[Sales].answer = FakeTwilioService::Person::Answer::Busy;
        callIn("wait-agent-speaking\nwait-agent-silent for 4s within 25s\nhangup");
        QTRY_VERIFY_WITH_TIMEOUT(tokens().contains(u"CALL_RESUMED"_s), 20000);
        QVERIFY(asked("after_stream"));
        QVERIFY(m_twilio->requests.isEmpty());
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 25000);
        QTRY_COMPARE(recordOf().reason, EndReason::CallerHungUp);
        QCOMPARE(rows(), 1);
    }
    void whereTheRedirectFailsTheStreamsEndDoesIt()
    {
        start();
        m_twilio->people[Sales].after = 300ms;
        fault(Fault::Kind::Answer, "/Calls/CA", 400);
        callIn("wait-agent-speaking\nwait 5s\nhangup");
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales) && m_twilio->callTo(Sales)->isBridged, 15000);
        QVERIFY(asked("after_stream"));
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 15000);
        QTRY_COMPARE(recordOf().reason, EndReason::CallerHungUp);
        QCOMPARE(m_kav->metric("kav_transfers_without_rest_total"), "1");
    }
    void theNextOneIsTried()
    {
        m_persona.transferTargets = {{u"sales"_s, Sales}, {u"manager"_s, Manager}};
        m_persona.transferTargets[0].rules.noAnswer = AfterTransfer::NextTarget;
        start();
        m_twilio->people[Sales].answer = FakeTwilioService::Person::Answer::Fails;
        m_twilio->people[Manager].after = 200ms;
        m_twilio->people[Manager].script = *telephony::parseScript(u"wait 500ms\nhangup");
        callIn("wait-end within 30s");
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 20000);
        QCOMPARE(m_twilio->callTo(Manager)->status, u"completed"_s);
        QTRY_COMPARE(recordOf().reason, EndReason::Completed);
    }

    // ---- without a stream ----
    void aCallWithoutAStreamIsPassedOn_data()
    {
        QTest::addColumn<bool>("rest");
        QTest::newRow("with REST") << true;
        QTest::newRow("without") << false;
    }
    void aCallWithoutAStreamIsPassedOn()
    {
        QFETCH(bool, rest);
        m_haveRest = rest;
        leaveNoSpeech();
        start();
        m_twilio->people[Sales].after = 300ms;
        m_twilio->people[Sales].script = *telephony::parseScript(u"wait 1s\nhangup");
        callIn("wait-end within 30s");
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales) && m_twilio->callTo(Sales)->isBridged, 15000);
        QVERIFY2(heard(call()).contains(u"I will connect you."_s), qPrintable(heard(call())));
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 15000);
        QCOMPARE(restUpdates(), QStringList());
        QTRY_COMPARE(recordOf().reason, EndReason::Completed);
        QTRY_VERIFY(tokens().contains(u"TRANSFER_ANSWERED"_s));
        QCOMPARE(rows(), 1);
        noNumberIsLogged();
    }
    void aCallWithoutAStreamComesBackWithoutOne()
    {
        m_haveRest = false;
        leaveNoSpeech();
        start();
        m_twilio->people[Sales].answer = FakeTwilioService::Person::Answer::Busy;
        callIn("wait-agent-speaking\nwait 6s\nhangup");
        QTRY_VERIFY_WITH_TIMEOUT(tokens().contains(u"CALL_RESUMED"_s), 20000);
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 25000);
        QVERIFY2(heard(call()).contains(u"Nobody is available"_s), qPrintable(heard(call())));
        QCOMPARE(tokens().count(u"WITHOUT_STREAM"_s), 2);
        QVERIFY(!heard(call()).contains(u"stream-started"_s));
        const auto told = m_openings->all();
        QCOMPARE(told.size(), 2);
        QCOMPARE(told[1].size(), 2);
        QCOMPARE(told[1][0].heardText.trimmed(), u"I will connect you."_s);
        QTRY_COMPARE(recordOf().reason, EndReason::CallerHungUp);
        QCOMPARE(rows(), 1);
        noNumberIsLogged();
    }
    void aCallWithoutAStreamWaitsForWhoIsAskedFirst()
    {
        beWarm();
        leaveNoSpeech();
        start();
        person("wait-agent-speaking\nwait-agent-silent for 3s\ndtmf 1\nwait 1s\nhangup");
        callIn("wait-end within 60s");
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales) && !m_twilio->callTo(Sales)->conference.isEmpty(), 20000);
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 20000);
        QTRY_COMPARE(recordOf().reason, EndReason::Completed);
        QVERIFY(tokens().contains(u"TRANSFER_ANSWERED"_s));
        noNumberIsLogged();
    }

    // ---- warm ----
    void thePersonHearsTheSummaryAndTakesTheCall()
    {
        beWarm();
        start();
        person("wait-agent-speaking\nwait-agent-silent for 3s\ndtmf 1\nwait 4s\nhangup");
        callIn("wait-end within 60s");
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales) && !m_twilio->callTo(Sales)->conference.isEmpty(), 20000);
        const QString room = m_twilio->callTo(Sales)->conference;
        QCOMPARE(m_twilio->conference(room).size(), 2);
        QVERIFY2(heard(*m_twilio->callTo(Sales)).contains(u"Dana asks about her bill."_s),
            qPrintable(heard(*m_twilio->callTo(Sales))));
        QCOMPARE(m_twilio->callTo(Sales)->from, Own); // an account's own number, not the caller's
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 15000);
        QTRY_COMPARE(recordOf().reason, EndReason::Completed);
        QCOMPARE(m_kav->metric("kav_transfers_total{kind=\"warm\",outcome=\"answered\"}"), "1");
        const QStringList all = tokens();
        for (const QString& token : {u"TRANSFER_START"_s, u"TRANSFER_ASKED"_s, u"TRANSFER_ANSWERED"_s})
            QVERIFY2(all.contains(token), qPrintable(all.join(u' ')));
        noNumberIsLogged();
        // Nothing but the engine's own tone is played to who waits.
        for (const QString& line : std::as_const(m_twilio->holdLines))
            QVERIFY2(line.startsWith(u"play http://127.0.0.1"_s) || line.startsWith(u"say "_s), qPrintable(line));
    }
    void whoIsNotTaken_data()
    {
        QTest::addColumn<QByteArray>("script");
        QTest::addColumn<int>("answer");
        using Answer = FakeTwilioService::Person::Answer;
        QTest::newRow("another key") << QByteArray("wait-agent-speaking\nwait 300ms\ndtmf 9\nwait-end within 30s")
                                     << int(Answer::Answers);
        QTest::newRow("hangs up") << QByteArray("wait-agent-speaking\nhangup") << int(Answer::Answers);
        QTest::newRow("is busy") << QByteArray("hangup") << int(Answer::Busy);
    }
    void whoIsNotTaken()
    {
        QFETCH(QByteArray, script);
        QFETCH(int, answer);
        beWarm();
        start();
        person(script.constData());
        m_twilio->people[Sales].answer = FakeTwilioService::Person::Answer(answer);
        callIn("wait-agent-speaking\nwait 25s");
        QTRY_VERIFY_WITH_TIMEOUT(tokens().contains(u"CALL_RESUMED"_s), 25000);
        QVERIFY(tokens().contains(u"TRANSFER_UNANSWERED"_s));
        QTRY_VERIFY(m_twilio->callTo(Sales)->isFinal());
        QVERIFY(!call().isFinal());
        QCOMPARE(m_openings->all().size(), 2);
        noNumberIsLogged();
    }
    void whoHangsUpOnHoldTakesThePersonsCallAlong()
    {
        beWarm();
        start();
        m_twilio->people[Sales].answer = FakeTwilioService::Person::Answer::NoAnswer;
        callIn("wait-agent-speaking\nwait 6s\nhangup");
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales) && m_twilio->callTo(Sales)->status == u"ringing"_s, 15000);
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 15000);
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales)->isFinal(), 10000);
        QCOMPARE(m_twilio->callTo(Sales)->status, u"canceled"_s);
        QTRY_COMPARE(recordOf().reason, EndReason::CallerHungUp);
        QCOMPARE(m_kav->metric("kav_transfers_total{kind=\"warm\",outcome=\"caller_gone\"}"), "1");
    }
    void aCreateWhoseAnswerIsLostIsLookedForAndNeverRepeated()
    {
        beWarm();
        start();
        fault(Fault::Kind::ResetAfter, "/Calls.json");
        person("wait-agent-speaking\nwait 300ms\ndtmf 1\nwait 1s\nhangup");
        callIn("wait-end within 60s");
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 30000);
        QCOMPARE(creates(), 1);
        QTRY_COMPARE(recordOf().reason, EndReason::Completed);
        QVERIFY(tokens().contains(u"TRANSFER_ANSWERED"_s));
    }
    void tooManyRequestsAreWaitedOut()
    {
        beWarm();
        start();
        fault(Fault::Kind::Answer, "/Calls.json", 429);
        person("wait-agent-speaking\nwait 300ms\ndtmf 1\nwait 1s\nhangup");
        callIn("wait-end within 60s");
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 30000);
        QVERIFY(tokens().contains(u"TRANSFER_ANSWERED"_s));
    }
    void callbacksMayComeTwiceLateAndOutOfOrder()
    {
        beWarm();
        start();
        m_twilio->fate = [](const telephony::FormBody& form) {
            const bool isEarly = form.value(u"CallStatus") != u"completed"_s;
            return FakeTwilioService::Fate{2, isEarly ? Milliseconds(3000) : Milliseconds(0)};
        };
        person("wait-agent-speaking\nwait 300ms\ndtmf 1\nwait 1s\nhangup");
        callIn("wait-end within 60s");
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 30000);
        QTRY_COMPARE(recordOf().reason, EndReason::Completed);
        QCOMPARE(tokens().count(u"TRANSFER_ANSWERED"_s), 1);
        QCOMPARE(rows(), 1);
    }

    // ---- operators ----
    void anOperatorPassesACallOnAndEndsIt()
    {
        m_script = {{u"Good morning.\n"_s, {}, false, {}, {}, {}}};
        start();
        ConsoleClient console;
        QVERIFY(console.open(m_kav->port()));
        person("wait 30s\nhangup");
        callIn("wait-end within 60s");
        QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(m_call).state, CallState::Listening, 15000);
        QCOMPARE(console.calls.value(m_call).transferTargets, QStringList{u"sales"_s});
        QCOMPARE(errorOf(console.ask(protocol::TransferCall{0, m_call, u"nobody"_s})), u"not-possible"_s);
        QCOMPARE(errorOf(console.ask(protocol::TransferCall{0, m_call, u"sales"_s})), QString());
        QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(m_call).state, CallState::Transferred, 15000);
        QVERIFY(console.states.value(m_call).contains(CallState::Transferring));
        QCOMPARE(errorOf(console.ask(protocol::TransferCall{0, m_call, u"sales"_s})), u"not-possible"_s);
        QCOMPARE(errorOf(console.ask(protocol::EndCall{0, m_call, true})), QString());
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 15000);
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales)->isFinal(), 15000);
        QTRY_COMPARE(console.calls.value(m_call).reason, EndReason::OperatorEnded);
        QTRY_COMPARE(recordOf().reason, EndReason::OperatorEnded);
        const auto detail = detailOf();
        const auto begun = std::find_if(detail.events.cbegin(), detail.events.cend(),
            [](const CallEvent& event) { return event.token == u"TRANSFER_START"_s; });
        QVERIFY(begun != detail.events.cend());
        QCOMPARE(begun->data.value(u"by").toString(), u"operator"_s);
        QCOMPARE(console.faults, QStringList());
    }
    void aCallThatIsJustBeingPassedOnIsEndedToo()
    {
        m_script = {{u"Good morning.\n"_s, {}, false, {}, {}, {}}};
        start();
        ConsoleClient console;
        QVERIFY(console.open(m_kav->port()));
        callIn("wait-end within 60s");
        QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(m_call).state, CallState::Listening, 15000);
        fault(Fault::Kind::Hang, "/Calls/"); // the redirect hangs, and the stream with it
        QCOMPARE(errorOf(console.ask(protocol::TransferCall{0, m_call, u"sales"_s})), QString());
        QTRY_COMPARE(console.calls.value(m_call).state, CallState::Transferring);
        QCOMPARE(errorOf(console.ask(protocol::EndCall{0, m_call, true})), QString());
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 20000);
        QTRY_COMPARE(recordOf().reason, EndReason::OperatorEnded);
    }
    void withoutRestNobodyClaimsToHaveEndedIt()
    {
        m_haveRest = false;
        start();
        ConsoleClient console;
        QVERIFY(console.open(m_kav->port()));
        person("wait 3s\nhangup");
        callIn("wait-end within 60s");
        QTRY_COMPARE_WITH_TIMEOUT(console.calls.value(m_call).state, CallState::Transferred, 20000);
        QCOMPARE(errorOf(console.ask(protocol::EndCall{0, m_call, true})), u"not-possible"_s);
        QCOMPARE(console.calls.value(m_call).state, CallState::Transferred);
        QTRY_VERIFY_WITH_TIMEOUT(call().isFinal(), 15000);
        QTRY_COMPARE(recordOf().reason, EndReason::Completed);
    }

private:
    using Fault = FakeTwilioService::Fault;
    void fault(Fault::Kind kind, const QByteArray& path, int status = 500)
    {
        Fault one;
        one.kind = kind;
        one.path = path;
        one.status = status;
        one.body = "{\"code\":21220,\"message\":\"not now\"}";
        m_twilio->faults.append(one);
    }
    /// No ears and no voice.
    void leaveNoSpeech()
    {
        m_kav->makers.speechToText = only([]() -> Result<std::shared_ptr<providers::SpeechToText>> {
            return Error{Error::Code::Denied, u"no key"_s, {}};
        });
        m_kav->makers.textToSpeech = only([]() -> Result<std::shared_ptr<providers::TextToSpeech>> {
            return Error{Error::Code::Denied, u"no key"_s, {}};
        });
    }
    void beWarm() { m_persona.transferTargets[0].warm = true; }
    void person(const char* script)
    {
        m_twilio->people[Sales].after = 300ms;
        m_twilio->people[Sales].script = *telephony::parseScript(QString::fromUtf8(script));
    }
    void start()
    {
        if (m_twilio)
            return;
        app::Config& config = m_kav->config;
        config.personas = std::make_shared<const dialog::PersonaBook>(QList{m_persona}, u"en-US"_s);
        m_kav->makers.languageModel =
            only([openings = m_openings, script = m_script]() -> Result<std::shared_ptr<providers::LanguageModel>> {
                StandInLanguageModel::Settings settings;
                settings.script = script;
                return std::shared_ptr<providers::LanguageModel>(std::make_shared<ToldModel>(openings, settings));
            });
        // The engine takes its port, and Twilio learns it; the other way round for Twilio's.
        config.twilioAuthToken = u"test_token"_s;
        m_twilio = std::make_unique<FakeTwilioService>(m_kav->clock, QString());
        if (m_haveRest) {
            config.twilioAccountSid = config.rest.accountSid = m_twilio->accountSid;
            config.rest.authToken = m_twilio->authToken;
        }
        config.callLog.bootstrap = true;
        config.rest.apiUrl = m_twilio->apiUrl().toString();
        m_kav->serve();
        FakeTwilioService::Number number;
        number.phoneNumber = Own;
        number.voiceUrl = QUrl(u"http://127.0.0.1:%1/webhook/incoming_call"_s.arg(m_kav->port()));
        number.statusCallback = QUrl(u"http://127.0.0.1:%1/webhook/call_status"_s.arg(m_kav->port()));
        m_twilio->numbers = {number};
    }
    void callIn(const char* script)
    {
        start();
        m_call = m_twilio->callIn(CallerNumber, Own, *telephony::parseScript(QString::fromUtf8(script)));
    }
    const FakeTwilioService::Call& call() const { return *m_twilio->call(m_call); }
    static QString heard(const FakeTwilioService::Call& call)
    {
        QStringList lines;
        for (const telephony::TimelineEvent& event : call.heard)
            lines += event.what + u' ' + event.detail;
        return lines.join(u'\n');
    }
    bool asked(const char* route) const
    {
        return heard(call()).contains(u"/webhook/"_s + QString::fromLatin1(route));
    }
    QStringList restUpdates() const
    {
        QStringList all;
        for (const auto& request : m_twilio->requests) {
            if (request.path.contains(m_call.toUtf8()) && request.method == "POST")
                all += request.form.value(u"Status") + request.form.value(u"Url").section(u'/', -1).section(u'?', 0, 0);
        }
        return all;
    }
    int creates() const
    {
        return int(std::count_if(m_twilio->requests.cbegin(), m_twilio->requests.cend(),
            [](const auto& request) { return request.method == "POST" && request.path.endsWith("/Calls.json"); }));
    }
    std::unique_ptr<calllog::Queries> log() const
    {
        auto opened = calllog::Queries::open(m_kav->config.callLog);
        return opened ? std::move(opened).value() : nullptr;
    }
    calllog::CallDetail detailOf() const
    {
        const auto queries = log();
        const auto detail = queries ? queries->call(m_call) : Error{};
        return detail ? *detail : calllog::CallDetail{};
    }
    CallLogRow recordOf() const { return detailOf().call; }
    QStringList tokens() const
    {
        QStringList all;
        for (const CallEvent& event : detailOf().events)
            all += event.token;
        return all;
    }
    qsizetype rows() const
    {
        const auto queries = log();
        const auto page = queries ? queries->calls({}) : Error{};
        return page ? page->calls.size() : -1;
    }
    void noNumberIsLogged() const
    {
        const calllog::CallDetail detail = detailOf();
        for (const CallEvent& event : detail.events) {
            const QByteArray text = QJsonDocument(event.data).toJson();
            QVERIFY2(!text.contains(Sales.mid(1).toUtf8()) && !text.contains(CallerNumber.mid(1).toUtf8()), text.constData());
        }
    }

    std::unique_ptr<EngineUnderTest> m_kav;
    std::unique_ptr<FakeTwilioService> m_twilio;
    std::shared_ptr<Openings> m_openings;
    providers::Persona m_persona;
    QList<StandInAnswer> m_script;
    QString m_call;
    bool m_haveRest = true;
};

QTEST_GUILESS_MAIN(TstTransfers)
#include "tst_transfers.moc"
