// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/loadclient.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sstream>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace kav::bench {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {
/// The header line of Twilio's signature over `text`.
std::string signature(const std::string& authToken, const std::string& text)
{
    if (authToken.empty())
        return {};
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    ::HMAC(EVP_sha1(), authToken.data(), int(authToken.size()), reinterpret_cast<const unsigned char*>(text.data()),
        text.size(), mac, &size);
    return "X-Twilio-Signature: " + base64({reinterpret_cast<const char*>(mac), size}) + "\r\n";
}

constexpr auto Frame = 20ms;
constexpr timeval Patience{5, 0}; // of every call that blocks

int connectLoopback(uint16_t port)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0) {
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &Patience, sizeof Patience);
        ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &Patience, sizeof Patience); // connect() keeps to it too
    }
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        if (fd >= 0)
            ::close(fd);
        return -1;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

bool writeAll(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes.remove_prefix(size_t(n));
    }
    return true;
}

uint8_t mulaw(int sample)
{
    const int sign = sample < 0 ? 0x80 : 0;
    int magnitude = std::min(std::abs(sample), 32635) + 132;
    int exponent = 7;
    for (int mask = 0x4000; exponent > 0 && !(magnitude & mask); mask >>= 1)
        --exponent;
    return uint8_t(~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)));
}

/// Half a second of a caller, as base64 of its 25 frames: line noise at some -65 dBFS, and over it, when `voiced`, two
/// syllables of a harmonic buzz with formant-like weights. A sound that never changes is no voice to a good detector.
/// The first syllable begins at its loudest, so that the onset is a moment and not a matter of opinion.
std::vector<std::string> halfSecond(bool voiced)
{
    std::vector<std::string> frames;
    uint32_t noise = 1;
    for (int frame = 0; frame < 25; ++frame) {
        std::string bytes(160, '\0');
        for (int i = 0; i < 160; ++i) {
            const double t = (frame * 160 + i) / 8000.0;
            noise = noise * 1664525 + 1013904223;
            double value = double(noise >> 16) / 65536 * 60 - 30;
            for (int h = 1; voiced && h <= 22; ++h) {
                const double f = 140.0 * h;
                const double weight =
                    std::exp(-std::pow((f - 600) / 350, 2)) + 0.6 * std::exp(-std::pow((f - 1500) / 400, 2)) + 0.05;
                value += 2600 * (0.55 + 0.45 * std::cos(2 * M_PI * 4 * t)) * weight * std::sin(2 * M_PI * f * t);
            }
            bytes[size_t(i)] = char(mulaw(int(value)));
        }
        frames.push_back(base64(bytes));
    }
    return frames;
}
} // namespace

std::string base64(std::string_view bytes)
{
    static constexpr char table[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t v = uint32_t(uint8_t(bytes[i])) << 16;
        if (i + 1 < bytes.size())
            v |= uint32_t(uint8_t(bytes[i + 1])) << 8;
        if (i + 2 < bytes.size())
            v |= uint8_t(bytes[i + 2]);
        out += table[v >> 18];
        out += table[(v >> 12) & 63];
        out += i + 1 < bytes.size() ? table[(v >> 6) & 63] : '=';
        out += i + 2 < bytes.size() ? table[v & 63] : '=';
    }
    return out;
}

struct LoadClient::Stream {
    int fd = -1;
    std::string sid, in, out;
    uint64_t sequence = 1, chunk = 0, voicedChunk = 0;
    SteadyTime next, began, bufferEnd;
    std::deque<std::pair<SteadyTime, std::string>> marks;
    bool wasVoiced = false;
};

LoadClient::LoadClient(const Options& options)
    : m_options(options)
    , m_epoll(::epoll_create1(EPOLL_CLOEXEC))
    , m_quiet(halfSecond(false))
    , m_loud(halfSecond(true))
{
}

LoadClient::~LoadClient()
{
    for (const auto& stream : m_streams)
        if (stream->fd >= 0)
            ::close(stream->fd);
    ::close(m_epoll);
}

bool LoadClient::fail(const std::string& why)
{
    m_failure = why;
    return false;
}

bool LoadClient::open()
{
    m_stats.resize(size_t(m_options.streams));
    for (int i = 0; i < m_options.streams; ++i)
        if (!openStream(i))
            return false;
    return true;
}

