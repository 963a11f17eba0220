// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/persona.h"
#include "shared/core/clock.h"
#include "shared/model/call.h"

#include <vector>

// Pure: what becomes of a call that its agent passes on to a person. Transfers does what is decided here.
namespace kav::webhooks {

enum class TransferState {
    Fetching, ///< the caller is on the way to the first document
    Ringing, ///< blind: Twilio rings the person
    Calling, ///< warm: the caller is on hold, the person's call is being made, or rings
    Asking, ///< warm: the person has answered, and hears what it is about
    Talking, ///< caller and person are connected
    Returning, ///< the caller is on the way back to the agent, or to a last line
    Over, ///< the agent has the call again, or it has ended
};

enum class TransferEvent {
    Tick,
    RedirectFailed, ///< REST cannot take the caller anywhere
    DocumentAsked, ///< Twilio asks for the first document, or for the one in hand again
    HumanRefused, ///< the person's call cannot be made
    HumanUnknown, ///< whether it was made is not known
    HumanNotFound, ///< it was not
    HumanAnswered, ///< (something) picks up
    HumanAccepted, ///< the key was pressed
    HumanDeclined, ///< another key, or none
    HumanGone, ///< the person's call is over, answered or not
    DialAnswered, ///< blind: picked up
    DialEnded, ///< blind: nobody took it, or who took it has hung up: DialAnswered or `answered` tells
    DialEndedAnswered, ///< blind: who took it has hung up
    HoldEnded, ///< the conference is over, and the caller is still there
    BackAsked, ///< Twilio asks for the way back
    StreamBack, ///< the agent has the call
    CallerGone,
    OperatorEnds,
    EngineEnds, ///< who talks is left alone, who waits hears a goodbye
};

enum class TransferAction {
    TakeToFirst, ///< redirect the caller to the first document
    TakeBack, ///< redirect the caller to the way back
    ReleaseStream, ///< let the stream end: after_stream is asked
    CallHuman,
    LookUpHuman,
    EndHuman,
    EndCaller,
};

/// What the caller's leg is told when Twilio asks.
enum class TransferDocument { Dial, Hold, Agent, TakeMessage, Goodbye, HangUp };

/// One call that is passed on, from the moment its last words were said. Every state has a longest stay and a way out;
/// what does not belong to a state is ignored, so callbacks may come late, twice and out of order.
///
///     Fetching -> Ringing -> Talking -> Over                       blind
///     Fetching -> Calling -> Asking -> Talking -> Over             warm
///     any but Talking, nobody takes it -> Returning -> Over, or the next target
///     any but Talking, the engine ends -> Returning -> Over
///
/// Plain, owned by Transfers, control thread.
class TransferMachine final {
public:
    struct Target final {
        bool warm = false;
        Milliseconds ring{25'000}, longest{3'600'000};
        providers::AfterTransfer noAnswer = providers::AfterTransfer::Agent;
        providers::AfterTransfer afterwards = providers::AfterTransfer::Goodbye;
    };
    using Actions = std::vector<TransferAction>;

    /// `targets`: the one that was asked for, then those that come next. Without REST a warm one is done blind.
    TransferMachine(std::vector<Target> targets, bool haveRest, Instant now);

    Actions begin();
    Actions on(TransferEvent event, Instant now);

    TransferState state() const { return m_state; }
    std::size_t target() const { return m_target; }
    bool isWarm() const { return m_warm; }
    /// Of the state in hand.
    TransferDocument document() const;
    Instant deadline() const { return m_deadline; }

    // Once it is Over.
    bool isWithAgent() const { return m_withAgent; }
    EndReason reason() const { return m_reason; }
    /// The person's part is over: who talked to somebody comes back otherwise than who talked to nobody.
    bool wasAnswered() const { return m_answered; }

private:
    const Target& now() const { return m_targets[m_target]; }
    void enter(TransferState state, Milliseconds longestStay);
    void over(EndReason reason);
    void firstDocument();
    void unanswered(bool asks);
    void humanLeft(bool asks);
    void goBack(TransferDocument document, bool asks);
    void overdue();
    void add(TransferAction action) { m_actions.push_back(action); }

    const std::vector<Target> m_targets;
    const bool m_haveRest;
    Instant m_now;
    TransferState m_state = TransferState::Fetching;
    Instant m_deadline;
    std::size_t m_target = 0;
    bool m_warm = false;
    bool m_humanLeft = false; // in Talking: the caller's leg is yet to hear of it
    bool m_answered = false, m_withAgent = false;
    TransferDocument m_return = TransferDocument::Agent;
    EndReason m_goodbyeReason = EndReason::Completed;
    EndReason m_reason = EndReason::None;
    Actions m_actions; // of the event in hand
};

QString transferStateName(TransferState state);

} // namespace kav::webhooks
