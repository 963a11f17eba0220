// SPDX-License-Identifier: Apache-2.0
#include "console/models/desk.h"
#include "console/models/roles.h"
#include "console/models/words.h"
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"
#include "tests/console/models/modelsupport.h"
#include "tests/support/fakeclock.h"

#include <QSignalSpy>
#include <QTest>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;
namespace wire = kav::protocol;
using Act = Desk::Act;

namespace {

const QString CallA = QStringLiteral("CAa"), CallB = QStringLiteral("CAb"), Old = QStringLiteral("CAold");

/// A desk without a socket, and the engine it believes to talk to.
struct Office final {
    Office()
    {
        QObject::connect(&desk.synchronizer(), &Synchronizer::send, &desk, [this](const QByteArray& text) {
            const auto message = wire::decodeToEngine(text);
            QVERIFY2(message, text.constData());
            note(*message);
        });
        QObject::connect(&desk, &Desk::failed, &desk, [this](Act act, const QString& target, const QString& sentence) {
            QVERIFY(!sentence.isEmpty());
            said.append(QStringLiteral("failed %1 %2").arg(int(act)).arg(target));
            lastSentence = sentence;
        });
        QObject::connect(&desk, &Desk::done, &desk, [this](Act act, const QString& target) {
            said.append(QStringLiteral("done %1 %2").arg(int(act)).arg(target));
        });
        QObject::connect(&desk, &Desk::testCallStarted, &desk,
            [this](const QString& call) { said.append(QStringLiteral("started ") + call); });
    }

    /// Writes down what the desk asks of the engine, in short, and its id.
    void note(const wire::ToEngine& message)
    {
        const auto command = [this](qint64 id, const QString& text) {
            asked.append(text);
            lastId = id;
            ids.insert(text, id);
        };
        if (const auto* m = std::get_if<wire::Hello>(&message))
            asked.append((QStringList(QStringLiteral("hello")) + m->watch).join(QLatin1Char(' ')));
        else if (const auto* watch = std::get_if<wire::WatchCall>(&message))
            command(watch->id, QStringLiteral("watch ") + watch->call);
        else if (const auto* unwatch = std::get_if<wire::UnwatchCall>(&message))
            command(unwatch->id, QStringLiteral("unwatch ") + unwatch->call);
        else if (const auto* interrupt = std::get_if<wire::InterruptCall>(&message))
            command(interrupt->id, QStringLiteral("interrupt ") + interrupt->call);
        else if (const auto* end = std::get_if<wire::EndCall>(&message))
            command(end->id, (end->now ? QStringLiteral("end now ") : QStringLiteral("end ")) + end->call);
        else if (const auto* transfer = std::get_if<wire::TransferCall>(&message))
            command(transfer->id, QStringLiteral("pass %1 on to %2").arg(transfer->call, transfer->to));
        else if (const auto* test = std::get_if<wire::StartTestCall>(&message))
            command(test->id, QStringLiteral("test call ") + test->say.join(QLatin1Char('|')));
        else if (const auto* log = std::get_if<wire::QueryLog>(&message))
            command(log->id, QStringLiteral("log '%1' after '%2'").arg(log->text, log->after));
        else if (const auto* call = std::get_if<wire::QueryCall>(&message))
            command(call->id, QStringLiteral("call ") + call->call);
        else if (const auto* warm = std::get_if<wire::WarmService>(&message))
            command(warm->id, QStringLiteral("warm ") + warm->service);
    }

    void says(const wire::ToConsole& message) { desk.synchronizer().take(wire::encode(message)); }
    void replies(const QString& to, const wire::CommandResult& result = {})
    {
        QVERIFY2(ids.contains(to), qPrintable(to + QStringLiteral(" was not asked")));
        says(wire::Reply{ids.value(to), result});
    }
    void denies(const QString& to, wire::ErrorCode code)
    {
        QVERIFY2(ids.contains(to), qPrintable(to + QStringLiteral(" was not asked")));
        says(wire::Reply{ids.value(to), wire::CommandError{code, QStringLiteral("no")}});
    }
    void welcomes(bool resumed = false)
    {
        wire::Welcome welcome;
        welcome.version = wire::HighestVersion;
        welcome.features = features;
        welcome.run = QStringLiteral("run-1");
        welcome.engineVersion = QStringLiteral("0.1.0");
        welcome.startedAt = Epoch;
        welcome.resumed = resumed;
        says(welcome);
    }
    void shows(const QList<CallSummary>& calls, const QList<wire::CallTranscript>& watched = {})
    {
        wire::Snapshot snapshot;
        snapshot.seq = seq;
        snapshot.at = clock.wallNow();
        snapshot.engine.ready = true;
        snapshot.engine.capacity = 10;
        snapshot.services = {service(ServiceState::Failed)};
        snapshot.calls = calls;
        snapshot.watched = watched;
        says(snapshot);
    }
    void changes(const QList<wire::Change>& list)
    {
        ++seq;
        says(wire::Delta{seq - 1, seq, clock.wallNow(), list});
    }
    /// Live, with its first page of the log there.
    void goesLive(const QList<CallSummary>& calls)
    {
        desk.synchronizer().lineUp();
        welcomes();
        shows(calls);
        QVERIFY(desk.isLive());
        replies(FirstPage, wire::LogPage{{logRow(Old, 1)}, {}});
        asked.clear();
    }
    void losesTheLine() { desk.synchronizer().lineDown(); }
    void comesBack(const QList<CallSummary>& calls, const QList<wire::CallTranscript>& watched = {})
    {
        desk.synchronizer().lineUp();
        welcomes();
        shows(calls, watched);
    }
    void advance(Milliseconds by)
    {
        clock.advance(by);
        desk.synchronizer().tick();
    }

