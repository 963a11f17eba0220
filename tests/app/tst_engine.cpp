// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/queries.h"
#include "tests/app/engineundertest.h"

#include <QDir>
#include <QJsonDocument>
#include <QSet>
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

bool areInOrder(const QStringList& all, const QStringList& wanted)
{
    qsizetype at = 0;
    for (const QString& token : all)
        if (at < wanted.size() && token == wanted.at(at))
            ++at;
    return at == wanted.size();
}

/// Of a call's events in the database, as far as they have come.
QStringList storedTokens(const calllog::Queries& queries, const QString& callId)
{
    const auto tokens = queries.tokensOf(callId);
    return tokens ? *tokens : QStringList();
}

} // namespace

/// The composition root over real sockets: what Twilio, an orchestrator and an operator's scraper meet.
class tst_Engine final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_log = std::make_unique<LogCatcher>(); }
    void cleanup() { m_log.reset(); }

    void answersBeforeAnythingHasBegun();
    void readinessNamesWhatItKnows();
    void unknownPagesAndMethodsAreRefused();
    void tellsItsVersion();
    void aPortInUseIsNamed();

    void aMakerThatHangsHoldsNothingUp();
    void aMakerThatFailsIsShownAndServesOn();

    void aMissingSchemaIsNamedAndMended();
    void aDatabaseThatWasAskedForMustBeThere();
    void withoutADatabaseTheLogIsOff();
    void aJournalThatCannotBeWrittenIsNotReady();

    void aWholeCallLeavesItsTokensInOrder();
    void countersMoveAfterACall();
    void anOrderlyEndHangsUp();
    void aLostStreamIsApologisedFor();
    void aStreamThatNeverCameIsApologisedFor();
    void aFullEngineIsBusy();
    void aBurstDoesNotPassTheCapacity();
    void badTokensAreRefusedBeforeThe101();
    void aCallHasOneStream();
    void callsAreSpreadOverTheWorkers();
    void aCallGetsTheFallbackWithoutASpeechToText();

    void aDrainLetsTheLiveCallEnd();
    void anIdleEngineIsDrainedAtOnce();
    void aDrainPastItsDeadlineSaysGoodbye();
    void stoppingWithLiveCallsClosesThemInTheLog();
    void aBrokenDialogFileIsReplacedByTheBuiltInOne();

private:
    std::unique_ptr<LogCatcher> m_log;
};

// ---- pages ----------------------------------------------------------------------------------------------------------

void tst_Engine::answersBeforeAnythingHasBegun()
{
    EngineUnderTest kav;
    kav.listen();
    QCOMPARE(kav.get("/healthz").status, 200);
    const QJsonObject ready = kav.readiness();
    QCOMPARE(ready.value(u"status"_s).toInt(), 503);
    QCOMPARE(ready.value(u"ws"_s).toString(), u"down"_s);
    for (const QString& stage : {u"stt"_s, u"tts"_s, u"llm"_s})
        QCOMPARE(ready.value(stage).toString(), u"pending"_s);
    QCOMPARE(kav.get("/version").status, 200);
    QCOMPARE(kav.get("/metrics").status, 503);
    // A call that comes this early hears that the lines are busy, and no stream is offered that nobody would take.
    QCOMPARE(kav.verbsAfter("incoming_call", newIds()), (QStringList{u"Say"_s, u"Hangup"_s}));
}

void tst_Engine::readinessNamesWhatItKnows()
{
    EngineUnderTest kav;
    kav.config.capacity = 7;
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    QTRY_COMPARE(kav.readiness().value(u"db"_s).toString(), u"ok"_s);
    const RawResponse page = kav.get("/readyz");
    QCOMPARE(page.status, 200);
    QVERIFY(page.header("content-type").startsWith("application/json"));
    const QJsonObject json = QJsonDocument::fromJson(page.body).object();
    const QJsonObject expected{{u"ready"_s, true}, {u"ws"_s, u"ok"_s}, {u"db"_s, u"ok"_s}, {u"journal"_s, u"ok"_s}, {u"stt"_s, u"ok"_s},
        {u"tts"_s, u"ok"_s}, {u"llm"_s, u"ok"_s}, {u"draining"_s, false}, {u"calls"_s, 0}, {u"capacity"_s, 7}};
    QCOMPARE(json, expected);
}

