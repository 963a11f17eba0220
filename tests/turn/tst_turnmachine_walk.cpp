// SPDX-License-Identifier: Apache-2.0
#include "tests/turn/turndriver.h"

#include <QTest>

#include <random>

using namespace kav;
using namespace kav::turn;
using namespace kav::turn::test;

namespace {

/// Watches a call from outside and knows what must never happen. Nothing here looks into the machine.
class Invariants final {
public:
    explicit Invariants(const Settings& settings)
        : m_settings(settings)
    {
    }

    void before(const Event& event, Instant now)
    {
        if (m_first == Instant())
            m_first = m_lastVoice = now;
        if (const auto* frame = std::get_if<event::Frame>(&event); frame && frame->voiced)
            m_lastVoice = now;
        m_isTime = std::holds_alternative<event::Frame>(event) || std::holds_alternative<event::Tick>(event);
        hears(event);
        if (const auto* final = std::get_if<event::Final>(&event); final && final->utterance == m_open)
            m_open = 0;
        if (const auto* failed = std::get_if<event::RecognitionFailed>(&event); failed && failed->utterance == m_open)
            m_open = 0;
    }

    /// Empty: all is well.
    QString after(const Actions& actions, Instant now, TurnState state)
    {
        for (const Action& act : actions) {
            if (const QString fault = check(act, now); !fault.isEmpty())
                return QString(fault + QLatin1String(" at ") + describe(act));
        }
        if (m_state != state)
            return QStringLiteral("the state changed without saying so");
        if (m_ended != (state == TurnState::Ended))
            return QStringLiteral("EndCall and ENDED do not go together");
        // Commit -> something the caller hears, counted from the last voice, or, when it was long ago, from the commit.
        if (m_answerDue && now > *m_answerDue)
            return QStringLiteral("nothing was heard within the deadline");
        return {};
    }

