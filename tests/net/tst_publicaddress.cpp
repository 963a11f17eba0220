// SPDX-License-Identifier: Apache-2.0
#include "engine/net/publicaddress.h"

#include <QTest>

using namespace Qt::StringLiterals;
using kav::net::isPublicAddress;

class TstPublicAddress final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void whatIsReachableFromAnywhereIsPublic()
    {
        for (const QString& text : {u"8.8.8.8"_s, u"1.1.1.1"_s, u"172.15.255.255"_s, u"172.32.0.0"_s,
                 u"100.63.255.255"_s, u"100.128.0.0"_s, u"223.255.255.255"_s, u"2606:4700::1111"_s,
                 u"2a00:1450:4001::1"_s, u"::ffff:8.8.8.8"_s, u"64:ff9b::808:808"_s, u"2002:808:808::1"_s})
            QVERIFY2(isPublicAddress(QHostAddress(text)), qPrintable(text));
    }

    void whatIsOfAMachineOrANetworkIsNot()
    {
        for (const QString& text : {u"127.0.0.1"_s, u"127.255.255.255"_s, u"0.0.0.0"_s, u"10.0.0.1"_s, u"172.16.0.1"_s,
                 u"172.31.255.255"_s, u"192.168.1.1"_s, u"169.254.169.254"_s, u"100.64.0.1"_s, u"198.18.0.1"_s,
                 u"192.0.2.1"_s, u"224.0.0.1"_s, u"255.255.255.255"_s, u"::1"_s, u"::"_s, u"fe80::1"_s, u"fc00::1"_s,
                 u"fd12:3456::1"_s, u"ff02::1"_s, u"2001:db8::1"_s, u"2001::1"_s, u"::ffff:127.0.0.1"_s,
                 u"::ffff:10.1.2.3"_s, u"64:ff9b::a00:1"_s, u"2002:7f00:1::1"_s, u"2002:a00:1::"_s})
            QVERIFY2(!isPublicAddress(QHostAddress(text)), qPrintable(text));
        QVERIFY(!isPublicAddress(QHostAddress()));
    }
};

QTEST_GUILESS_MAIN(TstPublicAddress)
#include "tst_publicaddress.moc"