    static ServiceStatus service(ServiceState state)
    {
        ServiceStatus service;
        service.id = QStringLiteral("stt");
        service.state = state;
        service.since = Epoch;
        service.checkedAt = Epoch;
        return service;
    }
    static wire::CallTranscript transcript(const QString& call, int turns)
    {
        wire::CallTranscript transcript{call, 0, 1, {}};
        for (int i = 1; i <= turns; ++i)
            transcript.turns.append(turnOf(i, QStringLiteral("words")));
        return transcript;
    }
    static wire::CallDetail detail(const QString& call, int turns)
    {
        return {logRow(call, 1), transcript(call, turns).turns, {}};
    }
    QStringList askedNow() { return std::exchange(asked, {}); }
    QStringList saidNow() { return std::exchange(said, {}); }

    static inline const QString FirstPage = QStringLiteral("log '' after ''");

    FakeClock clock;
    Desk desk{QStringLiteral("kav-console 0.1.0"), clock, [] { return 0.5; }};
    ModelEar liveEar{desk.liveCalls()}, shownEar{desk.shownCalls()}, transcriptEar{desk.transcript()},
        servicesEar{desk.services()}, logEar{desk.log()};
    QStringList features{QString(wire::feature::CallLog), QString(wire::feature::TestCall),
        QString(wire::feature::Control), QString(wire::feature::Warm), QString(wire::feature::Replay),
        QString(wire::feature::Transfer)};
    qint64 seq = 1, lastId = 0;
    QHash<QString, qint64> ids;
    QStringList asked, said;
    QString lastSentence;
};

QStringList lines(std::initializer_list<const char*> texts)
{
    QStringList list;
    for (const char* text : texts)
        list.append(QString::fromLatin1(text));
    return list;
}

} // namespace

/// What the engine says and what the desk then shows; what the operator does and what the desk then says.
class TestDesk final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void nothingIsPossibleBeforeTheLine();
    void aSnapshotFillsEveryScreen();
    void changesReachTheirModels();
    void aLiveCallIsWatched();
    void anotherSelectionLeavesTheFirst();
    void scrollingQuicklyAsksForTheLastOnly();
    void aCallOfTheLogIsFetched();
    void aCallThatIsGoneIsFetchedFromTheLog();
    void aCallThatCannotBeWatchedIsFetched();
    void aCallThatCannotBeFetchedSaysWhyAndMayBeAskedAgain();
    void anEngineWithoutALogIsNotAskedForIt();
    void theSelectionSurvivesTheLine();
    void aSelectionMadeWithoutALineIsMadeGood();
    void aResumedLineGoesOn();
    void theLogIsRefreshedAfterTheLine();
    void theLogIsAskedForTheLastFilterOnly();
    void aLogFailureIsTold();
    void whyNotToInterrupt_data();
    void whyNotToInterrupt();
    void whyNotToEnd();
    void aCallThatWasPassedOnIsEndedAtOnce();
    void whyNotToPassOn_data();
    void whyNotToPassOn();
    void whomNobodyIsNamedForIsNotPassedOn();
    void anOlderEnginePassesNothingOn();
    void aCallIsPassedOnOnce();
    void aRefusalToPassOnSaysWhy();
    void whyNotToTest();
    void whyNotToWarm();
    void anEngineThatCannotIsNotAsked();
    void aCommandIsPendingUntilConfirmed();
    void aCommandThatIsDeniedSaysWhy();
    void aCommandWithoutAnAnswerTimesOut();
    void aCommandOnALostLineIsNotKnown();
    void endingAtOnceMayFollowEndingPolitely();
    void aTestCallNamesItsCall();
    void withoutALineAllIsDimmed();
    void theBannerSaysWhatIsWrong();
    void anotherEngineBeginsEmpty();
    void aDeskMayGoWithCommandsUnderWay();
};

void TestDesk::nothingIsPossibleBeforeTheLine()
{
    Office office;
    QVERIFY(!office.desk.isLive());
    QVERIFY(!office.desk.linkSentence().isEmpty());
    for (const Act act : {Act::Interrupt, Act::EndCall, Act::EndCallNow, Act::TestCall, Act::WarmService})
        QVERIFY(!office.desk.whyNot(act, CallA).isEmpty());
    office.desk.interrupt(CallA);
    office.desk.endCall(CallA, true);
    office.desk.startTestCall({}, {}, {});
    office.desk.warmService(QStringLiteral("stt"));
    QCOMPARE(office.askedNow(), QStringList());
    QVERIFY(!office.desk.isPending(Act::Interrupt, CallA));
}

