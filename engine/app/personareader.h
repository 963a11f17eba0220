// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/remotesettings.h"
#include "engine/app/tomlreader.h"
#include "engine/providers/persona.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QList>
#include <QStringList>

#include <functional>

namespace kav::app {

/// What holds for all personas.
struct PersonaRules final {
    QString language; ///< of a persona that names none
    QStringList allowHosts; ///< to which HTTP tools may lead
    bool allowPrivate = false;
    std::function<Result<QByteArray>(const QString& path)> readFile; ///< for system_prompt_file
    QString directory; ///< of the configuration file: where a relative path begins
    RemoteSettings remote; ///< what providers need, and the engine's own lists; filled in
};

struct ReadPersonas final {
    QList<providers::Persona> personas; ///< only to be used where there are no errors
    QStringList errors; ///< all of them, with place and key
    QStringList warnings; ///< the same, of what is no mistake but will not work as it stands
};

/// The tables [persona.NAME] of a configuration file: those of `entries` whose key begins with "persona". Pure but for
/// `readFile`.
ReadPersonas readPersonas(const QList<TomlEntry>& entries, const PersonaRules& rules);
/// A persona in comments, for the example file.
QString examplePersona();
/// What --help says about them.
QString personaHelp();

} // namespace kav::app
