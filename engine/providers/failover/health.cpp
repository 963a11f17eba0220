// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/failover/health.h"

#include <algorithm>

namespace kav::providers {

Health::Health(const Settings& settings, const Clock& clock)
    : m_settings(settings)
    , m_clock(clock)
{
}

QString Health::keyOf(Stage stage, const QString& provider)
{
    return stageName(stage) + QLatin1Char('/') + provider;
}

bool Health::mayUse(Stage stage, const QString& provider)
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_records.find(keyOf(stage, provider));
    if (found == m_records.end() || !found->resting)
        return true;
    const Instant now = m_clock.now();
    if (now < found->restUntil)
        return false;
    if (awaitsProbe(*found, now))
        return false;
    // A probe that nobody reported was lost with its call.
    if (found->probing && now - found->probeBegan < m_settings.longestRest)
        return false;
    found->probing = true;
    found->probeBegan = now;
    return true;
}

bool Health::awaitsProbe(const Record& record, Instant now) const
{
    return m_settings.probedFirst && !record.hasPassed && now - record.restUntil < m_settings.longestRest;
}

QList<Health::Due> Health::takeDue()
{
    const std::lock_guard lock(m_mutex);
    const Instant now = m_clock.now();
    QList<Due> due;
    for (Record& record : m_records) {
        if (!record.resting || record.probing || now < record.restUntil || !awaitsProbe(record, now))
            continue;
        record.probing = record.probedAside = true;
        record.probeBegan = now;
        due.append({record.stage, record.provider});
    }
    return due;
}

void Health::passed(Stage stage, const QString& provider)
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_records.find(keyOf(stage, provider));
    // A call that failed meanwhile has the last word.
    if (found == m_records.end() || !found->probedAside)
        return;
    found->hasPassed = true;
    found->probing = found->probedAside = false;
}

void Health::succeeded(Stage stage, const QString& provider)
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_records.find(keyOf(stage, provider));
    if (found == m_records.end())
        return;
    Record fit;
    fit.stage = found->stage;
    fit.provider = found->provider;
    fit.lastError = found->lastError;
    *found = fit;
}

void Health::failed(Stage stage, const QString& provider, const Error& error)
{
    if (error.code == Error::Code::Invalid) {
        released(stage, provider);
        return;
    }
    const std::lock_guard lock(m_mutex);
    Record& record = m_records[keyOf(stage, provider)];
    record.stage = stage;
    record.provider = provider;
    record.lastError = error;
    ++record.failuresInARow;
    const bool saysSo = error.code == Error::Code::Denied || error.code == Error::Code::LimitExceeded
        || error.code == Error::Code::NotFound;
    const bool stalled = error.code == Error::Code::Timeout;
    if (!record.resting && !saysSo && !stalled && record.failuresInARow < m_settings.failuresInARow)
        return;
    // While it rests, calls that were using it report too: one rest is not lengthened by them.
    const Instant now = m_clock.now();
    if (record.resting && !record.probing && now < record.restUntil)
        return;
    Milliseconds rest = m_settings.firstRest;
    for (int i = 0; i < record.rests && rest < m_settings.longestRest; ++i)
        rest *= 2;
    rest = std::max(std::min(rest, m_settings.longestRest), error.retryAfter);
    ++record.rests;
    record.resting = true;
    record.probing = record.probedAside = record.hasPassed = false;
    record.restUntil = now + rest;
}

bool Health::askedForRest(Stage stage, const QString& provider) const
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_records.constFind(keyOf(stage, provider));
    return found != m_records.cend() && found->resting
        && (found->lastError.code == Error::Code::Denied
            || (found->lastError.retryAfter > Milliseconds(0) && m_clock.now() < found->restUntil));
}

void Health::released(Stage stage, const QString& provider)
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_records.find(keyOf(stage, provider));
    if (found != m_records.end() && !found->probedAside)
        found->probing = false;
}

Health::State Health::state(Stage stage, const QString& provider) const
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_records.constFind(keyOf(stage, provider));
    if (found == m_records.cend() || !found->resting)
        return State::Fit;
    return m_clock.now() < found->restUntil ? State::Resting : State::Probation;
}

Error Health::lastError(Stage stage, const QString& provider) const
{
    const std::lock_guard lock(m_mutex);
    return m_records.value(keyOf(stage, provider)).lastError;
}

Instant Health::restsUntil(Stage stage, const QString& provider) const
{
    const std::lock_guard lock(m_mutex);
    return m_records.value(keyOf(stage, provider)).restUntil;
}

} // namespace kav::providers