void tst_Engine::unknownPagesAndMethodsAreRefused()
{
    EngineUnderTest kav;
    kav.serve();
    QCOMPARE(kav.get("/").status, 404);
    QCOMPARE(kav.get("/nothing/here").status, 404);
    QCOMPARE(kav.get("/webhook/nothing").status, 404);
    for (const QByteArray& page :
        {QByteArray("/healthz"), QByteArray("/readyz"), QByteArray("/version"), QByteArray("/metrics")}) {
        const RawResponse refused = kav.request("POST", page, "x=1");
        QCOMPARE(refused.status, 405);
        QCOMPARE(refused.header("allow"), "GET, HEAD");
        QCOMPARE(kav.request("HEAD", page).status, 200);
    }
    const RawResponse refused = kav.request("PUT", "/webhook/incoming_call", "x=1");
    QCOMPARE(refused.status, 405);
    QCOMPARE(refused.header("allow"), "GET, HEAD, POST");
    // A webhook may be configured as GET: its fields are then looked for in the address.
    QCOMPARE(kav.get("/webhook/incoming_call").status, 400);
    // An upgrade to anything but a stream is none of ours.
    RawClient other(kav.port(), upgradeHead("/elsewhere"));
    QCOMPARE(other.response().status, 404);
}

void tst_Engine::tellsItsVersion()
{
    EngineUnderTest kav;
    kav.config.deployId = u"blue-42"_s;
    kav.listen();
    const QJsonObject json = QJsonDocument::fromJson(kav.get("/version").body).object();
    QCOMPARE(json.value(u"deploy_id"_s).toString(), u"blue-42"_s);
    QCOMPARE(json.value(u"qt"_s).toString(), QString::fromLatin1(qVersion()));
    QVERIFY(!json.value(u"version"_s).toString().isEmpty());
    QVERIFY(!json.value(u"commit"_s).toString().isEmpty());
}

void tst_Engine::aPortInUseIsNamed()
{
    EngineUnderTest first;
    first.listen();
    EngineUnderTest second;
    second.config.port = first.port();
    app::Engine engine(
        second.config, second.clock, [&second](const app::Engine::DialogSource&) { return second.makers; });
    const auto address = engine.listen();
    QVERIFY(!address);
    QVERIFY2(
        address.error().message.contains(u"127.0.0.1:%1"_s.arg(first.port())), qPrintable(address.error().message));
}

// ---- providers ------------------------------------------------------------------------------------------------------

void tst_Engine::aMakerThatHangsHoldsNothingUp()
{
    EngineUnderTest kav;
    kav.config.withoutStream = false; // the stream is offered all the same
    const auto gate = std::make_shared<Gate>();
    kav.config.providers.deadline = 1500ms;
    kav.makers.speechToText = only([gate]() -> Result<std::shared_ptr<providers::SpeechToText>> {
        gate->wait();
        return Error{Error::Code::Unavailable, u"let go"_s, {}};
    });
    kav.listen();
    kav.begin();
    QTRY_VERIFY(gate->isEntered());
    QTRY_COMPARE(kav.readiness().value(u"tts"_s).toString(), u"ok"_s);
    const QJsonObject while_ = kav.readiness();
    QCOMPARE(while_.value(u"stt"_s).toString(), u"pending"_s);
    QCOMPARE(while_.value(u"status"_s).toInt(), 200); // readiness is no provider's business
    QCOMPARE(kav.get("/healthz").status, 200);
    QVERIFY(!kav.offeredPath(newIds()).isEmpty());
    QTRY_COMPARE(kav.readiness().value(u"stt"_s).toString(), u"error"_s);
    QCOMPARE(kav.readiness().value(u"status"_s).toInt(), 200);
    QCOMPARE(kav.get("/healthz").status, 200);
    QVERIFY(!kav.offeredPath(newIds()).isEmpty());
    // The engine goes while the maker is still held.
    kav.stop();
    gate->open();
}

