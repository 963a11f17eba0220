// SPDX-License-Identifier: Apache-2.0
#include "engine/metrics/metrics.h"

#include "engine/metrics/enginefamilies.h"

#include <deque>
#include <map>
#include <mutex>
#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sstream>

namespace kav::metrics {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array StageNames{"stt", "llm", "tts"};
constexpr std::array StateNames{"cold", "warming", "ready", "failed"};
constexpr std::array ProviderNames{"google", "google-rest", "openai", "deepgram", "elevenlabs", "realtime", "embedded"};
/// What is measured of a provider of each stage.
constexpr std::array MeasureNames{"final", "first_token", "first_audio"};
constexpr std::array PartNames{
    "end_of_utterance", "recognition", "first_token", "first_sentence", "first_audio", "playout"};
static_assert(PartNames.size() == LatencyPartsInOrder.size());
constexpr std::array OutcomeNames{"confirmed", "resumed"};
/// Of Error::Code, in its order.
constexpr std::array ErrorNames{
    "invalid", "not_found", "denied", "unavailable", "timeout", "cancelled", "limit_exceeded", "io", "internal"};
static_assert(ErrorNames.size() == static_cast<size_t>(Error::Code::Internal) + 1);
constexpr std::array RecordingNames{"whole", "cut"};
constexpr std::array ReloadNames{"taken", "refused"};
constexpr std::array RouteNames{"healthz", "readyz", "version", "metrics", "incoming_call", "stream_status",
    "stream_ended", "call_status", "after_stream", "after_dial", "outbound_call", "amd", "recording_status", "waiting", "turn", "recorded", "transfer", "hold", "back", "after_hold", "hold_music", "hold_tone", "human", "human_key", "human_status", "dial_status", "conference", "media",
    "console", "other"};
static_assert(RouteNames.size() == static_cast<size_t>(Route::Other) + 1);
constexpr std::array<const char*, MarkCount> MarkNames{"sent", "returned", "stale", "lost"};
constexpr std::array<const char*, StreamErrorCount> StreamErrorNames{
    "malformed", "unknown", "out_of_order", "gap", "silent", "backpressure", "lost"};
/// The statuses that Kav answers with; another would be a mistake, and is counted as "other".
constexpr std::array StatusCodes{
    101, 200, 204, 400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 426, 429, 431, 500, 501, 503, 505};
constexpr int EndReasonCount = static_cast<int>(EndReason::Fax) + 1;
constexpr int TurnInputCount = static_cast<int>(TurnInput::Silence) + 1;

/// Six seconds is when the fallback line speaks, fifteen when the call gives up: both are bounds.
const prometheus::Histogram::BucketBoundaries AnswerBuckets{0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 10, 15};
const prometheus::Histogram::BucketBoundaries UtteranceBuckets{
    0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.8, 1, 2};
const prometheus::Histogram::BucketBoundaries StageBuckets{
    0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 4, 10};

template <size_t N, typename E> constexpr const char* labelOf(const std::array<const char*, N>& names, E value)
{
    return names[static_cast<size_t>(value)];
}

/// The configuration checks its words; whatever else comes must not make a series.
const char* providerLabel(const QString& provider)
{
    const auto known = std::find_if(ProviderNames.begin(), ProviderNames.end(),
        [&provider](const char* name) { return provider == QLatin1String(name); });
    return known == ProviderNames.end() ? "other" : *known;
}

double seconds(std::chrono::milliseconds ms)
{
    return std::chrono::duration<double>(ms).count();
}

quint64 read(const WorkerCounters::Counter& counter)
{
    return counter.load(std::memory_order_relaxed);
}

void addCounter(MetricFamily& family, const char* label, const char* value, quint64 count)
{
    ClientMetric metric;
    metric.label = {{label, value}};
    metric.counter.value = static_cast<double>(count);
    family.metric.push_back(std::move(metric));
}

} // namespace

