// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/app/settings.h"
#include "shared/core/result.h"

#include <QProcessEnvironment>
#include <QString>
#include <QStringList>

#include <optional>

namespace kav::console {

/// What was asked for at the start. For this run only: what the user chooses in the window is remembered, this is not.
struct CommandLine final {
    enum class Purpose { Run, Help, Version };

    Purpose purpose = Purpose::Run;
    QString url; ///< as engineUrl() gives it; empty: the last one
    std::optional<QString> token; ///< none: the one that is kept for the address
    QString operatorName; ///< empty: the one that is remembered
    QString language; ///< "en", "he"; empty: the one that is remembered
    std::optional<Appearance> appearance;
    bool selectNewest = false; ///< the newest live call is opened by itself
    bool resetLayout = false;
    QStringList warnings; ///< for stderr: what was taken, but had better be given otherwise

    bool operator==(const CommandLine&) const = default;
};

/// `args` without the program's name, after Qt has taken its own. English, as a command line is.
Result<CommandLine> parseCommandLine(const QStringList& args, const QProcessEnvironment& environment);
QString helpText();

} // namespace kav::console