void tst_Engine::aMakerThatFailsIsShownAndServesOn()
{
    EngineUnderTest kav;
    kav.config.withoutStream = false; // the stream is offered all the same
    kav.makers.languageModel = only([]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        return Error{Error::Code::Denied, u"no key for the oracle"_s, {}};
    });
    kav.makers.textToSpeech = only([]() -> Result<std::shared_ptr<providers::TextToSpeech>> {
        throw std::runtime_error("broken");
    });
    kav.config.turn.filler = 200ms;
    kav.config.turn.fallback = 500ms;
    kav.serve();
    const QJsonObject ready = kav.readiness();
    QCOMPARE(ready.value(u"status"_s).toInt(), 200);
    QCOMPARE(ready.value(u"stt"_s).toString(), u"ok"_s);
    QCOMPARE(ready.value(u"llm"_s).toString(), u"error"_s);
    QCOMPARE(ready.value(u"tts"_s).toString(), u"error"_s);
    const QStringList lines = LogCatcher::lines();
    const auto logged = [&lines](QLatin1String start, QLatin1String part) {
        return std::any_of(lines.begin(), lines.end(),
            [&](const QString& line) { return line.startsWith(start) && line.contains(part); });
    };
    QVERIFY(logged(QLatin1String("WARMUP_STT_OK"), {}));
    QVERIFY(logged(QLatin1String("WARMUP_LLM_ERR reason="), QLatin1String("no key for the oracle")));
    QVERIFY(logged(QLatin1String("WARMUP_TTS_ERR reason="), QLatin1String("runtime_error")));
    // Without a voice the call is not left in silence: Twilio's own apologises.
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY_WITH_TIMEOUT(caller.twilio.isClosed, 15000);
    QTRY_COMPARE(kav.ends.size(), 1);
    QVERIFY(kav.ends.first().apologyOwed);
    QCOMPARE(kav.verbsAfter("after_stream", caller.twilio.ids()), (QStringList{u"Say"_s, u"Hangup"_s}));
}

// ---- call log -------------------------------------------------------------------------------------------------------

void tst_Engine::aMissingSchemaIsNamedAndMended()
{
    EngineUnderTest kav;
    kav.serve();
    QTRY_VERIFY(kav.readiness().contains(u"db_reason"_s));
    QJsonObject ready = kav.readiness();
    QCOMPARE(ready.value(u"db"_s).toString(), u"down"_s);
    QVERIFY2(ready.value(u"db_reason"_s).toString().contains(u"kav-engine migrate"_s),
        qPrintable(ready.value(u"db_reason"_s).toString()));
    QCOMPARE(ready.value(u"status"_s).toInt(), 200); // nobody asked for a database; the journal keeps the log
    // Tried again and again, said once.
    int said = 0;
    for (const QString& line : LogCatcher::lines())
        said += line.contains(u"kav-engine migrate"_s);
    QCOMPARE(said, 1);
    // A call is taken and kept meanwhile.
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    caller.hangUp();
    QTRY_COMPARE(kav.ends.size(), 1);
    QVERIFY(calllog::migrate(kav.config.callLog));
    QTRY_COMPARE(kav.readiness().value(u"db"_s).toString(), u"ok"_s);
    QVERIFY(!kav.readiness().contains(u"db_reason"_s));
    const auto queries = calllog::Queries::open(kav.config.callLog);
    QVERIFY(queries);
    QTRY_COMPARE(storedTokens(**queries, caller.twilio.ids().callSid).value(0), u"WS_START"_s);
    QTRY_COMPARE(storedTokens(**queries, caller.twilio.ids().callSid).last(), u"WS_STOP"_s);
}

