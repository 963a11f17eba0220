// SPDX-License-Identifier: Apache-2.0
#include "engine/app/healthcommand.h"

#include "shared/core/masking.h"

#include <QDeadlineTimer>
#include <QNetworkProxy>
#include <QTcpSocket>

namespace kav::app {

namespace {
constexpr qint64 LongestLine = 1024;
}

Result<QString> askHealth(const Config& config, Milliseconds atMost)
{
    // An engine that listens on all addresses listens on loopback.
    QHostAddress address = config.address;
    if (address == QHostAddress(QHostAddress::AnyIPv4))
        address = QHostAddress(QHostAddress::LocalHost);
    else if (address == QHostAddress(QHostAddress::AnyIPv6) || address == QHostAddress(QHostAddress::Any))
        address = QHostAddress(QHostAddress::LocalHostIPv6);
    const auto where = QStringLiteral("the engine at %1 port %2 ").arg(address.toString()).arg(config.port);

    const QDeadlineTimer deadline(atMost);
    QTcpSocket socket;
    socket.setProxy(QNetworkProxy::NoProxy);
    socket.connectToHost(address, quint16(config.port));
    if (!socket.waitForConnected(int(deadline.remainingTime())))
        return Error{Error::Code::Unavailable, where + QLatin1String("cannot be reached: ") + socket.errorString(), {}};
    socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    while (!socket.canReadLine()) {
        if (socket.bytesAvailable() > LongestLine || !socket.waitForReadyRead(int(deadline.remainingTime())))
            return Error{Error::Code::Timeout, where + QLatin1String("does not answer"), {}};
    }
    const QString line = logSafe(QString::fromLatin1(socket.readLine(LongestLine)).trimmed(), 80);
    if (line.section(QLatin1Char(' '), 1, 1) != QLatin1String("200"))
        return Error{Error::Code::Unavailable, where + QLatin1String("answers ") + line, {}};
    return line;
}

} // namespace kav::app
