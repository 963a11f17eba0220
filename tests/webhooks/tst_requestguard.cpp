// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/requestguard.h"
#include "tests/support/fakeclock.h"
#include "tests/webhooks/requests.h"

#include <QCryptographicHash>
#include <QLoggingCategory>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;
using namespace std::chrono_literals;

namespace {

constexpr char Secret[] = "kav_test_auth_token_0123456789ab";
constexpr char Base[] = "https://kav.example.com";
constexpr char Path[] = "/webhook/call_status";

QStringList loggedLines;
void collectLine(QtMsgType, const QMessageLogContext&, const QString& text)
{
    loggedLines += text;
}

/// The guard of an engine on the internet, and what it has to say.
struct Door final {
    test::FakeClock clock;
    RequestGuard guard;

    explicit Door(const QString& accountSid = {})
        : guard({Secret, *PublicUrl::parse(QString::fromLatin1(Base)), accountSid}, clock)
    {
    }
    /// As a webhook route asks: the fields of the body, or of a GET's query.
    RequestGuard::Verdict judge(const net::HttpRequest& request)
    {
        const qsizetype query = request.target.indexOf('?');
        const auto form = request.method != "GET" ? telephony::FormBody::parse(request.body)
            : query < 0                           ? telephony::FormBody()
                                                  : telephony::FormBody::parse(request.target.mid(query + 1));
        return guard.checkWebhook(request, form ? &*form : nullptr);
    }
    /// What is logged about it, in one text.
    QString logOf(const net::HttpRequest& request)
    {
        loggedLines.clear();
        QLoggingCategory::setFilterRules(u"kav.webhook.debug=false"_s);
        const auto before = qInstallMessageHandler(collectLine);
        judge(request);
        qInstallMessageHandler(before);
        QLoggingCategory::setFilterRules(u"kav.webhook*=false"_s);
        return loggedLines.join(u'\n');
    }
};

net::HttpRequest get(const QByteArray& target)
{
    net::HttpRequest request = test::twilioPost(target, {});
    request.method = "GET";
    request.headers = {{"host", "kav.example.com"}};
    return request;
}

net::HttpRequest json(const QByteArray& target, const QByteArray& body)
{
    net::HttpRequest request = test::twilioPost(target, {});
    request.headers = {{"host", "kav.example.com"}, {"content-type", "application/json"}};
    request.body = body;
    return request;
}

void signUrl(net::HttpRequest& request, const QByteArray& url)
{
    request.headers.emplaceBack("x-twilio-signature", telephony::computeSignature(Secret, url));
}

QByteArray sha256(const QByteArray& body)
{
    return QCryptographicHash::hash(body, QCryptographicHash::Sha256).toHex();
}

} // namespace

class tst_RequestGuard final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QLoggingCategory::setFilterRules(u"kav.webhook*=false"_s); }
    void aFormIsSignedWithItsFields();
    void aGetIsSignedByItsUrlAlone();
    void aJsonBodyIsSignedByItsHash();
    void aFormMayCarryItsHashToo();
    void aBodyThatIsNeitherIsRefused();
    void refusalsAreCountedByWhatTheyLack();
    void anotherAccountIsFoundInAGetToo();
    void theLogSaysWhichUrlWouldHaveMatched_data();
    void theLogSaysWhichUrlWouldHaveMatched();
    void theLogSaysThatNothingIsNear();
    void theLogHoldsNoNumberTokenOrSignature();
    void theLogIsRateLimited();
};

void tst_RequestGuard::aFormIsSignedWithItsFields()
{
    Door door;
    auto request = test::twilioPost(Path, test::callFields());
    QCOMPARE(door.judge(request).status, 403);
    test::sign(request, Secret, QByteArray(Base) + Path);
    QVERIFY(door.judge(request).admitted());
    request.body += "&Digits=1";
    QCOMPARE(door.judge(request).status, 403);
}

