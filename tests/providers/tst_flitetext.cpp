// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/flite/flitetext.h"

#include <QTest>

#include <random>

using namespace kav;
using namespace kav::providers;

class TstFliteText final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void isWhatACallerShouldHear_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("pieces"); // joined by |
        const auto row = [](const char* name, const char* text, const char* pieces) {
            QTest::newRow(name) << QString::fromUtf8(text) << QString::fromUtf8(pieces);
        };
        row("plain", "How can I help you?", "How can I help you?");
        row("two sentences are two pieces", "Thank you. Please hold!", "Thank you.|Please hold!");
        row("an abbreviation ends nothing", "Dr. Smith, e.g. here.", "Dr. Smith, e.g. here.");
        row("small numbers stay numbers", "Press 1 or 2, in 2026 for $5.20 at 10:30.",
            "Press 1 or 2, in 2026 for $5.20 at 10:30.");
        row("a telephone number is spelled", "Call 5551234 now", "Call 5 5 5 1, 2 3 4 now");
        row("in groups of three", "123456", "1 2 3, 4 5 6");
        row("with the rest in front", "14155551234", "1 4, 1 5 5, 5 5 1, 2 3 4");
        row("international", "+972501234567", "plus 9 7 2, 5 0 1, 2 3 4, 5 6 7");
        row("digits apart stay apart", "5 5 5, 1 2 3 4", "5 5 5, 1 2 3 4");
        row("thousands are one number", "12,345 calls", "12,345 calls");
        row("an amount is one number", "$12345", "$12345");
        row("decimals", "3.14159", "3.1 4 1 5 9");
        row("accents are folded", "Café Zoë à Genève", "Cafe Zoe a Geneve");
        row("typographic marks", "“It’s” – yes…", "\"It's\", yes...");
        row("signs are words", "AT&T, me@x.com, 24/7, #5, press #",
            "AT and T, me at x.com, 24 slash 7, number 5, press pound");
        row("and/or", "and/or", "and or");
        row("white space and controls",
            "a\tb\nc\x01"
            "d",
            "a b c d");
        row("nothing", "", "");
        row("punctuation alone", " ... !? -- ", "");
        row("loose punctuation joins its word", "Yes , please .", "Yes, please.");
        row("Latin among Hebrew", "שלום Kav", "Kav");
        row("wide digits", "１２３", "123");
    }
    void isWhatACallerShouldHear()
    {
        QFETCH(QString, text);
        QFETCH(QString, pieces);
        const auto result = textForFlite(text);
        QVERIFY2(result.ok(), result.ok() ? "" : qPrintable(toString(result.error())));
        QCOMPARE(QString::fromLatin1(result->join('|')), pieces);
    }

    void refusesWhatItCannotSay()
    {
        const auto hebrew = textForFlite(QStringLiteral("שלום"));
        QVERIFY(!hebrew.ok());
        QCOMPARE(hebrew.error().code, Error::Code::Invalid);
        QVERIFY(textForFlite(QString(4096, QLatin1Char('a'))).ok());
        const auto tooLong = textForFlite(QString(4097, QLatin1Char('a')));
        QVERIFY(!tooLong.ok());
        QCOMPARE(tooLong.error().code, Error::Code::Invalid);
        QCOMPARE(tooLong.error().message,
            QStringLiteral("a text of 4097 characters is too long to speak at once (limit 4096 bytes)"));
        QVERIFY(!textForFlite(QString(2000, QChar(0x05d0))).ok());
    }

    void anyTextBecomesShortAsciiPieces()
    {
        std::mt19937 random(1);
        for (int round = 0; round < 2000; ++round) {
            QString text;
            for (quint32 i = random() % 400; i > 0; --i) {
                const quint32 kind = random() % 4;
                text += kind == 0 ? QChar(char16_t(random()))
                    : kind == 1   ? QChar(char16_t('0' + random() % 10))
                                  : QChar(char16_t(32 + random() % 95));
            }
            const auto pieces = textForFlite(text);
            if (!pieces)
                continue;
            for (const QByteArray& piece : *pieces) {
                QVERIFY(!piece.isEmpty() && piece.size() <= 240);
                for (const QByteArray& word : piece.split(' '))
                    QVERIFY2(!word.isEmpty() && word.size() <= 42, word.constData());
                for (const char c : piece)
                    QVERIFY(c >= ' ' && c < 127);
            }
        }
    }
};

QTEST_GUILESS_MAIN(TstFliteText)
#include "tst_flitetext.moc"
