// SPDX-License-Identifier: Apache-2.0
#include "console/net/synchronizer.h"
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"
#include "tests/support/fakeclock.h"

#include <QRegularExpression>
#include <QTest>

using namespace std::chrono_literals;
namespace wire = kav::protocol;
using kav::console::Outcome;
using kav::console::Synchronizer;
using Phase = Synchronizer::Phase;

namespace {

const QDateTime Noon = QDateTime(QDate(2026, 3, 1), QTime(12, 0), Qt::UTC);
const QString Run = QStringLiteral("run-1");
const QString CallA = QStringLiteral("CA1");
const QString CallB = QStringLiteral("CA2");

/// The console's side with all that it shows written down, and the engine's words put into its mouth.
class Dialogue final {
public:
    Dialogue()
        : synchronizer(QStringLiteral("kav-console 0.1.0"), clock)
    {
        const auto note = [this](const QString& line) { shown.append(line); };
        QObject::connect(&synchronizer, &Synchronizer::send, &synchronizer, [this](const QByteArray& text) {
            const auto message = wire::decodeToEngine(text);
            QVERIFY2(message, text.constData());
            sent.append(*message);
        });
        QObject::connect(&synchronizer, &Synchronizer::phaseChanged, &synchronizer, [note](Phase phase) {
            static const QMap<Phase, QString> names{{Phase::Down, QStringLiteral("down")},
                {Phase::Hello, QStringLiteral("hello")}, {Phase::Synchronizing, QStringLiteral("synchronizing")},
                {Phase::Live, QStringLiteral("live")}};
            note(names.value(phase));
        });
        QObject::connect(&synchronizer, &Synchronizer::welcomed, &synchronizer,
            [note](const wire::Welcome& welcome) { note(QStringLiteral("welcomed by ") + welcome.engineName); });
        QObject::connect(
            &synchronizer, &Synchronizer::refused, &synchronizer, [note, this](const wire::Refusal& what, bool final) {
                refusal = what;
                note(QStringLiteral("refused: ") + wire::errorCodeName(what.code)
                    + (final ? QStringLiteral(", for good") : QString()));
            });
        QObject::connect(&synchronizer, &Synchronizer::broken, &synchronizer, [note, this](const QString& text) {
            why = text;
            note(QStringLiteral("broken"));
        });
        QObject::connect(
            &synchronizer, &Synchronizer::snapshotTaken, &synchronizer, [note](const wire::Snapshot& snapshot) {
                note(QStringLiteral("snapshot of %1 calls").arg(snapshot.calls.size()));
            });
        QObject::connect(
            &synchronizer, &Synchronizer::resumed, &synchronizer, [note] { note(QStringLiteral("resumed")); });
        QObject::connect(
            &synchronizer, &Synchronizer::engineChanged, &synchronizer, [note](const kav::EngineStatus& engine) {
                note(QStringLiteral("engine with %1 calls").arg(engine.calls));
            });
        QObject::connect(&synchronizer, &Synchronizer::serviceChanged, &synchronizer,
            [note](const kav::ServiceStatus& service) { note(QStringLiteral("service ") + service.id); });
        QObject::connect(
            &synchronizer, &Synchronizer::callChanged, &synchronizer, [note](const kav::CallSummary& call) {
                note(QStringLiteral("call %1 %2").arg(call.id, kav::callStateName(call.state)));
            });
        QObject::connect(&synchronizer, &Synchronizer::callGone, &synchronizer,
            [note](const QString& call) { note(QStringLiteral("gone ") + call); });
        QObject::connect(&synchronizer, &Synchronizer::transcriptTaken, &synchronizer,
            [note](const wire::CallTranscript& transcript) {
                note(QStringLiteral("transcript %1 of %2 turns").arg(transcript.call).arg(transcript.turns.size()));
            });
        QObject::connect(&synchronizer, &Synchronizer::turnChanged, &synchronizer,
            [note](const QString& call, const kav::TranscriptTurn& turn) {
                note(QStringLiteral("turn %1/%2 '%3'").arg(call).arg(turn.record.number).arg(turn.record.callerText));
            });
        QObject::connect(&synchronizer, &Synchronizer::logChanged, &synchronizer,
            [note](const kav::CallLogRow& row) { note(QStringLiteral("log ") + row.id); });
        QObject::connect(&synchronizer, &Synchronizer::deltaTaken, &synchronizer,
            [note](qint64 seq) { note(QStringLiteral("at %1").arg(seq)); });
        QObject::connect(&synchronizer, &Synchronizer::commandFinished, &synchronizer,
            [this, note](qint64 id, const Outcome& outcome) {
                outcomes.append({id, outcome});
                const auto* error = std::get_if<wire::CommandError>(&outcome);
                note(QStringLiteral("command %1 %2")
                         .arg(id)
                         .arg(error ? wire::errorCodeName(error->code) : QStringLiteral("done")));
            });
    }

    void says(const wire::ToConsole& message) { synchronizer.take(wire::encode(message)); }
    void welcomes(bool resumed = false, const QString& run = Run)
    {
        wire::Welcome welcome;
        welcome.version = wire::HighestVersion;
        welcome.features = {wire::feature::CallLog, QStringLiteral("of-tomorrow")};
        welcome.run = run;
        welcome.engineVersion = QStringLiteral("0.1.0");
        welcome.engineName = QStringLiteral("tel-1");
        welcome.startedAt = Noon;
        welcome.operatorName = QStringLiteral("alice");
        welcome.resumed = resumed;
        says(welcome);
    }
    void showsAt(qint64 seq, const QStringList& calls = {}, const QList<wire::CallTranscript>& watched = {})
    {
        wire::Snapshot snapshot;
        snapshot.seq = seq;
        snapshot.at = Noon;
        for (const QString& id : calls)
            snapshot.calls.append(call(id));
        snapshot.watched = watched;
        says(snapshot);
    }
    void changes(qint64 from, qint64 to, const QList<wire::Change>& changes = {})
    {
        says(wire::Delta{from, to, Noon, changes});
    }
    void beats(qint64 seq) { says(wire::Heartbeat{seq, Noon}); }
    void replies(qint64 id, const wire::CommandResult& result = {}) { says(wire::Reply{id, result}); }
    void denies(qint64 id, wire::ErrorCode code)
    {
        says(wire::Reply{id, wire::CommandError{code, QStringLiteral("no")}});
    }
    /// To Live at `seq`; what was sent and shown on the way is checked elsewhere.
    void goesLive(qint64 seq, const QStringList& calls = {}, const QList<wire::CallTranscript>& watched = {})
    {
        synchronizer.lineUp();
        welcomes();
        showsAt(seq, calls, watched);
        QCOMPARE(synchronizer.phase(), Phase::Live);
        clear();
    }
    void clear()
    {
        sent.clear();
        shown.clear();
        outcomes.clear();
    }
    void advance(kav::Milliseconds by)
    {
        clock.advance(by);
        synchronizer.tick();
    }

