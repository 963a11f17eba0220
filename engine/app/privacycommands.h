// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QMap>
#include <QString>
#include <QStringList>
#include <QTextStream>

#include <functional>

// `kav-engine purge`, `erase` and `backup`: what is kept of callers goes at its age or on request, or is copied.
namespace kav::app {

struct PurgeQuery final {
    QMap<QString, std::optional<Milliseconds>> kinds; ///< --kind K [--older-than AGE]; empty: all, as set
    bool dryRun = false; ///< --dry-run
    bool compact = false; ///< --compact
};
/// Takes its own words out of `args`; what is left is configuration.
Result<PurgeQuery> takePurgeArguments(QStringList& args);
int runPurgeCommand(
    const Config& config, const PurgeQuery& query, const Clock& clock, QTextStream& out, QTextStream& err);

struct EraseQuery final {
    QString caller; ///< --caller NUMBER; "-": the first line of standard input
    bool alsoMasked = false; ///< --also-masked
    bool dryRun = false; ///< --dry-run
    bool isConfirmed = false; ///< --yes
};
Result<EraseQuery> takeEraseArguments(QStringList& args);
/// `confirm` asks whoever sits there; false: nothing is erased.
int runEraseCommand(const Config& config, const EraseQuery& query, const std::function<bool()>& confirm,
    const Clock& clock, QTextStream& out, QTextStream& err);

struct BackupQuery final {
    QString directory;
    bool audio = false; ///< --audio: recordings and messages as well
};
Result<BackupQuery> takeBackupArguments(QStringList& args);
int runBackupCommand(const Config& config, const BackupQuery& query, QTextStream& out, QTextStream& err);

} // namespace kav::app
