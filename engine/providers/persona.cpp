// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/persona.h"

namespace kav::providers {

std::optional<AfterTransfer> afterTransferFromName(QStringView name)
{
    if (name == QLatin1String("agent"))
        return AfterTransfer::Agent;
    if (name == QLatin1String("message"))
        return AfterTransfer::Message;
    if (name == QLatin1String("goodbye"))
        return AfterTransfer::Goodbye;
    if (name == QLatin1String("next"))
        return AfterTransfer::NextTarget;
    return std::nullopt;
}

TransferRules TransferRules::orElse(const TransferRules& other) const
{
    TransferRules rules = *this;
    if (rules.callerId.isEmpty())
        rules.callerId = other.callerId;
    if (rules.ring == Milliseconds(0))
        rules.ring = other.ring;
    if (rules.longest == Milliseconds(0))
        rules.longest = other.longest;
    if (!rules.noAnswer)
        rules.noAnswer = other.noAnswer;
    if (!rules.afterwards)
        rules.afterwards = other.afterwards;
    return rules;
}

} // namespace kav::providers