    int turns() const { return m_turn; }
    int ends() const { return m_ends; }

private:
    QString check(const Action& act, Instant now)
    {
        if (m_ended)
            return QStringLiteral("an action after EndCall");
        return std::visit(
            Overloaded{
                [&](const action::StateChanged& a) {
                    const bool consistent = a.from == m_state && a.to != a.from && m_state != TurnState::Ended
                        && (m_state != TurnState::Ending || a.to == TurnState::Ended);
                    m_state = a.to;
                    if (m_state != TurnState::Thinking)
                        m_answerDue.reset();
                    return consistent ? QString() : QStringLiteral("a broken chain of states");
                },
                [&](const action::BeginUtterance& a) {
                    const bool good = m_open == 0 && a.utterance == m_utterance + 1 && a.preRoll.count() > 0;
                    m_open = m_utterance = a.utterance;
                    return good ? QString() : QStringLiteral("two utterances are open, or a number was skipped");
                },
                [&](const action::EndUtterance& a) { return close(a.utterance, true); },
                [&](const action::DropUtterance& a) { return close(a.utterance, false); },
                [&](const action::CommitTurn& a) {
                    const bool good = a.turn == m_turn + 1 && (!a.awaitFinal || a.text.isEmpty()) && m_open == 0;
                    m_turn = a.turn;
                    m_awaits = a.awaitFinal;
                    m_expectBefore = m_expect;
                    m_fallbackPlayed = false;
                    // Keys and the opening have no voice of their own.
                    const bool voice = a.input == TurnInput::Voice || a.input == TurnInput::Message;
                    m_answerDue = (voice ? m_lastVoice : now) + m_settings.fallback + Milliseconds(20);
                    if (a.input == TurnInput::Message)
                        m_answerDue = std::max(*m_answerDue, now);
                    return good ? QString() : QStringLiteral("a turn number was skipped or words came too soon");
                },
                [&](const action::ReplaceTurn& a) {
                    m_awaits = false;
                    m_expect = m_expectBefore;
                    return a.turn == m_turn && m_state == TurnState::Thinking ? QString()
                                                                              : QStringLiteral("replaced too late");
                },
                [&](const action::MergeFinal& a) {
                    return a.turn == m_turn ? QString() : QStringLiteral("merged into another turn");
                },
                [&](const action::StartSpeaking& a) {
                    m_answerDue.reset();
                    return a.turn == m_turn && m_state == TurnState::Thinking && !m_awaits
                        ? QString()
                        : QStringLiteral("an answer nobody waits for");
                },
                [&](const action::DropAnswer& a) {
                    m_answerDue.reset();
                    m_awaits = false;
                    if (!m_fallbackPlayed)
                        m_expect = m_expectBefore;
                    return a.turn == m_turn && m_state == TurnState::Thinking
                        ? QString()
                        : QStringLiteral("dropped a heard answer");
                },
                [&](const action::PausePlayout& a) {
                    const bool good = !m_paused && m_state == TurnState::Speaking && a.onset < now;
                    m_paused = true;
                    m_claimed = m_utterance + 1;
                    m_claimVoice = m_settings.interruptVoice;
                    m_claimIsKnown = false;
                    return good ? QString() : QStringLiteral("paused twice, or nothing");
                },
                [&](const action::ResumePlayout&) {
                    const bool good = m_paused && m_state == TurnState::Speaking;
                    m_paused = false;
                    // The recogniser failed or is silent: only a cough, or what needs no recogniser, is passed over.
                    if ((m_isTime || m_failedNow) && !m_claimIsKnown && m_claimVoice >= m_settings.cough
                        && m_expect != Listening::Message && m_expect != Listening::KeypadOnly)
                        return QStringLiteral("words nobody understood were taken for a cough");
                    return good ? QString() : QStringLiteral("resumed what was not paused");
                },
                [&](const action::CutSpeech&) {
                    m_paused = false;
                    return m_state == TurnState::Speaking || m_state == TurnState::Thinking
                        ? QString()
                        : QStringLiteral("cut what is not heard");
                },
                [&](const action::PlayFiller& a) {
                    return a.turn == m_turn ? QString() : QStringLiteral("stale filler");
                },
                [&](const action::PlayFallback& a) {
                    m_answerDue.reset();
                    m_paused = false;
                    m_fallbackPlayed = true;
                    return a.turn == m_turn ? QString() : QStringLiteral("stale fallback");
                },
                [&](const action::PlayNoInput& a) {
                    return a.times == 1 || a.times == 2 ? QString() : QStringLiteral("a third prompt");
                },
                [&](const action::PlayGoodbye&) {
                    m_answerDue.reset();
                    m_paused = false;
                    return m_state == TurnState::Ending ? QStringLiteral("a second goodbye") : QString();
                },
                [&](const action::EndCall& a) {
                    ++m_ends;
                    m_ended = true;
                    return m_state == TurnState::Ended && a.reason != EndReason::None
                        ? QString()
                        : QStringLiteral("ended too soon");
                },
                [](const action::Note& a) { return a.token.isEmpty() ? QStringLiteral("an empty note") : QString(); },
            },
            act);
    }

    /// What is known of the voice that has paused the agent.
    void hears(const Event& event)
    {
        m_failedNow = std::holds_alternative<event::RecognitionFailed>(event);
        if (const auto* frame = std::get_if<event::Frame>(&event); frame && frame->voiced && m_open != 0)
            m_claimVoice += CallerVoice::Frame;
        if (const auto* partial = std::get_if<event::Partial>(&event))
            m_claimIsKnown = m_claimIsKnown || (partial->utterance >= m_claimed && partial->stable);
        if (const auto* final = std::get_if<event::Final>(&event))
            m_claimIsKnown = m_claimIsKnown || final->utterance >= m_claimed;
        if (const auto* expect = std::get_if<event::Expect>(&event))
            m_expect = expect->kind;
    }

    QString close(int utterance, bool mustBeOpen)
    {
        const bool good = utterance == m_open || (!mustBeOpen && utterance < m_utterance + 1 && utterance > 0);
        if (utterance == m_open)
            m_open = 0;
        return good ? QString() : QStringLiteral("closed an utterance that is not open");
    }

