// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/control/hubtypes.h"
#include "shared/core/clock.h"
#include "shared/protocol/messages.h"

#include <QByteArray>
#include <QDateTime>
#include <QHash>
#include <QList>
#include <QSet>
#include <QString>
#include <QStringList>

#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace kav::control {

/// What every console sees, and what changed since any of them looked: the engine's state with a number for each
/// change, and the messages made of it.
///
/// The ring holds one place per thing that changed (call, service, engine, log row): a new change of a thing takes the
/// place of the older one. Turns are not in it but with their call, each with the number of its last change, so that
/// they cost a console nothing that does not watch the call, and the engine next to nothing when nobody does; still no
/// turn is missed by one that comes back. Everything is encoded when somebody first needs it, and once.
///
/// Plain; owned by the ConsoleDesk; control thread.
class StateBoard final {
public:
    explicit StateBoard(const Settings& settings);

    // Each is true when something is different now.
    bool setEngine(const EngineStatus& status);
    bool setService(const ServiceStatus& status);
    bool setCall(const CallSummary& call, Instant now);
    bool setTurn(const QString& callId, const TranscriptTurn& turn);
    void setLogRow(const CallLogRow& row);
    /// Takes the calls out that ended long enough ago; their ids.
    QStringList expire(Instant now);
    /// At once: the same call goes on under another id. False: it was not there.
    bool removeCall(const QString& callId);

    qint64 seq() const { return m_seq; }
    bool isShown(const QString& callId) const { return m_calls.contains(callId); }
    bool isLive(const QString& callId) const;
    quint64 callsNotShown() const { return m_callsNotShown; }
    std::optional<protocol::CallTranscript> transcript(const QString& callId) const;

    /// All that changed after `seq` is still known, the turns of the calls watched included.
    bool holds(qint64 seq, const QSet<QString>& watched) const;
    struct Message final {
        QByteArray text; ///< empty: nothing for this console
        qint64 to = 0;
        bool isWhole = true; ///< false: more is to come, another message's worth
    };
    /// What a console that is at `from`, which holds() it, has to be told.
    Message delta(qint64 from, const QSet<QString>& watched, const QDateTime& at);
    QByteArray snapshot(const QSet<QString>& watched, const QDateTime& at);
    /// Keeps to the limits of the ring in bytes; after messages were made, since that is when things are encoded.
    void trim();

    // What the ring costs.
    qsizetype heldChanges() const { return m_live; }
    qsizetype heldBytes() const { return m_bytes; }

private:
    struct Key {
        enum class Kind { Engine, Service, Call, Log } kind = Kind::Engine;
        QString id;
        bool operator==(const Key&) const = default;
    };
    friend size_t qHash(const Key& key, size_t seed) { return qHashMulti(seed, int(key.kind), key.id); }
    struct Slot {
        qint64 seq = 0;
        Key key;
        protocol::Change change;
        QByteArray encoded;
        bool isLive = true; ///< false: superseded or forgotten
    };
    struct Turn {
        qint64 seq = 0;
        TranscriptTurn turn;
        QByteArray encoded;
    };
    struct Call {
        CallSummary summary;
        quint64 born = 0;
        std::vector<Turn> turns; ///< by number
        qint64 lastTurn = 0; ///< seq of the turn that changed last
        qint64 turnsLost = 0; ///< seq of the latest turn that is not kept any more
    };
    void append(Key key, protocol::Change change);
    std::vector<Slot>::iterator find(qint64 seq);
    void release(Slot& slot);
    static protocol::CallTranscript transcriptOf(const Call& call, qint64 seq);

    const Settings m_settings;
    qint64 m_seq = 0;
    EngineStatus m_engine;
    QList<ServiceStatus> m_services;
    QHash<QString, Call> m_calls;
    quint64 m_born = 0;
    quint64 m_callsNotShown = 0;
    std::deque<std::pair<Instant, QString>> m_ended;

    std::vector<Slot> m_ring; // by seq, some of them dead
    std::size_t m_firstLive = 0; // none before it is alive
    QHash<Key, qint64> m_latest; // the live slot of each thing
    qsizetype m_live = 0;
    qsizetype m_bytes = 0;
    qint64 m_lost = 0; // seq of the latest change that was forgotten while it was the last of its thing

    // Consoles mostly stand at the same place: the message made last serves the next one too.
    qint64 m_deltaFrom = -1;
    qint64 m_deltaSeq = -1;
    QDateTime m_deltaAt;
    Message m_delta;
    qint64 m_snapshotSeq = -1;
    QDateTime m_snapshotAt;
    QSet<QString> m_snapshotWatched;
    QByteArray m_snapshot;
};

} // namespace kav::control
