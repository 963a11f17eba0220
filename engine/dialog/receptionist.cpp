// SPDX-License-Identifier: Apache-2.0
#include "engine/dialog/receptionist.h"

#include "engine/dialog/dialogdata.h"
#include "engine/dialog/spokennumber.h"

#include <QPointer>
#include <QRegularExpression>

#include <algorithm>
#include <optional>

namespace kav::dialog {
namespace {

/// One call's way through the script. Lives on the thread that opened it; emits text() once and finished() for each
/// turn, through the event loop.
class ScriptedConversation final : public providers::Conversation {
public:
    explicit ScriptedConversation(std::shared_ptr<const DialogScript> script)
        : m_script(std::move(script))
        , m_data(m_script->data())
    {
        m_now.state = m_data.start;
        m_before = m_now;
    }

    void ask(const providers::UserTurn& turn) override
    {
        if (turn.turn == m_turn)
            m_now = m_before;
        m_before = m_now;
        m_turn = turn.turn;
        const QString answer = answerTo(turn);
        m_now.lastAnswer = answer;
        const State& state = m_data.state(m_now.state);
        const bool end = state.end;
        const auto expectation = state.expectation;
        // An answer that was asked for again, or cancelled, in the meantime is not given.
        const quint64 asked = ++m_asked;
        QMetaObject::invokeMethod(
            this,
            [this, asked, number = turn.turn, answer, expectation, end] {
                if (asked != m_asked)
                    return;
                // Whoever hears the text may ask again, or end the call and this conversation with it.
                const QPointer<ScriptedConversation> alive(this);
                Q_EMIT text(number, answer);
                if (alive && asked == m_asked) Q_EMIT
                    finished(number, expectation, end);
            },
            Qt::QueuedConnection);
    }

    void cancel(int turn) override
    {
        if (turn != m_turn)
            return;
        m_now = m_before;
        ++m_asked;
    }

    // The script's next words depend on its state alone, not on what was heard of the last ones.
    void heard(int, const QString&, bool, std::chrono::milliseconds) override { }
    // A turn that stays as answered stays as understood: whatever matters is confirmed by the caller.
    void amend(int, const QString&) override { }

    QMap<QString, QString> facts() const override { return m_now.facts; }

    /// Goes the way of `past` again, if that was a conversation of this script.
    void takeUp(const QList<providers::PastTurn>& past)
    {
        const Progress start = m_now;
        for (const providers::PastTurn& turn : past) {
            m_before = m_now;
            m_now.lastAnswer = answerTo({turn.kind, 0, turn.callerText, 0, {}, {}});
            // The last words may have been cut short, or lost.
            if (!m_now.lastAnswer.startsWith(turn.heardText.trimmed())) {
                m_now = start; // somebody else's words
                break;
            }
        }
        // Recordings are the call's to remember; an empty reference would stand in the way of a real one.
        m_now.facts.removeIf([](QMap<QString, QString>::iterator fact) { return fact.value().isEmpty(); });
        m_before = m_now;
    }

private:
    /// What a turn may change, and the next one for the same number takes back.
    struct Progress final {
        QString state;
        int misunderstandings = 0; ///< in a row, in this state
        QString lastAnswer;
        QMap<QString, QString> facts;
    };

    QString answerTo(const providers::UserTurn& turn)
    {
        const State& state = m_data.state(m_now.state);
        switch (turn.kind) {
        case providers::UserTurn::Kind::Opening:
            return enter(m_data.start);
        case providers::UserTurn::Kind::Silence:
            return filled(spoken(QString(), state.ask.isEmpty() ? state.say : state.ask));
        case providers::UserTurn::Kind::Message:
            return message(state, turn);
        case providers::UserTurn::Kind::Keypad:
            return keypad(state, turn.text);
        case providers::UserTurn::Kind::Voice:
            break;
        }
        return voice(state, turn.text);
    }

    QString message(const State& state, const providers::UserTurn& turn)
    {
        // A recording is kept wherever it comes; only where one was asked for does it lead on.
        const bool awaited = state.listen == Listen::Message;
        m_now.facts.insert(awaited ? state.store : QStringLiteral("message"), turn.messageRef);
        if (awaited)
            return follow(*state.next);
        return filled(state.ask.isEmpty() ? state.say : state.ask);
    }

    QString keypad(const State& state, const QString& keys)
    {
        if (state.takesNumber()) {
            QString digits = keys;
            while (digits.endsWith(QLatin1Char('#')))
                digits.chop(1);
            const bool plain =
                std::all_of(digits.begin(), digits.end(), [](QChar c) { return c >= u'0' && c <= u'9'; });
            return plain && !digits.isEmpty() ? number(state, digits, QStringLiteral("keypad")) : misunderstood(state);
        }
        const QString intent = keys.size() == 1 ? state.keys.value(keys.front()) : QString();
        return intent.isEmpty() ? misunderstood(state) : follow(state.understands[intent]);
    }

