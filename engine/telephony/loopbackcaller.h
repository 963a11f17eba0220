// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/net/websocketclient.h"
#include "engine/telephony/callscript.h"
#include "engine/telephony/calltimeline.h"
#include "engine/telephony/formbody.h"
#include "engine/telephony/twiliobuffer.h"
#include "engine/telephony/twiliopeer.h"
#include "engine/telephony/twimldocument.h"
#include "engine/telephony/twimlinterpreter.h"
#include "engine/telephony/webhookclient.h"
#include "shared/core/clock.h"

#include <QByteArray>
#include <QObject>
#include <QTimer>
#include <QUrl>

#include <deque>
#include <functional>
#include <memory>
#include <optional>

namespace kav::telephony {

/// Tells the engine that no person calls: KavTest=1. Twilio sends no such field.
FormField testField();

class LoopbackCaller;

/// What a leg asks of the exchange it hangs on: other legs. Without one, whoever is dialled does not answer.
class LineExchange {
public:
    virtual ~LineExchange() = default;
    /// LoopbackCaller::dialEnded() follows, unless the leg leaves first.
    virtual void dial(LoopbackCaller& leg, const TwimlVerb& verb) = 0;
    /// The leg's document is through: true keeps it on the line.
    virtual bool keeps(LoopbackCaller& leg) = 0;
    /// The leg is not in its dial any more (it was redirected), or has ended; told of every end.
    virtual void leave(LoopbackCaller& leg) = 0;
};

/// Everything about one call. The defaults call an engine on this machine.
struct CallSettings final {
    QUrl to{QStringLiteral("http://127.0.0.1:5000/webhook/incoming_call")};
    /// Scheme and host (and port) under which the engine believes to be reached: used in signatures and Host lines
    /// instead of `to`'s own, as when a proxy stands between. A path is the prefix that this proxy takes away. Empty:
    /// `to` is the public address.
    QUrl publicUrl;
    /// Where TCP connections go, whatever the URLs say: for an engine with a public URL that is called on this machine.
    /// "127.0.0.1:5000" goes past the proxy, without TLS; "https://127.0.0.1:443" through it, with TLS, and the
    /// certificate must be good for the URL's host.
    QString connectTo;
    QByteArray authToken; ///< empty: nothing is signed
    QString from = QStringLiteral("+15005550006");
    QString toNumber = QStringLiteral("+15005550001");
    QList<FormField> extraFields; ///< added to the webhook
    std::optional<StreamIds> ids; ///< random when not given
    QUrl statusUrl; ///< of the call's end; empty: `to` with incoming_call replaced by call_status, if it ends in that
    std::vector<ScriptStep> script; ///< with its audio
    std::optional<double> noiseDbfs; ///< from the start
    Milliseconds longest{30 * 60 * 1000};
    Milliseconds httpTimeout{15000}; ///< what Twilio grants a webhook
    double confidence = 0.93; ///< of what Gather understands
    // Of a leg that an exchange has made.
    QString direction = QStringLiteral("inbound"), status = QStringLiteral("ringing");
    QString parentSid;
    QByteArray twiml; ///< obeyed at once, instead of what `to` answers
    bool tellsEnd = true; ///< false: only a `statusUrl` is told of the end
    LineExchange* exchange = nullptr; ///< outlives the call
};

struct CallOutcome final {
    bool ok = false;
    QString reason; ///< why not ok
    bool endedByEngine = false;
    QString callSid;
    quint64 framesSent = 0;
    int refusedMessages = 0; ///< of the engine's, that Twilio would have refused
    int failedCallbacks = 0;
    QString finalStatus = QStringLiteral("completed"); ///< as Twilio calls it
};

/// A caller that behaves towards an engine as Twilio does: posts the signed webhook, obeys the TwiML, opens the stream,
/// sends a frame every 20 ms whatever happens, plays what it is sent through a model of Twilio's buffer, returns marks
/// when they are reached, honours `clear`, and tells the status callbacks. What it says comes from a script. It keeps
/// both sides of the line as heard, and a timeline.
///
/// Towards a loopback host, and with a `connectTo` that does not ask for it, https and wss are spoken without TLS: there
/// is none on this machine. Signatures are made over the URLs as written, all the same. A loopback URL without a port
/// means the port of `to`.
///
/// Every verb is obeyed; see TwimlInterpreter. Where there is no stream, the script's words reach Gather as text and
/// Record as time, its keys reach Gather, and what is said takes its time without a sound. A call without a stream went
/// through when the caller was asked for something and the script came to its end.
///
/// Owned by whoever calls; lives on that thread and needs its event loop. Emits streamOpened() at most once, happened()
/// for each timeline line as it becomes known, finished() exactly once.
class LoopbackCaller final : public QObject, private ScriptActions, private TwimlLine {
    Q_OBJECT
public:
    LoopbackCaller(CallSettings settings, const Clock& clock, QObject* parent = nullptr);
    ~LoopbackCaller() override;

    void start();
    /// Hangs up as a caller would; finished() follows.
    void hangUp() override;

