// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QList>
#include <QObject>
#include <QPointer>
#include <QTcpServer>
#include <QTcpSocket>
#include <QUrl>

#include <functional>
#include <utility>

namespace kav::test {

/// One request to a VendorServer and the answer to it, a piece at a time: what a stand-in for a vendor needs to be
/// slow, silent, broken or rude at any phase. Lives as long as its connection or the next request on it.
class VendorExchange final : public QObject {
    Q_OBJECT
public:
    QByteArray method, path, query, body;
    QList<std::pair<QByteArray, QByteArray>> headers; ///< names lower case

    QByteArray header(QByteArrayView name) const
    {
        for (const auto& [key, value] : headers)
            if (key == name)
                return value;
        return {};
    }
    /// The head; pieces of the body follow by send(), then end().
    void start(int status, const QByteArray& contentType, const QList<std::pair<QByteArray, QByteArray>>& more = {})
    {
        QByteArray head = "HTTP/1.1 " + QByteArray::number(status) + " X\r\nContent-Type: " + contentType
            + "\r\nTransfer-Encoding: chunked\r\n";
        for (const auto& [name, value] : more)
            head += name + ": " + value + "\r\n";
        raw(head + "\r\n");
    }
    void send(const QByteArray& piece)
    {
        if (!piece.isEmpty())
            raw(QByteArray::number(piece.size(), 16) + "\r\n" + piece + "\r\n");
    }
    void end() { raw("0\r\n\r\n"); }
    void answer(int status, const QByteArray& contentType, const QByteArray& whole,
        const QList<std::pair<QByteArray, QByteArray>>& more = {})
    {
        start(status, contentType, more);
        send(whole);
        end();
    }
    void raw(const QByteArray& bytes)
    {
        if (m_socket)
            m_socket->write(bytes);
    }
    /// The peer sees a connection reset.
    void reset();
    /// The connection ends in order, in the middle of whatever was being said.
    void hangUp()
    {
        if (m_socket)
            m_socket->disconnectFromHost();
    }
    bool isGone() const { return !m_socket || m_socket->state() != QAbstractSocket::ConnectedState; }

Q_SIGNALS:
    void gone(); ///< the client ended the connection

private:
    friend class VendorServer;
    QPointer<QTcpSocket> m_socket;
};

/// An HTTP/1.1 server on loopback for the vendors' stand-ins. Requests with Content-Length or chunked bodies,
/// keep-alive, one at a time on a connection. Lives on the test's thread; needs its event loop.
class VendorServer final : public QObject {
    Q_OBJECT
public:
    VendorServer();

    /// What is done with each request: answers now, later, or never.
    std::function<void(VendorExchange&)> handler;
    QList<VendorExchange*> exchanges; ///< all so far, oldest first; owned here
    int connections = 0; ///< accepted so far
    bool isSilent = false; ///< reads nothing and says nothing: half open

    QUrl url(const QString& path = {}) const;
    quint16 port() const { return m_server.serverPort(); }
    void stopListening() { m_server.close(); }

private:
    void onConnection();
    void onBytes(QTcpSocket* socket, QByteArray& buffer);

    QTcpServer m_server;
};

} // namespace kav::test
