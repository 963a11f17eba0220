// SPDX-License-Identifier: Apache-2.0
#include "engine/traces/callspans.h"
#include "engine/traces/otlpjson.h"
#include "engine/traces/providerentry.h"
#include "shared/core/masking.h"
#include "shared/model/request.h"
#include "tests/support/vendors/otlpcollector.h"

#include <QTest>

#include <algorithm>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::traces;
using namespace std::chrono_literals;
using Kind = calllog::Entry::Kind;

namespace {

const QDateTime Begin = QDateTime::fromMSecsSinceEpoch(1767225600000ll, Qt::UTC);

QDateTime at(Milliseconds since)
{
    return Begin.addMSecs(since.count());
}

calllog::Entry entry(Kind kind, Milliseconds since, const QJsonObject& data = {})
{
    return {kind, u"CA1"_s, at(since), data};
}

calllog::Entry step(const QString& token, Milliseconds since, QJsonObject data = {})
{
    data.insert(u"token"_s, token);
    return entry(Kind::Event, since, data);
}

calllog::Entry turn(int number, Milliseconds words, Milliseconds since, QList<LatencySpan> parts, Milliseconds end)
{
    TurnRecord record;
    record.number = number;
    record.callerText = u"my card is canary"_s;
    record.agentText = u"secret answer"_s;
    record.latency.spans = parts;
    Milliseconds total{0};
    for (const LatencySpan& part : parts)
        total += part.length;
    record.latency.total = total;
    QJsonObject json = calllog::turnToJson(record);
    json.insert(u"waitedSince"_s, at(since).toString(Qt::ISODateWithMs));
    json.insert(u"endedAt"_s, at(end).toString(Qt::ISODateWithMs));
    return entry(Kind::Turn, words, json);
}

calllog::Entry request(const RequestRecord& record)
{
    return {Kind::Request, record.call, record.at, requestToJson(record)};
}

UnixTime time(Milliseconds since)
{
    return unixTime(at(since));
}

const AttributeValue* attribute(const Span& span, const QString& key)
{
    const auto found = std::find_if(
        span.attributes.cbegin(), span.attributes.cend(), [&key](const auto& one) { return one.first == key; });
    return found == span.attributes.cend() ? nullptr : &found->second;
}

QString text(const Span& span, const QString& key)
{
    const AttributeValue* value = attribute(span, key);
    return value && std::holds_alternative<QString>(*value) ? std::get<QString>(*value) : QString();
}

} // namespace

/// What is noted of a call, as the tree of its spans.
class tst_CallSpans final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_book = std::make_unique<TraceBook>(1.0);
        m_spans = std::make_unique<CallSpans>(*m_book);
        m_made.clear();
    }
    /// What was made is what a collector takes, and tells nothing that it must not.
    void cleanup()
    {
        QList<QByteArray> encoded;
        for (const Span& span : m_made)
            encoded += encodeSpan(span);
        const QByteArray body = OtlpEnvelope({}, u"1"_s).request(encoded);
        QCOMPARE(test::otlpProblems(body), QStringList());
        for (const char* never : {"canary", "secret", "15005550006"})
            QVERIFY2(!body.contains(never), never);
    }

    void aCallIsATree();
    void aTurnsPartsAreContiguous();
    void aProviderThatWasLeftIsAnError();
    void workForTheNextTurnWaitsForIt();
    void aToolHasTheIdThatItsRequestTold();
    void stepsAreEventsOfTheTurnTheyFellInto();
    void aTransferIsASpanOfItsOwn();
    void aBadEndIsAnError();
    void requestsAreSpansBesideTheCall();
    void aRequestOfAnotherTraceIsLinked();
    void whatIsOpenAtTheEndIsCutOff();
    void whatFollowsTheEndMakesNothing();
    void aCallThatGoesOnIsASpanBelowIt();
    void aFloodIsBounded();
    void garbageIsNoSpan();

