// SPDX-License-Identifier: Apache-2.0
#include "engine/control/consolegate.h"
#include "engine/control/controlhub.h"
#include "engine/control/stateboard.h"
#include "engine/net/listener.h"
#include "shared/protocol/codec.h"
#include "shared/protocol/version.h"

#include <QCoreApplication>
#include <QElapsedTimer>
#include <QLoggingCategory>
#include <QTimer>

#include <algorithm>
#include <arpa/inet.h>
#include <cstdio>
#include <ctime>
#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace kav;
using namespace kav::control;

// What the consoles cost the engine's control thread, with 500 live calls. The consoles are another process that reads
// and throws away; the engine's side is all here, from setCall() to the kernel's send(). Compare rows of one run.
namespace {

constexpr int Calls = 500;
constexpr int Seconds = 4;

std::vector<CallSummary> makeCalls()
{
    std::vector<CallSummary> calls;
    for (int i = 0; i < Calls; ++i) {
        CallSummary call;
        call.id = QStringLiteral("CA%1").arg(i, 32, 16, QLatin1Char('0'));
        call.from = QStringLiteral("+972•••••%1").arg(1000 + i);
        call.to = QStringLiteral("+972•••••1111");
        call.direction = QStringLiteral("inbound");
        call.language = QStringLiteral("he-IL");
        call.startedAt = call.stateSince = QDateTime::currentDateTimeUtc();
        call.state = CallState::Listening;
        call.lastGap = Milliseconds(840);
        calls.push_back(call);
    }
    return calls;
}

TranscriptTurn makeTurn(int number, int letters)
{
    TranscriptTurn turn;
    turn.record.number = number;
    turn.record.callerText = QString(letters, u'x');
    turn.startedAt = QDateTime::currentDateTimeUtc();
    return turn;
}

double threadCpu()
{
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) + double(now.tv_nsec) / 1e9;
}

template <typename Operation> double nanoseconds(int count, const Operation& operation)
{
    double best = 1e18;
    for (int round = 0; round < 7; ++round) {
        const double before = threadCpu();
        for (int i = 0; i < count; ++i)
            operation(i);
        best = std::min(best, (threadCpu() - before) * 1e9 / count);
    }
    return best;
}

QByteArray maskedText(const QByteArray& text)
{
    QByteArray frame("\x81", 1);
    frame += char(0x80 | 126);
    frame += char(text.size() >> 8);
    frame += char(text.size() & 0xff);
    return frame + QByteArray(4, '\0') + text; // masked with nothing
}

