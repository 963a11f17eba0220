// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QMetaObject>
#include <QObject>

#include <mutex>
#include <utility>

namespace kav::providers {

/// The way from any thread to an object that may be deleted by its own thread at any moment. Shared by both sides; the
/// object closes it in its destructor.
template <typename Receiver> class Mailbox final {
public:
    explicit Mailbox(Receiver* receiver)
        : m_receiver(receiver)
    {
    }
    Q_DISABLE_COPY_MOVE(Mailbox)

    /// Runs `function` with the receiver on its thread, later; not at all once it is gone.
    template <typename Function> void post(Function function)
    {
        const std::lock_guard lock(m_mutex);
        if (Receiver* const receiver = m_receiver) {
            QMetaObject::invokeMethod(
                receiver, [receiver, function = std::move(function)] { function(*receiver); }, Qt::QueuedConnection);
        }
    }
    void close()
    {
        const std::lock_guard lock(m_mutex);
        m_receiver = nullptr;
    }

private:
    std::mutex m_mutex;
    Receiver* m_receiver;
};

} // namespace kav::providers
