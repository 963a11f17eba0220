// SPDX-License-Identifier: Apache-2.0
#include "engine/control/consolegate.h"
#include "engine/control/controlhub.h"
#include "engine/net/listener.h"
#include "tests/control/consoletalk.h"
#include "tests/support/rawclient.h"

#include <QLoggingCategory>
#include <QSignalSpy>
#include <QTest>

using namespace kav;
using namespace kav::control;
using namespace kav::test;

/// The hub behind the front door, over real sockets on loopback. Its timers run; what is due by the clock waits for the
/// test's own.
class TestControlHub final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();

    void servesAConsole();
    void sendsByItselfSoonAfterAChange();
    void asksForTheToken();
    void closesOnBinaryAndGarbage();
    void takesALongMessageInPieces();
    void endsAConsoleThatStopsReading();
    void catchesUpWithAConsoleThatReadsOn();
    void servesManyThatComeAndGo();
    void tellsThatTheEngineGoes();
    void diesWithItsConsoles();

private:
    void start(const QString& tokens = {}, const Settings& settings = {});
    std::unique_ptr<RawClient> connectClient();
    /// Connected, welcomed and told how things are.
    std::unique_ptr<RawClient> join(Follower& follower);
    /// The payload of the next text frame; empty: none came. Pings are not answered: the clock stands still.
    QByteArray text(RawClient& client);
    bool catchUp(RawClient& client, Follower& follower);
    /// A hundred thousand changes, while `quick` reads all.
    void changeMuch(RawClient& quick, Follower& follower);

    FakeClock m_clock;
    std::unique_ptr<ConsoleGate> m_gate;
    std::unique_ptr<ControlHub> m_hub;
    std::unique_ptr<net::Listener> m_listener;
    quint16 m_port = 0;
    QList<calllog::Entry> m_record;
};

namespace {

constexpr quint8 TextFrame = 1;
constexpr quint8 CloseFrame = 8;
const QString SomeToken = QStringLiteral("alice-0123456789abcdef");

QByteArray say(const protocol::ToEngine& message)
{
    return clientFrame(TextFrame, protocol::encode(message));
}

} // namespace

void TestControlHub::init()
{
    QLoggingCategory::setFilterRules(QStringLiteral("kav.control=false"));
    m_record.clear();
    start();
}

void TestControlHub::cleanup()
{
    if (m_hub) {
        QTRY_COMPARE(m_hub->host()->openSockets(), 0);
        QCOMPARE(m_hub->counters().consoles, 0);
    }
    QTRY_COMPARE(m_listener->counters().open, 0);
    m_listener.reset();
    m_hub.reset();
}

void TestControlHub::start(const QString& tokens, const Settings& settings)
{
    m_listener.reset();
    m_gate = std::make_unique<ConsoleGate>(ConsoleGate::Settings{.haveTokens = !tokens.isEmpty()}, m_clock);
    m_hub = std::make_unique<ControlHub>(
        settings, *ConsoleTokens::parse(tokens), Identity{}, Commands{},
        [this](const calllog::Entry& entry) { m_record += entry; }, m_clock);
    m_listener = std::make_unique<net::Listener>(net::Limits{}, m_clock);
    m_listener->setUpgradeHandler(
        [this](const net::HttpRequest& request) { return m_gate->judge(request, m_hub->host()); });
    m_port = *m_listener->listen(QHostAddress(QHostAddress::LocalHost), 0);
}

std::unique_ptr<RawClient> TestControlHub::connectClient()
{
    auto client =
        std::make_unique<RawClient>(m_port, upgradeHead("/console", "Sec-WebSocket-Protocol: kav.console\r\n"));
    const RawResponse response = client->response();
    if (response.status != 101 || response.header("sec-websocket-protocol") != "kav.console")
        qWarning("upgrade answered with %s", response.head.constData());
    return client;
}

QByteArray TestControlHub::text(RawClient& client)
{
    while (const auto frame = client.frame()) {
        if (frame->opcode == TextFrame)
            return frame->payload;
        if (frame->opcode == CloseFrame)
            break;
    }
    return {};
}

bool TestControlHub::catchUp(RawClient& client, Follower& follower)
{
    while (follower.seq < m_hub->seq()) {
        if (!follower.take(text(client)))
            return false;
    }
    return true;
}

std::unique_ptr<RawClient> TestControlHub::join(Follower& follower)
{
    auto client = connectClient();
    client->send(say(Talk::hello()));
    const auto welcome = protocol::decodeToConsole(text(*client));
    if (!welcome || !std::holds_alternative<protocol::Welcome>(*welcome) || !follower.take(text(*client)))
        qWarning("not welcomed");
    return client;
}

