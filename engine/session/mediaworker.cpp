// SPDX-License-Identifier: Apache-2.0
#include "engine/session/mediaworker.h"

#include "engine/session/websocketchannel.h"
#include "shared/core/logging.h"

#include <QTimer>

#include <algorithm>

namespace kav::session {

namespace {
SessionContext contextOf(SessionContext context, metrics::WorkerCounters& counters)
{
    context.counters = &counters;
    return context;
}
} // namespace

MediaWorker::MediaWorker(int index, const SessionContext& context, metrics::WorkerCounters& counters,
    const net::WebSocketLimits& limits, const media::WorkerTick::Settings& tick)
    : m_context(contextOf(context, counters))
    , m_tickSettings(tick)
    , m_anchor(std::make_unique<QObject>())
    , m_host(std::make_unique<net::WebSocketHost>(
          QStringLiteral("kav"), QStringList{QStringLiteral("audio.twilio.com")}, limits, *context.clock))
{
    m_thread.setObjectName(QStringLiteral("media-%1").arg(index));
    m_anchor->moveToThread(&m_thread);
    m_host->moveToThread(&m_thread);
    connect(m_host.get(), &net::WebSocketHost::connected, m_anchor.get(),
        [this](net::WebSocket* socket) { onConnected(socket); });
}

MediaWorker::~MediaWorker()
{
    stop();
}

void MediaWorker::start()
{
    m_thread.start();
    // The tick belongs to the thread that makes it; waiting for that thread's first turn costs some microseconds.
    QMetaObject::invokeMethod(
        m_anchor.get(),
        [this] {
            m_tick = std::make_unique<media::WorkerTick>(m_tickSettings);
            m_beatTimer = std::make_unique<QTimer>();
            connect(m_beatTimer.get(), &QTimer::timeout, m_anchor.get(), [this] { beat(); });
            m_beatTimer->start(std::chrono::milliseconds(500));
            beat();
        },
        Qt::BlockingQueuedConnection);
}

void MediaWorker::stop()
{
    if (!m_thread.isRunning())
        return;
    // What lives on the thread dies on the thread.
    QMetaObject::invokeMethod(
        m_anchor.get(),
        [this] {
            for (const auto& session : m_sessions)
                session->endNow(EndReason::Shutdown);
            m_sessions.clear();
            m_host->closeAll(1001, QStringLiteral("engine stopped"));
            m_host.reset();
            m_tick.reset();
            m_beatTimer.reset();
        },
        Qt::BlockingQueuedConnection);
    m_thread.quit();
    m_thread.wait();
}

bool MediaWorker::isAlive(Instant now, Milliseconds within) const
{
    const Instant last{std::chrono::nanoseconds(m_lastBeat.load(std::memory_order_relaxed))};
    return m_thread.isRunning() && now - last <= within;
}

void MediaWorker::beat()
{
    m_lastBeat.store(m_context.clock->now().time_since_epoch().count(), std::memory_order_relaxed);
}

void MediaWorker::post(std::function<void()> work)
{
    m_inbox.fetch_add(1, std::memory_order_relaxed);
    QMetaObject::invokeMethod(
        m_anchor.get(),
        [this, work = std::move(work)] {
            m_inbox.fetch_sub(1, std::memory_order_relaxed);
            work();
        },
        Qt::QueuedConnection);
}

void MediaWorker::endAll(EndReason reason)
{
    post([this, reason] {
        for (const auto& session : m_sessions)
            session->requestEnd(reason);
    });
}

void MediaWorker::endWith(const QString& callId, EndReason reason, const QString& words)
{
    post([this, callId, reason, words] {
        for (size_t i = 0; i < m_sessions.size(); ++i) {
            if (m_sessions[i]->callId() == callId)
                m_sessions[i]->endWith(reason, words);
        }
    });
}

void MediaWorker::connectAhead(const providers::CallInfo& call)
{
    post([this, call] {
        const LogCall logged(call.callId);
        m_context.providers->connectAhead(call);
    });
}

void MediaWorker::command(quint64 ticket, const QString& callId, OperatorCommand command)
{
    post([this, ticket, callId, command] {
        CallSession* const session = sessionOf(callId);
        Q_EMIT commandDone(ticket, session ? session->command(command) : CommandOutcome::NoSuchCall);
    });
}

void MediaWorker::passOn(quint64 ticket, const QString& callId, const QString& targetName)
{
    post([this, ticket, callId, targetName] {
        CallSession* const session = sessionOf(callId);
        Q_EMIT commandDone(ticket, session ? session->passOn(targetName) : CommandOutcome::NoSuchCall);
    });
}

void MediaWorker::release(const QString& callId)
{
    post([this, callId] {
        if (CallSession* const session = sessionOf(callId))
            session->release();
    });
}

/// One that has ended is still here for a turn of the loop; it answers that it is not.
CallSession* MediaWorker::sessionOf(const QString& callId) const
{
    // A call may have a second session by then.
    const auto found = std::find_if(m_sessions.crbegin(), m_sessions.crend(),
        [&callId](const auto& session) { return session->callId() == callId; });
    return found == m_sessions.crend() ? nullptr : found->get();
}

void MediaWorker::onConnected(net::WebSocket* socket)
{
    auto session = std::make_unique<CallSession>(
        std::make_unique<WebSocketChannel>(*socket), m_context.claimsOf(socket->tag()), m_context);
    CallSession* const call = session.get();
    connect(
        call, &CallSession::turnEnded, this,
        [this, call](const TurnRecord& turn) { Q_EMIT turnEnded(call->callId(), turn); }, Qt::DirectConnection);
    connect(call, &CallSession::summaryChanged, this, &MediaWorker::callShown, Qt::DirectConnection);
    connect(
        call, &CallSession::transcriptChanged, this,
        [this, call](const TranscriptTurn& turn) { Q_EMIT turnShown(call->callId(), turn); }, Qt::DirectConnection);
    connect(call, &CallSession::interruptionEnded, this, &MediaWorker::interruptionEnded, Qt::DirectConnection);
    connect(
        call, &CallSession::lastWordsSaid, this, [this, call] { Q_EMIT lastWordsSaid(call->callId()); },
        Qt::DirectConnection);
    connect(call, &CallSession::passedOn, this, &MediaWorker::passedOn, Qt::DirectConnection);
    connect(call, &CallSession::providerUsed, this, &MediaWorker::providerUsed, Qt::DirectConnection);
    connect(
        call, &CallSession::ended, this,
        [this, call](const CallEnd& end) {
            m_tick->unsubscribe(*call);
            // Before it is told: who hears of the end must not find the call still counted.
            m_live.fetch_sub(1, std::memory_order_relaxed);
            Q_EMIT callEnded(end);
            // The session is on the stack of its own signal: it goes on the next turn of the loop.
            QMetaObject::invokeMethod(
                m_anchor.get(),
                [this, call] { std::erase_if(m_sessions, [call](const auto& held) { return held.get() == call; }); },
                Qt::QueuedConnection);
        },
        Qt::DirectConnection);
    m_live.fetch_add(1, std::memory_order_relaxed);
    m_tick->subscribe(*call);
    m_sessions.push_back(std::move(session));
    Q_EMIT callStarted(call->callId());
}

} // namespace kav::session
