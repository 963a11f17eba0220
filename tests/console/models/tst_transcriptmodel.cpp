// SPDX-License-Identifier: Apache-2.0
#include "console/models/roles.h"
#include "console/models/transcriptmodel.h"
#include "console/models/words.h"
#include "tests/console/models/modelsupport.h"

#include <QPersistentModelIndex>
#include <QTest>

using namespace kav;
using namespace kav::console;
using namespace kav::test;
using namespace std::chrono_literals;
using Transcript = TranscriptModel;

namespace {

const QString Call = QStringLiteral("CA1"), Other = QStringLiteral("CA2");

struct TranscriptScreen final {
    TranscriptModel model;
    ModelEar ear{model};

    TranscriptScreen()
    {
        model.clear(Call);
        ear.heard();
    }
    QStringList numbers() const { return shown(model, Transcript::Number); }
    QString text(int row, int column, int role = Qt::DisplayRole) const
    {
        return withoutIsolates(model.index(row, column).data(role).toString());
    }
    QStringList given(const QList<int>& turns, int firstTurn = 1, const QString& call = Call)
    {
        protocol::CallTranscript transcript{call, 7, firstTurn, {}};
        for (const int number : turns)
            transcript.turns.append(turnOf(number, QStringLiteral("words %1").arg(number)));
        model.take(transcript);
        return ear.heard();
    }
};

} // namespace

/// The turns of the call on screen.
class TestTranscriptModel final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(QStringLiteral(".?"))); }

    void showsNothingOfAnotherCall();
    void takesATranscriptAsDifferences();
    void aTurnGrowsInItsRow();
    void turnsComeInOrderOfTheirNumbers();
    void aRepeatedNumberHasOneRow();
    void theLogsAccountReplacesTheLiveOne();
    void anotherCallBeginsEmpty();
    void showsWhereTheTimeWent();
    void saysHowATurnWithoutWordsWasGiven();
    void aCallThatCameBackSaysSo();
    void readsOutATurn();
    void exportsPlainValues();
    void longGapsAreMarked();
    void isDimmedWhileNotLive();
    void everyColumnHasATitle();
};

void TestTranscriptModel::showsNothingOfAnotherCall()
{
    TranscriptScreen screen;
    QCOMPARE(screen.given({1, 2}, 1, Other), QStringList());
    screen.model.change(Other, turnOf(1, QStringLiteral("hello")));
    screen.model.take(protocol::CallDetail{logRow(Other, 1), {turnOf(1, QStringLiteral("hello"))}, {}});
    QCOMPARE(screen.ear.heard(), QStringList());
    QCOMPARE(screen.model.rowCount(), 0);

    screen.model.clear();
    screen.model.change({}, turnOf(1, QStringLiteral("hello")));
    QCOMPARE(screen.model.rowCount(), 0);
}

void TestTranscriptModel::takesATranscriptAsDifferences()
{
    TranscriptScreen screen;
    QCOMPARE(screen.given({1, 2, 3}), words("+0..2"));
    const QPersistentModelIndex read(screen.model.index(2, 0));
    screen.model.change(Call, turnOf(3, QStringLiteral("a partial")));
    screen.ear.heard();
    QCOMPARE(screen.given({2, 3, 4, 5}, 2), words("-0..0 +2..3 ~1..1/0..9"));
    QCOMPARE(screen.model.firstTurn(), 2);
    QCOMPARE(screen.numbers(), words("2 3 4 5"));
    QCOMPARE(read.row(), 1);
    QCOMPARE(screen.given({2, 3, 4, 5}, 2), QStringList());
}

void TestTranscriptModel::aTurnGrowsInItsRow()
{
    TranscriptScreen screen;
    auto turn = turnOf(1, QStringLiteral("good"));
    turn.open = true;
    turn.callerTextFinal = false;
    screen.model.change(Call, turn);
    turn.record.callerText = QStringLiteral("good morning");
    screen.model.change(Call, turn);
    screen.model.change(Call, turn);
    QCOMPARE(screen.ear.heard(), words("+0..0 ~0..0/0..9"));
    QCOMPARE(screen.text(0, Transcript::CallerText), QStringLiteral("good morning"));
    QVERIFY(screen.model.at(0).open);
    QCOMPARE(screen.model.index(0, 0).data(ItemRole).value<TranscriptTurn>(), turn);
}

