// SPDX-License-Identifier: Apache-2.0
#include "tests/control/consoletalk.h"

#include <QJsonDocument>
#include <QLoggingCategory>
#include <QTest>

using namespace kav;
using namespace kav::control;
using namespace kav::protocol;
using namespace kav::test;

/// What is said between engine and console, to the message, and what is written down of it. The clock moves only when
/// told to; the desk sends when a test says flush() or tick().
class TestConsoleDesk final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();

    // How a console comes in.
    void welcomesAndTellsHowThingsAre();
    void announcesOnlyWhatItCanDo();
    void choosesTheVersion_data();
    void choosesTheVersion();
    void asksForATokenWhereThereAreSome();
    void doesNotSayWhetherANameExists();
    void aTokensNameGoesBeforeTheConsoles();
    void namesWhoGivesNoName();
    void takesNothingBeforeAHello_data();
    void takesNothingBeforeAHello();
    void waitsForAHelloOnlySoLong();
    void silentStrangersMakeRoom();
    void servesABoundedNumberOfConsoles();
    void closesWhatIsNotTheProtocol_data();
    void closesWhatIsNotTheProtocol();

    // What it is told.
    void tellsChangesTogetherAtTheFlush();
    void sendsNothingWhenNothingChanged();
    void beatsWhenNothingElseIsSent();
    void answersPings();
    void goesOnWhereAConsoleWas();
    void goesOnWithTheTurnsOfWatchedCalls();
    void startsAnewWhereItCannotGoOn_data();
    void startsAnewWhereItCannotGoOn();
    void sendsASnapshotWhenAskedAndNotTooOften();
    void showsTheTranscriptOfAWatchedCall();
    void stopsShowingAnUnwatchedCall();
    void watchesABoundedNumberOfCalls();
    void forgetsWatchedCallsThatAreGone();
    void isNotWokenByTurnsThatNobodyWatches();
    void countsTheConsolesForAll();

    // One that does not read.
    void givesNothingNewToOneThatDoesNotRead();
    void startsAnewWithOneThatWasLeftBehind();
    void cutsOneThatTakesNothing();
    void keepsOneThatReadsSlowly();
    void cutsOneWhoseQueueIsFull();
    void asksNothingLargeForOneThatDoesNotRead();

    // What it asks for.
    void anActIsDoneAndWrittenDown();
    void eachActIsWrittenDownWithItsOutcome();
    void onlyLiveCallsAreActedOn();
    void whatAnEngineCannotDoIsNotPossible();
    void aCommandOfALaterVersionIsAnswered();
    void aCommandWithoutAnAnswerTimesOut();
    void theFirstAnswerCounts();
    void anAnswerForOneThatLeftIsWrittenDown();
    void anAnswerAfterTheEndIsIgnored();
    void anIdInHandMayNotBeUsedAgain();
    void limitsCommands();
    void limitsCommandsInFlight();
    void cutsAFlood();
    void boundsThePageOfTheLog();

    void tellsThatTheEngineGoes();
    void requestsAreToldToThoseThatWatchThem();
    void requestsThatWaitTooLongAreMissed();
    void noSecretReachesLogOrRecord();
};

namespace {

QString call1()
{
    return QStringLiteral("CA1");
}

const QString AliceToken = QStringLiteral("alice-0123456789abcdef");

QStringList logLines;
void keepLine(QtMsgType, const QMessageLogContext&, const QString& text)
{
    logLines += text;
}

/// What was asked of the engine, and the answers that are due.
struct Asked {
    QStringList what;
    QList<Done> answers;

    Commands commands()
    {
        const auto take = [this](const QString& line, const Done& done) {
            what += line;
            answers += done;
        };
        Commands all;
        all.interrupt = [take](const Operator& who, const InterruptCall& command, const Done& done) {
            take(who.name + QStringLiteral(" interrupts ") + command.call, done);
        };
        all.endCall = [take](const Operator& who, const EndCall& command, const Done& done) {
            take(
                who.name + QStringLiteral(" ends ") + command.call + (command.now ? QStringLiteral(" now") : QString()),
                done);
        };
        all.startTestCall = [take](const Operator& who, const StartTestCall& command, const Done& done) {
            take(who.name + QStringLiteral(" tests ") + command.say.join(u'/'), done);
        };
        all.queryLog = [take](const Operator& who, const QueryLog& command, const Done& done) {
            take(who.name + QStringLiteral(" reads %1").arg(command.limit), done);
        };
        all.queryCall = [take](const Operator& who, const QueryCall& command, const Done& done) {
            take(who.name + QStringLiteral(" opens ") + command.call, done);
        };
        all.queryRequests = [take](const Operator& who, const QueryRequests& command, const Done& done) {
            take(who.name + QStringLiteral(" inspects %1").arg(command.limit), done);
        };
        all.warmService = [take](const Operator& who, const WarmService& command, const Done& done) {
            take(who.name + QStringLiteral(" warms ") + command.service, done);
        };
        return all;
    }
};

CommandError failure(const Reply& reply)
{
    const auto* const error = std::get_if<CommandError>(&reply.outcome);
    return error ? *error : CommandError{ErrorCode::Internal, QStringLiteral("it was done")};
}

Reply done(qint64 id)
{
    return {id, CommandResult()};
}

} // namespace

void TestConsoleDesk::init()
{
    QLoggingCategory::setFilterRules(QStringLiteral("kav.control=false"));
}

void TestConsoleDesk::welcomesAndTellsHowThingsAre()
{
    Talk talk;
    EngineStatus engine;
    engine.ready = true;
    engine.capacity = 500;
    talk.desk.setEngine(engine);
    talk.desk.setService(service(QStringLiteral("stt"), ServiceState::Ready));
    talk.desk.setCall(liveCall(call1()));
    talk.desk.setLogRow(logRow(call1()));
    QCOMPARE(talk.due, 0); // nobody is there

    Talker console = talk.comes();
    QCOMPARE(console.heard().size(), 0);
    console.says(Talk::hello());
    QCOMPARE(texts(console.heard()),
        texts({Welcome{1, {feature::Replay}, talk.desk.run(), QStringLiteral("0.1.0"), QStringLiteral("abc1234"),
            QStringLiteral("test"), talk.clock.wallNow(), QStringLiteral("dana"), Milliseconds(5000), false}}));
    QVERIFY(talk.due > 0);
    QVERIFY(!talk.desk.flush());
    engine.consoles = 1;
    QCOMPARE(texts(console.heard()),
        texts({Snapshot{5, talk.clock.wallNow(), engine, {service(QStringLiteral("stt"), ServiceState::Ready)},
            {liveCall(call1())}, {}}}));
    QVERIFY(!talk.desk.flush());
    QCOMPARE(console.heard().size(), 0);
    QVERIFY(!console.line->isClosed);
    QCOMPARE(talk.acts(), QStringList{QStringLiteral("dana connect  done")});
    QCOMPARE(talk.record.first().data.value(QLatin1String("client")).toString(), QStringLiteral("kav-console 0.1.0"));
    QCOMPARE(talk.record.first().data.value(QLatin1String("peer")).toString(), QStringLiteral("127.0.0.1"));
    QCOMPARE(talk.desk.counters().consoles, 1);
    QCOMPARE(talk.desk.counters().strangers, 0);
    QCOMPARE(talk.desk.counters().snapshots, 1u);

    console.leaves();
    QCOMPARE(talk.acts().last(), QStringLiteral("dana disconnect  done"));
    QCOMPARE(talk.desk.counters().consoles, 0);
}

