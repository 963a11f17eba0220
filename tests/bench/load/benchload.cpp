// SPDX-License-Identifier: Apache-2.0
// Runs the engine under load and prints what was reached, as ratios and differences inside one run:
//   bench_load [--calls 400] [--seconds 10] [--bin DIR] [--only start|load|memory|interruption|answer|flood|recogniser]
//              [--flood 10000]
// Exits 1 when something could not be measured. A figure that was measured and is out of reach is marked MISSED and
// exits 0: on a machine that others use, that is for a person to judge. README.md one folder up has the method.
#include "tests/bench/load/flood.h"
#include "tests/bench/load/loadclient.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace kav::bench;
using namespace std::chrono_literals;
using Micro = std::chrono::duration<double, std::micro>;
using Milli = std::chrono::duration<double, std::milli>;

namespace {

struct Options {
    int calls = 400;
    int seconds = 10;
    int flood = 10000; // bogus upgrades a minute
    std::string bin;
};

/// Where things run. The load caller and the server under load get a core each, the two least busy ones, so that
/// neither counts the other's noise; and with the right to, both are scheduled in real time, before other programs of
/// the machine.
struct Machine {
    int client = -1, server = -1; // -1: wherever the kernel likes
    bool before = false;
};

std::vector<uint64_t> busyTimes()
{
    std::vector<uint64_t> busy;
    std::ifstream file("/proc/stat");
    std::string line;
    while (std::getline(file, line)) {
        if (line.rfind("cpu", 0) != 0 || line[3] == ' ')
            continue;
        std::istringstream fields(line);
        std::string name;
        uint64_t user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0;
        fields >> name >> user >> nice >> system >> idle >> wait >> irq >> soft;
        busy.push_back(user + nice + system + irq + soft);
    }
    return busy;
}

void pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(size_t(core), &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0)
        throw std::runtime_error("sched_setaffinity: " + std::string(std::strerror(errno)));
}

bool setRealTime(bool on)
{
    sched_param parameter{};
    parameter.sched_priority = on ? 1 : 0;
    return ::sched_setscheduler(0, on ? SCHED_RR : SCHED_OTHER, &parameter) == 0;
}

/// Chooses the cores and pins this process.
Machine settle()
{
    Machine machine;
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    ::sched_getaffinity(0, sizeof allowed, &allowed);
    const auto first = busyTimes();
    ::usleep(1'000'000);
    const auto second = busyTimes();
    std::vector<std::pair<uint64_t, int>> cores;
    for (size_t core = 0; core < std::min(first.size(), second.size()); ++core)
        if (CPU_ISSET(core, &allowed))
            cores.emplace_back(second[core] - first[core], int(core));
    std::sort(cores.begin(), cores.end());
    if (cores.size() >= 2) {
        machine.server = cores[0].second;
        machine.client = cores[1].second;
        pin(machine.client);
        machine.before = setRealTime(true);
        std::printf("machine: %zu cores; server on core %d, load caller on core %d, in real time, before the machine's "
                    "other programs: %s\n",
            cores.size(), machine.server, machine.client, machine.before ? "yes" : "no (no right to)");
    } else {
        std::printf("machine: one core for server and load caller: their noise is in the figures\n");
    }
    return machine;
}