void tst_Engine::aDatabaseThatWasAskedForMustBeThere()
{
    EngineUnderTest kav;
    const QString away = kav.directory() + u"/away"_s;
    kav.config.callLog.databaseUrl = u"sqlite://"_s + away + u"/calls.db"_s;
    QFile blocker(away); // a file where the database's directory should be
    QVERIFY(blocker.open(QIODevice::WriteOnly));
    kav.serve();
    QTRY_VERIFY(kav.readiness().contains(u"db_reason"_s));
    QJsonObject ready = kav.readiness();
    QCOMPARE(ready.value(u"ws"_s).toString(), u"ok"_s);
    QCOMPARE(ready.value(u"db"_s).toString(), u"down"_s);
    QCOMPARE(ready.value(u"status"_s).toInt(), 503);
    QCOMPARE(kav.get("/healthz").status, 200);
    // It comes back.
    QVERIFY(blocker.remove());
    QVERIFY(QDir().mkpath(away));
    QVERIFY(calllog::migrate(kav.config.callLog));
    QTRY_COMPARE(kav.readiness().value(u"status"_s).toInt(), 200);
}

void tst_Engine::withoutADatabaseTheLogIsOff()
{
    EngineUnderTest kav;
    kav.config.callLog.databaseUrl = u"off"_s;
    kav.serve();
    QTRY_COMPARE(kav.readiness().value(u"db"_s).toString(), u"off"_s);
    QCOMPARE(kav.readiness().value(u"status"_s).toInt(), 200);
    QVERIFY(!QFile::exists(kav.directory() + u"/calls.db"_s));
}

// ---- calls ----------------------------------------------------------------------------------------------------------

void tst_Engine::aJournalThatCannotBeWrittenIsNotReady()
{
    EngineUnderTest kav;
    QVERIFY(calllog::migrate(kav.config.callLog));
    const QString journal = kav.directory() + u"/journal"_s;
    QFile inItsPlace(journal);
    QVERIFY(inItsPlace.open(QIODevice::WriteOnly));
    kav.serve();
    QTRY_COMPARE(kav.readiness().value(u"status"_s).toInt(), 503);
    const QJsonObject ready = kav.readiness();
    QCOMPARE(ready.value(u"ready"_s), QJsonValue(false));
    QCOMPARE(ready.value(u"journal"_s).toString(), u"down"_s);
    QVERIFY2(ready.value(u"journal_reason"_s).toString().contains(journal),
        qPrintable(ready.value(u"journal_reason"_s).toString()));
    // Who calls all the same is answered.
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut() && !caller.twilio.heard.isEmpty());
    caller.hangUp();
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.readiness().value(u"status"_s).toInt(), 503);

    QVERIFY(inItsPlace.remove());
    QTRY_COMPARE_WITH_TIMEOUT(kav.readiness().value(u"status"_s).toInt(), 200, 10000);
    QCOMPARE(kav.readiness().value(u"journal"_s).toString(), u"ok"_s);
    QVERIFY(!kav.readiness().contains(u"journal_reason"_s));
    // Nothing of the call is missing.
    const QString callId = caller.twilio.ids().callSid;
    QTRY_VERIFY_WITH_TIMEOUT((*calllog::Queries::open(kav.config.callLog))->call(callId).ok(), 10000);
    QTRY_COMPARE((*calllog::Queries::open(kav.config.callLog))->call(callId)->call.reason, EndReason::CallerHungUp);
}

