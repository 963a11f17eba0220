// SPDX-License-Identifier: Apache-2.0
#include "engine/net/websocketclient.h"

#include "shared/core/masking.h"

#include <QCryptographicHash>
#include <QPointer>
#include <QRandomGenerator>
#include <QSslSocket>
#include <QTcpSocket>

#include <sys/socket.h>

namespace kav::net {

namespace {

constexpr Milliseconds CloseWait{2000};

QByteArray acceptKeyFor(const QByteArray& key)
{
    // The GUID is RFC 6455's.
    const QByteArray text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    return QCryptographicHash::hash(text, QCryptographicHash::Sha1).toBase64();
}

} // namespace

WebSocketClient::WebSocketClient(QObject* parent)
    : QObject(parent)
{
    m_timer.setSingleShot(true);
    connect(&m_timer, &QTimer::timeout, this, [this] {
        if (m_state == State::Connecting)
            fail(0, QStringLiteral("no answer to the upgrade in time"));
        else
            finish(false, m_closeCode, QStringLiteral("the peer did not finish the closing handshake"));
    });
}

WebSocketClient::~WebSocketClient()
{
    if (m_socket != nullptr) {
        m_socket->disconnect(this);
        m_socket->abort();
    }
}

void WebSocketClient::open(const Target& target, Milliseconds timeout)
{
    Q_ASSERT(m_state == State::Idle);
    m_target = target;
    m_state = State::Connecting;
    m_timer.start(timeout);
    if (target.tls) {
        auto* tls = new QSslSocket(this);
        m_socket = tls;
        connect(tls, &QSslSocket::encrypted, this, &WebSocketClient::onConnected);
        connect(tls, &QSslSocket::sslErrors, this, [this](const QList<QSslError>& errors) {
            fail(0, errors.isEmpty() ? QStringLiteral("TLS failed") : errors.first().errorString());
        });
        tls->setPeerVerifyName(target.tlsName);
    } else {
        m_socket = new QTcpSocket(this);
        connect(m_socket, &QTcpSocket::connected, this, &WebSocketClient::onConnected);
    }
    connect(m_socket, &QTcpSocket::readyRead, this, &WebSocketClient::onReadyRead);
    connect(m_socket, &QTcpSocket::disconnected, this, &WebSocketClient::onDisconnected);
    connect(m_socket, &QTcpSocket::errorOccurred, this, [this](QAbstractSocket::SocketError error) {
        if (m_state == State::Connecting)
            fail(0, m_socket->errorString());
        else if (error != QAbstractSocket::RemoteHostClosedError)
            onDisconnected();
    });
    if (auto* tls = qobject_cast<QSslSocket*>(m_socket))
        tls->connectToHostEncrypted(target.connectHost, target.connectPort, target.tlsName);
    else
        m_socket->connectToHost(target.connectHost, target.connectPort);
}

void WebSocketClient::onConnected()
{
    m_socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
    QByteArray nonce(16, Qt::Uninitialized);
    for (char& c : nonce)
        c = static_cast<char>(QRandomGenerator::system()->bounded(256));
    m_key = nonce.toBase64();
    QByteArray head = "GET " + m_target.path + " HTTP/1.1\r\nHost: " + m_target.host
        + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: " + m_key
        + "\r\nSec-WebSocket-Version: 13\r\n";
    for (const auto& [name, value] : m_target.headers)
        head += name + ": " + value + "\r\n";
    m_socket->write(head + "\r\n");
}

void WebSocketClient::onReadyRead()
{
    if (m_silent || m_state == State::Done)
        return;
    m_buffer += m_socket->readAll();
    if (m_state == State::Connecting)
        readHead();
    if (m_state == State::Open || m_state == State::Closing)
        readFrames();
}

void WebSocketClient::readHead()
{
    const qsizetype end = m_buffer.indexOf("\r\n\r\n");
    if (end < 0) {
        if (m_buffer.size() > MaxHeadBytes)
            fail(0, QStringLiteral("the answer's head is over 16 KiB"));
        return;
    }
    const QList<QByteArray> lines = m_buffer.left(end).split('\n');
    m_buffer.remove(0, end + 4);
    const QList<QByteArray> statusLine = lines.first().trimmed().split(' ');
    const int status = statusLine.size() > 1 ? statusLine.at(1).toInt() : 0;
    for (const QByteArray& line : lines.mid(1)) {
        const qsizetype colon = line.indexOf(':');
        m_answerHeaders.emplaceBack(line.left(colon).trimmed().toLower(), line.mid(colon + 1).trimmed());
    }
    if (status != 101) {
        fail(status,
            QStringLiteral("the upgrade was answered %1").arg(logSafe(QString::fromUtf8(lines.first().trimmed()))));
        return;
    }
    QByteArray accept;
    QByteArray invented;
    for (const auto& [name, value] : std::as_const(m_answerHeaders)) {
        if (name == "sec-websocket-accept")
            accept = value;
        else if (name == "sec-websocket-extensions" || (name == "sec-websocket-protocol" && !isOffered(value)))
            invented = name;
    }
    if (accept != acceptKeyFor(m_key)) {
        fail(status, QStringLiteral("wrong Sec-WebSocket-Accept"));
    } else if (!invented.isEmpty()) {
        // A client must fail a connection that was given what it did not offer.
        fail(status, QStringLiteral("the server chose a %1 that was not offered").arg(QString::fromLatin1(invented)));
    } else {
        m_timer.stop();
        m_state = State::Open;
        Q_EMIT opened();
    }
}

QByteArray WebSocketClient::answerHeader(QByteArrayView name) const
{
    for (const auto& [key, value] : m_answerHeaders) {
        if (key == name)
            return value;
    }
    return {};
}

bool WebSocketClient::isOffered(const QByteArray& protocol) const
{
    for (const auto& [name, value] : m_target.headers) {
        if (name.toLower() != "sec-websocket-protocol")
            continue;
        const QList<QByteArray> offered = value.split(',');
        for (const QByteArray& one : offered) {
            if (one.trimmed() == protocol)
                return true;
        }
    }
    return false;
}

void WebSocketClient::readFrames()
{
    const QPointer<WebSocketClient> guard(this);
    while (guard && !m_silent && (m_state == State::Open || m_state == State::Closing)) {
        if (m_buffer.size() < 2)
            return;
        const auto first = static_cast<quint8>(m_buffer[0]);
        const auto second = static_cast<quint8>(m_buffer[1]);
        if ((first & 0x70) != 0 || (second & 0x80) != 0) {
            violated(QStringLiteral("reserved bits or a masked frame from the server"));
            return;
        }
        quint64 length = second & 0x7f;
        qsizetype headSize = 2;
        const int extended = length == 126 ? 2 : length == 127 ? 8 : 0;
        if (extended > 0) {
            headSize += extended;
            if (m_buffer.size() < headSize)
                return;
            length = 0;
            for (qsizetype i = 2; i < headSize; ++i)
                length = length << 8 | static_cast<quint8>(m_buffer[i]);
        }
        const auto opcode = static_cast<Opcode>(first & 0x0f);
        const bool isFinal = (first & 0x80) != 0;
        const bool isControl = (first & 0x08) != 0;
        if (length > quint64(m_target.messageBytes) || (isControl && (length > 125 || !isFinal))) {
            violated(QStringLiteral("a frame of %1 bytes").arg(length));
            return;
        }
        if (m_buffer.size() < headSize + static_cast<qsizetype>(length))
            return;
        const QByteArray payload = m_buffer.mid(headSize, static_cast<qsizetype>(length));
        m_buffer.remove(0, headSize + static_cast<qsizetype>(length));
        onFrame(opcode, isFinal, payload);
    }
}

void WebSocketClient::onFrame(Opcode opcode, bool final, const QByteArray& payload)
{
    switch (opcode) {
    case Opcode::Text:
    case Opcode::Binary:
    case Opcode::Continuation: {
        const bool continues = opcode == Opcode::Continuation;
        if (continues == (m_messageOpcode == Opcode::Continuation)) {
            violated(QStringLiteral("fragments out of order"));
            return;
        }
        if (!continues)
            m_messageOpcode = opcode;
        m_message += payload;
        if (m_message.size() > m_target.messageBytes) {
            violated(QStringLiteral("a message over %1 bytes").arg(m_target.messageBytes));
            return;
        }
        if (final) {
            const QByteArray message = std::exchange(m_message, {});
            const Opcode kind = std::exchange(m_messageOpcode, Opcode::Continuation);
            if (kind == Opcode::Text) Q_EMIT
                textReceived(message);
            else Q_EMIT
                binaryReceived(message);
        }
        return;
    }
    case Opcode::Ping:
        sendFrame(Opcode::Pong, payload);
        return;
    case Opcode::Pong:
        return;
    case Opcode::Close: {
        const quint16 code = payload.size() >= 2
            ? static_cast<quint16>(static_cast<quint8>(payload[0]) << 8 | static_cast<quint8>(payload[1]))
            : quint16(1005);
        const bool byPeer = !m_closeSent;
        if (byPeer) {
            sendFrame(Opcode::Close, payload.left(2));
            m_socket->flush();
        }
        finish(byPeer, code, logSafe(QString::fromUtf8(payload.mid(2))));
        return;
    }
    }
    violated(QStringLiteral("opcode %1").arg(int(opcode)));
}

qsizetype WebSocketClient::unsentBytes() const
{
    if (m_socket == nullptr)
        return 0;
    const auto* tls = qobject_cast<const QSslSocket*>(m_socket);
    return m_socket->bytesToWrite() + (tls != nullptr ? tls->encryptedBytesToWrite() : 0);
}

void WebSocketClient::sendText(QByteArrayView utf8)
{
    sendFrame(Opcode::Text, utf8);
}

void WebSocketClient::sendFrame(Opcode opcode, QByteArrayView payload, bool final)
{
    if (m_state != State::Open && m_state != State::Closing)
        return;
    QByteArray frame;
    frame.reserve(payload.size() + 14);
    frame += static_cast<char>((final ? 0x80 : 0) | int(opcode));
    if (payload.size() < 126) {
        frame += static_cast<char>(0x80 | payload.size());
    } else {
        const int bytes = payload.size() < 65536 ? 2 : 8;
        frame += static_cast<char>(0x80 | (bytes == 2 ? 126 : 127));
        for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
            frame += static_cast<char>(quint64(payload.size()) >> shift);
    }
    const quint32 mask = QRandomGenerator::global()->generate();
    char key[4];
    for (int i = 0; i < 4; ++i)
        key[i] = static_cast<char>(mask >> (i * 8));
    frame.append(key, 4);
    for (qsizetype i = 0; i < payload.size(); ++i)
        frame += static_cast<char>(payload[i] ^ key[i % 4]);
    m_socket->write(frame);
}

void WebSocketClient::sendRaw(const QByteArray& bytes)
{
    if (m_socket != nullptr)
        m_socket->write(bytes);
}

void WebSocketClient::close(quint16 code, const QByteArray& reason)
{
    if (m_state == State::Connecting) {
        fail(0, QStringLiteral("given up by the caller"));
        return;
    }
    if (m_state != State::Open)
        return;
    QByteArray payload;
    payload += static_cast<char>(code >> 8);
    payload += static_cast<char>(code & 0xff);
    m_closeSent = true;
    m_closeCode = code;
    payload += reason.left(123);
    sendFrame(Opcode::Close, payload);
    m_state = State::Closing;
    m_timer.start(CloseWait);
}

void WebSocketClient::reset()
{
    if (m_socket == nullptr || m_state == State::Done)
        return;
    // Without lingering the kernel answers with RST instead of FIN.
    const linger hard{1, 0};
    ::setsockopt(static_cast<int>(m_socket->socketDescriptor()), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    finish(false, 1006, QStringLiteral("reset on purpose"));
}

void WebSocketClient::fallSilent()
{
    m_silent = true;
    if (m_socket != nullptr)
        m_socket->setReadBufferSize(1);
}

void WebSocketClient::onDisconnected()
{
    if (m_state == State::Connecting)
        fail(0, QStringLiteral("the connection closed before an answer"));
    else if (m_state == State::Open || m_state == State::Closing)
        finish(!m_closeSent, 1006, QStringLiteral("connection lost"));
}

void WebSocketClient::violated(const QString& what)
{
    finish(false, 1002, QStringLiteral("the server broke the WebSocket protocol: ") + what);
}

void WebSocketClient::fail(int status, const QString& reason)
{
    if (m_state == State::Done)
        return;
    m_state = State::Done;
    m_timer.stop();
    m_socket->disconnect(this);
    m_socket->abort();
    Q_EMIT failed(status, reason);
}

void WebSocketClient::finish(bool byPeer, quint16 code, const QString& reason)
{
    if (m_state == State::Done)
        return;
    m_state = State::Done;
    m_timer.stop();
    m_socket->disconnect(this);
    // What is queued (the close frame's echo) goes out; a reset or a violation goes at once.
    if (code == 1006 || code == 1002)
        m_socket->abort();
    else
        m_socket->disconnectFromHost();
    Q_EMIT closed(byPeer, code, reason);
}

} // namespace kav::net