void TestConsoleDesk::announcesOnlyWhatItCanDo()
{
    const auto features = [](const Commands& commands) {
        Talk talk({}, {}, commands);
        Talker console = talk.comes();
        console.says(Talk::hello());
        const auto welcome = console.heardOne<Welcome>();
        return welcome ? welcome->features : QStringList();
    };
    Asked asked;
    QCOMPARE(features({}), QStringList{feature::Replay});
    QCOMPARE(features(asked.commands()),
        (QStringList{feature::Replay, feature::CallLog, feature::TestCall, feature::Control, feature::Warm,
            feature::Inspector}));
    Commands half = asked.commands();
    half.endCall = {};
    half.queryCall = {};
    QCOMPARE(features(half), (QStringList{feature::Replay, feature::TestCall, feature::Warm, feature::Inspector}));
}

void TestConsoleDesk::choosesTheVersion_data()
{
    QTest::addColumn<int>("lowest");
    QTest::addColumn<int>("highest");
    QTest::addColumn<QString>("refusal");
    QTest::newRow("the same") << 1 << 1 << QString();
    QTest::newRow("a newer console that speaks ours too") << 1 << 9 << QString();
    QTest::newRow("a newer console that does not")
        << 2 << 3
        << QStringLiteral(
               "this engine speaks version 1 of the console protocol, the console versions 2 to 3: update the engine");
    QTest::newRow("an older console")
        << 0 << 0
        << QStringLiteral(
               "this engine speaks version 1 of the console protocol, the console version 0: update the console");
}

void TestConsoleDesk::choosesTheVersion()
{
    QFETCH(int, lowest);
    QFETCH(int, highest);
    QFETCH(QString, refusal);
    Talk talk;
    Talker console = talk.comes();
    Hello hello = Talk::hello();
    hello.lowest = lowest;
    hello.highest = highest;
    console.says(hello);
    if (refusal.isEmpty()) {
        QCOMPARE(console.heardOne<Welcome>()->version, 1);
        return;
    }
    QCOMPARE(texts(console.heard()), texts({Refusal{ErrorCode::Version, refusal, 1, 1}}));
    QCOMPARE(console.line->code, close::VersionMismatch);
    QCOMPARE(talk.record.size(), 0);
}

void TestConsoleDesk::asksForATokenWhereThereAreSome()
{
    Talk talk({}, QStringLiteral("alice:") + AliceToken);
    Talker alice = talk.comes(false, QStringLiteral("192.0.2.1"));
    Hello hello = Talk::hello();
    hello.token = AliceToken;
    alice.says(hello);
    QCOMPARE(alice.heardOne<Welcome>()->operatorName, QStringLiteral("alice"));

    Talker nobody = talk.comes(false, QStringLiteral("192.0.2.2"));
    nobody.says(Talk::hello());
    QCOMPARE(
        texts(nobody.heard()), texts({Refusal{ErrorCode::Unauthorized, QStringLiteral("no valid token"), {}, {}}}));
    QCOMPARE(nobody.line->code, close::Unauthorized);
    QCOMPARE(talk.wrongTokens, QList<QHostAddress>()); // he guessed nothing

    Talker guesser = talk.comes(false, QStringLiteral("192.0.2.3"));
    hello.token = QStringLiteral("alice-0123456789abcdeg");
    guesser.says(hello);
    QCOMPARE(
        texts(guesser.heard()), texts({Refusal{ErrorCode::Unauthorized, QStringLiteral("no valid token"), {}, {}}}));
    QCOMPARE(guesser.line->code, close::Unauthorized);
    QCOMPARE(talk.wrongTokens, QList<QHostAddress>{QHostAddress(QStringLiteral("192.0.2.3"))});
    QCOMPARE(talk.desk.counters().authFailures, 2u);
    // Nothing that he says then is read, not even the right word.
    hello.token = AliceToken;
    guesser.says(hello);
    QCOMPARE(guesser.heard().size(), 0);
    talk.desk.flush();
    QCOMPARE(guesser.heard().size(), 0);
    QCOMPARE(talk.acts(), QStringList{QStringLiteral("alice connect  done")});
}

void TestConsoleDesk::doesNotSayWhetherANameExists()
{
    Talk talk({}, QStringLiteral("alice:") + AliceToken);
    QList<QStringList> answers;
    for (const QString& name : {QStringLiteral("alice"), QStringLiteral("mallory")}) {
        Talker console = talk.comes(false);
        Hello hello = Talk::hello();
        hello.operatorName = name;
        hello.token = QStringLiteral("guess-0123456789abcdef");
        console.says(hello);
        answers += texts(console.heard()) + QStringList{QString::number(console.line->code), console.line->reason};
    }
    QCOMPARE(answers.first(), answers.last());
    // Without tokens at all one that is not trusted is refused as well.
    Talk without;
    Talker console = without.comes(false);
    console.says(Talk::hello());
    QCOMPARE(console.heardOne<Refusal>()->code, ErrorCode::Unauthorized);
}

void TestConsoleDesk::aTokensNameGoesBeforeTheConsoles()
{
    Talk talk({}, QStringLiteral("alice:") + AliceToken);
    Talker console = talk.comes(false);
    Hello hello = Talk::hello();
    hello.token = AliceToken;
    hello.operatorName = QStringLiteral("the director");
    console.says(hello);
    QCOMPARE(console.heardOne<Welcome>()->operatorName, QStringLiteral("alice"));
    QCOMPARE(talk.acts(), QStringList{QStringLiteral("alice connect  done")});
}

void TestConsoleDesk::namesWhoGivesNoName()
{
    Talk talk;
    const auto named = [&](const QString& name) {
        Talker console = talk.comes();
        Hello hello = Talk::hello();
        hello.operatorName = name;
        console.says(hello);
        const auto welcome = console.heardOne<Welcome>();
        return welcome ? welcome->operatorName : QString();
    };
    QCOMPARE(named({}), QStringLiteral("operator"));
    QCOMPARE(named(QStringLiteral("  ")), QStringLiteral("operator"));
    QCOMPARE(named(QStringLiteral("dana\nroot")), QStringLiteral("dana\\u000aroot"));
    QVERIFY(named(QString(1000, u'x')).size() <= 65);
}

void TestConsoleDesk::takesNothingBeforeAHello_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("a command") << encode(ToEngine(EndCall{1, call1(), true}));
    QTest::newRow("a ping") << encode(ToEngine(Ping{1}));
    QTest::newRow("a resync") << encode(ToEngine(Resync{}));
    QTest::newRow("something of later") << QByteArray("{\"type\":\"greetings\",\"id\":1}");
}

void TestConsoleDesk::takesNothingBeforeAHello()
{
    QFETCH(QByteArray, text);
    Asked asked;
    Talk talk({}, {}, asked.commands());
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.comes();
    console.saysText(text);
    QCOMPARE(texts(console.heard()),
        texts({Refusal{ErrorCode::HelloExpected, QStringLiteral("the first message is a hello"), {}, {}}}));
    QCOMPARE(console.line->code, close::NoHello);
    console.says(Talk::hello());
    QCOMPARE(console.heard().size(), 0);
    QCOMPARE(asked.what, QStringList());
    QCOMPARE(talk.record.size(), 0);
}

