// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/registry.h"
#include "engine/providers/speech.h"
#include "shared/core/clock.h"

#include <QList>
#include <QPair>
#include <QSet>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

// Providers for tests and benches: deterministic, with settable delays and faults, cheap enough for hundreds of calls.
// They keep the contract of speech.h to the letter, so what works with them owes nothing to a lucky timing.
namespace kav::test {

/// A stage with this one maker, whose provider the configuration would call "stand-in".
template <typename Make> auto only(Make make)
{
    using Made = typename std::remove_cvref_t<decltype(*make())>::element_type;
    return providers::MakerList<Made>{{QStringLiteral("stand-in"), std::move(make), {}}};
}

/// Holds answers back until a test releases them. Shared by a stand-in and its test; both on one thread.
class StandInGate final {
public:
    /// Lets the `count` oldest answers go; each is delivered by the event loop. How many there were.
    int release(int count = 1);
    int waiting() const;

private:
    friend class StandInAnswers;
    std::deque<QPair<QObject*, std::function<void()>>> m_answers;
};

/// How a stand-in answers.
struct StandInManners final {
    enum class Fault { None, Fail, Hang };
    Milliseconds delay{0}; ///< from the request to its first answer; 0: the next turn of the event loop
    Milliseconds between{0}; ///< from one piece of an answer to the next
    std::shared_ptr<StandInGate> gate; ///< when set, every piece waits here instead
    Fault fault = Fault::None;
    int faultAt = 0; ///< only the N-th request since the provider was made is struck (1, 2, ...); 0: every one
    int faultAfterPieces = 0; ///< so many pieces of the answer still come
};

/// Counts a provider's requests across threads and says what becomes of each.
class StandInRequests final {
public:
    StandInManners::Fault next(const StandInManners& manners);
    int count() const { return m_count.load(); }

private:
    std::atomic<int> m_count = 0;
};

/// Delivers the pieces of answers to one object by its event loop. A member of that object.
class StandInAnswers final {
public:
    StandInAnswers(QObject* owner, const StandInManners& manners);
    ~StandInAnswers();
    Q_DISABLE_COPY_MOVE(StandInAnswers)
    void post(bool first, std::function<void()> piece);

private:
    QObject* const m_owner;
    const StandInManners m_manners; // its own: the object may outlive its provider by a turn of the event loop
};

// ---- speech to text
// --------------------------------------------------------------------------------------------------
struct StandInUtterance final {
    QString text;
    double confidence = 0.9;
    QStringList partials; ///< one after each `partialEvery` of audio
    bool partialsStable = true;
};

class StandInStream;

/// "Hears" a script: the n-th utterance of a stream that ends is the n-th of the script, then over again from the
/// first. An empty script hears nothing, ever.
class StandInSpeechToText final : public providers::SpeechToText {
public:
    struct Settings final {
        QList<StandInUtterance> script;
        Milliseconds partialEvery{200};
        StandInManners manners; ///< a request is an utterance that ends, or that its fault strikes before
        Milliseconds faultAfterAudio{0}; ///< the fault strikes in mid-utterance; 0: at its end
        std::function<void(StandInStream*)> opened{}; ///< on the thread that opens; the pointer is borrowed
    };
    StandInSpeechToText();
    explicit StandInSpeechToText(const Settings& settings);

    QString name() const override { return QStringLiteral("stand-in"); }
    std::unique_ptr<providers::SpeechToTextStream> open(const providers::CallInfo& call) override;
    int requests() const { return m_requests.count(); } ///< utterances ended, of all streams

private:
    friend class StandInStream;
    const Settings m_settings;
    StandInRequests m_requests;
};

class StandInStream final : public providers::SpeechToTextStream {
    Q_OBJECT
public:
    explicit StandInStream(StandInSpeechToText& provider);
    void beginUtterance(int utterance, const providers::RecognitionContext& context) override;
    void write(std::span<const qint16> pcm) override;
    void endUtterance(int utterance) override;
    void dropUtterance(int utterance) override;

    // What was asked of it, for tests.
    struct Asked final {
        int utterance = 0;
        providers::RecognitionContext context;
        qsizetype samples = 0;
        qint64 sum = 0; ///< of the samples, each times its place: of the very same audio
        bool ended = false, dropped = false;
    };
    QList<Asked> asked;

private:
    void hearPartials();

