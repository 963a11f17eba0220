// SPDX-License-Identifier: Apache-2.0
#include "engine/app/commandline.h"

#include "engine/app/nearest.h"
#include "shared/core/masking.h"

#include <optional>

namespace kav::app {
namespace {

const QString& names()
{
    static const QString all =
        QStringLiteral("serve, migrate, call, calls, inspect, evidence, recordings, purge, erase, backup, doctor, health, example-config, help, version");
    return all;
}

std::optional<Command> commandOf(QStringView word)
{
    if (word == QLatin1String("serve"))
        return Command::Serve;
    if (word == QLatin1String("migrate"))
        return Command::Migrate;
    if (word == QLatin1String("call"))
        return Command::Call;
    if (word == QLatin1String("calls"))
        return Command::Calls;
    if (word == QLatin1String("inspect"))
        return Command::Inspect;
    if (word == QLatin1String("evidence"))
        return Command::Evidence;
    if (word == QLatin1String("recordings"))
        return Command::Recordings;
    if (word == QLatin1String("purge"))
        return Command::Purge;
    if (word == QLatin1String("erase"))
        return Command::Erase;
    if (word == QLatin1String("backup"))
        return Command::Backup;
    if (word == QLatin1String("doctor"))
        return Command::Doctor;
    if (word == QLatin1String("health"))
        return Command::Health;
    if (word == QLatin1String("help") || word == QLatin1String("--help") || word == QLatin1String("-h"))
        return Command::Help;
    if (word == QLatin1String("version") || word == QLatin1String("--version") || word == QLatin1String("-V"))
        return Command::Version;
    if (word == QLatin1String("example-config"))
        return Command::ExampleConfig;
    return std::nullopt;
}

} // namespace

Result<CommandLine> parseCommandLine(const QStringList& args)
{
    CommandLine line;
    line.args = args;
    if (!args.isEmpty() && (!args.first().startsWith(QLatin1Char('-')) || commandOf(args.first()))) {
        const std::optional<Command> command = commandOf(args.first());
        if (!command) {
            return Error{Error::Code::Invalid,
                QStringLiteral("unknown command '%1'%2 (%3)")
                    .arg(logSafe(args.first(), 40), suggestion(args.first(), names().split(QLatin1String(", "))),
                        names()),
                {}};
        }
        line.command = *command;
        line.args.removeFirst();
    }
    if (line.command == Command::Serve || line.command == Command::Migrate || line.command == Command::Calls
        || line.command == Command::Evidence || line.command == Command::Recordings || line.command == Command::Inspect
        || line.command == Command::Purge || line.command == Command::Erase || line.command == Command::Backup
        || line.command == Command::Doctor || line.command == Command::Health) {
        for (const QString& arg : std::as_const(line.args)) {
            const std::optional<Command> command = arg.startsWith(QLatin1Char('-')) ? commandOf(arg) : std::nullopt;
            if (command)
                return CommandLine{*command, {}};
        }
    }
    return line;
}

} // namespace kav::app
