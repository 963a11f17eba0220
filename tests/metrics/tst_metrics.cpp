// SPDX-License-Identifier: Apache-2.0
#include "engine/metrics/metrics.h"
#include "engine/metrics/processfigures.h"

#include <QDateTime>
#include <QFile>
#include <QHash>
#include <QRegularExpression>
#include <QTest>

#include <thread>

using namespace kav;
using namespace kav::metrics;
using std::chrono::milliseconds;

namespace {

/// A scrape, parsed as Prometheus would; whatever does not fit the format is an entry of `errors`.
struct Scrape final {
    explicit Scrape(const QByteArray& text)
    {
        static const QRegularExpression sample(QStringLiteral(
            R"(^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\+Inf|-?[0-9.e+-]+)$)"));
        if (!text.endsWith('\n'))
            errors += QStringLiteral("no line end at the end");
        const QStringList lines = QString::fromUtf8(text).chopped(1).split(QLatin1Char('\n'));
        for (const QString& line : lines) {
            const QStringList words = line.split(QLatin1Char(' '));
            if (line.startsWith(QLatin1String("# HELP "))) {
                help.insert(words[2], words.mid(3).join(QLatin1Char(' ')));
            } else if (line.startsWith(QLatin1String("# TYPE "))) {
                if (types.contains(words[2]))
                    errors += QStringLiteral("TYPE twice: ") + line;
                types.insert(words[2], words[3]);
            } else if (const auto match = sample.match(line); match.hasMatch()) {
                const QString key = match.captured(1) + match.captured(2);
                if (values.contains(key))
                    errors += QStringLiteral("a series twice: ") + line;
                values.insert(key, match.captured(3).toDouble());
                QString family = match.captured(1);
                for (const char* suffix : {"_bucket", "_sum", "_count"}) {
                    if (!types.contains(family) && family.endsWith(QLatin1String(suffix)))
                        family.chop(int(qstrlen(suffix)));
                }
                if (!types.contains(family))
                    errors += QStringLiteral("no TYPE before: ") + line;
            } else {
                errors += QStringLiteral("not a line of the format: ") + line;
            }
        }
    }
    double operator()(const char* key) const { return values.value(QString::fromLatin1(key), -1); }
    /// The buckets of a histogram in order of their bounds.
    QList<std::pair<double, double>> buckets(const QString& name, const QString& labels = {}) const
    {
        QList<std::pair<double, double>> list;
        const QString head = name + QStringLiteral("_bucket{") + labels;
        for (auto it = values.cbegin(); it != values.cend(); ++it) {
            if (!it.key().startsWith(head))
                continue;
            const QString bound = it.key().mid(it.key().indexOf(QLatin1String("le=\"")) + 4).chopped(2);
            list += {bound == QLatin1String("+Inf") ? qInf() : bound.toDouble(), it.value()};
        }
        std::sort(list.begin(), list.end());
        return list;
    }

    QHash<QString, QString> types, help;
    QHash<QString, double> values;
    QStringList errors;
};

} // namespace

/// What a Prometheus server reads from the engine.
class TestMetrics final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyFamilyHasHelpTypeAndTheRightForm();
    void whatIsCountedGrows();
    void histogramsAreCumulative();
    void workersAreSummedWhileTheyCount();
    void labelsComeFromClosedSets();
    void aProviderIsInOneStateAtATime();
    void providersInUseAreCountedByTheNamesThatAreKnown();
    void aProvidersErrorsAreCountedByTheirKind();
    void recordingsReloadsAndTheConfigurationAreShown();
    void whatThePartsHaveCountedIsShown();
    void watchdogsAreCountedInOnePlace();
    void theProcessIsTheOneThatRuns();
    void textInBuildInfoIsEscaped();
};

