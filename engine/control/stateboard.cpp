// SPDX-License-Identifier: Apache-2.0
#include "engine/control/stateboard.h"

#include "shared/protocol/codec.h"

#include <algorithm>
#include <span>

namespace kav::control {

namespace {

constexpr qsizetype SlotBytes = 512; // a change as a value, without its text: a round figure

} // namespace

StateBoard::StateBoard(const Settings& settings)
    : m_settings(settings)
{
}

bool StateBoard::setEngine(const EngineStatus& status)
{
    if (m_engine == status)
        return false;
    m_engine = status;
    append({Key::Kind::Engine, {}}, protocol::EngineChange{status});
    return true;
}

bool StateBoard::setService(const ServiceStatus& status)
{
    const auto it = std::find_if(
        m_services.begin(), m_services.end(), [&](const ServiceStatus& known) { return known.id == status.id; });
    if (it == m_services.end())
        m_services.append(status);
    else if (*it == status)
        return false;
    else
        *it = status;
    append({Key::Kind::Service, status.id}, protocol::ServiceChange{status});
    return true;
}

bool StateBoard::setCall(const CallSummary& call, Instant now)
{
    auto it = m_calls.find(call.id);
    if (it == m_calls.end()) {
        if (m_calls.size() >= m_settings.calls) {
            ++m_callsNotShown;
            return false;
        }
        it = m_calls.insert(call.id, {});
        it->born = ++m_born;
    } else if (it->summary == call) {
        return false;
    } else if (it->summary.state == CallState::Ended && call.state != CallState::Ended) {
        // What a thread had to say is late sometimes: a call that ended stays so. Unless its stream did, and it goes on
        // without one.
        if (!call.withoutStream || it->summary.withoutStream)
            return false;
        std::erase_if(m_ended, [&call](const auto& ended) { return ended.second == call.id; });
    }
    if (call.state == CallState::Ended && it->summary.state != CallState::Ended)
        m_ended.emplace_back(now, call.id);
    it->summary = call;
    append({Key::Kind::Call, call.id}, protocol::CallChange{call});
    return true;
}

bool StateBoard::setTurn(const QString& callId, const TranscriptTurn& turn)
{
    const auto call = m_calls.find(callId);
    if (call == m_calls.end())
        return false;
    std::vector<Turn>& turns = call->turns;
    auto it = std::find_if(turns.rbegin(), turns.rend(), [&](const Turn& known) {
        return known.turn.record.number <= turn.record.number;
    }).base(); // behind the last one that is not later; nearly always the last of all
    if (it != turns.begin() && std::prev(it)->turn.record.number == turn.record.number) {
        --it;
        if (it->turn == turn)
            return false;
        *it = {++m_seq, turn, {}};
    } else {
        it = turns.insert(it, {++m_seq, turn, {}});
    }
    call->lastTurn = m_seq;
    if (turns.size() > std::size_t(m_settings.transcriptTurns)) {
        call->turnsLost = std::max(call->turnsLost, turns.front().seq);
        turns.erase(turns.begin());
    }
    return true;
}

void StateBoard::setLogRow(const CallLogRow& row)
{
    append({Key::Kind::Log, row.id}, protocol::LogChange{row});
}

bool StateBoard::removeCall(const QString& callId)
{
    if (!m_calls.remove(callId))
        return false;
    std::erase_if(m_ended, [&callId](const auto& ended) { return ended.second == callId; });
    append({Key::Kind::Call, callId}, protocol::CallGone{callId});
    return true;
}

QStringList StateBoard::expire(Instant now)
{
    QStringList gone;
    while (!m_ended.empty() && elapsed(m_ended.front().first, now) >= m_settings.endedStay) {
        const QString id = std::move(m_ended.front().second);
        m_ended.pop_front();
        m_calls.remove(id);
        append({Key::Kind::Call, id}, protocol::CallGone{id});
        gone += id;
    }
    return gone;
}

bool StateBoard::isLive(const QString& callId) const
{
    const auto call = m_calls.constFind(callId);
    return call != m_calls.cend() && call->summary.state != CallState::Ended;
}

protocol::CallTranscript StateBoard::transcriptOf(const Call& call, qint64 seq)
{
    protocol::CallTranscript transcript{call.summary.id, seq, 1, {}};
    for (const Turn& turn : call.turns)
        transcript.turns.append(turn.turn);
    if (!call.turns.empty() && call.turnsLost > 0)
        transcript.firstTurn = call.turns.front().turn.record.number;
    return transcript;
}

std::optional<protocol::CallTranscript> StateBoard::transcript(const QString& callId) const
{
    const auto call = m_calls.constFind(callId);
    return call == m_calls.cend() ? std::nullopt : std::optional(transcriptOf(*call, m_seq));
}

bool StateBoard::holds(qint64 seq, const QSet<QString>& watched) const
{
    if (seq < m_lost || seq > m_seq)
        return false;
    return std::none_of(watched.cbegin(), watched.cend(), [&](const QString& id) {
        const auto call = m_calls.constFind(id);
        return call != m_calls.cend() && seq < call->turnsLost;
    });
}

StateBoard::Message StateBoard::delta(qint64 from, const QSet<QString>& watched, const QDateTime& at)
{
    struct Item {
        qint64 seq;
        const QByteArray* text;
    };
    std::vector<Item> items;
    // What the ring alone is enough for has the same text for everyone at that place.
    const bool hasTurns = std::any_of(watched.cbegin(), watched.cend(), [&](const QString& id) {
        const auto call = m_calls.constFind(id);
        return call != m_calls.cend() && call->lastTurn > from;
    });
    if (!hasTurns && m_deltaFrom == from && m_deltaSeq == m_seq && m_deltaAt == at)
        return m_delta;

    qint64 to = m_seq; // behind it nothing is looked at: the ring had more than a message's worth
    qsizetype bytes = 0;
    for (auto it = find(from + 1); it != m_ring.end(); ++it) {
        if (!it->isLive)
            continue;
        if (it->encoded.isEmpty()) {
            it->encoded = protocol::encodeChange(it->change);
            m_bytes += it->encoded.size();
        }
        if (!items.empty() && bytes + it->encoded.size() > m_settings.deltaBytes) {
            to = items.back().seq;
            break;
        }
        bytes += it->encoded.size();
        items.push_back({it->seq, &it->encoded});
    }
    if (hasTurns) {
        const std::size_t inRing = items.size();
        for (const QString& id : watched) {
            const auto call = m_calls.find(id);
            if (call == m_calls.end() || call->lastTurn <= from)
                continue;
            for (Turn& turn : call->turns) {
                if (turn.seq <= from || turn.seq > to)
                    continue;
                if (turn.encoded.isEmpty())
                    turn.encoded = protocol::encodeChange(protocol::TurnChange{id, turn.turn});
                items.push_back({turn.seq, &turn.encoded});
            }
        }
        if (items.size() > inRing)
            std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.seq < b.seq; });
        bytes = 0;
        for (std::size_t i = 0; i < items.size(); ++i) {
            bytes += items[i].text->size();
            if (i > 0 && bytes > m_settings.deltaBytes) {
                to = items[i - 1].seq;
                items.resize(i);
                break;
            }
        }
    }
    Message message{{}, to, to == m_seq};
    if (!items.empty()) {
        std::vector<const QByteArray*> texts;
        texts.reserve(items.size());
        for (const Item& item : items)
            texts.push_back(item.text);
        message.text = protocol::encodeDelta(from, to, at, texts);
    }
    if (!hasTurns) {
        m_deltaFrom = from;
        m_deltaSeq = m_seq;
        m_deltaAt = at;
        m_delta = message;
    }
    return message;
}