void TestDesk::aSnapshotFillsEveryScreen()
{
    Office office;
    QSignalSpy acts(&office.desk, &Desk::actsChanged);
    office.desk.synchronizer().lineUp();
    office.welcomes();
    QVERIFY(!office.desk.isLive());
    office.shows({liveCall(CallA), liveCall(CallB)});
    QVERIFY(office.desk.isLive());
    QCOMPARE(office.desk.linkSentence(), QString());
    QCOMPARE(shown(office.desk.liveCalls(), 0, IdRole), QStringList({CallA, CallB}));
    QCOMPARE(shown(office.desk.shownCalls(), 0, IdRole), QStringList({CallA, CallB}));
    QCOMPARE(shown(office.desk.services(), 0, IdRole), lines({"engine", "stt"}));
    QVERIFY(office.desk.services().engine().ready);
    QVERIFY(!office.desk.liveCalls().index(0, 0).data(DimmedRole).toBool());
    QVERIFY(acts.size() > 0);
    QCOMPARE(office.askedNow(), lines({"hello", "log '' after ''"}));
    office.replies(Office::FirstPage, wire::LogPage{{logRow(Old, 1)}, {}});
    QCOMPARE(shown(office.desk.log(), 0, IdRole), QStringList({Old}));
}

void TestDesk::changesReachTheirModels()
{
    Office office;
    office.goesLive({liveCall(CallA)});
    EngineStatus engine;
    engine.draining = true;
    engine.notReady = lines({"draining"});
    office.changes({wire::CallChange{liveCall(CallA, 0s, CallState::Speaking)}, wire::CallChange{liveCall(CallB)},
        wire::EngineChange{engine}, wire::ServiceChange{Office::service(ServiceState::Ready)},
        wire::LogChange{logRow(CallB, 9, false)}});
    office.desk.liveCalls().flush();
    QCOMPARE(shown(office.desk.liveCalls(), 0, IdRole), QStringList({CallA, CallB}));
    QCOMPARE(office.desk.liveCalls().at(0).state, CallState::Speaking);
    QVERIFY(office.desk.services().engine().draining);
    QCOMPARE(office.desk.services().service(QStringLiteral("stt"))->state, ServiceState::Ready);
    QCOMPARE(shown(office.desk.log(), 0, IdRole), QStringList({CallB, Old}));
    office.changes({wire::CallGone{CallA}});
    office.desk.liveCalls().flush();
    QCOMPARE(shown(office.desk.liveCalls(), 0, IdRole), QStringList({CallB}));
}

void TestDesk::aLiveCallIsWatched()
{
    Office office;
    office.goesLive({liveCall(CallA)});
    QSignalSpy selection(&office.desk, &Desk::selectionChanged);
    office.desk.selectCall(CallA);
    QCOMPARE(office.askedNow(), lines({"watch CAa"}));
    QCOMPARE(selection.size(), 1);
    QVERIFY(office.desk.isSelectionLoading());
    QVERIFY(office.desk.selectedLive());
    office.desk.selectCall(CallA);
    QCOMPARE(selection.size(), 1);

    office.replies(QStringLiteral("watch CAa"), Office::transcript(CallA, 2));
    QVERIFY(!office.desk.isSelectionLoading());
    QCOMPARE(office.desk.transcript().rowCount(), 2);
    office.changes({wire::TurnChange{CallA, turnOf(3, QStringLiteral("more"))}});
    QCOMPARE(office.desk.transcript().rowCount(), 3);

    selection.clear();
    office.changes({wire::CallChange{liveCall(CallA, 0s, CallState::Speaking)}});
    QCOMPARE(selection.size(), 1);
    QCOMPARE(office.desk.selectedLive()->state, CallState::Speaking);
    QCOMPARE(office.askedNow(), QStringList());
}

void TestDesk::anotherSelectionLeavesTheFirst()
{
    Office office;
    office.goesLive({liveCall(CallA), liveCall(CallB)});
    office.desk.selectCall(CallA);
    office.replies(QStringLiteral("watch CAa"), Office::transcript(CallA, 2));
    office.desk.selectCall(CallB);
    QCOMPARE(office.desk.transcript().rowCount(), 0);
    QTRY_COMPARE(office.asked, lines({"watch CAa", "unwatch CAa", "watch CAb"}));
    office.replies(QStringLiteral("watch CAb"), Office::transcript(CallB, 1));
    QCOMPARE(office.desk.transcript().callId(), CallB);
    QCOMPARE(office.desk.transcript().rowCount(), 1);
    office.desk.selectCall({});
    QTRY_COMPARE(office.asked.last(), QStringLiteral("unwatch CAb"));
    QVERIFY(!office.desk.isSelectionLoading());
}

void TestDesk::scrollingQuicklyAsksForTheLastOnly()
{
    QList<CallSummary> calls;
    for (int i = 0; i < 100; ++i)
        calls.append(liveCall(QStringLiteral("CA%1").arg(i)));
    Office office;
    office.goesLive(calls);
    for (const CallSummary& call : std::as_const(calls))
        office.desk.selectCall(call.id);
    QCOMPARE(office.asked, lines({"watch CA0"}));
    QTRY_COMPARE(office.asked, lines({"watch CA0", "unwatch CA0", "watch CA99"}));
    // A late answer for the first is nobody's.
    office.replies(QStringLiteral("watch CA0"), Office::transcript(QStringLiteral("CA0"), 3));
    QCOMPARE(office.desk.transcript().rowCount(), 0);
    QVERIFY(office.desk.isSelectionLoading());
}

