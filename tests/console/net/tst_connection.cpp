// SPDX-License-Identifier: Apache-2.0
#include "console/net/connection.h"
#include "console/net/synchronizer.h"
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"
#include "tests/console/net/scriptedpeer.h"
#include "tests/console/net/selfsigned.h"
#include "tests/support/fakeclock.h"

#include <QEventLoop>
#include <QRegularExpression>
#include <QSslCertificate>
#include <QSslConfiguration>
#include <QSslKey>
#include <QSslServer>
#include <QTest>
#include <QTimer>
#include <QWebSocket>

using namespace std::chrono_literals;
namespace wire = kav::protocol;
using kav::console::Connection;
using kav::console::LinkState;
using kav::console::Synchronizer;
using kav::test::PeerLine;
using kav::test::ScriptedPeer;

namespace {

const QString Token = QStringLiteral("sesame-sesame-sesame");

/// A console's line and, at its other end, whatever the test makes of an engine.
class LineDesk final {
public:
    explicit LineDesk(const Connection::Settings& settings = {})
        : synchronizer(QStringLiteral("kav-console 0.1.0"), clock)
        , connection(std::make_unique<Connection>(synchronizer, settings, clock, [] { return 0.5; }))
    {
        synchronizer.setToken(Token);
        peer.listen();
        QObject::connect(connection.get(), &Connection::stateChanged, connection.get(),
            [this](LinkState state) { states.append(state); });
        QObject::connect(&synchronizer, &Synchronizer::resumed, &synchronizer, [this] { ++resumed; });
        QObject::connect(&synchronizer, &Synchronizer::snapshotTaken, &synchronizer, [this] { ++snapshots; });
    }

    void advance(kav::Milliseconds by)
    {
        clock.advance(by);
        connection->tick();
    }
    /// Several ticks, as time goes by.
    void pass(kav::Milliseconds by)
    {
        for (; by > 0ms; by -= 250ms)
            advance(std::min<kav::Milliseconds>(by, 250ms));
    }
    LinkState state() const { return connection->state(); }
    kav::Milliseconds untilNext() const
    {
        return connection->nextAttempt() ? kav::elapsed(clock.now(), *connection->nextAttempt()) : -1ms;
    }
    bool goesLive(qint64 seq = 10)
    {
        peer.behave(seq);
        connection->open(peer.url());
        return QTest::qWaitFor([this] { return state() == LinkState::Live; });
    }

    kav::test::FakeClock clock;
    ScriptedPeer peer;
    Synchronizer synchronizer;
    std::unique_ptr<Connection> connection;
    QList<LinkState> states;
    int resumed = 0, snapshots = 0;
};

} // namespace

class TestConnection final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".*"))); }

    // Up.
    void goesLiveStepByStep();
    void takesBytesOneByOne();
    void takesAMessageInFragments();
    void takesBigMessages();
    void answersWebSocketPings();

    // Not up.
    void comesBackFromALossAtEveryStage_data();
    void comesBackFromALossAtEveryStage();
    void understandsAnUpgradeRefused_data();
    void understandsAnUpgradeRefused();
    void takesNothingElseForAWebSocket_data();
    void takesNothingElseForAWebSocket();
    void boundsWhatComesInsteadOfAnAnswer();
    void isNotFooledByAPlainPortForTls();
    void doesNotIgnoreACertificateThatDoesNotHold();
    void waitsWhenNobodyIsThere();

    // Sent away.
    void staysAwayWhenRefusedForGood_data();
    void staysAwayWhenRefusedForGood();
    void comesAgainWhenRefusedForNow_data();
    void comesAgainWhenRefusedForNow();
    void understandsACloseWithoutItsRefusal_data();
    void understandsACloseWithoutItsRefusal();
    void dropsWhatIsNotTheProtocol_data();
    void dropsWhatIsNotTheProtocol();

    // Silence.
    void givesUpOnAnUpgradeThatDoesNotCome_data();
    void givesUpOnAnUpgradeThatDoesNotCome();
    void givesUpOnAPortThatResets();
    void givesUpOnAnEngineThatSaysNothing_data();
    void givesUpOnAnEngineThatSaysNothing();
    void isStaleAfterThreeHeartbeatsAndRecovers();
    void dropsAStaleLine();
    void dropsALineThatStaysInAGap();
    void doesNotBlameTheEngineForItsOwnSleep();
    void countsHalfAFrameAsSilence();
    void oneMessageAMinuteIsEnoughOnlyWhenPromised();

    // Coming back.
    void resumesAfterTheEngineWasAway();
    void waitsLongerEachTime();
    void startsTheWaitsAnewOnceSettled();
    void retriesNowOnDemand();
    void retriesNowWhenStale();
    void retryNowDisturbsNothing();

    // On purpose.
    void closesPolitely();
    void closesWhileConnecting();
    void opensAnotherEngineAfresh();
    void opensTheSameEngineAgain();
    void tellsWhenTheDataAreFrom();
    void finishesCommandsWhenTheLineGoes();
    void neverLogsTheToken();

    // Slots that do things.
    void aSlotMayCloseOrReopen_data();
    void aSlotMayCloseOrReopen();
    void aSlotMayTurnTheEventLoopWhileTheLineGoes();
    void mayBeDeletedAtAnyStage_data();
    void mayBeDeletedAtAnyStage();
};