    StandInSpeechToText& m_provider;
    StandInAnswers m_answers;
    StandInUtterance m_next; // what the open utterance will turn out to be
    QSet<int> m_wanted; // begun, not dropped and not finished
    int m_open = 0;
    int m_begun = 0;
    qsizetype m_partialsTold = 0;
    quint64 m_samples = 0, m_nextPartial = 0;
};

// ---- language model
// --------------------------------------------------------------------------------------------------
struct StandInAnswer final {
    QString text;
    providers::Expectation next;
    bool endCall = false;
    QString tool{}; ///< called after the text; the answer goes on when its result has come
    QString afterTool{};
    QJsonObject toolArguments{};
};

class StandInConversation;

/// Answers the n-th turn of a conversation with the n-th answer of its script; past the script it says "Hello." to an
/// opening and "You said <text>." to anything else.
class StandInLanguageModel final : public providers::LanguageModel {
public:
    struct Settings final {
        QList<StandInAnswer> script;
        int chunk = 0; ///< characters of one text(); 0: all in one
        bool speaks = false; ///< a sound comes with each text()
        StandInManners manners;
        std::function<void(StandInConversation*)> opened; ///< on the thread that opens; the pointer is borrowed
    };
    StandInLanguageModel();
    explicit StandInLanguageModel(const Settings& settings);

    QString name() const override { return QStringLiteral("stand-in"); }
    std::unique_ptr<providers::Conversation> open(const providers::CallInfo& call) override;
    int requests() const { return m_requests.count(); } ///< turns asked, of all conversations

private:
    friend class StandInConversation;
    const Settings m_settings;
    StandInRequests m_requests;
};

class StandInConversation final : public providers::Conversation {
    Q_OBJECT
public:
    struct Heard final {
        int turn = 0;
        QString text;
        bool interrupted = false;
        bool operator==(const Heard&) const = default;
    };
    StandInConversation(StandInLanguageModel& provider, const providers::CallInfo& call);
    bool speaks() const override;
    void toolFinished(const QString& id, const QJsonObject& result) override;
    void ask(const providers::UserTurn& turn) override;
    void cancel(int turn) override;
    void heard(int turn, const QString& text, bool interrupted, std::chrono::milliseconds length) override;
    void amend(int turn, const QString& text) override;
    QMap<QString, QString> facts() const override { return m_facts; }

    // What was asked of it, for tests.
    const providers::CallInfo call;
    QList<QPair<QString, QJsonObject>> toolResults;
    QList<providers::UserTurn> asked;
    QList<int> cancelled;
    QList<Heard> heardTexts;
    QList<QPair<int, QString>> amended;

private:
    void say(quint64 asking, int turn, const StandInAnswer& answer, StandInManners::Fault fault, int piece);

    StandInLanguageModel& m_provider;
    StandInAnswers m_answers;
    QMap<int, quint64> m_pending; // turn -> which asking of it is wanted
    QMap<int, int> m_scriptOf; // turn -> its answer, so that asking again repeats it
    QMap<QString, QString> m_facts;
    QMap<QString, std::function<void()>> m_waiting; // tool call -> the rest of the answer
    quint64 m_askings = 0;
};

// ---- text to speech
// --------------------------------------------------------------------------------------------------
/// Speaks in a 440 Hz tone at -20 dBFS, 60 ms for each character.
class StandInTextToSpeech final : public providers::TextToSpeech {
public:
    struct Settings final {
        Milliseconds perCharacter{60};
        Milliseconds chunk{100}; ///< of one audio(); rounded to whole 25 ms, in which the tone repeats
        StandInManners manners;
        std::function<void(const providers::SpeechRequest&)> asked{}; ///< on the thread that asks
    };
    StandInTextToSpeech();
    explicit StandInTextToSpeech(const Settings& settings);

    QString name() const override { return QStringLiteral("stand-in"); }
    std::unique_ptr<providers::Speech> speak(const providers::SpeechRequest& request) override;
    int requests() const { return m_requests.count(); }
    /// The audio it makes of `text`.
    QByteArray audioOf(const QString& text) const;

private:
    friend class StandInSpeech;
    qsizetype bytesOf(const QString& text) const;

    const Settings m_settings;
    QByteArray m_chunk;
    StandInRequests m_requests;
};

class StandInSpeech final : public providers::Speech {
    Q_OBJECT
public:
    StandInSpeech(StandInTextToSpeech& provider, const providers::SpeechRequest& request);

private:
    void say(int piece);

    StandInAnswers m_answers;
    const QByteArray m_chunk;
    const int m_faultAfterPieces;
    const StandInManners::Fault m_fault;
    qsizetype m_left; // bytes
};

} // namespace kav::test
