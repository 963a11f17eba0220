// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/phrases.h"
#include "engine/dialog/spokennumber.h"

#include <QTest>

using namespace kav::dialog;

/// What a caller's words mean: wishes and numbers.
class TestPhrases final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void wishes_data();
    void wishes();
    void spokenDigits_data();
    void spokenDigits();
    void digitsAreReadOutInGroups_data();
    void digitsAreReadOutInGroups();
    void whatIsReadOutIsUnderstood();
    void grammarHoldsPhrasesPolitenessAndDigits();
};

void TestPhrases::wishes_data()
{
    QTest::addColumn<QString>("said");
    QTest::addColumn<QString>("intent");
    const auto row = [](const char* said, const char* intent) {
        QTest::newRow(said) << QString::fromUtf8(said) << QString::fromLatin1(intent);
    };
    row("", "");
    row("...", "");
    row("the weather is nice", "");
    row("sales", "sales");
    row("Sales.", "sales");
    row("sales please", "sales");
    row("hello sales please", "sales");
    row("I'd like to speak to the sales team, please!", "sales");
    row("i\u2019d like to speak to sales", "sales");
    row("um i was hoping to talk to somebody about sales today", "sales");
    row("no sales", "sales");
    row("yes", "yes");
    row("no", "no");
    row("no no", "no");
    row("hello", "hello");
    row("thank you", "thanks");
    row("goodbye thank you", "goodbye");
    row("thank you goodbye", "goodbye");
    row("no thank you", "no");
    row("notable", "");
}

void TestPhrases::wishes()
{
    const Intent sales{QStringLiteral("sales"), {QStringLiteral("sales"), QStringLiteral("the sales team")}};
    const Intent yes{QStringLiteral("yes"), {QStringLiteral("yes")}};
    const Intent no{QStringLiteral("no"), {QStringLiteral("no")}};
    const Intent hello{QStringLiteral("hello"), {QStringLiteral("hello")}};
    const Intent thanks{QStringLiteral("thanks"), {QStringLiteral("thank you")}};
    const Intent goodbye{QStringLiteral("goodbye"), {QStringLiteral("goodbye")}};
    const Politeness politeness{{QStringLiteral("hello"), QStringLiteral("thank you")},
        {QStringLiteral("please"), QStringLiteral("thank you")}, {}};
    QFETCH(QString, said);
    QFETCH(QString, intent);
    const Intent* understood = understand(said, {&sales, &yes, &no, &hello, &thanks, &goodbye}, politeness);
    QCOMPARE(understood ? understood->name : QString(), intent);
}

void TestPhrases::spokenDigits_data()
{
    QTest::addColumn<QString>("said");
    QTest::addColumn<QString>("digits");
    const auto row = [](const char* said, const char* digits) {
        QTest::newRow(said) << QString::fromUtf8(said) << QString::fromLatin1(digits);
    };
    row("", "");
    row("five five five one two three four", "5551234");
    row("Five, five, five. One two three four.", "5551234");
    row("my number is five oh one please", "501");
    row("double five zero", "550");
    row("triple nine", "999");
    row("triple nine double oh", "99900");
    row("555-1234", "5551234");
    row("555 1234", "5551234");
    row("double 5 1", "551");
    row("double", "");
    row("double triple five", "");
    row("double 55", "");
    row("five five maybe six", "");
    row("my number is", "");
    row("goodbye", "");
    row("٥٥٥", "");
}

void TestPhrases::spokenDigits()
{
    QFETCH(QString, said);
    QFETCH(QString, digits);
    const auto heard = parseSpokenDigits(said, {QStringLiteral("my number is"), QStringLiteral("please")});
    QCOMPARE(heard.value_or(QString()), digits);
}

void TestPhrases::digitsAreReadOutInGroups_data()
{
    QTest::addColumn<QString>("digits");
    QTest::addColumn<QString>("spoken");
    QTest::newRow("none") << QString() << QString();
    QTest::newRow("one") << QStringLiteral("0") << QStringLiteral("zero");
    QTest::newRow("four") << QStringLiteral("1234") << QStringLiteral("one two three four");
    QTest::newRow("five") << QStringLiteral("12345") << QStringLiteral("one two three, four five");
    QTest::newRow("seven") << QStringLiteral("5551234") << QStringLiteral("five five five, one two three four");
    QTest::newRow("eight") << QStringLiteral("55512340") << QStringLiteral("five five five one, two three four zero");
    QTest::newRow("nine") << QStringLiteral("555123406")
                          << QStringLiteral("five five five, one two three, four zero six");
    QTest::newRow("ten") << QStringLiteral("6665551234")
                         << QStringLiteral("six six six, five five five, one two three four");
}

void TestPhrases::digitsAreReadOutInGroups()
{
    QFETCH(QString, digits);
    QFETCH(QString, spoken);
    QCOMPARE(speakDigits(digits), spoken);
}

void TestPhrases::whatIsReadOutIsUnderstood()
{
    for (qsizetype length = 1; length <= 20; ++length) {
        const QString digits = QStringLiteral("98765432101234567890").left(length);
        QCOMPARE(parseSpokenDigits(speakDigits(digits), {}).value_or(QString()), digits);
    }
}

void TestPhrases::grammarHoldsPhrasesPolitenessAndDigits()
{
    const Intent skip{QStringLiteral("skip"), {QStringLiteral("skip"), QStringLiteral("no number")}};
    const Politeness politeness{{QStringLiteral("well")}, {QStringLiteral("thanks")}, {QStringLiteral("please")}};
    QCOMPARE(jsgf(QStringLiteral("menu"), {&skip}, politeness, false, {}),
        QStringLiteral("#JSGF V1.0;\n"
                       "grammar menu;\n"
                       "<skip> = ( skip | no number ) ;\n"
                       "public <turn> = ( <skip> ) [ ( please ) ] ;\n"));
    QCOMPARE(jsgf(QStringLiteral("number"), {&skip}, politeness, true, {QStringLiteral("it's")}),
        QStringLiteral("#JSGF V1.0;\n"
                       "grammar number;\n"
                       "<skip> = ( /0.001/ skip | /0.001/ no number ) ;\n"
                       "<digit> = ( zero | oh | one | two | three | four | five | six | seven | eight | nine ) ;\n"
                       "public <turn> = ( <skip> ) [ ( please ) ] | [ ( /0.001/ it's ) ] <digit> + ;\n"));
}

QTEST_APPLESS_MAIN(TestPhrases)
#include "tst_phrases.moc"
