// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QHash>
#include <QHostAddress>

namespace kav::net {

/// How many connections each address has open, O(1) per connect and disconnect. An IPv6 host owns a /64 at least, so
/// its addresses are counted by their upper half; an IPv4 address mapped into IPv6 counts as itself. Plain; owned by
/// the Listener.
class AddressLedger final {
public:
    AddressLedger(int limit, bool loopbackExempt);

    /// False when the address is at its limit; nothing is counted then.
    bool tryAdd(const QHostAddress& address);
    /// The counterpart of a successful tryAdd().
    void remove(const QHostAddress& address);
    /// Addresses that have a connection open: what the ledger costs.
    qsizetype size() const { return m_open.size(); }

private:
    struct Key {
        quint64 upper = 0;
        bool isV4 = false;
        bool operator==(const Key&) const = default;
    };
    friend size_t qHash(const Key& key, size_t seed) { return qHashMulti(seed, key.upper, key.isV4); }
    static Key keyOf(const QHostAddress& address);

    QHash<Key, int> m_open;
    int m_limit;
    bool m_loopbackExempt;
};

/// An IPv4 address mapped into IPv6 (what a dual-stack socket reports) as plain IPv4; others unchanged.
QHostAddress unmapped(const QHostAddress& address);

} // namespace kav::net
