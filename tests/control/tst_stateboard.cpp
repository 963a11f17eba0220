// SPDX-License-Identifier: Apache-2.0
#include "engine/control/stateboard.h"
#include "shared/protocol/codec.h"
#include "tests/control/consoletalk.h"

#include <QRandomGenerator>
#include <QTest>

using namespace kav;
using namespace kav::control;
using namespace kav::test;

/// The numbered ring: what a console that was at one number must be told to be at another. Each test follows one as a
/// console would.
class TestStateBoard final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }
    void tellsEachChangeOnce();
    void numbersOnlyWhatIsDifferent();
    void tellsOnlyTheLastOfAThing();
    void tellsTurnsOnlyOfWatchedCalls();
    void keepsTheLatestTurns();
    void takesTurnsInAnyOrder();
    void anEndedCallStaysAWhile();
    void anEndedCallDoesNotComeBackToLife();
    void forgetsTheOldestAndKnowsIt();
    void makesEachMessageForItsTimeAndReader();
    void keepsToItsBytes();
    void doesNotGrowByWhatChangesOften();
    void sendsMuchInParts();
    void sendsManyTurnsInParts();
    void showsABoundedNumberOfCalls();
    void aFollowerEndsWhereASnapshotDoes_data();
    void aFollowerEndsWhereASnapshotDoes();

private:
    const QDateTime m_at = QDateTime::fromMSecsSinceEpoch(1767225600000, Qt::UTC);
    const Instant m_now{std::chrono::hours(1)};
};

namespace {

QString callId(int i)
{
    return QStringLiteral("CA%1").arg(i);
}

} // namespace

void TestStateBoard::tellsEachChangeOnce()
{
    StateBoard board{Settings{}};
    QCOMPARE(board.seq(), 0);
    QVERIFY(board.delta(0, {}, m_at).text.isEmpty());
    EngineStatus engine;
    engine.capacity = 7;
    QVERIFY(board.setEngine(engine));
    QVERIFY(board.setService(service(QStringLiteral("stt"), ServiceState::Ready)));
    QVERIFY(board.setCall(liveCall(callId(1)), m_now));
    board.setLogRow(logRow(callId(1)));
    QCOMPARE(board.seq(), 4);

    const StateBoard::Message first = board.delta(0, {}, m_at);
    QCOMPARE(first.to, 4);
    QVERIFY(first.isWhole);
    const protocol::Delta expected{0, 4, m_at,
        {protocol::EngineChange{engine}, protocol::ServiceChange{service(QStringLiteral("stt"), ServiceState::Ready)},
            protocol::CallChange{liveCall(callId(1))}, protocol::LogChange{logRow(callId(1))}}};
    QCOMPARE(first.text, protocol::encode(protocol::ToConsole(expected)));
    QVERIFY(board.delta(4, {}, m_at).text.isEmpty());
    // One that was in between is told the rest only.
    const protocol::Delta rest{2, 4, m_at, expected.changes.mid(2)};
    QCOMPARE(board.delta(2, {}, m_at).text, protocol::encode(protocol::ToConsole(rest)));
}

void TestStateBoard::numbersOnlyWhatIsDifferent()
{
    StateBoard board{Settings{}};
    QVERIFY(!board.setEngine(EngineStatus{}));
    QVERIFY(board.setService(service(QStringLiteral("stt"), ServiceState::Ready)));
    QVERIFY(!board.setService(service(QStringLiteral("stt"), ServiceState::Ready)));
    QVERIFY(board.setCall(liveCall(callId(1)), m_now));
    QVERIFY(!board.setCall(liveCall(callId(1)), m_now));
    QVERIFY(board.setTurn(callId(1), turnOf(1, QStringLiteral("hello"))));
    QVERIFY(!board.setTurn(callId(1), turnOf(1, QStringLiteral("hello"))));
    QVERIFY(!board.setTurn(callId(2), turnOf(1, QStringLiteral("of a call nobody knows"))));
    QCOMPARE(board.seq(), 3);
}

