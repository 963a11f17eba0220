// SPDX-License-Identifier: Apache-2.0
#include "console/net/engineurl.h"

#include <QRegularExpression>
#include <QTest>

using kav::Result;
using kav::console::engineUrl;

class TestEngineUrl final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".*"))); }
    void understandsWhatIsTyped_data();
    void understandsWhatIsTyped();
    void leavesItsOwnAddressesAlone_data() { understandsWhatIsTyped_data(); }
    void leavesItsOwnAddressesAlone();
    void refusesWithWords_data();
    void refusesWithWords();
    void neverRepeatsAPassword();
};

void TestEngineUrl::understandsWhatIsTyped_data()
{
    QTest::addColumn<QString>("typed");
    QTest::addColumn<QString>("url");
    const auto row = [](const char* what, const QString& typed, const char* url) {
        QTest::newRow(what) << typed << QString::fromLatin1(url);
    };
    const auto ascii = [](const char* text) { return QString::fromLatin1(text); };

    row("this machine", ascii("localhost"), "ws://127.0.0.1:5000/console");
    row("this machine, shouted", ascii("LocalHost"), "ws://127.0.0.1:5000/console");
    row("this machine at a port", ascii("localhost:5001"), "ws://127.0.0.1:5001/console");
    row("a colon without a port", ascii("localhost:"), "ws://127.0.0.1:5000/console");
    row("a loopback address", ascii("127.0.0.1"), "ws://127.0.0.1:5000/console");
    row("another loopback address", ascii("127.8.9.10:80"), "ws://127.8.9.10:80/console");
    row("IPv6 loopback", ascii("[::1]"), "ws://[::1]:5000/console");
    row("IPv6 loopback without brackets", ascii("::1"), "ws://[::1]:5000/console");
    row("IPv6 loopback at a port", ascii("[::1]:7000"), "ws://[::1]:7000/console");
    row("IPv4 in IPv6", ascii("[::ffff:127.0.0.1]:7000"), "ws://[::ffff:127.0.0.1]:7000/console");
    row("http to this machine", ascii("http://localhost:5000"), "ws://127.0.0.1:5000/console");
    row("http at its own port", ascii("http://localhost"), "ws://127.0.0.1/console");
    row("ws to this machine", ascii("ws://127.0.0.1:5000"), "ws://127.0.0.1:5000/console");
    row("wss to this machine keeps the certificate's name", ascii("wss://localhost:5443"),
        "wss://localhost:5443/console");

    row("another machine", ascii("kav.example.com"), "wss://kav.example.com/console");
    row("another machine at a port", ascii("kav.example.com:8443"), "wss://kav.example.com:8443/console");
    row("another machine by its address", ascii("192.0.2.7"), "wss://192.0.2.7/console");
    row("another machine by its IPv6 address", ascii("2001:db8::7"), "wss://[2001:db8::7]/console");
    row("the same at a port", ascii("[2001:db8::7]:8443"), "wss://[2001:db8::7]:8443/console");
    row("https", ascii("https://kav.example.com"), "wss://kav.example.com/console");
    row("wss", ascii("wss://kav.example.com:8443"), "wss://kav.example.com:8443/console");
    row("a shouted scheme", ascii("HTTPS://Kav.Example.COM"), "wss://kav.example.com/console");

    row("a slash", ascii("localhost/"), "ws://127.0.0.1:5000/console");
    row("a prefix", ascii("https://example.com/kav"), "wss://example.com/kav/console");
    row("a prefix with slashes behind it", ascii("https://example.com/kav//"), "wss://example.com/kav/console");
    row("the path itself", ascii("https://example.com/kav/console/"), "wss://example.com/kav/console");
    row("a prefix that only ends alike", ascii("https://example.com/my-console"),
        "wss://example.com/my-console/console");
    row("an escaped prefix", ascii("https://example.com/a%2Fb"), "wss://example.com/a%2Fb/console");
    row("a prefix with dots", ascii("https://example.com/a/../b/./"), "wss://example.com/b/console");

    row("spaces around it", ascii("  localhost\t\n"), "ws://127.0.0.1:5000/console");
    row("direction marks around it", QChar(0x2066) + ascii("localhost") + QChar(0x2069) + QChar(0x200f),
        "ws://127.0.0.1:5000/console");
    row("a Hebrew host", QStringLiteral("קו.example.com"), "wss://xn--9db9a.example.com/console");
    row("a Hebrew host with its scheme", QStringLiteral("https://קו.example.com:8443/kav"),
        "wss://xn--9db9a.example.com:8443/kav/console");
}

