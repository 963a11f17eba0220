// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QString>
#include <QStringList>

namespace kav::app {

enum class Command {
    Serve, ///< the default
    Migrate, ///< make or upgrade the call log's schema
    Call, ///< the loopback caller; its arguments are its own
    Calls, ///< show the call log
    Inspect, ///< show the requests that came in
    Evidence, ///< one call as a pack of files
    Recordings, ///< what is kept of callers' voices; deletes it
    Purge, ///< delete what has its age
    Erase, ///< one caller's data
    Backup, ///< copy the call log
    Doctor, ///< check everything, and say what to do
    Health, ///< ask the engine that runs with these settings whether it answers
    Help,
    Version,
    ExampleConfig, ///< print the commented example file
};

struct CommandLine final {
    Command command = Command::Serve;
    QStringList args; ///< what is left for the command
};

/// `args` without the program's name. The command is the first argument unless that is a flag; --help and --version are
/// found anywhere except among the arguments of `call`.
Result<CommandLine> parseCommandLine(const QStringList& args);

} // namespace kav::app
