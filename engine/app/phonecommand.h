// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "shared/core/clock.h"

#include <QTextStream>

#include <functional>

// `kav-engine call --phone`: a real call, through Twilio, that a running engine holds.
namespace kav::app {

struct PhoneCommand final {
    telephony::OutboundRequest request;
    bool agreed = false; ///< --yes
    bool help = false;
};

/// Whether the arguments of `call` are this one's: --phone stands among them.
bool isPhoneCall(const QStringList& args);
/// Takes its own words out of `args`; what is left is configuration.
Result<PhoneCommand> takePhoneArguments(QStringList& args);
QString phoneUsage();

/// Asks, places the call, tells how it goes until it is over. The process's exit status: 0 it was answered and has
/// ended, 1 it was not, or could not be made, 2 it may not be made. `confirm` asks the user; false: he does not want
/// it.
int runPhoneCommand(const Config& config, const PhoneCommand& command, const std::function<bool()>& confirm,
    const Clock& clock, QTextStream& out, QTextStream& err);

} // namespace kav::app
