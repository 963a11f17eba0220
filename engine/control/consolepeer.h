// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/control/consolesocket.h"
#include "engine/control/consoletokens.h"
#include "engine/control/hubtypes.h"
#include "engine/control/requestnews.h"
#include "engine/control/stateboard.h"
#include "engine/webhooks/requestguard.h"
#include "shared/core/clock.h"
#include "shared/protocol/messages.h"

#include <QByteArrayView>
#include <QSet>
#include <QString>
#include <QStringList>

#include <memory>
#include <optional>

namespace kav::control {

/// One console: its hello, the calls it watches, its place among the changes, what it may send and how much of what it
/// was sent it has taken. A stranger until its hello is accepted, then a console; leaving once a close was sent.
///
/// Plain; owned by the ConsoleDesk; control thread.
class ConsolePeer final {
public:
    /// What it needs of the desk. The peer stays alive through each of these.
    class Owner {
    public:
        virtual bool hasRoom() const = 0; ///< for one more console
        virtual void onJoined(ConsolePeer& peer, const QString& client) = 0;
        virtual void onWrongToken(ConsolePeer& peer) = 0;
        virtual void onCommand(ConsolePeer& peer, qint64 id, const protocol::ToEngine& command) = 0;
        virtual bool hasInFlight(const ConsolePeer& peer, qint64 id) const = 0;
        virtual void onDue() = 0; ///< there is something to flush()

    protected:
        ~Owner() = default;
    };
    /// What all consoles share; outlives them.
    struct Shared final {
        const Settings settings;
        const ConsoleTokens tokens;
        const Identity identity;
        const QString run;
        const QStringList features;
        const Clock& clock;
        StateBoard board;
        RequestNews requests;
        Counters counters;
        webhooks::RateGate logGate{10, Milliseconds(1000)};
    };
    enum class Phase {
        Stranger, ///< no hello yet
        Console, ///< its hello was accepted
        Leaving, ///< a close was sent, or the line broke
    };

    ConsolePeer(quint64 number, std::unique_ptr<ConsoleSocket> socket, bool isTrusted, const QHostAddress& address,
        Shared& shared, Owner& owner);
    ~ConsolePeer();
    Q_DISABLE_COPY_MOVE(ConsolePeer)

    void receive(QByteArrayView text);
    void receiveBinary();
    /// The one answer to a command. Nothing is sent to one that leaves.
    void reply(qint64 id, const Outcome& outcome);
    /// Sends what it has not been told, as far as it reads. True: the rest must wait until it has read.
    bool flush(const QDateTime& at);
    /// Deadlines.
    void tick();
    void refuse(protocol::ErrorCode code, const QString& message, quint16 closeCode);
    void close(quint16 code, const QString& reason);
    void forgetCall(const QString& callId) { m_watched.remove(callId); }

    quint64 number() const { return m_number; }
    Phase phase() const { return m_phase; }
    const Operator& who() const { return m_who; } ///< the name is empty until it is a console
    Instant since() const { return m_since; }
    const QSet<QString>& watched() const { return m_watched; }
    bool watchesRequests() const { return m_requestsTold.has_value(); }

private:
    void takeHello(const protocol::Hello& hello);
    void take(const protocol::ToEngine& message);
    void takeWatch(const protocol::WatchCall& command);
    bool flushRequests();
    bool flushState(const QDateTime& at);
    bool isBehind() const;
    void send(const protocol::ToConsole& message);
    void sendBytes(QByteArrayView text);
    void logWarning(const QString& what);

    const quint64 m_number;
    const std::unique_ptr<ConsoleSocket> m_socket;
    const bool m_isTrusted;
    Shared& m_shared;
    Owner& m_owner;
    Phase m_phase = Phase::Stranger;
    Operator m_who;
    const Instant m_since;
    QSet<QString> m_watched;
    webhooks::RateGate m_messages;
    webhooks::RateGate m_commands;

    qint64 m_seq = 0; // what it was told of
    std::optional<quint64> m_requestsTold; // the last one it was told of; nothing: it does not ask
    bool m_wantsSnapshot = false;
    Instant m_nextSnapshot;
    Instant m_lastSent;
    qsizetype m_handed = 0; // bytes, in all
    qsizetype m_taken = 0; // of them, when it was last seen to take some
    Instant m_lastTaken;
};

} // namespace kav::control
