// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/formbody.h"
#include "engine/telephony/twiliorest.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendorserver.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTest>

using namespace kav;
using namespace kav::telephony;
using namespace kav::test;
using namespace std::chrono_literals;
using namespace Qt::StringLiterals;

namespace {

const QString Account = u"AC0123456789abcdef0123456789abcdef"_s;
const QString Call = u"CA0123456789abcdef0123456789abcdef"_s;
const QString Recording = u"RE0123456789abcdef0123456789abcdef"_s;
const QString Callee = u"+972501234567"_s, Caller = u"+97239999999"_s;

/// What Twilio's own library sends for the same wish.
struct Golden final {
    QByteArray method, path, contentType, accept, authorization, body;
    QString url;
};

Golden golden(const QString& name)
{
    QFile file(QStringLiteral(KAV_SOURCE_DIR "/tests/data/reference/twilio_rest_golden.json"));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    for (const QJsonValue item : QJsonDocument::fromJson(file.readAll())[QLatin1String("requests")].toArray()) {
        const QJsonObject request = item.toObject();
        if (request[QLatin1String("name")].toString() != name)
            continue;
        const auto bytes = [&](QLatin1String key) { return request[key].toString().toUtf8(); };
        return {bytes(QLatin1String("method")), bytes(QLatin1String("path")), bytes(QLatin1String("contentType")),
            bytes(QLatin1String("accept")), bytes(QLatin1String("authorization")), bytes(QLatin1String("body")),
            request[QLatin1String("originalUrl")].toString()};
    }
    return {};
}

/// The first answer, and how often there was one.
template <typename T> struct Ear final {
    std::optional<Result<T>> said;
    int times = 0;
    TwilioRest::Done<T> hear()
    {
        return [this](const Result<T>& result) {
            said = result;
            ++times;
        };
    }
    bool ok() const { return said && said->ok(); }
    Error error() const { return said && !said->ok() ? said->error() : Error(); }
};

const QByteArray callJson = "{\"sid\":\"CA0123456789abcdef0123456789abcdef\",\"status\":\"queued\"}";

} // namespace

/// The client of Twilio's REST service: "Twilio answers this, whoever asked is told that".
class TestTwilioRest final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(QRegularExpression(u".*"_s));
        m_server = std::make_unique<VendorServer>();
        m_clock = std::make_unique<FakeClock>();
        m_http = std::make_unique<providers::HttpPool>(*m_clock);
        m_settings = {};
        m_settings.accountSid = Account;
        m_settings.authToken = "test_token";
        m_settings.apiUrl = m_server->url().toString();
        m_random = 1.0;
        m_waits = 0;
        begin();
    }
    void cleanup()
    {
        m_rest.reset();
        m_http.reset();
    }

    void itAsksAsTwiliosOwnLibraryDoes_data();
    void itAsksAsTwiliosOwnLibraryDoes();
    void theHostFollowsRegionAndEdge_data();
    void theHostFollowsRegionAndEdge();
    void aKeySignsInInsteadOfTheAccount();
    void aCallMayBeAskedForMore();
    void recordingsAreStartedChangedAndDeleted();
    void theListOfCallsIsFiltered();
    void aCallIsReadWhateverIsNull();
    void numbersAndWhereTheirCallsGo();
    void tooManyRequestsAreAskedAgain();
    void aWaitThatTwilioNamesIsKept();
    void aWaitTooLongIsToldAtOnce();
    void aCreateIsNeverRepeatedBlindly_data();
    void aCreateIsNeverRepeatedBlindly();
    void aReadSurvivesWhatPasses_data();
    void aReadSurvivesWhatPasses();
    void aSilentTwilioIsATimeout();
    void aHangUpTriesLonger();
    void whatHasEndedIsHungUp_data();
    void whatHasEndedIsHungUp();
    void refusalsAreToldInTwiliosWords_data();
    void refusalsAreToldInTwiliosWords();
    void neitherNumbersNorSecretsAreRepeated();
    void anAnswerThatIsNoneIsAFault_data();
    void anAnswerThatIsNoneIsAFault();
    void whatCannotBeAskedIsNotSent_data();
    void whatCannotBeAskedIsNotSent();
    void credentialsAreChecked_data();
    void credentialsAreChecked();
    void whoGoesIsToldNothing();
    void whoIsToldMayEndTheClient();

