// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vendors/deepgramstandin.h"

#include <QCryptographicHash>
#include <QJsonArray>
#include <QJsonDocument>
#include <QTimer>
#include <QUrlQuery>

#include <memory>
#include <sys/socket.h>

namespace kav::test {

namespace {
// So much sound and Deepgram has a first idea of it.
constexpr qint64 FirstIdea = 1600;

QByteArray frameOf(int opcode, const QByteArray& payload, bool isFinal = true)
{
    QByteArray frame;
    frame += char((isFinal ? 0x80 : 0) | opcode);
    if (payload.size() < 126) {
        frame += char(payload.size());
    } else {
        frame += char(126);
        frame += char(payload.size() >> 8);
        frame += char(payload.size());
    }
    return frame + payload;
}
} // namespace

struct DeepgramStandIn::Peer final {
    QPointer<QTcpSocket> socket;
    QByteArray buffer;
    std::shared_ptr<Talk> talk; ///< null: HTTP so far
};

QStringList DeepgramStandIn::Talk::values(const QString& name) const
{
    QStringList found;
    for (const auto& [key, value] : query) {
        if (key == name)
            found.append(value);
    }
    return found;
}

int DeepgramStandIn::Talk::count(const char* type) const
{
    int found = 0;
    for (const QByteArray& text : texts)
        found += QJsonDocument::fromJson(text)[QLatin1String("type")].toString() == QLatin1String(type) ? 1 : 0;
    return found;
}

DeepgramStandIn::DeepgramStandIn()
{
    connect(&m_server, &QTcpServer::newConnection, this, &DeepgramStandIn::onConnection);
    m_server.listen(QHostAddress::LocalHost, 0);
}

void DeepgramStandIn::onConnection()
{
    while (QTcpSocket* socket = m_server.nextPendingConnection()) {
        socket->setSocketOption(QAbstractSocket::LowDelayOption, 1); // slow bytes are the stand-in's own doing, not Nagle's
        const auto peer = std::make_shared<Peer>();
        peer->socket = socket;
        connect(socket, &QTcpSocket::readyRead, this, [this, peer] { onBytes(peer); });
        connect(socket, &QTcpSocket::disconnected, this, [peer] {
            if (peer->talk)
                peer->talk->isClosed = true;
        });
        connect(socket, &QTcpSocket::disconnected, socket, &QObject::deleteLater);
    }
}

void DeepgramStandIn::onBytes(const std::shared_ptr<Peer>& peer)
{
    if (m_fault == VendorFault::HalfOpen || !peer->socket)
        return;
    peer->buffer += peer->socket->readAll();
    if (!peer->talk) {
        const qsizetype end = peer->buffer.indexOf("\r\n\r\n");
        if (end < 0)
            return;
        const QByteArray head = peer->buffer.left(end);
        peer->buffer.remove(0, end + 4);
        onHead(peer, head);
    }
    while (peer->talk && peer->socket && peer->buffer.size() >= 2) {
        const auto byte = [&](qsizetype at) { return quint8(peer->buffer[at]); };
        qsizetype size = byte(1) & 0x7f, at = 2;
        if (size == 126) {
            if (peer->buffer.size() < 4)
                return;
            size = byte(2) << 8 | byte(3);
            at = 4;
        }
        if ((byte(1) & 0x80) == 0 || size == 127)
            return reset(*peer->socket); // a client masks, and sends no such frames here
        if (peer->buffer.size() < at + 4 + size)
            return;
        QByteArray payload = peer->buffer.mid(at + 4, size);
        for (qsizetype i = 0; i < size; ++i)
            payload[i] = char(payload[i] ^ peer->buffer[at + i % 4]);
        const int opcode = byte(0) & 0x0f;
        peer->buffer.remove(0, at + 4 + size);
        onFrame(*peer, opcode, payload);
    }
}

void DeepgramStandIn::refuse(QTcpSocket& socket, int status, const QByteArray& more, const QByteArray& body)
{
    socket.write("HTTP/1.1 " + QByteArray::number(status) + " X\r\nContent-Type: " + probeType + "\r\n" + more
        + "Content-Length: " + QByteArray::number(body.size()) + "\r\n\r\n" + body);
}

void DeepgramStandIn::onHead(const std::shared_ptr<Peer>& peer, const QByteArray& head)
{
    QTcpSocket& socket = *peer->socket;
    QHash<QByteArray, QByteArray> headers;
    const QList<QByteArray> lines = head.split('\n');
    for (const QByteArray& line : lines) {
        const qsizetype colon = line.indexOf(':');
        headers.insert(line.left(colon).trimmed().toLower(), line.mid(colon + 1).trimmed());
    }
    const QUrl target = QUrl::fromEncoded("ws://x" + lines.first().split(' ').value(1));
    const bool isUpgrade = headers.value("upgrade") == "websocket";
    const QByteArray authorization = headers.value("authorization");
    if (!isUpgrade) {
        ++probes;
        probeAuthorization = authorization;
    }
    switch (m_fault) {
    case VendorFault::Refuse401:
        return refuse(socket, 401, "dg-error: Invalid credentials.\r\n",
            R"({"err_code":"INVALID_AUTH","err_msg":"Invalid credentials."})");
    case VendorFault::Limit429:
        return refuse(socket, 429, "Retry-After: 7\r\n", R"({"err_code":"TOO_MANY_REQUESTS"})");
    case VendorFault::Fault500:
        return refuse(socket, 500, {}, "{}");
    case VendorFault::ResetBeforeAnswer:
        return reset(socket);
    default:
        break;
    }
    if (authorization != "Token " + key)
        return refuse(socket, 401, "dg-error: Invalid credentials.\r\n",
            R"({"err_code":"INVALID_AUTH","err_msg":"Invalid credentials."})");
    if (!isUpgrade) {
        if (m_fault == VendorFault::HangBeforeAnswer)
            return;
        if (target.path() != QLatin1String("/v1/auth/token"))
            return refuse(socket, 404, {}, "{}");
        if (m_fault == VendorFault::Garbage) {
            socket.write("220 mail.example.com ESMTP\r\n\r\n");
            return socket.disconnectFromHost();
        }
        return refuse(socket, probeStatus, {}, R"({"api_key_id":"x","scopes":["member"]})");
    }
    const auto talk = std::make_shared<Talk>();
    talk->path = target.path().toUtf8();
    talk->authorization = authorization;
    const auto items = QUrlQuery(target).queryItems(QUrl::FullyDecoded);
    for (const auto& [name, value] : items)
        talk->query.emplaceBack(name, value);
    talk->socket = peer->socket;
    talks.append(talk);
    if (!languages.contains(talk->values(QStringLiteral("language")).value(0)))
        return refuse(socket, 400, "dg-error: Bad Request: No such model/language/tier combination found.\r\n", "{}");
    peer->talk = talk;
    const QByteArray accept = QCryptographicHash::hash(
        QByteArray(headers.value("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
        QCryptographicHash::Sha1)
                                  .toBase64();
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 "Sec-WebSocket-Accept: "
        + accept + "\r\ndg-request-id: 0\r\n\r\n");
}

void DeepgramStandIn::onFrame(Peer& peer, int opcode, const QByteArray& payload)
{
    Talk& talk = *peer.talk;
    if (opcode == 8) {
        talk.closeCode = payload.size() < 2 ? 1005 : int(quint8(payload[0]) << 8 | quint8(payload[1]));
        peer.socket->write(frameOf(8, payload));
        peer.socket->disconnectFromHost();
    } else if (opcode == 2) {
        talk.audio += payload;
        onAudio(talk);
    } else if (opcode == 1) {
        talk.texts.append(payload);
        if (QJsonDocument::fromJson(payload)[QLatin1String("type")].toString() == QLatin1String("Finalize"))
            onFinalize(talk);
    }
}

void DeepgramStandIn::onAudio(Talk& talk)
{
    if (m_fault == VendorFault::HangBeforeAnswer || talk.hasInterim || talk.audio.size() < talk.answered + FirstIdea)
        return;
    talk.hasInterim = true;
    const QString text = script.empty() ? QStringLiteral("hello") : script.front();
    if (m_fault == VendorFault::Garbage)
        return sendText(talk, "}{ no JSON \xff");
    say(talk, results(text.section(QLatin1Char(' '), 0, 0), talk.answered, talk.audio.size(), false));
    if (m_fault == VendorFault::ResetMidAnswer) {
        talk.socket->flush();
        reset(talk);
    }
}

void DeepgramStandIn::onFinalize(Talk& talk)
{
    talk.finalizedAt.append(talk.audio.size());
    if (m_fault == VendorFault::HangBeforeAnswer || m_fault == VendorFault::HangMidAnswer || !answersFinalize
        || talk.audio.size() == talk.answered)
        return;
    QString text = QStringLiteral("hello");
    if (!script.empty()) {
        text = script.front();
        script.pop_front();
    }
    say(talk, results(text, talk.answered, talk.audio.size(), true, true));
    talk.answered = talk.audio.size();
    talk.hasInterim = false;
}

void DeepgramStandIn::sendText(Talk& talk, const QByteArray& utf8)
{
    if (!talk.socket || talk.isClosed)
        return;
    QByteArray frames;
    if (cutsEverywhere) {
        for (qsizetype i = 0; i < utf8.size(); ++i)
            frames += frameOf(i == 0 ? 1 : 0, utf8.mid(i, 1), i == utf8.size() - 1);
    } else {
        frames = frameOf(1, utf8);
    }
    if (m_fault != VendorFault::SlowBytes) {
        talk.socket->write(frames);
        return;
    }
    const bool isUnderWay = !talk.waiting.isEmpty();
    talk.waiting += frames;
    if (!isUnderWay)
        trickle(talk);
}

void DeepgramStandIn::trickle(Talk& talk)
{
    if (!talk.socket || talk.waiting.isEmpty())
        return;
    talk.socket->write(talk.waiting.left(1));
    talk.socket->flush();
    talk.waiting.remove(0, 1);
    QTimer::singleShot(0, this, [this, &talk] { trickle(talk); });
}

void DeepgramStandIn::close(Talk& talk, quint16 code, const QByteArray& reason)
{
    QByteArray payload;
    payload += char(code >> 8);
    payload += char(code & 0xff);
    if (talk.socket)
        talk.socket->write(frameOf(8, payload + reason));
}

void DeepgramStandIn::reset(Talk& talk)
{
    if (talk.socket)
        reset(*talk.socket);
}

void DeepgramStandIn::reset(QTcpSocket& socket)
{
    const linger hard{1, 0};
    ::setsockopt(int(socket.socketDescriptor()), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    socket.abort();
}

QJsonObject DeepgramStandIn::results(
    const QString& text, qint64 start, qint64 end, bool isFinal, bool fromFinalize, double confidence)
{
    const QJsonObject best{{QStringLiteral("transcript"), text},
        {QStringLiteral("confidence"), text.isEmpty() ? 0 : confidence}, {QStringLiteral("words"), QJsonArray()}};
    return {{QStringLiteral("type"), QStringLiteral("Results")}, {QStringLiteral("channel_index"), QJsonArray{0, 1}},
        {QStringLiteral("start"), double(start) / 8000}, {QStringLiteral("duration"), double(end - start) / 8000},
        {QStringLiteral("is_final"), isFinal}, {QStringLiteral("speech_final"), false},
        {QStringLiteral("from_finalize"), fromFinalize},
        {QStringLiteral("channel"), QJsonObject{{QStringLiteral("alternatives"), QJsonArray{best}}}}};
}

QByteArray DeepgramStandIn::toJson(const QJsonObject& message)
{
    return QJsonDocument(message).toJson(QJsonDocument::Compact);
}

} // namespace kav::test
