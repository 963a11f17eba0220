// SPDX-License-Identifier: Apache-2.0
#include "tests/app/engineundertest.h"

#include <QJsonDocument>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;

namespace {

const QByteArray Token = "kav_test_auth_token_0123456789ab";

QByteArray upgradeOf(const QByteArray& path, const QByteArray& more = {})
{
    return "GET " + path
        + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        + more + "\r\n";
}

QByteArray signedAs(const QByteArray& path)
{
    return "X-Twilio-Signature: " + telephony::computeSignature(Token, QByteArray("wss://127.0.0.1" + path)) + "\r\n";
}

/// As the metrics count it: "port", "over_limit".
QByteArray refusals(const EngineUnderTest& kav, const QByteArray& request, const QByteArray& reason)
{
    return kav.metric("kav_refusals_total{request=\"" + request + "\",reason=\"" + reason + "\"}");
}

} // namespace

/// Strangers at the door of an engine that has a call: they are held to their limits, refused, counted and hardly
/// mentioned, and the call goes on. How little it notices is measured by bench_load.
class tst_Flood final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_log = std::make_unique<LogCatcher>(); }
    void cleanup() { m_log.reset(); }
    void anAddressHasItsShare();
    void eachRefusalIsCountedByItsReason_data();
    void eachRefusalIsCountedByItsReason();
    void theCallGoesOnAndNothingIsLeft();

private:
    std::unique_ptr<LogCatcher> m_log;
};

void tst_Flood::anAddressHasItsShare()
{
    EngineUnderTest kav;
    kav.config.twilioAuthToken = QString::fromUtf8(Token);
    kav.config.http.loopbackExempt = false;
    kav.config.http.connectionsPerAddress = 8;
    kav.serve();
    std::vector<std::unique_ptr<RawClient>> strangers;
    for (int i = 0; i < 30; ++i) {
        strangers.push_back(std::make_unique<RawClient>(kav.port(), QHostAddress(u"127.0.0.2"_s)));
        strangers.back()->send("GET /media/TOKEN HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upg"); // and nothing more
    }
    const auto open = [&strangers] {
        return std::count_if(
            strangers.begin(), strangers.end(), [](const auto& stranger) { return stranger->isOpen(); });
    };
    QTRY_COMPARE(open(), 8);
    int told = 0;
    for (const auto& stranger : strangers)
        told += stranger->received.startsWith("HTTP/1.1 503 ");
    QCOMPARE(told, 22);
    QTRY_COMPARE(refusals(kav, "port", "over_limit"), QByteArray("22"));
    // Another address is another matter.
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.twilio.mediaMessages > 0);
    QCOMPARE(open(), 8);
    // Who goes makes room.
    strangers.clear();
    QTRY_COMPARE(kav.metric("kav_http_open_connections"), QByteArray("2")); // the call, and who asks
    RawClient next(kav.port(), QHostAddress(u"127.0.0.2"_s));
    next.send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    QCOMPARE(next.response().status, 200);
}