void TestTranscriptModel::turnsComeInOrderOfTheirNumbers()
{
    TranscriptScreen screen;
    for (const int number : {5, 2, 9, 3})
        screen.model.change(Call, turnOf(number, QStringLiteral("x")));
    QCOMPARE(screen.numbers(), words("2 3 5 9"));
    QCOMPARE(screen.ear.heard(), words("+0..0 +0..0 +2..2 +1..1"));
    screen.model.clear(Call);
    screen.given({3, 1, 2});
    QCOMPARE(screen.numbers(), words("1 2 3"));
}

void TestTranscriptModel::aRepeatedNumberHasOneRow()
{
    TranscriptScreen screen;
    screen.given({1, 2, 2, 1});
    QCOMPARE(screen.numbers(), words("1 2"));
}

void TestTranscriptModel::theLogsAccountReplacesTheLiveOne()
{
    TranscriptScreen screen;
    screen.given({2, 3}, 2);
    screen.model.take(protocol::CallDetail{logRow(Call, 1),
        {turnOf(1, QStringLiteral("words 1")), turnOf(2, QStringLiteral("words 2")),
            turnOf(3, QStringLiteral("corrected"))},
        {}});
    QCOMPARE(screen.ear.heard(), words("+0..0 ~2..2/0..9"));
    QCOMPARE(screen.model.firstTurn(), 1);
}

void TestTranscriptModel::anotherCallBeginsEmpty()
{
    TranscriptScreen screen;
    screen.given({2, 3}, 2);
    screen.model.clear(Other);
    QCOMPARE(screen.model.callId(), Other);
    QCOMPARE(screen.model.rowCount(), 0);
    QCOMPARE(screen.model.firstTurn(), 1);
}

void TestTranscriptModel::showsWhereTheTimeWent()
{
    TranscriptScreen screen;
    auto turn = turnOf(1, QStringLiteral("hello"), QStringLiteral("Good day."));
    turn.record.latency = {
        {{LatencyPart::EndOfUtterance, 700ms, QStringLiteral("turn.end_of_utterance_max")},
            {LatencyPart::Recognition, 120ms, QStringLiteral("deepgram")},
            {LatencyPart::FirstSentence, 80ms, QStringLiteral("tool:book")},
            {LatencyPart::FirstAudio, 100ms, QStringLiteral("rendered")}, {LatencyPart::Playout, 40ms, {}}},
        1040ms, true, {}};
    screen.model.change(Call, turn);
    QStringList texts;
    for (int column = Transcript::Pause; column < Transcript::ColumnCount; ++column)
        texts.append(screen.text(0, column));
    QCOMPARE(texts,
        QStringList({QStringLiteral("700 ms"), QStringLiteral("120 ms"), QString(QChar(0x2013)),
            QStringLiteral("80 ms"), QStringLiteral("100 ms"), QStringLiteral("40 ms"), QStringLiteral("1.04 s")}));
    const auto tip = [&](int column) { return screen.text(0, column, Qt::ToolTipRole).section(QLatin1Char('\n'), 1); };
    QCOMPARE(tip(Transcript::Pause), QStringLiteral("Set by turn.end_of_utterance_max."));
    QCOMPARE(tip(Transcript::Recognition), QStringLiteral("Spent by deepgram."));
    QCOMPARE(tip(Transcript::FirstToken), QString());
    QCOMPARE(tip(Transcript::FirstSentence), QStringLiteral("Spent by the tool book."));
    QCOMPARE(tip(Transcript::FirstAudio), QStringLiteral("The line was rendered ahead."));
    QCOMPARE(tip(Transcript::Playout), QString());
    QVERIFY(tip(Transcript::Gap).contains(QStringLiteral("waiting line")));
}

void TestTranscriptModel::saysHowATurnWithoutWordsWasGiven()
{
    TranscriptScreen screen;
    auto turn = turnOf(1, {});
    turn.record.input = TurnInput::Silence;
    screen.model.change(Call, turn);
    QCOMPARE(screen.text(0, Transcript::CallerText), turnInputWord(TurnInput::Silence));
    turn.record.input = TurnInput::Keypad;
    turn.record.callerText = QStringLiteral("1 2 3");
    screen.model.change(Call, turn);
    QCOMPARE(screen.text(0, Transcript::CallerText), QStringLiteral("1 2 3"));
}