    QString voice(const State& state, const QString& words)
    {
        if (state.listen == Listen::Number) {
            QStringList skipped = state.leadIns + m_data.politeness.before + m_data.politeness.after;
            // The longest first, so that "thank you" does not leave half of "thank you very much".
            std::sort(
                skipped.begin(), skipped.end(), [](const QString& a, const QString& b) { return a.size() > b.size(); });
            if (const auto digits = parseSpokenDigits(words, skipped))
                return number(state, *digits, QStringLiteral("voice"));
        }
        const Intent* intent = understand(words, state.intents, m_data.politeness);
        return intent ? follow(state.understands[intent->name]) : misunderstood(state);
    }

    QString number(const State& state, const QString& digits, const QString& via)
    {
        if (digits.size() < state.digitsMin || digits.size() > state.digitsMax)
            return misunderstood(state, state.wrongLength);
        m_now.facts.insert(state.store, digits);
        m_now.facts.insert(state.store + QLatin1String("_via"), via);
        return follow(*state.next);
    }

    QString follow(const Transition& transition)
    {
        const QString last = m_before.lastAnswer;
        for (auto it = transition.set.constBegin(); it != transition.set.constEnd(); ++it)
            m_now.facts.insert(it.key(), it.value());
        m_now.misunderstandings = 0;
        switch (transition.kind) {
        case Transition::Kind::Go:
            return spoken(filled(transition.say), enter(transition.target));
        case Transition::Kind::Repeat:
            return spoken(filled(transition.say), last);
        case Transition::Kind::Stay:
            break;
        }
        return filled(spoken(transition.say, m_data.state(m_now.state).ask));
    }

    /// What is said from entering `name` until the caller's turn.
    QString enter(const QString& name)
    {
        QString words;
        const State* state = &m_data.state(name);
        for (;;) {
            m_now.state = state->name;
            m_now.misunderstandings = 0;
            if (state->takesNumber()) {
                // Asked for again: what was there is not right.
                for (const char* part : {"", "_via", "_confirmed"})
                    m_now.facts.remove(state->store + QLatin1String(part));
            }
            words = spoken(words, filled(state->opening()));
            if (state->end || state->listen != Listen::Nothing)
                return words;
            words = spoken(words, filled(state->next->say));
            state = &m_data.state(state->next->target);
        }
    }

    QString misunderstood(const State& state, const QString& reason = {})
    {
        if (state.end) // words after the goodbye
            return filled(state.say);
        if (++m_now.misunderstandings >= state.misunderstandings)
            return enter(state.afterMisunderstandings);
        return filled(spoken(reason.isEmpty() ? state.misunderstood : reason, state.ask));
    }

    /// With its {facts} in place; numbers are read out.
    QString filled(const QString& text) const
    {
        static const QRegularExpression braces(QStringLiteral("\\{([^}]*)\\}"));
        QString result = text;
        for (auto match = braces.match(result); match.hasMatch(); match = braces.match(result)) {
            const QString value = m_now.facts.value(match.captured(1));
            const bool digits = !value.isEmpty()
                && std::all_of(value.begin(), value.end(), [](QChar c) { return c >= u'0' && c <= u'9'; });
            QString plain = digits ? speakDigits(value, m_data.language) : value;
            // A value is words, never another placeholder.
            plain.remove(QLatin1Char('{')).remove(QLatin1Char('}'));
            result.replace(match.capturedStart(), match.capturedLength(), plain);
        }
        return result;
    }

    std::shared_ptr<const DialogScript> m_script;
    const DialogScript::Private& m_data;
    Progress m_now, m_before;
    int m_turn = 0; ///< the one last asked
    quint64 m_asked = 0;
};

} // namespace

Receptionist::Receptionist(std::shared_ptr<const DialogBook> dialogs)
    : m_dialogs(std::move(dialogs))
{
}

Receptionist::Receptionist(std::shared_ptr<const DialogScript> script)
    : Receptionist(std::make_shared<const DialogBook>(std::vector{std::move(script)}))
{
}

QString Receptionist::name() const
{
    return QStringLiteral("receptionist");
}

std::unique_ptr<providers::Conversation> Receptionist::open(const providers::CallInfo& call)
{
    auto conversation = std::make_unique<ScriptedConversation>(m_dialogs->scriptFor(call.language));
    if (!call.past.isEmpty())
        conversation->takeUp(call.past);
    return conversation;
}

} // namespace kav::dialog
