// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/lazy.h"
#include "tests/support/fakeclock.h"

#include <QTest>

#include <condition_variable>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace kav;
using namespace kav::providers;

namespace {

struct Client final {
    int number = 0;
};
using Cell = Lazy<Client>;

/// Makers wait here until the test says so. Shared, because a maker can outlive its test.
class Gate final {
public:
    void open()
    {
        const std::lock_guard lock(m_mutex);
        m_open = true;
        m_changed.notify_all();
    }
    void pass()
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [this] { return m_open; });
    }

private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    bool m_open = false;
};

Result<std::shared_ptr<Client>> made(int number)
{
    return std::make_shared<Client>(Client{number});
}

} // namespace

class TstLazy final : public QObject {
    Q_OBJECT

private:
    test::FakeClock m_clock;

private Q_SLOTS:
    void isColdUntilAskedThenReady()
    {
        Cell cell([] { return made(7); }, {}, m_clock, MakerThreads(2), {});
        QCOMPARE(cell.snapshot().state, LazyState::Cold);
        QVERIFY(!cell.peek());
        QCOMPARE(cell.snapshot().state, LazyState::Cold); // peek starts nothing
        QVERIFY(!cell.get());
        QTRY_VERIFY(cell.get());
        QCOMPARE(cell.get()->number, 7);
        QCOMPARE(cell.peek(), cell.get());
        QCOMPARE(cell.snapshot().attempts, quint64(1));
    }

    void sixtyFourThreadsStartOneAttempt()
    {
        const auto gate = std::make_shared<Gate>();
        const auto makers = std::make_shared<std::atomic<int>>(0);
        Cell cell(
            [gate, makers] {
                const int number = ++*makers;
                gate->pass();
                return made(number);
            },
            {}, m_clock, MakerThreads(4), {});
        std::atomic<int> empty = 0;
        std::vector<std::thread> askers;
        for (int i = 0; i < 64; ++i)
            askers.emplace_back([&] { empty += cell.get() ? 0 : 1; });
        for (std::thread& asker : askers)
            asker.join(); // nobody was blocked by the maker, which still waits
        QCOMPARE(empty.load(), 64);
        QCOMPARE(cell.snapshot().state, LazyState::Warming);
        gate->open();
        QTRY_VERIFY(cell.peek());
        QCOMPARE(makers->load(), 1);

        std::vector<Cell::Value> got(64);
        std::vector<std::thread> readers;
        for (int i = 0; i < 64; ++i)
            readers.emplace_back([&, i] { got[size_t(i)] = cell.get(); });
        for (std::thread& reader : readers)
            reader.join();
        for (const Cell::Value& value : got)
            QCOMPARE(value, cell.get());
    }

    void whatAMakerThrowsBecomesAnError_data()
    {
        QTest::addColumn<int>("how");
        QTest::addColumn<QString>("message");
        QTest::addColumn<QString>("detail");
        QTest::newRow("an Error as a value") << 0 << "no credentials"
                                             << "";
        QTest::newRow("an exception") << 1 << "the maker threw std::runtime_error"
                                      << "bad file";
        QTest::newRow("something else") << 2 << "the maker threw something that is no exception"
                                        << "";
        QTest::newRow("a null pointer") << 3 << "the maker returned nothing"
                                        << "";
        QTest::newRow("no maker at all") << 4 << "no provider is configured"
                                         << "";
    }
    void whatAMakerThrowsBecomesAnError()
    {
        QFETCH(int, how);
        QFETCH(QString, message);
        QFETCH(QString, detail);
        Cell::Maker maker;
        if (how < 4) {
            maker = [how]() -> Result<std::shared_ptr<Client>> {
                if (how == 0)
                    return Error{Error::Code::Denied, QStringLiteral("no credentials"), {}};
                if (how == 1)
                    throw std::runtime_error("bad file");
                if (how == 2)
                    throw 42; // NOLINT: vendors do
                return std::shared_ptr<Client>();
            };
        }
        Cell cell(maker, {}, m_clock, MakerThreads(1), {});
        QVERIFY(!cell.get());
        QTRY_COMPARE(cell.snapshot().state, LazyState::Failed);
        QCOMPARE(cell.snapshot().error.message, message);
        QCOMPARE(cell.snapshot().error.detail, detail);
        QVERIFY(!cell.get());
    }

