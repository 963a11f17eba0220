// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/evidence/works.h"
#include "shared/core/result.h"

#include <QStringList>

namespace kav::evidence {

/// Where the module may be: beside the program, or in the lib/kav of its prefix.
QStringList worksFiles(const QString& programFolder);
/// The first of `files` that there is; stays loaded. The error says what to install.
Result<const KavEvidenceWorks*> loadWorks(const QStringList& files);

} // namespace kav::evidence
