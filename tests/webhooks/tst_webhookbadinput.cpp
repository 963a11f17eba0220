// SPDX-License-Identifier: Apache-2.0
#include "engine/app/twiliorecordings.h"
#include "engine/telephony/twimldocument.h"
#include "engine/webhooks/callwebhooks.h"
#include "engine/webhooks/outboundwebhooks.h"
#include "engine/webhooks/spokenroutes.h"
#include "engine/webhooks/transfers.h"
#include "tests/support/fakeclock.h"
#include "tests/webhooks/requests.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <QRegularExpression>
#include <QTest>

#include <functional>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;
using kav::telephony::FormField;

namespace {

constexpr char Secret[] = "kav_test_auth_token_0123456789ab";
const QByteArray Public = "https://kav.example.com";
const QString CallerNumber = u"+972501234567"_s, CalledNumber = u"+97231234567"_s;

/// Every route under /webhook/. A route that is added is added here, and the tables below cover it.
const QList<QByteArray> Routes{"/webhook/incoming_call", "/webhook/waiting", "/webhook/stream_status", "/webhook/stream_ended",
    "/webhook/call_status", "/webhook/after_stream", "/webhook/outbound_call", "/webhook/amd",
    "/webhook/transfer", "/webhook/hold", "/webhook/back", "/webhook/after_hold", "/webhook/after_dial",
    "/webhook/hold_music", "/webhook/human", "/webhook/human_key", "/webhook/human_status", "/webhook/dial_status",
    "/webhook/conference", "/webhook/turn", "/webhook/recorded", "/webhook/recording_status"};

/// They depend on Kav's own parameters in the address alone.
const QList<QByteArray> NotAboutACall{"/webhook/hold_music", "/webhook/conference"};

/// Every parameter that Twilio sends to one of them or to its kin, with an ordinary value.
const QList<FormField> Parameters{
    // Every request about a call.
    {u"CallSid"_s, u"CA0123456789abcdef0123456789abcdef"_s},
    {u"AccountSid"_s, u"AC0123456789abcdef0123456789abcdef"_s},
    {u"From"_s, CallerNumber},
    {u"To"_s, CalledNumber},
    {u"Caller"_s, CallerNumber},
    {u"Called"_s, CalledNumber},
    {u"CallStatus"_s, u"ringing"_s},
    {u"ApiVersion"_s, u"2010-04-01"_s},
    {u"Direction"_s, u"inbound"_s},
    {u"ForwardedFrom"_s, u"+97239876543"_s},
    {u"CallerName"_s, u"דנה"_s},
    {u"ParentCallSid"_s, u"CA1123456789abcdef0123456789abcdef"_s},
    {u"CallToken"_s, u"%7B%22parentCallInfoToken%22%3A%22x%22%7D"_s},
    {u"StirVerstat"_s, u"TN-Validation-Passed-A"_s},
    {u"FromCity"_s, {}},
    {u"FromState"_s, {}},
    {u"FromZip"_s, {}},
    {u"FromCountry"_s, u"IL"_s},
    {u"ToCity"_s, {}},
    {u"ToCountry"_s, u"IL"_s},
    // Of a stream.
    {u"StreamSid"_s, u"MZ0123456789abcdef0123456789abcdef"_s},
    {u"StreamName"_s, u"kav"_s},
    {u"StreamEvent"_s, u"stream-started"_s},
    {u"StreamError"_s, u"31920"_s},
    {u"Timestamp"_s, u"2026-11-23T08:00:00.000Z"_s},
    // Of progress.
    {u"CallbackSource"_s, u"call-progress-events"_s},
    {u"SequenceNumber"_s, u"2"_s},
    {u"CallDuration"_s, u"12"_s},
    {u"Duration"_s, u"1"_s},
    {u"SipResponseCode"_s, u"487"_s},
    {u"AnsweredBy"_s, u"human"_s},
    {u"MachineDetectionDuration"_s, u"2100"_s},
    // Of a call that was passed on.
    {u"DialCallSid"_s, u"CA2123456789abcdef0123456789abcdef"_s},
    {u"DialCallStatus"_s, u"no-answer"_s},
    {u"DialCallDuration"_s, u"0"_s},
    // Of keys and words.
    {u"Digits"_s, u"5551234"_s},
    {u"FinishedOnKey"_s, u"#"_s},
    {u"SpeechResult"_s, u"call me at 050 123 4567"_s},
    {u"Confidence"_s, u"0.92"_s},
    {u"Language"_s, u"he-IL"_s},
    // Of a recording.
    {u"RecordingSid"_s, u"RE0123456789abcdef0123456789abcdef"_s},
    {u"RecordingUrl"_s, u"https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1"_s},
    {u"RecordingStatus"_s, u"completed"_s},
    {u"RecordingDuration"_s, u"7"_s},
    {u"RecordingChannels"_s, u"2"_s},
    {u"ErrorCode"_s, u"0"_s},
    // Kav's own.
    {u"KavTest"_s, u"1"_s},
    // And one that is not invented yet.
    {u"ParameterOfTomorrow"_s, u"x"_s},
};

QByteArray escaped(const QString& text)
{
    return telephony::FormBody({{QString(), text}}).encode().mid(1);
}

/// What becomes of one parameter in the body; the others stay as they are. The piece is "name=value" without the rest.
struct Fault final {
    const char* name;
    std::function<QByteArray(const FormField&)> piece;
    bool breaksTheForm = false;
};
QByteArray named(const FormField& field, const QByteArray& rawValue)
{
    return escaped(field.name) + '=' + rawValue;
}
const QList<Fault> Faults{
    {"missing", [](const FormField&) -> QByteArray { return QByteArray(); }},
    {"empty", [](const FormField& field) -> QByteArray { return named(field, {}); }},
    {"without =", [](const FormField& field) -> QByteArray { return escaped(field.name); }},
    {"doubled",
        [](const FormField& field) -> QByteArray {
            return named(field, escaped(field.value)) + '&' + named(field, escaped(field.value));
        }},
    {"given twice, differently",
        [](const FormField& field) -> QByteArray {
            return named(field, escaped(field.value)) + '&' + named(field, "other");
        }},
    {"a hundred times",
        [](const FormField& field) -> QByteArray {
            return QByteArray(named(field, escaped(field.value)) + '&').repeated(100);
        }},
    {"32 KiB long", [](const FormField& field) -> QByteArray { return named(field, QByteArray(32 * 1024, 'x')); }},
    {"32 KiB of digits", [](const FormField& field) -> QByteArray { return named(field, QByteArray(32 * 1024, '7')); }},
    {"1 MiB long", [](const FormField& field) -> QByteArray { return named(field, QByteArray(1024 * 1024, 'x')); },
        true},
    {"not UTF-8, escaped", [](const FormField& field) -> QByteArray { return named(field, "a%FF%C3%28%ED%A0%80z"); }},
    {"not UTF-8, raw", [](const FormField& field) -> QByteArray { return named(field, "a\xff\xfe\x80z"); }},
    {"UTF-16", [](const FormField& field) -> QByteArray { return named(field, "%FF%FE%D0%05%D1%05"); }},
    {"a NUL", [](const FormField& field) -> QByteArray { return named(field, escaped(field.value) + "%00x"); }, true},
    {"line breaks and a forged line",
        [](const FormField& field) -> QByteArray { return named(field, "x%0D%0A2026-11-23+ERROR+forged%0Ax"); }},
    {"terminal control",
        [](const FormField& field) -> QByteArray {
            return named(field, "%1B%5B2J%1B%5D0%3Bx%07%08%7F%C2%85%C2%9B31m");
        }},
    {"text turned around",
        [](const FormField& field) -> QByteArray { return named(field, escaped(u"a\u202Eb\u2066c\u2028d\uFEFF"_s)); }},
    {"markup",
        [](const FormField& field) -> QByteArray {
            return named(field, escaped(u"\"/></Say><Dial>+15551234567</Dial>]]><!--"_s));
        }},
    {"a broken escape", [](const FormField& field) -> QByteArray { return named(field, "100%"); }, true},
    {"a number", [](const FormField& field) -> QByteArray { return named(field, escaped(CallerNumber)); }},
    {"a negative number", [](const FormField& field) -> QByteArray { return named(field, "-9223372036854775809"); }},
};

struct LogLines final {
    LogLines()
    {
        lines.clear();
        previous =
            qInstallMessageHandler([](QtMsgType, const QMessageLogContext&, const QString& text) { lines += text; });
    }
    ~LogLines() { qInstallMessageHandler(previous); }
    Q_DISABLE_COPY_MOVE(LogLines)
    static inline QStringList lines;
    QtMessageHandler previous = nullptr;
};

/// What is wrong with a text that goes into a log.
QString logProblem(const QString& text)
{
    for (const QString& number :
        {CallerNumber, CalledNumber, u"+97239876543"_s, u"050 123 4567"_s, u"+15551234567"_s}) {
        if (text.contains(number) || text.contains(number.mid(1)))
            return u"a full number"_s;
    }
    static const QRegularExpression control(
        u"[\\x{00}-\\x{1f}\\x{7f}-\\x{9f}\\x{202a}-\\x{202e}\\x{2028}\\x{2029}\\x{2066}-\\x{2069}]"_s);
    if (text.contains(control))
        return u"a control character"_s;
    if (text.contains(QLatin1String(Secret)))
        return u"the auth token"_s;
    return text.size() > 4096 ? u"more than 4 KiB"_s : QString();
}

QString logProblem(const QJsonValue& value)
{
    if (value.isString())
        return logProblem(value.toString());
    const QJsonObject object = value.toObject();
    for (auto it = object.begin(); it != object.end(); ++it) {
        QString problem = logProblem(it.key());
        if (problem.isEmpty())
            problem = logProblem(it.value());
        if (!problem.isEmpty())
            return problem + u" in "_s + it.key();
    }
    return {};
}

/// The webhooks of an engine, and what they did: of a public one, or of one on this machine, which has no token.
struct Desk final {
    test::FakeClock clock;
    const bool isPublic;
    RequestGuard guard;
    StreamTokens tokens = StreamTokens::withRandomKey();
    std::vector<calllog::Entry> log;
    int hooks = 0;
    WebhookRouter router;
    CallWebhooks calls;
    OutboundWebhooks outbound;
    Transfers transfers;
    SpokenRoutes spoken;