void TestConsoleDesk::waitsForAHelloOnlySoLong()
{
    Talk talk;
    Talker console = talk.comes();
    QCOMPARE(talk.desk.counters().strangers, 1);
    talk.clock.advance(Milliseconds(4999));
    talk.desk.tick();
    QCOMPARE(console.heard().size(), 0);
    talk.clock.advance(Milliseconds(1));
    talk.desk.tick();
    QCOMPARE(texts(console.heard()),
        texts({Refusal{ErrorCode::HelloExpected, QStringLiteral("no hello within 5000 ms"), {}, {}}}));
    QCOMPARE(console.line->code, close::NoHello);
    QCOMPARE(talk.desk.counters().strangers, 0);
    talk.desk.tick();
    QCOMPARE(console.heard().size(), 0);
}

void TestConsoleDesk::silentStrangersMakeRoom()
{
    Talk talk;
    Talker known = talk.joins();
    std::vector<Talker> silent;
    for (int i = 0; i < 16; ++i)
        silent.push_back(talk.comes());
    QVERIFY(!silent.front().line->isClosed);
    Talker late = talk.comes();
    QCOMPARE(silent.front().heardOne<Refusal>()->code, ErrorCode::TooManyConsoles);
    QCOMPARE(silent.front().line->code, close::TooMany);
    QVERIFY(!silent.at(1).line->isClosed);
    QCOMPARE(talk.desk.counters().strangers, 16);
    late.says(Talk::hello());
    QVERIFY(late.heardOne<Welcome>());
    QVERIFY(!known.line->isClosed);
}

void TestConsoleDesk::servesABoundedNumberOfConsoles()
{
    Settings settings;
    settings.consoles = 2;
    Talk talk(settings, QStringLiteral("alice:") + AliceToken);
    Talker first = talk.joins();
    Talker second = talk.joins();
    Talker third = talk.comes();
    third.says(Talk::hello());
    QCOMPARE(texts(third.heard()),
        texts({Refusal{
            ErrorCode::TooManyConsoles, QStringLiteral("2 consoles are connected, which is the limit"), {}, {}}}));
    QCOMPARE(third.line->code, close::TooMany);
    // Who may not come in is not told how full it is.
    Talker stranger = talk.comes(false);
    stranger.says(Talk::hello());
    QCOMPARE(stranger.heardOne<Refusal>()->code, ErrorCode::Unauthorized);
    first.leaves();
    Talker fourth = talk.comes();
    fourth.says(Talk::hello());
    QVERIFY(fourth.heardOne<Welcome>());
    third.leaves();
    QCOMPARE(talk.acts(),
        (QStringList{QStringLiteral("dana connect  done"), QStringLiteral("dana connect  done"),
            QStringLiteral("dana disconnect  done"), QStringLiteral("dana connect  done")}));
}

void TestConsoleDesk::closesWhatIsNotTheProtocol_data()
{
    QTest::addColumn<bool>("isAfterHello");
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("named");
    for (const bool after : {false, true}) {
        const char* const when = after ? "after the hello" : "as the first";
        QTest::addRow("nothing, %s", when) << after << QByteArray() << QString();
        QTest::addRow("no JSON, %s", when) << after << QByteArray("GET / HTTP/1.1") << QString();
        QTest::addRow("an array, %s", when) << after << QByteArray("[1,2]") << QString();
        QTest::addRow("no type, %s", when) << after << QByteArray("{\"id\":1}") << QStringLiteral("type");
        QTest::addRow("a type that is a number, %s", when)
            << after << QByteArray("{\"type\":7}") << QStringLiteral("type");
        QTest::addRow("a field missing, %s", when)
            << after << QByteArray("{\"type\":\"end-call\",\"id\":1}") << QStringLiteral("call");
        QTest::addRow("a field of the wrong kind, %s", when)
            << after << QByteArray("{\"type\":\"ping\",\"id\":\"one\"}") << QStringLiteral("id");
        QTest::addRow("cut off, %s", when) << after << encode(ToEngine(Talk::hello())).chopped(3) << QString();
        QTest::addRow("bytes that are no text, %s", when) << after << QByteArray("\xff\xfe\x00\x01", 4) << QString();
        QTest::addRow("very deep, %s", when) << after << QByteArray(100000, '[') << QString();
    }
    QTest::newRow("a second hello") << true << encode(ToEngine(Talk::hello())) << QStringLiteral("a second hello");
}

void TestConsoleDesk::closesWhatIsNotTheProtocol()
{
    QFETCH(bool, isAfterHello);
    QFETCH(QByteArray, text);
    QFETCH(QString, named);
    Talk talk;
    Talker other = talk.joins();
    Talker console = isAfterHello ? talk.joins() : talk.comes();
    console.saysText(text);
    const auto refusal = console.heardOne<Refusal>();
    QVERIFY(refusal);
    QCOMPARE(refusal->code, ErrorCode::BadMessage);
    QVERIFY2(refusal->message.contains(named) && !refusal->message.isEmpty(), qPrintable(refusal->message));
    QCOMPARE(console.line->code, close::BadMessage);
    QCOMPARE(talk.desk.counters().badMessages, 1u);
    console.saysText(text);
    console.says(Ping{1});
    talk.desk.flush();
    talk.desk.tick();
    QCOMPARE(console.heard().size(), 0);
    QVERIFY(!other.line->isClosed);

    Talker binary = isAfterHello ? talk.joins() : talk.comes();
    talk.desk.receiveBinary(binary.number);
    QCOMPARE(binary.heardOne<Refusal>()->code, ErrorCode::BadMessage);
    QCOMPARE(binary.line->code, close::BadMessage);
}

void TestConsoleDesk::tellsChangesTogetherAtTheFlush()
{
    Talk talk;
    Talker console = talk.joins();
    const qint64 before = talk.desk.board().seq();
    talk.due = 0;
    talk.desk.setCall(liveCall(call1(), CallState::Ringing));
    QCOMPARE(talk.due, 1);
    talk.desk.setCall(liveCall(call1(), CallState::Greeting));
    talk.desk.setCall(liveCall(QStringLiteral("CA2")));
    talk.desk.setService(service(QStringLiteral("llm"), ServiceState::Failed));
    talk.desk.setCall(liveCall(call1(), CallState::Listening));
    talk.desk.setLogRow(logRow(call1()));
    QCOMPARE(console.heard().size(), 0);
    QVERIFY(!talk.desk.flush());
    QCOMPARE(texts(console.heard()),
        texts({Delta{before, before + 6, talk.clock.wallNow(),
            {CallChange{liveCall(QStringLiteral("CA2"))},
                ServiceChange{service(QStringLiteral("llm"), ServiceState::Failed)},
                CallChange{liveCall(call1(), CallState::Listening)}, LogChange{logRow(call1())}}}}));
}

void TestConsoleDesk::sendsNothingWhenNothingChanged()
{
    Talk talk;
    Talker console = talk.joins();
    talk.desk.setCall(liveCall(call1()));
    talk.desk.flush();
    QVERIFY(console.heardOne<Delta>());
    talk.due = 0;
    talk.desk.setCall(liveCall(call1()));
    talk.desk.setTurn(QStringLiteral("CA9"), turnOf(1, QStringLiteral("of nobody")));
    QCOMPARE(talk.due, 0);
    talk.desk.flush();
    QCOMPARE(console.heard().size(), 0);
    QCOMPARE(talk.desk.counters().deltas, 1u);
}

