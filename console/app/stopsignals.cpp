// SPDX-License-Identifier: Apache-2.0
#include "console/app/stopsignals.h"

#include <QSocketNotifier>

#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace kav::console {

namespace {

// Platform plugins start threads of their own before main() could block signals for all, so a handler writes to a
// pipe: the one thing it may do.
int signalPipeEnd = -1;

void noteSignal(int)
{
    const char byte = 1;
    [[maybe_unused]] const auto written = ::write(signalPipeEnd, &byte, 1);
}

void handleBy(void (*handler)(int))
{
    struct sigaction action { };
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
}

} // namespace

StopSignals::StopSignals()
{
    if (::pipe2(m_ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return; // the signals end the process as they do by themselves
    signalPipeEnd = m_ends[1];
    const auto notifier = new QSocketNotifier(m_ends[0], QSocketNotifier::Read, this);
    connect(notifier, &QSocketNotifier::activated, this, [this] {
        char bytes[16];
        while (::read(m_ends[0], bytes, sizeof bytes) > 0) { }
        Q_EMIT stopRequested();
    });
    handleBy(noteSignal);
}

StopSignals::~StopSignals()
{
    if (m_ends[0] < 0)
        return;
    handleBy(SIG_DFL);
    ::close(m_ends[0]);
    ::close(m_ends[1]);
}

} // namespace kav::console
