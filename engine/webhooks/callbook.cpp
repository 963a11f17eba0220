// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/callbook.h"

#include "shared/core/logging.h"

#include <array>

namespace kav::webhooks {

namespace {

/// How far a call has come; -1: the word says nothing of it.
int rankOf(const QString& status)
{
    static const QStringList order{QStringLiteral("queued"), QStringLiteral("initiated"), QStringLiteral("ringing"),
        QStringLiteral("in-progress")};
    return int(order.indexOf(status == QLatin1String("answered") ? order.last() : status));
}

CallState stateOf(int rank)
{
    static constexpr std::array States{CallState::Queued, CallState::Dialling, CallState::Ringing, CallState::Answered};
    return States[size_t(rank)];
}

EndReason reasonOf(const QString& status, EndReason because)
{
    if (status == QLatin1String("busy"))
        return EndReason::Busy;
    if (status == QLatin1String("no-answer"))
        return EndReason::NoAnswer;
    if (status == QLatin1String("failed"))
        return EndReason::Failed;
    if (because != EndReason::None)
        return because;
    return status == QLatin1String("canceled") ? EndReason::Canceled : EndReason::CallerHungUp;
}

constexpr int RankOfRinging = 2, RankOfAnswered = 3;

} // namespace

CallBook::CallBook(const Clock& clock, Settings settings, Hooks hooks)
    : m_clock(clock)
    , m_settings(settings)
    , m_hooks(std::move(hooks))
    , m_firstLive(m_calls.end())
{
}

CallBook::Entry* CallBook::entry(const QString& callSid)
{
    const auto place = m_places.constFind(callSid);
    return place == m_places.cend() ? nullptr : &**place;
}

const BookedCall* CallBook::find(const QString& callSid) const
{
    const auto place = m_places.constFind(callSid);
    return place == m_places.cend() ? nullptr : &(*place)->call;
}

bool CallBook::isOver(const QString& callSid) const
{
    const auto place = m_places.constFind(callSid);
    return place != m_places.cend() && (*place)->isFinal;
}

/// The call's entry, a new one where there was none; what was not known of it is filled in.
CallBook::Entry& CallBook::enter(const IncomingCall& about)
{
    Entry* known = entry(about.callSid);
    if (!known) {
        if (m_calls.size() >= m_settings.calls)
            forgetOldest();
        const auto place = m_calls.insert(m_calls.end(), Entry{});
        if (m_firstLive == m_calls.end())
            m_firstLive = place;
        m_places.insert(about.callSid, place);
        known = &*place;
        known->call.about = about;
        known->call.startedAt = known->call.stateSince = m_clock.wallNow();
        return *known;
    }
    const auto fill = [](QString& mine, const QString& told) {
        if (mine.isEmpty())
            mine = told;
    };
    IncomingCall& mine = known->call.about;
    fill(mine.accountSid, about.accountSid);
    fill(mine.from, about.from);
    fill(mine.to, about.to);
    fill(mine.callerName, about.callerName);
    fill(mine.forwardedFrom, about.forwardedFrom);
    fill(mine.direction, about.direction);
    fill(mine.language, about.language);
    fill(mine.persona, about.persona);
    fill(mine.placed, about.placed);
    mine.test = mine.test || about.test;
    return *known;
}

void CallBook::forgetOldest()
{
    const LogCall logged(m_calls.front().call.about.callSid);
    if (m_calls.front().call.state != CallState::Ended)
        qCWarning(lcWebhook).noquote() << m_calls.front().call.about.callSid
                                       << "is forgotten: too many calls at a time";
    if (m_firstLive == m_calls.begin())
        ++m_firstLive;
    m_places.remove(m_calls.front().call.about.callSid);
    m_calls.pop_front();
}

/// False: what is told is not later than what is known.
bool CallBook::advance(Entry& entry, CallState state, const Order& order)
{
    if (order <= entry.order)
        return false;
    entry.order = order;
    if (entry.call.state != state && entry.call.state != CallState::Ended) {
        entry.call.stateSince = m_clock.wallNow();
        entry.call.state = state;
    }
    return true;
}

void CallBook::placed(const IncomingCall& call)
{
    Entry& known = enter(call);
    if (known.isFinal || known.call.hadConversation)
        return;
    known.due = m_clock.now() + m_settings.placedWait;
    advance(known, CallState::Queued, {-1, 0, 0});
    m_hooks.changed(known.call);
}

void CallBook::rings(const IncomingCall& call)
{
    Entry& known = enter(call);
    if (known.isFinal || known.call.hadConversation)
        return;
    known.due = m_clock.now() + m_settings.streamWait;
    advance(known, CallState::Ringing, {-1, 0, RankOfRinging});
    m_hooks.changed(known.call);
}

void CallBook::answered(const IncomingCall& call)
{
    Entry& known = enter(call);
    if (known.isFinal || known.call.hadConversation)
        return;
    known.due = m_clock.now() + m_settings.streamWait;
    // The webhook has no number of its own, but is asked for only when the call is taken: no callback comes after it
    // but the last.
    advance(known, CallState::Answered, {RankOfAnswered, 0, RankOfAnswered});
    m_hooks.changed(known.call);
}

void CallBook::turnedAway(const IncomingCall& call)
{
    Entry& known = enter(call);
    if (known.isFinal || known.call.hadConversation)
        return;
    known.because = EndReason::Refused;
    known.due = m_clock.now() + m_settings.goingOn;
}

void CallBook::progress(const CallStatus& status)
{
    const int rank = rankOf(status.status);
    if (rank < 0 && !status.isFinal()) {
        qCInfo(lcWebhook).noquote() << status.callSid << "a status that is not known:" << status.status.left(20);
        return;
    }
    Entry& known = enter(status.call);
    if (known.isFinal) {
        ++m_counters.tooLate;
        return;
    }
    if (status.isFinal()) {
        known.isFinal = true;
        const QDateTime at = status.timestamp.isValid() ? status.timestamp : m_clock.wallNow();
        end(known, reasonOf(status.status, known.because), at,
            std::chrono::seconds(status.durationSeconds.value_or(0)));
        return;
    }
    const qint64 at = status.timestamp.isValid() ? status.timestamp.toMSecsSinceEpoch() : 0;
    if (!advance(known, stateOf(rank), {status.sequence.value_or(-1), at, rank})) {
        ++m_counters.repeated;
        return;
    }
    if (known.call.hasConversation || known.call.state == CallState::Ended)
        return;
    known.due = m_clock.now() + (rank == RankOfAnswered ? m_settings.streamWait : m_settings.placedWait);
    m_hooks.changed(known.call);
}

void CallBook::streamAdmitted(const QString& callSid)
{
    if (Entry* known = entry(callSid); known && !known->isFinal)
        known->due = m_clock.now() + m_settings.handshake;
}

void CallBook::streamFailed(const QString& callSid)
{
    Entry* known = entry(callSid);
    if (!known || known->isFinal || known->call.hadConversation)
        return;
    // Not its end: Twilio asks how it shall go on.
    known->because = EndReason::StreamLost;
    known->due = m_clock.now() + m_settings.goingOn;
}

void CallBook::callerGone(const QString& callSid)
{
    Entry* known = entry(callSid);
    if (!known || known->isFinal || known->call.hasConversation)
        return;
    known->isFinal = true;
    end(*known, known->because != EndReason::None ? known->because : EndReason::StreamLost, m_clock.wallNow(), {});
}

void CallBook::conversationBegan(const QString& callSid)
{
    IncomingCall about;
    about.callSid = callSid;
    Entry& known = enter(about);
    known.call.hadConversation = known.call.hasConversation = true;
    if (known.call.state == CallState::Ended && !known.isFinal) {
        known.call.state = CallState::Answered; // it came back
        m_calls.splice(m_calls.end(), m_calls, m_places.value(callSid));
        if (m_firstLive == m_calls.end())
            m_firstLive = std::prev(m_calls.end());
    }
}

void CallBook::conversationEnded(const QString& callSid, EndReason reason)
{
    Entry* known = entry(callSid);
    if (!known)
        return;
    known->call.hasConversation = false;
    if (known->call.hadConversation) {
        if (known->call.state != CallState::Ended)
            end(*known, reason, m_clock.wallNow(), {});
        return;
    }
    if (known->isFinal)
        return;
    // The stream that was to bring it ended before it said `start`.
    if (reason == EndReason::CallerHungUp || reason == EndReason::Shutdown) {
        known->isFinal = true;
        end(*known, reason, m_clock.wallNow(), {});
        return;
    }
    known->because = reason;
    known->due = m_clock.now() + m_settings.goingOn;
}

void CallBook::endsBecause(const QString& callSid, EndReason reason)
{
    if (Entry* known = entry(callSid); known && !known->isFinal)
        known->because = reason;
}

void CallBook::expire()
{
    const Instant now = m_clock.now();
    for (auto it = m_firstLive; it != m_calls.end();) {
        Entry& known = *it++;
        if (known.call.hasConversation || known.isFinal || now < known.due)
            continue;
        ++m_counters.unheard;
        const LogCall logged(known.call.about.callSid);
        qCInfo(lcWebhook).noquote() << known.call.about.callSid << "nothing is heard of it any more: taken as ended";
        callerGone(QString(known.call.about.callSid));
    }
}

QStringList CallBook::ringingOut() const
{
    QStringList calls;
    for (std::list<Entry>::const_iterator it = m_firstLive; it != m_calls.cend(); ++it) {
        const CallState state = it->call.state;
        const bool isRinging =
            state == CallState::Queued || state == CallState::Dialling || state == CallState::Ringing;
        if (isRinging && !it->isFinal && !it->call.hadConversation && !it->call.about.placed.isEmpty())
            calls += it->call.about.callSid;
    }
    return calls;
}

void CallBook::close()
{
    for (auto it = m_firstLive; it != m_calls.end();) {
        Entry& known = *it++;
        if (known.isFinal || known.call.hadConversation)
            continue;
        known.isFinal = true;
        end(known, known.because != EndReason::None ? known.because : EndReason::Shutdown, m_clock.wallNow(), {});
    }
}

void CallBook::end(Entry& entry, EndReason reason, const QDateTime& at, std::chrono::milliseconds duration)
{
    const bool wasLive = entry.call.state != CallState::Ended;
    if (wasLive) {
        entry.call.state = CallState::Ended;
        entry.call.stateSince = entry.call.endedAt = at;
        entry.call.reason = reason;
        entry.call.duration = duration;
        // To the end of those that have ended.
        const Place place = m_places.value(entry.call.about.callSid);
        if (place == m_firstLive)
            ++m_firstLive;
        else
            m_calls.splice(m_firstLive, m_calls, place);
    }
    const BookedCall call = entry.call; // a hook may come back here
    if (wasLive && !entry.call.hadConversation)
        m_hooks.ended(call);
    m_hooks.over(call.about.callSid);
}

} // namespace kav::webhooks
