// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/realtime/realtimelink.h"

#include <QJsonObject>
#include <QSet>
#include <QStringList>

#include <memory>
#include <optional>

namespace kav::providers {

/// A committed utterance: once the vendor has acknowledged it, an item of the conversation.
struct RealtimeVoice final {
    int utterance = 0;
    QString eventId; ///< of its commit
    QString id; ///< of the item; empty until acknowledged
    QString words; ///< so far
    bool isFinal = false;
    bool isUnwanted = false;
};
using RealtimeVoicePtr = std::shared_ptr<RealtimeVoice>;

/// The one connection of a call, shared by its recogniser and its conversation; lives on their thread and ends with the
/// last of them. Keeps what both need: the session, the utterances that no turn has claimed, and the one response that
/// may be under way. A connection that broke is followed by a new one, with an empty conversation, when somebody next
/// asks: generation() tells.
class RealtimeCall final : public QObject {
    Q_OBJECT
public:
    static constexpr qsizetype MostUnclaimed = 16;

    RealtimeCall(
        const RealtimeSettings& settings, std::shared_ptr<RealtimeHub> hub, const CallInfo& call, const Clock& clock);
    ~RealtimeCall() override;

    const RealtimeSettings& settings() const { return m_settings; }
    /// The recogniser's hints, nothing else: over noise such a model repeats its prompt, and nobody says a whole list.
    bool isPrompt(const QString& words) const;
    /// A connection is there, or on its way.
    void wake();
    int generation() const { return m_generation; }
    /// Its event_id. Dropped while there is no connection.
    QString send(QJsonObject event);
    /// Nothing at all came from the vendor for so long.
    bool isSilentFor(Milliseconds time) const;
    /// Half open, by the look of it.
    void breakOff(const Error& error);
    void dispose();

    // The recogniser's.
    void appendAudio(const QByteArray& mulaw);
    void clearAudio();
    RealtimeVoicePtr commitAudio(int utterance);
    void dropVoice(const RealtimeVoicePtr& voice);
    void dropUtterance(int utterance);
    /// It is final: kept for the turn that it becomes, or forgotten where nobody converses.
    void keepVoice(const RealtimeVoicePtr& voice);

    // The conversation's.
    void setConversing(bool conversing) { m_isConversing = conversing; }
    /// The utterances that are these words, in order. Older ones are dropped; all are, when the words are none of ours.
    QList<RealtimeVoicePtr> claim(const QString& words);
    void giveBack(const QList<RealtimeVoicePtr>& voices);
    QString makeItemId();
    /// Asks now, or as soon as the response before has ended.
    quint64 createResponse(const QJsonObject& response);
    /// Nothing more of it is told, and no item that it still makes stays. Those it had made are the asker's business.
    void cancelResponse(quint64 ticket);
    void deleteItem(const QString& id);

Q_SIGNALS:
    void voiceHeard(const kav::providers::RealtimeVoicePtr& voice, const QString& transcript, bool isFinal);
    void voiceFailed(const kav::providers::RealtimeVoicePtr& voice, const kav::Error& error);
    void responded(quint64 ticket, const QString& type, const QJsonObject& event);
    void responseFailed(quint64 ticket, const kav::Error& error);
    /// Of another event, that send() named.
    void refused(const QString& eventId, const kav::Error& error);
    /// Everything that was asked is lost, and so is the vendor's memory of the call.
    void broken(const kav::Error& error);

private:
    struct Response final {
        quint64 ticket = 0;
        QString eventId, id;
        QStringList items;
        bool isCancelled = false;
        QSet<QString> told; ///< items its asker knows of, when cancelled
    };
    void onCreated();
    void onEvent(const QJsonObject& event);
    void onBroken(const Error& error);
    void onTranscript(const QString& type, const QJsonObject& event);
    void onResponse(const QString& type, const QJsonObject& event);
    void onResponseDone(const QJsonObject& event);
    void onError(const QJsonObject& event);
    void onCommitted(const QString& itemId);
    void sendResponse(quint64 ticket, QJsonObject response);
    void dropLink();

    const RealtimeSettings m_settings;
    const std::shared_ptr<RealtimeHub> m_hub;
    const CallInfo m_call;
    const Clock& m_clock;
    RealtimeLink* m_link = nullptr;
    RealtimeDeadline m_updated; ///< for session.updated
    QString m_updateId;
    Instant m_lastEvent;
    int m_generation = 0;
    quint64 m_events = 0, m_items = 0, m_tickets = 0;
    bool m_hasAudio = false; ///< appended, and neither committed nor cleared
    bool m_isConversing = false;
    QList<RealtimeVoicePtr> m_committing; ///< in the order of their commits
    QList<RealtimeVoicePtr> m_transcribing;
    QList<RealtimeVoicePtr> m_unclaimed;
    std::optional<Response> m_response;
    std::optional<std::pair<quint64, QJsonObject>> m_next; ///< waits for m_response to end
};

} // namespace kav::providers
