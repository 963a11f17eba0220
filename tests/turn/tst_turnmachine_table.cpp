// SPDX-License-Identifier: Apache-2.0
#include "tests/turn/turndriver.h"

#include <QTest>

using namespace kav;
using namespace kav::turn;
using namespace kav::turn::test;

namespace {

// The situations of the table: each public state, and the sub-states in which events mean something else.
const QStringList situations{QStringLiteral("listening"), QStringLiteral("utterance"), QStringLiteral("thinking"),
    QStringLiteral("awaiting"), QStringLiteral("speaking"), QStringLiteral("paused"), QStringLiteral("claimed"),
    QStringLiteral("held"), QStringLiteral("ending"), QStringLiteral("ended")};

void bringTo(Driver& call, const QString& situation)
{
    call.send(event::CallStarted{.opening = false});
    const qsizetype depth = situations.indexOf(situation);
    if (situation == QLatin1String("utterance")) {
        call.callerSpeaks(400);
        call.partial(QStringLiteral("i want"), false);
    } else if (situation == QLatin1String("awaiting")) {
        call.callerSpeaks(400);
        call.callerIsSilent(600);
    } else if (depth >= 2 && depth <= 6) {
        call.callerSays(QStringLiteral("sales"));
        if (depth >= 4)
            call.send(event::AnswerReady{1});
        if (depth == 5)
            call.callerSpeaks(200);
        if (depth == 6) {
            call.callerSpeaks(400);
            call.callerIsSilent(200);
        }
    } else if (situation == QLatin1String("held")) {
        call.send(event::OperatorHold{});
    } else if (situation == QLatin1String("ending")) {
        call.send(event::EndRequested{});
    } else if (situation == QLatin1String("ended")) {
        call.send(event::RemoteEnded{});
    }
}

struct Row {
    const char* name;
    Event event; ///< utterance -1: the current one
    const char* cells[10]; ///< per situation "state: action kinds"; "" is ignored
};

#define GOODBYE "PlayGoodbye StateChanged"
#define HANGUP "ended: StateChanged EndCall"
const Row rows[] = {
    //                                  listening, utterance, thinking, awaiting, speaking, paused, claimed, held,
    //                                  ending, ended
    {"CallStarted", event::CallStarted{}, {"", "", "", "", "", "", "", "", "", ""}},
    {"voiced Frame", event::Frame{true}, {"", "", "", "", "", "", "", "", "", ""}},
    {"unvoiced Frame", event::Frame{false}, {"", "", "", "", "", "", "", "", "", ""}},
    {"Tick", event::Tick{}, {"", "", "", "", "", "", "", "", "", ""}},
    {"Partial", event::Partial{-1, QStringLiteral("i want sales"), true},
        {"", "", "", "thinking: ReplaceTurn", "", "listening: CutSpeech StateChanged",
            "listening: CutSpeech StateChanged", "", "", ""}},
    {"stale Partial", event::Partial{99, QStringLiteral("stop"), true}, {"", "", "", "", "", "", "", "", "", ""}},
    {"Final", event::Final{-1, QStringLiteral("i want support"), 0.9},
        {"", "", "thinking: ReplaceTurn", "thinking: ReplaceTurn", "speaking: MergeFinal",
            "listening: CutSpeech StateChanged", "listening: CutSpeech StateChanged", "", "", ""}},
    {"empty Final", event::Final{-1, QString(), 0},
        {"", "", "", "thinking: ReplaceTurn", "", "", "speaking: ResumePlayout", "", "", ""}},
    {"stale Final", event::Final{99, QStringLiteral("stop"), 0.9}, {"", "", "", "", "", "", "", "", "", ""}},
    {"RecognitionFailed", event::RecognitionFailed{-1},
        {"", "", "", "thinking: ReplaceTurn", "", "", "listening: CutSpeech StateChanged", "", "", ""}},
    {"Keypad", event::Keypad{QStringLiteral("1")},
        {"thinking: CommitTurn StateChanged", "thinking: DropUtterance CommitTurn StateChanged",
            "thinking: DropAnswer DropUtterance CommitTurn", "thinking: DropAnswer DropUtterance CommitTurn",
            "thinking: CutSpeech StateChanged CommitTurn StateChanged",
            "thinking: CutSpeech DropUtterance StateChanged CommitTurn StateChanged",
            "thinking: CutSpeech DropUtterance StateChanged CommitTurn StateChanged", "", "", ""}},
    {"empty Keypad", event::Keypad{}, {"", "", "", "", "", "", "", "", "", ""}},
    {"KeyPressed", event::KeyPressed{},
        {"", "listening: DropUtterance", "listening: DropAnswer DropUtterance StateChanged",
            "listening: DropAnswer DropUtterance StateChanged", "listening: CutSpeech StateChanged",
            "listening: CutSpeech DropUtterance StateChanged", "listening: CutSpeech DropUtterance StateChanged", "",
            "", ""}},
    {"AnswerReady", event::AnswerReady{1},
        {"", "", "speaking: StartSpeaking StateChanged", "", "", "", "", "", "", ""}},
    {"stale AnswerReady", event::AnswerReady{9}, {"", "", "", "", "", "", "", "", "", ""}},
    {"AnswerComplete", event::AnswerComplete{1, false}, {"", "", "thinking: PlayFallback", "", "", "", "", "", "", ""}},
    {"last AnswerComplete", event::AnswerComplete{1, true},
        {"", "", "ending: DropAnswer DropUtterance " GOODBYE, "", "ending: StateChanged", "", "", "", "", ""}},
    {"stale AnswerComplete", event::AnswerComplete{9, true}, {"", "", "", "", "", "", "", "", "", ""}},
    {"AnswerFailed", event::AnswerFailed{1},
        {"", "", "thinking: PlayFallback", "thinking: PlayFallback", "", "", "", "", "", ""}},
    {"stale AnswerFailed", event::AnswerFailed{9}, {"", "", "", "", "", "", "", "", "", ""}},
    {"SpeechHeard", event::SpeechHeard{}, {"", "", "", "", "", "", "", "", HANGUP, ""}},
    {"Expect", event::Expect{Listening::Digits, true}, {"", "", "", "", "", "", "", "", "", ""}},
    {"Expect keypad only", event::Expect{Listening::KeypadOnly, true},
        {"", "listening: DropUtterance", "", "", "", "speaking: DropUtterance ResumePlayout",
            "speaking: DropUtterance ResumePlayout", "", "", ""}},
    {"OperatorHold", event::OperatorHold{},
        {"held: StateChanged", "held: DropUtterance StateChanged",
            "held: CutSpeech DropAnswer DropUtterance StateChanged",
            "held: CutSpeech DropAnswer DropUtterance StateChanged", "held: CutSpeech StateChanged",
            "held: CutSpeech DropUtterance StateChanged", "held: CutSpeech DropUtterance StateChanged", "", "", ""}},
    {"OperatorRelease", event::OperatorRelease{}, {"", "", "", "", "", "", "", "listening: StateChanged", "", ""}},
    {"OperatorInterrupt", event::OperatorInterrupt{},
        {"", "", "listening: CutSpeech DropAnswer DropUtterance StateChanged",
            "listening: CutSpeech DropAnswer DropUtterance StateChanged", "listening: CutSpeech StateChanged",
            "listening: CutSpeech StateChanged", "listening: CutSpeech StateChanged", "", "", ""}},
    {"OperatorEnd", event::OperatorEnd{},
        {HANGUP, "ended: DropUtterance StateChanged EndCall", HANGUP, HANGUP, HANGUP,
            "ended: DropUtterance StateChanged EndCall", "ended: DropUtterance StateChanged EndCall", HANGUP, HANGUP,
            ""}},
    {"RemoteEnded", event::RemoteEnded{},
        {HANGUP, "ended: DropUtterance StateChanged EndCall", HANGUP, HANGUP, HANGUP,
            "ended: DropUtterance StateChanged EndCall", "ended: DropUtterance StateChanged EndCall", HANGUP, HANGUP,
            ""}},
    {"EndRequested", event::EndRequested{},
        {"ending: " GOODBYE, "ending: DropUtterance " GOODBYE, "ending: DropAnswer DropUtterance " GOODBYE,
            "ending: DropAnswer DropUtterance " GOODBYE, "ending: CutSpeech " GOODBYE,
            "ending: CutSpeech DropUtterance " GOODBYE, "ending: CutSpeech DropUtterance " GOODBYE, "ending: " GOODBYE,
            "", ""}},
};

Event addressed(Event event, int utterance)
{
    const auto address = [utterance](auto& e) {
        if (e.utterance == -1)
            e.utterance = utterance;
    };
    if (auto* partial = std::get_if<event::Partial>(&event))
        address(*partial);
    else if (auto* final = std::get_if<event::Final>(&event))
        address(*final);
    else if (auto* failed = std::get_if<event::RecognitionFailed>(&event))
        address(*failed);
    return event;
}

} // namespace

