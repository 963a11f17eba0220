// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/failover/health.h"
#include "tests/support/fakeclock.h"

#include <QTest>

using namespace kav;
using namespace std::chrono_literals;
using namespace kav::providers;

namespace {
constexpr Stage Llm = Stage::LanguageModel;
const QString Openai = QStringLiteral("openai");
Error fault(Error::Code code, int retryAfterMs = 0)
{
    Error error{code, QStringLiteral("why"), {}};
    error.retryAfter = Milliseconds(retryAfterMs);
    return error;
}
} // namespace

/// When a provider is left alone, and how it comes back.
class TestHealth final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_health = std::make_unique<Health>(Health::Settings{}, m_clock); }

    void whatNeverFailedIsFit();
    void oneFaultIsForgivenTwoInARowAreNot();
    void aSuccessBetweenTwoFaultsForgivesTheFirst();
    void aRefusalOrAStallRestsAtOnce_data();
    void aRefusalOrAStallRestsAtOnce();
    void retryAfterIsHonoured();
    void afterItsRestOneMayTry();
    void aFailedProbeRestsLonger();
    void restsGrowToALimitAndNotBeyond();
    void callsThatFailTogetherMakeOneRest();
    void aProbeThatWasGivenUpIsNoVerdict();
    void aProbeThatWasLostDoesNotShutTheDoor();
    void stagesAreJudgedApart();
    void whatItCannotDoAtAllIsNoFault();
    void aRefusalAndARetryAfterAskForRest();
    void whatIsProbedFirstIsNoCallsTrial();
    void aProbeThatFailsRestsLonger();
    void aCallThatFailsMeanwhileHasTheLastWord();
    void withoutAProberACallTriesInTheEnd();

private:
    void fail(Error::Code code = Error::Code::Unavailable, int retryAfterMs = 0)
    {
        m_health->failed(Llm, Openai, fault(code, retryAfterMs));
    }
    bool mayUse() { return m_health->mayUse(Llm, Openai); }
    test::FakeClock m_clock;
    std::unique_ptr<Health> m_health;
};

void TestHealth::whatNeverFailedIsFit()
{
    QVERIFY(mayUse());
    QVERIFY(mayUse());
    QCOMPARE(m_health->state(Llm, Openai), Health::State::Fit);
}

void TestHealth::oneFaultIsForgivenTwoInARowAreNot()
{
    fail();
    QVERIFY(mayUse());
    fail();
    QVERIFY(!mayUse());
    QCOMPARE(m_health->state(Llm, Openai), Health::State::Resting);
    QCOMPARE(m_health->lastError(Llm, Openai).message, QStringLiteral("why"));
}

void TestHealth::aSuccessBetweenTwoFaultsForgivesTheFirst()
{
    fail();
    m_health->succeeded(Llm, Openai);
    fail();
    QVERIFY(mayUse());
}

void TestHealth::aRefusalOrAStallRestsAtOnce_data()
{
    QTest::addColumn<int>("code");
    QTest::newRow("a key that is refused") << int(Error::Code::Denied);
    QTest::newRow("a limit") << int(Error::Code::LimitExceeded);
    QTest::newRow("no such model") << int(Error::Code::NotFound);
    QTest::newRow("a stall") << int(Error::Code::Timeout);
}

void TestHealth::aRefusalOrAStallRestsAtOnce()
{
    QFETCH(int, code);
    fail(Error::Code(code));
    QVERIFY(!mayUse());
}

void TestHealth::retryAfterIsHonoured()
{
    fail(Error::Code::LimitExceeded, 60000);
    m_clock.advance(Milliseconds(59999));
    QVERIFY(!mayUse());
    m_clock.advance(Milliseconds(1));
    QVERIFY(mayUse());
}

void TestHealth::afterItsRestOneMayTry()
{
    fail(Error::Code::Timeout);
    m_clock.advance(Milliseconds(5000));
    QCOMPARE(m_health->state(Llm, Openai), Health::State::Probation);
    QVERIFY(mayUse());
    QVERIFY(!mayUse()); // the others wait for what the first one finds
    m_health->succeeded(Llm, Openai);
    QVERIFY(mayUse());
    QVERIFY(mayUse());
}

void TestHealth::aFailedProbeRestsLonger()
{
    fail(Error::Code::Timeout);
    m_clock.advance(Milliseconds(5000));
    QVERIFY(mayUse());
    fail(); // one fault is enough on probation
    m_clock.advance(Milliseconds(9999));
    QVERIFY(!mayUse());
    m_clock.advance(Milliseconds(1));
    QVERIFY(mayUse());
}

void TestHealth::restsGrowToALimitAndNotBeyond()
{
    fail(Error::Code::Timeout);
    for (int i = 0; i < 10; ++i) {
        m_clock.advance(Milliseconds(120000));
        QVERIFY(mayUse());
        fail();
    }
    m_clock.advance(Milliseconds(119999));
    QVERIFY(!mayUse());
    m_clock.advance(Milliseconds(1));
    QVERIFY(mayUse());
}

void TestHealth::callsThatFailTogetherMakeOneRest()
{
    for (int i = 0; i < 50; ++i)
        fail(Error::Code::Timeout);
    m_clock.advance(Milliseconds(5000));
    QVERIFY(mayUse());
}

