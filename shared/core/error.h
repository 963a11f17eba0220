// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QMetaType>
#include <QString>

#include <chrono>

namespace kav {

/// Why an operation failed, as a value. Plain, copied across threads.
/// `message` is one sentence for a person (what was wrong, and where); `detail` is for the log and may be empty.
/// Neither ever holds a secret or a full telephone number.
struct Error final {
    enum class Code {
        Invalid, ///< the input is malformed or out of range
        NotFound, ///< the named thing does not exist
        Denied, ///< not allowed: signature, token, permission
        Unavailable, ///< an outside service or a resource cannot be had now
        Timeout, ///< a deadline passed
        Cancelled, ///< the asker gave up
        LimitExceeded, ///< a documented limit was reached
        Io, ///< file, disk or socket
        Internal, ///< a fault of Kav's own
    };

    Code code = Code::Internal;
    QString message;
    QString detail;
    /// What was asked may be asked again after so long, when who refused it said so (HTTP's Retry-After); 0: not said.
    std::chrono::milliseconds retryAfter{0};

    bool operator==(const Error&) const = default;
};

/// The code as a lower-case word for logs and JSON, e.g. "timeout".
QString errorCodeName(Error::Code code);
/// "timeout: message (detail)".
QString toString(const Error& error);

} // namespace kav

Q_DECLARE_METATYPE(kav::Error)
