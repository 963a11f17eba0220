// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shared/core/clock.h"
#include "shared/protocol/messages.h"

#include <QByteArray>
#include <QHash>
#include <QObject>
#include <QSet>
#include <QStringList>

#include <memory>
#include <optional>

namespace kav::console {

using Outcome = std::variant<protocol::CommandResult, protocol::CommandError>;

/// The console's side of the protocol, without a socket: texts come in by take(), leave by send(). Keeps the sequence
/// number, asks for a snapshot when there is a gap, resumes after a reconnect, keeps account of commands. Models listen
/// to its signals; it holds no state of calls itself. Owned by Desk, lives on the GUI thread.
///
/// Order within a snapshot: snapshotTaken, transcriptTaken of each watched call, phaseChanged; within a delta: one
/// signal per change, then deltaTaken. phase() is Live already when snapshotTaken comes: commands given there are sent.
/// A slot may take the line down or turn the event loop; what comes meanwhile waits its turn.
///
/// A watched call whose transcript has not come by the time the line is Live is asked for again unbidden, so that a
/// watch asked for on a dead line is made good; one that the engine does not have is watched no longer.
class Synchronizer final : public QObject {
    Q_OBJECT
public:
    enum class Phase { Down, Hello, Synchronizing, Live };
    Q_ENUM(Phase)

    /// Commands without a reply within this are finished as Timeout.
    static constexpr Milliseconds CommandTime{10000};
    /// A longer command is not sent but finished as BadMessage: the engine cuts the line for it.
    static constexpr qsizetype LongestMessage = 1024 * 1024;

    Synchronizer(QString client, const Clock& clock, QObject* parent = nullptr);
    ~Synchronizer() override;

    /// For the next hello.
    void setToken(const QString& token);
    void setOperatorName(const QString& name);

    // The line.
    void lineUp(); ///< emits send() with the hello
    void take(const QByteArray& text);
    void lineDown(); ///< pending commands are finished as Unavailable: whether they happened is not known
    /// Forgets run, sequence number and watched calls: another engine is to be spoken to. Takes the line down.
    void forget();
    /// Deadlines; pings. Called by Connection's tick(), and by tests with a fake clock.
    void tick();

    Phase phase() const;
    /// Of this line; none before it. The heartbeat is held between one second and a minute.
    const std::optional<protocol::Welcome>& welcome() const;
    bool has(QLatin1String feature) const; ///< the engine has it
    qint64 seq() const;
    /// The engine's wall clock now, by its messages' times; the console's own before the first.
    QDateTime engineNow() const;
    /// Half of the last ping's round trip; of the one under way when that has taken longer already.
    std::optional<Milliseconds> lag() const;
    Instant lastReceived() const; ///< on this line; lineUp() counts

    // Commands: each gives its id, and commandFinished follows exactly once, never from inside the call. Asked for on a
    // line that is not Live, it finishes as Unavailable.
    qint64 watch(const QString& callId); ///< also remembered for the next hello
    qint64 unwatch(const QString& callId);
    qint64 interrupt(const QString& callId);
    qint64 endCall(const QString& callId, bool now);
    qint64 transferCall(const QString& callId, const QString& to);
    qint64 placeCall(const QString& to, const QString& persona, protocol::Detection detection);
    qint64 startTestCall(const QStringList& say, const QByteArray& wav, const QString& digits);
    qint64 queryLog(const QString& text, const QString& after, int limit);
    qint64 queryCall(const QString& callId);
    qint64 warmService(const QString& serviceId);
    qint64 queryRequests(const RequestFilter& filter, const QString& after, int limit);
    qint64 makeEvidence(const QString& callId, bool folder, bool unmask);
    qint64 queryEvidence(const QString& pack);
    qint64 readEvidence(const QString& pack, const QString& file, qint64 offset);
    qint64 dropEvidence(const QString& pack);
    qint64 watchRequests(bool on); ///< of this line only: it is forgotten with it
    void resync(); ///< asks for a snapshot (F5); nothing while one is on its way

    struct Counters final {
        int snapshots = 0, heartbeats = 0;
        int deltas = 0, changes = 0; ///< applied
        int ignored = 0; ///< of a later engine, old, or of nothing we asked for
        int resyncs = 0; ///< snapshots asked for
        int sent = 0; ///< messages
    };
    const Counters& counters() const; ///< since it was made

Q_SIGNALS:
    void send(const QByteArray& text);
    void phaseChanged(kav::console::Synchronizer::Phase phase);
    void welcomed(const kav::protocol::Welcome& welcome);
    /// The engine will not have us; the line closes. No attempt should follow by itself when `final`.
    void refused(const kav::protocol::Refusal& refusal, bool final);
    /// What came is not the protocol; the line should be closed and tried again later, which will begin with a
    /// snapshot. `why` is English, for the log.
    void broken(const QString& why);

    void snapshotTaken(const kav::protocol::Snapshot& snapshot);
    /// The line is back and nothing was missed: what is shown is true again.
    void resumed();
    void engineChanged(const kav::EngineStatus& engine);
    void serviceChanged(const kav::ServiceStatus& service);
    void callChanged(const kav::CallSummary& call);
    void callGone(const QString& callId);
    void transcriptTaken(const kav::protocol::CallTranscript& transcript);
    void turnChanged(const QString& callId, const kav::TranscriptTurn& turn);
    void logChanged(const kav::CallLogRow& row);
    void requestsCame(const kav::protocol::Requests& requests);
    void deltaTaken(qint64 seq);

    void commandFinished(qint64 id, const kav::console::Outcome& outcome);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console

Q_DECLARE_METATYPE(kav::console::Outcome)
