// SPDX-License-Identifier: Apache-2.0
#include "engine/webhooks/transfers.h"

#include "engine/webhooks/transferlines.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QJsonObject>
#include <QPointer>
#include <QRegularExpression>

#include <algorithm>

namespace kav::webhooks {

using State = TransferState;
using Event = TransferEvent;
using Action = TransferAction;
using Document = TransferDocument;

namespace {

constexpr Milliseconds TickEvery{250};
// Whom nobody takes up: a stream that never came.
constexpr qsizetype MostWaiting = 1024;
constexpr qsizetype MostNumbers = 16'384;
// A create whose answer was lost is looked for so often, and so long after one another.
constexpr int MostLookUps = 3;
constexpr Milliseconds BetweenLookUps{1500};
// For a key, after the summary has been said.
constexpr std::chrono::seconds KeyTime{6};

/// As Twilio takes it for a caller's id: a SIP address or "anonymous" is none.
bool isTelephone(const QString& text)
{
    static const QRegularExpression shape(QStringLiteral("\\A\\+[1-9][0-9]{6,14}\\z"));
    return shape.match(text).hasMatch();
}

bool isOver(const QString& callStatus)
{
    CallStatus status;
    status.status = callStatus;
    return status.isFinal();
}

/// The line's end of ours.
const QString& ownNumber(const session::PassedOn& call)
{
    return call.shown.direction.startsWith(QLatin1String("outbound")) ? call.from : call.to;
}

} // namespace

struct Transfers::Open final {
    explicit Open(TransferMachine theMachine)
        : machine(std::move(theMachine))
    {
    }

    session::PassedOn call;
    QList<providers::TransferTarget> targets; ///< the one asked for, and who comes next
    TransferMachine machine;
    int number = 0; ///< 1.. of the call's transfers
    int redirects = 0;
    bool beganWarm = false, wasAnswered = false;
    QString humanSid;
    CallSummary shown;
};

Transfers::Transfers(WebhookRouter& router, CallWebhooks& calls, telephony::TwilioRest* rest, const Clock& clock,
    Settings settings, Hooks hooks, QObject* parent)
    : QObject(parent)
    , m_calls(calls)
    , m_rest(rest)
    , m_clock(clock)
    , m_settings(std::move(settings))
    , m_hooks(std::move(hooks))
{
    addRoutes(router);
    m_timer.setInterval(TickEvery);
    connect(&m_timer, &QTimer::timeout, this, &Transfers::tick);
}

Transfers::~Transfers() = default;

// ---- what happens ---------------------------------------------------------------------------------------------------

void Transfers::begin(const session::PassedOn& call)
{
    const LogCall logged(call.callId);
    if (m_open.contains(call.callId))
        return;
    const bool haveRest = m_rest != nullptr && !call.shown.test;
    QList<providers::TransferTarget> targets{call.target};
    if (call.persona) {
        const auto& all = call.persona->transferTargets;
        const auto own = std::find_if(
            all.begin(), all.end(), [&call](const auto& target) { return target.name == call.target.name; });
        for (auto next = own; next != all.end(); ++next) {
            if (next != own)
                targets += *next;
        }
    }
    std::vector<TransferMachine::Target> rules;
    for (providers::TransferTarget& target : targets) {
        target.rules = target.rules.orElse(m_settings.rules);
        rules.push_back({target.warm, target.rules.ring, target.rules.longest,
            target.rules.noAnswer.value_or(providers::AfterTransfer::Agent),
            target.rules.afterwards.value_or(providers::AfterTransfer::Goodbye)});
    }
    const auto made = std::make_shared<Open>(TransferMachine(std::move(rules), haveRest, m_clock.now()));
    Open& open = *made;
    open.call = call;
    open.targets = targets;
    open.shown = call.shown;
    if (m_numbers.size() > MostNumbers)
        m_numbers.clear();
    open.number = ++m_numbers[call.callId];
    m_open.insert(call.callId, made);
    open.beganWarm = open.machine.isWarm();
    ++(open.beganWarm ? m_counters.warm : m_counters.blind);
    note(open, QStringLiteral("TRANSFER_START"),
        {{QStringLiteral("way"), open.machine.isWarm() ? QStringLiteral("warm") : QStringLiteral("blind")},
            {QStringLiteral("by"), call.byOperator ? QStringLiteral("operator") : QStringLiteral("agent")}});
    if (call.target.warm && !haveRest) {
        ++m_counters.withoutRest;
        note(open, QStringLiteral("TRANSFER_BLIND"),
            {{QStringLiteral("reason"), QStringLiteral("there is no REST service to ask anybody first")}});
    }
    m_timer.start();
    if (call.asksItself)
        return;
    for (const Action action : open.machine.begin())
        perform(open, action);
}

bool Transfers::afterStream(const Webhook& webhook, const Reply& reply)
{
    const OpenPointer open = find(webhook.callSid);
    if (open == nullptr || open->machine.state() != State::Fetching)
        return false;
    callerAsks(webhook, reply, Event::DocumentAsked);
    return true;
}

void Transfers::streamStarted(const QString& callId)
{
    if (const OpenPointer open = find(callId))
        apply(*open, Event::StreamBack);
}

void Transfers::callOver(const QString& callId)
{
    if (const OpenPointer open = find(callId))
        apply(*open, Event::CallerGone);
}

bool Transfers::end(const QString& callId)
{
    const OpenPointer open = find(callId);
    if (open == nullptr || m_rest == nullptr || open->call.shown.test)
        return false;
    apply(*open, Event::OperatorEnds);
    return true;
}

void Transfers::endAll()
{
    const QStringList ids = m_open.keys();
    for (const QString& id : ids) {
        if (const OpenPointer open = find(id))
            apply(*open, Event::EngineEnds);
    }
}

std::optional<session::TakenUp> Transfers::takeUp(const QString& callId)
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_waiting.find(callId);
    if (found == m_waiting.end())
        return std::nullopt;
    auto before = *found;
    m_waiting.erase(found);
    return before;
}