void TestStateBoard::tellsOnlyTheLastOfAThing()
{
    StateBoard board{Settings{}};
    for (int turn = 1; turn <= 100; ++turn) {
        board.setCall(liveCall(callId(1), CallState::Thinking, turn), m_now);
        board.setCall(liveCall(callId(2), CallState::Speaking, turn), m_now);
    }
    Follower console;
    QVERIFY(console.follow(board, {}, m_at));
    QCOMPARE(console.messages, 1);
    QCOMPARE(console.changes, 2);
    QCOMPARE(console.seq, 200);
    QCOMPARE(console.calls.value(callId(2)).turn, 100);
    QCOMPARE(board.heldChanges(), 2);
}

void TestStateBoard::tellsTurnsOnlyOfWatchedCalls()
{
    StateBoard board{Settings{}};
    board.setCall(liveCall(callId(1)), m_now);
    board.setCall(liveCall(callId(2)), m_now);
    Follower watcher;
    Follower other;
    QVERIFY(watcher.follow(board, {callId(1)}, m_at) && other.follow(board, {}, m_at));
    const qint64 before = board.seq();
    for (int i = 0; i < 10; ++i) {
        board.setTurn(callId(1), turnOf(1, QString(i + 1, u'a')));
        board.setTurn(callId(2), turnOf(1, QString(i + 1, u'b')));
    }
    const StateBoard::Message delta = board.delta(before, {callId(1)}, m_at);
    QCOMPARE(delta.text,
        protocol::encode(protocol::ToConsole(protocol::Delta{
            before, before + 20, m_at, {protocol::TurnChange{callId(1), turnOf(1, QString(10, u'a'))}}})));
    QVERIFY(board.delta(before, {}, m_at).text.isEmpty());
    // In the order in which they happened, calls and turns mixed.
    board.setCall(liveCall(callId(1), CallState::Thinking), m_now);
    board.setTurn(callId(1), turnOf(2, QStringLiteral("next")));
    board.setCall(liveCall(callId(2), CallState::Thinking), m_now);
    const auto mixed = protocol::decodeToConsole(board.delta(before, {callId(1), callId(2)}, m_at).text);
    QVERIFY(mixed);
    const QList<protocol::Change> changes = std::get<protocol::Delta>(*mixed).changes;
    const QList<protocol::Change> expected{protocol::TurnChange{callId(1), turnOf(1, QString(10, u'a'))},
        protocol::TurnChange{callId(2), turnOf(1, QString(10, u'b'))},
        protocol::CallChange{liveCall(callId(1), CallState::Thinking)},
        protocol::TurnChange{callId(1), turnOf(2, QStringLiteral("next"))},
        protocol::CallChange{liveCall(callId(2), CallState::Thinking)}};
    QVERIFY(changes == expected);
}

void TestStateBoard::keepsTheLatestTurns()
{
    Settings settings;
    settings.transcriptTurns = 3;
    StateBoard board{settings};
    QVERIFY(!board.transcript(callId(1)));
    board.setCall(liveCall(callId(1)), m_now);
    QCOMPARE(board.transcript(callId(1)).value(), (protocol::CallTranscript{callId(1), 1, 1, {}}));
    for (int number = 1; number <= 3; ++number)
        board.setTurn(callId(1), turnOf(number, QStringLiteral("turn"), false));
    QCOMPARE(board.transcript(callId(1))->firstTurn, 1);
    const qint64 before = board.seq();
    QVERIFY(board.holds(before, {callId(1)}));
    board.setTurn(callId(1), turnOf(4, QStringLiteral("turn")));
    QCOMPARE(board.transcript(callId(1)).value(),
        (protocol::CallTranscript{callId(1), 5, 2,
            {turnOf(2, QStringLiteral("turn"), false), turnOf(3, QStringLiteral("turn"), false),
                turnOf(4, QStringLiteral("turn"))}}));
    // Who had seen the turn that left has missed nothing; who had not has, if it was on his screen.
    QVERIFY(board.holds(2, {callId(1)}));
    QVERIFY(!board.holds(1, {callId(1)}));
    QVERIFY(board.holds(1, {}));
    QVERIFY(board.holds(1, {callId(2)}));
}

