// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QList>
#include <QTest>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace kav::test {

/// The service manager's end of NOTIFY_SOCKET: a real datagram socket.
class ManagerSocket final {
public:
    /// `name`: as NOTIFY_SOCKET has it, "/path" or "@abstract".
    explicit ManagerSocket(const QByteArray& name)
    {
        m_socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        address(name,
            [this](const sockaddr* where, socklen_t length) { m_isBound = ::bind(m_socket, where, length) == 0; });
    }
    ~ManagerSocket() { ::close(m_socket); }
    Q_DISABLE_COPY_MOVE(ManagerSocket)

    bool isBound() const { return m_isBound; }
    /// Everything that has come so far, in its order.
    const QList<QByteArray>& heard()
    {
        char text[4096];
        for (ssize_t size = 0; (size = ::recv(m_socket, text, sizeof text, 0)) >= 0;)
            m_heard += QByteArray(text, int(size));
        return m_heard;
    }
    bool waitFor(const QByteArray& message)
    {
        return QTest::qWaitFor([&] { return heard().contains(message); }, 20000);
    }
    void forget()
    {
        heard();
        m_heard.clear();
    }
    /// Sends itself so much that nobody else's datagrams fit any more.
    static bool fill(const QByteArray& name)
    {
        const int sender = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ssize_t sent = 0;
        address(name, [&](const sockaddr* where, socklen_t length) {
            while ((sent = ::sendto(sender, "x", 1, 0, where, length)) == 1) { }
        });
        const bool isFull = errno == EAGAIN;
        ::close(sender);
        return isFull;
    }

private:
    template <typename Use> static void address(const QByteArray& name, Use use)
    {
        sockaddr_un where{};
        where.sun_family = AF_UNIX;
        std::memcpy(where.sun_path, name.constData(), size_t(name.size()));
        if (name.startsWith('@'))
            where.sun_path[0] = '\0';
        const auto length = offsetof(sockaddr_un, sun_path) + size_t(name.size()) + (name.startsWith('@') ? 0 : 1);
        use(reinterpret_cast<const sockaddr*>(&where), socklen_t(length));
    }

    int m_socket = -1;
    bool m_isBound = false;
    QList<QByteArray> m_heard;
};

} // namespace kav::test
