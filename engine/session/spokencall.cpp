// SPDX-License-Identifier: Apache-2.0
#include "engine/session/spokencall.h"

#include "engine/providers/redaction.h"
#include "engine/session/keypad.h"
#include "engine/session/turnentry.h"
#include "engine/traces/providerentry.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QPointer>

#include <algorithm>
#include <utility>

namespace kav::session {

namespace {

// How long Twilio's voice takes for a letter, more or less: to tell when the caller is heard again.
constexpr Milliseconds LetterIsSaid{65};
// For who still thinks of what to say.
constexpr std::chrono::seconds ShortestMessageWait{5};
// Repetitions of one webhook that are answered with it.
constexpr size_t MostRepetitions = 4;
// Twilio takes five hundred hints; what a dialog expects comes before what the persona talks about.
constexpr qsizetype MostHints = 100;
// A recognised speech, or a keyed number, longer than this is no turn.
constexpr qsizetype LongestWords = 4000;

QString saidOf(const QList<SpokenStep::Part>& parts)
{
    QStringList texts;
    for (const SpokenStep::Part& part : parts) {
        if (!part.text.isEmpty())
            texts += part.text;
    }
    return texts.join(QLatin1Char(' '));
}

std::chrono::seconds secondsOf(Milliseconds time)
{
    return std::max(std::chrono::seconds(1), std::chrono::round<std::chrono::seconds>(time));
}

TurnInput turnInputOf(SpokenInput::Kind kind)
{
    switch (kind) {
    case SpokenInput::Kind::Words:
        return TurnInput::Voice;
    case SpokenInput::Kind::Keys:
        return TurnInput::Keypad;
    case SpokenInput::Kind::Message:
        return TurnInput::Message;
    case SpokenInput::Kind::Opening:
        return TurnInput::Opening;
    case SpokenInput::Kind::Silence:
    case SpokenInput::Kind::NoMessage:
    case SpokenInput::Kind::GoOn:
        break;
    }
    return TurnInput::Silence;
}

} // namespace

SpokenCall::SpokenCall(SpokenStart start, const SessionContext& context, Settings settings)
    : m_context(context)
    , m_settings(settings)
    , m_start(std::move(start))
    , m_info(m_start.info)
    , m_started(context.clock->now())
    , m_askedAt(m_started)
    , m_lostAt(m_started + settings.lost)
    , m_spokenOutAt(m_started)
{
    if (m_start.takenUp && m_start.takenUp->before.persona)
        m_info.persona = m_start.takenUp->before.persona; // a call keeps its own
    if (!m_info.persona && m_context.personaFor)
        m_info.persona = m_context.personaFor(m_info.to);
    if (m_start.takenUp)
        m_info.language = m_start.takenUp->before.shown.language;
    if (m_info.language.isEmpty())
        m_info.language = m_info.persona ? m_info.persona->language : m_context.settings.language;
}

SpokenCall::~SpokenCall()
{
    Q_ASSERT(m_ended || !m_begun);
}

void SpokenCall::begin()
{
    m_begun = true;
    m_summary.id = m_info.callId;
    m_summary.from = maskNumber(m_info.from);
    m_summary.to = maskNumber(m_info.to);
    m_summary.direction = m_start.direction;
    m_summary.language = m_info.language;
    m_summary.test = m_start.test;
    m_summary.withoutStream = true;
    m_summary.startedAt = m_summary.stateSince = m_context.clock->wallNow();
    m_summary.state = CallState::Greeting;
    if (m_info.persona) {
        for (const providers::TransferTarget& target : m_info.persona->transferTargets)
            m_summary.transferTargets += logSafe(target.name, 60);
    }
    if (m_start.takenUp) {
        takeUp();
    } else if (m_start.handover) {
        // The record of the call is there already, and goes on.
        const CallHandover& before = *m_start.handover;
        m_info.past = m_past = before.past;
        m_expectation = before.expectation;
        m_facts = before.facts;
        m_turnNumber = before.lastTurn;
        m_turnsDone = before.turns;
        m_started = before.started;
        m_summary.startedAt = before.startedAt;
        m_summary.interruptions = before.interruptions;
        m_summary.state = CallState::Listening;
    } else {
        QJsonObject started{{QStringLiteral("from"), m_summary.from}, {QStringLiteral("to"), m_summary.to},
            {QStringLiteral("direction"), m_summary.direction}, {QStringLiteral("language"), m_info.language},
            {QStringLiteral("accountSid"), m_start.accountSid}, {QStringLiteral("withoutStream"), m_start.why}};
        if (m_info.persona)
            started.insert(QStringLiteral("persona"), m_info.persona->name);
        if (m_start.test)
            started.insert(QStringLiteral("test"), true);
        m_context.log(
            {calllog::Entry::Kind::CallStarted, m_info.callId, m_summary.startedAt, started, m_info.from, m_info.to});
    }
    m_shown = m_summary;
    Q_EMIT summaryChanged(m_shown);
    logEvent(QStringLiteral("WITHOUT_STREAM"), {{QStringLiteral("reason"), m_start.why}});
    if (m_start.takenUp) // one call, one record
        logEvent(QStringLiteral("CALL_RESUMED"), {{QStringLiteral("turns"), m_turnsDone}});
    makeToolRunner();
    haveConversation();
}

/// The call was with a person, or was to be, and comes back.
void SpokenCall::takeUp()
{
    const TakenUp& back = *m_start.takenUp;
    const PassedOn& was = back.before;
    m_info.past = m_past = was.past;
    m_info.past.append({providers::UserTurn::Kind::Silence, {}, back.line});
    m_facts = was.facts;
    m_turnsDone = was.turns;
    m_turnNumber = was.shown.turn;
    m_started -= Milliseconds(std::max<qint64>(0, was.shown.startedAt.msecsTo(m_context.clock->wallNow())));
    m_expectation = withKeypad(m_expectation, m_info.persona.get(), {});
    if (back.takeMessage) {
        m_expectation.kind = providers::Expectation::Kind::Message;
        m_messageInsteadOfAnswer = true;
    }
    m_summary.startedAt = was.shown.startedAt;
    m_summary.turn = was.shown.turn;
    m_summary.lastGap = was.shown.lastGap;
    m_summary.interruptions = was.shown.interruptions;
}

// ---- the caller's side ----------------------------------------------------------------------------------------------

void SpokenCall::take(const SpokenInput& input, Reply reply)
{
    const LogCall logged(m_info.callId);
    KAV_ASSERT_THREAD(this);
    if (m_ended) {
        reply(bare(SpokenStep::Then::HangUp));
        return;
    }
    if (m_begun && input.step < m_last.number) {
        reply(m_last); // it was answered, and the answer may have been lost
        return;
    }
    if (m_begun && !m_replies.empty()) {
        if (m_replies.size() < MostRepetitions)
            m_replies.push_back(std::move(reply));
        else
            m_replies.back() = std::move(reply);
        return;
    }
    m_replies.push_back(std::move(reply));
    m_askedAt = now();
    const bool first = !m_begun;
    if (first)
        begin();
    if (m_endWanted) {
        give(goodbye(*m_endWanted), *m_endWanted);
        return;
    }
    if (m_passTo) {
        give(bare(SpokenStep::Then::PassOn));
        return;
    }
    if (elapsed(m_started, m_askedAt) >= m_context.settings.turn.longestCall) {
        give(goodbye(EndReason::LongestCall), EndReason::LongestCall);
        return;
    }
    if (first && m_start.takenUp) {
        SpokenStep step = stepFor(m_expectation);
        step.parts.prepend({m_start.takenUp->line, {}});
        give(step);
        return;
    }
    if (first && m_start.handover) {
        // Nobody knows what was heard last; who is asked will say it again.
        SpokenStep step = stepFor(m_expectation);
        step.parts.prepend({lines().noInputFirst, {}});
        give(step);
        return;
    }
    obey(input);
}

void SpokenCall::obey(const SpokenInput& input)
{
    switch (input.kind) {
    case SpokenInput::Kind::GoOn:
        if (m_turn && m_last.then == SpokenStep::Then::GoOn) {
            checkAnswer();
            return;
        }
        break; // of what? It is asked again.
    case SpokenInput::Kind::Silence:
    case SpokenInput::Kind::NoMessage:
        noInput();
        return;
    case SpokenInput::Kind::Message:
        m_facts.insert(QStringLiteral("message"), input.recording);
        logEvent(QStringLiteral("MESSAGE"),
            {{QStringLiteral("ref"), input.recording}, {QStringLiteral("ms"), qint64(input.length.count())}});
        if (input.hungUp) {
            hungUp();
            return;
        }
        startTurn(TurnInput::Message, input);
        return;
    case SpokenInput::Kind::Opening:
    case SpokenInput::Kind::Words:
    case SpokenInput::Kind::Keys:
        startTurn(turnInputOf(input.kind), input);
        return;
    }
    give(stepFor(m_expectation));
}

void SpokenCall::noInput()
{
    closeTurn();
    ++m_noInputs;
    logEvent(QStringLiteral("NO_INPUT"), {{QStringLiteral("times"), m_noInputs}});
    if (m_noInputs > 2) {
        give(goodbye(EndReason::NoInput), EndReason::NoInput);
        return;
    }
    SpokenStep step = stepFor(m_expectation);
    step.parts.prepend({m_noInputs == 1 ? lines().noInputFirst : lines().noInputSecond, {}});
    give(step);
}

void SpokenCall::startTurn(TurnInput input, const SpokenInput& from)
{
    closeTurn();
    m_noInputs = 0;
    m_parts.clear();
    m_splitter = dialog::SentenceSplitter();
    m_fillerGiven = false;
    m_asked = {};
    m_turn = Turn{};
    m_turn->record.number = ++m_turnNumber;
    m_turn->record.input = input;
    m_turn->record.callerText = from.text.left(LongestWords);
    m_turn->record.confidence = from.confidence;
    if (input != TurnInput::Opening)
        m_turn->secrecy = TurnSecrecy::of(m_expectation);
    m_turn->startedAt = m_context.clock->wallNow();
    m_turn->since = m_turn->progressed = m_askedAt;
    m_turn->latency.committed(input, m_askedAt, m_askedAt, {});
    m_turn->latency.setOwner(LatencyPart::Playout, {});
    m_turn->latency.setOwner(LatencyPart::Recognition, QStringLiteral("twilio"));
    m_turn->latency.wordsKnown(m_askedAt);
    if (input == TurnInput::Voice) {
        logEvent(QStringLiteral("STT_FINAL"),
            {{QStringLiteral("chars"), from.text.size()}, {QStringLiteral("confidence"), from.confidence}});
    } else if (input == TurnInput::Keypad) {
        logEvent(QStringLiteral("DTMF")); // the keys themselves may be a code
    }

    providers::UserTurn user;
    user.kind = userTurnKindOf(input);
    user.turn = m_turnNumber;
    const bool modelSees = !m_info.persona || m_info.persona->keypad.modelSeesSecrets;
    user.text = m_secrets.forModel(m_turn->record.callerText, input == TurnInput::Keypad, m_turn->secrecy, modelSees);
    m_tools->setSecrets(m_secrets.all());
    user.confidence = from.confidence;
    user.messageLength = from.length;
    user.messageRef = from.recording;
    m_unasked = user;
    show(input == TurnInput::Opening ? CallState::Greeting : CallState::Thinking);
    showTurn();
    ask();
}

void SpokenCall::hungUp()
{
    const LogCall logged(m_info.callId);
    KAV_ASSERT_THREAD(this);
    finish(EndReason::CallerHungUp);
}

void SpokenCall::requestEnd(EndReason reason)
{
    const LogCall logged(m_info.callId);
    KAV_ASSERT_THREAD(this);
    if (m_ended || m_endWanted)
        return;
    m_endWanted = reason;
    logEvent(QStringLiteral("GOODBYE"), {{QStringLiteral("reason"), endReasonName(reason)}});
    if (!m_replies.empty())
        give(goodbye(reason), reason);
    else Q_EMIT
        interruptionWanted(goodbye(reason), reason);
}

void SpokenCall::endWith(EndReason reason, const QString& words)
{
    const LogCall logged(m_info.callId);
    KAV_ASSERT_THREAD(this);
    if (m_ended || m_endWanted)
        return;
    m_lastWords = words;
    requestEnd(reason);
}

void SpokenCall::endNow(EndReason reason)
{
    const LogCall logged(m_info.callId);
    KAV_ASSERT_THREAD(this);
    finish(reason);
}

CommandOutcome SpokenCall::command(OperatorCommand command)
{
    const LogCall logged(m_info.callId);
    KAV_ASSERT_THREAD(this);
    if (m_ended)
        return CommandOutcome::NoSuchCall;
    switch (command) {
    case OperatorCommand::Interrupt:
        return CommandOutcome::NothingToDo; // what Twilio was given to say, it says
    case OperatorCommand::End:
        requestEnd(EndReason::OperatorEnded);
        break;
    case OperatorCommand::EndNow:
        if (m_replies.empty()) Q_EMIT
            interruptionWanted(bare(SpokenStep::Then::HangUp), EndReason::OperatorEnded);
        finish(EndReason::OperatorEnded);
        break;
    }
    return CommandOutcome::Done;
}

CommandOutcome SpokenCall::passOn(const QString& targetName)
{
    const LogCall logged(m_info.callId);
    KAV_ASSERT_THREAD(this);
    if (m_ended)
        return CommandOutcome::NoSuchCall;
    if (m_endWanted || m_passTo)
        return CommandOutcome::NothingToDo;
    const QList<providers::TransferTarget> targets =
        m_info.persona ? m_info.persona->transferTargets : QList<providers::TransferTarget>();
    for (const providers::TransferTarget& target : targets) {
        if (target.name != targetName)
            continue;
        logTransfer(target);
        m_passTo = PassTo{target, {}, true};
        const SpokenStep step = bare(SpokenStep::Then::PassOn);
        if (!m_replies.empty()) {
            closeTurn();
            give(step);
        } else {
            Q_EMIT interruptionWanted(step, EndReason::Completed);
        }
        return CommandOutcome::Done;
    }
    return CommandOutcome::NoSuchTarget;
}

void SpokenCall::interrupted(const SpokenStep& step, EndReason reason)
{
    const LogCall logged(m_info.callId);
    KAV_ASSERT_THREAD(this);
    m_last.then = step.then;
    finish(reason);
}

void SpokenCall::tick()
{
    const LogCall logged(m_info.callId);
    KAV_ASSERT_THREAD(this);
    if (m_ended || !m_begun)
        return;
    if (!m_replies.empty()) {
        if (m_unasked)
            ask();
        checkAnswer();
        return;
    }
    const Instant at = now();
    if (m_summary.state == CallState::Speaking && at >= m_spokenOutAt && m_last.then != SpokenStep::Then::GoOn)
        show(CallState::Listening);
    if (!m_endWanted && elapsed(m_started, at) >= m_context.settings.turn.longestCall)
        requestEnd(EndReason::LongestCall);
    if (!m_ended && at >= m_lostAt) {
        // The number may have no status callback, and then nobody says that the caller has gone.
        logEvent(QStringLiteral("LOST"));
        Q_EMIT interruptionWanted(bare(SpokenStep::Then::HangUp), EndReason::CallerHungUp);
        finish(m_endWanted.value_or(EndReason::CallerHungUp));
    }
}

// ---- the model's side -----------------------------------------------------------------------------------------------

void SpokenCall::makeToolRunner()
{
    m_tools = std::make_unique<ToolRunner>(m_info.persona, m_context.toolHttp, *m_context.clock);
    if (m_context.traceParent)
        m_tools->setTraceParent([this] { return m_context.traceParent(m_info.callId); });
    connect(m_tools.get(), &ToolRunner::finished, this, [this](const ToolOutcome& outcome) {
        const LogCall logged(m_info.callId);
        if (m_ended)
            return;
        m_toolsUnderWay = std::max(0, m_toolsUnderWay - 1);
        QJsonObject fields{{QStringLiteral("name"), outcome.name}, {QStringLiteral("ms"), qint64(outcome.took.count())},
            {QStringLiteral("ok"), outcome.ok}, {QStringLiteral("turn"), outcome.turn}};
        if (!outcome.span.isEmpty())
            fields.insert(QStringLiteral("span"), outcome.span);
        if (!outcome.reason.isEmpty())
            fields.insert(QStringLiteral("reason"), logSafe(outcome.reason));
        logEvent(QStringLiteral("TOOL"), fields);
        if (m_turn)
            m_turn->progressed = now();
        if (m_conversation)
            m_conversation->toolFinished(outcome.id, outcome.result);
    });
    connect(m_tools.get(), &ToolRunner::endCallWanted, this, [this] { m_asked.endCall = true; });
    connect(m_tools.get(), &ToolRunner::messageWanted, this, [this] { m_asked.takeMessage = true; });
    connect(m_tools.get(), &ToolRunner::transferWanted, this,
        [this](const providers::TransferTarget& target, const QString& summary) {
            logTransfer(target);
            m_asked.transferTo = target;
            m_asked.transferSummary = summary;
        });
    connect(m_tools.get(), &ToolRunner::callersKeysWanted, this,
        [this](const KeysWanted& wanted) { m_asked.keys = wanted; });
    connect(m_tools.get(), &ToolRunner::keysWanted, this, [this](const QString& keys) {
        addSentences(m_splitter.finish()); // the tones stand where they were asked for
        m_splitter = dialog::SentenceSplitter();
        m_parts.append({{}, keys.toLower()});
    });
}

void SpokenCall::logTransfer(const providers::TransferTarget& target)
{
    logEvent(QStringLiteral("TRANSFER"),
        {{QStringLiteral("to"), logSafe(target.name, 60)}, {QStringLiteral("number"), maskNumber(target.number)}});
}

bool SpokenCall::haveConversation()
{
    if (m_conversation)
        return true;
    if (!m_context.providers->hasModel(m_info))
        return false;
    m_conversation =
        m_context.providers->openConversation(m_info, [self = QPointer(this)](const providers::FailoverNews& news) {
            if (!self || self->m_ended)
                return;
            if (self->m_context.trace) {
                self->m_context.trace(traces::providerEntry(self->m_info.callId,
                    self->m_turn ? self->m_turn->record.number : 0, news, self->m_context.clock->wallNow()));
            }
            if (news.what == providers::FailoverNews::What::Left) {
                self->logEvent(QStringLiteral("FAILOVER"),
                    {{QStringLiteral("stage"), providers::stageName(news.stage)},
                        {QStringLiteral("from"), news.provider}, {QStringLiteral("to"), news.next},
                        {QStringLiteral("reason"), providers::safeReason(toString(news.error))},
                        {QStringLiteral("ms"), qint64(news.took.count())}});
            } else if (self->m_turn && news.stage == providers::Stage::LanguageModel) {
                self->m_turn->latency.setOwner(LatencyPart::FirstToken, news.provider);
                self->m_turn->latency.setOwner(LatencyPart::FirstSentence, news.provider);
            }
            Q_EMIT self->providerUsed(news);
        });
    connect(m_conversation.get(), &providers::Conversation::text, this, &SpokenCall::onText);
    connect(m_conversation.get(), &providers::Conversation::toolCalled, this, &SpokenCall::onToolCalled);
    connect(m_conversation.get(), &providers::Conversation::finished, this, &SpokenCall::onFinished);
    connect(m_conversation.get(), &providers::Conversation::failed, this, &SpokenCall::onFailed);
    return true;
}

void SpokenCall::ask()
{
    if (!m_unasked || !m_turn)
        return;
    if (m_messageInsteadOfAnswer && m_unasked->kind == providers::UserTurn::Kind::Message) {
        m_unasked.reset();
        m_turn->over = true;
        m_asked.endCall = true;
        m_parts.append({lines().endGoodbye, {}});
        giveAnswer();
        return;
    }
    if (!haveConversation())
        return; // asked again at the next tick; the fallback's deadline stands
    m_messageInsteadOfAnswer = false;
    m_turn->asked = true;
    m_conversation->ask(*std::exchange(m_unasked, std::nullopt));
}

void SpokenCall::addSentences(const QStringList& sentences)
{
    for (const QString& sentence : sentences) {
        if (m_turn)
            m_turn->latency.firstSentence(now());
        m_parts.append({sentence, {}});
    }
}

void SpokenCall::onText(int turn, const QString& delta)
{
    const LogCall logged(m_info.callId);
    if (!isAnswerOf(turn) || delta.isEmpty())
        return;
    m_turn->progressed = now();
    m_turn->latency.firstToken(m_turn->progressed);
    m_turn->record.agentText += delta;
    addSentences(m_splitter.add(delta));
    showTurn();
}

void SpokenCall::onToolCalled(int turn, const providers::ToolCall& call)
{
    const LogCall logged(m_info.callId);
    if (m_ended)
        return;
    ++m_toolsUnderWay;
    if (!isAnswerOf(turn)) {
        m_tools->refuse(turn, call, QStringLiteral("the caller has gone on; nothing was done"));
        return;
    }
    m_turn->progressed = now();
    m_turn->latency.firstToken(m_turn->progressed);
    m_tools->run(turn, call);
}

void SpokenCall::onFinished(int turn, const providers::Expectation& next, bool endCall)
{
    const LogCall logged(m_info.callId);
    if (!isAnswerOf(turn))
        return;
    m_turn->over = true;
    m_toolsUnderWay = 0;
    addSentences(m_splitter.finish());
    const auto facts = m_conversation->facts();
    for (auto it = facts.cbegin(); it != facts.cend(); ++it)
        m_facts.insert(it.key(), it.value());
    const bool transfers = !m_asked.transferTo.number.isEmpty();
    m_asked.endCall = m_asked.endCall || endCall;
    m_expectation = next;
    if (m_asked.takeMessage && !m_asked.endCall && !transfers)
        m_expectation.kind = providers::Expectation::Kind::Message;
    m_expectation = withKeypad(m_expectation, m_info.persona.get(), m_asked.keys);
    if (transfers && m_turn->record.agentText.trimmed().isEmpty())
        m_parts.append({lines().filler, {}});
    if (m_parts.isEmpty() && m_turn->said.isEmpty() && !m_asked.endCall && !transfers) {
        fallBack(); // not a word
        return;
    }
    if (!m_replies.empty())
        giveAnswer();
}

void SpokenCall::onFailed(int turn, const Error& error)
{
    const LogCall logged(m_info.callId);
    if (!isAnswerOf(turn))
        return;
    logEvent(QStringLiteral("LLM_ERR"), {{QStringLiteral("reason"), logSafe(error.message)}});
    addSentences(m_splitter.finish());
    if (m_parts.isEmpty() && m_turn->said.isEmpty()) {
        fallBack();
        return;
    }
    m_turn->over = true; // what was said stands; the caller has the floor
    m_toolsUnderWay = 0;
    if (!m_replies.empty())
        giveAnswer();
}

/// Twilio waits: what is it to be given by now?
void SpokenCall::checkAnswer()
{
    if (!m_turn || m_replies.empty())
        return;
    if (m_turn->over) {
        giveAnswer();
        return;
    }
    const turn::Settings& limits = m_context.settings.turn;
    const Instant at = now();
    const bool isTool = m_toolsUnderWay > 0; // it has a limit of its own
    if (!isTool && elapsed(m_turn->progressed, at) >= limits.fallback) {
        logEvent(QStringLiteral("LLM_SILENT"));
        if (m_conversation)
            m_conversation->cancel(m_turn->record.number);
        addSentences(m_splitter.finish());
        if (m_parts.isEmpty() && m_turn->said.isEmpty()) {
            fallBack();
            return;
        }
        m_turn->over = true;
        m_unasked.reset();
        giveAnswer();
        return;
    }
    const Milliseconds patience = m_turn->said.isEmpty() && !m_fillerGiven
        ? std::min(limits.filler, m_settings.answerWithin)
        : m_settings.answerWithin;
    if (elapsed(m_askedAt, at) >= patience)
        giveWhatThereIs();
}

void SpokenCall::fallBack()
{
    logEvent(QStringLiteral("FALLBACK"), {{QStringLiteral("turn"), m_turn->record.number}});
    if (m_conversation)
        m_conversation->cancel(m_turn->record.number);
    m_unasked.reset();
    m_asked = {};
    m_toolsUnderWay = 0;
    m_turn->over = true;
    m_turn->record.fallback = true;
    m_turn->record.agentText = lines().fallback;
    m_parts = {{lines().fallback, {}}};
    m_expectation = {};
    m_expectation.kind = providers::Expectation::Kind::Message;
    m_messageInsteadOfAnswer = true;
    if (!m_replies.empty())
        giveAnswer();
}

// ---- what Twilio is given -------------------------------------------------------------------------------------------

SpokenStep SpokenCall::bare(SpokenStep::Then then) const
{
    SpokenStep step;
    step.then = then;
    step.language = m_info.language;
    if (m_info.persona)
        step.voice = m_info.persona->voices.value(QStringLiteral("twilio"));
    // The account decides which voice Hebrew has, if any; these are the ones there are.
    if (step.voice.isEmpty() && step.language.startsWith(QLatin1String("he")))
        step.voice = QStringLiteral("Google.he-IL-Wavenet-A");
    return step;
}

SpokenStep SpokenCall::stepFor(const providers::Expectation& next) const
{
    using Kind = providers::Expectation::Kind;
    const turn::Settings& limits = m_context.settings.turn;
    SpokenStep step = bare(next.kind == Kind::Message ? SpokenStep::Then::Record : SpokenStep::Then::Listen);
    // The same silence also ends a message that has not begun.
    step.messageEnd = std::max(ShortestMessageWait, secondsOf(limits.messageEnd));
    step.longestMessage = secondsOf(limits.messageCap);
    step.patience = secondsOf(limits.noInput);
    step.interruptible = next.interruptible;
    step.speech = next.kind != Kind::KeypadOnly;
    step.keys = std::max(1, next.keypadMax);
    // A single key is an entry, whichever it is.
    step.finish = next.keypadMax > 1 ? next.keypadFinish : char(0);
    // Digits are said in groups, and Twilio's own idea of an end comes in the first gap.
    if (next.kind == Kind::Digits)
        step.pause = std::chrono::seconds(2);
    if (step.speech) {
        step.hints = next.recognition.phrases;
        if (m_info.persona)
            step.hints += m_info.persona->phrases;
        step.hints = step.hints.mid(0, MostHints);
    }
    return step;
}

SpokenStep SpokenCall::goodbye(EndReason reason) const
{
    SpokenStep step = bare(SpokenStep::Then::HangUp);
    const QString words =
        m_lastWords.value_or(reason == EndReason::NoInput ? lines().noInputGoodbye : lines().endGoodbye);
    if (!words.isEmpty())
        step.parts.append({words, {}});
    return step;
}

/// The answer is not complete: Twilio says this, and comes back for the rest.
void SpokenCall::giveWhatThereIs()
{
    SpokenStep step = bare(SpokenStep::Then::GoOn);
    step.parts = std::exchange(m_parts, {});
    const bool filler = step.parts.isEmpty();
    if (filler) {
        logEvent(QStringLiteral("FILLER"));
        m_fillerGiven = true;
        step.parts.append({lines().filler, {}});
    }
    m_turn->latency.sounded(now(), filler ? TurnLatency::Sound::WaitingLine : TurnLatency::Sound::Answer);
    if (!filler)
        m_turn->said += (m_turn->said.isEmpty() ? QString() : QStringLiteral(" ")) + saidOf(step.parts);
    give(step);
}

void SpokenCall::giveAnswer()
{
    const bool transfers = !m_asked.transferTo.number.isEmpty();
    if (transfers && !m_parts.isEmpty()) {
        giveWhatThereIs(); // the call is passed on when that has been said, and not before
        return;
    }
    const QList<SpokenStep::Part> parts = std::exchange(m_parts, {});
    SpokenStep step;
    if (transfers) {
        m_passTo = PassTo{m_asked.transferTo, m_asked.transferSummary, false};
        step = bare(SpokenStep::Then::PassOn);
    } else if (m_asked.endCall) {
        step = bare(SpokenStep::Then::HangUp);
    } else {
        step = stepFor(m_expectation);
    }
    step.parts = parts;
    m_turn->latency.sounded(now(), m_turn->record.fallback ? TurnLatency::Sound::StandIn : TurnLatency::Sound::Answer);
    m_turn->said += (m_turn->said.isEmpty() || parts.isEmpty() ? QString() : QStringLiteral(" ")) + saidOf(parts);
    give(step);
}

/// `reason`: of the end, when the step is the last.
void SpokenCall::give(SpokenStep step, EndReason reason)
{
    if (m_replies.empty())
        return;
    step.number = m_last.number + 1;
    m_last = step;
    const Instant at = now();
    m_spokenOutAt = at + LetterIsSaid * saidOf(step.parts).size();
    m_lostAt = m_spokenOutAt + m_settings.lost
        + (step.then == SpokenStep::Then::Record        ? Milliseconds(step.longestMessage)
                : step.then == SpokenStep::Then::Listen ? Milliseconds(step.patience)
                                                        : Milliseconds(0));
    if (m_turn) {
        m_turn->record.latency = m_turn->latency.parts();
        m_turn->record.heardText = m_turn->said;
        if (const auto gap = m_turn->latency.answeredAfter(); gap && m_turn->record.input != TurnInput::Opening)
            m_summary.lastGap = gap;
    }
    const std::vector<Reply> replies = std::exchange(m_replies, {});
    const QPointer<SpokenCall> alive(this);
    showTurn();
    show(CallState::Speaking);
    for (const Reply& reply : replies)
        reply(step);
    if (!alive)
        return;
    if (step.then == SpokenStep::Then::HangUp || step.then == SpokenStep::Then::PassOn)
        finish(reason);
}

// ---- record and end -------------------------------------------------------------------------------------------------

void SpokenCall::closeTurn()
{
    if (!m_turn)
        return;
    const Turn turn = *std::exchange(m_turn, std::nullopt);
    if (m_conversation && turn.asked && !turn.record.fallback) {
        if (!turn.over)
            m_conversation->cancel(turn.record.number);
        m_conversation->heard(turn.record.number, turn.said, false, LetterIsSaid * turn.said.size());
    }
    ++m_turnsDone;
    const TurnRecord record = shownRecord(turn.record, turn.secrecy.sensitive); // nobody gets another one
    appendPastTurn(m_past, record);
    m_context.log({calllog::Entry::Kind::Turn, m_info.callId, turn.startedAt,
        turnEntry(record, turn.latency, *m_context.clock)});
    Q_EMIT transcriptChanged({record, turn.startedAt, false, true});
    Q_EMIT turnEnded(record);
}

void SpokenCall::finish(EndReason reason)
{
    if (m_ended || !m_begun)
        return;
    closeTurn();
    m_ended = true;
    CallEnd end;
    end.callId = m_info.callId;
    end.reason = reason;
    end.duration = elapsed(m_started, now());
    end.turns = m_turnsDone;
    end.withoutStream = true;
    end.passedOn = m_passTo && m_last.then == SpokenStep::Then::PassOn && reason == EndReason::Completed;
    const std::vector<Reply> replies = std::exchange(m_replies, {});
    if (end.passedOn) {
        tellPassedOn();
        for (const Reply& reply : replies)
            reply(bare(SpokenStep::Then::PassOn));
        Q_EMIT ended(end);
        return;
    }
    const QDateTime endedAt = m_context.clock->wallNow();
    QJsonObject facts;
    for (auto it = m_facts.cbegin(); it != m_facts.cend(); ++it)
        facts.insert(it.key(), m_secrets.shownFact(it.value()));
    m_context.log({calllog::Entry::Kind::CallEnded, m_info.callId, endedAt,
        QJsonObject{{QStringLiteral("reason"), endReasonName(reason)},
            {QStringLiteral("durationMs"), qint64(end.duration.count())}, {QStringLiteral("turns"), m_turnsDone},
            {QStringLiteral("facts"), facts}}});
    m_summary.reason = reason;
    m_summary.endedAt = endedAt;
    show(CallState::Ended);
    for (const Reply& reply : replies)
        reply(bare(SpokenStep::Then::HangUp));
    Q_EMIT ended(end);
}

void SpokenCall::tellPassedOn()
{
    show(CallState::Transferring);
    QMap<QString, QString> facts;
    for (auto it = m_facts.cbegin(); it != m_facts.cend(); ++it)
        facts.insert(it.key(), m_secrets.shownFact(it.value()));
    facts.insert(QStringLiteral("transferred_to"), m_passTo->target.name);
    Q_EMIT passedOn({m_info.callId, m_start.accountSid, m_info.from, m_info.to, m_info.persona, m_passTo->target,
        m_passTo->summary, m_passTo->byOperator, true, m_summary, m_turnsDone, m_past, facts});
}

void SpokenCall::show(CallState state)
{
    if (m_summary.state != state)
        m_summary.stateSince = m_context.clock->wallNow();
    m_summary.state = state;
    m_summary.turn = m_turnNumber;
    if (m_summary == m_shown)
        return;
    m_shown = m_summary;
    Q_EMIT summaryChanged(m_shown);
}

void SpokenCall::showTurn()
{
    const TranscriptTurn turn = m_turn
        ? TranscriptTurn{shownRecord(m_turn->record, m_turn->secrecy.sensitive), m_turn->startedAt, true, true}
        : m_turnShown;
    if (turn == m_turnShown)
        return;
    m_turnShown = turn;
    Q_EMIT transcriptChanged(m_turnShown);
}

void SpokenCall::logEvent(const QString& token, const QJsonObject& fields)
{
    QString line = QStringLiteral("call=") + m_info.callId + QLatin1Char(' ') + token;
    for (auto it = fields.begin(); it != fields.end(); ++it)
        line += QLatin1Char(' ') + it.key() + QLatin1Char('=') + it.value().toVariant().toString();
    qCInfo(lcSession).noquote() << line;
    QJsonObject data = fields;
    data.insert(QStringLiteral("token"), token);
    data.insert(QStringLiteral("at_ms"), qint64(elapsed(m_started, now()).count()));
    m_context.log({calllog::Entry::Kind::Event, m_info.callId, m_context.clock->wallNow(), data});
}

} // namespace kav::session
