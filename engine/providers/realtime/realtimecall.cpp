// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/realtime/realtimecall.h"

#include "engine/providers/persona.h"
#include "engine/providers/realtime/realtimehub.h"
#include "engine/providers/realtime/realtimesession.h"
#include "shared/core/logging.h"

#include <QJsonArray>
#include <QJsonDocument>

#include <algorithm>

namespace kav::providers {

namespace {
QJsonObject eventOf(const char* type)
{
    return {{QStringLiteral("type"), QLatin1String(type)}};
}

QString stringIn(const QJsonObject& object, const char* name)
{
    return object.value(QLatin1String(name)).toString();
}
} // namespace

RealtimeCall::RealtimeCall(
    const RealtimeSettings& settings, std::shared_ptr<RealtimeHub> hub, const CallInfo& call, const Clock& clock)
    : m_settings(settings)
    , m_hub(std::move(hub))
    , m_call(call)
    , m_clock(clock)
    , m_updated(clock)
{
    connect(&m_updated, &RealtimeDeadline::passed, this, [this] {
        breakOff({Error::Code::Timeout,
            QStringLiteral("%1 did not configure its session within %2 ms")
                .arg(m_settings.url.host())
                .arg(m_settings.ready.count()),
            {}});
    });
}

RealtimeCall::~RealtimeCall()
{
    dropLink();
}

bool RealtimeCall::isPrompt(const QString& words) const
{
    return m_call.persona && m_call.persona->phrases.size() > 1 && words == realtimeWords(realtimeHints(m_call));
}

void RealtimeCall::dispose()
{
    disconnect();
    dropLink();
}

void RealtimeCall::dropLink()
{
    m_updated.clear();
    if (m_link == nullptr)
        return;
    m_link->disconnect(this);
    m_link->deleteLater();
    m_link = nullptr;
}

void RealtimeCall::wake()
{
    KAV_ASSERT_THREAD(this);
    if (m_link != nullptr)
        return;
    ++m_generation;
    m_lastEvent = m_clock.now();
    const QString model = realtimeModel(m_settings, m_call);
    m_link = m_hub->take(m_settings, model);
    const bool isFresh = m_link == nullptr;
    if (isFresh)
        m_link = new RealtimeLink(m_settings, model, m_clock);
    connect(m_link, &RealtimeLink::created, this, &RealtimeCall::onCreated);
    connect(m_link, &RealtimeLink::received, this, &RealtimeCall::onEvent);
    connect(m_link, &RealtimeLink::broken, this, &RealtimeCall::onBroken);
    if (isFresh)
        m_link->open();
    else if (m_link->isCreated())
        onCreated();
}

void RealtimeCall::onCreated()
{
    m_updateId = send(realtimeSessionUpdate(m_settings, m_call));
    m_updated.set(m_settings.ready);
}

QString RealtimeCall::send(QJsonObject event)
{
    const QString id = QStringLiteral("kav_%1").arg(++m_events);
    event.insert(QStringLiteral("event_id"), id);
    if (m_link != nullptr)
        m_link->send(QJsonDocument(event).toJson(QJsonDocument::Compact));
    return id;
}

bool RealtimeCall::isSilentFor(Milliseconds time) const
{
    return elapsed(m_lastEvent, m_clock.now()) >= time;
}

void RealtimeCall::breakOff(const Error& error)
{
    if (m_link != nullptr)
        onBroken(error);
}

void RealtimeCall::onBroken(const Error& error)
{
    const LogCall logged(m_call.callId);
    dropLink();
    m_hasAudio = false;
    m_committing.clear();
    m_transcribing.clear();
    m_unclaimed.clear();
    m_response.reset();
    m_next.reset();
    Q_EMIT broken(error);
}

// ---- the caller's voice
// ----------------------------------------------------------------------------------------------

void RealtimeCall::appendAudio(const QByteArray& mulaw)
{
    m_hasAudio = true;
    // By hand: this is the one event that is sent many times a second.
    if (m_link != nullptr)
        m_link->send("{\"type\":\"input_audio_buffer.append\",\"audio\":\"" + mulaw.toBase64() + "\"}");
}

void RealtimeCall::clearAudio()
{
    if (std::exchange(m_hasAudio, false))
        send(eventOf("input_audio_buffer.clear"));
}

RealtimeVoicePtr RealtimeCall::commitAudio(int utterance)
{
    m_hasAudio = false;
    auto voice = std::make_shared<RealtimeVoice>();
    voice->utterance = utterance;
    voice->eventId = send(eventOf("input_audio_buffer.commit"));
    m_committing.append(voice);
    m_transcribing.append(voice);
    m_unclaimed.append(voice);
    while (m_unclaimed.size() > MostUnclaimed)
        dropVoice(RealtimeVoicePtr(m_unclaimed.first()));
    return voice;
}

void RealtimeCall::onCommitted(const QString& itemId)
{
    if (m_committing.isEmpty())
        return;
    const RealtimeVoicePtr voice = m_committing.takeFirst();
    voice->id = itemId;
    if (voice->isUnwanted)
        deleteItem(itemId);
}

void RealtimeCall::dropVoice(const RealtimeVoicePtr& voice)
{
    m_unclaimed.removeOne(voice);
    m_transcribing.removeOne(voice);
    if (std::exchange(voice->isUnwanted, true))
        return;
    if (!voice->id.isEmpty())
        deleteItem(voice->id); // else when its id is known
}

void RealtimeCall::dropUtterance(int utterance)
{
    const auto isIt = [utterance](const RealtimeVoicePtr& voice) { return voice->utterance == utterance; };
    const auto found = std::find_if(m_unclaimed.begin(), m_unclaimed.end(), isIt);
    if (found != m_unclaimed.end())
        dropVoice(RealtimeVoicePtr(*found));
    m_transcribing.removeIf(isIt); // of one that a turn has claimed, only the words are not wanted
}

void RealtimeCall::keepVoice(const RealtimeVoicePtr& voice)
{
    m_transcribing.removeOne(voice);
    if (m_unclaimed.contains(voice) && (!m_isConversing || voice->words.isEmpty()))
        dropVoice(voice);
}

QList<RealtimeVoicePtr> RealtimeCall::claim(const QString& words)
{
    const QString wanted = realtimeWords(words);
    for (qsizetype begin = 0; begin < m_unclaimed.size() && !wanted.isEmpty(); ++begin) {
        QString joined;
        for (qsizetype end = begin; end < m_unclaimed.size() && joined.size() < wanted.size(); ++end) {
            joined += joined.isEmpty() ? m_unclaimed[end]->words : QLatin1Char(' ') + m_unclaimed[end]->words;
            if (joined != wanted)
                continue;
            const QList<RealtimeVoicePtr> claimed = m_unclaimed.mid(begin, end - begin + 1);
            const QList<RealtimeVoicePtr> older = m_unclaimed.mid(0, begin);
            m_unclaimed.remove(begin, end - begin + 1);
            for (const RealtimeVoicePtr& voice : older)
                dropVoice(voice);
            return claimed;
        }
    }
    const QList<RealtimeVoicePtr> others = m_unclaimed;
    for (const RealtimeVoicePtr& voice : others) {
        // One that is still being written down was not what was asked.
        if (voice->isFinal || !voice->words.isEmpty())
            dropVoice(voice);
    }
    return {};
}

void RealtimeCall::giveBack(const QList<RealtimeVoicePtr>& voices)
{
    m_unclaimed = voices + m_unclaimed;
    std::stable_sort(m_unclaimed.begin(), m_unclaimed.end(),
        [](const RealtimeVoicePtr& a, const RealtimeVoicePtr& b) { return a->utterance < b->utterance; });
    while (m_unclaimed.size() > MostUnclaimed)
        dropVoice(RealtimeVoicePtr(m_unclaimed.first()));
}

// ---- the conversation
// ------------------------------------------------------------------------------------------------

QString RealtimeCall::makeItemId()
{
    return QStringLiteral("kav_%1_%2").arg(m_generation).arg(++m_items);
}

void RealtimeCall::deleteItem(const QString& id)
{
    if (id.isEmpty())
        return; // of an event that named none
    QJsonObject event = eventOf("conversation.item.delete");
    event.insert(QStringLiteral("item_id"), id);
    send(event);
}

quint64 RealtimeCall::createResponse(const QJsonObject& response)
{
    const quint64 ticket = ++m_tickets;
    if (m_response)
        m_next = {ticket, response};
    else
        sendResponse(ticket, response);
    return ticket;
}

void RealtimeCall::sendResponse(quint64 ticket, QJsonObject response)
{
    // The vendor hands it back: an answer cannot pass for that to another question.
    response.insert(QStringLiteral("metadata"), QJsonObject{{QStringLiteral("kav"), QString::number(ticket)}});
    QJsonObject event = eventOf("response.create");
    event.insert(QStringLiteral("response"), response);
    m_response = Response{};
    m_response->ticket = ticket;
    m_response->eventId = send(event);
}

void RealtimeCall::cancelResponse(quint64 ticket)
{
    if (m_next && m_next->first == ticket)
        m_next.reset();
    if (!m_response || m_response->ticket != ticket || m_response->isCancelled)
        return;
    m_response->isCancelled = true;
    m_response->told = QSet<QString>(m_response->items.begin(), m_response->items.end());
    QJsonObject event = eventOf("response.cancel");
    if (!m_response->id.isEmpty())
        event.insert(QStringLiteral("response_id"), m_response->id);
    send(event);
}

// ---- what the vendor says
// --------------------------------------------------------------------------------------------

void RealtimeCall::onEvent(const QJsonObject& event)
{
    const LogCall logged(m_call.callId);
    m_lastEvent = m_clock.now();
    const QString type = stringIn(event, "type");
    if (type.startsWith(QLatin1String("response.")))
        onResponse(type, event);
    else if (type.startsWith(QLatin1String("conversation.item.input_audio_transcription.")))
        onTranscript(type, event);
    else if (type == QLatin1String("input_audio_buffer.committed"))
        onCommitted(stringIn(event, "item_id"));
    else if (type == QLatin1String("session.updated"))
        m_updated.clear();
    else if (type == QLatin1String("error"))
        onError(event.value(QLatin1String("error")).toObject());
}

void RealtimeCall::onTranscript(const QString& type, const QJsonObject& event)
{
    const QString item = stringIn(event, "item_id");
    const auto found = std::find_if(m_transcribing.begin(), m_transcribing.end(),
        [&item](const RealtimeVoicePtr& voice) { return !item.isEmpty() && voice->id == item; });
    if (found == m_transcribing.end())
        return;
    const RealtimeVoicePtr voice = *found;
    if (type.endsWith(QLatin1String(".delta"))) {
        Q_EMIT voiceHeard(voice, stringIn(event, "delta"), false);
    } else if (type.endsWith(QLatin1String(".completed"))) {
        voice->isFinal = true;
        Q_EMIT voiceHeard(voice, stringIn(event, "transcript"), true);
    } else if (type.endsWith(QLatin1String(".failed"))) {
        m_transcribing.removeOne(voice);
        if (m_unclaimed.contains(voice))
            dropVoice(voice);
        Q_EMIT voiceFailed(voice, realtimeErrorOf(m_settings, event.value(QLatin1String("error")).toObject()));
    }
}

void RealtimeCall::onResponse(const QString& type, const QJsonObject& event)
{
    if (!m_response)
        return;
    if (type == QLatin1String("response.created")) {
        const QJsonObject response = event.value(QLatin1String("response")).toObject();
        const QString ticket = stringIn(response.value(QLatin1String("metadata")).toObject(), "kav");
        const bool isOurs = ticket.isEmpty() || ticket == QString::number(m_response->ticket);
        if (m_response->id.isEmpty() && isOurs)
            m_response->id = stringIn(response, "id");
        return;
    }
    if (type == QLatin1String("response.done")) {
        onResponseDone(event);
        return;
    }
    // Late words of an answer that was cancelled, and whatever else nobody asked for.
    if (m_response->id.isEmpty() || stringIn(event, "response_id") != m_response->id)
        return;
    if (type == QLatin1String("response.output_item.added"))
        m_response->items.append(stringIn(event.value(QLatin1String("item")).toObject(), "id"));
    if (!m_response->isCancelled) Q_EMIT
        responded(m_response->ticket, type, event);
}

void RealtimeCall::onResponseDone(const QJsonObject& event)
{
    const QJsonObject body = event.value(QLatin1String("response")).toObject();
    if (m_response->id.isEmpty() || stringIn(body, "id") != m_response->id)
        return;
    const Response done = *std::exchange(m_response, std::nullopt);
    if (!done.isCancelled) {
        Q_EMIT responded(done.ticket, QStringLiteral("response.done"), event);
    } else {
        QStringList items = done.items;
        for (const QJsonValue& item : body.value(QLatin1String("output")).toArray())
            items.append(stringIn(item.toObject(), "id"));
        items.removeDuplicates();
        for (const QString& item : std::as_const(items)) {
            if (!item.isEmpty() && !done.told.contains(item))
                deleteItem(item);
        }
    }
    if (m_next && !m_response) {
        const auto next = *std::exchange(m_next, std::nullopt);
        sendResponse(next.first, next.second);
    }
}

void RealtimeCall::onError(const QJsonObject& event)
{
    const QString code = stringIn(event, "code");
    const QString cause = stringIn(event, "event_id");
    const Error error = realtimeErrorOf(m_settings, event);
    qCDebug(lcLlm).noquote() << QString(QStringLiteral("call=") + m_call.callId) << "realtime:" << toString(error);

    if ((!cause.isEmpty() && cause == m_updateId) || code == QLatin1String("session_expired")
        || error.code == Error::Code::Denied) {
        onBroken(error);
        return;
    }
    const bool isCommit = code == QLatin1String("input_audio_buffer_commit_empty");
    const auto commit = std::find_if(m_committing.begin(), m_committing.end(),
        [&](const RealtimeVoicePtr& voice) { return cause.isEmpty() ? isCommit : voice->eventId == cause; });
    if (commit != m_committing.end()) {
        const RealtimeVoicePtr voice = *commit;
        m_committing.erase(commit);
        const bool isWanted = m_transcribing.contains(voice);
        dropVoice(voice);
        if (!isWanted)
            return;
        if (isCommit) Q_EMIT
            voiceHeard(voice, QString(), true);
        else Q_EMIT
            voiceFailed(voice, error);
        return;
    }
    if (isCommit)
        return;
    // That nothing was there to cancel: the answer ended at the same moment. A compatible server may name no cause.
    const bool isOurs = m_response
        && (cause == m_response->eventId
            || (cause.isEmpty() && code != QLatin1String("response_cancel_not_active") && !m_response->isCancelled));
    if (!isOurs) {
        if (!cause.isEmpty()) Q_EMIT
            refused(cause, error);
        return;
    }
    const Response refused = *std::exchange(m_response, std::nullopt);
    if (!refused.isCancelled) Q_EMIT
        responseFailed(refused.ticket, error);
    if (m_next && !m_response) {
        const auto next = *std::exchange(m_next, std::nullopt);
        sendResponse(next.first, next.second);
    }
}

} // namespace kav::providers
