// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QByteArray>
#include <QList>
#include <QString>

namespace kav::providers {

/// The longest text that flite is given at once, in UTF-8 bytes; longer is an error, not a long silence.
inline constexpr qsizetype FliteTextBytes = 4096;

/// Text made fit for flite: pieces of a sentence or two in plain ASCII, each short enough to be synthesised in a few
/// milliseconds. Accents are folded, typographic marks become their plain forms, the signs & @ + # become words, and
/// numbers of five and more digits that have no thousands separators are read digit by digit, since on a telephone they
/// are numbers to write down. Empty when there is nothing to say; an error when the text is too long, or holds letters
/// but none of Latin script. Pure; any thread.
Result<QList<QByteArray>> textForFlite(const QString& text);

} // namespace kav::providers
