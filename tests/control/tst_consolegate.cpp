// SPDX-License-Identifier: Apache-2.0
#include "engine/control/consolegate.h"
#include "engine/net/websocket.h"
#include "tests/support/fakeclock.h"

#include <QLoggingCategory>
#include <QTest>

using namespace kav;
using namespace kav::control;

/// Who may open /console, before a word was said on it.
class TestConsoleGate final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QLoggingCategory::setFilterRules(QStringLiteral("kav.control=false")); }
    void judges_data();
    void judges();
    void ownsItsPathOnly();
    void refusesWhoGuesses();
    void countsGuessesWithinAWindow();
    void bansANetworkOfIPv6();
    void neverBansThisMachine();
    void remembersABoundedNumberOfAddresses();
    void logsRefusalsAtABoundedRate();

private:
    net::HttpRequest request(const QString& peer = QStringLiteral("192.0.2.1")) const;
    int status(ConsoleGate& gate, const net::HttpRequest& request);

    test::FakeClock m_clock;
    net::WebSocketHost m_host{QStringLiteral("consoles"), {}, {}, m_clock};
};

net::HttpRequest TestConsoleGate::request(const QString& peer) const
{
    net::HttpRequest request;
    request.method = "GET";
    request.target = request.path = "/console";
    request.headers = {{"host", "127.0.0.1:5000"}, {"upgrade", "websocket"}};
    request.peer = QHostAddress(peer);
    return request;
}

int TestConsoleGate::status(ConsoleGate& gate, const net::HttpRequest& request)
{
    const net::UpgradeVerdict verdict = gate.judge(request, &m_host);
    const auto* const response = std::get_if<net::HttpResponse>(&verdict);
    return response ? response->status : 101;
}

void TestConsoleGate::judges_data()
{
    QTest::addColumn<bool>("haveTokens");
    QTest::addColumn<QString>("peer");
    QTest::addColumn<QByteArray>("header"); // "name: value"
    QTest::addColumn<int>("status");
    QTest::addColumn<bool>("isTrusted");
    const QString here = QStringLiteral("127.0.0.1");
    const QString there = QStringLiteral("192.0.2.1");
    const auto row = [](const char* tag, bool haveTokens, const QString& peer, const char* header, int status,
                         bool isTrusted) {
        QTest::newRow(tag) << haveTokens << peer << QByteArray(header) << status << isTrusted;
    };
    row("without tokens, from this machine", false, here, "", 101, true);
    row("without tokens, from this machine by IPv6", false, QStringLiteral("::1"), "", 101, true);
    row("without tokens, from this machine, mapped", false, QStringLiteral("::ffff:127.0.0.1"), "", 101, true);
    row("without tokens, from elsewhere", false, there, "", 403, false);
    row("without tokens, by a proxy on this machine", false, here, "x-forwarded-for: 127.0.0.1", 403, false);
    row("without tokens, by another proxy on this machine", false, here, "forwarded: for=127.0.0.1", 403, false);
    row("without tokens, by nginx as it comes", false, here, "x-real-ip: 127.0.0.1", 403, false);
    row("without tokens, an empty forward", false, here, "x-forwarded-proto: ", 403, false);
    row("with tokens, from this machine", true, here, "", 101, false);
    row("with tokens, from elsewhere", true, there, "", 101, false);
    row("with tokens, by a proxy on this machine", true, here, "x-forwarded-for: 192.0.2.7", 101, false);
    row("a web page of any origin, with tokens", true, there, "origin: https://evil.example.com", 403, false);
    row("a web page that an operator opened on this machine", false, here, "origin: http://localhost:8080", 403, false);
    row("a web page of a file", false, here, "origin: null", 403, false);
    row("an empty origin", false, here, "origin: ", 403, false);
    row("an allowed origin, with tokens", true, there, "origin: https://desk.example.com", 101, false);
    row("an allowed origin, in capitals", true, there, "origin: https://Desk.Example.com", 101, false);
    row("an allowed origin, without tokens", false, here, "origin: https://desk.example.com", 101, true);
    row("an allowed origin, from elsewhere without tokens", false, there, "origin: https://desk.example.com", 403,
        false);
    row("an origin that begins like an allowed one", true, there, "origin: https://desk.example.com.evil.example", 403,
        false);
    row("an allowed host by another scheme", true, there, "origin: http://desk.example.com", 403, false);
}

void TestConsoleGate::judges()
{
    QFETCH(bool, haveTokens);
    QFETCH(QString, peer);
    QFETCH(QByteArray, header);
    QFETCH(int, status);
    QFETCH(bool, isTrusted);
    ConsoleGate gate({.haveTokens = haveTokens, .origins = {QStringLiteral("https://desk.example.com")}}, m_clock);
    net::HttpRequest asked = request(peer);
    if (!header.isEmpty()) {
        const qsizetype colon = header.indexOf(':');
        asked.headers.emplaceBack(header.left(colon), header.mid(colon + 1).trimmed());
    }
    const net::UpgradeVerdict verdict = gate.judge(asked, &m_host);
    QCOMPARE(this->status(gate, asked), status);
    if (const auto* const upgrade = std::get_if<net::Upgrade>(&verdict)) {
        QCOMPARE(upgrade->host, &m_host);
        QCOMPARE(ConsoleGate::isTrusted(upgrade->tag), isTrusted);
    }
    // One allowed origin does not let another one in beside it.
    if (status == 101) {
        asked.headers.emplaceBack("origin", "https://evil.example.com");
        QCOMPARE(this->status(gate, asked), 403);
    }
}

