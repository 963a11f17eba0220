// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/telephony/formbody.h"
#include "engine/telephony/twimldocument.h"
#include "shared/core/clock.h"

#include <QList>
#include <QString>
#include <QUrl>

#include <deque>
#include <optional>

namespace kav::telephony {

/// What an interpreter asks of the line that it works for.
class TwimlLine {
public:
    virtual ~TwimlLine() = default;
    /// Requests the next document; TwimlInterpreter::obey() follows, or the call ends.
    virtual void fetchDocument(const QUrl& url, const QString& method, const QList<FormField>& more) = 0;
    /// TwimlInterpreter::goOn() or followAction() follows when the stream is over.
    virtual void openStream(const TwimlVerb& connectVerb, const TwimlVerb& stream) = 0;
    /// TwimlInterpreter::dialEnded() follows.
    virtual void dial(const TwimlVerb& verb) = 0;
    virtual void recordingEnded(const TwimlVerb& record, const QList<FormField>& fields, bool isAbsent) = 0;
    virtual void note(const QString& what, const QString& detail) = 0; ///< for the timeline
    /// The document is through. `isHangup`: it says so, or refuses the call for `reason`.
    virtual void documentEnded(bool isHangup, const QString& reason) = 0;
};

/// Obeys TwiML documents as Twilio does, verb by verb, on one leg of a call: what is said takes its time, Gather takes
/// speech and keys, Record records until silence, a document's end is the call's. It knows no network and no audio: the
/// line fetches, streams and dials; the person on the line is told in speechBegan(), speechEnded() and key(). Pure:
/// told the time by its owner, which calls advance() as often as it likes, and must do so from outside of TwimlLine's
/// methods.
class TwimlInterpreter final {
public:
    /// `confidence`: what Gather reports of speech.
    explicit TwimlInterpreter(TwimlLine& line, double confidence = 0.93);

    /// Drops what is under way and obeys this. `url`: where it came from, for relative URLs; empty: sent by REST.
    void obey(const TwimlDocument& document, const QUrl& url, Instant now);
    /// Lets time pass: ends what is over and goes on with the document.
    void advance(Instant now);
    /// Drops the verb under way and the rest of the document.
    void drop();

    void speechBegan(Instant now);
    void speechEnded(const QString& text, Milliseconds length, Instant now);
    void key(QChar digit, Instant now);
    /// The caller hangs up; a recording under way ends, and its action is told.
    void hangUp(Instant now);

    /// The stream or the dial is over: the verb's action, when it has one, else the next verb.
    void streamEnded(const QList<FormField>& fields, Instant now);
    void dialEnded(const QList<FormField>& fields, Instant now);

    bool isSpeaking() const; ///< something is said or played to the caller
    bool isListening() const { return m_doing == Doing::Gathering || m_doing == Doing::Recording; }
    bool isDialling() const { return m_doing == Doing::Dialling; }
    Instant speaksSince() const { return m_since; } ///< of what is said now
    std::optional<Instant> lastSpoke() const { return m_lastSpoke; }
    /// The caller was asked for something, or passed on: more than a voice that says goodbye.
    bool hasConversed() const { return m_conversed; }

private:
    enum class Doing { Nothing, Saying, Pausing, Gathering, Recording, Streaming, Dialling, Fetching, Ended };

    void next(Instant now);
    void begin(const TwimlVerb& verb, Instant now);
    void say(Milliseconds length, const TwimlVerb& verb, Instant now);
    void stopSaying(Instant now);
    void nextPrompt(Instant now);
    void gathered(const QList<FormField>& fields);
    void gatherTimedOut(Instant now);
    void recorded(const QString& ended, Instant now, bool callGoesOn = true);
    void follow(const QString& action, const QString& method, const QList<FormField>& fields);
    QUrl resolved(const QString& reference) const;

    TwimlLine& m_line;
    const double m_confidence;
    std::deque<TwimlVerb> m_verbs; ///< still to be obeyed
    std::deque<TwimlVerb> m_prompts; ///< of the Gather under way
    TwimlVerb m_verb; ///< under way
    QUrl m_url;
    Doing m_doing = Doing::Nothing;
    bool m_prompting = false, m_promptIsHeard = false;
    Instant m_since, m_until;
    std::optional<Instant> m_lastSpoke;
    QString m_digits, m_speech;
    bool m_callerSpeaks = false;
    Milliseconds m_recorded{0};
    bool m_conversed = false;
};

} // namespace kav::telephony
