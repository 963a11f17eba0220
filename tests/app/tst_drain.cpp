// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/queries.h"
#include "engine/dialog/dialogscript.h"
#include "engine/media/g711.h"
#include "tests/app/engineundertest.h"
#include "tests/support/consoleclient.h"
#include "tests/support/twilio/faketwilioservice.h"

#include <QTest>

#include <atomic>

using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using namespace Qt::StringLiterals;

namespace {

const QString CallerNumber = u"+972501234567"_s, Other = u"+972501112233"_s, Own = u"+97231234567"_s,
              Sales = u"+15551239876"_s;
const QString Busy = u"say All our lines are busy. Please call again in a few minutes. Goodbye."_s;
constexpr int Patience = 30000; // of the test, not of the engine
constexpr Milliseconds PerCharacter{20};

} // namespace

/// The engine is told to stop, once, twice and three times, with calls of every kind, and Twilio at its other side.
class TstDrain final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_log = std::make_unique<LogCatcher>();
        m_kav = std::make_unique<EngineUnderTest>();
        m_twilio.reset();
        m_drained.reset();
        m_haveRest = true;
        m_silence = 60s;
        m_persona = {};
        m_persona.name = u"default"_s;
        m_persona.tools = QStringList{u"transfer"_s, u"end_call"_s};
        m_script = {{u"Good morning.\n"_s, {}, false, {}, {}, {}}};
        m_voiceIsGone = std::make_shared<std::atomic<bool>>(false);
    }
    void cleanup()
    {
        if (QTest::currentTestFailed()) {
            const QStringList lines = LogCatcher::lines();
            m_log.reset();
            qInfo().noquote() << lines.join(u'\n');
            if (m_twilio) {
                for (const QString& sid : m_twilio->callsInOrder())
                    qInfo().noquote() << sid << m_twilio->call(sid)->to << u"\n"_s + heard(sid);
            }
        }
        m_drained.reset();
        m_kav->stop();
        m_twilio.reset();
        m_kav.reset();
        m_log.reset();
    }

    // ---- once ----
    void theLiveCallEndsInItsOwnTimeAndNewOnesAreSentOn()
    {
        start();
        ConsoleClient console;
        QVERIFY(console.open(m_kav->port()));
        QVERIFY(!console.engine.remaining);
        const QString live = callIn(CallerNumber, "wait-agent-speaking\nwait 4s\nhangup");
        QVERIFY(isSpokenTo(live));
        const QDateTime before = QDateTime::currentDateTimeUtc();
        stop();
        QJsonObject ready = m_kav->readiness();
        QCOMPARE(ready.value(u"status"_s).toInt(), 503);
        QCOMPARE(ready.value(u"draining"_s), QJsonValue(true));
        QCOMPARE(ready.value(u"remaining"_s).toInt(), 1);
        QVERIFY(QDateTime::fromString(ready.value(u"goodbye_at"_s).toString(), Qt::ISODate) > before.addSecs(29 * 60));
        QTRY_VERIFY(console.engine.draining);
        QCOMPARE(console.engine.remaining, 1);
        QVERIFY(console.engine.goodbyeAt > before.addSecs(29 * 60));

        const QString turnedAway = callIn(Other, "wait-end within 30s");
        QTRY_VERIFY_WITH_TIMEOUT(isOver(turnedAway), Patience);
        QVERIFY2(heard(turnedAway).contains(Busy), qPrintable(heard(turnedAway)));
        QTRY_VERIFY_WITH_TIMEOUT(isOver(live), Patience);
        QVERIFY(heard(live).contains(u"hangs-up"_s));
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        QTRY_VERIFY(!console.isOpen());
        m_kav->stop();
        QCOMPARE(reasonOf(live), EndReason::CallerHungUp);
        QCOMPARE(reasonOf(turnedAway), EndReason::Refused);
        QCOMPARE(rows(), 2);
    }
    void newCallsAreSentOnAsItIsSet_data()
    {
        QTest::addColumn<QString>("way");
        QTest::addColumn<QStringList>("verbs");
        QTest::newRow("busy") << u"busy"_s << QStringList{u"Say"_s, u"Hangup"_s};
        QTest::newRow("wait") << u"wait"_s << QStringList{u"Say"_s, u"Pause"_s, u"Redirect"_s};
        QTest::newRow("forward") << u"forward"_s << QStringList{u"Dial"_s};
        QTest::newRow("speech") << u"speech"_s << QStringList{u"Gather"_s, u"Redirect"_s};
    }
    void newCallsAreSentOnAsItIsSet()
    {
        QFETCH(QString, way);
        QFETCH(QStringList, verbs);
        m_kav->config.whenDraining = way;
        m_kav->config.forwardTo = u"+15550001111"_s;
        start();
        const QString live = callIn(CallerNumber, "wait-end within 60s");
        QVERIFY(isSpokenTo(live));
        stop();
        const auto late = newIds();
        QCOMPARE(m_kav->verbsAfter("incoming_call", late), verbs);
        // At the goodbyes no call is begun, whatever is set.
        stop();
        const bool isBegun = way == u"speech"_s;
        QCOMPARE(m_kav->verbsAfter("incoming_call", newIds()), isBegun ? (QStringList{u"Say"_s, u"Hangup"_s}) : verbs);
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        m_kav->stop();
        QCOMPARE(reasonOf(late.callSid),
            isBegun                ? EndReason::Shutdown
                : way == u"wait"_s ? EndReason::Shutdown // nobody heard the end of it
                                   : EndReason::Refused);
    }
    void aCallThatHasBeenOfferedItsStreamIsWaitedFor()
    {
        start();
        const auto ids = newIds();
        FakeTwilio caller(m_kav->clock, ids);
        const QByteArray offered = m_kav->offeredPath(ids);
        QVERIFY(!offered.isEmpty());
        stop();
        QCOMPARE(m_kav->readiness().value(u"remaining"_s).toInt(), 1);
        QVERIFY(caller.open(m_kav->port(), offered, m_kav->config.twilioAuthToken.toUtf8()));
        caller.start();
        QTRY_VERIFY_WITH_TIMEOUT(caller.mediaMessages > 0, Patience);
        QVERIFY(m_drained->isEmpty());
        caller.hangUp();
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        QCOMPARE(m_kav->ends.size(), 1);
    }
    void twilioIsStillToldHowTheLastCallGoesOn()
    {
        // Without REST the stream's end is not the call's: Twilio asks, and must not find the engine gone.
        m_haveRest = false;
        m_script = {{u"I am done with you, goodbye.\n"_s, {}, true, {}, {}, {}}};
        start();
        const QString live = callIn(CallerNumber, "wait-end within 60s");
        QTRY_VERIFY_WITH_TIMEOUT(heard(live).contains(u"agent speaks"_s), Patience);
        stop();
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        m_kav->stop();
        QTRY_VERIFY_WITH_TIMEOUT(isOver(live), Patience);
        QVERIFY2(heard(live).contains(u"webhook /webhook/after_stream"_s), qPrintable(heard(live)));
        QVERIFY(m_twilio->call(live)->leg->outcome().ok);
        QCOMPARE(reasonOf(live), EndReason::Completed);
    }
    void theEngineStaysUntilTwilioHasAsked()
    {
        m_haveRest = false;
        m_script = {{u"I am done with you, goodbye.\n"_s, {}, true, {}, {}, {}}};
        start();
        Caller caller(*m_kav);
        QVERIFY(caller.call());
        stop();
        QTRY_COMPARE_WITH_TIMEOUT(m_kav->ends.size(), 1, Patience);
        QCOMPARE(m_kav->engine().liveCalls(), 0);
        QCOMPARE(m_kav->readiness().value(u"remaining"_s).toInt(), 1);
        QVERIFY(m_drained->isEmpty());
        QCOMPARE(m_kav->verbsAfter("after_stream", caller.twilio.ids()), QStringList{u"Hangup"_s});
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
    }
    void atTheLimitTheRestHearsAGoodbye()
    {
        m_kav->config.drain = 100ms;
        start();
        const QString live = callIn(CallerNumber, "wait-end within 60s");
        QVERIFY(isSpokenTo(live));
        stop();
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        QTRY_VERIFY_WITH_TIMEOUT(isOver(live), Patience);
        QVERIFY2(hasHeardTheGoodbye(live), qPrintable(heard(live)));
        m_kav->stop();
        QCOMPARE(reasonOf(live), EndReason::Shutdown);
    }

    // ---- twice ----
    void theSecondStopLetsEachHearItsGoodbyeOut_data()
    {
        QTest::addColumn<bool>("haveRest");
        QTest::addColumn<QString>("language");
        QTest::newRow("ended by REST") << true << u"en-US"_s;
        QTest::newRow("ended by its stream") << false << u"en-US"_s;
        QTest::newRow("in the persona's language") << true << u"he-IL"_s;
    }
    void theSecondStopLetsEachHearItsGoodbyeOut()
    {
        QFETCH(bool, haveRest);
        QFETCH(QString, language);
        m_haveRest = haveRest;
        m_persona.language = language;
        start();
        ConsoleClient console;
        QVERIFY(console.open(m_kav->port()));
        const QString first = callIn(CallerNumber, "wait-end within 60s"),
                      second = callIn(Other, "wait-end within 60s");
        QVERIFY(isSpokenTo(first) && isSpokenTo(second));
        stop();
        QTRY_COMPARE(console.engine.remaining, 2);
        QVERIFY(console.engine.goodbyeAt.isValid());
        // It was rendered ahead: the voice is not needed any more.
        *m_voiceIsGone = true;
        stop();
        QTRY_VERIFY(!console.engine.goodbyeAt.isValid());
        QVERIFY(m_drained->isEmpty());
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        m_kav->stop();
        for (const QString& sid : {first, second}) {
            QTRY_VERIFY_WITH_TIMEOUT(isOver(sid), Patience);
            QVERIFY2(hasHeardTheGoodbye(sid), qPrintable(heard(sid)));
            QCOMPARE(heard(sid).contains(u"webhook /webhook/after_stream"_s), !haveRest);
            QCOMPARE(hangUpsOf(sid), haveRest ? 1 : 0);
            const auto detail = detailOf(sid);
            QCOMPARE(detail.call.reason, EndReason::Shutdown);
            QCOMPARE(detail.turns.size(), 1);
            const QStringList tokens = tokensOf(detail);
            QVERIFY2(tokens.contains(u"WS_START"_s) && tokens.contains(u"WS_STOP"_s), qPrintable(tokens.join(u' ')));
            QCOMPARE(tokens.contains(u"HANGUP"_s), haveRest);
        }
        QCOMPARE(rows(), 2);
        QVERIFY(LogCatcher::lines().filter(u"saying goodbye to 2 calls"_s).size() == 1);
        QVERIFY(LogCatcher::lines().filter(u"cut off"_s).isEmpty());
    }
    void aStreamThatComesAtTheGoodbyesIsApologisedFor()
    {
        start();
        const auto ids = newIds();
        const QByteArray offered = m_kav->offeredPath(ids);
        stop();
        stop();
        FakeTwilio caller(m_kav->clock, ids);
        QVERIFY(!caller.open(m_kav->port(), offered, m_kav->config.twilioAuthToken.toUtf8()));
        QCOMPARE(caller.refusedStatus, 503);
        QVERIFY(m_drained->isEmpty());
        QCOMPARE(m_kav->verbsAfter("after_stream", ids), (QStringList{u"Say"_s, u"Hangup"_s}));
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        m_kav->stop();
        QCOMPARE(reasonOf(ids.callSid), EndReason::Shutdown);
    }
    void aCallWithoutAStreamHearsItToo_data()
    {
        QTest::addColumn<bool>("haveRest");
        QTest::newRow("at once, by REST") << true;
        QTest::newRow("when it asks next") << false;
    }
    void aCallWithoutAStreamHearsItToo()
    {
        QFETCH(bool, haveRest);
        m_haveRest = haveRest;
        m_silence = 3s;
        m_kav->makers.speechToText = only([]() -> Result<std::shared_ptr<providers::SpeechToText>> {
            return Error{Error::Code::Denied, u"no key"_s, {}};
        });
        start();
        const QString live = callIn(CallerNumber, "wait-end within 60s");
        QTRY_VERIFY_WITH_TIMEOUT(heard(live).contains(u"gather"_s), Patience);
        stop();
        QVERIFY(m_drained->isEmpty());
        QCOMPARE(m_kav->readiness().value(u"remaining"_s).toInt(), 1);
        stop();
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        QTRY_VERIFY_WITH_TIMEOUT(isOver(live), Patience);
        QVERIFY2(heard(live).contains(u"say "_s + m_goodbye), qPrintable(heard(live)));
        m_kav->stop();
        QCOMPARE(reasonOf(live), EndReason::Shutdown);
    }
    void whoTalksWithAPersonIsLeftAlone()
    {
        passOn(false);
        start();
        person("wait 60s\nhangup");
        const QString live = callIn(CallerNumber, "wait-end within 60s");
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales) && m_twilio->callTo(Sales)->isBridged, Patience);
        QTRY_VERIFY_WITH_TIMEOUT(tokensOf(detailOf(live)).contains(u"TRANSFER_ANSWERED"_s), Patience);
        QTRY_COMPARE(m_kav->engine().liveCalls(), 0);
        stop();
        // What follows on the talk is this engine's to say: it is waited for.
        QCOMPARE(m_kav->readiness().value(u"remaining"_s).toInt(), 1);
        QVERIFY(m_drained->isEmpty());
        stop();
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        QVERIFY(!isOver(live));
        QVERIFY(m_twilio->callTo(Sales)->isBridged);
        m_kav->stop();
        // Closed in the log, and not taken for one that a crash has cut, which the next start would end.
        QCOMPARE(reasonOf(live), EndReason::Shutdown);
    }
    void aTalkWithAPersonEndsInItsOwnTime()
    {
        passOn(false);
        start();
        person("wait 3s\nhangup");
        const QString live = callIn(CallerNumber, "wait-end within 60s");
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales) && m_twilio->callTo(Sales)->isBridged, Patience);
        QTRY_COMPARE(m_kav->engine().liveCalls(), 0);
        stop();
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        QTRY_VERIFY_WITH_TIMEOUT(isOver(live), Patience);
        m_kav->stop();
        QCOMPARE(reasonOf(live), EndReason::Completed);
    }
    void whoWaitsForAPersonHearsAGoodbye()
    {
        passOn(true);
        start();
        m_twilio->people[Sales].answer = FakeTwilioService::Person::Answer::NoAnswer;
        const QString live = callIn(CallerNumber, "wait-end within 60s");
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(Sales) && m_twilio->callTo(Sales)->status == u"ringing"_s, Patience);
        stop();
        QVERIFY(m_drained->isEmpty());
        stop();
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        QTRY_VERIFY_WITH_TIMEOUT(isOver(live), Patience);
        QVERIFY2(heard(live).contains(u"say Nobody can take your call just now"_s), qPrintable(heard(live)));
        QCOMPARE(m_twilio->callTo(Sales)->status, u"canceled"_s);
        m_kav->stop();
        QCOMPARE(reasonOf(live), EndReason::Shutdown);
    }
    void whoIsBeingCalledIsRungForNoLonger()
    {
        m_kav->config.outbound.live = 1;
        start();
        ConsoleClient console;
        QVERIFY(console.open(m_kav->port()));
        m_twilio->people[CallerNumber].answer = FakeTwilioService::Person::Answer::NoAnswer;
        QCOMPARE(whyNotPlaced(console), QString());
        QTRY_VERIFY_WITH_TIMEOUT(
            m_twilio->callTo(CallerNumber) && m_twilio->callTo(CallerNumber)->status == u"ringing"_s, Patience);
        const auto waiting = resultOf<protocol::CallPlaced>(console.ask(protocol::PlaceCall{0, Other, {}, {}, {}}));
        QVERIFY(waiting);
        stop();
        // Who waits for his turn is not called any more; who rings may yet answer.
        QTRY_COMPARE(console.calls.value(waiting->placed).state, CallState::Ended);
        QCOMPARE(console.calls.value(waiting->placed).problem, u"the engine is stopping"_s);
        QVERIFY(m_drained->isEmpty());
        QCOMPARE(m_kav->readiness().value(u"remaining"_s).toInt(), 1);
        QVERIFY(errorOf(console.ask(protocol::PlaceCall{0, Other, {}, {}, {}})).startsWith(u"not-possible"_s));
        QVERIFY(!m_twilio->callTo(CallerNumber)->isFinal());
        stop();
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        QCOMPARE(m_twilio->callTo(CallerNumber)->status, u"canceled"_s);
        QVERIFY(!m_twilio->callTo(Other));
        QTRY_COMPARE(m_kav->metric("kav_outbound_calls_total{outcome=\"canceled\"}"), "2");
        m_kav->stop();
        QCOMPARE(reasonOf(m_twilio->callTo(CallerNumber)->sid), EndReason::Shutdown);
    }
    void whoAnswersDuringTheDrainIsTalkedTo()
    {
        start();
        ConsoleClient console;
        QVERIFY(console.open(m_kav->port()));
        m_twilio->people[CallerNumber].after = 2s;
        m_twilio->people[CallerNumber].script =
            *telephony::parseScript(u"wait-agent-speaking\nwait-agent-silent\nhangup"_s);
        QCOMPARE(whyNotPlaced(console), QString());
        QTRY_VERIFY_WITH_TIMEOUT(m_twilio->callTo(CallerNumber), Patience);
        stop();
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        const QString sid = m_twilio->callTo(CallerNumber)->sid;
        QVERIFY2(heard(sid).contains(u"speaks"_s), qPrintable(heard(sid)));
        m_kav->stop();
        QCOMPARE(reasonOf(sid), EndReason::CallerHungUp);
    }

    // ---- three times ----
    void theThirdStopWaitsForNothing()
    {
        start();
        const QString live = callIn(CallerNumber, "wait-end within 60s");
        QVERIFY(isSpokenTo(live));
        stop();
        stop();
        QVERIFY(m_drained->isEmpty());
        stop();
        QCOMPARE(m_drained->size(), 1);
        stop();
        QCOMPARE(m_drained->size(), 1);
        m_kav->stop();
        QVERIFY(!hasHeardTheGoodbye(live));
        QCOMPARE(reasonOf(live), EndReason::Shutdown);
        QVERIFY(tokensOf(detailOf(live)).contains(u"WS_STOP"_s));
        QCOMPARE(LogCatcher::lines().filter(u"asked to stop a third time: 1 calls are cut off"_s).size(), 1);
    }
    void theSecondStopIsNoThirdWhereTheLimitWasFirst()
    {
        m_kav->config.drain = 0ms;
        start();
        const QString live = callIn(CallerNumber, "wait-end within 60s");
        QVERIFY(isSpokenTo(live));
        stop();
        QTRY_VERIFY(!LogCatcher::lines().filter(u"the drain is at its limit"_s).isEmpty());
        stop();
        QVERIFY(m_drained->isEmpty());
        QTRY_COMPARE_WITH_TIMEOUT(m_drained->size(), 1, Patience);
        QTRY_VERIFY_WITH_TIMEOUT(isOver(live), Patience);
        QVERIFY2(hasHeardTheGoodbye(live), qPrintable(heard(live)));
    }

