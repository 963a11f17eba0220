// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "engine/app/evidencedesk.h"
#include "engine/calllog/logreader.h"
#include "engine/control/consolegate.h"
#include "engine/control/controlhub.h"
#include "engine/session/callsession.h"
#include "engine/session/operatorcommand.h"
#include "engine/telephony/outboundcalls.h"
#include "engine/telephony/testcalls.h"
#include "engine/webhooks/callbook.h"
#include "shared/model/call.h"
#include "shared/model/request.h"
#include "shared/model/status.h"

#include <QHash>
#include <QObject>
#include <QSet>
#include <QTimer>

#include <functional>
#include <map>
#include <memory>

namespace kav::app {

/// What operators see of the engine, and what they may do to it: joins the control hub to the engine's parts. The hub
/// knows consoles and no engine; this knows both. Owned by Engine, lives on the control thread; exists from before the
/// port is taken until after it is given up.
class ControlRoom final : public QObject {
    Q_OBJECT
public:
    /// How it asks the engine; all called on the control thread.
    struct Hooks final {
        std::function<EngineStatus()> engine; ///< `consoles` left out
        /// As they are now; `checkedAt` is filled in here, and `since` where it is not known.
        std::function<QList<ServiceStatus>()> services;
        /// Hands a command to the worker that has the call; commandDone() follows. False: none has it.
        std::function<bool(quint64 ticket, const QString& callId, session::OperatorCommand)> command;
        /// The same, for passing the call on to one of its persona's targets.
        std::function<bool(quint64 ticket, const QString& callId, const QString& target)> passOn;
        /// Ends a call that was passed on. False: it was not.
        std::function<bool(const QString& callId)> endPassedOn;
        /// Why the engine takes no call now; empty: it does.
        std::function<QString()> refusal;
        /// Tries a service anew. The reason why not; empty: it is being tried.
        std::function<QString(const QString& service)> warm;
        std::function<void(const calllog::Entry&)> log;
        std::function<QList<RequestRecord>()> requests; ///< of late, newest first
        std::function<void(const net::HttpRequest&, const QString& reason)> consoleRefused;
        /// Its caller is gone, and it may never have had a stream.
        std::function<void(const QString& callId)> testCallOver;
        /// Calls somebody; the placing's id.
        std::function<Result<QString>(const telephony::OutboundRequest&)> place;
        /// Ends a call that was placed and has no conversation. False: there is none such.
        std::function<bool(const QString& id, const telephony::OutboundCalls::Done&)> endPlaced;
    };

    ControlRoom(const Config& config, const Clock& clock, Hooks hooks);
    ~ControlRoom() override;

    static bool owns(const net::HttpRequest& request) { return control::ConsoleGate::owns(request); }
    net::UpgradeVerdict judge(const net::HttpRequest& request) { return m_gate.judge(request, m_hub.host()); }
    const control::ControlHub& hub() const { return m_hub; }
    const control::ConsoleGate& gate() const { return m_gate; }
    net::WebSocketHost* consoleHost() { return m_hub.host(); }

    /// From now on the call log can be read and test calls made: as a caller that reaches the engine at `port`, with
    /// the words in the voice of `speech` (called on another thread).
    void begin(quint16 port, telephony::TextToSpeechFunction speech);
    /// Ends test calls and queries. After it nothing of the engine is asked any more.
    void stop();
    /// Tells the consoles that the engine goes.
    void shutDown() { m_hub.shutDown(); }

    /// Looks at engine and services, and tells what has changed. Cheap; called whenever something may have.
    void refresh();

    // What happens to calls.
    void showBooked(const webhooks::BookedCall& call); ///< one that has no conversation
    void showPlaced(const telephony::PlacedCall& call);
    void showCall(const CallSummary& summary);
    void showTurn(const QString& callId, const TranscriptTurn& turn) { m_hub.setTurn(callId, turn); }
    void callEnded(const session::CallEnd& end);
    void showRequest(const RequestRecord& request) { m_hub.addRequest(request); }
    /// A call ended that was not with its agent.
    void passedOnEnded(const CallSummary& summary, Milliseconds duration, int turns);
    void commandDone(quint64 ticket, session::CommandOutcome outcome);

Q_SIGNALS:
    void engineChanged(const kav::EngineStatus& status);

private:
    /// A call that has not ended.
    struct Known final {
        CallSummary summary; ///< as last shown
        QDateTime rangAt; ///< not valid: no webhook was seen
        QString placed; ///< see CallSummary
        bool hasStream = false;
        QDateTime loggedSince; ///< the start that its log row has
    };
    struct Told final {
        ServiceStatus status;
        Instant at;
    };
    /// What is logged of a service: the rest of it changes all the time.
    struct Lamp final {
        ServiceState state = ServiceState::Off;
        QString name;
        bool operator==(const Lamp&) const = default;
    };
    struct Asked final {
        control::Done done;
        Instant at;
    };

    control::Commands commands();
    void onTimer();
    void tellEngine();
    void tellService(ServiceStatus status);
    void logService(const ServiceStatus& status);
    void passOn(const protocol::TransferCall& command, const control::Done& done);
    void closeRow(QHash<QString, Known>::const_iterator known, EndReason reason, Milliseconds duration, int turns);
    void ask(const QString& callId, session::OperatorCommand command, const control::Done& done);
    void endCall(const protocol::EndCall& command, const control::Done& done);
    void placeCall(const protocol::PlaceCall& command, const control::Done& done);
    void startTestCall(const protocol::StartTestCall& command, const control::Done& done);
    void onTestCallFinished(const QString& callId, bool ok, const QString& reason);
    void queryLog(const protocol::QueryLog& command, const control::Done& done);
    void queryRequests(const protocol::QueryRequests& command, const control::Done& done);
    template <typename Command>
    std::function<void(const control::Operator&, const Command&, control::Done)> ofEvidence(
        void (EvidenceDesk::*function)(const control::Operator&, const Command&, const control::Done&));
    void queryCall(const protocol::QueryCall& command, const control::Done& done);

    const Config& m_config;
    const Clock& m_clock;
    const Hooks m_hooks;
    control::ConsoleGate m_gate;
    std::unique_ptr<EvidenceDesk> m_evidence; // before the hub: it is told of consoles that go to the last
    control::ControlHub m_hub;
    std::unique_ptr<calllog::LogReader> m_reader;
    std::unique_ptr<telephony::TestCalls> m_testCalls;
    QSet<QString> m_placed; // test calls whose webhook has not been seen
    QHash<QString, Known> m_calls;
    QHash<QString, Told> m_told; // by service
    QHash<QString, Lamp> m_logged; // by service
    EngineStatus m_toldEngine;
    bool m_engineTold = false;
    std::map<quint64, Asked> m_asked; // by ticket
    quint64 m_lastTicket = 0;
    QTimer m_timer;
};

} // namespace kav::app