struct Metrics::Private final {
    template <typename Builder>
    static auto& build(prometheus::Registry& registry, Builder builder, const char* name, const char* help)
    {
        return builder().Name(name).Help(help).Register(registry);
    }

    Private(const QString& version, const QString& commit);
    std::vector<MetricFamily> collectOwn() const;
    void addWorkers(FamilyList& families) const;
    void addRefusals(FamilyList& families) const;

    prometheus::Registry registry;
    std::array<prometheus::Counter*, EndReasonCount> calls{};
    prometheus::Gauge* live = nullptr;
    prometheus::Gauge* capacity = nullptr;
    std::array<prometheus::Counter*, TurnInputCount> turns{};
    std::array<prometheus::Counter*, OutcomeNames.size()> interruptions{};
    prometheus::Counter* fallbacks = nullptr;
    prometheus::Histogram* answer = nullptr;
    prometheus::Histogram* endOfUtterance = nullptr;
    std::array<prometheus::Histogram*, PartNames.size()> gap{};
    std::array<prometheus::Histogram*, StageNames.size()> stages{};
    std::array<std::array<prometheus::Gauge*, StateNames.size()>, StageNames.size()> providers{};
    prometheus::Counter* spokenTurns = nullptr;
    prometheus::Family<prometheus::Counter>* failovers = nullptr;
    prometheus::Family<prometheus::Counter>* providerErrors = nullptr;
    prometheus::Family<prometheus::Histogram>* answered = nullptr;
    prometheus::Family<prometheus::Counter>* http = nullptr;
    prometheus::Gauge* httpConnections = nullptr;
    std::array<prometheus::Counter*, RecordingNames.size()> recordings{};
    prometheus::Counter *recordedBytes = nullptr, *recordedSeconds = nullptr, *recordingLost = nullptr;
    std::array<prometheus::Counter*, ReloadNames.size()> reloads{};
    prometheus::Gauge *reloadOk = nullptr, *reloadAt = nullptr;
    prometheus::Family<prometheus::Gauge>* config = nullptr;

    mutable std::mutex mutex; // guards what follows
    std::deque<WorkerCounters> workers; // a deque: what addWorker() gave stays where it is
    CallLogTotals callLog;
    ConsoleTotals consoles;
    RefusalTotals refusals;
    LineCacheTotals lineCache;
    EngineTotals engine;
    quint64 logLinesLost = 0;
    TraceTotals traces;
};

