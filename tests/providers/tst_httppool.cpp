// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/http/httppool.h"
#include "tests/support/fakeclock.h"
#include "tests/support/vendorserver.h"

#include <QTest>
#include <QThread>

using namespace kav;
using namespace kav::test;
using providers::HttpCall;
using providers::HttpPool;
using providers::HttpRequest;

namespace {
/// What one call told.
struct Ear final {
    explicit Ear(std::unique_ptr<HttpCall> started)
        : call(std::move(started))
    {
        QObject::connect(call.get(), &HttpCall::head, call.get(), [this](int s, const QByteArray& type) {
            status = s;
            contentType = type;
            log += QStringLiteral("head ");
        });
        QObject::connect(call.get(), &HttpCall::data, call.get(), [this](const QByteArray& bytes) {
            body += bytes;
            ++pieces;
        });
        QObject::connect(call.get(), &HttpCall::finished, call.get(), [this] { log += QStringLiteral("finished "); });
        QObject::connect(call.get(), &HttpCall::failed, call.get(), [this](const Error& e) {
            error = e;
            log += QStringLiteral("failed ");
        });
    }
    bool isOver() const { return log.contains(QLatin1String("f")); }
    std::unique_ptr<HttpCall> call;
    int status = 0, pieces = 0;
    QByteArray contentType, body;
    QString log;
    Error error;
};
} // namespace

/// The caller of vendors: "the vendor does this, the provider is told that".
class TestHttpPool final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        m_server = std::make_unique<VendorServer>();
        m_clock = std::make_unique<FakeClock>();
        m_pool = std::make_unique<HttpPool>(*m_clock);
    }
    void cleanup() { m_pool.reset(); }

    void anAnswerComesAsItArrives();
    void requestsOfAThreadShareAConnection();
    void aConnectionOpenedAheadIsUsed();
    void manyAtOnceDoNotWaitForOneAnother();
    void everyStatusHasItsMeaning_data();
    void everyStatusHasItsMeaning();
    void retryAfterIsTold_data();
    void retryAfterIsTold();
    void aRedirectIsNotFollowed();
    void silenceEndsAtItsDeadline_data();
    void silenceEndsAtItsDeadline();
    void aBrokenConnectionIsSaidInWords_data();
    void aBrokenConnectionIsSaidInWords();
    void anEndlessAnswerIsCut();
    void whatIsForThePublicInternetGoesToNoPrivateAddress_data();
    void whatIsForThePublicInternetGoesToNoPrivateAddress();
    void aKeptConnectionOpensNoWayToAPrivateAddress();
    void whoGivesUpIsToldNothingAndTheVendorSeesIt();
    void aCallMayBeDeletedInItsOwnSignal_data();
    void aCallMayBeDeletedInItsOwnSignal();
    void theThreadMayEndFirst();

private:
    Ear call(HttpRequest request = {})
    {
        if (request.url.isEmpty())
            request.url = m_server->url(QStringLiteral("/v1/x"));
        return Ear(m_pool->start(request));
    }
    VendorExchange* asked(int index = 0) { return m_server->exchanges.value(index); }

    std::unique_ptr<VendorServer> m_server;
    std::unique_ptr<FakeClock> m_clock;
    std::unique_ptr<HttpPool> m_pool;
};

void TestHttpPool::anAnswerComesAsItArrives()
{
    HttpRequest request;
    request.url = m_server->url(QStringLiteral("/v1/say?x=1"));
    request.headers = {{"Authorization", "Bearer k"}, {"Content-Type", "application/json"}};
    request.body = "{\"a\":1}";
    Ear ear(m_pool->start(request));
    QVERIFY(ear.log.isEmpty());
    QTRY_VERIFY(asked());
    QCOMPARE(asked()->method, "POST");
    QCOMPARE(asked()->path, "/v1/say");
    QCOMPARE(asked()->query, "x=1");
    QCOMPARE(asked()->header("authorization"), "Bearer k");
    QCOMPARE(asked()->body, "{\"a\":1}");
    QVERIFY(asked()->header("expect").isEmpty());
    asked()->start(200, "text/plain");
    asked()->send("one ");
    QTRY_COMPARE(ear.body, "one ");
    QCOMPARE(ear.status, 200);
    QCOMPARE(ear.contentType, "text/plain");
    asked()->send("two");
    QTRY_COMPARE(ear.body, "one two");
    QVERIFY(!ear.isOver());
    asked()->end();
    QTRY_COMPARE(ear.log, QStringLiteral("head finished "));
}

void TestHttpPool::requestsOfAThreadShareAConnection()
{
    m_server->handler = [](VendorExchange& e) { e.answer(200, "text/plain", "ok"); };
    for (int i = 0; i < 5; ++i) {
        Ear ear = call();
        QTRY_COMPARE(ear.log, QStringLiteral("head finished "));
    }
    QCOMPARE(m_server->connections, 1);
}

