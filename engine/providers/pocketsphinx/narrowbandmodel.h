// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QString>
#include <QTemporaryDir>

#include <memory>

namespace kav::providers {

/// Debian's en-us acoustic model, trained on 16 kHz speech, moved to where telephone speech lies: each Gaussian's mean
/// m and variance v become A m + b and (A squared) v + r, with one A, b and r for cepstra, their first and their second
/// differences. They say what a wide-band cepstrum looks like once the same sound has been through a telephone and
/// LineFrontEnd; tests/bench/digits/train_narrowband measured them on speech that Debian's packages synthesise or ship.
/// Predicting the narrow band from the wide one is well posed, unlike the reverse, which is what bandwidth extension
/// tries. A movable value: a folder in the temporary directory that lives as long as it; made once, then read by any
/// thread.
class NarrowbandModel final {
public:
    NarrowbandModel() = default;
    /// Reads the model in `directory` and writes the moved one: some 2 MB, a few milliseconds. Not on a call's thread.
    static Result<NarrowbandModel> make(const QString& directory);

    QString directory() const { return m_directory ? m_directory->path() : QString(); }

private:
    std::unique_ptr<QTemporaryDir> m_directory;
};

} // namespace kav::providers