void TestTranscriptModel::aCallThatCameBackSaysSo()
{
    TranscriptScreen screen;
    auto turn = turnOf(1, {}, QStringLiteral("Good morning"));
    turn.record.input = TurnInput::Opening;
    screen.model.change(Call, turn);
    turn.record.number = 5;
    turn.record.agentText = QStringLiteral("Nobody is available");
    screen.model.change(Call, turn);
    QCOMPARE(screen.text(0, Transcript::CallerText), turnInputWord(TurnInput::Opening));
    QCOMPARE(screen.text(1, Transcript::CallerText), QStringLiteral("Passed on, and back"));
    QCOMPARE(screen.text(1, 0, Qt::AccessibleTextRole),
        QStringLiteral("Turn 5. The call was passed on, and is back with the agent: Nobody is available."));
}

void TestTranscriptModel::readsOutATurn()
{
    TranscriptScreen screen;
    auto turn = turnOf(3, QStringLiteral("what 100%1 is"), {});
    screen.model.change(Call, turn);
    QCOMPARE(
        screen.text(0, 0, Qt::AccessibleTextRole), QStringLiteral("Turn 3. Caller: what 100%1 is. No answer yet."));
    turn.record.agentText = QStringLiteral("We are open until nine");
    turn.record.latency.total = 740ms;
    screen.model.change(Call, turn);
    QVERIFY(screen.text(0, 0, Qt::AccessibleTextRole)
                .endsWith(QLatin1String("Agent: We are open until nine. The wait was 740 ms.")));
    turn.record.interrupted = true;
    turn.record.heardText = QStringLiteral("We are");
    screen.model.change(Call, turn);
    QVERIFY(screen.text(0, 0, Qt::AccessibleTextRole).endsWith(QLatin1String("Agent, interrupted: We are.")));
}

void TestTranscriptModel::exportsPlainValues()
{
    TranscriptScreen screen;
    auto turn = turnOf(1, {}, QStringLiteral("Good day."));
    turn.record.input = TurnInput::Opening;
    turn.record.latency.total = 1500ms;
    screen.model.change(Call, turn);
    const auto exported = [&](int column) { return screen.model.index(0, column).data(ExportRole); };
    QCOMPARE(exported(Transcript::Number), QVariant(1));
    QCOMPARE(exported(Transcript::CallerText), QVariant(QString()));
    QCOMPARE(exported(Transcript::AgentText), QVariant(QStringLiteral("Good day.")));
    QCOMPARE(exported(Transcript::Gap), QVariant(qint64(1500)));
    QVERIFY(!exported(Transcript::FirstToken).isValid());
}

void TestTranscriptModel::longGapsAreMarked()
{
    TranscriptScreen screen;
    const auto level = [&](std::optional<std::chrono::milliseconds> gap) {
        auto turn = turnOf(1, QStringLiteral("x"));
        turn.record.latency.total = gap;
        screen.model.change(Call, turn);
        return screen.model.index(0, Transcript::Gap).data(LevelRole).toInt();
    };
    QCOMPARE(level({}), 0);
    QCOMPARE(level(3000ms), 0);
    QCOMPARE(level(3001ms), 1);
    QCOMPARE(level(6001ms), 2);
}

void TestTranscriptModel::isDimmedWhileNotLive()
{
    TranscriptScreen screen;
    screen.given({1, 2});
    screen.model.setLive(false);
    QCOMPARE(screen.ear.heard(), words("~0..1/0..9"));
    QVERIFY(screen.model.index(1, 0).data(DimmedRole).toBool());
    screen.model.setLive(false);
    QCOMPARE(screen.ear.heard(), QStringList());
    screen.model.setLive(true);
    QVERIFY(!screen.model.index(1, 0).data(DimmedRole).toBool());
}

void TestTranscriptModel::everyColumnHasATitle()
{
    TranscriptScreen screen;
    for (int column = 0; column < Transcript::ColumnCount; ++column) {
        QVERIFY(!screen.model.headerData(column, Qt::Horizontal).toString().isEmpty());
        QVERIFY(!screen.model.headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString().isEmpty());
    }
}

QTEST_GUILESS_MAIN(TestTranscriptModel)
#include "tst_transcriptmodel.moc"
