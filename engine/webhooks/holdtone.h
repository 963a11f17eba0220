// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>

namespace kav::webhooks {

/// What callers on hold hear: quiet chords with pauses, 14 s, as a WAV file (mu-law, 8 kHz). Made once.
const QByteArray& holdTone();

} // namespace kav::webhooks