bool LoadClient::openStream(int index)
{
    char id[33];
    static int calls = 0; // a call has one stream and no second: every one gets an id of its own
    std::snprintf(id, sizeof id, "%032x", ++calls);
    std::string path = "/";
    const std::string host = "127.0.0.1:" + std::to_string(m_options.port);
    if (m_options.mode == Mode::Twilio) {
        const std::string form = std::string("CallSid=CA") + id + "&AccountSid=AC" + id
            + "&From=%2B15550100001&To=%2B15550100002&CallStatus=ringing&Direction=inbound&ApiVersion=2010-04-01";
        // Names in order, each with its value: what is signed.
        const std::string fields = std::string("AccountSidAC") + id + "ApiVersion2010-04-01CallSidCA" + id
            + "CallStatusringingDirectioninboundFrom+15550100001To+15550100002";
        const std::string answer = httpExchange(m_options.port,
            "POST /webhook/incoming_call HTTP/1.1\r\nHost: " + host + "\r\n"
                + signature(m_options.authToken, "http://" + host + "/webhook/incoming_call" + fields)
                + "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: "
                + std::to_string(form.size()) + "\r\n\r\n" + form);
        const size_t at = answer.find("/media/");
        if (at == std::string::npos)
            return fail("the webhook gave no stream: " + answer.substr(0, 300));
        path = answer.substr(at, answer.find('"', at) - at);
    }
    auto stream = std::make_unique<Stream>();
    stream->fd = connectLoopback(m_options.port);
    if (stream->fd < 0)
        return fail(std::string("connect: ") + std::strerror(errno));
    writeAll(stream->fd,
        "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + signature(m_options.authToken, "wss://" + host + path)
            + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nUser-Agent: Twilio.TmeWs/1.0\r\n\r\n");
    std::string head;
    char byte;
    while (head.find("\r\n\r\n") == std::string::npos && ::recv(stream->fd, &byte, 1, 0) == 1)
        head += byte;
    if (head.find(" 101 ") == std::string::npos)
        return fail("no upgrade: " + head.substr(0, 200));
    const int on = 1;
    if (::setsockopt(stream->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0)
        return fail(std::string("SO_TIMESTAMPNS: ") + std::strerror(errno));
    ::fcntl(stream->fd, F_SETFL, ::fcntl(stream->fd, F_GETFL) | O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = uint32_t(index);
    ::epoll_ctl(m_epoll, EPOLL_CTL_ADD, stream->fd, &event);
    stream->sid = std::string("MZ") + id;
    stream->bufferEnd = std::chrono::steady_clock::now();
    if (m_options.mode == Mode::Twilio) {
        send(*stream, R"({"event":"connected","protocol":"Call","version":"1.0.0"})");
        send(*stream,
            R"({"event":"start","sequenceNumber":"1","start":{"accountSid":"AC)" + std::string(id)
                + R"(","streamSid":")" + stream->sid + R"(","callSid":"CA)" + id
                + R"(","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{}},"streamSid":")"
                + stream->sid + "\"}");
    }
    m_stats[size_t(index)].open = true;
    m_streams.push_back(std::move(stream));
    return true;
}

void LoadClient::send(Stream& stream, std::string_view text)
{
    static constexpr uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    std::string& out = stream.out;
    out += char(0x81);
    if (text.size() < 126) {
        out += char(0x80 | text.size());
    } else {
        out += char(0x80 | 126);
        out += char(text.size() >> 8);
        out += char(text.size() & 0xff);
    }
    out.append(reinterpret_cast<const char*>(mask), 4);
    const size_t at = out.size();
    out.append(text);
    for (size_t i = 0; i < text.size(); ++i)
        out[at + i] = char(uint8_t(out[at + i]) ^ mask[i & 3]);
    flush(stream);
}

void LoadClient::flush(Stream& stream)
{
    while (!stream.out.empty()) {
        const ssize_t n = ::send(stream.fd, stream.out.data(), stream.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0)
            return;
        stream.out.erase(0, size_t(n));
    }
}

void LoadClient::read(int index)
{
    Stream& stream = *m_streams[size_t(index)];
    char buffer[16384];
    WallTime arrived = std::chrono::system_clock::now();
    for (;;) {
        alignas(cmsghdr) char control[256];
        iovec part{buffer, sizeof buffer};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        const ssize_t n = ::recvmsg(stream.fd, &message, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            m_stats[size_t(index)].open = false;
            ::epoll_ctl(m_epoll, EPOLL_CTL_DEL, stream.fd, nullptr);
            return;
        }
        if (n < 0)
            break;
        for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
            if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_TIMESTAMPNS)
                continue;
            timespec stamp{};
            std::memcpy(&stamp, CMSG_DATA(header), sizeof stamp);
            arrived = WallTime(std::chrono::seconds(stamp.tv_sec) + std::chrono::nanoseconds(stamp.tv_nsec));
        }
        stream.in.append(buffer, size_t(n));
        if (n < ssize_t(sizeof buffer))
            break;
    }
    const SteadyTime now = std::chrono::steady_clock::now();
    size_t at = 0;
    const std::string& in = stream.in;
    while (in.size() - at >= 2) {
        const uint8_t opcode = uint8_t(in[at]) & 0x0f;
        size_t length = uint8_t(in[at + 1]) & 0x7f, head = 2;
        if (length == 126) {
            if (in.size() - at < 4)
                break;
            length = size_t(uint8_t(in[at + 2])) << 8 | uint8_t(in[at + 3]);
            head = 4;
        }
        if (in.size() - at < head + length)
            break;
        const std::string_view payload(in.data() + at + head, length);
        if (opcode == 1) {
            onText(index, payload, now, arrived);
        } else if (opcode == 8) {
            m_stats[size_t(index)].open = false;
        } else if (opcode == 9) {
            std::string pong;
            pong += char(0x8a);
            pong += char(0x80 | payload.size());
            pong.append(4, '\0');
            pong.append(payload);
            stream.out += pong;
            flush(stream);
        }
        at += head + length;
    }
    stream.in.erase(0, at);
}

