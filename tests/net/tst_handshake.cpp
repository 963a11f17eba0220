// SPDX-License-Identifier: Apache-2.0
#include "engine/net/handshake.h"
#include "engine/net/httpparser.h"
#include "tests/support/rawclient.h"

#include <QTest>

using namespace kav::net;
using namespace kav::test;

/// The WebSocket handshake's rules (RFC 6455 4.2.1), on requests as the parser gives them.
class TestHandshake final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void judges_data();
    void judges();
    void ignoresOtherUpgrades();
    void answersWithTheProofAndAnOfferedProtocol();
};

namespace {

HttpRequest parsed(const QByteArray& bytes, bool* http11 = nullptr)
{
    HttpParser parser({});
    if (parser.feed(bytes) != HttpParser::Status::Request)
        return {};
    if (http11)
        *http11 = parser.isHttp11();
    return parser.takeRequest();
}

} // namespace

void TestHandshake::judges_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<bool>("bytesFollow");
    QTest::addColumn<int>("status"); // 0: good
    const QByteArray good = upgradeHead("/media/x");
    const auto changed = [good](const QByteArray& from, const QByteArray& to) {
        return QByteArray(good).replace(from, to);
    };
    const QByteArray key = "dGhlIHNhbXBsZSBub25jZQ==";
    QTest::newRow("good") << good << false << 0;
    QTest::newRow("names and tokens in other cases")
        << changed("Upgrade: websocket", "UPGRADE: WebSocket") << false << 0;
    QTest::newRow("Connection a list") << changed("Connection: Upgrade", "Connection: keep-alive, upgrade") << false
                                       << 0;
    QTest::newRow("Upgrade a list") << changed("Upgrade: websocket", "Upgrade: h2c, websocket") << false << 0;
    QTest::newRow("length zero") << changed("Host: localhost", "Host: localhost\r\nContent-Length: 0") << false << 0;
    QTest::newRow("sub-protocols") << upgradeHead("/", "Sec-WebSocket-Protocol: foo, audio.twilio.com\r\n") << false
                                   << 0;
    QTest::newRow("bytes follow") << good << true << 400;
    QTest::newRow("POST") << changed("GET", "POST") << false << 400;
    QTest::newRow("HTTP/1.0") << changed("HTTP/1.1", "HTTP/1.0") << false << 400;
    QTest::newRow("no Connection") << changed("Connection: Upgrade\r\n", {}) << false << 400;
    QTest::newRow("Connection without the token")
        << changed("Connection: Upgrade", "Connection: keep-alive") << false << 400;
    QTest::newRow("a body") << changed("Host: localhost", "Host: localhost\r\nContent-Length: 2") + "hi" << false
                            << 400;
    QTest::newRow("a chunked body") << changed("Host: localhost", "Host: localhost\r\nTransfer-Encoding: chunked")
            + "0\r\n\r\n" << false << 400;
    QTest::newRow("version 8") << changed("Version: 13", "Version: 8") << false << 426;
    QTest::newRow("no version") << changed("Sec-WebSocket-Version: 13\r\n", {}) << false << 426;
    QTest::newRow("two versions") << changed("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 13") << false << 426;
    QTest::newRow("no key") << changed("Sec-WebSocket-Key: " + key + "\r\n", {}) << false << 400;
    QTest::newRow("two keys") << changed("Host: localhost", "Host: localhost\r\nSec-WebSocket-Key: " + key) << false
                              << 400;
    QTest::newRow("key of 3 bytes") << changed(key, "YWJj") << false << 400;
    QTest::newRow("key of 17 bytes") << changed(key, "MDEyMzQ1Njc4OTAxMjM0NTY=") << false << 400;
    QTest::newRow("key without padding") << changed(key, "dGhlIHNhbXBsZSBub25jZQ") << false << 400;
    QTest::newRow("key with a bad letter") << changed(key, "dGhlIHNhbXBsZSBub25j!Q==") << false << 400;
    QTest::newRow("key in the URL alphabet") << changed(key, "--hlIHNhbXBsZSBub25jZQ==") << false << 400;
    QTest::newRow("empty sub-protocol") << upgradeHead("/", "Sec-WebSocket-Protocol: a,,b\r\n") << false << 400;
    QTest::newRow("sub-protocol no token") << upgradeHead("/", "Sec-WebSocket-Protocol: a b\r\n") << false << 400;
}

void TestHandshake::judges()
{
    QFETCH(QByteArray, bytes);
    QFETCH(bool, bytesFollow);
    QFETCH(int, status);
    bool http11 = false;
    const HttpRequest request = parsed(bytes, &http11);
    QVERIFY(asksForWebSocket(request));
    const auto refusal = refuseHandshake(request, http11, bytesFollow);
    QCOMPARE(refusal ? refusal->status : 0, status);
    if (status == 426) {
        QVERIFY(refusal->headers.contains(std::pair(QByteArray("Sec-WebSocket-Version"), QByteArray("13"))));
        QVERIFY(refusal->headers.contains(std::pair(QByteArray("Upgrade"), QByteArray("websocket"))));
    }
}

void TestHandshake::ignoresOtherUpgrades()
{
    QVERIFY(!asksForWebSocket(parsed("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")));
    QVERIFY(
        !asksForWebSocket(parsed("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websockets\r\n\r\n")));
    QVERIFY(!asksForWebSocket(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
}

void TestHandshake::answersWithTheProofAndAnOfferedProtocol()
{
    const HttpRequest request = parsed(
        upgradeHead("/media/TOKEN?x", "Cookie: secret\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n"));
    const UpgradeRequest upgrade = upgradeRequest(request, "tag");
    QCOMPARE(upgrade.path, "/media/TOKEN");
    QCOMPARE(upgrade.tag, "tag");
    const QByteArray head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"; // RFC 6455 1.3
    QCOMPARE(switchingProtocols(upgrade, {}), head + "\r\n");
    QCOMPARE(switchingProtocols(upgrade, {QStringLiteral("c")}), head + "\r\n");
    QCOMPARE(switchingProtocols(upgrade, {QStringLiteral("c"), QStringLiteral("b"), QStringLiteral("a")}),
        head + "Sec-WebSocket-Protocol: a\r\n\r\n");
    const UpgradeRequest plain = upgradeRequest(parsed(upgradeHead("/media/TOKEN")), {});
    QCOMPARE(switchingProtocols(plain, {QStringLiteral("a")}), head + "\r\n");
}

QTEST_APPLESS_MAIN(TestHandshake)
#include "tst_handshake.moc"
