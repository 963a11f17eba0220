// SPDX-License-Identifier: Apache-2.0
#include "engine/calllog/queries.h"
#include "tests/calllog/calllogsupport.h"

#include <QTemporaryDir>

#include <thread>

using namespace kav;
using namespace kav::calllog;
using namespace kav::calllog::test;

/// What the console, the loopback caller and the demo ask of the call log.
class TestQueries final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void pagesGoFromTheNewestToTheOldestWithoutGapsOrRepeats();
    void textIsFoundInIdNumberReasonAndSpeech_data();
    void textIsFoundInIdNumberReasonAndSpeech();
    void oneCallComesWithItsTurnsAndEventsInOrder();
    void anUnknownCallIsNotFound();
    void whatOperatorsDidComesInOrder();
    void aWrongCursorIsRefused();
    void requestsComeNewestFirstAndWithTheirEnd();
    void anyThreadMayAskOverAConnectionOfItsOwn();
    void withoutDatabaseTheAnswerSaysWhatToDo();

private:
    QTemporaryDir m_dir;
    Settings m_settings;
    SystemClock m_clock;
    TurnRecord m_turn;
};

void TestQueries::initTestCase()
{
    m_settings = quickSettings(m_dir.path());
    QVERIFY(migrate(m_settings));
    CallLog log(m_settings, m_clock);
    log.start();
    for (int i = 0; i < 7; ++i)
        log.append(started(QStringLiteral("CA%1").arg(i), i / 2)); // two begin in the same millisecond
    const QString call = QStringLiteral("CA3");
    m_turn = {1, TurnInput::Voice, QStringLiteral("I want the Sales 50% team"), 0.5, QStringLiteral("Of course."),
        QStringLiteral("Of"), true, false,
        {{{LatencyPart::EndOfUtterance, std::chrono::milliseconds(400), QStringLiteral("turn.end_of_utterance_min")},
             {LatencyPart::FirstToken, std::chrono::milliseconds(250), QStringLiteral("openai")},
             {LatencyPart::FirstSentence, std::chrono::milliseconds(0), {}},
             {LatencyPart::Playout, std::chrono::milliseconds(50), QStringLiteral("media.lead")}},
            std::chrono::milliseconds(700), true}};
    log.append(eventEntry(call, QStringLiteral("WS_START"), 2));
    log.append({Entry::Kind::Turn, call, at(3), turnToJson(m_turn)});
    log.append(eventEntry(call, QStringLiteral("STT_FINAL"), 3, {{QStringLiteral("n"), 5}}));
    log.append(eventEntry(call, QStringLiteral("WS_STOP"), 4));
    log.append(ended(call, 5, QStringLiteral("caller-hung-up")));
    log.stop();
    QCOMPARE(log.status().stored, 12u);
}

void TestQueries::pagesGoFromTheNewestToTheOldestWithoutGapsOrRepeats()
{
    const auto queries = Queries::open(m_settings);
    QVERIFY(queries);
    QStringList seen;
    CallFilter filter{3, {}, {}};
    int pages = 0;
    do {
        const auto page = (*queries)->calls(filter);
        QVERIFY(page);
        for (const CallLogRow& row : page->calls)
            seen += row.id;
        filter.after = page->next;
        ++pages;
    } while (!filter.after.isEmpty());
    QCOMPARE(pages, 3);
    QCOMPARE(seen.join(QLatin1Char(' ')), QStringLiteral("CA6 CA5 CA4 CA3 CA2 CA1 CA0"));
}

void TestQueries::textIsFoundInIdNumberReasonAndSpeech_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<int>("found");
    QTest::newRow("an id, in another case") << QStringLiteral("ca3") << 1;
    QTest::newRow("a number's end") << QStringLiteral("4567") << 7;
    QTest::newRow("an end reason") << QStringLiteral("hung-up") << 1;
    QTest::newRow("the caller's words") << QStringLiteral("sales") << 1;
    QTest::newRow("a wildcard is a character") << QStringLiteral("50% t") << 1;
    QTest::newRow("and matches nothing else") << QStringLiteral("5%m") << 0;
    QTest::newRow("nor does the other") << QStringLiteral("CA_") << 0;
    QTest::newRow("SQL is text") << QStringLiteral("' OR 1=1 --") << 0;
}

