// SPDX-License-Identifier: Apache-2.0
#include "engine/session/spokencalls.h"

#include "shared/core/logging.h"

#include <QPointer>

namespace kav::session {

namespace {
constexpr Milliseconds DeadlinesEvery{100};
}

SpokenCalls::SpokenCalls(const SessionContext& context, Settings settings, Hooks hooks)
    : m_context(context)
    , m_settings(settings)
    , m_hooks(std::move(hooks))
{
    connect(&m_timer, &QTimer::timeout, this, &SpokenCalls::tick);
}

void SpokenCalls::tick()
{
    forEach([](SpokenCall& call) { call.tick(); });
}

QStringList SpokenCalls::calls() const
{
    QStringList ids;
    for (const auto& [id, call] : m_calls)
        ids += id;
    return ids;
}

void SpokenCalls::forEach(const std::function<void(SpokenCall&)>& act)
{
    const QStringList ids = calls(); // one may end, and leave the map, while it is looked at
    for (const QString& id : ids) {
        if (SpokenCall* const call = find(id))
            act(*call);
    }
}

SpokenCalls::~SpokenCalls()
{
    stop();
}

void SpokenCalls::stop()
{
    m_timer.stop();
    for (const auto& [id, call] : m_calls) {
        call->disconnect(this); // nobody is left to be told
        call->endNow(EndReason::Shutdown);
    }
    m_calls.clear();
}

SpokenCall* SpokenCalls::find(const QString& callId) const
{
    const auto found = m_calls.find(callId);
    return found == m_calls.end() ? nullptr : found->second.get();
}

void SpokenCalls::begin(SpokenStart start, SpokenCall::Reply reply)
{
    KAV_ASSERT_THREAD(this);
    const QString id = start.info.callId;
    SpokenInput opening;
    if (take(id, opening, reply))
        return;
    auto made = std::make_unique<SpokenCall>(std::move(start), m_context, m_settings.call);
    SpokenCall* const call = made.get();
    connect(call, &SpokenCall::summaryChanged, this, &SpokenCalls::callShown);
    connect(call, &SpokenCall::transcriptChanged, this,
        [this, id](const TranscriptTurn& turn) { Q_EMIT turnShown(id, turn); });
    connect(call, &SpokenCall::turnEnded, this, [this, id](const TurnRecord& turn) { Q_EMIT turnEnded(id, turn); });
    connect(call, &SpokenCall::providerUsed, this, &SpokenCalls::providerUsed);
    connect(call, &SpokenCall::interruptionWanted, this,
        [this, id](const SpokenStep& step, EndReason reason) { interrupt(id, step, reason); });
    connect(call, &SpokenCall::passedOn, this, &SpokenCalls::passedOn);
    connect(call, &SpokenCall::ended, this, &SpokenCalls::onEnded);
    m_calls.emplace(id, std::move(made));
    m_timer.start(DeadlinesEvery);
    call->take(opening, std::move(reply));
}

bool SpokenCalls::take(const QString& callId, const SpokenInput& input, SpokenCall::Reply reply)
{
    KAV_ASSERT_THREAD(this);
    SpokenCall* const call = find(callId);
    if (!call)
        return false;
    call->take(input, std::move(reply));
    return true;
}

void SpokenCalls::hungUp(const QString& callId)
{
    KAV_ASSERT_THREAD(this);
    if (SpokenCall* const call = find(callId))
        call->hungUp();
}

CommandOutcome SpokenCalls::command(const QString& callId, OperatorCommand command)
{
    KAV_ASSERT_THREAD(this);
    SpokenCall* const call = find(callId);
    return call ? call->command(command) : CommandOutcome::NoSuchCall;
}

CommandOutcome SpokenCalls::passOn(const QString& callId, const QString& targetName)
{
    KAV_ASSERT_THREAD(this);
    SpokenCall* const call = find(callId);
    return call ? call->passOn(targetName) : CommandOutcome::NoSuchCall;
}

void SpokenCalls::endWith(const QString& callId, EndReason reason, const QString& words)
{
    KAV_ASSERT_THREAD(this);
    if (SpokenCall* const call = find(callId))
        call->endWith(reason, words);
}

void SpokenCalls::endAll(EndReason reason)
{
    KAV_ASSERT_THREAD(this);
    forEach([reason](SpokenCall& call) { call.requestEnd(reason); });
}

void SpokenCalls::interrupt(const QString& callId, const SpokenStep& step, EndReason reason)
{
    if (!m_hooks.interrupt)
        return;
    m_hooks.interrupt(callId, step, [self = QPointer<SpokenCalls>(this), callId, step, reason](bool taken) {
        SpokenCall* const call = self && taken ? self->find(callId) : nullptr;
        if (call)
            call->interrupted(step, reason);
    });
}

void SpokenCalls::onEnded(const CallEnd& end)
{
    const auto found = m_calls.find(end.callId);
    if (found == m_calls.end())
        return;
    found->second.release()->deleteLater(); // it is on the stack
    m_calls.erase(found);
    if (m_calls.empty())
        m_timer.stop();
    if (!end.passedOn && !m_ended.contains(end.callId)) { // passed on, it may come back
        m_ended.insert(end.callId);
        m_endedInOrder.push_back(end.callId);
    }
    if (m_endedInOrder.size() > m_settings.memory) {
        m_ended.remove(m_endedInOrder.front());
        m_endedInOrder.pop_front();
    }
    Q_EMIT callEnded(end);
}

} // namespace kav::session
