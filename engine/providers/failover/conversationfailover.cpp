// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/failover/choice.h"
#include "engine/providers/persona.h"
#include "shared/core/logging.h"

#include <QPointer>
#include <QTimer>

#include <algorithm>
#include <list>

namespace kav::providers {
namespace {

// What is held back for want of the end of a sentence; more is given on as it is.
constexpr qsizetype LongestSentence = 1000;
// Turns that one who takes over is told of, and tool calls whose results are kept.
constexpr qsizetype LongestPast = 100;
constexpr size_t MostTools = 64;

bool endsSentence(QStringView text)
{
    static constexpr QStringView Closing(u"\"'”’»)]״׳");
    static constexpr QStringView Ends(u".!?…:");
    while (!text.isEmpty() && Closing.contains(text.back()))
        text.chop(1);
    return !text.isEmpty() && Ends.contains(text.back());
}

/// How much of `text` may be given on: up to the white space behind the last end of a sentence. Never later than where
/// dialog::SentenceSplitter cuts, so holding the rest back delays no sound.
qsizetype wholeSentences(QStringView text)
{
    for (qsizetype i = text.size(); i-- > 0;) {
        if (text[i] == QLatin1Char('\n') || (text[i].isSpace() && endsSentence(text.first(i))))
            return i + 1;
    }
    return 0;
}

class ConversationFailover final : public Conversation {
public:
    ConversationFailover(const CallInfo& call, Candidates<LanguageModel> candidates, const FailoverSettings& settings,
        std::shared_ptr<Health> health, const Clock& clock, FailoverReporter reporter)
        : m_call(call)
        , m_settings(settings)
        , m_clock(clock)
        , m_choice(Stage::LanguageModel, std::move(candidates), std::move(health), std::move(reporter))
    {
        connect(&m_timer, &QTimer::timeout, this, &ConversationFailover::checkDeadline);
        // Its connection is up when the first turn comes.
        if (const auto likely = m_choice.likely())
            open(*likely);
    }
    ~ConversationFailover() override { settle(); }

    bool speaks() const override { return m_current.conversation && m_current.conversation->speaks(); }

    void ask(const UserTurn& turn) override
    {
        KAV_ASSERT_THREAD(this);
        settle();
        auto exchange =
            std::find_if(m_past.begin(), m_past.end(), [&](const auto& each) { return each.turn == turn.turn; });
        if (exchange == m_past.end()) {
            if (m_past.size() == LongestPast)
                m_past.removeFirst();
            exchange = m_past.insert(m_past.end(), Exchange{turn.turn, 0, {}, {}});
        }
        exchange->past = {turn.kind, turn.text, {}};
        exchange->spoken.clear();
        m_asked = Asked{};
        m_asked->turn = turn;
        if (const auto first = m_choice.take(m_asked->tried)) {
            askOf(*first);
        } else {
            m_asked.reset();
            failLater(turn.turn, nobodyLeft(Stage::LanguageModel));
        }
    }

    void cancel(int turn) override
    {
        KAV_ASSERT_THREAD(this);
        if (m_asked && m_asked->turn.turn == turn)
            settle();
        const auto exchange = findPast(turn);
        if (exchange == m_past.end())
            return;
        const int served = exchange->served;
        m_past.erase(exchange);
        if (m_current.conversation && served == m_current.number)
            m_current.conversation->cancel(turn);
    }

    void heard(int turn, const QString& text, bool interrupted, std::chrono::milliseconds length) override
    {
        KAV_ASSERT_THREAD(this);
        if (m_asked && m_asked->turn.turn == turn)
            settle(); // what is still to come will not be said
        const auto exchange = findPast(turn);
        if (exchange == m_past.end())
            return;
        exchange->past.heardText = text;
        if (m_current.conversation && exchange->served == m_current.number)
            m_current.conversation->heard(turn, text, interrupted, length);
    }