void TestMetrics::everyFamilyHasHelpTypeAndTheRightForm()
{
    Metrics metrics(QStringLiteral("1.2.3"), QStringLiteral("abc"));
    metrics.addWorker();
    metrics.httpRequest(Route::Healthz, 200);
    const Scrape scrape(metrics.render());
    QCOMPARE(scrape.errors, QStringList());
    const QHash<QString, QString> expected{
        {QStringLiteral("kav_calls_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_calls_active"), QStringLiteral("gauge")},
        {QStringLiteral("kav_capacity"), QStringLiteral("gauge")},
        {QStringLiteral("kav_turns_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_interruptions_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_fallbacks_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_answer_seconds"), QStringLiteral("histogram")},
        {QStringLiteral("kav_endofutterance_seconds"), QStringLiteral("histogram")},
        {QStringLiteral("kav_turn_gap_seconds"), QStringLiteral("histogram")},
        {QStringLiteral("kav_stage_seconds"), QStringLiteral("histogram")},
        {QStringLiteral("kav_provider_state"), QStringLiteral("gauge")},
        {QStringLiteral("kav_media_frames_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_stream_errors_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_marks_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_pacing_lateness_seconds"), QStringLiteral("histogram")},
        {QStringLiteral("kav_http_requests_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_http_open_connections"), QStringLiteral("gauge")},
        {QStringLiteral("kav_refusals_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_calllog_entries_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_calllog_journal_bytes"), QStringLiteral("gauge")},
        {QStringLiteral("kav_calllog_database_up"), QStringLiteral("gauge")},
        {QStringLiteral("kav_consoles_connected"), QStringLiteral("gauge")},
        {QStringLiteral("kav_console_changes_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_console_deltas_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_console_sent_bytes_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_console_auth_failures_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_log_lines_lost_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_line_cache_hits_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_line_cache_misses_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_line_cache_evictions_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_line_cache_loaded_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_line_cache_damaged_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_line_cache_lines"), QStringLiteral("gauge")},
        {QStringLiteral("kav_line_cache_bytes"), QStringLiteral("gauge")},
        {QStringLiteral("kav_line_cache_disk_bytes"), QStringLiteral("gauge")},
        {QStringLiteral("kav_trace_spans_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_trace_spans_waiting"), QStringLiteral("gauge")},
        {QStringLiteral("kav_build_info"), QStringLiteral("gauge")},
        {QStringLiteral("kav_calllog_removed_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_calllog_journal_limit_bytes"), QStringLiteral("gauge")},
        {QStringLiteral("kav_calllog_queue_bytes"), QStringLiteral("gauge")},
        {QStringLiteral("kav_calllog_queue_limit_bytes"), QStringLiteral("gauge")},
        {QStringLiteral("kav_config_last_reload_success_timestamp_seconds"), QStringLiteral("gauge")},
        {QStringLiteral("kav_config_last_reload_successful"), QStringLiteral("gauge")},
        {QStringLiteral("kav_config_reloads_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_console_commands_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_console_cuts_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_draining"), QStringLiteral("gauge")},
        {QStringLiteral("kav_hangups_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_hangups_watched"), QStringLiteral("gauge")},
        {QStringLiteral("kav_http_accept_errors_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_http_connections_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_http_upgrades_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_inspector_requests_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_media_workers"), QStringLiteral("gauge")},
        {QStringLiteral("kav_media_workers_alive"), QStringLiteral("gauge")},
        {QStringLiteral("kav_outbound_calls_active"), QStringLiteral("gauge")},
        {QStringLiteral("kav_outbound_calls_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_pacing_missed_ticks_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_queue_length"), QStringLiteral("gauge")},
        {QStringLiteral("kav_queue_limit"), QStringLiteral("gauge")},
        {QStringLiteral("kav_ready"), QStringLiteral("gauge")},
        {QStringLiteral("kav_recorded_bytes_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_recorded_seconds_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_recording_lost_seconds_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_recordings_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_sound_deleted_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_sound_limit_bytes"), QStringLiteral("gauge")},
        {QStringLiteral("kav_sound_stored_bytes"), QStringLiteral("gauge")},
        {QStringLiteral("kav_spoken_calls_active"), QStringLiteral("gauge")},
        {QStringLiteral("kav_spoken_calls_limit"), QStringLiteral("gauge")},
        {QStringLiteral("kav_spoken_turns_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_transfers_active"), QStringLiteral("gauge")},
        {QStringLiteral("kav_transfers_returned_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_transfers_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_transfers_without_rest_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_twilio_rest_requests_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_twilio_rest_retries_total"), QStringLiteral("counter")},
        {QStringLiteral("kav_watchdog_firings_total"), QStringLiteral("counter")},
        {QStringLiteral("process_cpu_seconds_total"), QStringLiteral("counter")},
        {QStringLiteral("process_max_fds"), QStringLiteral("gauge")},
        {QStringLiteral("process_open_fds"), QStringLiteral("gauge")},
        {QStringLiteral("process_resident_memory_bytes"), QStringLiteral("gauge")},
        {QStringLiteral("process_start_time_seconds"), QStringLiteral("gauge")},
        {QStringLiteral("process_threads"), QStringLiteral("gauge")},
        {QStringLiteral("process_virtual_memory_bytes"), QStringLiteral("gauge")},
    };
    QCOMPARE(scrape.types, expected);
    for (auto it = scrape.types.cbegin(); it != scrape.types.cend(); ++it)
        QVERIFY2(!scrape.help.value(it.key()).isEmpty(), qPrintable(it.key()));
    QVERIFY(Metrics::contentType().startsWith("text/plain; version=0.0.4"));
}

