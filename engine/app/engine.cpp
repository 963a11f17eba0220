// SPDX-License-Identifier: Apache-2.0
#include "engine/app/engine.h"

#include "engine/app/dialogfiles.h"
#include "engine/app/rendertext.h"
#include "engine/app/version.h"
#include "engine/app/wiring.h"
#include "engine/providers/redaction.h"
#include "shared/core/logging.h"
#include "shared/core/masking.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <QThread>

#include <algorithm>

namespace kav::app {

namespace {
// A worker that has not turned its loop for so long is not ready for calls.
constexpr Milliseconds WorkerSilence{3000};
// From a drain's goodbyes to the end, however many have not been heard out.
constexpr Milliseconds GoodbyeTime{20000};
// For Twilio's REST service to end a leg whose last words have been heard: the caller hears nothing meanwhile.
constexpr Milliseconds LeaveWait{2500};
// For the spans of the last calls.
constexpr Milliseconds TracesFarewell{3000};
// For one line of a test call.
constexpr Milliseconds TestLineTime{4000};
// How often a drain looks at its deadlines: a handshake that fails ends in nobody's signal.
constexpr Milliseconds DrainCheck{250};

ReadyLines::Settings linesSettings(const Config& config)
{
    return {config.lines.memoryBytes, config.lines.diskBytes,
        config.dataDir.isEmpty() ? QString() : config.dataDir + QLatin1String("/lines")};
}
} // namespace

Engine::Engine(const Config& config, const Clock& clock, MakersSource makers)
    : m_config(config)
    , m_clock(clock)
    , m_makersSource(std::move(makers))
    , m_capacity(config.callCapacity(QThread::idealThreadCount()))
    , m_room(m_config, clock, roomHooks())
    , m_listener(config.http, clock)
    , m_toolHttp(clock)
    , m_lines(linesSettings(config), clock)
    , m_phone(m_config, m_context, clock, m_toolHttp, phoneHooks())
{
    m_personas.set(config.personaBook());
    connect(&m_room, &ControlRoom::engineChanged, this, &Engine::statusChanged);
    connect(&m_drainTimer, &QTimer::timeout, this, &Engine::continueDrain);
    connect(&m_stallTimer, &QTimer::timeout, this, &Engine::lookForStalls);
    watchSpokenCalls();
}

Engine::~Engine()
{
    m_listener.stopAccepting();
    m_room.stop();
    m_room.shutDown();
    for (const auto& worker : m_workers)
        worker->stop();
    m_phone.close();
    // Whole before the log closes: it says what was kept.
    m_recordings.reset();
    m_twilioRecordings.reset();
    m_housekeeper.reset();
    if (m_traces)
        m_traces->stop(TracesFarewell);
    if (m_callLog) {
        m_callLog->stop();
        m_callLog->disconnect(this);
        m_callLog->disconnect(&m_room); // what still has something to log goes with the line, and is refused
    }
}

Result<QString> Engine::listen()
{
    m_listener.setHttpHandler(
        [this](const net::HttpRequest& request, const net::Responder& responder) { serve(request, responder); });
    m_listener.setUpgradeHandler([this](const net::HttpRequest& request) -> net::UpgradeVerdict {
        if (PhoneLine::ownsUpgrade(request))
            return m_phone.judge(request);
        if (ControlRoom::owns(request))
            return m_room.judge(request);
        return net::HttpResponse::text(404, "no such stream\n");
    });
    webhooks::RequestInspector& inspector = m_phone.inspector();
    m_listener.setObservers(
        [&inspector](const net::HttpRequest& request, bool isUpgrade) { inspector.arrived(request, isUpgrade); },
        [&inspector](const net::Answered& answer) { inspector.answered(answer); });
    connect(m_room.consoleHost(), &net::WebSocketHost::ended, this,
        [&inspector](const net::SocketEnd& end) { inspector.ended(end); });
    m_room.refresh();
    const auto port = m_listener.listen(m_config.address, quint16(m_config.port));
    if (!port)
        return port.error();
    return QStringLiteral("%1:%2").arg(m_config.address.toString()).arg(*port);
}

void Engine::begin()
{
    m_metrics = std::make_unique<metrics::Metrics>(versionString(), commitString());
    m_metrics->setConfig(configInfo(m_config));
    m_messages = std::make_unique<session::MessageStore>(m_config.messagesDir);
    startCallLog();
    startRecordings();
    loadDialogs();
    startProviders();
    startWorkers();
    m_stallTimer.start(StallWatch::Every);
    // The voice is asked for on the test calls' thread: the registry's getters may be called anywhere.
    m_room.begin(m_listener.port(), [registry = m_registry.get(), language = m_config.language](const QString& text) {
        const auto voice = registry->textToSpeech();
        return voice ? renderText(*voice, text, language, TestLineTime)
                     : Error{Error::Code::Unavailable, QStringLiteral("there is no voice to say it in: see tts"), {}};
    });
}

// ---- parts ----------------------------------------------------------------------------------------------------------

void Engine::startCallLog()
{
    m_callLog = std::make_unique<calllog::CallLog>(m_config.callLog, m_clock);
    connect(m_callLog.get(), &calllog::CallLog::callInterrupted, &m_phone, &PhoneLine::callInterrupted);
    connect(m_callLog.get(), &calllog::CallLog::callInterrupted, this,
        [this] { m_metrics->callEnded(EndReason::Interrupted); });
    connect(m_callLog.get(), &calllog::CallLog::durable, &m_phone, &PhoneLine::onDurable);
    connect(m_callLog.get(), &calllog::CallLog::statusChanged, &m_room, &ControlRoom::refresh);
    m_callLog->start();
    if (m_config.traces.endpoint.isEmpty())
        return;
    traces::Settings settings = m_config.traces;
    settings.version = versionString();
    m_traces = std::make_unique<traces::Tracer>(
        settings, m_clock, [this](const calllog::Entry& entry) { m_callLog->append(entry); });
    m_traces->start();
    qCInfo(lcApp).noquote() << "traces of calls go to" << logSafe(settings.endpoint.host(), 60);
}

/// Into the call log. Any thread.
quint64 Engine::keep(const calllog::Entry& entry)
{
    if (!m_callLog)
        return 0;
    const quint64 number = m_callLog->append(entry);
    if (m_traces)
        m_traces->note(entry);
    return number;
}

PhoneLine::Hooks Engine::phoneHooks()
{
    PhoneLine::Hooks hooks;
    hooks.hasRoom = [this] { return hasRoom(); };
    hooks.isDraining = [this] { return m_drain != DrainStep::No; };
    hooks.isLeaving = [this] { return m_drain > DrainStep::Waiting; };
    hooks.leastLoaded = [this] { return chooseWorker(); };
    hooks.personaFor = [this](const QString& number) { return m_personas.get()->personaFor(number); };
    hooks.log = [this](const calllog::Entry& entry) { return keep(entry); };
    hooks.durable = [this] { return m_callLog->status().durable; };
    // The telephone rings: a provider that failed or was never asked for gets its attempt now.
    hooks.ringing = [this](const webhooks::IncomingCall& call) {
        if (m_registry) {
            m_registry->speechToText();
            m_registry->languageModel();
            m_registry->textToSpeech();
        }
        if (const auto worker = chooseWorker()) {
            providers::CallInfo info;
            info.callId = call.callSid;
            info.from = call.from;
            info.to = call.to;
            info.language = call.language;
            info.persona = m_phone.personaOf(call);
            m_workers[size_t(worker->index)]->connectAhead(info);
        }
    };
    hooks.recordingStatus = [this](const webhooks::Webhook& webhook) {
        if (m_twilioRecordings)
            m_twilioRecordings->onStatus(webhook);
    };
    hooks.canConverse = [this](const webhooks::IncomingCall& call) {
        if (!m_providers)
            return true;
        providers::CallInfo info;
        info.language = call.language;
        info.persona = m_phone.personaOf(call);
        return m_providers->canConverse(info);
    };
    hooks.requestSeen = [this](const RequestRecord& request) { m_room.showRequest(request); };
    hooks.admitted = [this](const QString&) { m_room.refresh(); };
    hooks.booked = [this](const webhooks::BookedCall& call) { m_room.showBooked(call); };
    hooks.placed = [this](const telephony::PlacedCall& call) { m_room.showPlaced(call); };
    hooks.personaNamed = [this](const QString& name) { return m_personas.get()->named(name); };
    hooks.endWith = [this](int worker, const QString& callId, EndReason reason, const QString& words) {
        m_workers[size_t(worker)]->endWith(callId, reason, words);
    };
    hooks.releaseStream = [this](const QString& callId) {
        if (const auto worker = m_phone.workerOf(callId))
            m_workers[size_t(*worker)]->release(callId);
    };
    hooks.callShown = [this](const CallSummary& summary) { m_room.showCall(summary); };
    hooks.passedOnEnded = [this](const CallSummary& summary, Milliseconds duration, int turns) {
        m_metrics->callEnded(summary.reason);
        m_room.passedOnEnded(summary, duration, turns);
    };
    return hooks;
}

void Engine::startRecordings()
{
    const auto log = [this](const QString& callId, const QString& token, QJsonObject data) {
        data.insert(QStringLiteral("token"), token);
        keep({calllog::Entry::Kind::Event, callId, m_clock.wallNow(), data});
    };
    // Both speak from threads of their own, where the log may be written to.
    m_recordings = std::make_unique<session::RecordingStore>(m_config.keep.recordingsDir);
    connect(
        m_recordings.get(), &session::RecordingStore::kept, m_recordings.get(),
        [this, log](const session::KeptRecording& kept) {
            QJsonObject data{{QStringLiteral("ref"), kept.ref}, {QStringLiteral("ms"), qint64(kept.length.count())},
                {QStringLiteral("lost_ms"), qint64(kept.lost.count())}, {QStringLiteral("bytes"), kept.bytes}};
            if (!kept.problem.isEmpty())
                data.insert(QStringLiteral("problem"), kept.problem);
            m_metrics->recordingKept(kept.bytes, kept.length, kept.lost, kept.problem.isEmpty());
            m_housekeeper->noteRecording(kept.bytes); // there is none before a call, and the store goes first
            log(kept.callId, QStringLiteral("RECORDING_KEPT"), data);
        },
        Qt::DirectConnection);
    m_housekeeper = std::make_unique<session::Housekeeper>(m_config.keep, m_clock);
    connect(
        m_housekeeper.get(), &session::Housekeeper::deleted, m_housekeeper.get(),
        [log](const session::StoredSound& sound) {
            log(sound.callId, QStringLiteral("RECORDING_DELETED"),
                {{QStringLiteral("what"), session::soundKindName(sound.kind)}, {QStringLiteral("ref"), sound.ref}});
        },
        Qt::DirectConnection);
    const QUrl callback = m_config.publicUrl.isEmpty()
        ? QUrl()
        : QUrl(m_config.publicUrl + QLatin1String("/webhook/recording_status"));
    m_twilioRecordings = std::make_unique<TwilioRecordings>(m_phone.rest(), callback, m_clock, *m_housekeeper,
        [this](const calllog::Entry& entry) { keep(entry); });
    m_housekeeper->start();
}

void Engine::loadDialogs()
{
    const LoadedDialogs loaded = app::loadDialogs(m_config);
    for (const QString& problem : loaded.problems)
        qCCritical(lcApp).noquote() << "a dialog cannot be used, a built-in receptionist serves instead:" << problem;
    const std::lock_guard lock(m_dialogs->mutex);
    m_dialogs->book = loaded.book;
}

std::shared_ptr<const dialog::DialogBook> Engine::DialogSlot::get()
{
    const std::lock_guard lock(mutex);
    return book;
}

std::shared_ptr<const dialog::DialogBook> Engine::dialogs() const
{
    return m_dialogs->get();
}

std::shared_ptr<const dialog::PersonaBook> Engine::PersonaSlot::get() const
{
    const std::lock_guard lock(m_mutex);
    return m_book;
}

void Engine::PersonaSlot::set(std::shared_ptr<const dialog::PersonaBook> book)
{
    const std::lock_guard lock(m_mutex);
    m_book.swap(book); // the old one goes, if nobody has it, when the lock is free again
}

void Engine::reload(const LoadedConfig& loaded)
{
    if (!loaded.ok()) {
        for (const QString& error : loaded.errors)
            qCWarning(lcApp).noquote() << "the configuration is not taken:" << error;
        qCWarning(lcApp).noquote() << "nothing of it is in force; the configuration from before stays";
        if (m_metrics)
            m_metrics->configReloaded(false);
        return;
    }
    for (const QString& warning : loaded.warnings)
        qCWarning(lcApp).noquote() << warning;
    const auto book = loaded.config.personaBook();
    m_personas.set(book);
    if (m_metrics)
        m_metrics->configReloaded(true);
    if (m_registry) {
        warmUp(*m_registry, *book);
        m_lines.prepare(*m_registry, *m_providers, book, dialogs());
    }
    QStringList names;
    for (const auto& persona : book->all())
        names += persona->name;
    qCInfo(lcApp).noquote() << "configuration read again; personas:" << names.join(QLatin1String(", "));

    // These are personas' alone, or this process made them up itself.
    const QStringList known{QStringLiteral("dialog.language"), QStringLiteral("tools.allow_hosts"),
        QStringLiteral("tools.allow_private"),
        loaded.config.mediaKey.isEmpty() ? QStringLiteral("media.key") : QString()};
    for (const QString& key : m_config.differences(loaded.config)) {
        if (!known.contains(key))
            qCWarning(lcApp).noquote() << key << "is another one now; it counts from the next start";
    }
}

void Engine::startProviders()
{
    m_registry = std::make_unique<providers::ProviderRegistry>(
        m_makersSource([slot = m_dialogs] { return slot->get(); }), m_config.providers, m_clock);
    providers::Health::Settings health = m_config.health;
    health.probedFirst = true;
    m_health = std::make_shared<providers::Health>(health, m_clock);
    m_probes = std::make_unique<providers::HealthProbes>(*m_registry, m_health, m_config.providers.deadline, m_clock);
    m_providers = std::make_unique<providers::CallProviders>(
        *m_registry, m_health, m_config.failover, m_clock, &m_lines.cache());
    connect(&m_lines, &ReadyLines::settled, this, &Engine::checkWarm);
    connect(m_registry.get(), &providers::ProviderRegistry::statusChanged, this, &Engine::onProviderStatus);
    warmUp(*m_registry, *m_personas.get());
    m_lines.prepare(*m_registry, *m_providers, m_personas.get(), dialogs());
}

void Engine::onProviderStatus(const providers::ProviderStatus& status)
{
    // The stage is in the state of the best it has.
    m_metrics->setProviderState(stageOf(status.stage), stateOf(m_registry->status(status.stage).state));
    if (status.stage == providers::Stage::TextToSpeech && status.state == providers::ProviderState::Ready)
        m_lines.voiceReady();
    m_room.refresh();
    checkWarm();
}

void Engine::checkWarm()
{
    if (m_warm || m_lines.isBusy())
        return;
    const auto statuses = m_registry->statuses();
    const bool settled = std::all_of(statuses.begin(), statuses.end(), [](const providers::ProviderStatus& status) {
        return status.state == providers::ProviderState::Ready || status.state == providers::ProviderState::Failed;
    });
    if (!settled)
        return;
    m_lines.catchUp();
    if (m_lines.isBusy())
        return;
    m_warm = true;
    Q_EMIT warm();
}

void Engine::startWorkers()
{
    m_context.settings.turn = m_config.turn;
    m_context.settings.playout = m_config.playout;
    m_context.settings.language = m_config.language;
    m_context.clock = &m_clock;
    m_context.providers = m_providers.get();
    m_context.toolHttp = &m_toolHttp;
    m_context.personaFor = [this](const QString& number) { return m_personas.get()->personaFor(number); };
    m_context.personaNamed = [this](const QString& name) { return m_personas.get()->named(name); };
    m_context.messages = m_messages.get();
    m_context.recordings = m_recordings.get();
    m_context.twilioRecording = [this](const QString& callId, session::TwilioRecording what) {
        return m_twilioRecordings->request(callId, what);
    };
    m_context.settings.leaveWait = m_phone.hasRest() ? LeaveWait : Milliseconds(0);
    m_context.takeUp = [this](const QString& callId) { return m_phone.transfers().takeUp(callId); };
    m_context.serviceLines = [this](const QString& language) {
        const auto book = dialogs();
        return dialog::serviceLinesFor(language, book ? book->scriptFor(language).get() : nullptr);
    };
    m_context.log = [this](const calllog::Entry& entry) { keep(entry); };
    if (m_traces) {
        m_context.trace = [this](const calllog::Entry& entry) { m_traces->note(entry); };
        m_context.traceParent = [this](const QString& callId) { return m_traces->traceParent(callId); };
    }
    m_context.claimsOf = [](const QByteArray& tag) {
        const auto claims = webhooks::StreamClaims::fromTag(tag);
        return claims ? session::StreamClaims{claims->callSid, claims->accountSid} : session::StreamClaims{};
    };

    const int count = m_config.mediaWorkerCount(QThread::idealThreadCount());
    for (int i = 0; i < count; ++i) {
        m_counters.push_back(&m_metrics->addWorker());
        auto worker =
            std::make_unique<session::MediaWorker>(i + 1, m_context, *m_counters.back(), m_config.mediaSocket);
        connect(worker.get(), &session::MediaWorker::callStarted, this,
            [this](const QString& callId) { m_phone.callStarted(callId); });
        connect(worker.get(), &session::MediaWorker::turnEnded, this, &Engine::onTurnEnded);
        connect(worker.get(), &session::MediaWorker::interruptionEnded, this, [this](bool confirmed) {
            m_metrics->interruption(
                confirmed ? metrics::InterruptionOutcome::Confirmed : metrics::InterruptionOutcome::Resumed);
        });
        connect(worker.get(), &session::MediaWorker::lastWordsSaid, &m_phone, &PhoneLine::lastWordsSaid);
        connect(worker.get(), &session::MediaWorker::passedOn, &m_phone,
            [this](const session::PassedOn& call) { m_phone.transfers().begin(call); });
        connect(worker.get(), &session::MediaWorker::providerUsed, this, &Engine::onProviderUsed);
        connect(worker.get(), &session::MediaWorker::callEnded, this, &Engine::onCallEnded);
        connect(worker.get(), &session::MediaWorker::callShown, this, &Engine::onCallShown);
        connect(worker.get(), &session::MediaWorker::turnShown, &m_room, &ControlRoom::showTurn);
        connect(worker.get(), &session::MediaWorker::commandDone, &m_room, &ControlRoom::commandDone);
        connect(worker->host(), &net::WebSocketHost::ended, this,
            [this](const net::SocketEnd& end) { m_phone.inspector().ended(end); });
        worker->start();
        m_workers.push_back(std::move(worker));
    }
}

void Engine::onCallShown(const CallSummary& summary)
{
    if (summary.state != CallState::Ended)
        m_phone.conversationBegan(summary.id);
    m_room.showCall(summary);
}

void Engine::watchSpokenCalls()
{
    const session::SpokenCalls* const calls = &m_phone.spoken();
    connect(calls, &session::SpokenCalls::turnEnded, this, &Engine::onTurnEnded);
    connect(calls, &session::SpokenCalls::turnEnded, this, [this] { m_metrics->spokenTurnEnded(); });
    connect(calls, &session::SpokenCalls::providerUsed, this, &Engine::onProviderUsed);
    connect(calls, &session::SpokenCalls::callEnded, this, &Engine::onCallEnded);
    connect(calls, &session::SpokenCalls::passedOn, &m_phone,
        [this](const session::PassedOn& call) { m_phone.transfers().begin(call); });
    connect(calls, &session::SpokenCalls::callShown, this, &Engine::onCallShown);
    connect(calls, &session::SpokenCalls::turnShown, &m_room, &ControlRoom::showTurn);
}

void Engine::onTurnEnded(const QString& callId, const TurnRecord& turn)
{
    m_metrics->turnEnded(turn.input, turn.latency);
    if (turn.fallback)
        m_metrics->fallbackPlayed();
    Q_EMIT turnEnded(callId, turn);
}

void Engine::onProviderUsed(const providers::FailoverNews& news)
{
    const QString service = serviceIdOf(news.stage, news.provider);
    if (news.what == providers::FailoverNews::What::Left) {
        m_metrics->providerLeft(stageOf(news.stage), news.provider, news.next);
        m_metrics->providerFailed(stageOf(news.stage), news.provider, news.error.code);
        m_recentUse.left(service, m_clock.now());
    } else {
        m_metrics->providerAnswered(stageOf(news.stage), news.provider, news.took);
        m_recentUse.answered(service, news.took, m_clock.now());
    }
}

void Engine::onCallEnded(const session::CallEnd& end)
{
    m_phone.callEnded(end);
    if (!end.passedOn) // else it goes on
        m_metrics->callEnded(end.reason);
    m_room.callEnded(end);
    Q_EMIT callEnded(end);
    if (m_drain != DrainStep::No)
        m_room.refresh();
}

int Engine::liveCalls() const
{
    return m_phone.liveCalls() + m_phone.spoken().live();
}

bool Engine::hasRoom() const
{
    return !m_workers.empty() && m_phone.liveCalls() < m_capacity && m_drain <= DrainStep::Waiting;
}

std::optional<PhoneLine::Worker> Engine::chooseWorker() const
{
    if (m_workers.empty())
        return std::nullopt;
    // By what was given to each: what a worker itself has counted lags behind a burst.
    std::vector<int> loads;
    for (int i = 0; i < int(m_workers.size()); ++i)
        loads.push_back(m_phone.liveCalls(i));
    const int least = int(std::min_element(loads.begin(), loads.end()) - loads.begin());
    return PhoneLine::Worker{m_workers[size_t(least)]->host(), least};
}

int Engine::workersAlive() const
{
    const Instant now = m_clock.now();
    return int(std::count_if(
        m_workers.begin(), m_workers.end(), [now](const auto& worker) { return worker->isAlive(now, WorkerSilence); }));
}

bool Engine::allWorkersAlive() const
{
    return !m_workers.empty() && workersAlive() == int(m_workers.size());
}

// ---- HTTP -----------------------------------------------------------------------------------------------------------

void Engine::serve(const net::HttpRequest& request, const net::Responder& responder)
{
    // Whoever answers, now or later, it is counted.
    const net::Responder counted([this, responder, route = routeOf(request.path)](const net::HttpResponse& response) {
        if (m_metrics)
            m_metrics->httpRequest(route, response.status);
        responder.respond(response);
    });
    if (PhoneLine::ownsPage(request))
        m_phone.serve(request, counted);
    else
        counted.respond(page(request));
}

net::HttpResponse Engine::page(const net::HttpRequest& request)
{
    const auto get = [this, &request](auto make) {
        if (request.method != "GET") {
            net::HttpResponse refused = net::HttpResponse::text(405, "only GET here\n");
            refused.headers.emplaceBack("Allow", "GET, HEAD");
            return refused;
        }
        return make();
    };
    if (request.path == "/healthz")
        return get([] { return net::HttpResponse::text(200, "ok\n"); });
    if (request.path == "/readyz")
        return get([this] { return readinessPage(); });
    if (request.path == "/version")
        return get([this] { return version(); });
    if (request.path == "/metrics")
        return get([this] { return metricsPage(); });
    if (request.path == "/console") {
        return get([] {
            net::HttpResponse response = net::HttpResponse::text(426, "consoles come by WebSocket\n");
            response.headers.emplaceBack("Upgrade", "websocket");
            return response;
        });
    }
    return net::HttpResponse::text(404, "no such page\n");
}

QString Engine::stageState(providers::Stage stage) const
{
    if (!m_registry)
        return QStringLiteral("pending");
    switch (m_registry->status(stage).state) {
    case providers::ProviderState::Cold:
    case providers::ProviderState::Warming:
        return QStringLiteral("pending");
    case providers::ProviderState::Ready:
        return QStringLiteral("ok");
    case providers::ProviderState::Failed:
        return QStringLiteral("error");
    }
    Q_UNREACHABLE();
}

Engine::Readiness Engine::readiness() const
{
    Readiness now;
    now.workers = allWorkersAlive();
    const calllog::Status log = m_callLog ? m_callLog->status() : calllog::Status{};
    now.database = QStringLiteral("down");
    switch (log.database) {
    case calllog::Status::Database::Ok:
        now.database = QStringLiteral("ok");
        break;
    case calllog::Status::Database::Down:
        now.databaseReason = log.reason;
        break;
    case calllog::Status::Database::Off:
        if (m_callLog)
            now.database = QStringLiteral("off");
        break;
    }
    now.draining = m_drain != DrainStep::No;
    now.calls = liveCalls();
    if (now.draining)
        now.missing += QStringLiteral("draining");
    if (m_phone.liveCalls() >= m_capacity)
        now.missing += QStringLiteral("full");
    // The database counts where one was asked for; the embedded default's absence is shown, and the journal keeps the
    // log. Without the journal a crash would lose what happened: whoever can sends callers elsewhere, and those who
    // come are answered.
    now.journalReason = log.journalReason;
    const bool isDown = now.database == QLatin1String("down") && !m_config.callLog.databaseUrl.isEmpty();
    if (isDown || !now.journalReason.isEmpty())
        now.missing += QStringLiteral("store");
    if (!now.workers)
        now.missing += QStringLiteral("workers");
    return now;
}

net::HttpResponse Engine::readinessPage() const
{
    const Readiness now = readiness();
    const bool ready = now.missing.isEmpty();
    QJsonObject json{{QStringLiteral("ready"), ready},
        {QStringLiteral("ws"), now.workers ? QStringLiteral("ok") : QStringLiteral("down")},
        {QStringLiteral("db"), now.database},
        {QStringLiteral("journal"), now.journalReason.isEmpty() ? QStringLiteral("ok") : QStringLiteral("down")},
        {QStringLiteral("stt"), stageState(providers::Stage::SpeechToText)},
        {QStringLiteral("tts"), stageState(providers::Stage::TextToSpeech)},
        {QStringLiteral("llm"), stageState(providers::Stage::LanguageModel)},
        {QStringLiteral("draining"), now.draining}, {QStringLiteral("calls"), now.calls},
        {QStringLiteral("capacity"), m_capacity}};
    if (!now.databaseReason.isEmpty())
        json.insert(QStringLiteral("db_reason"), now.databaseReason);
    if (now.draining)
        json.insert(QStringLiteral("remaining"), m_phone.unfinished());
    if (m_goodbyeAt.isValid())
        json.insert(QStringLiteral("goodbye_at"), m_goodbyeAt.toString(Qt::ISODate));
    if (!now.journalReason.isEmpty())
        json.insert(QStringLiteral("journal_reason"), now.journalReason);
    return net::HttpResponse::json(ready ? 200 : 503, QJsonDocument(json).toJson(QJsonDocument::Compact) + '\n');
}

net::HttpResponse Engine::version() const
{
    const QJsonObject json{{QStringLiteral("version"), versionString()}, {QStringLiteral("commit"), commitString()},
        {QStringLiteral("qt"), QString::fromLatin1(qVersion())}, {QStringLiteral("deploy_id"), m_config.deployId}};
    return net::HttpResponse::json(200, QJsonDocument(json).toJson(QJsonDocument::Compact) + '\n');
}

net::HttpResponse Engine::metricsPage()
{
    if (!m_metrics)
        return net::HttpResponse::text(503, "starting\n");
    m_metrics->setLiveCalls(liveCalls());
    m_metrics->setCapacity(m_capacity);
    m_metrics->setHttpOpenConnections(m_listener.counters().open);
    m_metrics->setCallLog(totalsOf(m_callLog->status()));
    m_metrics->setConsoles(totalsOf(m_room.hub().counters()));
    m_metrics->setRefusals(totalsOf(
        m_listener.counters(), m_phone.guard(), m_phone.gate().counters(), m_room.gate().counters()));
    m_metrics->setEngine(engineTotals());
    m_metrics->setLineCache(m_lines.totals());
    m_metrics->setLogLinesLost(Logging::linesLost());
    if (m_traces)
        m_metrics->setTraces(totalsOf(m_traces->totals()));
    for (size_t i = 0; i < m_workers.size(); ++i)
        setLateness(*m_counters[i], m_workers[i]->tick().lateness());
    net::HttpResponse response = net::HttpResponse::text(200, m_metrics->render());
    response.contentType = metrics::Metrics::contentType();
    return response;
}

metrics::EngineTotals Engine::engineTotals() const
{
    metrics::EngineTotals totals;
    const Readiness now = readiness();
    totals.ready = now.missing.isEmpty();
    totals.draining = now.draining;
    totals.media.workers = int(m_workers.size());
    totals.media.alive = workersAlive();
    for (const auto& worker : m_workers) {
        totals.media.missedTicks += worker->tick().missedTicks();
        totals.queues.mediaInbox.length += quint64(worker->inbox());
    }
    totals.queues.recordingPipe = {m_recordings->fullest(), session::RecordingPipe::Frames};
    const calllog::Status log = m_callLog->status();
    totals.queues.journal.length = log.appended - std::min(log.appended, log.durable);
    if (log.database != calllog::Status::Database::Off)
        totals.queues.database.length = log.durable - std::min(log.durable, log.stored);
    totals.callLogQueueBytes = log.queuedBytes;
    totals.callLogQueueLimit = m_config.callLog.queueLimitBytes;
    totals.journalLimit = m_config.callLog.journalLimitBytes;
    totals.queues.consoleStrangers = {quint64(m_room.hub().counters().strangers), quint64(m_config.console.strangers)};
    if (m_speechLoad) {
        const auto [busy, all] = m_speechLoad();
        totals.queues.speech = {quint64(busy), quint64(all)};
    }
    totals.watchdogs.mediaWorker = m_stalls.counters().mediaWorkers;
    totals.watchdogs.controlLoop = m_stalls.counters().ownLoop;
    const net::Listener::Counters& port = m_listener.counters();
    totals.port = {port.accepted, port.upgrades, port.acceptErrors};
    totals.consoles = consoleTotals(m_room.hub().counters());
    const session::Housekeeper::Stored stored = m_housekeeper->stored();
    totals.sounds = {stored.recordings, stored.messages, m_config.keep.diskBytes, stored.deleted};
    addTotals(totals, m_phone);
    return totals;
}

void Engine::lookForStalls()
{
    const Instant now = m_clock.now();
    std::vector<bool> stalled;
    for (const auto& worker : m_workers)
        stalled.push_back(!worker->isAlive(now, WorkerSilence));
    const std::vector<int> fresh = m_stalls.look(now, stalled);
    for (const int worker : fresh)
        qCCritical(lcApp) << "media thread" << worker + 1 << "has not moved for" << WorkerSilence.count() / 1000 << "s";
    if (const auto stall = m_stalls.ownStall())
        qCCritical(lcApp) << "the control thread stood still for" << stall->count() << "ms";
}

// ---- consoles -------------------------------------------------------------------------------------------------------

ControlRoom::Hooks Engine::roomHooks()
{
    ControlRoom::Hooks hooks;
    hooks.engine = [this] {
        const Readiness now = readiness();
        EngineStatus status;
        status.ready = now.missing.isEmpty();
        status.notReady = now.missing;
        status.draining = now.draining;
        if (now.draining) {
            status.remaining = m_phone.unfinished();
            status.goodbyeAt = m_goodbyeAt;
        }
        status.calls = now.calls;
        status.capacity = m_capacity;
        if (!m_config.outbound.allow.isEmpty()) {
            for (const auto& persona : m_personas.get()->all())
                status.personas += persona->name;
        }
        return status;
    };
    hooks.services = [this] { return services(); };
    hooks.requests = [this] { return m_phone.inspector().recent(); };
    hooks.consoleRefused = [this](const net::HttpRequest& request, const QString& reason) {
        m_phone.inspector().judged(request, {{}, reason, {}, {}, {}});
    };
    hooks.command = [this](quint64 ticket, const QString& callId, session::OperatorCommand command) {
        if (m_phone.spoken().has(callId)) {
            m_room.commandDone(ticket, m_phone.spoken().command(callId, command));
            return true;
        }
        const auto worker = m_phone.workerOf(callId);
        if (worker)
            m_workers[size_t(*worker)]->command(ticket, callId, command);
        return worker.has_value();
    };
    hooks.testCallOver = [this](const QString& callId) { m_phone.callerGone(callId); };
    hooks.place = [this](const telephony::OutboundRequest& request) -> Result<QString> {
        if (!request.persona.isEmpty() && !m_personas.get()->named(request.persona))
            return Error{Error::Code::Invalid, QStringLiteral("there is no persona '%1'").arg(logSafe(request.persona, 40)), {}};
        return m_phone.place(request);
    };
    hooks.endPlaced = [this](const QString& id, const telephony::OutboundCalls::Done& done) {
        return m_phone.endPlaced(id, EndReason::OperatorEnded, done);
    };
    hooks.refusal = [this] { return whyNoCall(); };
    hooks.warm = [this](const QString& service) { return warmService(service); };
    hooks.log = [this](const calllog::Entry& entry) { keep(entry); };
    hooks.passOn = [this](quint64 ticket, const QString& callId, const QString& target) {
        if (m_phone.spoken().has(callId)) {
            m_room.commandDone(ticket, m_phone.spoken().passOn(callId, target));
            return true;
        }
        const auto worker = m_phone.workerOf(callId);
        if (worker)
            m_workers[size_t(*worker)]->passOn(ticket, callId, target);
        return worker.has_value();
    };
    hooks.endPassedOn = [this](const QString& callId) { return m_phone.transfers().end(callId); };
    return hooks;
}

QList<ServiceStatus> Engine::services() const
{
    QList<ServiceStatus> all;
    for (const auto stage :
        {providers::Stage::SpeechToText, providers::Stage::LanguageModel, providers::Stage::TextToSpeech}) {
        providers::ProviderStatus status;
        status.stage = stage;
        all += serviceOf(m_registry ? m_registry->status(stage) : status);
    }
    if (m_registry) {
        const auto statuses = m_registry->statuses();
        for (const providers::ProviderStatus& status : statuses)
            all += providerService(status);
    }
    all += storeOf(m_callLog ? m_callLog->status() : calllog::Status{});
    all += mediaStatus();
    return all;
}

ServiceStatus Engine::providerService(const providers::ProviderStatus& status) const
{
    const Instant now = m_clock.now();
    ServiceStatus service = serviceOf(status);
    service.stage = service.id;
    service.id = serviceIdOf(status.stage, status.provider);
    service.use = m_recentUse.of(service.id, now);
    // Made and well, but it failed in use, and is left alone for a while.
    if (service.state == ServiceState::Ready
        && m_health->state(status.stage, status.provider) != providers::Health::State::Fit) {
        service.state = ServiceState::Degraded;
        service.reason = providers::safeReason(
            toString(m_health->lastError(status.stage, status.provider)), m_config.providers.secrets);
        service.since = {};
    }
    return service;
}

ServiceStatus Engine::mediaStatus() const
{
    ServiceStatus status;
    status.id = QStringLiteral("media");
    if (m_workers.empty())
        return status;
    const int all = int(m_workers.size()), alive = workersAlive();
    status.name = all == 1 ? QStringLiteral("1 thread") : QStringLiteral("%1 threads").arg(all);
    status.state = alive == all ? ServiceState::Ready : alive > 0 ? ServiceState::Degraded : ServiceState::Failed;
    if (alive < all) {
        status.reason = QStringLiteral("%1 of %2 threads have not moved for %3 s")
                            .arg(all - alive)
                            .arg(all)
                            .arg(WorkerSilence.count() / 1000);
    }
    return status;
}

QString Engine::whyNoCall() const
{
    if (m_drain != DrainStep::No)
        return QStringLiteral("the engine is draining: it takes no more calls");
    return hasRoom() ? QString() : QStringLiteral("the engine is full");
}

QString Engine::warmService(const QString& service)
{
    const auto stage = stageOfService(service);
    if (!stage)
        return QStringLiteral("%1 is nothing that can be made anew").arg(logSafe(service, 40));
    if (!m_registry)
        return QStringLiteral("the engine is starting");
    const QString provider = service.section(QLatin1Char('/'), 1);
    if (m_registry->retryNow(*stage, provider))
        return {};
    const auto known = services();
    const auto told = std::find_if(
        known.cbegin(), known.cend(), [&service](const ServiceStatus& status) { return status.id == service; });
    if (told == known.cend())
        return QStringLiteral("%1 is not in the list").arg(logSafe(service, 40));
    return told->state == ServiceState::Ready || told->state == ServiceState::Degraded
        ? QStringLiteral("%1 is ready").arg(service)
        : QStringLiteral("%1 is being made").arg(service);
}

// ---- the end --------------------------------------------------------------------------------------------------------

/// Each time a step further.
void Engine::drain()
{
    switch (++m_stops) {
    case 1: {
        m_drain = DrainStep::Waiting;
        m_drainDeadline = m_clock.now() + m_config.drain;
        m_goodbyeAt = m_clock.wallNow().addMSecs(m_config.drain.count());
        m_phone.beginDrain();
        const int left = m_phone.unfinished();
        qCInfo(lcApp) << "draining: no more calls are taken," << left << "left";
        if (left == 0 && !m_phone.hasUnanswered()) {
            finishDrain();
            return;
        }
        m_drainTimer.start(DrainCheck);
        m_room.refresh();
        return;
    }
    case 2:
        if (m_drain == DrainStep::Waiting)
            sayGoodbye("asked to stop again");
        return;
    default:
        if (m_drain != DrainStep::Done)
            qCWarning(lcApp) << "asked to stop a third time:" << m_phone.unfinished() << "calls are cut off";
        finishDrain();
    }
}

void Engine::sayGoodbye(const char* why)
{
    m_drain = DrainStep::SayingGoodbye;
    m_drainDeadline = m_clock.now() + GoodbyeTime;
    m_goodbyeAt = {};
    qCInfo(lcApp).noquote() << why << "- saying goodbye to" << m_phone.unfinished() << "calls";
    m_phone.sayGoodbye();
    continueDrain();
}

void Engine::finishDrain()
{
    m_drainTimer.stop();
    if (std::exchange(m_drain, DrainStep::Done) == DrainStep::Done)
        return;
    m_room.shutDown();
    Q_EMIT drained();
}

void Engine::continueDrain()
{
    if (m_drain == DrainStep::Done)
        return;
    m_room.refresh();
    // Twice in a row: what Twilio was answered last is to be on its way.
    const bool isOver = m_phone.unfinished() == 0 && !m_phone.hasUnanswered();
    if (std::exchange(m_isQuiet, isOver) && isOver) {
        finishDrain();
        return;
    }
    const bool isDue = m_clock.now() >= m_drainDeadline;
    if (m_drain == DrainStep::SayingGoodbye) {
        if (isDue) {
            qCWarning(lcApp) << m_phone.unfinished() << "calls have not ended with the goodbye and are cut off";
            finishDrain();
            return;
        }
        // Again and again: one whose handshake was under way has a session only now.
        for (const auto& worker : m_workers)
            worker->endAll(EndReason::Shutdown);
        m_phone.endLatecomers();
    } else if (isDue && !isOver) {
        sayGoodbye("the drain is at its limit");
    }
}

} // namespace kav::app
