// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/desk.h"
#include "shared/protocol/messages.h"
#include "tests/support/fakeclock.h"

#include <QImage>
#include <QList>
#include <QRegularExpression>
#include <QString>
#include <QWidget>

namespace kav::test {

/// But what the offscreen platform says of windows that it cannot raise or hint sizes to.
inline const QRegularExpression AnyWarning(QStringLiteral("^(?!This plugin does not support)"));

/// A desk without a socket: the test plays the engine, message by message, and reads what the desk sends.
class BenchDesk final {
public:
    BenchDesk();

    FakeClock clock;
    console::Desk desk;
    QList<protocol::ToEngine> sent;

    /// Up to Live: hello, welcome, `snapshot`.
    void goLive(const protocol::Snapshot& snapshot);
    void goDown();
    void say(const protocol::ToConsole& message);
    /// One delta with these changes; the lists show it at once.
    void change(const QList<protocol::Change>& changes);
    /// Answers the last command of type `T` that was sent.
    template <typename T> void answer(const std::variant<protocol::CommandResult, protocol::CommandError>& outcome)
    {
        const T* command = last<T>();
        if (!command)
            qFatal("no such command was sent");
        say(protocol::Reply{command->id, outcome});
    }
    /// The last sent message of type `T`; null: none.
    template <typename T> const T* last() const
    {
        for (auto it = sent.crbegin(); it != sent.crend(); ++it) {
            if (const T* message = std::get_if<T>(&*it))
                return message;
        }
        return nullptr;
    }

    /// The engine's wall clock, `ago` before now.
    QDateTime at(Milliseconds ago = {}) const;
    CallSummary call(const QString& id, CallState state, Milliseconds age, Milliseconds inState) const;
    static protocol::Snapshot empty(); ///< an engine that takes calls and has none
    /// A busy afternoon: calls in every state, test calls, one that waits too long.
    protocol::Snapshot busy() const;
    /// A conversation for that call, with an interruption, a stand-in line, and a turn that goes on.
    protocol::CallTranscript conversation(const QString& callId, bool hebrew = false) const;

private:
    qint64 m_seq = 0;
};

/// The widget as it is shown, in KAV_BINARY_DIR/screenshots/views-<name>.png for a person to look at.
QImage screenshot(QWidget& widget, const QString& name);

} // namespace kav::test
