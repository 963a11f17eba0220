// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/model/call.h"

#include <array>
#include <optional>

namespace kav::session {

/// The instants of one turn, and the parts of the caller's wait that they make. Pure; one per turn, owned by it.
///
/// Instants may come in any order, twice, or never: what was made ahead of the commit took no time of the caller's, and
/// the time of a part that did not happen belongs to the next. The wait ends at the first sound, whatever it is; when
/// that was not the answer, the part that was still being waited for ends there, and those after it have no span.
class TurnLatency final {
public:
    enum class Sound {
        Answer,
        WaitingLine, ///< the answer is yet to come
        StandIn, ///< a line in the answer's place
    };

    /// `waitingSince`: the end of the caller's words or keys; `setting` is what asked for the pause from there.
    void committed(TurnInput input, Instant waitingSince, Instant at, const QString& setting);
    /// Only the first of each counts.
    void wordsKnown(Instant at) { note(LatencyPart::Recognition, at); }
    void firstToken(Instant at) { note(LatencyPart::FirstToken, at); }
    void firstSentence(Instant at) { note(LatencyPart::FirstSentence, at); }
    void firstAudio(Instant at) { note(LatencyPart::FirstAudio, at); }
    void sounded(Instant at, Sound sound);
    /// The words were others: what was made of the earlier ones is thrown away.
    void replaced(Instant at);
    /// The model was left for the next one: what it began does not count.
    void modelLeft() { m_ends[indexOf(LatencyPart::FirstToken)].reset(); }
    void setOwner(LatencyPart part, const QString& owner) { m_owners[indexOf(part)] = owner; }
    QString owner(LatencyPart part) const { return m_owners[indexOf(part)]; }

    bool has(LatencyPart part) const { return m_ends[indexOf(part)].has_value(); }
    /// When the caller began to wait; nothing before the commit.
    std::optional<Instant> since() const
    {
        return has(LatencyPart::EndOfUtterance) ? std::optional(m_since) : std::nullopt;
    }
    bool hasSounded() const { return has(LatencyPart::Playout); }
    /// From the end of the caller's words to the first sound of the answer, or of the line in its place.
    std::optional<Milliseconds> answeredAfter() const;
    LatencyParts parts() const;

private:
    static constexpr size_t indexOf(LatencyPart part) { return static_cast<size_t>(part); }
    void note(LatencyPart part, Instant at);
    bool happens(LatencyPart part) const;

    TurnInput m_input = TurnInput::Opening;
    Instant m_since;
    std::array<std::optional<Instant>, LatencyPartsInOrder.size()> m_ends; // of each part
    std::array<QString, LatencyPartsInOrder.size()> m_owners;
    Sound m_sound = Sound::Answer; // the first
    std::optional<Instant> m_answered;
};

} // namespace kav::session
