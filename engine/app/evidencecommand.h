// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "shared/core/result.h"

#include <QString>
#include <QStringList>

// `kav-engine evidence`: one call as a pack of files, for whoever must be shown what happened in it.
namespace kav::app {

struct EvidenceQuery final {
    QString callId;
    QString out; ///< a folder, or a file that ends in ".zip"
    bool unmask = false; ///< numbers that were said or keyed are shown
};

/// Takes its own words (CALLID, --out DIR|FILE.zip, --unmask) out of `args`; what is left is configuration.
Result<EvidenceQuery> takeEvidenceArguments(QStringList& args);
/// Fontconfig, which a picture's words are drawn with, keeps a cache, and complains where it may not write one: whoever has
/// no home that can be written gets a place in the data directory. For main(), before there is a thread.
void giveFontsACache(const QString& dataDir);

/// Makes the pack and says what is in it and what is not; the process's exit status.
int runEvidenceCommand(const Config& config, const EvidenceQuery& query);

} // namespace kav::app