void TestMetrics::whatIsCountedGrows()
{
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    QCOMPARE(Scrape(metrics.render())("kav_calls_total{end_reason=\"completed\"}"), 0.0);
    metrics.callEnded(EndReason::Completed);
    metrics.callEnded(EndReason::Completed);
    metrics.callEnded(EndReason::CallerHungUp);
    metrics.callEnded(EndReason::None);
    metrics.setLiveCalls(7);
    metrics.setCapacity(400);
    metrics.turnEnded(TurnInput::Keypad, {});
    metrics.interruption(InterruptionOutcome::Confirmed);
    metrics.fallbackPlayed();
    metrics.httpRequest(Route::IncomingCall, 403);
    metrics.httpRequest(Route::IncomingCall, 403);
    metrics.setHttpOpenConnections(12);
    metrics.setCallLog({10, 9, 8, 1, 2, 4096, true, 31, 32, 33, 34, 35});
    metrics.setConsoles({3, 20, 60, 9000, 1});
    Metrics::RefusalTotals refused;
    refused.webhooks.noSignature = 5;
    refused.streams.wrongSignature = 6;
    refused.badTokens = 7;
    refused.consoles.origin = 8;
    metrics.setRefusals(refused);
    metrics.setLogLinesLost(17);
    metrics.setLineCache({.hits = 5, .misses = 4, .evictions = 3, .loaded = 2, .damaged = 1, .bytes = 800, .lines = 6});
    const Scrape scrape(metrics.render());
    QCOMPARE(scrape("kav_refusals_total{request=\"webhook\",reason=\"no_signature\"}"), 5.0);
    QCOMPARE(scrape("kav_refusals_total{request=\"webhook\",reason=\"wrong_signature\"}"), 0.0);
    QCOMPARE(scrape("kav_refusals_total{request=\"stream\",reason=\"wrong_signature\"}"), 6.0);
    QCOMPARE(scrape("kav_refusals_total{request=\"stream\",reason=\"bad_token\"}"), 7.0);
    QCOMPARE(scrape("kav_refusals_total{request=\"console\",reason=\"origin\"}"), 8.0);
    QCOMPARE(scrape("kav_calls_total{end_reason=\"completed\"}"), 2.0);
    QCOMPARE(scrape("kav_calls_total{end_reason=\"caller-hung-up\"}"), 1.0);
    QVERIFY(!scrape.values.contains(QStringLiteral("kav_calls_total{end_reason=\"none\"}")));
    QCOMPARE(scrape("kav_calls_active"), 7.0);
    QCOMPARE(scrape("kav_capacity"), 400.0);
    QCOMPARE(scrape("kav_turns_total{input=\"keypad\"}"), 1.0);
    QCOMPARE(scrape("kav_answer_seconds_count"), 0.0); // a turn without an answer is no fast answer
    QCOMPARE(scrape("kav_interruptions_total{outcome=\"confirmed\"}"), 1.0);
    QCOMPARE(scrape("kav_interruptions_total{outcome=\"resumed\"}"), 0.0);
    QCOMPARE(scrape("kav_fallbacks_total"), 1.0);
    QCOMPARE(scrape("kav_http_requests_total{code=\"403\",route=\"incoming_call\"}"), 2.0);
    QCOMPARE(scrape("kav_http_open_connections"), 12.0);
    QCOMPARE(scrape("kav_calllog_entries_total{state=\"durable\"}"), 9.0);
    QCOMPARE(scrape("kav_calllog_entries_total{state=\"damaged\"}"), 2.0);
    QCOMPARE(scrape("kav_calllog_removed_total{what=\"transcript\"}"), 31.0);
    QCOMPARE(scrape("kav_calllog_removed_total{what=\"call\"}"), 33.0);
    QCOMPARE(scrape("kav_calllog_removed_total{what=\"journal\"}"), 35.0);
    QCOMPARE(scrape("kav_calllog_journal_bytes"), 4096.0);
    QCOMPARE(scrape("kav_log_lines_lost_total"), 17.0);
    QCOMPARE(scrape("kav_calllog_database_up"), 1.0);
    QCOMPARE(scrape("kav_consoles_connected"), 3.0);
    QCOMPARE(scrape("kav_console_changes_total"), 20.0);
    QCOMPARE(scrape("kav_console_deltas_total"), 60.0);
    QCOMPARE(scrape("kav_console_sent_bytes_total"), 9000.0);
    QCOMPARE(scrape("kav_console_auth_failures_total"), 1.0);
    QCOMPARE(scrape("kav_line_cache_hits_total"), 5.0);
    QCOMPARE(scrape("kav_line_cache_misses_total"), 4.0);
    QCOMPARE(scrape("kav_line_cache_evictions_total"), 3.0);
    QCOMPARE(scrape("kav_line_cache_loaded_total"), 2.0);
    QCOMPARE(scrape("kav_line_cache_damaged_total"), 1.0);
    QCOMPARE(scrape("kav_line_cache_lines"), 6.0);
    QCOMPARE(scrape("kav_line_cache_bytes"), 800.0);
}