    Settings m_settings;
    TurnState m_state = TurnState::Listening;
    Instant m_first, m_lastVoice;
    std::optional<Instant> m_answerDue;
    int m_open = 0, m_utterance = 0, m_turn = 0, m_ends = 0;
    bool m_awaits = false, m_paused = false, m_ended = false;
    int m_claimed = 0; // the first utterance of the voice that paused the agent
    Milliseconds m_claimVoice{0};
    bool m_claimIsKnown = false, m_isTime = false, m_failedNow = false, m_fallbackPlayed = false;
    Listening m_expect = Listening::Speech, m_expectBefore = Listening::Speech;
};

/// A caller, a recogniser, a dialog and an operator who do as they like. `chaos` 0: they mostly keep to their parts.
class Walk final {
public:
    Walk(unsigned seed, int chaos)
        : m_random(seed)
        , m_chaos(chaos)
    {
    }

    bool dice(int percent) { return number(100) < percent; }
    int number(int below) { return static_cast<int>(m_random() % static_cast<unsigned>(below)); }

    Event next(const TurnMachine& machine)
    {
        if (m_burst-- <= 0) {
            m_voiced = dice(45);
            m_burst = 1 + number(dice(80) ? 40 : 400);
            m_noFrames = dice(5);
        }
        if (number(1000) < 960)
            return m_noFrames ? Event(event::Tick{}) : Event(event::Frame{m_voiced != dice(4)});
        static const QStringList words{QString(), QStringLiteral("yes"), QStringLiteral("sales"), QStringLiteral("mm"),
            QStringLiteral("and"), QStringLiteral("five"), QStringLiteral("stop")};
        const int turn = machine.currentTurn() - (dice(m_chaos) ? 1 : 0);
        const int utterance = machine.currentUtterance() - (dice(20) ? 1 : 0);
        const QString word = words[number(static_cast<int>(words.size()))];
        switch (number(20)) {
        case 0:
        case 1:
        case 2:
            return event::Partial{utterance, word, dice(50)};
        case 3:
        case 4:
        case 5:
            return event::Final{utterance, word, 0.5};
        case 6:
            return event::RecognitionFailed{utterance};
        case 7:
            return event::Keypad{dice(90) ? QStringLiteral("12") : QString()};
        case 8:
            return event::KeyPressed{};
        case 9:
        case 10:
        case 11:
            return event::AnswerReady{turn};
        case 12:
            return event::AnswerComplete{turn, dice(m_chaos)};
        case 13:
            return dice(30) ? Event(event::AnswerFailed{turn}) : Event(event::AnswerComplete{turn, false});
        case 14:
        case 15:
            return event::SpeechHeard{};
        case 16:
            return event::Expect{static_cast<Listening>(number(4)), dice(90)};
        case 17:
            return dice(50) ? Event(event::OperatorHold{}) : Event(event::OperatorRelease{});
        case 18:
            return event::OperatorRelease{};
        default:
            break;
        }
        if (!dice(m_chaos))
            return event::OperatorInterrupt{};
        switch (number(4)) {
        case 0:
            return event::OperatorEnd{};
        case 1:
            return event::RemoteEnded{};
        case 2:
            return event::EndRequested{};
        default:
            return event::CallStarted{};
        }
    }

private:
    std::mt19937 m_random;
    int m_chaos;
    int m_burst = 0;
    bool m_voiced = false;
    bool m_noFrames = false;
};

} // namespace

/// What must hold in every call there can be.
class TurnMachineWalk final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void invariantsHoldOnRandomWalks_data();
    void invariantsHoldOnRandomWalks();
    void everyStateIsLeftWhenNothingComesButTime_data();
    void everyStateIsLeftWhenNothingComesButTime();
};

void TurnMachineWalk::invariantsHoldOnRandomWalks_data()
{
    QTest::addColumn<unsigned>("seed");
    QTest::addColumn<int>("chaos");
    for (unsigned seed = 1; seed <= 10; ++seed)
        QTest::addRow("seed %u, calm", seed) << seed << 0;
    for (unsigned seed = 11; seed <= 20; ++seed)
        QTest::addRow("seed %u, wild", seed) << seed << 30;
}

