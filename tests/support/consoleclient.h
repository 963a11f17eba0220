// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/protocol/messages.h"

#include <QHash>
#include <QList>
#include <QMap>
#include <QObject>
#include <QStringList>
#include <QWebSocket>

#include <optional>

namespace kav::test {

/// A console without a window, for tests: says hello, keeps what the engine shows, and asks. Follows the protocol to
/// the letter and nothing more; what the engine sends against it is written down in `faults`. Lives on the test's
/// thread.
class ConsoleClient final : public QObject {
public:
    ConsoleClient();

    protocol::Hello hello; ///< changed before open()

    /// Connects to loopback, says hello, and waits for the first snapshot; false when it was refused or nothing came.
    bool open(quint16 port);
    void close();
    bool isOpen() const { return m_snapshot && m_socket.isValid(); }

    /// Sends a command with an id of its own and waits for its reply; without a value when none came.
    template <typename Command> std::optional<protocol::Reply> ask(Command command)
    {
        command.id = ++m_lastId;
        send(command);
        return replyTo(command.id);
    }
    void send(const protocol::ToEngine& message);

    // What it has been told.
    std::optional<protocol::Welcome> welcome;
    std::optional<protocol::Refusal> refusal;
    EngineStatus engine;
    QMap<QString, ServiceStatus> services;
    QMap<QString, CallSummary> calls;
    QStringList gone; ///< calls that left the list
    QHash<QString, QList<CallState>> states; ///< of a call, each once in a row
    QHash<QString, QMap<int, TranscriptTurn>> turns; ///< of watched calls
    QList<RequestRecord> requests; ///< told of while they are watched, in order
    QMap<QString, CallLogRow> log; ///< rows told of, by id
    qint64 seq = 0;
    int closeCode = 0;
    QStringList faults;

private:
    void onText(const QString& text);
    void take(const protocol::Snapshot& snapshot);
    void take(const protocol::CallTranscript& transcript);
    void take(const protocol::Change& change);
    void take(const CallSummary& call);
    std::optional<protocol::Reply> replyTo(qint64 id);

    QWebSocket m_socket;
    bool m_snapshot = false, m_closed = false;
    qint64 m_lastId = 0;
    QMap<qint64, protocol::Reply> m_replies;
};

/// The error of a reply as "no-such-call", "" for a success, "no reply" without one.
QString errorOf(const std::optional<protocol::Reply>& reply);
/// The result of a reply, when it is one of that kind.
template <typename T> std::optional<T> resultOf(const std::optional<protocol::Reply>& reply)
{
    const auto* result = reply ? std::get_if<protocol::CommandResult>(&reply->outcome) : nullptr;
    const T* value = result ? std::get_if<T>(result) : nullptr;
    return value ? std::optional<T>(*value) : std::nullopt;
}

} // namespace kav::test