void TestHttpPool::aConnectionOpenedAheadIsUsed()
{
    m_server->handler = [](VendorExchange& e) {
        if (e.method == "HEAD")
            e.raw("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n");
        else
            e.answer(200, "text/plain", "ok");
    };
    m_pool->connectTo(m_server->url(QStringLiteral("/v1/x")));
    m_pool->connectTo(m_server->url(QStringLiteral("/v1/y"))); // it is on its way
    QTRY_COMPARE(m_server->exchanges.size(), 1);
    QTest::qWait(0);
    Ear ear = call();
    QTRY_COMPARE(ear.log, QStringLiteral("head finished "));
    QCOMPARE(m_server->connections, 1);
    QCOMPARE(asked()->path, "/");
}

void TestHttpPool::manyAtOnceDoNotWaitForOneAnother()
{
    std::vector<std::unique_ptr<Ear>> ears;
    for (int i = 0; i < 40; ++i) {
        HttpRequest request;
        request.url = m_server->url(QStringLiteral("/%1").arg(i));
        ears.push_back(std::make_unique<Ear>(m_pool->start(request)));
    }
    QTRY_COMPARE(m_server->exchanges.size(), 40); // none was answered
    for (VendorExchange* exchange : std::as_const(m_server->exchanges))
        exchange->answer(200, "text/plain", exchange->path);
    for (int i = 0; i < 40; ++i) {
        QTRY_VERIFY(ears[size_t(i)]->isOver());
        QCOMPARE(ears[size_t(i)]->body, "/" + QByteArray::number(i));
    }
}

void TestHttpPool::everyStatusHasItsMeaning_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<int>("code");
    const auto row = [](int status, Error::Code code) { QTest::addRow("%d", status) << status << int(code); };
    row(400, Error::Code::Invalid);
    row(401, Error::Code::Denied);
    row(402, Error::Code::Denied);
    row(403, Error::Code::Denied);
    row(404, Error::Code::NotFound);
    row(408, Error::Code::Timeout);
    row(413, Error::Code::Invalid);
    row(429, Error::Code::LimitExceeded);
    row(500, Error::Code::Unavailable);
    row(503, Error::Code::Unavailable);
    row(504, Error::Code::Timeout);
}

void TestHttpPool::everyStatusHasItsMeaning()
{
    QFETCH(int, status);
    QFETCH(int, code);
    m_server->handler = [status](VendorExchange& e) { e.answer(status, "application/json", "{\"error\":\"why\"}"); };
    Ear ear = call();
    QTRY_COMPARE(ear.log, QStringLiteral("failed "));
    QCOMPARE(int(ear.error.code), code);
    QVERIFY2(ear.error.message.contains(QString::number(status)), qPrintable(ear.error.message));
    QCOMPARE(ear.error.detail, QStringLiteral("{\"error\":\"why\"}"));
    QVERIFY(ear.body.isEmpty());
}

void TestHttpPool::retryAfterIsTold_data()
{
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<qint64>("least");
    QTest::addColumn<qint64>("most");
    const QDateTime later = QDateTime::currentDateTimeUtc().addSecs(60);
    QTest::newRow("seconds") << QByteArray("7") << qint64(7000) << qint64(7000);
    QTest::newRow("a date") << QLocale::c().toString(later, QStringLiteral("ddd, dd MMM yyyy hh:mm:ss")).toLatin1()
            + " GMT" << qint64(30000)
                            << qint64(61000);
    QTest::newRow("a date that is over") << QByteArray("Wed, 21 Oct 2015 07:28:00 GMT") << qint64(0) << qint64(0);
    QTest::newRow("rubbish") << QByteArray("soon") << qint64(0) << qint64(0);
    QTest::newRow("for ever") << QByteArray("999999999") << qint64(3600000) << qint64(3600000);
}

void TestHttpPool::retryAfterIsTold()
{
    QFETCH(QByteArray, value);
    QFETCH(qint64, least);
    QFETCH(qint64, most);
    m_server->handler = [value](VendorExchange& e) { e.answer(429, "text/plain", "", {{"Retry-After", value}}); };
    Ear ear = call();
    QTRY_VERIFY(ear.isOver());
    QVERIFY2(ear.error.retryAfter.count() >= least && ear.error.retryAfter.count() <= most,
        qPrintable(QString::number(ear.error.retryAfter.count())));
}

void TestHttpPool::aRedirectIsNotFollowed()
{
    m_server->handler = [this](VendorExchange& e) {
        e.answer(302, "text/plain", "", {{"Location", m_server->url(QStringLiteral("/else")).toEncoded()}});
    };
    Ear ear = call();
    QTRY_COMPARE(ear.log, QStringLiteral("failed "));
    QVERIFY(ear.error.message.contains(QLatin1String("redirect")));
    QCOMPARE(ear.error.code, Error::Code::Unavailable);
    QCOMPARE(m_server->exchanges.size(), 1);
}

