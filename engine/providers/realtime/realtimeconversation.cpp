// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/realtime/realtimeconversation.h"

#include "engine/providers/persona.h"
#include "engine/providers/realtime/realtimesession.h"
#include "shared/core/logging.h"

#include <QHash>
#include <QJsonDocument>
#include <QPointer>

#include <algorithm>

namespace kav::providers {

namespace {
constexpr int MostRealtimeRounds = 6; ///< a model that only ever calls tools is made to speak
constexpr qsizetype LongestToolText = 16000; ///< of a tool's arguments, of its result
constexpr qsizetype LongestCallId = 128;
constexpr qsizetype LongestPast = 4000; ///< of one side of one turn, told to a new connection
constexpr int BytesPerMs = 8;

QJsonObject refusalOf(const QString& words)
{
    return {{QStringLiteral("error"), words}};
}

QJsonObject statusOf(const QString& words)
{
    return {{QStringLiteral("status"), words}};
}

QJsonObject deletionOf(const QString& item)
{
    return {{QStringLiteral("type"), QStringLiteral("conversation.item.delete")}, {QStringLiteral("item_id"), item}};
}
} // namespace

struct RealtimeConversation::Asking final {
    int turn = 0;
    quint64 serial = 0;
    quint64 ticket = 0; ///< of the response under way; 0: none
    int rounds = 0;
    qsizetype characters = 0, bytes = 0;
    bool endCall = false, takeMessage = false, isGreeting = false;
    QHash<QString, QString> names; ///< of tool calls, by item
    QSet<QString> pending; ///< tool calls without a result
    bool calledTools = false; ///< in this round
    bool isFull = false; ///< its words reached the limit; the sound of them may be on its way
    QString told; ///< event_id of the caller's words
};

RealtimeConversation::RealtimeConversation(std::shared_ptr<RealtimeCall> call, const CallInfo& info, const Clock& clock)
    : m_call(std::move(call))
    , m_info(info)
    , m_tools(realtimeToolNames(info))
    , m_deadline(clock)
{
    connect(m_call.get(), &RealtimeCall::responded, this, &RealtimeConversation::onResponse);
    connect(m_call.get(), &RealtimeCall::responseFailed, this, &RealtimeConversation::onResponseFailed);
    connect(m_call.get(), &RealtimeCall::refused, this, &RealtimeConversation::onRefused);
    connect(m_call.get(), &RealtimeCall::broken, this, &RealtimeConversation::onBroken);
    connect(&m_deadline, &RealtimeDeadline::passed, this, &RealtimeConversation::onDeadline);
    m_call->setConversing(true);
    int number = -int(info.past.size());
    for (const PastTurn& past : info.past) {
        Turn turn;
        turn.number = number++;
        turn.asked.kind = past.kind;
        turn.asked.text = past.callerText;
        turn.heard = past.heardText;
        m_turns.append(turn);
    }
    if (m_turns.size() > MostTurns)
        m_turns.remove(0, m_turns.size() - MostTurns);
    m_call->wake();
}

RealtimeConversation::~RealtimeConversation()
{
    // The recogniser may keep the connection, and another conversation take this one's place.
    stop();
    if (m_call.use_count() > 1 && m_generation == m_call->generation()) {
        for (Turn& turn : m_turns)
            takeBack(turn);
    }
    m_call->setConversing(false);
}

// ---- the caller's turn
// -----------------------------------------------------------------------------------------------

void RealtimeConversation::ask(const UserTurn& asked)
{
    KAV_ASSERT_THREAD(this);
    stop();
    m_call->wake();
    renew();
    while (!m_turns.isEmpty() && m_turns.last().number >= asked.turn) {
        m_facts = m_turns.last().factsBefore;
        takeBack(m_turns.last());
        m_turns.removeLast();
    }
    Turn turn;
    turn.number = asked.turn;
    turn.asked = asked;
    turn.factsBefore = m_facts;
    if (asked.kind == UserTurn::Kind::Message)
        m_facts.insert(QStringLiteral("message"), asked.messageRef);

    m_asking = std::make_unique<Asking>();
    m_asking->turn = asked.turn;
    m_asking->serial = ++m_askings;
    m_asking->isGreeting =
        asked.kind == UserTurn::Kind::Opening && m_info.persona && !m_info.persona->greeting.isEmpty();
    if (asked.kind == UserTurn::Kind::Voice)
        turn.voices = m_call->claim(asked.text);
    if (turn.voices.isEmpty() && !m_asking->isGreeting) {
        const RealtimeTold told = realtimeTold(asked);
        turn.toldItem = createItem(told.role, told.text, {});
        m_asking->told = m_createEvent;
        turn.items.append(turn.toldItem);
    }
    m_turns.append(turn);
    if (m_turns.size() > MostTurns)
        m_turns.removeFirst();
    m_deadline.set(m_call->settings().firstAudio);
    startRound();
}

void RealtimeConversation::renew()
{
    if (m_generation == m_call->generation())
        return;
    m_generation = m_call->generation();
    // What the caller has just said on the new connection comes after all this.
    QString after = QStringLiteral("root");
    for (Turn& turn : m_turns) {
        forgetItems(turn);
        const RealtimeTold told = realtimeTold(turn.asked);
        if (turn.asked.kind != UserTurn::Kind::Opening) {
            after = turn.toldItem = createItem(told.role, realtimeCut(told.text, LongestPast), after);
            turn.items.append(after);
        }
        if (turn.heard && !turn.heard->isEmpty()) {
            after = createItem(QStringLiteral("assistant"), realtimeCut(*turn.heard, LongestPast), after);
            turn.items.append(after);
        }
    }
}

QString RealtimeConversation::createItem(const QString& role, const QString& text, const QString& after)
{
    const QString id = m_call->makeItemId();
    QJsonObject event{{QStringLiteral("type"), QStringLiteral("conversation.item.create")},
        {QStringLiteral("item"), realtimeMessage(m_call->settings(), id, role, text)}};
    if (!after.isEmpty())
        event.insert(QStringLiteral("previous_item_id"), after);
    m_createEvent = m_call->send(event);
    return id;
}

void RealtimeConversation::startRound()
{
    QJsonObject response;
    if (m_asking->isGreeting) {
        response.insert(QStringLiteral("instructions"),
            QStringLiteral("Say exactly the following, word for word, in its own language, and nothing else:\n%1")
                .arg(m_info.persona->greeting));
        response.insert(QStringLiteral("input"), QJsonArray());
    }
    if (!m_tools.isEmpty()
        && (m_asking->isGreeting || m_asking->endCall || m_asking->takeMessage
            || m_asking->rounds >= MostRealtimeRounds))
        response.insert(QStringLiteral("tool_choice"), QStringLiteral("none"));
    m_asking->calledTools = false;
    m_asking->names.clear();
    ++m_asking->rounds;
    m_asking->ticket = m_call->createResponse(response);
}

void RealtimeConversation::stop()
{
    m_deadline.clear();
    if (const auto asking = std::move(m_asking); asking && asking->ticket != 0)
        m_call->cancelResponse(asking->ticket);
}

void RealtimeConversation::cancel(int number)
{
    Turn* turn = find(number);
    if (!turn || turn->heard)
        return;
    if (m_asking && m_asking->turn == number)
        stop();
    if (turn != &m_turns.last())
        return;
    m_facts = turn->factsBefore;
    takeBack(*turn);
    m_turns.removeLast();
}

void RealtimeConversation::takeBack(Turn& turn)
{
    if (m_generation == m_call->generation()) {
        for (const Said& said : std::as_const(turn.said))
            m_call->deleteItem(said.item);
        for (const QString& item : std::as_const(turn.items))
            m_call->deleteItem(item);
        // The caller's voice stays: the turn may be asked again with more of it.
        m_call->giveBack(turn.voices);
    }
    forgetItems(turn);
}

void RealtimeConversation::forgetItems(Turn& turn)
{
    turn.said.clear();
    turn.items.clear();
    turn.toldItem.clear();
    turn.voices.clear();
}

void RealtimeConversation::heard(int number, const QString& text, bool interrupted, std::chrono::milliseconds length)
{
    Turn* turn = find(number);
    if (!turn)
        return;
    turn->heard = text;
    if (!interrupted)
        return;
    // Nobody will hear the rest.
    if (m_asking && m_asking->turn == number)
        stop();
    if (m_generation != m_call->generation())
        return;
    qint64 left = std::max<qint64>(0, length.count());
    QList<Said> kept;
    for (Said& said : turn->said) {
        const qint64 whole = said.bytes / BytesPerMs;
        if (left <= 0) {
            m_call->deleteItem(said.item);
            continue;
        }
        if (left < whole) {
            truncate(said, left);
            said.bytes = qsizetype(left) * BytesPerMs;
        }
        left -= whole;
        kept.append(said);
    }
    turn->said = kept;
}

void RealtimeConversation::truncate(const Said& said, qint64 milliseconds)
{
    if (said.item.isEmpty())
        return;
    m_call->send(
        {{QStringLiteral("type"), QStringLiteral("conversation.item.truncate")}, {QStringLiteral("item_id"), said.item},
            {QStringLiteral("content_index"), said.content}, {QStringLiteral("audio_end_ms"), milliseconds}});
}

void RealtimeConversation::amend(int number, const QString& text)
{
    Turn* turn = find(number);
    if (!turn || (turn->asked.kind != UserTurn::Kind::Voice && turn->asked.kind != UserTurn::Kind::Keypad))
        return;
    turn->asked.text = text;
    // The vendor heard the voice itself. Words are replaced where they stand.
    if (turn->toldItem.isEmpty() || m_generation != m_call->generation())
        return;
    const RealtimeTold told = realtimeTold(turn->asked);
    const QString better = createItem(told.role, told.text, turn->toldItem);
    m_call->send(deletionOf(turn->toldItem));
    turn->items.removeOne(turn->toldItem);
    turn->items.append(better);
    turn->toldItem = better;
}

RealtimeConversation::Turn* RealtimeConversation::find(int number)
{
    for (auto turn = m_turns.rbegin(); turn != m_turns.rend(); ++turn) {
        if (turn->number == number)
            return &*turn;
    }
    return nullptr;
}

// ---- the answer
// ------------------------------------------------------------------------------------------------------

void RealtimeConversation::onResponse(quint64 ticket, const QString& type, const QJsonObject& event)
{
    if (!m_asking || m_asking->ticket != ticket)
        return;
    m_deadline.set(m_call->settings().nextAudio);
    if (type == QLatin1String("response.output_audio.delta") || type == QLatin1String("response.audio.delta")) {
        onAudio(event);
    } else if (type == QLatin1String("response.output_audio_transcript.delta")
        || type == QLatin1String("response.audio_transcript.delta")) {
        onText(event.value(QLatin1String("delta")).toString());
    } else if (type == QLatin1String("response.output_item.added")) {
        const QJsonObject item = event.value(QLatin1String("item")).toObject();
        const QString id = item.value(QLatin1String("id")).toString();
        if (item.value(QLatin1String("type")).toString() == QLatin1String("function_call")) {
            m_asking->names.insert(id, item.value(QLatin1String("name")).toString());
            m_turns.last().items.append(id);
        } else {
            m_turns.last().said.append({id, 0, 0});
        }
    } else if (type == QLatin1String("response.output_item.done")) {
        onItem(event.value(QLatin1String("item")).toObject());
    } else if (type == QLatin1String("response.function_call_arguments.done")) {
        QString name = event.value(QLatin1String("name")).toString();
        if (name.isEmpty())
            name = m_asking->names.value(event.value(QLatin1String("item_id")).toString());
        onCall(
            event.value(QLatin1String("call_id")).toString(), name, event.value(QLatin1String("arguments")).toString());
    } else if (type == QLatin1String("response.done")) {
        onDone(event.value(QLatin1String("response")).toObject());
    }
}

void RealtimeConversation::onAudio(const QJsonObject& event)
{
    const auto decoded = QByteArray::fromBase64Encoding(
        event.value(QLatin1String("delta")).toString().toLatin1(), QByteArray::AbortOnBase64DecodingErrors);
    if (!decoded) {
        m_call->breakOff({Error::Code::Unavailable,
            QStringLiteral("%1 sent sound that cannot be read").arg(m_call->settings().url.host()), {}});
        return;
    }
    QByteArray mulaw = *decoded;
    const QString item = event.value(QLatin1String("item_id")).toString();
    QList<Said>& all = m_turns.last().said;
    auto said = std::find_if(all.begin(), all.end(), [&item](const Said& one) { return one.item == item; });
    if (said == all.end())
        said = all.insert(all.end(), {item, 0, 0});
    mulaw.truncate(LongestAudio - m_asking->bytes);
    said->content = event.value(QLatin1String("content_index")).toInt();
    said->bytes += mulaw.size();
    m_asking->bytes += mulaw.size();
    const quint64 serial = m_asking->serial;
    const QPointer<RealtimeConversation> alive(this);
    if (!mulaw.isEmpty()) Q_EMIT
        audio(m_asking->turn, mulaw);
    if (alive && m_asking && m_asking->serial == serial && isLongEnough())
        cutOff();
}

bool RealtimeConversation::isLongEnough() const
{
    return m_asking->bytes >= LongestAudio
        || (m_asking->isFull && m_asking->bytes >= m_asking->characters * BytesPerCharacter);
}

void RealtimeConversation::cutOff()
{
    m_call->cancelResponse(std::exchange(m_asking->ticket, 0));
    // The vendor is ahead of what was passed on.
    const Said last = m_turns.last().said.last();
    truncate(last, last.bytes / BytesPerMs);
    succeed();
}

void RealtimeConversation::onText(const QString& delta)
{
    const int longest = m_info.persona ? m_info.persona->longestAnswerCharacters : Persona().longestAnswerCharacters;
    const QString kept = realtimeCut(delta, std::max<qsizetype>(0, longest - m_asking->characters));
    m_asking->isFull = m_asking->isFull || kept.size() < delta.size();
    m_asking->characters += kept.size();
    const quint64 serial = m_asking->serial;
    const QPointer<RealtimeConversation> alive(this);
    if (!kept.isEmpty()) Q_EMIT
        text(m_asking->turn, kept);
    if (alive && m_asking && m_asking->serial == serial && m_asking->bytes > 0 && isLongEnough())
        cutOff();
}

void RealtimeConversation::onItem(const QJsonObject& item)
{
    if (item.value(QLatin1String("type")).toString() != QLatin1String("function_call"))
        return;
    const QString id = item.value(QLatin1String("id")).toString();
    if (!id.isEmpty() && !m_turns.last().items.contains(id))
        m_turns.last().items.append(id);
    onCall(item.value(QLatin1String("call_id")).toString(), item.value(QLatin1String("name")).toString(),
        item.value(QLatin1String("arguments")).toString());
}

void RealtimeConversation::onCall(const QString& id, const QString& name, const QString& arguments)
{
    // The same call is told by several events.
    if (id.isEmpty() || id.size() > LongestCallId || name.isEmpty() || m_callIds.contains(id))
        return;
    m_callIds.insert(id);
    m_asking->calledTools = true;
    m_asking->pending.insert(id);
    const QJsonDocument document =
        QJsonDocument::fromJson(arguments.trimmed().isEmpty() ? QByteArrayLiteral("{}") : arguments.toUtf8());
    if (!m_tools.contains(name)) {
        sendResult(id, refusalOf(QStringLiteral("there is no such tool")));
    } else if (arguments.size() > LongestToolText || !document.isObject()) {
        sendResult(id, refusalOf(QStringLiteral("the arguments are no JSON object")));
    } else if (name == QLatin1String("end_call")) {
        m_asking->endCall = true;
        sendResult(id, statusOf(QStringLiteral("The call ends after your next words. Say a short goodbye.")));
    } else if (name == QLatin1String("take_message")) {
        m_asking->takeMessage = true;
        sendResult(id,
            statusOf(QStringLiteral("Recording starts after your next words. Ask for the message after the tone.")));
    } else {
        ToolCall call;
        call.id = id;
        call.name = name;
        call.arguments = document.object();
        Q_EMIT toolCalled(m_asking->turn, call);
    }
}

void RealtimeConversation::sendResult(const QString& id, const QJsonObject& result)
{
    m_asking->pending.remove(id);
    const QString item = m_call->makeItemId();
    m_turns.last().items.append(item);
    const QString output = QString::fromUtf8(QJsonDocument(result).toJson(QJsonDocument::Compact));
    m_call->send({{QStringLiteral("type"), QStringLiteral("conversation.item.create")},
        {QStringLiteral("item"),
            QJsonObject{{QStringLiteral("id"), item}, {QStringLiteral("type"), QStringLiteral("function_call_output")},
                {QStringLiteral("call_id"), id}, {QStringLiteral("output"), realtimeCut(output, LongestToolText)}}}});
}

void RealtimeConversation::toolFinished(const QString& id, const QJsonObject& result)
{
    if (!m_asking || !m_asking->pending.contains(id))
        return;
    sendResult(id, result);
    if (m_asking->ticket == 0 && m_asking->pending.isEmpty())
        endRound();
}

void RealtimeConversation::onDone(const QJsonObject& response)
{
    // Whatever no event of its own told.
    const quint64 serial = m_asking->serial;
    const QPointer<RealtimeConversation> alive(this);
    for (const QJsonValue& item : response.value(QLatin1String("output")).toArray()) {
        onItem(item.toObject());
        if (!alive || !m_asking || m_asking->serial != serial)
            return;
    }
    m_asking->ticket = 0;
    m_deadline.clear();
    const QString status = response.value(QLatin1String("status")).toString();
    const QJsonObject details = response.value(QLatin1String("status_details")).toObject();
    const QString host = m_call->settings().url.host();
    if (status == QLatin1String("failed")) {
        fail(realtimeErrorOf(m_call->settings(), details.value(QLatin1String("error")).toObject()));
    } else if (status == QLatin1String("cancelled")) {
        fail({Error::Code::Unavailable, QStringLiteral("%1 took its answer back").arg(host), {}});
    } else if (status == QLatin1String("incomplete") && m_asking->bytes == 0) {
        const bool isFilter = details.value(QLatin1String("reason")).toString() == QLatin1String("content_filter");
        fail({Error::Code::Invalid,
            (isFilter ? QStringLiteral("the content filter of %1 let no answer through")
                      : QStringLiteral("%1 reached its length limit before it said a word"))
                .arg(host),
            {}});
    } else if (m_asking->pending.isEmpty()) {
        endRound();
    }
}

void RealtimeConversation::endRound()
{
    const bool isOver = m_asking->endCall || m_asking->takeMessage;
    if (m_asking->calledTools && !(isOver && m_asking->bytes > 0) && m_asking->rounds <= MostRealtimeRounds) {
        m_deadline.set(m_call->settings().firstAudio);
        startRound();
        return;
    }
    if (m_asking->bytes > 0 || isOver)
        succeed();
    else
        fail({Error::Code::Unavailable, QStringLiteral("%1 gave an empty answer").arg(m_call->settings().url.host()),
            {}});
}

void RealtimeConversation::succeed()
{
    const bool isGreeting = m_asking->isGreeting, endsCall = m_asking->endCall;
    const bool takesMessage = m_asking->takeMessage && !endsCall;
    const int turn = m_asking->turn;
    stop();
    Expectation next;
    next.recognition.language = realtimeLanguage(m_info);
    if (m_info.persona)
        next.recognition.phrases = m_info.persona->phrases;
    next.interruptible = !(isGreeting && m_info.persona->greetingProtected);
    if (takesMessage)
        next.kind = Expectation::Kind::Message;
    Q_EMIT finished(turn, next, endsCall);
}

void RealtimeConversation::fail(const Error& error)
{
    const int turn = m_asking->turn;
    stop();
    Q_EMIT failed(turn, error);
}

void RealtimeConversation::onRefused(const QString& eventId, const Error& error)
{
    // An answer to a question without the caller's words would be one to something else.
    if (m_asking && m_asking->told == eventId)
        fail(error);
}

void RealtimeConversation::onResponseFailed(quint64 ticket, const Error& error)
{
    if (!m_asking || m_asking->ticket != ticket)
        return;
    m_asking->ticket = 0;
    fail(error);
}

void RealtimeConversation::onBroken(const Error& error)
{
    if (!m_asking)
        return;
    m_asking->ticket = 0;
    fail(error);
}

void RealtimeConversation::onDeadline()
{
    // The socket may look healthy: it is judged by its replies. Who is asking learns it from broken().
    m_call->breakOff({Error::Code::Timeout,
        QStringLiteral("%1 left a question without an answer").arg(m_call->settings().url.host()), {}});
}

} // namespace kav::providers