void LoadClient::onText(int index, std::string_view text, SteadyTime now, WallTime arrived)
{
    StreamStats& stats = m_stats[size_t(index)];
    Stream& stream = *m_streams[size_t(index)];
    ++stats.received;
    if (m_options.mode == Mode::Echo)
        return;
    if (text.find("\"event\":\"media\"") != std::string_view::npos) {
        stats.mediaAt.push_back(arrived);
        stream.bufferEnd = std::max(stream.bufferEnd, now) + Frame;
    } else if (text.find("\"event\":\"mark\"") != std::string_view::npos) {
        const size_t at = text.find("\"name\":\"");
        const std::string_view name = text.substr(at + 8, text.find('"', at + 8) - at - 8);
        stream.marks.emplace_back(std::max(stream.bufferEnd, now), std::string(name));
    } else if (text.find("\"event\":\"clear\"") != std::string_view::npos) {
        stats.clearAt.push_back(arrived);
        stream.bufferEnd = now;
        for (auto& mark : stream.marks)
            mark.first = now;
    }
    dueMarks(index, now);
}

void LoadClient::dueMarks(int index, SteadyTime now)
{
    Stream& stream = *m_streams[size_t(index)];
    while (!stream.marks.empty() && stream.marks.front().first <= now) {
        send(stream,
            R"({"event":"mark","sequenceNumber":")" + std::to_string(++stream.sequence) + R"(","streamSid":")"
                + stream.sid + R"(","mark":{"name":")" + stream.marks.front().second + "\"}}");
        stream.marks.pop_front();
        ++m_stats[size_t(index)].marks;
    }
}

int LoadClient::openStreams() const
{
    return int(std::count_if(m_stats.begin(), m_stats.end(), [](const StreamStats& stats) { return stats.open; }));
}

void LoadClient::resetStats()
{
    for (StreamStats& stats : m_stats) {
        const bool open = stats.open;
        stats = {};
        stats.open = open;
        stats.mediaAt.reserve(4096);
    }
    m_ownLateness.clear();
    m_ownLateness.reserve(m_stats.size() * 4096);
}