void tst_Flood::eachRefusalIsCountedByItsReason_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("reason");
    const QByteArray path = "/media/" + QByteArray(120, 'A');
    QTest::newRow("no signature") << upgradeOf(path) << 403 << QByteArray("stream no_signature");
    QTest::newRow("a wrong signature") << upgradeOf(path, signedAs("/media/another")) << 403
                                       << QByteArray("stream wrong_signature");
    QTest::newRow("a forged token") << upgradeOf(path, signedAs(path)) << 403 << QByteArray("stream bad_token");
    QTest::newRow("a wrong path") << upgradeOf("/stream/x", signedAs("/stream/x")) << 404
                                  << QByteArray("port other_upgrade");
    QTest::newRow("half a handshake") << upgradeOf(path).replace("Sec-WebSocket-Key", "X-Key") << 400
                                      << QByteArray("port bad_handshake");
    QTest::newRow("frames before the answer")
        << upgradeOf(path, signedAs(path)) + "\x81\x80" << 400 << QByteArray("port bad_handshake");
    QTest::newRow("garbage") << QByteArray("\x16\x03\x01\x02\r\n\r\n") << 400 << QByteArray("port bad_request");
    QTest::newRow("a head without end") << QByteArray("GET / HTTP/1.1\r\nX: " + QByteArray(20'000, 'x')) << 431
                                        << QByteArray("port bad_request");
}

void tst_Flood::eachRefusalIsCountedByItsReason()
{
    QFETCH(QByteArray, bytes);
    QFETCH(int, status);
    QFETCH(QByteArray, reason);
    constexpr int Times = 200;
    EngineUnderTest kav;
    kav.config.twilioAuthToken = QString::fromUtf8(Token);
    kav.config.publicUrl = u"http://127.0.0.1"_s;
    kav.serve();
    const qsizetype saidBefore = LogCatcher::lines().size();
    for (int i = 0; i < Times; ++i) {
        RawClient stranger(kav.port(), bytes);
        const RawResponse response = stranger.response();
        QCOMPARE(response.status, status);
        QVERIFY(response.body.size() < 100);
    }
    for (const QByteArray each :
        {"stream no_signature", "stream wrong_signature", "stream bad_token", "stream taken", "stream full",
            "port bad_handshake", "port bad_request", "port timeout", "port over_limit", "port other_upgrade"}) {
        const QList<QByteArray> labels = each.split(' ');
        QCOMPARE(refusals(kav, labels[0], labels[1]), reason == each ? QByteArray::number(Times) : QByteArray("0"));
    }
    // Ten at once, and one a second from then on.
    const QStringList said = LogCatcher::lines().mid(saidBefore);
    const auto warnings =
        std::count_if(said.begin(), said.end(), [](const QString& line) { return line.contains(u"refused"); });
    QVERIFY2(warnings <= Times / 4, qPrintable(QString::number(warnings)));
    QVERIFY(!said.join(u'\n').contains(u"AAAAAAAAAA"));
    QCOMPARE(kav.readiness().value(u"calls"_s).toInt(), 0);
}

void tst_Flood::theCallGoesOnAndNothingIsLeft()
{
    constexpr int Most = 48;
    EngineUnderTest kav;
    kav.config.twilioAuthToken = QString::fromUtf8(Token);
    kav.config.http.connections = Most;
    kav.serve();
    Caller caller(kav);
    QVERIFY(caller.call());
    QTRY_VERIFY(caller.twilio.mediaMessages > 0);
    const qsizetype saidBefore = LogCatcher::lines().size();
    const QByteArray path = "/media/" + QByteArray(120, 'A');
    const QList<QByteArray> tricks{upgradeOf(path), upgradeOf(path, signedAs(path)), upgradeOf("/stream/x"),
        upgradeOf(path).replace("Sec-WebSocket-Key", "X-Key"), "GET /media/x HTTP/1.1\r\nHost: a\r\nConn",
        "\x16\x03\x01", QByteArray()};
    int most = 0;
    for (int wave = 0; wave < 40; ++wave) {
        std::vector<std::unique_ptr<QTcpSocket>> strangers;
        for (int i = 0; i < 60; ++i) { // more than there is room for
            strangers.push_back(std::make_unique<QTcpSocket>());
            QTcpSocket* const socket = strangers.back().get();
            connect(socket, &QTcpSocket::connected, socket, [socket, bytes = tricks[i % tricks.size()]] {
                socket->write(bytes);
                if (bytes.isEmpty())
                    socket->abort();
            });
            socket->connectToHost(QHostAddress(QHostAddress::LocalHost), kav.port());
        }
        const quint64 accepted = kav.engine().arrivals().accepted;
        QTRY_VERIFY(kav.engine().arrivals().accepted >= accepted + 30);
        most = std::max(most, kav.engine().arrivals().open);
    }
    QVERIFY2(most > Most / 2 && most <= Most, qPrintable(QString::number(most)));
    // The caller speaks, and is answered.
    QVERIFY(caller.twilio.isOpen());
    const int heard = caller.twilio.mediaMessages;
    caller.speak(Milliseconds(800));
    QTRY_VERIFY_WITH_TIMEOUT(caller.twilio.mediaMessages > heard + 5, 15000);
    QCOMPARE(caller.twilio.refused, QStringList());
    QTRY_COMPARE(kav.engine().arrivals().open, 1);
    QCOMPARE(kav.readiness().value(u"calls"_s).toInt(), 1);
    const qsizetype said = LogCatcher::lines().size() - saidBefore;
    QVERIFY2(said < 200, qPrintable(QString::number(said)));
    // There is room for the next.
    Caller next(kav);
    QVERIFY(next.call());
    caller.hangUp();
    QTRY_COMPARE(kav.ends.size(), 1);
    QCOMPARE(kav.ends.first().reason, EndReason::CallerHungUp);
}

QTEST_GUILESS_MAIN(tst_Flood)
#include "tst_flood.moc"