/// The consoles' process: says hello on each line, then reads until the engine goes.
[[noreturn]] void readAll(quint16 port, int consoles)
{
    protocol::Hello hello;
    hello.lowest = protocol::LowestVersion;
    hello.highest = protocol::HighestVersion;
    hello.client = QString(200, u'x'); // past 125 bytes, for which maskedText() writes the head
    const QByteArray opening =
        "GET /console HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const QByteArray first = maskedText(protocol::encode(protocol::ToEngine(hello)));
    std::vector<pollfd> lines;
    for (int i = 0; i < consoles; ++i) {
        const int line = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        char head[1024];
        if (::connect(line, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0
            || ::send(line, opening.constData(), std::size_t(opening.size()), 0) != opening.size()
            || ::recv(line, head, sizeof head, 0) <= 0
            || ::send(line, first.constData(), std::size_t(first.size()), 0) != first.size())
            ::_exit(1);
        lines.push_back({line, POLLIN, 0});
    }
    std::vector<char> buffer(1024 * 1024);
    while (!lines.empty()) {
        ::poll(lines.data(), lines.size(), -1);
        std::erase_if(lines, [&](const pollfd& line) {
            return line.revents != 0 && ::recv(line.fd, buffer.data(), buffer.size(), 0) <= 0;
        });
    }
    ::_exit(0);
}

void turnTheLoop(int milliseconds)
{
    QTimer::singleShot(milliseconds, qApp, &QCoreApplication::quit);
    QCoreApplication::exec();
}

struct Engine {
    SystemClock clock;
    ConsoleGate gate{{}, clock};
    ControlHub hub{Settings{}, *ConsoleTokens::parse({}), Identity{}, Commands{}, {}, clock};
    net::Listener listener{net::Limits{}, clock};
    std::vector<CallSummary> calls = makeCalls();
    int changes = 0;

    Engine()
    {
        listener.setUpgradeHandler([this](const net::HttpRequest& request) { return gate.judge(request, hub.host()); });
        for (const CallSummary& call : calls)
            hub.setCall(call);
    }
    void change()
    {
        CallSummary& call = calls[std::size_t(changes++ * 7 % Calls)];
        call.state = call.state == CallState::Thinking ? CallState::Speaking : CallState::Thinking;
        ++call.turn;
        hub.setCall(call);
    }
};

/// False: it could not be measured.
bool measure(int perSecond, int consoles)
{
    Engine engine;
    const auto port = engine.listener.listen(QHostAddress(QHostAddress::LocalHost), 0);
    if (!port)
        return false;
    turnTheLoop(100);
    const std::size_t heapBefore = ::mallinfo2().uordblks;
    const pid_t reader = consoles > 0 ? ::fork() : -1;
    if (reader == 0)
        readAll(*port, consoles);
    turnTheLoop(500);
    if (engine.hub.counters().consoles != consoles) {
        std::printf("only %d of %d consoles came\n", engine.hub.counters().consoles, consoles);
        return false;
    }
    QTimer changing;
    QElapsedTimer since;
    QObject::connect(&changing, &QTimer::timeout, &changing, [&] {
        // What is due by now, so that a late timer makes no fewer changes.
        while (engine.changes < since.elapsed() * perSecond / 1000)
            engine.change();
    });
    changing.setTimerType(Qt::PreciseTimer);
    since.start();
    changing.start(20);
    const quint64 bytesBefore = engine.hub.counters().bytes;
    const double cpuBefore = threadCpu();
    turnTheLoop(Seconds * 1000);
    const double cpu = threadCpu() - cpuBefore;
    const std::size_t heapAfter = ::mallinfo2().uordblks;
    changing.stop();
    const double changes = engine.changes;
    const double bytes = double(engine.hub.counters().bytes - bytesBefore);
    std::printf("%9d %9d %8.2f %% %12.1f", perSecond, consoles, 100 * cpu / Seconds, cpu * 1e6 / changes);
    if (consoles > 0) {
        std::printf(" %15.2f %12.1f %14.1f", cpu * 1e6 / changes / consoles, bytes / 1024 / Seconds / consoles,
            double(qint64(heapAfter) - qint64(heapBefore)) / 1024);
    }
    std::printf("\n");
    std::fflush(stdout);
    engine.hub.shutDown();
    turnTheLoop(100);
    if (consoles > 0)
        ::waitpid(reader, nullptr, 0);
    return true;
}

void measureBoard()
{
    StateBoard board{Settings{}};
    std::vector<CallSummary> calls = makeCalls();
    const Instant now{};
    for (const CallSummary& call : calls)
        board.setCall(call, now);
    std::vector<TranscriptTurn> turns;
    for (int i = 0; i < 1000; ++i)
        turns.push_back(makeTurn(1, 20 + i % 50));
    int round = 0;
    std::printf("one call's state changes                        %10.0f ns\n", nanoseconds(100000, [&](int i) {
        CallSummary& call = calls[std::size_t(i % Calls)];
        call.turn = ++round;
        board.setCall(call, now);
    }));
    std::printf("one partial, nobody watches                     %10.0f ns\n", nanoseconds(100000, [&](int i) {
        board.setTurn(calls[std::size_t(i % Calls)].id, turns[std::size_t(++round % 1000)]);
    }));
    const QDateTime at = QDateTime::currentDateTimeUtc();
    qsizetype bytes = 0;
    const double snapshot = nanoseconds(20, [&](int i) { bytes = board.snapshot({}, at.addMSecs(i)).size(); });
    std::printf("a snapshot of %d calls                         %10.0f us, %lld KB\n", Calls, snapshot / 1000,
        static_cast<long long>(bytes / 1024));
    const double delta = nanoseconds(200, [&](int) {
        for (int i = 0; i < 50; ++i) {
            calls[std::size_t(i)].turn = ++round;
            board.setCall(calls[std::size_t(i)], now);
        }
        bytes = board.delta(board.seq() - 50, {}, at).text.size();
    });
    std::printf("50 changes and the delta of them                %10.0f us, %lld KB\n", delta / 1000,
        static_cast<long long>(bytes / 1024));
    const double again = nanoseconds(200, [&](int) { bytes = board.delta(board.seq() - 50, {}, at).text.size(); });
    std::printf("that delta for the next console                 %10.2f us\n", again / 1000);
}

} // namespace

int main(int argc, char** argv)
{
    qputenv("QT_NO_GLIB", "1"); // as the engine does
    QCoreApplication app(argc, argv);
    QLoggingCategory::setFilterRules(QStringLiteral("kav.control.info=false"));
    measureBoard();
    std::printf("\n%d live calls, %d s each row\n", Calls, Seconds);
    std::printf("%9s %9s %10s %12s %15s %12s %14s\n", "changes/s", "consoles", "CPU", "us a change", "us and console",
        "KB/s each", "KB heap in all");
    bool isMeasured = true;
    for (const int perSecond : {100, 1000}) {
        for (const int consoles : {0, 1, 4, 32})
            isMeasured = measure(perSecond, consoles) && isMeasured;
    }
    return isMeasured ? 0 : 1;
}
