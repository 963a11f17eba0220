// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/makerthreads.h"

#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace kav::providers {

struct MakerThreads::State final {
    explicit State(int most)
        : limit(most)
    {
    }
    const int limit;
    std::mutex mutex;
    int running = 0;
};

MakerThreads::MakerThreads(int limit)
    : m_state(std::make_shared<State>(qMax(1, limit)))
{
}

std::optional<Error> MakerThreads::start(std::function<void()> work)
{
    {
        const std::lock_guard lock(m_state->mutex);
        if (m_state->running >= m_state->limit) {
            return Error{Error::Code::LimitExceeded,
                QStringLiteral("all %1 provider threads are held by makers that have not returned").arg(m_state->limit),
                {}};
        }
        ++m_state->running;
    }
    try {
        std::thread([state = m_state, run = std::move(work)]() mutable {
            run();
            run = nullptr; // what the maker captured goes before its place is given to another
            const std::lock_guard lock(state->mutex);
            --state->running;
        }).detach();
    } catch (const std::system_error& error) {
        const std::lock_guard lock(m_state->mutex);
        --m_state->running;
        return Error{Error::Code::Unavailable, QStringLiteral("the system has no thread left for a maker"),
            QString::fromLocal8Bit(error.what())};
    }
    return std::nullopt;
}

int MakerThreads::running() const
{
    const std::lock_guard lock(m_state->mutex);
    return m_state->running;
}

int MakerThreads::limit() const
{
    return m_state->limit;
}

} // namespace kav::providers
