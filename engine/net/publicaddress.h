// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QHostAddress>

namespace kav::net {

/// Whether an address belongs to the public Internet: not to this machine, a private or shared network, the local link,
/// a test range or a multicast group. Addresses that carry an IPv4 address inside are judged by that one. Pure.
bool isPublicAddress(const QHostAddress& address);

} // namespace kav::net
