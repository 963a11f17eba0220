// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/queries.h"
#include "tests/app/engineundertest.h"
#include "tests/support/vendors/otlpcollector.h"

#include <QTest>

#include <algorithm>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;

namespace {

constexpr auto Patience = 60'000; // of a machine under load
constexpr auto TheirParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

providers::MakerList<providers::LanguageModel> answering(const QList<StandInAnswer>& script)
{
    return only([script]() -> Result<std::shared_ptr<providers::LanguageModel>> {
        StandInLanguageModel::Settings settings;
        settings.script = script;
        return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
    });
}

/// A desk that can look orders up, at the vendor's.
std::shared_ptr<const dialog::PersonaBook> deskWith(const VendorServer& vendor)
{
    providers::Persona desk;
    desk.name = u"desk"_s;
    desk.httpTools = {{u"order"_s, u"Looks an order up."_s, {}, vendor.url(u"/order"_s).toString(), 10000ms, true}};
    return std::make_shared<const dialog::PersonaBook>(QList{desk});
}

qint64 milliseconds(const QJsonObject& span)
{
    return (OtlpCollector::end(span) - OtlpCollector::start(span)) / 1'000'000;
}

bool isPart(const QJsonObject& span)
{
    return latencyPartFromName(span.value(u"name"_s).toString()).has_value();
}

/// One greeting and one question, to which a tool knows the answer.
bool talkWith(EngineUnderTest& kav, Caller& caller)
{
    if (!caller.call() || !QTest::qWaitFor([&] { return caller.hasHeardOut(); }, Patience))
        return false;
    caller.speak(1000ms);
    if (!QTest::qWaitFor([&] { return kav.turns.size() == 2; }, Patience))
        return false;
    caller.hangUp();
    return QTest::qWaitFor([&] { return kav.ends.size() == 1; }, Patience);
}

} // namespace

/// A whole engine, and what a collector gets of its calls.
class tst_Traces final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_log = std::make_unique<LogCatcher>();
        m_vendor = std::make_unique<VendorServer>();
        m_vendor->handler = [](VendorExchange& exchange) {
            exchange.answer(200, "application/json", R"({"state":"sent"})");
        };
    }
    void cleanup()
    {
        m_log.reset();
        m_vendor.reset();
    }

    void aCallIsOneTree();
    void whoSentTheCallIsItsParent();
    void whoSentTheCallMayWantNone();
    void aModelThatIsLeftIsAnError();
    void aCollectorThatIsAwayChangesNothing();
    void withoutAnAddressThereAreNone();
    void theLastCallsAreSentAtTheEnd();

private:
    std::unique_ptr<LogCatcher> m_log;
    std::unique_ptr<VendorServer> m_vendor;
};

