// SPDX-License-Identifier: Apache-2.0
#include "console/models/desk.h"
#include "console/models/roles.h"
#include "console/models/words.h"
#include "shared/protocol/version.h"
#include "tests/console/net/scriptedpeer.h"
#include "tests/support/fakeclock.h"

#include <QRegularExpression>
#include <QSignalSpy>
#include <QTest>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;
namespace wire = kav::protocol;

namespace {

struct WiredOffice final {
    WiredOffice()
    {
        peer.listen();
        desk.connectTo(peer.url(), QStringLiteral("sesame-sesame-sesame"), QStringLiteral("alice"));
    }

    LinkState state() { return desk.connection().state(); }
    QString banner() { return withoutIsolates(desk.linkSentence()); }
    void advance(Milliseconds by)
    {
        clock.advance(by);
        desk.connection().tick();
    }
    /// When what is shown is from, as the banner says it.
    QString from() { return withoutIsolates(timeText(desk.connection().dataFrom(), clock.wallNow())); }

    FakeClock clock;
    ScriptedPeer peer;
    Desk desk{QStringLiteral("kav-console 0.1.0"), clock, [] { return 0.5; }};
};

} // namespace

/// The desk on a real line, with an engine that misbehaves: what the banner says.
class TestDeskLink final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void namesTheStepsOfConnecting();
    void countsDownToTheNextAttempt();
    void saysWhenTheEngineRefuses();
    void saysWhenThereIsNoEngineForConsoles();
    void saysWhyAnAttemptIsPutOff();
    void saysSinceWhenNothingCame();
    void saysFromWhenTheDataAreAfterALoss();
    void sayingGoodbyeIsNoFault();
};

void TestDeskLink::namesTheStepsOfConnecting()
{
    WiredOffice office;
    QCOMPARE(office.state(), LinkState::Connecting);
    QCOMPARE(office.banner(), QStringLiteral("Connecting to 127.0.0.1:%1.").arg(office.peer.port()));
    office.peer.onHead = [](PeerLine& line) { line.upgrade(); };
    QTRY_COMPARE(office.state(), LinkState::Authenticating);
    QVERIFY2(office.banner().startsWith(QLatin1String("Connected; signing in.")), qPrintable(office.banner()));
    QTRY_COMPARE(office.peer.last().heard.size(), 1);
    QCOMPARE(std::get<wire::Hello>(office.peer.last().heard.first()).operatorName, QStringLiteral("alice"));
    office.peer.last().welcomes();
    QTRY_COMPARE(office.state(), LinkState::Synchronizing);
    QVERIFY2(office.banner().startsWith(QLatin1String("Connected; asking")), qPrintable(office.banner()));
    QVERIFY(!office.desk.isLive());
    office.peer.last().showsAt(1);
    QTRY_VERIFY(office.desk.isLive());
    QCOMPARE(office.banner(), QString());
}

void TestDeskLink::countsDownToTheNextAttempt()
{
    WiredOffice office;
    office.peer.stopListening();
    office.peer.onConnected = [](PeerLine& line) { line.resets(); };
    QTRY_COMPARE(office.state(), LinkState::Waiting);
    QCOMPARE(office.banner(), QStringLiteral("The engine cannot be reached. The next attempt comes in 1 s."));
    office.clock.advance(999ms);
    QCOMPARE(office.banner(), QStringLiteral("The engine cannot be reached. The next attempt comes in 1 s."));
    office.clock.advance(10s); // a machine that slept
    QCOMPARE(office.banner(), QStringLiteral("The engine cannot be reached. The next attempt comes in 0 s."));
}

void TestDeskLink::saysWhenTheEngineRefuses()
{
    WiredOffice office;
    const wire::Refusal refusal{wire::ErrorCode::Unauthorized, QStringLiteral("unknown token"), {}, {}};
    office.peer.onHead = [](PeerLine& line) { line.upgrade(); };
    office.peer.onHello = [&](PeerLine& line) { line.says(refusal); };
    QTRY_COMPARE(office.state(), LinkState::Refused);
    QVERIFY2(office.banner().startsWith(refusalSentence(refusal)), qPrintable(office.banner()));
    QVERIFY(!office.banner().contains(QLatin1String("attempt")));
    QVERIFY(!office.desk.whyNot(Desk::Act::TestCall).isEmpty());
}

void TestDeskLink::saysWhenThereIsNoEngineForConsoles()
{
    WiredOffice office;
    office.peer.onHead = [](PeerLine& line) { line.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"); };
    QTRY_COMPARE(office.state(), LinkState::Refused);
    QVERIFY2(office.banner().startsWith(QLatin1String("There is no engine for consoles at this address.")),
        qPrintable(office.banner()));
}

void TestDeskLink::saysWhyAnAttemptIsPutOff()
{
    WiredOffice office;
    const wire::Refusal refusal{wire::ErrorCode::TooManyConsoles, QStringLiteral("32 are here"), {}, {}};
    office.peer.onHead = [](PeerLine& line) { line.upgrade(); };
    office.peer.onHello = [&](PeerLine& line) { line.says(refusal); };
    QTRY_COMPARE(office.state(), LinkState::Waiting);
    QVERIFY2(office.banner().startsWith(refusalSentence(refusal) + QStringLiteral(" The next attempt comes in 1 s.")),
        qPrintable(office.banner()));
}

void TestDeskLink::saysSinceWhenNothingCame()
{
    WiredOffice office;
    office.peer.behave(1);
    QTRY_VERIFY(office.desk.isLive());
    QSignalSpy acts(&office.desk, &Desk::actsChanged);
    const QString from = office.from();
    office.advance(15s);
    QCOMPARE(office.state(), LinkState::Stale);
    QVERIFY(!office.desk.isLive());
    QVERIFY(acts.size() > 0);
    QCOMPARE(office.banner(),
        QStringLiteral("Nothing has come from the engine for 15 s. What is shown is from %1.").arg(from));
    QVERIFY(office.desk.services().index(0, 0).data(DimmedRole).toBool());
    office.peer.last().beats(1);
    QTRY_VERIFY(office.desk.isLive());
    QVERIFY(!office.desk.services().index(0, 0).data(DimmedRole).toBool());
    QCOMPARE(office.banner(), QString());
}

void TestDeskLink::saysFromWhenTheDataAreAfterALoss()
{
    WiredOffice office;
    office.peer.behave(1);
    QTRY_VERIFY(office.desk.isLive());
    const QString from = office.from();
    office.clock.advance(2s);
    office.peer.last().hangsUp();
    QTRY_COMPARE(office.state(), LinkState::Waiting);
    QCOMPARE(office.banner(),
        QStringLiteral("The line to the engine is lost. The next attempt comes in 1 s. What is shown is from %1.")
            .arg(from));
    office.advance(1s);
    QTRY_VERIFY(office.desk.isLive());
}

void TestDeskLink::sayingGoodbyeIsNoFault()
{
    WiredOffice office;
    office.peer.behave(1);
    QTRY_VERIFY(office.desk.isLive());
    office.desk.disconnectFromEngine();
    QCOMPARE(office.state(), LinkState::Disconnected);
    QVERIFY2(office.banner().startsWith(QLatin1String("Not connected to an engine.")), qPrintable(office.banner()));
}

QTEST_GUILESS_MAIN(TestDeskLink)
#include "tst_desklink.moc"