void LoadClient::run(milliseconds length, const std::function<bool(int, milliseconds)>& voiced)
{
    const SteadyTime began = std::chrono::steady_clock::now();
    const int count = int(m_streams.size());
    for (int i = 0; i < count; ++i) {
        m_streams[size_t(i)]->next = began + std::chrono::duration_cast<std::chrono::nanoseconds>(Frame) * i / count;
        if (m_streams[size_t(i)]->chunk == 0)
            m_streams[size_t(i)]->began = began;
    }
    int turn = 0; // the stream whose frame is due next: the order never changes
    char text[512];
    for (;;) {
        SteadyTime now = std::chrono::steady_clock::now();
        if (now - began >= length)
            return;
        while (m_streams[size_t(turn)]->next <= now) {
            Stream& stream = *m_streams[size_t(turn)];
            StreamStats& stats = m_stats[size_t(turn)];
            m_ownLateness.push_back(std::chrono::duration_cast<microseconds>(now - stream.next));
            if (stats.open) {
                const bool loud = voiced(turn, std::chrono::duration_cast<milliseconds>(now - began));
                if (loud && !stream.wasVoiced) {
                    stats.voiceFrom = std::chrono::system_clock::now();
                    stream.voicedChunk = 0;
                }
                stream.wasVoiced = loud;
                const std::string& payload = loud ? m_loud[stream.voicedChunk++ % 25] : m_quiet[stream.chunk % 25];
                const int size = std::snprintf(text, sizeof text,
                    R"({"event":"media","sequenceNumber":"%llu","media":{"track":"inbound","chunk":"%llu","timestamp":"%lld","payload":"%s"},"streamSid":"%s"})",
                    static_cast<unsigned long long>(++stream.sequence),
                    static_cast<unsigned long long>(stream.chunk + 1), static_cast<long long>(stream.chunk * 20),
                    payload.c_str(), stream.sid.c_str());
                ++stream.chunk;
                send(stream, {text, size_t(size)});
                ++stats.sent;
                dueMarks(turn, now);
            }
            stream.next += Frame;
            turn = (turn + 1) % count;
        }
        const auto wait = m_streams[size_t(turn)]->next - std::chrono::steady_clock::now();
        timespec timeout{0, std::max<long>(0, long(std::chrono::nanoseconds(wait).count()))};
        epoll_event events[128];
        const int n = ::epoll_pwait2(m_epoll, events, 128, &timeout, nullptr);
        for (int i = 0; i < n; ++i)
            read(int(events[i].data.u32));
    }
}

void LoadClient::close()
{
    for (const auto& stream : m_streams) {
        if (m_options.mode == Mode::Twilio)
            send(*stream,
                R"({"event":"stop","sequenceNumber":")" + std::to_string(++stream->sequence)
                    + R"(","stop":{"accountSid":"AC","callSid":"CA"},"streamSid":")" + stream->sid + "\"}");
        static constexpr char goodbye[] = "\x88\x82\0\0\0\0\x03\xe8";
        stream->out.append(goodbye, 8);
        flush(*stream);
        ::close(stream->fd);
        stream->fd = -1;
    }
    m_streams.clear();
}

std::chrono::nanoseconds cpuOf(int pid, const std::string& threadName)
{
    std::chrono::nanoseconds sum{0};
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    DIR* dir = ::opendir(tasks.c_str());
    if (!dir)
        return sum;
    while (const dirent* entry = ::readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        const std::string task = tasks + '/' + entry->d_name;
        std::string name;
        std::getline(std::ifstream(task + "/comm"), name);
        if (name.rfind(threadName, 0) != 0)
            continue;
        long long ns = 0;
        std::ifstream(task + "/schedstat") >> ns;
        sum += std::chrono::nanoseconds(ns);
    }
    ::closedir(dir);
    return sum;
}

uint64_t privateBytes(int pid)
{
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    std::string line;
    uint64_t sum = 0;
    while (std::getline(file, line)) {
        if (line.rfind("Private_Clean:", 0) == 0 || line.rfind("Private_Dirty:", 0) == 0) {
            std::istringstream fields(line);
            std::string key;
            uint64_t kib = 0;
            fields >> key >> kib;
            sum += kib * 1024;
        }
    }
    return sum;
}

std::string httpExchange(uint16_t port, const std::string& request)
{
    const int fd = connectLoopback(port);
    if (fd < 0)
        return {};
    std::string answer;
    if (writeAll(fd, request)) {
        char buffer[4096];
        ssize_t n;
        while ((n = ::recv(fd, buffer, sizeof buffer, 0)) > 0)
            answer.append(buffer, size_t(n));
    }
    ::close(fd);
    return answer;
}

} // namespace kav::bench