void TestStateBoard::takesTurnsInAnyOrder()
{
    Settings settings;
    settings.transcriptTurns = 3;
    StateBoard board{settings};
    board.setCall(liveCall(callId(1)), m_now);
    for (const int number : {2, 4, 1, 3, 2})
        board.setTurn(callId(1), turnOf(number, QStringLiteral("at %1").arg(board.seq())));
    const auto transcript = board.transcript(callId(1));
    QCOMPARE(transcript->firstTurn, 2);
    QList<int> numbers;
    for (const TranscriptTurn& turn : transcript->turns)
        numbers += turn.record.number;
    QCOMPARE(numbers, (QList<int>{2, 3, 4}));
    QCOMPARE(transcript->turns.first().record.callerText, QStringLiteral("at 5"));
}

void TestStateBoard::anEndedCallStaysAWhile()
{
    StateBoard board{Settings{}};
    board.setCall(liveCall(callId(1)), m_now);
    board.setCall(liveCall(callId(2), CallState::Ended), m_now); // refused before it began
    QVERIFY(board.isLive(callId(1)));
    QVERIFY(!board.isLive(callId(2)) && board.isShown(callId(2)));
    board.setCall(liveCall(callId(1), CallState::Ended), m_now + Milliseconds(10000));
    QVERIFY(!board.isLive(callId(1)));
    QVERIFY(board.setTurn(callId(1), turnOf(1, QStringLiteral("the last words"), false)));
    Follower console;
    QVERIFY(console.follow(board, {callId(1)}, m_at));
    QCOMPARE(board.expire(m_now + Milliseconds(29999)), QStringList());
    QCOMPARE(board.expire(m_now + Milliseconds(30000)), QStringList{callId(2)});
    QVERIFY(!board.isShown(callId(2)));
    QCOMPARE(board.expire(m_now + Milliseconds(40000)), QStringList{callId(1)});
    QVERIFY(!board.transcript(callId(1)));
    const qint64 seq = console.seq;
    QCOMPARE(board.delta(seq, {callId(1)}, m_at).text,
        protocol::encode(protocol::ToConsole(
            protocol::Delta{seq, seq + 2, m_at, {protocol::CallGone{callId(2)}, protocol::CallGone{callId(1)}}})));
    // Who was never told of them is told that they are gone, which does no harm, and nothing else.
    Follower late;
    QVERIFY(late.follow(board, {}, m_at));
    QCOMPARE(late.changes, 2);
    QVERIFY(late.calls.isEmpty());
}

void TestStateBoard::anEndedCallDoesNotComeBackToLife()
{
    StateBoard board{Settings{}};
    board.setCall(liveCall(callId(1), CallState::Ended), m_now);
    QVERIFY(!board.setCall(liveCall(callId(1), CallState::Speaking), m_now));
    QVERIFY(!board.isLive(callId(1)));
    // But its end may be told better; and it stays no longer for that.
    CallSummary better = liveCall(callId(1), CallState::Ended);
    better.reason = EndReason::Completed;
    QVERIFY(board.setCall(better, m_now + Milliseconds(20000)));
    QCOMPARE(board.expire(m_now + Milliseconds(30000)), QStringList{callId(1)});
    QCOMPARE(board.expire(m_now + Milliseconds(90000)), QStringList());
}

void TestStateBoard::forgetsTheOldestAndKnowsIt()
{
    Settings settings;
    settings.replayChanges = 10;
    StateBoard board{settings};
    for (int i = 1; i <= 10; ++i)
        board.setLogRow(logRow(callId(i)));
    QVERIFY(board.holds(0, {}));
    board.setLogRow(logRow(callId(11)));
    QVERIFY(!board.holds(0, {}));
    QVERIFY(board.holds(1, {}));
    QVERIFY(!board.holds(12, {})); // of another life, or a lie
    QCOMPARE(board.heldChanges(), 10);
    Follower console;
    console.seq = 1;
    QVERIFY(console.follow(board, {}, m_at));
    QCOMPARE(console.log.size(), 10);
    QCOMPARE(console.log.first(), callId(2));
    // It goes on so, however long it runs.
    for (int i = 12; i <= 5000; ++i) {
        board.setLogRow(logRow(callId(i)));
        QCOMPARE(board.heldChanges(), 10);
        QVERIFY(board.holds(i - 10, {}));
        QVERIFY(!board.holds(i - 11, {}));
    }
}

