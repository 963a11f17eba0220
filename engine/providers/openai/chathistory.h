// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/speech.h"

#include <QJsonArray>
#include <QJsonObject>
#include <QList>
#include <QString>

#include <optional>

namespace kav::providers {

/// What was said in a call, as a language model is told it: the caller's words, and of the agent's only what the caller
/// heard. Bounded: the oldest turns go first. A plain value, part of one conversation.
class ChatHistory final {
public:
    static constexpr qsizetype MostTurns = 40;
    static constexpr qsizetype MostCharacters = 24000; ///< of all turns together
    static constexpr qsizetype LongestWords = 4000; ///< of one turn's caller, of one turn's agent, of one tool's result

    explicit ChatHistory(const CallInfo& call);

    /// Begins a turn; a turn of that number or a later one is taken back first.
    void ask(const UserTurn& turn);
    /// Takes a turn back, unless something of its answer was heard.
    void cancel(int turn);
    void heard(int turn, const QString& text, bool interrupted);
    void amend(int turn, const QString& text);

    // The turn in progress.
    struct Call final {
        ToolCall tool;
        std::optional<QJsonObject> result;
    };
    /// The model wants tools; `said` is what it said before, in this round.
    void toolsCalled(int turn, const QString& said, const QList<Call>& calls);
    /// True: the last round of the last turn waited for it.
    bool toolFinished(const QString& id, const QJsonObject& result);
    /// Every tool of the last turn has its result.
    bool hasAllResults() const;
    int rounds() const { return m_turns.isEmpty() ? 0 : int(m_turns.last().rounds.size()); }

    /// The messages of a request, the system's first.
    QJsonArray messages() const;
    QMap<QString, QString> facts() const { return m_facts; }

private:
    struct Round final {
        QString said;
        QList<Call> calls;
    };
    struct Turn final {
        int number = 0;
        UserTurn::Kind kind = UserTurn::Kind::Voice;
        QString caller; ///< as the model is told
        QList<Round> rounds;
        std::optional<QString> heard; ///< nothing: its answer was not heard, or is not over
        bool interrupted = false;
        QMap<QString, QString> factsBefore;
    };
    Turn* find(int number);
    void trim();
    static QString told(const UserTurn& turn);
    static qsizetype sizeOf(const Turn& turn);

    const QString m_system;
    QList<Turn> m_turns; ///< those of `past` have numbers below 0
    QMap<QString, QString> m_facts;
};

/// The system prompt of a call: who the persona is, and how one speaks on the telephone.
QString systemPrompt(const CallInfo& call);
/// The tools of a persona, as a request lists them.
QJsonArray toolList(const CallInfo& call);

} // namespace kav::providers
