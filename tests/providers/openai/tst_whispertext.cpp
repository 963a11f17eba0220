// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/whispertext.h"

#include <QTest>

using namespace kav::providers;
using std::chrono::milliseconds;

/// "The model writes this; these words were said".
class TestWhisperText final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void whatWasSaid_data()
    {
        QTest::addColumn<QString>("written");
        QTest::addColumn<QString>("said");
        const auto row = [](const char* tag, const char* written, const char* said) {
            QTest::newRow(tag) << QString::fromUtf8(written) << QString::fromUtf8(said);
        };
        row("a sentence", " Hello, I'd like an appointment. ", "hello i'd like an appointment");
        row("Hebrew", "שלום, אני רוצה לדבר עם ד\"ר כהן.", "שלום אני רוצה לדבר עם ד\"ר כהן");
        row("quotes", "\"Yes,\" he said - really?", "yes he said really");
        row("an address stays whole", "Write to dana@example.com!", "write to dana@example.com");
        row("a word with a hyphen", "My follow-up, please", "my follow-up please");
        row("a percentage and a country code", "50% of +972", "50% of +972");
        row("thanks were said", "Thank you.", "thank you");
        row("Hebrew thanks were said", "תודה רבה.", "תודה רבה");
        row("a blank", "[BLANK_AUDIO]", "");
        row("music", "(music) [Music] *sighs* ♪ la la ♪ ♪", "");
        row("a sound among words", "Hello [door opens] there (laughs).", "hello there");
        row("a special token", "<|nospeech|>", "");
        row("captions", "Thanks for watching!", "");
        row("Hebrew captions", "תודה על הצפייה.", "");
        row("more captions", "Subtitles by the Amara.org community", "");
        row("a loop", "you you you you you you you you you you you", "");
        row("said twice", "No, no.", "no no");
        row("nothing", " \n ", "");
        row("only marks", "... - !", "");
        row("several lines", "One\ntwo\r\nthree", "one two three");
    }
    void whatWasSaid()
    {
        QFETCH(QString, written);
        QFETCH(QString, said);
        QCOMPARE(whisperText(written, QStringLiteral("en-US"), false, milliseconds(900)), said);
    }

    void numbersAreWords_data()
    {
        QTest::addColumn<QString>("language");
        QTest::addColumn<QString>("written");
        QTest::addColumn<QString>("said");
        const QString english = QStringLiteral("en-US");
        const QString fives = QStringLiteral("five five five one two three four");
        QTest::newRow("a telephone number") << english << QStringLiteral("555-1234.") << fives;
        QTest::newRow("in words already") << english << QStringLiteral("Five five five, one two three four.") << fives;
        QTest::newRow("with brackets") << english << QStringLiteral("(555) 1234") << fives;
        QTest::newRow("with a lead-in") << english << QStringLiteral("It's 55.") << QStringLiteral("it's five five");
        QTest::newRow("Hebrew") << QStringLiteral("he-IL") << QStringLiteral("המספר הוא 05-2.")
                                << QStringLiteral("המספר הוא אפס חמש שתיים");
        QTest::newRow("a language without our words")
            << QStringLiteral("fr-FR") << QStringLiteral("12") << QStringLiteral("1 2");
        QTest::newRow("ten times the same")
            << english << QStringLiteral("1111111111") << QStringLiteral("one one one one one one one one one one");
    }
    void numbersAreWords()
    {
        QFETCH(QString, language);
        QFETCH(QString, written);
        QFETCH(QString, said);
        QCOMPARE(whisperText(written, language, true, milliseconds(900)), said);
    }

    void withoutAVoiceThereWereNoThanks_data()
    {
        QTest::addColumn<QString>("written");
        QTest::addColumn<bool>("believed");
        QTest::newRow("thank you") << QStringLiteral(" Thank you.") << false;
        QTest::newRow("you") << QStringLiteral("you") << false;
        QTest::newRow("Hebrew") << QStringLiteral("תודה רבה.") << false;
        QTest::newRow("a yes is short") << QStringLiteral("Yes.") << true;
        QTest::newRow("a Hebrew yes") << QStringLiteral("כן") << true;
    }
    void withoutAVoiceThereWereNoThanks()
    {
        QFETCH(QString, written);
        QFETCH(bool, believed);
        QCOMPARE(!whisperText(written, QStringLiteral("en"), false, milliseconds(100)).isEmpty(), believed);
    }

    void anEndlessTextIsCut()
    {
        QVERIFY(whisperText(QString(200000, u'('), {}, false, milliseconds(900)).isEmpty());
        QString words;
        for (int i = 0; i < 50000; ++i)
            words += QStringLiteral("word%1 ").arg(i);
        QVERIFY(whisperText(words, {}, true, milliseconds(900)).size() <= 8000);
    }

    void aLanguageIsItsFirstPart()
    {
        QCOMPARE(isoLanguage(u"he-IL"), QStringLiteral("he"));
        QCOMPARE(isoLanguage(u"EN_us"), QStringLiteral("en"));
        QCOMPARE(isoLanguage(u"iw-IL"), QStringLiteral("he"));
        QCOMPARE(isoLanguage(u"yue-Hant-HK"), QStringLiteral("yue"));
        QCOMPARE(isoLanguage(u"fr"), QStringLiteral("fr"));
        QCOMPARE(isoLanguage(u""), QString());
        QCOMPARE(isoLanguage(u"english"), QString());
    }
};

QTEST_APPLESS_MAIN(TestWhisperText)
#include "tst_whispertext.moc"