Metrics::Private::Private(const QString& version, const QString& commit)
{
    using namespace prometheus;
    auto& callFamily =
        build(registry, BuildCounter, "kav_calls_total", "Calls that ended, by the reason they ended for.");
    // None is no end; a series for it would only ever be zero.
    for (int i = 1; i < EndReasonCount; ++i)
        calls[size_t(i)] = &callFamily.Add({{"end_reason", endReasonName(static_cast<EndReason>(i)).toStdString()}});
    live = &build(registry, BuildGauge, "kav_calls_active", "Calls that have their agent, with a stream or without.").Add({});
    capacity = &build(registry, BuildGauge, "kav_capacity", "Calls this engine takes at once.").Add({});
    auto& turnFamily =
        build(registry, BuildCounter, "kav_turns_total", "Turns that ended, by how the caller's side was given.");
    for (int i = 0; i < TurnInputCount; ++i)
        turns[size_t(i)] = &turnFamily.Add({{"input", turnInputName(static_cast<TurnInput>(i)).toStdString()}});
    auto& interruptionFamily = build(registry, BuildCounter, "kav_interruptions_total",
        "Times the caller's voice stopped the agent: confirmed by words, or resumed.");
    for (size_t i = 0; i < OutcomeNames.size(); ++i)
        interruptions[i] = &interruptionFamily.Add({{"outcome", OutcomeNames[i]}});
    fallbacks = &build(registry, BuildCounter, "kav_fallbacks_total", "Pre-rendered lines that stood in for an answer.")
                     .Add({});
    answer = &build(registry, BuildHistogram, "kav_answer_seconds",
        "From the end of the caller's words to the first media frame of the answer.")
                  .Add({}, AnswerBuckets);
    endOfUtterance = &build(
        registry, BuildHistogram, "kav_endofutterance_seconds", "Pause waited after the caller's last voiced frame.")
                          .Add({}, UtteranceBuckets);
    auto& gapFamily = build(registry, BuildHistogram, "kav_turn_gap_seconds",
        "Part of the wait from the end of the caller's words to the first sound; the parts of a turn sum to it.");
    for (size_t i = 0; i < PartNames.size(); ++i)
        gap[i] = &gapFamily.Add({{"part", PartNames[i]}}, StageBuckets);
    auto& stageFamily = build(registry, BuildHistogram, "kav_stage_seconds",
        "Time of one stage of an answer, as far as the caller waited for it.");
    auto& providerFamily =
        build(registry, BuildGauge, "kav_provider_state", "1 for the state that the stage's provider is in, else 0.");
    for (size_t stage = 0; stage < StageNames.size(); ++stage) {
        stages[stage] = &stageFamily.Add({{"stage", StageNames[stage]}}, StageBuckets);
        for (size_t state = 0; state < StateNames.size(); ++state) {
            providers[stage][state] = &providerFamily.Add({{"stage", StageNames[stage]}, {"state", StateNames[state]}});
            providers[stage][state]->Set(state == 0 ? 1 : 0);
        }
    }
    spokenTurns = &build(registry, BuildCounter, "kav_spoken_turns_total",
        "Turns of calls without a stream; they are among kav_turns_total.")
                       .Add({});
    providerErrors = &build(registry, BuildCounter, "kav_provider_errors_total",
        "Failures and stalls of providers in use, by stage, provider and kind of error.");
    auto& recordingFamily = build(registry, BuildCounter, "kav_recordings_total",
        "Recordings of calls that are closed: whole, or cut before the call's end because the disk failed.");
    for (size_t i = 0; i < RecordingNames.size(); ++i)
        recordings[i] = &recordingFamily.Add({{"outcome", RecordingNames[i]}});
    recordedBytes = &build(registry, BuildCounter, "kav_recorded_bytes_total", "Size of closed recordings of calls.").Add({});
    recordedSeconds = &build(registry, BuildCounter, "kav_recorded_seconds_total", "Length of closed recordings of calls.").Add({});
    recordingLost = &build(registry, BuildCounter, "kav_recording_lost_seconds_total",
        "Silence in closed recordings where the disk did not keep up.")
                         .Add({});
    auto& reloadFamily = build(registry, BuildCounter, "kav_config_reloads_total",
        "Reloads of the configuration (SIGHUP), by whether it was taken.");
    for (size_t i = 0; i < ReloadNames.size(); ++i)
        reloads[i] = &reloadFamily.Add({{"result", ReloadNames[i]}});
    reloadOk = &build(registry, BuildGauge, "kav_config_last_reload_successful",
        "0 while the configuration on disk was refused and the one from before serves.")
                    .Add({});
    reloadOk->Set(1);
    reloadAt = &build(registry, BuildGauge, "kav_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was read, Unix time.")
                    .Add({});
    reloadAt->SetToCurrentTime();
    config = &build(
        registry, BuildGauge, "kav_config_info", "Always 1; its labels say what the engine was started with.");
    failovers = &build(registry, BuildCounter, "kav_failovers_total",
        "Providers left in use because they failed or stalled, by who took over.");
    answered = &build(registry, BuildHistogram, "kav_provider_seconds",
        "From what was asked of a provider (of a recogniser: from the utterance's end) to the first of its answer.");
    http = &build(registry, BuildCounter, "kav_http_requests_total", "HTTP requests answered, by route and status.");
    httpConnections =
        &build(registry, BuildGauge, "kav_http_open_connections", "Connections that the listener holds.").Add({});
    build(registry, BuildGauge, "kav_build_info", "Always 1; its labels say what runs.")
        .Add({{"version", version.toStdString()}, {"commit", commit.toStdString()}, {"qt", qVersion()}})
        .Set(1);
}

