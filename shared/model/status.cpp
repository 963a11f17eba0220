// SPDX-License-Identifier: Apache-2.0
#include "shared/model/status.h"

namespace kav {

QString serviceStateName(ServiceState state)
{
    switch (state) {
    case ServiceState::Off:
        return QStringLiteral("off");
    case ServiceState::Warming:
        return QStringLiteral("warming");
    case ServiceState::Ready:
        return QStringLiteral("ready");
    case ServiceState::Degraded:
        return QStringLiteral("degraded");
    case ServiceState::Failed:
        return QStringLiteral("failed");
    }
    Q_UNREACHABLE();
}

std::optional<ServiceState> serviceStateFromName(QStringView name)
{
    for (int i = 0; i <= static_cast<int>(ServiceState::Failed); ++i) {
        const auto state = static_cast<ServiceState>(i);
        if (serviceStateName(state) == name)
            return state;
    }
    return std::nullopt;
}

} // namespace kav
