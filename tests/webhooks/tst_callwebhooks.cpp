// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twimldocument.h"
#include "engine/webhooks/callwebhooks.h"
#include "tests/support/fakeclock.h"
#include "tests/webhooks/requests.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <QLoggingCategory>
#include <QRandomGenerator>
#include <QRegularExpression>
#include <QTest>
#include <QUrl>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;
using namespace std::chrono_literals;
using kav::telephony::TwimlDocument;
using kav::telephony::TwimlVerb;

namespace {

constexpr char Secret[] = "kav_test_auth_token_0123456789ab";
const QByteArray Public = "https://kav.example.com";

/// An engine's webhooks with everything around them replaced.
struct Desk final {
    test::FakeClock clock;
    RequestGuard guard;
    StreamTokens tokens = StreamTokens::withRandomKey();
    bool room = true, draining = false;
    QString language;
    std::vector<calllog::Entry> log;
    QStringList hooks;
    WebhookRouter router;
    std::function<bool(const WebhookRouter::Reply&)> passOn;
    CallWebhooks calls;

    explicit Desk(const QByteArray& token = {}, const QString& publicUrl = {}, CallWebhooks::Settings settings = {},
        const QString& accountSid = {}, WebhookRouter::Settings routing = {})
        : guard({token, publicUrl.isEmpty() ? std::nullopt : std::optional(*PublicUrl::parse(publicUrl)), accountSid}, clock)
        , router(guard, clock, routing,
              {[this](const calllog::Entry& entry) {
                   log.push_back(entry);
                   return quint64(log.size());
               },
                  {}})
        , calls(router, tokens, clock, settings,
              {.hasRoom = [this] { return room; },
                  .isDraining = [this] { return draining; },
                  .linesFor =
                      [this](const QString&) {
                          return language == u"he" ? CallerLines::hebrew() : CallerLines::english();
                      },
                  .incomingCall =
                      [this](const IncomingCall& call) {
                          hooks += u"call "_s + call.callSid + u' ' + call.from + u' ' + call.language
                              + (call.test ? u" test"_s : QString());
                      },
                  .streamStatus = [this](const StreamStatus& status) { hooks += u"stream "_s + status.event; },
                  .streamEnded = [this](const QString& callSid) { hooks += u"ended "_s + callSid; },
                  .callStatus =
                      [this](const CallStatus& status) {
                          hooks += u"status "_s + status.status + (status.isFinal() ? u" final"_s : QString())
                              + (status.sequence ? u" #%1"_s.arg(*status.sequence) : QString());
                      },
                  .passedOn =
                      [this](const Webhook&, const WebhookRouter::Reply& reply) { return passOn && passOn(reply); }})
    {
    }
    /// Null status: no answer yet.
    net::HttpResponse handle(const net::HttpRequest& request)
    {
        net::HttpResponse answer;
        answer.status = 0;
        router.handle(request, net::Responder([&answer](const net::HttpResponse& response) { answer = response; }));
        return answer;
    }
    net::HttpResponse post(const QByteArray& path, const QList<telephony::FormField>& fields)
    {
        return handle(test::twilioPost(path, fields));
    }
    net::HttpResponse call(const QString& sid = u"CA1"_s)
    {
        return post("/webhook/incoming_call", test::callFields(sid));
    }
    QJsonObject lastLog() const { return log.empty() ? QJsonObject() : log.back().data; }
};

QStringList verbNames(const net::HttpResponse& response)
{
    const auto document = TwimlDocument::parse(response.body);
    QStringList names;
    if (document) {
        for (const TwimlVerb& verb : document->verbs())
            names += verb.name;
    }
    return document ? names : QStringList{u"broken"_s};
}

QByteArray headerOf(const net::HttpResponse& response, const QByteArray& name)
{
    for (const auto& [key, value] : response.headers) {
        if (key == name)
            return value;
    }
    return {};
}

} // namespace

class tst_CallWebhooks final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void anotherAccountsCallIsRefused();
    void anIncomingCallIsConnectedToAStream();
    void aTestCallIsPassedOnAsSuch();
    void aPublicEngineNamesItsPublicAddress();
    void theTokenIsBoundToTheCall();
    void statusCallbacksAreAnswered204_data();
    void statusCallbacksAreAnswered204();
    void trailingSlashesAreTolerated();
    void otherPathsAndMethods_data();
    void otherPathsAndMethods();
    void aFullEngineSaysSo();
    void aDrainingEngineSaysSo();
    void hebrewCallersHearHebrew();
    void withoutTheStreamTheCallerHearsAnApology();
    void afterAnOrderlyEndTheCallIsHungUp();
    void inAFleetAnUnknownCallIsHungUp();
    void whoPassesCallsOnIsAskedFirst();
    void theEndOfASecondStreamIsNoRepetition();
    void theLanguageOfTheCallMayBeAnyOther();
    void oddParameters_data();
    void oddParameters();
    void wrongParametersAreNamed_data();
    void wrongParametersAreNamed();
    void bodiesThatAreNoForm();
    void duplicatesGetTheSameAnswer();
    void duplicatesWithoutATokenAreKnownByTheirFields();
    void duplicatesAreForgottenInTime();
    void duplicateMemoryIsBounded();
    void everyRouteMustBeSigned_data();
    void everyRouteMustBeSigned();
    void theSignatureIsNotForOtherParameters();
    void aMismatchIsExplainedInTheLogOnly();
    void withoutATokenOnlyThisMachineIsServed();
    void whatAProxyForwardsIsNotThisMachine();
    void withoutAPublicUrlTheHostMustBeThisMachine();
    void theLogHoldsNoNumberAndNoSecret();
    void refusedRequestsAreLoggedAtABoundedRate();
    void lineBreaksCannotForgeALogLine();
    void theAnswerAlwaysParsesAndHasNoDoubledSlash();
    void numbersAreMaskedWhereverTheyStand_data();
    void numbersAreMaskedWhereverTheyStand();
    void theRateGateRefills();
};

