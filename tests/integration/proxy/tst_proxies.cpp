// SPDX-License-Identifier: Apache-2.0
#include "engine/media/g711.h"
#include "engine/net/websocketclient.h"
#include "engine/telephony/formbody.h"
#include "engine/telephony/loopbackcaller.h"
#include "engine/telephony/twiliosignature.h"
#include "engine/telephony/twimldocument.h"
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"
#include "tests/integration/proxy/behindproxy.h"
#include "tests/support/rawclient.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRegularExpression>
#include <QTcpServer>
#include <QTest>

#include <cmath>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::test;
using namespace std::chrono_literals;
using telephony::FormBody;
using telephony::FormField;

namespace {

const QByteArray AuthToken = "kav_test_auth_token_0123456789ab";
const QByteArray Public = "https://" + PublicHost;

FormBody callForm(const QString& sid = telephony::StreamIds::random().callSid)
{
    return FormBody({{u"CallSid"_s, sid}, {u"AccountSid"_s, u"AC0123456789abcdef0123456789abcdef"_s},
        {u"From"_s, u"+15005550006"_s}, {u"To"_s, u"+15005550001"_s}, {u"CallStatus"_s, u"ringing"_s},
        {u"Direction"_s, u"inbound"_s}, {u"FromCity"_s, {}}, {u"CallerName"_s, u"שלום עולם + \"עוד\" & 100%"_s},
        {u"Twice"_s, u"b"_s}, {u"Twice"_s, u"a"_s}});
}

QByteArray post(const QByteArray& target, const FormBody& form, const QByteArray& moreHeaders = {})
{
    const QByteArray body = form.encode();
    return "POST " + target + " HTTP/1.1\r\nHost: " + PublicHost
        + "\r\nContent-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n" + moreHeaders
        + "Content-Length: " + QByteArray::number(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

QByteArray signatureLine(const QByteArray& url, const FormBody& form = {}, const QByteArray& token = AuthToken)
{
    return "X-Twilio-Signature: " + telephony::computeSignature(token, url, form.fields()) + "\r\n";
}

QByteArray get(const QByteArray& target, const QByteArray& moreHeaders = {})
{
    return "GET " + target + " HTTP/1.1\r\nHost: " + PublicHost + "\r\n" + moreHeaders + "Connection: close\r\n\r\n";
}

QByteArray upgrade(const QByteArray& target, const QByteArray& moreHeaders = {})
{
    return "GET " + target + " HTTP/1.1\r\nHost: " + PublicHost
        + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
          "Sec-WebSocket-Version: 13\r\nUser-Agent: Twilio.TmeWs/1.0\r\n"
        + moreHeaders + "\r\n";
}

/// The path of the stream that the TwiML offers.
QByteArray streamPath(const Answer& answer)
{
    static const QRegularExpression stream(u"\"wss://kav\\.example\\.com(/media/[^\"]+)\""_s);
    return stream.match(QString::fromUtf8(answer.body)).captured(1).toUtf8();
}

double rms(const QByteArray& mulaw)
{
    double sum = 0;
    for (const char c : mulaw) {
        const double sample = media::fromMulaw(quint8(c));
        sum += sample * sample;
    }
    return mulaw.isEmpty() ? 0 : std::sqrt(sum / double(mulaw.size()));
}

/// What a stranger writes to be taken for somebody on the engine's own machine.
const QList<QByteArray> Pretences{"X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-For: ::1, 127.0.0.1\r\n",
    "Forwarded: for=127.0.0.1;host=localhost\r\n", "X-Real-IP: 127.0.0.1\r\nX-Forwarded-Host: 127.0.0.1:5000\r\n",
    "Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Real-IP\r\n"};

} // namespace

/// Each test runs twice: behind nginx with packaging/nginx/kav.conf, and behind Caddy with packaging/caddy/Caddyfile.
class tst_Proxies final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase_data();
    void initTestCase();
    void init();
    void aSignedWebhookIsAnswered_data();
    void aSignedWebhookIsAnswered();
    void anUnprovenWebhookIsForbidden();
    void theUpgradeIsSignedAsWss();
    void aCallGoesBothWays();
    void aConsoleNeedsItsToken();
    void whatIsInsideStaysInside_data();
    void whatIsInsideStaysInside();
    void whoIsAllowedMayScrape();
    void pretendingToBeThisMachineGrantsNothing();
    void theEngineIsToldWhatWasAskedAndByWhom();
    void largeRequestsAreRefused();
    void plainHttpIsNotRedirected();
    void silentStreamsAreNotCut();

private:
    Proxy& proxy() { return *m_proxies.at(kind()); }
    ProxyKind kind() const;

    Certificates m_certificates;
    std::unique_ptr<ServedEngine> m_engine; ///< as a real one: public URL, tokens
    std::unique_ptr<ServedEngine> m_open; ///< without any token: serves this machine only
    std::map<ProxyKind, std::unique_ptr<Proxy>> m_proxies;
};

ProxyKind tst_Proxies::kind() const
{
    QFETCH_GLOBAL(bool, isNginx);
    return isNginx ? ProxyKind::Nginx : ProxyKind::Caddy;
}

void tst_Proxies::initTestCase_data()
{
    QTest::addColumn<bool>("isNginx");
    QTest::newRow("nginx") << true;
    QTest::newRow("Caddy") << false;
}

void tst_Proxies::initTestCase()
{
    const QString problem = m_certificates.create();
    QVERIFY2(problem.isEmpty(), qPrintable(problem));
    m_engine = std::make_unique<ServedEngine>(Environment{{u"KAV_PUBLIC_URL"_s, QString::fromUtf8(Public)},
        {u"TWILIO_AUTH_TOKEN"_s, QString::fromUtf8(AuthToken)},
        {u"KAV_CONSOLE_TOKENS"_s, u"alice:token-of-alice-0123"_s}, {u"DB_BOOTSTRAP"_s, u"true"_s}});
    QVERIFY2(m_engine->port() != 0, m_engine->output().constData());
    m_open = std::make_unique<ServedEngine>(Environment{});
    QVERIFY2(m_open->port() != 0, m_open->output().constData());
    QVERIFY(m_engine->waitWarm());
}

void tst_Proxies::init()
{
    auto& one = m_proxies[kind()];
    if (!one)
        one = std::make_unique<Proxy>(kind(), m_certificates, m_engine->port());
    QVERIFY2(one->problem().isEmpty(), qPrintable(one->problem()));
}

void tst_Proxies::aSignedWebhookIsAnswered_data()
{
    QTest::addColumn<QByteArray>("target");
    QTest::addColumn<int>("status");
    QTest::newRow("as configured") << QByteArray("/webhook/incoming_call") << 200;
    QTest::newRow("with a trailing slash") << QByteArray("/webhook/incoming_call/") << 200;
    QTest::newRow("with two") << QByteArray("/webhook/call_status//") << 204;
    QTest::newRow("with a query, escaped as Twilio got it")
        << QByteArray("/webhook/incoming_call?a=%D7%A9%d7%9c&b=1+2%2f3&b=&%20") << 200;
    QTest::newRow("no such route") << QByteArray("/webhook") << 404;
}

void tst_Proxies::aSignedWebhookIsAnswered()
{
    QFETCH(QByteArray, target);
    QFETCH(int, status);
    const FormBody form = callForm();
    const Answer answer = ask(proxy().port(), post(target, form, signatureLine(Public + target, form)));
    QVERIFY2(answer.status == status, QByteArray(answer.head + answer.body).constData());
    QVERIFY(!answer.head.toLower().contains("location:"));
    if (status == 200) {
        QVERIFY2(answer.body.contains("<Connect"), answer.body.constData());
        QVERIFY(!streamPath(answer).isEmpty());
    }
}

void tst_Proxies::anUnprovenWebhookIsForbidden()
{
    const FormBody form = callForm(), other = callForm();
    const QByteArray target = "/webhook/incoming_call", url = Public + target;
    for (const QByteArray& line : {QByteArray(), signatureLine(url, other), signatureLine(url, form, "another token"),
             signatureLine("http://" + PublicHost + target, form), signatureLine(url + '/', form),
             QByteArray("X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n")}) {
        const Answer answer = ask(proxy().port(), post(target, form, line));
        QCOMPARE(answer.status, 403);
        QCOMPARE(answer.body, QByteArray("forbidden\n"));
    }
}

void tst_Proxies::theUpgradeIsSignedAsWss()
{
    const QByteArray webhook = "/webhook/incoming_call";
    const auto offered = [&] {
        const FormBody form = callForm();
        return streamPath(ask(proxy().port(), post(webhook, form, signatureLine(Public + webhook, form))));
    };
    const QByteArray path = offered(), wss = "wss://" + PublicHost + path;
    QVERIFY(!path.isEmpty());
    QCOMPARE(ask(proxy().port(), upgrade(path)).status, 403);
    QCOMPARE(ask(proxy().port(), upgrade(path, signatureLine(Public + path))).status, 403);
    QCOMPARE(ask(proxy().port(), upgrade(path, signatureLine(wss, {}, "another token"))).status, 403);
    const QByteArray forged = "/media/" + QByteArray(path.size() - 7, 'A');
    QCOMPARE(ask(proxy().port(), upgrade(forged, signatureLine("wss://" + PublicHost + forged))).status, 403);
    // Whether Twilio signs with the slash at the end or without is not written down anywhere.
    QCOMPARE(ask(proxy().port(), upgrade(path, signatureLine(wss + '/'))).status, 101);
    // A stream has its token once.
    QCOMPARE(ask(proxy().port(), upgrade(path, signatureLine(wss))).status, 409);
    const QByteArray slashed = offered() + '/';
    QCOMPARE(ask(proxy().port(), upgrade(slashed, signatureLine("wss://" + PublicHost + slashed))).status, 101);
    QCOMPARE(ask(proxy().port(), upgrade("/elsewhere")).status, 404);
}

void tst_Proxies::aCallGoesBothWays()
{
    telephony::CallSettings settings;
    settings.to = QUrl(QString::fromUtf8(Public) + u"/webhook/incoming_call"_s);
    settings.publicUrl = QUrl(QString::fromUtf8(Public));
    settings.connectTo = u"https://127.0.0.1:%1"_s.arg(proxy().port());
    settings.authToken = AuthToken;
    settings.extraFields = {{u"CallerName"_s, u"אבגד"_s}};
    const auto script = telephony::parseScript(u"wait-agent-speaking within 12s\nplay hello\nwait 600ms\nhangup\n"_s);
    QVERIFY(script);
    settings.script = *script;
    // A second of a caller who hums.
    for (telephony::ScriptStep& step : settings.script) {
        if (step.kind == telephony::ScriptStep::Kind::Play) {
            for (int i = 0; i < 8000; ++i)
                step.audio += char(media::toMulaw(qint16(8000 * std::sin(i * 0.2))));
        }
    }
    const SystemClock clock;
    telephony::LoopbackCaller caller(settings, clock);
    bool over = false;
    connect(&caller, &telephony::LoopbackCaller::finished, this, [&over] { over = true; });
    caller.start();
    QTRY_VERIFY_WITH_TIMEOUT(over, 30000);
    const QByteArray told = caller.timeline().toText().toUtf8();
    QVERIFY2(caller.outcome().ok, told.constData());
    QCOMPARE(caller.outcome().failedCallbacks, 0);
    QCOMPARE(caller.outcome().refusedMessages, 0);
    const auto [spoken, heard] = caller.recording();
    QVERIFY(rms(spoken) > 500);
    QVERIFY2(rms(heard) > 100, told.constData());
    // And the engine heard the caller: all that was sent arrived before the end.
    QVERIFY(
        m_engine->waitFor(QByteArray(caller.outcome().callSid.toUtf8() + " WS_STOP")) || m_engine->waitFor("WS_STOP"));
}

namespace {
/// What the engine says to a console's hello with this token: "welcome", a refusal's code, or how it went wrong.
QString consoleAnswer(quint16 port, const QString& token)
{
    net::WebSocketClient socket;
    QString said;
    QObject::connect(&socket, &net::WebSocketClient::opened, &socket, [&] {
        protocol::Hello hello;
        hello.lowest = protocol::LowestVersion;
        hello.highest = protocol::HighestVersion;
        hello.client = u"test console"_s;
        hello.operatorName = u"alice"_s;
        hello.token = token;
        socket.sendText(protocol::encode(protocol::ToEngine(hello)));
    });
    QObject::connect(&socket, &net::WebSocketClient::textReceived, &socket, [&](const QByteArray& text) {
        const auto message = protocol::decodeToConsole(text);
        if (said.isEmpty() && message)
            said = std::holds_alternative<protocol::Welcome>(*message) ? u"welcome"_s
                : std::holds_alternative<protocol::Refusal>(*message)  ? u"refused"_s
                                                                       : u"something else"_s;
    });
    QObject::connect(&socket, &net::WebSocketClient::failed, &socket,
        [&](int status, const QString&) { said = QString::number(status); });
    QObject::connect(&socket, &net::WebSocketClient::closed, &socket, [&] {
        if (said.isEmpty())
            said = u"closed"_s;
    });
    net::WebSocketClient::Target target;
    target.connectHost = u"127.0.0.1"_s;
    target.connectPort = port;
    target.tls = true;
    target.tlsName = QString::fromUtf8(PublicHost);
    target.host = PublicHost;
    target.path = "/console";
    socket.open(target);
    (void)QTest::qWaitFor([&said] { return !said.isEmpty(); }, 10000);
    return said;
}
} // namespace

void tst_Proxies::aConsoleNeedsItsToken()
{
    QCOMPARE(consoleAnswer(proxy().port(), u"token-of-alice-0123"_s), u"welcome"_s);
    QCOMPARE(consoleAnswer(proxy().port(), u"token-of-alice-0124"_s), u"refused"_s);
    QCOMPARE(consoleAnswer(proxy().port(), {}), u"refused"_s);
    // Without tokens consoles on this machine are let in, and what a proxy brings is not of this machine.
    const Proxy open(kind(), m_certificates, m_open->port());
    QVERIFY2(open.problem().isEmpty(), qPrintable(open.problem()));
    QCOMPARE(consoleAnswer(open.port(), {}), u"403"_s);
    QCOMPARE(RawClient(m_open->port(), upgradeHead("/console")).response().status, 101);
}

void tst_Proxies::whatIsInsideStaysInside_data()
{
    QTest::addColumn<QByteArray>("target");
    for (const char* target : {"/metrics", "/readyz", "/version", "/", "/METRICS", "//metrics", "/metrics/",
             "/metrics?x=1", "/%6detrics", "/webhook/../metrics", "/webhook/%2e%2e/metrics", "/media/../readyz",
             "/healthz/../metrics", "/metrics;/healthz", "/metrics%00", "/healthz%3f/../metrics"})
        QTest::newRow(target) << QByteArray(target);
}

void tst_Proxies::whatIsInsideStaysInside()
{
    QFETCH(QByteArray, target);
    for (const QByteArray& pretence : QList<QByteArray>{QByteArray(), Pretences.first()}) {
        const Answer answer = ask(proxy().port(), get(target, pretence));
        QVERIFY2(answer.status >= 400 && answer.status < 500, QByteArray(answer.head + answer.body).constData());
        QVERIFY2(!answer.body.contains("kav_") && !answer.body.contains("\"ready\""), answer.body.constData());
    }
    const Answer healthy = ask(proxy().port(), get("/healthz"));
    QCOMPARE(healthy.status, 200);
    QCOMPARE(healthy.body, QByteArray("ok\n"));
}

void tst_Proxies::whoIsAllowedMayScrape()
{
    const Proxy scraped(kind(), m_certificates, m_engine->port(), true);
    QVERIFY2(scraped.problem().isEmpty(), qPrintable(scraped.problem()));
    const Answer metrics = ask(scraped.port(), get("/metrics"));
    QCOMPARE(metrics.status, 200);
    QVERIFY(metrics.body.contains("kav_calls_active"));
    QCOMPARE(ask(scraped.port(), get("/readyz")).status, 200);
    QCOMPARE(ask(scraped.port(), get("/version")).status, 404);
}

void tst_Proxies::pretendingToBeThisMachineGrantsNothing()
{
    const Proxy open(kind(), m_certificates, m_open->port());
    QVERIFY2(open.problem().isEmpty(), qPrintable(open.problem()));
    const FormBody form = callForm();
    for (const QByteArray& pretence : Pretences) {
        QCOMPARE(ask(open.port(), post("/webhook/incoming_call", form, pretence)).status, 403);
        QCOMPARE(ask(open.port(), upgrade("/media/TOKEN", pretence)).status, 403);
        QCOMPARE(ask(open.port(), upgrade("/console", pretence)).status, 403);
        // Nor is it needed: what is signed is served, whatever else it says.
        const QByteArray target = "/webhook/call_status";
        QCOMPARE(ask(proxy().port(), post(target, form, pretence + signatureLine(Public + target, form))).status, 204);
    }
    // Who really is on this machine is served.
    QCOMPARE(
        ask(m_open->port(),
            post("/webhook/call_status", form).replace(QByteArray("Host: " + PublicHost), "Host: 127.0.0.1"), false)
            .status,
        204);
}

void tst_Proxies::theEngineIsToldWhatWasAskedAndByWhom()
{
    QTcpServer upstream;
    QVERIFY(upstream.listen(QHostAddress(QHostAddress::LocalHost)));
    QByteArray received;
    connect(&upstream, &QTcpServer::newConnection, this, [&] {
        QTcpSocket* const socket = upstream.nextPendingConnection();
        connect(socket, &QTcpSocket::readyRead, this, [&received, socket] {
            received += socket->readAll();
            if (received.contains("\r\n\r\n"))
                socket->write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        });
    });
    const Proxy recorded(kind(), m_certificates, upstream.serverPort());
    QVERIFY2(recorded.problem().isEmpty(), qPrintable(recorded.problem()));
    const QByteArray target = "/webhook//a%2Fb/%d7%A9/?x=%20y+z&x=";
    for (const QByteArray& pretence : Pretences) {
        received.clear();
        QCOMPARE(ask(recorded.port(), get(target, pretence)).status, 204);
        const QByteArray head = received.toLower();
        QVERIFY2(received.startsWith(QByteArray("GET " + target + " HTTP/1.1\r\n")), received.constData());
        for (const char* line : {"\r\nhost: kav.example.com\r\n", "x-forwarded-for: 127.0.0.1\r\n",
                 "x-forwarded-proto: https\r\n", "x-forwarded-host: kav.example.com\r\n", "x-real-ip: 127.0.0.1\r\n"})
            QVERIFY2(head.count(line) == 1, received.constData());
        QCOMPARE(head.count("x-forwarded-for:"), 1);
        QVERIFY2(!head.contains("\r\nforwarded:") && !head.contains("accept-encoding"), received.constData());
    }
}

void tst_Proxies::largeRequestsAreRefused()
{
    FormBody form = callForm();
    form.append(u"Filler"_s, QString(1024 * 1024, u'x'));
    const QByteArray target = "/webhook/incoming_call";
    const Answer body = ask(proxy().port(), post(target, form, signatureLine(Public + target, form)));
    QVERIFY2(body.status == 413, body.head.constData());
    const Answer head = ask(proxy().port(), get("/healthz", "X-Filler: " + QByteArray(64 * 1024, 'x') + "\r\n"));
    QVERIFY2(head.status == 400 || head.status == 431, head.head.constData());
    QCOMPARE(ask(proxy().port(), get("/healthz")).status, 200);
}

void tst_Proxies::plainHttpIsNotRedirected()
{
    const FormBody form = callForm();
    const QByteArray request =
        post("/webhook/incoming_call", form, signatureLine(Public + "/webhook/incoming_call", form));
    if (kind() == ProxyKind::Nginx)
        QCOMPARE(ask(proxy().plainPort(), request, false).status, 404);
    else
        QVERIFY(!proxy().understood().contains("\":80\""));
    const Answer answer = ask(proxy().port(), request, false);
    QVERIFY2(answer.status == 0 || answer.status == 400, answer.head.constData());
}

void tst_Proxies::silentStreamsAreNotCut()
{
    const QByteArray text = proxy().understood();
    if (kind() == ProxyKind::Nginx) {
        for (const char* place : {"location ^~ /media/ {", "location = /console {"}) {
            const qsizetype begin = text.indexOf(place);
            QVERIFY2(begin > 0, place);
            const QByteArray block = text.mid(begin, text.indexOf('}', begin) - begin);
            for (const QString& limit : {u"proxy_read_timeout"_s, u"proxy_send_timeout"_s}) {
                const auto match = QRegularExpression(limit + u" (\\d+)s;"_s).match(QString::fromUtf8(block));
                QVERIFY2(match.captured(1).toInt() >= 3600, block.constData());
            }
        }
        for (const char* line : {"proxy_buffering off;", "merge_slashes off;", "proxy_http_version 1.1;"})
            QVERIFY2(text.contains(line), line);
    } else {
        // Caddy cuts no upgraded connection unless it is told to.
        for (const char* limit : {"stream_timeout", "stream_close_delay", "write_timeout", "read_buffer"})
            QVERIFY2(!text.contains(limit), limit);
        const QJsonObject server = QJsonDocument::fromJson(text)[u"apps"]
                                       .toObject()[u"http"]
                                       .toObject()[u"servers"]
                                       .toObject()[u"srv0"]
                                       .toObject();
        QCOMPARE(server[u"read_header_timeout"].toDouble(), 10e9);
        QVERIFY(text.contains("\"flush_interval\":-1"));
    }
}

QTEST_GUILESS_MAIN(tst_Proxies)
#include "tst_proxies.moc"