Transfers::Counters Transfers::counters() const
{
    Counters counters = m_counters;
    counters.open = int(m_open.size());
    return counters;
}

void Transfers::tick()
{
    const QStringList ids = m_open.keys();
    for (const QString& id : ids) {
        if (const OpenPointer open = find(id))
            apply(*open, Event::Tick);
    }
    if (m_open.isEmpty())
        m_timer.stop();
}

void Transfers::apply(Open& open, Event event)
{
    const LogCall logged(open.call.callId); // its caller's, whoever's leg this is about
    const State before = open.machine.state();
    const std::size_t target = open.machine.target();
    // The person of a target that is given up is not the next one's.
    const auto actions = open.machine.on(event, m_clock.now());
    for (const Action action : actions) {
        if (action != Action::CallHuman)
            perform(open, action);
    }
    if (open.machine.state() != before || open.machine.target() != target)
        announce(open, before, target, event);
    for (const Action action : actions) {
        if (action == Action::CallHuman)
            perform(open, action);
    }
    if (open.machine.state() == State::Over)
        close(open);
}

void Transfers::perform(Open& open, Action action)
{
    const QString& callId = open.call.callId;
    switch (action) {
    case Action::TakeToFirst:
        redirect(open, open.machine.isWarm() ? QStringLiteral("hold") : QStringLiteral("transfer"));
        break;
    case Action::TakeBack:
        redirect(open, QStringLiteral("back"));
        break;
    case Action::ReleaseStream:
        ++m_counters.withoutRest;
        m_hooks.releaseStream(callId);
        break;
    case Action::CallHuman:
        callHuman(open);
        break;
    case Action::LookUpHuman:
        lookUpHuman(callId, open.number, open.machine.target(), 1);
        break;
    case Action::EndHuman:
        endHuman(open);
        break;
    case Action::EndCaller:
        if (m_rest == nullptr || open.call.shown.test)
            break;
        m_rest->hangUp(callId, [callId](const Result<void>& done) {
            if (!done)
                qCCritical(lcWebhook).noquote() << callId << "was to be ended, and is not:" << done.error().message;
        });
        break;
    }
}