void TestHealth::aProbeThatWasGivenUpIsNoVerdict()
{
    fail(Error::Code::Timeout);
    m_clock.advance(Milliseconds(5000));
    QVERIFY(mayUse());
    m_health->released(Llm, Openai);
    QVERIFY(mayUse());
    QVERIFY(!mayUse());
}

void TestHealth::aProbeThatWasLostDoesNotShutTheDoor()
{
    fail(Error::Code::Timeout);
    m_clock.advance(Milliseconds(5000));
    QVERIFY(mayUse());
    m_clock.advance(Milliseconds(120000));
    QVERIFY(mayUse());
}

void TestHealth::whatItCannotDoAtAllIsNoFault()
{
    fail(Error::Code::Timeout);
    m_clock.advance(Milliseconds(5000));
    QVERIFY(mayUse());
    for (int i = 0; i < 5; ++i)
        fail(Error::Code::Invalid);
    QCOMPARE(m_health->state(Llm, Openai), Health::State::Probation);
    QVERIFY(mayUse()); // the probe was no verdict: another may follow
    m_health->succeeded(Llm, Openai);
    for (int i = 0; i < 5; ++i)
        fail(Error::Code::Invalid);
    QCOMPARE(m_health->state(Llm, Openai), Health::State::Fit);
}

void TestHealth::aRefusalAndARetryAfterAskForRest()
{
    QVERIFY(!m_health->askedForRest(Llm, Openai));
    fail(Error::Code::Timeout);
    QVERIFY(!m_health->askedForRest(Llm, Openai)); // it rests, for we thought so
    m_health->succeeded(Llm, Openai);
    fail(Error::Code::LimitExceeded, 30000);
    QVERIFY(m_health->askedForRest(Llm, Openai));
    m_clock.advance(Milliseconds(30000));
    QVERIFY(!m_health->askedForRest(Llm, Openai));
    m_health->succeeded(Llm, Openai);
    QVERIFY(!m_health->askedForRest(Llm, Openai));
    fail(Error::Code::Denied);
    QVERIFY(m_health->askedForRest(Llm, Openai));
}

void TestHealth::stagesAreJudgedApart()
{
    fail(Error::Code::Timeout);
    QVERIFY(!mayUse());
    QVERIFY(m_health->mayUse(Stage::TextToSpeech, Openai));
    QVERIFY(m_health->mayUse(Llm, QStringLiteral("embedded")));
}

void TestHealth::whatIsProbedFirstIsNoCallsTrial()
{
    m_health = std::make_unique<Health>(Health::Settings{.probedFirst = true}, m_clock);
    fail(Error::Code::Denied);
    QVERIFY(m_health->takeDue().isEmpty());
    m_clock.advance(5s);
    QVERIFY(!mayUse());
    const auto due = m_health->takeDue();
    QCOMPARE(due.size(), 1);
    QCOMPARE(due.first().stage, Llm);
    QCOMPARE(due.first().provider, Openai);
    QVERIFY(m_health->takeDue().isEmpty()); // it is taken
    QVERIFY(!mayUse());
    m_health->released(Llm, Openai); // a call from before its rest lets go of it: the probe goes on
    QVERIFY(m_health->takeDue().isEmpty());
    m_health->passed(Llm, Openai);
    QCOMPARE(m_health->state(Llm, Openai), Health::State::Probation);
    QVERIFY(mayUse());
    QVERIFY(!mayUse()); // one at a time, as ever
    m_health->succeeded(Llm, Openai);
    QCOMPARE(m_health->state(Llm, Openai), Health::State::Fit);
    // The next rest is probed again.
    fail(Error::Code::Denied);
    m_clock.advance(5s);
    QVERIFY(!mayUse());
    QCOMPARE(m_health->takeDue().size(), 1);
}

void TestHealth::aProbeThatFailsRestsLonger()
{
    m_health = std::make_unique<Health>(Health::Settings{.probedFirst = true}, m_clock);
    fail(Error::Code::Timeout);
    m_clock.advance(5s);
    QCOMPARE(m_health->takeDue().size(), 1);
    fail();
    m_clock.advance(9999ms);
    QVERIFY(m_health->takeDue().isEmpty());
    m_clock.advance(1ms);
    QCOMPARE(m_health->takeDue().size(), 1);
}

void TestHealth::aCallThatFailsMeanwhileHasTheLastWord()
{
    m_health = std::make_unique<Health>(Health::Settings{.probedFirst = true}, m_clock);
    fail(Error::Code::Timeout);
    m_clock.advance(5s);
    QCOMPARE(m_health->takeDue().size(), 1);
    fail(); // of a call that had it from before
    m_health->passed(Llm, Openai);
    m_clock.advance(10s);
    QVERIFY(!mayUse());
    QCOMPARE(m_health->takeDue().size(), 1);
}

void TestHealth::withoutAProberACallTriesInTheEnd()
{
    m_health = std::make_unique<Health>(Health::Settings{.longestRest = 60s, .probedFirst = true}, m_clock);
    fail(Error::Code::Timeout);
    m_clock.advance(5s + 59s);
    QVERIFY(!mayUse());
    m_clock.advance(1s);
    QVERIFY(mayUse());
}

QTEST_GUILESS_MAIN(TestHealth)
#include "tst_health.moc"
