// SPDX-License-Identifier: Apache-2.0
// Appends to the call log as fast as it is acknowledged, printing each acknowledged number, until it is killed.
//   calllog_crashchild DATADIR ROUND
#include "engine/calllog/calllog.h"

#include <QCoreApplication>

#include <atomic>
#include <cstdio>
#include <thread>

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
    std::atomic<quint64> acknowledged{0};
    // On the journal's own thread: nothing stands between the sync and the print.
    QObject::connect(
        &log, &CallLog::durable, &log,
        [&acknowledged](quint64 number) {
            acknowledged = number;
            std::printf("%llu\n", static_cast<unsigned long long>(number));
            std::fflush(stdout);
        },
        Qt::DirectConnection);
    const QString call = QStringLiteral("call-") + round;
    log.append(
        {Entry::Kind::CallStarted, call, clock.wallNow(), {{QStringLiteral("direction"), QStringLiteral("inbound")}}});
    log.start();
    for (quint64 n = 2;; ++n) {
        const QString token = round + QLatin1Char('/') + QString::number(n);
        const QJsonObject data{
            {QStringLiteral("token"), token}, {QStringLiteral("padding"), QString(int(n % 7) * 40, QLatin1Char('p'))}};
        const Entry entry{Entry::Kind::Event, call, clock.wallNow(), data};
        if (log.append(entry) != n)
            return 3;
        while (n > acknowledged + 200)
            std::this_thread::yield();
    }
}