    static kav::CallSummary call(const QString& id)
    {
        kav::CallSummary call;
        call.id = id;
        call.direction = QStringLiteral("inbound");
        call.startedAt = Noon;
        call.state = kav::CallState::Listening;
        call.stateSince = Noon;
        return call;
    }
    static kav::TranscriptTurn turn(int number, const QString& words)
    {
        kav::TranscriptTurn turn;
        turn.record.number = number;
        turn.record.callerText = words;
        turn.startedAt = Noon;
        return turn;
    }
    static wire::CallTranscript transcript(const QString& id, qint64 seq, int turns = 0)
    {
        wire::CallTranscript transcript{id, seq, 1, {}};
        for (int i = 1; i <= turns; ++i)
            transcript.turns.append(turn(i, QStringLiteral("words")));
        return transcript;
    }

    kav::test::FakeClock clock;
    Synchronizer synchronizer;
    QList<wire::ToEngine> sent;
    QStringList shown;
    QList<std::pair<qint64, Outcome>> outcomes;
    std::optional<wire::Refusal> refusal;
    QString why;
};

template <typename T> const T& as(const wire::ToEngine& message)
{
    return std::get<T>(message);
}

QStringList lines(const char* text)
{
    return QString::fromUtf8(text).split(QStringLiteral(" | "));
}

} // namespace

class TestSynchronizer final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".*"))); }

    // Coming up.
    void saysHelloWhenTheLineIsUp();
    void becomesLiveByWelcomeAndSnapshot();
    void isBrokenByAnythingBeforeTheWelcome_data();
    void isBrokenByAnythingBeforeTheWelcome();
    void isBrokenByWhatIsNotTheProtocol_data();
    void isBrokenByWhatIsNotTheProtocol();
    void isBrokenByASecondWelcome();
    void tellsARefusal_data();
    void tellsARefusal();
    void refusesAVersionItDoesNotSpeak();
    void readsNothingAfterTheEnd();
    void knowsTheEnginesFeatures();
    void holdsTheHeartbeatWithinReason_data();
    void holdsTheHeartbeatWithinReason();

    // Staying up.
    void appliesDeltasInOrder();
    void ignoresAnOldDelta();
    void asksOnceForASnapshotAfterAGap_data();
    void asksOnceForASnapshotAfterAGap();
    void heartbeatWithAnotherNumberIsAGap_data();
    void heartbeatWithAnotherNumberIsAGap();
    void takesAHeartbeatBeforeTheSnapshot();
    void takesASnapshotNobodyAskedFor();
    void isBrokenByADeltaThatGoesBackwards();
    void ignoresAndCountsWhatIsOfTomorrow();
    void resyncOnDemandStaysLive();
    void gapWhileASnapshotIsOnItsWayAsksNoMore();
    void givesUpOnASnapshotThatDoesNotCome_data();
    void givesUpOnASnapshotThatDoesNotCome();

    // Coming back.
    void resumesWhereItWas();
    void takesASnapshotWhenTheEngineCannotResume();
    void takesASnapshotFromAnotherRun();
    void doesNotResumeWhatTheEngineHasForgotten();
    void doesNotResumeAfterABadHello();
    void resumesFromBeforeAGap();
    void hasNothingToResumeBeforeTheFirstSnapshot();
    void doesNotResumeAfterBeingBroken();
    void doesNotResumeAfterForget();
    void isBrokenByAResumeOfAnotherRun();
    void isBrokenByAResumeNeverOffered();

    // Watching.
    void watchGivesTranscriptThenTurns();
    void turnsUpToTheTranscriptAreOld();
    void turnsOfUnwatchedCallsAreIgnored();
    void remembersWatchesForTheNextHello();
    void asksAgainForATranscriptThatDidNotCome();
    void makesGoodAWatchOnADeadLine();
    void makesGoodAnUnwatchBetweenHelloAndSnapshot();
    void forgetsAWatchThatTheEngineDoesNotHave_data();
    void forgetsAWatchThatTheEngineDoesNotHave();
    void forgetsTheWatchOfACallThatIsGone();
    void dropsATranscriptNobodyWantsAnyMore();

    // Commands.
    void sendsEachCommand();
    void finishesCommandsByTheirReplies();
    void takesAReplyOnce();
    void finishesACommandAtItsDeadline();
    void finishesCommandsWhenTheLineGoes();
    void finishesLaterWhenNotLive_data();
    void finishesLaterWhenNotLive();
    void doesNotSendWhatTheEngineWouldCutTheLineFor();
    void sendsWhatIsAskedForWhileTheSnapshotIsShown();

    // Time.
    void pingsEachHeartbeat();
    void lagGrowsWhileAPongIsAwaited();
    void pongOfAnotherPingSaysNothing();
    void tellsTheEnginesTimeByTheFastestMessage();
    void remembersTheFastestMessageForAWhile();
    void followsAClockThatWasSet();
    void keepsTheEnginesTimeWhileTheLineIsDown();
    void tellsWhenItLastHeard();

    // Slots that do things.
    void aSlotMayTakeTheLineDown_data();
    void aSlotMayTakeTheLineDown();
    void messagesWaitWhileASlotTurnsTheEventLoop();
    void aSlotMayCommandFromWithinADelta();
};

void TestSynchronizer::saysHelloWhenTheLineIsUp()
{
    Dialogue d;
    d.synchronizer.setToken(QStringLiteral("sesame-sesame-sesame"));
    d.synchronizer.setOperatorName(QStringLiteral("Alice"));
    d.synchronizer.lineUp();

    QCOMPARE(d.sent.size(), 1);
    const auto& hello = as<wire::Hello>(d.sent.first());
    QCOMPARE(hello.lowest, wire::LowestVersion);
    QCOMPARE(hello.highest, wire::HighestVersion);
    QCOMPARE(hello.client, QStringLiteral("kav-console 0.1.0"));
    QCOMPARE(hello.token, QStringLiteral("sesame-sesame-sesame"));
    QCOMPARE(hello.operatorName, QStringLiteral("Alice"));
    QVERIFY(hello.features.contains(wire::feature::Replay));
    QVERIFY(!hello.resume);
    QVERIFY(hello.watch.isEmpty());
    QCOMPARE(d.shown, lines("hello"));
    QVERIFY(!d.synchronizer.welcome());
    QCOMPARE(d.synchronizer.counters().sent, 1);
}

void TestSynchronizer::becomesLiveByWelcomeAndSnapshot()
{
    Dialogue d;
    d.synchronizer.lineUp();
    d.welcomes();
    QCOMPARE(d.shown, lines("hello | welcomed by tel-1 | synchronizing"));
    d.showsAt(7, {CallA, CallB});
    QCOMPARE(d.shown, lines("hello | welcomed by tel-1 | synchronizing | snapshot of 2 calls | live"));
    QCOMPARE(d.synchronizer.seq(), 7);
    QCOMPARE(d.synchronizer.counters().snapshots, 1);
    QCOMPARE(d.synchronizer.counters().resyncs, 0);
    QCOMPARE(d.sent.size(), 1);
}

void TestSynchronizer::isBrokenByAnythingBeforeTheWelcome_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("a snapshot") << wire::encode(wire::Snapshot{1, Noon, {}, {}, {}, {}});
    QTest::newRow("a delta") << wire::encode(wire::Delta{0, 1, Noon, {}});
    QTest::newRow("a heartbeat") << wire::encode(wire::Heartbeat{0, Noon});
    QTest::newRow("a pong") << wire::encode(wire::Pong{1, Noon});
    QTest::newRow("a reply") << wire::encode(wire::ToConsole(wire::Reply{1, wire::CommandResult()}));
    QTest::newRow("an echo of the hello") << wire::encode(wire::Hello());
    QTest::newRow("another protocol") << QByteArray("{\"type\":\"event\"}");
}

