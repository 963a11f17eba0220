// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/session/spokencall.h"

#include <QHash>
#include <QObject>
#include <QSet>
#include <QTimer>

#include <deque>
#include <functional>
#include <map>
#include <memory>

namespace kav::session {

/// All calls that are held without a stream. Owned by the composition root, lives on the control thread. Its signals
/// are those of its calls; callEnded once for each.
class SpokenCalls final : public QObject {
    Q_OBJECT
public:
    struct Settings final {
        int limit = 50; ///< calls at a time
        SpokenCall::Settings call;
        std::size_t memory = 1024; ///< calls that ended are remembered, so that none begins anew
    };
    struct Hooks final {
        /// Tells Twilio at once what to do with a call that is not asking; `done` hears once whether it took that.
        /// Without it a call hears of its end when it asks next.
        std::function<void(const QString& callId, const SpokenStep&, std::function<void(bool)> done)> interrupt{};
    };

    /// The context outlives it.
    SpokenCalls(const SessionContext& context, Settings settings, Hooks hooks);
    ~SpokenCalls() override; ///< stop()s

    bool hasRoom() const { return live() < m_settings.limit; }
    int limit() const { return m_settings.limit; }
    int live() const { return int(m_calls.size()); }
    QStringList calls() const; ///< their ids
    bool has(const QString& callId) const { return m_calls.contains(callId); }
    bool hasEnded(const QString& callId) const { return m_ended.contains(callId); }

    /// A call that is live already is asked on.
    void begin(SpokenStart start, SpokenCall::Reply reply);
    /// False: it is not live, and `reply` was not used.
    bool take(const QString& callId, const SpokenInput& input, SpokenCall::Reply reply);
    void hungUp(const QString& callId);
    CommandOutcome command(const QString& callId, OperatorCommand command);
    CommandOutcome passOn(const QString& callId, const QString& targetName);
    /// Says these words, if there are any, and ends the call.
    void endWith(const QString& callId, EndReason reason, const QString& words);
    /// Asks every call for its goodbye.
    void endAll(EndReason reason);
    /// Ends what is live (Shutdown), without a word and without a signal.
    void stop();
    /// Deadlines; called by an inner timer, and by tests with a fake clock.
    void tick();

Q_SIGNALS:
    void callShown(const kav::CallSummary& summary);
    void turnShown(const QString& callId, const kav::TranscriptTurn& turn);
    void turnEnded(const QString& callId, const kav::TurnRecord& turn);
    void providerUsed(const kav::providers::FailoverNews& news);
    void passedOn(const kav::session::PassedOn& call);
    void callEnded(const kav::session::CallEnd& end);

private:
    SpokenCall* find(const QString& callId) const;
    void forEach(const std::function<void(SpokenCall&)>& act);
    void interrupt(const QString& callId, const SpokenStep& step, EndReason reason);
    void onEnded(const CallEnd& end);

    const SessionContext& m_context;
    const Settings m_settings;
    const Hooks m_hooks;
    std::map<QString, std::unique_ptr<SpokenCall>> m_calls;
    std::deque<QString> m_endedInOrder; ///< oldest first
    QSet<QString> m_ended;
    QTimer m_timer;
};

} // namespace kav::session