    void amend(int turn, const QString& text) override
    {
        KAV_ASSERT_THREAD(this);
        const auto exchange = findPast(turn);
        if (exchange == m_past.end())
            return;
        exchange->past.callerText = text;
        if (m_current.conversation && exchange->served == m_current.number)
            m_current.conversation->amend(turn, text);
    }

    void toolFinished(const QString& id, const QJsonObject& result) override
    {
        KAV_ASSERT_THREAD(this);
        const auto tool =
            std::find_if(m_tools.begin(), m_tools.end(), [&id](const Tool& each) { return each.id == id; });
        if (tool == m_tools.end() || tool->result)
            return;
        tool->result = result;
        answerTool(*tool);
    }

    QMap<QString, QString> facts() const override
    {
        QMap<QString, QString> facts = m_facts;
        if (m_current.conversation)
            facts.insert(m_current.conversation->facts());
        return facts;
    }

private:
    struct Current {
        int number = 0; // of the conversations opened
        size_t index = 0; // of the candidate
        std::shared_ptr<LanguageModel> provider; // outlives its conversation
        std::unique_ptr<Conversation> conversation;
    };
    struct Exchange {
        int turn = 0;
        int served = 0; // by which conversation, last
        PastTurn past;
        QString spoken; // given on of an answer that another one goes on with
    };
    struct Asked {
        UserTurn turn;
        Tried tried;
        Instant askedAt, lastAt;
        bool began = false; // something has come from the one that was asked last
        bool fresh = true; // nothing has come since it was asked, or given a tool's result
        QString pending; // text held back
        bool saidSomething = false; // whole sentences, or sound, have been given on
        bool toolCalled = false; // since then
    };
    struct Tool {
        QString id; // as the engine knows it
        int turn = 0;
        QString name;
        int conversation = 0; // that waits for the result, or had it
        QString ownId; // that one's id
        std::optional<QJsonObject> result;
    };

    QList<Exchange>::iterator findPast(int turn)
    {
        return std::find_if(m_past.begin(), m_past.end(), [turn](const Exchange& each) { return each.turn == turn; });
    }

    /// The turn in hand is over for us: what came is the verdict.
    void settle()
    {
        m_timer.stop();
        if (!m_asked)
            return;
        if (m_asked->began)
            m_choice.served(m_current.index);
        else
            m_choice.givenUp(m_current.index);
        m_asked.reset();
    }

    void open(const Chosen<LanguageModel>& chosen)
    {
        leaveConversation();
        CallInfo call = m_call;
        for (const Exchange& exchange : std::as_const(m_past)) {
            const bool inHand = m_asked && exchange.turn == m_asked->turn.turn;
            PastTurn past = exchange.past;
            if (inHand)
                past.heardText = exchange.spoken; // not heard yet, but it is going to be
            if (!inHand || !past.heardText.isEmpty())
                call.past += past;
        }
        m_current.number = ++m_opened;
        m_current.index = chosen.index;
        m_current.provider = chosen.provider;
        m_current.conversation = chosen.provider->open(call);
        // Queued: whatever the provider does inside its signals, we are not on its stack when we drop it.
        const int number = m_current.number;
        const auto on = [this](auto signal, auto slot) {
            connect(m_current.conversation.get(), signal, this, slot, Qt::QueuedConnection);
        };
        on(&Conversation::text, [this, number](int turn, const QString& delta) {
            if (isInHand(number, turn))
                onText(delta);
        });
        on(&Conversation::audio, [this, number](int turn, const QByteArray& mulaw) {
            if (isInHand(number, turn))
                onAudio(mulaw);
        });
        on(&Conversation::toolCalled, [this, number](int turn, const ToolCall& tool) {
            if (isInHand(number, turn))
                onToolCalled(tool);
        });
        on(&Conversation::finished, [this, number](int turn, const Expectation& next, bool endCall) {
            if (isInHand(number, turn))
                onFinished(next, endCall);
        });
        on(&Conversation::failed, [this, number](int turn, const Error& error) {
            if (isInHand(number, turn))
                leave(error);
        });
    }
    bool isInHand(int number, int turn) const
    {
        return m_asked && m_asked->turn.turn == turn && m_current.conversation && m_current.number == number;
    }
    void leaveConversation()
    {
        m_facts = facts();
        m_current.conversation.reset();
    }