void TestSynchronizer::isBrokenByAnythingBeforeTheWelcome()
{
    QFETCH(QByteArray, text);
    Dialogue d;
    d.synchronizer.lineUp();
    d.synchronizer.take(text);
    QCOMPARE(d.shown, lines("hello | broken"));
    QCOMPARE(d.sent.size(), 1);
}

void TestSynchronizer::isBrokenByWhatIsNotTheProtocol_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("nothing") << QByteArray();
    QTest::newRow("words") << QByteArray("welcome!");
    QTest::newRow("half an object") << QByteArray("{\"type\":\"heartbeat\",\"seq\":");
    QTest::newRow("a list") << QByteArray("[]");
    QTest::newRow("no type") << QByteArray("{}");
    QTest::newRow("bytes") << QByteArray("\xff\xfe\x00\x80", 4);
    QTest::newRow("a heartbeat without its number") << QByteArray("{\"type\":\"heartbeat\"}");
    QTest::newRow("depth") << QByteArray(100000, '[');
}

void TestSynchronizer::isBrokenByWhatIsNotTheProtocol()
{
    QFETCH(QByteArray, text);
    for (const bool live : {false, true}) {
        Dialogue d;
        if (live)
            d.goesLive(3);
        else
            d.synchronizer.lineUp();
        d.clear();
        d.synchronizer.take(text);
        QCOMPARE(d.shown, lines("broken"));
        QVERIFY(!d.why.isEmpty());
        QCOMPARE(d.sent.size(), 0);
    }
}

void TestSynchronizer::isBrokenByASecondWelcome()
{
    Dialogue d;
    d.goesLive(3);
    d.welcomes();
    QCOMPARE(d.shown, lines("broken"));
}

void TestSynchronizer::tellsARefusal_data()
{
    QTest::addColumn<wire::ErrorCode>("code");
    QTest::addColumn<bool>("final");
    QTest::newRow("no version in common") << wire::ErrorCode::Version << true;
    QTest::newRow("a wrong token") << wire::ErrorCode::Unauthorized << true;
    QTest::newRow("full") << wire::ErrorCode::TooManyConsoles << false;
    QTest::newRow("too many messages") << wire::ErrorCode::RateLimited << false;
    QTest::newRow("too slow") << wire::ErrorCode::TooSlow << false;
    QTest::newRow("a bad message") << wire::ErrorCode::BadMessage << false;
    QTest::newRow("hello too late") << wire::ErrorCode::HelloExpected << false;
    QTest::newRow("a fault") << wire::ErrorCode::Internal << false;
}

void TestSynchronizer::tellsARefusal()
{
    QFETCH(wire::ErrorCode, code);
    QFETCH(bool, final);
    const QString shown =
        QStringLiteral("refused: ") + wire::errorCodeName(code) + (final ? QStringLiteral(", for good") : QString());
    // Instead of a welcome, and out of the blue.
    for (const bool live : {false, true}) {
        Dialogue d;
        if (live)
            d.goesLive(3);
        else
            d.synchronizer.lineUp();
        d.clear();
        d.says(wire::Refusal{code, QStringLiteral("because"), {}, {}});
        QCOMPARE(d.shown, QStringList{shown});
        QCOMPARE(d.refusal->message, QStringLiteral("because"));
    }
}

void TestSynchronizer::refusesAVersionItDoesNotSpeak()
{
    for (const int version : {wire::HighestVersion + 1, wire::LowestVersion - 1}) {
        Dialogue d;
        d.synchronizer.lineUp();
        wire::Welcome welcome;
        welcome.version = version;
        welcome.run = Run;
        welcome.startedAt = Noon;
        d.says(welcome);
        QCOMPARE(d.shown, lines("hello | refused: version, for good"));
        QVERIFY(d.refusal->message.contains(QStringLiteral("version %1 ").arg(version)));
        QCOMPARE(d.refusal->lowest, version);
        QVERIFY(!d.synchronizer.welcome());
    }
}

void TestSynchronizer::readsNothingAfterTheEnd()
{
    Dialogue d;
    d.goesLive(3);
    d.says(wire::Refusal{wire::ErrorCode::TooSlow, QStringLiteral("because"), {}, {}});
    d.clear();
    d.changes(3, 4, {wire::CallGone{CallA}});
    d.showsAt(9);
    d.advance(1min);
    QVERIFY(d.shown.isEmpty());
    QVERIFY(d.sent.isEmpty());

    d.synchronizer.lineDown();
    d.clear();
    d.changes(3, 4, {wire::CallGone{CallA}});
    QVERIFY(d.shown.isEmpty());
}

void TestSynchronizer::knowsTheEnginesFeatures()
{
    Dialogue d;
    QVERIFY(!d.synchronizer.has(wire::feature::CallLog));
    d.goesLive(1);
    QVERIFY(d.synchronizer.has(wire::feature::CallLog));
    QVERIFY(!d.synchronizer.has(wire::feature::Warm));
    d.synchronizer.lineDown();
    QVERIFY(!d.synchronizer.has(wire::feature::CallLog));
}

void TestSynchronizer::holdsTheHeartbeatWithinReason_data()
{
    QTest::addColumn<int>("promised");
    QTest::addColumn<int>("held");
    QTest::newRow("usual") << 5000 << 5000;
    QTest::newRow("none") << 0 << 1000;
    QTest::newRow("a day") << 86400000 << 60000;
}

void TestSynchronizer::holdsTheHeartbeatWithinReason()
{
    QFETCH(int, promised);
    QFETCH(int, held);
    Dialogue d;
    d.synchronizer.lineUp();
    wire::Welcome welcome;
    welcome.version = wire::HighestVersion;
    welcome.run = Run;
    welcome.startedAt = Noon;
    welcome.heartbeat = kav::Milliseconds(promised);
    d.says(welcome);
    QVERIFY(d.synchronizer.welcome());
    QCOMPARE(d.synchronizer.welcome()->heartbeat, kav::Milliseconds(held));
}

void TestSynchronizer::appliesDeltasInOrder()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    kav::EngineStatus engine;
    engine.calls = 2;
    kav::ServiceStatus service;
    service.id = QStringLiteral("stt");
    service.since = Noon;
    service.checkedAt = Noon;
    kav::CallLogRow row;
    row.id = CallA;
    row.startedAt = Noon;
    d.changes(10, 12, {wire::CallChange{Dialogue::call(CallB)}, wire::EngineChange{engine}});
    d.changes(12, 15, {wire::ServiceChange{service}, wire::CallGone{CallA}, wire::LogChange{row}});
    d.changes(15, 16, {});
    QCOMPARE(d.shown,
        lines("call CA2 listening | engine with 2 calls | at 12 | service stt | gone CA1 | log CA1 | at 15 | at 16"));
    QCOMPARE(d.synchronizer.seq(), 16);
    QCOMPARE(d.synchronizer.counters().deltas, 3);
    QCOMPARE(d.synchronizer.counters().changes, 5);
    QCOMPARE(d.synchronizer.counters().ignored, 0);
    QVERIFY(d.sent.isEmpty());
}

