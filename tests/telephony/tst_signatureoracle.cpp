// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/twiliosignature.h"
#include "tests/support/twiliooracle.h"

#include <QCryptographicHash>
#include <QJsonArray>
#include <QRandomGenerator>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::telephony;

// Twilio's own library signs, we accept; we sign, it accepts; and what one of the two refuses, so does the other.
class tst_SignatureOracle final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void formsAreSignedAlike();
    void otherSpellingsOfTheUrlAreJudgedAlike();
    void oneChangedByteIsRefusedByBoth_data();
    void oneChangedByteIsRefusedByBoth();
    void getRequestsAreSignedByTheirUrlAlone();
    void jsonBodiesAreCoveredByTheirHash();
    void upgradesAreSignedAsWss();
    void differsOnPurpose_data();
    void differsOnPurpose();

private:
    QByteArray signedByOracle(const QByteArray& url, const QList<FormField>& fields = {});
    bool oracleAccepts(const QByteArray& token, const QByteArray& signature, const QByteArray& url,
        const QList<FormField>& fields = {});
    bool oracleAcceptsBody(const QByteArray& signature, const QByteArray& url, const QByteArray& body);

    test::TwilioOracle m_oracle;
    QRandomGenerator m_random;
};

namespace {

constexpr char Token[] = "kav_test_auth_token_0123456789ab";
constexpr int Cases = 500;

QJsonObject paramsOf(const QList<FormField>& fields)
{
    QJsonObject params;
    for (const FormField& field : fields) {
        const QJsonValue known = params.value(field.name);
        QJsonArray values = known.isArray() ? known.toArray() : QJsonArray();
        if (known.isString())
            values.append(known);
        values.append(field.value);
        params.insert(field.name, values.size() == 1 ? values.first() : QJsonValue(values));
    }
    return params;
}

template <typename List> auto any(QRandomGenerator& random, const List& list)
{
    return list.at(random.bounded(int(list.size())));
}

QString anyValue(QRandomGenerator& random)
{
    static const QStringList values{{}, u"+972501234567"_s, u"ringing"_s, u"שלום, מה שלומך?"_s, u"50% + 1 = 51%"_s,
        u" spaces at both ends "_s, u"a&b=c?d#e;f/g\\h"_s, u"%D7%A9%20+"_s, u"😀 it's \"quoted\""_s, u"\u200fא\u200eb"_s,
        u"\u0001\t\r\n\u001f\u007f\u0085"_s, u"ÿĀ"_s, u"0"_s};
    if (random.bounded(20) == 0)
        return QString(1 + random.bounded(20'000), QChar(char16_t(0x5d0 + random.bounded(27))));
    return any(random, values) + (random.bounded(4) == 0 ? any(random, values) : QString());
}

QList<FormField> anyFields(QRandomGenerator& random)
{
    static const QStringList names{u"CallSid"_s, u"callsid"_s, u"CALLSID"_s, u"CallSid2"_s, u"From"_s, u"To"_s, u"to"_s,
        u"_"_s, u"a b"_s, u"a+b"_s, u"x%20y"_s, u"שם"_s, u"é"_s, u"10"_s, u"9"_s, u"&="_s, u""_s, u"😀"_s,
        u"__proto__"_s, u"\t"_s};
    QList<FormField> fields;
    for (int count = random.bounded(12); count > 0; --count)
        fields.append({any(random, names), anyValue(random)});
    while (!fields.isEmpty() && random.bounded(3) == 0) // a name again, with its value or another
        fields.append({any(random, fields).name, random.bounded(2) ? any(random, fields).value : anyValue(random)});
    return fields;
}

using Query = QList<std::pair<QByteArray, QByteArray>>;

Query anyQuery(QRandomGenerator& random)
{
    static const QList<QByteArray> texts{"a", "b", "call", "it's", "x y", "50%", "~*!()", "\xd7\xa9", "a+b", "c/d:e@f",
        "", "\"q\"", "{1}", "A", "[]", "-_."};
    Query query;
    for (int count = random.bounded(4); count > 0; --count)
        query.append({any(random, texts) + "n", any(random, texts)});
    if (!query.isEmpty() && random.bounded(4) == 0)
        query.append({query.first().first, any(random, texts)});
    return query;
}

/// The ways in which programs write one and the same text into a query.
QByteArray spelled(const QByteArray& text, int style)
{
    switch (style) {
    case 0: // as little as HTTP allows
        return text.toPercentEncoding("'\"!*()~/:@+,{}[]<>|^`");
    case 1:
        return text.toPercentEncoding("!*'()~");
    case 2:
        return text.toPercentEncoding().replace("%20", "+");
    case 3:
        return text.toPercentEncoding({}, "'!*()~").toLower();
    default:
        return text.toPercentEncoding({}, "'!*()~-_.");
    }
}

QByteArray spelled(const Query& query, int style)
{
    QByteArray text;
    for (const auto& [name, value] : query) {
        text += (text.isEmpty() ? '?' : '&') + spelled(name, style);
        if (!value.isEmpty() || style != 0)
            text += '=' + spelled(value, style);
    }
    return text;
}

struct Address final {
    QByteArray scheme = "https";
    QByteArray host = "kav.example.com";
    QByteArray port;
    QByteArray path = "/webhook/incoming_call";
    Query query;
    int style = 0;

    QByteArray url() const { return scheme + "://" + host + port + path + spelled(query, style); }
};

Address anyAddress(QRandomGenerator& random)
{
    static const QList<QByteArray> schemes{"https", "https", "http"};
    static const QList<QByteArray> hosts{
        "kav.example.com", "Kav.Example.COM", "127.0.0.1", "[::1]", "xn--4dbcagdahymbxekheh6e0a7fei0b.example", "h"};
    static const QList<QByteArray> ports{"", "", "", ":443", ":80", ":8443", ":5000"};
    static const QList<QByteArray> paths{"/", "/v", "/v/", "/webhook/incoming_call", "/a/b.php", "/it's",
        "/%D7%A7%D7%95", "/a%20b", "/a{b}|c", "//v", "/v;x=1,2", "/%7e~"};
    return {any(random, schemes), any(random, hosts), any(random, ports), any(random, paths), anyQuery(random),
        random.bounded(5)};
}

/// The same address as somebody else may have written it, or one that is not the same at all.
Address otherSpelling(QRandomGenerator& random, Address address)
{
    for (int changes = 1 + random.bounded(2); changes > 0; --changes) {
        switch (random.bounded(9)) {
        case 0:
            address.port.clear();
            break;
        case 1:
            address.port = address.scheme == "https" ? ":443" : ":80";
            break;
        case 2:
            address.port = any(random, QList<QByteArray>{":8443", ":443", ":80"});
            break;
        case 3:
            address.scheme = address.scheme == "https" ? "http" : "https";
            break;
        case 4:
            address.host = random.bounded(2) ? address.host.toLower() : address.host.toUpper();
            break;
        case 5:
            address.path = address.path.endsWith('/') && address.path.size() > 1 ? address.path.chopped(1)
                                                                                 : QByteArray(address.path + '/');
            break;
        case 6:
        case 7:
            address.style = random.bounded(5);
            break;
        default:
            if (address.query.size() > 1)
                address.query.move(0, address.query.size() - 1);
        }
    }
    return address;
}

QByteArray describe(const QByteArray& given, const QByteArray& signedUrl, const QList<FormField>& fields)
{
    return "given " + given + " signed " + signedUrl + " with " + FormBody(fields).encode().left(2000);
}

QByteArray hashOf(const QByteArray& body)
{
    return QCryptographicHash::hash(body, QCryptographicHash::Sha256).toHex();
}

void changeOneByte(QRandomGenerator& random, QByteArray& bytes)
{
    char& byte = bytes[random.bounded(int(bytes.size()))];
    byte = byte == 'q' ? 'z' : 'q';
}

} // namespace

void tst_SignatureOracle::initTestCase()
{
    const QString why = m_oracle.start(QStringLiteral(KAV_SOURCE_DIR), QStringLiteral(KAV_BINARY_DIR));
    if (!why.isEmpty()) {
        if (qEnvironmentVariable("CI") == QLatin1String("true"))
            QFAIL(qPrintable(why));
        QSKIP(qPrintable(why));
    }
    const quint32 seed = qEnvironmentVariable("KAV_SEED", u"1"_s).toUInt();
    qInfo("KAV_SEED=%u, twilio %s", seed, qPrintable(m_oracle.ask(u"version"_s, {}).toString()));
    m_random.seed(seed);
}

QByteArray tst_SignatureOracle::signedByOracle(const QByteArray& url, const QList<FormField>& fields)
{
    return m_oracle
        .ask(u"sign"_s,
            {{u"token"_s, QString::fromLatin1(Token)}, {u"url"_s, QString::fromUtf8(url)},
                {u"params"_s, paramsOf(fields)}})
        .toString()
        .toLatin1();
}

bool tst_SignatureOracle::oracleAccepts(
    const QByteArray& token, const QByteArray& signature, const QByteArray& url, const QList<FormField>& fields)
{
    // A URL that it cannot read makes it throw: refused as well.
    return m_oracle
        .ask(u"validate"_s,
            {{u"token"_s, QString::fromUtf8(token)}, {u"signature"_s, QString::fromUtf8(signature)},
                {u"url"_s, QString::fromUtf8(url)}, {u"params"_s, paramsOf(fields)}})
        .toBool();
}

bool tst_SignatureOracle::oracleAcceptsBody(const QByteArray& signature, const QByteArray& url, const QByteArray& body)
{
    return m_oracle
        .ask(u"validateWithBody"_s,
            {{u"token"_s, QString::fromLatin1(Token)}, {u"signature"_s, QString::fromUtf8(signature)},
                {u"url"_s, QString::fromUtf8(url)}, {u"body"_s, QString::fromUtf8(body)}})
        .toBool();
}

void tst_SignatureOracle::formsAreSignedAlike()
{
    for (int i = 0; i < Cases; ++i) {
        const QByteArray url = anyAddress(m_random).url();
        // What a webhook sees is what the body says, whatever bytes were in it.
        const auto form = FormBody::parse(FormBody(anyFields(m_random)).encode(), {1'000'000, 256});
        QVERIFY(form);
        const QByteArray what = describe(url, url, form->fields());
        const QByteArray signature = signedByOracle(url, form->fields());
        QVERIFY2(verifySignature(Token, url, form->fields(), signature).accepted, what.constData());
        const QByteArray ours = computeSignature(Token, url, form->fields());
        QVERIFY2(ours == signature, what.constData());
        QVERIFY2(oracleAccepts(Token, ours, url, form->fields()), what.constData());
    }
}

void tst_SignatureOracle::otherSpellingsOfTheUrlAreJudgedAlike()
{
    int accepted = 0, refused = 0;
    for (int i = 0; i < 2 * Cases; ++i) {
        const Address address = anyAddress(m_random);
        const QByteArray signedUrl = address.url();
        const QByteArray given = otherSpelling(m_random, address).url();
        const QList<FormField> fields = anyFields(m_random);
        const QByteArray signature = signedByOracle(signedUrl, fields);
        const bool theirs = oracleAccepts(Token, signature, given, fields);
        const bool ours = verifySignature(Token, given, fields, signature).accepted;
        const QByteArray what = (ours ? "only we accept: " : "only we refuse: ") + describe(given, signedUrl, fields);
        QVERIFY2(ours == theirs, what.constData());
        ++(ours ? accepted : refused);
    }
    QVERIFY2(accepted > Cases / 4 && refused > Cases / 4, "the cases are too much alike");
}

void tst_SignatureOracle::oneChangedByteIsRefusedByBoth_data()
{
    QTest::addColumn<QString>("what");
    for (const QString& what : {u"token"_s, u"url"_s, u"value"_s, u"name"_s, u"signature"_s, u"one field less"_s})
        QTest::newRow(qPrintable(what)) << what;
}

void tst_SignatureOracle::oneChangedByteIsRefusedByBoth()
{
    QFETCH(QString, what);
    for (int i = 0; i < Cases / 5; ++i) {
        QByteArray token = Token;
        QByteArray url = anyAddress(m_random).url();
        QList<FormField> fields = anyFields(m_random);
        fields.append({u"Unique"_s, u"value "_s});
        QByteArray signature = computeSignature(token, url, fields);
        QVERIFY(verifySignature(token, url, fields, signature).accepted);
        QVERIFY(oracleAccepts(token, signature, url, fields));
        if (what == u"token"_s)
            changeOneByte(m_random, token);
        else if (what == u"url"_s)
            changeOneByte(m_random, url);
        else if (what == u"signature"_s)
            changeOneByte(m_random, signature);
        else if (what == u"value"_s)
            fields.last().value[m_random.bounded(int(fields.last().value.size()))] = u'q';
        else if (what == u"name"_s)
            fields.last().name[m_random.bounded(int(fields.last().name.size()))] = u'\u05ea';
        else
            fields.removeLast();
        QVERIFY2(!verifySignature(token, url, fields, signature).accepted, describe(url, {}, fields).constData());
        QVERIFY2(!oracleAccepts(token, signature, url, fields), describe(url, {}, fields).constData());
    }
}

void tst_SignatureOracle::getRequestsAreSignedByTheirUrlAlone()
{
    for (int i = 0; i < Cases / 2; ++i) {
        const QList<FormField> fields = anyFields(m_random);
        const QByteArray bare = "https://kav.example.com/webhook/call_status";
        const QByteArray url = bare + '?' + FormBody(fields).encode();
        const QByteArray signature = signedByOracle(url);
        QVERIFY2(verifySignature(Token, url, {}, signature).accepted, url.constData());
        QVERIFY2(oracleAccepts(Token, computeSignature(Token, url), url), url.constData());
        // A form that says the same is another request.
        if (!fields.isEmpty()) {
            QVERIFY2(!verifySignature(Token, bare, fields, signature).accepted, url.constData());
            QVERIFY2(!oracleAccepts(Token, signature, bare, fields), url.constData());
        }
    }
}

void tst_SignatureOracle::jsonBodiesAreCoveredByTheirHash()
{
    for (int i = 0; i < Cases / 2; ++i) {
        QByteArray body = "{\"event\":\"" + anyValue(m_random).toUtf8() + "\"}";
        Address address = anyAddress(m_random);
        address.style = 0;
        address.query.prepend({"bodySHA256", hashOf(body)});
        QByteArray url = address.url();
        QByteArray signature = signedByOracle(url);
        QVERIFY(m_oracle
                    .ask(u"validateBody"_s,
                        {{u"body"_s, QString::fromUtf8(body)}, {u"hash"_s, QString::fromLatin1(hashOf(body))}})
                    .toBool());
        QVERIFY2(verifyJsonSignature(Token, url, body, signature).accepted, url.constData());
        QVERIFY2(oracleAcceptsBody(computeSignature(Token, url), url, body), url.constData());
        switch (i % 4) {
        case 0:
            changeOneByte(m_random, body);
            break;
        case 1:
            changeOneByte(m_random, signature);
            break;
        case 2: // the hash of what was put in its place, under the old signature
            body += ' ';
            address.query.first().second = hashOf(body);
            url = address.url();
            break;
        default: // a second hash
            body += ' ';
            url += "&bodySHA256=" + hashOf(body);
            signature = signedByOracle(url);
        }
        QVERIFY2(!verifyJsonSignature(Token, url, body, signature).accepted, url.constData());
        QVERIFY2(!oracleAcceptsBody(signature, url, body), url.constData());
    }
}

void tst_SignatureOracle::upgradesAreSignedAsWss()
{
    for (int i = 0; i < Cases / 5; ++i) {
        const QByteArray path = "/media/" + QByteArray::number(m_random.generate64(), 36) + ".s-_~";
        const QByteArray url = "wss://kav.example.com" + path;
        QVERIFY(verifyUpgradeSignature(Token, url, signedByOracle(url)).accepted);
        QVERIFY(verifyUpgradeSignature(Token, url, signedByOracle(url + '/')).accepted);
        QVERIFY(verifyUpgradeSignature(Token, QByteArray(url + '/'), signedByOracle(url)).accepted);
        QVERIFY(oracleAccepts(Token, computeSignature(Token, url), url));
        const QList<QByteArray> others{"https" + url.mid(3), "ws" + url.mid(3), url + "//", url + "x"};
        for (const QByteArray& other : others) {
            QVERIFY2(!verifyUpgradeSignature(Token, url, signedByOracle(other)).accepted, other.constData());
            QVERIFY2(!oracleAccepts(Token, signedByOracle(other), url), other.constData());
        }
    }
}

void tst_SignatureOracle::differsOnPurpose_data()
{
    QTest::addColumn<QByteArray>("given");
    QTest::addColumn<QByteArray>("signedUrl");
    QTest::addColumn<bool>("weAccept");
    QTest::addColumn<QByteArray>("form");
    const auto row = [](const char* why, const char* given, const char* signedUrl, bool weAccept,
                         const char* form = "") {
        QTest::newRow(why) << QByteArray(given) << QByteArray(signedUrl) << weAccept << QByteArray(form);
    };
    row("443 is the port of wss; the library takes 80 for every scheme but https", "wss://k.example/m",
        "wss://k.example:443/m", true);
    row("80 is not the port of wss", "wss://k.example/m", "wss://k.example:80/m", false);
    row("Twilio may sign an upgrade with a slash more", "wss://k.example/m", "wss://k.example/m/", true);
    row("user information is never signed", "https://u:p@k.example/v", "https://k.example/v", true);
    row("so a signature over it is not Twilio's", "https://u:p@k.example/v", "https://u:p@k.example/v", false);
    row("a fragment never leaves the client", "https://k.example/v#rc=2", "https://k.example/v", true);
    row("so a signature over it is not Twilio's either", "https://k.example/v#rc=2", "https://k.example/v#rc=2", false);
    row("dots are not resolved: that is another path", "https://k.example/a/../v", "https://k.example/v", false);
    row("names that are numbers keep their place; an object of the library's language sorts them",
        "https://k.example/v?b=1&2=x", "https://k.example/v?2=x&b=1", false);
    row("a repeated name's values are sorted by bytes as documented; the library sorts by halves of surrogate pairs",
        "https://k.example/v", "https://k.example/v", false, "a=%F0%9F%98%80&a=%EF%BB%BF");
}

void tst_SignatureOracle::differsOnPurpose()
{
    QFETCH(QByteArray, given);
    QFETCH(QByteArray, signedUrl);
    QFETCH(bool, weAccept);
    QFETCH(QByteArray, form);
    const QList<FormField> fields = FormBody::parse(form)->fields();
    const QByteArray signature = signedByOracle(signedUrl, fields);
    const bool accepted = given.startsWith("wss") ? verifyUpgradeSignature(Token, given, signature).accepted
                                                  : verifySignature(Token, given, fields, signature).accepted;
    QCOMPARE(accepted, weAccept);
    QVERIFY2(oracleAccepts(Token, signature, given, fields) != weAccept,
        "the library agrees: this is no difference any more");
}

QTEST_GUILESS_MAIN(tst_SignatureOracle)
#include "tst_signatureoracle.moc"