void tst_Traces::aCallIsOneTree()
{
    OtlpCollector collector;
    EngineUnderTest kav;
    kav.config.traces.endpoint = collector.url();
    kav.config.traces.every = 20ms;
    kav.config.personas = deskWith(*m_vendor);
    kav.makers.languageModel = answering({{u"Hello."_s, {}, false},
        {u"One moment."_s, {}, false, u"order"_s, u"It was sent."_s}, {u"Bye."_s, {}, false}});
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.serve();
    Caller caller(kav);
    QVERIFY(talkWith(kav, caller));
    const auto isStream = [](const QJsonObject& span) {
        return OtlpCollector::attribute(span, u"http.response.status_code"_s) == u"101"_s;
    };
    QTRY_VERIFY_WITH_TIMEOUT(!collector.named(u"call"_s).isEmpty()
            && std::any_of(collector.spans.cbegin(), collector.spans.cend(), isStream),
        Patience);
    QCOMPARE(collector.problems, QStringList());

    const QJsonObject call = collector.named(u"call"_s).first();
    const QString callId = caller.twilio.ids().callSid;
    QCOMPARE(collector.named(u"call"_s).size(), 1);
    QVERIFY(!call.contains(u"parentSpanId"_s));
    QCOMPARE(OtlpCollector::attribute(call, u"kav.call.id"_s), callId);
    QCOMPARE(OtlpCollector::attribute(call, u"kav.call.persona"_s), u"desk"_s);
    QCOMPARE(OtlpCollector::attribute(call, u"kav.call.end_reason"_s), u"caller-hung-up"_s);
    QCOMPARE(OtlpCollector::attribute(call, u"kav.call.turns"_s), u"2"_s);
    QVERIFY(OtlpCollector::eventNames(call).contains(u"WS_START"_s));

    // Everything hangs on it, in one trace, and its own children are the requests and the turns.
    QStringList known;
    for (const QJsonObject& span : collector.spans) {
        QCOMPARE(span.value(u"traceId"_s), call.value(u"traceId"_s));
        known += span.value(u"spanId"_s).toString();
    }
    QCOMPARE(QSet<QString>(known.cbegin(), known.cend()).size(), known.size());
    for (const QJsonObject& span : collector.spans)
        QVERIFY(span == call || known.contains(span.value(u"parentSpanId"_s).toString()));
    QStringList children;
    QList<QJsonObject> turns;
    for (const QJsonObject& child : collector.childrenOf(call)) {
        children += child.value(u"name"_s).toString();
        if (children.last() == u"turn"_s)
            turns += child;
    }
    QCOMPARE(children.first(), u"POST /webhook/incoming_call"_s);
    QVERIFY2(children.at(1).startsWith(u"GET /"_s), qPrintable(children.at(1)));
    QCOMPARE(turns.size(), 2);

    // The parts of the wait follow one another without a gap, and are the wait that was told.
    for (qsizetype i = 0; i < turns.size(); ++i) {
        const QJsonObject& turn = turns.at(i);
        const TurnRecord& told = kav.turns.at(i);
        QCOMPARE(OtlpCollector::attribute(turn, u"kav.turn.number"_s), QString::number(told.number));
        QList<QJsonObject> parts;
        for (const QJsonObject& child : collector.childrenOf(turn))
            if (isPart(child))
                parts += child;
        std::stable_sort(parts.begin(), parts.end(),
            [](const auto& a, const auto& b) { return OtlpCollector::end(a) < OtlpCollector::end(b); });
        QCOMPARE(parts.size(), told.latency.spans.size());
        qint64 sum = 0;
        for (qsizetype n = 0; n < parts.size(); ++n) {
            const LatencySpan& part = told.latency.spans.at(n);
            QCOMPARE(parts[n].value(u"name"_s).toString(), latencyPartName(part.part));
            QCOMPARE(milliseconds(parts[n]), part.length.count());
            QCOMPARE(OtlpCollector::attribute(parts[n], u"kav.owner"_s), part.owner);
            if (n > 0)
                QCOMPARE(OtlpCollector::start(parts[n]), OtlpCollector::end(parts[n - 1]));
            QVERIFY(OtlpCollector::start(parts[n]) >= OtlpCollector::start(turn));
            QVERIFY(OtlpCollector::end(parts[n]) <= OtlpCollector::end(turn));
            sum += milliseconds(parts[n]);
        }
        if (told.latency.total) {
            QCOMPARE(sum, told.latency.total->count());
            QCOMPARE(OtlpCollector::attribute(turn, u"kav.turn.wait_ms"_s), QString::number(sum));
        }
    }
    QVERIFY(kav.turns.at(1).latency.total);

    // Who worked on it; and the tool was told where it stands.
    QStringList work;
    for (const QJsonObject& child : collector.childrenOf(turns.at(1)))
        work += child.value(u"name"_s).toString();
    for (const QString& name : {u"stt stand-in"_s, u"llm stand-in"_s, u"tts stand-in"_s, u"tool order"_s})
        QVERIFY2(work.contains(name), qPrintable(name + u" is not in "_s + work.join(u", "_s)));
    QCOMPARE(m_vendor->exchanges.size(), 1);
    const QByteArrayList parent = m_vendor->exchanges.first()->header("traceparent").split('-');
    QCOMPARE(parent.value(1), call.value(u"traceId"_s).toString().toLatin1());
    QCOMPARE(parent.value(2), collector.named(u"tool order"_s).first().value(u"spanId"_s).toString().toLatin1());
    QCOMPARE(parent.value(3), "01");

    // The log leads to it. Nothing that was said, and no whole number, has left.
    const auto queries = calllog::Queries::open(kav.config.callLog);
    QVERIFY(queries);
    QTRY_VERIFY_WITH_TIMEOUT((*queries)->tokensOf(callId).value().contains(u"TRACE"_s), Patience);
    QVERIFY(LogCatcher::lines().join(u'\n').contains(u"TRACE trace_id="_s + call.value(u"traceId"_s).toString()));
    for (const QByteArray& body : collector.bodies)
        for (const char* never : {"hello there", "One moment", "It was sent", "15005550006", "15005550001"})
            QVERIFY2(!body.contains(never), never);
    QTRY_COMPARE_WITH_TIMEOUT(
        kav.metric("kav_trace_spans_total{outcome=\"sent\"}").toInt(), int(collector.spans.size()), Patience);
    QCOMPARE(kav.metric("kav_trace_spans_total{outcome=\"dropped\"}"), "0");
}

