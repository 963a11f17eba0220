// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/spanexporter.h"
#include "engine/traces/tracer.h"
#include "tests/support/vendors/otlpcollector.h"

#include <QLoggingCategory>
#include <QSignalSpy>
#include <QTest>

#include <algorithm>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace kav::traces;
using namespace std::chrono_literals;
using Fault = OtlpCollector::Fault;

namespace {

constexpr auto Patience = 60'000; // of a machine under load

Span newSpan(const QString& name = u"turn"_s)
{
    Span span;
    span.context = contextOfCall(u"CA1"_s);
    span.context.isSampled = true;
    span.context.spanId = newSpanId();
    span.parent = contextOfCall(u"CA1"_s).spanId;
    span.name = name;
    span.start = unixTime(QDateTime::currentDateTimeUtc());
    span.end = span.start + 5ms;
    span.set(u"kav.turn.number"_s, qint64(7));
    span.set(u"kav.turn.interrupted"_s, true);
    span.set(u"kav.turn.confidence"_s, 0.5);
    span.set(u"kav.text"_s, u"\"quoted\" שלום"_s);
    return span;
}

QList<Span> newSpans(int count)
{
    QList<Span> spans;
    for (int i = 0; i < count; ++i)
        spans += newSpan();
    return spans;
}

calllog::Entry entry(calllog::Entry::Kind kind, const QJsonObject& data = {}, const QString& call = u"CA1"_s)
{
    return {kind, call, QDateTime::currentDateTimeUtc(), data};
}

} // namespace

/// Spans on their way to a collector that is well, slow, full, broken or away.
class tst_SpanExporter final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QLoggingCategory::setFilterRules(u"kav.app.warning=false\nkav.app.info=false\nkav.session.info=false"_s);
        m_collector = std::make_unique<OtlpCollector>();
        m_settings = {};
        m_settings.endpoint = m_collector->url();
        m_settings.headers = {{"api-key", "secret"}};
        m_settings.version = u"1.2"_s;
        m_settings.every = 10ms;
        m_settings.firstRetry = 2ms;
        m_settings.longestRetry = 20ms;
    }
    void cleanup()
    {
        QCOMPARE(m_collector->problems, QStringList());
        m_collector.reset();
    }

    void spansArriveAsTheyWere();
    void manyGoInBatches();
    void aBatchIsBoundedInBytes();
    void whatFindsNoRoomIsCounted();
    void aSpanThatIsTooLargeIsDropped();
    void aCollectorThatFailsIsTriedAgain_data();
    void aCollectorThatFailsIsTriedAgain();
    void whatItCannotReadIsNotSentAgain();
    void theWaitItAsksForIsKept();
    void itIsGivenUpAfterSomeAttempts();
    void nobodyThereIsNoHarm();
    void anAnswerThatIsNoneCountsAsTaken();
    void whatItRejectsIsCounted();
    void waitsGrowAndAreBounded();
    void finishingWaitsForNobody();

    void aStoppedTracerHasSentWhatThereWas();
    void aHangingCollectorHoldsNoStopUp();
    void whoIsNotSampledIsNotSent();
    void aFloodOfNewsIsBounded();

private:
    std::unique_ptr<OtlpCollector> m_collector;
    Settings m_settings;
    const SystemClock m_clock;
};

void tst_SpanExporter::spansArriveAsTheyWere()
{
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    Span span = newSpan(u"tool book"_s);
    span.kind = SpanKind::Client;
    span.failed = true;
    span.problem = u"it did not answer in time"_s;
    span.events += {span.start + 1ms, u"failover"_s, {{u"kav.provider"_s, u"embedded"_s}}};
    span.links += contextOfCall(u"CA2"_s);
    span.eventsDropped = 3;
    exporter.add({span});
    QTRY_COMPARE_WITH_TIMEOUT(m_collector->spans.size(), 1, Patience);
    const QJsonObject got = m_collector->spans.first();
    QCOMPARE(got.value(u"traceId"_s).toString(), QString::fromLatin1(span.context.traceId));
    QCOMPARE(got.value(u"parentSpanId"_s).toString(), QString::fromLatin1(span.parent));
    QCOMPARE(got.value(u"kind"_s).toInt(), 3);
    QCOMPARE(OtlpCollector::end(got) - OtlpCollector::start(got), 5'000'000);
    QCOMPARE(OtlpCollector::attribute(got, u"kav.turn.number"_s), u"7"_s);
    QCOMPARE(OtlpCollector::attribute(got, u"kav.text"_s), u"\"quoted\" שלום"_s);
    QCOMPARE(OtlpCollector::eventNames(got), QStringList{u"failover"_s});
    QCOMPARE(got.value(u"status"_s).toObject().value(u"code"_s).toInt(), 2);
    QCOMPARE(got.value(u"droppedEventsCount"_s).toInt(), 3);
    QCOMPARE(m_collector->resource.value(u"service.name"_s).toString(), u"kav-engine"_s);
    QCOMPARE(m_collector->resource.value(u"service.version"_s).toString(), u"1.2"_s);
    QCOMPARE(m_collector->lastRequest()->header("api-key"), "secret");
    QTRY_COMPARE_WITH_TIMEOUT(totals.sent.load(), 1u, Patience);
    QCOMPARE(totals.waiting.load(), 0);
}

