// SPDX-License-Identifier: Apache-2.0
#include "engine/net/publicaddress.h"

#include <algorithm>
#include <array>

namespace kav::net {

namespace {

struct Block final {
    quint32 first;
    int bits;
};
// IANA's registry of IPv4 addresses for special purposes; what is not "globally reachable" there, and multicast.
constexpr std::array<Block, 15> SpecialBlocks{{
    {0x00000000, 8}, // this network
    {0x0a000000, 8}, // private
    {0x64400000, 10}, // shared by a carrier's customers
    {0x7f000000, 8}, // this machine
    {0xa9fe0000, 16}, // the link; clouds answer for credentials here
    {0xac100000, 12}, // private
    {0xc0000000, 24}, // protocol assignments
    {0xc0000200, 24}, // documentation
    {0xc0586300, 24}, // former 6to4 relays
    {0xc0a80000, 16}, // private
    {0xc6120000, 15}, // benchmarks
    {0xc6336400, 24}, // documentation
    {0xcb007100, 24}, // documentation
    {0xe0000000, 4}, // multicast
    {0xf0000000, 4}, // reserved, broadcast
}};

bool isPublic4(quint32 address)
{
    return std::none_of(SpecialBlocks.begin(), SpecialBlocks.end(),
        [address](const Block& block) { return (address ^ block.first) >> (32 - block.bits) == 0; });
}

quint32 word(const Q_IPV6ADDR& address, int at)
{
    return quint32(address[at]) << 24 | quint32(address[at + 1]) << 16 | quint32(address[at + 2]) << 8
        | quint32(address[at + 3]);
}

} // namespace

bool isPublicAddress(const QHostAddress& address)
{
    bool isV4 = false;
    const quint32 v4 = address.toIPv4Address(&isV4); // of a mapped one too
    if (isV4)
        return isPublic4(v4);
    if (address.protocol() != QAbstractSocket::IPv6Protocol)
        return false;
    const Q_IPV6ADDR v6 = address.toIPv6Address();
    if (word(v6, 0) == 0x0064ff9b && word(v6, 4) == 0 && word(v6, 8) == 0)
        return isPublic4(word(v6, 12)); // NAT64
    if (word(v6, 0) >> 16 == 0x2002)
        return isPublic4(word(v6, 2)); // 6to4
    if (word(v6, 0) >> 29 != 1)
        return false; // outside of 2000::/3: loopback, link, site, unique local, multicast, unassigned
    return word(v6, 0) >> 9 != 0x20010000u >> 9 // 2001::/23: Teredo and other protocols
        && word(v6, 0) != 0x20010db8 // documentation
        && word(v6, 0) >> 12 != 0x3fff0000u >> 12;
}

} // namespace kav::net
