// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/config.h"
#include "engine/app/controlroom.h"
#include "engine/app/phoneline.h"
#include "engine/app/readylines.h"
#include "engine/app/stallwatch.h"
#include "engine/app/twiliorecordings.h"
#include "engine/calllog/calllog.h"
#include "engine/dialog/dialogbook.h"
#include "engine/dialog/personas.h"
#include "engine/metrics/metrics.h"
#include "engine/metrics/recentuse.h"
#include "engine/net/listener.h"
#include "engine/providers/failover/callproviders.h"
#include "engine/providers/failover/healthprobes.h"
#include "engine/providers/http/httppool.h"
#include "engine/providers/registry.h"
#include "engine/session/mediaworker.h"
#include "engine/session/housekeeper.h"
#include "engine/session/messagestore.h"
#include "engine/session/recordingstore.h"
#include "engine/traces/tracer.h"

#include <QObject>
#include <QTimer>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace kav::app {

/// The one composition root: everything of the engine is made, wired and torn down here. Lives on the control thread
/// (main). There are no globals and no singletons beside it.
///
/// Order of a start, and the reason for it: listen() takes the port and nothing else; only when the port answers does
/// begin() make the workers, the call log and the providers, each off this thread. A request that arrives in between
/// gets an answer; nothing that hangs or fails in begin() can take the port away.
class Engine final : public QObject {
    Q_OBJECT
public:
    using DialogSource = std::function<std::shared_ptr<const dialog::DialogBook>()>;
    /// What speech and mind the engine has: the embedded ones in the product, stand-ins in tests and benches. Called
    /// once, from begin(); the makers themselves run on the registry's threads, and ask for the dialog there.
    using MakersSource = std::function<providers::Makers(const DialogSource& dialogs)>;

    Engine(const Config& config, const Clock& clock, MakersSource makers);
    ~Engine() override;

    /// Takes the port. The address as the LISTENING line prints it ("127.0.0.1:5000").
    Result<QString> listen();
    /// How busy the pool of the embedded speech is, for the figures: threads at work, and how many there are. Before
    /// begin().
    void setSpeechLoad(std::function<std::pair<int, int>()> load) { m_speechLoad = std::move(load); }
    /// Everything else. Once, after listen().
    void begin();
    /// What may change while it runs is taken from a configuration that was read again: personas and their tools. Calls
    /// in progress keep theirs. One with errors is refused whole; what needs a new start is named in the log.
    void reload(const LoadedConfig& loaded);
    /// Takes no more calls, lets the live ones end (until the drain deadline, then with a goodbye), then emits
    /// drained(). A second time: all hear their goodbye now. A third time: drained() at once.
    void drain();

    /// Streams let in and not over, those included whose handshake is still under way.
    int liveCalls() const;
    int capacity() const { return m_capacity; }
    /// What came to the port.
    const net::Listener::Counters& arrivals() const { return m_listener.counters(); }
    /// The dialogs in use: the configured files', or the built-in ones where those cannot be used. Any thread; null until
    /// begin().
    std::shared_ptr<const dialog::DialogBook> dialogs() const;

Q_SIGNALS:
    /// Every provider has been tried and the lines are rendered: calls get the best this engine has. Once.
    void warm();
    void turnEnded(const QString& callId, const kav::TurnRecord& turn);
    void callEnded(const kav::session::CallEnd& end);
    void drained();
    /// What consoles are shown of the engine as a whole, whenever it is another; first from listen().
    void statusChanged(const kav::EngineStatus& status);

private:
    enum class DrainStep { No, Waiting, SayingGoodbye, Done };

    /// Whether it takes calls, and if not, why: what the readiness page and the consoles say.
    struct Readiness {
        bool workers = false;
        QString database; ///< "ok", "down", "off"
        QString databaseReason; ///< why "down", where that is known
        QString journalReason; ///< why it cannot be written; empty: it can
        bool draining = false;
        int calls = 0;
        QStringList missing; ///< EngineStatus::notReady; empty: ready
    };