/// A child with its standard output on a pipe and its errors in a file; ended by SIGTERM, then SIGKILL.
class Child final {
public:
    Child(const std::vector<std::string>& argv, const std::vector<std::string>& environment, int core, bool realTime,
        const std::filesystem::path& errors)
        : m_errors(errors)
    {
        std::filesystem::create_directories(errors.parent_path());
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0)
            throw std::runtime_error("pipe: " + std::string(std::strerror(errno)));
        std::vector<char*> args;
        for (const std::string& arg : argv)
            args.push_back(const_cast<char*>(arg.c_str()));
        args.push_back(nullptr);
        cpu_set_t set;
        CPU_ZERO(&set);
        const long cores = ::sysconf(_SC_NPROCESSORS_CONF);
        for (long other = 0; other < cores; ++other)
            if (core < 0 || other == core)
                CPU_SET(size_t(other), &set);
        m_started = std::chrono::steady_clock::now();
        m_pid = ::fork();
        if (m_pid < 0)
            throw std::runtime_error("fork: " + std::string(std::strerror(errno)));
        if (m_pid == 0) {
            ::sched_setaffinity(0, sizeof set, &set);
            if (!realTime)
                setRealTime(false);
            ::dup2(ends[1], 1);
            const int log = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            ::dup2(log, 2);
            for (const std::string& entry : environment)
                ::putenv(const_cast<char*>(entry.c_str()));
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

    /// The next line of its output; nothing at its end.
    std::optional<std::string> line(std::chrono::milliseconds limit = 20s)
    {
        const auto until = std::chrono::steady_clock::now() + limit;
        for (;;) {
            const size_t at = m_text.find('\n');
            if (at != std::string::npos) {
                std::string text = m_text.substr(0, at);
                m_text.erase(0, at + 1);
                return text;
            }
            pollfd fd{m_out, POLLIN, 0};
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
            if (left.count() <= 0 || ::poll(&fd, 1, int(left.count())) <= 0)
                throw std::runtime_error("a child said nothing in time" + lastError());
            char buffer[1024];
            const ssize_t n = ::read(m_out, buffer, sizeof buffer);
            if (n <= 0)
                return std::nullopt;
            m_text.append(buffer, size_t(n));
        }
    }
    /// From its line "LISTENING address:port" or "LISTENING port".
    uint16_t port()
    {
        const auto text = line();
        if (!text || text->rfind("LISTENING ", 0) != 0)
            throw std::runtime_error("a child is not listening: '" + text.value_or("(it ended)") + "'" + lastError());
        return uint16_t(std::stoi(text->substr(text->find_last_of(": ") + 1)));
    }
    int pid() const { return m_pid; }
    std::chrono::steady_clock::time_point started() const { return m_started; }
    void terminate() const { ::kill(m_pid, SIGTERM); }

private:
    std::string lastError() const
    {
        std::string text, last;
        std::ifstream file(m_errors);
        while (std::getline(file, text))
            last = text.empty() ? last : text;
        return last.empty() ? std::string() : "; its last words: " + last;
    }

    int m_pid = -1, m_out = -1;
    std::string m_text;
    std::filesystem::path m_errors;
    std::chrono::steady_clock::time_point m_started;
};

template <typename T> T percentile(std::vector<T> values, double p)
{
    if (values.empty())
        throw std::runtime_error("nothing was measured");
    const size_t at = std::min(values.size() - 1, size_t(p * double(values.size())));
    std::nth_element(values.begin(), values.begin() + long(at), values.end());
    return values[at];
}

const char* verdict(double value, double reach)
{
    return value <= reach ? "reached" : "MISSED";
}

bool silent(int, std::chrono::milliseconds)
{
    return false;
}

/// Per stream: how much later than on an even 20 ms grid each frame came. The grid is laid through the stream's
/// earliest, the first hundredth left out: one frame that came early must not make all the others late.
std::vector<double> lateness(const LoadClient& client)
{
    std::vector<double> late;
    for (const StreamStats& stats : client.stats()) {
        if (stats.mediaAt.size() < 50)
            throw std::runtime_error("a stream received only " + std::to_string(stats.mediaAt.size()) + " frames");
        std::vector<double> offsets;
        for (size_t k = 0; k < stats.mediaAt.size(); ++k)
            offsets.push_back(Milli(stats.mediaAt[k] - stats.mediaAt[0]).count() - 20.0 * double(k));
        const double earliest = percentile(offsets, 0.01);
        for (const double offset : offsets)
            late.push_back(std::max(0.0, offset - earliest));
    }
    return late;
}

enum class Place {
    OneCore, ///< the server's, in real time where allowed
    AllCores, ///< in real time where allowed: for what is over in milliseconds
    Anywhere, ///< like any program
};

struct Bench {
    const Options& options;
    const Machine& machine;
    const std::filesystem::path scratch;