private:
    void passOn(bool warm)
    {
        m_persona.transferTargets = {{u"sales"_s, Sales}};
        m_persona.transferTargets[0].warm = warm;
        m_script = {{u"I will connect you.\n"_s, {}, false, u"transfer"_s, {}, {{u"summary"_s, u"A bill."_s}}}};
    }
    void person(const char* script)
    {
        m_twilio->people[Sales].after = 300ms;
        m_twilio->people[Sales].script = *telephony::parseScript(QString::fromUtf8(script));
    }
    static QString whyNotPlaced(ConsoleClient& console)
    {
        const auto reply = console.ask(protocol::PlaceCall{0, CallerNumber, {}, {}, {}});
        const auto* error = reply ? std::get_if<protocol::CommandError>(&reply->outcome) : nullptr;
        return error ? error->message : reply ? QString() : u"no reply"_s;
    }
    void start()
    {
        app::Config& config = m_kav->config;
        config.personas = std::make_shared<const dialog::PersonaBook>(QList{m_persona}, u"en-US"_s);
        m_kav->makers.languageModel = only([script = m_script]() -> Result<std::shared_ptr<providers::LanguageModel>> {
            StandInLanguageModel::Settings settings;
            settings.script = script;
            return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
        });
        m_kav->makers.textToSpeech = only([gone = m_voiceIsGone]() -> Result<std::shared_ptr<providers::TextToSpeech>> {
            StandInTextToSpeech::Settings settings;
            settings.perCharacter = PerCharacter;
            settings.asked = [gone](const providers::SpeechRequest& request) {
                if (*gone)
                    qWarning().noquote() << "asked for" << request.text;
            };
            return std::shared_ptr<providers::TextToSpeech>(std::make_shared<StandInTextToSpeech>(settings));
        });
        config.twilioAuthToken = u"test_token"_s;
        m_twilio = std::make_unique<FakeTwilioService>(m_kav->clock, QString());
        if (m_haveRest) {
            config.twilioAccountSid = config.rest.accountSid = m_twilio->accountSid;
            config.rest.authToken = m_twilio->authToken;
        }
        config.callLog.bootstrap = true;
        config.rest.apiUrl = m_twilio->apiUrl().toString();
        config.outbound.numbers = {Own};
        config.outbound.allow = {u"+97250*"_s};
        config.outbound.callsPerSecond = 20;
        config.turn.noInput = m_silence;
        m_kav->listen();
        config.publicUrl = config.outbound.publicUrl = u"http://127.0.0.1:%1"_s.arg(m_kav->port());
        m_kav->stop();
        config.port = m_kav->port();
        m_kav->serve();
        const QString language = m_persona.language.isEmpty() ? u"en-US"_s : m_persona.language;
        m_goodbye = dialog::serviceLinesFor(language, m_kav->engine().dialogs()->scriptFor(language).get()).endGoodbye;
        m_drained = std::make_unique<QSignalSpy>(&m_kav->engine(), &app::Engine::drained);
        FakeTwilioService::Number number;
        number.phoneNumber = Own;
        number.voiceUrl = QUrl(u"http://127.0.0.1:%1/webhook/incoming_call"_s.arg(m_kav->port()));
        number.statusCallback = QUrl(u"http://127.0.0.1:%1/webhook/call_status"_s.arg(m_kav->port()));
        m_twilio->numbers = {number};
    }
    /// SIGTERM.
    void stop() { m_kav->engine().drain(); }
    telephony::StreamIds newIds() const
    {
        auto ids = telephony::StreamIds::random();
        ids.accountSid = m_twilio->accountSid;
        return ids;
    }
    QString callIn(const QString& from, const char* script)
    {
        return m_twilio->callIn(from, Own, *telephony::parseScript(QString::fromUtf8(script)));
    }
    bool isOver(const QString& sid) const { return m_twilio->call(sid)->isFinal(); }
    /// The agent's first words have been heard out.
    bool isSpokenTo(const QString& sid) const
    {
        return QTest::qWaitFor([&] { return heard(sid).contains(u"agent stops"_s); }, Patience);
    }
    QString heard(const QString& sid) const
    {
        QStringList lines;
        for (const telephony::TimelineEvent& event : m_twilio->call(sid)->heard)
            lines +=
                (event.who == u"line"_s ? QString() : QString(event.who + u' ')) + event.what + u' ' + event.detail;
        return lines.join(u'\n');
    }
    /// The last sound of the agent is as long as the goodbye.
    bool hasHeardTheGoodbye(const QString& sid) const
    {
        const QByteArray agent = m_twilio->call(sid)->leg->recording().second;
        qsizetype end = agent.size();
        const auto isSilent = [&agent](qsizetype at) { return std::abs(media::fromMulaw(quint8(agent.at(at)))) < 50; };
        while (end > 0 && isSilent(end - 1))
            --end;
        // The tone passes through zero; 30 ms of silence are a pause.
        qsizetype begin = end;
        for (qsizetype quiet = 0; begin > 0 && quiet < 240; --begin)
            quiet = isSilent(begin - 1) ? quiet + 1 : 0;
        const Milliseconds length{(end - begin) / 8};
        Milliseconds wanted{0};
        for (const QString& sentence : dialog::sentencesOf(m_goodbye))
            wanted += PerCharacter * int(sentence.size());
        qInfo().noquote() << sid << "the last sound took" << length.count() << "ms, the goodbye takes"
                          << wanted.count();
        return length > wanted - 60ms && length < wanted + 100ms;
    }
    int hangUpsOf(const QString& sid) const
    {
        return int(std::count_if(m_twilio->requests.cbegin(), m_twilio->requests.cend(), [&sid](const auto& request) {
            return request.method == "POST" && request.path.contains(sid.toUtf8())
                && request.form.value(u"Status") == u"completed"_s;
        }));
    }
    std::unique_ptr<calllog::Queries> log() const
    {
        auto opened = calllog::Queries::open(m_kav->config.callLog);
        return opened ? std::move(opened).value() : nullptr;
    }
    calllog::CallDetail detailOf(const QString& sid) const
    {
        const auto queries = log();
        const auto detail = queries ? queries->call(sid) : Error{};
        return detail ? *detail : calllog::CallDetail{};
    }
    EndReason reasonOf(const QString& sid) const { return detailOf(sid).call.reason; }
    static QStringList tokensOf(const calllog::CallDetail& detail)
    {
        QStringList all;
        for (const CallEvent& event : detail.events)
            all += event.token;
        return all;
    }
    qsizetype rows() const
    {
        const auto queries = log();
        const auto page = queries ? queries->calls({}) : Error{};
        return page ? page->calls.size() : -1;
    }

    std::unique_ptr<LogCatcher> m_log;
    std::unique_ptr<EngineUnderTest> m_kav;
    std::unique_ptr<FakeTwilioService> m_twilio;
    std::unique_ptr<QSignalSpy> m_drained;
    bool m_haveRest = true;
    Milliseconds m_silence{0}; // that the agent bears
    providers::Persona m_persona;
    QList<StandInAnswer> m_script;
    QString m_goodbye;
    std::shared_ptr<std::atomic<bool>> m_voiceIsGone;
};

QTEST_GUILESS_MAIN(TstDrain)
#include "tst_drain.moc"
