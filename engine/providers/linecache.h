// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QHash>
#include <QList>
#include <QSet>
#include <QString>

#include <functional>
#include <list>
#include <mutex>
#include <optional>

namespace kav::providers {

/// A sentence as one voice says it: all that its sound depends on.
struct SpokenLine final {
    QString provider; ///< the configuration's word
    QString identity; ///< what else the configuration says of it: ProviderRegistry::identity()
    QString voice; ///< the persona's; empty: the provider's default
    QString language;
    QString text; ///< exactly

    /// SHA-256 of it all: what the line is called in caches.
    QByteArray key() const;
};

/// Sentences as sound (8 kHz mu-law), by SpokenLine::key(), bounded in bytes; what was used least recently goes first.
/// Any thread; a lookup takes one short lock and never touches a disk. What is given out is implicitly shared and never
/// changes.
///
/// Lines that are known from the configuration (greetings, the engine's own lines, a dialog's sentences) are stored
/// when they are first made, and told to the keeper, which may write them to disk. What a language model said is stored
/// when it is made for the second time, and never leaves memory: most of it is said once, would only push out what is
/// said often, and may hold a caller's data, which is then not kept longer than the call.
class LineCache final {
public:
    struct Settings final {
        qint64 bytes = 32 * 1024 * 1024; ///< more than an hour of speech
        int remembered = 8192; ///< keys of sentences that were made once
    };
    struct Counters final {
        quint64 hits = 0, misses = 0; ///< of find()
        quint64 stored = 0, evictions = 0;
        qint64 bytes = 0; ///< now
        int lines = 0; ///< now
    };
    /// On the thread that stored the line; must not block.
    using Keeper = std::function<void(const QByteArray& key, const QByteArray& mulaw)>;

    LineCache()
        : LineCache(Settings())
    {
    }
    explicit LineCache(const Settings& settings);
    Q_DISABLE_COPY_MOVE(LineCache)

    /// The first of `keys` that is there.
    std::optional<QByteArray> find(const QList<QByteArray>& keys);
    /// For those who prepare lines: counts nothing.
    bool contains(const QByteArray& key) const;

    /// A whole synthesis, never a part of one.
    void insert(const QByteArray& key, const QByteArray& mulaw);
    /// insert() of a known line that comes from the keeper.
    void restore(const QByteArray& key, const QByteArray& mulaw);
    /// In place of those that were known. Lines that are no longer known stay until they are pushed out.
    void setKnown(QSet<QByteArray> keys);
    /// Before other threads use the cache, or null when they no longer do.
    void setKeeper(Keeper keeper);

    Counters counters() const;

private:
    struct Line final {
        QByteArray key, mulaw;
    };
    void store(const QByteArray& key, const QByteArray& mulaw);
    bool wasSeen(const QByteArray& key);

    const Settings m_settings;
    Keeper m_keeper;
    mutable std::mutex m_mutex; // guards what follows
    std::list<Line> m_lines; // used last first
    QHash<QByteArray, std::list<Line>::iterator> m_byKey;
    QSet<QByteArray> m_known;
    std::list<QByteArray> m_seenOrder; // made once, the oldest first
    QHash<QByteArray, std::list<QByteArray>::iterator> m_seen;
    Counters m_counters;
};

} // namespace kav::providers
