// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/google/recognitionservice.h"
#include "shared/core/result.h"

#include <QString>
#include <QStringList>

namespace kav::providers {

/// Where the module is looked for, for a program in `folder`: beside it, as in a build tree, then in ../lib/kav, as
/// installed.
QStringList recognitionModuleFiles(const QString& folder);

/// The module with gRPC out of the first of `files` that exists: loaded when it is first asked for, since gRPC's some
/// fifty libraries would slow down every start, and never unloaded, since gRPC has threads of its own. One of another
/// build is refused unloaded. Failures are in an operator's words and are not kept: what is installed meanwhile is
/// found the next time. Blocks for some tens of milliseconds the first time; any thread, meant for a maker's.
Result<const RecognitionModule*> loadRecognitionModule(const QStringList& files);
/// That of this program.
Result<const RecognitionModule*> loadRecognitionModule();

} // namespace kav::providers