void TestSynchronizer::ignoresAnOldDelta()
{
    Dialogue d;
    d.goesLive(10);
    d.changes(8, 10, {wire::CallGone{CallA}});
    d.changes(3, 5, {wire::CallGone{CallA}});
    d.changes(10, 10, {wire::CallGone{CallA}});
    QVERIFY(d.shown.isEmpty());
    QVERIFY(d.sent.isEmpty());
    QCOMPARE(d.synchronizer.counters().ignored, 3);
    d.changes(10, 11, {wire::CallGone{CallA}});
    QCOMPARE(d.shown, lines("gone CA1 | at 11"));
}

void TestSynchronizer::asksOnceForASnapshotAfterAGap_data()
{
    QTest::addColumn<qint64>("from");
    QTest::newRow("something is missing") << qint64(11);
    QTest::newRow("it overlaps what is known") << qint64(9);
}

void TestSynchronizer::asksOnceForASnapshotAfterAGap()
{
    QFETCH(qint64, from);
    Dialogue d;
    d.goesLive(10, {CallA});
    d.changes(from, 12, {wire::CallGone{CallA}});
    d.changes(12, 13, {wire::CallGone{CallA}});
    d.beats(13);
    d.changes(10, 11, {wire::CallGone{CallA}});
    QCOMPARE(d.shown, lines("synchronizing"));
    QCOMPARE(d.sent, QList<wire::ToEngine>{wire::Resync{}});
    QCOMPARE(d.synchronizer.counters().ignored, 3);
    QCOMPARE(d.synchronizer.seq(), 10);

    d.showsAt(13);
    d.changes(13, 14, {wire::CallChange{Dialogue::call(CallB)}});
    QCOMPARE(d.shown, lines("synchronizing | snapshot of 0 calls | live | call CA2 listening | at 14"));
    QCOMPARE(d.sent.size(), 1);
    QCOMPARE(d.synchronizer.counters().resyncs, 1);

    // The next gap is asked about anew.
    d.changes(20, 21);
    QCOMPARE(d.sent.size(), 2);
}

void TestSynchronizer::heartbeatWithAnotherNumberIsAGap_data()
{
    QTest::addColumn<qint64>("seq");
    QTest::newRow("further") << qint64(11);
    QTest::newRow("behind") << qint64(9);
}

void TestSynchronizer::heartbeatWithAnotherNumberIsAGap()
{
    QFETCH(qint64, seq);
    Dialogue d;
    d.goesLive(10);
    d.beats(10);
    QVERIFY(d.shown.isEmpty());
    d.beats(seq);
    d.beats(seq);
    QCOMPARE(d.shown, lines("synchronizing"));
    QCOMPARE(d.sent, QList<wire::ToEngine>{wire::Resync{}});
    QCOMPARE(d.synchronizer.counters().heartbeats, 3);
}

void TestSynchronizer::takesAHeartbeatBeforeTheSnapshot()
{
    Dialogue d;
    d.synchronizer.lineUp();
    d.welcomes();
    d.clear();
    d.beats(4);
    d.changes(4, 5, {wire::CallGone{CallA}});
    QVERIFY(d.shown.isEmpty());
    QVERIFY(d.sent.isEmpty());
    d.showsAt(5);
    QCOMPARE(d.shown, lines("snapshot of 0 calls | live"));
}

void TestSynchronizer::takesASnapshotNobodyAskedFor()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    d.showsAt(500, {CallB});
    d.changes(500, 501);
    QCOMPARE(d.shown, lines("snapshot of 1 calls | at 501"));
    QVERIFY(d.sent.isEmpty());
}

void TestSynchronizer::isBrokenByADeltaThatGoesBackwards()
{
    Dialogue d;
    d.goesLive(10);
    // Our decoder may refuse it already; either way it ends the line.
    d.changes(10, 9);
    QCOMPARE(d.shown, lines("broken"));
}

void TestSynchronizer::ignoresAndCountsWhatIsOfTomorrow()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.take("{\"type\":\"weather\",\"wind\":7}");
    d.synchronizer.take("{\"type\":\"question\",\"id\":7}");
    d.changes(10, 11, {wire::CallGone{CallA}});
    d.synchronizer.take("{\"type\":\"delta\",\"from\":11,\"to\":12,\"at\":1772366400000,"
                        "\"changes\":[{\"kind\":\"weather\",\"wind\":7}]}");
    QCOMPARE(d.shown, lines("gone CA1 | at 11 | at 12"));
    QCOMPARE(d.synchronizer.counters().ignored, 3);
    QCOMPARE(d.synchronizer.counters().changes, 1);
    QVERIFY(d.sent.isEmpty());
}

void TestSynchronizer::resyncOnDemandStaysLive()
{
    Dialogue d;
    d.synchronizer.resync();
    QVERIFY(d.sent.isEmpty());
    d.goesLive(10);
    d.synchronizer.resync();
    d.synchronizer.resync();
    QCOMPARE(d.sent, QList<wire::ToEngine>{wire::Resync{}});
    d.changes(10, 11, {wire::CallGone{CallA}});
    d.showsAt(11);
    QCOMPARE(d.shown, lines("gone CA1 | at 11 | snapshot of 0 calls"));
    d.synchronizer.resync();
    QCOMPARE(d.sent.size(), 2);
}

void TestSynchronizer::gapWhileASnapshotIsOnItsWayAsksNoMore()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.resync();
    d.changes(12, 13);
    QCOMPARE(d.shown, lines("synchronizing"));
    QCOMPARE(d.sent.size(), 1);
    d.showsAt(13);
    QCOMPARE(d.shown, lines("synchronizing | snapshot of 0 calls | live"));
}

void TestSynchronizer::givesUpOnASnapshotThatDoesNotCome_data()
{
    QTest::addColumn<int>("way");
    QTest::newRow("after the welcome") << 0;
    QTest::newRow("after a gap") << 1;
    QTest::newRow("on demand") << 2;
}

void TestSynchronizer::givesUpOnASnapshotThatDoesNotCome()
{
    QFETCH(int, way);
    Dialogue d;
    if (way == 0) {
        d.synchronizer.lineUp();
        d.welcomes();
    } else {
        d.goesLive(10);
        if (way == 1)
            d.changes(12, 13);
        else
            d.synchronizer.resync();
    }
    d.clear();
    d.advance(Synchronizer::CommandTime - 1ms);
    QVERIFY(d.shown.isEmpty());
    d.advance(1ms);
    QCOMPARE(d.shown, lines("broken"));
    QVERIFY(d.why.contains(QLatin1String("snapshot")));
}

void TestSynchronizer::resumesWhereItWas()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    d.changes(10, 12);
    d.synchronizer.lineDown();
    QCOMPARE(d.synchronizer.seq(), 12);
    d.clear();

    d.synchronizer.lineUp();
    QCOMPARE(d.sent.size(), 1);
    QCOMPARE(as<wire::Hello>(d.sent.first()).resume, (wire::Resume{Run, 12}));
    d.welcomes(true);
    d.changes(12, 14, {wire::CallGone{CallA}});
    QCOMPARE(d.shown, lines("hello | welcomed by tel-1 | resumed | live | gone CA1 | at 14"));
    QCOMPARE(d.sent.size(), 1);
    QCOMPARE(d.synchronizer.counters().snapshots, 1);
}

