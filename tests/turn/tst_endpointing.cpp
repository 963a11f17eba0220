// SPDX-License-Identifier: Apache-2.0
#include "engine/turn/backchannel.h"
#include "engine/turn/callerwords.h"
#include "engine/turn/endpointing.h"

#include <QTest>

using namespace kav;
using namespace kav::turn;

/// What words tell of the caller's intentions, in English and Hebrew.
class TestEndpointing final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void pause_data();
    void pause();
    void pauseStaysWithinItsSettings();
    void backchannels_data();
    void backchannels();
    void sameWordsHoweverWritten_data();
    void sameWordsHoweverWritten();
};

void TestEndpointing::pause_data()
{
    QTest::addColumn<int>("kind");
    QTest::addColumn<QString>("interim");
    QTest::addColumn<bool>("stable");
    QTest::addColumn<int>("milliseconds");
    const auto speech = [](const char* tag, const char* text, bool stable, int ms) {
        QTest::newRow(tag) << int(Listening::Speech) << QString::fromUtf8(text) << stable << ms;
    };
    speech("nothing known yet", "", false, 450);
    speech("blank", "  ", true, 450);
    speech("words that may go on", "i would take the blue one please", false, 450);
    speech("the same, stable", "i would take the blue box please", true, 300);
    speech("a sentence with its stop", "I am calling about my order.", false, 300);
    speech("a question", "are you open today?", false, 300);
    speech("a question that ends in a connective", "what is it for?", false, 300);
    speech("thank you!", "thank you!", false, 300);
    speech("stable but ends in and", "i need sales and", true, 600);
    speech("a comma", "well, sales,", true, 600);
    speech("but", "I called yesterday but", true, 600);
    speech("to", "i want to speak to", true, 600);
    speech("a stop after to", "I want to.", true, 600);
    speech("the", "give me the", false, 600);
    speech("an article in capitals", "GIVE ME THE", true, 600);
    speech("trailing off", "I was wondering...", true, 600);
    speech("trailing off, one character", "I was wondering…", true, 600);
    speech("um", "my name is um", true, 600);
    speech("number word", "my number is five five five", true, 600);
    speech("digits", "my number is 555", true, 600);
    speech("double", "seven double", true, 600);
    speech("a number with its stop", "It is 5.", true, 600);
    speech("Hebrew, may go on", "אני מבקש מכירות בבקשה", false, 450);
    speech("Hebrew, stable", "אפשר לדבר עם מכירות", true, 300);
    speech("Hebrew of", "המספר של", true, 600);
    speech("Hebrew but", "התקשרתי אתמול אבל", true, 600);
    speech("Hebrew and, drawn out", "מכירות ו...", true, 600);
    speech("Hebrew and, alone", "מכירות ו", true, 600);
    speech("Hebrew number", "המספר שלי חמש שש", true, 600);
    speech("Hebrew hesitation", "אני אה", true, 600);
    speech("Hebrew question", "מתי אתם פתוחים?", false, 300);
    QTest::newRow("digits are waited for, even none") << int(Listening::Digits) << QString() << false << 600;
    QTest::newRow("digits with words after")
        << int(Listening::Digits) << QStringLiteral("five that's it.") << true << 600;
    QTest::newRow("a message") << int(Listening::Message) << QStringLiteral("please call me.") << true << 2000;
}

void TestEndpointing::pause()
{
    QFETCH(int, kind);
    QFETCH(QString, interim);
    QFETCH(bool, stable);
    QFETCH(int, milliseconds);
    const auto pause = endOfUtterancePause({}, static_cast<Listening>(kind), interim, stable);
    QCOMPARE(static_cast<int>(pause.count()), milliseconds);
}

void TestEndpointing::pauseStaysWithinItsSettings()
{
    Settings settings;
    settings.endOfUtteranceMin = Milliseconds(700); // above the longest
    QCOMPARE(endOfUtterancePause(settings, Listening::Speech, u"sales and", true), Milliseconds(700));
    QCOMPARE(endOfUtterancePause(settings, Listening::Speech, u"", false), Milliseconds(700));
}

void TestEndpointing::backchannels_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("backchannel");
    QTest::addColumn<bool>("acknowledgement");
    const auto row = [](const char* text, bool backchannel, bool acknowledgement) {
        QTest::newRow(text) << QString::fromUtf8(text) << backchannel << acknowledgement;
    };
    row("", false, false);
    row("yes", true, true);
    row("Yes.", true, true);
    row("yes yes okay", true, true);
    row("that's right", true, true);
    row("mm", true, false);
    row("Mm-hmm.", true, false);
    row("uh huh", true, false);
    row("i see", true, false);
    row("mm yes", true, false);
    row("yes but", false, false);
    row("yes yes yes yes yes", false, false);
    row("no", false, false);
    row("stop", false, false);
    row("wait", false, false);
    row("hello", false, false);
    row("i", false, false);
    row("כן", true, true);
    row("כן כן", true, true);
    row("אהה", true, false);
    row("בסדר.", true, true);
    row("הבנתי", true, false);
    row("רגע", false, false);
    row("לא", false, false);
    row("כן אבל", false, false);
}

void TestEndpointing::backchannels()
{
    QFETCH(QString, text);
    QFETCH(bool, backchannel);
    QFETCH(bool, acknowledgement);
    QCOMPARE(isBackchannel(text), backchannel);
    QCOMPARE(isAcknowledgement(text), acknowledgement);
}

void TestEndpointing::sameWordsHoweverWritten_data()
{
    QTest::addColumn<QString>("a");
    QTest::addColumn<QString>("b");
    QTest::addColumn<bool>("same");
    QTest::newRow("case and stops") << QStringLiteral("Leave a message.") << QStringLiteral("leave a message") << true;
    QTest::newRow("spaces") << QStringLiteral(" leave  a message") << QStringLiteral("leave a message") << true;
    QTest::newRow("a word more") << QStringLiteral("leave message") << QStringLiteral("leave a message") << false;
    QTest::newRow("gershayim keep a word whole") << QStringLiteral("ד\"ר כהן") << QStringLiteral("דר כהן") << false;
    QTest::newRow("quotes around a word") << QStringLiteral("\"sales\"") << QStringLiteral("sales") << true;
    QTest::newRow("nothing") << QString() << QStringLiteral("...") << true;
}

void TestEndpointing::sameWordsHoweverWritten()
{
    QFETCH(QString, a);
    QFETCH(QString, b);
    QFETCH(bool, same);
    QCOMPARE(sameWords(a, b), same);
}

QTEST_APPLESS_MAIN(TestEndpointing)
#include "tst_endpointing.moc"
