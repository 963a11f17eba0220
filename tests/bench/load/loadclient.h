// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// A load caller: many Twilio-like streams from one thread over epoll, with no Qt and no allocation per frame, so that
// what is measured is the server and not the measuring. Arrivals carry the kernel's own time stamps (SO_TIMESTAMPNS): a
// caller that is slow to read does not make the server late.
namespace kav::bench {

using SteadyTime = std::chrono::steady_clock::time_point;
/// The clock of the kernel's stamps. Only differences of moments some seconds apart are made of it.
using WallTime = std::chrono::system_clock::time_point;

/// What one stream saw.
struct StreamStats final {
    std::vector<WallTime> mediaAt; ///< arrival of each media message
    std::vector<WallTime> clearAt;
    WallTime voiceFrom{}; ///< when the first voiced frame of the present burst was sent
    uint64_t sent = 0, received = 0, marks = 0;
    bool open = false;
};

/// Drives `streams` WebSockets. Each sends one 20 ms media message per 20 ms, evenly spread over the period.
class LoadClient final {
public:
    enum class Mode {
        Twilio, ///< webhook first, then connected/start/media; marks are echoed when their audio would have played
        Echo, ///< plain WebSocket at path "/": the same media messages, whatever comes back is counted
    };
    struct Options final {
        uint16_t port = 0;
        int streams = 1;
        Mode mode = Mode::Twilio;
        std::string authToken{}; ///< signs webhook and upgrade; empty: unsigned
    };

    explicit LoadClient(const Options& options);
    ~LoadClient();
    LoadClient(const LoadClient&) = delete;
    LoadClient& operator=(const LoadClient&) = delete;

    /// Opens every stream; false (with failure()) when one could not be opened.
    bool open();
    /// Streams for so long. `voiced(stream, sinceStart)` says whether that stream's caller speaks now.
    void run(std::chrono::milliseconds length,
        const std::function<bool(int stream, std::chrono::milliseconds since)>& voiced);
    /// Sends `stop` and closes.
    void close();

    const std::vector<StreamStats>& stats() const { return m_stats; }
    void resetStats();
    const std::string& failure() const { return m_failure; }
    /// How late the client itself sent each frame: a run in which this is large measured the client.
    const std::vector<std::chrono::microseconds>& ownLateness() const { return m_ownLateness; }
    int openStreams() const;

private:
    struct Stream;
    bool openStream(int index);
    void send(Stream& stream, std::string_view text);
    void flush(Stream& stream);
    void read(int index);
    void onText(int index, std::string_view text, SteadyTime now, WallTime arrived);
    void dueMarks(int index, SteadyTime now);
    bool fail(const std::string& why);

    Options m_options;
    int m_epoll = -1;
    std::vector<std::unique_ptr<Stream>> m_streams;
    std::vector<StreamStats> m_stats;
    std::string m_failure;
    std::vector<std::chrono::microseconds> m_ownLateness;
    std::vector<std::string> m_quiet, m_loud; // base64 of the frames of half a second
};

/// CPU time used so far by the threads of a process whose name begins with `threadName` (all threads when empty).
std::chrono::nanoseconds cpuOf(int pid, const std::string& threadName);
/// Private memory of a process, bytes.
uint64_t privateBytes(int pid);
/// One blocking HTTP exchange on loopback; the whole answer, empty when there was none within five seconds.
std::string httpExchange(uint16_t port, const std::string& request);
std::string base64(std::string_view bytes);

} // namespace kav::bench
