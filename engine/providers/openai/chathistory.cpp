// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/openai/chathistory.h"

#include "engine/providers/persona.h"
#include "engine/providers/tooloffers.h"

#include <QJsonDocument>
#include <QLocale>

#include <algorithm>

namespace kav::providers {

namespace {
QJsonObject chatMessage(const char* role, const QString& content)
{
    return {{QStringLiteral("role"), QLatin1String(role)}, {QStringLiteral("content"), content}};
}

/// At most so long; a surrogate pair is not cut.
QString bounded(const QString& text)
{
    QString result = text.left(ChatHistory::LongestWords);
    if (!result.isEmpty() && result.back().isHighSurrogate())
        result.chop(1);
    return result;
}

QString compactJson(const QJsonObject& object)
{
    return QString::fromUtf8(QJsonDocument(object).toJson(QJsonDocument::Compact));
}

} // namespace

ChatHistory::ChatHistory(const CallInfo& call)
    : m_system(systemPrompt(call))
{
    int number = -int(call.past.size());
    for (const PastTurn& past : call.past) {
        Turn turn;
        turn.number = number++;
        turn.kind = past.kind;
        UserTurn asUser;
        asUser.kind = past.kind;
        asUser.text = past.callerText;
        turn.caller = told(asUser);
        turn.heard = bounded(past.heardText);
        m_turns.append(turn);
    }
    trim();
}

void ChatHistory::ask(const UserTurn& turn)
{
    while (!m_turns.isEmpty() && m_turns.last().number >= turn.turn) {
        m_facts = m_turns.last().factsBefore;
        m_turns.removeLast();
    }
    Turn next;
    next.number = turn.turn;
    next.kind = turn.kind;
    next.caller = told(turn);
    next.factsBefore = m_facts;
    if (turn.kind == UserTurn::Kind::Message)
        m_facts.insert(QStringLiteral("message"), turn.messageRef);
    m_turns.append(next);
    trim();
}

void ChatHistory::cancel(int turn)
{
    if (m_turns.isEmpty() || m_turns.last().number != turn || m_turns.last().heard)
        return;
    m_facts = m_turns.last().factsBefore;
    m_turns.removeLast();
}

void ChatHistory::heard(int turn, const QString& text, bool interrupted)
{
    if (Turn* known = find(turn)) {
        known->heard = bounded(text);
        known->interrupted = interrupted;
    }
}

void ChatHistory::amend(int turn, const QString& text)
{
    Turn* known = find(turn);
    if (!known || (known->kind != UserTurn::Kind::Voice && known->kind != UserTurn::Kind::Keypad))
        return;
    UserTurn user;
    user.kind = known->kind;
    user.text = text;
    known->caller = told(user);
}

void ChatHistory::toolsCalled(int turn, const QString& said, const QList<Call>& calls)
{
    if (Turn* known = find(turn))
        known->rounds.append({bounded(said), calls});
}

bool ChatHistory::toolFinished(const QString& id, const QJsonObject& result)
{
    if (m_turns.isEmpty() || m_turns.last().rounds.isEmpty())
        return false;
    for (Call& call : m_turns.last().rounds.last().calls) {
        if (call.tool.id == id && !call.result) {
            call.result = result;
            return true;
        }
    }
    return false;
}

bool ChatHistory::hasAllResults() const
{
    if (m_turns.isEmpty() || m_turns.last().rounds.isEmpty())
        return true;
    const QList<Call>& calls = m_turns.last().rounds.last().calls;
    return std::all_of(calls.begin(), calls.end(), [](const Call& call) { return call.result.has_value(); });
}

QJsonArray ChatHistory::messages() const
{
    QJsonArray messages;
    messages.append(chatMessage("system", m_system));
    // Some models' templates insist that the user and the assistant take turns, the user first.
    QString user;
    const auto tellUser = [&user](const QString& text) { user += user.isEmpty() ? text : QLatin1Char('\n') + text; };
    const auto flushUser = [&] {
        if (!user.isEmpty())
            messages.append(chatMessage("user", std::exchange(user, {})));
    };
    for (qsizetype i = 0; i < m_turns.size(); ++i) {
        const Turn& turn = m_turns[i];
        const bool isOpen = i + 1 == m_turns.size() && !turn.heard;
        tellUser(turn.caller);
        for (const Round& round : turn.rounds) {
            flushUser();
            QJsonArray calls;
            for (const Call& call : round.calls) {
                calls.append(QJsonObject{{QStringLiteral("id"), call.tool.id},
                    {QStringLiteral("type"), QStringLiteral("function")},
                    {QStringLiteral("function"),
                        QJsonObject{{QStringLiteral("name"), call.tool.name},
                            {QStringLiteral("arguments"), compactJson(call.tool.arguments)}}}});
            }
            // Once the turn is over, what was heard stands after its tools, and only that.
            QJsonObject asking = chatMessage("assistant", isOpen ? round.said : QString());
            asking.insert(QStringLiteral("tool_calls"), calls);
            messages.append(asking);
            for (const Call& call : round.calls) {
                QJsonObject result = chatMessage("tool",
                    call.result ? bounded(compactJson(*call.result)) : QStringLiteral("{\"status\":\"cancelled\"}"));
                result.insert(QStringLiteral("tool_call_id"), call.tool.id);
                messages.append(result);
            }
        }
        const QString said = turn.heard.value_or(QString());
        if (!said.isEmpty()) {
            flushUser();
            messages.append(chatMessage("assistant", said));
        }
        if (turn.interrupted) {
            tellUser(said.isEmpty()
                    ? QStringLiteral("(The caller interrupted before hearing any of your answer.)")
                    : QStringLiteral("(The caller interrupted you there and heard nothing of what followed.)"));
        }
    }
    flushUser();
    return messages;
}

ChatHistory::Turn* ChatHistory::find(int number)
{
    for (auto turn = m_turns.rbegin(); turn != m_turns.rend(); ++turn) {
        if (turn->number == number)
            return &*turn;
    }
    return nullptr;
}

void ChatHistory::trim()
{
    qsizetype characters = 0;
    qsizetype kept = 0;
    while (kept < m_turns.size() && kept < MostTurns) {
        characters += sizeOf(m_turns[m_turns.size() - 1 - kept]);
        if (characters > MostCharacters && kept > 0)
            break;
        ++kept;
    }
    m_turns.remove(0, m_turns.size() - kept);
}

qsizetype ChatHistory::sizeOf(const Turn& turn)
{
    qsizetype size = turn.caller.size() + turn.heard.value_or(QString()).size();
    for (const Round& round : turn.rounds) {
        size += round.said.size();
        for (const Call& call : round.calls) {
            size += compactJson(call.tool.arguments).size();
            if (call.result)
                size += bounded(compactJson(*call.result)).size();
        }
    }
    return size;
}

QString ChatHistory::told(const UserTurn& turn)
{
    switch (turn.kind) {
    case UserTurn::Kind::Opening:
        return QStringLiteral("(The telephone call begins: greet the caller.)");
    case UserTurn::Kind::Silence:
        return QStringLiteral("(The caller is silent.)");
    case UserTurn::Kind::Keypad:
        return QStringLiteral("(The caller pressed the keys %1)").arg(bounded(turn.text));
    case UserTurn::Kind::Message: {
        const auto seconds = std::chrono::round<std::chrono::seconds>(turn.messageLength).count();
        return seconds > 0 ? QStringLiteral("(The caller left a recorded message of %1 seconds.)").arg(seconds)
                           : QStringLiteral("(The caller left a recorded message.)");
    }
    case UserTurn::Kind::Voice:
        break;
    }
    return turn.text.trimmed().isEmpty() ? QStringLiteral("(The caller said something that could not be understood.)")
                                         : bounded(turn.text);
}

QString systemPrompt(const CallInfo& call)
{
    const Persona nobody;
    const Persona& persona = call.persona ? *call.persona : nobody;
    QString prompt = persona.systemPrompt.trimmed();
    if (prompt.isEmpty())
        prompt = QStringLiteral("You are the receptionist who answers this telephone number.");
    prompt += QStringLiteral(
        "\n\nYou are on a telephone call; what you write is spoken aloud at once, and what the caller says reaches you "
        "through speech recognition, which makes mistakes: ask again when something makes no sense. Answer in one to "
        "three short sentences of plain spoken language. No Markdown, lists, headings, emoji or web addresses. Ask one "
        "question at a time. Words in parentheses in the caller's place are notes about the call, not the caller's "
        "words: never say or imitate them.");
    const QString code = call.language.isEmpty() ? persona.language : call.language;
    const QLocale locale(code);
    if (locale.language() != QLocale::C)
        prompt += QStringLiteral(" Always speak %1 (%2).").arg(QLocale::languageToString(locale.language()), code);
    return prompt;
}

QJsonArray toolList(const CallInfo& call)
{
    QJsonArray tools;
    for (const ToolOffer& offer : toolOffers(call)) {
        tools.append(QJsonObject{{QStringLiteral("type"), QStringLiteral("function")},
            {QStringLiteral("function"),
                QJsonObject{{QStringLiteral("name"), offer.name}, {QStringLiteral("description"), offer.description},
                    {QStringLiteral("parameters"), offer.parameters}}}});
    }
    return tools;
}

} // namespace kav::providers