void TestDesk::aCallOfTheLogIsFetched()
{
    Office office;
    office.goesLive({});
    office.desk.selectCall(Old);
    QCOMPARE(office.askedNow(), lines({"call CAold"}));
    QVERIFY(!office.desk.selectedLive());
    QCOMPARE(office.desk.selectedLogRow()->id, Old); // the log's table has it
    office.replies(QStringLiteral("call CAold"), Office::detail(Old, 4));
    QCOMPARE(office.desk.transcript().rowCount(), 4);
    QVERIFY(!office.desk.isSelectionLoading());
    // The log learns its end: the transcript is fetched anew.
    office.askedNow();
    auto row = logRow(Old, 1);
    row.turns = 9;
    office.changes({wire::LogChange{row}});
    QCOMPARE(office.desk.selectedLogRow()->turns, 9);
    QTRY_COMPARE(office.asked, lines({"call CAold"}));
}

void TestDesk::aCallThatIsGoneIsFetchedFromTheLog()
{
    Office office;
    office.goesLive({liveCall(CallA)});
    office.desk.selectCall(CallA);
    office.replies(QStringLiteral("watch CAa"), Office::transcript(CallA, 2));
    office.askedNow();
    office.changes({wire::CallGone{CallA}});
    QVERIFY(!office.desk.selectedLive());
    QCOMPARE(office.desk.transcript().rowCount(), 2); // what was read stays on screen
    QTRY_COMPARE(office.asked, lines({"call CAa"}));
    office.askedNow();
    office.transcriptEar.heard();
    office.replies(QStringLiteral("call CAa"), Office::detail(CallA, 3));
    QCOMPARE(office.transcriptEar.heard(), lines({"+2..2"}));
    QCOMPARE(office.desk.selectedLogRow()->id, CallA);
    office.desk.selectCall({});
    QTest::qWait(0);
    QCOMPARE(office.askedNow(), QStringList()); // the engine knows already that nobody watches
}

void TestDesk::aCallThatCannotBeWatchedIsFetched()
{
    Office office;
    office.goesLive({liveCall(CallA, 0s, CallState::Ended)});
    office.desk.selectCall(CallA);
    office.denies(QStringLiteral("watch CAa"), wire::ErrorCode::NoSuchCall);
    QCOMPARE(office.askedNow(), lines({"watch CAa", "call CAa"}));
    office.replies(QStringLiteral("call CAa"), Office::detail(CallA, 3));
    QCOMPARE(office.desk.transcript().rowCount(), 3);
    QCOMPARE(office.desk.selectionTrouble(), QString());
}

void TestDesk::aCallThatCannotBeFetchedSaysWhyAndMayBeAskedAgain()
{
    Office office;
    office.goesLive({});
    office.desk.selectCall(Old);
    office.denies(QStringLiteral("call CAold"), wire::ErrorCode::NoSuchCall);
    QCOMPARE(office.desk.selectionTrouble(), errorSentence({wire::ErrorCode::NoSuchCall, {}}));
    QVERIFY(!office.desk.isSelectionLoading());
    office.askedNow();
    office.desk.selectCall(Old);
    QVERIFY(office.desk.isSelectionLoading());
    QTRY_COMPARE(office.asked, lines({"call CAold"}));
    office.replies(QStringLiteral("call CAold"), wire::TestCallStarted{CallA}); // nonsense
    QVERIFY(!office.desk.selectionTrouble().isEmpty());
}

void TestDesk::anEngineWithoutALogIsNotAskedForIt()
{
    Office office;
    office.features.removeOne(wire::feature::CallLog);
    office.desk.synchronizer().lineUp();
    office.welcomes();
    office.shows({});
    QVERIFY(!office.desk.log().trouble().isEmpty());
    QVERIFY(!office.desk.log().isLoading());
    office.desk.selectCall(Old);
    QTRY_VERIFY(!office.desk.selectionTrouble().isEmpty());
    QCOMPARE(office.askedNow(), lines({"hello"}));
}

void TestDesk::theSelectionSurvivesTheLine()
{
    Office office;
    office.goesLive({liveCall(CallA), liveCall(CallB)});
    office.desk.selectCall(CallB);
    office.replies(QStringLiteral("watch CAb"), Office::transcript(CallB, 2));
    office.askedNow();
    office.liveEar.heard();
    office.transcriptEar.heard();
    office.losesTheLine();
    QVERIFY(office.desk.selectedLive());
    office.comesBack({liveCall(CallB)}, {Office::transcript(CallB, 3)});
    QCOMPARE(office.askedNow().first(), QStringLiteral("hello CAb"));
    QCOMPARE(office.desk.selectedCall(), CallB);
    QCOMPARE(office.desk.transcript().rowCount(), 3);
    QVERIFY(!office.liveEar.heard().contains(QStringLiteral("reset")));
    QVERIFY(!office.transcriptEar.heard().contains(QStringLiteral("reset")));
    QVERIFY(!office.ids.contains(QStringLiteral("unwatch CAb")));
    // And a call that went meanwhile is fetched.
    office.losesTheLine();
    office.comesBack({});
    QTRY_VERIFY(office.asked.contains(QStringLiteral("call CAb")));
}

