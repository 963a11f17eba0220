// SPDX-License-Identifier: Apache-2.0
#include "engine/metrics/metrics.h"
#include "engine/metrics/processfigures.h"

#include <QCoreApplication>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <thread>
#include <vector>

using namespace kav;
using namespace kav::metrics;

// What /metrics costs: each kind of update, a scrape, and what a media thread notices of scrapes. Compare rows of one
// run; the last two are the same work with nobody scraping and with somebody who does nothing else.
namespace {

double cpuSeconds(clockid_t clock)
{
    timespec now{};
    ::clock_gettime(clock, &now);
    return double(now.tv_sec) + double(now.tv_nsec) / 1e9;
}

/// CPU time of this thread for one of them, the best of five rounds, in ns.
template <typename Work> double costOf(int times, Work work)
{
    double best = 1e9;
    for (int round = 0; round < 5; ++round) {
        const double begin = cpuSeconds(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < times; ++i)
            work(i);
        best = std::min(best, (cpuSeconds(CLOCK_THREAD_CPUTIME_ID) - begin) * 1e9 / times);
    }
    return best;
}

void use(Metrics& metrics, std::vector<WorkerCounters*>& workers)
{
    for (int i = 0; i < 4; ++i)
        workers.push_back(&metrics.addWorker());
    for (int i = 0; i < 30; ++i) // routes and statuses as a busy engine has them
        metrics.httpRequest(static_cast<Route>(i % (int(Route::Other) + 1)), i % 3 ? 200 : 403);
    for (const char* provider : {"google", "openai", "deepgram", "elevenlabs", "embedded"}) {
        for (const auto stage : {Stage::Stt, Stage::Llm, Stage::Tts}) {
            metrics.providerAnswered(stage, QString::fromLatin1(provider), std::chrono::milliseconds(300));
            metrics.providerFailed(stage, QString::fromLatin1(provider), Error::Code::Timeout);
            metrics.providerLeft(stage, QString::fromLatin1(provider), QStringLiteral("embedded"));
        }
    }
    metrics.setConfig({});
}

} // namespace

int main(int argc, char** argv)
{
    const QCoreApplication application(argc, argv);
    Metrics metrics(QStringLiteral("1.0.0"), QStringLiteral("0123456789ab"));
    std::vector<WorkerCounters*> workers;
    use(metrics, workers);

    const double frame = costOf(2'000'000, [&](int) { workers[0]->countFrame(Direction::Outbound); });
    const auto row = [frame](const char* name, double ns) {
        std::printf("%-44s %12.1f ns %10.1f x a frame\n", name, ns, ns / frame);
    };
    row("a frame (media thread, 100 a second a call)", frame);
    row("a lateness (media thread)",
        costOf(2'000'000, [&](int i) { workers[0]->countLateness(std::chrono::microseconds(i % 4096)); }));
    row("a call's end (control thread)", costOf(200'000, [&](int) { metrics.callEnded(EndReason::Completed); }));
    const LatencyParts parts{{{LatencyPart::EndOfUtterance, std::chrono::milliseconds(420), {}},
                                 {LatencyPart::Recognition, std::chrono::milliseconds(80), {}},
                                 {LatencyPart::FirstToken, std::chrono::milliseconds(220), {}},
                                 {LatencyPart::FirstSentence, std::chrono::milliseconds(80), {}},
                                 {LatencyPart::FirstAudio, std::chrono::milliseconds(15), {}},
                                 {LatencyPart::Playout, std::chrono::milliseconds(5), {}}},
        std::chrono::milliseconds(820), false, std::chrono::milliseconds(400)};
    row("a turn, all its parts (control thread)",
        costOf(50'000, [&](int) { metrics.turnEnded(TurnInput::Voice, parts); }));
    row("a request (control thread)", costOf(100'000, [&](int) { metrics.httpRequest(Route::Turn, 200); }));
    row("a use of a provider (control thread)", costOf(100'000, [&](int) {
        metrics.providerAnswered(Stage::Llm, QStringLiteral("openai"), std::chrono::milliseconds(300));
    }));
    row("the process's own figures", costOf(500, [](int) { static_cast<void>(ProcessFigures::read()); }));
    qsizetype bytes = 0;
    const double scrape = costOf(200, [&](int) { bytes = metrics.render().size(); });
    row("a scrape (control thread)", scrape);
    std::printf("a scrape is %lld bytes; every 15 s it takes %.5f %% of a core\n", static_cast<long long>(bytes),
        scrape / 15e9 * 100);

    // CPU time of the media thread, not the clock's: another's turn on the core is not the scrape's doing.
    constexpr int Frames = 20'000'000;
    const auto counted = [&] {
        double cost = 0;
        std::thread media([&] { cost = costOf(Frames / 5, [&](int) { workers[1]->countFrame(Direction::Inbound); }); });
        media.join();
        return cost;
    };
    const double alone = counted();
    std::atomic<bool> stop{false};
    std::atomic<int> scrapes{0};
    std::thread scraper([&] {
        while (!stop.load()) {
            static_cast<void>(metrics.render());
            ++scrapes;
        }
    });
    const double watched = counted();
    stop = true;
    scraper.join();
    row("a frame, nobody scraping", alone);
    row("a frame, scraped without a pause", watched);
    std::printf("that is %.2f times, in %d scrapes\n", watched / alone, scrapes.load());
    return 0;
}
