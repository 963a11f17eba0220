// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/calllog/calllog.h"
#include "engine/control/consolepeer.h"
#include "engine/control/consolesocket.h"
#include "engine/control/consoletokens.h"
#include "engine/control/hubtypes.h"

#include <QByteArrayView>
#include <QHash>
#include <QSet>
#include <QString>

#include <functional>
#include <map>
#include <memory>

namespace kav::control {

/// The control hub without its sockets and timers: the board, the consoles at it, the commands they gave that are not
/// answered yet, and the record of what operators did.
///
/// Plain; owned by ControlHub; control thread. The hooks are called from inside its methods.
class ConsoleDesk final : private ConsolePeer::Owner {
public:
    struct Hooks final {
        std::function<void(const calllog::Entry&)> log;
        std::function<void(const QHostAddress&)> authFailed;
        std::function<void()> due; ///< flush() has something to do, within Settings::flushEvery
    };

    ConsoleDesk(const Settings& settings, const ConsoleTokens& tokens, Identity identity, Commands commands,
        Hooks hooks, const Clock& clock);
    ~ConsoleDesk();
    Q_DISABLE_COPY_MOVE(ConsoleDesk)

    // A socket's life. The number names it in what follows; forget() is the last.
    quint64 admit(std::unique_ptr<ConsoleSocket> socket, bool isTrusted, const QHostAddress& address);
    void receive(quint64 number, QByteArrayView text);
    void receiveBinary(quint64 number);
    void forget(quint64 number, const QString& reason);

    // See ControlHub.
    void setEngine(const EngineStatus& status);
    void setService(const ServiceStatus& status);
    void setCall(const CallSummary& call);
    void removeCall(const QString& callId);
    void setTurn(const QString& callId, const TranscriptTurn& turn);
    void setLogRow(const CallLogRow& row);
    void addRequest(const RequestRecord& request);
    const Counters& counters() const { return m_shared.counters; }
    QString run() const { return m_shared.run; }
    const StateBoard& board() const { return m_shared.board; }
    void shutDown();
    void tick();
    /// True: something waits for a console to read; call it again after Settings::flushEvery.
    bool flush();

private:
    struct Act {
        QString name; ///< empty: nothing that an operator did, only asked
        QString call;
        QJsonObject more;
    };
    struct InFlight {
        quint64 peer = 0;
        qint64 id = 0;
        Operator who;
        Act act;
        Instant deadline;
    };
    bool hasRoom() const override;
    void onJoined(ConsolePeer& peer, const QString& client) override;
    void onWrongToken(ConsolePeer& peer) override;
    void onCommand(ConsolePeer& peer, qint64 id, const protocol::ToEngine& command) override;
    bool hasInFlight(const ConsolePeer& peer, qint64 id) const override;
    void onDue() override;

    template <typename Command>
    void run(ConsolePeer& peer, const Command& command, Act act,
        const std::function<void(const Operator&, const Command&, Done)>& function);
    void finish(quint64 ticket, const Outcome& outcome);
    void record(const Operator& who, const Act& act, const QString& outcome);
    void noteChange(bool hasChanged);
    void countPeers();
    static QStringList featuresOf(const Commands& commands);

    const Commands m_commands;
    const Hooks m_hooks;
    ConsolePeer::Shared m_shared;
    EngineStatus m_engine;
    std::map<quint64, std::unique_ptr<ConsolePeer>> m_peers; // by number: the oldest first
    quint64 m_lastNumber = 0;
    QSet<QString> m_watched; // by any console
    QHash<quint64, InFlight> m_inFlight;
    quint64 m_lastTicket = 0;
    std::shared_ptr<char> m_alive = std::make_shared<char>(); // for answers that come when the desk is gone
    bool m_isDown = false;
};

} // namespace kav::control