void tst_Traces::whoSentTheCallIsItsParent()
{
    OtlpCollector collector;
    EngineUnderTest kav;
    kav.config.traces.endpoint = collector.url();
    kav.config.traces.every = 20ms;
    kav.config.traces.ratio = 0; // the parent decides
    kav.serve();
    Caller caller(kav);
    const telephony::StreamIds ids = caller.twilio.ids();
    const telephony::FormBody form(
        {{u"CallSid"_s, ids.callSid}, {u"AccountSid"_s, ids.accountSid}, {u"From"_s, u"+15005550006"_s},
            {u"To"_s, u"+15005550001"_s}, {u"CallStatus"_s, u"ringing"_s}, {u"Direction"_s, u"inbound"_s}});
    const RawResponse answer = kav.request(
        "POST", "/webhook/incoming_call", form.encode(), QByteArray("traceparent: ") + TheirParent + "\r\n");
    QCOMPARE(answer.status, 200);
    QVERIFY(talkWith(kav, caller)); // Twilio asks a second time, without it
    QTRY_COMPARE_WITH_TIMEOUT(collector.named(u"call"_s).size(), 1, Patience);
    const QJsonObject call = collector.named(u"call"_s).first();
    QCOMPARE(call.value(u"traceId"_s).toString(), u"4bf92f3577b34da6a3ce929d0e0e4736"_s);
    QCOMPARE(call.value(u"parentSpanId"_s).toString(), u"00f067aa0ba902b7"_s);
    for (const QJsonObject& turn : collector.named(u"turn"_s))
        QCOMPARE(turn.value(u"parentSpanId"_s), call.value(u"spanId"_s));
    QCOMPARE(collector.problems, QStringList());
}

void tst_Traces::whoSentTheCallMayWantNone()
{
    OtlpCollector collector;
    EngineUnderTest kav;
    kav.config.traces.endpoint = collector.url();
    kav.config.traces.ratio = 0;
    kav.config.personas = deskWith(*m_vendor);
    kav.makers.languageModel =
        answering({{u"Hello."_s, {}, false}, {u"One moment."_s, {}, false, u"order"_s, u"It was sent."_s}});
    kav.serve();
    Caller caller(kav);
    QVERIFY(talkWith(kav, caller));
    QVERIFY(m_vendor->exchanges.first()->header("traceparent").endsWith("-00")); // they are told so
    kav.stop();
    QCOMPARE(collector.connections(), 0);
}