void TestStateBoard::makesEachMessageForItsTimeAndReader()
{
    StateBoard board{Settings{}};
    board.setCall(liveCall(callId(1)), m_now);
    board.setTurn(callId(1), turnOf(1, QStringLiteral("hello")));
    const QDateTime later = m_at.addMSecs(1);
    const QByteArray plain = board.snapshot({}, m_at);
    const QByteArray delta = board.delta(0, {}, m_at).text;
    QVERIFY(board.snapshot({callId(1)}, m_at) != plain);
    QVERIFY(board.snapshot({}, later) != plain);
    QCOMPARE(board.snapshot({}, m_at), plain);
    QVERIFY(board.delta(0, {callId(1)}, m_at).text != delta);
    QVERIFY(board.delta(0, {}, later).text != delta);
    QCOMPARE(board.delta(0, {}, m_at).text, delta);
}

void TestStateBoard::keepsToItsBytes()
{
    Settings settings;
    settings.replayBytes = 200 * 1024;
    StateBoard board{settings};
    Follower console;
    for (int i = 0; i < 2000; ++i) {
        CallSummary call = liveCall(callId(i));
        call.language = QString(1000, u'x');
        board.setCall(call, m_now);
        QVERIFY(console.follow(board, {}, m_at)); // by which it is encoded
        board.trim();
        QVERIFY(board.heldBytes() <= settings.replayBytes);
    }
    QCOMPARE(console.calls.size(), 2000);
    QVERIFY(board.heldChanges() > 50);
    QVERIFY(board.heldChanges() < 200);
    QVERIFY(!board.holds(1000, {}));
    QVERIFY(board.holds(1990, {}));
}

void TestStateBoard::doesNotGrowByWhatChangesOften()
{
    StateBoard board{Settings{}};
    Follower console;
    board.setService(service(QStringLiteral("stt"), ServiceState::Ready)); // the oldest, and never changed again
    for (int i = 0; i < 100000; ++i)
        board.setCall(liveCall(callId(i % 5), CallState::Speaking, i), m_now);
    QCOMPARE(board.heldChanges(), 6);
    QVERIFY(board.heldBytes() < 10000);
    // However much happened, what is the last of each thing is there: no snapshot is needed.
    QVERIFY(board.holds(0, {}));
    QVERIFY(console.follow(board, {}, m_at));
    QCOMPARE(console.changes, 6);
}

void TestStateBoard::sendsMuchInParts()
{
    Settings settings;
    settings.deltaBytes = 4096;
    StateBoard board{settings};
    for (int i = 0; i < 500; ++i)
        board.setCall(liveCall(callId(i)), m_now);
    qint64 at = 0;
    int parts = 0;
    for (;;) {
        const StateBoard::Message part = board.delta(at, {}, m_at);
        QVERIFY(!part.text.isEmpty());
        QVERIFY2(part.text.size() < 4096 + 200, qPrintable(QString::number(part.text.size())));
        at = part.to;
        ++parts;
        if (part.isWhole)
            break;
    }
    QCOMPARE(at, 500);
    QVERIFY(parts > 20);
    Follower console;
    QVERIFY(console.follow(board, {}, m_at));
    QCOMPARE(console.messages, parts);
    QCOMPARE(console.calls.size(), 500);
    // One that is larger than a part goes alone.
    CallSummary large = liveCall(callId(1));
    large.language = QString(10000, u'x');
    board.setCall(large, m_now);
    board.setCall(liveCall(callId(2), CallState::Speaking), m_now);
    QVERIFY(console.follow(board, {}, m_at));
    QCOMPARE(console.messages, parts + 2);
}

void TestStateBoard::sendsManyTurnsInParts()
{
    Settings settings;
    settings.deltaBytes = 4096;
    StateBoard board{settings};
    Follower console;
    for (int i = 0; i < 3; ++i)
        board.setCall(liveCall(callId(i)), m_now);
    const QSet<QString> watched{callId(0), callId(1), callId(2)};
    QVERIFY(console.follow(board, watched, m_at));
    for (int number = 1; number <= 100; ++number) {
        for (int i = 0; i < 3; ++i)
            board.setTurn(callId(i), turnOf(number, QString(100, u'x')));
        board.setCall(liveCall(callId(number), CallState::Speaking), m_now);
    }
    QVERIFY(console.follow(board, watched, m_at));
    QVERIFY(console.messages > 10);
    for (int i = 0; i < 3; ++i)
        QCOMPARE(console.turns.value(callId(i)).size(), 100);
    QCOMPARE(console.calls.size(), 101);
    QCOMPARE(console.changes, 3 + 100 + 300);
}

