// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/failover/failover.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace kav::providers {

/// Which of a list has been asked in vain for one thing: an utterance, a turn, a sentence.
using Tried = std::vector<bool>;

/// One of the list, chosen.
template <typename T> struct Chosen final {
    size_t index = 0;
    std::shared_ptr<T> provider;
};

/// Chooses from an ordered list, and tells Health and the reporter what became of the choice. One per wrapper, same
/// thread. Whoever takes a choice owes one verdict on it: served(), left() or givenUp().
template <typename T> class Choice final {
public:
    Choice(Stage stage, Candidates<T> candidates, std::shared_ptr<Health> health, FailoverReporter reporter)
        : m_stage(stage)
        , m_candidates(std::move(candidates))
        , m_health(std::move(health))
        , m_reporter(std::move(reporter))
    {
    }

    const QString& nameOf(size_t index) const { return m_candidates[index].name; }

    /// The first that was not tried, is ready and is fit. When none is fit, the first that rests without having asked
    /// for it: a try is better than a certain failure, and `tried` sees to it that there is only one.
    std::optional<Chosen<T>> take(Tried& tried) const
    {
        tried.resize(m_candidates.size());
        std::optional<Chosen<T>> resting;
        for (size_t i = 0; i < m_candidates.size(); ++i) {
            if (tried[i])
                continue;
            auto provider = m_candidates[i].get();
            if (!provider)
                continue;
            if (m_health->mayUse(m_stage, nameOf(i))) {
                tried[i] = true;
                return Chosen<T>{i, std::move(provider)};
            }
            if (!resting && !m_health->askedForRest(m_stage, nameOf(i)))
                resting = Chosen<T>{i, std::move(provider)};
        }
        if (resting)
            tried[resting->index] = true;
        return resting;
    }
    /// The first that is ready and has no fault; nothing is owed for it.
    std::optional<Chosen<T>> likely() const
    {
        for (size_t i = 0; i < m_candidates.size(); ++i) {
            if (m_health->state(m_stage, nameOf(i)) != Health::State::Fit)
                continue;
            if (auto provider = m_candidates[i].get())
                return Chosen<T>{i, std::move(provider)};
        }
        return {};
    }

    /// It gave the first of what was asked for.
    void began(size_t index, Milliseconds took) const
    {
        tell({FailoverNews::What::Began, m_stage, nameOf(index), {}, {}, took});
    }
    void served(size_t index) const { m_health->succeeded(m_stage, nameOf(index)); }
    void givenUp(size_t index) const { m_health->released(m_stage, nameOf(index)); }
    void failed(size_t index, const Error& error) const { m_health->failed(m_stage, nameOf(index), error); }
    /// failed(), and the next takes over, if there is one.
    void left(size_t index, const Error& error, const std::optional<Chosen<T>>& next, Milliseconds took) const
    {
        tell({FailoverNews::What::Left, m_stage, nameOf(index), error, next ? nameOf(next->index) : QString(), took});
    }

private:
    void tell(const FailoverNews& news) const
    {
        if (m_reporter)
            m_reporter(news);
    }

    const Stage m_stage;
    const Candidates<T> m_candidates;
    const std::shared_ptr<Health> m_health;
    const FailoverReporter m_reporter;
};

/// The error when there is nobody to ask.
inline Error nobodyLeft(Stage stage)
{
    return {Error::Code::Unavailable,
        QStringLiteral("no provider of the stage ") + stageName(stage) + QStringLiteral(" can be used now"), {}};
}

} // namespace kav::providers
