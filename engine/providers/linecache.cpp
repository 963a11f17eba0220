// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/linecache.h"

#include <QCryptographicHash>
#include <QtEndian>

#include <utility>

namespace kav::providers {
namespace {

/// What a line costs beside its sound: two keys, a node each of list and hash.
constexpr qint64 LineOverhead = 256;

qint64 costOf(const QByteArray& mulaw)
{
    return mulaw.size() + LineOverhead;
}

} // namespace

QByteArray SpokenLine::key() const
{
    QCryptographicHash hash(QCryptographicHash::Sha256);
    // The number goes up when Kav's own choice of voices, or what it does to their sound, changes.
    hash.addData(QByteArrayView("kav line 1"));
    for (const QString* field : {&provider, &identity, &voice, &language, &text}) {
        // With its length, so that no two lines run into the same bytes.
        const QByteArray utf8 = field->toUtf8();
        const quint32 length = qToBigEndian(quint32(utf8.size()));
        hash.addData(QByteArrayView(reinterpret_cast<const char*>(&length), sizeof length));
        hash.addData(utf8);
    }
    return hash.result();
}

LineCache::LineCache(const Settings& settings)
    : m_settings(settings)
{
}

std::optional<QByteArray> LineCache::find(const QList<QByteArray>& keys)
{
    const std::lock_guard lock(m_mutex);
    for (const QByteArray& key : keys) {
        const auto found = m_byKey.constFind(key);
        if (found == m_byKey.cend())
            continue;
        m_lines.splice(m_lines.begin(), m_lines, *found);
        ++m_counters.hits;
        return m_lines.front().mulaw;
    }
    ++m_counters.misses;
    return std::nullopt;
}

bool LineCache::contains(const QByteArray& key) const
{
    const std::lock_guard lock(m_mutex);
    return m_byKey.contains(key);
}

void LineCache::insert(const QByteArray& key, const QByteArray& mulaw)
{
    bool known = false;
    {
        const std::lock_guard lock(m_mutex);
        if (mulaw.isEmpty() || m_byKey.contains(key))
            return;
        known = m_known.contains(key);
        if (known || wasSeen(key))
            store(key, mulaw);
    }
    if (known && m_keeper)
        m_keeper(key, mulaw);
}

void LineCache::restore(const QByteArray& key, const QByteArray& mulaw)
{
    const std::lock_guard lock(m_mutex);
    if (!mulaw.isEmpty() && !m_byKey.contains(key))
        store(key, mulaw);
}

void LineCache::store(const QByteArray& key, const QByteArray& mulaw)
{
    if (costOf(mulaw) > m_settings.bytes)
        return;
    while (m_counters.bytes + costOf(mulaw) > m_settings.bytes) {
        const Line& last = m_lines.back();
        m_counters.bytes -= costOf(last.mulaw);
        m_byKey.remove(last.key);
        m_lines.pop_back();
        ++m_counters.evictions;
    }
    m_lines.push_front({key, mulaw});
    m_lines.front().mulaw.squeeze(); // what is appended to piece by piece has room to spare
    m_byKey.insert(key, m_lines.begin());
    m_counters.bytes += costOf(mulaw);
    ++m_counters.stored;
}

bool LineCache::wasSeen(const QByteArray& key)
{
    if (const auto found = m_seen.constFind(key); found != m_seen.cend()) {
        m_seenOrder.erase(*found);
        m_seen.erase(found);
        return true;
    }
    m_seenOrder.push_back(key);
    m_seen.insert(key, std::prev(m_seenOrder.end()));
    if (m_seen.size() > m_settings.remembered) {
        m_seen.remove(m_seenOrder.front());
        m_seenOrder.pop_front();
    }
    return false;
}

void LineCache::setKnown(QSet<QByteArray> keys)
{
    const std::lock_guard lock(m_mutex);
    m_known.swap(keys); // the old ones go when the lock is free again
}

void LineCache::setKeeper(Keeper keeper)
{
    m_keeper = std::move(keeper);
}

LineCache::Counters LineCache::counters() const
{
    const std::lock_guard lock(m_mutex);
    Counters counters = m_counters;
    counters.lines = int(m_lines.size());
    return counters;
}

} // namespace kav::providers
