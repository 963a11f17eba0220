// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/formbody.h"

#include <QTest>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::telephony;

class tst_FormBody final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void parses_data();
    void parses();
    void refuses_data();
    void refuses();
    void keepsOrderAndRepetition();
    void countsBrokenUtf8();
    void keepsAByteOrderMark();
    void holdsItsLimits();
    void everyByteSurvivesARoundTrip();
    void everyPrefixOfABodyIsEitherParsedOrRefused();
};

void tst_FormBody::parses_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QStringList>("expected"); // name, value, name, value, ...
    QTest::newRow("nothing") << QByteArray() << QStringList();
    QTest::newRow("a number with its plus escaped")
        << QByteArray("From=%2B97250") << QStringList{u"From"_s, u"+97250"_s};
    QTest::newRow("plus is a space") << QByteArray("a+b=c+d") << QStringList{u"a b"_s, u"c d"_s};
    QTest::newRow("an empty value") << QByteArray("CallerName=") << QStringList{u"CallerName"_s, u""_s};
    QTest::newRow("no equals sign") << QByteArray("flag") << QStringList{u"flag"_s, u""_s};
    QTest::newRow("an empty name") << QByteArray("=v") << QStringList{u""_s, u"v"_s};
    QTest::newRow("a second equals sign belongs to the value") << QByteArray("a=b=c") << QStringList{u"a"_s, u"b=c"_s};
    QTest::newRow("empty pieces are skipped")
        << QByteArray("&&a=1&&&b=2&") << QStringList{u"a"_s, u"1"_s, u"b"_s, u"2"_s};
    QTest::newRow("Hebrew") << QByteArray("CallerName=%D7%A9%D7%9C%D7%95%D7%9D")
                            << QStringList{u"CallerName"_s, u"שלום"_s};
    QTest::newRow("lower-case hex") << QByteArray("a=%d7%a9") << QStringList{u"a"_s, u"ש"_s};
    QTest::newRow("beyond the basic plane") << QByteArray("a=%F0%9F%98%80") << QStringList{u"a"_s, u"😀"_s};
    QTest::newRow("raw UTF-8") << QByteArray("a=\xd7\xa9") << QStringList{u"a"_s, u"ש"_s};
    QTest::newRow("escaped separators") << QByteArray("a%26b=c%3Dd%25") << QStringList{u"a&b"_s, u"c=d%"_s};
}

void tst_FormBody::parses()
{
    QFETCH(QByteArray, body);
    QFETCH(QStringList, expected);
    const auto form = FormBody::parse(body);
    QVERIFY2(form, form ? "" : qPrintable(toString(form.error())));
    QStringList actual;
    for (const FormField& field : form->fields())
        actual << field.name << field.value;
    QCOMPARE(actual, expected);
    QCOMPARE(form->replacedSequences(), 0);
}

void tst_FormBody::refuses_data()
{
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<QString>("message");
    QTest::newRow("an escape cut short") << QByteArray("a=1&From=%2")
                                         << u"form field From: broken %-escape at byte 9"_s;
    QTest::newRow("a lone percent sign") << QByteArray("a=%") << u"form field a: broken %-escape at byte 2"_s;
    QTest::newRow("an escape that is no hex") << QByteArray("a=%zz") << u"form field a: broken %-escape at byte 2"_s;
    QTest::newRow("a sign in an escape") << QByteArray("a=%+1") << u"form field a: broken %-escape at byte 2"_s;
    QTest::newRow("a broken name") << QByteArray("%G0=1") << u"form field name: broken %-escape at byte 0"_s;
    QTest::newRow("an escaped NUL") << QByteArray("a=x%00") << u"form field a: NUL at byte 5"_s;
    QTest::newRow("a raw NUL") << QByteArray("a=x\0y", 5) << u"form field a: NUL at byte 3"_s;
    QTest::newRow("an escape across two fields")
        << QByteArray("a=%4&1=b") << u"form field a: broken %-escape at byte 2"_s;
}

void tst_FormBody::refuses()
{
    QFETCH(QByteArray, body);
    QFETCH(QString, message);
    const auto form = FormBody::parse(body);
    QVERIFY(!form);
    QCOMPARE(form.error().code, Error::Code::Invalid);
    QCOMPARE(form.error().message, message);
}

void tst_FormBody::keepsOrderAndRepetition()
{
    const auto form = FormBody::parse("b=2&a=1&b=1&b=2");
    QVERIFY(form);
    QCOMPARE(form->values(u"b"), (QStringList{u"2"_s, u"1"_s, u"2"_s}));
    QCOMPARE(form->value(u"b"), QStringLiteral("2"));
    QCOMPARE(form->value(u"c"), QString());
    QVERIFY(form->contains(u"a"));
    QVERIFY(!form->contains(u"A"));
    QCOMPARE(form->encode(), QByteArray("b=2&a=1&b=1&b=2"));
}

void tst_FormBody::countsBrokenUtf8()
{
    const auto form = FormBody::parse("a=%FF&b=x%C3&c=%EF%BF%BD&d=fine");
    QVERIFY(form);
    QCOMPARE(form->replacedSequences(), 2); // the third is a replacement character that was really sent
    QCOMPARE(form->value(u"a"), QString(QChar(0xfffd)));
    QCOMPARE(form->value(u"b"), QString(QLatin1String("x") + QChar(0xfffd)));
    QCOMPARE(form->value(u"d"), QStringLiteral("fine"));
}

void tst_FormBody::keepsAByteOrderMark()
{
    const auto form = FormBody::parse("a=%EF%BB%BFx");
    QVERIFY(form);
    QCOMPARE(form->value(u"a").toUtf8(), QByteArray("\xef\xbb\xbfx"));
}

void tst_FormBody::holdsItsLimits()
{
    QByteArray most("a=");
    most += QByteArray(64 * 1024 - 2, 'x');
    QVERIFY(FormBody::parse(most));
    const auto tooLong = FormBody::parse(QByteArray(most + 'x'));
    QVERIFY(!tooLong);
    QCOMPARE(tooLong.error().code, Error::Code::LimitExceeded);

    QByteArray fields;
    for (int i = 0; i < 256; ++i)
        fields += "k=v&";
    QVERIFY(FormBody::parse(fields));
    const auto tooMany = FormBody::parse(QByteArray(fields + "one=more"));
    QVERIFY(!tooMany);
    QCOMPARE(tooMany.error().code, Error::Code::LimitExceeded);
    QCOMPARE(tooMany.error().message, QStringLiteral("more than 256 form fields"));
}

void tst_FormBody::everyByteSurvivesARoundTrip()
{
    QString all;
    for (char16_t c = 1; c < 0x800; ++c)
        all += QChar(c);
    const FormBody form({{all, all}, {QStringLiteral("x"), QString()}});
    const auto back = FormBody::parse(form.encode());
    QVERIFY(back);
    QCOMPARE(back->fields(), form.fields());
}

void tst_FormBody::everyPrefixOfABodyIsEitherParsedOrRefused()
{
    const QByteArray body = "From=%2B1&CallerName=%D7%A9%D7%9C&x&=&a+b=%F0%9F%98%80";
    for (qsizetype length = 0; length <= body.size(); ++length) {
        const auto form = FormBody::parse(body.first(length));
        if (form) {
            const auto again = FormBody::parse(form->encode());
            QVERIFY(again);
            QCOMPARE(again->fields(), form->fields());
        } else {
            QVERIFY(form.error().message.contains(QLatin1String("byte")));
        }
    }
}

QTEST_GUILESS_MAIN(tst_FormBody)
#include "tst_formbody.moc"
