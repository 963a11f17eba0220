// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/metrics/enginetotals.h"
#include "engine/metrics/workercounters.h"
#include "shared/core/error.h"
#include "shared/model/call.h"

#include <QByteArray>
#include <QString>

#include <chrono>
#include <memory>

namespace kav::metrics {

enum class Stage { Stt, Llm, Tts };
enum class ProviderState { Cold, Warming, Ready, Failed };
enum class InterruptionOutcome {
    Confirmed, ///< words followed: the turn was cut
    Resumed, ///< a cough or a back-channel: the agent went on
};
enum class Route {
    Healthz,
    Readyz,
    Version,
    Metrics,
    IncomingCall,
    StreamStatus,
    StreamEnded,
    CallStatus,
    AfterStream,
    AfterDial,
    OutboundCall,
    Amd,
    RecordingStatus,
    Waiting,
    Turn,
    Recorded,
    Transfer,
    Hold,
    Back,
    AfterHold,
    HoldMusic,
    HoldTone,
    Human,
    HumanKey,
    HumanStatus,
    DialStatus,
    Conference,
    Media,
    Console,
    Other
};

/// The engine's figures for Prometheus. Owned by the composition root, borrowed by all who count, outlives them. Every
/// method may be called from any thread. Labels come from closed sets only: nothing from outside can make a new series.
///
/// What happens per frame is counted in WorkerCounters; the methods here are for what happens per turn, call or
/// request.
class Metrics final {
public:
    /// What the binary is; shown as kav_build_info.
    Metrics(const QString& version, const QString& commit);
    ~Metrics();
    Q_DISABLE_COPY_MOVE(Metrics)

    /// Counters for one more media worker; valid as long as this object.
    WorkerCounters& addWorker();

    void callEnded(EndReason reason);
    void setLiveCalls(int calls);
    void setCapacity(int calls);
    void turnEnded(TurnInput input, const LatencyParts& latency);
    void interruption(InterruptionOutcome outcome);
    void fallbackPlayed();
    /// For what is measured outside of a turn (a warm-up, a rendered line); turnEnded() feeds the stages of turns
    /// itself.
    void observeStage(Stage stage, std::chrono::milliseconds took);
    void setProviderState(Stage stage, ProviderState state);
    /// A provider failed or stalled in use; `next` took over, or is empty. Both are the configuration's words; one that
    /// is not known is counted as "other".
    void providerLeft(Stage stage, const QString& provider, const QString& next);
    /// The first of what was asked for came after so long: a final, a text, a sound.
    void providerAnswered(Stage stage, const QString& provider, std::chrono::milliseconds took);
    /// Why it was left.
    void providerFailed(Stage stage, const QString& provider, Error::Code kind);
    /// Beside turnEnded(): it was one of a call without a stream.
    void spokenTurnEnded();
    /// A recording is closed; `lost` of it is silence, for the disk did not keep up.
    void recordingKept(qint64 bytes, std::chrono::milliseconds length, std::chrono::milliseconds lost, bool isWhole);
    void configReloaded(bool isTaken);
    /// Once.
    void setConfig(const ConfigInfo& info);
    void httpRequest(Route route, int status);
    void setHttpOpenConnections(int connections);

    /// The call log's own totals, as its status gives them.
    struct CallLogTotals final {
        quint64 appended = 0, durable = 0, stored = 0, refused = 0, damaged = 0;
        qint64 journalBytes = 0;
        bool databaseUp = false;
        /// Taken out for their age, for room, or because somebody was to be erased.
        quint64 transcripts = 0, numbers = 0, calls = 0, others = 0, inJournal = 0;
    };
    void setCallLog(const CallLogTotals& totals);

    /// The consoles' own totals, as the control hub counts them.
    struct ConsoleTotals final {
        int connected = 0;
        quint64 changes = 0, deltas = 0, bytes = 0, authFailures = 0;
    };
    void setConsoles(const ConsoleTotals& totals);

    /// Webhooks and upgrades that were refused, by what they lacked; the totals of those who refuse.
    struct RefusalTotals final {
        struct Proof final {
            quint64 noSignature = 0, wrongSignature = 0, wrongBody = 0, unreadable = 0, stranger = 0, noAddress = 0,
                    otherAccount = 0;
        };
        Proof webhooks, streams;
        quint64 badTokens = 0, taken = 0, full = 0; ///< of streams that had proven themselves
        struct Port final {
            quint64 badRequest = 0; ///< no HTTP, or over a limit of a request
            quint64 timeout = 0; ///< a request that was never finished
            quint64 overLimit = 0; ///< an address with too many connections
            quint64 badHandshake = 0;
            quint64 otherUpgrade = 0; ///< of what is not there
        };
        Port port; ///< what nobody was asked about
        struct Consoles final {
            quint64 banned = 0; ///< too many wrong tokens came from there
            quint64 origin = 0; ///< a web page's that is not allowed
            quint64 stranger = 0; ///< not from this machine, and there are no tokens
        };
        Consoles consoles;
    };
    void setRefusals(const RefusalTotals& totals);

    /// The cache of rendered lines, as it counts itself.
    struct LineCacheTotals final {
        quint64 hits = 0, misses = 0, evictions = 0, loaded = 0, damaged = 0;
        qint64 bytes = 0, diskBytes = 0;
        int lines = 0;
    };
    void setLineCache(const LineCacheTotals& totals);
    /// Of the process's own log, because whoever reads it was too slow.
    void setLogLinesLost(quint64 lines);

    /// Spans of calls, by what became of them.
    struct TraceTotals final {
        quint64 sent = 0, rejected = 0, dropped = 0;
        int waiting = 0;
    };
    void setTraces(const TraceTotals& totals);

    /// What the engine's other parts have counted.
    void setEngine(const EngineTotals& totals);

    /// The whole in Prometheus' text format, with the process's own figures. Takes about a millisecond; whoever counts
    /// does not wait for it.
    QByteArray render() const;
    static QByteArray contentType(); ///< of render()

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::metrics