    void askOf(const Chosen<LanguageModel>& chosen)
    {
        if (!m_current.conversation || m_current.index != chosen.index)
            open(chosen);
        findPast(m_asked->turn.turn)->served = m_current.number;
        m_asked->askedAt = m_asked->lastAt = m_clock.now();
        m_asked->began = false;
        m_asked->fresh = true;
        m_timer.start(m_settings.check);
        m_current.conversation->ask(m_asked->turn);
    }

    void pieceCame()
    {
        m_asked->lastAt = m_clock.now();
        m_asked->fresh = false;
        if (!std::exchange(m_asked->began, true))
            m_choice.began(m_current.index, elapsed(m_asked->askedAt, m_asked->lastAt));
    }

    /// Last in whatever calls it: who hears it may do anything to us.
    void giveOn(qsizetype characters)
    {
        if (characters == 0)
            return;
        const QString piece = m_asked->pending.left(characters);
        m_asked->pending.remove(0, characters);
        if (!piece.trimmed().isEmpty()) {
            m_asked->saidSomething = true;
            m_asked->toolCalled = false;
            findPast(m_asked->turn.turn)->spoken += piece;
        }
        Q_EMIT text(m_asked->turn.turn, piece);
    }

    void onText(const QString& delta)
    {
        pieceCame();
        m_asked->pending += delta;
        // Of one that speaks, the sound decides: its words are held until the first of it.
        const bool speaks = m_current.conversation->speaks();
        if (speaks ? m_asked->saidSomething : m_asked->pending.size() > LongestSentence)
            giveOn(m_asked->pending.size());
        else if (!speaks)
            giveOn(wholeSentences(m_asked->pending));
    }

    void onAudio(const QByteArray& mulaw)
    {
        if (mulaw.isEmpty())
            return;
        pieceCame();
        m_asked->saidSomething = true;
        m_asked->toolCalled = false;
        const int turn = m_asked->turn.turn, number = m_current.number;
        const QPointer<ConversationFailover> self(this);
        giveOn(m_asked->pending.size());
        if (self && isInHand(number, turn)) Q_EMIT
            audio(turn, mulaw);
    }

    void onToolCalled(const ToolCall& call)
    {
        pieceCame();
        // "Let me see." is to be heard while the tool runs, though no white space follows it.
        const int turn = m_asked->turn.turn, number = m_current.number;
        if (!m_current.conversation->speaks() && endsSentence(m_asked->pending)) {
            m_asked->pending += QLatin1Char(' ');
            const QPointer<ConversationFailover> self(this);
            giveOn(m_asked->pending.size());
            if (!self || !isInHand(number, turn))
                return;
        }
        m_asked->toolCalled = true;
        const auto earlier = std::find_if(m_tools.begin(), m_tools.end(), [&](const Tool& each) {
            return each.turn == turn && each.name == call.name && each.conversation != number;
        });
        if (earlier != m_tools.end()) {
            earlier->conversation = number;
            earlier->ownId = call.id;
            if (earlier->result)
                answerTool(*earlier);
            return;
        }
        if (m_tools.size() == MostTools)
            m_tools.pop_front();
        Tool tool{call.id, turn, call.name, number, call.id, {}};
        // Two models may have called different things the same.
        while (std::any_of(m_tools.begin(), m_tools.end(), [&tool](const Tool& each) { return each.id == tool.id; }))
            tool.id += QLatin1Char('+');
        m_tools.push_back(tool);
        Q_EMIT toolCalled(turn, {tool.id, call.name, call.arguments});
    }