void TestControlHub::servesAConsole()
{
    m_hub->setCall(liveCall(QStringLiteral("CA1")));
    Follower console;
    const auto client = join(console);
    QCOMPARE(console.calls.value(QStringLiteral("CA1")), liveCall(QStringLiteral("CA1")));
    QCOMPARE(console.engine.consoles, 1);
    client->send(say(protocol::Ping{3}));
    QCOMPARE(text(*client), protocol::encode(protocol::ToConsole(protocol::Pong{3, m_clock.wallNow()})));
    m_clock.advance(Milliseconds(5000));
    m_hub->tick();
    QCOMPARE(
        text(*client), protocol::encode(protocol::ToConsole(protocol::Heartbeat{m_hub->seq(), m_clock.wallNow()})));
    client->send(clientFrame(CloseFrame, closePayload(1000, "bye")));
    QCOMPARE(client->frame()->closeCode(), 1000);
    QVERIFY(client->waitClosed());
    QTRY_COMPARE(m_hub->counters().consoles, 0);
    QCOMPARE(m_record.size(), 2);
    QCOMPARE(
        m_record.last().data.value(QLatin1String("reason")).toString(), QStringLiteral("by the console, 1000 bye"));
}

void TestControlHub::sendsByItselfSoonAfterAChange()
{
    Follower console;
    const auto client = join(console);
    for (int turn = 1; turn <= 3; ++turn) {
        m_hub->setCall(liveCall(QStringLiteral("CA1"), CallState::Thinking, turn));
        m_hub->setCall(liveCall(QStringLiteral("CA2"), CallState::Thinking, turn));
        QVERIFY(catchUp(*client, console));
        QCOMPARE(console.calls.value(QStringLiteral("CA2")).turn, turn);
    }
    QCOMPARE(console.messages, 1 + 3);
    client->abort();
}

void TestControlHub::asksForTheToken()
{
    start(QStringLiteral("alice:") + SomeToken);
    QSignalSpy wrong(m_hub.get(), &ControlHub::authFailed);
    const auto guesser = connectClient();
    protocol::Hello hello = Talk::hello();
    hello.token = QStringLiteral("guess-0123456789abcdef");
    guesser->send(say(hello));
    QVERIFY(text(*guesser).contains("unauthorized"));
    QCOMPARE(guesser->frame()->closeCode(), protocol::close::Unauthorized);
    QVERIFY(guesser->waitClosed());
    QCOMPARE(wrong.size(), 1);
    QCOMPARE(wrong.first().first().value<QHostAddress>(), QHostAddress(QHostAddress::LocalHost));
    const auto alice = connectClient();
    hello.token = SomeToken;
    alice->send(say(hello));
    QVERIFY(text(*alice).contains("\"alice\""));
    QCOMPARE(wrong.size(), 1);
    alice->abort();
}

void TestControlHub::closesOnBinaryAndGarbage()
{
    Follower console;
    for (const QByteArray& frame : {clientFrame(2, "binary"), clientFrame(TextFrame, "garbage")}) {
        const auto client = join(console);
        client->send(frame);
        QVERIFY(text(*client).contains("bad-message"));
        QCOMPARE(client->frame()->closeCode(), protocol::close::BadMessage);
        QVERIFY(client->waitClosed());
    }
    QCOMPARE(m_hub->counters().badMessages, 2u);
}

void TestControlHub::takesALongMessageInPieces()
{
    Follower console;
    const auto client = join(console);
    protocol::StartTestCall test;
    test.id = 1;
    test.wav = QByteArray(600 * 1000, 'w');
    const QByteArray frame = say(test);
    QVERIFY(frame.size() > 800 * 1000);
    for (qsizetype at = 0; at < frame.size(); at += 50000) {
        client->send(frame.mid(at, 50000));
        QCoreApplication::processEvents();
    }
    QVERIFY(text(*client).contains("not-possible")); // it was understood; this engine has no test calls
    client->send(clientFrame(TextFrame, QByteArray(1024 * 1024 + 1, 'x')));
    QByteArray last = text(*client);
    QCOMPARE(last, QByteArray());
    QVERIFY(client->waitClosed());
}

void TestControlHub::changeMuch(RawClient& quick, Follower& follower)
{
    for (int round = 0; round < 1000; ++round) {
        for (int i = 0; i < 100; ++i)
            m_hub->setCall(liveCall(QStringLiteral("CA%1").arg((round * 100 + i) % 500), CallState::Speaking, round));
        m_hub->flush();
        QVERIFY(catchUp(quick, follower));
    }
    QVERIFY(m_hub->counters().changes >= 100000);
}