void TestConnection::goesLiveStepByStep()
{
    LineDesk desk;
    desk.connection->open(desk.peer.url());
    QCOMPARE(desk.state(), LinkState::Connecting);
    QTRY_VERIFY(!desk.peer.lines.empty() && !desk.peer.last().head.isEmpty());
    PeerLine& line = desk.peer.last();
    QVERIFY(line.head.startsWith("GET /console HTTP/1.1\r\n"));
    QVERIFY(line.head.contains("\r\nSec-WebSocket-Protocol: kav.console\r\n"));
    // An engine takes whoever has an Origin for a browser, and the token belongs into the hello.
    QVERIFY(!line.head.toLower().contains("\r\norigin:"));
    QVERIFY(!line.head.contains(Token.toLatin1()));

    line.upgrade();
    QTRY_COMPARE(line.heard.size(), 1);
    QCOMPARE(desk.state(), LinkState::Authenticating);
    QCOMPARE(std::get<wire::Hello>(line.heard.first()).token, Token);

    line.welcomes();
    QTRY_COMPARE(desk.state(), LinkState::Synchronizing);
    line.showsAt(10);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QCOMPARE(desk.states,
        (QList{LinkState::Connecting, LinkState::Authenticating, LinkState::Synchronizing, LinkState::Live}));
    QCOMPARE(desk.synchronizer.seq(), 10);
    QVERIFY(desk.connection->reason().isEmpty());
    QVERIFY(!desk.connection->nextAttempt());

    // Pings of the protocol go out by the line's own clock.
    desk.advance(250ms);
    QTRY_COMPARE(line.heard.size(), 2);
    QVERIFY(std::holds_alternative<wire::Ping>(line.heard.last()));
    QCOMPARE(line.fault, QString());
    QCOMPARE(desk.peer.lines.size(), 1u);
}

void TestConnection::takesBytesOneByOne()
{
    LineDesk desk;
    desk.peer.onHead = [](PeerLine& line) { line.upgrade(); };
    desk.connection->open(desk.peer.url());
    QTRY_VERIFY(!desk.peer.lines.empty() && desk.peer.last().heard.size() == 1);
    PeerLine& line = desk.peer.last();
    line.welcomes();
    for (const char byte : PeerLine::frame(1, wire::encode(wire::Snapshot{7, desk.clock.wallNow(), {}, {}, {}, {}}))) {
        line.write(QByteArray(1, byte));
        QCoreApplication::processEvents();
    }
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QCOMPARE(desk.synchronizer.seq(), 7);
}

void TestConnection::takesAMessageInFragments()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    const QByteArray text = wire::encode(wire::Delta{10, 11, desk.clock.wallNow(), {}});
    PeerLine& line = desk.peer.last();
    line.sendFrame(1, text.left(5), false);
    line.sendFrame(9, "ping between"); // a control frame may stand between
    line.sendFrame(0, text.mid(5, 5), false);
    line.sendFrame(0, text.mid(10));
    QTRY_COMPARE(desk.synchronizer.seq(), 11);
    QTRY_COMPARE(line.pongs, 1);
}

void TestConnection::takesBigMessages()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    desk.peer.last().sendFrame(1, "{\"type\":\"of-tomorrow\",\"text\":\"" + QByteArray(15 * 1024 * 1024, 'x') + "\"}");
    QTRY_COMPARE(desk.synchronizer.counters().ignored, 1);
    QCOMPARE(desk.state(), LinkState::Live);
}

void TestConnection::answersWebSocketPings()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    desk.peer.last().sendFrame(9, "are you there");
    QTRY_COMPARE(desk.peer.last().pongs, 1);
}

void TestConnection::comesBackFromALossAtEveryStage_data()
{
    QTest::addColumn<int>("stage");
    QTest::addColumn<bool>("reset");
    const char* stages[] = {"once it is accepted", "once it has asked", "in the middle of the answer",
        "once it is upgraded", "once it has said hello", "once it is welcomed", "in the middle of a frame",
        "once it is live"};
    for (int stage = 0; stage < 8; ++stage) {
        QTest::addRow("%s, closed", stages[stage]) << stage << false;
        if (stage > 0) // which is a test of its own
            QTest::addRow("%s, reset", stages[stage]) << stage << true;
    }
}

void TestConnection::comesBackFromALossAtEveryStage()
{
    QFETCH(int, stage);
    QFETCH(bool, reset);
    LineDesk desk;
    const auto drop = [reset](PeerLine& line) { reset ? line.resets() : line.hangsUp(); };
    if (stage == 0)
        desk.peer.onConnected = drop;
    desk.peer.onHead = [stage, drop](PeerLine& line) {
        if (stage == 2)
            line.write("HTTP/1.1 101 Switching Prot");
        if (stage >= 3)
            line.upgrade();
        if (stage <= 3)
            drop(line);
    };
    desk.peer.onHello = [stage, drop](PeerLine& line) {
        if (stage >= 5)
            line.welcomes();
        if (stage == 6)
            line.write(PeerLine::frame(1, QByteArray(50, ' ')).left(30));
        if (stage < 7)
            drop(line);
        else
            line.showsAt(10);
    };
    desk.connection->open(desk.peer.url());
    if (stage == 7) {
        QTRY_COMPARE(desk.state(), LinkState::Live);
        drop(desk.peer.last());
    }
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QCOMPARE(desk.connection->reason(),
        stage < 3 ? QStringLiteral("The remote host closed the connection") : QStringLiteral("The line was cut"));
    QCOMPARE(desk.synchronizer.phase(), Synchronizer::Phase::Down);
    QCOMPARE(desk.untilNext(), 1000ms);
    QCOMPARE(desk.peer.lines.size(), 1u);

    desk.peer.behave(10);
    desk.advance(999ms);
    QCOMPARE(desk.state(), LinkState::Waiting);
    desk.advance(1ms);
    QCOMPARE(desk.state(), LinkState::Connecting);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QCOMPARE(desk.peer.lines.size(), 2u);
    QVERIFY(desk.connection->reason().isEmpty());
    // Only what was whole can be resumed.
    const auto& hello = std::get<wire::Hello>(desk.peer.last().heard.first());
    QCOMPARE(hello.resume.has_value(), stage == 7);
}