void tst_CallWebhooks::init()
{
    // Refusals warn; the tests that are about the words listen to them.
    QLoggingCategory::setFilterRules(u"kav.webhook*=false"_s);
}

void tst_CallWebhooks::anIncomingCallIsConnectedToAStream()
{
    Desk desk;
    const auto response = desk.call();
    QCOMPARE(response.status, 200);
    QCOMPARE(response.contentType, QByteArray("text/xml; charset=utf-8"));
    QCOMPARE(verbNames(response), (QStringList{u"Connect"_s, u"Say"_s, u"Hangup"_s}));
    const auto document = TwimlDocument::parse(response.body);
    const TwimlVerb& connect = document->verbs().front();
    QCOMPARE(connect.attribute(u"action"_s), u"http://127.0.0.1:5000/webhook/after_stream"_s);
    const TwimlVerb* stream = connect.child(TwimlVerb::Kind::Stream);
    QVERIFY(stream);
    QVERIFY(stream->attribute(u"url"_s).startsWith(u"wss://127.0.0.1:5000/media/"_s));
    QCOMPARE(stream->attribute(u"statusCallback"_s), u"http://127.0.0.1:5000/webhook/stream_status"_s);
    const auto parameters = stream->parameters();
    QCOMPARE(parameters.value(u"from"_s), u"+972501234567"_s);
    QCOMPARE(parameters.value(u"to"_s), u"+97231234567"_s);
    QCOMPARE(parameters.value(u"language"_s), u"en-US"_s);
    QVERIFY(!parameters.contains(u"kavTest"_s));
    QCOMPARE(document->verbs()[1].text, CallerLines::english().apology);
    QCOMPARE(desk.hooks, QStringList{u"call CA1 +972501234567 en-US"_s});
    QCOMPARE(desk.log.size(), std::size_t(1));
    QCOMPARE(desk.log[0].callId, u"CA1"_s);
    QCOMPARE(desk.log[0].kind, calllog::Entry::Kind::Webhook);
    QCOMPARE(desk.lastLog().value(u"status").toInt(), 200);
}

void tst_CallWebhooks::aTestCallIsPassedOnAsSuch()
{
    Desk desk;
    const auto parameterOf = [&desk](const QString& sid, const QString& value) {
        auto fields = test::callFields(sid);
        test::setField(fields, u"KavTest"_s, value);
        const auto document = TwimlDocument::parse(desk.post("/webhook/incoming_call", fields).body);
        return document->verbs().front().child(TwimlVerb::Kind::Stream)->parameters().value(u"kavTest"_s);
    };
    QCOMPARE(parameterOf(u"CA1"_s, u"1"_s), u"1"_s);
    QCOMPARE(parameterOf(u"CA2"_s, u"yes"_s), QString());
    QCOMPARE(parameterOf(u"CA3"_s, {}), QString());
    QCOMPARE(desk.hooks,
        (QStringList{u"call CA1 +972501234567 en-US test"_s, u"call CA2 +972501234567 en-US"_s,
            u"call CA3 +972501234567 en-US"_s}));
}

void tst_CallWebhooks::aPublicEngineNamesItsPublicAddress()
{
    Desk desk({}, u"https://kav.example.com/"_s);
    const auto document = TwimlDocument::parse(desk.call().body);
    QVERIFY(document);
    const TwimlVerb& connect = document->verbs().front();
    QCOMPARE(connect.attribute(u"action"_s), u"https://kav.example.com/webhook/after_stream"_s);
    QVERIFY(connect.child(TwimlVerb::Kind::Stream)->attribute(u"url"_s).startsWith(u"wss://kav.example.com/media/"_s));
}

void tst_CallWebhooks::theTokenIsBoundToTheCall()
{
    Desk desk;
    const auto document = TwimlDocument::parse(desk.call(u"CAxyz"_s).body);
    const QString url = document->verbs().front().child(TwimlVerb::Kind::Stream)->attribute(u"url"_s);
    const auto claims = desk.tokens.verify(url.section(u'/', -1).toLatin1(), desk.clock.wallNow());
    QVERIFY(claims);
    QCOMPARE(claims->callSid, u"CAxyz"_s);
    QCOMPARE(claims->accountSid, u"AC0123456789abcdef0123456789abcdef"_s);
    QVERIFY(!url.contains(u'?'));
}

void tst_CallWebhooks::statusCallbacksAreAnswered204_data()
{
    QTest::addColumn<QByteArray>("path");
    QTest::addColumn<QString>("hook");
    QTest::newRow("stream_status") << QByteArray("/webhook/stream_status") << u"stream stream-started"_s;
    QTest::newRow("stream_ended") << QByteArray("/webhook/stream_ended") << u"ended CA1"_s;
    QTest::newRow("call_status") << QByteArray("/webhook/call_status") << u"status completed final #3"_s;
}