void TestQueries::textIsFoundInIdNumberReasonAndSpeech()
{
    QFETCH(QString, text);
    QFETCH(int, found);
    const auto queries = Queries::open(m_settings);
    QVERIFY(queries);
    const auto page = (*queries)->calls({50, {}, text});
    QVERIFY(page);
    QCOMPARE(page->calls.size(), found);
}

void TestQueries::oneCallComesWithItsTurnsAndEventsInOrder()
{
    const auto queries = Queries::open(m_settings);
    QVERIFY(queries);
    const auto detail = (*queries)->call(QStringLiteral("CA3"));
    QVERIFY(detail);
    QCOMPARE(detail->call.reason, EndReason::CallerHungUp);
    QCOMPARE(detail->call.startedAt, at(1));
    QCOMPARE(detail->call.endedAt, at(5));
    QCOMPARE(detail->call.duration, Milliseconds(5000));
    QCOMPARE(detail->call.from, QStringLiteral("+972•••••4567"));
    QCOMPARE(detail->started.value(QLatin1String("language")).toString(), QStringLiteral("en-US"));
    QCOMPARE(detail->turns.size(), 1);
    QVERIFY(!detail->turns[0].open && detail->turns[0].callerTextFinal);
    QCOMPARE(detail->turns[0].record, m_turn);
    QCOMPARE(detail->turns[0].startedAt, at(3));
    QCOMPARE(detail->events.size(), 3);
    QCOMPARE(detail->events[1].token, QStringLiteral("STT_FINAL"));
    QVERIFY(!detail->events[1].data.contains(QLatin1String("token")));
    QCOMPARE(detail->events[1].data.value(QLatin1String("n")).toInt(), 5);
    const auto tokens = (*queries)->tokensOf(QStringLiteral("CA3"));
    QVERIFY(tokens);
    QCOMPARE(tokens->join(QLatin1Char(' ')), QStringLiteral("WS_START STT_FINAL WS_STOP"));

    const auto live = (*queries)->call(QStringLiteral("CA6"));
    QVERIFY(live);
    QVERIFY(!live->call.endedAt.isValid());
    QCOMPARE(live->call.reason, EndReason::None);
}

void TestQueries::anUnknownCallIsNotFound()
{
    const auto queries = Queries::open(m_settings);
    QVERIFY(queries);
    QCOMPARE((*queries)->call(QStringLiteral("CA99")).error().code, Error::Code::NotFound);
    QCOMPARE((*queries)->tokensOf(QStringLiteral("CA99"))->size(), 0);
}

void TestQueries::whatOperatorsDidComesInOrder()
{
    const QTemporaryDir dir;
    const Settings settings = quickSettings(dir.path());
    QVERIFY(migrate(settings));
    {
        CallLog log(settings, m_clock);
        log.start();
        for (const char* act : {"interrupt", "end-call"}) {
            log.append({Entry::Kind::OperatorAct, QStringLiteral("CA1"), at(1),
                {{QStringLiteral("operator"), QStringLiteral("dana")}, {QStringLiteral("act"), QLatin1String(act)}}});
        }
        log.append({Entry::Kind::OperatorAct, QStringLiteral("CA2"), at(0),
            {{QStringLiteral("operator"), QStringLiteral("noa")}, {QStringLiteral("act"), QStringLiteral("hold")}}});
        log.stop();
    }
    const auto queries = Queries::open(settings);
    QVERIFY(queries);
    const auto acts = (*queries)->operatorActs(QStringLiteral("CA1"));
    QVERIFY(acts);
    QCOMPARE(acts->size(), 2);
    QCOMPARE(acts->first().token, QStringLiteral("OPERATOR_ACT"));
    QCOMPARE(acts->first().at, at(1));
    QCOMPARE(acts->first().data.value(QLatin1String("act")).toString(), QStringLiteral("interrupt"));
    QCOMPARE(acts->last().data.value(QLatin1String("operator")).toString(), QStringLiteral("dana"));
    QCOMPARE((*queries)->operatorActs(QStringLiteral("CA99"))->size(), 0);
}

void TestQueries::aWrongCursorIsRefused()
{
    const auto queries = Queries::open(m_settings);
    QVERIFY(queries);
    QCOMPARE((*queries)->calls({5, QStringLiteral("nonsense"), {}}).error().code, Error::Code::Invalid);
}