void TestConnection::understandsAnUpgradeRefused_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<LinkState>("state");
    QTest::addColumn<QString>("code");
    const auto row = [](int status, LinkState state, const char* code) {
        QTest::addRow("%d", status) << status << state << QString::fromLatin1(code);
    };
    row(401, LinkState::Refused, "unauthorized");
    row(403, LinkState::Refused, "unauthorized");
    row(404, LinkState::Refused, "");
    row(429, LinkState::Waiting, "too-many-consoles");
    for (const int status : {200, 204, 301, 302, 307, 308, 426, 500, 502, 503, 504})
        row(status, LinkState::Waiting, "");
}

void TestConnection::understandsAnUpgradeRefused()
{
    QFETCH(int, status);
    QFETCH(LinkState, state);
    QFETCH(QString, code);
    LineDesk desk;
    const QByteArray elsewhere = desk.peer.url().toEncoded();
    desk.peer.onHead = [status, elsewhere](PeerLine& line) {
        line.write("HTTP/1.1 " + QByteArray::number(status) + " Words\r\nLocation: " + elsewhere
            + "\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwords");
        line.hangsUp();
    };
    desk.connection->open(desk.peer.url());
    QTRY_COMPARE(desk.state(), state);
    QVERIFY2(desk.connection->reason().contains(QString::number(status)), qPrintable(desk.connection->reason()));
    const auto refusal = desk.connection->refusal();
    QCOMPARE(refusal ? wire::errorCodeName(refusal->code) : QString(), code);
    QCOMPARE(desk.connection->nextAttempt().has_value(), state == LinkState::Waiting);
    QTRY_VERIFY(desk.peer.last().isGone);
    QCOMPARE(desk.peer.lines.size(), 1u);
}

