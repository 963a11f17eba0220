// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/http/httppool.h"
#include "engine/providers/persona.h"
#include "engine/providers/speech.h"
#include "shared/core/clock.h"

#include <QJsonObject>
#include <QObject>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace kav::session {

/// What became of a tool that a language model called.
struct ToolOutcome final {
    int turn = 0;
    QString id; ///< of the call
    QString name; ///< safe for a log
    QJsonObject result; ///< for the model; with "error" where it went wrong
    bool ok = false;
    QString reason; ///< why not, for a log: no argument stands in it
    Milliseconds took{0};
    QString span{}; ///< what the request said that it is in the call's trace; empty: it said nothing
};

/// Keys that the model wants of the caller.
struct KeysWanted final {
    int min = 1, max = 1;
    bool sensitive = false;
};

/// Carries out what the language model of one call asks for: HTTP tools itself, the built-in ones by asking the session
/// for them. Owned by its CallSession, lives on its worker. Every call has its one outcome, which comes by the event
/// loop and never from inside run(); deleting the runner gives up what is under way.
///
/// Bounds: calls of one turn (16), of them under way (4), an answer (16 KiB), and the time a tool has.
class ToolRunner final : public QObject {
    Q_OBJECT
public:
    /// `http` must outlive it; null where there is none, and HTTP tools then fail.
    ToolRunner(std::shared_ptr<const providers::Persona> persona, providers::HttpPool* http, const Clock& clock);
    ~ToolRunner() override;

    void run(int turn, const providers::ToolCall& call);
    /// Answers a call that is not to be carried out.
    void refuse(int turn, const providers::ToolCall& call, const QString& why);
    /// What the caller keyed and the model does not see: "keys:1" in the arguments of an HTTP tool is the first of them.
    void setSecrets(const QStringList& secrets) { m_secrets = secrets; }
    /// Asked for each HTTP tool: its `traceparent`.
    void setTraceParent(std::function<QByteArray()> make) { m_traceParent = std::move(make); }

Q_SIGNALS:
    void finished(const kav::session::ToolOutcome& outcome);
    // From inside run(): the session does these, at the latest when the answer to the turn has been heard.
    void endCallWanted();
    void messageWanted();
    /// `summary`: for who is called; not for a log.
    void transferWanted(const kav::providers::TransferTarget& target, const QString& summary);
    void keysWanted(const QString& keys);
    void callersKeysWanted(const kav::session::KeysWanted& wanted);

private:
    struct Exchange;
    struct Builtin {
        QString said; ///< to the model
        QString problem;
    };
    Builtin builtIn(const providers::ToolCall& call);
    Builtin transfer(const QString& to, const QString& summary);
    Builtin sendKeys(const QString& given);
    Builtin askKeys(const QJsonObject& arguments);
    QJsonValue withSecrets(const QJsonValue& value) const;
    void post(int turn, const providers::ToolCall& call, const providers::HttpTool& tool);
    void over(Exchange& exchange, const QJsonObject& result, const QString& reason);
    void tell(ToolOutcome outcome);

    const std::shared_ptr<const providers::Persona> m_persona;
    providers::HttpPool* const m_http;
    const Clock& m_clock;
    QStringList m_secrets;
    std::function<QByteArray()> m_traceParent;
    std::vector<std::unique_ptr<Exchange>> m_exchanges;
    int m_turn = 0, m_calls = 0; ///< so many of that turn
};

/// What is wrong with a tool's arguments by its schema: required ones, types, choices, and unknown ones where the
/// schema says that there are no others. Empty: nothing. No value is quoted. Pure.
QString argumentsProblem(const QJsonObject& schema, const QJsonObject& arguments);

} // namespace kav::session
