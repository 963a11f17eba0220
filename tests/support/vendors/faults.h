// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kav::test {

/// What a stand-in for a vendor does wrong.
enum class VendorFault {
    None,
    Refuse401,
    Limit429, ///< with Retry-After: 7
    Fault500,
    ResetBeforeAnswer,
    ResetMidAnswer,
    HangBeforeAnswer,
    HangMidAnswer,
    Garbage,
    SlowBytes, ///< the right answer, a byte at a time
    HalfOpen, ///< reads nothing and says nothing
};

} // namespace kav::test
