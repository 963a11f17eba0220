// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/engine.h"

#include <QByteArray>
#include <QString>
#include <QThreadPool>

namespace kav::app {

/// The providers that need no key and no network: pocketsphinx, the scripted receptionist, flite. `speechPool` and
/// `clock` are borrowed and outlive the engine.
Engine::MakersSource embeddedMakers(QThreadPool& speechPool, const Clock& clock);

/// One sentence in the embedded voice, 8 kHz mu-law; blocks until it is made. For commands, never for calls.
Result<QByteArray> renderNow(QThreadPool& speechPool, const QString& text);

} // namespace kav::app