void tst_RequestGuard::aGetIsSignedByItsUrlAlone()
{
    Door door;
    const QByteArray target = QByteArray(Path) + '?' + telephony::FormBody(test::callFields()).encode();
    auto request = get(target);
    QCOMPARE(door.judge(request).status, 403);
    signUrl(request, Base + target);
    QVERIFY(door.judge(request).admitted());
    // What stands in a GET's body is nobody's word, and does not harm.
    request.body = "CallStatus=completed";
    QVERIFY(door.judge(request).admitted());
    // The signature of the URL proves no form that is sent to it.
    request.method = "POST";
    QCOMPARE(door.judge(request).status, 403);
    auto changed = get(target + "&Digits=1");
    signUrl(changed, Base + target);
    QCOMPARE(door.judge(changed).status, 403);
    // Fields that cannot be read are no reason to doubt whose they are.
    auto broken = get(QByteArray(Path) + "?a=%zz");
    signUrl(broken, Base + broken.target);
    QVERIFY(door.judge(broken).admitted());
}

void tst_RequestGuard::aJsonBodyIsSignedByItsHash()
{
    Door door;
    const QByteArray body = R"({"event":"שלום"})";
    const QByteArray target = QByteArray(Path) + "?bodySHA256=" + sha256(body);
    auto request = json(target, body);
    QCOMPARE(door.guard.checkWebhook(request, nullptr).status, 403);
    signUrl(request, Base + target);
    QVERIFY(door.guard.checkWebhook(request, nullptr).admitted());
    request.body += ' ';
    const auto verdict = door.guard.checkWebhook(request, nullptr);
    QCOMPARE(verdict.status, 403);
    QCOMPARE(verdict.reason, u"the URL is signed, but its bodySHA256 is not that of the body that came"_s);
    QCOMPARE(door.guard.refusedWebhooks().wrongBody, quint64(1));
}

void tst_RequestGuard::aFormMayCarryItsHashToo()
{
    Door door;
    auto request = test::twilioPost(Path, test::callFields());
    request.target += "?bodySHA256=" + sha256(request.body);
    signUrl(request, Base + request.target);
    QVERIFY(door.judge(request).admitted());
    request.body += "&Digits=1";
    QCOMPARE(door.judge(request).status, 403);
}

void tst_RequestGuard::aBodyThatIsNeitherIsRefused()
{
    Door door;
    auto request = json(Path, "{}");
    signUrl(request, QByteArray(Base) + Path);
    const auto verdict = door.guard.checkWebhook(request, nullptr);
    QCOMPARE(verdict.status, 403);
    QVERIFY2(verdict.reason.contains(u"no bodySHA256"_s), qPrintable(verdict.reason));
    QCOMPARE(door.guard.refusedWebhooks().unreadable, quint64(1));
}

void tst_RequestGuard::refusalsAreCountedByWhatTheyLack()
{
    Door door;
    auto request = test::twilioPost(Path, test::callFields());
    door.judge(request);
    door.judge(request);
    test::sign(request, "another token", QByteArray(Base) + Path);
    door.judge(request);
    door.guard.checkUpgrade(test::upgradeRequest("/media/T"));
    QCOMPARE(door.guard.refusedWebhooks().noSignature, quint64(2));
    QCOMPARE(door.guard.refusedWebhooks().wrongSignature, quint64(1));
    QCOMPARE(door.guard.refusedUpgrades().noSignature, quint64(1));
    QCOMPARE(door.guard.refusedUpgrades().wrongSignature, quint64(0));

    test::FakeClock clock;
    RequestGuard open({{}, std::nullopt}, clock);
    request.peer = QHostAddress(u"203.0.113.9"_s);
    QCOMPARE(open.checkWebhook(request, nullptr).status, 403);
    auto lost = test::upgradeRequest("/media/T");
    lost.headers.front().second = "kav.example.com";
    QCOMPARE(open.checkUpgrade(lost).status, 503);
    QCOMPARE(open.refusedWebhooks().stranger, quint64(1));
    QCOMPARE(open.refusedUpgrades().noAddress, quint64(1));
}