void Metrics::Private::addWorkers(FamilyList& families) const
{
    const auto total = [this](auto&& pick) {
        quint64 sum = 0;
        for (const WorkerCounters& worker : workers)
            sum += read(pick(worker));
        return sum;
    };
    MetricFamily& frames = families.family("kav_media_frames_total",
        "Audio frames of 20 ms, received from callers and sent to them.", MetricType::Counter);
    addCounter(frames, "direction", "inbound", total([](const auto& w) -> auto& { return w.framesInbound; }));
    addCounter(frames, "direction", "outbound", total([](const auto& w) -> auto& { return w.framesOutbound; }));

    MetricFamily& marks =
        families.family("kav_marks_total", "Playback marks, by what became of them.", MetricType::Counter);
    for (size_t i = 0; i < MarkNames.size(); ++i)
        addCounter(marks, "kind", MarkNames[i], total([i](const auto& w) -> auto& { return w.marks[i]; }));

    MetricFamily& errors =
        families.family("kav_stream_errors_total", "What went wrong on media streams.", MetricType::Counter);
    for (size_t i = 0; i < StreamErrorNames.size(); ++i)
        addCounter(
            errors, "kind", StreamErrorNames[i], total([i](const auto& w) -> auto& { return w.streamErrors[i]; }));

    MetricFamily& lateness = families.family("kav_pacing_lateness_seconds",
        "How long after its due time an outbound frame left the engine.", MetricType::Histogram);
    ClientMetric metric;
    // The count is the buckets' own sum, not a counter beside them: read without a lock, those two could disagree.
    quint64 cumulative = 0;
    for (size_t i = 0; i <= WorkerCounters::LatenessBounds.size(); ++i) {
        cumulative += total([i](const auto& w) -> auto& { return w.latenessBuckets[i]; });
        const double bound = i < WorkerCounters::LatenessBounds.size()
            ? std::chrono::duration<double>(WorkerCounters::LatenessBounds[i]).count()
            : std::numeric_limits<double>::infinity();
        metric.histogram.bucket.push_back({cumulative, bound});
    }
    metric.histogram.sample_count = cumulative;
    metric.histogram.sample_sum =
        static_cast<double>(total([](const auto& w) -> auto& { return w.latenessSumNs; })) / 1e9;
    lateness.metric.push_back(std::move(metric));

    constexpr auto Silent = static_cast<size_t>(StreamError::Silent);
    families.counters("kav_watchdog_firings_total",
        "Times a watchdog found what it watches past its limit: a media thread or the control thread that stood still, "
        "a stream that fell silent, a call at its longest, a leg that outlived even that.",
        "watch",
        {{"media_worker", double(engine.watchdogs.mediaWorker)}, {"control_loop", double(engine.watchdogs.controlLoop)},
            {"silent_stream", double(total([](const auto& w) -> auto& { return w.streamErrors[Silent]; }))},
            {"longest_call", calls[static_cast<size_t>(EndReason::LongestCall)]->Value()},
            {"overdue_call", double(engine.watchdogs.overdueCall)}});
}