private:
    void take(const calllog::Entry& one) { m_made += m_spans->take(one); }
    void start()
    {
        take(entry(Kind::CallStarted, 0ms, {{u"from"_s, u"+15005550006"_s}, {u"direction"_s, u"inbound"_s}}));
    }
    void end(const QString& reason = u"completed"_s)
    {
        take(entry(Kind::CallEnded, 60s, {{u"reason"_s, reason}, {u"turns"_s, 1}}));
    }
    QList<Span> named(const QString& name) const
    {
        QList<Span> found;
        std::copy_if(m_made.cbegin(), m_made.cend(), std::back_inserter(found),
            [&name](const Span& span) { return span.name == name; });
        return found;
    }
    Span one(const QString& name) const
    {
        const QList<Span> found = named(name);
        return found.size() == 1 ? found.first() : Span();
    }

    std::unique_ptr<TraceBook> m_book;
    std::unique_ptr<CallSpans> m_spans;
    QList<Span> m_made;
};

void tst_CallSpans::aCallIsATree()
{
    take(entry(Kind::CallStarted, 0ms,
        {{u"from"_s, maskNumber(u"+15005550006")}, {u"to"_s, u"anonymous"_s}, {u"direction"_s, u"inbound"_s},
            {u"language"_s, u"he-IL"_s}, {u"persona"_s, u"desk"_s}, {u"test"_s, true}}));
    QVERIFY(m_made.isEmpty());
    take(turn(1, 1s, 2s, {{LatencyPart::FirstToken, 300ms, u"google"_s}}, 5s));
    end();
    const Span root = one(u"call"_s);
    QCOMPARE(root.context, m_book->traceOf(u"CA1"_s).root);
    QVERIFY(root.parent.isEmpty());
    QCOMPARE(root.kind, SpanKind::Server);
    QCOMPARE(root.start, time(0ms));
    QCOMPARE(root.end, time(60s));
    QVERIFY(!root.failed);
    QCOMPARE(text(root, u"kav.call.id"_s), u"CA1"_s);
    QCOMPARE(text(root, u"kav.call.to"_s), u"anonymous"_s);
    QCOMPARE(text(root, u"kav.call.from"_s), maskNumber(u"+15005550006"));
    QCOMPARE(text(root, u"kav.call.persona"_s), u"desk"_s);
    QCOMPARE(text(root, u"kav.call.language"_s), u"he-IL"_s);
    QCOMPARE(text(root, u"kav.call.end_reason"_s), u"completed"_s);
    QVERIFY(attribute(root, u"kav.call.test"_s));
    const Span turn = one(u"turn"_s);
    QCOMPARE(turn.parent, root.context.spanId);
    QCOMPARE(turn.context.traceId, root.context.traceId);
    QCOMPARE(one(u"first-token"_s).parent, turn.context.spanId);
    QCOMPARE(m_made.last().name, u"call"_s);
}

void tst_CallSpans::aTurnsPartsAreContiguous()
{
    start();
    take(turn(1, 1s, 3s,
        {{LatencyPart::EndOfUtterance, 500ms, u"turn.end_of_utterance_min"_s},
            {LatencyPart::Recognition, 0ms, u"google"_s}, {LatencyPart::FirstToken, 211ms, u"openai"_s},
            {LatencyPart::FirstSentence, 100ms, u"tool:book"_s}, {LatencyPart::FirstAudio, 90ms, u"embedded"_s},
            {LatencyPart::Playout, 7ms, u"media.lead"_s}},
        9s));
    const Span turn = one(u"turn"_s);
    QCOMPARE(turn.start, time(1s));
    QCOMPARE(turn.end, time(9s));
    QCOMPARE(std::get<qint64>(*attribute(turn, u"kav.turn.wait_ms"_s)), 908);
    UnixTime next = time(3s);
    for (const LatencyPart part : LatencyPartsInOrder) {
        const Span span = one(latencyPartName(part));
        QCOMPARE(span.parent, turn.context.spanId);
        QCOMPARE(span.start, next);
        next = span.end;
        QVERIFY(!text(span, u"kav.owner"_s).isEmpty());
    }
    QCOMPARE(next - time(3s), UnixTime(908ms));
}

