// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"
#include "shared/core/clock.h"

#include <QByteArray>
#include <QString>

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace kav::telephony {

/// A stretch of audio that was heard: mu-law bytes from a position on the line, in samples since the stream's start.
struct PlayedAudio final {
    quint64 position = 0;
    QByteArray mulaw;
};

/// A model of the buffer in which Twilio keeps the audio it was sent: bytes are played in order at 8000 a second of
/// real time, marks stand in the same queue and come back when everything before them has been played, `clear` throws
/// all of it away and returns every mark at once. Pure: owned by a caller (or a test), told the time with every call.
///
/// The line's own clock starts with the first `now` given to start(). Audio that arrives while nothing is playing
/// starts at once; there is no jitter buffer.
class TwilioBuffer final {
public:
    struct Counters final {
        quint64 bytesQueued = 0, bytesPlayed = 0, bytesCleared = 0, bytesRefused = 0, marks = 0, clears = 0;
    };

    void start(Instant now);
    bool isStarted() const { return m_started; }

    /// Queues audio; the marks reached meanwhile. What would exceed the limit is refused and counted.
    [[nodiscard]] std::vector<QString> media(std::span<const quint8> mulaw, Instant now);
    /// Queues a mark; the marks that come back now (it, when the queue is empty; and those reached meanwhile).
    [[nodiscard]] std::vector<QString> mark(const QString& name, Instant now);
    /// Drops everything; all marks come back, those really reached first.
    [[nodiscard]] std::vector<QString> clear(Instant now);
    /// Plays up to `now`: the marks reached, in order.
    [[nodiscard]] std::vector<QString> advance(Instant now);

    /// What was heard since the last call, in order, silences left out.
    std::vector<PlayedAudio> takePlayed();
    /// Audio waiting to be played.
    Milliseconds queued() const { return media::durationOf(static_cast<std::size_t>(m_queuedBytes)); }
    /// When the audio now queued will have been played.
    Instant emptyAt(Instant now) const;
    const Counters& counters() const { return m_counters; }

    /// Ten minutes of audio: Twilio's own limit is not documented.
    static constexpr qsizetype MaxQueuedBytes = 600 * media::SampleRate;
    /// Past it a mark is returned at once instead of being kept.
    static constexpr std::size_t MaxQueuedMarks = 10'000;

private:
    struct Item final {
        QByteArray mulaw; ///< empty for a mark
        qsizetype played = 0;
        QString mark;
        bool isMark = false;
    };
    quint64 positionAt(Instant now) const;
    void collectMarks(std::vector<QString>& reached);

    std::deque<Item> m_queue;
    std::vector<PlayedAudio> m_heard;
    Instant m_start;
    quint64 m_position = 0; ///< samples since the start: everything before it is settled
    qsizetype m_queuedBytes = 0;
    std::size_t m_queuedMarks = 0;
    bool m_started = false;
    Counters m_counters;
};

} // namespace kav::telephony