QByteArray StateBoard::snapshot(const QSet<QString>& watched, const QDateTime& at)
{
    if (m_snapshotSeq == m_seq && m_snapshotAt == at && m_snapshotWatched == watched)
        return m_snapshot;
    std::vector<const Call*> calls;
    calls.reserve(std::size_t(m_calls.size()));
    for (const Call& call : std::as_const(m_calls))
        calls.push_back(&call);
    std::sort(calls.begin(), calls.end(), [](const Call* a, const Call* b) { return a->born < b->born; });
    protocol::Snapshot snapshot{m_seq, at, m_engine, m_services, {}, {}};
    snapshot.calls.reserve(qsizetype(calls.size()));
    for (const Call* const call : calls) {
        snapshot.calls.append(call->summary);
        if (watched.contains(call->summary.id))
            snapshot.watched.append(transcriptOf(*call, m_seq));
    }
    m_snapshot = protocol::encode(protocol::ToConsole(snapshot));
    m_snapshotSeq = m_seq;
    m_snapshotAt = at;
    m_snapshotWatched = watched;
    return m_snapshot;
}

void StateBoard::append(Key key, protocol::Change change)
{
    const auto latest = m_latest.constFind(key);
    if (latest != m_latest.cend())
        release(*find(*latest));
    m_latest.insert(key, ++m_seq);
    m_ring.push_back({m_seq, std::move(key), std::move(change), {}, true});
    ++m_live;
    m_bytes += SlotBytes;
    trim();
}

void StateBoard::trim()
{
    m_snapshot.clear();
    m_snapshotSeq = -1;
    m_delta = {};
    m_deltaFrom = -1;
    while (m_live > 0 && (m_live > m_settings.replayChanges || m_bytes > m_settings.replayBytes)) {
        while (!m_ring[m_firstLive].isLive)
            ++m_firstLive;
        Slot& oldest = m_ring[m_firstLive];
        m_lost = oldest.seq;
        m_latest.remove(oldest.key);
        release(oldest);
    }
    if (qsizetype(m_ring.size()) > 2 * m_live + 256) {
        std::erase_if(m_ring, [](const Slot& slot) { return !slot.isLive; });
        m_firstLive = 0;
    }
}

void StateBoard::release(Slot& slot)
{
    --m_live;
    m_bytes -= SlotBytes + slot.encoded.size();
    slot.change = {};
    slot.key = {};
    slot.encoded = {};
    slot.isLive = false;
}

/// The first slot that is not before `seq`.
std::vector<StateBoard::Slot>::iterator StateBoard::find(qint64 seq)
{
    return std::lower_bound(
        m_ring.begin(), m_ring.end(), seq, [](const Slot& slot, qint64 wanted) { return slot.seq < wanted; });
}

} // namespace kav::control
