// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/flood.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <list>
#include <netinet/in.h>
#include <numeric>
#include <sched.h>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace kav::bench {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto LongestHeld = 30s; // longer than any deadline of the engine's

struct Stranger {
    int fd = -1;
    Flood::Kind kind = Flood::NoSignature;
    std::string rest; ///< still to be sent, byte by byte
    Clock::time_point born, nextByte;
    bool sent = false;
};

std::string requestOf(Flood::Kind kind, uint16_t port, uint64_t number)
{
    const std::string host = "Host: 127.0.0.1:" + std::to_string(port) + "\r\n";
    const std::string upgrade = host + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    const std::string key = "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n";
    // As long as a real token.
    const std::string path = "/media/" + std::to_string(number) + std::string(120, 'A');
    switch (kind) {
    case Flood::NoSignature:
        return "GET " + path + " HTTP/1.1\r\n" + upgrade + key + "\r\n";
    case Flood::WrongSignature:
        return "GET " + path + " HTTP/1.1\r\n" + upgrade + key
            + "X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    case Flood::WrongPath:
        return "GET /stream/" + std::to_string(number) + " HTTP/1.1\r\n" + upgrade + key + "\r\n";
    case Flood::BadHandshake:
        return "GET " + path + " HTTP/1.1\r\n" + upgrade + "\r\n";
    case Flood::HalfHead:
        return "GET " + path + " HTTP/1.1\r\n" + host + "Connection: Upg";
    case Flood::Slowloris:
        return "GET " + path + " HTTP/1.1\r\n" + host + "X-More: " + std::string(4096, 'x');
    case Flood::Garbage:
        return std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(200, '\xaa') + "\r\n\r\n";
    case Flood::Vanishing:
    case Flood::KindCount:
        break;
    }
    return {};
}

} // namespace

uint64_t Flood::Totals::begunInAll() const
{
    return std::accumulate(begun.begin(), begun.end(), uint64_t(0));
}

uint64_t Flood::Totals::refusedInAll() const
{
    return std::accumulate(refused.begin(), refused.end(), uint64_t(0));
}

const char* Flood::nameOf(int kind)
{
    static constexpr std::array<const char*, KindCount> Names{"no signature", "wrong signature", "wrong path",
        "bad handshake", "half a head", "slowloris", "vanishing", "garbage"};
    return Names.at(size_t(kind));
}

Flood::Flood(uint16_t port, int perMinute, int notThisCore, int norThis)
    : m_port(port)
    , m_perMinute(perMinute)
    , m_notThisCore(notThisCore)
    , m_norThis(norThis)
    , m_thread([this] { run(); })
{
}

Flood::~Flood()
{
    if (m_thread.joinable())
        stop();
}

Flood::Totals Flood::stop()
{
    m_stop = true;
    m_thread.join();
    return m_totals;
}

void Flood::run()
{
    cpu_set_t set;
    CPU_ZERO(&set);
    const long cores = ::sysconf(_SC_NPROCESSORS_CONF);
    for (long core = 0; core < cores; ++core) {
        if (cores < 3 || (core != m_notThisCore && core != m_norThis))
            CPU_SET(size_t(core), &set);
    }
    ::sched_setaffinity(0, sizeof set, &set);
    const sched_param ordinary{};
    ::sched_setscheduler(0, SCHED_OTHER, &ordinary); // this thread alone

    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    std::list<Stranger> strangers;
    const auto began = Clock::now();
    uint64_t number = 0;
    const auto drop = [&](std::list<Stranger>::iterator stranger) {
        ::close(stranger->fd);
        --m_totals.held;
        return strangers.erase(stranger);
    };
    const auto begin = [&](Kind kind) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(m_port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (fd < 0
            || (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS)) {
            ++m_totals.unconnected;
            if (fd >= 0)
                ::close(fd);
            return;
        }
        ++m_totals.begun[kind];
        m_totals.mostHeld = std::max(m_totals.mostHeld, ++m_totals.held);
        strangers.push_back({fd, kind, requestOf(kind, m_port, number), Clock::now(), Clock::now(), false});
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLET;
        event.data.ptr = &strangers.back();
        ::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    };
    while (!m_stop) {
        const auto now = Clock::now();
        const auto due = uint64_t(std::chrono::duration<double>(now - began).count() * m_perMinute / 60);
        for (; number < due; ++number)
            begin(Kind(number % KindCount));
        epoll_event events[64];
        const int ready = ::epoll_wait(poll, events, 64, 5);
        for (int i = 0; i < ready; ++i) {
            auto& stranger = *static_cast<Stranger*>(events[i].data.ptr);
            if ((events[i].events & EPOLLOUT) && !stranger.sent) {
                stranger.sent = true;
                if (stranger.kind == Vanishing) {
                    const linger hard{1, 0};
                    ::setsockopt(stranger.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
                    stranger.born = {}; // dropped below
                } else if (stranger.kind == Slowloris) {
                    stranger.nextByte = now;
                } else if (::send(stranger.fd, stranger.rest.data(), stranger.rest.size(), MSG_NOSIGNAL) < 0) {
                    stranger.born = {};
                }
            }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                char answer[512];
                const ssize_t got = ::recv(stranger.fd, answer, sizeof answer, MSG_DONTWAIT);
                const std::string_view text(answer, got > 0 ? size_t(got) : 0);
                if (text.rfind("HTTP/1.1 101", 0) == 0)
                    ++m_totals.admitted;
                else if (text.rfind("HTTP/1.1 4", 0) == 0 || text.rfind("HTTP/1.1 503", 0) == 0)
                    ++m_totals.refused[stranger.kind];
                else if (got >= 0 || errno != EAGAIN)
                    ++m_totals.cut[stranger.kind];
                else
                    continue;
                stranger.born = {};
            }
        }
        for (auto it = strangers.begin(); it != strangers.end();) {
            if (it->born == Clock::time_point() || now - it->born > LongestHeld) {
                it = drop(it);
                continue;
            }
            if (it->kind == Slowloris && it->sent && now >= it->nextByte && !it->rest.empty()) {
                ::send(it->fd, it->rest.data(), 1, MSG_NOSIGNAL | MSG_DONTWAIT);
                it->rest.erase(0, 1);
                it->nextByte = now + 1s;
            }
            ++it;
        }
    }
    for (auto it = strangers.begin(); it != strangers.end();)
        it = drop(it);
    ::close(poll);
}

} // namespace kav::bench
