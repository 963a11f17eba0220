// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/transfermachine.h"

#include <utility>

namespace kav::webhooks {

using providers::AfterTransfer;
using State = TransferState;
using Event = TransferEvent;
using Action = TransferAction;
using Document = TransferDocument;

namespace {
// A redirect, its retries included; or the stream's own end and what Twilio asks then.
constexpr Milliseconds FetchTime{20'000};
// Beyond the ringing: the REST request, Twilio's queue of one call a second, the callback.
constexpr Milliseconds RingMargin{40'000};
// The summary twice, and time for a key.
constexpr Milliseconds AskTime{75'000};
constexpr Milliseconds TalkMargin{30'000};
// From the end of the person's call to the conference's own.
constexpr Milliseconds HangUpTime{6'000};
constexpr Milliseconds ReturnTime{30'000};
} // namespace

TransferMachine::TransferMachine(std::vector<Target> targets, bool haveRest, Instant now)
    : m_targets(std::move(targets))
    , m_haveRest(haveRest)
    , m_now(now)
    , m_deadline(now + FetchTime)
    , m_warm(haveRest && m_targets.front().warm)
{
}

TransferMachine::Actions TransferMachine::begin()
{
    return m_haveRest ? Actions{Action::TakeToFirst} : Actions{};
}

TransferMachine::Actions TransferMachine::on(Event event, Instant now)
{
    m_now = now;
    if (m_state == State::Over)
        return {};
    switch (event) {
    case Event::Tick:
        if (now >= m_deadline)
            overdue();
        break;
    case Event::RedirectFailed:
        if (m_state == State::Fetching) {
            // Without REST nobody can be asked first; the stream's own end still leads to after_stream.
            m_warm = false;
            enter(State::Fetching, FetchTime);
            add(Action::ReleaseStream);
        } else if (m_state == State::Returning) {
            add(Action::EndCaller);
            over(m_goodbyeReason == EndReason::Shutdown ? EndReason::Shutdown : EndReason::StreamLost);
        }
        break;
    case Event::DocumentAsked:
        if (m_state == State::Fetching)
            firstDocument();
        break;
    case Event::HumanUnknown:
        if (m_state == State::Calling)
            add(Action::LookUpHuman);
        break;
    case Event::HumanRefused:
    case Event::HumanNotFound:
        if (m_state == State::Calling)
            unanswered(false);
        break;
    case Event::HumanAnswered:
        if (m_state == State::Calling)
            enter(State::Asking, AskTime);
        break;
    case Event::HumanAccepted:
        if (m_state == State::Asking) {
            m_answered = true;
            enter(State::Talking, this->now().longest + TalkMargin);
        }
        break;
    case Event::HumanDeclined:
        if (m_state == State::Asking)
            unanswered(false);
        break;
    case Event::HumanGone:
        if (m_state == State::Calling || m_state == State::Asking) {
            unanswered(false);
        } else if (m_state == State::Talking && m_warm && !m_humanLeft) {
            // The conference ends with it, and Twilio asks for the caller: HoldEnded. Else the deadline does it.
            m_humanLeft = true;
            m_deadline = m_now + HangUpTime;
        }
        break;
    case Event::DialAnswered:
        if (m_state == State::Ringing) {
            m_answered = true;
            enter(State::Talking, this->now().longest + TalkMargin);
        }
        break;
    case Event::DialEnded:
    case Event::DialEndedAnswered:
        if (m_warm || (m_state != State::Ringing && m_state != State::Talking))
            break;
        if (m_state == State::Talking || event == Event::DialEndedAnswered)
            humanLeft(true);
        else
            unanswered(true);
        break;
    case Event::HoldEnded:
        if (m_state == State::Talking && m_warm) {
            humanLeft(true);
        } else if (m_state == State::Calling || m_state == State::Asking) {
            // Nothing of ours has done it: whoever is being called is not waited for.
            add(Action::EndHuman);
            goBack(Document::Agent, true);
        } else if (m_state == State::Returning && m_return == Document::Goodbye) {
            over(m_goodbyeReason);
        }
        break;
    case Event::BackAsked:
        if (m_state == State::Returning && m_return == Document::Goodbye)
            over(m_goodbyeReason);
        break;
    case Event::StreamBack:
        if (m_state == State::Returning) {
            m_withAgent = true;
            over(EndReason::None);
        }
        break;
    case Event::CallerGone:
        add(Action::EndHuman);
        over(m_state == State::Talking && m_humanLeft ? EndReason::Completed : EndReason::CallerHungUp);
        break;
    case Event::OperatorEnds:
        add(Action::EndHuman);
        add(Action::EndCaller);
        over(EndReason::OperatorEnded);
        break;
    case Event::EngineEnds:
        if (m_state == State::Talking && !m_humanLeft) {
            over(EndReason::Shutdown);
        } else if (m_goodbyeReason != EndReason::Shutdown) {
            m_goodbyeReason = EndReason::Shutdown;
            if (m_warm && (m_state == State::Calling || m_state == State::Asking))
                add(Action::EndHuman);
            goBack(Document::Goodbye, false);
        }
        break;
    }
    return std::exchange(m_actions, {});
}

TransferDocument TransferMachine::document() const
{
    switch (m_state) {
    case State::Fetching:
    case State::Ringing:
    case State::Calling:
    case State::Asking:
    case State::Talking:
        return m_warm ? Document::Hold : Document::Dial;
    case State::Returning:
        return m_return;
    case State::Over:
        return m_return == Document::Goodbye && (m_reason == EndReason::Completed || m_reason == EndReason::Shutdown)
            ? Document::Goodbye
            : Document::HangUp;
    }
    Q_UNREACHABLE();
}

void TransferMachine::enter(State state, Milliseconds longestStay)
{
    m_state = state;
    m_deadline = m_now + longestStay;
}

void TransferMachine::over(EndReason reason)
{
    m_state = State::Over;
    m_reason = reason;
}

void TransferMachine::firstDocument()
{
    if (!m_warm) {
        enter(State::Ringing, now().ring + RingMargin);
        return;
    }
    enter(State::Calling, now().ring + RingMargin);
    add(Action::CallHuman);
}

/// `asks`: Twilio wants to know right now; else the caller has to be fetched.
void TransferMachine::unanswered(bool asks)
{
    if (!m_humanLeft && m_warm)
        add(Action::EndHuman);
    AfterTransfer next = now().noAnswer;
    if (next == AfterTransfer::NextTarget && m_target + 1 < m_targets.size()) {
        ++m_target;
        // Who is on hold stays there, whatever the next one's way is; who is not can still be put there.
        m_warm = m_warm || (m_haveRest && now().warm);
        firstDocument();
        return;
    }
    switch (next) {
    case AfterTransfer::NextTarget:
    case AfterTransfer::Agent:
        goBack(Document::Agent, asks);
        break;
    case AfterTransfer::Message:
        goBack(Document::TakeMessage, asks);
        break;
    case AfterTransfer::Goodbye:
        goBack(Document::Goodbye, asks);
        break;
    }
}

void TransferMachine::humanLeft(bool asks)
{
    m_humanLeft = m_answered = true;
    if (now().afterwards == AfterTransfer::Agent) {
        goBack(Document::Agent, asks);
        return;
    }
    if (!asks)
        add(Action::EndCaller);
    over(EndReason::Completed);
}

void TransferMachine::goBack(Document document, bool asks)
{
    m_return = document;
    if (asks && document == Document::Goodbye) {
        over(EndReason::Completed);
        return;
    }
    enter(State::Returning, ReturnTime);
    if (!asks)
        add(Action::TakeBack);
}

void TransferMachine::overdue()
{
    switch (m_state) {
    case State::Fetching: // a caller who is there is sent somewhere
        add(Action::EndCaller);
        over(EndReason::CallerHungUp);
        break;
    case State::Ringing: // Twilio asks when it stops ringing: there is nobody who could be told
        add(Action::EndCaller);
        over(EndReason::StreamLost);
        break;
    case State::Calling:
    case State::Asking:
        unanswered(false);
        break;
    case State::Talking:
        if (m_humanLeft) {
            humanLeft(false);
            break;
        }
        add(Action::EndHuman);
        add(Action::EndCaller);
        over(EndReason::LongestCall);
        break;
    case State::Returning:
        add(Action::EndCaller);
        over(EndReason::StreamLost);
        break;
    case State::Over:
        break;
    }
}

QString transferStateName(State state)
{
    switch (state) {
    case State::Fetching:
        return QStringLiteral("fetching");
    case State::Ringing:
        return QStringLiteral("ringing");
    case State::Calling:
        return QStringLiteral("calling");
    case State::Asking:
        return QStringLiteral("asking");
    case State::Talking:
        return QStringLiteral("talking");
    case State::Returning:
        return QStringLiteral("returning");
    case State::Over:
        return QStringLiteral("over");
    }
    Q_UNREACHABLE();
}

} // namespace kav::webhooks