void TestSynchronizer::takesASnapshotWhenTheEngineCannotResume()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.lineDown();
    d.clear();
    d.synchronizer.lineUp();
    d.welcomes(false);
    d.showsAt(9000, {CallB});
    QCOMPARE(d.shown, lines("hello | welcomed by tel-1 | synchronizing | snapshot of 1 calls | live"));
    QCOMPARE(d.sent.size(), 1);
}

void TestSynchronizer::doesNotResumeWhatTheEngineHasForgotten()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    d.replies(d.synchronizer.watch(CallA), Dialogue::transcript(CallA, 10, 1));
    d.synchronizer.lineDown();
    d.synchronizer.lineUp();
    d.welcomes(false);
    d.synchronizer.lineDown(); // before the snapshot
    d.synchronizer.lineUp();
    QVERIFY(!as<wire::Hello>(d.sent.last()).resume);
}

void TestSynchronizer::doesNotResumeAfterABadHello()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.lineDown();
    d.synchronizer.lineUp();
    QVERIFY(as<wire::Hello>(d.sent.last()).resume);
    d.says(wire::Refusal{wire::ErrorCode::BadMessage, QStringLiteral("hello.resume is bad"), {}, {}});
    d.synchronizer.lineDown();
    d.synchronizer.lineUp();
    QVERIFY(!as<wire::Hello>(d.sent.last()).resume);
}

void TestSynchronizer::takesASnapshotFromAnotherRun()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.lineDown();
    d.synchronizer.lineUp();
    d.welcomes(false, QStringLiteral("run-2"));
    d.showsAt(2);
    d.changes(2, 3);
    d.synchronizer.lineDown();
    d.clear();
    d.synchronizer.lineUp();
    QCOMPARE(as<wire::Hello>(d.sent.first()).resume, (wire::Resume{QStringLiteral("run-2"), 3}));
}

void TestSynchronizer::resumesFromBeforeAGap()
{
    Dialogue d;
    d.goesLive(10);
    d.changes(12, 13);
    d.synchronizer.lineDown();
    d.clear();
    d.synchronizer.lineUp();
    QCOMPARE(as<wire::Hello>(d.sent.first()).resume, (wire::Resume{Run, 10}));
    // The snapshot that was asked for on the old line is not awaited on this one.
    d.advance(Synchronizer::CommandTime);
    QCOMPARE(d.shown, lines("hello"));
}

void TestSynchronizer::hasNothingToResumeBeforeTheFirstSnapshot()
{
    Dialogue d;
    d.synchronizer.lineUp();
    d.welcomes();
    d.synchronizer.lineDown();
    d.synchronizer.lineUp();
    QVERIFY(!as<wire::Hello>(d.sent.last()).resume);
}

void TestSynchronizer::doesNotResumeAfterBeingBroken()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.take("{\"type\":\"delta\"}");
    d.synchronizer.lineDown();
    d.synchronizer.lineUp();
    QCOMPARE(d.shown, lines("broken | down | hello"));
    QVERIFY(!as<wire::Hello>(d.sent.last()).resume);
    // Nor does the engine do it unasked.
    d.welcomes(true);
    QCOMPARE(d.shown.last(), QStringLiteral("broken"));
}

void TestSynchronizer::doesNotResumeAfterForget()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    d.synchronizer.watch(CallA);
    d.synchronizer.forget();
    QCOMPARE(d.shown, lines("down | command 1 unavailable"));
    d.synchronizer.lineUp();
    const auto& hello = as<wire::Hello>(d.sent.last());
    QVERIFY(!hello.resume);
    QVERIFY(hello.watch.isEmpty());
    QCOMPARE(d.synchronizer.seq(), 0);
}

void TestSynchronizer::isBrokenByAResumeOfAnotherRun()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.lineDown();
    d.synchronizer.lineUp();
    d.clear();
    d.welcomes(true, QStringLiteral("run-2"));
    QCOMPARE(d.shown, lines("broken"));
}

void TestSynchronizer::isBrokenByAResumeNeverOffered()
{
    Dialogue d;
    d.synchronizer.lineUp();
    d.clear();
    d.welcomes(true);
    QCOMPARE(d.shown, lines("broken"));
}

void TestSynchronizer::watchGivesTranscriptThenTurns()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    const qint64 id = d.synchronizer.watch(CallA);
    QCOMPARE(d.sent, (QList<wire::ToEngine>{wire::WatchCall{id, CallA}}));
    d.replies(id, Dialogue::transcript(CallA, 12, 2));
    d.changes(10, 13, {wire::TurnChange{CallA, Dialogue::turn(3, QStringLiteral("hello"))}});
    QCOMPARE(d.shown, lines("transcript CA1 of 2 turns | command 1 done | turn CA1/3 'hello' | at 13"));

    const qint64 last = d.synchronizer.unwatch(CallA);
    QCOMPARE(as<wire::UnwatchCall>(d.sent.last()), (wire::UnwatchCall{last, CallA}));
    d.changes(13, 14, {wire::TurnChange{CallA, Dialogue::turn(3, QStringLiteral("hello you"))}});
    QCOMPARE(d.shown.last(), QStringLiteral("at 14"));
    QCOMPARE(d.sent.size(), 2);
}

void TestSynchronizer::turnsUpToTheTranscriptAreOld()
{
    Dialogue d;
    d.goesLive(10, {CallA, CallB});
    d.replies(d.synchronizer.watch(CallA), Dialogue::transcript(CallA, 12, 2));
    d.replies(d.synchronizer.watch(CallB), Dialogue::transcript(CallB, 11, 1));
    d.clear();
    d.changes(10, 12,
        {wire::TurnChange{CallA, Dialogue::turn(2, QStringLiteral("old"))},
            wire::TurnChange{CallB, Dialogue::turn(1, QStringLiteral("new"))}});
    d.changes(12, 13, {wire::TurnChange{CallA, Dialogue::turn(2, QStringLiteral("new"))}});
    QCOMPARE(d.shown, lines("turn CA2/1 'new' | at 12 | turn CA1/2 'new' | at 13"));
}

void TestSynchronizer::turnsOfUnwatchedCallsAreIgnored()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    d.changes(10, 11, {wire::TurnChange{CallA, Dialogue::turn(1, QStringLiteral("words"))}});
    // Asked for, but its transcript has yet to come.
    d.synchronizer.watch(CallA);
    d.changes(11, 12, {wire::TurnChange{CallA, Dialogue::turn(1, QStringLiteral("words"))}});
    QCOMPARE(d.shown, lines("at 11 | at 12"));
    QCOMPARE(d.synchronizer.counters().ignored, 2);
}