void tst_Engine::aWholeCallLeavesItsTokensInOrder()
{
    EngineUnderTest kav;
    kav.makers.languageModel = only([]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        StandInLanguageModel::Settings settings;
        settings.script = {{u"Hello."_s, {}, false},
            {u"This answer is so long that a caller may well lose patience with it and say so before it has come to its end."_s,
                {}, false},
            {u"All right."_s, {}, false}};
        return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
    });
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    QTRY_COMPARE(kav.readiness().value(u"calls"_s).toInt(), 1);
    caller.speak(1000ms);
    const int before = caller.twilio.mediaMessages;
    QTRY_VERIFY_WITH_TIMEOUT(caller.twilio.mediaMessages > before + 30, 10000);
    caller.speak(1200ms); // into the middle of the long answer
    QTRY_VERIFY_WITH_TIMEOUT(caller.twilio.clears > 0, 10000);
    QTRY_COMPARE_WITH_TIMEOUT(kav.turns.size(), 3, 15000);
    QVERIFY(kav.turns.at(1).interrupted);
    QVERIFY(kav.turns.at(1).heardText.size() < kav.turns.at(1).agentText.size());
    QCOMPARE(kav.turns.at(1).callerText, u"hello there"_s);
    QCOMPARE(kav.turns.at(2).heardText, u"All right."_s);
    caller.hangUp();
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::CallerHungUp);
    QCOMPARE(kav.ends.first().callId, caller.twilio.ids().callSid);
    QCOMPARE(kav.ends.first().turns, 3);
    QCOMPARE(caller.twilio.refused, QStringList());
    QCOMPARE(kav.readiness().value(u"calls"_s).toInt(), 0);

    const auto queries = calllog::Queries::open(kav.config.callLog);
    QVERIFY(queries);
    const auto stored = [&] { return storedTokens(**queries, caller.twilio.ids().callSid); };
    QTRY_VERIFY(stored().contains(u"WS_STOP"_s));
    const QStringList tokens = stored();
    QVERIFY2(areInOrder(tokens,
                 {u"WS_START"_s, u"STT_FINAL"_s, u"EoU_ms"_s, u"TTS_LEN_ms"_s, u"MEDIA_TX"_s, u"BARGE_IN"_s,
                     u"PNG_PONG"_s, u"WS_STOP"_s}),
        qPrintable(tokens.join(u' ')));
    QCOMPARE(tokens.first(), u"WS_START"_s);
    QCOMPARE(tokens.mid(tokens.size() - 2), (QStringList{u"PNG_PONG"_s, u"WS_STOP"_s}));
    for (const QString& once : {u"WS_START"_s, u"BARGE_IN"_s, u"PNG_PONG"_s, u"WS_STOP"_s})
        QCOMPARE(tokens.count(once), 1);
    const auto detail = (*queries)->call(caller.twilio.ids().callSid);
    QVERIFY(detail);
    QCOMPARE(detail->call.reason, EndReason::CallerHungUp);
    QCOMPARE(detail->turns.size(), 3);
    QVERIFY(!detail->call.from.contains(u"15005550006"_s));
}

void tst_Engine::countersMoveAfterACall()
{
    EngineUnderTest kav;
    kav.serve();
    const RawResponse page = kav.get("/metrics");
    QCOMPARE(page.status, 200);
    QVERIFY(page.header("content-type").startsWith("text/plain; version=0.0.4"));
    QVERIFY(page.body.contains("# TYPE kav_calls_total counter"));
    QCOMPARE(kav.metric("kav_calls_total{end_reason=\"caller-hung-up\"}"), "0");
    QCOMPARE(kav.metric("kav_calls_active"), "0");
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_COMPARE(kav.metric("kav_calls_active"), "1");
    QTRY_VERIFY(caller.hasHeardOut());
    caller.hangUp();
    QTRY_COMPARE(kav.metric("kav_calls_total{end_reason=\"caller-hung-up\"}"), "1");
    QCOMPARE(kav.metric("kav_calls_active"), "0");
    QVERIFY(kav.metric("kav_media_frames_total{direction=\"inbound\"}").toInt() > 0);
    QCOMPARE(kav.metric("kav_media_frames_total{direction=\"outbound\"}").toInt(), caller.twilio.mediaMessages);
    QVERIFY(kav.metric("kav_pacing_lateness_seconds_count").toInt() > 0);
    QVERIFY(kav.metric("kav_http_requests_total{code=\"200\",route=\"incoming_call\"}").toInt() == 1
        || kav.metric("kav_http_requests_total{route=\"incoming_call\",code=\"200\"}").toInt() == 1);
    QVERIFY(kav.metric("kav_calllog_entries_total{state=\"appended\"}") != "0");
}

void tst_Engine::anOrderlyEndHangsUp()
{
    EngineUnderTest kav;
    kav.makers.languageModel = only([]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        StandInLanguageModel::Settings settings;
        settings.script = {{u"Goodbye."_s, {}, true}};
        return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
    });
    kav.serve();
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.twilio.isClosed);
    QVERIFY(caller.twilio.closedByEngine);
    QCOMPARE(caller.twilio.closeCode, quint16(1000));
    // Asked the instant it sees the close, the engine knows how the call ended.
    QCOMPARE(kav.verbsAfter("after_stream", caller.twilio.ids()), QStringList{u"Hangup"_s});
    QCOMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::Completed);
}

