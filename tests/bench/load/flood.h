// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

// Strangers at the door: upgrades that lead to nothing, at a steady rate, while others have calls. No Qt, one thread.
namespace kav::bench {

class Flood final {
public:
    /// What a stranger does; they take turns.
    enum Kind {
        NoSignature, ///< an upgrade of /media/ that nobody signed
        WrongSignature, ///< signed with another token: costs the engine the most to refuse
        WrongPath, ///< an upgrade of something that is not there
        BadHandshake, ///< an upgrade without its key
        HalfHead, ///< half of a request, and then nothing
        Slowloris, ///< a byte of a request each second, without end
        Vanishing, ///< connects and resets
        Garbage, ///< bytes that are no HTTP
        KindCount
    };
    struct Totals final {
        std::array<uint64_t, KindCount> begun{}, refused{}, cut{}; ///< answered with 4xx; closed without an answer
        uint64_t admitted = 0; ///< a 101: must not be
        uint64_t unconnected = 0; ///< no connection, or no room for one
        int held = 0, mostHeld = 0; ///< sockets that were open at a time
        uint64_t begunInAll() const;
        uint64_t refusedInAll() const;
    };

    /// Keeps off the two cores; -1: none.
    Flood(uint16_t port, int perMinute, int notThisCore, int norThis);
    ~Flood();
    Flood(const Flood&) = delete;
    Flood& operator=(const Flood&) = delete;

    /// Stops, and tells.
    Totals stop();
    static const char* nameOf(int kind);

private:
    void run();

    const uint16_t m_port;
    const int m_perMinute, m_notThisCore, m_norThis;
    std::atomic<bool> m_stop{false};
    Totals m_totals; ///< the thread's own until it has ended
    std::thread m_thread;
};

} // namespace kav::bench