void tst_CallSpans::aProviderThatWasLeftIsAnError()
{
    start();
    providers::FailoverNews left{providers::FailoverNews::What::Left, providers::Stage::LanguageModel, u"openai"_s,
        {Error::Code::Timeout, u"no text in 4000 ms"_s, {}}, u"embedded"_s, 4000ms};
    take(providerEntry(u"CA1"_s, 1, left, at(7s)));
    providers::FailoverNews began{
        providers::FailoverNews::What::Began, providers::Stage::LanguageModel, u"embedded"_s, {}, {}, 20ms};
    take(providerEntry(u"CA1"_s, 1, began, at(7020ms)));
    QVERIFY(m_made.isEmpty());
    take(turn(1, 1s, 3s, {{LatencyPart::FirstToken, 4020ms, u"embedded"_s}}, 9s));
    const Span failed = one(u"llm openai"_s), served = one(u"llm embedded"_s);
    QCOMPARE(failed.parent, one(u"turn"_s).context.spanId);
    QVERIFY(failed.failed && !served.failed);
    QCOMPARE(failed.kind, SpanKind::Client);
    QCOMPARE(served.kind, SpanKind::Internal);
    QCOMPARE(failed.start, time(3s));
    QCOMPARE(failed.end, time(7s));
    QCOMPARE(text(failed, u"error.type"_s), u"timeout"_s);
    QCOMPARE(failed.problem, u"no text in 4000 ms"_s);
    QCOMPARE(failed.events.first().name, u"failover"_s);
    QCOMPARE(std::get<QString>(failed.events.first().attributes.first().second), u"embedded"_s);
    QCOMPARE(served.start, time(7s));
}

void tst_CallSpans::workForTheNextTurnWaitsForIt()
{
    start();
    providers::FailoverNews heard{
        providers::FailoverNews::What::Began, providers::Stage::SpeechToText, u"google"_s, {}, {}, 100ms};
    take(providerEntry(u"CA1"_s, 2, heard, at(8s)));
    take(turn(1, 1s, 3s, {{LatencyPart::FirstToken, 10ms, {}}}, 9s));
    QVERIFY(named(u"stt google"_s).isEmpty());
    take(turn(2, 7s, 7900ms, {{LatencyPart::FirstToken, 10ms, {}}}, 12s));
    const QList<Span> turns = named(u"turn"_s);
    QCOMPARE(one(u"stt google"_s).parent, turns.last().context.spanId);
    // Words that became no turn, and work whose turn never came, are the call's.
    take(providerEntry(u"CA1"_s, 3, heard, at(13s)));
    take(turn(3, 20s, 21s, {{LatencyPart::FirstToken, 10ms, {}}}, 22s));
    take(providerEntry(u"CA1"_s, 4, heard, at(30s)));
    end();
    const QList<Span> all = named(u"stt google"_s);
    QCOMPARE(all.size(), 3);
    QCOMPARE(all[1].parent, one(u"call"_s).context.spanId);
    QCOMPARE(all[2].parent, one(u"call"_s).context.spanId);
}

void tst_CallSpans::aToolHasTheIdThatItsRequestTold()
{
    start();
    take(step(u"TOOL"_s, 5s,
        {{u"name"_s, u"book"_s}, {u"ms"_s, 700}, {u"ok"_s, true}, {u"turn"_s, 1}, {u"span"_s, u"00f067aa0ba902b7"_s}}));
    take(step(u"TOOL"_s, 6s,
        {{u"name"_s, u"end_call"_s}, {u"ms"_s, 0}, {u"ok"_s, false}, {u"turn"_s, 1},
            {u"reason"_s, u"no such tool"_s}}));
    take(turn(1, 1s, 3s, {{LatencyPart::FirstToken, 10ms, {}}}, 9s));
    const Span book = one(u"tool book"_s), hangUp = one(u"tool end_call"_s);
    QCOMPARE(book.context.spanId, "00f067aa0ba902b7");
    QCOMPARE(book.kind, SpanKind::Client);
    QCOMPARE(book.start, time(4300ms));
    QCOMPARE(book.parent, one(u"turn"_s).context.spanId);
    QCOMPARE(hangUp.kind, SpanKind::Internal);
    QVERIFY(hangUp.failed && !book.failed);
    QCOMPARE(hangUp.problem, u"no such tool"_s);
}

void tst_CallSpans::stepsAreEventsOfTheTurnTheyFellInto()
{
    start();
    take(step(u"WS_START"_s, 100ms));
    take(step(u"STATE"_s, 150ms)); // nobody's business
    take(step(u"BARGE_IN"_s, 5s, {{u"turn"_s, 1}, {u"text"_s, u"secret"_s}}));
    take(turn(1, 1s, 3s, {{LatencyPart::FirstToken, 10ms, {}}}, 9s));
    take(step(u"GOODBYE"_s, 20s, {{u"reason"_s, u"completed"_s}}));
    end();
    const Span turn = one(u"turn"_s), call = one(u"call"_s);
    QCOMPARE(turn.events.size(), 1);
    QCOMPARE(turn.events.first().name, u"BARGE_IN"_s);
    QCOMPARE(turn.events.first().at, time(5s));
    QCOMPARE(turn.events.first().attributes.size(), 1);
    QCOMPARE(call.events.size(), 2);
    QCOMPARE(call.events.first().name, u"WS_START"_s);
    QCOMPARE(call.events.last().name, u"GOODBYE"_s);
}

