// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"
#include "shared/core/clock.h"

#include <QByteArray>
#include <QString>

#include <cstdint>
#include <deque>
#include <optional>
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
    Milliseconds length{0}; ///< of the audio received from the synthesiser so far
    Milliseconds heard{0};
    bool complete = false; ///< all of it was heard
    bool operator==(const HeardSentence&) const = default;
};

/// The agent's voice on its way to the caller: a queue of sentences, sent as 20 ms frames at most `lead` ahead of the
/// playout clock, one mark per sentence. Pure: owned by a CallSession, lives on its worker, has no socket, timer or
/// clock of its own; the worker's tick calls poll().
///
/// A *speech* is one answer (or greeting, or prompt); each has a generation that is part of every mark's name, so that
/// the marks Twilio returns at once after `clear` are told from real ones. The heard position is the last true mark,
/// carried on by the playout clock (audio plays in real time from when it was sent) when marks are late or lost; it
/// never passes what was sent.
///
/// The clock starts when a frame is sent, not when it sounds: `clear` travels as long as the audio did, so at the
/// moment it takes effect the caller has heard just what this clock said when it was sent. A mark moves the position
/// only forward: a late mark cannot be told from late sound, and what was taken as heard is never taken back.
///
/// Marks are named "g<generation>.s<sentence>". Each speech has a generation, and so has what is sent after resume():
/// the marks of before the pause come back when `clear` empties Twilio's buffer, and are stale.
///
/// Memory: the audio of one answer; a sentence's is let go when its mark returns, all of it at cut() and beginSpeech().
class Playout final {
public:
    struct Settings final {
        Milliseconds lead{400}; ///< audio sent ahead of the playout clock, at most
        Milliseconds markGrace{5000}; ///< a mark later than this after its due time is taken as lost (counted)
        Milliseconds longestSpeech{std::chrono::minutes(10)}; ///< audio of one speech past this is dropped (counted)
    };
    struct Counters final {
        quint64 framesSent = 0, marksSent = 0, marksReturned = 0, staleMarks = 0, lostMarks = 0, clears = 0;
        quint64 underruns = 0; ///< the queue ran dry in mid-speech: synthesis was slower than speech
        quint64 samplesDropped = 0; ///< over Settings::longestSpeech
    };

    explicit Playout(const Settings& settings);

    /// Opens a speech; the one before must be over (drained or cut), what it had not sent is forgotten. Its generation,
    /// which only grows (resume() takes a new one too, so the next speech's need not be the next number).
    quint32 beginSpeech();
    /// The next sentence of the open speech. Audio follows by appendAudio().
    void appendSentence(int index, const QString& text);
    /// mu-law of the sentence last appended; any length. Frames are cut here; the tail is padded with silence at
    /// endSentence(). Ignored when no sentence is open: what a synthesiser delivers after cut() belongs to nothing.
    void appendAudio(std::span<const quint8> mulaw);
    void endSentence();
    /// No more sentences: drained() becomes true when the last has been heard.
    void endSpeech();

    /// Sends what is due at `now`. Called every tick, even when idle. Catch-up after a stall is capped by the lead.
    void poll(Instant now, PlayoutSink& sink);
    /// A mark came back.
    void onMark(const QString& name, Instant now);

    /// Stops the sound now: `clear` is sent when audio that no mark has confirmed may still be in Twilio's buffer, and
    /// what was not heard is kept for resume(). No effect when paused; nothing is left to pause when drained.
    void pause(Instant now, PlayoutSink& sink);
    /// Goes on from the heard position, back to the start of the frame heard last.
    void resume(Instant now);
    /// Stops the sound for good and forgets what was not heard. Legal at any time; returns what was heard of the
    /// speech.
    std::vector<HeardSentence> cut(Instant now, PlayoutSink& sink);

    bool isPaused() const;
    /// The open speech has sound to begin with, or to go on with after it ran dry: worth a poll() before the next tick.
    /// While sound flows, frames leave with the ticks, evenly.
    bool isWaitingForSound() const;
    /// There is an open speech that is not drained (as of the last instant given to any method).
    bool isActive() const;
    /// At least one frame of the open speech has been sent.
    bool hasStarted() const;
    /// The speech ended and all of it has been heard (by marks, or by the clock when they are lost).
    bool drained(Instant now) const;
    /// Per sentence of the speech last opened, what has been heard by `now`. A sentence that ended without any audio is
    /// never complete: nobody heard it.
    std::vector<HeardSentence> heard(Instant now) const;
    /// Audio queued and not yet sent.
    Milliseconds queued() const;
    const Counters& counters() const;

private:
    // Positions count samples or frames from the speech's start; every sentence begins on a frame.
    struct Sentence final {
        std::size_t endFrame() const { return firstFrame + frames; }

        int index = 0;
        QString text;
        std::vector<quint8> audio; // from firstFrame on; empty once confirmed
        std::size_t firstFrame = 0;
        std::size_t frames = 0; // whole ones; the padded tail counts from endSentence()
        std::size_t samples = 0; // received, without padding
        bool ended = false;
    };
    struct Mark final {
        int index = 0;
        std::size_t sentence = 0; // in m_sentences
        quint64 wireFrames = 0; // m_wireSent when it was sent
        Instant due; // when the audio before it will have played
    };

    Sentence* openSentence();
    void see(Instant now);
    void dropLostMarks(Instant now);
    void sendDueFrames(Instant now, PlayoutSink& sink);
    void sendFrame(const Sentence& sentence, Instant now, PlayoutSink& sink);
    void finishSentence(const Sentence& sentence, Instant now, PlayoutSink& sink);
    bool stopClock(Instant now);
    std::size_t heardSamples(Instant now) const;
    std::size_t totalFrames() const;
    std::optional<int> indexInMark(QStringView name) const;

    const Settings m_settings;
    Counters m_counters;
    std::vector<Sentence> m_sentences;
    std::deque<Mark> m_marks; // sent and not returned, of the present generation
    quint32 m_generation = 0;
    bool m_open = false;
    bool m_ended = false; // endSpeech() was called
    bool m_paused = false;
    bool m_started = false; // a frame of this speech was sent
    bool m_starved = false; // the last poll ended for want of audio, not because of the lead
    std::size_t m_cursor = 0; // the sentence being sent; those before it are sent, their marks too
    std::size_t m_nextFrame = 0; // the first not sent

    // The playout clock: frames m_runFirst..m_nextFrame play without a gap from m_runStart on.
    std::optional<Instant> m_runStart;
    std::size_t m_runFirst = 0;
    std::size_t m_heardFloor = 0; // samples known to be heard, whatever the clock says
    std::optional<Instant> m_nextDue; // of the next frame, once the polls of this run have a beat
    Instant m_bufferEnd; // when Twilio's buffer will be empty; across speeches
    Instant m_seen; // the latest instant given

    // Frames over the life of the call: what the wire has had, and what a mark or a clear has settled.
    quint64 m_wireSent = 0;
    quint64 m_wireSettled = 0;
};

} // namespace kav::media