void TestConsoleDesk::beatsWhenNothingElseIsSent()
{
    Talk talk;
    Talker console = talk.joins();
    Talker stranger = talk.comes();
    talk.clock.advance(Milliseconds(3000));
    talk.desk.tick();
    talk.desk.setCall(liveCall(call1()));
    talk.desk.flush();
    QVERIFY(console.heardOne<Delta>());
    talk.clock.advance(Milliseconds(4999));
    talk.desk.tick();
    QCOMPARE(console.heard().size(), 0);
    talk.clock.advance(Milliseconds(1));
    talk.desk.tick();
    QCOMPARE(texts(console.heard()), texts({Heartbeat{talk.desk.board().seq(), talk.clock.wallNow()}}));
    talk.desk.tick();
    QCOMPARE(console.heard().size(), 0);
    // The number is what this console was told, though more has happened that is not for it.
    const qint64 told = talk.desk.board().seq();
    talk.desk.setTurn(call1(), turnOf(1, QStringLiteral("hello")));
    talk.desk.flush();
    talk.clock.advance(Milliseconds(5000));
    talk.desk.tick();
    QCOMPARE(texts(console.heard()), texts({Heartbeat{told, talk.clock.wallNow()}}));
    QCOMPARE(stranger.heardOne<Refusal>()->code, ErrorCode::HelloExpected); // no beat for one that is not known
}

void TestConsoleDesk::answersPings()
{
    Talk talk;
    Talker console = talk.joins();
    talk.clock.advance(Milliseconds(7));
    console.says(Ping{42});
    QCOMPARE(texts(console.heard()), texts({Pong{42, talk.clock.wallNow()}}));
}

void TestConsoleDesk::goesOnWhereAConsoleWas()
{
    Talk talk;
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.joins();
    const qint64 seq = talk.desk.board().seq();
    console.leaves();
    talk.desk.setCall(liveCall(call1(), CallState::Thinking));
    talk.desk.setCall(liveCall(call1(), CallState::Speaking));
    talk.desk.setCall(liveCall(QStringLiteral("CA2")));

    Talker again = talk.comes();
    Hello hello = Talk::hello();
    hello.resume = Resume{talk.desk.run(), seq};
    again.says(hello);
    QCOMPARE(again.heardOne<Welcome>()->resumed, true);
    talk.desk.flush();
    const auto delta = again.heardOne<Delta>();
    QVERIFY(delta);
    QCOMPARE(delta->from, seq);
    QCOMPARE(delta->to, talk.desk.board().seq());
    EngineStatus engine; // one console left, one came: as it was, but told again
    engine.consoles = 1;
    const QList<Change> expected{CallChange{liveCall(call1(), CallState::Speaking)},
        CallChange{liveCall(QStringLiteral("CA2"))}, EngineChange{engine}};
    QVERIFY(delta->changes == expected);
    QCOMPARE(talk.desk.counters().resumes, 1u);
    QCOMPARE(talk.desk.counters().snapshots, 1u); // the first one's
}

void TestConsoleDesk::goesOnWithTheTurnsOfWatchedCalls()
{
    Talk talk;
    talk.desk.setCall(liveCall(call1()));
    talk.desk.setCall(liveCall(QStringLiteral("CA2")));
    Talker console = talk.joins({call1()});
    talk.desk.setTurn(call1(), turnOf(1, QStringLiteral("hel")));
    talk.desk.flush();
    QVERIFY(console.heardOne<Delta>());
    const qint64 seq = talk.desk.board().seq();
    console.leaves();
    // Nobody watches now; still nothing of it is lost.
    talk.desk.setTurn(call1(), turnOf(1, QStringLiteral("hello"), false));
    talk.desk.setTurn(QStringLiteral("CA2"), turnOf(1, QStringLiteral("another call")));
    talk.desk.setTurn(call1(), turnOf(2, QStringLiteral("and")));

    Talker again = talk.comes();
    Hello hello = Talk::hello();
    hello.resume = Resume{talk.desk.run(), seq};
    hello.watch = {call1()};
    again.says(hello);
    QCOMPARE(again.heardOne<Welcome>()->resumed, true);
    talk.desk.flush();
    const auto delta = again.heardOne<Delta>();
    QVERIFY(delta);
    QList<TurnChange> turns;
    for (const Change& change : delta->changes) {
        if (const auto* const turn = std::get_if<TurnChange>(&change))
            turns += *turn;
    }
    QVERIFY((turns
        == QList<TurnChange>{
            {call1(), turnOf(1, QStringLiteral("hello"), false)}, {call1(), turnOf(2, QStringLiteral("and"))}}));
}

void TestConsoleDesk::startsAnewWhereItCannotGoOn_data()
{
    QTest::addColumn<bool>("isSameRun");
    QTest::addColumn<qint64>("seq");
    QTest::addColumn<bool>("watches");
    QTest::addColumn<bool>("resumes");
    QTest::newRow("where it was") << true << qint64(27) << false << true;
    QTest::newRow("at the edge of what is kept") << true << qint64(22) << false << true;
    QTest::newRow("past it") << true << qint64(21) << false << false;
    QTest::newRow("long ago") << true << qint64(0) << false << false;
    QTest::newRow("of another life of the engine") << false << qint64(27) << false << false;
    QTest::newRow("of the future") << true << qint64(1000) << false << false;
    QTest::newRow("watching, and its turns are kept") << true << qint64(24) << true << true;
    QTest::newRow("watching, and one of them is not") << true << qint64(22) << true << false;
}

void TestConsoleDesk::startsAnewWhereItCannotGoOn()
{
    QFETCH(bool, isSameRun);
    QFETCH(qint64, seq);
    QFETCH(bool, watches);
    QFETCH(bool, resumes);
    Settings settings;
    settings.replayChanges = 4;
    settings.transcriptTurns = 3;
    Talk talk(settings);
    for (int i = 1; i <= 22; ++i)
        talk.desk.setLogRow(logRow(QString::number(i))); // 1 to 22
    talk.desk.setCall(liveCall(call1())); // 23
    for (int turn = 1; turn <= 4; ++turn)
        talk.desk.setTurn(call1(), turnOf(turn, QStringLiteral("words"))); // 24 to 27: the first of them is gone
    for (int i = 1; i <= 3; ++i)
        talk.desk.setLogRow(logRow(QStringLiteral("late %1").arg(i))); // 28 to 30; kept are 23, 28, 29, 30
    QCOMPARE(talk.desk.board().seq(), 30);

    Talker console = talk.comes();
    Hello hello = Talk::hello();
    hello.resume = Resume{isSameRun ? talk.desk.run() : QStringLiteral("another"), seq};
    if (watches)
        hello.watch = {call1()};
    console.says(hello);
    QCOMPARE(console.heardOne<Welcome>()->resumed, resumes);
    // Its own coming is a change too, and may push out the oldest: told before, it still needs no snapshot then.
    talk.desk.flush();
    const auto next = console.heard();
    QCOMPARE(next.size(), 1);
    if (!resumes) {
        const auto* const snapshot = std::get_if<Snapshot>(&next.first());
        QVERIFY(snapshot);
        QCOMPARE(snapshot->seq, 31);
        QCOMPARE(snapshot->watched.size(), watches ? 1 : 0);
    }
}