/// For the log, and for who watches.
void Transfers::announce(Open& open, State before, std::size_t targetBefore, Event event)
{
    const State state = open.machine.state();
    qCInfo(lcWebhook).noquote() << open.call.callId << "transfer:" << transferStateName(before) << "->"
                                << transferStateName(state);
    const bool isRinging = before == State::Ringing || before == State::Calling || before == State::Asking;
    const bool next = open.machine.target() != targetBefore;
    if (state == State::Talking && before != State::Talking) {
        ++m_counters.answered;
        open.wasAnswered = true;
        note(open, QStringLiteral("TRANSFER_ANSWERED"));
    } else if (state == State::Asking) {
        note(open, QStringLiteral("TRANSFER_ASKED"));
    } else if (isRinging && (state == State::Returning || next || event == Event::DialEnded)
        && event != Event::CallerGone && event != Event::DialEndedAnswered) {
        ++m_counters.unanswered;
        note(open, QStringLiteral("TRANSFER_UNANSWERED"),
            {{QStringLiteral("target"), logSafe(open.targets.at(qsizetype(targetBefore)).name, 60)},
                {QStringLiteral("declined"), event == Event::HumanDeclined}});
    } else if (before == State::Ringing && event == Event::DialEndedAnswered) {
        ++m_counters.answered;
        open.wasAnswered = true;
        note(open, QStringLiteral("TRANSFER_ANSWERED"));
    }
    if (state == State::Returning)
        note(open, QStringLiteral("TRANSFER_BACK"));
    if (state == State::Over || state == State::Returning)
        return; // told by close(), or by the agent's own state
    const CallState shown = state == State::Talking ? CallState::Transferred
        : open.machine.isWarm() && state != State::Fetching ? CallState::OnHold
                                                             : CallState::Transferring;
    if (shown == open.shown.state)
        return;
    open.shown.state = shown;
    open.shown.stateSince = m_clock.wallNow();
    m_hooks.show(open.shown);
}

void Transfers::countOutcome(const Open& open)
{
    Counters::Outcomes& outcomes = open.beganWarm ? m_counters.warmOver : m_counters.blindOver;
    const EndReason reason = open.machine.reason();
    if (open.wasAnswered)
        ++outcomes.answered;
    else if (!open.machine.isWithAgent() && reason == EndReason::OperatorEnded)
        ++outcomes.operatorEnded;
    else if (!open.machine.isWithAgent() && reason == EndReason::CallerHungUp)
        ++outcomes.callerGone;
    else
        ++outcomes.unanswered;
}

/// The last of it.
void Transfers::close(Open& open)
{
    const OpenPointer kept = m_open.take(open.call.callId); // until we are through
    countOutcome(open);
    if (open.machine.isWithAgent())
        return;
    const session::PassedOn& call = open.call;
    const EndReason reason = open.machine.reason();
    note(open, QStringLiteral("TRANSFER_END"), {{QStringLiteral("reason"), endReasonName(reason)}});
    const QDateTime now = m_clock.wallNow();
    const Milliseconds duration(std::max<qint64>(0, call.shown.startedAt.msecsTo(now)));
    QJsonObject facts;
    for (auto it = call.facts.cbegin(); it != call.facts.cend(); ++it)
        facts.insert(it.key(), it.value());
    m_hooks.log({calllog::Entry::Kind::CallEnded, call.callId, now,
        QJsonObject{{QStringLiteral("reason"), endReasonName(reason)},
            {QStringLiteral("durationMs"), qint64(duration.count())}, {QStringLiteral("turns"), call.turns},
            {QStringLiteral("facts"), facts}}});
    open.shown.state = CallState::Ended;
    open.shown.stateSince = open.shown.endedAt = now;
    open.shown.reason = reason;
    m_hooks.ended(open.shown, duration, call.turns);
}

// ---- REST -----------------------------------------------------------------------------------------------------------

void Transfers::redirect(Open& open, const QString& path)
{
    const QString callId = open.call.callId;
    const int number = open.number, redirect = ++open.redirects;
    const auto failed = [this, callId, number, redirect](const QString& reason) {
        const OpenPointer still = find(callId);
        if (still == nullptr || still->number != number || still->redirects != redirect)
            return;
        const LogCall logged(callId);
        qCWarning(lcWebhook).noquote() << callId << "could not be redirected:" << reason;
        note(*still, QStringLiteral("TRANSFER_FAULT"), {{QStringLiteral("reason"), logSafe(reason)}});
        apply(*still, Event::RedirectFailed);
    };
    const auto base = baseOf(open);
    if (m_rest == nullptr || !base) {
        // Not from inside of what has asked for it.
        QMetaObject::invokeMethod(
            this, [failed] { failed(QStringLiteral("the engine's own address is not known")); }, Qt::QueuedConnection);
        return;
    }
    m_rest->redirect(callId, QUrl(address(open, *base, qPrintable(path))),
        [failed, self = QPointer<Transfers>(this)](const Result<telephony::CallResource>& done) {
            if (self && !done)
                failed(done.error().message);
        });
}