void tst_RequestGuard::anotherAccountIsFoundInAGetToo()
{
    Door door(u"AC00000000000000000000000000000000"_s);
    const QByteArray target = QByteArray(Path) + '?' + telephony::FormBody(test::callFields()).encode();
    auto request = get(target);
    signUrl(request, Base + target);
    QCOMPARE(door.judge(request).status, 403);
    QCOMPARE(door.guard.refusedWebhooks().otherAccount, quint64(1));
}

void tst_RequestGuard::theLogSaysWhichUrlWouldHaveMatched_data()
{
    QTest::addColumn<QByteArray>("signedBase");
    QTest::addColumn<QByteArray>("path");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* name, const char* base, const char* path, const char* expected) {
        QTest::newRow(name) << QByteArray(base) << QByteArray(path) << QString::fromLatin1(expected);
    };
    row("another scheme", "http://kav.example.com", Path,
        "http://kav.example.com/webhook/call_status (differs in: scheme)");
    row("a slash more", Base, "/webhook/call_status/",
        "https://kav.example.com/webhook/call_status/ (differs in: trailing slash)");
    row("the host of the Host line, with its port", "https://other.example:8443", Path,
        "https://other.example:8443/webhook/call_status (differs in: host and port)");
    row("the host that the proxy names", "https://proxy.example", Path,
        "https://proxy.example/webhook/call_status (differs in: host)");
    row("as an upgrade is signed", "wss://kav.example.com", Path,
        "wss://kav.example.com/webhook/call_status (differs in: scheme)");
}

void tst_RequestGuard::theLogSaysWhichUrlWouldHaveMatched()
{
    QFETCH(QByteArray, signedBase);
    QFETCH(QByteArray, path);
    QFETCH(QString, expected);
    Door door;
    auto request = test::twilioPost(Path, test::callFields());
    request.headers.front().second = "other.example:8443";
    request.headers.emplaceBack("x-forwarded-host", "proxy.example, inner.example");
    test::sign(request, Secret, signedBase + path);
    const QString line = door.logOf(request);
    QVERIFY2(line.contains(u"it matches "_s + expected), qPrintable(line));
}

void tst_RequestGuard::theLogSaysThatNothingIsNear()
{
    Door door;
    auto request = test::twilioPost(Path, test::callFields());
    test::sign(request, "another token", QByteArray(Base) + Path);
    const QString line = door.logOf(request);
    QVERIFY2(line.contains(u"another auth token, or not Twilio"_s), qPrintable(line));
}

void tst_RequestGuard::theLogHoldsNoNumberTokenOrSignature()
{
    Door door;
    const QByteArray target = QByteArray(Path) + '?' + telephony::FormBody(test::callFields()).encode();
    auto request = get(target);
    signUrl(request, "http://kav.example.com" + target);
    const QString line = door.logOf(request);
    QVERIFY2(line.contains(u"it matches http://kav.example.com/webhook/call_status?(query) (differs in: scheme)"_s),
        qPrintable(line));
    QVERIFY(!line.contains(u"972501234567"_s));
    QVERIFY(!line.contains(QString::fromLatin1(Secret)));
    QVERIFY(!line.contains(QString::fromLatin1(telephony::computeSignature(Secret, QByteArray(Base + target)))));
    QVERIFY(!line.contains(QString::fromLatin1(request.header("x-twilio-signature"))));
}

void tst_RequestGuard::theLogIsRateLimited()
{
    Door door;
    auto request = test::twilioPost(Path, test::callFields());
    test::sign(request, "another token", QByteArray(Base) + Path);
    int lines = 0;
    for (int i = 0; i < 1000; ++i)
        lines += door.logOf(request).isEmpty() ? 0 : 1;
    QCOMPARE(lines, 10);
    door.clock.advance(1s);
    const QString next = door.logOf(request);
    QVERIFY2(next.contains(u"(990 more refusals not logged)"_s), qPrintable(next));
    QCOMPARE(door.guard.refusedWebhooks().wrongSignature, quint64(1001));
}

QTEST_GUILESS_MAIN(tst_RequestGuard)
#include "tst_requestguard.moc"
