// SPDX-License-Identifier: Apache-2.0
#include "engine/net/addressledger.h"

#include <QtEndian>

namespace kav::net {

AddressLedger::AddressLedger(int limit, bool loopbackExempt)
    : m_limit(limit)
    , m_loopbackExempt(loopbackExempt)
{
}

bool AddressLedger::tryAdd(const QHostAddress& address)
{
    if (m_loopbackExempt && unmapped(address).isLoopback())
        return true;
    int& open = m_open[keyOf(address)];
    if (open >= m_limit)
        return false;
    ++open;
    return true;
}

void AddressLedger::remove(const QHostAddress& address)
{
    if (m_loopbackExempt && unmapped(address).isLoopback())
        return;
    const auto entry = m_open.find(keyOf(address));
    if (entry == m_open.end())
        return;
    if (--entry.value() == 0)
        m_open.erase(entry);
}

AddressLedger::Key AddressLedger::keyOf(const QHostAddress& address)
{
    bool isV4 = false;
    const quint32 v4 = address.toIPv4Address(&isV4);
    if (isV4)
        return {v4, true};
    const Q_IPV6ADDR v6 = address.toIPv6Address();
    return {qFromBigEndian<quint64>(v6.c), false};
}

QHostAddress unmapped(const QHostAddress& address)
{
    if (address.protocol() != QAbstractSocket::IPv6Protocol)
        return address;
    bool isV4 = false;
    const quint32 v4 = address.toIPv4Address(&isV4);
    return isV4 ? QHostAddress(v4) : address;
}

} // namespace kav::net