void Transfers::callHuman(Open& open)
{
    const QString callId = open.call.callId;
    const int number = open.number;
    const std::size_t target = open.machine.target();
    open.humanSid.clear();
    const auto base = baseOf(open);
    telephony::NewCall call;
    call.to = targetOf(open).number;
    call.from = callerIdFor(open, false);
    if (!base || call.from.isEmpty()) {
        qCWarning(lcWebhook).noquote() << callId << "nobody can be called:"
                                       << (base ? "no number of the account is known (twilio.number)"
                                                : "the engine's own address is not known");
        QMetaObject::invokeMethod(
            this,
            [this, callId, number] {
                const OpenPointer still = find(callId);
                if (still != nullptr && still->number == number)
                    apply(*still, Event::HumanRefused);
            },
            Qt::QueuedConnection);
        return;
    }
    call.url = QUrl(humanAddress(open, *base, "human"));
    call.statusCallback = QUrl(humanAddress(open, *base, "human_status"));
    const auto seconds = [](Milliseconds length) { return std::chrono::duration_cast<std::chrono::seconds>(length); };
    call.ring = seconds(targetOf(open).rules.ring);
    call.longest = seconds(targetOf(open).rules.longest) + std::chrono::minutes(2);
    m_rest->createCall(call,
        [this, self = QPointer<Transfers>(this), callId, number, target](
            const Result<telephony::CallResource>& made) {
            if (!self)
                return;
            if (made) {
                foundHuman(callId, number, target, made->sid);
                return;
            }
            const OpenPointer still = find(callId);
            if (still == nullptr || still->number != number || still->machine.target() != target)
                return;
            const Error& error = made.error();
            // It may have been carried out: it is never made again, but looked for.
            const bool isUnknown = error.code == Error::Code::Unavailable || error.code == Error::Code::Timeout;
            note(*still, QStringLiteral("TRANSFER_FAULT"), {{QStringLiteral("reason"), logSafe(error.message)}});
            if (still->humanSid.isEmpty()) // else it has answered already
                apply(*still, isUnknown ? Event::HumanUnknown : Event::HumanRefused);
        });
}

void Transfers::lookUpHuman(const QString& callId, int number, std::size_t target, int attempt)
{
    const LogCall logged(callId);
    const auto stillWanted = [this, callId, number, target]() -> OpenPointer {
        const OpenPointer open = find(callId);
        const bool is = open != nullptr && open->number == number && open->machine.target() == target
            && open->machine.state() == State::Calling && open->humanSid.isEmpty();
        return is ? open : OpenPointer();
    };
    const OpenPointer open = stillWanted();
    if (open == nullptr)
        return;
    telephony::CallFilter filter;
    filter.to = targetOf(*open).number;
    filter.from = callerIdFor(*open, false);
    filter.pageSize = 20;
    m_rest->listCalls(filter,
        [this, self = QPointer<Transfers>(this), stillWanted, callId, number, target, attempt](
            const Result<QList<telephony::CallResource>>& calls) {
            if (!self || stillWanted() == nullptr)
                return;
            if (calls) {
                for (const telephony::CallResource& call : *calls) {
                    const bool isAnothers = std::any_of(m_open.cbegin(), m_open.cend(),
                        [&call](const OpenPointer& one) { return one->humanSid == call.sid; });
                    if (!call.isFinal() && !isAnothers) {
                        foundHuman(callId, number, target, call.sid);
                        return;
                    }
                }
            }
            if (attempt >= MostLookUps) {
                apply(*stillWanted(), Event::HumanNotFound);
                return;
            }
            QTimer::singleShot(BetweenLookUps, this,
                [this, callId, number, target, attempt] { lookUpHuman(callId, number, target, attempt + 1); });
        });
}

