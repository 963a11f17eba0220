// SPDX-License-Identifier: Apache-2.0
#include "engine/net/websocket.h"
#include "engine/webhooks/mediagate.h"
#include "tests/support/fakeclock.h"
#include "tests/webhooks/requests.h"

#include <QLoggingCategory>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;
using namespace std::chrono_literals;

namespace {

constexpr char Secret[] = "kav_test_auth_token_0123456789ab";

struct Gate final {
    test::FakeClock clock;
    RequestGuard guard;
    StreamTokens tokens = StreamTokens::withRandomKey(120s);
    net::WebSocketHost host{u"worker"_s, {}, {}, clock};
    bool room = true, draining = false, worker = true;
    QStringList admitted, taken;
    MediaGate gate;

    explicit Gate(const QByteArray& token = {}, const QString& publicUrl = {})
        : guard({token, publicUrl.isEmpty() ? std::nullopt : std::optional(*PublicUrl::parse(publicUrl))}, clock)
        , gate(guard, tokens, clock,
              {[this] { return worker ? &host : nullptr; }, [this] { return room; }, [this] { return draining; },
                  [this](const StreamClaims& claims) { admitted += claims.callSid; },
                  [this](const StreamClaims& claims) { return taken.contains(claims.callSid); }})
    {
    }
    QByteArray path() const { return "/media/" + tokens.mint(u"CA1"_s, u"AC1"_s, clock.wallNow()); }
    int status(const net::HttpRequest& request)
    {
        const auto verdict = gate.judge(request);
        const auto* response = std::get_if<net::HttpResponse>(&verdict);
        return response ? response->status : 101;
    }
};

} // namespace

class tst_MediaGate final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QLoggingCategory::setFilterRules(u"kav.webhook*=false"_s); }
    void admitsAStreamWithItsToken();
    void otherPathsAreNotFound_data();
    void otherPathsAreNotFound();
    void badTokensAreForbidden();
    void anExpiredTokenIsForbidden();
    void aFullEngineIsUnavailable();
    void aSecondStreamOfACallIsAConflict();
    void theUpgradeMustBeSigned();
    void strangersAreRefusedWithoutAToken();
    void noTokenReachesTheLog();
};

void tst_MediaGate::admitsAStreamWithItsToken()
{
    Gate gate;
    const auto verdict = gate.gate.judge(test::upgradeRequest(gate.path()));
    const auto* upgrade = std::get_if<net::Upgrade>(&verdict);
    QVERIFY(upgrade);
    QCOMPARE(upgrade->host, &gate.host);
    const auto claims = StreamClaims::fromTag(upgrade->tag);
    QVERIFY(claims);
    QCOMPARE(claims->callSid, u"CA1"_s);
    QCOMPARE(claims->accountSid, u"AC1"_s);
    QCOMPARE(gate.admitted, QStringList{u"CA1"_s});
    QCOMPARE(gate.status(test::upgradeRequest(gate.path() + '/')), 101);
    QCOMPARE(gate.gate.counters().admitted, quint64(2));
}

void tst_MediaGate::otherPathsAreNotFound_data()
{
    QTest::addColumn<QByteArray>("path");
    for (const char* path : {"/", "/media", "/media/", "/media//", "/media/a/b", "/console", "/Media/x", ""})
        QTest::newRow(*path ? path : "nothing") << QByteArray(path);
}

void tst_MediaGate::otherPathsAreNotFound()
{
    QFETCH(QByteArray, path);
    Gate gate;
    QCOMPARE(gate.status(test::upgradeRequest(path)), 404);
    auto post = test::upgradeRequest(gate.path());
    post.method = "POST";
    QCOMPARE(gate.status(post), 404);
    QVERIFY(gate.admitted.isEmpty());
}

void tst_MediaGate::badTokensAreForbidden()
{
    Gate gate;
    QByteArray path = gate.path();
    path[20] = path[20] == 'A' ? 'B' : 'A';
    QCOMPARE(gate.status(test::upgradeRequest(path)), 403);
    QCOMPARE(gate.status(test::upgradeRequest("/media/TOKEN")), 403);
    Gate other;
    QCOMPARE(gate.status(test::upgradeRequest(other.path())), 403);
    QCOMPARE(gate.gate.counters().badTokens, quint64(3));
    QVERIFY(gate.admitted.isEmpty());
}

void tst_MediaGate::anExpiredTokenIsForbidden()
{
    Gate gate;
    const auto request = test::upgradeRequest(gate.path());
    gate.clock.advance(119s);
    QCOMPARE(gate.status(request), 101);
    gate.clock.advance(2s);
    QCOMPARE(gate.status(request), 403);
}