void TestEngineUrl::understandsWhatIsTyped()
{
    QFETCH(QString, typed);
    QFETCH(QString, url);
    const Result<QUrl> result = engineUrl(typed);
    QVERIFY2(result, result ? "" : qPrintable(result.error().message));
    QCOMPARE(QString::fromLatin1(result->toEncoded()), url);
}

void TestEngineUrl::leavesItsOwnAddressesAlone()
{
    QFETCH(QString, typed);
    const Result<QUrl> once = engineUrl(typed);
    QVERIFY(once);
    // As settings store it, and as a dialog shows it.
    for (const QString& shown : {QString::fromLatin1(once->toEncoded()), once->toDisplayString()}) {
        const Result<QUrl> twice = engineUrl(shown);
        QVERIFY2(twice, qPrintable(shown));
        QCOMPARE(twice->toEncoded(), once->toEncoded());
    }
}

void TestEngineUrl::refusesWithWords_data()
{
    QTest::addColumn<QString>("typed");
    QTest::addColumn<QString>("word");
    const auto row = [](const char* what, const QString& typed, const char* word) {
        QTest::newRow(what) << typed << QString::fromLatin1(word);
    };
    const auto ascii = [](const char* text) { return QString::fromLatin1(text); };

    row("nothing", QString(), "empty");
    row("only spaces", ascii("  \t"), "empty");
    row("a space within", ascii("kav example.com"), "space");
    row("a line break within", ascii("localhost\nlocalhost"), "space");
    row("a NUL within", ascii("local") + QChar(0) + ascii("host"), "invisible");
    row("a direction mark within", ascii("local") + QChar(0x202e) + ascii("host"), "invisible");
    row("only a scheme", ascii("wss://"), "not an address");
    row("only a port", ascii(":5000"), "not an address");
    row("only a path", ascii("/console"), "not an address");
    row("a port that is a word", ascii("localhost:kav"), "not an address");
    row("a port too high", ascii("localhost:65536"), "not an address");
    row("a negative port", ascii("localhost:-1"), "not an address");
    row("port 0", ascii("localhost:0"), "port 0");
    row("an IPv6 address cut short", ascii("[::1"), "not an address");
    row("a host with a bracket", ascii("exa<mple.com"), "not an address");
    row("a bad escape in the path", ascii("localhost/%zz"), "not an address");
    row("a name", ascii("wss://alice@kav.example.com"), "token");
    row("a name and a password", ascii("wss://alice:pa55word@kav.example.com"), "token");
    row("an empty name", ascii("wss://@kav.example.com"), "token");
    row("a name without a scheme", ascii("alice:pa55word@localhost"), "token");
    row("a query", ascii("wss://kav.example.com/?token=pa55word"), "ends before");
    row("an empty query", ascii("localhost?"), "ends before");
    row("a fragment", ascii("localhost#live"), "ends before");
    row("a file", ascii("file:///etc/passwd"), "not an address");
    row("another scheme", ascii("ftp://kav.example.com"), "\"ftp\"");
    row("plain ws to another machine", ascii("ws://kav.example.com"), "encrypted");
    row("plain http to another machine", ascii("http://192.0.2.7:5000"), "encrypted");
    row("plain ws to every machine", ascii("ws://0.0.0.0:5000"), "encrypted");
    row("plain ws to a name that only begins alike", ascii("ws://localhost.example.com"), "encrypted");
    row("plain ws to a name that only looks like loopback", ascii("ws://127.0.0.1.example.com"), "encrypted");
    row("plain ws to an IPv6 neighbour", ascii("ws://[fe80::1]:5000"), "encrypted");
}

void TestEngineUrl::refusesWithWords()
{
    QFETCH(QString, typed);
    QFETCH(QString, word);
    const Result<QUrl> result = engineUrl(typed);
    QVERIFY2(!result, result ? result->toEncoded().constData() : "");
    QCOMPARE(result.error().code, kav::Error::Code::Invalid);
    QVERIFY2(result.error().message.contains(word), qPrintable(result.error().message));
}

void TestEngineUrl::neverRepeatsAPassword()
{
    for (const char* typed :
        {"wss://alice:pa55word@kav.example.com", "alice:pa55word@localhost", "ftp://alice:pa55word@kav.example.com",
            "wss://kav.example.com/?token=pa55word", "wss://alice:pa55word@kav.example.com:99999"}) {
        const Result<QUrl> result = engineUrl(QString::fromLatin1(typed));
        QVERIFY(!result);
        QVERIFY(!kav::toString(result.error()).contains(QLatin1String("pa55word")));
    }
}

QTEST_GUILESS_MAIN(TestEngineUrl)
#include "tst_engineurl.moc"