void Transfers::foundHuman(const QString& callId, int number, std::size_t target, const QString& humanSid)
{
    const OpenPointer open = find(callId);
    const bool wanted = open != nullptr && open->number == number && open->machine.target() == target
        && (open->machine.state() == State::Calling || open->machine.state() == State::Asking
            || open->machine.state() == State::Talking);
    if (wanted) {
        open->humanSid = humanSid;
        return;
    }
    // The caller has gone, or somebody else is asked by now.
    m_rest->hangUp(humanSid, [](const Result<void>&) {});
}

void Transfers::endHuman(Open& open)
{
    const QString sid = std::exchange(open.humanSid, {});
    if (m_rest == nullptr || sid.isEmpty())
        return;
    m_rest->hangUp(sid, [callId = open.call.callId](const Result<void>& done) {
        if (!done)
            qCWarning(lcWebhook).noquote() << callId << "who was called for it still is:" << done.error().message;
    });
}

/// The caller has left the conference: hung up, or on the way elsewhere?
void Transfers::verify(const QString& callId)
{
    const LogCall logged(callId);
    if (m_rest == nullptr)
        return;
    m_rest->fetchCall(
        callId, [this, self = QPointer<Transfers>(this), callId](const Result<telephony::CallResource>& call) {
            const bool isGone = call ? call->isFinal() : call.error().code == Error::Code::NotFound;
            if (self && isGone)
                callOver(callId);
        });
}

// ---- what Twilio asks -----------------------------------------------------------------------------------------------

void Transfers::addRoutes(WebhookRouter& router)
{
    const QString callStatus = QStringLiteral("CallStatus");
    const auto add = [&router](const char* path, auto handle, const QStringList& identity, bool aboutACall = true) {
        router.add({QByteArray("/webhook/") + path, handle, identity, {}, aboutACall});
    };
    // Where nothing is known of the call, it gets the agent, and so a stream of its own: what incoming_call needs.
    const auto addForCaller = [&router, &callStatus](const char* path, auto handle) {
        router.add({QByteArray("/webhook/") + path, handle, {callStatus},
            {QStringLiteral("AccountSid"), QStringLiteral("To")}});
    };
    const auto news = [](Transfers* self, void (Transfers::*hear)(const Webhook&)) {
        return [self, hear](const Webhook& webhook, const Reply& reply) {
            (self->*hear)(webhook);
            reply(net::HttpResponse::empty(204));
        };
    };
    const auto asks = [this](Event event) {
        return [this, event](const Webhook& webhook, const Reply& reply) { callerAsks(webhook, reply, event); };
    };
    addForCaller("transfer", asks(Event::DocumentAsked));
    addForCaller("hold", asks(Event::DocumentAsked));
    addForCaller("back", asks(Event::BackAsked));
    add("after_hold", asks(Event::HoldEnded), {callStatus, QStringLiteral("DialCallStatus")});
    add("after_dial", [this](const Webhook& webhook, const Reply& reply) { afterDial(webhook, reply); },
        {callStatus, QStringLiteral("DialCallStatus"), QStringLiteral("DialCallSid")});
    add("hold_music", [this](const Webhook& webhook, const Reply& reply) { holdMusic(webhook, reply); }, {}, false);
    add("human", [this](const Webhook& webhook, const Reply& reply) { human(webhook, reply); }, {callStatus});
    add("human_key", [this](const Webhook& webhook, const Reply& reply) { humanKey(webhook, reply); },
        {QStringLiteral("Digits")});
    add("human_status", news(this, &Transfers::humanStatus), {callStatus, QStringLiteral("SequenceNumber")});
    add("dial_status", news(this, &Transfers::dialStatus), {callStatus, QStringLiteral("SequenceNumber")});
    add("conference", news(this, &Transfers::conference),
        {QStringLiteral("StatusCallbackEvent"), QStringLiteral("SequenceNumber")}, false);
}

void Transfers::answer(const Reply& reply, const std::vector<TwimlElement>& verbs) const
{
    reply(net::HttpResponse::xml(writeTwiml(verbs)));
}

void Transfers::callerAsks(const Webhook& webhook, const Reply& reply, Event event)
{
    const bool isOfStream = webhook.path == "/webhook/after_stream";
    const OpenPointer known = find(webhook.callSid);
    const OpenPointer open = isOfStream ? known : named(webhook);
    const bool isGone = isOver(webhook.value(u"CallStatus"));
    if (!open) {
        // Of an earlier transfer, or from before this engine's start. A caller who waits to be told is not sent away.
        const bool waits = event == Event::DocumentAsked || event == Event::BackAsked;
        if (waits && !known && !isGone && m_hooks.hasRoom())
            answer(reply, m_calls.connect(m_calls.callOf(webhook), webhook.base));
        else
            answer(reply, {hangupVerb()});
        return;
    }
    apply(*open, isGone ? Event::CallerGone : event);
    answer(reply, document(*open, webhook.base));
}

