// SPDX-License-Identifier: Apache-2.0
#include "tests/support/consoleclient.h"

#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"

#include <QTest>
#include <QUrl>

namespace kav::test {

namespace {
constexpr int Patience = 30000; // ms; a wait ends when what is waited for comes
}

ConsoleClient::ConsoleClient()
{
    hello.lowest = protocol::LowestVersion;
    hello.highest = protocol::HighestVersion;
    hello.features = {protocol::feature::CallLog, protocol::feature::TestCall, protocol::feature::Control,
        protocol::feature::Warm, protocol::feature::Replay};
    hello.client = QStringLiteral("test console");
    hello.operatorName = QStringLiteral("tess");
    connect(&m_socket, &QWebSocket::connected, this, [this] { send(hello); });
    connect(&m_socket, &QWebSocket::textMessageReceived, this, &ConsoleClient::onText);
    connect(&m_socket, &QWebSocket::disconnected, this, [this] {
        m_closed = true;
        closeCode = m_socket.closeCode();
    });
}

bool ConsoleClient::open(quint16 port)
{
    m_socket.open(QUrl(QStringLiteral("ws://127.0.0.1:%1/console").arg(port)));
    return QTest::qWaitFor([this] { return m_snapshot || m_closed; }, Patience) && m_snapshot;
}

void ConsoleClient::close()
{
    m_socket.close();
}

void ConsoleClient::send(const protocol::ToEngine& message)
{
    m_socket.sendTextMessage(QString::fromUtf8(protocol::encode(message)));
}

std::optional<protocol::Reply> ConsoleClient::replyTo(qint64 id)
{
    if (!QTest::qWaitFor([this, id] { return m_replies.contains(id) || m_closed; }, Patience)
        || !m_replies.contains(id))
        return std::nullopt;
    return m_replies.take(id);
}

void ConsoleClient::onText(const QString& text)
{
    const auto message = protocol::decodeToConsole(text.toUtf8());
    if (!message) {
        faults += message.error().message;
        return;
    }
    if (const auto* welcomed = std::get_if<protocol::Welcome>(&*message)) {
        welcome = *welcomed;
    } else if (const auto* refused = std::get_if<protocol::Refusal>(&*message)) {
        refusal = *refused;
    } else if (const auto* snapshot = std::get_if<protocol::Snapshot>(&*message)) {
        take(*snapshot);
    } else if (const auto* delta = std::get_if<protocol::Delta>(&*message)) {
        if (delta->from != seq)
            faults += QStringLiteral("a delta from %1 at %2").arg(delta->from).arg(seq);
        seq = delta->to;
        for (const protocol::Change& change : delta->changes)
            take(change);
    } else if (const auto* beat = std::get_if<protocol::Heartbeat>(&*message)) {
        if (beat->seq != seq)
            faults += QStringLiteral("a heartbeat of %1 at %2").arg(beat->seq).arg(seq);
    } else if (const auto* reply = std::get_if<protocol::Reply>(&*message)) {
        if (m_replies.contains(reply->id))
            faults += QStringLiteral("two replies to %1").arg(reply->id);
        if (const auto transcript = resultOf<protocol::CallTranscript>(*reply))
            take(*transcript);
        m_replies.insert(reply->id, *reply);
    } else if (const auto* news = std::get_if<protocol::Requests>(&*message)) {
        requests += news->requests;
    } else if (const auto* unknown = std::get_if<protocol::UnknownMessage>(&*message)) {
        faults += QStringLiteral("an unknown message: ") + unknown->type;
    }
}

void ConsoleClient::take(const protocol::Snapshot& snapshot)
{
    m_snapshot = true;
    seq = snapshot.seq;
    engine = snapshot.engine;
    services.clear();
    for (const ServiceStatus& service : snapshot.services)
        services.insert(service.id, service);
    calls.clear();
    for (const CallSummary& call : snapshot.calls)
        take(call);
    for (const protocol::CallTranscript& transcript : snapshot.watched)
        take(transcript);
}

void ConsoleClient::take(const protocol::CallTranscript& transcript)
{
    auto& known = turns[transcript.call];
    known.clear();
    for (const TranscriptTurn& turn : transcript.turns)
        known.insert(turn.record.number, turn);
}

void ConsoleClient::take(const CallSummary& call)
{
    calls.insert(call.id, call);
    QList<CallState>& seen = states[call.id];
    if (seen.isEmpty() || seen.last() != call.state)
        seen += call.state;
}

void ConsoleClient::take(const protocol::Change& change)
{
    if (const auto* engineNow = std::get_if<protocol::EngineChange>(&change)) {
        engine = engineNow->engine;
    } else if (const auto* service = std::get_if<protocol::ServiceChange>(&change)) {
        services.insert(service->service.id, service->service);
    } else if (const auto* call = std::get_if<protocol::CallChange>(&change)) {
        take(call->call);
    } else if (const auto* left = std::get_if<protocol::CallGone>(&change)) {
        calls.remove(left->call);
        gone += left->call;
    } else if (const auto* turn = std::get_if<protocol::TurnChange>(&change)) {
        turns[turn->call].insert(turn->turn.record.number, turn->turn);
    } else if (const auto* row = std::get_if<protocol::LogChange>(&change)) {
        log.insert(row->row.id, row->row);
    } else if (const auto* unknown = std::get_if<protocol::UnknownChange>(&change)) {
        faults += QStringLiteral("an unknown change: ") + unknown->kind;
    }
}

QString errorOf(const std::optional<protocol::Reply>& reply)
{
    if (!reply)
        return QStringLiteral("no reply");
    const auto* error = std::get_if<protocol::CommandError>(&reply->outcome);
    return error ? protocol::errorCodeName(error->code) : QString();
}

} // namespace kav::test