void Metrics::Private::addRefusals(FamilyList& families) const
{
    MetricFamily& refused = families.family("kav_refusals_total",
        "Webhooks, media streams, consoles and connections that were refused before they had any effect, by what they "
        "lacked.",
        MetricType::Counter);
    const auto refusal = [&refused](const char* what, const char* reason, quint64 count) {
        ClientMetric one;
        one.label = {{"request", what}, {"reason", reason}};
        one.counter.value = static_cast<double>(count);
        refused.metric.push_back(std::move(one));
    };
    for (const auto& [what, proof] : {std::pair("webhook", &refusals.webhooks), {"stream", &refusals.streams}}) {
        refusal(what, "no_signature", proof->noSignature);
        refusal(what, "wrong_signature", proof->wrongSignature);
        refusal(what, "wrong_body", proof->wrongBody);
        refusal(what, "unreadable", proof->unreadable);
        refusal(what, "stranger", proof->stranger);
        refusal(what, "no_address", proof->noAddress);
        refusal(what, "other_account", proof->otherAccount);
    }
    refusal("stream", "bad_token", refusals.badTokens);
    refusal("stream", "taken", refusals.taken);
    refusal("stream", "full", refusals.full);
    refusal("console", "banned", refusals.consoles.banned);
    refusal("console", "origin", refusals.consoles.origin);
    refusal("console", "stranger", refusals.consoles.stranger);
    refusal("port", "bad_request", refusals.port.badRequest);
    refusal("port", "timeout", refusals.port.timeout);
    refusal("port", "over_limit", refusals.port.overLimit);
    refusal("port", "bad_handshake", refusals.port.badHandshake);
    refusal("port", "other_upgrade", refusals.port.otherUpgrade);
}

std::vector<MetricFamily> Metrics::Private::collectOwn() const
{
    FamilyList families;
    addProcess(families, ProcessFigures::read());
    const std::scoped_lock lock(mutex);
    addWorkers(families);
    addRefusals(families);
    families.counters("kav_calllog_entries_total",
        "Entries of the call log: appended, durable in the journal, stored in the "
        "database, refused for want of room, damaged on the disk.",
        "state",
        {{"appended", double(callLog.appended)}, {"durable", double(callLog.durable)},
            {"stored", double(callLog.stored)}, {"refused", double(callLog.refused)},
            {"damaged", double(callLog.damaged)}});
    families.counters("kav_calllog_removed_total",
        "What was taken out of the call log for its age, for room, or because a caller was erased: words, numbers, whole "
        "calls, entries of no call, entries still in the journal.",
        "what",
        {{"transcript", double(callLog.transcripts)}, {"number", double(callLog.numbers)},
            {"call", double(callLog.calls)}, {"other", double(callLog.others)}, {"journal", double(callLog.inJournal)}});
    families.gauge(
        "kav_calllog_journal_bytes", "Size of the call log's journal on disk.", double(callLog.journalBytes));
    families.gauge(
        "kav_calllog_database_up", "1 while the call log's database takes entries.", callLog.databaseUp ? 1 : 0);
    families.gauge("kav_consoles_connected", "Operators' consoles connected.", consoles.connected);
    const auto counter = [&families](const char* name, const char* help, quint64 count) {
        families.counter(name, help, double(count));
    };
    counter("kav_console_changes_total", "Changes of the engine's state that consoles may see.", consoles.changes);
    counter("kav_console_deltas_total", "Messages with changes sent to consoles.", consoles.deltas);
    counter("kav_console_sent_bytes_total", "Bytes sent to consoles.", consoles.bytes);
    counter("kav_console_auth_failures_total", "Consoles that came with a wrong token.", consoles.authFailures);
    counter("kav_log_lines_lost_total", "Lines of the log that were left out because whoever reads it was too slow.",
        logLinesLost);
    counter("kav_line_cache_hits_total", "Sentences of calls that were there as sound.", lineCache.hits);
    counter("kav_line_cache_misses_total", "Sentences of calls that had to be synthesised.", lineCache.misses);
    counter("kav_line_cache_evictions_total", "Rendered lines pushed out of memory by others.", lineCache.evictions);
    counter("kav_line_cache_loaded_total", "Rendered lines read from disk.", lineCache.loaded);
    counter("kav_line_cache_damaged_total", "Rendered lines on disk that were damaged, and dropped.", lineCache.damaged);
    families.gauge("kav_line_cache_lines", "Rendered lines in memory.", lineCache.lines);
    families.gauge("kav_line_cache_bytes", "Memory that rendered lines take.", double(lineCache.bytes));
    families.gauge("kav_line_cache_disk_bytes", "What rendered lines take on disk.", double(lineCache.diskBytes));
    families.counters("kav_trace_spans_total",
        "Spans of calls: sent to the collector, rejected by it, dropped for want of room or of a collector.", "outcome",
        {{"sent", double(traces.sent)}, {"rejected", double(traces.rejected)}, {"dropped", double(traces.dropped)}});
    families.gauge("kav_trace_spans_waiting", "Spans that are yet to be sent.", traces.waiting);
    addEngine(families, engine);
    return families.take();
}

