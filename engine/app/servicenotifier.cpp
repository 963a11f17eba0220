// SPDX-License-Identifier: Apache-2.0
#include "engine/app/servicenotifier.h"

#include "shared/core/logging.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <unistd.h>
#include <utility>

namespace kav::app {

namespace {
using Microseconds = std::chrono::microseconds;
} // namespace

QString shownStatus(const EngineStatus& status)
{
    const QString calls = QStringLiteral("%1 of %2 calls").arg(status.calls).arg(status.capacity);
    if (status.draining) {
        return status.goodbyeAt.isValid()
            ? QStringLiteral("Draining: %1 left, goodbye at %2 UTC")
                  .arg(status.remaining.value_or(status.calls))
                  .arg(status.goodbyeAt.toString(QStringLiteral("HH:mm:ss")))
            : QStringLiteral("Saying goodbye: %1 left").arg(status.remaining.value_or(status.calls));
    }
    return status.notReady.isEmpty()
        ? QStringLiteral("Answering: ") + calls
        : QStringLiteral("Not ready (%1): %2").arg(status.notReady.join(QLatin1String(", ")), calls);
}

ServiceNotifier::Settings ServiceNotifier::Settings::from(const QMap<QString, QString>& environment, qint64 processId)
{
    Settings settings;
    settings.socket = environment.value(QStringLiteral("NOTIFY_SOCKET")).toUtf8();
    const QString watched = environment.value(QStringLiteral("WATCHDOG_PID"));
    bool understood = false;
    const qint64 usec = environment.value(QStringLiteral("WATCHDOG_USEC")).toLongLong(&understood);
    if (understood && usec > 0 && (watched.isEmpty() || watched.toLongLong() == processId)) {
        const auto half = std::chrono::duration_cast<Milliseconds>(Microseconds(usec / 2));
        settings.watchdogEvery = std::clamp(half, Milliseconds(1), Milliseconds(std::numeric_limits<int>::max()));
    }
    return settings;
}

ServiceNotifier::ServiceNotifier(const Settings& settings, const Clock& clock)
    : m_settings(settings)
    , m_clock(clock)
{
    connect(&m_extendTimer, &QTimer::timeout, this, [this] { send(extension()); });
    connect(&m_watchdogTimer, &QTimer::timeout, this, [this] {
        if (m_waiting.empty())
            send("WATCHDOG=1");
    });
    m_statusTimer.setSingleShot(true);
    connect(&m_statusTimer, &QTimer::timeout, this, &ServiceNotifier::sendStatus);
    m_againTimer.setSingleShot(true);
    connect(&m_againTimer, &QTimer::timeout, this, &ServiceNotifier::sendWaiting);

    const QByteArray& name = m_settings.socket;
    if (name.isEmpty())
        return;
    if ((name.front() != '/' && name.front() != '@') || name.size() < 2
        || size_t(name.size()) >= sizeof m_address.sun_path) {
        qCWarning(lcApp) << "NOTIFY_SOCKET is neither a path nor @name: the service manager is told nothing";
        return;
    }
    m_address.sun_family = AF_UNIX;
    std::memcpy(m_address.sun_path, name.constData(), size_t(name.size()));
    m_addressLength = socklen_t(offsetof(sockaddr_un, sun_path) + size_t(name.size()));
    if (name.front() == '@')
        m_address.sun_path[0] = '\0'; // the length ends an abstract name,
    else
        ++m_addressLength; // a zero ends a path
    m_socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

ServiceNotifier::~ServiceNotifier()
{
    if (m_socket >= 0)
        ::close(m_socket);
}

void ServiceNotifier::ready()
{
    send("READY=1");
    if (isOn() && m_settings.watchdogEvery.count() > 0 && !m_watchdogTimer.isActive())
        m_watchdogTimer.start(m_settings.watchdogEvery);
}

void ServiceNotifier::reloading()
{
    const auto now = std::chrono::duration_cast<Microseconds>(m_clock.now().time_since_epoch());
    send("RELOADING=1\nMONOTONIC_USEC=" + QByteArray::number(qint64(now.count())));
}

QByteArray ServiceNotifier::extension() const
{
    return "EXTEND_TIMEOUT_USEC=" + QByteArray::number(qint64(Microseconds(m_settings.extendBy).count()));
}

void ServiceNotifier::stopping()
{
    if (std::exchange(m_stopping, true))
        return;
    // The drain is the engine's own setting: without this a unit's TimeoutStopSec would cut it short. A little at a time,
    // and from the loop: an engine that hangs in its drain is ended soon, not when the drain would have been over.
    send("STOPPING=1\n" + extension());
    if (isOn())
        m_extendTimer.start(m_settings.extendEvery);
}

void ServiceNotifier::drained()
{
    if (!m_stopping)
        return;
    m_extendTimer.stop();
    send("STATUS=Writing what there is\n" + extension());
}

void ServiceNotifier::showStatus(const QString& status)
{
    m_status = status.toUtf8();
    m_status.replace('\n', ' '); // it would begin another assignment
    if (!m_statusTimer.isActive())
        sendStatus();
}

void ServiceNotifier::sendStatus()
{
    if (!isOn() || m_status == m_statusSent)
        return;
    m_statusTimer.start(m_settings.statusEvery);
    if (!m_waiting.empty())
        return; // only the last of them counts
    m_statusSent = m_status;
    send("STATUS=" + m_status);
}

void ServiceNotifier::send(const QByteArray& message)
{
    if (!isOn())
        return;
    m_waiting.push_back(message);
    if (!m_againTimer.isActive())
        sendWaiting();
}

void ServiceNotifier::sendWaiting()
{
    while (!m_waiting.empty()) {
        const QByteArray& message = m_waiting.front();
        const auto sent = ::sendto(m_socket, message.constData(), size_t(message.size()), MSG_NOSIGNAL,
            reinterpret_cast<const sockaddr*>(&m_address), m_addressLength);
        if (sent < 0) {
            const int error = errno;
            if (error == EINTR)
                continue;
            if (error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS) {
                m_againTimer.start(m_settings.againAfter);
                return;
            }
            if (!std::exchange(m_complained, true))
                qCWarning(lcApp) << "the service manager cannot be told:" << std::strerror(error);
        }
        m_waiting.pop_front();
    }
}

} // namespace kav::app
