// SPDX-License-Identifier: Apache-2.0
#include "engine/metrics/metrics.h"

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
constexpr std::array RouteNames{"healthz", "readyz", "version", "metrics", "incoming_call", "stream_status",
    "stream_ended", "call_status", "after_stream", "after_dial", "outbound_call", "amd", "recording_status", "waiting", "turn", "recorded", "transfer", "hold", "back", "after_hold", "hold_music", "human", "human_key", "human_status", "dial_status", "conference", "media",
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

MetricFamily family(const char* name, const char* help, MetricType type)
{
    return {name, help, type, {}};
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
    prometheus::Family<prometheus::Counter>* failovers = nullptr;
    prometheus::Family<prometheus::Histogram>* answered = nullptr;
    prometheus::Family<prometheus::Counter>* http = nullptr;
    prometheus::Gauge* httpConnections = nullptr;

    mutable std::mutex mutex; // guards what follows
    std::deque<WorkerCounters> workers; // a deque: what addWorker() gave stays where it is
    CallLogTotals callLog;
    ConsoleTotals consoles;
    RefusalTotals refusals;
    LineCacheTotals lineCache;
};

Metrics::Private::Private(const QString& version, const QString& commit)
{
    using namespace prometheus;
    auto& callFamily =
        build(registry, BuildCounter, "kav_calls_total", "Calls that ended, by the reason they ended for.");
    // None is no end; a series for it would only ever be zero.
    for (int i = 1; i < EndReasonCount; ++i)
        calls[size_t(i)] = &callFamily.Add({{"end_reason", endReasonName(static_cast<EndReason>(i)).toStdString()}});
    live = &build(registry, BuildGauge, "kav_calls_live", "Calls in progress.").Add({});
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

std::vector<MetricFamily> Metrics::Private::collectOwn() const
{
    const std::scoped_lock lock(mutex);
    const auto total = [this](auto&& pick) {
        quint64 sum = 0;
        for (const WorkerCounters& worker : workers)
            sum += read(pick(worker));
        return sum;
    };

    std::vector<MetricFamily> families;
    MetricFamily frames = family("kav_media_frames_total",
        "Audio frames of 20 ms, received from callers and sent to them.", MetricType::Counter);
    addCounter(frames, "direction", "inbound", total([](const auto& w) -> auto& { return w.framesInbound; }));
    addCounter(frames, "direction", "outbound", total([](const auto& w) -> auto& { return w.framesOutbound; }));
    families.push_back(std::move(frames));

    MetricFamily marks = family("kav_marks_total", "Playback marks, by what became of them.", MetricType::Counter);
    for (size_t i = 0; i < MarkNames.size(); ++i)
        addCounter(marks, "kind", MarkNames[i], total([i](const auto& w) -> auto& { return w.marks[i]; }));
    families.push_back(std::move(marks));

    MetricFamily errors = family("kav_stream_errors_total", "What went wrong on media streams.", MetricType::Counter);
    for (size_t i = 0; i < StreamErrorNames.size(); ++i)
        addCounter(
            errors, "kind", StreamErrorNames[i], total([i](const auto& w) -> auto& { return w.streamErrors[i]; }));
    families.push_back(std::move(errors));

    MetricFamily lateness = family("kav_pacing_lateness_seconds",
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
    families.push_back(std::move(lateness));

    MetricFamily entries = family("kav_calllog_entries_total",
        "Entries of the call log: appended, durable in the journal, stored in the "
        "database, refused for want of room, damaged on the disk.",
        MetricType::Counter);
    addCounter(entries, "state", "appended", callLog.appended);
    addCounter(entries, "state", "durable", callLog.durable);
    addCounter(entries, "state", "stored", callLog.stored);
    addCounter(entries, "state", "refused", callLog.refused);
    addCounter(entries, "state", "damaged", callLog.damaged);
    families.push_back(std::move(entries));

    MetricFamily refused = family("kav_refusals_total",
        "Webhooks, media streams and connections that were refused before they had any effect, by what they lacked.",
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
    refusal("port", "bad_request", refusals.port.badRequest);
    refusal("port", "timeout", refusals.port.timeout);
    refusal("port", "over_limit", refusals.port.overLimit);
    refusal("port", "bad_handshake", refusals.port.badHandshake);
    refusal("port", "other_upgrade", refusals.port.otherUpgrade);
    families.push_back(std::move(refused));

    const auto gauge = [&families](const char* name, const char* help, double value) {
        MetricFamily single = family(name, help, MetricType::Gauge);
        ClientMetric one;
        one.gauge.value = value;
        single.metric.push_back(std::move(one));
        families.push_back(std::move(single));
    };
    gauge("kav_calllog_journal_bytes", "Size of the call log's journal on disk.",
        static_cast<double>(callLog.journalBytes));
    gauge("kav_calllog_database_up", "1 while the call log's database takes entries.", callLog.databaseUp ? 1 : 0);
    gauge("kav_consoles_connected", "Operators' consoles connected.", consoles.connected);
    const auto counter = [&families](const char* name, const char* help, quint64 count) {
        MetricFamily single = family(name, help, MetricType::Counter);
        ClientMetric one;
        one.counter.value = static_cast<double>(count);
        single.metric.push_back(std::move(one));
        families.push_back(std::move(single));
    };
    counter("kav_console_changes_total", "Changes of the engine's state that consoles may see.", consoles.changes);
    counter("kav_console_deltas_total", "Messages with changes sent to consoles.", consoles.deltas);
    counter("kav_console_sent_bytes_total", "Bytes sent to consoles.", consoles.bytes);
    counter("kav_console_auth_failures_total", "Consoles that came with a wrong token.", consoles.authFailures);
    counter("kav_line_cache_hits_total", "Sentences of calls that were there as sound.", lineCache.hits);
    counter("kav_line_cache_misses_total", "Sentences of calls that had to be synthesised.", lineCache.misses);
    counter("kav_line_cache_evictions_total", "Rendered lines pushed out of memory by others.", lineCache.evictions);
    counter("kav_line_cache_loaded_total", "Rendered lines read from disk.", lineCache.loaded);
    counter("kav_line_cache_damaged_total", "Rendered lines on disk that were damaged, and dropped.", lineCache.damaged);
    gauge("kav_line_cache_lines", "Rendered lines in memory.", lineCache.lines);
    gauge("kav_line_cache_bytes", "What they take.", static_cast<double>(lineCache.bytes));
    gauge("kav_line_cache_disk_bytes", "What rendered lines take on disk.", static_cast<double>(lineCache.diskBytes));
    return families;
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