void TestStateBoard::showsABoundedNumberOfCalls()
{
    Settings settings;
    settings.calls = 10;
    StateBoard board{settings};
    for (int i = 0; i < 15; ++i)
        board.setCall(liveCall(callId(i)), m_now);
    QCOMPARE(board.callsNotShown(), 5u);
    QVERIFY(board.isShown(callId(9)) && !board.isShown(callId(10)));
    QVERIFY(board.setCall(liveCall(callId(9), CallState::Ended), m_now)); // known ones go on
    QCOMPARE(board.expire(m_now + Milliseconds(30000)).size(), 1);
    QVERIFY(board.setCall(liveCall(callId(10)), m_now));
}

void TestStateBoard::aFollowerEndsWhereASnapshotDoes_data()
{
    QTest::addColumn<int>("replayChanges");
    QTest::addColumn<int>("deltaBytes");
    QTest::addColumn<int>("seed");
    for (int seed = 1; seed <= 8; ++seed) {
        QTest::addRow("a large ring, seed %d", seed) << 8192 << 128 * 1024 << seed;
        QTest::addRow("small parts, seed %d", seed) << 8192 << 700 << seed;
        QTest::addRow("a small ring, seed %d", seed) << 12 << 3000 << seed;
    }
}

/// Whatever happens, and however seldom a console looks, it sees in the end what one sees that comes then.
void TestStateBoard::aFollowerEndsWhereASnapshotDoes()
{
    QFETCH(int, replayChanges);
    QFETCH(int, deltaBytes);
    QFETCH(int, seed);
    Settings settings;
    settings.replayChanges = replayChanges;
    settings.deltaBytes = deltaBytes;
    settings.transcriptTurns = 5;
    StateBoard board{settings};
    QRandomGenerator random{quint32(seed)};
    const QSet<QString> watched{callId(1), callId(3)};
    QList<Follower> consoles(3);
    Instant now = m_now;
    for (int step = 0; step < 3000; ++step) {
        const int call = int(random.bounded(12));
        switch (random.bounded(10)) {
        case 0:
            board.setService(service(QString::number(random.bounded(3)), ServiceState(random.bounded(5))));
            break;
        case 1:
            board.setCall(liveCall(callId(call), CallState::Ended, step), now);
            break;
        case 2:
        case 3:
        case 4:
            board.setCall(liveCall(callId(call), CallState(random.bounded(10)), step), now);
            break;
        case 5:
            now += Milliseconds(4000);
            board.expire(now);
            break;
        case 6: {
            EngineStatus engine;
            engine.calls = int(random.bounded(3));
            board.setEngine(engine);
            break;
        }
        default:
            board.setTurn(callId(call), turnOf(int(random.bounded(9)) + 1, QString::number(step)));
        }
        if (random.bounded(3) == 0)
            QVERIFY(consoles[0].follow(board, watched, m_at));
        if (random.bounded(40) == 0)
            QVERIFY(consoles[1].follow(board, watched, m_at));
        if (random.bounded(500) == 0)
            QVERIFY(consoles[2].follow(board, watched, m_at));
    }
    Follower fresh;
    QVERIFY(fresh.take(board.snapshot(watched, m_at)));
    for (Follower& console : consoles) {
        QVERIFY(console.follow(board, watched, m_at));
        QVERIFY(console.engine == fresh.engine);
        QVERIFY(console.services == fresh.services);
        QVERIFY(console.calls == fresh.calls);
        for (const QString& call : watched) {
            // (the console may remember turns that the engine keeps no more)
            const QMap<int, TranscriptTurn> kept = fresh.turns.value(call);
            for (auto turn = kept.cbegin(); turn != kept.cend(); ++turn)
                QVERIFY(console.turns.value(call).value(turn.key()) == *turn);
        }
    }
}

QTEST_GUILESS_MAIN(TestStateBoard)
#include "tst_stateboard.moc"
