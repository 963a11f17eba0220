// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/protocol/messages.h"

#include <QObject>
#include <QPointer>
#include <QUrl>
#include <QWebSocketServer>

class QWebSocket;

namespace kav::test {

/// An engine as a console sees it: speaks the protocol on a loopback port, shows the calls it is told to show, and
/// keeps what it is asked until the test answers.
class FakeEngine final : public QObject {
    Q_OBJECT
public:
    FakeEngine();
    ~FakeEngine() override;

    QUrl url() const; ///< ws://127.0.0.1:PORT/console
    QString lastToken() const { return m_hello.token; }
    const protocol::Hello& hello() const { return m_hello; }

    /// What the next snapshot holds, and what the welcome says.
    protocol::Welcome welcome;
    protocol::Snapshot snapshot;
    /// Turns the next hello away.
    std::optional<protocol::Refusal> refusal;

    void change(const protocol::Change& change);
    void dropLine();

    /// The last command of a kind that came; nothing when none did.
    template <typename Command> std::optional<Command> last() const
    {
        for (auto it = m_commands.crbegin(); it != m_commands.crend(); ++it) {
            if (const auto* command = std::get_if<Command>(&*it))
                return *command;
        }
        return std::nullopt;
    }
    template <typename Command> int count() const
    {
        return int(std::count_if(m_commands.cbegin(), m_commands.cend(),
            [](const protocol::ToEngine& message) { return std::holds_alternative<Command>(message); }));
    }
    void reply(qint64 id, const std::variant<protocol::CommandResult, protocol::CommandError>& outcome);
    /// Pages of the log are answered by themselves, with these rows.
    QList<CallLogRow> log;
    /// Transcripts of watched calls are answered by themselves, with these turns.
    QHash<QString, QList<TranscriptTurn>> turns;

private:
    void take(const QByteArray& text);
    void send(const protocol::ToConsole& message);

    QWebSocketServer m_server;
    QPointer<QWebSocket> m_socket;
    protocol::Hello m_hello;
    QList<protocol::ToEngine> m_commands;
};

} // namespace kav::test
