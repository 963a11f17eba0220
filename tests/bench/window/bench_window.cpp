// SPDX-License-Identifier: Apache-2.0
#include "console/app/deskstyle.h"
#include "console/app/mainwindow.h"
#include "tests/console/app/fakeengine.h"

#include <QAbstractEventDispatcher>
#include <QApplication>
#include <QElapsedTimer>
#include <QFile>
#include <QTemporaryDir>
#include <QThread>
#include <QTimer>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <optional>
#include <vector>

using namespace kav;
using namespace kav::console;

// What a busy engine costs the window: the real main window, joined by a socket to an engine's stand-in on another
// thread that has many calls live and changes them many times a second, with the transcript of one of them growing. A
// frame is all that the GUI thread does between two sleeps: reading, decoding, models, layout, painting.
//   bench_window [CALLS] [CHANGES A SECOND] [SECONDS]       under any platform (QT_QPA_PLATFORM)
namespace {

CallSummary callNumber(int i)
{
    CallSummary call;
    call.id = QStringLiteral("CA%1").arg(i, 32, 16, QLatin1Char('0'));
    call.from = QStringLiteral("+972•••••%1").arg(1000 + i);
    call.to = QStringLiteral("+972•••••1111");
    call.direction = QStringLiteral("inbound");
    call.language = QStringLiteral("he-IL");
    call.startedAt = call.stateSince = QDateTime::currentDateTimeUtc().addSecs(-i);
    call.state = CallState::Listening;
    call.turn = i % 12;
    call.lastGap = std::chrono::milliseconds(600 + i);
    return call;
}

TranscriptTurn turnNumber(int number, const QString& callerText)
{
    TranscriptTurn turn;
    turn.record.number = number;
    turn.record.callerText = callerText;
    turn.record.agentText =
        QStringLiteral("All right. Please leave your message now. When you are done, just stop talking.");
    turn.record.heardText = turn.record.agentText;
    const std::chrono::milliseconds total(600 + number * 7 % 300);
    turn.record.latency.spans = {
        {LatencyPart::EndOfUtterance, std::chrono::milliseconds(420), QStringLiteral("turn.end_of_utterance_max")},
        {LatencyPart::Recognition, std::chrono::milliseconds(110), QStringLiteral("embedded")},
        {LatencyPart::Playout, total - std::chrono::milliseconds(530), QStringLiteral("media.lead")}};
    turn.record.latency.total = total;
    turn.startedAt = QDateTime::currentDateTimeUtc();
    turn.open = false;
    turn.callerTextFinal = true;
    return turn;
}

/// The engine's stand-in at work; lives on its own thread.
class BusyEngine final : public QObject {
public:
    BusyEngine(int calls, int changes)
    {
        m_engine.welcome.engineVersion = QStringLiteral("0.1.0");
        m_engine.snapshot.engine.ready = true;
        m_engine.snapshot.engine.capacity = 1200;
        for (int i = 0; i < calls; ++i)
            m_engine.snapshot.calls.append(callNumber(i));
        QList<TranscriptTurn> turns;
        for (int i = 1; i <= 60; ++i)
            turns.append(turnNumber(i, QStringLiteral("words of the caller, turn %1").arg(i)));
        m_engine.turns.insert(callNumber(0).id, turns);
        m_timer.setTimerType(Qt::PreciseTimer);
        connect(&m_timer, &QTimer::timeout, this, [this, calls] { changeOne(calls); });
        m_timer.setInterval(1000 / changes);
    }
    QUrl url() const { return m_engine.url(); }
    void start() { m_timer.start(); }
    int changes() const { return m_changes; }

private:
    void changeOne(int calls)
    {
        // One in ten is a partial of the call on screen; the others go round the list and round the states.
        if (++m_changes % 10 == 0) {
            m_engine.change(protocol::TurnChange{callNumber(0).id,
                turnNumber(61 + m_changes / 300, QStringLiteral("and then he said ").repeated(m_changes / 10 % 30))});
            return;
        }
        CallSummary call = callNumber(int(qint64(m_changes) * 7919 % calls));
        static constexpr CallState Round[] = {CallState::Listening, CallState::CallerSpeaking, CallState::DecidingTurn,
            CallState::Thinking, CallState::Speaking};
        call.state = Round[m_changes % 5];
        call.turn = m_changes % 40;
        call.stateSince = QDateTime::currentDateTimeUtc();
        m_engine.change(protocol::CallChange{call});
    }