void TestConnection::takesNothingElseForAWebSocket_data()
{
    QTest::addColumn<QByteArray>("answer");
    QTest::newRow("an empty line") << QByteArray("\r\n\r\n");
    QTest::newRow("SSH") << QByteArray("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\r\n");
    QTest::newRow("SMTP") << QByteArray("220 mail.example.com ESMTP\r\n\r\n");
    QTest::newRow("bytes") << QByteArray("\x15\x03\x01\x00\x02\x02\x28\r\n\r\n", 11);
    QTest::newRow("HTTP of a later day") << QByteArray("HTTP/9 101 Switching\r\n\r\n");
    QTest::newRow("a head without words") << QByteArray("HTTP/1.1\r\n\r\n");
    QTest::newRow("a status that is a word") << QByteArray("HTTP/1.1 abc Switching\r\n\r\n");
    QTest::newRow("101 and nothing else") << QByteArray("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    QTest::newRow("a header without a colon") << QByteArray("HTTP/1.1 101 Switching Protocols\r\nUpgrade\r\n\r\n");
    QTest::newRow("a wrong key") << QByteArray();
}

void TestConnection::takesNothingElseForAWebSocket()
{
    QFETCH(QByteArray, answer);
    LineDesk desk;
    desk.peer.onHead = [answer](PeerLine& line) {
        if (answer.isEmpty())
            line.upgrade("c2VzYW1lLXNlc2FtZS1zZXNhbWU=");
        else
            line.write(answer);
    };
    desk.connection->open(desk.peer.url());
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QVERIFY(!desk.connection->reason().isEmpty());
    QTRY_VERIFY(desk.peer.last().isGone);
    QVERIFY(desk.peer.last().heard.isEmpty());
}

void TestConnection::boundsWhatComesInsteadOfAnAnswer()
{
    LineDesk desk;
    desk.connection->open(desk.peer.url());
    QTRY_VERIFY(!desk.peer.lines.empty() && !desk.peer.last().head.isEmpty());
    desk.peer.last().write("HTTP/1.1 101 Switching Protocols\r\nX: ");
    for (int i = 0; i < 1024 && !desk.peer.last().isGone; ++i) {
        desk.peer.last().write(QByteArray(16 * 1024, 'x'));
        QCoreApplication::processEvents();
    }
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
}

void TestConnection::isNotFooledByAPlainPortForTls()
{
    LineDesk desk;
    desk.peer.onConnected = [](PeerLine& line) { line.write("HTTP/1.1 400 Bad Request\r\n\r\n"); };
    QUrl url = desk.peer.url();
    url.setScheme(QStringLiteral("wss"));
    desk.connection->open(url);
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QVERIFY(!desk.connection->reason().isEmpty());
}

void TestConnection::doesNotIgnoreACertificateThatDoesNotHold()
{
    LineDesk desk;
    QSslServer server;
    QSslConfiguration tls = QSslConfiguration::defaultConfiguration();
    tls.setLocalCertificate(QSslCertificate(QByteArray(kav::test::SelfSignedCertificate)));
    tls.setPrivateKey(QSslKey(QByteArray(kav::test::SelfSignedKey), QSsl::Ec));
    server.setSslConfiguration(tls);
    QByteArray read;
    connect(&server, &QSslServer::pendingConnectionAvailable, this, [&server, &read] {
        while (QTcpSocket* socket = server.nextPendingConnection())
            connect(socket, &QTcpSocket::readyRead, socket, [socket, &read] { read += socket->readAll(); });
    });
    QVERIFY(server.listen(QHostAddress::LocalHost));
    QUrl url = desk.peer.url();
    url.setScheme(QStringLiteral("wss"));
    url.setPort(server.serverPort());

    desk.connection->open(url);
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QVERIFY2(desk.connection->reason().contains(QLatin1String("certificate")), qPrintable(desk.connection->reason()));
    QCOMPARE(desk.untilNext(), 1000ms);
    QVERIFY(read.isEmpty());
}

void TestConnection::waitsWhenNobodyIsThere()
{
    LineDesk desk;
    desk.peer.stopListening();
    desk.connection->open(desk.peer.url());
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QVERIFY(!desk.connection->reason().isEmpty());
    QVERIFY(!desk.connection->refusal());
    QCOMPARE(desk.states, (QList{LinkState::Connecting, LinkState::Waiting}));
}

void TestConnection::staysAwayWhenRefusedForGood_data()
{
    QTest::addColumn<wire::ErrorCode>("code");
    QTest::newRow("a wrong token") << wire::ErrorCode::Unauthorized;
    QTest::newRow("another version") << wire::ErrorCode::Version;
}

void TestConnection::staysAwayWhenRefusedForGood()
{
    QFETCH(wire::ErrorCode, code);
    LineDesk desk;
    desk.peer.behave(10);
    desk.peer.onHello = [code](PeerLine& line) {
        line.says(wire::Refusal{code, QStringLiteral("because"), 7, 8});
        line.closes(wire::close::Unauthorized);
    };
    desk.connection->open(desk.peer.url());
    QTRY_COMPARE(desk.state(), LinkState::Refused);
    QCOMPARE(desk.connection->reason(), QStringLiteral("because"));
    QCOMPARE(desk.connection->refusal()->code, code);
    QCOMPARE(desk.connection->refusal()->lowest, 7);
    QVERIFY(!desk.connection->nextAttempt());
    for (int i = 0; i < 60; ++i)
        desk.advance(1min);
    QTRY_VERIFY(desk.peer.last().isGone);
    QCOMPARE(desk.peer.lines.size(), 1u);
    QCOMPARE(desk.state(), LinkState::Refused);

    // The user has mended it.
    desk.peer.behave(10);
    desk.connection->retryNow();
    QCOMPARE(desk.state(), LinkState::Connecting);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QVERIFY(!desk.connection->refusal());
    QVERIFY(desk.connection->reason().isEmpty());
}

void TestConnection::comesAgainWhenRefusedForNow_data()
{
    QTest::addColumn<wire::ErrorCode>("code");
    QTest::newRow("full") << wire::ErrorCode::TooManyConsoles;
    QTest::newRow("too many messages") << wire::ErrorCode::RateLimited;
    QTest::newRow("too slow") << wire::ErrorCode::TooSlow;
    QTest::newRow("a fault") << wire::ErrorCode::Internal;
}

void TestConnection::comesAgainWhenRefusedForNow()
{
    QFETCH(wire::ErrorCode, code);
    LineDesk desk;
    QVERIFY(desk.goesLive());
    desk.peer.last().says(wire::Refusal{code, QStringLiteral("because"), {}, {}});
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QCOMPARE(desk.connection->refusal()->code, code);
    // The reason stands while the next attempt is under way.
    desk.peer.onHead = {};
    desk.advance(1s);
    QCOMPARE(desk.state(), LinkState::Connecting);
    QCOMPARE(desk.connection->reason(), QStringLiteral("because"));
    // Its end is the line's end, not an error of the next.
    QTRY_COMPARE(desk.peer.lines.size(), 2u);
    QTRY_VERIFY(desk.peer.lines.front()->closeCode);
    QCOMPARE(desk.state(), LinkState::Connecting);
}

void TestConnection::understandsACloseWithoutItsRefusal_data()
{
    QTest::addColumn<int>("close");
    QTest::addColumn<LinkState>("state");
    QTest::addColumn<QString>("code");
    const auto row = [](const char* what, int close, LinkState state, const char* code) {
        QTest::newRow(what) << close << state << QString::fromLatin1(code);
    };
    row("bad message", wire::close::BadMessage, LinkState::Waiting, "bad-message");
    row("wrong token", wire::close::Unauthorized, LinkState::Refused, "unauthorized");
    row("no hello", wire::close::NoHello, LinkState::Waiting, "hello-expected");
    row("another version", wire::close::VersionMismatch, LinkState::Refused, "version");
    row("too many", wire::close::TooMany, LinkState::Waiting, "too-many-consoles");
    row("too slow", wire::close::TooSlow, LinkState::Waiting, "too-slow");
    row("going away", 1001, LinkState::Waiting, "");
    row("policy", 1008, LinkState::Waiting, "");
    row("an error", 1011, LinkState::Waiting, "");
    row("one nobody knows", 4999, LinkState::Waiting, "");
}

void TestConnection::understandsACloseWithoutItsRefusal()
{
    QFETCH(int, close);
    QFETCH(LinkState, state);
    QFETCH(QString, code);
    LineDesk desk;
    QVERIFY(desk.goesLive());
    desk.peer.last().closes(static_cast<quint16>(close), "said \xe2\x80\xae so");
    QTRY_COMPARE(desk.state(), state);
    QVERIFY2(desk.connection->reason().contains(QLatin1String("said \\u202E so"), Qt::CaseInsensitive),
        qPrintable(desk.connection->reason()));
    const auto refusal = desk.connection->refusal();
    QCOMPARE(refusal ? wire::errorCodeName(refusal->code) : QString(), code);
    // The close is answered.
    QTRY_COMPARE(desk.peer.last().closeCode, static_cast<quint16>(close));
}

void TestConnection::dropsWhatIsNotTheProtocol_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("close");
    QTest::newRow("no JSON") << PeerLine::frame(1, "hello?") << 1000;
    QTest::newRow("a message with a field missing") << PeerLine::frame(1, "{\"type\":\"delta\"}") << 1000;
    QTest::newRow("a binary frame") << PeerLine::frame(2, "{\"type\":\"heartbeat\"}") << 1000;
    QTest::newRow("an unknown frame") << PeerLine::frame(3, "x") << 1002;
    QTest::newRow("a long ping") << PeerLine::frame(9, QByteArray(126, 'x')) << 1002;
    QTest::newRow("text that is not UTF-8") << PeerLine::frame(1, "\xff\xfe") << 1007;
    QTest::newRow("a continuation of nothing") << PeerLine::frame(0, "x") << 1002;
    QTest::newRow("noise") << QByteArray("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10) << 1002;
    // The head alone: 17 MiB are not waited for.
    QTest::newRow("a frame too big") << PeerLine::frame(1, QByteArray(17 * 1024 * 1024, 'x')).left(10)
            + QByteArray(100, 'x') << 1009;
    // An exabyte.
    QTest::newRow("a frame far too big") << QByteArray("\x81\x7f\x0f\xff\xff\xff\xff\xff\xff\xff", 10)
            + QByteArray(100, 'x') << 1009;
}

void TestConnection::dropsWhatIsNotTheProtocol()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, close);
    LineDesk desk;
    QVERIFY(desk.goesLive());
    desk.peer.last().write(bytes);
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QVERIFY(!desk.connection->reason().isEmpty());
    QTRY_COMPARE(desk.peer.last().closeCode, static_cast<quint16>(close));
    QTRY_VERIFY(desk.peer.last().isGone);
    desk.peer.behave(12);
    desk.advance(1s);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QCOMPARE(desk.peer.lines.size(), 2u);
}