void tst_CallWebhooks::statusCallbacksAreAnswered204()
{
    QFETCH(QByteArray, path);
    QFETCH(QString, hook);
    Desk desk;
    auto fields = test::callFields(u"CA1"_s);
    test::setField(fields, u"CallStatus"_s, u"completed"_s);
    test::setField(fields, u"SequenceNumber"_s, u"3"_s);
    test::setField(fields, u"StreamEvent"_s, u"stream-started"_s);
    const auto response = desk.post(path, fields);
    QCOMPARE(response.status, 204);
    QVERIFY(response.body.isEmpty());
    QVERIFY(response.contentType.isEmpty());
    QCOMPARE(desk.hooks, QStringList{hook});
    QCOMPARE(desk.log.size(), std::size_t(1));
}

void tst_CallWebhooks::trailingSlashesAreTolerated()
{
    Desk desk;
    QCOMPARE(desk.post("/webhook/incoming_call/", test::callFields()).status, 200);
    QCOMPARE(desk.post("/webhook/call_status//?run=7", test::callFields()).status, 204);
}

void tst_CallWebhooks::otherPathsAndMethods_data()
{
    QTest::addColumn<QByteArray>("method");
    QTest::addColumn<QByteArray>("path");
    QTest::addColumn<int>("status");
    for (const char* path : {"/webhook", "/webhook/", "/webhook/other", "/webhook//incoming_call",
             "/webhook/incoming_call/x", "/Webhook/incoming_call", "/webhook/incoming%5fcall"})
        QTest::newRow(path) << QByteArray("POST") << QByteArray(path) << 404;
    for (const char* method : {"PUT", "DELETE", "OPTIONS", "TRACE", "post", "get"})
        QTest::newRow(method) << QByteArray(method) << QByteArray("/webhook/incoming_call") << 405;
}

void tst_CallWebhooks::otherPathsAndMethods()
{
    QFETCH(QByteArray, method);
    QFETCH(QByteArray, path);
    QFETCH(int, status);
    Desk desk;
    auto request = test::twilioPost(path, test::callFields());
    request.method = method;
    const auto response = desk.handle(request);
    QCOMPARE(response.status, status);
    QCOMPARE(headerOf(response, "Allow"), status == 405 ? QByteArray("GET, HEAD, POST") : QByteArray());
    QVERIFY(desk.hooks.isEmpty());
}

void tst_CallWebhooks::aFullEngineSaysSo()
{
    Desk desk;
    desk.room = false;
    const auto response = desk.call();
    QCOMPARE(response.status, 200);
    QCOMPARE(verbNames(response), (QStringList{u"Say"_s, u"Hangup"_s}));
    QVERIFY(response.body.contains("busy"));
    QVERIFY(desk.hooks.isEmpty());
    QCOMPARE(desk.calls.counters().busy, quint64(1));
    // The next call finds room.
    desk.room = true;
    QCOMPARE(verbNames(desk.call(u"CA2"_s)).first(), u"Connect"_s);
}

void tst_CallWebhooks::aDrainingEngineSaysSo()
{
    Desk desk;
    desk.draining = true;
    QCOMPARE(verbNames(desk.call()), (QStringList{u"Say"_s, u"Hangup"_s}));
    // Calls that are under way go on being served.
    QCOMPARE(desk.post("/webhook/stream_status", test::callFields()).status, 204);
}

void tst_CallWebhooks::hebrewCallersHearHebrew()
{
    Desk desk;
    desk.language = u"he"_s;
    const auto document = TwimlDocument::parse(desk.call().body);
    QCOMPARE(document->verbs()[1].text, CallerLines::hebrew().apology);
    QCOMPARE(document->verbs()[1].attribute(u"language"_s), u"he-IL"_s);
    QVERIFY(document->verbs()[1].attribute(u"voice"_s).startsWith(u"Google.he-IL-"_s));
    desk.room = false;
    QVERIFY(desk.call(u"CA2"_s).body.contains(CallerLines::hebrew().busy.toUtf8()));
}

void tst_CallWebhooks::withoutTheStreamTheCallerHearsAnApology()
{
    Desk desk;
    desk.call(u"CA1"_s);
    QCOMPARE(verbNames(desk.post("/webhook/after_stream", test::callFields(u"CA1"_s))),
        (QStringList{u"Say"_s, u"Hangup"_s}));
    // A call that this engine never saw: it may have been restarted.
    QCOMPARE(verbNames(desk.post("/webhook/after_stream", test::callFields(u"CA9"_s))),
        (QStringList{u"Say"_s, u"Hangup"_s}));
    desk.call(u"CA2"_s);
    desk.calls.noteStreamAdmitted(u"CA2"_s);
    desk.calls.noteStreamEnded(u"CA2"_s, false);
    QCOMPARE(verbNames(desk.post("/webhook/after_stream", test::callFields(u"CA2"_s))),
        (QStringList{u"Say"_s, u"Hangup"_s}));
}

void tst_CallWebhooks::afterAnOrderlyEndTheCallIsHungUp()
{
    Desk desk;
    desk.call(u"CA1"_s);
    desk.calls.noteStreamAdmitted(u"CA1"_s);
    desk.calls.noteStreamEnded(u"CA1"_s, true);
    QCOMPARE(verbNames(desk.post("/webhook/after_stream", test::callFields(u"CA1"_s))), QStringList{u"Hangup"_s});
    // Admitted, and nothing said about its end: no apology on suspicion.
    desk.call(u"CA2"_s);
    desk.calls.noteStreamAdmitted(u"CA2"_s);
    QCOMPARE(verbNames(desk.post("/webhook/after_stream", test::callFields(u"CA2"_s))), QStringList{u"Hangup"_s});
}

