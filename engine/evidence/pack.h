// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/evidence/page.h"
#include "engine/evidence/works.h"

#include <functional>

namespace kav::evidence {

struct PackOptions final {
    QString out; ///< a folder that is not there or empty; or a file that is not there and ends in ".zip"
    QString ffmpeg; ///< the program; empty: there is no film
    QString whyNoFilm = QStringLiteral("ffmpeg is not installed");
    std::function<bool()> isUnwanted{}; ///< asked between its steps; true ends it, as an error
    Result<const KavEvidenceWorks*> works = Error{}; ///< loadWorks()
    QString madeBy; ///< "kav-engine 0.1.0"
    QDateTime madeAt; ///< UTC
};

struct PackedFile final {
    QString name;
    qint64 bytes = 0;
    QByteArray sha256; ///< hex
};

struct PackReport final {
    QString path;
    QList<PackedFile> files;
    QList<Missing> missing;
};

/// What a folder or zip of this call's is best called, whatever its CallSid holds.
QString packName(const QString& callId);

/// Writes the pack, readable by its owner only: it holds a person's words and voice. Whole or not at all: it grows
/// beside `out` under another name, and nothing that is there is overwritten. A sound, picture or film that cannot be
/// had is missing, with why; everything else is an error.
Result<PackReport> writePack(const CallEvidence& evidence, const PackOptions& options);

} // namespace kav::evidence