    void answerTool(const Tool& tool)
    {
        if (!m_current.conversation || tool.conversation != m_current.number)
            return;
        if (m_asked && m_asked->turn.turn == tool.turn) {
            m_asked->lastAt = m_clock.now();
            m_asked->fresh = true;
        }
        m_current.conversation->toolFinished(tool.ownId, *tool.result);
    }
    bool awaitsTool() const
    {
        return std::any_of(m_tools.begin(), m_tools.end(), [this](const Tool& tool) {
            return tool.turn == m_asked->turn.turn && tool.conversation == m_current.number && !tool.result;
        });
    }

    void onFinished(const Expectation& next, bool endCall)
    {
        if (!m_asked->began && !endCall) {
            leave({Error::Code::Unavailable, QStringLiteral("the answer was empty"), {}});
            return;
        }
        const int turn = m_asked->turn.turn, number = m_current.number;
        const QPointer<ConversationFailover> self(this);
        giveOn(m_asked->pending.size());
        if (!self || !isInHand(number, turn))
            return;
        m_asked->began = true;
        settle();
        Q_EMIT finished(turn, next, endCall);
    }

    void leave(const Error& error)
    {
        const int turn = m_asked->turn.turn;
        const size_t index = m_current.index;
        const Milliseconds took = elapsed(m_asked->askedAt, m_clock.now());
        m_choice.failed(index, error);
        leaveConversation();
        m_asked->pending.clear();
        if (m_asked->saidSomething && !m_asked->toolCalled) {
            m_choice.left(index, error, {}, took);
            m_asked.reset();
            m_timer.stop();
            Expectation speech;
            speech.recognition.language = m_call.language;
            if (m_call.persona)
                speech.recognition.phrases = m_call.persona->phrases;
            Q_EMIT finished(turn, speech, false);
            return;
        }
        const auto next = m_choice.take(m_asked->tried);
        m_choice.left(index, error, next, took);
        if (next) {
            askOf(*next);
            return;
        }
        m_asked.reset();
        m_timer.stop();
        Q_EMIT failed(turn, error);
    }

    void checkDeadline()
    {
        if (!m_asked || awaitsTool())
            return;
        const Milliseconds limit = m_asked->fresh ? m_settings.firstText : m_settings.nextText;
        if (elapsed(m_asked->lastAt, m_clock.now()) >= limit) {
            leave({Error::Code::Timeout,
                (m_asked->fresh ? QStringLiteral("no text within %1 ms") : QStringLiteral("no more text for %1 ms"))
                    .arg(limit.count()),
                {}});
        }
    }

    void failLater(int turn, const Error& error)
    {
        QMetaObject::invokeMethod(
            this,
            [this, turn, error] {
                const auto exchange = findPast(turn);
                if (!m_asked && exchange != m_past.end()) Q_EMIT
                    failed(turn, error);
            },
            Qt::QueuedConnection);
    }

    const CallInfo m_call;
    const FailoverSettings m_settings;
    const Clock& m_clock;
    const Choice<LanguageModel> m_choice;
    QTimer m_timer; // runs while an answer is in hand
    Current m_current;
    int m_opened = 0;
    std::optional<Asked> m_asked; // the turn in hand; m_current is at work on it
    QList<Exchange> m_past;
    std::list<Tool> m_tools;
    QMap<QString, QString> m_facts; // of those that were left
};

} // namespace

std::unique_ptr<Conversation> openWithFailover(const CallInfo& call, Candidates<LanguageModel> candidates,
    const FailoverSettings& settings, std::shared_ptr<Health> health, const Clock& clock, FailoverReporter reporter)
{
    return std::make_unique<ConversationFailover>(
        call, std::move(candidates), settings, std::move(health), clock, std::move(reporter));
}

} // namespace kav::providers
