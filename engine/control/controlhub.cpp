// SPDX-License-Identifier: Apache-2.0
#include "engine/control/controlhub.h"

#include "engine/control/consoledesk.h"
#include "engine/control/consolegate.h"
#include "shared/core/logging.h"
#include "shared/protocol/version.h"

#include <QPointer>
#include <QTimer>

namespace kav::control {

namespace {

constexpr Milliseconds TickEvery{500};

class NetSocket final : public ConsoleSocket {
public:
    explicit NetSocket(net::WebSocket* socket)
        : m_socket(socket)
    {
    }
    bool send(QByteArrayView utf8) override { return m_socket && m_socket->sendUtf8(utf8); }
    qsizetype unsentBytes() const override { return m_socket ? m_socket->unsentBytes() : 0; }
    void close(quint16 code, const QString& reason) override
    {
        if (m_socket)
            m_socket->close(code, reason);
    }

private:
    const QPointer<net::WebSocket> m_socket;
};

} // namespace

struct ControlHub::Private final {
    Private(const Settings& settings, const ConsoleTokens& tokens, Identity identity, Commands commands,
        ConsoleDesk::Hooks hooks, const Clock& clock)
        : host(QStringLiteral("consoles"), {protocol::Subprotocol}, settings.socket, clock)
        , desk(settings, tokens, std::move(identity), std::move(commands), std::move(hooks), clock)
    {
    }

    // The desk last: what its consoles hold must outlive them.
    net::WebSocketHost host;
    QTimer ticks;
    QTimer flushes;
    ConsoleDesk desk;
};

ControlHub::ControlHub(const Settings& settings, const ConsoleTokens& tokens, Identity identity, Commands commands,
    std::function<void(const calllog::Entry&)> log, const Clock& clock)
    : d(std::make_unique<Private>(settings, tokens, std::move(identity), std::move(commands),
        ConsoleDesk::Hooks{std::move(log), [this](const QHostAddress& peer) { Q_EMIT authFailed(peer); },
            [this] {
                if (!d->flushes.isActive())
                    d->flushes.start();
            }},
        clock))
{
    d->flushes.setSingleShot(true);
    d->flushes.setInterval(settings.flushEvery);
    connect(&d->flushes, &QTimer::timeout, this, &ControlHub::flush);
    connect(&d->ticks, &QTimer::timeout, this, &ControlHub::tick);
    d->ticks.start(TickEvery);
    connect(&d->host, &net::WebSocketHost::connected, this, [this](net::WebSocket* socket) {
        const quint64 number =
            d->desk.admit(std::make_unique<NetSocket>(socket), ConsoleGate::isTrusted(socket->tag()), socket->peer());
        connect(socket, &net::WebSocket::textReceived, this,
            [this, number](const QString& text) { d->desk.receive(number, text.toUtf8()); });
        connect(socket, &net::WebSocket::binaryReceived, this, [this, number] { d->desk.receiveBinary(number); });
        connect(
            socket, &net::WebSocket::closed, this, [this, number](bool byPeer, quint16 code, const QString& reason) {
                d->desk.forget(number,
                    QStringLiteral("%1, %2 %3")
                        .arg(byPeer ? QStringLiteral("by the console") : QStringLiteral("by the engine"))
                        .arg(code)
                        .arg(reason));
            });
    });
}

ControlHub::~ControlHub() = default;

net::WebSocketHost* ControlHub::host()
{
    return &d->host;
}

void ControlHub::setEngine(const EngineStatus& status)
{
    KAV_ASSERT_THREAD(this);
    d->desk.setEngine(status);
}

void ControlHub::setService(const ServiceStatus& status)
{
    KAV_ASSERT_THREAD(this);
    d->desk.setService(status);
}

void ControlHub::setCall(const CallSummary& call)
{
    KAV_ASSERT_THREAD(this);
    d->desk.setCall(call);
}

void ControlHub::removeCall(const QString& callId)
{
    KAV_ASSERT_THREAD(this);
    d->desk.removeCall(callId);
}

void ControlHub::setTurn(const QString& callId, const TranscriptTurn& turn)
{
    KAV_ASSERT_THREAD(this);
    d->desk.setTurn(callId, turn);
}

void ControlHub::setLogRow(const CallLogRow& row)
{
    KAV_ASSERT_THREAD(this);
    d->desk.setLogRow(row);
}

void ControlHub::addRequest(const RequestRecord& request)
{
    KAV_ASSERT_THREAD(this);
    d->desk.addRequest(request);
}

const Counters& ControlHub::counters() const
{
    return d->desk.counters();
}

QString ControlHub::run() const
{
    return d->desk.run();
}

qint64 ControlHub::seq() const
{
    return d->desk.board().seq();
}

void ControlHub::shutDown()
{
    KAV_ASSERT_THREAD(this);
    d->desk.shutDown();
}

void ControlHub::tick()
{
    KAV_ASSERT_THREAD(this);
    d->desk.tick();
}

void ControlHub::flush()
{
    KAV_ASSERT_THREAD(this);
    d->flushes.stop();
    if (d->desk.flush())
        d->flushes.start();
}

} // namespace kav::control