Metrics::Metrics(const QString& version, const QString& commit)
    : d(std::make_unique<Private>(version, commit))
{
}

Metrics::~Metrics() = default;

WorkerCounters& Metrics::addWorker()
{
    const std::scoped_lock lock(d->mutex);
    return d->workers.emplace_back();
}

void Metrics::callEnded(EndReason reason)
{
    if (auto* counter = d->calls[static_cast<size_t>(reason)])
        counter->Increment();
}

void Metrics::setLiveCalls(int calls)
{
    d->live->Set(calls);
}

void Metrics::setCapacity(int calls)
{
    d->capacity->Set(calls);
}

void Metrics::turnEnded(TurnInput input, const LatencyParts& latency)
{
    d->turns[static_cast<size_t>(input)]->Increment();
    const auto pause = latency.length(LatencyPart::EndOfUtterance);
    if (latency.answer && latency.total)
        d->answer->Observe(
            std::chrono::duration<double>(*latency.answer + pause.value_or(std::chrono::milliseconds(0))).count());
    if (pause && input != TurnInput::Keypad)
        d->endOfUtterance->Observe(seconds(*pause));
    if (latency.total) {
        for (const LatencySpan& span : latency.spans)
            d->gap[static_cast<size_t>(span.part)]->Observe(seconds(span.length));
    }
    if (const auto recognition = latency.length(LatencyPart::Recognition))
        observeStage(Stage::Stt, *recognition);
    const auto token = latency.length(LatencyPart::FirstToken), sentence = latency.length(LatencyPart::FirstSentence);
    if (token || sentence)
        observeStage(
            Stage::Llm, token.value_or(std::chrono::milliseconds(0)) + sentence.value_or(std::chrono::milliseconds(0)));
    if (const auto audio = latency.length(LatencyPart::FirstAudio))
        observeStage(Stage::Tts, *audio);
}

void Metrics::interruption(InterruptionOutcome outcome)
{
    d->interruptions[static_cast<size_t>(outcome)]->Increment();
}

void Metrics::fallbackPlayed()
{
    d->fallbacks->Increment();
}

void Metrics::observeStage(Stage stage, std::chrono::milliseconds took)
{
    d->stages[static_cast<size_t>(stage)]->Observe(seconds(took));
}

void Metrics::setProviderState(Stage stage, ProviderState state)
{
    for (size_t i = 0; i < StateNames.size(); ++i)
        d->providers[static_cast<size_t>(stage)][i]->Set(i == static_cast<size_t>(state) ? 1 : 0);
}

void Metrics::providerLeft(Stage stage, const QString& provider, const QString& next)
{
    // Made on first use; the sets of all labels are closed.
    d->failovers
        ->Add({{"stage", labelOf(StageNames, stage)}, {"from", providerLabel(provider)},
            {"to", next.isEmpty() ? "none" : providerLabel(next)}})
        .Increment();
}

