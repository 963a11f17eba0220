// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/session/callsession.h"
#include "engine/session/recordingstore.h"
#include "engine/telephony/twiliobuffer.h"
#include "tests/support/fakeclock.h"
#include "tests/support/standinproviders.h"

#include <QJsonObject>
#include <QMap>
#include <QStringList>
#include <QTemporaryDir>

#include <memory>
#include <utility>

namespace kav::test {

/// A channel whose other end is the test.
class ScriptedChannel final : public session::MediaChannel {
    Q_OBJECT
public:
    bool send(const QString& text) override;
    void close(quint16 code, const QString& reason) override;
    std::optional<std::chrono::milliseconds> roundTrip() const override { return std::chrono::milliseconds(12); }

    QList<QJsonObject> sent;
    std::optional<quint16> closedWith;
};

/// One call against stand-in providers, with Twilio's buffer on the other end of the line. Time moves in frames of 20
/// ms: each step delivers the caller's frame, ticks the session, plays what it sent and returns the marks that were
/// reached.
class Call final {
public:
    struct Setup final {
        QList<StandInUtterance> hears{}; ///< what the recogniser makes of the caller's utterances, in order
        QList<StandInAnswer> answers{}; ///< the opening first
        StandInManners sttManners{}, llmManners{}, ttsManners{};
        Milliseconds sttFaultAfterAudio{0}; ///< the recogniser's fault strikes in mid-utterance; 0: at its end
        bool haveStt = true, haveLlm = true, haveTts = true;
        bool rendered = true; ///< the service lines are in the cache
        session::Settings settings{};
        session::StreamClaims claims{QStringLiteral("CA1"), QStringLiteral("AC1")};
        int llmChunk = 0; ///< characters that the model says at once; 0: all
        bool llmSpeaks = false; ///< the first model's answers come as sound
        bool test = false; ///< the stream says that it is a test
        bool second = false; ///< each stage has another provider behind the first
        QList<StandInUtterance> secondHears{};
        StandInManners secondSttManners{};
        QList<StandInAnswer> secondAnswers{}; ///< from its own first turn on
        StandInManners secondLlmManners{};
        std::shared_ptr<const providers::Persona> persona{}; ///< who answers; null: nobody in particular
        std::function<bool(const QString&, session::TwilioRecording)> twilioRecording{};
    };

    explicit Call(const Setup& setup);
    ~Call();

    /// `connected` and `start`, as Twilio sends them.
    void start(const QString& callSid = QStringLiteral("CA1"));
    void receive(const QString& text);
    /// The caller's side for so long.
    void speak(Milliseconds length) { run(length, true); }
    void quiet(Milliseconds length) { run(length, false); }
    /// Nothing arrives at all.
    void nothing(Milliseconds length);
    void press(char key);
    void stop();
    void hangUpWithoutStop();
    /// Quiet until the agent has been heard out, or `limit` has passed (false).
    bool untilAgentIsSilent(Milliseconds limit = Milliseconds(20000));
    bool untilAgentSpeaks(Milliseconds limit = Milliseconds(20000));
    bool untilEnded(Milliseconds limit = Milliseconds(60000));

    bool agentIsHeard() const { return m_buffer.queued() > Milliseconds(0); }
    int count(const QString& event) const; ///< messages of this event that the engine sent
    /// The states an operator has seen since last asked: "greeting listening".
    QString states() { return std::exchange(m_states, {}).join(QLatin1Char(' ')); }
    /// What the transcript showed since last asked, in one line for each change: "2 sales? | Sales is closed. | Sales
    /// is", with "?" after words that may change, and "." before a turn that is over.
    QStringList transcript() { return std::exchange(m_transcript, {}); }
    QList<CallSummary> summaries; ///< as they were shown
    QMap<int, TranscriptTurn> shownTurns; ///< by number, as last shown
    QStringList tokens() const; ///< of the call log's events, in order
    QList<QJsonObject> events(const QString& token) const;
    QList<TurnRecord> turns;
    std::optional<session::CallEnd> end;
    std::optional<session::PassedOn> passedOn;
    bool lastWordsSaid = false;
    std::optional<session::TakenUp> takenUp; ///< set before start(): the call comes back
    QList<calllog::Entry> log;
    QList<calllog::Entry> traced; ///< what only traces are told
    StandInConversation* conversation = nullptr; ///< opened last
    QTemporaryDir directory; ///< of messages and recordings
    QByteArray callerTrack; ///< mu-law, from the stream's start
    QByteArray agentTrack(); ///< as the caller heard it, as long as the caller's
    session::RecordingStore& recordings() { return *m_recordings; }
    FakeClock clock;
    providers::LineCache lines;
    /// This sentence is there as sound, as any voice says it.
    void render(const QString& sentence);
    /// Longest stretch in which the agent owed the caller a sound and gave none: from the end of the caller's voice, or
    /// from the start, to the agent's next sound. Words that were never taken for a turn are owed one for ever.
    Milliseconds longestSilenceOwed{0};

    providers::HttpPool http;
    session::CallSession& session() { return *m_session; }
    ScriptedChannel& channel() { return *m_channel; }

private:
    void run(Milliseconds length, bool voiced);
    void step(std::optional<bool> voiced);
    void settle();
    void play();
    void echo(const std::vector<QString>& marks);

    std::unique_ptr<providers::ProviderRegistry> m_registry;
    std::unique_ptr<providers::CallProviders> m_providers;
    std::unique_ptr<session::MessageStore> m_messages;
    std::unique_ptr<session::RecordingStore> m_recordings;
    metrics::WorkerCounters m_counters;
    session::SessionContext m_context;
    ScriptedChannel* m_channel = nullptr;
    std::unique_ptr<session::CallSession> m_session;
    telephony::TwilioBuffer m_buffer;
    qsizetype m_taken = 0; // of channel.sent
    QByteArray m_agentTrack;
    int m_steps = 0;
    quint64 m_sequence = 1, m_chunk = 0, m_streamMs = 0;
    double m_phase = 0;
    Instant m_owedSince;
    Milliseconds m_voice{0}; // since the caller was last taken notice of
    bool m_isInvited = false; // to leave a message
    const bool m_test;
    QStringList m_states, m_transcript;
};

/// Twilio's `start`.
QString startMessage(const QString& callSid, const QString& encoding = QStringLiteral("audio/x-mulaw"),
    int sampleRate = 8000, bool test = false);
/// Well-formed messages that a call must not be disturbed by.
QList<std::pair<const char*, QString>> oddMessages();

inline const dialog::ServiceLines Lines{
    QStringLiteral("One moment please."),
    QStringLiteral("I cannot answer now. Please leave a message."),
    QStringLiteral("Are you there?"),
    QStringLiteral("I cannot hear you."),
    QStringLiteral("Goodbye then."),
    QStringLiteral("Thank you for calling."),
};

} // namespace kav::test