/// Every event in every state, the ignored ones included.
class TurnMachineTable final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyEventHasARow();
    void situationsAreWhatTheyAreCalled();
    void everyPair_data();
    void everyPair();
    void nothingHappensBeforeTheCallStarts_data();
    void nothingHappensBeforeTheCallStarts();
};

void TurnMachineTable::everyEventHasARow()
{
    QSet<std::size_t> kinds;
    for (const Row& row : rows)
        kinds.insert(row.event.index());
    QCOMPARE(kinds.size(), static_cast<qsizetype>(std::variant_size_v<Event>));
}

void TurnMachineTable::situationsAreWhatTheyAreCalled()
{
    const TurnState states[]{TurnState::Listening, TurnState::Listening, TurnState::Thinking, TurnState::Thinking,
        TurnState::Speaking, TurnState::Speaking, TurnState::Speaking, TurnState::Held, TurnState::Ending,
        TurnState::Ended};
    for (qsizetype i = 0; i < situations.size(); ++i) {
        Driver call;
        bringTo(call, situations[i]);
        QCOMPARE(turnStateName(call.machine.state()), turnStateName(states[i]));
        const QStringList log = call.taken();
        QCOMPARE(log.contains(QStringLiteral("commit 1 voice '' await")), situations[i] == QLatin1String("awaiting"));
        QCOMPARE(log.contains(QStringLiteral("pause")),
            situations[i] == QLatin1String("paused") || situations[i] == QLatin1String("claimed"));
        QCOMPARE(log.contains(QStringLiteral("end 2")), situations[i] == QLatin1String("claimed"));
    }
}

