// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/realtime/realtimecall.h"

#include <QSet>

#include <memory>
#include <optional>

namespace kav::providers {

/// The conversation's side of a call's connection. Owned by whoever opened it, on that thread.
///
/// The vendor keeps the conversation as items; here it is known which items belong to which turn, so that a turn can be
/// taken back, and an answer be cut to what was heard. On a new connection the conversation so far is told again.
class RealtimeConversation final : public Conversation {
    Q_OBJECT
public:
    static constexpr qsizetype MostTurns = 40; ///< remembered here, and told to a new connection
    static constexpr qsizetype LongestAudio = 180 * 8000; ///< bytes of one answer
    static constexpr qsizetype BytesPerCharacter =
        80 * 8; ///< unhurried speech: where an answer of too many words is cut

    RealtimeConversation(std::shared_ptr<RealtimeCall> call, const CallInfo& info, const Clock& clock);
    ~RealtimeConversation() override;

    bool speaks() const override { return true; }
    void toolFinished(const QString& id, const QJsonObject& result) override;
    void ask(const UserTurn& turn) override;
    void cancel(int turn) override;
    void heard(int turn, const QString& text, bool interrupted, std::chrono::milliseconds length) override;
    void amend(int turn, const QString& text) override;
    QMap<QString, QString> facts() const override { return m_facts; }

private:
    struct Said final {
        QString item;
        int content = 0;
        qsizetype bytes = 0;
    };
    struct Turn final {
        int number = 0;
        UserTurn asked;
        QList<RealtimeVoicePtr> voices; ///< what the caller said, where the vendor heard it
        QStringList items; ///< told in words; tool calls and their results
        QString toldItem; ///< the caller's words, of `items`
        QList<Said> said;
        std::optional<QString> heard;
        QMap<QString, QString> factsBefore;
    };
    struct Asking;

    void renew();
    void startRound();
    void onResponse(quint64 ticket, const QString& type, const QJsonObject& event);
    void onAudio(const QJsonObject& event);
    void onText(const QString& delta);
    void onItem(const QJsonObject& item);
    void onCall(const QString& id, const QString& name, const QString& arguments);
    void onDone(const QJsonObject& response);
    void truncate(const Said& said, qint64 milliseconds);
    bool isLongEnough() const;
    void cutOff();
    void endRound();
    void onRefused(const QString& eventId, const Error& error);
    void onResponseFailed(quint64 ticket, const Error& error);
    void onBroken(const Error& error);
    void onDeadline();
    void sendResult(const QString& id, const QJsonObject& result);
    void stop();
    void takeBack(Turn& turn);
    void forgetItems(Turn& turn);
    void succeed();
    void fail(const Error& error);
    QString createItem(const QString& role, const QString& text, const QString& after);
    Turn* find(int number);

    const std::shared_ptr<RealtimeCall> m_call;
    const CallInfo m_info;
    const QStringList m_tools;
    RealtimeDeadline m_deadline;
    int m_generation = 0; ///< of the connection that was told the turns
    QList<Turn> m_turns; ///< those of CallInfo::past have numbers below 0
    QMap<QString, QString> m_facts;
    std::unique_ptr<Asking> m_asking; ///< belongs to the last turn
    quint64 m_askings = 0;
    QString m_createEvent; ///< of the item created last
    QSet<QString> m_callIds; ///< of every tool call told so far
};

} // namespace kav::providers