void TestControlHub::endsAConsoleThatStopsReading()
{
    Follower console;
    Follower unread;
    const auto quick = join(console);
    const auto slow = join(unread);
    slow->stopReading();
    changeMuch(*quick, console);
    QCOMPARE(console.calls.size(), 500);
    QVERIFY(console.changes >= 100000);
    // The quick one got everything; the slow one what the kernel's buffers hold, and a little.
    const qint64 toSlow = qint64(m_hub->counters().bytes) - console.bytes;
    QVERIFY2(console.bytes > 20'000'000 && toSlow < 12'000'000, qPrintable(QString::number(toSlow)));
    QCOMPARE(m_hub->counters().consoles, 2);
    for (int i = 0; i < 16; ++i) {
        m_hub->tick();
        m_clock.advance(Milliseconds(1000));
    }
    QCOMPARE(m_hub->counters().slowCut, 1u);
    QCOMPARE(m_hub->counters().consoles, 1);
    m_clock.advance(Milliseconds(2000)); // nor does it read its close frame
    m_hub->host()->sweep();
    QTRY_COMPARE(m_hub->host()->openSockets(), 1);
    QVERIFY(m_record.last()
                .data.value(QLatin1String("reason"))
                .toString()
                .startsWith(QStringLiteral("by the engine, 4430")));
    // The quick one has not noticed.
    m_hub->setCall(liveCall(QStringLiteral("CA1"), CallState::Ended));
    QVERIFY(catchUp(*quick, console));
    QCOMPARE(console.calls.value(QStringLiteral("CA1")).state, CallState::Ended);
    QCOMPARE(console.engine.consoles, 1);
    quick->abort();
    slow->abort();
}

void TestControlHub::catchesUpWithAConsoleThatReadsOn()
{
    Settings settings;
    settings.replayChanges = 400; // fewer than the calls: what it missed is more than is kept
    start({}, settings);
    Follower console;
    Follower late;
    const auto quick = join(console);
    const auto slow = join(late);
    slow->stopReading();
    changeMuch(*quick, console);
    m_clock.advance(Milliseconds(1000));
    slow->readOn();
    QVERIFY(catchUp(*slow, late));
    QVERIFY(catchUp(*quick, console));
    QVERIFY(late.calls == console.calls);
    QCOMPARE(late.calls.size(), 500);
    QVERIFY2(late.messages < console.messages / 2, qPrintable(QString::number(late.messages)));
    QCOMPARE(m_hub->counters().snapshots, 3u); // one each, and one for him who was left behind
    QCOMPARE(m_hub->counters().slowCut, 0u);
    quick->abort();
    slow->abort();
}

void TestControlHub::servesManyThatComeAndGo()
{
    for (int i = 0; i < 300; ++i) {
        m_hub->setCall(liveCall(QStringLiteral("CA1"), CallState::Speaking, i));
        RawClient client(m_port, upgradeHead("/console"));
        if (i % 3 == 0)
            continue; // gone before the answer
        QCOMPARE(client.response().status, 101);
        if (i % 3 == 1)
            client.send(say(Talk::hello()).chopped(i % 40)); // and some within a word
    }
    QTRY_COMPARE(m_hub->host()->openSockets(), 0);
    QCOMPARE(m_hub->counters().strangers, 0);
    Follower console;
    const auto client = join(console);
    QCOMPARE(console.engine.consoles, 1);
    client->abort();
}

void TestControlHub::tellsThatTheEngineGoes()
{
    Follower console;
    const auto client = join(console);
    const auto stranger = connectClient();
    m_hub->shutDown();
    QCOMPARE(client->frame()->closeCode(), 1001);
    QCOMPARE(stranger->frame()->closeCode(), 1001);
    QVERIFY(client->waitClosed());
    QVERIFY(stranger->waitClosed());
    const auto late = connectClient();
    QCOMPARE(late->frame()->closeCode(), 1001);
    QVERIFY(late->waitClosed());
}

void TestControlHub::diesWithItsConsoles()
{
    Follower console;
    const auto client = join(console);
    const auto stranger = connectClient();
    m_hub->setCall(liveCall(QStringLiteral("CA1")));
    m_listener->stopAccepting();
    m_hub.reset();
    QVERIFY(client->waitClosed());
    QVERIFY(stranger->waitClosed());
}

QTEST_GUILESS_MAIN(TestControlHub)
#include "tst_controlhub.moc"