    explicit Desk(bool asPublic = true)
        : isPublic(asPublic)
        , guard(isPublic ? RequestGuard::Settings{Secret, *PublicUrl::parse(QString::fromUtf8(Public))}
                         : RequestGuard::Settings{{}, std::nullopt},
              clock)
        , router(guard, clock, {},
              {[this](const calllog::Entry& entry) {
                   log.push_back(entry);
                   return quint64(log.size());
               },
                  {}})
        , calls(router, tokens, clock, {},
              {.hasRoom = [] { return true; },
                  .linesFor = [](const QString&) { return CallerLines::hebrew(); },
                  .incomingCall = [this](const IncomingCall&) { ++hooks; },
                  .streamStatus = [this](const StreamStatus&) { ++hooks; },
                  .streamEnded = [this](const QString&) { ++hooks; },
                  .callStatus = [this](const CallStatus&) { ++hooks; }})
        , outbound(router, calls,
              {.hasRoom = [] { return true; },
                  .answered = [this](const IncomingCall&) { ++hooks; },
                  .answeredBy = [this](const AnsweredBy&) { ++hooks; }})
        , transfers(router, calls, nullptr, clock, {},
              {.log = [this](const calllog::Entry&) { ++hooks; },
                  .show = [this](const CallSummary&) { ++hooks; },
                  .ended = [this](const CallSummary&, Milliseconds, int) { ++hooks; },
                  .releaseStream = [this](const QString&) { ++hooks; },
                  .hasRoom = [] { return true; }})
        , spoken(router, {.take = [](const QString&, const session::SpokenInput&, auto) { return false; }, .unknown = {}})
    {
        router.add(app::TwilioRecordings::route([this](const Webhook&) { ++hooks; }));
    }