void TestHttpPool::silenceEndsAtItsDeadline_data()
{
    QTest::addColumn<int>("phase");
    QTest::addColumn<int>("limit");
    QTest::addColumn<QString>("words");
    QTest::newRow("a server that accepts and reads nothing") << 0 << 5000 << QStringLiteral("no answer within 5000 ms");
    QTest::newRow("before the head") << 1 << 5000 << QStringLiteral("no answer within 5000 ms");
    QTest::newRow("after the head") << 2 << 3000 << QStringLiteral("fell silent");
    QTest::newRow("in the body") << 3 << 3000 << QStringLiteral("fell silent");
}

void TestHttpPool::silenceEndsAtItsDeadline()
{
    QFETCH(int, phase);
    QFETCH(int, limit);
    QFETCH(QString, words);
    m_server->isSilent = phase == 0;
    HttpRequest request;
    request.url = m_server->url(QStringLiteral("/v1/x"));
    request.firstByte = Milliseconds(5000);
    request.stall = Milliseconds(3000);
    Ear ear(m_pool->start(request));
    if (phase > 0)
        QTRY_VERIFY(asked());
    else
        QTRY_COMPARE(m_server->connections, 1);
    if (phase >= 2) {
        asked()->start(200, "text/plain");
        QTRY_COMPARE(ear.status, 200);
    }
    if (phase == 3) {
        asked()->send("some");
        QTRY_COMPARE(ear.body, "some");
    }
    m_clock->advance(Milliseconds(limit - 1));
    QTest::qWait(60); // two looks at the deadlines
    QVERIFY(!ear.isOver());
    m_clock->advance(Milliseconds(1));
    QTRY_VERIFY(ear.isOver());
    QCOMPARE(ear.error.code, Error::Code::Timeout);
    QVERIFY2(ear.error.message.contains(words), qPrintable(ear.error.message));
}

void TestHttpPool::aBrokenConnectionIsSaidInWords_data()
{
    QTest::addColumn<int>("fault");
    QTest::addColumn<QString>("words");
    QTest::newRow("nobody listens") << 0 << QStringLiteral("no connection to 127.0.0.1");
    QTest::newRow("no such name") << 1 << QStringLiteral("cannot be resolved");
    QTest::newRow("reset before the head") << 2 << QStringLiteral("broke");
    QTest::newRow("reset in the body") << 3 << QStringLiteral("broke");
    QTest::newRow("ended in the body") << 4 << QStringLiteral("broke");
    QTest::newRow("not HTTP at all") << 5 << QStringLiteral("answered with something that is no HTTP");
    QTest::newRow("TLS where there is none") << 6 << QStringLiteral("127.0.0.1");
    QTest::newRow("an address that is none") << 7 << QStringLiteral("cannot be used");
}

void TestHttpPool::aBrokenConnectionIsSaidInWords()
{
    QFETCH(int, fault);
    QFETCH(QString, words);
    HttpRequest request;
    request.url = m_server->url(QStringLiteral("/v1/x"));
    if (fault == 0)
        m_server->stopListening();
    if (fault == 1)
        request.url.setHost(QStringLiteral("no-such-host.invalid"));
    if (fault == 6)
        request.url.setScheme(QStringLiteral("https"));
    if (fault == 7)
        request.url.setScheme(QStringLiteral("ftp"));
    m_server->handler = [fault](VendorExchange& e) {
        if (fault == 2)
            e.reset();
        if (fault == 3 || fault == 4) {
            e.start(200, "text/plain");
            e.send("half");
        }
        if (fault == 5)
            e.raw("220 mail.example.com ESMTP\r\n\r\n");
    };
    Ear ear(m_pool->start(request));
    if (fault == 3 || fault == 4) {
        QTRY_COMPARE(ear.body, "half");
        fault == 3 ? asked()->reset() : asked()->hangUp();
    }
    if (fault == 6) {
        QTRY_COMPARE(m_server->connections, 1);
        m_clock->advance(request.firstByte); // the server waits for the rest of what it takes for a request
    }
    QTRY_VERIFY(ear.isOver());
    QVERIFY(!ear.log.contains(QLatin1String("finished")));
    QVERIFY2(ear.error.message.contains(words), qPrintable(toString(ear.error)));
    // What a server does is its fault, whatever was asked; the last one is the setting's.
    if (fault != 6)
        QCOMPARE(ear.error.code, fault == 7 ? Error::Code::Invalid : Error::Code::Unavailable);
}

