// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/evidence/sound.h"
#include "engine/evidence/works.h"

namespace kav::evidence {

/// The states over both sides' waves, as a PNG. Without `loudness` the states alone, with why.
Result<void> drawPicture(const CallEvidence& evidence, const std::optional<Loudness>& loudness,
    const KavEvidenceWorks& works, const QString& path);

/// The moments worth a line on a picture, with a short word each.
struct Moment final {
    Milliseconds at{0};
    unsigned rgb = 0;
    QString word;
};
QList<Moment> moments(const CallEvidence& evidence);

} // namespace kav::evidence