void tst_Engine::aLostStreamIsApologisedFor()
{
    EngineUnderTest kav;
    kav.config.withoutStream = false;
    kav.serve();
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    caller.vanish();
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::StreamLost);
    QCOMPARE(kav.verbsAfter("after_stream", caller.twilio.ids()), (QStringList{u"Say"_s, u"Hangup"_s}));
}

void tst_Engine::aStreamThatNeverCameIsApologisedFor()
{
    EngineUnderTest kav;
    kav.config.withoutStream = false;
    kav.serve();
    const auto ids = newIds();
    QVERIFY(!kav.offeredPath(ids).isEmpty());
    QCOMPARE(kav.verbsAfter("after_stream", ids), (QStringList{u"Say"_s, u"Hangup"_s}));
}

void tst_Engine::aFullEngineIsBusy()
{
    EngineUnderTest kav;
    kav.config.withoutStream = false;
    kav.config.capacity = 1;
    kav.serve();
    // Both were offered a stream while there was room for one.
    Caller first(kav), second(kav), third(kav);
    const QByteArray late = kav.offeredPath(second.twilio.ids());
    QVERIFY(!late.isEmpty());
    QVERIFY(first.call());
    QCOMPARE(kav.verbsAfter("incoming_call", third.twilio.ids()), (QStringList{u"Say"_s, u"Hangup"_s}));
    QVERIFY(!second.openStream(late));
    QCOMPARE(second.twilio.refusedStatus, 503);
    const QJsonObject ready = kav.readiness();
    QCOMPARE(ready.value(u"status"_s).toInt(), 503);
    QCOMPARE(ready.value(u"calls"_s).toInt(), 1);
    QCOMPARE(ready.value(u"capacity"_s).toInt(), 1);
    QCOMPARE(kav.get("/healthz").status, 200);
    // The one that was refused hears why when Twilio asks.
    QCOMPARE(kav.verbsAfter("after_stream", second.twilio.ids()), (QStringList{u"Say"_s, u"Hangup"_s}));
    first.hangUp();
    QTRY_COMPARE(kav.readiness().value(u"status"_s).toInt(), 200);
    Caller again(kav);
    QVERIFY(again.call());
}

void tst_Engine::aBurstDoesNotPassTheCapacity()
{
    EngineUnderTest kav;
    kav.config.capacity = 3;
    kav.serve();
    // All heads are on their way before the first handshake can be over.
    std::vector<std::unique_ptr<RawClient>> clients;
    QList<QByteArray> heads;
    for (int i = 0; i < 12; ++i) {
        heads += upgradeHead(kav.offeredPath(newIds()));
        clients.push_back(std::make_unique<RawClient>(kav.port()));
    }
    for (size_t i = 0; i < clients.size(); ++i)
        clients[i]->send(heads.at(qsizetype(i)));
    int opened = 0, refused = 0;
    for (const auto& client : clients) {
        const int status = client->response().status;
        opened += status == 101;
        refused += status == 503;
    }
    QCOMPARE(opened, 3);
    QCOMPARE(refused, 9);
}

void tst_Engine::badTokensAreRefusedBeforeThe101()
{
    EngineUnderTest kav;
    kav.serve();
    QByteArray path = kav.offeredPath(newIds());
    path[30] = path[30] == 'A' ? 'B' : 'A';
    for (const QByteArray& bad : QList<QByteArray>{path, "/media/TOKEN", "/media/" + QByteArray(200, 'A')}) {
        Caller caller(kav);
        QVERIFY(!caller.openStream(bad));
        QCOMPARE(caller.twilio.refusedStatus, 403);
    }
    Caller nobody(kav);
    QVERIFY(!nobody.openStream("/media/"));
    QCOMPARE(nobody.twilio.refusedStatus, 404);
    QVERIFY(kav.ends.isEmpty());
    QCOMPARE(kav.readiness().value(u"calls"_s).toInt(), 0);
    // A good token with another call's `start` gets its 101 and no conversation.
    Caller thief(kav);
    QVERIFY(thief.twilio.open(kav.port(), kav.offeredPath(newIds())));
    thief.twilio.start();
    QTRY_VERIFY(thief.twilio.isClosed);
    QCOMPARE(thief.twilio.closeCode, quint16(1008));
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::Refused);
    QCOMPARE(thief.twilio.mediaMessages, 0);
}