private:
    void begin()
    {
        m_rest = std::make_unique<TwilioRest>(m_settings, *m_http, *m_clock, [this] {
            ++m_waits;
            return m_random;
        });
    }
    VendorExchange* asked(int index = 0) { return m_server->exchanges.value(index); }
    int count() const { return int(m_server->exchanges.size()); }
    void answerAll(int status, const QByteArray& body, const QList<std::pair<QByteArray, QByteArray>>& more = {})
    {
        m_server->handler = [=](VendorExchange& exchange) { exchange.answer(status, "application/json", body, more); };
    }
    FormBody form(int index = 0) { return *FormBody::parse(asked(index)->body); }
    static NewCall plainCall()
    {
        NewCall call;
        call.to = Callee;
        call.from = Caller;
        call.twiml = "<Response/>";
        return call;
    }

    std::unique_ptr<VendorServer> m_server;
    std::unique_ptr<FakeClock> m_clock;
    std::unique_ptr<providers::HttpPool> m_http;
    RestSettings m_settings;
    double m_random = 1.0;
    int m_waits = 0; ///< begun: the jitter is drawn then
    std::unique_ptr<TwilioRest> m_rest;
};

namespace {
using Ask = std::function<void(TwilioRest&)>;
template <typename T> TwilioRest::Done<T> ignored()
{
    return [](const Result<T>&) {};
}
} // namespace
Q_DECLARE_METATYPE(Ask)

void TestTwilioRest::itAsksAsTwiliosOwnLibraryDoes_data()
{
    QTest::addColumn<Ask>("ask");
    // Where the recorded request says more than is ever asked for, or asks for another page: that part of it.
    QTest::addColumn<QByteArray>("theirs");
    QTest::addColumn<QByteArray>("ours");
    QTest::newRow("create_url") << Ask([](TwilioRest& rest) {
        NewCall call;
        call.to = Callee;
        call.from = Caller;
        call.url = QUrl(u"https://kav.example.com/twilio/voice?run=7"_s);
        call.statusCallback = QUrl(u"https://kav.example.com/twilio/call-status?run=7"_s);
        call.ring = 25s;
        call.longest = 600s;
        call.detection = MachineDetection::Detect;
        call.detectionCallback = QUrl(u"https://kav.example.com/twilio/amd"_s);
        rest.createCall(call, ignored<CallResource>());
    }) << QByteArray("Record=false&")
                                << QByteArray();
    QTest::newRow("create_twiml") << Ask([](TwilioRest& rest) {
        NewCall call;
        call.to = Callee;
        call.from = Caller;
        call.twiml = "<Response><Say language=\"he-IL\">שלום & ברכה</Say></Response>";
        rest.createCall(call, ignored<CallResource>());
    }) << QByteArray() << QByteArray();
    QTest::newRow("hangup") << Ask([](TwilioRest& rest) { rest.hangUp(Call, ignored<void>()); }) << QByteArray()
                            << QByteArray();
    QTest::newRow("redirect_url") << Ask([](TwilioRest& rest) {
        rest.redirect(Call, QUrl(u"https://kav.example.com/twilio/handoff"_s), ignored<CallResource>());
    }) << QByteArray() << QByteArray();
    QTest::newRow("redirect_twiml") << Ask([](TwilioRest& rest) {
        rest.redirectTo(Call, "<Response><Hangup/></Response>", ignored<CallResource>());
    }) << QByteArray() << QByteArray();
    QTest::newRow("fetch") << Ask([](TwilioRest& rest) { rest.fetchCall(Call, ignored<CallResource>()); })
                           << QByteArray() << QByteArray();
    QTest::newRow("list") << Ask([](TwilioRest& rest) {
        CallFilter filter;
        filter.status = u"in-progress"_s;
        filter.pageSize = 20;
        rest.listCalls(filter, ignored<QList<CallResource>>());
    }) << QByteArray() << QByteArray();
    QTest::newRow("cancel") << Ask([](TwilioRest& rest) { rest.cancel(Call, ignored<void>()); }) << QByteArray()
                            << QByteArray();
    QTest::newRow("recordings_of_call") << Ask([](TwilioRest& rest) {
        rest.listRecordings(Call, ignored<QList<RecordingResource>>());
    }) << QByteArray("PageSize=1") << QByteArray("PageSize=50");
    QTest::newRow("account_fetch") << Ask([](TwilioRest& rest) { rest.checkCredentials(ignored<void>()); })
                                   << QByteArray() << QByteArray();
    QTest::newRow("incoming_numbers") << Ask([](TwilioRest& rest) {
        rest.listNumbers({}, ignored<QList<NumberResource>>());
    }) << QByteArray("PageSize=1") << QByteArray("PageSize=50");
}