void TestMetrics::histogramsAreCumulative()
{
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    metrics.turnEnded(TurnInput::Voice,
        {{{LatencyPart::EndOfUtterance, milliseconds(420), {}}, {LatencyPart::Recognition, milliseconds(80), {}},
             {LatencyPart::FirstToken, milliseconds(220), {}}, {LatencyPart::FirstSentence, milliseconds(80), {}},
             {LatencyPart::FirstAudio, milliseconds(15), {}}, {LatencyPart::Playout, milliseconds(5), {}}},
            milliseconds(820), false, milliseconds(400)});
    // A waiting line ended the wait after two seconds; the answer came after a minute.
    metrics.turnEnded(TurnInput::Voice,
        {{{LatencyPart::EndOfUtterance, milliseconds(600), {}}, {LatencyPart::FirstToken, milliseconds(1400), {}}},
            milliseconds(2000), true, milliseconds(59400)});
    metrics.turnEnded(TurnInput::Keypad, {{{LatencyPart::EndOfUtterance, milliseconds(3000), {}}}, {}, false, {}});
    WorkerCounters& worker = metrics.addWorker();
    worker.countLateness(std::chrono::microseconds(-50)); // early is on time
    worker.countLateness(std::chrono::microseconds(100)); // a bound belongs to its bucket
    worker.countLateness(std::chrono::microseconds(101));
    worker.countLateness(std::chrono::seconds(1));
    const Scrape scrape(metrics.render());
    QCOMPARE(scrape.errors, QStringList());
    for (const char* name : {"kav_answer_seconds", "kav_endofutterance_seconds", "kav_pacing_lateness_seconds"}) {
        const auto buckets = scrape.buckets(QString::fromLatin1(name));
        QVERIFY2(buckets.size() > 5, name);
        for (int i = 1; i < buckets.size(); ++i)
            QVERIFY2(buckets[i].second >= buckets[i - 1].second, name);
        QCOMPARE(buckets.last().first, qInf());
        QCOMPARE(buckets.last().second, scrape.values.value(QLatin1String(name) + QStringLiteral("_count")));
    }
    QCOMPARE(scrape("kav_answer_seconds_bucket{le=\"0.75\"}"), 0.0);
    QCOMPARE(scrape("kav_answer_seconds_bucket{le=\"1\"}"), 1.0);
    QCOMPARE(scrape("kav_answer_seconds_bucket{le=\"15\"}"), 1.0);
    QCOMPARE(scrape("kav_answer_seconds_count"), 2.0);
    QCOMPARE(scrape("kav_answer_seconds_sum"), 60.82);
    const auto near = [&scrape](const char* key, double value) { return qAbs(scrape(key) - value) < 1e-9; };
    QVERIFY(near("kav_turn_gap_seconds_sum{part=\"end_of_utterance\"}", 1.02)); // nobody waited for the third
    QVERIFY(near("kav_turn_gap_seconds_sum{part=\"first_token\"}", 1.62));
    QVERIFY(near("kav_turn_gap_seconds_sum{part=\"playout\"}", 0.005));
    QCOMPARE(scrape("kav_turn_gap_seconds_count{part=\"first_audio\"}"), 1.0);
    QCOMPARE(scrape("kav_endofutterance_seconds_count"), 2.0); // keys are no utterance
    QCOMPARE(scrape("kav_stage_seconds_count{stage=\"stt\"}"), 1.0);
    QCOMPARE(scrape("kav_stage_seconds_count{stage=\"llm\"}"), 2.0);
    QCOMPARE(scrape("kav_pacing_lateness_seconds_bucket{le=\"0.0001\"}"), 2.0);
    QCOMPARE(scrape("kav_pacing_lateness_seconds_bucket{le=\"0.0002\"}"), 3.0);
    QCOMPARE(scrape("kav_pacing_lateness_seconds_bucket{le=\"0.1\"}"), 3.0);
    QCOMPARE(scrape("kav_pacing_lateness_seconds_count"), 4.0);
    QVERIFY(qAbs(scrape("kav_pacing_lateness_seconds_sum") - 1.000201) < 1e-9);
}

