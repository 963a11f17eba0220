// SPDX-License-Identifier: Apache-2.0
#include "engine/app/servicenotifier.h"
#include "tests/support/fakeclock.h"
#include "tests/support/managersocket.h"

#include <QRegularExpression>
#include <QTemporaryDir>

#include <ctime>
#include <limits>
#include <unistd.h>

using namespace Qt::StringLiterals;
using namespace kav;
using namespace kav::app;
using namespace kav::test;

/// What the service manager hears, on a real socket of either kind.
class TstServiceNotifier final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(u".*"_s)); }

    void aWholeLifeIsTold_data()
    {
        QTest::addColumn<QByteArray>("name");
        QTest::newRow("socket with a path") << m_directory.filePath(u"life"_s).toUtf8();
        QTest::newRow("abstract socket") << abstractName("life");
    }
    void aWholeLifeIsTold()
    {
        QFETCH(QByteArray, name);
        ManagerSocket manager(name);
        QVERIFY(manager.isBound());
        ServiceNotifier notifier(settings(name), m_clock);
        QVERIFY(notifier.isOn());
        notifier.showStatus(u"Not ready (workers): 0 of 400 calls"_s);
        notifier.ready();
        notifier.reloading();
        notifier.ready();
        notifier.drained(); // of what has not begun
        notifier.stopping();
        notifier.stopping(); // a second SIGTERM
        notifier.drained();
        QCOMPARE(manager.heard(),
            (QList<QByteArray>{"STATUS=Not ready (workers): 0 of 400 calls", "READY=1",
                "RELOADING=1\nMONOTONIC_USEC=1000000000", "READY=1", "STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000",
                "STATUS=Writing what there is\nEXTEND_TIMEOUT_USEC=90000000"}));
    }

    void theTimeOfAReloadIsTheMonotonicClocks()
    {
        const QByteArray name = abstractName("clock");
        ManagerSocket manager(name);
        const SystemClock clock;
        ServiceNotifier notifier(settings(name), clock);
        const auto monotonic = [] {
            timespec now{};
            clock_gettime(CLOCK_MONOTONIC, &now);
            return qint64(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
        };
        const qint64 before = monotonic();
        notifier.reloading();
        const qint64 after = monotonic();
        const qint64 told = manager.heard().constFirst().mid(int(qstrlen("RELOADING=1\nMONOTONIC_USEC="))).toLongLong();
        QVERIFY2(before <= told && told <= after, qPrintable(QString::number(told)));
    }

    void withoutAManagerNobodyIsTold()
    {
        ServiceNotifier notifier(ServiceNotifier::Settings::from({{u"WATCHDOG_USEC"_s, u"2000"_s}}, 1), m_clock);
        QVERIFY(!notifier.isOn());
        notifier.ready();
        notifier.showStatus(u"Answering: 0 of 400 calls"_s);
        notifier.reloading();
        notifier.stopping();
        notifier.drained();
    }

    void aStopAsksForMoreTimeAsLongAsItsLoopTurns()
    {
        const QByteArray name = abstractName("stop");
        ManagerSocket manager(name);
        ServiceNotifier::Settings often = settings(name);
        often.extendEvery = Milliseconds(1);
        often.extendBy = Milliseconds(7);
        often.watchdogEvery = Milliseconds(1);
        ServiceNotifier notifier(often, m_clock);
        notifier.ready();
        notifier.stopping();
        QCOMPARE(manager.heard(), (QList<QByteArray>{"READY=1", "STOPPING=1\nEXTEND_TIMEOUT_USEC=7000"}));
        QTRY_VERIFY(manager.heard().count("EXTEND_TIMEOUT_USEC=7000") >= 3);
        notifier.drained();
        QCOMPARE(manager.heard().constLast(), "STATUS=Writing what there is\nEXTEND_TIMEOUT_USEC=7000");
        manager.forget();
        QTRY_VERIFY(manager.heard().count("WATCHDOG=1") >= 5);
        QVERIFY(!manager.heard().contains("EXTEND_TIMEOUT_USEC=7000"));
    }

    void theWatchdogIsFedFromTheLoopOnceReady()
    {
        const QByteArray name = abstractName("dog");
        ManagerSocket manager(name);
        ServiceNotifier::Settings watched = settings(name);
        watched.watchdogEvery = Milliseconds(1);
        ServiceNotifier notifier(watched, m_clock);
        QCoreApplication::processEvents();
        QVERIFY(manager.heard().isEmpty());
        notifier.ready();
        QTRY_VERIFY(manager.heard().count("WATCHDOG=1") >= 3);
    }

    void theEnvironmentSaysWhomToTellAndHowOften_data()
    {
        QTest::addColumn<QString>("usec");
        QTest::addColumn<QString>("pid");
        QTest::addColumn<int>("every");
        QTest::newRow("half of what is allowed") << u"30000000"_s << u"42"_s << 15000;
        QTest::newRow("for whichever process") << u"30000000"_s << QString() << 15000;
        QTest::newRow("another process's") << u"30000000"_s << u"43"_s << 0;
        QTest::newRow("nobody watches") << QString() << u"42"_s << 0;
        QTest::newRow("none") << u"0"_s << u"42"_s << 0;
        QTest::newRow("less than none") << u"-2"_s << u"42"_s << 0;
        QTest::newRow("no number") << u"soon"_s << u"42"_s << 0;
        QTest::newRow("less than a timer can") << u"3"_s << u"42"_s << 1;
        QTest::newRow("more than a timer can")
            << u"9000000000000000000"_s << u"42"_s << std::numeric_limits<int>::max();
    }
    void theEnvironmentSaysWhomToTellAndHowOften()
    {
        QFETCH(QString, usec);
        QFETCH(QString, pid);
        QMap<QString, QString> environment{{u"NOTIFY_SOCKET"_s, u"/run/systemd/notify"_s}};
        if (!usec.isEmpty())
            environment.insert(u"WATCHDOG_USEC"_s, usec);
        if (!pid.isEmpty())
            environment.insert(u"WATCHDOG_PID"_s, pid);
        const auto settings = ServiceNotifier::Settings::from(environment, 42);
        QCOMPARE(settings.socket, "/run/systemd/notify");
        QTEST(int(settings.watchdogEvery.count()), "every");
    }

    void aStatusOfManyIsTheLast()
    {
        const QByteArray name = abstractName("status");
        ManagerSocket manager(name);
        ServiceNotifier::Settings often = settings(name);
        often.statusEvery = Milliseconds(1);
        ServiceNotifier notifier(often, m_clock);
        for (int calls = 0; calls <= 100; ++calls)
            notifier.showStatus(u"Answering: %1 of 400 calls"_s.arg(calls));
        QVERIFY(manager.waitFor("STATUS=Answering: 100 of 400 calls"));
        QCOMPARE(manager.heard().size(), 2);
        // The same again is no news.
        notifier.showStatus(u"Answering: 100 of 400 calls"_s);
        notifier.showStatus(u"gone\nREADY=1"_s);
        QVERIFY(manager.waitFor("STATUS=gone READY=1"));
        QCOMPARE(manager.heard().size(), 3);
    }

    void whatAFullSocketDoesNotTakeIsToldWhenItHasRoom()
    {
        const QByteArray name = abstractName("full");
        ManagerSocket manager(name);
        QVERIFY(ManagerSocket::fill(name));
        ServiceNotifier::Settings soon = settings(name);
        soon.againAfter = Milliseconds(1);
        soon.statusEvery = Milliseconds(1);
        ServiceNotifier notifier(soon, m_clock);
        notifier.showStatus(u"first"_s);
        notifier.ready();
        notifier.showStatus(u"second"_s);
        notifier.showStatus(u"third"_s);
        QCoreApplication::processEvents();
        manager.forget(); // which makes room
        QVERIFY(manager.waitFor("STATUS=third"));
        QCOMPARE(manager.heard(), (QList<QByteArray>{"STATUS=first", "READY=1", "STATUS=third"}));
    }

    void aManagerThatIsNotThereIsSaidOnce()
    {
        ServiceNotifier notifier(settings(m_directory.filePath(u"nobody"_s).toUtf8()), m_clock);
        QTest::ignoreMessage(QtWarningMsg, "the service manager cannot be told: No such file or directory");
        notifier.ready();
        notifier.reloading();
        notifier.ready();
    }

    void aNameThatIsNoSocketsIsRefused_data()
    {
        QTest::addColumn<QByteArray>("name");
        QTest::newRow("relative") << QByteArray("run/notify");
        QTest::newRow("another family") << QByteArray("vsock:2:1234");
        QTest::newRow("only the sign") << QByteArray("@");
        QTest::newRow("too long") << '/' + QByteArray(107, 'x');
    }
    void aNameThatIsNoSocketsIsRefused()
    {
        QFETCH(QByteArray, name);
        QTest::ignoreMessage(
            QtWarningMsg, "NOTIFY_SOCKET is neither a path nor @name: the service manager is told nothing");
        ServiceNotifier notifier(settings(name), m_clock);
        QVERIFY(!notifier.isOn());
        notifier.ready();
    }

    void oneLineSaysHowTheEngineIs()
    {
        EngineStatus status;
        status.calls = 3;
        status.capacity = 400;
        QCOMPARE(shownStatus(status), u"Answering: 3 of 400 calls"_s);
        status.notReady = QStringList{u"store"_s, u"workers"_s};
        QCOMPARE(shownStatus(status), u"Not ready (store, workers): 3 of 400 calls"_s);
        status.draining = true;
        status.remaining = 4; // one rings yet
        status.goodbyeAt = QDateTime(QDate(2026, 3, 1), QTime(16, 5, 30), Qt::UTC);
        QCOMPARE(shownStatus(status), u"Draining: 4 left, goodbye at 16:05:30 UTC"_s);
        status.goodbyeAt = {};
        QCOMPARE(shownStatus(status), u"Saying goodbye: 4 left"_s);
    }

private:
    static ServiceNotifier::Settings settings(const QByteArray& name)
    {
        ServiceNotifier::Settings settings;
        settings.socket = name;
        return settings;
    }
    static QByteArray abstractName(const char* what)
    {
        return "@kav-test-" + QByteArray::number(getpid()) + '-' + what;
    }

    QTemporaryDir m_directory;
    FakeClock m_clock;
};

QTEST_GUILESS_MAIN(TstServiceNotifier)
#include "tst_servicenotifier.moc"