void TestTwilioRest::itAsksAsTwiliosOwnLibraryDoes()
{
    QFETCH(Ask, ask);
    QFETCH(QByteArray, theirs);
    QFETCH(QByteArray, ours);
    Golden wanted = golden(QString::fromLatin1(QTest::currentDataTag()));
    QVERIFY(!wanted.method.isEmpty());
    if (!theirs.isEmpty()) {
        QVERIFY(wanted.path.contains(theirs) || wanted.body.contains(theirs));
        wanted.path.replace(theirs, ours);
        wanted.body.replace(theirs, ours);
    }
    ask(*m_rest);
    QCOMPARE(count(), 0); // nothing happens inside
    QTRY_VERIFY(asked());
    QCOMPARE(asked()->method, wanted.method);
    const QByteArray path = asked()->query.isEmpty() ? asked()->path : asked()->path + '?' + asked()->query;
    QCOMPARE(path, wanted.path);
    QCOMPARE(asked()->header("content-type"), wanted.contentType);
    QCOMPARE(asked()->header("accept"), wanted.accept);
    QCOMPARE(asked()->header("authorization"), wanted.authorization);
    QCOMPARE(asked()->body, wanted.body);
    QVERIFY(asked()->header("user-agent").startsWith("kav-engine"));
}

void TestTwilioRest::theHostFollowsRegionAndEdge_data()
{
    QTest::addColumn<QString>("apiUrl");
    QTest::addColumn<QString>("region");
    QTest::addColumn<QString>("edge");
    QTest::addColumn<QString>("host");
    const auto hostOf = [](const QString& name) { return golden(name).url.section(u"/2010-04-01"_s, 0, 0); };
    QTest::newRow("neither") << QString() << QString() << QString() << hostOf(u"fetch"_s);
    QTest::newRow("both") << QString() << u"ie1"_s << u"dublin"_s << hostOf(u"region_ie1"_s);
    QTest::newRow("an edge") << QString() << QString() << u"frankfurt"_s << hostOf(u"edge_only"_s);
    QTest::newRow("a region") << QString() << u"ie1"_s << QString() << u"https://api.ie1.twilio.com"_s;
    QTest::newRow("an address of one's own")
        << u"http://127.0.0.1:8080/"_s << u"ie1"_s << u"dublin"_s << u"http://127.0.0.1:8080"_s;
}

void TestTwilioRest::theHostFollowsRegionAndEdge()
{
    QFETCH(QString, apiUrl);
    QFETCH(QString, region);
    QFETCH(QString, edge);
    RestSettings settings;
    settings.apiUrl = apiUrl;
    settings.region = region;
    settings.edge = edge;
    QTEST(settings.host(), "host");
}

void TestTwilioRest::aKeySignsInInsteadOfTheAccount()
{
    m_settings.apiKeySid = u"SK0123456789abcdef0123456789abcdef"_s;
    m_settings.apiKeySecret = "s3cret";
    begin();
    answerAll(200, callJson);
    Ear<CallResource> ear;
    m_rest->fetchCall(Call, ear.hear());
    QTRY_VERIFY(ear.ok());
    QCOMPARE(asked()->header("authorization"),
        "Basic " + QByteArray("SK0123456789abcdef0123456789abcdef:s3cret").toBase64());
    QVERIFY(asked()->path.contains(Account.toLatin1()));
}

void TestTwilioRest::aCallMayBeAskedForMore()
{
    NewCall call = plainCall();
    call.detection = MachineDetection::AwaitBeep;
    m_rest->createCall(call, ignored<CallResource>());
    call.sendDigits = u"ww1928#"_s;
    m_rest->createCall(call, ignored<CallResource>());
    QTRY_COMPARE(count(), 2);
    std::array forms{form(0), form(1)};
    if (forms[0].contains(u"SendDigits"))
        std::swap(forms[0], forms[1]); // two connections: either may arrive first
    QCOMPARE(forms[0].value(u"MachineDetection"), u"DetectMessageEnd"_s);
    QVERIFY(!forms[0].contains(u"AsyncAmd")); // nobody to tell: it is waited for
    QCOMPARE(forms[1].value(u"SendDigits"), u"ww1928#"_s);
    QVERIFY(!forms[1].contains(u"MachineDetection")); // the one turns the other off
}