void tst_CallSpans::aTransferIsASpanOfItsOwn()
{
    const QJsonObject sales{{u"target"_s, u"sales"_s}, {u"number"_s, u"+15005550006"_s}};
    start();
    take(step(u"TRANSFER_START"_s, 10s, sales));
    take(step(u"TRANSFER_UNANSWERED"_s, 35s, sales));
    take(step(u"TRANSFER_BACK"_s, 36s, sales));
    QCOMPARE(m_made.size(), 1);
    take(step(u"TRANSFER_START"_s, 40s, sales));
    take(step(u"TRANSFER_ANSWERED"_s, 45s, sales));
    take(step(u"TRANSFER_END"_s, 59s, sales));
    end();
    const QList<Span> transfers = named(u"transfer"_s);
    QCOMPARE(transfers.size(), 2);
    QCOMPARE(transfers[0].start, time(10s));
    QCOMPARE(transfers[0].end, time(36s));
    QVERIFY(transfers[0].failed && !transfers[1].failed);
    QCOMPARE(transfers[1].end, time(59s));
    QCOMPARE(transfers[1].parent, one(u"call"_s).context.spanId);
    QCOMPARE(text(transfers[1], u"kav.transfer.target"_s), u"sales"_s);
    QCOMPARE(transfers[1].events.size(), 3);
}

void tst_CallSpans::aBadEndIsAnError()
{
    start();
    end(u"stream-lost"_s);
    QVERIFY(one(u"call"_s).failed);
    QCOMPARE(text(one(u"call"_s), u"error.type"_s), u"stream-lost"_s);
}

void tst_CallSpans::requestsAreSpansBesideTheCall()
{
    RequestRecord hook;
    hook.at = at(-5ms);
    hook.method = u"POST"_s;
    hook.path = u"/webhook/incoming_call"_s;
    hook.status = 200;
    hook.took = 1500us;
    hook.call = u"CA1"_s;
    m_book->requested(hook.call, hook.at, std::nullopt);
    take(request(hook));
    start();
    RequestRecord stream = hook;
    stream.at = at(40ms);
    stream.kind = RequestKind::Stream;
    stream.method = u"GET"_s;
    stream.path = u"/media"_s;
    stream.status = 101;
    take(request(stream)); // it goes on
    QCOMPARE(m_made.size(), 1);
    end();
    stream.end = ConnectionEnd{1000, true, {}, 10, 20, 1000, 2000, 59s};
    take(request(stream));
    RequestRecord late = hook;
    late.at = at(61s);
    late.status = 0;
    take(request(late));

    const Span call = one(u"call"_s);
    QCOMPARE(call.start, time(-5ms)); // it began with its first request
    const QList<Span> hooks = named(u"POST /webhook/incoming_call"_s);
    QCOMPARE(hooks.size(), 2);
    QCOMPARE(hooks[0].parent, call.context.spanId);
    QCOMPARE(hooks[0].kind, SpanKind::Server);
    QCOMPARE(hooks[0].end - hooks[0].start, UnixTime(1500us));
    QCOMPARE(std::get<qint64>(*attribute(hooks[0], u"http.response.status_code"_s)), 200);
    QVERIFY(!hooks[0].failed && hooks[1].failed);
    QCOMPARE(one(u"GET /media"_s).end, time(59040ms));
}

