// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/result.h"

#include <QUrl>

namespace kav::console {

/// What a user types, as the address of an engine's console socket: "ws://127.0.0.1:5000/console" from "localhost",
/// "localhost:5000", "http://...", "https://kav.example.com", "wss://...". A path that is given stays, as a prefix.
/// An error says what is wrong with it in words for a user; plain ws to another machine is one, because the token and
/// the callers' words would travel readable.
Result<QUrl> engineUrl(const QString& typed);

} // namespace kav::console
