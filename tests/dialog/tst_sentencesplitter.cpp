// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/sentencesplitter.h"

#include <QTest>

using kav::dialog::SentenceSplitter;

namespace {

QStringList cut(SentenceSplitter& splitter, const QString& text)
{
    QStringList sentences = splitter.add(text);
    sentences += splitter.finish();
    return sentences;
}

} // namespace

/// What a synthesiser gets, piece by piece.
class TestSentenceSplitter final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void sentences_data();
    void sentences();
    void sentenceIsGivenAsSoonAsItIsKnownToEnd();
    void firstPieceEndsAtAComma();
    void textWithoutEndIsCut();
    void finishedSplitterStartsAfresh();
};

void TestSentenceSplitter::sentences_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QStringList>("expected");
    const auto row = [](const char* tag, const char* text, std::initializer_list<const char*> expected) {
        QStringList list;
        for (const char* sentence : expected)
            list += QString::fromUtf8(sentence);
        QTest::newRow(tag) << QString::fromUtf8(text) << list;
    };
    row("nothing", "", {});
    row("blank", " \n \t ", {});
    row("only marks", "... !?", {});
    row("one", "Hello.", {"Hello."});
    row("no end", "Hello", {"Hello"});
    row("two", "Hello. How can I help?", {"Hello.", "How can I help?"});
    row("all marks", "One! Two? Three… Four: five.", {"One!", "Two?", "Three…", "Four:", "five."});
    row("several marks", "Really?! Yes... no.", {"Really?!", "Yes...", "no."});
    row("line breaks", "First line\nsecond line\r\n\nthird", {"First line", "second line", "third"});
    row("quotes and brackets", "He said \"Stop.\" Then (he left.) Good.",
        {"He said \"Stop.\"", "Then (he left.)", "Good."});
    row("title", "Mr. Smith met Dr. Jones. They spoke.", {"Mr. Smith met Dr. Jones.", "They spoke."});
    row("e.g.", "Bring fruit, e.g. apples. Thanks.", {"Bring fruit, e.g. apples.", "Thanks."});
    row("initials", "Ask for J. R. Miller. He knows.", {"Ask for J. R. Miller.", "He knows."});
    row("decimal", "It costs 3.50 today. Fine.", {"It costs 3.50 today.", "Fine."});
    row("number at the end", "You owe 20. Please pay.", {"You owe 20.", "Please pay."});
    row("time", "We open at 10:30. Come then.", {"We open at 10:30.", "Come then."});
    row("p.m. inside", "At 5 p.m. we close. Bye.", {"At 5 p.m. we close.", "Bye."});
    row("p.m. at the end", "We close at 5 p.m. Please call tomorrow.", {"We close at 5 p.m.", "Please call tomorrow."});
    row("p.m. at the very end", "We close at 5 p.m.", {"We close at 5 p.m."});
    row("p.m. at a line's end", "We close at 5 p.m.\nbye", {"We close at 5 p.m.", "bye"});
    row("No. 5", "Take line No. 5 there. No. Wait.", {"Take line No. 5 there.", "No.", "Wait."});
    row("list entries", "1. Press one.\n2. Press two.", {"1. Press one.", "2. Press two."});
    row("web address", "See kav.example.com for more. Bye.", {"See kav.example.com for more.", "Bye."});
    row("Hebrew", "שלום. איך אפשר לעזור? תודה!", {"שלום.", "איך אפשר לעזור?", "תודה!"});
    row("gershayim, typewriter", "פגישה עם ד\"ר כהן מחר. להתראות.", {"פגישה עם ד\"ר כהן מחר.", "להתראות."});
    row("gershayim, Hebrew mark", "עו״ד לוי יחזור אליך. תודה.", {"עו״ד לוי יחזור אליך.", "תודה."});
    row("price in gershayim", "המחיר 20 ש\"ח. נתראה.", {"המחיר 20 ש\"ח.", "נתראה."});
    row("price with a decimal", "זה עולה 19.90 ש״ח לחודש. מתאים?", {"זה עולה 19.90 ש״ח לחודש.", "מתאים?"});
    row("Hebrew quotation", "הוא אמר \"עצור.\" והלך.", {"הוא אמר \"עצור.\"", "והלך."});
    row("Hebrew time", "נפתח ב-9:00. להתראות.", {"נפתח ב-9:00.", "להתראות."});
}

void TestSentenceSplitter::sentences()
{
    QFETCH(QString, text);
    QFETCH(QStringList, expected);
    SentenceSplitter whole;
    QCOMPARE(cut(whole, text), expected);
    // However the text comes in, the sentences are the same.
    SentenceSplitter single;
    QStringList pieces;
    for (const QChar c : text)
        pieces += single.add(QString(c));
    pieces += single.finish();
    QCOMPARE(pieces, expected);
}

void TestSentenceSplitter::sentenceIsGivenAsSoonAsItIsKnownToEnd()
{
    SentenceSplitter splitter;
    QCOMPARE(splitter.add(u"Hello there."), QStringList());
    QCOMPARE(splitter.add(u" How"), QStringList{QStringLiteral("Hello there.")});
    QCOMPARE(splitter.add(u" are you? I"), QStringList{QStringLiteral("How are you?")});
    QCOMPARE(splitter.finish(), QStringList{QStringLiteral("I")});
}

void TestSentenceSplitter::firstPieceEndsAtAComma()
{
    SentenceSplitter splitter(10);
    const QStringList expected{QStringLiteral("Well, thank you,"), QStringLiteral("I will look, now, at that.")};
    QCOMPARE(splitter.add(u"Well, thank you, I will look, now, at that. "), expected);

    SentenceSplitter number(3);
    QCOMPARE(number.add(u"About 1,000 people, or more. "),
        (QStringList{QStringLiteral("About 1,000 people,"), QStringLiteral("or more.")}));
}

void TestSentenceSplitter::textWithoutEndIsCut()
{
    SentenceSplitter splitter;
    const QString words = QStringLiteral("word ").repeated(1000);
    QStringList pieces = cut(splitter, words);
    QVERIFY(pieces.size() >= 10);
    for (const QString& piece : std::as_const(pieces))
        QVERIFY(piece.size() <= 500);
    QCOMPARE(pieces.join(QLatin1Char(' ')), words.trimmed());

    SentenceSplitter endless;
    const QString one = QString(QChar(u'a')).repeated(1700);
    pieces = cut(endless, one);
    QCOMPARE(pieces.join(QString()), one);
    QCOMPARE(pieces.first().size(), 500);
}

void TestSentenceSplitter::finishedSplitterStartsAfresh()
{
    SentenceSplitter splitter(5);
    QCOMPARE(cut(splitter, QStringLiteral("First, then. ")),
        (QStringList{QStringLiteral("First,"), QStringLiteral("then.")}));
    QCOMPARE(cut(splitter, QStringLiteral("Again, then. ")),
        (QStringList{QStringLiteral("Again,"), QStringLiteral("then.")}));
}

QTEST_APPLESS_MAIN(TestSentenceSplitter)
#include "tst_sentencesplitter.moc"