void TestTwilioRest::recordingsAreStartedChangedAndDeleted()
{
    answerAll(201,
        "{\"sid\":\"RE0123456789abcdef0123456789abcdef\",\"call_sid\":\"CA1\",\"status\":\"in-progress\","
        "\"duration\":\"7\",\"channels\":2,\"start_time\":\"Tue, 31 Aug 2010 20:36:28 +0000\"}");
    Ear<RecordingResource> started, paused;
    m_rest->startRecording(Call, QUrl(u"https://kav.example.com/recorded"_s), started.hear());
    QTRY_VERIFY(started.ok());
    const RecordingResource& recording = **started.said;
    QCOMPARE(recording.sid, Recording);
    QCOMPARE(recording.duration, 7s);
    QCOMPARE(recording.channels, 2);
    QCOMPARE(recording.startTime, QDateTime(QDate(2010, 8, 31), QTime(20, 36, 28), Qt::UTC));
    QCOMPARE(asked(0)->path,
        "/2010-04-01/Accounts/" + Account.toLatin1() + "/Calls/" + Call.toLatin1() + "/Recordings.json");
    QCOMPARE(form(0).value(u"RecordingChannels"), u"dual"_s);
    QCOMPARE(form(0).value(u"RecordingStatusCallback"), u"https://kav.example.com/recorded"_s);

    m_rest->updateRecording(Call, u"paused"_s, paused.hear());
    QTRY_VERIFY(paused.ok());
    QVERIFY(asked(1)->path.endsWith("/Recordings/Twilio.CURRENT.json"));
    QCOMPARE(asked(1)->body, "Status=paused");

    m_server->handler = [](VendorExchange& exchange) { exchange.raw("HTTP/1.1 204 X\r\n\r\n"); };
    Ear<void> deleted, deletedTwice;
    m_rest->deleteRecording(Recording, deleted.hear());
    QTRY_VERIFY(deleted.ok());
    QCOMPARE(asked(2)->method, "DELETE");
    QVERIFY(asked(2)->path.endsWith(QByteArray("/Recordings/" + Recording.toLatin1() + ".json")));
    answerAll(404, "{\"code\":20404}");
    m_rest->deleteRecording(Recording, deletedTwice.hear());
    QTRY_VERIFY(deletedTwice.ok());
}

void TestTwilioRest::theListOfCallsIsFiltered()
{
    answerAll(200, "{\"calls\":[" + callJson + ",{\"sid\":\"CA2\",\"status\":\"completed\"}],\"next_page_uri\":null}");
    CallFilter filter;
    filter.to = Callee;
    filter.from = Caller;
    filter.startedAfter = QDateTime(QDate(2026, 1, 2), QTime(3, 4, 5), Qt::UTC);
    Ear<QList<CallResource>> ear;
    m_rest->listCalls(filter, ear.hear());
    QTRY_VERIFY(ear.ok());
    QCOMPARE(
        asked()->query, "To=%2B972501234567&From=%2B97239999999&StartTime%3E=2026-01-02T03%3A04%3A05Z&PageSize=50");
    QCOMPARE((*ear.said)->size(), 2);
    QVERIFY(!(*ear.said)->at(0).isFinal());
    QVERIFY((*ear.said)->at(1).isFinal());
}

void TestTwilioRest::aCallIsReadWhateverIsNull()
{
    answerAll(200,
        "{\"sid\":\"CA1\",\"parent_call_sid\":null,\"account_sid\":\"AC1\",\"from\":\"+1\",\"to\":\"+2\","
        "\"status\":\"completed\",\"start_time\":\"Tue, 31 Aug 2010 20:36:28 +0000\",\"end_time\":null,"
        "\"duration\":\"12\",\"queue_time\":\"1000\",\"price\":\"-0.03\",\"price_unit\":\"USD\","
        "\"direction\":\"outbound-api\",\"answered_by\":null,\"new_field\":{}}");
    Ear<CallResource> ear;
    m_rest->fetchCall(Call, ear.hear());
    QTRY_VERIFY(ear.ok());
    const CallResource& call = **ear.said;
    QCOMPARE(call.duration, 12s);
    QCOMPARE(call.queueTime, 1000ms);
    QCOMPARE(call.startTime.toSecsSinceEpoch(), 1283286988);
    QVERIFY(!call.endTime.isValid());
    QVERIFY(call.parentSid.isEmpty() && call.answeredBy.isEmpty());
    QCOMPARE(call.price, u"-0.03"_s);
    QCOMPARE(call.direction, u"outbound-api"_s);

    answerAll(200, "{\"sid\":\"CA1\",\"duration\":null,\"queue_time\":7,\"status\":\"busy\"}");
    m_rest->fetchCall(Call, ear.hear());
    QTRY_COMPARE(ear.times, 2);
    QVERIFY(!(*ear.said)->duration);
    QCOMPARE((*ear.said)->queueTime, 7ms);
}

void TestTwilioRest::numbersAndWhereTheirCallsGo()
{
    answerAll(200,
        "{\"incoming_phone_numbers\":[{\"sid\":\"PN1\",\"phone_number\":\"+97239999999\",\"voice_url\":"
        "\"https://kav.example.com/webhook/incoming_call\",\"voice_method\":\"POST\",\"status_callback\":null}]}");
    Ear<QList<NumberResource>> ear;
    m_rest->listNumbers(Caller, ear.hear());
    QTRY_VERIFY(ear.ok());
    QCOMPARE(asked()->query, "PhoneNumber=%2B97239999999&PageSize=50");
    QCOMPARE((*ear.said)->size(), 1);
    QCOMPARE((*ear.said)->first().phoneNumber, Caller);
    QCOMPARE((*ear.said)->first().voiceUrl, u"https://kav.example.com/webhook/incoming_call"_s);
    QVERIFY((*ear.said)->first().statusCallback.isEmpty());
}

