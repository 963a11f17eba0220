// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QFlags>
#include <QList>
#include <QString>
#include <QStringList>

#include <chrono>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

// Writing TwiML. Text is escaped and stripped of what XML cannot hold; nothing is ever pasted.
namespace kav::webhooks {

// Twilio's verbs and nouns, each with the attributes that Kav has a use for, under Twilio's names. What a member holds
// when nothing is said is what Twilio does when the attribute is not there, and then it is not written. Plain values.
namespace twiml {

enum class Method { Post, Get };

/// Twilio's own voice. A long text is written as several <Say>, parted where sentences end.
struct Say final {
    QString text{};
    QString language{}; ///< empty: the account's
    QString voice{}; ///< empty: the account's for the language
    int loop = 1; ///< 0: until the call ends; a text that is parted is then said once
};
struct Play final {
    QString url{};
    int loop = 1; ///< 0: a thousand times
    QString digits{}; ///< keypad tones instead of a file; 'w' is half a second
};
struct Pause final {
    std::chrono::seconds length{1};
};
struct Redirect final {
    QString url{};
    Method method = Method::Post;
};
struct Hangup final { };
/// Only before the call is answered.
struct Reject final {
    enum class Reason { Rejected, Busy };
    Reason reason = Reason::Rejected;
};

using Prompt = std::variant<Say, Play, Pause>;

/// Waits for keys or words; without any, the document goes on.
struct Gather final {
    enum class Input { Keys, Speech, KeysAndSpeech };
    Input input = Input::Keys;
    QString action{}; ///< empty: the document's own URL
    Method method = Method::Post;
    std::chrono::seconds timeout{5};
    int numDigits = 0; ///< 0: until the finish key or the time-out
    QString finishOnKey = QStringLiteral("#"); ///< empty: none
    bool actionOnEmptyResult = false;
    QString language{};
    std::optional<std::chrono::seconds> speechTimeout{}; ///< of silence after words; 0: Twilio decides; none: `timeout`
    QStringList hints{}; ///< words that are likely
    bool bargeIn = true;
    bool profanityFilter = true;
    std::vector<Prompt> prompts{};
};

enum class RecordingEvent { InProgress = 1, Completed = 2, Absent = 4 };
Q_DECLARE_FLAGS(RecordingEvents, RecordingEvent)
enum class CallEvent { Initiated = 1, Ringing = 2, Answered = 4, Completed = 8 };
Q_DECLARE_FLAGS(CallEvents, CallEvent)

/// A message. What follows is reached only when nothing was recorded.
struct Record final {
    QString action{}; ///< empty: the document's own URL, which then comes round again
    Method method = Method::Post;
    std::chrono::seconds timeout{5}; ///< of silence; 0: none
    QString finishOnKey = QStringLiteral("1234567890*#"); ///< empty: none
    std::chrono::seconds maxLength{3600};
    bool playBeep = true;
    bool trimSilence = true;
    QString recordingStatusCallback{};
    Method recordingStatusCallbackMethod = Method::Post;
    RecordingEvents recordingStatusCallbackEvent = RecordingEvent::Completed;
    bool transcribe = false; ///< costs, and knows English only
};

struct Number final {
    QString number{}; ///< E.164
    QString url{}; ///< TwiML for the one who answers, before the two are connected
    Method method = Method::Post;
    QString sendDigits{};
    QString statusCallback{};
    Method statusCallbackMethod = Method::Post;
    CallEvents statusCallbackEvent = CallEvent::Completed;
    enum class Detection { Off, Enable, DetectMessageEnd };
    Detection machineDetection = Detection::Off;
    QString amdStatusCallback{};
    Method amdStatusCallbackMethod = Method::Post;
    std::chrono::seconds machineDetectionTimeout{30};
    std::chrono::milliseconds machineDetectionSpeechThreshold{2400};
    std::chrono::milliseconds machineDetectionSpeechEndThreshold{1200};
    std::chrono::milliseconds machineDetectionSilenceTimeout{5000};
};

struct Conference final {
    enum class Beep { Always, Never, OnEnter, OnExit };
    enum class Event {
        Start = 1,
        End = 2,
        Join = 4,
        Leave = 8,
        Mute = 16,
        Hold = 32,
        Modify = 64,
        Speaker = 128,
        Announcement = 256
    };
    Q_DECLARE_FLAGS(Events, Event)
    QString name{};
    bool muted = false;
    Beep beep = Beep::Always;
    bool startConferenceOnEnter = true;
    bool endConferenceOnExit = false;
    std::optional<QString> waitUrl{}; ///< none: Twilio's music; empty: silence
    Method waitMethod = Method::Post;
    int maxParticipants = 250;
    QString participantLabel{};
    QString coach{}; ///< the call that hears this one, and nobody else does
    bool record = false;
    QString recordingStatusCallback{};
    Method recordingStatusCallbackMethod = Method::Post;
    RecordingEvents recordingStatusCallbackEvent = RecordingEvent::Completed;
    QString statusCallback{};
    Method statusCallbackMethod = Method::Post;
    Events statusCallbackEvent{};
};

/// To numbers, of which the first to answer is taken, or to a conference.
struct Dial final {
    enum class Recording { Off, FromAnswer, FromRinging, FromAnswerDual, FromRingingDual };
    QString action{}; ///< empty: the document goes on
    Method method = Method::Post;
    std::chrono::seconds timeout{30};
    std::chrono::seconds timeLimit{14400};
    QString callerId{}; ///< empty: the caller's
    bool answerOnBridge = false;
    bool hangupOnStar = false;
    bool sequential = false;
    QString ringTone{}; ///< a country: "il"
    Recording record = Recording::Off;
    QString recordingStatusCallback{};
    Method recordingStatusCallbackMethod = Method::Post;
    RecordingEvents recordingStatusCallbackEvent = RecordingEvent::Completed;
    std::vector<Number> numbers{};
    std::optional<Conference> conference{};
};

struct Stream final {
    enum class Track { Inbound, Outbound, Both };
    QString url{}; ///< wss
    QString name{}; ///< empty: Twilio names it by its sid
    Track track = Track::Inbound; ///< in <Connect> nothing else can be had
    QString statusCallback{};
    Method statusCallbackMethod = Method::Post;
    /// Arrive in `start`. Name and value are cut to under 500 characters; one without a name, or whose name alone is
    /// longer, is left out.
    QList<std::pair<QString, QString>> parameters{};
};
/// In both directions; the document waits until it is over.
struct Connect final {
    Stream stream{};
    QString action{}; ///< requested when the stream is over; empty: the document goes on
    Method method = Method::Post;
};
/// To listen beside the call; the document goes on at once.
struct Start final {
    Stream stream{};
};

Q_DECLARE_OPERATORS_FOR_FLAGS(RecordingEvents)
Q_DECLARE_OPERATORS_FOR_FLAGS(CallEvents)
Q_DECLARE_OPERATORS_FOR_FLAGS(Conference::Events)

} // namespace twiml

/// One element with its attributes in order; what a verb becomes on its way to XML. A plain value.
struct TwimlElement final {
    QString name;
    QList<std::pair<QString, QString>> attributes;
    QString text;
    std::vector<TwimlElement> children;

