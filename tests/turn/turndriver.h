// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/turn/turnmachine.h"

#include <QStringList>

#include <variant>

namespace kav::turn::test {

template <typename... Ts> struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <typename... Ts> Overloaded(Ts...) -> Overloaded<Ts...>;

/// The kind of an action, as the struct is called.
inline QString kindOf(const Action& act)
{
    static const char* const names[] = {"StateChanged", "BeginUtterance", "EndUtterance", "DropUtterance", "CommitTurn",
        "ReplaceTurn", "MergeFinal", "StartSpeaking", "DropAnswer", "PausePlayout", "ResumePlayout", "CutSpeech",
        "PlayFiller", "PlayFallback", "PlayNoInput", "PlayGoodbye", "EndCall", "Note"};
    static_assert(std::size(names) == std::variant_size_v<Action>);
    return QString::fromLatin1(names[act.index()]);
}

/// An action as a test reads it: "commit 1 voice 'sales'", "listening > thinking".
inline QString describe(const Action& act)
{
    const auto quoted = [](const QString& text) { return QString(QLatin1Char('\'') + text + QLatin1Char('\'')); };
    const auto with = [](const char* word, int number) {
        return QString(QLatin1String(word) + QLatin1Char(' ') + QString::number(number));
    };
    return std::visit(
        Overloaded{
            [](const action::StateChanged& a) {
                return QString(turnStateName(a.from) + QLatin1String(" > ") + turnStateName(a.to));
            },
            [&](const action::BeginUtterance& a) { return with("begin", a.utterance); },
            [&](const action::EndUtterance& a) { return with("end", a.utterance); },
            [&](const action::DropUtterance& a) { return with("drop", a.utterance); },
            [&](const action::CommitTurn& a) {
                return QString(with("commit", a.turn) + QLatin1Char(' ') + turnInputName(a.input) + QLatin1Char(' ')
                    + quoted(a.text) + (a.awaitFinal ? QLatin1String(" await") : QLatin1String("")));
            },
            [&](const action::ReplaceTurn& a) {
                return QString(with("replace", a.turn) + QLatin1Char(' ') + quoted(a.text));
            },
            [&](const action::MergeFinal& a) {
                return QString(with("merge", a.turn) + QLatin1Char(' ') + quoted(a.text));
            },
            [&](const action::StartSpeaking& a) { return with("start", a.turn); },
            [&](const action::DropAnswer& a) { return with("drop-answer", a.turn); },
            [](const action::PausePlayout&) { return QStringLiteral("pause"); },
            [](const action::ResumePlayout&) { return QStringLiteral("resume"); },
            [&](const action::CutSpeech& a) {
                static const char* const by[] = {"", " by key", " by operator", " by engine"};
                return QString(with("cut", a.turn) + QLatin1String(by[int(a.by)]));
            },
            [&](const action::PlayFiller& a) { return with("filler", a.turn); },
            [&](const action::PlayFallback& a) { return with("fallback", a.turn); },
            [&](const action::PlayNoInput& a) { return with("no-input", a.times); },
            [](const action::PlayGoodbye& a) { return QString(QLatin1String("goodbye ") + endReasonName(a.reason)); },
            [](const action::EndCall& a) { return QString(QLatin1String("end-call ") + endReasonName(a.reason)); },
            [](const action::Note& a) { return QString(QLatin1String("note ") + a.token); },
        },
        act);
}

/// A call without a session: time in 20 ms frames, the caller's voice, and what the machine asked for since last
/// looked.
class Driver {
    const Instant m_start{std::chrono::hours(1)};

public:
    TurnMachine machine;

    explicit Driver(const Settings& settings = {})
        : machine(settings, m_start)
    {
    }

    Instant now() const { return m_start + m_time; }
    Milliseconds time() const { return m_time; }

    void send(const Event& event)
    {
        for (Action& act : machine.on(event, now())) {
            if (const auto* begin = std::get_if<action::BeginUtterance>(&act))
                lastPreRoll = begin->preRoll;
            if (const auto* commit = std::get_if<action::CommitTurn>(&act)) {
                lastPause = commit->pause;
                lastConfidence = commit->confidence;
            }
            if (const auto* pause = std::get_if<action::PausePlayout>(&act))
                lastPauseAfterOnset = elapsed(pause->onset, now());
            m_log += describe(act);
        }
    }
    /// `length` of the caller's audio.
    void frames(Milliseconds length, bool voiced)
    {
        for (Milliseconds t{0}; t < length; t += CallerVoice::Frame) {
            m_time += CallerVoice::Frame;
            send(event::Frame{voiced});
        }
    }
    void callerSpeaks(int ms) { frames(Milliseconds(ms), true); }
    void callerIsSilent(int ms) { frames(Milliseconds(ms), false); }
    /// Time without a packet.
    void ticks(int ms)
    {
        for (int t = 0; t < ms; t += 20) {
            m_time += Milliseconds(20);
            send(event::Tick{});
        }
    }
    void partial(const QString& text, bool stable = true)
    {
        send(event::Partial{machine.currentUtterance(), text, stable});
    }
    void final(const QString& text, double confidence = 0.9)
    {
        send(event::Final{machine.currentUtterance(), text, confidence});
    }

    /// The caller says stable words and stops until they are committed; the answer is heard.
    void callerSays(const QString& text)
    {
        callerSpeaks(600);
        partial(text);
        callerIsSilent(300);
    }
    void answers()
    {
        send(event::AnswerReady{machine.currentTurn()});
        send(event::AnswerComplete{machine.currentTurn(), false});
    }

    /// What was asked for since the last call.
    QStringList taken() { return std::exchange(m_log, {}); }

    Milliseconds lastPreRoll{0};
    Milliseconds lastPause{0};
    Milliseconds lastPauseAfterOnset{0};
    double lastConfidence = 0;

private:
    Milliseconds m_time{0};
    QStringList m_log;
};

} // namespace kav::turn::test
