// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twiliosignature.h"

#include <QCryptographicHash>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::telephony;

class tst_TwilioSignature final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void equalsTheReference_data();
    void equalsTheReference();
    void theBodyAsSentEqualsTheReference_data();
    void theBodyAsSentEqualsTheReference();
    void acceptsWhatTheReferenceAccepts_data();
    void acceptsWhatTheReferenceAccepts();
    void acceptsOnlySpellingsOfTheSameUrl_data();
    void acceptsOnlySpellingsOfTheSameUrl();
    void upgrade_data();
    void upgrade();
    void aRepeatedNameCountsOncePerValue();
    void orderOfFieldsDoesNotMatter();
    void everyChangeOfAFieldBreaksIt();
    void jsonBodiesAreCoveredByTheirHash();
    void refusesWithoutTokenOrSignature();
    void comparesWholeSignatures();
    void saysWhichUrlWouldHaveMatched_data();
    void saysWhichUrlWouldHaveMatched();
    void saysNothingWhenNothingIsNear();

private:
    QJsonObject m_reference;
};

namespace {

constexpr char Token[] = "kav_test_auth_token_0123456789ab";

QList<FormField> fieldsOf(const QJsonObject& params)
{
    QList<FormField> fields;
    for (auto it = params.begin(); it != params.end(); ++it) {
        if (it->isArray()) {
            const QJsonArray values = it->toArray();
            for (const auto& value : values)
                fields.append({it.key(), value.toString()});
        } else {
            fields.append({it.key(), it->toString()});
        }
    }
    return fields;
}

QByteArray bytes(const QJsonValue& value)
{
    return value.toString().toUtf8();
}

} // namespace