    net::HttpResponse post(const QByteArray& path, const QByteArray& body, bool isSigned = true)
    {
        net::HttpRequest request = test::twilioPost(path, {});
        request.body = body;
        if (isSigned && isPublic)
            test::sign(request, Secret, Public + request.target);
        return handle(request);
    }
    net::HttpResponse get(const QByteArray& path, const QByteArray& query)
    {
        net::HttpRequest request = test::twilioPost(path, {});
        request.method = "GET";
        request.target = path + '?' + query;
        request.query = query;
        return handle(request);
    }
    net::HttpResponse handle(const net::HttpRequest& request)
    {
        net::HttpResponse answer;
        answer.status = 0;
        router.handle(request, net::Responder([&answer](const net::HttpResponse& response) { answer = response; }));
        return answer;
    }
};

/// The whole set with one parameter in the given state, and a call of its own, so that none is taken for a repetition.
QByteArray bodyWith(const FormField& chosen, const QByteArray& piece, int number)
{
    QByteArray body;
    for (const FormField& field : Parameters) {
        QByteArray one = field == chosen ? piece : named(field, escaped(field.value));
        if (field.name == u"CallSid" && field != chosen)
            one = "CallSid=CA" + QByteArray::number(number).rightJustified(32, '0');
        if (!one.isEmpty())
            body += (body.isEmpty() ? "" : "&") + one;
    }
    return body;
}

} // namespace

