// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/publicurl.h"

#include <QTest>
#include <QUrl>

using namespace Qt::StringLiterals;
using namespace kav::webhooks;

class tst_PublicUrl final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void makesUrls_data();
    void makesUrls();
    void refuses_data();
    void refuses();
    void onlyLoopbackHostsAreTaken_data();
    void onlyLoopbackHostsAreTaken();
};

void tst_PublicUrl::makesUrls_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("webhook");
    QTest::addColumn<QString>("stream");
    const auto row = [](const char* text, const char* webhook, const char* stream) {
        QTest::newRow(text) << QString::fromLatin1(text) << QString::fromLatin1(webhook) << QString::fromLatin1(stream);
    };
    row("https://k.example", "https://k.example/webhook/x", "wss://k.example/media/T");
    row("https://k.example/", "https://k.example/webhook/x", "wss://k.example/media/T");
    row("https://k.example///", "https://k.example/webhook/x", "wss://k.example/media/T");
    row("k.example", "https://k.example/webhook/x", "wss://k.example/media/T");
    row(" k.example:8443 ", "https://k.example:8443/webhook/x", "wss://k.example:8443/media/T");
    row("https://k.example:443", "https://k.example/webhook/x", "wss://k.example/media/T");
    row("http://k.example:80", "http://k.example/webhook/x", "wss://k.example/media/T");
    row("http://127.0.0.1:5000", "http://127.0.0.1:5000/webhook/x", "wss://127.0.0.1:5000/media/T");
    row("wss://K.Example/kav/", "https://k.example/kav/webhook/x", "wss://k.example/kav/media/T");
    row("https://k.example//kav//voice", "https://k.example/kav/voice/webhook/x", "wss://k.example/kav/voice/media/T");
    row("http://[::1]:5000", "http://[::1]:5000/webhook/x", "wss://[::1]:5000/media/T");
}

void tst_PublicUrl::makesUrls()
{
    QFETCH(QString, text);
    const auto url = PublicUrl::parse(text);
    QVERIFY2(url, url ? "" : qPrintable(url.error().message));
    QTEST(url->webhook(u"/webhook/x"_s), "webhook");
    QTEST(url->stream("T"), "stream");
    QVERIFY(!QUrl(url->webhook(u"/webhook/x"_s)).path().contains(u"//"_s));
    QCOMPARE(QString::fromLatin1(url->ofRequest("/webhook/x")), url->webhook(u"/webhook/x"_s));
    QCOMPARE(QString::fromLatin1(url->ofUpgrade("/media/T")), url->stream("T"));
}

void tst_PublicUrl::refuses_data()
{
    QTest::addColumn<QString>("text");
    for (const char* text : {"", "   ", "https://", "ftp://k.example", "https://k.example?x=1", "https://k.example#f",
             "https://user:pw@k.example", "https://k.example:99999", "https://a b"})
        QTest::newRow(text) << QString::fromLatin1(text);
}

void tst_PublicUrl::refuses()
{
    QFETCH(QString, text);
    const auto url = PublicUrl::parse(text);
    QVERIFY(!url);
    QVERIFY(url.error().message.startsWith(u"public URL "_s));
}

void tst_PublicUrl::onlyLoopbackHostsAreTaken_data()
{
    QTest::addColumn<QByteArray>("host");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* host, const char* expected) {
        QTest::newRow(host) << QByteArray(host) << QString::fromLatin1(expected);
    };
    row("127.0.0.1:5000", "http://127.0.0.1:5000");
    row("127.1.2.3", "http://127.1.2.3");
    row("LocalHost:80", "http://localhost:80");
    row("[::1]:5000", "http://[::1]:5000");
    row("kav.example.com", "");
    row("127.0.0.1.evil.com", "");
    row("localhost.evil.com", "");
    row("127.0.0.1:5000/x", "");
    row("127.0.0.1:5000\"><x", "");
    row("user@127.0.0.1", "");
    row("10.0.0.1", "");
    row("", "");
}

void tst_PublicUrl::onlyLoopbackHostsAreTaken()
{
    QFETCH(QByteArray, host);
    QFETCH(QString, expected);
    const auto url = PublicUrl::fromLoopbackHost(host);
    QCOMPARE(url ? url->toString() : QString(), expected);
}

QTEST_GUILESS_MAIN(tst_PublicUrl)
#include "tst_publicurl.moc"