void tst_Engine::aCallHasOneStream()
{
    EngineUnderTest kav;
    kav.serve();
    Caller caller(kav);
    const QByteArray path = kav.offeredPath(caller.twilio.ids());
    QVERIFY(caller.openStream(path));
    QTRY_VERIFY(caller.hasHeardOut());
    FakeTwilio copy(kav.clock, caller.twilio.ids());
    QVERIFY(!copy.open(kav.port(), path));
    QCOMPARE(copy.refusedStatus, 409);
    // The call that is live does not notice.
    const int before = caller.twilio.mediaMessages;
    caller.speak(800ms);
    QTRY_VERIFY_WITH_TIMEOUT(caller.twilio.mediaMessages > before, 10000);
    caller.hangUp();
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::CallerHungUp);
    // Nor does what was sent once open a stream again.
    FakeTwilio replay(kav.clock, caller.twilio.ids());
    QVERIFY(!replay.open(kav.port(), path));
    QCOMPARE(replay.refusedStatus, 409);
    QCOMPARE(kav.verbsAfter("after_stream", caller.twilio.ids()), QStringList{u"Hangup"_s});
}

void tst_Engine::callsAreSpreadOverTheWorkers()
{
    EngineUnderTest kav;
    kav.config.mediaWorkers = 2;
    kav.serve();
    std::vector<std::unique_ptr<Caller>> callers;
    for (int i = 0; i < 6; ++i) {
        callers.push_back(std::make_unique<Caller>(kav));
        QVERIFY(callers.back()->call());
    }
    QCOMPARE(kav.engine().liveCalls(), 6);
    for (const auto& caller : callers)
        QTRY_VERIFY(caller->hasHeardOut());
    QSet<QString> sids;
    for (const auto& caller : callers)
        caller->hangUp();
    QTRY_COMPARE(kav.ends.size(), 6);
    for (const auto& end : kav.ends)
        sids.insert(end.callId);
    QCOMPARE(sids.size(), 6);
    QCOMPARE(kav.engine().liveCalls(), 0);
}

void tst_Engine::aCallGetsTheFallbackWithoutASpeechToText()
{
    EngineUnderTest kav;
    const auto gate = std::make_shared<Gate>();
    kav.makers.languageModel = only([gate]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        gate->wait();
        return Error{Error::Code::Unavailable, u"let go"_s, {}};
    });
    kav.config.providers.deadline = 200ms;
    kav.config.turn.filler = 300ms;
    kav.config.turn.fallback = 900ms;
    kav.config.turn.hardEnd = 4000ms;
    kav.serve();
    Caller caller(kav);
    QVERIFY(caller.call());
    // No mind: the opening cannot be made, and the caller hears a line all the same.
    QTRY_VERIFY_WITH_TIMEOUT(!caller.twilio.heard.isEmpty(), 30000);
    caller.hangUp();
    QTRY_COMPARE(kav.ends.size(), 1);
    kav.stop();
    gate->open();
}

// ---- the end --------------------------------------------------------------------------------------------------------