    /// REST takes the call to another document, or ends it: a stream is stopped and closed first.
    void redirect(const QUrl& url, const QString& method = QStringLiteral("POST"));
    void redirectTo(const QByteArray& twiml);
    void end();
    /// What an exchange has to say about a Dial.
    void dialEnded(const QList<FormField>& fields);

    bool hasEnded() const { return m_callEnded; }
    bool isFinished() const { return m_phase == Phase::Finished; }
    const CallOutcome& outcome() const { return m_outcome; }
    const CallTimeline& timeline() const { return m_timeline; }
    const TwilioBuffer::Counters& bufferCounters() const { return m_buffer.counters(); }
    /// Both sides as mu-law from the stream's start, of equal length.
    std::pair<QByteArray, QByteArray> recording() const;
    /// Stereo WAV, left the caller, right the agent as heard.
    Result<void> writeRecording(const QString& path) const;

Q_SIGNALS:
    void streamOpened();
    void happened(const kav::telephony::TimelineEvent& event);
    void finished();

private:
    enum class Phase { Idle, Line, Opening, Streaming, Finished };
    struct Utterance final {
        QByteArray mulaw;
        QString label;
        qsizetype sent = 0;
        std::optional<Instant> began; ///< where no stream carries it
    };

    // ScriptActions
    void speak(const QByteArray& mulaw, const QString& label) override;
    void pressKeys(const QString& digits) override;
    void setNoise(std::optional<double> dbfs) override;

    // TwimlLine
    void fetchDocument(const QUrl& url, const QString& method, const QList<FormField>& more) override;
    void openStream(const TwimlVerb& connectVerb, const TwimlVerb& stream) override;
    void dial(const TwimlVerb& verb) override;
    void recordingEnded(const TwimlVerb& record, const QList<FormField>& fields, bool isAbsent) override;
    void note(const QString& what, const QString& detail) override;
    void documentEnded(bool isHangup, const QString& reason) override;

    void post(const QUrl& url, const FormBody& form, WebhookClient::Answer answer,
        const QString& method = QStringLiteral("POST"));
    void tell(const QUrl& url, const FormBody& form, const QString& what);
    FormBody callFields(const QString& status) const;
    void fetchTwiml(const QUrl& url, const QString& method, const QString& callStatus, const QList<FormField>& more);
    void takeTwiml(const QUrl& url, const QByteArray& body);
    void replaceDocument(std::function<void()> then);
    void dropStream();
    bool scriptRunsOnLine() const;
    void talkOnLine(Instant now);
    void onStreamOpened();
    void onStreamFailed(int status, const QString& reason);
    void onStreamText(const QByteArray& utf8);
    void onStreamClosed(bool byPeer, quint16 code, const QString& reason);
    void streamEvent(const QString& event, const QString& error = {});
    void tick();
    void sendDue(Instant now);
    void sendFrame(quint64 number);
    void sendKeysDue(Instant now);
    void returnMarks(const std::vector<QString>& names);
    void listen(Instant now);
    void runScript(Instant now);
    ScriptView view(Instant now) const;
    void afterStream();
    void hangUpLine(const QString& why);
    void endCall();
    void finishWhenQuiet();
    void failCall(const QString& reason);
    void add(const QString& who, const QString& what, const QString& detail = {});
    void addAt(Milliseconds at, const QString& who, const QString& what, const QString& detail = {});
    Milliseconds sinceCall(Instant now) const { return elapsed(m_callBegan, now); }
    Milliseconds lineTime(Instant now) const { return elapsed(m_streamBegan, now); }
    bool callerIsBusy() const { return !m_mouth.empty() || !m_keys.isEmpty(); }

    CallSettings m_settings;
    const Clock& m_clock;
    WebhookClient m_webhooks;
    TwimlInterpreter m_interpreter;
    std::unique_ptr<TwilioPeerWriter> m_writer;
    StreamIds m_ids;
    net::WebSocketClient* m_socket = nullptr;
    TwilioBuffer m_buffer;
    ScriptRunner m_script;
    SpeechWatcher m_agentWatcher;
    QTimer m_timer;
    CallTimeline m_timeline;
    CallOutcome m_outcome;
    Phase m_phase = Phase::Idle;
    Instant m_callBegan, m_streamBegan;

    QUrl m_documentUrl;
    QUrl m_statusCallback;
    QMap<QString, QString> m_parameters;
    int m_documents = 0; ///< in a row, without time between them
    Instant m_lastFetch;
    int m_generation = 0; ///< of the document: an answer for an older one comes too late
    std::function<void()> m_replacement; ///< to be done when the stream is closed
    bool m_streamWasOpen = false;
    bool m_answered = false; ///< there was a document
    bool m_hangingUp = false;
    bool m_callEnded = false;

    std::deque<Utterance> m_mouth;
    QString m_keys;
    Instant m_nextKey;
    double m_noiseAmplitude = 0;
    quint32 m_noiseState = 1;
    std::optional<Milliseconds> m_callerOnset;
    quint64 m_framesSent = 0;
    QByteArray m_callerTrack, m_agentTrack;
    qsizetype m_agentWatched = 0;
    qsizetype m_trackBase = 0; ///< where the present stream begins in the tracks
};

} // namespace kav::telephony
