// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/control/consoledesk.h"
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"
#include "tests/support/fakeclock.h"

#include <QMap>
#include <QSet>
#include <QStringList>
#include <QTest>

#include <memory>
#include <utility>

// A desk and its consoles without sockets: what is said, and what is heard, to the message.
namespace kav::test {

inline CallSummary liveCall(const QString& id, CallState state = CallState::Listening, int turn = 0)
{
    CallSummary call;
    call.id = id;
    call.from = QStringLiteral("+972•••••4567");
    call.to = QStringLiteral("+972•••••1111");
    call.direction = QStringLiteral("inbound");
    call.language = QStringLiteral("he-IL");
    call.startedAt = QDateTime::fromMSecsSinceEpoch(1767225600000, Qt::UTC);
    call.stateSince = call.startedAt;
    call.state = state;
    call.turn = turn;
    if (state == CallState::Ended) {
        call.reason = EndReason::CallerHungUp;
        call.endedAt = call.startedAt.addSecs(60);
    }
    return call;
}

inline TranscriptTurn turnOf(int number, const QString& callerText, bool open = true)
{
    TranscriptTurn turn;
    turn.record.number = number;
    turn.record.callerText = callerText;
    turn.startedAt = QDateTime::fromMSecsSinceEpoch(1767225600000 + number, Qt::UTC);
    turn.open = open;
    turn.callerTextFinal = !open;
    return turn;
}

inline ServiceStatus service(const QString& id, ServiceState state)
{
    ServiceStatus status;
    status.id = id;
    status.name = QStringLiteral("stand-in");
    status.state = state;
    return status;
}

inline CallLogRow logRow(const QString& id)
{
    CallLogRow row;
    row.id = id;
    row.startedAt = QDateTime::fromMSecsSinceEpoch(1767225600000, Qt::UTC);
    return row;
}

/// The line of one console, as the desk sees it. A jammed one takes nothing more.
class FakeLine final : public control::ConsoleSocket {
public:
    struct State {
        QList<QByteArray> sent;
        qsizetype unsent = 0;
        bool isJammed = false;
        qsizetype capacity = 16 * 1024 * 1024;
        bool isClosed = false;
        quint16 code = 0;
        QString reason;
    };
    explicit FakeLine(std::shared_ptr<State> state)
        : m_state(std::move(state))
    {
    }
    bool send(QByteArrayView utf8) override
    {
        if (m_state->isClosed)
            return false;
        if (m_state->isJammed)
            m_state->unsent += utf8.size();
        m_state->sent += utf8.toByteArray();
        if (m_state->unsent <= m_state->capacity)
            return true;
        close(1008, QStringLiteral("send queue over its limit"));
        return false;
    }
    qsizetype unsentBytes() const override { return m_state->unsent; }
    void close(quint16 code, const QString& reason) override
    {
        if (std::exchange(m_state->isClosed, true))
            return;
        m_state->code = code;
        m_state->reason = reason;
    }

private:
    std::shared_ptr<State> m_state;
};

/// A console's picture, made of nothing but messages.
struct Follower {
    qint64 seq = 0;
    EngineStatus engine;
    QMap<QString, ServiceStatus> services;
    QMap<QString, CallSummary> calls;
    QMap<QString, QMap<int, TranscriptTurn>> turns; // of watched calls
    QStringList log;
    int messages = 0;
    int changes = 0;
    qint64 bytes = 0;

    /// False: not what comes next.
    bool take(const QByteArray& text)
    {
        const auto message = protocol::decodeToConsole(text);
        if (!message)
            return false;
        ++messages;
        bytes += text.size();
        if (const auto* const snapshot = std::get_if<protocol::Snapshot>(&*message)) {
            seq = snapshot->seq;
            engine = snapshot->engine;
            services.clear();
            calls.clear();
            turns.clear();
            for (const ServiceStatus& status : snapshot->services)
                services.insert(status.id, status);
            for (const CallSummary& call : snapshot->calls)
                calls.insert(call.id, call);
            for (const protocol::CallTranscript& transcript : snapshot->watched) {
                for (const TranscriptTurn& turn : transcript.turns)
                    turns[transcript.call].insert(turn.record.number, turn);
            }
            return true;
        }
        if (const auto* const beat = std::get_if<protocol::Heartbeat>(&*message))
            return beat->seq == seq;
        const auto* const delta = std::get_if<protocol::Delta>(&*message);
        if (!delta || delta->from != seq || delta->to <= seq)
            return false;
        seq = delta->to;
        changes += int(delta->changes.size());
        for (const protocol::Change& change : delta->changes) {
            if (const auto* const status = std::get_if<protocol::EngineChange>(&change)) {
                engine = status->engine;
            } else if (const auto* const lamp = std::get_if<protocol::ServiceChange>(&change)) {
                services.insert(lamp->service.id, lamp->service);
            } else if (const auto* const call = std::get_if<protocol::CallChange>(&change)) {
                calls.insert(call->call.id, call->call);
            } else if (const auto* const gone = std::get_if<protocol::CallGone>(&change)) {
                calls.remove(gone->call);
                turns.remove(gone->call);
            } else if (const auto* const turn = std::get_if<protocol::TurnChange>(&change)) {
                turns[turn->call].insert(turn->turn.record.number, turn->turn);
            } else if (const auto* const row = std::get_if<protocol::LogChange>(&change)) {
                log += row->row.id;
            }
        }
        return true;
    }

