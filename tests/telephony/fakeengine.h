// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/twiliomessage.h"
#include "engine/telephony/formbody.h"

#include <QObject>
#include <QPointer>
#include <QTcpServer>
#include <QTcpSocket>
#include <QWebSocket>
#include <QWebSocketServer>

#include <functional>

namespace kav::test {

/// A small engine for the loopback caller's tests: a webhook server and a stream server on two ports of loopback, which
/// write down all they get and do what the test sets. Lives on the test's thread.
class FakeEngine final : public QObject {
public:
    struct Request final {
        QByteArray path;
        QList<std::pair<QByteArray, QByteArray>> headers; ///< names lower case
        telephony::FormBody form;

        QByteArray header(const QByteArray& name) const
        {
            for (const auto& [key, value] : headers) {
                if (key == name)
                    return value;
            }
            return {};
        }
    };
    struct Answer final {
        int status = 200;
        QByteArray type = "text/xml";
        QByteArray body;
    };

    FakeEngine()
        : m_streamServer(QStringLiteral("fake"), QWebSocketServer::NonSecureMode)
    {
        m_http.listen(QHostAddress::LocalHost);
        m_streamTcp.listen(QHostAddress::LocalHost);
        connect(&m_http, &QTcpServer::newConnection, this, [this] {
            QTcpSocket* socket = m_http.nextPendingConnection();
            connect(socket, &QTcpSocket::readyRead, this, [this, socket] { read(socket); });
            connect(socket, &QTcpSocket::disconnected, socket, &QObject::deleteLater);
        });
        connect(&m_streamTcp, &QTcpServer::newConnection, this, [this] {
            m_streamSocket = m_streamTcp.nextPendingConnection();
            m_streamServer.handleConnection(m_streamSocket);
        });
        connect(&m_streamServer, &QWebSocketServer::newConnection, this, [this] {
            stream = m_streamServer.nextPendingConnection();
            stream->setParent(this);
            connect(stream, &QWebSocket::textMessageReceived, this, [this](const QString& text) { onText(text); });
            connect(stream, &QWebSocket::disconnected, this, [this] {
                streamClosed = true;
                closeCode = stream->closeCode();
            });
        });
    }

    // What it does.
    QHash<QByteArray, Answer> answers; ///< by path; anything else gets 204
    std::function<void()> onStart;
    std::function<void(const QString&)> onMark;
    std::function<void(char)> onDtmf;

    // What it got.
    QList<Request> requests;
    QPointer<QWebSocket> stream;
    media::StartMessage start;
    QByteArray heard;
    QList<quint64> timestamps;
    QStringList events; ///< connected, start, dtmf 1, mark x, stop; not media
    bool streamClosed = false;
    int closeCode = 0;

