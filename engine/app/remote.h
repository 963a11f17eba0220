// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/engine.h"
#include "engine/app/remotesettings.h"

namespace kav::app {

/// The providers of the settings' lists, in their order; those called "embedded" are taken from `embedded`. Nothing is
/// opened, read or initialised here: libcurl, gRPC, OpenSSL and the credentials are touched by the first maker that
/// needs them, on its own thread. Connections are shared by all makers and outlive the engine with a maker that is
/// stuck; `clock` is borrowed for as long as the process runs. `deadline` is the registry's: a probe ends before it, so
/// that its own reason is told.
Engine::MakersSource configuredMakers(
    const RemoteSettings& remote, Milliseconds deadline, Engine::MakersSource embedded, const Clock& clock);

} // namespace kav::app