void TestConnection::givesUpOnAnUpgradeThatDoesNotCome_data()
{
    QTest::addColumn<QByteArray>("answer");
    QTest::newRow("silence") << QByteArray();
    QTest::newRow("half an answer") << QByteArray("HTTP/1.1 101 Switching Protocols\r\nUpgr");
}

void TestConnection::givesUpOnAnUpgradeThatDoesNotCome()
{
    QFETCH(QByteArray, answer);
    LineDesk desk;
    desk.peer.onHead = [answer](PeerLine& line) { line.write(answer); };
    desk.connection->open(desk.peer.url());
    QTRY_VERIFY(!desk.peer.lines.empty() && !desk.peer.last().head.isEmpty());
    desk.pass(9750ms);
    QCOMPARE(desk.state(), LinkState::Connecting);
    desk.advance(250ms);
    QCOMPARE(desk.state(), LinkState::Waiting);
    QTRY_VERIFY(desk.peer.last().isGone);
}

void TestConnection::givesUpOnAPortThatResets()
{
    LineDesk desk;
    // Reset before it has looked, Qt's socket tries again by itself, at once and without end or word.
    desk.peer.onConnected = [](PeerLine& line) { line.resets(); };
    desk.connection->open(desk.peer.url());
    QTRY_VERIFY(!desk.peer.lines.empty());
    desk.advance(10s);
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    desk.peer.behave(10);
    desk.advance(desk.untilNext());
    QTRY_COMPARE(desk.state(), LinkState::Live);
}

void TestConnection::givesUpOnAnEngineThatSaysNothing_data()
{
    QTest::addColumn<bool>("welcome");
    QTest::newRow("after the upgrade") << false;
    QTest::newRow("after the welcome, but for heartbeats") << true;
}

void TestConnection::givesUpOnAnEngineThatSaysNothing()
{
    QFETCH(bool, welcome);
    LineDesk desk;
    desk.peer.onHead = [](PeerLine& line) { line.upgrade(); };
    desk.connection->open(desk.peer.url());
    QTRY_COMPARE(desk.state(), LinkState::Authenticating);
    QTRY_COMPARE(desk.peer.last().heard.size(), 1);
    desk.pass(6s);
    if (welcome) {
        desk.peer.last().welcomes();
        desk.peer.last().beats(3);
        QTRY_COMPARE(desk.synchronizer.counters().heartbeats, 1);
    }
    desk.pass(3750ms);
    QCOMPARE(desk.state(), welcome ? LinkState::Synchronizing : LinkState::Authenticating);
    desk.advance(250ms);
    QCOMPARE(desk.state(), LinkState::Waiting);
    QTRY_VERIFY(desk.peer.last().isGone);
}

void TestConnection::isStaleAfterThreeHeartbeatsAndRecovers()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    PeerLine& line = desk.peer.last();
    desk.pass(14750ms);
    QCOMPARE(desk.state(), LinkState::Live);
    // A sign of life of the socket is none of the engine.
    line.sendFrame(9, "ping");
    QTRY_COMPARE(line.pongs, 1);
    desk.advance(250ms);
    QCOMPARE(desk.state(), LinkState::Stale);
    desk.pass(10s);
    QCOMPARE(desk.state(), LinkState::Stale);

    line.beats(10);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    desk.pass(14750ms);
    QCOMPARE(desk.state(), LinkState::Live);
    desk.advance(250ms);
    QCOMPARE(desk.state(), LinkState::Stale);
    // What was missed is asked for, and what is shown is not true until it has come.
    line.beats(12);
    QTRY_COMPARE(desk.state(), LinkState::Synchronizing);
    line.showsAt(12);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QCOMPARE(desk.peer.lines.size(), 1u);
}

