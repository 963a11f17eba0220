// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>

namespace kav::providers {

/// What a request to Google shows to be let in: an access token, or an API key.
struct GoogleHeader final {
    QByteArray name; ///< lower case, as gRPC wants it
    QByteArray value;
    bool operator==(const GoogleHeader&) const = default;
};

} // namespace kav::providers
