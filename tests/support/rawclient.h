// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QEventLoop>
#include <QHostAddress>
#include <QList>
#include <QTcpSocket>
#include <QTimer>
#include <QtEndian>

#include <array>
#include <functional>
#include <optional>

namespace kav::test {

/// One answer as a client reads it off the wire.
struct RawResponse final {
    int status = 0;
    QByteArray head;
    QByteArray body;
    QByteArray header(const QByteArray& name) const
    {
        for (const QByteArray& line : head.split('\n')) {
            const qsizetype colon = line.indexOf(':');
            if (colon > 0 && line.left(colon).compare(name, Qt::CaseInsensitive) == 0)
                return line.mid(colon + 1).trimmed();
        }
        return {};
    }
};

/// One WebSocket frame off the wire, unmasked.
struct RawFrame final {
    bool isFinal = true;
    int opcode = 0;
    QByteArray payload;
    bool operator==(const RawFrame&) const = default;
    quint16 closeCode() const { return payload.size() < 2 ? 0 : qFromBigEndian<quint16>(payload.constData()); }
};

enum Opcode { Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10 };

/// A client's frame, byte for byte.
inline QByteArray clientFrame(
    int opcode, const QByteArray& payload, bool isFinal = true, bool isMasked = true, int rsv = 0)
{
    QByteArray out;
    out += char((isFinal ? 0x80 : 0) | (rsv << 4) | opcode);
    const char maskBit = isMasked ? char(0x80) : char(0);
    if (payload.size() < 126) {
        out += char(maskBit | char(payload.size()));
    } else if (payload.size() < 65536) {
        out += char(maskBit | 126);
        out.resize(out.size() + 2);
        qToBigEndian(quint16(payload.size()), out.data() + out.size() - 2);
    } else {
        out += char(maskBit | 127);
        out.resize(out.size() + 8);
        qToBigEndian(quint64(payload.size()), out.data() + out.size() - 8);
    }
    if (!isMasked)
        return out + payload;
    static constexpr std::array<char, 4> Mask{0x37, char(0xfa), 0x21, 0x3d};
    out.append(Mask.data(), 4);
    for (qsizetype i = 0; i < payload.size(); ++i)
        out += char(payload.at(i) ^ Mask[size_t(i % 4)]);
    return out;
}

inline QByteArray closePayload(quint16 code, const QByteArray& reason = {})
{
    QByteArray out(2, 0);
    qToBigEndian(code, out.data());
    return out + reason;
}

/// A good handshake; `extra` are further header lines, each with its CRLF.
inline QByteArray upgradeHead(const QByteArray& path = "/", const QByteArray& extra = {})
{
    return "GET " + path
        + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        + extra + "\r\n";
}

/// A client that sends exactly the bytes it is told to and keeps what comes back. Runs on the test's own event loop.
class RawClient final {
public:
    explicit RawClient(quint16 port, const QHostAddress& from = {})
    {
        QObject::connect(&m_socket, &QTcpSocket::readyRead, &m_socket, [this] {
            if (!m_isDeaf)
                received += m_socket.readAll();
        });
        if (!from.isNull())
            m_socket.bind(from);
        m_socket.connectToHost(QHostAddress(QHostAddress::LocalHost), port);
        (void)waitFor([this] { return m_socket.state() == QAbstractSocket::ConnectedState; });
        m_socket.setSocketOption(QAbstractSocket::LowDelayOption, 1); // small pieces arrive as they are sent
    }
    explicit RawClient(quint16 port, const QByteArray& bytes)
        : RawClient(port)
    {
        send(bytes);
    }

    void send(const QByteArray& bytes)
    {
        m_socket.write(bytes);
        m_socket.flush();
    }
    /// From now on nothing is read: the peer's queue grows.
    void stopReading()
    {
        m_isDeaf = true;
        m_socket.setReadBufferSize(1);
    }
    /// And from now on everything again.
    void readOn()
    {
        m_isDeaf = false;
        m_socket.setReadBufferSize(0);
        received += m_socket.readAll();
    }
    void abort() { m_socket.abort(); }
    bool isOpen() const { return m_socket.state() == QAbstractSocket::ConnectedState; }
    bool waitClosed()
    {
        return waitFor([this] { return !isOpen(); });
    }
    QTcpSocket& socket() { return m_socket; }

    /// The next answer; status 0 when none came. `toHead`: it answers a HEAD, so no body follows.
    RawResponse response(bool toHead = false)
    {
        RawResponse out;
        const auto complete = [&] {
            const qsizetype end = received.indexOf("\r\n\r\n");
            if (end < 0)
                return !isOpen();
            out.head = received.left(end + 2);
            out.status = out.head.mid(9, 3).toInt();
            const qsizetype length = toHead ? 0 : out.header("content-length").toLongLong();
            if (received.size() < end + 4 + length)
                return !isOpen();
            out.body = received.mid(end + 4, length);
            received.remove(0, end + 4 + length);
            return true;
        };
        (void)waitFor(complete);
        return out;
    }

    /// The next frame from the server, or nothing when the connection ends (or five seconds pass) before one.
    std::optional<RawFrame> frame()
    {
        std::optional<RawFrame> out;
        (void)waitFor([&] {
            out = takeFrame();
            return out || !isOpen();
        });
        return out;
    }

    QByteArray received;

private:
    /// Runs the event loop until `done`, asked after each thing that happens to the socket; false after five seconds.
    /// (QTest::qWaitFor() sleeps between its questions, which thousands of clients would feel.)
    bool waitFor(const std::function<bool()>& done)
    {
        QEventLoop loop;
        QObject::connect(&m_socket, &QTcpSocket::readyRead, &loop, &QEventLoop::quit);
        QObject::connect(&m_socket, &QTcpSocket::stateChanged, &loop, &QEventLoop::quit);
        QTimer deadline;
        deadline.setSingleShot(true);
        deadline.start(5000);
        QObject::connect(&deadline, &QTimer::timeout, &loop, &QEventLoop::quit);
        while (!done()) {
            if (!deadline.isActive())
                return false;
            loop.exec();
        }
        return true;
    }

    std::optional<RawFrame> takeFrame()
    {
        if (received.size() < 2)
            return {};
        const auto* const bytes = reinterpret_cast<const uchar*>(received.constData());
        qsizetype at = 2;
        quint64 length = bytes[1] & 0x7f;
        if (length == 126) {
            if (received.size() < 4)
                return {};
            length = qFromBigEndian<quint16>(bytes + 2);
            at = 4;
        } else if (length == 127) {
            if (received.size() < 10)
                return {};
            length = qFromBigEndian<quint64>(bytes + 2);
            at = 10;
        }
        if (quint64(received.size() - at) < length)
            return {};
        const RawFrame out{.isFinal = (bytes[0] & 0x80) != 0,
            .opcode = bytes[0] & 0x0f,
            .payload = received.mid(at, qsizetype(length))};
        received.remove(0, at + qsizetype(length));
        return out;
    }

    QTcpSocket m_socket;
    bool m_isDeaf = false;
};

} // namespace kav::test