void tst_CallSpans::aRequestOfAnotherTraceIsLinked()
{
    const auto first = parseTraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    const QByteArray second = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-00f067aa0ba902b8-01";
    m_book->requested(u"CA1"_s, at(0ms), first);
    RequestRecord hook;
    hook.at = at(1ms);
    hook.method = u"POST"_s;
    hook.path = u"/webhook/call_status"_s;
    hook.status = 200;
    hook.call = u"CA1"_s;
    hook.headers = {{u"traceparent"_s, QString::fromLatin1(toTraceParent(*first))}};
    take(request(hook));
    hook.headers = {{u"traceparent"_s, QString::fromLatin1(second)}};
    take(request(hook));
    hook.headers = {{u"traceparent"_s, u"rubbish"_s}};
    take(request(hook));
    start();
    end();
    const QList<Span> hooks = named(u"POST /webhook/call_status"_s);
    QCOMPARE(hooks.size(), 3);
    for (const Span& span : hooks)
        QCOMPARE(span.context.traceId, first->traceId);
    QVERIFY(hooks[0].links.isEmpty() && hooks[2].links.isEmpty());
    QCOMPARE(hooks[1].links, QList{*parseTraceParent(second)});
    QCOMPARE(one(u"call"_s).parent, first->spanId);
}

void tst_CallSpans::whatIsOpenAtTheEndIsCutOff()
{
    start();
    take(step(u"TRANSFER_START"_s, 10s, {{u"target"_s, u"sales"_s}}));
    m_made += m_spans->finish(at(20s));
    QCOMPARE(one(u"call"_s).end, time(20s));
    QCOMPARE(one(u"transfer"_s).end, time(20s));
    QVERIFY(!attribute(one(u"call"_s), u"kav.call.end_reason"_s));
    QVERIFY(m_spans->finish(at(21s)).isEmpty());
}

void tst_CallSpans::whatFollowsTheEndMakesNothing()
{
    take(step(u"WS_START"_s, 0ms)); // of a call that is not known
    start();
    end();
    const qsizetype made = m_made.size();
    take(step(u"RECORDING_KEPT"_s, 61s));
    take(step(u"WS_STOP"_s, 61s));
    take(turn(9, 61s, 61s, {}, 61s));
    end();
    QCOMPARE(m_made.size(), made);
}

void tst_CallSpans::aCallThatGoesOnIsASpanBelowIt()
{
    start();
    end(u"stream-lost"_s);
    take(step(u"WITHOUT_STREAM"_s, 61s, {{u"reason"_s, u"stream lost"_s}}));
    take(turn(2, 62s, 62s, {{LatencyPart::FirstToken, 10ms, {}}}, 65s));
    take(entry(Kind::CallEnded, 70s, {{u"reason"_s, u"completed"_s}, {u"turns"_s, 2}}));
    const Span call = one(u"call"_s), rest = one(u"call-resumed"_s);
    QCOMPARE(rest.parent, call.context.spanId);
    QCOMPARE(rest.context.traceId, call.context.traceId);
    QCOMPARE(rest.start, time(61s));
    QCOMPARE(rest.end, time(70s));
    QCOMPARE(rest.events.first().name, u"WITHOUT_STREAM"_s);
    QCOMPARE(one(u"turn"_s).parent, rest.context.spanId);
}

void tst_CallSpans::aFloodIsBounded()
{
    start();
    for (int i = 0; i < 1000; ++i) {
        take(step(u"BARGE_IN"_s, 2s));
        take(step(u"TOOL"_s, 2s, {{u"name"_s, u"x"_s}, {u"ok"_s, true}}));
    }
    take(turn(1, 1s, 3s, {}, 9s));
    const Span turn = one(u"turn"_s);
    QCOMPARE(turn.events.size(), 128);
    QCOMPARE(turn.eventsDropped, 1000 - 128 + 1000 - 256);
    QCOMPARE(named(u"tool x"_s).size(), 256);
}

void tst_CallSpans::garbageIsNoSpan()
{
    start();
    take(entry(Kind::Turn, 1s, {{u"number"_s, u"one"_s}}));
    take(step(QString(), 1s));
    take(step(u"TOOL"_s, 1s, {{u"ms"_s, -5}, {u"name"_s, 7}}));
    take(entry(Kind::Request, 1s));
    calllog::Entry nobodys = entry(Kind::CallEnded, 2s);
    nobodys.callId.clear();
    take(nobodys);
    QVERIFY(named(u"turn"_s).isEmpty());
    QVERIFY(named(u"call"_s).isEmpty());
    TurnRecord record;
    record.number = 2;
    QJsonObject json = calllog::turnToJson(record);
    json.insert(u"endedAt"_s, u"yesterday"_s);
    take(entry(Kind::Turn, 3s, json));
    QCOMPARE(one(u"turn"_s).end, time(3s));
}

QTEST_GUILESS_MAIN(tst_CallSpans)
#include "tst_callspans.moc"