void TestConnection::dropsAStaleLine()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    desk.pass(15s);
    QCOMPARE(desk.state(), LinkState::Stale);
    desk.pass(29750ms);
    QCOMPARE(desk.state(), LinkState::Stale);
    desk.advance(250ms);
    QCOMPARE(desk.state(), LinkState::Waiting);
    QCOMPARE(desk.untilNext(), 1000ms);
    QTRY_VERIFY(desk.peer.last().isGone);
    // A line on which nothing is answered is not closed with courtesy.
    QVERIFY(!desk.peer.last().closeCode);
    desk.advance(1s);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QCOMPARE(desk.resumed, 1);
}

void TestConnection::dropsALineThatStaysInAGap()
{
    Connection::Settings settings;
    settings.welcomeTime = 4s;
    LineDesk desk(settings);
    QVERIFY(desk.goesLive());
    PeerLine& line = desk.peer.last();
    line.beats(12);
    QTRY_COMPARE(desk.state(), LinkState::Synchronizing);
    QTRY_VERIFY(!line.heard.isEmpty() && std::holds_alternative<wire::Resync>(line.heard.last()));
    desk.pass(3750ms);
    QCOMPARE(desk.state(), LinkState::Synchronizing);
    desk.advance(250ms);
    QCOMPARE(desk.state(), LinkState::Waiting);
}

void TestConnection::doesNotBlameTheEngineForItsOwnSleep()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    // This program stood still for ten minutes, and the timer comes before the socket.
    desk.advance(10min);
    QCOMPARE(desk.state(), LinkState::Stale);
    desk.peer.last().beats(10);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QCOMPARE(desk.peer.lines.size(), 1u);
}

void TestConnection::countsHalfAFrameAsSilence()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    PeerLine& line = desk.peer.last();
    // In two pieces, which stops the timer that QWebSocket has for this.
    const QByteArray frame = PeerLine::frame(1, QByteArray(1000, ' '));
    line.write(frame.left(100));
    QTest::qWait(0);
    line.write(frame.mid(100, 100));
    QTest::qWait(0);
    desk.pass(15s);
    QCOMPARE(desk.state(), LinkState::Stale);
    desk.pass(30s);
    QCOMPARE(desk.state(), LinkState::Waiting);
}

void TestConnection::oneMessageAMinuteIsEnoughOnlyWhenPromised()
{
    for (const auto heartbeat : {kav::Milliseconds(60s), kav::Milliseconds(5s)}) {
        LineDesk desk;
        desk.peer.behave(10);
        desk.peer.onHello = [heartbeat](PeerLine& line) {
            line.welcomes(false, heartbeat);
            line.showsAt(10);
        };
        desk.connection->open(desk.peer.url());
        QTRY_COMPARE(desk.state(), LinkState::Live);
        const bool promised = heartbeat == 60s;
        for (int minute = 1; minute <= 3 && desk.state() == LinkState::Live; ++minute) {
            desk.pass(60s);
            if (!promised)
                break;
            desk.peer.last().beats(10);
            QTRY_COMPARE(desk.synchronizer.counters().heartbeats, minute);
        }
        QCOMPARE(desk.states.contains(LinkState::Stale), !promised);
        QCOMPARE(desk.states.contains(LinkState::Waiting), !promised);
    }
}

void TestConnection::resumesAfterTheEngineWasAway()
{
    LineDesk desk;
    QVERIFY(desk.goesLive(10));
    desk.peer.last().says(wire::Delta{10, 14, desk.clock.wallNow(), {}});
    QTRY_COMPARE(desk.synchronizer.seq(), 14);
    desk.pass(10s);
    const quint16 port = desk.peer.port();
    desk.peer.stopListening();
    desk.peer.last().closes(1001, "restart");
    QTRY_COMPARE(desk.state(), LinkState::Waiting);

    for (const auto wait : {1s, 2s, 4s}) {
        QCOMPARE(desk.untilNext(), kav::Milliseconds(wait));
        desk.advance(wait);
        QCOMPARE(desk.state(), LinkState::Connecting);
        QTRY_COMPARE(desk.state(), LinkState::Waiting);
    }
    desk.peer.listen(port);
    QCOMPARE(desk.peer.port(), port);
    desk.advance(8s);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QCOMPARE(desk.resumed, 1);
    QCOMPARE(desk.snapshots, 1);
    const auto& hello = std::get<wire::Hello>(desk.peer.last().heard.first());
    QCOMPARE(hello.resume, (wire::Resume{QStringLiteral("run-1"), 14}));
}

void TestConnection::waitsLongerEachTime()
{
    LineDesk desk;
    desk.peer.stopListening();
    desk.connection->open(desk.peer.url());
    for (const int seconds : {1, 2, 4, 8, 16, 30, 30, 30}) {
        QTRY_COMPARE(desk.state(), LinkState::Waiting);
        QCOMPARE(desk.untilNext(), kav::Milliseconds(seconds * 1000));
        desk.advance(desk.untilNext());
    }
}