    void aFailedCellIsTriedAgainOnlyWhenItsTimeHasCome()
    {
        const auto attempts = std::make_shared<std::atomic<int>>(0);
        Cell cell(
            [attempts]() -> Result<std::shared_ptr<Client>> {
                if (++*attempts == 1)
                    return Error{Error::Code::Unavailable, QStringLiteral("not yet"), {}};
                return made(attempts->load());
            },
            {Milliseconds(4000), Milliseconds(60000), 2}, m_clock, MakerThreads(2), {});
        cell.start();
        QTRY_COMPARE(cell.snapshot().state, LazyState::Failed);
        QCOMPARE(cell.snapshot().retryAt, m_clock.wallNow().addSecs(60));
        m_clock.advance(Milliseconds(59999));
        cell.tick();
        QVERIFY(!cell.get());
        QCOMPARE(cell.snapshot().attempts, quint64(1));
        m_clock.advance(Milliseconds(1));
        cell.tick(); // in the background: nobody asked
        QCOMPARE(cell.snapshot().attempts, quint64(2));
        QTRY_VERIFY(cell.peek());
        QCOMPARE(cell.peek()->number, 2);
        QVERIFY(!cell.snapshot().retryAt.isValid());
    }

    void askingAFailedCellPastItsTimeStartsOneAttempt()
    {
        const auto gate = std::make_shared<Gate>();
        const auto attempts = std::make_shared<std::atomic<int>>(0);
        Cell cell(
            [gate, attempts]() -> Result<std::shared_ptr<Client>> {
                if (++*attempts == 1)
                    return Error{Error::Code::Unavailable, QStringLiteral("not yet"), {}};
                gate->pass();
                return made(2);
            },
            {}, m_clock, MakerThreads(2), {});
        cell.start();
        QTRY_COMPARE(cell.snapshot().state, LazyState::Failed);
        m_clock.advance(Milliseconds(60000));
        for (int i = 0; i < 5; ++i)
            QVERIFY(!cell.get());
        QCOMPARE(cell.snapshot().attempts, quint64(2));
        gate->open();
        QTRY_VERIFY(cell.peek());
    }

    void anAttemptPastItsDeadlineFailsAndItsLateValueIsTaken()
    {
        const auto gate = std::make_shared<Gate>();
        Cell cell(
            [gate] {
                gate->pass();
                return made(1);
            },
            {}, m_clock, MakerThreads(2), {});
        cell.start();
        m_clock.advance(Milliseconds(3999));
        cell.tick();
        QCOMPARE(cell.snapshot().state, LazyState::Warming);
        m_clock.advance(Milliseconds(1));
        cell.tick();
        QCOMPARE(cell.snapshot().state, LazyState::Failed);
        QCOMPARE(cell.snapshot().error.code, Error::Code::Timeout);
        QCOMPARE(cell.snapshot().took, Milliseconds(4000));
        m_clock.advance(Milliseconds(5000));
        gate->open();
        QTRY_COMPARE(cell.snapshot().state, LazyState::Ready);
        QCOMPARE(cell.snapshot().took, Milliseconds(9000));
        QCOMPARE(cell.get()->number, 1);
    }

    void aLateFailureDoesNotDisturbTheAttemptAfterIt()
    {
        const auto first = std::make_shared<Gate>();
        const auto second = std::make_shared<Gate>();
        const auto attempts = std::make_shared<std::atomic<int>>(0);
        MakerThreads threads(4);
        Cell cell(
            [first, second, attempts]() -> Result<std::shared_ptr<Client>> {
                if (++*attempts == 1) {
                    first->pass();
                    return Error{Error::Code::Unavailable, QStringLiteral("stale"), {}};
                }
                second->pass();
                return made(2);
            },
            {}, m_clock, threads, {});
        cell.start();
        QTRY_COMPARE(attempts->load(), 1);
        m_clock.advance(Milliseconds(4000));
        cell.tick();
        m_clock.advance(Milliseconds(60000));
        cell.tick();
        QTRY_COMPARE(attempts->load(), 2);
        first->open();
        QTRY_COMPARE(threads.running(), 1); // the first maker has returned and gone
        QCOMPARE(cell.snapshot().state, LazyState::Warming);
        second->open();
        QTRY_COMPARE(cell.snapshot().state, LazyState::Ready);
        QCOMPARE(cell.get()->number, 2);
    }