void Transfers::afterDial(const Webhook& webhook, const Reply& reply)
{
    const QString status = webhook.value(u"DialCallStatus");
    const bool answered = status == QLatin1String("completed") || status == QLatin1String("answered");
    if (!named(webhook) && !find(webhook.callSid) && !answered && !isOver(webhook.value(u"CallStatus"))) {
        const IncomingCall call = m_calls.callOf(webhook);
        if (m_calls.goOn(Obstacle::NotAnswered, call, webhook, reply))
            return;
        const CallerLines say = m_calls.lines(call.ownNumber());
        answer(reply, {sayVerb(say.nobody, say.language, say.voice), hangupVerb()});
        return;
    }
    if (const OpenPointer open = named(webhook); open && !isOfTarget(*open, webhook)) {
        answer(reply, document(*open, webhook.base)); // of the one that was tried before
        return;
    }
    callerAsks(webhook, reply, answered ? Event::DialEndedAnswered : Event::DialEnded);
}

/// The conference asks for it again when it is through.
void Transfers::holdMusic(const Webhook& webhook, const Reply& reply) const
{
    const bool hebrew = webhook.query.value(u"l") == QLatin1String("he");
    const CallerLines say = hebrew ? CallerLines::hebrew() : CallerLines::english();
    answer(reply,
        {twiml::Play{.url = webhook.base.webhook(QStringLiteral("/webhook/hold_tone.wav"))},
            sayVerb(TransferLines::of(say.language).stillTrying, say.language, say.voice)});
}

void Transfers::human(const Webhook& webhook, const Reply& reply)
{
    const OpenPointer open = named(webhook);
    if (open && isOfTarget(*open, webhook)) {
        if (open->humanSid.isEmpty() && open->machine.state() == State::Calling)
            open->humanSid = webhook.callSid; // the request that has made it is not answered yet
        apply(*open, Event::HumanAnswered);
    }
    if (!open || !isOfTarget(*open, webhook) || open->machine.state() != State::Asking) {
        answer(reply, {hangupVerb()});
        return;
    }
    const CallerLines voice = m_calls.lines(ownNumber(open->call));
    const TransferLines lines = TransferLines::of(voice.language);
    const auto say = [&voice](const QString& text) { return twiml::Say{text, voice.language, voice.voice}; };
    twiml::Gather gather;
    gather.action = humanAddress(*open, webhook.base, "human_key");
    gather.timeout = KeyTime;
    gather.numDigits = 1;
    gather.finishOnKey.clear(); // every key is an answer
    gather.prompts = {say(lines.call)};
    if (!open->call.summary.isEmpty())
        gather.prompts.emplace_back(say(open->call.summary));
    gather.prompts.emplace_back(say(lines.keys));
    // Said twice: who answers a telephone rarely has an ear for the first words. A machine presses no key.
    answer(reply, {gather, gather, say(lines.thanks), twiml::Hangup{}});
}

void Transfers::humanKey(const Webhook& webhook, const Reply& reply)
{
    const OpenPointer open = named(webhook);
    const bool isOfIt = open && isOfTarget(*open, webhook) && open->humanSid == webhook.callSid;
    if (isOfIt && webhook.value(u"Digits") == QLatin1String("1")) {
        apply(*open, Event::HumanAccepted);
        if (open->machine.state() == State::Talking) {
            twiml::Conference conference;
            conference.name = conferenceOf(*open);
            conference.beep = twiml::Conference::Beep::Never;
            conference.endConferenceOnExit = true;
            twiml::Dial dial;
            dial.conference = conference;
            answer(reply, {dial, hangupVerb()});
            return;
        }
    }
    const CallerLines voice = m_calls.lines(open ? ownNumber(open->call) : webhook.value(u"From"));
    if (isOfIt) {
        open->humanSid.clear(); // hangs up by itself
        apply(*open, Event::HumanDeclined);
    }
    answer(reply, {sayVerb(TransferLines::of(voice.language).thanks, voice.language, voice.voice), hangupVerb()});
}