void TestSynchronizer::remembersWatchesForTheNextHello()
{
    Dialogue d;
    d.goesLive(10, {CallA, CallB});
    d.replies(d.synchronizer.watch(CallB), Dialogue::transcript(CallB, 10, 1));
    d.replies(d.synchronizer.watch(CallA), Dialogue::transcript(CallA, 10, 1));
    d.synchronizer.lineDown();
    d.clear();

    d.synchronizer.lineUp();
    QCOMPARE(as<wire::Hello>(d.sent.first()).watch, (QStringList{CallB, CallA}));
    d.welcomes(true);
    d.changes(10, 11, {wire::TurnChange{CallA, Dialogue::turn(2, QStringLiteral("words"))}});
    QCOMPARE(d.shown, lines("hello | welcomed by tel-1 | resumed | live | turn CA1/2 'words' | at 11"));
    QCOMPARE(d.sent.size(), 1);

    // And the same with a snapshot, which brings the transcripts.
    d.synchronizer.lineDown();
    d.clear();
    d.synchronizer.lineUp();
    d.welcomes(false);
    d.showsAt(50, {CallA, CallB}, {Dialogue::transcript(CallB, 50, 3), Dialogue::transcript(CallA, 50, 2)});
    QCOMPARE(d.shown,
        lines("hello | welcomed by tel-1 | synchronizing | snapshot of 2 calls | transcript CA2 of 3 turns | "
              "transcript CA1 of 2 turns | live"));
    QCOMPARE(d.sent.size(), 1);
}

void TestSynchronizer::asksAgainForATranscriptThatDidNotCome()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    d.synchronizer.watch(CallA);
    d.synchronizer.lineDown();
    d.clear();
    d.synchronizer.lineUp();
    d.welcomes(true);
    QCOMPARE(d.sent.size(), 2);
    const qint64 id = as<wire::WatchCall>(d.sent.last()).id;
    d.clear();
    d.replies(id, Dialogue::transcript(CallA, 10, 4));
    // Nobody gave that command, so nobody hears of its end.
    QCOMPARE(d.shown, lines("transcript CA1 of 4 turns"));
}

void TestSynchronizer::makesGoodAWatchOnADeadLine()
{
    Dialogue d;
    d.synchronizer.lineUp();
    d.welcomes();
    d.clear();
    d.synchronizer.watch(CallA); // the hello is gone, the snapshot not here
    QVERIFY(d.sent.isEmpty());
    QTRY_COMPARE(d.shown, lines("command 1 unavailable"));
    d.showsAt(5, {CallA});
    QCOMPARE(d.sent, (QList<wire::ToEngine>{wire::WatchCall{2, CallA}}));
    d.replies(2, Dialogue::transcript(CallA, 5, 1));
    QCOMPARE(d.shown, lines("command 1 unavailable | snapshot of 1 calls | live | transcript CA1 of 1 turns"));

    // One whose watch is on its way is not asked for twice.
    d.clear();
    const qint64 id = d.synchronizer.watch(CallB);
    d.showsAt(6, {CallA, CallB}, {Dialogue::transcript(CallA, 6, 1)});
    QCOMPARE(d.sent, (QList<wire::ToEngine>{wire::WatchCall{id, CallB}}));
}

void TestSynchronizer::makesGoodAnUnwatchBetweenHelloAndSnapshot()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    d.replies(d.synchronizer.watch(CallA), Dialogue::transcript(CallA, 10, 1));
    d.synchronizer.lineDown();
    d.synchronizer.lineUp();
    d.synchronizer.unwatch(CallA);
    d.clear();
    d.welcomes();
    d.showsAt(11, {CallA}, {Dialogue::transcript(CallA, 11, 1)});
    QCOMPARE(d.sent.size(), 1);
    const auto unwatch = as<wire::UnwatchCall>(d.sent.first());
    QCOMPARE(unwatch.call, CallA);
    d.replies(unwatch.id);
    QVERIFY(!d.shown.contains(QStringLiteral("transcript CA1 of 1 turns")));
    QVERIFY(d.outcomes.isEmpty());
}

void TestSynchronizer::forgetsAWatchThatTheEngineDoesNotHave_data()
{
    QTest::addColumn<wire::ErrorCode>("code");
    QTest::addColumn<bool>("forgotten");
    QTest::newRow("no such call") << wire::ErrorCode::NoSuchCall << true;
    QTest::newRow("too many watched") << wire::ErrorCode::NotPossible << true;
    QTest::newRow("too fast") << wire::ErrorCode::RateLimited << false;
}

void TestSynchronizer::forgetsAWatchThatTheEngineDoesNotHave()
{
    QFETCH(wire::ErrorCode, code);
    QFETCH(bool, forgotten);
    Dialogue d;
    d.goesLive(10);
    d.denies(d.synchronizer.watch(CallA), code);
    QCOMPARE(d.shown, QStringList{QStringLiteral("command 1 ") + wire::errorCodeName(code)});
    d.synchronizer.lineDown();
    d.synchronizer.lineUp();
    QCOMPARE(as<wire::Hello>(d.sent.last()).watch, forgotten ? QStringList() : QStringList{CallA});
}

void TestSynchronizer::forgetsTheWatchOfACallThatIsGone()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    d.replies(d.synchronizer.watch(CallA), Dialogue::transcript(CallA, 10, 1));
    d.changes(10, 11, {wire::CallGone{CallA}});
    d.synchronizer.lineDown();
    d.synchronizer.lineUp();
    QVERIFY(as<wire::Hello>(d.sent.last()).watch.isEmpty());
}

void TestSynchronizer::dropsATranscriptNobodyWantsAnyMore()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    const qint64 watch = d.synchronizer.watch(CallA);
    const qint64 unwatch = d.synchronizer.unwatch(CallA);
    d.replies(watch, Dialogue::transcript(CallA, 10, 1));
    d.replies(unwatch);
    QCOMPARE(d.shown, lines("command 1 done | command 2 done"));
}

void TestSynchronizer::sendsEachCommand()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    const QByteArray wav("RIFF\0\xff", 6);
    d.synchronizer.interrupt(CallA);
    d.synchronizer.endCall(CallA, true);
    d.synchronizer.endCall(CallB, false);
    d.synchronizer.startTestCall({QStringLiteral("שלום")}, wav, QStringLiteral("12#"));
    d.synchronizer.queryLog(QStringLiteral("pizza"), QStringLiteral("p2"), 20);
    d.synchronizer.queryCall(CallA);
    d.synchronizer.warmService(QStringLiteral("stt"));
    d.synchronizer.transferCall(CallA, QStringLiteral("sales"));
    QCOMPARE(d.sent,
        (QList<wire::ToEngine>{wire::InterruptCall{1, CallA}, wire::EndCall{2, CallA, true},
            wire::EndCall{3, CallB, false},
            wire::StartTestCall{4, {QStringLiteral("שלום")}, wav, QStringLiteral("12#")},
            wire::QueryLog{5, QStringLiteral("pizza"), QStringLiteral("p2"), 20}, wire::QueryCall{6, CallA},
            wire::WarmService{7, QStringLiteral("stt")}, wire::TransferCall{8, CallA, QStringLiteral("sales")}}));
    QCOMPARE(d.synchronizer.counters().sent, 1 + 8);
}