    quint16 httpPort() const { return m_http.serverPort(); }
    quint16 streamPort() const { return m_streamTcp.serverPort(); }
    QUrl webhook() const { return QUrl(QStringLiteral("http://127.0.0.1:%1/webhook/incoming_call").arg(httpPort())); }
    QByteArray base() const { return "http://127.0.0.1:" + QByteArray::number(httpPort()); }
    QByteArray streamUrl() const { return "wss://127.0.0.1:" + QByteArray::number(streamPort()) + "/media/TOKEN"; }
    void answerWithStream(const QByteArray& connectAttributes = {}, const QByteArray& after = "<Hangup/>")
    {
        answers["/webhook/incoming_call"].body = "<Response><Connect" + connectAttributes + "><Stream url=\""
            + streamUrl() + "\" statusCallback=\"" + base()
            + "/webhook/stream_status\"><Parameter name=\"language\" value=\"en\"/></Stream></Connect>" + after
            + "</Response>";
    }
    void say(const QByteArray& mulaw)
    {
        media::TwilioWriter writer(start.streamSid);
        for (qsizetype at = 0; at < mulaw.size(); at += 160) {
            const QByteArray frame = mulaw.mid(at, 160);
            stream->sendTextMessage(writer.media(
                {reinterpret_cast<const quint8*>(frame.constData()), static_cast<std::size_t>(frame.size())}));
        }
    }
    void mark(const QString& name) { stream->sendTextMessage(media::TwilioWriter(start.streamSid).mark(name)); }
    void clear() { stream->sendTextMessage(media::TwilioWriter(start.streamSid).clear()); }
    /// Ends the stream by the closing handshake, as engines do. QWebSocket::close() does not wait for the answer: frames
    /// that it has not read then reset the connection, and with luck before the caller has read that it was closed.
    void close(quint16 code = 1000)
    {
        m_streamSocket->write(
            QByteArray("\x88\x02", 2) + static_cast<char>(code >> 8) + static_cast<char>(code & 0xff));
    }
    QList<Request> requestsTo(const QByteArray& path) const
    {
        QList<Request> found;
        for (const Request& request : requests) {
            if (request.path == path)
                found += request;
        }
        return found;
    }

private:
    void read(QTcpSocket* socket)
    {
        QByteArray& buffer = m_buffers[socket];
        buffer += socket->readAll();
        const qsizetype end = buffer.indexOf("\r\n\r\n");
        if (end < 0)
            return;
        Request request;
        const QList<QByteArray> lines = buffer.left(end).split('\n');
        request.path = lines.first().split(' ').value(1);
        for (const QByteArray& line : lines.mid(1)) {
            const qsizetype colon = line.indexOf(':');
            request.headers.emplaceBack(line.left(colon).trimmed().toLower(), line.mid(colon + 1).trimmed());
        }
        const qsizetype length = request.header("content-length").toLongLong();
        if (buffer.size() < end + 4 + length)
            return;
        const auto form = telephony::FormBody::parse(buffer.mid(end + 4, length));
        if (form)
            request.form = *form;
        m_buffers.remove(socket);
        requests += request;
        const Answer answer = answers.value(request.path, Answer{204, {}, {}});
        QByteArray reply = "HTTP/1.1 " + QByteArray::number(answer.status) + " X\r\n";
        if (!answer.type.isEmpty())
            reply += "Content-Type: " + answer.type + "\r\n";
        if (answer.status != 204)
            reply += "Content-Length: " + QByteArray::number(answer.body.size()) + "\r\n";
        socket->write(reply + "Connection: close\r\n\r\n" + answer.body);
        socket->disconnectFromHost();
    }

    void onText(const QString& text)
    {
        const QByteArray utf8 = text.toUtf8();
        auto message = m_parser.parse(utf8);
        if (!message) {
            events += QStringLiteral("bad: ") + message.error().message;
        } else if (const auto* audio = std::get_if<media::MediaMessage>(&*message)) {
            heard.append(
                reinterpret_cast<const char*>(audio->mulaw.data()), static_cast<qsizetype>(audio->mulaw.size()));
            timestamps += audio->timestampMs;
        } else if (std::holds_alternative<media::ConnectedMessage>(*message)) {
            events += QStringLiteral("connected");
        } else if (const auto* started = std::get_if<media::StartMessage>(&*message)) {
            events += QStringLiteral("start");
            start = *started;
            if (onStart)
                onStart();
        } else if (const auto* key = std::get_if<media::DtmfMessage>(&*message)) {
            events += QStringLiteral("dtmf ") + QLatin1Char(key->digit);
            if (onDtmf)
                onDtmf(key->digit);
        } else if (const auto* returned = std::get_if<media::MarkMessage>(&*message)) {
            events += QStringLiteral("mark ") + returned->name;
            if (onMark)
                onMark(returned->name);
        } else {
            events += QStringLiteral("stop");
        }
    }

    QTcpServer m_http;
    QTcpServer m_streamTcp;
    QPointer<QTcpSocket> m_streamSocket;
    QWebSocketServer m_streamServer;
    QHash<QTcpSocket*, QByteArray> m_buffers;
    media::TwilioParser m_parser;
};

} // namespace kav::test