void TurnMachineTable::everyPair_data()
{
    QTest::addColumn<int>("row");
    QTest::addColumn<QString>("situation");
    QTest::addColumn<QString>("outcome");
    for (int r = 0; r < static_cast<int>(std::size(rows)); ++r) {
        for (qsizetype s = 0; s < situations.size(); ++s) {
            QTest::addRow("%s when %s", rows[r].name, qPrintable(situations[s]))
                << r << situations[s] << QString::fromLatin1(rows[r].cells[s]);
        }
    }
}

void TurnMachineTable::everyPair()
{
    QFETCH(int, row);
    QFETCH(QString, situation);
    QFETCH(QString, outcome);
    Driver call;
    bringTo(call, situation);
    const TurnState before = call.machine.state();
    const Actions actions = call.machine.on(addressed(rows[row].event, call.machine.currentUtterance()), call.now());
    QStringList kinds;
    for (const Action& act : actions)
        kinds += kindOf(act);
    if (outcome.isEmpty()) {
        QCOMPARE(kinds.join(QLatin1Char(' ')), QString());
        QCOMPARE(call.machine.state(), before);
        return;
    }
    QCOMPARE(
        QString(turnStateName(call.machine.state()) + QLatin1String(": ") + kinds.join(QLatin1Char(' '))), outcome);
}

void TurnMachineTable::nothingHappensBeforeTheCallStarts_data()
{
    QTest::addColumn<int>("row");
    for (int r = 0; r < static_cast<int>(std::size(rows)); ++r)
        QTest::addRow("%s", rows[r].name) << r;
}

void TurnMachineTable::nothingHappensBeforeTheCallStarts()
{
    QFETCH(int, row);
    const Event& event = rows[row].event;
    TurnMachine machine({}, Instant(std::chrono::hours(1)));
    QStringList kinds;
    for (const Action& act : machine.on(event, Instant(std::chrono::hours(1))))
        kinds += kindOf(act);
    QString expected;
    if (std::holds_alternative<event::CallStarted>(event))
        expected = QStringLiteral("CommitTurn StateChanged");
    else if (std::holds_alternative<event::RemoteEnded>(event) || std::holds_alternative<event::OperatorEnd>(event)
        || std::holds_alternative<event::EndRequested>(event))
        expected = QStringLiteral("StateChanged EndCall");
    QCOMPARE(kinds.join(QLatin1Char(' ')), expected);
}

QTEST_APPLESS_MAIN(TurnMachineTable)
#include "tst_turnmachine_table.moc"