void tst_SpanExporter::manyGoInBatches()
{
    m_settings.batchSpans = 10;
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    exporter.add(newSpans(25));
    QCOMPARE(totals.waiting.load(), 25);
    QTRY_COMPARE_WITH_TIMEOUT(totals.sent.load(), 25u, Patience);
    QCOMPARE(m_collector->requests(), 3);
    QCOMPARE(m_collector->connections(), 1);
    QCOMPARE(m_collector->spans.size(), 25);
}

void tst_SpanExporter::aBatchIsBoundedInBytes()
{
    m_settings.batchBytes = 2500;
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    exporter.add(newSpans(20));
    QTRY_COMPARE_WITH_TIMEOUT(totals.sent.load(), 20u, Patience);
    QVERIFY(m_collector->requests() > 2);
    for (const QByteArray& body : m_collector->bodies)
        QVERIFY2(body.size() <= 2500, qPrintable(QString::number(body.size())));
}

void tst_SpanExporter::whatFindsNoRoomIsCounted()
{
    m_settings.queueSpans = 8;
    m_settings.every = 1h;
    SpanTotals totals;
    {
        providers::HttpPool http(m_clock);
        SpanExporter exporter(m_settings, http, totals);
        exporter.add(newSpans(20));
        QCOMPARE(totals.dropped.load(), 12u);
        QCOMPARE(totals.waiting.load(), 8);
    }
    QCOMPARE(totals.dropped.load(), 20u); // nobody sends the rest any more
    QCOMPARE(totals.waiting.load(), 0);
}

void tst_SpanExporter::aSpanThatIsTooLargeIsDropped()
{
    m_settings.batchBytes = 2000;
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    Span large = newSpan();
    large.problem = QString(5000, u'x');
    large.failed = true;
    exporter.add({large, newSpan()});
    QCOMPARE(totals.dropped.load(), 1u);
    QTRY_COMPARE_WITH_TIMEOUT(totals.sent.load(), 1u, Patience);
}

void tst_SpanExporter::aCollectorThatFailsIsTriedAgain_data()
{
    QTest::addColumn<QList<Fault>>("faults");
    QTest::newRow("503, twice") << QList{Fault::Unavailable503, Fault::Unavailable503};
    QTest::newRow("429 for a second") << QList{Fault::Limit429};
    QTest::newRow("a reset") << QList{Fault::Reset, Fault::Reset};
    QTest::newRow("silence") << QList{Fault::Hang};
    QTest::newRow("what is no HTTP") << QList{Fault::Garbage};
    QTest::newRow("one thing after the other") << QList{Fault::Reset, Fault::Unavailable503, Fault::Garbage};
}

void tst_SpanExporter::aCollectorThatFailsIsTriedAgain()
{
    QFETCH(QList<Fault>, faults);
    m_collector->faults = faults;
    m_settings.timeout = faults.contains(Fault::Hang) ? 2s : 30s;
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    exporter.add(newSpans(3));
    QTRY_VERIFY_WITH_TIMEOUT(totals.sent.load() == 3u, Patience);
    QVERIFY(m_collector->requests() > faults.size());
    QCOMPARE(totals.dropped.load(), 0u);
    QCOMPARE(m_collector->spans.size() % 3, 0); // whole batches
}

