// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vendorserver.h"

#include <memory>
#include <optional>
#include <sys/socket.h>

namespace kav::test {

namespace {
/// A chunked body from the start of `bytes`; nothing while it is not whole.
std::optional<std::pair<QByteArray, qsizetype>> chunkedBody(const QByteArray& bytes)
{
    QByteArray body;
    qsizetype at = 0;
    for (;;) {
        const qsizetype line = bytes.indexOf("\r\n", at);
        if (line < 0)
            return std::nullopt;
        const qsizetype size = bytes.mid(at, line - at).toLongLong(nullptr, 16);
        if (bytes.size() < line + 2 + size + 2)
            return std::nullopt;
        body += bytes.mid(line + 2, size);
        at = line + 2 + size + 2;
        if (size == 0)
            return std::pair(body, at);
    }
}
} // namespace

void VendorExchange::reset()
{
    if (!m_socket)
        return;
    const linger hard{1, 0};
    ::setsockopt(int(m_socket->socketDescriptor()), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    m_socket->abort();
}

VendorServer::VendorServer()
{
    connect(&m_server, &QTcpServer::newConnection, this, &VendorServer::onConnection);
    m_server.listen(QHostAddress::LocalHost, 0);
}

QUrl VendorServer::url(const QString& path) const
{
    return QUrl(QStringLiteral("http://127.0.0.1:%1%2").arg(m_server.serverPort()).arg(path));
}

void VendorServer::onConnection()
{
    while (QTcpSocket* socket = m_server.nextPendingConnection()) {
        socket->setSocketOption(QAbstractSocket::LowDelayOption, 1); // slow bytes are the stand-in's own doing, not Nagle's
        ++connections;
        const auto buffer = std::make_shared<QByteArray>();
        connect(socket, &QTcpSocket::readyRead, this, [this, socket, buffer] { onBytes(socket, *buffer); });
        connect(socket, &QTcpSocket::disconnected, socket, &QObject::deleteLater);
    }
}

void VendorServer::onBytes(QTcpSocket* socket, QByteArray& buffer)
{
    if (isSilent)
        return;
    buffer += socket->readAll();
    for (;;) {
        const qsizetype end = buffer.indexOf("\r\n\r\n");
        if (end < 0)
            return;
        auto exchange = std::make_unique<VendorExchange>();
        QList<QByteArray> lines = buffer.left(end).split('\n');
        const QList<QByteArray> request = lines.takeFirst().trimmed().split(' ');
        exchange->method = request.value(0);
        const QByteArray target = request.value(1);
        const qsizetype mark = target.indexOf('?');
        exchange->path = mark < 0 ? target : target.left(mark);
        exchange->query = mark < 0 ? QByteArray() : target.mid(mark + 1);
        for (const QByteArray& line : std::as_const(lines)) {
            const qsizetype colon = line.indexOf(':');
            exchange->headers.emplaceBack(line.left(colon).trimmed().toLower(), line.mid(colon + 1).trimmed());
        }
        qsizetype used = end + 4;
        if (exchange->header("transfer-encoding") == "chunked") {
            const auto body = chunkedBody(buffer.mid(used));
            if (!body)
                return;
            exchange->body = body->first;
            used += body->second;
        } else {
            const qsizetype length = exchange->header("content-length").toLongLong();
            if (buffer.size() < used + length)
                return;
            exchange->body = buffer.mid(used, length);
            used += length;
        }
        buffer.remove(0, used);
        exchange->m_socket = socket;
        exchange->setParent(this);
        connect(socket, &QTcpSocket::disconnected, exchange.get(), &VendorExchange::gone);
        VendorExchange& taken = *exchange.release();
        exchanges.append(&taken);
        if (handler)
            handler(taken);
    }
}

} // namespace kav::test
