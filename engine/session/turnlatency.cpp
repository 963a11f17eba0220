// SPDX-License-Identifier: Apache-2.0
#include "engine/session/turnlatency.h"

#include <algorithm>

namespace kav::session {

void TurnLatency::committed(TurnInput input, Instant waitingSince, Instant at, const QString& setting)
{
    *this = {};
    m_input = input;
    m_since = std::min(waitingSince, at);
    m_ends[indexOf(LatencyPart::EndOfUtterance)] = at;
    setOwner(LatencyPart::EndOfUtterance, setting);
    setOwner(LatencyPart::Playout, QStringLiteral("media.lead"));
}

void TurnLatency::note(LatencyPart part, Instant at)
{
    auto& end = m_ends[indexOf(part)];
    if (!end)
        end = at;
}

void TurnLatency::sounded(Instant at, Sound sound)
{
    if (!hasSounded())
        m_sound = sound;
    note(LatencyPart::Playout, at);
    if (sound != Sound::WaitingLine && !m_answered)
        m_answered = at;
}

void TurnLatency::replaced(Instant at)
{
    m_ends[indexOf(LatencyPart::Recognition)] = at;
    for (const LatencyPart part : {LatencyPart::FirstToken, LatencyPart::FirstSentence, LatencyPart::FirstAudio})
        m_ends[indexOf(part)].reset();
}

bool TurnLatency::happens(LatencyPart part) const
{
    switch (part) {
    case LatencyPart::EndOfUtterance:
        return m_input == TurnInput::Voice || m_input == TurnInput::Message || m_input == TurnInput::Keypad;
    case LatencyPart::Recognition:
        return m_input == TurnInput::Voice;
    case LatencyPart::FirstToken:
    case LatencyPart::FirstSentence:
    case LatencyPart::FirstAudio:
    case LatencyPart::Playout:
        break;
    }
    return true;
}

std::optional<Milliseconds> TurnLatency::answeredAfter() const
{
    return m_answered ? std::optional(elapsed(m_since, std::max(m_since, *m_answered))) : std::nullopt;
}

LatencyParts TurnLatency::parts() const
{
    LatencyParts result;
    const auto& commit = m_ends[indexOf(LatencyPart::EndOfUtterance)];
    if (!commit)
        return result;
    // Every end is rounded as the whole is, and the parts are what lies between: so they sum to it exactly.
    const auto& sound = m_ends[indexOf(LatencyPart::Playout)];
    const auto until = [&](Instant end) {
        return elapsed(m_since, std::max(m_since, sound ? std::min(end, *sound) : end));
    };
    Milliseconds before{0};
    const auto add = [&](LatencyPart part, Milliseconds end) {
        end = std::max(end, before);
        result.spans.append({part, end - before, owner(part)});
        before = end;
    };

    int last = -1; // of the parts that ended before the sound
    LatencyPart waitedFor = LatencyPart::Playout; // when it came
    for (const LatencyPart part : LatencyPartsInOrder) {
        const auto& end = m_ends[indexOf(part)];
        if (part == LatencyPart::Playout || !happens(part))
            continue;
        if (end && (!sound || *end <= *sound || m_sound == Sound::Answer)) {
            last = static_cast<int>(part);
            waitedFor = LatencyPart::Playout;
        } else if (waitedFor == LatencyPart::Playout) {
            waitedFor = part;
        }
    }
    for (const LatencyPart part : LatencyPartsInOrder) {
        const auto& end = m_ends[indexOf(part)];
        if (static_cast<int>(part) <= last && end && happens(part))
            add(part, until(*end));
    }
    if (sound) {
        const Milliseconds whole = until(*sound);
        add(m_sound == Sound::Answer ? LatencyPart::Playout : waitedFor, whole);
        result.filler = m_sound == Sound::WaitingLine;
        if (m_input != TurnInput::Opening)
            result.total = whole;
    }
    if (m_answered)
        result.answer = std::chrono::duration_cast<std::chrono::microseconds>(*m_answered - *commit);
    return result;
}

} // namespace kav::session
