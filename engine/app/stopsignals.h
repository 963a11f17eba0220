// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>

#include <memory>

class QSocketNotifier;

namespace kav::app {

/// SIGTERM, SIGINT and SIGHUP as events of the control thread's loop. Made on the main thread before any other thread starts,
/// because it blocks the signals for all of them; one per process.
class StopSignals final : public QObject {
    Q_OBJECT
public:
    StopSignals();
    ~StopSignals() override;

Q_SIGNALS:
    /// Once for each SIGTERM or SIGINT.
    void stopRequested();
    /// SIGHUP.
    void reloadRequested();

private:
    int m_descriptor = -1;
    std::unique_ptr<QSocketNotifier> m_notifier;
};

} // namespace kav::app