void tst_CallWebhooks::inAFleetAnUnknownCallIsHungUp()
{
    Desk desk({}, {}, {.servesEveryCall = false});
    QCOMPARE(verbNames(desk.post("/webhook/after_stream", test::callFields(u"CA9"_s))), QStringList{u"Hangup"_s});
}

void tst_CallWebhooks::whoPassesCallsOnIsAskedFirst()
{
    bool takes = true;
    Desk desk;
    desk.passOn = [&takes](const WebhookRouter::Reply& reply) {
        if (takes)
            reply(net::HttpResponse::xml(writeTwiml({twiml::Dial{.numbers = {{.number = u"+15551230009"_s}}}})));
        return takes;
    };
    desk.call(u"CA1"_s);
    desk.calls.noteStreamEnded(u"CA1"_s, true);
    QCOMPARE(verbNames(desk.post("/webhook/after_stream", test::callFields(u"CA1"_s))), QStringList{u"Dial"_s});
    takes = false;
    desk.call(u"CA2"_s);
    desk.calls.noteStreamEnded(u"CA2"_s, true);
    QCOMPARE(verbNames(desk.post("/webhook/after_stream", test::callFields(u"CA2"_s))), QStringList{u"Hangup"_s});
}

void tst_CallWebhooks::theEndOfASecondStreamIsNoRepetition()
{
    Desk desk;
    const auto actionOf = [](const std::vector<TwimlElement>& verbs) {
        const auto document = TwimlDocument::parse(writeTwiml(verbs));
        return QUrl(document->verbs()[0].attribute(u"action"_s));
    };
    const PublicUrl base = *PublicUrl::parse(u"https://kav.example.com"_s);
    IncomingCall call;
    call.callSid = u"CA1"_s;
    call.accountSid = u"AC1"_s;
    QVERIFY(!actionOf(desk.calls.connect(call, base)).hasQuery());
    QCOMPARE(actionOf(desk.calls.connect(call, base)).query(), u"n=2"_s);
    const auto known = desk.calls.known(u"CA1"_s);
    QVERIFY(known && known->call.accountSid == u"AC1"_s && known->base == base);
    QVERIFY(!desk.calls.known(u"CA9"_s));
}

void tst_CallWebhooks::theLanguageOfTheCallMayBeAnyOther()
{
    test::FakeClock clock;
    RequestGuard guard({{}, {}, {}}, clock);
    const StreamTokens tokens = StreamTokens::withRandomKey();
    CallWebhooks::Hooks hooks;
    hooks.languageFor = [](const QString& to) { return to == u"+97231234567"_s ? u"fr-FR"_s : u"en-US"_s; };
    QString language;
    hooks.incomingCall = [&language](const IncomingCall& call) { language = call.language; };
    WebhookRouter router(guard, clock, {}, {});
    const CallWebhooks calls(router, tokens, clock, {}, hooks);
    net::HttpResponse response;
    router.handle(test::twilioPost("/webhook/incoming_call", test::callFields()),
        net::Responder([&response](const net::HttpResponse& answer) { response = answer; }));
    QCOMPARE(language, u"fr-FR"_s);
    QVERIFY(response.body.contains("<Parameter name=\"language\" value=\"fr-FR\"/>"));
    QVERIFY(response.body.contains("<Say language=\"en-US\"")); // Twilio's voice has its own lines
}

void tst_CallWebhooks::oddParameters_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("value");
    const auto row = [](const char* tag, const QString& name, const QString& value) {
        QTest::newRow(tag) << name << value;
    };
    row("an anonymous caller", u"From"_s, u"anonymous"_s);
    row("an empty caller", u"From"_s, {});
    row("a SIP caller", u"From"_s, u"sip:+972501234567@sip.example.com;transport=tls"_s);
    row("a client", u"From"_s, u"client:anna"_s);
    row("a raw number", u"From"_s, u"266696687"_s);
    row("a Hebrew name", u"CallerName"_s, u"ישראל ישראלי"_s);
    row("markup in a name", u"CallerName"_s, u"</Parameter><Say>x"_s);
    row("markup in a number", u"From"_s, u"\"><Hangup/>"_s);
    row("control characters", u"CallerName"_s, u"a\x01\x1b\nb"_s);
    row("empty geography", u"FromCity"_s, {});
    row("an unknown parameter", u"SomethingNew"_s, u"1"_s);
    row("an empty name", {}, u"x"_s);
    row("an unknown direction", u"Direction"_s, u"sideways"_s);
    row("no status", u"CallStatus"_s, {});
    row("SHAKEN", u"StirVerstat"_s, u"TN-Validation-Passed-A"_s);
    row("an account of another shape", u"AccountSid"_s, u"test-account"_s);
}

void tst_CallWebhooks::oddParameters()
{
    QFETCH(QString, name);
    QFETCH(QString, value);
    Desk desk;
    auto fields = test::callFields();
    test::setField(fields, name, value);
    const auto response = desk.post("/webhook/incoming_call", fields);
    QCOMPARE(response.status, 200);
    QCOMPARE(verbNames(response), (QStringList{u"Connect"_s, u"Say"_s, u"Hangup"_s}));
}

