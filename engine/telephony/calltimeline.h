// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"

#include <QByteArray>
#include <QString>

#include <optional>
#include <vector>

namespace kav::telephony {

/// One line of what happened in a call, as the caller's end saw it.
struct TimelineEvent final {
    Milliseconds at{0}; ///< since the call began (the webhook was sent)
    QString who; ///< "caller", "agent" or "line"
    QString what; ///< "speaks", "stops", "mark", "clear", "dtmf", "webhook", ...
    QString detail; ///< may be empty

    bool operator==(const TimelineEvent&) const = default;
};

/// What happened in a call, in order of time. A plain value.
class CallTimeline final {
public:
    void add(TimelineEvent event);
    const std::vector<TimelineEvent>& events() const { return m_events; }
    /// The first event of that kind, or null.
    const TimelineEvent* find(QStringView who, QStringView what) const;
    int count(QStringView who, QStringView what) const;

    /// For people: one aligned line per event, seconds first.
    QString toText() const;
    /// For programs: one JSON object per line {"ms","who","event","detail"}.
    QByteArray toJsonLines() const;

private:
    std::vector<TimelineEvent> m_events;
};

/// Hears whether someone speaks, by the level alone: good enough for a line on which only one voice plays. Feed it
/// frames in order. A plain value.
class SpeechWatcher final {
public:
    struct Change final {
        bool speaking = false;
        Milliseconds at{0}; ///< when it really happened: the start of the first, or the end of the last loud frame
    };
    /// `loudRms`: at or above it a frame is loud (-44 dBFS by default). `hold`: silence for so long ends the speech.
    explicit SpeechWatcher(int loudRms = 200, Milliseconds hold = Milliseconds(300));

    std::optional<Change> feed(int rms, Milliseconds frameBegin, Milliseconds frameEnd);
    bool isSpeaking() const { return m_speaking; }
    Milliseconds began() const { return m_began; } ///< of the present or the last speech
    std::optional<Milliseconds> lastLoud() const { return m_lastLoud; } ///< end of the last loud frame

private:
    int m_loudRms;
    Milliseconds m_hold;
    Milliseconds m_began{0};
    std::optional<Milliseconds> m_lastLoud;
    bool m_speaking = false;
};

} // namespace kav::telephony
