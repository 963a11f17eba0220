// SPDX-License-Identifier: Apache-2.0
#include "engine/control/consoletokens.h"

#include <QTest>

using namespace kav;
using namespace kav::control;

/// What an administrator may write into KAV_CONSOLE_TOKENS, and what it means.
class TestConsoleTokens final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }
    void knowsEachOperatorByHisToken_data();
    void knowsEachOperatorByHisToken();
    void refusesWhatIsNoToken_data();
    void refusesWhatIsNoToken();
    void noTokensOpenNothing();
    void anOperatorMayHaveTwo();
};

namespace {

const QString AliceToken = QStringLiteral("alice-0123456789abcdef");
const QString BobToken = QStringLiteral("bob-0123456789abcdefgh");

} // namespace

void TestConsoleTokens::knowsEachOperatorByHisToken_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("alice");
    QTest::addColumn<QString>("bob");
    const QString alice = QStringLiteral("alice");
    const QString bob = QStringLiteral("bob");
    const QString anyone = QStringLiteral("operator");
    QTest::newRow("with commas") << QStringLiteral("alice:%1,bob:%2").arg(AliceToken, BobToken) << alice << bob;
    QTest::newRow("one a line") << QStringLiteral("alice:%1\nbob:%2\n").arg(AliceToken, BobToken) << alice << bob;
    QTest::newRow("lines of another system")
        << QStringLiteral("alice:%1\r\nbob:%2\r\n").arg(AliceToken, BobToken) << alice << bob;
    QTest::newRow("with spaces around") << QStringLiteral("  alice : %1 ,  bob : %2 ").arg(AliceToken, BobToken)
                                        << alice << bob;
    QTest::newRow("with comments")
        << QStringLiteral("# who, and with what\nalice:%1\n\n # bob, left in May\nbob:%2").arg(AliceToken, BobToken)
        << alice << bob;
    QTest::newRow("bare") << AliceToken << anyone << QString();
    QTest::newRow("a bare one beside a named one")
        << QStringLiteral("%1,bob:%2").arg(AliceToken, BobToken) << anyone << bob;
    QTest::newRow("a name in Hebrew") << QStringLiteral("דנה:%1").arg(AliceToken) << QStringLiteral("דנה") << QString();
    QTest::newRow("of one's own only") << QStringLiteral("bob:%1").arg(BobToken) << QString() << bob;
}

void TestConsoleTokens::knowsEachOperatorByHisToken()
{
    QFETCH(QString, text);
    QFETCH(QString, alice);
    QFETCH(QString, bob);
    const Result<ConsoleTokens> tokens = ConsoleTokens::parse(text);
    QVERIFY2(tokens, tokens ? "" : qPrintable(tokens.error().message));
    QVERIFY(!tokens->isEmpty());
    QCOMPARE(tokens->operatorOf(AliceToken).value_or(QString()), alice);
    QCOMPARE(tokens->operatorOf(BobToken).value_or(QString()), bob);
    for (const QString& wrong : QStringList{QString(), QStringLiteral("x"), AliceToken.chopped(1),
             AliceToken + QLatin1Char('x'), AliceToken.toUpper(), QStringLiteral("alice:") + AliceToken,
             QLatin1Char(' ') + AliceToken, QStringLiteral("alice")})
        QVERIFY2(!tokens->operatorOf(wrong), qPrintable(wrong));
}

void TestConsoleTokens::refusesWhatIsNoToken_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("message");
    const auto row = [](const char* tag, const QString& text, const char* message) {
        QTest::newRow(tag) << text << QString::fromLatin1(message);
    };
    row("too short", QStringLiteral("alice:%1,bob:short-secret").arg(AliceToken),
        "console token 2 is shorter than 16 characters (write NAME:TOKEN)");
    row("name and token swapped", AliceToken + QStringLiteral(":alice"),
        "console token 1 is shorter than 16 characters (write NAME:TOKEN)");
    row("a name alone", QStringLiteral("alice:"), "console token 1 is shorter than 16 characters (write NAME:TOKEN)");
    row("no name", QStringLiteral(":") + AliceToken, "console token 1 has no name before its colon");
    row("nothing between commas", QStringLiteral("alice:%1,,bob:%2").arg(AliceToken, BobToken),
        "console token 2 is empty");
    row("a comma too many", QStringLiteral("alice:%1,").arg(AliceToken), "console token 2 is empty");
    row("the same twice", QStringLiteral("alice:%1\nbob:%2\ncarol:%1").arg(AliceToken, BobToken),
        "console token 3 is the same as number 1");
    row("with a space in it", QStringLiteral("alice:0123456789 abcdefgh"),
        "console token 1 has characters other than printable ASCII");
    row("with a letter in it that is not ASCII", QStringLiteral("alice:0123456789abcdefé"),
        "console token 1 has characters other than printable ASCII");
    row("endless", QStringLiteral("alice:") + QString(513, u'x'), "console token 1 is longer than 512 characters");
    row("a name that would break a log line", QStringLiteral("al\u2028ice:%1").arg(AliceToken),
        "console token 1 has a name that is too long or not fit for a log");
    row("an endless name", QString(65, u'a') + QLatin1Char(':') + AliceToken,
        "console token 1 has a name that is too long or not fit for a log");
}

void TestConsoleTokens::refusesWhatIsNoToken()
{
    QFETCH(QString, text);
    QFETCH(QString, message);
    const Result<ConsoleTokens> tokens = ConsoleTokens::parse(text);
    QVERIFY(!tokens);
    QCOMPARE(tokens.error().code, Error::Code::Invalid);
    QCOMPARE(tokens.error().message, message);
    QCOMPARE(tokens.error().detail, QString());
}

void TestConsoleTokens::noTokensOpenNothing()
{
    for (const QString& text : {QString(), QStringLiteral("\n\n"), QStringLiteral("# none yet\n")}) {
        const Result<ConsoleTokens> tokens = ConsoleTokens::parse(text);
        QVERIFY(tokens);
        QVERIFY(tokens->isEmpty());
        QVERIFY(!tokens->operatorOf(QString()));
        QVERIFY(!tokens->operatorOf(AliceToken));
    }
}

void TestConsoleTokens::anOperatorMayHaveTwo()
{
    // While one is being replaced by the other.
    const Result<ConsoleTokens> tokens =
        ConsoleTokens::parse(QStringLiteral("alice:%1\nalice:%2").arg(AliceToken, BobToken));
    QVERIFY(tokens);
    QCOMPARE(tokens->operatorOf(AliceToken).value_or(QString()), QStringLiteral("alice"));
    QCOMPARE(tokens->operatorOf(BobToken).value_or(QString()), QStringLiteral("alice"));
}

QTEST_GUILESS_MAIN(TestConsoleTokens)
#include "tst_consoletokens.moc"
