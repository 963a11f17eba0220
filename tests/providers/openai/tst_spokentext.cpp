// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/spokentext.h"

#include <QTest>

using kav::providers::SpokenText;

namespace {
QString spokenIn(const QString& text, qsizetype piece, int longest = 2000)
{
    SpokenText spoken(longest);
    QString out;
    for (qsizetype at = 0; at < text.size(); at += piece)
        out += spoken.add(QStringView(text).mid(at, piece));
    return out + spoken.finish();
}
} // namespace

/// "The model writes this, the caller hears that", however the text is cut.
class TestSpokenText final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void isFitToBeSpoken_data();
    void isFitToBeSpoken();
    void plainWordsAreNotHeldBack();
    void whatIsTooLongIsDropped();
    void aPairAtTheLimitIsNotCut();
    void aHostileTextHoldsNothingBack();
};

void TestSpokenText::isFitToBeSpoken_data()
{
    QTest::addColumn<QString>("written");
    QTest::addColumn<QString>("spoken");
    const auto row = [](const char* tag, const QString& written, const QString& spoken) {
        QTest::newRow(tag) << written << spoken;
    };
    row("plain", QStringLiteral("Hello, how are you?"), QStringLiteral("Hello, how are you?"));
    row("Hebrew", QStringLiteral("שלום, אני כאן. ד\"ר כהן תחזור ב-10:30."),
        QStringLiteral("שלום, אני כאן. ד\"ר כהן תחזור ב-10:30."));
    row("Hebrew with points", QStringLiteral("שָׁלוֹם"), QStringLiteral("שָׁלוֹם"));
    row("bold and italic", QStringLiteral("This is **very** _important_, ***really***, __yes__."),
        QStringLiteral("This is very important, really, yes."));
    row("Hebrew bold", QStringLiteral("**שלום** לך"), QStringLiteral("שלום לך"));
    row("struck out and code", QStringLiteral("~~no~~ say `yes`"), QStringLiteral("no say yes"));
    row("a name with underscores", QStringLiteral("say user_name now"), QStringLiteral("say user name now"));
    row("a heading", QStringLiteral("# Hours\nWe open at 9."), QStringLiteral("Hours\nWe open at 9."));
    row("a key is no heading", QStringLiteral("Press # or *. Press #1."), QStringLiteral("Press # or . Press #1."));
    row("a list", QStringLiteral("We have:\n- tea\n- coffee\n* milk\n+ water"),
        QStringLiteral("We have:\ntea\ncoffee\nmilk\nwater"));
    row("a minus stays", QStringLiteral("It is -5 or 3-4, and +972."), QStringLiteral("It is -5 or 3-4, and +972."));
    row("a numbered list", QStringLiteral("1. Tea\n2. Milk"), QStringLiteral("1. Tea\n2. Milk"));
    row("a quotation", QStringLiteral("> He said\n> so."), QStringLiteral("He said\nso."));
    row("a line across", QStringLiteral("One.\n---\nTwo."), QStringLiteral("One.\nTwo."));
    row("a table", QStringLiteral("| a | b |\n|---|---|\n| c | d |"), QStringLiteral("a b \nc d "));
    row("a link", QStringLiteral("See [our page](https://example.com/a_b?c=d) now."),
        QStringLiteral("See our page now."));
    row("a picture", QStringLiteral("![a cat](http://x.org/cat.png) here"), QStringLiteral("a cat here"));
    row("brackets", QStringLiteral("yes [sic] (really)"), QStringLiteral("yes sic (really)"));
    row("an address", QStringLiteral("Go to https://www.example.com/path/to?x=1&y=2."),
        QStringLiteral("Go to example.com."));
    row("an address with a port", QStringLiteral("http://localhost:8080/x is it"),
        QStringLiteral("localhost:8080 is it"));
    row("an address without a path", QStringLiteral("Is it https://example.co.il?"),
        QStringLiteral("Is it example.co.il?"));
    row("www", QStringLiteral("At www.example.com, yes"), QStringLiteral("At example.com, yes"));
    row("an address in angle brackets", QStringLiteral("At <https://example.com/a>."),
        QStringLiteral("At example.com>."));
    row("words that begin like one", QStringLiteral("http is what we hope, www"),
        QStringLiteral("http is what we hope, www"));
    row("mail", QStringLiteral("write to dana@example.com"), QStringLiteral("write to dana@example.com"));
    row("emoji", QStringLiteral("Sure! 😀👍🏽 Bye ❤️."), QStringLiteral("Sure! Bye ."));
    row("an emoji of several", QStringLiteral("The 👨‍👩‍👧 family"), QStringLiteral("The family"));
    row("a flag", QStringLiteral("Israel 🇮🇱 it is"), QStringLiteral("Israel it is"));
    row("other planes stay", QStringLiteral("𠀀 ok"), QStringLiteral("𠀀 ok"));
    row("tags", QStringLiteral("One<br>two <b>three</b> </p>four"), QStringLiteral("One\ntwo three \nfour"));
    row("no tags", QStringLiteral("2 < 3 and 4<5"), QStringLiteral("2 3 and 45"));
    row("thoughts", QStringLiteral("<think>The caller wants </b> to < know.\n</think>\n\nYes."),
        QStringLiteral("Yes."));
    row("thoughts without end", QStringLiteral("<think>hmm"), QString());
    row("white space", QStringLiteral("  One  two\t three\r\n\r\nfour \n five"),
        QStringLiteral("One two three\nfour \nfive"));
    row("controls and marks",
        QStringLiteral("a\x01"
                       "b\u200fc\u202ed\ufffd"),
        QStringLiteral("abcd"));
    row("an escape", QStringLiteral("5 \\* 3"), QStringLiteral("5 3"));
    row("nothing", QString(), QString());
    row("only marks", QStringLiteral("*** \n --- 😀"), QString());
}