void TestSynchronizer::finishesCommandsByTheirReplies()
{
    Dialogue d;
    d.goesLive(10, {CallA});
    const qint64 first = d.synchronizer.queryLog({}, {}, 50);
    const qint64 second = d.synchronizer.interrupt(CallA);
    const qint64 third = d.synchronizer.startTestCall({QStringLiteral("hi")}, {}, {});
    QVERIFY(d.outcomes.isEmpty());
    d.replies(third, wire::TestCallStarted{CallB});
    d.denies(second, wire::ErrorCode::NotPossible);
    wire::LogPage page;
    page.next = QStringLiteral("p2");
    d.replies(first, page);

    QCOMPARE(d.outcomes.size(), 3);
    QCOMPARE(d.outcomes[0], (std::pair<qint64, Outcome>(third, wire::CommandResult(wire::TestCallStarted{CallB}))));
    QCOMPARE(d.outcomes[1],
        (std::pair<qint64, Outcome>(second, wire::CommandError{wire::ErrorCode::NotPossible, QStringLiteral("no")})));
    QCOMPARE(d.outcomes[2], (std::pair<qint64, Outcome>(first, wire::CommandResult(page))));
}

void TestSynchronizer::takesAReplyOnce()
{
    Dialogue d;
    d.goesLive(10);
    const qint64 id = d.synchronizer.interrupt(CallA);
    d.replies(id);
    d.replies(id);
    d.replies(id + 1);
    d.replies(999);
    QCOMPARE(d.shown, lines("command 1 done"));
    QCOMPARE(d.synchronizer.counters().ignored, 3);
}

void TestSynchronizer::finishesACommandAtItsDeadline()
{
    Dialogue d;
    d.goesLive(10);
    const qint64 early = d.synchronizer.interrupt(CallA);
    d.clock.advance(1s);
    const qint64 late = d.synchronizer.interrupt(CallB);
    d.advance(Synchronizer::CommandTime - 1s - 1ms);
    QVERIFY(d.outcomes.isEmpty());
    d.advance(1ms);
    QCOMPARE(d.shown, QStringList{QStringLiteral("command %1 timeout").arg(early)});
    // The answer comes after all: it is too late, and the other one's is not.
    d.replies(early);
    d.replies(late);
    QCOMPARE(d.shown.size(), 2);
    QCOMPARE(d.shown.last(), QStringLiteral("command %1 done").arg(late));
    d.advance(1min);
    QCOMPARE(d.outcomes.size(), 2);
}

void TestSynchronizer::finishesCommandsWhenTheLineGoes()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.interrupt(CallA);
    d.synchronizer.endCall(CallA, false);
    d.synchronizer.lineDown();
    QCOMPARE(d.shown, lines("down | command 1 unavailable | command 2 unavailable"));
    d.synchronizer.lineDown();
    QCOMPARE(d.shown.size(), 3);
}

void TestSynchronizer::finishesLaterWhenNotLive_data()
{
    QTest::addColumn<int>("steps");
    QTest::newRow("down") << 0;
    QTest::newRow("before the welcome") << 1;
    QTest::newRow("before the snapshot") << 2;
    QTest::newRow("in a gap") << 3;
    QTest::newRow("refused") << 4;
}

void TestSynchronizer::finishesLaterWhenNotLive()
{
    QFETCH(int, steps);
    Dialogue d;
    if (steps >= 1)
        d.synchronizer.lineUp();
    if (steps >= 2)
        d.welcomes();
    if (steps >= 3) {
        d.showsAt(1);
        if (steps == 3)
            d.changes(5, 6);
        else
            d.says(wire::Refusal{wire::ErrorCode::TooSlow, {}, {}, {}});
    }
    d.clear();
    const qint64 id = d.synchronizer.interrupt(CallA);
    QVERIFY(d.sent.isEmpty());
    QVERIFY(d.outcomes.isEmpty());
    QTRY_COMPARE(d.shown, QStringList{QStringLiteral("command %1 unavailable").arg(id)});
    d.advance(1min);
    d.synchronizer.lineDown();
    QCOMPARE(d.outcomes.size(), 1);
}

void TestSynchronizer::doesNotSendWhatTheEngineWouldCutTheLineFor()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.startTestCall({}, QByteArray(600 * 1024, 'x'), {});
    QCOMPARE(d.sent.size(), 1);
    const qint64 id = d.synchronizer.startTestCall({}, QByteArray(800 * 1024, 'x'), {});
    QCOMPARE(d.sent.size(), 1);
    QVERIFY(d.outcomes.isEmpty());
    QTRY_COMPARE(d.shown, QStringList{QStringLiteral("command %1 bad-message").arg(id)});
}

void TestSynchronizer::sendsWhatIsAskedForWhileTheSnapshotIsShown()
{
    Dialogue d;
    QObject::connect(
        &d.synchronizer, &Synchronizer::snapshotTaken, &d.synchronizer, [&d] { d.synchronizer.queryLog({}, {}, 50); });
    d.goesLive(10);
    d.replies(1, wire::LogPage());
    QCOMPARE(d.shown, lines("command 1 done"));
}

void TestSynchronizer::pingsEachHeartbeat()
{
    Dialogue d;
    d.goesLive(10);
    QVERIFY(!d.synchronizer.lag());
    d.synchronizer.tick();
    QCOMPARE(d.sent, QList<wire::ToEngine>{wire::Ping{1}});
    d.clock.advance(80ms);
    d.says(wire::Pong{1, Noon});
    QCOMPARE(d.synchronizer.lag(), kav::Milliseconds(40));

    d.advance(4919ms);
    QCOMPARE(d.sent.size(), 1);
    d.advance(1ms);
    QCOMPARE(d.sent.size(), 2);
    QCOMPARE(as<wire::Ping>(d.sent.last()), wire::Ping{2});
    // One is enough on a line that does not answer.
    d.advance(5s);
    QCOMPARE(d.sent.size(), 2);

    // The next line begins anew.
    d.says(wire::Pong{2, Noon});
    d.advance(0ms);
    QCOMPARE(as<wire::Ping>(d.sent.last()), wire::Ping{3});
    d.synchronizer.lineDown();
    d.clear();
    d.synchronizer.lineUp();
    QVERIFY(!d.synchronizer.lag());
    d.synchronizer.tick();
    QCOMPARE(d.sent.size(), 1);
    d.welcomes(true);
    d.synchronizer.tick();
    QCOMPARE(as<wire::Ping>(d.sent.last()), wire::Ping{4});
}

void TestSynchronizer::lagGrowsWhileAPongIsAwaited()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.tick();
    d.clock.advance(20ms);
    d.says(wire::Pong{1, Noon});
    d.advance(5s);
    QCOMPARE(d.synchronizer.lag(), kav::Milliseconds(10));
    d.advance(4s);
    QCOMPARE(d.synchronizer.lag(), kav::Milliseconds(2000));
}

void TestSynchronizer::pongOfAnotherPingSaysNothing()
{
    Dialogue d;
    d.goesLive(10);
    d.says(wire::Pong{1, Noon});
    d.synchronizer.tick();
    d.says(wire::Pong{7, Noon});
    QVERIFY(!d.synchronizer.lag());
    QCOMPARE(d.synchronizer.counters().ignored, 2);
}

void TestSynchronizer::tellsTheEnginesTimeByTheFastestMessage()
{
    Dialogue d;
    QCOMPARE(d.synchronizer.engineNow(), d.clock.wallNow());
    d.goesLive(10); // made at noon, and here at once
    QCOMPARE(d.synchronizer.engineNow(), Noon);
    d.clock.advance(2s);
    QCOMPARE(d.synchronizer.engineNow(), Noon.addSecs(2));
    // A slow one does not set the clock back.
    d.says(wire::Heartbeat{10, Noon.addMSecs(1200)});
    QCOMPARE(d.synchronizer.engineNow(), Noon.addSecs(2));
    // A faster one tells better.
    d.says(wire::Heartbeat{10, Noon.addMSecs(2300)});
    QCOMPARE(d.synchronizer.engineNow(), Noon.addMSecs(2300));
}