void TestConsoleDesk::sendsASnapshotWhenAskedAndNotTooOften()
{
    Talk talk;
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.joins();
    talk.clock.advance(Milliseconds(1000));
    for (int i = 0; i < 10; ++i)
        console.says(Resync{});
    QVERIFY(!talk.desk.flush());
    QCOMPARE(console.heardOne<Snapshot>()->calls.size(), 1);
    console.says(Resync{});
    talk.desk.setCall(liveCall(call1(), CallState::Thinking));
    QVERIFY(talk.desk.flush()); // asked again too soon: later
    QCOMPARE(console.heard().size(), 0);
    talk.clock.advance(Milliseconds(1000));
    QVERIFY(!talk.desk.flush());
    QCOMPARE(console.heardOne<Snapshot>()->calls.first().state, CallState::Thinking);
    talk.clock.advance(Milliseconds(1000));
    QVERIFY(!talk.desk.flush());
    QCOMPARE(console.heard().size(), 0);
}

void TestConsoleDesk::showsTheTranscriptOfAWatchedCall()
{
    Talk talk;
    talk.desk.setCall(liveCall(call1()));
    talk.desk.setTurn(call1(), turnOf(1, QStringLiteral("hello"), false));
    Talker console = talk.joins();
    console.says(WatchCall{7, call1()});
    const qint64 seq = talk.desk.board().seq();
    QCOMPARE(texts(console.heard()),
        texts({Reply{7, CommandResult(CallTranscript{call1(), seq, 1, {turnOf(1, QStringLiteral("hello"), false)}})}}));
    talk.due = 0;
    talk.desk.setTurn(call1(), turnOf(2, QStringLiteral("w")));
    talk.desk.setTurn(call1(), turnOf(2, QStringLiteral("wo")));
    QVERIFY(talk.due > 0);
    talk.desk.flush();
    QCOMPARE(texts(console.heard()),
        texts({Delta{seq, seq + 2, talk.clock.wallNow(), {TurnChange{call1(), turnOf(2, QStringLiteral("wo"))}}}}));
    // Asked twice, it is shown twice, and told once.
    console.says(WatchCall{8, call1()});
    QCOMPARE(console.heard().size(), 1);
    talk.desk.setTurn(call1(), turnOf(2, QStringLiteral("words")));
    talk.desk.flush();
    QCOMPARE(console.heardOne<Delta>()->changes.size(), 1);
    console.says(WatchCall{9, QStringLiteral("CA9")});
    QCOMPARE(texts(console.heard()),
        texts({Reply{9, CommandError{ErrorCode::NoSuchCall, QStringLiteral("the call is not live")}}}));
}

void TestConsoleDesk::stopsShowingAnUnwatchedCall()
{
    Talk talk;
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.joins({call1()});
    console.says(UnwatchCall{1, call1()});
    QCOMPARE(texts(console.heard()), texts({done(1)}));
    talk.due = 0;
    talk.desk.setTurn(call1(), turnOf(1, QStringLiteral("unheard")));
    QCOMPARE(talk.due, 0);
    talk.desk.flush();
    QCOMPARE(console.heard().size(), 0);
    console.says(UnwatchCall{2, QStringLiteral("never watched")});
    QCOMPARE(texts(console.heard()), texts({done(2)}));
}

void TestConsoleDesk::watchesABoundedNumberOfCalls()
{
    Talk talk;
    QStringList calls;
    for (int i = 0; i < 20; ++i) {
        calls += QStringLiteral("CA%1").arg(i);
        talk.desk.setCall(liveCall(calls.last()));
    }
    Talker console = talk.comes();
    Hello hello = Talk::hello();
    hello.watch = QStringList{QStringLiteral("gone")} + calls;
    console.says(hello);
    talk.desk.flush();
    const auto heard = console.heard();
    QCOMPARE(heard.size(), 2);
    QCOMPARE(std::get<Snapshot>(heard.last()).watched.size(), 8);
    console.says(WatchCall{1, calls.at(10)});
    QCOMPARE(failure(*console.heardOne<Reply>()),
        (CommandError{ErrorCode::NotPossible, QStringLiteral("8 calls are watched, which is the limit")}));
    console.says(UnwatchCall{2, calls.at(0)});
    console.says(WatchCall{3, calls.at(10)});
    const auto replies = console.heard();
    QCOMPARE(replies.size(), 2);
    QVERIFY(std::holds_alternative<CommandResult>(std::get<Reply>(replies.last()).outcome));
}

void TestConsoleDesk::forgetsWatchedCallsThatAreGone()
{
    Settings settings;
    settings.watchedCalls = 1;
    Talk talk(settings);
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.joins({call1()});
    talk.desk.setCall(liveCall(call1(), CallState::Ended));
    talk.desk.flush();
    QVERIFY(console.heardOne<Delta>());
    talk.clock.advance(Milliseconds(30000));
    talk.desk.tick();
    talk.desk.flush();
    const auto heard = console.heard();
    QCOMPARE(heard.size(), 2); // a beat, and the change
    const QList<Change> expected{CallGone{call1()}};
    QVERIFY(std::get<Delta>(heard.last()).changes == expected);
    talk.desk.setCall(liveCall(QStringLiteral("CA2")));
    talk.desk.flush();
    console.heard();
    console.says(WatchCall{1, QStringLiteral("CA2")});
    QVERIFY(std::holds_alternative<CommandResult>(console.heardOne<Reply>()->outcome));
}

void TestConsoleDesk::isNotWokenByTurnsThatNobodyWatches()
{
    Talk talk;
    Talker console = talk.joins();
    for (int i = 0; i < 500; ++i)
        talk.desk.setCall(liveCall(QStringLiteral("CA%1").arg(i)));
    talk.desk.flush();
    console.heard();
    talk.due = 0;
    const quint64 bytes = talk.desk.counters().bytes;
    for (int i = 0; i < 5000; ++i)
        talk.desk.setTurn(QStringLiteral("CA%1").arg(i % 500), turnOf(1 + i / 500, QString(i % 50, u'x')));
    QCOMPARE(talk.due, 0);
    talk.desk.flush();
    QCOMPARE(console.heard().size(), 0);
    QCOMPARE(talk.desk.counters().bytes, bytes);
}

void TestConsoleDesk::countsTheConsolesForAll()
{
    Talk talk;
    Talker first = talk.joins();
    Talker second = talk.comes();
    second.says(Talk::hello());
    talk.desk.flush();
    EngineStatus engine;
    engine.consoles = 2;
    const QList<Change> expected{EngineChange{engine}};
    QVERIFY(first.heardOne<Delta>()->changes == expected);
    QCOMPARE(std::get<Snapshot>(second.heard().last()).engine.consoles, 2);
    // The engine's own word on it does not count.
    engine.consoles = 77;
    engine.calls = 1;
    talk.desk.setEngine(engine);
    talk.desk.flush();
    QCOMPARE(std::get<EngineChange>(first.heardOne<Delta>()->changes.first()).engine.consoles, 2);
    second.heard();
    first.leaves();
    talk.desk.flush();
    QCOMPARE(std::get<EngineChange>(second.heardOne<Delta>()->changes.first()).engine.consoles, 1);
}

