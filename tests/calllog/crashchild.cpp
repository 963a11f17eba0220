// SPDX-License-Identifier: Apache-2.0
// Appends to the call log as fast as it is acknowledged, printing how many are acknowledged, until it is killed.
//   calllog_crashchild DATADIR ROUND
#include "engine/calllog/calllog.h"

#include <QCoreApplication>

#include <atomic>
#include <cstdio>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

using namespace kav;
using namespace kav::calllog;

int main(int argc, char** argv)
{
    QCoreApplication app(argc, argv);
    if (argc != 3)
        return 2;
    Settings settings;
    settings.dataDir = QString::fromLocal8Bit(argv[1]);
    settings.syncEvery = Milliseconds(1);
    settings.databaseEvery = Milliseconds(2);
    settings.databaseBatch = 20;
    settings.segmentBytes = 20'000; // so that files are opened and deleted all the time
    const QString round = QString::fromLocal8Bit(argv[2]);
    SystemClock clock;
    CallLog log(settings, clock);
    // Entries of this program's own, in order: the log takes numbers too, for the calls that it closes at its start.
    std::mutex mutex;
    std::deque<std::pair<quint64, quint64>> waiting; // entry number, own count
    std::atomic<quint64> acknowledged{0};
    // On the journal's own thread: nothing stands between the sync and the print.
    QObject::connect(
        &log, &CallLog::durable, &log,
        [&](quint64 number) {
            const std::scoped_lock lock(mutex);
            while (!waiting.empty() && waiting.front().first <= number) {
                acknowledged = waiting.front().second;
                waiting.pop_front();
            }
            std::printf("%llu\n", static_cast<unsigned long long>(acknowledged));
            std::fflush(stdout);
        },
        Qt::DirectConnection);
    const QString call = QStringLiteral("call-") + round;
    log.append(
        {Entry::Kind::CallStarted, call, clock.wallNow(), {{QStringLiteral("direction"), QStringLiteral("inbound")}}});
    log.start();
    for (quint64 n = 1;; ++n) {
        const QString token = round + QLatin1Char('/') + QString::number(n);
        const QJsonObject data{
            {QStringLiteral("token"), token}, {QStringLiteral("padding"), QString(int(n % 7) * 40, QLatin1Char('p'))}};
        const Entry entry{Entry::Kind::Event, call, clock.wallNow(), data};
        {
            const std::scoped_lock lock(mutex);
            const quint64 number = log.append(entry);
            if (number == 0)
                return 3;
            waiting.emplace_back(number, n);
        }
        while (n > acknowledged + 200)
            std::this_thread::yield();
    }
}