void tst_MediaGate::aFullEngineIsUnavailable()
{
    Gate gate;
    gate.room = false;
    QCOMPARE(gate.status(test::upgradeRequest(gate.path())), 503);
    gate.room = true;
    gate.draining = true;
    QCOMPARE(gate.status(test::upgradeRequest(gate.path())), 503);
    gate.draining = false;
    gate.worker = false;
    QCOMPARE(gate.status(test::upgradeRequest(gate.path())), 503);
    // Who has no token does not learn that the engine is full.
    QCOMPARE(gate.status(test::upgradeRequest("/media/TOKEN")), 403);
    QVERIFY(gate.admitted.isEmpty());
}

void tst_MediaGate::aSecondStreamOfACallIsAConflict()
{
    Gate gate;
    gate.taken += u"CA1"_s;
    QCOMPARE(gate.status(test::upgradeRequest(gate.path())), 409);
    QCOMPARE(gate.gate.counters().taken, quint64(1));
    QVERIFY(gate.admitted.isEmpty());
    // Who has no token does not learn which calls there are.
    QCOMPARE(gate.status(test::upgradeRequest("/media/TOKEN")), 403);
    gate.taken.clear();
    QCOMPARE(gate.status(test::upgradeRequest(gate.path())), 101);
}

void tst_MediaGate::theUpgradeMustBeSigned()
{
    Gate gate(Secret, u"https://kav.example.com"_s);
    const QByteArray path = gate.path();
    const auto signedFor = [&path](const QByteArray& url) {
        auto request = test::upgradeRequest(path);
        request.peer = QHostAddress(u"203.0.113.9"_s);
        request.headers.emplaceBack("x-twilio-signature", telephony::computeSignature(Secret, url));
        return request;
    };
    QCOMPARE(gate.status(test::upgradeRequest(path)), 403);
    QCOMPARE(gate.status(signedFor("https://kav.example.com" + path)), 403);
    QCOMPARE(gate.status(signedFor("wss://other.example.com" + path)), 403);
    QCOMPARE(gate.status(signedFor("wss://kav.example.com/media/other")), 403);
    QVERIFY(gate.admitted.isEmpty());
    QCOMPARE(gate.status(signedFor("wss://kav.example.com" + path)), 101);
    QCOMPARE(gate.status(signedFor("wss://kav.example.com" + path + '/')), 101);
    QCOMPARE(gate.status(signedFor("wss://kav.example.com:443" + path)), 101);
    QCOMPARE(gate.gate.counters().unsignedOrForeign, quint64(4));
}

void tst_MediaGate::strangersAreRefusedWithoutAToken()
{
    Gate gate({}, u"https://kav.example.com"_s);
    auto request = test::upgradeRequest(gate.path());
    request.peer = QHostAddress(u"203.0.113.9"_s);
    QCOMPARE(gate.status(request), 403);
    request.peer = QHostAddress(QHostAddress::LocalHost);
    QCOMPARE(gate.status(request), 101);
    request.headers.emplaceBack("x-forwarded-for", "203.0.113.9");
    QCOMPARE(gate.status(request), 403);
}

namespace {
QStringList collectedLines;
void collect(QtMsgType, const QMessageLogContext&, const QString& text)
{
    collectedLines += text;
}
} // namespace

void tst_MediaGate::noTokenReachesTheLog()
{
    Gate gate(Secret, u"https://kav.example.com"_s);
    const QByteArray path = gate.path();
    auto request = test::upgradeRequest(path);
    // The near miss whose URL is spelled out in the log.
    request.headers.emplaceBack(
        "x-twilio-signature", telephony::computeSignature(Secret, QByteArray("https://kav.example.com" + path)));
    collectedLines.clear();
    QLoggingCategory::setFilterRules(QString());
    const auto before = qInstallMessageHandler(collect);
    gate.status(request);
    gate.status(test::upgradeRequest(path));
    qInstallMessageHandler(before);
    const QString text = collectedLines.join(u'\n');
    QVERIFY2(
        text.contains(u"it matches https://kav.example.com/media/(token) (differs in: scheme)"_s), qPrintable(text));
    QVERIFY(!text.contains(QString::fromLatin1(path.mid(7, 40))));
    QVERIFY(!text.contains(QString::fromLatin1(Secret)));
}

QTEST_GUILESS_MAIN(tst_MediaGate)
#include "tst_mediagate.moc"