void TestDesk::aSelectionMadeWithoutALineIsMadeGood()
{
    Office office;
    office.goesLive({liveCall(CallA), liveCall(CallB)});
    office.desk.selectCall(CallA);
    office.replies(QStringLiteral("watch CAa"), Office::transcript(CallA, 2));
    office.losesTheLine();
    office.desk.selectCall(CallB);
    office.askedNow();
    office.comesBack({liveCall(CallA), liveCall(CallB)}, {Office::transcript(CallA, 2)});
    QTRY_VERIFY(office.asked.contains(QStringLiteral("watch CAb")));
    QVERIFY(office.asked.contains(QStringLiteral("unwatch CAa")));
    office.replies(QStringLiteral("watch CAb"), Office::transcript(CallB, 1));
    QCOMPARE(office.desk.transcript().rowCount(), 1);
}

void TestDesk::aResumedLineGoesOn()
{
    Office office;
    office.goesLive({liveCall(CallA)});
    office.desk.selectCall(CallA);
    office.replies(QStringLiteral("watch CAa"), Office::transcript(CallA, 2));
    office.losesTheLine();
    QVERIFY(office.desk.liveCalls().index(0, 0).data(DimmedRole).toBool());
    office.transcriptEar.heard();
    office.desk.synchronizer().lineUp();
    office.welcomes(true);
    QVERIFY(office.desk.isLive());
    QVERIFY(!office.desk.liveCalls().index(0, 0).data(DimmedRole).toBool());
    office.changes({wire::TurnChange{CallA, turnOf(3, QStringLiteral("more"))}});
    QCOMPARE(office.desk.transcript().rowCount(), 3);
}

void TestDesk::theLogIsRefreshedAfterTheLine()
{
    Office office;
    office.goesLive({});
    office.losesTheLine();
    QVERIFY(office.desk.log().index(0, 0).data(DimmedRole).toBool());
    office.comesBack({});
    QVERIFY(!office.desk.log().index(0, 0).data(DimmedRole).toBool());
    QTRY_VERIFY(office.asked.contains(Office::FirstPage));
    office.logEar.heard();
    office.replies(Office::FirstPage, wire::LogPage{{logRow(CallA, 5), logRow(Old, 1)}, {}});
    QCOMPARE(office.logEar.heard(), lines({"+0..0"}));
    // F5, on a line that is well.
    office.askedNow();
    office.desk.synchronizer().resync();
    office.shows({});
    QTRY_COMPARE(office.asked, QStringList({Office::FirstPage}));
}

void TestDesk::theLogIsAskedForTheLastFilterOnly()
{
    Office office;
    office.goesLive({});
    for (const char* text : {"b", "bi", "bil", "bill"})
        office.desk.log().setFilter(QString::fromLatin1(text));
    QTRY_VERIFY(office.asked.contains(QStringLiteral("log 'bill' after ''")));
    QCOMPARE(office.askedNow(), lines({"log 'bill' after ''"}));
    office.replies(QStringLiteral("log 'bill' after ''"), wire::LogPage{{}, {}});
    QCOMPARE(office.desk.log().rowCount(), 0);
}

void TestDesk::aLogFailureIsTold()
{
    Office office;
    office.goesLive({});
    office.desk.log().reload();
    QTRY_VERIFY(office.asked.contains(Office::FirstPage));
    office.denies(Office::FirstPage, wire::ErrorCode::Unavailable);
    QCOMPARE(office.desk.log().trouble(), errorSentence({wire::ErrorCode::Unavailable, {}}));
    office.askedNow();
    office.desk.log().retry();
    QTRY_VERIFY(office.asked.contains(Office::FirstPage));
    office.replies(Office::FirstPage, wire::CallDetail{}); // nonsense
    QVERIFY(!office.desk.log().trouble().isEmpty());
    // Without a line the answer comes from here.
    office.losesTheLine();
    office.askedNow();
    office.desk.log().setFilter(QStringLiteral("x"));
    QTRY_VERIFY(!office.desk.log().isLoading());
    QVERIFY(!office.desk.log().trouble().isEmpty());
    QCOMPARE(office.askedNow(), QStringList());
}

void TestDesk::whyNotToInterrupt_data()
{
    QTest::addColumn<CallState>("state");
    QTest::addColumn<bool>("possible");
    for (int i = 0; i <= int(CallState::Transferred); ++i) {
        const auto state = CallState(i);
        QTest::newRow(qPrintable(callStateName(state)))
            << state << (state == CallState::Greeting || state == CallState::Thinking || state == CallState::Speaking);
    }
}

void TestDesk::whyNotToInterrupt()
{
    QFETCH(CallState, state);
    QFETCH(bool, possible);
    Office office;
    office.goesLive({liveCall(CallA, 0s, state)});
    QCOMPARE(office.desk.whyNot(Act::Interrupt, CallA).isEmpty(), possible);
    office.desk.interrupt(CallA);
    QCOMPARE(office.askedNow(), possible ? lines({"interrupt CAa"}) : QStringList());
}

