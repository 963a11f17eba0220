// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/google/recognitionservice.h"

namespace kav::providers {

/// RecognitionModule::create(), in the module.
Result<std::shared_ptr<RecognitionService>> makeGrpcRecognition(const QString& endpoint);

} // namespace kav::providers