void tst_Traces::aModelThatIsLeftIsAnError()
{
    OtlpCollector collector;
    EngineUnderTest kav;
    kav.config.traces.endpoint = collector.url();
    kav.config.traces.every = 20ms;
    StandInLanguageModel::Settings settings;
    settings.manners.fault = StandInManners::Fault::Fail;
    providers::MakerList<providers::LanguageModel> makers{{u"broken"_s,
        [settings]() -> Result<std::shared_ptr<providers::LanguageModel>> {
            return std::shared_ptr<providers::LanguageModel>(std::make_shared<StandInLanguageModel>(settings));
        },
        {}}};
    makers.push_back(answering({{u"Hello."_s, {}, false}, {u"Yes."_s, {}, false}}).front());
    kav.makers.languageModel = makers;
    kav.serve();
    Caller caller(kav);
    QVERIFY(talkWith(kav, caller));
    QTRY_COMPARE_WITH_TIMEOUT(collector.named(u"call"_s).size(), 1, Patience);
    QVERIFY(!collector.named(u"llm broken"_s).isEmpty());
    const QJsonObject left = collector.named(u"llm broken"_s).first();
    QCOMPARE(left.value(u"status"_s).toObject().value(u"code"_s).toInt(), 2);
    QVERIFY(!OtlpCollector::attribute(left, u"error.type"_s).isEmpty());
    QCOMPARE(OtlpCollector::eventNames(left), QStringList{u"failover"_s});
    QVERIFY(!collector.named(u"llm stand-in"_s).isEmpty());
    QCOMPARE(collector.problems, QStringList());
}

void tst_Traces::aCollectorThatIsAwayChangesNothing()
{
    EngineUnderTest kav;
    kav.config.traces.endpoint = QUrl(u"http://127.0.0.1:1/v1/traces"_s);
    kav.config.traces.every = 10ms;
    kav.config.traces.firstRetry = kav.config.traces.longestRetry = 1ms;
    kav.config.traces.attempts = 2;
    kav.serve();
    Caller caller(kav);
    QVERIFY(talkWith(kav, caller));
    QTRY_VERIFY_WITH_TIMEOUT(kav.metric("kav_trace_spans_total{outcome=\"dropped\"}").toInt() > 5, Patience);
    QCOMPARE(kav.metric("kav_trace_spans_total{outcome=\"sent\"}"), "0");
    QCOMPARE(LogCatcher::lines().filter(u"takes no spans"_s).size(), 1); // said once
}

void tst_Traces::withoutAnAddressThereAreNone()
{
    EngineUnderTest kav;
    QVERIFY(calllog::migrate(kav.config.callLog));
    kav.config.personas = deskWith(*m_vendor);
    kav.makers.languageModel =
        answering({{u"Hello."_s, {}, false}, {u"One moment."_s, {}, false, u"order"_s, u"It was sent."_s}});
    kav.serve();
    Caller caller(kav);
    QVERIFY(talkWith(kav, caller));
    QCOMPARE(m_vendor->exchanges.size(), 1);
    QCOMPARE(m_vendor->exchanges.first()->header("traceparent"), QByteArray());
    QCOMPARE(kav.metric("kav_trace_spans_total{outcome=\"sent\"}"), "0");
    const auto queries = calllog::Queries::open(kav.config.callLog);
    QVERIFY(queries);
    const QString callId = caller.twilio.ids().callSid;
    QTRY_VERIFY_WITH_TIMEOUT((*queries)->tokensOf(callId).value().contains(u"WS_STOP"_s), Patience);
    QVERIFY(!(*queries)->tokensOf(callId).value().contains(u"TRACE"_s));
}

void tst_Traces::theLastCallsAreSentAtTheEnd()
{
    OtlpCollectorElsewhere collector; // the engine's end holds this thread
    EngineUnderTest kav;
    kav.config.traces.endpoint = collector.url();
    kav.config.traces.every = 1h;
    kav.serve();
    Caller first(kav);
    QVERIFY(talkWith(kav, first));
    Caller second(kav);
    QVERIFY(second.call());
    QTRY_VERIFY_WITH_TIMEOUT(second.hasHeardOut(), Patience);
    collector.look([](OtlpCollector& there) { QCOMPARE(there.requests(), 0); });
    kav.stop();
    QStringList problems, reasons;
    collector.look([&](OtlpCollector& there) {
        problems = there.problems;
        for (const QJsonObject& span : there.named(u"call"_s))
            reasons += OtlpCollector::attribute(span, u"kav.call.end_reason"_s);
    });
    QCOMPARE(problems, QStringList());
    reasons.sort();
    QCOMPARE(reasons, (QStringList{u"caller-hung-up"_s, u"shutdown"_s}));
}

QTEST_GUILESS_MAIN(tst_Traces)
#include "tst_traces.moc"
