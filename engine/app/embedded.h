// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/engine.h"

#include <QByteArray>
#include <QString>
#include <QThreadPool>

#include <memory>

namespace kav::app {

/// The providers that need no key and no network: pocketsphinx, the scripted receptionist, flite. The pool is shared
/// with the makers, which may be at work when the engine is gone; `clock` is borrowed for as long as the process runs.
Engine::MakersSource embeddedMakers(const std::shared_ptr<QThreadPool>& speechPool, const Clock& clock);

/// One sentence in the embedded voice, 8 kHz mu-law; blocks until it is made. For commands, never for calls. What this
/// voice cannot say, as Hebrew, is silence of its length: an engine that asks by Gather is told the text all the same.
Result<QByteArray> renderNow(QThreadPool& speechPool, const QString& text);

} // namespace kav::app