void TestTwilioRest::tooManyRequestsAreAskedAgain()
{
    answerAll(429, "{\"code\":20429,\"message\":\"Too Many Requests\",\"status\":429}");
    Ear<CallResource> ear;
    m_rest->createCall(plainCall(), ear.hear()); // even a create: it was not processed
    QTRY_COMPARE(count(), 1);
    for (const Milliseconds wait : {200ms, 400ms, 800ms}) {
        const int before = count();
        QTRY_COMPARE(m_waits, before); // the refusal has been heard
        m_clock->advance(wait - 1ms);
        QTest::qWait(60); // long enough for one that came too early
        QCOMPARE(count(), before);
        m_clock->advance(1ms);
        QTRY_COMPARE(count(), before + 1);
    }
    QTRY_VERIFY(ear.said);
    QCOMPARE(ear.error().code, Error::Code::LimitExceeded);
    QVERIFY(ear.error().message.contains(u"Too Many Requests (20429)"_s));
    QCOMPARE(count(), 4);
    QCOMPARE(m_rest->pending(), 0);
    for (int i = 1; i < 4; ++i)
        QCOMPARE(asked(i)->body, asked(0)->body);
}

void TestTwilioRest::aWaitThatTwilioNamesIsKept()
{
    m_random = 0; // the jitter alone would be 100 ms
    answerAll(429, {}, {{"Retry-After", "2"}});
    Ear<CallResource> ear;
    m_rest->fetchCall(Call, ear.hear());
    QTRY_COMPARE(m_waits, 1);
    m_clock->advance(1999ms);
    QTest::qWait(60); // long enough for one that came too early
    QCOMPARE(count(), 1);
    answerAll(200, callJson);
    m_clock->advance(1ms);
    QTRY_VERIFY(ear.ok());
    QCOMPARE(count(), 2);
}

void TestTwilioRest::aWaitTooLongIsToldAtOnce()
{
    answerAll(429, {}, {{"Retry-After", "600"}});
    Ear<CallResource> ear;
    m_rest->fetchCall(Call, ear.hear());
    QTRY_VERIFY(ear.said);
    QCOMPARE(ear.error().code, Error::Code::LimitExceeded);
    QCOMPARE(ear.error().retryAfter, 600s);
    QCOMPARE(count(), 1);
}

void TestTwilioRest::aCreateIsNeverRepeatedBlindly_data()
{
    QTest::addColumn<QString>("what");
    QTest::addColumn<Error::Code>("code");
    QTest::newRow("500") << u"500"_s << Error::Code::Unavailable;
    QTest::newRow("503 with Retry-After") << u"503"_s << Error::Code::Unavailable;
    QTest::newRow("504") << u"504"_s << Error::Code::Timeout;
    QTest::newRow("reset") << u"reset"_s << Error::Code::Unavailable;
    QTest::newRow("closed in the middle") << u"middle"_s << Error::Code::Unavailable;
    QTest::newRow("silence") << u"silence"_s << Error::Code::Timeout;
    QTest::newRow("no JSON") << u"page"_s << Error::Code::Unavailable;
    QTest::newRow("endless") << u"endless"_s << Error::Code::Unavailable;
}

void TestTwilioRest::aCreateIsNeverRepeatedBlindly()
{
    QFETCH(QString, what);
    m_server->handler = [&](VendorExchange& exchange) {
        if (what == QLatin1String("500") || what == QLatin1String("504"))
            exchange.answer(what.toInt(), "text/html", "<h1>Oops</h1>");
        else if (what == QLatin1String("503"))
            exchange.answer(503, "text/plain", "later", {{"Retry-After", "1"}});
        else if (what == QLatin1String("reset"))
            exchange.reset();
        else if (what == QLatin1String("page"))
            exchange.answer(200, "text/html", "<h1>Welcome</h1>");
        else if (what == QLatin1String("endless"))
            exchange.answer(201, "application/json", '"' + QByteArray(9 * 1024 * 1024, 'x') + '"');
        else if (what == QLatin1String("middle")) {
            exchange.start(201, "application/json");
            exchange.send("{\"sid\":");
            exchange.hangUp();
        }
    };
    Ear<CallResource> ear;
    m_rest->createCall(plainCall(), ear.hear());
    QTRY_COMPARE(count(), 1);
    if (what == QLatin1String("silence"))
        m_clock->advance(30s);
    QTRY_VERIFY(ear.said);
    QVERIFY(!ear.ok());
    QTEST(ear.error().code, "code");
    m_clock->advance(60s);
    QTest::qWait(60);
    QCOMPARE(count(), 1);
    QCOMPARE(ear.times, 1);
    QCOMPARE(m_rest->pending(), 0);
}

void TestTwilioRest::aReadSurvivesWhatPasses_data()
{
    QTest::addColumn<int>("status"); // 0: the connection breaks
    QTest::newRow("500 without JSON") << 500;
    QTest::newRow("503") << 503;
    QTest::newRow("a broken connection") << 0;
}

