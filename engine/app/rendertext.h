// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/speech.h"
#include "shared/core/clock.h"
#include "shared/core/result.h"

#include <QByteArray>
#include <QString>

namespace kav::app {

/// One text in `voice`, 8 kHz mu-law. Turns the calling thread's event loop until the sound is there, the voice fails,
/// `within` has passed, or the thread is told to quit. For commands and test calls, never for a caller's own call.
Result<QByteArray> renderText(
    providers::TextToSpeech& voice, const QString& text, const QString& language, Milliseconds within);

} // namespace kav::app