void TestConnection::startsTheWaitsAnewOnceSettled()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    // An engine that takes a console only to drop it is not stormed.
    for (const int seconds : {1, 2, 4}) {
        desk.pass(5s);
        desk.peer.last().resets();
        QTRY_COMPARE(desk.state(), LinkState::Waiting);
        QCOMPARE(desk.untilNext(), kav::Milliseconds(seconds * 1000));
        desk.advance(desk.untilNext());
        QTRY_COMPARE(desk.state(), LinkState::Live);
    }
    desk.pass(10s);
    desk.peer.last().resets();
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QCOMPARE(desk.untilNext(), 1000ms);
}

void TestConnection::retriesNowOnDemand()
{
    LineDesk desk;
    desk.connection->retryNow(); // nowhere to go
    QCOMPARE(desk.state(), LinkState::Disconnected);
    const quint16 port = desk.peer.port();
    desk.peer.stopListening();
    desk.connection->open(desk.peer.url());
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    desk.advance(1s);
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QCOMPARE(desk.untilNext(), 2000ms);

    desk.connection->retryNow();
    QCOMPARE(desk.state(), LinkState::Connecting);
    QVERIFY(!desk.connection->nextAttempt());
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QCOMPARE(desk.untilNext(), 1000ms);

    desk.peer.listen(port);
    desk.peer.behave(10);
    desk.connection->retryNow();
    QTRY_COMPARE(desk.state(), LinkState::Live);
    desk.connection->close();
    desk.connection->retryNow();
    QTRY_COMPARE(desk.state(), LinkState::Live);
}

void TestConnection::retriesNowWhenStale()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    desk.pass(15s);
    QCOMPARE(desk.state(), LinkState::Stale);
    desk.connection->retryNow();
    QCOMPARE(desk.state(), LinkState::Connecting);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QCOMPARE(desk.resumed, 1);
    QTRY_VERIFY(desk.peer.lines.front()->isGone);
}

void TestConnection::retryNowDisturbsNothing()
{
    LineDesk desk;
    desk.peer.onHead = [](PeerLine& line) { line.upgrade(); };
    desk.connection->open(desk.peer.url());
    desk.connection->retryNow();
    QTRY_COMPARE(desk.state(), LinkState::Authenticating);
    desk.connection->retryNow();
    desk.peer.last().welcomes();
    QTRY_COMPARE(desk.state(), LinkState::Synchronizing);
    desk.connection->retryNow();
    desk.peer.last().showsAt(1);
    QTRY_COMPARE(desk.state(), LinkState::Live);
    desk.connection->retryNow();
    QCOMPARE(desk.state(), LinkState::Live);
    QCOMPARE(desk.peer.lines.size(), 1u);
}

void TestConnection::closesPolitely()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    desk.connection->close();
    QCOMPARE(desk.state(), LinkState::Disconnected);
    QCOMPARE(desk.synchronizer.phase(), Synchronizer::Phase::Down);
    QTRY_COMPARE(desk.peer.last().closeCode, 1000);
    QTRY_VERIFY(desk.peer.last().isGone);
    for (int i = 0; i < 60; ++i)
        desk.advance(1min);
    QCOMPARE(desk.peer.lines.size(), 1u);
    QCOMPARE(desk.state(), LinkState::Disconnected);
    QTRY_VERIFY(desk.connection->findChildren<QWebSocket*>().isEmpty());
    desk.connection->close();
    QCOMPARE(desk.states.count(LinkState::Disconnected), 1);
}

void TestConnection::closesWhileConnecting()
{
    LineDesk desk;
    desk.connection->open(desk.peer.url());
    desk.connection->close();
    QCOMPARE(desk.states, (QList{LinkState::Connecting, LinkState::Disconnected}));
    QTRY_VERIFY(desk.connection->findChildren<QWebSocket*>().isEmpty());
    QCOMPARE(desk.state(), LinkState::Disconnected);
}

void TestConnection::opensAnotherEngineAfresh()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    ScriptedPeer other;
    other.listen();
    other.behave(3);
    desk.connection->open(other.url());
    QCOMPARE(desk.state(), LinkState::Connecting);
    QVERIFY(!desk.connection->dataFrom().isValid());
    QCOMPARE(desk.connection->url(), other.url());
    QTRY_COMPARE(desk.state(), LinkState::Live);
    QVERIFY(!std::get<wire::Hello>(other.last().heard.first()).resume);
    QTRY_COMPARE(desk.peer.last().closeCode, 1000);
}

void TestConnection::opensTheSameEngineAgain()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    desk.synchronizer.setToken(QStringLiteral("another-another-another"));
    desk.connection->open(desk.peer.url());
    QTRY_COMPARE(desk.state(), LinkState::Live);
    const auto& hello = std::get<wire::Hello>(desk.peer.last().heard.first());
    QCOMPARE(hello.token, QStringLiteral("another-another-another"));
    QVERIFY(hello.resume);
    QCOMPARE(desk.peer.lines.size(), 2u);
}

void TestConnection::tellsWhenTheDataAreFrom()
{
    LineDesk desk;
    QVERIFY(!desk.connection->dataFrom().isValid());
    QVERIFY(desk.goesLive());
    const QDateTime then = desk.clock.wallNow();
    desk.pass(7s);
    QCOMPARE(desk.connection->dataFrom(), then);
    desk.peer.last().beats(10);
    QTRY_COMPARE(desk.connection->dataFrom(), then.addSecs(7));
    desk.peer.last().resets();
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    QCOMPARE(desk.connection->dataFrom(), then.addSecs(7));
}