void tst_SpanExporter::whatItCannotReadIsNotSentAgain()
{
    m_collector->faults = {Fault::BadRequest400};
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    exporter.add(newSpans(3));
    QTRY_COMPARE_WITH_TIMEOUT(totals.dropped.load(), 3u, Patience);
    exporter.add(newSpans(2));
    QTRY_COMPARE_WITH_TIMEOUT(totals.sent.load(), 2u, Patience);
    QCOMPARE(m_collector->requests(), 2);
}

void tst_SpanExporter::theWaitItAsksForIsKept()
{
    m_collector->faults = {Fault::Limit429};
    m_collector->retryAfter = 86400;
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    exporter.add({newSpan()});
    QTRY_VERIFY_WITH_TIMEOUT(exporter.retryIn().has_value(), Patience);
    QVERIFY(*exporter.retryIn() > 100s && *exporter.retryIn() < 2 * m_settings.longestRetryAfter);
    exporter.add(newSpans(600)); // what comes meanwhile waits behind it
    QCOMPARE(m_collector->requests(), 1);
    QCOMPARE(totals.waiting.load(), 601);
}

void tst_SpanExporter::itIsGivenUpAfterSomeAttempts()
{
    m_settings.attempts = 3;
    m_collector->faults = {Fault::Unavailable503, Fault::Unavailable503, Fault::Unavailable503};
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    exporter.add(newSpans(4));
    QTRY_COMPARE_WITH_TIMEOUT(totals.dropped.load(), 4u, Patience);
    QCOMPARE(m_collector->requests(), 3);
    exporter.add({newSpan()});
    QTRY_COMPARE_WITH_TIMEOUT(totals.sent.load(), 1u, Patience);
}

void tst_SpanExporter::nobodyThereIsNoHarm()
{
    m_settings.endpoint = QUrl(u"http://127.0.0.1:1/v1/traces"_s);
    m_settings.attempts = 2;
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    exporter.add(newSpans(4));
    QTRY_COMPARE_WITH_TIMEOUT(totals.dropped.load(), 4u, Patience);
}

void tst_SpanExporter::anAnswerThatIsNoneCountsAsTaken()
{
    m_collector->faults = {Fault::GarbageBody, Fault::SlowBytes};
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    exporter.add({newSpan()});
    QTRY_COMPARE_WITH_TIMEOUT(totals.sent.load(), 1u, Patience);
    exporter.add({newSpan()});
    QTRY_COMPARE_WITH_TIMEOUT(totals.sent.load(), 2u, Patience);
    QCOMPARE(m_collector->requests(), 2);
}

void tst_SpanExporter::whatItRejectsIsCounted()
{
    m_collector->faults = {Fault::RejectsOne};
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    exporter.add(newSpans(3));
    QTRY_COMPARE_WITH_TIMEOUT(totals.sent.load(), 2u, Patience);
    QCOMPARE(totals.rejected.load(), 1u);
    QCOMPARE(m_collector->requests(), 1);
}