void TestConsoleDesk::givesNothingNewToOneThatDoesNotRead()
{
    Talk talk;
    Talker slow = talk.joins();
    Talker quick = talk.joins();
    talk.desk.flush();
    slow.heard();
    slow.line->isJammed = true;
    int toSlow = 0;
    int toQuick = 0;
    CallSummary call = liveCall(call1());
    call.language = QString(100000, u'x');
    for (int i = 1; i <= 100; ++i) {
        call.turn = i;
        talk.desk.setCall(call);
        QCOMPARE(talk.desk.flush(), i >= 4); // from then on something waits
        toSlow += int(slow.heard().size());
        toQuick += int(quick.heard().size());
    }
    QCOMPARE(toQuick, 100);
    QCOMPARE(toSlow, 3); // the third took it over the mark of 256 KB
    talk.clock.advance(Milliseconds(5000));
    talk.desk.tick();
    QCOMPARE(slow.heard().size(), 0); // a beat would wait behind all that as well
    slow.unjam();
    QVERIFY(!talk.desk.flush());
    const auto delta = slow.heardOne<Delta>();
    QVERIFY(delta);
    QCOMPARE(delta->changes.size(), 1); // of a hundred states the last
    QCOMPARE(std::get<CallChange>(delta->changes.first()).call.turn, 100);
    QCOMPARE(delta->to, talk.desk.board().seq());
    QCOMPARE(talk.desk.counters().slowCut, 0u);
}

void TestConsoleDesk::startsAnewWithOneThatWasLeftBehind()
{
    Settings settings;
    settings.replayChanges = 50;
    settings.highWater = 10000;
    Talk talk(settings);
    Talker console = talk.joins();
    console.line->isJammed = true;
    for (int i = 0; i < 200; ++i) {
        talk.desk.setCall(liveCall(QStringLiteral("CA%1").arg(i)));
        talk.desk.flush();
    }
    const qsizetype waiting = console.line->unsent;
    QVERIFY(waiting > 10000 && waiting < 11000);
    QVERIFY(console.heard().size() < 50);
    talk.clock.advance(Milliseconds(1000));
    console.unjam();
    QVERIFY(!talk.desk.flush());
    QCOMPARE(console.heardOne<Snapshot>()->calls.size(), 200);
    talk.desk.setCall(liveCall(call1(), CallState::Speaking));
    talk.desk.flush();
    QCOMPARE(console.heardOne<Delta>()->changes.size(), 1);
    QCOMPARE(talk.desk.counters().snapshots, 2u);
}

void TestConsoleDesk::cutsOneThatTakesNothing()
{
    Talk talk;
    Talker console = talk.joins();
    Talker other = talk.joins();
    console.line->isJammed = true;
    talk.desk.setCall(liveCall(call1()));
    talk.desk.flush();
    console.heard();
    for (int i = 0; i < 14; ++i) {
        talk.desk.tick();
        talk.clock.advance(Milliseconds(1000));
        talk.desk.setCall(liveCall(call1(), CallState::Speaking, i)); // more to read is no sign of reading
        talk.desk.flush();
    }
    talk.desk.tick();
    QVERIFY(!console.line->isClosed);
    console.heard();
    talk.clock.advance(Milliseconds(1000));
    talk.desk.tick();
    QVERIFY(console.line->isClosed);
    QCOMPARE(console.line->code, close::TooSlow);
    QCOMPARE(console.heard().size(), 0); // he would not read that either
    QCOMPARE(talk.desk.counters().slowCut, 1u);
    QCOMPARE(talk.desk.counters().consoles, 1);
    QVERIFY(!other.line->isClosed);
    console.leaves();
    QCOMPARE(talk.acts().last(), QStringLiteral("dana disconnect  done"));
}

void TestConsoleDesk::keepsOneThatReadsSlowly()
{
    Talk talk;
    Talker console = talk.joins();
    console.line->isJammed = true;
    for (int i = 0; i < 100; ++i) {
        talk.desk.setCall(liveCall(call1(), CallState::Speaking, i));
        talk.desk.flush();
        talk.clock.advance(Milliseconds(10000));
        console.line->unsent -= 10; // always some, never all
        talk.desk.tick();
        QVERIFY(!console.line->isClosed);
    }
    QVERIFY(console.line->unsent > 0);
    QCOMPARE(talk.desk.counters().slowCut, 0u);
}

void TestConsoleDesk::cutsOneWhoseQueueIsFull()
{
    Talk talk;
    Talker console = talk.joins();
    Talker other = talk.joins();
    console.line->isJammed = true;
    console.line->capacity = 100;
    talk.desk.setCall(liveCall(call1()));
    talk.desk.flush();
    QVERIFY(console.line->isClosed);
    QCOMPARE(talk.desk.counters().slowCut, 1u);
    QCOMPARE(talk.desk.counters().consoles, 1);
    console.heard();
    talk.desk.setCall(liveCall(call1(), CallState::Speaking));
    talk.desk.flush();
    QCOMPARE(console.heard().size(), 0);
    QVERIFY(!other.line->isClosed);
}

void TestConsoleDesk::asksNothingLargeForOneThatDoesNotRead()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.joins();
    console.line->unsent = 256 * 1024 + 1;
    console.says(QueryLog{1, {}, {}, 500});
    console.says(QueryCall{2, call1()});
    console.says(WatchCall{3, call1()});
    for (const ToConsole& message : console.heard())
        QCOMPARE(failure(std::get<Reply>(message)).code, ErrorCode::TooSlow);
    QCOMPARE(asked.what, QStringList());
    // What must happen now happens.
    console.says(EndCall{4, call1(), true});
    QCOMPARE(asked.what, QStringList{QStringLiteral("dana ends CA1 now")});
}

void TestConsoleDesk::anActIsDoneAndWrittenDown()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.joins();
    talk.record.clear();
    console.says(InterruptCall{5, call1()});
    QCOMPARE(asked.what, QStringList{QStringLiteral("dana interrupts CA1")});
    QCOMPARE(console.heard().size(), 0);
    QCOMPARE(talk.record.size(), 0);
    asked.answers.first()(CommandResult());
    QCOMPARE(texts(console.heard()), texts({done(5)}));
    QCOMPARE(talk.record.size(), 1);
    QCOMPARE(talk.record.first().kind, calllog::Entry::Kind::OperatorAct);
    QCOMPARE(talk.record.first().callId, call1());
    QCOMPARE(talk.record.first().at, talk.clock.wallNow());
    QCOMPARE(talk.record.first().data,
        (QJsonObject{{QStringLiteral("operator"), QStringLiteral("dana")},
            {QStringLiteral("act"), QStringLiteral("interrupt")}, {QStringLiteral("call"), call1()},
            {QStringLiteral("outcome"), QStringLiteral("done")}}));
}

void TestConsoleDesk::eachActIsWrittenDownWithItsOutcome()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.joins();
    talk.record.clear();
    console.says(EndCall{1, call1(), false});
    console.says(StartTestCall{2, {QStringLiteral("hello"), QStringLiteral("bye")}, {}, {}});
    console.says(WarmService{3, QStringLiteral("llm")});
    console.says(QueryLog{4, {}, {}, 50});
    console.says(QueryCall{5, call1()});
    QCOMPARE(asked.what,
        (QStringList{QStringLiteral("dana ends CA1"), QStringLiteral("dana tests hello/bye"),
            QStringLiteral("dana warms llm"), QStringLiteral("dana reads 50"), QStringLiteral("dana opens CA1")}));
    const CommandError refused{ErrorCode::NotPossible, QStringLiteral("it is ending already")};
    asked.answers.at(0)(refused);
    asked.answers.at(1)(CommandResult(TestCallStarted{QStringLiteral("CAtest")}));
    asked.answers.at(2)(CommandResult());
    asked.answers.at(3)(CommandResult(LogPage{{logRow(call1())}, {}}));
    asked.answers.at(4)(CommandError{ErrorCode::Unavailable, QStringLiteral("no database")});
    QCOMPARE(texts(console.heard()),
        texts({Reply{1, refused}, Reply{2, CommandResult(TestCallStarted{QStringLiteral("CAtest")})}, done(3),
            Reply{4, CommandResult(LogPage{{logRow(call1())}, {}})},
            Reply{5, CommandError{ErrorCode::Unavailable, QStringLiteral("no database")}}}));
    QCOMPARE(talk.acts(),
        (QStringList{QStringLiteral("dana end CA1 not-possible"), QStringLiteral("dana test-call CAtest done"),
            QStringLiteral("dana warm  done")})); // to look is no act
    QCOMPARE(talk.record.first().data.value(QLatin1String("now")), QJsonValue(false));
    QCOMPARE(talk.record.last().data.value(QLatin1String("service")).toString(), QStringLiteral("llm"));
    QCOMPARE(talk.desk.counters().commands, 5u);
    QCOMPARE(talk.desk.counters().commandErrors, 2u);
}