void tst_CallWebhooks::wrongParametersAreNamed_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("value"); // null: taken out
    QTest::addColumn<QByteArray>("answer");
    const auto row = [](const char* tag, const QString& name, const QString& value, const char* answer) {
        QTest::newRow(tag) << name << value << QByteArray(answer);
    };
    row("no CallSid", u"CallSid"_s, {}, "CallSid: missing\n");
    row("an empty CallSid", u"CallSid"_s, u""_s, "CallSid: not an identifier\n");
    row("a CallSid with a slash", u"CallSid"_s, u"CA/../x"_s, "CallSid: not an identifier\n");
    row("a CallSid with a line break", u"CallSid"_s, u"CA\n1"_s, "CallSid: not an identifier\n");
    row("an endless CallSid", u"CallSid"_s, QString(65, u'x'), "CallSid: not an identifier\n");
    row("no AccountSid", u"AccountSid"_s, {}, "AccountSid: missing\n");
    row("no To", u"To"_s, {}, "To: missing\n");
    row("an endless From", u"From"_s, QString(257, u'1'), "From: longer than 256 characters\n");
    row("an endless To", u"To"_s, QString(257, u'1'), "To: longer than 256 characters\n");
    row("an endless status", u"CallStatus"_s, QString(65, u'x'), "CallStatus: longer than 64 characters\n");
}

void tst_CallWebhooks::wrongParametersAreNamed()
{
    QFETCH(QString, name);
    QFETCH(QString, value);
    QFETCH(QByteArray, answer);
    Desk desk;
    auto fields = test::callFields();
    if (value.isNull())
        fields.removeIf([&name](const telephony::FormField& field) { return field.name == name; });
    else
        test::setField(fields, name, value);
    const auto response = desk.post("/webhook/incoming_call", fields);
    QCOMPARE(response.status, 400);
    QCOMPARE(response.body, answer);
    QVERIFY(desk.hooks.isEmpty());
    QCOMPARE(desk.lastLog().value(u"status").toInt(), 400);
}

