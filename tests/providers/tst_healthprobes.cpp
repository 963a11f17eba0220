// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/failover/healthprobes.h"
#include "tests/support/fakeclock.h"
#include "tests/support/standinproviders.h"

#include <QLoggingCategory>
#include <QSemaphore>
#include <QTest>

#include <atomic>

using namespace kav;
using namespace kav::providers;
using namespace std::chrono_literals;

namespace {
const QString Name = QStringLiteral("openai");
constexpr Stage Tts = Stage::TextToSpeech;

/// What the makers share with the test; they may outlive it.
struct Vendor final {
    std::atomic<int> made = 0;
    std::atomic<bool> isBroken = false, hangs = false;
    QSemaphore letGo;
};
} // namespace

/// A provider that rests is proven in the background before a call is spent on it.
class TestHealthProbes final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();

    void itIsProvenAndReturns();
    void itIsStillBrokenAndRestsLonger();
    void aProbeThatHangsIsATimeout();
    void whatIsBeingMadeNeedsNoProbe();

private:
    void fail() { m_health->failed(Tts, Name, {Error::Code::Timeout, QStringLiteral("silent"), {}}); }
    /// Whether a call may try; none does.
    bool mayTry()
    {
        const bool may = m_health->mayUse(Tts, Name);
        if (may)
            m_health->released(Tts, Name);
        return may;
    }
    bool isOnProbation() const { return m_health->state(Tts, Name) == Health::State::Probation; }

    test::FakeClock m_clock;
    std::shared_ptr<Vendor> m_vendor;
    std::unique_ptr<ProviderRegistry> m_registry;
    std::shared_ptr<Health> m_health;
    std::unique_ptr<HealthProbes> m_probes;
};

void TestHealthProbes::init()
{
    QLoggingCategory::setFilterRules(QStringLiteral("kav.*=false"));
    m_vendor = std::make_shared<Vendor>();
    Makers makers;
    makers.textToSpeech.push_back({Name, [vendor = m_vendor]() -> Result<std::shared_ptr<TextToSpeech>> {
                                       ++vendor->made;
                                       if (vendor->hangs)
                                           vendor->letGo.acquire();
                                       if (vendor->isBroken)
                                           return Error{Error::Code::Unavailable, QStringLiteral("broken"), {}};
                                       return std::shared_ptr<TextToSpeech>(
                                           std::make_shared<test::StandInTextToSpeech>());
                                   }});
    m_registry = std::make_unique<ProviderRegistry>(std::move(makers), RegistrySettings{}, m_clock);
    m_health = std::make_shared<Health>(Health::Settings{.probedFirst = true}, m_clock);
    m_probes = std::make_unique<HealthProbes>(*m_registry, m_health, 4s, m_clock);
}

void TestHealthProbes::cleanup()
{
    m_vendor->letGo.release(10);
    m_probes.reset();
    m_registry.reset();
}

void TestHealthProbes::itIsProvenAndReturns()
{
    m_registry->warmUp();
    QTRY_VERIFY(m_registry->textToSpeech(Name));
    const auto before = m_registry->textToSpeech(Name);
    fail();
    m_probes->tick();
    m_clock.advance(5s);
    QVERIFY(!mayTry());
    m_probes->tick();
    QTRY_VERIFY(mayTry());
    QCOMPARE(m_vendor->made.load(), 2);
    // It is the provider from before, which calls may be using.
    QCOMPARE(m_registry->textToSpeech(Name), before);
}

void TestHealthProbes::itIsStillBrokenAndRestsLonger()
{
    m_registry->warmUp();
    QTRY_VERIFY(m_registry->textToSpeech(Name));
    fail();
    m_vendor->isBroken = true;
    m_clock.advance(5s);
    m_probes->tick();
    QTRY_COMPARE(m_health->state(Tts, Name), Health::State::Resting);
    QCOMPARE(m_health->lastError(Tts, Name).message, QStringLiteral("broken"));
    // A failed probe takes nothing from those who are using it.
    QCOMPARE(m_registry->status(Tts).state, ProviderState::Ready);
    m_vendor->isBroken = false;
    m_clock.advance(10s);
    m_probes->tick();
    QTRY_VERIFY(mayTry());
}

void TestHealthProbes::aProbeThatHangsIsATimeout()
{
    m_registry->warmUp();
    QTRY_VERIFY(m_registry->textToSpeech(Name));
    fail();
    m_vendor->hangs = true;
    m_clock.advance(5s);
    m_probes->tick();
    QTRY_COMPARE(m_vendor->made.load(), 2);
    m_clock.advance(4s);
    m_probes->tick();
    QCOMPARE(m_health->state(Tts, Name), Health::State::Resting);
    // The next one finds the first still hanging.
    m_clock.advance(10s);
    m_probes->tick();
    QCOMPARE(m_health->state(Tts, Name), Health::State::Resting);
    QCOMPARE(m_vendor->made.load(), 2);
    m_vendor->hangs = false;
    m_vendor->letGo.release();
    // The thread that hung is free when another probe can begin.
    bool isOver = false;
    const auto begins = [&] {
        return m_registry->probe(Tts, Name, [&isOver](const Result<void>&) { isOver = true; })
            == ProviderRegistry::Probe::Started;
    };
    QVERIFY(QTest::qWaitFor(begins, 30000));
    QTRY_VERIFY(isOver);
    m_clock.advance(20s);
    m_probes->tick();
    QTRY_VERIFY(mayTry());
}

void TestHealthProbes::whatIsBeingMadeNeedsNoProbe()
{
    fail();
    m_clock.advance(5s);
    m_probes->tick();
    QVERIFY(isOnProbation());
    QCOMPARE(m_vendor->made.load(), 0);
}

QTEST_GUILESS_MAIN(TestHealthProbes)
#include "tst_healthprobes.moc"
