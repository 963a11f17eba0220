// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"
#include "shared/core/error.h"

#include <QByteArray>
#include <QJsonObject>
#include <QList>
#include <QMap>
#include <QObject>
#include <QString>
#include <QStringList>

#include <memory>
#include <span>

// The three interfaces every vendor implements. A provider (SpeechToText, ...) is made once by the registry on a pool
// thread, is immutable afterwards and shared by all threads; what it opens (a stream, a conversation, a speech) belongs
// to the thread that opened it: its methods are called there, never block there, and its signals are emitted there.
// Deleting such an object cancels its work; no signal follows. After finished() or failed() for an id nothing more is
// emitted for that id.
namespace kav::providers {

//
// The code of an Error says for whom it holds, for failover::Health lets providers rest by it. Of a provider in use:
//   Invalid                          this one thing cannot be had here: too long a text, a language, voice or grammar
//   it
//                                    has not, a persona's model that is not there, words that its filter lets not
//                                    through, an answer past all bounds, more at once than one call may ask. The next
//                                    provider is asked for it; other calls, and this call's next thing, keep this one.
//   Denied, NotFound, LimitExceeded  it refuses us all: key or account, address or model of the settings, quota
//   Timeout                          it stalls
//   Unavailable, Io, Internal        a fault of its own, an answer that makes no sense included
// A maker's Error may be Invalid for a setting.

struct CallInfo;

// ---- speech to text ------------------------------------------------------------------------------------------------
struct RecognitionContext final {
    QString language = QStringLiteral("en-US"); ///< BCP-47
    QString grammarName; ///< names the grammar for caches: equal names mean equal grammars
    QString grammar; ///< JSGF text with one public rule, or empty: free speech
    QStringList phrases; ///< hints for recognisers that take no grammar
    bool digits = false; ///< the caller is expected to say a number
};

struct Transcript final {
    QString text; ///< lower case words; spoken digits as words ("five five five"); empty: nothing was understood
    double confidence = 0; ///< 0..1; 0 when unknown
    bool stable = false; ///< of a partial: not expected to change
};

/// The recogniser of one call. Utterances follow one another; ids only grow.
class SpeechToTextStream : public QObject {
    Q_OBJECT
public:
    virtual void beginUtterance(int utterance, const RecognitionContext& context) = 0;
    /// Audio of the open utterance; copied or queued, bounded. Ignored when none is open.
    virtual void write(std::span<const qint16> pcm) = 0;
    /// No more audio of this utterance: finished() or failed() follows.
    virtual void endUtterance(int utterance) = 0;
    /// Its result is no longer wanted; nothing more is emitted for it.
    virtual void dropUtterance(int utterance) = 0;

Q_SIGNALS:
    void partial(int utterance, const kav::providers::Transcript& transcript);
    void finished(int utterance, const kav::providers::Transcript& transcript);
    void failed(int utterance, const kav::Error& error);
};

class SpeechToText {
public:
    virtual ~SpeechToText() = default;
    virtual QString name() const = 0; ///< "pocketsphinx", for logs and records
    /// BCP-47; false only when it is known that it does not.
    virtual bool speaks(const QString& language) const
    {
        Q_UNUSED(language)
        return true;
    }
    virtual std::unique_ptr<SpeechToTextStream> open(const CallInfo& call) = 0;
    /// The telephone rings: connections may be opened, on the thread that asks. Cheap when they are open.
    virtual void connectAhead() { }
};

// ---- language model --------------------------------------------------------------------------------------------------
/// What the caller is expected to do next; it shapes recognition, end of utterance and the keypad.
struct Expectation final {
    enum class Kind { Speech, Digits, Message, KeypadOnly };
    Kind kind = Kind::Speech;
    RecognitionContext recognition;
    int keypadMin = 0, keypadMax = 0; ///< keys of one entry; 0..0: a single key at any time is an entry of one
    char keypadFinish = '#'; ///< the key that closes an entry; 0: none does
    std::chrono::milliseconds keypadPause { 3000 }; ///< silence after a key that closes an entry of at least keypadMin
    bool interruptible = true; ///< the answer that carries this expectation may be interrupted
    /// Card digits, a code: no recording, log or screen gets what the caller says or keys.
    bool sensitive = false;
    bool keptFromModel = false; ///< nor does the model, which gets a reference for its tools
};

/// The caller's side of one turn.
struct UserTurn final {
    enum class Kind { Opening, Voice, Keypad, Message, Silence };
    Kind kind = Kind::Voice;
    int turn = 0;
    QString text; ///< words; keys; for Message empty
    double confidence = 0;
    std::chrono::milliseconds messageLength { 0 }; ///< of a recorded message
    QString messageRef; ///< opaque id of the recording
};

/// What a language model asks the engine to do in the middle of an answer.
struct ToolCall final {
    QString id; ///< the model's own, unique within its conversation
    QString name; ///< of a tool that the persona offers
    QJsonObject arguments;
};

/// The mind of one call: takes turns, answers in text.
class Conversation : public QObject {
    Q_OBJECT
public:
    /// True: the answer comes as sound by audio(), and text() only says what is spoken; no synthesiser is asked.
    virtual bool speaks() const { return false; }
    /// The result of toolCalled(), once for each; the answer to its turn goes on. An answer that was cancelled since
    /// takes it silently.
    virtual void toolFinished(const QString& id, const QJsonObject& result)
    {
        Q_UNUSED(id)
        Q_UNUSED(result)
    }
    /// Asks for an answer to `turn`; text() comes any number of times, then finished() or failed().
    virtual void ask(const UserTurn& turn) = 0;
    /// The answer to `turn` is not wanted (dropped, replaced, failed over). A repeated ask() with the same turn number
    /// replaces the earlier words: the conversation's state goes back to what it was before that turn.
    virtual void cancel(int turn) = 0;
    /// What the caller heard of the answer to `turn`, `length` of it; only this is remembered as said.
    virtual void heard(int turn, const QString& text, bool interrupted, std::chrono::milliseconds length) = 0;
    /// Better words for a turn that stays as answered.
    virtual void amend(int turn, const QString& text) = 0;
    /// Facts gathered so far, for the call record: e.g. {"message": id, "callback_number": "5551234",
    /// "callback_number_via": "voice"}.
    virtual QMap<QString, QString> facts() const = 0;

Q_SIGNALS:
    void text(int turn, const QString& delta);
    /// 8 kHz mu-law, when it speaks().
    void audio(int turn, const QByteArray& mulaw);
    void toolCalled(int turn, const kav::providers::ToolCall& call);
    /// `endCall`: hang up once the answer is heard.
    void finished(int turn, const kav::providers::Expectation& next, bool endCall);
    void failed(int turn, const kav::Error& error);
};

/// One exchange as it was: what a conversation that takes over from another one is told.
struct PastTurn final {
    UserTurn::Kind kind = UserTurn::Kind::Voice;
    QString callerText, heardText;
};

struct Persona;

struct CallInfo final {
    QString callId, from, to, language;
    QMap<QString, QString> parameters;
    std::shared_ptr<const Persona> persona{}; ///< never null in a call; null in tests that need none
    QList<PastTurn> past{}; ///< of a conversation that is taken over; empty at a call's start
};

class LanguageModel {
public:
    virtual ~LanguageModel() = default;
    virtual QString name() const = 0;
    virtual std::unique_ptr<Conversation> open(const CallInfo& call) = 0;
    virtual bool hasVoice() const { return false; } ///< its conversations speak()
    virtual void connectAhead() { } ///< as SpeechToText::connectAhead()
};

// ---- text to speech --------------------------------------------------------------------------------------------------
struct SpeechRequest final {
    QString text;
    QString language = QStringLiteral("en-US");
    QString voice; ///< the provider's own name; empty: its default
};

/// One piece of text on its way to sound.
class Speech : public QObject {
    Q_OBJECT
Q_SIGNALS:
    /// 8 kHz mu-law, any length, in order.
    void audio(const QByteArray& mulaw);
    void finished();
    void failed(const kav::Error& error);
};

class TextToSpeech {
public:
    virtual ~TextToSpeech() = default;
    virtual QString name() const = 0;
    /// As SpeechToText::speaks().
    virtual bool speaks(const QString& language) const
    {
        Q_UNUSED(language)
        return true;
    }
    /// Starts at once; signals come through the caller's event loop, never from inside this call.
    virtual std::unique_ptr<Speech> speak(const SpeechRequest& request) = 0;
    virtual void connectAhead() { } ///< as SpeechToText::connectAhead()
};

} // namespace kav::providers

Q_DECLARE_METATYPE(kav::providers::Transcript)
Q_DECLARE_METATYPE(kav::providers::Expectation)