void TestQueries::requestsComeNewestFirstAndWithTheirEnd()
{
    const QTemporaryDir dir;
    const Settings settings = quickSettings(dir.path());
    QVERIFY(migrate(settings));
    {
        CallLog log(settings, m_clock);
        log.start();
        for (int i = 0; i < 6; ++i) {
            RequestRecord request;
            request.id = QStringLiteral("run-%1").arg(i);
            request.at = at(i / 2); // two in the same millisecond
            request.kind = i == 3 ? RequestKind::Stream : RequestKind::Webhook;
            request.status = i == 5 ? 403 : 200;
            request.call = i < 4 ? QStringLiteral("CA1") : QString();
            request.path = QStringLiteral("/webhook/a_%1").arg(i);
            request.parameters = {{QStringLiteral("From"), QStringLiteral("+972501234567")}};
            log.append({Entry::Kind::Request, request.call, request.at, requestToJson(request)});
            if (i != 3)
                continue;
            request.end = ConnectionEnd{1000, true, {}, 1, 2, 3, 4, std::chrono::milliseconds(5)};
            log.append({Entry::Kind::Request, request.call, request.at, requestToJson(request)});
        }
        log.append({Entry::Kind::Request, {}, at(9), {{QStringLiteral("path"), QStringLiteral("/without/an/id")}}});
        log.stop();
    }
    const auto queries = Queries::open(settings);
    QVERIFY(queries);
    const auto ids = [&queries](const RequestFilter& filter, int limit = 500, const QString& after = {}) {
        QStringList all;
        const auto page = (*queries)->requests(filter, limit, after);
        if (!page)
            return QStringList{page.error().message};
        for (const RequestRecord& request : page->requests)
            all += request.id.mid(4);
        return all + QStringList(page->next);
    };
    QCOMPARE(ids({}), QStringLiteral("5 4 3 2 1 0 ").split(QLatin1Char(' ')));
    QStringList paged;
    QString after;
    do {
        const auto page = (*queries)->requests({}, 4, after);
        QVERIFY(page);
        for (const RequestRecord& request : page->requests)
            paged += request.id.mid(4);
        after = page->next;
    } while (!after.isEmpty());
    QCOMPARE(paged, QStringLiteral("5 4 3 2 1 0").split(QLatin1Char(' ')));
    QCOMPARE(ids({{}, {}, {}, true}), (QStringList{QStringLiteral("5"), QString()}));
    QCOMPARE(ids({{}, {}, RequestKind::Stream, false}), (QStringList{QStringLiteral("3"), QString()}));
    QCOMPARE(ids({{}, QStringLiteral("CA1"), {}, false}).size(), 5);
    QCOMPARE(ids({QStringLiteral("A_2"), {}, {}, false}), (QStringList{QStringLiteral("2"), QString()}));
    QCOMPARE(ids({QStringLiteral("webhook\":"), {}, {}, false}), QStringList{QString()}); // JSON's own words are none
    QVERIFY(!(*queries)->requests({}, 5, QStringLiteral("no cursor")));
    const auto stream = (*queries)->requests({{}, {}, RequestKind::Stream, false}, 1);
    QVERIFY(stream);
    QVERIFY(stream->requests.first().end);
    QCOMPARE(stream->requests.first().end->messagesOut, 2);
    QVERIFY(!stream->requests.first().parameters.first().value.contains(QStringLiteral("501234"))); // the second lock
}

void TestQueries::anyThreadMayAskOverAConnectionOfItsOwn()
{
    std::vector<std::thread> threads;
    std::atomic<int> found{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([this, &found] {
            const auto queries = Queries::open(m_settings);
            if (queries)
                found += int((*queries)->calls({}).value().calls.size());
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    QCOMPARE(found.load(), 28);
}

void TestQueries::withoutDatabaseTheAnswerSaysWhatToDo()
{
    Settings settings = m_settings;
    settings.databaseUrl = QStringLiteral("off");
    QVERIFY(Queries::open(settings).error().message.contains(QStringLiteral("off")));
    settings.databaseUrl = QStringLiteral("sqlite:///nowhere/at/all.db");
    QVERIFY(Queries::open(settings).error().message.contains(QStringLiteral("kav-engine migrate")));
}

QTEST_GUILESS_MAIN(TestQueries)
#include "tst_queries.moc"
