// SPDX-License-Identifier: Apache-2.0
// Runs the engine under load and prints what was reached, as ratios and differences inside one run:
//   bench_load [--calls 400] [--seconds 10] [--bin DIR]
#include "tests/bench/load/loadclient.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace kav::bench;
using namespace std::chrono_literals;
using Micro = std::chrono::duration<double, std::micro>;
using Milli = std::chrono::duration<double, std::milli>;

namespace {

struct Options {
    int calls = 400;
    int seconds = 10;
    std::string bin;
};

/// A child with its standard output on a pipe; ended by SIGTERM, then SIGKILL.
class Child final {
public:
    Child(const std::vector<std::string>& argv, const std::vector<std::string>& environment)
        : m_started(std::chrono::steady_clock::now())
    {
        int ends[2];
        if (::pipe(ends) != 0)
            throw std::runtime_error("pipe");
        m_pid = ::fork();
        if (m_pid == 0) {
            ::dup2(ends[1], 1);
            ::close(ends[0]);
            ::close(ends[1]);
            std::freopen("/dev/null", "w", stderr);
            for (const std::string& entry : environment)
                ::putenv(const_cast<char*>(entry.c_str()));
            std::vector<char*> args;
            for (const std::string& arg : argv)
                args.push_back(const_cast<char*>(arg.c_str()));
            args.push_back(nullptr);
            ::execv(args[0], args.data());
            ::_exit(127);
        }
        ::close(ends[1]);
        m_out = ends[0];
    }
    ~Child()
    {
        ::kill(m_pid, SIGKILL);
        ::waitpid(m_pid, nullptr, 0);
        ::close(m_out);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// The next line of its output, or an exception after `limit`.
    std::string line(std::chrono::milliseconds limit = 10s)
    {
        const auto until = std::chrono::steady_clock::now() + limit;
        for (;;) {
            const size_t at = m_text.find('\n');
            if (at != std::string::npos) {
                std::string text = m_text.substr(0, at);
                m_text.erase(0, at + 1);
                return text;
            }
            pollfd fd { m_out, POLLIN, 0 };
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
            char buffer[1024];
            ssize_t n = 0;
            if (left.count() <= 0 || ::poll(&fd, 1, int(left.count())) <= 0 || (n = ::read(m_out, buffer, sizeof buffer)) <= 0)
                throw std::runtime_error("a child said nothing");
            m_text.append(buffer, size_t(n));
        }
    }
    int pid() const { return m_pid; }
    std::chrono::steady_clock::time_point started() const { return m_started; }
    void terminate() const { ::kill(m_pid, SIGTERM); }

private:
    int m_pid = -1, m_out = -1;
    std::string m_text;
    std::chrono::steady_clock::time_point m_started;
};

uint16_t listeningPort(Child& child)
{
    // "LISTENING address:port" or "LISTENING port"
    const std::string line = child.line();
    const size_t at = line.find_last_of(": ");
    return uint16_t(std::stoi(line.substr(at + 1)));
}

template <typename T> T percentile(std::vector<T> values, double p)
{
    if (values.empty())
        throw std::runtime_error("nothing was measured");
    const size_t at = std::min(values.size() - 1, size_t(p * double(values.size())));
    std::nth_element(values.begin(), values.begin() + long(at), values.end());
    return values[at];
}

bool silent(int, std::chrono::milliseconds) { return false; }

/// Per stream: how much later than on an even 20 ms grid each frame came; the grid is laid through the stream's earliest.
std::vector<double> lateness(const LoadClient& client)
{
    std::vector<double> late;
    for (const StreamStats& stats : client.stats()) {
        if (stats.mediaAt.size() < 50)
            continue;
        double best = 1e18;
        for (size_t k = 0; k < stats.mediaAt.size(); ++k)
            best = std::min(best, Milli(stats.mediaAt[k] - stats.mediaAt[0]).count() - 20.0 * double(k));
        for (size_t k = 0; k < stats.mediaAt.size(); ++k)
            late.push_back(Milli(stats.mediaAt[k] - stats.mediaAt[0]).count() - 20.0 * double(k) - best);
    }
    return late;
}

std::vector<std::string> engineEnvironment(const std::filesystem::path& scratch)
{
    return { "KAV_ADDRESS=127.0.0.1", "KAV_PORT=0", "KAV_DATA_DIR=" + scratch.string(), "KAV_MEDIA_WORKERS=1", "KAV_CAPACITY=2000",
        "QT_LOGGING_RULES=kav.*.info=false" };
}

struct Load {
    double cpuShare = 0; // of one core, the media thread's
    double allCpuShare = 0;
    double p50 = 0, p99 = 0, max = 0;
    uint64_t sent = 0, received = 0;
    double ownWorst = 0;
    uint64_t bytes = 0;
};

Load measure(Child& child, LoadClient& client, std::chrono::seconds length, const std::string& thread)
{
    client.run(3s, silent); // greeting under way, buffers warm
    client.resetStats();
    const auto cpu = cpuOf(child.pid(), thread), all = cpuOf(child.pid(), "");
    const auto began = std::chrono::steady_clock::now();
    client.run(length, silent);
    const auto took = std::chrono::steady_clock::now() - began;
    Load load;
    load.cpuShare = Micro(cpuOf(child.pid(), thread) - cpu) / Micro(took);
    load.allCpuShare = Micro(cpuOf(child.pid(), "") - all) / Micro(took);
    for (const StreamStats& stats : client.stats()) {
        load.sent += stats.sent;
        load.received += stats.received;
    }
    load.ownWorst = Milli(client.worstOwnLateness()).count();
    load.bytes = privateBytes(child.pid());
    return load;
}

void addLateness(Load& load, const LoadClient& client)
{
    const auto late = lateness(client);
    load.p50 = percentile(late, 0.5);
    load.p99 = percentile(late, 0.99);
    load.max = percentile(late, 1.0);
}

void check(const LoadClient& client, const char* what)
{
    if (!client.failure().empty())
        throw std::runtime_error(std::string(what) + ": " + client.failure());
}

void benchStart(const Options& options, const std::filesystem::path& scratch)
{
    std::vector<double> times;
    for (int i = 0; i < 15; ++i) {
        auto environment = engineEnvironment(scratch / ("start" + std::to_string(i)));
        // A port chosen by us, so that the first request can be tried before the engine has printed anything.
        const uint16_t port = uint16_t(20000 + (::getpid() * 31 + i * 7) % 20000);
        environment[1] = "KAV_PORT=" + std::to_string(port);
        environment.push_back("DATABASE_URL=sqlite:////proc/no/such/place/calls.db");
        Child child({ options.bin + "/kav-engine", "serve" }, environment);
        for (;;) {
            const std::string answer = httpExchange(port, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
            const auto now = std::chrono::steady_clock::now();
            if (answer.find(" 200 ") != std::string::npos) {
                times.push_back(Milli(now - child.started()).count());
                break;
            }
            if (now - child.started() > 5s)
                throw std::runtime_error("the engine never answered /healthz");
        }
    }
    std::printf("start: exec to the first answered /healthz, no database: median %.1f ms, worst %.1f ms of %zu (reach 30)\n",
        percentile(times, 0.5), percentile(times, 1.0), times.size());
}

void benchLoad(const Options& options, const std::filesystem::path& scratch)
{
    const std::chrono::seconds length(options.seconds);
    Load idle, full, echo;
    uint64_t bytesEmpty = 0;
    {
        Child engine({ options.bin + "/bench_engine" }, engineEnvironment(scratch / "idle"));
        LoadClient client({ listeningPort(engine), 1, LoadClient::Mode::Twilio });
        client.open();
        check(client, "one call");
        idle = measure(engine, client, length, "media-");
        addLateness(idle, client);
    }
    {
        Child engine({ options.bin + "/bench_engine" }, engineEnvironment(scratch / "full"));
        const uint16_t port = listeningPort(engine);
        {
            LoadClient warm({ port, 1, LoadClient::Mode::Twilio });
            warm.open();
            check(warm, "warm-up call");
            warm.run(1s, silent);
            warm.close();
        }
        bytesEmpty = privateBytes(engine.pid());
        LoadClient client({ port, options.calls, LoadClient::Mode::Twilio });
        client.open();
        check(client, "calls");
        full = measure(engine, client, length, "media-");
        addLateness(full, client);
    }
    {
        Child beast({ options.bin + "/beastecho" }, {});
        LoadClient client({ listeningPort(beast), options.calls, LoadClient::Mode::Echo });
        client.open();
        check(client, "echo");
        echo = measure(beast, client, length, "media-");
    }
    const double perMessage = full.cpuShare * 1e6 * options.seconds / double(full.sent + full.received);
    std::printf("load: %d calls, frames in %.1f/s and out %.1f/s a call: media worker %.1f %% of a core, all threads %.1f %% "
                "(reach 50); %.2f us a message\n",
        options.calls, double(full.sent) / options.calls / options.seconds, double(full.received) / options.calls / options.seconds,
        100 * full.cpuShare, 100 * full.allCpuShare, perMessage);
    std::printf("load: Boost.Beast echoing the same messages: %.1f %% of a core; ratio %.2f (reach 1.5)\n", 100 * echo.cpuShare,
        full.cpuShare / echo.cpuShare);
    std::printf("pacing: lateness of outbound frames p50/p99/max %.2f/%.2f/%.2f ms at %d calls, floor (1 call) %.2f/%.2f/%.2f; p99 over the "
                "floor %.2f ms (reach 3); the client's own worst %.2f ms\n",
        full.p50, full.p99, full.max, options.calls, idle.p50, idle.p99, idle.max, full.p99 - idle.p99, full.ownWorst);
    std::printf("memory: %.1f KB private a live call, recogniser not loaded (reach 100)\n",
        double(full.bytes - bytesEmpty) / 1024 / options.calls);
}

void benchInterruption(const Options& options, const std::filesystem::path& scratch)
{
    constexpr int calls = 40;
    Child engine({ options.bin + "/bench_engine" }, engineEnvironment(scratch / "interrupt"));
    LoadClient client({ listeningPort(engine), calls, LoadClient::Mode::Twilio });
    client.open();
    check(client, "calls");
    client.run(3s, silent);
    client.resetStats();
    // Each caller begins at another moment of the agent's speech, and speaks for a second.
    client.run(4s, [](int stream, std::chrono::milliseconds since) {
        const auto from = std::chrono::milliseconds(200 + 37 * stream);
        return since >= from && since < from + 1s;
    });
    std::vector<double> times;
    for (const StreamStats& stats : client.stats())
        if (!stats.clearAt.empty())
            times.push_back(Milli(stats.clearAt.front() - stats.voiceFrom).count());
    if (times.size() < calls)
        std::printf("interruption: only %zu of %d calls were silenced\n", times.size(), calls);
    std::printf("interruption: voice onset (first voiced frame sent) to `clear` at the caller: p50 %.0f ms, worst %.0f ms "
                "(reach 200 + 30)\n",
        percentile(times, 0.5), percentile(times, 1.0));
}

void benchAnswer(const Options& options, const std::filesystem::path& scratch)
{
    // The engine itself prints its own share of each answer, in microseconds, when it is asked to stop.
    constexpr int calls = 40;
    auto environment = engineEnvironment(scratch / "answer");
    environment.push_back("KAV_BENCH_SHORT_ANSWERS=1");
    Child engine({ options.bin + "/bench_engine" }, environment);
    LoadClient client({ listeningPort(engine), calls, LoadClient::Mode::Twilio });
    client.open();
    check(client, "calls");
    client.run(std::chrono::seconds(options.seconds * 2), [](int stream, std::chrono::milliseconds since) {
        return (since + std::chrono::milliseconds(61 * stream)) % 4000ms < 900ms;
    });
    client.close();
    engine.terminate();
    std::vector<double> shares;
    try {
        for (;;) {
            const std::string line = engine.line(5s);
            if (line.rfind("ANSWER_US ", 0) == 0)
                shares.push_back(std::stod(line.substr(10)) / 1000);
        }
    } catch (const std::exception&) {
    }
    std::printf("answer: end-of-utterance decision to first media frame, stand-ins at zero delay: p50 %.2f ms, p99 %.2f ms of %zu "
                "(reach 10)\n",
        percentile(shares, 0.5), percentile(shares, 0.99), shares.size());
}

void benchRecogniserMemory(const Options& options, const std::filesystem::path& scratch)
{
    constexpr int calls = 40;
    Child engine({ options.bin + "/kav-engine", "serve" }, engineEnvironment(scratch / "stt"));
    const uint16_t port = listeningPort(engine);
    for (int i = 0; i < 200; ++i) {
        if (httpExchange(port, "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").find("\"stt\":\"ok\"")
            != std::string::npos)
            break;
        ::usleep(50'000);
    }
    const uint64_t before = privateBytes(engine.pid());
    LoadClient client({ port, calls, LoadClient::Mode::Twilio });
    client.open();
    check(client, "calls");
    client.run(20s, [](int stream, std::chrono::milliseconds since) {
        return (since + std::chrono::milliseconds(97 * stream)) % 5000ms < 900ms;
    });
    const uint64_t after = privateBytes(engine.pid());
    std::printf("memory: embedded recogniser and voice, %d calls that all spoke: %.0f KB a call; engine before them %.1f MB, with them "
                "%.1f MB\n",
        calls, double(after - before) / 1024 / calls, double(before) / 1048576, double(after) / 1048576);
}

} // namespace

int main(int argc, char** argv)
{
    Options options;
    options.bin = std::filesystem::path(argv[0]).parent_path().string();
    if (options.bin.empty())
        options.bin = ".";
    std::string only;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string flag = argv[i];
        if (flag == "--calls")
            options.calls = std::atoi(argv[i + 1]);
        else if (flag == "--seconds")
            options.seconds = std::atoi(argv[i + 1]);
        else if (flag == "--bin")
            options.bin = argv[i + 1];
        else if (flag == "--only")
            only = argv[i + 1];
        else {
            std::fprintf(stderr, "bench_load: unknown option %s (--calls N, --seconds N, --bin DIR, --only NAME)\n", argv[i]);
            return 2;
        }
    }
    if (options.calls < 1 || options.seconds < 1) {
        std::fprintf(stderr, "bench_load: --calls and --seconds take a number above 0\n");
        return 2;
    }
    const auto scratch = std::filesystem::temp_directory_path() / ("kav-bench-" + std::to_string(::getpid()));
    std::filesystem::create_directories(scratch);
    int status = 0;
    const std::pair<const char*, void (*)(const Options&, const std::filesystem::path&)> benches[] = { { "start", benchStart },
        { "load", benchLoad }, { "interruption", benchInterruption }, { "answer", benchAnswer }, { "recogniser", benchRecogniserMemory } };
    for (const auto& [name, bench] : benches) {
        if (!only.empty() && only != name)
            continue;
        try {
            bench(options, scratch);
        } catch (const std::exception& error) {
            std::printf("%s: FAILED: %s\n", name, error.what());
            status = 1;
        }
        std::fflush(stdout);
    }
    std::filesystem::remove_all(scratch);
    return status;
}
