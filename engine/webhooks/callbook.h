// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/webhooks/callwebhooks.h"
#include "shared/core/clock.h"
#include "shared/model/call.h"

#include <QDateTime>
#include <QHash>
#include <QString>
#include <QStringList>

#include <functional>
#include <list>
#include <tuple>

namespace kav::webhooks {

/// A call as the book has it. A plain value.
struct BookedCall final {
    IncomingCall about; ///< as far as it has been told
    CallState state = CallState::Ringing; ///< Queued, Dialling, Ringing, Answered or Ended
    bool hasConversation = false; ///< what it does is told by the conversation, not here
    bool hadConversation = false; ///< has one, or had
    QDateTime startedAt, stateSince; ///< UTC
    QDateTime endedAt; ///< UTC; not valid before Ended
    EndReason reason = EndReason::None;
    std::chrono::milliseconds duration{0}; ///< as Twilio counts it
};

/// Every call from the first that is heard of it to its end, out of what comes late, twice, in any order, or never:
///
///     Queued -> Dialling -> Ringing -> Answered -> Ended      a call that is placed
///               Ringing -> Answered -> Ended                  one that comes in
///
/// Callbacks about progress are ordered by SequenceNumber, then by Timestamp, then by the order above; the latest of
/// them says how the call is. So the same callbacks give the same end in whatever order they come. A final status is
/// never left, whatever follows it.
///
/// One record for each call: that of its conversation, where there was one; else ended() is called, once. That happens
/// with the final callback, or where none comes, when nothing has been heard of the call for too long. A call that the
/// conversation has ended is over too, even if Twilio never says so; but it may come back (it was passed on, and comes
/// back to the agent), which after a final status it may not.
///
/// A plain object, owned by the composition root, lives on the control thread. Its memory is bounded: calls that have
/// ended are forgotten, the one first that ended first.
class CallBook final {
public:
    struct Settings final {
        std::size_t calls = 16'384;
        Milliseconds streamWait{300'000}; ///< from the webhook to the stream
        Milliseconds handshake{30'000}; ///< from the gate's verdict to a stream that says `start`
        Milliseconds goingOn{5'000}; ///< from a stream that failed to whatever takes the call instead
        Milliseconds placedWait{180'000}; ///< from a placed call's last news to the next: it rings no longer
    };
    struct Hooks final {
        std::function<void(const BookedCall&)> changed; ///< it had no conversation, and has none; not for Ended
        std::function<void(const BookedCall&)> ended; ///< without a conversation: it wants a record
        std::function<void(const QString& callSid)> over; ///< it has ended one way or another; perhaps more than once
    };
    struct Counters final {
        quint64 repeated = 0; ///< callbacks that told nothing new
        quint64 tooLate = 0; ///< that came after the end
        quint64 unheard = 0; ///< calls whose final callback never came
    };

    CallBook(const Clock& clock, Settings settings, Hooks hooks);

    // What is heard.
    void placed(const IncomingCall& call); ///< this engine has placed it
    void rings(const IncomingCall& call); ///< its webhook was answered; a stream is to come
    void answered(const IncomingCall& call); ///< so with a call that goes out
    void progress(const CallStatus& status);
    void turnedAway(const IncomingCall& call); ///< it heard that the lines are busy
    void streamAdmitted(const QString& callSid);
    void streamFailed(const QString& callSid); ///< Twilio could not open it
    void callerGone(const QString& callSid); ///< for certain: what has no conversation ends
    void conversationBegan(const QString& callSid);
    /// Or the stream ended that was to bring it.
    void conversationEnded(const QString& callSid, EndReason reason);
    /// Why it ends, when it does: who ends it knows better than Twilio.
    void endsBecause(const QString& callSid, EndReason reason);
    /// Looks for calls of which nothing is heard any more. Every few seconds.
    void expire();

    const BookedCall* find(const QString& callSid) const;
    /// Calls that were placed and nobody has answered yet.
    QStringList ringingOut() const;
    /// The engine goes: what has no record by now gets it. Who was turned away keeps that for a reason.
    void close();
    /// It is over for good: no stream may come.
    bool isOver(const QString& callSid) const;
    std::size_t size() const { return m_calls.size(); }
    const Counters& counters() const { return m_counters; }

private:
    /// Sequence, time, rank: of two callbacks the greater is the later.
    using Order = std::tuple<int, qint64, int>;
    struct Entry final {
        BookedCall call;
        Order order{-1, 0, -1};
        Instant due; ///< nothing heard by then: it is over
        EndReason because = EndReason::None;
        bool isFinal = false;
    };
    using Place = std::list<Entry>::iterator;

    Entry& enter(const IncomingCall& about);
    Entry* entry(const QString& callSid);
    void forgetOldest();
    bool advance(Entry& entry, CallState state, const Order& order);
    void end(Entry& entry, EndReason reason, const QDateTime& at, std::chrono::milliseconds duration);

    const Clock& m_clock;
    const Settings m_settings;
    const Hooks m_hooks;
    Counters m_counters;
    std::list<Entry> m_calls; ///< those that ended are at the front, in the order of their ends
    std::list<Entry>::iterator m_firstLive; ///< in m_calls
    QHash<QString, Place> m_places; ///< by CallSid
};

} // namespace kav::webhooks