void TestMetrics::workersAreSummedWhileTheyCount()
{
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    constexpr int Workers = 3;
    constexpr quint64 Frames = 100'000;
    std::vector<std::thread> threads;
    for (int i = 0; i < Workers; ++i) {
        threads.emplace_back([&worker = metrics.addWorker()] {
            for (quint64 n = 0; n < Frames; ++n) {
                worker.countFrame(Direction::Inbound);
                worker.countFrame(Direction::Outbound, 2);
                worker.countMark(Mark::Stale);
                worker.countStreamError(StreamError::Gap);
                worker.countLateness(std::chrono::milliseconds(1));
            }
        });
    }
    double before = 0;
    for (int i = 0; i < 20; ++i) {
        const Scrape scrape(metrics.render());
        QCOMPARE(scrape.errors, QStringList());
        const double now = scrape("kav_media_frames_total{direction=\"inbound\"}");
        QVERIFY(now >= before); // a counter never goes back
        before = now;
    }
    for (std::thread& thread : threads)
        thread.join();
    const Scrape scrape(metrics.render());
    QCOMPARE(scrape("kav_media_frames_total{direction=\"inbound\"}"), double(Workers * Frames));
    QCOMPARE(scrape("kav_media_frames_total{direction=\"outbound\"}"), double(2 * Workers * Frames));
    QCOMPARE(scrape("kav_marks_total{kind=\"stale\"}"), double(Workers * Frames));
    QCOMPARE(scrape("kav_stream_errors_total{kind=\"gap\"}"), double(Workers * Frames));
    QCOMPARE(scrape("kav_pacing_lateness_seconds_bucket{le=\"0.001\"}"), double(Workers * Frames));
    static_assert(alignof(WorkerCounters) == 64 && sizeof(WorkerCounters) % 64 == 0);
}

void TestMetrics::labelsComeFromClosedSets()
{
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    for (int status = -10; status < 1000; ++status)
        metrics.httpRequest(Route::Other, status);
    const Scrape scrape(metrics.render());
    int series = 0;
    for (auto it = scrape.values.cbegin(); it != scrape.values.cend(); ++it)
        series += it.key().startsWith(QLatin1String("kav_http_requests_total"));
    QVERIFY2(series < 30, qPrintable(QString::number(series)));
    QVERIFY(scrape("kav_http_requests_total{code=\"other\",route=\"other\"}") > 900);
}

