// SPDX-License-Identifier: Apache-2.0
#include "shared/core/logging.h"
#include "shared/core/logwriter.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

using namespace kav;
using namespace std::chrono;

// What a line of the log costs the thread that says it, and the thread that writes it, in each form; and what it costs
// while nobody reads. In nanoseconds: the least of several rounds, since whatever else the machine does can only add;
// of the longest, the worst of all.
namespace {

volatile qsizetype kept = 0; // results go here, or the compiler drops the work

LogLine exampleLine()
{
    LogLine line;
    line.at = system_clock::now();
    line.setCategory("kav.session");
    std::copy_n("media-0", 8, line.thread.data());
    line.call = QStringLiteral("CA0123456789abcdef0123456789abcdef");
    line.setMessage(
        QStringLiteral("call=CA0123456789abcdef0123456789abcdef TTS_LEN_ms ms=2140 sentence=1 of=2 voice=flite"));
    return line;
}

template <typename Operation> void measure(const char* name, const Operation& operation)
{
    double best = 1e18;
    for (int round = 0; round < 9; ++round) {
        int count = 0;
        const auto start = steady_clock::now();
        auto now = start;
        for (; now - start < 20ms; now = steady_clock::now()) {
            for (int i = 0; i < 16; ++i)
                operation();
            count += 16;
        }
        best = std::min(best, duration<double, std::nano>(now - start).count() / count);
    }
    std::printf("%-66s %8.0f ns\n", name, best);
}

/// Bursts, with the writer idle before each: what a media worker does.
void measureSaying(const char* name, LogForm form, int descriptor, bool mayLose)
{
    LogWriter::Settings settings;
    settings.form = form;
    settings.descriptor = descriptor;
    settings.endWait = Milliseconds(10);
    settings.journalSocket = "/nonexistent";
    LogWriter writer(settings);
    const LogLine line = exampleLine();
    double best = 1e18;
    nanoseconds longest{0};
    for (int round = 0; round < 600; ++round) {
        constexpr int Burst = 50;
        const auto start = steady_clock::now();
        auto last = start;
        for (int i = 0; i < Burst; ++i) {
            writer.write(line);
            const auto now = steady_clock::now();
            longest = std::max(longest, duration_cast<nanoseconds>(now - last));
            last = now;
        }
        best = std::min(best, duration<double, std::nano>(last - start).count() / Burst);
        if (!mayLose)
            writer.flush(seconds(5));
    }
    std::printf("%-66s %8.0f ns  longest %7.1f us  lost %llu\n", name, best, double(longest.count()) / 1000,
        static_cast<unsigned long long>(writer.linesLost()));
}

} // namespace

int main()
{
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    int pipe[2];
    if (nowhere < 0 || ::pipe2(pipe, O_CLOEXEC) != 0)
        return 1;
    const LogLine line = exampleLine();
    std::printf("the thread that says it\n");
    const QString id = line.call;
    measure("  a call's scope (LogCall), as each frame has one", [&id] {
        const LogCall call(id);
        kept = kept + 1;
    });
    measureSaying("  a line, human", LogForm::Human, nowhere, false);
    measureSaying("  a line, json", LogForm::Json, nowhere, false);
    measureSaying("  a line, journald", LogForm::Journald, nowhere, false);
    measureSaying("  a line, json, while the reader of the pipe stands still", LogForm::Json, pipe[1], true);
    std::printf("the writer's thread\n");
    measure("  a line, human", [&line] { kept = kept + humanLine(line, false).size(); });
    measure("  a line, json", [&line] { kept = kept + jsonLine(line).size(); });
    measure("  a line, journald", [&line] { kept = kept + journalEntry(line, "kav-engine").size(); });
    std::fflush(stdout);
    ::_exit(0); // the stalled writer's thread is in its write
}