void tst_SpanExporter::waitsGrowAndAreBounded()
{
    Settings settings;
    QCOMPARE(retryWait(settings, 1, 0ms, 1.0), 1000ms);
    QCOMPARE(retryWait(settings, 1, 0ms, 0.0), 500ms);
    QCOMPARE(retryWait(settings, 3, 0ms, 1.0), 4000ms);
    QCOMPARE(retryWait(settings, 1000, 0ms, 1.0), 30'000ms);
    QCOMPARE(retryWait(settings, 1, 7s, 0.0), 7000ms);
    QCOMPARE(retryWait(settings, 1, 1h, 0.0), 300'000ms);
    for (const int status : {0, 429, 502, 503, 504})
        QVERIFY(isRetryable(status));
    for (const int status : {301, 400, 401, 404, 413, 500, 501})
        QVERIFY(!isRetryable(status));
}

void tst_SpanExporter::finishingWaitsForNobody()
{
    m_collector->faults = {Fault::Limit429, Fault::Unavailable503};
    m_collector->retryAfter = 86400;
    m_settings.batchSpans = 2;
    SpanTotals totals;
    providers::HttpPool http(m_clock);
    SpanExporter exporter(m_settings, http, totals);
    QSignalSpy finished(&exporter, &SpanExporter::finished);
    exporter.add(newSpans(5));
    QTRY_VERIFY_WITH_TIMEOUT(exporter.retryIn().has_value(), Patience);
    exporter.finish();
    QTRY_COMPARE_WITH_TIMEOUT(finished.size(), 1, Patience);
    QCOMPARE(totals.dropped.load(), 2u); // the batch that was refused once more
    QCOMPARE(totals.sent.load(), 3u);
}

// ---- with its thread ------------------------------------------------------------------------------------------------

void tst_SpanExporter::aStoppedTracerHasSentWhatThereWas()
{
    m_settings.every = 1h;
    // The collector needs this thread, which stop() holds.
    OtlpCollectorElsewhere collector;
    m_settings.endpoint = collector.url();
    QList<calllog::Entry> kept;
    Tracer tracer(m_settings, m_clock, [&kept](const calllog::Entry& one) { kept += one; });
    tracer.start();
    tracer.note(entry(calllog::Entry::Kind::CallStarted, {{u"direction"_s, u"inbound"_s}}));
    tracer.note(entry(calllog::Entry::Kind::CallStarted, {}, u"CA2"_s));
    tracer.note(entry(calllog::Entry::Kind::CallEnded, {{u"reason"_s, u"completed"_s}}));
    tracer.stop(std::chrono::minutes(1));
    tracer.note(entry(calllog::Entry::Kind::CallStarted, {}, u"CA3"_s)); // too late
    QCOMPARE(tracer.totals().sent.load(), 2u);
    QStringList problems, reasons;
    collector.look([&](OtlpCollector& there) {
        problems = there.problems;
        for (const QJsonObject& span : there.named(u"call"_s))
            reasons += OtlpCollector::attribute(span, u"kav.call.end_reason"_s);
    });
    reasons.sort();
    QCOMPARE(problems, QStringList());
    QCOMPARE(reasons, (QStringList{QString(), u"completed"_s})); // one was cut off
    QCOMPARE(kept.size(), 2);
    QCOMPARE(kept.first().data.value(u"token"_s).toString(), u"TRACE"_s);
    QCOMPARE(kept.first().data.value(u"trace_id"_s).toString(), QString::fromLatin1(contextOfCall(u"CA1"_s).traceId));
}

void tst_SpanExporter::aHangingCollectorHoldsNoStopUp()
{
    // Nobody turns the collector's event loop meanwhile: it takes the connection and says nothing.
    Tracer tracer(m_settings, m_clock, [](const calllog::Entry&) {});
    tracer.start();
    tracer.note(entry(calllog::Entry::Kind::CallStarted));
    tracer.note(entry(calllog::Entry::Kind::CallEnded));
    tracer.stop(50ms);
    QCOMPARE(tracer.totals().dropped.load(), 1u);
    tracer.stop(50ms); // once more is nothing
}

void tst_SpanExporter::whoIsNotSampledIsNotSent()
{
    m_settings.ratio = 0;
    QList<calllog::Entry> kept;
    Tracer tracer(m_settings, m_clock, [&kept](const calllog::Entry& one) { kept += one; });
    tracer.start();
    tracer.note(entry(calllog::Entry::Kind::CallStarted));
    tracer.note(entry(calllog::Entry::Kind::CallEnded));
    const auto context = parseTraceParent(tracer.traceParent(u"CA1"_s));
    QVERIFY(context && !context->isSampled);
    tracer.stop(std::chrono::minutes(1));
    QCOMPARE(kept.size(), 0);
    QCOMPARE(m_collector->connections(), 0);
    QCOMPARE(tracer.totals().dropped.load(), 0u);
}

void tst_SpanExporter::aFloodOfNewsIsBounded()
{
    m_settings.every = 1h;
    m_settings.queueSpans = 100;
    Tracer tracer(m_settings, m_clock, [](const calllog::Entry&) {});
    tracer.start();
    for (int i = 0; i < 3000; ++i) {
        const QString call = QString::number(i);
        tracer.note(entry(calllog::Entry::Kind::CallStarted, {}, call));
        tracer.note(entry(calllog::Entry::Kind::CallEnded, {}, call));
    }
    QTRY_VERIFY_WITH_TIMEOUT(
        tracer.totals().dropped.load() + quint64(tracer.totals().waiting.load()) >= 2900, Patience);
    QVERIFY(tracer.totals().waiting.load() <= 100);
    tracer.stop(0ms);
    QCOMPARE(tracer.totals().waiting.load(), 0);
}

QTEST_GUILESS_MAIN(tst_SpanExporter)
#include "tst_spanexporter.moc"