    void serve(const net::HttpRequest& request, const net::Responder& responder);
    net::HttpResponse page(const net::HttpRequest& request);
    Readiness readiness() const;
    net::HttpResponse readinessPage() const;
    net::HttpResponse version() const;
    net::HttpResponse metricsPage();
    metrics::EngineTotals engineTotals() const;
    void lookForStalls();
    QString stageState(providers::Stage stage) const;
    int workersAlive() const;
    bool allWorkersAlive() const;

    PhoneLine::Hooks phoneHooks();
    ControlRoom::Hooks roomHooks();
    QList<ServiceStatus> services() const;
    ServiceStatus providerService(const providers::ProviderStatus& status) const;
    ServiceStatus mediaStatus() const;
    QString whyNoCall() const;
    QString warmService(const QString& service);

    void loadDialogs();
    void startCallLog();
    quint64 keep(const calllog::Entry& entry);
    void startRecordings();
    void startWorkers();
    void startProviders();
    void onProviderStatus(const providers::ProviderStatus& status);
    void checkWarm();
    void onCallShown(const CallSummary& summary);
    void watchSpokenCalls();
    void onTurnEnded(const QString& callId, const TurnRecord& turn);
    void onProviderUsed(const providers::FailoverNews& news);
    void onCallEnded(const session::CallEnd& end);
    void sayGoodbye(const char* why);
    void continueDrain();
    void finishDrain();
    std::optional<PhoneLine::Worker> chooseWorker() const;
    bool hasRoom() const;

    const Config m_config;
    const Clock& m_clock;
    const MakersSource m_makersSource;
    const int m_capacity;

    ControlRoom m_room; // before the listener, which hands it sockets
    net::Listener m_listener;
    std::unique_ptr<metrics::Metrics> m_metrics;
    std::unique_ptr<calllog::CallLog> m_callLog;
    std::unique_ptr<traces::Tracer> m_traces; // null: nobody wants them
    /// Held by the makers too: one that is stuck may ask for the dialogs when the engine is gone.
    struct DialogSlot {
        std::mutex mutex;
        std::shared_ptr<const dialog::DialogBook> book; // guarded by mutex
        std::shared_ptr<const dialog::DialogBook> get();
    };
    const std::shared_ptr<DialogSlot> m_dialogs = std::make_shared<DialogSlot>();
    /// Asked by all workers.
    class PersonaSlot final {
    public:
        std::shared_ptr<const dialog::PersonaBook> get() const;
        void set(std::shared_ptr<const dialog::PersonaBook> book);

    private:
        mutable std::mutex m_mutex;
        std::shared_ptr<const dialog::PersonaBook> m_book; // guarded by m_mutex
    };
    PersonaSlot m_personas;
    providers::HttpPool m_toolHttp;
    std::unique_ptr<providers::ProviderRegistry> m_registry;
    std::shared_ptr<providers::Health> m_health;
    std::unique_ptr<providers::HealthProbes> m_probes;
    ReadyLines m_lines; // before whoever takes lines from it
    std::unique_ptr<providers::CallProviders> m_providers;
    metrics::RecentUse m_recentUse;
    StallWatch m_stalls;
    QTimer m_stallTimer;
    std::function<std::pair<int, int>()> m_speechLoad;
    bool m_warm = false;
    std::unique_ptr<session::MessageStore> m_messages;
    std::unique_ptr<session::RecordingStore> m_recordings;
    std::unique_ptr<session::Housekeeper> m_housekeeper;
    std::unique_ptr<TwilioRecordings> m_twilioRecordings;
    session::SessionContext m_context;
    std::vector<metrics::WorkerCounters*> m_counters; // one a worker, owned by m_metrics
    std::vector<std::unique_ptr<session::MediaWorker>> m_workers;
    PhoneLine m_phone; // last made, first gone: answers that are still due are counted by what is above

    DrainStep m_drain = DrainStep::No;
    int m_stops = 0; // asked for
    QTimer m_drainTimer;
    Instant m_drainDeadline; // of the step in hand
    QDateTime m_goodbyeAt; // while Waiting: when whoever is left hears one
    bool m_isQuiet = false; // at the last look
};

} // namespace kav::app