void Transfers::humanStatus(const Webhook& webhook)
{
    const OpenPointer open = named(webhook);
    if (!open || !isOfTarget(*open, webhook) || !isOver(webhook.value(u"CallStatus")))
        return;
    if (!open->humanSid.isEmpty() && open->humanSid != webhook.callSid)
        return;
    open->humanSid.clear();
    apply(*open, Event::HumanGone);
}

void Transfers::dialStatus(const Webhook& webhook)
{
    const OpenPointer open = named(webhook);
    if (!open || !isOfTarget(*open, webhook))
        return;
    const QString status = webhook.value(u"CallStatus");
    if (isOver(status))
        apply(*open, Event::HumanGone);
    else if (status == QLatin1String("in-progress"))
        apply(*open, Event::DialAnswered);
}

void Transfers::conference(const Webhook& webhook)
{
    const OpenPointer open = named(webhook);
    if (open && webhook.value(u"StatusCallbackEvent") == QLatin1String("participant-leave")
        && webhook.value(u"CallSid") == open->call.callId)
        verify(open->call.callId);
}

// ---- documents ------------------------------------------------------------------------------------------------------

/// What the caller's leg is told.
std::vector<TwimlElement> Transfers::document(Open& open, const PublicUrl& base)
{
    const CallerLines say = m_calls.lines(ownNumber(open.call));
    const auto seconds = [](Milliseconds length) { return std::chrono::duration_cast<std::chrono::seconds>(length); };
    const providers::TransferRules& rules = targetOf(open).rules;
    switch (open.machine.document()) {
    case Document::Dial: {
        twiml::Number number;
        number.number = targetOf(open).number;
        number.statusCallback = humanAddress(open, base, "dial_status");
        number.statusCallbackEvent = twiml::CallEvent::Answered | twiml::CallEvent::Completed;
        twiml::Dial dial;
        dial.action = humanAddress(open, base, "after_dial");
        dial.timeout = seconds(rules.ring);
        dial.timeLimit = seconds(rules.longest);
        dial.callerId = callerIdFor(open, true);
        dial.numbers = {number};
        return {dial};
    }
    case Document::Hold: {
        const bool hebrew = say.language.startsWith(QLatin1String("he"));
        twiml::Conference conference;
        conference.name = conferenceOf(open);
        conference.beep = twiml::Conference::Beep::Never;
        conference.startConferenceOnEnter = false;
        conference.endConferenceOnExit = true;
        conference.waitUrl = base.webhook(QStringLiteral("/webhook/hold_music"))
            + (hebrew ? QStringLiteral("?l=he") : QStringLiteral("?l=en"));
        conference.maxParticipants = 2;
        conference.statusCallback = address(open, base, "conference");
        conference.statusCallbackEvent = twiml::Conference::Event::Leave;
        twiml::Dial dial;
        dial.action = address(open, base, "after_hold");
        dial.timeLimit = seconds(rules.longest) + std::chrono::minutes(10);
        dial.conference = conference;
        const TransferLines lines = TransferLines::of(say.language);
        return {sayVerb(lines.connecting, say.language, say.voice), dial};
    }
    case Document::Agent:
        return backToAgent(open, base, false);
    case Document::TakeMessage:
        return backToAgent(open, base, true);
    case Document::Goodbye:
        return {sayVerb(say.nobody, say.language, say.voice), hangupVerb()};
    case Document::HangUp:
        break;
    }
    return {hangupVerb()};
}

