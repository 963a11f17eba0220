// SPDX-License-Identifier: Apache-2.0
#include "tests/console/net/scriptedpeer.h"

#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"

#include <QCryptographicHash>
#include <QtEndian>

#include <sys/socket.h>

namespace kav::test {
namespace {

const QDateTime PeerTime = QDateTime(QDate(2026, 3, 1), QTime(12, 0), Qt::UTC);
const QString PeerRun = QStringLiteral("run-1");

QByteArray headerOf(const QByteArray& head, const QByteArray& name)
{
    for (const QByteArray& line : head.split('\n')) {
        const auto colon = line.indexOf(':');
        if (colon > 0 && line.left(colon).compare(name, Qt::CaseInsensitive) == 0)
            return line.mid(colon + 1).trimmed();
    }
    return {};
}

} // namespace

PeerLine::PeerLine(QTcpSocket* socket)
    : m_socket(socket)
{
    QObject::connect(socket, &QTcpSocket::readyRead, socket, [this] { read(); });
    QObject::connect(socket, &QTcpSocket::disconnected, socket, [this] { isGone = true; });
}

PeerLine::~PeerLine()
{
    m_socket->disconnect();
    delete m_socket;
}

void PeerLine::upgrade(const QByteArray& acceptKey)
{
    const QByteArray joined = headerOf(head, "Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const QByteArray key = QCryptographicHash::hash(joined, QCryptographicHash::Sha1).toBase64();
    write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + (acceptKey.isEmpty() ? key : acceptKey) + "\r\nSec-WebSocket-Protocol: "
        + QByteArray(protocol::Subprotocol.data(), protocol::Subprotocol.size()) + "\r\n\r\n");
    m_isUpgraded = true;
}

void PeerLine::write(const QByteArray& bytes)
{
    m_socket->write(bytes);
    m_socket->flush();
}

QByteArray PeerLine::frame(quint8 opcode, const QByteArray& payload, bool isLast)
{
    QByteArray bytes(1, static_cast<char>((isLast ? 0x80 : 0) | opcode));
    const auto size = payload.size();
    if (size < 126) {
        bytes += static_cast<char>(size);
    } else if (size < 65536) {
        bytes += char(126);
        bytes.resize(4);
        qToBigEndian(static_cast<quint16>(size), bytes.data() + 2);
    } else {
        bytes += char(127);
        bytes.resize(10);
        qToBigEndian(static_cast<quint64>(size), bytes.data() + 2);
    }
    return bytes + payload;
}

void PeerLine::sendFrame(quint8 opcode, const QByteArray& payload, bool isLast)
{
    write(frame(opcode, payload, isLast));
}

void PeerLine::says(const protocol::ToConsole& message)
{
    sendFrame(1, protocol::encode(message));
}

void PeerLine::welcomes(bool resumed, Milliseconds heartbeat)
{
    protocol::Welcome welcome;
    welcome.version = protocol::HighestVersion;
    welcome.run = PeerRun;
    welcome.engineVersion = QStringLiteral("0.1.0");
    welcome.startedAt = PeerTime;
    welcome.heartbeat = heartbeat;
    welcome.resumed = resumed;
    says(welcome);
}

void PeerLine::showsAt(qint64 seq)
{
    protocol::Snapshot snapshot;
    snapshot.seq = seq;
    snapshot.at = PeerTime;
    says(snapshot);
}

void PeerLine::beats(qint64 seq)
{
    says(protocol::Heartbeat{seq, PeerTime});
}

void PeerLine::closes(quint16 code, const QByteArray& reason)
{
    QByteArray payload(2, '\0');
    qToBigEndian(code, payload.data());
    sendFrame(8, payload + reason);
}

void PeerLine::hangsUp()
{
    m_socket->disconnectFromHost();
}

void PeerLine::resets()
{
    const linger now{1, 0};
    setsockopt(static_cast<int>(m_socket->socketDescriptor()), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    m_socket->abort();
}

void PeerLine::read()
{
    m_in += m_socket->readAll();
    if (head.isEmpty()) {
        const auto end = m_in.indexOf("\r\n\r\n");
        if (end < 0)
            return;
        head = m_in.left(end + 4);
        m_in.remove(0, end + 4);
        if (m_onHead)
            m_onHead(*this);
    }
    while (m_in.size() >= 6) {
        const auto* bytes = reinterpret_cast<const uchar*>(m_in.constData());
        qsizetype at = 2;
        quint64 size = bytes[1] & 0x7f;
        const qsizetype extra = size == 126 ? 2 : size == 127 ? 8 : 0;
        if (m_in.size() < at + extra + 4)
            return;
        if (extra == 2)
            size = qFromBigEndian<quint16>(bytes + at);
        else if (extra == 8)
            size = qFromBigEndian<quint64>(bytes + at);
        at += extra;
        if (!(bytes[1] & 0x80)) {
            fault = QStringLiteral("an unmasked frame");
            return;
        }
        if (static_cast<quint64>(m_in.size()) < static_cast<quint64>(at) + 4 + size)
            return;
        QByteArray payload = m_in.mid(at + 4, static_cast<qsizetype>(size));
        for (qsizetype i = 0; i < payload.size(); ++i)
            payload[i] = static_cast<char>(payload[i] ^ m_in[at + i % 4]);
        const quint8 first = bytes[0];
        m_in.remove(0, at + 4 + static_cast<qsizetype>(size));
        takeFrame(first & 0x0f, first & 0x80, payload);
    }
}

void PeerLine::takeFrame(quint8 opcode, bool isLast, const QByteArray& payload)
{
    if (opcode == 8) {
        closeCode = payload.size() < 2 ? quint16(1005) : qFromBigEndian<quint16>(payload.constData());
        return;
    }
    if (opcode == 10) {
        ++pongs;
        return;
    }
    if (opcode != 1 || !isLast) {
        fault = QStringLiteral("a frame of kind %1").arg(opcode);
        return;
    }
    const auto message = protocol::decodeToEngine(payload);
    if (!message) {
        fault = message.error().message;
        return;
    }
    heard.append(*message);
    if (m_onHeard)
        m_onHeard(*this);
}

ScriptedPeer::ScriptedPeer(QObject* parent)
    : QObject(parent)
{
    connect(&m_server, &QTcpServer::newConnection, this, [this] { take(); });
}

void ScriptedPeer::listen(quint16 port)
{
    if (m_server.listen(QHostAddress::LocalHost, port))
        m_port = m_server.serverPort();
    else
        m_port = 0;
}

void ScriptedPeer::stopListening()
{
    m_server.close();
}

QUrl ScriptedPeer::url() const
{
    return QUrl(QStringLiteral("ws://127.0.0.1:%1/console").arg(m_port));
}

void ScriptedPeer::take()
{
    while (QTcpSocket* socket = m_server.nextPendingConnection()) {
        socket->setParent(this);
        lines.push_back(std::make_unique<PeerLine>(socket));
        PeerLine& line = *lines.back();
        line.m_onHead = [this](PeerLine& which) {
            if (onHead)
                onHead(which);
        };
        line.m_onHeard = [this](PeerLine& which) {
            if (which.heard.size() == 1 && onHello)
                onHello(which);
        };
        if (onConnected)
            onConnected(line);
        if (!line.isGone && socket->bytesAvailable())
            line.read();
    }
}

void ScriptedPeer::behave(qint64 seq)
{
    onConnected = {};
    onHead = [](PeerLine& line) { line.upgrade(); };
    onHello = [seq](PeerLine& line) {
        const auto* hello = std::get_if<protocol::Hello>(&line.heard.first());
        const bool resumes = hello && hello->resume && hello->resume->run == PeerRun;
        line.welcomes(resumes);
        if (!resumes)
            line.showsAt(seq);
    };
}

} // namespace kav::test