void tst_Engine::aDrainLetsTheLiveCallEnd()
{
    EngineUnderTest kav;
    kav.serve();
    Caller caller(kav), ringing(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    const QByteArray offered = kav.offeredPath(ringing.twilio.ids());
    QSignalSpy drained(&kav.engine(), &app::Engine::drained);
    kav.engine().drain();
    const QJsonObject ready = kav.readiness();
    QCOMPARE(ready.value(u"status"_s).toInt(), 503);
    QCOMPARE(ready.value(u"draining"_s).toBool(), true);
    QCOMPARE(ready.value(u"calls"_s).toInt(), 1);
    QCOMPARE(kav.get("/healthz").status, 200);
    QCOMPARE(kav.verbsAfter("incoming_call", newIds()), (QStringList{u"Say"_s, u"Hangup"_s}));
    // A call that was ringing when it began is let in; the live one goes on.
    QVERIFY(ringing.openStream(offered));
    const int before = caller.twilio.mediaMessages;
    caller.speak(800ms);
    QTRY_VERIFY_WITH_TIMEOUT(caller.twilio.mediaMessages > before + 5, 10000);
    caller.hangUp();
    QTRY_COMPARE(kav.ends.size(), 1);
    QVERIFY(drained.isEmpty());
    ringing.hangUp();
    QTRY_COMPARE(drained.size(), 1);
    QCOMPARE(kav.ends.size(), 2);
}

void tst_Engine::anIdleEngineIsDrainedAtOnce()
{
    EngineUnderTest kav;
    kav.serve();
    QSignalSpy drained(&kav.engine(), &app::Engine::drained);
    kav.engine().drain();
    QCOMPARE(drained.size(), 1);
    kav.engine().drain();
    QCOMPARE(drained.size(), 1);
    EngineUnderTest early;
    early.listen();
    QSignalSpy drainedEarly(&early.engine(), &app::Engine::drained);
    early.engine().drain(); // before begin()
    QCOMPARE(drainedEarly.size(), 1);
}

void tst_Engine::aDrainPastItsDeadlineSaysGoodbye()
{
    EngineUnderTest kav;
    kav.makers.textToSpeech = only([]() -> Result<std::shared_ptr<providers::TextToSpeech>> {
        StandInTextToSpeech::Settings settings;
        settings.perCharacter = 10ms; // the goodbye is a long one
        return std::shared_ptr<providers::TextToSpeech>(std::make_shared<StandInTextToSpeech>(settings));
    });
    kav.config.drain = 100ms;
    kav.serve();
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.hasHeardOut());
    const int before = caller.twilio.mediaMessages;
    QSignalSpy drained(&kav.engine(), &app::Engine::drained);
    kav.engine().drain();
    QTRY_COMPARE_WITH_TIMEOUT(drained.size(), 1, 15000);
    QVERIFY(caller.twilio.mediaMessages > before);
    QCOMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::Shutdown);
    QTRY_VERIFY(caller.twilio.closedByEngine);
    QCOMPARE(kav.verbsAfter("after_stream", caller.twilio.ids()), QStringList{u"Hangup"_s});
}

void tst_Engine::stoppingWithLiveCallsClosesThemInTheLog()
{
    EngineUnderTest kav;
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    Caller first(kav), second(kav);
    QVERIFY(first.call());
    QVERIFY(second.call());
    QTRY_VERIFY(first.hasHeardOut() && second.hasHeardOut());
    kav.stop();
    const auto queries = calllog::Queries::open(kav.config.callLog);
    QVERIFY(queries);
    for (const Caller* caller : {&first, &second}) {
        const auto detail = (*queries)->call(caller->twilio.ids().callSid);
        QVERIFY(detail);
        QCOMPARE(detail->call.reason, EndReason::Shutdown);
    }
    QTRY_VERIFY(first.twilio.isClosed && second.twilio.isClosed);
}

void tst_Engine::aBrokenDialogFileIsReplacedByTheBuiltInOne()
{
    EngineUnderTest kav;
    kav.config.dialogFile = kav.directory() + u"/none.toml"_s;
    kav.serve();
    QVERIFY(!kav.engine().dialogs()->scriptFor(QStringLiteral("en-US"))->lines().fallback.isEmpty());
    const QStringList lines = LogCatcher::lines();
    QVERIFY(std::any_of(lines.begin(), lines.end(), [](const QString& line) {
        return line.contains(u"none.toml"_s) && line.contains(u"built-in receptionist"_s);
    }));
}

QTEST_GUILESS_MAIN(tst_Engine)
#include "tst_engine.moc"