void TestSpokenText::isFitToBeSpoken()
{
    QFETCH(QString, written);
    QFETCH(QString, spoken);
    for (qsizetype piece = 1; piece <= qMax<qsizetype>(1, written.size()); ++piece)
        QCOMPARE(spokenIn(written, piece), spoken);
    for (qsizetype cut = 0; cut <= written.size(); ++cut) {
        SpokenText text(2000);
        QString out = text.add(QStringView(written).first(cut));
        out += text.add(QStringView(written).sliced(cut));
        out += text.finish();
        QCOMPARE(out, spoken);
    }
}

void TestSpokenText::plainWordsAreNotHeldBack()
{
    SpokenText text(2000);
    QCOMPARE(text.add(u"Good day."), QStringLiteral("Good day."));
    QCOMPARE(text.add(u" Dr"), QStringLiteral(" Dr"));
    QCOMPARE(text.add(u"."), QStringLiteral("."));
    QCOMPARE(text.finish(), QString());
}

void TestSpokenText::whatIsTooLongIsDropped()
{
    SpokenText text(10);
    QCOMPARE(text.add(u"0123456"), QStringLiteral("0123456"));
    QVERIFY(!text.isFull());
    QCOMPARE(text.add(u"789abc"), QStringLiteral("789"));
    QVERIFY(text.isFull());
    QCOMPARE(text.add(u"def"), QString());
    QCOMPARE(text.finish(), QString());
}

void TestSpokenText::aPairAtTheLimitIsNotCut()
{
    QCOMPARE(spokenIn(QStringLiteral("ab𠀀"), 1, 3), QStringLiteral("ab"));
}

void TestSpokenText::aHostileTextHoldsNothingBack()
{
    const QString dots = QStringLiteral("https://") + QString(100000, u'.');
    const QString tag = QStringLiteral("<a") + QString(100000, u'a');
    for (const QString& hostile : {QString(100000, u'<'), QString(100000, u'['), QString(100000, u'*'), dots, tag}) {
        SpokenText text(2000);
        text.add(hostile);
        text.add(u" . ");
        QCOMPARE(text.add(u"end").right(3), text.isFull() ? QString() : QStringLiteral("end"));
    }
}

QTEST_APPLESS_MAIN(TestSpokenText)
#include "tst_spokentext.moc"