void TestMetrics::aProviderIsInOneStateAtATime()
{
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    QCOMPARE(Scrape(metrics.render())("kav_provider_state{stage=\"tts\",state=\"cold\"}"), 1.0);
    metrics.setProviderState(Stage::Tts, ProviderState::Failed);
    const Scrape scrape(metrics.render());
    QCOMPARE(scrape("kav_provider_state{stage=\"tts\",state=\"cold\"}"), 0.0);
    QCOMPARE(scrape("kav_provider_state{stage=\"tts\",state=\"failed\"}"), 1.0);
    QCOMPARE(scrape("kav_provider_state{stage=\"stt\",state=\"cold\"}"), 1.0);
}

void TestMetrics::providersInUseAreCountedByTheNamesThatAreKnown()
{
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    metrics.providerLeft(Stage::Llm, QStringLiteral("openai"), QStringLiteral("embedded"));
    metrics.providerLeft(Stage::Llm, QStringLiteral("openai"), QStringLiteral("embedded"));
    metrics.providerLeft(Stage::Llm, QStringLiteral("embedded"), {});
    for (int i = 0; i < 100; ++i) {
        metrics.providerLeft(Stage::Stt, QStringLiteral("invented-%1").arg(i), QStringLiteral("made-up"));
        metrics.providerAnswered(Stage::Tts, QStringLiteral("invented-%1").arg(i), std::chrono::milliseconds(5));
    }
    metrics.providerAnswered(Stage::Tts, QStringLiteral("google"), std::chrono::milliseconds(300));
    const Scrape scrape(metrics.render());
    QCOMPARE(scrape.errors, QStringList());
    QCOMPARE(scrape("kav_failovers_total{from=\"openai\",stage=\"llm\",to=\"embedded\"}"), 2.0);
    QCOMPARE(scrape("kav_failovers_total{from=\"embedded\",stage=\"llm\",to=\"none\"}"), 1.0);
    QCOMPARE(scrape("kav_failovers_total{from=\"other\",stage=\"stt\",to=\"other\"}"), 100.0);
    QCOMPARE(scrape("kav_provider_seconds_count{measure=\"first_audio\",provider=\"google\",stage=\"tts\"}"), 1.0);
    QCOMPARE(scrape("kav_provider_seconds_count{measure=\"first_audio\",provider=\"other\",stage=\"tts\"}"), 100.0);
    QVERIFY(!metrics.render().contains("invented"));
}

void TestMetrics::aProvidersErrorsAreCountedByTheirKind()
{
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    metrics.providerFailed(Stage::Llm, QStringLiteral("openai"), Error::Code::Timeout);
    metrics.providerFailed(Stage::Llm, QStringLiteral("openai"), Error::Code::Timeout);
    metrics.providerFailed(Stage::Stt, QStringLiteral("invented"), Error::Code::Internal);
    const Scrape scrape(metrics.render());
    QCOMPARE(scrape.errors, QStringList());
    QCOMPARE(scrape("kav_provider_errors_total{kind=\"timeout\",provider=\"openai\",stage=\"llm\"}"), 2.0);
    QCOMPARE(scrape("kav_provider_errors_total{kind=\"internal\",provider=\"other\",stage=\"stt\"}"), 1.0);
}

