// SPDX-License-Identifier: Apache-2.0
#include "tests/console/app/fakeengine.h"

#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"

#include <QWebSocket>

namespace kav::test {

namespace feature = protocol::feature;

FakeEngine::FakeEngine()
    : m_server(QStringLiteral("fake engine"), QWebSocketServer::NonSecureMode)
{
    welcome.version = protocol::HighestVersion;
    for (const QLatin1String name :
        {feature::CallLog, feature::TestCall, feature::Outbound, feature::Control, feature::Warm, feature::Transfer,
             feature::Evidence})
        welcome.features += name;
    welcome.run = QStringLiteral("run-1");
    welcome.engineVersion = QStringLiteral("0.1.0");
    welcome.engineCommit = QStringLiteral("0123456789ab");
    welcome.engineName = QStringLiteral("kav-1");
    welcome.startedAt = QDateTime::currentDateTimeUtc().addSecs(-3600);
    snapshot.seq = 10;
    snapshot.engine = {true, {}, false, 0, 400, 1};

    connect(&m_server, &QWebSocketServer::newConnection, this, [this] {
        m_socket = m_server.nextPendingConnection();
        m_socket->setParent(this);
        connect(m_socket, &QWebSocket::textMessageReceived, this, [this](const QString& text) { take(text.toUtf8()); });
    });
    const bool listens = m_server.listen(QHostAddress::LocalHost);
    Q_ASSERT(listens);
    Q_UNUSED(listens)
}

FakeEngine::~FakeEngine() = default;

QUrl FakeEngine::url() const
{
    return QUrl(QStringLiteral("ws://127.0.0.1:%1/console").arg(m_server.serverPort()));
}

void FakeEngine::change(const protocol::Change& change)
{
    const qint64 from = snapshot.seq++;
    send(protocol::Delta{from, snapshot.seq, QDateTime::currentDateTimeUtc(), {change}});
}

void FakeEngine::dropLine()
{
    if (m_socket)
        m_socket->abort();
}

void FakeEngine::reply(qint64 id, const std::variant<protocol::CommandResult, protocol::CommandError>& outcome)
{
    send(protocol::Reply{id, outcome});
}

void FakeEngine::take(const QByteArray& text)
{
    const auto message = protocol::decodeToEngine(text);
    if (!message)
        return;
    if (const auto* hello = std::get_if<protocol::Hello>(&*message)) {
        m_hello = *hello;
        if (refusal) {
            send(*refusal);
            m_socket->close(QWebSocketProtocol::CloseCode(protocol::close::Unauthorized));
            return;
        }
        send(welcome);
        snapshot.at = QDateTime::currentDateTimeUtc();
        send(snapshot);
        return;
    }
    m_commands += *message;
    if (const auto* ping = std::get_if<protocol::Ping>(&*message))
        send(protocol::Pong{ping->id, QDateTime::currentDateTimeUtc()});
    else if (std::holds_alternative<protocol::Resync>(*message))
        send(snapshot);
    else if (const auto* query = std::get_if<protocol::QueryLog>(&*message))
        reply(query->id, protocol::CommandResult(protocol::LogPage{log, {}}));
    else if (const auto* watch = std::get_if<protocol::WatchCall>(&*message))
        reply(watch->id,
            protocol::CommandResult(protocol::CallTranscript{watch->call, snapshot.seq, 1, turns.value(watch->call)}));
    else if (const auto* unwatch = std::get_if<protocol::UnwatchCall>(&*message))
        reply(unwatch->id, protocol::CommandResult());
}

void FakeEngine::send(const protocol::ToConsole& message)
{
    if (m_socket)
        m_socket->sendTextMessage(QString::fromUtf8(protocol::encode(message)));
}

} // namespace kav::test