void TestTwilioRest::aReadSurvivesWhatPasses()
{
    QFETCH(int, status);
    m_server->handler = [&](VendorExchange& exchange) {
        if (count() > 2)
            exchange.answer(200, "application/json", callJson);
        else if (status > 0)
            exchange.answer(status, "text/plain", "oops");
        else
            exchange.reset();
    };
    Ear<CallResource> read, redirected;
    m_rest->fetchCall(Call, read.hear());
    QTRY_VERIFY2((m_clock->advance(50ms), read.ok()), "a read is tried again");
    QCOMPARE(count(), 3);

    m_server->exchanges.clear();
    m_rest->redirect(Call, QUrl(u"https://kav.example.com/x"_s), redirected.hear());
    QTRY_VERIFY2((m_clock->advance(50ms), redirected.ok()), "and so is what says how a call shall be");
    QCOMPARE(count(), 3);
}

void TestTwilioRest::aSilentTwilioIsATimeout()
{
    Ear<CallResource> ear;
    m_rest->fetchCall(Call, ear.hear());
    for (int tries = 1; tries <= 4; ++tries) {
        QTRY_COMPARE(count(), tries);
        QVERIFY(!ear.said);
        m_clock->advance(30s); // this one's time is over
        if (tries < 4)
            QTRY_COMPARE(m_waits, tries);
        m_clock->advance(3s);
    }
    QTRY_VERIFY(ear.said);
    QCOMPARE(ear.error().code, Error::Code::Timeout);
    QCOMPARE(count(), 4);
}

void TestTwilioRest::aHangUpTriesLonger()
{
    m_server->handler = [&](VendorExchange& exchange) {
        if (count() < 8)
            exchange.answer(503, "text/plain", "oops");
        else
            exchange.answer(200, "application/json", {});
    };
    Ear<void> ear;
    m_rest->hangUp(Call, ear.hear());
    QTRY_VERIFY2((m_clock->advance(1s), ear.ok()), "the eighth try");
    QCOMPARE(count(), 8);
}

void TestTwilioRest::whatHasEndedIsHungUp_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("fetched"); ///< what the call is when it is looked at; empty: it is not
    QTest::addColumn<bool>("isDone");
    QTest::newRow("404 with its code") << 404 << QByteArray("{\"code\":20404,\"message\":\"not found\",\"status\":404}")
                                       << QByteArray() << true;
    QTest::newRow("404 with nothing") << 404 << QByteArray() << QByteArray() << true;
    QTest::newRow("refused, for it has ended")
        << 400 << QByteArray("{\"code\":21220,\"message\":\"Invalid call state\",\"status\":400}")
        << QByteArray("completed") << true;
    QTest::newRow("refused, and it goes on")
        << 400 << QByteArray("{\"code\":21220,\"message\":\"Invalid call state\",\"status\":400}")
        << QByteArray("in-progress") << false;
    QTest::newRow("200 with a page") << 200 << QByteArray("<h1>Hello</h1>") << QByteArray() << true;
}

void TestTwilioRest::whatHasEndedIsHungUp()
{
    QFETCH(int, status);
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, fetched);
    QFETCH(bool, isDone);
    m_server->handler = [&](VendorExchange& exchange) {
        if (exchange.method == "GET")
            exchange.answer(200, "application/json", "{\"sid\":\"CA1\",\"status\":\"" + fetched + "\"}");
        else
            exchange.answer(status, "application/json", body);
    };
    Ear<void> ear;
    m_rest->hangUp(Call, ear.hear());
    QTRY_VERIFY(ear.said);
    QCOMPARE(ear.ok(), isDone);
    QCOMPARE(count(), fetched.isEmpty() ? 1 : 2);
    if (!isDone)
        QVERIFY(ear.error().message.contains(u"Invalid call state (21220)"_s));
}

