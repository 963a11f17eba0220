// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/protocol/messages.h"

#include <QList>
#include <QString>

#include <variant>

// One message of every type, change kind and command result, with every field filled: what the golden files hold.
namespace kav::test {

struct ProtocolSample final {
    QString golden; ///< the file's name, without ".json"
    std::variant<protocol::ToEngine, protocol::ToConsole> message;
};

QList<ProtocolSample> protocolSamples();

} // namespace kav::test