    std::vector<std::string> environment(const std::string& name) const
    {
        return {"KAV_ADDRESS=127.0.0.1", "KAV_PORT=0", "KAV_DATA_DIR=" + (scratch / name).string(),
            "KAV_MEDIA_WORKERS=1", "KAV_CAPACITY=2000", "QT_LOGGING_RULES=kav.*.info=false"};
    }
    std::unique_ptr<Child> start(const std::string& name, const std::vector<std::string>& argv,
        const std::vector<std::string>& more = {}, Place place = Place::OneCore) const
    {
        auto all = environment(name);
        all.insert(all.end(), more.begin(), more.end());
        return std::make_unique<Child>(argv, all, place == Place::OneCore ? machine.server : -1,
            place != Place::Anywhere, scratch / name / "stderr");
    }
    std::unique_ptr<Child> standIns(const std::string& name, const std::vector<std::string>& more = {}) const
    {
        return start(name, {options.bin + "/bench_engine"}, more);
    }
};

void openAll(LoadClient& client)
{
    if (!client.open())
        throw std::runtime_error(client.failure());
}

void needOpen(const LoadClient& client)
{
    if (client.openStreams() != int(client.stats().size()))
        throw std::runtime_error("only " + std::to_string(client.openStreams()) + " of "
            + std::to_string(client.stats().size()) + " streams are still open");
}

/// One call from start to stop, so that what is made once is made.
void warmUp(uint16_t port)
{
    LoadClient client({port, 1, LoadClient::Mode::Twilio});
    openAll(client);
    client.run(1s, silent);
    client.close();
}

struct Load {
    double cpuShare = 0; // of one core, the media thread's
    double allCpuShare = 0;
    double p50 = 0, p99 = 0, max = 0;
    uint64_t sent = 0, received = 0;
    double ownP99 = 0;
};

Load measure(Child& child, LoadClient& client, std::chrono::seconds length)
{
    client.run(3s, silent); // greeting under way, buffers warm
    client.resetStats();
    const auto cpu = cpuOf(child.pid(), "media-"), all = cpuOf(child.pid(), "");
    const auto began = std::chrono::steady_clock::now();
    client.run(length, silent);
    const auto took = std::chrono::steady_clock::now() - began;
    Load load;
    load.cpuShare = Micro(cpuOf(child.pid(), "media-") - cpu) / Micro(took);
    load.allCpuShare = Micro(cpuOf(child.pid(), "") - all) / Micro(took);
    for (const StreamStats& stats : client.stats()) {
        load.sent += stats.sent;
        load.received += stats.received;
    }
    load.ownP99 = Milli(percentile(client.ownLateness(), 0.99)).count();
    needOpen(client);
    return load;
}

constexpr int Rounds = 3;

void addTo(Load& sum, const Load& more)
{
    sum.cpuShare += more.cpuShare;
    sum.allCpuShare += more.allCpuShare;
    sum.sent += more.sent;
    sum.received += more.received;
    sum.ownP99 = std::max(sum.ownP99, more.ownP99);
}

void addLateness(Load& load, const std::vector<double>& late)
{
    load.p50 = percentile(late, 0.5);
    load.p99 = percentile(late, 0.99);
    load.max = percentile(late, 1.0);
}

void benchStart(const Bench& bench)
{
    std::vector<double> times;
    for (int i = 0; i < 25; ++i) {
        const auto child = bench.start("start" + std::to_string(i), {bench.options.bin + "/kav-engine", "serve"},
            {"DATABASE_URL=sqlite:////proc/no/such/place/calls.db"}, Place::AllCores);
        const std::string answer =
            httpExchange(child->port(), "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        times.push_back(Milli(std::chrono::steady_clock::now() - child->started()).count());
        if (answer.find(" 200 ") == std::string::npos)
            throw std::runtime_error("/healthz answered: " + answer.substr(0, 100));
    }
    const double median = percentile(times, 0.5);
    std::printf("start: fork to the first answered /healthz, no database: median %.1f ms, p90 %.1f, worst %.1f of %zu "
                "(reach 30: %s)\n",
        median, percentile(times, 0.9), percentile(times, 1.0), times.size(), verdict(median, 30));
}

void benchLoad(const Bench& bench)
{
    const int calls = bench.options.calls;
    const std::chrono::seconds length(bench.options.seconds);
    Load idle, full, echo;
    std::vector<double> late;
    {
        const auto engine = bench.standIns("idle");
        LoadClient client({engine->port(), 1, LoadClient::Mode::Twilio});
        openAll(client);
        addTo(idle, measure(*engine, client, length));
        addLateness(idle, lateness(client));
    }
    // By turns, so that a machine that is busier for a while is so for both.
    for (int round = 0; round < Rounds; ++round) {
        {
            const auto engine = bench.standIns("full" + std::to_string(round));
            const uint16_t port = engine->port();
            warmUp(port);
            LoadClient client({port, calls, LoadClient::Mode::Twilio});
            openAll(client);
            addTo(full, measure(*engine, client, length));
            const auto more = lateness(client);
            late.insert(late.end(), more.begin(), more.end());
        }
        const auto beast = bench.start("echo" + std::to_string(round), {bench.options.bin + "/beastecho"});
        LoadClient client({beast->port(), calls, LoadClient::Mode::Echo});
        openAll(client);
        addTo(echo, measure(*beast, client, length));
    }
    addLateness(full, late);
    if (echo.received < echo.sent * 9 / 10)
        throw std::runtime_error("the echo lost messages");
    for (Load* load : {&full, &echo}) {
        load->cpuShare /= Rounds;
        load->allCpuShare /= Rounds;
    }
    const double perStream = 1.0 / calls / bench.options.seconds / Rounds;
    std::printf("load: %d calls, frames in %.1f/s and out %.1f/s a call: media worker %.1f %% of a core (reach 50: "
                "%s), all threads %.1f %%; "
                "%.2f us a message\n",
        calls, double(full.sent) * perStream, double(full.received) * perStream, 100 * full.cpuShare,
        verdict(full.cpuShare, 0.5), 100 * full.allCpuShare,
        full.cpuShare * 1e6 * bench.options.seconds * Rounds / double(full.sent + full.received));
    std::printf("load: Boost.Beast echoing the same messages %.1f %% of a core; ratio %.2f (reach 1.5: %s)\n",
        100 * echo.cpuShare, full.cpuShare / echo.cpuShare, verdict(full.cpuShare / echo.cpuShare, 1.5));
    std::printf("pacing: lateness of outbound frames p50/p99/max %.2f/%.2f/%.2f ms at %d calls, floor (1 call) "
                "%.2f/%.2f/%.2f; p99 over the "
                "floor %.2f ms (reach 3: %s); the load caller's own p99 %.2f ms\n",
        full.p50, full.p99, full.max, calls, idle.p50, idle.p99, idle.max, full.p99 - idle.p99,
        verdict(full.p99 - idle.p99, 3), full.ownP99);
}

/// Speaks for 900 ms out of every `period`, each caller at another time.
auto speakingEvery(std::chrono::milliseconds period)
{
    return [period](int stream, std::chrono::milliseconds since) {
        return (since + std::chrono::milliseconds(61 * stream)) % period < 900ms;
    };
}

void benchMemory(const Bench& bench)
{
    const auto engine = bench.standIns("memory", {"BENCH_SHORT_ANSWERS=1"});
    const uint16_t port = engine->port();
    warmUp(port);
    const uint64_t before = privateBytes(engine->pid());
    LoadClient client({port, bench.options.calls, LoadClient::Mode::Twilio});
    openAll(client);
    uint64_t most = 0;
    for (int second = 0; second < 20; ++second) {
        client.run(1s, [second](int stream, std::chrono::milliseconds since) {
            return speakingEvery(10s)(stream, since + std::chrono::seconds(second));
        });
        most = std::max(most, privateBytes(engine->pid()));
    }
    needOpen(client);
    const double each = double(most - std::min(most, before)) / 1024 / bench.options.calls;
    std::printf("memory: %.1f KB private a live call at the most of 20 s, %d calls that greet, listen and answer, "
                "recogniser not loaded "
                "(reach 100: %s); engine before them %.1f MB\n",
        each, bench.options.calls, verdict(each, 100), double(before) / 1048576);
}

void benchInterruption(const Bench& bench)
{
    constexpr int calls = 40;
    const auto engine = bench.standIns("interrupt");
    LoadClient client({engine->port(), calls, LoadClient::Mode::Twilio});
    openAll(client);
    client.run(3s, silent);
    client.resetStats();
    // Each caller begins at another moment of the agent's speech, and speaks for a second.
    client.run(4s, [](int stream, std::chrono::milliseconds since) {
        const auto from = std::chrono::milliseconds(200 + 37 * stream);
        return since >= from && since < from + 1s;
    });
    std::vector<double> times;
    for (const StreamStats& stats : client.stats())
        // The first voiced frame holds the 20 ms before it was sent: that is where the voice began.
        if (!stats.clearAt.empty())
            times.push_back(Milli(stats.clearAt.front() - stats.voiceFrom).count() + 20);
    if (times.size() < calls)
        throw std::runtime_error(
            "only " + std::to_string(times.size()) + " of " + std::to_string(calls) + " agents were silenced");
    std::printf("interruption: voice onset to `clear` at the caller, minimum voice 200 ms: p50 %.1f ms, worst %.1f ms "
                "of %zu (reach 230: %s)\n",
        percentile(times, 0.5), percentile(times, 1.0), times.size(), verdict(percentile(times, 1.0), 230));
}

void benchAnswer(const Bench& bench)
{
    // The engine itself prints its own share of each answer, in microseconds, when it is asked to stop.
    constexpr int calls = 100;
    const auto engine = bench.standIns("answer", {"BENCH_SHORT_ANSWERS=1"});
    LoadClient client({engine->port(), calls, LoadClient::Mode::Twilio});
    openAll(client);
    client.run(std::chrono::seconds(bench.options.seconds * 2), speakingEvery(5s));
    needOpen(client);
    client.close();
    engine->terminate();
    std::vector<double> shares;
    while (const auto line = engine->line())
        if (line->rfind("ANSWER_US ", 0) == 0)
            shares.push_back(std::stod(line->substr(10)) / 1000);
    if (shares.size() < calls)
        throw std::runtime_error(
            "only " + std::to_string(shares.size()) + " answers of " + std::to_string(calls) + " calls");
    std::printf("answer: end-of-utterance decision to first media frame, stand-ins at zero delay: p50 %.2f ms, p99 "
                "%.2f, worst %.2f of %zu "
                "(reach 10: %s)\n",
        percentile(shares, 0.5), percentile(shares, 0.99), percentile(shares, 1.0), shares.size(),
        verdict(percentile(shares, 0.99), 10));
}

/// Lines that a program wrote to its standard error so far.
uint64_t linesIn(const std::filesystem::path& file)
{
    std::ifstream in(file);
    return uint64_t(std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n'));
}

void floodAt(const Bench& bench, const std::string& name, Place place)
{
    constexpr int calls = 50;
    const std::string token = "a token of the load bench's own";
    const std::chrono::seconds length(bench.options.seconds);
    const auto engine =
        bench.start(name, {bench.options.bin + "/bench_engine"}, {"KAV_TWILIO_AUTH_TOKEN=" + token}, place);
    const uint16_t port = engine->port();
    LoadClient client({port, calls, LoadClient::Mode::Twilio, token});
    openAll(client);
    client.run(3s, silent);
    const auto controlShare = [&](const std::function<void()>& work) {
        const auto cpu = cpuOf(engine->pid(), "") - cpuOf(engine->pid(), "media-");
        const auto began = std::chrono::steady_clock::now();
        work();
        return Micro(cpuOf(engine->pid(), "") - cpuOf(engine->pid(), "media-") - cpu)
            / Micro(std::chrono::steady_clock::now() - began);
    };
    const auto stream = [&](std::vector<double>& late) {
        client.resetStats();
        client.run(length, silent);
        needOpen(client);
        const auto more = lateness(client);
        late.insert(late.end(), more.begin(), more.end());
    };
    Load quiet, flooded;
    std::vector<double> before, during;
    Flood::Totals all;
    std::vector<double> newBefore, newDuring;
    const auto callAnew = [&](std::vector<double>& took) {
        for (int i = 0; i < 5; ++i) {
            const auto began = std::chrono::steady_clock::now();
            LoadClient caller({port, 1, LoadClient::Mode::Twilio, token});
            openAll(caller);
            took.push_back(Milli(std::chrono::steady_clock::now() - began).count());
            caller.close();
            client.run(20ms, silent);
        }
    };
    const uint64_t linesBefore = linesIn(bench.scratch / name / "stderr");
    uint64_t bytesBefore = 0, most = 0;
    // By turns, so that a machine that is busier for a while is so for both.
    for (int round = 0; round < Rounds; ++round) {
        quiet.allCpuShare += controlShare([&] { stream(before); }) / Rounds;
        bytesBefore = round == 0 ? privateBytes(engine->pid()) : bytesBefore;
        callAnew(newBefore);
        Flood flood(port, bench.options.flood, bench.machine.client, bench.machine.server);
        client.run(3s, silent);
        flooded.allCpuShare += controlShare([&] { stream(during); }) / Rounds;
        most = std::max(most, privateBytes(engine->pid()));
        callAnew(newDuring);
        const Flood::Totals one = flood.stop();
        for (size_t kind = 0; kind < Flood::KindCount; ++kind) {
            all.begun[kind] += one.begun[kind];
            all.refused[kind] += one.refused[kind];
            all.cut[kind] += one.cut[kind];
        }
        all.admitted += one.admitted;
        all.unconnected += one.unconnected;
        all.mostHeld = std::max(all.mostHeld, one.mostHeld);
    }
    const uint64_t lines = linesIn(bench.scratch / name / "stderr") - linesBefore;
    addLateness(quiet, before);
    addLateness(flooded, during);
    if (all.begunInAll() < uint64_t(bench.options.flood) / 60 * uint64_t(length.count()))
        throw std::runtime_error("the flood was no flood: " + std::to_string(all.begunInAll()) + " upgrades");
    if (all.admitted > 0)
        throw std::runtime_error(std::to_string(all.admitted) + " strangers were let in");
    std::printf("%s: %d live calls, %d bogus upgrades a minute, %llu in all, %d sockets held at the most; refused:",
        name.c_str(), calls, bench.options.flood, static_cast<unsigned long long>(all.begunInAll()), all.mostHeld);
    for (int kind = 0; kind < Flood::KindCount; ++kind)
        std::printf(" %s %llu/%llu", Flood::nameOf(kind), static_cast<unsigned long long>(all.refused[size_t(kind)]),
            static_cast<unsigned long long>(all.begun[size_t(kind)]));
    std::printf("\n");
    std::printf("%s: lateness of outbound frames p50/p99/max %.2f/%.2f/%.2f ms before, %.2f/%.2f/%.2f ms during; ratio "
                "%.2f/%.2f/%.2f; p99 %+.2f ms (reach 1: %s)\n",
        name.c_str(), quiet.p50, quiet.p99, quiet.max, flooded.p50, flooded.p99, flooded.max, flooded.p50 / quiet.p50,
        flooded.p99 / quiet.p99, flooded.max / quiet.max, flooded.p99 - quiet.p99, verdict(flooded.p99 - quiet.p99, 1));
    std::printf("%s: threads other than the media worker %.1f %% of a core before, %.1f %% during; a new call, webhook and "
                "upgrade: median/worst %.1f/%.1f ms before, %.1f/%.1f during; private memory %+.1f MB; %llu lines logged\n",
        name.c_str(), 100 * quiet.allCpuShare, 100 * flooded.allCpuShare, percentile(newBefore, 0.5), percentile(newBefore, 1.0),
        percentile(newDuring, 0.5), percentile(newDuring, 1.0),
        (double(most) - double(bytesBefore)) / 1048576, static_cast<unsigned long long>(lines));
}

void benchFlood(const Bench& bench)
{
    floodAt(bench, "flood, any core", Place::AllCores);
    floodAt(bench, "flood, one core", Place::OneCore);
}

void benchRecogniser(const Bench& bench)
{
    constexpr int calls = 40;
    const auto engine = bench.start("recogniser", {bench.options.bin + "/kav-engine", "serve"}, {}, Place::Anywhere);
    const uint16_t port = engine->port();
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (httpExchange(port, "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
               .find("\"stt\":\"ok\"")
        == std::string::npos) {
        if (std::chrono::steady_clock::now() > until)
            throw std::runtime_error("the recogniser never became ready");
        ::usleep(50'000);
    }
    const uint64_t before = privateBytes(engine->pid());
    LoadClient client({port, calls, LoadClient::Mode::Twilio});
    openAll(client);
    uint64_t most = 0;
    for (int second = 0; second < 20; ++second) {
        client.run(1s, [second](int stream, std::chrono::milliseconds since) {
            return speakingEvery(5s)(stream, since + std::chrono::seconds(second));
        });
        most = std::max(most, privateBytes(engine->pid()));
    }
    std::printf("memory: embedded recogniser and voice, %d calls that all spoke: %.0f KB a call (reported); engine "
                "before them %.1f MB, with "
                "them %.1f MB\n",
        calls, double(most - std::min(most, before)) / 1024 / calls, double(before) / 1048576, double(most) / 1048576);
}

} // namespace

int main(int argc, char** argv)
{
    const std::pair<const char*, void (*)(const Bench&)> benches[] = {{"start", benchStart}, {"load", benchLoad},
        {"memory", benchMemory}, {"interruption", benchInterruption}, {"answer", benchAnswer},
        {"flood", benchFlood}, {"recogniser", benchRecogniser}};
    Options options;
    options.bin = std::filesystem::path(argv[0]).parent_path().string();
    if (options.bin.empty())
        options.bin = ".";
    std::string only;
    for (int i = 1; i < argc; i += 2) {
        const std::string flag = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
        if (flag == "--calls" && std::atoi(value.c_str()) > 0)
            options.calls = std::atoi(value.c_str());
        else if (flag == "--seconds" && std::atoi(value.c_str()) > 0)
            options.seconds = std::atoi(value.c_str());
        else if (flag == "--flood" && std::atoi(value.c_str()) > 0)
            options.flood = std::atoi(value.c_str());
        else if (flag == "--bin" && !value.empty())
            options.bin = value;
        else if (flag == "--only" && std::any_of(std::begin(benches), std::end(benches), [&value](const auto& bench) {
                     return value == bench.first;
                 }))
            only = value;
        else {
            std::fprintf(stderr,
                "bench_load: '%s %s' is not understood\n"
                "usage: bench_load [--calls N] [--seconds N] [--bin DIR] [--only "
                "start|load|memory|interruption|answer|flood|recogniser] [--flood N]\n",
                flag.c_str(), value.c_str());
            return 2;
        }
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    ::signal(SIGPIPE, SIG_IGN);
    const auto scratch = std::filesystem::temp_directory_path() / ("kav-bench-" + std::to_string(::getpid()));
    int status = 0;
    try {
        std::filesystem::create_directories(scratch);
        const Machine machine = settle();
        for (const auto& [name, bench] : benches) {
            if (!only.empty() && only != name)
                continue;
            try {
                bench({options, machine, scratch});
            } catch (const std::exception& error) {
                std::printf("%s: FAILED: %s\n", name, error.what());
                status = 1;
            }
        }
    } catch (const std::exception& error) {
        std::printf("FAILED: %s\n", error.what());
        status = 1;
    }
    std::error_code ignored;
    std::filesystem::remove_all(scratch, ignored);
    return status;
}