void TestDesk::whyNotToEnd()
{
    Office office;
    office.goesLive({liveCall(CallA)});
    const auto possible = [&](CallState state) {
        office.changes({wire::CallChange{liveCall(CallA, 0s, state)}});
        return std::pair(
            office.desk.whyNot(Act::EndCall, CallA).isEmpty(), office.desk.whyNot(Act::EndCallNow, CallA).isEmpty());
    };
    QCOMPARE(possible(CallState::Listening), std::pair(true, true));
    QCOMPARE(possible(CallState::Speaking), std::pair(true, true));
    QCOMPARE(possible(CallState::Ending), std::pair(false, true));
    QCOMPARE(possible(CallState::Ringing), std::pair(false, false));
    for (const CallState state : {CallState::Transferring, CallState::OnHold, CallState::Transferred})
        QCOMPARE(possible(state), std::pair(false, true)); // nobody is there to say goodbye
    QCOMPARE(possible(CallState::Ended), std::pair(false, false));
    QVERIFY(!office.desk.whyNot(Act::EndCall, {}).isEmpty());
    QVERIFY(!office.desk.whyNot(Act::EndCall, Old).isEmpty());
}

void TestDesk::aCallThatWasPassedOnIsEndedAtOnce()
{
    Office office;
    office.goesLive({liveCall(CallA, 0s, CallState::Transferred), liveCall(CallB)});
    office.desk.endCallPolitely(CallA);
    office.desk.endCallPolitely(CallB);
    QCOMPARE(office.askedNow(), lines({"end now CAa", "end CAb"}));
}

void TestDesk::whyNotToPassOn_data()
{
    QTest::addColumn<CallState>("state");
    QTest::addColumn<bool>("possible");
    const QList<CallState> withTheAgent{CallState::Greeting, CallState::Listening, CallState::CallerSpeaking,
        CallState::DecidingTurn, CallState::Thinking, CallState::Speaking, CallState::Interrupted, CallState::Held};
    for (int i = 0; i <= int(CallState::Transferred); ++i) {
        const auto state = CallState(i);
        QTest::newRow(qPrintable(callStateName(state))) << state << withTheAgent.contains(state);
    }
}

void TestDesk::whyNotToPassOn()
{
    QFETCH(CallState, state);
    QFETCH(bool, possible);
    Office office;
    CallSummary call = liveCall(CallA, 0s, state);
    call.transferTargets = lines({"sales", "manager"});
    call.placed = QStringLiteral("OUT1"); // one that the engine makes is not passed on earlier either
    office.goesLive({call});
    QCOMPARE(office.desk.whyNot(Act::PassOn, CallA).isEmpty(), possible);
    office.desk.passOn(CallA, QStringLiteral("manager"));
    QCOMPARE(office.askedNow(), possible ? lines({"pass CAa on to manager"}) : QStringList());
}

void TestDesk::whomNobodyIsNamedForIsNotPassedOn()
{
    Office office;
    office.goesLive({liveCall(CallA, 0s, CallState::Speaking)});
    QVERIFY2(office.desk.whyNot(Act::PassOn, CallA).contains(QLatin1String("nobody")),
        qPrintable(office.desk.whyNot(Act::PassOn, CallA)));
    office.desk.passOn(CallA, QStringLiteral("sales"));
    QCOMPARE(office.askedNow(), QStringList());
    QVERIFY(!office.desk.whyNot(Act::PassOn).isEmpty());
}

void TestDesk::anOlderEnginePassesNothingOn()
{
    Office office;
    office.features.removeOne(QString(wire::feature::Transfer));
    CallSummary call = liveCall(CallA, 0s, CallState::Speaking);
    call.transferTargets = lines({"sales"});
    office.goesLive({call});
    QVERIFY2(office.desk.whyNot(Act::PassOn, CallA).contains(QLatin1String("older")),
        qPrintable(office.desk.whyNot(Act::PassOn, CallA)));
    QCOMPARE(office.desk.whyNot(Act::EndCall, CallA), QString());
}

void TestDesk::aCallIsPassedOnOnce()
{
    Office office;
    CallSummary call = liveCall(CallA, 0s, CallState::Speaking);
    call.transferTargets = lines({"sales"});
    office.goesLive({call});
    office.desk.passOn(CallA, QStringLiteral("sales"));
    QVERIFY(office.desk.isPending(Act::PassOn, CallA));
    QVERIFY(office.desk.liveCalls().index(0, 0).data(PendingRole).toBool());
    office.desk.passOn(CallA, QStringLiteral("sales")); // a second click
    QCOMPARE(office.askedNow(), lines({"pass CAa on to sales"}));
    call.state = CallState::Transferring;
    office.changes({wire::CallChange{call}});
    office.replies(QStringLiteral("pass CAa on to sales"));
    QCOMPARE(office.saidNow(), lines({"done 6 CAa"}));
    QVERIFY(!office.desk.liveCalls().index(0, 0).data(PendingRole).toBool());
    QVERIFY(!office.desk.whyNot(Act::PassOn, CallA).isEmpty());
    call.state = CallState::Greeting; // nobody took it
    office.changes({wire::CallChange{call}});
    QCOMPARE(office.desk.whyNot(Act::PassOn, CallA), QString());
}

void TestDesk::aRefusalToPassOnSaysWhy()
{
    Office office;
    CallSummary call = liveCall(CallA, 0s, CallState::Speaking);
    call.transferTargets = lines({"sales"});
    office.goesLive({call});
    office.desk.passOn(CallA, QStringLiteral("sales"));
    office.denies(QStringLiteral("pass CAa on to sales"), wire::ErrorCode::NotPossible);
    QCOMPARE(office.saidNow(), lines({"failed 6 CAa"}));
    QVERIFY2(withoutIsolates(office.lastSentence).endsWith(QLatin1String("no")), qPrintable(office.lastSentence));
    QCOMPARE(office.desk.whyNot(Act::PassOn, CallA), QString());
}

