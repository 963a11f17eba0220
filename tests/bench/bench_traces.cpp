// SPDX-License-Identifier: Apache-2.0
// What traces cost: the entries of a turn into the call log, without a tracer and with one, in turns in the same run,
// on the thread that has the call; and what the whole process spends on it, the spans' making and sending included.
//   bench_traces [TURNS]     (default: 20000 of each kind)
#include "engine/calllog/calllog.h"
#include "engine/providers/failover/failover.h"
#include "engine/traces/providerentry.h"
#include "engine/traces/tracer.h"
#include "tests/support/vendors/otlpcollector.h"

#include <QCoreApplication>
#include <QLoggingCategory>
#include <QTemporaryDir>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

using namespace kav;
using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr int Rounds = 20;
const QString Call = QStringLiteral("CA0123456789abcdef0123456789abcdef");

double processSeconds()
{
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return double(time.tv_sec) + double(time.tv_nsec) / 1e9;
}

double threadSeconds()
{
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + double(time.tv_nsec) / 1e9;
}

/// What a call's session notes of an ordinary turn.
struct TurnEntries final {
    std::vector<calllog::Entry> logged, traced;
};

TurnEntries ordinaryTurn()
{
    const QDateTime now = QDateTime::currentDateTimeUtc();
    TurnEntries turn;
    const auto step = [&](const char* token, QJsonObject data = {}) {
        data.insert(QStringLiteral("token"), QLatin1String(token));
        data.insert(QStringLiteral("at_ms"), 12345);
        turn.logged.push_back({calllog::Entry::Kind::Event, Call, now, data});
    };
    step("STATE",
        {{QStringLiteral("from"), QStringLiteral("listening")}, {QStringLiteral("to"), QStringLiteral("thinking")}});
    step("STT_FINAL", {{QStringLiteral("chars"), 21}, {QStringLiteral("confidence"), 0.9}});
    step("EoU_ms", {{QStringLiteral("ms"), 300}});
    step("STATE",
        {{QStringLiteral("from"), QStringLiteral("thinking")}, {QStringLiteral("to"), QStringLiteral("speaking")}});
    step("TTS_LEN_ms", {{QStringLiteral("ms"), 2400}});
    step("MEDIA_TX", {{QStringLiteral("turn"), 3}, {QStringLiteral("frames"), 120}, {QStringLiteral("first_ms"), 820}});
    step("STATE",
        {{QStringLiteral("from"), QStringLiteral("speaking")}, {QStringLiteral("to"), QStringLiteral("listening")}});
    TurnRecord record;
    record.number = 3;
    record.callerText = QStringLiteral("I would like to speak to sales");
    record.agentText = record.heardText = QStringLiteral("I will connect you to sales now.");
    for (const LatencyPart part : LatencyPartsInOrder)
        record.latency.spans.append({part, Milliseconds(120), QStringLiteral("google")});
    record.latency.total = Milliseconds(720);
    QJsonObject json = calllog::turnToJson(record);
    json.insert(QStringLiteral("waitedSince"), now.toString(Qt::ISODateWithMs));
    json.insert(QStringLiteral("endedAt"), now.addSecs(3).toString(Qt::ISODateWithMs));
    turn.logged.push_back({calllog::Entry::Kind::Turn, Call, now, json});
    for (const auto stage :
        {providers::Stage::SpeechToText, providers::Stage::LanguageModel, providers::Stage::TextToSpeech})
        turn.traced.push_back(traces::providerEntry(Call, 3,
            {providers::FailoverNews::What::Began, stage, QStringLiteral("google"), {}, {}, Milliseconds(200)}, now));
    return turn;
}

struct Cost final {
    double onThread = 0, inProcess = 0; // seconds
};

} // namespace

int main(int argc, char** argv)
{
    QCoreApplication app(argc, argv);
    QLoggingCategory::setFilterRules(QStringLiteral("kav.*.info=false"));
    const int turns = (argc > 1 ? std::atoi(argv[1]) : 20'000) / Rounds;
    QTemporaryDir directory;
    const SystemClock clock;
    calllog::Settings logSettings;
    logSettings.dataDir = directory.path();
    logSettings.databaseUrl = QStringLiteral("off");
    calllog::CallLog log(logSettings, clock);
    log.start();

    test::OtlpCollectorElsewhere collector;
    traces::Settings settings;
    settings.endpoint = collector.url();
    settings.every = Milliseconds(200);
    settings.queueSpans = 1'000'000;
    settings.queueBytes = 1024ll * 1024 * 1024;
    traces::Tracer tracer(settings, clock, [](const calllog::Entry&) {});
    tracer.start();
    tracer.note({calllog::Entry::Kind::CallStarted, Call, clock.wallNow(), {}});

    const TurnEntries turn = ordinaryTurn();
    const auto settled = [&] { // what the one kind has begun is not the other's
        while (log.status().durable < log.status().appended || tracer.totals().waiting > 0)
            std::this_thread::sleep_for(Milliseconds(5));
    };
    const auto measure = [&](bool isTraced) {
        settled();
        const double thread = threadSeconds(), process = processSeconds();
        for (int i = 0; i < turns; ++i) {
            for (const calllog::Entry& entry : turn.logged) {
                log.append(entry);
                if (isTraced)
                    tracer.note(entry);
            }
            if (isTraced) {
                for (const calllog::Entry& entry : turn.traced)
                    tracer.note(entry);
            }
            if (i % 100 == 99)
                std::this_thread::sleep_for(Milliseconds(1)); // turns do not come in one heap
        }
        const double spent = threadSeconds() - thread;
        if (isTraced)
            std::this_thread::sleep_for(Milliseconds(50));
        settled();
        return Cost{spent, processSeconds() - process};
    };
    measure(false);
    measure(true);
    Cost off, on;
    for (int round = 0; round < Rounds; ++round) {
        for (const bool isTraced : {false, true}) {
            const Cost cost = measure(isTraced);
            Cost& sum = isTraced ? on : off;
            sum.onThread += cost.onThread;
            sum.inProcess += cost.inProcess;
        }
    }
    tracer.stop(std::chrono::minutes(1));
    log.stop();
    const double each = 1e6 / (double(turns) * Rounds);
    std::printf("a turn on its call's thread: %.2f us without traces, %.2f us with them: %.2f times\n",
        off.onThread * each, on.onThread * each, on.onThread / off.onThread);
    std::printf("a turn in the whole process, the collector's side included: %.1f us without, %.1f us with\n",
        off.inProcess * each, on.inProcess * each);
    std::printf("spans: %llu sent, %llu dropped\n", static_cast<unsigned long long>(tracer.totals().sent),
        static_cast<unsigned long long>(tracer.totals().dropped));
    return tracer.totals().dropped == 0 ? 0 : 1;
}