void TestConsoleDesk::onlyLiveCallsAreActedOn()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    talk.desk.setCall(liveCall(call1(), CallState::Ended));
    Talker console = talk.joins();
    talk.record.clear();
    console.says(EndCall{1, call1(), false});
    console.says(InterruptCall{2, QStringLiteral("made up\n")});
    const CommandError none{ErrorCode::NoSuchCall, QStringLiteral("the call is not live")};
    QCOMPARE(texts(console.heard()), texts({Reply{1, none}, Reply{2, none}}));
    QCOMPARE(asked.what, QStringList());
    // Tried is written down too; what a console made up does not become a call of the record.
    QCOMPARE(talk.acts(),
        (QStringList{QStringLiteral("dana end CA1 no-such-call"), QStringLiteral("dana interrupt  no-such-call")}));
    QCOMPARE(talk.record.last().data.value(QLatin1String("call")).toString(), QStringLiteral("made up\\u000a"));
}

void TestConsoleDesk::whatAnEngineCannotDoIsNotPossible()
{
    Talk talk;
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.joins();
    console.says(InterruptCall{1, call1()});
    console.says(EndCall{2, call1(), false});
    console.says(StartTestCall{3, {}, {}, {}});
    console.says(QueryLog{4, {}, {}, 50});
    console.says(QueryCall{5, call1()});
    console.says(WarmService{6, QStringLiteral("llm")});
    const auto heard = console.heard();
    QCOMPARE(heard.size(), 6);
    for (int i = 0; i < 6; ++i) {
        const auto& reply = std::get<Reply>(heard.at(i));
        QCOMPARE(reply.id, i + 1);
        QCOMPARE(failure(reply).code, ErrorCode::NotPossible);
    }
}

void TestConsoleDesk::aCommandOfALaterVersionIsAnswered()
{
    Talk talk;
    Talker console = talk.joins();
    console.saysText("{\"type\":\"take-over\",\"id\":12,\"call\":\"CA1\"}");
    QCOMPARE(texts(console.heard()),
        texts({Reply{
            12, CommandError{ErrorCode::UnknownCommand, QStringLiteral("this engine does not know \"take-over\"")}}}));
    console.saysText("{\"type\":\"mood\",\"value\":\"good\"}");
    QCOMPARE(console.heard().size(), 0);
    QVERIFY(!console.line->isClosed);
}

void TestConsoleDesk::aCommandWithoutAnAnswerTimesOut()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.joins();
    talk.record.clear();
    console.says(EndCall{1, call1(), false});
    talk.clock.advance(Milliseconds(4999));
    talk.desk.tick();
    QCOMPARE(console.heard().size(), 0);
    talk.clock.advance(Milliseconds(1));
    talk.desk.tick();
    const auto heard = console.heard();
    QCOMPARE(heard.size(), 1); // and no beat beside it
    QCOMPARE(failure(std::get<Reply>(heard.first())).code, ErrorCode::Timeout);
    QCOMPARE(talk.acts(), QStringList{QStringLiteral("dana end CA1 timeout")});
    // Late, it is not heard, and the number may be used again.
    asked.answers.first()(CommandResult());
    QCOMPARE(console.heard().size(), 0);
    QCOMPARE(talk.record.size(), 1);
    console.says(EndCall{1, call1(), false});
    asked.answers.last()(CommandResult());
    QCOMPARE(texts(console.heard()), texts({done(1)}));
}

void TestConsoleDesk::theFirstAnswerCounts()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    Talker console = talk.joins();
    console.says(WarmService{1, QStringLiteral("llm")});
    asked.answers.first()(CommandResult());
    asked.answers.first()(CommandError{ErrorCode::Internal, QStringLiteral("again")});
    QCOMPARE(texts(console.heard()), texts({done(1)}));
}

void TestConsoleDesk::anAnswerForOneThatLeftIsWrittenDown()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    talk.desk.setCall(liveCall(call1()));
    Talker console = talk.joins();
    console.says(EndCall{1, call1(), false});
    console.leaves();
    asked.answers.first()(CommandResult());
    QCOMPARE(talk.acts(),
        (QStringList{QStringLiteral("dana connect  done"), QStringLiteral("dana disconnect  done"),
            QStringLiteral("dana end CA1 done")}));
}

void TestConsoleDesk::anAnswerAfterTheEndIsIgnored()
{
    Asked asked;
    {
        Talk talk({}, {}, asked.commands());
        Talker console = talk.joins();
        console.says(WarmService{1, QStringLiteral("llm")});
    }
    asked.answers.first()(CommandResult()); // the sanitizers would tell
}

void TestConsoleDesk::anIdInHandMayNotBeUsedAgain()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    Talker console = talk.joins();
    Talker other = talk.joins();
    console.says(WarmService{1, QStringLiteral("llm")});
    other.says(WarmService{1, QStringLiteral("stt")}); // each has its own
    QCOMPARE(other.heard().size(), 0);
    console.heard();
    console.says(WarmService{1, QStringLiteral("tts")});
    QCOMPARE(texts(console.heard()),
        texts({Refusal{ErrorCode::BadMessage, QStringLiteral("command 1 is in hand already"), {}, {}}}));
    QCOMPARE(console.line->code, close::BadMessage);
    QCOMPARE(asked.what.size(), 2);
}

void TestConsoleDesk::limitsCommands()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    Talker console = talk.joins();
    for (int id = 1; id <= 41; ++id) {
        console.says(WarmService{id, QStringLiteral("llm")});
        if (id <= 40)
            asked.answers.last()(CommandResult());
    }
    QCOMPARE(asked.what.size(), 40);
    const auto heard = console.heard();
    QCOMPARE(heard.size(), 41);
    QCOMPARE(texts({heard.at(39)}), texts({done(40)}));
    QCOMPARE(failure(std::get<Reply>(heard.last())),
        (CommandError{ErrorCode::RateLimited, QStringLiteral("more than 20 commands a second")}));
    QVERIFY(!console.line->isClosed);
    talk.clock.advance(Milliseconds(50));
    console.says(WarmService{42, QStringLiteral("llm")});
    QCOMPARE(asked.what.size(), 41);
}

void TestConsoleDesk::limitsCommandsInFlight()
{
    Asked asked;
    Settings settings;
    settings.commandsInFlight = 3;
    Talk talk(settings, {}, asked.commands());
    Talker console = talk.joins();
    for (int id = 1; id <= 4; ++id)
        console.says(WarmService{id, QStringLiteral("llm")});
    QCOMPARE(asked.what.size(), 3);
    QCOMPARE(failure(*console.heardOne<Reply>()).code, ErrorCode::RateLimited);
    asked.answers.first()(CommandResult());
    console.says(WarmService{5, QStringLiteral("llm")});
    QCOMPARE(asked.what.size(), 4);
}