void tst_CallWebhooks::bodiesThatAreNoForm()
{
    Desk desk;
    auto request = test::twilioPost("/webhook/incoming_call", test::callFields());
    request.body = "CallSid=%4";
    QCOMPARE(desk.handle(request).body, QByteArray("form field CallSid: broken %-escape at byte 8\n"));
    request.body = "CallSid=CA1&CallSid=CA2&AccountSid=AC1&To=1";
    QCOMPARE(desk.handle(request).body, QByteArray("CallSid: given more than once\n"));
    request.body = QByteArray(70'000, 'x');
    QCOMPARE(desk.handle(request).status, 400);
    request = test::twilioPost("/webhook/incoming_call", test::callFields());
    request.headers[1].second = "application/json";
    QCOMPARE(desk.handle(request).body, QByteArray("Content-Type: a form is wanted\n"));
    request.headers.removeAt(1); // none at all is taken for a form
    QCOMPARE(desk.handle(request).status, 200);
}

void tst_CallWebhooks::duplicatesGetTheSameAnswer()
{
    Desk desk;
    auto request = test::twilioPost("/webhook/incoming_call", test::callFields());
    request.headers.emplaceBack("i-twilio-idempotency-token", "abc");
    const auto first = desk.handle(request);
    desk.clock.advance(3000ms);
    desk.room = false; // it holds, whatever has happened since
    const auto second = desk.handle(request);
    QCOMPARE(second.status, first.status);
    QCOMPARE(second.body, first.body);
    QCOMPARE(desk.hooks.size(), 1);
    QCOMPARE(desk.log.size(), std::size_t(2));
    QVERIFY(!desk.log[0].data.contains(u"duplicateOf"));
    QCOMPARE(desk.log[1].data.value(u"duplicateOf").toString(), u"2026-01-01T00:00:00.000Z"_s);
    // The same token for another call is another request.
    auto other = test::twilioPost("/webhook/incoming_call", test::callFields(u"CA2"_s));
    other.headers.emplaceBack("i-twilio-idempotency-token", "abc");
    QVERIFY(desk.handle(other).body != first.body);
    QCOMPARE(desk.router.counters().duplicates, quint64(1));
}

void tst_CallWebhooks::duplicatesWithoutATokenAreKnownByTheirFields()
{
    Desk desk;
    auto fields = test::callFields();
    desk.post("/webhook/call_status", fields);
    desk.post("/webhook/call_status", fields);
    QCOMPARE(desk.hooks.size(), 1);
    test::setField(fields, u"CallStatus"_s, u"completed"_s);
    desk.post("/webhook/call_status", fields);
    QCOMPARE(desk.hooks.size(), 2);
    desk.post("/webhook/call_status?run=2", fields);
    QCOMPARE(desk.hooks.size(), 3);
    auto stream = test::callFields();
    test::setField(stream, u"StreamEvent"_s, u"stream-started"_s);
    desk.post("/webhook/stream_status", stream);
    test::setField(stream, u"StreamEvent"_s, u"stream-stopped"_s);
    desk.post("/webhook/stream_status", stream);
    QCOMPARE(desk.hooks.mid(3), (QStringList{u"stream stream-started"_s, u"stream stream-stopped"_s}));
}

void tst_CallWebhooks::duplicatesAreForgottenInTime()
{
    Desk desk;
    const auto first = desk.call();
    desk.clock.advance(61'000ms);
    QVERIFY(desk.call().body != first.body); // a fresh token: the old one nears its end
    QCOMPARE(desk.hooks.size(), 2);
}

void tst_CallWebhooks::duplicateMemoryIsBounded()
{
    Desk desk({}, {}, {.callMemory = 3}, {}, {.duplicateEntries = 3});
    for (int i = 0; i < 5; ++i)
        desk.call(u"CA%1"_s.arg(i));
    QCOMPARE(desk.hooks.size(), 5);
    desk.call(u"CA4"_s);
    QCOMPARE(desk.hooks.size(), 5);
    desk.call(u"CA0"_s);
    QCOMPARE(desk.hooks.size(), 6);
}

void tst_CallWebhooks::everyRouteMustBeSigned_data()
{
    QTest::addColumn<QByteArray>("path");
    QTest::addColumn<int>("status");
    QTest::newRow("incoming_call") << QByteArray("/webhook/incoming_call") << 200;
    QTest::newRow("stream_status") << QByteArray("/webhook/stream_status") << 204;
    QTest::newRow("stream_ended") << QByteArray("/webhook/stream_ended") << 204;
    QTest::newRow("call_status") << QByteArray("/webhook/call_status") << 204;
    QTest::newRow("after_stream") << QByteArray("/webhook/after_stream") << 200;
    QTest::newRow("with a query") << QByteArray("/webhook/call_status?run=7&x=%27") << 204;
    QTest::newRow("with a trailing slash") << QByteArray("/webhook/incoming_call/") << 200;
}

void tst_CallWebhooks::everyRouteMustBeSigned()
{
    QFETCH(QByteArray, path);
    QFETCH(int, status);
    Desk desk(Secret, u"https://kav.example.com"_s);
    const auto refusal = [&desk](const net::HttpRequest& request) {
        const auto response = desk.handle(request);
        return response.status == 403 && response.body == "forbidden\n" && desk.hooks.isEmpty();
    };
    const auto plain = test::twilioPost(path, test::callFields());
    QVERIFY(refusal(plain)); // a missing signature is a refusal, from this machine too
    auto wrongToken = plain;
    test::sign(wrongToken, "another token", Public + path);
    QVERIFY(refusal(wrongToken));
    auto wrongUrl = plain;
    test::sign(wrongUrl, Secret, "http://127.0.0.1:5000" + path);
    QVERIFY(refusal(wrongUrl));
    auto empty = plain;
    empty.headers.emplaceBack("x-twilio-signature", "");
    QVERIFY(refusal(empty));
    auto noForm = plain;
    noForm.body = "%";
    noForm.headers.emplaceBack("x-twilio-signature", telephony::computeSignature(Secret, QByteArray(Public + path)));
    QVERIFY(refusal(noForm));

    auto good = plain;
    good.peer = QHostAddress(u"203.0.113.9"_s);
    test::sign(good, Secret, Public + path);
    QCOMPARE(desk.handle(good).status, status);
    QCOMPARE(desk.router.counters().refused, quint64(5));
}

void tst_CallWebhooks::theSignatureIsNotForOtherParameters()
{
    Desk desk(Secret, u"https://kav.example.com"_s);
    auto request = test::twilioPost("/webhook/incoming_call", test::callFields());
    test::sign(request, Secret, Public + "/webhook/incoming_call");
    auto replayed = request;
    replayed.body.replace("972501234567", "972509999999");
    QCOMPARE(desk.handle(replayed).status, 403);
    auto elsewhere = request;
    elsewhere.target = elsewhere.path = "/webhook/call_status";
    QCOMPARE(desk.handle(elsewhere).status, 403);
    QCOMPARE(desk.handle(request).status, 200);
}

void tst_CallWebhooks::aMismatchIsExplainedInTheLogOnly()
{
    Desk desk(Secret, u"https://kav.example.com"_s);
    auto request = test::twilioPost("/webhook/incoming_call", test::callFields());
    request.headers.emplaceBack("x-forwarded-host", "old.example.com, proxy");
    test::sign(request, Secret, "http://old.example.com/webhook/incoming_call");
    QLoggingCategory::setFilterRules(QString());
    QTest::ignoreMessage(QtWarningMsg,
        QRegularExpression(
            u"refused with 403 .* it matches http://old.example.com/webhook/incoming_call \\(differs in: scheme and host\\)"_s));
    const auto response = desk.handle(request);
    QCOMPARE(response.body, QByteArray("forbidden\n"));
    QVERIFY(desk.lastLog().value(u"reason").toString().contains(u"differs in: scheme and host"_s));
    QVERIFY(desk.log.back().callId.isEmpty()); // nobody writes into a call's log unproven
}

void tst_CallWebhooks::withoutATokenOnlyThisMachineIsServed()
{
    test::FakeClock clock;
    QLoggingCategory::setFilterRules(QString());
    QTest::ignoreMessage(
        QtWarningMsg, "no TWILIO_AUTH_TOKEN: signatures cannot be checked, only peers on this machine are served");
    RequestGuard speaking({{}, std::nullopt}, clock);
    QLoggingCategory::setFilterRules(u"kav.webhook*=false"_s);

    Desk desk({}, u"https://kav.example.com"_s);
    auto request = test::twilioPost("/webhook/incoming_call", test::callFields());
    for (const auto& peer : {u"203.0.113.9"_s, u"10.0.0.1"_s, u"::ffff:203.0.113.9"_s, u"2001:db8::1"_s}) {
        request.peer = QHostAddress(peer);
        QCOMPARE(desk.handle(request).status, 403);
    }
    QVERIFY(desk.hooks.isEmpty());
    for (const auto& peer : {u"127.0.0.1"_s, u"127.9.9.9"_s, u"::1"_s, u"::ffff:127.0.0.1"_s}) {
        request.peer = QHostAddress(peer);
        QCOMPARE(desk.handle(request).status, 200);
    }
}

void tst_CallWebhooks::whatAProxyForwardsIsNotThisMachine()
{
    for (const char* header : {"x-forwarded-for", "x-forwarded-proto", "forwarded", "x-real-ip"}) {
        Desk desk({}, u"https://kav.example.com"_s);
        auto request = test::twilioPost("/webhook/incoming_call", test::callFields());
        request.headers.emplaceBack(header, "203.0.113.9");
        QCOMPARE(desk.handle(request).status, 403);
        // With a token the signature decides, wherever it came through.
        Desk signedDesk(Secret, u"https://kav.example.com"_s);
        test::sign(request, Secret, Public + "/webhook/incoming_call");
        QCOMPARE(signedDesk.handle(request).status, 200);
    }
}

void tst_CallWebhooks::withoutAPublicUrlTheHostMustBeThisMachine()
{
    Desk desk;
    auto request = test::twilioPost("/webhook/incoming_call", test::callFields());
    for (const char* host : {"kav.example.com", "", "127.0.0.1.evil.com", "127.0.0.1:5000\r\nX: y"}) {
        request.headers[0].second = host;
        const auto response = desk.handle(request);
        QCOMPARE(response.status, 503);
        QCOMPARE(response.body, QByteArray("unavailable\n"));
        QVERIFY(desk.lastLog().value(u"reason").toString().startsWith(u"KAV_PUBLIC_URL is not set"_s));
    }
    // Without a public URL a signed request of this machine is checked against its Host line.
    Desk signedDesk(Secret);
    auto local = test::twilioPost("/webhook/incoming_call", test::callFields());
    test::sign(local, Secret, "http://127.0.0.1:5000/webhook/incoming_call");
    QCOMPARE(signedDesk.handle(local).status, 200);
    local.peer = QHostAddress(u"203.0.113.9"_s);
    QCOMPARE(signedDesk.handle(local).status, 503);
}

void tst_CallWebhooks::theLogHoldsNoNumberAndNoSecret()
{
    Desk desk;
    auto fields = test::callFields();
    test::setField(fields, u"Caller"_s, u"+972501234567"_s);
    test::setField(fields, u"ForwardedFrom"_s, u"sip:+972501234567@host"_s);
    test::setField(fields, u"CallToken"_s, u"%7B%22parentCallInfoToken%22secretsecret"_s);
    test::setField(fields, u"StirPassportToken"_s, u"secretsecret"_s);
    test::setField(fields, u"Digits"_s, u"424242"_s);
    test::setField(fields, u"CallerName"_s, u"call 050-123-4567 now"_s);
    desk.post("/webhook/incoming_call", fields);
    const QByteArray text = QJsonDocument(desk.lastLog()).toJson();
    for (const char* forbidden : {"501234567", "31234567", "123-4567", "secretsecret", "424242"})
        QVERIFY2(!text.contains(forbidden), text.constData());
    const QJsonObject logged = desk.lastLog().value(u"fields").toObject();
    QCOMPARE(logged.value(u"CallSid").toString(), u"CA0123456789abcdef0123456789abcdef"_s);
    QCOMPARE(logged.value(u"Digits").toString(), u"(6 characters)"_s);
    QVERIFY(logged.value(u"From").toString().endsWith(u"4567"_s));
}

void tst_CallWebhooks::refusedRequestsAreLoggedAtABoundedRate()
{
    Desk desk(Secret, u"https://kav.example.com"_s);
    for (int i = 0; i < 1000; ++i)
        desk.call(u"CA%1"_s.arg(i));
    QCOMPARE(desk.router.counters().refused, quint64(1000));
    QCOMPARE(desk.log.size(), std::size_t(20));
    desk.clock.advance(2000ms);
    desk.call();
    QCOMPARE(desk.log.size(), std::size_t(21));
    QCOMPARE(desk.lastLog().value(u"notLogged").toInt(), 980);
    // Strangers' noise takes nothing from those who prove themselves.
    for (int i = 0; i < 50; ++i) {
        auto good = test::twilioPost("/webhook/call_status", test::callFields(u"CB%1"_s.arg(i)));
        test::sign(good, Secret, Public + "/webhook/call_status");
        desk.handle(good);
    }
    QCOMPARE(desk.log.size(), std::size_t(71));
}

void tst_CallWebhooks::lineBreaksCannotForgeALogLine()
{
    Desk desk;
    auto fields = test::callFields();
    test::setField(fields, u"CallerName"_s, u"x\n2026 ERROR \x1b[31m\u202e"_s);
    test::setField(fields, u"a\nb"_s, u"c"_s);
    desk.post("/webhook/incoming_call", fields);
    const QJsonObject logged = desk.lastLog().value(u"fields").toObject();
    const QString name = logged.value(u"CallerName").toString();
    for (const QChar c : name)
        QVERIFY(c >= u' ' && c != QChar(0x202e));
    QVERIFY(logged.contains(u"a\\u000ab"));
}

void tst_CallWebhooks::theAnswerAlwaysParsesAndHasNoDoubledSlash()
{
    QRandomGenerator random(11);
    const QStringList bases{
        QString(), u"https://kav.example.com"_s, u"https://kav.example.com//a//b//"_s, u"http://127.0.0.1:5000/"_s};
    static const QString nasty = u"<>&\"'/\\\n\t #?%:;@+=*\u05e9\u202e"_s;
    for (int round = 0; round < 500; ++round) {
        Desk desk({}, bases.at(round % bases.size()));
        desk.room = round % 7 != 0;
        desk.language = round % 2 ? u"he"_s : u"en"_s;
        auto fields = test::callFields(u"CA%1"_s.arg(round));
        for (const QString& name : {u"From"_s, u"To"_s, u"CallerName"_s, u"ForwardedFrom"_s, u"Direction"_s}) {
            QString value;
            for (int i = random.bounded(30); i > 0; --i)
                value += random.bounded(2) ? nasty.at(random.bounded(int(nasty.size())))
                                           : QChar(char16_t(1 + random.bounded(0xd7ff)));
            test::setField(fields, name, value);
        }
        const auto response = desk.post(round % 3 ? "/webhook/incoming_call" : "/webhook/after_stream", fields);
        QCOMPARE(response.status, 200);
        const auto document = TwimlDocument::parse(response.body);
        QVERIFY2(document, response.body.constData());
        QVERIFY(document->warnings().isEmpty());
        for (const TwimlVerb& verb : document->verbs()) {
            QVERIFY(verb.kind != TwimlVerb::Kind::Pause);
            QStringList urls{verb.attribute(u"action"_s)};
            for (const TwimlVerb& child : verb.children)
                urls << child.attribute(u"url"_s) << child.attribute(u"statusCallback"_s);
            urls.removeAll(QString());
            for (const QString& url : std::as_const(urls)) {
                QVERIFY(QUrl(url, QUrl::StrictMode).isValid());
                QVERIFY2(!QUrl(url).path().contains(u"//"_s), qPrintable(url));
                QVERIFY(!QUrl(url).hasQuery());
            }
        }
        QCOMPARE(document->verbs().back().kind, TwimlVerb::Kind::Hangup);
    }
}

void tst_CallWebhooks::numbersAreMaskedWhereverTheyStand_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* tag, const QString& name, const QString& value, const QString& expected) {
        QTest::newRow(tag) << name << value << expected;
    };
    row("E.164", u"From"_s, u"+972501234567"_s, u"+972•••••4567"_s);
    row("a word", u"From"_s, u"anonymous"_s, u"anonymous"_s);
    row("a client", u"From"_s, u"client:anna"_s, u"client:anna"_s);
    row("in a SIP address", u"To"_s, u"sip:+972501234567@host"_s, u"sip:+972•••••4567@host"_s);
    row("a sid", u"CallSid"_s, u"CA01234567890123456789012345678901"_s, u"CA01234567890123456789012345678901"_s);
    // Each has a piece that would be a number by itself.
    const QString sid = u"MZ5500972501234567abcdef0123456789"_s;
    row("a sid by another name", u"StreamName"_s, sid, sid);
    row("a sid in an address", u"RecordingUrl"_s, u"https://host/Recordings/"_s + sid + u".json"_s,
        u"https://host/Recordings/"_s + sid + u".json"_s);
    row("a number after a sid", u"StreamName"_s, sid + u" 0501234567"_s, sid + u" ••••••4567"_s);
    row("no sid: too long", u"StreamName"_s, sid + u'1', u"MZ••••••••••••4567abcdef•••••••7891"_s);
    row("a short number", u"CallDuration"_s, u"123"_s, u"123"_s);
    row("a time", u"Timestamp"_s, u"2026-03-01T10:00:00.123456Z"_s, u"2026-03-01T10:00:00.123456Z"_s);
    row("nothing", u"From"_s, {}, {});
}