    /// All that the board has for it. False: it was told nonsense.
    bool follow(control::StateBoard& board, const QSet<QString>& watched, const QDateTime& at)
    {
        if (!board.holds(seq, watched))
            return take(board.snapshot(watched, at));
        for (;;) {
            const control::StateBoard::Message delta = board.delta(seq, watched, at);
            if (delta.text.isEmpty())
                return true;
            if (!take(delta.text) || seq != delta.to)
                return false;
            if (delta.isWhole)
                return seq == board.seq();
        }
    }
};

/// Messages as text, one a line: what QCOMPARE can show.
inline QStringList texts(const QList<protocol::ToConsole>& messages)
{
    QStringList all;
    for (const protocol::ToConsole& message : messages)
        all += QString::fromUtf8(protocol::encode(message));
    return all;
}

/// One console's end of the talk.
class Talker final {
public:
    Talker(control::ConsoleDesk& desk, bool isTrusted, const QString& address)
        : line(std::make_shared<FakeLine::State>())
        , number(desk.admit(std::make_unique<FakeLine>(line), isTrusted, QHostAddress(address)))
        , m_desk(desk)
    {
    }
    void says(const protocol::ToEngine& message) { m_desk.receive(number, protocol::encode(message)); }
    void saysText(const QByteArray& text) { m_desk.receive(number, text); }
    void leaves() { m_desk.forget(number, QStringLiteral("1000")); }
    /// What it was sent since it was last asked; for a jammed line too, since the bytes are in order.
    QList<protocol::ToConsole> heard()
    {
        QList<protocol::ToConsole> all;
        for (const QByteArray& text : std::exchange(line->sent, {})) {
            const auto message = protocol::decodeToConsole(text);
            if (!message)
                qFatal("the engine sent what is no message: %s", text.constData());
            all += *message;
        }
        return all;
    }
    template <typename Message> std::optional<Message> heardOne()
    {
        const auto all = heard();
        if (all.size() != 1 || !std::holds_alternative<Message>(all.first())) {
            qWarning("heard: %ls", qUtf16Printable(texts(all).join(QLatin1Char('\n'))));
            return std::nullopt;
        }
        return std::get<Message>(all.first());
    }
    /// Reads on.
    void unjam()
    {
        line->isJammed = false;
        line->unsent = 0;
    }

    const std::shared_ptr<FakeLine::State> line;
    const quint64 number;

private:
    control::ConsoleDesk& m_desk;
};

/// The engine's end.
class Talk final {
public:
    explicit Talk(const control::Settings& limits = {}, const QString& tokens = {}, control::Commands commands = {})
        : settings(limits)
        , desk(limits, *control::ConsoleTokens::parse(tokens),
              {QStringLiteral("0.1.0"), QStringLiteral("abc1234"), QStringLiteral("test"), clock.wallNow()},
              std::move(commands),
              {[this](const calllog::Entry& entry) { record += entry; },
                  [this](const QHostAddress& peer) { wrongTokens += peer; }, [this] { ++due; }},
              clock)
    {
    }
    Talker comes(bool isTrusted = true, const QString& address = QStringLiteral("127.0.0.1"))
    {
        return Talker(desk, isTrusted, address);
    }
    static protocol::Hello hello()
    {
        protocol::Hello hello;
        hello.lowest = protocol::LowestVersion;
        hello.highest = protocol::HighestVersion;
        hello.client = QStringLiteral("kav-console 0.1.0");
        hello.operatorName = QStringLiteral("dana");
        return hello;
    }
    /// A console that has been welcomed and told how things are.
    Talker joins(const QStringList& watch = {})
    {
        Talker console = comes();
        protocol::Hello first = hello();
        first.watch = watch;
        console.says(first);
        desk.flush();
        console.line->sent.clear();
        return console;
    }
    /// {who, act, call, outcome} of the record.
    QStringList acts() const
    {
        QStringList all;
        for (const calllog::Entry& entry : record) {
            const auto field = [&](const char* name) { return entry.data.value(QLatin1String(name)).toString(); };
            all += QStringList{field("operator"), field("act"), entry.callId, field("outcome")}.join(QLatin1Char(' '));
        }
        return all;
    }

    FakeClock clock;
    const control::Settings settings;
    QList<calllog::Entry> record;
    QList<QHostAddress> wrongTokens;
    int due = 0;
    control::ConsoleDesk desk;
};

} // namespace kav::test
