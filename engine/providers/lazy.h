// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/makerthreads.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QDateTime>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace kav::providers {

enum class LazyState {
    Cold, ///< nobody has asked yet
    Warming, ///< one attempt is in flight, for all who ask
    Ready, ///< made; final
    Failed, ///< the last attempt failed or passed its deadline; asked again from retryAt on
};

/// What a Lazy cell looks like at one moment.
struct LazySnapshot final {
    LazyState state = LazyState::Cold;
    Error error; ///< why Failed
    Milliseconds took{0}; ///< of the attempt last ended
    QDateTime since; ///< of this state, UTC
    QDateTime retryAt; ///< when Failed, UTC
    quint64 attempts = 0;
};

/// The words for an exception that a maker let out. The text of an exception is a vendor's and may quote a credential:
/// it goes to `detail`, which callers redact or drop.
Error errorOfException(const std::exception& exception);

/// One thing that is made once, on first need, on a thread that is nobody's event loop.
///
///        get()/start()            made
///   Cold ------------> Warming ----------> Ready
///                       ^   | failed, threw, deadline passed
///              tick()   |   v
///              or get() +- Failed (until retryAt, or retryNow())
///
/// get() never blocks and never throws: the value when Ready, else null, and the one attempt is on its way. Attempts
/// are numbered: what an attempt says after its deadline changes nothing, except that a value that comes late is taken
/// if there is none yet. Any thread. The cell may be destroyed while a maker runs; its result is then dropped.
/// `changed` is called under the cell's lock on whatever thread made the change: it may only post.
template <typename T> class Lazy final {
public:
    using Value = std::shared_ptr<T>;
    using Maker = std::function<Result<Value>()>;
    using Changed = std::function<void(const LazySnapshot&)>;
    struct Settings final {
        Milliseconds deadline{4000};
        Milliseconds retry{60000};
        int makersInFlight = 2; ///< at most: one that is stuck and the attempt after it
    };

    Lazy(Maker maker, const Settings& settings, const Clock& clock, MakerThreads threads, Changed changed)
        : m_core(std::make_shared<Core>(std::move(maker), settings, clock, std::move(threads), std::move(changed)))
    {
    }
    ~Lazy()
    {
        const std::lock_guard lock(m_core->mutex);
        m_core->closed = true; // from here on a late maker touches neither the clock nor `changed`
    }
    Q_DISABLE_COPY_MOVE(Lazy)

    Value get()
    {
        if (m_core->ready.load(std::memory_order_acquire))
            return m_core->value; // written once, before `ready`
        const std::lock_guard lock(m_core->mutex);
        const LazySnapshot& now = m_core->snapshot;
        if (now.state == LazyState::Cold || (now.state == LazyState::Failed && m_core->isRetryDue()))
            Core::attempt(m_core);
        return m_core->value;
    }
    /// The value when Ready; starts nothing.
    Value peek() const { return m_core->ready.load(std::memory_order_acquire) ? m_core->value : Value(); }
    /// Starts the first attempt of a Cold cell.
    void start()
    {
        const std::lock_guard lock(m_core->mutex);
        if (m_core->snapshot.state == LazyState::Cold)
            Core::attempt(m_core);
    }
    /// Starts the attempt of a Cold cell, or the next one of a Failed cell without waiting for its time. False: it is
    /// neither.
    bool retryNow()
    {
        const std::lock_guard lock(m_core->mutex);
        const LazyState state = m_core->snapshot.state;
        if (state != LazyState::Cold && state != LazyState::Failed)
            return false;
        Core::attempt(m_core);
        return true;
    }
    enum class Probe { Started, NotReady, Busy };
    /// Runs the maker once more for its verdict alone: what it makes is dropped, the value and the state stay as they are.
    /// Of a Ready cell; one at a time. `done` is called on the maker's thread, and not at all once the cell is gone.
    Probe probe(std::function<void(const Result<void>&)> done)
    {
        const std::lock_guard lock(m_core->mutex);
        if (m_core->snapshot.state != LazyState::Ready)
            return Probe::NotReady;
        if (m_core->probing || m_core->inFlight >= m_core->settings.makersInFlight)
            return Probe::Busy;
        const auto run = [core = m_core, done = std::move(done)] {
            const Result<Value> made = Core::make(*core);
            const std::lock_guard guard(core->mutex);
            core->probing = false;
            --core->inFlight;
            if (!core->closed)
                done(made.ok() ? Result<void>() : Result<void>(made.error()));
        };
        if (m_core->threads.start(run))
            return Probe::Busy;
        m_core->probing = true;
        ++m_core->inFlight;
        return Probe::Started;
    }
    /// Ends an attempt that is past its deadline, and starts the next one when its time has come.
    void tick()
    {
        const std::lock_guard lock(m_core->mutex);
        if (m_core->snapshot.state == LazyState::Warming) {
            const Milliseconds waited = elapsed(m_core->attemptStarted, m_core->clock.now());
            if (waited >= m_core->settings.deadline) {
                m_core->fail({Error::Code::Timeout,
                    QStringLiteral("no answer within %1 ms").arg(m_core->settings.deadline.count()), {}});
            }
        } else if (m_core->snapshot.state == LazyState::Failed && m_core->isRetryDue()) {
            Core::attempt(m_core);
        }
    }
    LazySnapshot snapshot() const
    {
        const std::lock_guard lock(m_core->mutex);
        return m_core->snapshot;
    }

private:
    struct Core final {
        Core(Maker make, const Settings& set, const Clock& time, MakerThreads pool, Changed tell)
            : maker(std::move(make))
            , settings(set)
            , clock(time)
            , threads(std::move(pool))
            , changed(std::move(tell))
        {
            snapshot.since = clock.wallNow();
        }

        // All of these with the mutex held.
        bool isRetryDue() const { return elapsed(failedAt, clock.now()) >= settings.retry; }
        void enter(LazyState state)
        {
            snapshot.state = state;
            snapshot.since = clock.wallNow();
            snapshot.retryAt =
                state == LazyState::Failed ? snapshot.since.addMSecs(settings.retry.count()) : QDateTime();
            if (state != LazyState::Failed)
                snapshot.error = {};
            if (changed)
                changed(snapshot);
        }
        void fail(Error error)
        {
            failedAt = clock.now();
            snapshot.took = elapsed(attemptStarted, failedAt);
            snapshot.error = std::move(error);
            enter(LazyState::Failed);
        }
        static void attempt(const std::shared_ptr<Core>& core)
        {
            const quint64 number = ++core->snapshot.attempts;
            core->attemptStarted = core->clock.now();
            core->enter(LazyState::Warming);
            if (core->inFlight >= core->settings.makersInFlight) {
                core->fail({Error::Code::LimitExceeded,
                    QStringLiteral("%1 earlier attempts still hold their threads").arg(core->inFlight), {}});
                return;
            }
            ++core->inFlight;
            const std::optional<Error> error =
                core->threads.start([core, number, started = core->attemptStarted] { run(core, number, started); });
            if (error) {
                --core->inFlight;
                core->fail(*error);
            }
        }

        // On the maker's thread, without the mutex.
        static void run(const std::shared_ptr<Core>& core, quint64 number, Instant started)
        {
            Result<Value> made = make(*core);
            const std::lock_guard lock(core->mutex);
            --core->inFlight;
            if (core->closed || core->snapshot.state == LazyState::Ready)
                return;
            const bool current = core->snapshot.state == LazyState::Warming && core->snapshot.attempts == number;
            if (made.ok()) {
                core->value = std::move(made).value();
                core->snapshot.took = elapsed(started, core->clock.now()); // a late one tells its own time
                core->ready.store(true, std::memory_order_release);
                core->enter(LazyState::Ready);
            } else if (current) {
                core->fail(made.error());
            }
        }
        static Result<Value> make(const Core& core)
        {
            try {
                if (!core.maker)
                    return Error{Error::Code::Unavailable, QStringLiteral("no provider is configured"), {}};
                Result<Value> made = core.maker();
                if (made.ok() && !made.value())
                    return Error{Error::Code::Internal, QStringLiteral("the maker returned nothing"), {}};
                return made;
            } catch (const std::exception& exception) {
                return errorOfException(exception);
            } catch (...) {
                return Error{
                    Error::Code::Internal, QStringLiteral("the maker threw something that is no exception"), {}};
            }
        }

        const Maker maker;
        const Settings settings;
        const Clock& clock; // not touched once closed
        MakerThreads threads;
        const Changed changed; // not called once closed
        mutable std::mutex mutex;
        std::atomic<bool> ready = false;
        Value value; // written once, under the mutex, before `ready`
        LazySnapshot snapshot;
        Instant attemptStarted, failedAt;
        int inFlight = 0;
        bool probing = false;
        bool closed = false;
    };

    std::shared_ptr<Core> m_core;
};

} // namespace kav::providers
