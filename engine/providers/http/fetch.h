// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/http/httppool.h"
#include "shared/core/result.h"

namespace kav::providers {

struct HttpAnswer final {
    QByteArray contentType, body;
};

/// One exchange from beginning to end. Blocks, at most `request.total`; for a maker's thread, which has no event loop
/// of its own.
Result<HttpAnswer> fetch(HttpPool& pool, const HttpRequest& request);

} // namespace kav::providers