void TurnMachineWalk::invariantsHoldOnRandomWalks()
{
    QFETCH(unsigned, seed);
    QFETCH(int, chaos);
    Walk walk(seed, chaos);
    Instant now{std::chrono::hours(1)};
    int calls = 0, ended = 0, turns = 0;
    for (int events = 0; events < 100'000; ++calls) {
        Settings settings;
        settings.longestCall = Milliseconds(300'000);
        TurnMachine machine(settings, now);
        Invariants invariants(settings);
        const int length = 2000 + walk.number(30'000);
        for (int i = 0, after = 0; i < length && after < 50; ++i, ++events) {
            after += machine.state() == TurnState::Ended ? 1 : 0;
            const Event event = i == 0 ? Event(event::CallStarted{walk.dice(50), walk.dice(50)}) : walk.next(machine);
            if (std::holds_alternative<event::Frame>(event) || std::holds_alternative<event::Tick>(event))
                now += Milliseconds(20);
            invariants.before(event, now);
            const Actions actions = machine.on(event, now);
            const QString fault = invariants.after(actions, now, machine.state());
            QVERIFY2(fault.isEmpty(),
                qPrintable(QString(fault + QLatin1String(", event ") + QString::number(event.index())
                    + QLatin1String(" number ") + QString::number(i))));
        }
        QVERIFY(invariants.ends() <= 1);
        ended += invariants.ends();
        turns += invariants.turns();
    }
    // The walk goes somewhere.
    QVERIFY(turns > 100);
    QVERIFY(ended > 0 && ended <= calls);
}

void TurnMachineWalk::everyStateIsLeftWhenNothingComesButTime_data()
{
    QTest::addColumn<unsigned>("seed");
    for (unsigned seed = 100; seed < 130; ++seed)
        QTest::addRow("seed %u", seed) << seed;
}

/// From wherever a walk ends, ticks alone lead through the watchdogs to the end of the call, exactly once.
void TurnMachineWalk::everyStateIsLeftWhenNothingComesButTime()
{
    QFETCH(unsigned, seed);
    Walk walk(seed, 0);
    const Settings settings;
    Instant now{std::chrono::hours(1)};
    for (int call = 0; call < 10; ++call) {
        TurnMachine machine(settings, now);
        Invariants invariants(settings);
        machine.on(event::CallStarted{false}, now);
        const int length = walk.number(3000);
        for (int i = 0; i < length; ++i) {
            const Event event = walk.next(machine);
            now += Milliseconds(
                std::holds_alternative<event::Frame>(event) || std::holds_alternative<event::Tick>(event) ? 20 : 0);
            machine.on(event, now);
        }
        int ends = machine.state() == TurnState::Ended ? 1 : 0;
        TurnState state = machine.state();
        Instant since = now;
        while (machine.state() != TurnState::Ended) {
            now += Milliseconds(20);
            for (const Action& act : machine.on(event::Tick{}, now))
                ends += std::holds_alternative<action::EndCall>(act) ? 1 : 0;
            if (machine.state() != state) {
                state = machine.state();
                since = now;
            }
            Milliseconds longest{0};
            switch (state) {
            case TurnState::Listening: // an utterance that only a stall ends, then the time to a prompt
                longest = settings.utteranceCap;
                break;
            case TurnState::Thinking:
                longest = settings.hardEnd + settings.lineCap;
                break;
            case TurnState::Speaking:
                longest = settings.speakingCap + settings.lineCap;
                break;
            case TurnState::Held:
                longest = settings.heldCap;
                break;
            case TurnState::Ending:
            case TurnState::Ended:
                longest = settings.endingCap;
                break;
            }
            QVERIFY2(now - since <= longest + Milliseconds(20), qPrintable(turnStateName(state)));
        }
        QCOMPARE(ends, 1);
        QCOMPARE(machine.on(event::Tick{}, now).size(), std::size_t(0));
    }
}

QTEST_APPLESS_MAIN(TurnMachineWalk)
#include "tst_turnmachine_walk.moc"