void TestConsoleDesk::cutsAFlood()
{
    Talk talk;
    Talker console = talk.joins();
    Talker other = talk.joins();
    talk.clock.advance(Milliseconds(1000));
    console.heard();
    for (int i = 0; i < 200; ++i)
        console.says(Ping{i});
    QCOMPARE(console.heard().size(), 200);
    console.says(Ping{200});
    QCOMPARE(texts(console.heard()),
        texts({Refusal{ErrorCode::RateLimited, QStringLiteral("more than 200 messages a second"), {}, {}}}));
    QCOMPARE(console.line->code, close::TooMany);
    QCOMPARE(talk.desk.counters().rateCut, 1u);
    console.says(Ping{201});
    QCOMPARE(console.heard().size(), 0);
    // One that keeps to it is never cut.
    for (int i = 0; i < 2000; ++i) {
        talk.clock.advance(Milliseconds(5));
        other.says(Ping{i});
    }
    QVERIFY(!other.line->isClosed);
}

void TestConsoleDesk::boundsThePageOfTheLog()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    Talker console = talk.joins();
    console.says(QueryLog{1, {}, {}, 1000000});
    console.says(QueryLog{2, {}, {}, 0});
    console.says(QueryLog{3, {}, {}, 77});
    QCOMPARE(asked.what,
        (QStringList{
            QStringLiteral("dana reads 500"), QStringLiteral("dana reads 1"), QStringLiteral("dana reads 77")}));
}

void TestConsoleDesk::tellsThatTheEngineGoes()
{
    Talk talk;
    Talker console = talk.joins();
    Talker stranger = talk.comes();
    talk.desk.shutDown();
    for (const Talker* const each : {&console, &stranger}) {
        QCOMPARE(each->line->code, 1001);
        QCOMPARE(each->line->reason, QStringLiteral("the engine is stopping"));
        QCOMPARE(each->line->sent.size(), 0);
    }
    Talker late = talk.comes();
    QCOMPARE(late.line->code, 1001);
    talk.desk.setCall(liveCall(call1()));
    talk.desk.flush();
    talk.desk.tick();
    QCOMPARE(console.heard().size(), 0);
    talk.desk.shutDown();
    console.leaves();
    QCOMPARE(talk.acts().last(), QStringLiteral("dana disconnect  done"));
}

namespace {
RequestRecord requestOf(int number)
{
    RequestRecord request;
    request.id = QStringLiteral("run-%1").arg(number);
    request.path = QStringLiteral("/webhook/call_status");
    return request;
}
} // namespace

void TestConsoleDesk::requestsAreToldToThoseThatWatchThem()
{
    Asked asked;
    Talk talk({}, {}, asked.commands());
    Talker watching = talk.joins(), other = talk.joins();
    talk.desk.flush();
    watching.heard();
    other.heard();
    talk.desk.addRequest(requestOf(1)); // nobody asked
    watching.says(WatchRequests{1});
    QCOMPARE(texts(watching.heard()), texts({done(1)}));
    talk.desk.addRequest(requestOf(2));
    talk.desk.addRequest(requestOf(3));
    talk.desk.flush();
    QCOMPARE(texts(watching.heard()), texts({Requests{{requestOf(2), requestOf(3)}, false}}));
    talk.desk.flush();
    QCOMPARE(watching.heard().size(), 0);
    QCOMPARE(other.heard().size(), 0);
    watching.says(UnwatchRequests{2});
    talk.desk.addRequest(requestOf(4));
    talk.desk.flush();
    QCOMPARE(texts(watching.heard()), texts({done(2)}));
    watching.says(QueryRequests{3, {}, {}, {}, false, {}, 100'000});
    QCOMPARE(asked.what.last(), QStringLiteral("dana inspects 500"));
    // An engine without it says so.
    Talk plain;
    Talker console = plain.joins();
    plain.desk.flush();
    console.heard();
    console.says(WatchRequests{1});
    console.says(QueryRequests{2, {}, {}, {}, false, {}, 1});
    const auto heard = console.heard();
    QCOMPARE(heard.size(), 2);
    for (const auto& message : heard)
        QCOMPARE(failure(std::get<Reply>(message)).code, ErrorCode::NotPossible);
}

void TestConsoleDesk::requestsThatWaitTooLongAreMissed()
{
    Settings settings;
    settings.requestNews = 3;
    Asked asked;
    Talk talk(settings, {}, asked.commands());
    Talker console = talk.joins();
    console.says(WatchRequests{1});
    talk.desk.flush();
    console.heard();
    for (int i = 1; i <= 5; ++i)
        talk.desk.addRequest(requestOf(i));
    talk.desk.flush();
    QCOMPARE(texts(console.heard()), texts({Requests{{requestOf(3), requestOf(4), requestOf(5)}, true}}));
}

void TestConsoleDesk::noSecretReachesLogOrRecord()
{
    QLoggingCategory::setFilterRules(QStringLiteral("kav.control=true"));
    logLines.clear();
    const QtMessageHandler before = qInstallMessageHandler(keepLine);
    const QString wrong = QStringLiteral("wrong-0123456789abcdef");
    QList<calllog::Entry> record;
    QStringList heard;
    {
        Asked asked;
        Talk talk({}, QStringLiteral("alice:") + AliceToken, asked.commands());
        talk.desk.setCall(liveCall(call1()));
        Hello hello = Talk::hello();
        hello.client = QStringLiteral("evil\u202e\nclient ") + QString(1000, u'x');
        for (const QString& token : {AliceToken, wrong, AliceToken.left(10)}) {
            Talker console = talk.comes(false, QStringLiteral("192.0.2.1"));
            hello.token = token;
            console.says(hello);
            console.says(EndCall{1, call1(), true});
            if (!asked.answers.isEmpty())
                asked.answers.last()(CommandResult());
            console.saysText("{\"type\":\"hello\",\"token\":\"" + wrong.toUtf8() + "\",\"lowest\":\"x\"}");
            console.leaves();
            heard += texts(console.heard());
        }
        // A token where it does not belong.
        Talker console = talk.comes(false, QStringLiteral("192.0.2.1"));
        console.saysText("{\"type\":\"hello\",\"" + wrong.toUtf8() + "\":" + wrong.toUtf8() + "}");
        heard += texts(console.heard());
        record = talk.record;
    }
    qInstallMessageHandler(before);
    QVERIFY(logLines.size() >= 5);
    QVERIFY(record.size() >= 3);
    QVERIFY(logLines.filter(QStringLiteral("alice from 192.0.2.1 : connect done")).size() == 1);
    QVERIFY(logLines.filter(QStringLiteral("CA1 alice from 192.0.2.1 : end done")).size() == 1);
    QStringList all = logLines + heard;
    for (const calllog::Entry& entry : std::as_const(record))
        all += QString::fromUtf8(QJsonDocument(entry.data).toJson());
    for (const QString& text : std::as_const(all)) {
        for (const QString& secret : {AliceToken, wrong, AliceToken.left(10)})
            QVERIFY2(!text.contains(secret), qPrintable(text));
    }
    for (const QString& line : std::as_const(logLines)) {
        QVERIFY2(!line.contains(u'\n') && !line.contains(QChar(0x202e)), qPrintable(line));
        QVERIFY2(line.size() < 500, qPrintable(line));
    }
}

QTEST_GUILESS_MAIN(TestConsoleDesk)
#include "tst_consoledesk.moc"
