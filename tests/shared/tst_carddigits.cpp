// SPDX-License-Identifier: Apache-2.0
#include "shared/core/carddigits.h"

#include <QTest>

using namespace kav;

namespace {
const QString Dots(4, QChar(0x2022));
}

class TstCardDigits final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aCardNumberIsHiddenHoweverItIsSaid_data()
    {
        QTest::addColumn<QString>("said");
        QTest::addColumn<QString>("shown");
        QTest::newRow("written") << QStringLiteral("4111111111111111") << QString(Dots + QStringLiteral("1111"));
        QTest::newRow("in groups") << QStringLiteral("it is 4111-1111 1111, 1111.")
                                   << QString(QStringLiteral("it is ") + Dots + QStringLiteral("1111."));
        QTest::newRow("in words") << QStringLiteral("five five five five five five five five five five five five "
                                                    "double four four four ok")
                                  << QString(Dots + QStringLiteral("4444 ok"));
        QTest::newRow("in Hebrew") << QStringLiteral("הכרטיס ארבע אחת אחת אחת 1111 1111 1111 תודה")
                                   << QString(QStringLiteral("הכרטיס ") + Dots + QStringLiteral("1111 תודה"));
        QTest::newRow("of fifteen digits")
            << QStringLiteral("3782 822463 10005") << QString(Dots + QStringLiteral("0005"));
        QTest::newRow("with its expiry date") << QStringLiteral("4111 1111 1111 1111 12 29 123") << Dots;
    }
    void aCardNumberIsHiddenHoweverItIsSaid()
    {
        QFETCH(QString, said);
        QFETCH(QString, shown);
        QVERIFY(hasCardNumber(said));
        QCOMPARE(maskCardNumbers(said), shown);
    }

    void whatIsNoCardNumberStays_data()
    {
        QTest::addColumn<QString>("said");
        QTest::newRow("nothing") << QString();
        QTest::newRow("words") << QStringLiteral("one moment, I have two or three of them");
        QTest::newRow("a telephone number") << QStringLiteral("call 050-123-4567 please");
        QTest::newRow("a wrong check digit") << QStringLiteral("4111111111111112");
        QTest::newRow("zeros") << QStringLiteral("0000000000000000");
        QTest::newRow("other words between") << QStringLiteral("4111 1111 and 1111 1111");
        QTest::newRow("too long for one, and none in it") << QString(40, u'5').replace(1, 1, u'6').left(12);
    }
    void whatIsNoCardNumberStays()
    {
        QFETCH(QString, said);
        QVERIFY(!hasCardNumber(said));
        QCOMPARE(maskCardNumbers(said), said);
    }

    void theNameOfAMessageStays()
    {
        // "93117252463591" with the file's number passes for a card.
        const QString name = QStringLiteral("CA5c3ccbd0b7a1892c48a9311725246359-1.wav");
        QCOMPARE(maskCardNumbers(name), name);
        QCOMPARE(
            maskTelephoneNumbers(QString(QStringLiteral("call ") + name)), QString(QStringLiteral("call ") + name));
        // Next to one, and in what only begins like one, a card is a card.
        QCOMPARE(maskCardNumbers(QStringLiteral("CA5c3ccbd0b7a1892c48a9311725246359 4111 1111 1111 1111")),
            QString(QStringLiteral("CA5c3ccbd0b7a1892c48a9311725246359 ") + Dots + QStringLiteral("1111")));
        QCOMPARE(maskCardNumbers(QStringLiteral("CA4111111111111111")),
            QString(QStringLiteral("CA") + Dots + QStringLiteral("1111")));
        QCOMPARE(maskCardNumbers(QStringLiteral("XCA5c3ccbd0b7a1892c48a9311725246359-1")),
            QString(QStringLiteral("XCA5c3ccbd0b7a1892c48a") + Dots + QStringLiteral("3591")));
    }

    void wordsInProgressShowNoLongNumber()
    {
        QCOMPARE(maskLongDigits(u"0501234567"), QStringLiteral("0501234567"));
        QCOMPARE(maskLongDigits(u"my card is 4111 1111 111"), QString(QStringLiteral("my card is ") + Dots));
    }

    void aTelephoneNumberKeepsItsLastFour()
    {
        QCOMPARE(maskTelephoneNumbers(u"call 050-123 4567, or five five five one two three"),
            QString(QStringLiteral("call ") + Dots + QStringLiteral("4567, or five five five one two three")));
        QCOMPARE(maskTelephoneNumbers(u"five five five one two three four"), QString(Dots + QStringLiteral("1234")));
        QCOMPARE(maskTelephoneNumbers(u"+972•••••4567"), QStringLiteral("+972•••••4567"));
    }

    void aSecretShowsNoDigitAtAll()
    {
        QCOMPARE(maskDigits(u"it is 12, then three four"),
            QString(QStringLiteral("it is ") + Dots + QStringLiteral(", then ") + Dots));
        QCOMPARE(maskDigits(u"no"), QStringLiteral("no"));
    }
};

QTEST_APPLESS_MAIN(TstCardDigits)
#include "tst_carddigits.moc"