void TestHttpPool::anEndlessAnswerIsCut()
{
    HttpRequest request;
    request.url = m_server->url(QStringLiteral("/v1/x"));
    request.limit = 10000;
    m_server->handler = [](VendorExchange& e) {
        e.start(200, "text/plain");
        for (int i = 0; i < 100; ++i)
            e.send(QByteArray(1000, 'x'));
    };
    Ear ear(m_pool->start(request));
    QTRY_VERIFY(ear.isOver());
    QCOMPARE(ear.error.code, Error::Code::Invalid);
    QVERIFY(ear.body.size() <= 10000);
}

void TestHttpPool::whatIsForThePublicInternetGoesToNoPrivateAddress_data()
{
    QTest::addColumn<QString>("host");
    QTest::newRow("an address") << QStringLiteral("127.0.0.1");
    QTest::newRow("a name that leads there") << QStringLiteral("localhost");
    QTest::newRow("an address in disguise") << QStringLiteral("[::ffff:127.0.0.1]");
}

void TestHttpPool::whatIsForThePublicInternetGoesToNoPrivateAddress()
{
    QFETCH(QString, host);
    HttpRequest request;
    request.url = QUrl(QStringLiteral("http://%1:%2/x").arg(host).arg(m_server->port()));
    request.publicOnly = true;
    Ear ear = call(request);
    QTRY_VERIFY(ear.isOver());
    QCOMPARE(ear.error.code, Error::Code::Denied);
    QVERIFY2(ear.error.message.contains(QLatin1String("private address")), qPrintable(ear.error.message));
    QCOMPARE(m_server->connections, 0);
}

void TestHttpPool::aKeptConnectionOpensNoWayToAPrivateAddress()
{
    m_server->handler = [](VendorExchange& exchange) { exchange.answer(200, "text/plain", "secret"); };
    Ear allowed = call();
    QTRY_VERIFY(allowed.isOver());
    QCOMPARE(allowed.body, QByteArray("secret"));
    HttpRequest request;
    request.publicOnly = true;
    Ear ear = call(request);
    QTRY_VERIFY(ear.isOver());
    QCOMPARE(ear.error.code, Error::Code::Denied);
    QCOMPARE(m_server->exchanges.size(), 1); // not a byte of it was sent
}

void TestHttpPool::whoGivesUpIsToldNothingAndTheVendorSeesIt()
{
    auto ear = std::make_unique<Ear>(call());
    QTRY_VERIFY(asked());
    asked()->start(200, "text/plain");
    asked()->send("some");
    ear->call.reset();
    QTRY_VERIFY(asked()->isGone());
    QVERIFY(ear->log.isEmpty());
}

void TestHttpPool::aCallMayBeDeletedInItsOwnSignal_data()
{
    QTest::addColumn<int>("when");
    QTest::newRow("head") << 0;
    QTest::newRow("data") << 1;
    QTest::newRow("finished") << 2;
    QTest::newRow("failed") << 3;
}

void TestHttpPool::aCallMayBeDeletedInItsOwnSignal()
{
    QFETCH(int, when);
    m_server->handler = [when](VendorExchange& e) { e.answer(when == 3 ? 500 : 200, "text/plain", "ok"); };
    HttpRequest request;
    request.url = m_server->url(QStringLiteral("/v1/x"));
    std::unique_ptr<HttpCall> one = m_pool->start(request);
    std::unique_ptr<HttpCall> other = m_pool->start(request);
    int told = 0;
    const auto drop = [&] {
        ++told;
        one.reset();
        other.reset(); // and another one with it
    };
    for (HttpCall* call : {one.get(), other.get()}) {
        if (when == 0)
            QObject::connect(call, &HttpCall::head, this, drop);
        if (when == 1)
            QObject::connect(call, &HttpCall::data, this, drop);
        if (when == 2)
            QObject::connect(call, &HttpCall::finished, this, drop);
        if (when == 3)
            QObject::connect(call, &HttpCall::failed, this, drop);
    }
    QTRY_COMPARE(told, 1);
    QTest::qWait(50);
    QCOMPARE(told, 1);
}

void TestHttpPool::theThreadMayEndFirst()
{
    HttpRequest request;
    request.url = m_server->url(QStringLiteral("/v1/x"));
    QThread thread;
    std::unique_ptr<HttpCall> left;
    QObject context;
    context.moveToThread(&thread);
    thread.start();
    QMetaObject::invokeMethod(
        &context, [&] { left = m_pool->start(request); }, Qt::BlockingQueuedConnection);
    QTRY_VERIFY(asked());
    thread.quit();
    thread.wait();
    left.reset(); // its loop went with the thread
    QTRY_VERIFY(asked()->isGone());
}

QTEST_GUILESS_MAIN(TestHttpPool)
#include "tst_httppool.moc"
