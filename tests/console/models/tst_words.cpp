// SPDX-License-Identifier: Apache-2.0
#include "console/models/servicesmodel.h"
#include "console/models/words.h"

#include <QMetaEnum>
#include <QSet>
#include <QTest>

using namespace kav;
using namespace kav::console;
using namespace std::chrono_literals;

/// The words for the protocol's values.
class TestWords final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyValueHasAWordOfItsOwn();
    void everyServiceStateHasAWord();
    void everyErrorHasASentence();
    void notPossibleSaysWhy();
    void aRefusedVersionNamesTheEngines();
    void servicesAreNamedAndUnknownOnesShown();
    void readinessWordsBecomeSentences();
    void durations_data();
    void durations();
    void gaps();
    void timesHaveTheirDateOnlyOnAnotherDay();
    void isolatesComeOffAgain();

private:
    template <typename E> static void checkAll(QString (*word)(E))
    {
        const auto meta = QMetaEnum::fromType<E>();
        QSet<QString> seen;
        for (int i = 0; i < meta.keyCount(); ++i) {
            const QString text = word(E(meta.value(i)));
            QVERIFY2(!text.isEmpty(), meta.key(i));
            QVERIFY2(!seen.contains(text), meta.key(i));
            seen.insert(text);
        }
        QVERIFY(!seen.isEmpty());
    }
    static void checkSentence(const QString& text, const char* of)
    {
        QVERIFY2(text.endsWith(QLatin1Char('.')) && text.contains(QLatin1Char(' ')), of);
        QVERIFY2(!text.contains(QLatin1String("%1")) && !text.contains(QLatin1String("%2")), of);
    }
};

void TestWords::everyValueHasAWordOfItsOwn()
{
    checkAll(callStateWord);
    checkAll(endReasonWord);
    checkAll(turnInputWord);
    checkAll(linkStateWord);
    checkAll(lampWord);
    QCOMPARE(callStateWord(CallState::CallerSpeaking), QStringLiteral("Caller speaking"));
    QCOMPARE(endReasonWord(EndReason::CallerHungUp), QStringLiteral("Caller hung up"));
}

void TestWords::everyServiceStateHasAWord()
{
    QSet<QString> seen;
    for (int state = 0; state <= int(ServiceState::Failed); ++state)
        seen.insert(serviceStateWord(ServiceState(state)));
    QCOMPARE(seen.size(), int(ServiceState::Failed) + 1);
    QVERIFY(!seen.contains(QString()));
}

void TestWords::everyErrorHasASentence()
{
    for (int i = 0; i <= int(protocol::ErrorCode::Internal); ++i) {
        const auto code = protocol::ErrorCode(i);
        const QByteArray name = protocol::errorCodeName(code).toLatin1();
        checkSentence(errorSentence({code, {}}), name.constData());
        checkSentence(refusalSentence({code, {}, {}, {}}), name.constData());
    }
}

void TestWords::notPossibleSaysWhy()
{
    const QString sentence = errorSentence({protocol::ErrorCode::NotPossible, QStringLiteral("the agent is silent")});
    QVERIFY(withoutIsolates(sentence).endsWith(QLatin1String("The engine says: the agent is silent")));
}

void TestWords::aRefusedVersionNamesTheEngines()
{
    const QString sentence = refusalSentence({protocol::ErrorCode::Version, {}, 3, 4});
    QVERIFY2(withoutIsolates(sentence).contains(QLatin1String("versions 3 to 4")), qPrintable(sentence));
}

void TestWords::servicesAreNamedAndUnknownOnesShown()
{
    for (const char* id : {"stt", "llm", "tts", "store", "media", "engine"})
        QVERIFY2(serviceName(QString::fromLatin1(id)) != QString::fromLatin1(id), id);
    QCOMPARE(serviceName(QStringLiteral("vision")), QStringLiteral("vision"));
}

void TestWords::readinessWordsBecomeSentences()
{
    for (const char* word : {"draining", "full", "store", "workers"})
        checkSentence(notReadySentence(QString::fromLatin1(word)), word);
    QCOMPARE(notReadySentence(QStringLiteral("moon")), QStringLiteral("moon"));
}

void TestWords::durations_data()
{
    QTest::addColumn<qint64>("ms");
    QTest::addColumn<QString>("clock");
    QTest::addColumn<QString>("words");
    const auto row = [](const char* name, std::chrono::milliseconds length, const char* clock, const char* words) {
        QTest::newRow(name) << qint64(length.count()) << QString::fromLatin1(clock) << QString::fromLatin1(words);
    };
    row("nothing", 0ms, "0:00", "0 s");
    row("clocks that differ may give less than nothing", -500ms, "0:00", "0 s");
    row("seconds are not rounded up", 7999ms, "0:07", "7 s");
    row("a minute", 60s, "1:00", "1 min");
    row("minutes", 754s, "12:34", "12 min");
    row("hours", 3723s, "1:02:03", "1 h 2 min");
    row("days", 360000s, "100:00:00", "100 h 0 min");
}

void TestWords::durations()
{
    QFETCH(qint64, ms);
    QFETCH(QString, clock);
    QFETCH(QString, words);
    const std::chrono::milliseconds length(ms);
    QCOMPARE(durationText(length), isolated(clock));
    QCOMPARE(withoutIsolates(durationWords(length)), words);
}

void TestWords::gaps()
{
    QCOMPARE(gapText({}), QString(QChar(0x2013)));
    QCOMPARE(withoutIsolates(gapText(0ms)), QStringLiteral("0 ms"));
    QCOMPARE(withoutIsolates(gapText(999ms)), QStringLiteral("999 ms"));
    QCOMPARE(withoutIsolates(gapText(1000ms)), QStringLiteral("1.00 s"));
    QCOMPARE(withoutIsolates(gapText(1240ms)), QStringLiteral("1.24 s"));
    QVERIFY(gapText(740ms) != withoutIsolates(gapText(740ms)));
}

void TestWords::timesHaveTheirDateOnlyOnAnotherDay()
{
    const QDateTime when(QDate(2026, 1, 2), QTime(14, 2, 31));
    QCOMPARE(timeText(when.toUTC(), when.addSecs(60)), isolated(QStringLiteral("14:02:31")));
    QCOMPARE(timeText(when.toUTC(), when.addDays(1)), isolated(QStringLiteral("2026-01-02 14:02:31")));
    QCOMPARE(timeText(when.toUTC(), {}), isolated(QStringLiteral("2026-01-02 14:02:31")));
    QCOMPARE(timeText({}, when), QString(QChar(0x2013)));
}

void TestWords::isolatesComeOffAgain()
{
    const QString number = QStringLiteral("+1555");
    QCOMPARE(isolated(number).size(), number.size() + 2);
    QCOMPARE(
        withoutIsolates(QStringLiteral("a ") + isolated(number) + QStringLiteral(" b")), QStringLiteral("a +1555 b"));
    QCOMPARE(numberText(number), isolated(number));
    QVERIFY(!numberText({}).isEmpty());
}

QTEST_GUILESS_MAIN(TestWords)
#include "tst_words.moc"