void tst_CallWebhooks::numbersAreMaskedWhereverTheyStand()
{
    QFETCH(QString, name);
    QFETCH(QString, value);
    QTEST(loggableField(name, value), "expected");
}

void tst_CallWebhooks::theRateGateRefills()
{
    test::FakeClock clock;
    RateGate gate(3, 1000ms);
    for (int i = 0; i < 3; ++i)
        QVERIFY(gate.tryPass(clock.now()));
    QVERIFY(!gate.tryPass(clock.now()));
    clock.advance(999ms);
    QVERIFY(!gate.tryPass(clock.now()));
    clock.advance(1ms);
    QVERIFY(gate.tryPass(clock.now()));
    QCOMPARE(gate.takeHeldBack(), quint64(2));
    QVERIFY(!gate.tryPass(clock.now()));
    clock.advance(3'600'000ms); // never more than the burst
    for (int i = 0; i < 3; ++i)
        QVERIFY(gate.tryPass(clock.now()));
    QVERIFY(!gate.tryPass(clock.now()));
}

void tst_CallWebhooks::anotherAccountsCallIsRefused()
{
    Desk desk({}, {}, {}, u"AC0123456789abcdef0123456789abcdef"_s);
    QCOMPARE(desk.call().status, 200);
    auto fields = test::callFields(u"CA2"_s);
    test::setField(fields, u"AccountSid"_s, u"ACfedcba9876543210fedcba9876543210"_s);
    QCOMPARE(desk.post("/webhook/incoming_call", fields).status, 403);
    QCOMPARE(desk.hooks.size(), 1);
    QCOMPARE(desk.lastLog().value(u"reason"_s).toString(), u"AccountSid is not the account that TWILIO_ACCOUNT_SID names"_s);
}

QTEST_GUILESS_MAIN(tst_CallWebhooks)
#include "tst_callwebhooks.moc"
