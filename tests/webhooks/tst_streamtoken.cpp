// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/streamtoken.h"

#include <QCryptographicHash>
#include <QMessageAuthenticationCode>
#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::webhooks;
using namespace std::chrono_literals;

class tst_StreamToken final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void carriesItsClaims();
    void isFitForAPath();
    void everyFlippedBitIsRefused();
    void everyCutIsRefused();
    void expires();
    void anotherKeyIsRefused();
    void enginesWithOneKeyAgree();
    void rubbishIsRefused_data();
    void rubbishIsRefused();
    void aShortKeyIsRefused();
    void idsAreChecked();
    void claimsTravelAsATag();

private:
    const QDateTime m_now = QDateTime(QDate(2026, 3, 1), QTime(10, 0), Qt::UTC);
    const QString m_call = u"CA0123456789abcdef0123456789abcdef"_s;
    const QString m_account = u"AC0123456789abcdef0123456789abcdef"_s;
    const StreamTokens m_tokens = *StreamTokens::create("0123456789abcdef0123456789abcdef", 120s);
};

void tst_StreamToken::carriesItsClaims()
{
    const auto claims = m_tokens.verify(m_tokens.mint(m_call, m_account, m_now), m_now);
    QVERIFY(claims);
    QCOMPARE(claims->callSid, m_call);
    QCOMPARE(claims->accountSid, m_account);
    QCOMPARE(claims->expires, m_now.addSecs(120));
}

void tst_StreamToken::isFitForAPath()
{
    const QByteArray token = m_tokens.mint(m_call, m_account, m_now);
    QVERIFY(token.size() <= StreamTokens::LongestToken);
    for (const char c : token)
        QVERIFY(std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_');
    QVERIFY(m_tokens.mint(QString(64, u'x'), QString(64, u'y'), m_now).size() <= StreamTokens::LongestToken);
    QVERIFY(m_tokens.verify(m_tokens.mint(QString(64, u'x'), QString(64, u'y'), m_now), m_now));
}

void tst_StreamToken::everyFlippedBitIsRefused()
{
    // Lengths of all three remainders of base64: trailing bits that carry nothing must not be free.
    for (const QString& call : {m_call, u"CA1"_s, u"CA12"_s}) {
        const QByteArray token = m_tokens.mint(call, m_account, m_now);
        QVERIFY(m_tokens.verify(token, m_now));
        for (qsizetype byte = 0; byte < token.size(); ++byte) {
            for (int bit = 0; bit < 8; ++bit) {
                QByteArray flipped = token;
                flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
                const auto claims = m_tokens.verify(flipped, m_now);
                QVERIFY2(!claims, flipped.constData());
                QCOMPARE(claims.error().code, Error::Code::Denied);
            }
        }
    }
}

void tst_StreamToken::everyCutIsRefused()
{
    const QByteArray token = m_tokens.mint(m_call, m_account, m_now);
    for (qsizetype length = 0; length < token.size(); ++length)
        QVERIFY(!m_tokens.verify(token.first(length), m_now));
    QVERIFY(!m_tokens.verify(QByteArray(token + "A"), m_now));
    QVERIFY(!m_tokens.verify(QByteArray(token + "="), m_now));
}

void tst_StreamToken::expires()
{
    const QByteArray token = m_tokens.mint(m_call, m_account, m_now);
    QVERIFY(m_tokens.verify(token, m_now.addSecs(120)));
    const auto late = m_tokens.verify(token, m_now.addSecs(125));
    QVERIFY(!late);
    QCOMPARE(late.error().code, Error::Code::Timeout);
    QCOMPARE(late.error().message, u"stream token: expired 5 s ago"_s);
    QVERIFY(!late.error().message.contains(QString::fromLatin1(token)));
}

void tst_StreamToken::anotherKeyIsRefused()
{
    const auto other = StreamTokens::create("fedcba9876543210fedcba9876543210");
    QVERIFY(other);
    const auto claims = m_tokens.verify(other->mint(m_call, m_account, m_now), m_now);
    QVERIFY(!claims);
    QCOMPARE(claims.error().message, u"stream token: not made with this engine's media key, or damaged"_s);
    QVERIFY(!m_tokens.verify(StreamTokens::withRandomKey().mint(m_call, m_account, m_now), m_now));
}

void tst_StreamToken::enginesWithOneKeyAgree()
{
    const auto other = StreamTokens::create("0123456789abcdef0123456789abcdef", 10s);
    QVERIFY(other->verify(m_tokens.mint(m_call, m_account, m_now), m_now));
    const StreamTokens random = StreamTokens::withRandomKey();
    QVERIFY(random.verify(random.mint(m_call, m_account, m_now), m_now));
}

void tst_StreamToken::rubbishIsRefused_data()
{
    QTest::addColumn<QByteArray>("token");
    QTest::newRow("nothing") << QByteArray();
    QTest::newRow("a word") << QByteArray("TOKEN");
    QTest::newRow("standard base64") << QByteArray("ab+/ab+/ab+/ab+/ab+/ab+/ab+/ab+/ab+/ab+/ab+/ab+/ab+/ab+/ab+/ab+/");
    QTest::newRow("far too long") << QByteArray(100'000, 'A');
    QTest::newRow("zeroes") << QByteArray(120, 'A');
    QTest::newRow("percent escapes") << QByteArray("%41%41%41%41");
    QTest::newRow("NUL") << QByteArray(64, '\0');
}

void tst_StreamToken::rubbishIsRefused()
{
    QFETCH(QByteArray, token);
    const auto claims = m_tokens.verify(token, m_now);
    QVERIFY(!claims);
    QCOMPARE(claims.error().code, Error::Code::Denied);
}

void tst_StreamToken::aShortKeyIsRefused()
{
    const auto tokens = StreamTokens::create("short");
    QVERIFY(!tokens);
    QCOMPARE(tokens.error().message, u"the media key is shorter than 16 bytes"_s);
}

void tst_StreamToken::idsAreChecked()
{
    QVERIFY(isTwilioId(m_call));
    QVERIFY(isTwilioId(u"a-b_C9"));
    for (const QString& bad : {QString(), u"a b"_s, u"a/b"_s, u"שלום"_s, QString(65, u'x'), u"a\n"_s})
        QVERIFY(!isTwilioId(bad));
}

void tst_StreamToken::claimsTravelAsATag()
{
    const auto claims = m_tokens.verify(m_tokens.mint(m_call, m_account, m_now), m_now);
    QVERIFY(claims);
    const auto back = StreamClaims::fromTag(claims->toTag());
    QVERIFY(back);
    QCOMPARE(back->callSid, claims->callSid);
    QCOMPARE(back->accountSid, claims->accountSid);
    QCOMPARE(back->expires, claims->expires);
    QVERIFY(!StreamClaims::fromTag("rubbish"));
    QVERIFY(!StreamClaims::fromTag({}));
}

QTEST_GUILESS_MAIN(tst_StreamToken)
#include "tst_streamtoken.moc"