void tst_TwilioSignature::initTestCase()
{
    QFile file(QStringLiteral(KAV_SOURCE_DIR "/tests/data/reference/twilio_signature_vectors.json"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    m_reference = QJsonDocument::fromJson(file.readAll()).object();
    QVERIFY(m_reference.value(u"vectors").toArray().size() >= 14);
    QVERIFY(m_reference.value(u"validationMatrix").toArray().size() >= 7);
}

void tst_TwilioSignature::equalsTheReference_data()
{
    QTest::addColumn<QJsonObject>("vector");
    const QJsonArray vectors = m_reference.value(u"vectors").toArray();
    for (const auto& vector : vectors)
        QTest::newRow(bytes(vector.toObject().value(u"id")).constData()) << vector.toObject();
}

void tst_TwilioSignature::equalsTheReference()
{
    QFETCH(QJsonObject, vector);
    const QByteArray token = bytes(vector.value(u"authToken"));
    const QByteArray url = bytes(vector.value(u"url"));
    const QList<FormField> fields = fieldsOf(vector.value(u"params").toObject());
    const QByteArray expected = bytes(vector.value(u"expectedSignature"));
    QCOMPARE(computeSignature(token, url, fields), expected);
    const SignatureVerdict verdict = verifySignature(token, url, fields, expected);
    QCOMPARE(verdict.accepted, vector.value(u"sdkAccepts").toBool());
    QCOMPARE(verdict.variant, QStringLiteral("as requested"));
    QCOMPARE(verdict.url, url);
    QVERIFY(!verifySignature("another token", url, fields, expected).accepted);
}

void tst_TwilioSignature::theBodyAsSentEqualsTheReference_data()
{
    QTest::addColumn<QJsonObject>("vector");
    const QJsonArray vectors = m_reference.value(u"vectors").toArray();
    for (const auto& vector : vectors) {
        if (vector.toObject().contains(u"formBody"))
            QTest::newRow(bytes(vector.toObject().value(u"id")).constData()) << vector.toObject();
    }
}

void tst_TwilioSignature::theBodyAsSentEqualsTheReference()
{
    QFETCH(QJsonObject, vector);
    const auto form = FormBody::parse(bytes(vector.value(u"formBody")));
    QVERIFY(form);
    QCOMPARE(computeSignature(bytes(vector.value(u"authToken")), bytes(vector.value(u"url")), form->fields()),
        bytes(vector.value(u"expectedSignature")));
}

void tst_TwilioSignature::acceptsWhatTheReferenceAccepts_data()
{
    QTest::addColumn<QJsonObject>("row");
    const QJsonArray rows = m_reference.value(u"validationMatrix").toArray();
    for (const auto& row : rows)
        QTest::newRow(bytes(row.toObject().value(u"note")).constData()) << row.toObject();
}

void tst_TwilioSignature::acceptsWhatTheReferenceAccepts()
{
    QFETCH(QJsonObject, row);
    const QByteArray given = bytes(row.value(u"givenUrl"));
    const QByteArray signature = bytes(row.value(u"signature"));
    const QList<FormField> fields = fieldsOf(row.value(u"params").toObject());
    QCOMPARE(computeSignature(Token, bytes(row.value(u"signedUrl")), fields), signature);
    QCOMPARE(verifySignature(Token, given, fields, signature).accepted, row.value(u"sdkAccepts").toBool());
}

void tst_TwilioSignature::acceptsOnlySpellingsOfTheSameUrl_data()
{
    QTest::addColumn<QByteArray>("signedUrl");
    QTest::addColumn<QByteArray>("given");
    QTest::addColumn<QString>("variant"); // empty: refused
    const auto row = [](const char* name, const char* signedUrl, const char* given, const char* variant) {
        QTest::newRow(name) << QByteArray(signedUrl) << QByteArray(given) << QString::fromLatin1(variant);
    };
    row("signed :443, given none", "https://k.example/v", "https://k.example/v", "as requested");
    row("signed with :443, given none", "https://k.example:443/v", "https://k.example/v", "with the default port");
    row("signed without, given :443", "https://k.example/v", "https://k.example:443/v", "without port");
    row("signed without, given :8443", "https://k.example/v", "https://k.example:8443/v", "without port");
    row("signed :8443, given none", "https://k.example:8443/v", "https://k.example/v", "");
    row("http with :80", "http://k.example:80/v", "http://k.example/v", "with the default port");
    row("http keeps its port", "http://k.example:5000/v", "http://k.example:5000/v", "as requested");
    row("http for https", "http://k.example/v", "https://k.example/v", "");
    row("https for http", "https://k.example/v", "http://k.example/v", "");
    row("wss for https", "wss://k.example/v", "https://k.example/v", "");
    row("a trailing slash more", "https://k.example/v/", "https://k.example/v", "");
    row("a trailing slash less", "https://k.example/v", "https://k.example/v/", "");
    row("host in another case", "https://k.example/v", "https://K.Example/v", "host in lower case");
    row("path in another case", "https://k.example/V", "https://k.example/v", "");
    row("user information is never signed", "https://k.example/v", "https://user:word@k.example/v", "as requested");
    row("a fragment is never signed", "https://k.example/v", "https://k.example/v#rc=2", "as requested");
    row("another query order", "https://k.example/v?a=1&b=2", "https://k.example/v?b=2&a=1", "");
    row("an apostrophe escaped", "https://k.example/v?q=%27x%27", "https://k.example/v?q='x'", "escaped");
    row("an apostrophe unescaped", "https://k.example/v?q='x'", "https://k.example/v?q=%27x%27",
        "query escaped the old way");
    row("a plus as %20", "https://k.example/v?q=a%20b", "https://k.example/v?q=a+b", "query escaped the old way");
    row("an IPv6 host with a port", "http://[::1]/v", "http://[::1]:5000/v", "without port");
}

void tst_TwilioSignature::acceptsOnlySpellingsOfTheSameUrl()
{
    QFETCH(QByteArray, signedUrl);
    QFETCH(QByteArray, given);
    QFETCH(QString, variant);
    const QList<FormField> fields{{u"CallSid"_s, u"CA1"_s}, {u"From"_s, u"+1"_s}};
    const QByteArray signature = computeSignature(Token, signedUrl, fields);
    const SignatureVerdict verdict = verifySignature(Token, given, fields, signature);
    QCOMPARE(verdict.variant, variant);
    QCOMPARE(verdict.accepted, !variant.isEmpty());
    QCOMPARE(verdict.url, verdict.accepted ? signedUrl : QByteArray());
}

void tst_TwilioSignature::upgrade_data()
{
    QTest::addColumn<QByteArray>("signedUrl");
    QTest::addColumn<QString>("variant");
    const auto row = [](const char* name, const char* url, const char* variant) {
        QTest::newRow(name) << QByteArray(url) << QString::fromLatin1(variant);
    };
    row("as written", "wss://k.example/media/T", "as requested");
    row("with a trailing slash", "wss://k.example/media/T/", "other trailing slash");
    row("with :443", "wss://k.example:443/media/T", "with the default port");
    row("with both", "wss://k.example:443/media/T/", "other trailing slash, with the default port");
    row("https is refused", "https://k.example/media/T", "");
    row("ws is refused", "ws://k.example/media/T", "");
    row("another path is refused", "wss://k.example/media/U", "");
    row("another host is refused", "wss://l.example/media/T", "");
    row(":80 is refused", "wss://k.example:80/media/T", "");
}

void tst_TwilioSignature::upgrade()
{
    QFETCH(QByteArray, signedUrl);
    QFETCH(QString, variant);
    const QByteArray signature = computeSignature(Token, signedUrl);
    const SignatureVerdict verdict = verifyUpgradeSignature(Token, "wss://k.example/media/T", signature);
    QCOMPARE(verdict.variant, variant);
    QCOMPARE(verdict.accepted, !variant.isEmpty());
    // Only wss URLs are upgrades.
    QVERIFY(!verifyUpgradeSignature(
        Token, "https://k.example/media/T", computeSignature(Token, "https://k.example/media/T"))
                 .accepted);
}

void tst_TwilioSignature::aRepeatedNameCountsOncePerValue()
{
    const QByteArray url = "https://k.example/v";
    const QByteArray once = computeSignature(Token, url, {{u"a"_s, u"1"_s}, {u"a"_s, u"2"_s}});
    QCOMPARE(
        computeSignature(Token, url, {{u"a"_s, u"2"_s}, {u"a"_s, u"1"_s}, {u"a"_s, u"2"_s}, {u"a"_s, u"1"_s}}), once);
    QVERIFY(computeSignature(Token, url, {{u"a"_s, u"1"_s}}) != once);
    // ... and is the MAC of URL + a1a2, name before each value.
    QCOMPARE(computeSignature(Token, QByteArray(url + "a1a2")), once);
}

void tst_TwilioSignature::orderOfFieldsDoesNotMatter()
{
    const QByteArray url = "https://k.example/v";
    QCOMPARE(computeSignature(Token, url, {{u"b"_s, u"1"_s}, {u"A"_s, u"2"_s}, {u"a"_s, u"3"_s}, {u"_"_s, u"4"_s}}),
        computeSignature(Token, QByteArray(url + "A2_4a3b1"))); // upper case before '_' before lower case
}

void tst_TwilioSignature::everyChangeOfAFieldBreaksIt()
{
    const QByteArray url = "https://k.example/v";
    const QList<FormField> fields{{u"CallSid"_s, u"CA1"_s}, {u"From"_s, u"+1"_s}, {u"Name"_s, u"שם "_s}};
    const QByteArray signature = computeSignature(Token, url, fields);
    QVERIFY(verifySignature(Token, url, fields, signature).accepted);
    for (int i = 0; i < fields.size(); ++i) {
        QList<FormField> changed = fields;
        changed.removeAt(i);
        QVERIFY(!verifySignature(Token, url, changed, signature).accepted);
        changed = fields;
        changed[i].value = changed[i].value + QLatin1Char('x');
        QVERIFY(!verifySignature(Token, url, changed, signature).accepted);
        changed = fields;
        changed[i].value = changed[i].value.trimmed();
        QCOMPARE(verifySignature(Token, url, changed, signature).accepted, i != 2);
    }
}

void tst_TwilioSignature::jsonBodiesAreCoveredByTheirHash()
{
    const QByteArray body = R"({"event":"x"})";
    const QByteArray hash = QCryptographicHash::hash(body, QCryptographicHash::Sha256).toHex();
    const QByteArray url = "https://k.example/v?x=1&bodySHA256=" + hash;
    const QByteArray signature = computeSignature(Token, url);
    QVERIFY(verifyJsonSignature(Token, url, body, signature).accepted);
    QVERIFY(!verifyJsonSignature(Token, url, QByteArray(body + ' '), signature).accepted);
    QVERIFY(!verifyJsonSignature("other", url, body, signature).accepted);
    const QByteArray bare = "https://k.example/v?x=1";
    QVERIFY(!verifyJsonSignature(Token, bare, body, computeSignature(Token, bare)).accepted);
}

void tst_TwilioSignature::refusesWithoutTokenOrSignature()
{
    const QByteArray url = "https://k.example/v";
    QVERIFY(!verifySignature({}, url, {}, computeSignature({}, url)).accepted);
    QVERIFY(!verifySignature(Token, url, {}, {}).accepted);
    QVERIFY(!verifySignature(Token, url, {}, computeSignature(Token, url).chopped(1)).accepted);
    QVERIFY(!verifySignature(Token, url, {}, QByteArray(computeSignature(Token, url) + "=")).accepted);
    QVERIFY(!verifySignature(Token, {}, {}, computeSignature(Token, url)).accepted);
}

void tst_TwilioSignature::comparesWholeSignatures()
{
    const QByteArray signature = computeSignature(Token, "https://k.example/v");
    QVERIFY(equalInConstantTime(signature, signature));
    for (qsizetype i = 0; i < signature.size(); ++i) {
        QByteArray other = signature;
        other[i] = other[i] == 'A' ? 'B' : 'A';
        QVERIFY(!equalInConstantTime(signature, other));
        QVERIFY(!verifySignature(Token, "https://k.example/v", {}, other).accepted);
    }
    QVERIFY(!equalInConstantTime("a", "ab"));
    QVERIFY(equalInConstantTime({}, {}));
}

void tst_TwilioSignature::saysWhichUrlWouldHaveMatched_data()
{
    QTest::addColumn<QByteArray>("signedUrl");
    QTest::addColumn<bool>("fieldsSigned");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* name, const char* url, bool fieldsSigned, const char* expected) {
        QTest::newRow(name) << QByteArray(url) << fieldsSigned << QString::fromLatin1(expected);
    };
    row("http behind a TLS proxy", "http://k.example/v", true, "it matches http://k.example/v (differs in: scheme)");
    row("trailing slash", "https://k.example/v/", true, "it matches https://k.example/v/ (differs in: trailing slash)");
    row("host of the Host line", "https://abc.ngrok.app/v", true,
        "it matches https://abc.ngrok.app/v (differs in: host)");
    row("the local address", "http://127.0.0.1:5000/v", true,
        "it matches http://127.0.0.1:5000/v (differs in: scheme and host and port)");
    row("scheme and slash", "wss://k.example/v/", true,
        "it matches wss://k.example/v/ (differs in: scheme and trailing slash)");
    row("fields not signed", "https://k.example/v", false,
        "it matches https://k.example/v (differs in: as requested, form fields not signed)");
}

void tst_TwilioSignature::saysWhichUrlWouldHaveMatched()
{
    QFETCH(QByteArray, signedUrl);
    QFETCH(bool, fieldsSigned);
    QFETCH(QString, expected);
    const QList<FormField> fields{{u"CallSid"_s, u"CA1"_s}};
    const QByteArray signature = computeSignature(Token, signedUrl, fieldsSigned ? fields : QList<FormField>());
    QVERIFY(!verifySignature(Token, "https://k.example/v", fields, signature).accepted);
    QCOMPARE(explainMismatch(Token, "https://k.example/v", fields, signature, {"abc.ngrok.app", "127.0.0.1:5000"}),
        expected);
}

void tst_TwilioSignature::saysNothingWhenNothingIsNear()
{
    const QByteArray signature = computeSignature("another account's token", "https://k.example/v");
    QCOMPARE(explainMismatch(Token, "https://k.example/v", {}, signature), QString());
    QCOMPARE(explainMismatch(Token, "https://k.example/v", {}, "rubbish"), QString());
    QCOMPARE(explainMismatch(Token, "rubbish", {}, signature, {"", "\n", "@:"}), QString());
}

QTEST_GUILESS_MAIN(tst_TwilioSignature)
#include "tst_twiliosignature.moc"
