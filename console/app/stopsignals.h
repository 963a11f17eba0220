// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>

namespace kav::console {

/// SIGTERM and SIGINT as events of the GUI thread's loop, so that what is to be remembered is. One per process, made
/// before the window.
class StopSignals final : public QObject {
    Q_OBJECT
public:
    StopSignals();
    ~StopSignals() override;

Q_SIGNALS:
    void stopRequested();

private:
    int m_ends[2] = {-1, -1};
};

} // namespace kav::console