void TestConsoleGate::ownsItsPathOnly()
{
    ConsoleGate gate({.haveTokens = true}, m_clock);
    net::HttpRequest asked = request();
    QVERIFY(ConsoleGate::owns(asked));
    asked.method = "POST";
    QCOMPARE(status(gate, asked), 404);
    asked.method = "GET";
    for (const char* const path : {"/console/", "/consoles", "/", "/media/console", "/Console"}) {
        asked.path = path;
        QVERIFY2(!ConsoleGate::owns(asked), path);
        QCOMPARE(status(gate, asked), 404);
    }
    QVERIFY(std::holds_alternative<net::HttpResponse>(gate.judge(request(), nullptr)));
    QVERIFY(!ConsoleGate::isTrusted({}));
    QVERIFY(!ConsoleGate::isTrusted("AC0123"));
}

void TestConsoleGate::refusesWhoGuesses()
{
    ConsoleGate gate({.haveTokens = true}, m_clock);
    const QHostAddress guesser(QStringLiteral("192.0.2.1"));
    for (int i = 0; i < 9; ++i)
        gate.noteFailure(guesser);
    QCOMPARE(status(gate, request()), 101);
    gate.noteFailure(guesser);
    QCOMPARE(status(gate, request()), 429);
    QCOMPARE(status(gate, request(QStringLiteral("::ffff:192.0.2.1"))), 429); // the same one, by a dual-stack socket
    QCOMPARE(status(gate, request(QStringLiteral("192.0.2.2"))), 101);
    m_clock.advance(Milliseconds(299999));
    QCOMPARE(status(gate, request()), 429);
    m_clock.advance(Milliseconds(1));
    QCOMPARE(status(gate, request()), 101);
    // And it begins anew.
    for (int i = 0; i < 9; ++i)
        gate.noteFailure(guesser);
    QCOMPARE(status(gate, request()), 101);
    gate.noteFailure(guesser);
    QCOMPARE(status(gate, request()), 429);
}

void TestConsoleGate::countsGuessesWithinAWindow()
{
    ConsoleGate gate({.haveTokens = true}, m_clock);
    // An operator who mistypes now and then.
    for (int i = 0; i < 100; ++i) {
        gate.noteFailure(QHostAddress(QStringLiteral("192.0.2.1")));
        m_clock.advance(Milliseconds(15000));
    }
    QCOMPARE(status(gate, request()), 101);
}

void TestConsoleGate::bansANetworkOfIPv6()
{
    ConsoleGate gate({.haveTokens = true}, m_clock);
    for (int i = 0; i < 10; ++i)
        gate.noteFailure(QHostAddress(QStringLiteral("2001:db8:1:2::%1").arg(i)));
    QCOMPARE(gate.size(), 1);
    QCOMPARE(status(gate, request(QStringLiteral("2001:db8:1:2:ffff::1"))), 429);
    QCOMPARE(status(gate, request(QStringLiteral("2001:db8:1:3::1"))), 101);
}

void TestConsoleGate::neverBansThisMachine()
{
    // A proxy stands here for all operators, and for whoever guesses.
    ConsoleGate gate({.haveTokens = true}, m_clock);
    for (const char* const address : {"127.0.0.1", "::1", "::ffff:127.0.0.1"}) {
        const QString peer = QString::fromLatin1(address);
        for (int i = 0; i < 100; ++i)
            gate.noteFailure(QHostAddress(peer));
        QCOMPARE(status(gate, request(peer)), 101);
    }
    QCOMPARE(gate.size(), 0);
}

void TestConsoleGate::remembersABoundedNumberOfAddresses()
{
    ConsoleGate gate({.haveTokens = true, .addresses = 100}, m_clock);
    const auto address = [](int i) { return QHostAddress(quint32(0x0a000000 + i)); };
    for (int i = 0; i < 10; ++i)
        gate.noteFailure(address(1));
    for (int i = 1000; i < 6000; ++i) {
        gate.noteFailure(address(i));
        m_clock.advance(Milliseconds(1));
        QVERIFY(gate.size() <= 100);
    }
    QCOMPARE(gate.size(), 100);
    // The one that is banned is not forgotten for those that are only counted.
    QCOMPARE(status(gate, request(address(1).toString())), 429);
    // When all are banned, the one whose time ends first makes room.
    for (int i = 10000; i < 10100; ++i) {
        m_clock.advance(Milliseconds(1));
        for (int n = 0; n < 10; ++n)
            gate.noteFailure(address(i));
    }
    QCOMPARE(gate.size(), 100);
    QCOMPARE(status(gate, request(address(1).toString())), 101);
    QCOMPARE(status(gate, request(address(10000).toString())), 429);
}

void TestConsoleGate::logsRefusalsAtABoundedRate()
{
    QLoggingCategory::setFilterRules(QStringLiteral("kav.control=true"));
    static int lines;
    lines = 0;
    const QtMessageHandler before =
        qInstallMessageHandler([](QtMsgType, const QMessageLogContext&, const QString& text) {
            ++lines;
            if (text.contains(QLatin1Char('\n')))
                qFatal("a line of the log is broken: %ls", qUtf16Printable(text));
        });
    ConsoleGate gate({.haveTokens = true}, m_clock);
    net::HttpRequest asked = request();
    asked.headers.emplaceBack("origin", "https://evil.example.com\nI am another line");
    for (int i = 0; i < 1000; ++i)
        (void)gate.judge(asked, &m_host);
    m_clock.advance(Milliseconds(1000));
    for (int i = 0; i < 1000; ++i)
        (void)gate.judge(asked, &m_host);
    qInstallMessageHandler(before);
    QCOMPARE(lines, 11);
}

QTEST_GUILESS_MAIN(TestConsoleGate)
#include "tst_consolegate.moc"