    void aStuckCellTakesItsShareOfThreadsAndNoMore()
    {
        const auto gate = std::make_shared<Gate>();
        MakerThreads threads(3);
        Cell stuck(
            [gate] {
                gate->pass();
                return made(1);
            },
            {Milliseconds(4000), Milliseconds(60000), 2}, m_clock, threads, {});
        Cell well([] { return made(2); }, {}, m_clock, threads, {});
        stuck.start();
        for (int i = 0; i < 3; ++i) {
            m_clock.advance(Milliseconds(4000));
            stuck.tick();
            m_clock.advance(Milliseconds(60000));
            stuck.tick();
        }
        QCOMPARE(threads.running(), 2);
        QCOMPARE(stuck.snapshot().state, LazyState::Failed);
        QCOMPARE(stuck.snapshot().error.code, Error::Code::LimitExceeded);
        QCOMPARE(stuck.snapshot().error.message, QStringLiteral("2 earlier attempts still hold their threads"));
        well.start();
        QTRY_VERIFY(well.peek()); // the other cell found a thread
        gate->open();
        QTRY_COMPARE(threads.running(), 0);
        QVERIFY(stuck.peek());
    }

    void aPoolWithoutAFreeThreadIsAFailureThatSaysSo()
    {
        const auto gate = std::make_shared<Gate>();
        MakerThreads threads(1);
        QVERIFY(!threads.start([gate] { gate->pass(); }));
        Cell cell([] { return made(1); }, {}, m_clock, threads, {});
        QVERIFY(!cell.get());
        QCOMPARE(cell.snapshot().state, LazyState::Failed);
        QCOMPARE(cell.snapshot().error.message,
            QStringLiteral("all 1 provider threads are held by makers that have not returned"));
        gate->open();
        QTRY_COMPARE(threads.running(), 0);
        m_clock.advance(Milliseconds(60000));
        cell.tick();
        QTRY_VERIFY(cell.peek());
    }

    void destructionNeitherWaitsForAMakerNorIsTouchedByIt()
    {
        const auto gate = std::make_shared<Gate>();
        const auto changes = std::make_shared<std::atomic<int>>(0);
        MakerThreads threads(1);
        {
            test::FakeClock mortal; // dies with the cell
            Cell cell(
                [gate] {
                    gate->pass();
                    return made(1);
                },
                {}, mortal, threads, [changes](const LazySnapshot&) { ++*changes; });
            cell.start();
        }
        QCOMPARE(changes->load(), 1); // Warming
        gate->open();
        QTRY_COMPARE(threads.running(), 0);
        QCOMPARE(changes->load(), 1);
    }

    void everyChangeIsToldInOrder()
    {
        std::mutex mutex;
        std::vector<LazyState> states;
        Cell cell(
            []() -> Result<std::shared_ptr<Client>> {
                return Error{Error::Code::Io, QStringLiteral("x"), {}};
            },
            {}, m_clock, MakerThreads(1),
            [&](const LazySnapshot& snapshot) {
                const std::lock_guard lock(mutex);
                states.push_back(snapshot.state);
            });
        cell.start();
        QTRY_COMPARE(cell.snapshot().state, LazyState::Failed);
        m_clock.advance(Milliseconds(60000));
        cell.tick();
        QTRY_COMPARE(cell.snapshot().attempts, quint64(2));
        QTRY_COMPARE(cell.snapshot().state, LazyState::Failed);
        const std::lock_guard lock(mutex);
        const std::vector<LazyState> expected{
            LazyState::Warming, LazyState::Failed, LazyState::Warming, LazyState::Failed};
        QCOMPARE(states, expected);
    }
};

QTEST_GUILESS_MAIN(TstLazy)
#include "tst_lazy.moc"