void Metrics::providerAnswered(Stage stage, const QString& provider, std::chrono::milliseconds took)
{
    d->answered
        ->Add({{"stage", labelOf(StageNames, stage)}, {"provider", providerLabel(provider)},
                  {"measure", labelOf(MeasureNames, stage)}},
            StageBuckets)
        .Observe(seconds(took));
}

void Metrics::providerFailed(Stage stage, const QString& provider, Error::Code kind)
{
    // Made on first use; the sets of all labels are closed.
    d->providerErrors
        ->Add({{"stage", labelOf(StageNames, stage)}, {"provider", providerLabel(provider)},
            {"kind", labelOf(ErrorNames, kind)}})
        .Increment();
}

void Metrics::spokenTurnEnded()
{
    d->spokenTurns->Increment();
}

void Metrics::recordingKept(qint64 bytes, std::chrono::milliseconds length, std::chrono::milliseconds lost, bool isWhole)
{
    d->recordings[isWhole ? 0 : 1]->Increment();
    d->recordedBytes->Increment(static_cast<double>(bytes));
    d->recordedSeconds->Increment(seconds(length));
    d->recordingLost->Increment(seconds(lost));
}

void Metrics::configReloaded(bool isTaken)
{
    d->reloads[isTaken ? 0 : 1]->Increment();
    d->reloadOk->Set(isTaken ? 1 : 0);
    if (isTaken)
        d->reloadAt->SetToCurrentTime();
}

void Metrics::setConfig(const ConfigInfo& info)
{
    const auto word = [](bool is) { return is ? "yes" : "no"; };
    d->config
        ->Add({{"deploy_id", info.deployId.toStdString()}, {"stt", info.stt.toStdString()},
            {"llm", info.llm.toStdString()}, {"tts", info.tts.toStdString()}, {"database", info.database.toStdString()},
            {"signatures", word(info.checksSignatures)}, {"rest", word(info.hasRest)},
            {"without_stream", word(info.withoutStream)}, {"outbound", word(info.callsOut)}})
        .Set(1);
}

void Metrics::httpRequest(Route route, int status)
{
    const bool known = std::find(StatusCodes.begin(), StatusCodes.end(), status) != StatusCodes.end();
    // Made on first use (a table of all pairs would be mostly zeros); the sets of both labels are closed.
    d->http->Add({{"route", labelOf(RouteNames, route)}, {"code", known ? std::to_string(status) : "other"}})
        .Increment();
}

void Metrics::setHttpOpenConnections(int connections)
{
    d->httpConnections->Set(connections);
}

void Metrics::setCallLog(const CallLogTotals& totals)
{
    const std::scoped_lock lock(d->mutex);
    d->callLog = totals;
}

void Metrics::setConsoles(const ConsoleTotals& totals)
{
    const std::scoped_lock lock(d->mutex);
    d->consoles = totals;
}

void Metrics::setRefusals(const RefusalTotals& totals)
{
    const std::scoped_lock lock(d->mutex);
    d->refusals = totals;
}

void Metrics::setLineCache(const LineCacheTotals& totals)
{
    const std::scoped_lock lock(d->mutex);
    d->lineCache = totals;
}

void Metrics::setEngine(const EngineTotals& totals)
{
    const std::scoped_lock lock(d->mutex);
    d->engine = totals;
}

void Metrics::setLogLinesLost(quint64 lines)
{
    const std::scoped_lock lock(d->mutex);
    d->logLinesLost = lines;
}

void Metrics::setTraces(const TraceTotals& totals)
{
    const std::scoped_lock lock(d->mutex);
    d->traces = totals;
}

QByteArray Metrics::render() const
{
    std::vector<MetricFamily> families = d->registry.Collect();
    for (MetricFamily& own : d->collectOwn())
        families.push_back(std::move(own));
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    return QByteArray::fromStdString(out.str());
}

QByteArray Metrics::contentType()
{
    return QByteArrayLiteral("text/plain; version=0.0.4; charset=utf-8");
}

} // namespace kav::metrics
