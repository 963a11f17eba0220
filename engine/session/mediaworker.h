// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/tick.h"
#include "engine/net/websocket.h"
#include "engine/session/callsession.h"
#include "engine/session/sessioncontext.h"

#include <QObject>
#include <QThread>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

QT_FORWARD_DECLARE_CLASS(QTimer)

namespace kav::session {

/// One media thread and everything that lives on it: the host that completes stream upgrades, the tick, the sessions.
/// Owned by the composition root, made and destroyed on the control thread; the thread runs from start() to stop().
/// Its signals come from the worker thread: connect them queued.
class MediaWorker final : public QObject {
    Q_OBJECT
public:
    MediaWorker(int index, const SessionContext& context, metrics::WorkerCounters& counters,
        const net::WebSocketLimits& limits, const media::WorkerTick::Settings& tick = {});
    ~MediaWorker() override; ///< stop()s

    void start();
    /// Ends what is live (Shutdown) and joins the thread.
    void stop();

    /// For Listener::Upgrade; takes sockets on this worker's thread.
    net::WebSocketHost* host() const { return m_host.get(); }
    /// Streams accepted and not yet ended, those not yet started included. Any thread.
    int liveCalls() const { return m_live.load(std::memory_order_relaxed); }
    /// What was asked of the thread and is not done yet. Any thread.
    int inbox() const { return m_inbox.load(std::memory_order_relaxed); }
    /// The thread's loop has turned within the last `within`. Any thread: readiness asks it.
    bool isAlive(Instant now, Milliseconds within) const;
    /// Lateness of the tick, between start() and stop(); what it counts may be read from any thread.
    const media::WorkerTick& tick() const { return *m_tick; }
    /// Any thread: asks every live call for its goodbye.
    void endAll(EndReason reason);
    /// Any thread: a telephone rings, and its call may come here: connections to the providers are opened.
    void connectAhead(const providers::CallInfo& call);
    /// Any thread: CallSession::endWith(), of the call if it lives here.
    void endWith(const QString& callId, EndReason reason, const QString& words);
    /// Any thread: does it to the call if it lives here; commandDone follows with the same ticket.
    void command(quint64 ticket, const QString& callId, OperatorCommand command);
    /// The same, for passing a call on.
    void passOn(quint64 ticket, const QString& callId, const QString& targetName);
    /// Any thread: CallSession::release().
    void release(const QString& callId);

Q_SIGNALS:
    void callStarted(const QString& callId);
    void turnEnded(const QString& callId, const kav::TurnRecord& turn);
    void callShown(const kav::CallSummary& summary);
    void turnShown(const QString& callId, const kav::TranscriptTurn& turn);
    void commandDone(quint64 ticket, kav::session::CommandOutcome outcome);
    void interruptionEnded(bool confirmed);
    void lastWordsSaid(const QString& callId);
    void passedOn(const kav::session::PassedOn& call);
    void providerUsed(const kav::providers::FailoverNews& news);
    void callEnded(const kav::session::CallEnd& end);

private:
    void onConnected(net::WebSocket* socket);
    void beat();
    void post(std::function<void()> work); ///< any thread
    CallSession* sessionOf(const QString& callId) const;

    const SessionContext m_context;
    const media::WorkerTick::Settings m_tickSettings;
    QThread m_thread;
    std::unique_ptr<QObject> m_anchor; // lives on the thread: context of what is posted to it
    std::unique_ptr<net::WebSocketHost> m_host;
    std::unique_ptr<media::WorkerTick> m_tick;
    std::unique_ptr<QTimer> m_beatTimer;
    std::vector<std::unique_ptr<CallSession>> m_sessions; // worker thread only
    std::atomic<int> m_live{0}, m_inbox{0};
    std::atomic<qint64> m_lastBeat{0}; // steady clock, ns
};

} // namespace kav::session
