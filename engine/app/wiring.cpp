// SPDX-License-Identifier: Apache-2.0
#include "engine/app/wiring.h"

#include <QHash>

#include <algorithm>

namespace kav::app {

static_assert(std::ranges::equal(metrics::WorkerCounters::LatenessBounds, media::LatenessHistogram::BoundsUs,
                  [](std::chrono::microseconds a, qint64 b) { return a.count() == b; }),
    "the buckets are copied one to one");

metrics::Route routeOf(const QByteArray& path)
{
    using metrics::Route;
    static const QHash<QByteArray, Route> routes{
        {"/healthz", Route::Healthz},
        {"/readyz", Route::Readyz},
        {"/version", Route::Version},
        {"/metrics", Route::Metrics},
        {"/webhook/incoming_call", Route::IncomingCall},
        {"/webhook/stream_status", Route::StreamStatus},
        {"/webhook/stream_ended", Route::StreamEnded},
        {"/webhook/call_status", Route::CallStatus},
        {"/webhook/after_stream", Route::AfterStream},
        {"/webhook/after_dial", Route::AfterDial},
        {"/webhook/outbound_call", Route::OutboundCall},
        {"/webhook/amd", Route::Amd},
        {"/webhook/recording_status", Route::RecordingStatus},
        {"/webhook/waiting", Route::Waiting},
        {"/webhook/turn", Route::Turn},
        {"/webhook/recorded", Route::Recorded},
        {"/webhook/transfer", Route::Transfer},
        {"/webhook/hold", Route::Hold},
        {"/webhook/back", Route::Back},
        {"/webhook/after_hold", Route::AfterHold},
        {"/webhook/hold_music", Route::HoldMusic},
        {"/webhook/hold_tone.wav", Route::HoldTone},
        {"/webhook/human", Route::Human},
        {"/webhook/human_key", Route::HumanKey},
        {"/webhook/human_status", Route::HumanStatus},
        {"/webhook/dial_status", Route::DialStatus},
        {"/webhook/conference", Route::Conference},
        {"/console", Route::Console},
    };
    if (path.startsWith("/media/"))
        return Route::Media;
    QByteArray name = path;
    while (name.startsWith("/webhook/") && name.endsWith('/')) // as the router reads it
        name.chop(1);
    return routes.value(name, Route::Other);
}

metrics::Stage stageOf(providers::Stage stage)
{
    switch (stage) {
    case providers::Stage::SpeechToText:
        return metrics::Stage::Stt;
    case providers::Stage::LanguageModel:
        return metrics::Stage::Llm;
    case providers::Stage::TextToSpeech:
        return metrics::Stage::Tts;
    }
    Q_UNREACHABLE();
}

metrics::ProviderState stateOf(providers::ProviderState state)
{
    switch (state) {
    case providers::ProviderState::Cold:
        return metrics::ProviderState::Cold;
    case providers::ProviderState::Warming:
        return metrics::ProviderState::Warming;
    case providers::ProviderState::Ready:
        return metrics::ProviderState::Ready;
    case providers::ProviderState::Failed:
        return metrics::ProviderState::Failed;
    }
    Q_UNREACHABLE();
}

metrics::Metrics::CallLogTotals totalsOf(const calllog::Status& status)
{
    metrics::Metrics::CallLogTotals totals;
    totals.appended = status.appended;
    totals.durable = status.durable;
    totals.stored = status.stored;
    totals.refused = status.refused;
    totals.damaged = status.damaged;
    totals.journalBytes = status.journalBytes;
    totals.databaseUp = status.database == calllog::Status::Database::Ok;
    totals.transcripts = status.removed.transcripts;
    totals.numbers = status.removed.numbers;
    totals.calls = status.removed.calls;
    totals.others = status.removed.others;
    totals.inJournal = status.removed.journal;
    return totals;
}

metrics::Metrics::ConsoleTotals totalsOf(const control::ControlHub::Counters& counters)
{
    metrics::Metrics::ConsoleTotals totals;
    totals.connected = counters.consoles;
    totals.changes = counters.changes;
    totals.deltas = counters.deltas;
    totals.bytes = counters.bytes;
    totals.authFailures = counters.authFailures;
    return totals;
}

metrics::Metrics::TraceTotals totalsOf(const traces::SpanTotals& spans)
{
    return {spans.sent, spans.rejected, spans.dropped, spans.waiting};
}

metrics::Metrics::RefusalTotals totalsOf(const net::Listener::Counters& port, const webhooks::RequestGuard& guard,
    const webhooks::MediaGate::Counters& streams, const control::ConsoleGate::Counters& consoles)
{
    const auto proof = [](const webhooks::RequestGuard::Refusals& refused) {
        return metrics::Metrics::RefusalTotals::Proof{refused.noSignature, refused.wrongSignature, refused.wrongBody,
            refused.unreadable, refused.stranger, refused.noAddress, refused.otherAccount};
    };
    const quint64 known = port.badHandshakes + streams.unsignedOrForeign + streams.badTokens + streams.taken
        + streams.full + consoles.banned + consoles.origin + consoles.stranger;
    return {proof(guard.refusedWebhooks()), proof(guard.refusedUpgrades()), streams.badTokens, streams.taken,
        streams.full,
        {port.badRequests, port.timeouts, port.overLimit, port.badHandshakes,
            port.refusedUpgrades - std::min(port.refusedUpgrades, known)},
        {consoles.banned, consoles.origin, consoles.stranger}};
}

void addTotals(metrics::EngineTotals& totals, const PhoneLine& phone)
{
    const auto& outboundSettings = phone.outbound().settings();
    totals.queues.webhookAnswers = {quint64(phone.heldAnswers()), 0};
    totals.queues.requests = {quint64(phone.inspector().unanswered()), 0};
    totals.queues.outbound = {quint64(phone.outbound().waiting()), quint64(outboundSettings.waiting)};
    totals.inspected = {phone.inspector().counters().kept, phone.inspector().counters().notKept};
    totals.spoken = {phone.spoken().live(), phone.spoken().limit()};
    const auto outcomes = [](const webhooks::Transfers::Counters::Outcomes& over) {
        return metrics::EngineTotals::Transfers{over.answered, over.unanswered, over.callerGone, over.operatorEnded};
    };
    const webhooks::Transfers::Counters transfers = phone.transfers().counters();
    totals.blind = outcomes(transfers.blindOver);
    totals.warm = outcomes(transfers.warmOver);
    totals.transfersActive = transfers.open;
    totals.transfersBack = transfers.back;
    totals.transfersWithoutRest = transfers.withoutRest;
    const telephony::HangUps::Counters& hangUps = phone.hangUps().counters();
    totals.hangUps = {hangUps.ended, hangUps.failed, hangUps.closed, hangUps.overdue, hangUps.interrupted,
        phone.hangUps().watched()};
    totals.watchdogs.overdueCall = hangUps.overdue;
    if (const telephony::TwilioRest* const rest = phone.rest()) {
        totals.rest = {rest->counters().done, rest->counters().failed, rest->counters().retries};
        totals.queues.rest = {quint64(rest->pending()), 0};
    }
    totals.outbound = phone.outboundOver();
    totals.outbound.active = phone.outbound().live();
}

metrics::EngineTotals::Consoles consoleTotals(const control::ControlHub::Counters& counters)
{
    return {counters.commands, counters.commandErrors, counters.badMessages, counters.slowCut, counters.rateCut};
}

metrics::ConfigInfo configInfo(const Config& config)
{
    const auto list = [](const QStringList& providers) { return providers.join(QLatin1Char(',')); };
    metrics::ConfigInfo info;
    info.deployId = config.deployId;
    info.stt = list(config.remote.stt);
    info.llm = list(config.remote.llm);
    info.tts = list(config.remote.tts);
    info.database = config.callLog.databaseUrl == QLatin1String("off") ? QStringLiteral("off") : QStringLiteral("sqlite");
    info.checksSignatures = !config.twilioAuthToken.isEmpty();
    info.hasRest = config.rest.isUsable();
    info.withoutStream = config.withoutStream;
    info.callsOut = !config.outbound.allow.isEmpty();
    return info;
}

void setLateness(metrics::WorkerCounters& counters, const media::LatenessHistogram& lateness)
{
    const auto snapshot = lateness.snapshot();
    for (size_t i = 0; i < snapshot.buckets.size(); ++i)
        counters.latenessBuckets[i].store(snapshot.buckets[i], std::memory_order_relaxed);
    counters.latenessSumNs.store(quint64(std::chrono::nanoseconds(snapshot.sum).count()), std::memory_order_relaxed);
}

QString serviceIdOf(providers::Stage stage)
{
    return providers::stageName(stage).toLower();
}

QString serviceIdOf(providers::Stage stage, const QString& provider)
{
    return serviceIdOf(stage) + QLatin1Char('/') + provider;
}

std::optional<providers::Stage> stageOfService(const QString& id)
{
    for (const auto stage :
        {providers::Stage::SpeechToText, providers::Stage::LanguageModel, providers::Stage::TextToSpeech}) {
        if (id == serviceIdOf(stage) || id.startsWith(serviceIdOf(stage) + QLatin1Char('/')))
            return stage;
    }
    return std::nullopt;
}

ServiceStatus serviceOf(const providers::ProviderStatus& status)
{
    ServiceStatus service;
    service.id = serviceIdOf(status.stage);
    service.name = status.name;
    service.since = status.since;
    switch (status.state) {
    case providers::ProviderState::Cold:
        service.state = ServiceState::Off;
        break;
    case providers::ProviderState::Warming:
        service.state = ServiceState::Warming;
        break;
    case providers::ProviderState::Ready:
        service.state = ServiceState::Ready;
        service.took = status.took;
        break;
    case providers::ProviderState::Failed:
        service.state = ServiceState::Failed;
        service.reason = status.reason;
        service.took = status.took;
        service.retryAt = status.retryAt;
        break;
    }
    return service;
}

ServiceStatus storeOf(const calllog::Status& status)
{
    ServiceStatus service;
    service.id = QStringLiteral("store");
    switch (status.database) {
    case calllog::Status::Database::Ok:
        service.name = QStringLiteral("sqlite");
        service.state = ServiceState::Ready;
        break;
    case calllog::Status::Database::Down:
        service.state = ServiceState::Failed;
        service.reason = status.reason;
        break;
    case calllog::Status::Database::Off:
        break;
    }
    // The journal comes before the database: while it takes nothing, what happens is kept in memory only.
    if (!status.journalReason.isEmpty()) {
        if (service.state != ServiceState::Failed)
            service.state = ServiceState::Degraded;
        service.reason += (service.reason.isEmpty() ? QString() : QStringLiteral("; ")) + status.journalReason;
    }
    return service;
}

const QStringList& providersOf(const providers::Persona& persona, providers::Stage stage)
{
    switch (stage) {
    case providers::Stage::SpeechToText:
        return persona.stt;
    case providers::Stage::LanguageModel:
        return persona.llm;
    case providers::Stage::TextToSpeech:
        return persona.tts;
    }
    Q_UNREACHABLE();
}

void warmUp(providers::ProviderRegistry& registry, const dialog::PersonaBook& personas)
{
    registry.warmUp();
    for (const auto& persona : personas.all()) {
        for (const auto stage :
            {providers::Stage::SpeechToText, providers::Stage::LanguageModel, providers::Stage::TextToSpeech})
            registry.warmUp(stage, providersOf(*persona, stage));
    }
}

protocol::ErrorCode errorOf(const Error& error)
{
    switch (error.code) {
    case Error::Code::NotFound:
        return protocol::ErrorCode::NoSuchCall;
    case Error::Code::Timeout:
        return protocol::ErrorCode::Timeout;
    case Error::Code::Invalid:
        return protocol::ErrorCode::NotPossible;
    case Error::Code::Denied:
    case Error::Code::Unavailable:
    case Error::Code::Cancelled:
    case Error::Code::LimitExceeded:
    case Error::Code::Io:
        return protocol::ErrorCode::Unavailable;
    case Error::Code::Internal:
        return protocol::ErrorCode::Internal;
    }
    Q_UNREACHABLE();
}

} // namespace kav::app