std::vector<TwimlElement> Transfers::backToAgent(Open& open, const PublicUrl& base, bool takeMessage)
{
    const LogCall logged(open.call.callId);
    const CallerLines say = m_calls.lines(ownNumber(open.call));
    const auto known = m_calls.known(open.call.callId);
    IncomingCall call;
    if (known)
        call = known->call;
    call.callSid = open.call.callId;
    call.accountSid = open.call.accountSid;
    call.from = open.call.from;
    call.to = open.call.to;
    call.direction = open.call.shown.direction;
    call.language = open.call.shown.language;
    call.test = open.call.shown.test;
    const bool spoken = m_hooks.backWithoutStream && m_hooks.backWithoutStream(call, open.call.shown.withoutStream);
    if (!spoken && !m_hooks.hasRoom()) {
        qCWarning(lcWebhook).noquote() << open.call.callId << "was passed on and comes back, and there is no room";
        return {sayVerb(say.nobody, say.language, say.voice), hangupVerb()};
    }
    const TransferLines lines = TransferLines::of(open.call.shown.language);
    session::TakenUp back;
    back.before = open.call;
    back.before.target = {}; // an agent needs no number
    back.line = open.machine.wasAnswered() ? lines.backAgain : takeMessage ? lines.leaveMessage : lines.notAnswered;
    back.takeMessage = takeMessage && !open.machine.wasAnswered();
    {
        const std::lock_guard lock(m_mutex);
        if (m_waiting.size() >= MostWaiting)
            m_waiting.clear();
        if (!m_waiting.contains(open.call.callId))
            ++m_counters.back;
        m_waiting.insert(open.call.callId, back);
    }
    if (spoken) // which takes it up there
        return {twiml::Redirect{address(open, base, "turn")}};
    return m_calls.connect(call, base);
}

// ---- what it stands on ----------------------------------------------------------------------------------------------

Transfers::OpenPointer Transfers::find(const QString& callId) const
{
    return m_open.value(callId);
}

Transfers::OpenPointer Transfers::named(const Webhook& webhook) const
{
    const QString given = webhook.query.value(u"call");
    const OpenPointer open = find(given);
    return open && webhook.query.value(u"n") == QString::number(open->number) ? open : OpenPointer();
}

bool Transfers::isOfTarget(const Open& open, const Webhook& webhook)
{
    return webhook.query.value(u"t") == QString::number(open.machine.target());
}

QString Transfers::address(const Open& open, const PublicUrl& base, const char* path)
{
    return base.webhook(QStringLiteral("/webhook/") + QLatin1String(path))
        + QStringLiteral("?call=%1&n=%2").arg(open.call.callId).arg(open.number);
}

QString Transfers::humanAddress(const Open& open, const PublicUrl& base, const char* path)
{
    return address(open, base, path) + QStringLiteral("&t=%1").arg(open.machine.target());
}

std::optional<PublicUrl> Transfers::baseOf(const Open& open) const
{
    if (m_settings.publicUrl)
        return m_settings.publicUrl;
    const auto known = m_calls.known(open.call.callId);
    return known ? std::optional(known->base) : std::nullopt;
}

const providers::TransferTarget& Transfers::targetOf(const Open& open)
{
    return open.targets.at(qsizetype(open.machine.target()));
}

/// `mayBeCaller`: of a call that is made for itself, Twilio takes numbers of the account only.
QString Transfers::callerIdFor(const Open& open, bool mayBeCaller) const
{
    const QString called = ownNumber(open.call);
    const QString caller = called == open.call.to ? open.call.from : open.call.to;
    const QString& rule = targetOf(open).rules.callerId;
    if (isTelephone(rule))
        return rule;
    if (mayBeCaller && rule != QLatin1String("called") && isTelephone(caller))
        return caller;
    if (isTelephone(called))
        return called;
    return m_settings.ownNumbers.value(0);
}

QString Transfers::conferenceOf(const Open& open)
{
    return QStringLiteral("kav-%1-%2").arg(open.call.callId).arg(open.number);
}

void Transfers::note(const Open& open, const QString& token, QJsonObject fields) const
{
    const LogCall logged(open.call.callId); // its caller's, whoever's leg this is about
    const providers::TransferTarget& target = targetOf(open);
    if (!fields.contains(QStringLiteral("target")))
        fields.insert(QStringLiteral("target"), logSafe(target.name, 60));
    fields.insert(QStringLiteral("number"), maskNumber(target.number));
    QString line = open.call.callId + QLatin1Char(' ') + token;
    for (auto it = fields.constBegin(); it != fields.constEnd(); ++it)
        line += QLatin1Char(' ') + it.key() + QLatin1Char('=') + it.value().toVariant().toString();
    qCInfo(lcWebhook).noquote() << line;
    fields.insert(QStringLiteral("token"), token);
    fields.insert(
        QStringLiteral("at_ms"), open.call.shown.startedAt.msecsTo(m_clock.wallNow()));
    m_hooks.log({calllog::Entry::Kind::Event, open.call.callId, m_clock.wallNow(), fields});
}

} // namespace kav::webhooks