void TestConnection::finishesCommandsWhenTheLineGoes()
{
    LineDesk desk;
    QVERIFY(desk.goesLive());
    QList<qint64> finished;
    connect(&desk.synchronizer, &Synchronizer::commandFinished, this, [&finished](qint64 id) { finished += id; });
    const qint64 first = desk.synchronizer.interrupt(QStringLiteral("CA1"));
    QTRY_COMPARE(desk.peer.last().heard.size(), 2);
    QCOMPARE(desk.peer.last().heard.last(), wire::ToEngine(wire::InterruptCall{first, QStringLiteral("CA1")}));
    desk.peer.last().resets();
    QTRY_COMPARE(finished, QList<qint64>{first});
}

QStringList* logged = nullptr;

void TestConnection::neverLogsTheToken()
{
    QStringList log;
    logged = &log;
    const auto before = qInstallMessageHandler([](QtMsgType, const QMessageLogContext&, const QString& line) {
        if (logged)
            logged->append(line);
    });
    {
        LineDesk desk;
        desk.peer.behave(10);
        desk.peer.onHello = [](PeerLine& line) {
            line.says(wire::Refusal{wire::ErrorCode::Unauthorized, QStringLiteral("because"), {}, {}});
        };
        desk.connection->open(desk.peer.url());
        desk.goesLive();
        desk.peer.last().write(PeerLine::frame(1, "{\"token\":\"" + Token.toLatin1() + "\"}"));
        (void)QTest::qWaitFor([&desk] { return desk.state() == LinkState::Waiting; });
    }
    qInstallMessageHandler(before);
    logged = nullptr;
    QVERIFY(log.filter(QStringLiteral("Live")).size() >= 1);
    QVERIFY(log.filter(QStringLiteral("Waiting")).size() >= 1);
    QVERIFY(log.filter(Token).isEmpty());
}

void TestConnection::aSlotMayCloseOrReopen_data()
{
    QTest::addColumn<LinkState>("when");
    QTest::addColumn<int>("what");
    const std::pair<const char*, LinkState> states[] = {{"connecting", LinkState::Connecting},
        {"authenticating", LinkState::Authenticating}, {"synchronizing", LinkState::Synchronizing},
        {"live", LinkState::Live}, {"stale", LinkState::Stale}, {"waiting", LinkState::Waiting}};
    for (const auto& [name, state] : states) {
        QTest::addRow("%s: close", name) << state << 0;
        QTest::addRow("%s: open", name) << state << 1;
        QTest::addRow("%s: retry now", name) << state << 2;
    }
}

void TestConnection::aSlotMayCloseOrReopen()
{
    QFETCH(LinkState, when);
    QFETCH(int, what);
    LineDesk desk;
    int acted = 0;
    connect(desk.connection.get(), &Connection::stateChanged, this, [&](LinkState state) {
        if (state != when || acted++)
            return;
        if (what == 0)
            desk.connection->close();
        else if (what == 1)
            desk.connection->open(desk.peer.url());
        else
            desk.connection->retryNow();
    });
    desk.peer.behave(10);
    desk.connection->open(desk.peer.url());
    if (when == LinkState::Stale || when == LinkState::Waiting) {
        QTRY_COMPARE(desk.state(), LinkState::Live);
        desk.pass(15s);
        if (when == LinkState::Waiting)
            desk.peer.last().resets();
    }
    const LinkState end = what == 0 ? LinkState::Disconnected : LinkState::Live;
    QTRY_VERIFY(acted >= 1 && desk.state() == end);
    QCOMPARE(desk.states.last(), end);
}

void TestConnection::aSlotMayTurnTheEventLoopWhileTheLineGoes()
{
    LineDesk desk;
    desk.peer.behave(10);
    QEventLoop dialog;
    connect(desk.connection.get(), &Connection::stateChanged, &dialog, [&dialog](LinkState state) {
        if (state == LinkState::Waiting)
            QTimer::singleShot(0, &dialog, &QEventLoop::quit); // once all that was deleted later is gone
    });
    connect(&desk.synchronizer, &Synchronizer::snapshotTaken, this, [&] {
        if (desk.snapshots > 1)
            return;
        desk.peer.last().resets();
        dialog.exec();
    });
    desk.connection->open(desk.peer.url());
    QTRY_COMPARE(desk.state(), LinkState::Waiting);
    desk.advance(1s);
    QTRY_COMPARE(desk.state(), LinkState::Live);
}

void TestConnection::mayBeDeletedAtAnyStage_data()
{
    QTest::addColumn<LinkState>("when");
    QTest::newRow("connecting") << LinkState::Connecting;
    QTest::newRow("authenticating") << LinkState::Authenticating;
    QTest::newRow("synchronizing") << LinkState::Synchronizing;
    QTest::newRow("live") << LinkState::Live;
    QTest::newRow("waiting") << LinkState::Waiting;
}

void TestConnection::mayBeDeletedAtAnyStage()
{
    QFETCH(LinkState, when);
    LineDesk desk;
    desk.peer.onHead = [](PeerLine& line) { line.upgrade(); };
    desk.peer.onHello = [when](PeerLine& line) {
        if (when == LinkState::Authenticating)
            return;
        if (when == LinkState::Waiting)
            return line.resets();
        line.welcomes();
        if (when == LinkState::Live)
            line.showsAt(10);
    };
    desk.connection->open(desk.peer.url());
    QTRY_COMPARE(desk.state(), when);
    desk.connection.reset();
    QTest::qWait(0);
    if (when != LinkState::Connecting)
        QTRY_VERIFY(desk.peer.last().isGone);
}

QTEST_GUILESS_MAIN(TestConnection)
#include "tst_connection.moc"