    TwimlElement() = default;
    TwimlElement(const twiml::Say& say);
    TwimlElement(const twiml::Play& play);
    TwimlElement(const twiml::Pause& pause);
    TwimlElement(const twiml::Redirect& redirect);
    TwimlElement(const twiml::Hangup& hangup);
    TwimlElement(const twiml::Reject& reject);
    TwimlElement(const twiml::Gather& gather);
    TwimlElement(const twiml::Record& record);
    TwimlElement(const twiml::Dial& dial);
    TwimlElement(const twiml::Connect& connect);
    TwimlElement(const twiml::Start& start);

    /// Adds an attribute; an empty value adds nothing.
    TwimlElement& with(const QString& attribute, const QString& value);
    TwimlElement& with(TwimlElement child);
};

/// The document: declaration, <Response>, the verbs. Twilio takes no more than 64 KB: the last verbs are left out where
/// that is needed, and the log says so.
QByteArray writeTwiml(const std::vector<TwimlElement>& verbs);

TwimlElement sayVerb(const QString& text, const QString& language, const QString& voice = {});
TwimlElement hangupVerb();
/// Any other verb or noun, by Twilio's name.
TwimlElement twimlVerb(const QString& name, const QString& text = {});

/// What is offered to Twilio for a call's audio.
struct StreamOffer final {
    QString url{}; ///< wss
    QString action{}; ///< requested when the stream is over; empty: the document goes on
    QString statusCallback{};
    QString name{}; ///< empty: Twilio names it by its sid
    QList<std::pair<QString, QString>> parameters{}; ///< as twiml::Stream's
};
TwimlElement connectVerb(const StreamOffer& offer);

} // namespace kav::webhooks