    test::FakeEngine m_engine;
    QTimer m_timer;
    int m_changes = 0;
};

double cpuOfThread()
{
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

long residentKb()
{
    QFile status(QStringLiteral("/proc/self/status"));
    if (!status.open(QIODevice::ReadOnly))
        return 0;
    const QList<QByteArray> lines = status.readAll().split('\n');
    for (const QByteArray& line : lines)
        if (line.startsWith("VmRSS:"))
            return line.simplified().split(' ').at(1).toLong();
    return 0;
}

double at(std::vector<double>& sorted, double part)
{
    return sorted.empty() ? 0 : sorted[std::min(sorted.size() - 1, size_t(double(sorted.size()) * part))];
}

} // namespace

int main(int argc, char** argv)
{
    qputenv("QT_NO_GLIB", "1"); // so that a turn of the loop is one sleep
    QApplication::setStyle(new DeskStyle);
    QApplication application(argc, argv);
    const QStringList args = QCoreApplication::arguments();
    const int calls = args.value(1, QStringLiteral("500")).toInt();
    const int changes = args.value(2, QStringLiteral("100")).toInt();
    const int seconds = args.value(3, QStringLiteral("10")).toInt();

    QThread engineThread;
    BusyEngine* engine = nullptr;
    QObject engineAnchor;
    engineAnchor.moveToThread(&engineThread);
    engineThread.start();
    QMetaObject::invokeMethod(
        &engineAnchor, [&] { engine = new BusyEngine(calls, changes); }, Qt::BlockingQueuedConnection);

    QTemporaryDir folder;
    Settings settings(folder.filePath(QStringLiteral("settings.ini")));
    TokenStore tokens(folder.filePath(QStringLiteral("tokens.json")));
    Translations translations;
    translations.speak(QStringLiteral("en"));
    Colours colours;
    colours.show(Appearance::Light);
    const SystemClock clock;
    Desk desk(QStringLiteral("bench"), clock, [] { return 0.5; });
    EngineChooser chooser(desk, settings, tokens);
    MainWindow window(desk, settings, translations, colours, chooser);
    window.open();
    window.resize(1440, 900);
    const long emptyKb = residentKb();

    std::vector<double> frames, work; // ms, by the wall's clock and by the thread's own, which no other process delays
    double workBefore = 0;
    std::optional<QElapsedTimer> busy;
    bool counting = false;
    auto* dispatcher = QAbstractEventDispatcher::instance();
    QObject::connect(dispatcher, &QAbstractEventDispatcher::awake, &window, [&] {
        if (!busy) {
            busy.emplace();
            busy->start();
            workBefore = cpuOfThread();
        }
    });
    QObject::connect(dispatcher, &QAbstractEventDispatcher::aboutToBlock, &window, [&] {
        if (busy && counting) {
            frames.push_back(double(busy->nsecsElapsed()) * 1e-6);
            work.push_back((cpuOfThread() - workBefore) * 1e3);
        }
        busy.reset();
    });

    double cpuBefore = 0;
    QObject::connect(&desk.synchronizer(), &Synchronizer::snapshotTaken, &window, [&] {
        desk.selectCall(callNumber(0).id);
        QMetaObject::invokeMethod(engine, [engine] { engine->start(); });
        QTimer::singleShot(1000, &window, [&] {
            counting = true;
            cpuBefore = cpuOfThread();
        });
        QTimer::singleShot(1000 + seconds * 1000, &window, &QApplication::quit);
    });
    desk.connectTo(engine->url(), {}, QStringLiteral("bench"));
    QApplication::exec();

    const double cpu = (cpuOfThread() - cpuBefore) / seconds * 100;
    std::sort(frames.begin(), frames.end());
    std::sort(work.begin(), work.end());
    const auto over = std::count_if(frames.begin(), frames.end(), [](double ms) { return ms > 16; });
    std::printf("%s, %d calls, %d changes a second asked for, %d made, %d s, %d rows shown\n",
        qPrintable(QGuiApplication::platformName()), calls, changes, engine->changes(), seconds,
        desk.shownCalls().rowCount());
    std::printf("frames %zu: p99 %.2f ms, worst %.2f ms, over 16 ms: %ld; of it work of this thread: p99 %.2f ms, "
                "worst %.2f ms; "
                "%.1f %% of a core\n",
        frames.size(), at(frames, 0.99), frames.empty() ? 0 : frames.back(), long(over), at(work, 0.99),
        work.empty() ? 0 : work.back(), cpu);
    std::printf("memory: %ld MB with an empty window, %ld MB with the calls (the stand-in engine included)\n",
        emptyKb / 1024, residentKb() / 1024);

    QMetaObject::invokeMethod(
        &engineAnchor, [&] { delete engine; }, Qt::BlockingQueuedConnection);
    engineThread.quit();
    engineThread.wait();
    return 0;
}