void TestDesk::whyNotToTest()
{
    Office office;
    office.goesLive({});
    QCOMPARE(office.desk.whyNot(Act::TestCall), QString());
    EngineStatus engine;
    engine.notReady = lines({"full"});
    office.changes({wire::EngineChange{engine}});
    QCOMPARE(office.desk.whyNot(Act::TestCall), notReadySentence(QStringLiteral("full")));
    engine.notReady.clear();
    office.changes({wire::EngineChange{engine}});
    QVERIFY(!office.desk.whyNot(Act::TestCall).isEmpty());
}

void TestDesk::whyNotToWarm()
{
    Office office;
    office.goesLive({});
    const QString stt = QStringLiteral("stt");
    const auto possible = [&](ServiceState state) {
        office.changes({wire::ServiceChange{Office::service(state)}});
        return office.desk.whyNot(Act::WarmService, stt).isEmpty();
    };
    QVERIFY(possible(ServiceState::Failed));
    QVERIFY(possible(ServiceState::Degraded));
    QVERIFY(possible(ServiceState::Off));
    QVERIFY(!possible(ServiceState::Ready));
    QVERIFY(!possible(ServiceState::Warming));
    QVERIFY(!office.desk.whyNot(Act::WarmService, QStringLiteral("engine")).isEmpty());
}

void TestDesk::anEngineThatCannotIsNotAsked()
{
    Office office;
    office.features = {QString(wire::feature::CallLog)};
    office.goesLive({liveCall(CallA, 0s, CallState::Speaking)});
    for (const Act act : {Act::Interrupt, Act::EndCall, Act::EndCallNow, Act::TestCall})
        QVERIFY(!office.desk.whyNot(act, CallA).isEmpty());
    QVERIFY(!office.desk.whyNot(Act::WarmService, QStringLiteral("stt")).isEmpty());
}

void TestDesk::aCommandIsPendingUntilConfirmed()
{
    Office office;
    office.goesLive({liveCall(CallA, 0s, CallState::Speaking)});
    QSignalSpy acts(&office.desk, &Desk::actsChanged);
    office.desk.interrupt(CallA);
    QVERIFY(office.desk.isPending(Act::Interrupt, CallA));
    QVERIFY(!office.desk.isPending(Act::EndCall, CallA));
    QVERIFY(office.desk.liveCalls().index(0, 0).data(PendingRole).toBool());
    QVERIFY(!office.desk.whyNot(Act::Interrupt, CallA).isEmpty());
    QCOMPARE(acts.size(), 1);
    office.desk.interrupt(CallA); // a second click
    QCOMPARE(office.askedNow(), lines({"interrupt CAa"}));
    QCOMPARE(office.desk.liveCalls().call(CallA)->state, CallState::Speaking); // nothing is shown as done

    office.replies(QStringLiteral("interrupt CAa"));
    QCOMPARE(office.saidNow(), lines({"done 0 CAa"}));
    QVERIFY(!office.desk.isPending(Act::Interrupt, CallA));
    QVERIFY(!office.desk.liveCalls().index(0, 0).data(PendingRole).toBool());
    QCOMPARE(acts.size(), 2);

    office.desk.warmService(QStringLiteral("stt"));
    QVERIFY(office.desk.services().index(1, 0).data(PendingRole).toBool());
    office.replies(QStringLiteral("warm stt"));
    QVERIFY(!office.desk.services().index(1, 0).data(PendingRole).toBool());
    QCOMPARE(office.saidNow(), lines({"done 4 stt"}));
}

void TestDesk::aCommandThatIsDeniedSaysWhy()
{
    Office office;
    office.goesLive({liveCall(CallA, 0s, CallState::Speaking)});
    office.desk.endCall(CallA, false);
    office.denies(QStringLiteral("end CAa"), wire::ErrorCode::NotPossible);
    QCOMPARE(office.saidNow(), lines({"failed 1 CAa"}));
    QVERIFY2(withoutIsolates(office.lastSentence).endsWith(QLatin1String("no")), qPrintable(office.lastSentence));
    QVERIFY(!office.desk.isPending(Act::EndCall, CallA));
    QCOMPARE(office.desk.whyNot(Act::EndCall, CallA), QString()); // and may be tried again
}

void TestDesk::aCommandWithoutAnAnswerTimesOut()
{
    Office office;
    office.goesLive({liveCall(CallA, 0s, CallState::Speaking)});
    office.desk.endCall(CallA, true);
    office.advance(Synchronizer::CommandTime - 1ms);
    QVERIFY(office.desk.isPending(Act::EndCallNow, CallA));
    office.advance(1ms);
    QVERIFY(!office.desk.isPending(Act::EndCallNow, CallA));
    QCOMPARE(office.saidNow(), lines({"failed 2 CAa"}));
    QCOMPARE(office.lastSentence, errorSentence({wire::ErrorCode::Timeout, {}}));
    office.replies(QStringLiteral("end now CAa")); // too late
    QCOMPARE(office.saidNow(), QStringList());
}