void TestSynchronizer::remembersTheFastestMessageForAWhile()
{
    Dialogue d;
    d.goesLive(10); // made at noon, and here at once
    d.clock.advance(70s);
    d.says(wire::Heartbeat{10, Noon.addSecs(69)});
    QCOMPARE(d.synchronizer.engineNow(), Noon.addSecs(70));
    // After a long silence only what came then.
    d.clock.advance(200s);
    d.says(wire::Heartbeat{10, Noon.addSecs(260)});
    QCOMPARE(d.synchronizer.engineNow(), Noon.addSecs(260));
}

void TestSynchronizer::followsAClockThatWasSet()
{
    Dialogue d;
    d.goesLive(10);
    // The engine's clock is set back by an hour: two windows later it is believed.
    QDateTime engine = Noon.addSecs(-3600);
    for (int i = 0; i < 26; ++i) {
        d.clock.advance(5s);
        engine = engine.addSecs(5);
        d.says(wire::Heartbeat{10, engine});
    }
    QCOMPARE(d.synchronizer.engineNow(), engine);
    // Set forward: at once.
    d.says(wire::Heartbeat{10, engine.addSecs(60)});
    QCOMPARE(d.synchronizer.engineNow(), engine.addSecs(60));
}

void TestSynchronizer::keepsTheEnginesTimeWhileTheLineIsDown()
{
    Dialogue d;
    d.goesLive(10);
    d.synchronizer.lineDown();
    d.clock.advance(10s);
    QCOMPARE(d.synchronizer.engineNow(), Noon.addSecs(10));
    // On the next line the first message counts, be it slower.
    d.synchronizer.lineUp();
    d.welcomes(true);
    QCOMPARE(d.synchronizer.engineNow(), Noon.addSecs(10));
    d.says(wire::Heartbeat{10, Noon.addSecs(9)});
    QCOMPARE(d.synchronizer.engineNow(), Noon.addSecs(9));
    d.synchronizer.forget();
    QCOMPARE(d.synchronizer.engineNow(), d.clock.wallNow());
}

void TestSynchronizer::tellsWhenItLastHeard()
{
    Dialogue d;
    d.goesLive(10);
    const kav::Instant before = d.clock.now();
    d.clock.advance(3s);
    QCOMPARE(d.synchronizer.lastReceived(), before);
    d.beats(10);
    QCOMPARE(d.synchronizer.lastReceived(), before + 3s);
    d.clock.advance(3s);
    d.synchronizer.take("{\"type\":\"weather\"}");
    QCOMPARE(d.synchronizer.lastReceived(), before + 6s);
    d.synchronizer.lineDown();
    d.clock.advance(3s);
    d.synchronizer.lineUp();
    QCOMPARE(d.synchronizer.lastReceived(), before + 9s);
}

void TestSynchronizer::aSlotMayTakeTheLineDown_data()
{
    QTest::addColumn<QString>("when");
    QTest::addColumn<QString>("shown");
    QTest::newRow("at the hello") << "hello"
                                  << "hello | down";
    QTest::newRow("at the welcome") << "welcomed by tel-1"
                                    << "hello | welcomed by tel-1 | down";
    QTest::newRow("before the snapshot") << "synchronizing"
                                         << "hello | welcomed by tel-1 | synchronizing | down";
    QTest::newRow("at the snapshot") << "snapshot of 1 calls"
                                     << "hello | welcomed by tel-1 | synchronizing | snapshot of 1 calls | down";
    QTest::newRow("at a transcript") << "transcript CA1 of 1 turns"
                                     << "hello | welcomed by tel-1 | synchronizing | snapshot of 1 calls | "
                                        "transcript CA1 of 1 turns | down";
    QTest::newRow("once live") << "live"
                               << "hello | welcomed by tel-1 | synchronizing | snapshot of 1 calls | "
                                  "transcript CA1 of 1 turns | transcript CA2 of 1 turns | live | down";
    QTest::newRow("within a delta") << "gone CA1"
                                    << "hello | welcomed by tel-1 | synchronizing | snapshot of 1 calls | "
                                       "transcript CA1 of 1 turns | transcript CA2 of 1 turns | live | gone CA1 | "
                                       "down";
}

void TestSynchronizer::aSlotMayTakeTheLineDown()
{
    QFETCH(QString, when);
    QFETCH(QString, shown);
    Dialogue d;
    d.synchronizer.watch(CallA);
    d.synchronizer.watch(CallB);
    QTRY_COMPARE(d.outcomes.size(), 2);
    d.clear();
    const auto down = [&d, &when] {
        if (!d.shown.isEmpty() && d.shown.last() == when)
            d.synchronizer.lineDown();
    };
    auto* s = &d.synchronizer;
    QObject::connect(s, &Synchronizer::phaseChanged, s, down);
    QObject::connect(s, &Synchronizer::welcomed, s, down);
    QObject::connect(s, &Synchronizer::snapshotTaken, s, down);
    QObject::connect(s, &Synchronizer::transcriptTaken, s, down);
    QObject::connect(s, &Synchronizer::callGone, s, down);
    s->lineUp();
    d.welcomes();
    d.showsAt(10, {CallA}, {Dialogue::transcript(CallA, 10, 1), Dialogue::transcript(CallB, 10, 1)});
    d.changes(10, 11, {wire::CallGone{CallA}, wire::CallGone{CallB}});
    d.changes(11, 12);
    QCOMPARE(d.shown, shown.split(QStringLiteral(" | ")));
}

void TestSynchronizer::messagesWaitWhileASlotTurnsTheEventLoop()
{
    Dialogue d;
    d.goesLive(10);
    QObject::connect(&d.synchronizer, &Synchronizer::callGone, &d.synchronizer, [&d](const QString& call) {
        if (call == CallA)
            d.changes(11, 12, {wire::CallGone{QStringLiteral("CA3")}});
    });
    d.changes(10, 11, {wire::CallGone{CallA}, wire::CallGone{CallB}});
    QCOMPARE(d.shown, lines("gone CA1 | gone CA2 | at 11 | gone CA3 | at 12"));
}

void TestSynchronizer::aSlotMayCommandFromWithinADelta()
{
    Dialogue d;
    d.goesLive(10);
    QObject::connect(&d.synchronizer, &Synchronizer::callChanged, &d.synchronizer,
        [&d](const kav::CallSummary& call) { d.synchronizer.watch(call.id); });
    d.changes(10, 11, {wire::CallChange{Dialogue::call(CallA)}, wire::CallChange{Dialogue::call(CallB)}});
    QCOMPARE(d.sent, (QList<wire::ToEngine>{wire::WatchCall{1, CallA}, wire::WatchCall{2, CallB}}));
    QCOMPARE(d.shown, lines("call CA1 listening | call CA2 listening | at 11"));
}

QTEST_GUILESS_MAIN(TestSynchronizer)
#include "tst_synchronizer.moc"