void TestMetrics::recordingsReloadsAndTheConfigurationAreShown()
{
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    metrics.recordingKept(16'000, milliseconds(1000), milliseconds(40), true);
    metrics.recordingKept(8'000, milliseconds(500), milliseconds(0), false);
    metrics.spokenTurnEnded();
    ConfigInfo info;
    info.deployId = QStringLiteral("blue \"1\"");
    info.stt = QStringLiteral("google,embedded");
    info.hasRest = true;
    metrics.setConfig(info);
    Scrape scrape(metrics.render());
    QCOMPARE(scrape.errors, QStringList());
    QCOMPARE(scrape("kav_recordings_total{outcome=\"whole\"}"), 1.0);
    QCOMPARE(scrape("kav_recordings_total{outcome=\"cut\"}"), 1.0);
    QCOMPARE(scrape("kav_recorded_bytes_total"), 24'000.0);
    QCOMPARE(scrape("kav_recorded_seconds_total"), 1.5);
    QCOMPARE(scrape("kav_recording_lost_seconds_total"), 0.04);
    QCOMPARE(scrape("kav_spoken_turns_total"), 1.0);
    QCOMPARE(scrape("kav_turns_total{input=\"voice\"}"), 0.0); // counted by turnEnded()
    QVERIFY(metrics.render().contains("deploy_id=\"blue \\\"1\\\"\""));
    QVERIFY(metrics.render().contains("rest=\"yes\""));
    QVERIFY(metrics.render().contains("stt=\"google,embedded\""));

    QCOMPARE(scrape("kav_config_last_reload_successful"), 1.0);
    const double started = scrape("kav_config_last_reload_success_timestamp_seconds");
    QVERIFY(started > 1.7e9);
    metrics.configReloaded(true);
    metrics.configReloaded(false);
    scrape = Scrape(metrics.render());
    QCOMPARE(scrape("kav_config_reloads_total{result=\"taken\"}"), 1.0);
    QCOMPARE(scrape("kav_config_reloads_total{result=\"refused\"}"), 1.0);
    QCOMPARE(scrape("kav_config_last_reload_successful"), 0.0);
    QVERIFY(scrape("kav_config_last_reload_success_timestamp_seconds") >= started);
    metrics.configReloaded(true);
    QCOMPARE(Scrape(metrics.render())("kav_config_last_reload_successful"), 1.0);
}

void TestMetrics::whatThePartsHaveCountedIsShown()
{
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    EngineTotals totals;
    totals.ready = true;
    totals.media = {4, 3, 17};
    totals.queues.mediaInbox = {5, 0};
    totals.queues.recordingPipe = {6, 256};
    totals.callLogQueueBytes = 1000;
    totals.journalLimit = 4096;
    totals.consoles = {10, 4, 3, 2, 1};
    totals.spoken = {7, 50};
    totals.warm.answered = 8;
    totals.blind.callerGone = 9;
    totals.hangUps = {11, 12, 13, 14, 15, 16};
    totals.rest = {21, 22, 23};
    totals.outbound.busy = 24;
    totals.outbound.notPlaced = 25;
    totals.sounds = {100, 200, 300, 4};
    metrics.setEngine(totals);
    const Scrape scrape(metrics.render());
    QCOMPARE(scrape.errors, QStringList());
    QCOMPARE(scrape("kav_ready"), 1.0);
    QCOMPARE(scrape("kav_draining"), 0.0);
    QCOMPARE(scrape("kav_media_workers"), 4.0);
    QCOMPARE(scrape("kav_media_workers_alive"), 3.0);
    QCOMPARE(scrape("kav_pacing_missed_ticks_total"), 17.0);
    QCOMPARE(scrape("kav_queue_length{queue=\"media_inbox\"}"), 5.0);
    QVERIFY(!scrape.values.contains(QStringLiteral("kav_queue_limit{queue=\"media_inbox\"}"))); // it has none
    QCOMPARE(scrape("kav_queue_length{queue=\"recording_pipe\"}"), 6.0);
    QCOMPARE(scrape("kav_queue_limit{queue=\"recording_pipe\"}"), 256.0);
    QCOMPARE(scrape("kav_calllog_queue_bytes"), 1000.0);
    QCOMPARE(scrape("kav_calllog_journal_limit_bytes"), 4096.0);
    QCOMPARE(scrape("kav_console_commands_total{outcome=\"done\"}"), 6.0);
    QCOMPARE(scrape("kav_console_commands_total{outcome=\"error\"}"), 4.0);
    QCOMPARE(scrape("kav_console_cuts_total{reason=\"slow\"}"), 2.0);
    QCOMPARE(scrape("kav_spoken_calls_active"), 7.0);
    QCOMPARE(scrape("kav_spoken_calls_limit"), 50.0);
    QCOMPARE(scrape("kav_transfers_total{kind=\"warm\",outcome=\"answered\"}"), 8.0);
    QCOMPARE(scrape("kav_transfers_total{kind=\"blind\",outcome=\"caller_gone\"}"), 9.0);
    QCOMPARE(scrape("kav_hangups_total{how=\"rest\"}"), 11.0);
    QCOMPARE(scrape("kav_hangups_total{how=\"rest_failed\"}"), 12.0);
    QCOMPARE(scrape("kav_hangups_total{how=\"stream_closed\"}"), 13.0);
    QCOMPARE(scrape("kav_hangups_total{how=\"interrupted\"}"), 15.0);
    QCOMPARE(scrape("kav_hangups_watched"), 16.0);
    QCOMPARE(scrape("kav_twilio_rest_requests_total{outcome=\"failed\"}"), 22.0);
    QCOMPARE(scrape("kav_twilio_rest_retries_total"), 23.0);
    QCOMPARE(scrape("kav_outbound_calls_total{outcome=\"busy\"}"), 24.0);
    QCOMPARE(scrape("kav_outbound_calls_total{outcome=\"not_placed\"}"), 25.0);
    QCOMPARE(scrape("kav_sound_stored_bytes{kind=\"message\"}"), 200.0);
    QCOMPARE(scrape("kav_sound_deleted_total"), 4.0);
}

void TestMetrics::watchdogsAreCountedInOnePlace()
{
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    metrics.addWorker().countStreamError(StreamError::Silent);
    metrics.addWorker().countStreamError(StreamError::Silent);
    metrics.callEnded(EndReason::LongestCall);
    EngineTotals totals;
    totals.watchdogs = {3, 4, 5};
    metrics.setEngine(totals);
    const Scrape scrape(metrics.render());
    QCOMPARE(scrape("kav_watchdog_firings_total{watch=\"media_worker\"}"), 3.0);
    QCOMPARE(scrape("kav_watchdog_firings_total{watch=\"control_loop\"}"), 4.0);
    QCOMPARE(scrape("kav_watchdog_firings_total{watch=\"overdue_call\"}"), 5.0);
    QCOMPARE(scrape("kav_watchdog_firings_total{watch=\"silent_stream\"}"), 2.0);
    QCOMPARE(scrape("kav_watchdog_firings_total{watch=\"longest_call\"}"), 1.0);
}

void TestMetrics::theProcessIsTheOneThatRuns()
{
    const ProcessFigures before = ProcessFigures::read();
    QVERIFY(before.residentBytes > 1'000'000 && before.virtualBytes > before.residentBytes);
    QVERIFY(before.threads >= 1);
    QVERIFY(before.maxFiles == 0 || before.openFiles <= before.maxFiles);
    const double now = double(QDateTime::currentMSecsSinceEpoch()) / 1000;
    QVERIFY2(before.startedAt > now - 3600 && before.startedAt < now + 2, qPrintable(QString::number(before.startedAt)));
    QFile one(QStringLiteral("/dev/null")), two(QStringLiteral("/dev/null"));
    QVERIFY(one.open(QIODevice::ReadOnly) && two.open(QIODevice::ReadOnly));
    QCOMPARE(ProcessFigures::read().openFiles, before.openFiles + 2);
    while (ProcessFigures::read().cpuSeconds <= before.cpuSeconds) { } // else it would say so for ever
    Metrics metrics(QStringLiteral("1"), QStringLiteral("a"));
    const Scrape scrape(metrics.render());
    QVERIFY(scrape("process_cpu_seconds_total") > before.cpuSeconds);
    QCOMPARE(scrape("process_open_fds"), double(before.openFiles + 2));
    QVERIFY(scrape("process_resident_memory_bytes") > 1e6);
}

void TestMetrics::textInBuildInfoIsEscaped()
{
    Metrics metrics(QStringLiteral("1.0\"\n\\x"), QStringLiteral("abc"));
    const QByteArray text = metrics.render();
    QCOMPARE(Scrape(text).errors, QStringList());
    QVERIFY(text.contains(QByteArray("version=\"1.0\\\"\\n\\\\x\"")));
    QVERIFY(text.contains(QByteArray(QByteArray("qt=\"") + qVersion())));
}

QTEST_APPLESS_MAIN(TestMetrics)
#include "tst_metrics.moc"