void TestTwilioRest::refusalsAreToldInTwiliosWords_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<Error::Code>("code");
    QTest::addColumn<QString>("words");
    QTest::newRow("400 with a code")
        << 400
        << QByteArray("{\"code\":21210,\"message\":\"Not yours\",\"more_info\":\"https://x/21210\",\"status\":400}")
        << Error::Code::Invalid << u"answered 400: Not yours (21210)"_s;
    QTest::newRow("RFC 9457") << 400
                              << QByteArray("{\"type\":\"https://x/20001\",\"title\":\"Bad\",\"status\":400,"
                                            "\"code\":20001,\"detail\":\"To is wrong\",\"errors\":[]}")
                              << Error::Code::Invalid << u"answered 400: To is wrong (20001)"_s;
    QTest::newRow("RFC 9457, a title only") << 422 << QByteArray("{\"title\":\"Unprocessable\",\"status\":422}")
                                            << Error::Code::Invalid << u"answered 422: Unprocessable"_s;
    QTest::newRow("a code as words") << 400 << QByteArray("{\"code\":\"21212\"}") << Error::Code::Invalid
                                     << u"answered 400: no reason given (21212)"_s;
    QTest::newRow("401") << 401 << QByteArray("{\"code\":20003,\"message\":\"Authenticate\",\"status\":401}")
                         << Error::Code::Denied << u"answered 401: Authenticate (20003)"_s;
    QTest::newRow("403 with a page") << 403 << QByteArray("<h1>No</h1>") << Error::Code::Denied << u"answered 403: "_s;
    QTest::newRow("404") << 404 << QByteArray("{\"code\":20404,\"message\":\"Gone\",\"status\":404}")
                         << Error::Code::NotFound << u"answered 404: Gone (20404)"_s;
    QTest::newRow("empty") << 400 << QByteArray() << Error::Code::Invalid << u"answered 400: "_s;
    QTest::newRow("a list") << 400 << QByteArray("[1,2]") << Error::Code::Invalid << u"answered 400: "_s;
    QTest::newRow("half of it") << 400 << QByteArray("{\"code\":212") << Error::Code::Invalid << u"answered 400: "_s;
}

void TestTwilioRest::refusalsAreToldInTwiliosWords()
{
    QFETCH(int, status);
    QFETCH(QByteArray, body);
    answerAll(status, body);
    Ear<CallResource> ear;
    m_rest->createCall(plainCall(), ear.hear());
    QTRY_VERIFY(ear.said);
    QTEST(ear.error().code, "code");
    QFETCH(QString, words);
    QVERIFY2(ear.error().message.contains(words), qPrintable(ear.error().message));
    QCOMPARE(count(), 1);
}

void TestTwilioRest::neitherNumbersNorSecretsAreRepeated()
{
    answerAll(400,
        "{\"code\":21211,\"message\":\"The 'To' number +972 50-123-4567 (%2B972501234567) is not valid; test_token "
        "of AC0123456789abcdef0123456789abcdef\",\"more_info\":\"From=+97239999999\",\"status\":400}");
    Ear<CallResource> ear;
    m_rest->createCall(plainCall(), ear.hear());
    QTRY_VERIFY(ear.said);
    const QString text = toString(ear.error());
    for (const QString& hidden : {u"1234567"_s, u"123-4567"_s, u"9999999"_s, u"test_token"_s, Account})
        QVERIFY2(!text.contains(hidden), qPrintable(text));
    QVERIFY2(text.contains(u"4567"_s) && text.contains(u"is not valid"_s), qPrintable(text));
}

