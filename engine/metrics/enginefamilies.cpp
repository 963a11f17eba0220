// SPDX-License-Identifier: Apache-2.0
#include "engine/metrics/enginefamilies.h"

#include <array>

namespace kav::metrics {

namespace {

void addQueues(FamilyList& families, const EngineTotals::Queues& queues)
{
    const std::array<std::pair<const char*, const EngineTotals::Queue*>, 10> all{{
        {"media_inbox", &queues.mediaInbox},
        {"recording_pipe", &queues.recordingPipe},
        {"calllog_journal", &queues.journal},
        {"calllog_database", &queues.database},
        {"webhook_answers", &queues.webhookAnswers},
        {"http_requests", &queues.requests},
        {"outbound_calls", &queues.outbound},
        {"twilio_rest", &queues.rest},
        {"console_strangers", &queues.consoleStrangers},
        {"speech_threads", &queues.speech},
    }};
    const auto add = [&all](prometheus::MetricFamily& family, quint64 EngineTotals::Queue::*figure, bool limited) {
        for (const auto& [name, queue] : all) {
            if (limited && queue->limit == 0)
                continue;
            prometheus::ClientMetric metric;
            metric.label = {{"queue", name}};
            metric.gauge.value = double(queue->*figure);
            family.metric.push_back(std::move(metric));
        }
    };
    add(families.family("kav_queue_length", "What waits in each queue of the engine.", prometheus::MetricType::Gauge),
        &EngineTotals::Queue::length, false);
    add(families.family("kav_queue_limit", "How much a queue holds; those without a bound in items have none here.",
            prometheus::MetricType::Gauge),
        &EngineTotals::Queue::limit, true);
}

void addTransfers(FamilyList& families, const EngineTotals& totals)
{
    prometheus::MetricFamily& ended = families.family("kav_transfers_total",
        "Calls passed on to people, by the way that was begun and what became of it.", prometheus::MetricType::Counter);
    for (const auto& [kind, of] : {std::pair("blind", &totals.blind), {"warm", &totals.warm}}) {
        for (const auto& [outcome, count] : {std::pair("answered", of->answered), {"unanswered", of->unanswered},
                 {"caller_gone", of->callerGone}, {"operator_ended", of->operatorEnded}}) {
            prometheus::ClientMetric metric;
            metric.label = {{"kind", kind}, {"outcome", outcome}};
            metric.counter.value = double(count);
            ended.metric.push_back(std::move(metric));
        }
    }
    families.gauge(
        "kav_transfers_active", "Calls that are passed on now, or are with a person.", totals.transfersActive);
    families.counter(
        "kav_transfers_returned_total", "Callers who came back to the agent.", double(totals.transfersBack));
    families.counter("kav_transfers_without_rest_total",
        "Transfers that were to go by Twilio's REST service, and had to go another way.",
        double(totals.transfersWithoutRest));
}

} // namespace

void addEngine(FamilyList& families, const EngineTotals& totals)
{
    families.gauge("kav_ready", "1 while /readyz answers 200.", totals.ready ? 1 : 0);
    families.gauge("kav_draining", "1 while the engine takes no more calls because it ends.", totals.draining ? 1 : 0);
    families.gauge("kav_media_workers", "Media threads.", totals.media.workers);
    families.gauge("kav_media_workers_alive", "Media threads whose loop has turned of late.", totals.media.alive);
    families.counter("kav_pacing_missed_ticks_total",
        "Ticks of 20 ms that a call should have had and did not, because its thread was late by a tick or more.",
        double(totals.media.missedTicks));
    addQueues(families, totals.queues);
    families.gauge("kav_calllog_queue_bytes", "Entries of the call log in memory, on their way to the journal.",
        double(totals.callLogQueueBytes));
    families.gauge("kav_calllog_queue_limit_bytes", "Past it entries are refused (call_log.queue_limit).",
        double(totals.callLogQueueLimit));
    families.gauge("kav_calllog_journal_limit_bytes", "Past it entries are refused (call_log.journal_limit).",
        double(totals.journalLimit));
    families.counter("kav_http_connections_total", "Connections accepted.", double(totals.port.accepted));
    families.counter(
        "kav_http_accept_errors_total", "Connections that could not be accepted.", double(totals.port.acceptErrors));
    families.counter("kav_http_upgrades_total", "Connections that became WebSockets.", double(totals.port.upgrades));
    families.counters("kav_inspector_requests_total",
        "Requests that the inspector has kept, and those past its rate that it has only counted.", "state",
        {{"kept", double(totals.inspected.kept)}, {"not_kept", double(totals.inspected.notKept)}});
    families.counters("kav_console_commands_total", "Commands of consoles, by what they were answered.", "outcome",
        {{"done", double(totals.consoles.commands - std::min(totals.consoles.commands, totals.consoles.commandErrors))},
            {"error", double(totals.consoles.commandErrors)}});
    families.counters("kav_console_cuts_total", "Consoles that were cut off, by what they did.", "reason",
        {{"bad_message", double(totals.consoles.badMessages)}, {"slow", double(totals.consoles.slow)},
            {"too_fast", double(totals.consoles.tooFast)}});
    families.gauge("kav_spoken_calls_active", "Calls in progress without a stream; they are among kav_calls_active.",
        totals.spoken.calls);
    families.gauge("kav_spoken_calls_limit", "So many may be held without a stream at once.", totals.spoken.limit);
    addTransfers(families, totals);
    families.counters("kav_hangups_total",
        "Telephone legs that the engine ended, by how: by REST, in vain so that their stream's end had to do it, by "
        "that alone for want of REST, overdue, or cut by a crash.",
        "how",
        {{"rest", double(totals.hangUps.rest)}, {"rest_failed", double(totals.hangUps.failed)},
            {"stream_closed", double(totals.hangUps.closed)}, {"overdue", double(totals.hangUps.overdue)},
            {"interrupted", double(totals.hangUps.interrupted)}});
    families.gauge("kav_hangups_watched", "Legs that will be ended should they outlive the longest call.",
        double(totals.hangUps.watched));
    families.counters("kav_twilio_rest_requests_total", "Requests to Twilio's REST service, by their outcome.",
        "outcome", {{"done", double(totals.rest.done)}, {"failed", double(totals.rest.failed)}});
    families.counter("kav_twilio_rest_retries_total", "Tries of requests to Twilio's REST service after the first.",
        double(totals.rest.retries));
    families.counters("kav_outbound_calls_total",
        "Calls that the engine made and that are over, by what became of them.", "outcome",
        {{"not_placed", double(totals.outbound.notPlaced)}, {"canceled", double(totals.outbound.canceled)},
            {"completed", double(totals.outbound.completed)}, {"busy", double(totals.outbound.busy)},
            {"no_answer", double(totals.outbound.noAnswer)}, {"failed", double(totals.outbound.failed)},
            {"voicemail", double(totals.outbound.voicemail)}, {"fax", double(totals.outbound.fax)}});
    families.gauge("kav_outbound_calls_active", "Calls being placed, or placed and not over.", totals.outbound.active);
    families.gauges("kav_sound_stored_bytes",
        "Recordings and callers' messages on disk, as the last look has found them, with what was recorded since.",
        "kind", {{"recording", double(totals.sounds.recordingBytes)}, {"message", double(totals.sounds.messageBytes)}});
    families.gauge("kav_sound_limit_bytes", "Past it the oldest are deleted (recording.disk_bytes); 0: no limit.",
        double(totals.sounds.limit));
    families.counter("kav_sound_deleted_total", "Recordings and messages deleted for their age or for room.",
        double(totals.sounds.deleted));
}

void addProcess(FamilyList& families, const ProcessFigures& figures)
{
    families.counter("process_cpu_seconds_total", "User and system CPU time.", figures.cpuSeconds);
    families.gauge("process_resident_memory_bytes", "Resident memory.", double(figures.residentBytes));
    families.gauge("process_virtual_memory_bytes", "Virtual memory.", double(figures.virtualBytes));
    families.gauge("process_open_fds", "Open file descriptors.", double(figures.openFiles));
    families.gauge("process_max_fds", "File descriptors there may be; 0: no limit.", double(figures.maxFiles));
    families.gauge("process_threads", "Threads.", double(figures.threads));
    families.gauge("process_start_time_seconds", "When the process started, Unix time.", figures.startedAt);
}

} // namespace kav::metrics