void TestDesk::aCommandOnALostLineIsNotKnown()
{
    Office office;
    office.goesLive({liveCall(CallA, 0s, CallState::Speaking)});
    office.desk.interrupt(CallA);
    office.losesTheLine();
    QCOMPARE(office.saidNow(), lines({"failed 0 CAa"}));
    QVERIFY2(office.lastSentence.contains(QLatin1String("not known")), qPrintable(office.lastSentence));
    QVERIFY(!office.desk.liveCalls().index(0, 0).data(PendingRole).toBool());
}

void TestDesk::endingAtOnceMayFollowEndingPolitely()
{
    Office office;
    office.goesLive({liveCall(CallA)});
    office.desk.endCall(CallA, false);
    QCOMPARE(office.desk.whyNot(Act::EndCallNow, CallA), QString());
    office.desk.endCall(CallA, true);
    QVERIFY(!office.desk.whyNot(Act::EndCall, CallA).isEmpty());
    QCOMPARE(office.askedNow(), lines({"end CAa", "end now CAa"}));
    office.replies(QStringLiteral("end CAa"));
    QVERIFY(office.desk.liveCalls().index(0, 0).data(PendingRole).toBool()); // the other is still under way
    QVERIFY(!office.desk.whyNot(Act::EndCall, CallA).isEmpty());
    office.replies(QStringLiteral("end now CAa"));
    QVERIFY(!office.desk.liveCalls().index(0, 0).data(PendingRole).toBool());
}

void TestDesk::aTestCallNamesItsCall()
{
    Office office;
    office.goesLive({});
    office.desk.startTestCall(lines({"hello", "bye"}), {}, {});
    QVERIFY(office.desk.isPending(Act::TestCall));
    QVERIFY(!office.desk.whyNot(Act::TestCall).isEmpty());
    office.replies(QStringLiteral("test call hello|bye"), wire::TestCallStarted{CallB});
    QCOMPARE(office.saidNow(), lines({"done 3 ", "started CAb"}));
    QVERIFY(!office.desk.isPending(Act::TestCall));
}

void TestDesk::withoutALineAllIsDimmed()
{
    Office office;
    office.goesLive({liveCall(CallA)});
    office.desk.selectCall(CallA);
    office.replies(QStringLiteral("watch CAa"), Office::transcript(CallA, 1));
    office.losesTheLine();
    for (QAbstractItemModel* model : {static_cast<QAbstractItemModel*>(&office.desk.liveCalls()),
             static_cast<QAbstractItemModel*>(&office.desk.transcript()),
             static_cast<QAbstractItemModel*>(&office.desk.services()),
             static_cast<QAbstractItemModel*>(&office.desk.log())}) {
        QVERIFY(model->rowCount() > 0);
        QVERIFY(model->index(0, 0).data(DimmedRole).toBool());
    }
    QCOMPARE(office.desk.services().index(0, 0).data(StateRole).toInt(), int(ServicesModel::Lamp::Unknown));
    QVERIFY(!office.desk.whyNot(Act::EndCall, CallA).isEmpty());
}

void TestDesk::theBannerSaysWhatIsWrong()
{
    Office office;
    QSignalSpy link(&office.desk, &Desk::linkChanged);
    QCOMPARE(office.desk.linkSentence(), QStringLiteral("Not connected to an engine."));
    office.desk.tick();
    QCOMPARE(link.size(), 1);
    office.goesLive({});
    QVERIFY(link.size() > 1);
    QCOMPARE(office.desk.linkSentence(), QString());
    link.clear();
    office.losesTheLine();
    QCOMPARE(link.size(), 1);
    QVERIFY(!office.desk.linkSentence().isEmpty());
}

void TestDesk::anotherEngineBeginsEmpty()
{
    Office office;
    office.goesLive({liveCall(CallA)});
    office.desk.selectCall(CallA);
    office.askedNow();
    // Nobody listens there; port 9 is never an engine.
    office.desk.connectTo(QUrl(QStringLiteral("ws://127.0.0.1:9/console")), QStringLiteral("token"), {});
    QCOMPARE(office.desk.liveCalls().rowCount(), 0);
    QCOMPARE(office.desk.log().rowCount(), 0);
    QCOMPARE(office.desk.services().rowCount(), 1);
    QCOMPARE(office.desk.selectedCall(), QString());
    QVERIFY(!office.desk.isLive());
    QTRY_COMPARE(office.desk.connection().state(), LinkState::Waiting);
    const QString sentence = withoutIsolates(office.desk.linkSentence());
    QVERIFY2(sentence.contains(QLatin1String("The next attempt comes in 1 s.")), qPrintable(sentence));
    office.desk.disconnectFromEngine();
    QCOMPARE(office.desk.connection().state(), LinkState::Disconnected);
}

void TestDesk::aDeskMayGoWithCommandsUnderWay()
{
    Office office;
    office.goesLive({liveCall(CallA, 0s, CallState::Speaking)});
    office.desk.selectCall(CallA);
    office.desk.interrupt(CallA);
    office.desk.log().reload();
    office.changes({wire::CallChange{liveCall(CallB)}});
    QCOMPARE(office.saidNow(), QStringList());
}

QTEST_GUILESS_MAIN(TestDesk)
#include "tst_desk.moc"