void TestTwilioRest::anAnswerThatIsNoneIsAFault_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("a page") << QByteArray("<h1>Welcome</h1>");
    QTest::newRow("a list") << QByteArray("[]");
    QTest::newRow("without what was asked for") << QByteArray("{\"calls\":{}}");
    QTest::newRow("deep") << QByteArray(100'000, '[');
}

void TestTwilioRest::anAnswerThatIsNoneIsAFault()
{
    QFETCH(QByteArray, body);
    answerAll(200, body);
    Ear<CallResource> one;
    Ear<QList<CallResource>> many;
    m_rest->fetchCall(Call, one.hear());
    m_rest->listCalls({}, many.hear());
    QTRY_VERIFY(one.said && many.said);
    QCOMPARE(one.error().code, Error::Code::Unavailable);
    QCOMPARE(many.error().code, Error::Code::Unavailable);
    QVERIFY(one.error().message.contains(u"is not understood"_s));
}

void TestTwilioRest::whatCannotBeAskedIsNotSent_data()
{
    QTest::addColumn<Ask>("ask");
    const auto changed = [](const std::function<void(NewCall&)>& change) {
        return Ask([change](TwilioRest& rest) {
            NewCall call = plainCall();
            change(call);
            rest.createCall(call, [&rest](const Result<CallResource>& result) {
                rest.setProperty("code", int(result ? Error::Code::Internal : result.error().code));
            });
        });
    };
    QTest::newRow("nobody to call") << changed([](NewCall& call) { call.to.clear(); });
    QTest::newRow("nobody calls") << changed([](NewCall& call) { call.from.clear(); });
    QTest::newRow("nothing to say") << changed([](NewCall& call) { call.twiml.clear(); });
    QTest::newRow("two things to say") << changed([](NewCall& call) { call.url = QUrl(u"https://x/"_s); });
    QTest::newRow("too much to say") << changed([](NewCall& call) { call.twiml = QByteArray(4001, 'x'); });
    QTest::newRow("rings too long") << changed([](NewCall& call) { call.ring = 601s; });
    QTest::newRow("rings not at all") << changed([](NewCall& call) { call.ring = 0s; });
    QTest::newRow("other keys") << changed([](NewCall& call) { call.sendDigits = u"12a"_s; });
    const auto code = [](TwilioRest& rest) {
        return [&rest](const auto& result) {
            rest.setProperty("code", int(result ? Error::Code::Internal : result.error().code));
        };
    };
    QTest::newRow("a path for a call") << Ask([code](TwilioRest& rest) { rest.fetchCall(u"../../x"_s, code(rest)); });
    QTest::newRow("no call") << Ask([code](TwilioRest& rest) { rest.hangUp({}, code(rest)); });
    QTest::newRow("digits of another script")
        << Ask([code](TwilioRest& rest) { rest.fetchCall(u"CA" + QString(32, QChar(0x0661)), code(rest)); });
    QTest::newRow("a call for a recording")
        << Ask([code](TwilioRest& rest) { rest.deleteRecording(Call, code(rest)); });
    QTest::newRow("another state") << Ask(
        [code](TwilioRest& rest) { rest.updateRecording(Call, u"on"_s, code(rest)); });
    QTest::newRow("TwiML too long") << Ask(
        [code](TwilioRest& rest) { rest.redirectTo(Call, QByteArray(4001, 'x'), code(rest)); });
}

void TestTwilioRest::whatCannotBeAskedIsNotSent()
{
    QFETCH(Ask, ask);
    ask(*m_rest);
    QVERIFY(!m_rest->property("code").isValid()); // later, as ever
    QCOMPARE(m_rest->pending(), 1);
    QTRY_COMPARE(m_rest->property("code"), QVariant(int(Error::Code::Invalid)));
    QCOMPARE(m_rest->pending(), 0);
    QCOMPARE(m_server->connections, 0);
}

void TestTwilioRest::credentialsAreChecked_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QByteArray>("token");
    QTest::addColumn<QString>("account");
    QTest::addColumn<QString>("fault"); ///< empty: they are right
    const QByteArray active = "{\"sid\":\"" + Account.toLatin1() + "\",\"status\":\"active\"}";
    QTest::newRow("right") << 200 << active << QByteArray("t") << Account << QString();
    QTest::newRow("wrong") << 401 << QByteArray("{\"code\":20003,\"message\":\"Authenticate\"}") << QByteArray("t")
                           << Account << u"denied: 127.0.0.1"_s;
    QTest::newRow("suspended") << 200 << QByteArray(active).replace("active", "suspended") << QByteArray("t") << Account
                               << u"denied: the Twilio account is suspended"_s;
    QTest::newRow("somebody else") << 200 << QByteArray("{}") << QByteArray("t") << Account << u"unavailable: "_s;
    QTest::newRow("a token with a line break") << 200 << active << QByteArray("t\r\nX: y") << Account << u"denied: "_s;
    QTest::newRow("no token") << 200 << active << QByteArray() << Account << u"denied: there is no Twilio account"_s;
    QTest::newRow("no account") << 200 << active << QByteArray("t") << u"AC1"_s
                                << u"denied: there is no Twilio account"_s;
}

void TestTwilioRest::credentialsAreChecked()
{
    QFETCH(int, status);
    QFETCH(QByteArray, body);
    QFETCH(QByteArray, token);
    QFETCH(QString, account);
    QFETCH(QString, fault);
    m_settings.authToken = token;
    m_settings.accountSid = account;
    begin();
    answerAll(status, body);
    Ear<void> ear;
    m_rest->checkCredentials(ear.hear());
    QTRY_VERIFY(ear.said);
    QCOMPARE(ear.ok(), fault.isEmpty());
    if (!fault.isEmpty())
        QVERIFY2(toString(ear.error()).startsWith(fault), qPrintable(toString(ear.error())));
}

void TestTwilioRest::whoGoesIsToldNothing()
{
    Ear<CallResource> sent, waiting, refused;
    answerAll(429, {});
    m_rest->fetchCall(Call, waiting.hear());
    QTRY_COMPARE(m_waits, 1); // it waits for its next try now
    m_server->handler = {};
    m_rest->fetchCall(Call, sent.hear());
    m_rest->fetchCall({}, refused.hear());
    QCOMPARE(m_rest->pending(), 3);
    QTRY_COMPARE(count(), 2);
    m_rest.reset();
    if (!asked(1)->isGone())
        asked(1)->answer(200, "application/json", callJson);
    m_clock->advance(60s);
    QTest::qWait(60);
    QVERIFY(!sent.said && !waiting.said);
}

void TestTwilioRest::whoIsToldMayEndTheClient()
{
    answerAll(200, callJson);
    bool told = false;
    m_rest->fetchCall(Call, [&](const Result<CallResource>& result) {
        m_rest.reset();
        told = result.ok();
    });
    QTRY_VERIFY(told);
}

QTEST_GUILESS_MAIN(TestTwilioRest)
#include "tst_twiliorest.moc"