class tst_WebhookBadInput final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void anyParameterMayBeAnything_data();
    void anyParameterMayBeAnything();
    void strangersLearnNothing_data();
    void strangersLearnNothing();
    void theWholeBodyMayBeAnything_data();
    void theWholeBodyMayBeAnything();
    void aNumberInTheUrlIsNotLogged();
    void numbersForNames();
    void everyRouteIsInTheList();

private:
    void routesAndFaults();
};

void tst_WebhookBadInput::routesAndFaults()
{
    QTest::addColumn<QByteArray>("route");
    QTest::addColumn<int>("fault");
    for (const QByteArray& route : Routes) {
        for (int i = 0; i < Faults.size(); ++i)
            QTest::addRow("%s, %s", route.mid(9).constData(), Faults[i].name) << route << i;
    }
}

void tst_WebhookBadInput::anyParameterMayBeAnything_data()
{
    routesAndFaults();
}

// Each parameter in turn. Twilio's set grows without notice, so what nothing depends on is taken as it is; what is
// relied upon is refused with a 400 that names it, and nothing is done.
void tst_WebhookBadInput::anyParameterMayBeAnything()
{
    QFETCH(QByteArray, route);
    QFETCH(int, fault);
    // Of a body that is no form nothing can be proven: with a token it is a stranger's. Without, its fault is named.
    const bool breaksTheForm = Faults[fault].breaksTheForm;
    const LogLines start;
    Desk desk(!breaksTheForm);
    int number = 0, refused = 0;
    for (const FormField& parameter : Parameters) {
        const LogLines log;
        const int hooksBefore = desk.hooks;
        desk.log.clear();
        desk.clock.advance(Milliseconds(10'000)); // the log's own limits are another test's
        const auto response = desk.post(route, bodyWith(parameter, Faults[fault].piece(parameter), ++number));
        const QByteArray about =
            parameter.name.toUtf8() + ": " + QByteArray::number(response.status) + ' ' + response.body;
        QVERIFY2(
            response.status == 200 || response.status == 204 || response.status == 400, about.left(500).constData());
        if (response.status == 400) {
            ++refused;
            QVERIFY2(desk.hooks == hooksBefore, about.constData());
            QVERIFY2(response.body.size() > 5 && response.body.size() < 300, about.left(500).constData());
            // A body over the limit or with too many fields is refused as a whole, before any name is known.
            const bool asAWhole = response.body.contains("form body of") || response.body.contains("more than");
            QVERIFY2(asAWhole || response.body.contains(parameter.name.toUtf8()), about.constData());
        } else if (response.status == 200) {
            const auto document = telephony::TwimlDocument::parse(response.body);
            QVERIFY2(document, about.constData());
            for (const auto& verb : document->verbs())
                QVERIFY2(verb.kind != telephony::TwimlVerb::Kind::Dial, about.constData());
        }
        for (const QString& line : LogLines::lines)
            QVERIFY2(logProblem(line).isEmpty(), qPrintable(logProblem(line) + u": "_s + line));
        QCOMPARE(desk.log.size(), std::size_t(1));
        const QString problem = logProblem(QJsonValue(desk.log.front().data));
        QVERIFY2(problem.isEmpty(), QByteArray(about + " logged " + problem.toUtf8()).constData());
        QCOMPARE(desk.log.front().data[u"status"_s].toInt(), response.status);
    }
    // As a number of one's own may be configured: the same in the address.
    Desk local(false);
    for (const FormField& parameter : Parameters) {
        const auto response = local.get(route, bodyWith(parameter, Faults[fault].piece(parameter), ++number));
        QVERIFY2(response.status == 200 || response.status == 204 || response.status == 400,
            parameter.name.toUtf8().constData());
    }
    // Most of what Twilio says matters to nobody.
    QCOMPARE(refused == Parameters.size(), breaksTheForm);
    QVERIFY2(breaksTheForm || refused <= 10, qPrintable(QString::number(refused)));
}

void tst_WebhookBadInput::strangersLearnNothing_data()
{
    routesAndFaults();
}

void tst_WebhookBadInput::strangersLearnNothing()
{
    QFETCH(QByteArray, route);
    QFETCH(int, fault);
    Desk desk;
    const LogLines log;
    int number = 0;
    for (const FormField& parameter : Parameters) {
        const auto response = desk.post(route, bodyWith(parameter, Faults[fault].piece(parameter), ++number), false);
        QCOMPARE(response.status, 403);
        QCOMPARE(response.body, QByteArray("forbidden\n"));
    }
    QCOMPARE(desk.hooks, 0);
    QVERIFY(desk.router.counters().refused + desk.router.counters().malformed == quint64(Parameters.size()));
    // Some are logged, not all: anybody can send them.
    QVERIFY(!desk.log.empty() && desk.log.size() < std::size_t(Parameters.size()));
    QVERIFY(!LogLines::lines.isEmpty() && LogLines::lines.size() < Parameters.size());
    for (const QString& line : LogLines::lines)
        QVERIFY2(logProblem(line).isEmpty(), qPrintable(logProblem(line) + u": "_s + line));
    for (const calllog::Entry& entry : desk.log) {
        QVERIFY(entry.callId.isEmpty());
        const QString problem = logProblem(QJsonValue(entry.data));
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
    }
}

void tst_WebhookBadInput::theWholeBodyMayBeAnything_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::newRow("nothing") << QByteArray();
    QTest::newRow("ampersands") << QByteArray(60000, '&');
    QTest::newRow("equals signs") << QByteArray(60000, '=');
    QTest::newRow("percent signs") << QByteArray(60000, '%');
    QTest::newRow("ten thousand parameters") << QByteArray("a=b&").repeated(10000);
    QTest::newRow("names only") << QByteArray("CallSid&AccountSid&From&To");
    QTest::newRow("1 MiB of NUL") << QByteArray(1024 * 1024, '\0');
    QTest::newRow("1 MiB of 0xff") << QByteArray(1024 * 1024, '\xff');
    QTest::newRow("JSON") << QByteArray("{\"CallSid\":\"CA1\",\"From\":\"+972501234567\"}");
    QTest::newRow("XML") << QByteArray("<?xml version=\"1.0\"?><a>&x;</a>");
    QTest::newRow("a multipart form") << QByteArray(
        "--x\r\nContent-Disposition: form-data; name=\"CallSid\"\r\n\r\nCA1\r\n--x--");
    QTest::newRow("compressed") << qCompress(QByteArray(10000, 'x'));
}

void tst_WebhookBadInput::theWholeBodyMayBeAnything()
{
    QFETCH(QByteArray, body);
    for (const QByteArray& route : Routes) {
        Desk desk;
        const LogLines log;
        const auto response = desk.post(route, body);
        // A body that is no form cannot have been signed.
        const bool mayBeTaken = NotAboutACall.contains(route) && response.status < 300;
        QVERIFY2(mayBeTaken || response.status == 400 || response.status == 403, response.body.constData());
        QCOMPARE(desk.hooks, 0);
        QCOMPARE(desk.log.size(), std::size_t(1));
        QVERIFY(logProblem(QJsonValue(desk.log.front().data)).isEmpty());
        for (const QString& line : LogLines::lines)
            QVERIFY2(logProblem(line).isEmpty(), qPrintable(line));
    }
}

void tst_WebhookBadInput::aNumberInTheUrlIsNotLogged()
{
    for (const QByteArray& route : Routes) {
        Desk desk;
        const LogLines log;
        net::HttpRequest request =
            test::twilioPost(route + "?From=%2B972501234567&x=+972501234567", test::callFields());
        test::sign(request, Secret, "http://kav.example.com" + request.target); // explained as the wrong scheme
        QCOMPARE(desk.handle(request).status, 403);
        QCOMPARE(desk.log.size(), std::size_t(1));
        QVERIFY2(logProblem(QJsonValue(desk.log.front().data)).isEmpty(),
            QJsonDocument(desk.log.front().data).toJson().constData());
        QCOMPARE(LogLines::lines.size(), 1);
        QVERIFY2(logProblem(LogLines::lines.first()).isEmpty(), qPrintable(LogLines::lines.first()));
        QVERIFY2(LogLines::lines.first().contains(u"http://"), qPrintable(LogLines::lines.first()));
    }
}

void tst_WebhookBadInput::numbersForNames()
{
    for (const QByteArray& route : Routes) {
        Desk desk;
        const LogLines log;
        const QByteArray body =
            "%2B972501234567=x&tel%3A%2B972501234567=y&AnsweredBy=human&RecordingSid=RE1&RecordingStatus=completed&"
            + telephony::FormBody(test::callFields()).encode();
        QVERIFY(desk.post(route, body).status < 300);
        const QString problem = logProblem(QJsonValue(desk.log.front().data));
        QVERIFY2(problem.isEmpty(), qPrintable(problem));
    }
}

void tst_WebhookBadInput::everyRouteIsInTheList()
{
    const LogLines log;
    Desk desk;
    QCOMPARE(desk.router.paths(), Routes);
    QCOMPARE(desk.post("/webhook/nothing_of_ours", {}, false).status, 404);
}

QTEST_GUILESS_MAIN(tst_WebhookBadInput)
#include "tst_webhookbadinput.moc"
