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

namespace kav::media {

/// What Playout writes to the wire; implemented by the call's stream, and by a list in tests.
class PlayoutSink {
public:
    virtual ~PlayoutSink() = default;
    virtual void sendMedia(std::span<const quint8> mulaw) = 0;
    virtual void sendMark(const QString& name) = 0;
    virtual void sendClear() = 0;
};

/// How much of one sentence the caller heard.
struct HeardSentence final {
    int index = 0; ///< as given to appendSentence()
    QString text;
    Milliseconds length { 0 }; ///< of the audio received from the synthesiser so far
    Milliseconds heard { 0 };
    bool complete = false; ///< all of it was heard
    bool operator==(const HeardSentence&) const = default;
};

/// The agent's voice on its way to the caller: a queue of sentences, sent as 20 ms frames at most `lead` ahead of the
/// playout clock, one mark per sentence. Pure: owned by a CallSession, lives on its worker, has no socket, timer or clock
/// of its own; the worker's tick calls poll().
///
/// A *speech* is one answer (or greeting, or prompt); each has a generation that is part of every mark's name, so that
/// the marks Twilio returns at once after `clear` are told from real ones. The heard position is the last true mark,
/// carried on by the playout clock (audio plays in real time from when it was sent) when marks are late or lost; it
/// never passes what was sent.
class Playout final {
public:
    struct Settings final {
        Milliseconds lead { 400 }; ///< audio sent ahead of the playout clock, at most
        Milliseconds markGrace { 5000 }; ///< a mark later than this after its due time is taken as lost (counted)
    };
    struct Counters final {
        quint64 framesSent = 0, marksSent = 0, marksReturned = 0, staleMarks = 0, lostMarks = 0, clears = 0;
        quint64 underruns = 0; ///< the queue ran dry in mid-speech: synthesis was slower than speech
    };

    explicit Playout(const Settings& settings);

    /// Opens a speech; the one before must be over (drained or cut). Its generation, which only grows.
    quint32 beginSpeech();
    /// The next sentence of the open speech. Audio follows by appendAudio().
    void appendSentence(int index, const QString& text);
    /// mu-law of the sentence last appended; any length. Frames are cut here; the tail is padded with silence at
    /// endSentence().
    void appendAudio(std::span<const quint8> mulaw);
    void endSentence();
    /// No more sentences: drained() becomes true when the last has been heard.
    void endSpeech();

    /// Sends what is due at `now`. Called every tick, even when idle. Catch-up after a stall is capped by the lead.
    void poll(Instant now, PlayoutSink& sink);
    /// A mark came back.
    void onMark(const QString& name, Instant now);

    /// Stops the sound now: `clear` is sent when audio that no mark has confirmed may still be in Twilio's buffer, and
    /// what was not heard is kept for resume(). No effect when paused.
    void pause(Instant now, PlayoutSink& sink);
    /// Goes on from the heard position, back to the start of the frame heard last.
    void resume(Instant now);
    /// Stops the sound for good and forgets what was not heard. Legal at any time; returns what was heard of the speech.
    std::vector<HeardSentence> cut(Instant now, PlayoutSink& sink);

    bool isPaused() const;
    /// There is an open speech that is not drained.
    bool isActive() const;
    /// At least one frame of the open speech has been sent.
    bool hasStarted() const;
    /// The speech ended and all of it has been heard (by marks, or by the clock when they are lost).
    bool drained(Instant now) const;
    /// Per sentence of the speech last opened, what has been heard by `now`.
    std::vector<HeardSentence> heard(Instant now) const;
    /// Audio queued and not yet sent.
    Milliseconds queued() const;
    const Counters& counters() const;

private:
    struct Sentence;
    // Private data is the implementer's.
};

} // namespace kav::media
